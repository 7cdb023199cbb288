"""Filling of depressions by priority flood, with the cell from which each cell was reached."""

from __future__ import annotations

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


def fill(elevation: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Raise every cell to the lowest level from which its water finds a way out; exact, eight neighbours.

    Barnes, Lehman & Mulla (2014), Computers & Geosciences 62, algorithm 2: a heap for rising ground and a plain
    queue for hollows. The edge of the raster and cells beside a missing one are outlets.

    Parameters
    ----------
    elevation : (y, x) floats [m]; NaN is missing. Infinite values are refused.

    Returns
    -------
    filled : (y, x), the input's float type, >= elevation, NaN where that is.
    parent : (y, x) int8, direction code (see `d8`) towards the cell from which the flood came; OUTLET at outlets,
        MISSING where the elevation is missing. Following the parents always ends at an outlet.

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
    filled, parent = z.copy(), np.full(z.shape, MISSING, dtype=np.int8)
    _flood(z, filled, parent)
    return filled, parent


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
def _flood(z: Any, filled: Any, parent: Any) -> None:
    ny, nx = z.shape
    size = 4 * (ny + nx) + 16
    height, cell, turn = np.empty(size), np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    n_heap, serial = 0, 0
    for j in range(ny):
        for i in range(nx):
            if not np.isnan(z[j, i]) and is_outlet(z, j, i):
                parent[j, i] = OUTLET
                if n_heap == height.size:
                    height, cell, turn = _grown(height), _grown_int(cell), _grown_int(turn)
                _push(height, cell, turn, n_heap, np.float64(z[j, i]), j * nx + i, serial)
                n_heap += 1
                serial += 1
    queue = np.empty(1024, dtype=np.int64)
    head, tail = 0, 0
    while n_heap > 0 or head < tail:
        if head < tail:
            c = queue[head]
            head += 1
            if head == tail:
                head = tail = 0
        else:
            c = cell[0]
            n_heap -= 1
            _pop(height, cell, turn, n_heap)
        j, i = c // nx, c % nx
        level = filled[j, i]
        for k in range(8):
            a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
            if a < 0 or b < 0 or a >= ny or b >= nx or parent[a, b] != MISSING or np.isnan(z[a, b]):
                continue
            parent[a, b] = np.int8((k + 4) % 8)
            if z[a, b] <= level:
                filled[a, b] = level
                if tail == queue.size:
                    queue = _grown_int(queue)
                queue[tail] = a * nx + b
                tail += 1
            else:
                if n_heap == height.size:
                    height, cell, turn = _grown(height), _grown_int(cell), _grown_int(turn)
                _push(height, cell, turn, n_heap, np.float64(z[a, b]), a * nx + b, serial)
                n_heap += 1
                serial += 1


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
def _push(height: Any, cell: Any, turn: Any, n: int, z: float, c: int, serial: int) -> None:
    """Put one cell on the binary heap; among equal heights the first come is first."""
    at = n
    while at > 0:
        up = (at - 1) >> 1
        if height[up] < z or (height[up] == z and turn[up] < serial):
            break
        height[at], cell[at], turn[at] = height[up], cell[up], turn[up]
        at = up
    height[at], cell[at], turn[at] = z, c, serial


@njit(cache=True, nogil=True)
def _pop(height: Any, cell: Any, turn: Any, n: int) -> None:
    """Remove the lowest cell; `n` is the number left."""
    z, c, serial = height[n], cell[n], turn[n]
    at = 0
    while True:
        low = 2 * at + 1
        if low >= n:
            break
        high = low + 1
        if high < n and (height[high] < height[low] or (height[high] == height[low] and turn[high] < turn[low])):
            low = high
        if z < height[low] or (z == height[low] and serial < turn[low]):
            break
        height[at], cell[at], turn[at] = height[low], cell[low], turn[low]
        at = low
    height[at], cell[at], turn[at] = z, c, serial
