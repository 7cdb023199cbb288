"""Least squares over many series with gaps, one small design for all of them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def invert_spd(matrix: F64, inverse: F64) -> bool:
    """Invert a small symmetric positive definite matrix in place of `inverse`; False where it is singular.

    Parameters
    ----------
    matrix : (p, p). Left untouched.
    inverse : (p, p), overwritten.
    """
    p = matrix.shape[0]
    lower = np.zeros((p, p))
    for i in range(p):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 1e-12 * matrix[i, i]:
                    return False
                lower[i, i] = math.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    column = np.zeros(p)
    for c in range(p):
        for i in range(p):
            total = 1.0 if i == c else 0.0
            for k in range(i):
                total -= lower[i, k] * column[k]
            column[i] = total / lower[i, i]
        for i in range(p - 1, -1, -1):
            total = column[i]
            for k in range(i + 1, p):
                total -= lower[k, i] * column[k]
            column[i] = total / lower[i, i]
        for i in range(p):
            inverse[i, c] = column[i]
    return True


@njit(cache=True, nogil=True)
def _solve(y: F64, rows: NDArray[np.int64], n: int, design: F64, w: F64, inverse: F64, out: F64, resid: F64) -> bool:
    p = design.shape[1]
    normal = np.zeros((p, p))
    right = np.zeros(p)
    for m in range(n):
        t = rows[m]
        for i in range(p):
            gw = design[t, i] * w[m]
            right[i] += gw * y[m]
            for j in range(i + 1):
                normal[i, j] += gw * design[t, j]
    for i in range(p):
        for j in range(i):
            normal[j, i] = normal[i, j]
    if not invert_spd(normal, inverse):
        return False
    for i in range(p):
        total = 0.0
        for j in range(p):
            total += inverse[i, j] * right[j]
        out[i] = total
    for m in range(n):
        fitted = 0.0
        for i in range(p):
            fitted += design[rows[m], i] * out[i]
        resid[m] = y[m] - fitted
    return True


BISQUARE_C = 4.685
"""Tukey's constant: 95 % efficiency at the normal distribution."""


@njit(cache=True, nogil=True)
def _robust_weight(u: float, huber_k: float, is_bisquare: bool) -> float:
    if is_bisquare:
        v = u / BISQUARE_C
        return (1.0 - v * v) ** 2 if v < 1.0 else 0.0
    return 1.0 if u <= huber_k else huber_k / u


@njit(cache=True, nogil=True)
def _influence_slope(u: float, huber_k: float, is_bisquare: bool) -> float:
    if is_bisquare:
        v2 = (u / BISQUARE_C) ** 2
        return (1.0 - v2) * (1.0 - 5.0 * v2) if v2 < 1.0 else 0.0
    return 1.0 if u <= huber_k else 0.0


@njit(cache=True, nogil=True)
def _one(
    y: F64, rows: NDArray[np.int64], n: int, design: F64, base: F64, huber_k: float, rounds: int, out: F64, err: F64
) -> float:
    """Fit one gap-free series; return the unweighted residual standard deviation, NaN where it cannot be fitted."""
    p = design.shape[1]
    inverse = np.zeros((p, p))
    resid = np.zeros(n)
    w = np.empty(n)
    scaled = np.empty(n)
    for m in range(n):
        w[m] = base[rows[m]]
    if not _solve(y, rows, n, design, w, inverse, out, resid):
        return np.nan
    scale = 0.0
    for k in range(abs(rounds)):
        is_bisquare = rounds < 0 and 2 * k >= abs(rounds)
        for m in range(n):
            scaled[m] = abs(resid[m]) * math.sqrt(base[rows[m]])
        scale = 1.4826 * np.median(scaled)
        if not scale > 0.0:
            break
        for m in range(n):
            w[m] = base[rows[m]] * _robust_weight(scaled[m] / scale, huber_k, is_bisquare)
        if not _solve(y, rows, n, design, w, inverse, out, resid):
            return np.nan
    plain = 0.0
    psi = 0.0
    slope = 0.0
    for m in range(n):
        r = abs(resid[m]) * math.sqrt(base[rows[m]])
        plain += resid[m] * resid[m]
        weight, bend = 1.0, 1.0
        if rounds != 0 and scale > 0.0:
            weight = _robust_weight(r / scale, huber_k, rounds < 0)
            bend = _influence_slope(r / scale, huber_k, rounds < 0)
        psi += (weight * r) ** 2
        slope += bend
    share = slope / n
    if not share > 0.05:
        return np.nan
    for m in range(n):
        w[m] = base[rows[m]]
    if rounds != 0 and not _solve(y, rows, n, design, w, inverse, np.empty(p), np.empty(n)):
        return np.nan
    variance = psi / (n - p) / (share * share)
    for i in range(p):
        err[i] = math.sqrt(variance * inverse[i, i])
    return math.sqrt(plain / (n - p))


