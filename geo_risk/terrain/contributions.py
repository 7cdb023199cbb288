"""Contributions of upslope areas (`kernels.contributions`) on Dask, exact across blocks."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.contributions import Contributions, carry_down, pass_between, step_ways, ways_out
from geo_risk.kernels.d8 import drainage_order
from geo_risk.terrain.parts import Labels
from geo_risk.terrain.rows import rows_of_blocks
from geo_risk.terrain.upslope import Origin, closed, edge_cells, found_at, global_cells, steps_of

TERMS = ("n_cells", "mean_weight", "way_cells", "highest")
"""The planes of `contribution_blocks`."""


def contribution_blocks(
    direction: da.Array, weight: da.Array, height: da.Array, *, known_share_min: float = 0.0
) -> da.Array:
    """Cells, mean weight, longest way and highest ground of every cell's upslope area, its own included.

    Parameters
    ----------
    direction, weight, height : (y, x) in the same blocks: D8 codes; a weight >= 0, NaN unknown; [m].
    known_share_min : the mean is missing where the weight of a smaller share of the upslope cells is known.

    Returns
    -------
    (4, y, x) float64, lazy, planes as TERMS: cells; mean of the known weights, NaN where too few are known upslope;
    longest way in cell sides; greatest height. The first is 0 where the direction is missing. The blocks are added up
    once here and once more when they are computed.

    Raises
    ------
    ValueError : the directions form a ring, or lead into missing cells.
    """
    entries, inflow = _between_blocks(direction, weight, height)
    return da.map_blocks(
        _terms, direction, weight, height, entries=entries, inflow=tuple(inflow), n_x=direction.shape[1], new_axis=0,
        known_share_min=known_share_min, chunks=((len(TERMS),), *direction.chunks), dtype=np.float64,
        meta=np.empty((0, 0, 0)),
    )  # fmt: skip


def _between_blocks(direction: da.Array, weight: da.Array, height: da.Array) -> tuple[Labels, Contributions]:
    """Return the cells where water enters blocks, rising, and what comes in there."""
    found = [values for _, values in rows_of_blocks(_at_borders, [direction, weight, height])]
    exits, targets, steps, entries, leads_to, ways = (np.concatenate([f[k] for f in found]) for k in range(6))
    made = Contributions(*(np.concatenate([f[6][k] for f in found]) for k in range(6)))
    order, by_entry = np.argsort(exits), np.argsort(entries)
    exits, targets, steps = exits[order], targets[order], steps[order]
    made = Contributions._make(np.ascontiguousarray(values[order]) for values in made)
    entries, leads_to, ways = entries[by_entry], leads_to[by_entry], ways[by_entry]
    entered = found_at(entries, targets)
    if (entered < 0).any():
        msg = "water enters a block at a missing cell"
        raise ValueError(msg)
    pass_between(found_at(exits, leads_to[entered]), steps + ways[entered], made)
    n_cells, n_known, whole, part, way = (np.zeros(len(entries), np.int64) for _ in range(5))
    for total, values in zip((n_cells, n_known, whole, part), made[:4], strict=True):
        np.add.at(total, entered, values)
    np.maximum.at(way, entered, made.way + steps)
    highest = np.full(len(entries), -np.inf)
    np.maximum.at(highest, entered, made.highest)
    wet = n_cells > 0
    return entries[wet], Contributions(n_cells[wet], n_known[wet], whole[wet], part[wet], way[wet], highest[wet])


def _at_borders(
    codes: NDArray[np.int8], weight: NDArray[Any], height: NDArray[Any], *, origin: Origin, n_x: int
) -> tuple[Any, ...]:
    """Return cells where water leaves a block, where it goes, the step there; the cells at the block's edge, where what
    enters there leaves again (-1: in the block), the way to there; and what leaves of the block's own.
    """  # fmt: skip
    inner, leaves = closed(codes)
    order = drainage_order(inner)
    own = Contributions.own(weight, height)
    carry_down(inner, order, own)
    out = np.flatnonzero(leaves)
    code = codes.ravel()[out]
    place = global_cells(out, codes.shape, origin, n_x)
    edge = edge_cells(codes)
    last, way = (values.ravel()[edge] for values in ways_out(inner, order))
    goes = leaves.ravel()[last]
    leads_to = np.where(goes, global_cells(last, codes.shape, origin, n_x), -1)
    return (place, place + steps_of(code, n_x), step_ways(code), global_cells(edge, codes.shape, origin, n_x), leads_to,
            way, tuple(values.ravel()[out] for values in own))  # fmt: skip


def _terms(
    codes: NDArray[np.int8], weight: NDArray[Any], height: NDArray[Any], *, entries: Labels,
    inflow: tuple[NDArray[Any], ...], n_x: int, known_share_min: float, block_info: Any = None,
) -> NDArray[np.float64]:  # fmt: skip
    (r0, r1), (c0, c1) = block_info[0]["array-location"]
    own = Contributions.own(weight, height)
    first, past = np.searchsorted(entries, [r0 * n_x, r1 * n_x])
    row, column = np.divmod(entries[first:past], n_x)
    here = (column >= c0) & (column < c1)
    at = (row[here] - r0, column[here] - c0)
    coming = Contributions(*(values[first:past][here] for values in inflow))
    for values, more in zip(own[:4], coming[:4], strict=True):
        values[at] += more
    own.way[at] = np.maximum(own.way[at], coming.way)
    own.highest[at] = np.maximum(own.highest[at], coming.highest)
    inner = closed(codes)[0]
    carry_down(inner, drainage_order(inner), own)
    known = codes >= 0
    mean = np.where(own.n_known >= known_share_min * own.n_cells, own.mean_weight, np.nan)
    return np.stack([np.where(known, own.n_cells, 0), mean, own.way_cells, own.highest]).astype(np.float64)
