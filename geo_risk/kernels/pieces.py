"""Connected pieces of a label array, and the borders between neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP


def pieces(
    first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]], *, corners: bool = True
) -> NDArray[np.int64]:
    """Number the connected pieces of cells that agree in both arrays.

    Parameters
    ----------
    first : (y, x) integers; 0 is no ground. second : (y, x) integers, any.
    corners : whether corners are contact, as for flowing water, or sides alone.

    Returns
    -------
    (y, x) int64: 1, 2, ... in the order of each piece's first cell by rows; 0 where `first` is.

    Raises
    ------
    ValueError : shapes differ.
    """
    if first.shape != second.shape or first.ndim != 2:
        msg = f"arrays of shape {first.shape} and {second.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    out = np.zeros(first.shape, dtype=np.int64)
    _spread(np.ascontiguousarray(first), np.ascontiguousarray(second), out, 1 if corners else 2)
    return out


@njit(cache=True, nogil=True)
def _spread(first: Any, second: Any, out: Any, every: int) -> None:
    n_y, n_x = first.shape
    waiting = np.empty(first.size, dtype=np.int64)
    n = 0
    for start in range(first.size):
        i, j = start // n_x, start % n_x
        if first[i, j] == 0 or out[i, j] != 0:
            continue
        n += 1
        out[i, j] = n
        waiting[0] = start
        last = 1
        while last > 0:
            last -= 1
            a, b = waiting[last] // n_x, waiting[last] % n_x
            for k in range(0, 8, every):  # even codes are the sides
                r, c = a + ROW_STEP[k], b + COLUMN_STEP[k]
                if r < 0 or c < 0 or r >= n_y or c >= n_x or out[r, c] != 0:
                    continue
                if first[r, c] == first[a, b] and second[r, c] == second[a, b]:
                    out[r, c] = n
                    waiting[last] = r * n_x + c
                    last += 1


def borders(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of labels > 0 that touch, and how many cell sides they share (0 where they meet at corners alone).

    Parameters
    ----------
    labels : (y, x) integers.

    Returns
    -------
    (n, 2) int64 pairs, the lower label first, sorted; and (n,) int64 numbers of sides.
    """
    found = [
        _contacts(labels[:, :-1], labels[:, 1:], 1), _contacts(labels[:-1], labels[1:], 1),
        _contacts(labels[:-1, :-1], labels[1:, 1:], 0), _contacts(labels[:-1, 1:], labels[1:, :-1], 0),
    ]  # fmt: skip
    low, high, sides = np.concatenate(found, axis=1)
    if not low.size:
        return np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64)
    order = np.lexsort((high, low))
    low, high, sides = low[order], high[order], sides[order]
    first = np.nonzero(np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])))[0]
    return np.stack([low[first], high[first]], axis=1), np.add.reduceat(sides, first)


def _contacts(one: NDArray[Any], other: NDArray[Any], side: int) -> NDArray[np.int64]:
    """Return (3, n): lower label, higher label, sides shared."""
    touch = (one != other) & (one > 0) & (other > 0)
    a, b = one[touch].astype(np.int64), other[touch].astype(np.int64)
    return np.stack([np.minimum(a, b), np.maximum(a, b), np.full(len(a), side)])
