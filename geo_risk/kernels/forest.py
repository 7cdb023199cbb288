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
