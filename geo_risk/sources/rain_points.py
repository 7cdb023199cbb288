"""Series of a rain cube at points, and the places of its cells."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pyproj
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import CrsError
from geo_risk.sources.rain_opened import Area, bounds_in


def series_at(cube: xr.DataArray, x: ArrayLike, y: ArrayLike, *, crs: str) -> NDArray[np.float64]:
    """Return the rain of the cells that hold points.

    Parameters
    ----------
    cube : (time, y, x) on a regular grid, y falling, coordinate `spatial_ref`; lazy ones are read at these cells only.
    x, y : (point,) in `crs`.

    Returns
    -------
    (time, point) float64 in the cube's unit; NaN where a point lies off the cells.

    Raises
    ------
    CrsError : the cube carries no CRS.
    """
    cell = cell_numbers(cube, x, y, crs=crs)
    inside = cell >= 0
    data = da.asarray(cube.transpose("y", "x", "time").data)
    out = np.full((cube.sizes["time"], len(cell)), np.nan)
    if inside.any():
        row, column = np.divmod(cell[inside], cube.sizes["x"])
        (picked,) = dask.compute(data.vindex[row, column])
        out[:, inside] = np.asarray(picked, dtype=np.float64).T
    return out


def cell_numbers(cube: xr.DataArray, x: ArrayLike, y: ArrayLike, *, crs: str) -> NDArray[np.int64]:
    """Return the number of the cube's cell that holds each point, counted along rows; -1 off the cells.

    Raises
    ------
    CrsError : the cube carries no CRS.
    """
    at_x, at_y = _moved(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), crs, _crs_of(cube))
    column, row = (_cell(a, cube[d].to_numpy()) for a, d in ((at_x, "x"), (at_y, "y")))
    inside = (row >= 0) & (row < cube.sizes["y"]) & (column >= 0) & (column < cube.sizes["x"])
    return np.where(inside, row * cube.sizes["x"] + column, -1)


def cells_within(cube: xr.DataArray, area: Area) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y (cell,) in the area's CRS of the cube's cells whose centre lies in the area."""
    x, y = np.meshgrid(cube["x"].to_numpy().astype(np.float64), cube["y"].to_numpy().astype(np.float64))
    at_x, at_y = _moved(x.ravel(), y.ravel(), _crs_of(cube), area.crs)
    left, bottom, right, top = area.bounds
    inside = (at_x >= left) & (at_x <= right) & (at_y >= bottom) & (at_y <= top)
    return at_x[inside], at_y[inside]


def cells_touched(cube: xr.DataArray, area: Area) -> NDArray[np.bool_]:
    """Return (y, x) whether a cell of the cube holds ground of the area; one that only touches its edge does not."""
    left, bottom, right, top = bounds_in(area, _crs_of(cube))
    inside = []
    for d, low, high in (("y", bottom, top), ("x", left, right)):
        centres = cube[d].to_numpy().astype(np.float64)
        half = 0.4999 * abs(centres[-1] - centres[0]) / (centres.size - 1)
        inside.append((centres + half > low) & (centres - half < high))
    return np.asarray(inside[0][:, None] & inside[1][None, :], dtype=np.bool_)


def _crs_of(cube: xr.DataArray) -> str:
    ref = cube.coords.get("spatial_ref")
    if ref is None or "crs_wkt" not in ref.attrs:
        what = f"rain {cube.name!r} carries no CRS"
        raise CrsError(what, where=str(cube.name), fix="read it through geo_risk.sources.rain")
    return str(ref.attrs["crs_wkt"])


def _moved(x: NDArray[Any], y: NDArray[Any], from_crs: str, to_crs: str) -> tuple[NDArray[Any], NDArray[Any]]:
    if pyproj.CRS(from_crs) == pyproj.CRS(to_crs):
        return x, y
    return pyproj.Transformer.from_crs(from_crs, to_crs, always_xy=True).transform(x, y)


def _cell(at: NDArray[np.float64], centres: NDArray[Any]) -> NDArray[np.int64]:
    step = (float(centres[-1]) - float(centres[0])) / (centres.size - 1)
    return np.floor((at - float(centres[0])) / step + 0.5).astype(np.int64)
