from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from geo_risk.core.grid import Grid
from geo_risk.products.closing import DEPTH, DepthLayer, closing, unknown_depth_shares, zone_level
from geo_risk.products.evacuation import plan_evacuation
from geo_risk.products.params import EvacuationParams
from geo_risk.products.routing import backup_routes, blocking, find_ways, main_routes
from geo_risk.products.water_times import FloodTimes, TownTimes
from tests.property.test_evacuation import CRS, PARAMS, scene, zone, zone_frame

STRICT = EvacuationParams(close_level=4)


def closed_of(areas):
    return shapely.union_all(areas.shapes[areas.closes])


def town(seed, n_zones=5):
    """Return a random town: a grid of roads, some one-way, with homes, shelters, and zones of several levels."""
    rng = np.random.default_rng(seed)
    lines = [LineString([(x * 100, y * 100), ((x + dx) * 100, (y + dy) * 100)]) for x in range(6) for y in range(6)
             for dx, dy in ((1, 0), (0, 1)) if x + dx < 6 and y + dy < 6 and rng.random() < 0.9]  # fmt: skip
    roads = gpd.GeoDataFrame({"road_id": [f"r{i:02d}" for i in range(len(lines))], "class": "local",
                              "oneway": rng.choice(["yes", "no"], len(lines), p=[0.1, 0.9])},
                             geometry=lines, crs=CRS)  # fmt: skip
    homes = gpd.GeoDataFrame({"settlement_id": [f"S{i}" for i in range(6)]},
                             geometry=[Point(p) for p in rng.uniform(0, 500, (6, 2))], crs=CRS)  # fmt: skip
    shelters = gpd.GeoDataFrame({"shelter_id": [f"H{i}" for i in range(3)]},
                                geometry=[Point(p) for p in rng.uniform(0, 500, (3, 2))], crs=CRS)  # fmt: skip
    corners = rng.uniform(-50, 450, (n_zones, 2))
    sizes = rng.uniform(20, 200, (n_zones, 2))
    zones = zone_frame(*(
        zone(f"Z{i}", box(*c, *(c + s)), kind=str(rng.choice(["landslide", "flood"])), hazard=int(rng.integers(-1, 5)),
             warning=int(rng.integers(-1, 5)))
        for i, (c, s) in enumerate(zip(corners, sizes, strict=True))
    ))  # fmt: skip
    return roads, homes, shelters, zones


