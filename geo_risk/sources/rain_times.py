"""Intervals of a rain series: put in order, running totals taken apart, doubles and overlaps refused, gaps opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, TimeError
from geo_risk.sources.rain_opened import Said

NS_PER_S = 1_000_000_000

ROUNDING_MM = 0.05
"""A running total may fall by this much through the packing of its numbers; such a fall is no rain, not a fault."""


@dataclass(frozen=True)
class Timed:
    """A cube on unbroken intervals of one length.

    Attributes
    ----------
    rain, interval_h : (time, y, x), and the length of its intervals.
    counts : times, gaps, unsorted, unsplit.
    ran : whether running totals were taken apart.
    evidence : a sentence on that.
    """

    rain: xr.DataArray
    interval_h: float
    counts: dict[str, int]
    ran: bool
    evidence: tuple[Said, ...]


def timed(rain: xr.DataArray, *, interval_h: float | None, where: str) -> Timed:
    """Sort by time, take running totals apart, prove one interval length, and put NaN where an interval is missing.

    Parameters
    ----------
    rain : (time, y, x) as `Opened.rain`; `start` may be NaT where the file leaves it open.
    interval_h : length of an interval where neither the starts nor several times tell it.

    Returns
    -------
    The cube (lazy stays lazy) with `time` the end of each interval, `start` its beginning, and `is_gap` 1 where no file
    holds it. Counts: times, gaps, unsorted, unsplit (intervals of a running total whose predecessor is missing:
    unknown). Totals over no time, as forecasts hold at lead 0, are left out.

    Raises
    ------
    TimeError : no time, a time twice or intervals that overlap (rain would be counted twice), lengths that differ.
    AmbiguousError : one time alone, and no length.
    """
    rain, n_empty = _without_empty(rain, where=where)
    rain, n_unsorted = _sorted(rain, where=where)
    ends, starts = (rain[c].to_numpy().astype("datetime64[ns]") for c in ("time", "start"))
    runs = _runs(starts, ends)
    evidence: list[Said] = []
    if n_empty:
        evidence.append(
            Said(
                f"Lead 0: {n_empty} fields are totals over no time and were left out.",
                f"时效 0：{n_empty} 个场的累计时段长为零，已略去。",
            )
        )
    if runs.any():
        rain, starts = _taken_apart(rain, starts, ends, runs)
        evidence.append(
            Said(
                f"Running totals: {int(runs.sum())} of {len(ends)} values share their start with the one before and "
                "were taken apart by differences.",
                f"累计量：{len(ends)} 个时次中 {int(runs.sum())} 个与前一时次起点相同，已逐差还原为时段量。",
            )
        )
    step = _length(starts, ends, interval_h=interval_h, where=where)
    starts = np.where(np.isnat(starts), ends - np.timedelta64(step, "s"), starts)
    _no_overlap(starts, ends, where=where)
    rain, n_long = _only_whole(rain, starts, ends, step)
    whole = _axis(ends, step, where=where)
    n_gaps = len(whole) - len(ends)
    out = rain.drop_vars("start")
    out = out.reindex(time=whole) if n_gaps else out
    gap = (~whole.isin(ends)).astype(np.int8)
    out = out.assign_coords(start=("time", whole.to_numpy() - np.timedelta64(step, "s")), is_gap=("time", gap))
    counts = {"times": len(ends), "gaps": n_gaps, "unsorted": n_unsorted, "unsplit": n_long}
    return Timed(out, step / 3600, counts, bool(runs.any()), tuple(evidence))


def _sorted(rain: xr.DataArray, *, where: str) -> tuple[xr.DataArray, int]:
    times = pd.DatetimeIndex(rain["time"].to_numpy())
    if not len(times) or times.hasnans:
        what = f"{where} has {len(times)} times, {int(np.isnat(times.to_numpy()).sum())} of them missing"
        raise TimeError(what, where=f"{where}, time", fix="give a series with a time for every field")
    doubled = times[times.duplicated()].unique()
    if len(doubled):
        what = f"{len(doubled)} times occur twice, the first {doubled[0].isoformat()}Z"
        raise TimeError(what, where=f"{where}, time", fix="remove one of each pair, else their rain counts twice")
    order = np.argsort(times.to_numpy(), kind="stable")
    moved = int((order != np.arange(len(order))).sum())
    return (rain.isel(time=order) if moved else rain), moved


def _without_empty(rain: xr.DataArray, *, where: str) -> tuple[xr.DataArray, int]:
    """Leave out fields whose interval has no length, and count them."""
    empty = rain["start"].to_numpy() == rain["time"].to_numpy()
    if empty.size and empty.all():
        what = f"{where} holds totals over no time alone: every interval starts where it ends"
        raise TimeError(
            what, where=f"{where}, time", fix="give the fields after lead 0, or check the bounds of the times"
        )
    return (rain.isel(time=np.flatnonzero(~empty)) if empty.any() else rain), int(empty.sum())


def _runs(starts: NDArray[Any], ends: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a value runs on from the same start as the one before it."""
    out = np.zeros(len(ends), dtype=bool)
    out[1:] = (starts[1:] == starts[:-1]) & ~np.isnat(starts[1:])
    return out


