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
    longest, kept, aside = window_of(storms.storms, params.fit_days_max)
    events, counts = past_events(kept, read.frame, target, days=longest, params=params)
    counts["slides_without_zone"] = read.n_without_zone
    configured = (params.decay_per_day, params.antecedent_days)
    found: AntecedentFit | Refusal = (
        Refusal(
            "too few past storms hold a day of rain before their wettest", "多数过去降雨在最强降雨之前的资料不足一天"
        )
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
        {"notes": [_note(found, params), *_case_notes(counts, n)], "fit": fitted, "figures": figures,
         "methods": [asdict(CARD)],
         "refused": None if fitted is not None else asdict(found),
         "configured": {"decay_per_day": configured[0], "days": configured[1]}, "used": params.antecedent,
         "counts": {"storms": len(storms.storms), "slides": n, **counts}, "quarantine": [*read.quarantine, *aside]},
        facts,
    )  # fmt: skip


def past_events(
    storms: Sequence[PastStorm], slides: pd.DataFrame, target: Grid, *, days: int, params: RainfallParams
) -> tuple[EventRain | None, dict[str, int]]:
    """Return the rain before past slides and at places that did not slide, and counts; None where there is no storm.

    Places that did not slide are drawn from the cells of each storm's rain within the run's grid; cells in which one
    did are not among them where MIN_EVENTS others remain. A case has every moment whose whole window the storm's rain
    holds; a slide of known time those up to the interval in which it fell, and one that fell off the storm's rain none.
    """
    import numpy as np

    from geo_risk.hazards.rainfall.antecedent_fit import MIN_EVENTS
    from geo_risk.hazards.rainfall.event_rain import EventRain, joined, moments_of
    from geo_risk.sources.rain_past import steps_of
    from geo_risk.sources.rain_points import cell_numbers, cells_within, series_at

    rng = np.random.default_rng([params.fit_seed, 20_260_101])
    parts = []
    counts = {"slides_with_time": 0, "cells_with_slides": 0, "cells_with_slides_left_out": 0}
    for storm in storms:
        own = slides[slides["storm_id"] == storm.id]
        x, y = cells_within(storm.rain, storm.area)
        with_slides = cell_numbers(storm.rain, own.geometry.x, own.geometry.y, crs=target.crs)
        slid = np.isin(cell_numbers(storm.rain, x, y, crs=target.crs), with_slides)
        wanted = max(1, params.fit_cells // len(storms))
        left_out = (~slid).sum() >= min(wanted, MIN_EVENTS)
        counts["cells_with_slides"] += int(slid.sum())
        counts["cells_with_slides_left_out"] += int(slid.sum()) * bool(left_out)
        x, y = (x[~slid], y[~slid]) if left_out else (x, y)
        chosen = np.sort(rng.permutation(len(x))[:wanted])
        at_x, at_y = np.append(own.geometry.x, x[chosen]), np.append(own.geometry.y, y[chosen])
        series = series_at(storm.rain, at_x, at_y, crs=target.crs)
        daily = moments_of(series, steps_per_day=storm.steps_per_day, days=days)
        n, timed = len(at_x), own["time"].notna().to_numpy()
        counts["slides_with_time"] += int(timed.sum())
        moments = np.full(n, daily.shape[1])
        moments[: len(own)][timed] = steps_of(storm, own["time"])[timed] + 2 - days * storm.steps_per_day
        parts.append(EventRain.of_days(daily, np.arange(n) < len(own), year=np.full(n, storm.year),
                                       storm=np.full(n, storm.id), n_moments=moments))  # fmt: skip
    return (joined(parts) if parts else None), counts


NEARLY = 0.8
"""Share of the storms whose wettest rain the longest window must leave to its moments (choice of geo_risk: with all of
them one file that begins too late would leave no window, with half of them half of the slides are given up)."""


def window_of(storms: Sequence[PastStorm], limit: int) -> tuple[int, list[PastStorm], list[dict[str, str]]]:
    """Return the longest window to try, the storms that serve for it, and the others with the reason.

    Moments begin where the window ends, and see nothing of rain that peaks before: a storm serves where its wettest
    rain over the area still falls after it. Of the windows that leave nearly every storm the one of most days times
    storms is taken (choice of geo_risk: one more day is not worth a storm, several are).
    """
    from geo_risk.hazards.rainfall.event_rain import longest_window
    from geo_risk.hazards.rainfall.height import area_mean
    from geo_risk.sources.rain_points import cells_touched

    reach = {
        s.id: longest_window(area_mean(s.rain, cells_touched(s.rain, s.area)), steps_per_day=s.steps_per_day,
                             limit=limit)
        for s in storms
    }  # fmt: skip
    held = [sum(r >= d for r in reach.values()) for d in range(limit + 1)]
    enough = [d for d in range(1, limit + 1) if held[d] and held[d] >= NEARLY * len(storms)]
    longest = max(enough, key=lambda d: (d * held[d], d), default=0)
    kept = [s for s in storms if longest and reach[s.id] >= longest]
    return longest, kept, [
        {
            "id": s.id,
            "reason": f"of its {s.days} days the wettest come too early: they hold windows of up to {reach[s.id]} days "
            f"before them, {max(longest, 1)} are needed",
            "reason_zh": f"降雨资料 {s.days} 天，最强降雨之前仅够 {reach[s.id]} 天窗口，需要 {max(longest, 1)} 天",
        }
        for s in storms
        if not longest or reach[s.id] < longest
    ]  # fmt: skip


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


def _case_notes(counts: dict[str, int], n_slides: int) -> list[dict[str, str]]:
    """Say what the cases are biased by: slides of unknown time, and places that are said not to have slid."""
    from geo_risk.products.wording import note

    out = []
    untimed, bare = n_slides - counts["slides_with_time"], counts["slides_without_zone"]
    if untimed > 0:
        out.append(note(
            "info",
            f"Of {untimed} of {n_slides} past slides the time within the storm is not known ({bare} slides of the file "
            "state one without a zone, which is none): the wettest moment of the storm counts for them, also where it "
            "came after the slide. Their effective rain is too high if anything, and what is read from it warns too "
            "late if anything.",
            f"{n_slides} 个历史滑坡中有 {untimed} 个发生时间未知（文件中 {bare} 个时间未注明时区，不予采用），"
            "取该场降雨的最大有效雨量（可能在滑坡之后）：其有效雨量只会偏高，据此预警只会偏迟。",
        ))  # fmt: skip
    overlap, left = counts["cells_with_slides"], counts["cells_with_slides_left_out"]
    if overlap:
        out.append(note(
            "info" if left == overlap else "warning",
            f"A slide fell in {overlap} cells of the storms' rain: {left} of them were left out of the places that did "
            f"not slide, {overlap - left} were kept as too few others remain and blur how slides differ from the rest.",
            f"{overlap} 个降雨格点内有滑坡：其中 {left} 个已从未滑位置中剔除，{overlap - left} 个因其余格点过少而保留，"
            "会削弱滑坡与未滑位置的差别。",
        ))  # fmt: skip
    return out


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
