"""The curve of a course against the motion that made the series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.hazards.deformation.activity.curve import course_curve
from geo_risk.hazards.deformation.activity.joint import BodySeries, fit_course
from geo_risk.hazards.deformation.activity.params import ActivityParams

T = np.arange(60) * 12 / 365.25


def fitted(displacement, std=0.5):
    course, fits = fit_course([BodySeries("asc", T, displacement, np.full(60, std))], ActivityParams())
    return course_curve(fits[0], course)


@pytest.mark.parametrize(
    "motion",
    [20 * T, 20 * T + 3 * np.sin(2 * np.pi * T), -10 * T - 12 * T**2, -30 * np.maximum(T - 1, 0)],
    ids=["line", "season", "curve", "hinge"],
)
def test_curve_is_the_motion_that_made_the_series(motion):
    noise = np.random.default_rng(5).normal(0, 0.5, 60)
    # six coefficients out of sixty dates: the fit errs by 0.5 sqrt(6/60) = 0.16 mm in the root mean square
    assert np.sqrt(np.mean((fitted(motion + noise) - motion) ** 2)) < 0.32


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.floats(-1000, 1000))
def test_curve_follows_a_shift_of_the_series(seed, shift):
    values = np.random.default_rng(seed).normal(0, 2, 60) - 15 * T
    assert fitted(values + shift) == pytest.approx(fitted(values) + shift, abs=1e-6)
