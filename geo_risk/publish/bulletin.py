"""The warning bulletin: what is said, in sections of sentences and tables, and its page of HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from geo_risk import __version__
from geo_risk.core.names import STAGES_H
from geo_risk.publish import report_tables as tables
from geo_risk.publish.atomic import write_text
from geo_risk.publish.escape import render_page
from geo_risk.publish.i18n import label, labels, level_label, local_time
from geo_risk.publish.lists import list_rows
from geo_risk.publish.report import style

_PLACES = 40
"""Places that the bulletin names; the list holds all."""

_CHANGED = ("raised", "lowered", "cleared", "held", "now_unknown")
_TOWNS = ("rank", "township_id", "township", *(f"warning_{h}h" for h in STAGES_H), "zones_warned", "points_warned",
          "places_unknown", "changes")  # fmt: skip
_ROWS = ("place_kind", "place_id", "name", "township", "warning_level", "stage_h", "change", "reasons")
_GAPS = ("gap", "place_id", "name", "township", "warning_level", "risk_level", "reasons")


@dataclass(frozen=True)
class BulletinContent:
    """What the bulletin knows.

    Attributes
    ----------
    name, language : of the run. issued : aware ISO time, or "" for a hindcast whose stages have their own.
    stages : hours, issued, until, forecast (name or None) of each.
    frames : warnings, warning_townships, warning_gaps.
    cells : counts of cells by level, by stage name ("warning_24h").
    method : sentences on how levels were made. later : names of later issues, where an older one was made again.
    """

    name: str
    language: str
    issued: str
    stages: Sequence[Mapping[str, Any]]
    frames: Mapping[str, pd.DataFrame]
    cells: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    method: Sequence[str] = ()
    later: Sequence[str] = ()


def bulletin_sections(content: BulletinContent) -> list[dict[str, Any]]:
    """Return the sections of the bulletin: {"title", "texts", "table" (None where there is none)}.

    What is unknown is a section of its own, before the methods, and is never left out.
    """
    language, warnings = content.language, content.frames["warnings"]
    worst = gravest_rows(warnings)
    changed = warnings[warnings["change"].isin(_CHANGED)]
    gaps = list_rows(content.frames["warning_gaps"], "warning_gaps")
    towns = list_rows(content.frames["warning_townships"], "warning_townships")
    towns = towns.assign(changes=[_changes(v, language) for v in towns["changes"]])
    out = [
        _section("summary", language, texts=_summary(content, worst)),
        _section("stages", language, table=_stages(content)),
        _section("townships", language,
                 table=tables.frame_table(towns, _TOWNS, language)),
        _section("places", language, texts=_more(len(worst[worst["warning_level"] > 0]), language),
                 table=tables.frame_table(worst[worst["warning_level"] > 0].head(_PLACES), _ROWS, language)),
        _section("changes", language, texts=_more(len(changed), language),
                 table=tables.frame_table(_graver(changed).head(_PLACES), _ROWS, language)),
        _section("gaps", language, texts=_more(len(gaps), language),
                 table=tables.frame_table(gaps.head(_PLACES), _GAPS, language)),
        _section("unknown", language, texts=_unknown(content)),
        _section("method", language, texts=list(content.method)),
    ]  # fmt: skip
    for section in out:
        if section["table"] is not None and not section["table"]["rows"]:
            section["table"] = None
            section["texts"] = section["texts"] or [label("bulletin.nothing", language)]
    return out


def write_bulletin(content: BulletinContent, path: Path) -> None:
    """Publish the bulletin as one page without script or request."""
    page = render_page(
        "bulletin.html", title=content.name, language=content.language, t=labels(content.language),
        css=style("document.css"), version=__version__, issued=issued_text(content),
        sections=bulletin_sections(content),
    )  # fmt: skip
    write_text(path, page)


def issued_text(content: BulletinContent) -> str:
    """Return when the bulletin is issued, local time, or that it is a hindcast."""
    return f"{local_time(content.issued)} (UTC+8)" if content.issued else label("bulletin.hindcast", content.language)


def _section(
    key: str, language: str, *, texts: Sequence[str] = (), table: tables.Table | None = None
) -> dict[str, Any]:
    return {"title": label(f"bulletin.{key}", language), "texts": list(texts), "table": table}


def _list(parts: Sequence[str], language: str) -> str:
    return ("、" if language == "zh" else ", ").join(parts)


def _changes(value: object, language: str) -> str:
    """Return changes such as "raised 3,cleared 1" in words, a dash for none."""
    parts = [p.split(" ") for p in str(value).split(",") if " " in p]
    return _list([f"{labels(language).get(f'value.{k}', k)} {n}" for k, n in parts], language) or "—"


def _graver(rows: pd.DataFrame, *, unknown: float = 1.5) -> pd.DataFrame:
    grave = rows["warning_level"].astype(float).replace(-1, unknown)
    keys = pd.DataFrame({"grave": -grave, "stage": rows["stage_h"].astype(int), "id": rows["place_id"].astype(str)})
    return rows.loc[keys.sort_values(["grave", "stage", "id"], kind="stable").index]


def gravest_rows(warnings: pd.DataFrame) -> pd.DataFrame:
    """Return one row a place: its gravest stage, the shortest among equals, the gravest place first.

    A warning is graver than an unknown stage, and that is graver than none, as in `products.warning_tables.gravest`;
    among places the unknown stand between blue and yellow.
    """
    return _graver(_graver(warnings, unknown=0.5).drop_duplicates(["place_kind", "place_id"]))


def _summary(content: BulletinContent, worst: pd.DataFrame) -> list[str]:
    language = content.language
    names = {"zone": label("bulletin.zones", language), "point": label("bulletin.points", language)}
    out = [label("bulletin.later", language, issue=content.later[-1])] if content.later else []
    for kind, name in names.items():
        mine = worst[worst["place_kind"] == kind]["warning_level"].astype(int)
        counts = {level: int((mine == level).sum()) for level in (4, 3, 2, 1, 0, -1)}
        said = [f"{level_label('warning_level', k, language)} {n}" for k, n in counts.items() if n]
        if len(mine):
            out.append(label("bulletin.count", language, name=name, n=len(mine), levels=_list(said, language)))
    changes = content.frames["warnings"]["change"].value_counts()
    said = [f"{labels(language).get(f'value.{c}', c)} {int(changes[c])}" for c in _CHANGED if c in changes]
    key = "bulletin.changed" if said else "bulletin.unchanged"
    return [*out, label(key, language, changes=_list(said, language))]


def _stages(content: BulletinContent) -> tables.Table:
    language, warnings = content.language, content.frames["warnings"]
    head = [label(f"bulletin.{k}", language) for k in ("stage", "from", "until", "forecast")]
    head += [level_label("warning_level", k, language) for k in (4, 3, 2, 1, 0, -1)]
    rows = []
    for stage in content.stages:
        mine = warnings[warnings["stage_h"] == stage["hours"]]["warning_level"].astype(int)
        source = stage["forecast"] or label("ui.no_forecast", language)
        counts = [int((mine == k).sum()) for k in (4, 3, 2, 1, 0, -1)]
        rows.append([label("ui.stage_hours", language, h=stage["hours"]), local_time(stage["issued"]),
                     local_time(stage["until"]), source, *counts])  # fmt: skip
    return tables.table(head, rows, numeric=range(4, 10))


def _more(n: int, language: str) -> list[str]:
    return [label("bulletin.more", language, n=n, shown=_PLACES)] if n > _PLACES else []


def _unknown(content: BulletinContent) -> list[str]:
    language, warnings = content.language, content.frames["warnings"]
    out = []
    silent = [str(s["hours"]) for s in content.stages if s["forecast"] is None]
    if silent:
        out.append(label("bulletin.silent", language, stages=", ".join(silent)))
    for name, counts in content.cells.items():
        total, unknown = sum(counts.values()), counts.get("unknown", 0)
        if unknown and name.removeprefix("warning_").removesuffix("h") not in silent:
            stage = name.removeprefix("warning_").removesuffix("h")
            out.append(label("bulletin.cells", language, stage=stage, share=f"{unknown / total:.1%}"))
    told = warnings[(warnings["warning_level"] < 0) & ~warnings["stage_h"].astype(str).isin(silent)]
    n = len(told[["place_kind", "place_id"]].drop_duplicates())
    if n:
        out.append(label("bulletin.places_unknown", language, n=n))
    return [*out, label("bulletin.never_safe", language)]
