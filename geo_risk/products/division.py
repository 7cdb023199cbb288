"""Large patches cut into zones along ridges and streams, and by halves where no drainage is known."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo_risk.core.grid import same_grid
from geo_risk.kernels.basins import hillslopes
from geo_risk.kernels.d8 import drainage_order
from geo_risk.terrain.slope import blocks

_FINER = 4.0
"""Each further set of hillslopes is of catchments this many times smaller."""

_LEAST_CELLS = 8.0
"""No catchment is smaller: below, streams follow single cells."""


def hillslope_sets(direction: xr.DataArray, area: xr.DataArray, *, catchment_m2: float) -> list[NDArray[np.int64]]:
    """Return the hillslopes of ever finer stream networks, the coarsest first.

    Parameters
    ----------
    direction : (y, x) D8 codes as `kernels.d8` counts them. area : upslope area [m2], NaN where missing.
    catchment_m2 : upslope area from which a stream begins in the first set; > 0. It falls by 4 from set to set.

    Returns
    -------
    Label arrays (y, x) as `kernels.basins.hillslopes` makes them.

    Raises
    ------
    GridError : the layers are on different grids. ValueError : the directions form a ring.
    """
    grid = same_grid(direction, area)
    codes = np.asarray(blocks(direction).map_blocks(_codes, dtype=np.int8, meta=np.empty((0, 0), np.int8)))
    upslope, order = np.asarray(area.data), drainage_order(codes)
    least = catchment_m2
    out: list[NDArray[np.int64]] = []
    while least >= _LEAST_CELLS * grid.cell_area_m2 or not out:
        out.append(hillslopes(codes, order, upslope >= least))
        least /= _FINER
    return out


def _codes(direction: NDArray[Any]) -> NDArray[np.int8]:
    """Return D8 codes as whole numbers, -1 where missing."""
    return np.nan_to_num(direction.astype(np.float64), nan=-1.0).astype(np.int8)


def divide_along_drainage(
    labels: NDArray[Any], sets: Sequence[NDArray[Any]], *, max_cells: int, merge_cells: int
) -> NDArray[np.int64]:
    """Return labels 1..n of at most `max_cells` cells: patches as they are, larger ones cut along the hillslopes.

    A larger patch is cut by the first set; what is still larger by the next, and so on. Of each cut, pieces of fewer
    than `merge_cells` cells join the neighbour of the same patch with which they share the longest border, smallest
    piece first, unless both together are too large. What no set divides is halved (`divide_patches`).

    Parameters
    ----------
    labels : (y, x) connected patches > 0; 0 elsewhere. sets : hillslope labels, the coarsest first.
    max_cells, merge_cells : >= 1.
    """
    out = np.asarray(labels, dtype=np.int64)
    for units in sets:
        mask = (np.bincount(out.ravel()) > max_cells)[out] & (out > 0)
        if not mask.any():
            break
        pieces = _merged(_pieces(out, units, mask), out, max_cells, merge_cells)
        out = np.where(mask, pieces + out.max(), out)
    return divide_patches(out, max_cells=max_cells)


def _neighbours(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the flat indices of the two cells on each side of every border between two cells of the mask."""
    index = np.arange(mask.size).reshape(mask.shape)
    east, south = mask[:, :-1] & mask[:, 1:], mask[:-1] & mask[1:]
    first = np.concatenate([index[:, :-1][east], index[:-1][south]])
    return first, np.concatenate([index[:, 1:][east], index[1:][south]])


def _pieces(patches: NDArray[np.int64], units: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return labels 1..n of the connected cells of the mask that share patch and unit; 0 elsewhere."""
    a, b = _neighbours(mask)
    patch, unit = patches.ravel(), units.ravel()
    same = (patch[a] == patch[b]) & (unit[a] == unit[b])
    links = coo_array((np.ones(int(same.sum()), dtype=np.int8), (a[same], b[same])), shape=(mask.size, mask.size))
    _, found = connected_components(links, directed=False)
    out = np.zeros(mask.size, dtype=np.int64)
    out[mask.ravel()] = np.unique(found[mask.ravel()], return_inverse=True)[1] + 1
    return out.reshape(mask.shape)


def _merged(
    pieces: NDArray[np.int64], patches: NDArray[np.int64], max_cells: int, merge_cells: int
) -> NDArray[np.int64]:
    sizes = np.bincount(pieces.ravel()).tolist()
    borders = _borders(pieces, patches)
    goes_to = list(range(len(sizes)))
    heap = [(n, k) for k, n in enumerate(sizes) if k and n < merge_cells]
    heapq.heapify(heap)
    while heap:
        n, piece = heapq.heappop(heap)
        if goes_to[piece] != piece or sizes[piece] != n:
            continue
        fits = [(-length, other) for other, length in borders[piece].items() if sizes[other] + n <= max_cells]
        if not fits:
            continue
        other = min(fits)[1]
        goes_to[piece] = other
        sizes[other] += n
        for third, length in borders.pop(piece).items():
            del borders[third][piece]
            if third != other:
                borders[other][third] = borders[other].get(third, 0) + length
                borders[third][other] = borders[other][third]
        if sizes[other] < merge_cells:
            heapq.heappush(heap, (sizes[other], other))
    return _final(goes_to)[pieces]


def _borders(pieces: NDArray[np.int64], patches: NDArray[np.int64]) -> dict[int, dict[int, int]]:
    """Return, for each piece, its neighbours within its patch and the length of the common border in cell sides."""
    a, b = _neighbours(pieces > 0)
    piece, patch = pieces.ravel(), patches.ravel()
    apart = (piece[a] != piece[b]) & (patch[a] == patch[b])
    pairs = np.sort(np.column_stack([piece[a[apart]], piece[b[apart]]]), axis=1)
    found, lengths = np.unique(pairs, axis=0, return_counts=True)
    out: dict[int, dict[int, int]] = {k: {} for k in range(1, int(pieces.max()) + 1)}
    for (one, two), length in zip(found.tolist(), lengths.tolist(), strict=True):
        out[one][two] = out[two][one] = length
    return out


def _final(goes_to: list[int]) -> NDArray[np.int64]:
    """Return where each piece ends when every one follows the piece it joined."""
    out = np.array(goes_to, dtype=np.int64)
    while True:
        further = out[out]
        if np.array_equal(further, out):
            return out
        out = further


def divide_patches(labels: NDArray[Any], *, max_cells: int) -> NDArray[np.int64]:
    """Return labels 1..n where no label has more than `max_cells` cells.

    A larger patch is cut in two halves of cells across its longest principal axis, again and again: the same result
    for the same cells, whatever their labels were.
    """
    out = np.zeros(labels.shape, dtype=np.int64)
    rows, columns = np.nonzero(labels > 0)
    members = labels[rows, columns]
    order = np.argsort(members, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(members[order])) + 1) if len(order) else []
    n = 0
    while groups:
        group = groups.pop(0)
        if len(group) > max_cells:
            groups[:0] = _halves(rows[group], columns[group], group)
            continue
        n += 1
        out[rows[group], columns[group]] = n
    return out


def _halves(rows: NDArray[Any], columns: NDArray[Any], group: NDArray[Any]) -> list[NDArray[Any]]:
    places = np.column_stack([columns, rows]).astype(np.float64)
    places -= places.mean(axis=0)
    _, axes = np.linalg.eigh(places.T @ places)
    axis = axes[:, -1] * (1 if axes[np.argmax(np.abs(axes[:, -1])), -1] > 0 else -1)
    order = np.lexsort((rows, columns, np.round(places @ axis, 6)))
    half = len(group) // 2
    return [group[order[:half]], group[order[half:]]]
