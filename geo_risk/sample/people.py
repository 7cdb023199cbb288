"""Who lives where and how they get away: settlements, roads and bridges of the demo county, with their traps.

The traps: one bridge links a group of three villages to the rest; one village has no road; two villages have no
population figure. No other bridge cuts anybody off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_risk.sample.network import Network, choose_bridges, crossings, cut_off
from geo_risk.sample.roads import Lattice, RawRoad, main_roads, noded
from geo_risk.sample.settlements import (
    CLUSTER,
    OFF_NETWORK,
    VILLAGES,
    neighbourhood_sites,
    settlement_table,
    village_sites,
)
from geo_risk.sample.streams import count, stream

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

BRIDGES = 25
CULVERTS = 6
"""Crossings of streams that stay without a bridge at least; H1's dem_faults seals six of them."""
TOWNSHIPS = 6
APART_M = 700.0
_ROUNDS = 12

Array = NDArray[np.float64]


@dataclass(frozen=True)
class People:
    """Settlements and roads of a county.

    Attributes
    ----------
    settlements : table of `settlements.settlement_table`, TRUE people.
    roads : road_id, class, name, speed_km_h, bridge_id, geometry.
    bridges : bridge_id, road_id, name, geometry (Point).
    open_crossings : places where a road crosses a stream without a bridge: road_id, x, y, upslope_km2.
    network : graph of `roads`, same order.
    stops : node of each settlement, -1 where it is off the network.
    critical_bridge : the bridge whose loss cuts off `cut_off_ids`; None in a county too small for one.
    cut_off_ids, off_network_ids : settlements.
    """

    settlements: pd.DataFrame
    roads: gpd.GeoDataFrame
    bridges: gpd.GeoDataFrame
    open_crossings: pd.DataFrame
    network: Network
    stops: NDArray[np.int64]
    critical_bridge: str | None
    cut_off_ids: tuple[str, ...]
    off_network_ids: tuple[str, ...]


def make_people(ground: Ground) -> People:
    """Make settlements, roads and bridges on a ground; the same ground gives the same people."""
    rng = stream(ground.seed, "people.sites")
    n = max(CLUSTER + OFF_NETWORK + 4, count(VILLAGES, ground.size))
    sites = village_sites(ground, 4 * n, rng)
    main, spare = sites[: n - CLUSTER - OFF_NETWORK], sites[n - CLUSTER - OFF_NETWORK :]
    lattice = Lattice(ground)
    raw = main_roads(ground, lattice, main)
    cluster, link = _cluster(ground, lattice, raw, spare)
    raw += link
    hoods = neighbourhood_sites(ground, rng)
    special = np.arange(len(main), len(main) + CLUSTER)
    reached = np.concatenate([main, cluster, hoods])
    roads, spots, cuts = _without_weak_bridges(ground, lattice, raw, reached, special)
    villages = np.concatenate([main, cluster, _lonely(roads, spare, cluster)])
    points = np.concatenate([villages, hoods])
    critical = _critical(spots, cuts, special)
    chosen = choose_bridges(spots, cuts, critical=critical, number=count(BRIDGES, ground.size), spare=CULVERTS)
    roads, bridges, open_ = _with_bridges(roads, spots, chosen)
    network = Network.of(roads)
    table = settlement_table(villages, hoods, _townships(points, ground), seed=ground.seed)
    ids = table["settlement_id"].to_numpy()
    stops = network.attach(points)
    stops[len(villages) - OFF_NETWORK : len(villages)] = -1
    bridge = None if critical is None else str(bridges.loc[chosen["road"] == critical, "bridge_id"].iloc[0])
    return People(
        table, roads, bridges, open_, network, stops, bridge,
        () if critical is None else tuple(ids[special]), tuple(ids[stops < 0]),
    )  # fmt: skip


def _cluster(ground: Ground, lattice: Lattice, raw: list[RawRoad], spare: Array) -> tuple[Array, list[RawRoad]]:
    """Return three villages and the roads that link them to the rest over one crossing of a stream."""
    vertices = shapely.get_coordinates([r.line for r in raw])
    tree = cKDTree(vertices)
    away, _ = tree.query(spare)
    streams = shapely.STRtree(ground.streams.geometry.to_numpy())
    for first in np.argsort(-away, kind="stable"):
        near = np.argsort(np.hypot(*(spare - spare[first]).T), kind="stable")[: CLUSTER + 3]
        near = near[away[near] > APART_M / 2][:CLUSTER]
        if len(near) < CLUSTER:
            continue
        for gate in near:
            roads = _gated(lattice, spare[near], spare[gate], vertices[tree.query(spare[gate])[1]])
            if roads is not None and streams.query(roads[0].line, predicate="intersects").size:
                for road in roads:
                    nodes = [lattice.node(*c) for c in shapely.get_coordinates(road.line)]
                    lattice.used[tuple(np.array(nodes).T)] = True
                return spare[near], roads
    nearest = np.argsort(-away, kind="stable")[:CLUSTER]
    found = []
    for k in nearest:
        line = lattice.road(tuple(spare[k]), tuple(vertices[tree.query(spare[k])[1]]))
        found += [] if line is None else [RawRoad(line, "local", "村道")]
    return spare[nearest], found


