"""Depressions ("bluespots"): labels, volume, spill point, what they spill into, and water level against volume."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.accumulation import first_marked_downstream
from geo_risk.kernels.d8 import downstream
from geo_risk.kernels.pond_tables import Leaving, SpillCells
from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP

DEPTH_STEP = 2.0**-24
"""Depths are summed in whole steps of this [unit of the elevation], so that no order or block changes a sum: heights of
0.5 m and more in float32 lose nothing. A sum fits below 5e11 m x cells."""


class Depressions(NamedTuple):
    """Depressions of a surface; the arrays of length n belong to labels 1..n in order.

    Attributes
    ----------
    labels : (y, x) int32, 0 outside depressions.
    catchment : (y, x) int32, the depression that a cell's water meets first (its own label inside); 0 where none.
    level : spill level, in the unit of the elevation.
    depth_max : greatest depth when full.
    n_cells : cells under water when full.
    depth_sum : sum of the depths of these cells; times the cell area it is the volume.
    bottom, spill : flat index of the lowest cell and of the cell where the water leaves.
    catchment_cells : cells whose water meets this depression first, its own included.
    below : label of the depression that the spilled water meets next; 0: it leaves the raster.
    """

    labels: NDArray[np.int32]
    catchment: NDArray[np.int32]
    level: NDArray[np.float64]
    depth_max: NDArray[np.float64]
    n_cells: NDArray[np.int64]
    depth_sum: NDArray[np.float64]
    bottom: NDArray[np.int64]
    spill: NDArray[np.int64]
    catchment_cells: NDArray[np.int64]
    below: NDArray[np.int64]


class StorageCurve(NamedTuple):
    """Bed heights of every depression's cells, ascending, one depression behind the other.

    `start[k - 1]` to `start[k]` is the part of label k; `stored[i]` is the depth sum when the water stands at `bed[i]`.
    """

    start: NDArray[np.int64]
    bed: NDArray[np.float64]
    stored: NDArray[np.float64]


def find_depressions(
    elevation: ArrayLike,
    filled: NDArray[Any],
    direction: NDArray[np.int8],
    order: NDArray[np.int64],
    *,
    depth_min: float = 0.0,
    cells_min: int = 1,
) -> Depressions:
    """Label the depressions of a surface and describe each.

    Neighbouring depression cells (eight neighbours) always share one spill level, so every label is one pond.

    Parameters
    ----------
    elevation, filled : (y, x) [m], before and after filling.
    direction, order : as `d8.flow_direction` and `d8.drainage_order` return them for `filled`.
    depth_min : depressions whose greatest depth is not above this are left out, in the unit of the elevation.
    cells_min : depressions of fewer cells are left out.

    Returns
    -------
    Depressions : labels count from 1 in the order of their first cell, row by row.

    Raises
    ------
    ValueError : shapes differ, or depth_min is not >= 0.
    """
    z = np.asarray(elevation, dtype=np.float64)
    top = np.asarray(filled, dtype=np.float64)
    if not (z.shape == top.shape == direction.shape and depth_min >= 0):
        msg = f"shapes {z.shape}, {top.shape}, {direction.shape} must be equal and depth_min ({depth_min}) >= 0"
        raise ValueError(msg)
    labels, n = label_ponds(z, top, depth_min=depth_min, cells_min=cells_min)
    made = describe_ponds(z, top, labels, n)
    found = Depressions(
        labels, np.zeros_like(labels), made.level, made.depth_max, made.n_cells, made.depth_sum,
        made.bottom, np.full(n, -1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64),
    )  # fmt: skip
    flat = direction.ravel()
    first = first_marked_downstream(direction, order, labels)
    found.catchment[:] = first
    found.catchment_cells[:] = np.bincount(first.ravel(), minlength=n + 1)[1:]
    leaving = _leaving(flat, order, labels.ravel(), first.ravel(), z.shape[1])
    spills = SpillCells(n)
    spills.take(leaving)
    spills.mend_rings(lambda marked: [Leaving._make(values[marked[leaving.label]] for values in leaving)])
    found.spill[:], found.below[:] = spills.cell, spills.below
    return found


class PondShapes(NamedTuple):
    """What the cells of each labelled pond say of it, (n,) each; `first` and `bottom` are flat indices.

    `depth_steps` is the sum of the depths in whole `DEPTH_STEP`, int64.
    """

    first: NDArray[np.int64]
    level: NDArray[np.float64]
    depth_max: NDArray[np.float64]
    n_cells: NDArray[np.int64]
    depth_steps: NDArray[np.int64]
    bottom: NDArray[np.int64]
    bottom_height: NDArray[np.float64]

    @property
    def depth_sum(self) -> NDArray[np.float64]:
        """The sum of the depths."""
        return depth_sums(self.depth_steps)


def depth_sums(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return sums that were counted in whole `DEPTH_STEP` in the unit of the elevation."""
    total: NDArray[np.float64] = steps.astype(np.float64) * DEPTH_STEP
    return total


