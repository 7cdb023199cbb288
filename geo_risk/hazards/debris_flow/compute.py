"""The debris-flow hazard: channels whose bed is steep enough for debris flows to start, by slope and upslope area."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.levels import classify
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.kernels.channel_bed import bed_tangent, least_tangent
from geo_risk.terrain.slope import blocks

INPUTS = {"dem_filled": "m", "flow_direction": "1", "flow_accumulation": "m2", "area_is_partial?": "1"}
"""The drainage of `terrain.hydrology`: filled heights, D8 codes, upslope area and where it is a lower bound."""

CARD = MethodCard(
    name="Debris-flow source channels by slope and upslope area",
    citation="idea of Rickenmann & Zimmermann 1993 (Geomorphology 8) and Horton et al. 2013 (Nat. Hazards Earth Syst. "
    "Sci. 13)",
    validity="channels that a DEM of 5-30 m shows; numbers are a choice: fit them to the area's own gullies",
    limits=(
        "says where a bed is steep enough, not whether loose material lies there nor how much rain is needed",
        "slope over a fixed way downstream of a filled surface: dams in the DEM make beds gentler than they are",
    ),
)


def compute(layers: Mapping[str, xr.DataArray], params: DebrisFlowParams) -> HazardResult:
    """Find source channels.

    Parameters
    ----------
    layers : as in INPUTS, on one grid.

    Returns
    -------
    Intensity `debris_flow_margin` [1]: tangent of the bed over the least tangent that its upslope area asks for; 0
    where the cell is no channel of the area's bounds, or steeper than `slope_max_deg`. 1 and more: a source. Level by
    `level_margin`; confidence 0.5 where it is known, else 0. `extra`: `bed_slope_deg`. NaN and level -1 where a layer
    is unknown, on channel cells at which the water leaves the map, and where the upslope area is a lower bound within
    the bounds or below (whether it is a channel of theirs is not known). Lazy; the same bits for any chunks.

    Raises
    ------
    UnitError, GridError : a layer is missing, in the wrong unit, or on another grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    z = blocks(given["dem_filled"])
    n = min(max(1, round(params.bed_length_m / grid.resolution_m)), *z.shape)
    arrays = [z, *(blocks(given[name]).rechunk(z.chunks) for name in ("flow_direction", "flow_accumulation"))]
    padded = [da.overlap.overlap(a.astype(np.float64), depth=n, boundary=np.nan, allow_rechunk=True) for a in arrays]
    inner = tuple(tuple(c - 2 * n for c in axis) for axis in padded[0].chunks)
    planes = da.map_blocks(
        _planes, *padded, n=n, cell_m=grid.resolution_m, params=params, dtype=np.float32, new_axis=0,
        chunks=((2,), *inner), meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    if "area_is_partial" in given:
        area = blocks(given["flow_accumulation"]).rechunk(planes.chunks[1:])
        is_partial = blocks(given["area_is_partial"]).rechunk(planes.chunks[1:]) != 0
        planes = da.where((is_partial & (area <= params.area_max_m2))[None], np.float32(np.nan), planes)
    level = da.map_blocks(classify, planes[0], lower_bounds=params.level_margin, dtype=np.int8)
    return HazardResult(
        grid.layer(planes[0], units="1", long_name="tangent of the bed over the least of a debris-flow source",
                   name="debris_flow_margin"),
        grid.layer(level, units="level", long_name="debris-flow source level", name="hazard_debris_flow"),
        grid.layer(da.where(level >= 0, np.float32(0.5), np.float32(0)), units="1",
                   long_name="confidence of the debris-flow sources", name="confidence"),
        CARD,
        {"bed_slope_deg": grid.layer(planes[1], units="degree", long_name="slope of the bed", name="bed_slope_deg")},
    )  # fmt: skip


def _planes(
    z: NDArray[Any], code: NDArray[Any], area: NDArray[Any], *, n: int, cell_m: float, params: DebrisFlowParams
) -> NDArray[np.float32]:
    """Return margin and slope of the bed of the block without its halo, (2, y, x)."""
    inside = (slice(n, z.shape[0] - n), slice(n, z.shape[1] - n))
    direction = np.where(np.isnan(code), -1, code).astype(np.int8)
    channel = (area >= params.area_min_m2) & (area <= params.area_max_m2)
    where = np.zeros(z.shape, bool)
    where[inside] = channel[inside]
    tangent = bed_tangent(z, direction, where, n_steps=n, cell_m=cell_m)[inside]
    least = least_tangent(area[inside], factor=params.curve_factor, exponent=params.curve_exponent,
                          floor=math.tan(math.radians(params.slope_min_deg)))  # fmt: skip
    margin = np.where(tangent > math.tan(math.radians(params.slope_max_deg)), 0.0, tangent / least)
    margin = np.where(channel[inside], margin, 0.0)
    gone = np.isnan(z[inside]) | np.isnan(code[inside]) | np.isnan(area[inside])
    slope = np.degrees(np.arctan(tangent))
    return np.where(gone, np.nan, np.stack([margin, slope])).astype(np.float32)
