"""The scatter of each date, freed of what a fitted line and noise that lasts did to its residuals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.hazards.deformation.motion.time_noise import TimeNoise, date_spread

T = 12 * np.arange(48) / 365.25
LOUD_IN_SUMMER = 1 + 0.6 * np.sin(2 * np.pi * T)


def correlation(noise: TimeNoise) -> np.ndarray:
    shared = np.exp(-np.abs(T[:, None] - T) / noise.time_yr) if noise.share else 0.0
    return (1 - noise.share) * np.eye(len(T)) + noise.share * shared


def residual_spread(d: np.ndarray, noise: TimeNoise) -> np.ndarray:
    """Return the standard deviation of the residuals of a straight line, by the definition of its projection."""
    line = np.polynomial.polynomial.polyvander(T, 1)
    project = np.eye(len(T)) - line @ np.linalg.inv(line.T @ line) @ line.T
    return np.sqrt(np.diag(project @ (d[:, None] * correlation(noise) * d) @ project.T))


@pytest.mark.parametrize("noise", [TimeNoise(), TimeNoise(0.5, 0.06), TimeNoise(0.7, 0.12)])
def test_spread_of_simulated_dates_is_found_where_that_of_residuals_is_not(noise):
    rng = np.random.default_rng(8)
    n = 20_000
    draws = LOUD_IN_SUMMER[:, None] * (np.linalg.cholesky(correlation(noise)) @ rng.standard_normal((len(T), n)))
    line = np.polynomial.polynomial.polyvander(T, 1)
    observed = (draws - line @ np.linalg.lstsq(line, draws, rcond=None)[0]).std(axis=1)
    got = date_spread(observed, T, noise)
    # the quietest dates, 0.4, are the last to settle; a standard deviation of 20,000 draws errs by 0.5 %
    assert got == pytest.approx(LOUD_IN_SUMMER, rel=0.06)
    assert got[LOUD_IN_SUMMER > 0.6] == pytest.approx(LOUD_IN_SUMMER[LOUD_IN_SUMMER > 0.6], rel=0.02)
    if noise.share == 0.7:
        assert np.abs(observed / LOUD_IN_SUMMER - 1).max() > 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 0.8), st.floats(0.02, 0.3), st.floats(1e-6, 1e3))
def test_residuals_of_the_spread_scatter_as_observed_and_it_has_no_unit(seed, share, tau, unit):
    noise = TimeNoise(share, tau) if share > 0.01 else TimeNoise()
    observed = residual_spread(np.random.default_rng(seed).uniform(0.7, 1.4, len(T)), noise)
    got = date_spread(observed, T, noise)
    assert residual_spread(got, noise) == pytest.approx(observed, rel=0.02)
    assert date_spread(observed * unit, T, noise) == pytest.approx(got * unit, rel=1e-9)


def test_dates_that_are_not_known_stay_so_and_take_no_part():
    observed = residual_spread(LOUD_IN_SUMMER, TimeNoise())
    observed[[3, 10]] = np.nan, 0.0
    got = date_spread(observed, T, TimeNoise(0.5, 0.06))
    assert np.isnan(got[3])
    assert got[10] == 0
    rest = np.delete(np.arange(len(T)), [3, 10])
    assert np.array_equal(got[rest], date_spread(observed[rest], T[rest], TimeNoise(0.5, 0.06)))
    few = np.array([1.0, 2.0, np.nan, 1.0])
    assert np.array_equal(date_spread(few, T[:4], TimeNoise(0.5, 0.06)), few, equal_nan=True)
