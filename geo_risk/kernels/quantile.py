"""Weighted quantiles of many small groups of values, each sorted on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def weighted_quantiles(
    values: NDArray[Any], weights: NDArray[Any], sizes: NDArray[Any], need: NDArray[Any], *, some: NDArray[Any]
) -> NDArray[np.int64]:
    """Entry of each group at which the sum of weights reaches what is needed when its values rise.

    Parameters
    ----------
    values, weights : (n,) group after group; NaN comes last, equal values stay in their order.
    sizes : (m,) entries of each group, n together. need : (m,) sums; above the group's own it is the last entry.
    some : (m,) bool, groups that are asked for.

    Returns
    -------
    (m,) positions in `values`; -1 where a group is empty or not asked for.

    Raises
    ------
    ValueError : lengths that do not match.
    """
    n, m = len(values), len(sizes)
    if not (len(weights) == n == np.sum(sizes) and len(need) == len(some) == m):
        msg = f"{n} values, {len(weights)} weights, {np.sum(sizes)} in {m} groups: as many of each needed"
        raise ValueError(msg)
    out: NDArray[np.int64] = _weighted_quantiles(
        np.ascontiguousarray(values, dtype=np.float64), np.ascontiguousarray(weights, dtype=np.float64),
        np.ascontiguousarray(sizes, dtype=np.int64), np.ascontiguousarray(need, dtype=np.float64),
        np.ascontiguousarray(some, dtype=np.bool_),
    )  # fmt: skip
    return out


@njit(cache=True, nogil=True)
def _weighted_quantiles(values: Any, weights: Any, sizes: Any, need: Any, some: Any) -> Any:
    out = np.full(len(sizes), -1, dtype=np.int64)
    start = 0
    for g in range(len(sizes)):
        end = start + sizes[g]
        if some[g] and end > start:
            order = np.argsort(values[start:end], kind="mergesort")
            reached = 0.0
            for k in range(end - start):
                reached += weights[start + order[k]]
                out[g] = start + order[k]
                if reached >= need[g]:
                    break
        start = end
    return out
