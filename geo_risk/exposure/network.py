"""The road network as its users know it: built from lines, joined with places, searched, and broken."""

from __future__ import annotations

from geo_risk.exposure.failing import is_connected, single_failures
from geo_risk.exposure.joining import divided_at, exposed, join_places
from geo_risk.exposure.paths import Route, nearest_goals, nearest_route, routes_from, travel_costs
from geo_risk.exposure.roads import EDGE_COLUMNS, RoadNetwork, build_network, edge_costs

__all__ = [
    "EDGE_COLUMNS", "RoadNetwork", "Route", "build_network", "divided_at", "edge_costs", "exposed", "is_connected",
    "join_places", "nearest_goals", "nearest_route", "routes_from", "single_failures", "travel_costs",
]  # fmt: skip
