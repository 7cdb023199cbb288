"""Planned sites: what speaks against each, and unknown ground that is never suitable."""

import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shapely.geometry import Polygon, box

from geo_risk.core.errors import GridError, SchemaError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.planned_sites import write_sites
from geo_risk.products.params import RiskParams
from geo_risk.products.planned_sites import LAYERS, VERDICTS, SiteGround, planned_sites
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import read_frame, read_json
from geo_risk.sources.options import NO_OPTIONS

CRS = "EPSG:4546"
GRID = Grid.from_bounds((0, 0, 900, 900), crs=CRS, resolution_m=30)
PARAMS = RiskParams()


def layers(**changed):
    """Ground that is known and calm everywhere but in the layers that are given."""
    out = {}
    for name in LAYERS:
        is_depth = name == "depth_max_m"
        calm = np.zeros(GRID.shape, dtype=np.float32 if is_depth else np.int8)
        values = changed.get(name, calm)
        out[name] = GRID.layer(da.from_array(values, chunks=16), units="m" if is_depth else "level", long_name=name,
                               name=name)  # fmt: skip
    return out


def cells(value, rows, columns, dtype=np.int8):
    out = np.zeros(GRID.shape, dtype=dtype)
    out[rows, columns] = value
    return out


def sites(*shapes):
    ids = [f"P{k}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"site_id": ids, "name": ids, "use": "school"}, geometry=list(shapes), crs=CRS)


def zones(*rows):
    frame = {"zone_id": [r[0] for r in rows], "hazard_level": [r[1] for r in rows], "risk_level": [r[2] for r in rows]}
    return gpd.GeoDataFrame(frame, geometry=[r[3] for r in rows], crs=CRS)


NO_ZONES = gpd.GeoDataFrame({"zone_id": [], "hazard_level": [], "risk_level": []}, geometry=[], crs=CRS)
NO_MINES = gpd.GeoDataFrame({"licence_id": []}, geometry=[], crs=CRS)


def stated(shapes, found=NO_ZONES, mines=NO_MINES, given=None, **changed):
    ground = SiteGround(layers(**changed) if given is None else given, found, mines)
    return planned_sites(sites(*shapes), ground, GRID, params=PARAMS, language="en").set_index("site_id")


SITE = box(300, 300, 420, 420)  # rows 16-19, columns 10-13: 16 cells


def test_calm_known_ground_has_nothing_found_and_no_verdict_says_suitable():
    row = stated([SITE]).loc["P0"]
    assert row[["verdict", "hazard_level", "unknown_share", "zone_share"]].tolist() == ["none_found", 0, 0, 0]
    assert np.isnan(row["runout_distance_m"])
    assert "comes nearer than 1000 m" in row["reasons"]
    assert "suitable" not in VERDICTS


def test_flood_hazard_without_a_zone_speaks_against_a_site():
    row = stated([SITE], hazard_flood=cells(4, 16, 10)).loc["P0"]  # a patch too small for a zone; the storm was light
    assert row[["verdict", "hazard_level"]].tolist() == ["restrict", 4]
    assert "on ground of flood hazard" in row["reasons_en"]


@pytest.mark.slow
def test_each_finding_by_hand():
    half = cells(3, slice(16, 18), slice(10, 14))
    row = stated([SITE], hazard_landslide=half).loc["P0"]
    assert row[["verdict", "susceptible_share"]].tolist() == ["restrict", 0.5]
    row = stated([SITE], activity=cells(2, 16, slice(10, 14))).loc["P0"]
    assert row[["verdict", "moving_share"]].tolist() == ["restrict", 0.25]
    row = stated([SITE], hazard_runout=cells(1, 16, 10)).loc["P0"]
    assert row[["verdict", "runout_share", "runout_distance_m"]].tolist() == ["avoid", 1 / 16, 0]
    row = stated([SITE], hazard_runout=cells(1, 18, 16)).loc["P0"]  # columns 14 and 15 lie between
    assert row[["verdict", "runout_distance_m"]].tolist() == ["restrict", 60]
    row = stated([SITE], hazard_runout=cells(1, 18, 18)).loc["P0"]
    assert row[["verdict", "runout_distance_m"]].tolist() == ["none_found", 120]
    row = stated([SITE], depth_max_m=cells(0.3, 16, 10, np.float32)).loc["P0"]
    assert row[["verdict", "flooded_share"]].tolist() == ["restrict", 1 / 16]
    row = stated([SITE], depth_max_m=cells(0.7, 16, 10, np.float32)).loc["P0"]
    assert row["verdict"] == "avoid"
    assert row["depth_max_m"] == pytest.approx(0.7, abs=1e-6)
    row = stated([SITE], zones(("Z2", 3, 4, box(300, 300, 420, 360)), ("Z1", 1, 1, box(300, 300, 360, 420)))).loc["P0"]
    assert row[["verdict", "hazard_level", "risk_level", "zone_ids"]].tolist() == ["avoid", 3, 4, "Z1,Z2"]
    assert row["zone_share"] == pytest.approx(0.75)  # the overlap of the two counts once
    mines = gpd.GeoDataFrame({"licence_id": ["L1"]}, geometry=[box(0, 0, 360, 900)], crs=CRS)
    row = stated([SITE], mines=mines).loc["P0"]
    assert row[["verdict", "licence_ids", "licence_share"]].tolist() == ["restrict", "L1", 0.5]


def test_unknown_zones_layers_licences_and_ground_off_the_map_are_surveyed_first():
    for less in (
        {"found": zones(("Z", -1, -1, SITE))}, {"found": None}, {"mines": None},
        {"given": {k: v for k, v in layers().items() if k != "activity"}}, {"given": {}},
    ):  # fmt: skip
        row = stated([SITE], **less).loc["P0"]
        assert row["verdict"] == "survey", less
        assert "not suitable" in row["reasons_en"]
    row = stated([box(800, 0, 1000, 200)]).loc["P0"]
    assert row[["hazard_level", "risk_level"]].tolist() == [-1, -1]
    assert row[["verdict", "beyond_map_share", "unknown_share"]].tolist() == ["survey", 0.5, 0.5]
    assert stated([box(5000, 5000, 5100, 5100)]).loc["P0", ["verdict", "unknown_share"]].tolist() == ["survey", 1.0]


@pytest.mark.slow
@given(
    st.sampled_from(LAYERS), hnp.arrays(bool, (4, 4)), st.integers(0, 4), st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_unknown_cells_never_make_it_better_and_shares_are_shares(name, lost, level, has_zone):
    dtype = np.float32 if name == "depth_max_m" else np.int8
    base = np.full(GRID.shape, 0.1 * level if dtype is np.float32 else level, dtype=dtype)
    hidden = base.copy()
    hidden[16:20, 10:14][lost] = np.nan if dtype is np.float32 else -1
    found = zones(("Z", level, level, box(0, 0, 360, 900))) if has_zone and level else NO_ZONES
    known, less = (stated([SITE], found, **{name: v}).loc["P0"] for v in (base, hidden))
    assert less["unknown_share"] == pytest.approx(lost.mean())
    if lost.mean() > PARAMS.site_unknown_max:
        assert less["verdict"] != "none_found"
        assert less["hazard_level"] == -1 or less["hazard_level"] >= 2
        assert less["risk_level"] == -1 or less["risk_level"] >= 2
    for row in (known, less):
        for column in [c for c in row.index if c.endswith("_share")]:
            assert np.isnan(row[column]) or 0 <= row[column] <= 1
    assert (known["verdict"] == "none_found") <= (known["unknown_share"] <= PARAMS.site_unknown_max)


def test_the_gravest_come_first_whatever_the_order_of_rows():
    shapes = [SITE, box(600, 600, 700, 700), box(30, 30, 90, 90)]
    hit = cells(1, slice(0, 30), slice(20, 24))
    wet = cells(0.2, slice(27, 29), slice(1, 3), np.float32)
    one = stated(shapes, hazard_runout=hit, depth_max_m=wet)
    assert one["rank"].tolist() == [1, 2, 3]
    assert one["verdict"].tolist() == ["avoid", "restrict", "none_found"]
    assert one.index.tolist() == ["P1", "P2", "P0"]


def test_a_small_share_is_not_told_as_none():
    row = stated([box(30, 30, 600, 600)], activity=cells(2, 15, 10)).loc["P0"]  # one cell of 361
    assert "less than 1% of its ground moves" in row["reasons_en"]
    assert "不足 1% 的地面存在形变" in row["reasons_zh"]


def test_bad_input_ends_clearly():
    other = Grid.from_bounds((0, 0, 600, 600), crs=CRS, resolution_m=30)
    bad = other.layer(np.zeros(other.shape, np.int8), units="level", long_name="a", name="activity")
    with pytest.raises(GridError, match="activity"):
        stated([SITE], given={**layers(), "activity": bad})
    assert planned_sites(sites(), SiteGround(), GRID, params=PARAMS).empty


@pytest.mark.slow
def test_the_step_reads_mends_and_sets_aside(tmp_path):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    bow = Polygon([(0, 0), (90, 90), (90, 0), (0, 90)])
    frame = sites(SITE, bow)
    frame.to_file(tmp_path / "sites.gpkg")
    for name, values in layers().items():
        write_layer(values, tmp_path / f"{name}.tif")
    paths = {name: tmp_path / f"{name}.tif" for name in LAYERS}
    write_frame(NO_ZONES.assign(zone_id="x").iloc[:0], tmp_path / "zones.gpkg")
    common = {"grid": tmp_path / "grid.json", "mines": None, "out": tmp_path / "planned_sites.gpkg",
              "facts": tmp_path / "facts.json", "params": PARAMS, "language": "zh", "options": NO_OPTIONS,
              "mine_options": NO_OPTIONS, "risk_zones": None, **paths}  # fmt: skip
    write_sites(sites=tmp_path / "sites.gpkg", **common)
    made, facts = read_frame(tmp_path / "planned_sites.gpkg"), read_json(tmp_path / "facts.json")
    assert len(made) + len(facts["quarantine"]) == 2
    assert "未提供采矿权资料" in made["reasons_zh"].iloc[0]
    assert made["verdict"].tolist() == ["survey"] * len(made)
    licences = gpd.GeoDataFrame({"licence_id": ["M1", "M2"]}, geometry=[bow, Polygon()], crs=frame.crs)
    licences.to_file(tmp_path / "采矿权.gpkg")
    write_sites(sites=tmp_path / "sites.gpkg", **{**common, "mines": tmp_path / "采矿权.gpkg"})
    facts = read_json(tmp_path / "facts.json")
    assert {"采矿权.gpkg M1", "采矿权.gpkg M2"} <= {q["id"] for q in facts["quarantine"]}
    assert any("采矿权" in str(n) for n in facts["notes"])
    assert facts["counts"]["licences_set_aside"] == 2
    made = read_frame(tmp_path / "planned_sites.gpkg")
    # a licence that could not be read may lie under it: not known to be free of licences
    assert np.isnan(made["licence_share"].iloc[0])
    assert "有 2 个采矿权图形无法读取" in made["reasons_zh"].iloc[0]
    assert "none_found" not in set(made["verdict"])
    frame.assign(site_id="P0").to_file(tmp_path / "twice.gpkg")
    with pytest.raises(SchemaError, match="P0"):
        write_sites(sites=tmp_path / "twice.gpkg", **common)
