"""Landslide warnings of slope units against the slides of the storm, beside one threshold on rain alone.

A unit is warned at a stage where the highest level of its cells is public (yellow, 2, unless `warning.cap.least_level`
of the run says otherwise). It is hit where the source of a slide of the storm lies in it, whenever in the storm. A unit
that is not warned and has a cell of unknown level is unknown: with a slide it is a miss, without one it is no correct
"no" but counted apart. Slides whose source is in no unit are counted apart. `pod_in_time` looks at those units alone
that slid by the end of the stage's horizon: what comes later is for warnings that are issued later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid, grid_of
from geo_risk.core.names import STAGES_H
from geo_risk.sample.susceptibility import rain_factor
from geo_risk.score.figures import Figure, ratio, total
from geo_risk.score.outputs import RunOutput, Truth, burnt
from geo_risk.sources.rain_grid import onto_grid

PUBLIC_LEVEL = 2
"""Yellow: warnings are public from it on."""

HEADLINE_H = (6, 3, 1)
"""Stages that make the headline."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Stage:
    """One stage over units (unit,): warned, unknown; mean effective rain of the stage [mm]; end of its horizon."""

    hours: int
    warned: Bools
    unknown: Bools
    rain_mm: Floats
    until: pd.Timestamp | None


@dataclass(frozen=True)
class _Units:
    """Cells of each unit: `at` (y, x) is the number of the cell's unit from 0, -1 in none; n units; the grid."""

    at: NDArray[np.int64]
    n: int
    grid: Grid

    def mean(self, values: NDArray[Any]) -> Floats:
        """Mean of a (y, x) array over the known cells of each unit, NaN where none is known."""
        known = (self.at >= 0) & np.isfinite(values)
        count = np.bincount(self.at[known], minlength=self.n)
        total_ = np.bincount(self.at[known], weights=values[known].astype(np.float64), minlength=self.n)
        out: Floats = np.full(self.n, np.nan)
        np.divide(total_, count, out=out, where=count > 0)
        return out

    def of(self, x: Floats, y: Floats) -> NDArray[np.int64]:
        """Return the number of the unit at points, -1 in none."""
        rows, columns, inside = self.grid.index(x, y)
        out = np.full(len(x), -1, dtype=np.int64)
        out[inside] = self.at[np.asarray(rows)[inside], np.asarray(columns)[inside]]
        return out

    def any(self, mask: Bools) -> Bools:
        """Whether a cell of the unit is marked."""
        inside = mask & (self.at >= 0)
        return np.bincount(self.at[inside], minlength=self.n) > 0


