"""Lines, structures and subsidence as people get them: zones crossed, houses counted, reasons in both languages."""

from __future__ import annotations

import dask.array as da
import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import CrsError, SchemaError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.lines.axes import Axis, Piece, merge_axes
from geo_risk.hazards.deformation.lines.params import LineParams, WatchParams
from geo_risk.hazards.deformation.lines.sections import line_sections
from geo_risk.hazards.deformation.lines.townships import township_table
from geo_risk.hazards.deformation.lines.trend import recent_trend
from geo_risk.hazards.deformation.lines.vertical import DECOMPOSED, FROM_LOS, UNKNOWN, MapNoise, VerticalMap
from geo_risk.hazards.deformation.lines.watch import find_subsidence
from geo_risk.hazards.deformation.lines.watch import subsidence_zones as measured_zones
from geo_risk.products.linear import linear_risk, unknown_ground, worst_sections
from geo_risk.products.structures import structures
from geo_risk.products.subsidence import TREND_COLUMNS, subsidence_townships, subsidence_zones, watch_facts
from geo_risk.publish.i18n import column_label, labels
from geo_risk.publish.lists import write_csv, write_xlsx

X0, Y0, CELL = 510_000.0, 4_050_000.0, 30.0
GRID = Grid.from_bounds((X0, Y0, X0 + 3000, Y0 + 600), crs="EPSG:4546", resolution_m=CELL)


def vertical(up: np.ndarray, off: np.ndarray | None = None) -> VerticalMap:
    still = np.ones(GRID.shape, bool)
    source = np.where(np.isfinite(up), DECOMPOSED, UNKNOWN).astype(np.int8)
    made = MapNoise(CELL, np.full(GRID.shape, 0.2, np.float32), np.zeros(1), True, still)
    return VerticalMap(up.astype(np.float32), source, made, GRID, off)


def sections() -> gpd.GeoDataFrame:
    """Make six sections of 500 m: still, still, bending, sinking, not seen, still."""
    up = np.zeros(GRID.shape)
    up[:, 42:44] = -12.0
    up[:, 50:67] = np.linspace(0, -15, 17)
    up[:, 66:84] = np.nan
    line = LineString([(X0, Y0 + 300), (X0 + 3000, Y0 + 300)])
    axis = Axis("国道1", "trunk", 1, line, (Piece("R1", 0, 3000),))
    return line_sections([axis], vertical(up), LineParams(), span_yr=2.0)


def zones(*rows: tuple[str, int, float, float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"zone_id": [r[0] for r in rows], "risk_level": [r[1] for r in rows]},
        geometry=[box(X0 + r[2], Y0, X0 + r[3], Y0 + 600) for r in rows], crs="EPSG:4546",
    )  # fmt: skip


def test_level_is_the_higher_of_settlement_and_zone_and_unknown_is_not_none():
    measured = sections()
    assert measured["level"].tolist() == [0, 0, 4, 2, -1, 0]
    got = linear_risk(measured, zones(("Z1", 3, 100, 400), ("Z2", -1, 600, 700), ("Z3", 1, 610, 650),
                                      ("Z4", 4, 2100, 2400)), LineParams())  # fmt: skip
    assert got["risk_level"].tolist() == [3, -1, 4, 2, 4, 0]
    assert got["exposed_zone_ids"].tolist() == ["Z1", "Z2,Z3", "", "", "Z4", ""]
    assert got["needs_monitoring"].tolist() == ["yes", "unknown", "yes", "yes", "yes", "no"]
    assert "risk 3: Z1" in got["reasons_en"].iloc[0]
    assert "Radar sees nothing" in got["reasons_en"].iloc[4]


def ground(*unknown: tuple[float, float], grid: Grid = GRID) -> xr.DataArray:
    """Return risk_level 0, -1 between the given eastings, in blocks of 20 columns."""
    x = grid.coords()["x"] - X0
    level = np.zeros(grid.shape, np.int8)
    for a, b in unknown:
        level[:, (x > a) & (x < b)] = -1
    return grid.layer(da.from_array(level, chunks=(5, 20)), units="level", long_name="risk", name="risk_level")


