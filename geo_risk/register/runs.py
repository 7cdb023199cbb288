"""Runs that were compared with the register, what each saw at each object, and by which numbers others know objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geo_risk.core.errors import ConfigError
from geo_risk.products.register_sightings import Sighting
from geo_risk.register.fields import LAYERS
from geo_risk.register.seen import day_of, note_run
from geo_risk.register.store import Register

LEDGER = "ledger"
"""Source of numbers that ledgers give to objects."""


@dataclass(frozen=True)
class RunRecord:
    """A run: its id (by content), name, when it was written, when and by whom it was compared."""

    run_id: str
    name: str
    made_at: str
    compared_at: str
    who: str


def runs(register: Register) -> list[RunRecord]:
    """Return every run that was compared, the oldest comparison first."""
    rows = register.database.run("SELECT run_id, name, made_at, compared_at, who FROM reg_runs "
                                 "ORDER BY compared_at, run_id")  # fmt: skip
    return [RunRecord(*r) for r in rows]


def find_run(register: Register, run_id: str) -> RunRecord | None:
    """Return a run by its id, None where it was not compared."""
    return next((r for r in runs(register) if r.run_id == run_id), None)


def add_run(register: Register, run_id: str, *, name: str, made_at: str, who: str) -> None:
    """Note a run, within a transaction."""
    register.database.run("INSERT INTO reg_runs VALUES (?, ?, ?, ?, ?)", (run_id, name, made_at, register.now(), who))


def add_sightings(register: Register, run_id: str, seen: Mapping[str, str], *, data_id: str) -> None:
    """Note what a run saw at objects, within a transaction; `data_id` tells its data from those of other runs."""
    rows = [(run_id, i, outcome, data_id) for i, outcome in seen.items()]
    register.database.many("INSERT INTO reg_sightings VALUES (?, ?, ?, ?)", rows)
    run = find_run(register, run_id)
    for layer in LAYERS.values():
        note_run(register.database, layer, seen, run_id=run_id, made_at="" if run is None else run.made_at)


def sightings(register: Register) -> dict[str, list[Sighting]]:
    """Return what each run saw of each object, the newest run first, since somebody last decided on its rest.

    That is: since its status, its place or its kind last changed, or a proposal to put it to rest was rejected. So
    every step to rest takes its own runs, and what was seen elsewhere, or as something else, does not count.
    """
    since: dict[str, str] = {}
    rows = register.database.run("SELECT object_id, at, after FROM reg_history WHERE action <> 'new' ORDER BY seq")
    for object_id, at, after in rows:
        if any(f'"{name}":' in after for name in ("status", "geometry", "kind")):
            since[object_id] = at
    rejected = register.database.run("SELECT object_id, decided_at FROM reg_proposals WHERE state = 'rejected' "
                                     "AND kind IN ('dormant', 'cancel')")  # fmt: skip
    for object_id, at in rejected:
        since[object_id] = max(at, since.get(object_id, ""))
    out: dict[str, list[Sighting]] = {}
    found = register.database.run(
        "SELECT s.object_id, s.outcome, s.data_id, r.compared_at, r.made_at FROM reg_sightings s JOIN reg_runs r "
        "ON r.run_id = s.run_id ORDER BY r.made_at DESC, r.run_id"
    )
    for object_id, outcome, data_id, compared_at, made_at in found:
        if compared_at > since.get(object_id, ""):
            out.setdefault(object_id, []).append(Sighting(outcome, data_id, day_of(made_at)))
    return out


def add_aliases(register: Register, source: str, layer: str, numbers: Mapping[str, str]) -> None:
    """Note by which numbers a source (a run's id, or LEDGER) knows objects, within a transaction; the first stays."""
    known = aliases(register, source, layer)
    rows = [(source, layer, k, v) for k, v in numbers.items() if k not in known]
    register.database.many("INSERT INTO reg_aliases VALUES (?, ?, ?, ?)", rows)


def aliases(register: Register, source: str, layer: str) -> dict[str, str]:
    """Return the ids of the register by the numbers of a source."""
    sql = "SELECT foreign_id, object_id FROM reg_aliases WHERE source = ? AND layer = ?"
    return {str(k): str(v) for k, v in register.database.run(sql, (source, layer))}


def moment(register: Register, text: str) -> str:
    """Return the time that a text means: a run's id (when it was compared), an ISO time with zone, or a date (its end).

    Raises
    ------
    ConfigError : none of these.
    """
    from datetime import UTC, datetime, timedelta

    from geo_risk.register.loop import CHINA

    run = find_run(register, text)
    if run is not None:
        return run.compared_at
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        what = f"{text!r} is neither a run that was compared nor a time"
        fix = "give a run id of `geo-risk register runs`, 2026-08-31, or 2026-08-31T08:00:00+08:00"
        raise ConfigError(what, where="diff", fix=fix) from error
    if len(text) == 10:
        time = time.replace(tzinfo=CHINA) + timedelta(days=1)
    elif time.tzinfo is None:
        what = f"{text!r} has no zone"
        raise ConfigError(what, where="diff", fix="write for example 2026-08-31T08:00:00+08:00")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def known_places(register: Register, ids: Sequence[str]) -> set[str]:
    """Return which ids the register ever gave."""
    return {r[0] for r in register.database.among("SELECT object_id FROM reg_ids WHERE object_id IN", ids)}
