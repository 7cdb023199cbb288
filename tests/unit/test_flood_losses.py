"""Runoff by both methods on ground of every kind, soils as codes, and the hours the storm is taken apart into."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.flood.losses import (
    Ground,
    condition_of,
    curve_numbers,
    impervious_shares,
    storm_excess_mm,
    storm_runoff_mm,
)
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.soils import TEXTURES, group_of, soil_code
from geo_risk.hazards.rainfall.accumulation import accumulate
from geo_risk.hazards.rainfall.wettest import wettest
from geo_risk.kernels.green_ampt import green_ampt_excess_mm
from geo_risk.kernels.runoff import scs_runoff_mm
from geo_risk.terrain.burned import burned_blocks

CURVES, GREEN_AMPT = RunoffParams(), RunoffParams(method="green_ampt")
STORM = np.array([5.0, 20.0, 0.0, 30.0])


def ground(number: float = 80.0, soil: float = 2, sealed: float = 0.0) -> Ground:
    return Ground(np.array([number]), np.array([soil]), np.array([sealed]))


def test_hours_of_curve_number_runoff_sum_to_the_storm() -> None:
    hours = storm_excess_mm(STORM[:, None], ground(), 2, CURVES)
    assert hours.sum() == pytest.approx(float(scs_runoff_mm(55.0, 80.0)))
    assert hours[2, 0] == 0
    gap = storm_excess_mm(np.array([[5.0], [np.nan], [5.0]]), ground(), 2, CURVES)
    assert np.isfinite(gap[0])
    assert np.isnan(gap[1:]).all()


@pytest.mark.slow
def test_green_ampt_takes_the_texture_the_wetness_and_the_sealed_share() -> None:
    own = green_ampt_excess_mm(STORM[:, None], 6.5, 166.8, 0.5 * 0.486, step_h=1.0)
    assert storm_excess_mm(STORM[:, None], ground(soil=2), 2, GREEN_AMPT) == pytest.approx(own, abs=0)
    silt_loam = soil_code(None, "silt loam")
    assert storm_excess_mm(STORM[:, None], ground(soil=silt_loam), 2, GREEN_AMPT) == pytest.approx(own, abs=0)
    half = storm_excess_mm(STORM[:, None], ground(sealed=0.5), 2, GREEN_AMPT)
    assert half == pytest.approx(0.5 * STORM[:, None] + 0.5 * own)
    # nothing need be known of the soil under asphalt
    assert storm_excess_mm(STORM[:, None], ground(soil=0, sealed=1.0), 2, GREEN_AMPT)[:, 0].tolist() == STORM.tolist()
    assert np.isnan(storm_excess_mm(STORM[:, None], ground(soil=0), 2, GREEN_AMPT)).all()


@pytest.mark.slow
@given(st.lists(st.floats(0, 80), min_size=1, max_size=6), st.floats(20, 100), st.integers(1, 15), st.floats(0, 1),
       st.sampled_from([CURVES, GREEN_AMPT]))  # fmt: skip
def test_wetter_ground_sheds_more_and_never_more_than_falls(
    rain: list[float], number: float, soil: int, sealed: float, params: RunoffParams
) -> None:
    storm, on = np.array(rain)[:, None], ground(number, soil, sealed)
    dry, average, wet = (storm_excess_mm(storm, on, k, params) for k in (1, 2, 3))
    slack = 1e-9 * (1 + storm.sum())
    assert (wet <= storm + slack).all()
    assert (dry >= 0).all()
    assert dry.sum() <= average.sum() + slack <= wet.sum() + 2 * slack


@pytest.mark.parametrize("params", [CURVES, GREEN_AMPT])
def test_impossible_ground_is_unknown_not_dry(params: RunoffParams) -> None:
    for bad in (ground(number=140.0, soil=99), ground(number=0.0, soil=-1), ground(number=np.nan, soil=np.nan)):
        assert np.isnan(storm_excess_mm(STORM[:, None], bad, 2, params)).all()
    assert np.isnan(storm_excess_mm(STORM[:, None], ground(), np.nan, params)).all()


def test_conditions_by_rule_and_by_rain() -> None:
    before, known = np.array([0.0, 60.0, 0.0, np.nan]), np.array([1.0, 1.0, 0.9, np.nan])
    assert condition_of(before, known, growing=True, params=RunoffParams(antecedent="wet")).tolist() == [3, 3, 3, 3]
    told = RunoffParams(antecedent="five_day_rain")
    assert condition_of(before, known, growing=True, params=told).tolist() == [1, 3, 2, 2]
    assert condition_of([20.0], [1.0], growing=False, params=told).tolist() == [2]


def test_blocks_of_layers_give_the_storm() -> None:
    shape = (2, 3)
    layers = [np.full(shape, v, np.float32) for v in (10.0, 40.0, 70.0, 1.0, 80.0, 2.0, 0.0)]
    wet = storm_runoff_mm(*layers, n_hours=2, is_growing=True, params=RunoffParams(antecedent="five_day_rain"))
    assert wet.shape == shape
    assert wet.dtype == np.float32
    assert wet[0, 0] == pytest.approx(float(scs_runoff_mm(50.0, 80 / (0.427 + 0.00573 * 80))), rel=1e-6)


def test_curve_numbers_by_table() -> None:
    cover, soil = np.array([[1.0, 4.0, 1.0, 77.0, np.nan]]), np.array([[2, 4, soil_code("", "clay"), 1, 1]])
    number = curve_numbers(cover, soil, CURVES.curve_numbers)
    assert number[0, :3].tolist() == [78.0, 92.0, 89.0]
    assert np.isnan(number[0, 3:]).all()
    assert np.isnan(curve_numbers(cover, np.zeros((1, 5)), CURVES.curve_numbers)).all()
    assert impervious_shares(cover, {4: 0.65})[0, :2].tolist() == [0.0, 0.65]
    assert np.isnan(impervious_shares(cover, {})[0, 4])


@pytest.mark.parametrize(
    ("group", "texture", "code"),
    [("b", None, 2), ("B/D", None, 4), ("A类", "", 1), ("D组", float("nan"), 4), ("X", None, 0), ("", None, 0),
     ("B/X", None, 0), ("A", "clay", 15), (None, "Silt_Loam", 9), ("C", "粉质黏土", 14), ("C", "mud", 3)],
)  # fmt: skip
def test_soils_as_they_are_written(group: object, texture: object, code: int) -> None:
    assert soil_code(group, texture) == code


def test_groups_of_textures_follow_tr55_appendix_a() -> None:
    by_name = {name: group_of(soil_code(None, name)) for name in TEXTURES}
    assert (by_name["sandy loam"], by_name["loam"], by_name["sandy clay loam"], by_name["clay loam"]) == (1, 2, 3, 4)
    assert [group_of(k) for k in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "wrong",
    [{"growing_limits_mm": (50, 20)}, {"growing_months": (0, 10)}, {"textures": {"sand": (1, 1, 1)}},
     {"textures": {**CURVES.textures, "sand": (-1.0, 1.0, 0.4)}}, {"group_textures": {"A": "mud"}},
     {"saturations": (0.9, 0.5, 0.8)}, {"impervious_shares": {4: 1.5}}, {"curve_numbers": {1: (0, 70, 80, 90)}},
     {"curve_numbers": {1: (60, 70, 80, 140)}}],
)  # fmt: skip
def test_impossible_numbers_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RunoffParams.model_validate(wrong)


def hourly(values: np.ndarray) -> xr.DataArray:
    n_t, n_y, n_x = values.shape
    coords = {"time": np.arange(n_t), "y": -np.arange(n_y, dtype=float), "x": np.arange(n_x, dtype=float)}
    return xr.DataArray(values, coords, ("time", "y", "x"), attrs={"units": "mm"})


@pytest.mark.slow
@given(st.integers(1, 6), st.sampled_from(["maximum", "ending"]), st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_hours_of_the_window_sum_to_the_accumulation(hours: int, how: str, first: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.3, 8.0, (20, 2, 2))
    rain[rng.random(rain.shape) < 0.1] = np.nan
    cube = hourly(rain)
    found = wettest(cube, hours, before_h=5, first=first, how=how)
    total = accumulate(cube, hours, first=first, how=how, min_known_share=0.0).to_numpy()
    # both are float32 of sums of some 20 hours
    np.testing.assert_allclose(sum(h.to_numpy() for h in found.hours_mm), total, rtol=1e-5, atol=1e-4)


def test_the_rain_before_is_a_lower_bound_where_hours_lack() -> None:
    rain = np.zeros((12, 1, 3))
    rain[8:10], rain[4:8] = 20.0, 1.0
    rain[5, 0, 1] = np.nan
    found = wettest(hourly(rain), 2, before_h=4)
    assert found.before_mm.to_numpy().tolist() == [[4.0, 3.0, 4.0]]
    assert found.before_known.to_numpy().tolist() == [[1.0, 0.75, 1.0]]
    # the cube begins too late for ten hours before the window
    assert wettest(hourly(rain), 2, before_h=10).before_known.to_numpy()[0, 0] == pytest.approx(0.8)
    with pytest.raises(DataError, match="cannot be taken"):
        wettest(hourly(rain), 0, before_h=4)


def test_burning_in_blocks_is_burning_at_once() -> None:
    grid = Grid.from_bounds((0, 0, 22_000, 11_000), crs="EPSG:4546", resolution_m=10)
    shapes = [
        (box(5, 5, 15_003, 7_004), 1.0),
        (box(9_000, 3_000, 21_000, 9_999), 2.0),
        (None, 3.0),
        (box(1, 1, 1, 1), 4.0),
    ]
    lazy = burned_blocks(shapes, grid, fill=0.0)
    assert lazy.npartitions > 1
    assert (lazy.compute() == rasterize(shapes, grid, fill=0, dtype="float32")).all()
    assert (burned_blocks([], grid, fill=-1.0).compute() == -1).all()


@pytest.mark.parametrize("params", [CURVES, GREEN_AMPT])
def test_unknown_ground_counts_on_the_wet_side_and_unknown_rain_is_unknown(params: RunoffParams) -> None:
    rain = [np.full((1, 2), mm, np.float32) for mm in (10.0, 40.0, 20.0)]
    rain[1][0, 1] = np.nan
    told = [np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)]
    unknown = [np.full((1, 2), v, np.float32) for v in (np.nan, 0.0, np.nan)]
    wet = [np.full((1, 2), v, np.float32) for v in (85.0, 4.0, 0.0)]
    got, like = (storm_runoff_mm(*rain, *told, *g, n_hours=3, is_growing=True, params=params) for g in (unknown, wet))
    np.testing.assert_array_equal(got, like)
    assert got[0, 0] > 0
    assert np.isnan(got[0, 1])
