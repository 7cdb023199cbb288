"""The tables, tiles and bars of the report and the cards, as plain values for the templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from geo_risk.publish.escape import clean_text, is_missing
from geo_risk.publish.i18n import column_label, label, labels, level_label, reasons_of, value_label
from geo_risk.publish.legend import LEVEL_COLORS, UNKNOWN_COLOR, rgb
from geo_risk.publish.lists import places, shown

Cell = dict[str, str]
Table = dict[str, Any]

ABSENT = re.compile(r".*_ids?$|shelter_name$|leave_before$|name$|measures$")
"""Columns where nothing means "none", not "unknown"."""

_BAR = 250.0
"""Longest bar of a figure, in units of its drawing."""

_ROOM = 300.0
"""What a bar and the value behind it have between the labels and the edge of the drawing."""

_LATIN = 7.5
"""Width of a latin character of a value at most; a Chinese one takes two of them."""


def text_cell(value: object) -> Cell:
    """Return a table cell of plain text; numbers get thousands separators and at most two decimals."""
    if isinstance(value, bool | np.bool_):
        return {"text": str(bool(value)).lower()}
    if isinstance(value, int | np.integer):
        return {"text": f"{int(value):,}"}
    if isinstance(value, float | np.floating) and not is_missing(value):
        number = float(value)
        return {"text": f"{number:,.0f}" if abs(number) >= 100 or number.is_integer() else f"{number:.3g}"}
    return {"text": clean_text(value)}


def level_cell(column: str, level: int, language: str) -> Cell:
    """Return a cell with a level in words on its colour; unknown is grey."""
    color = LEVEL_COLORS.get(level, "#ffffff" if level == 0 else "#d6dade")
    return {"text": level_label(column, level, language), "chip": color, "ink": ink_on(color)}


def ink_on(color: str) -> str:
    """Return black or white, whichever is easier to read on a colour (relative luminance of WCAG 2.1)."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb(color)]
    return "#14191d" if 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] > 0.3 else "#ffffff"


def value_cell(column: str, value: object, language: str) -> Cell:
    """Return a product value as a cell: levels as chips, choices in words, missing as "unknown"."""
    if is_missing(value) or value == "":
        return {"text": "—" if ABSENT.match(column) else label("ui.unknown", language)}
    if column.endswith("_level") or (column.startswith("warning_") and column.endswith("h")):
        return level_cell(column, int(str(value).removesuffix(".0")), language)
    printed = shown(column, value, language)
    if isinstance(printed, int | float | np.integer | np.floating) and not isinstance(printed, bool):
        return {"text": f"{printed:,.{places(column, printed)}f}"}
    return text_cell(printed)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Sequence[int] = ()) -> Table:
    """Return a table for the templates; `numeric` are the positions of the columns set to the right."""
    cells = [[v if isinstance(v, dict) else text_cell(v) for v in row] for row in rows]
    return {"head": list(head), "rows": cells, "numeric": [i in numeric for i in range(len(head))]}


def frame_table(frame: pd.DataFrame, columns: Sequence[str], language: str) -> Table:
    """Return columns of a frame as a table with headings in the language."""
    kept = [c for c in columns if c in frame.columns]
    records = [{str(c): v for c, v in row.items()} for row in frame.to_dict("records")]
    if "reasons" in kept:
        records = [row | {"reasons": reasons_of(row, language)} for row in records]
    rows = [[value_cell(c, row[c], language) for c in kept] for row in records]
    numeric = [i for i, c in enumerate(kept) if pd.api.types.is_numeric_dtype(frame[c].dtype) and "level" not in c]
    return table([column_label(c, language) for c in kept], rows, numeric=numeric)


def bars(title: str, values: Sequence[tuple[str, float, str, str]]) -> dict[str, Any]:
    """Return a bar figure.

    Parameters
    ----------
    values : (label, value >= 0, printed value, colour); NaN draws no bar.
    """
    top = max((v for _, v, _, _ in values if v > 0), default=1.0)
    longest = min(_BAR, _ROOM - _LATIN * max((_width(text) for _, _, text, _ in values), default=0))
    drawn = [
        {
            "label": _short(name),
            "width": round(max(0.0, v) / top * longest, 1) if v > 0 else 0.0,
            "text": text,
            "color": color,
        }
        for name, v, text, color in values
    ]
    return {"title": title, "bars": drawn}


def _short(text: str, *, limit: int = 18) -> str:
    fits = next((i for i in range(len(text)) if _width(text[: i + 1]) > limit), len(text))
    return text if fits == len(text) else text[:fits] + "…"


def _width(text: str) -> int:
    """Return how many latin characters wide a text is."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def level_bars(title: str, levels: Any, language: str) -> dict[str, Any]:
    """Return a figure of how many rows have each level, very high first, unknown last; "none" where a row has it."""
    counts = pd.Series(levels).astype(int).value_counts()
    order = [4, 3, 2, 1, *([0] if 0 in counts else []), -1]
    values = [
        (
            labels(language)[f"level.{k}"],
            float(counts.get(k, 0)),
            f"{counts.get(k, 0):,}",
            LEVEL_COLORS.get(k, "#ffffff" if k == 0 else UNKNOWN_COLOR),
        )
        for k in order
    ]
    return bars(title, values)


def kind_bars(title: str, kinds: Any, language: str) -> dict[str, Any]:
    """Return a figure of how many rows have each kind, the most frequent first."""
    counts = (
        pd.Series(kinds).dropna().astype(str).value_counts().sort_index().sort_values(ascending=False, kind="stable")
    )
    return bars(title, [(value_label(str(k), language), float(n), f"{n:,}", "#4f7f94") for k, n in counts.items()])


def flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Return nested plain values as (dotted name, value) pairs; lists stay whole."""
    out: list[tuple[str, object]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            out += flattened(value, f"{name}.")
        else:
            out.append((name, value))
    return out
