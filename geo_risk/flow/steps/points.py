"""Steps of the hazard points: the ledger merged with what radar found, and the zones linked with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import facts_of, options_of
from geo_risk.flow.steps.warnings import place_warnings
from geo_risk.flow.steps.zones import write_linked

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.params import RiskParams
    from geo_risk.sources.options import ReadOptions


def merged(plan: Plan) -> None:
    """Add the step that writes the frame points_merged, where it is not planned yet."""
    if plan.has(plan.frame("points_merged")) or any(o.step == "points.merge" for o in plan.omissions):
        return
    sources: dict[str, Any] = {
        "hazard_points": plan.input("hazard_points"),
        "active_deformation": plan.frame("active_deformation"),
        "mining_clues": plan.frame("mining_clues"),
    }
    needs: dict[str, Any] = {"grid": plan.facts("grid")}
    if not any(plan.has(path) for path in sources.values()):
        needs["hazard_points"] = sources.pop("hazard_points")
    around = {
        "hazard": plan.layer("hazard_landslide"), "activity": plan.layer("activity"),
        "blind_map": plan.layer("blind_map"), "houses": plan.frame("houses"), "zones_drawn": plan.frame("zones_drawn"),
    }  # fmt: skip
    plan.add(
        "points.merge", write_points, reads=needs, optional={**sources, **around},
        writes={"out": plan.frame("points_merged"), "facts": plan.facts("hazard_points")},
        params=plan.cfg.risk, language=plan.cfg.language, options=options_of(plan, "hazard_points"),
    )  # fmt: skip


def points(plan: Plan) -> None:
    """Add the steps that write hazard_points and, linked with them, risk_zones, both with their warnings.

    Call it after `zones`, and after `runout` where points shall name the run-out at their place: it publishes the zones
    whether there are points or not.
    """
    merged(plan)
    plan.add(
        "zones.link", write_linked, reads={"zones_drawn": plan.frame("zones_drawn")},
        optional={"points": plan.frame("points_merged")},
        writes={"out": plan.frame("zones_linked"), "facts": plan.facts("zone_ranks")},
        language=plan.cfg.language, params=plan.cfg.risk,
    )  # fmt: skip
    plan.add(
        "points.link", write_linked_points, reads={"points": plan.frame("points_merged")},
        optional={"zones": plan.frame("zones_drawn"), "runouts": plan.frame("runout_found")},
        writes={"out": plan.frame("points_linked")}, language=plan.cfg.language, params=plan.cfg.risk,
    )  # fmt: skip
    place_warnings(plan)


def write_linked_points(
    *, points: Path, zones: Path | None, runouts: Path | None, out: Path, language: str, params: RiskParams
) -> None:
    """Write the points with the further zones and the run-out at their place."""
    from geo_risk.products.cross_links import in_language, runout_links, with_targets, zone_links
    from geo_risk.publish.frames import write_frame
    from geo_risk.sources.layers import read_frame

    made = read_frame(points)
    of_zones = zone_links(made, None if zones is None else read_frame(zones), params)
    of_runout = runout_links(made, None if runouts is None else read_frame(runouts), params)
    made = with_targets(made, of_zones, column="other_zone_ids", sentence="also_zones")
    made = with_targets(made, of_runout, column="runout_zone_ids", sentence="point_runout")
    write_frame(in_language(made, language), out)


def write_points(
    *,
    grid: Path,
    hazard_points: Path | None = None,
    active_deformation: Path | None,
    mining_clues: Path | None,
    hazard: Path | None,
    activity: Path | None = None,
    blind_map: Path | None,
    houses: Path | None,
    zones_drawn: Path | None,
    out: Path,
    facts: Path,
    params: RiskParams,
    language: str,
    options: ReadOptions,
) -> None:
    """Write hazard_points, and what was done to the ledger."""
    from geo_risk.products.danger_draws import with_ranks
    from geo_risk.products.point_chance import expected_notes, with_expected
    from geo_risk.products.points import Surroundings, merge_points
    from geo_risk.products.rank_notes import rank_notes
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame, read_grid
    from geo_risk.sources.ledger import read_ledger

    target = read_grid(grid)
    ledger, notes, quarantine = None, [], []
    if hazard_points is not None:
        read = read_ledger(
            hazard_points, "hazard_points", crs=target.crs, where="inputs.hazard_points", area=target.bounds,
            options=options,
        )  # fmt: skip
        ledger, notes, quarantine = read.frame, read.notes, read.quarantine
    around = Surroundings(
        hazard=None if hazard is None else open_layer(hazard),
        activity=None if activity is None else open_layer(activity),
        blind_map=None if blind_map is None else open_layer(blind_map),
        houses=None if houses is None else read_frame(houses),
        clues=None if mining_clues is None else read_frame(mining_clues),
        zones=None if zones_drawn is None else read_frame(zones_drawn),
    )
    areas = None if active_deformation is None else read_frame(active_deformation)
    merged = merge_points(ledger, areas, around, params=params, language=language)
    known, bad = with_expected(merged, ledger, language=language)
    made = with_ranks(known, params, language=language)
    write_frame(made, out)
    counts = {str(k): int(n) for k, n in made.groupby("status").size().items()}
    said = facts_of(notes, quarantine=quarantine, points=len(made), **counts)
    if around.zones is not None and len(made):
        said["notes"].append(_linked(made))
    said["notes"] += expected_notes(made, bad)
    said["notes"] += rank_notes(made, params.ranks, en="hazard points", zh="个隐患点")
    if areas is not None and len(areas):
        said["notes"] += _doubt(areas, params)
    write_json(said, facts)


def _doubt(areas: Any, params: RiskParams) -> list[dict[str, str]]:
    """Return what is said of the moving areas that are set aside as noise; a warning where none can be kept."""
    from geo_risk.products.linking import likely_false
    from geo_risk.products.wording import note

    limit, least = params.false_alarm_max, float(areas["false_alarm_p"].min())
    n = int(likely_false(areas, limit).sum())
    if not n:
        return []
    out = [note(
        "info",
        f"{n} of {len(areas)} moving areas have a false-alarm probability above {limit:g}: they make no hazard point "
        "and no risk zone and stay in active_deformation",
        f"{len(areas)} 个活动形变区中有 {n} 个虚警概率高于 {limit:g}：不生成隐患点和风险区，仍保留在活动形变区图层",
    )]  # fmt: skip
    if limit < least:
        out.append(note(
            "warning",
            f"risk.false_alarm_max is {limit:g}, below the smallest false-alarm probability of any area ({least:g}): "
            "every area whose probability is known is set aside. Raise it, or simulate noise more often.",
            f"risk.false_alarm_max 为 {limit:g}，低于各形变区虚警概率的最小值（{least:g}）："
            "凡虚警概率已知的形变区均被剔除。请调高该参数，或增加噪声模拟次数。",
        ))  # fmt: skip
    return out


def _linked(points: Any) -> dict[str, str]:
    """Return how many points have their zone by which rule."""
    from geo_risk.products.matching import RULES
    from geo_risk.products.wording import note, word

    counts = points["zone_rule"].value_counts()
    found = [(f"rule_{rule}", int(counts[rule])) for rule in RULES if rule in counts]
    none = int(points["zone_id"].isna().sum())
    english = "; ".join(f"{word(r, 'en')}: {n}" for r, n in found) or "none"
    chinese = "；".join(f"{word(r, 'zh')} {n}" for r, n in found) or "无"
    return note(
        "info", f"{len(points) - none} of {len(points)} hazard points have a risk zone ({english}); {none} have none",
        f"{len(points)} 个隐患点中 {len(points) - none} 个对应风险区（{chinese}），{none} 个无对应风险区",
    )  # fmt: skip
