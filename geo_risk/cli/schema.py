"""`geo-risk schema`: JSON Schema of the configuration."""

from __future__ import annotations

from geo_risk.cli import output
from geo_risk.cli.options import Debug

NAME = "schema"


def command(debug: Debug = False) -> None:  # noqa: ARG001 - read by main()
    """Print the JSON Schema of the configuration: every key with its meaning, unit, bounds, default and source."""
    from geo_risk.flow.config import Config

    output.say_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()})
