"""Bring a lazy cube of a track onto another grid, date by date, without ever crossing a gap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask import delayed
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.kernels.resample import sample_bilinear, sample_nearest
from geo_risk.sources.insar import Frame
from geo_risk.sources.native import METHODS, check_overlap, grid_positions

BLOCK_BYTES = 32 * 2**20
"""Bytes of one block of the result: rows over the full width with all dates."""


def cube_onto_grid(cube: xr.DataArray, frame: Frame, grid: Grid, *, method: str) -> xr.DataArray:
    """Sample every date of a cube at the cell centres of a grid, lazily.

    Parameters
    ----------
    cube : (time, y, x) on the track's own frame, lazy.
    frame : where it lies.
    grid : where to.
    method : "bilinear" (NaN where any of the four neighbours that count is missing) or "nearest".

    Returns
    -------
    (time, y, x) float32 with the cube's attributes, lazy, in row bands with all dates; NaN outside the frame. A band
    reads only the window of the cube that it needs.

    Raises
    ------
    DataError : no such method. OverlapError : frame and grid do not meet.
    """
    if method not in METHODS:
        what = f"method {method!r}; there are {list(METHODS)}"
        raise DataError(what, where="deformation.velocity.resampling", fix="choose one of those")
    facts = {"crs": frame.crs, "transform": list(frame.transform)[:6], "shape": list(frame.shape)}
    check_overlap(facts, grid, where=str(cube.name or "cube"))
    data = cube.data if isinstance(cube.data, da.Array) else da.from_array(np.asarray(cube.data))
    n_t, (n_y, n_x) = cube.sizes["time"], grid.shape
    height = max(1, min(n_y, BLOCK_BYTES // max(1, 4 * n_t * n_x)))
    bands = [_band(data, facts, grid, (r, min(r + height, n_y)), method) for r in range(0, n_y, height)]
    values = da.concatenate(bands, axis=1)
    coords = {"time": cube["time"].to_numpy(), **grid.coords()}
    return xr.DataArray(values, dims=("time", "y", "x"), coords=coords, name=cube.name, attrs=dict(cube.attrs))


def _band(data: da.Array, facts: Mapping[str, Any], grid: Grid, rows: tuple[int, int], method: str) -> da.Array:
    row, column = grid_positions(facts, grid, rows, (0, grid.shape[1]))
    n_t, n_y, n_x = data.shape
    shape = (n_t, *row.shape)
    near = (row > -1) & (row < n_y) & (column > -1) & (column < n_x)
    if not near.any():
        return da.full(shape, np.nan, dtype=np.float32, chunks=shape)
    r0, r1 = max(0, int(row[near].min()) - 1), min(n_y, int(row[near].max()) + 3)
    c0, c1 = max(0, int(column[near].min()) - 1), min(n_x, int(column[near].max()) + 3)
    window = data[:, r0:r1, c0:c1]
    sampled = delayed(_sampled)(window, facts, grid, rows, (r0, c0), method)
    return da.from_delayed(sampled, shape=shape, dtype=np.float32)


def _sampled(
    window: NDArray[np.float32],
    facts: Mapping[str, Any],
    grid: Grid,
    rows: tuple[int, int],
    corner: tuple[int, int],
    method: str,
) -> NDArray[np.float32]:
    row, column = grid_positions(facts, grid, rows, (0, grid.shape[1]))
    n_y, n_x = facts["shape"]
    inside = (row > -1) & (row < n_y) & (column > -1) & (column < n_x)
    r, c = np.where(inside, row - corner[0], -9.0), np.where(inside, column - corner[1], -9.0)
    sample = sample_bilinear if method == "bilinear" else sample_nearest
    plain = np.ascontiguousarray(window, dtype=np.float32)
    return np.stack([sample(plane, r, c) for plane in plain])
