"""The sentences that say why a settlement has its rank, and how firmly."""

from __future__ import annotations

from typing import Any

import pandas as pd

from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority_params import CRITERIA
from geo_risk.products.wording import say


def why_so_high(row: Any, params: EvacuationParams, language: str) -> list[str]:
    """Return the parts of a row's score, the share of draws that put it among the first ten, and what weights do.

    Parameters
    ----------
    row : of the evacuation list, with the columns of `priority.ranking` and `evacuation_draws.evacuation_stability`.
    params : method and change of weights. language : "zh" or "en".
    """
    parts = {name: float(row[f"score_{name}"]) for name in CRITERIA}
    key = "evacuation_topsis" if params.priority.score_by == "topsis" else "evacuation_score"
    out = [say(key, language, score=float(row["score"]), **parts)]
    if not pd.isna(row["first10_share"]):
        out.append(say("rank_firm", language, share=float(row["first10_share"]), n=int(row["n_draws"]),
                       low=int(row["rank_low"]), high=int(row["rank_high"])))  # fmt: skip
    low, high = int(row["rank_weights_low"]), int(row["rank_weights_high"])
    if low < high:
        out.append(say("rank_weights", language, change=params.priority.weight_change_share, low=low, high=high))
    return out
