"""One-page plans for a hazard point, a village or a waterlogging site, to print on A4."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish import report_tables as tables
from geo_risk.publish.atomic import write_text
from geo_risk.publish.escape import clean_text, is_missing, render_page
from geo_risk.publish.i18n import column_label, label, labels, reasons_of
from geo_risk.publish.legend import LEVEL_COLORS, UNKNOWN_COLOR
from geo_risk.publish.report import style
from geo_risk.publish.site_card import site_tables

FIRST_SITES = 12
SIDE_M = {"hazard_points": 2000.0, "evacuation": 4000.0, "waterlogging": 1000.0}
"""Side of the sketch, by kind of card."""

_TITLE = {"hazard_points": "point", "evacuation": "village", "waterlogging": "site"}
_PLAN = {
    "hazard_points": ("zone_id", "people", "households", "responsible", "monitor"),
    "evacuation": ("warning_level", "leave_before", "shelter_name", "shelter_id", "assigned_people",
                   "unassigned_people", "route_km", "travel_min", "route_exposed_km", "cut_off_risk",
                   "backup_shelter_id", "responsible"),
    "waterlogging": ("cause", "measures", "people", "traffic_class", "unit", "responsible", "deputy", "valid_until",
                     "owner_gaps"),
}  # fmt: skip
_BASE = (("rivers", "none", "#5aa2d6", 0.9), ("roads", "none", "#a8906f", 0.6))


@dataclass(frozen=True)
class CardText:
    """What stands on every card: name of the run, language and time of the data."""

    run: str
    language: str = "zh"
    data_time: str = ""


def write_cards(
    folder: Path, *, frames: Mapping[str, gpd.GeoDataFrame], text: CardText, limit: int = 500
) -> dict[str, Any]:
    """Publish cards/*.html and remove those of an earlier run; return the index for a facts file.

    Cards are made for hazard points in zones of risk level 3 and 4 or of unknown level (unknown is not safe), for
    settlements to evacuate by rank, and for the first `FIRST_SITES` waterlogging sites.

    Parameters
    ----------
    folder : the cards folder.
    frames : product frames by contract name, and roads and rivers for the sketches; one projected CRS.
    text : what stands on every card.
    limit : most cards of one kind; how many were left out is in the index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, str]] = []
    left_out = 0
    for name in SIDE_M:
        rows = chosen(name, frames)
        left_out += max(0, len(rows) - limit)
        for row in rows.head(limit).itertuples(index=False):
            index.append(_write_card(folder, name, dict(zip(rows.columns, row, strict=True)), frames, text))
    for old in set(folder.glob("*.html")) - {folder / card["file"] for card in index}:
        old.unlink()
    counts = {name: sum(card["layer"] == name for card in index) for name in SIDE_M}
    return {"cards": index, "counts": counts | {"left_out": left_out}, "notes": _left_out_note(left_out, limit)}


def chosen(name: str, frames: Mapping[str, gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return the rows of a frame that get a card, by rank, or the gravest first (unknown before low), then by id."""
    if name not in frames:
        return gpd.GeoDataFrame()
    frame = frames[name]
    if name == "evacuation":
        return frame.sort_values("rank", kind="stable")
    if name == "waterlogging":
        return frame.sort_values("rank", kind="stable").head(FIRST_SITES)
    active = frame[~frame["status"].isin(["dormant", "cancelled"])]
    if "risk_zones" in frames:
        zones = frames["risk_zones"].set_index("zone_id")["risk_level"]
        level = active["zone_id"].map(zones).fillna(active["hazard_level"]).astype(int)
    else:
        level = active["hazard_level"].astype(int)
    active = active.assign(_grave=level.astype(float).replace(-1.0, 1.5))[(level >= 3) | (level == -1)]
    return active.sort_values(["_grave", "point_id"], ascending=[False, True], kind="stable").drop(columns="_grave")


def card_file(name: str, row_id: str) -> str:
    """Return the file name of a card: the id where it is fit for one, else made so and told apart by a hash."""
    safe = re.sub(r"[^\w\-]", "_", row_id, flags=re.UNICODE)[:60]
    tail = "" if safe == row_id else "-" + hashlib.sha256(row_id.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{_TITLE[name]}_{safe}{tail}.html"


def _write_card(
    folder: Path, name: str, row: Mapping[str, Any], frames: Mapping[str, gpd.GeoDataFrame], text: CardText
) -> dict[str, str]:
    row_id = str(row[str(SCHEMAS[name].id)])
    page = render_page(
        "card.html", card=card_values(name, row, frames, text.language), run=text.run, data_time=text.data_time,
        language=text.language, t=labels(text.language), css=style("document.css", "card.css"),
    )  # fmt: skip
    file = card_file(name, row_id)
    write_text(folder / file, page)
    return {"layer": name, "id": row_id, "file": file}


def card_values(
    name: str, row: Mapping[str, Any], frames: Mapping[str, gpd.GeoDataFrame], language: str
) -> dict[str, Any]:
    """Return what stands on a card as plain values for the template."""
    frame = frames[name]
    point = row[frame.geometry.name]
    plan = [c for c in _PLAN[name] if c in row]
    skip = {*plan, "reasons", "score", "name", str(SCHEMAS[name].id)}
    always = {"depth_m"} if name == "waterlogging" else set()
    facts = [c for c in SCHEMAS[name].columns if c not in skip and (c in always or not is_missing(row.get(c)))]
    facts += [c for c in ("depth_bound", "duration_bound") if row.get(c) in ("at_least", "rising", "outside")]
    level = "risk_level" if "risk_level" in row else "hazard_level"
    lonlat = gpd.GeoSeries([point.centroid], crs=frame.crs).to_crs(4326).iloc[0]
    position = (label("card.position", language), {"text": f"{lonlat.x:.5f}, {lonlat.y:.5f}"})
    side = SIDE_M[name]
    return {
        "title": label(f"card.title_{_TITLE[name]}", language),
        "name": clean_text(row.get("name")) or str(row[str(SCHEMAS[name].id)]),
        "id": str(row[str(SCHEMAS[name].id)]),
        "level": tables.level_cell(level, int(row[level]), language) if level in row else {"text": ""},
        "reasons": clean_text(reasons_of(row, language)),
        "facts": [position, *((column_label(c, language), tables.value_cell(c, row[c], language)) for c in facts)],
        "plan": [(column_label(c, language), _plan_cell(c, row[c], language)) for c in plan],
        "tables": site_tables(row, language) if name == "waterlogging" else [],
        "sketch": _sketch(point.centroid, frames, side),
        "sketch_note": label("card.sketch_note", language, km=f"{side / 1000:g}"),
        "scale_bar": {"end": 6 + 25, "text": f"{side / 4:g} m"},
    }  # fmt: skip


def _plan_cell(column: str, value: object, language: str) -> tables.Cell:
    """Return a line of the plan; people responsible who are not known leave a line to write on."""
    if column in ("responsible", "monitor", "deputy", "unit") and is_missing(value):
        return {"text": "______________"}
    return tables.value_cell(column, value, language)


def _sketch(centre: Any, frames: Mapping[str, gpd.GeoDataFrame], side: float) -> list[dict[str, Any]]:
    """Return paths of what lies within `side` metres, in a drawing of 100 by 100 with north up."""
    box = shapely.box(centre.x - side / 2, centre.y - side / 2, centre.x + side / 2, centre.y + side / 2)
    out: list[dict[str, Any]] = []
    if "risk_zones" in frames:
        zones, near = frames["risk_zones"], _near(frames["risk_zones"], box)
        for path, level in zip(_paths(zones, near, box, side), zones["risk_level"].to_numpy()[near], strict=True):
            color = LEVEL_COLORS.get(int(level), UNKNOWN_COLOR)
            out.append({"d": path, "fill": color, "stroke": "#33383d", "width": 0.4})
    for name, fill, color, width in _BASE:
        if name not in frames:
            continue
        for path in _paths(frames[name], _near(frames[name], box), box, side):
            out.append({"d": path, "fill": fill, "stroke": color, "width": width})
    return [drawn for drawn in out if drawn["d"]]


def _near(frame: gpd.GeoDataFrame, box: Any) -> NDArray[np.int64]:
    """Return the places of the rows that meet the box, in their order."""
    return np.sort(frame.sindex.query(box, predicate="intersects")).astype(np.int64)


def _paths(frame: gpd.GeoDataFrame, near: NDArray[np.int64], box: Any, side: float) -> list[str]:
    """Return an SVG path for each of some rows: its lines and areas inside the box, "" where there are none."""
    given = frame.geometry.to_numpy()[near]
    cut = shapely.simplify(shapely.intersection(shapely.make_valid(given), box), side / 1000)
    pieces, row = shapely.get_parts(cut, return_index=True)
    rings, of_piece = shapely.get_rings(pieces, return_index=True)
    open_lines = np.flatnonzero(shapely.get_type_id(pieces) == shapely.GeometryType.LINESTRING)
    lines = np.concatenate([rings, pieces[open_lines]])
    order = np.argsort(np.concatenate([of_piece, open_lines]), kind="stable")
    row_of = row[np.concatenate([of_piece, open_lines])]
    left, _, _, top = box.bounds
    steps: list[list[str]] = [[] for _ in lines]
    xy, of_line = shapely.get_coordinates(lines, return_index=True)
    right, down = (xy[:, 0] - left) / side * 100, (top - xy[:, 1]) / side * 100
    for line, r, d in zip(of_line.tolist(), right.tolist(), down.tolist(), strict=True):
        steps[line].append(f"{r:.2f} {d:.2f}")
    paths: list[list[str]] = [[] for _ in cut]
    for i in order.tolist():
        if steps[i]:
            paths[row_of[i]].append("M" + " L".join(steps[i]) + ("Z" if i < len(rings) else ""))
    return [" ".join(parts) for parts in paths]


def _left_out_note(left_out: int, limit: int) -> list[dict[str, str]]:
    if not left_out:
        return []
    return [{
        "level": "warning",
        "text_zh": f"卡片每类最多 {limit} 张，另有 {left_out} 行没有卡片；可用 geo-risk card 单独生成。",
        "text_en": f"At most {limit} cards of a kind are made; {left_out} rows have none (see geo-risk card).",
    }]  # fmt: skip
