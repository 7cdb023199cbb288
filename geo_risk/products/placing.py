"""Places for people: the cheapest assignment, vulnerable people first where places lack, villages kept together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo_risk.products.assignment import Assignment, Offers, Pairs, assign
from geo_risk.products.together import Together, keep_together


@dataclass(frozen=True)
class Placing:
    """Who goes where.

    Attributes
    ----------
    settlement, shelter, people, vulnerable, cost : (used pairs,) by settlement, then shelter; vulnerable are among the
        people; cost [min a person].
    unassigned, unassigned_vulnerable : (settlements,) people without a place.
    optimum : of the assignment, before villages are kept together. together : what that changed.
    """

    settlement: NDArray[np.int64]
    shelter: NDArray[np.int64]
    people: NDArray[np.int64]
    vulnerable: NDArray[np.int64]
    cost: NDArray[np.float64]
    unassigned: NDArray[np.int64]
    unassigned_vulnerable: NDArray[np.int64]
    optimum: Assignment
    together: Together

    def of(self, settlement: int) -> slice:
        """Return where the pairs of a settlement stand."""
        low, high = np.searchsorted(self.settlement, [settlement, settlement + 1])
        return slice(int(low), int(high))


@dataclass(frozen=True)
class _Groups:
    """Offers to groups of people, of which several may live in one settlement."""

    offers: Offers
    owner: NDArray[np.int64]

    def nearest(self, k: int) -> Pairs:
        return self._of(self.offers.nearest(k))

    def cheapest(self, price: NDArray[np.float64], k: int = 1) -> Pairs:
        return self._of(self.offers.cheapest(price, k))

    def highest_cost(self) -> float:
        return self.offers.highest_cost()

    def _of(self, pairs: Pairs) -> Pairs:
        order = np.argsort(pairs.settlement, kind="stable")
        low = np.searchsorted(pairs.settlement[order], self.owner, side="left")
        count = np.searchsorted(pairs.settlement[order], self.owner, side="right") - low
        group = np.repeat(np.arange(len(self.owner)), count)
        at = order[np.repeat(low, count) + np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)]
        return Pairs(group, pairs.shelter[at], pairs.cost[at])


def place(
    people: NDArray[np.int64],
    vulnerable: NDArray[np.int64],
    capacity: NDArray[np.int64],
    offers: Offers,
    *,
    n_candidates: int,
    together_extra_min: float,
) -> Placing:
    """Find places for people.

    The order is: as many people as can be; where places lack, of these as many vulnerable people as can be (then those
    left over are the others, and the farther ones); then the fewest person-minutes; then villages together where that
    costs little. Within a settlement vulnerable people get the nearest of its places.

    Parameters
    ----------
    people, vulnerable : (settlements,) whole numbers >= 0; more vulnerable people than people count as all of them.
    capacity : (shelters,) whole places. offers : costs of pairs. n_candidates : see `assign`.
    together_extra_min : see `keep_together`; 0 leaves the optimum as it is.
    """
    n, m = len(people), len(capacity)
    frail = np.minimum(vulnerable, people)
    optimum = assign(people, capacity, offers, n_candidates=n_candidates)
    placed_frail = frail.copy()
    if optimum.unassigned.any() and frail.any() and len(optimum.people):
        optimum, placed_frail = _vulnerable_first(people - frail, frail, capacity, offers, n_candidates)
    together = Together(optimum, _n_split(optimum), _n_split(optimum), 0.0)
    if together_extra_min > 0 and n and m:
        together = keep_together(
            optimum, capacity, offers.nearest(n_candidates), max_extra_min=together_extra_min, n_settlements=n
        )
    plan = together.given
    out = np.zeros(len(plan.people), dtype=np.int64)
    left = placed_frail.copy()
    for k in np.lexsort((plan.shelter, plan.cost, plan.settlement)).tolist():
        i = int(plan.settlement[k])
        out[k] = min(left[i], plan.people[k])
        left[i] -= out[k]
    return Placing(
        plan.settlement, plan.shelter, plan.people, out, plan.cost, plan.unassigned, frail - placed_frail + left,
        optimum, together,
    )  # fmt: skip


def _n_split(given: Assignment) -> int:
    return int((np.bincount(given.settlement) > 1).sum()) if len(given.settlement) else 0


def _vulnerable_first(
    others: NDArray[np.int64],
    frail: NDArray[np.int64],
    capacity: NDArray[np.int64],
    offers: Offers,
    n_candidates: int,
) -> tuple[Assignment, NDArray[np.int64]]:
    """Return the assignment by settlement with vulnerable people as groups that come first, and how many of them."""
    n = len(frail)
    owner = np.concatenate([np.arange(n), np.flatnonzero(frail)])
    demand = np.concatenate([others, frail[frail > 0]])
    found = assign(demand, capacity, _Groups(offers, owner), n_candidates=n_candidates,
                   precedence=np.where(np.arange(len(owner)) < n, 1, 2))  # fmt: skip
    unassigned = np.zeros(n, dtype=np.int64)
    np.add.at(unassigned, owner, found.unassigned)
    missing = np.zeros(n, dtype=np.int64)
    missing[owner[n:]] = found.unassigned[n:]
    # who has a place is decided; a corner of the problem for these people as one group a settlement divides fewer
    whole = assign(others + frail - unassigned, capacity, offers, n_candidates=n_candidates)
    whole = replace(whole, unassigned=unassigned, bound=found.bound, n_rounds=found.n_rounds + whole.n_rounds)
    return whole, frail - missing
