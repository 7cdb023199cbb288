"""What a stage's rain means for each zone and point: level, margin, hours to each level, and what drove it.

A place has the highest level that a stated share of its known ground reaches. Its margin before a level is the least
rain that, added everywhere, would bring that share of its ground there: 0 or less just where the level is reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level
from geo_risk.exposure.zonal import Coverage
from geo_risk.hazards.landslide.triggers import STEADY, UNSEEN, TriggerRule, certain, moving_triggers
from geo_risk.kernels.quantile import weighted_quantiles
from geo_risk.kernels.warning import CERTAIN, first_hours, rain_at

_HAIR = 1e-9
"""Rounding of sums of shares, as in exposure.zonal.level_at_share."""


@dataclass(frozen=True)
class StageRain:
    """Rain of one stage on its own grid; the arrays are None where no forecast covers it.

    Attributes
    ----------
    hours, issued, until : the horizon, times as ISO with zone.
    highest_mm : (hour, Y, X) running maximum of effective rain. parts_mm : (3, Y, X) of its peak: antecedent,
        observed, forecast.
    lattice, step : where the cells of the run grid lie in them.
    least_mm : (hour, Y, X) lower bound of `highest_mm`, with 0 mm in missing hours; None: nothing is known of it.
    """

    hours: int
    issued: str
    until: str
    highest_mm: NDArray[Any] | None = None
    parts_mm: NDArray[Any] | None = None
    lattice: NDArray[Any] | None = None
    step: int = 1
    least_mm: NDArray[Any] | None = None


@dataclass(frozen=True)
class Ground:
    """Cells under places: which place, which cell, what share, their trigger rain and motion.

    Attributes
    ----------
    place, rows, columns : (n,). share : (n,) of the cell that the place covers.
    trigger_mm : (4, n), lowered where the slope moves; NaN where unknown. motion : (n,) codes of `triggers`.
    n_cells : (m,) area of each place in cells, the part off the grid too.
    """

    place: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    share: NDArray[np.float64]
    trigger_mm: NDArray[np.float64]
    motion: NDArray[np.int8]
    n_cells: NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What one stage says of each place, all arrays (m,) or (4, m); NaN where not known.

    Attributes
    ----------
    level : -1..4. known_share : of the place's ground whose triggers and rain are known.
    margin_mm, trigger_mm : before and of the levels 1-4; infinite where no rain reaches the level.
    hours : to the levels 1-4; infinite where it is not reached within the horizon.
    rain_mm, parts_mm : effective rain, and (3, m) what it is made of, on the cell that decides the next level. Where
        hours of rain are missing there, as all after a shorter stage may be, the level and the rain are what they are
        at least, and the parts are NaN.
    motion : highest code among the known cells; 0 only where radar saw `min_known_share` of the place, else -1.
    from_h : (m,) hours of the stage that says so: the own, or a shorter one of the same issue within it.
    """

    level: NDArray[np.int8]
    known_share: NDArray[np.float64]
    margin_mm: NDArray[np.float64]
    trigger_mm: NDArray[np.float64]
    hours: NDArray[np.float64]
    rain_mm: NDArray[np.float64]
    parts_mm: NDArray[np.float64]
    motion: NDArray[np.int8]
    from_h: NDArray[np.int64]


def within(stages: Sequence[StageRain]) -> tuple[tuple[int, int], ...]:
    """Return the numbers of each stage and the next longer of the same issue, the shortest first.

    In a hindcast every stage has an issue time of its own and stands alone.
    """
    pairs: list[tuple[int, int]] = []
    by_issue: dict[str, list[int]] = {}
    for i in sorted(range(len(stages)), key=lambda i: stages[i].hours):
        by_issue.setdefault(stages[i].issued, []).append(i)
    for numbers in by_issue.values():
        pairs += pairwise(numbers)
    return tuple(pairs)


def judge_all(
    ground: Ground, stages: Sequence[StageRain], *, share: float, min_known_share: float
) -> dict[int, Judgement]:
    """Judge each place at every stage; a longer stage is not below a shorter one of the same issue (`certain`).

    Parameters and levels as of `judge`; the result is by the hours of the stage.
    """
    out = [judge(ground, s, share=share, min_known_share=min_known_share) for s in stages]
    for shorter, longer in within(stages):
        _take(out[longer], out[shorter])
    return {s.hours: found for s, found in zip(stages, out, strict=True)}


