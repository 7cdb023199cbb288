"""One area now and in the last bulletin: whether it grew, sped up or calmed down beyond the errors of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from geo_risk.hazards.deformation.params import BulletinParams

CHANGE_ZH: Mapping[str, str] = {
    "new": "新增", "returned": "再次活动", "split": "分裂", "accelerated": "加速", "grown": "扩大", "calmed": "减缓",
    "unchanged": "无明显变化", "merged": "并入其他形变区", "gone": "消失", "not_seen": "本期未能观测",
}  # fmt: skip
"""Changes in Chinese, the gravest first."""


_STILL_MOVES = 0.5
"""A place whose 95 % bound reaches this share of its former speed is not said to have stopped (choice of geo_risk)."""


@dataclass(frozen=True)
class Seen:
    """What radar sees now where a former area was: share of known cells, mean LOS velocity and its error [mm/yr].

    `track` is the one that sees it.
    """

    area_id: str
    known_share: float
    velocity_mm_yr: float = float("nan")
    std_mm_yr: float = float("nan")
    track: str = ""


@dataclass(frozen=True)
class Change:
    """One row of `deformation_changes`; missing numbers are NaN."""

    area_id: str
    change: str
    kind: str
    area_before_m2: float
    area_after_m2: float
    velocity_before_mm_yr: float
    velocity_after_mm_yr: float
    speed_change_mm_yr: float
    speed_change_std_mm_yr: float
    related_ids: str
    english: str
    chinese: str
    geometry: Any

    @classmethod
    def columns(cls) -> list[str]:
        """Return the names of the columns of a row."""
        return [f.name for f in fields(cls) if f.name not in ("english", "chinese", "geometry")] + [
            "reasons", "reasons_zh", "reasons_en"]  # fmt: skip

    def row(self) -> dict[str, Any]:
        """Return the row without its geometry."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        english, chinese = values.pop("english"), values.pop("chinese")
        values.pop("geometry")
        return {**values, "reasons": english, "reasons_zh": chinese + "。", "reasons_en": english}


def compared(
    before: pd.Series[Any],
    after: pd.Series[Any],
    params: BulletinParams,
    *,
    joined: Sequence[str],
    parts: Sequence[str],
) -> Change:
    """Return how an area differs from what it was.

    Parameters
    ----------
    before, after : rows of `active_deformation`; velocity_std_mm_yr, velocity_track and is_gone may be missing.
    params : what counts as a change.
    joined, parts : ids of former areas that merged into it, and of present ones that split off.

    Returns
    -------
    Change. Speeds are sizes of mean LOS velocities of one and the same track; their difference counts beyond
    `speed_sigma` of sqrt(s1^2 + s2^2) and `minimum_speed_change_mm_yr`. Both bulletins share most of their dates, so
    that their errors are not independent: the test is on the cautious side. It has grown where its area is larger by
    `grown_share` and by half a cell all around. Of several changes the gravest is named: accelerated, grown, calmed.
    """
    speed, std, why = _speed_change(before, after)
    real = abs(speed) >= max(params.speed_sigma * std, params.minimum_speed_change_mm_yr)
    old, new = _number(before, "area_m2"), _number(after, "area_m2")
    fringe = 0.5 * float(np.sqrt(new / max(_number(after, "n_pixels"), 1))) * float(after.geometry.length)
    grown = new - old >= max(params.grown_share * old, fringe)
    speeds_up = _text(after, "activity") == "accelerating" and _text(before, "activity") != "accelerating"
    change = (
        "returned" if bool(before.get("is_gone", False))
        else "accelerated" if (real and speed > 0) or speeds_up
        else "grown" if grown
        else "calmed" if real
        else "unchanged"
    )  # fmt: skip
    said = [_said_speed(before, after, speed, std, why=why), _said_area(old, new, grown=grown)]
    if not why and _number(before, "velocity_mean_mm_yr") * _number(after, "velocity_mean_mm_yr") < 0:
        said.append(("it now moves the other way", "运动方向反转"))
    if speeds_up:
        said.append(("its series now accelerates", "时间序列转为加速"))
    said += [(f"took in {i}", f"并入 {i}") for i in joined] + [(f"{i} split off", f"分出 {i}") for i in parts]
    return Change(
        str(after["area_id"]), change, _text(after, "kind"), old, new, _number(before, "velocity_mean_mm_yr"),
        _number(after, "velocity_mean_mm_yr"), speed, std, ",".join([*joined, *parts]),
        f"{change}: " + ", ".join(en for en, _ in said), f"{CHANGE_ZH[change]}：" + "，".join(zh for _, zh in said),
        after.geometry,
    )  # fmt: skip


