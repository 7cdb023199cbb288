"""What goes into the register and what comes out: authors, changes, states of objects, entries of the history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from geo_risk.core.errors import ConfigError

Values = dict[str, Any]
"""Values of an object by field, geometry as hexadecimal WKB."""


@dataclass(frozen=True)
class Author:
    """Who changes something, and why; `run_id` where a run gave the reason."""

    who: str
    why: str
    run_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse a change that nobody answers for."""
        for name, text in (("--by", self.who), ("--why", self.why)):
            if not text.strip():
                what = f"{name} is empty: every change has a name and a reason"
                raise ConfigError(what, where=name, fix=f"give {name} some words")


@dataclass(frozen=True)
class State:
    """An object as it is: `is_there` is false once its making was undone; then its values are empty."""

    layer: str
    object_id: str
    version: int
    is_there: bool
    values: Values


@dataclass(frozen=True)
class Change:
    """What is to become of one object.

    Attributes
    ----------
    base_version : the version that the author saw, 0 for one that is not there yet; any other is a conflict.
    after : new values, of the fields that change. is_there : None: as it is.
    undoes : entry of the history that this one takes back.
    """

    layer: str
    object_id: str
    base_version: int
    action: str
    after: Values
    is_there: bool | None = None
    undoes: int | None = None


@dataclass(frozen=True)
class Entry:
    """One entry of the history: what one change did to one object."""

    seq: int
    change_id: int
    layer: str
    object_id: str
    version: int
    action: str
    who: str
    at: str
    why: str
    run_id: str | None
    undoes: int | None
    is_there: bool
    before: Values = field(default_factory=dict)
    after: Values = field(default_factory=dict)

    def without(self, fields: frozenset[str]) -> Entry:
        """Return the entry with the values of some fields withheld."""

        def masked(values: Mapping[str, Any]) -> Values:
            return {k: ("***" if k in fields and v is not None else v) for k, v in values.items()}

        return replace(self, before=masked(self.before), after=masked(self.after))


ENTRY_COLUMNS = ("seq, change_id, layer, object_id, version, action, who, at, why, run_id, undoes, is_there, "
                 "before, after")  # fmt: skip


def entry_of(row: tuple[Any, ...]) -> Entry:
    """Return an entry from the columns `ENTRY_COLUMNS`."""
    values = list(row)
    values[11:] = [bool(row[11]), json.loads(row[12]), json.loads(row[13])]
    return Entry(*values)


def packed(values: Mapping[str, Any]) -> str:
    """Return values as JSON, the same text for the same values."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
