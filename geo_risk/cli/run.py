"""`geo-risk run`: from data to map."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import ConfigPath, Debug, Force, Json, Lang, Sets, TaskNames, overrides

if TYPE_CHECKING:
    from geo_risk.flow.run import RunReport

NAME = "run"


def command(
    config: ConfigPath,
    tasks: TaskNames = None,
    sets: Sets = None,
    force: Force = False,
    scheduler: Annotated[str | None, typer.Option(metavar="tcp://HOST:PORT", help="Running Dask scheduler.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes of a local Dask cluster.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Memory of one worker, such as 4GB.")] = None,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Start the Dask dashboard and print where.")] = False,
    lang: Lang = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Run what is not up to date, and publish it."""
    from geo_risk.cli.progress import Progress
    from geo_risk.flow.cluster import ClusterChoice
    from geo_risk.flow.run import run

    asked = scheduler or workers or memory_limit or dashboard
    choice = ClusterChoice(scheduler, workers, memory_limit, dashboard) if asked else None
    # on a terminal a live table on stderr; else lines on stdout, so that an error is three lines on stderr and no more
    stream = sys.stderr if sys.stderr.isatty() else None if as_json else sys.stdout
    with Progress(stream) as progress:
        report = run(config, overrides=overrides(sets, lang), names=tasks or (), force=force, choice=choice,
                     observe=progress.observe)  # fmt: skip
    if as_json:
        output.say_json(report.to_dict())
        return
    _say(report)


def _say(report: RunReport) -> None:
    ran, all_tasks = len(report.ran), len(report.tasks)
    if report.leftovers:
        output.say(f"Removed {report.leftovers} temporary files of a run that was cut short.")
    if not ran and not report.published:
        output.say(f"Nothing to do: all {all_tasks} tasks are up to date ({report.seconds:.1f} s).")
    else:
        output.say(f"{ran} of {all_tasks} tasks ran, {all_tasks - ran} were up to date ({report.seconds:.1f} s).")
    if report.omissions:
        missing = sorted({need for o in report.omissions for need in o.needs})
        output.say(f"{len(report.omissions)} tasks were left out for want of: {', '.join(missing)}")
    if not report.is_complete:
        output.say("Only the tasks named ran; nothing was published. Run without task names to publish.")
        return
    page = report.output / "map.html"
    output.say(f"Map:    {page}" if page.exists() else f"Output: {report.output}")
