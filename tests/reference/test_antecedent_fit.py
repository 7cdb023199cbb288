"""K and window fitted to events: South Tyrol, a known K, and events that allow no fit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage_antecedent import WINDOWS, antecedent_coverage
from geo_risk.core.errors import DataError
from geo_risk.hazards.rainfall.antecedent_fit import AntecedentFit, Refusal, fit_antecedent
from geo_risk.hazards.rainfall.event_rain import EventRain, joined, moments_of

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


def test_cases_written_four_times_tell_no_more_than_once():
    once = made(n=800)
    rows = np.tile(np.arange(800), 4)
    many = EventRain(once.daily[rows], once.slid[rows], once.year[rows], once.storm[rows], once.terms[rows])
    one, four = (fit_antecedent(e, (5,), configured=CONFIGURED) for e in (once, many))
    # four copies of one storm: the variance by storm is four times that of independent cases, about
    assert 3 < four.inflation / one.inflation < 5
    assert four.high - four.low == pytest.approx(one.high - one.low, rel=0.2)


@pytest.mark.slow
def test_intervals_hold_a_known_k_as_often_as_they_say():
    counts = antecedent_coverage(160, 3)
    for name, (held, all_of) in counts.items():
        # the issue asks for 90-98 %; with 80 draws at 95 % the count strays by 2.4 %: two of those allowed
        assert held / all_of >= 0.85, (name, held, all_of)
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
    fit = fit_antecedent(EventRain(gap, events.slid, events.year, events.storm, events.terms), (1, 5),
                         configured=CONFIGURED)  # fmt: skip
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
    assert (known == (~np.isnan(daily[:, :, :days]).any(axis=2)).any(axis=1)).all()
    assert (table[1, 0][known] >= table[0, 0][known] - 1e-9).all()
