"""What holds for the slope of any surface."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo_risk.kernels.slope import ruggedness, slope_plane


def slope_family(z, cell):
    return [slope_plane(z, cell, k) for k in range(5)]


heights = arrays(np.float64, (6, 7), elements=st.floats(-500, 3000, width=32) | st.just(np.nan))


@given(heights, st.floats(0.5, 1000))
def test_slope_is_bounded_and_missing_where_the_cell_is(z, cell):
    slope, aspect, plan, profile, tangential = slope_family(z, cell)
    centre = z[1:-1, 1:-1]
    assert np.isnan(slope[np.isnan(centre)]).all()
    known = slope[~np.isnan(slope)]
    assert ((known >= 0) & (known <= 90)).all()
    turned = aspect[~np.isnan(aspect)]
    assert ((turned >= 0) & (turned < 360)).all()
    assert not (np.isnan(slope) & ~(np.isnan(aspect) & np.isnan(plan) & np.isnan(profile) & np.isnan(tangential))).any()


@given(arrays(np.float64, (5, 5), elements=st.integers(-1000, 1000).map(float)), st.integers(1, 3))
def test_turning_the_ground_turns_the_aspect_and_nothing_else(z, quarter_turns):
    slope, aspect, plan, profile, tangential = slope_family(z, 32.0)
    turned = slope_family(np.ascontiguousarray(np.rot90(z, -quarter_turns)), 32.0)
    for before, after in ((slope, turned[0]), (plan, turned[2]), (profile, turned[3]), (tangential, turned[4])):
        np.testing.assert_allclose(np.rot90(before, -quarter_turns), after, rtol=2e-5, atol=1e-7)
    want = (np.rot90(aspect, -quarter_turns) + 90 * quarter_turns) % 360
    gap = np.abs((want - turned[1] + 180) % 360 - 180)
    assert not (gap > 1e-2).any()


@given(heights, st.floats(0.5, 1000))
def test_tangential_curvature_is_that_of_the_contour_times_the_sine_of_the_slope(z, cell):
    _, _, plan, profile, tangential = slope_family(z, cell)
    known = ~np.isnan(plan)
    assert not np.isnan(profile[known]).any()
    # the sine of the quadratic's own slope is at most 1, and both have the sign of the contour's bend
    assert (np.abs(tangential[known]) <= np.abs(plan[known]) * (1 + 1e-6)).all()
    assert (np.sign(tangential[known]) * np.sign(plan[known]) >= 0).all()


@given(heights)
def test_ruggedness_is_of_the_shape_alone(z):
    rough = ruggedness(z)
    assert (rough[~np.isnan(rough)] >= 0).all()
    # raised by a power of two and turned: differences of float64 heights below 4096 m are exact to 1e-9 m
    np.testing.assert_allclose(ruggedness(np.ascontiguousarray(np.rot90(z + 1024.0))), np.rot90(rough), atol=1e-4)
