"""Sums over upslope areas on Dask, exact across blocks.

Each block adds up its own water; what crosses borders is passed on along the ways between them, and every block is
added up once more with what comes in.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order
from geo_risk.kernels.forest import sum_down
from geo_risk.kernels.parts import first_end
from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP
from geo_risk.terrain.parts import Labels, tiles

Origin = tuple[int, int]


def upslope_blocks(direction: da.Array, weight: da.Array | None = None) -> da.Array:
    """Sum of a weight over every cell's upslope area, the cell itself included.

    Parameters
    ----------
    direction : (y, x) D8 codes as `kernels.d8` counts them.
    weight : (y, x) in the same blocks, None: 1, the number of cells. Sums of whole numbers are exact; of others they
        are rounded in an order that the blocks decide.

    Returns
    -------
    (y, x) float64, lazy, in the same blocks; NaN where the direction is MISSING. The blocks are added up once here and
    once more when they are computed.

    Raises
    ------
    ValueError : the directions form a ring, or lead into missing cells.
    """
    parts = [direction] if weight is None else [direction, weight]
    found = of_blocks(_water_at_borders, parts, direction)
    exits, targets, own, entries, leads_to = (np.concatenate(values) for values in zip(*found, strict=True))
    order = np.argsort(exits)
    exits, targets, own = exits[order], targets[order], own[order]
    by_entry = np.argsort(entries)
    entries, leads_to = entries[by_entry], leads_to[by_entry]
    entered = found_at(entries, targets)
    if (entered < 0).any():
        msg = "water enters a block at a missing cell"
        raise ValueError(msg)
    total = sum_down(found_at(exits, leads_to[entered]), own)
    inflow = np.bincount(entered, weights=total, minlength=len(entries))
    wet = inflow > 0
    return da.map_blocks(
        _with_inflow, *parts, cells=entries[wet], inflow=inflow[wet], n_x=direction.shape[1], dtype=np.float64,
        meta=np.empty((0, 0)),
    )  # fmt: skip


def unseen_blocks(direction: da.Array, filled: da.Array) -> da.Array:
    """Mark the cells at the edge of the map and beside missing ones, and all cells below them.

    Whatever drains in from unseen ground comes through such a cell, so the upslope area of the others is whole; that of
    the marked ones is a lower bound.

    Parameters
    ----------
    direction, filled : (y, x) in the same blocks: D8 codes, heights, NaN where missing.

    Returns
    -------
    (y, x) int8, lazy: 1 marked, 0 not, -1 where the direction is missing.
    """
    around = da.overlap.overlap(filled, depth=1, boundary=np.nan)
    marks = da.map_blocks(_beside_unseen, around, dtype=np.int8, chunks=filled.chunks, meta=np.empty((0, 0), np.int8))
    count = upslope_blocks(direction, marks)
    return da.map_blocks(_marked, count, dtype=np.int8, meta=np.empty((0, 0), np.int8))


def _beside_unseen(z: NDArray[Any]) -> NDArray[np.int8]:
    missing = np.isnan(z)
    near = np.zeros((z.shape[0] - 2, z.shape[1] - 2), dtype=bool)
    for j in range(3):
        for i in range(3):
            near |= missing[j : j + near.shape[0], i : i + near.shape[1]]
    return near.astype(np.int8)


def _marked(count: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.where(np.isnan(count), -1, count > 0).astype(np.int8)


def found_at(among: Labels, cells: Labels) -> Labels:
    """Return the position of each cell among rising ones, -1 where it is none of them."""
    at = np.minimum(np.searchsorted(among, cells), max(len(among) - 1, 0))
    return np.where(among[at] == cells, at, -1) if len(among) else np.full(len(cells), -1)


def of_blocks(function: Any, arrays: list[da.Array], grid: da.Array) -> list[Any]:
    """Return what a function of blocks, their origin and the grid's width makes of each, computed together."""
    n_x = grid.shape[1]
    parts = [
        dask.delayed(function)(
            *(a.blocks[at].to_delayed(optimize_graph=False).item() for a in arrays), origin=origin, n_x=n_x
        )
        for at, origin, _ in tiles(grid.chunks)
    ]
    return list(dask.compute(*parts))


def closed(codes: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return the codes of a block as if water left the map where it leaves the block, and where it does."""
    rows, columns = (np.arange(n) for n in codes.shape)
    step = codes.clip(0, 7)
    a, b = rows[:, None] + np.where(codes < 8, ROW_STEP[step], 0), columns + np.where(codes < 8, COLUMN_STEP[step], 0)
    leaves = (codes != MISSING) & ((a < 0) | (b < 0) | (a >= codes.shape[0]) | (b >= codes.shape[1]))
    return np.where(leaves, OUTLET, codes), leaves


def _summed(codes: NDArray[np.int8], weight: NDArray[Any] | float) -> NDArray[np.float64]:
    return accumulate(codes, drainage_order(codes), weight)


def _water_at_borders(
    codes: NDArray[np.int8], weight: NDArray[Any] | None = None, *, origin: Origin, n_x: int
) -> tuple[NDArray[Any], ...]:
    """Return the cells where water leaves a block, where it goes, how much of the block's own; and for the cells at the
    block's edge the cell where what enters there leaves again (-1: in the block).
    """  # fmt: skip
    inner, leaves = closed(codes)
    total = _summed(inner, 1.0 if weight is None else weight)
    out = np.flatnonzero(leaves)
    target = global_cells(out, codes.shape, origin, n_x) + steps_of(codes.ravel()[out], n_x)
    edge = edge_cells(codes)
    way = first_end(codes, codes == OUTLET).ravel()[edge]
    leads_to = np.where(way <= -2, global_cells(-2 - way, codes.shape, origin, n_x), -1)
    return (global_cells(out, codes.shape, origin, n_x), target, total.ravel()[out],
            global_cells(edge, codes.shape, origin, n_x), leads_to)  # fmt: skip


def _with_inflow(
    codes: NDArray[np.int8], weight: NDArray[Any] | None = None, *, cells: Labels, inflow: NDArray[np.float64],
    n_x: int, block_info: Any = None,
) -> NDArray[np.float64]:  # fmt: skip
    (r0, r1), (c0, c1) = block_info[0]["array-location"]
    own = np.ones(codes.shape) if weight is None else weight.astype(np.float64)
    first, past = np.searchsorted(cells, [r0 * n_x, r1 * n_x])
    row, column = np.divmod(cells[first:past], n_x)
    inside = (column >= c0) & (column < c1)
    own[row[inside] - r0, column[inside] - c0] += inflow[first:past][inside]
    return _summed(closed(codes)[0], own)


def edge_cells(codes: NDArray[np.int8]) -> Labels:
    """Return the flat indices of the known cells at a block's edge."""
    rim = np.zeros(codes.shape, dtype=bool)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    return np.flatnonzero(rim & (codes != MISSING))


def global_cells(at: Labels, shape: tuple[int, ...], origin: Origin, n_x: int) -> Labels:
    """Return flat indices in the grid of flat indices in a block."""
    return (at // shape[1] + origin[0]) * n_x + at % shape[1] + origin[1]


def steps_of(codes: NDArray[np.int8], n_x: int) -> Labels:
    """Return the step in flat indices of the grid that codes 0-7 make; 0 for OUTLET."""
    return np.append(ROW_STEP * n_x + COLUMN_STEP, 0)[codes.astype(np.int64)]
