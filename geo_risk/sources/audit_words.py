"""What the audit of an InSAR product says, in Chinese: the report shows its sentences in both languages."""

from __future__ import annotations

import re

_N = r"[^\s;,]+"
"""A number, a date, a code: anything without a space, a comma or a semicolon."""

_WORDS = {
    "west": "西", "east": "东", "up": "向上", "vertical": "垂直",
    "toward": "朝向卫星", "away": "远离卫星", "away from": "远离卫星", "corner": "角点", "centre": "中心",
    "config": "配置", "file name": "文件名", "config says": "配置", "files say": "文件", "down": "减小",
    "the config says": "按配置", "EGMS defines": "按 EGMS 定义", "bilinear": "双线性", "nearest": "最近邻",
    "height": "高程", "coherence": "相干性", "velocity std": "速率中误差",
    "commas": "逗号", "semicolons": "分号", "tabs": "制表符",
    "east and north": "东、北分量", "lv_theta and lv_phi": "lv_theta 与 lv_phi",
    "not stated": "未说明", "none": "无", "absent": "缺失",
    ", as the configuration says": "（按配置）", ", as the config says": "（按配置）",
    " and the configuration": "及配置",
    ", as a right-looking ascending pass must": "，与右视升轨相符",
    ", as a right-looking descending pass must": "，与右视降轨相符",
    ", corner as the configuration says": "，按配置为角点",
    ", centre as the configuration says": "，按配置为中心",
}  # fmt: skip

