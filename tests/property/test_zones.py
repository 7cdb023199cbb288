import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.products.delineation import zone_polygons
from geo_risk.products.division import divide_patches
from geo_risk.products.matching import link_points
from geo_risk.products.params import RiskParams
from geo_risk.products.vulnerability import matrix_risk
from geo_risk.products.zone_exposure import Exposed, exposure_of
from geo_risk.products.zones import Dangers, risk_layer, risk_zones
from geo_risk.terrain import distance
from tests.support.mosaics import array_of, mosaic_of

CRS = "EPSG:4546"
PARAMS = RiskParams()
GRID = Grid.from_bounds((0, 0, 900, 900), crs=CRS, resolution_m=30)
level = st.integers(-1, 4)


def layer(array):
    return GRID.layer(np.asarray(array, dtype="int8"), units="level", long_name="x")


def houses(*rows):
    """Rows of (x, y, people) of 10 m square houses."""
    return gpd.GeoDataFrame(
        {"house_id": [f"B{i}" for i in range(len(rows))], "settlement_id": [f"S{i}" for i in range(len(rows))],
         "people": [r[2] for r in rows], "households": [r[2] for r in rows], "is_building": True},
        geometry=[box(x, y, x + 10, y + 10) for x, y, _ in rows], crs=CRS,
    )  # fmt: skip


def hillside(value=3):
    cells = np.ones((30, 30), dtype="int8")
    cells[10:20, 10:20] = value  # x 300-600, y 300-600
    return cells


def test_a_zone_worked_by_hand():
    there = houses((310, 310, 40.0), (400, 400, 80.0), (595, 400, 10.0), (10, 10, 500.0))
    roads = gpd.GeoDataFrame({"road_id": ["r"]}, geometry=[LineString([(0, 450), (900, 450)])], crs=CRS)
    warnings = {"warning_24h": layer(hillside(4)), "warning_1h": layer(np.full((30, 30), -1))}
    params = RiskParams(zone_smooth_m=0)
    zones = risk_zones(Dangers({"landslide": layer(hillside())}, warnings), Exposed(there, roads), GRID,
                       params=params, language="en")  # fmt: skip
    assert len(zones) == 1
    row = zones.iloc[0]
    assert row.geometry.equals(box(300, 300, 600, 600))
    # half of the third house stands inside
    assert row[["people", "households", "buildings"]].tolist() == [125, 125, 3]
    assert row["road_km"] == pytest.approx(0.3)
    assert row[["hazard_level", "vulnerability_level", "risk_level"]].tolist() == [3, 3, 3]
    assert row[["warning_24h", "warning_1h", "warning_72h"]].tolist() == [4, -1, -1]
    assert row["zone_id"].startswith("LS-")
    assert "125 people" in row["reasons"]
    burned = risk_layer(zones, {"landslide": layer(hillside())}, GRID)
    assert (burned.data[10:20, 10:20] == 3).all()
    assert burned.data[0, 0] == 1


def test_unknown_people_and_unknown_hazard_are_never_low():
    unknown = houses((400, 400, np.nan))
    zones = risk_zones(Dangers({"landslide": layer(hillside())}, {}), Exposed(unknown), GRID, params=PARAMS)
    assert zones["people"].isna().all()
    # vulnerability is unknown; a high hazard is at least medium by the matrix (row 3, column 1)
    assert zones[["vulnerability_level", "risk_level"]].iloc[0].tolist() == [-1, 2]
    cells = hillside()
    cells[0:5] = -1
    burned = risk_layer(zones, {"landslide": layer(cells)}, GRID)
    assert (burned.data[0:5] == -1).all()
    none = risk_zones(Dangers({"landslide": layer(np.ones((30, 30)))}, {}), Exposed(), GRID, params=PARAMS)
    assert len(none) == 0


def test_reasons_of_a_zone_say_that_no_buildings_were_given():
    there = houses((400, 400, 125.0)).assign(is_building=False)
    row = risk_zones(Dangers({"landslide": layer(hillside())}, {}), Exposed(there), GRID, params=PARAMS,
                     language="en").iloc[0]  # fmt: skip
    assert row.isna()["buildings"]
    assert "buildings unknown" in row["reasons"]


def test_unknown_ground_under_a_harmless_zone_stays_unknown():
    rows = {"zone_id": ["SS-1", "SS-2", "LS-1"], "kind": ["structure_settlement", "flood", "landslide"],
            "hazard_level": [1, -1, 3], "vulnerability_level": [0, -1, 0], "risk_level": [1, -1, 1],
            "reasons": "r"}  # fmt: skip
    shapes = [box(0, 0, 300, 300), box(150, 0, 300, 300), box(600, 600, 900, 900)]
    zones = conform(gpd.GeoDataFrame(rows, geometry=shapes, crs=CRS), "risk_zones")
    known, hazard = np.ones((30, 30), dtype="int8"), np.zeros((30, 30), dtype="int8")
    known[20:, 2] = -1  # rows run south: y < 300
    hazard[:10, 20:] = 3
    burned = risk_layer(zones, {"flood": layer(known), "landslide": layer(hazard)}, GRID)
    assert burned.data[25, 0] == 1  # known ground in a zone of low risk
    assert burned.data[25, 2] == -1  # the flood is not known there
    assert burned.data[25, 7] == -1  # a zone of unknown risk beats a low one
    assert burned.data[5, 25] == 1  # a known hazard that meets nothing


