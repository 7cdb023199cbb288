"""Bilinear resampling of two-dimensional rain sums from their native grid onto the run grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.crs import crs_change
from geo_risk.core.errors import CrsError, GridError
from geo_risk.core.grid import CHUNK, Grid
from geo_risk.sources.rain_opened import Area


def onto_grid(rain: xr.DataArray, grid: Grid) -> xr.DataArray:
    """Resample one rain field bilinearly onto the run grid.

    Parameters
    ----------
    rain : (y, x) on its native regular grid (any CRS, y falling), coordinate `spatial_ref`.
    grid : the run grid.

    Returns
    -------
    (y, x) float32 layer on `grid`, lazy, same units; the native field, small beside it, is computed at once. NaN where
    one of the four neighbours that carries weight is NaN, and outside the native cells; within half a cell of the edge
    the edge's value.

    Raises
    ------
    CrsError : the field carries no CRS.
    GridError : the field is not two-dimensional with both axes of two or more cells, y falling.
    """
    ref = rain.coords.get("spatial_ref")
    if ref is None or "crs_wkt" not in ref.attrs:
        what = f"rain field {rain.name!r} carries no CRS"
        raise CrsError(what, where=str(rain.name), fix="read it through geo_risk.sources.rain")
    x, y = (rain[d].to_numpy().astype(np.float64) if d in rain.coords else np.empty(0) for d in ("x", "y"))
    if rain.dims != ("y", "x") or min(x.size, y.size) < 2 or not (y[0] > y[-1] and x[0] < x[-1]):
        what = f"rain field {rain.name!r} has dims {rain.dims}, {y.size} rows and {x.size} columns; y must fall, x rise"
        raise GridError(what, where=str(rain.name), fix="read it through geo_risk.sources.rain")
    values = np.asarray(rain.data, dtype=np.float64)
    coords = grid.coords()
    same = pyproj.CRS(str(ref.attrs["crs_wkt"])) == pyproj.CRS(grid.crs)
    sample = partial(_sampled, field=_Field(values, x, y), grid_x=coords["x"], grid_y=coords["y"],
                     crs=None if same else (grid.crs, str(ref.attrs["crs_wkt"])))  # fmt: skip
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)
    data = da.map_blocks(sample, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    name = str(rain.name) if rain.name else None
    units, long_name = str(rain.attrs.get("units", "mm")), str(rain.attrs.get("long_name", "rain"))
    return grid.layer(data, units=units, long_name=long_name, name=name)


def area_of(cube: xr.DataArray) -> Area:
    """Return the outer edges of a cube's cells, in its own CRS.

    Raises
    ------
    CrsError : it carries none.
    """
    ref = cube.coords.get("spatial_ref")
    if ref is None or "crs_wkt" not in ref.attrs:
        what = f"rain {cube.name!r} carries no CRS"
        raise CrsError(what, where=str(cube.name), fix="read it through geo_risk.sources.rain")
    x, y = (cube[d].to_numpy().astype(np.float64) for d in ("x", "y"))
    half_x, half_y = (x[1] - x[0]) / 2, (y[0] - y[1]) / 2
    bounds = (float(x[0] - half_x), float(y[-1] - half_y), float(x[-1] + half_x), float(y[0] + half_y))
    return Area(bounds, str(ref.attrs["crs_wkt"]))


def align(cube: xr.DataArray, like: xr.DataArray) -> xr.DataArray:
    """Bring a rain cube onto the native grid of another one, so that the two can be joined in time.

    Parameters
    ----------
    cube : (time, y, x), coordinate `spatial_ref`.
    like : the cube whose cells are wanted.

    Returns
    -------
    (time, y, x) on `like`'s cells, lazy: the same values where the cells are the same lattice, else bilinear; NaN
    outside `cube`.

    Raises
    ------
    CrsError : one of them carries no CRS.
    """
    target = like.isel(time=0, drop=True) if "time" in like.dims else like
    refs = [c.coords["spatial_ref"].attrs.get("crs_wkt") if "spatial_ref" in c.coords else None for c in (cube, target)]
    if not all(refs):
        what = f"rain {cube.name!r} or {like.name!r} carries no CRS"
        raise CrsError(what, where=str(cube.name), fix="read both through geo_risk.sources.rain")
    to, wanted = pyproj.CRS(refs[0]), pyproj.CRS(refs[1])
    x, y = np.meshgrid(target["x"].to_numpy().astype(np.float64), target["y"].to_numpy().astype(np.float64))
    if to != wanted:
        x, y = pyproj.Transformer.from_crs(wanted, to, always_xy=True).transform(x, y)
    column, row = _index(x, cube["x"].to_numpy()), _index(y, cube["y"].to_numpy())
    snapped = [np.round(i) if np.abs(i - np.round(i)).max() < 1e-3 else i for i in (row, column)]
    data = da.asarray(cube.transpose("time", "y", "x").data)
    data = data.rechunk({0: "auto" if max(data.numblocks[1:]) > 1 else data.chunks[0], 1: -1, 2: -1})
    pick = partial(_each, row=snapped[0], column=snapped[1])
    chunks = (data.chunks[0], (target.sizes["y"],), (target.sizes["x"],))
    out = da.map_blocks(pick, data, dtype=np.float32, chunks=chunks,
                        meta=np.empty((0, 0, 0), np.float32))  # fmt: skip
    coords = {"time": cube["time"], **{c: target.coords[c] for c in ("y", "x", "spatial_ref")}}
    return xr.DataArray(out, dims=("time", "y", "x"), coords=coords, name=cube.name, attrs=dict(cube.attrs))


def _each(cube: NDArray[Any], *, row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.stack([bilinear(step.astype(np.float64), row=row, column=column) for step in cube]).astype(np.float32)


@dataclass(frozen=True)
class _Field:
    values: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def _sampled(
    *,
    field: _Field,
    grid_x: NDArray[np.float64],
    grid_y: NDArray[np.float64],
    crs: tuple[str, str] | None,
    block_info: Any = None,
) -> NDArray[np.float32]:
    (r0, r1), (c0, c1) = block_info[None]["array-location"]
    x, y = np.meshgrid(grid_x[c0:c1], grid_y[r0:r1])
    if crs is not None:
        change = crs_change(*crs)
        x, y = (x, y) if change is None else change.transform(x, y)
    return bilinear(field.values, column=_index(x, field.x), row=_index(y, field.y)).astype(np.float32)


def _index(at: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    step = (centres[-1] - centres[0]) / (centres.size - 1)
    index: NDArray[np.float64] = (at - centres[0]) / step
    return index


def bilinear(
    values: NDArray[np.float64], *, row: NDArray[np.float64], column: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate between four cell centres.

    Parameters
    ----------
    values : (y, x), NaN where unknown.
    row, column : fractional indices of one shape, 0 at the first cell's centre.

    Returns
    -------
    float64 of that shape; NaN outside the cells (beyond half a cell from the outer centres) and where a neighbour with
    weight is NaN. Within the outer half cell the outer value counts.
    """
    n_y, n_x = values.shape
    outside = ~((row >= -0.5) & (row <= n_y - 0.5) & (column >= -0.5) & (column <= n_x - 0.5))
    r = np.clip(np.where(outside, 0, row), 0, n_y - 1)
    c = np.clip(np.where(outside, 0, column), 0, n_x - 1)
    r0, c0 = np.floor(r).astype(np.int64), np.floor(c).astype(np.int64)
    r1, c1 = np.minimum(r0 + 1, n_y - 1), np.minimum(c0 + 1, n_x - 1)
    down, right = r - r0, c - c0
    out = np.zeros(r.shape)
    for rows, columns, weight in (
        (r0, c0, (1 - down) * (1 - right)),
        (r0, c1, (1 - down) * right),
        (r1, c0, down * (1 - right)),
        (r1, c1, down * right),
    ):
        out += np.where(weight > 0, weight * values[rows, columns], 0.0)
    return np.where(outside, np.nan, out)