def test_ground_of_unknown_risk_is_unknown_though_no_zone_is_crossed():
    measured = sections()
    share = unknown_ground(measured, ground((0, 420), (600, 660), (1000, 1500), (2520, 3000)))
    # 420 and 60 m of 500; a section is looked up 34 times, so a share is good to one of them
    assert share == pytest.approx([0.84, 0.12, 1, 0, 0, 0.96], abs=1 / 34)
    got = linear_risk(measured, zones(("Z1", 3, 2600, 2700)), LineParams(), unknown=share)
    # the second keeps 0 with 12 % unknown ground, the third settles and the last crosses a zone of risk 3
    assert got["risk_level"].tolist() == [-1, 0, 4, 2, -1, 3]
    assert got["needs_monitoring"].tolist() == ["unknown", "no", "yes", "yes", "unknown", "yes"]
    assert f"unknown, not low, under {share[0]:.0%} of it" in got["reasons_en"].iloc[0]
    assert f"{share[0]:.0%} 所在地面风险未知，不等于低风险" in got["reasons_zh"].iloc[0]
    assert "risk of the ground" in got["reasons_en"].iloc[1]
    assert not got["reasons_en"].iloc[3].count("risk of the ground")


def test_a_missing_share_and_ground_off_the_map_are_unknown():
    measured = sections()
    got = linear_risk(measured, None, LineParams(), unknown=np.full(len(measured), np.nan))
    assert got["risk_level"].tolist() == [-1, -1, 4, 2, -1, -1]
    half = Grid.from_bounds((X0, Y0, X0 + 1000, Y0 + 600), crs="EPSG:4546", resolution_m=CELL)
    share = unknown_ground(measured, ground(grid=half))
    assert share[[0, 1, 3, 4, 5]].tolist() == pytest.approx([0, 0, 1, 1, 1], abs=0.05)
    with pytest.raises(CrsError):
        unknown_ground(measured, ground().drop_vars("spatial_ref"))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.floats(0, 3000), st.floats(0, 3000))
def test_share_of_unknown_ground_is_its_length_whatever_the_sections(a, b):
    low, high = sorted((a, b))
    measured = sections()
    share = unknown_ground(measured, ground((low, high)))
    x = GRID.coords()["x"] - X0
    assert ((share >= 0) & (share <= 1)).all()
    # a point every 15 m counts for 15 m
    assert share @ measured.length.to_numpy() == pytest.approx(((x > low) & (x < high)).sum() * CELL, abs=40)


def test_without_zones_the_reasons_say_so_in_both_languages():
    got = linear_risk(sections(), None, LineParams(), language="zh")
    assert (got["exposed_zone_ids"] == "").all()
    assert got["reasons"].tolist() == got["reasons_zh"].tolist()
    assert got["reasons_en"].str.contains("Risk zones were not made").all()
    assert got["reasons_zh"].str.contains("未划分风险区").all()
    assert got["risk_level"].tolist() == [0, 0, 4, 2, -1, 0]
    assert not got["reasons_en"].str.contains("nan|None|{").any()
    bend = got["reasons_en"].iloc[2]
    assert "1/500 would be reached in" in bend
    assert "Differential settlement of 0.4" in bend  # 12 mm/yr over a cell of 30 m


def test_worst_sections_are_those_that_bend_most_and_no_still_one():
    got = worst_sections(linear_risk(sections(), None, LineParams()), 10)
    assert got["from_km"].tolist() == [1.0, 1.5]
    assert len(worst_sections(linear_risk(sections(), None, LineParams()), 1)) == 1


def test_no_section_is_no_error_and_a_broken_level_is():
    empty = sections().iloc[:0]
    assert len(linear_risk(empty, None, LineParams())) == 0
    with pytest.raises(SchemaError, match="segment_id repeats"):
        linear_risk(pd.concat([sections()] * 2), None, LineParams())


