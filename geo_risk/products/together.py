"""Villages kept together: splits of the cheapest assignment repaired where there is room, with the price of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo_risk.products.assignment import Assignment
from geo_risk.products.transport import Pairs


@dataclass(frozen=True)
class Together:
    """An assignment with fewer villages divided.

    Attributes
    ----------
    given : the assignment. n_split_before, n_split : settlements divided among shelters, before and after.
    price_person_minutes : person-minutes that keeping them together adds.
    """

    given: Assignment
    n_split_before: int
    n_split: int
    price_person_minutes: float


@dataclass
class _Plan:
    """The plan while it is repaired: shelter -> people of each settlement, free places, and what each pair costs."""

    at: dict[int, dict[int, int]]
    residents: dict[int, set[int]]
    free: NDArray[np.int64]
    cost: list[dict[int, float]]

    def spent(self, i: int) -> float:
        return sum(p * self.cost[i][j] for j, p in self.at[i].items())

    def take(self, i: int) -> int:
        """Take a settlement out of its shelters; return its people who had a place."""
        for j, p in self.at[i].items():
            self.free[j] += p
            self.residents[j].discard(i)
        return sum(self.at.pop(i).values())

    def put(self, i: int, j: int, people: int) -> None:
        """Bring people of a settlement to a shelter."""
        self.at[i] = {j: people}
        self.free[j] -= people
        self.residents[j].add(i)


@dataclass(frozen=True)
class _Move:
    """A settlement goes whole to a shelter; another one there may go on to a third (-1: none does)."""

    extra: float
    shelter: int
    other: int = -1
    to: int = -1


def keep_together(
    given: Assignment, capacity: NDArray[np.int64], offers: Pairs, *, max_extra_min: float, n_settlements: int
) -> Together:
    """Repair divided settlements one after another, the largest first, each in the cheapest way that is found.

    A divided settlement goes whole to a shelter that has room for all of its placed people, or to one where a single
    undivided settlement makes room by going to another with free places. An assignment without any split is an
    NP-hard problem (generalised assignment), so this is a repair and no optimum; its price is told. A corner of the
    transport problem divides at most as many settlements as there are full shelters.

    Parameters
    ----------
    given : the optimum with splits. capacity : (shelters,) places. offers : pairs that may be used, with costs [min].
    max_extra_min : a repair that adds more minutes than this for each person of the divided settlement is not made.

    Returns
    -------
    Together : as many people of each settlement have a place as before, and no shelter is over its capacity.
    """
    plan = _plan(given, capacity, offers, n_settlements)
    split = [i for i, where in plan.at.items() if len(where) > 1]
    before = given.person_minutes
    for i in sorted(split, key=lambda i: (-sum(plan.at[i].values()), i)):
        move = _cheapest_move(plan, i)
        if move is None or move.extra > max_extra_min * sum(plan.at[i].values()) + 1e-9:
            continue
        people = plan.take(i)
        if move.other >= 0:
            plan.put(move.other, move.to, plan.take(move.other))
        plan.put(i, move.shelter, people)
    rows = sorted((i, j, p) for i, where in plan.at.items() for j, p in where.items())
    s, h, p = (np.array([r[k] for r in rows], dtype=np.int64) for k in range(3))
    cost = np.array([plan.cost[i][j] for i, j, _ in rows], dtype=np.float64)
    total = float(p @ cost)
    out = replace(given, settlement=s, shelter=h, people=p, cost=cost, person_minutes=total)
    left = sum(len(where) > 1 for where in plan.at.values())
    return Together(out, len(split), left, total - before)


def _plan(given: Assignment, capacity: NDArray[np.int64], offers: Pairs, n_settlements: int) -> _Plan:
    cost: list[dict[int, float]] = [{} for _ in range(n_settlements)]
    order = np.argsort(offers.cost, kind="stable")
    for i, j, c in zip(offers.settlement[order].tolist(), offers.shelter[order].tolist(), offers.cost[order].tolist(),
                       strict=True):  # fmt: skip
        if capacity[j] > 0:
            cost[i].setdefault(j, c)
    at: dict[int, dict[int, int]] = {}
    residents: dict[int, set[int]] = {j: set() for j in range(len(capacity))}
    rows = zip(given.settlement.tolist(), given.shelter.tolist(), given.people.tolist(), given.cost.tolist(),
               strict=True)  # fmt: skip
    for i, j, p, c in rows:
        at.setdefault(i, {})[j] = p
        residents[j].add(i)
        cost[i][j] = c
    return _Plan(at, residents, capacity - given.load(len(capacity)), cost)


def _cheapest_move(plan: _Plan, i: int) -> _Move | None:
    """Return the cheapest way found to bring a divided settlement to one shelter, None where there is none."""
    own, spent = plan.at[i], plan.spent(i)
    people, best = sum(own.values()), None
    for j, c in sorted(plan.cost[i].items(), key=lambda pair: (pair[1], pair[0])):
        extra = people * c - spent
        if best is not None and extra >= best.extra:
            break
        lack = people - own.get(j, 0) - int(plan.free[j])
        if lack <= 0:
            best = _Move(extra, j)
            continue
        for other in sorted(plan.residents[j] - {i}):
            moved = plan.at[other][j]
            if moved < lack or len(plan.at[other]) > 1:
                continue
            for to, dearer in sorted(plan.cost[other].items(), key=lambda pair: (pair[1], pair[0])):
                if to != j and plan.free[to] + own.get(to, 0) >= moved:
                    whole = extra + moved * (dearer - plan.cost[other][j])
                    if best is None or whole < best.extra:
                        best = _Move(whole, j, other, to)
                    break
    return best