def test_the_risk_of_cells_is_the_same_in_any_blocks_and_lazy(monkeypatch):
    rows = {"zone_id": ["A", "B", "C"], "kind": "flood", "hazard_level": [1, 3, 3], "vulnerability_level": [0, 2, 1],
            "risk_level": [1, 3, -1], "reasons": "r"}  # fmt: skip
    shapes = [box(10, 10, 700, 650), Point(500, 500).buffer(230), Point(300, 650).buffer(171)]
    zones = conform(gpd.GeoDataFrame(rows, geometry=shapes, crs=CRS), "risk_zones")
    rng = np.random.default_rng(4)
    hazard = {"flood": layer(rng.integers(-1, 3, (30, 30)))}
    whole = risk_layer(zones, hazard, GRID)
    assert isinstance(whole.data, da.Array)
    for chunk in (7, 16):
        monkeypatch.setattr(distance, "CHUNK", chunk)
        parts = risk_layer(zones, hazard, GRID)
        assert parts.data.chunks[0][0] == chunk
        np.testing.assert_array_equal(parts.to_numpy(), whole.to_numpy())


def test_reasons_do_not_call_unknown_roads_none_and_give_levels_in_words():
    dangers = Dangers({"landslide": layer(hillside())}, {"warning_24h": layer(hillside(3))})
    row = risk_zones(dangers, Exposed(houses((400, 400, 12.0))), GRID, params=PARAMS, language="zh").iloc[0]
    assert "roads unknown" in row["reasons_en"]
    assert "道路未知" in row["reasons"]
    assert "危险性高" in row["reasons"]
    assert "橙色" in row["reasons"]
    assert "orange (24 h stage)" in row["reasons_en"]
    assert row["reasons"] == row["reasons_zh"]


def test_moving_areas_and_ponds_become_zones_by_their_rules():
    areas = gpd.GeoDataFrame(
        {"area_id": list("abcd"), "kind": ["landslide", "groundwater_subsidence", "landslide", "unknown"],
         "velocity_max_mm_yr": [-30.0, -300.0, -90.0, 6.0], "activity": ["steady", "steady", "steady", "accelerating"],
         "false_alarm_p": [0.0, 0.0, 0.5, np.nan]},
        geometry=[box(i * 100, 0, i * 100 + 90, 90) for i in range(4)], crs=CRS,
    )  # fmt: skip
    squares = [box(i * 100, 300, i * 100 + 50, 350) for i in range(3)]
    ponds = gpd.GeoDataFrame({"depth_class": [4, 1, None]}, geometry=squares, crs=CRS)
    zones = risk_zones(Dangers({}, {}, areas, ponds), Exposed(), GRID, params=PARAMS, language="en")
    got = {(r.kind, r.hazard_level) for r in zones.itertuples()}
    assert got == {("landslide", 3), ("groundwater_subsidence", 2), ("unknown", 4), ("waterlogging", 4)}
    assert (zones[[f"warning_{s}h" for s in (72, 24, 6, 3, 1)]] == -1).all(axis=None)


def test_a_dam_that_speeds_up_is_very_high_and_one_that_does_not_is_at_most_medium():
    kinds = ["structure_settlement", "structure_settlement", "structure_settlement", "groundwater_subsidence"]
    areas = gpd.GeoDataFrame(
        {"area_id": list("abcd"), "kind": kinds, "velocity_max_mm_yr": [-6.0, -300.0, -6.0, -300.0],
         "activity": ["accelerating", "steady", "seasonal", "accelerating"], "false_alarm_p": 0.0,
         "failure_window_start": ["2025-03-02", None, "2025-04-01", None],
         "failure_window_end": ["2025-05-01", None, None, None]},
        geometry=[box(i * 100, 0, i * 100 + 90, 90) for i in range(4)], crs=CRS,
    )  # fmt: skip
    ponds = gpd.GeoDataFrame({"depth_class": [4]}, geometry=[box(0, 300, 50, 350)], crs=CRS)
    zones = risk_zones(Dangers({}, {}, areas, ponds), Exposed(), GRID, params=PARAMS, language="en")
    zones = zones[zones["kind"] != "waterlogging"]  # its reasons say nothing of motion
    by_x = zones.assign(x=zones.geometry.bounds["minx"]).sort_values("x")
    assert by_x["hazard_level"].tolist() == [4, 2, 4, 2]
    speeds_up, steady, window, sinks = by_x["reasons_en"]
    assert "speeds up" in speeds_up
    assert "Failure window 2025-03-02 - 2025-05-01" in speeds_up
    assert "speeds up" not in steady
    assert "Failure window 2025-04-01 - ?" in window
    assert "does not slide" in sinks
    assert by_x["reasons_zh"].str.contains("破坏时间窗").tolist() == [True, False, True, False]


