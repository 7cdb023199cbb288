"""The wettest hours of each cell, one by one, and the rain of the days before them."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.accumulation import field, running_sum, wet_gaps, whole_time


class Wettest(NamedTuple):
    """The window whose sum `accumulation.accumulate` tells; each (y, x) float32, lazy, on the rain's own grid.

    Attributes
    ----------
    hours_mm : rain of each hour of the window in order [mm]; NaN where no window is known.
    before_mm : rain of the time before the window as far as it is known [mm]; NaN where no window is known.
    before_known : share of the hours of that time that are known [1].
    """

    hours_mm: tuple[xr.DataArray, ...]
    before_mm: xr.DataArray
    before_known: xr.DataArray


def wettest(
    cube: xr.DataArray, hours: int, *, before_h: int, first: int = 0, how: str = "maximum", gaps_wet: bool = False
) -> Wettest:
    """Take apart the window of the largest (or the last) sum of each cell.

    Parameters
    ----------
    cube : (time, y, x) hourly rain, any depth unit, unbroken times.
    hours : length of the window. before_h : length of the time before it [h].
    first, how, gaps_wet : as `accumulation.accumulate`; of equal sums the earliest window counts. What fell before the
        window is told as far as it is known, whatever gaps count for.

    Raises
    ------
    DataError : a length or `how` makes no sense. UnitError : the cube has no depth unit.
    """
    if not (hours >= 1 and before_h >= 0 and how in ("maximum", "ending") and 0 <= first < cube.sizes["time"]):
        what = f"the {how!r} window of {hours} h, {before_h} h after a start, from step {first} cannot be taken"
        raise DataError(what, where="rainfall", fix="use `maximum` or `ending`, and one hour or more")
    data = whole_time(in_units(cube, "mm"))
    take = partial(_taken, hours=hours, before_h=before_h, first=first, how=how, gaps_wet=gaps_wet)
    chunks = ((hours + 2,), *data.chunks[1:])
    stack = da.map_blocks(take, data, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    rain = tuple(
        field(cube, stack[k], name=f"wettest_hour_{k}", long_name=f"rain of hour {k + 1} of the window")
        for k in range(hours)
    )
    before = field(cube, stack[hours], name="rain_before", long_name=f"rain of the {before_h} h before the window")
    known = field(cube, stack[hours + 1], name="rain_before_known", long_name="share of known hours", units="1")
    return Wettest(rain, before, known)


def _taken(
    rain: NDArray[Any], *, hours: int, before_h: int, first: int, how: str, gaps_wet: bool
) -> NDArray[np.float32]:
    n_t = rain.shape[0]
    out = np.full((hours + 2, *rain.shape[1:]), np.nan, dtype=np.float32)
    is_running = how == "maximum"
    start = max(first, hours - 1) if is_running else n_t - 1
    sums = running_sum(rain, hours)[start:]
    if not sums.shape[0]:
        return out
    # of windows with a gap what is known of them counts, or more, as in `accumulate`
    counted = wet_gaps(rain, since=start - hours + 1) if gaps_wet and is_running else np.nan_to_num(rain)
    held = running_sum(counted, hours)[start:] if is_running else sums
    end = start + np.where(np.isfinite(held), held, -np.inf).argmax(axis=0)  # the window's last hour
    there = np.isfinite(sums).any(axis=0)
    for k in range(hours):
        at = np.take_along_axis(counted, np.maximum(end - hours + 1 + k, 0)[None], axis=0)[0]
        out[k] = np.where(there, at, np.nan)
    gone = np.isnan(rain)
    zero = np.zeros((1, *rain.shape[1:]))
    total = np.concatenate([zero, np.cumsum(np.where(gone, 0.0, rain).astype(np.float64), axis=0)])
    count = np.concatenate([zero, np.cumsum(~gone, axis=0)])
    to = np.maximum(end - hours + 1, 0)[None]
    since = np.maximum(to - before_h, 0)
    fallen, n_known = (
        (np.take_along_axis(a, to, axis=0) - np.take_along_axis(a, since, axis=0))[0] for a in (total, count)
    )
    out[hours] = np.where(there, np.maximum(fallen, 0.0), np.nan)
    out[hours + 1] = np.where(there, n_known / max(before_h, 1), np.nan)
    return out
