"""The sentences of the evacuation by road: who goes where, by what way, and what may cut a village off."""

from __future__ import annotations

from collections.abc import Mapping

ROADS: Mapping[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "assigned": ("{people} go to {shelter}, {km:.1f} km, {minutes:.0f} min.",
                 "{people} 人转移至{shelter}，{km:.1f} 公里，{minutes:.0f} 分钟。"),
    "split": ("Divided among {n} shelters for lack of places.", "因容量不足分往 {n} 个安置点。"),
    "route_exposed": ("{km:.1f} km of the way lie in risk zones that call or in water: every way around takes longer, "
                      "even with the time there counted {factor:.0f} times.",
                      "路线有 {km:.1f} 公里位于需转移的风险区或积水路段："
                      "即使该段时间按 {factor:.0f} 倍计，绕行仍更久。"),
    "backup_exposed": ("{km:.1f} km of the second way lie in such ground.", "备用路线有 {km:.1f} 公里位于此类路段。"),
    "no_road": ("Off the road network (farther than {distance:.0f} m).", "距道路超过 {distance:.0f} 米，未接入路网。"),
    "no_way": ("No road leads to a usable shelter.", "无道路通往可用安置点。"),
    "no_places": ("{people} people without a place: the reachable shelters are full.",
                  "{people} 人无处安置：可达安置点已满。"),
    "assigned_vulnerable": ("{people} go to {shelter} ({vulnerable} vulnerable), {km:.1f} km, {minutes:.0f} min.",
                            "{people} 人转移至{shelter}（其中重点人群 {vulnerable} 人），{km:.1f} 公里，"
                            "{minutes:.0f} 分钟。"),
    "vulnerable_first": ("Vulnerable people come first: all of them have a place.",
                         "重点人群优先：均已安置。"),
    "vulnerable_left": ("Vulnerable people come first, yet {people} of them have no place.",
                        "重点人群优先，但仍有 {people} 名重点人员无处安置。"),
    "no_open_way": ("Every way to a usable shelter runs through closed sections ({zones}): fetch people by other "
                    "means, or before the sections close.",
                    "通往可用安置点的道路均经过封闭路段（{zones}）：须以其他方式转移，或在道路封闭前转移。"),
    "deep_water": ("deep water", "积水过深"),
    "no_backup": ("No second shelter can be reached.", "无可达的备用安置点。"),
    "no_count": ("No places can be kept for an unknown number of people.", "人口未知，无法预留床位。"),
    "no_network": ("No road network was given.", "未提供路网。"),
    "no_shelters": ("No usable shelter.", "没有可用安置点。"),
    "way_out": ("It stands inside a closed area: the way begins with {km:.2f} km to the edge of it.",
                "居民点位于封闭区内：路线起始 {km:.2f} 公里为驶出封闭区的路段。"),
    "leave_early": ("No way around deep water: go before it comes, its time is not known.",
                    "路线必经将被积水淹没的路段（时间未知）：须在来水前通过。"),
    "leave_early_rain": ("No way around deep water, whose time is not known: be through before the rain begins, "
                         "{time}.", "路线必经将被积水淹没的路段（时间未知）：须在降雨开始（{time}）前通过。"),
    "leave_early_by": ("No way around deep water: be through before it comes, {time}.",
                       "路线必经将被积水淹没的路段：须在来水（{time}）前通过。"),
    "backup_leave_early": ("The second way too runs through deep water to come, its time is not known.",
                           "备用路线也须在来水前通过将被积水淹没的路段（时间未知）。"),
    "backup_leave_early_rain": ("The second way too runs through deep water to come, whose time is not known: open "
                                "until the rain begins, {time}.",
                                "备用路线也经过将被积水淹没的路段（时间未知）：仅在降雨开始（{time}）前可用。"),
    "backup_leave_early_by": ("The second way too runs through deep water to come: open until {time}.",
                              "备用路线也经过将被积水淹没的路段：仅在来水（{time}）前可用。"),
    "water_by_arrival": ("Water reaches a house from {time} on, by the town's run: be gone before.",
                         "按城区模拟，积水自 {time} 起到达房屋：须在此之前撤离。"),
    "water_by_rain": ("When the water comes is not known: be gone before the rain begins, {time}.",
                      "来水时间未知：须在降雨开始（{time}）前撤离。"),
    "water_by_gap": ("When the water comes is not known, and the rain is not known from {time} on: be gone before.",
                     "来水时间未知，且 {time} 起降雨缺测：须在此之前撤离。"),
    "water_by_horizon": ("When the water comes is not known: be gone before {time}, from when on rain was looked at.",
                         "来水时间未知：须在降雨时段起点（{time}）前撤离。"),
    "water_by_stage": ("When the water comes is not known: be gone before the earliest stage begins, {time}.",
                       "来水时间未知：须在最早预警阶段起点（{time}）前撤离。"),
    "water_by_none": ("When the water comes is not known: leave at once.", "来水时间未知：须立即撤离。"),
    "cut_high": ("Loses every road when exposed sections fail.", "危险路段中断即失去全部道路。"),
    "cut_medium": ("Loses every road when exposed sections fail and with them bridge {bridge} (any one, if several).",
                   "危险路段中断后，桥梁 {bridge}（如有多座，任一座）再中断即失去全部道路。"),
    "cut_low": ("Loses every road only when exposed sections and all bridges fail.",
                "仅当危险路段与全部桥梁中断时失去全部道路。"),
    "cut_unknown": ("No road to a usable shelter is known to stay open.",
                    "目前没有已知能保持畅通的道路通往可用安置点。"),
    "cut_people": ("{people:.0f} people live there; {leave:.0f} must leave, {stay:.0f} stay.",
                   "现有 {people:.0f} 人，其中需转移 {leave:.0f} 人，留守 {stay:.0f} 人。"),
    "cut_people_unknown": ("The number of people is unknown.", "人口未知。"),
    "cut_leaving_unknown": ("{people:.0f} people live there; how many must leave is unknown.",
                            "现有 {people:.0f} 人，需转移人数未知。"),
}  # fmt: skip