def cone() -> np.ndarray:
    x, y = np.meshgrid(GRID.coords()["x"] - X0, GRID.coords()["y"] - Y0)
    return -25 * np.maximum(0.0, 1 - np.hypot(x - 1500, y - 300) / 500)


def houses(*rows: tuple[float, float, float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"people": [r[2] for r in rows], "is_building": True}, crs="EPSG:4546",
        geometry=[Point(X0 + r[0], Y0 + r[1]).buffer(5) for r in rows],
    )  # fmt: skip


NO_TREND = pd.DataFrame({"body": pd.Series(dtype="int64"), **{c: [] for c in TREND_COLUMNS}})
PLACES = gpd.GeoDataFrame(
    {"code": ["1", "2"], "name": ["西乡", "东乡"]}, crs="EPSG:4546",
    geometry=[box(X0, Y0, X0 + 1500, Y0 + 600), box(X0 + 1500, Y0, X0 + 3000, Y0 + 600)],
)  # fmt: skip


def test_people_and_buildings_are_counted_once_and_add_up_over_townships():
    found = find_subsidence(vertical(cone()), WatchParams())
    lived = houses((1400, 300, 4.0), (1600, 300, 6.0), (1490, 310, 1.5), (50, 50, 99.0))
    trends = pd.DataFrame([(1, "accelerating", 8.0, 12.0, 4.0, 1.0)], columns=["body", *TREND_COLUMNS])
    got = subsidence_zones(measured_zones(found, WatchParams()), trends, lived)
    assert got["people"].sum() == pytest.approx(12, abs=1)  # zones round to whole people
    assert got["buildings"].sum() == 3
    assert set(got["trend"]) == {"accelerating"}
    assert (
        got["reasons_en"]
        .str.contains(r"As a whole it sinks faster of late: 12.0 against 8.0 mm/yr before \(\+4.0")
        .all()
    )
    table = subsidence_townships(township_table(found, PLACES), NO_TREND.rename(columns={"body": "part"}), got,
                                 houses=lived, townships=PLACES)  # fmt: skip
    assert table["buildings"].sum() == 3
    assert dict(zip(table["name"], table["people"], strict=True)) == {"西乡": 6, "东乡": 6}
    assert table["rank"].tolist() == [1, 2]
    assert set(table["trend"]) == {"unknown"}
    notes, counts = watch_facts(got, table)
    assert counts["volume_loss_m3_yr"] == pytest.approx(table["volume_loss_m3_yr"].sum())
    assert len(notes) == 3


def test_people_are_unknown_where_they_were_not_given_or_one_house_is_unknown():
    found = find_subsidence(vertical(cone()), WatchParams())
    measured = measured_zones(found, WatchParams())
    none = subsidence_zones(measured, NO_TREND, None)
    assert none["people"].isna().all()
    assert none["reasons_zh"].str.contains("人口未知").all()
    one = subsidence_zones(measured, NO_TREND, houses((1500, 300, np.nan), (1510, 300, 3.0)))
    top = one[one["subsidence_level"] == one["subsidence_level"].max()]
    assert top["people"].isna().all()
    assert top["buildings"].tolist() == [2]
    mixed = houses((1505, 300, 7.0), (1515, 300, 3.0)).assign(is_building=[False, True])  # the first is but a disc
    disc = subsidence_zones(measured, NO_TREND, mixed)
    top = disc[disc["subsidence_level"] == disc["subsidence_level"].max()]
    assert top["people"].tolist() == [10]
    assert top["buildings"].isna().all()
    assert "how many buildings stand there is unknown" in top["reasons_en"].iloc[0]
    table = subsidence_townships(township_table(found, PLACES), NO_TREND.rename(columns={"body": "part"}), disc,
                                 houses=mixed, townships=PLACES).set_index("name")  # fmt: skip
    assert table["buildings"].isna().tolist() == (table["people"] > 0).tolist()


