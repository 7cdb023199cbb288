"""Proposals: what runs and people's files would change. A person confirms or rejects each; nothing changes before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geo_risk.core.errors import ConflictError, DataError
from geo_risk.products.register_merging import MergeRules
from geo_risk.register.entry import Author, Change, State, Values, packed
from geo_risk.register.fields import GEOMETRY, LAYERS, known_fields, plain
from geo_risk.register.following import follow
from geo_risk.register.merging import merge_changes, target_of
from geo_risk.register.store import Register

_COLUMNS = ("number, kind, layer, object_id, source, run_id, at, base_version, before, after, reason_zh, reason_en, "
            "fingerprint, state, decided_by, decided_at, decided_why")  # fmt: skip
_EVIDENCE = frozenset({"reasons", "reasons_zh", "reasons_en", "confidence", "velocity_std_mm_yr", "acceleration_mm_yr2",
                       "zone_id", "point_ids", "origin", "source"})  # fmt: skip
"""Fields that go along with a change: alone they neither make a proposal new nor stand in its way."""


_ALIVE = ("new", "existing", "changed")
"""For a merge it is all one which of these an object is."""


@dataclass(frozen=True)
class Proposal:
    """One proposal.

    Attributes
    ----------
    number : of the proposal; people type P-number. kind : new, changed, revived, dormant, cancel, edit.
    source : "run" or "file". base_version : of the object when it was proposed.
    before, after : values of the fields that would change.
    state : open, confirmed, rejected, replaced (by a later one of the same kind for the same object, or withdrawn as a
        later run does not say it again; decided_why names that run).
    """

    number: int
    kind: str
    layer: str
    object_id: str
    source: str
    run_id: str | None
    at: str
    base_version: int
    before: Values
    after: Values
    reason_zh: str
    reason_en: str
    fingerprint: str
    state: str
    decided_by: str | None
    decided_at: str | None
    decided_why: str | None

    @property
    def name(self) -> str:
        """Return what people type for it."""
        return f"P-{self.number:06d}"


@dataclass(frozen=True)
class Offer:
    """What is to be proposed.

    Attributes
    ----------
    object_id : of a known object, or of an earlier proposal of a new one; None: a new id, `own_id` if it is free.
    before : values that the proposer saw, where they are not those of the register now; `base_version` with them.
    """

    kind: str
    layer: str
    object_id: str | None
    after: Mapping[str, Any]
    reason_zh: str
    reason_en: str
    own_id: str | None = None
    before: Mapping[str, Any] | None = None
    base_version: int | None = None


def fingerprint(layer: str, kind: str, object_id: str, after: Mapping[str, Any]) -> str:
    """Return a digest of what a proposal would change, evidence apart and numbers to three digits."""
    kept = {k: (float(f"{v:.3g}") if isinstance(v, float) else v) for k, v in after.items() if k not in _EVIDENCE}
    return hashlib.sha256(packed({"l": layer, "k": kind, "i": object_id, "a": kept}).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Proposed:
    """What became of offers: the id of the object of each, numbers of the proposals made, and counts.

    Counts: proposed, already_open, rejected_before, replaced, unchanged.
    """

    ids: list[str]
    numbers: list[int]
    counts: dict[str, int]


def propose(register: Register, offers: Sequence[Offer], *, source: str, run_id: str | None) -> Proposed:
    """Put proposals into the register, within a transaction.

    A later run's proposal of a kind replaces the open one for the same object; what people edited replaces nothing.

    Raises
    ------
    SchemaError : a value does not fit its field.
    """
    counts = dict.fromkeys(("proposed", "already_open", "rejected_before", "replaced", "unchanged"), 0)
    ids = _ids(register, offers)
    now = register.get(sorted(set(ids)))
    earlier: dict[str, list[Proposal]] = {}
    for p in of_objects(register, list(now)):
        earlier.setdefault(p.object_id, []).append(p)
    rows: list[tuple[Any, ...]] = []
    replaced: list[tuple[int]] = []
    for offer, object_id in zip(offers, ids, strict=True):
        seen, after = _difference(offer, now[object_id])
        mark = fingerprint(offer.layer, offer.kind, object_id, after)
        same = [p for p in earlier.get(object_id, []) if p.kind == offer.kind]
        if not set(after) - _EVIDENCE:
            counts["unchanged"] += 1
        elif any(p.state == "open" and p.fingerprint == mark for p in same):
            counts["already_open"] += 1
        elif _sticks(offer, after) and any(p.state == "rejected" and p.fingerprint == mark for p in same):
            counts["rejected_before"] += 1
        else:
            replaced += [(p.number,) for p in same if p.state == "open" and offer.kind != "edit"]
            base = now[object_id].version if offer.base_version is None else offer.base_version
            rows.append((offer.kind, offer.layer, object_id, source, run_id, register.now(), base,
                         packed({k: seen[k] for k in after}), packed(after), offer.reason_zh, offer.reason_en, mark,
                         "open"))  # fmt: skip
    counts["proposed"], counts["replaced"] = len(rows), len(replaced)
    register.database.many("UPDATE reg_proposals SET state = 'replaced' WHERE number = ?", replaced)
    numbers = list(register.count("proposal", len(rows))) if rows else []
    register.database.many(
        f"INSERT INTO reg_proposals ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,NULL)",  # noqa: S608
        [(n, *row) for n, row in zip(numbers, rows, strict=True)],
    )
    return Proposed(ids, numbers, counts)


def _difference(offer: Offer, state: State) -> tuple[Values, Values]:
    """Return the values that an offer starts from, and of those it holds the ones that differ."""
    layer, place = LAYERS[offer.layer], f"{offer.layer} {state.object_id}"
    given = {k: v for k, v in offer.after.items() if k == GEOMETRY or k in layer.fields}
    wanted = {k: plain(layer, k, v, where=place) for k, v in given.items()}
    seen = dict(state.values)
    if offer.before is not None:
        seen |= {k: plain(layer, k, v, where=place) for k, v in offer.before.items()}
    return seen, {k: v for k, v in wanted.items() if v != seen[k]}


def _sticks(offer: Offer, after: Values) -> bool:
    """Return whether a proposal that was rejected is not made again: to put to rest is asked anew after new runs."""
    return offer.kind != "edit" and (offer.kind not in ("dormant", "cancel") or "merged_into" in after)


def _ids(register: Register, offers: Sequence[Offer]) -> list[str]:
    """Return the id of each offer; those without one get it now, and keep it whatever becomes of them."""
    ids: list[str] = [o.object_id or "" for o in offers]
    for layer in LAYERS:
        bare = [k for k, o in enumerate(offers) if o.object_id is None and o.layer == layer]
        for k, found in zip(bare, reserve(register, layer, [offers[k].own_id for k in bare]), strict=True):
            ids[k] = found
    return ids


def reserve(register: Register, layer: str, own_ids: Sequence[str | None]) -> list[str]:
    """Return an id for each new object, within a transaction: its own number where that is free, else a new one.

    An id is kept for ever, whatever becomes of the proposal it is for.
    """
    wanted = [i for i in own_ids if i]
    used = {r[0] for r in register.database.among("SELECT object_id FROM reg_ids WHERE object_id IN", wanted)}
    free: dict[str, int] = {}
    for k, own_id in enumerate(own_ids):
        if own_id and own_id == own_id.strip() and own_id not in used:
            free.setdefault(own_id, k)
    register.keep_ids(layer, list(free))
    out = [""] * len(own_ids)
    for own_id, k in free.items():
        out[k] = own_id
    rest = [k for k, found in enumerate(out) if not found]
    for k, new in zip(rest, register.new_ids(layer, len(rest)), strict=True):
        out[k] = new
    return out


def of_objects(register: Register, ids: Sequence[str]) -> list[Proposal]:
    """Return every proposal of objects, by number."""
    sql = f"SELECT {_COLUMNS} FROM reg_proposals WHERE object_id IN"  # noqa: S608
    return sorted((_proposal(r) for r in register.database.among(sql, ids)), key=lambda p: p.number)


def listed(register: Register, *, state: str | None = "open", kind: str | None = None) -> list[Proposal]:
    """Return proposals by number, of a state and a kind (None: any)."""
    sql = f"SELECT {_COLUMNS} FROM reg_proposals WHERE 1 = 1"  # noqa: S608
    values: list[str] = []
    for column, value in (("state", state), ("kind", kind)):
        if value is not None:
            sql, values = f"{sql} AND {column} = ?", [*values, value]
    return [_proposal(r) for r in register.database.run(f"{sql} ORDER BY number", values)]


def _proposal(row: tuple[Any, ...]) -> Proposal:
    values = list(row)
    values[8], values[9] = (known_fields(row[2], json.loads(row[n])) for n in (8, 9))
    return Proposal(*values)


def by_names(register: Register, names: Sequence[str]) -> list[Proposal]:
    """Return open proposals by what people type: P-000012, 12, or the id of an object (all that is open for it).

    Raises
    ------
    DataError : a name that is none of an open proposal; all of them are listed.
    """
    open_ones = listed(register)
    out: dict[int, Proposal] = {}
    lost = []
    for name in names:
        digits = name.removeprefix("P-").removeprefix("p-")
        number = int(digits) if digits.isdigit() and len(digits) < 10 else -1
        found = [p for p in open_ones if p.object_id == name] or [p for p in open_ones if p.number == number]
        out |= {p.number: p for p in found}
        lost += [] if found else [name]
    if lost:
        what = f"no open proposal has the name {', '.join(lost[:10])}"
        raise DataError(what, where=register.database.label, fix="see `geo-risk register proposals`")
    return [out[n] for n in sorted(out)]


def clashes(proposal: Proposal, state: State) -> list[str]:
    """Return the fields that became others since they were proposed, and are not what is proposed either."""
    if proposal.kind == "new":
        return ["all"] if state.is_there else []
    if not state.is_there:
        return ["all"]
    alive = {"status"} if "merged_into" in proposal.after and state.values["status"] in _ALIVE else set()
    return sorted(k for k, v in proposal.before.items() if k not in _EVIDENCE | alive
                  and state.values[k] != v and state.values[k] != proposal.after[k])  # fmt: skip


def confirm(
    register: Register, proposals: Sequence[Proposal], author: Author, *,
    over: bool = False, more: Callable[[Proposal, State], Values] | None = None,
    merges: MergeRules | None = None,
) -> list[int]:  # fmt: skip
    """Do what proposals say, one of each object, within a transaction: all of them or none.

    The object that another is merged into changes with it: no other proposal may be of it.

    Parameters
    ----------
    over : also where the object was changed since by somebody else.
    more : gives further values for a proposal and the object as it is, such as the first stage of the loop.
    merges : how a merge joins counts that differ.

    Raises
    ------
    ConflictError : a proposal is decided already, or its object was changed since; the message names who did what. Or
        counts of a merge differ and `merges` say nothing.
    SchemaError : two proposals of one object.
    """
    fresh = {p.number: p for p in of_objects(register, sorted({p.object_id for p in proposals}))}
    decided = [p for p in (fresh[q.number] for q in proposals) if p.state != "open"]
    if decided:
        said = "; ".join(f"{p.name} is {p.state} by {p.decided_by or 'a later one'}" for p in decided[:10])
        raise ConflictError(said, where=register.database.label, fix="look at `geo-risk register proposals` again")
    now = register.get(sorted({p.object_id for p in proposals}))
    bad = [(p, found) for p in proposals if not over and (found := clashes(p, now[p.object_id]))]
    if bad:
        said = "; ".join(f"{p.name} ({', '.join(f)}): {register.told(p.object_id, since=p.base_version)}"
                         for p, f in bad[:10])  # fmt: skip
        what = f"{len(bad)} proposals start from values that somebody changed since: {said}"
        fix = "reject them, or confirm them with --over if they are still right"
        raise ConflictError(what, where=register.database.label, fix=fix)
    number = register.count("change")[0]
    out: list[int] = []
    for run_id in sorted({p.run_id for p in proposals}, key=str):
        changes: list[Change] = []
        for p in (p for p in proposals if p.run_id == run_id):
            state, into = now[p.object_id], target_of(p.after)
            values = {**p.after, **(more(p, state) if more else {})}
            if into is not None and p.kind != "new":
                changes += merge_changes(register, state, into, merges or MergeRules(), after=values)
            else:
                is_there = True if p.kind == "new" else None
                changes.append(Change(p.layer, p.object_id, state.version, p.kind, values, is_there=is_there))
        out += register.apply(changes, Author(author.who, author.why, run_id), change_id=number)
    for layer in LAYERS:
        merged = {p.object_id: into for p in proposals if p.layer == layer and p.kind != "new"
                  and (into := target_of(p.after)) is not None}  # fmt: skip
        follow(register, layer, merged, author, change_id=number)
    _decide(register, proposals, "confirmed", author)
    withdraw_of_gone(register, [p.object_id for p in proposals if p.after.get("status") == "cancelled"])
    return out


def reject(register: Register, proposals: Sequence[Proposal], author: Author) -> None:
    """Decline proposals, within a transaction; the same is not proposed again unless it becomes worse."""
    _decide(register, proposals, "rejected", author)


def withdraw(register: Register, proposals: Sequence[Proposal], *, why: str) -> None:
    """Close open proposals that a later run does not bear out, within a transaction; nobody declined them."""
    sql = "UPDATE reg_proposals SET state = 'replaced', decided_at = ?, decided_why = ? WHERE state = 'open' "
    register.database.among(f"{sql} AND number IN", [p.number for p in proposals], first=[register.now(), why])


def withdraw_of_gone(register: Register, ids: Sequence[str]) -> None:
    """Close what runs proposed of objects that were just cancelled, within a transaction; what people edited stays."""
    waiting = [p for p in of_objects(register, sorted(set(ids))) if p.state == "open" and p.source == "run"]
    withdraw(register, waiting, why="its object was cancelled, or merged into another")


def _decide(register: Register, proposals: Sequence[Proposal], state: str, author: Author) -> None:
    sql = "UPDATE reg_proposals SET state = ?, decided_by = ?, decided_at = ?, decided_why = ? WHERE state = 'open' "
    said = [state, author.who, register.now(), author.why]
    register.database.among(f"{sql} AND number IN", [p.number for p in proposals], first=said)
