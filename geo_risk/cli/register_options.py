"""Options and openings that the commands of the register share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo_risk.cli import output

if TYPE_CHECKING:
    from geo_risk.flow.register import Place
    from geo_risk.products.register_merging import MergeRules
    from geo_risk.register.store import Register

Where = Annotated[
    str,
    typer.Option(
        "--register", "-r", envvar="GEO_RISK_REGISTER", metavar="CONFIG|URL|FILE",
        help="A configuration with `register.url`, an address (sqlite:///F.gpkg, postgresql://...), or a .gpkg file.",
    ),
]  # fmt: skip
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides; kept in the history.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why; kept in the history.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of objects of the register.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Proposals (P-000012), or objects: all that is open.")
]
Kind = Annotated[
    str | None, typer.Option("--kind", help="All of one kind: new, changed, revived, dormant, cancel, edit.")
]
All = Annotated[bool, typer.Option("--all", help="All that is open (of --kind, where one is given).")]
New = Annotated[bool, typer.Option("--new", help="Make the register where there is none.")]
Counts = Annotated[
    str | None,
    typer.Option(
        "--counts", metavar="larger|sum|kept",
        help="How a merge joins people, households and assets that differ: larger (the same people counted twice), sum "
        "(different people), kept (the figures of the one that stays).",
    ),
]  # fmt: skip
Contacts = Annotated[bool, typer.Option("--with-contacts", help="Also the fields that name persons.")]
Due = Annotated[str | None, typer.Option("--due", metavar="DATE", help="Date due of the next step: 2026-08-31.")]
On = Annotated[str | None, typer.Option("--on", metavar="DATE", help="Day of the step; default today.")]
Version = Annotated[
    int | None, typer.Option("--version-seen", metavar="N", help="Version that you saw: an error where it is another.")
]
Lang = Annotated[str, typer.Option("--lang", metavar="zh|en", help="Language of labels and reasons.")]


@contextmanager
def opened(where: str, *, new_crs: str | None = None) -> Iterator[tuple[Register, Place]]:
    """Open the register that a word names; make it first where a CRS for a new one is given."""
    from geo_risk.flow.register import find_register
    from geo_risk.flow.register_forms import make_register
    from geo_risk.register.store import Register

    place = find_register(where)
    if new_crs is not None:
        make_register(place.url, crs=new_crs)
    warn_of_network(place.url)
    with Register.open(place.url) as register:
        yield register, place


def warn_of_network(url: str) -> None:
    """Say on stderr that a register in a file lies on a network drive."""
    import sys

    if not url.startswith("sqlite:///"):
        return
    from geo_risk.register.sqlite import network_type

    kind = network_type(Path(url.removeprefix("sqlite:///")))
    if kind is not None:
        sys.stderr.write(f"warning: the register lies on a network drive ({kind}). One machine at a time; for several "
                         "use PostgreSQL, see docs/register.md\n")  # fmt: skip


def merge_rules(counts: str | None, place: Place) -> MergeRules:
    """Return how a merge joins counts."""
    from geo_risk.core.errors import ConfigError
    from geo_risk.products.register_merging import CHOICES, MergeRules

    if counts is not None and counts not in CHOICES:
        what = f"--counts is {counts!r}; one of {', '.join(CHOICES)} needed"
        raise ConfigError(what, where="--counts", fix="larger: the same people; sum: different people; kept: as it is")
    return MergeRules(counts, place.risk)


def versions_seen(ids: list[str], seen: int | None) -> dict[str, int]:
    """Return the version that was seen, by id."""
    from geo_risk.core.errors import ConfigError

    if seen is not None and len(ids) != 1:
        raise ConfigError("--version-seen goes with one id", where="--version-seen", fix="name one object")  # noqa: EM101
    return {} if seen is None else {ids[0]: seen}


def say_versions(ids: list[str], versions: list[int], *, as_json: bool) -> None:
    """Print the versions of objects after a change."""
    rows = dict(zip(dict.fromkeys(ids), versions, strict=True))
    if as_json:
        output.say_json({"versions": rows})
        return
    output.say("; ".join(f"{i}: version {n}" for i, n in rows.items()))
