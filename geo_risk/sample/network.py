"""The road graph: what a failing road cuts off, where roads cross water, and which crossings get a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

REACH_M = 400.0
"""A settlement farther than this from every road node is off the network."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """Roads as an undirected graph.

    Attributes
    ----------
    nodes : (n, 2) x, y.
    ends : (m, 2) node numbers of each road, in the order of the frame.
    minutes : (m,) travel time at the road's speed.
    metres : (m,) length.
    """

    nodes: Array
    ends: NDArray[np.int64]
    minutes: Array
    metres: Array

    @classmethod
    def of(cls, roads: gpd.GeoDataFrame) -> Network:
        """Return the graph of a noded road frame (columns speed_km_h, geometry)."""
        lines = roads.geometry.to_numpy()
        first = shapely.get_coordinates(shapely.get_point(lines, 0))
        last = shapely.get_coordinates(shapely.get_point(lines, -1))
        nodes, index = np.unique(np.round(np.vstack([first, last]), 2), axis=0, return_inverse=True)
        metres = shapely.length(lines)
        minutes = metres / 1000 / roads["speed_km_h"].to_numpy() * 60
        return cls(nodes, index.reshape(2, -1).T.astype(np.int64), minutes, metres)

    def matrix(self, weight: Array) -> csr_matrix:
        """Return the graph with the lightest road between each pair of nodes."""
        order = np.argsort(-weight, kind="stable")
        n = len(self.nodes)
        pair = np.sort(self.ends[order], axis=1)
        _, keep = np.unique((pair[:, 0] * n + pair[:, 1])[::-1], return_index=True)
        keep = len(order) - 1 - keep
        return csr_matrix((weight[order][keep], (pair[keep, 0], pair[keep, 1])), shape=(n, n))

    def attach(self, points: Array) -> NDArray[np.int64]:
        """Return the nearest node of the largest piece for each place; -1 where it is farther than 400 m."""
        _, part = connected_components(self.matrix(self.metres), directed=False)
        main = np.flatnonzero(part == np.bincount(part).argmax())
        distance, k = cKDTree(self.nodes[main]).query(points)
        return np.where(distance <= REACH_M, main[k], -1)

    def minutes_from(self, sources: NDArray[np.int64]) -> Array:
        """Return travel minutes (source, node); infinite where there is no way, or the source is -1."""
        out = np.full((len(sources), len(self.nodes)), np.inf)
        good = sources >= 0
        out[good] = dijkstra(self.matrix(self.minutes), directed=False, indices=sources[good])
        return out


def cut_off(network: Network, home: int, stops: NDArray[np.int64]) -> dict[int, list[int]]:
    """Return, for each road whose loss cuts some stop off from home, the numbers of those stops.

    Parameters
    ----------
    network : the graph.
    home : node of the town.
    stops : node of each settlement, -1 where it has none.
    """
    parent_edge, order, low, seen = _walk(network, home)
    here: dict[int, list[int]] = {}
    for k, node in enumerate(stops):
        if node >= 0:
            here.setdefault(int(node), []).append(k)
    below: dict[int, list[int]] = {}
    out: dict[int, list[int]] = {}
    for node in reversed(order):
        mine = below.pop(node, []) + here.get(node, [])
        edge = parent_edge[node]
        if edge < 0:
            continue
        a, b = network.ends[edge]
        parent = int(b if a == node else a)
        if mine and low[node] > seen[parent]:
            out[int(edge)] = sorted(mine)
        below.setdefault(parent, []).extend(mine)
    return out


def _walk(network: Network, home: int) -> tuple[dict[int, int], list[int], dict[int, int], dict[int, int]]:
    """Depth-first walk from home: edge to the parent, order of visit, low link and visit number of each node."""
    near: list[list[tuple[int, int]]] = [[] for _ in network.nodes]
    for e, (a, b) in enumerate(network.ends):
        if a != b:
            near[a].append((int(b), e))
            near[b].append((int(a), e))
    parent_edge, seen, low, order = {home: -1}, {home: 0}, {home: 0}, [home]
    stack = [(home, iter(near[home]))]
    while stack:
        node, rest = stack[-1]
        for other, edge in rest:
            if edge == parent_edge[node]:
                continue
            if other in seen:
                low[node] = min(low[node], seen[other])
                continue
            parent_edge[other], seen[other] = edge, len(order)
            low[other] = seen[other]
            order.append(other)
            stack.append((other, iter(near[other])))
            break
        else:
            stack.pop()
            if stack:
                low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
    return parent_edge, order, low, seen


def crossings(roads: gpd.GeoDataFrame, ground: Ground) -> pd.DataFrame:
    """Return every place where a road crosses the river or a stream: road (row number), x, y, upslope_km2, water."""
    lines = roads.geometry.to_numpy()
    tree = shapely.STRtree(lines)
    rows: list[tuple[int, float, float, float, str]] = []
    waters = [(ground.river, 1e6, "river")]
    waters += [
        (g, float(a), "stream") for g, a in zip(ground.streams.geometry, ground.streams["upslope_km2"], strict=True)
    ]
    for water, area, kind in waters:
        for k in sorted(tree.query(water, predicate="intersects")):
            meeting = shapely.intersection(lines[k], water)
            for part in shapely.get_parts(meeting):
                spot = shapely.get_coordinates(
                    shapely.line_interpolate_point(part, 0.5, normalized=True) if part.length > 0 else part
                )[0]
                rows.append((int(k), float(spot[0]), float(spot[1]), area, kind))
    return pd.DataFrame(rows, columns=["road", "x", "y", "upslope_km2", "water"])


def choose_bridges(
    spots: pd.DataFrame, cuts: dict[int, list[int]], *, critical: int | None, number: int, spare: int
) -> pd.DataFrame:
    """Return the crossings that get a bridge: the critical one, those of the river, then the largest streams.

    A road gets one bridge; roads whose loss cuts somebody off get none but the critical one (their streams pass in
    culverts); at least `spare` crossings of streams stay without.
    """
    ranked = spots.sort_values(["upslope_km2", "road"], ascending=[False, True], kind="stable")
    ranked = ranked.drop_duplicates("road")
    is_critical = ranked["road"] == (-1 if critical is None else critical)
    allowed = ranked[~ranked["road"].isin(cuts) & ~is_critical]
    streams_left = max(0, int((ranked["water"] == "stream").sum()) - spare)
    rivers = allowed[allowed["water"] == "river"]
    streams = allowed[allowed["water"] == "stream"].head(streams_left)
    chosen = pd.concat([ranked[is_critical], rivers, streams]).head(number)
    return chosen.reset_index(drop=True)
