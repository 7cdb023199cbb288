"""The register as a workbook that people edit: one row an object, labels as headers, words in their language."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.atomic import disk_full, staged
from geo_risk.publish.escape import clean_text, set_cell
from geo_risk.publish.i18n import column_label, label, labels, value_label
from geo_risk.publish.lists import places, shown
from geo_risk.publish.office import without_clock

ABOUT = "_register"
"""Hidden sheet: which register, when, in which language."""

_FREE = re.compile(
    r"^(name|note|proposal|merge_told|reasons.*|.*_ids?|loop_(unit|assignee|finding|measure|outcome|.*_on|due)"
    r"|merged_into|responsible|monitor|first_seen|last_(seen|looked)(_run)?)$"
)
_THIN = Side(style="thin", color="BFC6CC")
_GRID = Border(_THIN, _THIN, _THIN, _THIN)
_A4_COLUMNS = 14
_WIDE = {
    "reasons": 50,
    "merge_told": 40,
    "note": 30,
    "loop_finding": 30,
    "loop_measure": 30,
    "loop_outcome": 24,
    "name": 20,
}


def book_value(column: str, value: Any, language: str) -> Any:
    """Return what stands in a cell for a value of a column: words in the language, numbers rounded as on lists."""
    if isinstance(value, str) and column == "counts_at_least":
        return ("、" if language == "zh" else ", ").join(column_label(n, language) for n in value.split(",") if n)
    if isinstance(value, str) and _FREE.match(column):
        return clean_text(value)
    if isinstance(value, str) and column == "last_outcome":
        return value_label(value, language, column)
    out = shown(column, value, language)
    if isinstance(out, float):
        out = round(out, 2 if column in ("x", "y") else places(column, out)) + 0.0
    return out


def words_of(layer: str, choices: Mapping[str, Sequence[str]], language: str) -> dict[str, dict[str, str]]:
    """Return, by column, what the words in the cells mean; "" for those that say that nothing is known."""
    unknown = label("ui.unknown", language)
    known = labels(language)
    out = {column: {value_label(v, language, column): v for v in words} for column, words in choices.items()}
    levels = [c for c in SCHEMAS[layer].columns if c.endswith("_level")]
    out |= {c: {known[f"level.{n}"]: str(n) for n in range(-1, 5)} for c in levels}
    for column in ("people", "households", "buildings", "road_km"):
        out[column] = {unknown: ""}
    return out


def headers_of(columns: Sequence[str], language: str) -> dict[str, str]:
    """Return the columns by their headers; the column's own name is a header too."""
    return {**{c: c for c in columns}, **{_header(c, language): c for c in columns}}


def _header(column: str, language: str) -> str:
    return column_label(column, language)


def write_book(
    sheets: Mapping[str, tuple[str, pd.DataFrame]], path: Path, *, about: Mapping[str, str], language: str
) -> None:
    """Publish tables as the sheets of one workbook.

    Parameters
    ----------
    sheets : by key: the title of the sheet and its rows. about : facts for the hidden sheet.
    """
    book = openpyxl.Workbook()
    for sheet in book.worksheets:
        book.remove(sheet)
    n_rows = {}
    for title, rows in sheets.values():
        sheet = book.create_sheet(title[:31])
        n_rows[sheet.title] = len(rows) + 1
        _write_sheet(sheet, rows, language)
    hidden = book.create_sheet(ABOUT)
    for i, (name, value) in enumerate({**about, "language": language}.items(), 1):
        set_cell(hidden.cell(i, 1), name)
        set_cell(hidden.cell(i, 2), value)
    hidden.sheet_state = "hidden"

    def verify(written: Path) -> None:
        again = openpyxl.load_workbook(written, read_only=True)
        short = [t for t, n in n_rows.items() if (again[t].max_row or 0) < n]
        again.close()
        if short:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        raw = io.BytesIO()
        book.save(raw)
        temporary.write_bytes(without_clock(raw.getvalue()))


def _write_sheet(sheet: Any, rows: pd.DataFrame, language: str) -> None:
    wrap = Alignment(vertical="center", wrap_text=True, indent=1)
    for j, column in enumerate(rows.columns, 1):
        cell = sheet.cell(1, j)
        set_cell(cell, _header(str(column), language))
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="17303D")
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        texts = [str(book_value(str(column), v, language)) for v in rows[column].head(200)]
        widest = max([_width(_header(str(column), language)) / 2 + 4, *(_width(t) + 2 for t in texts)], default=8)
        sheet.column_dimensions[get_column_letter(j)].width = max(8, min(widest, _WIDE.get(str(column), 18)))
    sheet.row_dimensions[1].height = 34
    for i, row in enumerate(rows.itertuples(index=False), 2):
        lines = 1
        for j, (column, value) in enumerate(zip(rows.columns, row, strict=True), 1):
            cell = sheet.cell(i, j)
            set_cell(cell, book_value(str(column), value, language))
            cell.alignment, cell.border = wrap, _GRID
            if isinstance(cell.value, str):
                room = sheet.column_dimensions[get_column_letter(j)].width - 3  # the indent on both sides
                lines = max(lines, sum(math.ceil(max(_width(p), 1) / room) for p in cell.value.split("\n")))
        sheet.row_dimensions[i].height = min(15.0 * lines + 3, 409)
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(max(1, len(rows.columns)))}{len(rows) + 1}"
    sheet.print_title_rows = "1:1"
    wide = len(rows.columns) > _A4_COLUMNS
    setup = sheet.page_setup
    setup.orientation, setup.paperSize = "landscape", sheet.PAPERSIZE_A3 if wide else sheet.PAPERSIZE_A4
    setup.fitToWidth, setup.fitToHeight = (2 if wide else 1), 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _width(text: str) -> float:
    return max((sum(2 if ord(c) > 0x2E7F else 1.05 for c in line) for line in text.split("\n")), default=0)
