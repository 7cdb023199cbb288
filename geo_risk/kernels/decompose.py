"""East and up from lines of sight, north taken as zero, with the covariance propagated."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]


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
    for r in range(n_y):
        for c in range(n_x):
            a = b = d = p = q = 0.0
            widest = 0.0
            for k in range(n_k):
                v = np.float64(velocity[k, r, c])
                s = np.float64(std[k, r, c])
                e = np.float64(los_east[k, r, c])
                u = np.float64(los_up[k, r, c])
                if not (math.isfinite(v + s + e + u) and s > 0.0):
                    continue
                for j in range(k):
                    other = np.float64(los_east[j, r, c]) * u - np.float64(los_up[j, r, c]) * e
                    length = math.hypot(e, u) * math.hypot(np.float64(los_east[j, r, c]), np.float64(los_up[j, r, c]))
                    usable = math.isfinite(np.float64(velocity[j, r, c])) and std[j, r, c] > 0.0
                    if usable and length > 0.0 and abs(other) / length > widest:
                        widest = abs(other) / length
                w = 1.0 / (s * s)
                a += w * e * e
                b += w * e * u
                d += w * u * u
                p += w * e * v
                q += w * u * v
            determinant = a * d - b * b
            if not (widest >= minimum_sine and determinant > 0.0):
                continue
            east[r, c] = (d * p - b * q) / determinant
            up[r, c] = (a * q - b * p) / determinant
            east_std[r, c] = math.sqrt(d / determinant)
            up_std[r, c] = math.sqrt(a / determinant)
            covariance[r, c] = -b / determinant
    return east, up, east_std, up_std, covariance
