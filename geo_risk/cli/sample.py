"""`geo-risk sample`: the seeded demo county."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug

NAME = "sample"


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.")],
    size: Annotated[int, typer.Option(min=100, max=20_000, help="Cells of 30 m along a side.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed; the same seed gives the same county.")] = 7,
    insar_resolution: Annotated[int, typer.Option(min=30, max=600, help="Cell of the InSAR grid [m].")] = 60,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Write a demo county of any size, with config.yaml ready to run and its truth in truth/."""
    from geo_risk.sample.county import make_county

    make_county(folder, size=size, seed=seed, insar_resolution_m=insar_resolution)
    output.say(f"Written to {folder}. Next: geo-risk run {folder / 'config.yaml'}")
