"""Names of the classes of a raster, from the table beside it."""

from __future__ import annotations

import csv
from pathlib import Path

from geo_risk.core.errors import DataError


def read_legend(path: Path) -> dict[int, str]:
    """Return the names by class code of a table with a column `code` and names in the other columns.

    Parameters
    ----------
    path : CSV, UTF-8 with or without a mark.

    Returns
    -------
    By code, all names joined by a space (such as English and Chinese).

    Raises
    ------
    DataError : no column `code`, a code that is no whole number or repeats, or bytes that are not UTF-8.
    """
    fix = "write a UTF-8 table with the columns code,name, one class a line"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except UnicodeDecodeError as error:
        what = "the legend is not UTF-8 text"
        raise DataError(what, where=str(path), fix=fix) from error
    out: dict[int, str] = {}
    for number, row in enumerate(rows, 2):
        text = row.get("code")
        if text is None or not text.strip().lstrip("-").isdigit() or int(text) in out:
            what = f"class code {text!r} on line {number} is missing, no whole number, or repeats"
            raise DataError(what, where=str(path), fix=fix)
        out[int(text)] = " ".join(v for k, v in row.items() if k not in ("code", None) and isinstance(v, str) and v)
    return out