def _take(longer: Judgement, shorter: Judgement) -> None:
    """Put what a shorter stage says into the longer one where it is certain to hold there; levels come the sooner.

    Where the longer one is unknown itself its later hours are missing: the level is a lower bound, and has no parts.
    """
    better = certain(shorter.level, longer.level)
    bound = better & (longer.level < 0)
    both = (shorter.level >= 0) & (longer.level >= 0)
    longer.hours[:, both] = np.fmin(longer.hours[:, both], shorter.hours[:, both])
    for field in fields(Judgement):
        into, given = getattr(longer, field.name), getattr(shorter, field.name)
        into[..., better] = given[..., better]
    longer.parts_mm[:, bound] = np.nan


def ground_of(
    coverage: Coverage,
    layers: Mapping[str, xr.DataArray],
    rule: TriggerRule,
    *,
    factors: tuple[float, float] = (1.0, 1.0),
) -> Ground:
    """Gather the trigger rain of the cells under places.

    Parameters
    ----------
    coverage : of the places on the run grid.
    layers : `ground` (what the rule judges), and `motion` where radar looked (without it all is unseen); read by the
        blocks that hold places, never whole.
    rule, factors : trigger rain, and what moving and accelerating slopes multiply it with.
    """
    n_x = coverage.grid.shape[1]
    rows, columns = np.divmod(coverage.cell, n_x)
    judged = _picked(layers["ground"], coverage)
    motion = np.full(len(rows), UNSEEN, dtype=np.int8)
    if "motion" in layers:
        motion = _picked(layers["motion"], coverage).astype(np.int8)
    trigger = moving_triggers(rule, judged, motion, factors)
    return Ground(coverage.polygon, rows, columns, coverage.share, trigger, motion, coverage.n_cells)


def _picked(layer: xr.DataArray, coverage: Coverage) -> NDArray[np.float64]:
    if grid_of(layer) != coverage.grid:
        msg = f"layer {layer.name!r} is not on the grid of the coverage"
        raise ValueError(msg)
    return coverage.values(layer.data).astype(np.float64)


def judge(ground: Ground, stage: StageRain, *, share: float, min_known_share: float) -> Judgement:
    """Judge each place at one stage.

    Parameters
    ----------
    ground : cells under the places. stage : its rain.
    share : of the known ground that must reach a level, in (0, 1].
    min_known_share : where less of the place is known, a level under yellow is unknown.

    Returns
    -------
    Judgement : the levels are those of `exposure.zonal.level_at_share` on the cells' own levels, but for places that
    ground of unknown rain could lift: under yellow they are unknown, above it the level is a lower bound without parts.
    """
    m = len(ground.n_cells)
    if stage.highest_mm is None or stage.parts_mm is None or stage.lattice is None:
        return _nothing(m, stage.hours)
    shown = np.concatenate([stage.highest_mm[-1:], stage.parts_mm])
    found = rain_at(shown, stage.lattice, ground.rows, ground.columns, step=stage.step)
    rain, parts = found[0], found[1:]
    is_missing = np.isnan(rain)
    hourly = [(stage.highest_mm, np.ones(len(rain), dtype=bool))]
    if stage.least_mm is not None and is_missing.any():
        least = rain_at(stage.least_mm[-1:], stage.lattice, ground.rows, ground.columns, step=stage.step)[0]
        bound = is_missing & (least >= ground.trigger_mm[CERTAIN - 1])
        rain, parts = np.where(bound, least, rain), np.where(bound, np.nan, parts)
        hourly = [(stage.highest_mm, ~bound), (stage.least_mm, bound)]
    known = np.flatnonzero(~np.isnan(rain) & ~np.isnan(ground.trigger_mm).any(axis=0))
    order = _Order(ground.place[known], ground.share[known], m, share)
    out = _nothing(m, stage.hours)
    out.known_share[:] = np.divide(order.total, ground.n_cells, out=np.zeros(m), where=ground.n_cells > 0).clip(0, 1)
    decider = np.full((4, m), -1, dtype=np.int64)
    for k in range(4):
        trigger = ground.trigger_mm[k, known]
        at = order.quantile(trigger - rain[known])
        some = at >= 0
        decider[k, some] = known[at[some]]
        out.margin_mm[k, some] = ground.trigger_mm[k, decider[k, some]] - rain[decider[k, some]]
        out.trigger_mm[k, some] = ground.trigger_mm[k, decider[k, some]]
        reached = some & (out.margin_mm[k] <= 0)
        out.level[reached] = k + 1
        out.hours[k, some] = np.inf
        if reached.any():  # elsewhere less than the share of the ground gets there within the horizon
            wet = reached[ground.place[known]] & (rain[known] >= trigger)
            hours = np.full(len(known), np.inf)
            for series, is_its in hourly:
                own = wet & is_its[known]
                hours[own] = first_hours(series, stage.lattice, ground.rows[known][own], ground.columns[known][own],
                                         trigger[own], step=stage.step)  # fmt: skip
            when = order.quantile(hours, reached)
            out.hours[k, reached] = hours[when[reached]]
    some = order.total > 0
    out.level[some & (out.level < 0)] = 0
    out.level[(out.level < Level.MEDIUM) & ~(out.known_share >= min_known_share)] = Level.UNKNOWN
    last = decider[np.minimum(out.level.clip(0), 3), np.arange(m)]
    out.rain_mm[some], out.parts_mm[:, some] = rain[last[some]], parts[:, last[some]]
    _doubt(out, ground, rain, is_missing, share=share)
    np.maximum.at(out.motion, ground.place[known], ground.motion[known])
    seen = np.bincount(ground.place, weights=ground.share * (ground.motion >= STEADY), minlength=m)
    out.motion[(out.motion == STEADY) & ~(seen >= min_known_share * ground.n_cells - _HAIR)] = UNSEEN
    return out


