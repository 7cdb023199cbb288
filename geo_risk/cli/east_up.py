"""`geo-risk east-up`: velocity files of several tracks to one file of east and up."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output
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
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Decompose line-of-sight velocities of two or more tracks into east and up, north taken as zero."""
    from geo_risk.core.errors import ConfigError

    if len(files) % 2:
        what = f"{len(files)} files; a velocity and its geometry are needed for each track"
        raise ConfigError(what, where="east-up", fix="give VELOCITY GEOMETRY VELOCITY GEOMETRY")
    pairs = [(v.absolute(), g.absolute()) for v, g in zip(files[::2], files[1::2], strict=True)]
    # as for `velocity`: loading modules makes garbage for the collector to look through, and none to collect
    gc.disable()
    try:
        from geo_risk.flow.east_up_file import write_east_up_file

        facts = write_east_up_file(pairs, out.absolute(), minimum_angle_deg=minimum_angle_deg)
    finally:
        gc.enable()
    if as_json:
        output.say_json(facts)
    else:
        output.say(
            f"{facts['tracks']} tracks, {float(str(facts['known_share'])):.1%} of the pixels have east and up: {out}"
        )
