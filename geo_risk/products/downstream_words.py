"""Sentences of the list of dams and tailings ponds with the people downstream."""

from __future__ import annotations

from collections.abc import Mapping

DOWNSTREAM: Mapping[str, tuple[str, str]] = {
    "down_flow": ("If the dam failed the tailings would run out up to {length:.0f} m, at most {speed:.0f} m/s (energy "
                  "line of a debris flow; volume not looked at).",
                  "若尾矿坝失稳，尾砂最远可运动 {length:.0f} 米，最大速度 {speed:.0f} 米/秒"
                  "（按泥石流能量线推算，未考虑库容）。"),
    "down_pond_unknown": ("The heights of its dam are not known: how far tailings would run out is unknown, not "
                          "nothing.",
                          "坝体高程未知：尾砂运动范围未知，不等于无影响。"),
    "down_band": ("How high water or tailings would stand along the {km:.1f} km of river below it is not known: low "
                  "ground there may be reached.",
                  "其下游 {km:.1f} 公里河道的水位（或尾砂淤高）未知：沿河低处可能受波及。"),
    "down_reached": ("Reaches {n} settlements: {people:.0f} people, {houses} buildings.",
                     "将波及 {n} 个居民点、{people:.0f} 人、{houses} 处房屋。"),
    "down_reached_unknown": ("Reaches {n} settlements, {houses} buildings; the people of one at least are unknown.",
                             "将波及 {n} 个居民点、{houses} 处房屋；至少一处人口未知。"),
    "down_none": ("No known house is certain to be reached.", "未见确定受波及的已知房屋。"),
    "down_may_be": ("{people:.0f} more people in {houses} buildings may be reached: not known to be safe.",
                    "另有 {people:.0f} 人、{houses} 处房屋可能受波及：不等于安全。"),
    "down_may_unknown": ("More people, of unknown number, in {houses} buildings may be reached: not known to be safe.",
                         "另有 {houses} 处房屋（人口未知）可能受波及：不等于安全。"),
    "down_first": ("The nearest is {place}, {km:.1f} km away.", "最近为{place}，距坝 {km:.1f} 公里。"),
    "down_soon": ("First arrival {hours:.1f} h after the breach at the earliest.", "溃决后最早 {hours:.1f} 小时到达。"),
    "down_no_time": ("The method gives no time of arrival.", "该方法无法给出到达时间。"),
    "down_facilities": ("Facilities: {n} reached, {may} more may be.",
                        "公共设施：波及 {n} 处，另有 {may} 处可能受波及。"),
    "down_no_facilities": ("Facilities are not given: which are reached is unknown.", "未提供公共设施：波及情况未知。"),
    "down_water": ("Water up to {depth:.1f} m deep, {hours:.1f} h after the breach at the earliest (when the wave "
                   "enters this stretch of river).",
                   "最大水深 {depth:.1f} 米，溃决后最早 {hours:.1f} 小时到达（按洪水波进入所在河段的时间）。"),
    "down_runout": ("The tailings' footprint touches it; depth and time are not known.",
                    "位于尾砂运动范围内；厚度和到达时间未知。"),
    "down_may": ("It may be reached: the stage, or its height above the river, is not known.",
                 "可能受波及：水位或其高出河道的高差未知。"),
    "down_more": ("{n} more of its buildings may be reached.", "另有 {n} 处房屋可能受波及。"),
    "down_people_unknown": ("The number of people is unknown.", "人口数未知。"),
}  # fmt: skip
