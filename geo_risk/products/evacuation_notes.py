"""What the report says of the evacuation: who has no place, what the plan costs, and what is wrong with the network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from geo_risk.products.wording import note

Notes = list[dict[str, str]]


def plan_notes(t: Mapping[str, int]) -> Notes:
    """Return the notes of the totals of a plan."""
    said: Notes = []
    said.append(note(
        "warning" if t["people_unassigned"] or t["settlements_of_unknown_population"] else "info",
        f"{t['people_total']} people of {t['settlements']} settlements must leave: {t['people_assigned']} have a "
        f"place, {t['people_unassigned']} have none (at least {t['people_unassignable']} cannot have one); "
        f"{t['settlements_of_unknown_population']} settlements of unknown population are listed.",
        f"{t['settlements']} 个居民点共 {t['people_total']} 人需转移：已安置 {t['people_assigned']} 人，未安置 "
        f"{t['people_unassigned']} 人（其中至少 {t['people_unassignable']} 人无法安置）；另有 "
        f"{t['settlements_of_unknown_population']} 个居民点人口未知。",
    ))  # fmt: skip
    if t["houses_not_judged"] and not t["houses_judged"]:
        said.append(note(
            "warning",
            f"Nothing is known of the ground of any house: all {t['settlements_not_judged']} settlements with houses "
            f"that no zone calls ({t['houses_not_judged']} houses, {t['people_not_judged']} known people) are on the "
            "list as not judged, not as safe. Give a DEM and rain (inputs.dem, inputs.rainfall), or judge by hand.",
            f"全部房屋所在地面的危险性均未知：{t['settlements_not_judged']} 个居民点的 {t['houses_not_judged']} 处房屋"
            f"（已知 {t['people_not_judged']} 人）未经判定，已全部列入清单，不等于安全。"
            "请提供 inputs.dem 与 inputs.rainfall，或人工判定。",
        ))  # fmt: skip
    elif t["houses_not_judged"]:
        said.append(note(
            "warning",
            f"{t['houses_not_judged']} houses of {t['settlements_not_judged']} settlements, with "
            f"{t['people_not_judged']} known people, stand on ground whose slides or flood are unknown: their people "
            f"are in no total, not because they are safe. {t['settlements_listed_for_that']} settlements are on the "
            "list for that alone, their people unknown. Look at them by hand.",
            f"{t['settlements_not_judged']} 个居民点的 {t['houses_not_judged']} 处房屋"
            f"（已知 {t['people_not_judged']} 人）所在地面的滑坡预警或洪水等级未知："
            "未计入转移人数不等于安全，请人工核查；其中 "
            f"{t['settlements_listed_for_that']} 个居民点仅因此列入清单，人数未知。",
        ))  # fmt: skip
    if t["houses_without_settlement"]:
        said.append(note(
            "warning",
            f"{t['houses_without_settlement']} houses that must be left belong to no settlement: nobody is listed for "
            "them. Find out who lives there, or give `settlement_id` in inputs.buildings.",
            f"{t['houses_without_settlement']} 处需撤离的房屋不属于任何居民点：清单中没有对应人员。请核实居住情况，"
            "或在 inputs.buildings 中填写 settlement_id。",
        ))  # fmt: skip
    if t["houses_without_settlement_not_judged"]:
        said.append(note(
            "warning",
            f"{t['houses_without_settlement_not_judged']} houses of no settlement stand on ground whose slides or "
            "flood are unknown: no row of the list speaks of them, and they are not known to be safe.",
            f"{t['houses_without_settlement_not_judged']} 处不属于任何居民点的房屋所在地面的滑坡预警或洪水等级未知："
            "清单中没有对应行，不等于安全。",
        ))  # fmt: skip
    if t["zones_mended"]:
        said.append(note(
            "warning",
            f"{t['zones_mended']} risk zones cross themselves: made valid, all their lobes count.",
            f"{t['zones_mended']} 个风险区多边形自相交：已修复，各部分均计入。",
        ))  # fmt: skip
    if t["shelters_of_unknown_ground"]:
        said.append(note(
            "warning",
            f"The ground of {t['shelters_of_unknown_ground']} of {t['shelters_usable']} usable shelters is partly "
            "unknown: they are used, look at them before.",
            f"{t['shelters_usable']} 个可用安置点中有 {t['shelters_of_unknown_ground']} 个所在地面部分灾害等级未知："
            "已参与分配，启用前请核查。",
        ))  # fmt: skip
    said += _optimality(t)
    return said


def superseded_notes(superseded: Sequence[int]) -> Notes:
    """Return the note of stages [h] that are older issues of hours that newer ones cover; none where there is none."""
    if not superseded:
        return []
    hours = ", ".join(map(str, superseded))
    return [note(
        "info",
        f"The stages of {hours} h are older issues of hours that newer ones cover: where these know a slope, their "
        "level decides who must leave.",
        f"{hours} 小时阶段的预报已被覆盖同一时段的较新预报取代：凡较新预报已判定之处，以其等级确定转移对象。",
    )]  # fmt: skip


def unlooked_notes(layers: Collection[str]) -> Notes:
    """Return the notes of hazards that were not looked at; `layers` are the names of those that were."""
    said = []
    for is_there, english, chinese in (
        (any(n == "hazard_landslide" or "warning_" in n for n in layers), "Slides", "滑坡"),
        ("hazard_flood" in layers, "Floods", "洪水"),
    ):  # fmt: skip
        if not is_there:
            said.append(note(
                "warning",
                f"{english} were not looked at in this run: who is on no list is not known to be safe from them.",
                f"本次运行未评估{chinese}：未列入清单不等于不受{chinese}威胁。",
            ))  # fmt: skip
    return said


def _optimality(t: Mapping[str, int]) -> Notes:
    """Return how good the plan is: its price, what it is at least, and what keeping villages together costs."""
    if not t["people_assigned"]:
        return []
    gap = (t["person_minutes_optimum"] - t["person_minutes_bound"]) / max(1, t["person_minutes_bound"])
    price = t["person_minutes"] - t["person_minutes_optimum"]
    said = [note(
        "info",
        f"The cheapest assignment has {t['person_minutes_optimum']} person-minutes (avoided sections count several "
        f"times), no other can have fewer than {t['person_minutes_bound']} (gap {max(0.0, gap):.1e}). "
        f"It divides {t['settlements_divided_before']} settlements among shelters; keeping villages together "
        f"leaves {t['settlements_divided']} divided and costs "
        f"{price} person-minutes. On the road itself: {t['person_minutes_travelled']} person-minutes.",
        f"最优分配为 {t['person_minutes_optimum']} 人·分钟（避让路段加倍计），下界 {t['person_minutes_bound']}"
        f"（差距 {max(0.0, gap):.1e}）；其中 {t['settlements_divided_before']} 个居民点被分散安置，"
        f"尽量整村安置后余 {t['settlements_divided']} 个，增加 {price} 人·分钟。"
        f"实际行程共 {t['person_minutes_travelled']} 人·分钟。",
    )]  # fmt: skip
    if t["people_unassigned"]:
        left = t["vulnerable_unassigned"]
        said.append(note(
            "warning" if left else "info",
            "Places lack. The order is: as many people as can be, among them as many vulnerable people as can be, then "
            f"the shortest travel. {left} vulnerable people have no place.",
            "安置容量不足时的次序：先保证安置人数最多，其中重点人群最多，再使路程最短。"
            f"仍有 {left} 名重点人员无处安置。",
        ))  # fmt: skip
    return said


def network_notes(n: Mapping[str, Any]) -> Notes:
    """Return the notes of the road network, as `EvacuationPlan.network` has them; none where there is none."""
    if not n:
        return []
    said = [note(
        "info",
        f"Road network of {n['road_km']:.0f} km: lines meet at their ends; lines that cross without an end there pass "
        f"over each other. {n['ends_on_lines']} ends that lay on the middle of a line were joined to it, "
        f"{n['lines_without_length']} parts without a length left out, {n['one_way']} sections are one-way. Closed: "
        f"{n['closed_km']:.1f} km, avoided: {n['avoided_km']:.1f} km.",
        f"路网 {n['road_km']:.0f} 公里：道路仅在端点处相接，无端点的交叉视为立交。"
        f"已将落在他线中部的 {n['ends_on_lines']} 个端点接入，"
        f"略去无长度的 {n['lines_without_length']} 段，单行路段 {n['one_way']} 段。"
        f"封闭 {n['closed_km']:.1f} 公里，避让 {n['avoided_km']:.1f} 公里。",
    )]  # fmt: skip
    if n["unknown_depth_km"] >= 0.05:
        km = n["unknown_depth_km"]
        said.append(note(
            "warning",
            f"The depth of water on {km:.1f} km of road is unknown: not open, only more costly.",
            f"{km:.1f} 公里道路的积水深度未知：不视为畅通，按加倍时间计。",
        ))  # fmt: skip
    if n.get("lines_closed"):
        said.append(note(
            "info",
            f"{n['lines_closed']} roads are closed to all traffic by their direction: left out of the network.",
            f"{n['lines_closed']} 条道路按通行方向字段为双向禁行：未纳入路网。",
        ))  # fmt: skip
    if n.get("lines_without_geometry"):
        said.append(note(
            "warning",
            f"{n['lines_without_geometry']} roads have no geometry: left out of the network.",
            f"{n['lines_without_geometry']} 条道路无几何图形：未纳入路网。",
        ))  # fmt: skip
    if n.get("speeds_unread"):
        said.append(note(
            "warning",
            f"The speed of {n['speeds_unread']} roads is not a number above 0: the class decides.",
            f"{n['speeds_unread']} 条道路的车速不是正数：按道路等级取值。",
        ))  # fmt: skip
    if n["direction_unclear"]:
        said.append(note(
            "warning",
            f"The direction of {n['direction_unclear']} roads is not understood: taken as open both ways.",
            f"{n['direction_unclear']} 条道路的通行方向无法识别：按双向通行处理。",
        ))  # fmt: skip
    said += _pieces(n)
    for key, english, chinese in (
        ("settlements_off_road", "settlements stand farther from every road than `evacuation.access_distance_m`",
         "个居民点距道路过远，未接入路网"),
        ("shelters_off_road", "shelters stand farther from every road than `evacuation.access_distance_m`",
         "个安置点距道路过远，未接入路网"),
    ):  # fmt: skip
        if n[key]:
            said.append(note("warning", f"{len(n[key])} {english}: {_some(n[key])}.",
                             f"{len(n[key])} {chinese}：{_some(n[key], zh=True)}。"))  # fmt: skip
    return said


def _pieces(n: Mapping[str, Any]) -> Notes:
    if n["network_pieces"] <= 1:
        return []
    lone, other = n["settlements_on_pieces_without_shelter"], n["settlements_on_other_pieces"]
    return [note(
        "warning" if lone else "info",
        f"The road network is in {n['network_pieces']} pieces: {len(other)} settlements and "
        f"{len(n['shelters_on_other_pieces'])} shelters are not on the largest; {len(lone)} settlements are on a piece "
        "without a usable shelter" + (f" ({_some(lone)}): look for missing roads." if lone else "."),
        f"路网分为 {n['network_pieces']} 片：{len(other)} 个居民点、"
        f"{len(n['shelters_on_other_pieces'])} 个安置点不在最大片上；{len(lone)} 个居民点所在片无可用安置点"
        + (f"（{_some(lone, zh=True)}）：请核查缺失道路。" if lone else "。"),
    )]  # fmt: skip


def _some(ids: Sequence[str], *, zh: bool = False) -> str:
    """Return the first ids of a list; all of them stand in the facts."""
    sign = "、" if zh else ", "
    return sign.join(ids[:10]) + (" …" if len(ids) > 10 else "")