def check_way(line, home, areas):
    """A way may run through closed ground only at its beginning, and only of areas that hold the home."""
    closed = closed_of(areas)
    if line.length == 0 or shapely.intersection(line, closed).length < 0.02:
        return
    own = [g for g, c in zip(areas.shapes, areas.closes, strict=True) if c and g.intersects(home)]
    assert own, "a way enters a closed area"
    parts = shapely.get_parts(shapely.intersection(line, closed))
    along = [shapely.line_locate_point(line, Point(p)) for g in parts for p in g.coords if g.length > 0.01]
    first = max(along)
    inside = shapely.intersection(shapely.ops.substring(line, 0, first), shapely.union_all(own))
    assert inside.length == pytest.approx(first, abs=0.05), "a way leaves the closed area and enters it again"


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 4, 5]))
@settings(max_examples=30, deadline=None)
def test_no_way_enters_a_closed_area(seed, close_level):
    roads, homes, shelters, zones = town(seed)
    strict = EvacuationParams(close_level=close_level)
    areas = closing(zones, roads, (), None, params=strict)
    assert (areas.closes == (zone_level(zones) >= close_level)[_order_of(areas, zones)]).all()
    ways = find_ways(homes, shelters, roads, areas, params=strict)
    rows, goals = np.nonzero(np.isfinite(ways.nearest.cost[ways.homes]))
    goals = ways.nearest.goal[ways.homes[rows], goals].astype(np.int64)
    routes, arcs = main_routes(ways, rows, goals) if len(rows) else ({}, {})
    everywhere = shapely.union_all(areas.shapes)
    for (i, j), route in routes.items():
        check_way(route.line, homes.geometry.iloc[i], areas)
        # the list tells how much of a way lies in zones: as the shapes say, but for what only touches a border
        assert route.exposed_km == pytest.approx(shapely.intersection(route.line, everywhere).length / 1000, abs=2e-4)
        share = ways.network.edges["exposed_share"].to_numpy()[list(route.edges)]
        paid = ways.network.edges["minutes"].to_numpy()[list(route.edges)] * (1 + 9 * share)
        slot = int(np.flatnonzero(ways.nearest.goal[ways.homes[i]] == j)[0])
        assert ways.nearest.cost[ways.homes[i], slot] == pytest.approx(paid.sum())  # ten times in zones, once elsewhere
    nearest = ways.nearest.goal[ways.homes, 0].astype(np.int64)
    none = np.array([], dtype=np.int64)
    used = [arcs.get((i, int(nearest[i])), none) for i in range(len(homes))]
    for i, found in enumerate(backup_routes(ways, np.arange(len(homes)), nearest, used)):
        if found is not None:
            assert found[0] != nearest[i]
            check_way(found[1].line, homes.geometry.iloc[i], areas)
    loose = EvacuationParams()
    free = find_ways(homes, shelters, roads, closing(zones, roads, (), None, params=loose), params=loose)
    for i in range(len(homes)):
        reached = np.isfinite(ways.nearest.cost[ways.homes[i], 0])
        assert not reached or np.isfinite(free.nearest.cost[free.homes[i], 0])  # closing opens no way
        if not reached and np.isfinite(free.nearest.cost[free.homes[i], 0]):
            assert set(blocking(ways, i)) <= set(areas.name[areas.closes])
            assert blocking(ways, i)


@pytest.mark.slow
@pytest.mark.parametrize("close_level", [3, 4, 5])
def test_no_way_of_the_demo_county_enters_a_closed_area(close_level):
    sample = Path(__file__).parents[2] / "data" / "sample"
    roads, homes, shelters = (gpd.read_file(sample / f"{n}.gpkg") for n in ("roads", "settlements", "shelters"))
    rng = np.random.default_rng(7)
    middles = roads.geometry.interpolate(0.5, normalized=True).iloc[rng.choice(len(roads), 60, replace=False)]
    near = [homes.geometry.iloc[k] for k in range(0, len(homes), 6)]
    zones = zone_frame(*(
        zone(f"Z{k:03d}", Point(at.x, at.y).buffer(float(rng.uniform(30, 250))), warning=int(rng.integers(-1, 5)),
             kind=str(rng.choice(["landslide", "flood"])), hazard=int(rng.integers(-1, 5)))
        for k, at in enumerate([*middles, *near])
    ))  # fmt: skip
    params = EvacuationParams(close_level=close_level)
    areas = closing(zones, roads, (), None, params=params)
    assert areas.closes.any() == (close_level < 5)
    ways = find_ways(homes, shelters, roads, areas, params=params)
    rows, slots = np.nonzero(np.isfinite(ways.nearest.cost[ways.homes]) & (ways.homes >= 0)[:, None])
    routes, _ = main_routes(ways, rows, ways.nearest.goal[ways.homes[rows], slots].astype(np.int64))
    assert len(routes) > len(homes)
    for (i, _), route in routes.items():
        check_way(route.line, homes.geometry.iloc[i], areas)


