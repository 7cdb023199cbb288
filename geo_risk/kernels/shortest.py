"""Shortest ways in a road graph: the k nearest sources of every node, and second ways of many homes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def nearest_labels(
    first: NDArray[np.int64],
    other: NDArray[np.int32],
    arc: NDArray[np.int64],
    cost: NDArray[np.float64],
    starts: NDArray[np.int64],
    offsets: NDArray[np.float64],
    k: int,
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int16]]:
    """The k starts of least cost of every node, and the first step of the way to each.

    One search from all starts at once in which every node is settled up to k times, by different starts (the k nearest
    neighbours of all nodes by network distance; Dijkstra 1959 with k labels a node). Of equal costs the start with the
    lower number counts first.

    Parameters
    ----------
    first, other, arc, cost : the arcs by the node they lead to: of node v those at first[v]:first[v + 1] come from
        `other`, have the number `arc` and cost >= 0 (inf: closed).
    starts, offsets : nodes where the search begins, and what is added to the cost of each.
    k : labels a node, >= 1.

    Returns
    -------
    (cost, start, arc, slot), each (nodes, k), in the order of cost: inf, -1, -1, 0 where there is no k-th start. `arc`
    is the first step from the node and `slot` the label of the node it leads to; -1 at the start itself.
    """
    n = len(first) - 1
    distance = np.full((n, k), np.inf)
    source = np.full((n, k), -1, dtype=np.int32)
    step = np.full((n, k), -1, dtype=np.int64)
    slot = np.zeros((n, k), dtype=np.int16)
    _labels(first, other, arc, cost, starts, offsets, distance, source, step, slot)
    return distance, source, step, slot


@njit(cache=True, nogil=True, inline="always")
def _before(key_a: Any, item_a: Any, key_b: Any, item_b: Any) -> Any:
    """Whether an entry of the heap comes before another: by cost, then by its number."""
    return key_a < key_b or (key_a == key_b and item_a < item_b)


@njit(cache=True, nogil=True)
def _push(key: Any, item: Any, size: int, cost: Any, number: Any) -> None:
    """Put an entry into a heap of four branches that has room."""
    i = size
    while i > 0:
        parent = (i - 1) >> 2
        if not _before(cost, number, key[parent], item[parent]):
            break
        key[i], item[i] = key[parent], item[parent]
        i = parent
    key[i], item[i] = cost, number


@njit(cache=True, nogil=True)
def _pop(key: Any, item: Any, size: int) -> None:
    """Take the first entry out of a heap; `size` counts those that stay."""
    cost, number = key[size], item[size]
    i = 0
    while True:
        child = 4 * i + 1
        if child >= size:
            break
        best = child
        for c in range(child + 1, min(child + 4, size)):
            if _before(key[c], item[c], key[best], item[best]):
                best = c
        if not _before(key[best], item[best], cost, number):
            break
        key[i], item[i] = key[best], item[best]
        i = best
    key[i], item[i] = cost, number


@njit(cache=True, nogil=True)
def _grown(values: Any) -> Any:
    out = np.empty(2 * len(values), dtype=values.dtype)
    out[: len(values)] = values
    return out


@njit(cache=True, nogil=True)
def _offer(distance: Any, source: Any, settled: Any, held: Any, to: Any, s: Any, total: Any) -> Any:
    """Return the label of a node that takes a new way to start s, -1 if the way is no better than what is known.

    The first `settled` labels of a node are final, those up to `held` the best known so far.
    """
    worst, at = -1, -1
    for j in range(held[to]):
        if source[to, j] == s:
            return j if j >= settled[to] and total < distance[to, j] else -1
        if j >= settled[to] and (worst < 0 or _before(distance[to, worst], source[to, worst],
                                                      distance[to, j], source[to, j])):  # fmt: skip
            worst = j
    if held[to] < distance.shape[1]:
        at = held[to]
        held[to] += 1
    elif worst >= 0 and _before(total, s, distance[to, worst], source[to, worst]):
        at = worst
    return at


@njit(cache=True, nogil=True)
def _labels(
    first: Any, other: Any, arc: Any, cost: Any, starts: Any, offsets: Any,
    distance: Any, source: Any, step: Any, slot: Any,
) -> None:  # fmt: skip
    n, k = distance.shape
    settled, held = np.zeros(n, dtype=np.int16), np.zeros(n, dtype=np.int16)
    room = max(1024, 2 * len(starts))
    key, item = np.empty(room), np.empty(room, dtype=np.int64)
    size = 0
    for s in range(len(starts)):
        if starts[s] >= 0 and offsets[s] < np.inf:
            j = _offer(distance, source, settled, held, starts[s], s, offsets[s])
            if j >= 0:
                distance[starts[s], j], source[starts[s], j] = offsets[s], s
                _push(key, item, size, offsets[s], (np.int64(s) << 32) | starts[s])
                size += 1
    while size > 0:
        reached, s, node = key[0], item[0] >> 32, item[0] & 0xFFFFFFFF
        size -= 1
        _pop(key, item, size)
        here = settled[node]
        j = here
        while j < held[node] and not (source[node, j] == s and distance[node, j] == reached):
            j += 1
        if j == held[node]:
            continue
        distance[node, here], distance[node, j] = distance[node, j], distance[node, here]
        source[node, here], source[node, j] = source[node, j], source[node, here]
        step[node, here], step[node, j] = step[node, j], step[node, here]
        slot[node, here], slot[node, j] = slot[node, j], slot[node, here]
        settled[node] = here + 1
        for e in range(first[node], first[node + 1]):
            to, total = other[e], reached + cost[e]
            if settled[to] == k or not total < np.inf:
                continue
            j = _offer(distance, source, settled, held, to, s, total)
            if j < 0:
                continue
            distance[to, j], source[to, j], step[to, j], slot[to, j] = total, s, arc[e], here
            if size == len(key):
                key, item = _grown(key), _grown(item)
            _push(key, item, size, total, (np.int64(s) << 32) | to)
            size += 1


@njit(cache=True, nogil=True)
def trace(nodes: Any, slots: Any, step: Any, slot: Any, head: Any) -> Any:
    """Return the arcs of the ways from nodes to the starts of their labels, one after another, and where each begins.

    Parameters
    ----------
    nodes, slots : node and label of each way; of a slot below 0 the way is empty. step, slot : of `nearest_labels`.
    head : (arcs,) the node to which each arc leads.
    """
    begins = np.zeros(len(nodes) + 1, dtype=np.int64)
    for i in range(len(nodes)):
        n, node, j = 0, nodes[i], slots[i]
        while j >= 0 and step[node, j] >= 0:
            a, j = step[node, j], slot[node, j]
            node, n = head[a], n + 1
        begins[i + 1] = begins[i] + n
    arcs = np.empty(begins[-1], dtype=np.int64)
    for i in range(len(nodes)):
        n, node, j = begins[i], nodes[i], slots[i]
        while j >= 0 and step[node, j] >= 0:
            a, j = step[node, j], slot[node, j]
            arcs[n] = a
            node, n = head[a], n + 1
    return arcs, begins


@njit(cache=True, nogil=True)
def second_ways(
    first: Any,
    other: Any,
    arc: Any,
    cost: Any,
    homes: Any,
    goal_of: Any,
    used_goal: Any,
    used_arcs: Any,
    used_begins: Any,
    factor: float,
) -> Any:
    """Return for each home the cheapest other goal when the edges of its first way cost `factor` times as much.

    Parameters
    ----------
    first, other, arc, cost : the arcs by the node they start from. homes : nodes, -1 for none.
    goal_of : (nodes,) number of the goal at each node, -1 for none. used_goal : goal of each first way, -1 for none.
    used_arcs, used_begins : arcs of the first ways as `trace` gives them; both directions of an edge count (2 e,
        2 e + 1).

    Returns
    -------
    (goal, arcs, begins) : -1 and no arcs where no other goal is reached.
    """
    n = len(first) - 1
    seen, best = np.full(n, -1, dtype=np.int64), np.empty(n)
    came, back = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int32)
    done = np.full(n, -1, dtype=np.int64)
    n_edges = 1
    for e in range(len(arc)):
        n_edges = max(n_edges, arc[e] // 2 + 1)
    of_way = np.full(n_edges, -1, dtype=np.int64)
    room = 1024
    key, item = np.empty(room), np.empty(room, dtype=np.int64)
    goals = np.full(len(homes), -1, dtype=np.int32)
    begins = np.zeros(len(homes) + 1, dtype=np.int64)
    arcs = np.empty(1024, dtype=np.int64)
    total = 0
    for h in range(len(homes)):
        begins[h + 1] = total
        if homes[h] < 0:
            continue
        for e in range(used_begins[h], used_begins[h + 1]):
            of_way[used_arcs[e] // 2] = h
        key[0], item[0] = 0.0, homes[h]
        size = 1
        seen[homes[h]], best[homes[h]], came[homes[h]] = h, 0.0, -1
        found = -1
        while size > 0:
            reached, node = key[0], item[0]
            size -= 1
            _pop(key, item, size)
            if done[node] == h:
                continue
            done[node] = h
            if goal_of[node] >= 0 and goal_of[node] != used_goal[h]:
                found = node
                break
            for e in range(first[node], first[node + 1]):
                to = other[e]
                far = reached + cost[e] * (factor if of_way[arc[e] // 2] == h else 1.0)
                if not far < np.inf or done[to] == h or (seen[to] == h and best[to] <= far):
                    continue
                seen[to], best[to], came[to], back[to] = h, far, arc[e], node
                if size == len(key):
                    key, item = _grown(key), _grown(item)
                _push(key, item, size, far, to)
                size += 1
        if found < 0:
            continue
        goals[h] = goal_of[found]
        start, node = total, found
        while came[node] >= 0:
            if total == len(arcs):
                arcs = _grown(arcs)
            arcs[total] = came[node]
            total, node = total + 1, back[node]
        arcs[start:total] = arcs[start:total][::-1].copy()
        begins[h + 1] = total
    return goals, arcs[:total], begins
