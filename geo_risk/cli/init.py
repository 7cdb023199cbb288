"""`geo-risk init`: a working folder with pipelines, configs, notebooks and the demo data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug

NAME = "init"


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to fill; files that are there stay.")],
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Fill a working folder with pipelines, configs, notebooks and the demo data, to edit."""
    from geo_risk.flow.workspace import fill

    written, kept = fill(folder)
    output.say(f"{written} files written to {folder}" + (f", {kept} that were there left as they are" if kept else ""))
    output.say(f"Next: geo-risk run {folder / 'configs' / 'demo.yaml'}")
