"""Where slopes are seen to move: a layer by which warnings lower their triggers."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from dask import array as da
from numpy.typing import NDArray

from geo_risk.core.grid import CHUNK, Grid, grid_of, same_grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.landslide.triggers import ACCELERATING, MOVING, STEADY, UNSEEN
from geo_risk.products.linking import likely_false

SLOPE_KINDS = ("landslide", "unknown")
"""Kinds of moving areas that may be slopes; subsidence is not moved by a night's rain."""

_BLOCK, _RIM = CHUNK, 2


def slope_motion(
    areas: gpd.GeoDataFrame, grid: Grid, *, blind: xr.DataArray | None = None, false_alarm_max: float
) -> xr.DataArray:
    """Return int8 codes on the grid: -1 not looked at, 0 no motion seen, 1 moving, 2 accelerating.

    Parameters
    ----------
    areas : `active_deformation`; those likely false, stable ones and subsidence do not count. Cells that an area
        touches are in it. Where none is seen slopes may move all the same: 0 lowers nothing.
    grid : of the layer.
    blind : `blind_map` on the grid, 0 where radar sees slopes move; None: nobody knows where, so it is 0 nowhere.

    Returns
    -------
    (y, x), lazy: areas are burnt block by block.

    Raises
    ------
    GridError : `blind` is on another grid.
    """
    chosen = areas[areas["kind"].isin(SLOPE_KINDS) & (areas["activity"] != "stable")]
    if len(chosen):
        chosen = chosen[~likely_false(chosen, false_alarm_max)]
    code = np.where(chosen["activity"] == "accelerating", ACCELERATING, MOVING).astype(float)
    order = np.argsort(code, kind="stable")  # the graver one is burnt last
    shapes, code = chosen.geometry.to_numpy()[order], code[order]
    tree = shapely.STRtree(shapes)

    def burnt(*blind_map: NDArray[Any], block_info: Any = None) -> NDArray[np.int8]:
        (top, bottom), (left, right) = block_info[None]["array-location"]
        # with a rim, so that what a line touches does not depend on where it is cut off
        y, x = slice(max(0, top - _RIM), bottom + _RIM), slice(max(0, left - _RIM), right + _RIM)
        part = Grid(grid.geobox[y, x])
        near = np.sort(tree.query(shapely.box(*part.bounds)))
        pairs = zip(shapes[near], code[near], strict=True)
        wide = rasterize(pairs, part, fill=STEADY, dtype="int16", all_touched=True)
        own = wide[top - y.start : bottom - y.start, left - x.start : right - x.start]
        is_seen = blind_map[0] == 0 if blind_map else np.zeros(own.shape, dtype=bool)  # NaN is not seen
        return np.where((own == STEADY) & ~is_seen, UNSEEN, own).astype(np.int8)

    chunks = da.core.normalize_chunks((_BLOCK, _BLOCK), shape=grid.shape, dtype=np.int8)
    known = []
    if blind is not None:
        if grid_of(blind) != grid:
            same_grid(grid.layer(grid.full(0.0), units="1", long_name="m", name="m"), blind)
        known = [da.asarray(blind.data).rechunk(chunks)]
    data = da.map_blocks(burnt, *known, chunks=chunks, dtype=np.int8, meta=np.empty((0, 0), np.int8))
    return grid.layer(data, units="level", long_name="slopes seen to move: 0 none seen, 1 moving, 2 accelerating",
                      name="slope_motion")  # fmt: skip
