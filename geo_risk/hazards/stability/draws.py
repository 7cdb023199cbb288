"""From the ranges of the materials to tables of draws, and to their middles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.stability.params import Material, Range, StabilityParams, Storm
from geo_risk.kernels.infinite_slope import COLUMNS, WATER_KN_M3, hypercube

Array = NDArray[np.float64]

_PROPERTIES = ("friction_deg", "cohesion_kpa", "root_cohesion_kpa", "depth_m", "unit_weight_kn_m3",
               "transmissivity_m2_d", "conductivity_m_s", "diffusivity_m2_s", "water_depth_share")  # fmt: skip


def draw_table(params: StabilityParams) -> Array:
    """Return (materials, draws, columns of `kernels.infinite_slope.COLUMNS`), evenly over each range, independent.

    All materials share the same draws of the unit cube; they depend on nothing but the seed and their number. A
    property without a range is NaN.
    """
    return _table(params, hypercube(params.draws, len(_PROPERTIES) + 1, params.seed))


def middle_table(params: StabilityParams) -> Array:
    """Return the table (materials, 1, columns) of the middles of all ranges."""
    return _table(params, np.full((1, len(_PROPERTIES) + 1), 0.5))


def _table(params: StabilityParams, unit: Array) -> Array:
    rain = _spread(params.steady_rain_mm_d, unit[:, -1]) / 1000  # m/d
    out = np.full((max(1, len(params.materials)), len(unit), len(COLUMNS)), np.nan)
    for k, material in enumerate(params.materials):
        out[k] = _rows(material, unit, rain)
    return out


def _rows(material: Material, unit: Array, rain_m_d: Array) -> Array:
    friction, soil, roots, depth, weight, transmissivity, conductivity, diffusivity, share = (
        _spread(getattr(material, name), unit[:, i]) for i, name in enumerate(_PROPERTIES)
    )
    columns = (
        np.tan(np.radians(friction)), (soil + roots) / (weight * depth), WATER_KN_M3 / weight,
        rain_m_d / transmissivity, depth, conductivity, diffusivity, share, transmissivity,
    )  # fmt: skip
    return np.stack(columns, axis=1)


def _spread(bounds: Range | None, unit: Array) -> Array:
    if bounds is None:
        return np.full(unit.shape, np.nan)
    return bounds[0] + (bounds[1] - bounds[0]) * unit


def storm_arrays(storm: Storm) -> tuple[Array, Array, Array]:
    """Return intensities [m/s], edges of their steps [s] and the times at which the slope is looked at [s]."""
    rain: Array = np.array(storm.rain_mm_h) / 3.6e6
    edges: Array = np.arange(len(rain) + 1, dtype=np.float64) * (storm.step_h * 3600.0)
    return rain, edges, np.array(storm.at_h) * 3600.0
