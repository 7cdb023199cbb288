"""Ponds that fill, are drained and spill into one another, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


def spill_in_time(
    inputs: Array, capacity: Array, below: NDArray[np.int64], order: NDArray[np.int64], take: Array
) -> tuple[Array, Array, Array, Array, NDArray[np.int64], float]:
    """Fill, drain and spill; what spills in a step reaches the next pond in the same step.

    Parameters
    ----------
    inputs : (t, n) volume that comes to each pond in each step. capacity : (n,) volume to the rim.
    below : (n,) position of the pond each spills into, -1: it leaves. order : (n,) every pond before the one below it.
    take : (n,) volume that is drained in a step at most.

    Returns
    -------
    stored_max, stored, drained, spilled : (n,). first : (n,) step of the first spill from 1 on, 0 where none.
    left : volume that left the last ponds.
    """
    n = capacity.size
    stored, drained, spilled, highest = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    first = np.zeros(n, dtype=np.int64)
    left = _run(inputs, capacity, below, order, take, stored, drained, spilled, highest, first)
    return highest, stored, drained, spilled, first, float(left)


def held_with_more(
    inputs: Array, capacity: Array, below: NDArray[np.int64], order: NDArray[np.int64], take: Array, *,
    more: Array, watched: NDArray[np.bool_],
) -> Array:  # fmt: skip
    """Sum of the greatest volumes of the watched ponds, when one pond at a time can hold more.

    Parameters
    ----------
    more : (n,) volume that each could hold beside its capacity. watched : (n,). The others as in `spill_in_time`.

    Returns
    -------
    (n,) sum by the pond that holds more; the added volume itself counts nowhere.
    """
    n = capacity.size
    out = np.zeros(n)
    _each(inputs, capacity, below, order, take, more, watched, out)
    return out


@njit(cache=True, nogil=True)
def _run(
    inputs: Any, capacity: Any, below: Any, order: Any, take: Any, stored: Any, drained: Any, spilled: Any,
    highest: Any, first: Any,
) -> float:  # fmt: skip
    left = 0.0
    coming = np.empty(capacity.size)
    for t in range(inputs.shape[0]):
        coming[:] = inputs[t]
        for p in range(order.size):
            k = order[p]
            held = stored[k] + coming[k]
            gone = min(held, take[k])
            over = max(held - gone - capacity[k], 0.0)
            stored[k] = held - gone - over
            drained[k] += gone
            highest[k] = max(highest[k], stored[k])
            if over > 0.0:
                spilled[k] += over
                if first[k] == 0:
                    first[k] = t + 1
                if below[k] >= 0:
                    coming[below[k]] += over
                else:
                    left += over
    return left


@njit(cache=True, nogil=True)
def _each(inputs: Any, capacity: Any, below: Any, order: Any, take: Any, more: Any, watched: Any, out: Any) -> None:
    n = capacity.size
    wider = capacity.copy()
    first = np.zeros(n, dtype=np.int64)
    for u in range(n):
        if not more[u] > 0.0:
            out[u] = np.nan
            continue
        wider[u] = capacity[u] + more[u]
        stored, drained, spilled, highest = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        _run(inputs, wider, below, order, take, stored, drained, spilled, highest, first)
        wider[u] = capacity[u]
        total = 0.0
        for k in range(n):
            if watched[k]:
                total += min(highest[k], capacity[k])
        out[u] = total
