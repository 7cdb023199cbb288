"""Waterlogging sites against the true depths and causes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from geo_risk.score.figures import Figure, ratio, rms
from geo_risk.score.outputs import RunOutput, Truth

NEAR_M = 60.0
"""A site that the run found by itself is a true one within this distance."""

WORST, FIRST = 10, 12


def score_waterlogging(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return how many of the ten worst true sites stand among the first twelve, depth errors, and right causes.

    A true site that the run does not list counts as depth 0. Sites listed without a depth are left out of the error.
    """
    sites, depths = run.frame("waterlogging"), truth.table("site_depths")
    if sites is None or depths is None:
        return {}
    match = match_sites(depths, sites)
    worst = depths.sort_values("depth_m", ascending=False, kind="stable").head(WORST).index
    first = set(sites.sort_values("rank")["site_id"].astype(str).head(FIRST))
    top = sum(match.get(i) in first for i in worst)
    by_id: Any = sites.assign(site_id=sites["site_id"].astype(str)).set_index("site_id")
    error = pd.Series({i: _error(by_id, match.get(i), float(row["depth_m"])) for i, row in depths.iterrows()})
    sound = depths["hidden_defect"].isna() | depths["hidden_defect"].isin(["none", "", False])
    floods = depths["floods"].astype(bool) if "floods" in depths else depths["depth_m"] > 0
    causes = depths["cause"].notna() & floods & (depths["cause"] != "none")
    right = sum(
        match.get(i) is not None and by_id.loc[match[i], "cause"] == depths["cause"][i] for i in depths.index[causes]
    )
    part = {
        "top10_in_first12": ratio(top, len(worst), "of the ten worst true sites, those among the first twelve listed"),
        "depth_rmse_m": _rms(error[sound], "sites without a hidden defect"),
        "depth_rmse_all_m": _rms(error, "all true sites"),
    }
    if (sites["cause"].fillna("unknown") != "unknown").any():
        part["cause_accuracy"] = ratio(right, int(causes.sum()), "sites that flood with the right cause")
    return {"waterlogging": part}


def match_sites(depths: pd.DataFrame, sites: Any) -> dict[Any, str]:
    """Return the run's site id for each row of the truth: by id, else the nearest one within 60 m, each used once."""
    ids = set(sites["site_id"].astype(str))
    out: dict[Any, str] = {i: str(s) for i, s in depths["site_id"].items() if str(s) in ids}
    x, y = sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy()
    names = sites["site_id"].astype(str).to_numpy()
    used = set(out.values())
    pairs = []
    for i in depths.index.difference(list(out)):
        distance = np.hypot(x - float(depths["x"][i]), y - float(depths["y"][i]))
        pairs += [(float(distance[k]), i, str(names[k])) for k in np.flatnonzero(distance <= NEAR_M)]
    for _, i, name in sorted(pairs, key=lambda p: (p[0], str(p[1]))):
        if i not in out and name not in used:
            out[i] = name
            used.add(name)
    return out


def _error(by_id: Any, name: str | None, true_m: float) -> float:
    if name is None:
        return -true_m
    depth = by_id.loc[name, "depth_m"]
    return float("nan") if pd.isna(depth) else float(depth) - true_m


def _rms(errors: Any, meaning: str) -> Figure:
    known = errors.dropna().to_numpy(float)
    return rms(float((known**2).sum()), known.size, f"depth error at {meaning} [m]")
