"""Step of the evacuation: who leaves, where to, by which road."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import options_of
from geo_risk.flow.steps.reach import WARNINGS, reach_name
from geo_risk.flow.steps.waters import WATERS, read_waters
from geo_risk.flow.steps.zones import read_roads

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.closing import DepthLayer
    from geo_risk.products.evacuation import EvacuationPlan
    from geo_risk.products.params import EvacuationParams, RiskParams
    from geo_risk.products.threat import Slides
    from geo_risk.products.water_times import FloodTimes
    from geo_risk.sources.options import ReadOptions

_WATER = ("town_depth", "town_arrival", "depth_max_m")


def evacuation(plan: Plan) -> None:
    """Add the step that writes evacuation, its assignments and routes, and cut_off, after `points`."""
    frames = ("evacuation", "evacuation_assignments", "evacuation_routes", "cut_off")
    water = {name: plan.layer(name) for name in _WATER}
    grounds = {name: plan.layer(name) for name in ("hazard_landslide", "hazard_flood", *WARNINGS)}
    reached = {reach_name(name): plan.layer(reach_name(name)) for name in WARNINGS}
    plan.add(
        "evacuation.plan", write_evacuation,
        reads={**{n: plan.frame(n) for n in ("settlements", "houses", "risk_zones")}, "grid": plan.facts("grid")},
        optional={"roads": plan.input("roads"), "shelters": plan.input("shelters"),
                  "stages": plan.facts("rainfall_stages"), "bridges": plan.input("bridges"),
                  **grounds, **reached, **water, "depth_river": plan.layer("depth_river"),
                  **{n: plan.layer(n) for n in ("flood_chance", "slide_chance", "slide_onset")},
                  "slides": plan.facts("slide_chance"),
                  **{n: plan.facts(n) for n in ("flood_onset", "flood_town")},
                  **{n: plan.input(n) for n in WATERS}},
        writes={**{name: plan.frame(name) for name in frames}, "facts": plan.facts("evacuation")},
        params=plan.cfg.evacuation, risk=plan.cfg.risk, language=plan.cfg.language,
        road_options=options_of(plan, "roads"),
        shelter_options=options_of(plan, "shelters"),
        bridge_options=options_of(plan, "bridges"), river_options=options_of(plan, "rivers"),
        reservoir_options=options_of(plan, "reservoirs"),
    )  # fmt: skip


def write_evacuation(
    *,
    settlements: Path,
    houses: Path,
    risk_zones: Path,
    grid: Path,
    roads: Path | None,
    shelters: Path | None,
    stages: Path | None,
    bridges: Path | None = None,
    town_depth: Path | None = None,
    town_arrival: Path | None = None,
    depth_max_m: Path | None = None,
    depth_river: Path | None = None,
    flood_onset: Path | None = None,
    flood_town: Path | None = None,
    slides: Path | None = None,
    slide_chance: Path | None = None,
    slide_onset: Path | None = None,
    rivers: Path | None = None,
    reservoirs: Path | None = None,
    evacuation: Path,
    evacuation_assignments: Path,
    evacuation_routes: Path,
    cut_off: Path,
    facts: Path,
    params: EvacuationParams,
    risk: RiskParams,
    language: str,
    road_options: ReadOptions,
    shelter_options: ReadOptions,
    bridge_options: ReadOptions | None = None,
    river_options: ReadOptions | None = None,
    reservoir_options: ReadOptions | None = None,
    **layers: Path | None,
) -> None:
    """Write the list, the assignments, the routes, who may be cut off, and totals that reconcile."""
    from geo_risk.flow.steps.evacuation_priority import with_ranks
    from geo_risk.products.evacuation import EvacuationInputs, plan_evacuation
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame, read_grid, read_json
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector

    target = read_grid(grid)
    lines, notes, quarantine = read_roads(roads, target, road_options)
    places = None
    if shelters is not None:
        read = read_vector(
            shelters, crs=target.crs, area=target.bounds, where="inputs.shelters", id_column="shelter_id",
            columns=("capacity", "name?", "kind?"), options=shelter_options,
        )  # fmt: skip
        places, notes, quarantine = read.frame, notes + read.notes, quarantine + read.quarantine
    decks = None
    if bridges is not None:
        crossed = read_vector(bridges, crs=target.crs, area=target.bounds, where="inputs.bridges",
                              options=bridge_options or NO_OPTIONS)  # fmt: skip
        decks, notes, quarantine = crossed.frame, notes + crossed.notes, quarantine + crossed.quarantine
    waters, aside = read_waters({"rivers": rivers, "reservoirs": reservoirs}, target,
                                {"rivers": river_options, "reservoirs": reservoir_options}, params)  # fmt: skip
    quarantine = quarantine + aside
    known: list[dict[str, Any]] = [] if stages is None else read_json(stages)["stages"]
    found = {name: open_layer(path) for name, path in layers.items() if path is not None}
    chance = found.pop("flood_chance", None)
    reach = {name: found.pop(reach_name(name)) for name in WARNINGS if reach_name(name) in found}
    inputs = EvacuationInputs(
        read_frame(settlements), read_frame(houses), read_frame(risk_zones), lines, places,
        [s for s in known if s.get("forecast") is not None], list(found.values()), reach,
        _water(town_depth, town_arrival, depth_max_m), decks,
        _times(flood_onset, flood_town, town_arrival=town_arrival, town_depth=town_depth, depth_river=depth_river),
        waters, is_judged=bool(found or reach), flood_chance=chance,
        slides=_slides(slide_chance, slide_onset, slides),
    )  # fmt: skip
    made = plan_evacuation(inputs, params=params, risk=risk, language=language)
    write_frame(made.evacuation, evacuation)
    write_frame(made.assignments, evacuation_assignments)
    write_frame(made.routes, evacuation_routes)
    write_frame(made.cut_off, cut_off)
    told = _facts(made, notes, quarantine, [*found, *reach])
    write_json(with_ranks(told, made.evacuation, params, language), facts)


def _water(town_depth: Path | None, town_arrival: Path | None, depth_max_m: Path | None) -> list[DepthLayer]:
    """Return the layers of depth, the town's first: it is the finest."""
    from geo_risk.products.closing import DepthLayer
    from geo_risk.sources.layers import open_layer

    out = []
    if town_depth is not None:
        out.append(DepthLayer(open_layer(town_depth), None if town_arrival is None else open_layer(town_arrival)))
    if depth_max_m is not None:
        out.append(DepthLayer(open_layer(depth_max_m)))
    return out


