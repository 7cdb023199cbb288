"""Hollows of sinking ground: a bowl on a plain, a bowl on a slope, and what is not known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from shapely.geometry import Point, box

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_sinking import _town_facts, write_sinking, write_town_sinking
from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.sinking import SinkingParams, lowered, pond_growth, rate_at, sinking_rate
from geo_risk.kernels.priority_flood import fill
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import read_frame, read_json

GRID = Grid.from_bounds((510_000, 4_060_000, 511_000, 4_061_000), crs="EPSG:4546", resolution_m=10)
PARAMS = SinkingParams(season_yr=2.0)
SIGMA_M, PEAK_MM_YR = 80.0, 300.0


def bowl(sigma: float = SIGMA_M, peak: float = PEAK_MM_YR) -> np.ndarray:
    """A Gaussian subsidence bowl in the middle; 0 where it sinks by less than 10 mm/yr, as `sinking_rate` leaves it."""
    at = (np.arange(100) - 49.5) * 10
    x, y = np.meshgrid(at, at)
    rate = peak * np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return np.where(rate >= 10, rate, 0.0)


@pytest.mark.slow
def test_a_bowl_on_a_plain_holds_what_the_ground_has_lost() -> None:
    grown = pond_growth(np.full((100, 100), 900.0), bowl(), cell_m=10.0, params=PARAMS)
    # 2 pi sigma^2 w0, less the tail that sinks by less than 10 mm/yr: the share 10 / 300 of a Gaussian's volume
    whole = 2 * np.pi * SIGMA_M**2 * PEAK_MM_YR / 1000 * PARAMS.season_yr * (1 - 10 / PEAK_MM_YR)
    # cells of an eighth of sigma sum a Gaussian to far below a per mille; the edge of the tail is jagged
    assert grown.volume_next_m3 == pytest.approx([whole], rel=3e-3)
    assert grown.volume_now_m3.tolist() == [0.0]
    assert grown.depth_next_m == pytest.approx([bowl().max() * 2 / 1000], rel=1e-12)
    assert (grown.rate_max_mm_yr[0], grown.known_share[0]) == (bowl().max(), 1.0)


def test_a_slope_steeper_than_the_bowl_drains_it() -> None:
    # the steepest side of the bowl falls by w0 e^-1/2 / sigma = 0.6 e^-1/2 / 80 = 0.0045; ground that falls by more
    # keeps falling, ground that falls by less is dammed
    columns = np.tile(np.arange(100.0), (100, 1))
    assert pond_growth(900 - columns * 10 * 0.006, bowl(), cell_m=10.0, params=PARAMS).volume_next_m3.size == 0
    assert pond_growth(900 - columns * 10 * 0.002, bowl(), cell_m=10.0, params=PARAMS).volume_next_m3.size == 1


def test_a_hollow_of_today_is_told_with_what_it_holds_now_and_an_old_dem_with_what_it_lost_since() -> None:
    z = np.full((100, 100), 900.0)
    z[45:55, 45:55] = 899.0
    grown = pond_growth(z, bowl(), cell_m=10.0, params=PARAMS)
    assert grown.volume_now_m3 == pytest.approx([10_000.0])
    added = bowl().sum() * 100 / 1000 * PARAMS.season_yr
    assert grown.volume_next_m3 == pytest.approx([10_000 + added])
    old = pond_growth(z, bowl(), cell_m=10.0, params=SinkingParams(season_yr=2.0, dem_age_yr=3.0))
    assert old.volume_now_m3 == pytest.approx([10_000 + 1.5 * added])
    assert old.volume_next_m3 - old.volume_now_m3 == pytest.approx([added])


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_the_same_everywhere_makes_no_hollow_and_a_sinking_floor_holds_what_it_lost(seed: int, years: float) -> None:
    rng = np.random.default_rng(seed)
    z = 900 + rng.normal(0, 0.3, (24, 24)).cumsum(axis=0)
    params = SinkingParams(growth_min_m3=0.0, depth_min_m=0.0)
    even = pond_growth(z, np.full(z.shape, 100.0), cell_m=10.0, params=params)
    # depths are summed in steps of 2^-24 m: at most half of one on each of the 576 cells of 100 m2
    assert (even.volume_next_m3 - even.volume_now_m3).sum() == pytest.approx(0, abs=576 * 100 * 2.0**-25)
    # floors that are under water leave the rims, and so the levels, as they are (rims may sink too: then it may shrink)
    rate = np.where(fill(z) > z, 400.0 * rng.random(z.shape), 0.0)
    then = lowered(z, rate, years)
    assert (fill(then) - then).sum() == pytest.approx((fill(z) - z).sum() + rate.sum() * years / 1000, abs=1e-9)


def test_noise_does_not_sink_and_what_is_not_known_is_told() -> None:
    up, std = np.array([-4.0, -30.0, -30.0, 8.0, np.nan]), np.array([1.0, 5.0, 20.0, 1.0, 1.0])
    assert np.array_equal(sinking_rate(up, std, PARAMS), [0.0, 30.0, np.nan, 0.0, np.nan], equal_nan=True)
    assert np.array_equal(sinking_rate(up, None, PARAMS), [0.0, 30.0, 30.0, 0.0, np.nan], equal_nan=True)
    rate = bowl()
    rate[:, 50:] = np.nan
    grown = pond_growth(np.full((100, 100), 900.0), rate, cell_m=10.0, params=PARAMS)
    assert grown.known_share.tolist() == [1.0]  # the other half counts as still: it is the rim
    assert not pond_growth(np.full((9, 9), 900.0), np.full((9, 9), np.nan), cell_m=10.0, params=PARAMS).labels.any()


@pytest.mark.slow
def test_the_step_tells_each_hollow_once_in_both_languages(tmp_path) -> None:
    layers = {"dem": np.full(GRID.shape, 900.0), "velocity_up": -bowl()}
    for name, values in layers.items():
        units = "m" if name == "dem" else "mm/yr"
        write_layer(
            GRID.layer(values.astype("float32"), units=units, long_name=name, name=name), tmp_path / f"{name}.tif"
        )
    middle = Point(510_500, 4_060_500)
    zones = gpd.GeoDataFrame(
        {"subsidence_id": ["A-1", "A-2", "B-1", "C-1"], "body_id": ["A", "A", "B", "C"], "kind": "mining_subsidence"},
        geometry=[middle.buffer(150), middle.buffer(80), middle.buffer(100), box(0, 0, 10, 10)], crs=GRID.crs,
    )  # fmt: skip
    write_frame(zones, tmp_path / "zones.gpkg")
    write_sinking(
        dem=tmp_path / "dem.tif", velocity_up=tmp_path / "velocity_up.tif", velocity_up_std=None,
        zones=tmp_path / "zones.gpkg", out=tmp_path / "out.gpkg", facts=tmp_path / "facts.json", params=PARAMS,
        language="zh",
    )  # fmt: skip
    made, facts = read_frame(tmp_path / "out.gpkg"), read_json(tmp_path / "facts.json")
    assert len(made) == 1
    assert made.loc[0, "growth_m3"] == pytest.approx(facts["counts"]["growth_m3"], abs=0.1)
    assert "毫米/年" in made.loc[0, "reasons"]
    assert "where hardly any is today" in made.loc[0, "reasons_en"]
    assert facts["counts"]["sinking_bodies"] == 3
    assert "dem_age_yr" in facts["notes"][1]["text_en"]
    write_frame(zones.iloc[3:], tmp_path / "off.gpkg")
    write_sinking(
        dem=tmp_path / "dem.tif", velocity_up=tmp_path / "velocity_up.tif", velocity_up_std=None,
        zones=tmp_path / "off.gpkg", out=tmp_path / "none.gpkg", facts=tmp_path / "facts.json", params=PARAMS,
        language="en",
    )  # fmt: skip
    assert len(read_frame(tmp_path / "none.gpkg")) == 0


@pytest.mark.slow
def test_a_site_whose_ground_sinks_stands_deeper_next_season_and_an_unknown_rate_is_unknown(tmp_path) -> None:
    """A tray with a hollow of 1,000 m2 in the middle that a storm fills in part, and a gauge of rain by the hour."""
    fine = Grid.from_bounds((510_400, 4_060_400, 510_600, 4_060_600), crs="EPSG:4546", resolution_m=5)
    z = np.full(fine.shape, 900.0)
    z[[0, -1], :] = z[:, [0, -1]] = 910.0
    z[16:24, 16:21] = 899.0
    rate = np.zeros(GRID.shape)
    rate[46:54, 46:54] = 500.0  # 80 m around the hollow sink by half a metre a year
    rate[0] = np.nan
    names = {"town_dem": z, "town_curve_number": np.full(z.shape, 100.0), "town_manning": np.full(z.shape, 0.03),
             "town_soil": np.full(z.shape, 2.0), "town_sealed": np.ones(z.shape),
             "town_drained": np.zeros(z.shape)}  # fmt: skip
    for name, values in names.items():
        units = "m" if name == "town_dem" else "1"
        write_layer(
            fine.layer(values.astype("float32"), units=units, long_name=name, name=name), tmp_path / f"{name}.tif"
        )
    write_layer(GRID.layer(-rate.astype("float32"), units="mm/yr", long_name="up", name="up"), tmp_path / "up.tif")
    coarse = Grid.from_bounds((510_000, 4_060_000, 511_000, 4_061_000), crs="EPSG:4546", resolution_m=500)
    base = coarse.layer(np.zeros(coarse.shape, "float32"), units="mm", long_name="rain", name="rain")
    times = np.datetime64("2024-07-25T01:00", "ns") + np.arange(2) * np.timedelta64(1, "h")
    rain = xr.DataArray(np.full((2, *coarse.shape), 20.0, "float32"), dims=("time", "y", "x"), name="rain",
                        coords={"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}},
                        attrs={"units": "mm", "interval_h": 1.0})  # fmt: skip
    write_cube(rain, tmp_path / "rain.nc")
    middle = 20 * fine.shape[1] + 18
    sites = gpd.GeoDataFrame({"site_id": ["A", "B"], "label": [1, 0], "cell": [middle, -1]},
                             geometry=gpd.points_from_xy([510_492.5, 0], [4_060_497.5, 0]), crs=fine.crs)  # fmt: skip
    write_frame(sites, tmp_path / "sites.gpkg")
    devices = pd.DataFrame({"device_id": [], "kind": [], "site_id": [], "capacity_m3_s": [], "cell": []})
    write_frame(devices.astype({"capacity_m3_s": float, "cell": "int64"}), tmp_path / "devices.gpkg")
    write_town_sinking(
        town_sites=tmp_path / "sites.gpkg", town_devices=tmp_path / "devices.gpkg", rain=tmp_path / "rain.nc",
        velocity_up=tmp_path / "up.tif", velocity_up_std=None, findings=None, inflows=None, out=tmp_path / "out.gpkg",
        facts=tmp_path / "facts.json", params=TownFlowParams(open_boundary=False, after_h=12), runoff=RunoffParams(),
        sites=SiteParams(), sinking=SinkingParams(), **{n: tmp_path / f"{n}.tif" for n in names},
    )  # fmt: skip
    table = read_frame(tmp_path / "out.gpkg").set_index("site_id")
    assert table.loc["A", "sinking_mm_yr"] == 500.0
    # at rest all water lies in the lowest ground of the tray: today 1 m in the hollow and 1.3 cm around it
    ground = [z, lowered(z, rate_at(rate, GRID, fine), 1.0)]
    levels = [brentq(lambda h, z=z: np.maximum(h - z, 0).sum() * 25 - 0.04 * z.size * 25, 890, 905) for z in ground]
    deeper = (levels[1] - ground[1].ravel()[middle]) - (levels[0] - ground[0].ravel()[middle])
    assert deeper > 0.05
    # the last millimetres take longer than the twelve hours of the run
    assert table.loc["A", "depth_change_season_m"] == pytest.approx(deeper, abs=0.01)
    assert np.isnan(table.loc["B"].astype(float)).all()
    assert "1 of 2 sites" in read_json(tmp_path / "facts.json")["notes"][1]["text_en"]


def test_a_rate_that_its_error_hides_is_unknown_and_not_still():
    velocity = np.array([-30.0, -30.0, -5.0, 0.0, np.nan])
    std = np.array([2.0, 40.0, 2.0, 8.0, 2.0])
    got = sinking_rate(velocity, std, SinkingParams())
    np.testing.assert_array_equal(got, [30.0, np.nan, 0.0, np.nan, np.nan])


def test_a_town_whose_sinking_nobody_knows_is_not_said_to_stay():
    table = pd.DataFrame({"site_id": ["A"], "sinking_mm_yr": [np.nan], "depth_change_season_m": [np.nan]})
    said = _town_facts(table, tilt=0.0, was_run=False, is_known=False)
    assert "unknown" in said["notes"][0]["text_en"]
    assert "未知" in said["notes"][0]["text_zh"]
    assert "wherever that is known" in _town_facts(table, tilt=0.0, was_run=False)["notes"][0]["text_en"]
