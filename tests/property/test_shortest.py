import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.kernels.dominators import immediate_dominators
from geo_risk.kernels.shortest import nearest_labels, second_ways, trace


def arcs(seed, n=14, m=40):
    """Random arcs without loops; costs are whole, so that ties occur and sums are exact."""
    rng = np.random.default_rng(seed)
    tail, head = rng.integers(0, n, (2, m))
    keep = tail != head
    return tail[keep].astype(np.int32), head[keep].astype(np.int32), rng.integers(1, 6, int(keep.sum())).astype(float)


def rows(key, other, cost, n):
    order = np.argsort(key, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=n))]).astype(np.int64)
    return first, other[order], order.astype(np.int64), cost[order]


def peer(tail, head, cost, n):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    for a, b, w in zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True):
        if not graph.has_edge(a, b) or graph[a][b]["weight"] > w:
            graph.add_edge(a, b, weight=w)
    return graph


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_the_k_nearest_are_those_of_networkx_and_the_ways_lead_there(seed, k):
    n = 14
    tail, head, cost = arcs(seed, n)
    rng = np.random.default_rng(seed + 1)
    starts = rng.choice(n, 5, replace=False).astype(np.int64)
    starts[0] = -1
    offsets = rng.integers(0, 4, 5).astype(float)
    offsets[1] = np.inf
    found = nearest_labels(*rows(head, tail, cost, n), starts, offsets, k)
    graph = peer(tail, head, cost, n).reverse()
    table = np.full((n, 5), np.inf)
    for s in range(2, 5):
        for node, far in nx.single_source_dijkstra_path_length(graph, int(starts[s])).items():
            table[node, s] = far + offsets[s]
    for node in range(n):
        order = np.lexsort((np.arange(5), table[node]))[:k]
        wanted = [(table[node, s], s) for s in order if np.isfinite(table[node, s])]
        got = [(c, s) for c, s in zip(found[0][node], found[1][node], strict=True) if s >= 0]
        assert got == wanted
    nodes, slots = np.nonzero(found[1] >= 0)
    way, begins = trace(nodes, slots, found[2], found[3], head)
    for i, (node, slot) in enumerate(zip(nodes, slots, strict=True)):
        part = way[begins[i] : begins[i + 1]]
        at = [int(node), *head[part].tolist()]
        assert tail[part].tolist() == at[:-1]
        start = found[1][node, slot]
        assert at[-1] == starts[start]
        assert cost[part].sum() + offsets[start] == found[0][node, slot]


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_dominators_are_those_of_networkx(seed):
    n = 14
    tail, head, cost = arcs(seed, n, 30)
    graph = peer(tail, head, cost, n)
    wanted = nx.immediate_dominators(graph, 0)
    out, order = immediate_dominators(*rows(tail, head, cost, n)[:2], *rows(head, tail, cost, n)[:2], 0)
    assert {int(v) for v in order} == set(nx.descendants(graph, 0)) | {0}
    for node in range(1, n):
        assert out[node] == wanted.get(node, -1)
    assert out[0] == -1
    place = {int(v): i for i, v in enumerate(order)}
    assert all(place[int(out[v])] < place[int(v)] for v in order[1:])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_second_way_is_the_cheapest_to_another_goal_with_dear_first_edges(seed):
    n = 14
    tail, head, cost = arcs(seed, n)
    rng = np.random.default_rng(seed)
    goal_of = np.full(n, -1, dtype=np.int64)
    goal_of[rng.choice(n, 3, replace=False)] = np.arange(3)
    first, other, number, weight = rows(tail, head, cost, n)
    number = 2 * number  # each arc is an edge of its own
    used = rng.choice(number, 4)
    home, main = int(rng.integers(n)), int(rng.integers(-1, 3))
    goals, way, begins = second_ways(first, other, number, weight, np.array([home, -1]), goal_of,
                                     np.array([main, main]), np.concatenate([used, used]), np.array([0, 4, 8]),
                                     5.0)  # fmt: skip
    dear = cost * np.where(np.isin(2 * np.arange(len(cost)), used), 5.0, 1.0)
    reach = nx.single_source_dijkstra_path_length(peer(tail, head, dear, n), home)
    best = min((reach[v] for v in reach if goal_of[v] >= 0 and goal_of[v] != main), default=np.inf)
    assert goals[1] == -1
    assert begins[2] == begins[1]
    if not np.isfinite(best):
        assert goals[0] == -1
        return
    part = way[: begins[1]] // 2
    at = [home, *head[part].tolist()]
    assert tail[part].tolist() == at[:-1]
    assert goal_of[at[-1]] == goals[0] != main
    assert dear[part].sum() == pytest.approx(best)
