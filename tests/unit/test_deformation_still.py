"""When a pixel may be called stable: only where no motion can hide in its noise, its background or its reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from geo_risk.hazards.deformation.activity.classes import ACTIVITY_CODES, activity_maps
from geo_risk.hazards.deformation.activity.critical import base_columns, critical_values
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.still import Stillness, fastest_possible, stillness_of
from geo_risk.hazards.deformation.motion.correction import SceneCorrection
from geo_risk.hazards.deformation.motion.removal import Removal
from geo_risk.kernels.breakpoints import UNCORRELATED
from geo_risk.kernels.series_class import OUTPUTS, classify_series
from geo_risk.kernels.time_noise import correlated_errors
from tests.support.insar import dataset

PARAMS = ActivityParams(n_simulations=500)
T = np.arange(60) * 12 / 365.25
STABLE = ACTIVITY_CODES["stable"]


def correction(**changes: float) -> SceneCorrection:
    facts = {"stable_sigma_mm_yr": 1.0, "stable_share": 0.9, "height_mean_m": 0.0, "height_scale_m": 1.0} | changes
    return SceneCorrection((), np.zeros((60, 0)), np.ones(60), np.full(60, 0.001), **facts)


def found(velocity: float, std: float, lag: float = 0.0) -> dict[str, np.ndarray]:
    values = {"velocity": velocity, "velocity_std": std, "lag_one": lag}
    return {k: np.array([v], dtype=np.float32) for k, v in values.items()}


def test_for_independent_dates_it_is_the_end_of_student_s_interval():
    got = fastest_possible(found(-1.0, 0.5), np.array([60]), np.array([-2.0]), Stillness())
    assert got[0] == pytest.approx(3.0 + stats.t.ppf(0.975, 56) * 0.5)


def test_the_scene_s_correlation_widens_it_as_it_widens_a_velocity():
    scene = stillness_of(Removal(correction(correlated_share=0.5, correlation_time_yr=0.3)), T)
    g = base_columns(T, season=True)
    factor = np.empty(4)
    freedom = correlated_errors(
        g, T, np.ones(60), np.arange(60), 60, np.ones(60), np.linalg.inv(g.T @ g), 0.5, 0.3, factor
    )
    assert (scene.factor, scene.freedom) == (pytest.approx(factor[3]), pytest.approx(freedom))
    got = fastest_possible(found(0.0, 0.5), np.array([60]), np.array([0.0]), scene)
    assert got[0] == pytest.approx(stats.t.ppf(0.975, freedom) * 0.5 * np.sqrt(factor[3]))
    assert got[0] > 1.5 * stats.t.ppf(0.975, 56) * 0.5


@settings(max_examples=40, deadline=None)
@given(st.floats(-20, 20), st.floats(0.01, 9), st.floats(0, 0.9), st.integers(10, 200), st.floats(-9, 9))
def test_more_noise_or_correlation_never_makes_it_smaller(velocity, std, lag, n, drift):
    def bound(s: float, r: float, factor: float = 1.0) -> float:
        scene = Stillness(factor, 50.0)
        return float(fastest_possible(found(velocity, s, r), np.array([n]), np.array([drift]), scene)[0])

    least = bound(std, lag)
    assert least >= abs(np.float32(velocity) + drift)
    assert bound(2 * std, lag) >= least
    assert bound(std, lag, 3.0) >= least


def test_what_cannot_be_told_has_no_bound():
    one = np.array([60]), np.array([0.0])
    assert np.isinf(fastest_possible(found(np.nan, np.nan), *one, Stillness()))
    assert np.isinf(fastest_possible(found(0.0, 0.1, 0.9), *one, Stillness()))  # 60 such dates are as three
    nothing = stillness_of(Removal(correction(stable_share=0.0)), T)
    assert np.isinf(fastest_possible(found(0.0, 0.1), *one, nothing))


def red(share: float, tau: float, n: int, rng: np.random.Generator) -> np.ndarray:
    keep = np.exp(-(T[1] - T[0]) / tau)
    noise = rng.standard_normal((60, n))
    for k in range(1, 60):
        noise[k] = keep * noise[k - 1] + np.sqrt(1 - keep**2) * noise[k]
    return np.sqrt(share) * noise + np.sqrt(1 - share) * rng.standard_normal((60, n))


def test_ground_that_moves_is_hardly_ever_called_stable_under_correlated_noise():
    scene = stillness_of(Removal(correction(correlated_share=0.5, correlation_time_yr=0.3)), T)
    y = 3.0 * red(0.5, 0.3, 4000, np.random.default_rng(1)) - 5.0 * T[:, None]
    codes, _, values = classify_series(
        y.astype(np.float32), T, np.ones(60), critical_values(T, PARAMS), 5, 10, 1.5, 5.0
    )
    got = dict(zip(OUTPUTS, values, strict=True))
    bound = fastest_possible(got, np.full(4000, 60), np.zeros(4000), scene)
    # an end of a 95 % interval: one in forty, and what the estimate of the correlation leaves
    assert np.mean((codes == UNCORRELATED) & (bound <= 5.0)) < 0.03
    # by the series' own residuals alone it would be more
    alone = fastest_possible(got, np.full(4000, 60), np.zeros(4000), Stillness())
    assert np.mean(bound <= 5.0) < 0.5 * np.mean(alone <= 5.0)


def test_a_wide_sinking_that_no_area_holds_is_not_stable():
    rng = np.random.default_rng(2)
    field = rng.normal(0, 0.3, (60, 10, 56))
    field[:, :, :26] -= 8.0 * T[:, None, None]
    codes = activity_maps(dataset(field / 1000), Removal(correction()), PARAMS)["activity"].to_numpy()
    # far enough off the edge for the background to be one side alone
    assert (codes[:, :6] != STABLE).all()
    assert (codes[:, 50:] == STABLE).mean() > 0.9


def test_a_reference_that_moves_makes_nothing_stable_and_nothing_unstable():
    field = np.random.default_rng(3).normal(0, 0.3, (60, 12, 12)) - 8.0 * T[:, None, None]
    moved = Removal(correction(stable_velocity_mm_yr=-8.0))
    assert (activity_maps(dataset(field / 1000), moved, PARAMS)["activity"].to_numpy() == STABLE).mean() > 0.9
    still = Removal(correction())
    assert (activity_maps(dataset(field / 1000), still, PARAMS)["activity"].to_numpy() != STABLE).all()


def test_without_stable_ground_nothing_is_stable():
    field = np.random.default_rng(4).normal(0, 0.3, (60, 12, 12))
    none = Removal(correction(stable_share=0.0))
    assert (activity_maps(dataset(field / 1000), none, PARAMS)["activity"].to_numpy() != STABLE).all()