def _taken_apart(
    rain: xr.DataArray, starts: NDArray[Any], ends: NDArray[Any], runs: NDArray[np.bool_]
) -> tuple[xr.DataArray, NDArray[Any]]:
    """Return the differences within each run, and where each of them starts."""
    base = np.where(runs, np.concatenate([ends[:1], ends[:-1]]), starts)
    data = da.asarray(rain.data)
    before = da.concatenate([da.zeros_like(data[:1]), data[:-1]]).rechunk(data.chunks)
    change = data - da.where(runs[:, None, None], before, np.float32(0))
    rounding = runs[:, None, None] & (change < 0) & (change >= -ROUNDING_MM)
    return rain.copy(data=da.where(rounding, np.float32(0), change)), base


def _length(starts: NDArray[Any], ends: NDArray[Any], *, interval_h: float | None, where: str) -> int:
    """Return the length of an interval in seconds: by the starts, else by the steps between times, else as told."""
    known = (ends - starts)[~np.isnat(starts)].astype("timedelta64[ns]").astype(np.int64) // NS_PER_S
    steps = np.diff(ends).astype("timedelta64[ns]").astype(np.int64) // NS_PER_S
    if known.size:
        length = int(known.min())
    elif interval_h is not None:
        length = round(interval_h * 3600)
    elif steps.size:
        length = int(steps.min())
    else:
        what = f"{where} has one time, and nothing tells how long its interval is"
        raise AmbiguousError(
            what, where=f"{where}, time", fix="give `interval_h` for this source, or a series of files"
        )
    if not length > 0:
        what = f"{where} has an interval of {length} s"
        raise TimeError(what, where=f"{where}, time", fix="check the bounds of the times")
    if interval_h is not None and abs(length - interval_h * 3600) > 1:
        what = f"intervals of {length / 3600:g} h by the file, {interval_h:g} h by the configuration"
        raise TimeError(what, where=f"{where}, time", fix="remove `interval_h` from this source, or mend the file")
    return length


def _no_overlap(starts: NDArray[Any], ends: NDArray[Any], *, where: str) -> None:
    over = np.flatnonzero(starts[1:] < ends[:-1])
    if over.size:
        k = int(over[0])
        what = (
            f"{over.size} intervals overlap the one before, the first {_iso(starts[k + 1])} to {_iso(ends[k + 1])} "
            f"after {_iso(starts[k])} to {_iso(ends[k])}: their rain would be counted twice"
        )
        raise TimeError(what, where=f"{where}, time", fix="give totals of one length, end to end, or `kind: running`")


def _only_whole(rain: xr.DataArray, starts: NDArray[Any], ends: NDArray[Any], step: int) -> tuple[xr.DataArray, int]:
    """Make unknown what stands for more than one interval: how it fell in them is not known."""
    lengths = (ends - starts).astype("timedelta64[ns]").astype(np.int64) // NS_PER_S
    long = lengths != step
    if not long.any():
        return rain, 0
    return rain.copy(data=da.where(long[:, None, None], np.float32(np.nan), da.asarray(rain.data))), int(long.sum())


def _axis(ends: NDArray[Any], step: int, *, where: str) -> pd.DatetimeIndex:
    steps = np.diff(ends).astype("timedelta64[ns]").astype(np.int64) // NS_PER_S
    if (steps % step).any():
        what = f"steps between times range from {int(steps.min())} to {int(steps.max())} s and are not multiples of the shortest, {step} s"  # noqa: E501
        raise TimeError(what, where=f"{where}, time", fix="give one interval length, gaps may be whole intervals")
    whole = pd.date_range(ends[0], ends[-1], freq=pd.Timedelta(seconds=step))
    if len(whole) - len(ends) > 10 * len(ends):
        what = f"{len(ends)} times in {len(whole)} intervals of {step} s: the series is nearly all gaps"
        raise TimeError(what, where=f"{where}, time", fix="check the times' unit and reference date")
    return whole


def _iso(time: np.datetime64) -> str:
    return f"{pd.Timestamp(time).isoformat()}Z"
