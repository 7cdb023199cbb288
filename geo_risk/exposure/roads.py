"""The road network: a graph from lines, with speeds, directions, bridges, and what was found wrong with the lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from geo_risk.core.errors import CrsError, DataError
from geo_risk.exposure.columns import numbers, texts
from geo_risk.exposure.directions import directions
from geo_risk.exposure.dividing import MIN_MINUTES, cut_edges

EDGE_COLUMNS = (
    "start", "end", "length_m", "minutes", "exposed_share", "road_id", "road_class", "bridge_id", "direction",
)  # fmt: skip


@dataclass(frozen=True)
class RoadNetwork:
    """A road graph.

    Attributes
    ----------
    nodes : (n, 2) x, y [m].
    edges : GeoDataFrame of LineStrings with EDGE_COLUMNS; start and end are rows of `nodes`; minutes is the time of
        free travel; exposed_share is the share of the length inside zones (0 until `exposed` is called); direction is
        0 both ways, 1 only along the line, -1 only against it.
    counts : what `build_network` found and did, by name.
    """

    nodes: NDArray[np.float64]
    edges: gpd.GeoDataFrame
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_nodes(self) -> int:
        """Number of junctions, ends and joined places."""
        return len(self.nodes)

    @cached_property
    def pieces(self) -> NDArray[np.int64]:
        """The piece of the network that each node is on, whatever the directions; piece 0 has the most nodes."""
        start, end = (self.edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
        graph = csr_array((np.ones(len(start)), (start, end)), shape=(self.n_nodes, self.n_nodes))
        count, label = connected_components(graph, directed=False)
        sizes = np.bincount(label, minlength=count)
        rank = np.empty(count, dtype=np.int64)
        rank[np.lexsort((np.arange(count), -sizes))] = np.arange(count)
        out: NDArray[np.int64] = rank[label]
        return out


def build_network(
    roads: gpd.GeoDataFrame,
    *,
    speed_km_h: Mapping[str, float],
    snap_m: float,
    keep_directions: bool = True,
) -> RoadNetwork:
    """Make the graph of lines: they meet where their ends meet, or where an end lies on the middle of another line.

    Lines that cross without an end there pass over each other, as on a bridge.

    Parameters
    ----------
    roads : (multi)lines with road_id and, where known, class, speed_km_h (0 or missing: the class decides), bridge_id
        (missing: no bridge), and a column of `directions` (oneway, direction, 单行, 方向, ...). Heights are dropped.
    speed_km_h : speed by class; a class that is not listed travels at the slowest of them.
    snap_m : ends closer than this are one junction; an end this close to the middle of another line divides it.
    keep_directions : False opens every road both ways.

    Returns
    -------
    RoadNetwork : the same whatever the order of the rows. `counts`: lines_without_length, lines_without_geometry (rows
        without any), speeds_unread (no number >= 0: the class decides), lines_closed (to all by their direction: left
        out), one_way, direction_unclear (open both ways), ends_on_lines (junctions made in the
        middle of lines), lines_of_unknown_class.

    Raises
    ------
    CrsError : roads are not in a metric CRS.
    DataError : no road has a length and is open.
    """
    if roads.crs is None or not roads.crs.is_projected:
        what = f"roads are in {roads.crs}; metres needed"
        raise CrsError(what, where="roads", fix="bring them into the run's CRS in geo_risk.sources")
    is_lost = shapely.is_missing(roads.geometry.to_numpy()) | shapely.is_empty(roads.geometry.to_numpy())
    lines, n_dropped = _lines(roads[~is_lost])
    way, unclear, is_closed = directions(lines)
    lines, way, unclear = lines[~is_closed].reset_index(drop=True), way[~is_closed], unclear[~is_closed]
    if not len(lines):
        what = f"none of {len(roads)} roads has a length and is open"
        raise DataError(what, where="roads", fix="give roads as lines")
    ends = np.vstack([_end(lines, 0), _end(lines, -1)])
    nodes, label = _snapped(ends, snap_m)
    slowest = min(speed_km_h.values())
    classes = lines["class"].astype("string") if "class" in lines else pd.Series("", index=lines.index, dtype="string")
    by_class = classes.map(dict(speed_km_h)).astype("float64")
    given = numbers(lines, "speed_km_h")
    speed = given.where((given > 0) & np.isfinite(given), by_class.fillna(slowest))
    edges = gpd.GeoDataFrame(
        {
            "start": label[: len(lines)],
            "end": label[len(lines) :],
            "length_m": lines.length,
            "minutes": np.maximum(lines.length / speed / 1000 * 60, MIN_MINUTES),
            "exposed_share": 0.0,
            "road_id": lines["road_id"].astype("string"),
            "road_class": classes,
            "bridge_id": texts(lines, "bridge_id"),
            "direction": way if keep_directions else np.zeros(len(lines), dtype=np.int8),
        },
        geometry=lines.geometry.to_numpy(),
        crs=roads.crs,
    )
    counts = {
        "lines_without_length": n_dropped,
        "lines_without_geometry": int(is_lost.sum()),
        "speeds_unread": int((_is_filled(lines, "speed_km_h") & ~((given >= 0) & np.isfinite(given))).sum()),
        "lines_closed": int(is_closed.sum()),
        "one_way": int((way != 0).sum()),
        "direction_unclear": int(unclear.sum()),
        "lines_of_unknown_class": int((by_class.isna() & ~(given > 0)).sum()),
    }
    return _joined_ends(RoadNetwork(nodes, edges, counts), snap_m)


def _is_filled(lines: gpd.GeoDataFrame, column: str) -> pd.Series[bool]:
    """Tell where a column says something, whatever it is."""
    return texts(lines, column).str.strip().fillna("") != ""


def _lines(roads: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Return the single lines with a length, flat, in an order that does not depend on that of the rows.

    The number is that of the parts left out: without a length, or no lines.
    """
    parts, row = shapely.get_parts(shapely.force_2d(roads.geometry.to_numpy()), return_index=True)
    lines = roads.iloc[row].reset_index(drop=True).set_geometry(parts, crs=roads.crs)
    has_length = (shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING) & (shapely.length(parts) > 0)
    lines, n_dropped = lines[has_length], int((~has_length).sum())
    if not len(lines):
        return lines, n_dropped
    shapes = lines.geometry.to_numpy()
    middle = shapely.get_coordinates(shapely.line_interpolate_point(shapes, 0.5, normalized=True))
    ends = [shapely.get_coordinates(shapely.get_point(shapes, k)) for k in (0, -1)]
    names = pd.factorize(lines["road_id"].astype("string").fillna(""), sort=True)[0]
    keys = [lines.length.to_numpy(), *middle.T, *ends[1].T, *ends[0].T, names]
    return lines.iloc[np.lexsort(keys)].reset_index(drop=True), n_dropped