@njit(cache=True, nogil=True)
def fit_series(
    values: F32,
    design: F64,
    weights: F64,
    correction: F64,
    basis: F32,
    huber_k: float,
    rounds: int,
    minimum_n: int,
) -> tuple[F32, F32, F32, NDArray[np.int16]]:
    """Fit one linear model to every series of a block, each with its own gaps.

    Parameters
    ----------
    values : (time, y, x) in any unit; NaN is a gap.
    design : (time, p), the columns of the model; the same for all series.
    weights : (time,) inverse variances up to a common factor; a weight of 0 leaves the date out.
    correction : (time, q) coefficients of a field that is subtracted from each date before the fit; q may be 0.
    basis : (q, y, x) what those coefficients multiply. A pixel where any of it is NaN is missing.
    huber_k, rounds : Huber's constant, and how often robust weights are renewed; 0 is plain least squares; below 0
        the second half of the rounds uses Tukey's bisquare (constant 4.685), started from Huber's fit.
    minimum_n : fewest dates of a series.

    Returns
    -------
    coefficients (p, y, x), their standard errors (p, y, x), residual standard deviation (y, x), and the number of
    dates used (y, x) int16. NaN where there are fewer than max(minimum_n, p + 1) dates or the design is singular.
    Errors are those of independent dates: sum(psi^2)/(n-p) / mean(psi')^2 (G'WG)^-1, psi the influence function of the
    estimator (Huber 1981, section 7.6); for least squares that is SSE/(n-p) (G'WG)^-1.
    """
    n_t, n_y, n_x = values.shape
    p = design.shape[1]
    q = correction.shape[1]
    coefficients = np.full((p, n_y, n_x), np.nan, dtype=np.float32)
    errors = np.full((p, n_y, n_x), np.nan, dtype=np.float32)
    rms = np.full((n_y, n_x), np.nan, dtype=np.float32)
    count = np.zeros((n_y, n_x), dtype=np.int16)
    y = np.empty(n_t)
    rows = np.empty(n_t, dtype=np.int64)
    out = np.empty(p)
    err = np.empty(p)
    for r in range(n_y):
        line = np.empty((n_x, n_t), dtype=np.float32)
        for t in range(n_t):
            for c in range(n_x):
                line[c, t] = values[t, r, c]
        for c in range(n_x):
            n = 0
            for t in range(n_t):
                value = np.float64(line[c, t])
                for k in range(q):
                    value -= correction[t, k] * basis[k, r, c]
                if math.isfinite(value) and weights[t] > 0.0:
                    y[n] = value
                    rows[n] = t
                    n += 1
            count[r, c] = n
            if n < minimum_n or n < p + 1:
                continue
            sd = _one(y, rows, n, design, weights, huber_k, rounds, out, err)
            if not math.isfinite(sd):
                continue
            rms[r, c] = sd
            for i in range(p):
                coefficients[i, r, c] = out[i]
                errors[i, r, c] = err[i]
    return coefficients, errors, rms, count
