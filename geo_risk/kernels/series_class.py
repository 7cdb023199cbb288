"""How a series moves: trend, season, curvature and breaks, each series with its own gaps."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.breakpoints import (
    BILINEAR,
    LINEAR,
    QUADRATIC,
    STEP,
    STEP_AND_TREND,
    UNCORRELATED,
    UNKNOWN,
    break_coefficients,
    break_gains,
    orthonormal,
)
from geo_risk.kernels.motion import SEASON_DATES

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

TREND_TEST, ANNUAL_TEST, QUADRATIC_TEST, HINGE_TEST, STEP_TEST, BOTH_TEST = 0, 1, 2, 3, 4, 5
"""Rows of the table of critical values."""

OUTPUTS = (
    "velocity", "velocity_std", "annual", "acceleration", "acceleration_std", "velocity_before", "velocity_after",
    "step", "break_index", "weight", "residual_std", "lag_one",
)  # fmt: skip
"""What `classify_series` returns of each series, in order."""

_ITEM = {name: i for i, name in enumerate(OUTPUTS)}
_VELOCITY, _VELOCITY_STD, _ANNUAL, _ACCELERATION, _ACCELERATION_STD, _BEFORE, _AFTER = range(7)
_STEP, _BREAK, _WEIGHT, _RESIDUAL, _LAG = range(7, 12)


@njit(cache=True, nogil=True)
def lag_one(resid: F64, n: int, p: int) -> float:
    """Return the autocorrelation of the noise at lag one from the residuals of a fit of p columns; within 0 and 0.9.

    A fit of slow columns takes p components out of n, each with the variance at frequency zero, s = (1 + r) / (1 - r)
    of the noise's own: what is left has lag one (n r - p s) / (n - p s). That is solved for r.
    """
    top = bottom = 0.0
    for m in range(n):
        bottom += resid[m] * resid[m]
        if m > 0:
            top += resid[m] * resid[m - 1]
    if not bottom > 0.0:
        return 0.0
    seen = top / bottom
    lag = min(0.9, max(0.0, seen))
    for _ in range(8):
        slow = min((1.0 + lag) / (1.0 - lag), 0.5 * n / p)
        lag = min(0.9, max(0.0, seen + p / n * slow * (1.0 - seen)))
    return lag


@njit(cache=True, nogil=True)
def without_spikes(t: F64, y: F64, root: F64, n: int, sigmas: float) -> int:
    """Drop single dates that stand off from the median of five around them; return how many stay, moved to the front.

    Parameters
    ----------
    t, y, root : (>= n) times, values and root weights; overwritten.
    n : how many dates there are; with fewer than ten all stay.
    sigmas : how far off, in robust standard deviations of one date (from the differences of neighbours).

    Notes
    -----
    A break stays: on either side of it the median of five is that side's own. The first and last two dates stay: what
    stands off there may be the beginning of something.
    """
    if n < 10:
        return n
    steps = np.empty(n - 1)
    for m in range(n - 1):
        steps[m] = y[m + 1] - y[m]
    scale = 1.4826 / math.sqrt(2.0) * np.median(np.abs(steps - np.median(steps)))
    if not scale > 0.0:
        return n
    keep = np.ones(n, dtype=np.bool_)
    for m in range(2, n - 2):
        keep[m] = abs(y[m] - np.median(y[m - 2 : m + 3])) <= sigmas * scale
    kept = 0
    for m in range(n):
        if keep[m]:
            t[kept], y[kept], root[kept] = t[m], y[m], root[m]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _bic(sse: float, n: int, k: int) -> float:
    return n * math.log(max(sse, 1e-300) / n) + k * math.log(n)


@njit(cache=True, nogil=True)
def classify_one(t: F64, y: F64, root: F64, n: int, critical: F64, shortest: int, season: bool, out: F64) -> int:
    """Return the class of one gap-free series and fill in `out` as OUTPUTS; see `classify_series`."""
    p = 4 if season else 2
    q = np.empty((5, n))
    resid = np.empty(n)
    middle = 0.5 * (t[0] + t[n - 1])
    for m in range(n):
        c = t[m] - middle
        q[0, m] = root[m]
        if season:
            q[1, m] = root[m] * math.sin(2.0 * math.pi * c)
            q[2, m] = root[m] * math.cos(2.0 * math.pi * c)
        q[p - 1, m] = root[m] * c
        q[p, m] = root[m] * c * c
        resid[m] = root[m] * y[m]
    triangle = orthonormal(q, n, p + 1)
    if not (triangle[p - 1, p - 1] > 0.0 and triangle[p, p] > 0.0):
        return UNKNOWN
    dots = np.zeros(p + 1)
    for j in range(p):
        for m in range(n):
            dots[j] += q[j, m] * resid[m]
        for m in range(n):
            resid[m] -= dots[j] * q[j, m]
    sse_linear = 0.0
    for m in range(n):
        dots[p] += q[p, m] * resid[m]
        sse_linear += resid[m] * resid[m]
    sse_quadratic = max(0.0, sse_linear - dots[p] * dots[p])
    gains = np.empty((3, n))
    break_gains(t, root, q, resid, n, p, shortest, gains)
    best = np.zeros(3, dtype=np.int64)
    for k in range(3):
        best[k] = np.argmax(gains[k])
    kinds = (BILINEAR, STEP, STEP_AND_TREND)
    extra = (3 - 1, 3 - 1, 4 - 1)  # the date of the break counts as a parameter
    bic = np.full(6, np.inf)
    bic[LINEAR] = _bic(sse_linear, n, p)
    bic[QUADRATIC] = _bic(sse_quadratic, n, p + 1)
    sse = np.full(6, sse_linear)
    sse[QUADRATIC] = sse_quadratic
    for k in range(3):
        if gains[k, best[k]] > 0.0:
            sse[kinds[k]] = max(0.0, sse_linear - gains[k, best[k]])
            bic[kinds[k]] = _bic(sse[kinds[k]], n, p + extra[k])
    # temporal correlation, from the residuals of the model that explains most for its size
    chosen = int(np.argmin(bic))
    rest = _residuals(t, root, q, resid, dots, n, p, chosen, best)
    lag = lag_one(rest, n, p + (chosen > LINEAR) * (1 + (chosen == STEP_AND_TREND)))
    thin = (1.0 - lag) / (1.0 + lag)
    table = critical[1 if season else 0]
    passes = np.zeros(6, dtype=np.bool_)
    passes[LINEAR] = True
    passes[QUADRATIC] = (
        _f(sse_linear, sse_quadratic, 1, n - p - 1) * thin > table[QUADRATIC_TEST, _thinned(n, p + 1, thin)]
    )
    for k in range(3):
        df = 2 if k == 2 else 1
        kind = kinds[k]
        passes[kind] = (
            _f(sse_linear, sse[kind], df, n - p - df) * thin > table[HINGE_TEST + k, _thinned(n, p + df, thin)]
        )
    chosen = LINEAR
    for kind in range(QUADRATIC, 6):
        if passes[kind] and bic[kind] < bic[chosen]:
            chosen = kind
    total = 0.0
    for kind in range(LINEAR, 6):
        total += math.exp(-0.5 * (bic[kind] - bic[chosen]))
    found: int = _fill(t, root, q, resid, triangle, dots, n, p, chosen, best, sse, thin, table, 1.0 / total, out)
    return found


@njit(cache=True, nogil=True)
def _f(large: float, small: float, df: int, rest: int) -> float:
    if rest < 1:
        return 0.0
    return (large - small) / df / max(small / rest, 1e-300)


@njit(cache=True, nogil=True)
def _thinned(n: int, used: int, thin: float) -> int:
    """Return how many independent dates tell as much of the scatter as n that are correlated."""
    return used + max(1, int((n - used) * thin)) if n > used else n


@njit(cache=True, nogil=True)
def _residuals(
    t: F64, root: F64, q: F64, resid: F64, dots: F64, n: int, p: int, kind: int, best: NDArray[np.int64]
) -> F64:
    """Return the weighted residuals of a model."""
    out = resid[:n].copy()
    if kind == QUADRATIC:
        for m in range(n):
            out[m] -= dots[p] * q[p, m]
    elif kind > QUADRATIC:
        m0 = best[kind - BILINEAR]
        c = break_coefficients(t, root, q, resid, n, p, m0, kind)
        column = np.zeros(n)
        for m in range(m0, n):
            column[m] = root[m] * (c[1] + c[0] * (t[m] - t[m0]))
        for j in range(p):
            dot = 0.0
            for m in range(n):
                dot += q[j, m] * column[m]
            for m in range(n):
                column[m] -= dot * q[j, m]
        for m in range(n):
            out[m] -= column[m]
    return out


@njit(cache=True, nogil=True)
def _fill(
    t: F64, root: F64, q: F64, resid: F64, triangle: F64, dots: F64, n: int, p: int, chosen: int,
    best: NDArray[np.int64], sse: F64, thin: float, table: F64, weight: float, out: F64,
) -> int:  # fmt: skip
    used = p + (chosen > LINEAR) * (1 + (chosen == STEP_AND_TREND))
    variance = sse[chosen] / max(1, n - used)
    # slow columns take away as much of the noise as they see of it: 1 / thin times its variance
    spread = math.sqrt(sse[chosen] / max(1.0, n - used / thin) / thin)
    velocity = dots[p - 1] / triangle[p - 1, p - 1]
    out[_VELOCITY] = velocity
    out[_VELOCITY_STD] = spread / triangle[p - 1, p - 1]
    out[_ACCELERATION] = 2.0 * dots[p] / triangle[p, p]
    curved = math.sqrt(sse[QUADRATIC] / max(1.0, n - (p + 1) / thin) / thin)
    out[_ACCELERATION_STD] = 2.0 * curved / triangle[p, p]
    out[_WEIGHT] = weight
    out[_RESIDUAL] = math.sqrt(variance)
    out[_LAG] = (1.0 - thin) / (1.0 + thin)
    out[_BREAK] = np.nan
    out[_STEP] = 0.0
    out[_BEFORE] = out[_AFTER] = velocity
    out[_ANNUAL] = np.nan
    if chosen == QUADRATIC:
        # in the model with t^2 about the middle the trend is that of the middle
        slope = velocity - dots[p] / triangle[p, p] * triangle[p - 1, p] / triangle[p - 1, p - 1]
        half = 0.5 * (t[n - 1] - t[0])
        out[_BEFORE] = slope - out[_ACCELERATION] * half
        out[_AFTER] = slope + out[_ACCELERATION] * half
    elif chosen > QUADRATIC:
        m0 = best[chosen - BILINEAR]
        c = break_coefficients(t, root, q, resid, n, p, m0, chosen)
        out[_BEFORE] = velocity + c[2] / triangle[p - 1, p - 1]
        out[_AFTER] = out[_BEFORE] + c[0]
        out[_STEP] = c[1]
        out[_BREAK] = m0
    if chosen > LINEAR:
        return chosen
    if _f(sse[LINEAR] + dots[p - 1] ** 2, sse[LINEAR], 1, n - p) * thin > table[TREND_TEST, _thinned(n, p, thin)]:
        return LINEAR
    return UNCORRELATED


@njit(cache=True, nogil=True)
def annual_term(t: F64, y: F64, root: F64, n: int, kind: int, m0: int) -> tuple[float, float, int]:
    """Return the amplitude of a yearly term beside a course of motion, its F, and the degrees of freedom left.

    Parameters
    ----------
    t, y, root : (n,) times, values, root weights.
    n : how many.
    kind, m0 : class, and index of the first date after its break.
    """
    q = np.zeros((6, n))
    resid = np.empty(n)
    p = 2
    for m in range(n):
        q[0, m] = root[m]
        q[1, m] = root[m] * (t[m] - t[0])
        resid[m] = root[m] * y[m]
    if kind == QUADRATIC:
        for m in range(n):
            q[p, m] = root[m] * (t[m] - t[0]) ** 2
        p += 1
    if kind in (STEP, STEP_AND_TREND):
        for m in range(m0, n):
            q[p, m] = root[m]
        p += 1
    if kind in (BILINEAR, STEP_AND_TREND):
        for m in range(m0, n):
            q[p, m] = root[m] * (t[m] - t[m0])
        p += 1
    for m in range(n):
        q[p, m] = root[m] * math.sin(2.0 * math.pi * (t[m] - t[0]))
        q[p + 1, m] = root[m] * math.cos(2.0 * math.pi * (t[m] - t[0]))
    p += 2
    triangle = orthonormal(q, n, p)
    if not (triangle[p - 1, p - 1] > 0.0 and triangle[p - 2, p - 2] > 0.0):
        return np.nan, 0.0, n - p
    dots = np.zeros(p)
    rest = 0.0
    for j in range(p):
        for m in range(n):
            dots[j] += q[j, m] * resid[m]
        for m in range(n):
            resid[m] -= dots[j] * q[j, m]
    for m in range(n):
        rest += resid[m] * resid[m]
    cosine = dots[p - 1] / triangle[p - 1, p - 1]
    sine = (dots[p - 2] - triangle[p - 2, p - 1] * cosine) / triangle[p - 2, p - 2]
    gain = dots[p - 1] ** 2 + dots[p - 2] ** 2
    return math.sqrt(sine * sine + cosine * cosine), _f(rest + gain, rest, 2, n - p), n - p


@njit(cache=True, nogil=True)
def classify_series(
    values: F32, t: F64, weights: F64, critical: F64, shortest: int, minimum: int, season_span: float, sigmas: float
) -> tuple[NDArray[np.int8], NDArray[np.bool_], F32]:
    """Classify every series of a block, each with its own gaps.

    Parameters
    ----------
    values : (time, n) in any unit; NaN is a gap.
    t : (time,) years, rising.
    weights : (time,) inverse variances up to a factor; 0 leaves a date out.
    critical : (2, 6, time + 1) critical values of F without and with a season, by test and number of dates.
    shortest : fewest dates before and after a break.
    minimum : fewest dates of a series.
    season_span : series known for less (years), or on fewer than 20 dates, have no yearly term.
    sigmas : single dates this many robust sigma off both sides are left out.

    Returns
    -------
    class (n,) int8: UNKNOWN, or the code of a model: UNCORRELATED and LINEAR by the F test of the trend, the others
    where they pass their F test against the line and have the least BIC of those that do. has_season (n,): the yearly
    term passes its own. values (OUTPUTS, n) float32, NaN where unknown, annual also without a yearly term, break_index
    (in `t`, of the first date after the break) without a break; velocity_before and _after are those at the ends for
    QUADRATIC.
    All F are multiplied by (1 - r) / (1 + r), r the lag-one correlation of residuals, and held against the critical
    values of as many degrees of freedom fewer; errors are sqrt(SSE s / (n - p s)) of a slow column, s its inverse.
    """
    n_t, count = values.shape
    classes = np.full(count, UNKNOWN, dtype=np.int8)
    seasonal = np.zeros(count, dtype=np.bool_)
    found = np.full((len(OUTPUTS), count), np.nan, dtype=np.float32)
    for i in range(count):
        known = np.empty(n_t)
        y = np.empty(n_t)
        root = np.empty(n_t)
        n = 0
        for m in range(n_t):
            value = values[m, i]
            if math.isfinite(value) and weights[m] > 0.0:
                known[n], y[n], root[n] = t[m], value, math.sqrt(weights[m])
                n += 1
        if n < minimum:
            continue
        n = without_spikes(known, y, root, n, sigmas)
        season = known[n - 1] - known[0] >= season_span and n >= SEASON_DATES
        out = np.empty(len(OUTPUTS))
        code = classify_one(known, y, root, n, critical, shortest, season, out)
        if code == UNKNOWN:
            continue
        classes[i] = code
        if season:
            m0 = int(out[_BREAK]) if math.isfinite(out[_BREAK]) else 0
            amplitude, f_annual, df = annual_term(known, y, root, n, code, m0)
            thin = (1.0 - out[_LAG]) / (1.0 + out[_LAG])
            out[_ANNUAL] = amplitude
            # the table is by the number of dates of a line with a season: four more than its degrees of freedom
            seasonal[i] = f_annual * thin > critical[1, ANNUAL_TEST, _thinned(df + 4, 4, thin)]
        if math.isfinite(out[_BREAK]):
            out[_BREAK] = np.searchsorted(t, known[int(out[_BREAK])])
        for k in range(len(OUTPUTS)):
            found[k, i] = out[k]
    return classes, seasonal, found
