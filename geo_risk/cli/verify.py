"""`geo-risk verify`: the outputs against the manifest."""

from __future__ import annotations

from geo_risk.cli import output
from geo_risk.cli.options import Debug, Json, OutputPath

NAME = "verify"


def command(
    out: OutputPath,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by main()
) -> None:
    """Hash the outputs again, open each one, and compare both with the manifest."""
    from geo_risk.flow.verify import verify

    rows = verify(out)
    bad = [r for r in rows if r.state in ("missing", "changed", "unreadable")]
    if as_json:
        files = [{"path": r.path, "state": r.state, "detail": r.detail} for r in rows]
        output.say_json({"clean": not bad, "files": files})
    else:
        shown = [r for r in rows if r.state != "ok"]
        if shown:
            output.say_table(str(out), ("file", "state", "detail"), [(r.path, r.state, r.detail) for r in shown])
        good = sum(r.state == "ok" for r in rows)
        output.say(f"Clean: {good} files are what the manifest says." if not bad else f"{len(bad)} files are not.")
    if bad:
        output.stop(3)
