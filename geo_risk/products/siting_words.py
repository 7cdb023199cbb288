"""What is said of coverage, proposals, stocks and isochrones, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geo_risk.products.siting_params import NEEDS

_SAID: Mapping[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "outside": ("Places in no township.", "不在任何乡镇范围内。"),
    "no_settlement": ("No settlement here; {places} places.", "无居民点；有床位 {places} 个。"),
    "night": ("Of {people} people at night {near} have a usable shelter within {reach:g} min by road, {safe} of them "
              "without a section in a risk zone.",
              "夜间 {people} 人中，{near} 人 {reach:g} 分钟车程内有可用避险场所，其中 {safe} 人不经过风险区路段。"),
    "night_short": ("{placed} would have a place there, {short} would not; {places} places stand here.",
                    "其中 {placed} 人可得床位，{short} 人缺床位；本地有床位 {places} 个。"),
    "night_enough": ("All of them would have a place there; {places} places stand here.",
                     "均可得床位；本地有床位 {places} 个。"),
    "night_enough_known": ("All of those whose number is known would have a place there; {places} places stand here.",
                           "人数已知者均可得床位；本地有床位 {places} 个。"),
    "night_none_known": ("How many live here is unknown; {places} places stand here.",
                         "居住人数均未知；本地有床位 {places} 个。"),
    "list_enough_known": ("All {people} people on the evacuation list whose number is known can have a place within "
                          "reach.", "转移清单上人数已知的 {people} 人均可在时限内安置。"),
    "list_short": ("Of {people} people on the evacuation list {placed} can have a place within reach, {short} cannot.",
                   "转移清单 {people} 人中 {placed} 人可在时限内安置，{short} 人不能。"),
    "list_enough": ("All {people} people on the evacuation list can have a place within reach.",
                    "转移清单 {people} 人均可在时限内安置。"),
    "list_unknown": ("{n} settlements on the list have unknown people: they need places too, how many is unknown.",
                     "清单上 {n} 个居民点人数未知：同样需要床位，数量未知。"),
    "off_network": ("{people} people are off the road network.", "{people} 人未接入路网。"),
    "unknown": ("{n} settlements have an unknown population, {far} of them no shelter near: in no sum.",
                "{n} 个居民点人口未知（其中 {far} 个附近无避险场所），未计入各项合计。"),
    "max_cover": ("Among the {n} new sites that give the most people without a place one within {reach:g} min.",
                  "属于使最多无床位人员在 {reach:g} 分钟内得到安置的 {n} 个新点之一。"),
    "p_median": ("Among the {n} new sites that make the way to a shelter the shortest for all people.",
                 "属于使全体人员到避险场所总时间最短的 {n} 个新点之一。"),
    "max_cover_stock": ("Among the {n} new stock centres that leave the fewest people farther than {reach:g} min from "
                        "a stock when {failing} fail.",
                        "属于在{failing}中断时使最多人员 {reach:g} 分钟内有物资储备的 {n} 个新点之一。"),
    "all_exposed": ("all sections in risk zones", "全部风险区路段"),
    "named": ("{n} named roads or bridges", "指定的 {n} 处道路或桥梁"),
    "gained": ("{people} people without a place are within reach of it: so many places are needed here.",
               "时限内有 {people} 名无床位人员：此处需床位 {people} 个。"),
    "gained_median": ("It becomes the nearest shelter of {people} people.", "将成为 {people} 人最近的避险场所。"),
    "gained_stock": ("{people} people get a stock within reach.", "{people} 人由此在时限内有物资储备。"),
    "mean": ("Mean way of all: {before:.1f} min before, {after:.1f} min after ({limit:g} min at most counted).",
             "全体平均用时：新建前 {before:.1f} 分钟，新建后 {after:.1f} 分钟（最多按 {limit:g} 分钟计）。"),
    "covered": ("Without a place before: {before}; after all new ones: {after}.",
                "无床位人员：新建前 {before} 人，全部新建后 {after} 人。"),
    "beyond": ("Beyond reach before: {before} people; after all new ones: {after}.",
               "时限以外：新建前 {before} 人，全部新建后 {after} 人。"),
    "proved": ("Proved to be the best choice of sites.", "已证明为最优选址。"),
    "gap": ("The best choice could save at most {gap:.2%} more: not proved to be the best.",
            "最优选址最多还可改善 {gap:.2%}：未证明最优。"),
    "known_safe": ("On ground known to be safe, outside every risk zone of high or unknown level.",
                   "位于已知安全地面，不在高等级或等级未知的风险区内。"),
    "ground_unknown": ("Outside every risk zone of high or unknown level; no hazard of its ground was made: not known "
                       "to be safe, survey it first.",
                       "不在高等级或等级未知的风险区内；未生成该处地面危险性，不等于安全，请先勘查。"),
    "stands": ("A shelter stands here that is not used now: {why}.", "此处已有避险场所但未启用：{why}。"),
    "unknown_weight": ("{n} settlements of unknown people count as {people} people each when sites are chosen, and in "
                       "no number of people here.",
                       "选址时 {n} 个人口未知的居民点各按 {people} 人计，但不计入此处的人数。"),
    "stock_near": ("Nearest stock {stock}: {minutes:.0f} min by road; {failed:.0f} min when {failing} fail.",
                   "最近储备点 {stock}：车程 {minutes:.0f} 分钟；{failing}中断时 {failed:.0f} 分钟。"),
    "stock_cut": ("Nearest stock {stock}: {minutes:.0f} min by road; no stock within {limit:g} min when {failing} "
                  "fail: keep stocks here.",
                  "最近储备点 {stock}：车程 {minutes:.0f} 分钟；{failing}中断时 {limit:g} 分钟内无储备：请就地储备。"),
    "stock_far": ("No stock within {limit:g} min by road, whether roads fail or not.",
                  "{limit:g} 分钟车程内无物资储备点（道路畅通时亦无）。"),
    "stock_off": ("Off the road network: no stock can be driven here, none within {limit:g} min.",
                  "未接入路网：物资无法车运到达，{limit:g} 分钟内无储备点。"),
    "stock_people_unknown": ("How many people is unknown.", "人数未知。"),
    "need": ("{people} people for {days:g} days need {need:g}; {have} there.",
             "{people} 人 {days:g} 天需 {need:g}；现有 {have}。"),
    "need_none": ("{people} people have no stock within {limit:g} min and need {need:g} for {days:g} days.",
                  "{people} 人 {limit:g} 分钟内无储备点，{days:g} 天需 {need:g}。"),
    "need_all": ("All of them: {people} people for {days:g} days need {need:g}; {have} there.",
                 "合计：{people} 人 {days:g} 天需 {need:g}；现有 {have}。"),
    "need_short": ("Lacking: {short:g}.", "缺 {short:g}。"),
    "need_enough": ("Enough.", "足够。"),
    "need_unknown": ("How much is there is unknown: not known to be enough.", "现有数量未知：不能认定足够。"),
    "need_uncounted": ("{n} settlements of unknown people come on top.", "另有 {n} 个居民点人数未知，未计入。"),
    "all_stocks": ("all together", "合计"), "no_stock": ("no stock near", "附近无储备点"),
    "have_unknown": ("an unknown quantity", "数量未知"),
    "band": ("{origin} within {start:g}-{end:g} min {mode}, along {km:.0f} km of road: {n} settlements with {people} "
             "people.", "{origin} {start:g}—{end:g} 分钟{mode}范围，沿路 {km:.0f} 公里：{n} 个居民点、{people} 人。"),
    "band_unknown": ("{n} of them have unknown people.", "其中 {n} 个人口未知。"),
    "band_far": ("{n} settlements with {people} people are farther than the last band or off the network.",
                 "{n} 个居民点、{people} 人在最外圈以外或未接入路网。"),
    "band_far_unknown": ("{n} settlements with {people} known people are farther than the last band or off the "
                         "network; {unknown} of them have unknown people.",
                         "{n} 个居民点（已知 {people} 人，其中 {unknown} 个人口未知）在最外圈以外或未接入路网。"),
    "drive": ("by car", "车程"), "walk": ("on foot", "步行"), "shelter": ("A shelter", "避险场所"),
    "stock": ("A stock", "物资储备点"),
}  # fmt: skip


_GROUNDS_ZH: Mapping[str, str] = {
    "tents": "假定值，请改用本地数据；凭记忆参考 2018 版《环球计划手册》人均 3.5 平方米，一顶 12—14 平方米住 4 人",
    "beds": "假定值，请改用本地数据；每人一张",
    "food_kg": "假定值，请改用本地数据；凭记忆参考 2018 版《环球计划手册》每人每日 2100 千卡",
    "water_l": "假定值，请改用本地数据；凭记忆参考 2018 版《环球计划手册》生存饮水每人每日 2.5—3 升",
}


def grounds_of(source: str, language: str) -> str:
    """Return where a need comes from: the defaults in the language, a text of the user's as it is."""
    known = {need.source: good for good, need in NEEDS.items()}
    return _GROUNDS_ZH[known[source]] if language == "zh" and source in known else source


def said(key: str, language: str, **values: Any) -> str:
    """Return one sentence in "zh" or "en".

    Raises
    ------
    KeyError : no such sentence, or a value is missing.
    """
    return _SAID[key][int(language == "zh")].format(**values)
