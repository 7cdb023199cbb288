"""The road network: a graph from noded lines, with exposed lengths, bridges, and places joined to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree
from shapely.ops import substring

from geo_risk.core.errors import CrsError, DataError
from geo_risk.exposure.columns import numbers, texts
from geo_risk.exposure.zonal import covered_shares

EDGE_COLUMNS = ("start", "end", "length_m", "minutes", "exposed_share", "road_id", "road_class", "bridge_id")
_MIN_MINUTES = 1e-6
"""A length of 0 still costs something, so that sparse graphs keep the edge."""


@dataclass(frozen=True)
class RoadNetwork:
    """An undirected road graph.

    Attributes
    ----------
    nodes : (n, 2) x, y [m].
    edges : GeoDataFrame of LineStrings with EDGE_COLUMNS; start and end are rows of `nodes`; minutes is the time of
        free travel; exposed_share is the share of the length inside zones (0 until `exposed` is called).
    """

    nodes: NDArray[np.float64]
    edges: gpd.GeoDataFrame

    @property
    def n_nodes(self) -> int:
        """Number of junctions, ends and joined places."""
        return len(self.nodes)

    @cached_property
    def links(self) -> Links:
        """Which edges join each pair of nodes: found once, used by every search."""
        return _links(self)


@dataclass(frozen=True)
class Links:
    """The pairs of nodes that edges join, in the order of `key`.

    Attributes
    ----------
    low, high : (pairs,) nodes of each pair, low < high. key : low * n_nodes + high, increasing.
    edges : rows of `RoadNetwork.edges` pair by pair, in their order within a pair; loops are left out.
    pair : (len(edges),) the pair of each. first : (pairs,) where each pair begins in `edges`.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    key: NDArray[np.int64]
    edges: NDArray[np.int64]
    pair: NDArray[np.int64]
    first: NDArray[np.int64]


