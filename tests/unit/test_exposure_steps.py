"""Files go in, houses, facilities and the exposure table come out, with bad rows counted."""

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from benchmarks import exposure as benchmark
from geo_risk.core.errors import UnitError
from geo_risk.core.grid import Grid, grid_of
from geo_risk.exposure.params import ExposureParams
from geo_risk.flow.config import load_config
from geo_risk.flow.pipelines import build_plan
from geo_risk.flow.steps import flood_design
from geo_risk.flow.steps.exposure import write_census, write_facilities, write_people, write_population
from geo_risk.flow.steps.exposure_table import rules, write_exposure
from geo_risk.products.params import RiskParams
from geo_risk.products.vulnerability import matrix_risk, vulnerability_of
from geo_risk.products.zone_exposure import Exposed
from geo_risk.publish.dataset import write_dataset
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.i18n import labels
from geo_risk.publish.raster import write_layer
from geo_risk.publish.report import ReportContent, write_report
from geo_risk.sample.facilities import facilities_frame
from geo_risk.sources.layers import open_layer, read_frame, read_json
from geo_risk.sources.options import LIMITS, NO_OPTIONS, ReadOptions

CRS = "EPSG:4546"
X, Y = 499_980, 4_149_990
GRID = Grid.from_bounds((X, Y, X + 1800, Y + 1800), crs=CRS, resolution_m=30)
PARAMS = ExposureParams()


def save(path, columns, shapes):
    pyogrio.write_dataframe(gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS), path, layer=path.stem)
    return path


def population(path, *, units=None):
    values = np.zeros((20, 20), dtype="float32")
    values[5, 5], values[0, 0] = 80, -3
    with rasterio.open(path, "w", driver="GTiff", height=20, width=20, count=1, dtype="float32", crs=CRS, nodata=-1,
                       transform=Affine(90, 0, X, 0, -90, Y + 1800)) as out:  # fmt: skip
        out.write(values, 1)
        if units:
            out.set_band_unit(1, units)
    return path


@pytest.fixture
def grid(tmp_path):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    return tmp_path / "grid.json"


def test_a_raster_comes_in_and_spreads_a_village(tmp_path, grid):
    facts = tmp_path / "population.json"
    write_population(population=population(tmp_path / "p.tif", units="people"), grid=grid,
                     out=tmp_path / "population.tif", facts=facts, params=PARAMS, options=NO_OPTIONS,
                     limits=LIMITS)  # fmt: skip
    said = read_json(facts)
    assert said["counts"]["people"] == 80
    assert said["counts"]["masked"] == 1
    assert any("impossible" in n["text_en"] for n in said["notes"])
    towns = save(tmp_path / "towns.gpkg", {"settlement_id": ["S1"], "people": [200]}, [Point(X + 520, Y + 1290)])
    write_people(settlements=towns, grid=grid, buildings=None, population=tmp_path / "population.tif",
                 settlements_out=tmp_path / "settlements.gpkg", houses=tmp_path / "houses.gpkg",
                 facts=tmp_path / "exposure.json", options=NO_OPTIONS, building_options=NO_OPTIONS,
                 radius_m=150)  # fmt: skip
    houses = read_frame(tmp_path / "houses.gpkg")
    assert houses["people"].tolist() == [200]
    assert houses.geometry.iloc[0].equals(box(X + 450, Y + 1260, X + 540, Y + 1350))
    assert read_json(tmp_path / "exposure.json")["counts"]["spread_by_population"] == 1
    with pytest.raises(UnitError):
        write_population(population=population(tmp_path / "q.tif"), grid=grid, out=tmp_path / "q_.tif", facts=facts,
                         params=PARAMS, options=NO_OPTIONS, limits=LIMITS)  # fmt: skip


