"""People to shelters: the cheapest assignment that leaves as few as possible without a place, proved by its dual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from geo_risk.core.errors import DataError

_TOLERANCE = 1e-7
_MAX_ROUNDS = 200
_A_ROUND = 4
"""Pairs of each settlement that enter at once at most: fewer rounds for a search that costs a little more."""

_WHOLE = 1e-4
"""A number of people this close to a whole one is that."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of a settlement and a shelter with the cost of each [min a person]."""

    settlement: NDArray[np.int64]
    shelter: NDArray[np.int64]
    cost: NDArray[np.float64]


class Offers(Protocol):
    """Who can go where at what cost, asked for in parts: the table of all pairs of a province does not fit."""

    def nearest(self, k: int) -> Pairs:
        """Return the k cheapest shelters of each settlement, fewer where it reaches fewer."""

    def cheapest(self, price: NDArray[np.float64], k: int = 1) -> Pairs:
        """Return the k shelters of least cost plus price of each settlement, the best first; fewer where it reaches fewer.

        price : (shelters,) [min] >= 0; shelters of infinite price are passed over.
        """

    def highest_cost(self) -> float:
        """Return a bound that no finite cost of any pair exceeds [min]."""


@dataclass(frozen=True)
class Assignment:
    """How many people of each settlement go to each shelter.

    Attributes
    ----------
    settlement, shelter, people, cost : (used pairs,) in the order of settlement, then shelter; cost [min a person].
    unassigned : (settlements,) int64, people without a place.
    person_minutes : total of people times cost.
    bound : no assignment that places as many has fewer person-minutes: the value of the dual.
    n_rounds : times the program was solved until no pair left out could make it cheaper.
    """

    settlement: NDArray[np.int64]
    shelter: NDArray[np.int64]
    people: NDArray[np.int64]
    cost: NDArray[np.float64]
    unassigned: NDArray[np.int64]
    person_minutes: float
    bound: float
    n_rounds: int

    @property
    def gap(self) -> float:
        """Person-minutes above the bound, as a share of it: 0 is proved optimal."""
        return max(0.0, self.person_minutes - self.bound) / max(1.0, abs(self.bound))

    def load(self, n_shelters: int) -> NDArray[np.int64]:
        """Return the people at each shelter."""
        out = np.zeros(n_shelters, dtype=np.int64)
        np.add.at(out, self.shelter, self.people)
        return out


@dataclass(frozen=True)
class Table:
    """Offers of a whole table of costs, (settlements, shelters) [min], inf where there is no way: for small cases."""

    cost: NDArray[np.float64]

    def nearest(self, k: int) -> Pairs:
        """Return the k cheapest shelters of each settlement."""
        order = np.argsort(self.cost, axis=1, kind="stable")[:, :k]
        return self._pairs(np.repeat(np.arange(len(order)), order.shape[1]), order.reshape(-1))

    def cheapest(self, price: NDArray[np.float64], k: int = 1) -> Pairs:
        """Return the k shelters of least cost plus price of each settlement, the best first."""
        order = np.argsort(self.cost + price[None, :], axis=1, kind="stable")[:, :k]
        found = self._pairs(np.repeat(np.arange(len(order)), order.shape[1]), order.reshape(-1))
        keep = np.isfinite(price[found.shelter])
        return Pairs(found.settlement[keep], found.shelter[keep], found.cost[keep])

    def highest_cost(self) -> float:
        """Return the highest finite cost."""
        finite = self.cost[np.isfinite(self.cost)]
        return float(finite.max()) if len(finite) else 0.0

    def _pairs(self, settlement: NDArray[np.int64], shelter: NDArray[np.int64]) -> Pairs:
        cost = self.cost[settlement, shelter]
        if np.isnan(cost).any():
            what = "the table of costs holds NaN"
            raise DataError(what, where="evacuation", fix="cost inf = no way")
        keep = np.isfinite(cost)
        return Pairs(settlement[keep], shelter[keep], cost[keep])


