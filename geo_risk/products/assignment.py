"""People to shelters: the cheapest assignment that leaves as few as possible without a place, proved by its dual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from geo_risk.core.errors import DataError
from geo_risk.products.transport import Pairs, Transport

_TOLERANCE = 1e-7
_MAX_ROUNDS = 200
_A_ROUND = 4
"""Pairs of each settlement that enter at once at most: fewer rounds for a search that costs a little more."""

_AT_FIRST = 10
"""Pairs of each settlement in the first program at most: with more it starts slower, with fewer more are missed."""

_WHOLE = 1e-4
"""A number of people this close to a whole one is that."""


class Offers(Protocol):
    """Who can go where at what cost, asked for in parts: the table of all pairs of a province does not fit."""

    def nearest(self, k: int) -> Pairs:
        """Return the k cheapest shelters of each settlement, fewer where it reaches fewer."""

    def cheapest(self, price: NDArray[np.float64], k: int = 1) -> Pairs:
        """Return the k shelters of least cost plus price of each settlement, fewer where it reaches fewer.

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
    unassigned : (settlements,) int64, people without a place. unassigned_first : those of them who come first.
    person_minutes : total of people times cost.
    bound : no assignment that places as many, and as many who come first, has fewer person-minutes: the dual's value.
    n_rounds : times the program was solved until no pair left out could make it cheaper.
    """

    settlement: NDArray[np.int64]
    shelter: NDArray[np.int64]
    people: NDArray[np.int64]
    cost: NDArray[np.float64]
    unassigned: NDArray[np.int64]
    unassigned_first: NDArray[np.int64]
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
    first: ArrayLike | None = None,
) -> Assignment:
    """Assign whole people to shelters: most people first, then fewest person-minutes.

    The transport problem (a minimum-cost flow with whole-number optimal corners) is solved by HiGHS on each
    settlement's cheapest shelters. Then each settlement is asked for the shelter of least cost plus the shelter's dual
    price (and the next best ones), by one search over the roads; pairs that would make the plan cheaper enter, and
    HiGHS goes on from its last corner (column generation, Dantzig & Wolfe 1960). The last prices prove the optimum over
    all pairs: `bound`.

    Parameters
    ----------
    demand : (settlements,) whole people >= 0.
    capacity : (shelters,) whole places >= 0.
    offers : costs of the pairs.
    n_candidates : cheapest shelters offered to each settlement at first, of which 10 at most enter the first program.
    first : (settlements,) whole people <= demand: of as many people as can be placed at all, as many as can be are of
        these (the sets that flows can place form a matroid, so no place is lost by that).

    Returns
    -------
    Assignment : no shelter holds more than its capacity; each settlement's people and unassigned add up to its
        demand; the number of unassigned people is the demand that a maximum flow cannot carry.

    Raises
    ------
    DataError : numbers are negative, not whole or NaN, or the solver finds no optimum.
    """
    d, c = (np.asarray(v, dtype=np.float64) for v in (demand, capacity))
    f = np.zeros(len(d)) if first is None else np.asarray(first, dtype=np.float64)
    _check(d, c, f)
    n, m = len(d), len(c)
    if not n or not m:
        return _rounded(d, c, f, (_none(), np.zeros(0)), (0.0, 0.0, 0))
    has_places = np.where(c > 0, 0.0, np.inf)
    # a person without a place costs more than any chain of people who change shelters to make room
    missing = 1.0 + offers.highest_cost() * (min(n, m) + 1)
    slack = _TOLERANCE * max(1.0, 2 * missing / 1e4)
    program, pairs = Transport(d, f, c, missing=missing), _none()
    more = _kept(offers.nearest(min(n_candidates, _AT_FIRST)), d, c)
    for n_rounds in range(1, _MAX_ROUNDS + 1):
        pairs = pairs + more
        program.add(more)
        of_settlement, of_shelter = program.solve()
        price = of_shelter + has_places
        best = _kept(offers.cheapest(price, _A_ROUND), d, c)
        reduced = best.cost + price[best.shelter]
        more = _new(best, reduced < of_settlement[best.settlement] - slack, pairs, m)
        if not len(more.settlement):
            least = np.full(n, np.inf)
            np.minimum.at(least, best.settlement, reduced)
            # a settlement's people cost what its cheapest shelter does with the price of a place, at most the miss
            value = (d - f) @ np.minimum(least, missing) + f @ np.minimum(least, 2 * missing)
            bound = float(value - c[c > 0] @ price[c > 0])
            return _rounded(d, c, f, (pairs, program.flow()), (missing, bound, n_rounds))
    what = f"the assignment of {n} settlements to {m} shelters did not settle in {_MAX_ROUNDS} rounds"
    raise DataError(what, where="evacuation", fix="raise evacuation.n_candidates")


def _check(demand: NDArray[np.float64], capacity: NDArray[np.float64], first: NDArray[np.float64]) -> None:
    whole = all(((v >= 0) & np.isfinite(v) & (v == np.floor(v))).all() for v in (demand, capacity, first))
    if not (whole and first.shape == demand.shape and (first <= demand).all()):
        what = f"demand {demand.shape} or capacity {capacity.shape} holds NaN, negative or part numbers"
        raise DataError(what, where="evacuation", fix="leave unknown populations out of the demand; cost inf = no way")


def _none() -> Pairs:
    return Pairs(np.array([], dtype=np.int64), np.array([], dtype=np.int64), np.array([], dtype=np.float64))


def _kept(pairs: Pairs, demand: NDArray[np.float64], capacity: NDArray[np.float64]) -> Pairs:
    if not (pairs.cost >= 0).all():
        what = "the costs of the assignment hold NaN or negative numbers"
        raise DataError(what, where="evacuation", fix="report this case: travel takes time")
    return pairs.where((demand[pairs.settlement] > 0) & (capacity[pairs.shelter] > 0) & np.isfinite(pairs.cost))


def _new(best: Pairs, better: NDArray[np.bool_], pairs: Pairs, m: int) -> Pairs:
    return best.where(better & ~np.isin(best.settlement * m + best.shelter, pairs.settlement * m + pairs.shelter))


def _rounded(
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64],
    first: NDArray[np.float64],
    solved: tuple[Pairs, NDArray[np.float64]],
    proof: tuple[float, float, int],
) -> Assignment:
    """Return the solution in whole people: a corner of the program is whole but for the solver's rounding."""
    (pairs, flow), (missing, bound, n_rounds) = solved, proof
    people = np.rint(flow).astype(np.int64)
    used = np.flatnonzero(people != 0)
    used = used[np.lexsort((pairs.shelter[used], pairs.settlement[used]))]
    placed = np.bincount(pairs.settlement[used], weights=people[used], minlength=len(demand))
    load = np.bincount(pairs.shelter[used], weights=people[used], minlength=len(capacity))
    is_whole = (people >= 0).all() and (np.abs(flow - people) < _WHOLE).all()
    if not (is_whole and (placed <= demand).all() and (load <= capacity).all()):
        what = "the assignment came back with parts of people that do not round to whole ones"
        raise DataError(what, where="evacuation", fix="report this case: it is a bug")
    unassigned = (demand - placed).astype(np.int64)
    # the others of a settlement are left over before those who come first: they cost half as much
    behind = np.maximum(0, unassigned - (demand - first).astype(np.int64))
    total = float(people[used] @ pairs.cost[used])
    least = bound - missing * float(unassigned.sum() + behind.sum())
    return Assignment(
        pairs.settlement[used], pairs.shelter[used], people[used], pairs.cost[used], unassigned, behind, total, least,
        n_rounds,
    )  # fmt: skip


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
