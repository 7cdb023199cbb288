"""Reach, places within it, proposals and stocks: by hand, against networkx, and what must hold for any county."""

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.exposure import isochrones as isochrone_module
from geo_risk.exposure.isochrones import isochrones, reached_parts
from geo_risk.exposure.network import build_network
from geo_risk.exposure.reach import Pairs, minutes_from_nearest, pairs_within, walking_costs
from geo_risk.products.candidates import as_candidates, candidate_sites, with_own_sites
from geo_risk.products.params import EvacuationParams
from geo_risk.products.places_within import place_people
from geo_risk.products.reach_bands import reach_bands
from geo_risk.products.shelter_coverage import Near, shelter_coverage
from geo_risk.products.site_proposals import Demand, shelter_proposals
from geo_risk.products.siting_network import harmful_zones, join_all
from geo_risk.products.siting_params import Need, SitingParams
from geo_risk.products.stock_centres import failing_edges, stock_needs, stock_proposals, stock_reach

CRS = "EPSG:4546"
MOVE = EvacuationParams(speed_km_h={"local": 60.0}, access_distance_m=400)
PARAMS = SitingParams(reach_min=5, median_limit_min=20, centre_reach_min=8, new_shelters=1, new_centres=1,
                      drive_bands_min=(2, 4), walk_bands_min=(15, 30))  # fmt: skip


def grid_roads(n=4, step=1000.0):
    """Return a chessboard of local roads of 1 km: a minute each at 60 km/h."""
    lines = [LineString([(i * step, j * step), (i * step + dx * step, j * step + dy * step)])
             for i in range(n) for j in range(n) for dx, dy in ((1, 0), (0, 1))
             if i + dx < n and j + dy < n]  # fmt: skip
    ids = [f"R{k}" for k in range(len(lines))]
    return gpd.GeoDataFrame({"road_id": ids, "class": "local", "bridge_id": None}, geometry=lines, crs=CRS)


def line_roads(n=10):
    lines = [LineString([(1000 * k, 0), (1000 * k + 1000, 0)]) for k in range(n)]
    bridge = [f"B{k}" if k == 5 else None for k in range(n)]
    return gpd.GeoDataFrame({"road_id": [f"R{k}" for k in range(n)], "class": "local", "bridge_id": bridge},
                            geometry=lines, crs=CRS)  # fmt: skip


def towns(*rows):
    return gpd.GeoDataFrame(
        {"settlement_id": [r[0] for r in rows], "name": [f"{r[0]}村" for r in rows],
         "people": [float(r[2]) for r in rows], "township": [r[3] if len(r) > 3 else "甲乡" for r in rows]},
        geometry=[Point(r[1], 0) if np.isscalar(r[1]) else Point(*r[1]) for r in rows], crs=CRS,
    )  # fmt: skip


def shelters(*rows):
    return gpd.GeoDataFrame({"shelter_id": [r[0] for r in rows], "capacity": [r[2] for r in rows]},
                            geometry=[Point(r[1], 0) for r in rows], crs=CRS)  # fmt: skip


NO_HOUSES = gpd.GeoDataFrame({"house_id": [], "settlement_id": [], "is_building": []}, geometry=[], crs=CRS)


def no_zones(**more):
    return gpd.GeoDataFrame({"zone_id": [], "hazard_level": [], **more}, geometry=[], crs=CRS)


# ---- reach


def test_pairs_are_those_of_networkx_within_the_limit():
    roads = grid_roads()
    network = build_network(roads, speed_km_h={"local": 60.0}, snap_m=1)
    graph = nx.Graph()
    for a, b, m in zip(network.edges["start"], network.edges["end"], network.edges["minutes"], strict=True):
        graph.add_edge(a, b, weight=m)
    nodes = np.arange(network.n_nodes)
    found = pairs_within(network, network.edges["minutes"].to_numpy(float), nodes, nodes[:5], limit_min=2.5)
    search = nx.single_source_dijkstra_path_length
    want = {(p, g): m for g in range(5) for p, m in search(graph, g, cutoff=2.5, weight="weight").items()}
    got = dict(zip(zip(found.place.tolist(), found.goal.tolist(), strict=True), found.minutes, strict=True))
    assert got.keys() == want.keys()
    assert got == pytest.approx(want, abs=1e-5)  # a node is 1e-6 min from itself: a sparse graph forgets zeros
    nearest = minutes_from_nearest(network, network.edges["minutes"].to_numpy(float), nodes[:5], limit_min=2.5,
                                   outward=False)  # fmt: skip
    np.testing.assert_allclose(nearest, found.least(), atol=1e-5)


