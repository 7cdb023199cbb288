"""How firmly a site holds its rank when terrain, curve numbers and storm may be other than they seem."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.criteria import ranks_of
from geo_risk.products.rank_draws import stability
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.waterlogging_score import depths_for_unknown, score_of

Array = NDArray[np.float64]


def rank_stability(frame: pd.DataFrame, draws_m: Array, params: WaterloggingParams) -> pd.DataFrame:
    """Rank the sites anew with every draw of their depths.

    Parameters
    ----------
    frame : the listed sites, with the columns of the score, site_id and depth_m.
    draws_m : (n, draw) depths of the same rows [m], as `hazards.flood.depth_draws.depth_draws` makes them; NaN unknown.
    params : of the score.

    Returns
    -------
    first10_share, rank_median, rank_low, rank_high, n_draws as `rank_draws.stability` makes them. Missing where the
    depth is unknown: such a site is ranked in every draw as the list ranks it, but nobody knows how firmly. Without
    draws all are missing.
    """
    n = draws_m.shape[1]
    if not n or not len(frame):
        return stability(np.empty((len(frame), 0), dtype=np.int32)).assign(n_draws=n).set_axis(frame.index)
    score = score_of(frame, np.where(np.isnan(draws_m), depths_for_unknown(frame, params)[:, None], draws_m), params)
    ids = frame["site_id"].astype(str).tolist()
    ranks = np.column_stack([ranks_of(score[:, j], ids) for j in range(n)]).astype(np.int32)
    out = stability(ranks).set_axis(frame.index)
    known = frame["depth_m"].notna().to_numpy() & ~np.isnan(draws_m).any(axis=1)
    out["first10_share"] = out["first10_share"].where(known)
    out.loc[~known, ["rank_median", "rank_low", "rank_high"]] = pd.NA
    return out
