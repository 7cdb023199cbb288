"""Hillslopes of stream networks on Dask: labels that agree across blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.banks import HALO, NONE, bank_ends
from geo_risk.kernels.parts import follow, rim_ends
from geo_risk.kernels.priority_flood import MISSING
from geo_risk.terrain.parts import part_labels, shared, tiles, ways_within
from geo_risk.terrain.slope import blocks

Labels = NDArray[np.int64]
_STEP = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def hillslope_labels(direction: xr.DataArray, upslope_area: xr.DataArray, *, catchment_m2: float) -> da.Array:
    """Label the hillslopes of a stream network: the banks and the head of each link; blocks change nothing.

    Parameters
    ----------
    direction : (y, x) D8 codes as `hydrology.drainage` makes them.
    upslope_area : (y, x), any area unit.
    catchment_m2 : upslope area from which a stream begins.

    Returns
    -------
    (y, x) int64, lazy, in the blocks of `direction`: 4 * (the label of the link by `parts.part_labels`) + 0 head,
    1 left, 2 right bank, 3 ground that leaves the map without meeting a stream; 0 where the direction is missing. The
    cells at block edges are computed at once.

    Raises
    ------
    GridError : the layers are on different grids. DataError : the directions form a ring (within a block it is found
        when that block is computed) or leave the grid.
    """
    n_x = same_grid(direction, upslope_area).shape[1]
    codes = blocks(direction).map_blocks(_codes, dtype=np.int8, meta=np.empty((0, 0), np.int8))
    area = blocks(in_units(upslope_area, "m2")).rechunk(codes.chunks)
    links = part_labels(direction.copy(data=codes), upslope_area, part_area_m2=catchment_m2)
    halo = {"depth": HALO, "allow_rechunk": True}
    around = da.overlap.overlap(codes, boundary=MISSING, **halo)
    chunks = tuple(tuple(c - 2 * HALO for c in axis) for axis in around.chunks)
    bank = da.map_blocks(
        bank_ends, around, da.overlap.overlap(area, boundary=np.nan, **halo), catchment_m2, dtype=np.int8,
        chunks=chunks, meta=np.empty((0, 0), np.int8),
    ).rechunk(codes.chunks)  # fmt: skip
    ways, banks = shared(codes), shared(bank)
    parts = [dask.delayed(_edges, pure=True)(ways[at], banks[at], origin, n_x) for at, origin, _ in tiles(codes.chunks)]
    found = np.concatenate(dask.compute(*parts), axis=1)
    found = found[:, np.argsort(found[0], kind="stable")]
    try:
        sides = follow(found[0], found[1], found[2] > 0)
    except ValueError as error:
        raise DataError(str(error), where=str(direction.name), fix="run the hydrology step again") from error
    made = partial(_labelled, cells=found[0], sides=sides.astype(np.int8), n_x=n_x, where=str(direction.name))
    return da.map_blocks(made, links, codes, bank, dtype=np.int64, meta=np.empty((0, 0), np.int64))


def _codes(direction: NDArray[Any]) -> NDArray[np.int8]:
    """Return D8 codes as whole numbers, -1 where missing."""
    if direction.dtype.kind in "iu":
        return direction.astype(np.int8, copy=False)
    return np.nan_to_num(direction.astype(np.float64), nan=-1.0).astype(np.int8)


def _met(
    way: Labels, codes: NDArray[np.int8], bank: NDArray[np.int8], origin: tuple[int, int], n_x: int
) -> tuple[Labels, NDArray[np.bool_]]:
    """Return, for cells with a way, the bank they meet in the block, or the first cell beyond it; and which it is."""
    is_final = way >= 0
    cell = np.where(is_final, way, -2 - way)
    steps = np.array([dy * n_x + dx for dy, dx in _STEP] + [0])
    beyond = (cell // codes.shape[1] + origin[0]) * n_x + cell % codes.shape[1] + origin[1]
    return np.where(is_final, bank.ravel()[cell], beyond + steps[codes.ravel()[cell]]), is_final


def _edges(codes: NDArray[np.int8], bank: NDArray[np.int8], origin: tuple[int, int], n_x: int) -> Labels:
    """Return (3, n): the block's edge cells, the bank or the cell beyond that they meet first, and whether a bank."""
    at, way = rim_ends(codes, bank != NONE)
    met, is_final = _met(way, codes, bank, origin, n_x)
    cell = (at // codes.shape[1] + origin[0]) * n_x + at % codes.shape[1] + origin[1]
    return np.stack([cell, met, is_final.astype(np.int64)])


def _labelled(
    links: Labels, codes: NDArray[np.int8], bank: NDArray[np.int8], *, cells: Labels, sides: NDArray[np.int8],
    n_x: int, where: str, block_info: Any = None,
) -> Labels:  # fmt: skip
    (r0, _), (c0, _) = block_info[0]["array-location"]
    way = ways_within(codes, bank != NONE, where=where).ravel()
    at = np.nonzero(way != -1)[0]
    met, is_final = _met(way[at], codes, bank, (r0, c0), n_x)
    side = np.zeros(way.size, dtype=np.int64)
    if len(cells):
        beyond = np.minimum(np.searchsorted(cells, met[~is_final]), len(cells) - 1)
        met[~is_final] = sides[beyond]
        side[at] = met
    out: Labels = np.where(links > 0, 4 * links + side.reshape(codes.shape), 0)
    return out
