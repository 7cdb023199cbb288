"""Commands of geo-risk, one file each; heavy imports happen inside the commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
import typer

from geo_risk.cli import check, info, init, output, plan, run, sample, schema, score, verify
from geo_risk.core.errors import GeoRiskError

app = typer.Typer(
    name="geo-risk",
    help="From InSAR, rain, landslide and flood layers to hazard points, risk zones, priority lists and one map.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (run, plan, check, info, verify, init, sample, score, schema):
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
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.ClickException as error:
        place = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "geo-risk"
        code = output.fail("GR100", error.format_message(), place, f"see `{place} --help`", code=2, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
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
