"""The way of water from one cell on, over blocks of any size."""

from __future__ import annotations

from functools import lru_cache

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import MISSING, OUTLET
from geo_risk.terrain.upslope import steps_of

_BLOCKS = 8
"""Blocks of directions that are kept while a way is followed."""


def way_cells(direction: da.Array, start: int, *, length_max: float) -> tuple[NDArray[np.int64], bool]:
    """Return the cells that water passes from one on, and whether it leaves the map.

    Parameters
    ----------
    direction : (y, x) D8 codes of `kernels.d8`; read block by block along the way.
    start : flat (row-major) index. length_max : sides of cells that are followed at most; a diagonal step is sqrt(2).

    Returns
    -------
    (cells, leaves) : flat indices, the start first; empty where its direction is missing. `leaves` is true where the
    way ends at an outlet of the map or at missing ground.

    Raises
    ------
    ValueError : the start is off the map.
    """
    n_y, n_x = direction.shape
    if not 0 <= start < n_y * n_x:
        msg = f"the start is cell {start}; 0 to {n_y * n_x - 1} needed"
        raise ValueError(msg)
    edges = [np.concatenate([[0], np.cumsum(c)]) for c in direction.chunks]

    @lru_cache(maxsize=_BLOCKS)
    def block(j: int, i: int) -> NDArray[np.int8]:
        return np.asarray(direction.blocks[j, i].compute())

    cells: list[int] = []
    cell, length = start, 0.0
    while length <= length_max:
        row, column = divmod(cell, n_x)
        j, i = (int(np.searchsorted(e, k, side="right")) - 1 for e, k in zip(edges, (row, column), strict=True))
        code = block(j, i)[row - edges[0][j], column - edges[1][i]]
        if code == MISSING:
            return np.array(cells, np.int64), True
        cells.append(cell)
        if code == OUTLET:
            return np.array(cells, np.int64), True
        step = int(steps_of(np.array([code], np.int8), n_x)[0])
        length += 1.0 if abs(step) in (1, n_x) else float(np.sqrt(2))
        cell += step
    return np.array(cells, np.int64), False
