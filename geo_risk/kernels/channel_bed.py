"""Beds of channels: how far their slope is from the least at which a debris flow can start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.d8 import fall_downstream
from geo_risk.kernels.priority_flood import OUTLET


def least_tangent(
    upslope_area_m2: NDArray[Any], *, factor: float, exponent: float, floor: float
) -> NDArray[np.float64]:
    """Least tangent of a bed that is a source: max(floor, factor A^-exponent), A in km2.

    Parameters
    ----------
    upslope_area_m2 : any shape, > 0 [m2]. floor : tangent that the curve does not fall below.

    Returns
    -------
    float64 [1]; NaN where the area is not positive.
    """
    area = np.asarray(upslope_area_m2, np.float64)
    good = area > 0
    curve = factor * (np.where(good, area, 1.0) / 1e6) ** -exponent
    return np.where(good, np.maximum(curve, floor), np.nan)


def bed_tangent(
    filled: NDArray[Any], direction: NDArray[np.int8], where: NDArray[np.bool_], *, n_steps: int, cell_m: float
) -> NDArray[np.float64]:
    """Tangent of the bed's slope over the next `n_steps` cells downstream (fewer where the water leaves the raster).

    Parameters
    ----------
    filled, direction : (y, x) as `kernels.priority_flood` and `kernels.d8` make them. where : cells to look from.

    Returns
    -------
    (y, x) float64 [1]; NaN elsewhere, where a height is missing, and on outlets: the bed beyond is not known.
    """
    fall = fall_downstream(direction, filled, where, n_steps) / cell_m
    return np.where(where & (direction >= 0) & (direction != OUTLET), fall, np.nan)
