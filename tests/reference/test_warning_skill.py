"""Warning skill against published and analytic truths: 2 x 2 tables, cost-loss, reliability, the rain response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from geo_risk.hazards.landslide.hindcast import (
    Contingency,
    contingency,
    detection_curve,
    interval,
    threshold_of_costs,
)
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.rain_fit import fit_rain
from geo_risk.hazards.landslide.rain_response import bent, bent_slope, unbent
from geo_risk.hazards.landslide.unit_reliability import unit_reliability
from geo_risk.hazards.landslide.warning import (
    WarningModel,
    chance,
    cost_bounds,
    fit_warning,
    index_of_chance,
    leave_one_storm_out,
)
from geo_risk.hazards.landslide.warning_units import PastCases, UnitTable


def test_finleys_tornado_forecasts_of_1884():
    # the table of every textbook on forecast verification: 28 hits, 72 false alarms, 23 misses, 2680 quiet days
    level = np.repeat([2, 2, 0, 0], [28, 72, 23, 2680])
    came = np.repeat([True, False, True, False], [28, 72, 23, 2680])
    got = contingency(level, came)
    assert (got.hits, got.misses, got.false_alarms, got.quiet, got.unknown) == (28, 23, 72, 2680, 0)
    # printed to three decimals: half the last digit
    assert (got.pod, got.far, got.csi) == pytest.approx((0.549, 0.720, 0.228), abs=0.0005)


def test_unknown_is_a_miss_with_a_slide_and_never_a_correct_no():
    got = contingency(np.array([-1, -1, 2, 1, 0]), np.array([True, False, False, True, False]))
    assert got == Contingency(hits=0, misses=2, false_alarms=1, quiet=1, unknown=1)


def test_the_interval_of_storms_is_that_of_the_binomial_where_storms_are_alike():
    # 400 storms of one slide each, 300 of them hit: the bootstrap of storms is the binomial's
    counts = tuple(Contingency(1, 0, 3, 0, 0) if k % 4 else Contingency(0, 1, 3, 0, 0) for k in range(400))
    spread = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    # 2000 draws place the ends to about a twentieth of a standard error
    assert interval(counts, "pod") == pytest.approx((0.75 - spread, 0.75 + spread), abs=0.004)
    assert np.isnan(interval(counts[:1], "pod")).all()


@pytest.mark.slow
def test_the_best_cut_of_a_calibrated_forecaster_is_the_cost_loss_rule():
    rng = np.random.default_rng(5)
    p = rng.beta(0.5, 8, 400_000)
    slid = rng.random(p.size) < p
    for miss_cost in (3.0, 9.0, 30.0):
        # the minimum of the cost is flat: with these many cases the cut scatters by about a tenth of itself
        assert threshold_of_costs(p, slid, miss_cost=miss_cost) == pytest.approx(1 / (1 + miss_cost), rel=0.15)
    params = LandslideParams(warning_miss_costs=(99.0, 49.0, 9.0, 3.0))
    assert chance(np.array(cost_bounds(params))) == pytest.approx([0.01, 0.02, 0.1, 0.25], rel=1e-12)


def test_of_a_chance_and_back():
    p = np.array([1e-9, 0.001, 0.5, 0.999])
    np.testing.assert_allclose(chance(index_of_chance(p)), p, rtol=1e-12)


def test_a_detection_curve_by_hand():
    curve = detection_curve(np.array([5.0, 4.0, 4.0, 1.0, np.nan]), np.array([True, True, False, False, False]))
    assert curve == {"pod": [0.5, 1.0], "far": [0.0, pytest.approx(1 / 3)]}
    assert detection_curve(np.ones(3), np.zeros(3, bool)) == {"pod": [], "far": []}


def test_the_response_without_a_tail_is_the_log_of_the_logistic_function():
    x = np.linspace(-40, 20, 200)
    np.testing.assert_allclose(bent(x, 0.0), log_expit(x), rtol=1e-12)
    step = 1e-6
    # central differences: error of the order of rounding / step
    np.testing.assert_allclose((bent(x + step) - bent(x - step)) / (2 * step), bent_slope(x), atol=1e-7)
    np.testing.assert_allclose(unbent(bent(x)), x, rtol=1e-10, atol=1e-10)
    assert np.isnan(unbent(np.array([np.nan])))[0]


def history(seed=11, *, units=6000, storms=8, middle=140.0, slope=0.05, intercept=-5.0):
    """Past storms drawn from a model of the fitted kind."""
    rng = np.random.default_rng(seed)
    s = expit(rng.normal(-0.5, 1.2, units))
    rain = np.clip(rng.uniform(50, 180, storms)[None, :] + rng.normal(0, 20, (units, storms)), 0, None)
    index = intercept + np.log(s / (1 - s))[:, None] + bent(slope * (rain - middle))
    slides = rng.poisson(np.exp(index))
    table = UnitTable(np.arange(1, units + 1), np.full(units, 60.0), s, 60.0)
    return PastCases(table, tuple(f"S{k}" for k in range(1, storms + 1)), rain, rain, slides)


def likelihood(beta, static, rain, slid):
    expected = np.exp(beta[0] + static + bent(np.exp(beta[1]) * (rain - beta[2])))
    return float(expected[~slid].sum() - np.log(-np.expm1(-expected[slid])).sum())


@pytest.mark.slow
def test_the_fit_is_the_maximum_of_the_likelihood_and_finds_the_truth():
    cases = history(intercept=-3.0)
    static = np.broadcast_to(np.log(cases.units.susceptibility / (1 - cases.units.susceptibility))[:, None],
                             cases.rain_mm.shape).ravel()  # fmt: skip
    rain, slid = cases.rain_mm.ravel(), cases.slides.ravel() > 0
    found = fit_rain(static, rain, slid)
    start = np.array([found.intercept, np.log(found.slope_per_mm), found.middle_mm])
    best = minimize(likelihood, start, args=(static, rain, slid), method="Nelder-Mead",
                    options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000})  # fmt: skip
    # rain without a slide is counted in bins of 1 mm: worth a hundredth of a unit of log-likelihood
    assert likelihood(start, static, rain, slid) == pytest.approx(best.fun, abs=0.02)
    # with some 3,000 slides the middle is known to a few mm, slope and intercept to a few percent
    assert found.middle_mm == pytest.approx(140, abs=8)
    assert found.slope_per_mm == pytest.approx(0.05, rel=0.1)
    assert found.intercept == pytest.approx(-3.0, abs=0.25)
    assert found.gain > 100


@pytest.mark.slow
def test_a_calibrated_model_lies_in_its_band_and_one_that_says_too_much_does_not():
    params = LandslideParams()
    cases = history(units=2500, intercept=-3.5)
    model = fit_warning(cases, params)
    held = leave_one_storm_out(cases, params)
    inside = unit_reliability(held, cases, model, params, draws=40).diagram()
    assert len(inside["said"]) >= 3
    assert all(inside["inside"])
    boasting = replace(held, index=held.index + np.log(2.0))
    outside = unit_reliability(boasting, cases, model, params, draws=40).diagram()
    assert not all(outside["inside"])


@pytest.mark.slow
def test_levels_hold_their_shares_and_chances_are_those_of_the_costs():
    cases = history()
    shares = fit_warning(cases, LandslideParams(warning_shares_by=("end",) * 4))
    index = shares.index(cases.units.susceptibility[:, None], cases.rain_mm)[cases.slides > 0]
    for bound, share in zip(shares.bounds, LandslideParams().warning_event_shares, strict=True):
        # one unit more or less at the cut
        assert (index >= bound).mean() == pytest.approx(share, abs=2 / index.size)
    costs = fit_warning(cases, LandslideParams(warning_cutoffs="costs"))
    assert chance(np.array(costs.bounds)) == pytest.approx([1 / 401, 1 / 101, 1 / 26, 1 / 7], rel=1e-9)
    # half of the rain by the height: a level that is to be out by then begins earlier
    early = fit_warning(replace(cases, height_mm=cases.rain_mm / 2), LandslideParams())
    assert early.bounds[1] < shares.bounds[1]
    assert early.bounds[2:] == pytest.approx(shares.bounds[2:])


def test_a_model_says_the_same_after_a_round_trip():
    model = WarningModel(1.0, 2.5, (-7.0, -5.0, -4.0, -3.0), 0.8, 0.7, 0.6, 40, ("S1", "S2"), -3.5, 140.0)
    assert WarningModel.from_dict(model.to_dict()) == model
    assert model.probability(np.array([0.5]), np.array([140.0]))[0] == pytest.approx(
        1 - np.exp(-np.exp(-3.5 + 0.9 * np.log(0.5))), rel=1e-12
    )
