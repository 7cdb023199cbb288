"""Ways over level ground: how many steps each cell of a flat or filled hollow is from where its water falls again.

The steps are counted over ground of one height, so they belong to the surface alone: tiles that know the steps at
their neighbours' edges find the same as one array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP

UNREACHED = np.int32(2**31 - 1)
"""Steps of a cell from which no way over level ground is known yet."""


def flat_steps(filled: NDArray[Any], beyond: NDArray[np.int32] | None = None) -> NDArray[np.int32]:
    """Steps over ground of one height to the nearest cell that has a lower neighbour or is an outlet.

    Parameters
    ----------
    filled : (y + 2, x + 2) surface without depressions [m] with a frame of neighbours, NaN where missing and outside
        the map; a cell beside a NaN is an outlet.
    beyond : (y + 2, x + 2), only its frame is read: the steps of the neighbours, UNREACHED where they are not known.

    Returns
    -------
    (y, x) int32: 0 where the water falls or leaves the map, MISSING where the height is missing, UNREACHED where the
    way leads over the frame and is not known there.

    Raises
    ------
    ValueError : no frame, or shapes differ.
    """
    shape = filled.shape
    frame = np.full(shape, UNREACHED, dtype=np.int32) if beyond is None else beyond
    if filled.ndim != 2 or min(shape) <= 2 or frame.shape != shape:
        msg = f"filled has shape {shape}, beyond {frame.shape}; one (y + 2, x + 2) shape needed"
        raise ValueError(msg)
    out = np.array(frame, dtype=np.int32)
    _spread(np.ascontiguousarray(filled), out)
    return np.ascontiguousarray(out[1:-1, 1:-1])


def directions(filled: NDArray[Any], steps: NDArray[np.int32]) -> NDArray[np.int8]:
    """Direction of the steepest descent; on level ground towards the nearest cell where the water falls again.

    O'Callaghan & Mark (1984): the greatest drop per distance among eight neighbours (diagonals sqrt(2) away), the
    lowest code among equals. On level ground the neighbour with the fewest steps, again the lowest code among equals.
    Heights fall and steps decrease, so the directions never form a ring.

    Parameters
    ----------
    filled : as above, square cells. steps : (y + 2, x + 2), of `flat_steps`, of the frame too.

    Returns
    -------
    (y, x) int8: 0-7 clockwise from east (0 E, 1 SE, 2 S, ..., 7 NE), OUTLET (8) where water leaves the map, MISSING
    (-1) where the elevation is missing.

    Raises
    ------
    ValueError : shapes differ, or a way over level ground is not known: the surface has depressions.
    """
    if filled.shape != steps.shape or min(filled.shape) <= 2:
        msg = f"filled has shape {filled.shape}, steps {steps.shape}; one (y + 2, x + 2) shape needed"
        raise ValueError(msg)
    out = np.empty((filled.shape[0] - 2, filled.shape[1] - 2), dtype=np.int8)
    if not _directions(np.ascontiguousarray(filled), np.ascontiguousarray(steps), out):
        msg = "the surface has depressions: a cell has no way out that never rises"
        raise ValueError(msg)
    return out


@njit(cache=True, nogil=True)
def _kind(z: Any, j: int, i: int) -> int:
    """Return 0 where water falls or leaves the map, 1 on level ground."""
    here = z[j, i]
    for k in range(8):
        other = z[j + ROW_STEP[k], i + COLUMN_STEP[k]]
        if np.isnan(other) or other < here:
            return 0
    return 1


@njit(cache=True, nogil=True)
def _spread(z: Any, steps: Any) -> None:
    n_y, n_x = z.shape
    n_flat = 0
    for j in range(1, n_y - 1):
        for i in range(1, n_x - 1):
            if np.isnan(z[j, i]):
                steps[j, i] = MISSING
            elif _kind(z, j, i) == 0:
                steps[j, i] = 0
            else:
                steps[j, i] = UNREACHED
                n_flat += 1
    if n_flat == 0:
        return
    # the frame's cells come in by their steps, those inside as they are reached: both rise
    frame = np.empty(2 * (n_y + n_x), dtype=np.int64)
    n_frame = 0
    for j in range(n_y):
        for i in range(0, n_x, 1 if j in (0, n_y - 1) else n_x - 1):
            if 0 <= steps[j, i] < UNREACHED:
                frame[n_frame] = j * n_x + i
                n_frame += 1
    frame = frame[:n_frame]
    flat_steps_of = steps.ravel()
    frame = frame[np.argsort(flat_steps_of[frame], kind="mergesort")]
    queue = np.empty(n_flat + 1, dtype=np.int64)
    head, tail, at = 0, 0, 0
    for j in range(1, n_y - 1):
        for i in range(1, n_x - 1):
            if steps[j, i] == 0:
                tail = _reach(z, steps, j, i, queue, tail)
    while head < tail or at < n_frame:
        if at < n_frame and (head == tail or flat_steps_of[frame[at]] < flat_steps_of[queue[head]]):
            c = frame[at]
            at += 1
        else:
            c = queue[head]
            head += 1
        tail = _reach(z, steps, c // n_x, c % n_x, queue, tail)


@njit(cache=True, nogil=True)
def _reach(z: Any, steps: Any, j: int, i: int, queue: Any, tail: int) -> int:
    """Give the level neighbours inside the frame that have no steps yet one more than a cell, and queue them."""
    n_y, n_x = z.shape
    for k in range(8):
        a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
        if 0 < a < n_y - 1 and 0 < b < n_x - 1 and steps[a, b] == UNREACHED and z[a, b] == z[j, i]:
            steps[a, b] = steps[j, i] + 1
            queue[tail] = a * n_x + b
            tail += 1
    return tail


@njit(cache=True, nogil=True)
def _directions(z: Any, steps: Any, out: Any) -> bool:
    for j in range(1, z.shape[0] - 1):
        for i in range(1, z.shape[1] - 1):
            here = np.float64(z[j, i])
            if np.isnan(here):
                out[j - 1, i - 1] = MISSING
                continue
            best, code, outlet = 0.0, -1, False
            fewest, level = steps[j, i], -1
            for k in range(8):
                a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
                if np.isnan(z[a, b]):
                    outlet = True
                    continue
                drop = here - np.float64(z[a, b])
                if k % 2 == 1:
                    drop *= 0.7071067811865476
                if drop > best:
                    best, code = drop, k
                if drop == 0.0 and 0 <= steps[a, b] < fewest:
                    fewest, level = steps[a, b], k
            if code >= 0:
                out[j - 1, i - 1] = np.int8(code)
            elif outlet:
                out[j - 1, i - 1] = OUTLET
            elif level >= 0:
                out[j - 1, i - 1] = np.int8(level)
            else:
                return False
    return True
