"""Peak discharge and water level along the drainage, and the depth over the ground beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.flood.params import RiverParams
from geo_risk.terrain.contributions import contribution_blocks
from geo_risk.terrain.downstream import fall_blocks, met_blocks
from geo_risk.terrain.sparse import held_on

Array = NDArray[np.float64]


class RiverFlow(NamedTuple):
    """Flow of the storm's peak on stream cells; (y, x), lazy, NaN elsewhere.

    `discharge_m3_s`, `bed_slope` [1], `stage_m` above the bed.
    """

    discharge_m3_s: da.Array
    bed_slope: da.Array
    stage_m: da.Array


def concentration_time_h(length_m: NDArray[Any], slope: NDArray[Any]) -> Array:
    """Time of concentration [h]: Kirpich (1940), 0.0195 L^0.77 S^-0.385 minutes.

    Parameters
    ----------
    length_m : longest way of the water [m], >= 0. slope : its mean slope [1], > 0. Others give NaN.
    """
    length, grade = np.asarray(length_m, np.float64), np.asarray(slope, np.float64)
    good = (length >= 0) & (grade > 0)
    out: Array = 0.0195 / 60 * np.where(good, length, np.nan) ** 0.77 * np.where(good, grade, np.nan) ** -0.385
    return out


def peak_discharge_m3_s(
    area_km2: NDArray[Any], runoff_mm: NDArray[Any], storm_h: float, concentration_h: NDArray[Any]
) -> Array:
    """Peak of the SCS triangular unit hydrograph [m3/s]: 0.208 A Q / (D / 2 + 0.6 Tc), USDA NEH-4 (1972) ch. 16.

    Parameters
    ----------
    area_km2 : drained area. runoff_mm : runoff depth of the storm over it. storm_h : duration of the excess rain.
    concentration_h : time of concentration. NaN stays NaN.
    """
    out: Array = 0.208 * area_km2 * runoff_mm / (storm_h / 2 + 0.6 * concentration_h)
    return out


def normal_stage_m(discharge_m3_s: NDArray[Any], width_m: NDArray[Any], slope: NDArray[Any], manning_n: float) -> Array:
    """Depth of uniform flow in a wide rectangular channel [m]: Manning, h = (Q n / (w sqrt(S)))^(3/5).

    Zero where the discharge is zero (its width is, too); NaN stays NaN.
    """
    unit = np.divide(discharge_m3_s, width_m, out=0.0 * discharge_m3_s, where=width_m > 0)
    out: Array = (unit * manning_n / np.sqrt(slope)) ** 0.6
    return out


def river_flow(
    direction: da.Array,
    filled: da.Array,
    stream: da.Array,
    runoff_mm: da.Array,
    *,
    cell_m: float,
    params: RiverParams,
) -> RiverFlow:
    """Peak flow of every stream cell from the runoff of its upslope area, exact across blocks.

    Parameters
    ----------
    direction, filled : as `terrain.hydrology.drainage` makes them. stream : (y, x) bool.
    runoff_mm : (y, x) runoff depth of the storm [mm]; missing values count as the mean of the known upslope cells
        where at least `known_share_min` of them are known.
        All are in the same blocks.
    cell_m : cell size.
    params : duration of the storm, width, roughness and slope of the bed.

    Returns
    -------
    RiverFlow : lazy; NaN where there is no stream, or too little known runoff upslope. The blocks' borders are worked
        out here, and what was found on stream cells is held.
    """
    terms = contribution_blocks(direction, runoff_mm, filled, known_share_min=params.known_share_min)
    steps = max(1, round(params.slope_length_m / cell_m))
    fall = fall_blocks(direction, filled, stream, steps)
    flow = da.map_blocks(
        _flow, terms, filled, stream, fall, cell_m=cell_m, params=params, dtype=np.float64,
        chunks=((3,), *direction.chunks), meta=np.empty((0, 0, 0)),
    )  # fmt: skip
    held = held_on(stream, flow)
    return RiverFlow(held[0], held[1], held[2])


def _flow(
    terms: Array, filled: NDArray[Any], stream: NDArray[np.bool_], fall: Array, *, cell_m: float, params: RiverParams
) -> Array:
    """Discharge, slope of the bed and stage of a block, (3, y, x)."""
    n_cells, mean_mm, way_cells, highest = terms
    length = way_cells * cell_m
    rise = highest - filled
    slope = np.maximum(
        np.divide(rise, length, out=np.full(length.shape, params.slope_min), where=length > 0), params.slope_min
    )
    time_h = concentration_time_h(length, slope)
    discharge = peak_discharge_m3_s(n_cells * cell_m**2 / 1e6, mean_mm, params.storm_h, time_h)
    discharge = np.where(stream, discharge, np.nan)
    width = params.width_coefficient * np.sqrt(discharge)
    bed = np.maximum(fall / cell_m, params.slope_min)
    stage = np.where(stream, normal_stage_m(discharge, width, bed, params.manning_n), np.nan)
    return np.stack([discharge, np.where(stream, bed, np.nan), stage])


def river_depth_m(direction: da.Array, hand_m: da.Array, stream: da.Array, stage_m: da.Array) -> da.Array:
    """Depth of water over the ground: the stage of the stream cell that a cell drains to, less its height above it.

    Parameters
    ----------
    direction, stream : as in `river_flow`. hand_m : height above that stream cell [m]. stage_m : on stream cells.

    Returns
    -------
    (y, x) [m], >= 0, lazy; NaN where the height above drainage or the stage is not known.
    """
    depth: da.Array = da.maximum(met_blocks(direction, stream, stage_m) - hand_m, 0.0)
    return depth
