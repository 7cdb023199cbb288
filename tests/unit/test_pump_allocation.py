"""Mobile pumps: the plan that leaves the least, against trying every plan; travel; and bad depots."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point

from geo_risk.core.errors import DataError
from geo_risk.flow.steps.waterlogging_allocation import read_depots, road_lines
from geo_risk.products.params import EvacuationParams
from geo_risk.products.pump_allocation import Depots, Travel, allocate, capacity_levels
from geo_risk.products.pump_travel import pump_travel
from geo_risk.products.waterlogging_params import WaterloggingParams

PARAMS = WaterloggingParams(pumps_per_site=2)


def sites(depths: list[float], people: list[float]) -> gpd.GeoDataFrame:
    n = len(depths)
    frame = pd.DataFrame({"site_id": [f"S{k}" for k in range(n)], "rank": range(1, n + 1), "name": ["点"] * n,
                          "depth_m": depths, "people": people})  # fmt: skip
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(np.arange(n) * 1000.0, [0.0] * n), crs="EPSG:4546")


def falls(depths: list[float], rates: list[float]):  # type: ignore[no-untyped-def]
    """Depths that fall with the capacity by a rate [m per m3/s], to no less than 0."""
    by_id = {f"S{k}": (d, r) for k, (d, r) in enumerate(zip(depths, rates, strict=True))}
    return lambda i, levels: np.maximum(by_id[i][0] - by_id[i][1] * levels, 0.0)


def near(n_d: int, n_s: int) -> Travel:
    return Travel(np.full((n_d, n_s), 5.0), np.ones((n_d, n_s), dtype=bool))


def tried(depths: list[float], people: list[float], rates: list[float], depots: Depots) -> float:
    """Least weighted water of every plan."""
    n_s = len(depths)
    weight = np.log10(10 + np.array(people))
    least = np.inf
    per_depot = [[p for p in product(range(3), repeat=n_s) if sum(p) <= most] for most in depots.most]
    for plan in product(*per_depot):
        sent = np.array(plan)
        if (sent.sum(axis=0) > PARAMS.pumps_per_site).any():
            continue
        capacity = depots.pump_m3_s @ sent
        depth = np.maximum(np.array(depths) - np.array(rates) * capacity, 0.0)
        wet = np.array(depths) >= 0.15
        least = min(least, float((weight * np.maximum(depth - 0.15, 0.0))[wet].sum()))
    return least


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0, 1.5), min_size=3, max_size=3), st.lists(st.floats(0, 500), min_size=3, max_size=3),
    st.lists(st.floats(0, 5), min_size=3, max_size=3), st.lists(st.integers(0, 2), min_size=2, max_size=2),
    st.lists(st.integers(0, 2), min_size=2, max_size=2),
)  # fmt: skip
def test_no_plan_leaves_less(
    depths: list[float], people: list[float], rates: list[float], count: list[int], crews: list[int]
) -> None:
    depots = Depots(("D1", "D2"), np.array([0.1, 0.25]), np.array(count), np.array(crews))
    made, facts = allocate(sites(depths, people), depots, near(2, 3), falls(depths, rates), PARAMS)
    assert facts["excess_after"] <= facts["excess_before"] + 1e-9
    if depots.most.sum() and any(d >= 0.15 for d in depths):
        # the minutes of travel may outweigh a millionth of a weighted metre each
        assert facts["excess_after"] == pytest.approx(tried(depths, people, rates, depots), abs=1e-4)
    sent = made.groupby("depot_id")["n_pumps"].sum().reindex(["D1", "D2"], fill_value=0).to_numpy()
    assert (sent <= depots.most).all()
    assert (made.groupby("site_id")["n_pumps"].sum() <= PARAMS.pumps_per_site).all()
    assert facts["pumps_sent"] + facts["pumps_left"] == depots.most.sum()


def test_a_plan_by_hand_and_its_words() -> None:
    depths, rates = [0.6, 0.5, 0.05], [2.0, 4.0, 4.0]
    depots = Depots(("D1",), np.array([0.1]), np.array([2]), np.array([2]))
    made, facts = allocate(sites(depths, [0, 0, 999]), depots, near(1, 3), falls(depths, rates), PARAMS)
    # 0.1 m3/s take 0.2 m at S0 and 0.35 m of excess at S1, 0.4 m with the first, nothing more with the second
    assert made[["site_id", "n_pumps"]].to_numpy().tolist() == [["S0", 1], ["S1", 1]]
    assert facts["sites_wet"] == 2
    assert "from 0.60 to 0.40 m" in made.loc[0, "reasons"]
    assert "by road" in made.loc[0, "reasons"]
    assert not made["reasons_zh"].str.contains("[a-z]").any()
    again, _ = allocate(sites(depths, [0, 0, 999]), depots, near(1, 3), falls(depths, rates), PARAMS)
    pd.testing.assert_frame_equal(made, again)


def test_the_nearer_depot_goes_where_it_does_not_matter_which() -> None:
    depths, rates = [0.6], [2.0]
    depots = Depots(("FAR", "NEAR"), np.array([0.1, 0.1]), np.array([1, 1]), np.array([1, 1]))
    travel = Travel(np.array([[50.0], [5.0]]), np.ones((2, 1), dtype=bool))
    one = PARAMS.model_copy(update={"pumps_per_site": 1})
    made, _ = allocate(sites(depths, [10]), depots, travel, falls(depths, rates), one)
    assert made["depot_id"].tolist() == ["NEAR"]
    late = one.model_copy(update={"travel_max_min": 1.0})
    assert allocate(sites(depths, [10]), depots, travel, falls(depths, rates), late)[0].empty


def test_unknown_and_unreplayed_sites_get_no_pump_and_are_counted() -> None:
    frame = sites([float("nan"), 0.5], [10, 10])
    depots = Depots(("D1",), np.array([0.1]), np.array([2]), np.array([2]))
    made, facts = allocate(frame, depots, near(1, 2), lambda *_: None, PARAMS)
    assert made.empty
    assert facts["sites_unknown"] == 1
    assert facts["pumps_left"] == 2


@pytest.mark.parametrize("bad", [{"pump_m3_s": [0.0]}, {"pump_m3_s": [np.nan]}, {"count": [-1]}, {"crews": [-1]}])
def test_bad_depots_are_refused(bad: dict[str, list[float]]) -> None:
    given_ = {"pump_m3_s": [0.1], "count": [1], "crews": [1], **bad}
    with pytest.raises(DataError, match="depots"):
        Depots(("D",), *(np.array(given_[k]) for k in ("pump_m3_s", "count", "crews")))


def test_levels_are_all_sums() -> None:
    depots = Depots(("A", "B", "C"), np.array([0.1, 0.2, 0.7]), np.array([1, 1, 0]), np.array([1, 1, 1]))
    assert capacity_levels(depots, per_site=2) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_travel_is_by_road_where_there_is_one_else_straight() -> None:
    depots = gpd.GeoDataFrame({"depot_id": ["D"]}, geometry=[Point(0, 0)], crs="EPSG:4546")
    frame = sites([1.0, 1.0], [1, 1]).set_geometry([Point(3000, 4000), Point(9000, 9000)], crs="EPSG:4546")
    roads = gpd.GeoDataFrame({"road_id": ["a", "b"], "class": ["local", "local"]},
                             geometry=[LineString([(0, 0), (3000, 0)]), LineString([(3000, 0), (3000, 4000)])],
                             crs="EPSG:4546")  # fmt: skip
    found = pump_travel(depots, frame, roads, EvacuationParams())
    assert found.by_road.tolist() == [[True, False]]
    assert found.minutes[0, 0] == pytest.approx(7 / 20 * 60)
    assert found.minutes[0, 1] == pytest.approx(np.hypot(9, 9) / 15 * 60)
    bare = pump_travel(depots, frame, None, EvacuationParams())
    assert bare.minutes[0, 0] == pytest.approx(5 / 15 * 60)
    assert not bare.by_road.any()


def test_depots_whose_numbers_are_none_are_set_aside_and_the_empty_ones_hold_one_pump(tmp_path: Path) -> None:
    rows = {"depot_id": list("ABCDEF"), "pump_m3_s": ["0.1", "0.1", "0.1", "x", "300", "0.2"],
            "count": ["2", None, "inf", "1", "1", "两"], "crews": [None, "1", "1", "1", "1", "1"]}  # fmt: skip
    gpd.GeoDataFrame(rows, geometry=[Point(500_000, 4_000_000)] * 6, crs="EPSG:4546").to_file(tmp_path / "d.gpkg")
    frame, depots, aside = read_depots(tmp_path / "d.gpkg", "EPSG:4546", {})
    assert frame["depot_id"].tolist() == list(depots.ids) == ["A", "B"]
    assert depots.count.tolist() == [2, 1]
    assert depots.crews.tolist() == [2, 1]
    assert [row["id"] for row in aside] == list("CDEF")


def test_roads_of_other_maps_are_driven_on(tmp_path: Path) -> None:
    lines = [LineString([(0, 0), (3000, 0)]), LineString([(3000, 0), (3000, 4000)]), LineString([(0, 0), (0, 10)])]
    roads = gpd.GeoDataFrame({"osm_id": ["1", "2", "3"], "fclass": ["primary", "residential", "footway"]},
                             geometry=[shapely.affinity.translate(g, 500_000, 4_000_000) for g in lines],
                             crs="EPSG:4546")  # fmt: skip
    roads.to_crs(4326).to_file(tmp_path / "roads.geojson", driver="GeoJSON")
    got = road_lines(tmp_path / "roads.geojson", "EPSG:4546", {})
    assert got["class"].tolist() == ["primary", "local", "footway"]
    assert got["road_id"].is_unique
    depots = gpd.GeoDataFrame({"depot_id": ["D"]}, geometry=[Point(500_000, 4_000_000)], crs="EPSG:4546")
    frame = sites([1.0], [1]).set_geometry([Point(503_000, 4_004_000)], crs="EPSG:4546")
    assert pump_travel(depots, frame, got, EvacuationParams()).by_road.all()
