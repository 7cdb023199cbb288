import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import CrsError, DataError
from geo_risk.exposure.network import (
    build_network,
    edge_costs,
    exposed,
    is_connected,
    join_places,
    nearest_route,
    routes_from,
    travel_costs,
)

CRS = "EPSG:4546"
SPEED = {"primary": 60.0, "local": 30.0}


def roads(lines, **columns):
    data = {"road_id": [f"r{i}" for i in range(len(lines))], **columns}
    return gpd.GeoDataFrame(data, geometry=[LineString(line) for line in lines], crs=CRS)


def points(*xy):
    return gpd.GeoDataFrame(geometry=[Point(p) for p in xy], crs=CRS)


def square(side=1000.0):
    """A square of four roads with the corners a, b, c, d."""
    a, b, c, d = (0, 0), (side, 0), (side, side), (0, side)
    return [[a, b], [b, c], [c, d], [d, a]]


def test_times_lengths_and_snapping():
    lines = [[(0, 0), (1000, 0)], [(1000.4, 0.3), (1000, 2000)]]
    network = build_network(roads(lines, **{"class": ["primary", "unknown"]}), speed_km_h=SPEED, snap_m=1.0)
    assert network.n_nodes == 3
    np.testing.assert_allclose(network.edges["minutes"], [1.0, 2.0 * network.edges["length_m"][1] / 1000], rtol=1e-6)
    apart = build_network(roads(lines), speed_km_h=SPEED, snap_m=0.1)
    assert apart.n_nodes == 4
    quick = build_network(roads(lines, speed_km_h=[120.0, 0.0]), speed_km_h=SPEED, snap_m=1)
    assert quick.edges["minutes"].tolist()[0] == pytest.approx(0.5)


def test_places_join_in_the_middle_of_a_road_and_routes_follow_it():
    network = build_network(roads(square(), **{"class": "primary"}), speed_km_h=SPEED, snap_m=1.0)
    joined, node = join_places(
        network, points((200, -50), (300, 0), (1000, 500), (0, 0), (9000, 9000)), max_distance_m=100, walking_km_h=3
    )
    assert (node >= 0).tolist() == [True, True, True, True, False]
    assert joined.edges["length_m"].sum() == pytest.approx(4000 + 50)
    costs = edge_costs(joined, exposed_factor=10)
    times = travel_costs(joined, costs, node[[2]], node)
    np.testing.assert_allclose(times, [[0.8 + 0.5 + 1.0, 0.7 + 0.5, 0, 1.0 + 0.5, np.inf]], atol=1e-4)
    ways = routes_from(joined, costs, int(node[2]), node)
    assert ways[4] is None
    assert ways[0].km == pytest.approx(0.05 + 0.8 + 0.5)
    assert ways[0].minutes == pytest.approx(2.3, abs=1e-4)
    assert ways[0].line.coords[0] == (200, -50)
    assert ways[0].line.coords[-1] == (1000, 500)
    assert ways[0].line.length == pytest.approx(ways[0].km * 1000)
    assert ways[2].km == 0


def test_exposed_roads_are_avoided_and_counted():
    network = build_network(roads(square(), **{"class": "primary"}), speed_km_h=SPEED, snap_m=1.0)
    zone = gpd.GeoDataFrame(geometry=[box(-10, 200, 10, 400), box(-10, 300, 10, 500)], crs=CRS)
    network, node = join_places(network, points((0, 0), (0, 1000)), max_distance_m=10, walking_km_h=3)
    risky = exposed(network, zone)
    assert (risky.edges["exposed_share"] * risky.edges["length_m"]).sum() == pytest.approx(300)
    way = routes_from(risky, edge_costs(risky, exposed_factor=10), int(node[1]), node[[0]])[0]
    assert (way.km, way.exposed_km) == (pytest.approx(3.0), 0.0)
    short = routes_from(risky, edge_costs(risky, exposed_factor=1), int(node[1]), node[[0]])[0]
    assert (short.km, short.exposed_km) == (pytest.approx(1.0), pytest.approx(0.3))


def test_parallel_roads_keep_the_quicker_one():
    lines = [[(0, 0), (500, 400), (1000, 0)], [(0, 0), (1000, 0)]]
    network = build_network(roads(lines), speed_km_h={"local": 60.0}, snap_m=1)
    way = routes_from(network, edge_costs(network, exposed_factor=1), 0, np.array([1]))[0]
    assert way.edges == (1,)