def test_ground_without_subsidence_gives_empty_zones_and_townships_that_say_what_is_not_seen():
    up = np.zeros(GRID.shape)
    up[:, :50] = np.nan
    found = find_subsidence(vertical(up), WatchParams())
    got = subsidence_zones(measured_zones(found, WatchParams()), NO_TREND, houses((100, 100, 1.0)))
    assert len(got) == 0
    table = subsidence_townships(township_table(found, PLACES), NO_TREND.rename(columns={"body": "part"}), got,
                                 houses=None, townships=PLACES)  # fmt: skip
    west = table.set_index("name").loc["西乡"]
    assert west["known_share"] == 0
    assert "unknown, not safe" in west["reasons_en"]
    assert "Nothing that is seen sinks" not in west["reasons_en"]
    assert west["reasons_zh"] == "本次运行中雷达观测不到：未知，不等于安全。"
    away = PLACES.assign(geometry=PLACES.geometry.translate(50_000))
    table = subsidence_townships(township_table(found, away), NO_TREND.rename(columns={"body": "part"}), got,
                                 houses=None, townships=away)  # fmt: skip
    gone = table[table["name"] == "东乡"].iloc[0]
    assert gone["area_m2"] == 0
    assert gone["reasons_en"] == "Radar sees nothing of it in this run: unknown, not safe."


def test_ground_that_left_its_course_is_unknown_in_every_list_and_the_reasons_say_so():
    off = np.zeros(GRID.shape, bool)
    off[:, 4:12] = True
    line = LineString([(X0, Y0 + 300), (X0 + 3000, Y0 + 300)])
    axis = Axis("国道1", "trunk", 1, line, (Piece("R1", 0, 3000),))
    measured = line_sections([axis], vertical(np.zeros(GRID.shape), off), LineParams(), span_yr=2.0)
    got = linear_risk(measured, zones(("Z1", 0, 0, 3000)), LineParams())
    assert got["risk_level"].tolist() == [-1, 0, 0, 0, 0, 0]
    assert got["needs_monitoring"].tolist() == ["yes", *["no"] * 5]
    assert "47% of it left the course" in got["reasons_en"].iloc[0]
    assert "不作稳定判定" in got["reasons_zh"].iloc[0]
    assert "left the course" not in got["reasons_en"].iloc[1]
    found = find_subsidence(vertical(np.zeros(GRID.shape), off), WatchParams())
    empty = subsidence_zones(measured_zones(found, WatchParams()), NO_TREND, None)
    table = subsidence_townships(township_table(found, PLACES), NO_TREND.rename(columns={"body": "part"}), empty,
                                 houses=None, townships=PLACES).set_index("name")  # fmt: skip
    assert table.loc["西乡", "unknown_m2"] == table.loc["西乡", "off_course_m2"] == off.sum() * CELL**2
    assert "left the course" in table.loc["西乡", "reasons_en"]
    assert "left the course" not in table.loc["东乡", "reasons_en"]
    still = structures(
        bodies(is_moving=[False], level=[-1], off_course_share=[0.25]),
        pd.DataFrame([(1, "stable", 0.0, "", "", "stable", "稳定")], columns=VERDICT),
    ).iloc[0]
    assert (still["hazard_level"], still["activity"]) == (-1, "unknown")
    assert "25% of it left the course" in still["reasons_en"]


def test_township_table_is_a_list_people_can_print(tmp_path):
    found = find_subsidence(vertical(cone()), WatchParams())
    zones_ = subsidence_zones(measured_zones(found, WatchParams()), NO_TREND, None)
    table = subsidence_townships(township_table(found, PLACES), NO_TREND.rename(columns={"body": "part"}), zones_,
                                 houses=None, townships=PLACES)  # fmt: skip
    write_xlsx(table, tmp_path / "t.xlsx", name="subsidence_townships", run="x", language="zh")
    write_csv(table, tmp_path / "t.csv", name="subsidence_townships")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    assert [sheet.cell(4, 1).value, sheet.cell(5, 1).value] == [1, 2]
    assert "未知" in [str(c.value) for c in sheet[4]]  # people
    rows = pd.read_csv(tmp_path / "t.csv", encoding="utf-8-sig")
    assert rows["volume_loss_m3_yr"].sum() == pytest.approx(found.totals()[0][0], abs=1)