def _slides(chance: Path | None, onset: Path | None, told: Path | None) -> Slides | None:
    """Return the chance that a slide comes, with the stages whose rain it holds."""
    from datetime import datetime

    from geo_risk.products.threat import Slides
    from geo_risk.sources.layers import open_layer, read_json

    if chance is None or onset is None or told is None:
        return None
    facts = read_json(told)
    begins = datetime.fromisoformat(str(facts["begins"]))
    return Slides(open_layer(chance), open_layer(onset), begins, frozenset(facts["holds"]))


def _times(onset: Path | None, town: Path | None, **layers: Path | None) -> FloodTimes:
    """Return what is known of when the flood comes."""
    from geo_risk.hazards.rainfall.onset import MODERATE_MM
    from geo_risk.products.water_times import flood_times
    from geo_risk.sources.layers import open_layer, read_json

    return flood_times(
        None if onset is None else read_json(onset), None if town is None else read_json(town),
        {name: open_layer(path) for name, path in layers.items() if path is not None}, light_mm=MODERATE_MM,
    )  # fmt: skip


def _facts(
    made: EvacuationPlan, notes: list[str], quarantine: list[dict[str, str]], looked_at: list[str]
) -> dict[str, Any]:
    from geo_risk.products.evacuation_notes import network_notes, plan_notes, unlooked_notes
    from geo_risk.products.wording import note

    said = [note("info", text) for text in notes]
    said += plan_notes(made.totals) + unlooked_notes(looked_at) + network_notes(made.network)
    return {"notes": said, "counts": made.totals, "network": made.network, "quarantine": quarantine + made.quarantine,
            "methods": [
        {"name": "minimum-cost assignment by column generation",
         "citation": "Dantzig & Wolfe 1960, Operations Research 8(1); HiGHS",
         "validity": "road times by class; places as stated by the shelters' owner; villages kept together afterwards"},
        {"name": "bridges that cut off, by dominators", "citation": "Lengauer & Tarjan 1979, ACM TOPLAS 1(1)",
         "validity": "each bridge fails alone, exposed sections with it"}]}  # fmt: skip
