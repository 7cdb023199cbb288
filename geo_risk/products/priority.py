"""The score by which the evacuation list is ranked, and its parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.params import EvacuationParams

_CUT_OFF = {"none": 0.0, "low": 0.25, "unknown": 0.5, "medium": 0.6, "high": 1.0}
_UNKNOWN_LEVEL = 1.5
"""An unknown level ranks between low and medium, never below low."""

_MANY_PEOPLE = 1000.0
"""People from which the size of a settlement no longer raises its score (danger grade I)."""


def scores(rows: pd.DataFrame, params: EvacuationParams) -> NDArray[np.float64]:
    """Return the score 0-1 that ranks the list: the sum of `score_parts`, to six decimals."""
    return np.asarray(np.round(sum(score_parts(rows, params).values()), 6), dtype=np.float64)


def score_parts(rows: pd.DataFrame, params: EvacuationParams) -> dict[str, NDArray[np.float64]]:
    """Return the weighted parts of the score, 0 to the weight each; nothing unknown counts below low.

    warning and risk: level / 4 (unknown 1.5 / 4); people: log(1 + people) / log(1001), at most 1 (unknown 0.5);
    vulnerable: their share (unknown 0.25); cut_off: none 0, low 0.25, unknown 0.5, medium 0.6, high 1. A higher
    level or more people never lower a row.
    """
    people = rows["people"].to_numpy(dtype=np.float64)
    vulnerable = rows["vulnerable_people"].to_numpy(dtype=np.float64)
    size = np.minimum(np.log1p(people) / np.log1p(_MANY_PEOPLE), 1.0)
    share = np.divide(vulnerable, people, out=np.full(len(rows), np.nan), where=people > 0)
    parts = {
        "warning": _level_part(rows["warning_level"]),
        "risk": _level_part(rows["risk_level"]),
        "people": np.where(np.isnan(size), 0.5, size),
        "vulnerable": np.where(np.isnan(share), 0.25, np.minimum(share, 1.0)),
        "cut_off": rows["cut_off_risk"].map(_CUT_OFF).to_numpy(dtype=np.float64),
    }
    total = sum(params.scores.values())
    return {k: params.scores[k] / total * v for k, v in parts.items()}


def _level_part(levels: pd.Series[Any]) -> NDArray[np.float64]:
    values = levels.to_numpy(dtype=np.float64)
    return np.where(values < 0, _UNKNOWN_LEVEL, values) / 4
