"""What holds for every bowl."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.hazards.deformation.mining.bowl import bowl_motion, bowl_outline, bowl_sinking, full_profile
from geo_risk.hazards.deformation.mining.licences import licence_end
from tests.support.bowls import CENTRE, face

bowls = st.builds(
    face, subsidence_mm=st.floats(10, 5000), length_m=st.floats(10, 2000), width_m=st.floats(20, 1000),
    azimuth_rad=st.floats(-7, 7), influence_m=st.floats(30, 600), is_moving=st.booleans(),
)  # fmt: skip
offsets = st.lists(st.floats(-3000, 3000), min_size=4, max_size=4)


@given(bowls, offsets, st.floats(0.05, 0.95))
def test_parts_of_the_span_add_up_and_nothing_sinks_more_than_all(bowl, offsets, share):
    x, y = CENTRE[0] + np.array(offsets[:2]), CENTRE[1] + np.array(offsets[2:])
    whole = np.array(bowl_motion(bowl, x, y))
    parts = np.array(bowl_motion(bowl, x, y, end=share)) + np.array(bowl_motion(bowl, x, y, start=share))
    assert np.allclose(parts, whole, atol=1e-6 * bowl.subsidence_mm)
    sunk = bowl_sinking(bowl, x, y)
    assert ((sunk >= -1e-9) & (sunk <= bowl.subsidence_mm * (1 + 1e-12))).all()
    assert (np.hypot(whole[0], whole[1]) <= 0.3 * bowl.subsidence_mm * np.sqrt(2) + 1e-9).all()


@given(bowls, offsets)
def test_a_bowl_mirrored_at_its_centre_is_the_same(bowl, offsets):
    dx, dy = np.array(offsets[:2]), np.array(offsets[2:])
    there = np.array(bowl_motion(bowl, bowl.x + dx, bowl.y + dy))
    mirrored = np.array(bowl_motion(bowl, bowl.x - dx, bowl.y - dy))
    assert np.allclose(there, mirrored * np.array([[-1], [-1], [1]]), atol=1e-6 * bowl.subsidence_mm)


@settings(max_examples=30)
@given(bowls, st.floats(5, 100))
def test_a_deeper_boundary_lies_within(bowl, boundary):
    outer, inner = bowl_outline(bowl, boundary), bowl_outline(bowl, boundary * 1.5)
    assert inner.is_empty or outer.buffer(0.5).contains(inner)


@given(st.lists(st.floats(-1000, 1000), min_size=2, max_size=20), st.floats(30, 600))
def test_profile_rises_from_nothing_to_all(t, influence):
    w = full_profile(np.sort(np.array(t)), influence)
    assert ((w >= 0) & (w <= 1)).all()
    assert (np.diff(w) >= -1e-12).all()


@given(st.text(max_size=20) | st.none() | st.floats() | st.dates().map(str))
def test_any_value_is_an_end_or_none(value):
    end = licence_end(value)
    assert end is None or isinstance(end, np.datetime64)
