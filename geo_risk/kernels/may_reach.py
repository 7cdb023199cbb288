"""Ground to which a path could come, where it is not known whether or how it goes on: a bound by the energy line.

To follow the path of each release cell that may be none would cost as much as if all of them failed, and over missing
ground no path can be followed. The energy line alone is quick: whatever way a path takes from b to its neighbour n over
the horizontal distance s, its line there is at most min(H - s tan(alpha), z_n + cap) with H the highest line that can
stand at b. So the highest line over all ways bounds every path of `kernels.runout`, whose routing and flux only leave
cells out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

_DIAGONAL = math.sqrt(2)
_ROW = np.array([0, 1, 1, 1, 0, -1, -1, -1])
_COLUMN = np.array([1, 1, 0, -1, -1, -1, 0, 1])
_ROUNDING_M = 1e-6


def may_be_reached(
    elevation: ArrayLike, line_m: ArrayLike, *, alpha_deg: float, cap_m: float, cell_m: float, n_steps: int
) -> NDArray[np.bool_]:
    """Tell to which cells something could come.

    Parameters
    ----------
    elevation : (y, x) [m], NaN where missing: lines go on over it as if it were no obstacle. Square cells.
    line_m : (y, x) [m], height of the energy line where something may start (the ground itself on a release cell);
        NaN elsewhere.
    alpha_deg : angle of the energy line, in (0, 90). cap_m : greatest energy head, > 0. cell_m : cell side, > 0.
    n_steps : longest way that is looked at, in cells.

    Returns
    -------
    (y, x) bool: True where something may start and wherever an energy line is above the ground. It depends on cells no
    farther than `n_steps`.

    Raises
    ------
    ValueError : shapes differ, or a number is out of its range.
    """
    z, line = np.ascontiguousarray(elevation, dtype=np.float64), np.array(line_m, dtype=np.float64)
    if z.ndim != 2 or z.shape != line.shape:
        msg = f"elevation has shape {z.shape}, lines {line.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    if not (0 < alpha_deg < 90 and cap_m > 0 and 0 < cell_m < math.inf and n_steps >= 0):
        msg = f"alpha {alpha_deg} deg, cap {cap_m} m, cell {cell_m} m, {n_steps} steps: (0, 90), > 0, > 0, >= 0 needed"
        raise ValueError(msg)
    line[np.isnan(line)] = -np.inf
    front = np.flatnonzero(np.isfinite(line))
    if front.size:
        _raise_lines(z, line, front, math.tan(math.radians(alpha_deg)) * cell_m, cap_m, n_steps)
    return np.isfinite(line)


def lines_into_gaps(elevation: ArrayLike, line_m: ArrayLike, *, alpha_deg: float, cell_m: float) -> NDArray[np.float64]:
    """Return the highest line with which something goes from cells onto missing ground beside them.

    Parameters
    ----------
    elevation, line_m, alpha_deg, cell_m : as of `may_be_reached`.

    Returns
    -------
    (y, x) [m] on missing cells beside one with a line, NaN elsewhere.
    """
    z, line = np.asarray(elevation, dtype=np.float64), np.asarray(line_m, dtype=np.float64)
    wide = np.pad(line, 1, constant_values=np.nan)
    drop_m = math.tan(math.radians(alpha_deg)) * cell_m
    out = np.full(z.shape, np.nan)
    for d in range(8):
        r, c = 1 - _ROW[d], 1 - _COLUMN[d]
        from_there = wide[r : r + z.shape[0], c : c + z.shape[1]] - drop_m * (_DIAGONAL if d % 2 else 1.0)
        out = np.fmax(out, from_there)
    return np.where(np.isnan(z), out, np.nan)


@njit(cache=True, nogil=True)
def _raise_lines(z: Any, line: Any, front: Any, drop_m: float, cap_m: float, n_steps: int) -> None:
    """Let the lines of the front raise those around, step by step; what a step raised is the front of the next."""
    n_y, n_x = z.shape
    raised = line.copy()
    for _ in range(n_steps):
        following = np.empty(min(8 * front.size, z.size), np.int64)
        n = 0
        for cell in front:
            i, j = cell // n_x, cell % n_x
            for d in range(8):
                r, c = i + _ROW[d], j + _COLUMN[d]
                if r < 0 or c < 0 or r >= n_y or c >= n_x:
                    continue
                height = line[i, j] - drop_m * (_DIAGONAL if d % 2 else 1.0)
                if not math.isnan(z[r, c]):
                    height = min(height, z[r, c] + cap_m)
                    if not height > z[r, c] - _ROUNDING_M:
                        continue
                if height > raised[r, c]:
                    if raised[r, c] == line[r, c]:
                        following[n] = r * n_x + c
                        n += 1
                    raised[r, c] = height
        if n == 0:
            return
        front = following[:n]
        for cell in front:
            line[cell // n_x, cell % n_x] = raised[cell // n_x, cell % n_x]
