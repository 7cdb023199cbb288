"""The score by which the evacuation list is ranked: criteria, weights, parts, and what its ranks depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.criteria import Criteria, entropy_weights, ranks_of, scaled, scores_of, sensitivity
from geo_risk.products.pairwise import pairwise_weights
from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority_params import CRITERIA

Array = NDArray[np.float64]

CUT_OFF = {"none": 0.0, "low": 0.25, "unknown": 0.5, "medium": 0.6, "high": 1.0}
"""What a cut-off risk counts; unknown ranks between low and medium."""

_UNKNOWN_LEVEL = 1.5
"""An unknown level ranks between low and medium, never below low."""

MANY_PEOPLE = 1000.0
"""People from which the size of a settlement no longer raises its score (danger grade I)."""

_UNKNOWN_SIZE, _UNKNOWN_SHARE = 0.5, 0.25
"""What unknown people count (some 31 people), and the share of unknown vulnerable people among those who leave."""


def criteria_values(warning: Array, risk: Array, people: Array, vulnerable: Array, cut_off: Array) -> Array:
    """Return the criteria of `CRITERIA`, each 0-1 and none missing.

    Parameters
    ----------
    warning, risk : (n,) levels 0-4, -1 unknown. people, vulnerable : (n,) >= 0, NaN unknown. cut_off : (n,) of
        `CUT_OFF`.

    Returns
    -------
    (n, 5): levels / 4, unknown as 1.5 / 4; log(1 + people) / log(1001), at most 1, unknown 0.5; the same of the
    vulnerable people, unknown as a quarter of the people. None falls when a level or a number of people rises.
    """
    size = np.where(np.isnan(people), _UNKNOWN_SIZE, _size(people))
    usual = _UNKNOWN_SHARE * np.where(np.isnan(people), np.expm1(_UNKNOWN_SIZE * np.log1p(MANY_PEOPLE)), people)
    weak = np.where(np.isnan(vulnerable), usual, np.fmin(vulnerable, people))
    warned, at_risk = (np.where(level < 0, _UNKNOWN_LEVEL, level) / 4 for level in (warning, risk))
    return np.column_stack([warned, at_risk, size, _size(weak), cut_off])


def _size(people: Array) -> Array:
    return np.asarray(np.minimum(np.log1p(people) / np.log1p(MANY_PEOPLE), 1.0), dtype=np.float64)


def criteria_of(rows: pd.DataFrame) -> Criteria:
    """Return the criteria of rows with the contract's columns of `evacuation`; raises ValueError for repeated ids."""
    return Criteria(rows["settlement_id"].astype(str).tolist(), CRITERIA, _values(rows))


def _values(rows: pd.DataFrame) -> Array:
    warning, risk, people, vulnerable = (
        rows[c].to_numpy(dtype=np.float64) for c in ("warning_level", "risk_level", "people", "vulnerable_people")
    )
    cut_off = np.asarray(rows["cut_off_risk"].map(CUT_OFF), dtype=np.float64)
    return criteria_values(warning, risk, people, vulnerable, cut_off)


def weights_of(params: EvacuationParams, values: Array) -> Array:
    """Return the weights of the list, (5,) of sum one; those by entropy depend on its rows."""
    by = params.priority.weights_by
    if by == "ahp":
        return pairwise_weights(params.priority.pairwise, CRITERIA).weights
    return entropy_weights(values) if by == "entropy" else scaled(params.scores, CRITERIA)


def scores(rows: pd.DataFrame, params: EvacuationParams) -> Array:
    """Return the score 0-1 that ranks the list, to six decimals; (n,)."""
    values = _values(rows)
    return scores_of(values, weights_of(params, values), params.priority.score_by)


def ranking(rows: pd.DataFrame, params: EvacuationParams) -> pd.DataFrame:
    """Return rank, parts of the score (`score_{criterion}`) and the ranks by other weights and methods.

    Parameters
    ----------
    rows : with the contract's columns of `evacuation` that the score needs. params : weights and method.

    Returns
    -------
    A row each, on the index of the rows: score, rank, score_{criterion}, and the columns of `criteria.sensitivity`.
    """
    criteria, priority = criteria_of(rows), params.priority
    weights = weights_of(params, criteria.values)
    score = scores_of(criteria.values, weights, priority.score_by)
    others = {}
    if priority.pairwise and priority.weights_by != "ahp":
        others["ahp"] = pairwise_weights(priority.pairwise, CRITERIA).weights
    moved = sensitivity(
        criteria, weights, method=priority.score_by, change=priority.weight_change_share, others=others
    )  # fmt: skip
    own: dict[str, Any] = {"score": score, "rank": ranks_of(score, criteria.ids)}
    parts = dict(zip((f"score_{n}" for n in CRITERIA), (criteria.values * weights).T, strict=True))
    return pd.concat([pd.DataFrame(own | parts), moved], axis=1).set_axis(rows.index)
