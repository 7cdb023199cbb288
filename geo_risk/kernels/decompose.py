"""East and up from lines of sight, north taken as zero, with the covariance propagated."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True, inline="always")
def _solve(value: F64, variance: F64, east: F64, up: F64, n: int, minimum_sine: float) -> tuple[float, ...]:
    """Return east, up, their variances and covariance from n lines of sight; NaN where two looks do not differ.

    A value that is NaN, or a variance that is not positive, takes no part.
    """
    a = b = d = p = q = widest = 0.0
    for k in range(n):
        v, s, e, u = value[k], variance[k], east[k], up[k]
        if not (math.isfinite(v + s + e + u) and s > 0.0):
            continue
        for j in range(k):
            if not (math.isfinite(value[j]) and variance[j] > 0.0):
                continue
            length = math.sqrt((e * e + u * u) * (east[j] * east[j] + up[j] * up[j]))
            if length > 0.0:
                widest = max(widest, abs(east[j] * u - up[j] * e) / length)
        w = 1.0 / s
        a += w * e * e
        b += w * e * u
        d += w * u * u
        p += w * e * v
        q += w * u * v
    determinant = a * d - b * b
    if not (widest >= minimum_sine and determinant > 0.0):
        return math.nan, math.nan, math.nan, math.nan, math.nan
    return (
        (d * p - b * q) / determinant,
        (a * q - b * p) / determinant,
        d / determinant,
        a / determinant,
        -b / determinant,
    )


@njit(cache=True, nogil=True)
def decompose_east_up(
    velocity: F32, std: F32, los_east: F32, los_up: F32, minimum_sine: float
) -> tuple[F32, F32, F32, F32, F32]:
    """Solve v_i = E_i e + U_i u for every pixel by weighted least squares (exact where there are two tracks).

    Parameters
    ----------
    velocity, std : (track, y, x), one unit for both. A track takes part where all its four values are there and
        its std is positive.
    los_east, los_up : (track, y, x) components of the unit vectors from ground to satellite.
    minimum_sine : sine of the smallest angle in the east-up plane between two tracks; below it there is no answer.

    Returns
    -------
    east, up, their standard errors, and their covariance; each (y, x) float32 in the unit of `velocity`, NaN where
    fewer than two tracks of different look are there. The covariance is (G'WG)^-1 with W = 1/std^2.
    """
    n_k, n_y, n_x = velocity.shape
    east = np.full((n_y, n_x), np.nan, dtype=np.float32)
    up, east_std, up_std, covariance = east.copy(), east.copy(), east.copy(), east.copy()
    v, s, e, u = np.empty(n_k), np.empty(n_k), np.empty(n_k), np.empty(n_k)
    for r in range(n_y):
        for c in range(n_x):
            for k in range(n_k):
                sigma = np.float64(std[k, r, c])
                v[k], e[k], u[k] = velocity[k, r, c], los_east[k, r, c], los_up[k, r, c]
                s[k] = sigma * sigma if sigma > 0.0 else 0.0
                if not math.isfinite(e[k] + u[k] + s[k]):
                    v[k] = math.nan
            x, y, xx, yy, xy = _solve(v, s, e, u, n_k, minimum_sine)
            east[r, c], up[r, c] = x, y
            east_std[r, c], up_std[r, c], covariance[r, c] = math.sqrt(xx), math.sqrt(yy), xy
    return east, up, east_std, up_std, covariance


@njit(cache=True, nogil=True)
def _around(
    series: F32, std: F32, days: F64, first: int, last: int, epochs: F64, maximum_gap_days: float,
    left: NDArray[np.int64], right: NDArray[np.int64],
) -> None:  # fmt: skip
    """Write the known dates before and after each epoch, -1 where one lacks or the gap between them is too wide."""
    at = first
    before = -1
    for e in range(len(epochs)):
        left[e] = right[e] = -1
        while at < last and days[at] <= epochs[e]:
            if math.isfinite(series[at]) and std[at] > 0.0:
                before = at
            at += 1
        if before < 0:
            continue
        after = before
        if days[before] < epochs[e]:
            after = at
            while after < last and not (math.isfinite(series[after]) and std[after] > 0.0):
                after += 1
            if after >= last or not days[after] - days[before] <= maximum_gap_days:
                continue
        left[e], right[e] = before, after


@njit(cache=True, nogil=True, inline="always")
def _weight(days: F64, left: int, right: int, epoch: float) -> float:
    """Return the weight of the right date in a straight line between two dates."""
    return (epoch - days[left]) / (days[right] - days[left]) if right > left else 0.0


@njit(cache=True, nogil=True)
def _difference(
    series: F32, std: F32, days: F64, epoch: float, zero: float, pair: tuple[int, int], ref: tuple[int, int]
) -> tuple[float, float]:
    """Return the interpolated value at an epoch minus that at the zero epoch, and its variance.

    Dates that both share count once, so that what they have in common cancels.
    """
    w, w0 = _weight(days, pair[0], pair[1], epoch), _weight(days, ref[0], ref[1], zero)
    dates = (pair[0], pair[1], ref[0], ref[1])
    parts = (1.0 - w, w, w0 - 1.0, -w0)
    value = variance = 0.0
    for i in range(4):
        value += parts[i] * series[dates[i]]
        share = 0.0
        for j in range(4):
            if dates[j] == dates[i]:
                if j < i:
                    share = 0.0
                    break
                share += parts[j]
        sigma = np.float64(std[dates[i]])
        variance += share * share * sigma * sigma
    return value, variance


@njit(cache=True, nogil=True)
def decompose_series(
    series: F32,
    std: F32,
    first: NDArray[np.int64],
    days: F64,
    epochs: F64,
    los_east: F32,
    los_up: F32,
    minimum_sine: float,
    maximum_gap_days: float,
) -> F32:
    """Solve for east and up at common epochs from series of several tracks with dates of their own.

    Parameters
    ----------
    series, std : (date, y, x) displacements and the standard errors of single dates, all tracks one after the other,
        one unit for both; NaN a gap. The errors of different dates are taken as independent.
    first : (track + 1,) where each track begins in them, and the end.
    days : (date,) rising within a track.
    epochs : (epoch,) rising, on the same axis.
    los_east, los_up : (track, y, x) components of the unit vectors from ground to satellite.
    minimum_sine : sine of the smallest angle in the east-up plane between two tracks.
    maximum_gap_days : known dates further apart than this are not joined by a line.

    Returns
    -------
    (5, epoch, y, x) float32: east, up, their standard errors, their covariance. Each track is joined by straight
    lines between its known dates, without extrapolation, and held against its own value at the zero epoch: the first
    one at which the most tracks are known. There the result is 0 with error 0. Tracks not known at the zero epoch
    take no part. NaN at epochs where fewer than two tracks of different look are known.
    """
    n_k, n_y, n_x = los_up.shape
    n_e = len(epochs)
    out = np.full((5, n_e, n_y, n_x), np.nan, dtype=np.float32)
    left, right = np.empty((n_k, n_e), dtype=np.int64), np.empty((n_k, n_e), dtype=np.int64)
    v, s, e, u = np.empty(n_k), np.empty(n_k), np.empty(n_k), np.empty(n_k)
    for r in range(n_y):
        for c in range(n_x):
            one, sigma = series[:, r, c].copy(), std[:, r, c].copy()
            for k in range(n_k):
                e[k], u[k] = los_east[k, r, c], los_up[k, r, c]
                _around(one, sigma, days, first[k], first[k + 1], epochs, maximum_gap_days, left[k], right[k])
            zero, most = -1, 1
            for i in range(n_e):
                known = 0
                for k in range(n_k):
                    if left[k, i] >= 0 and math.isfinite(e[k] + u[k]):
                        known += 1
                if known > most:
                    zero, most = i, known
            if zero < 0:
                continue
            for i in range(n_e):
                for k in range(n_k):
                    v[k] = s[k] = math.nan
                    if left[k, i] < 0 or left[k, zero] < 0 or not math.isfinite(e[k] + u[k]):
                        continue
                    pair, ref = (left[k, i], right[k, i]), (left[k, zero], right[k, zero])
                    v[k], s[k] = _difference(one, sigma, days, epochs[i], epochs[zero], pair, ref)
                    if i == zero:
                        v[k], s[k] = 0.0, 1.0
                x, y, xx, yy, xy = _solve(v, s, e, u, n_k, minimum_sine)
                if i == zero:
                    xx, yy, xy = 0.0 * xx, 0.0 * yy, 0.0 * xy
                out[0, i, r, c], out[1, i, r, c] = x, y
                out[2, i, r, c], out[3, i, r, c], out[4, i, r, c] = math.sqrt(xx), math.sqrt(yy), xy
    return out
