"""Who is within how many minutes: searches of the road network that stop at a limit, so that few pairs are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from geo_risk.core.errors import DataError
from geo_risk.exposure.network import RoadNetwork

Array = NDArray[np.float64]

_LEAST = 1e-6
"""A sparse graph forgets arcs of cost 0 [min]."""


@dataclass(frozen=True)
class Pairs:
    """Places and goals that are near, by place and then by minutes.

    Attributes
    ----------
    place, goal : positions, one entry a pair. minutes : from the place to the goal.
    n_places, n_goals : how many of each there are, those without a pair too.
    """

    place: NDArray[np.int64]
    goal: NDArray[np.int64]
    minutes: Array
    n_places: int
    n_goals: int

    def least(self) -> Array:
        """Return the minutes of each place to its nearest goal, inf where none is near."""
        out = np.full(self.n_places, np.inf)
        np.minimum.at(out, self.place, self.minutes)
        return out

    def only(self, keep: NDArray[np.bool_]) -> Pairs:
        """Return the pairs of a mask."""
        return Pairs(self.place[keep], self.goal[keep], self.minutes[keep], self.n_places, self.n_goals)


def walking_costs(network: RoadNetwork, *, walking_km_h: float) -> Array:
    """Return the minutes on foot of each edge, whatever its class."""
    return np.asarray(network.edges["length_m"].to_numpy(dtype=np.float64) / walking_km_h / 1000 * 60)


def pairs_within(
    network: RoadNetwork,
    costs: Array,
    places: NDArray[np.int64],
    goals: NDArray[np.int64],
    *,
    limit_min: float,
    outward: bool = False,
) -> Pairs:
    """Return every place and goal with a way of at most `limit_min` from the place to the goal.

    One search a goal that stops at the limit (Dijkstra 1959; SciPy).

    Parameters
    ----------
    costs : [min] of each edge; inf closes it. places, goals : nodes, -1 off the network (near nothing).
    limit_min : > 0. outward : the way leads from the goal to the place (goods), not from the place (people).

    Raises
    ------
    DataError : the limit is not above 0, or NaN.
    """
    _check(limit_min)
    arcs = _arcs(network, costs)
    graph = arcs if outward else arcs.T.tocsr()
    on = np.flatnonzero(places >= 0)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], Array]] = []
    for goal in np.flatnonzero(goals >= 0).tolist():
        minutes = dijkstra(graph, directed=True, indices=int(goals[goal]), limit=limit_min)[places[on]]
        near = np.flatnonzero(np.isfinite(minutes))
        found.append((on[near], np.full(len(near), goal, dtype=np.int64), minutes[near]))
    nothing = np.array([], dtype=np.int64)
    place, at, minutes = (np.concatenate([f[k] for f in found]) if found else nothing for k in range(3))
    order = np.lexsort([at, minutes, place])
    return Pairs(place[order].astype(np.int64), at[order].astype(np.int64), minutes[order].astype(np.float64),
                 len(places), len(goals))  # fmt: skip


def minutes_from_nearest(
    network: RoadNetwork, costs: Array, origins: NDArray[np.int64], *, limit_min: float, outward: bool
) -> Array:
    """Return the minutes between each node and its nearest origin, inf beyond the limit: one search for all.

    Parameters
    ----------
    origins : nodes, -1 off the network. outward : from the origin to the node (goods), else from the node to the
        origin (people); they differ on one-way roads.

    Raises
    ------
    DataError : the limit is not above 0, or NaN.
    """
    _check(limit_min)
    on = np.unique(origins[origins >= 0])
    if not len(on):
        return np.full(network.n_nodes, np.inf)
    arcs = _arcs(network, costs)
    graph = arcs if outward else arcs.T.tocsr()
    return np.asarray(dijkstra(graph, directed=True, indices=on, limit=limit_min, min_only=True), dtype=np.float64)


def _check(limit_min: float) -> None:
    if not limit_min > 0:
        what = f"a limit of {limit_min} minutes reaches nothing"
        raise DataError(what, where="siting", fix="give minutes above 0")


def _arcs(network: RoadNetwork, costs: Array) -> csr_array:
    """Return the open arcs as a matrix (from, to) [min]; of several between two nodes the cheapest."""
    edges = network.edges
    start, end = (edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
    way = edges["direction"].to_numpy(dtype=np.int64) if "direction" in edges else np.zeros(len(edges), dtype=np.int64)
    is_open = np.isfinite(costs) & (start != end)
    along, against = is_open & (way >= 0), is_open & (way <= 0)
    tail, head = np.concatenate([start[along], end[against]]), np.concatenate([end[along], start[against]])
    cost = np.maximum(np.concatenate([costs[along], costs[against]]), _LEAST)
    order = np.lexsort([cost, head, tail])
    tail, head, cost = tail[order], head[order], cost[order]
    first = np.ones(len(tail), dtype=bool)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    shape = (network.n_nodes, network.n_nodes)
    return coo_array((cost[first], (tail[first], head[first])), shape=shape).tocsr()
