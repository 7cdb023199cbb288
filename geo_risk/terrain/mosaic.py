"""Labels of a map kept block by block in little room, and connected pieces that agree across blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo_risk.kernels.pieces import pieces
from geo_risk.terrain.parts import tiles

Labels = NDArray[np.int64]
At = tuple[int, int]
Chunks = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Part:
    """One block: which of its cells have a label (packed bits), and the labels of these in reading order."""

    shape: At
    bits: NDArray[np.uint8]
    labels: NDArray[np.int32]

    @classmethod
    def of(cls, labels: NDArray[Any]) -> Part:
        """Return a block (y, x) of labels >= 0 in this form."""
        there = labels > 0
        return cls((labels.shape[0], labels.shape[1]), np.packbits(there), labels[there].astype(np.int32))

    def mask(self) -> NDArray[np.bool_]:
        """Return which cells have a label (y, x)."""
        n = self.shape[0] * self.shape[1]
        return np.unpackbits(self.bits, count=n).astype(bool).reshape(self.shape)

    def dense(self) -> Labels:
        """Return the labels (y, x), 0 where there is none."""
        out = np.zeros(self.shape, dtype=np.int64)
        out[self.mask()] = self.labels
        return out


@dataclass(frozen=True)
class Mosaic:
    """Labels 1..n of a map (y, x) by blocks, 0 where there is none: a bit a cell, and 4 bytes a cell with a label.

    Attributes
    ----------
    chunks : of the map. parts : by (row, column) of the block.
    """

    chunks: Chunks
    parts: dict[At, Part]

    @property
    def shape(self) -> At:
        """Rows and columns of the map."""
        return sum(self.chunks[0]), sum(self.chunks[1])

    def relabelled(self, to: NDArray[Any]) -> Mosaic:
        """Return the mosaic with to[label] for each label; 0 takes a cell out."""
        return Mosaic(self.chunks, {at: Part.of(_mapped(part, to)) for at, part in self.parts.items()})

    def at_cells(self, rows: NDArray[Any], columns: NDArray[Any]) -> Labels:
        """Return the label at some cells (n,)."""
        out = np.zeros(len(rows), dtype=np.int64)
        edges = [np.concatenate([[0], np.cumsum(c)]) for c in self.chunks]
        block = [np.searchsorted(e, v, side="right") - 1 for e, v in zip(edges, (rows, columns), strict=True)]
        number = block[0] * len(self.chunks[1]) + block[1]
        order = np.argsort(number, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []:
            i, j = int(block[0][some[0]]), int(block[1][some[0]])
            out[some] = self.parts[i, j].dense()[rows[some] - edges[0][i], columns[some] - edges[1][j]]
        return out

    def counts(self, n: int) -> Labels:
        """Return the number of cells of each label 0..n; that of 0 is 0."""
        out = np.zeros(n + 1, dtype=np.int64)
        for part in self.parts.values():
            out += np.bincount(part.labels, minlength=n + 1)
        return out

    def cells_of(self, wanted: NDArray[np.bool_]) -> tuple[Labels, Labels, Labels]:
        """Return label, row and column of the cells whose label is wanted (n + 1,), row by row of the map."""
        found = [np.empty((3, 0), dtype=np.int64)]
        for at, origin, _ in tiles(self.chunks):
            part = self.parts[at]
            hit = wanted[part.labels]
            if hit.any():
                rows, columns = np.nonzero(part.mask())
                found.append(np.stack([part.labels[hit], rows[hit] + origin[0], columns[hit] + origin[1]]))
        label, row, column = np.concatenate(found, axis=1)
        order = np.lexsort((column, row))
        return label[order], row[order], column[order]

    def array(self) -> da.Array:
        """Return the labels as a lazy array (y, x) int64."""
        rows = [
            [
                da.from_delayed(dask.delayed(_dense)(self.parts[i, j]), (h, w), dtype=np.int64)
                for j, w in enumerate(self.chunks[1])
            ]
            for i, h in enumerate(self.chunks[0])
        ]
        return da.block(rows)

    def windows(self) -> list[tuple[At, At, Any]]:
        """Return index, first row and column, and delayed labels of each block with one more row and column."""
        out = []
        for at, origin, _ in tiles(self.chunks):
            near = [self.parts.get((at[0] + i, at[1] + j)) for i, j in ((0, 0), (0, 1), (1, 0))]
            if len(near[0].labels) if near[0] is not None else 0:
                out.append((at, origin, dask.delayed(_window)(*near)))
        return out


def _dense(part: Part) -> Labels:
    return part.dense()


def _mapped(part: Part, to: NDArray[Any]) -> Labels:
    out = np.zeros(part.shape, dtype=np.int64)
    out[part.mask()] = to[part.labels]
    return out


def _window(here: Part, right: Part | None, below: Part | None) -> Labels:
    out = np.zeros((here.shape[0] + 1, here.shape[1] + 1), dtype=np.int64)
    out[:-1, :-1] = here.dense()
    if right is not None:
        out[:-1, -1] = right.dense()[:, 0]
    if below is not None:
        out[-1, :-1] = below.dense()[0]
    return out


def connected(keys: dict[At, tuple[Any, Any]], chunks: Chunks) -> tuple[Mosaic, Labels, Labels]:
    """Number the connected pieces of cells that agree in both keys; cells touch at sides alone.

    Parameters
    ----------
    keys : for each block that has a piece a delayed pair of arrays (y, x): the first 0 where there is none, the second
        any whole numbers (None where the first alone counts). chunks : of the map.

    Returns
    -------
    The pieces 1, 2, ... in the order of their first cell, row by row of the map, whatever the blocks; and for each
    piece (n,) the first key and the number of cells.
    """
    order = [at for at, _, _ in tiles(chunks) if at in keys]
    origins = {at: origin for at, origin, _ in tiles(chunks)}
    later = [dask.delayed(_pieces)(*keys[at], origins[at], sum(chunks[1])) for at in order]
    found = dict(zip(order, dask.compute(*later), strict=True))
    start = dict(zip(order, np.cumsum([0, *(len(found[at][1]) for at in order)])[:-1].tolist(), strict=True))
    n = sum(len(f[1]) for f in found.values())
    links = [np.empty((2, 0), dtype=np.int64)]
    for at in order:
        for (di, dj), mine, other in (((1, 0), "south", "north"), ((0, 1), "east", "west")):
            near = (at[0] + di, at[1] + dj)
            if near in found:
                one, two = found[at][2][mine], found[near][2][other]
                same = (one[0] > 0) & (one[1] == two[1]) & (one[2] == two[2]) & (two[0] > 0)
                links.append(np.stack([one[0][same] - 1 + start[at], two[0][same] - 1 + start[near]]))
    a, b = np.concatenate(links, axis=1)
    whole = np.empty(0, dtype=np.int64)
    if n:
        graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
        whole = connected_components(graph, directed=False)[1]
    table = np.concatenate([np.empty((3, 0), dtype=np.int64), *(found[at][1].T for at in order)], axis=1)
    n_pieces = int(whole.max()) + 1 if n else 0
    first = np.full(n_pieces, np.iinfo(np.int64).max)
    np.minimum.at(first, whole, table[0])
    rank = np.empty(n_pieces, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(n_pieces)
    number = rank[whole]
    key, cells = np.zeros(n_pieces, dtype=np.int64), np.zeros(n_pieces, dtype=np.int64)
    key[number] = table[1]
    np.add.at(cells, number, table[2])
    parts = {}
    for at, _, shape in tiles(chunks):
        if at not in found:
            parts[at] = Part.of(np.zeros(shape, dtype=np.int64))
            continue
        local = found[at][0]
        numbers = number[start[at] : start[at] + len(found[at][1])] + 1
        parts[at] = Part(local.shape, local.bits, numbers[local.labels - 1].astype(np.int32))
    return Mosaic(chunks, parts), key, cells


def _pieces(
    first: NDArray[Any], second: NDArray[Any] | None, origin: At, n_x: int
) -> tuple[Part, Labels, dict[str, Labels]]:
    """Return a block's pieces; (n, 3) first cell in the map, first key and cells of each; and its four sides."""
    if not first.any():
        row, column = (np.zeros((3, n), dtype=np.int64) for n in (first.shape[1], first.shape[0]))
        sides = {"north": row, "south": row, "west": column, "east": column}
        return Part.of(np.zeros(first.shape, dtype=np.int64)), np.empty((0, 3), dtype=np.int64), sides
    if second is None:
        second = np.zeros(first.shape, dtype=np.int8)
    found = pieces(first, second, corners=False)
    flat = found.ravel()
    start = np.flatnonzero(np.diff(np.maximum.accumulate(flat), prepend=0))  # they are numbered by their first cells
    cell = (start // first.shape[1] + origin[0]) * n_x + start % first.shape[1] + origin[1]
    table = np.stack([cell, first.ravel()[start], np.bincount(flat)[1:]], axis=1).astype(np.int64)
    stack = np.stack([found, first.astype(np.int64), second.astype(np.int64)])
    sides = {"north": stack[:, 0], "south": stack[:, -1], "west": stack[:, :, 0], "east": stack[:, :, -1]}
    kept = {name: np.asarray(side.copy(), dtype=np.int64) for name, side in sides.items()}
    return Part.of(found), table, kept


def borders_of(labels: Mosaic) -> tuple[Labels, Labels]:
    """Return pairs (n, 2) of labels that share cell sides, the lower first, sorted; and how many sides (n,)."""
    found = dask.compute(*(dask.delayed(_contacts)(window) for _, _, window in labels.windows()))
    a, b, sides = np.concatenate([np.empty((3, 0), dtype=np.int64), *found], axis=1)
    order = np.lexsort((b, a))
    a, b, sides = a[order], b[order], sides[order]
    if not len(a):
        return np.empty((0, 2), dtype=np.int64), sides
    first = np.nonzero(np.append(True, (np.diff(a) != 0) | (np.diff(b) != 0)))[0]
    return np.stack([a[first], b[first]], axis=1), np.add.reduceat(sides, first)


def _contacts(window: Labels) -> Labels:
    """Return (3, n): lower label, higher label, sides shared, of a block with one more row and column."""
    pairs = []
    for one, other in ((window[:-1, :-1], window[:-1, 1:]), (window[:-1, :-1], window[1:, :-1])):
        touch = (one != other) & (one > 0) & (other > 0)
        pairs.append(np.sort(np.stack([one[touch], other[touch]]), axis=0))
    low, high = np.concatenate(pairs, axis=1)
    order = np.lexsort((high, low))
    low, high = low[order], high[order]
    first = np.nonzero(np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0)))[0] if len(low) else order
    sides = np.diff(np.append(first, len(low)))
    return np.stack([low[first], high[first], sides]).astype(np.int64)
