"""Dams and ponds for people: level, activity and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.levels import Level
from geo_risk.core.schemas import conform
from geo_risk.products.failing import WINDOW, failure_windows, is_failing
from geo_risk.products.wording import LEFT_COURSE, joined

_SAID: Mapping[str, tuple[str, str]] = {
    "across_up": ("Against {base}, it moves {up:+.1f} +- {up_std:.1f} mm/yr up and {across:+.1f} +- "
                  "{across_std:.1f} outwards, in the plane across the crest.",
                  "相对{base}：垂向 {up:+.1f}±{up_std:.1f}、向外 {across:+.1f}±{across_std:.1f} 毫米/年"
                  "（垂直坝轴平面内）。"),
    "east_up": ("Against {base}, it moves {up:+.1f} +- {up_std:.1f} mm/yr up and {across:+.1f} +- "
                "{across_std:.1f} east; no crest was given.",
                "相对{base}：垂向 {up:+.1f}±{up_std:.1f}、向东 {across:+.1f}±{across_std:.1f} 毫米/年；"
                "未提供坝轴线。"),
    "up": ("Against {base}, it moves {up:+.1f} +- {up_std:.1f} mm/yr if its motion is vertical: the looks "
           "cannot part it.",
           "相对{base}：{up:+.1f}±{up_std:.1f} 毫米/年（假定为垂直运动，现有视线向无法分解）。"),
    "moving": ("{speed:.1f} mm/yr in all: beyond noise.", "合速率 {speed:.1f} 毫米/年，超出噪声。"),
    "bound": ("Up to {most:.1f} mm/yr cannot be ruled out.", "不能排除 {most:.1f} 毫米/年。"),
    "still": ("Not beyond noise.", "未超出噪声。"),
    "noisy": ("Not beyond noise, but up to {most:.1f} mm/yr cannot be ruled out.",
              "未超出噪声，但不能排除 {most:.1f} 毫米/年。"),
    "unseen": ("Radar sees {share:.0%} of it: the rest is unknown, not safe.",
               "雷达可观测 {share:.0%}：其余未知，不等于安全。"),
    "blind": ("Radar sees nothing of it (water, loss of coherence, or shadow): unknown, not safe.",
              "雷达观测不到（水面、失相干或阴影）：未知，不等于安全。"),
    "left": LEFT_COURSE,
    "raised": ("Very high because its motion speeds up, whatever its speed.",
               "形变正在加速，无论速率大小，等级为极高。"),
    "window": ("Very high because its motion speeds up toward failure: window {window}.",
               "形变加速并趋于破坏，等级为极高：破坏时间窗 {window}。"),
}  # fmt: skip
_BASES = {
    True: ("still ground around it", "周边稳定地面"),
    False: ("the zero of the map (no still ground was found around it)", "图幅零点（周边未找到稳定地面）"),
}


def structures(found: gpd.GeoDataFrame, verdicts: pd.DataFrame, *, language: str = "en") -> gpd.GeoDataFrame:
    """Return the bodies with level, activity and reasons.

    Parameters
    ----------
    found : of `hazards.deformation.lines.structures.structure_rows`, with `body`.
    verdicts : by `body`: activity, acceleration_mm_yr2, failure_window_start, failure_window_end ("" for none),
        said_en and said_zh of its series; a body without a row is unknown.
    language : of `reasons`; reasons_zh and reasons_en are always there.

    Returns
    -------
    A frame that conforms to `structures`. hazard_level: by speed, but very high for a body that accelerates or has a
    failure window, whatever its speed and however little of it is seen. activity: that of the series, which alone can
    call a body stable; "unknown" for another body too little of which is seen, or that is too noisy to call still.
    """
    frame = found.merge(verdicts, on="body", how="left")
    frame = frame.assign(is_failing=is_failing(frame), window=failure_windows(frame))
    rows = frame.drop(columns="geometry").to_dict("records")
    said = [_words(r) for r in rows]
    texts = {
        k: [
            joined([*(_SAID[key][int(k == "zh")].format(**_in(v, k)) for key, v in words), _series(r, k)], k)
            for r, words in zip(rows, said, strict=True)
        ]
        for k in ("zh", "en")
    }
    windows = {n: [v if isinstance(v, str) and v else None for v in frame[n]] for n in WINDOW}
    level = np.where(frame["is_failing"], Level.VERY_HIGH, frame["level"]).astype("int8")
    out = frame.assign(
        hazard_level=level, activity=[_activity(r) for r in rows], **windows,
        reasons=texts[language], reasons_zh=texts["zh"], reasons_en=texts["en"],
    ).drop(columns=["level", "body", "has_ring", "said_en", "said_zh", "is_failing", "window"])  # fmt: skip
    result: gpd.GeoDataFrame = conform(out, "structures")
    return result


def _activity(row: Mapping[str, Any]) -> str:
    told = row["activity"] if isinstance(row["activity"], str) else "unknown"
    return "unknown" if row["level"] < 0 and not row["is_failing"] else told


def _series(row: Mapping[str, Any], language: str) -> str:
    """Return what the series say, as a sentence; nothing of a body that is not seen."""
    text = row[f"said_{language}"]
    if not isinstance(text, str) or not text or (row["model"] == "none" and not row["is_failing"]):
        return ""
    if language == "zh":
        return f"{text.rstrip('。')}。"
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _in(values: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return values in a language: those that are pairs of texts are English and Chinese."""
    return {k: v[int(language == "zh")] if isinstance(v, tuple) else v for k, v in values.items()}


def _words(row: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    raised = [("window", {"window": row["window"]})] if row["window"] else [("raised", {})] * bool(row["is_failing"])
    if row["model"] == "none":
        return [*raised, ("blind", {})]
    said: list[tuple[str, dict[str, Any]]] = [*raised, (str(row["model"]), {
        "up": row["velocity_up_mm_yr"], "up_std": row["velocity_up_std_mm_yr"],
        "across": row["velocity_across_mm_yr"], "across_std": row["velocity_across_std_mm_yr"],
        "base": _BASES[bool(row["has_ring"])],
    })]  # fmt: skip
    most = row["speed_mm_yr"] + 1.96 * row["speed_std_mm_yr"]
    motion = "moving" if row["is_moving"] else "still" if row["level"] >= 0 else "noisy"
    said.append((motion, {"speed": row["speed_mm_yr"], "most": most}))
    if row["is_moving"] and row["level"] < 0:
        said.append(("bound", {"most": most}))
    if row["known_share"] < 0.995:
        said.append(("unseen", {"share": row["known_share"]}))
    if row["off_course_share"] > 0:
        said.append(("left", {"share": row["off_course_share"]}))
    return said
