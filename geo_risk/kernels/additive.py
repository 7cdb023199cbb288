"""What each factor adds to a logit, cell by cell, in place: one pass over memory a factor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

QUANTILE, SECTOR, CATEGORY = 0, 1, 2
"""Kinds of classes: between bounds, sectors of 45 degrees centred on north, and codes."""


@njit(cache=True, nogil=True, boundscheck=False)
def add_classes(
    out: NDArray[np.float64],
    values: NDArray[Any],
    slope: NDArray[Any],
    kind: int,
    bounds: NDArray[np.float64],
    table: NDArray[np.float64],
    flat: bool,
) -> None:
    """Add the table's value of each cell's class to `out`; NaN where the class is unknown.

    Parameters
    ----------
    out : (cell,) changed in place.
    values : (cell,) of the factor, NaN unknown. slope : (cell,), 0 on flat ground; of one cell where it is not needed.
    kind : QUANTILE by rising inner `bounds`, SECTOR, or CATEGORY by rising codes in `bounds`.
    table : (class,) what is added. flat : whether its last class is for flat cells, where the factor is NaN.
    """
    n = len(bounds)
    for i in range(len(out)):
        v = values[i]
        if np.isnan(v):
            out[i] += table[-1] if flat and slope[i] == 0 else np.nan
        elif kind == SECTOR:
            out[i] += table[int(np.floor((v + 22.5) / 45)) % 8]
        else:
            low, high = 0, n
            while low < high:  # first bound above v
                middle = (low + high) // 2
                if bounds[middle] <= v:
                    low = middle + 1
                else:
                    high = middle
            if kind == QUANTILE:
                out[i] += table[low]
            elif low > 0 and bounds[low - 1] == v:
                out[i] += table[low - 1]
            else:
                out[i] = np.nan


@njit(cache=True, nogil=True, boundscheck=False)
def add_linear(
    out: NDArray[np.float64],
    values: NDArray[Any],
    slope: NDArray[Any],
    weight: float,
    flat: bool,
) -> None:
    """Add weight times value to `out` in place; NaN where it is unknown, nothing on flat cells if `flat`."""
    for i in range(len(out)):
        v = values[i]
        if not (flat and np.isnan(v) and slope[i] == 0):
            out[i] += weight * v


@njit(cache=True, nogil=True, boundscheck=False)
def add_direction(
    out: NDArray[np.float64], values: NDArray[Any], slope: NDArray[Any], east: float, north: float
) -> None:
    """Add east sin + north cos of an aspect [degree] to `out` in place; nothing on flat cells, NaN where unknown."""
    for i in range(len(out)):
        v = values[i]
        if not np.isnan(v):
            angle = np.deg2rad(v)
            out[i] += east * np.sin(angle) + north * np.cos(angle)
        elif slope[i] != 0:
            out[i] = np.nan


@njit(cache=True, nogil=True, boundscheck=False)
def to_probability(logit: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(-logit)) as float32; NaN stays NaN."""
    out = np.empty(len(logit), dtype=np.float32)
    for i in range(len(logit)):
        v = logit[i]
        e = np.exp(-abs(v))
        out[i] = 1 / (1 + e) if v >= 0 else e / (1 + e)
    return out