@pytest.mark.slow
@given(st.sampled_from(["landslide", "structure_settlement", "mining_subsidence", "unknown"]), st.floats(0, 400))
def test_speeding_up_never_lowers_a_zone(kind, speed):
    rows = {"area_id": ["a", "b"], "kind": kind, "velocity_max_mm_yr": -speed, "activity": ["steady", "accelerating"],
            "false_alarm_p": 0.0}  # fmt: skip
    areas = gpd.GeoDataFrame(rows, geometry=[box(0, 0, 90, 90), box(300, 0, 390, 90)], crs=CRS)
    zones = risk_zones(Dangers({}, {}, areas), Exposed(), GRID, params=PARAMS).set_index("activity")
    assert zones.loc["accelerating", "hazard_level"] == 4


def test_layers_of_another_grid_stop():
    other = Grid.from_bounds((0, 0, 600, 600), crs=CRS, resolution_m=30)
    bad = other.layer(np.ones(other.shape, dtype="int8"), units="level", long_name="x")
    with pytest.raises(GridError, match="landslide"):
        risk_zones(Dangers({"landslide": bad}, {}), Exposed(), GRID, params=PARAMS)


def test_points_and_zones_name_each_other():
    zones = risk_zones(Dangers({"landslide": layer(hillside())}, {}), Exposed(), GRID, params=PARAMS, language="en")
    zone_id = zones["zone_id"].iloc[0]
    points = gpd.GeoDataFrame(
        {"point_id": ["P2", "P1", "P3"], "zone_id": [zone_id, zone_id, None],
         "responsible": ["责任人-002", None, None]},
        geometry=[Point(0, 0)] * 3, crs=CRS,
    )  # fmt: skip
    linked = link_points(zones, points, language="en")
    assert linked["point_ids"].tolist() == ["P1,P2"]
    assert linked["responsible"].tolist() == ["责任人-002"]
    assert link_points(zones, None)["point_ids"].isna().all()


@given(level, level)
def test_raising_a_level_never_lowers_the_risk(hazard, vulnerability):
    here = matrix_risk([hazard], [vulnerability], PARAMS.risk_matrix)[0]
    if 0 <= hazard < 4:
        assert matrix_risk([hazard + 1], [vulnerability], PARAMS.risk_matrix)[0] >= here
    if 0 <= vulnerability < 4:
        assert matrix_risk([hazard], [vulnerability + 1], PARAMS.risk_matrix)[0] >= here
    if hazard < 0:
        assert here == -1
    assert -1 <= here <= 4


@pytest.mark.slow
@given(hnp.arrays(bool, (30, 30)), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_no_threatened_house_is_lost_and_zones_do_not_overlap(cells, seed):
    rng = np.random.default_rng(seed)
    places = houses(*((x, y, 1.0) for x, y in rng.uniform(0, 880, (12, 2))))
    params = RiskParams(zone_max_area_m2=27_000)
    zones = zone_polygons(cells, GRID, houses=places, params=params)
    assert zones.is_valid.all()
    centres = places.geometry.representative_point()
    rows, columns, _ = GRID.index(centres.x, centres.y)
    threatened = places[cells[rows, columns]]
    assert threatened.intersects(zones.union_all()).all() or not len(threatened)
    # a house given back by its cell may overlap a neighbour by less than that cell
    assert zones.area.sum() - zones.union_all().area <= 900 * len(places) if len(zones) else True


@given(hnp.arrays(bool, (20, 20)), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_dividing_keeps_every_cell_and_the_limit(cells, max_cells):
    labels, _ = ndimage.label(cells)
    halved, n = divide_patches(mosaic_of(labels, (6, 9)), int(labels.max()), max_cells=max_cells)
    got = array_of(halved)
    assert n == got.max()
    np.testing.assert_array_equal(got > 0, cells)
    counts = np.bincount(got.ravel())[1:]
    assert (counts <= max_cells).all()
    assert (counts > 0).all()
    for part in range(1, int(got.max()) + 1):
        assert len(np.unique(labels[got == part])) == 1


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_people_of_disjoint_zones_that_cover_all_add_up(seed):
    rng = np.random.default_rng(seed)
    there = houses(
        *((x, y, float(p)) for x, y, p in zip(*rng.uniform(0, 880, (2, 15)), rng.integers(0, 90, 15), strict=True))
    )
    cut = float(rng.uniform(100, 800))
    zones = gpd.GeoDataFrame(geometry=[box(0, 0, cut, 900), box(cut, 0, 900, 900)], crs=CRS)
    got = exposure_of(zones, Exposed(there))
    assert got["people"].sum() == pytest.approx(there["people"].sum(), abs=1)  # each zone is rounded once
