"""Breaks in a series: what a hinge, a step or both at any date explain, all dates at once by running sums."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]

UNKNOWN, UNCORRELATED, LINEAR, QUADRATIC, BILINEAR, STEP, STEP_AND_TREND = -1, 0, 1, 2, 3, 4, 5
"""Codes of the models, after Berti et al. 2013, Nat. Hazards Earth Syst. Sci. 13:1945, table 1."""

_TINY = 1e-10


@njit(cache=True, nogil=True)
def orthonormal(columns: F64, n: int, p: int) -> F64:
    """Turn columns into orthonormal ones in place (Gram-Schmidt, twice); return the triangle R, (p, p).

    Parameters
    ----------
    columns : (>= p, >= n), one column of the design a row; overwritten. A column that depends on those before it
        becomes zero, with a zero on the diagonal of R.
    n, p : how much of it is used.
    """
    triangle = np.zeros((p, p))
    for j in range(p):
        size = 0.0
        for m in range(n):
            size += columns[j, m] * columns[j, m]
        for _ in range(2):
            for i in range(j):
                dot = 0.0
                for m in range(n):
                    dot += columns[i, m] * columns[j, m]
                triangle[i, j] += dot
                for m in range(n):
                    columns[j, m] -= dot * columns[i, m]
        rest = 0.0
        for m in range(n):
            rest += columns[j, m] * columns[j, m]
        if not rest > _TINY * size:
            for m in range(n):
                columns[j, m] = 0.0
            continue
        triangle[j, j] = math.sqrt(rest)
        for m in range(n):
            columns[j, m] /= triangle[j, j]
    return triangle


@njit(cache=True, nogil=True)
def break_gains(t: F64, root: F64, q: F64, resid: F64, n: int, p: int, shortest: int, gains: F64) -> None:
    """Fill in how much a hinge, a step and both together at each date take off the sum of squares.

    Parameters
    ----------
    t : (n,) rising times.
    root : (n,) square roots of the weights.
    q : (p, n) orthonormal columns of the base model, already weighted.
    resid : (n,) weighted residuals of the base model.
    n, p : sizes.
    shortest : fewest dates before and after a break.
    gains : (3, n), overwritten: hinge at t[m], step between t[m-1] and t[m], both; 0 where no break may be.

    Notes
    -----
    With c the new column made orthogonal to the base, the gain is (c'r)^2 / c'c; c'r, Q'c and c'c are sums over the
    dates after the break, which are updated from one break to the one before it.
    """
    sq = np.zeros(p)
    stq = np.zeros(p)
    sr = str_ = sw = swt = swtt = 0.0
    for m in range(n - 1, -1, -1):
        s = root[m]
        for j in range(p):
            sq[j] += s * q[j, m]
            stq[j] += s * t[m] * q[j, m]
        sr += s * resid[m]
        str_ += s * t[m] * resid[m]
        sw += s * s
        swt += s * s * t[m]
        swtt += s * s * t[m] * t[m]
        gains[0, m] = gains[1, m] = gains[2, m] = 0.0
        if m < shortest or m > n - shortest:
            continue
        knot = t[m]
        step_norm = sw
        hinge_size = swtt - 2.0 * knot * swt + knot * knot * sw
        hinge_norm = hinge_size
        cross = swt - knot * sw
        for j in range(p):
            hq = stq[j] - knot * sq[j]
            step_norm -= sq[j] * sq[j]
            hinge_norm -= hq * hq
            cross -= sq[j] * hq
        hr = str_ - knot * sr
        has_step = step_norm > 1e-8 * sw
        has_hinge = hinge_norm > 1e-8 * hinge_size
        if has_step:
            gains[1, m] = sr * sr / step_norm
        if has_hinge:
            gains[0, m] = hr * hr / hinge_norm
        if has_step and has_hinge:
            rest = hinge_norm - cross * cross / step_norm
            if rest > 1e-8 * hinge_norm:
                along = hr - cross / step_norm * sr
                gains[2, m] = gains[1, m] + along * along / rest


@njit(cache=True, nogil=True)
def break_coefficients(t: F64, root: F64, q: F64, resid: F64, n: int, p: int, m0: int, kind: int) -> F64:
    """Return hinge, step, and what they take off the base model's last coefficient, for a break at date m0.

    `kind` is BILINEAR, STEP or STEP_AND_TREND. The third number times 1 / R[p-1, p-1] is the change of the trend.
    """
    step_q = np.zeros(p)
    hinge_q = np.zeros(p)
    step_r = hinge_r = step_norm = hinge_norm = cross = 0.0
    for m in range(m0, n):
        s, h = root[m], root[m] * (t[m] - t[m0])
        step_r += s * resid[m]
        hinge_r += h * resid[m]
        step_norm += s * s
        hinge_norm += h * h
        cross += s * h
        for j in range(p):
            step_q[j] += s * q[j, m]
            hinge_q[j] += h * q[j, m]
    for j in range(p):
        step_norm -= step_q[j] * step_q[j]
        hinge_norm -= hinge_q[j] * hinge_q[j]
        cross -= step_q[j] * hinge_q[j]
    hinge = step = 0.0
    if kind == BILINEAR:
        hinge = hinge_r / hinge_norm
    elif kind == STEP:
        step = step_r / step_norm
    else:
        det = step_norm * hinge_norm - cross * cross
        hinge = (step_norm * hinge_r - cross * step_r) / det
        step = (hinge_norm * step_r - cross * hinge_r) / det
    out = np.empty(3)
    out[0], out[1] = hinge, step
    out[2] = -(hinge * hinge_q[p - 1] + step * step_q[p - 1])
    return out
