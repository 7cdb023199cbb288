"""Rows of a table of depressions that grow block by block: cells, runoff, and the cell where each one spills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.forest import downward_order
from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP

Labels = NDArray[np.int64]


def codes_within(direction: NDArray[np.int8], wet: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the directions in ponds: OUTLET where the next cell is dry, MISSING outside.

    Parameters
    ----------
    direction : (y, x) D8 codes. wet : (y + 2, x + 2) with a frame of neighbours.

    Raises
    ------
    ValueError : the shapes do not fit.
    """
    if wet.shape != (direction.shape[0] + 2, direction.shape[1] + 2):
        msg = f"direction has shape {direction.shape}, wet {wet.shape}; a frame of one cell needed"
        raise ValueError(msg)
    out = np.full(direction.shape, MISSING, dtype=np.int8)
    _keep_inside(np.ascontiguousarray(direction), wet, out)
    return out


@njit(cache=True, nogil=True)
def _keep_inside(codes: Any, wet: Any, out: Any) -> None:
    for j in range(codes.shape[0]):
        for i in range(codes.shape[1]):
            code = codes[j, i]
            if code != MISSING and wet[j + 1, i + 1]:
                inside = code != OUTLET and wet[j + 1 + ROW_STEP[code], i + 1 + COLUMN_STEP[code]]
                out[j, i] = code if inside else OUTLET


class Leaving(NamedTuple):
    """Cells whose water leaves the depression they lie in, (c,) each.

    Attributes
    ----------
    label : the depression. collected : how many of its cells the cell collects. cell : flat index in the grid.
    met : depression that the water meets next after it has left; 0: it leaves the raster.
    """

    label: NDArray[Any]
    collected: NDArray[Any]
    cell: Labels
    met: NDArray[Any]


class SpillCells:
    """Where each depression spills and into which: the cell from which most of its water leaves for good.

    Among equals it is the first one. Water that leaves over level ground and comes back is no spill. `cell` is its flat
    index in the grid, `below` the depression met next (0: none), (n,) each, of labels 1 to n.
    """

    def __init__(self, n: int) -> None:
        self.most = np.zeros(n)
        self.cell = np.full(n, -1, np.int64)
        self.below = np.zeros(n, np.int64)

    def take(self, found: Leaving) -> None:
        """Look at some cells, in any order."""
        _take_most(*found, self.most, self.cell, self.below)

    def mend_rings(self, leaving_of: Callable[[NDArray[np.bool_]], Iterable[Leaving]]) -> None:
        """Let depressions of one level that would spill into one another in a ring leave it where most water does.

        Parameters
        ----------
        leaving_of : gives the leaving cells of labels that are marked, (n + 1,); called once for each round of rings,
            of which there is rarely one.
        """
        group = np.arange(len(self.cell) + 1)
        while True:
            in_ring = _in_rings(self.below)
            if not in_ring.any():
                return
            members = _merged_rings(self.below, in_ring, group)
            best: dict[int, tuple[float, int, int, int]] = {}
            for found in leaving_of(members):
                outside = group[found.met] != group[found.label]
                for k in np.flatnonzero(outside):
                    label, way = int(found.label[k]), (-float(found.collected[k]), int(found.cell[k]))
                    key = int(group[label])
                    if key not in best or way < best[key][:2]:
                        best[key] = (*way, label, int(found.met[k]))
            for key, (_, cell, label, met) in best.items():
                if not in_ring[label]:
                    self.below[np.flatnonzero(group[1:] == key)] = label
                self.cell[label - 1], self.below[label - 1] = cell, met


def _in_rings(below: Labels) -> NDArray[np.bool_]:
    """Return (n + 1,): which labels lie in a ring."""
    out = np.zeros(len(below) + 1, dtype=np.bool_)
    out[1:] = True
    out[downward_order(below - 1) + 1] = False
    return out


def _merged_rings(below: Labels, in_ring: NDArray[np.bool_], group: Labels) -> NDArray[np.bool_]:
    """Merge the groups of each ring's labels in place; return which labels are in such groups."""
    for label in np.flatnonzero(in_ring):
        one, other = group[label], group[below[label - 1]]
        if one != other:
            group[group == other] = one
    return np.isin(group, np.unique(group[in_ring]))


@njit(cache=True, nogil=True)
def _take_most(label: Any, count: Any, cell: Any, met: Any, most: Any, spill: Any, below: Any) -> None:
    for t in range(label.size):
        k = label[t] - 1
        if met[t] == label[t]:
            continue
        if count[t] > most[k] or (count[t] == most[k] and cell[t] < spill[k]):
            most[k], spill[k], below[k] = count[t], cell[t], met[t]


def add_up(label: NDArray[Any], values: tuple[Labels, ...], totals: tuple[Labels, ...]) -> None:
    """Add whole numbers of some cells to the totals of their labels, in place; totals[.][label] must exist."""
    for value, total in zip(values, totals, strict=True):
        _add_up(label, value, total)


@njit(cache=True, nogil=True)
def _add_up(label: Any, value: Any, total: Any) -> None:
    for c in range(label.size):
        total[label[c]] += value[c]


def count_labels(labels: NDArray[Any], totals: Labels) -> None:
    """Add the number of cells of each label to its total, in place."""
    _count(np.ascontiguousarray(labels).reshape(-1), totals)


@njit(cache=True, nogil=True)
def _count(labels: Any, totals: Any) -> None:
    for c in range(labels.size):
        totals[labels[c]] += 1
