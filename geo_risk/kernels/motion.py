"""The motion model of a series: time axes in years, and the columns of its design."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Times = NDArray[np.datetime64]

DAYS_PER_YEAR = 365.25
TIME_AXES = ("julian_year", "calendar_year")

SEASON_DATES = 20
"""Series on fewer dates have no yearly term, however long they are; a choice of geo_risk."""


def years(times: Times, *, axis: str = "julian_year", since: np.datetime64 | None = None) -> F64:
    """Return times as years since the first (or since `since`).

    Parameters
    ----------
    times : datetime64, any resolution.
    axis : "julian_year": days / 365.25. "calendar_year": difference of year + (day of year - 1) / 365.25, the decimal
        years of MintPy, which jump by up to a day at each New Year; for comparisons with its velocities.
    since : origin; None for the first of the times.

    Raises
    ------
    ValueError : another axis.
    """
    origin = times[0] if since is None else since
    if axis == "calendar_year":
        return _calendar(times) - float(_calendar(np.asarray([origin]))[0])
    if axis != "julian_year":
        what = f"time axis {axis!r}; there are {TIME_AXES}"
        raise ValueError(what)
    days = (times - origin) / np.timedelta64(1, "D")
    return np.asarray(days, dtype=np.float64) / DAYS_PER_YEAR


def _calendar(times: Times) -> F64:
    year = times.astype("datetime64[Y]")
    day = (times - year.astype("datetime64[D]")) / np.timedelta64(1, "D")
    return np.asarray(year.astype(np.int64) + 1970 + day / DAYS_PER_YEAR, dtype=np.float64)


def known_span(values: NDArray[np.float32], t: F64) -> F64:
    """Return the time from the first to the last known date of each series [yr]; 0 where none is known.

    Parameters
    ----------
    values : (time, ...); NaN is a gap.
    t : (time,) [yr], rising.
    """
    known = np.isfinite(values)
    first, last = known.argmax(axis=0), len(t) - 1 - known[::-1].argmax(axis=0)
    out: F64 = np.where(known.any(axis=0), t[last] - t[first], 0.0)
    return out


def motion_columns(t: F64, *, annual: bool = False, acceleration: bool = False, steps: Sequence[float] = ()) -> F64:
    """Return the design (time, p) of the motion model.

    Parameters
    ----------
    t : (time,) years since the first date.
    annual : sine and cosine of a year, from the first date.
    acceleration : half the square of the time since the mean date, so that its coefficient is the second derivative.
    steps : times [yr] of offsets; a date at the time of a step is after it.

    Returns
    -------
    Columns in this order: constant, t - mean, sine, cosine, half square, one column of 0 and 1 for each step.
    """
    centred = t - t.mean()
    columns = [np.ones(len(t)), centred]
    if annual:
        columns += [np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)]
    if acceleration:
        columns.append(0.5 * centred**2)
    columns += [(t >= s).astype(np.float64) for s in steps]
    return np.ascontiguousarray(np.stack(columns, axis=1))
