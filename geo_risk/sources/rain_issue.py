"""The issue time that a forecast states of itself: by CF attribute or variable, GRIB reference time, MICAPS header."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from geo_risk.core.errors import GeoRiskError, TimeError
from geo_risk.sources.options import NO_RAIN_OPTIONS
from geo_risk.sources.rain_clock import issue_times
from geo_risk.sources.rain_grib import is_cmpas, is_grib, reference_times
from geo_risk.sources.rain_micaps import header_times, is_it
from geo_risk.sources.rain_netcdf import open_raw
from geo_risk.sources.rain_products import listed


def stated_issue(path: Path) -> datetime | None:
    """Return the issue time that a forecast states, with its zone; None where it states none.

    Parameters
    ----------
    path : a file, a Zarr store, or the folder of a series.

    Raises
    ------
    TimeError : it is there but is no time, states no zone (Beijing time read as UTC would make a forecast eight hours
        newer than it is), or the files state several.
    """
    try:
        paths = listed(path)
        if is_grib(paths):
            # what an analysis describes has been: it has no issue time
            found = set() if is_cmpas(paths) else {t for p in paths for t in reference_times(p)}
        elif is_it(paths):
            found = set(header_times(paths))
        else:
            found = {t for p in paths for t in _of_file(p)}
    except TimeError:
        raise
    except GeoRiskError:
        return None  # another format, or a broken file: what it is, and what to mend, the rain reader says
    times = sorted(t.astype("datetime64[us]").item().replace(tzinfo=UTC) for t in found)
    if len(times) > 1:
        first, last = (f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (times[0], times[-1]))
        what = f"{path.name} states {len(times)} issue times, {first} to {last}"
        fix = f"give the files of one issue, or the right time: --forecast {path.name}@{last}"
        raise TimeError(what, where=str(path), fix=fix)
    return times[0] if times else None


def _of_file(path: Path) -> list[np.datetime64]:
    with open_raw(path) as source:
        return issue_times(source, options=NO_RAIN_OPTIONS, path=path)
