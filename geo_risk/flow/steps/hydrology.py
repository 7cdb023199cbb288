"""Drainage of the run's DEM: filled surface, directions, upslope area, streams, height above drainage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import DrainageParams


def hydrology(plan: Plan) -> None:
    """Add the step that derives the drainage network from the DEM."""
    names = ("dem_filled", "flow_direction", "flow_accumulation", "area_is_partial", "streams", "hand_m")
    plan.add(
        "hydrology",
        make_drainage,
        reads={"dem": plan.layer("dem")},
        writes={**{name: plan.layer(name) for name in names}, "facts": plan.facts("hydrology")},
        params=plan.cfg.flood.drainage,
    )


def make_drainage(
    *,
    dem: Path,
    dem_filled: Path,
    flow_direction: Path,
    flow_accumulation: Path,
    area_is_partial: Path,
    streams: Path,
    hand_m: Path,
    facts: Path,
    params: DrainageParams,
) -> None:
    """Write the drainage layers, and how much of the area has a known height above drainage."""
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain import hydrology as terrain

    height = open_layer(dem)
    routed = terrain.drainage(height, cells_max=params.cells_max)
    stream = terrain.streams(routed, stream_area_m2=params.stream_area_m2)
    above = terrain.hand(routed, stream)
    for layer, path in (
        (routed.filled, dem_filled),
        (routed.direction, flow_direction),
        (routed.upslope_area, flow_accumulation),
        (terrain.partial_area(routed), area_is_partial),
        (stream, streams),
        (above, hand_m),
    ):
        write_layer(layer, path)
    write_json(terrain.drainage_facts(height, routed, stream, above), facts)