def test_census_points_and_facilities_with_bad_numbers_are_kept_and_named(tmp_path, grid):
    census = save(tmp_path / "census.gpkg", {"census_id": ["1", "2", "3"], "people": ["4.4", "-2", "many"]},
                  [Point(X + 100 * i, Y + 100) for i in range(3)])  # fmt: skip
    write_census(census=census, grid=grid, houses=tmp_path / "houses.gpkg", facts=tmp_path / "e.json", params=PARAMS,
                 options=NO_OPTIONS)  # fmt: skip
    said = read_json(tmp_path / "e.json")
    assert said["counts"] == {"census_points": 3, "people": 4, "points_of_unknown_people": 2}
    assert {q["id"] for q in said["quarantine"]} == {"2", "3"}
    assert read_frame(tmp_path / "houses.gpkg")["people"].fillna(-1).tolist() == [4.4, -1, -1]  # not rounded away
    places = save(tmp_path / "f.gpkg", {"facility_id": ["a", "b"], "name": ["一中", "二中"], "people": [-5, 300]},
                  [Point(X + 10, Y + 10), Point(X + 20, Y + 10)])  # fmt: skip
    write_facilities(facilities=places, grid=grid, out=tmp_path / "facilities.gpkg", facts=tmp_path / "f.json",
                     options=NO_OPTIONS)  # fmt: skip
    made = read_frame(tmp_path / "facilities.gpkg")
    assert made["people"].fillna(-1).tolist() == [-1, 300]
    assert read_json(tmp_path / "f.json")["quarantine"][0]["id"] == "a"


def given_zones(path):
    frame = gpd.GeoDataFrame(
        {"zone_id": ["LS-1", "LS-2"], "kind": "landslide", "hazard_level": [3, 4], "vulnerability_level": [2, 1],
         "risk_level": [3, -1], "reasons": "r"},
        geometry=[box(X + 300, Y + 300, X + 600, Y + 600), box(X + 900, Y + 300, X + 1200, Y + 600)], crs=CRS,
    )  # fmt: skip
    write_frame(frame, path)
    return path


@pytest.mark.slow
def test_the_table_comes_from_files_and_the_report_prints_the_rules(tmp_path, grid):
    write_frame(gpd.GeoDataFrame(
        {"house_id": ["a", "b"], "settlement_id": ["S", "S"], "people": [120.0, 30.0], "vulnerable_people": [9.0, 3.0],
         "households": [40.0, 10.0], "is_building": True, "spread": "households", "structure": ["frame", "adobe"],
         "use": pd.array([None, None], dtype="string"), "floor_area_m2": 100.0, "assets_cny": [3e5, np.nan]},
        geometry=[box(X + 310, Y + 310, X + 320, Y + 320), box(X + 1000, Y + 310, X + 1010, Y + 320)], crs=CRS,
    ), tmp_path / "houses.gpkg")  # fmt: skip
    roads = save(tmp_path / "roads.gpkg", {"road_id": ["r"]}, [LineString([(X, Y + 400), (X + 1800, Y + 400)])])
    borders = {"level": ["county", *["township"] * 3], "code": ["1", "11", "12", "12"],
               "name": ["县", "东乡", "西乡", "西乡"]}  # fmt: skip
    admin = save(tmp_path / "admin.gpkg", borders, [
        box(X, Y, X + 1800, Y + 1800), box(X, Y, X + 450, Y + 1800), box(X + 450, Y, X + 800, Y + 1800),
        box(X + 800, Y, X + 1800, Y + 1800),  # a township of two rows is one
    ])  # fmt: skip
    cover = GRID.layer(np.ones(GRID.shape, dtype="float32"), units="1", long_name="c", name="landcover")
    write_layer(cover, tmp_path / "landcover.tif")
    (tmp_path / "landcover.csv").write_text("code,name\n1,耕地\n", encoding="utf-8")
    for years, depth in ((10, 0.0), (100, 1.0)):
        layer = GRID.layer(np.full(GRID.shape, depth, dtype="float32"), units="m", long_name="d", name="d")
        write_layer(layer, tmp_path / f"depth_design_{years}yr.tif")
    level = GRID.layer(np.ones(GRID.shape, dtype="int8"), units="level", long_name="x", name="hazard_landslide")
    write_layer(level, tmp_path / "hazard_landslide.tif")
    params = RiskParams(exposure=ExposureParams(asset_values={"frame": {"cny_m2": 3000, "source": "assumed"}}))
    options = {n: ReadOptions().model_dump(mode="json") for n in ("roads", "admin", "landcover")}
    write_exposure(
        zones=given_zones(tmp_path / "zones.gpkg"), grid=grid, roads=roads, admin=admin, population=None,
        blind_map=None, landcover=tmp_path / "landcover.tif", legend=tmp_path / "landcover.csv",
        depths=[tmp_path / f"depth_design_{t}yr.tif" for t in (10, 100)], out=tmp_path / "exposure.gpkg",
        facts=tmp_path / "table.json", params=params, language="zh", years=[10, 100], options=options,
        houses=tmp_path / "houses.gpkg", facilities=None, ponding=None, active_deformation=None,
        landslide=tmp_path / "hazard_landslide.tif", flood=None,
    )  # fmt: skip
    rows = read_frame(tmp_path / "exposure.gpkg").set_index("place_id")
    assert rows["people"].to_dict() == {"total": 150, "outside_zones": 0, "all_zones": 150, "T-11": 120, "T-12": 30,
                                        "LS-1": 120, "LS-2": 30}  # fmt: skip
    assert rows.loc["LS-1", "danger_grade"] == "III"
    assert rows.loc["LS-1", "farmland_ha"] == pytest.approx(9)
    assert rows.loc["all_zones", "road_km"] == pytest.approx(0.6)
    assert rows.loc["LS-1", "expected_people_yr"] == pytest.approx(120 * (0.09 / 2 + 0.01))
    assert pd.isna(rows.loc["LS-2", "expected_loss_cny_yr"])  # what nobody priced loses an unknown sum
    assert set(rows.loc["LS-2", "unknown_hazards"].split(",")) == {"landslide", "flood", "waterlogging", "deformation"}
    assert rows.loc["LS-1", "combined_risk_level"] == 3
    said = read_json(tmp_path / "table.json")
    assert any("mean year" in n["text_en"] for n in said["notes"])
    content = ReportContent("县", facts={"exposure_table": said})
    write_report(tmp_path / "report.html", content=content, frames={}, layers={})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("定级规则", "≥ 1000", "500–1000", "100–500", "&lt; 100", "钢混房屋", "假定值", "危险性"):
        assert text in page


