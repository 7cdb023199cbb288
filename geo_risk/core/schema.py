"""What a product frame's schema is made of: kinds of columns, their types and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEVEL = "level"
"""The kind of column of levels, which are -1 where unknown."""

TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    # kind of column -> (dtype, bounds); every one may be missing unless its column is required
    "id": ("string", {}),
    "text": ("string", {}),
    "number": ("float64", {}),
    "positive": ("float64", {"ge": 0}),
    "share": ("float64", {"ge": 0, "le": 1}),
    "count": ("Int64", {"ge": 0}),
    "whole": ("Int64", {}),
    "rank": ("Int64", {"ge": 1}),
    LEVEL: ("int8", {"ge": -1, "le": 4}),
    "time": ("string", {}),
}


@dataclass(frozen=True)
class Schema:
    """One product frame: its id column, geometry type (None: a plain table), columns in order, and choices."""

    name: str
    id: str | None
    geometry: str | None
    columns: dict[str, str]
    choices: dict[str, tuple[str, ...]]
    required: tuple[str, ...]


def schema_of(
    name: str,
    id_: str | None,
    geometry: str | None,
    spec: str,
    *,
    required: str = "",
    **choices: tuple[str, ...],
) -> Schema:
    """Return a schema from "column:kind ..." in order; `required` names columns that may not be missing."""
    columns = dict(part.split(":") for part in spec.split())
    must = tuple(required.split()) + ((id_,) if id_ else ()) + (("reasons",) if "reasons" in columns else ())
    return Schema(name, id_, geometry, columns, choices, must)
