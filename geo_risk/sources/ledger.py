"""Ledgers in XLSX or CSV with Chinese headers: read, understood row by row, doubtful rows set aside with the reason.

A repeated id does not stop a ledger as it stops a map layer (`vectors.read_vector`): ledgers are kept by hand, and one
doubled number must not silence the other rows. The first row of a repeated id is used, the others are quarantined.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from geo_risk.core.errors import CorruptFileError, DataError, LimitError, OverlapError, RefusedFileError, SchemaError
from geo_risk.core.sentence import Sentence, chinese
from geo_risk.sources.ledger_places import place_rows
from geo_risk.sources.ledger_tables import TABLES, LedgerTable
from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.vector_files import open_vector, read_text_table
from geo_risk.sources.vectors import Bounds, VectorRead, read_vector
from geo_risk.sources.written_lengths import metres

MAX_ROWS = 200_000
MAX_UNPACKED_BYTES = 500_000_000
_HEADER_ROWS = 12
_MIN_HEADERS = 3
_RUNNING = ("序号",)
_SUMS = frozenset({"people", "households", "buildings", "assets_cny"})
"""Columns that are summed over rows."""
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_CENTIMETRES = re.compile(r"\((?:厘米|公分|cm|CM)\)$")


def read_ledger(
    path: Path,
    table: str | LedgerTable,
    *,
    crs: str,
    where: str,
    area: Bounds,
    reference: gpd.GeoDataFrame | None = None,
    gcj02: str = "detect",
    options: ReadOptions = NO_OPTIONS,
) -> VectorRead:
    """Read a ledger into points of the run's CRS.

    Parameters
    ----------
    path : .xlsx, .csv, or any vector file with the same columns; the true type is sniffed.
    table : "hazard_points", "waterlogging_sites", or a table of one's own.
    crs : CRS of the run, metres.
    where : config field to name in errors.
    area : left, bottom, right, top of the run in `crs`.
    reference : features near which true rows lie (roads for waterlogging sites), to find shifted coordinates.
    gcj02 : "no": coordinates are taken as they are; "yes": all are shifted back; "detect": single rows are shifted
        back where the reference shows it, else all are taken as they are and the notes say so.
    options : `crs` of the columns lon, lat (default EPSG:4490), `layer` (sheet) and `encoding`.

    Returns
    -------
    VectorRead : the frame has every column of the table (missing where the ledger has none), the other columns under
        their own header, `row` (number in the sheet), `coordinate_note` and `coordinate_confidence` (1 as written,
        0.8 changed, 0.6 doubtful). Text is in NFKC form (full-width digits become plain).

    Raises
    ------
    SchemaError : no header row is found, or no id or coordinate column.
    OverlapError : no row lies in the area.
    CorruptFileError, RefusedFileError, LimitError, DataError : as in `vectors`.
    """
    rules = TABLES[table] if isinstance(table, str) else table
    raw, notes = _open_table(path, rules, where=where, options=options)
    frame, said = _understand(raw, rules, path=path, where=where)
    notes += said
    frame, quarantine = _drop_without_id(frame, rules.id)
    frame, doubled = _first_of_each(frame, rules.id)
    quarantine += doubled
    placed = place_rows(
        frame, crs=crs, area=area, reference=reference, gcj02=gcj02, lonlat_crs=options.crs or "EPSG:4490"
    )
    quarantine += [{"id": str(frame.loc[i, rules.id]), "reason": reason, "reason_zh": chinese(reason)}
                   for i, reason in placed.rejected.items()]  # fmt: skip
    kept = frame.drop(index=list(placed.rejected)).assign(
        coordinate_note=placed.note.drop(index=list(placed.rejected)),
        coordinate_confidence=placed.confidence.drop(index=list(placed.rejected)),
    )
    if not len(kept):
        what = f"none of the {len(raw)} rows of {path.name} lies in the area"
        raise OverlapError(what, where=where, fix="check the file and its coordinate columns")
    out = gpd.GeoDataFrame(kept, geometry=placed.points.loc[kept.index], crs=crs)
    counts = Sentence(f"{path.name}: {len(raw)} rows read, {len(out)} used, {len(quarantine)} set aside",
                  f"{path.name}：读取 {len(raw)} 行，采用 {len(out)} 行，搁置 {len(quarantine)} 行")  # fmt: skip
    notes += [counts, *placed.notes]
    return VectorRead(out.reset_index(drop=True), quarantine, notes)


def read_polygons(
    path: Path, table: LedgerTable, *, crs: str, where: str, options: ReadOptions = NO_OPTIONS
) -> VectorRead:
    """Read a ledger of polygons, any vector file, with the columns of a table; parameters and errors as `read_ledger`.

    Shapes are checked and mended as in `vectors.read_vector`; rows without an id and repeated ids are set aside.
    """
    _check_file(path, where=where)
    raw, _ = open_vector(path, where=where, layer=options.layer, crs=options.crs, encoding=options.encoding)
    ids = [str(c) for c in raw.columns if header_meaning(_plain(c), table)[0] == table.id]
    read = read_vector(path, crs=crs, where=where, geometry="Polygon", options=options,
                       id_column=f"{ids[0] if ids else table.id}?")  # fmt: skip
    shapes = read.frame.geometry
    plain = pd.DataFrame(read.frame.drop(columns=shapes.name))
    centre = shapes.representative_point()
    plain = plain.assign(x=centre.x, y=centre.y)
    frame, notes = _understand(plain, table, path=path, where=where)
    frame, quarantine = _drop_without_id(frame, table.id)
    frame, doubled = _first_of_each(frame, table.id)
    out = gpd.GeoDataFrame(frame, geometry=shapes.loc[frame.index], crs=crs).reset_index(drop=True)
    aside = [*read.quarantine, *quarantine, *doubled]
    counts = Sentence(f"{path.name}: {len(raw)} rows read, {len(out)} used, {len(aside)} set aside",
                      f"{path.name}：读取 {len(raw)} 行，采用 {len(out)} 行，搁置 {len(aside)} 行")  # fmt: skip
    return VectorRead(out, aside, [*read.notes, *notes, counts])


def _check_file(path: Path, *, where: str) -> bytes:
    """Return the first bytes of a ledger; refuse one that is absent, empty, or no workbook though it is called one."""
    if not path.is_file():
        what = f"{path.name} is not there"
        raise DataError(what, where=f"{where}: {path}", fix="mend the path in the config")
    with path.open("rb") as stream:
        head = stream.read(8)
    if not head:
        what = f"{path.name} is empty: it has 0 bytes"
        raise CorruptFileError(what, where=where, fix="save or copy it again")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        what = f"{path.name} is an old .xls workbook"
        raise RefusedFileError(what, where=where, fix="save it as .xlsx or CSV")
    if path.suffix.lower() in (".xlsx", ".xlsm") and not head.startswith(b"PK\x03\x04"):
        what = f"{path.name} does not read as a workbook"
        raise CorruptFileError(what, where=where, fix="open and save it again as .xlsx, or export it as CSV")
    return head


def _open_table(path: Path, rules: LedgerTable, *, where: str, options: ReadOptions) -> tuple[pd.DataFrame, list[str]]:
    head = _check_file(path, where=where)
    if head.startswith(b"PK\x03\x04"):
        return _read_xlsx(path, rules, where=where, sheet=options.layer)
    if path.suffix.lower() in (".csv", ".txt"):
        frame, notes = read_text_table(path, where=where, encoding=options.encoding)
        frame.insert(0, "row", np.arange(2, len(frame) + 2))
        return frame, notes
    vector, notes = open_vector(path, where=where, layer=options.layer, crs=options.crs, encoding=options.encoding)
    lonlat = vector.to_crs("EPSG:4490")
    plain = pd.DataFrame(vector.drop(columns="geometry"))
    points = lonlat.geometry.representative_point()
    return plain.assign(row=np.arange(1, len(plain) + 1), lon=points.x, lat=points.y), notes


def _read_xlsx(path: Path, rules: LedgerTable, *, where: str, sheet: str | None) -> tuple[pd.DataFrame, list[str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            what = f"{path.name} unpacks to {size} bytes; at most {MAX_UNPACKED_BYTES} are accepted"
            raise LimitError(what, where=where, fix="keep only the ledger's sheet")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError) as error:
        what = f"{path.name} does not read as a workbook: {error}"
        raise CorruptFileError(what, where=where, fix="open and save it again, or export it as CSV") from error
    try:
        for page in book.worksheets:
            if sheet is not None and page.title != sheet:
                continue
            rows = [list(r) for r in page.iter_rows(max_row=MAX_ROWS + _HEADER_ROWS, values_only=True)]
            start = _header_row(rows, rules)
            if start is None:
                continue
            if len(rows) - start > MAX_ROWS:
                what = f"{path.name} has more than {MAX_ROWS} rows"
                raise LimitError(what, where=where, fix="split the ledger")
            merged = _merged_down(path, page, start + 1)
            sums = {i for i, c in enumerate(rows[start]) if header_meaning(_plain(c), rules)[0] in _SUMS}
            filled, n_sums = _filled(rows, merged, sums)
            return _table(filled, start), _merged_notes(path, merged, n_sums)
    finally:
        book.close()
    wanted = [names[0] for names in rules.columns.values()]
    what = f"{path.name} has no sheet with a header row; headers such as {wanted[:8]} are looked for"
    raise SchemaError(what, where=where, fix="name the columns as listed in geo_risk/sources/ledger_tables.py")


def _merged_down(path: Path, page: Any, first_row: int) -> list[tuple[int, int, int, int]]:
    """Return the merged ranges of a sheet below its header: first row, last row, first column, last column, from 0.

    A workbook that is read row by row does not tell them, and only its first cell holds the value of a range: the
    other rows of a village or a township would come out blank.
    """
    with zipfile.ZipFile(path) as archive:
        text = archive.read(page._worksheet_path)
    out = []
    for ref in _MERGED.findall(text):
        left, top, right, bottom = range_boundaries(ref.decode())
        if bottom is not None and top is not None and left and right and bottom > top and top > first_row:
            out.append((top - 1, min(bottom, MAX_ROWS) - 1, left - 1, right - 1))
    return out


def _filled(
    rows: list[list[Any]], merged: list[tuple[int, int, int, int]], sums: set[int]
) -> tuple[list[list[Any]], int]:
    """Return the rows with merged words in each of their rows, and the number of merged sums.

    A number of people or the like that several rows share is that of all of them together: repeated, it would count
    each of them again. It stays in its first row, and the others are unknown.
    """
    n_sums = 0
    for top, bottom, left, _ in merged:
        value = rows[top][left] if top < len(rows) and left < len(rows[top]) else None
        if left in sums:
            n_sums += value is not None
            continue
        for row in rows[top + 1 : bottom + 1]:
            if left < len(row) and row[left] is None and any(_plain(c) for c in row):
                row[left] = value
    return rows, n_sums


def _merged_notes(path: Path, merged: list[tuple[int, int, int, int]], n_sums: int) -> list[str]:
    said = Sentence(f"{path.name}: {len(merged) - n_sums} merged cells stand for all their rows",
                    f"{path.name}：{len(merged) - n_sums} 处合并单元格，其值适用于所跨各行")  # fmt: skip
    sums = Sentence(f"{path.name}: {n_sums} merged cells hold people, households, buildings or assets of several rows "
                    "together: they stay in the first row, unknown in the others; write them row by row",
                    f"{path.name}：{n_sums} 处合并单元格为多行合计的人数、户数、房屋或财产：仅计入首行，"
                    "其余行按未知处理，请逐行填写")  # fmt: skip
    return [text for text, is_said in ((said, len(merged) > n_sums), (sums, n_sums > 0)) if is_said]


def _header_row(rows: list[list[Any]], rules: LedgerTable) -> int | None:
    names = _aliases(rules)
    counts = [sum(_plain(cell) in names for cell in row) for row in rows[:_HEADER_ROWS]]
    if not counts or max(counts) < _MIN_HEADERS:
        return None
    return counts.index(max(counts))


def _table(rows: list[list[Any]], start: int) -> pd.DataFrame:
    header = [_plain(c) or f"column_{i}" for i, c in enumerate(rows[start], 1)]
    body = [(n, r) for n, r in enumerate(rows[start + 1 :], start + 2) if any(_plain(c) for c in r)]
    frame = pd.DataFrame([r for _, r in body], columns=header, dtype=object)
    frame = frame.loc[:, ~frame.columns.duplicated()]
    frame.insert(0, "row", [n for n, _ in body])
    return frame


def _aliases(rules: LedgerTable) -> dict[str, str]:
    return {_plain(alias): name for name, found in rules.columns.items() for alias in (name, *found)}


def _plain(value: Any) -> str:
    """Return a cell as text in NFKC form without spaces at its ends; missing is ""."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unicodedata.normalize("NFKC", str(value)).strip()


