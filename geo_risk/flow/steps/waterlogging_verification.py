"""Step that compares reported with predicted water, and proposes what the ledger should learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.waterlogging_params import WaterloggingParams


def site_verification(plan: Plan) -> None:
    """Add the step where anything was reported: in past storms with a run, or in the storm of this run."""
    if plan.input("storm_reports") is None and not plan.has(plan.frame("town_past")):
        return
    source = plan.source("storm_reports")
    plan.add(
        "waterlogging.verification", write_verification,
        reads={"waterlogging": plan.frame("waterlogging")},
        optional={"town_past": plan.frame("town_past"), "storm_reports": plan.input("storm_reports"),
                  "storm": plan.facts("flood_town")},
        writes={"verification": plan.frame("waterlogging_verification"),
                "proposals": plan.frame("waterlogging_ledger_proposals"),
                "facts": plan.facts("waterlogging_verification")},
        options={} if source is None else source.options.model_dump(), params=plan.cfg.waterlogging,
        language=plan.cfg.language,
    )  # fmt: skip


def write_verification(
    *,
    waterlogging: Path,
    town_past: Path | None,
    storm_reports: Path | None,
    storm: Path | None,
    verification: Path,
    proposals: Path,
    facts: Path,
    options: dict[str, Any],
    params: WaterloggingParams,
    language: str,
) -> None:
    """Write the frames waterlogging_verification and waterlogging_ledger_proposals."""
    import numpy as np
    import pandas as pd

    from geo_risk.products.site_verification import (
        THIS_STORM,
        of_storm,
        place_reports,
        propose,
        skill,
        unplaced,
        verify,
    )
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.depth_reports import read_depth_reports
    from geo_risk.sources.layers import read_frame, read_json
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.report_times import report_times

    ranked = read_frame(waterlogging)
    ids = ranked["site_id"].astype(str)
    parts: list[pd.DataFrame] = []
    aside: list[dict[str, str]] = []
    away = pd.DataFrame({"x": [], "y": [], "depth_m": []})
    told: list[dict[str, str]] = []
    if town_past is not None:
        parts.append(read_frame(town_past))
    if storm_reports is not None:
        reports, aside = read_depth_reports(storm_reports, crs=ranked.crs.to_wkt(), where="inputs.storm_reports",
                                            options=ReadOptions(**options))  # fmt: skip
        period = None if storm is None else read_json(storm)["period"]
        begin, end = (None if period is None else pd.Timestamp(period[k]) for k in ("begin", "end"))
        reports, late, vague = of_storm(reports.join(report_times(reports["time"])), begin, end,
                                        after_h=params.report_after_h)  # fmt: skip
        aside += late
        told = _time_notes(period, len(late), vague)
        placed, away = place_reports(reports, ranked, params)
        aside += unplaced(reports, ranked)
        deepest = placed.groupby("site_id")["depth_m"].max()
        parts.append(pd.DataFrame({
            "storm_id": THIS_STORM, "site_id": ids, "reported_m": ids.map(deepest).astype("float64"),
            "modelled_m": ranked["depth_m"].astype("float64") if period else np.nan,
        }))  # fmt: skip
    pairs = pd.concat(parts, ignore_index=True)
    names = pd.Series(ranked["name"].astype("string").to_numpy(), index=ids)
    table = verify(names, pairs, params, language=language)
    found = propose(ranked, pairs, away, params, language=language)
    write_frame(table, verification)
    write_frame(found, proposals)
    n = skill(table)
    said = [note("info", f"Reported against predicted water: {n['hit']} hits, {n['miss']} misses, {n['false_alarm']} "
                 f"false alarms, {n['correct_dry']} correctly dry, {n['unknown']} unknown.",
                 f"上报与模拟核对：命中 {n['hit']}、漏报 {n['miss']}、空报 {n['false_alarm']}、"
                 f"正确无积水 {n['correct_dry']}、未知 {n['unknown']}。")]  # fmt: skip
    if len(found):
        said.append(note("warning", f"{len(found)} proposals for the ledger of waterlogging sites: see "
                         "waterlogging_ledger_proposals.",
                         f"内涝点台账调整建议 {len(found)} 条：见台账调整建议清单。"))  # fmt: skip
    counts = {**n, **{f"proposals_{k}": int(v) for k, v in found["proposal"].value_counts().items()}}
    write_json({"notes": [*said, *told], "counts": counts, "quarantine": aside}, facts)


def _time_notes(period: dict[str, str] | None, n_other: int, counts: dict[str, int]) -> list[dict[str, str]]:
    """Return what the report says of the times of the storm's reports."""
    from geo_risk.products.wording import note

    if period is None:
        return [note("warning", "Reports of water were given, but no rain of their storm: what was predicted for it is "
                     "unknown.", "提供了积水上报，但无该次降雨：模拟水深未知，无法核对。")]  # fmt: skip
    begin, end = (f"{period[k][:16]}Z" for k in ("begin", "end"))
    texts = (
        (n_other, f"{n_other} reports of water are of another time than the storm ({begin} to {end}): not used.",
         f"{n_other} 条积水上报时间不在本次降雨过程内（{begin} 至 {end}，世界时）：未采用。"),
        (counts["untimed"], f"{counts['untimed']} reports of water state no time that can be read: taken for this "
         "storm's.", f"{counts['untimed']} 条积水上报无可识别的时间：按本次降雨计。"),
        (counts["without_zone"], f"{counts['without_zone']} reports of water state a time without its zone or a day "
         "alone: used where it may lie in the storm, as Beijing time or as UTC.",
         f"{counts['without_zone']} 条积水上报时间未注明时区或仅有日期：按北京时间或世界时可能在过程内的予以采用。"),
    )  # fmt: skip
    return [note("warning" if k == 0 else "info", english, chinese)
            for k, (n, english, chinese) in enumerate(texts) if n]  # fmt: skip
