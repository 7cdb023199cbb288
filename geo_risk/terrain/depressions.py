"""Depressions of a DEM on Dask, exact across blocks: ponds, where they spill, what drains to them, and into which next.

Blocks label their own ponds; those that touch borders are joined by the cells on both sides. What is held whole are one
row of numbers a depression and the borders; everything else is made block by block, as often as it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.depressions import depth_sums, describe_ponds, label_ponds
from geo_risk.kernels.pond_tables import Leaving, SpillCells, codes_within, count_labels
from geo_risk.kernels.priority_flood import COLUMN_STEP, OUTLET, ROW_STEP
from geo_risk.terrain.downstream import met_blocks
from geo_risk.terrain.pond_parts import PondParts, joined
from geo_risk.terrain.rims import Block, Chunks, Rim, Rims
from geo_risk.terrain.rows import rows_of_blocks
from geo_risk.terrain.upslope import global_cells, upslope_blocks

Labels = NDArray[np.int64]


class BlockDepressions(NamedTuple):
    """Depressions as `kernels.depressions.Depressions`, equal to those of the whole array for any blocks.

    Attributes
    ----------
    labels, catchment : (y, x) int32, lazy. elevation : (y, x), lazy, the surface they were found in.
    level ... below : (n,), of labels 1..n, as in `Depressions`.
    is_divided : (n,) whether a depression lies in several blocks.
    """

    labels: da.Array
    catchment: da.Array
    elevation: da.Array
    level: NDArray[np.float64]
    depth_max: NDArray[np.float64]
    n_cells: Labels
    depth_sum: NDArray[np.float64]
    bottom: Labels
    spill: Labels
    catchment_cells: Labels
    below: Labels
    is_divided: NDArray[np.bool_]


def depression_blocks(
    elevation: da.Array, filled: da.Array, direction: da.Array, *, depth_min: float = 0.0, cells_min: int = 1
) -> BlockDepressions:
    """Find the depressions of a surface (see `kernels.depressions.find_depressions`) without holding it.

    Parameters
    ----------
    elevation, filled, direction : (y, x) in the same blocks: before and after filling [m], D8 codes. They are read some
        six times, so they should lie in files or in memory.
    depth_min, cells_min : as in `find_depressions`.

    Raises
    ------
    ValueError : blocks differ, depth_min is not >= 0, or the directions form a ring or lead into missing cells.
    """
    if not (elevation.chunks == filled.chunks == direction.chunks and depth_min >= 0):
        msg = f"blocks {elevation.chunks}, {filled.chunks}, {direction.chunks} must be equal, depth_min ({depth_min}) "
        raise ValueError(msg + ">= 0")
    found, numbers, rims = numbered_ponds(elevation, filled, depth_min, cells_min)
    meta = {"dtype": np.int32, "meta": np.empty((0, 0), np.int32)}
    labels = da.map_blocks(_labelled, elevation, filled, numbers=numbers, **meta)
    within = da.map_blocks(_within_ponds, direction, elevation, filled, rims=rims, dtype=np.int8,
                           meta=np.empty((0, 0), np.int8))  # fmt: skip
    met = met_blocks(direction, labels > 0, labels)
    catchment = da.map_blocks(_as_label, met, **meta)
    cells, edges = _drained(catchment, len(found.level))
    spills = _spills([labels, within, direction, upslope_blocks(within), catchment], edges, len(found.level))
    level, lowest = found.level.astype(np.float64), found.bottom_height.astype(np.float64)
    return BlockDepressions(
        labels, catchment, elevation, level, level - lowest, found.n_cells.astype(np.int64),
        depth_sums(found.depth_steps), found.bottom, spills.cell, cells, spills.below, found.n_parts > 1,
    )  # fmt: skip


def numbered_ponds(
    elevation: da.Array, filled: da.Array, depth_min: float, cells_min: int
) -> tuple[PondParts, dict[Block, NDArray[np.int32]], Rims]:
    """Return the ponds in the order of their labels, the label of each block's own numbers, and where borders are wet.

    The last tells for every cell along borders whether water stands there, in ponds that are left out as well.
    """
    chunks: Chunks = elevation.chunks
    rims, wet = Rims(chunks, np.int64, -1), Rims(chunks, np.bool_, fill=False)
    parts: list[PondParts] = []
    own: dict[Block, tuple[int, NDArray[np.int32]]] = {}
    n = 0
    limits = {"depth_min": depth_min, "cells_min": cells_min}
    for at, (part, number, n_local, rim) in rows_of_blocks(_ponds, [elevation, filled], **limits):
        position = np.full(n_local + 1, -1, np.int64)
        position[number] = n + np.arange(len(number))
        rims.put(at, rim.mapped(lambda values, position=position: position[values]))
        wet.put(at, rim.mapped(lambda values: values > 0))
        parts.append(part)
        own[at] = (n_local, number)
        n += len(number)
    together, label = joined(parts, rims, depth_min=depth_min, cells_min=cells_min)
    numbers, start = {}, 0
    for at, (n_local, number) in own.items():
        numbers[at] = np.zeros(n_local + 1, np.int32)
        numbers[at][number] = label[start : start + len(number)]
        start += len(number)
    return together, numbers, wet


def _ponds(
    z: NDArray[Any], filled: NDArray[Any], *, origin: tuple[int, int], n_x: int, depth_min: float, cells_min: int
) -> tuple[PondParts, NDArray[np.int32], int, Rim]:
    """Return a block's ponds, their numbers in it, how many numbers there are, and the numbers along its border.

    Ponds that do not touch the border and are too shallow or small are left out.
    """
    labels, n = label_ponds(z, filled)
    made = describe_ponds(z, filled, labels, n)
    rim = Rim.of(labels)
    touches = np.zeros(n + 1, dtype=np.bool_)
    for side in (rim.top, rim.bottom, rim.left, rim.right):
        touches[side] = True
    touches = touches[1:]
    kept = np.flatnonzero(touches | ((made.depth_max > depth_min) & (made.n_cells >= cells_min)))
    part = PondParts(
        global_cells(made.first[kept], labels.shape, origin, n_x), made.level[kept].astype(filled.dtype),
        made.n_cells[kept].astype(np.int32), made.depth_steps[kept],
        global_cells(made.bottom[kept], labels.shape, origin, n_x), made.bottom_height[kept].astype(z.dtype),
        touches[kept].astype(np.int32),
    )  # fmt: skip
    return part, (kept + 1).astype(np.int32), n, rim


def _labelled(
    z: NDArray[Any], filled: NDArray[Any], *, numbers: dict[Block, NDArray[np.int32]], block_info: Any = None
) -> NDArray[np.int32]:
    return numbers[tuple(block_info[0]["chunk-location"])][label_ponds(z, filled)[0]]


def _within_ponds(
    codes: NDArray[np.int8], z: NDArray[Any], filled: NDArray[Any], *, rims: Rims, block_info: Any = None
) -> NDArray[np.int8]:
    """Return the codes in ponds; OUTLET where water leaves its pond, MISSING outside.

    Wet neighbours are always of one pond, so whether the next cell is wet tells whether the water leaves.
    """
    wet = rims.frame(tuple(block_info[0]["chunk-location"]))
    wet[1:-1, 1:-1] = filled > z
    return codes_within(codes, wet)


def _spills(arrays: list[da.Array], edges: Rims, n: int) -> SpillCells:
    """Return where each pond spills, and into which."""
    spills = SpillCells(n)
    for _, found in rows_of_blocks(_leaving, arrays, edges=edges):
        spills.take(found)

    def leaving_of(marked: NDArray[np.bool_]) -> Iterator[Leaving]:
        for _, found in rows_of_blocks(_leaving, arrays, edges=edges):
            yield Leaving._make(values[marked[found.label]] for values in found)

    spills.mend_rings(leaving_of)
    return spills


def _leaving(
    labels: NDArray[np.int32], within: NDArray[np.int8], direction: NDArray[np.int8], inside: NDArray[np.float64],
    catchment: NDArray[np.int32], *, origin: tuple[int, int], n_x: int, edges: Rims,
) -> Leaving:  # fmt: skip
    """Return a block's cells whose water leaves their pond."""
    around = edges.frame(edges.block_at(origin))
    around[1:-1, 1:-1] = catchment
    at = np.flatnonzero((labels.ravel() > 0) & (within.ravel() == OUTLET))
    code = direction.ravel()[at]
    row, column = np.divmod(at, labels.shape[1])
    met = around[row + 1 + ROW_STEP[code], column + 1 + COLUMN_STEP[code]]  # no cell under water is an outlet
    return Leaving(labels.ravel()[at], inside.ravel()[at], global_cells(at, labels.shape, origin, n_x), met)


def _as_label(met: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.where(np.isnan(met), 0, met).astype(np.int32)


def _drained(catchment: da.Array, n: int) -> tuple[Labels, Rims]:
    """Return how many cells drain to each depression first, and the labels along the borders of blocks."""
    cells, edges = np.zeros(n + 1, np.int64), Rims(catchment.chunks, np.int32, 0)
    for at, block in rows_of_blocks(_as_it_is, [catchment]):
        count_labels(block, cells)
        edges.put(at, Rim.of(block))
    return cells[1:], edges


def _as_it_is(block: NDArray[np.int32], *, origin: tuple[int, int], n_x: int) -> NDArray[np.int32]:
    del origin, n_x
    return block
