"""A register of an earlier format brought up to this one: nothing of it is lost, and a copy as it was is kept.

All is one transaction: a program that is killed meanwhile leaves the register as it was, and the next try begins anew.
Entries of the history and proposals stay word for word; fields that the register no longer keeps are passed over when
they are read back (`fields.known_fields`).

Format 1: `last_seen` was a field that anybody wrote; runs, merges and spatial index were kept otherwise. Format 2: a
merge of unknown counts left no mark.
"""

# ruff: noqa: S608 - names of this package

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from geo_risk.core.errors import ConfigError
from geo_risk.core.schema import LEVEL
from geo_risk.core.sentence import Sentence
from geo_risk.register import seen
from geo_risk.register.database import Database, quoted
from geo_risk.register.fields import LAYERS, Layer
from geo_risk.register.store import connect
from geo_risk.register.tables import EARLIER, FORMAT, lacking


@dataclass(frozen=True)
class Migrated:
    """What was done.

    Attributes
    ----------
    before, after : formats; the same where there was nothing to do. copy : where the register as it was is kept; None:
        nothing was done. columns : new ones, by layer. entries : of the history, all of which stay. notes : what else.
    """

    before: str
    after: str
    copy: str | None
    entries: int
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[Sentence] = ()


def migrate(
    url: str, *, who: str, styles: Sequence[Mapping[str, Any]] = (), clock: Callable[[], datetime] | None = None
) -> Migrated:
    """Bring a register up to the format of this version, in one transaction; one that is there already stays as it is.

    Parameters
    ----------
    who : does it; kept in the register. styles : forms for a file that has none. clock : gives the time; UTC.

    Raises
    ------
    ConfigError : no register, or one of a later version; or nobody is named.
    LockedError : another program writes to it. DiskFullError : no room for the copy; nothing was changed.
    """
    if not who.strip():
        raise ConfigError("--by is empty: every change has a name", where="--by", fix="give --by some words")  # noqa: EM101
    database = connect(url)
    try:
        if not database.has_register():
            what = "this file holds no register"
            raise ConfigError(what, where=database.label, fix="name the register's own file")
        at = (clock or (lambda: datetime.now(UTC)))().astimezone(UTC)
        with database.transaction(write=True):
            return _migrate(database, who=who, styles=styles, at=at)
    finally:
        database.close()


def _migrate(database: Database, *, who: str, styles: Sequence[Mapping[str, Any]], at: datetime) -> Migrated:
    before = "".join(str(r[0]) for r in database.run("SELECT value FROM reg_meta WHERE key = 'format'"))
    if before not in (FORMAT, *EARLIER):
        what = f"the register has format {before!r}; {FORMAT!r} and earlier ones are known"
        raise ConfigError(what, where=database.label, fix="use the version of geo_risk that made it")
    wanted = {layer.name: lacking(database, layer) for layer in LAYERS.values()}
    entries = int(database.run("SELECT COUNT(*) FROM reg_history")[0][0])
    if before == FORMAT and not any(wanted.values()):
        return Migrated(before, FORMAT, None, entries)
    copy = database.keep_copy(f"format-{before}.{at:%Y%m%dT%H%M%S%f}")
    notes: list[Sentence] = []
    for layer in LAYERS.values():
        names = [n for n, _ in wanted[layer.name]]
        said = _add_columns(database, layer, wanted[layer.name])
        if "last_seen_run" in names:
            notes += _seen_anew(database, layer, said)
        database.index_layer(layer.name)
    if styles and not database.columns("layer_styles"):
        database.put_styles(styles)
    database.run("UPDATE reg_meta SET value = ? WHERE key = 'format'", (FORMAT,))
    told = {"from": before, "to": FORMAT, "at": at.isoformat(timespec="seconds"), "by": who, "copy": copy}
    database.run("INSERT INTO reg_meta VALUES (?, ?)", (f"migrated {at.isoformat()}", json.dumps(told)))
    return Migrated(before, FORMAT, copy, entries, {n: [c for c, _ in v] for n, v in wanted.items() if v}, notes)


def _add_columns(database: Database, layer: Layer, wanted: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Add columns, levels as unknown; return what stood in `last_seen` before, by id."""
    table = quoted(layer.name)
    said: dict[str, str] = {}
    if "last_seen" not in {n for n, _ in wanted}:
        sql = f"SELECT {quoted(layer.id)}, last_seen FROM {table} WHERE last_seen IS NOT NULL"
        said = {str(i): str(v) for i, v in database.run(sql)}
    for name, kind in wanted:
        unknown = " DEFAULT -1" if layer.fields.get(name) == LEVEL else ""
        database.run(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {kind}{unknown}")
    return said


def _seen_anew(database: Database, layer: Layer, said: Mapping[str, str]) -> list[Sentence]:
    """Fill when objects were last seen from the runs that were compared; tell of what nobody can bear out."""
    table = quoted(layer.name)
    database.run(f"UPDATE {table} SET last_seen = NULL WHERE last_seen IS NOT NULL")
    ids = [str(r[0]) for r in database.run(f"SELECT {quoted(layer.id)} FROM {table}")]
    seen.note_objects(database, layer, ids)
    now = {i: row["last_seen"] for i, row in seen.kept(database, layer.name).items()}
    lost = sorted(i for i, day in said.items() if now.get(i) != day)
    if not lost:
        return []
    some = ", ".join(lost[:10])
    return [Sentence(
        f"{layer.name}: last_seen of {len(lost)} objects ({some}) was written by hand or by a ledger; it now follows "
        "from the runs that were compared. What was written stays in the history.",
        f"{layer.name}：{len(lost)} 个对象（{some}）的最近观测时间原为人工或台账填写，现按历次分析重新得出；"
        "原值保留在变更记录中。",
    )]  # fmt: skip
