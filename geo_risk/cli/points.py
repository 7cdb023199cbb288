"""`geo-risk points`: EGMS tables to one layer of points."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json

NAME = "points"


_OPTIONS = {
    "set `component: vertical` or `component: east` of this track": "give --component vertical or --component east",
    "`component: vertical` or `east`": "--component vertical or east",
    "remove `component` from this track": "leave --component out",
    "`component` of this track": "--component",
    "set `crs` of this track": "give --table-crs",
    "set the `crs` of easting and northing": "give --table-crs, the CRS of easting and northing",
}
"""Fields of a track in the configuration as options of this command."""


def _as_options(fix: str) -> str:
    for field, option in _OPTIONS.items():
        fix = fix.replace(field, option)
    return fix


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="EGMS L2a, L2b or L3 tables of one track.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Layer to write: .gpkg or .parquet.")],
    crs: Annotated[str | None, typer.Option("--crs", help="CRS of the points; that of the tables if left out.")] = None,
    series: Annotated[bool, typer.Option("--series", help="The displacements too, as columns D20190105 [mm].")] = False,
    component: Annotated[
        str | None, typer.Option("--component", help="vertical or east: of an L3 table whose name does not say it.")
    ] = None,
    table_crs: Annotated[
        str | None, typer.Option("--table-crs", help="CRS of easting and northing where it is not EPSG:3035.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Write EGMS points with velocity, its error and quality as a layer, a batch at a time."""
    from geo_risk.core.errors import ConfigError, GeoRiskError
    from geo_risk.flow.points_file import write_points_file
    from geo_risk.sources.options import TrackOptions

    if component not in (None, "vertical", "east"):
        what = f"component {component!r}; there are vertical and east"
        raise ConfigError(what, where="--component", fix="choose one of those")
    options = TrackOptions.model_validate({"component": component, "crs": table_crs})
    paths = [p.absolute() for p in files]
    try:
        facts = write_points_file(paths, out.absolute(), options=options, crs=crs, with_series=series)
    except GeoRiskError as error:
        raise type(error)(error.what, where=error.where, fix=_as_options(error.fix)) from error
    if as_json:
        output.say_json(facts)
        return
    for sentence in facts["audit"] if isinstance(facts["audit"], list) else []:
        output.say(f"- {sentence}")
    output.say(f"{facts['points']} points in {facts['crs']}, motion along {facts['component']}: {out}")
