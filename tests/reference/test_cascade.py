"""Spill cascades, ponds and storage against hand-made depressions."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError
from geo_risk.hazards.flood.bluespots import open_depressions, ponds
from geo_risk.hazards.flood.cascade import spill_cascade, spill_order, storage_value, timed_cascade
from geo_risk.kernels.d8 import flow_direction
from geo_risk.kernels.priority_flood import fill
from geo_risk.terrain.depressions import BlockDepressions, depression_blocks


def two_pits() -> tuple[np.ndarray, BlockDepressions]:
    z = np.full((5, 9), 12.0)
    z[2, 1:] = [7.5, 8.0, 9.5, 9.0, 8.0, 8.9, 8.5, 8.0]
    filled = fill(z)
    direction = flow_direction(filled)
    lazy = (da.from_array(values, chunks=(3, 4)) for values in (z, filled, direction))
    return z, depression_blocks(*lazy)


def lazy(values: np.ndarray) -> da.Array:
    return da.from_array(values, chunks=(3, 4))


def test_three_in_a_row() -> None:
    result = spill_cascade([10.0, 5.0, 1.0], [4.0, 20.0, 3.0], [1, 2, -1])
    assert result.inflow_m3.tolist() == [10.0, 11.0, 1.0]
    assert result.stored_m3.tolist() == [4.0, 11.0, 1.0]
    assert result.spilled_m3.tolist() == [6.0, 0.0, 0.0]


volumes = st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1)), min_size=1, max_size=12)


def graph(rows: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A forest: each spills into a later one, or leaves."""
    n = len(rows)
    below = [min(n, int(k + 1 + share * (n - k))) for k, (_, _, share) in enumerate(rows)]
    return (
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows]),
        np.array([b if b < n else -1 for b in below]),
    )


@given(volumes)
def test_water_is_kept_and_more_rain_never_stores_less(rows: list[tuple[float, float, float]]) -> None:
    inflow, capacity, below = graph(rows)
    result = spill_cascade(inflow, capacity, below)
    left = result.spilled_m3[below < 0].sum()
    assert result.stored_m3.sum() + left == pytest.approx(inflow.sum())
    assert (result.stored_m3 <= capacity + 1e-9).all()
    more = spill_cascade(inflow * 1.5, capacity, below)
    assert (more.stored_m3 >= result.stored_m3 - 1e-9).all()


@given(volumes, st.floats(0, 5))
def test_timed_cascade_ends_where_the_timeless_does_and_drains_help(
    rows: list[tuple[float, float, float]], drain: float
) -> None:
    inflow, capacity, below = graph(rows)
    steps = np.tile(inflow / 4, (4, 1))
    plain = timed_cascade(steps, capacity, below, step_s=600)
    np.testing.assert_allclose(plain.stored_m3, spill_cascade(inflow, capacity, below).stored_m3, rtol=1e-9, atol=1e-6)
    drained = timed_cascade(steps, capacity, below, step_s=600, drain_m3_s=drain)
    assert (drained.stored_max_m3 <= plain.stored_max_m3 + 1e-6).all()
    total = drained.stored_m3.sum() + drained.drained_m3.sum() + drained.left_m3
    assert total == pytest.approx(inflow.sum(), abs=1e-6)


def test_hours_until_the_first_spill() -> None:
    result = timed_cascade([[1.0], [1.0], [1.0]], [2.5], [-1], step_s=1800)
    assert result.first_spill_h.tolist() == [1.5]
    assert result.left_m3 == pytest.approx(0.5)
    assert np.isnan(timed_cascade([[1.0]], [2.5], [-1], step_s=1800).first_spill_h[0])


@pytest.mark.parametrize("bad", [[-1.0], [np.nan], [np.inf]])
def test_bad_volumes_are_refused(bad: list[float]) -> None:
    with pytest.raises(DataError, match="negative, infinite or missing"):
        spill_cascade(bad, [1.0], [-1])
    with pytest.raises(DataError, match="negative, infinite or missing"):
        timed_cascade([[1.0]], bad, [-1], step_s=1.0)


def test_rings_and_strange_positions_are_refused() -> None:
    with pytest.raises(DataError, match="ring"):
        spill_order([1, 0, -1])
    with pytest.raises(DataError, match="positions"):
        spill_order([5])
    with pytest.raises(DataError, match="step_s"):
        timed_cascade([[1.0]], [1.0], [-1], step_s=np.nan)


