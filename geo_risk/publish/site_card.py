"""The tables that only the card of a waterlogging site has: trigger rain, depths under other rain, volumes by cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from geo_risk.publish import report_tables as tables
from geo_risk.publish.escape import is_missing
from geo_risk.publish.i18n import column_label, label, value_label

_TRIGGER = re.compile(r"trigger_(\d+)min_class(\d+)_mm")
_YEARS, _HOURS = re.compile(r"depth_([\d.]+)yr_m"), re.compile(r"depth_(\d+)h_m")
_VOLUMES = ("drain_saves", "blockage_adds", "upstream_adds", "pump_would_save")
_REMEDIES = ("drain_needed_m3_s", "pump_m3_s_needed", "hold_back_m3")


def site_tables(row: Mapping[str, Any], language: str) -> list[dict[str, Any]]:
    """Return the tables of a site's card, each with its title; those that nothing is known for are left out.

    Parameters
    ----------
    row : a row of the frame `waterlogging`. language : "zh" or "en".
    """
    made = (_trigger(row, language), _depths(row, language), _volumes(row, language))
    return [t for t in made if t is not None]


def _trigger(row: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    found = [(int(m[1]), int(m[2]), c) for c in row if (m := _TRIGGER.fullmatch(c))]
    tested = row.get("trigger_tested_mm")
    if not found or is_missing(tested):
        return None
    minutes, classes = sorted({m for m, _, _ in found}), sorted({k for _, k, _ in found})
    by_place = {(m, k): row[c] for m, k, c in found}
    head = [label("card.class", language), *(label("card.minutes", language, minutes=m) for m in minutes)]
    rows = [[str(k), *(_amount(by_place.get((m, k)), tested) for m in minutes)] for k in classes]
    return _titled("card.trigger", head, rows, language)


def _amount(value: Any, tested: Any) -> str:
    return f"> {float(tested):.0f}" if is_missing(value) else f"{float(value):.0f}"


def _depths(row: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    years = sorted((float(m[1]), c) for c in row if (m := _YEARS.fullmatch(c)))
    hours = sorted(((int(m[1]), c) for c in row if (m := _HOURS.fullmatch(c))), reverse=True)
    named = [(label("card.years", language, years=f"{y:g}"), c) for y, c in years]
    named += [(label("ui.stage_hours", language, h=h), c) for h, c in hours]
    if not named:
        return None
    rows = [[name, tables.value_cell("depth_m", row[c], language)] for name, c in named]
    period = row.get("return_period_yr")
    bound = row.get("return_period_bound")
    if years and isinstance(bound, str):
        said = value_label(bound, language) + ("" if is_missing(period) else f" {float(str(period)):.0f}")
        rows.append([column_label("return_period_yr", language), said])
    head = [label("card.rain_of", language), column_label("depth_m", language)]
    return _titled("card.depths", head, rows, language)


def _volumes(row: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    if is_missing(row.get("ponded_m3")):
        return None
    rows: list[list[object]] = [[column_label("ponded_m3", language), _whole(row["ponded_m3"]), ""]]
    for name in _VOLUMES:
        share = float(row[f"{name}_share"])
        rows.append([column_label(f"{name}_m3", language), _whole(row[f"{name}_m3"]), f"{share:.0%}"])
    for name in _REMEDIES:
        value = row.get(name)
        digits = 0 if name.endswith("_m3") else 2
        text = label("ui.unknown", language) if is_missing(value) else f"{float(str(value)):,.{digits}f}"
        rows.append([column_label(name, language), text, ""])
    head = [label(k, language) for k in ("card.part", "card.volume", "card.share")]
    return _titled("card.volumes", head, rows, language)


def _whole(value: Any) -> str:
    return f"{float(value):,.0f}"


def _titled(key: str, head: list[str], rows: list[list[Any]], language: str) -> dict[str, Any]:
    numeric = range(1, len(head))
    return {"title": label(key, language), "grid": tables.table(head, rows, numeric=list(numeric))}