def test_one_way_roads_part_going_to_and_coming_from():
    network = build_network(line_roads(3), speed_km_h={"local": 60.0}, snap_m=1)
    network.edges["direction"] = np.array([1, 1, 1], dtype=np.int8)
    costs = network.edges["minutes"].to_numpy(float)
    at = np.argsort(network.nodes[:, 0])
    to_last = pairs_within(network, costs, at, at[[3]], limit_min=10)
    assert to_last.least()[[0, 3]] == pytest.approx([3.0, 0.0], abs=1e-5)
    from_last = pairs_within(network, costs, at, at[[3]], limit_min=10, outward=True)
    assert np.isinf(from_last.least()[:3]).all()


@pytest.mark.parametrize("limit", [0, -1, np.nan])
def test_a_limit_that_reaches_nothing_is_refused(limit):
    network = build_network(line_roads(2), speed_km_h={"local": 60.0}, snap_m=1)
    nodes = np.array([0])
    with pytest.raises(DataError):
        pairs_within(network, np.ones(2), nodes, nodes, limit_min=limit)
    with pytest.raises(DataError):
        minutes_from_nearest(network, np.ones(2), nodes, limit_min=limit, outward=True)


# ---- isochrones


def test_isochrones_follow_the_road_and_end_where_the_minutes_do():
    network = build_network(line_roads(), speed_km_h={"local": 60.0}, snap_m=1)
    costs = network.edges["minutes"].to_numpy(float)
    start = np.array([int(np.argmin(network.nodes[:, 0]))])
    minutes = minutes_from_nearest(network, costs, start, limit_min=4.5, outward=True)
    bands = isochrones(network, costs, minutes, (2.0, 4.5), width_m=50, outward=True)
    np.testing.assert_allclose(bands["road_km"], [2.0, 2.5], atol=1e-6)  # a minute is a kilometre
    # a strip of 100 m along the road with a half disc at the end; the second begins where the first ends
    assert bands.geometry.iloc[0].bounds == pytest.approx((-50, -50, 2050, 50), abs=10)
    assert bands.geometry.iloc[1].bounds[2] == pytest.approx(4550, abs=10)
    assert bands.geometry.iloc[0].intersection(bands.geometry.iloc[1]).area == pytest.approx(0, abs=1)
    on_foot = walking_costs(network, walking_km_h=4.0)
    near = minutes_from_nearest(network, on_foot, start, limit_min=15, outward=True)
    assert isochrones(network, on_foot, near, (15.0,), width_m=50, outward=True)["road_km"].iloc[0] == pytest.approx(1)


def test_on_cells_the_bands_are_those_of_the_outlines(monkeypatch):
    network = build_network(grid_roads(6), speed_km_h={"local": 60.0}, snap_m=1)
    costs = network.edges["minutes"].to_numpy(float)
    minutes = minutes_from_nearest(network, costs, np.array([0]), limit_min=6, outward=True)
    drawn = isochrones(network, costs, minutes, (2.5, 6.0), width_m=100, outward=True)
    monkeypatch.setattr(isochrone_module, "_OUTLINED_MAX", 0)
    cells = isochrones(network, costs, minutes, (2.5, 6.0), width_m=100, outward=True)
    pd.testing.assert_frame_equal(drawn.drop(columns="geometry"), cells.drop(columns="geometry"))
    assert cells.geometry.is_valid.all()
    # strips of five cells of 40 m: they lie up to half a cell off the road, on both of their sides
    for a, b in zip(drawn.geometry, cells.geometry, strict=True):
        assert a.symmetric_difference(b).area < 0.2 * a.area
        assert b.area == pytest.approx(a.area, rel=0.05)


def test_an_edge_reached_from_both_ends_counts_once():
    network = build_network(line_roads(1), speed_km_h={"local": 60.0}, snap_m=1)
    costs = network.edges["minutes"].to_numpy(float)
    minutes = np.zeros(2)
    for limit, km in ((0.3, 0.6), (0.5, 1.0), (5.0, 1.0)):
        parts = reached_parts(network, costs, minutes, limit, outward=False)
        assert sum(p.length for p in parts) / 1000 == pytest.approx(km)
    assert not len(reached_parts(network, np.array([np.inf]), minutes, 5.0, outward=False))


