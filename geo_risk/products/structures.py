"""Dams and ponds for people: level, activity and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.schemas import conform
from geo_risk.products.wording import joined

_SAID: Mapping[str, tuple[str, str]] = {
    "across_up": ("Against still ground around it moves {up:+.1f} +- {up_std:.1f} mm/yr up and {across:+.1f} +- "
                  "{across_std:.1f} outwards, in the plane across the crest.",
                  "相对周边稳定地面：垂向 {up:+.1f}±{up_std:.1f}、向外 {across:+.1f}±{across_std:.1f} 毫米/年"
                  "（垂直坝轴平面内）。"),
    "east_up": ("Against still ground around it moves {up:+.1f} +- {up_std:.1f} mm/yr up and {across:+.1f} +- "
                "{across_std:.1f} east; no crest was given.",
                "相对周边稳定地面：垂向 {up:+.1f}±{up_std:.1f}、向东 {across:+.1f}±{across_std:.1f} 毫米/年；"
                "未提供坝轴线。"),
    "up": ("Against still ground around it moves {up:+.1f} +- {up_std:.1f} mm/yr if its motion is vertical: the looks "
           "cannot part it.",
           "相对周边稳定地面：{up:+.1f}±{up_std:.1f} 毫米/年（假定为垂直运动，现有视线向无法分解）。"),
    "moving": ("{speed:.1f} mm/yr in all: beyond noise.", "合速率 {speed:.1f} 毫米/年，超出噪声。"),
    "still": ("Not beyond noise.", "未超出噪声。"),
    "unseen": ("Radar sees {share:.0%} of it: the rest is unknown, not safe.",
               "雷达可观测 {share:.0%}：其余未知，不等于安全。"),
    "blind": ("Radar sees nothing of it (water, loss of coherence, or shadow): unknown, not safe.",
              "雷达观测不到（水面、失相干或阴影）：未知，不等于安全。"),
    "accelerating": ("Its rate changed by {change:+.1f} +- {error:.1f} mm/yr (sinking positive) of late: faster.",
                     "近期速率变化 {change:+.1f}±{error:.1f} 毫米/年（下沉为正）：加快。"),
    "easing": ("Its rate changed by {change:+.1f} +- {error:.1f} mm/yr (sinking positive) of late: slower.",
               "近期速率变化 {change:+.1f}±{error:.1f} 毫米/年（下沉为正）：减缓。"),
    "steady": ("No change of rate beyond its error ({change:+.1f} +- {error:.1f} mm/yr).",
               "速率变化未超出误差（{change:+.1f}±{error:.1f} 毫米/年）。"),
}  # fmt: skip
_ACTIVITY = {"accelerating": "accelerating", "easing": "decelerating", "steady": "steady"}


def structures(found: gpd.GeoDataFrame, trends: pd.DataFrame, *, language: str = "en") -> gpd.GeoDataFrame:
    """Return the bodies with level, activity and reasons.

    Parameters
    ----------
    found : of `hazards.deformation.structures.structure_rows`, with `body`.
    trends : trend, change_mm_yr (sinking positive) and change_std_mm_yr by `body`; a body without a row is unknown.
    language : of `reasons`; reasons_zh and reasons_en are always there.

    Returns
    -------
    A frame that conforms to `structures`. activity: "stable" for a body that is seen and does not move; for one that
    moves that of its series, "unknown" where that is too short; "unknown" for a body too little of which is seen.
    """
    frame = found.merge(trends, on="body", how="left")
    rows = frame.drop(columns="geometry").to_dict("records")
    said = [_words(r) for r in rows]
    texts = {
        k: [joined([_SAID[key][int(k == "zh")].format(**v) for key, v in row], k) for row in said] for k in ("zh", "en")
    }
    out = frame.assign(
        hazard_level=frame["level"].astype("int8"), activity=[_activity(r) for r in rows],
        reasons=texts[language], reasons_zh=texts["zh"], reasons_en=texts["en"],
    ).drop(columns=["level", "body", "trend", "rate_before_mm_yr", "rate_recent_mm_yr"], errors="ignore")  # fmt: skip
    result: gpd.GeoDataFrame = conform(out, "structures")
    return result


def _activity(row: Mapping[str, Any]) -> str:
    if not row["is_moving"]:
        return "stable" if row["level"] >= 0 else "unknown"
    return _ACTIVITY.get(str(row.get("trend")), "unknown")


def _words(row: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if row["model"] == "none":
        return [("blind", {})]
    said: list[tuple[str, dict[str, Any]]] = [(str(row["model"]), {
        "up": row["velocity_up_mm_yr"], "up_std": row["velocity_up_std_mm_yr"],
        "across": row["velocity_across_mm_yr"], "across_std": row["velocity_across_std_mm_yr"],
    })]  # fmt: skip
    said.append(("moving" if row["is_moving"] else "still", {"speed": row["speed_mm_yr"]}))
    trend = str(row.get("trend"))
    if row["is_moving"] and trend in _ACTIVITY and np.isfinite(row["change_mm_yr"]):
        said.append((trend, {"change": row["change_mm_yr"], "error": row["change_std_mm_yr"]}))
    if row["known_share"] < 0.995:
        said.append(("unseen", {"share": row["known_share"]}))
    return said
