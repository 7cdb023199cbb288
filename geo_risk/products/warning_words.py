"""The sentences of warnings in Chinese and English: level, margin, hours, drivers, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geo_risk.products.wording import joined, warning_word

_SAID: Mapping[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "level": ("{stage} h stage: {level} at {rain:.0f} mm effective rain (antecedent {antecedent:.0f}, observed "
              "{observed:.0f}, forecast {forecast:.0f}).",
              "{stage} 小时阶段：{level}，有效雨量 {rain:.0f} 毫米（前期 {antecedent:.0f}、实况 {observed:.0f}、"
              "预报 {forecast:.0f}）。"),
    "least": ("{stage} h stage: at least {level}: hours of rain are missing, those that are known make {rain:.0f} mm "
              "effective rain.",
              "{stage} 小时阶段：至少为{level}：部分时段雨量缺失，仅已知时段的有效雨量就达 {rain:.0f} 毫米。"),
    "least_held": ("Kept at {level}, as last known: the missing rain may hold it there.",
                   "维持上次已知的{level}：缺失时段的雨量仍可能达到该级。"),
    "from_shorter": ("By the forecast of the {hours} h stage, which lies within.", "依据其内的 {hours} 小时阶段预报。"),
    "reached": ("Reached with {trigger:.0f} mm.", "达到该级的触发雨量为 {trigger:.0f} 毫米。"),
    "margin": ("{margin} mm left before {level}.", "距{level}还差 {margin} 毫米。"),
    "never": ("No rain reaches {level} here.", "此处降雨不会达到{level}。"),
    "top": ("The highest level.", "已为最高等级。"),
    "hours": ("Reaches {levels}.", "预计{levels}。"),
    "hour": ("{level} within {hours:.0f} h", "{hours:.0f} 小时内达到{level}"),
    "beyond": ("{level} not within the {stage} h horizon.", "{stage} 小时内预计不会达到{level}。"),
    "moving": ("The slope moves (radar): triggers lowered to {factor:.0%}.",
               "雷达监测到斜坡变形：触发雨量降至 {factor:.0%}。"),
    "accelerating": ("The slope moves faster and faster (radar): triggers lowered to {factor:.0%}.",
                     "雷达监测到斜坡加速变形：触发雨量降至 {factor:.0%}。"),
    "no_forecast": ("{stage} h stage: no forecast covers it: the level is unknown, not 'no warning'.",
                    "{stage} 小时阶段无可用预报：等级未知，并非“无预警”。"),
    "unknown_ground": ("{stage} h stage: only {known:.0%} of the ground and its rain is known: the level is unknown.",
                       "{stage} 小时阶段：仅 {known:.0%} 的地面及其降雨已知：等级未知。"),
    "partly": ("Judged on {known:.0%} of its ground, the rest is unknown.", "据 {known:.0%} 的地面判定，其余未知。"),
    "raised": ("Raised from {before}.", "由{before}上调。"),
    "lowered": ("Lowered from {before}.", "由{before}下调。"),
    "cleared": ("Cleared, was {before}.", "解除预警（原为{before}）。"),
    "held": ("Kept at {level}: the rain alone gives {judged}, but not clearly or not long enough.",
             "维持{level}：按降雨为{judged}，但差距或持续期次不足，暂不下调。"),
    "lowered_less": ("The rain alone gives {judged}.", "按降雨为{judged}。"),
    "now_unknown": ("Was {before} when last known: not cleared.", "上次已知等级为{before}：未解除。"),
    "still_unknown": ("Was {before} when last known: not cleared.", "上次已知等级为{before}：未解除。"),
    "highest": ("Highest warning: {level} ({stage} h stage).", "最高预警：{level}（{stage} 小时阶段）。"),
    "some_unknown": ("Unknown stages: {stages} h.", "等级未知的阶段：{stages} 小时。"),
    "none": ("No forecast: warnings unknown.", "无可用预报：预警等级未知。"),
    "gap_zone": ("Zone of risk {risk} and warning {warning} without a hazard point: nobody watches it by the ledger.",
                 "风险{risk}、预警{warning}的风险区内无隐患点：台账中无人监测。"),
    "gap_point": ("Hazard point outside every risk zone (hazard {hazard}, warning {warning}): draw a zone or check its "
                  "place.", "隐患点不在任何风险区内（危险性{hazard}，预警{warning}）：请划定风险区或核实位置。"),
    "township": ("{zones} of {all_zones} zones and {points} of {all_points} points are warned of (blue or more); "
                 "highest {level}.",
                 "{all_zones} 个风险区中 {zones} 个、{all_points} 个隐患点中 {points} 个处于蓝色及以上预警，"
                 "最高{level}。"),
    "span_highest": ("{level} from {start} to {end} (UTC+8).", "{level}：{start} 至 {end}（北京时间）。"),
    "span": ("{level} or higher from {start} to {end} (UTC+8).", "{level}及以上：{start} 至 {end}（北京时间）。"),
    "not_cleared": ("Last known {level}, now unknown, not cleared: {n} places (stages {stages} h).",
                    "上次已知为{level}、现等级未知、未解除：{n} 处（{stages} 小时阶段）。"),
    "known_at": ("Known last by the warning of {time} (UTC+8).", "最后已知等级见 {time}（北京时间）发布的预警。"),
    "known_before": ("Known last before the warning of {time} (UTC+8).",
                     "最后已知等级早于 {time}（北京时间）发布的预警。"),
    "township_unknown": ("{n} places are unknown at some stage.", "另有 {n} 处在部分阶段等级未知。"),
}  # fmt: skip


def said(key: str, language: str, **values: Any) -> str:
    """Return one sentence in "zh" or "en".

    Raises
    ------
    KeyError : no such sentence, or a value is missing.
    """
    return _SAID[key][int(language == "zh")].format(**values)


def stage_reasons(row: Mapping[str, Any], language: str, *, factors: tuple[float, float]) -> str:
    """Return why a place has its level at one stage.

    Parameters
    ----------
    row : one row of `warnings`. factors : what moving and accelerating slopes multiply triggers with.
    """
    stage, judged = int(row["stage_h"]), int(row["judged_level"])
    before = warning_word(int(row["previous_level"]), language)
    if judged < 0:
        key = "unknown_ground" if row["has_forecast"] else "no_forecast"
        out = [said(key, language, stage=stage, known=row["known_share"])]
        if row["previous_level"] > 0:
            out.append(said("now_unknown", language, before=before))
        return joined(out, language)
    level = int(row["warning_level"])
    whole = np.isfinite(row["antecedent_mm"])
    out = [said("level" if whole else "least", language, stage=stage, level=warning_word(judged, language),
                rain=row["rain_effective_mm"], antecedent=row["antecedent_mm"], observed=row["observed_mm"],
                forecast=row["forecast_mm"])]  # fmt: skip
    if int(row["from_h"]) != stage:
        out.append(said("from_shorter", language, hours=int(row["from_h"])))
    if judged > 0:
        out += [said("reached", language, trigger=max(row["trigger_mm"], 0.0)), _hours(row, judged, language)]
    if not whole and level > judged:
        out.append(said("least_held", language, level=warning_word(level, language)))
    out += _next(row, max(judged, level), language) if whole else []
    if row["motion"] in ("moving", "accelerating"):
        out.append(said(row["motion"], language, factor=factors[int(row["motion"] == "accelerating")]))
    if row["known_share"] < 0.995:
        out.append(said("partly", language, known=row["known_share"]))
    if row["change"] in ("raised", "lowered", "cleared"):
        out.append(said(row["change"], language, before=before))
    if row["change"] == "lowered" and level != judged:
        out.append(said("lowered_less", language, judged=warning_word(judged, language)))
    if row["change"] == "held":
        words = {"level": warning_word(level, language), "judged": warning_word(judged, language)}
        out.append(said("held", language, **words))
    return joined(out, language)


def _hours(row: Mapping[str, Any], judged: int, language: str) -> str:
    names = ("hours_to_blue", "hours_to_yellow", "hours_to_orange", "hours_to_red")
    # of levels that are reached in the same hour the highest is said
    reached = {float(row[name]): k for k, name in enumerate(names[:judged], 1) if np.isfinite(row[name])}
    shown = [said("hour", language, level=warning_word(k, language), hours=h) for h, k in reached.items()]
    return said("hours", language, levels=("、" if language == "zh" else ", ").join(shown)) if shown else ""


def _short(margin_mm: float) -> str:
    """Return rain that is left: whole mm, tenths below 10, never 0 where something is left."""
    return f"{margin_mm:.0f}" if margin_mm >= 9.95 else f"{max(margin_mm, 0.1):.1f}"


def _next(row: Mapping[str, Any], stands: int, language: str) -> list[str]:
    """Return what is left before the level above the one the place stands at, be it judged or only kept."""
    if stands == 4:
        return [said("top", language)]
    level = warning_word(stands + 1, language)
    if not np.isfinite(row["margin_mm"]):
        return [said("never", language, level=level)]
    return [said("margin", language, margin=_short(row["margin_mm"]), level=level),
            said("beyond", language, level=level, stage=int(row["stage_h"]))]  # fmt: skip
