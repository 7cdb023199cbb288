"""Step of the evacuation: who leaves, where to, by which road."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.names import STAGES_H
from geo_risk.flow.steps.exposure import options_of
from geo_risk.flow.steps.zones import read_roads

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.products.evacuation import EvacuationPlan
    from geo_risk.products.params import EvacuationParams, RiskParams
    from geo_risk.sources.options import ReadOptions

_WARNINGS = tuple(f"warning_{s}h" for s in STAGES_H)


def evacuation(plan: Plan) -> None:
    """Add the step that writes evacuation, evacuation_assignments and evacuation_routes, after `points`."""
    frames = ("evacuation", "evacuation_assignments", "evacuation_routes")
    grounds = {name: plan.layer(name) for name in ("hazard_landslide", "hazard_flood", *_WARNINGS)}
    is_warned = plan.has(plan.layer("dem")) and any(plan.has(grounds[name]) for name in _WARNINGS)
    reach = {"reach_level": plan.layer("reach_level")} if is_warned else {}
    plan.add(
        "evacuation.plan", write_evacuation,
        reads={**{n: plan.frame(n) for n in ("settlements", "houses", "risk_zones")}, "grid": plan.facts("grid")},
        optional={"dem": plan.layer("dem"), "roads": plan.input("roads"), "shelters": plan.input("shelters"),
                  "stages": plan.facts("rainfall_stages"), **grounds},
        writes={**{name: plan.frame(name) for name in frames}, "facts": plan.facts("evacuation"), **reach},
        params=plan.cfg.evacuation, risk=plan.cfg.risk, runout=plan.cfg.runout, language=plan.cfg.language,
        road_options=options_of(plan, "roads"),
        shelter_options=options_of(plan, "shelters"),
    )  # fmt: skip


def write_evacuation(
    *,
    settlements: Path,
    houses: Path,
    risk_zones: Path,
    grid: Path,
    dem: Path | None = None,
    roads: Path | None,
    shelters: Path | None,
    stages: Path | None,
    evacuation: Path,
    evacuation_assignments: Path,
    evacuation_routes: Path,
    facts: Path,
    reach_level: Path | None = None,
    params: EvacuationParams,
    risk: RiskParams,
    runout: RunoutParams,
    language: str,
    road_options: ReadOptions,
    shelter_options: ReadOptions,
    **grounds: Path | None,
) -> None:
    """Write the list, the assignments, the routes, and totals that reconcile."""
    from geo_risk.products.evacuation import EvacuationInputs, plan_evacuation
    from geo_risk.products.threat import highest_reach, reach_layers
    from geo_risk.products.warned import current_layers, runout_layers
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame, read_grid, read_json
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
    known: list[dict[str, Any]] = [] if stages is None else read_json(stages)["stages"]
    levels = {name: open_layer(path) for name, path in grounds.items() if path is not None}
    given = {name: levels[name] for name in _WARNINGS if name in levels}
    warnings, superseded = current_layers(given, known, after_h=params.superseded_after_h)
    reach = {}
    if dem is not None and params.threat_by == "runout":
        reach = runout_layers(open_layer(dem), warnings, params=runout)
    elif dem is not None:
        reach = reach_layers(open_layer(dem), warnings, params=params)
    inputs = EvacuationInputs(
        read_frame(settlements), read_frame(houses), read_frame(risk_zones), lines, places,
        [s for s in known if s.get("forecast") is not None], list(levels.values()), reach,
    )  # fmt: skip
    made = plan_evacuation(inputs, params=params, risk=risk, language=language)
    write_frame(made.evacuation, evacuation)
    write_frame(made.assignments, evacuation_assignments)
    write_frame(made.routes, evacuation_routes)
    if reach_level is not None and reach:
        write_layer(highest_reach(reach), reach_level)
    write_json(_facts(made, notes, quarantine, params.threat_by, superseded), facts)


def _threat_method(threat_by: str) -> dict[str, Any]:
    from dataclasses import asdict

    from geo_risk.hazards.runout.compute import CARD

    if threat_by == "runout":
        return asdict(CARD)
    return {"name": "line-of-sight screening by the angle of reach", "citation": "Corominas 1996, Canadian "
            "Geotechnical Journal 33(2)", "validity": "straight lines on the DEM; no volume or path"}  # fmt: skip


def _facts(
    made: EvacuationPlan, notes: list[str], quarantine: list[dict[str, str]], threat_by: str, superseded: list[int]
) -> dict[str, Any]:
    from geo_risk.products.wording import note

    t = made.totals
    said = [note("info", text) for text in notes]
    if superseded:
        hours = ", ".join(map(str, superseded))
        said.append(note(
            "info",
            f"The stages of {hours} h are older issues of hours that newer ones cover: where these know a slope, their "
            "level decides who must leave.",
            f"{hours} 小时阶段的预报已被覆盖同一时段的较新预报取代：凡较新预报已判定之处，以其等级确定转移对象。",
        ))  # fmt: skip
    said.append(note(
        "warning" if t["people_unassigned"] or t["settlements_of_unknown_population"] else "info",
        f"{t['people_total']} people of {t['settlements']} settlements must leave: {t['people_assigned']} have a "
        f"place, {t['people_unassigned']} have none (at least {t['people_unassignable']} cannot have one); "
        f"{t['settlements_of_unknown_population']} settlements of unknown population are listed.",
        f"{t['settlements']} 个居民点共 {t['people_total']} 人需转移：已安置 {t['people_assigned']} 人，未安置 "
        f"{t['people_unassigned']} 人（其中至少 {t['people_unassignable']} 人无法安置）；另有 "
        f"{t['settlements_of_unknown_population']} 个居民点人口未知。",
    ))  # fmt: skip
    if t["houses_not_judged"]:
        said.append(note(
            "warning",
            f"{t['houses_not_judged']} houses of {t['settlements_not_judged']} settlements, with "
            f"{t['people_not_judged']} known people, stand on ground of which nothing is known: their people are in no "
            f"total, not because they are safe. {t['settlements_listed_for_that']} settlements are on the list for "
            "that alone, their people unknown. Look at them by hand.",
            f"{t['settlements_not_judged']} 个居民点的 {t['houses_not_judged']} 处房屋"
            f"（已知 {t['people_not_judged']} 人）所在地面无任何预警信息：未计入转移人数不等于安全，请人工核查；其中 "
            f"{t['settlements_listed_for_that']} 个居民点仅因此列入清单，人数未知。",
        ))  # fmt: skip
    if t["houses_without_settlement"]:
        said.append(note(
            "warning",
            f"{t['houses_without_settlement']} houses that must be left belong to no settlement: nobody is listed for "
            "them. Find out who lives there, or give `settlement_id` in inputs.buildings.",
            f"{t['houses_without_settlement']} 处需撤离的房屋不属于任何居民点：清单中没有对应人员。请核实居住情况，"
            "或在 inputs.buildings 中填写 settlement_id。",
        ))  # fmt: skip
    if t["shelters_of_unknown_ground"]:
        said.append(note(
            "warning",
            f"The ground of {t['shelters_of_unknown_ground']} of {t['shelters_usable']} usable shelters is partly "
            "unknown: they are used, look at them before.",
            f"{t['shelters_usable']} 个可用安置点中有 {t['shelters_of_unknown_ground']} 个所在地面部分灾害等级未知："
            "已参与分配，启用前请核查。",
        ))  # fmt: skip
    return {"notes": said, "counts": t, "quarantine": quarantine + made.quarantine, "methods": [
        {"name": "minimum-cost assignment", "citation": "Dantzig & Wolfe 1960, Operations Research 8(1); HiGHS",
         "validity": "road times by class; places as stated by the shelters' owner"},
        _threat_method(threat_by)]}  # fmt: skip
