"""`geo-risk register`: the books of hazard points and risk zones, and what people decide on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo_risk.cli import output, register_loop, register_migrate, register_read
from geo_risk.cli.options import Debug, Json, OutputPath
from geo_risk.cli.register_options import (
    All,
    By,
    Contacts,
    Counts,
    Ids,
    Kind,
    Lang,
    Names,
    New,
    Version,
    Where,
    Why,
    merge_rules,
    opened,
    say_versions,
    versions_seen,
)

if TYPE_CHECKING:
    from geo_risk.flow.register import Decided
    from geo_risk.flow.register_report import ImportReport

NAME = "register"

app = typer.Typer(
    help="The register of hazard points and risk zones: nothing in it changes unless a person says so, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ledger (XLSX, CSV, SHP, GPKG), or an edited export.")],
    where: Where,
    by: By,
    why: Why,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="YAML", help="What the ledger's columns and words mean.")
    ] = None,
    layer: Annotated[str, typer.Option("--layer", help="hazard_points or risk_zones, without a mapping.")]
    = "hazard_points",
    crs: Annotated[str | None, typer.Option("--crs", help="CRS of a register that --new makes: EPSG:4546.")] = None,
    new: New = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirm at once what the file proposes; conflicts stay open.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:  # fmt: skip
    """Propose what a ledger holds, or what people changed in an export; rows that do not read are listed."""
    from geo_risk.core.errors import ConfigError
    from geo_risk.flow.register import decide
    from geo_risk.flow.register_edits import import_edits, is_export
    from geo_risk.flow.register_import import import_ledger
    from geo_risk.flow.register_mapping import read_mapping
    from geo_risk.register.entry import Author

    author = Author(by, why)
    if new and crs is None:
        what = "a new register needs a CRS"
        raise ConfigError(what, where="--crs", fix="give the metric CRS of your county, such as EPSG:4546")
    if layer not in ("hazard_points", "risk_zones"):
        raise ConfigError(f"no layer {layer!r}", where="--layer", fix="hazard_points or risk_zones")  # noqa: EM102
    rules = read_mapping(mapping, layer=layer)
    with opened(where, new_crs=crs if new else None) as (register, place):
        report = import_edits(register, file) if is_export(file) else import_ledger(register, file, rules)
        decided = None
        if confirm and report.numbers:
            decided = decide(register, [str(n) for n in report.numbers], author, place.rules,
                             merges=merge_rules(None, place))  # fmt: skip
    _say_import(report, decided, as_json=as_json)
    if decided is not None and decided.left:
        output.stop(3)


def _say_import(report: ImportReport, decided: Decided | None, *, as_json: bool) -> None:
    if as_json:
        confirmed = None if decided is None else {"confirmed": decided.done, "left": decided.left}
        output.say_json({**report.to_dict(), "decided": confirmed})
        return
    for note in report.notes:
        output.say(f"- {note}")
    rows = ", ".join(f"{k} {n}" for k, n in report.rows.items())
    output.say(f"{report.file}: rows {rows or 0}; " + ", ".join(f"{k} {n}" for k, n in report.counts.items() if n))
    if report.quarantine:
        table = [(q["layer"], q["id"], q["reason"], q["reason_zh"]) for q in report.quarantine]
        output.say_table(f"Set aside: {len(table)}", ("layer", "id", "reason", "原因"), table)
    if report.conflicts:
        table2 = [(c["object_id"], ", ".join(c["fields"]), c["told"]) for c in report.conflicts]
        output.say_table("Conflicts: changed by others since the export", ("object", "fields", "by whom"), table2)
    if decided is not None:
        _say_decided(decided, "Confirmed", as_json=False)
    elif report.numbers:
        output.say("Nothing is changed yet: see `geo-risk register proposals`, then `confirm` or `reject`.")


@app.command()
def update(
    out: OutputPath,
    where: Where,
    by: By,
    new: New = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Compare a finished run with the register: new, changed, revived, dormant, to be cancelled; all as proposals."""
    from geo_risk.flow import register_run
    from geo_risk.register.entry import Author

    Author(by, "update")
    run = register_run.read_run(out)
    with opened(where, new_crs=run.crs if new else None) as (register, place):
        report = register_run.update(register, run, place.rules, who=by, risk=place.risk)
    if as_json:
        output.say_json(report.to_dict())
        return
    if report.already:
        output.say(f"Run {report.run_id} was compared at {report.already}; nothing is proposed twice.")
        return
    for note in report.notes:
        output.say(f"- {note}")
    for layer, seen in report.seen.items():
        output.say(f"{layer}, as the run saw what the register knows: {_counts(seen)}")
    for layer, kinds in report.proposed.items():
        output.say(f"{layer}, proposed: {_counts(kinds)}")
    output.say(f"Run {report.run_id}: {_counts(report.counts)}")
    output.say("Nothing is changed yet: see `geo-risk register proposals`, then `confirm` or `reject`.")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{k} {n}" for k, n in counts.items() if n) or "none"


