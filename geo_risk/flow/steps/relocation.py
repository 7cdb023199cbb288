"""Step of relocation or treatment: moving, works or watching for each village at risk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.params import RiskParams
    from geo_risk.products.relocation_params import RelocationParams

FRAMES = ("relocation", "relocation_assumptions", "relocation_sensitivity")


def relocation(plan: Plan) -> None:
    """Add the step that writes relocation with its assumptions and sensitivity, after `points` and `runout`."""
    plan.add(
        "relocation", write_relocation,
        reads={name: plan.frame(name) for name in ("settlements", "houses", "risk_zones")},
        optional={"runout_zones": plan.frame("runout_zones"), "hazard_points": plan.frame("hazard_points"),
                  "hazard_landslide": plan.layer("hazard_landslide"), "hazard_flood": plan.layer("hazard_flood")},
        writes={**{name: plan.frame(name) for name in FRAMES}, "facts": plan.facts("relocation")},
        params=plan.cfg.relocation, risk=plan.cfg.risk, language=plan.cfg.language,
    )  # fmt: skip


def write_relocation(
    *,
    settlements: Path,
    houses: Path,
    risk_zones: Path,
    runout_zones: Path | None,
    hazard_points: Path | None,
    hazard_landslide: Path | None,
    hazard_flood: Path | None,
    relocation: Path,
    relocation_assumptions: Path,
    relocation_sensitivity: Path,
    facts: Path,
    params: RelocationParams,
    risk: RiskParams,
    language: str,
) -> None:
    """Write the list, every assumption behind it, and how it turns with the cost of moving."""
    from geo_risk.products.relocation import RelocationInputs, plan_relocation
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    def frame(path: Path | None) -> Any:
        return None if path is None else read_frame(path)

    grounds = [open_layer(path) for path in (hazard_landslide, hazard_flood) if path is not None]
    inputs = RelocationInputs(
        read_frame(settlements), read_frame(houses), read_frame(risk_zones), frame(runout_zones), frame(hazard_points),
        grounds,
    )  # fmt: skip
    made = plan_relocation(inputs, params=params, risk=risk, language=language)
    write_frame(made.relocation, relocation)
    write_frame(made.assumptions, relocation_assumptions)
    write_frame(made.sensitivity, relocation_sensitivity)
    missing = [k for k, path in (("landslide", hazard_landslide), ("flood", hazard_flood)) if path is None]
    write_json(_facts(made.totals, missing), facts)


def _facts(totals: dict[str, int], missing: list[str]) -> dict[str, Any]:
    """Return notes and counts; `missing` are the hazards that no layer was made of."""
    from geo_risk.products.wording import note, word

    t = totals
    said = [note(
        "warning" if t["settlements"] else "info",
        f"{t['settlements']} settlements are at risk for good: {t['settlements_relocate']} ({t['people_relocate']} "
        f"known people) are advised to move, {t['settlements_treat']} ({t['people_treat']}) to be treated, "
        f"{t['settlements_monitor']} ({t['people_monitor']}) to be watched. Costs are stand-ins until you set those of "
        "the place: see the sheet of assumptions in relocation.xlsx.",
        f"{t['settlements']} 个居民点长期受威胁：建议搬迁 {t['settlements_relocate']} 个（已知 {t['people_relocate']} "
        f"人）、治理 {t['settlements_treat']} 个（{t['people_treat']} 人）、监测 {t['settlements_monitor']} 个"
        f"（{t['people_monitor']} 人）。费用为假定值，请改用本地数据：见 relocation.xlsx 的“假定”表。",
    )]  # fmt: skip
    if t["settlements_of_unknown_people"] or t["settlements_of_unknown_risk"]:
        said.append(note(
            "warning",
            f"Of them {t['settlements_of_unknown_people']} have unknown people and {t['settlements_of_unknown_risk']} "
            "an unknown risk: none of these is advised to be watched alone.",
            f"其中 {t['settlements_of_unknown_people']} 个受威胁人数未知、{t['settlements_of_unknown_risk']} 个风险"
            "未知：均不建议仅靠监测。",
        ))  # fmt: skip
    if t["houses_of_no_settlement"]:
        said.append(note(
            "warning",
            f"{t['houses_of_no_settlement']} threatened houses belong to no settlement: who lives there is unknown, "
            "and no row of the list speaks of them.",
            f"{t['houses_of_no_settlement']} 处受威胁房屋不属于任何居民点：居住人数未知，清单中没有对应行，"
            "请现场核查。",
        ))  # fmt: skip
    if t["settlements_of_unknown_chance"]:
        said.append(note(
            "info",
            f"No return period is known for what threatens {t['settlements_of_unknown_chance']} settlements: loss and "
            "people avoided are unknown there (set relocation.annual_chance, or give return_period_yr).",
            f"{t['settlements_of_unknown_chance']} 个居民点的威胁重现期未知：可避免的损失与人员未知"
            "（可设置 relocation.annual_chance，或提供 return_period_yr）。",
        ))  # fmt: skip
    if t["wide"]:
        said.append(note(
            "info",
            f"{t['wide']} areas of wide sinking or of settling structures are left out: nobody is moved for them.",
            f"{t['wide']} 处大范围地面沉降或构筑物沉降未计入：不因此搬迁。",
        ))  # fmt: skip
    if t["bad_chances"]:
        said.append(note(
            "warning",
            f"{t['bad_chances']} return periods or annual chances are no such numbers and count as unknown.",
            f"{t['bad_chances']} 个重现期或年概率数值无效，按未知处理。",
        ))  # fmt: skip
    for hazard in missing:
        said.append(note(
            "warning",
            f"No hazard of {word(hazard, 'en')} was made: houses outside every zone are not known to be safe from it.",
            f"未生成{word(hazard, 'zh')}危险性：危险区以外的房屋对此不等于安全。",
        ))  # fmt: skip
    return {"notes": said, "counts": t, "quarantine": [], "methods": [
        {"name": "cost comparison of moving, works and watching", "citation": "present values over the horizon; "
         "every unit cost is a setting, see the sheet of assumptions", "validity": "ranks ways for a village; no "
         "estimate of a project"}]}  # fmt: skip
