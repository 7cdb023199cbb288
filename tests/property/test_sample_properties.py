"""What holds for every ground, seed, size and look direction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import ConfigError
from geo_risk.kernels.stream_power import cap_slope, drainage, upslope_area
from geo_risk.sample.fractal import power_law_field, smooth_step
from geo_risk.sample.ground import county_grid, make_ground
from geo_risk.sample.look import TRACKS, insar_grid, is_hidden, los_vector
from geo_risk.sample.mover import Panel, TimeLaw, ellipse_share
from geo_risk.sample.relief import make_relief
from geo_risk.sample.streams import count, stream

seeds = st.integers(0, 10_000)


def _surface(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(4, 16, 2))
    return np.round(rng.uniform(0, 20, shape), 1), rng


def _filled_by_relaxation(z, base, step):
    """Lowest surface above z that falls by `step` a cell towards base level, by brute force."""
    out = np.where(base, z, np.inf)
    changed = True
    while changed:
        padded = np.pad(out, 1, constant_values=np.inf)
        around = np.min([padded[1 + a : 1 + a + z.shape[0], 1 + b : 1 + b + z.shape[1]]
                         for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b], axis=0)  # fmt: skip
        new = np.where(base, z, np.maximum(z, around + step))
        changed = not np.array_equal(new, out)
        out = new
    return out


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_drainage_fills_as_brute_force_and_leads_everything_to_base_level(seed):
    z, rng = _surface(seed)
    base = rng.random(z.shape) < 0.1
    base[0, 0] = True
    filled, receiver, order = drainage(z, base, 0.01)
    np.testing.assert_allclose(filled, _filled_by_relaxation(z, base, 0.01), atol=1e-9)
    assert sorted(order.tolist()) == list(range(z.size))
    rank = np.empty(z.size, int)
    rank[order] = np.arange(z.size)
    flat = receiver.ravel()
    inner = ~base.ravel()
    assert (rank[flat[inner]] < rank[np.flatnonzero(inner)]).all()
    assert (filled.ravel()[flat[inner]] < filled.ravel()[inner]).all()
    area = upslope_area(receiver, order, 2.0)
    assert area.ravel()[base.ravel()].sum() == pytest.approx(2.0 * z.size)


@given(seeds, st.floats(0.1, 2.0))
@settings(max_examples=30, deadline=None)
def test_capped_slopes_are_bearable_and_nothing_is_laid_down(seed, steepest):
    z, _ = _surface(seed)
    out = cap_slope(z, np.full(z.shape, steepest), 10.0, 30)
    assert (out <= z).all()
    assert np.abs(np.diff(out, axis=0)).max() <= steepest * 10 + 1e-9
    assert np.abs(np.diff(out, axis=1)).max() <= steepest * 10 + 1e-9
    assert out.min() == z.min()


@given(st.floats(0, 80), st.sampled_from(TRACKS))
def test_look_vectors_have_unit_length_and_point_up(incidence, track):
    vector = np.stack(los_vector(np.array([incidence]), track))
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert vector[2, 0] > 0


@given(st.sampled_from(TRACKS), st.floats(-0.6, 0.6))
def test_gentle_planes_are_never_hidden_and_walls_towards_the_satellite_are(track, tilt):
    grid = insar_grid(county_grid(120), 60)
    x = np.arange(grid.shape[1]) * 60.0
    plane = np.tile(tilt * x, (grid.shape[0], 1))
    assert not is_hidden(plane, grid, track).any()
    # the ground rises away from a satellite in the west when it is ascending, in the east when descending
    wall = np.tile(1.6 * x * (1 if track.name == "asc" else -1), (grid.shape[0], 1))
    assert is_hidden(wall, grid, track).all()
    assert is_hidden(-1.6 * wall, grid, track).all()


@given(st.floats(50, 500), st.floats(50, 500), st.floats(0, 3), seeds)
@settings(max_examples=40, deadline=None)
def test_subsidence_is_bounded_and_grows_with_the_face(depth, width, years, seed):
    rng = np.random.default_rng(seed)
    panel = Panel(x=0, y=0, azimuth_deg=0, depth_m=depth, thickness_m=2, width_m=width, start_m=100, advance_m_yr=60)
    along, across = rng.uniform(-600, 800, (2, 50))
    before, *_ = panel.subsidence(along, across, years)
    after, ahead, aside = panel.subsidence(along, across, years + 0.3)
    full = 2 * 0.6
    assert (before >= -1e-12).all()
    assert (after <= full + 1e-12).all()
    assert (after >= before - 1e-12).all()
    assert max(np.abs(ahead).max(), np.abs(aside).max()) <= 0.31 * full + 1e-12


@given(st.floats(0, 1.9), st.floats(0, 1), st.floats(0, 1))
def test_displacement_is_zero_at_the_first_date_and_rises_without_a_wave(years, phase, annual):
    assert TimeLaw(annual=annual, phase_yr=phase)(0.0) == 0
    assert TimeLaw(failure_yr=2.1)(years) >= 0
    assert TimeLaw(rate_per_yr=2.0)(years) == pytest.approx(2 * years)


@given(seeds, st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_streams_repeat_and_differ_by_name(seed, a, b):
    one, two = stream(seed, a).integers(0, 2**60), stream(seed, a).integers(0, 2**60)
    assert one == two
    if a != b:
        assert stream(seed, b).integers(0, 2**60) != one


@given(st.integers(120, 20_000), st.integers(1, 500))
def test_counts_grow_with_the_area(size, number):
    assert count(number, 500) == number
    assert count(number, size) >= 1
    assert count(number, size + 100) >= count(number, size)


@given(seeds, st.floats(1, 4))
@settings(max_examples=15, deadline=None)
def test_fields_are_standardised(seed, slope):
    field = power_law_field((33, 48), np.random.default_rng(seed), slope=slope)
    assert field.shape == (33, 48)
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-5)


@given(st.floats(-5, 5), st.floats(0.1, 3))
def test_smooth_step_stays_between_zero_and_one(value, width):
    out = float(smooth_step(np.array(value), 0.0, width))
    assert 0 <= out <= 1
    assert out == (0 if value <= 0 else 1 if value >= width else out)


@given(st.floats(0, 360), st.floats(100, 300), st.floats(0.2, 1.0))
def test_ellipses_are_one_in_the_middle_and_nothing_outside(azimuth, half, soft):
    x, y = (
        np.array([0.0, 1.01 * half * np.sin(np.radians(azimuth))]),
        np.array([0.0, 1.01 * half * np.cos(np.radians(azimuth))]),
    )
    share = ellipse_share(x, y, middle=(0, 0), azimuth_deg=azimuth, half_m=(half, half / 2), soft=soft)
    assert share.tolist() == [1, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "seed"), [(120, 1), (137, 2), (200, 9)])
def test_grounds_of_any_size_drain_and_hold_their_town(size, seed):
    ground = make_ground(size, seed)
    dem = ground.dem_true
    assert dem.shape == (size, size)
    assert 700 <= dem.min() <= dem.max() <= 1600
    assert np.isfinite(dem).all()
    for codes, top in ((ground.lithology, 4), (ground.soil, 4), (ground.landcover, 5)):
        assert set(np.unique(codes)) <= set(range(1, top + 1))
    left, bottom, right, top_y = ground.grid.bounds
    a, b, c, d = ground.town.grid.bounds
    assert (left <= a, bottom <= b, c <= right, d <= top_y) == (True, True, True, True)
    base = ground.river_distance_m < 15
    base[[0, -1], :] = base[:, [0, -1]] = True
    filled, _, _ = drainage(dem.astype(np.float64), base, 1e-6)
    # float32 rounding of the true ground leaves pits of a tenth of a millimetre
    assert (filled - dem).max() < 2e-3


@pytest.mark.parametrize("size", [0, 119, 30_000, float("nan")])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ConfigError, match="cells a side"):
        make_ground(size, 7)


@pytest.mark.parametrize("seed", [-1, float("nan")])
def test_impossible_seeds_are_refused(seed):
    with pytest.raises(ConfigError, match="seed"):
        stream(seed, "x")


@pytest.mark.parametrize("resolution", [20, 45, 300, float("nan")])
def test_impossible_insar_cells_are_refused(resolution):
    with pytest.raises(ConfigError, match="InSAR cell"):
        insar_grid(county_grid(120), resolution)


@pytest.mark.slow
def test_parts_of_the_relief_do_not_shift_one_another():
    assert np.array_equal(make_relief(120, 4).elevation_m, make_relief(120, 4).elevation_m)
    assert not np.array_equal(make_relief(120, 4).elevation_m, make_relief(120, 5).elevation_m)
