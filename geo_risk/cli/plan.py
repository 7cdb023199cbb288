"""`geo-risk plan`: what a run would do, and why."""

from __future__ import annotations

from geo_risk.cli import output
from geo_risk.cli.options import ConfigPath, Debug, Force, Json, Lang, Sets, TaskNames, overrides

NAME = "plan"


def command(
    config: ConfigPath,
    tasks: TaskNames = None,
    sets: Sets = None,
    force: Force = False,
    lang: Lang = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """List the tasks in order, with why each would run or be skipped, and what would be left out."""
    from geo_risk.flow.estimate import estimate
    from geo_risk.flow.run import plan_run

    chosen = overrides(sets, lang)
    report = plan_run(config, overrides=chosen, names=tasks or (), force=force)
    guess = estimate(config, overrides=chosen, tasks=report.tasks)
    if as_json:
        output.say_json({**report.to_dict(), "estimate": guess.to_dict()})
        return
    rows = [(t.name, t.outcome, "; ".join(t.reasons)) for t in report.tasks]
    output.say_table(f"Plan of {report.name}", ("task", "outcome", "why"), rows)
    for omission in report.omissions:
        makes, needs = ", ".join(omission.products), ", ".join(omission.needs)
        output.say(f"left out: {omission.step} (makes {makes}): needs {needs}")
    output.say(guess.sentence())
