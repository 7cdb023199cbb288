"""Rating curves against Manning's closed form in a prismatic trapezoidal valley, and reaches of hand-made networks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.params import DrainageParams, RiverParams
from geo_risk.hazards.flood.ratings import LEVELS_M, ratings
from geo_risk.kernels.rating import (
    ZoneSums,
    discharge_of,
    rating_discharge_m3_s,
    section_area_m2,
    stage_most,
    stage_of,
    zone_sums,
)
from geo_risk.terrain import hydrology

N, SLOPE, LENGTH = 0.035, 0.002, 3000.0


def trapezoid(stage: np.ndarray, bottom: float, side: float) -> np.ndarray:
    """Manning's discharge of a trapezoidal channel: A = (b + m h) h, P = b + 2 h sqrt(1 + m^2)."""
    area = (bottom + side * stage) * stage
    wetted = bottom + 2 * stage * np.sqrt(1 + side**2)
    return area * (area / wetted) ** (2 / 3) * np.sqrt(SLOPE) / N


def valley_sums(cell: float, bottom: float, side: float, levels: np.ndarray) -> ZoneSums:
    """A valley's cells: `bottom` metres at height 0, sides that rise 1 in `side`."""
    rows = round(LENGTH / cell)
    beside = (np.arange(round(40 * side / cell)) + 0.5) * cell / side
    hand = np.concatenate([np.zeros(round(bottom / cell)), beside, beside])
    tangent = np.concatenate([np.zeros(round(bottom / cell)), np.full(2 * beside.size, 1 / side)])
    shape = (rows, hand.size)
    return zone_sums(np.ones(shape, np.int64), np.broadcast_to(hand, shape), np.broadcast_to(tangent, shape), levels, 1)


@pytest.mark.parametrize(("bottom", "side"), [(60.0, 10.0), (20.0, 4.0), (200.0, 25.0)])
def test_the_curve_of_a_trapezoidal_valley_is_mannings(bottom, side):
    sums = valley_sums(5.0, bottom, side, LEVELS_M)
    got = rating_discharge_m3_s(sums, LEVELS_M, length_m=np.array([LENGTH]), slope=np.array([SLOPE]), cell_m=5.0,
                                manning_n=N)[0]  # fmt: skip
    want = trapezoid(LEVELS_M, bottom, side)
    # the water's edge lies within a cell: of the top width b + 2 m h it misses at most a cell on each side, and Q grows
    # at most with the width to the power 5/3
    edge = 2 * 5.0 / (bottom + 2 * side * LEVELS_M)
    assert (np.abs(got / want - 1) <= 5 / 3 * edge).all()
    assert np.abs(got / want - 1)[LEVELS_M >= 6].max() < 0.05


def test_finer_cells_come_nearer_to_mannings_curve():
    errors = []
    for cell in (10.0, 2.5):
        got = rating_discharge_m3_s(valley_sums(cell, 60.0, 10.0, LEVELS_M), LEVELS_M, length_m=np.array([LENGTH]),
                                    slope=np.array([SLOPE]), cell_m=cell, manning_n=N)[0]  # fmt: skip
        errors.append(np.abs(got / trapezoid(LEVELS_M, 60.0, 10.0) - 1).max())
    assert errors[1] < errors[0] / 2


def test_stages_between_levels_are_those_of_a_wide_channel():
    levels = np.array([1.0, 2.0, 4.0])
    curve = (50.0 * levels ** (5 / 3))[None, :]
    stage = np.array([0.0, 0.4, 1.7, 3.3, 4.0])
    flow = 50.0 * stage ** (5 / 3)
    got = stage_of(flow, levels, np.repeat(curve, 5, axis=0))
    np.testing.assert_allclose(got, stage, rtol=1e-12)  # exact but for rounding: the law is that of the interpolation
    np.testing.assert_allclose(discharge_of(stage, levels, np.repeat(curve, 5, axis=0)), flow, rtol=1e-12)
    bad = np.array([-1.0, np.nan, 1e9])
    assert np.isnan(stage_of(bad, levels, np.repeat(curve, 3, axis=0))).all()
    assert np.isnan(discharge_of(np.array([-1.0, np.nan, 4.1]), levels, np.repeat(curve, 3, axis=0))).all()


