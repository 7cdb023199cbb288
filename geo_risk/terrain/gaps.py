"""Where water is missing because it is lost in a gap of the DEM: ground whose upslope area a gap cuts off."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import CHUNK, grid_of
from geo_risk.core.units import in_units
from geo_risk.terrain.hydrology import direction_layer, filled_layer
from geo_risk.terrain.patches import patches
from geo_risk.terrain.slope import blocks
from geo_risk.terrain.upslope import upslope_blocks

CUT_FROM = 1.1
"""Ground counts as cut off where its upslope area with the gaps would be this many times larger: choice of geo_risk,
6 % of the stage of a river."""

Stored = Callable[[xr.DataArray], xr.DataArray]


def area_cut_ratio(dem: xr.DataArray, upslope_area: xr.DataArray, *, stored: Stored) -> xr.DataArray:
    """Where a gap of the DEM takes away water that would come down if it were a lake that spills at its lowest rim.

    Gaps that reach the edge of the map are beyond it and do not count.

    Parameters
    ----------
    dem : (y, x) as the directions were made of it. upslope_area : (y, x) [m2]. stored : as in `hydrology.drainage`; it
        gets the layers `lake_filled` and `lake_direction` where there is such a gap.

    Returns
    -------
    (y, x) float32 [1], lazy: how many times larger the upslope area would be, 1 below CUT_FROM; NaN where the height is
    missing.
    """
    grid, z = grid_of(dem), blocks(in_units(dem, "m"))
    missing = da.isnan(z)
    known = da.where(missing, np.float32(np.nan), np.float32(1))
    name = {
        "units": "1",
        "long_name": "upslope area with what gaps take away, over that without",
        "name": "area_cut_ratio",
    }
    if not _has_lakes(missing):
        return grid.layer(known, **name)
    low = z.dtype.type(float(da.nanmin(z).compute()) - 1.0)
    lakes = grid.layer(da.where(missing, low, z), units="m", long_name="gaps as lakes", name="lakes")
    filled = stored(filled_layer(lakes).rename("lake_filled"))
    codes = blocks(stored(direction_layer(filled).rename("lake_direction"))).astype(np.int8)
    gaps = missing.rechunk(codes.chunks)
    whole = upslope_blocks(codes) * grid.cell_area_m2
    lost = upslope_blocks(codes, gaps.astype(np.int8))
    area = blocks(upslope_area).rechunk(codes.chunks)
    cut = da.map_blocks(_ratio, gaps, whole, lost, area, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return grid.layer(cut, **name)


def _has_lakes(missing: da.Array) -> bool:
    """Whether there are missing cells that no way over others joins with the edge of the map."""
    if not bool(missing.any().compute()):
        return False
    framed = da.pad(missing, 1, constant_values=True).rechunk(CHUNK)  # all that touches the edge is one patch
    return bool(len(patches(framed)[0]) > 1)


def _ratio(
    gaps: NDArray[np.bool_], whole: NDArray[np.float64], lost: NDArray[np.float64], area: NDArray[np.float32]
) -> NDArray[np.float32]:
    ratio = np.divide(whole, area, out=np.ones(whole.shape), where=(lost > 0) & (area > 0))
    return np.where(gaps, np.nan, np.where(ratio > CUT_FROM, ratio, 1.0)).astype(np.float32)