def _understand(raw: pd.DataFrame, rules: LedgerTable, *, path: Path, where: str) -> tuple[pd.DataFrame, list[str]]:
    meant = {c: header_meaning(_plain(c), rules) for c in raw.columns}
    names = {c: name or str(c) for c, (name, _) in meant.items()}
    factors = {name: factor for name, factor in reversed(list(meant.values())) if name}
    raw, notes = _named_by_row(raw, rules, meant, path=path)
    renamed = raw.rename(columns=names).loc[:, ~pd.Index(list(names.values())).duplicated()]
    if rules.is_numbered and rules.id not in renamed:
        renamed[rules.id] = [f"R{int(n):04d}" for n in renamed["row"]]
        notes.append(Sentence(f"{path.name} has no column of ids: rows are named by their number",
                              f"{path.name} 无编号列：以行号命名"))  # fmt: skip
    has_place = {"lon", "lat"} <= set(renamed) or {"x", "y"} <= set(renamed)
    if rules.id not in renamed or not has_place:
        lacks = rules.id if rules.id not in renamed else "lon, lat (or x, y)"
        what = f"{path.name} has no column for {lacks}; it has {[str(c) for c in raw.columns][:20]}"
        raise SchemaError(what, where=where, fix=f"name it {rules.columns[rules.id][0]}, 经度, 纬度 or x, y")
    out = pd.DataFrame({"row": renamed["row"].to_numpy()})
    for name in dict.fromkeys([*rules.columns, *renamed.columns]):
        if name == "row":
            continue
        texts = renamed[name].map(_plain) if name in renamed else pd.Series("", index=renamed.index)
        column = pd.Series(texts.to_numpy(), index=out.index, dtype="string").replace("", pd.NA)
        if name in rules.numbers:
            column, said = _numbers(column, rules.numbers[name] * factors.get(name, 1.0), f"{path.name} {name}",
                                    is_length=name in rules.lengths)  # fmt: skip
            notes += said
        elif name in rules.values:
            column, said = _words(column, dict(rules.values[name]), f"{path.name} {name}")
            notes += said
        out[name] = column
    return out, notes


