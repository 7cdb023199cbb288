"""Effective rain of a past storm by its height: what a warning could stand on while it still rained hardest."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.accumulation import field
from geo_risk.hazards.rainfall.antecedent import largest_effective_rain, storm_effective_rain

EVEN_SHARE = 25 / 48
"""Share of a day's rain that has fallen by the end of its wettest hour if it falls evenly and any hour is as likely."""

LEAST_KNOWN = 0.5
"""Share of an area that must be known for a step to be its wettest (choice of geo_risk: a mean over less of it is that
of a part)."""


def height_step(cube: xr.DataArray, *, first: int, inside: NDArray[np.bool_]) -> int | None:
    """Return the step of a storm with most rain over an area.

    Parameters
    ----------
    cube : (time, y, x), any depth unit; NaN where unknown.
    first : steps before it belong to the past and cannot be the height.
    inside : (y, x) cells of the area: rain beside it, which a cube holds for resampling, does not decide.

    Returns
    -------
    The index, the first of equal ones; None where no step from `first` on is known over LEAST_KNOWN of the area.
    """
    mean = area_mean(cube, inside)[first:]
    return first + int(np.nanargmax(mean)) if np.isfinite(mean).any() else None


def area_mean(cube: xr.DataArray, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean rain of each step over an area.

    Parameters
    ----------
    cube : (time, y, x), any depth unit; NaN where unknown. inside : (y, x) cells of the area.

    Returns
    -------
    (time,) [mm] over the known cells; NaN where less than LEAST_KNOWN of the area is known.
    """
    cells = da.where(inside[None], da.asarray(in_units(cube, "mm").transpose("time", "y", "x").data), np.nan)
    known, total = da.compute((~da.isnan(cells)).sum(axis=(1, 2)), da.nansum(cells, axis=(1, 2), dtype=np.float64))
    enough = known >= max(1.0, LEAST_KNOWN * int(inside.sum()))
    return np.asarray(np.where(enough, total / np.maximum(known, 1), np.nan), dtype=np.float64)


def effective_rain_by_height(
    cube: xr.DataArray, *, decay_per_day: float, days: int, inside: NDArray[np.bool_], day_share: float = EVEN_SHARE
) -> xr.DataArray:
    """Largest effective antecedent rain up to the end of the hour with most rain over an area.

    Of rain given by hours, that hour is known. Of longer steps it is not: then the effective rain at that hour is taken
    to lie between those at the end of the wettest step and of the one before it: of days at `day_share` of the way, of
    steps of h hours at (h + 1) / 2h, which is the even fall of `EVEN_SHARE`. (The whole wettest day would count rain
    that nobody has seen while it rains hardest.)

    Parameters
    ----------
    cube : (time, y, x) daily or hourly rain of the storm and the days before it, attr `interval_h`, any depth unit; NaN
        where unknown. Steps before the first whole window belong to the past and cannot be the height.
    inside : (y, x) cells of the area whose wettest step it is. day_share : as `day_share` finds it.

    Returns
    -------
    (y, x) float32 [mm], lazy but for the search of the step; all NaN where the cube is shorter than the window or no
    step has a height, see `height_step`. Never above `storm_effective_rain` of the same cube.
    """
    last = height_step(cube, first=_first(cube, days), inside=inside)
    largest = partial(largest_effective_rain, decay_per_day=decay_per_day, days=days)
    of_all = partial(storm_effective_rain, decay_per_day=decay_per_day, days=days)
    if last is None:
        unknown = cube.isel(time=slice(0, 1))
        return of_all(unknown.copy(data=da.full_like(da.asarray(unknown.data), np.nan)))
    until = cube.isel(time=slice(0, last + 1))
    hours = float(cube.attrs.get("interval_h", 1.0))
    if hours <= 1:
        return of_all(until)
    share = day_share if hours == 24 else (hours + 1) / (2 * hours)
    first = last == _first(cube, days)
    now = largest(until, first=last) * np.float32(share)
    earlier = until.isel(time=slice(0, last))
    if first:  # the day before has no whole window: what is known of its rain is that it is not negative
        return now.assign_attrs(of_all(until).attrs)
    then = largest(earlier, first=last - 1) * np.float32(1 - share)
    highest = da.maximum(of_all(earlier).data, (now + then).data)
    return field(cube, highest, name="rain_effective", long_name="effective antecedent rain by the storm's height")


def day_share(storms: Iterable[tuple[xr.DataArray, NDArray[np.bool_]]], *, decay_per_day: float, days: int) -> float:
    """Return how far a day's effective rain has come by the storm's wettest hour: the mean of storms given by hours.

    The even fall of rain (`EVEN_SHARE`) counts as one storm more, so that a single one does not decide.

    Parameters
    ----------
    storms : cube and cells of the area of each, as in `effective_rain_by_height`; those of steps other than an hour
        say nothing.
    """
    shares = [EVEN_SHARE]
    for cube, inside in storms:
        if float(cube.attrs.get("interval_h", 1.0)) != 1:
            continue
        last = height_step(cube, first=_first(cube, days), inside=inside)
        if last is None:
            continue
        end = (last // 24 + 1) * 24 - 1  # the days of a file begin with it
        points = [end - 24, last, end]
        if points[0] < _first(cube, days) or end >= cube.sizes["time"]:
            continue
        before, at, after = (
            float(np.nanmean(largest_effective_rain(cube.isel(time=slice(0, p + 1)), first=p,
                                                    decay_per_day=decay_per_day, days=days).to_numpy()[inside]))
            for p in points
        )  # fmt: skip
        if after > before:
            shares.append(min(1.0, max(0.0, (at - before) / (after - before))))
    return float(np.mean(shares))


def _first(cube: xr.DataArray, days: int) -> int:
    return days * round(24 / float(cube.attrs.get("interval_h", 1.0))) - 1
