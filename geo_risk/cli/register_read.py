"""`geo-risk register proposals|history|diff|runs|list|show|verify`: what the register holds; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json
from geo_risk.cli.register_options import Contacts, Kind, Lang, Where, opened

if TYPE_CHECKING:
    from geo_risk.register.entry import Entry


def list_proposals(
    where: Where,
    kind: Kind = None,
    every: Annotated[bool, typer.Option("--decided", help="Also those that were decided or replaced.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="As .xlsx or .csv.")] = None,
    with_contacts: Contacts = False,
    lang: Lang = "zh",
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """List what is proposed, with the reason of each."""
    from geo_risk.flow.register import told_of_merge
    from geo_risk.flow.register_export import proposals_frame, write_overdue
    from geo_risk.register import proposals
    from geo_risk.register.fields import CONTACTS

    with opened(where) as (register, place):
        found = proposals.listed(register, state=None if every else "open", kind=kind)
        merges = {p.number: told_of_merge(register, p, place.risk) for p in found if p.state == "open"}
        states = register.get(sorted({p.object_id for p in found})) if out is not None else {}
    if out is not None:
        rows = proposals_frame(found, states, merges, language=lang)
        write_overdue(rows, out.absolute(), language=lang, title="proposals")
        if as_json:
            output.say_json({"file": str(out), "rows": len(rows)})
        else:
            output.say(f"{out}: {len(rows)} proposals")
        return

    def masked(values: dict[str, Any]) -> dict[str, Any]:
        return {k: v if with_contacts or k not in CONTACTS or v is None else "***" for k, v in values.items()}

    if as_json:

        def merged(number: int) -> dict[str, Any] | None:
            m = merges.get(number)
            return (
                None
                if m is None
                else {"after": masked(m.after), "undecided": list(m.undecided), "zh": m.told.zh, "en": str(m.told)}
            )

        output.say_json([{**p.__dict__, "name": p.name, "before": masked(p.before), "after": masked(p.after),
                          "merge": merged(p.number)} for p in found])  # fmt: skip
        return

    def reason(p: proposals.Proposal) -> str:
        m, zh = merges.get(p.number), lang == "zh"
        told = "" if m is None else f" {m.told.zh if zh else m.told}"
        return (p.reason_zh if zh else p.reason_en) + told

    columns = ("proposal", "kind", "object", "reason", *(("state", "by") if every else ()))
    table = [(p.name, p.kind, p.object_id, reason(p), *((p.state, p.decided_by) if every else ())) for p in found]
    output.say_table(f"Proposals: {len(table)}", columns, table)


def history(
    object_id: Annotated[str, typer.Argument(metavar="ID", help="Id of an object.")],
    where: Where,
    with_contacts: Contacts = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Who changed what of an object, when and why."""
    from geo_risk.core.errors import DataError
    from geo_risk.register.fields import CONTACTS
    from geo_risk.register.merging import partners

    with opened(where) as (register, _):
        rows = register.history(object_id)
        if not rows and object_id not in register.get([object_id]):
            raise DataError(f"the register never had {object_id}", where=register.database.label,  # noqa: EM102
                            fix="see `geo-risk register list`")  # fmt: skip
        beside = {e.seq: [p.object_id for p in partners(register, e)] for e in rows if e.action != "edit"}
    rows = rows if with_contacts else [e.without(CONTACTS) for e in rows]
    if as_json:
        output.say_json([{**e.__dict__, "with": beside.get(e.seq, [])} for e in rows])
        return

    def what(e: Entry) -> str:
        names = ", ".join(beside.get(e.seq, []))
        undone = f" of {e.undoes}" if e.undoes else ""
        return e.action + undone + (f" (with {names})" if names else "")

    table = [(e.seq, e.version, e.at[:19] + "Z", what(e), e.who, e.why,
              e.run_id or "", _change(e.before, e.after)) for e in rows]  # fmt: skip
    columns = ("entry", "version", "when (UTC)", "what", "who", "why", "run", "change")
    output.say_table(f"History of {object_id}", columns, table)


def _change(before: dict[str, Any], after: dict[str, Any]) -> str:
    shown = []
    for name, value in after.items():
        if name == "geometry" or name.startswith("reasons"):
            shown.append(name)
        else:
            shown.append(f"{name}: {_short(before.get(name))} -> {_short(value)}")
    return "; ".join(shown)


def _short(value: Any) -> str:
    text = "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def diff(
    since: Annotated[str, typer.Argument(metavar="SINCE", help="A time with zone, a date (its end), or a run's id.")],
    where: Where,
    until: Annotated[str | None, typer.Argument(metavar="[UNTIL]", help="The same; default now.")] = None,
    with_contacts: Contacts = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """What became of each object between two times or runs."""
    from geo_risk.register import runs
    from geo_risk.register.fields import CONTACTS
    from geo_risk.register.replay import diff as differ

    with opened(where) as (register, _):
        start = runs.moment(register, since)
        end = register.now() if until is None else runs.moment(register, until)
        rows = register.history()
        found = differ(rows if with_contacts else [e.without(CONTACTS) for e in rows], since=start, until=end)
    if as_json:
        output.say_json({"since": start, "until": end, "objects": found})
        return
    table = []
    for row in found:
        told = "; ".join(f"{e['who']} {e['action']} ({e['why']})" for e in row["entries"])
        before = {k: v[0] for k, v in row["fields"].items()}
        after = {k: v[1] for k, v in row["fields"].items()}
        told_change = _change(before, after) if row["change"] == "changed" else f"{len(after)} fields"
        table.append((row["object_id"], row["change"], told_change, told))
    output.say_table(f"{start} .. {end}: {len(table)} objects", ("object", "change", "fields", "by whom, why"), table)


