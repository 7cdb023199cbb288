"""Parts of a drainage network across tiles: which end of a stream link each cell's water meets first.

A part is the ground that drains into one link of the network of large streams: to divide it further nothing is needed
from outside. Three passes: ends of links in each tile, the way between tiles from the cells at tile edges alone, and
labels in each tile; no pass holds more than a tile and the edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP

HALO = 2
"""Cells around a tile that `link_ends` looks at."""


def link_ends(direction: NDArray[np.int8], area: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.bool_]:
    """Whether a cell is the last one of its part: an outlet, or a stream cell above a junction of streams.

    Parameters
    ----------
    direction : (y + 4, x + 4) D8 codes as `d8` counts, with a halo of HALO cells, MISSING outside the map.
    area : (y + 4, x + 4) upslope area. threshold : cells of at least this area are streams, in the unit of `area`.

    Returns
    -------
    (y, x) bool.

    Raises
    ------
    ValueError : shapes differ or hold no halo, or the threshold is not positive.
    """
    if direction.shape != area.shape or min(direction.shape) <= 2 * HALO or not threshold > 0:
        msg = (
            f"direction {direction.shape}, area {area.shape}, threshold {threshold}: one shape above 4 x 4, > 0 needed"
        )
        raise ValueError(msg)
    out = np.zeros((direction.shape[0] - 2 * HALO, direction.shape[1] - 2 * HALO), dtype=np.bool_)
    _ends(np.ascontiguousarray(direction), np.ascontiguousarray(area), float(threshold), out)
    return out


@njit(cache=True, nogil=True)
def _ends(direction: Any, area: Any, threshold: float, out: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            a, b = i + 2, j + 2
            code = direction[a, b]
            if code == OUTLET:
                out[i, j] = True
            elif code != MISSING and area[a, b] >= threshold:
                below, beside = a + ROW_STEP[code], b + COLUMN_STEP[code]
                n_in = 0
                for k in range(8):
                    r, c = below + ROW_STEP[k], beside + COLUMN_STEP[k]
                    if direction[r, c] == (k + 4) % 8 and area[r, c] >= threshold:
                        n_in += 1
                out[i, j] = n_in > 1


def first_end(direction: NDArray[np.int8], is_end: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where each cell's water meets an end within the tile, or leaves the tile.

    Parameters
    ----------
    direction, is_end : (y, x) of a tile, without halo.

    Returns
    -------
    (y, x) int64: flat index in the tile of the end, its own included; -2 - index of the last cell in the tile where
    the water leaves it first; -1 where the direction is missing.

    Raises
    ------
    ValueError : shapes differ, or the directions form a ring.
    """
    if direction.shape != is_end.shape or direction.ndim != 2:
        msg = f"direction has shape {direction.shape}, is_end {is_end.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    out = np.full(direction.shape, _UNSEEN, dtype=np.int64)
    every = np.arange(out.size)
    if not _walk_from(every, np.ascontiguousarray(direction), np.ascontiguousarray(is_end), out.reshape(-1)):
        msg = "flow directions form a ring"
        raise ValueError(msg)
    return out


def rim_ends(direction: NDArray[np.int8], is_end: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cells at the tile's edge that have a direction, and what `first_end` says of them.

    Only their own ways are walked, which is a small part of the tile; a ring that none of them meets is not seen.

    Returns
    -------
    (n,) flat indices in the tile, rising, and (n,) as `first_end`.

    Raises
    ------
    ValueError : as `first_end`.
    """
    if direction.shape != is_end.shape or direction.ndim != 2:
        msg = f"direction has shape {direction.shape}, is_end {is_end.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    rim = np.zeros(direction.shape, dtype=bool)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    at = np.flatnonzero(rim & (direction != MISSING))
    out = np.full(direction.size, _UNSEEN, dtype=np.int64)
    if not _walk_from(at, np.ascontiguousarray(direction), np.ascontiguousarray(is_end), out):
        msg = "flow directions form a ring"
        raise ValueError(msg)
    return at, out[at]


_UNSEEN = np.iinfo(np.int64).min


@njit(cache=True, nogil=True)
def _walk_from(starts: Any, direction: Any, is_end: Any, out: Any) -> bool:
    n_y, n_x = direction.shape
    way = np.empty(out.size, dtype=np.int64)
    for start in starts:
        n, c, found = 0, start, _UNSEEN
        while found == _UNSEEN:
            i, j = c // n_x, c % n_x
            code = direction[i, j]
            if out[c] != _UNSEEN:
                found = out[c]
            elif code == MISSING:
                found = -1
                out[c] = -1
            elif is_end[i, j]:
                found = c
                out[c] = c
            else:
                if n == way.size:
                    return False
                way[n] = c
                n += 1
                a, b = i + ROW_STEP[code], j + COLUMN_STEP[code]
                if a < 0 or b < 0 or a >= n_y or b >= n_x:
                    found = -2 - c
                else:
                    c = a * n_x + b
        for k in range(n):
            out[way[k]] = found
    return True


def follow(cells: NDArray[np.int64], targets: NDArray[np.int64], is_final: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Follow water from tile to tile until it meets an end.

    Parameters
    ----------
    cells : (n,) global indices of cells at tile edges, rising.
    targets : (n,) global index of the end, or of the first cell in the next tile.
    is_final : (n,) whether the target is an end.

    Returns
    -------
    (n,) global index of the end that each cell's water meets.

    Raises
    ------
    ValueError : a target is not among the cells, or the ways form a ring.
    """
    at = np.searchsorted(cells, targets)
    at[is_final] = np.nonzero(is_final)[0]
    at = np.minimum(at, len(cells) - 1)
    if not (is_final | (cells[at] == targets)).all():
        msg = "water enters a tile at a cell that is not at its edge"
        raise ValueError(msg)
    for _ in range(64):  # every round doubles the steps taken
        if is_final[at].all():
            return np.asarray(targets[at], dtype=np.int64)
        at = at[at]
    msg = "the ways between tiles form a ring"
    raise ValueError(msg)