_TABLE: tuple[tuple[str, str], ...] = (
    # unit
    (rf"unit: ({_N})(, as the configuration says)?, 99 % of \|values\| are below ({_N})",
     "单位：{0}{1}，99% 的绝对值小于 {2}"),
    (rf"half of the values exceed ({_N}) and 1 % exceed ({_N}) ({_N})", "半数的值超过 {0}，1% 超过 {1} {2}"),
    (r"the ground does not move so", "地面运动不应如此之大"),
    (rf"99 % of the values are within ({_N}) ({_N})", "99% 的值在 {0} {1} 以内"),
    (r"radar is not so quiet", "雷达观测不应如此平静"),
    # sign
    (r"the convention of MintPy's (.+) \(reference cell row (\S+), column (\S+)\)",
     "MintPy {0} 的约定（参考像元：行 {1}，列 {2}）"),
    (r"the convention of LiCSBAS \(reference area (.+)\)", "LiCSBAS 的约定（参考区：{0}）"),
    (r"sign: turned, for the configuration says positive is away from the satellite, against (.+)",
     "符号：已反转，配置规定远离卫星为正，不同于 {0}"),
    (r"sign: turned, for the file says: (.+)", "符号：已反转，文件说明为：{0}"),
    (r"sign: positive toward the satellite, as the description of `displacement` says",
     "符号：朝向卫星为正，依据文件中 displacement 的说明"),
    (r"sign: positive toward the satellite, the convention of OPERA DISP-S1 \(this file does not describe it\)",
     "符号：朝向卫星为正，按 OPERA DISP-S1 的约定（文件本身未说明）"),
    (r"the convention of (LiCSBAS|HyP3)", "{0} 的约定"),
    (r"sign: positive toward the satellite, mm, by the definition of EGMS L2",
     "符号：朝向卫星为正，单位 mm，按 EGMS L2 的定义"),
    (r"sign: positive toward the satellite, by (.+?)( and the configuration)?", "符号：朝向卫星为正，依据 {0}{1}"),
    (r"sign: positive is (toward|away from) the satellite, as the config says, against the file: (.+)",
     "符号：{0}为正，依据配置，与文件说明不符：{1}"),
    (r"sign: positive is (toward|away from) the satellite, as the config says, against (the convention of HyP3)",
     "符号：{0}为正，依据配置，不同于 {1}"),
    (r"sign: positive is (toward|away from) the satellite, as the (config says|files say)",
     "符号：{0}为正，依据{1}"),
    (r"sign: EGMS L3, (\w+) motion by the (config|file name), mm, positive (\w+)",
     "符号：EGMS L3，{0}向运动（依据{1}），单位 mm，{2}为正"),
    (rf"sign: los_disp is ({_N}) mm per radian of unw_phase, the opposite sign, as HyP3 has it",
     "符号：los_disp 为 unw_phase 每弧度 {0} mm，符号相反，与 HyP3 一致"),
    (r"sign: los_disp, metres toward the satellite, the convention of HyP3",
     "符号：los_disp 以米计，朝向卫星为正，按 HyP3 的约定"),
    (rf"sign: ({_N}) mm toward the satellite per radian of unw_phase \(wavelength ({_N}) m\), the convention of HyP3",
     "符号：unw_phase 每弧度相当于朝向卫星 {0} mm（波长 {1} m），按 HyP3 的约定"),
    (r"sign: positive is (toward|away|up|east)(, as the config says)?", "符号：{0}为正{1}"),
    (r"unit (\S+) by the config", "单位 {0}（按配置）"),
    (r"unit and sign: (\d+) points move too little to check them against column (.+)",
     "单位与符号：{0} 个点位移太小，无法用列 {1} 核对"),
    (r"unit and sign: (\d+) of (\d+) points have a value on every date and in column (.+): no evidence",
     "单位与符号：{1} 个点中仅 {0} 个各期及列 {2} 均有值，不能作为依据"),
    (rf"unit and sign: the series do not follow column (.+) \(correlation ({_N})\): no evidence",
     "单位与符号：序列与列 {0} 不相符（相关系数 {1}），不能作为依据"),
    (rf"unit and sign: the series rise by ({_N}) times column (.+): that column is in (cm/yr|m/yr)",
     "单位与符号：序列的趋势为列 {1} 的 {0} 倍，该列单位为 {2}"),
    (rf"unit and sign: the trend of the series is ({_N}) times column (.+)",
     "单位与符号：序列的趋势为列 {1} 的 {0} 倍"),
    # registration
    (rf"registration: (.+), upper-left corner ({_N}), ({_N}) in GeoTransform, half a cell outside the first x, y"
     r"(?:, which the product calls '.*')?",
     "配准：{0}，左上角 {1}, {2}（GeoTransform），位于首个 x、y 之外半个像元"),
    (rf"registration: (.+), upper-left corner ({_N}), ({_N}): (.+)", "配准：{0}，左上角 {1}, {2}：{3}"),
    (rf"registration: the longitudes of the file, ({_N}) and on, were turned by ({_N}) degrees",
     "配准：文件经度自 {0} 起，已平移 {1} 度"),
    (rf"registration: (.+), GeoTIFF corner ({_N}), ({_N})", "配准：{0}，GeoTIFF 角点 {1}, {2}"),
    (rf"registration: means over cells, corner ({_N}), ({_N}), (\S+)", "配准：按格网单元取平均，角点 {0}, {1}，{2}"),
    (r"registration: geometry/longitude and latitude of the first cell are its centre, half a cell inside",
     "配准：geometry/longitude、latitude 给出首个像元的中心，位于角点内半个像元"),
    (r"registration: the files lie on one lattice and were cut to the (\d+) x (\d+) cells they share",
     "配准：各文件在同一格网上，已裁剪为共有的 {0} x {1} 个像元"),
    (r"series and geometry name the same first corner(, (?:corner|centre) as the configuration says)?",
     "时间序列与几何文件的首个角点一致{0}"),
    (r"the configuration says that the series names the (corner|centre) of its first cell",
     "配置说明序列坐标为首个像元的{0}"),
    (r"geometry fits", "几何文件与之相符"),
    (r"the reference cell's coordinates are its centre counted from that corner",
     "参考像元坐标即自该角点起算的像元中心"),
    (r"corner_lat, corner_lon name the (corner|centre) of the first cell, as the configuration says",
     "corner_lat、corner_lon 为首个像元的{0}（按配置）"),
    (r"corner_lat, corner_lon name the centre of the first cell in LiCSBAS",
     "LiCSBAS 的 corner_lat、corner_lon 为首个像元的中心"),
    (r"(\S+) has the same corner", "{0} 的角点与之一致"),
    (r"place: no row of the first batch has whole coordinates", "位置：首批数据没有一行坐标完整"),
    (r"place: easting, northing in (.+), as (the config says|EGMS defines)", "位置：easting、northing 采用 {0}（{1}）"),
    (r"nothing to check it by", "无其他坐标可供核对"),
    (rf"place: easting, northing in (.+) are ({_N}) m from latitude, longitude \(median of (\d+)\)",
     "位置：{0} 的 easting、northing 与经纬度相差 {1} m（{2} 点的中位数）"),
    # geometry
    (rf"geometry: unit vectors within ({_N}), satellite in the (west|east) \(east ({_N}), up ({_N})\)"
     r"(, as a right-looking (?:ascending|descending) pass must)?",
     "几何：视线为单位向量（误差不超过 {0}），卫星位于{1}侧（东分量 {2}，上分量 {3}）{4}"),
    (rf"geometry: made of (.+), incidence ({_N}) to ({_N}) degrees, satellite in the (west|east) \(east ({_N}), "
     rf"up ({_N})\)(, as a right-looking (?:ascending|descending) pass must)?",
     "几何：视线由 {0} 得出，入射角 {1} 至 {2} 度，卫星位于{3}侧（东分量 {4}，上分量 {5}）{6}"),
    (rf"bearing ({_N}), ({_N}) degrees from what the heading ({_N}) asks for",
     "卫星方位角 {0}°，与航向 {2}° 所要求的相差 {1}°"),
    (r"geometry: there is no azimuthAngle", "几何：没有 azimuthAngle"),
    (rf"one direction for the whole frame is made of HEADING ({_N})", "由 HEADING {0} 得出整幅统一的方向"),
    (r"geometry: vectors from ground to satellite, as the static layers are published",
     "几何：由地面指向卫星的向量，取自发布的静态图层"),
    (r"geometry: (\S+) has a grid of its own \((.+) cells of (.+)\)", "几何：{0} 的格网不同（{1} 个像元，像元 {2}）"),
    (rf"resampled \((\w+)\) to the cell centres of the track, of which it covers ({_N})",
     "已重采样（{0}）到本轨道像元中心，覆盖其 {1}"),
    (r"geometry: cells with 0 eastward or northward have no look vector", "几何：东或北分量为 0 的像元没有视线向量"),
    (r"up = sqrt\(1 - east2 - north2\)", "上分量 = sqrt(1 - east2 - north2)"),
    (r"geometry: the stored up component agrees with the other two", "几何：文件中的上分量与另两个分量相符"),
    (r"geometry: the east component of motion, look vector \(1, 0, 0\)", "几何：东向运动，视线向量 (1, 0, 0)"),
    (r"geometry: the vertical component of motion, look vector \(0, 0, 1\)", "几何：垂直向运动，视线向量 (0, 0, 1)"),
    (rf"look vector: from incidence ({_N}) and heading ({_N}) of the config, one for (?:the whole frame|all points)",
     "视线向量：由配置的入射角 {0} 与航向 {1} 得出，全部统一"),
    (r"shadow: cells of shadowMask other than 0 are in layover or shadow", "阴影：shadowMask 非 0 的像元为叠掩或阴影"),
    (r"shadow: 1 shadow, 2 layover, 3 both in (\S+)", "阴影：{0} 中 1 为阴影，2 为叠掩，3 为两者兼有"),
    # what is missing
    (r"missing: cells that are 0 on every date, outside the product's mask or the reference cell itself",
     "缺失：各期均为 0 的像元（掩膜之外或参考像元本身）按缺失处理"),
    (r"missing: cells that are 0 on every date", "缺失：各期均为 0 的像元按缺失处理"),
    (r"missing: declared nodata, and cells that are 0 on every date",
     "缺失：文件声明的无数据值，以及各期均为 0 的像元"),
    (r"missing: declared nodata, and velocities of exactly 0 \(the reference, or outside a mask\)",
     "缺失：文件声明的无数据值，以及恰为 0 的速率（参考点或掩膜之外）"),
    (r"missing: cells of (\S+) that hold (.+), as the file declares",
     "缺失：{0} 中值为 {1} 的像元（文件声明）按缺失处理"),
    (rf"stored: (\S+) is the stored number times ({_N}) plus ({_N})", "存储：{0} 为存储数值乘以 {1} 再加 {2}"),
    (rf"missing: cells with an incidence angle outside 2-90 degrees, ({_N}) of a sample of rows",
     "缺失：入射角不在 2-90 度内的像元按缺失处理，占抽样行的 {0}"),
    (r"missing: infinite values", "缺失：无穷大的值按缺失处理"),
    (r"missing: infinite values, and a series of one value on all of (\d+) dates or more",
     "缺失：无穷大的值，以及 {0} 期或以上全部为同一值的序列，按缺失处理"),
    (rf"height: (\d+) of (\d+) cells of a sample are outside ({_N}) to ({_N}) m",
     "高程：抽样的 {1} 个像元中 {0} 个不在 {2} 至 {3} 米之间"),
    (r"all such are missing", "此类高程均按缺失处理"),
    (rf"a value beyond ({_N}) (m|mm/yr) stops the run", "出现超过 {0} {1} 的值即停止运行"),
    (rf"water: cells where waterMask is 0 are missing, ({_N}) of a sample of rows",
     "水体：waterMask 为 0 的像元按缺失处理，占抽样行的 {0}"),
    (r"mask: quality/mask is 1 on good cells", "掩膜：quality/mask 为 1 的像元有效"),
    (r"(?:everything else|all else) is missing", "其余均按缺失处理"),
    (r"mask: 1 is good, everything else is missing", "掩膜：1 为有效，其余均按缺失处理"),
    (r"mask: (\S+) is masked by LiCSBAS", "掩膜：{0} 已由 LiCSBAS 掩膜"),
    (r"(\S+), which is not, is not used", "未掩膜的 {0} 不予采用"),
    (r"height: (\S+) is read", "高程：读取 {0}"),
    (r"(\S+), a height too, is not used", "同为高程的 {0} 不予采用"),
    (r"mask: there is none in the file, and nothing but its gaps is missing",
     "掩膜：文件中没有掩膜，仅其自身空缺按缺失处理"),
    (r"mask: recommended_mask is 1 on good cells, in (\d+) of (\d+) files",
     "掩膜：recommended_mask 为 1 的像元有效（{1} 个文件中 {0} 个带有掩膜）"),
    (r"column (.+): (\d+) values are no (height|coherence|velocity std)", "列 {0}：{1} 个值不是{2}"),
    (r"they are missing", "按缺失处理"),
    (r"column (.+): coherence in percent, divided by 100", "列 {0}：相干性以百分数给出，已除以 100"),
    (r"ids: column (.+) repeats on (\d+) of (\d+) rows for other places",
     "编号：列 {0} 在 {2} 行中有 {1} 行重复于不同位置"),
    (r"it names no points, and rows go by file and number", "不能标识各点，改用文件名与行号"),
    (r"rows: (\d+) of (\d+) set aside \((.+)\), the first are (.+)",
     "记录：{1} 行中 {0} 行被剔除（{2}），前几行为 {3}"),
    (r"table: fields are separated by (commas|semicolons|tabs)", "表格：字段以{0}分隔"),
    (r"(?:table: )?decimals have a comma", "小数点写作逗号"),
    (r"(?:table: )?the text is UTF-16", "文本编码为 UTF-16"),
    (r"(?:table: )?(\d+) lines before the header are passed over", "已跳过表头之前的 {0} 行"),
    (r"dates: columns such as (\S+) are read as yymmdd, the only order in which they rise",
     "日期：{0} 等列按 yymmdd 读取，仅按此顺序日期递增"),
    (r"dates: (.+) alone is no series", "日期：仅有 {0} 一期，不成序列"),
    (r"column (.+) is the motion", "以列 {0} 作为形变"),
    (r"dates: columns such as (.+) are read as displacements of that date", "日期：{0} 等列按该日期的位移读取"),
    (r"dates: (\d+) columns such as (.+) look like dates and are not read",
     "日期：{1} 等 {0} 列形似日期，未读取"),
    # series
    (r"chain: a cell missing on a date that later files refer to is missing after it",
     "链接：像元在作为后续参考的日期缺失，则其后各期均缺失"),
    (rf"in the middle of the frame this costs ({_N}) of the values", "在影像中部因此损失 {0} 的值"),
    (r"reference: the reference date moves (\d+) times", "参考：参考日期变动 {0} 次"),
    (r"reference: the reference date moves (\d+) times \(to (.+)\)", "参考：参考日期变动 {0} 次（变至 {1}）"),
    (rf"the pieces are summed from ({_N})", "各段自 {0} 起累加"),
    (rf"series: (\d+) pairs in a chain, ({_N}) to ({_N}), summed",
     "序列：{0} 个首尾相接的干涉对，{1} 至 {2}，逐对累加"),
    (r"series: least squares of a network of (\d+) pairs on (\d+) dates \(rank (\d+) of (\d+)\)",
     "序列：{0} 个干涉对、{1} 个日期的网络，最小二乘求解（秩 {2}/{3}）"),
    (r"reference: each pair relative to its median over the cells all pairs have \((\d+) sampled\)",
     "参考：每个干涉对减去各对共有像元的中位数（抽样 {0} 个）"),
    (r"reference: each pair as HyP3 has it", "参考：各干涉对保持 HyP3 原样"),
    (r"only (\d+) sampled cells are known in all pairs", "各对共有的抽样像元仅 {0} 个"),
    (rf"closure: the pairs differ from the series by ({_N}) mm \(rms\)", "闭合差：干涉对与序列相差 {0} mm（均方根）"),
    (rf"gridded: (\d+) points into (\d+) cells of ({_N}) m in (.+) \(of (\d+) in their rectangle\), ({_N}) a cell "
     r"\(median\)",
     "格网化：{0} 个点归入 {1} 个 {2} m 单元（{3}，外包矩形共 {4} 个），每单元 {5} 点（中位数）"),
    (r"gaps: in (\d+) cells points come and go", "缺失：{0} 个单元内的点时有时无"),
    (r"each is aligned with the others of its cell", "各点已与同单元的其他点对齐"),
    (r"(\d+) MB of series are held", "内存中保存 {0} MB 序列"),
    # corrections
    (r"corrections: (\S+) is subtracted on all (\d+) dates \(the files hold it, not applied\)",
     "改正：{0} 已从全部 {1} 期中扣除（文件带有该图层但未应用）"),
    (r"corrections: (\S+) is NOT applied: only (\d+) of (\d+) files hold it \(else (.+)\)",
     "改正：{0} 未应用：{2} 个文件中仅 {1} 个带有（其余：{3}）"),
    (r"with some dates corrected the series would jump", "仅改正部分日期会使序列跳变"),
    (r"corrections: none is applied, for the files hold none \(no tide, no ionosphere, no troposphere\)",
     "改正：均未应用，文件不含改正图层（无固体潮、电离层、对流层）"),
    (r"corrections: the troposphere is not corrected, for the files hold no layer of it",
     "改正：对流层未改正，文件不含该图层"),
    (r"corrections: (\S+) is NOT applied: (.+)", "改正：{0} 未应用：{1}"),
    (r"it lies on another grid than displacement", "其格网与 displacement 不同"),
    (r"the file says that displacement is corrected already", "文件称 displacement 已作该项改正"),
    (r"the file says both that displacement is corrected and that it is to be", "文件既称已改正，又称尚待改正"),
    (r"the file does not say whether displacement still contains it", "文件未说明 displacement 是否仍含该项"),
    (r"its unit (.+) is no length", "其单位 {0} 不是长度"),
    (r"zero everywhere: it was not computed", "全为 0：未计算"),
    (rf"GACOS: ztd / cos\(incidence\) of (\d+) dates against ({_N}) was added",
     "GACOS：已加上 {0} 期相对 {1} 的 ztd / cos(入射角)"),
    (rf"GACOS: the maps have no value on ({_N}) of the frame, which is missing now",
     "GACOS：延迟图在影像的 {0} 上无值，该部分现为缺失"),
    (rf"GACOS: the scatter of a date over the frame went from ({_N}) to ({_N}) mm \(median\), the variance (down|up) "
     rf"by ({_N})",
     "GACOS：单期全幅离散由 {0} 变为 {1} mm（中位数），方差变化（{2}）{3}"),
    (r"smaller on (\d+) of (\d+) dates", "{1} 期中 {0} 期减小"),
)  # fmt: skip

