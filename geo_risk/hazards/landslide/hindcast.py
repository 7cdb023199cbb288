"""Skill of warnings of past storms, each judged by a model that never saw it: counts, intervals, lead, curves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.landslide.warning import HeldOut, chance
from geo_risk.hazards.landslide.warning_units import PastCases

PUBLIC_LEVEL = 2
"""Yellow: warnings are public from it on."""

RESAMPLES = 2000
"""Draws of storms for an interval (choice of geo_risk: its ends are then known to a hundredth)."""

POOLED = "all"
"""Id of the row of all storms together."""

_LEVEL = 0.95


@dataclass(frozen=True)
class Contingency:
    """Units of storms by what was said and what came.

    Attributes
    ----------
    hits, misses : units that slid and were warned, or were not (a unit of unknown level is not warned).
    false_alarms, quiet : units that did not slide and were warned, or were known and not warned.
    unknown : units of unknown level that did not slide: neither a false alarm nor a correct "no".
    """

    hits: int
    misses: int
    false_alarms: int
    quiet: int
    unknown: int

    @property
    def pod(self) -> float:
        """Probability of detection, hits / (hits + misses); NaN where nothing slid."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def far(self) -> float:
        """False-alarm ratio, false alarms / (hits + false alarms); NaN where nothing was warned."""
        return _share(self.false_alarms, self.hits + self.false_alarms)

    @property
    def csi(self) -> float:
        """Critical success index, hits / (hits + misses + false alarms); NaN where there is none of them."""
        return _share(self.hits, self.hits + self.misses + self.false_alarms)

    def __add__(self, other: Contingency) -> Contingency:
        """Return the counts of both together."""
        return Contingency(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def _share(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else float("nan")


def contingency(level: NDArray[Any], slid: NDArray[np.bool_], *, least: int = PUBLIC_LEVEL) -> Contingency:
    """Count warnings against slides (Wilks, Statistical Methods in the Atmospheric Sciences, 2 x 2 tables).

    Parameters
    ----------
    level : (unit,) -1..4, -1 unknown. slid : (unit,). least : the level from which a unit is warned.
    """
    warned, unknown = level >= least, level < 0
    return Contingency(
        int((warned & slid).sum()), int((~warned & slid).sum()), int((warned & ~slid).sum()),
        int((~warned & ~unknown & ~slid).sum()), int((unknown & ~slid).sum()),
    )  # fmt: skip


def by_storm(held: HeldOut, *, least: int = PUBLIC_LEVEL) -> tuple[Contingency, ...]:
    """Return the counts of each storm that was left out."""
    return tuple(contingency(held.level[:, k], held.slid[:, k], least=least) for k in range(len(held.storms)))


def interval(counts: tuple[Contingency, ...], figure: str, *, seed: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of a pooled figure ("pod", "far", "csi"), storms drawn with replacement (Efron 1979).

    Slides of one storm share its rain and its errors, so whole storms are drawn. NaN below two storms.
    """
    if len(counts) < 2:
        return float("nan"), float("nan")
    table = np.array([[c.hits, c.misses, c.false_alarms] for c in counts], dtype=np.float64)
    drawn = np.random.default_rng([seed, 20_240_704]).integers(0, len(counts), size=(RESAMPLES, len(counts)))
    hits, misses, false = table[drawn].sum(axis=1).T
    bottom = {"pod": hits + misses, "far": hits + false, "csi": hits + misses + false}[figure]
    top = false if figure == "far" else hits
    shares = np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
    if np.isnan(shares).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(shares, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def hindcast_table(held: HeldOut, cases: PastCases, *, least: int = PUBLIC_LEVEL) -> pd.DataFrame:
    """Return a row for each storm that could be left out, and one for all of them.

    Parameters
    ----------
    held : by `leave_one_storm_out` of `cases`. least : the level from which a unit is warned.

    Returns
    -------
    Columns storm_id, units, slid_units, hits, misses, false_alarms, unknown_units, pod, far, csi and the ends of the
    intervals of the pooled row (pod_low, pod_high, ...), hits_in_time (units that slid and were warned by the height of
    the storm already), expected_units (sum of the chances), warned_share, rain_mean_mm.
    """
    counts = by_storm(held, least=least)
    column = {s: k for k, s in enumerate(cases.storms)}
    rows = []
    for k, (storm, count) in enumerate(zip(held.storms, counts, strict=True)):
        early = held.models[k].index(cases.units.susceptibility, cases.height_mm[:, column[storm]])
        in_time = (early >= held.models[k].bounds[least - 1]) & held.slid[:, k]
        rows.append(_row(storm, count) | {
            "hits_in_time": int(in_time.sum()), "expected_units": float(np.nansum(held.probability[:, k])),
            "rain_mean_mm": float(np.nanmean(held.rain_mm[:, k])) if np.isfinite(held.rain_mm[:, k]).any() else np.nan,
        })  # fmt: skip
    if rows:
        every = sum(counts[1:], counts[0])
        sums = {n: sum(r[n] for r in rows) for n in ("hits_in_time", "expected_units")}
        ends = {f"{n}_{end}": v for n in ("pod", "far", "csi")
                for end, v in zip(("low", "high"), interval(counts, n), strict=True)}  # fmt: skip
        rows.append(_row(POOLED, every) | sums | ends)
    columns = [
        "storm_id",
        "units",
        "slid_units",
        "hits",
        "misses",
        "false_alarms",
        "unknown_units",
        "pod",
        "far",
        "csi",
    ]
    return pd.DataFrame(rows, columns=[*columns, *_MORE])


_MORE = ("pod_low", "pod_high", "far_low", "far_high", "csi_low", "csi_high", "hits_in_time", "expected_units",
         "warned_share", "rain_mean_mm")  # fmt: skip


def _row(storm: str, c: Contingency) -> dict[str, Any]:
    units = c.hits + c.misses + c.false_alarms + c.quiet + c.unknown
    return {
        "storm_id": storm, "units": units, "slid_units": c.hits + c.misses, "hits": c.hits, "misses": c.misses,
        "false_alarms": c.false_alarms, "unknown_units": c.unknown, "pod": c.pod, "far": c.far, "csi": c.csi,
        "warned_share": _share(c.hits + c.false_alarms, units),
    }  # fmt: skip


def detection_curve(score: NDArray[Any], slid: NDArray[np.bool_], *, points: int = 200) -> dict[str, list[float]]:
    """Return hit rate and false-alarm ratio for falling cut-offs of a score.

    Parameters
    ----------
    score : any shape, what is warned first is highest; NaN is never warned. slid : the same shape.
    points : cut-offs, at equal steps of the hit rate.

    Returns
    -------
    {"pod": rising, "far": of the same length}; empty where nothing slid.
    """
    values = np.where(np.isfinite(score), score, -np.inf).ravel()
    events = slid.ravel()
    order = np.argsort(-values, kind="stable")
    ordered, hit = values[order], np.cumsum(events[order])
    # cases of one score are warned together
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True) & np.isfinite(ordered))
    if not events.any() or not last.size:
        return {"pod": [], "far": []}
    pod, far = hit[last] / events.sum(), 1 - hit[last] / (last + 1)
    keep = np.unique(np.searchsorted(pod, np.linspace(1 / points, 1, points)).clip(0, len(pod) - 1))
    return {"pod": pod[keep].tolist(), "far": far[keep].tolist()}


def threshold_of_costs(p: NDArray[Any], slid: NDArray[np.bool_], *, miss_cost: float) -> float:
    """Return the chance from which warning would have cost least, a false alarm costing 1 and a miss `miss_cost`.

    Parameters
    ----------
    p : chances, any shape; NaN is passed over. slid : the same shape.

    Returns
    -------
    The middle between the chances on both sides of the best cut; of chances that mean what they say it is near the
    cost-loss rule 1 / (1 + miss_cost). NaN where nothing is known.
    """
    known = np.isfinite(p)
    values, events = np.asarray(p)[known], slid[known]
    if not values.size:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    ordered, hits = values[order], np.concatenate([[0], np.cumsum(events[order])])
    cost = np.arange(len(hits)) - hits + miss_cost * (events.sum() - hits)
    may = np.concatenate([[True], np.diff(ordered) != 0, [True]])
    n = int(np.flatnonzero(may)[np.argmin(cost[may])])
    above, below = ordered[n - 1] if n else 1.0, ordered[n] if n < len(ordered) else 0.0
    return float((above + below) / 2)


def expected_units(held: HeldOut) -> float:
    """Return how many units were expected to slide in all storms together."""
    return float(np.nansum(chance(held.index)))
