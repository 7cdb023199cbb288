"""Peak discharge of the reaches of a river network, with what comes over the edge of the map."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.flood.params import RiverParams
from geo_risk.kernels.forest import sum_down
from geo_risk.terrain.contributions import contribution_blocks
from geo_risk.terrain.reaches import Reaches, sums_on_reaches
from geo_risk.terrain.rows import all_values_at

Array = NDArray[np.float64]


class Outside(NamedTuple):
    """Ground beyond the map that drains into it: (y, x) [m2] on the cells where its water enters, 0 on all others.

    `area_m2` by best knowledge, and `area_high_m2` as it may be at most; NaN where it is not known.
    """

    area_m2: da.Array
    area_high_m2: da.Array


class Peaks(NamedTuple):
    """Peak discharge [m3/s] of each reach, (n,): by best knowledge, and as it may be at most; NaN unknown.

    `is_fed` : whose ground outside the map is not known.
    """

    discharge_m3_s: Array
    high_m3_s: Array
    is_fed: NDArray[np.bool_]


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


def basin_length_m(area_m2: NDArray[Any]) -> Array:
    """Length of a basin's longest stream [m]: Hack (1957), USGS Prof. Paper 294-B, L = 1.4 A^0.6 (miles).

    Parameters
    ----------
    area_m2 : >= 0; NaN stays NaN.
    """
    mile = 1609.344
    out: Array = 1.4 * mile * (np.asarray(area_m2, np.float64) / mile**2) ** 0.6
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


def reach_peaks(
    reaches: Reaches,
    direction: da.Array,
    filled: da.Array,
    runoff_mm: da.Array,
    *,
    cell_m: float,
    params: RiverParams,
    outside: Outside | None = None,
) -> Peaks:
    """Peak flow at the end of every reach from the runoff of its upslope area, exact across blocks.

    Parameters
    ----------
    reaches : n of them. direction, filled : as `terrain.hydrology.drainage` makes them.
    runoff_mm : (y, x) runoff depth of the storm [mm]; missing values count as the mean of the known upslope cells
        where at least `known_share_min` of them are known. All are in the same blocks.
    cell_m : cell size. params : duration of the storm, least slope of the bed.
    outside : ground beyond the map. It is taken to shed as much as the ground of the map does on the mean, and to be as
        long as basins of its size are (`basin_length_m`).

    Returns
    -------
    Peaks : NaN where too little runoff upslope is known. Ground outside of unknown size is left out of the first and
        makes the second unknown.
    """
    terms = contribution_blocks(direction, runoff_mm, filled, known_share_min=params.known_share_min)
    n_cells, mean_mm, way_cells, highest = all_values_at([terms[k] for k in range(4)], reaches.end)
    area, length = n_cells * cell_m**2, way_cells * cell_m
    rise = highest - reaches.end_m
    slope = np.divide(rise, length, out=np.full(length.shape, params.slope_min), where=length > 0)
    slope = np.maximum(slope, params.slope_min)
    last = (reaches.below == 0) & np.isfinite(mean_mm)
    shed = float((area * mean_mm)[last].sum() / area[last].sum()) if last.any() else np.nan

    def peak(more_m2: Array) -> Array:
        way = np.where(more_m2 > 0, np.maximum(length, basin_length_m(area + more_m2)), length)
        water = np.where(more_m2 > 0, area * mean_mm + more_m2 * shed, area * mean_mm)
        return peak_discharge_m3_s(water / 1e6, np.ones_like(water), params.storm_h, concentration_time_h(way, slope))

    if outside is None:
        own = peak(np.zeros_like(area))
        return Peaks(own, own, np.zeros(len(own), dtype=bool))
    best, most = (sum_down(reaches.below - 1, sums_on_reaches(reaches, v)) for v in outside)
    fed = np.isnan(most)
    return Peaks(peak(np.nan_to_num(best)), np.where(fed, np.nan, peak(most)), fed)
