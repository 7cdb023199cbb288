"""Depth of the river flood where the discharge of a reach, or the ground beyond the map, is beyond what is known."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from geo_risk.hazards.flood.ratings import LEVELS_M, Ratings
from geo_risk.hazards.flood.river_depth import river_depth_m
from geo_risk.hazards.flood.rivers import Peaks
from geo_risk.terrain.reaches import Reaches

BOUNDS = (0.15, 0.5, 1.0, 2.0)


def _ratings(ground_m: list[float]) -> Ratings:
    """A reach with its bed at 100 m, and a tributary whose ground has these heights, 5 m and more above its bed."""
    labels = da.from_array(np.array([[1] + [2] * len(ground_m)], dtype=np.int32))
    ground = np.array([[100.0, *ground_m]])
    reaches = Reaches(
        labels, labels == 1, np.array([0, 1]), np.array([0, 1]), np.array([100.0, 100.0]), np.zeros(2), np.ones(2),
        np.array([100.0, 105.0]),
    )  # fmt: skip
    hand = da.from_array(ground - np.array([[100.0] + [105.0] * len(ground_m)]))
    curve = np.tile(LEVELS_M * 10, (2, 1))
    return Ratings(reaches, hand, da.from_array(ground), curve, curve)


@pytest.mark.parametrize("is_above", [True, False])
def test_a_river_above_its_curve_may_stand_up_its_tributaries_as_high_as_the_curve_goes(is_above: bool) -> None:
    top = LEVELS_M[-1] * 10
    main = top + 1 if is_above else 0.0
    flow = np.array([main, 1.0])
    depth = river_depth_m(_ratings([112.0, 140.0]), Peaks(flow, flow, np.zeros(2, dtype=bool)), bounds_m=BOUNDS,
                          unknown_stage_m=10.0).compute()  # fmt: skip
    assert np.isnan(depth[0, 1]) == is_above  # 12 m above the bed of a river that stands at more than 30
    assert depth[0, 2] == 0
    if not is_above:
        assert depth[0, 1] == 0
