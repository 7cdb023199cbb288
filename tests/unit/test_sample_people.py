"""Settlements, roads, bridges and shelters of the demo county, with their traps."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely

from geo_risk.sample.buildings import make_buildings
from geo_risk.sample.ground import make_ground
from geo_risk.sample.network import REACH_M, Network, choose_bridges, cut_off
from geo_risk.sample.people import make_people
from geo_risk.sample.settlements import rank_size, village_names
from geo_risk.sample.shelters import make_shelters, nearest_demand

SMALL = 240


@pytest.fixture(scope="module")
def ground():
    return make_ground(SMALL, 7)


@pytest.fixture(scope="module")
def people(ground):
    return make_people(ground)


def _graph(people, *, without=None):
    graph = nx.Graph()
    graph.add_nodes_from(range(len(people.network.nodes)))
    bridges = people.roads["bridge_id"].tolist()
    for (a, b), bridge in zip(people.network.ends, bridges, strict=True):
        if without is None or bridge != without:
            graph.add_edge(int(a), int(b))
    return graph


def _lost(people, bridge):
    """Settlements on the network that cannot reach the town without a bridge, by another library."""
    home = int(people.stops[-1])
    reached = nx.node_connected_component(_graph(people, without=bridge), home)
    ids = people.settlements["settlement_id"]
    return {i for i, s in zip(ids, people.stops, strict=True) if s >= 0 and int(s) not in reached}


def _check_traps(people):
    assert _lost(people, None) == set()
    assert _lost(people, people.critical_bridge) == set(people.cut_off_ids)
    assert len(people.cut_off_ids) == 3
    for bridge in people.bridges["bridge_id"]:
        if bridge != people.critical_bridge:
            assert _lost(people, bridge) == set(), bridge
    assert len(people.off_network_ids) == 1
    lonely = people.settlements.set_index("settlement_id").loc[people.off_network_ids[0]]
    away = shapely.distance(people.roads.geometry.to_numpy(), shapely.Point(lonely["x"], lonely["y"])).min()
    assert away > REACH_M


@pytest.mark.slow
def test_one_bridge_cuts_off_three_and_no_other_cuts_off_anybody(people):
    _check_traps(people)


def test_roads_are_noded(people):
    lines = people.roads.geometry.to_numpy()
    ends = shapely.get_coordinates([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    assert len(np.unique(ends, axis=0)) == len(people.network.nodes)
    assert people.roads["road_id"].is_unique
    villages = people.settlements[people.settlements["kind"] == "village"]
    on_road = ~villages["settlement_id"].isin(people.off_network_ids)
    points = shapely.points(villages.loc[on_road, "x"], villages.loc[on_road, "y"])
    nodes = shapely.multipoints(people.network.nodes)
    assert shapely.distance(points, nodes).max() < 0.02


def test_bridges_lie_on_their_roads_and_over_water(people, ground):
    roads = people.roads.set_index("road_id")
    water = shapely.union_all([ground.river, *ground.streams.geometry])
    for bridge in people.bridges.itertuples():
        # roads are simplified by up to 12 m after noding, so that a crossing may lie that far from its bridge
        assert roads.geometry[bridge.road_id].distance(bridge.geometry) <= 12.0
        assert roads.loc[bridge.road_id, "bridge_id"] == bridge.bridge_id
        assert water.distance(bridge.geometry) <= 12.0


def test_people_add_up_and_two_counts_are_bounded(people):
    table = people.settlements
    hoods = table[table["kind"] == "neighbourhood"]
    assert len(hoods) == 25
    assert hoods["people"].sum() == 25_000
    assert hoods["people"].max() <= 1500
    share = table["vulnerable_people"] / table["people"]
    assert ((share > 0.17) & (share < 0.31)).all()
    assert table["settlement_id"].is_unique
    assert table["name"].is_unique
    assert table["responsible"].str.fullmatch(r"责任人-\d{3}").all()


def test_households_of_buildings_add_up(people, ground):
    buildings = make_buildings(ground, people.settlements)
    got = buildings.groupby("settlement_id")["households"].sum()
    want = people.settlements.set_index("settlement_id")["households"]
    assert (got.reindex(want.index) == want).all()
    assert buildings.geometry.is_valid.all()
    assert (buildings["floors"] >= 1).all()


def test_shelters_have_the_places_and_a_third_is_overloaded_by_nearest_choice(people, ground):
    table = make_shelters(ground, people, danger=np.zeros((0, 2)), unsafe=np.zeros(ground.grid.shape, dtype=bool))
    total = int(people.settlements["people"].sum())
    assert table["capacity"].sum() == round(1.15 * total)
    over = (table["demand_nearest"] > table["capacity"]).sum()
    assert over == round(len(table) / 3)
    reached = people.settlements["people"].to_numpy()[people.stops >= 0].sum()
    assert table["demand_nearest"].sum() == reached


def test_nearest_demand_agrees_with_networkx(people):
    graph = nx.Graph()
    for (a, b), minutes in zip(people.network.ends, people.network.minutes, strict=True):
        if a != b and (not graph.has_edge(a, b) or graph[a][b]["w"] > minutes):
            graph.add_edge(int(a), int(b), w=float(minutes))
    nodes = people.stops[people.stops >= 0][[0, 3, -1]]
    got = nearest_demand(people, nodes)
    far = [nx.single_source_dijkstra_path_length(graph, int(n), weight="w") for n in nodes]
    want = np.zeros(3, dtype=np.int64)
    for stop, who in zip(people.stops, people.settlements["people"], strict=True):
        if stop >= 0:
            want[int(np.argmin([f[int(stop)] for f in far]))] += who
    assert got.tolist() == want.tolist()


def test_cut_off_on_a_drawn_graph():
    # 0-1 doubled, 1-2 single, 2-3-4 a triangle, 4-5 single; home is 0
    ends = np.array([[0, 1], [1, 0], [1, 2], [2, 3], [3, 4], [4, 2], [4, 5]])
    network = Network(np.zeros((6, 2)), ends, np.ones(7), np.ones(7))
    got = cut_off(network, 0, np.array([1, 3, 5, -1]))
    assert got == {2: [1, 2], 6: [2]}


def test_choose_bridges_spares_roads_that_cut_somebody_off():
    spots = pd.DataFrame(
        {"road": [0, 1, 2, 3, 3], "x": 0.0, "y": 0.0, "upslope_km2": [5.0, 1e6, 3.0, 2.0, 1.0],
         "water": ["stream", "river", "stream", "stream", "stream"]}
    )  # fmt: skip
    chosen = choose_bridges(spots, {0: [4]}, critical=None, number=9, spare=1)
    assert chosen["road"].tolist() == [1, 2, 3]
    assert choose_bridges(spots, {0: [4]}, critical=0, number=2, spare=0)["road"].tolist() == [0, 1]


def test_rank_size_adds_up_and_falls(people):
    size = rank_size(35, 25_000, np.random.default_rng(1))
    assert size.sum() == 25_000
    assert size[:5].mean() > 4 * size[-5:].mean()


def test_names_do_not_repeat_however_many():
    names = village_names(5000, np.random.default_rng(2))
    assert len(set(names)) == 5000


def test_same_ground_same_people(ground, people):
    again = make_people(ground)
    assert again.settlements.equals(people.settlements)
    assert again.roads.equals(people.roads)
    assert again.bridges.equals(people.bridges)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_default_has_the_counts_of_the_specification(seed):
    people = make_people(make_ground(500, seed))
    table = people.settlements
    assert (table["kind"] == "village").sum() == 35
    assert table.loc[table["kind"] == "village", "people"].sum() == 25_000
    assert (~table["is_people_known"]).sum() == 2
    assert len(people.bridges) == 25
    assert len(people.open_crossings) >= 6
    _check_traps(people)