@settings(deadline=None)
@given(st.lists(st.floats(0, 25), min_size=1, max_size=40), st.floats(0.0001, 0.1), st.floats(0.01, 0.2))
def test_curves_never_fall_and_stages_come_back(heights, slope, n):
    hand = np.array([0.0, *heights])
    sums = zone_sums(np.ones(hand.size, np.int64), hand, np.zeros(hand.size), LEVELS_M, 1)
    curve = rating_discharge_m3_s(sums, LEVELS_M, length_m=np.array([30.0]), slope=np.array([slope]), cell_m=30.0,
                                  manning_n=n)  # fmt: skip
    assert (np.diff(curve[0]) >= 0).all()
    assert (curve[0] > 0).all()
    q = np.array([curve[0, 9] * 0.77])
    assert discharge_of(stage_of(q, LEVELS_M, curve), LEVELS_M, curve) == pytest.approx(q, rel=1e-9)


def test_the_most_a_stage_can_be_is_computed_by_hand_above_the_curve():
    levels, curve, section = np.array([1.0, 2.0]), np.array([[10.0, 20.0]]), np.array([[10.0, 20.0]])
    # 10 m wide, 1 m/s: 10 m3/s more than the curve's top stand 1 m higher at most
    flows = np.array([0.0, 20.0, 30.0, np.nan, -1.0])
    many = [np.repeat(v, 5, axis=0) for v in (curve, section)]
    assert stage_most(flows, levels, *many).tolist() == [0.0, 2.0, 3.0, np.inf, np.inf]
    assert stage_most(flows[2:3], levels, curve * np.nan, section).tolist() == [np.inf]
    assert stage_most(flows[2:3], levels, curve * 0, section).tolist() == [np.inf]
    # a curve that rises no more from 1 m on: bounded from there, and above the highest level nevertheless
    flat = np.array([[10.0, 10.0]])
    assert stage_most(np.array([11.0]), levels, flat, section).tolist() == [2.0]
    assert stage_most(np.array([40.0]), levels, flat, section).tolist() == [4.0]


@pytest.mark.parametrize(("bottom", "side"), [(60.0, 10.0), (20.0, 0.5), (5.0, 4.0)])
@pytest.mark.parametrize("stage", [30.5, 35.0, 60.0, 120.0])
def test_no_valley_stands_higher_than_the_most_its_stage_can_be(bottom, side, stage):
    levels = LEVELS_M[None]
    curve, section = trapezoid(levels, bottom, side), (bottom + side * levels) * levels
    flow = trapezoid(np.array([stage]), bottom, side)
    assert np.isnan(stage_of(flow, LEVELS_M, curve))
    assert stage <= stage_most(flow, LEVELS_M, curve, section)[0]


@given(st.lists(st.floats(0, 25), min_size=1, max_size=40), st.floats(0, 1e5), st.floats(0, 1e5))
def test_more_water_never_stands_lower_at_most(heights, a, b):
    hand = np.array([0.0, *heights])
    sums = zone_sums(np.ones(hand.size, np.int64), hand, np.zeros(hand.size), LEVELS_M, 1)
    length = np.array([30.0])
    curve = rating_discharge_m3_s(sums, LEVELS_M, length_m=length, slope=np.array([0.01]), cell_m=30.0, manning_n=N)
    section = section_area_m2(sums, LEVELS_M, length_m=length, cell_m=30.0)
    low, high = (stage_most(np.array([q]), LEVELS_M, curve, section)[0] for q in sorted((a, b)))
    assert low <= high * (1 + 1e-12)  # rounding of one product
    stage = stage_of(np.array([a]), LEVELS_M, curve)[0]
    most = stage_most(np.array([a]), LEVELS_M, curve, section)[0]
    assert most == stage or (np.isnan(stage) and most >= LEVELS_M[-1])


