"""Drainage of a DEM on layers: filling, directions, upslope area, streams and height above drainage.

Water crosses block borders, so these are whole-array computations: about 45 bytes a cell. Larger grids are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, LimitError
from geo_risk.core.grid import Grid, grid_of, same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.depressions import Depressions, find_depressions
from geo_risk.kernels.hand import height_above_drainage
from geo_risk.kernels.priority_flood import MISSING, fill
from geo_risk.kernels.unseen import unseen_inflow

BYTES_PER_CELL = 45
"""Peak memory of `drainage` for each cell of a float32 DEM (counted from its arrays, not measured)."""


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


def drainage(dem: xr.DataArray, *, cells_max: int) -> Drainage:
    """Fill a DEM and route water over it.

    Parameters
    ----------
    dem : (y, x), any length unit, on a metric Grid. NaN is missing: cells beside it are outlets. Computed if lazy.
    cells_max : largest grid that is accepted; memory is about BYTES_PER_CELL a cell.

    Raises
    ------
    LimitError : the grid is larger.
    DataError : no cell has a height, or heights are infinite.
    UnitError : the DEM has no length unit.
    """
    grid = grid_of(dem)
    z = whole_array(dem, cells_max=cells_max)
    if not np.isfinite(z).any():
        what = "the DEM holds no height: every cell is missing"
        raise DataError(what, where=str(dem.name or "dem"), fix="check the DEM's nodata value and its extent")
    filled, parent = fill(z)
    direction = flow_direction(filled, parent)
    area = accumulate(direction, drainage_order(direction), grid.cell_area_m2)
    return Drainage(
        filled=grid.layer(filled, units="m", long_name="terrain height, depressions filled", name="dem_filled"),
        direction=grid.layer(
            direction, units="1", long_name="D8 direction: 0-7 clockwise from east, 8 outlet", name="flow_direction"
        ),
        upslope_area=grid.layer(
            area.astype(np.float32), units="m2", long_name="upslope area", name="flow_accumulation"
        ),
    )  # fmt: skip


def whole_array(dem: xr.DataArray, *, cells_max: int) -> NDArray[Any]:
    """Return a DEM in metres as one array, after checking its size.

    Raises
    ------
    LimitError : more than `cells_max` cells.
    DataError : infinite heights.
    """
    if not dem.size <= cells_max:
        what = f"the DEM has {dem.size:,} cells; at most {cells_max:,} fit (about {BYTES_PER_CELL} bytes a cell)"
        fix = "choose a coarser area.resolution_m or a smaller area, or raise flood.drainage.cells_max"
        raise LimitError(what, where=str(dem.name or "dem"), fix=fix)
    z = in_units(dem, "m").to_numpy()
    z = z if z.dtype.kind == "f" else z.astype(np.float64)
    if np.isinf(z).any():
        what = f"the DEM holds {int(np.isinf(z).sum())} infinite heights"
        raise DataError(what, where=str(dem.name or "dem"), fix="mask them as nodata")
    return z


def partial_area(routed: Drainage) -> xr.DataArray:
    """Where ground beyond the map or without a height may drain in, so that the upslope area is a lower bound.

    Returns
    -------
    (y, x) int8 [1]: 1 there (see `kernels.unseen`), 0 where the upslope area is whole, -1 where the height is missing.
    """
    codes = _codes(routed)
    marks = unseen_inflow(routed.filled.to_numpy(), codes, drainage_order(codes)).astype(np.int8)
    values = np.where(codes < 0, np.int8(-1), marks)
    return routed.grid.layer(values, units="1", long_name="upslope area is a lower bound", name="area_is_partial")


def streams(routed: Drainage, *, stream_area_m2: float) -> xr.DataArray:
    """Cells with at least this upslope area, float32 [1]: 1 stream, 0 not, NaN where the height is missing."""
    area = routed.upslope_area.to_numpy()
    mask = np.where(np.isnan(area), np.float32(np.nan), (area >= stream_area_m2).astype(np.float32))
    return routed.grid.layer(mask, units="1", long_name="stream cells", name="streams")


def hand(routed: Drainage, stream: xr.DataArray) -> xr.DataArray:
    """Height above the nearest drainage on the filled surface, float32 [m].

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
    direction = _codes(routed)
    height = height_above_drainage(
        direction, drainage_order(direction), routed.filled.to_numpy(), stream.to_numpy() > 0
    )
    return grid.layer(height.astype(np.float32), units="m", long_name="height above nearest drainage", name="hand_m")


