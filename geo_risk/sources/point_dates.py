"""Which columns of a table of points are displacements of a date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from geo_risk.core.errors import AmbiguousError, TimeError

if TYPE_CHECKING:
    from geo_risk.sources.point_tables import PointTable

_LONG = re.compile(r"[Dd]?_?((?:19|20)\d{6})")
_SHORT = re.compile(r"(?:[Dd]_?)?(\d{6})|(\d\d)([-/._])\d\d\3\d\d")
_ORDERS = ("%y%m%d", "%d%m%y", "%m%d%y")
_SPELT = re.compile(
    r"(?P<before>(?:.*\D)?)(?P<year>(?:19|20)\d\d)"
    r"(?:(?P<month>\d\d)(?P<day>\d\d)|(?P<sep>[-/._年])(?P<month1>\d\d?)(?P<sep1>[-/._月])(?P<day1>\d\d?)日?)"
    r"(?P<after>(?:[T ]\d\d:?\d\d(?::?\d\d)?(?:\.\d+)?Z?)?\D*)"
)
_OTHER = re.compile(
    r"vel|rate|coh|std|sig|err|rms|unc|mask|height|amp|phase|速|率|相干|误差|精度|方差|标准差", re.IGNORECASE
)
"""Words that say that columns of dates hold something else than displacements."""

_DATE_LIKE = re.compile(
    r"\D*(?:\d{1,2}[-/._ ][A-Za-z]{3}[-/._ ]\d{2,4}|\d{1,2}([-/._])\d{1,2}\1(?:\d\d)?\d\d|\d{8}_\d{8}"
    r"|(?:19|20)\d\d([-/._]?)\d\d\2\d\d(?!\d).*)"
)
_FEW = 2
"""Columns that make a series: one alone may be the date of something else."""

_FIX = "call the columns of the displacements D20190105 and so on (D, year, month, day), and no others"
Spelling = tuple[str, ...]


def n_days(names: Iterable[str]) -> int:
    """Return how many columns are called by a date that is read: as D20190105, as D190105, or all in one other way."""
    names = list(names)
    return sum(_LONG.fullmatch(n) is not None for n in names) + len(_short(names)) or len(_spelt(names))


def date_columns(tables: Sequence[PointTable]) -> tuple[tuple[str, str], ...]:
    """Return (column, YYYYMMDD) of the displacement columns, by date.

    Read are 20190105, D20190105 and D190105 or 19/01/05 (these where they rise as yymmdd alone); where there are none,
    columns of one other spelling with the year first, such as disp_2019-01-05, where they rise.

    Raises
    ------
    TimeError : the tables have different dates. AmbiguousError : dates of six digits that are no rising yymmdd alone;
    columns that look like dates of which none are read.
    """
    found = [_days(t) for t in tables]
    for table, days in zip(tables, found, strict=True):
        if [d for d, _ in days] != [d for d, _ in found[0]]:
            odd = sorted({d for d, _ in days} ^ {d for d, _ in found[0]})
            what = f"{table.path.name} has other dates than {tables[0].path.name}: {odd[:8]}"
            fix = "series of different dates are not of one track: give them as tracks of their own"
            raise TimeError(what, where=str(table.path), fix=fix)
    return tuple((c, d) for d, c in found[0])


def said_of_dates(tables: Sequence[PointTable]) -> list[str]:
    """Return sentences on dates that are spelt otherwise than D20190105, and on columns of dates that are not read."""
    out, short = [], [n for t in tables for n in _short(t.columns)]
    if short:
        out.append(f"dates: columns such as {short[0]} are read as yymmdd, the only order in which they rise")
    read = {c for t in tables for _, c in _days(t)}
    other = [c for t in tables for c in t.columns if c in read and not _LONG.fullmatch(c) and c not in short]
    if other:
        out.append(f"dates: columns such as {other[0]} are read as displacements of that date")
    left = [c for c in dict.fromkeys(c for t in tables for c in t.columns) if c not in read and _is_like(c)]
    if left:
        out.append(f"dates: {len(left)} columns such as {left[0]} look like dates and are not read")
    return out


def unread_dates(names: Iterable[str]) -> list[str]:
    """Return the columns that look like a series of dates where none is read, but for those that say what else."""
    names = list(names)
    if n_days(names):
        return []
    found = [n for n in names if _is_like(n) and not _OTHER.search(n)]
    return found if len(found) >= _FEW else []


def _is_like(name: str) -> bool:
    return _DATE_LIKE.fullmatch(name) is not None or _spelling(name) is not None


def _days(table: PointTable) -> list[tuple[str, str]]:
    long = sorted((m.group(1), c) for c in table.columns if (m := _LONG.fullmatch(c)))
    short = _short(table.columns)
    if not short:
        return long or _other_days(table)
    read = {order: _read(short, order) for order in _ORDERS}
    readings = {order: days for order, days in read.items() if days and all(a < b for a, b in pairwise(days))}
    if long or list(readings) != [_ORDERS[0]]:
        what = f"columns such as {short[0]} and {short[1]} look like dates of six digits; "
        what += f"{long[0][1]} has eight" if long else "in which order are day, month and year?"
        fix = "write dates with eight digits, year first, such as D20190105"
        raise AmbiguousError(what, where=str(table.path), fix=fix)
    return list(zip(readings[_ORDERS[0]], short, strict=True))


def _other_days(table: PointTable) -> list[tuple[str, str]]:
    days = _spelt(table.columns)
    if not days and (unread := unread_dates(table.columns)):
        what = f"{len(unread)} columns such as {unread[0]} and {unread[1]} look like dates and are not read"
        raise AmbiguousError(what, where=str(table.path), fix=_FIX)
    return days


def _spelt(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (YYYYMMDD, column) of the columns of one spelling, where only one is there and its dates rise."""
    groups: dict[Spelling, list[tuple[str, str]]] = {}
    for name in names:
        if (found := _spelling(name)) is not None and not _OTHER.search(name):
            groups.setdefault(found[0], []).append((found[1], name))
    series = [g for g in groups.values() if len(g) >= _FEW]
    if len(series) != 1 or not all(a < b for (a, _), (b, _) in pairwise(series[0])):
        return []
    return series[0]


def _spelling(name: str) -> tuple[Spelling, str] | None:
    """Return what stands around a date with the year first, and the date; None where there is none, or another too."""
    found = _SPELT.fullmatch(name)
    if found is None or re.search(r"\d{6}", found["before"]):
        return None
    month, day = found["month"] or found["month1"], found["day"] or found["day1"]
    text = f"{found['year']}{month:0>2}{day:0>2}"
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return None
    return (found["before"], found["sep"] or "", found["sep1"] or "", re.sub(r"\d", "0", found["after"])), text


def _short(names: Iterable[str]) -> list[str]:
    """Return the columns of six digits, in the order of the file; none where they cannot all be dates."""
    found = [n for n in names if _SHORT.fullmatch(n)]
    return found if len(found) > 1 and any(_read(found, order) for order in _ORDERS) else []


def _read(names: Sequence[str], order: str) -> list[str]:
    """Return YYYYMMDD of columns of six digits read in one order; none where one of them is no date so."""
    out = []
    for name in names:
        try:
            out.append(datetime.strptime(re.sub(r"\D", "", name), order).strftime("%Y%m%d"))
        except ValueError:
            return []
    return out
