"""Step that stands for the storm of the town where no rain is given: a block of rain by design."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.design_params import DesignRainParams
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams


def standard_storm(plan: Plan, reads: dict[str, Any]) -> None:
    """Add the step that writes what `flood.town` would, where the configuration gives no rain at all.

    Parameters
    ----------
    reads : layers and frames of the town, as `flood.town` reads them.
    """
    rain = plan.cfg.inputs.rainfall
    if rain.observed is not None or rain.gauges is not None or rain.forecast:
        return
    params = plan.cfg.flood
    plan.add(
        "flood.town_standard", write_standard,
        reads={**reads, **{n: plan.layer(n) for n in ("flow_direction", "flow_accumulation")}},
        writes={"depth": plan.layer("town_depth"), "duration": plan.layer("town_duration"),
                "ponds": plan.frame("town_ponds"), "record": plan.cube("town_record"),
                "facts": plan.facts("flood_town_standard")},
        params=params.town, sites=params.sites, design=params.design, runoff=params.runoff,
    )  # fmt: skip


def write_standard(
    *,
    town_sites: Path,
    town_devices: Path,
    flow_direction: Path,
    flow_accumulation: Path,
    depth: Path,
    duration: Path,
    ponds: Path,
    record: Path,
    facts: Path,
    params: TownFlowParams,
    sites: SiteParams,
    design: DesignRainParams,
    runoff: RunoffParams,
    **town: Path,
) -> None:
    """Run an hour of the standard rain over the town and write depth, duration, and each site's answer."""
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.flood_answers import record_dataset
    from geo_risk.flow.steps.flood_town_opened import opened_town
    from geo_risk.hazards.flood.design_runs import DesignRain, run_design
    from geo_risk.hazards.flood.devices import sink_grid
    from geo_risk.hazards.flood.outside import entries, outside_shares, with_outside
    from geo_risk.hazards.flood.responses import record_cells, responses
    from geo_risk.hazards.flood.surroundings import town_box
    from geo_risk.hazards.flood.town import town_facts
    from geo_risk.products.wording import note
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame

    ground, surface = opened_town(town, sites)
    places, devices = read_frame(town_sites), read_frame(town_devices)
    rain = DesignRain("standard", (design.standard_rain_mm,), 60.0)
    run = run_design(rain, ground, surface, sink_grid(devices, ground.grid.shape),
                     cells=record_cells(places, devices, ground), params=params, design=design,
                     runoff=runoff)  # fmt: skip
    table = responses(places, devices, ground, run, None, peak_rain_mm_h=design.standard_rain_mm,
                      depth_bound_m=params.duration_depth_m, params=sites)  # fmt: skip
    direction = open_layer(flow_direction)
    county = grid_of(direction)
    comes = entries(direction.data, open_layer(flow_accumulation).data, town_box(county, ground.grid), county=county,
                    town=ground.grid, elevation_m=ground.elevation)  # fmt: skip
    table = with_outside(table, outside_shares(*comes, places, ground), params)
    for values, path, units, name in (
        (run.max_depth_m, depth, "m", "greatest depth in the town"),
        (run.duration_above_s / 3600, duration, "hour", f"time deeper than {params.duration_depth_m:g} m"),
    ):
        layer = ground.grid.layer(values.astype(np.float32), units=units, long_name=name, name=path.stem)
        write_layer(layer, path)
    write_frame(table, ponds)
    write_dataset(record_dataset(run.record), record)
    found = town_facts(run, table, times=["0 h", "0 h", "1 h"], peak_rain_mm_h=design.standard_rain_mm)
    said = note(
        "warning",
        f"No rain was given: the sites are ranked by {design.standard_rain_mm:g} mm in an hour over the whole town "
        "(flood.design.standard_rain_mm), not by any storm that fell or is forecast.",
        f"未提供降雨：点位按全城一小时 {design.standard_rain_mm:g} 毫米的标准降雨"
        "（flood.design.standard_rain_mm）排序，并非实况或预报降雨。",
    )  # fmt: skip
    write_json(found | {"notes": [said, *found["notes"]]}, facts)
