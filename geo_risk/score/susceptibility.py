"""Landslide susceptibility against slides on blocks that were kept out, beside what the true susceptibility reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from geo_risk.core.grid import grid_of
from geo_risk.score.figures import Figure, mean
from geo_risk.score.outputs import RunOutput, Truth


def auc(scores: ArrayLike, is_event: ArrayLike) -> float:
    """Return the area under the ROC curve (ties count half); NaN without events or without others.

    Parameters
    ----------
    scores, is_event : (n,) numbers without NaN, and whether each is an event. Mann-Whitney's U over n1 n0.
    """
    values, events = np.asarray(scores, dtype=np.float64), np.asarray(is_event, dtype=bool)
    n_events, n_others = int(events.sum()), int((~events).sum())
    if not n_events or not n_others:
        return float("nan")
    ranks = rankdata(values)
    return float((ranks[events].sum() - n_events * (n_events + 1) / 2) / (n_events * n_others))


def score_susceptibility(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return the AUC of the scores that the run gave to cells while their block was kept out, the oracle's, the skill.

    Skill = (auc - 0.5) / (auc_oracle - 0.5), both on the same cells.
    """
    cells, oracle = run.frame("landslide_validation"), truth.layer("susceptibility")
    if cells is None or oracle is None:
        return {}
    grid = grid_of(oracle)
    points = cells.geometry.to_crs(grid.crs)
    rows, columns, inside = grid.index(points.x.to_numpy(), points.y.to_numpy())
    best = oracle.to_numpy()[rows, columns]
    given = cells["score"].to_numpy(float)
    good = inside & np.isfinite(best) & np.isfinite(given)
    events = cells["is_event"].to_numpy(bool)[good]
    reached, ceiling = auc(given[good], events), auc(best[good], events)
    if not (np.isfinite(reached) and np.isfinite(ceiling)):
        return {}
    skill = (reached - 0.5) / (ceiling - 0.5)
    return {
        "susceptibility": {
            "auc": mean(reached, "area under the ROC curve, blocks kept out", ceiling=ceiling),
            "auc_oracle": mean(ceiling, "the same of the true susceptibility"),
            "skill": mean(skill, "(auc - 0.5) / (auc_oracle - 0.5)", ceiling=1.0),
        }
    }