def test_rules_that_were_changed_do_not_carry_the_source_of_the_defaults():
    tables = {t["title"]: t for t in rules(RiskParams(danger_grade_people=(30, 100, 300)))}
    grades = tables["report.rule_grade_table"]
    assert grades["source"] == "set in the configuration"
    assert [row[1] for row in grades["rows"]] == ["≥ 300", "100–300", "30–100", "< 30"]
    assert "county plans" in {t["title"]: t for t in rules(RiskParams())}["report.rule_grade_table"]["source"]
    assert all(h in labels("zh") for t in tables.values() for h in (t["title"], *t["head"]))


def test_storms_of_the_town_are_kept_by_return_period_and_none_is_none(tmp_path):
    height = np.ones(GRID.shape)
    height[0, 0] = np.nan
    town = SimpleNamespace(grid=GRID, elevation=height)
    deepest = {20.0: np.full(GRID.shape, 0.4), 2.0: np.full(GRID.shape, 0.1)}
    write_dataset(flood_design._depths(deepest, town), tmp_path / "storms.nc")
    found = flood_design.storm_depths(tmp_path / "storms.nc")
    assert list(found) == [2.0, 20.0]
    assert grid_of(found[20.0]) == GRID
    assert found[20.0].to_numpy()[1, 1] == pytest.approx(0.4)
    assert np.isnan(found[2.0].to_numpy()[0, 0])
    write_dataset(flood_design._depths({}, town), tmp_path / "none.nc")
    assert flood_design.storm_depths(tmp_path / "none.nc") == {}


