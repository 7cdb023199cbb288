"""Properties of the demo county's small rules: sums, shares, shifts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.sample.floods import runoff_mm
from geo_risk.sample.ledger import gcj02
from geo_risk.sample.rain import RainField, effective_rain_mm
from geo_risk.sample.settlements import rank_size, town_people
from geo_risk.sample.susceptibility import rain_factor

seeds = st.integers(0, 2**31)
depths = st.lists(st.floats(0, 60), min_size=1, max_size=30)


@given(st.integers(1, 300), st.integers(0, 100_000), seeds)
def test_rank_size_is_whole_and_adds_up(number, total, seed):
    size = rank_size(number, total, np.random.default_rng(seed))
    assert size.sum() == total
    assert (size >= 0).all()


@given(seeds)
def test_no_neighbourhood_is_too_large(seed):
    people = town_people(np.random.default_rng(seed))
    assert people.sum() == 25_000
    assert 0 < people.min() <= people.max() <= 1500


@given(depths, st.floats(30, 100), st.floats(30, 100))
def test_runoff_is_bounded_by_rain_and_grows_with_the_curve_number(rain, one, other):
    low, high = sorted((one, other))
    hours = np.array(rain)[:, None]
    less, more = runoff_mm(hours, np.array([low])), runoff_mm(hours, np.array([high]))
    assert (less >= -1e-9).all()
    assert less.sum() <= more.sum() + 1e-6
    assert more.sum() <= hours.sum() + 1e-6


@given(st.floats(0, 500), st.floats(0, 500))
def test_more_rain_never_makes_fewer_slides(one, other):
    low, high = sorted((one, other))
    a, b = rain_factor(np.array([low, high]))
    assert 0 <= a <= b <= 1


@given(st.floats(110, 114.5), st.floats(34.6, 40.7))
def test_gcj02_shifts_shanxi_by_hundreds_of_metres(lon, lat):
    east, north = gcj02(np.array([lon]), np.array([lat]))
    metres = np.hypot((east[0] - lon) * 111_320 * np.cos(np.radians(lat)), (north[0] - lat) * 110_950)
    assert 200 < metres < 1000


@settings(max_examples=40)
@given(st.lists(st.floats(0, 100), min_size=15, max_size=15), st.floats(0.5, 0.95), st.integers(0, 14))
def test_effective_rain_lies_between_today_and_the_sum(rain, decay, end):
    times = np.datetime64("2024-07-01T00", "h") + 24 * np.arange(1, 16).astype("timedelta64[h]")
    field = RainField(np.array(rain, np.float32)[:, None, None], times, 0.0, 0.0)
    got = effective_rain_mm(field, decay=decay, end=end, hours_per_step=24)[0, 0]
    window = field.rain_mm[max(0, end - 10) : end + 1, 0, 0].astype(float)
    assert window[-1] - 1e-6 <= got <= window.sum() + 1e-6
