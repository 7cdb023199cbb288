"""`geo-risk score`: a run against a truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json

NAME = "score"


def command(
    folders: Annotated[list[Path], typer.Argument(metavar="OUT TRUTH [OUT TRUTH]...", help="Runs with their truths.")],
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Compare runs with what is true; several pairs are pooled. The best possible figure stands beside each."""
    from geo_risk.score.pooled import pairs_of, score_runs

    result = score_runs(pairs_of(folders))
    if as_json:
        output.say_json(result.to_dict())
        return
    rows = [(r.part, r.figure, r.text, r.ceiling_text, r.meaning) for r in result.rows()]
    output.say_table("Score", ("part", "figure", "value", "ceiling", "meaning"), rows)
    for note in result.notes:
        output.say(note)
