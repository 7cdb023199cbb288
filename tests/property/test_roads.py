import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiLineString, Point, Polygon, box

from geo_risk.exposure.network import (
    build_network,
    divided_at,
    edge_costs,
    exposed,
    is_connected,
    join_places,
    routes_from,
    single_failures,
    travel_costs,
)

CRS = "EPSG:4546"
SPEED = {"local": 60.0}


def roads(lines, **columns):
    shapes = [g if hasattr(g, "geom_type") else LineString(g) for g in lines]
    return gpd.GeoDataFrame({"road_id": [f"r{i:02d}" for i in range(len(lines))], **columns}, geometry=shapes, crs=CRS)


def points(*xy):
    return gpd.GeoDataFrame(geometry=[Point(p) for p in xy], crs=CRS)


def built(frame, **more):
    return build_network(frame, speed_km_h=SPEED, snap_m=1.0, **more)


def random_grid(seed, side=5, **columns):
    """Roads of a grid of 100 m, some missing, each with a bend; the frame is in random order."""
    rng = np.random.default_rng(seed)
    ends = [((x, y), (x + dx, y + dy)) for x in range(side) for y in range(side) for dx, dy in ((1, 0), (0, 1))
            if x + dx < side and y + dy < side and rng.random() < 0.85]  # fmt: skip
    lines = []
    for a, b in ends:
        middle = (np.array(a) + b) / 2 + rng.uniform(-0.2, 0.2, 2)
        lines.append(LineString(np.array([a, middle, b]) * 100.0))
    frame = roads(lines, speed_km_h=rng.uniform(10, 60, len(lines)),
                  oneway=rng.choice(["yes", "-1", "no"], len(lines), p=[0.15, 0.15, 0.7]),
                  bridge_id=rng.choice(["B0", "B1", "B2", "B3", None], len(lines), p=[0.1] * 4 + [0.6]))  # fmt: skip
    return frame.assign(**columns).sample(frac=1, random_state=seed % 1000).reset_index(drop=True)


@pytest.mark.parametrize(("column", "value", "way"), [
    ("oneway", "yes", 1), ("oneway", "no", 0), ("oneway", "-1", -1), ("ONEWAY", "F", 1), ("oneway", "T", 1),
    ("oneway", 1, 1), ("oneway", True, 1), ("oneway", None, 0), ("direction", 2, 1), ("Direction", 3.0, -1),
    ("direction", 1, 0), ("direction", "0", 0), ("dir_travel", "T", -1), ("单行", "是", 1), ("单行", "否", 0),
    ("方向", "双向", 0), ("通行方向", "反向", -1), ("方向", "正向通行", 1), ("oneway", "１", 1),
])  # fmt: skip
def test_directions_of_common_columns(column, value, way):
    network = built(roads([[(0, 0), (100, 0)]], **{column: [value]}))
    assert network.edges["direction"].tolist() == [way]
    assert network.counts["direction_unclear"] == 0
    costs = edge_costs(network, exposed_factor=1)
    west, east = np.argsort(network.nodes[:, 0])
    there = travel_costs(network, costs, np.array([west]), np.array([east]))[0, 0]
    back = travel_costs(network, costs, np.array([east]), np.array([west]))[0, 0]
    assert (np.isfinite(there), np.isfinite(back)) == (way >= 0, way <= 0)
    free = built(roads([[(0, 0), (100, 0)]], **{column: [value]}), keep_directions=False)
    assert free.edges["direction"].tolist() == [0]


def test_a_direction_that_is_not_understood_is_open_both_ways_and_counted():
    network = built(roads([[(0, 0), (100, 0)], [(100, 0), (200, 0)]], oneway=["perhaps", ""]))
    assert network.counts["direction_unclear"] == 1
    assert (network.edges["direction"] == 0).all()


def test_bad_lines_survive_and_are_counted():
    eight = LineString([(0, 0), (100, 100), (100, 0), (0, 100)])  # crosses itself
    frame = roads(
        [MultiLineString([[(0, 100, 5), (0, 200, 6)], [(0, 200, 6), (0, 300, 7)]]), eight, LineString([(5, 5), (5, 5)]),
         LineString([(0, 300), (0, 300.2)]), LineString([(0, 0), (50, 50), (0, 0)])], speed_km_h=[np.nan, -3, 1, 60, 0],
    )  # fmt: skip
    network = built(frame)
    assert network.counts["lines_without_length"] == 1
    assert len(network.edges) == 5
    assert np.isfinite(network.edges["minutes"]).all()
    assert not shapely.has_z(network.edges.geometry.to_numpy()).any()
    nodes = np.argsort(network.nodes[:, 1])
    assert np.isfinite(travel_costs(network, edge_costs(network, exposed_factor=1), nodes[:1], nodes)).all()


