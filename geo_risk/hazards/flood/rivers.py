"""Peak discharge and water level along the drainage, and the depth over the ground beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.flood.params import RiverParams
from geo_risk.kernels.accumulation import accumulate, first_marked_downstream, longest_way, upslope_highest
from geo_risk.kernels.d8 import drainage_order, fall_downstream

Array = NDArray[np.float64]


class RiverLevels(NamedTuple):
    """Flow of the storm's peak on stream cells; (y, x), NaN elsewhere.

    `discharge_m3_s`, `width_m` of the water surface, `stage_m` above the bed.
    """

    discharge_m3_s: Array
    width_m: Array
    stage_m: Array


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


def river_levels(
    direction: NDArray[np.int8],
    filled: NDArray[Any],
    stream: NDArray[np.bool_],
    runoff_mm: NDArray[Any],
    *,
    cell_m: float,
    params: RiverParams,
) -> RiverLevels:
    """Peak flow of every stream cell from the runoff of its upslope area.

    Parameters
    ----------
    direction, filled : as `terrain.hydrology.drainage` makes them. stream : (y, x).
    runoff_mm : (y, x) runoff depth of the storm [mm]; missing values count as the mean of the known upslope cells.
    cell_m : cell size.
    params : duration of the storm, width, roughness and slope of the bed.

    Returns
    -------
    RiverLevels : NaN where there is no stream, or no known runoff upslope.
    """
    order = drainage_order(direction)
    known = np.isfinite(runoff_mm) & (direction >= 0)
    volume = accumulate(direction, order, np.where(known, runoff_mm, 0.0))
    n_known = accumulate(direction, order, known.astype(np.float64))
    n_cells = accumulate(direction, order)
    mean_mm = np.divide(volume, n_known, out=np.full(volume.shape, np.nan), where=n_known > 0)
    length = longest_way(direction, order) * cell_m
    rise = upslope_highest(direction, order, filled) - filled
    slope = np.maximum(
        np.divide(rise, length, out=np.full(length.shape, params.slope_min), where=length > 0), params.slope_min
    )
    time_h = concentration_time_h(length, slope)
    discharge = peak_discharge_m3_s(n_cells * cell_m**2 / 1e6, mean_mm, params.storm_h, time_h)
    discharge = np.where(stream, discharge, np.nan)
    width = params.width_coefficient * np.sqrt(discharge)
    steps = max(1, round(params.slope_length_m / cell_m))
    bed = np.maximum(fall_downstream(direction, filled, stream, steps) / cell_m, params.slope_min)
    return RiverLevels(
        discharge, width, np.where(stream, normal_stage_m(discharge, width, bed, params.manning_n), np.nan)
    )


def river_depth_m(
    direction: NDArray[np.int8], hand_m: NDArray[Any], stream: NDArray[np.bool_], stage_m: NDArray[Any]
) -> Array:
    """Depth of water over the ground: the stage of the stream cell that a cell drains to, less its height above it.

    Parameters
    ----------
    direction, stream : as in `river_levels`. hand_m : height above that stream cell [m]. stage_m : on stream cells.

    Returns
    -------
    (y, x) [m], >= 0; NaN where the height above drainage or the stage is not known.
    """
    marks = np.where(stream, np.arange(1, stream.size + 1).reshape(stream.shape), 0)
    at = first_marked_downstream(direction, drainage_order(direction), marks)
    stage = np.where(at > 0, np.asarray(stage_m).ravel()[np.maximum(at - 1, 0)], np.nan)
    out: Array = np.maximum(stage - hand_m, 0.0)
    return out
