"""What rain brings each site to each depth class, how often, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.depth_curve import DepthCurve
from geo_risk.hazards.flood.design_runs import BLOCK_MINUTES, SiteRun
from geo_risk.hazards.flood.responses import corrected

Array = NDArray[np.float64]

TRIGGER_MINUTES = (10, 30, 60)
"""Durations of the trigger rain [min]."""

STEP_MM = 1.0
"""Step of the amounts at which the depth is looked up; between them it is straight."""


def trigger_rain(
    runs: Sequence[SiteRun], states: pd.DataFrame, *, classes_m: Sequence[float], close_class: int
) -> pd.DataFrame:
    """Rain in 10, 30 and 60 minutes, at a constant rate on average ground, that brings a site to each depth class.

    Parameters
    ----------
    runs : blocks and perhaps storms; storms are passed over. states : as `responses.site_states` returns them.
    classes_m : lower bounds of the depth classes, rising. close_class : class (1, 2, ...) at which a road is closed.

    Returns
    -------
    site_id, trigger_{d}min_class{k}_mm [mm] (missing where the strongest block does not do it, or nothing is known),
    trigger_tested_mm (the strongest block that was run; missing where the site lies beyond the DEM),
    close_mm (the 60-minute rain that just closes the road: that of close_class) and minutes_to_close [min] from its
    start until the water stands so deep. Never falling with the class; for one class never less in a longer time
    (where the runs say otherwise by their error the lesser amount stands for the shorter time too). That of 30 minutes
    lies straight between those of 10 and 60: a drain takes alike in every minute; where that of 60 is more than was
    tested, the tested rain stands for it, so that it is rather too low.
    """
    by_minutes = {m: runs_of(runs, m) for m in BLOCK_MINUTES}
    rows = []
    for k, state in enumerate(states.to_dict("records")):
        real, move = float(state["capacity_m3_s"] * state["share"]), float(state["correction_m"])
        row: dict[str, Any] = {"site_id": state["site_id"]}
        table = np.full((len(BLOCK_MINUTES), len(classes_m)), np.nan)
        tested, minutes = np.nan, np.nan
        for i, same in enumerate(by_minutes.values()):
            if not same:
                continue
            curve = DepthCurve(same, k, str(state["site_id"]), real)
            amounts = np.append(np.arange(0.0, curve.amounts_mm[-1], STEP_MM), curve.amounts_mm[-1])
            depth = np.maximum.accumulate(corrected(curve.depths(amounts), move))
            if np.isnan(depth).any():
                continue
            tested = curve.amounts_mm[-1]
            table[i] = [_crossing(amounts, depth, bound) for bound in classes_m]
            if BLOCK_MINUTES[i] == 60:
                minutes = _minutes_until(curve, table[i, close_class - 1], classes_m[close_class - 1], move)
        short, long = _never_less_in_a_longer_time(table)
        between = 0.6 * short + 0.4 * np.where(np.isnan(long), tested, long)
        for duration, amounts in zip(TRIGGER_MINUTES, (short, between, long), strict=True):
            row |= {f"trigger_{duration}min_class{c}_mm": amounts[c - 1] for c in range(1, len(classes_m) + 1)}
        rows.append(
            {**row, "trigger_tested_mm": tested, "close_mm": long[close_class - 1], "minutes_to_close": minutes}
        )
    names = [f"trigger_{d}min_class{c}_mm" for d in TRIGGER_MINUTES for c in range(1, len(classes_m) + 1)]
    return pd.DataFrame(rows, columns=["site_id", *names, "trigger_tested_mm", "close_mm", "minutes_to_close"])


def runs_of(runs: Sequence[SiteRun], minutes: int) -> list[SiteRun]:
    """Return the blocks of a duration by rising amount."""
    same = [r for r in runs if np.isnan(r.rain.years) and r.rain.minutes == minutes and len(r.rain.rain_mm) == 1]
    return sorted(same, key=lambda r: r.rain.total_mm)


def _crossing(amounts: Array, depth: Array, bound: float) -> float:
    """Least amount at which a depth that never falls reaches a bound; NaN where it does not."""
    k = int(np.searchsorted(depth, bound, side="left"))
    if k == 0:
        return float(amounts[0])
    if k == depth.size:
        return float("nan")
    share = (bound - depth[k - 1]) / (depth[k] - depth[k - 1])
    return float(amounts[k - 1] + share * (amounts[k] - amounts[k - 1]))


def _never_less_in_a_longer_time(table: Array) -> Array:
    """Lower the amounts of shorter times to those of longer ones where they are greater; missing is more than any."""
    filled = np.where(np.isnan(table), np.inf, table)
    least = np.minimum.accumulate(filled[::-1], axis=0)[::-1]
    return np.where(np.isinf(least), np.nan, least)


def _minutes_until(curve: DepthCurve, amount_mm: float, bound_m: float, move_m: float) -> float:
    """Minutes from the start of the rain until the water reaches a bound; NaN where nobody can say."""
    pond = curve.runs[-1].ponds.get(curve.site_id)
    if pond is None or not amount_mm > 0:
        return float("nan")
    depth = corrected(curve.series(np.array([amount_mm]))[0], move_m)
    # the amount was found between steps of STEP_MM: the deepest water may miss the bound by a hair
    reached = depth >= min(bound_m, float(depth.max()) - 1e-9)
    return float(pond.time_s[int(np.argmax(reached))] / 60.0) if depth.max() > 0 else float("nan")


def depths_by_years(runs: Sequence[SiteRun], states: pd.DataFrame, *, first_class_m: float) -> pd.DataFrame:
    """Depth of each site in storms of rising return period, and the period at which it reaches the first class.

    Parameters
    ----------
    runs : blocks are passed over. states : as `responses.site_states` returns them. first_class_m : lower bound [m].

    Returns
    -------
    site_id, depth_{years}yr_m [m], return_period_yr [yr] (straight in its logarithm between storms), and
    return_period_bound: "between" two storms, "at_most" (the weakest storm does it already: the period is its own),
    "more_than" (the strongest does not: the period is missing), "unknown". No storm: "unknown" alone.
    """
    storms = sorted((r for r in runs if not np.isnan(r.rain.years)), key=lambda r: r.rain.years)
    move = states["correction_m"].to_numpy(float)
    years = np.array([r.rain.years for r in storms])
    depth = np.array([corrected(r.depth_m, move) for r in storms]).reshape(len(storms), len(states))
    depth = np.maximum.accumulate(depth, axis=0)  # a rarer storm is no shallower but for the error of the runs
    out = pd.DataFrame({"site_id": states["site_id"].astype(str).to_numpy()})
    for k, period in enumerate(years):
        out[f"depth_{period:g}yr_m"] = depth[k]
    found = [_period(years, depth[:, k], first_class_m) for k in range(len(states))]
    out["return_period_yr"] = np.array([p for p, _ in found], dtype=np.float64)
    out["return_period_bound"] = [word for _, word in found]
    return out


def _period(years: Array, depth: Array, bound: float) -> tuple[float, str]:
    if not years.size or np.isnan(depth).any():
        return float("nan"), "unknown"
    if depth[0] >= bound:
        return float(years[0]), "at_most"
    if not depth[-1] >= bound:
        return float("nan"), "more_than"
    return float(np.exp(_crossing(np.log(years), depth, bound))), "between"