def upslope_sum(routed: Drainage, weight: xr.DataArray) -> xr.DataArray:
    """Sum of a layer over each cell's upslope area, in the layer's unit, float64.

    Parameters
    ----------
    weight : (y, x). Missing values count as zero where the height is known: say so when the sum is shown.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(routed.direction, weight)
    direction = _codes(routed)
    values = np.nan_to_num(weight.to_numpy().astype(np.float64), nan=0.0)
    total = accumulate(direction, drainage_order(direction), values)
    return grid.layer(total, units=str(weight.attrs.get("units", "")), long_name="upslope sum", name="upslope_sum")


def depressions(dem: xr.DataArray, routed: Drainage, *, depth_min_m: float, area_min_m2: float) -> Depressions:
    """Find the depressions of a DEM (see `kernels.depressions`).

    Parameters
    ----------
    dem : (y, x), any length unit, the surface that `routed` was made from.
    depth_min_m, area_min_m2 : depressions that are not deeper or smaller than this are left out.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(dem, routed.direction)
    direction = _codes(routed)
    cells_min = max(1, int(np.ceil(area_min_m2 / grid.cell_area_m2 - 1e-9)))
    return find_depressions(
        in_units(dem, "m").to_numpy(), routed.filled.to_numpy(), direction, drainage_order(direction),
        depth_min=depth_min_m, cells_min=cells_min,
    )  # fmt: skip


def _codes(routed: Drainage) -> NDArray[np.int8]:
    codes: NDArray[np.int8] = np.ascontiguousarray(routed.direction.to_numpy()).astype(np.int8)
    return codes


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


def drainage_facts(dem: xr.DataArray, routed: Drainage, stream: xr.DataArray, above: xr.DataArray) -> dict[str, Any]:
    """Return counts and notes for the report: cells known, filled, on streams, and of unknown height above them."""
    z, top = dem.to_numpy(), routed.filled.to_numpy()
    known = np.isfinite(z)
    n, gaps = int(known.sum()), int((known & np.isnan(above.to_numpy())).sum())
    notes = []
    if not known.all():
        notes.append({
            "level": "warning",
            "text_en": f"The DEM has {int((~known).sum())} missing cells; water leaves the area there.",
            "text_zh": f"DEM 缺失 {int((~known).sum())} 个格网，水流在该处流出。",
        })  # fmt: skip
    if gaps:
        notes.append({
            "level": "info",
            "text_en": f"{gaps / n:.1%} of the area drains over its edge before it meets a stream: its height above "
                       "drainage is unknown.",
            "text_zh": f"{gaps / n:.1%} 的面积在汇入河沟前流出边界，其相对河道高程未知。",
        })  # fmt: skip
    counts = {
        "cells": n, "cells_filled": int((top > z).sum()), "cells_stream": int((stream.to_numpy() > 0).sum()),
        "cells_hand_unknown": gaps,
    }  # fmt: skip
    methods = [{
        "name": "Drainage: priority flood, D8, upslope area, HAND",
        "citation": "Barnes et al. 2014; O'Callaghan & Mark 1984; Nobre et al. 2011",
        "validity": "single flow direction; bridges and culverts that close the DEM dam the water",
    }]  # fmt: skip
    return {"notes": notes, "counts": counts, "methods": methods}
