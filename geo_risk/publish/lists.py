"""Priority lists: XLSX made for printing, and plain CSV for programs."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import lru_cache
from numbers import Integral
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.properties import PageSetupProperties

from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.atomic import disk_full, staged, write_bytes
from geo_risk.publish.escape import clean_text, csv_value, is_missing, set_cell
from geo_risk.publish.i18n import column_label, label, level_label, local_time, measure_label, reasons_of, value_label
from geo_risk.publish.legend import LEVEL_COLORS
from geo_risk.publish.list_order import list_order
from geo_risk.publish.office import without_clock
from geo_risk.publish.sheets import in_language, is_printed, with_name_in_front

LISTS = ("evacuation", "evacuation_assignments", "cut_off", "waterlogging", "relocation", "hazard_points", "risk_zones",
         "exposure", "active_deformation", "deformation_changes", "mining_clues", "linear_risk", "structures",
         "subsidence_zones", "subsidence_townships", "runout_zones", "runout_hits", "warnings", "warning_townships",
         "warning_gaps", "warning_hindcast", "warning_hindcast_townships", "dem_openings",
         "sinking_ponds", "pond_cascade",
         "underground_entrances", "waterlogging_owners", "waterlogging_verification",
         "waterlogging_ledger_proposals", "waterlogging_allocation", "planned_sites", "unmonitored_sections",
         "downstream", "downstream_places",
         "shelter_coverage", "shelter_proposals", "stock_reach", "stock_needs", "stock_proposals")  # fmt: skip
"""Frames that become lists."""

TIMES = frozenset(c for s in SCHEMAS.values() for c, kind in s.columns.items() if kind == "time")
"""Columns of times: UTC in data files, local time on what people read."""

_FIRM = re.compile(r"priority_rank|first10_share|rank_median|rank_low|rank_high|n_draws")
EXTRAS = {
    "evacuation": re.compile(
        r"score_|rank_|first10_share|n_draws|unassigned_vulnerable|(backup_)?leave_early|(backup_)?closes_after_h"
    ),
    "waterlogging": re.compile(
        r"return_period_bound|trigger_|close_mm|minutes_to_close|depth_\d+(yr|h)_m|ponded_m3|drain_|blockage_|upstream_"
        r"|pump_|hold_back_m3|first10_share|rank_median|rank_low|rank_high|n_draws|capacity_m3_s|sill_height_m|unit|deputy"
        r"|valid_until|owner_gaps|past_depth_m|depth_bound|duration_bound|outside_share|sinking_mm_yr|depth_next_season_m"
    ),
    "underground_entrances": re.compile(r"water_\d+yr_m"),
    "hazard_points": re.compile(f"{_FIRM.pattern}|return_period_yr|annual_chance|expected_people_hit_yr"),
    "risk_zones": _FIRM,
    "exposure": re.compile(r"buildings_\w+|known_people|assets_known_cny|expected_\w+_yr|(combined|known)_risk_level"),
}
"""Columns behind those of the contract that stand on the CSV too, by list: their number depends on the parameters."""

_WIDE = {"reasons": 60, "facility_names": 24, "gaps": 26, "measures": 34, "name": 18, "hazard_kinds": 18,
         "point_ids": 20, "meaning": 44, "grounds": 60, "assumption_id": 34, "threat_ids": 24, "value": 34,
         "default_value": 34}  # fmt: skip
_REASONS_APART = frozenset({"evacuation", "hazard_points"})
"""Lists whose reasons are ten lines long: the first sentence stands in the list, all of them on the second sheet."""
_ID = re.compile(r".*_ids?$")
_PLAIN = re.compile(
    r"^(name|.*_ids?|leave_before|first_.*|last_.*|failure_.*|shelter_name|responsible|monitor|track"
    r"|deputy|unit|valid_until|meaning|grounds|value|default_value|bounds|measured_in)$"
)
_DECIMALS = (
    (re.compile(r"^expected_people_hit_yr$"), 3),
    (re.compile(r"^(need|have|short)$"), 0), (re.compile(r"^days$"), 1), (re.compile(r"^(per_person|cost_factor)$"), 2),
    (re.compile(r"_(m2|m3|cny)$|^known_people$|_cny_yr$"), 0), (re.compile(r"_(mm_yr|mm_h|mm|min|h|yr)$"), 1),
    (re.compile(r"_(m|km|ha|mm_yr2)$"), 2), (re.compile(r"_p$"), 4),
)  # fmt: skip
"""Decimals on lists by the unit that ends a column's name; shares, scores and all others have `_OTHER_DECIMALS`."""
_COUNTS = frozenset(
    c for s in SCHEMAS.values() for c, k in s.columns.items() if k in {"count", "whole", "rank", "level"}
)
"""Columns of whole numbers, which missing values turn into floats."""
_OTHER_DECIMALS = 3
_NEVER_BLANK = frozenset({"people", "vulnerable_people", "assigned_people", "unassigned_people", "households",
                          "buildings", "road_km", "depth_m", "people_low", "people_high", "people_day", "farmland_ha",
                          "facilities", "facility_people", "assets_cny", "danger_grade", "expected_people_yr",
                          "expected_loss_cny_yr", "people_staying", "people_leaving", "unassigned_vulnerable", "have",
                          "short", "settlement_people", "relocate_cost_cny", "treat_cost_cny", "monitor_cost_cny",
                          "annual_loss_cny", "people_may", "buildings_may", "settlements", "settlements_may",
                          "facilities_may", "expected_people_hit_yr"})  # fmt: skip
