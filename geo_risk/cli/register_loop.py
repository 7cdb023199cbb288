"""`geo-risk register find|assign|inspect|measure|close|overdue`: closing the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json
from geo_risk.cli.register_options import By, Contacts, Due, Ids, Lang, On, Where, Why, opened, say_versions


def find(ids: Ids, where: Where, by: By, why: Why, due: Due = None, on: On = None, as_json: Json = False,
         debug: Debug = False) -> None:  # noqa: ARG001  # fmt: skip
    """Put objects into the loop, or back into it after it was closed: found, to be assigned."""
    _step(where, ids, "find", {}, by=by, why=why, due=due, on=on, as_json=as_json)


def assign(
    ids: Ids, where: Where, by: By, why: Why,
    to: Annotated[str | None, typer.Option("--to", metavar="PERSON", help="Who is to act; a personal datum.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Unit in charge.")] = None,
    due: Due = None, on: On = None, as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:  # fmt: skip
    """Assign objects to a person or a unit, with the date by which they are to be inspected."""
    from geo_risk.core.errors import ConfigError

    if to is None and unit is None:
        raise ConfigError("assigned to nobody", where="--to, --unit", fix="give a person or a unit")  # noqa: EM101
    values = {k: v for k, v in (("loop_assignee", to), ("loop_unit", unit)) if v is not None}
    _step(where, ids, "assign", values, by=by, why=why, due=due, on=on, as_json=as_json)


def inspect(
    ids: Ids, where: Where, by: By, why: Why,
    finding: Annotated[str, typer.Option("--finding", help="What was found on site.")],
    due: Due = None, on: On = None, as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:  # fmt: skip
    """Record an inspection, and the date by which the measure is due."""
    _step(where, ids, "inspect", {"loop_finding": finding}, by=by, why=why, due=due, on=on, as_json=as_json)


def measure(
    ids: Ids, where: Where, by: By, why: Why,
    what: Annotated[str, typer.Option("--measure", help="What is done: monitoring, engineering, moving people...")],
    due: Due = None, on: On = None, as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:  # fmt: skip
    """Record the measure, and the date by which it is to be done."""
    _step(where, ids, "measure", {"loop_measure": what}, by=by, why=why, due=due, on=on, as_json=as_json)


def close(
    ids: Ids, where: Where, by: By, why: Why,
    outcome: Annotated[str, typer.Option("--outcome", help="How it ended.")],
    on: On = None, as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:  # fmt: skip
    """Close the loop: the measure is done, or the inspection found that none is needed."""
    _step(where, ids, "close", {"loop_outcome": outcome}, by=by, why=why, due=None, on=on, as_json=as_json)


def _step(where: str, ids: list[str], step: str, values: dict[str, Any], *, by: str, why: str, due: str | None,
          on: str | None, as_json: bool) -> None:  # fmt: skip
    from geo_risk.register.entry import Author
    from geo_risk.register.loop import step_values, take_step

    author = Author(by, why)
    with opened(where) as (register, place):
        days = {"find": place.rules.assign_within_days, "assign": place.rules.inspect_within_days,
                "inspect": place.rules.measure_within_days, "measure": place.rules.measure_within_days}  # fmt: skip
        made = step_values(register, step, values, due=due, on=on, days=days.get(step, 0))
        with register.writing():
            versions = take_step(register, ids, step, made, author)
    say_versions(ids, versions, as_json=as_json)


def overdue(
    where: Where,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Also as .xlsx or .csv.")] = None,
    within: Annotated[
        int, typer.Option("--within", metavar="DAYS", min=0, help="Also what is due in so many days.")
    ] = 0,
    on: On = None,
    with_contacts: Contacts = False,
    lang: Lang = "zh",
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """What is in the loop and past its date due, the gravest first; what has no date counts as overdue."""
    from geo_risk.flow.register_export import overdue_frame, write_overdue
    from geo_risk.register import loop

    with opened(where) as (register, _):
        day = loop.today(register) if on is None else loop.read_date(on, "--on")
        found = loop.overdue(register, on=day, within_days=within)
    rows = overdue_frame(found, with_contacts=with_contacts)
    if out is not None:
        write_overdue(rows, out.absolute(), language=lang)
    if as_json:
        output.say_json(
            {"on": day.isoformat(), "rows": rows.astype(object).where(rows.notna(), None).to_dict("records")}
        )
        return
    table = [tuple(None if v is None or v != v else v for v in r) for r in  # noqa: PLR0124
             rows.astype(object).where(rows.notna(), None).itertuples(index=False)]  # fmt: skip
    output.say_table(f"Overdue on {day}: {len(table)}", tuple(rows.columns), table)


STEPS = (find, assign, inspect, measure, close, overdue)
"""Commands, in the order of the loop."""