@app.command()
def confirm(
    where: Where,
    by: By,
    why: Why,
    names: Names = None,
    kind: Kind = None,
    every: All = False,
    over: Annotated[bool, typer.Option("--over", help="Also over what others changed since.")] = False,
    counts: Counts = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Do what proposals say; those that clash with a later change stay open and are named (exit code 3).

    So do merges of objects whose people, households or assets differ, unless --counts says how they are joined.
    """
    from geo_risk.flow.register import decide
    from geo_risk.register.entry import Author

    with opened(where) as (register, place):
        decided = decide(register, names or [], Author(by, why), place.rules, kind=kind, everything=every, over=over,
                         merges=merge_rules(counts, place))  # fmt: skip
    _say_decided(decided, "Confirmed", as_json=as_json)
    if decided.left:
        output.stop(3)


@app.command()
def reject(
    where: Where,
    by: By,
    why: Why,
    names: Names = None,
    kind: Kind = None,
    every: All = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Decline proposals; the same is proposed again only where it becomes worse."""
    from geo_risk.flow.register import decide
    from geo_risk.register.entry import Author

    with opened(where) as (register, place):
        decided = decide(register, names or [], Author(by, why), place.rules, kind=kind, everything=every, accept=False)
    _say_decided(decided, "Rejected", as_json=as_json)


def _say_decided(decided: Decided, verb: str, *, as_json: bool) -> None:
    if as_json:
        output.say_json({verb.lower(): decided.done, "left": decided.left})
        return
    output.say(f"{verb}: {len(decided.done)}")
    if decided.left:
        output.say_table(f"Left open: {len(decided.left)}", ("proposal", "changed since"), list(decided.left.items()))


@app.command()
def cancel(
    ids: Ids,
    where: Where,
    by: By,
    why: Why,
    into: Annotated[
        str | None, typer.Option("--into", metavar="ID", help="The object they were found to be; it takes over people.")
    ] = None,
    counts: Counts = None,
    version_seen: Version = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Cancel objects; their ids and their history stay for ever."""
    from geo_risk.core.errors import ConfigError
    from geo_risk.register import loop
    from geo_risk.register.entry import Author

    if counts is not None and into is None:
        raise ConfigError("--counts goes with --into", where="--counts", fix="name the object that stays")  # noqa: EM101
    seen = versions_seen(ids, version_seen)
    with opened(where) as (register, place), register.writing():
        made = (
            loop.cancel(register, ids, Author(by, why), versions=seen)
            if into is None
            else loop.merge(register, ids, into, Author(by, why), versions=seen, rules=merge_rules(counts, place))
        )
    say_versions(ids, made, as_json=as_json)


@app.command("set")
def set_values(
    object_id: Annotated[str, typer.Argument(metavar="ID", help="Id of an object.")],
    values: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="New values; nothing after = empties.")],
    where: Where,
    by: By,
    why: Why,
    version_seen: Version = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Change fields of an object by hand."""
    from geo_risk.core.errors import ConfigError, DataError
    from geo_risk.products.register_merging import settled
    from geo_risk.register.entry import Author, Change

    pairs = dict(v.split("=", 1) for v in values if "=" in v)
    if len(pairs) != len(values) or any(k.startswith(("loop_", "geometry", "merged_", "counts_")) for k in pairs):
        what = ("FIELD=VALUE is needed, once for each field; the loop has its own commands, a merge is "
                "`cancel --into`, the shape goes by an export")  # fmt: skip
        raise ConfigError(what, where="set", fix="write for example `set HP-000001 people=12`")
    with opened(where) as (register, _), register.writing():
        state = register.get([object_id]).get(object_id)
        if state is None or not state.is_there:
            raise DataError(f"the register has no {object_id}", where=register.database.label,  # noqa: EM102
                            fix="see `geo-risk register list`")  # fmt: skip
        base = state.version if version_seen is None else version_seen
        after = {**pairs, **settled(state.values, pairs)}
        made = register.apply([Change(state.layer, object_id, base, "edit", after)], Author(by, why))
    say_versions([object_id], made, as_json=as_json)


@app.command()
def undo(
    entries: Annotated[list[int], typer.Argument(metavar="ENTRY...", help="Numbers of entries of the history.")],
    where: Where,
    by: By,
    why: Why,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Take entries back by new entries; the old ones stay. Undoing an undo brings back what it took."""
    from geo_risk.register.entry import Author
    from geo_risk.register.replay import undo as take_back

    with opened(where) as (register, _), register.writing():
        made = take_back(register, entries, Author(by, why))
    if as_json:
        output.say_json({"entries": entries, "versions": made})
        return
    output.say(f"Taken back: {len(made)} entries.")


@app.command("export")
def export_file(
    out: Annotated[Path, typer.Argument(metavar="FILE", help=".gpkg or .xlsx to edit and import; .csv of one layer.")],
    where: Where,
    layer: Annotated[str | None, typer.Option("--layer", help="hazard_points or risk_zones; default both.")] = None,
    with_contacts: Contacts = False,
    without_cancelled: Annotated[
        bool, typer.Option("--without-cancelled", help="Leave out what is cancelled.")
    ] = False,
    lang: Lang = "zh",
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Write the register as it stands: a copy to print, to edit and to import again."""
    from geo_risk.flow.register_export import export
    from geo_risk.register.fields import LAYERS

    with opened(where) as (register, _):
        layers = tuple(LAYERS) if layer is None else (layer,)
        rows = export(register, out.absolute(), with_contacts=with_contacts, language=lang, layers=layers,
                      with_cancelled=not without_cancelled)  # fmt: skip
    if as_json:
        output.say_json({"file": str(out), "rows": rows})
        return
    output.say(f"{out}: " + ", ".join(f"{k} {n}" for k, n in rows.items()))


app.command()(register_migrate.migrate)
for name, read in register_read.READS.items():
    app.command(name)(read)
for step in register_loop.STEPS:
    app.command()(step)
