"""Places for people: the cheapest assignment, vulnerable people first where places lack, villages kept together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_risk.products.assignment import Assignment, Offers, assign
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
    optimum = assign(people, capacity, offers, n_candidates=n_candidates, first=frail)
    placed_frail = frail - optimum.unassigned_first
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
