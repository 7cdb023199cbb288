"""Parts of the drainage network on Dask: labels that agree across blocks, and where each lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.parts import HALO, first_end, follow, link_ends, rim_ends
from geo_risk.kernels.priority_flood import MISSING
from geo_risk.terrain.slope import blocks

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Boxes:
    """Where labels lie: `label` rising, `rows` and `columns` (n, 2) first and past the last, `cells` how many."""

    label: Labels
    rows: Labels
    columns: Labels
    cells: Labels

    def where(self, keep: NDArray[np.bool_]) -> Boxes:
        """Return some of them."""
        return Boxes(self.label[keep], self.rows[keep], self.columns[keep], self.cells[keep])


def part_labels(direction: xr.DataArray, upslope_area: xr.DataArray, *, part_area_m2: float) -> da.Array:
    """Label the ground by the link of large streams that it drains into; blocks change nothing.

    Parameters
    ----------
    direction : (y, x) D8 codes as `hydrology.drainage` makes them.
    upslope_area : (y, x), any area unit.
    part_area_m2 : upslope area from which a stream is large.

    Returns
    -------
    (y, x) int64, lazy, in the blocks of `direction`: 1 + flat index in the grid of the last cell of the link, or of the
    cell where the water leaves the map before it meets one; 0 where the direction is missing. The cells at block edges
    are computed at once: the way between blocks must be known for any label.

    Raises
    ------
    GridError : the layers are on different grids. DataError : the directions form a ring (within a block it is found
        when that block is computed) or leave the grid.
    """
    n_x = same_grid(direction, upslope_area).shape[1]
    codes = blocks(direction).astype(np.int8)
    area = blocks(in_units(upslope_area, "m2")).rechunk(codes.chunks)
    halo = {"depth": HALO, "allow_rechunk": True}
    around = da.overlap.overlap(codes, boundary=MISSING, **halo)
    chunks = tuple(tuple(c - 2 * HALO for c in axis) for axis in around.chunks)
    is_end = da.map_blocks(
        link_ends, around, da.overlap.overlap(area, boundary=np.nan, **halo), part_area_m2, dtype=bool, chunks=chunks,
        meta=np.empty((0, 0), bool),
    ).rechunk(codes.chunks)  # fmt: skip
    way = da.map_blocks(ways_within, codes, is_end, where=str(direction.name), dtype=np.int64,
                        meta=np.empty((0, 0), np.int64))  # fmt: skip
    try:
        cells, ends = _between_blocks(is_end, codes, n_x)
    except ValueError as error:
        raise DataError(str(error), where=str(direction.name), fix="run the hydrology step again") from error
    return da.map_blocks(
        _labelled, way, codes, cells=cells, ends=ends, n_x=n_x, dtype=np.int64, meta=np.empty((0, 0), np.int64)
    )


def ways_within(codes: NDArray[np.int8], is_end: NDArray[np.bool_], *, where: str) -> Labels:
    """Return `first_end` of a block.

    Raises
    ------
    DataError : the directions form a ring; `where` is the layer's name.
    """
    try:
        return first_end(codes, is_end)
    except ValueError as error:
        raise DataError(str(error), where=where, fix="run the hydrology step again") from error


def _between_blocks(is_end: da.Array, codes: da.Array, n_x: int) -> tuple[Labels, Labels]:
    """Return the cells at block edges, rising, and the end that the water of each meets."""
    ends, given = shared(is_end), shared(codes)
    parts = [dask.delayed(_edges, pure=True)(ends[at], given[at], o, n_x) for at, o, _ in tiles(codes.chunks)]
    found = np.concatenate(dask.compute(*parts), axis=1)
    found = found[:, np.argsort(found[0], kind="stable")]
    return found[0], follow(found[0], found[1], found[2] > 0)


def shared(array: da.Array) -> NDArray[Any]:
    """Return the delayed blocks of an array, such that those computed together read what they share but once."""
    out: NDArray[Any] = array.to_delayed(optimize_graph=False)
    return out


def tiles(chunks: Any) -> list[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Return (index, first row and column, shape) of each block."""
    first = [np.concatenate([[0], np.cumsum(c)]).astype(int).tolist() for c in chunks]
    return [
        ((i, j), (first[0][i], first[1][j]), (int(chunks[0][i]), int(chunks[1][j])))
        for i in range(len(chunks[0]))
        for j in range(len(chunks[1]))
    ]


