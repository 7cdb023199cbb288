"""Depth of the river flood where the discharge of a reach, or the ground beyond the map, is beyond what is known."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.hazards.flood.ratings import LEVELS_M, Ratings
from geo_risk.hazards.flood.river_depth import RiverDepths, ValleyDepths, river_depths
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
    told = river_depths(_ratings([112.0, 140.0]), Peaks(flow, flow, np.zeros(2, dtype=bool)), unknown_stage_m=10.0)
    depth = told.sure_m(BOUNDS).compute()
    assert np.isnan(depth[0, 1]) == is_above  # 12 m above the bed of a river that stands at more than 30
    assert depth[0, 2] == 0
    if not is_above:
        assert depth[0, 1] == 0


def _depths(best: list[float], most: list[float]) -> RiverDepths:
    return RiverDepths(*(da.from_array(np.array([v], dtype=np.float32)) for v in (best, most)))


def test_the_chance_of_deep_water_is_that_of_a_normal_depth():
    # 0.5 m: even; one standard deviation below and above: 0.1587 and 0.8413 (tables of the normal law)
    found = _depths([0.5, 0.25, 0.75, 0.0], [0.5, 0.25, 0.75, 0.0]).chance(0.5, error_m=0.25).compute()
    assert found[0] == pytest.approx([0.5, 0.158655, 0.841345, 0.022750], abs=1e-6)
    # what may come at most, in 19 of 20 cases, stands 1.645 standard deviations above the best
    wide = _depths([0.1], [0.1 + 1.645 * 0.3]).chance(0.5, error_m=0.4).compute()
    assert wide[0] == pytest.approx([0.211855], abs=1e-6)  # 0.4 m below, standard deviation hypot(0.3, 0.4)


def test_an_unknown_bound_makes_the_chance_unknown_where_the_best_depth_does_not_tell():
    found = _depths([0.1, 1.0, np.nan], [np.nan, np.nan, np.nan]).chance(0.5, error_m=0.25).compute()
    assert np.isnan(found[0, [0, 2]]).all()
    assert found[0, 1] == pytest.approx(0.97725, abs=1e-5)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=20))
def test_more_water_never_lowers_the_chance(pairs):
    best = [min(p) for p in pairs]
    higher = _depths(best, [max(p) for p in pairs]).chance(0.5, error_m=0.25).compute()
    sure = _depths(best, best).chance(0.5, error_m=0.25).compute()
    dry = np.array(best) < 0.5
    assert (higher[0, dry] >= sure[0, dry]).all()


def _valley(value: float, high: float) -> ValleyDepths:
    return ValleyDepths(*(da.from_array(np.full((1, 3), v, dtype=np.float32)) for v in (value, high)))


def test_the_run_counts_only_for_reaches_whose_water_it_had():
    made, flow = _ratings([106.0, 140.0]), np.array([40.0, 40.0])  # both stand at 4 m by their curves
    fed = np.array([False, True])
    told = river_depths(made, Peaks(flow, flow, fed), unknown_stage_m=10.0, valley=_valley(0.3, 0.4))
    best, most = told.best_m.compute()[0], told.most_m.compute()[0]
    assert (best[0], most[0]) == pytest.approx((0.3, 0.4))
    assert (best[1], most[1]) == pytest.approx((3.0, 9.0))  # 1 m above its bed; unknown ground: up to 10 m
    below_gap = river_depths(made, Peaks(flow, flow, ~fed & False), unknown_stage_m=10.0, valley=_valley(0.3, 0.4),
                             cut=np.array([2.0, 1.0])).best_m.compute()[0]  # fmt: skip
    assert below_gap[:2] == pytest.approx([4.0, 0.3])
    silent = river_depths(made, Peaks(flow, flow, ~fed & False), unknown_stage_m=10.0, valley=_valley(np.nan, np.nan))
    assert silent.best_m.compute()[0, :2] == pytest.approx([4.0, 3.0])


@pytest.mark.parametrize("is_fed", [True, False])
def test_the_water_that_the_run_did_not_have_stands_up_the_tributaries_that_it_knows(is_fed: bool) -> None:
    made = _ratings([106.0, 140.0])  # the tributary's ground is 6 m above the bed of the main river
    main = 1.0 if is_fed else np.nan
    peaks = Peaks(np.array([main, 1.0]), np.array([np.nan, 1.0]), np.array([is_fed, False]))
    told = river_depths(made, peaks, unknown_stage_m=10.0, valley=_valley(0.0, 0.0))
    assert told.most_m.compute()[0, 1:] == pytest.approx([4.0, 0.0])
    depth, chance = told.sure_m(BOUNDS).compute()[0], told.chance(0.5, error_m=0.25).compute()[0]
    assert np.isnan(depth[1])
    assert depth[2] == 0
    assert chance[1] > 0.25  # as without the run
    assert chance[1] == river_depths(made, peaks, unknown_stage_m=10.0).chance(0.5, error_m=0.25).compute()[0, 1]
    # below a gap of the DEM the main river's own stage is known, and stands up too
    flow = np.array([80.0, 1.0])
    below_gap = river_depths(made, Peaks(flow, flow, np.zeros(2, dtype=bool)), unknown_stage_m=10.0,
                             valley=_valley(0.3, 0.4), cut=np.array([2.0, 1.0]))  # fmt: skip
    assert below_gap.best_m.compute()[0, 1] == pytest.approx(2.0)


@pytest.mark.parametrize(("n_known", "stage"), [(1, 4.0), (2, 0.1), (3, 0.1)])
def test_a_run_that_knows_little_of_a_reach_does_not_lower_its_stage(n_known: int, stage: float) -> None:
    # four stream cells of one reach at the height of its bed; the run knows the first ones, the rest is steep
    labels = da.from_array(np.ones((1, 4), dtype=np.int32))
    reaches = Reaches(labels, labels == 1, np.array([0]), np.array([0]), np.array([100.0]), np.zeros(1), np.ones(1),
                      np.array([100.0]))  # fmt: skip
    made = Ratings(reaches, da.zeros((1, 4)), da.full((1, 4), 100.0), LEVELS_M[None] * 10, LEVELS_M[None] * 10)
    run = np.where(np.arange(4) < n_known, 0.1, np.nan).astype(np.float32)[None]
    flow = np.array([40.0])  # 4 m by the curve
    told = river_depths(made, Peaks(flow, flow, np.zeros(1, dtype=bool)), unknown_stage_m=10.0,
                        valley=ValleyDepths(da.from_array(run), da.from_array(run)))  # fmt: skip
    best = told.best_m.compute()[0]
    assert best[:n_known] == pytest.approx(0.1)
    assert best[n_known:] == pytest.approx(stage)
