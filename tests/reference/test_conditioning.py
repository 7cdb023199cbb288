"""Openings of a DEM: the cheapest way out by hand, dams that fall, and what stays closed."""

from __future__ import annotations

import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from shapely.geometry import LineString, Point

from geo_risk.core.errors import CrsError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.kernels.breach import cut_along, least_cost_way
from geo_risk.kernels.priority_flood import fill
from geo_risk.products.dem_openings import dem_openings_facts, dem_openings_frame
from geo_risk.terrain.conditioning import open_ground, opened
from geo_risk.terrain.params import ConditioningParams

GRID = Grid.from_bounds((500_000, 4_000_000, 501_500, 4_000_900), crs=4546, resolution_m=30)
PARAMS = ConditioningParams(search_m=600.0)
DAM = 25
"""Column of the road bank."""


def valley(*, bank_m: float = 8.0) -> np.ndarray:
    """A valley that falls 0.5 m a cell to the east, 30 rows wide, with a road bank across it."""
    rows, columns = np.indices(GRID.shape)
    z = 100.0 - 0.5 * columns + 0.8 * np.abs(rows - 15)
    bed = z[15, DAM]
    z[:, DAM] = np.maximum(z[:, DAM], bed + bank_m)
    return z


def layer(z: np.ndarray, units: str = "m"):
    return GRID.layer(z.astype("float32"), units=units, long_name="height", name="dem")


def at(row: int, column: int) -> Point:
    return Point(*(GRID.transform * (column + 0.5, row + 0.5)))


def given_openings(*shapes, kind="bridge") -> gpd.GeoDataFrame:
    ids = [f"B{i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"opening_id": ids, "kind": kind}, geometry=list(shapes), crs=GRID.geobox.crs.to_wkt())


def test_the_cheapest_way_goes_through_the_gap_of_a_wall():
    z = np.array([[9, 9, 9, 9, 9], [9, 1, 6, 0.5, 9], [9, 9, 9, 9, 9], [9, 9, 4, 9, 9]], float)
    nothing = np.zeros(z.shape, bool)
    end = z == 0.5
    assert least_cost_way(z, (1, 1), nothing, end, level=1.0).tolist() == [[1, 1], [1, 2], [1, 3]]
    # an opening around it: 9 m through it cost less than 5 m of ground
    opening = nothing.copy()
    opening[0, 2] = True
    assert least_cost_way(z, (1, 1), opening, end, level=1.0).tolist() == [[1, 1], [0, 2], [1, 3]]
    way = np.array([[1, 1], [1, 2], [1, 3]])
    assert cut_along(z, way, level=1.0).tolist() == [1.0, 0.75, 0.5]
    assert cut_along(z, way, level=2.5).tolist() == [1.0, 1.5, 0.5]  # 1.5 m stay in the hole
    assert least_cost_way(z, (1, 1), nothing, nothing, level=1.0) is None
    with pytest.raises(ValueError, match="needed"):
        least_cost_way(z, (1, 1), nothing[:2], end, level=1.0)
    with pytest.raises(ValueError, match="needed"):
        least_cost_way(z, (1, 1), nothing, end, level=0.9)


@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.3]))
def test_a_cut_lets_the_water_out_and_raises_nothing(seed, share):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(12, 14)).cumsum(axis=0).round(1)
    z[rng.random(z.shape) < 0.05] = np.nan
    inside = np.where(np.isfinite(z) & (fill(z) > z), z, np.inf)
    if not np.isfinite(inside).any():
        return
    start = np.unravel_index(np.argmin(inside), z.shape)
    labels, _ = ndimage.label(np.isfinite(inside), structure=np.ones((3, 3)))
    level = float(z[start]) + rng.choice([0.0, 0.5])
    if level >= fill(z)[start]:
        return
    hollow = labels == labels[start]
    opening = rng.random(z.shape) < share
    way = least_cost_way(z, (int(start[0]), int(start[1])), opening, ~hollow & (fill(z) < level), level=level)
    if way is None:
        return
    after = cut_along(z, way, level=level)
    assert (after <= z[way[:, 0], way[:, 1]]).all()
    assert z[tuple(way[-1])] < level
    assert after[-1] == pytest.approx(z[tuple(way[-1])], abs=1e-12)  # rounding of the straight line between the ends
    cut = z.copy()
    cut[way[:, 0], way[:, 1]] = after
    assert fill(cut)[start] <= level