def _order_of(areas, zones):
    row = {z: k for k, z in enumerate(zones["zone_id"])}
    return [row[n] for n in areas.name]


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_way_through_zones_is_the_cheapest_by_an_independent_search(seed):
    roads, homes, shelters, zones = town(seed)
    params = EvacuationParams()
    ways = find_ways(homes, shelters, roads, closing(zones, roads, (), None, params=params), params=params)
    graph = nx.MultiDiGraph()
    for e in ways.network.edges.itertuples():
        cost = e.minutes * (1 + (params.exposed_time_factor - 1) * e.exposed_share)
        if e.direction >= 0:
            graph.add_edge(e.start, e.end, weight=cost)
        if e.direction <= 0:
            graph.add_edge(e.end, e.start, weight=cost)
    for home in ways.homes[ways.homes >= 0]:
        far = nx.single_source_dijkstra_path_length(graph, int(home))
        best = min((far.get(int(g), np.inf) for g in ways.goals if g >= 0), default=np.inf)
        assert ways.nearest.cost[home, 0] == pytest.approx(best)


def test_which_level_of_a_zone_closes():
    rows = zone_frame(zone("a", box(0, 0, 1, 1), warning=4, hazard=1), zone("b", box(0, 0, 1, 1), warning=-1, hazard=4),
                      zone("c", box(0, 0, 1, 1), kind="flood", warning=-1, hazard=-1),
                      zone("d", box(0, 0, 1, 1), kind="flood", warning=4, hazard=3))  # fmt: skip
    assert zone_level(rows).tolist() == [4, 4, -1, 3]
    roads = gpd.GeoDataFrame({"road_id": ["r"]}, geometry=[LineString([(0, 0), (1, 1)])], crs=CRS)
    areas = closing(rows, roads, (), None, params=STRICT)
    assert dict(zip(areas.name, areas.closes, strict=True)) == {"a": True, "b": True, "c": False, "d": False}


@pytest.mark.slow
def test_people_in_a_closed_zone_may_leave_it_and_others_may_not_enter_it():
    inputs = scene(zones=zone_frame(zone("Z1", box(1955, -20, 2300, 60))), people=(100, 60, None))
    plan = plan_evacuation(inputs, params=STRICT, language="en")
    row = plan.evacuation.set_index("settlement_id").loc["S1"]
    assert row["shelter_id"] == "H0"  # 45 m west out of the zone
    assert row["route_exposed_km"] == pytest.approx(0.045)
    assert "inside a closed area" in row["reasons"]
    assert plan.network["closed_km"] == pytest.approx(0.345)
    # a zone around the road on both sides: nobody gets through
    walls = zone_frame(zone("Z1", box(1955, 15, 1995, 60)), zone("Z8", box(1500, -9, 1600, 9)),
                       zone("Z9", box(2500, -9, 2600, 9)))  # fmt: skip
    plan = plan_evacuation(scene(zones=walls), params=STRICT, language="en")
    row = plan.evacuation.set_index("settlement_id").loc["S1"]
    assert (row["assigned_people"], row["unassigned_people"]) == (0, 30)
    assert "closed sections (Z8)" in row["reasons"]
    assert plan.totals["people_unassignable"] == 30
    assert len(plan.routes) == 0
    open_ = plan_evacuation(scene(zones=walls), params=EvacuationParams(), language="en")
    assert open_.totals["people_unassigned"] == 0


def water(depth_at, cell=5.0, arrival=None, hole=None):
    """Return a layer over the scene's road that is `depth` deep between two x, and unknown between two others."""
    grid = Grid.from_bounds((-90, -90, 5100, 90), crs=CRS, resolution_m=cell)
    x = grid.bounds[0] + cell * (np.arange(grid.shape[1]) + 0.5)
    depth, come = np.zeros(grid.shape, dtype="float32"), np.full(grid.shape, np.nan, dtype="float32")
    low, high, value = depth_at
    depth[:, (x >= low) & (x < high)] = value
    if arrival is not None:
        come[:, (x >= low) & (x < high)] = arrival
    if hole is not None:
        depth[:, (x >= hole[0]) & (x < hole[1])] = np.nan
    return DepthLayer(grid.layer(depth, units="m", long_name="d"), grid.layer(come, units="h", long_name="t"))


