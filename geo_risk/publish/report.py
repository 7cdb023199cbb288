"""report.html: what was run on what, what was found, what is missing, and by which methods."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dask
import pandas as pd
import xarray as xr

from geo_risk import __version__
from geo_risk.core.names import STAGES_H
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish import report_tables as tables
from geo_risk.publish.atomic import write_text
from geo_risk.publish.escape import html_environment, render_page, trusted
from geo_risk.publish.hashing import VOLATILE
from geo_risk.publish.i18n import label, labels, method_label
from geo_risk.publish.legend import LEVEL_COLORS, UNKNOWN_COLOR
from geo_risk.publish.lists import list_rows
from geo_risk.publish.model_card import model_card
from geo_risk.publish.raster_names import raster_label

_TOP = {
    "evacuation": ("rank", "name", "people", "risk_level", "warning_level", "shelter_name", "unassigned_people",
                   "reasons"),
    "waterlogging": ("rank", "name", "kind", "depth_m", "cause", "people", "reasons"),
}  # fmt: skip


@dataclass(frozen=True)
class ReportContent:
    """What the run knows beside its products.

    Attributes
    ----------
    name, language, data_time : as on the map.
    facts : what each step wrote for the report, by step: notes, counts, quarantine, methods.
    omissions : steps that were left out: {"step", "products", "needs"}.
    inputs : (config key, file name) pairs.
    rasters : names in the output folder of the rasters and series that the run publishes.
    parameters : nested parameter values by section.
    """

    name: str
    language: str = "zh"
    data_time: str = ""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    omissions: Sequence[Mapping[str, Any]] = ()
    inputs: Sequence[Sequence[str]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rasters: Sequence[str] = ()


def write_report(
    path: Path,
    *,
    content: ReportContent,
    frames: Mapping[str, pd.DataFrame],
    layers: Mapping[str, xr.DataArray],
) -> None:
    """Publish report.html: one file, no script, no request.

    Parameters
    ----------
    content : what the run knows beside its products.
    frames : product frames by contract name; those absent are left out of the findings.
    layers : rasters by contract name; the warning stages are used.
    """
    language = content.language
    page = render_page(
        "report.html",
        title=content.name, language=language, data_time=content.data_time, t=labels(language), version=__version__,
        css=style("document.css"), volatile=[trusted(v) for v in VOLATILE], written=_now(),
        tiles=tiles(frames, language), figures=_figures(frames, layers, language), tops=_tops(frames, language),
        rules=_rules(content),
        drawings=_drawings(content), gaps=_gaps(content), notes=notes(content.facts, language),
        quarantine=_quarantine(content),
        inputs=_inputs(content), rasters=_rasters(content), counts=_counts(content, frames), methods=_methods(content),
        parameters=_parameters(content), model_card=model_card(content.facts, language),
    )  # fmt: skip
    write_text(path, page)


def style(*names: str) -> Any:
    """Return style sheets of this package as trusted text for a style element."""
    environment = html_environment()
    loader: Any = environment.loader
    return trusted("\n".join(loader.get_source(environment, name)[0] for name in names))


def _now() -> str:
    """Return the local time of China (UTC+8) to the minute."""
    return (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M (UTC+8)")


def tiles(frames: Mapping[str, pd.DataFrame], language: str) -> list[dict[str, Any]]:
    """Return the headline figures: rows of each product, and people affected, assigned and unassigned."""
    out: list[dict[str, Any]] = []
    for name in ("hazard_points", "risk_zones", "active_deformation", "mining_clues", "waterlogging", "evacuation"):
        if name in frames:
            out.append({"label": label(f"layer.{name}", language), "value": f"{len(frames[name]):,}", "bad": False})
    if "evacuation" in frames:
        frame = frames["evacuation"]
        for key, column in (
            ("affected", "people"),
            ("assigned", "assigned_people"),
            ("unassigned", "unassigned_people"),
        ):
            total = int(pd.to_numeric(frame[column]).sum())
            out.append({"label": label(f"report.people_{key}", language), "value": f"{total:,}",
                        "bad": key == "unassigned" and total > 0})  # fmt: skip
        unknown = int(frame["people"].isna().sum())
        if unknown:
            out.append({"label": label("report.rows_unknown_people", language), "value": f"{unknown:,}", "bad": True})
    return out


def _figures(
    frames: Mapping[str, pd.DataFrame], layers: Mapping[str, xr.DataArray], language: str
) -> list[dict[str, Any]]:
    out = []
    if len(frames.get("risk_zones", ())):
        out.append(
            tables.level_bars(label("report.figure_levels", language), frames["risk_zones"]["risk_level"], language)
        )
    if len(frames.get("hazard_points", ())):
        out.append(tables.kind_bars(label("report.figure_points", language), frames["hazard_points"]["kind"], language))
    if len(frames.get("waterlogging", ())):
        first = list_rows(frames["waterlogging"], "waterlogging").nlargest(12, "depth_m")
        names = first["name"].fillna(first["site_id"]).astype(str)
        values = [(n, float(d), f"{d:.2f}", "#2a83c0") for n, d in zip(names, first["depth_m"], strict=True)]
        out.append(tables.bars(label("report.figure_depth", language), values))
    if any(f"warning_{h}h" in layers for h in STAGES_H):
        out.append(
            tables.bars(label("report.figure_warning", language), [_stage_bar(h, layers, language) for h in STAGES_H])
        )
    return out


def _drawings(content: ReportContent) -> list[dict[str, Any]]:
    """Return the figures that steps drew by section, as pictures inside the page: an SVG that is an image runs nothing.

    A step's section is headed by the label `report.STEP`; steps without one share that of ground motion.
    """
    known = labels(content.language)
    sections: dict[str, list[dict[str, str]]] = {}
    for step, facts in content.facts.items():
        for d in facts.get("figures", ()):
            sections.setdefault(known.get(f"report.{step}", known["report.deformation"]), []).append({
                "caption": str(d.get(f"caption_{content.language}", "")),
                "source": "data:image/svg+xml;base64," + base64.b64encode(str(d["svg"]).encode()).decode("ascii"),
            })  # fmt: skip
    return [{"heading": heading, "figures": figures} for heading, figures in sections.items()]


def _stage_bar(hours: int, layers: Mapping[str, xr.DataArray], language: str) -> tuple[str, float, str, str]:
    """Return the share of the known area that is warned of, yellow and above, and what is unknown, block by block.

    A stage without forecast says so.
    """
    name = label("ui.stage_hours", language, h=hours)
    known = warned = size = 0
    if f"warning_{hours}h" in layers:
        levels = layers[f"warning_{hours}h"]
        size = levels.size
        known, warned = (int(n) for n in dask.compute((levels >= 0).sum().data, (levels >= 2).sum().data))
    if not known:
        return name, float("nan"), label("ui.no_forecast", language), UNKNOWN_COLOR
    unknown = 1 - known / size
    more = f" ({label('ui.unknown', language)} {unknown:.0%})" if unknown >= 0.005 else ""
    return name, warned / known, f"{warned / known:.1%}{more}", LEVEL_COLORS[3]


def _tops(frames: Mapping[str, pd.DataFrame], language: str) -> list[dict[str, Any]]:
    return [
        {
            "title": label(f"report.top_{name}", language),
            "grid": tables.frame_table(list_rows(frames[name], name).head(10), columns, language),
        }
        for name, columns in _TOP.items()
        if len(frames.get(name, ()))
    ]


def _rules(content: ReportContent) -> list[dict[str, Any]]:
    """Return the tables of rules that steps say they graded by: levels as chips, labels in the language, the source."""
    known = labels(content.language)
    out = []
    for facts in content.facts.values():
        for rule in facts.get("tables", ()):
            rows = [
                [_rule_cell(v, content.language, is_level=bool(rule.get("levels"))) for v in r]
                for r in rule.get(f"rows_{content.language}", rule["rows"])
            ]
            source = method_label(str(rule.get("source", "")), content.language)
            grid = tables.table([known.get(str(h), str(h)) for h in rule["head"]], rows)
            out.append({"title": known[str(rule["title"])], "grid": grid,
                        "source": f"{known['report.source']}: {source}" if source else ""})  # fmt: skip
    return out


def _rule_cell(value: object, language: str, *, is_level: bool) -> object:
    """Return a level as a chip, a key of the translation table as its label, other values as they are."""
    if is_level and isinstance(value, int):
        return tables.level_cell("risk_level", value, language)
    return method_label(labels(language).get(str(value), str(value)), language)


def _gaps(content: ReportContent) -> tables.Table:
    head = [label(f"report.gap_{k}", content.language) for k in ("step", "products", "needs")]
    rows = [[o["step"], ", ".join(o["products"]), ", ".join(o["needs"])] for o in content.omissions]
    return tables.table(head, rows)


def notes(facts: Mapping[str, Mapping[str, Any]], language: str) -> list[dict[str, str]]:
    """Return the notes of all steps, warnings first, each with its step, level and text in the language."""
    out = []
    for step, values in facts.items():
        for note in values.get("notes", ()):
            item = {"text_en": note} if isinstance(note, str) else note
            text = item.get(f"text_{language}") or item.get("text_en") or item.get("text_zh") or item.get("text") or ""
            out.append({"step": step, "level": str(item.get("level", "info")), "text": str(text)})
    return sorted(out, key=lambda n: n["level"] != "warning")


def _quarantine(content: ReportContent) -> tables.Table:
    head = [label(f"report.{k}", content.language) for k in ("step", "id", "reason")]
    rows = [
        [s, q.get("id", ""), q.get(f"reason_{content.language}") or q.get("reason", "")]
        for s, f in content.facts.items()
        for q in f.get("quarantine", ())
    ]
    return tables.table(head, rows)


def _inputs(content: ReportContent) -> tables.Table:
    head = [label(f"report.{k}", content.language) for k in ("input_key", "file")]
    return tables.table(head, content.inputs)


def _rasters(content: ReportContent) -> tables.Table:
    head = [label("report.file", content.language), label("report.meaning", content.language)]
    return tables.table(head, [[n, raster_label(Path(n).stem, content.language)] for n in content.rasters])


def _counts(content: ReportContent, frames: Mapping[str, pd.DataFrame]) -> tables.Table:
    head = [label(f"report.{k}", content.language) for k in ("step", "product", "count")]
    rows: list[list[object]] = [
        ["", label(f"layer.{n}", content.language), len(f)] for n, f in frames.items() if n in SCHEMAS
    ]
    for step, facts in content.facts.items():
        rows += [[step, key, _plain(value)] for key, value in tables.flattened(facts.get("counts", {}))]
    return tables.table(head, rows, numeric=(2,))


def _methods(content: ReportContent) -> tables.Table:
    head = [label(f"report.{k}", content.language) for k in ("method", "citation", "validity")]
    cards = {m.get("name", ""): m for f in content.facts.values() for m in f.get("methods", ())}
    rows: list[list[object]] = []
    for name, card in cards.items():
        told = [card.get("validity", ""), *card.get("limits", ())]  # where a method ends belongs to where it holds
        texts = [method_label(t, content.language) for t in (name, card.get("citation", ""), *told)]
        rows.append([*texts[:2], ("；" if content.language == "zh" else "; ").join(t for t in texts[2:] if t)])
    return tables.table(head, rows)


def _parameters(content: ReportContent) -> tables.Table:
    head = [label(f"report.{k}", content.language) for k in ("parameter", "value")]
    return tables.table(head, [[k, _plain(v)] for k, v in tables.flattened(content.parameters)])


def _plain(value: object) -> object:
    """Return a parameter or a count to six digits; lists in brackets, nothing as a dash."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None:
        return "—"
    return str(value) if isinstance(value, list | tuple | dict) else value
