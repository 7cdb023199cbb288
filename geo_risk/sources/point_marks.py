"""Numbers of a table of points that are no motion: marks of missing, and steps that no ground makes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_risk.sources import marks
from geo_risk.sources.possible_motion import CONSTANT_DATES

MARKS = (*marks.MARKS, 9999.0, 99999.0, 32767.0, -999.0, 999.0)
"""Numbers that other programs write for a missing displacement; a series with one is set aside, never averaged."""

MAX_STEP_M = 10.0
"""Larger steps from one date to the next are no motion that radar can follow (choice of geo_risk)."""

MARKED = "with a mark of missing such as -9999 among the displacements"
STEPPED = f"with a step of more than {MAX_STEP_M:g} m between dates"
RATE_MARKED = "with a mark of missing such as -9999 for its velocity"
EMPTY = "without a value"
ZEROS = "0 on every date"
CONSTANT = "with one value on every date"
RATE_ZERO = "with a velocity of exactly 0"

_HUGE = 1e5
_LARGE = (9999.0, 10_000.0)
_SMALL = 999.0
_NEAR = 100.0
_ROWS = NDArray[np.bool_]


def marked(values: NDArray[np.float64]) -> _ROWS:
    """Return which rows (n, dates) hold a mark, in the unit of the file; NaN and infinite values are none.

    Beside MARKS, any number from 9999 to 10,000 (-9999.9) is one, and any beyond 100,000, which is 100 m even in mm.
    -999, 999 and those about 9999 that are not whole are none where the date before or after is within 100 of them:
    ground that has sunk by a metre passes through -999 mm.
    """
    found: _ROWS = np.any(np.abs(values) >= min(map(abs, MARKS)), axis=1)
    some = values[found]
    size = np.abs(some)
    about = (size >= _LARGE[0]) & (size < _LARGE[1]) & ~np.isin(some, MARKS)
    hit = about | np.isin(some, MARKS) | (np.isfinite(some) & (size >= _HUGE))
    plain = np.where(hit | ~np.isfinite(some), np.nan, some)
    for around in (_carried(plain), _carried(plain[:, ::-1])[:, ::-1]):
        hit &= ~(((size == _SMALL) | about) & (np.abs(some - around) <= _NEAR))
    found[found] = hit.any(axis=1)
    return found


def unmoved(values: NDArray[np.float64]) -> tuple[_ROWS, _ROWS]:
    """Return which rows (n, dates) are 0 wherever they are known, and which are another value on all their dates.

    As rasters are read: the first are the reference or were never measured, the others (of CONSTANT_DATES known dates
    or more) are a mark. Rows without a value are neither.
    """
    if not values.shape[1]:
        return np.zeros(len(values), dtype=bool), np.zeros(len(values), dtype=bool)
    same: _ROWS = np.fmin.reduce(values, axis=1) == np.fmax.reduce(values, axis=1)
    zero = same & (np.fmax.reduce(values, axis=1) == 0)
    return zero, same & ~zero & (np.isfinite(values).sum(axis=1) >= CONSTANT_DATES)


def stepped(series_m: NDArray[np.float64]) -> _ROWS:
    """Return which series (n, dates) [m] step by more than MAX_STEP_M from one known date to the next; NaN is a gap."""
    if not series_m.shape[1]:
        return np.zeros(len(series_m), dtype=bool)
    known = np.where(np.isfinite(series_m), series_m, np.nan)
    found: _ROWS = np.fmax.reduce(known, axis=1) - np.fmin.reduce(known, axis=1) > MAX_STEP_M
    found[found] = (np.abs(np.diff(_carried(known[found]), axis=1)) > MAX_STEP_M).any(axis=1)
    return found


def _carried(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows (n, dates) in which the last known value stands in each gap after it."""
    at = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(at, axis=1), axis=1)
