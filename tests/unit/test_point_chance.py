"""People a year by the return period that a ledger gives of a hazard point."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.points import write_points
from geo_risk.products.params import RiskParams
from geo_risk.products.point_chance import with_expected
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.relocation_threats import threats_of
from geo_risk.publish.frames import write_json
from geo_risk.sources.layers import read_frame, read_json
from geo_risk.sources.options import NO_OPTIONS

GRID = Grid.from_bounds((500_000, 4_000_000, 500_900, 4_000_900), crs="EPSG:4546", resolution_m=30)


def points(people):
    n = len(people)
    return gpd.GeoDataFrame(
        {"point_id": [f"P{k}" for k in range(n)], "people": np.array(people, float), "reasons": "r",
         "reasons_zh": "甲", "reasons_en": "r"}, geometry=[Point(k, 0) for k in range(n)], crs="EPSG:4546",
    )  # fmt: skip


def test_people_a_year_by_hand_and_unknown_where_no_period_is_given():
    given_ = pd.DataFrame({"point_id": ["P0", "P1", "P2", "P3", "P9"], "return_period_yr": [50, np.nan, np.nan, 0.2, 9],
                           "annual_chance": [np.nan, 0.1, np.nan, np.nan, np.nan]})  # fmt: skip
    got, bad = with_expected(points([40, 30, 12, 5, np.nan]), given_, language="zh")
    assert got["expected_people_hit_yr"].tolist()[:2] == [0.8, 3.0]
    assert got["expected_people_hit_yr"].isna().tolist() == [False, False, True, True, True]
    assert bad == 1  # once in 0.2 years is no return period
    assert "once in 50 years" in got.loc[0, "reasons_en"]
    assert "0.8 people a year" in got.loc[0, "reasons_en"]
    assert "年均 3 人" in got.loc[1, "reasons"]
    assert "no return period" in got.loc[2, "reasons_en"]
    assert "无重现期" in got.loc[2, "reasons"]
    # people unknown: so is their mean, whatever the period
    full = given_.assign(point_id=["P0", "P1", "P2", "P3", "P4"])
    got, _ = with_expected(points([40, 30, 12, 5, np.nan]), full, language="en")
    assert np.isnan(got.loc[4, "expected_people_hit_yr"])
    assert "people threatened are unknown" in got.loc[4, "reasons"]


def test_without_a_ledger_nothing_is_known():
    got, bad = with_expected(points([3, 0]), None, language="en")
    assert bad == 0
    assert np.isnan(got.loc[0, "expected_people_hit_yr"])
    assert got.loc[1, "expected_people_hit_yr"] == 0  # known to threaten nobody


@given(st.integers(0, 10_000), st.floats(1, 1e4), st.floats(1, 10))
def test_a_rarer_event_hits_no_more_people_a_year(people, years, longer):
    two = pd.DataFrame({"point_id": ["P0", "P1"], "return_period_yr": [years, years * longer]})
    got, _ = with_expected(points([people, people]), two, language="en")
    often, rare = got["expected_people_hit_yr"]
    assert 0 <= rare <= often <= people


def test_a_chinese_ledger_tells_periods_that_reach_the_threats_of_villages(tmp_path: Path):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    text = "编号,类型,x,y,威胁人数,重现期(年)\nP1,泥石流,500300,4000300,40,20\nP2,滑坡,500600,4000600,9,\n"
    (tmp_path / "ledger.csv").write_text(text, encoding="utf-8")
    write_points(grid=tmp_path / "grid.json", hazard_points=tmp_path / "ledger.csv", active_deformation=None,
                 mining_clues=None, hazard=None, blind_map=None, houses=None, zones_drawn=None,
                 out=tmp_path / "p.gpkg", facts=tmp_path / "p.json", params=RiskParams(), language="zh",
                 options=NO_OPTIONS)  # fmt: skip
    made = read_frame(tmp_path / "p.gpkg").set_index("point_id")
    assert made.loc["P1", "expected_people_hit_yr"] == pytest.approx(2.0)
    assert np.isnan(made.loc["P2", "expected_people_hit_yr"])
    notes = [n["text_en"] for n in read_json(tmp_path / "p.json")["notes"]]
    assert any("1 of 2 hazard points have a return period" in n for n in notes)
    zones = gpd.GeoDataFrame({"zone_id": [], "kind": [], "hazard_level": []}, geometry=[], crs=GRID.crs)
    threats, _ = threats_of(zones, None, made.reset_index(), params=RelocationParams())
    assert threats.set_index("threat_id")["annual_chance"].to_dict() == pytest.approx({"P1": 0.05, "P2": np.nan},
                                                                                       nan_ok=True)  # fmt: skip
