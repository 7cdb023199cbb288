"""How firmly a site holds its rank when terrain, curve numbers and storm may be other than they seem."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.params import WaterloggingParams
from geo_risk.products.waterlogging_score import depths_for_unknown, score_of

Array = NDArray[np.float64]

FIRST = 10
"""Ranks whose share of draws is told (`first10_share`)."""


def rank_stability(frame: pd.DataFrame, draws_m: Array, params: WaterloggingParams) -> pd.DataFrame:
    """Rank the sites anew with every draw of their depths.

    Parameters
    ----------
    frame : the listed sites, with the columns of the score, site_id and depth_m.
    draws_m : (n, draw) depths of the same rows [m], as `hazards.flood.depth_draws.depth_draws` makes them; NaN unknown.
    params : of the score.

    Returns
    -------
    first10_share : share of draws in which the site is among the first ten. rank_low, rank_high : the 5 % and 95 %
    quantile of its rank (whole ranks; the wider ones). n_draws. Missing where the depth is unknown: such a site is
    ranked in every draw as the list ranks it, but nobody knows how firmly. Without draws all are missing.
    """
    n = draws_m.shape[1]
    out = pd.DataFrame({"first10_share": np.full(len(frame), np.nan)}, index=frame.index)
    for name in ("rank_low", "rank_high"):  # a column of no kind of its own could not be written
        out[name] = pd.array([pd.NA] * len(frame), dtype="Int64")
    out["n_draws"] = n
    if not n or not len(frame):
        return out
    score = score_of(frame, np.where(np.isnan(draws_m), depths_for_unknown(frame, params)[:, None], draws_m), params)
    order_of_ids = np.argsort(np.argsort(frame["site_id"].astype(str).to_numpy(), kind="stable"), kind="stable")
    ranks = np.empty(score.shape, dtype=np.int64)
    for j in range(n):
        ranks[np.lexsort((order_of_ids, -score[:, j])), j] = np.arange(1, len(frame) + 1)
    known = frame["depth_m"].notna().to_numpy() & ~np.isnan(draws_m).any(axis=1)
    ranks.sort(axis=1)
    low, high = int(np.floor(0.05 * (n - 1))), int(np.ceil(0.95 * (n - 1)))
    out["first10_share"] = np.where(known, (ranks <= FIRST).mean(axis=1), np.nan)
    out["rank_low"] = pd.array(ranks[:, low], dtype="Int64")
    out["rank_high"] = pd.array(ranks[:, high], dtype="Int64")
    out.loc[~known, ["rank_low", "rank_high"]] = pd.NA
    return out
