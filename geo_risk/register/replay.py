"""The history read back: the register at any time, what changed between two times, taking a change back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geo_risk.core.errors import ConflictError, DataError
from geo_risk.register import seen
from geo_risk.register.entry import Author, Change, Entry, State, Values
from geo_risk.register.fields import LAYERS, empty, known_fields
from geo_risk.register.following import follow, set_back
from geo_risk.register.merging import target_of, whole_merges
from geo_risk.register.store import Register


def replay(entries: Iterable[Entry], *, until: str | None = None) -> dict[str, State]:
    """Return the state of each object after its entries up to a time (ISO, UTC; None: all), in the order of versions.

    Objects without an entry by then are absent.
    """
    by_object: dict[str, list[Entry]] = {}
    for entry in entries:
        by_object.setdefault(entry.object_id, []).append(entry)
    out: dict[str, State] = {}
    for object_id, rows in by_object.items():
        values: Values | None = None
        for entry in sorted(rows, key=lambda e: e.version):
            if until is not None and entry.at > until:
                break
            values = {**(values or empty(LAYERS[entry.layer])), **known_fields(entry.layer, entry.after)}
            out[object_id] = State(entry.layer, object_id, entry.version, entry.is_there, values)
    return out


def at_versions(entries: Iterable[Entry], wanted: Mapping[str, set[int]]) -> dict[tuple[str, int], State]:
    """Return the states of objects at versions of theirs; versions that they never had are absent."""
    by_object: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.object_id in wanted:
            by_object.setdefault(entry.object_id, []).append(entry)
    out: dict[tuple[str, int], State] = {}
    for object_id, rows in by_object.items():
        values = empty(LAYERS[rows[0].layer])
        for entry in sorted(rows, key=lambda e: e.version):
            values = {**values, **known_fields(entry.layer, entry.after)}
            if entry.version in wanted[object_id]:
                out[object_id, entry.version] = State(entry.layer, object_id, entry.version, entry.is_there, values)
    return out


def differences(register: Register) -> list[str]:
    """Return in what the tables differ from what the history gives; nothing where all is well."""
    with register.database.transaction(write=False):
        replayed = replay(register.history())
        kept = {s.object_id: s for layer in LAYERS for s in register.states(layer)}
        ids = register.database.run("SELECT object_id, version, is_there FROM reg_ids WHERE version > 0")
        of_runs, in_rows = seen.newest(register.database), {n: seen.kept(register.database, n) for n in LAYERS}
        said = [f"{n}: {text}" for n in LAYERS for text in register.database.index_faults(n)]
    for layer, rows in in_rows.items():
        none = dict.fromkeys(LAYERS[layer].seen)
        said += [f"{i}: when it was last seen differs from what the runs saw" for i, row in rows.items()
                 if row != of_runs.get(i, none)]  # fmt: skip
    for object_id, version, is_there in ids:
        state = replayed.get(object_id)
        if state is None or (state.version, state.is_there) != (version, bool(is_there)):
            said.append(f"{object_id}: version {version} in the register, {state and state.version} by the history")
    for object_id in sorted(kept.keys() | {i for i, s in replayed.items() if s.is_there}):
        a, b = kept.get(object_id), replayed.get(object_id)
        if a is None or b is None or a.values != b.values:
            fields = sorted(k for k in a.values if b.values.get(k) != a.values[k]) if a and b else ["all"]
            said.append(f"{object_id}: {', '.join(fields)} differ from the history")
    return said


def diff(entries: Sequence[Entry], *, since: str, until: str) -> list[dict[str, Any]]:
    """Return what became of each object after one time until another, objects without a change left out.

    Returns
    -------
    layer, object_id, change {added, removed, changed}, fields {name: [before, after]}, entries (how, who, when, why).
    """
    old, new = replay(entries, until=since), replay(entries, until=until)
    told: dict[str, list[Entry]] = {}
    for e in entries:
        if since < e.at <= until:
            told.setdefault(e.object_id, []).append(e)
    out = []
    for object_id, state in sorted(new.items()):
        before = old.get(object_id)
        was = before is not None and before.is_there
        values = before.values if before is not None else empty(LAYERS[state.layer])
        fields = {k: [values[k], v] for k, v in state.values.items() if values[k] != v}
        if was == state.is_there and not fields:
            continue
        change = "changed" if was == state.is_there else "added" if state.is_there else "removed"
        rows = [{"seq": e.seq, "action": e.action, "who": e.who, "at": e.at, "why": e.why, "run_id": e.run_id}
                for e in sorted(told.get(object_id, []), key=lambda e: e.version)]  # fmt: skip
        out.append({"layer": state.layer, "object_id": object_id, "change": change, "fields": fields, "entries": rows})
    return out


def undo(register: Register, seqs: Sequence[int], author: Author) -> list[int]:
    """Take entries of the history back by new entries, within a transaction; return the new versions.

    Only what the entry itself changed is set back; what was changed beside it stays. A merge is taken back as a whole:
    of the object that went and of the one that took over from it.

    Raises
    ------
    DataError : there is no such entry.
    ConflictError : a later entry changed the same fields: that one is to be taken back first; it is named.
    """
    found = register.database.among("SELECT object_id FROM reg_history WHERE seq IN", sorted(set(seqs)))
    rows = [e for object_id in sorted({r[0] for r in found}) for e in register.history(object_id)]
    by_seq = {e.seq: e for e in rows}
    missing = [n for n in seqs if n not in by_seq]
    if missing:
        what = f"the history has no entry {missing[:10]}"
        raise DataError(what, where=register.database.label, fix="see `geo-risk register history ID` for the numbers")
    whole = whole_merges(register, {n: by_seq[n] for n in seqs})
    others = {e.object_id for e in whole.values()} - {e.object_id for e in rows}
    rows += [e for object_id in sorted(others) for e in register.history(object_id)]
    now = register.get(sorted({e.object_id for e in whole.values()}))
    changes, clashes = [], []
    for entry in (whole[n] for n in sorted(whole)):
        state, made = now[entry.object_id], known_fields(entry.layer, entry.after)
        if state.is_there != entry.is_there or any(state.values[k] != v for k, v in made.items()):
            later = [e for e in rows if e.object_id == entry.object_id and e.version > entry.version
                     and (set(e.after) & set(entry.after) or e.is_there != entry.is_there)]  # fmt: skip
            clashes.append("; ".join(f"{e.object_id}: entry {e.seq} by {e.who} ({e.action}, {e.at})" for e in later))
            continue
        was_there = _was_there(rows, entry)
        back = known_fields(entry.layer, entry.before) if was_there else {}
        changes.append(Change(entry.layer, entry.object_id, state.version, "undo", back, is_there=was_there,
                              undoes=entry.seq))  # fmt: skip
    if clashes:
        what = f"the same fields were changed later: {'; '.join(clashes[:10])}"
        raise ConflictError(
            what, where=register.database.label, fix="take back the later entries first, last one first"
        )
    number = register.count("change")[0]
    out = register.apply(changes, author, change_id=number)
    _mend_links(register, now, author, changes={e.change_id for e in whole.values()}, change_id=number)
    return out


def _mend_links(
    register: Register, before: Mapping[str, State], author: Author, *, changes: set[int], change_id: int
) -> None:
    """Let the links of zones and points follow merges that were taken back, or made again."""
    after = register.get(sorted(before))
    for layer in LAYERS:
        pairs = [(i, target_of(s.values), target_of(after[i].values)) for i, s in before.items() if s.layer == layer]
        back = {i: was for i, was, now in pairs if was is not None and now is None}
        set_back(register, layer, back, author, changes=changes, change_id=change_id)
        again = {i: now for i, was, now in pairs if now is not None and was is None}
        follow(register, layer, again, author, change_id=change_id)


def _was_there(rows: Sequence[Entry], entry: Entry) -> bool:
    earlier = [e for e in rows if e.object_id == entry.object_id and e.version == entry.version - 1]
    return bool(earlier) and earlier[0].is_there
