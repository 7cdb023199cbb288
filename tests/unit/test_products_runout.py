"""Release units, whom they reach, and warned slopes with what runs out from them."""

from __future__ import annotations

from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.runout import LAYERS, write_releases, write_runout
from geo_risk.hazards.runout.footprint import footprints
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.params import RiskParams
from geo_risk.products.releases import ReleaseGround, release_units
from geo_risk.products.runout import Exposed, run_out_products
from geo_risk.products.warned import runout_layers
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_frame, read_json
from geo_risk.sources.options import NO_OPTIONS

GRID = Grid(GeoBox((40, 30), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
X0, Y0 = 510_000, 4_065_000


def layer(values, units="1", name="layer"):
    return GRID.layer(np.asarray(values), units=units, long_name=name, name=name)


def at(row, column):
    """Centre of a cell."""
    return X0 + 30 * column + 15, Y0 - 30 * row - 15


def square(row, column, n=1):
    """A square of n x n cells whose upper left cell is given."""
    return box(X0 + 30 * column + 1, Y0 - 30 * (row + n) + 1, X0 + 30 * (column + n) - 1, Y0 - 30 * row - 1)


def slope_then_plain():
    """A slope of 35 degrees to row 20, then a plain: alpha 22 with the cap of 20 m stops 50 m / tan out."""
    row = np.mgrid[0:40, 0:30][0].astype("float32")
    return layer(1500 - 21 * np.minimum(row, 20), "m", "dem")


def ground(**changes):
    hazard = np.zeros((40, 30), np.int8)
    hazard[4:6, 4:6] = 4
    hazard[4, 20] = 4
    hazard[39] = -1
    slope = np.full((40, 30), 35.0, "float32")
    slope[20:] = 1.0
    zones = gpd.GeoDataFrame({"zone_id": ["LS-1"], "kind": ["landslide"]}, geometry=[square(4, 4, 2)], crs=GRID.crs)
    areas = gpd.GeoDataFrame(
        {"area_id": ["A1", "A2", "A3"], "kind": ["landslide", "unknown", "mining_subsidence"],
         "false_alarm_p": [0.0, 0.9, 0.0]},
        geometry=[square(10, 10, 2), square(10, 14, 2), square(10, 18, 2)], crs=GRID.crs,
    )  # fmt: skip
    points = gpd.GeoDataFrame(
        {"point_id": ["P1", "P2", "P3", "P4"], "kind": ["landslide", "rockfall", "debris_flow", "ground_collapse"],
         "status": ["changed", "existing", "cancelled", "existing"], "area_id": ["A1", None, None, None],
         "area_m2": [3600.0, None, None, None]},
        geometry=[Point(at(10, 10)), Point(at(2, 25)), Point(at(2, 2)), Point(at(2, 8))], crs=GRID.crs,
    )  # fmt: skip
    given = {"hazard": layer(hazard, "level", "hazard"), "slope": layer(slope, "degree", "slope"), "zones": zones,
             "areas": areas, "points": points}  # fmt: skip
    return ReleaseGround(**(given | changes))


def releases(**changes):
    return release_units(ground(**changes), GRID, params=RunoutParams(), risk=RiskParams())


def houses():
    return gpd.GeoDataFrame(
        {"house_id": ["H1", "H2", "H3", "H4"], "settlement_id": ["S1", "S1", "S2", None], "is_building": [True] * 4,
         "people": [4.0, 3.0, 5.0, np.nan], "vulnerable_people": [1.0, 1.0, 1.0, np.nan]},
        geometry=[square(12, 4), square(15, 5), square(36, 4), square(8, 20)], crs=GRID.crs,
    )  # fmt: skip


def roads():
    line = LineString([at(21, 0), at(21, 29)])
    return gpd.GeoDataFrame({"road_id": ["R1"]}, geometry=[line], crs=GRID.crs)


def made_products():
    exposed = Exposed(houses(), roads())
    return run_out_products(slope_then_plain(), releases(), exposed, params=RunoutParams(), risk=RiskParams(),
                            language="en")  # fmt: skip


products = cache(made_products)


def test_units_are_points_before_areas_before_slopes_and_closed_ones_are_none():
    made = releases()
    rows = made.table.set_index("release_id")
    assert rows["source"].to_dict() == {
        "LS-1": "susceptible_slope", "SC-00004-00020": "susceptible_slope", "P1": "moving_area", "P2": "hazard_point",
    }  # fmt: skip
    assert rows.loc["P2", "kind"] == "rockfall"
    assert rows.loc["LS-1", "n_cells"] == 4
    units = made.units.to_numpy()
    assert np.isnan(units[39]).all()
    assert units[5, 5] == rows.loc["LS-1", "unit"]
    assert units[10, 10] == rows.loc["P1", "unit"]
    assert made.kinds.to_numpy()[2, 25] == 2
    assert (units[10:12, 14:20] == 0).all()


def test_the_second_area_of_a_point_takes_no_id_that_another_point_has():
    areas = gpd.GeoDataFrame(
        {"area_id": ["A1", "A4", "A5"], "kind": "landslide", "false_alarm_p": 0.0},
        geometry=[square(10, 10, 2), square(10, 14, 2), square(10, 18, 2)], crs=GRID.crs,
    )  # fmt: skip
    points = gpd.GeoDataFrame(
        {"point_id": ["P1", "P1", "P1-2"], "kind": "landslide", "status": "changed", "area_id": ["A1", "A4", "A5"],
         "area_m2": 3600.0},
        geometry=[Point(at(10, 10)), Point(at(10, 14)), Point(at(10, 18))], crs=GRID.crs,
    )  # fmt: skip
    table = releases(areas=areas, points=points).table
    assert table.loc[table["source"] == "moving_area", "release_id"].tolist() == ["P1", "P1-3", "P1-2"]
    # nor of one that releases nothing: dormant, and without an area
    closed = points.assign(status=["changed", "changed", "dormant"], area_id=["A1", "A4", None])
    table = releases(areas=areas.iloc[:2], points=closed).table
    assert table.loc[table["source"] == "moving_area", "release_id"].tolist() == ["P1", "P1-3"]


def test_without_a_hazard_it_is_unknown_where_else_something_starts():
    made = releases(hazard=None, areas=None)
    assert set(made.table["release_id"]) == {"P1", "P2"}
    assert np.isnan(made.units.to_numpy()[30, 3])


@pytest.mark.slow
def test_hits_and_footprints_name_who_is_reached():
    made = products()
    hits = made.hits[made.hits["release_id"] == "LS-1"].set_index(["target_kind", "target_id"])
    assert {("building", "H1"), ("building", "H2"), ("settlement", "S1"), ("road", "R1")} == set(hits.index)
    assert hits.loc[("settlement", "S1"), "people"] == 7
    assert hits.loc[("settlement", "S1"), "n_houses"] == 2
    # straight down from (4, 4) to (12, 4): the energy is capped at 20 m
    assert hits.loc[("building", "H1"), "energy_j_kg"] == pytest.approx(9.81 * 20, rel=1e-5)
    assert hits.loc[("building", "H1"), "velocity_m_s"] == pytest.approx(np.sqrt(2 * 9.81 * 20), rel=1e-5)
    zones = made.zones.set_index("zone_id")
    assert set(zones.index) == {"RO-LS-1", "RO-SC-00004-00020", "RO-P1", "RO-P2"}
    assert zones.loc["RO-LS-1", "people"] == 7
    assert zones.loc["RO-P2", "buildings"] == 0
    assert "Reaches no known house" in zones.loc["RO-P2", "reasons"]
    assert zones.loc["RO-LS-1", "geometry"].intersects(Point(at(15, 5)))
    assert not zones.loc["RO-LS-1", "geometry"].intersects(Point(at(36, 4)))


@pytest.mark.slow
def test_a_large_grid_keeps_its_layers_lazy_and_says_the_same(monkeypatch):
    small = products()
    monkeypatch.setattr("geo_risk.products.runout._WHOLE_CELLS", 0)
    large = made_products()
    pd.testing.assert_frame_equal(large.hits, small.hits)
    for name, layer_ in large.layers.items():
        assert layer_.chunks
        np.testing.assert_array_equal(layer_.to_numpy(), small.layers[name].to_numpy(), err_msg=name)


def test_ways_lead_from_the_release_to_the_hardest_hit_house_of_each_settlement():
    ways = products().ways.set_index("way_id")
    assert list(ways.index) == ["LS-1-S1", "P1-S1"]
    line = ways.loc["LS-1-S1", "geometry"]
    assert Point(line.coords[0]).within(square(4, 4, 2))
    assert Point(line.coords[-1]).within(houses().set_index("house_id").loc[ways.loc["LS-1-S1", "target_id"]].geometry)
    assert line.length == pytest.approx(ways.loc["LS-1-S1", "length_m"])


def test_a_disc_is_no_building_and_its_zone_has_an_unknown_number_of_them():
    exposed = Exposed(houses().assign(is_building=[True, False, True, False]), roads())
    zone = run_out_products(slope_then_plain(), releases(), exposed, params=RunoutParams(), risk=RiskParams(),
                            language="en").zones.set_index("zone_id")  # fmt: skip
    assert pd.isna(zone.loc["RO-LS-1", "buildings"])
    assert "Reaches ground without building data of 1 settlements, with 7 people" in zone.loc["RO-LS-1", "reasons"]
    assert "number of people unknown" in zone.loc["RO-SC-00004-00020", "reasons"]
    assert zone.loc["RO-P2", "buildings"] == 0


def test_a_house_of_unknown_people_makes_the_zone_unknown_not_safe():
    zone = products().zones.set_index("zone_id").loc["RO-SC-00004-00020"]
    assert pd.isna(zone["people"])
    assert zone["vulnerability_level"] == -1
    assert zone["risk_level"] != 0
    assert "unknown" in zone["reasons"]


def test_a_path_into_missing_ground_is_said():
    z = slope_then_plain().to_numpy().copy()
    z[14, :] = np.nan
    made = run_out_products(layer(z, "m", "dem"), releases(), Exposed(), params=RunoutParams(), risk=RiskParams(),
                            language="en")  # fmt: skip
    assert (made.layers["runout_flags"].to_numpy() > 0).any()
    zone = made.zones.set_index("zone_id").loc["RO-P1"]
    assert zone["unknown_beyond"] == "yes"
    assert "not known to be safe" in zone["reasons"]
    assert (made.layers["hazard_runout"].to_numpy()[14] == -1).all()
    assert pd.isna(zone["people"])


@pytest.mark.slow
def test_footprints_are_what_the_layer_of_all_paths_shows():
    made, found = products(), releases()
    drawn = footprints({"dem": slope_then_plain(), "release_units": found.units, "release_kind": found.kinds},
                       RunoutParams(), set(found.table["unit"]))  # fmt: skip
    n_cells = (made.layers["runout_paths"].to_numpy() > 0).sum()
    assert drawn.union_all().area == pytest.approx(n_cells * GRID.cell_area_m2)
    assert footprints({"dem": slope_then_plain(), "release_units": found.units}, RunoutParams(), set()).empty


def test_a_warning_goes_down_with_what_runs_out_and_unknown_with_it():
    warning = np.zeros((40, 30), np.int8)
    warning[4, 4], warning[4, 12], warning[4, 20], warning[6, 20], warning[30, 2] = 4, 1, -1, 3, -1
    got = runout_layers(slope_then_plain(), {"warning_24h": layer(warning, "level")}, params=RunoutParams())
    level = got["warning_24h"].to_numpy()
    assert (level[12, 4], level[12, 12], level[5, 20], level[12, 20], level[30, 2]) == (4, 1, -1, 3, -1)
    assert (level[36, 4], level[3, 4]) == (0, 0)
    assert (level[warning >= 2] >= warning[warning >= 2]).all()
    assert level[4, 12] == 1
    assert runout_layers(slope_then_plain(), {}, params=RunoutParams()) == {}


def test_layers_on_another_grid_are_refused():
    other = Grid(GeoBox((40, 30), Affine(30, 0, 510_030, 0, -30, 4_065_000), "EPSG:4546"))
    hazard = other.layer(np.zeros((40, 30), np.int8), units="level", long_name="hazard")
    with pytest.raises(GridError):
        releases(hazard=hazard)


@pytest.mark.slow
def test_the_steps_write_layers_frames_and_facts(tmp_path):
    g = ground()
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    for name, value in {"hazard": g.hazard, "slope": g.slope, "dem": slope_then_plain()}.items():
        write_layer(value, tmp_path / f"{name}.tif")
    for name, frame in {"areas": g.areas, "points": g.points, "zones": g.zones, "houses": houses()}.items():
        write_frame(frame, tmp_path / f"{name}.gpkg")
    roads().to_file(tmp_path / "roads.gpkg")

    def of(name):
        return tmp_path / f"{name}.{'tif' if name in ('hazard', 'slope', 'dem') else 'gpkg'}"

    made = {"units": tmp_path / "units.tif", "kinds": tmp_path / "kinds.tif", "table": tmp_path / "table.gpkg"}
    write_releases(grid=tmp_path / "grid.json", **{n: of(n) for n in ("hazard", "slope", "areas", "points", "zones")},
                   channels=None, **made, facts=tmp_path / "releases.json", params=RunoutParams(),
                   risk=RiskParams())  # fmt: skip
    assert read_json(tmp_path / "releases.json")["counts"]["release_cells"] == releases().table["n_cells"].sum()
    layers = {name: tmp_path / f"{name}.tif" for name in LAYERS}
    write_runout(dem=of("dem"), **made, grid=tmp_path / "grid.json", houses=of("houses"), roads=of("roads"),
                 zones=tmp_path / "z.gpkg", ways=tmp_path / "w.gpkg", hits=tmp_path / "h.gpkg", stack=tmp_path / "s.h5",
                 facts=tmp_path / "runout.json", params=RunoutParams(), risk=RiskParams(), language="zh",
                 options=NO_OPTIONS, **layers)  # fmt: skip
    want = products()
    energy = open_layer(layers["runout_energy"])
    assert energy.attrs["units"] == "J/kg"
    np.testing.assert_array_equal(energy.to_numpy(), want.layers["runout_energy"].to_numpy())
    assert len(read_frame(tmp_path / "h.gpkg")) == len(want.hits)
    assert read_frame(tmp_path / "w.gpkg")["way_id"].tolist() == want.ways["way_id"].tolist()
    assert read_frame(tmp_path / "z.gpkg")["reasons"].str.contains("米").all()
    for name in LAYERS:
        np.testing.assert_array_equal(open_layer(layers[name]).to_numpy(), want.layers[name].to_numpy(), err_msg=name)
    facts = read_json(tmp_path / "runout.json")
    assert facts["counts"]["cells_reached"] == (want.layers["runout_paths"].to_numpy() > 0).sum()
    assert facts["counts"]["houses_reached"] == 3
    assert {"text_en", "text_zh", "level"} <= set(facts["notes"][0])


def test_source_channels_release_debris_flows_at_their_top_behind_points_and_areas():
    ways = ([at(30, 25), at(34, 25)], [at(10, 10), at(14, 10)], [at(-5, 2), at(1, 2)])
    channels = gpd.GeoDataFrame(
        {"channel_id": ["DC-2", "DC-1", "DC-3"]}, geometry=[LineString(w) for w in ways], crs=GRID.crs
    )
    made = release_units(ground(channels=channels), GRID, params=RunoutParams(), risk=RiskParams())
    table = made.table.set_index("release_id")
    assert table.loc["DC-2", ["source", "kind", "n_cells"]].to_list() == ["debris_flow_channel", "debris_flow", 1]
    assert made.units.to_numpy()[30, 25] == table.loc["DC-2", "unit"]
    assert made.kinds.to_numpy()[30, 25] == 1
    # the top of DC-1 lies on a moving area, that of DC-3 off the map
    assert not {"DC-1", "DC-3"} & set(table.index)
    plain = release_units(ground(), GRID, params=RunoutParams(), risk=RiskParams())
    assert set(plain.table["release_id"]) == set(table.index) - {"DC-2"}


@pytest.mark.slow
def test_what_stands_on_the_release_is_in_very_high_hazard_though_nothing_arrives_there():
    point = gpd.GeoDataFrame(
        {"point_id": ["P9"], "kind": ["landslide"], "status": ["existing"], "area_id": [None], "area_m2": [3600.0]},
        geometry=[Point(at(10, 10))], crs=GRID.crs,
    )  # fmt: skip
    nothing = layer(np.zeros((40, 30), np.int8), "level", "hazard")
    found = release_units(ReleaseGround(nothing, ground().slope, points=point), GRID, params=RunoutParams(),
                          risk=RiskParams())  # fmt: skip
    top = houses().iloc[:1].set_geometry([square(9, 10)])  # the highest release cell: no path comes from above
    made = run_out_products(slope_then_plain(), found, Exposed(top), params=RunoutParams(), risk=RiskParams(),
                            language="en")  # fmt: skip
    assert made.layers["hazard_runout"].to_numpy()[9, 10] == 4
    zone, hit = made.zones.iloc[0], made.hits.iloc[0]
    assert zone["arrival_velocity_m_s"] == 0
    assert zone["hazard_level"] == 4
    assert "very high" in zone["reasons"]
    assert "goes down with it" in zone["reasons"]
    assert hit["reasons"] == "landslide from P9 (hazard point): stands on the ground that can fail."


@pytest.mark.slow
def test_a_house_at_the_end_of_a_run_out_does_not_lower_the_hazard_of_a_road_in_it():
    # energy head 20 m at the foot of the slope, 20 - 30 tan(22) = 7.9 m a cell farther: 19.8 and 12.4 m/s
    params = RunoutParams(level_velocity_m_s=(1.0, 5.0, 13.0))
    at_the_end = houses().iloc[:1].set_geometry([square(21, 4)])
    road = roads().set_geometry([LineString([at(15, 0), at(15, 29)])])

    def zone(*given):
        made = run_out_products(slope_then_plain(), releases(), Exposed(*given), params=params, risk=RiskParams())
        return made.zones.set_index("zone_id").loc["RO-LS-1"]

    alone, beside = zone(at_the_end), zone(at_the_end, road)
    assert alone["arrival_velocity_m_s"] == beside["arrival_velocity_m_s"] == pytest.approx(12.43, abs=0.01)
    assert (alone["hazard_level"], beside["hazard_level"]) == (3, 4)
