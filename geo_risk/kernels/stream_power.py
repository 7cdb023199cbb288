"""Drainage towards base level and implicit stream-power incision (n = 1)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _push(keys: F8, cells: I4, n: int, key: float, cell: int) -> int:
    child = n
    while child > 0:
        parent = (child - 1) >> 1
        if keys[parent] < key or (keys[parent] == key and cells[parent] <= cell):
            break
        keys[child], cells[child] = keys[parent], cells[parent]
        child = parent
    keys[child], cells[child] = key, cell
    return n + 1


@njit(cache=True, nogil=True)
def _pop(keys: F8, cells: I4, n: int) -> int:
    last, last_cell = keys[n - 1], cells[n - 1]
    n -= 1
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= n:
            break
        right = child + 1
        if right < n and (keys[right] < keys[child] or (keys[right] == keys[child] and cells[right] < cells[child])):
            child = right
        if last < keys[child] or (last == keys[child] and last_cell <= cells[child]):
            break
        keys[parent], cells[parent] = keys[child], cells[child]
        parent = child
    if n > 0:
        keys[parent], cells[parent] = last, last_cell
    return n


@njit(cache=True, nogil=True)
def drainage(elevation_m: F8, base: B1, step_m: float) -> tuple[F8, I4, I4]:
    """Route every cell to base level: priority flood (Barnes 2014) with a gradient on flats, then D8.

    Parameters
    ----------
    elevation_m : (y, x), finite.
    base : (y, x), cells where water leaves; at least one.
    step_m : rise per cell put on filled flats, > 0.

    Returns
    -------
    filled (y, x) [m] without pits, receiver (y, x) flat index of the cell below (itself at base level), and
    order (n) flat indices from base level upwards: a receiver stands before its donors. Cells that no base cell
    can reach do not occur on a full grid.
    """
    rows, columns = elevation_m.shape
    n_cells = rows * columns
    filled = elevation_m.copy()
    receiver = np.full((rows, columns), -1, np.int32)
    order = np.empty(n_cells, np.int32)
    keys, cells = np.empty(n_cells, np.float64), np.empty(n_cells, np.int32)
    n, done = 0, 0
    for r in range(rows):
        for c in range(columns):
            if base[r, c]:
                receiver[r, c] = r * columns + c
                n = _push(keys, cells, n, filled[r, c], r * columns + c)
    while n > 0:
        cell = cells[0]
        n = _pop(keys, cells, n)
        order[done] = cell
        done += 1
        r, c = cell // columns, cell % columns
        for dr in range(-1, 2):
            for dc in range(-1, 2):
                i, j = r + dr, c + dc
                if 0 <= i < rows and 0 <= j < columns and receiver[i, j] < 0:
                    receiver[i, j] = cell
                    filled[i, j] = max(filled[i, j], filled[r, c] + step_m)
                    n = _push(keys, cells, n, filled[i, j], i * columns + j)
    for k in range(done):
        r, c = order[k] // columns, order[k] % columns
        if base[r, c]:
            continue
        steepest = 0.0
        for dr in range(-1, 2):
            for dc in range(-1, 2):
                i, j = r + dr, c + dc
                if (dr != 0 or dc != 0) and 0 <= i < rows and 0 <= j < columns:
                    fall = (filled[r, c] - filled[i, j]) / np.sqrt(float(dr * dr + dc * dc))
                    if fall > steepest:
                        steepest = fall
                        receiver[r, c] = i * columns + j
    return filled, receiver, order


@njit(cache=True, nogil=True)
def upslope_area(receiver: I4, order: I4, cell_area_m2: float) -> F8:
    """Upslope area [m2] (y, x), own cell included, along the receivers of `drainage`."""
    rows, columns = receiver.shape
    area = np.full(rows * columns, cell_area_m2)
    flat = receiver.ravel()
    for k in range(order.size - 1, -1, -1):
        cell = order[k]
        if flat[cell] != cell:
            area[flat[cell]] += area[cell]
    return area.reshape((rows, columns))


@njit(cache=True, nogil=True)
def incise(
    elevation_m: F8, receiver: I4, order: I4, area_m2: F8, erodibility_dt: F8, uplift_dt_m: F8, spacing_m: float
) -> F8:
    """One implicit step of dz/dt = U - K A^0.5 S (Braun & Willett 2013, eq. 22 with n = 1, m = 0.5).

    Parameters
    ----------
    elevation_m, area_m2 : (y, x).
    receiver, order : as from `drainage`.
    erodibility_dt : (y, x), K dt [1] (m^(1-2m) = 1 for m = 0.5).
    uplift_dt_m : (y, x), U dt; base cells are given theirs too (use 0 to hold them).
    spacing_m : cell size.
    """
    columns = elevation_m.shape[1]
    out = elevation_m.copy()
    for k in range(order.size):
        cell = order[k]
        r, c = cell // columns, cell % columns
        below = receiver[r, c]
        raised = elevation_m[r, c] + uplift_dt_m[r, c]
        if below == cell:
            out[r, c] = raised
            continue
        i, j = below // columns, below % columns
        distance = spacing_m * np.sqrt(float((r - i) ** 2 + (c - j) ** 2))
        factor = erodibility_dt[r, c] * np.sqrt(area_m2[r, c]) / distance
        value = (raised + factor * out[i, j]) / (1 + factor)
        out[r, c] = value if value > out[i, j] else min(raised, out[i, j])
    return out


@njit(cache=True, nogil=True)
def cap_slope(elevation_m: F8, steepest: F8, spacing_m: float, sweeps: int) -> F8:
    """Lower cells until none stands more than `steepest` (tangent, (y, x)) times the distance above a neighbour.

    Forward and backward sweeps; material is taken away, none is laid down. `sweeps` pairs are made.
    """
    rows, columns = elevation_m.shape
    out = elevation_m.copy()
    diagonal = spacing_m * np.sqrt(2.0)
    for sweep in range(2 * sweeps):
        forward = sweep % 2 == 0
        for a in range(rows):
            r = a if forward else rows - 1 - a
            for b in range(columns):
                c = b if forward else columns - 1 - b
                top = out[r, c]
                for dr in range(-1, 2):
                    for dc in range(-1, 2):
                        i, j = r + dr, c + dc
                        if (dr != 0 or dc != 0) and 0 <= i < rows and 0 <= j < columns:
                            distance = diagonal if dr != 0 and dc != 0 else spacing_m
                            limit = out[i, j] + steepest[r, c] * distance
                            top = min(top, limit)
                out[r, c] = top
    return out