"""Columns whose missing values are printed as unknown: a blank would be read as nothing."""
_DEPTH_CLASSES = frozenset({"depth_class", "reported_class", "predicted_class"})
"""Columns whose -1 is printed as unknown: beside classes from 0 it would be read as less than dry."""
_THIN = Side(style="thin", color="BFC6CC")
_HEADER_ROW = 3
_A4_WIDTH = 265.0
"""Widest table in Latin letters that A4 prints at 6 points or more; wider ones go on A3."""
_A3_WIDTH = 375.0
"""The same of A3; wider ones go over several sheets of paper side by side."""
_ONE_LINE = 12
"""Widest heading in Latin letters that stands on one line above its unit."""
_NAMING = 3
"""Columns that name a row and are printed again on each of them."""


def list_rows(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a frame as its list: contract columns in order without geometry, rounded, the gravest rows first."""
    columns = [c for c in SCHEMAS[name].columns if c in frame.columns]
    extra = [c for c in ("reasons_zh", "reasons_en") if c in frame.columns]
    if name in EXTRAS:
        extra += [c for c in frame.columns if c not in columns and EXTRAS[name].match(c)]
    return rounded(pd.DataFrame(frame[[*columns, *extra]]).iloc[list_order(frame, name)].reset_index(drop=True))


def rounded(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its floats rounded to `decimals` of their column; missing stays missing, -0 becomes 0."""
    floats = [c for c in rows.columns if pd.api.types.is_float_dtype(rows[c].dtype)]
    return rows.assign(**{c: rows[c].round(decimals(c)) + 0.0 for c in floats})


def decimals(column: str) -> int:
    """Return how many decimals a column has on lists: areas 0, velocities 1, lengths 2, shares and scores 3."""
    return next((n for unit, n in _DECIMALS if unit.search(column)), _OTHER_DECIMALS)


def places(column: str, value: object) -> int:
    """Return with how many decimals a number of a column is printed: none where it counts, else `decimals`."""
    return (
        0 if isinstance(value, Integral) or (column in _COUNTS and float(str(value)).is_integer()) else decimals(column)
    )


def write_csv(frame: pd.DataFrame, path: Path, *, name: str) -> None:
    """Publish a list as CSV: English column names, rounded (`geo_risk.gpkg` is not), UTF-8 with a byte-order mark.

    The mark is there because spreadsheets on Chinese systems take a file without one for GBK; pandas, R and GDAL pass
    over it. Text that a spreadsheet would run as a formula stands behind an apostrophe; numbers never do.
    """
    write_rows(list_rows(frame, name), path)


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Publish a table as CSV in the way of `write_csv`, its rows and columns as they are."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(list(rows.columns))
    for row in _records(rows):
        writer.writerow([csv_value(v) for v in row])
    write_bytes(path, stream.getvalue().encode("utf-8-sig"))


def write_xlsx(
    frame: pd.DataFrame,
    path: Path,
    *,
    name: str,
    run: str,
    language: str,
    sheets: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Publish a list as a workbook to print on A4 landscape (A3 if wide): title, units, filters, signature line.

    Parameters
    ----------
    frame : the product frame.
    name : its name in the contract.
    run : name of the run, under the title.
    language : of title, headings, choices and measures, and of reasons that the rows have so; ids and names stay.
    sheets : tables by contract name that stand behind the list; of columns in two languages the fitting one is shown.
    """
    rows = with_name_in_front(list_rows(frame, name), name)
    book = openpyxl.Workbook()
    sheet: Any = book.worksheets[0]
    sheet.title = clean_text(label(f"list.title_{name}", language))[:31]
    columns = [c for c in rows.columns if c in SCHEMAS[name].columns and is_printed(str(c), name)]
    _fill(sheet, rows, columns, name=name, run=run, language=language)
    named = [c for c in ("rank", str(SCHEMAS[name].id), "name") if c in rows.columns]
    if name in _REASONS_APART and "reasons" in rows:
        _fill(book.create_sheet(label("list.reasons", language)), rows, [*named, "reasons"], name=name, run=run,
              language=language, is_whole=True)  # fmt: skip
    more = [c for c in rows.columns if name in EXTRAS and EXTRAS[name].match(c) and c not in columns]
    if more:
        _fill(book.create_sheet(label("list.more", language)), rows, [*named, *more], name=name, run=run,
              language=language)  # fmt: skip
    for other, table in (sheets or {}).items():
        shown_rows = in_language(rounded(pd.DataFrame(table)), language)
        added: Any = book.create_sheet(clean_text(label(f"list.title_{other}", language))[:31])
        _fill(added, shown_rows, list(shown_rows.columns), name=other, run=run, language=language)
    book.properties.creator = "geo_risk"
    book.properties.created = book.properties.modified = pd.Timestamp("2000-01-01").to_pydatetime()
    _publish(book, path, cells=len(rows) + _HEADER_ROW)


def _fill(
    sheet: Any, rows: pd.DataFrame, columns: Sequence[str], *, name: str, run: str, language: str,
    is_whole: bool = False,
) -> None:  # fmt: skip
    """Write one sheet of a list: title, headings, rows, signature line and page; `is_whole`: with all the reasons."""
    if name in _REASONS_APART and not is_whole and "reasons" in columns:
        records: list[Any] = rows.to_dict("records")
        rows = rows.assign(reasons=[in_short(r, language) for r in records])
        rows = rows.drop(columns=[c for c in ("reasons_zh", "reasons_en") if c in rows])
    _head(sheet, columns, name=name, run=run, rows=rows, language=language)
    styles = _Styles()
    for i, values in enumerate(rows.itertuples(index=False, name=None), _HEADER_ROW + 1):
        _body_row(sheet, i, dict(zip(rows.columns, values, strict=True)), columns, language, styles)
    _foot(sheet, len(rows), columns, language)
    _layout(sheet, rows, columns, language, wide={**_WIDE, "reasons": 150} if is_whole else _WIDE)


def in_short(row: Mapping[str, Any], language: str) -> str:
    """Return the first sentence of the reasons of a row, and where the rest stands if there is more."""
    whole = clean_text(reasons_of(row, language)).strip()
    first = re.split(r"(?<=。)|(?<=\.)\s", whole, maxsplit=1)[0]
    return whole if first == whole else first + label("list.reasons_apart", language)


def _records(rows: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Yield rows as tuples of scalars; whole numbers that were read as floats, or rounded so, come back as whole."""
    floats = [c for c in rows.columns if pd.api.types.is_float_dtype(rows[c].dtype)]
    whole = {c for c in floats if decimals(c) == 0 or _is_whole(rows[c])}
    for record in rows.to_dict("records"):
        yield tuple(int(v) if c in whole and not is_missing(v) else v for c, v in record.items())


def _is_whole(values: Any) -> bool:
    known = values.dropna()
    return values.name in _COUNTS and bool((known == known.round()).all())


def _head(sheet: Any, columns: Sequence[str], *, name: str, run: str, rows: pd.DataFrame, language: str) -> None:
    set_cell(sheet.cell(1, 1), label(f"list.title_{name}", language))
    sheet.cell(1, 1).font = Font(size=16, bold=True)
    sheet.cell(1, 1).alignment = Alignment(horizontal="center", vertical="center")
    sheet.row_dimensions[1].height = 30
    set_cell(sheet.cell(2, 1), _summary(rows, run, language))
    sheet.cell(2, 1).alignment = Alignment(horizontal="left", vertical="center")
    for row in (1, 2):
        sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(columns))
    for i, column in enumerate(columns, 1):
        cell = sheet.cell(_HEADER_ROW, i)
        set_cell(cell, _heading(column, language))
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="17303D")
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        cell.border = Border(_THIN, _THIN, _THIN, _THIN)
    sheet.row_dimensions[_HEADER_ROW].height = 34


