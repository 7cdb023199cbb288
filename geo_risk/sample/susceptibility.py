"""The hidden susceptibility of the demo county's slopes, and how effective rain turns it into slides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.vectorize import rasterize
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.streams import stream

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

LITHOLOGY = {1: 0.5, 2: 0.8, 3: -0.9, 4: -1.6}
"""Log-odds by lithology code: loess, mudstone-sandstone, limestone, alluvium."""
ROAD_CUT, HOUSE_CUT, FAULT, UNSEEN = 1.1, 0.9, 0.4, 0.65
CUT_REACH_M, FAULT_REACH_M = 45.0, 220.0
RAIN_MIDDLE_MM, RAIN_SCALE_MM = 155.0, 20.0
"""Effective rain at which half of what can slide does, and the width of the change."""

Floats = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Susceptibility:
    """What decides where slopes fail.

    Attributes
    ----------
    logit : (y, x) float32, log-odds of failure against the county's mean odds; -inf where the ground is flat or water.
    road_distance_m : (y, x) float32, to the nearest road.
    house_distance_m : (y, x) float32, to the nearest building.
    """

    logit: Floats
    road_distance_m: Floats
    house_distance_m: Floats

    @property
    def probability(self) -> Floats:
        """The susceptibility as a number 0..1: 1 / (1 + exp(2 - logit))."""
        out: Floats = (1 / (1 + np.exp(2.0 - self.logit))).astype(np.float32)
        return out


def make_susceptibility(ground: Ground, roads: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame) -> Susceptibility:
    """Make the hidden susceptibility: slope, lithology, curvature, wetness, cuts, faults, and an unseen effect."""
    cell = ground.grid.resolution_m
    road = _distance(ground, list(roads.geometry), all_touched=True)
    house = _distance(ground, list(buildings.geometry), all_touched=True)
    fault = _distance(ground, list(ground.faults.geometry), all_touched=True)
    slope = ground.slope_deg.astype(np.float64)
    smooth = ndimage.gaussian_filter(ground.dem_true.astype(np.float64), 1.2)
    curvature = ndimage.laplace(smooth) / cell**2
    gradient = np.tan(np.radians(np.maximum(slope, 1.0)))
    wetness = np.log(np.maximum(ground.upslope_m2, cell**2) / cell / gradient)
    logit = 0.13 * (np.minimum(slope, 40.0) - 24.0) - 0.10 * np.maximum(slope - 42.0, 0)
    logit += np.array([LITHOLOGY.get(code, 0.0) for code in range(256)])[ground.lithology]
    logit += 0.35 * np.clip(curvature / 0.01, -2, 2) + 0.22 * np.clip(wetness - 6.0, -3, 3)
    steep = np.clip((slope - 6) / 10, 0, 1)
    logit += steep * (ROAD_CUT * np.exp(-road / CUT_REACH_M) + HOUSE_CUT * np.exp(-house / CUT_REACH_M))
    logit += FAULT * np.exp(-fault / FAULT_REACH_M)
    logit += UNSEEN * power_law_field(
        ground.grid.shape, stream(ground.seed, "slides.unseen"), slope=2.4, outer_cells=70
    )
    logit = np.where((slope < 6) | (ground.landcover == 5), -np.inf, logit)
    good = np.isfinite(logit)
    logit -= np.log(np.mean(np.exp(logit[good])))
    return Susceptibility(logit.astype(np.float32), road.astype(np.float32), house.astype(np.float32))


def _distance(ground: Ground, shapes: list[object], *, all_touched: bool) -> Array:
    burned = rasterize([(g, 1.0) for g in shapes], ground.grid, fill=0, dtype="uint8", all_touched=all_touched)
    if not burned.any():
        return np.full(ground.grid.shape, np.inf)
    out: Array = ndimage.distance_transform_edt(burned == 0) * ground.grid.resolution_m
    return out


def rain_factor(effective_mm: NDArray[np.floating]) -> Array:
    """Return the share 0..1 of what can slide that does slide at this effective rain [mm]."""
    out: Array = 1 / (1 + np.exp(-(np.asarray(effective_mm, dtype=np.float64) - RAIN_MIDDLE_MM) / RAIN_SCALE_MM))
    return out
