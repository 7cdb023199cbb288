"""Tables of points as other programs write them: indexes of pandas, separators, decimal commas, encodings, case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from geo_risk.sources.checks import inspect_file
from geo_risk.sources.egms_points import read_egms_points
from tests.support.points import days, egms

NAME = "EGMS_L2b_088_0282_IW2_VV"


def same_points(path: Path, table: pd.DataFrame) -> list[str]:
    """Check that a file gives the points of the table it was made of; return the audit."""
    got = read_egms_points([path], with_series=True)
    assert got["point_id"].tolist() == table["pid"].tolist()
    np.testing.assert_allclose(got["velocity_mm_yr"], table["mean_velocity"])
    np.testing.assert_allclose(got[[f"D{d}" for d in days()]], table[days()])
    np.testing.assert_allclose(got.geometry.x, table["easting"])
    return list(got.attrs["audit"])


def test_ids_that_pandas_kept_as_the_index_are_a_column(tmp_path):
    table, path = egms(n=40), tmp_path / f"{NAME}.parquet"
    table.set_index("pid").to_parquet(path)
    same_points(path, table)
    assert inspect_file(path).problems == ()
