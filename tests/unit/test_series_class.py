"""Breakpoints by running sums, and the classes of single series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.hazards.deformation.activity.critical import base_columns, break_searches, critical_values
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.kernels.breakpoints import (
    BILINEAR,
    LINEAR,
    QUADRATIC,
    STEP,
    STEP_AND_TREND,
    UNCORRELATED,
    UNKNOWN,
    break_coefficients,
    break_gains,
    orthonormal,
)
from geo_risk.kernels.series_class import OUTPUTS, annual_term, classify_series, lag_one, without_spikes

PARAMS = ActivityParams(n_simulations=1000)
T = np.arange(60) * 12 / 365.25
CRITICAL = critical_values(T, PARAMS)


def classify(y: np.ndarray, t: np.ndarray = T, critical: np.ndarray = CRITICAL):
    values = np.asarray(y, dtype=np.float32).reshape(len(t), -1)
    codes, season, found = classify_series(values, t, np.ones(len(t)), critical, 5, 10, 1.5, 5.0)
    return codes, season, dict(zip(OUTPUTS, found, strict=True))


def noise(seed: int = 0, sigma: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sigma, len(T))


def sse(columns: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    root = np.sqrt(w)[:, None]
    rest = np.linalg.lstsq(columns * root, y * root[:, 0], rcond=None)[1]
    return float(rest[0])


def test_gains_of_all_breaks_are_those_of_one_least_squares_fit_each():
    rng = np.random.default_rng(2)
    t = np.sort(rng.choice(np.arange(90), 40, replace=False)) * 12 / 365.25
    w, y = rng.uniform(0.3, 2, 40), rng.normal(0, 3, 40)
    base = base_columns(t, season=True)
    q = np.ascontiguousarray((base * np.sqrt(w)[:, None]).T)
    columns = q.copy()
    triangle = orthonormal(q, 40, 4)
    assert (triangle.T @ q) == pytest.approx(columns, abs=1e-12)
    resid = y * np.sqrt(w)
    resid = resid - q.T @ (q @ resid)
    gains = np.full((3, 40), np.nan)
    break_gains(t, np.sqrt(w), q, resid, 40, 4, 5, gains)
    line = sse(base, y, w)
    for m in range(40):
        step, hinge = (t >= t[m]).astype(float), np.maximum(t - t[m], 0)
        if not 5 <= m <= 35:
            assert not gains[:, m].any()
            continue
        for k, added in enumerate(([hinge], [step], [step, hinge])):
            assert gains[k, m] == pytest.approx(line - sse(np.column_stack([base, *added]), y, w), rel=1e-7, abs=1e-8)


def test_coefficients_of_a_break_are_those_of_a_least_squares_fit():
    rng = np.random.default_rng(3)
    y = rng.normal(0, 3, 60)
    base = base_columns(T, season=True)
    q = np.ascontiguousarray(base.T.copy())
    triangle = orthonormal(q, 60, 4)
    resid = y - q.T @ (q @ y)
    trend = (q[3] @ y) / triangle[3, 3]
    step, hinge = (T[22] <= T).astype(float), np.maximum(T - T[22], 0)
    for kind, added in ((BILINEAR, [hinge]), (STEP, [step]), (STEP_AND_TREND, [step, hinge])):
        truth = np.linalg.lstsq(np.column_stack([base, *added]), y, rcond=None)[0]
        got = break_coefficients(T, np.ones(60), q, resid, 60, 4, 22, kind)
        assert trend + got[2] / triangle[3, 3] == pytest.approx(truth[3])
        assert got[0] == pytest.approx(truth[-1] if kind != STEP else 0.0)
        assert got[1] == pytest.approx(truth[4] if kind != BILINEAR else 0.0)


def test_a_dependent_column_becomes_nought():
    q = np.stack([np.ones(8), np.arange(8.0), 2 + 3 * np.arange(8.0)])
    triangle = orthonormal(q, 8, 3)
    assert triangle[2, 2] == 0
    assert not q[2].any()


def test_a_spike_goes_and_a_break_or_an_end_stays():
    y = noise(1)
    y[30] += 28.0
    y[59] += 28.0
    y[40:] += 28.0
    t = T.copy()
    assert without_spikes(t, y, np.ones(60), 60, 5.0) == 59
    assert T[30] not in t[:59]
    assert (T[59], T[40], T[39]) == (t[58], t[39], t[38])


def test_the_correlation_of_noise_is_told_from_the_residuals_of_a_fit():
    rng = np.random.default_rng(4)
    base = np.linalg.qr(np.column_stack([base_columns(T, season=True), T**2]))[0]
    for true in (0.3, 0.6):
        got = []
        for _ in range(300):
            e = rng.normal(size=200)
            for k in range(1, 200):
                e[k] = true * e[k - 1] + np.sqrt(1 - true**2) * e[k]
            e = e[100:160]
            got.append(lag_one(e - base @ (base.T @ e), 60, 5))
        assert np.mean(got) == pytest.approx(true, abs=0.06)
    assert lag_one(np.zeros(60), 60, 5) == 0.0


SHAPES = {
    UNCORRELATED: 0 * T,
    LINEAR: -20 * T,
    QUADRATIC: -10 * T - 12 * T**2,
    BILINEAR: -5 * T - 40 * np.maximum(T - T[30], 0),
    STEP: -10 * T - 15.0 * (T[25] <= T),
    STEP_AND_TREND: -10 * T + (-15.0 - 30 * (T - T[25])) * (T[25] <= T),
}


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_each_shape_gets_its_class_with_or_without_a_season(kind):
    for season in (0.0, 6.0):
        one = SHAPES[kind] + season * np.sin(2 * np.pi * T + 1)
        codes, seasonal, found = classify(one[:, None] + np.random.default_rng(5).normal(0, 0.5, (60, 200)))
        # noise passes each test once in a hundred; BIC gives a true bend a small step in one of seven
        assert (codes == kind).mean() >= (0.8 if kind == BILINEAR else 0.94)
        # beside a break whose date was chosen for it, noise passes for a season a little more often
        assert (seasonal == (season > 0)).mean() >= (0.94 if kind > QUADRATIC else 0.97)
        assert np.median(found["annual"]) == pytest.approx(season, abs=0.2)
        assert np.median(found["residual_std"]) == pytest.approx(0.5, rel=0.1)


def test_velocities_steps_and_dates_of_breaks_are_found():
    _, _, found = classify(SHAPES[BILINEAR] + noise(1, 0.05))
    assert abs(int(found["break_index"][0]) - 30) <= 1
    assert (found["velocity_before"][0], found["velocity_after"][0]) == pytest.approx((-5, -45), abs=1.0)
    _, _, found = classify(SHAPES[STEP] + noise(2, 0.05))
    assert int(found["break_index"][0]) == 25
    assert (found["velocity_before"][0], found["step"][0]) == pytest.approx((-10, -15), abs=0.3)
    _, _, found = classify(SHAPES[QUADRATIC] + noise(3, 0.05))
    assert found["acceleration"][0] == pytest.approx(-24, abs=0.5)
    assert (found["velocity_before"][0], found["velocity_after"][0]) == pytest.approx((-10, -10 - 24 * T[-1]), abs=0.5)
    assert np.isnan(found["break_index"][0])


@settings(max_examples=25, deadline=None)
@given(st.floats(2, 12), st.floats(0, 6.28), st.integers(0, 50))
def test_a_season_is_never_called_a_change_nor_a_change_a_season(amplitude, phase, seed):
    season = amplitude * np.sin(2 * np.pi * T + phase)
    y = np.stack([season + noise(seed, 0.3), SHAPES[QUADRATIC] + noise(seed + 1, 0.3)], axis=1)
    strict = np.where(np.isfinite(CRITICAL), 3 * CRITICAL, np.inf)  # so that no lucky noise decides
    codes, seasonal, found = classify(y, critical=strict)
    assert codes[0] in {UNCORRELATED, LINEAR}
    assert seasonal[0]
    assert abs(found["acceleration"][0]) < 5 * found["acceleration_std"][0]
    assert codes[1] == QUADRATIC
    assert not seasonal[1]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(SHAPES)), st.floats(-300, 300), st.floats(0.2, 50), st.integers(0, 20), st.floats(-5, 5),
    st.lists(st.integers(0, 59), max_size=12, unique=True),
)  # fmt: skip
def test_constants_units_signs_and_the_origin_of_time_do_not_matter(kind, offset, scale, seed, origin, gaps):
    y = SHAPES[kind] + 2 * np.cos(2 * np.pi * T) + noise(seed)
    y[gaps] = np.nan
    code, season, found = classify(y)
    moved, season_too, other = classify(scale * y + offset * scale)
    flipped, _, mirror = classify(-y)
    later, _, shifted = classify(y, t=T + origin)
    assert code[0] == moved[0] == flipped[0] == later[0]
    assert season[0] == season_too[0]
    for name in ("velocity", "acceleration", "velocity_after", "step"):
        size = abs(float(found[name][0])) + 0.05
        # float32 values with an offset of up to 300
        assert other[name][0] / scale == pytest.approx(found[name][0], abs=0.05 * size)
        assert mirror[name][0] == pytest.approx(-found[name][0], abs=1e-3 * size)
        assert shifted[name][0] == pytest.approx(found[name][0], abs=1e-2 * size)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9), st.integers(0, 10**6))
def test_series_of_fewer_than_ten_dates_are_unknown_and_leave_their_neighbours_alone(n, seed):
    rng = np.random.default_rng(seed)
    y = np.full((60, 2), np.nan)
    y[rng.choice(60, n, replace=False), 0] = rng.normal(size=n)
    y[:, 1] = SHAPES[LINEAR] + noise(1)
    codes, seasonal, found = classify(y)
    assert (codes[0], codes[1]) == (UNKNOWN, LINEAR)
    assert not seasonal[0]
    assert all(np.isnan(v[0]) for v in found.values())


def test_dates_without_weight_are_left_out():
    y = SHAPES[LINEAR] + noise(1)
    y[20:30] += 50
    weights = np.ones(60)
    weights[20:30] = 0
    values = y.astype(np.float32)[:, None]
    codes, _, _ = classify_series(values, T, weights, CRITICAL, 5, 10, 1.5, 5.0)
    assert codes[0] == LINEAR
    codes, _, _ = classify_series(values, T, np.zeros(60), CRITICAL, 5, 10, 1.5, 5.0)
    assert codes[0] == UNKNOWN


def test_noise_passes_each_test_about_once_in_a_hundred():
    y = np.random.default_rng(8).normal(size=(60, 8000)).astype(np.float32)
    codes, seasonal, _ = classify(y)
    changed = np.isin(codes, [QUADRATIC, BILINEAR, STEP, STEP_AND_TREND]).mean()
    # four tests that overlap, each at 1 %; correlated residuals that chance shows make them a little stricter
    assert 0.01 < changed < 0.045
    assert 0.004 < seasonal.mean() < 0.014
    assert 0.004 < (codes == LINEAR).mean() < 0.014


def test_correlated_noise_makes_few_changes():
    rng = np.random.default_rng(9)
    y = rng.normal(size=(160, 4000))
    for k in range(1, 160):
        y[k] = 0.5 * y[k - 1] + np.sqrt(0.75) * y[k]
    codes, _, _ = classify(y[100:])
    assert np.isin(codes, [QUADRATIC, BILINEAR, STEP, STEP_AND_TREND]).mean() < 0.09  # 0.5 without the allowance


@pytest.mark.parametrize("kind", [LINEAR, QUADRATIC, BILINEAR, STEP, STEP_AND_TREND])
def test_the_yearly_term_is_that_of_two_nested_fits(kind):
    y = SHAPES[kind] + 3 * np.sin(2 * np.pi * T) + noise(3, 2.0)
    step, hinge = (T[25] <= T).astype(float), np.maximum(T - T[25], 0)
    added = {QUADRATIC: [T**2], BILINEAR: [hinge], STEP: [step], STEP_AND_TREND: [step, hinge]}.get(kind, [])
    full, bare = (np.column_stack([base_columns(T, season=s), *added]) for s in (True, False))
    left, more = (sse(c, y, np.ones(60)) for c in (full, bare))
    amplitude, value, df = annual_term(T, y, np.ones(60), 60, kind, 25)
    assert df == 60 - full.shape[1]
    assert value == pytest.approx((more - left) / 2 / (left / df))
    assert amplitude == pytest.approx(np.hypot(*np.linalg.lstsq(full, y, rcond=None)[0][1:3]))


def test_searching_for_a_date_counts_as_several_tests():
    hinge, step, both = break_searches(T, PARAMS)
    assert 2 < hinge < step < 51
    assert 2 < both < 51
    assert break_searches(T[:9], PARAMS) == (1.0, 1.0, 1.0)
    table = critical_values(T, PARAMS)
    assert np.isinf(table[1, :, :5]).all()
    assert (np.diff(table[1, 2, 8:]) < 0).all()


def test_correlated_noise_passes_for_a_change_or_a_sure_velocity_less_often_than_its_thinned_f_alone():
    rng = np.random.default_rng(11)
    y = rng.standard_normal((60, 4000))
    for k in range(1, 60):
        y[k] = 0.6 * y[k - 1] + 0.8 * y[k]
    codes, _, found = classify(y.astype(np.float32))
    # the correlation is known from 60 dates alone: tests and intervals stay a little too sure (13 % and 0.85 before the
    # degrees of freedom were thinned too)
    assert np.isin(codes, [QUADRATIC, BILINEAR, STEP, STEP_AND_TREND]).mean() < 0.115
    assert (np.abs(found["velocity"]) <= 1.96 * found["velocity_std"]).mean() > 0.865
