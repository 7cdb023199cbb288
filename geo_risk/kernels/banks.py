"""Banks of a stream network across tiles: from which side each cell's water reaches its stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.basins import HEAD, LEFT, RIGHT
from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP

HALO = 2
"""Cells around a tile that `bank_ends` looks at."""

NONE, OUTSIDE = -1, 3
"""Not the last cell before a stream; and an outlet that meets no stream."""


def bank_ends(direction: NDArray[np.int8], area: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.int8]:
    """Tell the bank at each cell that is the last one before a stream, or a stream cell itself.

    As `basins.hillslopes`: left and right are looking downstream, what drains into the first cell of a stream is its
    head, and stream cells belong to the left bank (the first one to its head). Where streams meet, the banks of the
    meeting cell are told by the inflow of the largest upslope area (of equal ones by the lowest code), so that a tile
    and its halo are all that is looked at.

    Parameters
    ----------
    direction : (y + 4, x + 4) D8 codes as `d8` counts, with a halo of HALO cells, MISSING outside the map.
    area : (y + 4, x + 4) upslope area, growing downstream. threshold : from which a cell is a stream, > 0.

    Returns
    -------
    (y, x) int8: 0 head, 1 left, 2 right; OUTSIDE for outlets that are no stream; NONE elsewhere.

    Raises
    ------
    ValueError : shapes differ or hold no halo, or the threshold is not positive.
    """
    if direction.shape != area.shape or min(direction.shape) <= 2 * HALO or not threshold > 0:
        msg = (
            f"direction {direction.shape}, area {area.shape}, threshold {threshold}: one shape above 4 x 4, > 0 needed"
        )
        raise ValueError(msg)
    out = np.full((direction.shape[0] - 2 * HALO, direction.shape[1] - 2 * HALO), NONE, dtype=np.int8)
    _banks(np.ascontiguousarray(direction), np.ascontiguousarray(area), float(threshold), out)
    return out


@njit(cache=True, nogil=True)
def _banks(direction: Any, area: Any, threshold: float, out: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            a, b = i + HALO, j + HALO
            code = direction[a, b]
            if code == MISSING:
                continue
            if area[a, b] >= threshold:
                out[i, j] = LEFT if _main_inflow(direction, area, threshold, a, b) >= 0 else HEAD
                continue
            if code == OUTLET:
                out[i, j] = OUTSIDE
                continue
            r, c = a + ROW_STEP[code], b + COLUMN_STEP[code]
            if area[r, c] >= threshold:
                out[i, j] = _bank(direction, area, threshold, r, c, code)


@njit(cache=True, nogil=True)
def _main_inflow(direction: Any, area: Any, threshold: float, r: int, c: int) -> int:
    """Return the code by which the largest stream flows into a cell; -1 where none does."""
    best, largest = -1, 0.0
    for k in range(8):
        y, x = r + ROW_STEP[k], c + COLUMN_STEP[k]
        into = (k + 4) % 8
        if direction[y, x] == into and area[y, x] >= threshold:
            is_larger = area[y, x] > largest or (area[y, x] == largest and into < best)
            if best < 0 or is_larger:
                best, largest = into, area[y, x]
    return best


@njit(cache=True, nogil=True)
def _bank(direction: Any, area: Any, threshold: float, r: int, c: int, arriving: int) -> int:
    inflow = _main_inflow(direction, area, threshold, r, c)
    if inflow < 0:
        return HEAD
    leaving = direction[r, c]
    out = leaving if leaving <= 7 else inflow
    source, upstream = (arriving + 4) % 8, (inflow + 4) % 8
    return RIGHT if (source - out) % 8 < (upstream - out) % 8 else LEFT