_REASONS = {
    "with a text among the coordinates": "坐标含文字",
    "without coordinates": "无坐标",
    "at coordinates 0, 0": "坐标为 0, 0",
    "outside the UTM zone of the others": "位于其余各点的 UTM 带之外",
    "with an id that came before": "编号重复",
    "with a text in a column of numbers": "数值列含文字",
    "without a value": "无数值",
    "0 on every date": "各期均为 0",
    "with one value on every date": "各期为同一数值",
    "with a velocity of exactly 0": "速率恰为 0",
    "with a mark of missing such as -9999 among the displacements": "位移含 -9999 等缺失标记",
    "with a mark of missing such as -9999 for its velocity": "速率为 -9999 等缺失标记",
    "with a step of more than 10 m between dates": "相邻日期间跳变超过 10 m",
    "with a line-of-sight vector that is not of unit length": "视线向量不是单位长度",
}

_PATTERNS = tuple((re.compile(pattern), template) for pattern, template in _TABLE)


def in_chinese(sentence: str) -> str:
    """Return a sentence of an audit in Chinese; what is not known stays as it is, so that nothing is lost.

    Names, numbers and codes are kept as they are.
    """
    parts = sentence.split("; ")
    known = [_matched(part) for part in parts]
    if None in known and (whole := _matched(sentence)):
        return whole
    return "；".join(zh or en for zh, en in zip(known, parts, strict=True))


def reason_in_chinese(reason: str) -> str:
    """Return in Chinese why a row of a table of points was set aside; what is not known stays as it is."""
    return _REASONS.get(reason, reason)


def _matched(text: str) -> str | None:
    for pattern, template in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            return template.format(*(_said(group or "") for group in match.groups())).strip()
    return None


def _said(text: str) -> str:
    """Return what a pattern caught: a word, a list of counted reasons or of states, or a name as it is."""
    whole = _WORDS.get(text) or _matched(text)
    if whole:
        return whole
    counted = [part.partition(" ") for part in text.split("; ")]
    if all(reason in _REASONS for _, _, reason in counted):
        return "；".join(f"{_REASONS[reason]} {n} 行" for n, _, reason in counted)
    parts = [_WORDS.get(part) or _matched(part) for part in text.split(", ")]
    return "，".join(part for part in parts if part) if all(parts) else text
