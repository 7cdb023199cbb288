"""Ways along the road network: costs, routes, and the nearest of many goals for many places at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_risk.exposure.dividing import MIN_MINUTES
from geo_risk.exposure.roads import RoadNetwork
from geo_risk.kernels.shortest import nearest_labels, trace


@dataclass(frozen=True)
class Route:
    """A way along the network: edges in order, their length, exposed length [km] and time [min], and its line."""

    edges: tuple[int, ...]
    km: float
    exposed_km: float
    minutes: float
    line: shapely.LineString


@dataclass(frozen=True)
class Shortcut:
    """A way found before, that stands in the graph as one arc: from a node to a node over arcs, at a cost [min]."""

    tail: int
    head: int
    cost: float
    arcs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The open arcs of a network: each edge has the arcs 2 e (along its line) and 2 e + 1 (against it).

    Attributes
    ----------
    n_nodes : of the network. number, tail, head, cost : (arcs,) each open arc; shortcuts have numbers from
        2 * edges on.
    """

    n_nodes: int
    number: NDArray[np.int64]
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    cost: NDArray[np.float64]
    n_edges: int
    shortcuts: Sequence[Shortcut] = field(default_factory=tuple)

    @cached_property
    def into(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
        """The arcs by the node they lead to: first, tails, numbers, costs."""
        return _by(self.head, self.tail, self)

    @cached_property
    def out_of(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
        """The arcs by the node they start from: first, heads, numbers, costs."""
        return _by(self.tail, self.head, self)

    @cached_property
    def head_of(self) -> NDArray[np.int32]:
        """The node to which each number leads; -1 for closed arcs."""
        out = np.full(2 * self.n_edges + len(self.shortcuts), -1, dtype=np.int32)
        out[self.number] = self.head
        return out

    @cached_property
    def tail_of(self) -> NDArray[np.int32]:
        """The node from which each number starts; -1 for closed arcs."""
        out = np.full(2 * self.n_edges + len(self.shortcuts), -1, dtype=np.int32)
        out[self.number] = self.tail
        return out


def _by(
    key: NDArray[np.int32], other: NDArray[np.int32], graph: Graph
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
    order = np.argsort(key, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=graph.n_nodes))]).astype(np.int64)
    return first, other[order], graph.number[order], graph.cost[order]


def graph_of(network: RoadNetwork, costs: NDArray[np.float64], shortcuts: Sequence[Shortcut] = ()) -> Graph:
    """Return the open arcs of a network.

    Parameters
    ----------
    costs : [min] of each edge, both ways; inf closes it, NaN too. Loops are left out: no way needs them.
    shortcuts : further arcs.
    """
    edges = network.edges
    start, end = (edges[c].to_numpy(dtype=np.int32) for c in ("start", "end"))
    way = edges["direction"].to_numpy(dtype=np.int8)
    open_ = np.isfinite(costs) & (start != end)
    along, against = np.flatnonzero(open_ & (way >= 0)), np.flatnonzero(open_ & (way <= 0))
    number = np.concatenate([2 * along, 2 * against + 1])
    order = np.argsort(number)
    tail, head = np.concatenate([start[along], end[against]]), np.concatenate([end[along], start[against]])
    cost = np.maximum(np.concatenate([costs[along], costs[against]]), MIN_MINUTES)
    parts = [number[order], tail[order], head[order], cost[order]]
    if shortcuts:
        more = (2 * len(edges) + np.arange(len(shortcuts)), [s.tail for s in shortcuts],
                [s.head for s in shortcuts], [max(s.cost, MIN_MINUTES) for s in shortcuts])  # fmt: skip
        parts = [np.concatenate([a, np.asarray(b, dtype=a.dtype)]) for a, b in zip(parts, more, strict=True)]
    return Graph(network.n_nodes, parts[0], parts[1], parts[2], parts[3], len(edges), tuple(shortcuts))


