"""What holds for the slope of any surface."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo_risk.kernels.slope import slope_family

heights = arrays(np.float64, (6, 7), elements=st.floats(-500, 3000, width=32) | st.just(np.nan))


@given(heights, st.floats(0.5, 1000))
def test_slope_is_bounded_and_missing_where_the_cell_is(z, cell):
    slope, aspect, plan, profile = slope_family(z, cell)
    centre = z[1:-1, 1:-1]
    assert np.isnan(slope[np.isnan(centre)]).all()
    known = slope[~np.isnan(slope)]
    assert ((known >= 0) & (known <= 90)).all()
    turned = aspect[~np.isnan(aspect)]
    assert ((turned >= 0) & (turned < 360)).all()
    assert not (np.isnan(slope) & ~(np.isnan(aspect) & np.isnan(plan) & np.isnan(profile))).any()


@given(arrays(np.float64, (5, 5), elements=st.integers(-1000, 1000).map(float)), st.integers(1, 3))
def test_turning_the_ground_turns_the_aspect_and_nothing_else(z, quarter_turns):
    slope, aspect, plan, profile = slope_family(z, 32.0)
    turned = slope_family(np.ascontiguousarray(np.rot90(z, -quarter_turns)), 32.0)
    for before, after in ((slope, turned[0]), (plan, turned[2]), (profile, turned[3])):
        np.testing.assert_allclose(np.rot90(before, -quarter_turns), after, rtol=2e-5, atol=1e-7)
    want = (np.rot90(aspect, -quarter_turns) + 90 * quarter_turns) % 360
    gap = np.abs((want - turned[1] + 180) % 360 - 180)
    assert not (gap > 1e-2).any()
