"""Fill, directions, accumulation, HAND and depressions against pyflwdir 0.5 and hand-made ground."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pyflwdir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.kernels.accumulation import accumulate, first_marked_downstream
from geo_risk.kernels.contributions import Contributions, carry_down
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.depressions import find_depressions, storage_curve, water_level
from geo_risk.kernels.hand import height_above_drainage
from geo_risk.kernels.priority_flood import MISSING, OUTLET, fill
from geo_risk.terrain.upslope import unseen_blocks

PYFLWDIR_CODES = np.array([1, 2, 4, 8, 16, 32, 64, 128, 0, 247], dtype=np.uint8)


def ground(seed: int, shape: tuple[int, int] = (120, 150), missing: bool = True) -> np.ndarray:
    """Fractal relief in steps of 1/16 m: many flats, many hollows, exact in float32."""
    rng = np.random.default_rng(seed)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(shape[1]), np.fft.fftfreq(shape[0])))
    f[0, 0] = 1
    z = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) / f**1.5))
    z = np.round(z / z.std() * 20 * 16) / 16
    z[30:42, 50:70] = np.nan
    z[100:, :4] = np.nan
    return z.astype(np.float32)


def routed(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    filled = fill(z)
    direction = flow_direction(filled)
    return filled, direction, drainage_order(direction)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fill_equals_pyflwdir(seed: int) -> None:
    z = ground(seed)
    filled = fill(z)
    other, _ = pyflwdir.fill_depressions(np.where(np.isnan(z), np.float32(-9999), z), nodata=-9999.0)
    np.testing.assert_array_equal(filled, np.where(other == -9999, np.nan, other))
    assert filled.dtype == z.dtype


def test_cells_below_unseen_ground_are_marked() -> None:
    plane = np.broadcast_to(np.arange(9.0)[:, None], (9, 7)).copy()  # falls north
    marks = unseen_inflow(*routed(plane))
    assert marks.all()  # whatever lies to the south runs down every column
    plane[4:] = 8 - np.arange(4.0, 9.0)[:, None]  # a ridge in row 4: nothing comes over the edges north and south
    plane += 0.01 * np.abs(np.arange(7) - 3)  # and a thalweg in the middle, so that the sides come in
    marks = unseen_inflow(*routed(plane))
    assert not marks[4, 2:5].any()
    assert marks[:, [0, -1]].all()


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.integers(5, 110))
def test_where_nothing_is_marked_the_upslope_area_is_that_of_the_whole_map(seed: int, row: int) -> None:
    filled, direction, order = routed(ground(seed))
    whole = accumulate(direction, order)
    cut = filled.copy()
    cut[:row] = np.nan  # the surface is filled, so the cut changes directions beside it alone
    cut_filled, cut_direction, cut_order = routed(cut)
    marks = unseen_inflow(cut_filled, cut_direction, cut_order)
    turned = np.isfinite(cut) & ((cut_direction != direction) | (cut_filled != filled))
    inside = np.isfinite(cut) & ~marks & (first_marked_downstream(direction, order, turned.astype(np.int64)) == 0)
    reached = accumulate(direction, order, turned.astype(np.float64)) > 0
    sure = inside & ~reached
    part = accumulate(cut_direction, cut_order)
    assert sure.any()
    np.testing.assert_array_equal(part[sure], whole[sure])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_accumulation_and_hand_equal_pyflwdir(seed: int) -> None:
    z = ground(seed)
    filled, direction, order = routed(z)
    area = accumulate(direction, order)
    oracle = pyflwdir.from_array(PYFLWDIR_CODES[direction], ftype="d8", check_ftype=False)
    cells = oracle.upstream_area("cell").astype(float)
    np.testing.assert_array_equal(area, np.where(direction == MISSING, np.nan, cells))
    stream = area > 60
    hand = height_above_drainage(direction, order, filled, stream)
    other = oracle.hand(stream, filled.astype(np.float64))
    known = np.isfinite(hand)
    assert known.mean() > 0.5
    np.testing.assert_array_equal(hand[known], other[known])
    # outlets counted as drainage, as pyflwdir does, both are known everywhere
    with_outlets = height_above_drainage(direction, order, filled, stream | (direction == OUTLET))
    np.testing.assert_array_equal(with_outlets[direction != MISSING], other[direction != MISSING])


def test_directions_of_a_hand_made_surface() -> None:
    z = np.array([[9, 9, 9, 9], [9, 3, 2, 9], [9, 4, 5, 1], [9, 9, 9, 9]], dtype=np.float64)
    filled, direction, order = routed(z)
    np.testing.assert_array_equal(filled, z)
    assert direction[1, 1] == 0  # east: 1 per cell; the diagonal to 5 rises
    assert direction[1, 2] == 1  # south-east: 1 / sqrt(2), the only way down
    assert direction[2, 2] == 0
    assert direction[2, 3] == OUTLET
    assert direction[2, 1] == 7  # north-east: 2 / sqrt(2) beats 1 to the north
    area = accumulate(direction, order)
    assert area[2, 3] == 16 - np.sum(direction == OUTLET) + 1
    own = Contributions.own(np.ones(z.shape), z)
    carry_down(direction, order, own)
    way = own.way_cells
    assert way[2, 2] == 0  # every neighbour has a steeper way
    assert way[2, 3] == pytest.approx(3 * np.sqrt(2))  # from the corner (3, 0) over (2, 1) and (1, 2)


def unseen_inflow(filled: np.ndarray, direction: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Where the upslope area is a lower bound, found in one block."""
    return unseen_blocks(da.from_array(direction), da.from_array(filled)).compute() == 1


