"""Values on few cells of a grid, such as streams, held as lists and given back as lazy arrays."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.terrain.rims import Block
from geo_risk.terrain.rows import rows_of_blocks


def held_on(marks: da.Array, values: da.Array) -> da.Array:
    """Compute values on marked cells once and hold them, instead of making them again for each use.

    Parameters
    ----------
    marks : (y, x) bool, the cells that count; read once here and again when the result is computed.
    values : (k, y, x) floats in the same blocks of rows and columns, k in one block.

    Returns
    -------
    (k, y, x) of the values' type, lazy, in the blocks of `values`; NaN off the marks. k values are held for each
    marked cell.
    """
    k = values.shape[0]
    planes = [values[i] for i in range(k)]
    held: dict[Block, NDArray[Any]] = dict(rows_of_blocks(_on_marks, [marks, *planes]))
    return da.map_blocks(
        _given_back, marks, held=held, k=k, dtype=values.dtype, new_axis=0, chunks=((k,), *marks.chunks),
        meta=np.empty((0, 0, 0), values.dtype),
    )  # fmt: skip


def _on_marks(marks: NDArray[np.bool_], *planes: NDArray[Any], origin: tuple[int, int], n_x: int) -> NDArray[Any]:
    del origin, n_x
    return np.stack([plane[marks] for plane in planes])


def _given_back(
    marks: NDArray[np.bool_], *, held: dict[Block, NDArray[Any]], k: int, block_info: Any = None
) -> NDArray[Any]:
    values = held[tuple(block_info[0]["chunk-location"])]
    out = np.full((k, *marks.shape), np.nan, dtype=values.dtype)
    out[:, marks] = values
    return out
