"""Distance from cell centres to the nearest of many straight segments, exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_SIDE = 32
"""Cells along one side of the squares that share their candidates."""


def distance_to_segments(
    x: NDArray[np.float64], y: NDArray[np.float64], segments: NDArray[np.float64], max_m: float
) -> NDArray[np.float32]:
    """Distance from each cell centre to the nearest segment, cut off at `max_m`.

    For each square of cells the segments that can be nearest to any of its cells are found from its middle: no farther
    than the nearest one by twice the half diagonal. Among these every cell takes the least distance, so that the
    result is exact and the same whatever the block and the order of the segments.

    Parameters
    ----------
    x, y : (x,), (y,) coordinates of the cell centres [m], evenly spaced. segments : (n, 4) x0, y0, x1, y1 [m]; a point
        is a segment whose ends are one. max_m : > 0.

    Returns
    -------
    (y, x) float32 [m], at most `max_m`, which stands for "at least this far".

    Raises
    ------
    ValueError : segments of another shape or with coordinates that are not finite, or `max_m` is not positive.
    """
    if segments.ndim != 2 or segments.shape[1] != 4 or not np.isfinite(segments).all() or not max_m > 0:
        msg = f"segments of shape {segments.shape} and a bound of {max_m} m; finite (n, 4) and a positive bound needed"
        raise ValueError(msg)
    out = np.full((y.size, x.size), max_m, dtype=np.float32)
    if len(segments):
        _nearest(np.ascontiguousarray(x), np.ascontiguousarray(y), np.ascontiguousarray(segments), float(max_m), out)
    return out


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _square(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> Any:
    """Squared distance of a point to a segment."""
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    along = ((px - ax) * dx + (py - ay) * dy) / length if length > 0.0 else 0.0
    along = 0.0 if along < 0.0 else 1.0 if along > 1.0 else along
    gx, gy = px - (ax + along * dx), py - (ay + along * dy)
    return gx * gx + gy * gy


@njit(cache=True, nogil=True, error_model="numpy")
def _nearest(x: Any, y: Any, segments: Any, max_m: float, out: Any) -> None:
    distance = np.empty(len(segments))
    chosen = np.empty(len(segments), dtype=np.int64)
    for i0 in range(0, y.size, _SIDE):
        for j0 in range(0, x.size, _SIDE):
            i1, j1 = min(i0 + _SIDE, y.size), min(j0 + _SIDE, x.size)
            mx, my = 0.5 * (x[j0] + x[j1 - 1]), 0.5 * (y[i0] + y[i1 - 1])
            half = math.hypot(x[j1 - 1] - mx, y[i1 - 1] - my)
            least = max_m + half
            for k in range(len(segments)):
                s = segments[k]
                distance[k] = math.sqrt(_square(mx, my, s[0], s[1], s[2], s[3]))
                least = min(least, distance[k] + half)
            n = 0
            for k in range(len(segments)):
                if distance[k] <= (least + half) * (1.0 + 1e-12):
                    chosen[n] = k
                    n += 1
            for i in range(i0, i1):
                for j in range(j0, j1):
                    best = max_m * max_m
                    for k in range(n):
                        s = segments[chosen[k]]
                        best = min(best, _square(x[j], y[i], s[0], s[1], s[2], s[3]))
                    out[i, j] = math.sqrt(best)
