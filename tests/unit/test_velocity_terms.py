"""Terms of the motion model, corrections one by one, and errors that allow for correlation in time."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pyproj import Transformer
from scipy import ndimage

from geo_risk.core.errors import DataError, OverlapError, TimeError
from geo_risk.hazards.deformation.motion.assumed_error import assumed_sigma
from geo_risk.hazards.deformation.motion.correction import reference_cells, scene_correction
from geo_risk.hazards.deformation.motion.dates import gap_note, time_gaps
from geo_risk.hazards.deformation.motion.terms import motion_terms
from geo_risk.hazards.deformation.motion.time_noise import half_width, scene_time_noise
from geo_risk.hazards.deformation.motion.velocity import line_of_sight_velocity, track_velocity
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.kernels.lsq import Estimator, Model, Noise, fit_series, independent
from geo_risk.kernels.lsq_plain import fit_plain
from geo_risk.kernels.motion import known_span, motion_columns, years
from geo_risk.kernels.time_noise import correlated_errors, noise_likelihood
from tests.support.insar import dataset, times

PLAIN = {"estimator": "least_squares", "atmosphere": "none", "reference": "as_given", "date_weights": False,
         "annual": "never", "temporal_correlation": "none"}  # fmt: skip
YEARS = np.arange(60) * 12 / 365.25


def none_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((len(values), 0)), np.zeros((0, *values.shape[1:]), np.float32)


@pytest.mark.parametrize("p", [2, 5])
def test_one_pass_fit_equals_numpy_series_by_series(p):
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(0, 3, 43))
    design = motion_columns(t, annual=p > 2, acceleration=p > 2)
    values = (rng.normal(0, 4, (43, 5, 150)) + 900).astype(np.float32)
    values[rng.random(values.shape) < 0.15] = np.nan
    values[3, 2] = np.inf
    values[:40, 4, 7] = np.nan
    weights = np.where(np.arange(43) == 11, 0.0, 1.0)
    got, errors, rms, n = fit_plain(values, design, weights, *none_of(values), 6, threads=2)
    for r, c in [(0, 0), (2, 60), (3, 149), (1, 127), (4, 128)]:
        known = np.isfinite(values[:, r, c]) & (weights > 0)
        g, y = design[known], values[known, r, c].astype(float)
        want = np.linalg.lstsq(g, y, rcond=None)[0]
        sigma = np.sqrt(((y - g @ want) ** 2).sum() / (known.sum() - p))
        assert got[:, r, c] == pytest.approx(want, rel=1e-6)
        assert errors[:, r, c] == pytest.approx(sigma * np.sqrt(np.diag(np.linalg.inv(g.T @ g))), rel=1e-5)
        assert (rms[r, c], n[r, c]) == (pytest.approx(sigma, rel=1e-5), known.sum())
    assert np.isnan(got[:, 4, 7]).all()
    assert n[4, 7] <= 3


def test_one_pass_fit_takes_fields_off_and_misses_what_they_miss():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, (20, 3, 4)).astype(np.float32)
    basis = rng.normal(0, 1, (1, 3, 4)).astype(np.float32)
    basis[0, 1, 1] = np.nan
    correction = rng.normal(0, 5, (20, 1))
    design, ones = motion_columns(YEARS[:20]), np.ones(20)
    plain = fit_plain(values, design, ones, *none_of(values), 3)
    dirty = (values + (correction[:, :, None] * basis.reshape(1, 1, -1)).reshape(values.shape)).astype(np.float32)
    got = fit_plain(np.where(np.isnan(dirty), values, dirty), design, ones, correction, basis, 3)
    known = np.isfinite(basis[0])
    assert got[0][:, known] == pytest.approx(plain[0][:, known], abs=1e-5)
    assert np.isnan(got[0][:, 1, 1]).all()


@settings(max_examples=25, deadline=None)
@given(st.floats(-200, 200), st.floats(-100, 100), st.integers(0, 10**6))
def test_a_line_added_to_a_series_is_added_to_its_fit_and_leaves_its_error(offset, slope, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, (30, 1, 5)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    design, ones = motion_columns(YEARS[:30]), np.ones(30)
    line = (design @ [offset, slope])[:, None, None]
    a = fit_plain(values, design, ones, *none_of(values), 5)
    b = fit_plain((values + line).astype(np.float32), design, ones, *none_of(values), 5)
    assert b[0][1] == pytest.approx(a[0][1] + slope, abs=1e-2, nan_ok=True)
    assert b[1] == pytest.approx(a[1], abs=1e-2, nan_ok=True)
    assert (a[3] == b[3]).all()


def test_one_pass_fit_refuses_shapes_that_disagree():
    values = np.zeros((5, 2, 2), np.float32)
    with pytest.raises(ValueError, match="disagree"):
        fit_plain(values, np.ones((6, 2)), np.ones(6), *none_of(values), 3)


def test_time_axes_and_refusal_of_another():
    days = np.array(["2022-01-01", "2022-03-01", "2023-12-31", "2024-12-31"], dtype="datetime64[D]")
    # decimal years as MintPy 1.6.4's ptime.date_list2vector prints them
    want = np.array([2022.0, 2022.1615331964408, 2023.996577686516, 2024.9993155373031]) - 2022
    assert years(days, axis="calendar_year") == pytest.approx(want, abs=1e-12)
    assert years(days)[-1] == pytest.approx(1095 / 365.25)
    with pytest.raises(ValueError, match="lunar"):
        years(days, axis="lunar")


def test_acceleration_and_step_are_found_with_errors_that_fit():
    rng = np.random.default_rng(3)
    t = YEARS
    step_at = np.datetime64("2023-02-06")
    after = times(60) >= step_at
    mean = t.mean()
    clean = -0.020 * (t - mean) + 0.5 * 0.012 * (t - mean) ** 2 + 0.030 * after
    series = clean[:, None, None] + rng.normal(0, 0.002, (60, 30, 30))
    params = VelocityParams(**PLAIN, acceleration=True, steps=["2023-02-06"])
    out = line_of_sight_velocity(dataset(series), params).compute()
    for name, truth in (("velocity", -20.0), ("acceleration", 12.0), ("step_20230206", 30.0)):
        error = out[f"{name}_std"].to_numpy()
        off = out[name].to_numpy() - truth
        assert abs(off.mean()) < 4 * error.mean() / 30
        # 900 independent draws: the scatter is known to 2.4 %, so 10 % is four of its own errors
        assert off.std() == pytest.approx(error.mean(), rel=0.10)
    assert out["acceleration"].attrs["units"] == "mm/yr2"
    assert out["step_20230206"].attrs["units"] == "mm"


def test_a_series_lost_before_the_step_is_fitted_by_its_trend():
    series = np.broadcast_to(YEARS[:, None, None] * -0.01, (60, 2, 2)).copy()
    series[30:, 0, 0] = np.nan
    params = VelocityParams(**PLAIN, steps=["2024-01-01"])
    out = line_of_sight_velocity(dataset(series), params).compute()
    assert float(out["velocity"][0, 0]) == pytest.approx(-10, abs=1e-3)
    assert np.isnan(float(out["step_20240101"][0, 0]))
    assert np.isfinite(float(out["step_20240101"][1, 1]))


def test_models_that_the_dates_cannot_carry_are_refused():
    with pytest.raises(TimeError, match="2031-01-01"):
        motion_terms(times(60), VelocityParams(**PLAIN, steps=["2031-01-01"]))
    with pytest.raises(TimeError, match="acceleration"):
        motion_terms(times(4), VelocityParams(**PLAIN, minimum_dates=3, acceleration=True, steps=["2022-07-20"]))
    with pytest.raises(ValidationError, match="need each other"):
        VelocityParams(reference="area")


def covariance(t: np.ndarray, share: float, tau: float, spread: np.ndarray) -> np.ndarray:
    shape = (1 - share) * np.eye(len(t)) + share * np.exp(-np.abs(t[:, None] - t) / tau)
    return np.outer(spread, spread) * shape


def test_correlated_errors_and_likelihood_equal_dense_matrices():
    rng = np.random.default_rng(4)
    t = np.cumsum(rng.choice([12, 24], 30)) / 365.25
    spread, weights = 1 + 0.5 * np.sin(6 * t), rng.uniform(0.5, 2, 30)
    design = motion_columns(t, annual=True)
    rows = np.flatnonzero(rng.random(30) > 0.2)
    v = covariance(t, 0.6, 0.15, spread)[np.ix_(rows, rows)]
    g = (design * np.sqrt(weights)[:, None])[rows]
    m = np.linalg.inv(g.T @ g)
    r = np.eye(len(rows)) - g @ m @ g.T
    factor = np.empty(4)
    freedom = correlated_errors(design, t, spread, rows, len(rows), np.sqrt(weights), m, 0.6, 0.15, factor)
    want = (len(rows) - 4) / np.trace(r @ v) * np.diag(m @ g.T @ v @ g @ m) / np.diag(m)
    assert factor == pytest.approx(want, rel=1e-9)
    assert freedom == pytest.approx(np.trace(r @ v) ** 2 / np.trace(r @ v @ r @ v), rel=1e-9)

    y = np.full(30, np.nan)
    y[rows] = rng.normal(0, 3, len(rows))
    got = noise_likelihood(y[:, None], design, spread, t, np.array([0.3, 0.6]), np.array([0.05, 0.15]))[0]

    def dense(share: float, tau: float) -> float:
        v = covariance(t, share, tau, spread)[np.ix_(rows, rows)]
        g, inverse = design[rows], np.linalg.inv(v)
        normal = g.T @ inverse @ g
        rest = y[rows] - g @ np.linalg.solve(normal, g.T @ inverse @ y[rows])
        sigma = rest @ inverse @ rest / (len(rows) - 4)
        return -0.5 * ((len(rows) - 4) * np.log(sigma) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(normal)[1])

    # up to a constant: the determinant of the spread
    assert got[0, 0] - got[1, 1] == pytest.approx(dense(0.3, 0.05) - dense(0.6, 0.15), rel=1e-9)


def draws(seed: int, share: float, tau: float, n: int) -> np.ndarray:
    root = np.linalg.cholesky(covariance(YEARS, share, tau, np.ones(60)))
    return root @ np.random.default_rng(seed).standard_normal((60, n))


@pytest.mark.slow
def test_the_noise_of_a_scene_is_found_and_white_noise_is_not_called_red():
    design = motion_columns(YEARS, annual=True)

    def factor(noise) -> float:
        out, ones = np.empty(4), np.ones(60)
        rows, inverse = np.arange(60), np.linalg.inv(design.T @ design)
        correlated_errors(design, YEARS, ones, rows, 60, ones, inverse, noise.share, noise.time_yr or 1.0, out)
        return out[1]

    found = scene_time_noise(draws(1, 0.7, 0.12, 400), design, np.ones(60), YEARS)
    out, ones = np.empty(4), np.ones(60)
    true = correlated_errors(
        design, YEARS, ones, np.arange(60), 60, ones, np.linalg.inv(design.T @ design), 0.7, 0.12, out
    )
    assert true > 1
    assert factor(found) == pytest.approx(out[1], rel=0.25)
    assert 1.0 <= factor(scene_time_noise(draws(2, 0.0, 0.1, 400), design, np.ones(60), YEARS)) < 1.35
    empty = scene_time_noise(np.full((60, 3), np.nan), design, np.ones(60), YEARS)
    assert (empty.share, empty.time_yr) == (0.0, 0.0)


def test_intervals_of_correlated_noise_hold_the_truth_as_often_as_they_say():
    values = draws(5, 0.6, 0.1, 2000).astype(np.float32).reshape(60, 1, 2000)
    values[np.random.default_rng(6).random(values.shape) < 0.1] = np.nan
    design, ones = motion_columns(YEARS), np.ones(60)
    correction, basis = none_of(values)
    model, plain = Model(design, ones, correction), Estimator(1.345, 0, 10)
    got, errors, _, _, freedom = fit_series(values, basis, model, plain, Noise(YEARS, ones, 0.6, 0.1))
    covered = (np.abs(got[1]) <= half_width(errors[1], freedom)).mean()
    # 2,000 draws: one standard error is 0.5 %; three of them around 95 %, and the truth is known only as well
    assert 0.935 <= covered <= 0.965
    naive = fit_series(values, basis, model, plain, independent(60))
    assert (np.abs(naive[0][1]) <= half_width(naive[1][1], naive[4])).mean() < 0.85


def test_half_widths_are_those_of_the_tables():
    # Student's t at 97.5 %: 10 and 30 degrees of freedom, and the normal limit
    got = half_width(np.array([1.0, 2.0, 1.0, np.nan]), np.array([10.0, 30.0, 1e7, 5.0]))
    assert got[:3] == pytest.approx([2.228, 2 * 2.042, 1.960], abs=1e-3)
    assert np.isnan(got[3])
    with pytest.raises(ValueError, match="level"):
        half_width(np.ones(1), np.ones(1), level=1.0)


def scene(*, quadratic: float = 0.0, height: float = 0.0, moving: float = 0.0) -> xr.Dataset:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[-1:1:40j, -1:1:45j]
    terrain = 800 + 300 * np.sin(3 * x) * np.cos(2 * y)
    noise = rng.normal(0, 0.0005, (60, 40, 45))
    amplitude = rng.normal(0, 1, (60, 3, 1, 1))
    series = noise + quadratic * (amplitude[:, 0] * x * x + amplitude[:, 1] * x * y + amplitude[:, 2] * y)
    series += height * amplitude[:, 0] * (terrain - 800) / 300 + moving * YEARS[:, None, None]
    return dataset(series, height=terrain)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("atmosphere", "made", "names"),
    [
        ("quadratic", {"quadratic": 0.01}, ("one", "x", "y", "xx", "xy", "yy")),
        ("height", {"height": 0.01}, ("one", "height")),
    ],
)
def test_each_field_is_taken_off_alone(atmosphere, made, names):
    data = scene(**made)
    params = VelocityParams(atmosphere=atmosphere, annual="never", sample_pixels=1000)
    out, _, _, removal = track_velocity(data, params, maximum_sigma_mm_yr=50)
    assert removal.correction.names == names
    assert float(np.median(out["residual_std"].to_numpy())) < 0.6
    left = line_of_sight_velocity(data, VelocityParams(**PLAIN))
    assert float(np.median(left["residual_std"].to_numpy())) > 1.5


@pytest.mark.slow
def test_reference_change_to_an_area_makes_its_mean_zero_on_every_date():
    data = scene(moving=0.02)
    x, y = float(data["x"][20]), float(data["y"][10])
    lon, lat = Transformer.from_crs("EPSG:4546", "EPSG:4326", always_xy=True).transform(x, y)
    params = VelocityParams(**(PLAIN | {"reference": "area"}), reference_lon_lat=(lon, lat), reference_radius_m=100.0)
    cells = reference_cells(data, params)
    assert cells[10, 20]
    assert 5 <= cells.sum() <= 12
    correction = scene_correction(data, params, maximum_sigma_mm_yr=50)
    assert correction.names == ("one",)
    want = data["displacement"].to_numpy()[:, cells].mean(axis=1)
    assert correction.coefficients[:, 0] == pytest.approx(want, abs=1e-7)
    got = line_of_sight_velocity(data, params, correction)["velocity"].to_numpy()
    as_given = line_of_sight_velocity(data, VelocityParams(**PLAIN))["velocity"].to_numpy()
    assert as_given - got == pytest.approx(np.full(got.shape, np.polyfit(YEARS, want, 1)[0] * 1000), abs=1e-3)
    with pytest.raises(OverlapError, match="outside"):
        reference_cells(data, params.model_copy(update={"reference_lon_lat": (10.0, 10.0)}))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=5), st.floats(0.01, 3))
def test_the_span_of_a_series_is_that_of_its_known_dates(known, step):
    t = np.arange(5) * step
    values = np.where(known, 1.0, np.nan).astype(np.float32)
    got = known_span(np.stack([values, values], axis=1), t)
    want = np.ptp(t[known]) if any(known) else 0.0
    assert got == pytest.approx([want, want])


def test_steps_that_no_date_parts_are_refused_and_one_named_twice_is_one():
    days = times(40)
    one = str(days[20])[:10]
    other = str(days[20] - np.timedelta64(3, "D"))[:10]
    with pytest.raises(TimeError, match="no date lies between"):
        motion_terms(days, VelocityParams(steps=(one, other)))
    assert motion_terms(days, VelocityParams(steps=(one, one))).names.count(f"step_{one.replace('-', '')}") == 1


def test_a_yearly_term_that_is_asked_for_is_fitted_to_short_series_too():
    t = np.arange(35) * 12 / 365.25  # 1.1 years
    truth = 5 * np.sin(2 * np.pi * t) - 20 * t
    source = dataset(np.broadcast_to(truth[:, None, None] / 1000, (35, 3, 4)).copy())
    always = line_of_sight_velocity(source, VelocityParams(**PLAIN | {"annual": "always"}))
    assert always["annual_sin"].to_numpy() == pytest.approx(np.full((3, 4), 5.0), rel=1e-4)
    assert always["velocity"].to_numpy() == pytest.approx(np.full((3, 4), -20.0), rel=1e-4)
    # left to itself the same series has no season, and its trend takes some of it
    auto = line_of_sight_velocity(source, VelocityParams(**PLAIN | {"annual": "auto"}))
    assert "annual_sin" not in auto
    assert abs(auto["velocity"].to_numpy() + 20).min() > 1


def test_a_small_scene_full_of_gaps_is_left_as_it_is_and_not_lost():
    rng = np.random.default_rng(1)
    field = rng.normal(0, 0.002, (40, 8, 8))
    field[rng.random(field.shape) < 0.4] = np.nan
    source = dataset(field, height=rng.normal(500, 100, (8, 8)))
    out, notes, counts, removal = track_velocity(source, VelocityParams(), maximum_sigma_mm_yr=15)
    assert np.isfinite(out["velocity"].to_numpy()).all()
    assert removal.correction is not None
    assert removal.correction.names == ()
    assert "too little known" in notes[0][0]
    assert "有效像元过少" in notes[0][1]
    assert counts["dates_lost"] == 0


@pytest.mark.slow
def test_dates_that_cannot_be_corrected_are_told():
    field = np.random.default_rng(2).normal(0, 0.002, (40, 30, 30))
    field[5, 1:] = field[5, 0, 20:] = np.nan
    _, notes, counts, _ = track_velocity(dataset(field), VelocityParams(), maximum_sigma_mm_yr=15)
    assert counts["dates_lost"] == 1
    day = str(times(40)[5])[:10]
    assert [(day in en, day in zh) for en, zh in notes] == [(True, True)]


def test_a_velocity_is_kept_as_it_is_and_an_error_of_nought_is_none():
    source = dataset(np.zeros((3, 4, 5))).drop_vars("displacement").drop_vars("time")
    source["velocity"] = (("y", "x"), np.full((4, 5), 2.0, "f4"), {"units": "mm/yr"})
    std = np.full((4, 5), 0.5, "f4")
    std[1, 2] = 0.0
    source["velocity_std"] = (("y", "x"), std, {"units": "mm/yr"})
    out, notes, _, removal = track_velocity(source, VelocityParams(), maximum_sigma_mm_yr=15)
    assert np.isnan(out["velocity_std"].to_numpy()[1, 2])
    assert (out["velocity_std"].to_numpy() == 0.5).sum() == 19
    assert out["velocity_std"].attrs["units"] == "mm/yr"
    assert removal.correction is None
    assert [("kept as they are" in en, "保持产品原样" in zh) for en, zh in notes] == [(True, True)]
    silent = track_velocity(source, VelocityParams(reference="as_given", atmosphere="none"), maximum_sigma_mm_yr=15)
    assert silent[1] == []


def test_dates_lost_on_one_side_of_a_step_leave_no_noise_to_fit_and_no_crash():
    design = motion_columns(YEARS, steps=(float(YEARS[50]),))
    values = np.random.default_rng(3).normal(0, 1, (60, 40))
    values[50:] = np.nan
    sigma = np.where(np.arange(60) < 50, 1.0, np.nan)
    got = scene_time_noise(values, design, sigma, YEARS)
    assert (got.share, got.time_yr) == (0.0, 0.0)


def velocity_only(values):
    """Return a product that is a velocity [mm/yr] without errors."""
    source = dataset(np.zeros((3, *values.shape))).drop_vars("displacement").drop_vars("time")
    source["velocity"] = (("y", "x"), values.astype("f4"), {"units": "mm/yr"})
    return source


def test_the_error_assumed_of_a_velocity_counts_what_neighbours_have_in_common():
    rng = np.random.default_rng(7)
    atmosphere = ndimage.gaussian_filter(rng.normal(0, 1, (240, 260)), 12)
    atmosphere *= 5.0 / atmosphere.std()
    values = atmosphere + rng.normal(0, 0.5, atmosphere.shape)
    out, notes, _, _ = track_velocity(velocity_only(values), VelocityParams(), maximum_sigma_mm_yr=15)
    sigma = float(out["velocity_std"].to_numpy()[0, 0])
    # the true error of a place against the scene is sqrt(25.25) = 5.0; neighbours alone show 0.6
    assert sigma == pytest.approx(5.02, rel=0.25)
    assert assumed_sigma(out["velocity"])[1] == pytest.approx(0.6, rel=0.2)
    english, chinese = notes[0]
    assert f"{sigma:.2f} mm/yr is assumed" in english
    assert f"{sigma:.2f} 毫米/年" in chinese


@given(st.floats(0.5, 50), st.floats(-100, 100), st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_the_assumed_error_of_white_noise_is_that_noise_whatever_its_level(size, level, seed):
    values = xr.DataArray(np.random.default_rng(seed).normal(level, size, (80, 90)), dims=("y", "x"))
    sigma, near = assumed_sigma(values)
    # the largest of a dozen estimates of 7000 pairs each
    assert size * 0.9 < near <= sigma < size * 1.15
    assert assumed_sigma(-values)[0] == pytest.approx(sigma)


def test_a_velocity_without_two_neighbours_has_no_error_to_assume():
    values = np.full((6, 6), np.nan)
    values[::2, ::2] = 1.0
    with pytest.raises(DataError, match="no two known neighbours"):
        assumed_sigma(xr.DataArray(values, dims=("y", "x")))


def test_gaps_between_dates_are_counted_and_named_the_longest_first():
    dates = np.delete(times(30), [4, 11, 12, 13])
    assert [(str(a)[:10], str(b)[:10], n) for a, b, n in time_gaps(dates)] == [
        (str(times(30)[10])[:10], str(times(30)[14])[:10], 48), (str(times(30)[3])[:10], str(times(30)[5])[:10], 24)
    ]  # fmt: skip
    english, chinese = gap_note(dates)
    assert "2 of 25 intervals" in english
    assert f"{str(times(30)[10])[:10]} to {str(times(30)[14])[:10]} (48 days)" in english
    assert "25 个间隔中有 2 个" in chinese
    assert gap_note(times(30)) is None
    assert gap_note(times(2)) is None