@pytest.mark.parametrize("shape", [at(15, DAM), LineString([at(12, DAM), at(18, DAM)]), at(16, DAM + 1)])
def test_a_bank_over_a_stream_is_opened_to_the_fall_of_the_bed(shape):
    made = open_ground(layer(valley()), given_openings(shape), PARAMS)
    row = made.table.iloc[0]
    assert row["result"] == "carved"
    assert row["hollow_depth_m"] == pytest.approx(7.5)  # the bank's 8 m less the fall of one cell
    after = opened(layer(valley()), made.cells).to_numpy()
    natural = valley(bank_m=0.0)
    np.testing.assert_allclose(after[15, DAM], natural[15, DAM], atol=0.51)  # within one step of the bed's 0.5 m
    assert (fill(after)[15] - after[15] < 1e-6).all()
    assert set(zip(made.cells["row"], made.cells["column"], strict=True)) == set(
        zip(*np.nonzero(after < valley().astype("float32")), strict=True)
    )
    assert row["cut_volume_m3"] == pytest.approx(900 * (made.cells["before_m"] - made.cells["after_m"]).sum())


def test_blocks_change_nothing():
    lazy = layer(valley()).chunk({"y": 7, "x": 11})
    whole = open_ground(layer(valley()), given_openings(at(15, DAM)), PARAMS)
    made = open_ground(lazy, given_openings(at(15, DAM)), PARAMS)
    assert made.cells.equals(whole.cells)
    out = opened(lazy, made.cells)
    assert isinstance(out.data, da.Array)
    np.testing.assert_array_equal(out.to_numpy(), opened(layer(valley()), whole.cells).to_numpy())


def test_a_bridge_over_nothing_is_left_alone():
    made = open_ground(layer(valley(bank_m=0.0)), given_openings(at(15, DAM), Point(0, 0)), PARAMS)
    assert made.table["result"].tolist() == ["no_hollow", "outside"]
    assert not len(made.cells)


def test_no_openings_leave_the_ground_and_an_empty_table():
    made = open_ground(layer(valley()), given_openings(), PARAMS)
    frame = dem_openings_frame(made.table, crs=GRID.crs)
    assert (len(made.cells), len(frame), dem_openings_facts(made.table, [])["counts"]) == (0, 0, {})
    np.testing.assert_array_equal(opened(layer(valley()), made.cells), layer(valley()))


def test_a_hollow_far_from_the_opening_is_not_let_out():
    z = valley(bank_m=0.0)
    z[5:8, 5:8] -= 6.0
    made = open_ground(layer(z), given_openings(at(15, DAM)), PARAMS)
    assert made.table["result"].tolist() == ["no_hollow"]


def test_ground_beside_an_opening_is_not_cut_deep():
    z = valley()
    z[:, DAM : DAM + 6] = np.maximum(z[:, DAM : DAM + 6], z[15, DAM])  # a bank six cells wide
    made = open_ground(layer(z), given_openings(at(15, DAM)), PARAMS)
    assert made.table["result"].tolist() == ["too_deep"]
    assert not len(made.cells)
    wide = given_openings(LineString([at(15, DAM - 1), at(15, DAM + 6)]), kind="culvert")
    assert open_ground(layer(z), wide, PARAMS).table["result"].tolist() == ["carved"]


def test_a_hole_of_the_bed_keeps_its_water_and_the_bank_is_opened_above_it():
    z = valley()
    z[15, DAM - 3] -= 20.0  # deeper than any ground within reach
    made = open_ground(layer(z), given_openings(at(15, DAM)), PARAMS.model_copy(update={"search_m": 300.0}))
    row = made.table.iloc[0]
    assert row["result"] == "carved"
    after = opened(layer(z), made.cells).to_numpy()
    left = fill(after)[15, DAM - 3] - after[15, DAM - 3]
    assert left <= row["hollow_left_m"] + 1e-3
    assert left < row["hollow_depth_m"] - 4


def test_a_basin_without_lower_ground_stays_closed():
    z = np.full(GRID.shape, 50.0)
    z[10:20, 20:30] = 40.0
    made = open_ground(layer(z), given_openings(at(15, 25)), PARAMS)
    assert made.table["result"].tolist() == ["no_way"]


def test_openings_in_another_system_and_heights_without_a_unit_are_refused():
    with pytest.raises(CrsError):
        open_ground(layer(valley()), given_openings(at(15, DAM)).set_crs(4326, allow_override=True), PARAMS)
    with pytest.raises(UnitError):
        open_ground(layer(valley(), "mm/h"), given_openings(at(15, DAM)), PARAMS)
