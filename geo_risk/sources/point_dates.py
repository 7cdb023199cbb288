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
_SHORT = re.compile(r"[Dd]_?(\d{6})")
_ORDERS = ("%y%m%d", "%d%m%y", "%m%d%y")


def n_days(names: Iterable[str]) -> int:
    """Return how many columns are called by a date, of eight digits or, as D190105, of six."""
    names = list(names)
    return sum(_LONG.fullmatch(n) is not None for n in names) + len(_short(names))


def date_columns(tables: Sequence[PointTable]) -> tuple[tuple[str, str], ...]:
    """Return (column, YYYYMMDD) of the displacement columns, by date.

    Raises
    ------
    TimeError : the tables have different dates. AmbiguousError : dates of six digits that are no rising yymmdd alone.
    """
    found = [_days(t) for t in tables]
    for table, days in zip(tables, found, strict=True):
        if [d for d, _ in days] != [d for d, _ in found[0]]:
            odd = sorted({d for d, _ in days} ^ {d for d, _ in found[0]})
            what = f"{table.path.name} has other dates than {tables[0].path.name}: {odd[:8]}"
            fix = "series of different dates are not of one track: give them as tracks of their own"
            raise TimeError(what, where=str(table.path), fix=fix)
    return tuple((c, d) for d, c in found[0])


def short_dates(tables: Sequence[PointTable]) -> list[str]:
    """Return a sentence where dates have six digits."""
    short = [n for t in tables for n in _short(t.columns)]
    return [f"dates: columns such as {short[0]} are read as yymmdd, the only order in which they rise"] if short else []


def _days(table: PointTable) -> list[tuple[str, str]]:
    long = sorted((m.group(1), c) for c in table.columns if (m := _LONG.fullmatch(c)))
    short = _short(table.columns)
    if not short:
        return long
    read = {order: _read(short, order) for order in _ORDERS}
    readings = {order: days for order, days in read.items() if days and all(a < b for a, b in pairwise(days))}
    if long or list(readings) != [_ORDERS[0]]:
        what = f"columns such as {short[0]} and {short[1]} look like dates of six digits; "
        what += f"{long[0][1]} has eight" if long else "in which order are day, month and year?"
        fix = "write dates with eight digits, year first, such as D20190105"
        raise AmbiguousError(what, where=str(table.path), fix=fix)
    return list(zip(readings[_ORDERS[0]], short, strict=True))


def _short(names: Iterable[str]) -> list[str]:
    """Return the columns of six digits, in the order of the file; none where they cannot all be dates."""
    found = [n for n in names if _SHORT.fullmatch(n)]
    return found if len(found) > 1 and any(_read(found, order) for order in _ORDERS) else []


def _read(names: Sequence[str], order: str) -> list[str]:
    """Return YYYYMMDD of columns of six digits read in one order; none where one of them is no date so."""
    out = []
    for name in names:
        try:
            out.append(datetime.strptime(name[-6:], order).strftime("%Y%m%d"))
        except ValueError:
            return []
    return out
