"""Events and background cells with their factors, gathered block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of, same_grid
from geo_risk.terrain.slope import blocks


@dataclass(frozen=True)
class Sample:
    """Cells with their factors, sorted by row and column.

    Attributes
    ----------
    names : factors, in the order of `values`.
    values : (factor, cell) float64, NaN where unknown. slope_deg : (cell,).
    x, y : cell centres [m].
    events : number of events in the cell; 0 for the background, which is drawn from all cells, events or not.
    is_event : which rows stand for events.
    n_cells : of the grid.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    slope_deg: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    events: NDArray[np.float64]
    is_event: NDArray[np.bool_]
    n_cells: int


def gather(layers: Mapping[str, xr.DataArray], names: Sequence[str], *, background_cells: int, seed: int) -> Any:
    """Return the sample as a dask Delayed: every block is read once, the result does not depend on the blocks.

    Parameters
    ----------
    layers : `landslide_events`, `slope_deg`, and the factors, on one grid.
    names : factors to gather.
    background_cells : cells drawn with replacement, uniformly over the grid; those off the factors' coverage stay in
        the sample as unknown.
    seed : of the draw.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    wanted = ["landslide_events", "slope_deg", *names]
    grid = same_grid(*(layers[n] for n in wanted))
    chunks = blocks(layers["slope_deg"]).chunks
    arrays = [blocks(layers[n]).rechunk(chunks) for n in wanted]
    rng = np.random.default_rng([seed, 20_240_701])
    drawn = np.sort(rng.integers(0, grid.shape[0] * grid.shape[1], size=background_cells))
    rows, columns = np.divmod(drawn, grid.shape[1])
    parts = []
    for (r0, r1), (c0, c1), at in _blocks(chunks):
        inside = (rows >= r0) & (rows < r1) & (columns >= c0) & (columns < c1)
        block = [a.blocks[at].to_delayed().item() for a in arrays]
        parts.append(dask.delayed(_of_block, pure=True)(block, rows[inside] - r0, columns[inside] - c0, (r0, c0)))
    coords = grid_of(layers["slope_deg"]).coords()
    return dask.delayed(_joined, pure=True)(parts, tuple(names), coords["x"], coords["y"])


def _blocks(chunks: Any) -> list[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    edges = [np.concatenate([[0], np.cumsum(c)]).astype(int) for c in chunks]
    return [
        ((int(edges[0][i]), int(edges[0][i + 1])), (int(edges[1][j]), int(edges[1][j + 1])), (i, j))
        for i in range(len(chunks[0]))
        for j in range(len(chunks[1]))
    ]


def _of_block(
    block: list[NDArray[Any]], rows: NDArray[np.int64], columns: NDArray[np.int64], corner: tuple[int, int]
) -> NDArray[np.float64]:
    """Return (column, cell): is_event, row, column, events, slope, factors."""
    counts = np.nan_to_num(np.asarray(block[0], dtype=np.float64))
    event_rows, event_columns = np.nonzero(counts > 0)
    at = (np.concatenate([event_rows, rows]), np.concatenate([event_columns, columns]))
    is_event = np.concatenate([np.ones(len(event_rows)), np.zeros(len(rows))])
    picked = [np.asarray(a)[at].astype(np.float64) for a in block[1:]]
    return np.stack([is_event, at[0] + corner[0], at[1] + corner[1], np.where(is_event > 0, counts[at], 0), *picked])


def _joined(
    parts: list[NDArray[np.float64]], names: tuple[str, ...], x: NDArray[np.float64], y: NDArray[np.float64]
) -> Sample:
    table = np.concatenate(parts, axis=1)
    table = table[:, np.lexsort((table[2], table[1], table[0]))]
    rows, columns = table[1].astype(np.int64), table[2].astype(np.int64)
    return Sample(names, table[5:], table[4], x[columns], y[rows], table[3], table[0] > 0, len(x) * len(y))
