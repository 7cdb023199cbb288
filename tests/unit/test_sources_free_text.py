"""What free text says of signs and corrections: read by clause, and left to the user where it allows two readings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.sources.free_text import correction_state, positive_way, speaks_of_sign


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Positive values are motion toward the satellite, negative values away from it.", "toward"),
        ("Negative values are motion away from the satellite; positive values are toward it", "toward"),
        ("Motion toward the satellite is positive and away from it negative", "toward"),
        ("positive away from the satellite, negative toward", "away"),
        ("Positive values are away from the platform", "away"),
        ("Displacement along the line of sight (toward or away from the sensor): positive = toward", "toward"),
        ("Displacement towards the satellite, positive", "toward"),
        ("negative is motion towards the radar", "away"),
        ("away_from_the_satellite is positive", "away"),
        ("positive for increasing range", "away"),
        ("positive: range decrease", "toward"),
        ("positive toward negative away", "toward"),
        # two readings, a denial, or nothing
        ("Positive means not away from the satellite", None),
        ("Opposite sign of the phase: positive is toward", None),
        ("Positive toward the satellite. Positive away from the satellite.", None),
        ("positive toward or away from the satellite", None),
        ("Positive is up", None),
        ("Displacement toward the satellite", None),
        ("", None),
    ],
)
def test_which_way_is_positive(text, want):
    assert positive_way(text) == want


@given(
    st.sampled_from([True, False]), st.sampled_from([", ", "; ", ". ", " and ", " while ", " (", " whereas "]),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_order_of_the_clauses_changes_nothing(is_toward, between, swapped, turned):
    one, other = ("toward", "away from") if is_toward else ("away from", "toward")
    clauses = [
        f"motion {way} the satellite is {pole}" if turned else f"{pole} values are motion {way} the satellite"
        for pole, way in (("positive", one), ("negative", other))
    ]
    text = between.join(reversed(clauses) if swapped else clauses)
    assert positive_way(text) == ("toward" if is_toward else "away")


@pytest.mark.parametrize(("text", "want"), [("LOS motion away", True), ("negative is down", True), ("LOS", False)])
def test_whether_a_text_speaks_of_a_sign_at_all(text, want):
    assert speaks_of_sign(text) is want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Subtract from /displacement to apply.", "subtract"),
        ("To apply the correction, this layer should be subtracted from displacement", "subtract"),
        ("has not been subtracted from displacement", "subtract"),
        ("Not applied. May be used to correct displacement", "subtract"),
        ("Tide that has been subtracted from displacement", "made"),
        ("Tide, already subtracted", "made"),
        ("Solid Earth tide used to correct the unwrapped phase", "made"),
        ("Do not subtract: the displacement is free of it", "made"),
        ("must not be subtracted again", "made"),
        ("has already been subtracted; subtract again to be sure", "both"),
        ("Solid Earth tide", "unsaid"),
    ],
)
def test_whether_a_correction_is_still_to_be_made(text, want):
    assert correction_state(text) == want