def test_a_network_in_pieces_reaches_only_its_own():
    lines = [[(0, 0), (100, 0)], [(500, 0), (600, 0)]]
    network = build_network(roads(lines), speed_km_h=SPEED, snap_m=1)
    network, node = join_places(network, points((0, 0), (500, 0), (600, 0)), max_distance_m=10, walking_km_h=3)
    every = np.ones(len(network.edges), dtype=bool)
    assert is_connected(network, every, node, node[[2]]).tolist() == [False, True, True]
    assert not is_connected(network, ~every, node[[0]], node[[2]]).any()
    assert not is_connected(network, every, np.array([-1]), node).any()


def test_roads_without_a_geometry_and_speeds_that_are_none_are_counted():
    ways = [LineString([(0, 0), (1000, 0)]), None, LineString(), LineString([(1000, 0), (2000, 0)]),
            LineString([(2000, 0), (3000, 0)]), LineString([(3000, 0), (4000, 0)])]  # fmt: skip
    roads = gpd.GeoDataFrame({"road_id": list("abcdef"), "class": "local",
                              "speed_km_h": ["40", "40", "40", "fast", "0", None]}, geometry=ways, crs=CRS)  # fmt: skip
    network = build_network(roads, speed_km_h={"local": 20.0}, snap_m=1.0)
    assert network.counts["lines_without_geometry"] == 2
    assert network.counts["speeds_unread"] == 1  # 0 and missing mean that the class decides
    assert sorted(network.edges["minutes"].round(6)) == [1.5, 3.0, 3.0, 3.0]


def test_bad_roads_stop():
    with pytest.raises(CrsError):
        build_network(roads(square()).set_crs("EPSG:4490", allow_override=True), speed_km_h=SPEED, snap_m=1)
    with pytest.raises(DataError, match="length"):
        build_network(roads([[(0, 0), (0, 0)]]), speed_km_h=SPEED, snap_m=1)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_closing_a_road_never_shortens_a_trip(seed, closed):
    rng = np.random.default_rng(seed)
    lines = [[(x, y), (x + dx, y + dy)] for x in range(4) for y in range(4) for dx, dy in ((1, 0), (0, 1))
             if x + dx < 4 and y + dy < 4]  # fmt: skip
    frame = roads((np.array(lines) * 100.0).tolist(), speed_km_h=rng.uniform(10, 60, len(lines)))
    network = build_network(frame, speed_km_h=SPEED, snap_m=1)
    nodes = np.arange(network.n_nodes)
    costs = edge_costs(network, exposed_factor=1)
    before = travel_costs(network, costs, nodes[:3], nodes)
    costs[closed % len(lines)] = np.inf
    after = travel_costs(network, costs, nodes[:3], nodes)
    assert (after >= before - 1e-9).all()
    np.testing.assert_allclose(before[:, :3], before[:, :3].T)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_nearest_route_is_the_cheapest_of_all_routes(seed):
    rng = np.random.default_rng(seed)
    lines = [[(x, y), (x + dx, y + dy)] for x in range(4) for y in range(4) for dx, dy in ((1, 0), (0, 1))
             if x + dx < 4 and y + dy < 4] * 2  # fmt: skip
    frame = roads((np.array(lines) * 100.0).tolist(), speed_km_h=rng.uniform(10, 60, len(lines)))
    network = build_network(frame, speed_km_h=SPEED, snap_m=1)
    costs = edge_costs(network, exposed_factor=1)
    costs[rng.random(len(costs)) < 0.3] = np.inf  # closed; of two parallel roads sometimes one
    targets = rng.choice(np.arange(-1, network.n_nodes), 5)
    source = int(rng.integers(network.n_nodes))
    reach = np.where(targets >= 0, travel_costs(network, costs, np.array([source]), targets)[0], np.inf)
    found = nearest_route(network, costs, source, targets)
    if not np.isfinite(reach).any():
        assert found is None
        return
    best, way = found
    assert best == np.argmin(reach)
    assert costs[list(way.edges)].sum() == pytest.approx(reach[best], abs=1e-4)  # a length of 0 costs 1e-6 min
    back = routes_from(network, costs, int(targets[best]), np.array([source]))[0]
    assert way.km == pytest.approx(back.km)
    assert way.line.coords[0] == pytest.approx(tuple(network.nodes[source]))
    assert way.line.coords[-1] == pytest.approx(tuple(network.nodes[targets[best]]))


def test_a_network_without_an_open_road_leads_nowhere():
    network = build_network(roads([[(0, 0), (100, 0)]]), speed_km_h=SPEED, snap_m=1)
    closed = np.full(len(network.edges), np.inf)
    assert nearest_route(network, closed, 0, np.array([1, -1])) is None
    assert nearest_route(network, closed, 0, np.array([], dtype=np.int64)) is None
    assert nearest_route(network, closed, 0, np.array([1, 0]))[0] == 1  # the place itself
