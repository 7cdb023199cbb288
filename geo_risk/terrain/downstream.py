"""What water meets first on its way down, on Dask, exact across blocks: values of drains, labels of depressions.

Each block looks as far down as it reaches; the ways between blocks are known from the cells at their edges alone.
"""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.parts import first_end, follow
from geo_risk.kernels.priority_flood import MISSING, OUTLET
from geo_risk.terrain.parts import Labels
from geo_risk.terrain.upslope import Origin, edge_cells, global_cells, of_blocks, steps_of


def met_blocks(direction: da.Array, is_end: da.Array, values: da.Array) -> da.Array:
    """Value of the first end on each cell's way down, its own included: float64, lazy.

    Parameters
    ----------
    direction, is_end, values : (y, x) in the same blocks: D8 codes, bool, any number. All of them are read once here
        and once more when the result is computed.

    Returns
    -------
    NaN where the direction is missing and where the water leaves the map before it meets an end.

    Raises
    ------
    ValueError : the directions form a ring, or lead into missing cells.
    """
    parts = [direction, is_end, values]
    found = of_blocks(_met_at_borders, parts, direction)
    cells, targets, final, value = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(cells)
    cells, targets, final, value = cells[order], targets[order], final[order], value[order]
    ends = follow(cells, targets, final)
    of_end, first = np.unique(targets[final], return_index=True)
    met = value[final][first][np.searchsorted(of_end, ends)] if len(cells) else value
    return da.map_blocks(
        _met, *parts, cells=cells, met=met, n_x=direction.shape[1], dtype=np.float64, meta=np.empty((0, 0))
    )


def hand_blocks(direction: da.Array, filled: da.Array, is_stream: da.Array) -> da.Array:
    """Height above the first stream cell downstream, as `kernels.hand` of the whole array: float64, lazy [m].

    Parameters
    ----------
    direction, filled, is_stream : (y, x) in the same blocks: D8 codes, surface without depressions [m], bool.

    Returns
    -------
    NaN where the height is missing and where the water leaves the map before it meets a stream.
    """
    height: da.Array = filled.astype(np.float64) - met_blocks(direction, is_stream, filled)
    return height


def _ends(
    codes: NDArray[np.int8], is_end: NDArray[np.bool_], values: NDArray[Any], at: Labels, origin: Origin, n_x: int
) -> tuple[Labels, NDArray[np.bool_], NDArray[np.float64]]:
    """Return the cell where the water of some cells meets an end or leaves the map, or the first one past the block;
    whether it is the former; and the value of the end, NaN where it meets none in the block.
    """  # fmt: skip
    way = first_end(codes, is_end | (codes == OUTLET)).ravel()[at]
    final = way >= 0
    cell = np.where(final, way, -2 - way)
    target = global_cells(cell, codes.shape, origin, n_x)
    target += np.where(final, 0, steps_of(codes.ravel()[cell], n_x))
    met = final & is_end.ravel()[cell]
    return target, final, np.where(met, values.ravel()[cell].astype(np.float64), np.nan)


def _met_at_borders(
    codes: NDArray[np.int8], is_end: NDArray[np.bool_], values: NDArray[Any], *, origin: Origin, n_x: int
) -> tuple[NDArray[Any], ...]:
    edge = edge_cells(codes)
    return (global_cells(edge, codes.shape, origin, n_x), *_ends(codes, is_end, values, edge, origin, n_x))


def _met(
    codes: NDArray[np.int8], is_end: NDArray[np.bool_], values: NDArray[Any], *, cells: Labels,
    met: NDArray[np.float64], n_x: int, block_info: Any = None,
) -> NDArray[np.float64]:  # fmt: skip
    (r0, _), (c0, _) = block_info[0]["array-location"]
    out = np.full(codes.size, np.nan)
    at = np.flatnonzero(codes.ravel() != MISSING)
    target, final, value = _ends(codes, is_end, values, at, (r0, c0), n_x)
    beyond = np.minimum(np.searchsorted(cells, target), max(len(cells) - 1, 0))
    out[at] = np.where(final, value, met[beyond]) if len(cells) else value
    return out.reshape(codes.shape)