def score_warning(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return pod and far over the 6, 3 and 1 h stages, the far of rain alone, and each stage by itself.

    `rain_only_far`: units are warned by one threshold on the stage's effective rain, at the very hit rate of the run on
    these slides: the best that a threshold can do. `rain_only_past_pod` and `rain_only_past_far` are what the largest
    threshold brings that would have reached this hit rate on the recorded slides of the past storms: its own hit rate
    here may be another, so that the two belong together.
    """
    slides, units = truth.frame("storm_slides"), _units(run)
    if slides is None or units is None:
        return {}
    fields, public = run.work_dataset("rain_stages"), _public_level(run)
    stages = [s for s in (_stage(run, units, fields, hours, public) for hours in STAGES_H) if s is not None]
    headline = [s for s in stages if s.hours in HEADLINE_H]
    if not headline:
        return {}
    at = units.of(slides["x"].to_numpy(), slides["y"].to_numpy())
    slid = np.bincount(at[at >= 0], minlength=units.n) > 0
    times = pd.to_datetime(slides["time"], utc=True, format="ISO8601") if "time" in slides else None
    part = _counts(headline, slid) | _in_time(headline, at, times)
    past = np.array([u["rain_mm"] for u in run.facts("landslide_past_storms").get("slid_units", [])], dtype=np.float64)
    part.update(_rain_only(headline, slid, past))
    best = _oracle(units, truth)
    if best is not None:
        part["far"] = ratio(part["far"].top, part["far"].bottom, part["far"].meaning,
                            ceiling=_far(best, slid, part["pod"].value))  # fmt: skip
    part["slides_off_units"] = total(float((at < 0).sum()), "slides whose source is in no unit")
    for stage in stages:
        own = _counts([stage], slid) | _in_time([stage], at, times) | _rain_only([stage], slid, past)
        part.update({f"by_stage.{stage.hours}h.{name}": figure for name, figure in own.items()})
    return {"warning": part}


def _public_level(run: RunOutput) -> int:
    """Return the least level that is made public, by the run's own parameters."""
    said = run.manifest().get("parameters", {}).get("warning", {}).get("cap", {}).get("least_level")
    return PUBLIC_LEVEL if said is None else int(said)


def _units(run: RunOutput) -> _Units | None:
    """Return the run's slope units on the grid of its warnings, None where it made none of either."""
    layers = [run.layer(f"warning_{h}h") for h in STAGES_H]
    like: xr.DataArray | None = next((found for found in layers if found is not None), None)
    frame = run.frame("slope_units")
    if like is None or frame is None or not len(frame):
        return None
    drawn, grid = run.work_layer("slope_units"), grid_of(like)
    labels = burnt(frame, grid) if drawn is None else drawn.to_numpy()
    names = np.unique(labels[labels > 0])
    at = np.searchsorted(names, labels).astype(np.int64)
    return _Units(np.where(labels > 0, at, -1), len(names), grid)


def _stage(run: RunOutput, units: _Units, fields: xr.Dataset | None, hours: int, public: int) -> _Stage | None:
    found = run.layer(f"warning_{hours}h")
    if found is None:
        return None
    level = found.to_numpy()
    warned = units.any(level >= public)
    unknown = ~warned & units.any(~(level >= 0))
    mean = np.full(units.n, np.nan)
    if fields is not None and f"effective_{hours}h" in fields:
        # the running maximum: its last hour is the highest effective rain of the horizon, as the levels take it
        highest = fields[f"effective_{hours}h"].isel({f"hour_{hours}h": -1})
        mean = units.mean(onto_grid(highest, units.grid).to_numpy())
    known = {s["hours"]: s["until"] for s in run.facts("rainfall_stages").get("stages", [])}
    return _Stage(hours, warned, unknown, mean, pd.Timestamp(known[hours]) if hours in known else None)


def _counts(stages: list[_Stage], slid: Bools) -> dict[str, Figure]:
    hits = sum(int((s.warned & slid).sum()) for s in stages)
    warned = sum(int(s.warned.sum()) for s in stages)
    n, blind = len(stages), sum(int((s.unknown & ~slid).sum()) for s in stages)
    return {
        "pod": ratio(hits, n * int(slid.sum()), "slope units with a slide that were warned"),
        "far": ratio(warned - hits, warned, "warned slope units without a slide", ceiling=0.0),
        "warned_share": ratio(warned, n * slid.size, "slope units that were warned", ceiling=None),
        "unknown_units": total(blind, "units of unknown level without a slide: neither right nor wrong"),
    }


def _in_time(stages: list[_Stage], at: NDArray[np.int64], times: Any) -> dict[str, Figure]:
    """Return the hit rate over units that slid by the end of each stage's horizon."""
    if times is None or any(s.until is None for s in stages):
        return {}
    slid = [np.unique(at[(at >= 0) & (times <= s.until).to_numpy()]) for s in stages]
    hits = sum(int(s.warned[own].sum()) for s, own in zip(stages, slid, strict=True))
    return {"pod_in_time": ratio(hits, sum(map(len, slid)), "units that slid by the end of the stage and were warned")}


def _rain_only(stages: list[_Stage], slid: Bools, past_mm: Floats) -> dict[str, Figure]:
    """Return what one threshold on effective rain does, fitted to past storms and, with hindsight, to this one."""
    rain = np.concatenate([s.rain_mm for s in stages])
    truth = np.tile(slid, len(stages))
    hits = sum(int((s.warned & slid).sum()) for s in stages)
    if not (slid.any() and np.isfinite(rain).any()):
        return {}
    rate = hits / int(truth.sum())
    _, far = _warned_by(rain, truth, _threshold(rain[truth], rate), "of one threshold on rain at the run's hit rate")
    out = {"rain_only_far": far}
    past = past_mm[np.isfinite(past_mm)]
    if past.size:
        pod, far = _warned_by(rain, truth, _threshold(past, rate),
                              "of the threshold on rain with this hit rate on past storms")  # fmt: skip
        out |= {"rain_only_past_far": far, "rain_only_past_pod": pod}
    return out


def _threshold(events: Floats, rate: float) -> float:
    """Return the largest threshold that at least this share of the events reaches; unknown events reach none."""
    ordered = np.sort(np.where(np.isfinite(events), events, -np.inf))[::-1]
    needed = int(np.ceil(rate * len(ordered) - 1e-9))
    return np.inf if needed == 0 else float(ordered[needed - 1])


def _warned_by(rain: Floats, slid: Bools, threshold: float, meaning: str) -> tuple[Figure, Figure]:
    warned = rain >= threshold
    hits = int((warned & slid).sum())
    n = int(warned.sum())
    pod = ratio(hits, int(slid.sum()), f"hit rate {meaning}")
    return pod, ratio(n - hits, n, f"false-alarm ratio {meaning}", ceiling=None)


def _oracle(units: _Units, truth: Truth) -> Floats | None:
    """Return the slides truly expected in each unit, up to a factor: by true susceptibility and true rain."""
    hidden, rain = truth.layer("susceptibility"), truth.rain_effective
    if hidden is None or rain is None:
        return None
    coords = units.grid.coords()
    p = hidden.reindex(y=coords["y"], x=coords["x"], method="nearest", tolerance=units.grid.resolution_m).to_numpy()
    worst = rain.max("time").interp(y=coords["y"], x=coords["x"], kwargs={"fill_value": None}).to_numpy()
    expected = np.divide(p, 1 - p, out=np.zeros_like(p), where=p < 1) * rain_factor(worst)
    known = (units.at >= 0) & np.isfinite(expected)
    out: Floats = np.bincount(units.at[known], weights=expected[known].astype(np.float64), minlength=units.n).astype(
        float
    )
    return out


def _far(score: Floats, slid: Bools, rate: float) -> float | None:
    """Return the false-alarm ratio of warning the units of highest score until this share of those that slid is hit."""
    if not (slid.any() and rate > 0):
        return None
    warned = score >= _threshold(score[slid], rate)
    return float(1 - (warned & slid).sum() / warned.sum())
