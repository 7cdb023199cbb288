"""Commands of geo-risk, one file each; heavy imports happen inside the commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from geo_risk.cli import check, east_up, info, init, output, plan, run, sample, schema, score, velocity, verify
from geo_risk.core.errors import GeoRiskError

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
for module in (run, plan, check, info, verify, init, sample, score, schema, velocity, east_up):
    app.command(module.NAME)(module.command)


@app.callback()
def version(
    show: bool = typer.Option(False, "--version", help="Print it.", is_eager=True, callback=output.show_version),
) -> None:
    """From InSAR, rain, landslide and flood layers to hazard points, risk zones, priority lists and one map."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit with 0 done, 2 config, 3 data, 4 environment, 1 a bug; errors are three lines."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get("GEO_RISK_DEBUG"))
    as_json = "--json" in words
    try:
        code = app(args=words, prog_name="geo-risk", standalone_mode=False)
    except _CLICK as error:
        code = _usage(error, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        code = output.fail("GR400", "stopped by the user", "geo-risk", "run it again: it goes on where it stopped",
                           code=4, as_json=as_json)  # fmt: skip
    except GeoRiskError as error:
        if debug:
            raise
        code = output.fail(error.code, error.what, error.where, error.fix, code=error.exit_code, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        code = output.bug(error, as_json=as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Exception, *, as_json: bool) -> int:
    """Print what is wrong with the words of a command; the help where there were none."""
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None) if isinstance(error, _USAGE) else None
    place = context.command_path if context is not None else "geo-risk"
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(message + "\n")
        return 2
    return output.fail("GR100", message, place, f"see `{place} --help`", code=2, as_json=as_json)
