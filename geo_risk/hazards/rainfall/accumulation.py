"""Sums of hourly rain over running windows."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.units import in_units

HEAVY_HOUR_MM = 20.0
"""A missing hour may have held so much at least: what Chinese weather services call heavy rain of short duration."""

BLOCK = 128
"""Cells along one side of a block of a rain cube, whose time axis is whole: 100 MB for a month of hours in float64."""


def whole_time(cube: xr.DataArray) -> da.Array:
    """Return the cube's data (time, y, x) as a lazy array with one chunk in time."""
    data = cube.transpose("time", "y", "x").data
    chunks = {0: -1, 1: BLOCK, 2: BLOCK}
    if isinstance(data, da.Array):
        return data.rechunk({0: -1} if max(data.chunksize[1:]) <= BLOCK else chunks)
    return da.from_array(np.asarray(data), chunks=(-1, BLOCK, BLOCK))


def running_sum(rain: NDArray[np.floating[Any]], hours: int) -> NDArray[np.float64]:
    """Sum of the last `hours` values at each step, along axis 0.

    Parameters
    ----------
    rain : (time, ...) amounts an hour [mm]; NaN where unknown.
    hours : length of the window, 1 or more.

    Returns
    -------
    float64 of the same shape; NaN where the window reaches before the first step or holds a NaN: a gap makes every
    window that contains it unknown.
    """
    gone = np.isnan(rain)
    filled = np.where(gone, 0.0, rain).astype(np.float64)
    zero = np.zeros((1, *rain.shape[1:]))
    total = np.concatenate([zero, np.cumsum(filled, axis=0)])
    gaps = np.concatenate([zero, np.cumsum(gone, axis=0)])
    out = np.full(rain.shape, np.nan)
    if hours <= rain.shape[0]:
        whole = gaps[hours:] - gaps[:-hours] == 0
        # differences of cumulated sums may fall below 0 by a rounding error
        out[hours - 1 :] = np.where(whole, np.maximum(total[hours:] - total[:-hours], 0.0), np.nan)
    return out


def wet_gaps(rain: NDArray[np.floating[Any]], *, since: int) -> NDArray[np.float64]:
    """Hourly rain whose missing hours count as the wettest known hour of their cell from step `since` on, or more.

    Parameters
    ----------
    rain : (time, ...) amounts an hour [mm]; NaN where unknown.

    Returns
    -------
    float64 of the same shape; NaN where a cell knows no hour from `since` on, and in missing hours before. A missing
    hour counts as HEAVY_HOUR_MM where no known one was wetter: a radar may fail in the one hour that rained.
    """
    out = np.asarray(rain, dtype=np.float64).copy()
    late = out[since:]
    highest = np.where(np.isnan(late), -np.inf, late).max(axis=0, initial=-np.inf)
    held = np.where(np.isfinite(highest), np.maximum(highest, HEAVY_HOUR_MM), np.nan)
    late[...] = np.where(np.isnan(late), held, late)
    return out


def may_be_wetter(rain: NDArray[np.floating[Any]], hours: int, *, first: int) -> NDArray[np.bool_]:
    """Return where a window with a missing hour may be wetter than that of `hours` hours from step `first` on.

    Parameters
    ----------
    rain : (time, ...) amounts an hour [mm]; NaN where unknown. hours : length of windows, at most the steps there are.

    Returns
    -------
    (...) : some window with a gap, counted by `wet_gaps`, holds more than what is known of that from `first` on, and
        than any without a gap. False where no hour is known.
    """
    gone = np.isnan(rain)
    has_gap = running_sum(gone.astype(np.float64), hours)[hours - 1 :] > 0
    most = running_sum(wet_gaps(rain, since=0), hours)[hours - 1 :]
    whole = running_sum(rain, hours)[hours - 1 :]
    held = np.nan_to_num(rain[first : first + hours]).sum(axis=0)
    least = np.fmax(np.where(np.isnan(whole), 0.0, whole).max(axis=0), held)
    # sums of floats of rounded rain
    return np.asarray(np.where(has_gap & ~np.isnan(most), most, 0.0).max(axis=0) > least + 0.01)


def accumulate(
    cube: xr.DataArray, hours: int, *, first: int = 0, how: str, min_known_share: float, gaps_wet: bool = False
) -> xr.DataArray:
    """Accumulation over `hours` hours, as the largest running window or the last one.

    Parameters
    ----------
    cube : (time, y, x) hourly rain, any depth unit, unbroken times.
    hours : length of the window.
    first : windows count that end at this step or later (earlier steps only fill windows).
    how : "maximum" or "ending".
    min_known_share : the maximum is known where at least this share of those windows is without a gap. It is then a
        lower bound where some window is not known: what is known of such a window counts.
    gaps_wet : in the maximum a missing hour counts as the wettest known one, or more (`wet_gaps`): a bound on the wet
        side, as far as no hour was wetter that nobody knows.

    Returns
    -------
    (y, x) float32 [mm], lazy; NaN where unknown.

    Raises
    ------
    DataError : `hours` or `how` make no sense.
    UnitError : the cube has no depth unit.
    """
    if hours < 1 or how not in ("maximum", "ending") or not 0 <= first < cube.sizes["time"]:
        what = f"an accumulation {how!r} over {hours} h from step {first} of {cube.sizes['time']} cannot be made"
        raise DataError(what, where="rainfall", fix="use `maximum` or `ending`, and one hour or more")
    data = whole_time(in_units(cube, "mm"))
    reduce = partial(_reduced, hours=hours, first=first, how=how, min_known_share=min_known_share, gaps_wet=gaps_wet)
    out = da.map_blocks(reduce, data, drop_axis=0, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    text = "largest" if how == "maximum" else "last"
    return field(cube, out, name=f"rain_{hours}h", long_name=f"{text} {hours} h rain")


def _reduced(
    rain: NDArray[Any], *, hours: int, first: int, how: str, min_known_share: float, gaps_wet: bool
) -> NDArray[np.float32]:
    sums = running_sum(rain, hours)
    if how == "ending":
        last: NDArray[np.float32] = sums[-1].astype(np.float32)
        return last
    start = max(first, hours - 1)
    counted = wet_gaps(rain, since=start - hours + 1) if gaps_wet and sums.shape[0] > start else np.nan_to_num(rain)
    held = running_sum(counted, hours)[start:]
    return known_maximum(sums[start:], min_known_share, least=held).astype(np.float32)


def known_maximum(
    sums: NDArray[np.float64], min_known_share: float, *, least: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the maximum along axis 0 of the known values; NaN where fewer than the share are known, or none is.

    Parameters
    ----------
    least : what each is at least, also where it is not known; the maximum is over these, then.
    """
    if not sums.shape[0]:
        return np.full(sums.shape[1:], np.nan)
    known = ~np.isnan(sums)
    highest = np.where(known, sums, -np.inf).max(axis=0) if least is None else least.max(axis=0)
    enough = known.sum(axis=0) >= max(min_known_share * sums.shape[0], 1)
    return np.where(enough, highest, np.nan)


def field(cube: xr.DataArray, data: da.Array, *, name: str, long_name: str, units: str = "mm") -> xr.DataArray:
    """Wrap an array (y, x) with the cube's horizontal coordinates and CRS."""
    coords = {c: cube.coords[c] for c in ("y", "x", "spatial_ref") if c in cube.coords}
    return xr.DataArray(data, dims=("y", "x"), coords=coords, name=name, attrs={"units": units, "long_name": long_name})