def test_an_end_on_the_middle_of_a_line_joins_it_and_a_crossing_does_not():
    frame = roads([[(0, 0), (200, 0)], [(80, 0.4), (80, 100)], [(150, -50), (150, 50)]])
    network = built(frame)
    assert network.counts["ends_on_lines"] == 1
    joined, node = join_places(network, points((80, 100), (200, 0), (150, 50)), max_distance_m=1, walking_km_h=4)
    reach = travel_costs(joined, edge_costs(joined, exposed_factor=1), node[:1], node)
    assert reach[0, 1] == pytest.approx(0.1 + 0.12, abs=1e-3)
    assert np.isinf(reach[0, 2])  # it passes over
    assert set(joined.pieces[node[:2]]) == {0}
    assert joined.pieces[node[2]] == 1


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_rows_does_not_matter(seed):
    frame = random_grid(seed)
    one, two = built(frame), built(frame.sample(frac=1, random_state=1).reset_index(drop=True))
    np.testing.assert_array_equal(one.nodes, two.nodes)
    pd.testing.assert_frame_equal(pd.DataFrame(one.edges), pd.DataFrame(two.edges))


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_dividing_at_areas_changes_no_trip_and_tells_what_lies_inside(seed, n):
    rng = np.random.default_rng(seed)
    network = built(random_grid(seed))
    corners = rng.uniform(0, 400, (n, 2))
    areas = np.array([Polygon(c + rng.uniform(20, 150) * np.array([(0, 0), (1, 0.2), (0.7, 1), (0.1, 0.6)]))
                      for c in corners], dtype=object)  # fmt: skip
    pieces, inside = divided_at(network, areas)
    nodes = np.arange(network.n_nodes)
    before = travel_costs(network, edge_costs(network, exposed_factor=1), nodes[:3], nodes)
    after = travel_costs(pieces, edge_costs(pieces, exposed_factor=1), nodes[:3], nodes)
    np.testing.assert_allclose(after, before, atol=1e-4)  # an edge costs at least 1e-6 min
    assert pieces.edges["length_m"].sum() == pytest.approx(network.edges["length_m"].sum())
    lengths = shapely.length(pieces.edges.geometry.to_numpy())
    np.testing.assert_allclose(lengths, pieces.edges["length_m"], atol=1e-6)
    whole = shapely.union_all(areas)
    covered = shapely.length(shapely.intersection(pieces.edges.geometry.to_numpy(), whole))
    share = pieces.edges["exposed_share"].to_numpy()
    assert (covered[share == 0] < 0.01).all()  # borders closer than a millimetre are one
    assert (lengths[share == 1] - covered[share == 1] < 0.01).all()
    shapes = gpd.GeoDataFrame(geometry=list(areas), crs=CRS)
    known = exposed(network, shapes).edges
    assert (share * lengths).sum() == pytest.approx((known["exposed_share"] * known["length_m"]).sum(), abs=0.1)
    for e, a in inside.itertuples(index=False):
        assert shapely.intersection(pieces.edges.geometry.iloc[e], areas[a]).length > 0


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_places_keep_their_distances_when_many_join_one_line(seed):
    rng = np.random.default_rng(seed)
    at = np.round(rng.uniform(0, 1000, 12), rng.integers(0, 3))
    network = built(roads([LineString([(0, 0), (400, 300), (400, 800)])]))
    along = [shapely.line_interpolate_point(network.edges.geometry.iloc[0], a) for a in at.clip(0, 1000)]
    places = gpd.GeoDataFrame(geometry=along, crs=CRS)
    joined, node = join_places(network, places, max_distance_m=1, walking_km_h=4)
    times = travel_costs(joined, edge_costs(joined, exposed_factor=1), node, node)
    total = network.edges["length_m"].iloc[0]
    there = np.minimum(at, total)
    np.testing.assert_allclose(times, np.abs(there[:, None] - there[None, :]) / 1000, atol=1e-4)
    way = routes_from(joined, edge_costs(joined, exposed_factor=1), int(node[0]), node)
    for k, route in enumerate(way):
        assert route.km * 1000 == pytest.approx(abs(there[k] - there[0]), abs=1e-5)
        assert route.line.length == pytest.approx(route.km * 1000, abs=1e-5)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_bridges_that_cut_off_are_those_found_one_by_one(seed):
    """Bridges of several edges, decks side by side and one-way roads among them."""
    rng = np.random.default_rng(seed)
    frame = random_grid(seed)
    twin = frame.sample(n=3, random_state=1).assign(geometry=lambda f: f.geometry.translate(0, 0.3), bridge_id="B0",
                                                    road_id=["t0", "t1", "t2"])  # fmt: skip
    network = built(gpd.GeoDataFrame(pd.concat([frame, twin], ignore_index=True), crs=CRS))
    open_edges = rng.random(len(network.edges)) < 0.9
    places, goals = rng.integers(-1, network.n_nodes, 10), rng.integers(-1, network.n_nodes, 2)
    found = single_failures(network, open_edges, places, goals).bridges
    name = network.edges["bridge_id"].fillna("").to_numpy(dtype=object)
    before = is_connected(network, open_edges, places, goals)
    wanted = {}
    for bridge in sorted(set(name) - {""}):
        left = is_connected(network, open_edges & (name != bridge), places, goals)
        for i in np.flatnonzero(before & ~left).tolist():
            wanted.setdefault(i, []).append(bridge)
    assert found == {i: tuple(sorted(b)) for i, b in wanted.items()}


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
@settings(max_examples=25, deadline=None)
def test_closing_a_road_of_a_one_way_network_never_shortens_a_trip(seed, closed):
    network = built(random_grid(seed))
    nodes = np.arange(network.n_nodes)
    costs = edge_costs(network, exposed_factor=1)
    before = travel_costs(network, costs, nodes[:3], nodes)
    costs[closed % len(costs)] = np.inf
    assert (travel_costs(network, costs, nodes[:3], nodes) >= before - 1e-9).all()


def test_a_zone_of_two_parts_and_a_road_along_its_border():
    network = built(roads([[(0, 0), (100, 0)], [(0, 50), (100, 50)]]))
    area = shapely.union_all([box(20, -10, 40, 50), box(60, -10, 80, 20)])
    pieces, inside = divided_at(network, np.array([area], dtype=object))
    share = pieces.edges.groupby("road_id").apply(lambda g: (g["exposed_share"] * g["length_m"]).sum())
    assert share["r00"] == pytest.approx(40)
    assert share["r01"] == pytest.approx(20)  # on the border is not outside
    assert len(inside) == 3
