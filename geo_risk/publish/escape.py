"""The only place where text becomes HTML, script data or a spreadsheet cell: escaped once, here."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet read a text as a formula (full-width forms included)."""

CELL_LIMIT = 32_767
"""Longest text of an XLSX cell (ECMA-376)."""

# what neither XML 1.0 nor an HTML text may hold: C0 but tab, LF, CR; DEL and C1; lone surrogates; non-characters
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TEMPLATES = Path(__file__).parent / "templates"


def clean_text(value: object) -> str:
    """Return a value as text: missing gives "", characters that no document may hold become U+FFFD."""
    if is_missing(value):
        return ""
    return _FORBIDDEN.sub("\ufffd", str(value))


def is_missing(value: object) -> bool:
    """Return whether a scalar stands for "nothing known": None, NaN, NaT or pandas.NA."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    kind = type(value)  # asked hundreds of thousands of times a map
    if kind is str or kind is int:
        return False
    if kind is float:
        return value != value  # noqa: PLR0124 - NaN
    return isinstance(value, Real) and math.isnan(float(value))


def html_text(value: object) -> str:
    """Return a value as HTML that is safe as text and inside a quoted attribute.

    Names, reasons and everything else that came from data pass here (or through `html_environment`, which does the
    same) exactly once; the result is never escaped again.
    """
    return str(Markup.escape(clean_text(value)))


def script_json(value: Any) -> str:
    """Return JSON that may stand inside `<script>`: no `<`, `>`, `&`, `'`, U+2028 or U+2029 is left in it.

    Parameters
    ----------
    value : plain values (dict with text keys, list, text, number, bool, None); pandas and NumPy scalars are accepted,
        missing ones and numbers that are not finite become null.

    Raises
    ------
    TypeError : a value has no JSON form.
    """
    text = str(htmlsafe_json_dumps(_plain(value), dumps=_dumps))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _dumps(value: Any, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; refuse what it does not know."""
    if value is None or type(value) in (int, bool):
        return value
    if type(value) is str:
        return clean_text(value)
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is list and set(map(type, value)) == {float} and all(map(math.isfinite, value)):
        return value  # positions: most of what a map holds
    if isinstance(value, dict):
        return {clean_text(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if is_missing(value):
        return None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}:
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(float(value)) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    what = f"a value of type {type(value).__name__} has no JSON form"
    raise TypeError(what)


@cache
def html_environment() -> jinja2.Environment:
    """Return the environment of all page templates: everything is escaped, an unknown name is an error.

    Filters: `script_json` (data for a script element). Missing values print as nothing.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["script_json"] = lambda value: Markup(script_json(value))  # noqa: S704 - made safe above
    return environment


def _finalize(value: Any) -> Any:
    return value if hasattr(value, "__html__") else clean_text(value)


def trusted(markup: str) -> Markup:
    """Mark text of this package (its own styles, scripts and drawings) as HTML; never pass data here."""
    return Markup(markup)  # noqa: S704 - callers pass files of this package only


def render_page(template: str, **values: Any) -> str:
    """Return a page from a template of this package with every value escaped once."""
    return html_environment().get_template(template).render(**values)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet might run this text: it starts, after blanks, with one of `FORMULA_STARTS`."""
    return text.startswith(FORMULA_STARTS) or text.lstrip(" \u00a0\u3000").startswith(FORMULA_STARTS)


def csv_value(value: object) -> str | int | float:
    """Return a value for a CSV cell: numbers untouched, missing as "", text that looks like a formula after a `'`.

    The apostrophe is the price of a CSV that is safe to double-click; programs should read geo_risk.gpkg.
    """
    number = _number(value)
    if number is not None:
        return number
    text = clean_text(value)
    return f"'{text}" if is_formula(text) else text


def sheet_value(value: object) -> str | int | float | None:
    """Return a value for an XLSX cell: numbers untouched, missing as None, text cleaned and cut at `CELL_LIMIT`."""
    number = _number(value)
    if number is not None or is_missing(value):
        return number
    text = clean_text(value).replace("\r\n", "\n").replace("\r", "\n")
    return text if len(text) <= CELL_LIMIT else f"{text[: CELL_LIMIT - 1]}…"


def set_cell(cell: Any, value: object) -> None:
    """Put a value in an openpyxl cell; text stays text whatever it starts with, and stays so when it is edited."""
    plain = sheet_value(value)
    cell.value = plain
    if isinstance(plain, str):
        cell.data_type = "s"
        if is_formula(plain):
            cell.quotePrefix = True


def _number(value: object) -> int | float | None:
    """Return a finite number as Python's own type, a truth value as 0 or 1, and None for all else."""
    if type(value) is str:
        return None
    if is_missing(value) or isinstance(value, str):
        return None
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return int(bool(value))
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(float(value)):
        return float(value)
    return None
