"""Ways from settlements to shelters: main and backup, and what fails when roads and bridges do."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.exposure.network import (
    RoadNetwork,
    Route,
    build_network,
    edge_costs,
    exposed,
    is_connected,
    join_places,
    nearest_route,
    routes_from,
    travel_costs,
)
from geo_risk.products.params import EvacuationParams

_BACKUP_FACTOR = 5.0
"""Time on the main way counts this many times when the backup way is sought."""


@dataclass(frozen=True)
class Ways:
    """The network with settlements and shelters joined to it.

    Attributes
    ----------
    network : with exposed shares.
    costs : minutes of each edge, exposed parts counted several times.
    homes, goals : node of each settlement and shelter, -1 off the network.
    to_shelter : (settlements, shelters) least cost [min]; inf where there is no way.
    """

    network: RoadNetwork
    costs: NDArray[np.float64]
    homes: NDArray[np.int64]
    goals: NDArray[np.int64]
    to_shelter: NDArray[np.float64]


def find_ways(
    settlements: gpd.GeoDataFrame,
    shelters: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    *,
    params: EvacuationParams,
) -> Ways:
    """Join settlements and shelters to the roads and find the least cost between each two.

    Parameters
    ----------
    settlements, shelters : points. roads : lines. zones : polygons to avoid. All in one metric CRS.
    params : speeds, distances, and how much an exposed section counts.
    """
    network = build_network(roads, speed_km_h=params.speed_km_h, snap_m=params.snap_distance_m)
    places = gpd.GeoDataFrame(
        geometry=np.concatenate([settlements.geometry.to_numpy(), shelters.geometry.centroid.to_numpy()]),
        crs=settlements.crs,
    )
    network, nodes = join_places(
        network, places, max_distance_m=params.access_distance_m, walking_km_h=params.walking_km_h
    )
    network = exposed(network, zones)
    costs = edge_costs(network, exposed_factor=params.exposed_time_factor)
    homes, goals = nodes[: len(settlements)], nodes[len(settlements) :]
    return Ways(network, costs, homes, goals, travel_costs(network, costs, goals, homes).T)


def main_routes(ways: Ways, people: NDArray[np.int64]) -> dict[tuple[int, int], Route]:
    """Return the cheapest way of each pair (settlement, shelter) that carries people."""
    out: dict[tuple[int, int], Route] = {}
    for shelter in range(people.shape[1]):
        users = np.flatnonzero(people[:, shelter] > 0)
        if not len(users):
            continue
        found = routes_from(ways.network, ways.costs, int(ways.goals[shelter]), ways.homes[users])
        out.update({(int(s), shelter): route for s, route in zip(users, found, strict=True) if route is not None})
    return out


def backup_route(ways: Ways, settlement: int, main: Route | None, used: int | None) -> tuple[int, Route] | None:
    """Return the best other shelter of a settlement and a way that shares little with its main way, if there is one."""
    if ways.homes[settlement] < 0:
        return None
    costs, goals = ways.costs.copy(), ways.goals.copy()
    if main is not None:
        costs[list(main.edges)] *= _BACKUP_FACTOR
    if used is not None:
        goals[used] = -1
    return nearest_route(ways.network, costs, int(ways.homes[settlement]), goals)


def cut_off_risk(ways: Ways) -> pd.DataFrame:
    """Return for each settlement whether it loses every road to every usable shelter, and by what.

    Returns
    -------
    DataFrame with `risk`: "high": when the exposed sections fail; "medium": when also some one bridge does (`bridge`
        names the first); "low": when also all bridges do; "none": not even then; "unknown": off the network or without
        a way to begin with.
    """
    edges = ways.network.edges
    safe = edges["exposed_share"].to_numpy(dtype=np.float64) <= 0
    bridge = edges["bridge_id"].fillna("").to_numpy(dtype=object)
    has_bridge = bridge != ""
    every = np.ones(len(edges), dtype=bool)
    begins = is_connected(ways.network, every, ways.homes, ways.goals)
    without_exposed = is_connected(ways.network, safe, ways.homes, ways.goals)
    without_bridges = is_connected(ways.network, safe & ~has_bridge, ways.homes, ways.goals)
    risk = np.select([~begins, ~without_exposed, ~without_bridges], ["unknown", "high", "low"], default="none").astype(
        object
    )
    named = np.full(len(risk), None, dtype=object)
    if (risk == "low").any():
        for name in sorted(set(bridge[has_bridge])):
            left = is_connected(ways.network, safe & (bridge != name), ways.homes, ways.goals)
            hit = (risk == "low") & ~left
            risk[hit], named[hit] = "medium", name
    return pd.DataFrame({"risk": risk, "bridge": named})
