"""Values of the cells along the borders between blocks of a grid: all that blocks must know of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Block = tuple[int, int]
Chunks = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Rim:
    """The outermost rows and columns of one block, copied, so that the block itself can go."""

    top: NDArray[Any]
    bottom: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Rim:
        """Return the rim of a block (y, x)."""
        return cls(values[0].copy(), values[-1].copy(), values[:, 0].copy(), values[:, -1].copy())

    def mapped(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Rim:
        """Return the rim of what a function of each value makes."""
        return Rim(function(self.top), function(self.bottom), function(self.left), function(self.right))


class Rims:
    """Rows and columns on both sides of the borders between blocks.

    Parameters
    ----------
    chunks : of the rows and of the columns. dtype, fill : of the values, and what cells hold that nobody has put.
    """

    def __init__(self, chunks: Chunks, dtype: Any, fill: Any) -> None:
        self.edges = tuple([0, *np.cumsum(c).astype(int).tolist()] for c in chunks)
        self.shape = (self.edges[0][-1], self.edges[1][-1])
        self.dtype, self.fill = np.dtype(dtype), fill
        self.rows = {r: np.full(self.shape[1], fill, dtype=dtype) for r in self._beside_borders(0)}
        self.columns = {c: np.full(self.shape[0], fill, dtype=dtype) for c in self._beside_borders(1)}

    def _beside_borders(self, axis: int) -> list[int]:
        return sorted({i for edge in self.edges[axis][1:-1] for i in (edge - 1, edge)})

    def box(self, at: Block) -> tuple[int, int, int, int]:
        """Return the first row of a block and the one past it, and the same of its columns."""
        (j, i), (rows, columns) = at, self.edges
        return rows[j], rows[j + 1], columns[i], columns[i + 1]

    def block_at(self, origin: tuple[int, int]) -> Block:
        """Return the block whose first row and column these are."""
        return self.edges[0].index(origin[0]), self.edges[1].index(origin[1])

    def put(self, at: Block, rim: Rim) -> None:
        """Take the outermost cells of a block."""
        r0, r1, c0, c1 = self.box(at)
        for row, values in ((r0, rim.top), (r1 - 1, rim.bottom)):
            if row in self.rows:
                self.rows[row][c0:c1] = values
        for column, values in ((c0, rim.left), (c1 - 1, rim.right)):
            if column in self.columns:
                self.columns[column][r0:r1] = values

    def frame(self, at: Block) -> NDArray[Any]:
        """Return (y + 2, x + 2) of a block: the neighbours' cells around it; `fill` inside and beyond the grid."""
        r0, r1, c0, c1 = self.box(at)
        out = np.full((r1 - r0 + 2, c1 - c0 + 2), self.fill, dtype=self.dtype)
        left, right = max(c0 - 1, 0), min(c1 + 1, self.shape[1])
        for row, k in ((r0 - 1, 0), (r1, -1)):
            if 0 <= row < self.shape[0]:
                out[k, left - c0 + 1 : right - c0 + 1] = self.rows[row][left:right]
        for column, k in ((c0 - 1, 0), (c1, -1)):
            if 0 <= column < self.shape[1]:
                out[1:-1, k] = self.columns[column][r0:r1]
        return out


def meetings(*rims: Rims) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the values of each Rims (of one grid) on both sides of borders, for all pairs of neighbours (of eight)."""
    found: list[list[tuple[NDArray[Any], NDArray[Any]]]] = [[] for _ in rims]
    for axis, lines in enumerate(("rows", "columns")):
        for border in rims[0].edges[axis][1:-1]:
            for shift in (-1, 0, 1):
                for out, kept in zip(found, rims, strict=True):
                    near, far = getattr(kept, lines)[border - 1], getattr(kept, lines)[border]
                    n = near.size
                    one = near[max(0, -shift) : n - max(0, shift)]
                    out.append((one, far[max(0, shift) : n - max(0, -shift)]))
    return [
        (np.concatenate([a for a, _ in out]), np.concatenate([b for _, b in out]))
        if out
        else (np.empty(0, dtype=kept.dtype), np.empty(0, dtype=kept.dtype))
        for out, kept in zip(found, rims, strict=True)
    ]
