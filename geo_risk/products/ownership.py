"""Who answers for each waterlogging site: gaps in unit, responsible person, deputy, and how long that holds."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.schemas import conform
from geo_risk.hazards.flood.sites import OWNER_COLUMNS
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.wording import with_reasons

_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})|^\s*(\d{4})(\d{2})(\d{2})\s*$")

# text: (English, Chinese); no person is named
_WORDS = {
    "not_in_ledger": ("It is not in the ledger: nobody answers for it.", "台账未登记，无责任人。"),
    "no_unit": ("The ledger names no unit.", "台账未填责任单位。"),
    "no_responsible": ("The ledger names no responsible person.", "台账未填责任人。"),
    "no_deputy": ("The ledger names no deputy.", "台账未填备岗责任人。"),
    "no_expiry": ("The ledger does not say until when this holds.", "台账未填责任期限。"),
    "unread_expiry": ("The date until which this holds cannot be read.", "责任期限无法识别。"),
    "expired": ("It held until {until}: renew it.", "责任期限已于 {until} 届满，请更新。"),
    "expires_soon": ("It holds until {until} only.", "责任期限将于 {until} 届满。"),
}  # fmt: skip

GAPS = tuple(_WORDS)
"""What may be missing, the gravest first."""

COMPLETE = ("none", "not_kept")
"""Of a site with nothing missing: nothing at all, or nothing of what the ledger keeps."""


def read_date(text: object) -> date | None:
    """Return the day that a text names (2025-12-31, 2025/12/31, 2025年12月31日, 20251231); None where it names none."""
    found = _DATE.search(str(text))
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found.groups() if part))
    except ValueError:
        return None


def owner_gaps(
    sites: pd.DataFrame, *, known: Collection[str], on: date | None, params: WaterloggingParams
) -> list[str]:
    """Return what is missing of each site's owner, as words of `GAPS` joined by commas; where nothing is "none", or
    "not_kept" if the ledger lacks some of the columns altogether.

    Parameters
    ----------
    sites : with source and those of `hazards.flood.sites.OWNER_COLUMNS` that there are.
    known : columns that the ledger has at all: of the others a gap is told once, not for every site; the responsible
        person is asked for always.
    on : day for which expiry is judged; None leaves it unjudged. params : expiry_notice_days.
    """
    asked = set(known) | {"responsible"}
    complete = "none" if set(OWNER_COLUMNS) <= asked else "not_kept"
    return [",".join(_gaps(row, asked, on, params)) or complete for row in sites.to_dict("records")]


def _gaps(row: Any, known: set[str], on: date | None, params: WaterloggingParams) -> list[str]:
    if row["source"] == "detected":
        return ["not_in_ledger"]
    out = [f"no_{name}" for name in ("unit", "responsible", "deputy") if name in known and _is_blank(row.get(name))]
    if "valid_until" not in known:
        return out
    until = row.get("valid_until")
    day = None if _is_blank(until) else read_date(until)
    if _is_blank(until):
        out.append("no_expiry")
    elif day is None:
        out.append("unread_expiry")
    elif on is not None and day < on:
        out.append("expired")
    elif on is not None and (day - on).days <= params.expiry_notice_days:
        out.append("expires_soon")
    return out


def _is_blank(value: Any) -> bool:
    return value is None or pd.isna(value) or str(value).strip() in ("", "-", "/", "无", "—")


def ownership(ranked: gpd.GeoDataFrame, *, language: str = "en") -> pd.DataFrame:
    """Return the frame `waterlogging_owners`: the listed sites whose owner is not complete, in the order of the list.

    Parameters
    ----------
    ranked : the frame waterlogging with owner_gaps, unit, valid_until. Names of persons are not taken over.
    """
    rows = pd.DataFrame(ranked[~ranked["owner_gaps"].isin(COMPLETE)].drop(columns="geometry"))
    rows = rows.rename(columns={"rank": "site_rank"}).sort_values("site_rank", kind="stable")
    for name in ("unit", "valid_until"):
        if name not in rows:
            rows[name] = pd.NA
    days = [read_date(v) for v in rows["valid_until"]]
    rows["valid_until"] = pd.array([d.isoformat() if d else pd.NA for d in days], dtype="string")
    rows = rows[["site_id", "site_rank", "name", "source", "unit", "owner_gaps", "valid_until"]].reset_index(drop=True)
    said = [
        tuple(
            "".join(_WORDS[g][k].format(until=d) + (" " if k == 0 else "") for g in gaps.split(",")).strip()
            for k in (0, 1)
        )
        for gaps, d in zip(rows["owner_gaps"], days, strict=True)
    ]
    made: pd.DataFrame = conform(
        with_reasons(rows, lambda k: [pair[int(k == "zh")] for pair in said], language), "waterlogging_owners"
    )
    return made


def owner_counts(gaps: pd.Series[str]) -> dict[str, int]:
    """Return how many sites have each gap."""
    listed = gaps.astype("string").str.split(",")
    return {f"owner_{g}": n for g in GAPS if (n := int(np.sum([g in row for row in listed])))}
