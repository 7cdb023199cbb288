"""Buildings that water flows around, and what is said of the buildings themselves."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.hazards.flood.obstacles import standing
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.town import Surface, run_town

PARAMS = TownFlowParams(open_boundary=False, after_h=1.0)


def run(walls: np.ndarray | None, *, rain_mm_h: float = 40.0, sinks: np.ndarray | None = None, cells=None):
    """A level yard of 20 x 20 cells of 5 m, an hour of rain on all of it, and an hour to come to rest."""
    flat = np.full((20, 20), 800.0)
    surface = Surface(np.full(flat.shape, 98.0), np.full(flat.shape, 0.03), obstacle_m=walls)
    return run_town(flat, surface, np.full((1, 20, 20), rain_mm_h), np.zeros(flat.shape) if sinks is None else sinks,
                    cell_m=5.0, params=PARAMS, record_cells=cells)  # fmt: skip


@pytest.fixture
def house() -> np.ndarray:
    walls = np.zeros((20, 20))
    walls[5:15, 5:15] = 6.0
    return walls


def test_the_rain_of_a_roof_stands_around_the_house_and_none_is_lost(house: np.ndarray) -> None:
    made = run(house)
    assert abs(made.balance.error_m3) < 1e-6 * made.balance.rain_m3
    # 40 mm on 400 cells lie on 300; a film thinner than a millimetre stays on the roof
    outside = made.depth_m[house == 0]
    assert outside.mean() == pytest.approx(0.04 * 400 / 300, abs=1e-3)


def test_a_dry_roof_is_not_a_dry_house(house: np.ndarray) -> None:
    made = run(house)
    inside = house > 0
    ring = made.max_depth_m[4:16, 4:16][np.pad(np.zeros((10, 10), bool), 1, constant_values=True)]
    assert made.max_depth_m[inside].min() >= ring.min()
    assert made.max_depth_m[inside].max() == ring.max()
    for values in (made.hazard_rating, made.duration_above_s, made.max_speed_m_s):
        assert values is not None
        assert values[inside].max() <= values[~inside].max()
        assert np.isfinite(values[inside]).all()


def test_water_goes_around_and_stands_higher_before_a_wall() -> None:
    """A lane of 20 m across which a wall leaves a gap of 5 m: the water must rise to pass it."""
    lane = np.full((6, 41), 800.0) - 0.002 * np.arange(41)
    lane[[0, -1]], lane[:, 0] = 810.0, 810.0  # open at its lower end only
    wall = np.zeros(lane.shape)
    wall[1:4, 20] = 5.0
    rain = np.zeros((2, *lane.shape))
    rain[:, 1:5, 1] = 4000.0
    depths = []
    for walls in (None, wall):
        surface = Surface(np.full(lane.shape, 98.0), np.full(lane.shape, 0.03), obstacle_m=walls)
        run_of = run_town(lane, surface, rain, np.zeros(lane.shape), cell_m=5.0, params=TownFlowParams())
        depths.append(run_of.depth_m[1:5, 18])
    assert (depths[0] > 0.02).all()
    assert (depths[1] > 1.2 * depths[0]).all()


def test_drains_and_gauges_are_never_built_over(house: np.ndarray) -> None:
    sinks = np.zeros(house.shape)
    sinks[7, 7] = 0.1
    kept = standing(house, sinks, np.array([9 * 20 + 9]))
    assert (kept[7, 7], kept[9, 9], kept[6, 6]) == (0.0, 0.0, 6.0)
    assert house[7, 7] == 6.0
    gap = house.copy()
    gap[6, 6] = np.nan
    assert standing(gap, sinks, None)[6, 6] == 0.0


def test_without_houses_nothing_changes() -> None:
    plain, none = run(None), run(np.zeros((20, 20)))
    np.testing.assert_array_equal(plain.max_depth_m, none.max_depth_m)


def test_a_town_of_nothing_but_roofs_says_nothing() -> None:
    made = run(np.full((20, 20), 3.0))
    assert np.isnan(made.max_depth_m).all()
