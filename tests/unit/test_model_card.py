"""The card of a susceptibility model: in words, in both languages, and honest about what is weak."""

from __future__ import annotations

import json

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.landslide_susceptibility import model_facts
from geo_risk.hazards.landslide.cards import method_card
from geo_risk.hazards.landslide.compute import fit_later, predict, used_factors
from geo_risk.hazards.landslide.information_value import probability
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.registry import FACTORS
from geo_risk.hazards.landslide.susceptibility.names import METHODS
from geo_risk.publish import report
from geo_risk.publish.i18n import labels
from geo_risk.publish.model_card import left_out_reason, model_card, model_name

GRID = Grid(GeoBox((80, 80), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
PARAMS = LandslideParams(
    factors=("slope_deg", "lithology", "relief_m", "landcover"), model="information_value", compared=("logistic",),
    background_cells=2000, block_m=300.0, folds=4,
)  # fmt: skip


def layer(values, units, name):
    return GRID.layer(np.asarray(values, dtype="float32"), units=units, long_name=name, name=name)


def county():
    """Return layers of slides that are steep, on rock 2, and reported near a road only; relief is constant."""
    rng = np.random.default_rng(3)
    slope, rock = rng.uniform(0, 45, GRID.shape), rng.integers(1, 4, GRID.shape)
    road = np.minimum(np.abs(np.arange(80) - 40) * 30.0, 300)[None, :] * np.ones((80, 1))
    slid = (rng.random(GRID.shape) < probability(0.12 * slope + (rock == 2) - 5)) & (road < 300)
    return {
        "slope_deg": layer(slope, "degree", "slope_deg"), "lithology": layer(rock, "1", "lithology"),
        "relief_m": layer(np.full(GRID.shape, 7.0), "m", "relief_m"),
        "distance_roads_m": layer(road, "m", "distance_roads_m"),
        "landslide_events": layer(slid, "1", "landslide_events"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def facts():
    layers = county()
    fitted = fit_later(layers, PARAMS).compute()
    assert predict(layers, PARAMS, fitted).card == method_card("information_value")
    found = model_facts(fitted, used_factors(layers, PARAMS), PARAMS)
    counts = {"duplicates": 5, "quarantined": 7, "misplaced": 3}
    # as the report gets it: through JSON
    return json.loads(json.dumps({
        "landslide": found, "landslide_inventory": {"counts": counts},
        "lithology": {"legend": {"1": "泥岩", "2": "黄土", "3": "灰岩"}},
    }))  # fmt: skip


def test_the_card_says_what_the_model_is_how_good_and_what_it_is_not_for(facts):
    card, found = dict(model_card(facts, "zh")), facts["landslide"]
    assert card["模型"].startswith("信息量。")
    assert f"{found['auc_spatial']:.3f}" in card["检验结果"]
    assert "300" not in card["检验结果"]  # blocks of 300 m are given in km
    assert "不等于安全" in card["不可用于"]
    assert "搁置 7 行（其中定位误差过大 3 行）" in card["学习数据"]
    assert "坡度（°）" in card["因子（按重要性）"]
    assert "越大越易发" in card["因子（按重要性）"]
    assert "黄土处最易发" in card["因子（按重要性）"]
    assert card["未采用的因子"] == "土地覆盖 (无输入数据)；起伏度（米） (全区为常数或全部未知)"
    assert "低及以上：概率" in card["分级"]
    assert "97%" in card["分级"]
    assert "极高：概率" in card["分级"]
    bare = dict(model_card(facts | {"lithology": {}}, "zh"))
    assert "代码 2 处最易发" in bare["因子（按重要性）"]
    assert card["其他模型（同样分块）"].startswith("逻辑回归 0.")


def test_roads_are_looked_at_for_bias_though_they_are_no_factor(facts):
    assert "distance_roads_m" not in [f["name"] for f in facts["landslide"]["factors"]]
    assert facts["landslide"]["road_bias"]["level"] == "warning"
    assert "可能漏报" in dict(model_card(facts, "zh"))["编录偏差检查"]
    without = facts | {"landslide": facts["landslide"] | {"road_bias": None}}
    assert "Not checked" in dict(model_card(without, "en"))["Check of the inventory for bias"]


def test_both_languages_have_every_row_and_no_chinese_is_left_in_english(facts):
    zh, en = model_card(facts, "zh"), model_card(facts, "en")
    assert len(zh) == len(en) == 12 + 1
    bare = facts | {"lithology": {}}
    assert all(ord(c) < 0x2E80 for _, text in model_card(bare, "en") for c in text)
    assert not any("{" in text for _, text in (*zh, *en))


@given(st.floats(0.05, 3))
def test_the_advice_follows_the_slope_of_the_calibration(slope):
    model = {"model": "joint", "auc_spatial": 0.7, "auc_low": 0.6, "auc_high": 0.8, "auc_random": 0.8, "brier": 0.2,
             "calibration_slope": slope, "calibration_intercept": 0.0}  # fmt: skip
    found = {
        "model": "joint", "models": [model], "factors": [], "left_out": {}, "chosen": [], "auc_folds": [0.6, None, 0.8],
        "auc_fit": 0.8, "level_bounds": [0.1], "counts": {"event_cells": 40, "background_cells": 1000,
                                                          "applicable_share": 1.0},
        "evaluation": {"block_m": 2000, "buffer_m": 500, "folds": 3, "seed": 1, "level_event_shares": [0.97]},
    }  # fmt: skip
    said = dict(model_card({"landslide": found}, "en"))
    assert ("order, not the size" in said["Whether its probabilities hold"]) == (not 0.7 <= slope <= 1.4)
    assert "folds 0.600-0.800" in said["How well it ranks"]


def test_every_model_and_factor_has_its_words():
    for language in ("zh", "en"):
        known = labels(language)
        assert all(f"model.{m}" in known and f"model_text.{m}" in known for m in METHODS)
        assert all(f"factor.{f}" in known for f in FACTORS)
    assert all(method_card(m).citation for m in (*METHODS, "best"))
    assert model_name("random_forest (min_leaf 3)", "zh") == "随机森林 (min_leaf 3)"
    assert left_out_reason("is known on 12% of the area only", "zh") == "仅 12% 的区域有值"


def test_without_a_model_there_is_no_card(tmp_path):
    assert model_card({}, "zh") == []
    assert model_card({"landslide": {"notes": [], "counts": {"events": 3}}}, "zh") == []
    report.write_report(tmp_path / "r.html", content=report.ReportContent("x", "en"), frames={}, layers={})
    assert "Model card" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_report_shows_the_card_and_puts_figures_under_the_heading_of_their_step(facts, tmp_path):
    drawn = {"figures": [{"svg": "<svg/>", "caption_zh": "响应曲线", "caption_en": "responses"}]}
    content = report.ReportContent(
        "x", "zh", facts=facts | {"figures_susceptibility": drawn, "figures_deformation": drawn}
    )
    report.write_report(tmp_path / "r.html", content=content, frames={}, layers={})
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h2>易发性模型说明卡</h2>" in text
    assert text.index("<h2>易发性</h2>") < text.index("响应曲线") < text.index("<h2>形变监测</h2>")


@pytest.mark.slow
def test_ground_without_a_slope_is_unknown_though_its_rock_is_known():
    layers = county()
    hole = np.zeros(GRID.shape, bool)
    hole[:30] = True  # 38 % of the map: the slope is left out, the rock is known everywhere
    layers["slope_deg"] = layers["slope_deg"].where(~hole)
    fitted = fit_later(layers, PARAMS).compute()
    assert fitted.left_out["slope_deg"].startswith("is known on 6")
    assert not (GRID.coords()["y"][:30].min() <= fitted.held_out.y).any()
    made = predict(layers, PARAMS, fitted)
    assert np.isnan(made.intensity.to_numpy()[hole]).all()
    assert (made.level.to_numpy()[hole] == -1).all()
    assert (made.confidence.to_numpy()[hole] == 0).all()
    assert (made.level.to_numpy()[~hole] >= 0).all()
    said = [n for n in model_facts(fitted, used_factors(layers, PARAMS), PARAMS)["notes"] if "left out" in n["text_en"]]
    assert [n["level"] for n in said] == ["warning"]


def test_the_certainty_factor_takes_the_share_of_cells_with_events_from_the_map():
    layers = county()
    made = {m: fit_later(layers, PARAMS.model_copy(update={"model": m, "compared": ()})).compute()
            for m in ("certainty_factor", "information_value")}  # fmt: skip
    estimator = made["certainty_factor"].model.estimator
    assert estimator.event_rate == pytest.approx(float(layers["landslide_events"].mean()), rel=0.01)
    # -ln(1 - CF) = ln FR + ln((1 - pps) / (1 - FR pps)) in the steepest class
    certainty, value = (made[m].model.estimator.model_.tables[0][-1] for m in ("certainty_factor", "information_value"))
    pps = estimator.event_rate
    assert certainty == pytest.approx(value + np.log((1 - pps) / (1 - np.exp(value) * pps)))
    assert certainty > value + 0.05


def test_a_model_that_may_rank_no_better_than_chance_is_warned_of(facts):
    layers = county()
    chance = np.random.default_rng(8).random(GRID.shape) < 0.01
    layers["landslide_events"] = layer(chance, "1", "landslide_events")
    fitted = fit_later(layers, PARAMS).compute()
    assert 0 <= fitted.spatial.low <= 0.5 <= fitted.spatial.high <= 1
    notes = model_facts(fitted, used_factors(layers, PARAMS), PARAMS)["notes"]
    assert [n["level"] for n in notes if "no better than chance" in n["text_en"]] == ["warning"]
    assert not any("no better than chance" in n["text_en"] for n in facts["landslide"]["notes"])
