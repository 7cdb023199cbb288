"""Edited exports brought back into the register: cell by cell, as proposals; what could not be read is set aside."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from geo_risk.core.errors import ConfigError, DataError, GeoRiskError
from geo_risk.core.sentence import Sentence
from geo_risk.flow.register_export import ABOUT, book_columns
from geo_risk.flow.register_report import ImportReport
from geo_risk.products.register_merging import LOWER_BOUNDS, settled
from geo_risk.publish import register_book
from geo_risk.register import proposals
from geo_risk.register.entry import State, Values
from geo_risk.register.fields import CONTACTS, GEOMETRY, LAYERS, Layer, plain
from geo_risk.register.proposals import Offer
from geo_risk.register.replay import at_versions
from geo_risk.register.seen import day_of
from geo_risk.register.store import Register
from geo_risk.sources.register_book import (
    Edited,
    is_edited_book,
    is_edited_package,
    read_edited_book,
    read_edited_package,
)


def is_export(path: Path) -> bool:
    """Return whether a file is an export of a register, edited or not."""
    return is_edited_book(path, about=register_book.ABOUT) or is_edited_package(path, about=ABOUT, where="import")


def import_edits(register: Register, path: Path) -> ImportReport:
    """Propose what people changed in an export: cell by cell against the version that the export had.

    Rows that are not in the file cancel nothing; rows without an id are new objects. An edit of a value that somebody
    changed after the export is a conflict: it is proposed and named, and takes `confirm --over`.

    Raises
    ------
    DataError : an export of another register, or a file that lost its column of versions.
    """
    report = ImportReport(path.name)
    is_book = is_edited_book(path, about=register_book.ABOUT)
    if is_book:
        headers = {n: _headers(n) for n in LAYERS}
        edited = read_edited_book(path, about=register_book.ABOUT, headers=headers, where="import")
    else:
        edited = read_edited_package(path, about=ABOUT, layers={n: s.id for n, s in LAYERS.items()},
                                     crs=register.crs, where="import")  # fmt: skip
    if edited.about.get("register_id") != register.register_id:
        what = f"{path.name} is an export of another register"
        raise DataError(
            what, where=str(path), fix="name the register that it was exported from, or import it as ledger"
        )
    report.notes += edited.notes
    with register.writing():
        for name, table in edited.tables.items():
            report.rows[name] = len(table)
            _check_columns(table, LAYERS[name], path)
            past = at_versions(register.history(), _seen_versions(table, LAYERS[name].id))
            offers = _edits(register, LAYERS[name], table, edited, report, past, is_book=is_book)
            made = proposals.propose(register, offers, source="file", run_id=None)
            report.add(made.counts)
            report.numbers += made.numbers
    return report


def _headers(layer: str) -> dict[str, str]:
    columns = book_columns(layer, with_contacts=True)
    return {**register_book.headers_of(columns, "zh"), **register_book.headers_of(columns, "en")}


def _seen_versions(table: pd.DataFrame, id_column: str) -> dict[str, set[int]]:
    out: dict[str, set[int]] = {}
    for object_id, version in zip(table[id_column].map(_id_text), table["version"], strict=True):
        number = pd.to_numeric(version, errors="coerce")
        if object_id and number >= 1:
            out.setdefault(object_id, set()).add(int(number))
    return out


def _check_columns(table: pd.DataFrame, layer: Layer, path: Path) -> None:
    if "version" not in table or layer.id not in table:
        what = f"{path.name} has no column {layer.id if layer.id not in table else 'version'}"
        raise DataError(what, where=str(path), fix="export again and keep the columns of ids and versions")


def _edits(
    register: Register, layer: Layer, table: pd.DataFrame, edited: Edited, report: ImportReport,
    past: Mapping[tuple[str, int], State], *, is_book: bool,
) -> list[Offer]:  # fmt: skip
    ids = table[layer.id].map(_id_text)
    again = set(ids[ids.duplicated(keep=False) & (ids != "")])
    for name in sorted(again):
        report.aside(layer.name, name, Sentence("its id stands in several rows: none of them is used",
                                                "编号出现在多行，均未采用"))  # fmt: skip
    now = register.get(sorted(set(ids) - again - {""}))
    absent = {s.object_id for s in register.states(layer.name)} - set(ids)
    if absent:
        said = Sentence(f"{len(absent)} of {layer.name} are not in the file; nothing is cancelled by that",
                        f"{layer.name} 有 {len(absent)} 条不在文件中：不因此核销")  # fmt: skip
        report.notes.append(said)
    _say_seen_edited(register, layer, table, report)
    language = edited.about.get("language", "zh")
    reader = _Cells(layer, language) if is_book else None
    offers = []
    rows = [{str(k): v for k, v in r.items()} for r in table.to_dict("records")]
    for object_id, row in zip(ids, rows, strict=True):
        if object_id in again:
            continue
        place = f"{layer.name} {object_id or 'new'} (row {row['row']})"
        try:
            offer = (_new_row(layer, row, reader, place, report) if not object_id
                     else _edit(register, layer, object_id, row, reader, now, past, report))  # fmt: skip
        except GeoRiskError as error:
            report.aside(layer.name, object_id or f"row {row['row']}", Sentence(error.what, error.what))
            continue
        if offer is not None:
            offers.append(offer)
    return offers


def _say_seen_edited(register: Register, layer: Layer, table: pd.DataFrame, report: ImportReport) -> None:
    """Say that people wrote into columns that follow from the runs: nothing of that is taken."""
    told = {""}
    for made_at, run_id in register.database.run("SELECT made_at, run_id FROM reg_runs"):
        told |= {day_of(made_at), run_id}
    columns = [c for c in ("last_seen", "last_seen_run", "last_looked", "last_looked_run") if c in table]
    wrong = [c for c in columns if not {_text(v) for v in table[c]} <= told]
    if wrong:
        report.notes.append(Sentence(f"{', '.join(wrong)} of {layer.name} follow from the runs: edits are not taken",
                                     f"{layer.name} 的 {'、'.join(wrong)} 由历次分析得出：修改不采用"))  # fmt: skip


def _id_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unicodedata.normalize("NFKC", str(value)).strip()


class _Cells:
    """Cells of a workbook: what was written there, and what a text that people wrote means."""

    def __init__(self, layer: Layer, language: str) -> None:
        self.layer, self.language = layer, language
        self.words = register_book.words_of(layer.name, layer.choices, language)

    def is_as_written(self, column: str, cell: Any, value: Any) -> bool:
        """Return whether a cell still holds what the export wrote for a value."""
        written = register_book.book_value(column, value, self.language)
        if isinstance(cell, bool) or isinstance(written, bool):
            return bool(cell == written)
        if isinstance(cell, int | float) and isinstance(written, int | float):
            return abs(float(cell) - float(written)) < 1e-9 * max(1.0, abs(float(written)))
        return _text(cell) == _text(written)

    def meaning(self, column: str, cell: Any) -> Any:
        """Return the value that a cell means; words are ours, or in the language of the export."""
        text = _text(cell)
        if not text:
            return None
        return self.words.get(column, {}).get(text, cell if isinstance(cell, int | float) else text)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if hasattr(value, "isoformat"):  # Excel turns a date that people type into one
        value = value.isoformat()[:10]
    text = str(value).replace("\r\n", "\n").strip()
    return unicodedata.normalize("NFC", text.removesuffix(".0") if isinstance(value, float) else text)


def _edit(
    register: Register, layer: Layer, object_id: str, row: Mapping[str, Any], reader: _Cells | None,
    now: Mapping[str, State], past: Mapping[tuple[str, int], State], report: ImportReport,
) -> Offer | None:  # fmt: skip
    version = _version(row.get("version"), object_id)
    base = past.get((object_id, version))
    if base is None or object_id not in now or base.layer != layer.name:
        what = f"the register has no version {version} of {object_id}"
        raise DataError(what, where=report.file, fix="keep ids and versions as they were exported")
    if not now[object_id].is_there:
        what = f"{object_id} was taken back since the export"
        raise DataError(what, where=report.file, fix="see its history")
    after = _edited_values(layer, object_id, row, reader, base)
    after |= settled(base.values, after)  # a figure that somebody wrote is no lower bound any more
    if not after:
        report.add({"rows_as_exported": 1})
        return None
    report.add({"rows_edited": 1})
    before = {k: base.values[k] for k in after}
    late = sorted(k for k, v in after.items() if now[object_id].values[k] not in (base.values[k], v))
    if late:
        told = register.told(object_id, since=version)
        report.conflicts.append({"object_id": object_id, "fields": late, "told": told})
    shown = ", ".join("***" if k in CONTACTS else k for k in sorted(after))
    return Offer("edit", layer.name, object_id, after, f"文件 {report.file} 中的修改：{shown}。",
                 f"Edited in {report.file}: {shown}.", before=before, base_version=version)  # fmt: skip


def _version(value: Any, object_id: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not number >= 1:
        what = f"{object_id} has version {value!r}"
        raise DataError(what, where="column version", fix="keep versions as they were exported")
    return int(number)


def _edited_values(layer: Layer, object_id: str, row: Mapping[str, Any], reader: _Cells | None, base: State) -> Values:
    place = f"{layer.name} {object_id}"
    after: Values = {}
    for name in layer.fields:
        if name not in row or name == LOWER_BOUNDS:
            continue
        if reader is None:
            value = plain(layer, name, row[name], where=place)
        elif reader.is_as_written(name, row[name], base.values[name]):
            continue
        else:
            value = plain(layer, name, reader.meaning(name, row[name]), where=place)
        if value != base.values[name]:
            after[name] = value
    shape = _edited_shape(layer, row, reader, base, place)
    return after if shape is None else {**after, GEOMETRY: shape}


def _edited_shape(layer: Layer, row: Mapping[str, Any], reader: _Cells | None, base: State, place: str) -> str | None:
    old = None if base.values[GEOMETRY] is None else shapely.from_wkb(bytes.fromhex(base.values[GEOMETRY]))
    if reader is None:
        if "geometry" not in row or row["geometry"] is None:
            return None
        text = plain(layer, GEOMETRY, row["geometry"], where=place)
        new = shapely.from_wkb(bytes.fromhex(text))
        same = old is not None and shapely.equals_exact(old.normalize(), new.normalize(), tolerance=0.001)
        return None if same else str(text)
    if "x" not in row or "y" not in row or old is None:
        return None
    x, y = (_number(row[c], place) for c in ("x", "y"))
    if abs(x - old.x) < 0.006 and abs(y - old.y) < 0.006:  # a cell has two decimals
        return None
    return str(plain(layer, GEOMETRY, shapely.Point(x, y), where=place))


def _number(value: Any, place: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        what = f"x or y is {value!r}; a number needed"
        raise DataError(what, where=place, fix="mend the cell") from error


def _new_row(
    layer: Layer, row: Mapping[str, Any], reader: _Cells | None, place: str, report: ImportReport
) -> Offer | None:
    values: Values = {}
    for name in layer.fields:
        if name in row:
            raw = row[name] if reader is None else reader.meaning(name, row[name])
            values[name] = plain(layer, name, raw, where=place)
    if reader is None:
        values[GEOMETRY] = plain(layer, GEOMETRY, row.get("geometry"), where=place)
    elif layer.shape == "Point":
        x, y = (_number(row.get(c), place) for c in ("x", "y"))
        values[GEOMETRY] = plain(layer, GEOMETRY, shapely.Point(x, y), where=place)
    if values.get(GEOMETRY) is None:
        what = "a new object without a place"
        raise ConfigError(what, where=place, fix="draw it in the GeoPackage, or fill x and y")
    for name, value in (("status", "new"), ("source", "inventory"), ("kind", None), ("activity", "unknown")):
        if name in layer.fields and values.get(name) is None:
            values[name] = value
    if values.get("kind") is None:
        what = "a new object without a kind"
        raise ConfigError(what, where=place, fix="fill its kind")
    report.add({"rows_new": 1})
    return Offer("new", layer.name, None, values, f"文件 {report.file} 第 {row['row']} 行新增。",
                 f"New in {report.file}, row {row['row']}.")  # fmt: skip
