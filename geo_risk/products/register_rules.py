"""What a run proposes to the register: new, changed, revived, dormant, cancel; each with its reason, nothing done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.sentence import Sentence
from geo_risk.products.danger import GRADES
from geo_risk.products.register_matching import near_pairs
from geo_risk.products.register_merging import COUNTS, LOWER_BOUNDS, lower_bounds, settled
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.register_sightings import Sighting, quiet_days
from geo_risk.products.wording import level_word, word

KINDS = ("new", "changed", "revived", "dormant", "cancel", "edit")
"""Kinds of proposals; `edit` comes from people's files."""

_OFF = ("dormant", "cancelled")


@dataclass(frozen=True)
class Draft:
    """A proposal as the rules make it.

    Attributes
    ----------
    kind : one of KINDS. object_id : None: not in the register yet.
    row : position among the run's rows, -1 where it has none.
    after : proposed values by field; the shape under "geometry" as a shapely geometry.
    reason : in both languages. own_id : ledger number that a new object keeps.
    """

    kind: str
    object_id: str | None
    row: int
    after: Mapping[str, Any]
    reason: Sentence
    own_id: str | None = None


@dataclass(frozen=True)
class Watch:
    """Fields of a layer that are compared, by what a difference is, and those that go along with them."""

    levels: tuple[str, ...]
    words: tuple[str, ...]
    counts: tuple[str, ...]
    amounts: tuple[str, ...]
    speeds: Mapping[str, str] = field(default_factory=dict)
    along: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields that are compared, the shape apart."""
        return (*self.levels, *self.words, *self.counts, *self.amounts, *self.speeds)


WATCH: Mapping[str, Watch] = {
    "hazard_points": Watch(
        ("hazard_level",), ("activity", "danger_grade", "scale"), ("people", "households"),
        ("assets_cny", "area_m2", "volume_m3"), {"velocity_mm_yr": "velocity_std_mm_yr"},
        ("source", "velocity_std_mm_yr", "acceleration_mm_yr2", "confidence", "zone_id", "reasons",
         "reasons_zh", "reasons_en"),
    ),
    "risk_zones": Watch(
        ("hazard_level", "vulnerability_level", "risk_level"), ("activity",), ("people", "households", "buildings"),
        ("road_km", "assets_cny"), {},
        ("confidence", "point_ids", "origin", "reasons", "reasons_zh", "reasons_en"),
    ),
}  # fmt: skip
"""Names, responsible persons and notes are the bureau's own: no run proposes them for an object that is known."""

_NAMES = {
    "hazard_level": "危险性", "vulnerability_level": "易损性", "risk_level": "风险", "activity": "活动性",
    "danger_grade": "险情等级", "scale": "规模", "people": "威胁人数", "households": "威胁户数", "buildings": "房屋",
    "assets_cny": "威胁财产（元）", "area_m2": "面积（平方米）", "volume_m3": "体积（立方米）",
    "road_km": "道路（公里）",
    "velocity_mm_yr": "形变速率（毫米/年）", "geometry": "位置或边界",
}  # fmt: skip


def is_known(value: Any) -> bool:
    """Return whether a value says something: not missing, not the level -1, not the word unknown."""
    return not (value is None or pd.isna(value) or value == "unknown")


def says(row: Mapping[str, Any], name: str, watch: Watch) -> bool:
    """Return whether a row of a run knows a field; a level of -1 is unknown."""
    return _level(row.get(name)) >= 0 if name in watch.levels else is_known(row.get(name))


