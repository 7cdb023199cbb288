"""Dates at either end of a series that stay off its fit: what a robust estimator leaves unsaid."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I16 = NDArray[np.int16]


@njit(cache=True, nogil=True)
def _run(r: F64, limit: F64, n: int, is_end: bool) -> int:
    """Return how many known dates from one end on are off to one side, by half as much as the outermost at least."""
    outermost = r[n - 1] if is_end else r[0]
    if not abs(outermost) >= (limit[n - 1] if is_end else limit[0]):
        return 0
    count = 0
    for k in range(n):
        value = r[n - 1 - k] if is_end else r[k]
        if not value / outermost >= 0.5:
            break
        count += 1
    return count


@njit(cache=True, nogil=True)
def end_runs(
    values: F32, basis: F32, correction: F64, design: F64, weights: F64, fitted: F32, sigmas: float, least: float
) -> tuple[I16, I16, I16, I16, F32, F32]:
    """Find the dates at the ends of each series that lie off its fit, all on one side.

    Parameters
    ----------
    values : (time, y, x) any unit; NaN is a gap.
    basis, correction : (q, y, x) and (time, q) what is taken off first, as for `lsq.fit_series`.
    design, weights, fitted : (time, p), (time,) and (p, y, x) of the fit.
    sigmas : the outermost date is off where it lies beyond this many robust standard deviations (1.4826 times the
        median of |residual| sqrt(weight)) of the series, and beyond `least` in the unit of the values.

    Returns
    -------
    since (y, x) : index of the date from which the series stays off to its last known date; -1 where it does not.
    until (y, x) : index of the date to which it was off from its first known date on; -1 where it was not.
    n_since, n_until (y, x) : how many known dates those runs hold.
    departure (y, x) : mean residual of the run at the end, else of that at the beginning; NaN where there is neither.
    outermost (y, x) : residual of the last known date; NaN where nothing was fitted.
    A run holds the dates next to the outermost whose residuals are half of its own or more, with its sign. A series
    that was not fitted, or is off from end to end, has no run.
    """
    n_t, n_y, n_x = values.shape
    p, q = design.shape[1], correction.shape[1]
    since = np.full((n_y, n_x), -1, dtype=np.int16)
    until = np.full((n_y, n_x), -1, dtype=np.int16)
    n_since, n_until = np.zeros((n_y, n_x), dtype=np.int16), np.zeros((n_y, n_x), dtype=np.int16)
    departure = np.full((n_y, n_x), np.nan, dtype=np.float32)
    outermost = np.full((n_y, n_x), np.nan, dtype=np.float32)
    r, limit, scaled = np.empty(n_t), np.empty(n_t), np.empty(n_t)
    rows = np.empty(n_t, dtype=np.int64)
    for y in range(n_y):
        for x in range(n_x):
            if not math.isfinite(fitted[0, y, x]):
                continue
            n = 0
            for t in range(n_t):
                value = np.float64(values[t, y, x])
                for k in range(q):
                    value -= correction[t, k] * basis[k, y, x]
                if math.isfinite(value) and weights[t] > 0.0:
                    for i in range(p):
                        value -= design[t, i] * fitted[i, y, x]
                    r[n], rows[n] = value, t
                    scaled[n] = abs(value) * math.sqrt(weights[t])
                    n += 1
            if n == 0:
                continue
            outermost[y, x] = r[n - 1]
            scale = 1.4826 * np.median(scaled[:n])
            for m in range(n):
                limit[m] = max(sigmas * scale / math.sqrt(weights[rows[m]]), least)
            last = _run(r, limit, n, True)
            first = _run(r, limit, n, False)
            if n in (last, first):
                continue
            if last > 0:
                since[y, x], n_since[y, x] = rows[n - last], last
                departure[y, x] = r[n - last : n].mean()
            if first > 0:
                until[y, x], n_until[y, x] = rows[first - 1], first
                if last == 0:
                    departure[y, x] = r[:first].mean()
    return since, until, n_since, n_until, departure, outermost