@pytest.mark.parametrize(("bands", "width"), [((), 10), ((2, 1), 10), ((0, 1), 10), ((1,), 0), ((np.nan,), 10)])
def test_bands_that_are_none_are_refused(bands, width):
    network = build_network(line_roads(1), speed_km_h={"local": 60.0}, snap_m=1)
    with pytest.raises(DataError):
        isochrones(network, np.ones(1), np.zeros(2), bands, width_m=width, outward=True)


# ---- places within reach


def flow_of_networkx(demand, capacity, pairs):
    graph = nx.DiGraph()
    graph.add_node("s")
    graph.add_node("t")
    for i, d in enumerate(demand):
        graph.add_edge("s", ("a", i), capacity=int(d))
    for j, c in enumerate(capacity):
        graph.add_edge(("b", j), "t", capacity=int(c))
    for i, j in zip(pairs.place.tolist(), pairs.goal.tolist(), strict=True):
        graph.add_edge(("a", i), ("b", j))
    return nx.maximum_flow_value(graph, "s", "t")


@st.composite
def crowds(draw):
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    demand = draw(st.lists(st.integers(0, 50), min_size=n, max_size=n))
    capacity = draw(st.lists(st.integers(0, 50), min_size=m, max_size=m))
    table = np.array(
        draw(st.lists(st.one_of(st.none(), st.integers(1, 9)), min_size=n * m, max_size=n * m)), dtype=float
    )
    place, goal = np.nonzero(~np.isnan(table.reshape(n, m)))
    minutes = table.reshape(n, m)[place, goal]
    order = np.lexsort([goal, minutes, place])
    return np.array(demand), np.array(capacity), Pairs(place[order], goal[order], minutes[order], n, m)


@given(crowds())
@settings(max_examples=60, deadline=None)
def test_as_many_have_a_place_as_can_have_one(case):
    demand, capacity, pairs = case
    flow = place_people(demand, capacity, pairs)
    assert (flow >= 0).all()
    assert (np.bincount(pairs.goal, flow, len(capacity)) <= capacity).all()
    assert (np.bincount(pairs.place, flow, len(demand)) <= demand).all()
    assert flow.sum() == flow_of_networkx(demand, capacity, pairs)
    # those of the first sixth of the pairs are not worse off for those who come from afar
    real = pairs.only((demand[pairs.place] > 0) & (capacity[pairs.goal] > 0))
    if len(real.place):
        first = real.only(real.minutes <= np.quantile(real.minutes, 1 / 6))
        alone = flow_of_networkx(demand, capacity, first)
        near = np.isin(np.arange(len(demand)), first.place)
        assert np.bincount(pairs.place, flow, len(demand))[near].sum() >= alone


def test_the_nearest_get_the_places_first():
    pairs = Pairs(np.array([0, 1]), np.array([0, 0]), np.array([9.0, 1.0]), 2, 1)
    assert place_people(np.array([10, 10]), np.array([10]), pairs).tolist() == [0, 10]


@pytest.mark.parametrize("demand", [[-1], [0.5], [np.nan], [2**31], [1, 2]])
def test_people_that_are_none_are_refused(demand):
    with pytest.raises(DataError):
        place_people(np.array(demand), np.array([1]), Pairs(np.array([0]), np.array([0]), np.array([1.0]), 1, 1))


# ---- coverage, proposals


def covered(people, homes, *, leaving=None, townships=None, zones=None):
    harmful = harmful_zones(no_zones() if zones is None else zones, max_level=2)
    roads = join_all(line_roads(), harmful, {"settlements": people, "origins": homes}, params=MOVE)
    home, goal = roads.nodes["settlements"], roads.nodes["origins"]
    near = Near(pairs_within(roads.network, roads.drive, home, goal, limit_min=PARAMS.reach_min),
                pairs_within(roads.network, roads.safe, home, goal, limit_min=PARAMS.reach_min), home >= 0)  # fmt: skip
    return shelter_coverage(people, homes, near, leaving=leaving, townships=townships, reach_min=PARAMS.reach_min,
                            language="en")  # fmt: skip