def assign(
    demand: ArrayLike,
    capacity: ArrayLike,
    offers: Offers,
    *,
    n_candidates: int,
    precedence: ArrayLike | None = None,
) -> Assignment:
    """Assign whole people to shelters: most people first, then fewest person-minutes.

    The transport problem (a minimum-cost flow with whole-number optimal corners) is solved by HiGHS (interior point,
    then crossover to a corner) on each settlement's cheapest shelters. Then each settlement is asked for the shelter of
    least cost plus the shelter's dual price (and the next best ones), by one search over the roads; pairs that would
    make the plan cheaper enter, and it is solved again (column generation, Dantzig & Wolfe 1960). The last prices prove the optimum over all
    pairs: `bound`.

    Parameters
    ----------
    demand : (groups,) whole people >= 0; a group is a settlement or a part of one.
    capacity : (shelters,) whole places >= 0.
    offers : costs of the pairs.
    n_candidates : cheapest shelters offered to each settlement at first.
    precedence : (groups,) whole numbers >= 1: of as many people as can be placed at all, as many as can be of the
        groups of higher precedence are (the sets that flows can place form a matroid, so no place is lost by that).

    Returns
    -------
    Assignment : no shelter holds more than its capacity; each settlement's people and unassigned add up to its
        demand; the number of unassigned people is the demand that a maximum flow cannot carry.

    Raises
    ------
    DataError : numbers are negative, not whole or NaN, or the solver finds no optimum.
    """
    d, c = (np.asarray(v, dtype=np.float64) for v in (demand, capacity))
    rank = np.ones(len(d)) if precedence is None else np.asarray(precedence, dtype=np.float64)
    _check(d, c, rank)
    n, m = len(d), len(c)
    has_places = np.where(c > 0, 0.0, np.inf)
    pairs = _kept(offers.nearest(n_candidates), d, c) if n and m else _none()
    # a person without a place costs more than any chain of people who change shelters to make room
    missing = (1.0 + offers.highest_cost() * (min(n, m) + 1)) * rank
    for n_rounds in range(1, _MAX_ROUNDS + 1):
        flow, of_settlement, of_shelter = _solve(d, c, pairs, missing)
        price = np.maximum(0.0, -of_shelter) + has_places
        best = _kept(offers.cheapest(price, _A_ROUND), d, c) if n and m else _none()
        least = missing.copy()
        reduced = best.cost + price[best.shelter]
        np.minimum.at(least, best.settlement, reduced)
        bound = float(d @ least - c[c > 0] @ price[c > 0])
        better = reduced < of_settlement[best.settlement] - _TOLERANCE * max(1.0, float(missing.max(initial=0.0)) / 1e4)
        more = _new(best, better, pairs, m)
        if not len(more.settlement):
            return _rounded(d, c, pairs, flow, missing, bound, n_rounds)
        if n_rounds == 1:
            pairs = _cheap(pairs, pairs.cost + price[pairs.shelter] - of_settlement[pairs.settlement])
        pairs = Pairs(
            np.concatenate([pairs.settlement, more.settlement]),
            np.concatenate([pairs.shelter, more.shelter]),
            np.concatenate([pairs.cost, more.cost]),
        )
    what = f"the assignment of {n} settlements to {m} shelters did not settle in {_MAX_ROUNDS} rounds"
    raise DataError(what, where="evacuation", fix="raise evacuation.n_candidates")


def _check(demand: NDArray[np.float64], capacity: NDArray[np.float64], rank: NDArray[np.float64]) -> None:
    whole = all(((v >= 0) & np.isfinite(v) & (v == np.floor(v))).all() for v in (demand, capacity, rank))
    if not (whole and rank.shape == demand.shape and (rank >= 1).all()):
        what = f"demand {demand.shape} or capacity {capacity.shape} holds NaN, negative or part numbers"
        raise DataError(what, where="evacuation", fix="leave unknown populations out of the demand; cost inf = no way")


def _none() -> Pairs:
    return Pairs(np.array([], dtype=np.int64), np.array([], dtype=np.int64), np.array([], dtype=np.float64))


def _kept(pairs: Pairs, demand: NDArray[np.float64], capacity: NDArray[np.float64]) -> Pairs:
    if not (pairs.cost >= 0).all():
        what = "the costs of the assignment hold NaN or negative numbers"
        raise DataError(what, where="evacuation", fix="report this case: travel takes time")
    keep = (demand[pairs.settlement] > 0) & (capacity[pairs.shelter] > 0) & np.isfinite(pairs.cost)
    return Pairs(pairs.settlement[keep], pairs.shelter[keep], pairs.cost[keep])


