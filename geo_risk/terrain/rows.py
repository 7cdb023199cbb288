"""Work over a grid's blocks, one row of them at a time, so that what is made of them need not be held together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.terrain.parts import tiles
from geo_risk.terrain.rims import Block


def rows_of_blocks(function: Callable[..., Any], arrays: list[da.Array], **given: Any) -> Iterator[tuple[Block, Any]]:
    """Yield what a function makes of each block, row by row of blocks, in the grid's order.

    Parameters
    ----------
    function : takes the blocks of `arrays`, and `origin` (first row and column of the block), `n_x` (columns of the
        grid) and `given` by name; it runs on Dask's workers and returns values.
    arrays : (y, x) in the same blocks.
    """
    n_x = arrays[0].shape[1]
    task = dask.delayed(function, pure=False)
    given_once = {name: dask.delayed(value) if isinstance(value, dict) else value for name, value in given.items()}
    row: list[tuple[Block, Any]] = []
    for at, origin, _ in tiles(arrays[0].chunks):
        if row and row[0][0][0] != at[0]:
            yield from _made(row)
            row = []
        parts = [array.blocks[at].to_delayed(optimize_graph=False).item() for array in arrays]
        row.append((at, task(*parts, origin=origin, n_x=n_x, **given_once)))
    yield from _made(row)


def _made(row: list[tuple[Block, Any]]) -> list[tuple[Block, Any]]:
    values = dask.compute(*(part for _, part in row))
    return [(at, value) for (at, _), value in zip(row, values, strict=True)]


def values_at(array: da.Array, cells: NDArray[np.int64]) -> NDArray[Any]:
    """Return an array's values at flat indices of the grid; -1 gives the type's zero.

    Parameters
    ----------
    array : (y, x), read once. cells : (n,) in any order.
    """
    return all_values_at([array], cells)[0]


def all_values_at(arrays: list[da.Array], cells: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Return the values of several arrays at flat indices of the grid, read together; -1 gives the type's zero.

    Parameters
    ----------
    arrays : (y, x) in the same blocks, read once. cells : (n,) in any order.
    """
    n_x = arrays[0].shape[1]
    out = [np.zeros(cells.shape, array.dtype) for array in arrays]
    order = np.argsort(cells, kind="stable")
    sought = cells[order]
    for _, (blocks, (r0, c0)) in rows_of_blocks(_with_place, arrays):
        n_rows, n_columns = blocks[0].shape
        first, past = np.searchsorted(sought, [r0 * n_x, (r0 + n_rows) * n_x])
        row, column = np.divmod(sought[first:past], n_x)
        here = (column >= c0) & (column < c0 + n_columns)
        at = order[first:past][here]
        for values, block in zip(out, blocks, strict=True):
            values[at] = block[row[here] - r0, column[here] - c0]
    return out


def _with_place(
    *blocks: NDArray[Any], origin: tuple[int, int], n_x: int
) -> tuple[tuple[NDArray[Any], ...], tuple[int, int]]:
    del n_x
    return blocks, origin
