"""What holds for the stability of any slope."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.kernels.infinite_slope import (
    critical_rain,
    factor_of_safety,
    failing_share,
    hypercube,
    steady_wetness,
)
from geo_risk.kernels.pore_pressure import response
from geo_risk.kernels.shaking import slide_coverage, slide_probability

slopes = st.floats(0, 89.9)
tangents = st.floats(0.05, 1.5)
ratios = st.floats(0, 1)
waters = st.floats(0.3, 0.9)
areas = st.floats(1, 1e5)


@given(slopes, tangents, ratios, waters, st.lists(st.floats(-1, 2), min_size=2, max_size=2))
def test_more_water_never_makes_a_slope_safer(slope, tan_phi, ratio, water, wet):
    soil = {"tan_friction": tan_phi, "cohesion_ratio": ratio, "water_ratio": water}
    dry, moist = (float(factor_of_safety(slope, m, **soil)) for m in sorted(wet))
    assert dry >= moist >= 0


@given(slopes, areas, tangents, ratios, waters)
def test_steady_rain_fails_a_slope_from_the_critical_on(slope, area, tan_phi, ratio, water):
    soil = {"tan_friction": tan_phi, "cohesion_ratio": ratio, "water_ratio": water}
    rain = float(critical_rain(slope, area, transmissivity=5.0, **soil))
    assert rain >= 0
    if 1e-9 < rain < np.inf:
        wet = [steady_wetness(slope, area, wetness_per_m=f * rain / 5.0) for f in (0.99, 1.01)]
        below, above = (float(factor_of_safety(slope, m, **soil)) for m in wet)
        assert below >= 1 - 1e-9
        assert above <= 1 + 1e-9


bad = st.sampled_from([np.nan, -1.0, 90.0, 1e9])


@given(bad, areas)
def test_unknown_or_impossible_slopes_stay_unknown(slope, area):
    draws = np.tile([0.6, 0.1, 0.5, 1e-3, 1.0, 1e-6, 1e-5, 1.0, 10.0], (1, 4, 1))
    at = (np.array([[slope]]), np.array([[area]]), np.array([[1.0]]))
    assert np.isnan(failing_share(*at, draws)).all()
    assert np.isnan(factor_of_safety(slope, 0.5, tan_friction=0.6, cohesion_ratio=0.1, water_ratio=0.5))
    assert np.isnan(steady_wetness(slope, area, wetness_per_m=1e-3))
    soil = {"transmissivity": 1.0, "tan_friction": 0.6, "cohesion_ratio": 0.1, "water_ratio": 0.5}
    assert np.isnan(critical_rain(slope, area, **soil))


@given(st.sampled_from([np.nan, 0.0, 3.0, 1.5, -1.0]), st.sampled_from([np.nan, 0.0, -5.0, np.inf]))
def test_unknown_materials_and_areas_stay_unknown(material, area):
    draws = np.tile([0.6, 0.1, 0.5, 1e-3, 1.0, 1e-6, 1e-5, 1.0, 10.0], (2, 4, 1))
    for a, m in ((50.0, material), (area, 1.0)):
        assert np.isnan(failing_share(np.array([[30.0]]), np.array([[a]]), np.array([[m]]), draws)).all()


@given(st.integers(1, 200), st.integers(0, 2**31))
def test_a_hypercube_visits_every_stratum_once(n, seed):
    cube = hypercube(n, 4, seed)
    np.testing.assert_array_equal(np.sort((cube * n).astype(int), axis=0), np.tile(np.arange(n)[:, None], 4))
    np.testing.assert_array_equal(cube, hypercube(n, 4, seed))


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6))
def test_the_response_rises_with_time_and_is_not_negative(a, b):
    low, high = sorted((a, b))
    # the difference of nearly equal terms is off by some 1e-15 of the larger, which is sqrt(t/pi) or less
    assert -1e-15 <= response(low) <= response(high) + 1e-12 * (1 + high**0.5)


speeds = st.floats(0, 1000)


@settings(max_examples=60)
@given(speeds, speeds, st.floats(0, 90), st.floats(-4, 3), st.floats(-2, 3), st.floats(-5, 30))
def test_stronger_shaking_never_lowers_the_coverage(pgv_a, pgv_b, slope, rock, cover, cti):
    low, high = sorted((pgv_a, pgv_b))
    pgv = np.array([low, high, -1.0, np.nan])
    p = slide_probability(pgv, np.full(4, slope), np.full(4, rock), np.full(4, cover), np.full(4, cti))
    share = slide_coverage(p, np.full(4, slope))
    assert 0 <= p[0] <= p[1] <= 1
    assert 0 <= share[0] <= share[1] < 0.26
    assert np.isnan(share[2:]).all()
    assert (share[:2] == 0).all() == (slope <= 2)