def _summary(rows: pd.DataFrame, run: str, language: str) -> str:
    parts = [f"{label('list.made_from', language)}: {run}", f"{label('list.rows', language)}: {len(rows)}"]
    if "place_kind" in rows and "known_people" in rows:  # rows hold one another: the total is one of them
        whole = rows.loc[rows["place_kind"] == "total", "known_people"]
        parts.append(f"{label('list.total_people', language)}: {int(whole.sum()):,}")
    elif "people" in rows:
        people = pd.to_numeric(rows["people"])
        parts.append(f"{label('list.total_people', language)}: {int(people.sum()):,}")
        if people.isna().any():
            parts.append(f"{label('list.unknown_people', language)}: {int(people.isna().sum())}")
    return "    ".join(parts)


def _body_row(sheet: Any, i: int, row: dict[str, Any], columns: Sequence[str], language: str, styles: _Styles) -> None:
    for j, column in enumerate(columns, 1):
        cell, value = sheet.cell(i, j), row[column]
        set_cell(cell, shown(column, reasons_of(row, language) if column == "reasons" else value, language))
        is_number = isinstance(cell.value, int | float)
        shape = ""
        if is_number:
            digits = places(column, cell.value)
            shape = f"#,##0.{'0' * digits}" if digits else "#,##0"
        level = int(value) if _is_level(column) and not is_missing(value) else None
        styles.apply(cell, (is_number, shape, level if level in LEVEL_COLORS else None, cell.quotePrefix))