def _speed_change(before: pd.Series[Any], after: pd.Series[Any]) -> tuple[float, float, str]:
    """Return the change of speed and its error, NaN with why where the two cannot be compared."""
    tracks = [_text(r, "velocity_track") for r in (before, after)]
    if not all(tracks) or tracks[0] != tracks[1]:
        return np.nan, np.nan, "track"
    std = float(np.hypot(_number(before, "velocity_std_mm_yr"), _number(after, "velocity_std_mm_yr")))
    if not np.isfinite(std):
        return np.nan, np.nan, "std"
    return abs(_number(after, "velocity_mean_mm_yr")) - abs(_number(before, "velocity_mean_mm_yr")), std, ""


def _said_speed(
    before: pd.Series[Any], after: pd.Series[Any], speed: float, std: float, *, why: str
) -> tuple[str, str]:
    old, new = _number(before, "velocity_mean_mm_yr"), _number(after, "velocity_mean_mm_yr")
    if why == "track":
        return (f"speeds {old:.1f} and {new:.1f} mm/yr are not of one track and are not compared",
                f"前后速率 {old:.1f}、{new:.1f} 毫米/年非同一轨道，不作比较")  # fmt: skip
    if why == "std":
        return (f"speeds {old:.1f} and {new:.1f} mm/yr without errors are not compared",
                f"前后速率 {old:.1f}、{new:.1f} 毫米/年缺误差，不作比较")  # fmt: skip
    return (f"mean velocity {old:.1f} before, {new:.1f} mm/yr now (speed {speed:+.1f} +- {std:.1f})",
            f"平均速率由 {old:.1f} 变为 {new:.1f} 毫米/年（变化 {speed:+.1f} ± {std:.1f}）")  # fmt: skip


def _said_area(old: float, new: float, *, grown: bool) -> tuple[str, str]:
    return (f"area {old:.0f} before, {new:.0f} m2 now" + ("" if grown else ", no growth beyond its outline's error"),
            f"面积由 {old:.0f} 变为 {new:.0f} 平方米" + ("" if grown else "，未超出边界误差"))  # fmt: skip


def reasoned(after: pd.Series[Any], change: str, *, related: Sequence[str]) -> Change:
    """Return the change of an area without a former one of its own: "new", or "split" from one that lives on."""
    mean, ids = _number(after, "velocity_mean_mm_yr"), ",".join(related)
    english = f"{change}: {mean:.1f} mm/yr" + (f", was part of {ids}" if change == "split" else "")
    chinese = f"{CHANGE_ZH[change]}：{mean:.1f} 毫米/年" + (f"，原属 {ids}" if change == "split" else "")
    return Change(
        str(after["area_id"]), change, _text(after, "kind"), np.nan, _number(after, "area_m2"), np.nan, mean, np.nan,
        np.nan, ids, english, chinese, after.geometry,
    )  # fmt: skip


def left(before: pd.Series[Any], seen: Seen | None, *, into: str | None) -> Change:
    """Return the change of a former area without an heir: merged, not seen, or gone.

    Parameters
    ----------
    before : its row.
    seen : what radar sees there now; None where that is not known, then it is not called gone.
    into : id of the area it is now a part of.
    """
    old, rate = _number(before, "area_m2"), _number(before, "velocity_mean_mm_yr")
    now = float("nan") if seen is None else seen.velocity_mm_yr
    if into is not None:
        change, english, chinese = "merged", f"now part of {into}", f"现属 {into}"
    elif seen is None or not seen.known_share >= 0.5:
        share = "an unknown share" if seen is None else f"{seen.known_share:.0%}"
        share_zh = "未知" if seen is None else f"{seen.known_share:.0%}"
        change = "not_seen"
        who = seen.track if seen is not None and seen.track else "radar"
        english = f"{who} knows {share} of its cells now: it is not known to have stopped"
        chinese = f"本期{'' if who == 'radar' else f' {who} '}有效像元占比 {share_zh}，不能认定已停止"
    elif not abs(now) + 1.96 * seen.std_mm_yr < _STILL_MOVES * abs(rate):
        change = "not_seen"
        error = seen.std_mm_yr
        english = f"{rate:.1f} mm/yr before, now {now:.1f} +- {error:.1f}: too uncertain to say that it has stopped"
        chinese = f"原 {rate:.1f} 毫米/年，本期 {now:.1f} ± {error:.1f}，误差较大，不能认定已停止"
    else:
        change = "gone"
        english = f"{rate:.1f} mm/yr before, now {now:.1f} +- {seen.std_mm_yr:.1f}: no longer told from noise"
        chinese = f"原 {rate:.1f} 毫米/年，本期 {now:.1f} ± {seen.std_mm_yr:.1f}，已不能与噪声区分"
    return Change(
        str(before["area_id"]), change, _text(before, "kind"), old, np.nan, rate, now, np.nan, np.nan, into or "",
        f"{change.replace('_', ' ')}: {english}", f"{CHANGE_ZH[change]}：{chinese}", before.geometry,
    )  # fmt: skip


def _number(row: pd.Series[Any], name: str) -> float:
    value = row.get(name)
    return float("nan") if value is None or pd.isna(value) else float(value)


def _text(row: pd.Series[Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or pd.isna(value) else str(value)