def test_coverage_by_hand():
    people = towns(("A", 0, 100), ("B", 2000, 50), ("C", 9000, 30, "乙乡"), ("D", (500, 5000), 7, "乙乡"),
                   ("E", 1000, np.nan))  # fmt: skip
    leaving = people.assign(people=[40, 10, 30, np.nan, np.nan]).iloc[:4]
    got = covered(people, shelters(("S1", 1000, 120)), leaving=leaving)
    row = got.frame.set_index("township_id").loc["甲乡"]
    assert row[["people", "people_near", "people_placed", "people_short"]].tolist() == [150, 150, 120, 30]
    assert row[["to_place", "to_place_placed", "to_place_short", "unknown_settlements"]].tolist() == [50, 50, 0, 1]
    far = got.frame.set_index("township_id").loc["乙乡"]
    assert far[["people", "people_near", "people_short", "people_off_network"]].tolist() == [37, 0, 37, 7]
    assert far[["to_place_short", "to_place_unknown"]].tolist() == [30, 1]
    assert got.frame["township_id"].tolist() == ["乙乡", "甲乡"]  # the list's shortfall first
    assert got.frame["state"].tolist() == ["short", "short"]
    assert "unknown population" in row["reasons"]
    assert got.totals["people_short"] == got.short.sum() == 67


@pytest.mark.parametrize("has_borders", [True, False])
def test_a_county_of_no_settlements_has_places_and_nobody_to_use_them(has_borders):
    nobody, homes = towns(("A", 0, 1)).iloc[:0], shelters(("S1", 500, 9), ("S2", 9000, 4))
    nothing = Pairs(np.array([], int), np.array([], int), np.array([]), 0, 2)
    borders = gpd.GeoDataFrame({"code": ["1"], "name": ["甲乡"]}, geometry=[box(-1e3, -1e3, 1e4, 1e3)], crs=CRS)
    for leaving in (None, nobody):
        got = shelter_coverage(nobody, homes, Near(nothing, nothing, np.zeros(0, bool)), leaving=leaving, language="en",
                               townships=borders if has_borders else None, reach_min=30)  # fmt: skip
        assert got.totals["people"] == got.totals["people_short"] == 0
        assert got.totals["places"] == got.frame["places"].sum() == 13
        assert len(got.frame) == 1
        assert len(got.short) == 0


def test_nobody_is_said_to_have_a_place_where_nobody_is_known():
    people, homes = towns(("U", 0, np.nan), ("A", 5000, 4)).assign(township=["甲", "乙"]), shelters(("S1", 5000, 9))
    nothing = Pairs(np.array([], int), np.array([], int), np.array([]), 2, 1)
    leaving = gpd.GeoDataFrame({"settlement_id": ["U"], "people": [np.nan]}, geometry=[Point(0, 0)], crs=CRS)
    got = shelter_coverage(people, homes, Near(nothing, nothing, np.ones(2, bool)), leaving=leaving, townships=None,
                           reach_min=30, language="en").frame.set_index("township_id")  # fmt: skip
    assert "How many live here is unknown" in got.loc["甲", "reasons"]
    assert "All" not in got.loc["甲", "reasons"]
    assert "need places too, how many is unknown" in got.loc["甲", "reasons"]
    assert got.loc["甲", "state"] == "unknown"


def test_ways_through_zones_are_not_called_safe_and_unknown_zones_harm():
    people, homes = towns(("A", 0, 100)), shelters(("S1", 3000, 200))
    for level, safe in ((2, 100), (3, 0), (-1, 0)):
        zone = gpd.GeoDataFrame({"zone_id": ["Z"], "hazard_level": [level]}, geometry=[box(1400, -9, 1500, 9)], crs=CRS)
        row = covered(people, homes, zones=zone).frame.iloc[0]
        assert (row["people_near"], row["people_near_safe"]) == (100, safe)


def test_borders_rule_where_they_are_given_and_what_is_outside_is_a_row():
    people = towns(("A", 0, 100), ("B", 9000, 20))
    border = gpd.GeoDataFrame({"code": ["1401"], "name": ["城关镇"]}, geometry=[box(-500, -500, 500, 500)], crs=CRS)
    got = covered(people, shelters(("S1", 0, 500)), townships=border).frame.set_index("township_id")
    assert got.loc["1401", ["name", "people", "places"]].tolist() == ["城关镇", 100, 500]
    assert got.loc["outside", "people_short"] == 20
    assert got.loc["1401", "state"] == "enough"


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 20, 90, np.nan])), min_size=1, max_size=7),
       st.integers(0, 300), st.randoms(use_true_random=False))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_people_are_conserved_and_the_order_says_nothing(rows, capacity, rng):
    people = towns(*((f"V{k}", 1000 * x, n, "甲乡" if x < 5 else "乙乡") for k, (x, n) in enumerate(rows)))
    homes = shelters(("S1", 2000, capacity), ("S2", 7000, 40))
    got = covered(people, homes)
    assert got.frame["people"].sum() == np.nansum(people["people"])
    assert (got.frame["people"] == got.frame["people_placed"] + got.frame["people_short"]).all()
    assert got.frame["unknown_settlements"].sum() == people["people"].isna().sum()
    assert got.totals["people_placed"] <= capacity + 40
    more = covered(people, homes.assign(capacity=homes["capacity"] + 10)).totals
    assert more["people_short"] <= got.totals["people_short"]
    order = list(range(len(people)))
    rng.shuffle(order)
    again = covered(people.iloc[order].reset_index(drop=True), homes).totals
    assert again == got.totals


