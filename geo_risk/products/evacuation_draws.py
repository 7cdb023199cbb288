"""Draws of what ranks the evacuation list: people, levels, cut-off and weights, each within its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.criteria import order_of, scores_of
from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority import CUT_OFF, MANY_PEOPLE, criteria_values, weights_of
from geo_risk.products.rank_draws import drawn_ranks, stability

Array = NDArray[np.float64]

_STEPS = ("none", "low", "medium", "high")
_CUT = np.array([CUT_OFF[s] for s in _STEPS])


@dataclass(frozen=True)
class EvacuationDraw:
    """Makes the scores of one draw; rows in the order of their ids.

    Attributes
    ----------
    warning, risk : (n,) levels 0-4, -1 unknown. people, vulnerable : (n,) NaN unknown. cut_off : (n,) place in none,
        low, medium, high; -1 unknown.
    params : weights, method and errors.
    """

    warning: Array
    risk: Array
    people: Array
    vulnerable: Array
    cut_off: Array
    params: EvacuationParams

    def __call__(self, rng: np.random.Generator) -> Array:
        """Return the scores of one draw, (n,)."""
        p, n = self.params.priority, len(self.people)
        # every number is drawn whether it is used or not: what is known of one row does not change another's draw
        factor = np.exp(p.people_error * rng.standard_normal(n))
        unknown = np.expm1(rng.random(n) * np.log1p(MANY_PEOPLE))
        warning = _moved(self.warning, rng, top=4, up=p.level_up_p, down=p.level_down_p)
        risk = _moved(self.risk, rng, top=4, up=p.level_up_p, down=p.level_down_p)
        cut_off = _moved(self.cut_off, rng, top=3, up=p.cut_off_p, down=p.cut_off_p)
        turn = 1 + p.weight_change_share * rng.uniform(-1, 1, 5)
        people = np.where(np.isnan(self.people), unknown, self.people * factor)
        values = criteria_values(warning, risk, people, self.vulnerable * factor, _CUT[cut_off.astype(int)])
        weights = weights_of(self.params, values) * turn
        return scores_of(values, weights / weights.sum(), p.score_by)


def _moved(level: Array, rng: np.random.Generator, *, top: int, up: float, down: float) -> Array:
    """Return levels one class up or down with these probabilities; an unknown one is any from low to the highest."""
    u, anything = rng.random(len(level)), rng.integers(1, top + 1, len(level))
    step = (u < up).astype(float) - (u >= 1 - down)
    return np.where(level < 0, anything, np.clip(level + step, 0, top))


def evacuation_stability(rows: pd.DataFrame, params: EvacuationParams) -> pd.DataFrame:
    """Return how firmly the rows of the list hold their ranks: `rank_draws.stability` of `evacuation_ranks`."""
    return stability(evacuation_ranks(rows, params)).set_axis(rows.index)


def evacuation_ranks(rows: pd.DataFrame, params: EvacuationParams) -> NDArray[np.int32]:
    """Rank the list anew with drawn inputs.

    People are lognormal about their number (`people_error`; vulnerable people by the same factor), unknown ones
    log-uniform from 0 to 1000; a level is one class higher or lower with the stated probabilities, an unknown one any
    from low up; so is the cut-off risk; weights are uniform within `weight_change_share`. Rows are drawn
    independently.

    Parameters
    ----------
    rows : with the contract's columns of `evacuation` that the score needs. params : weights, method and errors.

    Returns
    -------
    (n, draw) of the rows in their order.
    """
    ids = rows["settlement_id"].astype(str).tolist()
    by_id = rows.iloc[np.argsort(order_of(ids))]
    steps = by_id["cut_off_risk"].map({name: float(k) for k, name in enumerate(_STEPS)}).fillna(-1.0)
    warning, risk, people, vulnerable = (
        by_id[c].to_numpy(dtype=np.float64) for c in ("warning_level", "risk_level", "people", "vulnerable_people")
    )
    draw = EvacuationDraw(warning, risk, people, vulnerable, np.asarray(steps, dtype=np.float64), params)
    return drawn_ranks(ids, draw, n_draws=params.priority.n_draws, seed=params.priority.seed)
