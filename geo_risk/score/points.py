"""Hazard points against the true movers and the true state of the ledger."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np

from geo_risk.score.figures import Figure, ratio
from geo_risk.score.outputs import RunOutput, Truth

NEAR_M = 120.0
"""A point within this distance of a mover belongs to it: two cells of the radar grid."""


def score_hazard_points(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return recall over movers that are visible or in the ledger, and precision over points that are in force.

    A point is in force unless it is dormant or cancelled. It is true where it belongs to a mover, or is a ledger
    place that the truth does not call dead.
    """
    points, movers, ledger = run.frame("hazard_points"), truth.frame("movers"), truth.table("hazard_points")
    if points is None or movers is None:
        return {}
    active = points[~points["status"].isin(["dormant", "cancelled"])]
    shapes = movers.geometry.to_crs(active.crs)
    near = gpd.GeoDataFrame(geometry=shapes.buffer(NEAR_M), crs=active.crs)
    hits = gpd.sjoin(active[["point_id", "geometry"]], near, predicate="within")
    of_mover = set(hits["point_id"])
    listed = _listed_movers(ledger)
    sees = movers[[c for c in movers.columns if str(c).startswith("visible_")]].to_numpy(bool).any(axis=1)
    known = sees | movers["mover_id"].isin(listed).to_numpy()
    found = {str(movers["mover_id"].iloc[i]) for i in set(hits["index_right"])}
    found |= {m for p, m in _movers_of(ledger).items() if p in set(active["point_id"].astype(str))}
    recall = sum(str(m) in found for m in movers["mover_id"][known])
    alive = _alive(ledger)
    true = [p in of_mover or p in alive for p in active["point_id"].astype(str)]
    return {
        "hazard_points": {
            "recall": ratio(recall, int(known.sum()), "movers that are visible or in the ledger and have a point"),
            "precision": ratio(int(np.sum(true)), len(active), "points in force that are true"),
        }
    }


def _movers_of(ledger: Any) -> dict[str, str]:
    if ledger is None or "mover_id" not in ledger:
        return {}
    rows = ledger.dropna(subset=["mover_id"])
    return dict(zip(rows["point_id"].astype(str), rows["mover_id"].astype(str), strict=True))


def _listed_movers(ledger: Any) -> set[str]:
    return set(_movers_of(ledger).values())


def _alive(ledger: Any) -> set[str]:
    """Return the ledger numbers whose place moves, slides in the storm, or is as prone to slide as those."""
    if ledger is None or "true_kind" not in ledger:
        return set()
    return set(ledger.loc[ledger["true_kind"].isin(["mover", "static", "sliding"]), "point_id"].astype(str))
