"""Large patches cut into zones along ridges and streams, and by halves where no drainage is known."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.terrain.banks import hillslope_labels
from geo_risk.terrain.mosaic import Mosaic, Part, borders_of, connected
from geo_risk.terrain.parts import shared, tiles

_FINER = 4.0
"""Each further set of hillslopes is of catchments this many times smaller."""

_LEAST_CELLS = 8.0
"""No catchment is smaller: below, streams follow single cells."""


def hillslope_sets(direction: xr.DataArray, area: xr.DataArray, *, catchment_m2: float) -> Iterator[da.Array]:
    """Yield the hillslopes of ever finer stream networks, the coarsest first; a set is computed when it is asked for.

    Parameters
    ----------
    direction : (y, x) D8 codes as `kernels.d8` counts them. area : upslope area [m2], NaN where missing.
    catchment_m2 : upslope area from which a stream begins in the first set; > 0. It falls by 4 from set to set.

    Yields
    ------
    Label arrays (y, x), lazy, as `terrain.banks.hillslope_labels` makes them.

    Raises
    ------
    GridError : the layers are on different grids. DataError : the directions form a ring.
    """
    least_m2 = _LEAST_CELLS * same_grid(direction, area).cell_area_m2
    catchment = catchment_m2
    while catchment >= least_m2 or catchment == catchment_m2:
        yield hillslope_labels(direction, area, catchment_m2=catchment)
        catchment /= _FINER


def divide_along_drainage(
    labels: Mosaic, n: int, sets: Iterable[da.Array], *, max_cells: int, merge_cells: int
) -> tuple[Mosaic, int]:
    """Return labels 1..m of at most `max_cells` cells, and m: patches as they are, larger ones cut along hillslopes.

    A larger patch is cut by the first set; what is still larger by the next, and so on. Of each cut, pieces of fewer
    than `merge_cells` cells join the neighbour of the same patch with which they share the longest border, smallest
    piece first, unless both together are too large. What no set divides is halved (`divide_patches`). Blocks change
    nothing: pieces are numbered by their first cell.

    Parameters
    ----------
    labels : connected patches 1..n. sets : hillslope labels (y, x), the coarsest first; asked for only as needed.
    max_cells, merge_cells : >= 1.
    """
    more = iter(sets)
    while (labels.counts(n) > max_cells).any():
        units = next(more, None)
        if units is None:
            break
        labels, n = _cut(labels, n, units.rechunk(labels.chunks), max_cells, merge_cells)
    return divide_patches(labels, n, max_cells=max_cells)


def _cut(labels: Mosaic, n: int, units: da.Array, max_cells: int, merge_cells: int) -> tuple[Mosaic, int]:
    is_large = labels.counts(n) > max_cells
    later = shared(units)
    keys = {
        at: (dask.delayed(_chosen)(part, is_large), later[at])
        for at, part in labels.parts.items()
        if is_large[part.labels].any()
    }
    found, patch, cells = connected(keys, labels.chunks)
    goes_to = _merged(cells, *_within_patch(found, patch), max_cells, merge_cells)
    group = np.unique(goes_to, return_inverse=True)[1] + 1
    return _placed(labels, n, found, np.append(0, group))


def _chosen(part: Part, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    labels = part.dense()
    return np.where(wanted[labels], labels, 0)


def _placed(labels: Mosaic, n: int, found: Mosaic, group: NDArray[np.int64]) -> tuple[Mosaic, int]:
    """Return the labels with the groups of the pieces in place of what was cut, numbered without gaps."""
    parts = {}
    used = np.zeros(n + int(group.max(initial=0)) + 1, dtype=bool)
    for at, part in labels.parts.items():
        cut = found.parts[at]
        made = part.dense()
        inside = cut.mask()
        made[inside] = group[cut.labels] + n
        parts[at] = Part.of(made)
        used[parts[at].labels] = True
    used[0] = False
    number = np.cumsum(used) * used
    return Mosaic(labels.chunks, parts).relabelled(number), int(used.sum())


def _within_patch(found: Mosaic, patch: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of pieces 0.. of one patch that share cell sides, and how many."""
    pairs, sides = borders_of(found)
    same = patch[pairs[:, 0] - 1] == patch[pairs[:, 1] - 1]
    return pairs[same] - 1, sides[same]


def _merged(
    cells: NDArray[np.int64], pairs: NDArray[np.int64], sides: NDArray[np.int64], max_cells: int, merge_cells: int
) -> NDArray[np.int64]:
    """Return which piece each piece ends in."""
    sizes = cells.tolist()
    borders: list[dict[int, int]] = [{} for _ in sizes]
    for (one, two), length in zip(pairs.tolist(), sides.tolist(), strict=True):
        borders[one][two] = borders[two][one] = length
    goes_to = list(range(len(sizes)))
    heap = [(n, k) for k, n in enumerate(sizes) if n < merge_cells]
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
        for third, length in borders[piece].items():
            del borders[third][piece]
            if third != other:
                borders[other][third] = borders[other].get(third, 0) + length
                borders[third][other] = borders[other][third]
        borders[piece] = {}
        if sizes[other] < merge_cells:
            heapq.heappush(heap, (sizes[other], other))
    return _final(goes_to)


def _final(goes_to: list[int]) -> NDArray[np.int64]:
    """Return where each piece ends when every one follows the piece it joined."""
    out = np.array(goes_to, dtype=np.int64)
    while True:
        further = out[out]
        if np.array_equal(further, out):
            return out
        out = further


def divide_patches(labels: Mosaic, n: int, *, max_cells: int) -> tuple[Mosaic, int]:
    """Return labels 1..m where no label has more than `max_cells` cells, and m.

    A larger patch is cut in two halves of cells across its longest principal axis, again and again: the same result
    for the same cells, whatever their labels and the blocks were. The cells of patches that are cut are held at once.

    Parameters
    ----------
    labels : patches 1..n.
    """
    is_large = labels.counts(n) > max_cells
    if not is_large.any():
        return labels, n
    label, rows, columns = labels.cells_of(is_large)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    half = np.zeros(len(label), dtype=np.int64)
    m = 0
    while groups:
        group = groups.pop(0)
        if len(group) > max_cells:
            groups[:0] = _halves(rows[group], columns[group], group)
            continue
        m += 1
        half[group] = m
    return _placed(labels, n, _scattered(labels, rows, columns, half), np.arange(m + 1))


def _scattered(like: Mosaic, rows: NDArray[Any], columns: NDArray[Any], values: NDArray[np.int64]) -> Mosaic:
    parts = {}
    for at, (r, c), shape in tiles(like.chunks):
        mine = (rows >= r) & (rows < r + shape[0]) & (columns >= c) & (columns < c + shape[1])
        block = np.zeros(shape, dtype=np.int64)
        block[rows[mine] - r, columns[mine] - c] = values[mine]
        parts[at] = Part.of(block)
    return Mosaic(like.chunks, parts)


def _halves(rows: NDArray[Any], columns: NDArray[Any], group: NDArray[Any]) -> list[NDArray[Any]]:
    places = np.column_stack([columns, rows]).astype(np.float64)
    places -= places.mean(axis=0)
    _, axes = np.linalg.eigh(places.T @ places)
    axis = axes[:, -1] * (1 if axes[np.argmax(np.abs(axes[:, -1])), -1] > 0 else -1)
    order = np.lexsort((rows, columns, np.round(places @ axis, 6)))
    half = len(group) // 2
    return [group[order[:half]], group[order[half:]]]
