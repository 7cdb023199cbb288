"""Cells whose upslope area may reach beyond the raster or into missing ground: what is known of it is a part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.d8 import downstream
from geo_risk.kernels.priority_flood import is_outlet


def unseen_inflow(filled: NDArray[Any], direction: NDArray[np.int8], order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the cells at the edge of the raster and beside missing ones, and all cells below them.

    Whatever drains in from unseen ground comes through such a cell, so the upslope area of the others is whole; that of
    the marked ones is a lower bound.

    Parameters
    ----------
    filled : (y, x) surface without depressions [m], NaN where missing.
    direction, order : as `d8.flow_direction` and `d8.drainage_order` return them.

    Returns
    -------
    (y, x) bool; False where the height is missing.
    """
    out = np.zeros(filled.shape, dtype=np.bool_)
    _mark_edges(np.ascontiguousarray(filled), direction, out)
    _carry_marks(direction.ravel(), order, out.reshape(-1), direction.shape[1])
    return out


@njit(cache=True, nogil=True)
def _mark_edges(z: Any, direction: Any, marks: Any) -> None:
    for j in range(z.shape[0]):
        for i in range(z.shape[1]):
            marks[j, i] = direction[j, i] >= 0 and is_outlet(z, j, i)


@njit(cache=True, nogil=True)
def _carry_marks(direction: Any, order: Any, marks: Any, n_x: int) -> None:
    for k in range(order.size):
        c = order[k]
        if marks[c]:
            below = downstream(c, direction[c], n_x)
            if below >= 0:
                marks[below] = True