def _cheap(pairs: Pairs, reduced: NDArray[np.float64]) -> Pairs:
    """Return the third of the pairs with the least reduced cost, ties too: the first prices show which ones matter.

    Those in use have none, so that the plan does not get dearer; a pair that is missed comes back by its price.
    """
    keep = reduced <= max(float(np.quantile(reduced, 1 / 3)), _TOLERANCE) if len(reduced) else reduced > 0
    return Pairs(pairs.settlement[keep], pairs.shelter[keep], pairs.cost[keep])


def _new(best: Pairs, better: NDArray[np.bool_], pairs: Pairs, m: int) -> Pairs:
    fresh = better & ~np.isin(best.settlement * m + best.shelter, pairs.settlement * m + pairs.shelter)
    return Pairs(best.settlement[fresh], best.shelter[fresh], best.cost[fresh])


def _solve(
    demand: NDArray[np.float64], capacity: NDArray[np.float64], pairs: Pairs, missing: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Solve on the offered pairs; `missing` is the price of a person without a place. Return flow and dual prices."""
    n, m, k = len(demand), len(capacity), len(pairs.cost)
    if not k:
        return np.zeros(0), missing.copy(), np.zeros(m)
    ones, columns = np.ones(k), np.arange(k)
    left = csr_array(
        (np.append(ones, np.ones(n)), (np.append(pairs.settlement, np.arange(n)), np.arange(k + n))), shape=(n, k + n)
    )
    places = csr_array((ones, (pairs.shelter, columns)), shape=(m, k + n))
    price = np.append(pairs.cost, missing)
    for method in ("highs-ipm", "highs-ds"):
        result = linprog(price, A_eq=left, b_eq=demand, A_ub=places, b_ub=capacity, method=method)
        if result.status == 0 and np.abs(result.x - np.rint(result.x)).max() < _WHOLE:
            break  # else the interior point was not taken to a corner: the simplex ends in one
    if result.status != 0:
        what = f"the solver ended with: {result.message}"
        raise DataError(what, where="evacuation", fix="report this case: an optimum always exists here")
    return result.x[:k], np.asarray(result.eqlin.marginals), np.asarray(result.ineqlin.marginals)


def _rounded(
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64],
    pairs: Pairs,
    flow: NDArray[np.float64],
    missing: NDArray[np.float64],
    bound: float,
    n_rounds: int,
) -> Assignment:
    """Return the solution in whole people: a corner of the program is whole but for the solver's rounding."""
    people = np.rint(flow).astype(np.int64)
    used = np.flatnonzero(people > 0)
    used = used[np.lexsort((pairs.shelter[used], pairs.settlement[used]))]
    placed = np.bincount(pairs.settlement[used], weights=people[used], minlength=len(demand))
    load = np.bincount(pairs.shelter[used], weights=people[used], minlength=len(capacity))
    if (placed > demand).any() or (load > capacity).any() or not (np.abs(flow - people) < _WHOLE).all():
        what = "the assignment came back with parts of people that do not round to whole ones"
        raise DataError(what, where="evacuation", fix="report this case: it is a bug")
    unassigned = (demand - placed).astype(np.int64)
    total = float(people[used] @ pairs.cost[used])
    least = bound - float(missing @ unassigned)
    return Assignment(
        pairs.settlement[used], pairs.shelter[used], people[used], pairs.cost[used], unassigned, total, least, n_rounds
    )


def most_people(demand: ArrayLike, capacity: ArrayLike, can_reach: ArrayLike) -> int:
    """Return how many people can have a place at all: the maximum flow from settlements to shelters.

    Parameters
    ----------
    demand, capacity : whole numbers >= 0, (settlements,) and (shelters,).
    can_reach : (settlements, shelters) bool, dense or sparse. Settlements and shelters may be groups of them.
    """
    from scipy.sparse.csgraph import maximum_flow

    d, c = (np.asarray(v, dtype=np.int32) for v in (demand, capacity))
    reach = csr_array(can_reach).tocoo()
    n, m = reach.shape
    source, sink = n + m, n + m + 1
    i, j = reach.coords
    rows = np.concatenate([np.full(n, source), i, n + np.arange(m)])
    columns = np.concatenate([np.arange(n), n + j, np.full(m, sink)])
    values = np.concatenate([d, np.minimum(d[i], c[j]), c]).astype(np.int32)
    graph = csr_array((values, (rows, columns)), shape=(n + m + 2, n + m + 2))
    return int(maximum_flow(graph, source, sink).flow_value)
