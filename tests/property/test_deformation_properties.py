"""What holds of deformation for every input: chunks, signs, gaps, resampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.hazards.deformation.motion.velocity import track_velocity
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.kernels.decompose import decompose_east_up
from geo_risk.kernels.resample import sample_bilinear, sample_nearest
from tests.support.insar import dataset

RNG = np.random.default_rng(7)
SERIES = RNG.normal(0, 0.005, (40, 24, 30)) + np.arange(40)[:, None, None] * RNG.normal(0, 0.0004, (24, 30))
SERIES[RNG.random(SERIES.shape) < 0.1] = np.nan
PARAMS = VelocityParams(sample_pixels=400)


def velocity(data):
    return track_velocity(data, PARAMS, maximum_sigma_mm_yr=50)[0]


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [{"time": -1, "y": 7, "x": 11}, {"time": 5, "y": 24, "x": 30}, {"time": 40, "y": 1}])
def test_velocity_does_not_depend_on_chunks_and_stays_lazy(chunks):
    whole = velocity(dataset(SERIES))
    parts = velocity(dataset(SERIES).chunk(chunks))
    assert parts["velocity"].chunks is not None
    for name in ("velocity", "velocity_std", "annual_sin", "annual_cos"):
        if name in whole:
            np.testing.assert_array_equal(whole[name].to_numpy(), parts[name].to_numpy())


@pytest.mark.slow
def test_turning_the_series_turns_the_velocity_and_leaves_its_error():
    there, back = velocity(dataset(SERIES)).compute(), velocity(dataset(-SERIES)).compute()
    np.testing.assert_allclose(there["velocity"], -back["velocity"], atol=1e-4)
    np.testing.assert_allclose(there["velocity_std"], back["velocity_std"], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("n", [0, 1, 9, 10, 40])
def test_a_pixel_with_too_few_dates_is_missing(n):
    series = SERIES.copy()
    series[:, 3, 4] = np.nan
    series[:n, 3, 4] = np.arange(n) * 0.001
    value = float(velocity(dataset(series))["velocity"][3, 4])
    assert np.isfinite(value) == (n >= PARAMS.minimum_dates)


value = st.floats(-500, 500, width=32)


@settings(max_examples=60, deadline=None)
@given(v=st.tuples(value, value), s=st.tuples(st.floats(0.125, 50, width=32), st.floats(0.125, 50, width=32)))
def test_two_tracks_are_met_exactly_whatever_their_errors(v, s):
    e, u = np.float32([-0.62, 0.62]), np.float32([0.78, 0.78])
    stack = [np.asarray(a, np.float32).reshape(2, 1, 1) for a in (v, s, e, u)]
    east, up, _, _, _ = decompose_east_up(*stack, minimum_sine=0.3)
    np.testing.assert_allclose(e * east[0, 0] + u * up[0, 0], np.float32(v), atol=2e-3)


def test_tracks_of_one_look_are_not_decomposed_and_gaps_stay():
    ones = np.ones((2, 1, 2), np.float32)
    same = decompose_east_up(ones, ones, -0.62 * ones, 0.78 * ones, minimum_sine=0.3)
    assert np.isnan(same[0]).all()
    east = np.float32([-0.62, 0.62]).reshape(2, 1, 1) * np.ones((2, 1, 2), np.float32)
    gap = ones.copy()
    gap[1, 0, 1] = np.nan
    out = decompose_east_up(gap, ones, east, 0.78 * ones, minimum_sine=0.3)[0]
    assert np.isfinite(out[0, 0])
    assert np.isnan(out[0, 1])


@settings(max_examples=60, deadline=None)
@given(r=st.floats(-1, 8), c=st.floats(-1, 9))
def test_bilinear_is_exact_on_a_plane_and_missing_beside_a_gap(r, c):
    y, x = np.mgrid[:8, :9]
    plane = (2 * y - 3 * x).astype(np.float32)
    plane[2, 2] = np.nan
    row, column = np.array([[r]]), np.array([[c]])
    got = float(sample_bilinear(plane, row, column)[0, 0])
    clear = 0 <= r <= 7 and 0 <= c <= 8
    beside = abs(r - 2) < 1 - 1e-5 and abs(c - 2) < 1 - 1e-5
    if beside or r < -1e-5 or r > 7 + 1e-5 or c < -1e-5 or c > 8 + 1e-5:
        assert np.isnan(got)
    elif clear and not (abs(r - 2) < 1 and abs(c - 2) < 1):
        assert got == pytest.approx(2 * r - 3 * c, abs=1e-3)
    near = float(sample_nearest(plane, row, column)[0, 0])
    assert np.isnan(near) or abs(near - (2 * r - 3 * c)) <= 2.5 + 1e-3
