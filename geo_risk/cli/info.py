"""`geo-risk info`: what a file is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json

if TYPE_CHECKING:
    from geo_risk.sources.checks import FileFacts

NAME = "info"


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, or folders of dated GeoTIFFs.")],
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Say what files are: InSAR or rainfall product, CRS, extent, units, sign, dates, gaps."""
    from geo_risk.sources.checks import inspect_file

    facts = [inspect_file(path.absolute()) for path in files]
    if as_json:
        output.say_json({"files": [f.to_dict() for f in facts]})
    else:
        say_facts(facts)
    if any(f.problems for f in facts):
        output.stop(3)


def say_facts(facts: Sequence[FileFacts]) -> None:
    """Print what was found, a row a file, then notes and problems."""
    rows = [
        (f.key or Path(f.path).name, f.type, f.product, f.crs, " ".join(f"{v:g}" for v in f.extent), f.resolution,
         f.size, f.units, f.dates, "" if f.nodata_share is None else f"{f.nodata_share:.1%}", len(f.problems) or "")
        for f in facts
    ]  # fmt: skip
    columns = ("input", "type", "product", "CRS", "extent", "cell", "size", "units", "dates", "no data", "problems")
    output.say_table("Inputs", columns, rows)
    for f in facts:
        name = f.key or Path(f.path).name
        for note in f.notes:
            output.say(f"{name}: {note}")
        for what, fix in f.problems:
            output.say(f"{name}: PROBLEM: {what}\n  fix: {fix}")
