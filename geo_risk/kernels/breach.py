"""The cheapest way to let water out of a hollow: which cells to cut, and how deep."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP, pop, push

_CUT_COST = 100.0
"""Cost of a metre cut where nothing opens the ground, against a metre where an opening does."""

_STEP_COST = 1e-3
"""Cost of a cell side on the way, so that of two ways without a cut the shorter one is taken."""


def least_cost_way(
    elevation: NDArray[Any], start: tuple[int, int], is_opening: NDArray[np.bool_], is_end: NDArray[np.bool_],
    *, level: float,
) -> NDArray[np.int64] | None:  # fmt: skip
    """Find the way out of a hollow on which the least earth above a level must go.

    Least-cost breaching (Lindsay & Dhun 2015, Int. J. Geographical Information Science 29(5)), with cuts through
    openings a hundredth as dear as elsewhere (choice of geo_risk: water passes there, whatever the DEM shows).

    Parameters
    ----------
    elevation : (y, x) [m], NaN where missing: no way leads there.
    start : row and column of the lowest cell of a hollow. is_opening : (y, x) cells that a bridge or culvert opens.
    is_end : (y, x) cells where water is out: beyond the hollow, and below the level when all other hollows are full.
    level : to which water is let out [m], at least the height of the start.

    Returns
    -------
    (n, 2) rows and columns from `start` to the cheapest end; None where there is none.

    Raises
    ------
    ValueError : shapes differ, or the start has no height.
    """
    z = np.ascontiguousarray(elevation, dtype=np.float64)
    if not z.shape == is_opening.shape == is_end.shape or not z[start] <= level:
        msg = (
            f"elevation {z.shape}, openings {is_opening.shape}, ends {is_end.shape}, {z[start]} m at the start, level "
            f"{level} m: one shape, and a start not above the level needed"
        )
        raise ValueError(msg)
    cost = np.where(is_opening, 1.0, _CUT_COST)
    first = start[0] * z.shape[1] + start[1]
    from_cell, end = _search(z, cost, first, float(level), np.ascontiguousarray(is_end).ravel())
    if end < 0:
        return None
    way = [end]
    while way[-1] != first:
        way.append(from_cell[way[-1]])
    rows, columns = np.divmod(np.array(way[::-1], dtype=np.int64), z.shape[1])
    return np.stack([rows, columns], axis=1)


def cut_along(elevation: NDArray[Any], way: NDArray[np.int64], *, level: float) -> NDArray[np.float64]:
    """Heights along a way after the cut: nowhere above the ground, nor above an even fall from a level to its end.

    Parameters
    ----------
    elevation : (y, x) [m]. way : (n, 2) as `least_cost_way` gives it for the level [m].

    Returns
    -------
    (n,) [m]; the last one is the ground's.
    """
    z = np.asarray(elevation, dtype=np.float64)[way[:, 0], way[:, 1]]
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way, axis=0).T))])
    even = level + (z[-1] - level) * length / length[-1]
    return np.asarray(np.minimum(z, even), dtype=np.float64)


@njit(cache=True, nogil=True)
def _search(z: Any, cost: Any, first: int, level: float, is_end: Any) -> Any:
    """Return from which cell each was reached, and the flat index of the cheapest end, -1 none."""
    n_y, n_x = z.shape
    flat, dear = z.ravel(), cost.ravel()
    size = 8 * z.size + 1
    best, done = np.full(z.size, np.inf), np.zeros(z.size, dtype=np.bool_)
    from_cell = np.full(z.size, -1, dtype=np.int64)
    heap_cost, heap_cell = np.empty(size), np.empty(size, dtype=np.int64)
    best[first] = 0.0
    push(heap_cost, heap_cell, 0, 0.0, first)
    n = 1
    while n > 0:
        c = heap_cell[0]
        n -= 1
        pop(heap_cost, heap_cell, n)
        if done[c]:
            continue
        done[c] = True
        if is_end[c]:
            return from_cell, c
        j, i = c // n_x, c % n_x
        for k in range(8):
            a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
            if a < 0 or b < 0 or a >= n_y or b >= n_x or math.isnan(z[a, b]):
                continue
            o = a * n_x + b
            length = 1.4142135623730951 if k % 2 == 1 else 1.0
            reached = best[c] + dear[o] * max(flat[o] - level, 0.0) + _STEP_COST * length
            if reached < best[o]:
                best[o] = reached
                from_cell[o] = c
                push(heap_cost, heap_cell, n, reached, o)
                n += 1
    return from_cell, -1
