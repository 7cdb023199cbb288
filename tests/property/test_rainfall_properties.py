"""What holds for the sums of any rain."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo_risk.hazards.rainfall.accumulation import running_sum
from geo_risk.hazards.rainfall.antecedent import effective_rain
from geo_risk.hazards.rainfall.grades import grade

amounts = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 200) | st.just(np.nan))


@given(amounts, st.integers(1, 30))
def test_running_sums_are_the_plain_sums_of_their_windows(rain, hours):
    got = running_sum(rain, hours)
    for i in range(len(rain)):
        want = rain[i - hours + 1 : i + 1].sum() if i + 1 >= hours else np.nan
        np.testing.assert_allclose(got[i], want, atol=1e-8)


@given(amounts, st.floats(0, 0.95), st.integers(1, 5), st.floats(0, 50))
def test_effective_rain_grows_with_rain_and_keeps_gaps(rain, decay, days, more):
    less = effective_rain(rain, decay_per_day=decay, days=days, steps_per_day=4)
    higher = effective_rain(rain + more, decay_per_day=decay, days=days, steps_per_day=4)
    assert (np.isnan(less) == np.isnan(higher)).all()
    assert not (higher < less - 1e-6).any()
    assert np.isnan(less[: min(len(rain), 4 * days - 1)]).all()


@given(st.floats(0, 400), st.floats(0, 400))
def test_grades_never_fall_with_rain(a, b):
    low, high = sorted((a, b))
    assert grade(np.array([low]), hours=24)[0] <= grade(np.array([high]), hours=24)[0]
    # 12 h bounds are lower: the same amount is at least the same grade
    assert grade(np.array([a]), hours=12)[0] >= grade(np.array([a]), hours=24)[0]
