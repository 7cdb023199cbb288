"""Step of the bulletin: the warnings of an issue as a page, a document to sign, and a CAP message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import options_of
from geo_risk.flow.steps.warnings import TABLES
from geo_risk.sources.issues import last_before, later_than

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from geo_risk.flow.config import Config
    from geo_risk.flow.plan import Plan
    from geo_risk.products.township_alerts import LastKnown
    from geo_risk.products.warning_params import WarningParams
    from geo_risk.publish.cap import CapArea, CapMessage, CapSender
    from geo_risk.sources.options import ReadOptions


def warning_bulletin(plan: Plan) -> None:
    """Add the step that writes warnings/bulletin.html, bulletin.docx and cap.xml, where places are warned."""
    if not plan.has(plan.frame("warnings")):
        return
    folder = plan.out / "warnings"
    issued = _issued(plan.cfg)
    previous = None if issued is None else last_before(plan.cfg.output, issued)
    later = [] if issued is None else [p.stem for p in later_than(plan.cfg.output, issued)]
    plan.add(
        "publish.bulletin", write_bulletin_files,
        reads={**{n: plan.frame(n) for n in TABLES}, "stages": plan.facts("rainfall_stages"),
               "state": plan.facts("warning_state"), "grid": plan.facts("grid")},
        optional={"cells": plan.facts("warning_cells"), "admin": plan.input("admin"), "replaced": None},
        kept={"previous": previous},
        writes={"page": folder / "bulletin.html", "document": folder / "bulletin.docx", "cap": folder / "cap.xml"},
        run=plan.cfg.name, language=plan.cfg.language, params=plan.cfg.warning, options=options_of(plan, "admin"),
        forecasts=[[f.file.name, f.issued.isoformat()] for f in plan.cfg.inputs.rainfall.forecast], later=later,
    )  # fmt: skip


def _issued(cfg: Config) -> datetime | None:
    """Return the issue time of a plan, None for a hindcast and where it is not known before the rain is read."""
    from geo_risk.hazards.rainfall.stages import newest_issue

    times = [f.issued for f in cfg.inputs.rainfall.forecast]
    if cfg.rainfall.event_time is not None or not (cfg.rainfall.issued or times):
        return None
    return cfg.rainfall.issued or newest_issue(times)


def write_bulletin_files(
    *,
    warnings: Path,
    warning_townships: Path,
    warning_gaps: Path,
    stages: Path,
    state: Path,
    grid: Path,
    cells: Path | None,
    admin: Path | None,
    previous: Path | None,
    replaced: list[Path] | None,
    page: Path,
    document: Path,
    cap: Path,
    run: str,
    language: str,
    params: WarningParams,
    options: ReadOptions,
    forecasts: list[list[str]],
    later: list[str],
) -> None:
    """Write the bulletin and the message."""
    from geo_risk.core.schemas import conform
    from geo_risk.flow.steps.deformation_watch import read_townships
    from geo_risk.publish.bulletin import BulletinContent, write_bulletin
    from geo_risk.publish.bulletin_docx import write_docx
    from geo_risk.publish.cap import write_cap
    from geo_risk.sources.layers import read_frame, read_grid, read_json

    frames = {p.stem: conform(read_frame(p), p.stem) for p in (warnings, warning_townships, warning_gaps)}
    known, left = read_json(stages)["stages"], read_json(state)
    shown = [{**s, "forecast": _source(s, forecasts, language)} for s in known]
    facts = {} if cells is None else read_json(cells)
    method = _method(facts, params, language)
    content = BulletinContent(
        run, language, left["issued"] or "", shown, frames, facts.get("counts", {}), method, later
    )
    write_bulletin(content, page)
    write_docx(content, document)
    townships, _ = read_townships(admin, read_grid(grid).crs, options)
    earlier = [*([] if previous is None else [previous]), *(replaced or [])]
    message = _message(frames, townships, left, earlier, run=run, params=params, stages=shown, later=later)
    write_cap(message, _sender(params, is_hindcast=left["issued"] is None), cap)


def _source(stage: dict[str, Any], forecasts: list[list[str]], language: str) -> str | None:
    """Return the forecast of a stage by its file with when it was issued, its first hour where nothing states that."""
    from geo_risk.publish.i18n import label, local_time

    if stage["forecast"] is None:
        return None
    (name, issued), first = forecasts[stage["forecast"]], stage.get("issue_unstated_first")
    if first is None:
        return label("bulletin.stated", language, name=name, issued=local_time(issued))
    return label("bulletin.unstated", language, name=name, first=local_time(first))


def _sender(params: WarningParams, *, is_hindcast: bool) -> CapSender:
    """Return who sends it; what describes the past is an exercise, whatever the configuration says."""
    from geo_risk.publish.cap import CapSender

    c = params.cap
    status = "Exercise" if is_hindcast and c.status == "Actual" else c.status
    return CapSender(c.sender, c.sender_name, status, c.scope, c.restriction, c.addresses)


def _message(
    frames: dict[str, pd.DataFrame], townships: gpd.GeoDataFrame | None, state: dict[str, Any],
    earlier: list[Path], *, run: str, params: WarningParams, stages: list[dict[str, Any]], later: Sequence[str] = (),
) -> CapMessage:  # fmt: skip
    """Return the message of an issue after the messages that may have gone out before.

    Parameters
    ----------
    earlier : states of the issue before, and of what a correction takes the place of; of what they knew of a place the
        gravest counts. later : names of later issues.
    """
    from geo_risk.products.township_alerts import LastKnown
    from geo_risk.publish.cap import CapMessage
    from geo_risk.sources.issues import issue_time, read_issue
    from geo_risk.sources.layers import read_json

    sent = datetime.fromisoformat(state["issued"] or max(s["issued"] for s in stages))
    own, least = message_id(sent, state), params.cap.least_level
    before: dict[str, datetime] = {}
    known: dict[str, LastKnown] = {}
    for path in earlier:
        rungs, at = read_issue(path), issue_time(path)
        name = message_id(at, read_json(path))
        if name != own:
            before[name] = at
            for key, rung in rungs.items():
                if key not in known or rung.known > known[key].level:
                    known[key] = LastKnown(rung.known, at, is_older=rung.level < 0)
    told = {key for key, last in known.items() if last.level >= least}
    gone = len({key.rsplit(":", 1)[0] for key in told - _judged(frames["warnings"])})
    areas = _areas(frames, townships, known, least)
    if townships is None or not len(townships):  # the row of places outside every township stands for the whole run
        areas = [replace(a, name=run) for a in areas]
    notes = [_unknown_note(frames["warnings"], stages), _gone_note(gone), _later_note(later)]
    # what is not judged any more is not called off: the message before stands until it expires
    earliest = () if gone else tuple(sorted(before.items()))
    made = CapMessage(own, sent, run, areas, earliest, bool(told), " ".join(n for n in notes if n), bool(later))
    return replace(made, note=f"{_empty_note(least)} {made.note}".strip()) if made.is_empty else made


def _judged(warnings: pd.DataFrame) -> set[str]:
    """Return the keys of the places and stages that are judged, be it as unknown."""
    from geo_risk.products.place_warnings import rung_key

    keys = zip(warnings["place_kind"], warnings["place_id"], warnings["stage_h"], strict=True)
    return {rung_key(str(kind), str(place), int(hours)) for kind, place, hours in keys}


def _unknown_note(warnings: pd.DataFrame, stages: list[dict[str, Any]]) -> str:
    """Return what a message must say of what is not known, "" only where every place is known at every stage.

    A level of rain with missing hours is a lower bound: it may be higher, so that it calls nothing off.
    """
    if not len(warnings):
        return ("没有可判定的风险区或隐患点：无预警等级，不等于安全。"
                " There is no zone or point to judge: without a level is not safe.")  # fmt: skip
    unknown = int((warnings["warning_level"] < 0).sum())
    bounds = int(((warnings["judged_level"] >= 0) & warnings["antecedent_mm"].isna()).sum())
    silent = ", ".join(str(s["hours"]) for s in stages if s["forecast"] is None)
    return "" if not unknown + bounds else (
        f"等级未知的预警 {unknown} 条，仅知下限的 {bounds} 条（无预报的阶段：{silent or '无'}）：未知不等于安全。"
        f" {unknown} warnings are unknown, {bounds} are lower bounds (stages without forecast: {silent or 'none'}): "
        "unknown is not safe."
    )  # fmt: skip


def _gone_note(n: int) -> str:
    return "" if not n else (
        f"此前预警的 {n} 处（或其部分阶段）本次未作判定：此前的消息仍然有效，未解除。"
        f" {n} places that were warned of are not judged any more, or not at each stage: the earlier message stands, "
        "nothing is called off."
    )  # fmt: skip


def _later_note(later: Sequence[str]) -> str:
    if not later:
        return ""
    return f"已有更晚发布的预警（{later[-1]}）：本消息不得发送。 A later issue stands ({later[-1]}): not to be sent."


def _empty_note(least_level: int) -> str:
    from geo_risk.products.wording import warning_word

    zh, en = (warning_word(least_level, k) for k in ("zh", "en"))
    return (f"没有达到{zh}及以上的预警，也不解除任何预警：本消息为草稿，不发送。"
            f" Nothing is {en} or higher, and nothing is called off: a draft, not to be sent.")  # fmt: skip


def message_id(sent: datetime, state: dict[str, Any]) -> str:
    """Return an identifier that is the same for the same issue, and another where what it says is another.

    What it says is in its state: the levels of the places and, as `told`, the run, the times and the townships.
    """
    import hashlib
    import json

    said = state["places"] if "told" not in state else [state["told"], state["places"]]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
    return f"geo-risk-{sent.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"


def _areas(
    frames: dict[str, pd.DataFrame], townships: gpd.GeoDataFrame | None, known: dict[str, LastKnown], least_level: int
) -> list[CapArea]:
    from geo_risk.products.township_alerts import township_alerts
    from geo_risk.products.townships import OUTSIDE_ID, township_ids
    from geo_risk.publish.cap import CapArea

    shapes: dict[str, Any] = {}
    if townships is not None:
        shapes = dict(zip(township_ids(townships), townships.to_crs(4326).geometry, strict=True))
    found = township_alerts(frames["warnings"], frames["warning_townships"], last_known=known, least_level=least_level)
    return [
        CapArea(a.name, "" if a.township_id == OUTSIDE_ID else a.township_id, a.level, a.stage_h, a.onset, a.until,
                a.text_zh, a.text_en, shapes.get(a.township_id))
        for a in found
    ]  # fmt: skip


def _method(facts: dict[str, Any], params: WarningParams, language: str) -> list[str]:
    """Return how the levels were made, in sentences."""
    is_model = facts.get("drivers", {}).get("method") == "model"
    factors = [f"{f:.0%}" for f in params.factors]
    margin, times = params.lower_margin_mm, params.lower_after_issues
    if language == "zh":
        return [
            "每个地点的触发雨量由" + ("过去降雨滑坡事件拟合的模型" if is_model else "危险性与有效降雨判别矩阵")
            + "给出；有效雨量达到触发雨量即为该级预警。",
            f"雷达监测到变形的斜坡触发雨量降至 {factors[0]}，加速变形的降至 {factors[1]}（geo_risk 取值，可配置）。",
            f"上调立即生效；下调须雨量低于该级触发雨量 {margin:g} 毫米以上，或连续 {times} 期判定更低；"
            "未知不解除预警。",
            "风险区等级为其已知面积中规定比例所达到的最高等级；距下一级的毫米数为均匀增加降雨所需的最小值。",
            "仅更新降雨预警及其衍生产品；洪涝、内涝等其他产品为最近一次完整运行的结果。",
        ]  # fmt: skip
    rule = "a model fitted to slides of past storms" if is_model else "the matrix of hazard level and effective rain"
    return [
        f"The trigger rain of each place comes from {rule}; a level holds where effective rain reaches its trigger.",
        f"Triggers of slopes that radar sees move are lowered to {factors[0]}, of accelerating ones to {factors[1]} "
        "(choice of geo_risk, configurable).",
        f"Levels rise at once. They fall where rain is {margin:g} mm or more below the trigger of the level, or after "
        f"{times} issues that judge lower. Unknown clears nothing.",
        "A zone has the highest level that a stated share of its known area reaches; the mm left are the least even "
        "rain that would bring it to the next.",
        "Only warnings of rain and what follows from them are renewed; floods and waterlogging are those of the last "
        "full run.",
    ]  # fmt: skip
