"""The issue time that a forecast file states of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import xarray as xr

from geo_risk.core.errors import TimeError

_KEYS = ("forecast_reference_time", "issued")
"""Attributes of NetCDF files that hold it; CF has the first as a standard name."""


def stated_issue(path: Path) -> datetime | None:
    """Return the issue time in a NetCDF file's attributes (UTC where no zone is written), None where there is none.

    Raises
    ------
    TimeError : it is there but is no time.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as source:
            found = [str(source.attrs[k]) for k in _KEYS if k in source.attrs]
    except (OSError, ValueError):
        return None  # another format: what it is, and whether it can be read, the rain reader says
    if not found:
        return None
    try:
        time = datetime.fromisoformat(found[0])
    except ValueError as error:
        what = f"the issue time {found[0]!r} is no ISO time"
        raise TimeError(what, where=str(path), fix="give it on the command line: --forecast FILE@TIME") from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
