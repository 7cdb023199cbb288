"""Dominators of a directed graph: what every way from the root to a node must pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def immediate_dominators(first: Any, other: Any, first_in: Any, other_in: Any, root: int) -> Any:
    """Return the last node that every way from the root to each node passes before it, and the nodes in DFS order.

    The simple version of Lengauer & Tarjan 1979 (ACM TOPLAS 1(1)), O(arcs log nodes), without recursion.

    Parameters
    ----------
    first, other : heads of the arcs by the node they leave. first_in, other_in : tails by the node they enter.
    root : node.

    Returns
    -------
    (dominator, order) : (nodes,) int64, -1 of the root and of nodes that no way reaches; the reached nodes, each
    behind its dominator.
    """
    n = len(first) - 1
    number = np.full(n, -1, dtype=np.int64)
    parent, order = np.full(n, -1, dtype=np.int64), np.empty(n, dtype=np.int64)
    at, stack = first[:-1].copy(), np.empty(n, dtype=np.int64)
    stack[0], number[root], order[0] = root, 0, root
    size, count = 1, 1
    while size > 0:
        v = stack[size - 1]
        if at[v] == first[v + 1]:
            size -= 1
            continue
        w = other[at[v]]
        at[v] += 1
        if number[w] < 0:
            number[w], parent[w], order[count] = count, v, w
            stack[size] = w
            size, count = size + 1, count + 1
    semi, best = number.copy(), np.arange(n)
    above = np.full(n, -1, dtype=np.int64)
    bucket, rest = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    out = np.full(n, -1, dtype=np.int64)
    for i in range(count - 1, 0, -1):
        w = order[i]
        for e in range(first_in[w], first_in[w + 1]):
            v = other_in[e]
            if number[v] >= 0:
                u = _lowest(v, above, semi, best, stack)
                semi[w] = min(semi[w], semi[u])
        b = order[semi[w]]
        rest[w], bucket[b] = bucket[b], w
        p = parent[w]
        above[w] = p
        v = bucket[p]
        while v >= 0:
            u = _lowest(v, above, semi, best, stack)
            out[v] = u if semi[u] < semi[v] else p
            v = rest[v]
        bucket[p] = -1
    for i in range(1, count):
        w = order[i]
        if out[w] != order[semi[w]]:
            out[w] = out[out[w]]
    return out, order[:count]


@njit(cache=True, nogil=True)
def _lowest(v: int, above: Any, semi: Any, best: Any, stack: Any) -> Any:
    """Return the node of least semi-dominator on the way up from v, and shorten that way."""
    if above[v] < 0:
        return best[v]
    size, node = 0, v
    while above[above[node]] >= 0:
        stack[size] = node
        size, node = size + 1, above[node]
    while size > 0:
        size -= 1
        node = stack[size]
        up = above[node]
        if semi[best[up]] < semi[best[node]]:
            best[node] = best[up]
        above[node] = above[up]
    return best[v]
