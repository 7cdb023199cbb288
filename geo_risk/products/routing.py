"""Ways from settlements to shelters: nearest candidates, main and backup routes, and what closed sections leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, maximum_flow

from geo_risk.exposure.network import RoadNetwork, Route, build_network, divided_at, edge_costs, join_places
from geo_risk.exposure.paths import Graph, Nearest, graph_of, make_routes, nearest_goals, plain_arcs
from geo_risk.kernels.shortest import nearest_labels, second_ways
from geo_risk.products.closing import Closing, unknown_depth_shares
from geo_risk.products.leaving_zones import ways_out
from geo_risk.products.params import EvacuationParams
from geo_risk.products.transport import Pairs

_BACKUP_FACTOR = 5.0
"""Time on the main way counts this many times when the backup way is sought."""

_EARLY_MINUTES = 1000.0
"""Cost of a section that will be closed by water [min]: more than any way around it within a county."""


@dataclass(frozen=True)
class Ways:
    """The network with settlements and shelters joined to it.

    Attributes
    ----------
    network : divided at the areas, with exposed shares.
    open_costs, costs : minutes of each edge, avoided parts counted several times; closed ones as if they were open,
        and inf. early : edges that deep water closes when it comes; entering one costs `_EARLY_MINUTES`, so that no
        way takes it that has another.
    graph : the open arcs, and the ways out of closed areas for homes in them.
    homes, goals : node of each settlement and shelter, -1 off the network.
    nearest : the nearest shelters of each node.
    inside : `edge`, `area` of each piece in an area of `closing`.
    closing : the areas. unknown_km : length of roads in the bounds of a depth layer whose depth is unknown.
    is_unknown : roads of which some such part is.
    """

    network: RoadNetwork
    open_costs: NDArray[np.float64]
    costs: NDArray[np.float64]
    early: NDArray[np.bool_]
    graph: Graph
    homes: NDArray[np.int64]
    goals: NDArray[np.int64]
    nearest: Nearest
    inside: pd.DataFrame
    closing: Closing
    unknown_km: float
    is_unknown: NDArray[np.bool_]

    @cached_property
    def lengths_km(self) -> NDArray[np.float64]:
        """Length of each edge [km]."""
        return np.asarray(self.network.edges["length_m"].to_numpy(dtype=np.float64) / 1000)

    @cached_property
    def closing_h(self) -> NDArray[np.float64]:
        """Hours after the beginning of the run when water closes each early edge: the earliest, NaN if unknown."""
        out = np.full(len(self.early), np.inf)
        of = self.inside[self.closing.closes_later[self.inside["area"].to_numpy()]]
        hours = np.nan_to_num(self.closing.after_h[of["area"].to_numpy()], nan=-np.inf)
        np.minimum.at(out, of["edge"].to_numpy(), hours)
        return np.asarray(np.where(np.isfinite(out), out, np.nan), dtype=np.float64)

    @cached_property
    def without_closing(self) -> Nearest:
        """The nearest shelter of each node as if no section were closed."""
        return nearest_goals(graph_of(self.network, self.open_costs), self.goals)


def find_ways(
    settlements: gpd.GeoDataFrame,
    shelters: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    areas: Closing,
    *,
    params: EvacuationParams,
) -> Ways:
    """Join settlements and shelters to the roads and find the nearest shelters of each.

    Parameters
    ----------
    settlements, shelters : points. roads : lines. areas : which close roads or have them avoided. All in one CRS.
    params : speeds, distances, and how much an avoided section counts.
    """
    network = build_network(
        roads, speed_km_h=params.speed_km_h, snap_m=params.snap_distance_m, keep_directions=params.keep_directions
    )
    places = gpd.GeoDataFrame(
        geometry=np.concatenate([settlements.geometry.to_numpy(), shelters.geometry.centroid.to_numpy()]),
        crs=settlements.crs,
    )
    network, nodes = join_places(
        network, places, max_distance_m=params.access_distance_m, walking_km_h=params.walking_km_h
    )
    network, inside = divided_at(network, areas.shapes)
    unknown, _ = unknown_depth_shares(network.edges, areas.water)
    minutes = edge_costs(network, exposed_factor=params.exposed_time_factor)
    minutes = minutes * (1 + (params.unknown_depth_factor - 1) * unknown)
    early = np.zeros(len(minutes), dtype=bool)
    shuts = areas.closes
    if params.before_closing:
        early[inside["edge"].to_numpy()[areas.closes_later[inside["area"].to_numpy()]]] = True
        minutes = minutes + np.where(early, _EARLY_MINUTES, 0.0)
        shuts = areas.closes & ~areas.closes_later
    shut = inside[shuts[inside["area"].to_numpy()]]
    costs = minutes.copy()
    costs[shut["edge"].to_numpy()] = np.inf
    homes, goals = nodes[: len(settlements)], nodes[len(settlements) :]
    out = ways_out(network, minutes, shut, areas.shapes, shuts, homes)
    graph = graph_of(network, costs, out)
    near = nearest_goals(graph, goals, k=params.n_candidates)
    length = network.edges["length_m"].to_numpy(dtype=np.float64)
    is_road = (network.edges["road_class"] != "footpath").fillna(value=True).to_numpy(dtype=bool)
    km = float((length * unknown)[is_road].sum()) / 1000
    unsure = (unknown > 0) & is_road
    return Ways(network, minutes, costs, early, graph, homes, goals, near, inside, areas, km, unsure)


@dataclass(frozen=True)
class RoadOffers:
    """What shelters cost some of the settlements, in minutes along the roads (`assignment.Offers`).

    Attributes
    ----------
    ways : the network. rows : the settlements, as positions in `ways.homes`.
    """

    ways: Ways
    rows: NDArray[np.int64]

    @property
    def _homes(self) -> NDArray[np.int64]:
        return self.ways.homes[self.rows]

    def nearest(self, k: int) -> Pairs:
        """Return the k cheapest shelters of each settlement."""
        found, homes = self.ways.nearest, self._homes
        on = np.flatnonzero(homes >= 0)
        cost, goal = found.cost[homes[on], :k], found.goal[homes[on], :k]
        row, slot = np.nonzero(np.isfinite(cost))
        return Pairs(on[row], goal[row, slot].astype(np.int64), cost[row, slot])

    def cheapest(self, price: NDArray[np.float64], k: int = 1) -> Pairs:
        """Return the k shelters of least cost plus price of each settlement: one search, a start for each shelter."""
        homes = self._homes
        found = nearest_goals(self.ways.graph, self.ways.goals, k=k, offsets=price)
        on = np.flatnonzero(homes >= 0)
        row, slot = np.nonzero(np.isfinite(found.cost[homes[on]]))
        goal = found.goal[homes[on[row]], slot].astype(np.int64)
        return Pairs(on[row], goal, np.maximum(0.0, found.cost[homes[on[row]], slot] - price[goal]))

    def highest_cost(self) -> float:
        """Return a bound of the costs: over one shelter of each piece of the network; if that fails, all roads."""
        graph, homes, goals = self.ways.graph, self._homes, self.ways.goals
        homes, at = homes[homes >= 0], goals[goals >= 0]
        if not len(homes) or not len(at) or not len(graph.number):
            return 0.0
        n = graph.n_nodes
        arcs = csr_array((np.ones(len(graph.tail), dtype=np.int8), (graph.tail, graph.head)), shape=(n, n))
        _, piece = connected_components(arcs, directed=False)
        hubs = at[np.unique(piece[at], return_index=True)[1]]
        zero = np.zeros(len(hubs))
        to_hub = nearest_labels(*graph.into, hubs, zero, 1)[0][:, 0]
        from_hub = nearest_labels(*graph.out_of, hubs, zero, 1)[0][:, 0]
        homes = homes[np.isfinite(self.ways.nearest.cost[homes, 0])]
        bound = float(to_hub[homes].max(initial=0.0) + from_hub[at].max(initial=0.0))
        return bound if np.isfinite(bound) else float(graph.cost.sum())


def main_routes(
    ways: Ways, settlement: NDArray[np.int64], shelter: NDArray[np.int64]
) -> tuple[dict[tuple[int, int], Route], Mapping[tuple[int, int], NDArray[np.int64]]]:
    """Return the cheapest way of each pair of a settlement (position in `ways.homes`) and a shelter, and its arcs."""
    homes = ways.homes[settlement]
    slot = np.argmax(ways.nearest.goal[homes] == shelter[:, None], axis=1)
    has = ways.nearest.goal[homes, slot] == shelter
    order, parts, counts = [], [], []

    def add(members: NDArray[np.int64], found: Nearest, slots: NDArray[np.int64]) -> None:
        arcs, begins = found.arcs(homes[members], slots)
        order.append(members)
        parts.append(arcs)
        counts.append(np.diff(begins))

    add(np.flatnonzero(has), ways.nearest, slot[has])
    for j in np.unique(shelter[~has]):
        members = np.flatnonzero(~has & (shelter == j))
        add(members, nearest_goals(ways.graph, ways.goals[[j]]), np.zeros(len(members), dtype=np.int64))
    which, arcs = np.concatenate(order), np.concatenate(parts)
    begins = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    made = make_routes(ways.network, ways.graph, arcs, begins, homes[which])
    keys = [(int(settlement[p]), int(shelter[p])) for p in which]
    return dict(zip(keys, made, strict=True)), {k: arcs[begins[i] : begins[i + 1]] for i, k in enumerate(keys)}


def backup_routes(
    ways: Ways, settlement: NDArray[np.int64], used: NDArray[np.int64], arcs: list[NDArray[np.int64]]
) -> list[tuple[int, Route] | None]:
    """Return the best other shelter of each settlement and a way that shares little with its main way, if there is one.

    Parameters
    ----------
    settlement : positions in `ways.homes`. used : main shelter of each, -1 for none. arcs : of the main ways.
    """
    goal_of = np.full(ways.graph.n_nodes, -1, dtype=np.int64)
    on = np.flatnonzero(ways.goals >= 0)
    goal_of[ways.goals[on]] = on
    begins = np.concatenate([[0], np.cumsum([len(a) for a in arcs])]).astype(np.int64)
    flat = np.concatenate([*arcs, np.array([], dtype=np.int64)]).astype(np.int64)
    homes = ways.homes[settlement]
    goal, found, at = second_ways(
        *ways.graph.out_of, homes, goal_of, used.astype(np.int64), flat, begins, _BACKUP_FACTOR
    )
    made = make_routes(ways.network, ways.graph, found, at, np.maximum(homes, 0))
    return [(int(g), r) if g >= 0 else None for g, r in zip(goal, made, strict=True)]


def blocking(ways: Ways, settlement: int) -> tuple[str, ...]:
    """Return the names of the closed areas on the way a settlement would take if nothing were closed; () if none."""
    node, found = int(ways.homes[settlement]), ways.without_closing
    if node < 0 or not np.isfinite(found.cost[node, 0]):
        return ()
    arcs, begins = found.arcs(np.array([node]), np.zeros(1, dtype=np.int64))
    edges = plain_arcs(found.graph, arcs, begins)[0] // 2
    area = ways.inside["area"].to_numpy()[ways.inside["edge"].isin(edges).to_numpy()]
    return tuple(sorted({str(n) for n in ways.closing.name[area[ways.closing.closes[area]]]}))


def placeable(ways: Ways, rows: NDArray[np.int64], demand: NDArray[np.int64], capacity: NDArray[np.int64]) -> int:
    """Return how many people can have a place at all: the maximum flow along the open roads, whatever the time.

    Within a part of the network in which every place reaches every other (a strong component) all roads are one node,
    so that the flow runs over few arcs. It knows nothing of the assignment, and so checks it.
    """
    graph, homes, goals = ways.graph, ways.homes[rows], ways.goals
    n = graph.n_nodes
    arcs = csr_array((np.ones(len(graph.tail), dtype=np.int8), (graph.tail, graph.head)), shape=(n, n))
    count, part = connected_components(arcs, directed=True, connection="strong")
    tail, head = part[graph.tail], part[graph.head]
    links = np.unique(np.column_stack([tail, head])[tail != head], axis=0)
    most = int(min(demand.sum(), capacity.sum()))
    people = _sums(part, homes, demand, count)
    places = _sums(part, goals, capacity, count)
    source, sink = count, count + 1
    start, end = np.flatnonzero(people), np.flatnonzero(places)
    table: list[Any] = [
        np.concatenate([np.minimum(people[start], most), np.full(len(links), most), np.minimum(places[end], most)]),
        np.concatenate([np.full(len(start), source), links[:, 0], end]),
        np.concatenate([start, links[:, 1], np.full(len(end), sink)]),
    ]
    flow = csr_array((table[0].astype(np.int32), (table[1], table[2])), shape=(count + 2, count + 2))
    return int(maximum_flow(flow, source, sink).flow_value)


def _sums(
    part: NDArray[np.int32], nodes: NDArray[np.int64], values: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    out = np.zeros(count, dtype=np.int64)
    on = nodes >= 0
    np.add.at(out, part[nodes[on]], values[on])
    return out
