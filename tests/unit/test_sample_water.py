"""Waterlogging of the demo town: sites, causes, drains, depths of three storms; and the county's flood."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from geo_risk.sample.floods import county_flood, runoff_mm, town_run, wettest
from geo_risk.sample.ground import make_ground
from geo_risk.sample.rain import RainField, make_rain
from geo_risk.sample.sites import make_sites
from geo_risk.sample.water import FLOODS_M, LEDGER, NEVER, UNLISTED, make_water, sinks_of


@pytest.fixture(scope="module")
def small():
    ground = make_ground(160, 5)
    return SimpleNamespace(ground=ground, sites=make_sites(ground))


@pytest.mark.parametrize(("rain_in", "curve", "runoff_in"), [(2.0, 75, 0.38), (4.0, 75, 1.67), (6.0, 70, 2.81)])
def test_runoff_of_a_storm_is_that_of_tr55_table_2_1(rain_in, curve, runoff_in):
    hours = np.array([0.1, 0.5, 0.3, 0.1])[:, None] * rain_in * 25.4
    got = runoff_mm(hours, np.array([float(curve)]))
    # the table prints two decimals
    assert got.sum() / 25.4 == pytest.approx(runoff_in, abs=0.0051)
    assert (got >= 0).all()
    assert (got <= hours + 1e-9).all()


def test_the_wettest_window_is_found():
    assert wettest(np.array([0, 1, 9, 9, 0, 5, 5, 5.0]), 3) in (1, 2)
    assert wettest(np.array([0, 0, 1.0]), 1) == 2


@pytest.mark.slow
def test_carving_makes_hollows_and_only_there(small):
    table, dem, even = small.sites.table, small.sites.dem, small.sites.even
    carved = table[table["carved_m"] > 0]
    drop = even[carved["row"], carved["column"]] - dem[carved["row"], carved["column"]]
    assert (drop >= 0.3).all()
    high = table[table["carved_m"] <= 0]
    assert np.array_equal(even[high["row"], high["column"]], dem[high["row"], high["column"]])
    assert (dem <= even).all()
    assert 0 < (dem < even).mean() < 0.15


def test_sites_keep_apart_and_have_their_columns(small):
    table = small.sites.table
    xy = table[["site_x", "site_y"]].to_numpy()
    away = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(xy))
    assert away.min() > 30
    entrance = table["kind"] == "underground_space"
    assert table.loc[entrance, "sill_height_m"].between(0.1, 0.35).all()
    assert table.loc[~entrance, "sill_height_m"].isna().all()


@pytest.mark.slow
def test_sites_are_the_same_for_the_same_seed(small):
    again = make_sites(make_ground(160, 5))
    assert again.table.equals(small.sites.table)
    assert np.array_equal(again.dem, small.sites.dem)


@pytest.mark.slow
def test_county_flood_fills_the_river_and_leaves_the_slopes_dry():
    ground = make_ground(240, 7)
    rain = make_rain(ground.grid.bounds, seed=7)
    depth = county_flood(ground, rain.storm(), rain.peak).depth_m
    river = ground.river_distance_m < ground.river_width_m / 2
    assert (depth[river][5:] > 0).mean() > 0.9
    assert (depth[(ground.slope_deg > 15) & (ground.river_distance_m > 300)] == 0).all()
    wet = depth[depth > 0]
    assert 0.3 <= wet.min() < wet.max() < 8
    storm = rain.storm()
    without = RainField(np.zeros_like(storm.rain_mm), storm.times, storm.left, storm.top)
    nothing = county_flood(ground, without, rain.peak)
    assert nothing.depth_m.max() == 0


@pytest.fixture(scope="module")
def default():
    ground = make_ground(500, 7)
    rain = make_rain(ground.grid.bounds, seed=7)
    return SimpleNamespace(ground=ground, rain=rain, water=make_water(ground, rain))


@pytest.mark.slow
def test_sites_are_those_of_the_specification(default):
    sites = default.water.sites
    listed = sites[sites["in_ledger"]]
    assert len(listed) == LEDGER
    assert (~listed["floods"]).sum() == NEVER
    assert listed.loc[~listed["floods"], "depth_m"].max() <= 0.10
    hidden = sites[~sites["in_ledger"]]
    assert len(hidden) == UNLISTED
    assert hidden["floods"].all()
    assert sites.loc[sites["floods"], "depth_m"].min() >= FLOODS_M
    assert sites["hidden_defect"].value_counts().to_dict() == {"none": 29, "drain_silted": 3, "pump_dead": 1}
    assert listed["hidden_defect"].ne("none").sum() == 4
    assert set(sites["kind"]) == {"underpass", "road_dip", "low_lying", "underground_space"}


@pytest.mark.slow
def test_drains_are_given_at_nominal_capacity_and_three_are_silted(default):
    drains = default.water.drains
    silted = drains[drains["state"] == "silted"]
    share = silted["true_m3_s"] / silted["capacity_m3_s"]
    assert len(silted) == 3
    assert ((share > 0.19) & (share < 0.41)).all()
    dead = drains[drains["state"] == "dead"]
    assert len(dead) == 1
    assert dead["is_pump"].all()
    assert dead["true_m3_s"].iloc[0] == 0 < dead["capacity_m3_s"].iloc[0]
    good = drains[drains["state"] == "good"]
    assert np.allclose(good["true_m3_s"], good["capacity_m3_s"], atol=6e-4)
    cause = default.water.sites.set_index("site_id")["cause"]
    assert not set(drains["site_id"].dropna()) & set(cause[cause == "sag_without_outlet"].index)


@pytest.mark.slow
def test_the_run_keeps_its_mass(default):
    assert abs(default.water.mass_error_m3) < 1e-6 * default.water.rain_m3


@pytest.mark.slow
def test_hidden_defects_are_what_makes_their_sites_flood(default):
    """With every drain at nominal capacity the defective sites hold much less water than in truth."""
    water, town = default.water, default.ground.town.grid
    sinks = sinks_of(water.drains, "capacity_m3_s", town.shape)
    mended = town_run(default.ground, water.dem, default.rain.storm(), sinks).max_depth_m
    bad = water.sites[water.sites["hidden_defect"] != "none"]
    rows, columns = bad["row"].to_numpy(), bad["column"].to_numpy()
    assert (mended[rows, columns] < 0.5 * bad["depth_m"].to_numpy()).all()


@pytest.mark.slow
def test_reported_depths_are_within_five_centimetres(default):
    past = default.water.past
    assert past["storm_id"].nunique() == 2
    assert past.groupby("storm_id").size().eq(LEDGER).all()
    error = past["depth_m"] - past["true_depth_m"]
    assert error.abs().max() <= 0.0551
    assert error.abs().mean() > 0.005
    assert set(past["site_id"]) == set(default.water.sites.loc[default.water.sites["in_ledger"], "site_id"])


@pytest.mark.slow
def test_the_given_dem_is_near_the_truth_but_not_equal(default):
    error = default.water.given_dem - default.water.dem
    assert 0.02 < np.median(np.abs(error)) < 0.1
    assert abs(np.median(error)) < 0.02
