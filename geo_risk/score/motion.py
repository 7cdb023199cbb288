"""Moving areas, their activity, and mining clues against the true movers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.score.figures import Figure, ratio, total
from geo_risk.score.outputs import RunOutput, Truth, burnt, grid_of_motion

SHARE = 0.3
"""Share that makes a mover found, and a predicted area true."""

_TRENDS = ("steady", "accelerating", "decelerating", "step")
"""Activities that only a classification of series gives; without one of them there is none to score."""


def score_moving_areas(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return recall, precision, class accuracy and the blind map's share; and activity, where it was classified.

    A mover counts where at least one track sees it, and is found where predicted areas cover 30 % of its visible
    part. A predicted area is true where 30 % of it moves.
    """
    areas, movers, motion = run.frame("active_deformation"), truth.frame("movers"), truth.motion
    if areas is None or movers is None or motion is None:
        return {}
    grid = grid_of_motion(motion)
    mover = motion["mover"].to_numpy()
    seen = np.any([motion[n].to_numpy() > 0 for n in motion.data_vars if str(n).startswith("seen_")], axis=0)
    members = [burnt(areas.iloc[[i]], grid) > 0 for i in range(len(areas))]
    covered = np.any(members, axis=0) if members else np.zeros(grid.shape, bool)
    sees = movers[[c for c in movers.columns if str(c).startswith("visible_")]].to_numpy(bool).any(axis=1)
    visible = [number for number, can in enumerate(sees, 1) if can and (seen & (mover == number)).any()]
    found = [n for n in visible if _share(covered, seen & (mover == n)) >= SHARE]
    true_areas = [m for m in members if _share(mover > 0, m) >= SHARE]
    part = {
        "recall": ratio(len(found), len(visible), "movers found, of those a track can see"),
        "precision": ratio(len(true_areas), len(members), "predicted areas that move"),
    }
    if (areas["kind"].fillna("unknown") != "unknown").any():
        right = sum(_kind(areas, members, seen & (mover == n)) == movers["class"].iloc[n - 1] for n in found)
        part["class_accuracy"] = ratio(right, len(found), "found movers of the right class")
    part.update(_blind(run, truth, mover, ~sees))
    out = {"moving_areas": part}
    if areas["activity"].isin(_TRENDS).any():
        out["activity"] = _activity(areas, movers, members, mover, seen)
    return out


def _share(mask: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    n = int(of.sum())
    return float((mask & of).sum() / n) if n else 0.0


def _kind(areas: pd.DataFrame, members: list[NDArray[np.bool_]], place: NDArray[np.bool_]) -> str:
    counts = [int((m & place).sum()) for m in members]
    return str(areas["kind"].iloc[int(np.argmax(counts))])


def _blind(run: RunOutput, truth: Truth, mover: NDArray[np.int32], unseen: NDArray[np.bool_]) -> dict[str, Figure]:
    blind = run.layer("blind_map")
    if blind is None or truth.motion is None:
        return {}
    grid = grid_of_motion(truth.motion)
    coords = grid.coords()
    near = blind.reindex(y=coords["y"], x=coords["x"], method="nearest", tolerance=grid.resolution_m)
    marks = near.to_numpy() > 0
    cells = np.isin(mover, np.flatnonzero(unseen) + 1)
    return {"blind_share": ratio((marks & cells).sum(), cells.sum(), "cells of unseen movers that the blind map marks")}


def _activity(
    areas: pd.DataFrame,
    movers: pd.DataFrame,
    members: list[NDArray[np.bool_]],
    mover: NDArray[np.int32],
    seen: NDArray[np.bool_],
) -> dict[str, Figure]:
    called = [m for m, a in zip(members, areas["activity"], strict=True) if a == "accelerating"]
    numbers = np.flatnonzero(movers["accelerating"].to_numpy(bool)) + 1
    reach = np.any(called, axis=0) if called else np.zeros(mover.shape, bool)
    found = sum(_share(reach, seen & (mover == n)) >= SHARE for n in numbers)
    trendless = (mover == 0) | np.isin(mover, np.flatnonzero(movers["seasonal"].to_numpy(bool)) + 1)
    false = sum(_share(trendless, m) > 1 - SHARE for m in called)
    return {
        "accelerating_found": total(found, "accelerating movers called so", ceiling=float(len(numbers))),
        "seasonal_false": total(false, "seasonal or still areas called accelerating", ceiling=0.0),
    }


def score_mining(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return the share of true bowls whose best-fitting clue has the right verdict."""
    clues, bowls, movers = run.frame("mining_clues"), truth.frame("bowls"), truth.frame("movers")
    if clues is None or bowls is None or movers is None:
        return {}
    shapes = dict(zip(movers["mover_id"], movers.geometry.to_crs(clues.crs), strict=True))
    right, used = 0, set()
    for bowl in bowls.itertuples():
        shared = clues.geometry.intersection(shapes[bowl.mover_id]).area if len(clues) else pd.Series([0.0])
        if not float(shared.max()) > 0:
            continue
        best = int(shared.to_numpy().argmax())
        used.update(np.flatnonzero(shared.to_numpy() > 0).tolist())
        right += clues["verdict"].iloc[best] == bowl.verdict
    false = len(clues) - len(used)
    return {
        "mining": {
            "verdict_accuracy": ratio(right, len(bowls), "bowls with the right verdict"),
            "false_clues": total(false, "clues that touch no bowl", ceiling=0.0),
        }
    }
