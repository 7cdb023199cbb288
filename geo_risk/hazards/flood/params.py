"""Parameters of the flood hazard."""

from __future__ import annotations

from geo_risk.core.params import Params


class FloodParams(Params):
    """How flood depth and hazard are computed."""
