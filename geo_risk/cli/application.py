"""All commands of geo-risk and the parser of their words; heavy imports happen inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from geo_risk.cli import (
    card,
    check,
    east_up,
    info,
    init,
    output,
    plan,
    points,
    register,
    run,
    sample,
    schema,
    score,
    velocity,
    verify,
    warn,
)

_USAGE: type[Exception] = typer.BadParameter.__mro__[1]
_CLICK: type[Exception] = typer.BadParameter.__mro__[2]
"""UsageError and ClickException of the click that Typer uses: its own copy in some versions."""

app = typer.Typer(
    name="geo-risk",
    help="From InSAR, rain, landslide and flood layers to hazard points, risk zones, priority lists and one map.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (run, warn, plan, check, info, verify, init, sample, score, schema, velocity, east_up, points, card):
    app.command(module.NAME)(module.command)
app.add_typer(register.app, name=register.NAME)


@app.callback()
def version(
    show: bool = typer.Option(False, "--version", help="Print it.", is_eager=True, callback=output.show_version),
) -> None:
    """From InSAR, rain, landslide and flood layers to hazard points, risk zones, priority lists and one map."""


def run_words(words: Sequence[str], *, debug: bool, as_json: bool) -> int:
    """Run the command that the words name; return its exit code."""

    def call() -> int:
        try:
            code = app(args=list(words), prog_name="geo-risk", standalone_mode=False)
        except _CLICK as error:
            return _usage(error, as_json=as_json)
        except typer.Abort as error:
            raise KeyboardInterrupt from error
        return code if isinstance(code, int) else 0

    return output.guarded(call, debug=debug, as_json=as_json)


def _usage(error: Exception, *, as_json: bool) -> int:
    """Print what is wrong with the words of a command; the help where there were none."""
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None) if isinstance(error, _USAGE) else None
    place = context.command_path if context is not None else "geo-risk"
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(message + "\n")
        return 2
    return output.fail("GR100", message, place, f"see `{place} --help`", code=2, as_json=as_json)