def _end(lines: gpd.GeoDataFrame, index: int) -> NDArray[np.float64]:
    out: NDArray[np.float64] = shapely.get_coordinates(shapely.get_point(lines.geometry.to_numpy(), index))
    return out


def _snapped(points: NDArray[np.float64], snap_m: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Join points closer than snap_m (chains too); return the mean place of each group and the group of each point."""
    pairs = cKDTree(points).query_pairs(max(snap_m, 1e-6), output_type="ndarray")
    n = len(points)
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, label = connected_components(graph, directed=False)
    sums = np.column_stack([np.bincount(label, weights=points[:, k], minlength=count) for k in (0, 1)])
    nodes = sums / np.bincount(label, minlength=count)[:, None]
    order = _near_one_another(nodes)
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return nodes[order], rank[label]


def _near_one_another(xy: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order in which points near in the plane are near in memory (Morton 1966): searches run through caches.

    Points of one cell (1/65536 of the side) are ordered by x, then y.
    """
    low = xy.min(axis=0)
    cell = np.floor((xy - low) / (max(float((xy.max(axis=0) - low).max()), 1.0) / 65_535)).astype(np.uint64)
    code = np.zeros(len(xy), dtype=np.uint64)
    for k in (0, 1):
        part = cell[:, k]
        for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
            part = (part | (part << np.uint64(shift))) & np.uint64(mask)
        code |= part << np.uint64(k)
    return np.asarray(np.lexsort((xy[:, 1], xy[:, 0], code)), dtype=np.int64)


def _joined_ends(network: RoadNetwork, snap_m: float) -> RoadNetwork:
    """Divide lines where a dead end of another line touches their middle."""
    edges = network.edges
    start, end = (edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
    degree = np.bincount(np.concatenate([start, end]), minlength=network.n_nodes)
    dead = np.flatnonzero(degree == 1)
    lines, points = edges.geometry.to_numpy(), shapely.points(network.nodes[dead])
    reach = max(snap_m, 1e-6)
    which, edge = shapely.STRtree(lines).query(points, predicate="dwithin", distance=reach)
    node = dead[which]
    along = shapely.line_locate_point(lines[edge], points[which])
    own = (start[edge] == node) | (end[edge] == node)
    inner = (along > reach) & (along < shapely.length(lines[edge]) - reach)
    apart = shapely.distance(lines[edge], points[which])
    order = np.lexsort((edge, apart, node))
    order = order[(~own & inner)[order]]
    order = order[np.unique(node[order], return_index=True)[1]]
    counts = {**network.counts, "ends_on_lines": len(order)}
    if not len(order):
        return replace(network, counts=counts)
    return RoadNetwork(network.nodes, cut_edges(edges, edge[order], along[order], node[order]), counts)


def edge_costs(network: RoadNetwork, *, exposed_factor: float) -> NDArray[np.float64]:
    """Return each edge's minutes, the part inside zones counted `exposed_factor` times."""
    share = network.edges["exposed_share"].to_numpy(dtype=np.float64)
    minutes = network.edges["minutes"].to_numpy(dtype=np.float64)
    return np.asarray(minutes * (1 + (exposed_factor - 1) * share))


def on_pieces(network: RoadNetwork, node: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the piece of the network each place is on, by its node; -1 off the network."""
    out: Any = np.where(node >= 0, network.pieces[np.maximum(node, 0)], -1)
    return np.asarray(out, dtype=np.int64)
