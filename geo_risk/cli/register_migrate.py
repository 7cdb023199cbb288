"""`geo-risk register migrate`: a register of an earlier version brought up to this one."""

from __future__ import annotations

from dataclasses import asdict

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json
from geo_risk.cli.register_options import By, Where, warn_of_network


def migrate(
    where: Where,
    by: By,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Bring a register of an earlier version up to this one: all of it is kept, and a copy as it was.

    It is done wholly or not at all; a register that is of this version already stays as it is.
    """
    from geo_risk.flow.register import find_register
    from geo_risk.flow.register_forms import migrate_register

    place = find_register(where)
    warn_of_network(place.url)
    done = migrate_register(place.url, who=by)
    if as_json:
        notes = [{"en": str(n), "zh": n.zh} for n in done.notes]
        output.say_json({**{k: v for k, v in asdict(done).items() if k != "notes"}, "notes": notes})
        return
    if done.copy is None:
        output.say(f"The register has format {done.after} already: nothing was changed.")
        return
    for note in done.notes:
        output.say(f"- {note}\n- {note.zh}")
    output.say(f"Format {done.before} -> {done.after}; entries of the history kept: {done.entries}.")
    output.say(f"As it was: {done.copy}")
    output.say("Look whether all is well: `geo-risk register verify`.")