def _links(network: RoadNetwork) -> Links:
    start, end = (network.edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
    low, high = np.minimum(start, end), np.maximum(start, end)
    keys = low * network.n_nodes + high
    edges = np.flatnonzero(low != high)
    edges = edges[np.argsort(keys[edges], kind="stable")]
    key, first, counts = np.unique(keys[edges], return_index=True, return_counts=True)
    pair = np.repeat(np.arange(len(key)), counts)
    return Links(low[edges[first]], high[edges[first]], key, edges, pair, first)


@dataclass(frozen=True)
class Route:
    """A way along the network: edges in order, their length, exposed length [km] and time [min], and its line."""

    edges: tuple[int, ...]
    km: float
    exposed_km: float
    minutes: float
    line: shapely.LineString


def build_network(roads: gpd.GeoDataFrame, *, speed_km_h: Mapping[str, float], snap_m: float) -> RoadNetwork:
    """Make the graph of noded lines: lines meet where their ends meet, nowhere else.

    Parameters
    ----------
    roads : (multi)lines with road_id and, where known, class, speed_km_h (0 or missing: the class decides) and
        bridge_id (missing: no bridge).
    speed_km_h : speed by class; a class that is not listed travels at the slowest of them.
    snap_m : ends closer than this are one junction.

    Raises
    ------
    CrsError : roads are not in a metric CRS.
    DataError : no road has a length.
    """
    if roads.crs is None or not roads.crs.is_projected:
        what = f"roads are in {roads.crs}; metres needed"
        raise CrsError(what, where="roads", fix="bring them into the run's CRS in geo_risk.sources")
    lines = roads.explode(index_parts=False, ignore_index=True)
    lines = lines[(lines.geom_type == "LineString") & (lines.length > 0)].reset_index(drop=True)
    if not len(lines):
        what = f"none of {len(roads)} roads has a length"
        raise DataError(what, where="roads", fix="give roads as lines")
    ends = np.vstack([_end(lines, 0), _end(lines, -1)])
    nodes, label = _snapped(ends, snap_m)
    slowest = min(speed_km_h.values())
    classes = lines["class"].astype("string") if "class" in lines else pd.Series("", index=lines.index)
    by_class = classes.map(dict(speed_km_h)).astype("float64").fillna(slowest)
    given = numbers(lines, "speed_km_h")
    speed = given.where(given > 0, by_class)
    edges = gpd.GeoDataFrame(
        {
            "start": label[: len(lines)],
            "end": label[len(lines) :],
            "length_m": lines.length,
            "minutes": np.maximum(lines.length / speed / 1000 * 60, _MIN_MINUTES),
            "exposed_share": 0.0,
            "road_id": lines["road_id"].astype("string"),
            "road_class": classes,
            "bridge_id": texts(lines, "bridge_id"),
        },
        geometry=lines.geometry.to_numpy(),
        crs=roads.crs,
    )
    return RoadNetwork(nodes, edges)


def _end(lines: gpd.GeoDataFrame, index: int) -> NDArray[np.float64]:
    out: NDArray[np.float64] = shapely.get_coordinates(shapely.get_point(lines.geometry.to_numpy(), index))
    return out


def _snapped(points: NDArray[np.float64], snap_m: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Join points closer than snap_m (chains too); return the mean place of each group and the group of each point."""
    pairs = cKDTree(points).query_pairs(max(snap_m, 1e-6), output_type="ndarray")
    n = len(points)
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, label = connected_components(graph, directed=False)
    nodes = np.zeros((count, 2))
    np.add.at(nodes, label, points)
    return nodes / np.bincount(label, minlength=count)[:, None], label.astype(np.int64)


def exposed(network: RoadNetwork, zones: gpd.GeoDataFrame) -> RoadNetwork:
    """Return the network with the share of each edge's length that lies inside the zones."""
    edges = network.edges.copy()
    edges["exposed_share"] = covered_shares(edges, zones)
    return replace(network, edges=edges)


def join_places(
    network: RoadNetwork, places: gpd.GeoDataFrame, *, max_distance_m: float, walking_km_h: float
) -> tuple[RoadNetwork, NDArray[np.int64]]:
    """Join places to the nearest point of the network by a footpath, dividing the edge there.

    Parameters
    ----------
    places : points in the network's CRS.
    max_distance_m : places farther from every edge stay off the network.
    walking_km_h : speed on the footpath.

    Returns
    -------
    (network, node) : node of each place, -1 where it is off the network.
    """
    points = places.geometry.to_numpy()
    tree = shapely.STRtree(network.edges.geometry.to_numpy())
    found, distance = tree.query_nearest(points, max_distance=max_distance_m, return_distance=True, all_matches=False)
    place, edge = found
    lines = network.edges.geometry.to_numpy()
    along = shapely.line_locate_point(lines[edge], points[place])
    divided, at_nodes, nodes = _divide(network, edge, along)
    first = len(nodes)
    starts = shapely.get_coordinates(points[place])
    paths = gpd.GeoDataFrame(
        {
            "start": first + np.arange(len(place)),
            "end": at_nodes,
            "length_m": distance,
            "minutes": np.maximum(distance / walking_km_h / 1000 * 60, _MIN_MINUTES),
            "exposed_share": 0.0,
            "road_id": pd.array(["footpath"] * len(place), dtype="string"),
            "road_class": "footpath",
            "bridge_id": pd.array([pd.NA] * len(place), dtype="string"),
        },
        geometry=[shapely.LineString([a, b]) for a, b in zip(starts, nodes[at_nodes], strict=True)],
        crs=network.edges.crs,
    )
    node = np.full(len(places), -1, dtype=np.int64)
    node[place] = first + np.arange(len(place))
    edges = gpd.GeoDataFrame(pd.concat([divided, paths], ignore_index=True), crs=network.edges.crs)
    return RoadNetwork(np.vstack([nodes, starts]), edges), node


def _divide(
    network: RoadNetwork, edge: NDArray[np.int64], along: NDArray[np.float64]
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64], NDArray[np.float64]]:
    """Divide edges at distances along them; return the edges, the node at each distance, and all nodes."""
    edges, nodes = network.edges, [network.nodes]
    n_nodes, at = network.n_nodes, np.full(len(edge), -1, dtype=np.int64)
    pieces: list[dict[str, Any]] = []
    gone: list[int] = []
    for e in np.unique(edge):
        row = edges.iloc[e]
        chain, cuts = [int(row["start"])], [0.0]
        members = np.flatnonzero(edge == e)
        for m in members[np.argsort(along[members], kind="stable")]:
            d = float(along[m])
            if d - cuts[-1] <= 1e-6:
                at[m] = chain[-1]
            elif row["length_m"] - d <= 1e-6:
                at[m] = int(row["end"])
            else:
                point = row["geometry"].interpolate(d)
                nodes.append(np.array([[point.x, point.y]]))
                at[m] = n_nodes
                chain.append(n_nodes)
                cuts.append(d)
                n_nodes += 1
        if len(chain) > 1:
            gone.append(int(e))
            pieces += _pieces(row, [*chain, int(row["end"])], [*cuts, float(row["length_m"])])
    kept = edges.drop(index=edges.index[gone])
    if pieces:
        kept = pd.concat([kept, gpd.GeoDataFrame(pieces, crs=edges.crs)], ignore_index=True)
    return kept.astype({"bridge_id": "string", "road_id": "string"}), at, np.vstack(nodes)


def _pieces(row: Any, chain: list[int], cuts: list[float]) -> list[dict[str, Any]]:
    out = []
    for i in range(len(chain) - 1):
        length = cuts[i + 1] - cuts[i]
        piece = dict(row)
        piece.update(start=chain[i], end=chain[i + 1], length_m=length)
        piece["minutes"] = max(row["minutes"] * length / row["length_m"], _MIN_MINUTES)
        piece["geometry"] = substring(row["geometry"], cuts[i], cuts[i + 1])
        out.append(piece)
    return out


def edge_costs(network: RoadNetwork, *, exposed_factor: float) -> NDArray[np.float64]:
    """Return each edge's minutes, the part inside zones counted `exposed_factor` times."""
    share = network.edges["exposed_share"].to_numpy(dtype=np.float64)
    minutes = network.edges["minutes"].to_numpy(dtype=np.float64)
    return np.asarray(minutes * (1 + (exposed_factor - 1) * share))


def travel_costs(
    network: RoadNetwork, costs: NDArray[np.float64], sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the least cost from each source to each target, (sources, targets); inf where there is no way.

    A cost of inf closes an edge. Nodes of -1 (off the network) are reached by nobody.
    """
    out = np.full((len(sources), len(targets)), np.inf)
    on, to = sources >= 0, targets >= 0
    if on.any() and to.any():
        graph, _ = _graph(network, costs)
        for i in np.flatnonzero(on):
            out[i, to] = dijkstra(graph, directed=False, indices=int(sources[i]))[targets[to]]
    return out


def routes_from(
    network: RoadNetwork, costs: NDArray[np.float64], source: int, targets: NDArray[np.int64]
) -> list[Route | None]:
    """Return the cheapest way from each target to the source node (places walk to the shelter); None where none."""
    graph, chosen = _graph(network, costs)
    distance, before = dijkstra(graph, directed=False, indices=source, return_predecessors=True)
    reached = [int(t) if t >= 0 and np.isfinite(distance[t]) else -1 for t in targets]
    return [None if t < 0 else _route(network, _walk(network, chosen, before, t), t) for t in reached]


def nearest_route(
    network: RoadNetwork, costs: NDArray[np.float64], source: int, targets: NDArray[np.int64]
) -> tuple[int, Route] | None:
    """Return the position of the target that is cheapest to reach from the source node, and the way there.

    Targets of -1 are passed over; of equally cheap ones the first counts; None where none is reached.
    """
    graph, chosen = _graph(network, costs)
    distance, before = dijkstra(graph, directed=False, indices=source, return_predecessors=True)
    cost = np.where(targets >= 0, distance[targets], np.inf)
    if not np.isfinite(cost).any():
        return None
    best = int(np.argmin(cost))
    return best, _route(network, _walk(network, chosen, before, int(targets[best]))[::-1], source)


def _walk(network: RoadNetwork, chosen: NDArray[np.int64], before: NDArray[np.integer[Any]], target: int) -> list[int]:
    """Return the edges from a target back to where the search began; `chosen` is the edge of each pair of nodes."""
    nodes = [target]
    while (node := int(before[nodes[-1]])) >= 0:
        nodes.append(node)
    a, b = np.array(nodes[:-1], dtype=np.int64), np.array(nodes[1:], dtype=np.int64)
    keys = np.minimum(a, b) * network.n_nodes + np.maximum(a, b)
    found: list[int] = chosen[np.searchsorted(network.links.key, keys)].tolist()
    return found


def _graph(network: RoadNetwork, costs: NDArray[np.float64]) -> tuple[csr_array, NDArray[np.int64]]:
    """Return the graph with the cheapest of parallel edges, and the edge that stands for each pair of nodes."""
    links, shape = network.links, (network.n_nodes, network.n_nodes)
    if not len(links.key):
        return csr_array(shape, dtype=np.float64), links.edges
    of_edges = costs[links.edges]
    least = np.minimum.reduceat(of_edges, links.first)
    place = np.flatnonzero(of_edges == least[links.pair])
    chosen = links.edges[place[np.unique(links.pair[place], return_index=True)[1]]]
    usable = np.isfinite(least)
    weights = np.maximum(least[usable], _MIN_MINUTES)
    return csr_array((weights, (links.low[usable], links.high[usable])), shape=shape), chosen


def _route(network: RoadNetwork, edges: list[int], first: int) -> Route:
    rows = network.edges.iloc[edges]
    points: list[tuple[float, float]] = []
    node = first
    for start, end, line in zip(rows["start"], rows["end"], rows.geometry, strict=True):
        forward = start == node
        coords = list(line.coords) if forward else list(line.coords)[::-1]
        points += [(float(c[0]), float(c[1])) for c in coords[bool(points) :]]
        node = int(end if forward else start)
    if not points:
        points = [tuple(network.nodes[first])]  # the place is the shelter
    if len(points) == 1:
        points = points * 2
    length = rows["length_m"].to_numpy(dtype=np.float64)
    exposed_m = float((length * rows["exposed_share"].to_numpy(dtype=np.float64)).sum())
    minutes = float(rows["minutes"].sum())
    return Route(tuple(edges), float(length.sum()) / 1000, exposed_m / 1000, minutes, shapely.LineString(points))


def is_connected(
    network: RoadNetwork, open_edges: NDArray[np.bool_], places: NDArray[np.int64], goals: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which places reach some goal over the open edges; places and goals of -1 reach nothing."""
    edges = network.edges[open_edges]
    n = network.n_nodes
    ones = np.ones(len(edges))
    graph = csr_array((ones, (edges["start"].to_numpy(), edges["end"].to_numpy())), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    reached = np.unique(label[goals[goals >= 0]])
    out = np.zeros(len(places), dtype=bool)
    out[places >= 0] = np.isin(label[places[places >= 0]], reached)
    return out
