"""Runs of the town under rain by design, and what they keep for each site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.design_params import DesignRainParams
from geo_risk.hazards.flood.losses import fixed_condition
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.pond import Pond
from geo_risk.hazards.flood.responses import ponds_of_record, site_depths
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.sites import Town
from geo_risk.hazards.flood.town import Surface, run_town
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.inertial import FloodRun, Record
from geo_risk.kernels.priority_flood import fill

Array = NDArray[np.float64]

BLOCK_MINUTES = (10, 60)
"""Durations of the blocks that are run [min]."""


@dataclass(frozen=True)
class DesignRain:
    """Rain that falls alike on the whole town.

    Attributes
    ----------
    name : unique among the runs. rain_mm : (t,) of each step. step_min : length of a step.
    years : its return period, NaN for a block.
    """

    name: str
    rain_mm: tuple[float, ...]
    step_min: float
    years: float = float("nan")

    @property
    def minutes(self) -> float:
        """Duration [min]."""
        return len(self.rain_mm) * self.step_min

    @property
    def total_mm(self) -> float:
        """Sum of the rain [mm]."""
        return float(np.sum(self.rain_mm))


@dataclass(frozen=True)
class SiteRun:
    """What a run kept of the sites.

    Attributes
    ----------
    rain : what fell. depth_m : (n,) greatest depth of each site, NaN beyond the DEM.
    runoff_m3 : (n,) runoff of each site's catchment. ponds : by site_id, of the sites that lie in a depression.
    """

    rain: DesignRain
    depth_m: Array
    runoff_m3: Array
    ponds: dict[str, Pond]


def blocks(params: DesignRainParams) -> tuple[DesignRain, ...]:
    """Return the blocks of constant rain that are run, by duration and rising amount."""
    return tuple(
        DesignRain(f"block_{minutes}min_{mm:g}mm", (mm,), float(minutes))
        for minutes in BLOCK_MINUTES
        for mm in params.trigger_rain_mm
    )


def design_runoff_mm_h(rain: DesignRain, surface: Surface, params: RunoffParams) -> Array:
    """Runoff of each step, (t, y, x) [mm/h], NaN where unknown; ground is average unless `antecedent` fixes it."""
    fallen = np.asarray(rain.rain_mm)[:, None, None]
    return surface.excess_mm(fallen, params, condition=fixed_condition(params), step_h=rain.step_min / 60) * (
        60.0 / rain.step_min
    )


def run_design(
    rain: DesignRain,
    town: Town,
    surface: Surface,
    sinks_m3_s: Array,
    *,
    cells: NDArray[np.int64],
    params: TownFlowParams,
    design: DesignRainParams,
    runoff: RunoffParams,
) -> FloodRun:
    """Run one rain over the town with its drains and pumps, and follow the water at some cells.

    Parameters
    ----------
    rain : what falls. town, surface : ground. sinks_m3_s : (y, x), as `devices.sink_grid` gives it.
    cells : flat indices to follow, as `responses.record_cells` gives them. params, design, runoff : settings.

    Raises
    ------
    LimitError, DataError : as in `town.run_town`.
    """
    settings = params.model_copy(update={"after_h": design.after_min / 60.0, "record_step_s": design.record_step_s})
    return run_town(
        town.elevation, surface, design_runoff_mm_h(rain, surface, runoff), sinks_m3_s,
        cell_m=town.grid.resolution_m, params=settings, record_cells=cells, rain_step_s=rain.step_min * 60.0,
    )  # fmt: skip


def catchment_runoff_m3(
    rains: Sequence[DesignRain], sites: pd.DataFrame, town: Town, surface: Surface, runoff: RunoffParams
) -> dict[str, Array]:
    """Runoff of each site's catchment [m3] by rain: along D8 directions with all depressions full, drains apart.

    Returns
    -------
    (n,) by name of the rain; NaN beyond the DEM.
    """
    direction = flow_direction(fill(town.elevation))
    order = drainage_order(direction)
    label, cell = sites["label"].to_numpy(np.int64), sites["cell"].to_numpy(np.int64)
    outlet = np.where(label > 0, town.found.spill[np.maximum(label - 1, 0)] if town.found.spill.size else 0, cell)
    out = {}
    for rain in rains:
        rate = design_runoff_mm_h(rain, surface, runoff)
        depth = np.nan_to_num(rate.sum(axis=0) * rain.step_min / 60.0, nan=0.0)
        sums = accumulate(direction, order, depth * town.grid.cell_area_m2 / 1000.0).ravel()
        out[rain.name] = np.where(outlet >= 0, sums[np.maximum(outlet, 0)], np.nan)
    return out


def site_runs(
    kept: Sequence[tuple[DesignRain, Record, Array]],
    runoff_m3: dict[str, Array],
    sites: pd.DataFrame,
    devices: pd.DataFrame,
    town: Town,
) -> list[SiteRun]:
    """Return what runs kept of the sites.

    Parameters
    ----------
    kept : of each run its rain, record at `responses.record_cells(...)` and (n,) greatest depth of the sites.
    runoff_m3 : as `catchment_runoff_m3` returns it.
    """
    return [
        SiteRun(rain, depth, runoff_m3[rain.name], ponds_of_record(record, sites, devices, town))
        for rain, record, depth in kept
    ]


def kept_of(rain: DesignRain, run: FloodRun, sites: pd.DataFrame) -> tuple[DesignRain, Record, Array]:
    """Return what is kept of a run: its rain, record, and the sites' greatest depths.

    Raises
    ------
    ValueError : the run has no record.
    """
    if run.record is None:
        msg = "the run recorded no cells"
        raise ValueError(msg)
    return rain, run.record, site_depths(run.max_depth_m, sites["cell"].to_numpy(np.int64))