def label_ponds(
    elevation: NDArray[Any], filled: NDArray[Any], *, depth_min: float = 0.0, cells_min: int = 1
) -> tuple[NDArray[np.int32], int]:
    """Label the connected cells (eight neighbours) that stand under water when everything is full.

    Parameters
    ----------
    elevation, filled : (y, x) [m]. depth_min, cells_min : as in `find_depressions`.

    Returns
    -------
    (y, x) int32, 0 dry, left out or missing, else 1 to n in the order of first cells, row by row; and n.
    """
    labels, n = _label(elevation, filled, depth_min, cells_min)
    return labels, int(n)


def describe_ponds(elevation: NDArray[Any], filled: NDArray[Any], labels: NDArray[np.int32], n: int) -> PondShapes:
    """Return level, depth, size, volume and lowest cell (the first among equals) of ponds 1 to n.

    Parameters
    ----------
    elevation, filled : (y, x) [m]. labels : as `label_ponds` makes them.
    """
    whole = (np.zeros(n, np.int64) for _ in range(4))
    first, n_cells, steps, bottom = whole
    made = PondShapes(first, np.zeros(n), np.zeros(n), n_cells, steps, bottom, np.zeros(n))
    _describe(elevation.reshape(-1), filled.reshape(-1), labels.reshape(-1), *made)
    return made


def storage_curve(elevation: ArrayLike, labels: NDArray[np.int32]) -> StorageCurve:
    """Return the bed heights and stored depth sums of every depression, for `water_level` and its inverse.

    Parameters
    ----------
    elevation : (y, x) [m].
    labels : (y, x) int32, as `find_depressions` labels them.
    """
    flat = labels.ravel()
    cells = np.flatnonzero(flat > 0)
    return curve_of_cells(flat[cells], np.asarray(elevation).ravel()[cells], int(flat.max(initial=0)))


def curve_of_cells(label: NDArray[Any], height: NDArray[Any], n: int) -> StorageCurve:
    """Return the storage curve of depressions 1 to n from their cells in any order.

    Parameters
    ----------
    label, height : (c,) label of each cell, 1 to n, and its height [m].
    """
    order = np.lexsort((height, label))
    bed = height[order].astype(np.float64)
    start = np.searchsorted(label[order], np.arange(1, n + 2)).astype(np.int64)
    stored = np.zeros(bed.size)
    _stored(start, bed, stored)
    return StorageCurve(start, bed, stored)