def _doubt(
    out: Judgement, ground: Ground, rain_mm: NDArray[np.float64], is_missing: NDArray[np.bool_], *, share: float
) -> None:
    """Take the level of a place for no more than it is, where the ground whose rain is missing could lift it."""
    if not is_missing.any():
        return
    next_mm = ground.trigger_mm[np.minimum(out.level.clip(0), 3)[ground.place], np.arange(len(ground.place))]
    is_ground = ~np.isnan(ground.trigger_mm).any(axis=0)
    reached = rain_mm >= next_mm  # NaN reaches nothing
    may = is_ground & is_missing & ~reached & np.isfinite(next_mm)
    whole, now, open_ = (
        np.bincount(ground.place, weights=ground.share * mask, minlength=len(out.level))
        for mask in (is_ground, is_ground & reached, may)
    )
    doubted = (out.level < Level.VERY_HIGH) & (open_ > 0) & (now + open_ >= share * whole - _HAIR)
    out.level[doubted & (out.level < CERTAIN)] = Level.UNKNOWN
    out.parts_mm[:, doubted] = np.nan


def _nothing(m: int, hours: int) -> Judgement:
    def blank(*shape: int) -> NDArray[np.float64]:
        return np.full(shape, np.nan)

    return Judgement(np.full(m, Level.UNKNOWN, np.int8), np.zeros(m), blank(4, m), blank(4, m), blank(4, m), blank(m),
                     blank(3, m), np.full(m, -1, np.int8), np.full(m, hours, np.int64))  # fmt: skip


class _Order:
    """Weighted quantiles of values by place."""

    def __init__(self, place: NDArray[np.int64], share: NDArray[np.float64], n: int, quantile: float) -> None:
        self.by_place = None if (np.diff(place) >= 0).all() else np.argsort(place, kind="stable")
        self.share = share if self.by_place is None else share[self.by_place]
        self.total = np.bincount(place, weights=share, minlength=n)
        self.need = quantile * self.total - _HAIR
        self.sizes = np.bincount(place, minlength=n)

    def quantile(self, values: NDArray[np.float64], some: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return for each place the entry at which the share is reached when values rise; -1 where it has none.

        Parameters
        ----------
        values : (n,). some : (m,) places that are asked for, None: all.
        """
        wanted = self.total > 0 if some is None else some & (self.total > 0)
        if self.by_place is None:
            return weighted_quantiles(values, self.share, self.sizes, self.need, some=wanted)
        at = weighted_quantiles(values[self.by_place], self.share, self.sizes, self.need, some=wanted)
        at[at >= 0] = self.by_place[at[at >= 0]]
        return at
