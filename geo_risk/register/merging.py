"""Merging: an object is cancelled into another, which takes over who and what it threatens; one change of both.

The entries of one merge are `merge` of the object that goes and `absorb` of the one that stays, of the same change.
They are taken back together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely

from geo_risk.core.errors import ConflictError, DataError
from geo_risk.products.register_merging import CHOICES, MergeRules, Takeover, take_over
from geo_risk.register.entry import Change, Entry, State, Values
from geo_risk.register.fields import GEOMETRY
from geo_risk.register.store import Register


def target_of(after: Mapping[str, Any]) -> str | None:
    """Return the id that values would merge an object into, None for none."""
    into = after.get("merged_into")
    return None if into is None else str(into)


def obstacle(gone: State, stays: State | None, into: str) -> str:
    """Return why an object cannot be merged into another, "" where it can."""
    if stays is None or not stays.is_there:
        return f"the register has no {into}"
    if stays.values["status"] == "cancelled":
        return f"{into} is cancelled itself"
    if stays.layer != gone.layer or into == gone.object_id:
        return f"{into} is itself, or of another layer"
    return ""


def pending(register: Register, object_id: str) -> str:
    """Return which changes that runs saw wait to be decided for an object that is to go, "" for none.

    What they say, such as more people, would be lost with it.
    """
    sql = "SELECT number FROM reg_proposals WHERE object_id = ? AND state = 'open' AND kind IN ('changed', 'revived')"
    names = ", ".join(f"P-{int(r[0]):06d}" for r in register.database.run(f"{sql} ORDER BY number", (object_id,)))
    return f"{names} of {object_id} is open: decide it first, or what it says is lost with {object_id}" if names else ""


def takeover(gone: State, stays: State, rules: MergeRules) -> Takeover:
    """Return what the object that stays takes over."""
    shapes = tuple(None if s.values[GEOMETRY] is None else shapely.from_wkb(bytes.fromhex(s.values[GEOMETRY]))
                   for s in (gone, stays))  # fmt: skip
    return take_over(gone.layer, gone.values, stays.values, rules, shapes=(shapes[0], shapes[1]))


def undecided(gone: State, stays: State, found: Takeover) -> str:
    """Return in a sentence what nobody decided, "" where nothing is open."""
    if not found.undecided:
        return ""
    said = "; ".join(
        f"{n}: {gone.object_id} has {_told(gone.values[n])}, {stays.object_id} has {_told(stays.values[n])}"
        for n in found.undecided
    )
    return f"the same or others? {said}. Decide with --counts {'|'.join(CHOICES)}"


def _told(value: Any) -> str:
    return f"{float(value):,.10g}"


def merge_changes(
    register: Register, gone: State, into: str, rules: MergeRules, *, after: Values | None = None,
    base_version: int | None = None,
) -> list[Change]:  # fmt: skip
    """Return the changes of both objects of a merge, to be applied at once.

    Parameters
    ----------
    after : further values of the object that goes. base_version : of it, as its author saw it.

    Raises
    ------
    DataError : `into` is not there, cancelled, of another layer, or the object itself.
    ConflictError : counts differ and nobody decided; or a change that a run saw of the object waits.
    """
    stays = register.get([into]).get(into)
    said = obstacle(gone, stays, into)
    if said or stays is None:
        what = f"{gone.object_id} cannot be merged into {into}: {said}"
        raise DataError(what, where=register.database.label, fix="name another object of the same layer")
    waits = pending(register, gone.object_id)
    if waits:
        raise ConflictError(waits, where=register.database.label, fix="confirm or reject it, then merge")
    found = takeover(gone, stays, rules)
    open_ = undecided(gone, stays, found)
    if open_:
        fix = "--counts larger: the same people, counted twice; sum: different people; kept: the figures of the other"
        raise ConflictError(open_, where=register.database.label, fix=fix)
    values = {**(after or {}), "status": "cancelled", "merged_into": into, "merged_counts": found.choice}
    base = gone.version if base_version is None else base_version
    changes = [Change(gone.layer, gone.object_id, base, "merge", values)]
    if found.after:
        changes.append(Change(stays.layer, into, stays.version, "absorb", found.after))
    return changes


def whole_merges(register: Register, entries: Mapping[int, Entry]) -> dict[int, Entry]:
    """Return entries of the history and, for those of a merge, the entries of the other object of it, by number."""
    out = dict(entries)
    for entry in entries.values():
        out |= {e.seq: e for e in partners(register, entry)}
    return out


def partners(register: Register, entry: Entry) -> list[Entry]:
    """Return the other entries of the merge that an entry is part of, or takes back."""
    beside = [e for e in register.entries(entry.change_id) if e.seq != entry.seq]
    if entry.undoes is not None:
        origin = register.entry(entry.undoes)
        taken = set() if origin is None else {e.seq for e in partners(register, origin)}
        return [e for e in beside if e.undoes in taken]
    if entry.action == "merge":
        return [e for e in beside if e.action == "absorb" and e.object_id == target_of(entry.after)]
    if entry.action == "absorb":
        return [e for e in beside if e.action == "merge" and target_of(e.after) == entry.object_id]
    return []


def survivors(states: Mapping[str, State]) -> dict[str, str]:
    """Return for each object that was merged into another the one that is in force in the end, by id.

    One whose chain ends in a cancelled or lost object is absent: nothing stands for it.
    """
    out: dict[str, str] = {}
    for object_id, state in states.items():
        seen, at = {object_id}, state
        while at.values["status"] == "cancelled" and (into := target_of(at.values)) and into not in seen:
            seen.add(into)
            if into not in states:
                break
            at = states[into]
        if at.object_id != object_id and at.values["status"] != "cancelled":
            out[object_id] = at.object_id
    return out
