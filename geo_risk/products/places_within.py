"""As many people as can have a place within reach, those nearest to one first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from geo_risk.core.errors import DataError
from geo_risk.exposure.reach import Pairs

_BANDS = 6
"""Steps of minutes in which places are given out."""

Index = NDArray[np.int64]


def place_people(demand: Index, capacity: Index, pairs: Pairs) -> Index:
    """Return how many people of each pair's place go to its goal.

    Places are given out in steps of minutes, the nearest first, each step as a maximum flow on what the steps before
    left (augmenting paths may send somebody elsewhere but never take a place away: Ford & Fulkerson 1956). So in all as
    many people have a place as can have one, and in each step as many as can within its minutes.

    Parameters
    ----------
    demand : (places,) whole people >= 0. capacity : (goals,) whole places >= 0. pairs : who reaches what.

    Returns
    -------
    (pairs,) int64 : no goal above its capacity, no place above its demand.

    Raises
    ------
    DataError : numbers are negative, not whole, or too large for the flow (2^31).
    """
    d, c = _whole(demand, pairs.n_places), _whole(capacity, pairs.n_goals)
    flow = np.zeros(len(pairs.place), dtype=np.int64)
    if not len(flow):
        return flow
    near = (d[pairs.place] > 0) & (c[pairs.goal] > 0)
    if not near.any():
        return flow
    edges = np.quantile(pairs.minutes[near], np.linspace(0, 1, _BANDS + 1)[1:])
    for limit in np.unique(edges).tolist():
        offered = near & (pairs.minutes <= limit)
        flow[offered] = _augmented(d, c, pairs.place[offered], pairs.goal[offered], flow[offered])
    return flow


def _whole(values: Index, n: int) -> Index:
    v = np.asarray(values)
    good = len(v) == n and bool(((v >= 0) & (v == np.floor(v)) & (v < 2**31)).all())
    if not good or v.sum() >= 2**31:
        what = f"{len(v)} numbers of people or places for {n}: negative, not whole, NaN or more than 2^31 in all"
        raise DataError(what, where="siting", fix="leave unknown populations out of the demand")
    return v.astype(np.int64)


def _augmented(d: Index, c: Index, place: Index, goal: Index, flow: Index) -> Index:
    """Return the flow after as many more people as possible have a place, on the pairs offered."""
    n, m = len(d), len(c)
    source, sink = n + m, n + m + 1
    out_of = np.bincount(place, weights=flow, minlength=n).astype(np.int64)
    into = np.bincount(goal, weights=flow, minlength=m).astype(np.int64)
    rows = np.concatenate([np.full(n, source), place, n + goal, n + np.arange(m)])
    columns = np.concatenate([np.arange(n), n + goal, place, np.full(m, sink)])
    room = np.concatenate([d - out_of, np.minimum(d[place], c[goal]) - flow, flow, c - into])
    graph = csr_array((room.astype(np.int32), (rows, columns)), shape=(n + m + 2, n + m + 2))
    more = maximum_flow(graph, source, sink).flow
    return np.asarray(flow + np.asarray(more[place, n + goal]).ravel(), dtype=np.int64)
