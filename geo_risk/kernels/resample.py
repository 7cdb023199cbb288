"""Values of a raster at fractional positions, never across a gap."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_EDGE = 1e-6


@njit(cache=True, nogil=True)
def sample_bilinear(values: F32, row: F64, column: F64) -> F32:
    """Interpolate between the four cell centres around each position.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    row, column : (m, n) positions in cells, 0 at the centre of the first cell.

    Returns
    -------
    (m, n) float32. NaN where a neighbour with a weight above 1e-6 is missing or outside.
    """
    n_y, n_x = values.shape
    out = np.full(row.shape, np.nan, dtype=np.float32)
    for i in range(row.shape[0]):
        for j in range(row.shape[1]):
            r, c = row[i, j], column[i, j]
            if not (-1.0 < r < n_y and -1.0 < c < n_x):
                continue
            r0, c0 = math.floor(r), math.floor(c)
            total = 0.0
            good = True
            for m in range(2):
                for n in range(2):
                    weight = (r - r0 if m else 1.0 - (r - r0)) * (c - c0 if n else 1.0 - (c - c0))
                    if weight <= _EDGE:
                        continue
                    y, x = r0 + m, c0 + n
                    if not (0 <= y < n_y and 0 <= x < n_x) or not math.isfinite(values[y, x]):
                        good = False
                    else:
                        total += weight * values[y, x]
            if good:
                out[i, j] = total
    return out


@njit(cache=True, nogil=True)
def sample_nearest(values: F32, row: F64, column: F64) -> F32:
    """Take the cell that holds each position; NaN outside. Shapes as in `sample_bilinear`."""
    n_y, n_x = values.shape
    out = np.full(row.shape, np.nan, dtype=np.float32)
    for i in range(row.shape[0]):
        for j in range(row.shape[1]):
            if not (-0.5 <= row[i, j] < n_y - 0.5 and -0.5 <= column[i, j] < n_x - 0.5):
                continue
            out[i, j] = values[math.floor(row[i, j] + 0.5), math.floor(column[i, j] + 0.5)]
    return out
