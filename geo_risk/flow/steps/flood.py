"""Steps of the flood hazard: curve numbers, openings under roads, the county's flood, and the town's own run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps import flood_sites as sites
from geo_risk.flow.steps import flood_town as town
from geo_risk.flow.steps import flood_town_storm as storm
from geo_risk.flow.steps.flood_answers import site_answers
from geo_risk.flow.steps.flood_cascade import cascade
from geo_risk.flow.steps.flood_design import design_rain
from geo_risk.flow.steps.flood_drained import drained
from geo_risk.flow.steps.flood_entrances import entrances
from geo_risk.flow.steps.flood_ground import ground
from geo_risk.flow.steps.flood_inflows import OUTSIDE, river_inflows
from geo_risk.flow.steps.flood_rivers import river_stages
from geo_risk.flow.steps.flood_stages import site_stages
from geo_risk.flow.steps.flood_standard import standard_storm
from geo_risk.flow.steps.flood_surroundings import inflows_of, surroundings
from geo_risk.flow.steps.flood_town_opened import TOWN_SURFACE, storm_reads
from geo_risk.flow.steps.flood_town_source import town_source
from geo_risk.flow.steps.flood_valleys import VALLEY, valleys
from geo_risk.flow.steps.openings import routing_dem
from geo_risk.flow.steps.past_storms import past_told

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import FloodParams

TOWN = ("town_dem", "town_curve_number", "town_manning", "town_built", "town_soil", "town_sealed", "town_obstacle")


def flood(plan: Plan) -> None:
    """Add the steps that write hazard_flood, depth_max_m, and for the town its sites, devices, findings and depths."""
    params = plan.cfg.flood
    ground(plan)
    plan.add(
        "flood.openings", write_openings, reads={"grid": plan.facts("grid")},
        optional={"bridges": plan.input("bridges"), "culverts": plan.input("culverts")},
        writes={"out": plan.layer("flood_openings")}, options=given(plan, "bridges", "culverts"),
    )  # fmt: skip
    _town(plan)
    river_inflows(plan)
    valleys(plan)
    names = ("dem_filled", "flow_direction", "flow_accumulation", "hand_m", "runoff")
    plan.add(
        "flood.hazard", write_hazard,
        reads={**{n: plan.layer(n) for n in names}, "dem": routing_dem(plan)},
        optional={"openings": plan.layer("flood_openings"), "area_cut_ratio": plan.layer("area_cut_ratio"),
                  "town_depth": plan.layer("town_depth"), **{n: plan.layer(n) for n in (*OUTSIDE, *VALLEY)},
                  "town_dem": plan.layer("town_dem")},
        writes={"hazard_flood": plan.layer("hazard_flood"), "depth_max_m": plan.layer("depth_max_m"),
                "depth_river": plan.layer("depth_river"), "depth_pond": plan.layer("depth_pond"),
                "flood_chance": plan.layer("flood_chance"), "facts": plan.facts("flood")},
        params=params,
    )  # fmt: skip
    river_stages(plan)


def given(plan: Plan, *names: str) -> dict[str, dict[str, Any]]:
    """Return what the configuration says about the files of some inputs, as plain values for a step."""
    sources = {name: plan.source(name) for name in names}
    return {name: source.options.model_dump() for name, source in sources.items() if source is not None}


def _town(plan: Plan) -> None:
    params = plan.cfg.flood
    layers = {name: plan.layer(name) for name in TOWN}
    frames = {name: plan.frame(name) for name in ("town_sites", "town_devices")}
    plan.add(
        "flood.town_ground", town.write_ground,
        reads={"dem_town": town_source(plan), "grid": plan.facts("grid")},
        optional={n: plan.input(n) for n in ("landcover", "soils", "roads", "buildings")},
        writes={**layers, "facts": plan.facts("flood_ground")},
        options=given(plan, "dem_town", "landcover", "soils", "roads", "buildings"), limits=plan.cfg.storage,
        params=params.town, runoff=params.runoff,
    )  # fmt: skip
    places = ("waterlogging_sites", "drains", "pumps", "roads", "railways", "underground_spaces", "buildings")
    plan.add(
        "flood.sites", sites.write_sites,
        reads={"dem": layers["town_dem"], "built": layers["town_built"], "run_grid": plan.facts("grid")},
        optional={n: plan.input(n) for n in places},
        writes={**frames, "labels": plan.layer("town_labels"), "facts": plan.facts("flood_sites")},
        options=given(plan, *places), params=params.sites, hole_depth_m=params.dem_lies.hole_depth_m,
    )  # fmt: skip
    drained(plan)
    common = {**{n: plan.layer(n) for n in TOWN_SURFACE}, **frames}
    plan.add(
        "flood.past", town.write_past,
        reads={**common, "past_events": plan.input("rainfall.past_events"), "past_depths": plan.input("past_depths")},
        writes={"findings": plan.frame("town_findings"), "comparison": plan.frame("town_past"),
                "facts": plan.facts("flood_past")},
        past_rain=past_told(plan), params=params.town, runoff=params.runoff, sites=params.sites,
        rain_limit_mm_h=plan.cfg.rainfall.rain_limit_mm_h, max_bad_share=plan.cfg.rainfall.max_bad_share,
    )  # fmt: skip
    surroundings(plan)
    plan.add(
        "flood.town", storm.write_town,
        reads={**storm_reads(plan), "grid": plan.facts("grid")},
        optional={"findings": plan.frame("town_findings"), "inflows": inflows_of(plan)},
        writes={**{n: plan.layer(f"town_{n}") for n in ("depth", "duration", "arrival", "speed")},
                "rating": plan.layer("town_hazard_rating"), "coarse_rating": plan.layer("hazard_rating"),
                "frames": plan.cube("town_depth_frames"), "ponds": plan.frame("town_ponds"),
                "record": plan.cube("town_record"), "facts": plan.facts("flood_town")},
        params=params.town, runoff=params.runoff, sites=params.sites, sure_m=params.depth_bounds_m[1],
    )  # fmt: skip
    standard_storm(plan, common)
    cascade(plan)
    site_answers(plan)
    entrances(plan)
    design_rain(plan)
    site_stages(plan)


def write_openings(
    *, grid: Path, bridges: Path | None, culverts: Path | None, out: Path, options: dict[str, dict[str, Any]]
) -> None:
    """Write 1 where a bridge deck or a culvert closes the DEM though water passes, else 0."""
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector
    from geo_risk.terrain.burned import burned_blocks

    target = read_grid(grid)
    shapes: list[Any] = []
    for name, path in (("bridges", bridges), ("culverts", culverts)):
        if path is not None:
            read = read_vector(path, crs=target.crs, where=f"inputs.{name}", area=target.bounds,
                               options=ReadOptions(**options.get(name, {})))  # fmt: skip
            shapes += [(shape, 1.0) for shape in read.frame.geometry]
    burned = burned_blocks(shapes, target, fill=0.0, all_touched=True)
    layer = target.layer(burned, units="1", long_name="openings under roads", name="flood_openings")
    write_layer(layer, out)


def write_hazard(
    *,
    openings: Path | None,
    area_cut_ratio: Path | None,
    outside_area: Path | None,
    outside_area_high: Path | None,
    town_depth: Path | None,
    town_dem: Path | None,
    hazard_flood: Path,
    depth_max_m: Path,
    depth_river: Path,
    depth_pond: Path,
    flood_chance: Path,
    valley_depth: Path | None = None,
    valley_depth_high: Path | None = None,
    facts: Path,
    params: FloodParams,
    **layers: Path,
) -> None:
    """Write the flood's depth and level, and what is not known."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.compute import FloodCount, in_blocks, town_layer, town_part
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layers
    from geo_risk.sources.layers import open_layer

    inputs = {name: open_layer(path) for name, path in layers.items()}
    extra = {"openings": openings, "area_cut_ratio": area_cut_ratio, "outside_area": outside_area,
             "outside_area_high": outside_area_high, "valley_depth": valley_depth,
             "valley_depth_high": valley_depth_high}  # fmt: skip
    for name, path in extra.items():
        if path is not None:
            inputs[name] = open_layer(path)
    if town_depth is not None:
        own = open_layer(town_depth)
        if (
            town_dem is not None
        ):  # on the town's ground the county's coarser answer must not stand in for an unknown one
            own = own.where(own.notnull() | open_layer(town_dem).isnull(), -1.0)
        inputs["town_depth"] = town_layer(own, grid_of(inputs["dem"]), sure=params.depth_bounds_m[1])
        inputs["town_part"] = town_part(own, grid_of(inputs["dem"]))
    result = in_blocks(inputs, params)
    counted = FloodCount()
    seen: dict[Path, Callable[[Any], None]] = {
        hazard_flood: counted.add_levels, depth_river: partial(counted.add_wet, "river"),
        depth_pond: partial(counted.add_wet, "pond"),
    }  # fmt: skip
    made = {hazard_flood: result.level, depth_max_m: result.intensity, depth_river: result.extra["depth_river"],
            depth_pond: result.extra["depth_pond"], flood_chance: result.extra["flood_chance"]}  # fmt: skip
    write_layers(made, seen=lambda path, block: seen[path](block) if path in seen else None)
    write_json(counted.facts(result.card), facts)
