"""Infinite slope, critical rain and pore pressure against other forms of the same physics, and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import erfc

from geo_risk.kernels.infinite_slope import (
    COLUMNS,
    critical_rain,
    factor_of_safety,
    failing_share,
    failing_share_storm,
    hypercube,
    steady_wetness,
    storm_wetness,
)
from geo_risk.kernels.pore_pressure import head_ratio, pressure_head_m, response

WATER = 9.80665


def iverson(slope, *, phi, c, psi, gamma, z):
    """Iverson (2000): the friction term less the pressure, and cohesion, over the weight along the slope."""
    a = math.radians(slope)
    pressed = (c - psi * WATER * math.tan(phi)) / (gamma * z * math.sin(a) * math.cos(a))
    return math.tan(phi) / math.tan(a) + pressed


def sinmap(slope, *, phi, c, wet, gamma, z):
    """Pack et al. (1998): C over the thickness normal to the slope."""
    a = math.radians(slope)
    ratio = c / (gamma * z * math.cos(a))
    return (ratio + math.cos(a) * (1 - wet * WATER / gamma) * math.tan(phi)) / math.sin(a)


def balance(slope, *, phi, c, wet, gamma, z):
    """Forces on a column one metre wide along the slope: strength over the pull, with nothing cancelled."""
    a = math.radians(slope)
    weight = gamma * z * math.cos(a)  # of a column whose base is 1 m2 of the slip surface
    pressure = WATER * wet * z * math.cos(a) ** 2
    return (c + (weight * math.cos(a) - pressure) * math.tan(phi)) / (weight * math.sin(a))


@pytest.mark.parametrize("slope", [3.0, 18.0, 33.0, 45.0, 70.0])
@pytest.mark.parametrize("wet", [0.0, 0.4, 1.0])
def test_three_forms_of_the_factor_of_safety_are_one(slope, wet):
    phi, c, gamma, z = math.radians(28), 4.0, 17.0, 2.0
    psi = wet * z * math.cos(math.radians(slope)) ** 2
    got = factor_of_safety(
        slope, wet, tan_friction=math.tan(phi), cohesion_ratio=c / (gamma * z), water_ratio=WATER / gamma
    )
    want = [
        iverson(slope, phi=phi, c=c, psi=psi, gamma=gamma, z=z),
        sinmap(slope, phi=phi, c=c, wet=wet, gamma=gamma, z=z),
        balance(slope, phi=phi, c=c, wet=wet, gamma=gamma, z=z),
    ]
    # rounding of some ten operations in double precision
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_dry_and_saturated_sand_have_the_textbook_values():
    tan_phi, r = math.tan(math.radians(35)), WATER / 19.6133
    assert factor_of_safety(35.0, 0.0, tan_friction=tan_phi, cohesion_ratio=0, water_ratio=r) == pytest.approx(1.0)
    # water at half the unit weight of the soil: saturated, half of the friction is left
    got = factor_of_safety(20.0, 1.0, tan_friction=tan_phi, cohesion_ratio=0, water_ratio=r)
    assert got == pytest.approx(0.5 * tan_phi / math.tan(math.radians(20)))
    assert np.isinf(factor_of_safety(0.0, 1.0, tan_friction=tan_phi, cohesion_ratio=0, water_ratio=r))


@pytest.mark.parametrize("c", [0.0, 0.05])
@pytest.mark.parametrize("slope", [24.0, 30.0])
def test_at_the_critical_rain_the_factor_of_safety_is_one(slope, c):
    tan_phi, r, area, t = math.tan(math.radians(32)), 0.55, 40.0, 12.0
    soil = {"tan_friction": tan_phi, "cohesion_ratio": c, "water_ratio": r}
    rain = critical_rain(slope, area, transmissivity=t, **soil)
    a = math.radians(slope)
    ratio = c / math.cos(a)
    # METHODS.md: i = T sin(th) (b/A) (rho_s/rho_w) (1 - (1 - C/sin th) tan th / tan phi)
    want = t * math.sin(a) / area / r * (1 - (1 - ratio / math.sin(a)) * math.tan(a) / tan_phi)
    saturated = factor_of_safety(slope, 1.0, **soil)
    if saturated >= 1:
        assert np.isinf(rain)
        return
    assert rain == pytest.approx(want, rel=1e-12)
    wet = steady_wetness(slope, area, wetness_per_m=rain / t)
    assert factor_of_safety(slope, wet, **soil) == pytest.approx(1.0, rel=1e-12)


def test_slopes_that_fail_dry_need_no_rain_and_those_that_stand_wet_never_fail():
    soil = {"tan_friction": math.tan(math.radians(30)), "cohesion_ratio": 0.0, "water_ratio": 0.5}
    rain = critical_rain(np.array([31.0, 10.0, np.nan, 20.0]), 30.0, transmissivity=5.0, **soil)
    assert rain[0] == 0
    assert np.isinf(rain[1])
    assert np.isnan(rain[2])
    assert 0 < rain[3] < np.inf


def test_the_response_is_that_of_the_paper():
    t = np.array([0.01, 0.1, 1.0, 10.0, 1000.0])
    want = np.sqrt(t / np.pi) * np.exp(-1 / t) - erfc(1 / np.sqrt(t))
    # both subtract nearly equal numbers: a few units of the last place of the larger one
    np.testing.assert_allclose([response(v) for v in t], want, atol=1e-14)
    assert response(0.0) == response(-1.0) == 0.0


def by_differences(rain, edges, at_s, *, z, k, d, depth=12.0, n=3000):
    """Head over the initial one at depth z: d2/dz2 with a flux at the surface, implicit, deep bottom held."""
    from scipy.linalg import solve_banded

    h, steps = depth / n, 4000
    dt = at_s / steps
    lam = d * dt / h**2
    bands = np.zeros((3, n + 1))
    bands[0, 1:], bands[2, :-1], bands[1] = -lam, -lam, 1 + 2 * lam
    bands[0, 1] = -2 * lam
    bands[1, -1], bands[2, -2] = 1.0, 0.0
    head = np.zeros(n + 1)
    for i in range(1, steps + 1):
        t = (i - 0.5) * dt
        now = rain[np.searchsorted(edges, t, side="right") - 1] if t < edges[-1] else 0.0
        right = head.copy()
        right[0] += 2 * lam * h * min(now / k, 1.0)
        right[-1] = 0.0
        head = solve_banded((1, 1), bands, right)
    return float(np.interp(z, np.arange(n + 1) * h, head))


@pytest.mark.parametrize("at_h", [2.0, *(pytest.param(t, marks=pytest.mark.slow) for t in (5.0, 20.0))])
def test_pressure_below_changing_rain_is_that_of_finite_differences(at_h):
    rain, edges = np.array([4e-6, 0.0, 9e-6, 1e-6]), np.arange(5) * 3600.0
    z, k, d0, slope = 1.5, 8e-6, 3e-5, 30.0
    cos2 = math.cos(math.radians(slope)) ** 2
    got = pressure_head_m(at_h * 3600, slope_deg=slope, depth_m=z, conductivity_m_s=k, diffusivity_m2_s=d0,
                          water_depth_share=1.0, rain_m_s=rain, edges_s=edges)[0]  # fmt: skip
    # R(t*) with t* = 4 D0 cos2 t / Z2 is the heat flow into a half space of diffusivity D0 cos2 (Carslaw & Jaeger 1959)
    want = by_differences(rain, edges, at_h * 3600, z=z, k=k, d=d0 * cos2)
    assert 0 < want < z * cos2
    # second order in space (4 mm), first in time (1/4000 of the span), jumps of the rain cut by steps
    assert got == pytest.approx(want, abs=2e-3 * z)


def test_pressure_stays_below_the_beta_line_and_begins_at_the_water_table():
    given = {"slope_deg": 25.0, "depth_m": 2.0, "conductivity_m_s": 1e-6, "diffusivity_m2_s": 1e-3,
             "rain_m_s": [1e-4], "edges_s": [0.0, 1e6]}  # fmt: skip
    beta = math.cos(math.radians(25)) ** 2
    head = pressure_head_m([0.0, 1e6], water_depth_share=0.25, **given)
    np.testing.assert_allclose(head, [0.75 * 2 * beta, 2 * beta], rtol=1e-12)
    assert pressure_head_m(0.0, water_depth_share=1.5, **given)[0] == pytest.approx(-0.5 * 2 * beta)


def table(n=400, **ranges):
    """A table of one material with even draws over the ranges; single numbers are fixed."""
    unit = hypercube(n, len(COLUMNS), 3)
    fixed = {"tan_friction": 0.6, "cohesion_ratio": 0.1, "water_ratio": 0.55, "wetness_per_m": 0.001, "depth_m": 1.5,
             "conductivity_m_s": 1e-6, "diffusivity_m2_s": 1e-5, "water_depth_share": 1.0,
             "transmissivity_m2_d": 10.0} | ranges  # fmt: skip
    pairs = [fixed[c] if isinstance(fixed[c], tuple) else (fixed[c], fixed[c]) for c in COLUMNS]
    low, high = np.array(pairs).T
    return (low + (high - low) * unit)[None]


def one(value):
    return np.array([[value]], dtype=np.float64)


@pytest.mark.parametrize("slope", [30.0, 33.0, 37.0])
def test_with_one_range_the_probability_is_that_of_the_uniform_distribution(slope):
    n, low, high = 400, 0.0, 0.3
    draws = table(n, cohesion_ratio=(low, high))
    a = math.radians(slope)
    wet = min(1.0, 0.001 * 80 / math.sin(a))
    needed = math.sin(a) * math.cos(a) - 0.6 * (1 - 0.55 * wet) * math.cos(a) ** 2
    want = min(max((needed - low) / (high - low), 0), 1)
    got = failing_share(one(slope), one(80.0), one(1.0), draws)[0, 0]
    assert 0 < want < 1
    # each stratum is drawn once in its middle: half a stratum off at most, and float32
    assert got == pytest.approx(want, abs=0.5 / n + 1e-6)


def test_the_limits_are_exact_and_the_draws_are_the_same_everywhere():
    draws = table(tan_friction=(0.5, 0.7), cohesion_ratio=(0.02, 0.2), wetness_per_m=(1e-4, 1e-2))
    slope = np.array([[0.0, 5.0, 30.0, 30.0, 60.0]])
    got = failing_share(slope, np.full(slope.shape, 50.0), np.ones(slope.shape), draws)
    assert got[0, 0] == got[0, 1] == 0.0
    assert got[0, 4] == 1.0
    assert 0 < got[0, 2] < 1
    assert got[0, 2] == got[0, 3]


def test_the_table_of_a_storm_changes_the_factor_of_safety_by_less_than_a_thousandth():
    draws = table(60, depth_m=(0.5, 4.0), conductivity_m_s=(5e-7, 2e-5), diffusivity_m2_s=(2e-6, 2e-4),
                  water_depth_share=(0.6, 1.2))  # fmt: skip
    storm = (np.array([3e-6, 8e-6, 1e-6]), np.arange(4) * 7200.0, np.array([21600.0, 60000.0, 200000.0]))
    nodes = storm_wetness(draws, storm)[0]
    worst = 0.0
    for slope in (7.11, 20.13, 31.37, 44.62, 58.9):
        c2 = math.cos(math.radians(slope)) ** 2
        i, part = int(slope / 0.25), slope / 0.25 % 1
        for k, d in enumerate(draws[0]):
            true = max(0.0, *(head_ratio(t, c2, d[4], d[5], d[6], d[7], storm[0], storm[1]) for t in storm[2]))
            m = nodes[i, k] + part * (nodes[i + 1, k] - nodes[i, k])
            soil = {"tan_friction": d[0], "cohesion_ratio": d[1], "water_ratio": d[2]}
            worst = max(worst, abs(float(factor_of_safety(slope, m, **soil) - factor_of_safety(slope, true, **soil))))
    assert worst < 1e-3
    assert (nodes > 0.3).any()


def test_a_storm_fails_what_the_highest_pressure_fails():
    draws = table(1)
    storm = (np.array([1e-6]), np.array([0.0, 40000.0]), np.array([40000.0, 80000.0]))
    nodes = storm_wetness(draws, storm)
    slope = np.arange(1, 80, 0.5)
    d = draws[0, 0]
    got = failing_share_storm(slope[None], np.ones((1, slope.size)), draws, nodes)[0]
    heads = [max(head_ratio(t, math.cos(math.radians(s)) ** 2, d[4], d[5], d[6], d[7], storm[0], storm[1])
                 for t in storm[2]) for s in slope]  # fmt: skip
    safe = factor_of_safety(slope, heads, tan_friction=d[0], cohesion_ratio=d[1], water_ratio=d[2])
    np.testing.assert_array_equal(got, (safe < 1).astype(np.float32))
    assert 0 < got.sum() < slope.size
