"""`geo-risk velocity`: one series file to one velocity file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo_risk.cli import output, quick
from geo_risk.cli.options import Debug, Json

if TYPE_CHECKING:
    from geo_risk.flow.velocity_file import VelocityFileOptions

NAME = "velocity"


def command(
    series: Annotated[Path, typer.Argument(metavar="SERIES", help="MintPy timeseries.h5; gaps are welcome.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Velocity file to write, MintPy's layout.")],
    annual: Annotated[bool, typer.Option("--annual", help="A yearly term beside the trend.")] = False,
    acceleration: Annotated[bool, typer.Option("--acceleration", help="A quadratic term.")] = False,
    step: Annotated[
        list[datetime] | None, typer.Option("--step", formats=["%Y-%m-%d", "%Y%m%d"], help="Date of an offset.")
    ] = None,
    time_axis: Annotated[
        str, typer.Option("--time-axis", help="julian_year, or calendar_year as MintPy counts.")
    ] = "julian_year",
    minimum_dates: Annotated[int, typer.Option("--minimum-dates", min=3, help="Fewest dates of a pixel.")] = 3,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="Threads that fit.")] = 2,
    units_checked: Annotated[
        bool, typer.Option("--units-checked", help="UNIT is right, however large or quiet the values are.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Fit velocity and its standard error (of independent dates) to a series file, by plain least squares."""
    with quick.no_garbage():
        options = _options(annual, acceleration, step, time_axis, minimum_dates, threads, units_checked)
    facts = quick.velocity(series, out, options)
    if as_json:
        output.say_json(facts)
    else:
        output.say(quick.velocity_text(facts, out))


def _options(
    annual: bool,
    acceleration: bool,
    step: list[datetime] | None,
    time_axis: str,
    minimum_dates: int,
    threads: int,
    units_checked: bool,
) -> VelocityFileOptions:
    import numpy as np

    from geo_risk.core.errors import ConfigError
    from geo_risk.flow.velocity_file import VelocityFileOptions
    from geo_risk.kernels.motion import TIME_AXES

    if time_axis not in TIME_AXES:
        what = f"time axis {time_axis!r}; there are {', '.join(TIME_AXES)}"
        raise ConfigError(what, where="--time-axis", fix="choose one of those")
    steps = tuple(np.datetime64(s.date(), "D") for s in step or [])
    return VelocityFileOptions(annual, acceleration, steps, time_axis, minimum_dates, threads, units_checked)
