"""Sums down a forest of nodes that each pass what they have to one other node."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def sum_down(below: NDArray[np.int64], own: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of each node's own value and of all that is passed to it.

    Parameters
    ----------
    below : (n,) node that each one passes to, -1 none. own : (n,) values; sums of whole numbers are exact to 2^53.

    Raises
    ------
    ValueError : the nodes form a ring, or pass to one that does not exist.
    """
    if below.size and not (below.min() >= -1 and below.max() < below.size):
        msg = f"nodes pass to {below.min()} to {below.max()}; -1 to {below.size - 1} needed"
        raise ValueError(msg)
    total = np.array(own, dtype=np.float64)
    if _pass_on(np.ascontiguousarray(below), total) != below.size:
        msg = "the nodes form a ring"
        raise ValueError(msg)
    return total


@njit(cache=True, nogil=True)
def _pass_on(below: Any, total: Any) -> int:
    waits = np.zeros(below.size, dtype=np.int64)
    for c in range(below.size):
        if below[c] >= 0:
            waits[below[c]] += 1
    done = 0
    for start in range(below.size):
        c = start
        while c >= 0 and waits[c] == 0:
            waits[c] = -1
            done += 1
            if below[c] >= 0:
                total[below[c]] += total[c]
                waits[below[c]] -= 1
            c = below[c]
    return done


def downward_order(below: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nodes in an order in which every one comes before the one it passes to; fewer than n where they form a ring.

    Parameters
    ----------
    below : (n,) node that each one passes to, -1 none, all of them in -1..n-1.
    """
    order, size = _downward(np.ascontiguousarray(below))
    return np.asarray(order[:size], dtype=np.int64)


@njit(cache=True, nogil=True)
def _downward(below: Any) -> Any:
    n = below.size
    waits = np.zeros(n, dtype=np.int64)
    for k in range(n):
        if below[k] >= 0:
            waits[below[k]] += 1
    ready, order = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    n_ready, size = 0, 0
    for k in range(n - 1, -1, -1):
        if waits[k] == 0:
            ready[n_ready] = k
            n_ready += 1
    while n_ready > 0:
        n_ready -= 1
        k = ready[n_ready]
        order[size] = k
        size += 1
        d = below[k]
        if d >= 0:
            waits[d] -= 1
            if waits[d] == 0:
                ready[n_ready] = d
                n_ready += 1
    return order, size


def spill_down(inflow: NDArray[np.float64], capacity: NDArray[np.float64], below: NDArray[np.int64],
               order: NDArray[np.int64]) -> NDArray[np.float64]:  # fmt: skip
    """Pass what does not fit on to the node below; `inflow` grows in place by what comes from above.

    Parameters
    ----------
    inflow, capacity : (n,) of one unit. below, order : as in `downward_order`.

    Returns
    -------
    (n,) what each node passes on.
    """
    spilled = np.zeros(inflow.size)
    _spill_down(inflow, capacity, below, order, spilled)
    return spilled


@njit(cache=True, nogil=True)
def _spill_down(inflow: Any, capacity: Any, below: Any, order: Any, spilled: Any) -> None:
    for k in order:
        spilled[k] = max(inflow[k] - capacity[k], 0.0)
        if below[k] >= 0:
            inflow[below[k]] += spilled[k]
