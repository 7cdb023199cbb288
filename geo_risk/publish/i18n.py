"""The one translation table: every label in Chinese and English, from `translations.csv`."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from types import MappingProxyType

from geo_risk.core.errors import ConfigError

LANGUAGES = ("zh", "en")
_CHINA = timezone(timedelta(hours=8))
_WARNING_COLUMNS = ("judged_level", "previous_level", "next_level")
_PATTERNS = (
    (re.compile(r"trigger_(?P<minutes>\d+)min_class(?P<k>\d+)_mm"), "column.trigger_rain"),
    (re.compile(r"depth_(?P<years>[\d.]+)yr_m"), "column.depth_years"),
    (re.compile(r"depth_(?P<hours>\d+)h_m"), "column.depth_hours"),
    (re.compile(r"water_(?P<years>[\d.]+)yr_m"), "column.water_years"),
)
"""Columns whose names hold a number that a parameter gives, and their labels."""

_TABLE = Path(__file__).parent / "translations.csv"


@cache
def labels(language: str) -> Mapping[str, str]:
    """Return every label of a language by key; `value.*` keys are choices, `column.*` keys are columns.

    Raises
    ------
    ConfigError : the language is not one of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        what = f"language {language!r} has no labels; {' or '.join(LANGUAGES)} needed"
        raise ConfigError(what, where="language", fix="set `language: zh` or `language: en`")
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        return MappingProxyType({row["key"]: row[language] for row in csv.DictReader(stream)})


def label(key: str, language: str, **values: object) -> str:
    """Return one label with its `{placeholders}` filled.

    Raises
    ------
    KeyError : the table has no such key: a mistake in the package, found by the tests.
    """
    text = labels(language)[key]
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def column_label(column: str, language: str) -> str:
    """Return the heading of a column; one that the table does not know keeps its English name."""
    known = labels(language)
    if f"column.{column}" not in known:
        for pattern, key in _PATTERNS:
            if found := pattern.fullmatch(column):
                return label(key, language, **found.groupdict())
    return known.get(f"column.{column}", column)


def value_label(value: str, language: str, column: str = "") -> str:
    """Return a choice such as "landslide" in the language; other text comes back as it is.

    A word that means something else in one column has a label of its own there, `value.column.word`.
    """
    known = labels(language)
    if f"value.{column}.{value}" in known:
        return known[f"value.{column}.{value}"]
    if "," in value:
        return ("、" if language == "zh" else ", ").join(value_label(v.strip(), language) for v in value.split(","))
    return known.get(f"value.{value}", value)


def measure_label(value: str, language: str) -> str:
    """Return a measure that the table knows in the language; a free text comes back whole, commas and all."""
    return labels(language).get(f"value.{value}", value)


def method_label(text: str, language: str) -> str:
    """Return a text of a method card in the language; one that the table does not know comes back as it is."""
    return labels(language).get(f"method.{text}", text)


def level_label(column: str, level: int, language: str) -> str:
    """Return a level -1..4 in words: warning columns by their colour, others from none to very high."""
    family = "warning" if column.startswith("warning") or column in _WARNING_COLUMNS else "level"
    return labels(language)[f"{family}.{level}"]


def local_time(value: str) -> str:
    """Return an ISO time with a zone as local time of China to the minute; other text comes back as it is."""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return value if time.tzinfo is None else time.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")


def reasons_of(row: Mapping[str, object], language: str) -> object:
    """Return the reasons of a row in the language where the row has them so (`reasons_zh`), else its `reasons`."""
    special = row.get(f"reasons_{language}")
    return special if isinstance(special, str) and special else row.get("reasons")
