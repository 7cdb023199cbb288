"""What the columns and values of Chinese ledgers mean: tables that map them to the contract's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class LedgerTable:
    """How a kind of ledger is read.

    Attributes
    ----------
    id : column (contract's name) that holds the row's id.
    columns : headers that are accepted for each column of ours; our own name is always accepted.
    numbers : columns that hold numbers, with the factor that brings the header's unit to ours.
    values : words of the ledger and ours, by column; a word is found whole or as part of the cell.
    lengths : of the numbers, lengths in metres beside which a cell may write a unit of its own.
    is_numbered : where there is no column of ids, rows are named by their number in the sheet.
    """

    id: str
    columns: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lengths: frozenset[str] = frozenset()
    is_numbered: bool = False


_PLACE = {
    "lon": ("经度", "东经", "经度(度)", "longitude", "LON"),
    "lat": ("纬度", "北纬", "纬度(度)", "latitude", "LAT"),
    "x": ("X坐标", "东坐标", "横坐标", "easting"),
    "y": ("Y坐标", "北坐标", "纵坐标", "northing"),
}

HAZARD_POINTS = LedgerTable(
    id="point_id",
    columns={
        **_PLACE,
        "point_id": ("编号", "统一编号", "隐患点编号", "灾害点编号", "野外编号"),
        "name": ("名称", "隐患点名称", "灾害点名称"),
        "kind": ("类型", "灾害类型", "隐患类型", "灾种"),
        "scale": ("规模", "规模等级"),
        "area_m2": ("面积(平方米)", "面积(m2)", "面积"),
        "volume_m3": ("体积(立方米)", "体积(m3)", "体积"),
        "households": ("威胁户数", "威胁户数(户)", "户数"),
        "people": ("威胁人数", "威胁人数(人)", "威胁人口", "人数"),
        "assets_cny": ("威胁财产(万元)", "威胁资产(万元)"),
        "return_period_yr": ("重现期(年)", "重现期", "复发周期(年)"),
        "annual_chance": ("年发生概率", "年概率"),
        "signs": ("变形迹象", "变形特征"),
        "responsible": ("责任人", "防灾责任人"),
        "monitor": ("监测人", "监测责任人", "群测群防员"),
        "first_seen": ("发现日期", "发现时间"),
        "status": ("状态", "核销状态"),
        "settlement": ("所在村", "村", "行政村", "地点", "地理位置"),
    },
    numbers={"area_m2": 1.0, "volume_m3": 1.0, "households": 1.0, "people": 1.0, "assets_cny": 1e4,
             "return_period_yr": 1.0, "annual_chance": 1.0},
    values={
        "kind": {
            "不稳定斜坡": "unstable_slope", "滑坡": "landslide", "崩塌": "rockfall", "泥石流": "debris_flow",
            "尾矿库": "tailings_pond", "采空": "mining_subsidence", "采煤沉陷": "mining_subsidence",
            "地裂缝": "ground_fissure", "地面沉降": "ground_subsidence", "地面塌陷": "ground_collapse",
            "塌陷": "ground_collapse", "landslide": "landslide", "rockfall": "rockfall",
            "debris_flow": "debris_flow", "unstable_slope": "unstable_slope", "ground_collapse": "ground_collapse",
            "ground_fissure": "ground_fissure", "ground_subsidence": "ground_subsidence",
            "mining_subsidence": "mining_subsidence", "tailings_pond": "tailings_pond",
        },
        "scale": {"特大": "giant", "巨": "giant", "大": "large", "中": "medium", "小": "small",
                  "giant": "giant", "large": "large", "medium": "medium", "small": "small"},
        "status": {"核销": "cancelled", "销号": "cancelled", "已治理": "cancelled", "cancelled": "cancelled",
                   "在册": "existing", "existing": "existing", "dormant": "dormant", "休眠": "dormant"},
    },
)  # fmt: skip
"""Ledger of geological hazard points (地质灾害隐患点台账)."""

WATERLOGGING_SITES = LedgerTable(
    id="site_id",
    is_numbered=True,
    columns={
        **_PLACE,
        "site_id": ("编号", "积水点编号", "内涝点编号", "易涝点编号", "序号", "id", "ID"),
        "name": ("名称", "积水点名称", "内涝点名称", "易涝点名称", "积水点", "内涝点", "易涝点", "积水路段", "积水点位",
                 "点位名称", "地点", "位置", "地址", "具体位置"),
        "kind": ("类型", "积水点类型", "易涝点类型"),
        "road": ("所在道路", "道路名称"),
        "traffic_class": ("道路等级", "道路类别"),
        "people": ("影响人数", "影响人口"),
        "unit": ("责任单位", "管理单位", "管养单位", "权属单位"),
        "responsible": ("责任人", "防汛责任人", "主要责任人", "A岗责任人"),
        "deputy": ("备岗责任人", "副责任人", "替补责任人", "B岗责任人"),
        "valid_until": ("责任期限", "有效期至", "有效期", "到期日期"),
        "capacity_m3_s": ("排水能力(立方米/秒)", "排水能力(m3/s)", "排水能力"),
        "sill_height_m": ("挡水高度(米)", "门槛高度(米)", "挡水高度(m)"),
        "past_depth_m": ("历史积水深度(米)", "历史最大积水深度(米)", "历史水深(米)", "最大积水深度(米)",
                         "历史积水深度", "历史最大积水深度"),
    },
    numbers={"people": 1.0, "capacity_m3_s": 1.0, "sill_height_m": 1.0, "past_depth_m": 1.0},
    lengths=frozenset({"sill_height_m", "past_depth_m"}),
    values={
        "kind": {
            "下穿": "underpass", "立交": "underpass", "隧道": "underpass", "地下": "underground_space",
            "低洼": "low_lying", "小区": "low_lying", "院": "low_lying", "凹": "road_dip", "路段": "road_dip",
            "道路": "road_dip", "涵": "culvert", "其他": "other", "underpass": "underpass", "low_lying": "low_lying",
            "underground_space": "underground_space", "road_dip": "road_dip", "culvert": "culvert", "other": "other",
        },
        "traffic_class": {
            "快速": "trunk", "国道": "trunk", "主干": "primary", "省道": "primary", "次干": "secondary",
            "县道": "secondary", "支路": "local", "乡道": "local", "村道": "local", "无": "none", "trunk": "trunk",
            "primary": "primary", "secondary": "secondary", "local": "local", "none": "none",
        },
    },
)  # fmt: skip
"""Ledger of waterlogging sites (积水点, 易涝点台账)."""


RISK_ZONES = LedgerTable(
    id="zone_id",
    columns={
        **_PLACE,
        "zone_id": ("编号", "统一编号", "风险区编号", "风险防范区编号"),
        "name": ("名称", "风险区名称", "风险防范区名称"),
        "kind": ("类型", "灾害类型", "风险区类型", "灾种"),
        "risk_level": ("风险等级", "风险区等级"),
        "hazard_level": ("危险性等级", "危险等级"),
        "vulnerability_level": ("易损性等级",),
        "households": ("威胁户数", "威胁户数(户)", "户数"),
        "people": ("威胁人数", "威胁人数(人)", "威胁人口", "人数"),
        "buildings": ("房屋", "房屋数", "房屋(栋)", "建筑物数"),
        "assets_cny": ("威胁财产(万元)", "威胁资产(万元)"),
        "responsible": ("责任人", "防灾责任人"),
        "status": ("状态", "核销状态"),
    },
    numbers={"households": 1.0, "people": 1.0, "buildings": 1.0, "assets_cny": 1e4},
    values={
        "kind": {**HAZARD_POINTS.values["kind"], "洪": "flood", "内涝": "waterlogging", "积水": "waterlogging",
                 "flood": "flood", "waterlogging": "waterlogging",
                 "groundwater_subsidence": "groundwater_subsidence", "structure_settlement": "structure_settlement"},
        **{column: {"极高": "4", "高": "3", "中": "2", "低": "1", "红": "4", "橙": "3", "黄": "2", "蓝": "1",
                    "4": "4", "3": "3", "2": "2", "1": "1", "0": "0", "-1": "-1"}
           for column in ("risk_level", "hazard_level", "vulnerability_level")},
        "status": HAZARD_POINTS.values["status"],
    },
)  # fmt: skip
"""Ledger of geological risk zones (地质灾害风险区, 风险防范区台账)."""


def kinds_by_name(names: pd.Series[str]) -> pd.Series[str]:
    """Return the kind of waterlogging site that a name tells, such as an underpass by its word; missing where none."""
    words = [(word, kind) for word, kind in WATERLOGGING_SITES.values["kind"].items() if kind != "other"]

    def kind_of(name: object) -> object:
        return next((kind for word, kind in words if word in str(name)), pd.NA)

    return names.map(kind_of).astype("string")


TABLES: Mapping[str, LedgerTable] = {
    "hazard_points": HAZARD_POINTS,
    "waterlogging_sites": WATERLOGGING_SITES,
    "risk_zones": RISK_ZONES,
}
"""The ledgers that are known, by config key."""
