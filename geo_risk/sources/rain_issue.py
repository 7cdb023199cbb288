"""The issue time that a forecast file states of itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import xarray as xr

from geo_risk.core.errors import TimeError

_KEYS = ("forecast_reference_time", "issued")
"""Attributes of NetCDF files that hold it; CF has the first as a standard name."""


def stated_issue(path: Path) -> datetime | None:
    """Return the issue time in a NetCDF file's attributes, with its zone; None where there is none.

    Raises
    ------
    TimeError : it is there but is no time, states no zone (Beijing time read as UTC would make a forecast eight hours
        newer than it is), or the attributes contradict one another.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as source:
            found = [str(source.attrs[k]).strip() for k in _KEYS if k in source.attrs]
    except (OSError, ValueError):
        return None  # another format: what it is, and whether it can be read, the rain reader says
    times = [_time(text, path) for text in found]
    if len(set(times)) > 1:
        what = f"{path.name} states two issue times, {' and '.join(found)}"
        raise TimeError(what, where=str(path), fix=f"give the right one: --forecast {path.name}@{found[0]}")
    return times[0] if times else None


def _time(text: str, path: Path) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        what = f"the issue time {text!r} is no ISO time"
        raise TimeError(what, where=str(path), fix="give it on the command line: --forecast FILE@TIME") from error
    if time.tzinfo is None:
        what = f"the issue time {text!r} in {path.name} states no zone: Beijing time and UTC are eight hours apart"
        fix = f"give it with its zone: --forecast {path.name}@{time.isoformat()}+08:00 (Beijing), or ...Z (UTC)"
        raise TimeError(what, where=str(path), fix=fix)
    return time