def test_missing_cells_are_outlets() -> None:
    z = np.full((5, 5), 10.0)
    z[2, 2] = np.nan
    z[1, 1] = 5.0
    filled = fill(z)
    assert filled[1, 1] == 5.0
    direction = flow_direction(filled)
    assert direction[1, 1] == OUTLET
    assert np.isnan(filled[2, 2])
    assert direction[2, 2] == MISSING


def two_pits() -> np.ndarray:
    """A plain at 10 m falling out to the east; pit A (2 m deep, 2 cells) spills at 9.5 into pit B (1 m, 1 cell)."""
    z = np.full((5, 9), 12.0)
    z[2, 1:] = [7.5, 8.0, 9.5, 9.0, 8.0, 8.9, 8.5, 8.0]
    return z


def test_depressions_of_hand_made_ground() -> None:
    z = two_pits()
    filled, direction, order = routed(z)
    d = find_depressions(z, filled, direction, order)
    assert d.level.tolist() == [9.5, 8.9]
    assert d.depth_max == pytest.approx([2.0, 0.9])
    assert d.n_cells.tolist() == [2, 1]
    assert d.depth_sum == pytest.approx([3.5, 0.9])
    assert [divmod(int(c), 9) for c in d.bottom] == [(2, 1), (2, 5)]
    assert divmod(int(d.spill[0]), 9) == (2, 2)
    assert d.below.tolist() == [2, 0]
    assert d.catchment[2, 3] == 1 or d.catchment[2, 3] == 2
    assert d.catchment_cells.sum() == (d.catchment > 0).sum()
    big = find_depressions(z, filled, direction, order, depth_min=1.0)
    assert big.level.tolist() == [9.5]
    assert big.below.tolist() == [0]


def test_water_level_is_the_inverse_of_the_stored_volume() -> None:
    z = two_pits()
    filled, direction, order = routed(z)
    d = find_depressions(z, filled, direction, order)
    curve = storage_curve(z, d.labels)
    assert water_level(curve, np.array([0.0, 0.0])).tolist() == [7.5, 8.0]
    assert water_level(curve, np.array([0.25, 0.4])) == pytest.approx([7.75, 8.4])
    assert water_level(curve, np.array([1.5, 0.9])) == pytest.approx([8.5, 8.9])  # 0.5 fills the lower cell alone
    assert water_level(curve, d.depth_sum) == pytest.approx(d.level)
    assert np.isnan(water_level(curve, np.array([np.nan, -1.0]))).all()


def test_catchments_end_at_the_first_mark() -> None:
    z = two_pits()
    _, direction, order = routed(z)
    marks = np.zeros(z.shape, dtype=np.int32)
    marks[2, 6], marks[2, 1] = 7, 3
    first = first_marked_downstream(direction, order, marks)
    assert first[2, 1] == 3
    assert first[2, 5] == 7
    assert first[2, 8] == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000), rows=st.integers(1, 25), columns=st.integers(1, 25), gaps=st.floats(0, 0.4))
def test_fill_and_routing_hold_for_any_ground(seed: int, rows: int, columns: int, gaps: float) -> None:
    rng = np.random.default_rng(seed)
    z = np.round(rng.normal(size=(rows, columns)) * 3)
    z[rng.random(z.shape) < gaps] = np.nan
    known = np.isfinite(z)
    filled, direction, order = routed(z)
    assert (filled[known] >= z[known]).all()
    np.testing.assert_array_equal(fill(filled), filled)
    higher = fill(z + np.where(rng.random(z.shape) < 0.3, 1.0, 0.0))
    assert (higher[known] >= filled[known]).all()
    assert order.size == known.sum()
    area = accumulate(direction, order)
    assert area[direction == OUTLET].sum() == known.sum()  # all water leaves
    d = find_depressions(z, filled, direction, order)
    assert d.depth_sum.sum() == pytest.approx(np.nansum(filled - z))
    level = water_level(storage_curve(z, d.labels), d.depth_sum * 0.37)
    held = [np.maximum(level[k] - z[d.labels == k + 1], 0).sum() for k in range(level.size)]
    assert held == pytest.approx((d.depth_sum * 0.37).tolist(), abs=1e-9)


def test_all_missing_ground_stays_missing() -> None:
    z = np.full((4, 6), np.nan)
    filled, direction, order = routed(z)
    assert np.isnan(filled).all()
    assert (direction == MISSING).all()
    assert order.size == 0
    assert find_depressions(z, filled, direction, order).level.size == 0


def test_bad_ground_is_refused() -> None:
    with pytest.raises(ValueError, match="infinite"):
        fill(np.array([[1.0, np.inf]]))
    with pytest.raises(ValueError, match="shape"):
        fill(np.zeros(4))
    with pytest.raises(ValueError, match="ring"):
        drainage_order(np.array([[0, 4]], dtype=np.int8))
    with pytest.raises(ValueError, match="ring"):
        drainage_order(np.array([[4, 8]], dtype=np.int8))
    z = np.zeros((3, 3))
    filled, direction, order = routed(z)
    with pytest.raises(ValueError, match="depth_min"):
        find_depressions(z, filled, direction, order, depth_min=np.nan)
