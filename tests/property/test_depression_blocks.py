"""Depressions, water levels and contributions in blocks against those of the whole array, for any ground and blocks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo_risk.hazards.flood.cascade import spill_order
from geo_risk.kernels.accumulation import accumulate, first_marked_downstream
from geo_risk.kernels.contributions import Contributions, carry_down
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.depressions import find_depressions, storage_curve, water_level
from geo_risk.kernels.priority_flood import fill
from geo_risk.terrain import storage
from geo_risk.terrain.contributions import contribution_blocks
from geo_risk.terrain.depressions import depression_blocks
from geo_risk.terrain.downstream import met_blocks
from geo_risk.terrain.storage import storage_curves, water_levels
from tests.property.test_hydrology_tiles import ground

KINDS = st.sampled_from(["rough", "steps", "hills", "bowl"])
SHAPES = st.tuples(st.integers(1, 34), st.integers(1, 34))
CHUNKS = st.tuples(st.integers(6, 25), st.integers(6, 25))
GAPS = st.sampled_from([0.0, 0.02, 0.3])


def routed(kind: str, shape: tuple[int, int], seed: int, gaps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z = ground(kind, shape, seed).astype(np.float32)
    z[np.random.default_rng(seed).random(shape) < gaps] = np.nan
    filled = fill(z)
    return z, filled, flow_direction(filled)


@pytest.mark.slow
@settings(max_examples=20)
@given(kind=KINDS, seed=st.integers(0, 10_000), shape=SHAPES, chunks=CHUNKS, gaps=GAPS,
       depth_min=st.sampled_from([0.0, 0.4, 1.5]), cells_min=st.integers(1, 4), held=st.integers(1, 60))  # fmt: skip
@example(kind="bowl", seed=1, shape=(34, 34), chunks=(7, 9), gaps=0.0, depth_min=0.0, cells_min=1, held=5)
@example(kind="steps", seed=2, shape=(5, 6), chunks=(1, 2), gaps=0.0, depth_min=0.0, cells_min=1, held=5)
def test_depressions_are_those_of_the_whole_array(kind, seed, shape, chunks, gaps, depth_min, cells_min, held):
    z, filled, direction = routed(kind, shape, seed, gaps)
    whole = find_depressions(z, filled, direction, drainage_order(direction), depth_min=depth_min, cells_min=cells_min)
    lazy = (da.from_array(values, chunks=chunks) for values in (z, filled, direction))
    found = depression_blocks(*lazy, depth_min=depth_min, cells_min=cells_min)
    for name, values in whole._asdict().items():
        np.testing.assert_array_equal(np.asarray(getattr(found, name)), values, err_msg=name)
    assert found.labels.dtype == found.catchment.dtype == np.int32

    stored = whole.depth_sum * np.random.default_rng(seed).random(whole.level.size)
    curve = storage_curve(z, whole.labels)
    np.testing.assert_array_equal(water_levels(found, stored, cells_held=held), water_level(curve, stored))
    some = np.arange(1, whole.level.size + 1, 2)
    part = storage_curves(found, some)
    for k, label in enumerate(some):
        mine, theirs = slice(*part.start[k : k + 2]), slice(*curve.start[label - 1 : label + 1])
        np.testing.assert_array_equal(part.bed[mine], curve.bed[theirs])
        np.testing.assert_array_equal(part.stored[mine], curve.stored[theirs])


def pitted_plain(seed: int) -> np.ndarray:
    """A level plain with pits in a wall with one gap: ponds whose water goes over level ground into one another."""
    z = (np.random.default_rng(seed).random((14, 14)) < 0.3) * -1.0
    z[[0, -1]] = z[:, [0, -1]] = 6.0
    z[7, 0] = 0.0
    return z


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
@example(seed=55)  # two ponds whose largest ways out lead into each other
@example(seed=342)
def test_water_never_spills_in_a_ring(seed):
    z = pitted_plain(seed)
    filled = fill(z)
    direction = flow_direction(filled)
    found = find_depressions(z, filled, direction, drainage_order(direction))
    assert sorted(spill_order(found.below - 1).tolist()) == list(range(found.level.size))
    assert (found.below != np.arange(1, found.level.size + 1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(5, 5), (3, 4)])
@pytest.mark.parametrize("seed", [55, 342, 407])
def test_rings_are_mended_alike_in_blocks(seed, chunks):
    z = pitted_plain(seed)
    filled = fill(z)
    direction = flow_direction(filled)
    whole = find_depressions(z, filled, direction, drainage_order(direction))
    found = depression_blocks(*(da.from_array(v, chunks=chunks) for v in (z, filled, direction)))
    np.testing.assert_array_equal(found.below, whole.below)
    np.testing.assert_array_equal(found.spill, whole.spill)


@pytest.mark.slow
@settings(max_examples=20)
@given(kind=KINDS, seed=st.integers(0, 10_000), shape=SHAPES, chunks=CHUNKS, gaps=GAPS)
@example(kind="steps", seed=3, shape=(6, 7), chunks=(1, 2), gaps=0.0)
def test_contributions_and_ways_down_are_those_of_the_whole_array(kind, seed, shape, chunks, gaps):
    _, filled, direction = routed(kind, shape, seed, gaps)
    order, rng = drainage_order(direction), np.random.default_rng(seed)
    weight, marks = rng.random(shape) * 50, (rng.random(shape) < 0.05) * rng.integers(1, 9, shape)
    weight[rng.random(shape) < 0.2] = np.nan
    own = Contributions.own(weight, filled)
    carry_down(direction, order, own)
    known = direction >= 0

    codes, heights, load, marked = (
        da.from_array(values, chunks=chunks) for values in (direction, filled, weight, np.where(known, marks, 0))
    )
    made = contribution_blocks(codes, load, heights)
    whole = np.stack([own.n_cells, own.mean_weight, own.way_cells, own.highest])
    np.testing.assert_array_equal(made.compute()[:, known], whole[:, known])
    np.testing.assert_array_equal(made[0].compute()[known], accumulate(direction, order)[known])
    total = accumulate(direction, order, np.where(known & np.isfinite(weight), weight, 0.0))
    # weights are counted in 2^-32, sums of floats in an order of their own
    np.testing.assert_allclose((own.mean_weight * own.n_known)[known & (own.n_known > 0)],
                               total[known & (own.n_known > 0)], rtol=1e-11, atol=1e-7)  # fmt: skip

    met = np.nan_to_num(met_blocks(codes, marked > 0, marked).compute())
    np.testing.assert_array_equal(met, first_marked_downstream(direction, order, marks))


def test_the_longest_way_counts_diagonals_and_the_mean_leaves_unknown_cells_out() -> None:
    z = np.array([[9.0, 9.0, 9.0], [9.0, 5.0, 9.0], [9.0, 9.0, 1.0]])
    direction = np.array([[1, 2, 3], [0, 1, 4], [7, 6, 8]], dtype=np.int8)
    weight = np.array([[10.0, np.nan, 4.0], [np.nan, np.nan, np.nan], [np.nan, np.nan, 1.0]])
    got = contribution_blocks(*(da.from_array(v, chunks=(2, 2)) for v in (direction, weight, z))).compute()
    assert got[0, 2, 2] == 9
    assert got[1, 2, 2] == pytest.approx(5.0)
    assert got[2, 2, 2] == pytest.approx(2 * np.sqrt(2), rel=1e-12)
    assert got[3, 1, 1] == 9
    assert np.isnan(got[1, 1, 0])


def test_bad_blocks_labels_and_volumes_are_refused() -> None:
    z, filled, direction = routed("steps", (12, 12), 4, 0.0)
    parts = [da.from_array(values, chunks=(5, 5)) for values in (z, filled, direction)]
    with pytest.raises(ValueError, match="must be equal"):
        depression_blocks(parts[0].rechunk((6, 6)), *parts[1:])
    with pytest.raises(ValueError, match="depth_min"):
        depression_blocks(*parts, depth_min=np.nan)
    found = depression_blocks(*parts)
    with pytest.raises(ValueError, match="shape"):
        water_levels(found, np.zeros(found.level.size + 1))
    with pytest.raises(ValueError, match="must rise"):
        storage_curves(found, np.array([0]))
    with pytest.raises(ValueError, match="must rise"):
        storage_curves(found, np.array([found.level.size + 1]))
    ring = np.array([[0, 4], [8, 8]], dtype=np.int8)
    ones = np.ones((2, 2))
    with pytest.raises(ValueError, match="ring"):
        contribution_blocks(*(da.from_array(v, chunks=(1, 1)) for v in (ring, ones, ones)))


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 40, 10_000])
def test_no_more_cells_are_gathered_than_allowed_but_for_one_depression(monkeypatch, budget):
    z, filled, direction = routed("hills", (40, 40), 7, 0.0)
    found = depression_blocks(*(da.from_array(v, chunks=(8, 8)) for v in (z, filled, direction)))
    gathered: list[np.ndarray] = []

    def watched(depressions, labels):
        gathered.append(labels)
        return storage_curves(depressions, labels)

    monkeypatch.setattr(storage, "storage_curves", watched)
    water_levels(found, found.depth_sum / 2, cells_held=budget)
    assert np.concatenate(gathered).tolist() == (np.flatnonzero(found.is_divided) + 1).tolist()
    assert all(len(some) == 1 or found.n_cells[some - 1].sum() <= budget for some in gathered)


def test_ground_without_depressions_has_none() -> None:
    plane = np.broadcast_to(np.arange(9.0), (8, 9)).copy()
    lazy = [da.from_array(values, chunks=(4, 4)) for values in (plane, plane, flow_direction(plane))]
    found = depression_blocks(*lazy)
    assert found.level.size == 0
    assert not found.catchment.compute().any()
    assert water_levels(found, np.empty(0)).size == 0
