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
    "sag_without_outlet": ("it is a hollow without a drain or pump", "该处为无排水设施、无水泵的洼地"),
    "unknown": ("its cause is not known", "成因不明"),
}  # fmt: skip

_WORDS = {
    "no_depth": ("Depth unknown: the site lies beyond the town's terrain model. It is ranked as if water stood there.",
                 "水深未知：位于城区高程模型之外，按有积水参与排序。"),
    "dry": ("Stays below the first depth class in this storm ({depth:.2f} m).",
            "本次降雨水深低于最低分级（{depth:.2f} 米）。"),
    "deep": ("Water stands {depth:.2f} m deep", "积水深 {depth:.2f} 米"),
    "lasts": (", deeper than the first class for {hours:.1f} h", "，超过最低分级水深持续 {hours:.1f} 小时"),
    "cause": ("; {cause}.", "；{cause}。"),
    "begins": (" It begins at about {rain:.0f} mm in an hour.", "小时雨量约 {rain:.0f} 毫米时开始积水。"),
    "over_sill": (" The water is {over:.2f} m over the entrance's sill ({sill:.2f} m).",
                  "水面高出入口挡水坎 {over:.2f} 米（坎高 {sill:.2f} 米）。"),
    "below_sill": (" The water is {below:.2f} m below the entrance's sill ({sill:.2f} m).",
                   "水面低于入口挡水坎 {below:.2f} 米（坎高 {sill:.2f} 米）。"),
    "moved": (" The model's depth was moved by {moved:+.2f} m to fit depths reported before.",
              "模型水深已按历次上报水深修正 {moved:+.2f} 米。"),
    "new": (" It is not in the ledger.", "台账未登记。"),
}  # fmt: skip


def site_reason(row: Any, local_m: float) -> tuple[str, str]:
    """Return why a site stands where it does, in English and in Chinese."""
    if np.isnan(row.depth_m):
        return _said([("no_depth", {})])
    if row.depth_class == 0:
        return _said([("dry", {"depth": row.depth_m})])
    words: list[tuple[str, dict[str, Any]]] = [("deep", {"depth": row.depth_m})]
    if row.duration_h > 0:
        words.append(("lasts", {"hours": row.duration_h}))
    cause = tuple(text.format(share=row.share, local=local_m) for text in _CAUSE_WORDS[row.cause])
    words.append(("cause", {"cause": cause}))
    if not np.isnan(row.critical_rain_mm_h):
        words.append(("begins", {"rain": row.critical_rain_mm_h}))
    if row.kind == "underground_space" and not pd.isna(row.sill_height_m):
        over = row.depth_m - row.sill_height_m
        words.append(("over_sill" if over > 0 else "below_sill", {"over": over, "below": -over,
                                                                  "sill": row.sill_height_m}))  # fmt: skip
    if abs(row.correction_m) >= 0.05:
        words.append(("moved", {"moved": row.correction_m}))
    if row.source == "detected":
        words.append(("new", {}))
    return _said(words)


def _said(words: list[tuple[str, dict[str, Any]]]) -> tuple[str, str]:
    """Return sentences filled with values, English and Chinese; a value that is a pair has one for each."""

    def text(k: int) -> str:
        return "".join(
            _WORDS[key][k].format(**{n: v[k] if isinstance(v, tuple) else v for n, v in values.items()})
            for key, values in words
        )

    return text(0), text(1)
