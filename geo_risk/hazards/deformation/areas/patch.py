"""A group of cells of a large map, held as a small mask and where it lies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.hazards.deformation.areas.tiles import Box

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Patch:
    """Cells of a map: a mask cropped to them, and the row and column of its first corner.

    Make one with `Patch.of`; a map with thousands of areas would not fit in memory as thousands of whole masks.
    """

    mask: Bool
    row: int
    column: int

    @classmethod
    def of(cls, mask: Bool, row: int = 0, column: int = 0) -> Patch:
        """Return the patch of a mask (y, x) whose first corner lies at a row and column of the map.

        Raises
        ------
        ValueError : no cell.
        """
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not rows.size:
            what = "a patch needs at least one cell"
            raise ValueError(what)
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        return cls(mask[box].copy(), row + int(rows[0]), column + int(columns[0]))

    @classmethod
    def union(cls, patches: Iterable[Patch]) -> Patch:
        """Return all cells of one or more patches."""
        parts = list(patches)
        top, left = min(p.row for p in parts), min(p.column for p in parts)
        bottom = max(p.row + p.mask.shape[0] for p in parts)
        right = max(p.column + p.mask.shape[1] for p in parts)
        whole = np.zeros((bottom - top, right - left), dtype=bool)
        for p in parts:
            y, x = p.indices
            whole[y - top, x - left] = True
        return cls(whole, top, left)

    def sum(self) -> int:
        """Return the number of cells."""
        return int(self.mask.sum())

    @property
    def box(self) -> Box:
        """The window of the map that holds it."""
        height, width = self.mask.shape
        return slice(self.row, self.row + height), slice(self.column, self.column + width)

    @property
    def indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of its cells in the map."""
        y, x = np.nonzero(self.mask)
        return y + self.row, x + self.column

    def within(self, box: Box) -> Bool:
        """Return its cells in a window of the map, as a mask of the window's shape."""
        out = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), dtype=bool)
        y, x = self.indices
        inside = (y >= box[0].start) & (y < box[0].stop) & (x >= box[1].start) & (x < box[1].stop)
        out[y[inside] - box[0].start, x[inside] - box[1].start] = True
        return out

    @property
    def first(self) -> tuple[int, int]:
        """Row and column of its first cell in reading order."""
        y, x = self.indices
        return int(y[0]), int(x[0])

    def overlap(self, other: Patch) -> int:
        """Return how many cells two patches share."""
        top, left = max(self.row, other.row), max(self.column, other.column)
        bottom = min(self.row + self.mask.shape[0], other.row + other.mask.shape[0])
        right = min(self.column + self.mask.shape[1], other.column + other.mask.shape[1])
        if top >= bottom or left >= right:
            return 0
        a = self.mask[top - self.row : bottom - self.row, left - self.column : right - self.column]
        b = other.mask[top - other.row : bottom - other.row, left - other.column : right - other.column]
        return int((a & b).sum())

    def grown(self, cells: int, shape: tuple[int, int], *, corners: bool = True) -> Patch:
        """Return the patch with cells around it, within a map of the given shape.

        `corners`: by eight neighbours a step, else by four.
        """
        structure = ndimage.generate_binary_structure(2, 2 if corners else 1)
        wide = ndimage.binary_dilation(np.pad(self.mask, cells), structure, iterations=cells)
        row, column = self.row - cells, self.column - cells
        up, back = max(0, -row), max(0, -column)
        inside = wide[up : shape[0] - row, back : shape[1] - column]
        return Patch.of(inside, row + up, column + back)


class PatchIndex:
    """Finds which of many patches may lie near another, without looking at all of them."""

    def __init__(self, patches: Sequence[Patch], *, side: int = 256) -> None:
        self._patches, self._side = patches, side
        self._at: dict[tuple[int, int], list[int]] = {}
        for k, p in enumerate(patches):
            for key in self._keys(p):
                self._at.setdefault(key, []).append(k)

    def _keys(self, patch: Patch) -> list[tuple[int, int]]:
        y, x = (range(b.start // self._side, (b.stop - 1) // self._side + 1) for b in patch.box)
        return [(j, i) for j in y for i in x]

    def positions(self, patch: Patch) -> list[int]:
        """Return the positions, in order, of the patches whose windows meet that of a patch."""
        a, b = patch.box
        near = sorted({k for key in self._keys(patch) for k in self._at.get(key, [])})
        boxes = ((k, *self._patches[k].box) for k in near)
        return [
            k for k, y, x in boxes if y.start < a.stop and a.start < y.stop and x.start < b.stop and b.start < x.stop
        ]

    def near(self, patch: Patch) -> list[Patch]:
        """Return those patches."""
        return [self._patches[k] for k in self.positions(patch)]
