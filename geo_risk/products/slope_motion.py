"""Where slopes are seen to move: a layer by which warnings lower their triggers."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import xarray as xr

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.landslide.triggers import ACCELERATING, MOVING, STEADY
from geo_risk.products.linking import likely_false

SLOPE_KINDS = ("landslide", "unknown")
"""Kinds of moving areas that may be slopes; subsidence is not moved by a night's rain."""


def slope_motion(areas: gpd.GeoDataFrame, grid: Grid, *, false_alarm_max: float) -> xr.DataArray:
    """Return int8 codes on the grid: 0 no motion seen, 1 moving, 2 accelerating.

    Parameters
    ----------
    areas : `active_deformation`; those likely false, stable ones and subsidence do not count. Cells that an area
        touches are in it. Where none is seen slopes may move all the same: 0 lowers nothing, and says nothing.
    """
    chosen = areas[areas["kind"].isin(SLOPE_KINDS) & (areas["activity"] != "stable")]
    if len(chosen):
        chosen = chosen[~likely_false(chosen, false_alarm_max)]
    code = np.where(chosen["activity"] == "accelerating", ACCELERATING, MOVING).astype(float)
    order = np.argsort(code, kind="stable")  # the graver one is burnt last
    if not len(chosen):
        burned = np.full(grid.shape, STEADY, dtype=np.int8)
    else:
        shapes = zip(chosen.geometry.to_numpy()[order], code[order], strict=True)
        burned = rasterize(shapes, grid, fill=STEADY, dtype="int16", all_touched=True).astype(np.int8)
    return grid.layer(burned, units="level", long_name="slopes seen to move: 1 moving, 2 accelerating",
                      name="slope_motion")  # fmt: skip
