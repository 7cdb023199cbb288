"""Waterlogging of the demo town: sites, causes, drains, depths of three storms; and the county's flood."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from geo_risk.sample.floods import county_flood, runoff_mm, wettest
from geo_risk.sample.ground import make_ground
from geo_risk.sample.rain import RainField, make_rain
from geo_risk.sample.sites import make_sites


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
