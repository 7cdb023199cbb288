"""Drainage of the run's DEM: filled surface, directions, upslope area, streams, height above drainage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geo_risk.flow.steps.dem_lies import dem_lies
from geo_risk.flow.steps.openings import openings, routing_dem

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import DrainageParams


def hydrology(plan: Plan) -> None:
    """Add the steps that open the DEM under bridges, derive the drainage network, and report what is not ground."""
    openings(plan)
    names = (
        "dem_filled",
        "flow_direction",
        "flow_accumulation",
        "area_is_partial",
        "area_cut_ratio",
        "streams",
        "hand_m",
    )
    plan.add(
        "hydrology",
        make_drainage,
        reads={"dem": routing_dem(plan)},
        writes={**{name: plan.layer(name) for name in names}, "facts": plan.facts("hydrology")},
        params=plan.cfg.flood.drainage,
    )
    dem_lies(plan)


def make_drainage(
    *,
    dem: Path,
    dem_filled: Path,
    flow_direction: Path,
    flow_accumulation: Path,
    area_is_partial: Path,
    area_cut_ratio: Path,
    streams: Path,
    hand_m: Path,
    facts: Path,
    params: DrainageParams,
) -> None:
    """Write the drainage layers, and how much of the area has a known height above drainage."""
    from tempfile import TemporaryDirectory

    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain import hydrology as terrain
    from geo_risk.terrain.gaps import area_cut_ratio as cut_ratio

    paths = {"dem_filled": dem_filled, "flow_direction": flow_direction, "flow_accumulation": flow_accumulation,
             "area_is_partial": area_is_partial, "area_cut_ratio": area_cut_ratio, "streams": streams,
             "hand_m": hand_m}  # fmt: skip

    def stored(layer: xr.DataArray) -> xr.DataArray:
        path = paths[str(layer.name)]
        write_layer(layer, path)
        return open_layer(path)

    height = open_layer(dem)
    routed = terrain.drainage(height, stored=stored)
    stored(terrain.partial_area(routed))
    stream = stored(terrain.streams(routed, stream_area_m2=params.stream_area_m2))
    above = stored(terrain.hand(routed, stream))
    with TemporaryDirectory(dir=facts.parent) as folder:
        paths |= {name: Path(folder) / f"{name}.tif" for name in ("lake_filled", "lake_direction")}
        cut = stored(cut_ratio(height, routed.upslope_area, stored=stored))
    write_json(terrain.drainage_facts(height, routed, stream, above, cut), facts)
