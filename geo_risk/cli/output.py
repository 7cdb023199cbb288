"""What the commands print: JSON on stdout, tables, and errors as three lines on stderr."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from geo_risk import __version__
from geo_risk.core.errors import GeoRiskError


def show_version(show: bool) -> None:
    """Print the version and stop."""
    import typer

    if show:
        sys.stdout.write(f"{__version__}\n")
        raise typer.Exit


def say(text: str) -> None:
    """Print a line on stdout."""
    sys.stdout.write(text + "\n")


def say_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    import json

    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n")


def say_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on stdout; outside a terminal it is as wide as it needs."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 220, highlight=False)
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def fail(code_text: str, what: str, where: str, fix: str, *, code: int, as_json: bool) -> int:
    """Print an error as three lines on stderr (and as the JSON document, where one is due); return the exit code."""
    first, second, third = (" ".join(str(text).split()) for text in (what, where, fix))
    sys.stderr.write(f"[{code_text}] {first}\n  where: {second}\n  fix:   {third}\n")
    if as_json:
        say_json({"error": {"code": code_text, "what": what, "where": where, "fix": fix, "exit_code": code}})
    return code


def guarded(call: Callable[[], int], *, debug: bool = False, as_json: bool = False) -> int:
    """Return the exit code of a call; print what it raises as three lines, unless the traceback is asked for."""
    try:
        return call()
    except KeyboardInterrupt:
        return fail("GR400", "stopped by the user", "geo-risk", "run it again: it goes on where it stopped",
                    code=4, as_json=as_json)  # fmt: skip
    except GeoRiskError as error:
        if debug:
            raise
        return fail(error.code, error.what, error.where, error.fix, code=error.exit_code, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        return bug(error, as_json=as_json)


def bug(error: Exception, *, as_json: bool) -> int:
    """Print an unexpected error as three lines; a full disk and the like are environment, not bugs."""
    import traceback

    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        place = str(error.filename or "the disk")
        return fail("GR400", str(error), place, "free space, or choose another `output`", code=4, as_json=as_json)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f"{last[0].filename}, line {last[0].lineno}" if last else "geo_risk"
    notes = "; ".join(getattr(error, "__notes__", []))
    what = f"{type(error).__name__}: {error}" + (f" ({notes})" if notes else "")
    fix = "this is a bug: run with --debug and report what it prints"
    return fail("GR000", what, place, fix, code=1, as_json=as_json)


def stop(code: int) -> NoReturn:
    """Leave with an exit code."""
    import typer

    raise typer.Exit(code)
