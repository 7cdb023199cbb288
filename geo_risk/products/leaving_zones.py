"""The ways out of closed areas for homes that stand in them: to the edge of their own areas, and not into others."""

from __future__ import annotations

import heapq

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.exposure.paths import Shortcut
from geo_risk.exposure.roads import RoadNetwork


def ways_out(
    network: RoadNetwork,
    costs: NDArray[np.float64],
    inside: pd.DataFrame,
    areas: NDArray[np.object_],
    closes: NDArray[np.bool_],
    homes: NDArray[np.int64],
) -> list[Shortcut]:
    """Return for each home in closed areas the cheapest ways to where its areas end.

    Parameters
    ----------
    network : divided at the areas. costs : [min] of each edge as if no area closed it; inf closed anyhow.
    inside : `edge` and `area` of each pair of an edge and a closed area it lies in.
    areas, closes : polygons, and which of them close. homes : node of each home, -1 off the network.

    Returns
    -------
    Shortcuts from the node of a home to nodes that an open edge touches; a way uses only edges whose closed areas all
    hold the home, in their direction. A home outside of all areas has none: it may not enter them.
    """
    if not closes.any() or not len(homes):
        return []
    start, end = (network.edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
    way = network.edges["direction"].to_numpy(dtype=np.int8)
    is_closed = np.zeros(len(network.edges), dtype=bool)
    is_closed[inside["edge"].to_numpy()] = True
    touches_open = np.zeros(network.n_nodes, dtype=bool)
    free = ~is_closed & np.isfinite(costs)
    touches_open[start[free]] = touches_open[end[free]] = True
    groups: dict[int, set[int]] = {}
    for e, a in zip(inside["edge"].tolist(), inside["area"].tolist(), strict=True):
        groups.setdefault(e, set()).add(a)
    closing = {e: frozenset(a) for e, a in groups.items()}
    arcs: dict[int, list[tuple[int, int, int]]] = {}
    for e in closing:
        if not np.isfinite(costs[e]) or start[e] == end[e]:
            continue
        if way[e] >= 0:
            arcs.setdefault(int(start[e]), []).append((int(end[e]), 2 * e, e))
        if way[e] <= 0:
            arcs.setdefault(int(end[e]), []).append((int(start[e]), 2 * e + 1, e))
    on = np.unique(homes[homes >= 0])
    area, home = shapely.STRtree(shapely.points(network.nodes[on])).query(areas, predicate="intersects")
    held = closes[area]
    of_home: dict[int, set[int]] = {}
    for a, h in zip(area[held].tolist(), home[held].tolist(), strict=True):
        of_home.setdefault(int(on[h]), set()).add(a)
    out: list[Shortcut] = []
    for node in sorted(of_home):
        if touches_open[node]:
            continue  # it stands on the edge, and no other way may run through it into the area
        out += _exits(node, arcs, closing, of_home[node], costs, touches_open)
    return out


def _exits(
    home: int,
    arcs: dict[int, list[tuple[int, int, int]]],
    closing: dict[int, frozenset[int]],
    own: set[int],
    costs: NDArray[np.float64],
    touches_open: NDArray[np.bool_],
) -> list[Shortcut]:
    """Return the shortcuts of one home: a search (Dijkstra 1959) over the closed edges of its own areas."""
    best: dict[int, float] = {home: 0.0}
    came: dict[int, tuple[int, int]] = {}
    heap, done, out = [(0.0, home)], set(), []
    while heap:
        cost, node = heapq.heappop(heap)
        if node in done:
            continue
        done.add(node)
        if touches_open[node]:
            chain = []
            at = node
            while at != home:
                at, arc = came[at]
                chain.append(arc)
            out.append(Shortcut(home, node, cost, tuple(chain[::-1])))
            continue  # beyond the edge it is outside: no way back in
        for to, arc, e in arcs.get(node, ()):
            far = cost + float(costs[e])
            if closing[e] <= own and (to not in best or far < best[to]):
                best[to], came[to] = far, (node, arc)
                heapq.heappush(heap, (far, to))
    return out
