"""Which columns of a table of points are displacements of a date."""

from __future__ import annotations

import re

DATE_COLUMN = re.compile(r"[Dd]?_?((?:19|20)\d{6})")


def is_day(name: str) -> bool:
    """Return whether a column is called by a date."""
    return DATE_COLUMN.fullmatch(name) is not None