def proposed(people, homes, *, harmful=None, params=PARAMS, others=(), grounds=(), houses=NO_HOUSES):
    harmful = no_zones() if harmful is None else harmful
    sites = candidate_sites(people, houses, others, harmful=harmful, grounds=grounds, max_level=2, settlements_max=99)
    roads = join_all(line_roads(), harmful, {"settlements": people, "origins": homes, "candidates": sites.sites},
                     params=MOVE)  # fmt: skip
    home, goal, spot = (roads.nodes[n] for n in ("settlements", "origins", "candidates"))
    near = pairs_within(roads.network, roads.drive, home, goal, limit_min=params.reach_min)
    cover = shelter_coverage(people, homes, Near(near, near, home >= 0), leaving=None, townships=None,
                             reach_min=params.reach_min)  # fmt: skip
    pairs = pairs_within(roads.network, roads.drive, home, spot, limit_min=params.median_limit_min)
    pairs = with_own_sites(pairs, people, sites.sites, walking_km_h=4, limit_min=params.median_limit_min)
    stand = pairs_within(roads.network, roads.drive, home, goal, limit_min=params.median_limit_min).least()
    demand = Demand(people["people"].to_numpy(float), cover.short, stand)
    return shelter_proposals(demand, sites, pairs, why_unused={}, params=params, language="en"), sites


@pytest.mark.slow
def test_the_new_shelter_stands_where_the_people_without_one_are():
    people = towns(("A", 0, 100), ("B", 6000, 10), ("C", 7000, 80), ("D", 8000, 10))
    made, _ = proposed(people, shelters(("S1", 0, 200)))
    cover = made.frame[made.frame["siting_method"] == "max_cover"].iloc[0]
    assert cover["people_gained"] == cover["places_needed"] == 100
    median = made.frame[made.frame["siting_method"] == "p_median"].iloc[0]
    assert median["candidate_id"] == "C"
    assert median["people_gained"] == 100
    # 10 x 6 + 80 x 7 + 10 x 8 = 700 person-minutes of 200 people before; 20 after
    assert "3.5 min before, 0.1 min after" in median["reasons"]
    assert (made.frame["proof"] == "optimal").all()


def test_a_village_off_the_roads_is_served_by_a_site_of_its_own():
    people = towns(("A", 0, 10), ("D", (500, 5000), 70))
    made, _ = proposed(people, shelters(("S1", 0, 20)))
    assert set(made.frame["candidate_id"]) == {"D"}


def test_unknown_people_are_not_passed_over_and_in_no_number():
    people = towns(("A", 0, 10), ("U", 9000, np.nan))
    made, _ = proposed(people, shelters(("S1", 0, 20)))
    assert set(made.frame["candidate_id"]) == {"U"}
    assert made.frame["people_gained"].tolist() == [0, 0]
    assert made.frame["unknown_near"].tolist() == [1, 1]
    assert "count as 10 people each" in made.frame["reasons"].iloc[0]


