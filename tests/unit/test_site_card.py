"""The tables of a waterlogging site's card: what is unknown, and what is more than was tested, is told as such."""

from __future__ import annotations

import re

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.publish.card_values import card_values
from geo_risk.publish.i18n import column_label
from geo_risk.publish.lists import shown
from geo_risk.publish.map_layers import SPECS, feature_layer
from geo_risk.publish.site_card import site_tables

NAN = float("nan")


def row(**changes: object) -> dict[str, object]:
    given_ = {
        **{f"trigger_{m}min_class{k}_mm": 10.0 * k + m / 10 for m in (10, 30, 60) for k in (1, 2)},
        "trigger_tested_mm": 120.0, "depth_2yr_m": 0.3, "depth_50yr_m": 0.9, "return_period_yr": 2.0,
        "return_period_bound": "at_most", "depth_72h_m": NAN, "depth_1h_m": 0.4, "ponded_m3": 500.0,
        **{f"{n}_{u}": v for n in ("drain_saves", "blockage_adds", "upstream_adds", "pump_would_save")
           for u, v in (("m3", 100.0), ("share", 0.2))},
        "drain_needed_m3_s": NAN, "pump_m3_s_needed": NAN, "hold_back_m3": 1234.0,
    }  # fmt: skip
    return {**given_, **changes}


def texts(table: dict[str, object]) -> list[list[str]]:
    return [[cell["text"] for cell in r] for r in table["grid"]["rows"]]  # type: ignore[index]


def test_a_card_tells_all_three_tables_in_order() -> None:
    trigger, depths, volumes = site_tables(row(trigger_60min_class2_mm=NAN), "en")
    assert texts(trigger) == [["1", "11", "13", "16"], ["2", "21", "23", "> 120"]]
    assert [r[0] for r in texts(depths)] == ["once in 2 years", "once in 50 years", "72 h", "1 h", "Return period (yr)"]
    assert texts(depths)[2][1] == "unknown"  # no forecast is not 0 m
    assert texts(depths)[-1][1] == "at most 2"
    assert texts(volumes)[0][1] == "500"
    assert texts(volumes)[1][1:] == ["100", "20%"]
    assert texts(volumes)[5][1] == "unknown"
    assert texts(volumes)[-1][1] == "1,234"


def test_what_was_not_made_is_left_out() -> None:
    assert site_tables({"site_id": "A"}, "zh") == []
    assert site_tables(row(trigger_tested_mm=NAN, ponded_m3=pd.NA), "zh")[0]["title"] == "不同降雨下的积水深度（米）"


@pytest.mark.parametrize(
    ("column", "zh", "en"),
    [("trigger_30min_class2_mm", "30 分钟降雨达 2 级水深（毫米）", "Rain in 30 min for class 2 (mm)"),
     ("depth_2.5yr_m", "2.5 年一遇水深（米）", "Depth once in 2.5 years (m)"),
     ("depth_6h_m", "6 小时阶段水深（米）", "Depth in the 6 h stage (m)"),
     ("water_50yr_m", "50 年一遇入口水深（米）", "Water at it once in 50 years (m)"),
     ("depth_m", "积水深度（米）", "Depth (m)"), ("no_such", "no_such", "no_such")],
)  # fmt: skip
def test_columns_that_hold_a_number_have_labels(column: str, zh: str, en: str) -> None:
    assert (column_label(column, "zh"), column_label(column, "en")) == (zh, en)


@given(st.dictionaries(st.sampled_from(sorted(row())), st.just(NAN) | st.none() | st.floats(0, 1e6), max_size=12))
def test_any_gaps_make_a_card(changes: dict[str, object]) -> None:
    changes.pop("return_period_bound", None)
    for name in list(changes):
        if re.search("share$|adds_m3|saves_m3|save_m3", name):  # they are there wherever the volume is
            changes.pop(name)
    for language in ("zh", "en"):
        for table in site_tables(row(**changes), language):
            assert all("nan" not in text.lower() for r in texts(table) for text in r)


def three_sites() -> gpd.GeoDataFrame:
    """A deep site that was rising, a dry and an unknown one."""
    table = pd.DataFrame({
        "rank": [1, 2, 3], "site_id": ["A", "B", "C"], "name": ["一", "二", "三"], "kind": "other",
        "source": "inventory", "depth_m": [0.9, 0.02, NAN], "depth_class": [4, 0, -1], "cause": "unknown",
        "depth_bound": ["rising", "exact", "unknown"], "duration_bound": ["at_least", "exact", "unknown"],
        "reasons": "x",
    })  # fmt: skip
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy([5e5] * 3, [4e6] * 3), crs="EPSG:4546")


def test_what_is_unknown_or_a_bound_is_told_on_the_card_the_sheet_and_the_map() -> None:
    sites = three_sites()
    facts = {}
    for site in sites.to_dict("records"):
        made = card_values("waterlogging", site, {"waterlogging": sites}, "en")
        facts[site["site_id"]] = {name: cell["text"] for name, cell in made["facts"]}
    assert facts["C"]["Depth (m)"] == "unknown"
    assert facts["C"]["Depth class"] == "unknown"
    assert facts["A"]["Meaning of the depth"] == "still rising when the run ended"
    assert facts["A"]["Meaning of the duration"] == "at least"
    assert "Meaning of the depth" not in facts["B"]
    assert shown("depth_class", -1, "zh") == "未知"
    assert shown("depth_class", 0, "zh") == 0
    spec = next(s for s in SPECS if s.name == "waterlogging")
    data = feature_layer(sites, spec)
    classes = [data["classes"][f["c"]]["label"] for f in data["features"]]
    assert classes == ["layer.waterlogging", "value.site_dry", "value.unknown"]
