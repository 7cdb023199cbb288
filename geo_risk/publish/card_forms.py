"""The forms that people fill in: the card of a household, and the list of who is moved with their special groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geo_risk.publish import report_tables as tables
from geo_risk.publish.card_values import backup_text, settlements_near, shelters_text, shortened
from geo_risk.publish.escape import clean_text, is_missing
from geo_risk.publish.i18n import column_label, label, value_label

FORMS = ("household", "transfer")
FORM_FRAMES = ("hazard_points", "risk_zones", "evacuation")
"""Frames whose rows have people to move."""

_OWN = ("card.household_head", "card.household_size", "card.house", "card.household_phone")
_HOUSEHOLD = ("member", "relation", "age", "group", "phone", "helper")
_TRANSFER = ("head", "members", "old", "children", "disabled", "ill", "pregnant", "leader", "phone", "vehicle",
             "arrived")  # fmt: skip
_ROWS = {"household": 8, "transfer": 20}


def form_values(
    form: str, name: str, row: Mapping[str, Any], frames: Mapping[str, Any], language: str
) -> dict[str, Any]:  # fmt: skip
    """Return title, what the run knows, and the empty rows of a form.

    Parameters
    ----------
    form : of `FORMS`. name : of `FORM_FRAMES`. row, frames, language : as for `card_values.card_values`.

    Returns
    -------
    title, pairs (label, cell), head of the table, rows (numbers), wide: whether it is printed on the long side.
    """
    village = _village(name, row, frames)
    columns = _HOUSEHOLD if form == "household" else _TRANSFER
    own = _OWN if form == "household" else ()
    return {
        "title": label(f"card.form_{form}", language),
        "pairs": [*(_blank(k, language) for k in own), *_known(name, row, village, frames, language)],
        "head": [label("card.number", language), *(label(f"card.form_{c}", language) for c in columns)],
        "rows": range(1, _ROWS[form] + 1),
        "groups": label("card.form_groups", language),
        "wide": form == "transfer",
    }


def _village(name: str, row: Mapping[str, Any], frames: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the settlement of the row: itself, or the one that must leave at a point or zone; None unless one alone.

    With several the household's own is written in by hand: a wrong shelter is worse than a blank.
    """
    if name == "evacuation":
        return row
    if "evacuation" not in frames:
        return None
    found = settlements_near(name, row, frames)
    return {str(k): v for k, v in found.iloc[0].items()} if len(found) == 1 else None


def _blank(key: str, language: str) -> tuple[str, tables.Cell]:
    return label(key, language), {"text": ""}


def _known(
    name: str, row: Mapping[str, Any], village: Mapping[str, Any] | None, frames: Mapping[str, Any], language: str
) -> list[tuple[str, tables.Cell]]:
    kind = row.get("hazard_kinds" if name == "evacuation" else "kind")
    kinds = "" if is_missing(kind) else "、".join(value_label(k, language) for k in str(kind).split(","))
    place = clean_text(row.get("name")) or str(row.get("point_id", row.get("zone_id", "")))
    out = [(label("card.place", language), {"text": shortened(place, 48)}),
           (label("card.hazard", language), {"text": shortened(kinds, 48)})]  # fmt: skip
    if village is None:
        return [*out, *(_blank(k, language) for k in ("card.when", "card.where", "card.route", "card.backup"))]
    when, km = village.get("leave_before"), village.get("route_km")
    people = [] if name != "evacuation" else [
        (label("card.people_leave", language), tables.value_cell("people", row.get("people"), language)),
        (column_label("vulnerable_people", language),
         tables.value_cell("vulnerable_people", row.get("vulnerable_people"), language)),
    ]  # fmt: skip
    way = "" if is_missing(km) else label("card.route_text", language, km=f"{float(str(km)):.1f}",
                                          minutes=f"{float(str(village['travel_min'])):.0f}")  # fmt: skip
    return [
        *out, *people,
        (label("card.when", language), {"text": label("card.on_signal", language)} if is_missing(when) else
         tables.value_cell("leave_before", when, language)),
        (label("card.where", language), {"text": shelters_text(village, frames, language)}),
        (label("card.route", language), {"text": way}),
        (label("card.backup", language), {"text": backup_text(village, frames, language)}),
    ]  # fmt: skip
