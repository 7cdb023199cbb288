"""Effective rain through the hours of a warning stage, its lower bound, and which rain it is made of at its peak."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

N_PARTS = 3


def stage_effective(
    rain_mm: NDArray[Any], part: NDArray[Any], *, first: int, decay_per_day: float, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Running maximum of Re(t) = sum over n of K^n R_n(t) through the horizon, and its parts at the peak.

    R_n(t) is the rain from 24 (n + 1) to 24 n hours before t, as in hazards/rainfall/antecedent.

    Parameters
    ----------
    rain_mm : (time, n) hourly [mm]; NaN where unknown.
    part : (time,) which of the three parts each hour counts to, 0, 1 or 2.
    first : index of the first hour of the horizon, at least 24 days.
    decay_per_day, days : K and the terms of the sum.

    Returns
    -------
    (hour, n) the highest Re up to each hour of the horizon [mm], NaN from the first hour whose window has a gap on;
    (hour, n) the least that it can be: the same with 0 mm in unknown hours, never NaN;
    (3, n) what each part adds at the peak hour (the first of equal ones), NaN where the whole horizon is not known.

    Raises
    ------
    ValueError : the past is shorter than the window, nothing is left of the horizon, or a part is not 0, 1 or 2.
    """
    rain = np.ascontiguousarray(rain_mm, dtype=np.float64)
    parts = np.ascontiguousarray(part, dtype=np.int64)
    if rain.ndim != 2 or not 24 * days <= first < len(rain) or not (0 <= decay_per_day < 1 and days >= 1):
        msg = f"rain {rain.shape}, first hour {first}, {days} days, K = {decay_per_day}"
        raise ValueError(msg)
    if parts.shape != (len(rain),) or not ((parts >= 0) & (parts < N_PARTS)).all():
        msg = f"parts {parts.shape} for {len(rain)} hours; one of 0, 1, 2 an hour needed"
        raise ValueError(msg)
    made: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] = _stage(
        rain, parts, first, decay_per_day, days
    )
    return made


@njit(cache=True, nogil=True)
def _stage(rain: Any, part: Any, first: int, decay: float, days: int) -> Any:
    n_t, n = rain.shape
    highest = np.full((n_t - first, n), np.nan)
    least = np.zeros((n_t - first, n))
    parts = np.full((3, n), np.nan)
    total, gaps = np.zeros(n_t + 1), np.zeros(n_t + 1, dtype=np.int64)
    for i in range(n):
        for t in range(n_t):
            gone = np.isnan(rain[t, i])
            total[t + 1] = total[t] + (0.0 if gone else rain[t, i])
            gaps[t + 1] = gaps[t] + (1 if gone else 0)
        best, peak, whole = -1.0, -1, True
        for t in range(first, n_t):
            whole = whole and gaps[t + 1] - gaps[t + 1 - 24 * days] == 0
            re, weight = 0.0, 1.0
            for d in range(days):
                end = t + 1 - 24 * d
                re += weight * max(total[end] - total[end - 24], 0.0)
                weight *= decay
            if re > best:
                best, peak = re, t
            least[t - first, i] = best
            if whole:
                highest[t - first, i] = best
        if not whole:
            continue
        parts[:, i] = 0.0
        weight = 1.0
        for lag in range(24 * days):
            if lag and lag % 24 == 0:
                weight *= decay
            parts[part[peak - lag], i] += weight * rain[peak - lag, i]
    return highest, least, parts
