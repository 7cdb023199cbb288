"""People to shelters: the cheapest assignment that leaves as few as possible without a place, solved exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from geo_risk.core.errors import DataError

_TOLERANCE = 1e-7
_MAX_ROUNDS = 50


@dataclass(frozen=True)
class Assignment:
    """How many people of each settlement go to each shelter.

    Attributes
    ----------
    people : (settlements, shelters) int64.
    unassigned : (settlements,) int64, people without a place.
    cost : total of people times cost [person-minutes].
    n_rounds : times the program was solved until no pair left out could make it cheaper.
    """

    people: NDArray[np.int64]
    unassigned: NDArray[np.int64]
    cost: float
    n_rounds: int


def assign(demand: ArrayLike, capacity: ArrayLike, cost: ArrayLike, *, n_candidates: int) -> Assignment:
    """Assign whole people to shelters: most people first, then least cost.

    The transport problem (a minimum-cost flow with whole-number optimal corners) is solved by HiGHS' dual simplex on
    each settlement's cheapest shelters; pairs that were left out enter while their reduced cost is negative, so the
    result is the optimum over all pairs (column generation, Dantzig & Wolfe 1960).

    Parameters
    ----------
    demand : (settlements,) whole people >= 0.
    capacity : (shelters,) whole places >= 0.
    cost : (settlements, shelters) >= 0, e.g. minutes; inf where there is no way.
    n_candidates : cheapest shelters offered to each settlement at first.

    Returns
    -------
    Assignment : no shelter holds more than its capacity; each settlement's people and unassigned add up to its
        demand; the number of unassigned people is the demand that a maximum flow cannot carry.

    Raises
    ------
    DataError : numbers are negative, not whole or NaN, shapes do not fit, or the solver finds no optimum.
    """
    d, c, w = (np.asarray(v, dtype=np.float64) for v in (demand, capacity, cost))
    _check(d, c, w)
    pairs = _nearest(w, n_candidates) & (d > 0)[:, None] & (c > 0)[None, :]
    allowed = np.isfinite(w) & (d > 0)[:, None] & (c > 0)[None, :]
    missing = 1.0 + (float(w[allowed].max()) if allowed.any() else 0.0) * (min(w.shape) + 1)
    n_rounds = 0
    is_optimal = False
    while not is_optimal:
        n_rounds += 1
        if n_rounds > _MAX_ROUNDS:
            what = f"the assignment of {len(d)} settlements to {len(c)} shelters did not settle in {_MAX_ROUNDS} rounds"
            raise DataError(what, where="evacuation", fix="raise evacuation.n_candidates")
        flow, price_of_settlement, price_of_shelter = _solve(d, c, w, pairs, missing)
        reduced = np.where(allowed & ~pairs, w - price_of_settlement[:, None] - price_of_shelter[None, :], np.inf)
        pairs |= reduced < -_TOLERANCE
        is_optimal = not (reduced < -_TOLERANCE).any()
    people = np.rint(flow).astype(np.int64)
    unassigned = d.astype(np.int64) - people.sum(axis=1)
    if (unassigned < 0).any() or (people.sum(axis=0) > c).any():
        what = "the assignment came back with parts of people that do not round to whole ones"
        raise DataError(what, where="evacuation", fix="report this case: it is a bug")
    total = float((people * np.where(people > 0, w, 0.0)).sum())
    return Assignment(people, unassigned, total, n_rounds)


def _check(demand: NDArray[np.float64], capacity: NDArray[np.float64], cost: NDArray[np.float64]) -> None:
    whole = all(((v >= 0) & np.isfinite(v) & (v == np.floor(v))).all() for v in (demand, capacity))
    if not (whole and cost.shape == (len(demand), len(capacity)) and (cost >= 0).all()):
        what = f"demand {demand.shape}, capacity {capacity.shape}, cost {cost.shape} hold NaN, negative or part numbers"
        raise DataError(what, where="evacuation", fix="leave unknown populations out of the demand; cost inf = no way")


def _nearest(cost: NDArray[np.float64], n: int) -> NDArray[np.bool_]:
    out = np.zeros(cost.shape, dtype=bool)
    order = np.argsort(cost, axis=1, kind="stable")[:, :n]
    np.put_along_axis(out, order, values=True, axis=1)
    out &= np.isfinite(cost)
    return out


def _solve(
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64],
    cost: NDArray[np.float64],
    pairs: NDArray[np.bool_],
    missing: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Solve on the offered pairs; `missing` is the price of a person without a place. Return flow and dual prices."""
    i, j = np.nonzero(pairs)
    n, m, k = len(demand), len(capacity), len(i)
    ones, columns = np.ones(k), np.arange(k)
    left = csr_array((np.append(ones, np.ones(n)), (np.append(i, np.arange(n)), np.arange(k + n))), shape=(n, k + n))
    places = csr_array((ones, (j, columns)), shape=(m, k + n))
    price = np.append(cost[i, j], np.full(n, missing))
    result = linprog(price, A_eq=left, b_eq=demand, A_ub=places, b_ub=capacity, method="highs-ds")
    if result.status != 0:
        what = f"the solver ended with: {result.message}"
        raise DataError(what, where="evacuation", fix="report this case: an optimum always exists here")
    flow = np.zeros(cost.shape)
    flow[i, j] = result.x[:k]
    return flow, np.asarray(result.eqlin.marginals), np.asarray(result.ineqlin.marginals)


def most_people(demand: ArrayLike, capacity: ArrayLike, can_reach: ArrayLike) -> int:
    """Return how many people can have a place at all: the maximum flow from settlements to shelters.

    Parameters
    ----------
    demand, capacity : whole numbers >= 0, (settlements,) and (shelters,).
    can_reach : (settlements, shelters) bool.
    """
    from scipy.sparse.csgraph import maximum_flow

    d, c = (np.asarray(v, dtype=np.int32) for v in (demand, capacity))
    reach = np.asarray(can_reach, dtype=bool)
    n, m = reach.shape
    source, sink = n + m, n + m + 1
    i, j = np.nonzero(reach)
    rows = np.concatenate([np.full(n, source), i, n + np.arange(m)])
    columns = np.concatenate([np.arange(n), n + j, np.full(m, sink)])
    values = np.concatenate([d, np.minimum(d[i], c[j]), c]).astype(np.int32)
    graph = csr_array((values, (rows, columns)), shape=(n + m + 2, n + m + 2))
    return int(maximum_flow(graph, source, sink).flow_value)