def changed_fields(before: Mapping[str, Any], now: Mapping[str, Any], watch: Watch, rules: RegisterParams) -> list[str]:
    """Return the watched fields that a run knows and that differ from the register by more than their tolerance.

    What the run does not know never counts: unknown does not replace what is known. More people count from
    `rules.people_change` on, whatever share of all they are; fewer only where they are also a share of all.
    """
    out = []
    for name in watch.levels:
        level = _level(now.get(name))
        if level >= 0 and level != _level(before.get(name)):
            out.append(name)
    out += [n for n in watch.words if is_known(now.get(n)) and now.get(n) != before.get(n)]
    out += [n for n in (*watch.counts, *watch.amounts)
            if is_known(now.get(n)) and (_differs(before.get(n), now[n], n in watch.counts, rules)
                                         or (n == "people" and _more(before.get(n), now[n], rules)))]  # fmt: skip
    for name, error in watch.speeds.items():
        if not is_known(now.get(name)):
            continue
        both: list[Any] = [before.get(error), now.get(error)]
        errors = [float(v) for v in both if is_known(v)]
        least = max(rules.speed_change_mm_yr, 2 * math.hypot(*errors) if errors else 0.0)
        known = is_known(before.get(name))
        if not known or abs(float(now[name]) - float(before[name])) >= least:
            out.append(name)
    return out


def _level(value: Any) -> int:
    return int(value) if is_known(value) else -1


def _differs(before: Any, now: Any, is_count: bool, rules: RegisterParams) -> bool:
    if not is_known(before):
        return True
    a, b = float(before), float(now)
    least = rules.change_share * max(abs(a), abs(b))
    return abs(a - b) > least and (not is_count or abs(a - b) >= rules.people_change)


def _told(names: Sequence[str], before: Mapping[str, Any], now: Mapping[str, Any]) -> Sentence:
    def shown(name: str, value: Any, language: str) -> str:
        if not is_known(value) or (name.endswith("_level") and _level(value) < 0):
            return word("unknown", language)
        if name.endswith("_level"):
            return level_word(int(value), language)
        return word(value, language) if isinstance(value, str) else f"{float(value):,.6g}"

    plain = [n for n in names if n != "geometry"]
    was = {n: n in lower_bounds(before) for n in plain}
    still = {n: n in lower_bounds(now) for n in plain}
    en = [f"{n} {'at least ' * was[n]}{shown(n, before.get(n), 'en')} -> "
          f"{'at least ' * still[n]}{shown(n, now.get(n), 'en')}" for n in plain]  # fmt: skip
    zh = [f"{_NAMES.get(n, n)} {'至少 ' * was[n]}{shown(n, before.get(n), 'zh')} → "
          f"{'至少 ' * still[n]}{shown(n, now.get(n), 'zh')}" for n in plain]  # fmt: skip
    if "geometry" in names:
        en.append("position or outline")
        zh.append(_NAMES["geometry"])
    return Sentence("; ".join(en), "；".join(zh))


def propose_new(found: Sequence[Mapping[str, Any]], rows: Sequence[int], layer: str, notes: Mapping[int, Sentence],
                known_as: Mapping[int, str]) -> list[Draft]:  # fmt: skip
    """Return a draft for each row of a run that the register does not have.

    Parameters
    ----------
    found : rows of the run. rows : positions among them. notes : what else is to be said, by position.
    known_as : id that an open proposal of the same place already keeps, by position.
    """
    out = []
    for k in rows:
        row = dict(found[k])
        in_ledger = layer == "risk_zones" or row.get("source") != "insar"
        # what a ledger cancelled stays so; a run's own word "dormant" is a proposal that takes several runs
        row["status"] = ("cancelled" if row.get("status") == "cancelled" else "existing") if in_ledger else "new"
        text = Sentence(f"Not in the register. {_text(row, 'en')}", f"登记库中没有。{_text(row, 'zh')}")
        if k in notes:
            text = Sentence(f"{notes[k]} {text}", f"{notes[k].zh}{text.zh}")
        own = str(row.get("point_id")) if row["status"] != "new" and layer == "hazard_points" else None
        out.append(Draft("new", known_as.get(k), k, row, text, own))
    return out


def _text(row: Mapping[str, Any], language: str) -> str:
    text = row.get(f"reasons_{language}")
    return str(text) if is_known(text) else str(row.get("reasons") or "")


