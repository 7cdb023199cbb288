"""Levels 0-4 with -1 for unknown, and how they combine."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import reduce

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import DataError


class Level(IntEnum):
    """Hazard, risk and warning levels; UNKNOWN is never shown, ranked or summed as safe."""

    UNKNOWN = -1
    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    VERY_HIGH = 4


def combine_levels(*levels: ArrayLike) -> NDArray[np.int8]:
    """Combine levels that describe the same places: the highest known wins, but unknown beats none and low.

    Parameters
    ----------
    levels : arrays of one shape, int -1..4.

    Returns
    -------
    int8 array. A place is unknown where any input is unknown and no input reaches MEDIUM: a known "low" says
    nothing of the hazard that was not looked at.

    Raises
    ------
    DataError : no input, or a value outside -1..4.
    """
    if not levels:
        what = "no levels to combine"
        raise DataError(what, where="combine_levels", fix="pass at least one array of levels")
    arrays = [_checked(level) for level in levels]
    highest = reduce(np.maximum, arrays)
    any_unknown = reduce(np.logical_or, [a == Level.UNKNOWN for a in arrays])
    return np.where(any_unknown & (highest < Level.MEDIUM), Level.UNKNOWN, highest).astype(np.int8)


def _checked(level: ArrayLike) -> NDArray[np.int8]:
    array = np.asarray(level)
    good = (array >= Level.UNKNOWN) & (array <= Level.VERY_HIGH) & (array == np.floor(array))
    if not good.all():
        what = f"levels hold {array[~good].ravel()[0]!r}; integers -1..4 needed"
        raise DataError(what, where="combine_levels", fix="use -1 for unknown")
    return array.astype(np.int8)


def classify(values: NDArray[np.floating], lower_bounds: Sequence[float]) -> NDArray[np.int8]:
    """Return the level whose lower bound each value reaches; NaN gives unknown.

    Parameters
    ----------
    values : any shape, the unit of the bounds.
    lower_bounds : up to four strictly increasing lower bounds of the levels 1, 2, 3, 4 (each belongs to its level).
    """
    bounds = np.asarray(lower_bounds, dtype=np.float64)
    if not (1 <= bounds.size <= 4 and np.isfinite(bounds).all() and (np.diff(bounds) > 0).all()):
        what = f"level bounds are {list(lower_bounds)}; one to four increasing numbers needed"
        raise DataError(what, where="classify", fix="sort the bounds and remove repeats")
    level = np.searchsorted(bounds, values, side="right").astype(np.int8)
    return np.where(np.isnan(values), np.int8(Level.UNKNOWN), level)


def classify_layer(layer: xr.DataArray, lower_bounds: Sequence[float], *, long_name: str) -> xr.DataArray:
    """Return the int8 level layer of a float layer; lazy stays lazy, NaN becomes unknown."""
    out: xr.DataArray = xr.apply_ufunc(
        classify,
        layer,
        kwargs={"lower_bounds": tuple(lower_bounds)},
        dask="parallelized",
        output_dtypes=[np.int8],
    )
    return out.assign_attrs(units="level", long_name=long_name)


def combine_level_layers(*layers: xr.DataArray, long_name: str) -> xr.DataArray:
    """Combine level layers on one grid as `combine_levels` does; coordinates must be equal."""
    out: xr.DataArray = xr.apply_ufunc(
        combine_levels, *layers, join="exact", dask="parallelized", output_dtypes=[np.int8]
    )
    return out.assign_attrs(units="level", long_name=long_name)
