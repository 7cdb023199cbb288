"""What the workbook of a list has beside its rows, and which columns it leaves to the CSV."""

from __future__ import annotations

import re

import pandas as pd

from geo_risk.core.schemas import SCHEMAS

SHEETS = {"relocation": ("relocation_assumptions", "relocation_sensitivity")}
"""Plain tables that stand as further sheets in the workbook of a list."""

_NAMED = frozenset({"relocation"})
"""Lists whose contract has no name: in the workbook the name stands behind the id."""

_NOT_PRINTED = {
    "shelter_proposals": re.compile(r"purpose"),
    "stock_proposals": re.compile(r"purpose|places_needed"),
    "relocation": re.compile(r"threat_ids|break_even_people|people_not_judged|.*_avoided(_cny)?"),
}
"""Columns of a list that are on its CSV and not in its workbook: the reasons say what matters of them."""


def is_printed(column: str, name: str) -> bool:
    """Return whether a column of a list stands in its workbook."""
    hidden = _NOT_PRINTED.get(name)
    return hidden is None or not hidden.fullmatch(column)


def with_name_in_front(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of a list for its workbook: a name that the contract does not have stands behind the id."""
    if name not in _NAMED or "name" not in rows:
        return rows
    first = [c for c in ("rank", str(SCHEMAS[name].id), "name") if c in rows]
    return rows[[*first, *(c for c in rows if c not in first)]]


def in_language(rows: pd.DataFrame, language: str) -> pd.DataFrame:
    """Return a table without the columns of the other language; those of this one lose their ending."""
    other = "_en" if language == "zh" else "_zh"
    kept = rows[[c for c in rows if not str(c).endswith(other)]]
    return kept.rename(columns={c: str(c).removesuffix(f"_{language}") for c in kept})
