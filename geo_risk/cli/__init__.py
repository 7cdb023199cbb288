"""Commands of geo-risk, one file each; what parses them is loaded only where it is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit with 0 done, 2 config, 3 data, 4 environment, 1 a bug; errors are three lines."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get("GEO_RISK_DEBUG"))
    code = None
    if not debug:
        from geo_risk.cli import quick

        code = quick.run(words)
    if code is None:
        from geo_risk.cli.application import run_words

        code = run_words(words, debug=debug, as_json="--json" in words)
    sys.exit(code)
