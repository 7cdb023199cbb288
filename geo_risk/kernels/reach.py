"""The highest level among the cells from which a slide could come down to a cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

UNKNOWN, MEDIUM = -1, 2


def reach_level(
    elevation: ArrayLike, level: NDArray[Any], *, cell_m: float, angle_deg: float, distance_m: float
) -> NDArray[np.int8]:
    """Highest level of each cell and of the cells above it that see it under at least the reach angle.

    A cell above reaches a cell below where the angle of the line between their grounds is at least `angle_deg`, their
    distance at most `distance_m`, and no ground between them rises above that line: screening by the angle of reach
    (Heim 1932; Corominas 1996, Canadian Geotechnical Journal 33(2)), without volume or path of the slide.

    Parameters
    ----------
    elevation : (y, x) [m], NaN where missing; square cells.
    level : (y, x) int, -1 unknown, 0-4.
    cell_m, distance_m : cell side, and the farthest horizontal distance that is looked at [m].
    angle_deg : in (0, 90).

    Returns
    -------
    (y, x) int8: as `core.levels.combine_levels` over the cell's own level and all that reach it (the highest, but
    unknown where one of them is unknown and none is medium). A cell without a height has its own level.

    Raises
    ------
    ValueError : shapes differ, the angle or a length is out of its range, or a level is.
    """
    z = np.ascontiguousarray(elevation, dtype=np.float64)
    levels = np.ascontiguousarray(level, dtype=np.int8)
    if z.ndim != 2 or z.shape != levels.shape:
        msg = f"elevation has shape {z.shape}, level {levels.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    if not (0 < angle_deg < 90 and 0 < cell_m < math.inf and 0 <= distance_m < math.inf):
        msg = f"angle {angle_deg} deg, cell {cell_m} m, distance {distance_m} m: needs (0, 90), > 0, >= 0"
        raise ValueError(msg)
    if levels.size and not (levels.min() >= UNKNOWN and levels.max() <= 4):
        msg = f"levels run from {levels.min()} to {levels.max()}; -1 to 4 needed"
        raise ValueError(msg)
    out: NDArray[np.int8] = _reach(z, levels, math.tan(math.radians(angle_deg)) * cell_m, distance_m / cell_m)
    return out


@njit(cache=True, nogil=True)
def _reach(z: Any, level: Any, rise: float, radius: float) -> Any:
    n_y, n_x = z.shape
    out = level.copy()
    n = int(radius + 1e-9)
    for i in range(n_y):
        for j in range(n_x):
            here, highest, unknown = z[i, j], level[i, j], level[i, j] == UNKNOWN
            for di in range(-min(n, i), min(n, n_y - 1 - i) + 1):
                for dj in range(-min(n, j), min(n, n_x - 1 - j) + 1):
                    other = level[i + di, j + dj]
                    if other <= highest and (other != UNKNOWN or unknown):
                        continue
                    distance = math.sqrt(di * di + dj * dj)
                    above = z[i + di, j + dj] - here
                    if (
                        distance > 0
                        and distance <= radius + 1e-9
                        and above >= rise * distance - 1e-9
                        and (_is_open(z, i, j, di, dj, above))
                    ):
                        highest = max(highest, other)
                        unknown = unknown or other == UNKNOWN
            out[i, j] = UNKNOWN if unknown and highest < MEDIUM else highest
    return out


@njit(cache=True, nogil=True)
def _is_open(z: Any, i: int, j: int, di: int, dj: int, above: float) -> bool:
    """Tell whether no ground between (i, j) and (i + di, j + dj) rises above the line between them."""
    n = max(abs(di), abs(dj))
    for k in range(1, n):
        # the nearest cell, halves away from zero, so that mirrored ground gives a mirrored answer
        row = i + int(math.copysign(math.floor(abs(di) * k / n + 0.5), di))
        column = j + int(math.copysign(math.floor(abs(dj) * k / n + 0.5), dj))
        if z[row, column] > z[i, j] + above * k / n + 1e-9:
            return False
    return True
