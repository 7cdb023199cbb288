"""Dividing the edges of a road network: at given places, at places that join it, and at the borders of areas."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

MIN_MINUTES = 1e-6
"""A length of 0 still costs something, so that of two ways the one over fewer edges is taken."""


def cut_edges(
    edges: gpd.GeoDataFrame, edge: NDArray[np.int64], along: NDArray[np.float64], node: NDArray[np.int64]
) -> gpd.GeoDataFrame:
    """Return the edges with some replaced by their pieces, which stand behind the others.

    Parameters
    ----------
    edges : of a network. edge, along, node : row of each edge to divide, distance along it [m] strictly between 0 and
        its length, and the node that stands there. Several cuts of one edge are at different distances.
    """
    if not len(edge):
        return edges
    order = np.lexsort((along, edge))
    edge, along, node = edge[order], along[order], node[order]
    whole, row = np.unique(edge, return_inverse=True)
    lines = edges.geometry.to_numpy()[whole]
    n_pieces = np.bincount(row) + 1
    first = np.concatenate([[0], np.cumsum(n_pieces)[:-1]])
    piece_row = np.repeat(np.arange(len(whole)), n_pieces)
    length = edges["length_m"].to_numpy(dtype=np.float64)[whole]
    number = np.arange(len(edge)) + row  # the piece that ends at each cut
    ends, lows, highs = np.empty((len(piece_row), 2), dtype=np.int64), np.zeros(len(piece_row)), length[piece_row]
    ends[first, 0] = edges["start"].to_numpy()[whole]
    ends[first + n_pieces - 1, 1] = edges["end"].to_numpy()[whole]
    ends[number, 1] = ends[number + 1, 0] = node
    highs[number] = lows[number + 1] = along
    pieces = edges.iloc[whole[piece_row]].copy()
    share = (highs - lows) / length[piece_row]
    pieces["minutes"] = np.maximum(pieces["minutes"].to_numpy() * share, MIN_MINUTES)
    pieces["start"], pieces["end"], pieces["length_m"] = ends[:, 0], ends[:, 1], highs - lows
    pieces = pieces.set_geometry(_pieces(lines, row, along), crs=edges.crs)
    kept = edges.drop(index=edges.index[whole])
    return gpd.GeoDataFrame(pd.concat([kept, pieces], ignore_index=True), crs=edges.crs)


def _pieces(lines: NDArray[Any], row: NDArray[np.int64], along: NDArray[np.float64]) -> NDArray[Any]:
    """Return the lines divided at distances along them, in order."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    step = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    step[np.flatnonzero(np.diff(line, prepend=-1))] = 0.0
    total = np.cumsum(step)
    begin = total[np.searchsorted(line, np.arange(len(lines)))]
    cut_xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[row], along))
    of_line = np.concatenate([line, row, row])
    distance = np.concatenate([total - begin[line], along, along])
    kind = np.concatenate([np.zeros(len(line)), np.ones(len(row)), np.full(len(row), 2)])
    points = np.vstack([xy, cut_xy, cut_xy])
    order = np.lexsort((kind, distance, of_line))
    new = (kind[order] == 2) | (np.diff(of_line[order], prepend=-1) != 0)
    piece = np.cumsum(new) - 1
    points = points[order]
    twin = (np.diff(piece, prepend=-1) == 0) & (points == np.roll(points, 1, axis=0)).all(axis=1)
    sizes = np.bincount(piece)
    lone = sizes[piece] - np.bincount(piece, weights=twin)[piece] < 2
    keep = ~twin | lone
    return np.asarray(shapely.linestrings(points[keep], indices=piece[keep]))


def nodes_along(
    edges: gpd.GeoDataFrame, edge: NDArray[np.int64], along: NDArray[np.float64], *, n_nodes: int, merge_m: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return the node for each place along an edge, which of them divide their edge, and the new nodes.

    A place within `merge_m` of an end is that end; places within `merge_m` of one another are one. New nodes are
    numbered from `n_nodes` on in the order of edges and distances.

    Returns
    -------
    (node, divides, nodes) : (places,), (places,) True for one place of each new node, (new, 2) x, y.
    """
    node = np.full(len(edge), -1, dtype=np.int64)
    divides = np.zeros(len(edge), dtype=bool)
    length = edges["length_m"].to_numpy(dtype=np.float64)[edge]
    start, end = (edges[c].to_numpy(dtype=np.int64)[edge] for c in ("start", "end"))
    at_start, at_end = along <= merge_m, length - along <= merge_m
    node[at_end], node[at_start] = end[at_end], start[at_start]
    inner = np.flatnonzero(~at_start & ~at_end)
    inner = inner[np.lexsort((along[inner], edge[inner]))]
    last_edge, last_along = -1, 0.0
    is_new = np.zeros(len(inner), dtype=bool)
    for i, (e, a) in enumerate(zip(edge[inner].tolist(), along[inner].tolist(), strict=True)):
        if e != last_edge or a - last_along > merge_m:
            is_new[i], last_edge, last_along = True, e, a
    divides[inner[is_new]] = True
    node[inner] = n_nodes + np.cumsum(is_new) - 1
    kept = inner[is_new]
    points = shapely.line_interpolate_point(edges.geometry.to_numpy()[edge[kept]], along[kept])
    return node, divides, shapely.get_coordinates(points).reshape(-1, 2)


def cut_at_areas(
    nodes: NDArray[np.float64], edges: gpd.GeoDataFrame, areas: NDArray[Any], *, merge_m: float = 1e-3
) -> tuple[NDArray[np.float64], gpd.GeoDataFrame, pd.DataFrame]:
    """Divide edges at the borders of polygons, so that each piece lies inside or outside of each.

    Parameters
    ----------
    areas : polygons; they may overlap. merge_m : borders closer than this to one another or to an end divide once.

    Returns
    -------
    (nodes, edges, inside) : inside has `edge` and `area`, the positions of each pair of a piece and an area it lies in.
    """
    if not len(areas) or not len(edges):
        return nodes, edges, pd.DataFrame({"edge": np.array([], np.int64), "area": np.array([], np.int64)})
    lines = edges.geometry.to_numpy()
    area, edge = shapely.STRtree(lines).query(areas, predicate="intersects")
    crossing = shapely.intersection(lines[edge], shapely.boundary(areas)[area])
    xy, pair = shapely.get_coordinates(crossing, return_index=True)
    cut = edge[pair]
    along = shapely.line_locate_point(lines[cut], shapely.points(xy)) if len(xy) else np.array([])
    node, divides, new = nodes_along(edges, cut, along, n_nodes=len(nodes), merge_m=merge_m)
    edges = cut_edges(edges, cut[divides], along[divides], node[divides])
    lines = edges.geometry.to_numpy()
    area, edge = shapely.STRtree(lines).query(areas, predicate="intersects")
    covered = shapely.length(shapely.intersection(lines[edge], areas[area]))
    # pieces meet borders within rounding and `merge_m`; a line that crosses itself there may keep a longer part inside
    length = shapely.length(lines[edge])
    middle = shapely.line_interpolate_point(lines[edge], 0.5, normalized=True)
    tiny = length <= 5 * merge_m  # a place on the road has a footpath of no length
    inside = np.where(tiny, shapely.contains_properly(areas[area], middle), covered > 5 * merge_m)
    pairs = pd.DataFrame({"edge": edge[inside], "area": area[inside]}).sort_values(["edge", "area"], ignore_index=True)
    return np.vstack([nodes, new]), edges, pairs