def test_no_site_in_a_zone_on_high_or_on_unknown_ground():
    people = towns(("A", 500, 10), ("B", 2500, 10), ("C", 4500, 10), ("D", 6500, 10))
    people["geometry"] = people.geometry.translate(500_000, 4_000_000)
    zone = gpd.GeoDataFrame({"zone_id": ["Z"]}, geometry=[box(500_400, 3_999_900, 500_600, 4_000_100)], crs=CRS)
    grid = Grid.from_bounds((500_000, 3_999_000, 508_000, 4_001_000), crs=CRS, resolution_m=1000)
    level = np.zeros(grid.shape, dtype=np.int8)
    level[:, 2], level[:, 4] = 3, -1
    ground = grid.layer(level, units="level", long_name="hazard", name="hazard_landslide")
    got = candidate_sites(people, NO_HOUSES, [], harmful=zone, grounds=[ground], max_level=2, settlements_max=9)
    assert got.sites["candidate_id"].tolist() == ["D"]
    assert got.counts == {"in_zone": 1, "high_ground": 1, "unknown_ground": 1, "too_many": 0}
    # a village whose middle is in the zone has its site at its nearest house that is not
    built = gpd.GeoDataFrame(
        {"house_id": ["H1", "H2", "H3"], "settlement_id": "A", "is_building": True},
        geometry=[box(x, 3_999_995, x + 10, 4_000_005) for x in (500_550, 500_700, 500_900)], crs=CRS,
    )  # fmt: skip
    moved = candidate_sites(people, built, [], harmful=zone, grounds=[ground], max_level=2, settlements_max=9).sites
    assert moved.set_index("candidate_id").geometry["A"].x == 500_705
    far = people.iloc[[3]].assign(geometry=[Point(0, 0)])  # off the grid: nothing is known of its ground
    assert not len(candidate_sites(far, NO_HOUSES, [], harmful=zone, grounds=[ground], max_level=2,
                                   settlements_max=9).sites)  # fmt: skip


def test_facilities_are_sites_whatever_the_number_of_settlements_kept():
    people = towns(("A", 0, 10), ("B", 3000, 500))
    schools = gpd.GeoDataFrame({"facility_id": [7], "name": ["希望小学"]}, geometry=[Point(5000, 0)], crs=CRS)
    got = candidate_sites(people, NO_HOUSES, [as_candidates(schools, "facility_id", "facility")], harmful=no_zones(),
                          grounds=[], max_level=2, settlements_max=1)  # fmt: skip
    assert got.sites[["candidate_id", "name"]].to_numpy().tolist() == [["7", "希望小学"], ["B", "B村"]]
    assert got.counts["too_many"] == 1


def test_sites_of_several_kinds_may_have_one_id():
    people = towns(("1", 0, 10), ("2", 9000, 30))
    schools = gpd.GeoDataFrame({"facility_id": [1, 2]}, geometry=[Point(9000, 0), Point(0, 50)], crs=CRS)
    others = [as_candidates(schools, "facility_id", "facility")]
    got = candidate_sites(people, NO_HOUSES, others, harmful=no_zones(), grounds=[], max_level=2, settlements_max=9)
    assert got.sites["candidate_id"].tolist() == ["1", "1", "2", "2"]
    assert got.sites["candidate_kind"].tolist() == ["facility", "settlement"] * 2
    assert got.sites.geometry.x.tolist() == [9000, 0, 0, 9000]
    nothing = Pairs(np.array([], int), np.array([], int), np.array([]), 2, 4)
    own = with_own_sites(nothing, people, got.sites, walking_km_h=4, limit_min=60)
    assert own.goal.tolist() == [1, 3]
    demand = Demand(np.array([10.0, 30.0]), np.array([10, 30]), np.full(2, np.inf))
    made = shelter_proposals(demand, got, own, why_unused={"1|en": "it is full"}, params=PARAMS, language="en").frame
    assert made["proposal_id"].is_unique
    assert made["reasons"].str.contains("no hazard of its ground was made: not known to be safe").all()
    assert not made["reasons"].str.contains("it is full").any()  # village 1 is not shelter 1


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([5, 20, 90, np.nan])), min_size=2, max_size=7),
       st.sets(st.integers(0, 9), max_size=4))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_more_sites_never_leave_more_people_without_and_none_stands_in_a_zone(rows, blocked):
    people = towns(*((f"V{k}", 1000 * x, n) for k, (x, n) in enumerate(rows)))
    shapes = [box(1000 * x - 60, -60, 1000 * x + 60, 60) for x in blocked]
    zones = gpd.GeoDataFrame({"zone_id": [f"Z{x}" for x in blocked]}, geometry=shapes, crs=CRS)
    after = []
    for number in (1, 2, 3):
        params = PARAMS.model_copy(update={"new_shelters": number})
        made, _ = proposed(people, shelters(("S1", 0, 30)), harmful=zones, params=params)
        assert not made.frame.geometry.intersects(zones.union_all()).any()
        gained = made.frame[made.frame["siting_method"] == "max_cover"]["people_gained"].sum()
        after.append(made.totals["people_without_place"] - gained)
        assert sorted(made.frame["rank"]) == list(range(1, len(made.frame) + 1))
    assert after == sorted(after, reverse=True)


# ---- stocks


