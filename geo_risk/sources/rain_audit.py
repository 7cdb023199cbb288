"""What was found in a rain file: times put in order, faults masked and counted, each finding in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.errors import DataError, TimeError

FILL = 9999.0
"""Missing-value marker of Chinese rain products; other markers must be declared in the file."""


@dataclass(frozen=True)
class RainAudit:
    """Findings about one rain file, for the report and for `geo-risk info`.

    Attributes
    ----------
    path : file name.
    interval_h : length of an interval in hours.
    first, last : ends of the first and last interval, UTC, ISO 8601.
    counts : `times`, `gaps`, `unsorted`, `negative`, `infinite`, `fill`, `above_limit`, `missing`.
    sentences : evidence for unit, interval end, zone, and what was mended.
    """

    path: str
    interval_h: float
    first: str
    last: str
    counts: dict[str, int]
    sentences: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a facts file."""
        return {
            "path": self.path, "interval_h": self.interval_h, "first": self.first, "last": self.last,
            "counts": dict(self.counts), "sentences": list(self.sentences),
        }  # fmt: skip

    def say(self, sentence: str) -> RainAudit:
        """Return the audit with one more sentence."""
        return replace(self, sentences=(*self.sentences, sentence))


def ordered_times(rain: xr.DataArray, *, where: str) -> tuple[xr.DataArray, float, dict[str, int]]:
    """Sort by time, prove one interval length, and put NaN where an interval is missing.

    Parameters
    ----------
    rain : (time, y, x); time is the UTC end of each interval, without zone.
    where : file name for errors.

    Returns
    -------
    The cube on an unbroken time axis (lazy stays lazy), the interval in hours, and counts of times, gaps, unsorted.

    Raises
    ------
    TimeError : no time, a time twice (rain would be counted twice), or steps that are no multiple of the shortest.
    """
    times = pd.DatetimeIndex(rain["time"].to_numpy())
    if len(times) < 2 or times.hasnans:
        n_missing = int(np.isnat(times.to_numpy()).sum())
        what = f"{where} has {len(times)} times, {n_missing} of them missing; two or more are needed"
        raise TimeError(what, where=f"{where}, time", fix="give a series; one field alone has no interval length")
    doubled = times[times.duplicated()].unique()
    if len(doubled):
        what = f"{len(doubled)} times occur twice, the first {doubled[0].isoformat()}Z"
        raise TimeError(what, where=f"{where}, time", fix="remove one of each pair, else their rain counts twice")
    order = np.argsort(times.to_numpy(), kind="stable")
    n_unsorted = int((order != np.arange(len(order))).sum())
    if n_unsorted:
        rain, times = rain.isel(time=order), times[order]
    steps = np.diff(times.to_numpy()).astype("timedelta64[s]").astype(np.int64)
    step = int(steps.min())
    if (steps % step).any():
        what = f"steps between times range from {step} to {int(steps.max())} s and are not multiples of the shortest"
        raise TimeError(what, where=f"{where}, time", fix="give one interval length, gaps may be whole intervals")
    whole = pd.date_range(times[0], times[-1], freq=pd.Timedelta(seconds=step))
    n_gaps = len(whole) - len(times)
    if n_gaps > 10 * len(times):
        what = f"{len(times)} times in {len(whole)} intervals of {step} s: the series is nearly all gaps"
        raise TimeError(what, where=f"{where}, time", fix="check the times' unit and reference date")
    if n_gaps:
        rain = rain.reindex(time=whole)
    return rain, step / 3600, {"times": len(times), "gaps": n_gaps, "unsorted": n_unsorted}


def masked_values(
    rain: xr.DataArray, *, limit_mm: float, max_bad_share: float, where: str
) -> tuple[xr.DataArray, dict[str, int]]:
    """Mask negative, infinite, fill (9999) and impossible amounts, and count them.

    Parameters
    ----------
    rain : (time, y, x) mm an interval.
    limit_mm : an amount above it is impossible.
    max_bad_share : largest share of negative, infinite and impossible values among all; the fill marker 9999 is a
        missing value and does not count as a fault.

    Returns
    -------
    The cube with NaN in their place (float32, lazy), and the counts.

    Raises
    ------
    DataError : more faults than `max_bad_share`, or no valid value at all.
    """
    data = da.asarray(rain.data)
    fill = data == FILL
    kinds = {
        "negative": (data < 0) & ~da.isinf(data),
        "infinite": da.isinf(data),
        "fill": fill,
        "above_limit": (data > limit_mm) & ~da.isinf(data) & ~fill,
        "missing": da.isnan(data),
    }
    found = da.compute({name: mask.sum() for name, mask in kinds.items()})[0]
    counts = {name: int(n) for name, n in found.items()}
    n_bad = counts["negative"] + counts["infinite"] + counts["above_limit"]
    if not n_bad <= max_bad_share * data.size:
        faults = ", ".join(f"{counts[k]} {k}" for k in ("negative", "infinite", "above_limit"))
        what = f"{n_bad} of {data.size} values cannot be rain ({faults}; limit {limit_mm:g} mm)"
        raise DataError(what, where=where, fix="check the unit and the missing-value marker of this file")
    if counts["missing"] + counts["fill"] + n_bad == data.size:
        what = "no value in the file is known"
        raise DataError(what, where=where, fix="check the variable and the missing-value marker of this file")
    good = (data >= 0) & (data <= limit_mm) & ~fill
    clean = da.where(good, data, np.nan).astype(np.float32)
    return rain.copy(data=clean), counts


def sentences_of(counts: dict[str, int]) -> tuple[str, ...]:
    """Return what was mended, in sentences; nothing where nothing was."""
    texts = {
        "gaps": "{n} intervals are missing and stay unknown.",
        "unsorted": "{n} times were out of order and have been sorted.",
        "negative": "{n} negative values were masked.",
        "infinite": "{n} infinite values were masked.",
        "fill": "{n} values of 9999 were taken as missing.",
        "above_limit": "{n} impossible amounts were masked.",
        "missing": "{n} values are missing in the file.",
    }
    return tuple(text.format(n=counts[k]) for k, text in texts.items() if counts.get(k))
