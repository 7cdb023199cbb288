"""Why a waterlogging site stands where it does on the list, in English and in Chinese."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

# text: (English, Chinese)
_CAUSE_WORDS = {
    "drain_undersized": ("its drains are too small for the rain that falls nearby", "排水设施能力不足以排除附近降雨"),
    "drain_blocked": ("depths reported in past storms show that its drain gives about {share:.0%} of its capacity",
                      "历次暴雨上报水深表明排水管道仅发挥约 {share:.0%} 的能力"),
    "pump_failed": ("depths reported in past storms show that its pump gives about {share:.0%} of its capacity",
                    "历次暴雨上报水深表明水泵仅发挥约 {share:.0%} 的能力"),
    "inflow_from_upstream": ("most of its water comes from more than {local:.0f} m upstream",
                             "积水主要来自上游 {local:.0f} 米以外"),
    "sag_without_outlet": ("it is a hollow, and no drain or pump of it is known",
                           "该处为洼地，资料中无其排水设施或水泵"),
    "unknown": ("its cause is not known", "成因不明"),
}  # fmt: skip

_WORDS = {
    "no_depth": ("Depth unknown: the site lies beyond the town's terrain model, or rain there is missing. It is ranked "
                 "as if water stood there.",
                 "水深未知：位于城区高程模型之外，或该处降雨缺测，按有积水参与排序。"),
    "dry": ("Stays below the first depth class in this storm ({depth:.2f} m).",
            "本次降雨水深低于最低分级（{depth:.2f} 米）。"),
    "coarse": ("The model shows {depth:.2f} m, but cells of {cell:.0f} m cannot show an underpass, a kerb or a court: "
               "it is not known to stay dry.",
               "模型水深 {depth:.2f} 米，但 {cell:.0f} 米格网无法体现下穿通道、路缘或院落：不等于无积水。"),
    "past": (" The ledger tells of {past:.2f} m in the past; it is ranked by that.",
             "台账历史积水 {past:.2f} 米，按此排序。"),
    "history": (" The ledger tells of {past:.2f} m in the past.", "台账历史积水 {past:.2f} 米。"),
    "deep": ("Water stands {depth:.2f} m deep", "积水深 {depth:.2f} 米"),
    "deep_least": ("Water stands at least {depth:.2f} m deep, and deeper if it rained in the hours whose rain is "
                   "missing there", "积水深至少 {depth:.2f} 米（部分时次降雨缺测，实际可能更深）"),
    "deep_rising": ("Water stands {depth:.2f} m deep and was still rising when the run ended",
                    "积水深 {depth:.2f} 米，模拟结束时仍在上涨"),
    "rising": ("The model shows {depth:.2f} m, and the water was still rising when the run ended: it is not known to "
               "stay dry.", "模型水深 {depth:.2f} 米，模拟结束时仍在上涨：不等于无积水。"),
    "deep_outside": ("Water stands at least {depth:.2f} m deep: {outside:.0%} of the ground that drains there lies "
                     "outside the town's terrain model and was not run",
                     "积水深至少 {depth:.2f} 米（汇水面积的 {outside:.0%} 在城区高程模型之外、未计入，实际可能更深）"),
    "outside": ("The model shows {depth:.2f} m, but {outside:.0%} of the ground that drains there lies outside the "
                "town's terrain model and was not run (flood.town.boundary: county runs it): it is not known to stay "
                "dry.", "模型水深 {depth:.2f} 米，但汇水面积的 {outside:.0%} 在城区高程模型之外、未计入"
                "（可设 flood.town.boundary: county）：不等于无积水。"),
    "lasts": (", deeper than the first class for {hours:.1f} h", "，超过最低分级水深持续 {hours:.1f} 小时"),
    "lasts_on": (", deeper than the first class for {hours:.1f} h and on when the run ended",
                 "，超过最低分级水深已持续 {hours:.1f} 小时，模拟结束时仍未退去"),
    "cause": ("; {cause}.", "；{cause}。"),
    "begins": (" It begins at about {rain:.0f} mm in an hour.", "小时雨量约 {rain:.0f} 毫米时开始积水。"),
    "over_sill": (" The water is {over:.2f} m over the entrance's sill ({sill:.2f} m).",
                  "水面高出入口挡水坎 {over:.2f} 米（坎高 {sill:.2f} 米）。"),
    "below_sill": (" The water is {below:.2f} m below the entrance's sill ({sill:.2f} m).",
                   "水面低于入口挡水坎 {below:.2f} 米（坎高 {sill:.2f} 米）。"),
    "moved": (" The model's depth was moved by {moved:+.2f} m to fit depths reported before.",
              "模型水深已按历次上报水深修正 {moved:+.2f} 米。"),
    "trigger": (" {first:.0f} mm in an hour bring the first depth class.", "一小时 {first:.0f} 毫米即达最低水深等级。"),
    "closes": (" {close:.0f} mm in an hour close the road after {minutes:.0f} min.",
               "一小时 {close:.0f} 毫米时约 {minutes:.0f} 分钟后须封闭道路。"),
    "not_reached": (" {tested:.0f} mm in an hour, the most that was run, do not bring the first depth class.",
                    "已模拟的最大一小时 {tested:.0f} 毫米降雨未达最低水深等级。"),
    "drain": (" To stay below the first class it needs {needed:.2f} m3/s of drains and pumps (now {now:.2f}), or "
              "{held:.0f} m3 held back upstream.",
              "要低于最低水深等级，排水与抽排能力需达 {needed:.2f} 立方米/秒（现有 {now:.2f}），"
              "或上游滞蓄 {held:.0f} 立方米。"),
    "drain_least": (" To stay below the first class it needs at least {needed:.2f} m3/s of drains and pumps (now "
                    "{now:.2f}), or {held:.0f} m3 held back upstream.",
                    "要低于最低水深等级，排水与抽排能力至少需达 {needed:.2f} 立方米/秒（现有 {now:.2f}），"
                    "或上游滞蓄 {held:.0f} 立方米以上。"),
    "volumes": (" Of the {ponded:.0f} m3 that stand there {upstream:.0f} m3 come of water from upstream and "
                "{blockage:.0f} m3 of blocked drains or pumps.",
                "积水 {ponded:.0f} 立方米中，上游来水所致 {upstream:.0f} 立方米，排水设施淤堵或失效所致 "
                "{blockage:.0f} 立方米。"),
    "firm": (" In the first ten in {share:.0%} of {n} draws of the errors (rank {low} to {high}).",
             "在 {n} 次误差抽样中有 {share:.0%} 列前十（位次 {low} 至 {high}）。"),
    "sinks": (" Its ground sinks by {rate:.0f} mm/yr: the same storm next season would stand {change:.2f} m deeper.",
              "地面沉降 {rate:.0f} 毫米/年：下一雨季同等降雨水深将增加 {change:.2f} 米。"),
    "unused": (" {n} depths reported there in past storms say nothing of its drains: the rain of those storms is not "
               "known.",
               "{n} 次历史上报水深因当次降雨缺测，未用于核查排水能力。"),
    "new": (" It is not in the ledger.", "台账未登记。"),
}  # fmt: skip


SINKING_TOLD_M = 0.02
"""A change of the depth by sinking ground that is smaller is not told."""


def site_reason(row: Any, local_m: float, *, cell_m: float = 0.0) -> tuple[str, str]:
    """Return why a site stands where it does, in English and in Chinese."""
    if np.isnan(row.depth_m):
        past = _told(row, "past_depth_m")
        history = [] if np.isnan(past) else [("history", {"past": past})]
        return _said([("no_depth", {}), *history, *_unused_words(row)])
    if row.depth_class == -1:
        bound = str(getattr(row, "depth_bound", "exact"))
        key = bound if bound in {"rising", "outside"} else "coarse"
        why = {"depth": row.depth_m, "cell": cell_m, "outside": _told(row, "outside_share")}
        return _said([(key, why), *_past_words(row), *_rain_words(row),
                      *_unused_words(row), *_firm_words(row)])  # fmt: skip
    if row.depth_class == 0:
        history = [("history", values) for _, values in _past_words(row)]
        return _said(
            [("dry", {"depth": row.depth_m}), *history, *_rain_words(row), *_unused_words(row), *_firm_words(row)]
        )
    depth = {"depth": row.depth_m, "outside": _told(row, "outside_share")}
    words: list[tuple[str, dict[str, Any]]] = [(_depth_key(row), depth)]
    if row.duration_h > 0:
        goes_on = getattr(row, "duration_bound", "exact") == "at_least"
        words.append(("lasts_on" if goes_on else "lasts", {"hours": row.duration_h}))
    cause = tuple(text.format(share=row.share, local=local_m) for text in _CAUSE_WORDS[row.cause])
    words.append(("cause", {"cause": cause}))
    if not np.isnan(row.critical_rain_mm_h) and np.isnan(_told(row, "trigger_60min_class1_mm")):
        words.append(("begins", {"rain": row.critical_rain_mm_h}))
    if row.kind == "underground_space" and not pd.isna(row.sill_height_m):
        over = row.depth_m - row.sill_height_m
        words.append(("over_sill" if over > 0 else "below_sill", {"over": over, "below": -over,
                                                                  "sill": row.sill_height_m}))  # fmt: skip
    words += [*_rain_words(row), *_volume_words(row), *_firm_words(row)]
    change = _told(row, "depth_next_season_m") - row.depth_m
    if change >= SINKING_TOLD_M:
        words.append(("sinks", {"rate": _told(row, "sinking_mm_yr"), "change": change}))
    if abs(row.correction_m) >= 0.05:
        words.append(("moved", {"moved": row.correction_m}))
    words += _unused_words(row)
    if row.source == "detected":
        words.append(("new", {}))
    return _said(words)


def _depth_key(row: Any) -> str:
    keys = {"at_least": "deep_least", "rising": "deep_rising", "outside": "deep_outside"}
    return keys.get(getattr(row, "depth_bound", "exact"), "deep")


def _told(row: Any, column: str) -> float:
    """Return a number that may not have been made, or may be missing, as NaN."""
    value = getattr(row, column, np.nan)
    return float("nan") if pd.isna(value) else float(value)


def _past_words(row: Any) -> list[tuple[str, dict[str, Any]]]:
    past = _told(row, "past_depth_m")
    return [("past", {"past": past})] if past > row.depth_m else []


def _unused_words(row: Any) -> list[tuple[str, dict[str, Any]]]:
    n = getattr(row, "reports_unused", 0)
    return [("unused", {"n": int(n)})] if n > 0 else []


def _rain_words(row: Any) -> list[tuple[str, dict[str, Any]]]:
    first, tested = _told(row, "trigger_60min_class1_mm"), _told(row, "trigger_tested_mm")
    if np.isnan(first):
        return [] if np.isnan(tested) else [("not_reached", {"tested": tested})]
    words: list[tuple[str, dict[str, Any]]] = [("trigger", {"first": first})]
    minutes, close = _told(row, "minutes_to_close"), _told(row, "close_mm")
    if not np.isnan(minutes) and not np.isnan(close):
        words.append(("closes", {"close": close, "minutes": minutes}))
    return words


def _volume_words(row: Any) -> list[tuple[str, dict[str, Any]]]:
    ponded, needed = _told(row, "ponded_m3"), _told(row, "drain_needed_m3_s")
    if np.isnan(ponded):
        return []
    values = {"ponded": ponded, "upstream": _told(row, "upstream_adds_m3"), "blockage": _told(row, "blockage_adds_m3")}
    words: list[tuple[str, dict[str, Any]]] = [("volumes", values)]
    if needed > 0:
        now = _told(row, "capacity_m3_s") * _told(row, "share")
        key = "drain_least" if getattr(row, "depth_bound", "exact") in {"rising", "outside"} else "drain"
        words.append((key, {"needed": needed, "now": now, "held": _told(row, "hold_back_m3")}))
    return words


def _firm_words(row: Any) -> list[tuple[str, dict[str, Any]]]:
    share = _told(row, "first10_share")
    if np.isnan(share):
        return []
    return [("firm", {"share": share, "n": int(row.n_draws), "low": int(row.rank_low), "high": int(row.rank_high)})]


def _said(words: list[tuple[str, dict[str, Any]]]) -> tuple[str, str]:
    """Return sentences filled with values, English and Chinese; a value that is a pair has one for each."""

    def text(k: int) -> str:
        return "".join(
            _WORDS[key][k].format(**{n: v[k] if isinstance(v, tuple) else v for n, v in values.items()})
            for key, values in words
        )

    return text(0), text(1)