def propose_changes(
    found: Sequence[Mapping[str, Any]], kept: Sequence[Mapping[str, Any]], match: NDArray[np.int64], layer: str,
    moved: Mapping[int, float], rules: RegisterParams,
) -> list[Draft]:  # fmt: skip
    """Return a draft for each object that the run sees otherwise than the register, the ledger's own words apart.

    Parameters
    ----------
    found, kept : rows of the run and of the register. match : (n,) position in `kept` of each row of the run.
    moved : metres (points) or share of union not shared (zones), by row, where shape or place is to change.

    An object that is dormant or cancelled and acts again is "revived": its other changes go with it.
    """
    watch, out = WATCH[layer], []
    for k, j in enumerate(match):
        if j < 0:
            continue
        row, old = found[k], kept[j]
        names = changed_fields(old, row, watch, rules)
        acts = old.get("status") in _OFF and _acts(row, layer)
        if old.get("status") == "cancelled" and not acts:
            continue
        if is_known(old.get("merged_into")) and not is_worse(row, old, rules):
            continue  # it acts in the object that it was merged into
        # a row that holds LOWER_BOUNDS says nothing of what was merged into the object; others count all of it
        counted = [n for n in lower_bounds(old) if LOWER_BOUNDS not in row and is_known(row.get(n))]
        names += [n for n in counted if n not in names]
        if k in moved:
            names.append("geometry")
        if not names and not acts:
            continue
        after = {n: row[n] for n in (*names, *watch.along) if is_known(row.get(n)) and n in row}
        after |= settled(old, counted)
        if LOWER_BOUNDS in row and set(names) & set(COUNTS[layer]):
            after[LOWER_BOUNDS] = row[LOWER_BOUNDS]
        told = _told(names, old, row)
        if acts:
            after["status"] = "changed"
            state = word(str(old["status"]), "en")
            noted = _STATUS[str(old["status"])]
            reason = Sentence(f"In the register as {state}, but the run sees it act: {told}. {_text(row, 'en')}",
                              f"登记为{noted}，但本次分析显示仍在活动：{told.zh}。{_text(row, 'zh')}")  # fmt: skip
        else:
            reason = Sentence(f"Changed: {told}. {_text(row, 'en')}", f"变化：{told.zh}。{_text(row, 'zh')}")
        out.append(Draft("revived" if acts else "changed", str(old["object_id"]), k, after, reason))
    return out


_STATUS = {"dormant": "休眠", "cancelled": "已核销"}


def _acts(row: Mapping[str, Any], layer: str) -> bool:
    """Return whether a run sees an object move (points) or makes a zone of it."""
    if layer == "risk_zones":
        return True
    return row.get("activity") not in ("stable", "unknown", None) or row.get("status") == "changed"


def propose_rest(
    kept: Sequence[Mapping[str, Any]], seen: Mapping[str, Sequence[Sighting]], rules: RegisterParams
) -> list[Draft]:
    """Return drafts that put objects to rest: dormant after quiet runs, to be cancelled after more of them.

    Parameters
    ----------
    kept : rows of the register with object_id, status, people, last_seen, last_seen_run.
    seen : by id, what its runs saw since its status last changed, the newest first; those before `last_seen` do not
        count.
    """
    out = []
    for row in kept:
        days = quiet_days(seen.get(str(row["object_id"]), ()))
        status, quiet, acted = row.get("status"), len(days), _last_seen(row, days)
        if status in ("new", "existing", "changed") and quiet >= rules.dormant_after_runs:
            reason = Sentence(
                f"{quiet} runs on different data that see the place called it still, and its hazard is low. {acted}",
                f"{quiet} 次使用不同数据且能观测到此处的分析均判定稳定，危险性低。{acted.zh}",
            )
            out.append(Draft("dormant", str(row["object_id"]), -1, {"status": "dormant"}, reason))
        if status == "dormant" and quiet >= rules.cancel_after_runs:
            people = row.get("people")
            count = f"{int(people)}" if is_known(people) else None  # type: ignore[arg-type]
            reason = Sentence(
                f"Dormant, and {quiet} further runs that see the place called it still. People threatened by the "
                f"register: {count or 'unknown'}. {acted} Check it on site before it is cancelled.",
                f"休眠后又有 {quiet} 次能观测到此处的分析判定稳定。登记威胁人数：{count or '未知'}。{acted.zh}"
                "核销前须现场核实。",
            )
            out.append(Draft("cancel", str(row["object_id"]), -1, {"status": "cancelled"}, reason))
    return out


