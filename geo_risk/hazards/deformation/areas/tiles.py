"""Large maps worked through in overlapping tiles, read by windows, and summed up by a fixed sample of their cells."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]
F32 = NDArray[np.float32]

MOST_SAMPLED = 4_000_000
"""Most cells that a median or a mean of a large map is taken from; smaller maps give all their cells."""


BAND = 2048
"""Rows of a map that are counted or summed up at once."""


class Windows(Protocol):
    """A map (y, x) that gives its values by window; an array is one, a lazy layer behind `TiledMap` another."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, box: Box, /) -> Any:
        """Return the values in a window, as a NumPy array."""


@dataclass(frozen=True)
class Tile:
    """A part of a map: the cells that are its own, the wider window they come from, and where they lie in it."""

    core: Box
    window: Box
    inside: Box

    def sampled(self, values: NDArray[Any], stride: int) -> NDArray[Any]:
        """Return every stride-th row and column of the core, counted from the map's corner, of a window's array."""
        rows, columns = (slice(-c.start % stride, None, stride) for c in self.core)
        out: NDArray[Any] = values[self.inside][rows, columns]
        return out

    def lattice(self, stride: int) -> Box:
        """Return where the sampled cells of the core lie in the sample of the whole map."""
        y, x = (slice(-(-c.start // stride), -(-c.stop // stride)) for c in self.core)
        return y, x


def tiles(shape: tuple[int, int], side: int | None, halo: float) -> Iterator[Tile]:
    """Yield the tiles of a map in reading order; one, the whole map, where `side` is None or no shorter than the map.

    Parameters
    ----------
    shape : rows and columns of the map.
    side : rows and columns of a core.
    halo : cells around a core that its window holds, cut off at the rim of the map.
    """
    step = max(shape) if side is None else side
    more = int(np.ceil(halo))
    for row in range(0, shape[0], step):
        for column in range(0, shape[1], step):
            core = (slice(row, min(row + step, shape[0])), slice(column, min(column + step, shape[1])))
            window = grown(core, more, shape)
            y, x = (slice(c.start - w.start, c.stop - w.start) for c, w in zip(core, window, strict=True))
            yield Tile(core, window, (y, x))


def grown(box: Box, cells: int, shape: tuple[int, int]) -> Box:
    """Return a window with cells around it, within a map of the given shape."""
    y, x = (slice(max(0, b.start - cells), min(n, b.stop + cells)) for b, n in zip(box, shape, strict=True))
    return y, x


def stride_of(shape: tuple[int, int]) -> int:
    """Return how many rows and columns a sample of MOST_SAMPLED cells steps over; 1 for maps no larger."""
    return max(1, int(np.ceil(np.sqrt(shape[0] * shape[1] / MOST_SAMPLED))))


def sampled(values: NDArray[Any]) -> NDArray[Any]:
    """Return the sample of a whole map."""
    step = stride_of((values.shape[0], values.shape[1]))
    return values[::step, ::step]


def whole(source: Windows, *, rows: int = 1024) -> F32:
    """Return all values (y, x) float32; a lazy map is read by bands of rows."""
    if isinstance(source, np.ndarray):
        return source.astype(np.float32, copy=False)
    height, width = source.shape
    out = np.empty((height, width), dtype=np.float32)
    for row in range(0, height, rows):
        band = (slice(row, min(row + rows, height)), slice(0, width))
        out[band] = source[band]
    return out


def bands(n_rows: int) -> Iterator[slice]:
    """Yield the rows of a map in bands of BAND rows: sums over them do not depend on how the map is stored."""
    for row in range(0, n_rows, BAND):
        yield slice(row, min(row + BAND, n_rows))


def thinned(cells: NDArray[np.bool_], most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of every k-th cell of a mask (y, x) in reading order, k such that some `most` are left.

    It is what `np.nonzero` of the mask gives, thinned; the positions of all cells are never held at once.
    """
    step = max(1, int(np.count_nonzero(cells)) // most)
    width, before, found = cells.shape[1], 0, [np.zeros(0, np.int64)]
    for band in bands(cells.shape[0]):
        flat = np.flatnonzero(cells[band])
        found.append(flat[-before % step :: step] + band.start * width)
        before += flat.size
    rows, columns = np.divmod(np.concatenate(found), width)
    return rows, columns


def at_cells(source: Windows, rows: NDArray[np.int64], columns: NDArray[np.int64], *, side: int = 1024) -> F32:
    """Return the values (n,) of a map at some cells, read by the tiles that hold one."""
    if isinstance(source, np.ndarray):
        return source[rows, columns].astype(np.float32, copy=False)
    out = np.empty(len(rows), dtype=np.float32)
    across = -(-source.shape[1] // side)
    of = rows // side * across + columns // side
    order = np.argsort(of, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(of[order])) + 1) if len(order) else []:
        y, x = rows[part], columns[part]
        box = (slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1))
        out[part] = source[box][y - box[0].start, x - box[1].start]
    return out


def sampled_of(source: Windows) -> F32:
    """Return the sample of a whole map that is given by windows."""
    shape = (source.shape[0], source.shape[1])
    step = stride_of(shape)
    if isinstance(source, np.ndarray):
        return sampled(source).astype(np.float32, copy=False)
    out = np.empty(tuple(-(-n // step) for n in shape), dtype=np.float32)
    for t in tiles(shape, 1024, 0):
        out[t.lattice(step)] = t.sampled(source[t.core], step)
    return out


def sample_windows(known: NDArray[np.bool_], side: int, count: int) -> list[Box]:
    """Return the windows of a map that stand for it: the whole where it has no more than 1.8 side^2 cells.

    Parameters
    ----------
    known : (y, x) cells with values.
    side, count : of the windows.

    Returns
    -------
    At most `count` windows of a lattice of windows that covers the map, so that each stands for the same number of
    known cells. They depend on the map alone.
    """
    height, width = known.shape
    if height * width <= 1.8 * side**2:
        return [(slice(0, height), slice(0, width))]
    starts = [
        np.linspace(0, max(n - side, 0), -(-n // side)).round().astype(int) if n > side else np.zeros(1, int)
        for n in known.shape
    ]
    boxes = [
        (slice(int(y), int(min(y + side, height))), slice(int(x), int(min(x + side, width))))
        for y in starts[0] for x in starts[1]
    ]  # fmt: skip
    so_far = np.cumsum([int(known[b].sum()) for b in boxes])
    wanted = so_far[-1] * (np.arange(count) + 0.5) / count
    return [boxes[k] for k in sorted({int(np.searchsorted(so_far, w)) for w in wanted})]


class TiledMap:
    """A map that is computed tile by tile when asked for; the last tiles are kept.

    Parameters
    ----------
    shape : of the map.
    compute : returns the values of a window.
    side : of the tiles. keep : how many are kept.
    """

    def __init__(self, shape: tuple[int, int], compute: Callable[[Box], F32], *, side: int, keep: int = 2) -> None:
        self.shape = shape
        self._compute, self._side, self._keep = compute, side, keep
        self._kept: OrderedDict[tuple[int, int], F32] = OrderedDict()

    def __getitem__(self, box: Box) -> F32:
        """Return the values in a window (y, x) float32."""
        rows, columns = (range(b.start // self._side, -(-b.stop // self._side)) for b in box)
        if len(rows) == 1 and len(columns) == 1:
            return self._part(rows[0], columns[0], box)
        out = np.empty((box[0].stop - box[0].start, box[1].stop - box[1].start), dtype=np.float32)
        for j in rows:
            for i in columns:
                y, x = (
                    slice(max(b.start, k * self._side), min(b.stop, (k + 1) * self._side))
                    for b, k in zip(box, (j, i), strict=True)
                )
                at = (slice(y.start - box[0].start, y.stop - box[0].start),
                      slice(x.start - box[1].start, x.stop - box[1].start))  # fmt: skip
                out[at] = self._part(j, i, (y, x))
        return out

    def _part(self, row: int, column: int, box: Box) -> F32:
        tile = self._kept.pop((row, column), None)
        if tile is None:
            ends = ((row, self.shape[0]), (column, self.shape[1]))
            y, x = (slice(k * self._side, min((k + 1) * self._side, n)) for k, n in ends)
            tile = self._compute((y, x))
            while len(self._kept) >= self._keep:
                self._kept.popitem(last=False)
        self._kept[row, column] = tile
        y, x = (
            slice(b.start - k * self._side, b.stop - k * self._side) for b, k in zip(box, (row, column), strict=True)
        )
        return tile[y, x]
