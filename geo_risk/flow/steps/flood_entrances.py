"""Steps of underground entrances: where they stand in the town, and their sill check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams
    from geo_risk.products.waterlogging_params import WaterloggingParams


def entrances(plan: Plan) -> None:
    """Add the step that places the entrances on the town's ground."""
    from geo_risk.flow.steps.flood import given

    plan.add(
        "flood.entrances", write_entrances,
        reads={"underground_spaces": plan.input("underground_spaces"), "town_dem": plan.layer("town_dem")},
        writes={"entrances": plan.frame("town_entrances"), "facts": plan.facts("flood_entrances")},
        options=given(plan, "underground_spaces"), sites=plan.cfg.flood.sites,
    )  # fmt: skip


def sill_check(plan: Plan) -> None:
    """Add the step that compares the water at every entrance with its sill."""
    plan.add(
        "waterlogging.sills", write_sills,
        reads={"entrances": plan.frame("town_entrances"), "town_depth": plan.layer("town_depth"),
               "town_dem": plan.layer("town_dem"), "town_sites": plan.frame("town_sites"),
               "town_ponds": plan.frame("town_ponds")},
        optional={"runs": plan.cube("town_design")},
        writes={"frame": plan.frame("underground_entrances"), "facts": plan.facts("waterlogging_sills")},
        sites=plan.cfg.flood.sites, params=plan.cfg.waterlogging, language=plan.cfg.language,
    )  # fmt: skip


def write_entrances(
    *,
    underground_spaces: Path,
    town_dem: Path,
    entrances: Path,
    facts: Path,
    options: dict[str, dict[str, Any]],
    sites: SiteParams,
) -> None:
    """Write every entrance with its cell and depression."""
    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.flood_sites import read_features
    from geo_risk.hazards.flood.entrances import place_entrances
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer

    height = open_layer(town_dem)
    ground = town_ground(grid_of(height), height.to_numpy(), sites)
    aside: list[dict[str, str]] = []
    read = read_features(underground_spaces, "underground_spaces", ground.grid, options=options, aside=aside)
    placed, bad = place_entrances(read, ground, sill_max_m=sites.sill_max_m)
    write_frame(placed, entrances)
    # what the reader set aside is told by the step of the sites, which reads the same file
    write_json({"notes": [], "counts": {"entrances": len(placed)}, "quarantine": bad}, facts)


def write_sills(
    *,
    entrances: Path,
    town_depth: Path,
    town_dem: Path,
    town_sites: Path,
    town_ponds: Path,
    runs: Path | None,
    frame: Path,
    facts: Path,
    sites: SiteParams,
    params: WaterloggingParams,
    language: str,
) -> None:
    """Write the frame underground_entrances."""
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.flood_design import entrance_water
    from geo_risk.hazards.flood.entrances import entrance_corrections, unsure_entrances, water_at
    from geo_risk.hazards.flood.responses import corrected
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.products.entrances import check_sills
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height = open_layer(town_dem)
    ground = town_ground(grid_of(height), height.to_numpy(), sites)
    doors = read_frame(entrances)
    places, table = read_frame(town_sites), read_frame(town_ponds)
    move = entrance_corrections(doors, places, table)
    water = water_at(open_layer(town_depth).to_numpy().astype(np.float64), doors["cell"].to_numpy(np.int64), ground)
    by_years = {} if runs is None else {y: corrected(w, move) for y, w in entrance_water(runs).items()}
    checked = check_sills(doors, corrected(water, move), by_years, params,
                          is_unsure=unsure_entrances(doors, places, table), language=language)  # fmt: skip
    write_frame(checked, frame)
    n = checked["sill_state"].value_counts()
    over, unknown = int(n.get("over_sill", 0)), int(n.get("unknown", 0))
    notes = []
    if over:
        notes.append(note("warning", f"Water stands over the sill of {over} of {len(checked)} underground entrances.",
                          f"{len(checked)} 处地下空间出入口中 {over} 处水位高于挡水坎。"))  # fmt: skip
    if unknown:
        notes.append(note("warning", f"The sill or the water of {unknown} underground entrances is unknown: they are "
                          "not known to be safe.",
                          f"{unknown} 处地下空间出入口挡水高度或水深未知：不等于安全。"))  # fmt: skip
    counts = {f"entrances_{k}": int(v) for k, v in n.items()}
    write_json({"notes": notes, "counts": counts, "quarantine": []}, facts)
