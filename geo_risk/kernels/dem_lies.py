"""Signs in a block of heights that a DEM does not show the ground: seams of tiles, spikes and pits, rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]

SEGMENT = 256
"""Cells along a line that are looked at together for a seam: choice of geo_risk."""


def seam_steps(height: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Step of height over each line between two rows, by segments of columns.

    The rise over a line is set against those over the lines before and after it; on ground these differences go either
    way, over a seam of two tiles they all go the same way.

    Parameters
    ----------
    height : (y, x) [m] with two rows more before and after; for columns give the transpose. NaN is left out.

    Returns
    -------
    (y - 3, segments) median step [m] over the lines between rows 1|2, 2|3, ...; and the share of cells where it goes
    the way of the median. Both NaN where fewer than half a segment's cells are known.
    """
    z = np.asarray(height, dtype=np.float64)
    rise = np.diff(z, axis=0)
    odd = rise[1:-1] - (rise[:-2] + rise[2:]) / 2
    n = -(-odd.shape[1] // SEGMENT)
    padded = np.full((odd.shape[0], n * SEGMENT), np.nan)
    padded[:, : odd.shape[1]] = odd
    cells = padded.reshape(odd.shape[0], n, SEGMENT)
    known = np.isfinite(cells).sum(axis=2)
    enough = known >= SEGMENT // 2
    step = np.nanmedian(np.where(enough[:, :, None], cells, 0.0), axis=2)
    same = (np.sign(cells) == np.sign(step)[:, :, None]).sum(axis=2)
    share = np.divide(same, known, out=np.full(known.shape, np.nan), where=enough)
    return np.where(enough, step, np.nan), share


def lone_heights(height: NDArray[Any]) -> NDArray[np.float32]:
    """How far each cell stands above the highest, or (negative) below the lowest, of its eight neighbours [m].

    Parameters
    ----------
    height : (y + 2, x + 2) with a frame of neighbours; NaN neighbours are left out.

    Returns
    -------
    (y, x) float32; 0 between them; NaN where missing or without a neighbour.
    """
    z = np.ascontiguousarray(height)
    out = np.zeros((z.shape[0] - 2, z.shape[1] - 2), dtype=np.float32)
    _lone(z, out)
    return out


@njit(cache=True, nogil=True)
def _lone(z: Any, out: Any) -> None:
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            here = z[j + 1, i + 1]
            low, high = np.inf, -np.inf
            for a in range(3):
                for b in range(3):
                    there = z[j + a, i + b]
                    if (a != 1 or b != 1) and not np.isnan(there):
                        low, high = min(low, there), max(high, there)
            if np.isnan(here) or not high >= low:
                out[j, i] = np.nan
            elif here > high:
                out[j, i] = here - high
            elif here < low:
                out[j, i] = here - low


def multiples_of(height: NDArray[Any], steps_m: tuple[float, ...]) -> NDArray[np.int64]:
    """How many known heights are whole multiples of each step, to a thousandth of a metre."""
    known = np.asarray(height, dtype=np.float64)[np.isfinite(height)]
    return np.array([int((np.abs(known - np.rint(known / s) * s) <= 1e-3).sum()) for s in steps_m], np.int64)


def level_pairs(height: NDArray[Any]) -> tuple[int, int]:
    """How many neighbours in a row are exactly equal, and how many there are.

    Parameters
    ----------
    height : (y, x + 1), the last column being the first of the next block.
    """
    known = np.isfinite(height[:, :-1]) & np.isfinite(height[:, 1:])
    return int((known & (height[:, :-1] == height[:, 1:])).sum()), int(known.sum())