class _Styles:
    """Looks of body cells, each made once: openpyxl compares a new look with all that the book has."""

    def __init__(self) -> None:
        self.known: dict[tuple[bool, str, int | None, bool], Any] = {}

    def apply(self, cell: Any, key: tuple[bool, str, int | None, bool]) -> None:
        """Give a cell the look of its key: (is it a number, its format, its level, is it text that looks active)."""
        if key not in self.known:
            is_number, shape, level, _ = key
            side = "right" if is_number else "left"  # indented: numbers and words of two columns would touch
            cell.alignment = Alignment(vertical="center", wrap_text=True, horizontal=side, indent=1)
            cell.border = Border(_THIN, _THIN, _THIN, _THIN)
            if shape:
                cell.number_format = shape
            if level is not None:
                cell.fill = PatternFill("solid", fgColor=LEVEL_COLORS[level].removeprefix("#").upper())
                cell.font = Font(bold=True, color="FFFFFF" if level in (1, 4) else "000000")
            self.known[key] = copy(cell._style)
            return
        cell._style = copy(self.known[key])


def shown(column: str, value: object, language: str) -> object:
    """Return a value as people read it: levels and choices in words, missing as "unknown", numbers as numbers."""
    if is_missing(value):
        return label("ui.unknown", language) if column in _NEVER_BLANK else ""
    if _is_level(column):
        return level_label(column, int(str(value).removesuffix(".0")), language)
    if column in _DEPTH_CLASSES and float(str(value)) < 0:
        return label("ui.unknown", language)
    if isinstance(value, str) and column in TIMES:
        return local_time(value)
    if isinstance(value, str) and column == "measures":
        return measure_label(value, language)
    if isinstance(value, str):
        return value if _PLAIN.match(column) or column == "reasons" else value_label(value, language, column)
    return value


def _is_level(column: str) -> bool:
    return column.endswith("_level") or bool(re.match(r"warning_\d+h$", column))


