"""Steps of the landslide hazard: factors, inventory, susceptibility, and a warning level for each stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geo_risk.flow.steps.landslide_hindcast import hindcast
from geo_risk.flow.steps.landslide_susceptibility import susceptibility
from geo_risk.flow.steps.landslide_warning import write_warning_model
from geo_risk.flow.steps.past_storms import past_reads, past_told, slide_options
from geo_risk.flow.steps.rainfall_antecedent import fitted_antecedent
from geo_risk.flow.steps.warnings import warning_cells

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.sources.options import ReadLimits, ReadOptions

TERRAIN = ("slope_deg", "aspect_deg", "curvature_plan", "curvature_profile", "curvature_tangential", "twi")
MADE = ("position_m", "relief_m", "ruggedness_m", "lithology", "landcover_class", "distance_rivers_m",
        "distance_roads_m", "distance_faults_m")  # fmt: skip
"""Factors that come from the terrain steps, and those made here (land cover is named apart from the input)."""


def landslide(plan: Plan) -> None:
    """Add the steps that write susceptibility, hazard_landslide and warning_{s}h."""
    _factors(plan)
    params = plan.cfg.landslide
    inventory = plan.source("landslide_inventory")
    plan.add(
        "landslide.inventory", write_inventory,
        reads={"landslide_inventory": plan.input("landslide_inventory"), "grid": plan.facts("grid")},
        writes={"events": plan.layer("landslide_events"), "facts": plan.facts("landslide_inventory")},
        options=None if inventory is None else inventory.options, duplicate_distance_m=params.duplicate_distance_m,
        max_error_m=params.max_location_error_m,
    )  # fmt: skip
    factors = {name: plan.layer(name) for name in (*TERRAIN[1:], *MADE)}
    susceptibility(plan, factors)
    _warnings(plan)


def _factors(plan: Plan) -> None:
    params, grid = plan.cfg.landslide, plan.facts("grid")
    plan.add(
        "landslide.position", write_position, reads={"dem": plan.layer("dem")},
        writes={"position": plan.layer("position_m"), "relief": plan.layer("relief_m"),
                "rugged": plan.layer("ruggedness_m")},
        position_radius_m=params.position_radius_m, relief_radius_m=params.relief_radius_m,
    )  # fmt: skip
    for name, max_m in (
        ("rivers", params.max_distance_m), ("roads", params.max_road_distance_m), ("faults", params.max_distance_m)
    ):  # fmt: skip
        source = plan.source(name)
        plan.add(
            f"landslide.distance[{name}]", write_distance, reads={name: plan.input(name), "grid": grid},
            writes={"out": plan.layer(f"distance_{name}_m")}, max_m=max_m,
            options=None if source is None else source.options,
        )  # fmt: skip
    geology, landcover = plan.source("geology"), plan.source("landcover")
    plan.add(
        "landslide.lithology", write_lithology, reads={"geology": plan.input("geology"), "grid": grid},
        writes={"out": plan.layer("lithology"), "facts": plan.facts("lithology")},
        options=None if geology is None else geology.options,
    )  # fmt: skip
    plan.add(
        "landslide.landcover", write_landcover, reads={"landcover": plan.input("landcover"), "grid": grid},
        writes={"out": plan.layer("landcover_class")}, options=None if landcover is None else landcover.options,
        limits=plan.cfg.storage,
    )  # fmt: skip


def _warnings(plan: Plan) -> None:
    plan.add(
        "landslide.past_storms", write_warning_model,
        reads={**past_reads(plan), "susceptibility": plan.layer("susceptibility"), "grid": plan.facts("grid")},
        optional={"slope_units": plan.layer("slope_units"), "skill": plan.facts("landslide"),
                  "fitted": fitted_antecedent(plan)},
        writes={"facts": plan.facts("landslide_past_storms"), "cases": plan.cube("past_cases"),
                "used": plan.layer("warning_susceptibility")}, params=plan.cfg.landslide, rainfall=plan.cfg.rainfall,
        past_rain=past_told(plan), options=slide_options(plan),
    )  # fmt: skip
    hindcast(plan)
    warning_cells(plan)


def write_position(
    *, dem: Path, position: Path, relief: Path, rugged: Path, position_radius_m: float, relief_radius_m: float
) -> None:
    """Write topographic position, local relief and ruggedness [m]."""
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.slope import local_relief, ruggedness_index, topographic_position

    height = open_layer(dem)
    write_layer(topographic_position(height, radius_m=position_radius_m), position)
    write_layer(local_relief(height, radius_m=relief_radius_m), relief)
    write_layer(ruggedness_index(height), rugged)


def write_distance(*, grid: Path, out: Path, max_m: float, options: ReadOptions | None, **lines: Path) -> None:
    """Write the distance [m] to the features given under their config name: lines, and for rivers areas too.

    They may lie beyond the map, as far as distances are told.
    """
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector
    from geo_risk.terrain.distance import feature_distance

    (name, path), target = next(iter(lines.items())), read_grid(grid)
    kind = None if name == "rivers" else "LineString"
    left, bottom, right, top = target.bounds
    around = (left - max_m, bottom - max_m, right + max_m, top + max_m)
    read = read_vector(path, crs=target.crs, where=f"inputs.{name}", area=around, geometry=kind,
                       options=options or NO_OPTIONS)  # fmt: skip
    write_layer(feature_distance(read.frame, target, max_m=max_m, name=f"distance_{name}_m"), out)


def write_lithology(*, geology: Path, grid: Path, out: Path, facts: Path, options: ReadOptions | None) -> None:
    """Write lithology codes [1], and what each code means."""
    from geo_risk.hazards.landslide.factors import category_layer
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector

    target = read_grid(grid)
    read = read_vector(geology, crs=target.crs, where="inputs.geology", area=target.bounds, columns=("lithology",),
                       geometry="Polygon", options=options or NO_OPTIONS)  # fmt: skip
    layer, legend = category_layer(read.frame, target, column="lithology", name="lithology")
    write_layer(layer, out)
    write_json({"legend": {str(k): v for k, v in legend.items()}, "quarantine": read.quarantine, "notes": [],
                "counts": {"polygons": len(read.frame)}}, facts)  # fmt: skip


def write_landcover(*, landcover: Path, grid: Path, out: Path, options: ReadOptions | None, limits: ReadLimits) -> None:
    """Write land cover classes [1] on the run grid, nearest neighbour."""
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.raster import load_raster

    layer = load_raster(landcover, read_grid(grid), units=None, where="inputs.landcover", resampling="nearest",
                        options=options or NO_OPTIONS, limits=limits)  # fmt: skip
    write_layer(layer.rename("landcover_class").assign_attrs(long_name="land cover class"), out)


def write_inventory(
    *, landslide_inventory: Path, grid: Path, events: Path, facts: Path, options: ReadOptions | None,
    duplicate_distance_m: float, max_error_m: float,
) -> None:  # fmt: skip
    """Write the events per cell [1], and what was set aside or merged."""
    from geo_risk.hazards.landslide.inventory import clean_inventory, event_layer
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector

    target = read_grid(grid)
    read = read_vector(landslide_inventory, crs=target.crs, where="inputs.landslide_inventory", area=target.bounds,
                       options=options or NO_OPTIONS)  # fmt: skip
    clean = clean_inventory(read.frame, target, duplicate_distance_m=duplicate_distance_m, max_error_m=max_error_m)
    write_layer(event_layer(clean.events, target), events)
    aside = [*read.quarantine, *clean.quarantine]
    counts = {"events": len(clean.events), "duplicates": clean.n_duplicates, "quarantined": len(aside),
              "misplaced": clean.n_misplaced, "location_error_not_stated": clean.n_unstated}  # fmt: skip
    write_json({"notes": [_inventory_note(counts, max_error_m)], "quarantine": aside, "counts": counts}, facts)


def _inventory_note(counts: dict[str, int], max_error_m: float) -> dict[str, str]:
    """Return what became of the inventory's rows, as a note for the report."""
    n, merged, aside = counts["events"], counts["duplicates"], counts["quarantined"]
    misplaced, unstated = counts["misplaced"], counts["location_error_not_stated"]
    return {
        "level": "warning" if aside else "info",
        "text_en": f"Landslide inventory: {n} events used, {merged} duplicates merged, {aside} rows set aside, "
        f"{misplaced} of them because their place is not known to {max_error_m:g} m. Of {unstated} of the events used "
        "no location error is stated.",
        "text_zh": f"滑坡编录：采用 {n} 个，合并重复 {merged} 个，搁置 {aside} 行，其中 {misplaced} 行定位误差超过 "
        f"{max_error_m:g} 米或不详；所采用灾点中 {unstated} 个未注明定位误差。",
    }
