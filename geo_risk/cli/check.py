"""`geo-risk check`: every input of a configuration opened and read."""

from __future__ import annotations

from geo_risk.cli import output
from geo_risk.cli.info import say_facts
from geo_risk.cli.options import ConfigPath, Debug, Json, Sets

NAME = "check"


def command(
    config: ConfigPath,
    sets: Sets = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Open every input and read every block: type, CRS, extent, units, dates, gaps, problems with fixes."""
    from geo_risk.flow.check import check

    report = check(config, overrides=sets or [])
    if as_json:
        output.say_json(report.to_dict())
    else:
        say_facts(report.inputs)
        for what, where, fix in report.problems:
            output.say(f"problem: {what} ({where}): {fix}")
        n = len(report.problems) + sum(len(f.problems) for f in report.inputs)
        output.say(f"{len(report.inputs)} inputs, {n} problems.")
    if not report.is_good:
        output.stop(3)
