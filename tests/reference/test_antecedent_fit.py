"""K and window fitted to events: South Tyrol, a known K, and events that allow no fit."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage_antecedent import WINDOWS, antecedent_intervals
from geo_risk.core.errors import DataError
from geo_risk.hazards.rainfall.accumulation import running_sum
from geo_risk.hazards.rainfall.antecedent import effective_rain
from geo_risk.hazards.rainfall.antecedent_fit import AntecedentFit, Refusal, fit_antecedent
from geo_risk.hazards.rainfall.event_rain import EventRain, joined, longest_window, moments_of
from geo_risk.kernels.effective_rain import stage_effective

CONFIGURED = (0.84, 5)


def made(seed=5, n=1500, decay=0.7, weight=2.0, years=5):
    rng = np.random.default_rng(seed)
    daily = rng.gamma(0.5, 20, (n, 5))
    logit = -4 + weight * (daily @ decay ** np.arange(5)) / 50
    slid = rng.random(n) < 1 / (1 + np.exp(-logit))
    return EventRain.of_days(daily, slid, year=2000 + np.arange(n) % years)


@pytest.fixture(scope="module")
def south_tyrol():
    """3,233 rows; the columns are cumulated from the end: differences of every 24th are days, the last is day 0."""
    folder = Path(os.environ["GEO_RISK_REAL"]) / "landslide" / "southtyrol_fgam"
    table = pd.read_csv(folder / "southtyrol_landslide_precip.csv.gz")
    hours = [c for c in table.columns if c.startswith("day") and "." in c]
    # 231 totals are negative (to -0.56 mm): a fault of the source, set to 0
    left = np.maximum(table[hours].to_numpy(float), 0)[:, ::24]
    return table, np.maximum(-np.diff(np.column_stack([left, np.zeros(len(left))]), axis=1), 0)


def tyrol_events(read, *, with_slope):
    table, daily = read
    slope = table["slope"].to_numpy() / 10
    return EventRain.of_days(
        daily, table["bin"] == 1, year=table["year"], storm=table["date"],
        terms=np.column_stack([slope, slope**2]) if with_slope else None,
    )  # fmt: skip


@pytest.mark.real
@pytest.mark.slow
def test_south_tyrol_with_each_year_left_out(south_tyrol):
    fit = fit_antecedent(tyrol_events(south_tyrol, with_slope=True), (1, 2, 3, 4, 5), configured=CONFIGURED)
    assert fit.n_slides == 259
    assert fit.n_years == 10
    # the issue asks for .89; K, window and weights are fitted without the year judged
    assert fit.auc_years >= 0.89
    # published decays for neighbouring uses run from .79 to .84 (METHODS.md): the interval must not exclude them
    assert fit.low < 0.79
    assert fit.high > 0.84
    assert not fit.low_is_open
    assert not fit.high_is_open
    assert fit.days == 5
    # slides of one day depend on one another: cases taken for independent would make the interval too narrow
    assert fit.inflation > 1.5


@pytest.mark.real
def test_south_tyrol_ranks_by_k_as_measured_by_a_peer(south_tyrol):
    events = tyrol_events(south_tyrol, with_slope=False)
    fit = fit_antecedent(events, (5,), configured=CONFIGURED)
    area = dict(zip(fit.profile["decay_per_day"], fit.profile["auc"], strict=True))
    # METHODS.md prints three digits, found with K over five days; .79 and .84 lie between .78, .80 and .84
    for decay, printed in ((0.0, 0.757), (0.5, 0.861), (0.84, 0.884), (0.9, 0.885)):
        assert area[decay] == pytest.approx(printed, abs=0.0016), decay


def test_a_known_k_lies_in_its_interval():
    fit = fit_antecedent(made(), (1, 3, 5), configured=CONFIGURED)
    assert isinstance(fit, AntecedentFit)
    assert fit.low < 0.7 < fit.high
    assert fit.high - fit.low < 0.4
    assert fit.days == 5
    assert fit.auc_years > 0.6
    assert fit.low <= fit.decay_per_day <= fit.high


def test_slides_of_a_single_day_s_rain_leave_k_open_and_its_facts_can_be_written():
    events = made(decay=0.0, weight=6.0)
    found = fit_antecedent(events, (1, 2, 3), configured=(0.84, 3))
    assert isinstance(found, AntecedentFit)
    alone = fit_antecedent(events, (1,), configured=(0.84, 1))  # over one day K has no effect
    assert isinstance(alone, AntecedentFit)
    assert alone.low_is_open
    assert alone.high_is_open
    assert alone.to_dict()["inflation"] is None
    for fit in (found, alone):
        json.dumps(fit.to_dict(), allow_nan=False)


def test_cases_written_four_times_tell_no_more_than_once():
    once = made(n=800)
    rows = np.tile(np.arange(800), 4)
    many = once.chosen(rows)
    one, four = (fit_antecedent(e, (5,), configured=CONFIGURED) for e in (once, many))
    # four copies of one storm: the variance by storm is four times that of independent cases, about
    assert 3 < four.inflation / one.inflation < 5
    assert four.high - four.low == pytest.approx(one.high - one.low, rel=0.2)


@pytest.mark.slow
def test_intervals_hold_a_known_k_as_often_as_they_say_and_are_no_wider_than_stated():
    found = antecedent_intervals(160, 3)
    held = {name: (at[:, 0] <= true) & (true <= at[:, 1]) for name, (at, true) in found.items()}
    pooled = np.concatenate(list(held.values()))
    assert len(pooled) >= 140  # few draws allow no fit
    # the issue asks for 90-98 % of the 95 % intervals; with 150 draws the share strays by 1.8 %
    assert 0.90 <= pooled.mean() <= 0.98
    for name, mine in held.items():
        # 75 draws stray by 2.5 %: two of those beyond either end of 90-98 %
        assert 0.85 <= mine.mean() <= 1.0, name
    # mean widths as the benchmark states them (benchmarks/RESULTS.md); 75 draws stray by a tenth of them
    widths = [float((at[:, 1] - at[:, 0]).mean()) for at, _ in found.values()]
    assert widths == pytest.approx([0.42, 0.67], rel=0.2)
    assert max(WINDOWS) == 15


def test_rain_that_tells_nothing_leaves_the_interval_open_or_is_refused():
    rng = np.random.default_rng(1)
    events = EventRain.of_days(rng.gamma(0.5, 20, (600, 5)), rng.random(600) < 0.2, year=np.arange(600) % 6)
    fit = fit_antecedent(events, (1, 5), configured=CONFIGURED)
    assert isinstance(fit, Refusal) or (fit.low_is_open and fit.high_is_open)


def test_constant_rain_is_refused():
    events = EventRain.of_days(np.full((200, 5), 7.0), np.arange(200) % 3 == 0, year=np.arange(200) % 4)
    found = fit_antecedent(events, (1, 5), configured=CONFIGURED)
    assert isinstance(found, Refusal)


def test_too_few_slides_are_refused_with_their_number():
    events = made()
    few = np.flatnonzero(events.slid)[:15]
    kept = ~events.slid
    kept[few] = True
    found = fit_antecedent(events.chosen(kept), (1, 5), configured=CONFIGURED)
    assert isinstance(found, Refusal)
    assert "15 slides" in found.en
    assert "15 个" in found.zh


@pytest.mark.parametrize("value", [-1.0, 9999.0, np.inf])
def test_negative_and_9999_values_are_refused(value):
    daily = np.full((30, 5), 3.0)
    daily[4, 2] = value
    with pytest.raises(DataError, match="1 amounts"):
        EventRain.of_days(daily, np.arange(30) < 10, year=np.full(30, 2020))


def test_a_missing_day_leaves_the_case_out_and_counts_it():
    events = made()
    gap = events.daily.copy()
    gap[:7, 0, 2] = np.nan
    fit = fit_antecedent(replace(events, daily=gap), (1, 5), configured=CONFIGURED)
    assert fit.n_unknown == 7
    assert fit.n_slides + fit.n_others == 1493


def test_one_year_gives_no_left_out_skill():
    assert np.isnan(fit_antecedent(made(years=1), (5,), configured=CONFIGURED).auc_years)


def test_moments_hold_the_days_before_them():
    hours = np.arange(1.0, 73).reshape(72, 1)  # 1, 2, ... 72 mm
    got = moments_of(hours, steps_per_day=24, days=2)
    assert got.shape == (1, 25, 2)
    # the first moment ends at hour 48: 25 + ... + 48 = 876 and 1 + ... + 24 = 300
    np.testing.assert_allclose(got[0, 0], [876, 300])
    assert moments_of(hours, steps_per_day=24, days=4).shape == (1, 0, 4)


def test_storms_of_unlike_length_are_joined_with_unknown_moments():
    short, long = (moments_of(np.ones((n, 2)), steps_per_day=1, days=3) for n in (3, 6))
    events = joined([EventRain.of_days(d, [True, False], year=[1, 1]) for d in (short, long)])
    assert events.daily.shape == (4, 4, 3)
    np.testing.assert_allclose(events.effective(np.array([0.5]), (3,))[0, 0], 1.75)
    assert events.known(3).all()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0, 0.97), st.integers(1, 5))
def test_effective_rain_never_falls_with_k_or_window(seed, decay, days):
    rng = np.random.default_rng(seed)
    daily = rng.gamma(0.5, 20, (10, 3, 5))
    daily[rng.random(daily.shape) < 0.1] = np.nan
    events = EventRain.of_days(daily, np.arange(10) < 5, year=np.zeros(10))
    table = events.effective(np.array([decay, decay + 0.02]), (days,))
    known = ~np.isnan(table[0, 0])
    # one unknown moment may have been the highest
    assert (known == ~np.isnan(daily[:, :, :days]).any(axis=(1, 2))).all()
    assert (known == events.known(days)).all()
    assert (table[1, 0][known] >= table[0, 0][known] - 1e-9).all()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 3))
def test_moments_that_are_not_a_case_s_own_change_nothing(seed, own):
    rng = np.random.default_rng(seed)
    daily = rng.gamma(0.5, 20, (8, 3, 4))
    more = {"slid": np.arange(8) < 4, "year": np.zeros(8), "n_moments": np.full(8, own)}
    wet, gone = daily.copy(), daily.copy()
    wet[:, own:], gone[:, own:] = 900.0, np.nan
    want = EventRain.of_days(daily[:, :own], more["slid"], year=more["year"]).effective(np.array([0.6]), (1, 4))
    for rain in (daily, wet, gone):
        events = EventRain.of_days(rain, **more)
        np.testing.assert_array_equal(events.effective(np.array([0.6]), (1, 4)), want)
        assert events.known(4).all()
    none = EventRain.of_days(daily, **{**more, "n_moments": np.full(8, -2)})
    assert not none.known(1).any()
    assert np.isnan(none.effective(np.array([0.6]), (1,))).all()


def test_a_gap_at_the_peak_is_unknown_and_no_little_rain():
    hours = np.zeros((96, 2))
    hours[50:74] = 5.0  # 120 mm in a day
    hours[60, 0] = np.nan
    events = EventRain.of_days(moments_of(hours, steps_per_day=24, days=2), [True, True], year=[1, 1])
    assert events.known(2).tolist() == [False, True]
    np.testing.assert_array_equal(events.effective(np.array([0.5]), (1, 2))[0], [[np.nan, 120], [np.nan, 120]])


def test_the_longest_window_ends_before_the_wettest_rain():
    storm = np.array([1.0, 0, 2, 0, 1, 3, 20, 60, 30, 2, 0, 1])  # the eighth day is the wettest
    assert longest_window(storm, steps_per_day=1, limit=15) == 7
    assert longest_window(storm, steps_per_day=1, limit=5) == 5
    assert longest_window(np.repeat(storm / 24, 24), steps_per_day=24, limit=15) == 7
    # three days of a wet beginning outweigh the day that is the wettest: moments must not begin after them
    week = np.array([25.0, 25, 25, 25, 25, 0, 0, 0, 0, 60, 0])
    assert longest_window(week, steps_per_day=1, limit=15) == 3
    assert longest_window(np.array([50.0, 1, 1]), steps_per_day=1, limit=15) == 0
    assert longest_window(np.full(9, np.nan), steps_per_day=1, limit=15) == 0
    assert longest_window(np.empty(0), steps_per_day=1, limit=15) == 0


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([1, 4]), st.integers(6, 20))
def test_no_spell_within_the_longest_window_peaks_before_it(seed, per_day, days):
    rain = np.random.default_rng(seed).gamma(0.3, 10, days * per_day)
    longest = longest_window(rain, steps_per_day=per_day, limit=15)
    for spell in range(1, longest):
        total = running_sum(rain, spell * per_day)
        first = longest * per_day - 1  # of the moments
        assert np.nanmax(total) == pytest.approx(np.nanmax(total[first:]))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0, 0.97), st.integers(1, 3))
def test_the_three_ways_to_effective_rain_agree_with_gaps(seed, decay, days):
    rng = np.random.default_rng(seed)
    hours = rng.gamma(0.3, 4, (24 * (days + 2), 6))
    hours[rng.random(hours.shape) < 0.004] = np.nan
    first = 24 * days
    at_each = effective_rain(hours, decay_per_day=decay, days=days)[first:]
    # one moment a case: known and worth the same as the step of the series
    moments = moments_of(hours, steps_per_day=24, days=days)[:, 1:]
    single = EventRain.of_days(moments.reshape(-1, days), np.zeros(moments[..., 0].size, bool),
                               year=np.zeros(moments[..., 0].size))  # fmt: skip
    alone = single.effective(np.array([decay]), (days,))[0, 0].reshape(6, -1).T
    np.testing.assert_allclose(alone, at_each, rtol=1e-9, atol=1e-9)
    # all moments of a case: the largest of the series, unknown where one of its steps is
    events = EventRain.of_days(moments, np.arange(6) < 3, year=np.zeros(6))
    highest = events.effective(np.array([decay]), (days,))[0, 0]
    np.testing.assert_allclose(highest, at_each.max(axis=0), rtol=1e-9, atol=1e-9)
    # the warning's kernel: the largest so far, unknown from the first unknown step on
    part = np.zeros(len(hours), dtype=np.int64)
    so_far, _, _ = stage_effective(hours, part, first=first, decay_per_day=decay, days=days)
    np.testing.assert_allclose(so_far, np.maximum.accumulate(at_each, axis=0), rtol=1e-9, atol=1e-9)
