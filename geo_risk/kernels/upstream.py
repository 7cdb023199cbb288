"""The cells whose water comes into a given place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.d8 import drainage_order
from geo_risk.kernels.priority_flood import COLUMN_STEP, OUTLET, ROW_STEP


def upstream_of(direction: NDArray[np.int8], place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells outside a place whose water enters it somewhere on its way.

    Parameters
    ----------
    direction : (y, x) D8 codes, as `d8.flow_direction` gives them. place : (y, x).

    Returns
    -------
    (y, x) bool, False inside the place and where the direction is missing.

    Raises
    ------
    ValueError : shapes differ, or the directions form a ring or point outside the raster.
    """
    if direction.shape != place.shape:
        msg = f"place has shape {place.shape}; {direction.shape} needed"
        raise ValueError(msg)
    order = drainage_order(direction)
    return np.asarray(_mark(direction.ravel(), order, np.ascontiguousarray(place).ravel(), direction.shape[1])).reshape(
        direction.shape
    )


@njit(cache=True, nogil=True)
def _mark(direction: Any, order: Any, place: Any, n_columns: int) -> Any:
    """Go from the outlets up: a cell leads into the place if the next one is in it or leads into it."""
    leads = np.zeros(direction.size, np.bool_)
    for k in range(order.size - 1, -1, -1):
        cell = order[k]
        if direction[cell] == OUTLET or place[cell]:
            continue
        receiver = cell + ROW_STEP[direction[cell]] * n_columns + COLUMN_STEP[direction[cell]]
        leads[cell] = place[receiver] or leads[receiver]
    return leads
