"""Sums along D8 directions: upslope area, or any weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.d8 import downstream
from geo_risk.kernels.priority_flood import MISSING


def accumulate(direction: NDArray[np.int8], order: NDArray[np.int64], weight: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Sum of a weight over every cell's upslope area, the cell itself included.

    Parameters
    ----------
    direction, order : as `d8.flow_direction` and `d8.drainage_order` return them.
    weight : number or (y, x), for example the cell area [m2] or runoff [m3]; a NaN weight makes everything
        downstream NaN.

    Returns
    -------
    (y, x) float64 in the unit of the weight; NaN where the direction is MISSING.
    """
    total = np.array(np.broadcast_to(np.asarray(weight, dtype=np.float64), direction.shape))
    _sum_down(direction.ravel(), order, total.reshape(-1), direction.shape[1])
    total[direction == MISSING] = np.nan
    return total


@njit(cache=True, nogil=True)
def _sum_down(direction: Any, order: Any, total: Any, n_x: int) -> None:
    for k in range(order.size):
        c = order[k]
        below = downstream(c, direction[c], n_x)
        if below >= 0:
            total[below] += total[c]


def first_marked_downstream(
    direction: NDArray[np.int8], order: NDArray[np.int64], marks: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """Mark (> 0) of the first marked cell on each cell's way down, its own included; 0 where there is none.

    Gives catchments when outlets, pour points or depressions are marked.

    Parameters
    ----------
    direction, order : as above.
    marks : (y, x) integers; 0 is unmarked.
    """
    out = np.where(direction == MISSING, 0, marks).astype(np.int64)
    _inherit(direction.ravel(), order, out.reshape(-1), direction.shape[1])
    return out


@njit(cache=True, nogil=True)
def _inherit(direction: Any, order: Any, marks: Any, n_x: int) -> None:
    for k in range(order.size - 1, -1, -1):
        c = order[k]
        if marks[c] == 0:
            below = downstream(c, direction[c], n_x)
            if below >= 0:
                marks[c] = marks[below]