def bodies(**changes) -> gpd.GeoDataFrame:
    base = {
        "structure_id": ["T1-dam"], "name": ["一号"], "kind": ["tailings_dam"], "n_cells": [12], "known_share": [0.9],
        "velocity_up_mm_yr": [-6.0], "velocity_up_std_mm_yr": [0.4], "velocity_across_mm_yr": [4.0],
        "velocity_across_std_mm_yr": [0.8], "speed_mm_yr": [7.2], "speed_std_mm_yr": [0.5], "model": ["across_up"],
        "is_moving": [True], "level": [2], "body": [1], "has_ring": [True], "off_course_share": [0.0],
    }  # fmt: skip
    return gpd.GeoDataFrame(base | changes, geometry=[box(0, 0, 100, 100)], crs="EPSG:4546")


VERDICT = [
    "body",
    "activity",
    "acceleration_mm_yr2",
    "failure_window_start",
    "failure_window_end",
    "said_en",
    "said_zh",
]


@pytest.mark.parametrize(
    ("changes", "told", "activity"),
    [
        ({}, "accelerating", "accelerating"),
        ({}, None, "unknown"),
        ({"is_moving": [False], "level": [0]}, "steady", "steady"),
        ({"is_moving": [False], "level": [0]}, "stable", "stable"),
        ({"is_moving": [False], "level": [0]}, "unknown", "unknown"),
        ({"is_moving": [False], "level": [0]}, "seasonal", "seasonal"),
        ({"is_moving": [False], "level": [-1], "known_share": [0.1]}, "steady", "unknown"),
        ({"is_moving": [False], "level": [-1], "known_share": [0.0], "model": ["none"]}, "unknown", "unknown"),
    ],
)
def test_activity_of_a_body_follows_its_series_and_what_is_seen(changes, told, activity):
    start = "2024-09-01" if told == "accelerating" else ""
    rows = [] if told is None else [(1, told, -3.0, start, "", f"{told} it is", "如此")]
    verdicts = pd.DataFrame(rows, columns=VERDICT).astype({"body": "int64"})
    got = structures(bodies(**changes), verdicts)
    assert got["activity"].tolist() == [activity]
    assert not got["reasons"].str.contains("nan|{").any()
    assert got["failure_window_end"].isna().all()
    if told == "accelerating":
        assert got["reasons"].iloc[0].endswith("Accelerating it is.") or "Accelerating it is." in got["reasons"].iloc[0]
    if changes.get("level") == [-1]:
        assert "not safe" in got["reasons_en"].iloc[0]
        assert got["hazard_level"].tolist() == [-1]


@pytest.mark.parametrize(
    ("changes", "window"),
    [
        ({"is_moving": [True], "level": [1], "speed_mm_yr": [5.0]}, ("2025-03-02", "2025-05-01")),
        ({"is_moving": [True], "level": [1], "speed_mm_yr": [5.0]}, ("", "")),
        ({"is_moving": [False], "level": [-1], "known_share": [0.3]}, ("2025-03-02", "2025-05-01")),
        ({"is_moving": [False], "level": [-1], "known_share": [0.0], "model": ["none"]}, ("", "")),
    ],
)
def test_a_dam_that_speeds_up_is_very_high_however_slow_or_badly_seen_it_is(changes, window):
    verdicts = pd.DataFrame([(1, "accelerating", 4.0, *window, "accelerating: so", "加速：如此")], columns=VERDICT)
    row = structures(bodies(**changes), verdicts).iloc[0]
    assert (row["hazard_level"], row["activity"]) == (4, "accelerating")
    said = f"window {window[0]} - {window[1]}." if window[0] else "speeds up, whatever its speed."
    assert said in row["reasons_en"]
    assert "等级为极高" in row["reasons_zh"]
    assert "Accelerating: so." in row["reasons_en"]
    if changes.get("known_share"):
        assert "not safe" in row["reasons_en"]


