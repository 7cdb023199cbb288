"""Velocity, decomposition and slope projection against answers that are known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.activity.classes import activity_maps
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.areas.active import TrackMaps, active_areas, false_alarm_p, stated_p
from geo_risk.hazards.deformation.areas.detect import Channel, Cluster
from geo_risk.hazards.deformation.areas.noise import fit_noise
from geo_risk.hazards.deformation.motion.correction import scene_correction
from geo_risk.hazards.deformation.motion.jumps import find_jumps
from geo_risk.hazards.deformation.motion.sudden import sudden_note, sudden_patches
from geo_risk.hazards.deformation.motion.velocity import design_matrix, line_of_sight_velocity, track_velocity
from geo_risk.hazards.deformation.params import (
    DeformationParams,
    VelocityParams,
)
from geo_risk.kernels.lsq import Estimator, Model, fit_series, independent, invert_spd
from tests.support.insar import CELL, LOS, dataset

PLAIN = VelocityParams(
    estimator="least_squares", atmosphere="none", reference="as_given", date_weights=False, annual="never"
)
GRID = Grid.from_bounds((510_000, 4_050_000, 512_400, 4_052_400), crs="EPSG:4546", resolution_m=60)


def plain_fit(values, design, **options):
    model = Model(design, options.get("weights", np.ones(len(design))), np.zeros((len(design), 0)))
    estimator = Estimator(1.345, options.get("rounds", 0), 3)
    nothing = np.zeros((0, *values.shape[1:]), np.float32)
    return fit_series(values, nothing, model, estimator, independent(len(design)))[:4]


def test_least_squares_with_gaps_equals_numpy_and_its_textbook_error():
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(0, 2, 40))
    design = np.column_stack([np.ones(40), t, np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)])
    values = rng.normal(0, 5, (40, 3, 4)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    weights = rng.uniform(0.5, 2, 40)
    got, error, _, count = plain_fit(values, design, weights=weights)
    for r in range(3):
        for c in range(4):
            known = np.isfinite(values[:, r, c])
            g, y, w = design[known], values[known, r, c].astype(float), weights[known]
            inverse = np.linalg.inv(g.T @ (w[:, None] * g))
            want = inverse @ (g.T @ (w * y))
            variance = (w * (y - g @ want) ** 2).sum() / (known.sum() - 4)
            assert got[:, r, c] == pytest.approx(want, rel=1e-5, abs=1e-5)
            assert error[:, r, c] == pytest.approx(np.sqrt(variance * np.diag(inverse)), rel=1e-5)
            assert count[r, c] == known.sum()


def test_inverse_of_a_small_matrix_and_refusal_of_a_singular_one():
    matrix = np.array([[4.0, 1.0], [1.0, 3.0]])
    out = np.zeros((2, 2))
    assert invert_spd(matrix, out)
    assert out == pytest.approx(np.linalg.inv(matrix))
    assert not invert_spd(np.ones((2, 2)), out)


def test_bisquare_gives_a_half_wavelength_jump_no_say():
    t = np.linspace(0, 2, 60)
    design = np.column_stack([np.ones(60), t - 1])
    values = (-10 * t + np.random.default_rng(2).normal(0, 1, 60)).astype(np.float32)[:, None, None]
    broken = values.copy()
    broken[50] += 27.7
    clean, _, _, _ = plain_fit(values, design, rounds=-8)
    robust, _, _, _ = plain_fit(broken, design, rounds=-8)
    naive, _, _, _ = plain_fit(broken, design)
    assert abs(robust[1, 0, 0] - clean[1, 0, 0]) < 0.05
    assert abs(naive[1, 0, 0] - clean[1, 0, 0]) > 0.5


def test_stated_error_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    t = np.linspace(0, 2, 60)
    design = np.column_stack([np.ones(60), t - 1])
    values = rng.normal(0, 4, (60, 40, 50)).astype(np.float32)
    for rounds in (0, -8):
        got, error, _, _ = plain_fit(values, design, rounds=rounds)
        covered = (np.abs(got[1]) <= 2.0 * error[1]).mean()
        assert 0.93 <= covered <= 0.97


def test_velocity_of_a_ramp_in_time():
    years = np.arange(60) * 12 / 365.25
    series = np.broadcast_to(years[:, None, None] * -0.025, (60, 5, 6)).copy()
    series[10:14, 2, 3] = np.nan
    out = line_of_sight_velocity(dataset(series), PLAIN).compute()
    assert out["velocity"].to_numpy() == pytest.approx(-25.0, abs=1e-3)
    assert out["velocity"].attrs["units"] == "mm/yr"


@pytest.mark.slow
def test_scene_correction_takes_ramp_height_delay_and_a_moving_reference_off():
    rng = np.random.default_rng(4)
    years = np.arange(60) * 12 / 365.25
    y, x = np.mgrid[:60, :70]
    height = 1000 + 5 * x + rng.normal(0, 80, (60, 70))
    still = rng.normal(0, 0.001, (60, 60, 70))
    ramp = rng.normal(0, 0.005, (60, 1, 1)) * (y / 60) + rng.normal(0, 0.005, (60, 1, 1)) * (x / 70)
    delay = rng.normal(0, 0.02, (60, 1, 1)) * (height - 1000) / 1000
    reference = years[:, None, None] * 0.004
    series = still + ramp + delay + reference
    series[:, 20:30, 20:30] += years[:, None, None] * -0.030
    data = dataset(series, height=height)
    correction = scene_correction(data, VelocityParams(sample_pixels=2000), maximum_sigma_mm_yr=15)
    out = line_of_sight_velocity(data, VelocityParams(annual="never"), correction)["velocity"].to_numpy()
    assert correction.names == ("one", "x", "y", "height")
    assert np.median(out[20:30, 20:30]) == pytest.approx(-30, abs=0.3)
    assert abs(np.median(out)) < 0.1
    assert np.std(out[40:]) < 0.5


@pytest.mark.slow
def test_cells_without_a_height_are_unknown_and_told():
    rng = np.random.default_rng(4)
    series = rng.normal(0, 0.002, (20, 40, 40))
    height = np.linspace(900, 1400, 1600).reshape(40, 40)
    params = VelocityParams(sample_pixels=1600, annual="never")
    _, notes, _, _ = track_velocity(dataset(series, height=height), params, maximum_sigma_mm_yr=30)
    assert not [en for en, _ in notes if "no height" in en]
    height[:10] = np.nan
    out, notes, _, removal = track_velocity(dataset(series, height=height), params, maximum_sigma_mm_yr=30)
    assert removal.correction is not None
    assert "height" in removal.correction.names
    assert np.isnan(out["velocity"].to_numpy()[:10]).all()
    (said,) = [en for en, _ in notes if "no height" in en]
    assert said.startswith("25.00% of a sample")


@pytest.mark.parametrize(("fitted", "stated"), [(4.7e-43, 0.02), (0.0, 0.02), (0.02, 0.02), (0.034, 0.034)])
def test_a_probability_is_not_stated_below_what_the_simulations_show(fitted, stated):
    assert stated_p(fitted, 49) == stated
    assert np.isnan(stated_p(float("nan"), 49))


@pytest.mark.slow
def test_an_area_says_why_in_both_languages_and_states_no_tiny_probability():
    rng = np.random.default_rng(5)
    grid = Grid.from_bounds((510_000, 4_050_000, 513_840, 4_053_840), crs="EPSG:4546", resolution_m=60)
    velocity = rng.normal(0, 1.5, grid.shape).astype(np.float32)
    velocity[28:36, 30:38] -= 60
    std = np.full(grid.shape, 1.5, np.float32)
    los = tuple(np.full(grid.shape, v, np.float32) for v in (-0.62, -0.11, 0.78))
    params = DeformationParams()
    areas = active_areas([TrackMaps("asc", velocity, std, los)], grid, params)
    row = areas.frame.loc[areas.frame["area_m2"].astype(float).idxmax()]
    n = params.areas.n_simulations
    assert row["area_m2"] == pytest.approx(64 * 3600, rel=0.3)
    assert row["false_alarm_p"] == 1 / (n + 1)
    assert row["confidence"] <= 1 - 1 / (n + 1)
    assert row["reasons"] == row["reasons_en"]
    assert row["reasons"][0].isalpha()
    assert f"at most {1 / (n + 1):.2g} from {n} simulated" in row["reasons"]
    assert f"虚警概率不高于 {1 / (n + 1):.2g}" in row["reasons_zh"]
    assert "质量等级" in row["reasons_zh"]
    assert "no hit rate" in row["reasons_en"]
    assert "非命中率" in row["reasons_zh"]
    assert 0.5 <= row["kind_certainty"] < 0.9


def noise_map(seed, *, n=120, white=0.3):
    """Return a map of power-law noise, standard deviation 1.5, with white noise."""
    rng = np.random.default_rng(seed)
    k = np.hypot(np.fft.fftfreq(2 * n)[:, None], np.fft.rfftfreq(2 * n)[None])
    k[0, 0] = 1
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((2 * n, 2 * n))) * k ** (-4 / 3), s=(2 * n, 2 * n))[:n, :n]
    field = 1.5 * (field - field.mean()) / field.std()
    return (field + rng.normal(0, white, (n, n))).astype(np.float32)


def maps_of(name, velocity):
    e, north, u = (np.full(velocity.shape, v, np.float32) for v in LOS[name])
    return TrackMaps(name, velocity, np.full(velocity.shape, 0.4, np.float32), (e, north, u))


def test_simulated_noise_has_the_covariance_of_the_map():
    true = noise_map(1)
    model = fit_noise(true, np.ones(true.shape, bool), np.full(true.shape, 0.4, np.float32))
    rng = np.random.default_rng(2)
    drawn = [model.simulate(rng) for _ in range(40)]

    def variogram(field, lag):
        return (np.mean((field[lag:] - field[:-lag]) ** 2) + np.mean((field[:, lag:] - field[:, :-lag]) ** 2)) / 2

    for lag in (1, 4, 10):
        # one map of 120 cells knows its own covariance to about a sixth, and it is not quite isotropic
        assert np.mean([variogram(d, lag) for d in drawn]) == pytest.approx(variogram(true, lag), rel=0.25)


@pytest.mark.slow
def test_areas_find_what_moves_and_little_else():
    y, x = np.mgrid[:120, :120]
    slide = np.hypot(y - 30, x - 40) <= 3
    bank = (np.abs(y - 90) <= 0) & (np.abs(x - 60) <= 10)
    grid = Grid.from_bounds((510_000, 4_050_000, 517_200, 4_057_200), crs="EPSG:4546", resolution_m=60)
    maps = [maps_of(t, noise_map(10 + k) - 9.0 * slide - 11.0 * bank) for k, t in enumerate(LOS)]
    found = active_areas(maps, grid, DeformationParams())
    for body in (slide, bank):
        assert (found.labels[body] > 0).mean() > 0.7
    assert 2 <= len(found.frame) <= 3
    assert found.frame["false_alarm_p"].max() <= 0.05
    again = active_areas(maps, grid, DeformationParams())
    assert (again.labels == found.labels).all()
    assert list(again.frame["false_alarm_p"]) == list(found.frame["false_alarm_p"])


@pytest.mark.slow
def test_noise_alone_seldom_makes_an_area():
    grid = Grid.from_bounds((510_000, 4_050_000, 517_200, 4_057_200), crs="EPSG:4546", resolution_m=60)
    made = 0
    for seed in range(6):
        maps = [maps_of(t, noise_map(100 + 2 * seed + k)) for k, t in enumerate(LOS)]
        made += len(active_areas(maps, grid, DeformationParams()).frame)
    # 5 % of six maps is 0.3 areas; three or more would be a detector that does not hold its word
    assert made <= 2


def test_without_stable_ground_an_absolute_threshold_is_used_and_said():
    _, x = np.mgrid[:60, :60]
    sinking = (-5.0 * x).astype(np.float32)
    grid = Grid.from_bounds((510_000, 4_050_000, 513_600, 4_053_600), crs="EPSG:4546", resolution_m=60)
    found = active_areas([maps_of("asc", sinking)], grid, DeformationParams())
    assert len(found.frame) == 1
    assert found.frame["false_alarm_p"].isna().all()
    assert "no stable ground" in found.notes[0][0]
    assert ((found.labels > 0) == (sinking <= -20)).all()


def test_joint_probability_of_two_tracks_is_smaller_than_that_of_either():
    cells = np.zeros((40, 40), bool)
    cells[5:9, 5:9] = True
    still = np.zeros((40, 40), np.float32)
    channels = [Channel(f"velocity:{t}", still, still, (0.0, 75.0)) for t in LOS]
    a, d = (Cluster(c.name, 0.0, -1, cells, 9.0, 5.0, 0.2) for c in channels)
    alone, both = false_alarm_p([a], channels, 1600), false_alarm_p([a, d], channels, 1600)
    assert alone == pytest.approx(1 - np.exp(-0.2 * 4))
    assert both == pytest.approx(1 - np.exp(-(0.4**2) * 64 / 1600))
    annual = Cluster("annual_sin:asc", 75.0, 1, cells, 9.0, 5.0, 1e-9)
    assert false_alarm_p([annual], channels, 1600) == 1.0


@pytest.mark.slow
def test_unwrapping_patch_of_one_date_is_found_and_nothing_else():
    rng = np.random.default_rng(9)
    series = rng.normal(0, 0.001, (30, 80, 80))
    series[17, 20:44, 24:48] += 0.0277
    data = dataset(series)
    params = VelocityParams(sample_pixels=1000)
    correction = scene_correction(data, params, maximum_sigma_mm_yr=50)
    jumps = find_jumps(data, design_matrix(data["time"].to_numpy(), params), correction)
    mask = jumps.cells((0, 80), (0, 80))
    assert mask[17, 20:44, 24:48].all()
    assert not np.delete(mask, 17, axis=0).any()


@pytest.mark.slow
def test_a_patch_of_the_last_date_is_told_for_it_may_have_moved():
    rng = np.random.default_rng(9)
    series = rng.normal(0, 0.001, (50, 80, 80))
    series[49, 20:44, 24:48] -= 0.03
    data = dataset(series)
    params = VelocityParams(sample_pixels=1000)
    maps, _, _, removal = track_velocity(data, params, maximum_sigma_mm_yr=50)
    assert removal.jumps is not None
    assert removal.jumps.ends_open((0, 80), (0, 80))[20:44, 24:48].all()
    (patch,), _ = sudden_patches(maps)
    english, chinese = sudden_note([patch], data["time"].to_numpy())
    assert "1 of them on the last date" in english
    assert "1 处仅末期" in chinese
    # the middle of rows 20-43 and columns 24-47
    assert abs(patch.x - float(data["x"][36])) <= CELL
    assert abs(patch.y - float(data["y"][32])) <= CELL
    codes = activity_maps(data, removal, ActivityParams(n_simulations=500))["activity"].to_numpy()
    assert (codes[20:44, 24:48] != 0).all()
    assert (codes[20:44, 24:48] == -1).mean() > 0.9
    assert (codes[:12] == 0).mean() > 0.9
    # in the midst of the record the same patch came back and is no news
    series[[49, 25]] = series[[25, 49]]
    assert not sudden_patches(track_velocity(dataset(series), params, maximum_sigma_mm_yr=50)[0])[0]


@pytest.mark.real
def test_mexico_city_equals_independent_least_squares():
    from geo_risk.sources.insar import open_insar

    folder = Path(os.environ["GEO_RISK_REAL"]) / "insar/mexico_city_mintpy"
    data = open_insar(
        folder / "mexico_cropA_timeseries.h5", track="asc", geometry=folder / "mexico_cropA_geometryGeo.h5"
    )
    got = line_of_sight_velocity(data, PLAIN)["velocity"].to_numpy()
    days = (data["time"].to_numpy() - data["time"].to_numpy()[0]) / np.timedelta64(1, "D")
    series = data["displacement"].to_numpy().reshape(len(days), -1).astype(np.float64)
    known = np.isfinite(series).all(axis=0)
    design = np.column_stack([np.ones(len(days)), days / 365.25])
    want = np.linalg.lstsq(design, series[:, known], rcond=None)[0][1]
    # 1e-4 m/yr is asked for; float32 series leave 3e-8
    assert np.abs(got.reshape(-1)[known] / 1000 - want).max() < 1e-6
    assert np.nanpercentile(got, 1) == pytest.approx(-297, abs=5)