def _gated(lattice: Lattice, group: Array, gate: Array, door: Array) -> list[RawRoad] | None:
    """Return the link from the gate village to the door, and roads inside the group that touch no other road."""
    link = lattice.road(tuple(gate), tuple(door), reuse=1.0, mark=False)
    if link is None:
        return None
    inner = []
    for place in group:
        line = None if (place == gate).all() else lattice.road(tuple(place), tuple(gate), reuse=50.0, mark=False)
        if line is not None:
            nodes = np.array([lattice.node(*c) for c in shapely.get_coordinates(line)])
            if lattice.used[tuple(nodes.T)].any():
                return None
            inner.append(line)
    coords = shapely.get_coordinates(link)
    touches = [k for k, c in enumerate(coords) if lattice.used[lattice.node(*c)]]
    if touches and touches[0] < 4:
        return None
    return [RawRoad(link, "local", "孤桥路")] + [RawRoad(line, "local", "村道") for line in inner]


def _lonely(roads: gpd.GeoDataFrame, spare: Array, cluster: Array) -> Array:
    """Return the one place that is farthest from every road."""
    tree = shapely.STRtree(roads.geometry.to_numpy())
    _, distance = tree.query_nearest(shapely.points(spare), return_distance=True, all_matches=False)
    taken = cKDTree(cluster).query(spare)[0] < 1.0
    return spare[[int(np.argmax(np.where(taken, -1.0, distance)))]]


def _without_weak_bridges(
    ground: Ground, lattice: Lattice, raw: list[RawRoad], points: Array, special: NDArray[np.int64]
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, dict[int, list[int]]]:
    """Node the roads; add detours until no crossing of the river, and few of streams, cut a settlement off."""
    wanted = count(BRIDGES, ground.size)
    names = set(special.tolist())
    for round_ in range(_ROUNDS):
        roads = noded(raw, points, ground.grid.crs)
        network = Network.of(roads)
        home = int(network.attach(points[-1:])[0])
        stops = network.attach(points)
        cuts = cut_off(network, home, stops)
        spots = crossings(roads, ground)
        good = spots[~spots["road"].isin(cuts)].drop_duplicates("road")
        weak = spots[spots["road"].isin(cuts)]
        weak = weak[np.array([not set(cuts[k]) & names for k in weak["road"]], dtype=bool)]
        rivers = weak[weak["water"] == "river"]
        if round_ == _ROUNDS - 1 or (rivers.empty and len(good) >= wanted + CULVERTS) or weak.empty:
            break
        todo = rivers if len(rivers) else weak.sort_values("upslope_km2", ascending=False).head(3)
        for road in dict.fromkeys(todo["road"]):
            line = _detour(lattice, points, cuts[int(road)], names)
            if line is not None:
                raw.append(RawRoad(line, "local", f"便道{len(raw)}"))
    return roads, spots, cuts


def _detour(lattice: Lattice, points: Array, lost: list[int], special: set[int]) -> shapely.LineString | None:
    """Return a second way between the settlements that are cut off and the nearest of the others."""
    inner = np.array(lost)
    outer = np.array([k for k in range(len(points)) if k not in special and k not in set(lost)])
    distance, k = cKDTree(points[outer]).query(points[inner])
    best = int(np.argmin(distance))
    return lattice.road(tuple(points[inner[best]]), tuple(points[outer[k[best]]]), reuse=5.0)


def _critical(spots: pd.DataFrame, cuts: dict[int, list[int]], special: NDArray[np.int64]) -> int | None:
    """Return the road (row number) that crosses water and whose loss cuts off exactly the group."""
    group = sorted(special.tolist())
    roads = [k for k, lost in cuts.items() if lost == group]
    found = spots[spots["road"].isin(roads)].sort_values(["upslope_km2", "road"], ascending=[False, True])
    return None if found.empty else int(found["road"].iloc[0])


def _with_bridges(
    roads: gpd.GeoDataFrame, spots: pd.DataFrame, chosen: pd.DataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, pd.DataFrame]:
    ids = [f"BR{k:04d}" for k in range(1, len(chosen) + 1)]
    by_road = dict(zip(chosen["road"], ids, strict=True))
    out = roads.assign(bridge_id=[by_road.get(k) for k in range(len(roads))])
    road_ids = roads["road_id"].to_numpy()
    names = [f"{roads['name'].iloc[k]}{i}号桥" for i, k in enumerate(chosen["road"], 1)]
    bridges = gpd.GeoDataFrame(
        {"bridge_id": ids, "road_id": road_ids[chosen["road"]], "name": names},
        geometry=gpd.points_from_xy(chosen["x"], chosen["y"]),
        crs=roads.crs,
    )
    rest = spots[(spots["water"] == "stream") & ~spots["road"].isin(by_road)]
    open_ = rest.assign(road_id=road_ids[rest["road"]])[["road_id", "x", "y", "upslope_km2"]].reset_index(drop=True)
    return out, bridges, open_


def _townships(points: Array, ground: Ground) -> NDArray[np.int64]:
    """Return the township of each settlement: 1 is the town's, the others gather around far-apart seats."""
    seats = [points[-1]]
    while len(seats) < count(TOWNSHIPS, ground.size, at_least=2):
        distance = cKDTree(np.array(seats)).query(points)[0]
        seats.append(points[int(np.argmax(distance))])
    out: NDArray[np.int64] = cKDTree(np.array(seats)).query(points)[1].astype(np.int64) + 1
    out[-25:] = 1
    return out