@pytest.mark.parametrize(
    ("inputs", "steps"),
    [("settlements: s.gpkg, population: p.tif", {"exposure.people", "exposure.population"}),
     ("settlements: s.gpkg, population: c.gpkg", {"exposure.people"}), ("population: c.csv", {"exposure.census"}),
     ("population: p.tif, facilities: f.gpkg", {"exposure.population", "exposure.facilities"})],
)  # fmt: skip
def test_the_plan_takes_what_is_given(tmp_path, inputs, steps):
    path = tmp_path / "c.yaml"
    text = f"pipeline: dual_control\nname: x\noutput: out\ninputs: {{dem: d.tif, hazard_points: h.xlsx, {inputs}}}\n"
    path.write_text(text, encoding="utf-8")
    plan = build_plan(load_config(path), config=path)
    names = {s.name for s in plan.steps}
    assert {n for n in names if n.startswith("exposure.")} - {"exposure.table"} == steps
    zones = next((s for s in plan.steps if s.name == "zones.draw"), None)
    if zones is not None and "p.tif" in inputs:
        assert zones.reads["population"] is not None


@settings(deadline=None)
@given(
    st.sampled_from([-1, 1, 2, 3, 4]),
    st.floats(0, 900) | st.just(np.nan),
    st.floats(0, 900),
    st.booleans(),
    st.booleans(),
)
def test_unknown_never_stands_below_low_and_a_school_never_lowers_a_risk(hazard, people, pupils, has_roads, knows):
    params = RiskParams()
    frame = gpd.GeoDataFrame({
        "people": [people], "known_people": [0.0 if np.isnan(people) else people], "buildings": [0.0],
        "road_km": [0.0 if has_roads else np.nan], "facilities": [1.0],
        "facility_people": [pupils if knows else np.nan],
        "known_facility_people": [pupils if knows else 0.0],
    }, geometry=[box(0, 0, 1, 1)], crs=CRS)  # fmt: skip
    nothing = gpd.GeoDataFrame(geometry=[], crs=CRS)
    exposed = Exposed(nothing, nothing if has_roads else None, nothing)
    risk = matrix_risk([hazard], vulnerability_of(frame, exposed, params), params.risk_matrix)[0]
    without = frame.assign(facilities=0.0, facility_people=0.0, known_facility_people=0.0)
    least = matrix_risk([hazard], vulnerability_of(without, exposed, params), params.risk_matrix)[0]
    rank = {-1: 1.5}
    if not (least == -1 and risk == 1):  # what was unknown for want of roads may become known as low by a school
        assert rank.get(risk, risk) >= rank.get(least, least) - 0.5
    if hazard > 0 and (np.isnan(people) or not knows):
        assert risk == -1 or risk >= 1


def test_facilities_of_the_county_stand_beside_its_buildings_and_have_a_stream_of_their_own():
    settlements = pd.DataFrame({"settlement_id": [f"S{i}" for i in range(12)], "name": [f"村{i}" for i in range(12)],
                                "people": np.arange(100, 1300, 100)})  # fmt: skip
    built = gpd.GeoDataFrame({"settlement_id": [f"S{i}" for i in range(12)]},
                             geometry=[box(100 * i, 0, 100 * i + 10, 10) for i in range(12)], crs=CRS)  # fmt: skip
    made = facilities_frame(settlements, built, seed=7)
    assert made["facility_id"].is_unique
    assert made["people"].isna().tolist() == [False, False, False, True]
    assert (made["people_day"].dropna() > made["people"].dropna()).all()
    near = built.geometry.union_all().centroid
    assert made.distance(built.union_all()).max() < 16
    assert near.x > 0
    assert made.equals(facilities_frame(settlements, built, seed=7))
    assert not made.geometry.equals(facilities_frame(settlements, built, seed=8).geometry)


@pytest.mark.slow
def test_the_benchmark_agrees_with_a_plain_overlay():
    found = benchmark.one(120, 10, 150, 100)
    assert found["houses"] == 1200
    assert {"overlaps", "exposure_of", "table", "overlay_patch", "cells_patch", "peak_mb"} <= set(found)


def test_a_layer_without_unit_names_the_two_it_may_be(tmp_path, grid):
    write_population(population=population(tmp_path / "p.tif"), grid=grid, out=tmp_path / "population.tif",
                     facts=tmp_path / "f.json", params=PARAMS, options=ReadOptions(units="people/km2"),
                     limits=LIMITS)  # fmt: skip
    made = open_layer(tmp_path / "population.tif").to_numpy()
    assert np.nansum(made) == pytest.approx(80 * 8100 / 1e6, rel=1e-6)
