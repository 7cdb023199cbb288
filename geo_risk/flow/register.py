"""The register of a configuration or an address, opened; and what a person decides on the proposals in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geo_risk.core.errors import ConfigError, ConflictError, DataError
from geo_risk.flow.config import load_config
from geo_risk.products.params import RiskParams
from geo_risk.products.register_merging import MergeRules, Takeover
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import loop, merging, proposals
from geo_risk.register.entry import Author, State, Values
from geo_risk.register.proposals import Proposal
from geo_risk.register.store import Register


@dataclass(frozen=True)
class Place:
    """Where a register is, and by which rules it is kept."""

    url: str
    rules: RegisterParams
    risk: RiskParams = field(default_factory=RiskParams)


def find_register(where: str) -> Place:
    """Return the register that a text names: a configuration (its section `register`), an address or a file.

    Raises
    ------
    ConfigError : a configuration without `register.url`.
    """
    if where.endswith((".yaml", ".yml")):
        path = Path(where)
        config = load_config(path)
        section = config.register_
        if section.url is None:
            what = f"{path.name} names no register"
            raise ConfigError(what, where=f"{path}, register.url", fix="add `register: {url: sqlite:///register.gpkg}`")
        return Place(absolute_url(section.url, path.resolve().parent), section, config.risk)
    return Place(absolute_url(where, Path.cwd()), RegisterParams())


def absolute_url(url: str, folder: Path) -> str:
    """Return an address whose file, if it is one, does not depend on the working folder."""
    if url.startswith(("postgresql://", "postgres://")):
        return url
    path = url.removeprefix("sqlite:///")
    return url if "://" in path else f"sqlite:///{(folder / path).resolve()}"


def first_stage(register: Register, rules: RegisterParams) -> Callable[[Proposal, State], Values]:
    """Return what gives a proposal that is confirmed its status and, where something acts, the first stage of the loop.

    A new point, one that acts again and one that now accelerates are to be inspected; an open loop goes on. Zones are
    put into the loop by hand.
    """
    day = loop.today(register)

    def more(proposal: Proposal, state: State) -> Values:
        out: Values = {}
        if proposal.kind == "changed" and state.values["status"] in ("new", "existing"):
            out["status"] = "changed"
        accelerates = proposal.after.get("activity") == "accelerating"
        is_new = proposal.kind == "new" and proposal.after.get("status") == "new"
        is_point = proposal.layer == "hazard_points"
        if (
            is_point
            and (is_new or accelerates or proposal.kind == "revived")
            and state.values["loop_stage"] in (None, "closed")
        ):
            out |= loop.found(day, days=rules.assign_within_days)
        if proposal.kind == "revived" or (proposal.kind == "edit" and proposal.after.get("status") == "existing"):
            out["merged_into"] = None
        if is_new and is_point and proposal.run_id:
            out["first_seen"] = proposal.after.get("first_seen") or day.isoformat()
        return out

    return more


@dataclass(frozen=True)
class Decided:
    """What was decided: names of proposals, and those left open with the reason."""

    done: list[str]
    left: dict[str, str]


def decide(  # noqa: PLR0913 - what is chosen, and how it is decided
    register: Register, names: Sequence[str], author: Author, rules: RegisterParams, *,
    kind: str | None = None, everything: bool = False, accept: bool = True, over: bool = False,
    merges: MergeRules | None = None,
) -> Decided:  # fmt: skip
    """Confirm or reject proposals: those named, or all of a kind; one that clashes stays open and stops no other.

    Parameters
    ----------
    merges : how people, households and assets that both know and that differ are joined; without it such merges stay
        open.

    Raises
    ------
    ConfigError : neither names nor a kind are given.
    DataError : a name is none of an open proposal.
    """
    if bool(names) == (everything or kind is not None):
        what = "name proposals, or give --all (with --kind for one kind)"
        raise ConfigError(what, where="IDs", fix="write for example `confirm P-000012` or `confirm --all --kind new`")
    chosen = proposals.by_names(register, names) if names else proposals.listed(register, kind=kind)
    if not chosen:
        what = "there is nothing to decide: no open proposal" + (f" of kind {kind!r}" if kind else "")
        raise DataError(what, where=register.database.label, fix="see `geo-risk register proposals`")
    left: dict[str, str] = {}
    done: list[str] = []
    with register.writing():
        if not accept:
            proposals.reject(register, chosen, author)
            done = [p.name for p in chosen]
        waiting = chosen if accept else []
        while waiting:  # of several proposals of one object each starts from what the one before it made
            first = _apart(waiting)
            numbers = {p.number for p in first}
            now = register.get(sorted({p.object_id for p in first}))
            late = {p.name: _clash(register, p, now[p.object_id]) for p in first if not over}
            told = {p.name: late.get(p.name) or _open_merge(register, p, now[p.object_id], merges)
                    for p in first}  # fmt: skip
            good = [p for p in first if not told[p.name]]
            more = first_stage(register, rules)
            proposals.confirm(register, good, author, over=over, more=more, merges=merges)
            done += [p.name for p in good]
            left |= {p.name: told[p.name] for p in first if told[p.name]}
            gone = {p.object_id for p in good if p.after.get("status") == "cancelled"}
            lost = {p.name: "its object was cancelled, or merged into another" for p in waiting
                    if p.number not in numbers and p.object_id in gone and p.source == "run"}  # fmt: skip
            left |= lost
            waiting = [p for p in waiting if p.number not in numbers and p.name not in lost]
    if names and not done:
        what = "; ".join(f"{k}: {v}" for k, v in list(left.items())[:10])
        fix = "reject it; or confirm it with --over if it is still right, a merge with --counts"
        raise ConflictError(what, where=register.database.label, fix=fix)
    return Decided(sorted(done), left)


def _apart(waiting: Sequence[Proposal]) -> list[Proposal]:
    """Return proposals of which no two touch one object, in their order; a merge touches both of its objects."""
    out, touched = [], set[str]()
    for p in waiting:
        ids = {p.object_id, merging.target_of(p.after) or p.object_id}
        if not ids & touched:
            out.append(p)
        touched |= ids
    return out


def _open_merge(register: Register, proposal: Proposal, state: State, rules: MergeRules | None) -> str:
    """Return why a proposal that merges cannot be done yet; "" where it can, or is no merge."""
    into = merging.target_of(proposal.after)
    if into is None or proposal.kind == "new":
        return ""
    stays = register.get([into]).get(into)
    said = merging.obstacle(state, stays, into)
    if said or stays is None:
        return said
    open_ = merging.undecided(state, stays, merging.takeover(state, stays, rules or MergeRules()))
    return merging.pending(register, state.object_id) or open_


def told_of_merge(register: Register, proposal: Proposal, risk: RiskParams) -> Takeover | None:
    """Return what confirming a proposal would move to the object that stays; None where it merges nothing."""
    into = merging.target_of(proposal.after)
    if into is None or proposal.kind == "new":
        return None
    now = register.get([proposal.object_id, into])
    gone, stays = now.get(proposal.object_id), now.get(into)
    if gone is None or merging.obstacle(gone, stays, into) or stays is None:
        return None
    return merging.takeover(gone, stays, MergeRules(None, risk))


def _clash(register: Register, proposal: Proposal, state: State) -> str:
    found = proposals.clashes(proposal, state)
    told = register.told(proposal.object_id, since=proposal.base_version) if found else ""
    return f"it starts from values that were changed since: {', '.join(found)}: {told}" if found else ""