def stocked(people, stocks, *, failing=(), params=PARAMS, zones=None):
    harmful = harmful_zones(no_zones() if zones is None else zones, max_level=2)
    sites = candidate_sites(people, NO_HOUSES, [], harmful=no_zones(), grounds=[], max_level=2, settlements_max=99)
    roads = join_all(line_roads(), harmful, {"settlements": people, "origins": stocks, "candidates": sites.sites},
                     params=MOVE)  # fmt: skip
    lost = failing_edges(roads.network, failing)
    broken = np.where(lost.edges, np.inf, roads.drive)
    home, goal, spot = (roads.nodes[n] for n in ("settlements", "origins", "candidates"))
    usual, failed = (pairs_within(roads.network, c, home, goal, limit_min=params.centre_reach_min, outward=True)
                     for c in (roads.drive, broken))  # fmt: skip
    new = pairs_within(roads.network, broken, home, spot, limit_min=params.centre_reach_min, outward=True)
    return roads, lost, usual, failed, new, sites


def stocks_at(*rows):
    return gpd.GeoDataFrame({"stock_id": [r[0] for r in rows], "tents": [r[2] for r in rows]},
                            geometry=[Point(r[1], 0) for r in rows], crs=CRS)  # fmt: skip


def test_a_named_bridge_cuts_off_what_lies_behind_it():
    people = towns(("A", 1000, 40), ("B", 4000, 10), ("C", 7000, 30), ("D", (500, 5000), 7), ("E", 10_000, np.nan))
    stocks = stocks_at(("ST1", 0, 5))
    roads, lost, usual, failed, new, sites = stocked(people, stocks, failing=("B5", "nowhere"))
    assert lost.unknown_names == ("nowhere",)
    reach = stock_reach(people, stocks, usual, failed, is_joined=roads.nodes["settlements"] >= 0, failing=lost,
                        params=PARAMS, language="en")  # fmt: skip
    state = reach.set_index("settlement_id")["state"].to_dict()
    assert state == {"A": "near", "B": "near", "C": "cut_off", "D": "off_network", "E": "far"}
    assert reach["settlement_id"].iloc[0] == "C"
    assert "keep stocks here" in reach["reasons"].iloc[0]
    told = reach.set_index("settlement_id")
    assert told["in_reach"].to_dict() == {"A": "yes", "B": "yes", "C": "yes", "D": "no", "E": "no"}
    assert told["in_reach_failed"].to_dict() == {"A": "yes", "B": "yes", "C": "no", "D": "no", "E": "no"}
    for when in ("", "_failed"):  # minutes are missing just where nothing is in reach
        assert (told[f"stock_min{when}"].isna() == (told[f"in_reach{when}"] == "no")).all()
    blank = told.loc[told["in_reach_failed"] == "no"]
    assert (blank["reach_limit_min"] == 8).all()
    assert blank["reasons_en"].str.contains("within 8 min").all()
    assert blank["reasons_zh"].str.contains("8 分钟").all()
    frame, totals = stock_proposals(people["people"].to_numpy(float), sites, new, failed, failing=lost, params=PARAMS,
                                    language="en")  # fmt: skip
    # behind the bridge: C with 30 and E of unknown people (median 20), 3 km apart: either serves both
    assert frame["candidate_id"].iloc[0] in ("C", "E")
    assert frame[["people_gained", "unknown_near"]].iloc[0].tolist() == [30, 1]
    assert totals["people_beyond_before"] - totals["people_beyond_after"] == 30


def test_without_names_the_sections_in_zones_fail():
    zone = gpd.GeoDataFrame({"zone_id": ["Z"], "hazard_level": [4]}, geometry=[box(2400, -9, 2500, 9)], crs=CRS)
    people = towns(("A", 1000, 40), ("B", 4000, 10))
    stocks = stocks_at(("ST1", 0, 5))
    roads, lost, usual, failed, _, _ = stocked(people, stocks, zones=zone)
    assert set(roads.network.edges["road_id"][lost.edges]) == {"R2"}
    reach = stock_reach(people, stocks, usual, failed, is_joined=roads.nodes["settlements"] >= 0, failing=lost,
                        params=PARAMS)  # fmt: skip
    assert reach.set_index("settlement_id")["state"].to_dict() == {"A": "near", "B": "cut_off"}