def _last_seen(row: Mapping[str, Any], quiet_since: Sequence[str]) -> Sentence:
    """Return when a run last saw an object act, and when runs saw it still since."""
    days = ", ".join(reversed(quiet_since))
    if is_known(row.get("last_seen")):
        acted = Sentence(f"Last seen to act on {row['last_seen']} (run {row.get('last_seen_run')})",
                         f"最近一次观测到活动：{row['last_seen']}（{row.get('last_seen_run')}）")  # fmt: skip
    else:
        acted = Sentence("No run has seen it act", "各次分析均未观测到活动")
    return Sentence(f"{acted}; still on {days}.", f"{acted.zh}；判定稳定：{days}。")


def propose_merges(kept: gpd.GeoDataFrame, rules: RegisterParams) -> list[Draft]:
    """Return drafts that cancel a point into another of the same kind at the same place.

    Of two the dormant one goes, else the later id: what acts is never put into what rests.

    Parameters
    ----------
    kept : object_id, kind, status, geometry; those that are cancelled count neither way.
    """
    alive = kept[kept["status"] != "cancelled"].reset_index(drop=True)
    ids, gone, out = alive["object_id"].astype(str).to_numpy(), set(), []
    rests = (alive["status"] == "dormant").to_numpy(dtype=bool, na_value=False)
    for first, second, metres in near_pairs(alive, rules.duplicate_distance_m):
        i, j = (second, first) if rests[first] and not rests[second] else (first, second)
        if ids[j] in gone or ids[i] in gone:
            continue
        gone.add(ids[j])
        reason = Sentence(f"Perhaps the same place as {ids[i]}: of one kind and {metres:.0f} m away.",
                          f"可能与 {ids[i]} 为同一处：类型相同，相距 {metres:.0f} 米。")  # fmt: skip
        out.append(Draft("cancel", ids[j], -1, {"status": "cancelled", "merged_into": ids[i]}, reason))
    return out


def propose_merged_zones(kept: Sequence[Mapping[str, Any]], into: Mapping[int, str]) -> list[Draft]:
    """Return drafts that cancel zones whose ground the run gives to another zone; `into`: its id, by position."""
    out = []
    for j, other in sorted(into.items()):
        if kept[j].get("status") == "cancelled":
            continue
        reason = Sentence(f"Its ground now belongs to {other}, which the run drew over it.",
                          f"其范围在本次分析中已并入 {other}。")  # fmt: skip
        after = {"status": "cancelled", "merged_into": other}
        out.append(Draft("cancel", str(kept[j]["object_id"]), -1, after, reason))
    return out


def is_worse(now: Mapping[str, Any], then: Mapping[str, Any], rules: RegisterParams) -> bool:
    """Return whether a place that a person once declined has become graver.

    That is: a higher level or danger grade, it now accelerates, or it threatens more people (`rules.people_change`
    and more; where none were known, so many are known now).
    """
    if _level(now.get("hazard_level")) > _level(then.get("hazard_level")):
        return True
    if now.get("activity") == "accelerating" and then.get("activity") != "accelerating":
        return True
    grades = [GRADES.index(g) if g in GRADES else -1 for g in (now.get("danger_grade"), then.get("danger_grade"))]
    if grades[0] > max(grades[1], 0):
        return True
    return is_known(now.get("people")) and _more(then.get("people"), now["people"], rules)


def _more(before: Any, now: Any, rules: RegisterParams) -> bool:
    """Return whether a count of people rose by what matters; of an unknown one at least so many are known now."""
    return float(now) - (float(before) if is_known(before) else 0.0) >= max(rules.people_change, 1)
