"""The score that ranks waterlogging sites: depth first, then people, traffic and duration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.waterlogging_params import WaterloggingParams

Array = NDArray[np.float64]

_CLASSES = ("trunk", "primary", "secondary", "local", "none")


def score_parts(frame: pd.DataFrame, params: WaterloggingParams) -> dict[str, Array]:
    """Weighted parts of the score, 0 to the weight each; their sum is the score, 0-1.

    depth : 1 - exp(-d / depth_scale_m). people : log10(1 + n) / 4, at most 1. traffic : trunk 1 to none 0.
    duration : 1 - exp(-t / 2 h). Missing people and duration count as the median of the known, missing depth as
    `depths_for_unknown` says.
    """
    known = frame["depth_m"].astype("float64").to_numpy(np.float64)
    depth: Array = np.where(np.isnan(known), depths_for_unknown(frame, params), known).astype(np.float64)
    return _parts(frame, depth, params)


def depths_for_unknown(frame: pd.DataFrame, params: WaterloggingParams) -> Array:
    """Depth with which each site is ranked were it unknown, (n,) [m]: `unknown_depth_m`, or more by its ledger."""
    least = np.full(len(frame), params.unknown_depth_m)
    if "past_depth_m" not in frame:
        return least
    past = pd.to_numeric(frame["past_depth_m"], errors="coerce").astype("float64")
    return np.asarray(np.fmax(least, past.to_numpy(np.float64)))


def score_of(frame: pd.DataFrame, depth_m: Array, params: WaterloggingParams) -> Array:
    """Score of each site, 0-1, for other depths than those of the frame.

    Parameters
    ----------
    frame : (n,) rows as for `score_parts`. depth_m : (n, draw) known depths [m].

    Returns
    -------
    (n, draw)
    """
    return np.asarray(sum(_parts(frame, depth_m, params).values(), start=np.zeros(depth_m.shape)))


def _parts(frame: pd.DataFrame, depth: Array, params: WaterloggingParams) -> dict[str, Array]:
    people, hours = (_filled(frame[column]) for column in ("people", "duration_h"))
    traffic = frame["traffic_class"].map({c: 1 - k / 4 for k, c in enumerate(_CLASSES)}).fillna(0.0).to_numpy(float)
    by_site = {
        "people": np.minimum(np.log10(1 + people) / 4, 1.0),
        "traffic": traffic,
        "duration": 1 - np.exp(-hours / 2),
    }
    along = (slice(None), *([None] * (depth.ndim - 1)))
    raw = {"depth": 1 - np.exp(-depth / params.depth_scale_m), **{k: v[along] for k, v in by_site.items()}}
    # what does not stand under water endangers nobody there: all parts go to 0 with the depth
    wet = np.minimum(depth / params.depth_classes_m[0], 1.0)
    weights = params.weights
    total = sum(weights.values())
    return {name: weights[name] / total * values * wet for name, values in raw.items()}


def _filled(values: pd.Series[Any]) -> Array:
    """Return numbers with the missing ones as the median of the known, 0 where none is known."""
    known = pd.to_numeric(values).astype("float64")
    filled = known.fillna(known.median() if known.notna().any() else 0.0)
    return np.asarray(filled, dtype=np.float64)
