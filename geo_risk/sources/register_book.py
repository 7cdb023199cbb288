"""A workbook or GeoPackage of the register read back after people edited it: cells as they stand, row by row."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyogrio
from openpyxl.utils.exceptions import InvalidFileException

from geo_risk.core.errors import CorruptFileError, LimitError
from geo_risk.sources.vector_files import open_vector, sniff_vector

MAX_ROWS = 200_000
MAX_UNPACKED_BYTES = 500_000_000


@dataclass(frozen=True)
class Edited:
    """What an edited file holds.

    Attributes
    ----------
    about : facts that the export wrote beside the rows; empty where they are gone.
    tables : rows by layer, columns by their names of ours; a workbook's cells as they stand, shapes in "geometry".
    notes : how it was read.
    """

    about: dict[str, str]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_edited_book(path: Path, *, about: str) -> bool:
    """Return whether a file is a workbook that the register exported: it has the hidden sheet."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("xl/workbook.xml")
    except (OSError, zipfile.BadZipFile, KeyError):
        return False
    return f'name="{about}"'.encode() in text


def read_edited_book(path: Path, *, about: str, headers: Mapping[str, Mapping[str, str]], where: str) -> Edited:
    """Read the sheets of a workbook.

    Parameters
    ----------
    about : name of the hidden sheet. headers : by layer, columns of ours by header; a sheet belongs to the layer whose
        id column it has.

    Raises
    ------
    CorruptFileError : the workbook does not read. LimitError : it is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                what = f"{path.name} unpacks to more than {MAX_UNPACKED_BYTES} bytes"
                raise LimitError(what, where=where, fix="keep only the sheets of the register")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError) as error:
        what = f"{path.name} does not read as a workbook: {error}"
        raise CorruptFileError(what, where=where, fix="open and save it again") from error
    try:
        facts = {str(r[0]): str(r[1]) for r in book[about].iter_rows(max_col=2, values_only=True) if r[0] is not None}
        out = Edited(facts)
        for sheet in book.worksheets:
            if sheet.title != about and (rows := _rows(sheet, where=where)):
                _add_table(out, rows, headers)
    finally:
        book.close()
    return out


def _rows(sheet: Any, *, where: str) -> list[tuple[int, list[Any]]]:
    """Return the rows of a sheet that hold something, with their numbers; the header first.

    Raises
    ------
    LimitError : there are more than MAX_ROWS below the header: none is cut off in silence.
    """
    out: list[tuple[int, list[Any]]] = []
    for i, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if any(_plain(c) for c in row):
            out.append((i, list(row)))
        if len(out) > MAX_ROWS + 1:
            what = f"sheet {sheet.title!r} has more than {MAX_ROWS:,} rows; none of them was taken"
            raise LimitError(what, where=where, fix="delete the rows that nobody edited: a missing row cancels nothing")
    return out


def _add_table(out: Edited, rows: list[tuple[int, list[Any]]], headers: Mapping[str, Mapping[str, str]]) -> None:
    names = [_plain(c) for c in rows[0][1]]
    for layer, known in headers.items():
        plain = {_plain(k): v for k, v in known.items()}
        columns = [plain.get(n, "") for n in names]
        id_column = next(iter(known.values()))
        if id_column not in columns:
            continue
        body = rows[1:]
        table = pd.DataFrame([r[: len(columns)] for _, r in body], columns=columns, dtype=object)
        table = table.loc[:, [c != "" for c in columns]].loc[:, lambda t: ~t.columns.duplicated()]
        table.insert(0, "row", [i for i, _ in body])
        out.tables[layer] = table
        return


def _plain(value: Any) -> str:
    return "" if value is None else unicodedata.normalize("NFKC", str(value)).strip()


def is_edited_package(path: Path, *, about: str, where: str) -> bool:
    """Return whether a file is a GeoPackage that the register exported: it has the table of facts."""
    if path.suffix.lower() != ".gpkg" or sniff_vector(path, where=where) != "GPKG":
        return False
    return about in {str(n) for n, _ in pyogrio.list_layers(path)}


def read_edited_package(path: Path, *, about: str, layers: Mapping[str, str], crs: str, where: str) -> Edited:
    """Read the layers of a GeoPackage, brought into the CRS of the register.

    Parameters
    ----------
    about : name of the table of facts. layers : id column by layer.
    """
    names = {str(n) for n, _ in pyogrio.list_layers(path)}
    facts = pyogrio.read_dataframe(path, layer=about, read_geometry=False)
    out = Edited(dict(zip(facts["key"].astype(str), facts["value"].astype(str), strict=True)))
    for layer, id_column in layers.items():
        if layer not in names:
            continue
        frame, notes = open_vector(path, where=where, layer=layer)
        if id_column not in frame:
            continue
        frame = frame.to_crs(crs) if frame.crs != crs else frame
        table = pd.DataFrame(frame.drop(columns="geometry")).astype(object)
        table = table.assign(geometry=frame.geometry.to_numpy())
        table.insert(0, "row", range(1, len(table) + 1))
        out.tables[layer] = table.where(table.notna(), None)
        out.notes.extend(notes)
    return out
