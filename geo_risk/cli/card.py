"""`geo-risk card`: the one-page plan of a point, zone, village or site, and the forms of its people."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json, OutputPath

NAME = "card"


class _Form(StrEnum):
    plan = "plan"
    household = "household"
    transfer = "transfer"


class _Kind(StrEnum):
    point = "point"
    zone = "zone"
    village = "village"
    site = "site"


class _Language(StrEnum):
    zh = "zh"
    en = "en"


def command(
    out: OutputPath,
    row_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a hazard point, risk zone, settlement or site.")],
    form: Annotated[
        _Form, typer.Option("--form", help="The plan, a household's card to fill in, or the list of people to move.")
    ] = _Form.plan,
    to: Annotated[Path | None, typer.Option("--to", help="File or folder; default the current folder.")] = None,
    with_contacts: Annotated[
        bool, typer.Option("--with-contacts", help="Print the names of the people responsible.")
    ] = False,
    kind: Annotated[_Kind | None, typer.Option("--kind", help="Where several things have the id.")] = None,
    lang: Annotated[_Language | None, typer.Option("--lang", help="Language; default that of the run.")] = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Write the one-page plan of a point, zone, village or site, to print on A4."""
    from geo_risk.flow.card import CardOptions, make_card

    options = CardOptions(
        form.value, lang.value if lang else None, contacts=with_contacts, kind=kind.value if kind else None
    )
    path = make_card(out, row_id, to, options)
    if as_json:
        output.say_json({"card": str(path), "id": row_id, "form": form.value})
    else:
        output.say(f"Card of {row_id}: {path}")
