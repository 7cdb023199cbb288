"""Noise that is stronger in one place than in another is seen and simulated so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geo_risk.hazards.deformation.areas.noise import fit_noise, robust_sigma
from geo_risk.hazards.deformation.areas.stable import local_scale, moving_cells

N = 120


def rough_map(seed: int, *, factor: float, white: float = 0.5) -> np.ndarray:
    """White and smooth noise, both `factor` times as strong in the right half."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(N, N)), 2.5)
    values = 0.5 * smooth / smooth.std() + white * rng.normal(size=(N, N))
    values[:, N // 2 :] *= factor
    return values.astype(np.float32)


def halves(values: np.ndarray) -> tuple[float, float]:
    """Root mean squares well inside the left and the right half."""
    return tuple(float(np.sqrt(np.mean(v**2))) for v in (values[:, 10:45], values[:, 75:110]))


def test_both_parts_of_the_noise_follow_the_place():
    values = rough_map(1, factor=2.0)
    model = fit_noise(values, np.ones(values.shape, bool))
    left, right = halves(model.white)
    assert left == pytest.approx(0.5, rel=0.15)
    assert right / left == pytest.approx(2.0, rel=0.15)
    left, right = halves(model.gain)
    assert right / left == pytest.approx(2.0, rel=0.2)
    field = np.stack([model.simulate(np.random.default_rng(k)) for k in range(8)])
    got, want = [halves(v)[1] / halves(v)[0] for v in field], halves(values)[1] / halves(values)[0]
    assert np.mean(got) == pytest.approx(want, rel=0.15)


def test_standard_errors_share_out_the_white_part():
    values = rough_map(2, factor=1.0)
    std = np.where((np.arange(N) % 2) == 0, 1.0, 1.6)[None, :] * np.ones((N, 1))
    model = fit_noise(values, np.ones(values.shape, bool), std.astype(np.float32))
    ratio = np.median(model.white[:, 1::2]) / np.median(model.white[:, ::2])
    assert ratio == pytest.approx(np.sqrt(1.6), rel=0.02)


def test_rough_ground_is_not_taken_for_motion_but_a_bowl_in_it_is():
    values = rough_map(3, factor=2.5)
    assert moving_cells(values, (5.0, 20.0)).mean() < 0.01
    values[50:58, 90:98] -= 25
    mask = moving_cells(values, (5.0, 20.0))
    assert mask[50:58, 90:98].all()
    assert mask.mean() < 0.05


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 50), st.integers(0, 5))
def test_roughness_has_no_unit_and_stays_within_bounds(unit, seed):
    values = rough_map(seed, factor=2.0)
    scale = local_scale(values)
    np.testing.assert_allclose(local_scale(values * np.float32(unit)), scale, rtol=2e-3)
    assert scale.min() >= 0.5
    assert scale.max() <= 3.0


def test_a_map_without_noise_or_data_has_no_roughness():
    assert (local_scale(np.zeros((20, 20), np.float32)) == 1).all()
    assert (local_scale(np.full((20, 20), np.nan, np.float32)) == 1).all()
    assert np.isnan(robust_sigma(np.full(3, np.nan)))
    with pytest.raises(ValueError, match="stable cells"):
        fit_noise(np.zeros((20, 20), np.float32), np.zeros((20, 20), bool))
