"""Effective antecedent rain: the rain of the last days, each weighted by how long ago it fell."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.accumulation import field, known_maximum, running_sum, whole_time


def effective_rain(
    rain: NDArray[np.floating[Any]], *, decay_per_day: float, days: int, steps_per_day: int = 24
) -> NDArray[np.float64]:
    """Effective antecedent rain at each step: Re(t) = sum over n = 0 .. days - 1 of K^n R_n(t).

    R_n(t) is the rain from 24 (n + 1) to 24 n hours before t, so that R_0 is the last 24 hours.

    Parameters
    ----------
    rain : (time, ...) amounts [mm] of equal steps; NaN where unknown.
    decay_per_day : K, 0 <= K < 1; with 0 only the last day counts.
    days : terms of the sum, 1 or more.
    steps_per_day : 24 for hourly, 1 for daily rain.

    Returns
    -------
    float64 of the same shape; NaN where any hour of the window is unknown or before the first step.

    Raises
    ------
    DataError : K or the number of days is out of bounds.
    """
    if not (0 <= decay_per_day < 1 and days >= 1 and steps_per_day >= 1):
        what = (
            f"K = {decay_per_day}, {days} days, {steps_per_day} steps a day; 0 <= K < 1 and at least one of each needed"
        )
        raise DataError(
            what, where="rainfall.decay_per_day, rainfall.antecedent_days", fix="use values such as 0.84, 10"
        )
    daily = running_sum(rain, steps_per_day)
    out = daily.copy()
    for n in range(1, days):
        lag = n * steps_per_day
        earlier = np.full(daily.shape, np.nan)
        earlier[lag:] = daily[:-lag] if lag < len(daily) else earlier[lag:]
        out += decay_per_day**n * earlier
    return out


def largest_effective_rain(
    cube: xr.DataArray, *, first: int, decay_per_day: float, days: int, min_known_share: float = 1.0
) -> xr.DataArray:
    """Largest effective antecedent rain from step `first` of a cube to its end.

    Parameters
    ----------
    cube : (time, y, x) rain of equal steps, attr `interval_h` (1 where absent), any depth unit.
    first : index of the first step that counts; the steps before it are the past.
    min_known_share : share of those steps at which it must be known.

    Returns
    -------
    (y, x) float32 [mm], lazy; NaN where unknown.

    Raises
    ------
    DataError : no step from `first` on, or an interval that does not divide a day.
    """
    per_day = 24 / float(cube.attrs.get("interval_h", 1.0))
    if not 0 <= first < cube.sizes["time"] or per_day < 1 or abs(per_day - round(per_day)) > 1e-6:
        what = f"step {first} of {cube.sizes['time']} with {per_day:g} steps a day cannot be used"
        raise DataError(what, where="rainfall", fix="give hourly or daily rain that reaches past the issue time")
    data = whole_time(in_units(cube, "mm"))
    reduce = partial(
        _reduced, first=first, decay_per_day=decay_per_day, days=days, per_day=round(per_day), share=min_known_share
    )
    out = da.map_blocks(reduce, data, drop_axis=0, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return field(cube, out, name="rain_effective", long_name=f"effective antecedent rain, K = {decay_per_day:g}")


def storm_effective_rain(cube: xr.DataArray, *, decay_per_day: float, days: int) -> xr.DataArray:
    """Largest effective antecedent rain of a past storm: over every step whose whole window the cube holds.

    Parameters
    ----------
    cube : (time, y, x) daily or hourly rain of the storm and the days before it, attr `interval_h`.

    Returns
    -------
    (y, x) float32 [mm], lazy; all NaN where the cube is shorter than the window.
    """
    per_day = round(24 / float(cube.attrs.get("interval_h", 1.0)))
    first = days * per_day - 1
    if first >= cube.sizes["time"]:
        nothing = da.full((cube.sizes["y"], cube.sizes["x"]), np.nan, dtype=np.float32)
        return field(cube, nothing, name="rain_effective", long_name="effective antecedent rain (series too short)")
    return largest_effective_rain(cube, first=first, decay_per_day=decay_per_day, days=days)


def _reduced(
    rain: NDArray[Any], *, first: int, decay_per_day: float, days: int, per_day: int, share: float
) -> NDArray[np.float32]:
    start = max(0, first - days * per_day)
    effective = effective_rain(rain[start:], decay_per_day=decay_per_day, days=days, steps_per_day=per_day)
    return known_maximum(effective[first - start :], share).astype(np.float32)
