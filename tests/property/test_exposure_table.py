"""The exposure table: its rows add up to what was given, and nothing unknown is nobody."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geo_risk.core.grid import Grid
from geo_risk.core.levels import combine_levels
from geo_risk.exposure.params import ExposureParams
from geo_risk.exposure.places import Places, divided, union_parts, valid_polygons
from geo_risk.products.exposure_sums import Surveyed
from geo_risk.products.exposure_table import exposure_table
from geo_risk.products.farmland import farmland_codes, farmland_layer
from geo_risk.products.multi_hazard import HAZARDS, combined_levels, risks_by_hazard
from geo_risk.products.params import RiskParams
from geo_risk.products.vulnerability import vulnerability_of
from geo_risk.products.zone_exposure import Exposed, exposure_of

CRS = "EPSG:4546"
GRID = Grid.from_bounds((0, 0, 900, 900), crs=CRS, resolution_m=30)
PARAMS = RiskParams()
level = st.integers(-1, 4)


def houses(rng, n, *, unknown=0):
    people = rng.integers(0, 60, n).astype(float)
    people[:unknown] = np.nan
    return gpd.GeoDataFrame(
        {"house_id": [f"B{i}" for i in range(n)], "settlement_id": rng.choice(["S0", "S1"], n), "people": people,
         "households": np.floor(people / 3), "vulnerable_people": np.floor(people / 5), "is_building": True,
         "spread": "floor_area", "structure": rng.choice(["adobe", "frame", "unknown"], n), "use": None,
         "floor_area_m2": 100.0, "assets_cny": rng.choice([np.nan, 1e6], n)},
        geometry=[box(x, y, x + 20, y + 20) for x, y in rng.uniform(0, 880, (n, 2))], crs=CRS,
    )  # fmt: skip


def zones(shapes, kinds="landslide", risk=3):
    ids = [f"Z{i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"zone_id": ids, "kind": kinds, "risk_level": risk}, geometry=shapes, crs=CRS)


def townships(*shapes):
    codes = [f"10{i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"code": codes, "name": [f"乡{c}" for c in codes]}, geometry=list(shapes), crs=CRS)


@pytest.mark.slow
@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_zones_and_the_rest_and_townships_add_up_to_what_was_given(seed):
    rng = np.random.default_rng(seed)
    there = houses(rng, 40)
    corners, sizes = rng.uniform(0, 700, (6, 2)), rng.uniform(30, 200, (6, 2))
    drawn = zones([box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sizes, strict=True)])
    roads = gpd.GeoDataFrame({"road_id": ["r"]}, geometry=[LineString(rng.uniform(0, 900, (5, 2)))], crs=CRS)
    crops = GRID.layer(rng.integers(0, 2, GRID.shape).astype("float32"), units="1", long_name="f", name="farmland")
    cut = float(rng.uniform(200, 700))
    # two townships that overlap by a strip, and ground of none
    towns = townships(box(0, 0, cut, 900), box(cut - 50, 0, 850, 900))
    facilities = gpd.GeoDataFrame(
        {"facility_id": list("ab"), "name": ["小学", None], "people": [200.0, 30.0]},
        geometry=[Point(*p) for p in rng.uniform(0, 900, (2, 2))], crs=CRS,
    )  # fmt: skip
    made = exposure_table(Exposed(there, roads, facilities), Surveyed(drawn, towns, crops), PARAMS)
    rows = made.set_index("place_id")
    columns = ["known_people", "road_km", "farmland_ha", "facilities", "buildings", "buildings_adobe"]
    whole = rows.loc[["all_zones", "outside_zones"], columns].astype(float).sum()
    np.testing.assert_allclose(whole, rows.loc["total", columns].astype(float), rtol=1e-6, atol=1e-6)
    assert rows.loc["total", "people"] == there["people"].sum()
    parts = rows[rows["place_kind"] == "township"][["known_people", "road_km", "farmland_ha"]].astype(float).sum()
    wanted = rows.loc["all_zones", ["known_people", "road_km", "farmland_ha"]].astype(float)
    np.testing.assert_allclose(parts, wanted, rtol=1e-5, atol=1e-5)
    whole_rows = rows.loc[["total", "all_zones", "outside_zones"]]
    assert (whole_rows["people_low"] <= whole_rows["people"]).all()
    assert (whole_rows["people_high"] >= whole_rows["people"]).all()


def test_what_nobody_gave_is_unknown_outside_of_zones_too():
    made = exposure_table(Exposed(houses(np.random.default_rng(1), 5)), Surveyed(zones([box(0, 0, 90, 90)])), PARAMS)
    rows = made.set_index("place_id").loc[["total", "all_zones", "outside_zones"]]
    assert rows[["road_km", "farmland_ha", "facilities"]].isna().all(axis=None)
    assert rows["gaps"].str.contains("gap_roads").all()


def test_without_buildings_a_zone_beside_the_discs_is_not_known_to_be_empty():
    discs = houses(np.random.default_rng(1), 2).assign(
        is_building=False, people=40.0, structure=None, assets_cny=np.nan
    )
    discs["geometry"] = [box(0, 0, 50, 50), box(800, 800, 850, 850)]
    roads = gpd.GeoDataFrame({"road_id": ["r"]}, geometry=[LineString([(0, 890), (9, 890)])], crs=CRS)
    exposed, drawn = Exposed(discs, roads), zones([box(0, 0, 60, 60), box(300, 300, 400, 400)])
    made = exposure_table(exposed, Surveyed(drawn), PARAMS).set_index("place_id")
    assert made[["buildings", "buildings_unknown"]].isna().all(axis=None)
    assert made["gaps"].str.contains("gap_structure").all()
    rows = drawn.join(exposure_of(drawn, exposed))
    assert vulnerability_of(rows, exposed, PARAMS).tolist()[1] == -1
    built = Exposed(discs.assign(is_building=True), roads)
    assert vulnerability_of(drawn.join(exposure_of(drawn, built)), built, PARAMS).tolist()[1] == 0


def test_a_township_within_another_does_not_count_its_ground_twice():
    whole, enclave = box(0, 0, 100, 100), box(20, 20, 40, 40)
    ground = gpd.GeoDataFrame(geometry=[box(10, 10, 50, 50)], crs=CRS)
    for order, wanted in (([whole, enclave], [1600, 0]), ([enclave, whole], [400, 1200]), ([whole, whole], [1600, 0])):
        inside, outside = divided(ground, gpd.GeoDataFrame(geometry=order, crs=CRS))
        area = np.bincount(inside.owner, weights=inside.parts.area, minlength=2)
        assert area.tolist() == wanted
        assert not len(outside.parts)


def test_a_table_worked_by_hand():
    there = gpd.GeoDataFrame(
        {"house_id": list("abc"), "settlement_id": ["S0", "S0", "S1"], "people": [40.0, 80.0, np.nan],
         "households": [10.0, 20.0, np.nan], "vulnerable_people": [8.0, 9.0, np.nan], "is_building": True,
         "spread": "households", "structure": ["adobe", "frame", "frame"], "use": [None, "shop", None],
         "floor_area_m2": 100.0, "assets_cny": [1e6, 9e6, np.nan]},
        geometry=[box(0, 0, 10, 10), box(95, 0, 105, 10), box(500, 0, 510, 10)], crs=CRS,
    )  # fmt: skip
    school = gpd.GeoDataFrame(
        {"facility_id": ["F1", "F2"], "name": ["一中", "卫生院"], "people": [600.0, np.nan],
         "people_day": [650.0, np.nan]},
        geometry=[Point(50, 50), Point(505, 50)], crs=CRS,
    )  # fmt: skip
    drawn = zones([box(-10, -10, 100, 100), box(480, -10, 600, 100)])
    day = ExposureParams(day_home_share={"residential": 0.5, "shop": 1.0})
    params = RiskParams(exposure=day)
    made = exposure_table(Exposed(there, None, school, params=day), Surveyed(drawn), params, language="en")
    first, second = (made.set_index("place_id").loc[z] for z in ("Z0", "Z1"))
    assert first[["people", "households", "vulnerable_people", "buildings"]].tolist() == [80, 20, 12, 2]
    assert first["people_day"] == 40 * 0.5 + 80 * 0.5 + 650
    assert first[["buildings_adobe", "buildings_frame", "buildings_unknown"]].tolist() == [1, 1, 0]
    assert first["assets_cny"] == 1e6 + 4.5e6
    assert first["facility_names"] == "一中"
    assert first["danger_grade"] == "II"  # 650 pupils, not 80 residents
    assert "from 500 people" in first["reasons"]
    # of the second nobody knows how many live there: no number, no IV, no assets of nothing
    assert pd.isna(second["people"])
    assert pd.isna(second["danger_grade"])
    assert pd.isna(second["assets_cny"])
    assert pd.isna(second["people_day"])
    assert pd.isna(second["facility_people"])
    assert set(second["gaps"].split(",")) >= {"gap_people", "gap_assets", "gap_facility_people", "gap_roads", "gap_day"}
    assert "Danger grade unknown" in second["reasons"]
    assert "险情等级未知" in second["reasons_zh"]


def test_by_day_is_unknown_where_no_shares_or_no_workplaces_are_given():
    there = houses(np.random.default_rng(1), 5)
    drawn = zones([box(0, 0, 900, 900)])
    day = ExposureParams(day_home_share={"residential": 0.5})
    for exposed in (Exposed(there), Exposed(there, params=day)):
        made = exposure_table(exposed, Surveyed(drawn), RiskParams(exposure=exposed.params))
        assert made["people_day"].isna().all()
        assert made["gaps"].str.contains("gap_day").all()


def test_people_of_a_raster_count_where_no_houses_are_given():
    cells = np.full(GRID.shape, 0.5, dtype="float32")
    cells[:, 20:] = np.nan
    people = GRID.layer(cells, units="1", long_name="people")
    found = exposure_of(zones([box(0, 0, 300, 300), box(400, 0, 900, 300)]), Exposed(population=people))
    assert found["people"].fillna(-1).tolist() == [50, -1]  # 100 cells; half of the second is not known
    assert found["known_people"].tolist() == pytest.approx([50, 100 / 3 * 2 * 0.5], rel=1e-6)
    assert found["buildings"].isna().all()


def test_buildings_of_a_settlement_that_gave_none_are_unknown_and_not_0():
    there = houses(np.random.default_rng(1), 3).assign(people=[4.0, 5.0, 60.0], is_building=[True, True, False],
                                                       settlement_id=["A", "A", "B"])  # fmt: skip
    there = there.set_geometry([box(0, 0, 10, 10), box(20, 0, 30, 10), box(500, 0, 700, 200)])
    drawn = zones([box(-5, -5, 40, 40), box(450, 0, 800, 300), box(-5, -5, 800, 300), box(0, 400, 50, 450)])
    roads = gpd.GeoDataFrame({"road_id": ["R"]}, geometry=[LineString([(0, 900), (10, 900)])], crs=CRS)
    exposed = Exposed(there, roads)
    found = exposure_of(drawn, exposed)
    assert found["buildings"].fillna(-1).tolist() == [2, -1, -1, 0]
    assert found["known_buildings"].tolist() == [2, 0, 2, 0]
    made = exposure_table(exposed, Surveyed(drawn), RiskParams(), language="en").set_index("place_id")
    rows = made.loc[["Z0", "Z1", "Z2", "Z3", "total"]]
    assert rows["buildings"].astype("float64").fillna(-1).tolist() == [2, -1, -1, 0, -1]
    assert rows["buildings_unknown"].isna().tolist() == [False, True, True, False, True]
    assert [("gap_buildings" in made.loc[z, "gaps"]) for z in ("Z0", "Z1", "Z2", "Z3")] == [False, True, True, False]
    level = vulnerability_of(found.assign(people=[0.0, 0, 0, 0], known_people=0.0), exposed, RiskParams())
    assert level.tolist() == [1, -1, 1, 0]  # two buildings are at least low; where none is known nobody knows


def test_farmland_by_the_words_of_the_legend():
    legend = {1: "cropland 耕地", 2: "forest 林地", 7: "Paddy field 水田"}
    codes = farmland_codes(legend, ExposureParams().farmland_classes)
    assert codes == [1, 7]
    cells = np.full(GRID.shape, 2.0, dtype="float32")
    cells[0, 0], cells[0, 1], cells[0, 2] = 1, 7, np.nan
    layer = farmland_layer(GRID.layer(cells, units="1", long_name="c"), codes)
    assert layer.to_numpy()[0, :4].tolist()[:2] == [1, 1]
    assert np.isnan(layer.to_numpy()[0, 2])
    assert layer.to_numpy()[0, 3] == 0


@given(st.lists(st.tuples(level, level, level, st.booleans()), min_size=1, max_size=8))
def test_hazards_together_never_hide_an_unknown_and_never_fall(rows):
    a, b, c, flag = (np.array(v) for v in zip(*rows, strict=True))
    found = combined_levels({"a": a, "b": b, "c": c}, {"c": flag})
    for i in range(len(rows)):
        names = [n for n, v in zip("abc", (a[i], b[i], c[i]), strict=True) if v < 0 or (n == "c" and flag[i])]
        assert (found["unknown_hazards"].fillna("")[i].split(",") if names else []) == names
        assert pd.isna(found["unknown_hazards"][i]) == (not names)
        assert found["known_level"][i] == max(a[i], b[i], c[i])
        assert (found["combined_level"][i] == -1) == bool(names and found["known_level"][i] < 2)
    higher = combined_levels({"a": np.where((a >= 0) & (a < 4), a + 1, a), "b": b, "c": c}, {"c": flag})
    severity = [f["combined_level"].replace(-1, 1.5) for f in (found, higher)]  # unknown stands above low
    assert (severity[1] >= severity[0]).all()
    assert (combine_levels(a, b, c)[~flag] == found["combined_level"][~flag]).all()


def test_a_hazard_is_unknown_where_nobody_looked_or_its_ground_is_unknown():
    known = np.zeros(GRID.shape, dtype="int8")
    known[:, 15:] = -1
    slope = GRID.layer(known, units="level", long_name="x")
    drawn = zones([box(0, 0, 90, 90), box(600, 600, 690, 690)], kinds=["landslide", "flood"], risk=[3, -1])
    places = Places.of(gpd.GeoDataFrame(geometry=[box(0, 0, 300, 300), box(600, 600, 700, 700)], crs=CRS))
    risks, unknown = risks_by_hazard(places, drawn, {"landslide": slope}, looked_at={"flood": True},
                                     min_known_share=0.5)  # fmt: skip
    assert set(risks) == set(HAZARDS)
    assert risks["landslide"].tolist() == [3, -1]
    assert risks["flood"].tolist() == [0, -1]  # a zone of unknown risk speaks too
    assert risks["waterlogging"].tolist() == [-1, -1]
    assert unknown["deformation"].all()
    assert unknown["landslide"].tolist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "hazard"),
    [("unstable_slope", "landslide"), ("rockfall", "landslide"), ("debris_flow", "landslide"), ("flood", "flood"),
     ("waterlogging", "waterlogging"), ("mining_subsidence", "deformation"), ("unknown", "deformation")],
)  # fmt: skip
def test_kinds_of_slopes_are_one_hazard(kind, hazard):
    drawn = zones([box(0, 0, 90, 90)], kinds=[kind], risk=[3])
    place = Places.of(gpd.GeoDataFrame(geometry=[box(0, 0, 300, 300)], crs=CRS))
    risks, _ = risks_by_hazard(place, drawn, {}, looked_at=dict.fromkeys(HAZARDS, True), min_known_share=0.5)
    assert {h: r.tolist() for h, r in risks.items()} == {h: [3 if h == hazard else 0] for h in HAZARDS}


def test_zones_that_cross_themselves_are_counted_and_districts_cover_once():
    ring = Polygon([(0, 0), (40, 0), (40, 20), (20, 20), (20, 40), (40, 40), (40, 20), (60, 20), (60, 60), (0, 60)])
    assert not ring.is_valid
    made = valid_polygons(np.array([ring, MultiPolygon([box(0, 0, 1, 1)])], dtype=object))
    assert all(g.is_valid for g in made)
    parts = union_parts(gpd.GeoDataFrame(geometry=[ring, box(0, 0, 10, 10)], crs=CRS))
    inside, outside = divided(parts, townships(box(0, 0, 30, 100), box(20, 0, 50, 100)))
    total = inside.parts.area.sum() + outside.parts.area.sum()
    assert total == pytest.approx(parts.area.sum())
    assert set(inside.owner) == {0, 1}


@pytest.mark.slow
@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_people_of_a_raster_add_up_over_zones_that_cover_it_once(seed):
    rng = np.random.default_rng(seed)
    cells = rng.gamma(0.4, 3, GRID.shape).astype("float32")
    people = GRID.layer(cells, units="1", long_name="people")
    a, b = rng.uniform(50, 850, 2)
    drawn = zones([box(0, 0, a, b), box(a, 0, 900, b), box(0, b, 900, 900)])
    found = exposure_of(drawn, Exposed(population=people))
    # exactextract gives coverage in float32: 6e-8 of each cell
    assert found["known_people"].sum() == pytest.approx(float(cells.astype("float64").sum()), rel=1e-6)
    made = exposure_table(Exposed(population=people), Surveyed(drawn.iloc[:1]), PARAMS).set_index("place_id")
    parts = made.loc[["all_zones", "outside_zones"], "known_people"].sum()
    assert parts == pytest.approx(made.loc["total", "known_people"])
    assert made.loc["outside_zones", "people"] >= 0