def test_a_window_alone_raises_a_body_too():
    rows = [(1, "seasonal", 4.0, "2025-03-02", "2025-05-01", "seasonal: so", "季节性：如此")]
    row = structures(bodies(level=[0], is_moving=[False]), pd.DataFrame(rows, columns=VERDICT)).iloc[0]
    assert row["hazard_level"] == 4


def test_a_body_too_noisy_to_call_still_says_how_fast_it_may_move():
    verdicts = pd.DataFrame([(1, "steady", 0.0, "", "", "Steady", "匀速")], columns=VERDICT)
    noisy = bodies(is_moving=[False], level=[-1], speed_mm_yr=[4.0], speed_std_mm_yr=[5.0])
    row = structures(noisy, verdicts).iloc[0]
    assert row["activity"] == "unknown"
    assert row["hazard_level"] == -1
    assert "up to 13.8 mm/yr cannot be ruled out" in row["reasons_en"]
    assert "13.8 毫米/年" in row["reasons_zh"]


def test_a_body_without_still_ground_around_says_what_it_is_held_against():
    verdicts = pd.DataFrame([], columns=VERDICT).astype({"body": "int64"})
    ring, zero = (structures(bodies(has_ring=[r]), verdicts).iloc[0] for r in (True, False))
    assert ring["reasons_en"].startswith("Against still ground around it, it moves -6.0")
    assert ring["reasons_zh"].startswith("相对周边稳定地面：垂向 -6.0")
    assert zero["reasons_en"].startswith("Against the zero of the map (no still ground was found around it), it moves")
    assert "周边未找到稳定地面" in zero["reasons_zh"]


def test_a_low_level_of_a_part_is_unknown_for_the_whole_and_still_asks_for_monitoring():
    up = np.zeros(GRID.shape)
    up[:, :4] = -7.0
    up[:, 4:17] = np.nan
    line = LineString([(X0, Y0 + 300), (X0 + 3000, Y0 + 300)])
    axis = Axis("国道1", "trunk", 1, line, (Piece("R1", 0, 3000),))
    first = line_sections([axis], vertical(up), LineParams(), span_yr=2.0)
    assert bool(first["is_sinking"].iloc[0])
    assert first["level"].tolist() == [-1, 0, 0, 0, 0, 0]
    got = linear_risk(first, None, LineParams()).iloc[0]
    assert got["risk_level"] == -1
    assert got["needs_monitoring"] == "yes"
    assert "Sinks 7.0" in got["reasons_en"]
    assert "More than that may be hidden" in got["reasons_en"]
    assert "可能存在更严重的沉降" in got["reasons_zh"]
    up[:] = -3.0
    slow = linear_risk(line_sections([axis], vertical(up), LineParams(), span_yr=2.0), None, LineParams()).iloc[0]
    assert bool(slow["is_sinking"])
    assert (slow["risk_level"], slow["needs_monitoring"]) == (0, "no")  # below the first bound of sinking


def test_a_trend_too_noisy_to_tell_says_what_it_may_hide():
    found = measured_zones(find_subsidence(vertical(cone()), WatchParams()), WatchParams())
    noisy = [(b, "unknown", 10.0, 9.0, -1.0, 8.0) for b in sorted(set(found["body"]))]
    trends = pd.DataFrame(noisy, columns=["body", *TREND_COLUMNS])
    got = subsidence_zones(found, trends, None)
    assert set(got["trend"]) == {"unknown"}
    # 1 + 1.96 x 8
    assert got["reasons_en"].str.contains("may have changed by up to 17 mm/yr").all()
    assert got["reasons_zh"].str.contains("不能排除速率变化达 17 毫米/年").all()
    assert not got["reasons_en"].str.contains("too short").any()


