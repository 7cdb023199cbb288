"""Effective rain of a past storm by its height: what a warning could stand on while it still rained hardest."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.accumulation import field
from geo_risk.hazards.rainfall.antecedent import largest_effective_rain, storm_effective_rain

EVEN_SHARE = 25 / 48
"""Share of a day's rain that has fallen by the end of its wettest hour if it falls evenly and any hour is as likely."""


def effective_rain_by_height(
    cube: xr.DataArray, *, decay_per_day: float, days: int, day_share: float = EVEN_SHARE
) -> xr.DataArray:
    """Largest effective antecedent rain up to the end of the hour with most rain over the area.

    Of rain given by hours, that hour is known. Of longer steps it is not: then the effective rain at that hour is taken
    to lie between those at the end of the wettest step and of the one before it, at `day_share` of the way. (The whole
    wettest day would count rain that nobody has seen while it rains hardest.)

    Parameters
    ----------
    cube : (time, y, x) daily or hourly rain of the storm and the days before it, attr `interval_h`, any depth unit; NaN
        where unknown. Steps before the first whole window belong to the past and cannot be the height.
    day_share : as `day_share` finds it.

    Returns
    -------
    (y, x) float32 [mm], lazy but for the search of the step; all NaN where the cube is shorter than the window or holds
    no known rain. Never above `storm_effective_rain` of the same cube.
    """
    last = _height(cube, days)
    largest = partial(largest_effective_rain, decay_per_day=decay_per_day, days=days)
    of_all = partial(storm_effective_rain, decay_per_day=decay_per_day, days=days)
    if last is None:
        return of_all(cube.isel(time=slice(0, 1)))
    until = cube.isel(time=slice(0, last + 1))
    if float(cube.attrs.get("interval_h", 1.0)) <= 1:
        return of_all(until)
    first = last == _first(cube, days)
    now = largest(until, first=last) * np.float32(day_share)
    earlier = until.isel(time=slice(0, last))
    if first:  # the day before has no whole window: what is known of its rain is that it is not negative
        return now.assign_attrs(of_all(until).attrs)
    then = largest(earlier, first=last - 1) * np.float32(1 - day_share)
    highest = da.maximum(of_all(earlier).data, (now + then).data)
    return field(cube, highest, name="rain_effective", long_name="effective antecedent rain by the storm's height")


def day_share(cubes: Iterable[xr.DataArray], *, decay_per_day: float, days: int) -> float:
    """Return how far a day's effective rain has come by the storm's wettest hour: the mean of storms given by hours.

    The even fall of rain (`EVEN_SHARE`) counts as one storm more, so that a single one does not decide.

    Parameters
    ----------
    cubes : as in `effective_rain_by_height`; those of longer steps than an hour say nothing.
    """
    shares = [EVEN_SHARE]
    for cube in cubes:
        last = _height(cube, days)
        if last is None or float(cube.attrs.get("interval_h", 1.0)) != 1:
            continue
        end = (last // 24 + 1) * 24 - 1  # the days of a file begin with it
        points = [end - 24, last, end]
        if points[0] < _first(cube, days) or end >= cube.sizes["time"]:
            continue
        before, at, after = (
            float(largest_effective_rain(cube.isel(time=slice(0, p + 1)), first=p, decay_per_day=decay_per_day,
                                         days=days).mean()) for p in points
        )  # fmt: skip
        if after > before:
            shares.append(min(1.0, max(0.0, (at - before) / (after - before))))
    return float(np.mean(shares))


def _first(cube: xr.DataArray, days: int) -> int:
    return days * round(24 / float(cube.attrs.get("interval_h", 1.0))) - 1


def _height(cube: xr.DataArray, days: int) -> int | None:
    """Return the step with most rain over the area after the first whole window; None where there is none known."""
    first = _first(cube, days)
    mean = in_units(cube, "mm").mean(("y", "x")).to_numpy()[first:]
    return first + int(np.nanargmax(mean)) if np.isfinite(mean).any() else None
