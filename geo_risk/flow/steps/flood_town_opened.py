"""What the runs of the town have in common: its ground and surface, its sites and devices, and the storm over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_town_rain import rain_missing, town_runoff

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.sites import Town
    from geo_risk.hazards.flood.town import RunWith, Surface, Window
    from geo_risk.kernels.flow_input import RainFields

TOWN_SURFACE = ("town_dem", "town_curve_number", "town_manning", "town_soil", "town_sealed", "town_drained",
                "town_obstacle")  # fmt: skip
"""Layers of the town that its runs take."""


def storm_reads(plan: Plan) -> dict[str, Path]:
    """Return what a step of the town's storm reads, as `opened_storm` takes it."""
    layers = {name: plan.layer(name) for name in TOWN_SURFACE}
    frames = {name: plan.frame(name) for name in ("town_sites", "town_devices")}
    return {**layers, **frames, "rain": plan.cube("rain_hourly")}


@dataclass(frozen=True)
class TownStorm:
    """The town with its sites and devices, and the storm that falls on it.

    Attributes
    ----------
    found, share : what past depths say of the drains, and the share of its capacity that each gives; or None.
    rain : the hourly cube. series_mm : its mean over the town. runoff_mm_h : of the hours of `window`.
    """

    ground: Town
    surface: Surface
    places: Any
    devices: Any
    found: Any
    share: Any
    rain: xr.DataArray
    runoff_mm_h: RainFields
    window: Window
    series_mm: NDArray[np.float64]

    @property
    def peak_mm(self) -> float:
        """The wettest hour of the window [mm]."""
        import numpy as np

        return float(np.nanmax(self.series_mm[self.window.first : self.window.stop]))

    def missing(self) -> tuple[NDArray[np.bool_], list[int]]:
        """Return where the water is not known because rain is missing, (y, x), and the hours of which it is."""
        from geo_risk.hazards.flood.rain_gaps import below_gaps

        lacking, hours = rain_missing(self.rain, self.ground.grid, self.window)
        return below_gaps(lacking, self.ground), hours

    def run(self, params: TownFlowParams, *, how: RunWith | None = None, elevation: Any = None) -> Any:
        """Run the storm over the town, or over other heights of its ground."""
        ground = self.ground if elevation is None else replace(self.ground, elevation=elevation)
        return run_storm(ground, self.surface, self.runoff_mm_h, self.places, self.devices, share=self.share,
                         params=params, how=how)  # fmt: skip


def opened_storm(
    files: Mapping[str, Path], findings: Path | None, *, params: TownFlowParams, runoff: RunoffParams,
    sites: SiteParams,
) -> TownStorm:  # fmt: skip
    """Open the town and its storm.

    Parameters
    ----------
    files : as `storm_reads` names them. findings : what past depths say of the drains, or None.
    """
    from geo_risk.sources.layers import read_frame
    from geo_risk.sources.rain import read_own

    ground, surface = opened_town(files, sites)
    found, share = known_shares(findings)
    cube = read_own(files["rain"]).load()
    net, window, series = town_runoff(cube, surface, ground.grid, params, window_h=params.window_h, runoff=runoff)
    return TownStorm(ground, surface, read_frame(files["town_sites"]), read_frame(files["town_devices"]), found, share,
                     cube, net, window, series)  # fmt: skip


def opened_town(layers: Mapping[str, Path], sites: SiteParams) -> tuple[Town, Surface]:
    """Return the town's ground with its depressions, and its surface.

    Parameters
    ----------
    layers : town_dem, town_curve_number, town_manning, town_soil, town_sealed, town_drained, and where water
        flows around something, town_obstacle.
    """
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.hazards.flood.town import Surface
    from geo_risk.sources.layers import open_layer

    height = open_layer(layers["town_dem"])
    names = ("curve_number", "manning", "soil", "sealed", "drained")
    values = [open_layer(layers[f"town_{n}"]).to_numpy().astype(np.float64) for n in names]
    walls = open_layer(layers["town_obstacle"]).to_numpy().astype(np.float64) if "town_obstacle" in layers else None
    obstacle = walls if walls is not None and (walls > 0).any() else None
    surface = replace(Surface(*values), obstacle_m=obstacle)
    return town_ground(grid_of(height), height.to_numpy(), sites), surface


def known_shares(findings: Path | None) -> tuple[Any, Any]:
    """Return what past depths say of the drains, and by site_id the share of its capacity that each gives; or None."""
    from geo_risk.sources.layers import read_frame

    found = None if findings is None else read_frame(findings)
    return found, None if found is None or not len(found) else found.set_index("site_id")["share"]


def run_storm(
    ground: Town,
    surface: Surface,
    net: Any,
    places: Any,
    devices: Any,
    *,
    share: Any,
    params: TownFlowParams,
    how: RunWith | None = None,
) -> Any:
    """Run runoff over the town with its drains and pumps at their shares, and follow the water at the sites."""
    from geo_risk.hazards.flood.devices import sink_grid
    from geo_risk.hazards.flood.responses import record_cells
    from geo_risk.hazards.flood.town import RunWith, run_town

    sinks = sink_grid(devices, ground.grid.shape, share)
    return run_town(ground.elevation, surface, net, sinks, cell_m=ground.grid.resolution_m, params=params,
                    record_cells=record_cells(places, devices, ground), how=how or RunWith())  # fmt: skip
