"""The sentences that say why: templates in Chinese and English, filled with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SENTENCES: Mapping[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "in_ledger": ("Recorded in the ledger.", "台账在册。"),
    "moves": ("Moving area {area_id} ({track}): mean {mean:.0f}, strongest {peak:.0f} mm/yr, {activity}.",
              "活动形变区 {area_id}（{track}）：平均 {mean:.0f}、最大 {peak:.0f} 毫米/年，{activity}。"),
    "moves_near": ("The area begins {distance:.0f} m away.", "形变区距该点 {distance:.0f} 米。"),
    "not_in_ledger": ("Not in the ledger.", "台账未登记。"),
    "still": ("No motion where radar sees it well.", "雷达可有效观测，未见形变。"),
    "blind": ("Radar does not see motion here: not known to be still.", "雷达在此观测不到形变，不能认定稳定。"),
    "no_radar": ("No radar result here.", "无雷达观测结果。"),
    "susceptible": ("Landslide hazard level {level} within {radius:.0f} m.",
                    "{radius:.0f} 米内滑坡危险性等级 {level}。"),
    "hazard_unknown": ("Landslide hazard here is unknown.", "此处滑坡危险性未知。"),
    "dormant": ("Still, and of low susceptibility: proposed dormant, to be confirmed on site.",
                "稳定且易发性低：建议列为休眠，需现场核实。"),
    "kept": ("Still, but the slope is susceptible: stays in the ledger.", "未见形变，但斜坡易发：保留在册。"),
    "cancelled": ("Cancelled in the ledger.", "台账已核销。"),
    "revived": ("Cancelled or dormant in the ledger, but it moves.", "台账已核销或休眠，但仍在变形。"),
    "accelerates": ("It accelerates.", "正在加速变形。"),
    "clue": ("Mining clue {clue_id}: {verdict}, subsiding {peak:.0f} mm/yr.",
             "采矿线索 {clue_id}：{verdict}，沉降 {peak:.0f} 毫米/年。"),
    "false_alarm": ("False-alarm probability {p:.3f}.", "虚警概率 {p:.3f}。"),
    "false_alarm_most": ("False-alarm probability at most {p:.3f}.", "虚警概率不高于 {p:.3f}。"),
    "same_place": ("Perhaps the same place as {other} ({distance:.0f} m).",
                   "可能与 {other} 为同一处（相距 {distance:.0f} 米）。"),
    "coordinates": ("Coordinates: {note}.", "坐标：{note}。"),
    "people_ledger": ("{people:.0f} people threatened (ledger).", "威胁 {people:.0f} 人（台账）。"),
    "people_counted": ("{people:.0f} people live in its reach.", "影响范围内居住 {people:.0f} 人。"),
    "people_unknown": ("The people threatened are unknown.", "威胁人数未知。"),
    "zone_hazard": ("{kind}: hazard level {level} on {area:.2f} km2.",
                    "{kind}：危险性等级 {level}，面积 {area:.2f} 平方公里。"),
    "zone_people": ("{people:.0f} people, {buildings} buildings, {road:.1f} km of road: vulnerability {level}.",
                    "{people:.0f} 人、{buildings} 栋房屋、道路 {road:.1f} 公里：易损性等级 {level}。"),
    "zone_unknown": ("The population of {n} settlements in it is unknown.", "其中 {n} 个居民点人口未知。"),
    "zone_risk": ("Risk {level} by the matrix.", "按矩阵风险等级 {level}。"),
    "zone_nothing": ("Nothing exposed: the risk is at most low, the hazard stays.",
                     "无承灾体暴露：风险不高于低，危险性不变。"),
    "zone_risk_unknown": ("Risk unknown.", "风险未知。"),
    "zone_warning": ("Highest warning {level} ({stage} h stage).", "最高预警等级 {level}（{stage} 小时阶段）。"),
    "zone_no_forecast": ("No forecast: warnings unknown.", "无可用预报：预警等级未知。"),
    "zone_points": ("Hazard points: {ids}.", "隐患点：{ids}。"),
    "leave_warning": ("{people} of {total} people live in {n} zones that call (warning {warning}, risk {risk}).",
                      "{total} 人中 {people} 人居住在 {n} 个需转移的风险区（预警等级 {warning}，风险等级 {risk}）。"),
    "leave_cells": ("{people} of {total} people live in houses on ground of warning level {least} or more, or below "
                    "such ground in sight (angle {angle:.0f} degrees or more within {distance:.0f} m), or in a zone "
                    "that calls (warning {warning}, risk {risk}; zones: {n}).",
                    "{total} 人中 {people} 人的房屋位于预警 {least} 级及以上的地面或其下方（{distance:.0f} 米内、"
                    "可视仰角不小于 {angle:.0f} 度），或位于需转移的风险区"
                    "（预警等级 {warning}，风险等级 {risk}；风险区 {n} 个）。"),
    "leave_unknown": ("Houses stand in zones that call, the number of people is unknown.",
                      "有房屋位于需转移的风险区，人口数未知。"),
    "assigned": ("{people} go to {shelter}, {km:.1f} km, {minutes:.0f} min.",
                 "{people} 人转移至{shelter}，{km:.1f} 公里，{minutes:.0f} 分钟。"),
    "split": ("Divided among {n} shelters for lack of places.", "因容量不足分往 {n} 个安置点。"),
    "route_exposed": ("{km:.1f} km of the way lie in risk zones: no way around.",
                      "路线有 {km:.1f} 公里位于风险区，无法绕行。"),
    "no_road": ("Off the road network (farther than {distance:.0f} m).", "距道路超过 {distance:.0f} 米，未接入路网。"),
    "no_way": ("No road leads to a usable shelter.", "无道路通往可用安置点。"),
    "no_places": ("{people} people without a place: the reachable shelters are full.",
                  "{people} 人无处安置：可达安置点已满。"),
    "no_count": ("No places can be kept for an unknown number of people.", "人口未知，无法预留床位。"),
    "unknown_level": ("unknown", "未知"),
    "no_network": ("No road network was given.", "未提供路网。"),
    "no_shelters": ("No usable shelter.", "没有可用安置点。"),
    "cut_high": ("Loses every road when exposed sections fail.", "危险路段中断即失去全部道路。"),
    "cut_medium": ("Loses every road when exposed sections and bridge {bridge} fail.",
                   "危险路段与桥梁 {bridge} 中断即失去全部道路。"),
    "cut_low": ("Loses every road only when exposed sections and all bridges fail.",
                "仅当危险路段与全部桥梁中断时失去全部道路。"),
}  # fmt: skip

WORDS: Mapping[str, tuple[str, str]] = {
    "landslide": ("landslide", "滑坡"), "flood": ("flood", "洪水"), "waterlogging": ("waterlogging", "内涝"),
    "mining_subsidence": ("mining subsidence", "采空沉陷"),
    "groundwater_subsidence": ("groundwater subsidence", "地下水沉降"),
    "structure_settlement": ("settlement of a structure", "构筑物沉降"), "unknown": ("unknown", "未知"),
    "stable": ("stable", "稳定"), "steady": ("steady", "匀速"), "accelerating": ("accelerating", "加速"),
    "decelerating": ("decelerating", "减速"), "seasonal": ("seasonal", "季节性"), "step": ("step", "阶跃"),
    "inside_licence": ("inside its licence", "采矿权范围内"),
    "across_boundary": ("across the licence boundary", "越界"), "unlicensed": ("without a licence", "无采矿权"),
}  # fmt: skip


def say(key: str, language: str, **values: Any) -> str:
    """Return a sentence in "zh" or "en"; words of the contract among the values are translated.

    Raises
    ------
    KeyError : no such sentence.
    """
    chinese = int(language == "zh")
    said = {k: word(v, language) if isinstance(v, str) else v for k, v in values.items()}
    return SENTENCES[key][chinese].format(**said)


def word(text: str, language: str) -> str:
    """Return a word of the contract in "zh" or "en"; others stay as they are."""
    pair = WORDS.get(text)
    return text if pair is None else pair[int(language == "zh")]


def note(level: str, text_en: str, text_zh: str | None = None) -> dict[str, str]:
    """Return a note for the report: level "info" or "warning", and its text (English where no Chinese is given)."""
    return {"level": level, "text_en": text_en, "text_zh": text_zh or text_en}


def joined(sentences: list[str], language: str) -> str:
    """Return the sentences as one text."""
    return ("" if language == "zh" else " ").join(s for s in sentences if s)
