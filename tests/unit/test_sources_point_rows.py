"""Rows of point layers that say nothing of the ground, or say it oddly: missing, set aside, or taken, and always told."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest

from geo_risk.core.errors import DataError
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_marks import unmoved
from tests.support.points import HEADING, INCIDENCE, days, egms

SAID = TrackOptions(posting_m=100.0, units="mm", positive="toward", incidence_deg=INCIDENCE, heading_deg=HEADING)
RATES = SAID.model_copy(update={"units": "mm/yr"})
DAYS = [f"D{d}" for d in days(8)]


def layer(n: int = 120) -> gpd.GeoDataFrame:
    """Points as radar companies deliver them, on eight dates."""
    table = egms(n, n_dates=8)
    out = table[["pid", "mean_velocity", *days(8)]].rename(
        columns={"pid": "CODE", "mean_velocity": "VEL"} | {d: f"D{d}" for d in days(8)}
    )
    return gpd.GeoDataFrame(out, geometry=gpd.points_from_xy(table["easting"], table["northing"]), crs="EPSG:3035")


def opened(points: gpd.GeoDataFrame, folder, options: TrackOptions = SAID):
    points.to_file(folder / "ps.gpkg")
    return open_insar(folder / "ps.gpkg", track="asc", options=options)


@pytest.mark.parametrize(
    ("value", "reason", "chinese"),
    [(0.0, "0 on every date", "各期均为 0"), (7.0, "with one value on every date", "各期为同一数值")],
)
def test_series_that_never_move_are_missing_and_not_still(tmp_path, value, reason, chinese):
    points = layer()
    points.loc[::2, [*DAYS, "VEL"]] = value
    data = opened(points, tmp_path)
    assert float(data["n_points"].sum()) == 60
    said = next(s for s in data.attrs["audit"] if s.startswith("rows:"))
    assert f"60 of 120 set aside (60 {reason})" in said
    assert chinese in in_chinese(said)
    ((english, other),) = data.attrs["warnings"]
    assert f"60 of 120 points say nothing of the ground (60 {reason})" in english
    assert chinese in other
    alone = opened(points.iloc[1::2], tmp_path)
    np.testing.assert_array_equal(
        np.sort(data["displacement"].to_numpy().ravel()), np.sort(alone["displacement"].to_numpy().ravel())
    )


def test_a_velocity_of_exactly_0_is_missing_where_it_is_the_result(tmp_path):
    points = layer()[["CODE", "VEL", "geometry"]]
    points.loc[::2, "VEL"] = 0.0
    data = opened(points, tmp_path, RATES)
    assert float(data["n_points"].sum()) == 60
    assert not (data["velocity"].to_numpy() == 0).any()
    assert any("60 with a velocity of exactly 0" in s for s in data.attrs["audit"])


def test_a_table_of_nothing_but_zeros_is_refused(tmp_path):
    points = layer()
    points[[*DAYS, "VEL"]] = 0.0
    with pytest.raises(DataError, match="120 of 120 rows cannot be used .120 0 on every date.; there is nothing"):
        opened(points, tmp_path)


def test_what_never_moves_is_told_by_row():
    nan = np.nan
    values = np.array([[0, 0, 0, 0], [0, nan, nan, nan], [2, 2, 2, 2], [2, 2, nan, 2], [0, 1, 0, 0], [nan] * 4])
    zero, constant = unmoved(values)
    np.testing.assert_array_equal(zero, [True, True, False, False, False, False])
    np.testing.assert_array_equal(constant, [False, False, True, False, False, False])
