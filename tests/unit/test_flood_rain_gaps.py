"""Rain of the town's storm that is missing: no place below it looks dry."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_town_rain import rain_missing, storm_hours
from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
from geo_risk.hazards.flood.rain_gaps import below_gaps, depth_bounds, without_gaps
from geo_risk.hazards.flood.responses import site_depths
from geo_risk.hazards.flood.sites import Town, town_ground
from geo_risk.kernels.inertial import FloodRun, simulate
from tests.support.past_storms import GRID as COUNTY
from tests.support.past_storms import RAIN, rain_cube

GRID = Grid.from_bounds((500_000, 4_000_000, 500_200, 4_000_150), crs="EPSG:4546", resolution_m=5)
HOLLOW = (15, 10)


@pytest.fixture(scope="module")
def town() -> Town:
    rows, columns = np.mgrid[:30, :40]
    z = 100 + 0.05 * columns + 0.01 * np.abs(rows - 15)  # falls to the west
    return town_ground(GRID, z - np.clip(1 - (np.hypot(rows - 15, columns - 10) / 5) ** 2, 0, 1), SiteParams())


def gaps_of(town: Town, *cells: tuple[int, int]) -> np.ndarray:
    missing = np.zeros(GRID.shape, bool)
    for cell in cells:
        missing[cell] = True
    return below_gaps(missing, town)


def test_what_lies_below_unknown_rain_is_unknown_and_what_lies_above_is_not(town: Town) -> None:
    gaps = gaps_of(town, (15, 30))
    assert gaps[15, 11:31].all()
    assert gaps[town.found.labels == town.found.labels[HOLLOW]].all()  # the whole hollow that it drains into
    assert gaps[15, :6].all()  # and what the hollow spills onto
    assert not gaps[:, 32:].any()
    assert not gaps[0, 33:].any()
    assert not gaps_of(town).any()


def test_missing_heights_are_no_missing_rain(town: Town) -> None:
    z = town.elevation.copy()
    z[:, 35:] = np.nan
    holed = town_ground(GRID, z, SiteParams())
    assert not gaps_of(holed, (15, 38)).any()


def flow(town: Town, rain: np.ndarray) -> FloodRun:
    return simulate(town.elevation, np.full(GRID.shape, 0.03), rain, rain_step_s=600.0, cell_m=5.0,
                    frame_step_s=300.0, depth_threshold_m=0.1)  # fmt: skip


def test_a_hollow_under_missing_rain_is_unknown_unless_it_stands_deep_all_the_same(town: Town) -> None:
    rain = np.full((1, *GRID.shape), 60.0)
    rain[:, :, 8:] = 0.0  # missing, and taken for none
    run = flow(town, rain)
    missing = np.zeros(GRID.shape, bool)
    missing[:, 8:] = True
    gaps = below_gaps(missing, town)
    got = without_gaps(run, gaps, sure_m=0.5)
    site = np.array([HOLLOW[0] * GRID.shape[1] + HOLLOW[1]])
    assert site_depths(run.max_depth_m, site)[0] < 0.5
    assert np.isnan(site_depths(got.max_depth_m, site)).all()
    assert np.isnan(got.hazard_rating[HOLLOW])
    assert (got.frames.depth_mm[:, HOLLOW[0], HOLLOW[1]] == 65535).all()
    assert got.balance == run.balance
    sure = site_depths(run.max_depth_m, site)[0]
    kept = without_gaps(run, gaps, sure_m=float(sure) / 2)
    assert site_depths(kept.max_depth_m, site)[0] == sure
    assert without_gaps(run, np.zeros(GRID.shape, bool), sure_m=0.5) is run


def lacking(hours: list[float], *, west_only: bool = False) -> tuple[np.ndarray, list[int]]:
    """Where the rain of the storm is called missing by hourly rain that is the same everywhere, or in the west."""
    values = np.tile(np.array(hours)[:, None, None], (1, *RAIN.shape))
    if west_only:
        values[:, :, RAIN.shape[1] // 2 :] = np.nan_to_num(values[:, :, RAIN.shape[1] // 2 :])
    cube = rain_cube(values, "2020-07-01", interval_h=1.0)
    _, window = storm_hours(cube, COUNTY, TownFlowParams(), window_h=3)
    return rain_missing(cube, COUNTY, window)


@pytest.mark.slow
def test_missing_hours_that_may_have_been_the_storm_make_the_town_unknown() -> None:
    dry = [0.0] * 30
    nan = float("nan")
    assert not lacking([*dry, 10, 30, 20, *dry])[0].any()
    assert not lacking([0, nan, *dry, 10, 30, 20, *dry])[0].any()  # one hour of 30 mm at most, against 60 in three
    assert not lacking([nan] * 30 + [0, 10, 30, 20, 0] + [nan] * 9)[0].any()  # what lies beyond the record is no gap
    where, hours = lacking([0, nan, nan, nan, *dry, 10, 30, 20, *dry])  # a radar that failed through another storm
    assert where.all()
    assert hours == [1, 2, 3]
    assert lacking([*dry, nan, *dry])[0].all()  # nothing fell as far as anybody knows
    part, _ = lacking([0, nan, nan, nan, *dry, 10, 30, 20, *dry], west_only=True)
    assert part[:, 0].all()
    assert not part[:, -1].any()


def test_a_deep_place_below_missing_rain_is_at_least_so_deep() -> None:
    gaps = np.array([[True, False], [True, False]])
    got = depth_bounds([0.9, 0.9, np.nan, np.nan], np.array([0, 1, 2, -1]), gaps)
    assert got == ["at_least", "exact", "unknown", "unknown"]
