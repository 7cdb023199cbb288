"""The waterlogging list: ranks, causes, words, and what is unknown."""

from __future__ import annotations

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import SCHEMAS
from geo_risk.products.ponding import ponding, surroundings_share
from geo_risk.products.waterlogging import MEASURES, Told, causes, depth_classes, rank_sites
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.waterlogging_score import score_parts
from geo_risk.publish.i18n import measure_label
from geo_risk.publish.lists import EXTRAS

GRID = Grid.from_bounds((500_000, 4_000_000, 500_100, 4_000_100), crs="EPSG:4546", resolution_m=5)
PARAMS = WaterloggingParams()
DEVICES = pd.DataFrame({"device_id": ["P1", "D1"], "kind": ["pump", "drain"], "site_id": ["A", "B"]})


def table(**columns: list[object]) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Sites A..F: deep with a dead pump, silted, small drain, sag, dry detected, beyond the DEM."""
    ids = ["A", "B", "C", "D", "E", "F"]
    nan = float("nan")
    sites = gpd.GeoDataFrame(
        {
            "site_id": ids, "source": ["both", "both", "both", "detected", "detected", "inventory"],
            "label": [1, 2, 3, 4, 5, 0],
            "kind": ["underpass", "road_dip", "road_dip", "underground_space", "road_dip", "other"],
            "name": ["a", "b", "c", None, None, "f"],
            "traffic_class": ["trunk", "local", "local", "none", "local", "none"],
            "sill_height_m": [nan, nan, nan, 0.3, nan, nan], "people": [500.0, 100.0, 100.0, nan, nan, 10.0],
            "volume_m3": [100.0] * 6, "catchment_m2": [1e4] * 6, "responsible": ["责任人-001"] + [None] * 5,
        },
        geometry=gpd.points_from_xy([500_010 + 10 * k for k in range(6)], [4_000_050] * 6), crs="EPSG:4546",
    )  # fmt: skip
    ponds = pd.DataFrame({
        "site_id": ids, "depth_m": [1.2, 0.8, 0.5, 0.4, 0.1, nan], "duration_h": [3.0, 2.0, 1.0, 1.0, 0.0, nan],
        "volume_m3": [100.0] * 6, "capacity_m3_s": [0.2, 0.1, 0.02, 0.0, 0.0, 0.0],
        "share": [0.0, 0.3, 1.0, 1.0, 1.0, 1.0], "is_defect": [True, True, False, False, False, False],
        "correction_m": [0.1, 0.0, 0.0, 0.0, 0.0, 0.0], "depth_cleared_m": [0.1, 0.1, 0.1, 0.1, 0.1, nan],
        "depth_local_m": [1.0, 0.7, 0.4, 0.4, 0.1, nan], "local_share": [1.0] * 6,
        "critical_rain_mm_h": [10.0, 20.0, 30.0, 20.0, nan, nan],
    })  # fmt: skip
    return sites, ponds.assign(**columns)


def ranked(**columns: list[object]) -> gpd.GeoDataFrame:
    sites, ponds = table(**columns)
    return rank_sites(sites, ponds, DEVICES, params=PARAMS, local_m=150.0)


def test_deepest_first_and_unknown_above_dry() -> None:
    out = ranked()
    assert out["site_id"].tolist() == ["A", "B", "C", "D", "F"]  # E is detected and dry
    assert out["rank"].tolist() == [1, 2, 3, 4, 5]
    assert out["depth_class"].tolist() == [4, 4, 4, 3, -1]
    assert out.loc[4, "score"] > 0
    assert pd.isna(out.loc[4, "depth_m"])


def test_a_site_of_unknown_depth_that_was_deep_before_is_ranked_by_that() -> None:
    sites, ponds = table()
    past = [float("nan")] * 5 + [2.0]
    out = rank_sites(sites.assign(past_depth_m=past), ponds, DEVICES, params=PARAMS, local_m=150.0)
    assert out["site_id"].tolist()[0] == "F"
    assert out["depth_class"].tolist()[0] == -1
    assert "The ledger tells of 2.00 m in the past" in out.loc[0, "reasons"]
    draws = pd.DataFrame(np.tile([[1.2], [0.8], [0.5], [0.4], [0.1]], (1, 4)), index=list("ABCDE"))
    firm = rank_sites(sites.assign(past_depth_m=past), ponds, DEVICES, params=PARAMS, local_m=150.0,
                      told=Told(draws=draws)).set_index("site_id")  # fmt: skip
    assert firm.loc["A", ["rank_low", "rank_high"]].tolist() == [2, 2]


def test_a_dry_ledger_site_tells_of_its_past() -> None:
    sites, ponds = table(depth_m=[1.2, 0.05, 0.5, 0.4, 0.1, float("nan")])
    past = [float("nan"), 0.6] + [float("nan")] * 4
    out = rank_sites(sites.assign(past_depth_m=past), ponds, DEVICES, params=PARAMS, local_m=150.0)
    assert "The ledger tells of 0.60 m in the past" in out.set_index("site_id").loc["B", "reasons"]


def test_a_hollow_whose_drains_are_known_by_their_area_is_not_said_to_have_none() -> None:
    sites, ponds = table()
    drained = np.array([0.0, 0.0, 0.0, 20.0, 20.0, 20.0])
    told = Told(drained_mm_h=drained)
    out = rank_sites(sites, ponds, DEVICES, params=PARAMS, local_m=150.0, told=told).set_index("site_id")
    assert out["cause"].to_dict() == {**ranked().set_index("site_id")["cause"].to_dict(), "D": "drain_undersized"}
    assert "drained_mm_h" not in out
    none = ranked().set_index("site_id").loc["D"]
    assert "no drain or pump of it is known" in none["reasons_en"]
    assert "资料中无其排水设施或水泵" in none["reasons_zh"]


def test_causes_follow_the_evidence() -> None:
    out = ranked().set_index("site_id")["cause"]
    assert out.to_dict() == {
        "A": "pump_failed", "B": "drain_blocked", "C": "drain_undersized", "D": "sag_without_outlet", "F": "unknown",
    }  # fmt: skip
    upstream = ranked(depth_local_m=[1.0, 0.7, 0.05, 0.4, 0.1, np.nan]).set_index("site_id")["cause"]
    assert upstream["C"] == "inflow_from_upstream"
    helpless = ranked(depth_local_m=[1.0, 0.7, 0.5, 0.4, 0.1, np.nan], local_share=[0.2] * 6,
                      depth_cleared_m=[1.0, 0.7, 0.5, 0.4, 0.1, np.nan])  # fmt: skip
    assert helpless.set_index("site_id")["cause"]["C"] == "inflow_from_upstream"


def test_reasons_say_why() -> None:
    reasons = ranked().set_index("site_id")["reasons"]
    assert "1.20 m deep" in reasons["A"]
    assert "its pump gives about 0%" in reasons["A"]
    assert "moved by +0.10 m" in reasons["A"]
    assert "0.10 m over the entrance's sill" in reasons["D"]
    assert "not in the ledger" in reasons["D"]
    assert "begins at about 30 mm" in reasons["C"]
    assert "unknown" in reasons["F"]


def test_reasons_are_chinese_too() -> None:
    out = ranked().set_index("site_id")
    assert (out["reasons_en"] == out["reasons"]).all()
    assert not out["reasons_zh"].str.contains(r"[a-z]").any()
    assert "积水深 1.20 米" in out.loc["A", "reasons_zh"]
    assert "仅发挥约 0% 的能力" in out.loc["A", "reasons_zh"]
    assert "高出入口挡水坎 0.10 米" in out.loc["D", "reasons_zh"]
    assert out.loc["D", "reasons_zh"].endswith("台账未登记。")
    assert "水深未知" in out.loc["F", "reasons_zh"]


def test_publishing_knows_every_measure_in_both_languages() -> None:
    for measure in MEASURES.values():
        assert measure_label(measure, "en") == measure
        assert re.fullmatch(r"[\u4e00-\u9fff，；]+", measure_label(measure, "zh"))
    assert measure_label("free, text", "zh") == "free, text"


def test_a_ledger_site_that_stays_dry_is_kept_at_the_end() -> None:
    out = ranked(depth_m=[1.2, 0.8, 0.01, 0.4, 0.1, np.nan])
    assert out["site_id"].iloc[-1] == "C"
    assert out["depth_class"].iloc[-1] == 0
    assert "below the first depth class" in out["reasons"].iloc[-1]


@pytest.mark.slow
@given(st.lists(st.floats(0, 3), min_size=5, max_size=5), st.integers(0, 4), st.floats(0.01, 1))
def test_more_water_never_lowers_the_score(depths: list[float], k: int, more: float) -> None:
    sites, ponds = table()
    frame = sites.merge(ponds, on="site_id", suffixes=("_full", "")).head(5)
    before = sum(score_parts(frame.assign(depth_m=depths), PARAMS).values())
    after = sum(score_parts(frame.assign(depth_m=[d + more * (i == k) for i, d in enumerate(depths)]), PARAMS).values())
    assert after[k] >= before[k]
    assert ((before >= 0) & (before <= 1)).all()


def test_classes_hold_their_lower_bound_and_keep_the_unknown() -> None:
    depths = np.array([0.0, 0.149, 0.15, 0.27, 0.4, 0.5, 9.0, np.nan])
    assert depth_classes(depths, PARAMS).tolist() == [0, 0, 1, 2, 3, 4, 4, -1]


def test_ponding_shows_the_wet_cells_of_the_first_in_rank() -> None:
    labels = np.zeros(GRID.shape, dtype=np.int32)
    labels[5:9, 5:9], labels[12:14, 12:14] = 1, 2
    depth = np.where(labels > 0, 0.3, np.nan)
    depth[5, 5] = 0.05
    sites, _ = table()
    both = pd.Series({"A": 1, "B": 1, "C": 2, "D": 0})
    out = ponding(ranked(), labels, both, depth, GRID, PARAMS)
    assert out["site_id"].tolist() == ["A", "C"]
    assert out.geometry.area.tolist() == [15 * 25.0, 4 * 25.0]
    assert ponding(ranked(), labels * 0, both, depth, GRID, PARAMS).empty
    assert len(sites) == 6


def test_share_of_built_ground_around_sites() -> None:
    built = np.zeros(GRID.shape)
    built[:, 10:] = 1
    built[0, 0] = np.nan
    sites, _ = table()
    moved = sites.set_geometry(gpd.points_from_xy([500_052.5] * 5 + [600_000.0], [4_000_052.5] * 6), crs="EPSG:4546")
    share = surroundings_share(moved, built, GRID, radius_m=10)
    assert share[0] == pytest.approx(3 / 5)
    assert np.isnan(share[5])


def test_cause_needs_water() -> None:
    sites, ponds = table(depth_m=[0.0] * 6)
    frame = sites.merge(ponds, on="site_id", suffixes=("_full", ""))
    assert set(causes(frame, DEVICES, PARAMS)) == {"unknown"}


@pytest.mark.parametrize(
    "change",
    [
        {"depth_classes_m": (0.3, 0.2)},
        {"depth_classes_m": (float("nan"),)},
        {"weights": {"depth": 1.0}},
        {"weights": {"depth": 0.0, "people": 0.0, "traffic": 0.0, "duration": 0.0}},
        {"weights": {"depth": -1.0, "people": 2.0, "traffic": 0.0, "duration": 0.0}},
        {"unknown_depth_m": float("nan")},
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"needed|finite|input"):
        WaterloggingParams.model_validate(change)


def test_reports_that_say_nothing_of_the_drains_are_told_in_the_reason_of_their_site() -> None:
    sites, ponds = table()
    out = rank_sites(sites.assign(reports_unused=[0, 2, 0, 0, 0, 1]), ponds, DEVICES, params=PARAMS, local_m=150.0)
    told = out.set_index("site_id")
    assert "2 depths reported there in past storms say nothing of its drains" in told.loc["B", "reasons"]
    assert "2 次历史上报水深因当次降雨缺测" in told.loc["B", "reasons_zh"]
    assert "1 depths reported" in told.loc["F", "reasons"]
    assert "depths reported there" not in told.loc["A", "reasons"]


def test_a_depth_that_is_a_lower_bound_says_so() -> None:
    out = ranked(depth_bound=["at_least", "exact", "exact", "exact", "exact", "unknown"]).set_index("site_id")
    assert "Water stands at least 1.20 m deep" in out.loc["A", "reasons"]
    assert "积水深至少 1.20 米" in out.loc["A", "reasons_zh"]
    assert "at least" not in out.loc["B", "reasons"]
    assert out.loc["A", "depth_bound"] == "at_least"


def test_a_site_that_lacks_water_from_outside_is_not_called_dry_and_says_so() -> None:
    bound = ["outside", "exact", "exact", "exact", "outside", "unknown"]
    out = ranked(depth_bound=bound, outside_share=[0.6, 0.0, 0.0, 0.0, 0.3, np.nan]).set_index("site_id")
    assert "at least" in out.loc["A", "reasons_en"]
    assert "60% of the ground that drains there lies outside" in out.loc["A", "reasons_en"]
    assert "60%" in out.loc["A", "reasons_zh"]
    shallow = out.loc["E"]
    assert shallow["depth_class"] == -1
    assert "not known to stay dry" in shallow["reasons_en"]
    assert "不等于无积水" in shallow["reasons_zh"]
    assert "rising" not in shallow["reasons_en"]


def test_water_that_was_rising_when_the_run_ended_is_not_called_dry() -> None:
    out = ranked(depth_bound=["rising", "exact", "exact", "exact", "rising", "unknown"]).set_index("site_id")
    assert "was still rising" in out.loc["A", "reasons"]
    assert out.loc["E", "depth_class"] == -1  # detected, below the first class: it stays on the list
    assert "not known to stay dry" in out.loc["E", "reasons"]
    assert "不等于无积水" in out.loc["E", "reasons_zh"]
    assert out.loc["E", "depth_m"] == 0.1
    assert out.loc["E", "score_depth"] == pytest.approx(out.loc["F", "score_depth"])


def test_water_that_stood_when_the_run_ended_lasts_longer_than_was_counted() -> None:
    out = ranked(duration_bound=["at_least", "exact", "exact", "exact", "exact", "unknown"]).set_index("site_id")
    assert "for 3.0 h and on when the run ended" in out.loc["A", "reasons"]
    assert "模拟结束时仍未退去" in out.loc["A", "reasons_zh"]
    assert "for 2.0 h;" in out.loc["B", "reasons"]
    assert out.loc["A", "duration_bound"] == "at_least"


def test_the_csv_has_every_column_that_the_guide_names() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "waterlogging.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", guide.split("| list | rows |")[0])) - {"lists", "waterlogging"}
    loose = {"drain_saves_", "blockage_adds_", "upstream_adds_", "pump_would_save_", "share"}
    columns = {n for n in named - loose if not n.endswith("_")} - {"velocity_up"}
    pattern = EXTRAS["waterlogging"]
    lost = [c for c in columns if not pattern.match(c) and c not in SCHEMAS["waterlogging"].columns]
    assert lost == []
