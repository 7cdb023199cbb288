"""The road network: least-cost village roads on a lattice, the trunk road and the streets, noded together."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay, cKDTree

from geo_risk.sample.settlements import LATTICE_CELLS

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

SPEED_KM_H = {"trunk": 80.0, "primary": 60.0, "secondary": 40.0, "local": 20.0}
RANK = {"trunk": 0, "primary": 1, "secondary": 2, "local": 3}
ANCHOR_M = 600.0
"""Spacing of the places where village roads may join the trunk road."""
RIVER_DETOUR_M = 4000.0
STREAM_DETOUR_M = 120.0
MARGIN_M = 900.0
NODE_M = 0.01
"""Lines are noded on a grid of this size, so that ends that meet are equal."""

Array = NDArray[np.float64]
Node = tuple[int, int]


@dataclass
class Lattice:
    """Where roads can run: centres of every second cell, with the cost of a metre there.

    Attributes
    ----------
    ground : the county.
    cost : (y, x) per lattice node, 1 on flat ground, more on slopes, much more in the river.
    used : nodes that already carry a road.
    """

    ground: Ground
    cost: Array = field(init=False)
    used: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        step = LATTICE_CELLS
        slope = self.ground.slope_deg[::step, ::step].astype(np.float64)
        self.cost = 1 + (slope / 9.0) ** 2
        cell = step * self.ground.grid.resolution_m
        wet = self.ground.river_distance_m[::step, ::step] < max(cell, 0.6 * self.ground.river_width_m)
        self.cost[wet] += RIVER_DETOUR_M / cell / 2
        self.cost[self.ground.upslope_m2[::step, ::step] > 1.0e6] += STREAM_DETOUR_M / cell
        self.used = np.zeros(self.cost.shape, dtype=bool)

    def node(self, x: float, y: float) -> Node:
        """Return the lattice node nearest to a place."""
        t, step = self.ground.grid.transform, LATTICE_CELLS
        row = round(((y - t.f) / t.e - 0.5) / step)
        column = round(((x - t.c) / t.a - 0.5) / step)
        return min(max(row, 0), self.cost.shape[0] - 1), min(max(column, 0), self.cost.shape[1] - 1)

    def place(self, node: Node) -> tuple[float, float]:
        """Return the x, y of a lattice node."""
        x, y = self.ground.grid.transform * (node[1] * LATTICE_CELLS + 0.5, node[0] * LATTICE_CELLS + 0.5)
        return float(x), float(y)

    def road(
        self, start: tuple[float, float], end: tuple[float, float], *, reuse: float = 0.35, mark: bool = True
    ) -> shapely.LineString | None:
        """Return the cheapest way between two places over lattice nodes; None where they are the same node.

        Parameters
        ----------
        start, end : x, y. The line begins and ends exactly there.
        reuse : factor on the cost of nodes that carry a road already (above 1: keep away from them).
        mark : remember the nodes of this way as used.
        """
        a, b = self.node(*start), self.node(*end)
        margin = int(np.ceil(MARGIN_M / (LATTICE_CELLS * self.ground.grid.resolution_m)))
        r0, c0 = max(0, min(a[0], b[0]) - margin), max(0, min(a[1], b[1]) - margin)
        r1, c1 = max(a[0], b[0]) + margin + 1, max(a[1], b[1]) + margin + 1
        window = self.cost[r0:r1, c0:c1] * np.where(self.used[r0:r1, c0:c1], reuse, 1.0)
        nodes = _cheapest(window, (a[0] - r0, a[1] - c0), (b[0] - r0, b[1] - c0))
        nodes = [(r + r0, c + c0) for r, c in nodes]
        if mark:
            self.used[tuple(np.array(nodes).T)] = True
        points = [start, *(self.place(n) for n in nodes), end]
        kept = [points[0], *(p for q, p in pairwise(points) if p != q)]
        return shapely.LineString(kept) if len(kept) > 1 else None


def _cheapest(cost: Array, start: Node, end: Node) -> list[Node]:
    n_y, n_x = cost.shape
    index = np.arange(n_y * n_x).reshape(n_y, n_x)
    sources, targets, weights = [], [], []
    for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, n_y - dr), slice(max(0, -dc), n_x - max(0, dc)))
        b = (slice(dr, n_y), slice(max(0, dc), n_x + min(0, dc)))
        sources.append(index[a].ravel())
        targets.append(index[b].ravel())
        weights.append((0.5 * (cost[a] + cost[b]) * np.hypot(dr, dc)).ravel())
    graph = csr_matrix(
        (np.concatenate(weights), (np.concatenate(sources), np.concatenate(targets))), shape=(cost.size, cost.size)
    )
    first, last = index[start], index[end]
    _, before = dijkstra(graph, directed=False, indices=first, return_predecessors=True)
    way = [int(last)]
    while way[-1] != first:
        way.append(int(before[way[-1]]))
    return [(k // n_x, k % n_x) for k in reversed(way)]


@dataclass(frozen=True)
class RawRoad:
    """A line before noding."""

    line: shapely.LineString
    road_class: str
    name: str


def main_roads(ground: Ground, lattice: Lattice, villages: Array) -> list[RawRoad]:
    """Return trunk, streets and village roads: a least tree over the villages, and loops."""
    trunk = shapely.segmentize(ground.trunk_road, ANCHOR_M)
    raw = [RawRoad(trunk, "trunk", "国道")]
    raw += [RawRoad(g, str(c), f"街道{i}") for i, c, g in _streets(ground)]
    anchors = np.array(trunk.coords)[:, :2]
    anchors = anchors[_inside(ground, anchors)]
    points = np.concatenate([villages, anchors])
    for k, (i, j) in enumerate(_edges(points, len(villages), ground)):
        line = lattice.road(tuple(points[i]), tuple(points[j]))
        if line is not None:
            rank = "secondary" if k % 3 == 0 or max(i, j) >= len(villages) else "local"
            raw.append(RawRoad(line, rank, f"{'县道' if rank == 'secondary' else '乡道'}{k + 1:03d}"))
    return raw


def _streets(ground: Ground) -> list[tuple[str, str, shapely.LineString]]:
    frame = ground.town.streets
    return list(zip(frame["street_id"], frame["class"], frame.geometry, strict=True))


def _inside(ground: Ground, points: Array) -> NDArray[np.bool_]:
    left, bottom, right, top = ground.grid.bounds
    rim = 150.0
    inside: NDArray[np.bool_] = (points[:, 0] > left + rim) & (points[:, 0] < right - rim)
    return inside & (points[:, 1] > bottom + rim) & (points[:, 1] < top - rim)


def _edges(points: Array, n_villages: int, ground: Ground) -> list[tuple[int, int]]:
    """Return pairs of points to link: the least tree over Delaunay neighbours, then the shortest other ones."""
    triangles = Delaunay(points).simplices
    pairs = np.unique(
        np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1), axis=0
    )
    length = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    lines = shapely.linestrings(points[pairs])
    crosses = shapely.intersects(lines, ground.river)
    on_trunk = (pairs >= n_villages).all(axis=1)
    weight = np.where(on_trunk, 1e-3, length * np.where(crosses, 4.0, 1.0))
    n = len(points)
    tree = minimum_spanning_tree(csr_matrix((weight, (pairs[:, 0], pairs[:, 1])), shape=(n, n))).tocoo()
    in_tree = {(int(min(i, j)), int(max(i, j))) for i, j in zip(tree.row, tree.col, strict=True)}
    ours = [(int(i), int(j)) for i, j in pairs[~on_trunk]]
    links = [e for e in ours if e in in_tree]
    others = [
        (weight[~on_trunk][k], e) for k, e in enumerate(ours) if e not in in_tree and _links_villages(e, n_villages)
    ]
    others.sort()
    return links + [e for _, e in others[: round(0.9 * n_villages)]]


def _links_villages(edge: tuple[int, int], n_villages: int) -> bool:
    return min(edge) < n_villages


def nearest_on(lines: list[RawRoad], x: float, y: float) -> tuple[float, float]:
    """Return the nearest vertex of the given roads."""
    points = shapely.get_coordinates([r.line for r in lines])
    _, k = cKDTree(points).query([x, y])
    return float(points[k, 0]), float(points[k, 1])


def noded(raw: list[RawRoad], stops: Array, crs: str) -> gpd.GeoDataFrame:
    """Return the roads cut wherever two meet, each piece with the highest class that runs there.

    Parameters
    ----------
    raw : lines that may cross and run together.
    stops : (n, 2) places on the roads that become nodes too (villages).
    crs : of the lines.

    Returns
    -------
    GeoDataFrame road_id, class, name, speed_km_h, geometry: LineStrings that share end points exactly.
    """
    lines = np.array([r.line for r in raw], dtype=object)
    union = shapely.unary_union(lines, grid_size=NODE_M)
    pieces = _split_at(list(shapely.get_parts(shapely.line_merge(union))), stops)
    tree = shapely.STRtree(lines)
    middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    piece_of, line_of = tree.query(middle, predicate="dwithin", distance=0.5)
    best: dict[int, int] = {}
    for p, k in zip(piece_of, line_of, strict=True):
        if p not in best or RANK[raw[k].road_class] < RANK[raw[best[p]].road_class]:
            best[int(p)] = int(k)
    rows = [(pieces[p], raw[k]) for p, k in sorted(best.items())]
    geometry = shapely.simplify([g for g, _ in rows], 12.0)
    classes = [r.road_class for _, r in rows]
    return gpd.GeoDataFrame(
        {
            "road_id": [f"RD{k:05d}" for k in range(1, len(rows) + 1)],
            "class": classes,
            "name": [r.name for _, r in rows],
            "speed_km_h": [SPEED_KM_H[c] for c in classes],
        },
        geometry=list(geometry),
        crs=crs,
    )


def _split_at(lines: list[shapely.LineString], stops: Array) -> NDArray[np.object_]:
    """Return the lines, cut at those of their inner vertices that are stops."""
    wanted = {(round(x, 2), round(y, 2)) for x, y in stops}
    out: list[shapely.LineString] = []
    for line in lines:
        coords = shapely.get_coordinates(line)
        marks = [k for k in range(1, len(coords) - 1) if (round(coords[k, 0], 2), round(coords[k, 1], 2)) in wanted]
        ends = [0, *marks, len(coords) - 1]
        out += [shapely.LineString(coords[a : b + 1]) for a, b in pairwise(ends)]
    return np.array(out, dtype=object)