@pytest.mark.slow
def test_deep_water_closes_a_road_from_the_hour_it_comes():
    inputs = scene(zones=zone_frame(zone("Z1", box(1955, 15, 1995, 60))), capacity=(100, 0, 0))
    layer = water((1200, 1300, 0.5), arrival=2.5)
    begins = datetime(2024, 7, 24, 22, tzinfo=UTC)
    town = TownTimes(begins, layer.arrival, layer.depth, layer.depth)
    wet = replace(inputs, water=[layer], times=FloodTimes(begins, "rain", town))
    row = plan_evacuation(wet, params=EvacuationParams(), language="en").evacuation.iloc[0]
    assert (row["assigned_people"], row["leave_early"], row["closes_after_h"]) == (30, "yes", 2.5)
    assert "be through before it comes, 2024-07-25 08:30." in row["reasons"]
    # the slide comes at 23:00 at the earliest; the way is shut at 00:30, the drive takes less than 90 minutes
    assert row["leave_before"] == "2024-07-24T23:00:00+00:00"
    unsure = replace(wet, times=FloodTimes(begins, "rain"))  # the run does not tell: before the rain, less the drive
    late = plan_evacuation(unsure, params=EvacuationParams(), language="en").evacuation.iloc[0]
    drive = timedelta(minutes=float(late["travel_min"]))
    assert drive > timedelta(minutes=2)
    assert timedelta(0) <= begins - drive - datetime.fromisoformat(late["leave_before"]) < timedelta(seconds=1)
    assert "be through before the rain begins, 2024-07-25 06:00" in late["reasons"]
    unknown = replace(wet, times=FloodTimes())
    assert (
        "its time is not known" in plan_evacuation(unknown, params=PARAMS, language="en").evacuation.loc[0, "reasons"]
    )
    strict = plan_evacuation(wet, params=EvacuationParams(before_closing=False), language="en")
    assert strict.totals["people_unassigned"] == 30
    assert "closed sections (deep water)" in strict.evacuation.iloc[0]["reasons"]
    late = EvacuationParams(before_closing=False, clear_by_h=2.0)
    row = plan_evacuation(wet, params=late, language="en").evacuation.iloc[0]
    assert (row["assigned_people"], row["leave_early"]) == (30, "no")
    for shallow in (water((1200, 1300, 0.29)), water((1200, 1300, 0.5), cell=30.0)):
        row = plan_evacuation(replace(inputs, water=[shallow]), params=late, language="en").evacuation.iloc[0]
        assert (row["assigned_people"], row["leave_early"]) == (30, "no")
    # with another way, nobody goes through the water
    both = scene(zones=zone_frame(zone("Z1", box(1955, 15, 1995, 60))), capacity=(100, 100, 0))
    row = plan_evacuation(replace(both, water=wet.water), params=EvacuationParams(), language="en").evacuation.iloc[0]
    assert (row["shelter_id"], row["leave_early"]) == ("H1", "no")


@pytest.mark.slow
def test_who_goes_to_a_second_shelter_through_the_waters_way_is_through_in_time_too():
    inputs = scene(zones=zone_frame(zone("Z1", box(1955, 15, 1995, 60))), capacity=(18, 12, 0))
    begins = datetime(2024, 7, 24, 22, tzinfo=UTC)
    # most go west, 2 km on dry roads; the rest east, 3 km, through what water will close
    wet = replace(inputs, water=[water((3500, 3600, 0.5), arrival=2.5)], times=FloodTimes(begins, "rain"))
    plan = plan_evacuation(wet, params=EvacuationParams(), language="en")
    row = plan.evacuation.iloc[0]
    assert (row["shelter_id"], row["assigned_people"], row["leave_early"]) == ("H0", 30, "yes")
    drive = float(plan.assignments.set_index("shelter_id").loc["H1", "travel_min"])
    assert drive > row["travel_min"]
    assert datetime.fromisoformat(row["leave_before"]) <= begins - timedelta(minutes=drive)


