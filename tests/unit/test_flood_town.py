"""The town: surfaces, storms, sites, devices, and the list that comes of them, on a hand-made quarter."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, MultiPoint, MultiPolygon, Point, box

from geo_risk.core.errors import DataError, LimitError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_drained import write_drained
from geo_risk.flow.steps.flood_sites import by_place, read_features
from geo_risk.flow.steps.flood_town import _gap_of
from geo_risk.hazards.flood.devices import place_devices, sink_grid
from geo_risk.hazards.flood.drained_ground import doubtful_share, drained_rate, served_areas
from geo_risk.hazards.flood.losses import Ground
from geo_risk.hazards.flood.params import FloodParams, SiteParams, TownFlowParams
from geo_risk.hazards.flood.pond import replay
from geo_risk.hazards.flood.rain_gaps import without_gaps
from geo_risk.hazards.flood.responses import (
    findings,
    past_comparison,
    record_cells,
    recorded_ponds,
    responses,
    site_depths,
)
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.sites import Features, Town, detect_sites, merge_ledger, town_ground
from geo_risk.hazards.flood.town import (
    Surface,
    coarsened_max,
    run_town,
    storm_window,
    town_facts,
    town_surface,
    window_runoff_mm_h,
)
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer

GRID = Grid.from_bounds((500_000, 4_000_000, 500_500, 4_000_400), crs="EPSG:4546", resolution_m=5)
TOWN_PARAMS = TownFlowParams(window_h=2)
SITES = SiteParams()


def at(row: int, column: int) -> tuple[float, float]:
    return 500_000 + 5 * (column + 0.5), 4_000_400 - 5 * (row + 0.5)


def ground() -> np.ndarray:
    """A plane falling east with hollows: an underpass (20, 20), a dip (20, 70), a court (60, 40), a pit (60, 80)."""
    rows, columns = np.mgrid[: GRID.shape[0], : GRID.shape[1]]
    z = 800 - 0.01 * columns + 0.005 * np.abs(rows - 40)
    for (r, c), depth, radius in (((20, 20), 1.2, 5), ((20, 70), 0.6, 5), ((60, 40), 0.7, 6), ((60, 80), 0.6, 3)):
        distance = np.hypot(rows - r, columns - c)
        z -= depth * np.clip(1 - (distance / radius) ** 2, 0, 1)
    return z


def frame(rows: list[dict[str, object]], columns: tuple[str, ...] = ()) -> gpd.GeoDataFrame:
    made = pd.DataFrame(rows, columns=None if rows else [*columns, "geometry"])
    return gpd.GeoDataFrame(made, geometry="geometry", crs=GRID.crs)


def features(**changes: gpd.GeoDataFrame) -> Features:
    y = at(20, 0)[1]
    x = at(0, 20)[0]
    given = {
        "roads": frame([{"class": "primary", "name": "A", "geometry": LineString([(500_000, y), (500_500, y)])}]),
        "railways": frame([{"geometry": LineString([(x, 4_000_000), (x, 4_000_400)])}]),
        "entrances": frame([], ("name", "sill_height_m", "people")),
        "buildings": frame([{"geometry": box(500_385, 4_000_080, 500_420, 4_000_115)}]),
    }
    return Features(**{**given, **changes}, is_built=np.ones(GRID.shape, dtype=bool))


@pytest.fixture(scope="module")
def town() -> Town:
    return town_ground(GRID, ground(), SITES)


def ledger() -> gpd.GeoDataFrame:
    rows = [
        {"site_id": "W1", "kind": "underpass", "name": "下穿", "people": 300, "geometry": Point(at(21, 22))},
        {"site_id": "W2", "kind": "road_dip", "name": "坡上", "people": 50, "geometry": Point(at(2, 90))},
        {"site_id": "W3", "kind": "road_dip", "name": "界外", "people": 50, "geometry": Point(510_000, 4_000_100)},
    ]
    return frame(rows)


def test_each_hollow_gets_its_kind(town: Town) -> None:
    found = detect_sites(town, features(), SITES)
    assert found["kind"].tolist() == ["underpass", "road_dip", "low_lying"]  # the pit lies under a building
    assert found["traffic_class"].tolist() == ["primary", "primary", "none"]
    assert (found["catchment_m2"] > found["area_m2"]).all()
    doors = frame([{"name": "车库", "sill_height_m": 0.2, "people": 100, "geometry": Point(at(60, 41))}])
    kinds = detect_sites(town, features(entrances=doors), SITES)
    assert kinds["kind"].tolist() == ["underpass", "road_dip", "underground_space"]
    assert kinds["sill_height_m"].iloc[2] == 0.2
    nothing = features(roads=frame([], ("class", "name")), railways=frame([]), buildings=frame([]))
    assert set(detect_sites(town, nothing, SITES)["kind"]) == {"low_lying"}


def test_ledger_and_detection_are_merged(town: Town) -> None:
    sites, aside = merge_ledger(detect_sites(town, features(), SITES), ledger(), town, SITES)
    assert sites["source"].tolist() == ["both", "inventory", "inventory", "detected", "detected"]
    assert sites["site_id"].is_unique
    assert [(a["id"], a["reason"]) for a in aside] == [("W3", "lies beyond the town's DEM: depth unknown")]
    assert aside[0]["reason_zh"] == "位于城区高程模型之外：水深未知"
    first = sites.iloc[0]
    assert divmod(int(first["cell"]), GRID.shape[1]) == (20, 20)
    assert first["name"] == "下穿"
    assert first["traffic_class"] == "primary"  # from the road, the ledger does not say it
    assert sites.iloc[2]["cell"] == -1
    assert sites.iloc[1]["volume_m3"] == 0


def test_without_a_ledger_all_sites_are_detected(town: Town) -> None:
    sites, aside = merge_ledger(detect_sites(town, features(), SITES), None, town, SITES)
    assert set(sites["source"]) == {"detected"}
    assert not aside


def devices(town: Town, sites: gpd.GeoDataFrame, capacity: float = 0.05) -> pd.DataFrame:
    pumps = frame([{"pump_id": "P1", "capacity_m3_s": capacity, "site_id": "W1", "geometry": Point(at(20, 20))}])
    drains = frame([
        {"drain_id": "D1", "capacity_m3_s": 0.02, "site_id": None, "geometry": Point(at(60, 41))},
        {"drain_id": "D2", "capacity_m3_s": -1.0, "site_id": None, "geometry": Point(at(60, 41))},
        {"drain_id": "D3", "capacity_m3_s": 0.02, "site_id": None, "geometry": Point(1, 1)},
    ])  # fmt: skip
    placed, aside = place_devices(drains, pumps, sites, town, SITES)
    assert [a["id"] for a in aside] == ["D2", "D3"]
    return placed


def test_devices_take_from_the_lowest_cell_and_know_their_site(town: Town) -> None:
    sites, _ = merge_ledger(detect_sites(town, features(), SITES), ledger(), town, SITES)
    placed = devices(town, sites)
    assert placed["kind"].tolist() == ["drain", "pump"]
    court = sites.loc[sites["kind"] == "low_lying", "site_id"].iloc[0]
    assert placed["site_id"].tolist() == [court, "W1"]
    assert placed["cell"].tolist() == [60 * 100 + 40, 20 * 100 + 20]
    sinks = sink_grid(placed, GRID.shape, pd.Series({"W1": 0.5}))
    assert sinks[20, 20] == pytest.approx(0.025)
    assert sinks.sum() == pytest.approx(0.045)


def test_surface_puts_roads_over_houses_over_fields() -> None:
    number, soil, sealed = np.full(GRID.shape, 70.0), np.full(GRID.shape, 2), np.zeros(GRID.shape)
    number[0, 0], soil[0, 0], sealed[0, 0] = np.nan, 0, np.nan
    natural = Ground(number, soil, sealed)
    built = np.zeros(GRID.shape, dtype=bool)
    built[30:50] = True
    road = LineString([(500_000, at(40, 0)[1]), (500_500, at(40, 0)[1])])
    surface = town_surface(GRID, natural, roads=[(road, "local")], is_built=built, params=TOWN_PARAMS)
    assert surface.curve_number[40, 50] == 98
    assert surface.curve_number[45, 50] == 88
    assert surface.curve_number[10, 50] == 70
    assert surface.curve_number[0, 0] == TOWN_PARAMS.unknown_curve_number
    assert surface.manning_n[40, 50] < surface.manning_n[45, 50] < surface.manning_n[10, 50]
    assert [surface.impervious_share[row, 50] for row in (40, 45, 10)] == [1.0, 0.72, 0.0]
    assert (surface.soil[10, 50], surface.soil[0, 0], surface.impervious_share[0, 0]) == (2, 4, 0.0)
    rain = np.full((3, 1, 1), 30.0)
    for params in (RunoffParams(), RunoffParams(method="green_ampt")):
        shed = surface.excess_mm(rain, params).sum(axis=0)
        assert shed[40, 50] > shed[45, 50] > shed[10, 50]
        assert shed[0, 0] > shed[10, 50]  # what is not known counts as wet ground
        assert (surface.excess_mm(rain, params, condition=3.0).sum(axis=0) >= shed).all()


@pytest.mark.slow
def test_the_step_takes_areas_and_leaves_points_to_the_sites(tmp_path) -> None:
    ones = GRID.layer(np.ones(GRID.shape, np.float32), units="1", long_name="built", name="town_built")
    write_layer(ones, tmp_path / "built.tif")
    left, bottom, _, top = GRID.bounds
    shapes = [box(left, bottom, left + 100, top), Point(left + 5, top - 5), LineString([(left, top), (left + 50, top)])]
    frame = gpd.GeoDataFrame(
        {"drain_id": ["a", "p", "l"], "capacity_mm_h": [36.0, np.nan, np.nan], "capacity_m3_s": [np.nan, 0.1, 0.1]},
        geometry=shapes, crs=GRID.crs,
    )  # fmt: skip
    frame.to_file(tmp_path / "drains.gpkg")
    write_drained(built=tmp_path / "built.tif", drains=tmp_path / "drains.gpkg", out=tmp_path / "out.tif",
                  facts=tmp_path / "facts.json", options={}, built_mm_h=5.0)  # fmt: skip
    rate = open_layer(tmp_path / "out.tif").to_numpy()
    assert (rate[0, 0], rate[0, -1]) == (36.0, 5.0)
    aside: list[dict[str, str]] = []
    read = read_features(tmp_path / "drains.gpkg", "drains", GRID, options={}, aside=aside)
    assert by_place(read, aside)["drain_id"].tolist() == ["p"]
    assert [row["id"] for row in aside] == ["l"]


def test_a_drain_of_several_parts_takes_its_capacity_once(tmp_path: Path) -> None:
    left, bottom, _, top = GRID.bounds
    two = MultiPolygon([box(left, bottom, left + 100, top), box(left + 200, bottom, left + 300, top)])
    points = MultiPoint([at(10, 10), at(10, 12), at(10, 14), at(10, 16)])
    drains = frame([{"drain_id": "a", "capacity_m3_s": 0.8, "geometry": two},
                    {"drain_id": "m", "capacity_m3_s": 0.2, "geometry": points},
                    {"drain_id": "p", "capacity_m3_s": 0.3, "geometry": Point(at(20, 20))}])  # fmt: skip
    drains.to_file(tmp_path / "drains.gpkg")
    write_layer(GRID.layer(np.zeros(GRID.shape), units="1", long_name="built", name="built"), tmp_path / "built.tif")
    write_drained(built=tmp_path / "built.tif", drains=tmp_path / "drains.gpkg", out=tmp_path / "out.tif",
                  facts=tmp_path / "facts.json", options={}, built_mm_h=0.0)  # fmt: skip
    rate = open_layer(tmp_path / "out.tif").to_numpy().astype(float)
    assert rate.sum() * GRID.cell_area_m2 / 3.6e6 == pytest.approx(0.8)
    assert rate[0, 30] == rate[0, -1] == 0
    read = by_place(read_features(tmp_path / "drains.gpkg", "drains", GRID, options={}, aside=[]), [])
    assert read["drain_id"].tolist() == ["m"] * 4 + ["p"]
    assert read["capacity_m3_s"].astype(float).tolist() == pytest.approx([0.05] * 4 + [0.3])


def test_storm_begins_after_the_last_dry_gap() -> None:
    rain = np.array([5.0, 5, 0, 0, 0, 0, 1, 2, 0, 10, 20, 5, 0, 0])
    window = storm_window(rain, window_h=2, dry_gap_h=3)
    assert (window.start, window.first, window.stop) == (6, 9, 11)
    assert storm_window(rain, window_h=2, dry_gap_h=12).start == 0
    assert storm_window([3.0], window_h=6, dry_gap_h=3).stop == 1
    # of windows that hold the burst the one that lets its water arrive
    assert storm_window([np.nan, np.nan, 40.0, 0.0, 0.0, 0.0], window_h=3, dry_gap_h=2).first == 2
    assert storm_window([np.nan, 4.0, np.nan], window_h=1, dry_gap_h=1).first == 1
    with pytest.raises(DataError, match="at least one hour"):
        storm_window([], window_h=6, dry_gap_h=3)


@pytest.mark.parametrize("params", [RunoffParams(), RunoffParams(method="green_ampt")])
def test_window_runoff_counts_the_rain_before(params: RunoffParams) -> None:
    hours, one = np.full((2, 1, 1), 20.0), np.ones((1, 1))
    ground = Surface(80 * one, 0.03 * one, 3 * one, 0 * one)
    fresh = window_runoff_mm_h(hours[:0], hours, ground, params)
    soaked = window_runoff_mm_h(3 * hours, hours, ground, params)
    assert fresh.shape == soaked.shape == (2, 1, 1)
    assert (soaked > fresh).all()
    assert (soaked <= 20.0).all()
    whole = ground.excess_mm(np.concatenate([3 * hours, hours]), params)
    np.testing.assert_allclose(soaked, whole[2:], atol=1e-9)  # sums of the same rain
    sealed = Surface(100 * one, 0.03 * one, 0 * one, one)
    assert window_runoff_mm_h(hours[:0], hours, sealed, params)[:, 0, 0] == pytest.approx([20.0, 20.0])


@pytest.mark.parametrize("drained", [0.0, 15.0, 30.0, 400.0])
def test_drains_by_area_take_their_rate_and_no_more_than_there_is(drained: float) -> None:
    flat = np.full((6, 6), 800.0)
    surface = Surface(np.full(flat.shape, 98.0), np.full(flat.shape, 0.03), drained_mm_h=np.full(flat.shape, drained))
    params = TownFlowParams(open_boundary=False, after_h=1.0)
    run = run_town(flat, surface, np.full((2, 6, 6), 30.0), np.zeros(flat.shape), cell_m=5.0, params=params)
    # 30 mm/h for two hours, drained for three
    left = max(60.0 - drained * 3, 0.0)
    assert run.balance.final_m3 == pytest.approx(left / 1000 * 36 * 25, abs=1e-6)
    assert run.balance.drained_m3 == pytest.approx((60.0 - left) / 1000 * 36 * 25, abs=1e-6)
    assert run.max_depth_m.max() == pytest.approx(max((30.0 - drained) * 2, 0.0) / 1000, abs=1e-4)


def test_served_areas_by_rate_or_by_discharge_and_slips_are_set_aside() -> None:
    left, bottom, right, top = GRID.bounds
    middle = (left + right) / 2
    frame = gpd.GeoDataFrame(
        {"drain_id": ["a", "b", "c", "d"], "capacity_mm_h": [36.0, np.nan, 36_000.0, None],
         "capacity_m3_s": [np.nan, 1.0, np.nan, np.nan]},
        geometry=[box(left, bottom, middle, top), box(middle, bottom, right, top), *[box(*GRID.bounds)] * 2],
        crs=GRID.crs,
    )  # fmt: skip
    areas, aside = served_areas(frame)
    assert [row["id"] for row in aside] == ["c", "d"]
    built = np.ones(GRID.shape, dtype=bool)
    rate = drained_rate(areas, built, GRID, built_mm_h=5.0)
    # 1 m3/s over 250 m x 400 m
    assert (rate[0, 0], rate[0, -1]) == pytest.approx((36.0, 3.6e6 / 100_000))
    assert drained_rate(areas[:1], built, GRID, built_mm_h=5.0)[0, -1] == 5.0
    assert drained_rate([], ~built, GRID, built_mm_h=5.0).max() == 0.0
    # an area whose capacity cannot be is said to drain nothing: built-up ground in it does neither
    assert drained_rate(areas[2:], built, GRID, built_mm_h=5.0).max() == 0.0


def test_the_smallest_rate_counts_where_drained_areas_overlap_in_any_order() -> None:
    left, bottom, right, top = GRID.bounds
    middle = (left + right) / 2
    areas = [(box(left, bottom, right, top), 20.0), (box(middle, bottom, right, top), 50.0)]
    built = np.zeros(GRID.shape, dtype=bool)
    for order in (areas, areas[::-1]):
        assert (drained_rate(order, built, GRID, built_mm_h=5.0) == 20.0).all()
        assert doubtful_share(order, GRID) == pytest.approx(0.5)
    same = [(shape, 20.0) for shape, _ in areas]
    assert doubtful_share(same, GRID) == doubtful_share(areas[:1], GRID) == doubtful_share([], GRID) == 0.0


def test_coarse_cells_take_the_deepest_water() -> None:
    depth = np.zeros(GRID.shape)
    depth[3, 4], depth[0, 99] = 0.8, np.nan
    coarse = Grid.from_bounds((499_970, 3_999_970, 500_530, 4_000_430), crs="EPSG:4546", resolution_m=30)
    out = coarsened_max(depth, GRID, coarse)
    assert np.nanmax(out) == 0.8
    assert np.isnan(out[0]).all()
    with pytest.raises(DataError, match="4547"):
        coarsened_max(depth, GRID, Grid.from_bounds((0, 0, 300, 300), crs="EPSG:4547", resolution_m=30))


def storm(town: Town, sites: pd.DataFrame, placed: pd.DataFrame, share: pd.Series | None = None, mm: float = 40.0):  # type: ignore[no-untyped-def, type-arg]
    surface = Surface(np.full(GRID.shape, 98.0), np.full(GRID.shape, 0.03))
    net = np.full((2, *GRID.shape), mm)
    return run_town(town.elevation, surface, net, sink_grid(placed, GRID.shape, share), cell_m=5.0,
                    params=TOWN_PARAMS, record_cells=record_cells(sites, placed, town))  # fmt: skip


@pytest.mark.slow
def test_past_depths_reveal_a_dead_pump_and_spare_a_sound_one(town: Town) -> None:
    sites, _ = merge_ledger(detect_sites(town, features(), SITES), ledger(), town, SITES)
    placed = devices(town, sites, capacity=0.4)
    nominal = {s: storm(town, sites, placed, mm=mm) for s, mm in (("S1", 40.0), ("S2", 60.0))}
    dead = {s: storm(town, sites, placed, pd.Series({"W1": 0.0}), mm) for s, mm in (("S1", 40.0), ("S2", 60.0))}

    def report(runs: dict[str, object]) -> pd.DataFrame:
        rows = [
            {"storm_id": s, "site_id": site, "depth_m": round(depth, 2)}
            for s, run in runs.items()
            for site, depth in zip(
                sites["site_id"], site_depths(run.max_depth_m, sites["cell"].to_numpy()), strict=True
            )  # type: ignore[attr-defined]
            if np.isfinite(depth)
        ]
        return pd.DataFrame(rows)

    sound = findings(sites, placed, town, nominal, report(nominal), SITES)
    assert not sound["is_defect"].any()
    assert sound["correction_m"].abs().max() < 0.02
    bad = findings(sites, placed, town, nominal, report(dead), SITES).set_index("site_id")
    assert bad.loc["W1", "is_defect"]
    assert bad.loc["W1", "share"] < 0.25
    assert not bad.drop(index="W1")["is_defect"].any()
    assert findings(sites, placed, town, {}, report(dead), SITES).empty
    # a storm whose rain lacked an hour at a site says nothing of its drain
    hidden = np.ones(GRID.shape, dtype=bool)
    short = {s: without_gaps(run, hidden, sure_m=np.inf) for s, run in nominal.items()}
    assert findings(sites, placed, town, short, report(dead), SITES).empty
    first = next(iter(nominal))
    one = findings(sites, placed, town, {**nominal, first: short[first]}, report(dead), SITES).set_index("site_id")
    assert (one["n_reports"] == len(nominal) - 1).all()
    # such reports, and those of storms without a run, stay on the comparison: nobody knows what stood there
    told = past_comparison(sites, {first: short[first]}, report(dead))
    assert len(told) == len(report(dead))
    assert told["modelled_m"].isna().all()
    gap = _gap_of(first, told)
    assert "W1" in gap["reason"]
    assert "W1" in gap["reason_zh"]


@pytest.mark.slow
def test_water_that_rises_when_the_run_ends_is_told_and_water_at_rest_is_not(town: Town) -> None:
    sites, _ = merge_ledger(detect_sites(town, features(), SITES), ledger(), town, SITES)
    placed = devices(town, sites, capacity=0.0)
    surface = Surface(np.full(GRID.shape, 98.0), np.full(GRID.shape, 0.03))
    rising = {}
    for after_h in (0.0, 4.0):
        run = run_town(town.elevation, surface, np.full((1, *GRID.shape), 15.0), sink_grid(placed, GRID.shape),
                       cell_m=5.0, params=TOWN_PARAMS.model_copy(update={"after_h": after_h}),
                       record_cells=record_cells(sites, placed, town))  # fmt: skip
        made = responses(sites, placed, town, run, None, peak_rain_mm_h=15.0, depth_bound_m=0.15, params=SITES)
        rising[after_h] = made.set_index("site_id")["depth_bound"]
    assert rising[0.0]["W1"] == "rising"
    assert rising[0.0]["W2"] == "exact"  # a street on a slope: what runs down there does not gather
    assert rising[0.0]["W3"] == "unknown"
    assert rising[4.0]["W1"] == "exact"


@pytest.mark.slow
def test_replay_agrees_with_a_new_run_and_is_monotone(town: Town) -> None:
    sites, _ = merge_ledger(detect_sites(town, features(), SITES), ledger(), town, SITES)
    placed = devices(town, sites, capacity=0.06)
    pond = recorded_ponds(storm(town, sites, placed), sites, placed, town)["W1"]
    assert replay(pond, 0.06) == pytest.approx(float(pond.depth_m.max()), abs=0.03)
    other = recorded_ponds(storm(town, sites, placed, pd.Series({"W1": 0.5})), sites, placed, town)["W1"]
    assert replay(pond, 0.03) == pytest.approx(float(other.depth_m.max()), abs=0.05)
    depths = [replay(pond, c) for c in (0.0, 0.02, 0.04, 0.08, 1.0)]
    assert depths == sorted(depths, reverse=True)
    assert replay(pond, 0.06, inflow_share=0.5) <= replay(pond, 0.06) <= replay(pond, 0.06, inflow_share=2.0)


@pytest.mark.slow
def test_responses_describe_every_site(town: Town) -> None:
    sites, _ = merge_ledger(detect_sites(town, features(), SITES), ledger(), town, SITES)
    placed = devices(town, sites)
    run = storm(town, sites, placed)
    table = responses(sites, placed, town, run, None, peak_rain_mm_h=40.0, depth_bound_m=0.15, params=SITES)
    assert len(table) == len(sites)
    row = table.set_index("site_id")
    assert np.isnan(row.loc["W3", "depth_m"])
    assert row.loc["W2", "depth_m"] < 0.05
    wet = row.dropna(subset=["depth_cleared_m"])
    assert (wet["depth_cleared_m"] <= wet["depth_m"] + 1e-9).all()
    assert (wet["depth_sound_m"] <= wet["depth_m"] + 1e-9).all()
    assert (wet["critical_rain_mm_h"].dropna() <= 120).all()
    facts = town_facts(run, table, times=["a", "b", "c"], peak_rain_mm_h=40.0)
    assert facts["counts"]["error_m3"] == pytest.approx(0, abs=1e-6)


def test_limits_of_the_town_run(town: Town) -> None:
    surface = Surface(np.full(GRID.shape, 98.0), np.full(GRID.shape, 0.03))
    net = np.zeros((1, *GRID.shape))
    with pytest.raises(LimitError, match="8,000 cells"):
        run_town(town.elevation, surface, net, np.zeros(GRID.shape), cell_m=5.0,
                 params=TownFlowParams(cells_max=100))  # fmt: skip
    with pytest.raises(DataError, match="every cell is missing"):
        run_town(np.full(GRID.shape, np.nan), surface, net, np.zeros(GRID.shape), cell_m=5.0, params=TOWN_PARAMS)


def test_site_depths_look_at_the_neighbours_too() -> None:
    depth = np.zeros((4, 4))
    depth[1, 1], depth[3, 3] = 0.5, np.nan
    got = site_depths(depth, np.array([0, 10, 15, -1]))
    assert got[:3].tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(got[3])
    assert np.isnan(site_depths(np.full((3, 3), np.nan), np.array([4]))[0])


@pytest.mark.parametrize(
    "change", [{"depth_bounds_m": (0.5, 0.15, 1.0, 2.0)}, {"runoff": {"curve_numbers": {1: (60, 140, 150, 160)}}}]
)
def test_impossible_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needed"):
        FloodParams.model_validate(change)
