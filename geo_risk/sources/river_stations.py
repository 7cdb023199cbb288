"""River stations with a stage or a discharge, as people give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geo_risk.core.grid import Grid
from geo_risk.sources.options import ReadOptions
from geo_risk.sources.vectors import read_vector, require_numbers

_WHERE = "inputs.river_stations"


def read_river_stations(
    path: Path, grid: Grid, options: ReadOptions
) -> tuple[pd.DataFrame, list[dict[str, str]], list[str]]:
    """Return station_id, x, y, discharge_m3_s, stage_m; rows set aside; notes.

    A row needs a discharge [m3/s] or a stage [m above the bed], none of them negative; others are set aside.

    Raises
    ------
    As `sources.vectors.read_vector`. DataError : a column holds text that is no number.
    """
    read = read_vector(
        path, crs=grid.crs, where=_WHERE, area=grid.bounds, id_column="station_id", geometry="Point",
        columns=("discharge_m3_s?", "stage_m?"), options=options,
    )  # fmt: skip
    frame: Any = read.frame
    table = pd.DataFrame({
        "station_id": frame["station_id"].astype(str), "x": frame.geometry.x, "y": frame.geometry.y,
        **{name: require_numbers(frame, name, where=_WHERE) for name in ("discharge_m3_s", "stage_m")},
    })  # fmt: skip
    values = table[["discharge_m3_s", "stage_m"]].to_numpy(np.float64)
    known = np.isfinite(values)
    good = known.any(axis=1) & ~(known & (values < 0)).any(axis=1) & ~np.isinf(values).any(axis=1)
    aside = [{"id": str(name), "reason": "needs a discharge [m3/s] or a stage [m above the bed], not negative",
              "reason_zh": "须有流量（立方米/秒）或河床以上水位（米），且不为负"}
             for name in table.loc[~good, "station_id"]]  # fmt: skip
    return table[good].reset_index(drop=True), [*read.quarantine, *aside], list(read.notes)