@dataclass(frozen=True)
class Nearest:
    """The k nearest goals of every node, and the ways to them.

    Attributes
    ----------
    graph : searched. cost : (nodes, k) [min], inf where there is no k-th. goal : (nodes, k), -1 there.
    step, slot : of `kernels.shortest.nearest_labels`.
    """

    graph: Graph
    cost: NDArray[np.float64]
    goal: NDArray[np.int32]
    step: NDArray[np.int64]
    slot: NDArray[np.int16]

    def arcs(self, nodes: NDArray[np.int64], slots: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the arcs of the ways from nodes to their goals in `slots`, and where each way begins."""
        found = trace(
            np.asarray(nodes, np.int64), np.asarray(slots, np.int64), self.step, self.slot, self.graph.head_of
        )
        return found[0], found[1]


def nearest_goals(
    graph: Graph, goals: NDArray[np.int64], *, k: int = 1, offsets: NDArray[np.float64] | None = None
) -> Nearest:
    """Find the k goals that are cheapest to reach from every node, by one search against the arcs.

    Parameters
    ----------
    goals : node of each goal, -1 off the network. offsets : what each goal adds to the cost [min]; inf leaves it out.
    """
    first, tail, number, cost = graph.into
    extra = np.zeros(len(goals)) if offsets is None else np.asarray(offsets, dtype=np.float64)
    k = max(1, min(k, len(goals)))
    found = nearest_labels(first, tail, number, cost, np.asarray(goals, dtype=np.int64), extra, k)
    return Nearest(graph, *found)


def travel_costs(
    network: RoadNetwork, costs: NDArray[np.float64], sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the least cost from each source to each target, (sources, targets); inf where there is no way.

    A cost of inf closes an edge. Nodes of -1 (off the network) are reached by nobody.
    """
    out = np.full((len(sources), len(targets)), np.inf)
    on, to = np.flatnonzero(sources >= 0), np.flatnonzero(targets >= 0)
    if not len(on) or not len(to):
        return out
    graph, zero = graph_of(network, costs), np.zeros(1)
    if len(to) < len(on):
        for j in to:
            out[on, j] = nearest_labels(*graph.into, targets[[j]], zero, 1)[0][sources[on], 0]
        return out
    for i in on:
        out[i, to] = nearest_labels(*graph.out_of, sources[[i]], zero, 1)[0][targets[to], 0]
    return out


def routes_from(
    network: RoadNetwork, costs: NDArray[np.float64], source: int, targets: NDArray[np.int64]
) -> list[Route | None]:
    """Return the cheapest way from each target to the source node (places go to the shelter); None where none."""
    found = nearest_goals(graph_of(network, costs), np.array([source]))
    nodes = np.asarray(targets, dtype=np.int64)
    reached = (nodes >= 0) & np.isfinite(found.cost[np.maximum(nodes, 0), 0])
    arcs, begins = found.arcs(nodes[reached], np.zeros(int(reached.sum()), dtype=np.int64))
    ways = iter(make_routes(network, found.graph, arcs, begins, nodes[reached]))
    return [next(ways) if r else None for r in reached]


def nearest_route(
    network: RoadNetwork, costs: NDArray[np.float64], source: int, targets: NDArray[np.int64]
) -> tuple[int, Route] | None:
    """Return the position of the target that is cheapest to reach from the source node, and the way there.

    Targets of -1 are passed over; of equally cheap ones the first counts; None where none is reached.
    """
    if not len(targets):
        return None
    found = nearest_goals(graph_of(network, costs), np.asarray(targets, dtype=np.int64))
    best = int(found.goal[source, 0])
    if best < 0:
        return None
    arcs, begins = found.arcs(np.array([source]), np.zeros(1, dtype=np.int64))
    return best, make_routes(network, found.graph, arcs, begins, np.array([source]))[0]


def plain_arcs(
    graph: Graph, arcs: NDArray[np.int64], begins: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ways with their shortcuts replaced by the arcs these stand for."""
    short = np.flatnonzero(arcs >= 2 * graph.n_edges)
    if not len(short):
        return arcs, begins
    of = {int(i): np.array(graph.shortcuts[int(arcs[i]) - 2 * graph.n_edges].arcs, dtype=np.int64) for i in short}
    sizes = np.ones(len(arcs), dtype=np.int64)
    sizes[short] = [len(v) for v in of.values()]
    at = np.concatenate([[0], np.cumsum(sizes)])
    out = np.repeat(arcs, sizes)
    for i, part in of.items():
        out[at[i] : at[i + 1]] = part
    return out, at[begins]


def make_routes(
    network: RoadNetwork,
    graph: Graph,
    arcs: NDArray[np.int64],
    begins: NDArray[np.int64],
    first: NDArray[np.int64],
) -> list[Route]:
    """Return the routes of ways given by their arcs.

    Parameters
    ----------
    arcs, begins : as `Nearest.arcs` gives them. first : node from which each way starts.
    """
    arcs, begins = plain_arcs(graph, arcs, begins)
    n, edge, way = len(begins) - 1, arcs // 2, np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    length, share, minutes = (
        network.edges[c].to_numpy(dtype=np.float64)[edge] for c in ("length_m", "exposed_share", "minutes")
    )
    sums = [np.bincount(way, weights=w, minlength=n) for w in (length / 1000, length * share / 1000, minutes)]
    lines = _lines(network, arcs, way, first)
    return [
        Route(tuple(edge[begins[i] : begins[i + 1]].tolist()), float(sums[0][i]),
              float(min(sums[1][i], sums[0][i])), float(sums[2][i]), lines[i])
        for i in range(n)
    ]  # fmt: skip


def _lines(
    network: RoadNetwork, arcs: NDArray[np.int64], way: NDArray[np.int64], first: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the line of each way: of every edge but the first the first point is left out, it is where the last ended.

    A place that is its own goal has a line of length 0.
    """
    used, which = np.unique(arcs // 2, return_inverse=True)
    xy, line = shapely.get_coordinates(network.edges.geometry.to_numpy()[used], return_index=True)
    begin = np.searchsorted(line, np.arange(len(used) + 1))
    size = np.diff(begin)[which] if len(used) else np.array([], dtype=np.int64)
    total = np.concatenate([[0], np.cumsum(size)])
    within = np.arange(total[-1]) - np.repeat(total[:-1], size)
    back = np.repeat(arcs % 2 == 1, size)
    at = np.repeat(begin[which], size) + np.where(back, np.repeat(size, size) - 1 - within, within)
    of_way = np.repeat(way, size)
    opens = np.diff(way, prepend=-1) != 0
    keep = (within > 0) | np.repeat(opens, size)
    points, of_way = xy[at[keep]], of_way[keep]
    still = np.setdiff1d(np.arange(len(first)), way)
    points = np.vstack([points, np.repeat(network.nodes[np.asarray(first)[still]], 2, axis=0)])
    of_way = np.concatenate([of_way, np.repeat(still, 2)])
    order = np.argsort(of_way, kind="stable")
    if not len(order):
        return np.array([], dtype=object)
    return np.asarray(shapely.linestrings(points[order], indices=of_way[order]))
