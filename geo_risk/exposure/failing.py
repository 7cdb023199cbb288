"""What is left of the network when edges fail: who still reaches a goal, and on which bridges each place hangs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from geo_risk.exposure.paths import Graph, graph_of
from geo_risk.exposure.roads import RoadNetwork
from geo_risk.kernels.dominators import immediate_dominators


def is_connected(
    network: RoadNetwork, open_edges: NDArray[np.bool_], places: NDArray[np.int64], goals: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which places reach some goal over the open edges, in their direction; -1 reaches nothing."""
    graph = graph_of(network, np.where(open_edges, 1.0, np.inf))
    return _reaching(graph, np.ones(len(graph.number), dtype=bool), places, goals)


def _reaching(
    graph: Graph, stands: NDArray[np.bool_], places: NDArray[np.int64], goals: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which places reach some goal over the arcs that stand: one search from all goals against the arcs."""
    n = graph.n_nodes
    at = np.unique(goals[goals >= 0])
    rows = np.concatenate([np.full(len(at), n), graph.head[stands]])
    columns = np.concatenate([at, graph.tail[stands]])
    against = csr_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(n + 1, n + 1))
    seen = np.zeros(n + 1, dtype=bool)
    seen[breadth_first_order(against, n, return_predecessors=False)] = True
    return np.asarray(seen[np.maximum(places, 0)] & (places >= 0), dtype=bool)


@dataclass(frozen=True)
class Hanging:
    """On which bridges places hang: when one of them fails, the place reaches no goal.

    Attributes
    ----------
    bridges : by position of the place, the names of the bridges, sorted; places that hang on none are left out.
    """

    bridges: Mapping[int, tuple[str, ...]]


def single_failures(
    network: RoadNetwork,
    open_edges: NDArray[np.bool_],
    places: NDArray[np.int64],
    goals: NDArray[np.int64],
) -> Hanging:
    """Find for each place the bridges whose failure, one at a time, takes its last way to all goals.

    An edge that is a bridge stands as a node of its own in the graph from all goals against the arcs; it takes the
    last way of a place exactly if it dominates it there (Lengauer & Tarjan 1979). So all bridges are tested by one pass
    that is nearly linear in the arcs. A bridge whose edges are no single chain (two decks, a ramp between) fails as a
    whole: these few are tested one by one.

    Parameters
    ----------
    open_edges : edges that stand whatever the bridge. places, goals : nodes, -1 off the network.
    """
    name = network.edges["bridge_id"].fillna("").to_numpy(dtype=object)
    graph = graph_of(network, np.where(open_edges, 1.0, np.inf))
    found: dict[int, set[str]] = {}
    is_bridge = (name != "") & open_edges
    deck = np.flatnonzero(is_bridge)
    if len(deck) and len(places):
        above, order, first_deck = _dominators(graph, deck, goals)
        _collect(found, above, order, first_deck, [str(name[e]) for e in deck], places)
    for whole in _tangled(network, deck, name):
        stands = name[np.minimum(graph.number // 2, len(name) - 1)] != whole
        before = _reaching(graph, np.ones(len(stands), dtype=bool), places, goals)
        for i in np.flatnonzero(before & ~_reaching(graph, stands, places, goals)).tolist():
            found.setdefault(i, set()).add(whole)
    return Hanging({i: tuple(sorted(found[i])) for i in sorted(found)})


def _dominators(
    graph: Graph, deck: NDArray[np.int64], goals: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return dominators from all goals against the arcs, with a node for each deck, numbered from the last value on."""
    n, edge = graph.n_nodes, graph.number // 2
    of_edge = np.full(graph.n_edges, -1, dtype=np.int64)
    of_edge[deck] = n + np.arange(len(deck))
    mid, root = of_edge[edge], n + len(deck)
    plain = mid < 0
    at = np.unique(goals[goals >= 0])
    tails = np.concatenate([np.full(len(at), root), graph.head[plain], graph.head[~plain], mid[~plain]])
    heads = np.concatenate([at, graph.tail[plain], mid[~plain], graph.tail[~plain]])

    def rows(key: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        first = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=root + 1))]).astype(np.int64)
        return first, other[np.argsort(key, kind="stable")]

    above, order = immediate_dominators(*rows(tails, heads), *rows(heads, tails), root)
    return above, order, n


def _collect(
    found: dict[int, set[str]],
    above: NDArray[np.int64],
    order: NDArray[np.int64],
    first_deck: int,
    names: list[str],
    places: NDArray[np.int64],
) -> None:
    """Add to each place the names of the decks that dominate it."""
    last_deck: dict[int, int] = {}
    root = len(above) - 1
    nearest = np.full(len(above), -1, dtype=np.int64)
    for node in order[1:].tolist():
        up = int(above[node])
        nearest[node] = up if first_deck <= up < root else nearest[up]
    for i, node in enumerate(places.tolist()):
        deck = int(nearest[node]) if node >= 0 else -1
        while deck >= 0:
            found.setdefault(i, set()).add(names[deck - first_deck])
            deck = last_deck.setdefault(deck, int(nearest[deck]))


def _tangled(network: RoadNetwork, deck: NDArray[np.int64], name: NDArray[Any]) -> list[str]:
    """Return the bridges of more than one edge that are no single chain."""
    edges = network.edges
    start, end = (edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
    degree = np.bincount(np.concatenate([start, end]), minlength=network.n_nodes)
    out = []
    groups: dict[str, list[int]] = {}
    for e in deck.tolist():
        groups.setdefault(str(name[e]), []).append(e)
    for whole, members in sorted(groups.items()):
        if len(members) == 1:
            continue
        nodes, counts = np.unique(np.concatenate([start[members], end[members]]), return_counts=True)
        is_chain = len(nodes) == len(members) + 1 and counts.max() <= 2
        if not (is_chain and (degree[nodes[counts == 2]] == 2).all()):
            out.append(whole)
    return out