def _edges(is_end: NDArray[np.bool_], codes: NDArray[np.int8], origin: tuple[int, int], n_x: int) -> Labels:
    """Return (3, n): the block's edge cells, where their water goes first, and whether that is an end."""
    at, way = rim_ends(codes, is_end)
    target, final = _targets(way, codes, origin, n_x)
    return np.stack([_global(at, codes.shape, origin, n_x), target, final.astype(np.int64)])


def _global(at: Labels, shape: tuple[int, ...], origin: tuple[int, int], n_x: int) -> Labels:
    return (at // shape[1] + origin[0]) * n_x + at % shape[1] + origin[1]


def _targets(
    way: Labels, codes: NDArray[np.int8], origin: tuple[int, int], n_x: int
) -> tuple[Labels, NDArray[np.bool_]]:
    """Return the global cell of each end, or the first one beyond the block; and whether it is an end."""
    final = way >= 0
    cell = np.where(final, way, -2 - way)
    code = codes.ravel()[cell].astype(np.int64)
    step = np.array([1, n_x + 1, n_x, n_x - 1, -1, -n_x - 1, -n_x, -n_x + 1, 0])[code]
    return _global(cell, codes.shape, origin, n_x) + np.where(final, 0, step), final


def _labelled(
    way: Labels, codes: NDArray[np.int8], *, cells: Labels, ends: Labels, n_x: int, block_info: Any = None
) -> Labels:
    (r0, _), (c0, _) = block_info[0]["array-location"]
    out = np.zeros(way.size, dtype=np.int64)
    at = np.nonzero(way.ravel() != -1)[0]
    target, final = _targets(way.ravel()[at], codes, (r0, c0), n_x)
    beyond = np.minimum(np.searchsorted(cells, target[~final]), len(cells) - 1)
    target[~final] = ends[beyond]
    out[at] = 1 + target
    return out.reshape(way.shape)


def label_boxes(labels: da.Array) -> Boxes:
    """Return where each label > 0 lies; computed, one block at a time."""
    rows = [
        dask.delayed(_boxes_of_block, pure=True)(labels.blocks[at].to_delayed().item(), origin)
        for at, origin, _ in tiles(labels.chunks)
    ]
    found = np.concatenate(dask.compute(*rows), axis=1)
    label, inverse = np.unique(found[0], return_inverse=True)
    low, high = np.full((2, len(label)), np.iinfo(np.int64).max), np.zeros((2, len(label)), dtype=np.int64)
    cells = np.zeros(len(label), dtype=np.int64)
    for axis in (0, 1):
        np.minimum.at(low[axis], inverse, found[1 + 2 * axis])
        np.maximum.at(high[axis], inverse, found[2 + 2 * axis])
    np.add.at(cells, inverse, found[5])
    return Boxes(label, np.stack([low[0], high[0]], axis=1), np.stack([low[1], high[1]], axis=1), cells)


def _boxes_of_block(labels: Labels, origin: tuple[int, int]) -> Labels:
    """Return (6, n): label, rows from and past, columns from and past, cells."""
    at = np.nonzero(labels.ravel() > 0)[0]
    if not at.size:
        return np.empty((6, 0), dtype=np.int64)
    values = labels.ravel()[at].astype(np.int64)
    order = np.argsort(values, kind="stable")
    label, first, cells = np.unique(values[order], return_index=True, return_counts=True)
    row, column = at[order] // labels.shape[1] + origin[0], at[order] % labels.shape[1] + origin[1]
    low, high = np.minimum.reduceat, np.maximum.reduceat
    return np.stack([
        label, low(row, first), high(row, first) + 1, low(column, first), high(column, first) + 1, cells
    ]).astype(np.int64)  # fmt: skip
