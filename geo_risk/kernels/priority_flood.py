"""Filling of depressions by priority flood, of whole rasters and of tiles that are put together afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

OUTLET = np.int8(8)
"""Direction code of a cell whose water leaves the raster."""

MISSING = np.int8(-1)
"""Direction code of a cell without elevation."""

ROW_STEP = np.array([0, 1, 1, 1, 0, -1, -1, -1], dtype=np.int64)
"""Row offset of direction codes 0-7, clockwise from east (rows grow southward)."""

COLUMN_STEP = np.array([1, 1, 0, -1, -1, -1, 0, 1], dtype=np.int64)
"""Column offset of direction codes 0-7."""


_UNSEEN, _WAITING = -1, -2
"""Labels of a cell that no water has reached, and of one at a tile's edge that is on the heap and in no part yet."""


def fill(elevation: ArrayLike) -> NDArray[Any]:
    """Raise every cell to the lowest level from which its water finds a way out; exact, eight neighbours.

    Priority flood of Barnes, Lehman & Mulla (2014), Computers & Geosciences 62, in the variant of Zhou, Sun & Fu
    (2016), Computers & Geosciences 90: ground that rises from where it is seen never waits on the heap. The edge of the
    raster and cells beside a missing one are outlets.

    Parameters
    ----------
    elevation : (y, x) floats [m]; NaN is missing. Infinite values are refused.

    Returns
    -------
    (y, x), the input's float type, >= elevation, NaN where that is.

    Raises
    ------
    ValueError : not two-dimensional, or infinite values.
    """
    z = np.asarray(elevation)
    if z.dtype.kind != "f":
        z = z.astype(np.float64)
    if z.ndim != 2 or np.isinf(z).any():
        msg = f"elevation has shape {z.shape}{' and infinite values' if z.ndim == 2 else ''}; finite (y, x) needed"
        raise ValueError(msg)
    return fill_tile(np.pad(z, 1, constant_values=np.nan)).filled


@dataclass(frozen=True)
class TileFill:
    """A tile filled as if all water that reaches its edge ran off there, and how high its parts stand above each other.

    Attributes
    ----------
    filled : (y, x) surface [m]. label : (y, x) int32 part that drains to one place: 0 out of the map, 1 to `n_labels`
        over the tile's edge, -1 missing.
    pairs, height : (n, 2) labels that meet, the lower first, each pair once; (n,) the lowest level at which they do.
    """

    filled: NDArray[Any]
    label: NDArray[np.int32]
    n_labels: int
    pairs: NDArray[np.int64]
    height: NDArray[np.float64]


def fill_tile(elevation: NDArray[Any]) -> TileFill:
    """Fill a tile as far as it can be known without the others (Barnes 2016, Computers & Geosciences 96).

    Parameters
    ----------
    elevation : (y + 2, x + 2) floats with a frame of neighbours, NaN where missing and outside the map.
    """
    z = np.ascontiguousarray(elevation)
    filled = z[1:-1, 1:-1].copy()
    label = np.full(filled.shape, -1, dtype=np.int32)
    n_labels, first, second, height = _flood(z, filled, label)
    # of every pair the lowest meeting: sorted by pair, then height
    order = np.lexsort((height, second, first))
    first, second, height = first[order], second[order], height[order]
    new = np.ones(len(first), dtype=np.bool_)
    new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    return TileFill(filled, label, n_labels, np.stack([first, second], axis=1)[new], height[new])