def _foot(sheet: Any, n_rows: int, columns: Sequence[str], language: str) -> None:
    row = _HEADER_ROW + n_rows + 2
    set_cell(sheet.cell(row, 1), label("list.signature", language))
    sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(columns))
    sheet.row_dimensions[row].height = 26
    sheet.cell(row, 1).alignment = Alignment(vertical="center")
    last = _HEADER_ROW + max(n_rows, 1)
    sheet.auto_filter.ref = f"A{_HEADER_ROW}:{get_column_letter(len(columns))}{last}"
    sheet.freeze_panes = sheet.cell(_HEADER_ROW + 1, 1 + min(2, len(columns) - 1))
    sheet.print_title_rows = f"{_HEADER_ROW}:{_HEADER_ROW}"


def _layout(
    sheet: Any, rows: pd.DataFrame, columns: Sequence[str], language: str, *, wide: Mapping[str, int]
) -> None:  # fmt: skip
    """Set widths from headings and contents, row heights from the longest wrapped text, and the page."""
    for j, column in enumerate(columns, 1):
        texts = [_printed(sheet.cell(i, j)) for i in range(_HEADER_ROW + 1, _HEADER_ROW + 1 + min(len(rows), 200))]
        content = max((_width(t) for t in texts), default=0)
        first, _, unit = _heading(column, language).partition("\n")
        is_broken = not unit or _width(first) > _ONE_LINE
        heading = max(_width(first) / 2 + 3 if is_broken else _width(first) + 1, _width(unit) + 1)
        if unit and is_broken:
            sheet.row_dimensions[_HEADER_ROW].height = 58
        limit = wide.get(column, 16 if _ID.match(column) else 14)
        sheet.column_dimensions[get_column_letter(j)].width = round(max(7, heading, min(content + 3, limit)), 1)
    widths = [sheet.column_dimensions[get_column_letter(j)].width for j in range(1, len(columns) + 1)]
    for i in range(_HEADER_ROW + 1, _HEADER_ROW + 1 + len(rows)):
        lines = max(-(-_width(str(sheet.cell(i, j).value or "")) // (w - 1)) for j, w in enumerate(widths, 1))
        sheet.row_dimensions[i].height = 15.5 * min(max(1, int(lines)), 12) + 3
    setup = sheet.page_setup
    paper = sheet.PAPERSIZE_A4 if sum(widths) <= _A4_WIDTH else sheet.PAPERSIZE_A3
    n_pages = max(1, math.ceil(sum(widths) / _A3_WIDTH))  # of paper side by side
    setup.orientation, setup.paperSize, setup.fitToWidth, setup.fitToHeight = "landscape", paper, n_pages, 0
    if n_pages > 1:
        sheet.print_title_cols = f"A:{get_column_letter(min(_NAMING, len(columns)))}"
        sheet.cell(1, 1).alignment = Alignment(horizontal="left", vertical="center")
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins = PageMargins(left=0.4, right=0.4, top=0.5, bottom=0.7, header=0.3, footer=0.3)
    sheet.oddFooter.center.text = label("list.page", language)


def _heading(column: str, language: str) -> str:
    """Return the label of a column with its unit on a line of its own, so that no bracket is left alone on one."""
    text = column_label(column, language)
    at = max(text.rfind("（"), text.rfind(" ("))
    return text if at < 1 else f"{text[:at]}\n{text[at:].strip()}"


def _printed(cell: Any) -> str:
    """Return the text of a cell as it is printed: a number too wide for its column is printed as ###."""
    if isinstance(cell.value, int | float):
        return f"{cell.value:,.{len(cell.number_format.partition('.')[2])}f}"
    return str(cell.value or "")


@lru_cache(maxsize=1 << 14)
def _width(text: str) -> float:
    """Return the width of the longest line in Latin letters; a Chinese one is two wide."""
    return max((sum(2 if ord(c) > 0x2E7F else 1.05 for c in line) for line in text.split("\n")), default=0)


def _publish(book: openpyxl.Workbook, path: Path, *, cells: int) -> None:
    def verify(written: Path) -> None:
        again = openpyxl.load_workbook(written, read_only=True)
        found = again.worksheets[0].max_row or 0
        again.close()
        if found < cells:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        raw = io.BytesIO()
        book.save(raw)
        temporary.write_bytes(without_clock(raw.getvalue()))
