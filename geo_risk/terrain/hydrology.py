"""Drainage of a DEM on layers: filling, directions, upslope area, streams and height above drainage.

All of it is lazy and exact across blocks (`terrain.filling`, `terrain.upslope`, `terrain.downstream`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.errors import DataError, LimitError
from geo_risk.core.grid import Grid, grid_of, same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.priority_flood import MISSING
from geo_risk.terrain.depressions import BlockDepressions, depression_blocks
from geo_risk.terrain.downstream import hand_blocks
from geo_risk.terrain.filling import direction_blocks, filled_blocks
from geo_risk.terrain.slope import blocks
from geo_risk.terrain.upslope import unseen_blocks, upslope_blocks

BYTES_PER_CELL = 45
"""Peak memory for each cell of a drainage whose layers are held in memory (counted, not measured)."""


@dataclass(frozen=True)
class Drainage:
    """The drainage of a DEM; every layer is (y, x) on the DEM's grid.

    Attributes
    ----------
    filled : surface without depressions, float32 or float64 as the DEM [m].
    direction : D8 code as `kernels.d8` counts, int8 [1]: 0-7 clockwise from east, 8 outlet, -1 missing.
    upslope_area : area that drains through each cell, its own included, float32 [m2]; NaN where missing.
    """

    filled: xr.DataArray
    direction: xr.DataArray
    upslope_area: xr.DataArray

    @property
    def grid(self) -> Grid:
        """The grid of all layers."""
        return grid_of(self.filled)


def in_memory(layer: xr.DataArray) -> xr.DataArray:
    """Return a layer with its values computed, in blocks as before."""
    chunks = blocks(layer).chunks
    return layer.copy(data=da.from_array(layer.to_numpy(), chunks=chunks))


def drainage(dem: xr.DataArray, *, stored: Callable[[xr.DataArray], xr.DataArray] = in_memory) -> Drainage:
    """Fill a DEM and route water over it; the result does not depend on the DEM's blocks.

    Parameters
    ----------
    dem : (y, x), any length unit, on a metric Grid. NaN is missing: cells beside it are outlets.
    stored : puts a computed layer where it can be read again, block by block: each layer is made from the one before.

    Raises
    ------
    DataError : no cell has a height, or heights are infinite.
    UnitError : the DEM has no length unit.
    """
    filled = stored(filled_layer(dem))
    direction = stored(direction_layer(filled))
    return Drainage(filled, direction, stored(upslope_layer(direction)))


def filled_layer(dem: xr.DataArray) -> xr.DataArray:
    """Surface without depressions, lazy, in the DEM's float type [m].

    Raises
    ------
    As `drainage`.
    """
    z = blocks(in_units(dem, "m"))
    z = z if z.dtype.kind == "f" else z.astype(np.float64)
    n_known, n_infinite = dask.compute(np.isfinite(z).sum(), np.isinf(z).sum())
    if n_infinite:
        what = f"the DEM holds {int(n_infinite)} infinite heights"
        raise DataError(what, where=str(dem.name or "dem"), fix="mask them as nodata")
    if not n_known:
        what = "the DEM holds no height: every cell is missing"
        raise DataError(what, where=str(dem.name or "dem"), fix="check the DEM's nodata value and its extent")
    return grid_of(dem).layer(filled_blocks(z), units="m", long_name="terrain height, depressions filled",
                              name="dem_filled")  # fmt: skip


def direction_layer(filled: xr.DataArray) -> xr.DataArray:
    """D8 codes of a surface without depressions, int8, lazy (see `kernels.flats.directions`)."""
    return grid_of(filled).layer(
        direction_blocks(blocks(filled)), units="1", long_name="D8 direction: 0-7 clockwise from east, 8 outlet",
        name="flow_direction",
    )  # fmt: skip


def upslope_layer(direction: xr.DataArray) -> xr.DataArray:
    """Area that drains through each cell, its own included, float32, lazy [m2]; NaN where missing.

    Raises
    ------
    DataError : the directions form a ring or lead into missing cells.
    """
    grid = grid_of(direction)
    try:
        cells = upslope_blocks(_lazy_codes(direction))
    except ValueError as error:
        raise DataError(str(error), where=str(direction.name), fix="run the hydrology step again") from error
    area = (cells * grid.cell_area_m2).astype(np.float32)
    return grid.layer(area, units="m2", long_name="upslope area", name="flow_accumulation")


def refuse_larger(layer: xr.DataArray, cells_max: int) -> None:
    """Stop before a layer is taken into memory whole that has more cells than are allowed.

    Raises
    ------
    LimitError : more than `cells_max` cells.
    """
    if not layer.size <= cells_max:
        name = layer.name or "dem"
        what = f"{name} has {layer.size:,} cells; at most {cells_max:,} fit (about {BYTES_PER_CELL} bytes a cell)"
        fix = "choose a coarser area.resolution_m or a smaller area, or raise flood.drainage.cells_max"
        raise LimitError(what, where=str(name), fix=fix)


def partial_area(routed: Drainage) -> xr.DataArray:
    """Where ground beyond the map or without a height may drain in, so that the upslope area is a lower bound.

    Returns
    -------
    (y, x) int8 [1], lazy: 1 below a cell at the map's edge or beside a missing one, and there, 0 where the upslope area
    is whole, -1 where the height is missing.
    """
    values = unseen_blocks(_lazy_codes(routed.direction), blocks(routed.filled))
    return routed.grid.layer(values, units="1", long_name="upslope area is a lower bound", name="area_is_partial")


def streams(routed: Drainage, *, stream_area_m2: float) -> xr.DataArray:
    """Cells with at least this upslope area, float32 [1], lazy: 1 stream, 0 not, NaN where the height is missing."""
    area = blocks(routed.upslope_area)
    mask = da.where(da.isnan(area), np.float32(np.nan), (area >= stream_area_m2).astype(np.float32))
    return routed.grid.layer(mask, units="1", long_name="stream cells", name="streams")


def hand(routed: Drainage, stream: xr.DataArray) -> xr.DataArray:
    """Height above the nearest drainage on the filled surface, float32, lazy [m].

    Rennó et al. (2008), Remote Sensing of Environment 112(9); Nobre et al. (2011), J. Hydrology 404.

    Parameters
    ----------
    routed : as `drainage` returns it.
    stream : as `streams` returns it.

    Returns
    -------
    NaN where the height is missing and where the water leaves the grid before it meets a stream: there the height
    above the stream beyond the edge is not known.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(routed.direction, stream)
    codes = _lazy_codes(routed.direction)
    is_stream = (blocks(stream) > 0).rechunk(codes.chunks)
    height = hand_blocks(codes, blocks(routed.filled).rechunk(codes.chunks), is_stream)
    return grid.layer(height.astype(np.float32), units="m", long_name="height above nearest drainage", name="hand_m")


