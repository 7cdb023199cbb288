"""Gradient of the plane that fits the heights around a cell best."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def plane_gradient(z: NDArray[np.floating], n: int, cell_m: float) -> NDArray[np.float32]:
    """Slope and aspect of the least-squares plane through a square of (2 n + 1)^2 cells around each cell.

    Parameters
    ----------
    z : (y + 2 n, x + 2 n) heights [m] with a halo of n cells, row 0 in the north; NaN where unknown or outside.
    n : half width in cells, 1 or more.
    cell_m : cell size [m].

    Returns
    -------
    (2, y, x) float32: slope [degree] and the downslope direction [degree clockwise from north, in [0, 360)]. Missing
    heights have no say. NaN where the cell itself is missing or its neighbours do not span a plane; the direction is
    NaN where the plane is level. Summed in a fixed order, so that blocks do not change a bit.
    """
    n_y, n_x = z.shape[0] - 2 * n, z.shape[1] - 2 * n
    out = np.full((2, n_y, n_x), np.nan, dtype=np.float32)
    for i in range(n_y):
        for j in range(n_x):
            c = float(z[i + n, j + n])
            if math.isnan(c):
                continue
            m = sx = sy = sz = sxx = syy = sxy = sxz = syz = 0.0
            for di in range(-n, n + 1):
                for dj in range(-n, n + 1):
                    v = float(z[i + n + di, j + n + dj]) - c
                    if math.isnan(v):
                        continue
                    east, north = float(dj), float(-di)
                    m += 1.0
                    sx += east
                    sy += north
                    sz += v
                    sxx += east * east
                    syy += north * north
                    sxy += east * north
                    sxz += east * v
                    syz += north * v
            cxx, cyy, cxy = sxx - sx * sx / m, syy - sy * sy / m, sxy - sx * sy / m
            cxz, cyz = sxz - sx * sz / m, syz - sy * sz / m
            determinant = cxx * cyy - cxy * cxy
            if not determinant > 1e-9 * (cxx + cyy) * (cxx + cyy):
                continue
            p = (cxz * cyy - cyz * cxy) / determinant / cell_m
            q = (cyz * cxx - cxz * cxy) / determinant / cell_m
            steep = math.hypot(p, q)
            out[0, i, j] = math.degrees(math.atan(steep))
            if steep > 0.0:
                aspect = math.degrees(math.atan2(-p, -q))
                aspect = aspect + 360.0 if aspect < 0.0 else aspect
                out[1, i, j] = 0.0 if np.float32(aspect) >= 360.0 else aspect
    return out
