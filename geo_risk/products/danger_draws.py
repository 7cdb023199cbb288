"""The priority of hazard points and risk zones, and how firmly they hold it when levels and people are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.levels import Level, classify
from geo_risk.products.criteria import order_of, ranks_of
from geo_risk.products.params import RiskParams
from geo_risk.products.rank_draws import drawn_ranks, stability
from geo_risk.products.vulnerability import matrix_risk
from geo_risk.products.wording import joined, say

Array = NDArray[np.float64]

RANK_COLUMNS = ("priority_rank", "first10_share", "rank_median", "rank_low", "rank_high", "n_draws")
"""Columns that `with_ranks` adds."""

_UNKNOWN_LEVEL = 1.5
"""Where an unknown level stands: above low, below medium."""
_MANY_PEOPLE, _USUAL_PEOPLE = 1000.0, 31.0
"""Most people an unknown number is drawn as, and the middle of that on a logarithmic scale."""
_CEILING = 1e8
"""More people than any place has: their logarithm over its logarithm is below 1."""


@dataclass(frozen=True)
class DangerDraw:
    """Makes the scores of one draw; rows in the order of their ids.

    Attributes
    ----------
    hazard : (n,) levels 0-4, -1 unknown. people : (n,) NaN unknown.
    vulnerability : (n,) levels 0-4, -1 unknown; None for points, which have no risk.
    is_over : (n,) cancelled: behind all others in every draw.
    params : errors, bounds of people and the risk matrix.
    """

    hazard: Array
    people: Array
    vulnerability: NDArray[np.int8] | None
    is_over: NDArray[np.bool_]
    params: RiskParams

    def __call__(self, rng: np.random.Generator) -> Array:
        """Return the scores of one draw, (n,)."""
        p, n = self.params.ranks, len(self.hazard)
        # every number is drawn whether it is used or not: what is known of one row does not change another's draw
        factor = np.exp(p.people_error * rng.standard_normal(n))
        some = np.expm1(rng.random(n) * np.log1p(_MANY_PEOPLE))
        u, anything = rng.random(n), rng.integers(Level.LOW, Level.VERY_HIGH + 1, n)
        step = (u < p.level_up_p).astype(float) - (u >= 1 - p.level_down_p)
        hazard = np.where(self.hazard < 0, anything, np.clip(self.hazard + step, 0, Level.VERY_HIGH))
        people = np.where(np.isnan(self.people), some, self.people * factor)
        risk = np.zeros(n)
        if self.vulnerability is not None:
            any_level = rng.integers(Level.LOW, Level.VERY_HIGH + 1, n)
            by_people = classify(people, self.params.vulnerability_people)
            drawn = np.maximum(by_people, np.where(self.vulnerability < 0, any_level, self.least()))
            risk = matrix_risk(hazard, drawn, self.params.risk_matrix).astype(float)
        return self.scores(risk, hazard, people)

    def least(self) -> NDArray[np.int8]:
        """Return what a known vulnerability is at least, (n,), whatever the residents are drawn as.

        Where it is above what the residents make (by people in facilities, or by the known part of unknown residents)
        it stays; else it is 1 where things stand there.
        """
        if self.vulnerability is None:
            return np.zeros(len(self.hazard), dtype=np.int8)
        by_people = classify(self.people, self.params.vulnerability_people)
        return np.where(self.vulnerability > by_people, self.vulnerability, np.minimum(self.vulnerability, Level.LOW))

    def scores(self, risk: Array, hazard: Array, people: Array) -> Array:
        """Return scores by risk, then hazard, then people; cancelled ones behind all others."""
        crowd = np.log1p(people) / np.log1p(_CEILING)
        score = 10.0 * risk + hazard + np.minimum(crowd, 0.999)
        return np.asarray(np.where(self.is_over, score - 100.0, score), dtype=np.float64)


def with_ranks(frame: gpd.GeoDataFrame, params: RiskParams, *, language: str = "zh") -> gpd.GeoDataFrame:
    """Return hazard points or risk zones with their priority and how firmly they hold it, told in the reasons too.

    Zones go by risk, hazard and people, points by hazard and people; cancelled points stand behind all others. An
    unknown level ranks between low and medium, an unknown number of people as 31. In a draw people are lognormal about
    their number (`people_error`), unknown ones log-uniform from 0 to 1000, a hazard level is one class higher or lower
    with the stated probabilities, an unknown one any from low up, and so is an unknown vulnerability (a known one that
    residents do not make is not drawn); the risk follows by the matrix. Rows are drawn independently of one another.

    Parameters
    ----------
    frame : conforms to `hazard_points` or `risk_zones`. params : `ranks`, matrix and bounds. language : of `reasons`.

    Returns
    -------
    With RANK_COLUMNS: priority_rank from 1, no ties and no gaps, whatever the order of rows; the others as
    `rank_draws.stability`, missing without draws.
    """
    id_column = "zone_id" if "zone_id" in frame and "vulnerability_level" in frame else "point_id"
    ids = frame[id_column].astype(str).tolist()
    by_id = frame.iloc[np.argsort(order_of(ids))]
    hazard, people = (by_id[c].to_numpy(dtype=np.float64) for c in ("hazard_level", "people"))
    vulnerability = by_id["vulnerability_level"].to_numpy(dtype=np.int8) if id_column == "zone_id" else None
    is_over = np.zeros(len(by_id), dtype=bool)
    if "status" in by_id:  # of a missing status nobody said that it is over
        is_over = by_id["status"].astype("string").eq("cancelled").fillna(value=False).to_numpy(dtype=bool)
    draw = DangerDraw(hazard, people, vulnerability, is_over, params)
    risk = np.zeros(len(by_id)) if vulnerability is None else by_id["risk_level"].to_numpy(dtype=np.float64)
    risk, hazard = (np.where(level < 0, _UNKNOWN_LEVEL, level) for level in (risk, hazard))
    told = draw.scores(risk, hazard, np.where(np.isnan(people), _USUAL_PEOPLE, people))
    out = frame.assign(priority_rank=ranks_of(told[order_of(ids)], ids))
    ranks = drawn_ranks(ids, draw, n_draws=params.ranks.n_draws, seed=params.ranks.seed)
    firm = stability(ranks).set_axis(frame.index)
    out = out.assign(**{str(c): firm[c] for c in firm})
    if not params.ranks.n_draws or not len(out):
        return out
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        if column in out:
            rows = zip(out[column], out["first10_share"], out["rank_low"], out["rank_high"], strict=True)
            out[column] = [joined([r, say("rank_firm", k, share=float(s), n=params.ranks.n_draws, low=int(a),
                                          high=int(b))], k) for r, s, a, b in rows]  # fmt: skip
    return out