def test_impossible_zones_and_reaches_are_refused_or_unknown():
    with pytest.raises(ValueError, match="must agree"):
        zone_sums(np.ones(3, int), np.zeros(2), np.zeros(3), LEVELS_M, 1)
    with pytest.raises(ValueError, match="rise"):
        zone_sums(np.ones(1, int), np.zeros(1), np.zeros(1), np.array([1.0, 1.0]), 1)
    sums = zone_sums(np.array([1, 2]), np.array([0.0, np.nan]), np.zeros(2), LEVELS_M, 2)
    assert sums.cells.sum() == 1
    curve = rating_discharge_m3_s(sums, LEVELS_M, length_m=np.array([0.0, 30.0]), slope=np.array([0.01, np.nan]),
                                  cell_m=30.0, manning_n=N)  # fmt: skip
    assert np.isnan(curve).all()


def v_valley(chunks: tuple[int, int]) -> dict[str, object]:
    """A valley of 1 in 10 that falls 2 in 1000 southward, and joins no other."""
    grid = Grid.from_bounds(
        (500_000, 4_000_000, 500_000 + 61 * 30, 4_000_000 + 90 * 30), crs="EPSG:4546", resolution_m=30
    )
    rows, columns = np.indices(grid.shape)
    z = 500 - rows * 30 * SLOPE + np.abs(columns - 30) * 30 / 10
    dem = grid.layer(da.from_array(z, chunks=chunks), units="m", long_name="height", name="dem")
    routed = hydrology.drainage(dem)
    stream = hydrology.streams(routed, stream_area_m2=100_000)
    return {"dem": dem, "filled": routed.filled, "direction": routed.direction, "upslope_area": routed.upslope_area,
            "hand_m": hydrology.hand(routed, stream)}  # fmt: skip


@pytest.mark.slow
def test_a_valley_of_the_dem_has_the_curve_of_its_section_in_any_blocks():
    params = {"drainage": DrainageParams(stream_area_m2=100_000), "river": RiverParams(manning_n=N)}
    made = [ratings(**v_valley(chunks), **params) for chunks in ((90, 61), (23, 17))]
    for name in ("end", "below", "length_m", "fall_m", "area_m2"):
        np.testing.assert_array_equal(getattr(made[0].reaches, name), getattr(made[1].reaches, name), err_msg=name)
    np.testing.assert_array_equal(made[0].curve_m3_s, made[1].curve_m3_s)
    reaches = made[0].reaches
    main = int(np.argmax(reaches.area_m2))
    assert reaches.below[main] == 0
    assert reaches.slope[main] == pytest.approx(SLOPE, rel=0.02)  # the step out of the last cell has no fall
    # the section that cells of 30 m show: heights of 0, 3, 6 ... m on both sides
    below = np.maximum(LEVELS_M[:, None] - 3.0 * np.abs(np.arange(-30, 31)), 0)
    area, wetted = 30 * below.sum(axis=1), 30 * np.sqrt(1.01) * (below > 0).sum(axis=1)
    want = area * (area / wetted) ** (2 / 3) * np.sqrt(SLOPE) / N
    # ways to the stream run down the valley as well, and the slope at the bottom is that between both sides: a tenth
    assert (np.abs(made[0].curve_m3_s[main] / want - 1) < 0.1).all()
    stage = made[0].stage_m(np.full(len(reaches.end), np.nan))
    assert np.isnan(made[0].depth_m(stage).compute()).all()
    stage[main] = 4.0
    depth = made[0].depth_m(stage).compute()
    at = made[0].reaches.labels.compute() == main + 1
    hand = np.asarray(made[0].hand_m)
    np.testing.assert_allclose(depth[at], np.maximum(4.0 - hand[at], 0), rtol=1e-6)
