"""Ponds that borders between blocks divide, and how their parts are put together and numbered."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo_risk.terrain.rims import Rims, meetings

Labels = NDArray[np.int64]


class PondParts(NamedTuple):
    """Ponds or parts of them, (n,) each; `first` and `bottom` are flat indices in the grid.

    `level` and `bottom_height` have the DEM's own float type: both are heights of it. `depth_steps` as in
    `kernels.depressions.PondShapes`. `n_parts` is 0 for a pond that touches no border of its block.
    """

    first: Labels
    level: NDArray[Any]
    n_cells: NDArray[Any]
    depth_steps: Labels
    bottom: Labels
    bottom_height: NDArray[Any]
    n_parts: NDArray[np.int32]

    def some(self, at: Labels) -> PondParts:
        """Return the rows at some positions."""
        return PondParts._make(values[at] for values in self)


def together(parts: list[PondParts]) -> PondParts:
    """Return the rows of all, one behind the other."""
    return PondParts._make(np.concatenate(values) for values in zip(*parts, strict=True))


def joined(
    parts: list[PondParts], rims: Rims, *, depth_min: float, cells_min: int
) -> tuple[PondParts, NDArray[np.int32]]:
    """Put parts together that meet at borders, and number the ponds by their first cell, row by row.

    Parameters
    ----------
    parts : of each block, one behind the other. rims : position of the part that each cell along a border belongs to,
        -1 where dry. depth_min, cells_min : ponds that are not deeper, or smaller, are left out.

    Returns
    -------
    The ponds in the order of their labels, and the label of each part, 0 where its pond is left out.
    """
    every = together(parts)
    touching = np.flatnonzero(every.n_parts > 0)
    group = _groups(touching, rims)
    ponds = _merged(every.some(touching), group)
    alone = np.flatnonzero(every.n_parts == 0)
    both = together([ponds, every.some(alone)])
    depth = both.level.astype(np.float64) - both.bottom_height.astype(np.float64)
    kept = np.flatnonzero((depth > depth_min) & (both.n_cells >= cells_min))
    kept = kept[np.argsort(both.first[kept], kind="stable")]
    label_of = np.zeros(len(both.first), np.int32)
    label_of[kept] = np.arange(1, len(kept) + 1)
    label = np.zeros(len(every.first), np.int32)
    label[touching] = label_of[group]
    label[alone] = label_of[len(ponds.first) :]
    return both.some(kept), label


def _groups(touching: Labels, rims: Rims) -> NDArray[np.int32]:
    """Return for each part that touches a border which pond it belongs to, counted from 0."""
    n = len(touching)
    ((one, two),) = meetings(rims)
    meet = (one >= 0) & (two >= 0)
    a, b = (np.searchsorted(touching, side[meet]) for side in (one, two))
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    group: NDArray[np.int32] = connected_components(graph, directed=False)[1] if n else np.empty(0, np.int32)
    return group


def _merged(parts: PondParts, group: NDArray[np.int32]) -> PondParts:
    """Return one row a group: the first of first cells, the lowest of lowest ones (the first among equals), sums."""
    if not len(group):
        return parts._replace(n_cells=parts.n_cells.astype(np.int64))
    order = np.lexsort((parts.bottom, parts.bottom_height, group))
    start = np.flatnonzero(np.diff(group[order], prepend=-1))
    lowest = order[start]
    total = np.add.reduceat
    return PondParts(
        np.minimum.reduceat(parts.first[order], start), parts.level[lowest],
        total(parts.n_cells[order].astype(np.int64), start), total(parts.depth_steps[order], start),
        parts.bottom[lowest], parts.bottom_height[lowest], total(parts.n_parts[order], start).astype(np.int32),
    )  # fmt: skip