def header_meaning(header: str, rules: LedgerTable) -> tuple[str, float]:
    """Return our column of a header and the factor that brings it to the unit that the table reads; "" where unknown.

    A header in centimetres is known where the same one in metres is.
    """
    aliases = _aliases(rules)
    plain = _plain(header)
    if plain in aliases:
        return aliases[plain], 1.0
    short = _CENTIMETRES.search(plain)
    name = aliases.get(f"{plain[: short.start()]}(米)", "") if short else ""
    return name, 0.01 if name else 1.0


def _named_by_row(
    raw: pd.DataFrame, rules: LedgerTable, meant: dict[Any, tuple[str, float]], *, path: Path
) -> tuple[pd.DataFrame, list[str]]:
    """Give rows that have no id, or a running number that starts again, the number of their row; name unread columns.

    Only in tables that may go without ids: lists that a city publishes count from 1 in each of their parts.
    """
    if not rules.is_numbered:
        return raw, []
    notes: list[str] = []
    unread = [str(c) for c, (name, _) in meant.items() if not name and c not in ("row", "geometry")]
    if unread:
        notes.append(Sentence(f"{path.name}: columns that were not read: {', '.join(unread[:20])}",
                              f"{path.name}：未读取的列：{'、'.join(unread[:20])}"))  # fmt: skip
    column = next((c for c, (name, _) in meant.items() if name == rules.id), None)
    if column is None:
        return raw, notes
    ids = raw[column].map(_plain)
    starts_again = _plain(column) in _RUNNING and bool(ids[ids != ""].duplicated().any())
    bare = (ids == "") | starts_again
    if bare.any():
        raw = raw.assign(**{column: ids.where(~bare, [f"R{int(n):04d}" for n in raw["row"]])})
        notes.append(Sentence(f"{path.name}: {int(bare.sum())} rows without a number of their own are named by row",
                              f"{path.name}：{int(bare.sum())} 行无唯一编号，以行号命名"))  # fmt: skip
    return raw, notes