def spill_levels(n_labels: int, pairs: NDArray[np.int64], height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lowest level from which the water of each part finds a way out of the map.

    Parameters
    ----------
    n_labels : parts are 1 to n_labels, 0 is outside the map. pairs, height : (n, 2), (n,) where parts meet [m].

    Returns
    -------
    (n_labels + 1,) [m]: -inf for 0; inf for a part that meets no other.
    """
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.argsort(both[:, 0], kind="stable")
    start = np.searchsorted(both[order, 0], np.arange(n_labels + 2))
    other, level = both[order, 1], np.concatenate([height, height])[order]
    out: NDArray[np.float64] = _spill(start, np.ascontiguousarray(other), np.ascontiguousarray(level))
    return out


@njit(cache=True, nogil=True)
def _spill(start: Any, other: Any, level: Any) -> Any:
    n = start.size - 1
    out, done = np.full(n, np.inf), np.zeros(n, dtype=np.bool_)
    size = other.size + 1
    height, cell = np.empty(size), np.empty(size, dtype=np.int64)
    out[0] = -np.inf
    push(height, cell, 0, -np.inf, 0)
    n_heap = 1
    while n_heap > 0:
        c = cell[0]
        n_heap -= 1
        pop(height, cell, n_heap)
        if done[c]:
            continue
        done[c] = True
        for k in range(start[c], start[c + 1]):
            o = other[k]
            reached = max(out[c], level[k])
            if not done[o] and reached < out[o]:
                out[o] = reached
                push(height, cell, n_heap, reached, o)
                n_heap += 1
    return out


@njit(cache=True, nogil=True)
def is_outlet(z: Any, j: int, i: int) -> bool:
    """Whether a known cell lies at the edge of the raster or beside a missing cell."""
    ny, nx = z.shape
    if j == 0 or i == 0 or j == ny - 1 or i == nx - 1:
        return True
    for k in range(8):  # noqa: SIM110 - Numba has no generators
        if np.isnan(z[j + ROW_STEP[k], i + COLUMN_STEP[k]]):
            return True
    return False


@njit(cache=True, nogil=True)
def _is_open(z: Any, j: int, i: int) -> bool:
    """Whether a cell of a framed tile lies beside a missing one."""
    for k in range(8):  # noqa: SIM110 - Numba has no generators
        if np.isnan(z[j + 1 + ROW_STEP[k], i + 1 + COLUMN_STEP[k]]):
            return True
    return False


@njit(cache=True, nogil=True)
def _flood(z: Any, filled: Any, label: Any) -> Any:
    """Fill in place; return the number of labels, and pairs of labels with the level at which they meet."""
    ny, nx = filled.shape
    height, cell = np.empty(4 * (ny + nx) + 16), np.empty(4 * (ny + nx) + 16, dtype=np.int64)
    first, second, meet = np.empty(64, dtype=np.int64), np.empty(64, dtype=np.int64), np.empty(64)
    n_heap, n_labels, n_pairs = 0, 0, 0
    for j in range(ny):
        for i in range(nx):
            if np.isnan(filled[j, i]):
                continue
            is_open = _is_open(z, j, i)
            if is_open or j == 0 or i == 0 or j == ny - 1 or i == nx - 1:
                label[j, i] = 0 if is_open else _WAITING
                if n_heap == height.size:
                    height, cell = _grown(height), _grown_int(cell)
                push(height, cell, n_heap, np.float64(filled[j, i]), j * nx + i)
                n_heap += 1
    # cells at the level that was popped, cells above the one they were seen from, and of these the ones beside lower
    # ground, which must wait for their turn; only they and the edge go on the heap
    low, high, wait = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    while n_heap > 0:
        low[0] = cell[0]
        n_heap -= 1
        pop(height, cell, n_heap)
        n_low, n_high, n_wait = 1, 0, 0
        while n_low + n_high > 0:
            is_low = n_low > 0
            if is_low:
                n_low -= 1
                c = low[n_low]
            else:
                n_high -= 1
                c = high[n_high]
            j, i = c // nx, c % nx
            here, waits = filled[j, i], False
            if label[j, i] == _WAITING:
                n_labels += 1
                label[j, i] = n_labels
            own = label[j, i]
            for k in range(8):
                a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
                if a < 0 or b < 0 or a >= ny or b >= nx:
                    continue
                other, there = label[a, b], filled[a, b]
                if other == _UNSEEN:
                    if there > here:
                        label[a, b] = own
                        if n_high == high.size:
                            high = _grown_int(high)
                        high[n_high] = a * nx + b
                        n_high += 1
                    elif np.isnan(there):
                        continue
                    elif is_low:
                        label[a, b], filled[a, b] = own, here
                        if n_low == low.size:
                            low = _grown_int(low)
                        low[n_low] = a * nx + b
                        n_low += 1
                    else:
                        waits = True
                elif other == _WAITING:
                    if there >= here:
                        label[a, b] = own
                elif other != own:
                    if n_pairs == meet.size:
                        first, second, meet = _grown_int(first), _grown_int(second), _grown(meet)
                    first[n_pairs], second[n_pairs] = min(own, other), max(own, other)
                    meet[n_pairs] = max(np.float64(here), np.float64(there))
                    n_pairs += 1
            if waits:
                if n_wait == wait.size:
                    wait = _grown_int(wait)
                wait[n_wait] = c
                n_wait += 1
        for w in range(n_wait):
            if _has_unseen(filled, label, wait[w] // nx, wait[w] % nx):
                if n_heap == height.size:
                    height, cell = _grown(height), _grown_int(cell)
                push(height, cell, n_heap, np.float64(filled[wait[w] // nx, wait[w] % nx]), wait[w])
                n_heap += 1
    return n_labels, first[:n_pairs], second[:n_pairs], meet[:n_pairs]


@njit(cache=True, nogil=True)
def _has_unseen(filled: Any, label: Any, j: int, i: int) -> bool:
    for k in range(8):
        a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
        inside = 0 <= a < label.shape[0] and 0 <= b < label.shape[1]
        if inside and label[a, b] == _UNSEEN and not np.isnan(filled[a, b]):
            return True
    return False


@njit(cache=True, nogil=True)
def _grown(array: Any) -> Any:
    out = np.empty(2 * array.size, dtype=np.float64)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def _grown_int(array: Any) -> Any:
    out = np.empty(2 * array.size, dtype=np.int64)
    out[: array.size] = array
    return out


@njit(cache=True, nogil=True)
def push(height: Any, cell: Any, n: int, z: float, c: int) -> None:
    """Put one cell on the binary heap."""
    at = n
    while at > 0:
        up = (at - 1) >> 1
        if height[up] <= z:
            break
        height[at], cell[at] = height[up], cell[up]
        at = up
    height[at], cell[at] = z, c


@njit(cache=True, nogil=True)
def pop(height: Any, cell: Any, n: int) -> None:
    """Remove the lowest cell; `n` is the number left."""
    z, c = height[n], cell[n]
    at = 0
    while True:
        low = 2 * at + 1
        if low >= n:
            break
        high = low + 1
        if high < n and height[high] < height[low]:
            low = high
        if z <= height[low]:
            break
        height[at], cell[at] = height[low], cell[low]
        at = low
    height[at], cell[at] = z, c
