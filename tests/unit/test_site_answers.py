"""What else would have happened at sites: volumes by cause, remedies, draws of depths, ranks, sills of entrances."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.counterfactuals import counterfactuals
from geo_risk.hazards.flood.depth_draws import depth_draws
from geo_risk.hazards.flood.entrances import entrance_corrections, place_entrances, unsure_entrances, water_at
from geo_risk.hazards.flood.params import SiteParams
from geo_risk.hazards.flood.pond import Pond, replay
from geo_risk.hazards.flood.sites import town_ground
from geo_risk.products.entrances import check_sills
from geo_risk.products.rank_stability import rank_stability
from geo_risk.products.waterlogging_params import WaterloggingParams

PARAMS = WaterloggingParams()
SITES = SiteParams(n_draws=200)
STEPS = 60


def box_pond(flow_m3_s: float, drain_m3_s: float) -> Pond:
    """An hour of constant inflow into a box of 2,500 m2 with a drain."""
    time = np.arange(1, STEPS + 1) * 60.0
    depth = np.maximum(flow_m3_s - drain_m3_s, 0.0) * time / 2500.0
    drained = np.minimum(flow_m3_s, drain_m3_s) * time
    return Pond(time, depth, drained, np.zeros(100), 25.0, 2.0)


def response(pond: Pond, capacity: float, **changes: float | str) -> pd.DataFrame:
    depth = float(pond.depth_m.max())
    row = {"site_id": "A", "depth_model_m": depth, "depth_m": depth, "capacity_m3_s": capacity, "share": 1.0,
           "correction_m": 0.0, "local_share": 0.25, **changes}  # fmt: skip
    return pd.DataFrame([row])


def test_volumes_of_a_box_are_those_of_the_constant_flow() -> None:
    # 0.5 m3/s come, the drain of 0.2 gives half of it: 0.4 m3/s stay for an hour
    pond = box_pond(0.5, 0.1)
    got = counterfactuals(response(pond, 0.2, share=0.5), {"A": pond}, bound_m=0.144, params=SITES).loc[0]
    hour = 3600.0
    assert got["ponded_m3"] == pytest.approx(0.4 * hour)
    assert got["drain_saves_m3"] == pytest.approx(0.1 * hour)
    assert got["drain_saves_share"] == pytest.approx(0.1 / 0.5)
    assert got["blockage_adds_m3"] == pytest.approx(0.1 * hour)
    assert got["upstream_adds_m3"] == pytest.approx((0.4 - (0.25 * 0.5 - 0.1)) * hour)
    assert got["upstream_adds_share"] == pytest.approx(1 - 0.025 / 0.4)
    assert got["pump_would_save_m3"] == pytest.approx(0.1 * hour)
    # 0.144 m x 2,500 m2 = 360 m3 = 0.1 m3/s for an hour: 0.4 m3/s must go
    assert got["drain_needed_m3_s"] == pytest.approx(0.4, abs=1e-5)
    assert got["pump_m3_s_needed"] == pytest.approx(0.3, abs=1e-5)
    assert got["hold_back_m3"] == pytest.approx(0.3 * hour, rel=1e-5)


def test_a_site_without_a_pond_has_no_volumes_and_a_dry_one_needs_nothing() -> None:
    pond = box_pond(0.0, 0.0)
    nothing = counterfactuals(response(pond, 0.0), {}, bound_m=0.15, params=SITES).loc[0]
    assert nothing.drop("site_id").isna().all()
    dry = counterfactuals(response(pond, 0.0), {"A": pond}, bound_m=0.15, params=SITES).loc[0]
    assert dry["drain_needed_m3_s"] == 0.0
    assert dry["pump_m3_s_needed"] == 0.0
    assert dry["drain_saves_share"] == 0.0
    drowned = box_pond(30.0, 0.0)
    lost = counterfactuals(response(drowned, 0.0, depth_m=40.0), {"A": drowned}, bound_m=0.15, params=SITES).loc[0]
    assert np.isnan(lost["drain_needed_m3_s"])


@pytest.mark.parametrize("flow", [0.0, 0.5])
def test_a_site_of_unknown_depth_has_no_volumes_and_is_not_said_to_need_nothing(flow: float) -> None:
    pond = box_pond(flow, 0.0)  # the rain of some hour is missing: it fell as none
    for known in ({"depth_m": np.nan}, {"depth_m": 0.9, "depth_bound": "at_least"}):
        got = counterfactuals(response(pond, 0.0, **known), {"A": pond}, bound_m=0.15, params=SITES).loc[0]
        assert got.drop("site_id").isna().all()


@pytest.mark.slow
@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 1), st.floats(0.05, 1))
def test_shares_are_shares_and_what_is_needed_is_enough(flow: float, drain: float, share: float, bound: float) -> None:
    pond = box_pond(flow, drain * share)
    table = response(pond, drain, share=share)
    got = counterfactuals(table, {"A": pond}, bound_m=bound, params=SITES).loc[0]
    for name in ("drain_saves", "blockage_adds", "upstream_adds", "pump_would_save"):
        assert 0 <= got[f"{name}_share"] <= 1 + 1e-9
        assert got[f"{name}_m3"] >= 0
    if np.isfinite(got["drain_needed_m3_s"]):
        assert float(replay(pond, got["drain_needed_m3_s"])) < bound + 1e-6


def test_draws_are_those_of_a_seed_and_keep_to_their_site() -> None:
    pond = box_pond(0.5, 0.1)
    one = response(pond, 0.1)
    two = pd.concat([response(pond, 0.1, site_id="B"), one], ignore_index=True)
    draws = depth_draws(one, {"A": pond}, SITES)
    assert draws.shape == (1, 200)
    assert np.array_equal(draws, depth_draws(one, {"A": pond}, SITES))
    assert np.array_equal(depth_draws(two, {"A": pond, "B": pond}, SITES)[1], draws[0])
    assert not np.array_equal(depth_draws(one, {"A": pond}, SiteParams(n_draws=200, seed=2)), draws)
    assert np.isnan(depth_draws(response(pond, 0.1, depth_model_m=np.nan), {}, SITES)).all()
    assert depth_draws(one, {"A": pond}, SiteParams(n_draws=0)).shape == (1, 0)


def test_draws_without_error_are_the_depth_and_their_spread_is_that_of_the_errors() -> None:
    pond = box_pond(0.5, 0.1)
    still = SiteParams(n_draws=50, storm_error=0.0, runoff_error=0.0, model_error_m=1e-9)
    assert depth_draws(response(pond, 0.1), {"A": pond}, still) == pytest.approx(0.576, abs=1e-6)
    flow = depth_draws(response(pond, 0.0, depth_model_m=0.3), {}, SiteParams(n_draws=20_000, model_error_m=1e-9))
    # inflow^0.6 of two lognormal errors of 0.2: the logarithm spreads by 0.6 sqrt(0.08); 20,000 draws tell it to 1 %
    assert np.log(flow).std() == pytest.approx(0.6 * np.sqrt(0.08), rel=0.02)


def listed(depths: list[float]) -> pd.DataFrame:
    n = len(depths)
    return pd.DataFrame({"site_id": [f"S{k:02d}" for k in range(n)], "depth_m": depths, "people": [10.0] * n,
                         "duration_h": [1.0] * n, "traffic_class": ["local"] * n})  # fmt: skip


def test_ranks_that_nothing_moves_are_firm() -> None:
    depths = np.linspace(2.0, 0.2, 15)
    got = rank_stability(listed(depths.tolist()), np.repeat(depths[:, None], 40, axis=1), PARAMS)
    assert got["first10_share"].tolist() == [1.0] * 10 + [0.0] * 5
    assert got["rank_low"].tolist() == got["rank_high"].tolist() == list(range(1, 16))
    assert (got["n_draws"] == 40).all()


def test_a_rank_that_changes_every_second_draw_is_in_half_of_them() -> None:
    depths = np.linspace(2.0, 0.2, 11)
    draws = np.repeat(depths[:, None], 100, axis=1)
    draws[[9, 10], ::2] = draws[[10, 9], ::2]
    got = rank_stability(listed(depths.tolist()), draws, PARAMS)
    assert got.loc[9, "first10_share"] == got.loc[10, "first10_share"] == 0.5
    assert (got.loc[9, "rank_low"], got.loc[9, "rank_high"]) == (10, 11)


def test_the_stability_of_an_unknown_site_is_unknown_and_none_is_told_without_draws() -> None:
    frame = listed([1.0, float("nan")])
    got = rank_stability(frame, np.array([[1.0, 1.1], [np.nan, np.nan]]), PARAMS)
    assert got["first10_share"].isna().tolist() == [False, True]
    assert got["rank_high"].isna().tolist() == [False, True]
    none = rank_stability(frame, np.empty((2, 0)), PARAMS)
    assert none[["first10_share", "rank_low", "rank_high"]].isna().all(axis=None)
    assert none.dtypes.astype(str).tolist() == got.dtypes.astype(str).tolist()  # a column of objects is not written


@pytest.mark.slow
@given(st.lists(st.lists(st.floats(0, 3), min_size=7, max_size=7), min_size=1, max_size=14))
def test_ten_sites_are_in_the_first_ten_of_every_draw(draws: list[list[float]]) -> None:
    frame = listed([1.0] * len(draws))
    got = rank_stability(frame, np.array(draws), PARAMS)
    assert got["first10_share"].sum() == pytest.approx(min(10, len(draws)))
    assert (got["rank_low"] <= got["rank_high"]).all()


GRID = Grid.from_bounds((500_000, 4_000_000, 500_100, 4_000_100), crs="EPSG:4546", resolution_m=5)


def door(row: int, column: int) -> Point:
    return Point(500_000 + 5 * (column + 0.5), 4_000_100 - 5 * (row + 0.5))


def hollow() -> np.ndarray:
    """A plane with a hollow of 1 m in its middle."""
    rows, columns = np.mgrid[:20, :20]
    return 100.0 - np.clip(1 - (np.hypot(rows - 10, columns - 10) / 5) ** 2, 0, 1)


def doors() -> gpd.GeoDataFrame:
    rows = [
        {"space_id": "U1", "name": "车库", "sill_height_m": 0.3, "people": 50, "geometry": door(10, 10)},
        {"space_id": "U2", "name": "cm", "sill_height_m": 30.0, "people": 50, "geometry": door(10, 13)},
        {"space_id": "U3", "name": "off", "sill_height_m": 0.3, "people": 50, "geometry": Point(0, 0)},
        {"space_id": "U4", "name": "high", "sill_height_m": 0.3, "people": None, "geometry": door(1, 1)},
        {"space_id": "U5", "name": "none", "sill_height_m": None, "people": 5, "geometry": door(10, 11)},
    ]
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=GRID.crs)


def test_entrances_stand_on_the_ground_and_odd_ones_are_named() -> None:
    town = town_ground(GRID, hollow(), SITES)
    placed, aside = place_entrances(doors(), town, sill_max_m=3.0)
    assert [a["id"] for a in aside] == ["U3", "U2"]
    assert "centimetres" in aside[1]["reason"]
    assert "厘米" in aside[1]["reason_zh"]
    assert placed["sill_height_m"].isna().tolist() == [False, True, False, False, True]
    assert placed["label"].tolist()[:3] == [1, 1, 0]
    level = 99.5
    depth = np.maximum(level - hollow(), 0.0)
    water = water_at(depth, placed["cell"].to_numpy(), town)
    ground = hollow()
    expected = [level - ground[10, 10], max(level - ground[10, 13], 0.0), np.nan, 0.0, level - ground[10, 11]]
    assert water == pytest.approx(expected, nan_ok=True)
    # what runs down from higher ground does not stand at the door
    thin = np.zeros(GRID.shape)
    thin[9, 10] = 0.05
    assert water_at(thin, np.array([10 * 20 + 10]), town)[0] == 0.0
    sites = pd.DataFrame({"site_id": ["A"], "label": [1]})
    moves = entrance_corrections(placed, sites, pd.DataFrame({"site_id": ["A"], "correction_m": [0.1]}))
    assert moves.tolist() == [0.1, 0.1, 0.0, 0.0, 0.1]


def test_an_entrance_whose_sill_or_water_is_unknown_is_never_safe() -> None:
    frame = doors()
    frame["sill_height_m"] = [0.3, np.nan, 0.3, 0.3, 0.6]
    water = np.array([0.5, 0.2, np.nan, 0.0, 0.55])
    by_years = {2.0: water * 0.2, 50.0: water * 1.2}
    got = check_sills(frame, water, by_years, PARAMS)
    assert got["space_id"].tolist() == ["U1", "U5", "U2", "U3", "U4"]
    assert got["sill_state"].tolist() == ["over_sill", "near_sill", "unknown", "unknown", "below_sill"]
    assert got["return_period_bound"].tolist() == ["between", "between", "unknown", "unknown", "more_than"]
    # 0.1 m at 2 years, 0.6 m at 50: 0.3 m lies at 0.4 of the way in logarithms
    assert got.loc[0, "return_period_yr"] == pytest.approx(2 * 25**0.4)
    assert "0.20 m over its sill" in got.loc[0, "reasons"]
    assert "measure it" in got.loc[2, "reasons"]
    assert "unknown" in got.loc[3, "reasons"]
    assert not got["reasons_zh"].str.contains("[a-z]").any()
    bare = check_sills(frame, water, {}, PARAMS)
    assert (bare["return_period_bound"] == "unknown").all()
    assert "water_50yr_m" in got


@pytest.mark.slow
@given(st.lists(st.floats(0, 2) | st.just(float("nan")), min_size=5, max_size=5), st.floats(0, 1))
def test_more_water_never_makes_an_entrance_safer(water: list[float], more: float) -> None:
    frame = doors().assign(sill_height_m=[0.3, np.nan, 0.2, 0.5, 1.0])
    order = {"below_sill": 0, "near_sill": 1, "over_sill": 2}
    low, high = (
        check_sills(frame, np.array(water) + add, {}, PARAMS).set_index("space_id")["sill_state"] for add in (0.0, more)
    )
    for space in frame["space_id"]:
        assert (low[space] == "unknown") == (high[space] == "unknown")
        if low[space] != "unknown":
            assert order[high[space]] >= order[low[space]]


def test_an_entrance_whose_water_may_still_rise_is_not_below_its_sill() -> None:
    doors = gpd.GeoDataFrame({"space_id": ["a", "b", "c"], "name": ["一", "二", "三"], "people": [1, 1, 1],
                              "sill_height_m": [0.5, 0.5, 0.5], "label": [1, 2, 1]},
                             geometry=[Point(0, 0)] * 3, crs="EPSG:4546")  # fmt: skip
    sites = pd.DataFrame({"site_id": ["A", "B"], "label": [1, 2]})
    table = pd.DataFrame({"site_id": ["A", "B"], "depth_bound": ["rising", "exact"]})
    unsure = unsure_entrances(doors, sites, table)
    assert unsure.tolist() == [True, False, True]
    assert not unsure_entrances(doors, sites, table[["site_id"]]).any()
    got = check_sills(doors, np.array([0.1, 0.1, 0.6]), {}, PARAMS, is_unsure=unsure).set_index("space_id")
    assert got["sill_state"].to_dict() == {"a": "unknown", "b": "below_sill", "c": "over_sill"}
    assert "not known to stay below" in got.loc["a", "reasons"]
    assert "不能认定" in got.loc["a", "reasons_zh"]
