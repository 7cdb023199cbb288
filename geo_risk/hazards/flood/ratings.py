"""Rating curves of reaches, and the flood of given discharges or stages by them."""

from __future__ import annotations

from dataclasses import dataclass

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.result import MethodCard
from geo_risk.hazards.flood.params import DrainageParams, RiverParams
from geo_risk.kernels.rating import discharge_of, rating_discharge_m3_s, section_area_m2, stage_most, stage_of
from geo_risk.terrain.reaches import Reaches, backwater_m, depth_by_reach, find_reaches, reach_zones
from geo_risk.terrain.slope import blocks, slope_layers

F64 = NDArray[np.float64]

LEVELS_M = np.concatenate([np.arange(0.25, 2, 0.25), np.arange(2, 6, 0.5), np.arange(6, 12, 1.0), np.arange(12, 31, 2)])
"""Stages of the curves [m], closer where water is shallow: choice of geo_risk. Above the last a stage is unknown."""

CARD = MethodCard(
    name="River flood by synthetic rating curves on HAND",
    citation="Zheng et al. 2018, JAWRA 54, 784-797; Manning; Nobre et al. 2011",
    validity="uniform flow in each reach's mean cross-section as the DEM shows it",
    limits=(
        "the bed below the water on the day of the DEM is not surveyed: stages are too high where the river is deep",
        "one stage a reach; up its tributaries the water stands level; no levees, no reservoirs",
        f"a discharge that would stand above {LEVELS_M[-1]:g} m is unknown",
    ),
)


@dataclass(frozen=True)
class Ratings:
    """Reaches, heights above them, the surface without depressions, and of each at LEVELS_M, (n, k), the discharge
    [m3/s] and the mean cross-section [m2].
    """

    reaches: Reaches
    hand_m: da.Array
    filled: da.Array
    curve_m3_s: F64
    section_m2: F64

    def stage_m(self, discharge_m3_s: F64) -> F64:
        """Return the stage of each reach, (n,); NaN where unknown or above the highest level."""
        return stage_of(np.asarray(discharge_m3_s, np.float64), LEVELS_M, self.curve_m3_s)

    def stage_most_m(self, discharge_m3_s: F64) -> F64:
        """Return what the stage of each reach is at most, (n,): the stage, above the highest level a bound; inf where
        nothing is known.
        """
        return stage_most(np.asarray(discharge_m3_s, np.float64), LEVELS_M, self.curve_m3_s, self.section_m2)

    def discharge_m3_s(self, stage_m: F64) -> F64:
        """Return the discharge of each reach at a stage, (n,); NaN where unknown or above the highest level."""
        return discharge_of(np.asarray(stage_m, np.float64), LEVELS_M, self.curve_m3_s)

    def depth_m(self, stage_m: F64, *, held_up_by: F64 | None = None) -> da.Array:
        """Return the depth over the ground, (y, x), lazy; NaN where unknown.

        Water stands level up the tributaries of reaches, at `stage_m` or, where it is given, at the stages
        `held_up_by`.
        """
        level = backwater_m(self.reaches, stage_m if held_up_by is None else held_up_by)
        return depth_by_reach(self.reaches, self.hand_m, stage_m, filled=self.filled, level_m=level)


def ratings(
    dem: xr.DataArray,
    filled: xr.DataArray,
    direction: xr.DataArray,
    upslope_area: xr.DataArray,
    hand_m: xr.DataArray,
    *,
    drainage: DrainageParams,
    river: RiverParams,
) -> Ratings:
    """Make the rating curves of all reaches; blocks change nothing.

    Parameters
    ----------
    dem, filled, direction, upslope_area, hand_m : (y, x) on one grid, as the step `hydrology` writes them.
    drainage : the streams. river : roughness and least slope.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(dem, filled, direction, upslope_area, hand_m)
    reaches = find_reaches(direction, upslope_area, filled, stream_area_m2=drainage.stream_area_m2)
    tangent = da.tan(da.radians(blocks(slope_layers(dem)["slope_deg"])))
    heights = blocks(hand_m)
    sums = reach_zones(reaches, heights, tangent, LEVELS_M)
    curve = rating_discharge_m3_s(
        sums, LEVELS_M, length_m=reaches.length_m, slope=np.maximum(reaches.slope, river.slope_min),
        cell_m=grid.resolution_m, manning_n=river.manning_n,
    )  # fmt: skip
    section = section_area_m2(sums, LEVELS_M, length_m=reaches.length_m, cell_m=grid.resolution_m)
    return Ratings(reaches, heights, blocks(filled), curve, section)
