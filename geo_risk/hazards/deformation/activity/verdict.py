"""What the series of all tracks say of a body: its activity, acceleration, when it may fail, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from geo_risk.hazards.deformation.activity.failure import FailureWindow, failure_window
from geo_risk.hazards.deformation.activity.irregular import change_probability
from geo_risk.hazards.deformation.activity.joint import BodySeries, Course, TrackFit, TrackMotion, fit_course, usable
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.motion.correction import DAYS_PER_YEAR
from geo_risk.kernels.breakpoints import LINEAR, QUADRATIC, STEP, STEP_AND_TREND, UNCORRELATED

ORIGIN = np.datetime64("2000-01-01", "s")
"""Where the years of all series begin."""

_ZH = {
    "stable": "稳定", "steady": "匀速", "accelerating": "加速", "decelerating": "减速", "seasonal": "季节性",
    "step": "突变", "unknown": "未知",
}  # fmt: skip
_SHAPES = {
    QUADRATIC: ("a curve", "曲线"),
    STEP: ("a step", "突跳"),
    STEP_AND_TREND: ("a step and a change of velocity", "突跳并变速"),
}


@dataclass(frozen=True)
class Verdict:
    """Activity of a body.

    Attributes
    ----------
    activity : of the contract.
    track : whose line of sight the numbers are of; "" where there are none.
    acceleration_mm_yr2, acceleration_std_mm_yr2 : second derivative of the displacement toward the satellite.
    break_date, window : ISO dates; "" where there is none. The window is first and last day.
    reasons : English and Chinese.
    """

    activity: str
    track: str
    acceleration_mm_yr2: float
    acceleration_std_mm_yr2: float
    break_date: str
    window: tuple[str, str]
    reasons: tuple[str, str]


def years_since_origin(times: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]) -> np.ndarray[
    tuple[int, ...], np.dtype[np.float64]
]:  # fmt: skip
    """Return dates as years of 365.25 days since ORIGIN."""
    return np.asarray((times - ORIGIN) / np.timedelta64(1, "D"), dtype=np.float64) / DAYS_PER_YEAR


def iso_date(years: float) -> str:
    """Return the day of years since ORIGIN, ISO 8601; "" for NaN."""
    if not np.isfinite(years):
        return ""
    return str(ORIGIN + np.timedelta64(round(years * DAYS_PER_YEAR * 86400), "s"))[:10]


def judge(series: Sequence[BodySeries], track: str, params: ActivityParams, *, can_fail: bool = True) -> Verdict:
    """Say how a body moves from all its series together.

    Parameters
    ----------
    series : of each track that has one, times in years since ORIGIN.
    track : whose numbers are given, where its series can be used; else that with the clearest velocity.
    params : of activity.
    can_fail : whether it is a body that inverse velocity says something of: a slope or a fill, not ground that sinks.

    Returns
    -------
    Verdict. "unknown" where no series has enough dates, where it is too short to tell a change from a season, or too
    noisy to call it stable; the reasons say which.
    """
    good = [s for s in series if usable(s, params)]
    if not good:
        longest = max((len(s.t) for s in series), default=0)
        return _unknown(
            f"activity unknown: {longest} dates; {params.minimum_dates} needed",
            f"活动性未知：仅 {longest} 期数据（至少需 {params.minimum_dates} 期）",
        )
    course, fits = fit_course(good, params)
    motion = next((m for m in course.tracks if m.track == track), None)
    if motion is None:
        motion = max(course.tracks, key=lambda m: abs(m.velocity) / max(m.velocity_std, 1e-12))
    activity, said = _activity(course, motion, fits, params)
    window = FailureWindow(np.nan, np.nan, np.nan, None, 0)
    parts = [said, _acceleration(motion)]
    if activity == "accelerating" and not can_fail:
        parts.append(
            ("no failure window: ground that sinks does not slide", "不给出破坏时间窗：地面沉降不适用逆速度法")
        )
    elif activity == "accelerating":
        window = failure_window(fits, course, params.failure)
        parts.append(_window_text(window, params))
    return Verdict(
        activity,
        motion.track,
        motion.acceleration,
        motion.acceleration_std,
        iso_date(course.break_yr) if course.kind not in {QUADRATIC} else "",
        (iso_date(window.start_yr), iso_date(window.end_yr)),
        ("; ".join(p[0] for p in parts), "；".join(p[1] for p in parts)),
    )


def _unknown(english: str, chinese: str) -> Verdict:
    return Verdict("unknown", "", np.nan, np.nan, "", ("", ""), (english, chinese))


def _activity(
    course: Course, motion: TrackMotion, fits: Sequence[TrackFit], params: ActivityParams
) -> tuple[str, tuple[str, str]]:
    """Return the activity and the sentence that gives its evidence."""
    seen = ", ".join(f.series.track for f in fits)
    where = f"in the line of sight of {motion.track}"
    if not any(f.season for f in fits):
        return _short(course, motion, fits, params)
    season = _season(course, params)
    before, after = course.speeds
    changes = course.kind not in {UNCORRELATED, LINEAR}
    ratio = 1 + params.minimum_change
    faster = changes and course.kind != STEP and after > ratio * before
    if season is not None:
        return _seasonal(course, motion, fits, season, params) if faster else ("seasonal", _season_text(
            course, motion, season, seen
        ))  # fmt: skip
    if faster or (changes and course.kind != STEP and before > ratio * after):
        name = "accelerating" if faster else "step" if course.kind == STEP_AND_TREND else "decelerating"
        return name, _change_text(course, motion, name, seen)
    if course.kind in {STEP, STEP_AND_TREND}:
        return "step", _change_text(course, motion, "step", seen)
    if changes or course.kind == LINEAR:
        small = "; its speed changes by less than a fifth" if changes else ""
        return "steady", (
            f"steady: {motion.velocity:+.1f} mm/yr {where} over the whole record "
            f"(p {_p(course.p_trend)}; {seen}){small}",
            f"匀速：{motion.track} 视线向 {motion.velocity:+.1f} 毫米/年（p {_p(course.p_trend)}；{seen}）"
            + ("，速率变化不足五分之一" if changes else ""),
        )
    return _still(course, params, seen)


def _season(course: Course, params: ActivityParams) -> TrackMotion | None:
    """Return the motion of the track whose season is the clearest, where the season outdoes the trend; else None."""
    yearly = max(course.tracks, key=lambda m: m.annual / max(m.velocity_std, 1e-12))
    fastest = max(abs(yearly.before), abs(yearly.after))
    outdoes = 2 * yearly.annual >= fastest or course.kind == UNCORRELATED
    return yearly if course.p_annual < params.area_significance and outdoes else None


def _season_text(course: Course, motion: TrackMotion, yearly: TrackMotion, seen: str) -> tuple[str, str]:
    more, more_zh = _beneath(course, motion)
    return (
        f"seasonal: +-{yearly.annual:.1f} mm within a year against a trend of {yearly.velocity:+.1f} mm/yr in the "
        f"line of sight of {yearly.track} (p {_p(course.p_annual)}; {seen}){more}",
        f"季节性：{yearly.track} 视线向年振幅 {yearly.annual:.1f} 毫米，趋势 {yearly.velocity:+.1f} 毫米/年"
        f"（p {_p(course.p_annual)}；{seen}）{more_zh}",
    )


def _seasonal(
    course: Course, motion: TrackMotion, fits: Sequence[TrackFit], yearly: TrackMotion, params: ActivityParams
) -> tuple[str, tuple[str, str]]:
    """Judge a strong season beneath which the speed rises: by whether an irregular season could make that rise.

    "accelerating" where it could not, with the season in the words; else "unknown": season or failure, nobody can tell.
    """
    p, share = change_probability(course, fits, params)
    seen = ", ".join(f.series.track for f in fits)
    if p < params.area_significance:
        english, chinese = _change_text(course, motion, "accelerating", seen)
        return "accelerating", (
            f"{english}; beside a season of +-{yearly.annual:.1f} mm that may differ by {share:.0%} from year to year "
            f"(p {_p(p)})",
            f"{chinese}；同时存在 {yearly.annual:.1f} 毫米的季节变化，年际差异至多 {share:.0%}（p {_p(p)}）",
        )
    rise = f"{motion.before:+.1f} to {motion.after:+.1f} mm/yr"
    return "unknown", (
        f"activity unknown: a season of +-{yearly.annual:.1f} mm and a speed that rises from {rise} (p "
        f"{_p(course.p_change)}; {seen}); a season that differs by {share:.0%} from year to year could make that rise "
        f"(p {_p(p)}): it may be accelerating, look at the series",
        f"活动性未知：年振幅 {yearly.annual:.1f} 毫米，速率由 {motion.before:+.1f} 变为 {motion.after:+.1f} 毫米/年"
        f"（p {_p(course.p_change)}；{seen}）；若季节变化年际相差 {share:.0%}，也可造成该变化（p {_p(p)}）："
        "可能正在加速，请查看时序",
    )


def _beneath(course: Course, motion: TrackMotion) -> tuple[str, str]:
    """Return what a season may hide, to be said beside it: a change of speed that passed its own test."""
    if course.kind in {UNCORRELATED, LINEAR}:
        return "", ""
    return (
        f"; beneath it the speed goes from {motion.before:+.1f} to {motion.after:+.1f} mm/yr "
        f"(p {_p(course.p_change)}): look at the series",
        f"；季节变化之下速率由 {motion.before:+.1f} 变为 {motion.after:+.1f} 毫米/年"
        f"（p {_p(course.p_change)}），请查看时序",
    )


def _still(course: Course, params: ActivityParams, seen: str) -> tuple[str, tuple[str, str]]:
    worst = max(abs(m.velocity) + float(stats.t.ppf(0.975, m.df)) * m.velocity_std for m in course.tracks)
    if worst <= params.stable_mm_yr:
        return "stable", (
            f"stable: no trend, season or change stands out; at most {worst:.1f} mm/yr (95 %; {seen})",
            f"稳定：无显著趋势、季节或突变；速率不超过 {worst:.1f} 毫米/年（95%；{seen}）",
        )
    return "unknown", (
        f"activity unknown: no motion stands out, but up to {worst:.1f} mm/yr cannot be ruled out (95 %; {seen})",
        f"活动性未知：未见显著运动，但不能排除 {worst:.1f} 毫米/年（95%；{seen}）",
    )


def _short(
    course: Course, motion: TrackMotion, fits: Sequence[TrackFit], params: ActivityParams
) -> tuple[str, tuple[str, str]]:
    """Say what a record can that is too short for a yearly term."""
    span = max(float(f.series.t[-1] - f.series.t[0]) for f in fits)
    if course.kind == LINEAR and span >= params.shortest_trend_yr:
        return "steady", (
            f"steady: {motion.velocity:+.1f} mm/yr in the line of sight of {motion.track} over {span:.1f} years "
            f"(p {_p(course.p_trend)}; too short for a yearly term)",
            f"匀速：{motion.track} 视线向 {motion.velocity:+.1f} 毫米/年，共 {span:.1f} 年"
            f"（p {_p(course.p_trend)}；时段过短，未拟合年周期）",
        )
    faster = f", though it goes from {motion.before:+.1f} to {motion.after:+.1f} mm/yr" if (
        course.kind not in {UNCORRELATED, LINEAR}
    ) else ""  # fmt: skip
    return "unknown", (
        f"activity unknown: {span:.1f} years (or too few dates) cannot tell a change from a season{faster}; "
        f"{params.season_span_yr:g} years needed",
        f"活动性未知：{span:.1f} 年（或期数过少）无法区分变化与季节，至少需 {params.season_span_yr:g} 年"
        + (f"；速率由 {motion.before:+.1f} 变为 {motion.after:+.1f} 毫米/年" if faster else ""),
    )


def _change_text(course: Course, motion: TrackMotion, name: str, seen: str) -> tuple[str, str]:
    day = iso_date(course.break_yr)
    odds = f"p {_p(course.p_change)}, BIC weight {100 * course.weight:.0f} %; {seen}"
    odds_zh = f"p {_p(course.p_change)}，BIC 权重 {100 * course.weight:.0f}%；{seen}"
    if name == "step" and course.kind == STEP:
        return (
            f"step: {motion.step:+.1f} mm on {day}, {motion.before:+.1f} mm/yr before and after, in the line of sight "
            f"of {motion.track} ({odds})",
            f"突变：{motion.track} 视线向 {day} 突跳 {motion.step:+.1f} 毫米，前后速率 {motion.before:+.1f} 毫米/年"
            f"（{odds_zh}）",
        )
    shape, shape_zh = _SHAPES.get(course.kind, ("a bend", "折线"))
    when = f"before and {motion.after:+.1f} after {day}" if day else f"at first and {motion.after:+.1f} at the end"
    when_zh = f"{day} 前后" if day else "始末"
    return (
        f"{name}: {motion.before:+.1f} mm/yr {when} in the line of sight of {motion.track}, "
        f"best seen as {shape} ({odds})",
        f"{_ZH[name]}：{motion.track} 视线向{when_zh}速率分别为 {motion.before:+.1f} 和 {motion.after:+.1f} 毫米/年，"
        f"以{shape_zh}拟合最佳（{odds_zh}）",
    )


def _acceleration(motion: TrackMotion) -> tuple[str, str]:
    half = float(stats.t.ppf(0.975, motion.df)) * motion.acceleration_std
    return (
        f"acceleration {motion.acceleration:+.1f} +- {half:.1f} mm/yr2 (95 %, {motion.track})",
        f"加速度 {motion.acceleration:+.1f} ± {half:.1f} 毫米/年²（95%，{motion.track}）",
    )


def _window_text(window: FailureWindow, params: ActivityParams) -> tuple[str, str]:
    if window.refused:
        return window.refused
    first, best, last = (iso_date(v) for v in (window.start_yr, window.best_yr, window.end_yr))
    share = round(100 * params.failure.confidence)
    return (
        f"if its inverse velocity goes on falling along a line it reaches zero between {first} and {last} ({share} %), "
        f"most likely about {best} ({window.epochs} dates clearly faster than the first)",
        f"若逆速度继续线性下降，将于 {first} 至 {last}（{share}%）归零，最可能在 {best} 前后"
        f"（{window.epochs} 期明显快于初期）",
    )


def _p(value: float) -> str:
    return "< 1e-9" if value < 1e-9 else f"{value:.1g}"
