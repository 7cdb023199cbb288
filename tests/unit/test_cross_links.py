"""Points, zones, ponding and run-out name one another, up to the published GeoPackage."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import Point, box

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.flow.steps.points import write_linked_points, write_points
from geo_risk.flow.steps.publish import write_package
from geo_risk.flow.steps.runout import write_releases, write_runout, write_runout_zones
from geo_risk.flow.steps.warnings import write_places
from geo_risk.flow.steps.zones import write_linked, write_zones
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.cross_links import runout_links, with_points, with_targets, zone_links
from geo_risk.products.params import RiskParams
from geo_risk.products.warning_params import WarningParams
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.options import NO_OPTIONS

CRS = "EPSG:4546"
PARAMS = RiskParams()
GRID = Grid(GeoBox((40, 30), Affine(30, 0, 510_000, 0, -30, 4_065_000), CRS))
X0, Y0 = 510_000, 4_065_000


def zones(*rows):
    """Rows of (id, kind, shape)."""
    frame = pd.DataFrame(rows, columns=["zone_id", "kind", "geometry"])
    return gpd.GeoDataFrame(frame.assign(reasons_zh="。", reasons_en="."), geometry="geometry", crs=CRS)


def points(*rows):
    """Rows of (id, x, y, zone it belongs to)."""
    frame = pd.DataFrame(rows, columns=["point_id", "x", "y", "zone_id"])
    frame = frame.assign(reasons_zh="。", reasons_en=".")
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["x"], frame["y"]), crs=CRS)


SCENE = zones(("LS", "landslide", box(0, 0, 100, 100)), ("WL", "waterlogging", box(50, 0, 150, 100)))


def test_other_zones_of_a_point_by_hand():
    got = zone_links(points(("a", 60, 50, "LS"), ("b", 40, 50, "LS"), ("c", 170, 50, None), ("d", 10, 500, None)),
                     SCENE, PARAMS)  # fmt: skip
    # a stands in its own zone and in the pond; b is 10 m from the pond; c 20 m; d far from all
    assert got[["point_id", "target_id", "rule"]].to_numpy().tolist() == [
        ["a", "WL", "inside"], ["b", "WL", "within_error"], ["c", "WL", "within_error"]]  # fmt: skip
    assert got["distance_m"].tolist() == [0, 10, 20]
    named = with_targets(points(("a", 60, 50, "LS")), got, column="other_zone_ids", sentence="also_zones").iloc[0]
    assert named["other_zone_ids"] == "WL"
    assert "WL (waterlogging, inside, 0 m)" in named["reasons_en"]
    assert "WL（内涝，位于其内，0 米）" in named["reasons_zh"]


def test_what_comes_down_on_the_slope_of_another_zone_is_told_as_run_out():
    source = box(0, 50, 100, 100).wkb_hex
    tall = SCENE.assign(source_wkb=pd.array([source, None], dtype="string"))
    got = zone_links(points(("a", 10, 60, None), ("b", 10, 10, None)), tall, PARAMS)
    assert got["rule"].tolist() == ["inside", "in_runout"]


def test_run_out_of_a_point_itself_and_of_others():
    made = zones(("RO-p", "rockfall", box(0, 0, 10, 10)), ("RO-p-2", "landslide", box(900, 0, 950, 10)),
                 ("RO-x", "landslide", box(0, 0, 50, 50)))  # fmt: skip
    made["release_id"] = ["p", "p-2", "x"]
    got = runout_links(points(("p", 5, 5, None), ("q", 70, 20, None), ("p-3", 500, 500, None)), made, PARAMS)
    assert got[["point_id", "target_id", "rule"]].to_numpy().tolist() == [
        ["p", "RO-p", "own_release"], ["p", "RO-p-2", "own_release"], ["p", "RO-x", "inside"],
        ["q", "RO-x", "within_error"]]  # fmt: skip


def test_a_slope_whose_id_looks_like_that_of_a_point_is_not_its_own_run_out():
    made = zones(("RO-p", "landslide", box(900, 0, 950, 10)), ("RO-p-2", "landslide", box(900, 0, 950, 10)))
    made["release_id"], made["source"] = ["p", "p-2"], "susceptible_slope"
    there = points(("p", 5, 5, None))
    assert runout_links(there, made, PARAMS).empty
    areas = runout_links(there, made.assign(source="moving_area"), PARAMS)
    assert areas["rule"].tolist() == ["own_release"] * 2


def test_empty_missing_and_placeless_input_has_no_links():
    there = points(("a", 60, 50, None))
    for none in (None, SCENE.iloc[:0]):
        assert zone_links(there, none, PARAMS).empty
        assert runout_links(there, none, PARAMS).empty
    assert zone_links(there.iloc[:0], SCENE, PARAMS).empty
    nowhere = there.set_geometry([None], crs=CRS)
    got = zone_links(nowhere, SCENE, PARAMS)
    assert got.empty
    named = with_targets(nowhere, got, column="other_zone_ids", sentence="also_zones")
    assert named["other_zone_ids"].isna().all()
    assert named["reasons_en"].tolist() == ["."]


@pytest.mark.slow
@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_both_sides_name_the_same_links_whatever_the_order(seed):
    rng = np.random.default_rng(seed)
    made = zones(*((f"Z{i}", "landslide", box(x, y, x + 200, y + 200)) for i, (x, y) in
                   enumerate(rng.uniform(0, 600, (9, 2)))))  # fmt: skip
    there = points(*((f"P{i}", x, y, f"Z{i % 9}") for i, (x, y) in enumerate(rng.uniform(0, 800, (20, 2)))))
    links = zone_links(there, made, PARAMS)
    mixed = zone_links(there.sample(frac=1, random_state=seed), made.sample(frac=1, random_state=seed), PARAMS)
    pd.testing.assert_frame_equal(links, mixed)
    left = with_targets(there, links, column="other", sentence="also_zones").set_index("point_id")["other"]
    right = with_points(made, links, column="other", sentence="also_points").set_index("zone_id")["other"]
    one = {(p, z) for p, zs in left.dropna().items() for z in zs.split(",")}
    other = {(p, z) for z, ps in right.dropna().items() for p in ps.split(",")}
    near = {(p.point_id, z.zone_id) for p in there.itertuples() for z in made.itertuples()
            if p.geometry.distance(z.geometry) <= PARAMS.position_error_m and p.zone_id != z.zone_id}  # fmt: skip
    assert one == other == near


def save(folder, name, values, units="level"):
    path = folder / f"{name}.tif"
    write_layer(GRID.layer(np.asarray(values), units=units, long_name=name, name=name), path)
    return path


def at(row, column):
    return X0 + 30 * column + 15, Y0 - 30 * row - 15


@pytest.mark.slow
@pytest.mark.parametrize("units", ["hazard_cells", "runout"])
def test_the_published_geopackage_names_every_link_from_both_sides(tmp_path, units):
    row = np.mgrid[0:40, 0:30][0].astype("float32")
    dem = save(tmp_path, "dem", 1500 - 21 * np.minimum(row, 20), "m")
    slope = save(tmp_path, "slope_deg", np.where(row < 20, 35.0, 1.0).astype("float32"), "degree")
    cells = np.ones((40, 30), np.int8)
    cells[4:8, 10:14], cells[14:18, 10:14] = 4, 3
    hazard = save(tmp_path, "hazard_landslide", cells)
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    corner = [(X0 + 30 * 9, Y0 - 30 * 19), (X0 + 30 * 15, Y0 - 30 * 17)]
    pond = gpd.GeoDataFrame({"rank": [1], "site_id": ["W1"], "kind": ["low_lying"], "source": ["detected"],
                             "depth_m": [1.0], "depth_class": [4], "reasons": ["r"]},
                            geometry=[box(corner[0][0], corner[0][1], *corner[1])], crs=CRS)  # fmt: skip
    write_frame(conform(pond, "ponding"), tmp_path / "ponding.gpkg")
    places = {
        "P1": (5, 11, "滑坡"),
        "P2": (17, 12, "滑坡"),
        "P3": (17, 9, "地面沉降"),
        "P4": (2, 25, "崩塌"),
        "P5": (20, 11, "滑坡"),
    }
    lines = [f"{k},{kind},{at(r, c)[0]},{at(r, c)[1]}" for k, (r, c, kind) in places.items()]
    (tmp_path / "ledger.csv").write_text("编号,类型,x,y\n" + "\n".join(lines) + "\n", encoding="utf-8")

    def out(name):
        return tmp_path / f"{name}.gpkg"

    risk, runout = RiskParams(zone_units=units), RunoutParams()
    common = {"grid": tmp_path / "grid.json", "params": risk, "language": "en", "options": NO_OPTIONS}
    write_zones(**common, roads=None, out=out("zones_drawn"), risk=tmp_path / "risk_level.tif",
                facts=tmp_path / "z.json", runout=runout if units == "runout" else None, hazard_landslide=hazard,
                dem=dem, slope_deg=slope, ponding=out("ponding"))  # fmt: skip
    write_points(**common, hazard_points=tmp_path / "ledger.csv", active_deformation=None, mining_clues=None,
                 hazard=hazard, blind_map=None, houses=None, zones_drawn=out("zones_drawn"),
                 out=out("points_merged"), facts=tmp_path / "p.json")  # fmt: skip
    layers = ("runout_energy", "hazard_runout", "runout_velocity", "runout_flux", "runout_length", "runout_angle_min",
              "runout_angle_max", "runout_paths", "runout_flags")  # fmt: skip
    write_releases(grid=tmp_path / "grid.json", hazard=hazard, slope=slope, areas=None, points=out("points_merged"),
                   zones=out("zones_drawn"), channels=None, units=tmp_path / "u.tif", kinds=tmp_path / "k.tif",
                   table=out("table"), facts=tmp_path / "rel.json", params=runout, risk=risk)  # fmt: skip
    write_runout(dem=dem, units=tmp_path / "u.tif", kinds=tmp_path / "k.tif", table=out("table"),
                 grid=tmp_path / "grid.json", houses=None, roads=None, zones=out("runout_found"), hits=out("hits"),
                 ways=out("ways"), stack=tmp_path / "s.h5", facts=tmp_path / "r.json", params=runout, risk=risk,
                 language="en", options=NO_OPTIONS, **{n: tmp_path / f"{n}.tif" for n in layers})  # fmt: skip
    write_runout_zones(zones=out("runout_found"), points=out("points_merged"), out=out("runout_zones"), language="en",
                       risk=risk)  # fmt: skip
    write_linked(zones_drawn=out("zones_drawn"), points=out("points_merged"), out=out("zones_linked"),
                 facts=tmp_path / "zone_ranks.json", language="en", params=risk)  # fmt: skip
    write_linked_points(points=out("points_merged"), zones=out("zones_drawn"), runouts=out("runout_found"),
                        out=out("points_linked"), language="en", params=risk)  # fmt: skip
    write_places(grid=tmp_path / "grid.json", zones=out("zones_linked"), points=out("points_linked"),
                 susceptibility=None, hazard_landslide=None, fields=None, stages=None, model=None, motion=None,
                 admin=None, previous=None, facts=tmp_path / "w.json", params=WarningParams(), risk=risk,
                 landslide=LandslideParams(), language="en", options=NO_OPTIONS, run="t", is_hindcast=False,
                 risk_zones=out("risk_zones"), hazard_points=out("hazard_points"))  # fmt: skip
    write_package(frames=[out("risk_zones"), out("hazard_points"), out("runout_zones"), out("ponding")],
                  out=tmp_path / "geo_risk.gpkg", language="en")  # fmt: skip

    book, drawn, runs = (
        pyogrio.read_dataframe(tmp_path / "geo_risk.gpkg", layer=n)
        for n in ("hazard_points", "risk_zones", "runout_zones")
    )
    assert "source_wkb" not in drawn
    for name, back, frame in (
        ("zone_id", "point_ids", drawn), ("other_zone_ids", "other_point_ids", drawn),
        ("runout_zone_ids", "point_ids", runs),
    ):  # fmt: skip
        one = {
            (p, z)
            for p, ids in zip(book["point_id"], book[name], strict=True)
            if isinstance(ids, str)
            for z in ids.split(",")
        }
        other = {
            (p, z)
            for z, ids in zip(frame["zone_id"], frame[back], strict=True)
            if isinstance(ids, str)
            for p in ids.split(",")
        }
        assert one == other, name
        assert one, name
    by_id, shapes = book.set_index("point_id"), drawn.set_index("zone_id").geometry
    pool = drawn.set_index("kind").loc["waterlogging", "zone_id"]
    assert by_id.loc["P3", "zone_id"] == pool  # sinking ground in a pond, where no zone of its own kind is
    assert by_id.loc["P2", "other_zone_ids"].split(",")[0] in set(drawn["zone_id"])
    assert pool in by_id.loc["P2", "other_zone_ids"].split(",")
    assert "waterlogging, inside, 0 m" in by_id.loc["P2", "reasons"]
    assert "RO-P4" in by_id.loc["P4", "runout_zone_ids"].split(",")
    assert "it starts there" in by_id.loc["P4", "reasons"]
    for point_id, ids in by_id["other_zone_ids"].dropna().items():
        for zone_id in ids.split(","):
            assert Point(by_id.loc[point_id].geometry).distance(shapes[zone_id]) <= risk.position_error_m
    if units == "runout":
        upper = drawn.loc[drawn["hazard_level"] == 4, ["zone_id", "kind"]].set_index("kind").loc["landslide", "zone_id"]
        assert by_id.loc["P5", ["zone_id", "zone_rule"]].tolist() == [upper, "in_runout"]
