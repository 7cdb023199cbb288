"""Tables of points as text: which separator, decimal sign and encoding, and their rows in batches."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from geo_risk.core.errors import LimitError, RefusedFileError
from geo_risk.sources.point_dates import n_days

MAX_HEADER_BYTES = 2**20

_CODECS = ("utf-8-sig", "gb18030")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_UNREAD = ("|", " ")
_SAMPLE_ROWS = 200
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_WITH_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_FEW_DATES = 3
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class CsvForm:
    """How the text of a table is to be read.

    Attributes
    ----------
    columns : names of the header.
    encoding : of the text.
    separator : of the fields.
    decimal : sign of decimals: a comma where numbers of the first rows have one, and none of them a point.
    skipped : lines before the header, blank or comments that begin with #.
    """

    columns: tuple[str, ...]
    encoding: str
    separator: str = ","
    decimal: str = "."
    skipped: int = 0

    @property
    def sentence(self) -> str:
        """What is unusual in it, for the audit; empty for a plain CSV file."""
        parts = [f"fields are separated by {_SEPARATORS[self.separator]}"] if self.separator != "," else []
        parts += ["decimals have a comma"] if self.decimal == "," else []
        parts += ["the text is UTF-16"] if self.encoding == "utf-16" else []
        parts += [f"{self.skipped} lines before the header are passed over"] if self.skipped else []
        return f"table: {'; '.join(parts)}" if parts else ""


def csv_form(path: Path, *, encoding: str | None = None) -> CsvForm | None:
    """Return how a text is to be read as a table; None where its header does not name more than two columns.

    The header is the first line that is neither blank nor a comment (#).

    Parameters
    ----------
    path : the text.
    encoding : where it is known; None: UTF-16 where the text is marked so, else UTF-8 or GB18030.

    Raises
    ------
    LimitError : an endless first line. RefusedFileError : a table of dates with a separator that is not read.
    """
    with path.open("rb") as stream:
        head = stream.read(MAX_HEADER_BYTES)
    is_whole = len(head) < MAX_HEADER_BYTES
    marked = ("utf-16",) if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else _CODECS
    for codec in (encoding,) if encoding else marked:
        try:
            text = codecs.getincrementaldecoder(codec)().decode(head, final=is_whole)
        except UnicodeDecodeError:
            # a text beyond the header may be broken: that is told when it is read
            text = _first_line(head, codec) or ""
        if not text:
            continue
        lines = text.split("\n")
        if len(lines) < 2 and not is_whole:
            what = f"the first line is longer than {MAX_HEADER_BYTES} bytes: no table has such a header"
            raise LimitError(what, where=str(path), fix="give a CSV file with one row a point")
        return _form(lines if is_whole else lines[:-1], codec, path)
    return None


def csv_batches(path: Path, form: CsvForm, columns: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
    """Give these columns in batches of rows, in file order; errors of pandas and of the codec are the caller's."""
    positions = {c: form.columns.index(c) for c in columns}
    _check_width(path, form)
    # told which columns to use, pandas says nothing of rows that are too long: most of a table is read whole;
    # told of no index column, it does not take the first one for it where rows end with a comma
    few = sorted(positions.values()) if len(columns) < len(form.columns) / 2 else None
    with pd.read_csv(
        path, usecols=few, chunksize=n_rows, encoding=form.encoding, low_memory=False, index_col=False,
        names=range(len(form.columns)), header=None, skiprows=form.skipped + 1, skipinitialspace=True,
        sep=form.separator, decimal=form.decimal,
    ) as reader:  # fmt: skip
        for frame in reader:
            out = pd.DataFrame({c: frame[i] for c, i in positions.items()})
            yield _with_points(out) if form.decimal == "," else out


def _first_line(head: bytes, codec: str) -> str | None:
    line = head.partition(b"\n")[0]
    try:
        return f"{line.decode(codec)}\n\n"
    except UnicodeDecodeError:
        return None


def _form(lines: list[str], codec: str, path: Path) -> CsvForm | None:
    skipped = next((i for i, line in enumerate(lines) if _is_header(line)), 0)
    lines = lines[skipped:]
    found = {s: _names(lines[0], s) for s in (*_SEPARATORS, *_UNREAD)} if lines else {}
    separator = max(_SEPARATORS, key=lambda s: len(found.get(s, ())))
    names = found.get(separator, ())
    if len(names) > 2:
        return CsvForm(names, codec, separator, _decimal(lines[1 : _SAMPLE_ROWS + 1], separator), skipped)
    odd = next((s for s in _UNREAD if n_days(found.get(s, ())) >= _FEW_DATES), None)
    if odd is not None:
        what = f"fields are separated by {odd!r}; a comma, a semicolon or a tab is needed"
        raise RefusedFileError(what, where=str(path), fix="export the table as CSV, with commas between its fields")
    return None


def _is_header(line: str) -> bool:
    """Return whether a line can be a header: it is not blank, and no comment (a first name may begin with #)."""
    text = line.strip().lstrip("\ufeff")
    return bool(text.strip(",;\t ")) and not (text.startswith("#") and not any(text.count(s) > 1 for s in _SEPARATORS))


def _names(line: str, separator: str) -> tuple[str, ...]:
    text = line.strip("\r\n ")
    # without quotes nothing is to be read but separators, whose fields may be longer than the reader takes
    fields = text.split(separator)
    if '"' in text:
        with contextlib.suppress(csv.Error):
            fields = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
    return tuple(n.strip().strip('"') for n in fields)


def _decimal(lines: list[str], separator: str) -> str:
    """Return a comma where it is one without doubt: a number with a point, or nothing but thousands, leave a doubt."""
    with_comma = False
    for fields in csv.reader(lines, delimiter=separator, skipinitialspace=True):
        for field in fields:
            if _WITH_POINT.fullmatch(field.strip()):
                return "."
            if _WITH_COMMA.fullmatch(field.strip()):
                with_comma |= not _THOUSANDS.fullmatch(field.strip())
    return "," if with_comma else "."


def _with_points(frame: pd.DataFrame) -> pd.DataFrame:
    """Write decimal points in the columns that pandas left as text; a number that had a point is no number there."""
    for name in frame.columns:
        if frame[name].dtype.kind in "fiu":
            continue
        texts = frame[name].astype("string").str.strip()
        comma = texts.str.fullmatch(_WITH_COMMA).fillna(value=False).to_numpy(dtype=bool)
        point = texts.str.fullmatch(_WITH_POINT).fillna(value=False).to_numpy(dtype=bool)
        new = texts.astype(object).where(texts.notna(), None).to_numpy(copy=True)
        new[comma] = texts[comma].str.replace(",", ".")
        new[point] = "'" + texts[point] + "'"
        frame[name] = pd.Series(new, index=frame.index, dtype=object)
    return frame


def _check_width(path: Path, form: CsvForm) -> None:
    """Raise ParserError where the first row holds more values than the header has names."""
    with path.open(encoding=form.encoding, newline="") as stream:
        rows = csv.reader(islice(stream, form.skipped, None), delimiter=form.separator)
        row = next(islice(rows, 1, 2), [])
    more = [field for field in row[len(form.columns) :] if field.strip()]
    if more:
        what = f"the first row has {len(row)} fields where the header names {len(form.columns)} columns"
        raise pd.errors.ParserError(what)