def depressions(dem: xr.DataArray, routed: Drainage, *, depth_min_m: float, area_min_m2: float) -> BlockDepressions:
    """Find the depressions of a DEM, exact across blocks (see `terrain.depressions`).

    Parameters
    ----------
    dem : (y, x), any length unit, the surface that `routed` was made from.
    depth_min_m, area_min_m2 : depressions that are not deeper or smaller than this are left out.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(dem, routed.direction)
    z = blocks(in_units(dem, "m"))
    return depression_blocks(
        z, blocks(routed.filled).rechunk(z.chunks), _lazy_codes(routed.direction).rechunk(z.chunks),
        depth_min=depth_min_m, cells_min=cells_of(area_min_m2, grid.resolution_m),
    )  # fmt: skip


def cells_of(area_m2: float, cell_m: float) -> int:
    """Return how many cells, at least one, make an area of at least this size."""
    return max(1, int(np.ceil(area_m2 / cell_m**2 - 1e-9)))


def _lazy_codes(direction: xr.DataArray) -> da.Array:
    return blocks(direction).astype(np.int8)


def read_back(filled: xr.DataArray, direction: xr.DataArray, upslope_area: xr.DataArray) -> Drainage:
    """Return the Drainage of three stored layers.

    Raises
    ------
    GridError : they are on different grids. DataError : direction codes outside -1..8.
    """
    same_grid(filled, direction, upslope_area)
    codes = direction.to_numpy()
    if not ((codes >= MISSING) & (codes <= 8)).all():
        what = "flow directions hold codes outside -1..8"
        raise DataError(what, where=str(direction.name), fix="run the hydrology step again")
    return Drainage(filled, direction.copy(data=codes.astype(np.int8)), upslope_area)


def drainage_facts(
    dem: xr.DataArray, routed: Drainage, stream: xr.DataArray, above: xr.DataArray, cut: xr.DataArray
) -> dict[str, Any]:
    """Return counts and notes for the report: cells known, filled, on streams, of unknown height above them, and below
    gaps (`gaps.area_cut_ratio`).
    """  # fmt: skip
    z, top, height = blocks(in_units(dem, "m")), blocks(routed.filled), blocks(above)
    known = da.isfinite(z)
    n_all, n, n_filled, n_stream, gaps, n_cut = (int(k) for k in dask.compute(
        z.size, known.sum(), (top > z).sum(), (blocks(stream) > 0).sum(), (known & da.isnan(height)).sum(),
        (blocks(cut) > 1).sum(),
    ))  # fmt: skip
    notes = []
    if n < n_all:
        notes.append({
            "level": "warning",
            "text_en": f"The DEM has {n_all - n} missing cells; water leaves the area there.",
            "text_zh": f"DEM 缺失 {n_all - n} 个格网，水流在该处流出。",
        })  # fmt: skip
    if n_cut:
        notes.append({
            "level": "warning",
            "text_en": f"{n_cut} cells lie below gaps of the DEM that take away more than a tenth of their upslope "
                       "area: how far floods of rivers and hollows rise there is unknown.",
            "text_zh": f"{n_cut} 个格网位于 DEM 空洞下游，缺失十分之一以上的上游汇水面积："
                       "其河道与洼地洪水的上涨范围未知。",
        })  # fmt: skip
    if gaps:
        notes.append({
            "level": "info",
            "text_en": f"{gaps / n:.1%} of the area drains over its edge before it meets a stream: its height above "
                       "drainage is unknown.",
            "text_zh": f"{gaps / n:.1%} 的面积在汇入河沟前流出边界，其相对河道高程未知。",
        })  # fmt: skip
    counts = {
        "cells": n, "cells_filled": n_filled, "cells_stream": n_stream, "cells_hand_unknown": gaps,
        "cells_below_gaps": n_cut,
    }  # fmt: skip
    methods = [{
        "name": "Drainage: priority flood, D8, upslope area, HAND",
        "citation": "Barnes et al. 2014, Barnes 2016; O'Callaghan & Mark 1984; Nobre et al. 2011",
        "validity": "single flow direction; bridges and culverts that close the DEM dam the water",
    }]  # fmt: skip
    return {"notes": notes, "counts": counts, "methods": methods}
