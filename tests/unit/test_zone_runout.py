"""Zones of slopes together with what runs out from them."""

from __future__ import annotations

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import DataError, GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.hazards.runout.footprint import cell_footprints
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.kernels.runout import run_out
from geo_risk.products.matching import zones_of
from geo_risk.products.params import RiskParams
from geo_risk.products.zone_exposure import Exposed
from geo_risk.products.zone_runout import RunoutGround, release_cells, sources_of, with_runout
from geo_risk.products.zones import Dangers, risk_zones

GRID = Grid(GeoBox((40, 30), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
X0, Y0 = 510_000, 4_065_000
RUNOUT = RunoutParams()
PARAMS = RiskParams(zone_units="runout", zone_smooth_m=0)


def layer(values, units="level", name="layer"):
    return GRID.layer(np.asarray(values), units=units, long_name=name, name=name)


def square(row, column, n=1):
    """A square of n x n cells whose upper left cell is given, a metre inside of its cells."""
    return box(X0 + 30 * column + 1, Y0 - 30 * (row + n) + 1, X0 + 30 * (column + n) - 1, Y0 - 30 * row - 1)


def heights():
    """A slope of 35 degrees to row 20, then a plain."""
    row = np.mgrid[0:40, 0:30][0].astype("float32")
    return 1500 - 21 * np.minimum(row, 20)


def steep():
    slope = np.full((40, 30), 35.0, "float32")
    slope[20:] = 1.0
    return layer(slope, "degree", "slope")


def hillside(value=4):
    cells = np.ones((40, 30), np.int8)
    cells[4:8, 10:14] = value
    return cells


def ground(cells=None, z=None, **changes):
    given_ = {"dem": layer(heights() if z is None else z, "m", "dem"), "slope": steep(),
              "hazard": layer(hillside() if cells is None else cells), "channels": None, "params": RUNOUT}  # fmt: skip
    return RunoutGround(**(given_ | changes))


def houses(*rows):
    return gpd.GeoDataFrame(
        {"house_id": [f"H{i}" for i in range(len(rows))], "settlement_id": "S", "is_building": True,
         "people": [r[1] for r in rows], "households": 1.0},
        geometry=[r[0] for r in rows], crs=GRID.crs,
    )  # fmt: skip


def drawn(cells=None, there=None, z=None, params=PARAMS, **changes):
    cells = hillside() if cells is None else cells
    below = houses((square(21, 11), 7.0), (square(36, 11), 5.0)) if there is None else there
    roads = gpd.GeoDataFrame({"road_id": ["r"]}, geometry=[LineString([(X0, Y0 - 1190), (X0 + 900, Y0 - 1190)])],
                             crs=GRID.crs)  # fmt: skip
    runout = ground(cells, z, **changes) if params.zone_units == "runout" else None
    return risk_zones(Dangers({"landslide": layer(cells)}, {}, runout=runout), Exposed(below, roads), GRID,
                      params=params, language="en")  # fmt: skip


def test_a_zone_holds_the_house_below_its_slope_as_far_as_the_energy_line_says():
    row = drawn().iloc[0]
    # the head is capped at 20 m: on the plain the line of 22 degrees ends 20 / tan 22 = 49 m behind its last cell of
    # slope (row 20): row 21 is reached, row 22 (60 m) is not
    assert row.geometry.bounds[1] == pytest.approx(Y0 - 22 * 30)
    assert row["people"] == 7
    plain = drawn(params=RiskParams(zone_smooth_m=0)).iloc[0]
    assert plain["people"] == 0
    assert row["zone_id"] == plain["zone_id"]
    assert row[["hazard_level", "risk_level"]].tolist() == [4, 2]
    assert row["unknown_beyond"] == "no"
    assert row["runout_m2"] == pytest.approx(row.geometry.area - plain.geometry.area)
    assert "it is part of the zone" in row["reasons"]
    assert sources_of(drawn()).iloc[0].equals(plain.geometry)


def test_footprints_are_those_of_the_kernel_on_the_whole_map():
    cells = hillside()
    cells[2:9, 20:24] = 4
    zones = drawn(cells, there=houses())
    starts = release_cells(zones.set_geometry(sources_of(zones)), ground(cells))
    assert len(zones) == 2
    for k, zone in enumerate(zones.geometry):
        mine = starts.loc[starts["zone"] == k, "cell"].to_numpy()
        got = run_out(heights(), mine, friction=RUNOUT.friction("landslide"), cell_m=30)
        whole = polygons_of_labels((got.n_paths > 0).astype(np.int32), GRID, connectivity=8).union_all()
        assert zone.symmetric_difference(whole).area == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_ground_that_is_high_but_not_very_high_runs_out_nowhere_and_says_so():
    row = drawn(hillside(3)).iloc[0]
    assert (row["people"], row["runout_m2"]) == (0, 0)
    assert pd.isna(row["runout_length_m"])
    assert "Nothing is followed out of it" in row["reasons"]
    gentle = layer(np.full((40, 30), 14.0, "float32"), "degree", "slope")
    assert drawn(slope=gentle)["people"].tolist() == [0]
    # where the slope is not known it may start
    unknown = layer(np.full((40, 30), np.nan, "float32"), "degree", "slope")
    assert drawn(slope=unknown)["people"].tolist() == [7]


def test_what_runs_into_the_unknown_is_not_called_empty():
    dem = heights()
    dem[14] = np.nan
    row = drawn(z=dem).iloc[0]
    assert row["people"] == 0
    assert row["unknown_beyond"] == "yes"
    assert row["vulnerability_level"] == -1
    assert row["risk_level"] == 2  # of a very high hazard at least medium, as for unknown people
    assert "not known to be safe" in row["reasons"]
    blind = drawn(z=np.full((40, 30), np.nan, "float32")).iloc[0]
    assert (blind["unknown_beyond"], blind["vulnerability_level"]) == ("yes", -1)
    assert "how far it runs out is not known" in blind["reasons"]


def test_releases_without_a_height_lead_into_the_unknown_though_others_have_a_way():
    dem = heights()
    dem[2, 2] = np.nan
    one, other = 17 * 30 + 20, 2 * 30 + 2  # far from each other
    for cells, flags in ([one], [0]), ([one, other], [1]), ([other], []):
        kinds = np.zeros(len(cells), np.int64)
        made = cell_footprints(layer(dem, "m", "dem"), np.array(cells), kinds, kinds, RUNOUT)
        assert made["flags"].tolist() == flags


def moving(kind="landslide"):
    return gpd.GeoDataFrame(
        {"area_id": ["A1"], "kind": [kind], "velocity_max_mm_yr": [60.0], "activity": ["steady"],
         "false_alarm_p": [0.0], "acceleration_mm_yr2": [0.0]},
        geometry=[square(5, 10, 2)], crs=GRID.crs,
    )  # fmt: skip


def test_moving_areas_of_slopes_run_out_and_sinking_ones_do_not():
    calm = np.zeros((40, 30), np.int8)
    for kind, people in (("landslide", 7), ("mining_subsidence", 0)):
        made = risk_zones(Dangers({"landslide": layer(calm)}, {}, areas=moving(kind), runout=ground(calm)),
                          Exposed(houses((square(21, 11), 7.0))), GRID, params=PARAMS)  # fmt: skip
        assert made["people"].tolist() == [people]


def channel(row, level):
    line = LineString([(X0 + 30 * 20 + 15, Y0 - 30 * row - 15), (X0 + 30 * 20 + 15, Y0 - 30 * 39)])
    return gpd.GeoDataFrame({"channel_id": ["C1"], "hazard_level": [level]}, geometry=[line], crs=GRID.crs)


def test_a_channel_outside_of_slopes_is_a_zone_of_its_own_where_it_is_a_release():
    made = drawn(channels=channel(4, 3)).set_index("kind")
    flow = made.loc["debris_flow"]
    assert flow["hazard_level"] == 3
    assert flow["zone_id"].startswith("DB-")
    # 12 m of head and 11 degrees: 61 m behind row 20, that is row 22
    assert flow.geometry.bounds[1] == pytest.approx(Y0 - 23 * 30)
    assert "debris_flow" not in set(drawn(channels=channel(4, 2))["kind"])
    inside = hillside()
    inside[3:6, 18:22] = 4
    assert set(drawn(inside, channels=channel(4, 3))["kind"]) == {"landslide"}


def test_points_have_the_zone_they_can_fail_with_before_the_one_that_comes_down_on_them():
    cells = hillside()
    cells[14:18, 10:14] = 3
    zones = drawn(cells, there=houses())
    upper, lower = (zones.loc[zones["hazard_level"] == v, "zone_id"].iloc[0] for v in (4, 3))
    places = [(15, 12), (20, 11), (24, 11), (39, 11)]
    points = gpd.GeoDataFrame(
        {"kind": ["landslide"] * 4},
        geometry=[Point(X0 + 30 * c + 15, Y0 - 30 * r - 15) for r, c in places],
        crs=GRID.crs,
    )
    got = zones_of(points, zones, PARAMS)
    assert got["zone_id"].fillna("").tolist() == [lower, upper, upper, ""]
    assert got["zone_rule"].fillna("").tolist() == ["inside", "in_runout", "near", ""]
    assert got["zone_distance_m"].tolist()[:3] == pytest.approx([0, 0, 75])


blocks = st.sampled_from([(40, 30), (11, 7), (16, 30)])


@pytest.mark.slow
@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.integers(0, 2**31), blocks, st.floats(0, 60))
def test_no_house_is_lost_and_blocks_change_nothing(seed, chunks, smooth):
    rng = np.random.default_rng(seed)
    cells = np.kron(rng.integers(1, 5, (10, 10)), np.ones((4, 3))).astype(np.int8)
    dem = (heights() + rng.normal(0, 4, (40, 30))).astype("float32")
    dem[rng.random((40, 30)) < 0.01] = np.nan
    there = houses(*[(square(int(r), int(c)), 1.0) for r, c in rng.integers(0, [40, 30], (20, 2))])
    params = RiskParams(zone_units="runout", zone_smooth_m=smooth)
    made = drawn(cells, there, dem, params)
    plain = drawn(cells, there, params=RiskParams(zone_smooth_m=smooth)).set_index("zone_id")
    lazy = layer(da.from_array(dem, chunks=chunks), "m", "dem")
    again = drawn(cells, there, dem, params, dem=lazy, hazard=layer(da.from_array(cells, chunks=chunks)))
    pd.testing.assert_frame_equal(
        pd.DataFrame(made.drop(columns="geometry")), pd.DataFrame(again.drop(columns="geometry"))
    )
    assert made.geometry.geom_equals(again.geometry).all()
    assert made.geometry.is_valid.all()
    made = made.set_index("zone_id")
    assert set(made.index) == set(plain.index)
    source = sources_of(made)
    starts = release_cells(made.set_geometry(source), ground(cells, dem))
    for k, (zone_id, zone) in enumerate(made.iterrows()):
        before = plain.loc[zone_id]
        assert zone.geometry.buffer(0.01).covers(before.geometry)
        assert (zone["people"] >= before["people"]) or pd.isna(zone["people"])
        assert zone["hazard_level"] == before["hazard_level"]
        cell = starts.loc[starts["zone"] == k, "cell"].to_numpy()
        got = run_out(dem, cell, friction=RUNOUT.friction("landslide"), cell_m=30).n_paths > 0
        hit = polygons_of_labels(got.astype(np.int32), GRID, connectivity=8).union_all() if got.any() else Point()
        reached = there.geometry.intersects(hit) | there.geometry.intersects(before.geometry)
        assert there.geometry[reached].intersects(zone.geometry).all()


def test_bad_input_is_told():
    with pytest.raises(DataError, match="heights or slopes are not there"):
        risk_zones(Dangers({"landslide": layer(hillside())}, {}), Exposed(), GRID, params=PARAMS)
    other = Grid.from_bounds((0, 0, 900, 900), crs="EPSG:4546", resolution_m=30)
    foreign = other.layer(np.zeros(other.shape, np.float32), units="degree", long_name="slope", name="slope")
    with pytest.raises(GridError):
        drawn(slope=foreign)
    with pytest.raises(UnitError):
        drawn(slope=steep().assign_attrs(units="m"))
    dem = layer(heights(), "m", "dem")
    one = np.array([5])
    for cell, unit, kind, words in (
        (one, np.array([1, 2]), one, "as many of each"), (np.array([1200]), one, np.array([0]), "0 to 1199"),
        (one, one, np.array([7]), "codes of kinds"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            cell_footprints(dem, cell, unit, kind, RUNOUT)
    none = np.zeros(0, np.int64)
    assert cell_footprints(dem, none, none, none, RUNOUT).empty
    nowhere = conform(gpd.GeoDataFrame({"zone_id": []}, geometry=[], crs=GRID.crs), "risk_zones").assign(origin="")
    assert with_runout(nowhere, ground(), houses=None, params=PARAMS).empty
    assert shapely.get_num_geometries(sources_of(nowhere).to_numpy()).sum() == 0