def test_ponds_fill_from_the_bottom_and_spill() -> None:
    z, found = two_pits()
    runoff = np.full(z.shape, 50.0)
    result = ponds(found, lazy(runoff), cell_m=10.0)
    inflow = 0.05 * found.catchment_cells * 100
    assert result.cascade.inflow_m3[0] == pytest.approx(inflow[0])
    assert result.volume_m3.sum() + result.cascade.spilled_m3[1] == pytest.approx(inflow.sum())
    assert np.nansum(result.depth_m.compute()) * 100 == pytest.approx(result.volume_m3.sum())
    full = ponds(found, lazy(np.full(z.shape, 1e6)), cell_m=10.0)
    np.testing.assert_allclose(full.level_m, found.level)


def test_unknown_runoff_gives_unknown_ponds() -> None:
    z, found = two_pits()
    result = ponds(found, lazy(np.full(z.shape, np.nan)), cell_m=10.0)
    depth, labels = result.depth_m.compute(), found.labels.compute()
    assert np.isnan(depth[labels > 0]).all()
    assert (depth[labels == 0] == 0).all()


def test_a_culvert_at_the_spill_point_opens_the_depression() -> None:
    z, found = two_pits()
    openings = np.zeros(z.shape, dtype=bool)
    openings[2, 3] = True
    is_open = open_depressions(found, lazy(openings), reach_cells=1)
    assert is_open.tolist() == [True, False]
    result = ponds(found, lazy(np.full(z.shape, 1000.0)), cell_m=10.0, is_open=is_open)
    assert (result.depth_m.compute()[found.labels.compute() == 1] == 0).all()
    assert result.cascade.inflow_m3[1] > result.cascade.inflow_m3[0]


def test_storage_upstream_is_worth_what_it_keeps_from_the_watched() -> None:
    # two ponds spill into a third, which a site lies in; a fourth spills past it
    below = [2, 2, -1, -1]
    rain = np.tile([10.0, 4.0, 1.0, 20.0], (10, 1))
    capacity = [20.0, 30.0, 50.0, 5.0]
    run = timed_cascade(rain, capacity, below, step_s=360.0)
    assert run.spilled_m3.tolist() == [80.0, 10.0, 50.0, 195.0]
    assert run.first_spill_h == pytest.approx([0.3, 0.8, 0.7, 0.1])
    worth = storage_value(rain, capacity, below, step_s=360.0, watched=[False, False, True, False])
    # 100 m3 come to the site, 50 stay: holding 80 of them upstream leaves 20, holding 10 leaves 90 and changes nothing
    assert worth.added_m3.tolist() == [80.0, 10.0, 50.0, 195.0]
    assert worth.saved_m3.tolist() == [30.0, 0.0, 0.0, 0.0]


def test_what_never_spills_buys_nothing_and_drains_count() -> None:
    worth = storage_value([[5.0, 0.0]], [10.0, 10.0], [1, -1], step_s=60.0, watched=[False, True])
    assert np.isnan(worth.added_m3).all()
    assert np.isnan(worth.saved_m3).all()
    drained = storage_value(
        [[50.0, 0.0]], [10.0, 30.0], [1, -1], step_s=60.0, drain_m3_s=[0.5, 0.0], watched=[False, True]
    )
    # 30 of the 50 m3 go down the drain, 10 stay, 10 spill
    assert drained.saved_m3.tolist()[0] == pytest.approx(10.0)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_more_storage_never_adds_water_below_and_saves_no_more_than_it_holds(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    below = np.array([rng.integers(-1, k) if k else -1 for k in range(n)])
    rain, capacity = rng.random((12, n)) * 10, rng.random(n) * 40
    drains, watched = rng.random(n) / 100, rng.random(n) < 0.5
    worth = storage_value(rain, capacity, below, step_s=300.0, drain_m3_s=drains, watched=watched)
    spills = np.isfinite(worth.added_m3)
    assert (worth.saved_m3[spills] >= 0).all()
    assert (worth.saved_m3[spills] <= worth.added_m3[spills] + 1e-9).all()


def test_volumes_that_are_not_known_are_refused_for_storage_too() -> None:
    with pytest.raises(DataError, match="negative, infinite or missing"):
        storage_value([[np.nan]], [1.0], [-1], step_s=60.0, watched=[True])
