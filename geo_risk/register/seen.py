"""When each object was last seen, and by which run: kept in its row, made of what the runs that were compared saw."""

# ruff: noqa: S608 - names of this package

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from geo_risk.register.database import Database, quoted
from geo_risk.register.fields import LAYERS, Layer

CHINA = timezone(timedelta(hours=8))
"""Days are those of China."""

ACTS = ("found", "moving")
"""Outcomes of a run that saw an object act."""

SAYS_NOTHING = ("unknown", "outside")
"""Outcomes of a run that could not say anything of an object."""


def day_of(time: str) -> str:
    """Return the day in China of an ISO time; a text that is none comes back as it is."""
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        return time
    return (found if found.tzinfo is None else found.astimezone(CHINA)).date().isoformat()


def note_run(database: Database, layer: Layer, seen: Mapping[str, str], *, run_id: str, made_at: str) -> None:
    """Bring rows up to what a run saw of them (outcome by id), within a transaction; a newer run's word stays."""
    day, key, table = day_of(made_at), quoted(layer.id), quoted(layer.name)
    acted = [i for i, outcome in seen.items() if outcome in ACTS]
    older = "IN (SELECT run_id FROM reg_runs WHERE (made_at, run_id) < (?, ?))"
    when = [made_at, run_id]
    sql = f"UPDATE {table} SET last_seen = ?, last_seen_run = ? WHERE (last_seen_run IS NULL OR last_seen_run {older})"
    database.among(f"{sql} AND {key} IN", acted, first=[day, run_id, *when])
    sql = (f"UPDATE {table} SET last_looked = ?, last_looked_run = ?, last_outcome = ? "
           f"WHERE (last_looked_run IS NULL OR last_looked_run {older})")  # fmt: skip
    for outcome in sorted(set(seen.values()) - set(SAYS_NOTHING)):
        ids = [i for i, said in seen.items() if said == outcome]
        database.among(f"{sql} AND {key} IN", ids, first=[day, run_id, outcome, *when])


def note_objects(database: Database, layer: Layer, ids: Sequence[str]) -> None:
    """Fill the rows of objects that were just made, or made again, from what earlier runs saw."""
    found = newest(database, ids)
    sets = ", ".join(f"{quoted(name)} = ?" for name in layer.seen)
    sql = f"UPDATE {quoted(layer.name)} SET {sets} WHERE {quoted(layer.id)} = ?"
    database.many(sql, [(*(row[n] for n in layer.seen), i) for i, row in found.items()])


def newest(database: Database, ids: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the columns `fields.SEEN` of objects by id, from the runs; those of which no run said a thing are absent.

    Parameters
    ----------
    ids : of the objects; None: all.
    """
    sql = ("SELECT s.object_id, s.outcome, s.run_id, r.made_at FROM reg_sightings s JOIN reg_runs r "
           f"ON r.run_id = s.run_id WHERE s.outcome NOT IN ({', '.join('?' * len(SAYS_NOTHING))})")  # fmt: skip
    rows = (database.run(sql, SAYS_NOTHING) if ids is None
            else database.among(f"{sql} AND s.object_id IN", ids, first=SAYS_NOTHING))  # fmt: skip
    out: dict[str, dict[str, Any]] = {}
    for object_id, outcome, run_id, made_at in sorted(rows, key=lambda r: (r[3], r[2])):
        day = day_of(made_at)
        row = out.setdefault(object_id, {"last_seen": None, "last_seen_run": None})
        row |= {"last_looked": day, "last_looked_run": run_id, "last_outcome": outcome}
        if outcome in ACTS:
            row |= {"last_seen": day, "last_seen_run": run_id}
    return out


def kept(database: Database, layer: str) -> dict[str, dict[str, Any]]:
    """Return the columns `fields.SEEN` as they stand in the rows of a layer, by id."""
    spec = LAYERS[layer]
    names = ", ".join(quoted(n) for n in spec.seen)
    rows = database.run(f"SELECT {quoted(spec.id)}, {names} FROM {quoted(layer)}")
    return {str(r[0]): dict(zip(spec.seen, r[1:], strict=True)) for r in rows}
