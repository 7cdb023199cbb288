"""Green-Ampt infiltration against the worked examples of Chow, Maidment & Mays, its own equation, and physics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from geo_risk.kernels.green_ampt import green_ampt_excess_mm

SILT_LOAM = {"conductivity_mm_h": 6.5, "suction_mm": 167.0, "deficit": 0.7 * 0.486}
"""Chow, Maidment & Mays (1988), table 4.3.1, at an effective saturation of 30 % as in their examples."""


def infiltrated(rain: np.ndarray, **soil: float) -> float:
    return float((rain - green_ampt_excess_mm(rain, **soil)).sum())


def test_matches_example_4_3_1_of_chow() -> None:
    # water stands from the start: an hour of very hard rain; the book gives 3.17 cm in three digits
    assert infiltrated(np.array([1e6]), step_h=1.0, **SILT_LOAM) == pytest.approx(31.7, abs=0.1)


def test_matches_examples_4_4_1_and_4_4_2_of_chow() -> None:
    # 5 cm/h: it ponds after 0.17 h, and in the first hour 3.02 cm infiltrate
    assert infiltrated(np.array([50.0]), step_h=1.0, **SILT_LOAM) == pytest.approx(30.2, abs=0.1)
    at_10_min = green_ampt_excess_mm(np.full(12, 50.0 / 12), step_h=1 / 12, **SILT_LOAM)
    assert (at_10_min[:2] == 0).all()
    assert (at_10_min[2:] > 0).all()
    # 1 cm/h ponds after 10.5 h only
    slow = green_ampt_excess_mm(np.full(12, 10.0), step_h=1.0, **SILT_LOAM)
    assert (slow[:10] == 0).all()
    assert (slow[10:] > 0).all()


def test_ponded_infiltration_solves_its_equation_by_lambert_w() -> None:
    hours, k, store = 3.7, 3.4, 88.9 * 0.3
    got = infiltrated(np.array([1e7]), step_h=hours, conductivity_mm_h=k, suction_mm=88.9, deficit=0.3)
    exact = -store * (1 + lambertw(-np.exp(-1 - k * hours / store), -1).real)
    # rain of 1e7 mm leaves nine digits of the difference
    assert got == pytest.approx(exact, abs=1e-8)


@pytest.mark.slow
def test_matches_the_rate_equation_integrated_through_a_changing_storm() -> None:
    rain = np.array([4.0, 30.0, 2.0, 0.0, 45.0, 12.0])
    k, store = SILT_LOAM["conductivity_mm_h"], SILT_LOAM["suction_mm"] * SILT_LOAM["deficit"]

    def rate(hour: float, into: list[float]) -> list[float]:
        fall = rain[min(int(hour), len(rain) - 1)]
        return [min(fall, k * (1 + store / max(into[0], 1e-9)))]

    sums = [0.0]
    for hour in range(len(rain)):  # hour by hour, so that no step crosses a jump of the rain
        run = solve_ivp(rate, (hour, hour + 1 - 1e-12), [sums[-1]], rtol=1e-9, atol=1e-9, max_step=1e-3)
        sums.append(float(run.y[0, -1]))
    own = np.cumsum(rain - green_ampt_excess_mm(rain, step_h=1.0, **SILT_LOAM))
    # the solver meets the kink at ponding within its step
    assert own == pytest.approx(np.array(sums[1:]), abs=1e-4)


soil = st.fixed_dictionaries(
    {"conductivity_mm_h": st.floats(0, 120), "suction_mm": st.floats(0, 400), "deficit": st.floats(0, 1)}
)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=8), soil, st.floats(0.05, 3))
def test_excess_is_bounded_and_more_of_it_comes_from_wetter_or_tighter_soil(
    rain: list[float], ground: dict[str, float], step_h: float
) -> None:
    fallen = np.array(rain)
    excess = green_ampt_excess_mm(fallen, step_h=step_h, **ground)
    assert ((excess >= 0) & (excess <= fallen)).all()
    wetter = ground | {"deficit": ground["deficit"] / 2}
    tighter = ground | {"conductivity_mm_h": ground["conductivity_mm_h"] / 2}
    for other in (wetter, tighter):
        # sums, for a soil that ponds earlier has less room in a later hour
        assert green_ampt_excess_mm(fallen, step_h=step_h, **other).sum() >= excess.sum() - 1e-9 * (1 + fallen.sum())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), soil)
def test_halving_the_steps_of_steady_hours_changes_nothing(rain: list[float], ground: dict[str, float]) -> None:
    fallen = np.array(rain)
    whole = green_ampt_excess_mm(fallen, step_h=1.0, **ground)
    halves = green_ampt_excess_mm(np.repeat(fallen / 2, 2), step_h=0.5, **ground).reshape(-1, 2).sum(axis=1)
    assert halves == pytest.approx(whole, abs=1e-7)


def test_gaps_and_impossible_soils_are_missing() -> None:
    rain = np.array([[5.0, 5.0], [np.nan, 5.0], [5.0, 5.0]])
    out = green_ampt_excess_mm(rain, 1.0, 100.0, 0.3, step_h=1.0)
    assert np.isnan(out[1:, 0]).all()
    assert np.isfinite(out[:, 1]).all()
    assert np.isfinite(out[0, 0])
    for bad in ((-1.0, 100.0, 0.3), (1.0, np.nan, 0.3), (1.0, 100.0, 1.2), (np.inf, 100.0, 0.3)):
        assert np.isnan(green_ampt_excess_mm(np.ones((2, 1)), *bad, step_h=1.0)).all()
    for step in (0.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="step_h"):
            green_ampt_excess_mm(np.ones(2), 1.0, 100.0, 0.3, step_h=step)