def water_level(curve: StorageCurve, depth_sum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the water surface in each depression when it holds `depth_sum`.

    Parameters
    ----------
    curve : as `storage_curve` returns it.
    depth_sum : (n,), volume / cell area [m]; one for each depression. Zero gives the height of the lowest cell. The
        surface goes on rising above the spill level when more is given: cap it before.

    Returns
    -------
    (n,) height in the unit of the elevation; NaN where depth_sum is NaN or negative.
    """
    out = np.full(curve.start.size - 1, np.nan)
    _level(curve.start, curve.bed, curve.stored, np.asarray(depth_sum, dtype=np.float64), out)
    return out


@njit(cache=True, nogil=True)
def _label(z: Any, filled: Any, depth_min: float, cells_min: int) -> Any:
    ny, nx = z.shape
    labels = np.zeros((ny, nx), dtype=np.int32)
    stack = np.empty(1024, dtype=np.int64)
    n = 0
    for row in range(ny):
        for column in range(nx):
            if labels[row, column] != 0 or not filled[row, column] > z[row, column]:
                continue
            stack[0], size, done = row * nx + column, 1, 0
            labels[row, column] = -1
            deepest = 0.0
            while done < size:
                j, i = stack[done] // nx, stack[done] % nx
                done += 1
                deepest = max(deepest, np.float64(filled[j, i]) - np.float64(z[j, i]))
                for k in range(8):
                    a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
                    if 0 <= a < ny and 0 <= b < nx and labels[a, b] == 0 and filled[a, b] > z[a, b]:
                        labels[a, b] = -1
                        if size == stack.size:
                            wider = np.empty(2 * size, dtype=np.int64)
                            wider[:size] = stack
                            stack = wider
                        stack[size] = a * nx + b
                        size += 1
            if deepest > depth_min and size >= cells_min:
                n += 1
                for k in range(size):
                    labels[stack[k] // nx, stack[k] % nx] = n
    for j in range(ny):
        for i in range(nx):
            labels[j, i] = max(labels[j, i], 0)
    return labels, n


@njit(cache=True, nogil=True)
def _describe(
    z: Any, filled: Any, labels: Any, first: Any, level: Any, depth_max: Any, n_cells: Any, steps: Any, bottom: Any,
    lowest: Any,
) -> None:  # fmt: skip
    for c in range(z.size):
        k = labels[c] - 1
        if k < 0:
            continue
        height = np.float64(z[c])
        depth = np.float64(filled[c]) - height
        if n_cells[k] == 0:
            first[k] = c
        if n_cells[k] == 0 or height < lowest[k]:
            bottom[k], lowest[k] = c, height
        level[k] = filled[c]
        depth_max[k] = max(depth_max[k], depth)
        steps[k] += np.int64(np.rint(depth * 16777216.0))
        n_cells[k] += 1


def _leaving(
    direction: NDArray[np.int8], order: NDArray[np.int64], labels: NDArray[np.int32], first: NDArray[np.int64], n_x: int
) -> Leaving:
    """Return the cells whose water leaves their label, and the label it meets next."""
    inside = np.ones(direction.size, dtype=np.int32)
    below = np.full(direction.size, -1, np.int64)
    _count_inside(direction, order, labels, inside, below, n_x)
    at = np.flatnonzero((labels > 0) & (below >= 0))
    return Leaving(labels[at], inside[at], at, first[below[at]])


@njit(cache=True, nogil=True)
def _count_inside(direction: Any, order: Any, labels: Any, inside: Any, leaves: Any, n_x: int) -> None:
    """Count the cells of its label that each cell collects; `leaves` is the next cell where that is outside."""
    for t in range(order.size):
        c = order[t]
        if labels[c] == 0:
            continue
        below = downstream(c, direction[c], n_x)
        if below < 0:
            continue
        if labels[below] == labels[c]:
            inside[below] += inside[c]
        else:
            leaves[c] = below


@njit(cache=True, nogil=True)
def _stored(start: Any, bed: Any, stored: Any) -> None:
    for k in range(start.size - 1):
        for i in range(start[k] + 1, start[k + 1]):
            stored[i] = stored[i - 1] + (i - start[k]) * (bed[i] - bed[i - 1])


@njit(cache=True, nogil=True)
def _level(start: Any, bed: Any, stored: Any, depth_sum: Any, out: Any) -> None:
    for k in range(start.size - 1):
        volume = depth_sum[k]
        if not volume >= 0.0:
            continue
        low, high = start[k], start[k + 1] - 1
        while low < high:  # the last cell whose bed is under water
            middle = (low + high + 1) >> 1
            if stored[middle] <= volume:
                low = middle
            else:
                high = middle - 1
        out[k] = bed[low] + (volume - stored[low]) / (low - start[k] + 1)
