"""Slope, aspect and curvatures of a 3 x 3 window in one pass."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

N_TERRAIN = 4
"""Planes of the result: slope, aspect, plan curvature, profile curvature."""


@njit(cache=True, nogil=True, inline="always")
def _one_of(value: float, opposite: float, centre: float) -> float:
    """Return `value`, or where it is NaN the straight line through `opposite` and `centre`."""
    return 2.0 * centre - opposite if math.isnan(value) else value


@njit(cache=True, nogil=True)
def slope_family(z: NDArray[np.floating], cell_m: float) -> NDArray[np.float32]:
    """Slope [deg], aspect [deg], plan and profile curvature [1/m] of a height array with a halo of one cell.

    Parameters
    ----------
    z : (y + 2, x + 2) heights [m], row 0 in the north, column 0 in the west; NaN where unknown or outside.
    cell_m : cell size [m].

    Returns
    -------
    (4, y, x) float32. Slope and aspect: Horn (1981), Proc. IEEE 69(1), the gradient by differences weighted 1-2-1;
    aspect is the downslope direction clockwise from north, in [0, 360), NaN where the gradient is 0. Curvatures from
    the quadratic of Evans (1972) by least squares: plan = curvature of the contour line, positive where contours bulge
    downslope (ridges), NaN where the gradient is 0; profile = curvature of the slope line, positive where it is
    convex, 0 where the gradient is 0 and the surface plane. A neighbour that is NaN is put on the straight line
    through its opposite for slope and aspect (exact on planes), NaN where both of a pair are missing; curvatures are
    NaN where any neighbour is.
    """
    n_y, n_x = z.shape[0] - 2, z.shape[1] - 2
    out = np.full((4, n_y, n_x), np.nan, dtype=np.float32)
    for i in range(n_y):
        for j in range(n_x):
            c = float(z[i + 1, j + 1])
            if math.isnan(c):
                continue
            nw, n, ne = float(z[i, j]), float(z[i, j + 1]), float(z[i, j + 2])
            w, e = float(z[i + 1, j]), float(z[i + 1, j + 2])
            sw, s, se = float(z[i + 2, j]), float(z[i + 2, j + 1]), float(z[i + 2, j + 2])
            whole = not math.isnan(nw + n + ne + w + e + sw + s + se)
            if not whole:
                n0, e0, nw0, ne0 = n, e, nw, ne
                n, s = _one_of(n, s, c), _one_of(s, n0, c)
                e, w = _one_of(e, w, c), _one_of(w, e0, c)
                nw, se = _one_of(nw, se, c), _one_of(se, nw0, c)
                ne, sw = _one_of(ne, sw, c), _one_of(sw, ne0, c)
                if math.isnan(nw):
                    nw, se = n + w - c, s + e - c
                if math.isnan(ne):
                    ne, sw = n + e - c, s + w - c
            p = ((ne + 2.0 * e + se) - (nw + 2.0 * w + sw)) / (8.0 * cell_m)
            q = ((nw + 2.0 * n + ne) - (sw + 2.0 * s + se)) / (8.0 * cell_m)
            g2 = p * p + q * q
            if math.isnan(g2):
                continue
            out[0, i, j] = math.degrees(math.atan(math.sqrt(g2)))
            if g2 > 0.0:
                aspect = math.degrees(math.atan2(-p, -q))
                out[1, i, j] = aspect + 360.0 if aspect < 0.0 else aspect
                if out[1, i, j] >= 360.0:
                    out[1, i, j] = 0.0
            if not whole:
                continue
            area = cell_m * cell_m
            p = (ne + e + se - nw - w - sw) / (6.0 * cell_m)
            q = (nw + n + ne - sw - s - se) / (6.0 * cell_m)
            r = (nw + ne + w + e + sw + se - 2.0 * (n + c + s)) / (3.0 * area)
            t = (nw + ne + n + s + sw + se - 2.0 * (w + c + e)) / (3.0 * area)
            cross = (ne + sw - nw - se) / (4.0 * area)
            g2 = p * p + q * q
            if g2 > 0.0:
                out[2, i, j] = -(q * q * r - 2.0 * p * q * cross + p * p * t) / (g2 * math.sqrt(g2))
                steep = 1.0 + g2
                out[3, i, j] = -(p * p * r + 2.0 * p * q * cross + q * q * t) / (g2 * steep * math.sqrt(steep))
            elif r == 0.0 and t == 0.0 and cross == 0.0:
                out[3, i, j] = 0.0
    return out


@njit(cache=True, nogil=True)
def height_above_mean(z: NDArray[np.floating], n: int) -> NDArray[np.float32]:
    """Height above the mean of the square of (2 n + 1)^2 cells around each cell [unit of z].

    Parameters
    ----------
    z : (y + 2 n, x + 2 n) heights with a halo of n cells; NaN where unknown or outside.
    n : half width in cells, 1 or more.

    Returns
    -------
    (y, x) float32; missing heights do not count in the mean, NaN where the cell itself is missing. Summed in a fixed
    order, so that blocks do not change a bit.
    """
    n_y, n_x = z.shape[0] - 2 * n, z.shape[1] - 2 * n
    out = np.full((n_y, n_x), np.nan, dtype=np.float32)
    for i in range(n_y):
        for j in range(n_x):
            c = float(z[i + n, j + n])
            if math.isnan(c):
                continue
            total, count = 0.0, 0
            for di in range(2 * n + 1):
                for dj in range(2 * n + 1):
                    v = float(z[i + di, j + dj])
                    if not math.isnan(v):
                        total += v - c
                        count += 1
            out[i, j] = -total / count
    return out
