"""`geo-risk east-up`: velocity files of several tracks to one file of east and up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output, quick
from geo_risk.cli.options import Debug, Json

NAME = "east-up"


def command(
    files: Annotated[
        list[Path], typer.Argument(metavar="VELOCITY GEOMETRY...", help="velocity.h5 and geometryGeo.h5 of each track.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="HDF5 file to write: east, up and their errors.")],
    minimum_angle_deg: Annotated[
        float, typer.Option("--minimum-angle-deg", help="Smallest angle between two looks.")
    ] = 20.0,
    units_checked: Annotated[
        bool, typer.Option("--units-checked", help="UNIT is right, however large or quiet the values are.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Decompose line-of-sight velocities of two or more tracks into east and up, north taken as zero."""
    from geo_risk.core.errors import ConfigError

    if len(files) % 2:
        what = f"{len(files)} files; a velocity and its geometry are needed for each track"
        raise ConfigError(what, where="east-up", fix="give VELOCITY GEOMETRY VELOCITY GEOMETRY")
    facts = quick.east_up(files, out, minimum_angle_deg=minimum_angle_deg, units_checked=units_checked)
    if as_json:
        output.say_json(facts)
    else:
        output.say(quick.east_up_text(facts, out))
