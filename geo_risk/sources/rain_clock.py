"""Times of rain files as UTC: CF time units, zones, and whether a stamp is the start or the end of its interval."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, TimeError
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_opened import Said

BEIJING = timezone(timedelta(hours=8))
_SINCE = re.compile(r"^\s*(seconds?|minutes?|hours?|days?|s|min|h|d)\s+since\s+(.+?)\s*$", re.IGNORECASE)
_ZONE = re.compile(r"(Z|UTC|GMT|BJT|[+-]\d{1,2}(:?\d{2})?)\s*$", re.IGNORECASE)
_OFFSET = re.compile(r"^(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?$", re.IGNORECASE)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ZONE_KEYS = ("time_zone", "timezone", "tz")
_LOCAL = re.compile(
    r"\bbjt\b|\bbeijing\s+time|china\s+standard\s+time|\blocal\s+(?:standard\s+)?time|\b(?:utc|gmt)\s*\+\s*0?8|北京时|地方时|东八区",
    re.IGNORECASE,
)
_SPAN = r"(?:intervals?|hours?|periods?|steps?|accumulation|days?|windows?)\b(?!\s+of\s+record)"
_SIDES = {
    side: re.compile(
        rf"\b{word}(?:\s+time)?\s+of\s+(?:\w+[\s-]+){{0,3}}?{_SPAN}|\b{_SPAN}[\s-]+{word}\b"
        rf"|^\W*(?:time\W+)?{word}(?:\W+time)?\W*$"
    )
    for side, word in (("start", r"(?:start\w*|begin\w*)"), ("end", r"end(?:s|ing)?"))
}
"""Words that say of a time that it is the start or end of its interval: those nouns must stand beside them, or nothing
else; "data start in June" says nothing of the kind."""

ISSUE_KEYS = ("forecast_reference_time", "issued")
"""Attributes that hold an issue time; CF has the first as a standard name of a variable."""


def zone_of(text: str, *, where: str) -> tzinfo:
    """Return a zone by its name (Asia/Shanghai, UTC) or its offset (+08:00, UTC+8).

    Raises
    ------
    TimeError : neither.
    """
    plain = text.strip()
    if plain.upper() in ("UTC", "GMT", "Z"):
        return timezone.utc  # noqa: UP017 - a tzinfo of the same kind as the others
    if plain.upper() in ("BJT", "CST", "BEIJING"):
        return BEIJING
    match = _OFFSET.match(plain)
    if match:
        minutes = int(match.group(2)) * 60 + int(match.group(3) or 0)
        return timezone(timedelta(minutes=minutes if match.group(1) == "+" else -minutes))
    try:
        return ZoneInfo(plain)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        what = f"{text!r} is no time zone"
        raise TimeError(what, where=where, fix="write `time_zone: UTC`, `+08:00` or `Asia/Shanghai`") from error


def to_utc(local: NDArray[Any] | pd.DatetimeIndex, zone: tzinfo) -> NDArray[Any]:
    """Return local times without zone as UTC datetime64[ns]."""
    index = pd.DatetimeIndex(local).tz_localize(zone)
    return index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")


def cf_intervals(
    dataset: xr.Dataset, time: xr.DataArray, *, options: RainOptions, path: Path
) -> tuple[NDArray[Any], NDArray[Any], tuple[Said, ...]]:
    """Return the starts (NaT where open) and ends of the intervals of a CF file, UTC, and how they are known.

    Parameters
    ----------
    dataset, time : the open file, and its time coordinate as numbers.
    options : stamp and time_zone, which hold against what the file leaves open.

    Raises
    ------
    TimeError : time units or calendar cannot be read.
    AmbiguousError : the zone, or the side that the stamp stands for, is not told; it names the key that answers.
    """
    attrs = dict(time.attrs)
    zone, zone_said = _zone(dataset, attrs, options, path=path)
    bounds = bounds_of(time)
    values = time.to_numpy().astype(np.float64).reshape(-1)
    if bounds in dataset.variables and options.stamp is None:
        edges = dataset[bounds].to_numpy().astype(np.float64)
        units = str(dataset[bounds].attrs.get("units", attrs.get("units", "")))
        start, end = (_instants(edges[:, k], units, attrs, zone, path=path) for k in (0, 1))
        swapped = bool(len(end)) and bool((end < start).all())
        start, end = (end, start) if swapped else (start, end)
        # bounds such as 00:00:00 and 23:59:59 name the last second of the interval
        is_last_second = (end - end.astype("datetime64[m]")) == np.timedelta64(59, "s")
        end = end + np.timedelta64(1, "s") if bool(is_last_second.all()) else end
        return start, end, (
            Said(f"Interval: start and end from `{bounds}`.", f"时段：起止时刻取自 {bounds}。"), zone_said)  # fmt: skip
    instants = _instants(values, str(attrs.get("units", "")), attrs, zone, path=path)
    side, said = _side(dataset, attrs, instants, options, path=path)
    none = np.full(instants.shape, np.datetime64("NaT"), dtype="datetime64[ns]")
    if side == "end":
        return none, instants, (said, zone_said)
    return instants, _ends_of(instants, options, path=path), (said, zone_said)


def bounds_of(time: xr.DataArray) -> str:
    """Return the name of the variable that bounds a time axis, "" where none is named."""
    # xarray moves the attribute into the encoding where it takes the bounds for coordinates
    return str(time.attrs.get("bounds") or time.encoding.get("bounds") or "")


def _ends_of(starts: NDArray[Any], options: RainOptions, *, path: Path) -> NDArray[Any]:
    steps = np.diff(np.unique(starts))
    if options.interval_h is None and not steps.size:
        what = f"{path.name} has one time, stamped at the start of an interval of unknown length"
        raise AmbiguousError(what, where=f"{path}, time", fix="give `interval_h` for this source")
    step = steps.min() if options.interval_h is None else np.timedelta64(round(options.interval_h * 3600), "s")
    return starts + step


def _side(
    dataset: xr.Dataset, attrs: dict[str, Any], instants: NDArray[Any], options: RainOptions, *, path: Path
) -> tuple[str, Said]:
    if options.stamp is not None:
        words = {"start": "开始", "end": "结束"}[options.stamp]
        return options.stamp, Said(f"Interval: the time is its {options.stamp}, by the configuration.",
                                   f"时段：时间为{words}时刻（配置给定）。")  # fmt: skip
    says = {
        side for side, words in _SIDES.items() if any(words.search(text.lower()) for text in _words(dataset, attrs))
    }
    if len(says) == 1:
        side = says.pop()
        words = {"start": "开始", "end": "结束"}[side]
        said = Said(
            f"Interval: the time is its {side}, as the file's own words say.", f"时段：文件注明时间为{words}时刻。"
        )
        return side, said
    what = f"{path.name}: nothing says whether a time is the start or the end of its interval{_hint(instants)}"
    raise AmbiguousError(what, where=f"{path}, time", fix="give `stamp: start` or `stamp: end` for this source")


def _words(dataset: xr.Dataset, attrs: dict[str, Any]) -> list[str]:
    """Return what the file says of its times in words."""
    own = [str(attrs.get(k, "")) for k in ("long_name", "comment", "description", "interval")]
    return [*own, str(dataset.attrs.get("comment", ""))]


def _hint(instants: NDArray[Any]) -> str:
    """Return what the axis suggests; it proves nothing."""
    if len(instants) < 2:
        return ""
    first, last = pd.Timestamp(instants[0]), pd.Timestamp(instants[-1])
    whole = f" (it runs from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    if first.hour == 0 and last.hour == 23:
        return f"{whole}, as whole days stamped at the start do)"
    if first.hour == 1 and last.hour == 0:
        return f"{whole}, as whole days stamped at the end do)"
    return f"{whole})"


def issue_times(dataset: xr.Dataset, *, options: RainOptions, path: Path) -> list[np.datetime64]:
    """Return the issue times (UTC) in a CF file's attributes and variables, rising and without repeats.

    Parameters
    ----------
    dataset : opened without decoding of times. options : its zone, for variables whose units name none.
    path : of the file.

    Raises
    ------
    TimeError : one is no time, or states no zone.
    """
    found = {_stated(str(dataset.attrs[k]).strip(), options, path) for k in ISSUE_KEYS if k in dataset.attrs}
    for name, variable in dataset.variables.items():
        if variable.attrs.get("standard_name") == ISSUE_KEYS[0] and variable.size > 0:
            attrs = dict(variable.attrs)
            try:
                zone, _ = _zone(dataset, attrs, options, path=path)
            except AmbiguousError as error:
                raise _without_zone(str(name), path, "2024-07-20T08:00:00") from error
            values = np.asarray(variable.to_numpy(), dtype=np.float64).ravel()
            found.update(_instants(values, str(attrs.get("units", "")), attrs, zone, path=path))
    return sorted(found)


def _stated(text: str, options: RainOptions, path: Path) -> np.datetime64:
    try:
        time = pd.Timestamp(datetime.fromisoformat(text)).as_unit("ns")
    except ValueError as error:
        what = f"the issue time {text!r} is no ISO time"
        raise TimeError(what, where=str(path), fix="give it on the command line: --forecast FILE@TIME") from error
    if time.tzinfo is None and options.time_zone is not None:
        time = time.tz_localize(zone_of(options.time_zone, where=str(path)))
    if time.tzinfo is None:
        raise _without_zone(repr(text), path, time.isoformat())
    out: np.datetime64 = time.tz_convert("UTC").tz_localize(None).to_datetime64()
    return out


def _without_zone(it: str, path: Path, time: str) -> TimeError:
    what = f"the issue time {it} in {path.name} states no zone: Beijing time and UTC are eight hours apart"
    fix = f"give it with its zone: --forecast {path.name}@{time}+08:00 (Beijing), or ...Z (UTC)"
    fix += "; of a configured source give `time_zone`"
    return TimeError(what, where=str(path), fix=fix)


def _zone(
    dataset: xr.Dataset, attrs: dict[str, Any], options: RainOptions, *, path: Path
) -> tuple[tzinfo | None, Said]:
    """Return the zone to apply, None where the time units carry their own, and the evidence."""
    units = str(attrs.get("units", ""))
    match = _SINCE.match(units)
    if not match:
        what = f"{path.name}: time has units {units!r}; such as 'hours since 2024-07-01 00:00:00 +00:00' needed"
        raise TimeError(what, where=f"{path}, time", fix="write CF time units")
    where = f"{path}, time"
    if options.time_zone is not None:
        said = Said(f"Zone: {options.time_zone}, by the configuration.", f"时区：{options.time_zone}（配置给定）。")
        return zone_of(options.time_zone, where=where), said
    if ":" in match.group(2) and _ZONE.search(match.group(2)):
        return None, Said(f"Zone: in the time units ({units}).", f"时区：见时间单位（{units}）。")
    for owner in (attrs, dataset.attrs):
        for key in _ZONE_KEYS:
            if key in owner:
                said = Said(f"Zone: {owner[key]!r} in the attribute {key}.", f"时区：属性 {key} 为 {owner[key]}。")
                return zone_of(str(owner[key]), where=where), said
    local = next((m for text in _words(dataset, attrs) if (m := _LOCAL.search(text))), None)
    if local is not None:
        what = (
            f"{path.name}: its words name {local.group(0)!r}, its time units ({units}) no zone, which CF takes for UTC"
        )
        raise AmbiguousError(what, where=where, fix="give `time_zone: +08:00` (or UTC) for this source")
    if "CF" in str(dataset.attrs.get("Conventions", "")):
        said = Said("Zone: UTC, which CF lays down where units name none.", "时区：UTC（CF 规定，单位未注时区时）。")
        return timezone.utc, said  # noqa: UP017
    what = f"{path.name}: times have no zone ({units}) and the file does not follow CF"
    raise AmbiguousError(what, where=where, fix="give `time_zone: UTC` or `time_zone: +08:00` for this source")


def _instants(
    values: NDArray[np.float64], units: str, attrs: dict[str, Any], zone: tzinfo | None, *, path: Path
) -> NDArray[Any]:
    match = _SINCE.match(units)
    if match is None or attrs.get("calendar", "standard") not in ("standard", "gregorian", "proleptic_gregorian"):
        what = f"{path.name}: time units {units!r} with calendar {attrs.get('calendar')!r} cannot be read"
        raise TimeError(what, where=f"{path}, time", fix="use CF time units and the standard calendar")
    if not np.isfinite(values).all():
        what = f"{path.name}: {int((~np.isfinite(values)).sum())} times are missing"
        raise TimeError(what, where=f"{path}, time", fix="write a time for every field")
    text = re.sub(r"\s*(UTC|GMT)\s*$", "Z", match.group(2), flags=re.IGNORECASE)
    text = re.sub(r"\s*BJT\s*$", "+08:00", text, flags=re.IGNORECASE)
    try:
        reference = pd.Timestamp(re.sub(r"\s+(?=[+-]\d)", "", text))
        seconds = np.rint(values * _UNIT_S[match.group(1)[0].lower()]).astype("int64")
    except (ValueError, KeyError, OverflowError) as error:
        what = f"{path.name}: time units {units!r} cannot be read: {error}"
        raise TimeError(what, where=f"{path}, time", fix="use CF time units with an ISO date") from error
    if zone is not None:
        reference = reference.tz_localize(None).tz_localize(zone)
    start = reference.tz_convert("UTC").tz_localize(None).to_datetime64().astype("datetime64[ns]")
    out: NDArray[Any] = start + seconds.astype("timedelta64[s]")
    return out