def _numbers(
    texts: pd.Series[Any], factor: float, what: str, *, is_length: bool = False
) -> tuple[pd.Series[Any], list[str]]:
    """Return numbers >= 0, and what was not read; the unit beside a length counts before that of its header."""
    if is_length:
        values = metres(texts, bare=factor)
    else:
        cleaned = texts.str.replace(",", "").str.extract(r"^(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\D*$")[0]
        values = pd.to_numeric(cleaned, errors="coerce").astype("float64") * factor
    values = values.where(values >= 0)
    bad = values.isna() & texts.notna()
    shown = texts[bad].tolist()[:5]
    said = Sentence(f"{what}: {int(bad.sum())} values are not numbers >= 0 and count as unknown: {shown}",
                f"{what}：{int(bad.sum())} 个取值不是非负数，按未知处理：{shown}")  # fmt: skip
    return values, [said] * bool(bad.any())


def _words(texts: pd.Series[Any], words: dict[str, str], what: str) -> tuple[pd.Series[Any], list[str]]:
    def find(text: Any) -> Any:
        if text is pd.NA:
            return pd.NA
        return words.get(text) or next((w for k, w in words.items() if k in text), pd.NA)

    found = texts.map(find).astype("string")
    bad = found.isna() & texts.notna()
    shown = sorted(texts[bad].unique())[:5]
    said = Sentence(f"{what}: {int(bad.sum())} values are not known and count as missing: {shown}",
                f"{what}：{int(bad.sum())} 个取值无法识别，按缺失处理：{shown}")  # fmt: skip
    return found, [said] * bool(bad.any())


def _drop_without_id(frame: pd.DataFrame, id_column: str) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    empty = frame[id_column].isna()
    out = [{"id": f"row {row}", "reason": "no id", "reason_zh": "无编号"} for row in frame.loc[empty, "row"]]
    return frame[~empty].copy(), out


def _first_of_each(frame: pd.DataFrame, id_column: str) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    again = frame[id_column].duplicated()
    first = frame.drop_duplicates(id_column).set_index(id_column)["row"]
    out = [
        {
            "id": str(row[id_column]),
            "reason": f"row {row['row']} repeats the id of row {first[row[id_column]]}",
            "reason_zh": f"第 {row['row']} 行与第 {first[row[id_column]]} 行编号重复",
        }
        for _, row in frame[again].iterrows()
    ]
    return frame[~again].copy(), out
