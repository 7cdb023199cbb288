"""Step of effective antecedent rain: K and window fitted to past storms, beside the configured ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.past_storms import open_storms, past_reads, past_told, slide_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.rainfall.antecedent_fit import AntecedentFit, Refusal
    from geo_risk.hazards.rainfall.event_rain import EventRain
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.rain_past import PastRain, PastStorm


def antecedent(plan: Plan) -> None:
    """Add the step that fits K and window of the effective rain to past storms and their slides."""
    plan.add(
        "rainfall.antecedent", write_antecedent, reads={**past_reads(plan), "grid": plan.facts("grid")},
        writes={"facts": plan.facts("rainfall_antecedent")}, params=plan.cfg.rainfall, past_rain=past_told(plan),
        options=slide_options(plan), language=plan.cfg.language,
    )  # fmt: skip


def fitted_antecedent(plan: Plan) -> Path | None:
    """Return the facts of the fit where the configuration asks for the fitted K and window, else None."""
    return plan.facts("rainfall_antecedent") if plan.cfg.rainfall.antecedent == "fitted" else None


def write_antecedent(
    *,
    rainfall_past_events: list[Path],
    past_slides: Path,
    grid: Path,
    facts: Path,
    params: RainfallParams,
    past_rain: list[PastRain],
    options: ReadOptions | None,
    language: str,
) -> None:
    """Write fitted K and window with their interval, or why there are none, and the profile for the report."""
    from dataclasses import asdict

    from geo_risk.hazards.rainfall.antecedent_fit import CARD, Refusal, fit_antecedent
    from geo_risk.publish.figures_rain import decay_panel
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.i18n import label
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.rain_past import read_past_slides

    target = read_grid(grid)
    storms = open_storms(rainfall_past_events, past_rain, target, limit_mm_h=params.rain_limit_mm_h,
                         max_bad_share=params.max_bad_share)  # fmt: skip
    read = read_past_slides(past_slides, target, storms=storms.ids, options=options)
    longest, aside = _longest(storms.storms, params.fit_days_max)
    events = past_events(storms.storms, read.frame, target, days=longest, params=params)
    configured = (params.decay_per_day, params.antecedent_days)
    found: AntecedentFit | Refusal = (
        Refusal("no past storm has three days of rain", "过去降雨资料均不足三天")
        if events is None
        else fit_antecedent(events, tuple(range(1, longest + 1)), configured=configured)
    )
    fitted = None if isinstance(found, Refusal) else found.to_dict()
    figures = []
    if fitted is not None:
        svg = decay_panel(fitted, params.decay_per_day, language)
        figures = [{"svg": svg, **{f"caption_{k}": label("figure.decay", k) for k in ("zh", "en")}}]
    n = 0 if events is None else int(events.slid.sum())
    write_json(
        {"notes": [_note(found, params)], "fit": fitted, "figures": figures, "methods": [asdict(CARD)],
         "refused": None if fitted is not None else asdict(found),
         "configured": {"decay_per_day": configured[0], "days": configured[1]}, "used": params.antecedent,
         "counts": {"storms": len(storms.storms), "slides": n}, "quarantine": [*read.quarantine, *aside]},
        facts,
    )  # fmt: skip


def past_events(
    storms: Sequence[PastStorm], slides: pd.DataFrame, target: Grid, *, days: int, params: RainfallParams
) -> EventRain | None:
    """Return the rain before past slides and at places that did not slide; None where no storm is long enough.

    Places that did not slide are drawn from the cells of each storm's rain within the run's grid. The time of a slide
    within its storm is not asked for: a case has every moment whose whole window the storm's rain holds.
    """
    import numpy as np

    from geo_risk.hazards.rainfall.event_rain import EventRain, joined, moments_of
    from geo_risk.sources.rain_opened import Area
    from geo_risk.sources.rain_points import cells_within, series_at

    rng = np.random.default_rng([params.fit_seed, 20_260_101])
    long = [s for s in storms if days and s.days >= days + 2]
    parts = []
    for storm in long:
        own = slides[slides["storm_id"] == storm.id]
        x, y = cells_within(storm.rain, Area(target.bounds, target.crs))
        chosen = np.sort(rng.permutation(len(x))[: max(1, params.fit_cells // len(long))])
        at_x, at_y = np.append(own.geometry.x, x[chosen]), np.append(own.geometry.y, y[chosen])
        series = series_at(storm.rain, at_x, at_y, crs=target.crs)
        daily = moments_of(series, steps_per_day=storm.steps_per_day, days=days)
        n = len(at_x)
        parts.append(EventRain.of_days(daily, np.arange(n) < len(own), year=np.full(n, storm.year),
                                       storm=np.full(n, storm.id)))  # fmt: skip
    return joined(parts) if parts else None


def _longest(storms: Sequence[PastStorm], limit: int) -> tuple[int, list[dict[str, str]]]:
    """Return the longest window that half of the storms hold with two days to spare, and the shorter storms."""
    import numpy as np

    longest = max(0, min(limit, int(np.median([s.days for s in storms])) - 2))
    return longest, [
        {
            "id": s.id,
            "reason": f"rain of {s.days} days; {longest + 2} are needed to try windows of up to {longest} days",
            "reason_zh": f"降雨资料 {s.days} 天，比较至 {longest} 天的窗口需要 {longest + 2} 天",
        }
        for s in storms
        if s.days < longest + 2
    ]


def resolved(params: RainfallParams, fitted: Path | None) -> RainfallParams:
    """Return the parameters with the K and window that the configuration chose: its own, or the fitted ones.

    Raises
    ------
    DataError : the configuration asks for fitted values and there are none.
    """
    from geo_risk.core.errors import DataError
    from geo_risk.sources.layers import read_json

    if params.antecedent == "configured":
        return params
    facts = {} if fitted is None else read_json(fitted)
    if not facts.get("fit"):
        why = (facts.get("refused") or {}).get("en", "inputs.rainfall.past_events or inputs.past_slides is missing")
        what = f"K and window of the effective rain cannot be fitted: {why}"
        fix = "set `antecedent: configured` with decay_per_day and antecedent_days, or give more past storms"
        raise DataError(what, where="rainfall.antecedent", fix=fix)
    found: dict[str, Any] = facts["fit"]
    return params.model_copy(
        update={"decay_per_day": float(found["decay_per_day"]), "antecedent_days": int(found["days"])}
    )


def _note(found: AntecedentFit | Refusal, params: RainfallParams) -> dict[str, str]:
    from geo_risk.hazards.rainfall.antecedent_fit import Refusal
    from geo_risk.products.wording import note

    own, days = params.decay_per_day, params.antecedent_days
    if isinstance(found, Refusal):
        return note(
            "warning",
            f"K and window of the effective rain were not fitted to past storms: {found.en}. Configured: K {own:g} "
            f"over {days} days.",
            f"有效降雨衰减系数未能由历史降雨拟合：{found.zh}。采用配置值 K={own:g}，{days} 天。",
        )
    used = params.antecedent == "fitted"
    inside = found.low <= own <= found.high
    low = "0 (no lower bound found)" if found.low_is_open else f"{found.low:.2f}"
    high = "1 (no upper bound found)" if found.high_is_open else f"{found.high:.2f}"
    low_zh = "0（无下界）" if found.low_is_open else f"{found.low:.2f}"
    high_zh = "1（无上界）" if found.high_is_open else f"{found.high:.2f}"
    skill, skill_zh = _skill(found, own)
    return note(
        "info" if inside or used else "warning",
        f"Effective rain fitted to {found.n_slides} slides in {found.n_storms} past storms of {found.n_years} years: K "
        f"{found.decay_per_day:.2f} (95 % {low} to {high}) over {found.days} days (windows of {found.days_low} to "
        f"{found.days_high} days fit as well); {skill}. Configured: K {own:g} over {days} days, which lies "
        f"{'within' if inside else 'OUTSIDE'} the interval. Used: {'fitted' if used else 'configured'}.",
        f"由 {found.n_years} 年 {found.n_storms} 场降雨的 {found.n_slides} 个滑坡拟合有效降雨："
        f"K={found.decay_per_day:.2f}（95 % 区间 {low_zh} 至 {high_zh}），窗口 {found.days} 天"
        f"（{found.days_low}–{found.days_high} 天拟合相当）；"
        f"{skill_zh}。配置值 K={own:g}、{days} 天，位于区间{'内' if inside else '外'}。"
        f"采用{'拟合值' if used else '配置值'}。",
    )


def _skill(found: AntecedentFit, own: float) -> tuple[str, str]:
    from math import isnan

    if isnan(found.auc_years):
        return (f"AUC on its own events {found.auc:.3f}, too few years to judge it on years left out",
                f"拟合 AUC {found.auc:.3f}，年份不足，无法留一年检验")  # fmt: skip
    other = "" if isnan(found.auc_years_configured) else f" (with the configured K {own:g}: "
    tail = "" if not other else f"{found.auc_years_configured:.3f})"
    tail_zh = "" if not other else f"（配置值 {found.auc_years_configured:.3f}）"
    return (f"AUC with each year left out {found.auc_years:.3f}{other}{tail}",
            f"留一年 AUC {found.auc_years:.3f}{tail_zh}")  # fmt: skip
