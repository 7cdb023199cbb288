"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration, a YAML file.")]
OutputPath = Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of a run.")]
TaskNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TASK]...", help='Tasks, by name or pattern ("flood*"); default all.'),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override one value of the configuration; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Lang = Annotated[str | None, typer.Option("--lang", metavar="zh|en", help="Language of labels on map, lists, report.")]
Force = Annotated[bool, typer.Option("--force", help="Also what is up to date.")]


def overrides(sets: list[str] | None, lang: str | None) -> list[str]:
    """Return the overrides of the configuration that --set and --lang ask for."""
    return [*(sets or []), *([f"language={lang}"] if lang else [])]
