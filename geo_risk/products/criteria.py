"""Ranks by several criteria: weighted sum, TOPSIS, entropy weights, and how far the ranks depend on that choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Method = Literal["weighted_sum", "topsis"]

_DECIMALS = 6
"""Scores are rounded to so many decimals before they are compared: the last bits of a sum are no reason for a rank."""


@dataclass(frozen=True)
class Criteria:
    """A table of alternatives by criteria, each from 0 (nothing speaks for the row) to 1.

    Attributes
    ----------
    ids : (n,) unique; rows of the same score are ranked by them, as text.
    names : (m,) of the criteria.
    values : (n, m), 0-1, nothing missing: what is unknown was filled by its owner, never below low.

    Raises
    ------
    ValueError : a value is missing or outside 0-1, ids are not unique, or shapes do not fit.
    """

    ids: Sequence[str]
    names: tuple[str, ...]
    values: Array

    def __post_init__(self) -> None:
        """Refuse what no method may see: a missing value would drop a row to the end of every ranking."""
        if self.values.shape != (len(self.ids), len(self.names)):
            what = f"{self.values.shape} values of {len(self.ids)} rows and {len(self.names)} criteria"
            raise ValueError(what)
        if len(set(self.ids)) != len(self.ids):
            what = "ids of the rows are not unique: their ranks would depend on the order of the rows"
            raise ValueError(what)
        if not np.all((self.values >= 0) & (self.values <= 1)):
            bad = [n for n, v in zip(self.names, self.values.T, strict=True) if not np.all((v >= 0) & (v <= 1))]
            what = f"criteria {bad} have values that are missing or outside 0-1: fill what is unknown before"
            raise ValueError(what)


def scaled(weights: Mapping[str, float], names: Sequence[str]) -> Array:
    """Return weights in the order of the names, scaled to a sum of one; (m,)."""
    given = np.array([weights[name] for name in names], dtype=np.float64)
    return np.asarray(given / given.sum(), dtype=np.float64)


def scores_of(values: Array, weights: Array, method: Method = "weighted_sum") -> Array:
    """Return the score of each row, 0-1, to six decimals.

    Parameters
    ----------
    values : (n, m), 0-1, nothing missing.
    weights : (m,), >= 0, of sum one.
    method : "weighted_sum": raising a value never lowers its row's rank, and no other row matters to a score.
        "topsis": closeness to the best and farness from the worst values that occur (Hwang & Yoon 1981, with vector
        normalisation); scores depend on all rows, so that raising a value can lower its own row.

    Returns
    -------
    (n,)
    """
    made = values @ weights if method == "weighted_sum" else _topsis(values, weights)
    return np.asarray(np.round(made, _DECIMALS), dtype=np.float64)


def _topsis(values: Array, weights: Array) -> Array:
    """Return the closeness of each row; criteria that do not tell the rows apart are left out, as they say nothing."""
    from pymcdm.methods import TOPSIS
    from pymcdm.normalizations import vector_normalization

    tells = np.flatnonzero((np.ptp(values, axis=0) > 0) & (weights > 0)) if len(values) else np.array([], dtype=int)
    if not len(tells):
        return np.full(len(values), 0.5)
    part = weights[tells] / weights[tells].sum()
    made = TOPSIS(vector_normalization)(values[:, tells], part, np.ones(len(tells), dtype=int), validation=False)
    return np.asarray(made, dtype=np.float64)


def entropy_weights(values: Array) -> Array:
    """Return weights by how much each criterion tells the rows apart (Shannon entropy; Hwang & Yoon 1981, ch. 3).

    Parameters
    ----------
    values : (n, m), >= 0, nothing missing. A share of 0 adds nothing to the entropy (0 ln 0 = 0). The weights depend
        on all rows: a third one can turn the order of two round.

    Returns
    -------
    (m,) of sum one. A criterion that is the same on all rows has 0; where all are, all weigh the same.
    """
    from scipy.stats import entropy

    n, m = values.shape
    total = values.sum(axis=0)
    tells = (total > 0) & (np.ptp(values, axis=0) > 0) if n > 1 else np.zeros(m, dtype=bool)
    if not tells.any():
        return np.full(m, 1 / m)
    spread = np.zeros(m)
    spread[tells] = np.maximum(1 - entropy(values[:, tells], axis=0) / np.log(n), 0.0)
    return np.asarray(spread / spread.sum(), dtype=np.float64)


def ranks_of(scores: Array, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return ranks from 1 without ties or gaps: the highest score first, then by id as text; (n,)."""
    out = np.empty(len(scores), dtype=np.int64)
    out[np.lexsort((order_of(ids), -scores))] = np.arange(1, len(scores) + 1)
    return out


def order_of(ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each id among the sorted ones, (n,)."""
    texts = np.asarray([str(i) for i in ids])
    return np.asarray(np.argsort(np.argsort(texts, kind="stable"), kind="stable"), dtype=np.int64)


def sensitivity(
    criteria: Criteria, weights: Array, *, method: Method = "weighted_sum", change: float = 0.2,
    others: Mapping[str, Array] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return how each row's rank moves when weights or method are other than those of the list.

    Parameters
    ----------
    criteria : the rows. weights : (m,) of the list, sum one. method : of the list.
    change : share by which one weight at a time is lowered and raised; the others keep their ratios.
    others : further weights (m,) to rank by, by name, such as those of a pairwise matrix.

    Returns
    -------
    A row each, in the order of the criteria's: rank_less_{criterion}, rank_more_{criterion}; rank_weights_low,
    rank_weights_high, the best and worst of these and of the list's own; rank_entropy (entropy weights, the list's
    method), rank_topsis (the list's weights; rank_weighted_sum where TOPSIS makes the list), rank_{name} of the others.
    """
    values, ids = criteria.values, criteria.ids

    def ranked(w: Array, by: Method = method) -> NDArray[np.int64]:
        return ranks_of(scores_of(values, w, by), ids)

    out: dict[str, Any] = {}
    for k, name in enumerate(criteria.names):
        for word, factor in (("less", 1 - change), ("more", 1 + change)):
            changed = weights.copy()
            changed[k] *= factor
            out[f"rank_{word}_{name}"] = ranked(changed / changed.sum()) if changed.sum() > 0 else ranked(weights)
    moved = np.array([*out.values(), ranked(weights)])
    out["rank_weights_low"], out["rank_weights_high"] = moved.min(axis=0), moved.max(axis=0)
    out["rank_entropy"] = ranked(entropy_weights(values))
    other: Method = "topsis" if method == "weighted_sum" else "weighted_sum"
    out[f"rank_{other}"] = ranked(weights, other)
    for name, given in (others or {}).items():
        out[f"rank_{name}"] = ranked(given)
    return pd.DataFrame(out)
