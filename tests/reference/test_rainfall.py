"""Accumulations, grades and effective rain against hand sums and the printed table."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError, UnitError
from geo_risk.hazards.rainfall.accumulation import accumulate, may_be_wetter, running_sum
from geo_risk.hazards.rainfall.antecedent import effective_rain, largest_effective_rain, storm_effective_rain
from geo_risk.hazards.rainfall.grades import GRADES, grade, level_of_rain
from geo_risk.hazards.rainfall.wettest import wettest


def cube(values, units="mm", interval_h=1.0):
    data = np.asarray(values, dtype="float32").reshape(len(values), 1, 1)
    times = np.datetime64("2024-07-01T01", "ns") + np.arange(len(values)) * np.timedelta64(
        round(3600 * interval_h), "s"
    )
    attrs = {"units": units, "interval_h": interval_h}
    return xr.DataArray(data, dims=("time", "y", "x"), coords={"time": times, "y": [0.0], "x": [0.0]}, attrs=attrs)


@pytest.mark.parametrize(
    ("hours", "mm", "name"),
    [
        *[(24, mm, g) for mm, g in ((0.0, "none"), (0.1, "light"), (9.9, "light"), (10.0, "moderate"),
          (24.9, "moderate"),
          (25.0, "heavy"), (49.9, "heavy"), (50.0, "rainstorm"), (99.9, "rainstorm"), (100.0, "severe_rainstorm"),
          (249.9, "severe_rainstorm"), (250.0, "extreme_rainstorm"))],
        *[(12, mm, g) for mm, g in ((0.1, "light"), (4.9, "light"), (5.0, "moderate"), (15.0, "heavy"), (29.9, "heavy"),
          (30.0, "rainstorm"), (70.0, "severe_rainstorm"), (139.9, "severe_rainstorm"), (140.0, "extreme_rainstorm"))],
    ],
)  # fmt: skip
def test_grades_are_those_of_the_standard(hours, mm, name):
    assert GRADES[int(grade(np.array([mm], dtype="float32"), hours=hours)[0])] == name


def test_grades_refuse_other_durations_and_negative_rain():
    with pytest.raises(DataError, match="6 h"):
        grade(np.array([1.0]), hours=6)
    with pytest.raises(DataError, match="-1"):
        grade(np.array([-1.0]), hours=24)
    assert grade(np.array([np.nan]), hours=24)[0] == -1


def test_levels_follow_the_grade():
    rain = cube([0, 30, 60, 120, 300, np.nan]).isel(y=0, drop=True).rename(time="y")
    assert level_of_rain(rain, hours=24).to_numpy().ravel().tolist() == [0, 1, 2, 3, 4, -1]


def test_running_sum_by_hand_and_through_a_gap():
    got = running_sum(np.array([1.0, 2, 3, np.nan, 5, 6, 7]), 3)
    np.testing.assert_array_equal(got, [np.nan, np.nan, 6, np.nan, np.nan, np.nan, 18])
    assert np.isnan(running_sum(np.array([1.0, 2]), 3)).all()


def test_maximum_and_ending_windows():
    rain = cube([0, 5, 20, 1, 0, 2])
    assert float(accumulate(rain, 2, how="maximum", min_known_share=1)[0, 0]) == 25
    assert float(accumulate(rain, 2, how="ending", min_known_share=1)[0, 0]) == 2
    assert float(accumulate(rain, 2, first=4, how="maximum", min_known_share=1)[0, 0]) == 2


def test_a_gap_makes_the_maximum_unknown_unless_enough_windows_are_whole():
    rain = cube([1, 1, np.nan, 9, 9, 1, 1, 1, 1, 1])
    assert np.isnan(float(accumulate(rain, 2, how="maximum", min_known_share=0.9)[0, 0]))
    assert float(accumulate(rain, 2, how="maximum", min_known_share=0.7)[0, 0]) == 18


def test_units_are_converted_or_refused():
    assert float(accumulate(cube([0.01, 0.02], units="m"), 2, how="ending", min_known_share=1)[0, 0]) == pytest.approx(
        30
    )
    with pytest.raises(UnitError):
        accumulate(cube([1, 2], units="degC"), 2, how="ending", min_known_share=1)


def test_effective_rain_is_the_weighted_sum_of_days():
    daily = np.array([10.0, 0, 20, 5])
    # day 3: 5 + .8 * 20 + .64 * 0 ; with four days + .512 * 10
    assert effective_rain(daily, decay_per_day=0.8, days=3, steps_per_day=1)[3] == pytest.approx(21.0)
    assert effective_rain(daily, decay_per_day=0.8, days=4, steps_per_day=1)[3] == pytest.approx(26.12)
    hourly = np.repeat(daily / 24, 24)
    got = effective_rain(hourly, decay_per_day=0.8, days=3)
    assert got[95] == pytest.approx(21.0)
    assert np.isnan(got[70])
    # six hours into day 3: R_0 = 6 h of it + 18 h of day 2, R_1 = 6 h of day 2 + 18 h of day 1, R_2 = 18 h of day 0
    assert got[77] == pytest.approx(5 / 4 + 15 + 0.8 * 5 + 0.64 * 7.5)
    assert effective_rain(daily, decay_per_day=0.0, days=1, steps_per_day=1).tolist() == daily.tolist()


def test_largest_effective_rain_needs_its_whole_past():
    rain = cube(np.r_[np.zeros(48), np.full(24, 2.0)])
    got = largest_effective_rain(rain, first=48, decay_per_day=0.5, days=2)
    assert float(got[0, 0]) == pytest.approx(48)
    gap = rain.copy()
    gap[40] = np.nan
    assert np.isnan(float(largest_effective_rain(gap, first=48, decay_per_day=0.5, days=2)[0, 0]))
    with pytest.raises(DataError):
        largest_effective_rain(rain, first=72, decay_per_day=0.5, days=2)
    with pytest.raises(DataError):
        effective_rain(np.ones(3), decay_per_day=1.0, days=2)


def test_past_storm_shorter_than_the_window_is_unknown():
    daily = cube([5.0, 10, 20], interval_h=24.0)
    assert float(storm_effective_rain(daily, decay_per_day=0.5, days=2)[0, 0]) == pytest.approx(25)
    assert np.isnan(float(storm_effective_rain(daily, decay_per_day=0.5, days=4)[0, 0]))


def test_what_is_known_of_a_window_with_a_gap_counts_and_on_the_wet_side_its_gap_too():
    rain = cube([1, 1, 40, np.nan, 30, 1, 1, 1, 1, 1, 1, 1])
    low, high = (
        float(accumulate(rain, 3, how="maximum", min_known_share=0.5, gaps_wet=wet)[0, 0]) for wet in (False, True)
    )
    assert (low, high) == (70, 110)  # the gap is 0 mm at least, and taken for 40 mm at most
    assert np.isnan(float(accumulate(rain, 3, how="maximum", min_known_share=0.9, gaps_wet=True)[0, 0]))
    assert np.isnan(float(accumulate(rain.isel(time=slice(0, 4)), 3, how="ending", min_known_share=0.1)[0, 0]))
    # a gap in dry hours changes nothing: no hour is taken for wetter than the wettest known
    calm = cube([1, 1, 40, 20, 30, 1, 1, 1, 1, np.nan, 1, 1])
    assert float(accumulate(calm, 3, how="maximum", min_known_share=0.5, gaps_wet=True)[0, 0]) == 90
    assert np.isnan(float(accumulate(cube([np.nan] * 5), 3, how="maximum", min_known_share=0.1, gaps_wet=True)[0, 0]))


def test_the_hours_of_the_wettest_window_are_those_of_its_sum_through_a_gap():
    rain = cube([5, 1, 40, np.nan, 30, 1, 1, 1])
    window = wettest(rain, 3, before_h=2, gaps_wet=True)
    assert [float(h[0, 0]) for h in window.hours_mm] == [40, 40, 30]
    assert float(window.before_mm[0, 0]) == 6
    plain = wettest(rain, 3, before_h=2)
    assert [float(h[0, 0]) for h in plain.hours_mm] == [40, 0, 30]


@given(st.lists(st.floats(0, 80) | st.just(np.nan), min_size=3, max_size=30), st.integers(1, 3))
def test_the_wet_side_is_never_below_what_is_known(rain, hours):
    low, high = (
        float(accumulate(cube(rain), hours, how="maximum", min_known_share=0.01, gaps_wet=wet)[0, 0])
        for wet in (False, True)
    )
    assert np.isnan(low) == np.isnan(high)
    assert np.isnan(low) or low <= high + 1e-4


def test_other_hours_may_be_wetter_than_the_window_only_where_one_of_them_is_missing():
    def doubt(*mm, first, hours=2):
        return bool(may_be_wetter(np.array(mm, dtype=float).reshape(-1, 1), hours, first=first)[0])

    assert not doubt(0, 0, 30, 40, 0, 0, first=2)
    assert not doubt(0, np.nan, 0, 30, 40, 0, first=3)  # 40 mm at most in one hour of a dry spell: less than 70
    assert doubt(np.nan, np.nan, 0, 30, 40, 0, first=3)  # 80 mm may have fallen in two
    assert doubt(0, 0, 30, 40, np.nan, 0, first=2)  # the storm may have gone on
    assert doubt(0, 0, 0, 0, np.nan, 0, first=0)  # nothing is known to have fallen, but an hour is not known
    assert not doubt(np.nan, np.nan, np.nan, first=0)  # nothing is known: its rain is missing by itself


def test_what_is_known_of_a_window_with_a_gap_counts() -> None:
    # 6 h: the whole windows beside the gap hold 30 mm at most, that with the gap 50 mm for certain
    rain = np.concatenate([np.zeros(80), [10.0, 10.0, 10.0, np.nan, 10.0, 10.0], np.zeros(20)])
    given = cube(rain)
    most = accumulate(given, 6, how="maximum", min_known_share=0.9).to_numpy()
    assert (most == 50.0).all()
    window = wettest(given, 6, before_h=5)
    assert [float(h[0, 0]) for h in window.hours_mm] == [10.0, 10.0, 10.0, 0.0, 10.0, 10.0]
    assert np.isnan(accumulate(given, 6, how="maximum", min_known_share=0.99).to_numpy()).all()
    ending = accumulate(given.isel(time=slice(0, 85)), 6, how="ending", min_known_share=0.9).to_numpy()
    assert np.isnan(ending).all()
