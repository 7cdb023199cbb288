"""The storm formula by hand, the Chicago storm against its definition, and what lies outside the document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError
from geo_risk.flow.config import load_config
from geo_risk.flow.inputs import StormFormula
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.rainfall_analysis import rain_analysis
from geo_risk.hazards.rainfall.storm import (
    IntensityFormula,
    chicago_storm,
    storm_depth,
    storm_intensity,
    storm_intensity_mm_h,
    storm_years,
)
from geo_risk.sources.layers import read_json
from tests.support.past_storms import run_steps

MADE_UP = {"a": 10.0, "c": 0.8, "b": 12.0, "n": 0.7, "valid_minutes": (5, 1440), "valid_years": (1, 100)}
"""Constants of no city."""


def formula(**other):
    return IntensityFormula(source="Nowhere, 1900, none", **{**MADE_UP, **other})


def test_intensity_and_depth_by_hand():
    # P = 10: 167 * 10 * 1.8 / (60 + 12)^0.7 = 3006 / 19.9562 = 150.63 L/s/ha
    assert storm_intensity(formula(), years=10, minutes=60) == pytest.approx(3006 / 72**0.7, rel=1e-12)
    assert storm_intensity(formula(), years=10, minutes=60) == pytest.approx(150.6, abs=0.1)
    assert storm_intensity_mm_h(formula(), years=10, minutes=60) == pytest.approx(54.2, abs=0.05)
    assert storm_depth(formula(), years=10, minutes=60) == pytest.approx(54.2, abs=0.05)
    assert storm_depth(formula(), years=10, minutes=30) == pytest.approx(0.36 * 3006 / 42**0.7 / 2, rel=1e-12)


@given(
    st.floats(1, 100), st.sampled_from([30, 60, 120, 180]), st.sampled_from([1, 5, 10]), st.floats(0, 1),
    st.floats(0.3, 0.95), st.floats(0, 40),
)  # fmt: skip
def test_a_storm_holds_the_depth_exactly_whatever_the_step(years, minutes, step, ratio, n, b):
    one = formula(n=n, b=b)
    got = chicago_storm(one, years=years, minutes=minutes, step_min=step, peak_ratio=ratio)
    assert len(got) == minutes / step
    assert (got >= -1e-12).all()
    # a sum of at most 180 numbers below 1e4
    assert got.sum() == pytest.approx(storm_depth(one, years=years, minutes=minutes), rel=1e-10)


def test_windows_about_the_peak_hold_the_depth_of_their_length():
    got = chicago_storm(formula(), years=5, minutes=120, step_min=1, peak_ratio=0.4)
    peak = 48
    for t in (5, 10, 20, 60, 100):
        window = got[peak - round(0.4 * t) : peak + round(0.6 * t)]
        assert window.sum() == pytest.approx(storm_depth(formula(), years=5, minutes=t), rel=1e-9)


def test_intensities_sampled_at_points_would_miss_the_depth():
    # the trap: the same storm by point intensities at the ends of 5-minute steps
    one, total = formula(), storm_depth(formula(), years=5, minutes=120)
    got = chicago_storm(one, years=5, minutes=120, step_min=5, peak_ratio=0.4)
    fine = chicago_storm(one, years=5, minutes=120, step_min=0.1, peak_ratio=0.4)
    sampled = fine.reshape(-1, 50)[:, -1] / 0.1 * 5
    assert abs(sampled.sum() / total - 1) > 0.005
    assert got.sum() == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(fine.reshape(-1, 50).sum(axis=1), got, rtol=1e-9)


def test_the_return_period_of_an_amount_is_the_inverse():
    mm = storm_depth(formula(), years=20, minutes=60)
    assert storm_years(formula(), mm=mm, minutes=60) == pytest.approx(20, rel=1e-9)
    assert np.isnan(storm_years(formula(), mm=500, minutes=60))
    assert np.isnan(storm_years(formula(), mm=0.1, minutes=60))
    assert np.isnan(storm_years(formula(), mm=-1, minutes=60))


@pytest.mark.parametrize(("years", "minutes"), [(0.5, 60), (200, 60), (10, 4), (10, 2000), (np.nan, 60), (10, np.nan)])
def test_outside_the_document_is_refused(years, minutes):
    with pytest.raises(DataError, match="outside the formula"):
        storm_intensity(formula(), years=years, minutes=minutes)
    with pytest.raises(DataError):
        chicago_storm(formula(), years=years, minutes=minutes, step_min=5, peak_ratio=0.4)


@pytest.mark.parametrize(
    "other",
    [{"a": 0.0}, {"c": -1.0}, {"n": np.nan}, {"b": np.inf}, {"valid_minutes": (60, 5)}, {"valid_years": (0, 10)},
     {"n": 1.2, "b": 1.0}],
)  # fmt: skip
def test_constants_that_make_no_formula_are_refused(other):
    with pytest.raises(DataError):
        formula(**other)


def test_a_storm_needs_whole_steps_and_a_peak_inside():
    for step, ratio in ((7, 0.4), (0, 0.4), (5, 1.1), (5, np.nan)):
        with pytest.raises(DataError, match="cannot be made"):
            chicago_storm(formula(), years=5, minutes=120, step_min=step, peak_ratio=ratio)


def test_the_configuration_gives_the_formula_with_its_document():
    idf = StormFormula(city="Nowhere", edition="1900", document="none", **MADE_UP)
    assert idf.formula == formula()
    assert "Nowhere, 1900, none" in idf.formula.card().citation


@pytest.mark.slow
def test_the_step_writes_the_table_and_a_storm(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "name: x\noutput: out\ninputs:\n  dem: d.tif\n  rainfall:\n    idf: {city: Nowhere, edition: '1900', "
        "document: none, a: 10, c: 0.8, b: 12, n: 0.7, valid_minutes: [5, 180], valid_years: [2, 50], "
        "peak_ratio: 0.4}\n", encoding="utf-8",
    )  # fmt: skip
    plan = Plan(load_config(tmp_path / "config.yaml"))
    rain_analysis(plan)
    run_steps(plan, "rainfall.storm")
    lines = (plan.out / "lists" / "storm_intensity.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "years,minutes,l_s_ha,mm_h,depth_mm"
    assert len(lines) == 1 + 7 * 10  # 2 to 50 years, 5 to 180 minutes: nothing outside
    facts = read_json(plan.facts("rainfall_storm"))
    assert "Nowhere" in facts["notes"][0]["text_zh"]
    assert "<svg" in facts["figures"][0]["svg"]
