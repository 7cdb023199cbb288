"""The ground around the town: what drains into it, and its water through the edge of the finer grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import DataError, OverlapError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_surroundings import packed, unpacked
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.surroundings import (
    edge_inflows,
    run_surroundings,
    surroundings,
    surroundings_facts,
    town_box,
)
from geo_risk.kernels.d8 import flow_direction
from geo_risk.kernels.inertial import Crossings, simulate
from geo_risk.kernels.priority_flood import fill
from geo_risk.kernels.upstream import upstream_of

CRS = "EPSG:4546"
X, Y = 500_010, 4_000_020  # multiples of 30 m, to which grids are laid
COUNTY = Grid.from_bounds((X, Y, X + 900, Y + 900), crs=CRS, resolution_m=30)
TOWN = Grid.from_bounds((X + 300, Y + 300, X + 600, Y + 600), crs=CRS, resolution_m=5)
FINE = Grid.from_bounds(COUNTY.bounds, crs=CRS, resolution_m=5)
PARAMS = TownFlowParams(boundary="county")


def plane(grid: Grid, *, east: float = -0.002, south: float = -0.01) -> np.ndarray:
    """A plane that falls to the south and a little to the east."""
    coords = grid.coords()
    return 100 + east * (coords["x"][None] - X) - south * (coords["y"][:, None] - Y)


def walled(grid: Grid) -> np.ndarray:
    """The plane with a ridge of 30 m along its upper edges, over which nothing leaves."""
    coords = grid.coords()
    return np.where((coords["x"][None] < X + 30) | (coords["y"][:, None] > Y + 870), np.nan, plane(grid))


def volume(inflows) -> float:
    return float(sum(np.dot(i.flow_m3_s, np.diff(i.time_s)) for i in inflows))


def test_ground_that_drains_in_is_a_strip_uphill_of_the_town() -> None:
    direction = flow_direction(fill(plane(COUNTY, east=0.0)))
    around = surroundings(direction, COUNTY, TOWN, cells_max=10_000)
    assert town_box(COUNTY, TOWN) == (10, 20, 10, 20)
    assert around.drains_in_m2 == 10 * 10 * 900.0  # ten columns of ten cells above it
    assert around.run_m2 == around.drains_in_m2
    assert around.window == (slice(0, 30), slice(0, 30))
    assert around.box == (10, 20, 10, 20)


def test_window_is_cut_to_the_cells_that_may_be_run_and_says_what_is_missing() -> None:
    direction = flow_direction(fill(plane(COUNTY, east=0.0)))
    around = surroundings(direction, COUNTY, TOWN, cells_max=200)
    rows, columns = around.window
    assert (rows.stop - rows.start) * (columns.stop - columns.start) <= 200
    assert 0 < around.run_m2 < around.drains_in_m2
    facts = surroundings_facts(around, TOWN, PARAMS, 1.0)
    assert facts["notes"][0]["level"] == "warning"
    alone = surroundings(direction, COUNTY, TOWN, cells_max=1)
    assert alone.box == (0, 10, 0, 10)


def test_town_alone_is_told_of_the_ground_that_drains_in() -> None:
    direction = flow_direction(fill(plane(COUNTY, east=0.0)))
    around = surroundings(direction, COUNTY, TOWN, cells_max=10_000)
    note = surroundings_facts(around, TOWN, TownFlowParams(), 0.0)["notes"][0]
    assert note["level"] == "warning"
    assert "0.1 km2 outside drain into its DEM, 1 times" in note["text_en"]
    assert "未淹不代表安全" in note["text_zh"]
    top = Grid.from_bounds((X + 300, Y + 600, X + 600, Y + 900), crs=CRS, resolution_m=5)
    assert (
        surroundings_facts(surroundings(direction, COUNTY, top, cells_max=900), top, TownFlowParams(), 0.0)["notes"]
        == []
    )


@pytest.mark.slow
def test_nested_run_is_like_the_whole_run_on_a_tilted_plane() -> None:
    """Rain on a plane at 5 m, whole; and the town alone, with the water of the 30 m plane around it let in."""
    rain, n = np.full(2, 50.0), 0.05
    around = surroundings(flow_direction(fill(plane(COUNTY))), COUNTY, TOWN, cells_max=10_000)
    rows, columns = around.window
    coarse_z, coarse = walled(COUNTY)[rows, columns], _part(COUNTY, rows, columns)
    crossings = run_surroundings(coarse_z, n, np.broadcast_to(rain[:, None, None], (2, *coarse.shape)), around.box,
                                 cell_m=30.0, params=PARAMS)  # fmt: skip
    inflows = edge_inflows(crossings, around.box, county=coarse, town=TOWN, known=np.ones(TOWN.shape, bool))
    # with longer steps the friction of so thin a sheet makes waves of two cells behind the outfall
    kwargs = {"rain_step_s": 3600.0, "cell_m": 5.0, "step_max_s": 1.0}
    nested = simulate(plane(TOWN), n, rain, inflows=inflows, **kwargs)
    whole = simulate(walled(FINE), n, rain, gauge_box=(60, 120, 60, 120), **kwargs)
    alone = simulate(plane(TOWN), n, rain, **kwargs)
    # all that crossed is let in, and not a drop more
    assert volume(inflows) == pytest.approx(crossings.inward_m3[-1].sum(), rel=1e-12)
    assert nested.balance.inflow_m3 == pytest.approx(crossings.inward_m3[-1].sum(), rel=1e-9)
    # what crosses at 30 m is what crosses at 5 m: sheets are alike, their front is smeared over a coarse cell
    assert crossings.inward_m3[-1].sum() == pytest.approx(whole.crossings.inward_m3[-1].sum(), rel=0.03)
    # the town's own outfall draws its last rows down, where the whole plane runs on
    middle, inner = np.s_[60:120, 60:120], np.s_[6:-6, 6:-6]
    np.testing.assert_allclose(nested.depth_m[inner], whole.depth_m[middle][inner], rtol=0.04)
    assert (alone.depth_m[inner] < 0.9 * nested.depth_m[inner]).mean() > 0.8  # without it the town is too dry


def _part(grid: Grid, rows: slice, columns: slice) -> Grid:
    left, _, _, top = grid.bounds
    r = grid.resolution_m
    return Grid.from_bounds((left + columns.start * r, top - rows.stop * r, left + columns.stop * r,
                             top - rows.start * r), crs=CRS, resolution_m=r)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9999), dx=st.floats(-14, 14), dy=st.floats(-14, 14), lead=st.integers(0, 2))
def test_inflows_carry_what_crossed_whatever_the_grids(seed: int, dx: float, dy: float, lead: int) -> None:
    rng = np.random.default_rng(seed)
    town = Grid.from_bounds((X + 300 + dx, Y + 300 + dy, X + 555 + dx, Y + 645 + dy), crs=CRS, resolution_m=5)
    box = town_box(COUNTY, town)
    n = 2 * (box[1] - box[0] + box[3] - box[2])
    crossed = np.cumsum(rng.random((6, n)) * (rng.random((6, n)) < 0.4), axis=0)
    times = (np.arange(6) + 1 - lead) * 300.0
    known = rng.random(town.shape) < 0.5
    known[0, 5] = known[-1, 6] = known[7, 0] = known[8, -1] = True
    inflows = edge_inflows(Crossings(times, crossed), box, county=COUNTY, town=town, known=known)
    start = crossed[lead - 1].sum() if lead else 0.0
    assert volume(inflows) == pytest.approx(crossed[-1].sum() - start, rel=1e-12)
    assert all(known.ravel()[i.cells].all() for i in inflows)
    again = unpacked(packed(inflows))
    assert volume(again) == pytest.approx(volume(inflows), rel=1e-15)
    assert [i.side for i in again] == [i.side for i in inflows]


def test_bad_places_are_refused() -> None:
    with pytest.raises(DataError, match="4547"):
        town_box(COUNTY, Grid.from_bounds(TOWN.bounds, crs="EPSG:4547", resolution_m=5))
    with pytest.raises(OverlapError, match="no cell"):
        town_box(COUNTY, Grid.from_bounds((600_000, 4_000_000, 600_300, 4_000_300), crs=CRS, resolution_m=5))
    unknown = np.zeros(TOWN.shape, bool)
    crossings = Crossings(np.array([300.0]), np.ones((1, 40)))
    with pytest.raises(DataError, match="no height is known"):
        edge_inflows(crossings, (10, 20, 10, 20), county=COUNTY, town=TOWN, known=unknown)
    with pytest.raises(ValueError, match="shape"):
        upstream_of(np.zeros((2, 2), np.int8), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="gauge_box"):
        simulate(np.zeros((4, 4)), 0.03, [1.0], rain_step_s=10, cell_m=5, gauge_box=(0, 5, 0, 4))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9999))
def test_upstream_is_what_following_the_water_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(12, 14))
    z[rng.random(z.shape) < 0.05] = np.nan
    direction = flow_direction(fill(z))
    place = rng.random(z.shape) < 0.05
    step = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    want = np.zeros(z.shape, bool)
    for j, i in np.argwhere(direction >= 0):
        a, b = j, i
        while direction[a, b] < 8:
            a, b = a + step[direction[a, b]][0], b + step[direction[a, b]][1]
            want[j, i] |= place[a, b]
    np.testing.assert_array_equal(upstream_of(direction, place), want & ~place & (direction >= 0))
