"""Amounts of quadrilateral cells given to the square cells they lie on, by area: nothing is lost, nothing made."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

_MOST_CORNERS = 16


def spread_quads(
    amounts: ArrayLike, column: ArrayLike, row: ArrayLike, *, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the amount of each quadrilateral to the unit cells it covers, in proportion to the area in each.

    Parameters
    ----------
    amounts : (n,) any unit; NaN counts as missing.
    column, row : (n, 4) corners in cells of the target (0, 0 is the upper left corner of its first cell), in order
        around a convex quadrilateral, either way.
    shape : rows and columns of the target.

    Returns
    -------
    (sums, known) : (rows, columns) amounts, and the share of each cell that quadrilaterals with an amount cover. What
        lies off the target is not given to it. The sum over all cells is the sum of amounts times the share of each
        quadrilateral on the target, to rounding.

    Raises
    ------
    ValueError : shapes differ, or a corner is not finite.
    """
    a = np.ascontiguousarray(amounts, dtype=np.float64)
    x, y = np.ascontiguousarray(column, dtype=np.float64), np.ascontiguousarray(row, dtype=np.float64)
    if not (a.ndim == 1 and x.shape == y.shape == (a.size, 4) and np.isfinite(x).all() and np.isfinite(y).all()):
        msg = f"amounts {a.shape} with corners {x.shape}, {y.shape}: (n,) with finite (n, 4) needed"
        raise ValueError(msg)
    sums, known = np.zeros(shape), np.zeros(shape)
    _spread(a, x, y, sums, known)
    return sums, known


@njit(cache=True, nogil=True)
def _spread(
    amounts: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    sums: NDArray[np.float64],
    known: NDArray[np.float64],
) -> None:
    n_y, n_x = sums.shape
    strip, piece, spare = np.empty((_MOST_CORNERS, 2)), np.empty((_MOST_CORNERS, 2)), np.empty((_MOST_CORNERS, 2))
    whole = np.empty((_MOST_CORNERS, 2))
    for i in range(amounts.size):
        if np.isnan(amounts[i]):
            continue
        for k in range(4):
            whole[k, 0], whole[k, 1] = x[i, k], y[i, k]
        area = _area(whole, 4)
        if area <= 0.0:
            continue
        for r in range(max(0, int(np.floor(y[i].min()))), min(n_y - 1, int(np.floor(y[i].max()))) + 1):
            n = _clip(whole, 4, 1, float(r), 1.0, spare)
            n = _clip(spare, n, 1, float(r + 1), -1.0, strip)
            if n < 3:
                continue
            low, high = strip[:n, 0].min(), strip[:n, 0].max()
            for c in range(max(0, int(np.floor(low))), min(n_x - 1, int(np.floor(high))) + 1):
                m = _clip(strip, n, 0, float(c), 1.0, spare)
                m = _clip(spare, m, 0, float(c + 1), -1.0, piece)
                part = _area(piece, m)
                sums[r, c] += amounts[i] * part / area
                known[r, c] += part


@njit(cache=True, nogil=True)
def _clip(
    shape: NDArray[np.float64], n: int, axis: int, limit: float, side: float, out: NDArray[np.float64]
) -> int:  # fmt: skip
    """Keep of a convex polygon what lies on one side of a line across an axis (Sutherland & Hodgman 1974)."""
    m = 0
    for k in range(n):
        last = k - 1 if k > 0 else n - 1
        a, b = side * (shape[last, axis] - limit), side * (shape[k, axis] - limit)
        if (a < 0.0 < b) or (b < 0.0 < a):
            t = a / (a - b)
            for j in range(2):
                out[m, j] = shape[last, j] + t * (shape[k, j] - shape[last, j])
            out[m, axis] = limit
            m += 1
        if b >= 0.0:
            out[m, 0], out[m, 1] = shape[k, 0], shape[k, 1]
            m += 1
    return m


@njit(cache=True, nogil=True)
def _area(shape: NDArray[np.float64], n: int) -> float:
    if n < 3:
        return 0.0
    total = 0.0
    for k in range(1, n - 1):  # from the first corner: no loss of digits far from the origin
        total += (shape[k, 0] - shape[0, 0]) * (shape[k + 1, 1] - shape[0, 1])
        total -= (shape[k + 1, 0] - shape[0, 0]) * (shape[k, 1] - shape[0, 1])
    return abs(total) / 2.0