def test_needs_by_hand_and_unknown_stock_is_not_enough():
    params = PARAMS.model_copy(update={"needs": {"tents": Need(per_person=0.25), "rice": Need(per_person_day=0.5)},
                                       "stock_days": 2.0})  # fmt: skip
    people = towns(("A", 1000, 40), ("B", 4000, 10), ("E", 10_000, np.nan))
    stocks = stocks_at(("ST1", 0, 5), ("ST2", 4000, -3))
    _, _, usual, *_ = stocked(people, stocks, params=params)
    table = stock_needs(people["people"].to_numpy(float), stocks, usual, params=params, language="en")
    rows = table.assign(key=table["stock_id"].fillna(table["scope"])).set_index(["key", "good"])
    assert rows.loc[("ST1", "tents"), ["people_in_need", "need", "have", "short"]].tolist() == [40, 10, 5, 5]
    assert rows.loc[("ST2", "tents"), "need"] == 3  # 10 people x 0.25, rounded up
    assert np.isnan(rows.loc[("ST2", "tents"), "short"])  # -3 tents is no number
    assert "not known to be enough" in rows.loc[("ST2", "tents"), "reasons"]
    assert np.isnan(rows.loc[("all", "tents"), "have"])
    assert rows.loc[("all", "rice"), "need"] == 50 * 0.5 * 2
    assert rows.loc[("ST2", "tents"), "unknown_settlements"] == 1  # E lies within reach of it
    assert table["scope"].tolist() == ["all"] * 2 + ["stock"] * 4
    assert table["stock_id"].isna().tolist() == [True] * 2 + [False] * 4


def test_a_stock_may_be_called_all_or_none():
    people = towns(("A", 1000, 40), ("B", 4000, 10), ("F", 200_000, 7))
    stocks = stocks_at(("none", 4000, 5), ("all", 0, 5))
    _, _, usual, *_ = stocked(people, stocks)
    params = PARAMS.model_copy(update={"needs": {"tents": Need(per_person=0.25)}})
    table = stock_needs(people["people"].to_numpy(float), stocks, usual, params=params, language="en")
    assert table["scope"].tolist() == ["all", "stock", "stock", "no_stock"]
    assert table["people_in_need"].tolist() == [57, 10, 40, 7]
    assert table["stock_id"].tolist()[1:3] == ["none", "all"]
    assert table["reasons"].str.startswith(("All of them", "10 people", "40 people", "7 people have no stock")).all()
    assert table["name"].iloc[[0, 3]].tolist() == ["all together", "no stock near"]


def test_bands_of_a_stock_hold_the_settlements_by_their_minutes():
    people = towns(("A", 1000, 40), ("B", 3000, 10), ("C", 3500, np.nan), ("D", 9000, 5))
    stocks = stocks_at(("ST1", 0, 5))
    roads, *_ = stocked(people, stocks)
    out = reach_bands(roads, people, origin="stock", params=PARAMS, language="en")
    assert set(out) == {"drive", "walk"}
    drive = out["drive"].set_index("band")
    assert drive.loc[1, ["n_settlements", "people"]].tolist() == [1, 40]
    assert drive.loc[2, ["n_settlements", "people", "unknown_settlements"]].tolist() == [2, 10, 1]
    assert "1 settlements with 5 people are farther" in drive.loc[1, "reasons"]
    assert out["walk"]["n_settlements"].tolist() == [1, 0]  # 1 km in a quarter of an hour, 2 km in half an hour
    beyond = out["walk"]["reasons"].iloc[0]  # a village of unknown people is told of, not counted as nobody
    assert "known people are farther" in beyond
    assert "1 of them have unknown people" in beyond


@pytest.mark.parametrize(
    "bad",
    [{"needs": {}}, {"needs": {"tents": {"per_person": 0}}}, {"drive_bands_min": (3, 2)}, {"walk_bands_min": (0, 2)},
     {"reach_min": 0}, {"needs": {"tents": {"per_person": -1}}}, {"stock_days": float("nan")}],
)  # fmt: skip
def test_refuses_parameters_that_make_no_sense(bad):
    with pytest.raises(ValidationError):
        SitingParams(**bad)


def test_every_default_need_says_that_it_is_assumed_in_both_languages():
    stocks = stocks_at(("ST1", 0, 5))
    pairs = Pairs(np.array([0]), np.array([0]), np.array([1.0]), 1, 1)
    for language, word in (("en", "assumed: set yours"), ("zh", "假定值")):
        table = stock_needs(np.array([4.0]), stocks, pairs, params=SitingParams(), language=language)
        assert table["grounds"].str.startswith(word).all()
    assert isinstance(table, pd.DataFrame)
