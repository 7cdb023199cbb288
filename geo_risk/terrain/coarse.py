"""Terrain at a coarser scale than the run grid, brought back onto it: for models that were fitted to coarse terrain."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import DataError
from geo_risk.core.grid import CHUNK, Grid, grid_of
from geo_risk.core.units import in_units
from geo_risk.kernels.resample import sample_bilinear
from geo_risk.terrain.hydrology import drainage, refuse_larger
from geo_risk.terrain.slope import MIN_TAN_SLOPE, blocks, slope_layers

MIN_KNOWN = 0.5
"""Share of a coarse cell that must have heights for it to have one: choice of geo_risk."""


def averaged(dem: xr.DataArray, *, scale_m: float) -> xr.DataArray:
    """Mean height of blocks of whole cells, near `scale_m` wide, on a Grid of their own.

    Parameters
    ----------
    dem : (y, x), any length unit. Read if lazy; what is kept has one value a block.
    scale_m : > 0; below 1.5 cells the DEM stays as it is.

    Returns
    -------
    (y, x) float64 [m], not lazy; missing heights do not count, NaN where less than half of a block has one. Rows and
    columns that make no whole block any more, along the south and east edges, are left out.

    Raises
    ------
    UnitError : the DEM has no length unit. DataError : `scale_m` is not positive.
    """
    if not scale_m > 0:
        what = f"the scale is {scale_m} m; a positive length is needed"
        raise DataError(what, where="scale_m", fix="give the cell size of the model, such as 230")
    grid = grid_of(dem)
    n_y, n_x = grid.shape
    n = max(1, min(round(scale_m / grid.resolution_m), n_y, n_x))
    z = blocks(in_units(dem, "m")).astype(np.float64)[: n_y - n_y % n, : n_x - n_x % n]
    z = z.rechunk(max(1, CHUNK // n) * n)
    known = ~da.isnan(z)
    axes = {0: n, 1: n}
    total = da.coarsen(np.sum, da.where(known, z, 0.0), axes)
    share = da.coarsen(np.mean, known.astype(np.float64), axes)
    mean: da.Array = da.where(share >= MIN_KNOWN, total / da.maximum(share * n * n, 1.0), np.nan)
    t = grid.transform
    coarse = Grid(GeoBox(mean.shape, Affine(t.a * n, 0, t.c, 0, t.e * n, t.f), grid.geobox.crs))
    return coarse.layer(mean.compute(), units="m", long_name="mean height", name="dem_coarse")


def slope_at_scale(dem: xr.DataArray, *, scale_m: float) -> xr.DataArray:
    """Slope of heights averaged over cells of `scale_m`, bilinear on the run grid.

    Returns
    -------
    (y, x) float32 [degree], lazy; NaN where the DEM is missing and where a coarse cell about it has no slope (but along
    the edge of the map, where the outermost coarse cells hold to the edge).

    Raises
    ------
    As `averaged`.
    """
    slope = slope_layers(averaged(dem, scale_m=scale_m))["slope_deg"]
    return _back(slope, dem, name="slope_coarse_deg", long_name=f"slope of cells of {scale_m:g} m")


def cti_at_scale(dem: xr.DataArray, *, scale_m: float, cells_max: int) -> xr.DataArray:
    """Compound topographic index of cells of `scale_m`: ln(upslope cells, its own included, / tan slope), on the run
    grid.

    What drains in from beyond the map is not seen: along rivers that enter the map the index is too low.

    Returns
    -------
    (y, x) float32 [1], lazy, bilinear; NaN as `slope_at_scale`.

    Raises
    ------
    As `averaged`. LimitError : more than `cells_max` coarse cells. DataError : no height at all.
    """
    coarse = averaged(dem, scale_m=scale_m)
    refuse_larger(coarse, cells_max)
    routed = drainage(coarse)
    cells = routed.upslope_area.to_numpy() / routed.grid.cell_area_m2
    tangent = np.tan(np.radians(slope_layers(coarse)["slope_deg"].to_numpy()))
    index = np.log(cells / np.maximum(tangent, MIN_TAN_SLOPE))
    layer = routed.grid.layer(index.astype(np.float32), units="1", long_name="index", name="cti")
    return _back(layer, dem, name="cti", long_name=f"compound topographic index of cells of {scale_m:g} m")


def _back(coarse: xr.DataArray, dem: xr.DataArray, *, name: str, long_name: str) -> xr.DataArray:
    grid, n = grid_of(dem), grid_of(coarse).resolution_m / grid_of(dem).resolution_m
    values = coarse.to_numpy().astype(np.float32)

    def block(z: NDArray[Any], block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[0]["array-location"]
        row = np.clip((np.arange(r0, r1) + 0.5) / n - 0.5, 0, values.shape[0] - 1)
        column = np.clip((np.arange(c0, c1) + 0.5) / n - 0.5, 0, values.shape[1] - 1)
        rows, columns = np.meshgrid(row, column, indexing="ij")
        out: NDArray[np.float32] = np.where(np.isnan(z), np.float32(np.nan), sample_bilinear(values, rows, columns))
        return out

    data = blocks(dem).map_blocks(block, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return grid.layer(data, units=str(coarse.attrs["units"]), long_name=long_name, name=name)
