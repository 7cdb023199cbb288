"""Weighted quantiles of groups: against sorting them one by one, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.kernels.quantile import weighted_quantiles


def by_sorting(values, weights, sizes, need):
    """The same by NumPy alone, one group at a time."""
    out, start = [], 0
    for size, sum_needed in zip(sizes, need, strict=True):
        order = np.argsort(values[start : start + size], kind="stable")
        sums = np.cumsum(weights[start : start + size][order])
        at = min(int(np.searchsorted(sums, sum_needed)), size - 1)
        out.append(start + order[at] if size else -1)
        start += size
    return out


def test_the_quantile_is_the_value_at_which_the_share_is_reached():
    values = np.array([5.0, 1.0, 3.0, 7.0, 2.0])
    weights = np.array([1.0, 0.5, 0.5, 1.0, 1.0])
    found = weighted_quantiles(values, weights, [3, 2], [1.0, 1.5], some=[True, True])
    assert found.tolist() == [2, 3]  # 0.5 + 0.5 at value 3; 1 + 1 at value 7


@given(seed=st.integers(0, 10_000), share=st.sampled_from([1e-9, 0.1, 0.25, 0.5, 1.0]))
def test_groups_are_as_sorted_one_by_one_with_ties_and_missing_values(seed, share):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 40, 12)
    values = rng.integers(-3, 4, sizes.sum()).astype(float)
    values[rng.random(len(values)) < 0.1] = np.nan
    values[rng.random(len(values)) < 0.1] = np.inf
    weights = rng.integers(1, 9, len(values)) / 8  # sums without rounding, so that both ways agree to the entry
    need = share * np.array([w.sum() for w in np.split(weights, np.cumsum(sizes)[:-1])])
    found = weighted_quantiles(values, weights, sizes, need, some=np.ones(12, bool))
    assert found.tolist() == by_sorting(values, weights, sizes, need)


def test_empty_groups_and_those_not_asked_for_have_none():
    found = weighted_quantiles(np.arange(4.0), np.ones(4), [2, 0, 2], [1.0, 0.0, 9.0], some=[False, True, True])
    assert found.tolist() == [-1, -1, 3]


@pytest.mark.parametrize("bad", [{"sizes": [2]}, {"sizes": [2, 2, 1]}, {"need": [1.0]}, {"weights": np.ones(3)}])
def test_lengths_that_do_not_match_are_named(bad):
    right = {"values": np.arange(4.0), "weights": np.ones(4), "sizes": [2, 2], "need": [1.0, 1.0], "some": [True, True]}
    with pytest.raises(ValueError, match="needed"):
        weighted_quantiles(**{**right, **bad})
