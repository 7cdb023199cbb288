"""Sentences of what a DEM does not show and of dam breaks: (English, Chinese), as `products.wording` says them."""

from __future__ import annotations

from collections.abc import Mapping

WATER: Mapping[str, tuple[str, str]] = {
    "lie_void": (
        "{cells} cells without a height: water leaves the map there; depths and levels there are unknown.",
        "{cells} 个格网无高程：水流在此流出，该处水深和等级未知。",
    ),
    "lie_seam": (
        "The ground steps by {value:.1f} m along a straight line of {length:.0f} m: a seam of tiles or a bank. "
        "Left as it is.",
        "沿 {length:.0f} 米直线高程突变 {value:.1f} 米：疑为图幅接边错误或堤坎，未改动。",
    ),
    "lie_spike": (
        "One cell stands {value:.0f} m above all around it: not ground. Left as it is.",
        "单个格网高出周围 {value:.0f} 米：疑非地面，未改动，水流绕行。",
    ),
    "lie_pit": (
        "One cell lies {value:.0f} m below all around it: not ground. It was filled for routing, but holds water "
        "in ponds: depths there and volumes below it are too small or too large.",
        "单个格网低于周围 {value:.0f} 米：疑非地面。汇流时已填平，但积水计算中会蓄水，该处及下游水量不可信。",
    ),
    "lie_deep_hole": (
        "A hollow of {cells} cells, {value:.0f} m below its rim at its first cell: a hole of the DEM, a mine "
        "or a dammed valley. It was filled for routing and holds water in ponds.",
        "{cells} 个格网的洼地，首格低于溢流口 {value:.0f} 米：DEM 空洞、采坑或壅堵沟谷；汇流时填平，积水中蓄水。",
    ),
    "lie_building_pit": (
        "{cells} cells under buildings lie in a pit, {value:.1f} m deep at the first: buildings cut out of the DEM. It "
        "holds water in the county's ponds; the town's sites leave such pits out.",
        "房屋下 {cells} 格为洼坑，首格深 {value:.1f} 米：疑为 DEM 扣除房屋所致；县域积水中蓄水，城区积水点已剔除。",
    ),
    "lie_sea_level": (
        "{cells} cells of exactly 0 m: sea, or missing ground written as 0. Left as it is: not known to be dry.",
        "{cells} 个格网高程恰为 0 米：海面或以 0 代替的缺测，未改动，不能认定无水。",
    ),
    "lies_void": (
        "The DEM has {n} gaps ({cells} cells): water leaves the area there.",
        "DEM 有 {n} 处空洞（{cells} 个格网），水流在该处流出。",
    ),
    "lies_seam": (
        "The DEM steps along {n} straight lines, by up to {worst:.1f} m: seams of tiles or banks; they dam or "
        "speed water. Nothing was changed.",
        "DEM 有 {n} 处直线状高程突变，最大 {worst:.1f} 米：疑为接边错误或堤坎，会影响汇流，未改动。",
    ),
    "lies_spike": (
        "The DEM has {n} single cells that stand up to {worst:.0f} m out of the ground.",
        "DEM 有 {n} 个孤立尖峰格网，最大高出 {worst:.0f} 米。",
    ),
    "lies_pit": (
        "The DEM has {n} single cells up to {worst:.0f} m below the ground: they swallow water in ponds.",
        "DEM 有 {n} 个孤立深坑格网，最深 {worst:.0f} 米，会在积水计算中截留水量。",
    ),
    "lies_deep_hole": (
        "The DEM has {n} holes ({cells} cells), the deepest at least {worst:.0f} m: mines, dammed valleys or "
        "errors; they swallow water in ponds, so that less comes down below them than may.",
        "DEM 有 {n} 处深洼（{cells} 格），深至少 {worst:.0f} 米：采坑、壅堵沟谷或错误，会截留水量，下游洪水可能偏小。",
    ),
    "lies_building_pit": (
        "{n} pits of the DEM ({cells} cells) lie under buildings: these are houses, not hollows.",
        "DEM 有 {n} 处洼坑（{cells} 个格网）位于房屋之下：是房屋而非洼地。",
    ),
    "lies_sea_level": (
        "{n} areas of the DEM ({cells} cells) are exactly 0 m: sea, or missing ground written as 0.",
        "DEM 有 {n} 片（{cells} 个格网）高程恰为 0 米：海面或以 0 代替的缺测。",
    ),
    "lies_below_sea": (
        "{n} cells lie below 0 m, down to {low:.1f} m: tides and dikes are not known here.",
        "{n} 个格网低于 0 米，最低 {low:.1f} 米：未考虑潮位和海堤。",
    ),
    "lies_feet": (
        "Nearly all heights are whole feet (multiples of 0.3048 m): check that they were converted from feet.",
        "几乎所有高程均为英尺整数倍（0.3048 米）：请核查是否由英尺换算。",
    ),
    "lies_rounded": (
        "Heights are rounded to {step:.1f} m: slopes are terraces, ponds and ways over flat ground unsure.",
        "高程取整到 {step:.1f} 米：坡面呈台阶状，平地上的积水和流路不确定。",
    ),
    "lies_stepped": (
        "{share:.0%} of neighbouring cells have exactly one height: the DEM was enlarged without interpolation, "
        "or is terraced.",
        "{share:.0%} 的相邻格网高程完全相同：DEM 可能由粗格网直接放大，或呈台阶状。",
    ),
    "lies_steep": (
        "{share:.0%} of the ground is steeper than {slope:.0f} degrees: heights may be in feet, or too large.",
        "{share:.0%} 的地面坡度大于 {slope:.0f} 度：高程单位可能为英尺，或高程偏大。",
    ),
    "lies_feet_town": (
        "The town's heights are {ratio:.2f} times those of the DEM: one of them is in feet. Give its units.",
        "城区 DEM 高程为全域 DEM 的 {ratio:.2f} 倍：其中之一单位为英尺，请注明单位。",
    ),
    "pond_holds": (
        "Not full in this storm: {share:.0%} of {volume:.0f} m3.",
        "本次降雨未蓄满：占容积 {volume:.0f} 立方米的 {share:.0%}。",
    ),
    "pond_unknown": (
        "Rain is missing in its catchment: not known to hold ({volume:.0f} m3).",
        "汇水区降雨缺测：是否蓄满未知（容积 {volume:.0f} 立方米）。",
    ),
    "pond_spills": (
        "Full after {hours:.1f} h; then it spills {spilled:.0f} m3 into {into}.",
        "约 {hours:.1f} 小时后蓄满，外溢 {spilled:.0f} 立方米至 {into}。",
    ),
    "pond_spills_out": (
        "Full after {hours:.1f} h; then {spilled:.0f} m3 leave the town.",
        "约 {hours:.1f} 小时后蓄满，{spilled:.0f} 立方米流出城区。",
    ),
    "pond_storage": (
        " Storage of {added:.0f} m3 here would keep {saved:.0f} m3 from the sites below ({share:.0%} of it).",
        "此处滞蓄 {added:.0f} 立方米可使下游点位少积水 {saved:.0f} 立方米（效率 {share:.0%}）。",
    ),
    "hollow_grows": (
        "Ground sinks here by up to {rate:.0f} mm/yr: in {years:g} years this hollow holds {then:.0f} "
        "instead of {now:.0f} m3 and is up to {depth:.2f} instead of {before:.2f} m deep.",
        "此处沉降最大 {rate:.0f} 毫米/年：{years:g} 年后洼地容积由 {now:.0f} 增至 {then:.0f} 立方米，"
        "最大水深由 {before:.2f} 增至 {depth:.2f} 米。",
    ),
    "hollow_new": (
        "Ground sinks here by up to {rate:.0f} mm/yr: in {years:g} years a hollow of {then:.0f} m3 is here, "
        "up to {depth:.2f} m deep, where hardly any is today.",
        "此处沉降最大 {rate:.0f} 毫米/年：{years:g} 年后将形成容积 {then:.0f} 立方米、"
        "最大深 {depth:.2f} 米的洼地，目前基本无洼地。",
    ),
    "hollow_partly": (
        " The rate is not known on {share:.0%} of it, which counts as still: it may grow more.",
        "其中 {share:.0%} 沉降速率未知，按不沉降计，实际可能更大。",
    ),
    "dam_peak": (
        "If the dam broke: peak {peak:.0f} m3/s (a factor of 2 to 3 either way), followed over {km:.1f} km.",
        "若溃坝：洪峰流量约 {peak:.0f} 立方米/秒（误差可达 2–3 倍），向下游推算 {km:.1f} 公里。",
    ),
    "dam_hits": (
        "It would reach {n} settlements, {first} first after about {hours:.1f} h, up to {depth:.1f} m deep.",
        "将波及 {n} 个居民点，最先到达 {first}，约 {hours:.1f} 小时，最大水深 {depth:.1f} 米。",
    ),
    "dam_hits_none": ("No known settlement would be reached there.", "推算范围内未见受波及的居民点。"),
    "dam_above_curve": (
        "At {n} settlements the stage is above what the curves know, or their height above the river is not known: "
        "unknown, not dry.",
        "{n} 个居民点处水位超出推算范围，或其高出河道的高差未知：未知，不等于无水。",
    ),
    "dam_leaves_map": ("The water leaves the map; what lies beyond is unknown.", "洪水流出图幅，图外影响未知。"),
    "dam_unknown": (
        "Volume or dam height is not known: what a break would do is unknown, not nothing.",
        "库容或坝高未知：溃坝影响未知，不等于无影响。",
    ),
    "dam_unknown_below": ("{n} settlements lie low along the river below it.", "其下游沿河低处有 {n} 个居民点。"),
    "dam_no_settlements": ("Settlements are not given: who it would reach is unknown.", "未提供居民点，影响对象未知。"),
    "dam_off_stream": ("No stream of the DEM is near: not screened, unknown.", "附近无河道：未筛查，影响未知。"),
}
