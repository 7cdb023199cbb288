"""What an object of the register takes over from one that is merged into it: nobody who is threatened is lost.

Two entries of one place may count the same people or different ones: the register cannot know. Where both know a
count and the counts differ, a person decides; nothing is chosen for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from geo_risk.core.sentence import Sentence
from geo_risk.products.danger import GRADES, danger_grades
from geo_risk.products.params import RiskParams

COUNTS: Mapping[str, tuple[str, ...]] = {
    "hazard_points": ("people", "households", "assets_cny"),
    "risk_zones": ("people", "households", "buildings", "road_km", "assets_cny"),
}
"""Sums of a layer that a merge must not lose."""

CHOICES = ("larger", "sum", "kept")
"""larger: both count the same people; sum: they are different ones; kept: the figures of the one that stays."""

COVERED_SHARE = 0.9
"""A zone that holds this share of another's ground counts those who live there already; choice of geo_risk."""

_LEVELS = ("hazard_level", "vulnerability_level", "risk_level")
_ACTS = ("accelerating", "step", "steady", "decelerating", "seasonal")
_FILLED = ("name", "responsible", "monitor", "zone_id", "scale", "volume_m3", "area_m2")
_NAMES = {
    "people": "人数",
    "households": "户数",
    "assets_cny": "财产（元）",
    "buildings": "房屋",
    "road_km": "道路（公里）",
}
_ALIVE = ("new", "existing", "changed")
_OPEN = ("found", "assigned", "inspected", "measure")


LOWER_BOUNDS = "counts_at_least"
"""Field that names the counts of an object (COUNTS, by commas) that are lower bounds: others are not counted in."""