def test_zones_from_one_line_of_sight_say_what_is_assumed():
    one = vertical(cone())
    one.source[:] = FROM_LOS
    found = find_subsidence(one, WatchParams())
    got = subsidence_zones(measured_zones(found, WatchParams()), NO_TREND, None)
    assert got["reasons_en"].str.contains("One line of sight only: motion is assumed to be vertical").all()
    assert got["reasons_zh"].str.contains("假定形变为垂直方向").all()
    both = subsidence_zones(
        measured_zones(find_subsidence(vertical(cone()), WatchParams()), WatchParams()), NO_TREND, None
    )
    assert not both["reasons_en"].str.contains("line of sight").any()


def test_every_new_column_and_choice_has_a_label_in_both_languages():
    from geo_risk.core.schemas import SCHEMAS

    for name in ("linear_risk", "structures", "subsidence_zones", "subsidence_townships"):
        for language in ("zh", "en"):
            for column in SCHEMAS[name].columns:
                assert column_label(column, language) != column, (name, column)
            for choices in SCHEMAS[name].choices.values():
                assert all(f"value.{c}" in labels(language) for c in choices)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(5, 400), min_size=1, max_size=8), st.randoms(use_true_random=False),
    st.lists(st.booleans(), min_size=8, max_size=8),
)  # fmt: skip
def test_any_cutting_order_and_turning_of_a_line_merges_to_that_line(lengths, random, turned):
    at = np.concatenate([[0], np.cumsum(lengths)]).astype(float)
    line = [(float(x), 20 * float(np.sin(x / 300))) for x in at]
    pieces = [[line[k], line[k + 1]][:: -1 if turned[k] else 1] for k in range(len(lengths))]
    order = random.sample(range(len(pieces)), len(pieces))
    frame = gpd.GeoDataFrame({"road_id": [str(k) for k in order], "name": "S", "class": "local"},
                             geometry=[LineString(pieces[k]) for k in order], crs="EPSG:4546")  # fmt: skip
    got = merge_axes(frame, LineParams(), id_column="road_id")
    assert len(got) == 1
    assert got[0].line.length == pytest.approx(LineString(line).length)
    ids = [p.id for p in got[0].pieces]
    assert ids in ([str(k) for k in range(len(pieces))], [str(k) for k in range(len(pieces))][::-1])


@settings(max_examples=30, deadline=None)
@given(st.floats(-500, 500), st.floats(-100, 100), st.integers(0, 1000))
def test_change_of_rate_does_not_depend_on_offset_or_common_rate(offset, rate, seed):
    t = np.arange(60) * 12 / 365.25
    d = np.random.default_rng(seed).normal(0, 2, 60)
    base = recent_trend(t, d, np.ones(60), WatchParams())
    moved = recent_trend(t, d + offset + rate * t, np.ones(60), WatchParams())
    assert moved.change_mm_yr == pytest.approx(base.change_mm_yr, abs=1e-6)
    assert moved.change_std_mm_yr == pytest.approx(base.change_std_mm_yr, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.6))
def test_townships_always_add_up(seed, lost):
    rng = np.random.default_rng(seed)
    up = cone() + rng.normal(0, 0.2, GRID.shape)
    up[rng.random(GRID.shape) < lost] = np.nan
    found = find_subsidence(vertical(up), WatchParams())
    table = township_table(found, PLACES)
    (volume, _), (mined, _) = found.totals()
    assert table["volume_loss_m3_yr"].sum() == pytest.approx(volume)
    assert table["mining_loss_m3_yr"].sum() == pytest.approx(mined)
    assert table["unknown_m2"].sum() == np.isnan(up).sum() * CELL**2
    assert np.isfinite(found.vertical.up[found.bodies > 0]).all()
