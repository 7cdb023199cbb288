"""Ledgers of points on the ground as texts or workbooks, however they are separated, encoded and capitalised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geo_risk.core.errors import CorruptFileError
from geo_risk.core.sentence import Sentence, chinese
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.files import sniff
from geo_risk.sources.options import ReadOptions
from geo_risk.sources.point_csv import CsvForm, csv_form

_TEXTS = ("point_id", "component", "track")
_DECIMAL = r"[+-]?\d+,\d+"


@dataclass(frozen=True)
class GroundTable:
    """Rows as text, names in lower case; `quarantine` of rows that are given twice; `notes` on how it was read."""

    frame: pd.DataFrame
    quarantine: list[dict[str, str]]
    notes: list[str]


def ground_table(path: Path, *, where: str, options: ReadOptions) -> GroundTable | None:
    """Read a text or workbook; None for any other file, and for a text whose first line names no three columns.

    Parameters
    ----------
    path : CSV (commas, semicolons or tabs; UTF-8, GB18030 or UTF-16; decimal commas) or XLSX.
    where : config field, for errors.
    options : sheet of a workbook (`layer`), encoding of a text.

    Raises
    ------
    CorruptFileError : a workbook that does not open, a text that does not read.
    """
    kind = sniff(path) if path.is_file() else ""
    notes: list[str] = []
    if kind == "XLSX":
        frame = _workbook(path, options.layer, where=where)
    elif kind == "text" and path.suffix.lower() in (".csv", ".txt", ".tsv"):
        form = csv_form(path, encoding=options.encoding)
        if form is None:
            return None
        frame, notes = _text(path, form, where=where), _said(path, form)
    else:
        return None
    lowered = [str(c).strip().lower() for c in frame.columns]
    if len(set(lowered)) == len(lowered):
        frame.columns = pd.Index(lowered)
    frame = frame.dropna(how="all").reset_index(drop=True)
    twice = frame.duplicated()
    return GroundTable(frame[~twice].reset_index(drop=True), _twice(frame[twice]), notes)


def _workbook(path: Path, sheet: str | None, *, where: str) -> pd.DataFrame:
    try:
        return pd.read_excel(path, sheet_name=sheet or 0, dtype="string", keep_default_na=False, na_values=[""])
    except (ValueError, KeyError, OSError) as error:
        what = f"{path.name} does not read as a workbook: {error}"
        raise CorruptFileError(what, where=where, fix="save it again, or name the sheet in `layer`") from error


def _text(path: Path, form: CsvForm, *, where: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype="string", encoding=form.encoding, sep=form.separator, keep_default_na=False,
                            na_values=[""], index_col=False, skipinitialspace=True, skiprows=form.skipped)  # fmt: skip
    except (UnicodeDecodeError, LookupError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        what = f"{path.name} does not read as CSV: {error}"
        raise CorruptFileError(what, where=where, fix="save it again as CSV in UTF-8, or give `encoding`") from error
    if form.decimal == ",":
        for name in (c for c in frame.columns if str(c).strip().lower() not in _TEXTS):
            is_number = frame[name].str.fullmatch(_DECIMAL).fillna(value=False)
            frame[name] = frame[name].mask(is_number, frame[name].str.replace(",", "."))
    return frame


def _said(path: Path, form: CsvForm) -> list[str]:
    out: list[str] = []
    if form.encoding == "gb18030":
        out.append(Sentence(f"{path.name} was read as GB18030", f"{path.name} 按 GB18030 编码读取"))
    if form.sentence:
        out.append(Sentence(f"{path.name}: {form.sentence}", f"{path.name}：{in_chinese(form.sentence)}"))
    return out


def _twice(rows: pd.DataFrame) -> list[dict[str, str]]:
    ids = rows["point_id"] if "point_id" in rows else pd.Series("", index=rows.index)
    why = Sentence("the same row came before: it is read once", "与前面的行完全相同，只读取一次")
    return [{"id": str(i), "reason": str(why), "reason_zh": chinese(why)} for i in ids.fillna("")]
