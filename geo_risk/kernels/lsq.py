"""Least squares over many series with gaps, one small design for all of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.lsq_small import invert_spd
from geo_risk.kernels.time_noise import correlated_errors

__all__ = ["Estimator", "Model", "Noise", "bisquare", "fit_series", "independent", "invert_spd"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


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
    y: F64, rows: NDArray[np.int64], n: int, design: F64, base: F64, huber_k: float, rounds: int, out: F64, err: F64,
    inverse: F64,
) -> float:  # fmt: skip
    """Fit one gap-free series; return the unweighted residual standard deviation, NaN where it cannot be fitted.

    `inverse` becomes (G'WG)^-1 of the base weights.
    """
    p = design.shape[1]
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


class Model(NamedTuple):
    """What is fitted to every series alike.

    Attributes
    ----------
    design : (time, p), the columns of the model.
    weights : (time,) inverse variances up to a common factor; a weight of 0 leaves the date out.
    correction : (time, q) coefficients of a field that is subtracted from each date before the fit; q may be 0.
    """

    design: F64
    weights: F64
    correction: F64


class Estimator(NamedTuple):
    """How it is fitted.

    Attributes
    ----------
    huber_k, rounds : Huber's constant, and how often robust weights are renewed; 0 is plain least squares; below 0
        the second half of the rounds uses Tukey's bisquare (constant 4.685), started from Huber's fit.
    minimum_n : fewest dates of a series.
    """

    huber_k: float
    rounds: int
    minimum_n: int


class Noise(NamedTuple):
    """How the noise of two dates hangs together.

    Attributes
    ----------
    times : (time,) [yr], rising.
    spread : (time,) standard deviation of each date times the square root of its weight, up to a common factor.
    share, tau : share of the variance that is correlated, and its correlation time [yr]; 0 for independent dates.
    """

    times: F64
    spread: F64
    share: float
    tau: float


def independent(n: int) -> Noise:
    """Return the noise of n dates that have nothing in common and are as their weights say."""
    return Noise(np.arange(n, dtype=np.float64), np.ones(n), 0.0, 1.0)


def bisquare(minimum_n: int) -> Estimator:
    """Return Tukey's bisquare, from Huber's fit, as velocities are fitted by."""
    return Estimator(1.345, -8, minimum_n)


@njit(cache=True, nogil=True)
def fit_series(
    values: F32, basis: F32, model: Model, estimator: Estimator, noise: Noise
) -> tuple[F32, F32, F32, NDArray[np.int16], F32]:
    """Fit one linear model to every series of a block; errors allow for noise that is correlated in time.

    Parameters
    ----------
    values : (time, y, x) in any unit; NaN is a gap.
    basis : (q, y, x) what the coefficients of `model.correction` multiply. A pixel where any of it is NaN is missing.
    model, estimator, noise : what is fitted, how, and what the errors allow for.

    Returns
    -------
    coefficients (p, y, x), their standard errors (p, y, x), residual standard deviation (y, x), the number of dates
    used (y, x) int16, and the degrees of freedom of the errors (y, x). NaN where there are fewer than
    max(minimum_n, p + 1) dates or the design is singular. Errors of independent dates are
    sum(psi^2)/(n-p) / mean(psi')^2 (G'WG)^-1, psi the influence function of the estimator (Huber 1981, section 7.6);
    for least squares that is SSE/(n-p) (G'WG)^-1. What correlation adds: `time_noise.correlated_errors`.
    """
    design, weights, correction = model.design, model.weights, model.correction
    huber_k, rounds, minimum_n = estimator.huber_k, estimator.rounds, estimator.minimum_n
    times, spread, share, tau = noise.times, noise.spread, noise.share, noise.tau
    n_t, n_y, n_x = values.shape
    p = design.shape[1]
    q = correction.shape[1]
    coefficients = np.full((p, n_y, n_x), np.nan, dtype=np.float32)
    errors = np.full((p, n_y, n_x), np.nan, dtype=np.float32)
    rms = np.full((n_y, n_x), np.nan, dtype=np.float32)
    freedom = np.full((n_y, n_x), np.nan, dtype=np.float32)
    count = np.zeros((n_y, n_x), dtype=np.int16)
    y = np.empty(n_t)
    rows = np.empty(n_t, dtype=np.int64)
    out = np.empty(p)
    err = np.empty(p)
    factor = np.ones(p)
    inverse = np.zeros((p, p))
    root = np.sqrt(weights)
    is_even = share == 0.0 and (spread == spread[0]).all()
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
            sd = _one(y, rows, n, design, weights, huber_k, rounds, out, err, inverse)
            if not math.isfinite(sd):
                continue
            rms[r, c] = sd
            freedom[r, c] = n - p
            if not is_even:
                freedom[r, c] = correlated_errors(design, times, spread, rows, n, root, inverse, share, tau, factor)
            for i in range(p):
                coefficients[i, r, c] = out[i]
                errors[i, r, c] = err[i] * math.sqrt(factor[i])
    return coefficients, errors, rms, count, freedom
