"""When rain begins that a flood may come of: before it nothing rises, whatever comes later and however fast."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.accumulation import whole_time

HEAVY_MM = 25.0
"""Rain of WITHIN_H hours from which a flood is thought possible: heavy rain, GB/T 28592-2012."""

MODERATE_MM = 10.0
"""Rain of WITHIN_H hours from which it is no longer light, GB/T 28592-2012."""

WITHIN_H = 24
DRY_MM_H = 0.2
"""An hour with less is dry, as where a town's storm begins."""

_NEVER = np.iinfo(np.int32).max


class Onset(NamedTuple):
    """The first hour of rain that may flood.

    Attributes
    ----------
    step : position in the cube. cause : "rain"; "gap": the rain of that hour is not known; "horizon": nowhere does so
        much fall, or it fell before: the first hour that is looked at.
    """

    step: int
    cause: Literal["rain", "gap", "horizon"]


def rain_onset(cube: xr.DataArray, *, first: int = 0) -> Onset:
    """Return when the rain begins of which a flood may come, anywhere on the map.

    Of each cell the first WITHIN_H hours count whose rain reaches HEAVY_MM: rain begins with their first wet hour. The
    earliest cell decides, since water runs down from anywhere.

    Parameters
    ----------
    cube : (time, y, x) hourly rain, any depth unit, unbroken times. An hour without a value may be heavy from `first`
        on, and counts as none before; a cell without any value is no part of the record.
    first : first hour to look at; the hours before it count in the sums.

    Raises
    ------
    DataError : `first` lies beyond the cube. UnitError : the cube has no depth unit.
    """
    if not 0 <= first < cube.sizes["time"]:
        what = f"rain is looked at from step {first} of {cube.sizes['time']}"
        raise DataError(what, where="rainfall", fix="give rain that reaches into the period")
    data = whole_time(in_units(cube, "mm"))
    stack = da.map_blocks(partial(_begins, first=first), data, chunks=((2,), *data.chunks[1:]), dtype=np.int32,
                          meta=np.empty((0, 0, 0), np.int32))  # fmt: skip
    rain, gap = (int(v) for v in stack.min(axis=(1, 2)).compute())
    if min(rain, gap) == _NEVER or rain < first:
        return Onset(first, "horizon")
    return Onset(rain, "rain") if rain <= gap else Onset(gap, "gap")


def _begins(rain_mm: NDArray[Any], *, first: int) -> NDArray[np.int32]:
    """Return for each cell of (t, y, x) where its heavy rain begins, and its first gap; _NEVER where there is none."""
    values = np.asarray(rain_mm, dtype=np.float64)
    is_lost = np.isnan(values)
    rain = np.where(is_lost, 0.0, np.maximum(values, 0.0))
    total = np.concatenate([np.zeros((1, *rain.shape[1:])), np.cumsum(rain, axis=0)])
    end = np.arange(1, len(rain) + 1)
    heavy = total[end] - total[np.maximum(end - WITHIN_H, 0)] >= HEAVY_MM - 1e-6  # sums of floats
    heavy[:first] = False
    at = np.where(heavy.any(axis=0), heavy.argmax(axis=0), _NEVER)
    hour = np.arange(len(rain))[:, None, None]
    wet = (rain >= DRY_MM_H) & (hour <= at) & (hour > at - WITHIN_H) & (at < _NEVER)
    begins = np.where(wet.any(axis=0), wet.argmax(axis=0), np.where(at < _NEVER, at, _NEVER))
    is_lost &= (hour >= first) & ~is_lost.all(axis=0)
    gap = np.where(is_lost.any(axis=0), is_lost.argmax(axis=0), _NEVER)
    return np.stack([begins, gap]).astype(np.int32)
