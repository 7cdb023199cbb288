"""East and up from lines of sight, north taken as zero, with the covariance propagated.

Plain NumPy: compiled code would be twice as fast, but takes longer to load than a million pixels take here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_Arrays = tuple[F64, F64 | None, F64, F64]

_BLOCK = 16_384
"""Pixels solved at once: their arrays stay in the cache."""


def decompose_east_up(
    velocity: F32, std: F32, los_east: F32, los_up: F32, *, minimum_sine: float
) -> tuple[F32, F32, F32, F32, F32]:
    """Solve v_i = E_i e + U_i u for every pixel by weighted least squares (exact where there are two tracks).

    Parameters
    ----------
    velocity, std : (track, ...), one unit for both. A track takes part where all its four values are there and
        its std is positive.
    los_east, los_up : (track, ...) components of the unit vectors from ground to satellite.
    minimum_sine : sine of the smallest angle in the east-up plane between two tracks; below it there is no answer.

    Returns
    -------
    east, up, their standard errors, and their covariance; each (...) float32 in the unit of `velocity`, NaN where
    fewer than two tracks of different look are there. The covariance is (G'WG)^-1 with W = 1/std^2.
    """
    out = _planes([velocity, std, los_east, los_up], 5, minimum_sine)
    return out[0], out[1], out[2], out[3], out[4]


def decompose_alike(velocity: F32, los_east: F32, los_up: F32, *, minimum_sine: float) -> tuple[F32, F32]:
    """Solve for east and up alone, of tracks that weigh the same; everything else as in `decompose_east_up`."""
    out = _planes([velocity, los_east, los_up], 2, minimum_sine)
    return out[0], out[1]


def _planes(arrays: list[F32], n_planes: int, minimum_sine: float) -> F32:
    """Return the planes (n_planes, ...) of the solution, computed in blocks of pixels."""
    shape = arrays[0].shape[1:]
    flat = [np.asarray(a).reshape(len(a), -1) for a in arrays]
    n = flat[0].shape[1]
    out = np.empty((n_planes, n), dtype=np.float32)
    solve = _solve_two if len(flat[0]) == 2 else _solve
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for start in range(0, n, _BLOCK):
            part = slice(start, min(start + _BLOCK, n))
            v, *std, e, u = (a[:, part].astype(np.float64) for a in flat)
            solve((v, std[0] if std else None, e, u), minimum_sine, out[:, part])
    return out.reshape(n_planes, *shape)


def _solve_two(arrays: _Arrays, minimum_sine: float, out: F32) -> None:
    """Write the solution for some pixels of two tracks: the inverse of a 2 x 2 matrix, whatever the errors."""
    v, s, e, u = arrays
    cross = e[0] * u[1] - e[1] * u[0]
    apart = cross * cross >= minimum_sine**2 * (e[0] * e[0] + u[0] * u[0]) * (e[1] * e[1] + u[1] * u[1])
    usable = apart & (cross != 0) & np.isfinite(v[0] + v[1])
    if s is not None:
        usable &= (s[0] > 0) & (s[1] > 0) & np.isfinite(s[0] + s[1])
    if not usable.all():
        cross = np.where(usable, cross, np.nan)
    one = 1.0 / cross
    np.multiply(u[1] * v[0] - u[0] * v[1], one, out=out[0], casting="same_kind")
    np.multiply(e[0] * v[1] - e[1] * v[0], one, out=out[1], casting="same_kind")
    if s is not None:
        first, second = (s[0] * one) ** 2, (s[1] * one) ** 2
        out[2] = np.sqrt(u[1] * u[1] * first + u[0] * u[0] * second)
        out[3] = np.sqrt(e[1] * e[1] * first + e[0] * e[0] * second)
        out[4] = -(u[1] * e[1] * first + u[0] * e[0] * second)


def _solve(arrays: _Arrays, minimum_sine: float, out: F32) -> None:
    """Write the solution for some pixels; arrays are velocity, std (None: alike), east and up (track, pixel)."""
    v, s, e, u = arrays
    s = np.ones_like(v) if s is None else s
    known = np.isfinite(v + s + e + u) & (s > 0)
    whole = bool(known.all())
    w = 1.0 / (s * s)
    if not whole:
        w, v, e, u = (np.where(known, a, 0.0) for a in (w, v, e, u))
    we, wu = w * e, w * u
    a, b, d = (we * e).sum(axis=0), (we * u).sum(axis=0), (wu * u).sum(axis=0)
    p, q = (we * v).sum(axis=0), (wu * v).sum(axis=0)
    determinant = a * d - b * b
    usable = (_widest(e, u) >= minimum_sine**2) & (determinant > 0)
    if not usable.all():
        determinant = np.where(usable, determinant, np.nan)
    one = 1.0 / determinant
    out[0], out[1] = (d * p - b * q) * one, (a * q - b * p) * one
    if len(out) > 2:
        out[2], out[3], out[4] = np.sqrt(d * one), np.sqrt(a * one), -b * one


def _widest(e: F64, u: F64) -> F64:
    """Return the largest squared sine between any two looks; looks of length 0 (those not known) have none."""
    length = e * e + u * u
    widest = np.zeros(e.shape[1])
    for k in range(1, len(e)):
        for j in range(k):
            cross = e[j] * u[k] - u[j] * e[k]
            np.fmax(widest, cross * cross / (length[j] * length[k]), out=widest)
    return widest
