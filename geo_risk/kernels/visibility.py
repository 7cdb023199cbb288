"""What a side-looking radar cannot image: layover and shadow, cast by the slope itself or by another one."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]

SHADOW_BIT, LAYOVER_BIT = 1, 2
"""Bits of the result."""


@njit(cache=True, nogil=True, inline="always")
def _height(z: NDArray[np.float64], i: int, j: int, down: float, right: float) -> float:
    """Return the bilinear height `down` rows and `right` columns from cell (i, j).

    NaN outside, and beside a gap that counts. The weights do not depend on i and j, so that blocks change nothing.
    """
    r, c = math.floor(down), math.floor(right)
    a, b = down - r, right - c
    r, c = i + r, j + c
    r1 = r + 1 if a > 0.0 else r
    c1 = c + 1 if b > 0.0 else c
    if r < 0 or c < 0 or r1 >= z.shape[0] or c1 >= z.shape[1]:
        return math.nan
    top = (1.0 - b) * z[r, c] + b * z[r, c1] if b > 0.0 else z[r, c]
    if a <= 0.0:
        return float(top)
    low = (1.0 - b) * z[r1, c] + b * z[r1, c1] if b > 0.0 else z[r1, c]
    return float((1.0 - a) * top + a * low)


@njit(cache=True, nogil=True)
def layover_shadow(
    z: NDArray[np.float64],
    los_east: F32,
    los_north: F32,
    los_up: F32,
    halo: tuple[int, int],
    cell_m: float,
    lowest_m: float,
    highest_m: float,
) -> NDArray[np.uint8]:
    """Find cells in shadow or layover by walking along the range direction through each of them.

    Parameters
    ----------
    z : (y + 2 halo[0], x + 2 halo[1]) heights [m], row 0 in the north; NaN where unknown or outside.
    los_east, los_north, los_up : (y, x) unit vector from ground to satellite; the wave is taken as plane around a cell.
    halo : rows and columns of z beyond the cells asked for, on each side. Where it is smaller than the reach,
        (highest_m - lowest_m) times the larger of tan(th) and cot(th), what lies beyond is not seen.
    cell_m : cell size [m].
    lowest_m, highest_m : bounds of the heights of the whole scene [m]; they end each walk, so that a block gives what
        the whole scene gives.

    Returns
    -------
    (y, x) uint8: SHADOW_BIT, LAYOVER_BIT, their sum, or 0. th is the incidence, s the horizontal distance.
    Shadow: toward the satellite some ground rises to the ray, z(s) >= z0 + s cot(th) and not merely touches it
    (so a cell that the ray grazes is lit). Layover: the slant range R = s sin(th) - z cos(th) away from the satellite
    is not unique: farther ground with R <= R0, z(s) >= z0 + s tan(th), or nearer ground with R >= R0,
    z(-s) <= z0 - s tan(th). Heights are bilinear, one step is one cell. Missing heights cast nothing; a cell without
    a height or a line of sight is 0. Nearer ground counts also where it lies in shadow itself (the safe side).
    """
    n_y, n_x = los_up.shape
    out = np.zeros((n_y, n_x), dtype=np.uint8)
    for i in range(n_y):
        for j in range(n_x):
            z0 = z[i + halo[0], j + halo[1]]
            e, n, u = float(los_east[i, j]), float(los_north[i, j]), float(los_up[i, j])
            across = math.hypot(e, n)
            if not (math.isfinite(z0 + e + n + u) and across > 0.0 and u > 0.0):
                continue
            row_step, column_step = -n / across, e / across
            rise, fall = cell_m * u / across, cell_m * across / u
            code = 0
            k = 1
            while z0 + k * rise < highest_m:
                if _height(z, i + halo[0], j + halo[1], k * row_step, k * column_step) > z0 + k * rise:
                    code |= SHADOW_BIT
                    break
                k += 1
            k = 1
            while code < LAYOVER_BIT and z0 + k * fall <= highest_m:
                if _height(z, i + halo[0], j + halo[1], -k * row_step, -k * column_step) >= z0 + k * fall:
                    code |= LAYOVER_BIT
                k += 1
            k = 1
            while code < LAYOVER_BIT and z0 - k * fall >= lowest_m:
                if _height(z, i + halo[0], j + halo[1], k * row_step, k * column_step) <= z0 - k * fall:
                    code |= LAYOVER_BIT
                k += 1
            out[i, j] = code
    return out