def list_runs(where: Where, as_json: Json = False, debug: Debug = False) -> None:  # noqa: ARG001
    """The runs that were compared with the register."""
    from geo_risk.register import runs

    with opened(where) as (register, _):
        found = runs.runs(register)
    if as_json:
        output.say_json([r.__dict__ for r in found])
        return
    table = [(r.run_id, r.name, r.made_at, r.compared_at, r.who) for r in found]
    output.say_table(f"Runs: {len(found)}", ("run", "name", "written", "compared", "by"), table)


def list_objects(
    where: Where,
    layer: Annotated[str | None, typer.Option("--layer", help="hazard_points or risk_zones; default both.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="new, existing, changed, dormant, cancelled.")] = None,
    with_contacts: Contacts = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """The objects as they stand."""
    from geo_risk.products.register_merging import lower_bounds
    from geo_risk.register.fields import CONTACTS, GEOMETRY, LAYERS
    from geo_risk.register.seen import kept

    with opened(where) as (register, _):
        names = [n for n in LAYERS if layer in (None, n)]
        states = [s for n in names for s in register.states(n) if status in (None, s.values["status"])]
        seen = {i: row for n in names for i, row in kept(register.database, n).items()}
    if as_json:
        hidden = {GEOMETRY} | (set() if with_contacts else CONTACTS)
        output.say_json([{"layer": s.layer, "object_id": s.object_id, "version": s.version,
                          **{k: v for k, v in s.values.items() if k not in hidden}, **seen[s.object_id]}
                         for s in states])  # fmt: skip
        return
    keys = ("name", "kind", "status", "hazard_level", "people", "loop_stage", "loop_due", "last_seen")
    rows = [{**s.values, **seen[s.object_id]} for s in states]
    for row in rows:
        if "people" in lower_bounds(row):
            row["people"] = f">= {row['people']}"
    table = [(s.object_id, s.version, *(row[k] for k in keys)) for s, row in zip(states, rows, strict=True)]
    output.say_table(f"Objects: {len(table)}", ("id", "version", *keys), table)


def show_object(
    object_id: Annotated[str, typer.Argument(metavar="ID", help="Id of an object.")],
    where: Where,
    with_contacts: Contacts = False,
    lang: Lang = "zh",
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """All that is known of one object: its values, when runs last saw it, and what is proposed of it, or that it is."""
    from geo_risk.core.errors import DataError
    from geo_risk.publish.i18n import column_label
    from geo_risk.publish.register_book import book_value
    from geo_risk.register import proposals
    from geo_risk.register.fields import CONTACTS, GEOMETRY
    from geo_risk.register.seen import kept

    with opened(where) as (register, _):
        state = register.get([object_id]).get(object_id)
        waiting = [p for p in proposals.of_objects(register, [object_id]) if p.state == "open"]
        if (state is None or not state.is_there) and not waiting:
            raise DataError(f"the register has no {object_id}", where=register.database.label,  # noqa: EM102
                            fix="see `geo-risk register list`")  # fmt: skip
        is_there = state is not None and state.is_there
        layer = state.layer if state is not None else waiting[0].layer
        seen = kept(register.database, layer)[object_id] if is_there else {}
    version = state.version if state is not None else 0
    known = {**state.values, **seen} if state is not None and is_there else waiting[0].after
    values = {k: "***" if k in CONTACTS and v is not None and not with_contacts else v
              for k, v in known.items() if k != GEOMETRY}  # fmt: skip
    if as_json:
        output.say_json({"layer": layer, "object_id": object_id, "version": version, "is_there": is_there,
                         "values": values, "proposals": [p.name for p in waiting]})  # fmt: skip
        return
    told = {k: book_value(k, v, lang) for k, v in values.items() if v is not None and not k.startswith("reasons_")}
    rows = [(column_label(k, lang), f"{v:.10g}" if isinstance(v, float) else str(v)) for k, v in told.items()]
    title = f"{object_id}, version {version}" if is_there else f"{object_id} is not in the register yet: it is proposed"
    output.say_table(title, ("field", "value"), rows)
    if waiting:
        table = [(p.name, p.kind, p.reason_zh if lang == "zh" else p.reason_en) for p in waiting]
        output.say_table(f"Proposals: {len(table)}", ("proposal", "kind", "reason"), table)


def verify(where: Where, as_json: Json = False, debug: Debug = False) -> None:  # noqa: ARG001
    """Read the whole history again and compare: what differs was not changed by this program."""
    from geo_risk.register.replay import differences

    with opened(where) as (register, _):
        found = differences(register)
    if as_json:
        output.say_json({"differences": found})
    else:
        output.say("\n".join(found) or "The register is what its history says.")
    if found:
        output.stop(3)


READS: Mapping[str, Callable[..., None]] = {
    "proposals": list_proposals,
    "history": history,
    "diff": diff,
    "runs": list_runs,
    "list": list_objects,
    "show": show_object,
    "verify": verify,
}
"""Commands by their names."""
