"""The slope family on Dask: slope, aspect, curvatures, wetness index and local relief, exact across blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from geo_risk.core.errors import DataError
from geo_risk.core.grid import CHUNK, Grid, grid_of, same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.slope import height_above_mean, ruggedness, slope_plane, wetness

MIN_TAN_SLOPE = 0.001
"""Least tangent of the slope in the wetness index (0.06 degrees): below it the slope is within the DEM's noise."""


def blocks(layer: xr.DataArray) -> da.Array:
    """Return the layer's data as a Dask array, in blocks of the run grid where it was not lazy."""
    data = layer.data
    return data if isinstance(data, da.Array) else da.from_array(np.asarray(data), chunks=(CHUNK, CHUNK))


def slope_layers(dem: xr.DataArray) -> dict[str, xr.DataArray]:
    """Slope, aspect and curvatures of a DEM.

    Parameters
    ----------
    dem : (y, x), any length unit, on a metric Grid.

    Returns
    -------
    `slope_deg` [degree], `aspect_deg` [degree clockwise from north, the downslope direction; NaN where flat],
    `curvature_plan`, `curvature_profile` and `curvature_tangential` [1/m, positive where convex], float32, lazy. NaN
    as `slope_plane` says; the outermost frame of cells has slope and aspect but no curvature.

    Raises
    ------
    UnitError : the DEM has no length unit.
    """
    grid = grid_of(dem)
    data = _floats(in_units(dem, "m"))
    cell_m = grid.resolution_m
    padded = da.overlap.overlap(data, depth=1, boundary=np.nan)
    facts = {
        "slope_deg": ("degree", "slope"),
        "aspect_deg": ("degree", "aspect: downslope direction clockwise from north"),
        "curvature_plan": ("1/m", "plan curvature, positive where contours bulge downslope"),
        "curvature_profile": ("1/m", "profile curvature, positive where the slope line is convex"),
        "curvature_tangential": ("1/m", "tangential curvature, positive on noses"),
    }
    planes = {
        name: da.map_blocks(slope_plane, padded, cell_m, k, dtype=np.float32, chunks=data.chunks,
                            meta=np.empty((0, 0), np.float32))
        for k, name in enumerate(facts)
    }  # fmt: skip
    return {
        name: grid.layer(planes[name], units=units, long_name=long_name, name=name)
        for name, (units, long_name) in facts.items()
    }


def _floats(dem: xr.DataArray) -> da.Array:
    data = blocks(dem)
    return data if data.dtype.kind == "f" else data.astype(np.float64)


def ruggedness_index(dem: xr.DataArray) -> xr.DataArray:
    """Terrain ruggedness index of Riley et al. (1999), Intermountain J. Sci. 5(1-4).

    Parameters
    ----------
    dem : (y, x), any length unit.

    Returns
    -------
    (y, x) float32 [m], lazy: the root of the summed squares of the height differences to the eight neighbours. NaN
    where any of the nine heights is missing, so also on the outermost frame.

    Raises
    ------
    UnitError : the DEM has no length unit.
    """
    grid = grid_of(dem)
    data = _floats(in_units(dem, "m"))
    padded = da.overlap.overlap(data, depth=1, boundary=np.nan)
    out = da.map_blocks(ruggedness, padded, dtype=np.float32, chunks=data.chunks, meta=np.empty((0, 0), np.float32))
    return grid.layer(out, units="m", long_name="terrain ruggedness index", name="ruggedness_m")


def wetness_index(flow_accumulation: xr.DataArray, slope: xr.DataArray) -> xr.DataArray:
    """Topographic wetness index ln(a / tan b), Beven and Kirkby (1979), Hydrol. Sci. Bull. 24(1).

    Parameters
    ----------
    flow_accumulation : (y, x) upslope area, any area unit, the cell itself included; divided by the cell's width it
        is the specific catchment area a.
    slope : (y, x), any angle unit; its tangent is not taken below MIN_TAN_SLOPE.

    Returns
    -------
    (y, x) float32 [1], lazy; NaN where either input is missing or the area is not positive.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(flow_accumulation, slope)
    area = blocks(in_units(flow_accumulation, "m2"))
    angle = blocks(in_units(slope, "degree")).rechunk(area.chunks)
    index = da.map_blocks(
        wetness, area, angle, grid.resolution_m, MIN_TAN_SLOPE, dtype=np.float32, meta=np.empty((0, 0), np.float32)
    )
    return grid.layer(index, units="1", long_name="topographic wetness index", name="twi")


def topographic_position(dem: xr.DataArray, *, radius_m: float) -> xr.DataArray:
    """Topographic position index: height above the mean height around (Weiss 2001, ESRI User Conference), as a square.

    Parameters
    ----------
    dem : (y, x), any length unit.
    radius_m : half width of the square, rounded to whole cells, at least one.

    Returns
    -------
    (y, x) float32 [m], lazy; negative in hollows, positive on noses; missing heights do not count, NaN where the cell
    itself is missing.

    Raises
    ------
    DataError : the radius is not positive.
    """
    grid, n = _window(dem, radius_m, where="landslide.position_radius_m")
    data = blocks(in_units(dem, "m"))
    padded = da.overlap.overlap(data.astype(np.float64), depth=n, boundary=np.nan, allow_rechunk=True)
    out = da.map_blocks(_above_mean, padded, n, dtype=np.float32, chunks=_trimmed(padded, n),
                        meta=np.empty((0, 0), np.float32))  # fmt: skip
    return grid.layer(out, units="m", long_name="topographic position", name="position_m")


def _trimmed(padded: da.Array, n: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(c - 2 * n for c in axis) for axis in padded.chunks)


def _above_mean(z: NDArray[np.float64], n: int) -> NDArray[np.float32]:
    out: NDArray[np.float32] = height_above_mean(z, n)
    return out


def _window(dem: xr.DataArray, radius_m: float, *, where: str) -> tuple[Grid, int]:
    if not radius_m > 0:
        what = f"the radius is {radius_m} m; a positive length is needed"
        raise DataError(what, where=where, fix="give a radius of a few cells")
    grid = grid_of(dem)
    return grid, max(1, round(radius_m / grid.resolution_m))


def local_relief(dem: xr.DataArray, *, radius_m: float) -> xr.DataArray:
    """Highest minus lowest height in a square of half width `radius_m` around each cell.

    Parameters
    ----------
    dem : (y, x), any length unit.
    radius_m : rounded to whole cells, at least one.

    Returns
    -------
    (y, x) float32 [m], lazy; missing heights do not count, NaN where the cell itself is missing.

    Raises
    ------
    DataError : the radius is not positive.
    """
    grid, n = _window(dem, radius_m, where="landslide.relief_radius_m")
    data = _floats(in_units(dem, "m"))
    relief = da.map_overlap(partial(_relief, n=n), data, depth=n, boundary=np.nan, dtype=np.float32, allow_rechunk=True,
                            meta=np.empty((0, 0), np.float32))  # fmt: skip
    return grid.layer(relief.rechunk(data.chunks), units="m", long_name="local relief", name="relief_m")


def _relief(z: NDArray[Any], *, n: int) -> NDArray[np.float32]:
    gone = np.isnan(z)
    high = maximum_filter(np.where(gone, -np.inf, z), size=2 * n + 1, mode="nearest")
    low = minimum_filter(np.where(gone, np.inf, z), size=2 * n + 1, mode="nearest")
    return np.where(gone, np.nan, high - low).astype(np.float32)
