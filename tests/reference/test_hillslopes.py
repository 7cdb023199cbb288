"""Hillslopes of streams and lines of sight against hand-made ground."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo_risk.core.levels import combine_levels
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.basins import hillslopes
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.priority_flood import fill
from geo_risk.kernels.reach import reach_level


def test_a_valley_has_a_head_and_two_banks():
    # a stream down the middle column, southward; rows west flow east, rows east flow west; row 0 flows into its head
    direction = np.array([[1, 2, 3], [0, 2, 4], [0, 2, 4], [0, 8, 4]], dtype=np.int8)
    stream = np.zeros((4, 3), dtype=bool)
    stream[1:, 1] = True
    got = hillslopes(direction, drainage_order(direction), stream)
    head, left, right = 1, 2, 3  # looking south, left is east
    assert got.tolist() == [[head] * 3, [head] * 3, [right, left, left], [right, left, left]]


def test_a_junction_parts_three_links():
    direction = np.array([[1, 8, 3], [0, 2, 4], [0, 8, 4]], dtype=np.int8)
    direction[0, 1] = -1
    stream = np.array([[1, 0, 1], [0, 1, 0], [0, 1, 0]], dtype=bool)
    got = hillslopes(direction, drainage_order(direction), stream)
    links = (got - 1) // 3
    assert len({links[0, 0], links[0, 2], links[1, 1]}) == 3
    assert links[2, 1] == links[1, 1]
    assert got[0, 1] == 0
    assert got[2, 0] != got[2, 2]


def test_streams_that_end_on_the_hillside_stop():
    direction = np.array([[0, 0, 8]], dtype=np.int8)
    with pytest.raises(ValueError, match="no stream"):
        hillslopes(direction, drainage_order(direction), np.array([[True, False, False]]))
    with pytest.raises(ValueError, match="shape"):
        hillslopes(direction, drainage_order(direction), np.zeros((2, 3), dtype=bool))


@given(st.integers(0, 10**6), st.integers(2, 60))
@settings(max_examples=25, deadline=None)
def test_water_stays_in_its_link_until_it_meets_the_stream(seed, least):
    z = np.random.default_rng(seed).normal(size=(18, 21)).cumsum(0)
    z[3:5, 6:9] = np.nan
    filled = fill(z)
    direction = flow_direction(filled)
    order = drainage_order(direction)
    stream = np.nan_to_num(accumulate(direction, order, 1.0)) >= least
    got = hillslopes(direction, order, stream)
    np.testing.assert_array_equal(got == 0, np.isnan(z))
    steps = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    for i, j in zip(*np.nonzero((direction >= 0) & (direction < 8) & ~stream), strict=True):
        di, dj = steps[direction[i, j]]
        below = got[i + di, j + dj]
        if stream[i + di, j + dj]:
            assert (got[i, j] - 1) // 3 == (below - 1) // 3
        else:
            assert got[i, j] == below
    assert (got[stream] > 0).all()


def slope(rise_per_cell: float, n: int = 12) -> np.ndarray:
    return np.tile(np.arange(n) * rise_per_cell, (3, 1)).astype(float)


def test_a_warned_cell_reaches_down_as_far_as_the_angle_and_the_distance_let_it():
    level = np.zeros((3, 12), dtype=np.int8)
    level[1, 10] = 3
    z = slope(30.0)  # 45 degrees for cells of 30 m
    got = reach_level(z, level, cell_m=30, angle_deg=44, distance_m=120)
    assert got[1].tolist() == [0] * 6 + [3] * 5 + [0]
    assert (reach_level(z, level, cell_m=30, angle_deg=46, distance_m=120) == level).all()
    assert (reach_level(z, level, cell_m=30, angle_deg=44, distance_m=0) == level).all()


def test_a_ridge_between_shields():
    level = np.zeros((1, 5), dtype=np.int8)
    level[0, 4] = 4
    z = np.array([[0.0, 0.0, 200.0, 0.0, 100.0]])
    got = reach_level(z, level, cell_m=30, angle_deg=20, distance_m=300)
    assert got[0].tolist() == [0, 0, 0, 4, 4]
    z[0, 2] = 0.0
    assert reach_level(z, level, cell_m=30, angle_deg=20, distance_m=300)[0].tolist() == [4] * 5


def test_unknown_ground_above_is_not_safe_and_missing_heights_keep_their_level():
    z = np.array([[0.0, 40.0, np.nan]])
    assert reach_level(z, np.array([[1, -1, 4]]), cell_m=30, angle_deg=25, distance_m=90)[0].tolist() == [-1, -1, 4]
    assert reach_level(z, np.array([[2, -1, 0]]), cell_m=30, angle_deg=25, distance_m=90)[0].tolist() == [2, -1, 0]


def _sees(z, i, j, k, m, angle, radius):
    d = np.hypot(k - i, m - j)
    if not (0 < d <= radius) or not (z[k, m] - z[i, j] >= np.tan(np.radians(angle)) * d):
        return False
    n = max(abs(k - i), abs(m - j))
    for t in range(1, n):
        row = i + int(np.sign(k - i) * np.floor(abs(k - i) * t / n + 0.5))
        column = j + int(np.sign(m - j) * np.floor(abs(m - j) * t / n + 0.5))
        if z[row, column] > z[i, j] + (z[k, m] - z[i, j]) * t / n:
            return False
    return True


@given(hnp.arrays(np.int8, (6, 7), elements=st.integers(-1, 4)), st.integers(0, 10**6), st.floats(5, 60))
@settings(max_examples=25, deadline=None)
def test_reach_equals_plain_python(level, seed, angle):
    z = np.random.default_rng(seed).normal(scale=2.0, size=(6, 7))
    got = reach_level(z, level, cell_m=1, angle_deg=angle, distance_m=4)
    for i, j in np.ndindex(6, 7):
        seen = [level[k, m] for k, m in np.ndindex(6, 7) if _sees(z, i, j, k, m, angle, 4)]
        assert got[i, j] == combine_levels(*np.array([level[i, j], *seen]))


@pytest.mark.parametrize(
    "bad", [{"angle_deg": np.nan}, {"angle_deg": 90}, {"cell_m": 0}, {"distance_m": -1}, {"distance_m": np.inf}]
)
def test_reach_refuses_numbers_out_of_range(bad):
    good = {"cell_m": 30.0, "angle_deg": 25.0, "distance_m": 300.0}
    with pytest.raises(ValueError, match="needs"):
        reach_level(np.zeros((2, 2)), np.zeros((2, 2), dtype=np.int8), **{**good, **bad})
    with pytest.raises(ValueError, match="shape"):
        reach_level(np.zeros((2, 3)), np.zeros((2, 2), dtype=np.int8), **good)
    with pytest.raises(ValueError, match="levels"):
        reach_level(np.zeros((2, 2)), np.full((2, 2), 5), **good)
