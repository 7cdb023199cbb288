"""What the road network and the assignment cost: nearest shelters, candidates, the assignment, the failing of bridges.

    python -m benchmarks.network [--settlements 5000] [--shelters 200] [--edges 500000] [--repeats 5] [--peers]

The graph is made with a seed: junctions, half of them spread evenly and half around towns, over a square with a mean
distance of 640 m; their Euclidean minimum spanning tree (every place can be reached) and the shortest further sides of
their Delaunay triangles up to the number of edges, which is planar and has a mean degree of about 2.6, like rural
roads; each edge has a bend. Edges on the shortest ways between towns are of a higher class, 3 % of the others one-way
where the tree does not need them, 2 % are bridges. Settlements and shelters stand up to 300 m beside junctions; a
settlement has 20 to 2,000 people (log-normal), shelters hold 115 % of all in parts that differ tenfold.
--peers times networkx (and rustworkx where installed) on the same graph, and checks that the costs agree.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay

CRS = "EPSG:4546"
SPEED = {"trunk": 60.0, "primary": 50.0, "secondary": 40.0, "local": 20.0}


def roads(n_edges: int, seed: int) -> tuple[gpd.GeoDataFrame, np.ndarray]:
    """Return the lines and the junctions."""
    rng = np.random.default_rng(seed)
    n = int(n_edges / 1.3)
    side = 640.0 * np.sqrt(n)
    towns = rng.uniform(0, side, (60, 2))
    near = towns[rng.integers(0, 60, n // 2)] + rng.normal(0, side / 40, (n // 2, 2))
    xy = np.clip(np.vstack([rng.uniform(0, side, (n - n // 2, 2)), near]), 0, side)
    xy = np.unique(np.round(xy, 1), axis=0)
    n = len(xy)
    corners = np.sort(np.vstack([Delaunay(xy).simplices[:, p] for p in ([0, 1], [1, 2], [0, 2])]), axis=1)
    pair = np.unique(corners, axis=0)
    length = np.hypot(*(xy[pair[:, 0]] - xy[pair[:, 1]]).T)
    tree = minimum_spanning_tree(csr_array((length, pair.T), shape=(n, n))).tocoo()
    keys = pair[:, 0].astype(np.int64) * n + pair[:, 1]
    in_tree = np.isin(keys, np.minimum(tree.row, tree.col).astype(np.int64) * n + np.maximum(tree.row, tree.col))
    more = np.flatnonzero(~in_tree)
    more = more[np.argsort(length[more], kind="stable")][: n_edges - int(in_tree.sum())]
    chosen = np.sort(np.concatenate([np.flatnonzero(in_tree), more]))
    pair, length, in_tree = pair[chosen], length[chosen], in_tree[chosen]
    m = len(pair)
    # ways between towns carry the higher classes
    graph = csr_array((length, pair.T), shape=(n, n))
    town = np.array([int(np.argmin(np.hypot(*(xy - t).T))) for t in towns])
    use = np.zeros(m, dtype=np.int64)
    number = {(int(a), int(b)): e for e, (a, b) in enumerate(pair)}
    for i in range(0, 60, 6):
        before = dijkstra(graph, directed=False, indices=town[i], return_predecessors=True)[1]
        for goal in town:
            node = int(goal)
            while (up := int(before[node])) >= 0:
                use[number[min(node, up), max(node, up)]] += 1
                node = up
    kind = np.select([use > 20, use > 4, use > 0], ["trunk", "primary", "secondary"], "local")
    oneway = np.where(~in_tree & (kind == "local") & (rng.random(m) < 0.03), "yes", "no")
    bridge = np.where(rng.random(m) < 0.02, np.char.add("BR", np.arange(m).astype(str)), "")
    a, b = xy[pair[:, 0]], xy[pair[:, 1]]
    bend = (a + b) / 2 + rng.uniform(-0.15, 0.15, (m, 1)) * np.column_stack([a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]])
    lines = shapely.linestrings(np.stack([a, bend, b], axis=1))
    frame = {"road_id": np.char.add("R", np.char.zfill(np.arange(m).astype(str), 7)), "class": kind,
             "oneway": oneway, "bridge_id": bridge}  # fmt: skip
    return gpd.GeoDataFrame(frame, geometry=lines, crs=CRS), xy


def places(xy: np.ndarray, n: int, rng: np.random.Generator) -> gpd.GeoDataFrame:
    at = xy[rng.choice(len(xy), n, replace=False)] + rng.uniform(-200, 200, (n, 2))
    return gpd.GeoDataFrame(geometry=shapely.points(at), crs=CRS)


def timed(name: str, call: Callable[[], Any], repeats: int) -> Any:
    """Print the median of the wall time, and of the processor time: on a shared machine the latter tells more."""
    wall, cpu = [], []
    for _ in range(repeats):
        start, begun = time.perf_counter(), time.process_time()
        out = call()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - begun)
    print(f"{name:60s} wall {median(wall):7.2f} s, CPU {median(cpu):7.2f} s (medians of {repeats})", flush=True)
    return out


def assignment(asked: Any, network: Any, graph: Any, costs: Any, homes: Any, goals: Any, many: Any, rng: Any) -> None:
    """Time the assignment with places for 115 %, 102 % and 90 % of the people; a fifth of them is vulnerable."""
    import pandas as pd

    from geo_risk.products.closing import Closing
    from geo_risk.products.placing import place
    from geo_risk.products.routing import RoadOffers, Ways, backup_routes, main_routes, placeable

    none = Closing(*(np.array([], dtype=t) for t in (object, bool, object, float)))
    inside = pd.DataFrame({"edge": np.array([], np.int64), "area": np.array([], np.int64)})
    early = np.zeros(len(costs), dtype=bool)
    ways = Ways(network, costs, costs, early, graph, homes, goals, many, inside, none, 0.0, early)
    people = np.clip(rng.lognormal(5.3, 0.9, len(homes)), 20, 2000).astype(np.int64)
    parts = rng.uniform(0.2, 2, len(goals))
    rows = np.arange(len(homes))
    for share in asked.shares:
        capacity = (parts / parts.sum() * people.sum() * share).astype(np.int64)
        given = timed(
            f"assignment, places for {share:.0%}, villages kept together",
            lambda c=capacity: place(people, people // 5, c, RoadOffers(ways, rows), n_candidates=20,
                                     together_extra_min=15.0),
            asked.repeats,
        )  # fmt: skip
        best, whole = given.optimum, given.together
        most = placeable(ways, rows, people, capacity)
        print(f"   {best.n_rounds} rounds, {best.person_minutes:.0f} person-minutes, bound {best.bound:.0f}, gap "
              f"{best.gap:.1e}; unassigned {given.unassigned.sum()}, by maximum flow {people.sum() - most}; vulnerable "
              f"among them {given.unassigned_vulnerable.sum()}; divided {whole.n_split_before} -> {whole.n_split} for "
              f"{whole.price_person_minutes:.0f} person-minutes; over capacity "
              f"{int((whole.given.load(len(goals)) > capacity).sum())}")  # fmt: skip
        if share == max(asked.shares):
            main = timed("   main routes", lambda g=given: main_routes(ways, g.settlement, g.shelter), asked.repeats)
            first = {
                int(i): (int(j), main[1][int(i), int(j)]) for i, j in zip(given.settlement, given.shelter, strict=True)
            }
            used = np.array([first[i][0] for i in rows])
            arcs = [first[i][1] for i in rows]
            second = timed(
                "   second routes to another shelter", lambda u=used, a=arcs: backup_routes(ways, rows, u, a), 1
            )
            print(f"   {sum(b is not None for b in second)} found")


def bridges(network: Any, homes: Any, goals: Any, repeats: int) -> None:
    from geo_risk.exposure.network import is_connected, single_failures

    every = np.ones(len(network.edges), dtype=bool)
    found = timed("bridges that cut off, each alone", lambda: single_failures(network, every, homes, goals), repeats)
    n = int((network.edges["bridge_id"].fillna("") != "").sum())
    timed(f"   one of {n} by a search of its own", lambda: is_connected(network, every, homes, goals), 1)
    print(f"   {len(found.bridges)} settlements hang on a bridge")


def least(graph: Any) -> csr_array:
    """Return the matrix of the arcs against their direction, of parallel ones the cheapest: csr_array adds them up."""
    order = np.lexsort((graph.cost, graph.tail, graph.head))
    pair = graph.head[order].astype(np.int64) * graph.n_nodes + graph.tail[order]
    order = order[np.unique(pair, return_index=True)[1]]
    return csr_array((graph.cost[order], (graph.head[order], graph.tail[order])), shape=(graph.n_nodes,) * 2)


def peers(graph: Any, homes: Any, goals: Any, found: Any, many: Any) -> None:
    import networkx as nx

    other = nx.DiGraph()
    timed("networkx: build", lambda: other.add_weighted_edges_from(
        zip(graph.head.tolist(), graph.tail.tolist(), graph.cost.tolist(), strict=True)), 1)  # fmt: skip
    near = timed("networkx: multi-source Dijkstra with ways",
                 lambda: nx.multi_source_dijkstra(other, set(goals.tolist())), 1)[0]  # fmt: skip
    ours = found.cost[homes, 0]
    print(f"   greatest difference {max(abs(near[h] - c) for h, c in zip(homes.tolist(), ours, strict=True)):.1e} min")
    start = time.process_time()
    table = np.full((10, len(homes)), np.inf)
    for row, goal in enumerate(goals[:10].tolist()):
        reached = nx.single_source_dijkstra_path_length(other, goal)
        table[row] = [reached[h] for h in homes.tolist()]
    spent = time.process_time() - start
    print(f"networkx: 10 of {len(goals)} shelters one by one CPU {spent:.1f} s, all {spent * len(goals) / 10:.0f} s")
    matrix = least(graph)
    full = timed("scipy: dijkstra from every shelter", lambda: dijkstra(matrix, indices=goals)[:, homes], 1)
    nearest = np.sort(full, axis=0)[: many.cost.shape[1]].T
    print(f"   20 nearest: greatest difference {np.abs(nearest - many.cost[homes]).max():.1e} min")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("settlements", 5000), ("shelters", 200), ("edges", 500_000), ("repeats", 5), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--shares", type=float, nargs="*", default=(1.15, 1.02, 0.9), help="places to people")
    parser.add_argument("--searches", type=int, default=None, help="repeats of the searches, if others than --repeats")
    asked = parser.parse_args()

    from geo_risk.exposure.network import build_network, edge_costs, join_places, nearest_goals
    from geo_risk.exposure.paths import graph_of, make_routes

    lines, xy = roads(asked.edges, asked.seed)
    rng = np.random.default_rng(asked.seed + 1)
    homes_at, shelters_at = places(xy, asked.settlements, rng), places(xy, asked.shelters, rng)
    print(f"{len(lines)} edges, {len(xy)} junctions, mean degree {2 * len(lines) / len(xy):.2f}")
    network = timed("build the network", lambda: build_network(lines, speed_km_h=SPEED, snap_m=1.0), 1)
    both = gpd.GeoDataFrame(geometry=np.concatenate([homes_at.geometry, shelters_at.geometry]), crs=CRS)
    network, node = timed("join the places", lambda: join_places(network, both, max_distance_m=1000, walking_km_h=4), 1)
    homes, goals = node[: asked.settlements], node[asked.settlements :]
    costs = edge_costs(network, exposed_factor=1.0)
    graph = timed("arcs", lambda: graph_of(network, costs), 1)
    nearest_goals(graph, goals[:1])  # compiles
    zeros = np.zeros(len(homes), dtype=np.int64)

    def nearest() -> Any:
        found = nearest_goals(graph, goals)
        return found, found.arcs(homes, zeros)

    n = asked.searches or asked.repeats
    found, (arcs, begins) = timed("nearest shelter of every node, the way of every settlement", nearest, n)
    print(f"   {len(arcs)} arcs in {len(homes)} ways")
    timed("   their lines, lengths and times", lambda: make_routes(network, graph, arcs, begins, homes), n)
    many = timed("20 nearest shelters of every node", lambda: nearest_goals(graph, goals, k=20), n)
    print(f"   reached {np.isfinite(many.cost[homes]).sum()} of {20 * len(homes)}")
    assignment(asked, network, graph, costs, homes, goals, many, rng)
    bridges(network, homes, goals, asked.repeats)
    if asked.peers:
        peers(graph, homes, goals, found, many)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024:.2f} GB")


if __name__ == "__main__":
    main()
