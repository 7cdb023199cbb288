"""What stands on a card: facts, who leaves when and where to, signals and lines to fill in, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from geo_risk.core.names import STAGES_H
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish import report_tables as tables
from geo_risk.publish.card_map import card_map
from geo_risk.publish.escape import clean_text, is_missing
from geo_risk.publish.i18n import column_label, label, reasons_of
from geo_risk.publish.site_card import site_tables

TITLE = {"hazard_points": "point", "risk_zones": "zone", "evacuation": "village", "waterlogging": "site"}
"""Word in the names of the labels and files of a card, by frame."""

NEAR_M = 1000.0
"""Settlements that must leave so near to a point or zone stand on its card."""

FIRST_SETTLEMENTS = 5

_FACTS = {
    "hazard_points": ("priority_rank", "first10_share", "kind", "scale", "status", "activity", "velocity_mm_yr",
                      "hazard_level", "danger_grade", "people", "households", "assets_cny", "zone_id"),
    "risk_zones": ("priority_rank", "first10_share", "kind", "hazard_level", "vulnerability_level", "people",
                   "households", "buildings", "road_km", "assets_cny", "point_ids"),
    "evacuation": ("hazard_kinds", "settlement_people", "households", "township", "warning_level", "rank",
                   "first10_share", "houses_not_judged"),
}  # fmt: skip
_SITE_PLAN = ("cause", "measures", "people", "traffic_class", "unit", "responsible", "deputy", "valid_until",
              "owner_gaps")  # fmt: skip
_RANKS = ("rank", "priority_rank")
_PEOPLE = frozenset({"people", "vulnerable_people"})
_NAMES = ("responsible", "monitor", "deputy")
_LINE = "______________"
_LONGEST_REASON, _LONGEST_VALUE = 700, 56
"""Longest reasons and values in Latin letters, a Chinese one is two: what a page holds."""

Pairs = list[tuple[str, tables.Cell]]


def card_values(
    name: str, row: Mapping[str, Any], frames: Mapping[str, Any], language: str, *, contacts: bool = True
) -> dict[str, Any]:
    """Return what stands on a card as plain values for the template.

    Parameters
    ----------
    name : frame of the row: a key of `TITLE`. row : its values by column.
    frames : product frames by name, and roads and rivers for the map; one projected CRS. Absent ones are left out.
    language : "zh" or "en".
    contacts : names of people stand on the card; without, there are lines to fill in.
    """
    row_id = str(row[str(SCHEMAS[name].id)])
    level = "risk_level" if "risk_level" in row else "hazard_level"
    drawn = card_map(name, row, frames)
    return {
        "title": label(f"card.title_{TITLE[name]}", language),
        "name": shortened(clean_text(row.get("name")) or row_id, 36),
        "id": row_id,
        "level": tables.level_cell(level, int(row[level]), language) if level in row else {"text": ""},
        "reasons": _why(row, language),
        "facts": [_position(name, row, frames, language), *_facts(name, row, language)],
        "plan": _plan(name, row, frames, language, contacts=contacts),
        "stages": _stages(row, language) if name in ("hazard_points", "risk_zones") else None,
        "leaving": _leaving(name, row, frames, language),
        "tables": site_tables(row, language) if name == "waterlogging" else [],
        "signals": name != "waterlogging",
        "phones": phones(language),
        "map": drawn,
        "map_note": label("card.sketch_note", language, km=f"{drawn.side_m / 1000:.3g}"),
        "map_routes": any(m["kind"] == "shelter" for m in drawn.marks),
    }


def shortened(text: str, longest: int) -> str:
    """Return a text cut to so many Latin letters, a Chinese one counting as two; what is cut ends with an ellipsis."""
    width = 0
    for at, char in enumerate(text):
        width += 2 if ord(char) > 0x2E7F else 1
        if width > longest:
            return text[:at].rstrip() + "…"
    return text


def _why(row: Mapping[str, Any], language: str) -> str:
    whole = clean_text(reasons_of(row, language))
    cut = shortened(whole, _LONGEST_REASON)
    return cut if cut == whole else cut + label("card.whole_in_list", language)


def _position(
    name: str, row: Mapping[str, Any], frames: Mapping[str, Any], language: str
) -> tuple[str, tables.Cell]:  # fmt: skip
    frame = frames[name]
    point = row[frame.geometry.name].representative_point()
    lonlat = gpd.GeoSeries([point], crs=frame.crs).to_crs(4326).iloc[0]
    return label("card.position", language), {"text": f"{lonlat.x:.5f}, {lonlat.y:.5f}"}


def _facts(name: str, row: Mapping[str, Any], language: str) -> Pairs:
    if name != "waterlogging":
        return _pairs(row, _FACTS[name], language)
    skip = {*_SITE_PLAN, "reasons", "score", "name", str(SCHEMAS[name].id)}
    shown = [c for c in SCHEMAS[name].columns
             if c not in skip and (c == "depth_m" or not is_missing(row.get(c)))]  # fmt: skip
    shown += [c for c in ("depth_bound", "duration_bound") if row.get(c) in ("at_least", "rising", "outside")]
    return [(column_label(c, language), _cell(c, row[c], language)) for c in shown]


def _pairs(row: Mapping[str, Any], columns: Iterable[str], language: str) -> Pairs:
    """Return label and value of columns that are known; of people, grades and levels also what is unknown."""
    told = {*_PEOPLE, "danger_grade", "settlement_people"}
    shown = (c for c in columns if c in row and (c in told or c.endswith("_level") or not is_missing(row[c])))
    shown = (c for c in shown if c != "houses_not_judged" or row[c] > 0)
    return [(column_label(c, language), _rank(c, row, language) if c in _RANKS else _cell(c, row[c], language))
            for c in shown]  # fmt: skip


def _rank(column: str, row: Mapping[str, Any], language: str) -> tables.Cell:
    """Return a rank with the ranks that nine in ten of the draws gave it, where it was drawn."""
    if any(is_missing(row.get(c)) for c in ("rank_low", "rank_high", "n_draws")):
        return _cell(column, row[column], language)
    values = {k: int(row[c]) for k, c in (("rank", column), ("low", "rank_low"), ("high", "rank_high"),
                                          ("n", "n_draws"))}  # fmt: skip
    return {"text": label("card.rank_text", language, **values)}


def _cell(column: str, value: object, language: str) -> tables.Cell:
    if column == "first10_share" and not is_missing(value):
        return {"text": f"{float(str(value)):.0%}"}
    if column in ("settlement_people", "houses_not_judged") and not is_missing(value):
        return {"text": f"{float(str(value)):,.0f}"}
    cell = tables.value_cell(column, value, language)
    return cell | {"text": shortened(cell["text"], _LONGEST_VALUE)}


def _person(column: str, row: Mapping[str, Any], language: str, *, contacts: bool) -> tuple[str, tables.Cell]:
    """Return a line for a person: the name where it is known and may stand here, and room for a telephone number."""
    known = contacts and not is_missing(row.get(column))
    who = shortened(clean_text(row[column]), 24) if known else _LINE
    return column_label(column, language), {"text": f"{who}　☎ {_LINE}"}


def _plan(
    name: str, row: Mapping[str, Any], frames: Mapping[str, Any], language: str, *, contacts: bool
) -> Pairs:  # fmt: skip
    if name == "waterlogging":
        return _site_plan(row, language, contacts=contacts)
    persons = ("responsible", "monitor") if name == "hazard_points" else ("responsible",)
    people = [_person(c, row, language, contacts=contacts) for c in persons]
    return [*(_village_plan(row, frames, language) if name == "evacuation" else []), *people]


def _site_plan(row: Mapping[str, Any], language: str, *, contacts: bool) -> Pairs:
    out: Pairs = []
    for column in (c for c in _SITE_PLAN if c in row):
        is_blank = is_missing(row[column]) or not contacts
        if column in (*_NAMES, "unit") and is_blank and (column != "unit" or is_missing(row[column])):
            out.append((column_label(column, language), {"text": _LINE}))
        else:
            out.append((column_label(column, language), _cell(column, row[column], language)))
    return out


def _village_plan(row: Mapping[str, Any], frames: Mapping[str, Any], language: str) -> Pairs:
    def told(key: str, text: str) -> tuple[str, tables.Cell]:
        return label(key, language), {"text": text}

    def value(column: str) -> tables.Cell:
        return _cell(column, row.get(column), language)

    people, weak = value("people")["text"], value("vulnerable_people")["text"]
    when = row.get("leave_before")
    return [
        told("card.who", label("card.who_text", language, people=people, weak=weak)),
        told("card.when", label("card.on_signal", language) if is_missing(when) else value("leave_before")["text"]),
        told("card.where", shelters_text(row, frames, language)),
        told("card.route", _route_text(row, language)),
        told("card.backup", backup_text(row, frames, language)),
        (column_label("cut_off_risk", language), value("cut_off_risk")),
        (column_label("unassigned_people", language), value("unassigned_people")),
    ]  # fmt: skip


def shelters_text(row: Mapping[str, Any], frames: Mapping[str, Any], language: str) -> str:
    """Return the shelters of a settlement with the people for each, most first; the main one where none is counted."""
    given = frames.get("evacuation_assignments")
    if given is not None:
        mine = given[given["settlement_id"].astype(str) == str(row["settlement_id"])]
        parts = [label("card.shelter_people", language, shelter=shelter_name(str(s), frames), people=f"{int(n):,}")
                 for s, n in mine.sort_values(["people", "shelter_id"], ascending=[False, True])
                 [["shelter_id", "people"]].itertuples(index=False)]  # fmt: skip
        if parts:
            more = f" +{len(parts) - 3}" if len(parts) > 3 else ""
            return shortened("；".join(parts[:3]), 84) + more
    name = row.get("shelter_name")
    return label("card.no_shelter", language) if is_missing(name) else shortened(clean_text(name), 40)


def backup_text(row: Mapping[str, Any], frames: Mapping[str, Any], language: str) -> str:
    """Return the backup shelter of a settlement, that none can be reached, or that nobody knows: no way is known."""
    backup = row.get("backup_shelter_id")
    if is_missing(backup):
        return label("card.backup_unknown" if is_missing(row.get("route_km")) else "card.no_backup", language)
    return shortened(shelter_name(str(backup), frames), _LONGEST_VALUE)


def shelter_name(shelter_id: str, frames: Mapping[str, Any]) -> str:
    """Return the name of a shelter as the evacuation list has it, with its id; the id where the list has none."""
    rows = frames.get("evacuation")
    if rows is None or "shelter_name" not in rows:
        return shelter_id
    names = rows.loc[rows["shelter_id"].astype(str) == shelter_id, "shelter_name"].dropna()
    return f"{clean_text(names.iloc[0])}（{shelter_id}）" if len(names) else shelter_id


def _route_text(row: Mapping[str, Any], language: str) -> str:
    if is_missing(row.get("route_km")):
        return label("card.no_route", language)
    exposed = row.get("route_exposed_km")
    km, minutes = float(row["route_km"]), float(row["travel_min"])
    text = label("card.route_text", language, km=f"{km:.1f}", minutes=f"{minutes:.0f}")
    if not is_missing(exposed) and float(str(exposed)) >= 0.05:
        text += label("card.route_exposed", language, km=f"{float(str(exposed)):.1f}")
    return text


def _stages(row: Mapping[str, Any], language: str) -> tables.Table | None:
    names = [f"warning_{h}h" for h in STAGES_H if f"warning_{h}h" in row]
    if not names:
        return None
    head = [column_label(c, language) for c in names]
    return tables.table(head, [[tables.value_cell(c, row[c], language) for c in names]])


def _leaving(
    name: str, row: Mapping[str, Any], frames: Mapping[str, Any], language: str
) -> dict[str, Any] | None:  # fmt: skip
    """Return the settlements that must leave in a zone, or near a point or zone: the first few, and how many more."""
    if name not in ("hazard_points", "risk_zones") or "evacuation" not in frames:
        return None
    found = settlements_near(name, row, frames)
    shown = pd.DataFrame(found.head(FIRST_SETTLEMENTS))
    columns = ("name", "people", "leave_before", "shelter_name", "route_km", "travel_min")
    head = [label("card.village", language), label("card.people_leave", language)]
    head += [column_label(c, language) for c in columns[2:]]
    rows = [[shortened(clean_text(r["name"]) or str(r["settlement_id"]), 20) if c == "name" else
             _cell(c, r[c], language) for c in columns] for r in shown.to_dict("records")]  # fmt: skip
    more = len(found) - len(shown)
    note = label("card.leaving_none" if not len(found) else "card.leaving_more" if more else "card.leaving_all",
                 language, more=more, km=f"{NEAR_M / 1000:g}")  # fmt: skip
    return {"grid": tables.table(head, rows, numeric=(1, 4, 5)) if len(found) else None, "note": note}


def settlements_near(name: str, row: Mapping[str, Any], frames: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """Return the rows of the evacuation list that a zone calls, or whose place is within `NEAR_M`, by rank."""
    listed = frames["evacuation"]
    zone = row.get("zone_id")
    called = pd.Series(data=False, index=listed.index)
    if "zone_ids" in listed and not is_missing(zone):
        called = listed["zone_ids"].fillna("").astype(str).str.split(",").map(lambda ids: str(zone) in ids)
    shape = row[frames[name].geometry.name]
    near = shapely.distance(listed.geometry.to_numpy(), shape) <= NEAR_M
    chosen = called.to_numpy(dtype=bool) | near  # of an empty list the ids would make a mask of objects
    return listed.loc[chosen].sort_values("rank", kind="stable")


def phones(language: str) -> list[str]:
    """Return who is to be rung up, each with a line to fill in."""
    return [label(f"card.phone_{k}", language) for k in ("village", "grid", "shelter", "township", "county", "rescue")]
