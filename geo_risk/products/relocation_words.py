"""What is said of moving, works and watching: reasons of each village, and the assumptions, in Chinese and English."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from geo_risk.products.relocation_params import ASSUMED, RelocationParams

_SAID: Mapping[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "threat": ("{people} of {total} people in {houses} houses are threatened by {n} areas or points: hazard {hazard}, "
               "risk {risk}.",
               "{total} 人中 {people} 人、{houses} 处房屋受 {n} 处危险区或隐患点威胁：危险性{hazard}，风险{risk}。"),
    "threat_uncounted": ("{houses} houses are threatened by {n} areas or points, the number of people is unknown: "
                         "hazard {hazard}, risk {risk}.",
                         "{houses} 处房屋受 {n} 处危险区或隐患点威胁，人口数未知：危险性{hazard}，风险{risk}。"),
    "ranked_by_homes": ("Ranked as {people} people, by its households or houses.",
                        "排名时按户数或房屋数估为 {people} 人。"),
    "accelerates": ("Some of it speeds up.", "其中有加速变形。"),
    "unknown_threat": ("The hazard level of some of it is unknown: not known to be safe.",
                       "其中有危险性等级未知者：不等于安全。"),
    "not_judged": ("Nothing is known of the ground of {houses} houses ({people} known people): look at them by hand "
                   "before deciding; not known to be safe.",
                   "另有 {houses} 处房屋（已知 {people} 人）所在地面危险性未知：不等于安全，决策前请现场核查。"),
    "costs": ("Over {years} years at {rate:.1%}: moving {relocate}, works {treat}, watching {monitor}.",
              "{years} 年、折现率 {rate:.1%}：搬迁 {relocate}，治理 {treat}，监测 {monitor}。"),
    "relocate_cost": ("Moving costs no more than {ratio} times the works: move.",
                      "搬迁费用不高于治理的 {ratio} 倍：建议搬迁。"),
    "relocate_cheaper": ("Moving costs no more than works: move.", "搬迁费用不高于治理：建议搬迁。"),
    "relocate_net": ("Counting the loss it avoids, moving is the cheapest.", "计入可避免损失后搬迁最省：建议搬迁。"),
    "treat_cost": ("Works cost less than moving.", "治理费用低于搬迁：建议治理。"),
    "treat_net": ("Counting the loss they avoid, works are the cheapest.", "计入可避免损失后治理最省：建议治理。"),
    "monitor_cost": ("Risk at most {most} and everything known: watching, with its warden and warning, is advised.",
                     "风险不高于{most}且各项已知：建议监测预警、群测群防。"),
    "monitor_net": ("Counting the loss it avoids, watching is the cheapest.",
                    "计入可避免损失后监测最省：建议监测预警。"),
    "careful_relocate": ("The costs cannot be compared, and the hazard is very high or speeds up: the careful side is "
                         "moving.", "费用无法比较，且危险性极高或正在加速：从严建议搬迁。"),
    "careful_treat": ("The costs cannot be compared: the careful side is works, after a survey; watching alone is not "
                      "enough where something is unknown.",
                      "费用无法比较：从严建议先勘查后治理；情况未明时不得仅靠监测。"),
    "no_works": ("No works are known against one of these hazards: move.", "其中有灾种无可用治理措施：建议搬迁。"),
    "no_watching_level": ("Very high hazard or speeding up: never watching alone.",
                          "危险性极高或正在加速：不得仅靠监测。"),
    "no_watching_risk": ("Risk above {most}: never watching alone.", "风险高于{most}：不得仅靠监测。"),
    "no_watching_unknown": ("Something is unknown: watching alone is not advised as the cheap way out.",
                            "存在未知情况：不以仅监测作为省钱办法。"),
    "turns_up": ("Turns to {other} where moving costs more than {factor} times what is assumed.",
                 "若搬迁费用高于假定的 {factor} 倍，则改为{other}。"),
    "turns_down": ("Turns to moving where moving costs less than {factor} times what is assumed.",
                   "若搬迁费用低于假定的 {factor} 倍，则改为搬迁。"),
    "turns_never": ("No cost of moving turns it.", "无论搬迁费用多少，建议不变。"),
    "people_break_even": ("Moving is the cheaper while fewer than {people} people are to move.",
                          "若需搬迁人数少于 {people} 人，则搬迁更省。"),
    "chance_known": ("Expected to hit {people} people within the horizon if nothing is done; moving avoids {relocate}, "
                     "works {treat}, watching {monitor} of loss.",
                     "若不处置，期内预计危及 {people} 人次；可避免损失：搬迁 {relocate}，治理 {treat}，"
                     "监测 {monitor}。"),
    "chance_unknown": ("No return period is known: people and loss avoided are unknown.",
                       "重现期未知：可避免的人员与损失未知。"),
    "break_even": ("Where it is hit more often than once in {years} years, {other} is the cheaper.",
                   "若平均不到 {years} 年受灾一次，则{other}更省。"),
    "break_even_both": ("moving or works", "搬迁或治理"),
    "relocate": ("moving", "搬迁"), "treat": ("works", "治理"), "monitor": ("watching", "监测"),
    "money_unknown": ("unknown", "未知"),
}  # fmt: skip

_ASSUMPTIONS: Mapping[str, tuple[str, str, str]] = {
    # parameter: (English, Chinese, unit)
    "horizon_years": ("years counted", "计算期", "yr"),
    "discount_rate": ("real discount rate", "实际折现率", "1/yr"),
    "threat_min_level": ("hazard level from which houses are threatened", "视为受威胁的最低危险性等级", "1-4"),
    "house_share": ("share of a footprint from which a house is threatened", "房屋占地在危险区内的最小比例", "1"),
    "point_radius_m": ("radius around a hazard point's area", "隐患点影响半径（面积以外）", "m"),
    "people_per_household": ("people in a household, where unknown", "户均人口（户数未知时）", "person"),
    "relocate_person_cny": ("moving: new home and services, a person", "搬迁：每人安置费用", "CNY"),
    "relocate_household_cny": ("moving: clearing and move, a household", "搬迁：每户拆旧与搬家费用", "CNY"),
    "treat_fixed_cny": ("works: survey and design, each kind at a village", "治理：每村每灾种勘查设计费", "CNY"),
    "treat_cny_m2": ("works: each square metre treated", "治理：每平方米工程费", "CNY/m2"),
    "treat_reach_m": ("works: ground within this distance of a house is treated", "治理：房屋周边治理距离", "m"),
    "treat_maintenance_share": ("works: upkeep a year, share of cost", "治理：年维护费占工程费比例", "1/yr"),
    "monitor_fixed_cny": ("watching: instruments and siren, each place", "监测：每处设备与警报器", "CNY"),
    "monitor_annual_cny": ("watching: warden, data, parts, each place a year", "监测：每处每年人员与更新", "CNY/yr"),
    "treat_effect": ("works: share of the loss taken away", "治理：可减少的损失比例", "1"),
    "monitor_effect": ("watching: share of victims saved", "监测：可减少的伤亡比例", "1"),
    "fatality_share": ("share of people in a house that is hit who die", "受灾房屋内人员死亡比例", "1"),
    "life_cny": ("what a life counts in sums of money", "生命损失折算", "CNY"),
    "house_cny_m2": ("loss of a house, each square metre of footprint", "房屋损失（每平方米占地）", "CNY/m2"),
    "annual_chance": ("chance a year by hazard level", "按危险性等级的年发生概率", "1/yr"),
    "monitor_max_risk_level": ("highest risk level at which watching alone will do", "可仅监测的最高风险等级", "0-3"),
    "prefer_ratio": ("moving before works up to this ratio of costs", "搬迁优先于治理的费用比上限", "1"),
    "sensitivity_factors": ("factors on the cost of moving tried", "敏感性分析所用搬迁费用倍数", "1"),
}  # fmt: skip

_SOURCES_ZH: Mapping[str, str] = {
    "horizon_years": "假定值，请改用本地数据；参考边坡工程寿命",
    "discount_rate": "假定值，请改用本地数据；凭记忆参考《建设项目经济评价方法与参数》社会折现率 8%、长期项目不低于 6%",
    "threat_min_level": "geo_risk 取值：高，与风险区划定一致",
    "house_share": "geo_risk 取值：与转移清单一致",
    "point_radius_m": "geo_risk 取值：一个格网及手持定位误差",
    "people_per_household": "2020 年第七次全国人口普查",
    "relocate_person_cny": "假定值，请改用本地数据；凭记忆参考 2016—2020 年易地扶贫搬迁约 6000 亿元、960 万人",
    "life_cny": "假定值，请改用本地数据；凭记忆参考一次性工亡补助金：20 × 2023 年城镇居民人均可支配收入 51821 元",
    "annual_chance": "geo_risk 取值：默认不设，等级不等于概率",
    "monitor_max_risk_level": "geo_risk 取值：中",
    "prefer_ratio": "geo_risk 取值：择省，费用相同时搬迁",
    "sensitivity_factors": "geo_risk 取值：一半至两倍",
}
_TABLE_BOUNDS = {"treat_cny_m2": "≥ 0", "annual_chance": "≥ 0, ≤ 1", "sensitivity_factors": "> 0"}
_KINDS_ZH: Mapping[str, str] = {
    "landslide": "滑坡", "unstable_slope": "不稳定斜坡", "rockfall": "崩塌", "debris_flow": "泥石流",
    "mining_subsidence": "采空沉陷", "ground_subsidence": "地面沉降", "ground_collapse": "地面塌陷",
    "ground_fissure": "地裂缝", "flood": "洪涝", "waterlogging": "内涝", "unknown": "类型未知",
    "tailings_pond": "尾矿库",
}  # fmt: skip
_ASSUMED_ZH = "假定值，请改用本地数据"


def said(key: str, language: str, **values: Any) -> str:
    """Return one sentence in "zh" or "en".

    Raises
    ------
    KeyError : no such sentence, or a value is missing.
    """
    return _SAID[key][int(language == "zh")].format(**values)


def money(value: float, language: str) -> str:
    """Return an amount as people say it: CNY in millions, or in units of 10,000 in Chinese; NaN as unknown."""
    if math.isnan(value):
        return said("money_unknown", language)
    return f"{value / 1e4:,.0f} 万元" if language == "zh" else f"{value / 1e6:,.2f} M CNY"


def assumptions(params: RelocationParams) -> pd.DataFrame:
    """Return every value behind the advice as a table: one row a value, a table of values in several rows.

    Returns
    -------
    assumption_id, meaning_zh, meaning_en, value, default_value, measured_in, bounds, is_assumed {yes, no}, grounds_zh,
    grounds_en : the value as it is used, and whether it is an assumption to be replaced by the place's own figure.
    """
    rows, default = [], RelocationParams()
    for name, field in RelocationParams.model_fields.items():
        english, in_chinese, unit = _ASSUMPTIONS[name]
        source = str(field.description).rpartition("Source: ")[2].removesuffix(".")
        is_assumed = source.startswith(ASSUMED)
        for key, value, standard in _values(getattr(params, name), getattr(default, name)):
            rows.append({
                "assumption_id": name + (f".{key}" if key else ""),
                "meaning_zh": in_chinese + (f"：{_KINDS_ZH.get(key, key)}" if key else ""),
                "meaning_en": english + (f": {key.replace('_', ' ')}" if key else ""), "value": value,
                "default_value": standard, "measured_in": unit, "bounds": _bounds(field, name),
                "is_assumed": "yes" if is_assumed else "no",
                "grounds_zh": _SOURCES_ZH.get(name, _ASSUMED_ZH if is_assumed else source), "grounds_en": source,
            })  # fmt: skip
    return pd.DataFrame(rows)


def _bounds(field: Any, name: str) -> str:
    """Return the bounds of a parameter as people write them."""
    if name in _TABLE_BOUNDS:
        return _TABLE_BOUNDS[name]
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [(sign, getattr(m, key)) for m in field.metadata for key, sign in signs.items() if hasattr(m, key)]
    return ", ".join(f"{sign} {_text(bound)}" for sign, bound in found)


def _values(value: Any, default: Any) -> list[tuple[str, str, str]]:
    if isinstance(value, dict):
        keys = sorted({*value, *default}, key=str)
        return [(str(k), _text(value.get(k)), _text(default.get(k))) for k in keys] or [("", "-", "-")]
    return [("", _text(value), _text(default))]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(_text, value)) if isinstance(value, tuple) else f"{value:,.10g}"
