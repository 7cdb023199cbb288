"""Sums over upslope areas by multiple flow directions on Dask: the same to the last bit for any blocks.

Blocks are added up as far as their neighbours' edges are known, and again when more of these are, until all are.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.kernels.multiple_flow import FREEMAN_EXPONENT, HALO, multiple_flow
from geo_risk.kernels.priority_flood import MISSING
from geo_risk.terrain.rims import Block, Rim, Rims
from geo_risk.terrain.slope import blocks

F64 = NDArray[np.float64]


def multiple_flow_blocks(
    filled: da.Array, direction: da.Array, weight: da.Array | None = None, *, exponent: float = FREEMAN_EXPONENT,
    by_contour: bool = False,
) -> da.Array:  # fmt: skip
    """Sum of a weight over every cell's upslope area, the cell itself included (see `kernels.multiple_flow`).

    Parameters
    ----------
    filled, direction : (y, x) in the same blocks of at least HALO cells: surface without depressions [m], its D8 codes.
    weight : (y, x) in the same blocks; None: 1, the number of cells.
    exponent, by_contour : as in `kernels.multiple_flow.multiple_flow`.

    Returns
    -------
    (y, x) float64, lazy; NaN where missing. A block is worked on again whenever water that it waits for has arrived at
    its edges, some fifty times, each time where that leads on; held are edges, and the sums so far of blocks that wait.

    Raises
    ------
    ValueError : water goes in a ring, or the exponent is not > 0.
    """
    load = da.ones(filled.shape, chunks=filled.chunks) if weight is None else weight
    options = {"exponent": exponent, "by_contour": by_contour}
    z = da.overlap.overlap(filled, depth=HALO, boundary=np.nan, allow_rechunk=False)
    codes = da.overlap.overlap(direction, depth=HALO, boundary=MISSING, allow_rechunk=False)
    totals = Rims(filled.chunks, np.float64, np.nan)
    grid = [(j, i) for j in range(z.numblocks[0]) for i in range(z.numblocks[1])]
    waiting: dict[Block, F64 | None] = dict.fromkeys(grid)
    while waiting:
        asked = {
            at: around for at, before in waiting.items() if (around := _news(before, totals.frame(at))) is not None
        }
        if not asked:
            msg = "water goes in a ring, or enters at a missing cell"
            raise ValueError(msg)
        parts = [
            dask.delayed(_known)(*(a.blocks[at].to_delayed(optimize_graph=False).item() for a in (z, codes, load)),
                                 around, **options)
            for at, around in asked.items()
        ]  # fmt: skip
        for at, (total, is_whole) in zip(asked, dask.compute(*parts), strict=True):
            totals.put(at, Rim.of(total))
            if is_whole:
                del waiting[at]
            else:
                around = asked[at]
                around[1:-1, 1:-1] = total
                waiting[at] = around
    return da.map_blocks(
        _summed, z, codes, load, totals=totals, dtype=np.float64, chunks=filled.chunks, meta=np.empty((0, 0)), **options
    )


def _news(before: F64 | None, frame: F64) -> F64 | None:
    """Return what is known in and around a block, None where its frame tells nothing new."""
    if before is None:
        return frame
    known = before.copy()
    known[[0, -1]], known[:, [0, -1]] = frame[[0, -1]], frame[:, [0, -1]]
    return None if np.array_equal(known, before, equal_nan=True) else known


def _known(z: NDArray[Any], codes: NDArray[np.int8], weight: NDArray[Any], around: F64, **options: Any) -> Any:
    """Return the sums of a block as far as they are known, and whether all of it is."""
    total = multiple_flow(z, codes, weight, around, **options)
    known = codes[HALO:-HALO, HALO:-HALO] != MISSING
    return total, not np.isnan(total[known]).any()


def _summed(
    z: NDArray[Any], codes: NDArray[np.int8], weight: NDArray[Any], *, totals: Rims, block_info: Any = None,
    **options: Any,
) -> F64:  # fmt: skip
    return multiple_flow(z, codes, weight, totals.frame(tuple(block_info[0]["chunk-location"])), **options)


def specific_area(
    filled: xr.DataArray, direction: xr.DataArray, *, exponent: float = FREEMAN_EXPONENT, by_contour: bool = False
) -> xr.DataArray:
    """Specific catchment area, upslope area by a cell's width, by multiple flow directions: float64, lazy [m].

    Parameters
    ----------
    filled, direction : (y, x) as `terrain.hydrology.drainage` makes them. exponent, by_contour : as above.

    Raises
    ------
    GridError : the layers are on different grids. DataError : the directions do not belong to the surface.
    """
    grid = same_grid(filled, direction)
    z = blocks(filled)
    codes = blocks(direction).astype(np.int8).rechunk(z.chunks)
    try:
        cells = multiple_flow_blocks(z, codes, exponent=exponent, by_contour=by_contour)
    except ValueError as error:
        raise DataError(str(error), where=str(direction.name), fix="run the hydrology step again") from error
    return grid.layer(cells * grid.resolution_m, units="m", long_name="specific catchment area", name="specific_area")
