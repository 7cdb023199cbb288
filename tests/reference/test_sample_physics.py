"""The county's physics against formulas and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.kernels.stream_power import drainage, incise, upslope_area
from geo_risk.sample.coherence import Coherence, decorrelation_m
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.look import ASCENDING, DESCENDING, TRACKS, los_vector
from geo_risk.sample.mover import Panel, TimeLaw


def test_full_subsidence_over_a_wide_panel_is_thickness_times_q():
    panel = Panel(x=0, y=0, azimuth_deg=0, depth_m=190, thickness_m=3, width_m=2000, start_m=2000, advance_m_yr=0)
    down, ahead, aside = panel.subsidence(np.array([1000.0]), np.array([0.0]), 0.0)
    assert down[0] == pytest.approx(3 * 0.6, rel=1e-9)
    assert abs(ahead[0]) < 1e-9
    assert abs(aside[0]) < 1e-9


def test_over_the_edge_of_a_wide_panel_half_the_subsidence_and_b_times_it_sideways():
    """Probability integral method: W = W0/2 and U = b W0 over the edge, towards the mined ground."""
    panel = Panel(x=0, y=0, azimuth_deg=0, depth_m=190, thickness_m=3, width_m=2000, start_m=2000, advance_m_yr=0)
    down, ahead, _ = panel.subsidence(np.array([0.0, 2000.0]), np.zeros(2), 0.0)
    assert down == pytest.approx([0.9, 0.9], rel=1e-9)
    assert ahead == pytest.approx([0.31 * 1.8, -0.31 * 1.8], rel=1e-9)


def test_influence_radius_is_depth_over_tan_beta():
    panel = Panel(x=0, y=0, azimuth_deg=0, depth_m=380, thickness_m=3, width_m=100, start_m=100, advance_m_yr=50)
    assert panel.radius_m == pytest.approx(200)
    assert panel.length_m(2.0) == pytest.approx(200)
    # at one radius outside the edge of a wide panel the influence function has 0.6 % of W0 left
    wide = Panel(x=0, y=0, azimuth_deg=0, depth_m=380, thickness_m=1, width_m=4000, start_m=4000, advance_m_yr=0)
    down, _, _ = wide.subsidence(np.array([-200.0]), np.zeros(1), 0.0)
    assert down[0] / 0.6 == pytest.approx(0.00610, abs=5e-5)


def test_creep_to_failure_has_inverse_velocity_linear_in_time():
    law = TimeLaw(failure_yr=2.2)
    dates = np.arange(60) * 12 / 365.25
    assert np.polyfit(dates, [law(x) for x in dates], 1)[0] == pytest.approx(1.0, rel=1e-9)
    t = np.linspace(0, 1.9, 400)
    d = np.array([law(x) for x in t])
    inverse = 1 / np.gradient(d, t)[1:-1]
    slope, start = np.polyfit(t[1:-1], inverse, 1)
    assert np.abs(inverse - (slope * t[1:-1] + start)).max() < 1e-3
    assert -start / slope == pytest.approx(2.2, abs=2e-3)


def test_line_of_sight_follows_the_stated_convention():
    """MintPy's azimuth is 90 - heading: 103 deg ascending, -103 deg descending; both satellites look to the right."""
    assert ASCENDING.azimuth_deg == pytest.approx(103)
    assert DESCENDING.azimuth_deg == pytest.approx(-103)
    east, north, up = los_vector(np.array([39.0]), ASCENDING)
    assert east[0] == pytest.approx(-np.sin(np.radians(39)) * np.sin(np.radians(103)))
    assert (east[0] < 0, north[0] < 0, up[0] > 0) == (True, True, True)
    assert los_vector(np.array([39.0]), DESCENDING)[0][0] == pytest.approx(-east[0])
    for track in TRACKS:
        flight = np.radians(track.heading_deg)
        ground_to_satellite = np.array([v[0] for v in los_vector(np.array([38.0]), track)[:2]])
        right_of_flight = np.array([np.cos(flight), -np.sin(flight)])
        assert ground_to_satellite @ right_of_flight == pytest.approx(-np.sin(np.radians(38)))


@pytest.mark.parametrize(("coherence", "millimetres"), [(0.8, 0.5234), (0.5, 1.2088), (0.28, 2.3928)])
def test_decorrelation_noise(coherence, millimetres):
    """55.46576 mm / 4 pi x sqrt((1 - g^2) / (40 g^2)), worked out by hand."""
    assert 1e3 * decorrelation_m(np.array([coherence]))[0] == pytest.approx(millimetres, abs=1e-4)


def test_mean_coherence_is_the_mean_of_the_dates():
    coherence = Coherence(np.array([[0.45, 0.8]]), np.array([[1.0, 0.0]]))
    days = ASCENDING.dates()
    mean = np.mean([coherence.on(day) for day in days], axis=0)
    np.testing.assert_allclose(coherence.mean(days), mean, rtol=1e-12)
    assert coherence.on(days[0])[0].tolist() == pytest.approx([0.25, 0.8])


def test_atmosphere_falls_with_the_eight_thirds_law():
    rng = np.random.default_rng(5)
    power = np.zeros(129)
    for _ in range(6):
        field = power_law_field((256, 256), rng, slope=8 / 3)
        power += (np.abs(np.fft.rfft(field * np.hanning(256)[None, :], axis=1)) ** 2).mean(axis=0)
    wave = np.arange(8, 60)
    slope = np.polyfit(np.log(wave), np.log(power[wave]), 1)[0]
    # six fields leave the fitted exponent uncertain by about 0.1
    assert slope == pytest.approx(-8 / 3, abs=0.25)


def test_incision_reaches_the_steady_profile():
    """At steady state U = K sqrt(A) S (stream power, m = 0.5, n = 1) along a single valley one cell wide."""
    n, spacing, lift, k = 40, 30.0, 2.0, 0.05
    z = np.linspace(0, 40, n)[None, :].copy()
    base = np.zeros((1, n), bool)
    base[0, 0] = True
    uplift = np.full((1, n), lift)
    uplift[0, 0] = 0
    for _ in range(3000):
        filled, receiver, order = drainage(z, base, 1e-4)
        area = upslope_area(receiver, order, spacing**2)
        z = incise(filled, receiver, order, area, np.full((1, n), k), uplift, spacing)
    slope = np.diff(z[0]) / spacing
    np.testing.assert_allclose(slope, lift / (k * np.sqrt(area[0, 1:])), rtol=1e-6)
    assert area[0, 1] == (n - 1) * spacing**2
