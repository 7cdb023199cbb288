"""The sentences that say why: templates in Chinese and English, filled with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import geopandas as gpd

from geo_risk.core.sentence import chinese
from geo_risk.products.downstream_words import DOWNSTREAM
from geo_risk.products.road_words import ROADS
from geo_risk.products.water_words import WATER

LEFT_COURSE = (
    "{share:.0%} of it left the course of its record at an end of it: sudden motion, or an unwrapping error. Go and "
    "look; it is not called still.",
    "其中 {share:.0%} 在时序末端（或起始）偏离原有趋势：可能为突发位移，也可能为解缠误差。请现场核查，不作稳定判定。",
)
"""Of a section or a structure of which some cells are other than 0 in `sudden_since`."""

SENTENCES: Mapping[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "in_ledger": ("Recorded in the ledger.", "台账在册。"),
    "moves": ("Moving area {area_id} ({track}): mean {mean:.0f}, strongest {peak:.0f} mm/yr, {activity}.",
              "活动形变区 {area_id}（{track}）：平均 {mean:.0f}、最大 {peak:.0f} 毫米/年，{activity}。"),
    "area_rule": ("Matched with the area by the rule \"{rule}\" ({distance:.0f} m away).",
                  "按“{rule}”规则与形变区匹配（相距 {distance:.0f} 米）。"),
    "area_shared": ("The same area is also that of {ids}.", "同一形变区内还有隐患点 {ids}。"),
    "area_part": ("Hazard point {other} has another moving area {distance:.0f} m away: perhaps two parts of one.",
                  "隐患点 {other} 的另一形变区相距 {distance:.0f} 米：可能为同一隐患的两部分。"),
    "zone_by_rule": ("Risk zone {zone} by the rule \"{rule}\" ({distance:.0f} m away).",
                     "所属风险区 {zone}（“{rule}”规则，相距 {distance:.0f} 米）。"),
    "zone_none": ("No risk zone of a kind that fits lies near.", "附近无类型相符的风险区。"),
    "not_in_ledger": ("Not in the ledger.", "台账未登记。"),
    "still": ("Stable: so say the series of {share:.0%} of the ground within {radius:.0f} m, and none of it moves.",
              "稳定：{radius:.0f} 米内 {share:.0%} 的地面经时序判定稳定，无形变像元。"),
    "cells_move": ("{share:.0%} of the ground within {radius:.0f} m moves ({classes}) but forms no moving area: not "
                   "called still.",
                   "{radius:.0f} 米内 {share:.0%} 的地面有形变（{classes}），但未构成活动形变区：不认定为稳定。"),
    "not_still": ("Radar sees the place, but the series call only {share:.0%} of the ground within {radius:.0f} m "
                  "stable: not known to be still.",
                  "雷达可观测此处，但 {radius:.0f} 米内仅 {share:.0%} 的地面经时序判定稳定：不能认定稳定。"),
    "no_series": ("No series here to tell whether the ground is stable: not known to be still.",
                  "此处无形变时序可供判定：不能认定稳定。"),
    "blind": ("Radar does not see motion here: not known to be still.", "雷达在此观测不到形变，不能认定稳定。"),
    "no_radar": ("No radar result here.", "无雷达观测结果。"),
    "susceptible": ("Landslide hazard within {radius:.0f} m: {level}.", "{radius:.0f} 米内滑坡危险性：{level}。"),
    "point_level": ("Hazard {level}: by the slope {slope}, by motion {motion}.",
                    "危险性{level}：按斜坡{slope}，按形变{motion}。"),
    "hazard_unknown": ("Landslide hazard here is unknown.", "此处滑坡危险性未知。"),
    "dormant": ("Still, and of low susceptibility: proposed dormant, to be confirmed on site.",
                "稳定且易发性低：建议列为休眠，需现场核实。"),
    "dormant_ledger": ("Recorded as dormant; radar does not confirm it.", "台账记为休眠，雷达未能证实。"),
    "kept": ("Still, but the slope is susceptible: stays in the ledger.", "未见形变，但斜坡易发：保留在册。"),
    "kept_water": ("Still, but water sets it off, of which still ground says nothing: stays in the ledger.",
                   "未见形变，但由降雨或水流引发，地面稳定不足以说明：保留在册。"),
    "kept_unknown": ("Still, but the hazard of the slope is unknown: stays in the ledger.",
                     "未见形变，但斜坡危险性未知：保留在册。"),
    "doubted": ("Moving area {area_id} lies here but is not taken for this point (another kind, or perhaps noise): not "
                "called still.", "活动形变区 {area_id} 位于此处，但未归入本点（类型不符或可能为噪声）：不认定为稳定。"),
    "cancelled": ("Cancelled in the ledger.", "台账已核销。"),
    "revived": ("Cancelled or dormant in the ledger, but it moves.", "台账已核销或休眠，但仍在变形。"),
    "clue": ("Mining clue {clue_id}: {verdict}, subsiding {peak:.0f} mm/yr.",
             "采矿线索 {clue_id}：{verdict}，沉降 {peak:.0f} 毫米/年。"),
    "false_alarm": ("False-alarm probability {p:.3f}.", "虚警概率 {p:.3f}。"),
    "false_alarm_most": ("False-alarm probability at most {p:.3f}.", "虚警概率不高于 {p:.3f}。"),
    "same_place": ("Perhaps the same place as {other} ({distance:.0f} m).",
                   "可能与 {other} 为同一处（相距 {distance:.0f} 米）。"),
    "coordinates": ("Coordinates: {note}.", "坐标：{note}。"),
    "people_ledger": ("{people:.0f} people threatened (ledger).", "威胁 {people:.0f} 人（台账）。"),
    "people_counted": ("{people:.0f} people live on it (the moving area, or within {radius:.0f} m).",
                       "其上居住 {people:.0f} 人（形变区内，或 {radius:.0f} 米以内）。"),
    "people_unknown": ("The people threatened are unknown.", "威胁人数未知。"),
    "zone_hazard": ("{kind}: hazard {level} on {area:.2f} km2.",
                    "{kind}：危险性{level}，面积 {area:.2f} 平方公里。"),
    "zone_accelerates": ("Its motion speeds up: very high, whatever its speed or kind.",
                         "形变正在加速：无论速率和类型，危险性均为极高。"),
    "zone_sinks_faster": ("It sinks faster than before; wide sinking ground does not slide: its speed alone counts.",
                          "沉降正在加快；大范围地面沉降不会滑动，仅按速率定级。"),
    "failure_window": ("Failure window {window}, if it goes on as it did.",
                       "若保持当前趋势，破坏时间窗为 {window}。"),
    "zone_people": ("{people:.0f} people, {buildings}, {roads}: vulnerability {level}.",
                    "{people:.0f} 人、{buildings}、{roads}：易损性{level}。"),
    "zone_buildings": ("{n} buildings", "{n} 栋房屋"),
    "zone_buildings_least": ("at least {n} buildings", "房屋至少 {n} 栋"),
    "zone_buildings_unknown": ("buildings unknown", "房屋数未知"),
    "zone_roads": ("{km:.1f} km of road", "道路 {km:.1f} 公里"),
    "zone_roads_unknown": ("roads unknown", "道路未知"),
    "zone_unknown": ("The population of {n} settlements in it is unknown.", "其中 {n} 个居民点人口未知。"),
    "zone_risk": ("Risk {level} by the matrix.", "按矩阵风险{level}。"),
    "zone_nothing": ("Nothing exposed: the risk is at most low, the hazard stays.",
                     "无承灾体暴露：风险不高于低，危险性不变。"),
    "zone_risk_unknown": ("Risk unknown.", "风险未知。"),
    "zone_warning": ("Highest warning: {level} ({stage} h stage).", "最高预警：{level}（{stage} 小时阶段）。"),
    "zone_no_forecast": ("No forecast: warnings unknown.", "无可用预报：预警等级未知。"),
    "zone_points": ("Hazard points: {ids}.", "隐患点：{ids}。"),
    "exposure_zone": ("Risk zone.", "风险区。"),
    "exposure_township": ("What lies in risk zones in this township; the townships add up to all zones.",
                          "本乡镇位于风险区内的部分；各乡镇合计等于全部风险区。"),
    "exposure_all": ("All risk zones, each house and metre counted once where zones overlap.",
                     "全部风险区，重叠部分的房屋和道路只计一次。"),
    "exposure_outside": ("What was given and lies in no risk zone: not the same as safe.",
                         "所给数据中不在任何风险区内的部分：不等于安全。"),
    "exposure_total": ("All that was given: all risk zones and what lies outside.",
                       "所给数据合计：风险区内与区外之和。"),
    "exposure_people": ("{people:.0f} people, between {low:.0f} and {high:.0f}.",
                        "{people:.0f} 人，可能在 {low:.0f} 至 {high:.0f} 人之间。"),
    "exposure_people_unknown": ("The number of people is unknown: at least {known:.0f}.",
                                "人数未知：至少 {known:.0f} 人。"),
    "exposure_grade": ("Danger grade {grade}: from {people:.0f} people or {assets} on{least}.",
                       "险情{grade}级：威胁 {people:.0f} 人以上或资产 {assets} 以上{least}。"),
    "exposure_at_least": (", at least, since people are unknown", "，人数未知，至少为此级"),
    "exposure_grade_iv": ("Danger grade IV: fewer than {people:.0f} people, known assets below {assets}.",
                          "险情IV级：威胁不足 {people:.0f} 人，且已知资产不足 {assets}。"),
    "exposure_grade_unknown": ("Danger grade unknown: the people are, and the known ones are fewer than {bound:.0f}.",
                               "险情等级未知：人数未知，已知人数不足 {bound:.0f} 人。"),
    "exposure_hazards_unknown": ("Not known here: {names}; no other risk is known either.",
                                 "此处未知的灾种：{names}；其他灾种亦无已知风险。"),
    "exposure_hazards_partly": ("Highest known risk {level}; not known in whole or part: {names}.",
                                "已知最高风险{level}；全部或部分未知的灾种：{names}。"),
    "link_zone": ("{id} ({kind}, {rule}, {distance:.0f} m)", "{id}（{kind}，{rule}，{distance:.0f} 米）"),
    "link_point": ("{id} ({rule}, {distance:.0f} m)", "{id}（{rule}，{distance:.0f} 米）"),
    "also_zones": ("Other risk zones at its place: {links}.", "所在位置另有风险区：{links}。"),
    "also_points": ("Points of other zones in it: {links}.", "区内另有属于其他风险区的隐患点：{links}。"),
    "point_runout": ("Run-out from it or that reaches it: {links}.", "起于或波及该点的滑动堆积：{links}。"),
    "runout_points": ("Hazard points: {links}.", "隐患点：{links}。"),
    "zone_point": ("{id} ({rule}, {distance:.0f} m)", "{id}（{rule}，{distance:.0f} 米）"),
    "leave_warning": ("{people} of {total} people live in {n} zones that call (warning {warning}, risk {risk}).",
                      "{total} 人中 {people} 人居住在 {n} 个需转移的风险区（预警：{warning}，风险：{risk}）。"),
    "leave_line_of_sight": ("{people} of {total} people live in houses on ground of warning {least} or more, or below "
                    "such ground in sight (angle {angle:.0f} degrees or more within {distance:.0f} m), or in a zone "
                    "that calls (warning {warning}, risk {risk}; zones: {n}).",
                    "{total} 人中 {people} 人的房屋位于{least}及以上预警的地面或其下方（{distance:.0f} 米内、"
                    "可视仰角不小于 {angle:.0f} 度），或位于需转移的风险区"
                    "（预警：{warning}，风险：{risk}；风险区 {n} 个）。"),
    "runout_hit": ("{kind} from {id} ({source}): arrives with {speed:.0f} m/s after {distance:.0f} m.",
                   "{kind}，来自 {id}（{source}）：运动 {distance:.0f} 米后到达，速度 {speed:.0f} 米/秒。"),
    "runout_hit_on_release": ("{kind} from {id} ({source}): stands on the ground that can fail.",
                              "{kind}，来自 {id}（{source}）：位于可能失稳的地面上。"),
    "runout_zone": ("{kind} from {id} ({source}): runs out up to {length:.0f} m, at most {speed:.0f} m/s.",
                    "{kind}，来自 {id}（{source}）：最远运动 {length:.0f} 米，最大速度 {speed:.0f} 米/秒。"),
    "runout_people": ("Reaches {houses} houses with {people:.0f} people in {settlements} settlements, at up to "
                      "{speed:.0f} m/s.",
                      "波及 {settlements} 个居民点的 {houses} 处房屋、{people:.0f} 人，"
                      "到达速度最大 {speed:.0f} 米/秒。"),
    "runout_people_unknown": ("Reaches {houses} houses in {settlements} settlements, number of people unknown, at up "
                              "to {speed:.0f} m/s.",
                              "波及 {settlements} 个居民点的 {houses} 处房屋，人口未知，"
                              "到达速度最大 {speed:.0f} 米/秒。"),
    "runout_unmapped": ("Reaches ground without building data of {settlements} settlements, with {people:.0f} people, "
                        "at up to {speed:.0f} m/s.",
                        "波及 {settlements} 个无房屋数据居民点的范围、{people:.0f} 人，"
                        "到达速度最大 {speed:.0f} 米/秒。"),
    "runout_unmapped_unknown": ("Reaches ground without building data of {settlements} settlements, number of people "
                                "unknown, at up to {speed:.0f} m/s.",
                                "波及 {settlements} 个无房屋数据居民点的范围，人口未知，"
                                "到达速度最大 {speed:.0f} 米/秒。"),
    "runout_nobody": ("Reaches no known house.", "未波及已知房屋。"),
    "runout_on_release": ("What stands on the ground that can fail goes down with it.",
                          "位于可能失稳地面上的房屋或道路将随之下滑。"),
    "runout_risk": ("Hazard {hazard}, risk {risk} by the matrix.", "危险性{hazard}，按矩阵风险{risk}。"),
    "zone_runout": ("What runs out from it covers {area:.2f} km2 more, up to {length:.0f} m away at most {speed:.0f} "
                    "m/s; it is part of the zone.",
                    "其滑动堆积可波及源区以外 {area:.2f} 平方公里，最远 {length:.0f} 米，最大速度 {speed:.0f} 米/秒；"
                    "已划入本风险区。"),
    "zone_runout_none": ("Nothing is followed out of it: no ground of hazard level {least} and {slope:.0f} degrees or "
                         "more.", "其内无危险性 {least} 级且坡度不小于 {slope:.0f} 度的地面，未推算滑动堆积范围。"),
    "zone_runout_unknown": ("Its heights are unknown: how far it runs out is not known.",
                            "高程未知：滑动堆积范围未知。"),
    "runout_beyond": ("Runs into unknown ground, off the map or beyond the reach followed: what lies there is not "
                      "known to be safe.", "运动路径进入高程未知区、图幅以外或超出计算范围：其外不等于安全。"),
    "debris_channel": ("Bed of {slope:.0f} degrees over {length:.0f} m with {top:.1f} to {bottom:.1f} ha upslope: a "
                       "debris "
                       "flow can start from {least:.0f} degrees on, where loose material lies (not looked at).",
                       "沟床平均坡度 {slope:.0f} 度，长 {length:.0f} 米，上游汇水 {top:.1f} 至 {bottom:.1f} 公顷："
                       "坡度达到 {least:.0f} 度即可能起动泥石流，前提是有松散物源（未核查）。"),
    **WATER,
    "opening_carved": ("The DEM held {hollow:.1f} m of water behind it: {cells} cells were cut by up to {cut:.1f} m "
                       "({volume:.0f} m3) to let it pass; {left:.1f} m stay in a hole of the bed.",
                       "DEM 在此壅水 {hollow:.1f} 米：已下切 {cells} 个格网、最深 {cut:.1f} 米"
                       "（{volume:.0f} 立方米），使水流通过；河床坑内余 {left:.1f} 米。"),
    "opening_no_hollow": ("The DEM holds no water here: nothing was cut.", "DEM 在此无壅水：未作修改。"),
    "opening_no_way": ("The DEM holds {hollow:.1f} m of water behind it and shows no lower ground near: left closed. "
                       "Check its position.",
                       "DEM 在此壅水 {hollow:.1f} 米，附近无更低地面：未开通。请核查位置。"),
    "opening_too_deep": ("The DEM holds {hollow:.1f} m of water behind it, and ground beside the opening would have to "
                         "be cut too deep: left closed. Check its position.",
                         "DEM 在此壅水 {hollow:.1f} 米，但需在开口以外下切过深：未开通。请核查位置。"),
    "opening_outside": ("It lies off the DEM.", "位于 DEM 范围以外。"),
    "leave_runout": ("{people} of {total} people live in houses on ground of warning {least} or more, or where run-out "
                     "from such ground arrives, or in a zone that calls (warning {warning}, risk {risk}; zones: {n}).",
                     "{total} 人中 {people} 人的房屋位于{least}及以上预警的地面或其滑坡运动范围内，"
                     "或位于需转移的风险区（预警：{warning}，风险：{risk}；风险区 {n} 个）。"),
    "leave_chance": ("{people} of {total} people must leave: a slide comes to their houses with {chance:.2%} or more, "
                     "or they live in the reach of warning {sure} ({least} where that chance is unknown) or in a zone "
                     "that calls (warning {warning}, risk {risk}; zones: {n}).",
                     "{total} 人中 {people} 人须转移：房屋受滑坡波及的概率不低于 {chance:.2%}，"
                     "或在{sure}预警影响范围内（概率未知处：{least}及以上），"
                     "或在需转移的风险区内（预警：{warning}，风险：{risk}；风险区 {n} 个）。"),
    "leave_slide_chance": ("Highest probability that a slide comes to one of the houses: {highest:.1%}.",
                           "其中受滑坡波及概率最高的房屋为 {highest:.1%}。"),
    "leave_water": ("Of these, houses stand on ground of flood level {least} or more, the gravest {level}.",
                    "其中有房屋所在地面洪水等级达到{least}及以上，最高为{level}。"),
    "leave_water_chance": ("Of these, houses stand where flood level {least} or more is at least {chance:.0%} likely, "
                           "the gravest {level}.",
                           "其中有房屋所在地面洪水达到{least}及以上的概率不低于 {chance:.0%}，最高为{level}。"),
    "leave_unknown": ("Houses stand where people must leave, the number of people is unknown (warning {warning}, risk "
                      "{risk}).", "有房屋位于需转移范围，人口数未知（预警：{warning}，风险：{risk}）。"),
    "not_judged": ("Slides or flood are unknown on the ground of {houses} houses ({people} known people): not known to "
                   "be safe, look at them by hand.",
                   "另有 {houses} 处房屋（已知 {people} 人）所在地面的滑坡预警或洪水等级未知："
                   "不等于安全，请人工核查。"),
    "evacuation_score": ("Score {score:.2f}: warning {warning:.2f}, risk {risk:.2f}, people {people:.2f}, vulnerable "
                         "people {vulnerable:.2f}, cut-off {cut_off:.2f}.",
                         "得分 {score:.2f}：预警 {warning:.2f}、风险 {risk:.2f}、人数 {people:.2f}、"
                         "重点人群 {vulnerable:.2f}、道路中断 {cut_off:.2f}。"),
    "evacuation_topsis": ("Score {score:.2f} by TOPSIS; weighted criteria: warning {warning:.2f}, risk {risk:.2f}, "
                          "people {people:.2f}, vulnerable people {vulnerable:.2f}, cut-off {cut_off:.2f}.",
                          "TOPSIS 得分 {score:.2f}；加权指标：预警 {warning:.2f}、风险 {risk:.2f}、人数 {people:.2f}、"
                          "重点人群 {vulnerable:.2f}、道路中断 {cut_off:.2f}。"),
    "rank_firm": ("In the first ten in {share:.0%} of {n} draws of its inputs; nine of ten draws rank it {low} to "
                  "{high}.", "输入不确定性抽样 {n} 次中，{share:.0%} 进入前十；90% 的抽样位次为第 {low}–{high} 位。"),
    "rank_weights": ("With any one weight {change:.0%} less or more it is ranked {low} to {high}.",
                     "任一权重增减 {change:.0%} 时位次为第 {low}–{high} 位。"),
    "shelter_ground": ("The ground of {shelter} is partly unknown: look at it before use.",
                       "{shelter}所在地面部分灾害等级未知：启用前请核查。"),
    **ROADS,
    **DOWNSTREAM,
}  # fmt: skip

WORDS: Mapping[str, tuple[str, str]] = {
    "deformation": ("ground motion", "地面形变"),
    "rule_own_area": ("zone of its own moving area", "由该点形变区划定"), "rule_inside": ("inside", "位于其内"),
    "rule_within_error": ("within the position error", "在定位误差内"), "rule_near": ("near", "邻近"),
    "rule_own_release": ("it starts there", "起于该点"),
    "rule_in_runout": ("in the run-out of the zone", "位于其滑动堆积范围内"),
    "rule_doubtful_position": ("position not checked", "坐标未能核验"),
    "debris_flow": ("debris flow", "泥石流"), "rockfall": ("rockfall", "崩塌"),
    "hazard_point": ("hazard point", "隐患点"), "moving_area": ("moving area", "活动形变区"),
    "susceptible_slope": ("susceptible slope", "易发斜坡"),
    "debris_flow_channel": ("source channel of debris flows", "泥石流源区沟道"),
    "landslide": ("landslide", "滑坡"), "flood": ("flood", "洪涝"), "waterlogging": ("waterlogging", "内涝"),
    "mining_subsidence": ("mining subsidence", "采空沉陷"),
    "groundwater_subsidence": ("groundwater subsidence", "地下水沉降"),
    "structure_settlement": ("settlement of a structure", "构筑物沉降"), "unknown": ("unknown", "未知"),
    "stable": ("stable", "稳定"), "steady": ("steady", "匀速"), "accelerating": ("accelerating", "加速"),
    "decelerating": ("decelerating", "减速"), "seasonal": ("seasonal", "季节性"), "step": ("step", "突变"),
    "inside_licence": ("inside its licence", "采矿权范围内"),
    "across_boundary": ("across the licence boundary", "越界"), "unlicensed": ("without a licence", "无采矿权"),
    "lon and lat were swapped": ("lon and lat were swapped", "经纬度颠倒已纠正"),
    "x and y were swapped": ("x and y were swapped", "纵横坐标颠倒已纠正"),
    "shifted back from GCJ-02": ("shifted back from GCJ-02", "已由 GCJ-02 纠偏"),
    "clue": ("mining clue", "采矿线索"), "asc": ("ascending", "升轨"), "desc": ("descending", "降轨"),
}  # fmt: skip

LEVELS: Mapping[int, tuple[str, str]] = {
    -1: ("unknown", "未知"), 0: ("none", "无"), 1: ("low", "低"), 2: ("medium", "中"), 3: ("high", "高"),
    4: ("very high", "极高"),
}  # fmt: skip
WARNINGS: Mapping[int, tuple[str, str]] = {
    -1: ("unknown", "未知"), 0: ("none", "无预警"), 1: ("blue", "蓝色"), 2: ("yellow", "黄色"), 3: ("orange", "橙色"),
    4: ("red", "红色"),
}  # fmt: skip


def say(key: str, language: str, **values: Any) -> str:
    """Return a sentence in "zh" or "en"; words of the contract among the values are translated.

    Raises
    ------
    KeyError : no such sentence.
    """
    which = int(language == "zh")
    said = {k: word(v, language) if isinstance(v, str) else v for k, v in values.items()}
    return SENTENCES[key][which].format(**said)


def word(text: str, language: str) -> str:
    """Return a word of the contract in "zh" or "en"; others stay as they are."""
    pair = WORDS.get(text)
    return text if pair is None else pair[int(language == "zh")]


def level_word(level: int, language: str) -> str:
    """Return a level -1..4 of hazard, vulnerability or risk in words: its number alone could be read as a grade."""
    return LEVELS[int(level)][int(language == "zh")]


def warning_word(level: int, language: str) -> str:
    """Return a warning level -1..4 by its colour; the national grades I-IV run the other way than the levels."""
    return WARNINGS[int(level)][int(language == "zh")]


def share_word(share: float, language: str) -> str:
    """Return a share as percent; one above 0 that would round to 0 is told as less than 1 %."""
    if 0 < share < 0.005:
        return "不足 1%" if language == "zh" else "less than 1%"
    return f"{share:.0%}"


def with_reasons(frame: gpd.GeoDataFrame, said: Callable[[str], list[str]], language: str) -> gpd.GeoDataFrame:
    """Return the frame with `reasons` in the run's language, and `reasons_zh` and `reasons_en` beside it.

    Parameters
    ----------
    said : gives the text of each row in "zh" or "en".
    """
    zh, en = said("zh"), said("en")
    return frame.assign(reasons=zh if language == "zh" else en, reasons_zh=zh, reasons_en=en)


def note(level: str, text_en: str, text_zh: str | None = None) -> dict[str, str]:
    """Return a note for the report: level "info" or "warning", and its text; Chinese as given, or as it carries."""
    return {"level": level, "text_en": text_en, "text_zh": text_zh or chinese(text_en)}


def joined(sentences: list[str], language: str) -> str:
    """Return the sentences as one text."""
    return ("" if language == "zh" else " ").join(s for s in sentences if s)
