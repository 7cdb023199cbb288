"""Rain of any known format as one cube: mm an interval, stamped at the UTC end, faults masked and counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.errors import TimeError
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain_audit import RainAudit, Rules, checked_values, intervals_said, sentences_of
from geo_risk.sources.rain_opened import Area
from geo_risk.sources.rain_products import listed, product_of
from geo_risk.sources.rain_times import timed

QUALITIES = ("unstated", "final", "preliminary", "forecast", "interpolated")
"""Codes of the coordinate `quality`, by index."""


@dataclass(frozen=True)
class RainRules:
    """What counts as a fault in rain, and what to take where a file does not say.

    Attributes
    ----------
    limit_mm_h : an intensity above it is impossible.
    max_bad_share : largest share of faults that is masked; more stops.
    options : what the configuration says of the files.
    area : where rain is wanted; cells further off are not read.
    """

    limit_mm_h: float = 500.0
    max_bad_share: float = 0.01
    options: RainOptions = NO_RAIN_OPTIONS
    area: Area | None = None


def read_rain(path: Path, rules: RainRules | None = None) -> tuple[xr.DataArray, RainAudit]:
    """Read a rain series of any known format; the true type is sniffed, the name is not believed.

    Parameters
    ----------
    path : a file, a folder of files of one product, or a Zarr store; see `sources.rain_products`.
    rules : limits, what the configuration says, and the area.

    Returns
    -------
    (time, y, x) float32 [mm an interval], lazy; time is the UTC end of each interval, unbroken (a missing interval is
    NaN). Coordinates along it: `start` its beginning, `is_gap` 1 where no file holds it, `quality` an index of
    QUALITIES. Attrs `units`, `interval_h`, `product`; coordinate `spatial_ref`. And the audit.

    Raises
    ------
    RefusedFileError : the type is not known.
    AmbiguousError : the files allow two readings; the message names the key that answers.
    UnitError, CrsError, GridError, OverlapError, TimeError, CorruptFileError, LimitError, DataError : they cannot be
        used; see the opener of the product, `rain_times.timed` and `rain_audit.checked_values`.
    """
    rules = rules or RainRules()
    paths = listed(path)
    product = product_of(paths, rules.options)
    opened = product.opens(paths, options=rules.options, area=rules.area)
    ordered = timed(opened.rain, interval_h=rules.options.interval_h, where=path.name)
    rain, hours = ordered.rain, ordered.interval_h
    if rain.attrs.get("units") == "mm/h":
        rain = (rain * np.float32(hours)).assign_attrs({**rain.attrs, "units": "mm"})
    settled = opened.settled | {k for k in ("units", "kind") if k in rules.options.said()}
    judge = Rules(rules.limit_mm_h * hours, rules.max_bad_share, settled, ran=ordered.ran)
    rain, faults, said = checked_values(rain, judge, interval_h=hours, where=str(path))
    times = pd.DatetimeIndex(rain["time"].to_numpy())
    counts = {**ordered.counts, **faults}
    audit = RainAudit(path.name, hours, _iso(times[0]), _iso(times[-1]), counts, product=product.name,
                      quality=opened.quality)  # fmt: skip
    whole = intervals_said(len(times), hours, counts.get("gaps", 0))
    audit = audit.say(*opened.evidence, *ordered.evidence, whole, *said, *sentences_of(counts))
    keep = {k: v for k, v in rain.attrs.items() if k in ("storm_id", "issued")}
    rain.attrs = {**keep, "units": "mm", "long_name": "rain of the interval", "interval_h": hours,
                  "product": product.name}  # fmt: skip
    code = np.full(len(times), QUALITIES.index(opened.quality), dtype=np.int8)
    return rain.assign_coords(quality=("time", code)).rename("rain"), audit


OWN = RainRules(1e6, 1.0, options=NO_RAIN_OPTIONS.model_copy(update={"units": "mm", "kind": "amount"}))
"""Rules for cubes that `publish.write_cube` wrote: they were checked before, and their limits are not asked again."""


def read_own(path: Path) -> xr.DataArray:
    """Return a cube that `publish.write_cube` wrote."""
    return read_rain(path, OWN)[0]


MAX_STEP_H = 24
"""Longest step of a forecast that is spread over its hours."""


def hourly(rain: xr.DataArray, *, where: str, spread: bool = False) -> xr.DataArray:
    """Sum a cube of shorter intervals to clock hours; an hour that misses one of them is NaN.

    Parameters
    ----------
    spread : whether the rain of longer intervals (2 to MAX_STEP_H whole hours) may be spread evenly over their hours.
        The attribute `step_h` then says how long they were: what falls in a part of one is not known.

    Raises
    ------
    TimeError : the interval is longer than an hour (than MAX_STEP_H where it may be spread), or does not divide it.
    """
    interval = float(rain.attrs["interval_h"])
    if spread and interval in range(2, MAX_STEP_H + 1):
        return _spread(rain, round(interval), where=where)
    n = round(1 / interval) if interval > 0 else 0
    if not (n >= 1 and abs(n * interval - 1) < 1e-6):
        what = f"{where} has intervals of {interval:g} h; an hour or a whole part of it is needed"
        raise TimeError(what, where=f"{where}, time", fix="give hourly rain; daily rain serves as a past event only")
    ends = pd.DatetimeIndex(rain["time"].to_numpy())
    step = pd.Timedelta(hours=1) / n
    first, last = (ends[0] - step).floor("h"), ends[-1].ceil("h")
    whole = pd.date_range(first + step, last, freq=step)
    if not ends.isin(whole).all():
        what = f"{where} has intervals that end {ends[0].isoformat()}Z and so on; they do not make up clock hours"
        raise TimeError(what, where=f"{where}, time", fix="give intervals that end at the full hour")
    if n == 1:
        return rain
    along = [c for c in rain.coords if rain.coords[c].dims == ("time",) and c != "time"]
    quality = rain["quality"].to_numpy()[0] if "quality" in along else 0
    held = ends if "is_gap" not in along else ends[rain["is_gap"].to_numpy() == 0]
    gap = (~whole.isin(held)).reshape(-1, n).any(axis=1).astype(np.int8)
    padded = rain.drop_vars(along).reindex(time=whole)
    data = da.coarsen(np.sum, da.asarray(padded.data).rechunk({0: _whole_hours(padded, n)}), {0: n})
    hours = whole.to_numpy()[n - 1 :: n]
    coords = {c: padded.coords[c] for c in ("y", "x", "spatial_ref") if c in padded.coords}
    coords |= {"time": hours, "is_gap": ("time", gap), "start": ("time", hours - np.timedelta64(1, "h")),
               "quality": ("time", np.full(len(hours), quality, dtype=np.int8))}  # fmt: skip
    return xr.DataArray(
        data, dims=("time", "y", "x"), coords=coords, name=rain.name, attrs={**rain.attrs, "interval_h": 1.0}
    )


def _spread(rain: xr.DataArray, step_h: int, *, where: str) -> xr.DataArray:
    ends = pd.DatetimeIndex(rain["time"].to_numpy())
    if not (ends == ends.floor("h")).all():
        what = f"{where} has intervals that end {ends[0].isoformat()}Z and so on, not at full hours"
        raise TimeError(what, where=f"{where}, time", fix="give intervals that end at the full hour")
    at = np.repeat(np.arange(len(ends)), step_h)
    hours = ends.to_numpy()[at] - np.tile(np.arange(step_h)[::-1], len(ends)) * np.timedelta64(1, "h")
    along = {c: ("time", rain[c].to_numpy()[at]) for c in ("is_gap", "quality") if c in rain.coords}
    coords = {c: rain.coords[c] for c in ("y", "x", "spatial_ref") if c in rain.coords}
    coords |= {"time": hours, "start": ("time", hours - np.timedelta64(1, "h")), **along}
    data = da.repeat(da.asarray(rain.data) / np.float32(step_h), step_h, axis=0)
    attrs = {**rain.attrs, "interval_h": 1.0, "step_h": step_h}
    return xr.DataArray(data, dims=("time", "y", "x"), coords=coords, name=rain.name, attrs=attrs)


def _whole_hours(rain: xr.DataArray, n: int) -> int:
    """Return a chunk along time that holds whole hours."""
    longest = max(rain.chunks[0]) if rain.chunks else rain.sizes["time"]
    return n * max(1, longest // n)


def _iso(time: pd.Timestamp) -> str:
    return f"{time.isoformat()}Z"