def lower_bounds(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the counts of an object that are lower bounds only."""
    text = values.get(LOWER_BOUNDS)
    return tuple(n for n in text.split(",") if n) if isinstance(text, str) else ()


def settled(values: Mapping[str, Any], known: Collection[str]) -> dict[str, str | None]:
    """Return the new mark of an object whose counts are now known by themselves; nothing where it stays as it is."""
    marked = lower_bounds(values)
    left = [n for n in marked if n not in known]
    return {} if len(left) == len(marked) else {LOWER_BOUNDS: ",".join(left) or None}


@dataclass(frozen=True)
class MergeRules:
    """How counts that differ are joined, one of CHOICES (None: nobody decided), and the bounds of danger grades."""

    counts: str | None = None
    risk: RiskParams = field(default_factory=RiskParams)

    def __post_init__(self) -> None:
        """Refuse a choice that is none."""
        if self.counts is not None and self.counts not in CHOICES:
            msg = f"counts is {self.counts!r}; one of {CHOICES} needed"
            raise ValueError(msg)


@dataclass(frozen=True)
class Takeover:
    """What becomes of the object that stays.

    Attributes
    ----------
    after : its values that change. undecided : counts that both know, that differ, and of which nobody said which.
    choice : how counts that differ were joined; None: none differed. told : what is taken over, count by count.
    """

    after: dict[str, Any]
    undecided: tuple[str, ...]
    choice: str | None
    told: Sentence


def take_over(
    layer: str, gone: Mapping[str, Any], stays: Mapping[str, Any], rules: MergeRules, *,
    shapes: tuple[Any, Any] | None = None,
) -> Takeover:  # fmt: skip
    """Return what an object takes over from one that is merged into it.

    Parameters
    ----------
    layer : hazard_points or risk_zones. gone, stays : values of the two, None where unknown, levels -1.
    rules : without a choice a count that one alone knows is taken, equal ones are taken as the same people, and others
        stay undecided; a zone that holds the ground of the other takes the larger.
    shapes : of `gone` and `stays`.
    """
    how = rules.counts
    if how is None and layer == "risk_zones" and shapes is not None and _holds(*shapes):
        how = "larger"
    after: dict[str, Any] = {}
    undecided, bounds, en, zh = [], [], [], []
    for name in COUNTS[layer]:
        a, b = gone.get(name), stays.get(name)
        value, is_open = _joined(a, b, how), how is None and _differ(a, b)
        if not is_open and value is not None and value != b:
            after[name] = value
        undecided += [name] * is_open
        at_least = value is not None and _is_bound(name, gone, stays, how)
        bounds += [name] * at_least
        if a is not None or b is not None or name == "people":
            en.append(f"{name} {_text(a, 'unknown')} and {_text(b, 'unknown')} -> "
                      + ("to be decided" if is_open else "at least " * at_least + _text(value, "unknown")))  # fmt: skip
            zh.append(f"{_NAMES[name]} {_text(a, '未知')} 与 {_text(b, '未知')} → "
                      + ("待定" if is_open else "至少 " * at_least + _text(value, "未知")))  # fmt: skip
    if tuple(bounds) != lower_bounds(stays):
        after[LOWER_BOUNDS] = ",".join(bounds) or None
    after |= _graver(gone, stays, rules.risk, after)
    after |= {n: gone[n] for n in _FILLED if n in gone and gone[n] is not None and stays.get(n) is None}
    if gone.get("first_seen") and str(gone["first_seen"]) < str(stays.get("first_seen") or "9"):
        after["first_seen"] = gone["first_seen"]
    if layer == "risk_zones" and gone.get("point_ids"):
        ids = dict.fromkeys(i for v in (stays, gone) for i in str(v.get("point_ids") or "").split(",") if i)
        after["point_ids"] = ",".join(ids)
    if stays.get("status") == "dormant" and gone.get("status") in _ALIVE:
        after["status"] = "changed"  # what acts is never put to rest by a merge
    after |= _loop(gone, stays, en, zh)
    told = Sentence("Of the one that goes and the one that stays: " + "; ".join(en),
                    "并入者与保留者：" + "；".join(zh))  # fmt: skip
    used = how if any(_differ(gone.get(n), stays.get(n)) for n in COUNTS[layer]) or how == "sum" else None
    return Takeover({k: v for k, v in after.items() if v != stays.get(k)}, tuple(undecided), used, told)


def _differ(a: Any, b: Any) -> bool:
    return a is not None and b is not None and a != b


def _joined(a: Any, b: Any, how: str | None) -> Any:
    if a is None or (b is not None and how == "kept"):
        return b
    if b is None:
        return None if how == "kept" else a
    return a + b if how == "sum" else max(a, b)


def _is_bound(name: str, gone: Mapping[str, Any], stays: Mapping[str, Any], how: str | None) -> bool:
    """Return whether a joined count is a lower bound: other people of whom one entry does not know, or a part is one.

    Where nobody said that they are others, what one alone knows is the count of the place.
    """
    if how == "kept":
        return name in lower_bounds(stays)
    if how == "sum" and (gone.get(name) is None) != (stays.get(name) is None):
        return True
    return name in (*lower_bounds(gone), *lower_bounds(stays))


def _text(value: Any, unknown: str) -> str:
    return unknown if value is None else f"{float(value):,.10g}"


def _holds(gone: Any, stays: Any) -> bool:
    if gone is None or stays is None or not gone.area > 0:
        return False
    return bool(shapely.intersection(gone, stays).area >= COVERED_SHARE * gone.area)


def _graver(
    gone: Mapping[str, Any], stays: Mapping[str, Any], risk: RiskParams, made: Mapping[str, Any]
) -> dict[str, Any]:
    """Return levels, activity and grade that the one that goes has graver; the grade also as the joined counts make it.

    A known level takes the place of an unknown one only from medium up: unknown never becomes low.
    """
    out: dict[str, Any] = {n: gone[n] for n in _LEVELS if n in stays and gone.get(n) is not None
                           and gone[n] > (1 if stays.get(n) in (None, -1) else stays[n])}  # fmt: skip
    if gone.get("status") != "dormant" and gone.get("activity") in _ACTS:
        now = stays.get("activity")
        if now not in _ACTS or _ACTS.index(now) > _ACTS.index(gone["activity"]):
            out["activity"] = gone["activity"]
    if "danger_grade" in stays:
        people, assets = (made.get(n, stays.get(n)) for n in ("people", "assets_cny"))
        known = [np.nan if v is None else float(v) for v in (people, assets)]
        of_counts = danger_grades([known[0]], [known[1]], risk)[0] if {"people", "assets_cny"} & set(made) else None
        grades = [g for g in (stays.get("danger_grade"), gone.get("danger_grade"), of_counts) if g in GRADES]
        if grades and max(grades, key=GRADES.index) != stays.get("danger_grade"):
            out["danger_grade"] = max(grades, key=GRADES.index)
    return out


def _loop(gone: Mapping[str, Any], stays: Mapping[str, Any], en: list[str], zh: list[str]) -> dict[str, Any]:
    """Return the open loop of the one that goes where the other has none: what is to be done is not lost."""
    if gone.get("loop_stage") not in _OPEN:
        return {}
    if stays.get("loop_stage") in _OPEN:
        en.append("both are in the loop: that of the one that stays goes on")
        zh.append("二者均在闭环办理中：按保留者办理")
        return {}
    en.append(f"its open loop goes along (due {gone.get('loop_due') or 'without a date'})")
    zh.append(f"未办结事项一并转入（期限 {gone.get('loop_due') or '无'}）")
    return {k: v for k, v in gone.items() if k.startswith("loop_")}
