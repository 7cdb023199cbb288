"""`geo-risk warn`: what a new forecast changes, on the static layers of a finished run."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import ConfigPath, Debug, Json, Lang, Sets, overrides

if TYPE_CHECKING:
    from geo_risk.flow.warn import WarnReport

NAME = "warn"


def command(
    config: ConfigPath,
    forecast: Annotated[
        list[str],
        typer.Option(
            "--forecast", metavar="FILE[@TIME]", help="Forecast, with its own issue time where it was issued earlier "
            "and does not say so; may be repeated.",
        ),
    ],
    issued: Annotated[
        str, typer.Option("--issued", metavar="TIME", help="Issue time with its zone: 2024-07-25T02:00:00Z.")
    ],
    again: Annotated[
        bool, typer.Option("--again", help="Make an issue though a later one stands: marked so, and without a message.")
    ] = False,
    sets: Sets = None,
    lang: Lang = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:  # fmt: skip
    """Renew the warnings and what follows from them; everything else stays as the last run made it."""
    from geo_risk.cli.progress import Progress
    from geo_risk.flow.warn import warn

    stream = sys.stderr if sys.stderr.isatty() else None if as_json else sys.stdout
    with Progress(stream) as progress:
        report = warn(config, forecasts=forecast, issued=_time(issued), overrides=overrides(sets, lang),
                      again=again, observe=progress.observe)  # fmt: skip
    if as_json:
        output.say_json(report.to_dict())
        return
    _say(report)


def _time(text: str) -> datetime:
    from geo_risk.core.errors import TimeError

    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        what = f"{text!r} is no ISO time"
        raise TimeError(what, where="--issued", fix="write for example 2024-07-25T02:00:00Z") from error


def _say(report: WarnReport) -> None:
    rows = [(f"{s['hours']} h", s["issued"], s["until"], s["forecast"] or "no forecast: level unknown")
            for s in report.stages]  # fmt: skip
    output.say_table("Stages", ("stage", "issued", "until", "forecast"), rows)
    if report.unused:
        why = "newer ones hold the same hours, or each leaves out some hour of every stage"
        output.say(f"No stage stands on {', '.join(report.unused)}: {why}.")
    changes = ", ".join(f"{k} {n}" for k, n in report.changes.items()) or "none"
    output.say(f"Warnings of places: {changes}. Earlier issue: {report.previous or 'none'}.")
    if report.later:
        output.say(f"Made again: issue {report.later[-1]} is later. No message was made; the bulletin says so.")
    output.say(f"Renewed {len(report.renewed)} products ({report.seconds:.1f} s).")
    if report.kept_rain:
        output.say(f"Left as of {report.kept_since}: {', '.join(report.kept_rain)}.")
    page = report.output / "map.html"
    output.say(f"Map:    {page}" if page.exists() else f"Output: {report.output}")
