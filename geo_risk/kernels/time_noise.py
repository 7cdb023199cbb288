"""Noise that is correlated in time: a white part and a part that forgets exponentially, at any dates.

The covariance of two dates is d_i d_j [(1 - a) (i = j) + a exp(-|t_i - t_j| / tau)]: first-order autoregression sampled
at irregular dates, with white noise on top. Everything here is linear in the number of dates.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.lsq_small import invert_spd

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _smear(x: F64, memory: F64, n: int, out: F64) -> None:
    """Multiply by the matrix of exp(-|t_i - t_j| / tau): out = P x; memory[m] is what date m keeps of date m - 1."""
    carried = 0.0
    for m in range(n):
        carried = memory[m] * carried if m > 0 else 0.0
        out[m] = carried
        carried += x[m]
    carried = 0.0
    for m in range(n - 1, -1, -1):
        out[m] += carried + x[m]
        carried = memory[m] * (carried + x[m])


@njit(cache=True, nogil=True)
def correlated_errors(
    design: F64, times: F64, spread: F64, rows: I64, n: int, root: F64, inverse: F64, share: float, tau: float, out: F64
) -> float:
    """Return what correlation does to the errors of one series: a factor of each variance, and degrees of freedom.

    Parameters
    ----------
    design : (time, p). times : (time,) [yr], rising. root : (time,) square roots of the weights.
    spread : (time,) d, standard deviation of each date times `root`, up to a common factor.
    rows, n : the dates that are known; `rows[:n]` rises.
    inverse : (p, p) (G'WG)^-1 of those dates.
    share, tau : a in 0-1 and tau [yr] > 0.
    out : (p,), overwritten: the true variance over that of independent dates of equal weight, SSE/(n-p) (G'WG)^-1.

    Returns
    -------
    Degrees of freedom tr(RV)^2 / tr(RVRV) (Satterthwaite; Worsley and Friston 1995, NeuroImage 2:173), R the residual
    projection, V the covariance. The variance of the estimate is SSE / tr(RV) times that of (G'WG)^-1 G'W^.5 V W^.5 G
    (G'WG)^-1.
    """
    p = design.shape[1]
    memory, column, smeared = np.empty(n), np.empty(n), np.empty(n)
    g, vg = np.empty((n, p)), np.empty((n, p))
    trace, square, kept = 0.0, 0.0, 0.0
    for m in range(n):
        t = rows[m]
        memory[m] = math.exp(-(times[t] - times[rows[m - 1]]) / tau) if m > 0 else 0.0
        d2 = spread[t] * spread[t]
        kept = memory[m] * memory[m] * kept
        trace += d2
        square += d2 * d2 + 2.0 * share * share * d2 * kept
        kept += d2
    for i in range(p):
        for m in range(n):
            t = rows[m]
            g[m, i] = design[t, i] * root[t]
            column[m] = g[m, i] * spread[t]
        _smear(column, memory, n, smeared)
        for m in range(n):
            vg[m, i] = spread[rows[m]] * ((1.0 - share) * column[m] + share * smeared[m])
    middle, squared = np.zeros((p, p)), np.zeros((p, p))
    for m in range(n):
        for i in range(p):
            for j in range(p):
                middle[i, j] += g[m, i] * vg[m, j]
                squared[i, j] += vg[m, i] * vg[m, j]
    ma = inverse @ middle
    mb = inverse @ squared
    residual, residual2 = trace, square
    for i in range(p):
        residual -= ma[i, i]
        residual2 -= 2.0 * mb[i, i]
        for j in range(p):
            residual2 += ma[i, j] * ma[j, i]
    sandwich = ma @ inverse
    for i in range(p):
        out[i] = (n - p) / residual * sandwich[i, i] / inverse[i, i]
    return residual * residual / residual2


@njit(cache=True, nogil=True)
def _likelihood(z: F64, times: F64, n: int, p: int, share: float, tau: float, normal: F64, inverse: F64) -> float:
    """Restricted log-likelihood of one series, its variance profiled out; z is (n, p + 1): columns, then the values."""
    state, ahead = np.zeros(p + 1), np.zeros(p + 1)
    normal[:] = 0.0
    variance = share
    logs, values2 = 0.0, 0.0
    right = np.zeros(p)
    for m in range(n):
        keep = math.exp(-(times[m] - times[m - 1]) / tau) if m > 0 else 0.0
        variance = keep * keep * variance + (1.0 - keep * keep) * share if m > 0 else share
        total = variance + 1.0 - share
        logs += math.log(total)
        for i in range(p + 1):
            state[i] *= keep
            ahead[i] = z[m, i] - state[i]
            state[i] += variance / total * ahead[i]
        variance -= variance * variance / total
        for i in range(p):
            right[i] += ahead[i] * ahead[p] / total
            for j in range(i + 1):
                normal[i, j] += ahead[i] * ahead[j] / total
        values2 += ahead[p] * ahead[p] / total
    for i in range(p):
        for j in range(i):
            normal[j, i] = normal[i, j]
    if not invert_spd(normal, inverse):
        return np.nan
    determinant = np.linalg.det(normal)
    rest = values2
    for i in range(p):
        for j in range(p):
            rest -= right[i] * inverse[i, j] * right[j]
    if not (rest > 0.0 and determinant > 0.0):
        return np.nan
    return -0.5 * ((n - p) * math.log(rest / (n - p)) + logs + math.log(determinant))


@njit(cache=True, nogil=True)
def noise_likelihood(values: F64, design: F64, sigma: F64, times: F64, shares: F64, taus: F64) -> F64:
    """Return the restricted log-likelihood of each pair (share, tau), for every series.

    Parameters
    ----------
    values : (time, series); NaN is a gap. design : (time, p). times : (time,) [yr].
    sigma : (time,) standard deviation of each date up to a common factor; NaN or 0 leaves the date out.
    shares, taus : candidates of a and tau [yr].

    Returns
    -------
    (series, share, tau); NaN where a series has fewer than p + 5 dates or a singular design. By the Kalman filter, of
    the values and of every column at once.
    """
    n_t, n_s = values.shape
    p = design.shape[1]
    out = np.full((n_s, len(shares), len(taus)), np.nan)
    z, when = np.empty((n_t, p + 1)), np.empty(n_t)
    normal, inverse = np.zeros((p, p)), np.zeros((p, p))
    for s in range(n_s):
        n = 0
        for t in range(n_t):
            if math.isfinite(values[t, s]) and sigma[t] > 0.0:
                for i in range(p):
                    z[n, i] = design[t, i] / sigma[t]
                z[n, p] = values[t, s] / sigma[t]
                when[n] = times[t]
                n += 1
        if n < p + 5:
            continue
        for i in range(len(shares)):
            for j in range(len(taus)):
                out[s, i, j] = _likelihood(z, when, n, p, shares[i], taus[j], normal, inverse)
    return out