@pytest.mark.slow
def test_water_runs_under_a_deck():
    inputs = scene(zones=zone_frame(zone("Z1", box(1955, 15, 1995, 60))), capacity=(100, 0, 0))
    deck = gpd.GeoDataFrame({"bridge_id": ["B"]}, geometry=[Point(1250, 0)], crs=CRS)
    wet = replace(inputs, water=[water((1220, 1280, 2.0))], bridges=deck)
    params = EvacuationParams(before_closing=False)
    assert plan_evacuation(wet, params=params, language="en").totals["people_unassigned"] == 0
    narrow = EvacuationParams(before_closing=False, deck_m=20)
    assert plan_evacuation(wet, params=narrow, language="en").totals["people_unassigned"] == 30


@pytest.mark.slow
def test_an_unknown_depth_is_not_open():
    inputs = scene(zones=zone_frame(zone("Z1", box(1955, 15, 1995, 60))))
    # west 2 km, of which 1.5 km are unknown; east 3 km of known dry road
    unknown = replace(inputs, water=[water((0, 0, 0), hole=(300, 1800))])
    plan = plan_evacuation(unknown, params=EvacuationParams(), language="en")
    assert plan.evacuation.iloc[0]["shelter_id"] == "H1"
    assert plan.network["unknown_depth_km"] == pytest.approx(1.5, abs=0.02)  # looked at every 15 m
    assert plan_evacuation(inputs, params=EvacuationParams(), language="en").evacuation.iloc[0]["shelter_id"] == "H0"
    share, seen = unknown_depth_shares(inputs.roads, unknown.water, chunk=2)
    np.testing.assert_allclose(share, [0.7, 0.8, 0, 0, 0], atol=0.02)
    assert seen.all()


def test_the_finer_layer_counts_where_it_knows():
    roads = scene().roads
    none = zone_frame(zone("Z", box(0, 900, 1, 901)))
    coarse, fine = water((0, 5000, 2.0), cell=10.0), water((0, 0, 0), hole=(2000, 3000))
    areas = closing(none, roads, [fine, coarse], None, params=EvacuationParams())
    deep = shapely.union_all(areas.shapes[areas.closes_later])
    assert shapely.intersection(deep, LineString([(0, 0), (5000, 0)])).length == pytest.approx(1000, abs=20)
    assert set(areas.name[areas.closes]) == {DEPTH}


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_the_plan_does_not_depend_on_the_order_of_rows(seed):
    inputs = scene((100, 60, 80), (70, 90, 50))
    other = replace(inputs, **{
        name: getattr(inputs, name).sample(frac=1, random_state=seed).reset_index(drop=True)
        for name in ("settlements", "houses", "zones", "roads", "shelters")
    })  # fmt: skip
    one, two = (plan_evacuation(x, params=STRICT) for x in (inputs, other))
    for name in ("evacuation", "assignments", "routes", "cut_off"):
        pd.testing.assert_frame_equal(pd.DataFrame(getattr(one, name)), pd.DataFrame(getattr(two, name)))
    assert one.totals == two.totals
    assert one.network == two.network


@pytest.mark.slow
def test_villages_that_stay_are_on_the_list_of_those_cut_off():
    plan = plan_evacuation(scene(zones=zone_frame(
        zone("Z0", box(955, 15, 995, 60)), zone("Z8", box(1500, -9, 1600, 9)))), params=EvacuationParams(),
        language="en")  # fmt: skip
    rows = plan.cut_off.set_index("settlement_id")
    # S1 stands between the zone on the road and bridge BR1 east of it; S2 east of the bridge reaches H1
    assert rows.index.tolist() == ["S1"]
    assert rows.loc["S1", ["cut_off_risk", "bridge_ids", "people_leaving", "people_staying"]].tolist() == [
        "medium", "BR1", 0, 60]  # fmt: skip
    assert "BR1" in rows.loc["S1", "reasons"]
    assert "S1" not in set(plan.evacuation["settlement_id"])
