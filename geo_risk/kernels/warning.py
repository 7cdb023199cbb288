"""Warning levels of cells from their trigger rain and coarse rain fields, without the fields on the fine grid.

A lattice holds the fractional row and column in the rain field of every `step`-th cell of the run grid; the place of a
cell between them is interpolated, so that a block and a single cell get the same place to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

UNKNOWN = -1
CERTAIN = 2
"""Level from which a lower bound of the rain says enough (yellow: it is public); below it unknown is graver."""
_SNAP = 1e-6
"""A place this near to a cell centre of the rain field is on it, so that equal lattices are copied exactly."""


def cell_levels(
    trigger_mm: NDArray[Any],
    rain_mm: NDArray[Any],
    lattice: NDArray[Any],
    *,
    step: int,
    origin: tuple[int, int],
    least_mm: NDArray[Any] | None = None,
) -> NDArray[np.int8]:
    """Level of each cell of a block by several rain fields.

    Parameters
    ----------
    trigger_mm : (4, y, x) rain from which the cell is level 1 to 4 [mm]; NaN where unknown.
    rain_mm : (stage, Y, X) rain fields [mm]; NaN where unknown.
    lattice : (2, i, j) fractional row and column in the fields of the run grid's cells (step i, step j).
    step, origin : of the lattice; first row and column of the block in the run grid.
    least_mm : as `rain_mm`, what the rain is at least where it is unknown.

    Returns
    -------
    (stage, y, x) int8: the highest level whose trigger the rain reaches, 0 where it reaches none; -1 where a trigger
    or the rain is unknown, unless the least rain reaches `CERTAIN` or more. The rain is bilinear between the four
    centres; NaN where one that has weight is, and more than half a cell outside the field.
    """
    least = rain_mm if least_mm is None else least_mm
    levels: NDArray[np.int8] = _levels(
        np.ascontiguousarray(trigger_mm, dtype=np.float64), np.ascontiguousarray(rain_mm, dtype=np.float64),
        np.ascontiguousarray(least, dtype=np.float64), np.ascontiguousarray(lattice, dtype=np.float64), step, origin[0],
        origin[1],
    )  # fmt: skip
    return levels


def rain_at(
    rain_mm: NDArray[Any], lattice: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], *, step: int
) -> NDArray[np.float64]:
    """Rain (field, n) of single cells (rows, columns) of the run grid, the same as `cell_levels` compares."""
    found: NDArray[np.float64] = _rain_at(
        np.ascontiguousarray(rain_mm, dtype=np.float64), np.ascontiguousarray(lattice, dtype=np.float64),
        np.ascontiguousarray(rows, dtype=np.int64), np.ascontiguousarray(columns, dtype=np.int64), step,
    )  # fmt: skip
    return found


def first_hours(
    highest_mm: NDArray[Any],
    lattice: NDArray[Any],
    rows: NDArray[Any],
    columns: NDArray[Any],
    trigger_mm: NDArray[Any],
    *,
    step: int,
) -> NDArray[np.float64]:
    """First hour (1 = the first of the horizon) at which the rain reaches each cell's trigger.

    Parameters
    ----------
    highest_mm : (hour, Y, X) running maximum of rain, never falling; once NaN it stays NaN.
    lattice, step : as in `cell_levels`. rows, columns : (n,). trigger_mm : (n,) [mm].

    Returns
    -------
    (n,) hours; inf where it is not reached within the horizon, NaN where the trigger or the rain is unknown.
    """
    found: NDArray[np.float64] = _first_hours(
        np.ascontiguousarray(highest_mm, dtype=np.float64), np.ascontiguousarray(lattice, dtype=np.float64),
        np.ascontiguousarray(rows, dtype=np.int64), np.ascontiguousarray(columns, dtype=np.int64),
        np.ascontiguousarray(trigger_mm, dtype=np.float64), step,
    )  # fmt: skip
    return found


@njit(cache=True, nogil=True)
def _place(lattice: Any, step: int, row: int, column: int) -> Any:
    i, j = row // step, column // step
    down, right = (row - i * step) / step, (column - j * step) / step
    ul, ur, ll, lr = (1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right
    r = ul * lattice[0, i, j] + ur * lattice[0, i, j + 1] + ll * lattice[0, i + 1, j] + lr * lattice[0, i + 1, j + 1]
    c = ul * lattice[1, i, j] + ur * lattice[1, i, j + 1] + ll * lattice[1, i + 1, j] + lr * lattice[1, i + 1, j + 1]
    near_r, near_c = np.rint(r), np.rint(c)
    return near_r if abs(r - near_r) < _SNAP else r, near_c if abs(c - near_c) < _SNAP else c


@njit(cache=True, nogil=True)
def _inside(n_y: int, n_x: int, r: float, c: float) -> bool:
    return -0.5 <= r <= n_y - 0.5 and -0.5 <= c <= n_x - 0.5


@njit(cache=True, nogil=True)
def _corners(n_y: int, n_x: int, r: float, c: float) -> Any:
    """Return rows and columns of the four corners of a place inside, and their weights."""
    r, c = min(max(r, 0.0), n_y - 1.0), min(max(c, 0.0), n_x - 1.0)
    r0, c0 = int(r), int(c)
    down, right = r - r0, c - c0
    weights = (1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right
    return (r0, min(r0 + 1, n_y - 1), c0, min(c0 + 1, n_x - 1)), weights


@njit(cache=True, nogil=True)
def _value(field: Any, f: int, at: Any, weights: Any) -> float:
    r0, r1, c0, c1 = at
    ul, ur, ll, lr = weights
    out = 0.0  # a corner without weight may be unknown
    if ul > 0:
        out += ul * field[f, r0, c0]
    if ur > 0:
        out += ur * field[f, r0, c1]
    if ll > 0:
        out += ll * field[f, r1, c0]
    if lr > 0:
        out += lr * field[f, r1, c1]
    low, high = np.inf, -np.inf
    for k in range(4):
        if weights[k] > 0:
            corner = field[f, at[k // 2], at[2 + k % 2]]
            low, high = min(low, corner), max(high, corner)
    kept: float = _between(out, low, high)
    return kept


@njit(cache=True, nogil=True)
def _between(value: float, low: float, high: float) -> float:
    """Return interpolated rain kept between its corners; NaN stays.

    Their weights do not add up to 1 to the last bit: even rain of just a trigger must reach it.
    """
    return low if value < low else high if value > high else value


@njit(cache=True, nogil=True)
def _level(value: float, t1: float, t2: float, t3: float, t4: float) -> int:
    level = 0
    if value >= t1:
        level = 1
    if value >= t2:
        level = 2
    if value >= t3:
        level = 3
    if value >= t4:
        level = 4
    return level


@njit(cache=True, nogil=True)
def _levels(trigger: Any, rain: Any, least: Any, lattice: Any, step: int, r0: int, c0: int) -> Any:
    n_s, n_yy, n_xx = rain.shape
    _, n_y, n_x = trigger.shape
    out = np.full((n_s, n_y, n_x), UNKNOWN, dtype=np.int8)
    for y in range(n_y):
        for x in range(n_x):
            t1, t2, t3, t4 = trigger[0, y, x], trigger[1, y, x], trigger[2, y, x], trigger[3, y, x]
            if np.isnan(t1) or np.isnan(t2) or np.isnan(t3) or np.isnan(t4):
                continue
            r, c = _place(lattice, step, r0 + y, c0 + x)
            if not _inside(n_yy, n_xx, r, c):
                continue
            at, weights = _corners(n_yy, n_xx, r, c)
            i0, i1, j0, j1 = at
            ul, ur, ll, lr = weights
            whole = ul > 0 and ur > 0 and ll > 0 and lr > 0
            for s in range(n_s):
                if whole:  # the common case, as `_value` but without branches: a quarter less time
                    a, b, d, e = rain[s, i0, j0], rain[s, i0, j1], rain[s, i1, j0], rain[s, i1, j1]
                    value = ul * a + ur * b + ll * d + lr * e
                    value = _between(value, min(a, b, d, e), max(a, b, d, e))
                else:
                    value = _value(rain, s, at, weights)
                if not np.isnan(value):
                    out[s, y, x] = _level(value, t1, t2, t3, t4)
                    continue
                value = _value(least, s, at, weights)
                level = _level(value, t1, t2, t3, t4)
                if level >= CERTAIN:
                    out[s, y, x] = level
    return out


@njit(cache=True, nogil=True)
def _rain_at(rain: Any, lattice: Any, rows: Any, columns: Any, step: int) -> Any:
    n_f = rain.shape[0]
    out = np.full((n_f, rows.size), np.nan)
    for i in range(rows.size):
        r, c = _place(lattice, step, rows[i], columns[i])
        if _inside(rain.shape[1], rain.shape[2], r, c):
            at, weights = _corners(rain.shape[1], rain.shape[2], r, c)
            for f in range(n_f):
                out[f, i] = _value(rain, f, at, weights)
    return out


@njit(cache=True, nogil=True)
def _first_hours(highest: Any, lattice: Any, rows: Any, columns: Any, trigger: Any, step: int) -> Any:
    n_h = highest.shape[0]
    out = np.full(rows.size, np.nan)
    for i in range(rows.size):
        r, c = _place(lattice, step, rows[i], columns[i])
        if np.isnan(trigger[i]) or not _inside(highest.shape[1], highest.shape[2], r, c):
            continue
        at, weights = _corners(highest.shape[1], highest.shape[2], r, c)
        low, high = 0, n_h
        while low < high:
            middle = (low + high) // 2
            value = _value(highest, middle, at, weights)
            if value < trigger[i]:
                low = middle + 1
            else:
                high = middle
        if low == n_h:
            out[i] = np.inf
        elif not np.isnan(_value(highest, low, at, weights)):
            out[i] = low + 1.0
    return out
