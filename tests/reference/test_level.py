"""How far the level of a map may be off: a known covariance, a known tilt, and the errors of simulated scenes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage_volume import one
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.lines.level import SharedNoise, scene_level, shared_noise
from geo_risk.hazards.deformation.lines.vertical import DECOMPOSED, MapNoise, VerticalMap
from geo_risk.hazards.deformation.lines.watch import Subsidence

N, CELL = 60, 60.0
GRID = Grid.from_bounds((0, 0, N * CELL, N * CELL), crs="EPSG:4546", resolution_m=CELL)
ROW, COLUMN = np.indices((N, N))
LAGS = np.arange(30.0)


def vertical(up: np.ndarray, *, stable: np.ndarray | None = None, covariance: np.ndarray | None = None) -> VerticalMap:
    still = np.ones((N, N), bool) if stable is None else stable
    shared = 2 * np.exp(-LAGS / 5) if covariance is None else covariance
    noise = MapNoise(CELL, np.full((N, N), 0.5, np.float32), shared, True, still)
    return VerticalMap(up.astype(np.float32), np.full((N, N), DECOMPOSED, np.int8), noise, GRID)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_a_covariance_of_that_form_is_found_and_a_constant_off_it_changes_nothing(power):
    lag = np.arange(120.0)
    true = SharedNoise(2.0, 8.0, power)
    for lost in (0.0, 0.5):
        got = shared_noise(true.at(lag) - lost)
        # lengths are tried in steps of ten per cent
        assert got.at(lag[:30]) == pytest.approx(true.at(lag[:30]), abs=0.08)


def test_no_noise_has_no_sill():
    assert shared_noise(np.zeros(20)).sill == 0


@pytest.mark.slow
def test_error_of_the_whole_map_against_a_constant_is_the_double_sum():
    # a mean over half of the map against the mean of the other half: var = a'Ca - 2 a'Cb + b'Cb
    stable = COLUMN < N // 2
    level = scene_level(vertical(np.zeros((N, N)), stable=stable), None, atmosphere="none")
    cells = (COLUMN >= 50) & (ROW < 20)
    got, misfit = level.mean_errors(cells)

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        (y0, x0), (y1, x1) = np.nonzero(a), np.nonzero(b)
        return float(level.noise.at(np.hypot(y0[:, None] - y1, x0[:, None] - x1)).mean())

    want = np.sqrt(mean(cells, cells) - 2 * mean(cells, stable) + mean(stable, stable))
    assert got == pytest.approx(want, rel=0.02)  # every so many cells stand for all
    assert misfit == 0


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 40), st.integers(0, 40))
def test_a_tilt_that_still_ground_shows_is_the_misfit_wherever_it_is_asked_for(a, b, c, row, column):
    tilt = a + b * (2 * COLUMN / (N - 1) - 1) + c * (2 * ROW / (N - 1) - 1)
    level = scene_level(vertical(tilt), None, atmosphere="ramp_height")
    cells = np.zeros((N, N), bool)
    cells[row : row + 10, column : column + 10] = True
    fit, misfit = level.mean_errors(cells)
    assert misfit == pytest.approx(tilt[cells].mean(), abs=1e-4)
    assert fit > 0
    assert level.mean_errors(cells[row:, column:], (row, column)) == pytest.approx((fit, misfit))


def test_low_ground_away_from_the_mean_height_is_worse_known_than_ground_at_it():
    height = np.where(ROW < 12, 600.0, 1000.0 + 20 * np.sin(COLUMN / 3))
    stable = ROW >= 12
    level = scene_level(vertical(np.zeros((N, N)), stable=stable), height, atmosphere="height")
    assert level.names == ("one", "height")
    assert level.mean_errors(ROW < 12)[0] > 3 * level.mean_errors(ROW >= 48)[0]


def test_without_stable_ground_or_cells_nothing_is_told():
    none = np.zeros((N, N), bool)
    assert scene_level(vertical(np.zeros((N, N)), stable=none), None, atmosphere="ramp") is None
    level = scene_level(vertical(np.zeros((N, N))), np.full((N, N), np.nan), atmosphere="ramp_height")
    assert level.names == ("one", "x", "y")
    assert np.isnan(level.mean_errors(none)).all()


def test_level_widens_the_error_of_a_volume_and_leaves_the_volume():
    up = np.where((ROW < 20) & (COLUMN < 20), -10.0, 0.5)
    stable = up > 0
    labels, classes = (up < 0).astype(np.int32), np.zeros((N, N), np.int8)
    made = vertical(up, stable=stable)
    plain = Subsidence(labels, classes, {1: "unknown"}, made, 0)
    wider = Subsidence(labels, classes, {1: "unknown"}, made, 0, level=scene_level(made, None, atmosphere="ramp"))
    (volume, std), (same, more) = plain.sinking(up < 0), wider.sinking(up < 0)
    assert same == volume == pytest.approx(400 * 3600 * 0.010)
    # still ground that rises by 0.5 mm/yr is a level half a millimetre off, on 400 cells
    assert more**2 >= std**2 + (400 * 3600 * 0.0005) ** 2 * 0.999


@pytest.mark.slow
def test_stated_error_covers_the_truth_after_the_scene_correction_where_noise_alone_does_not():
    every = np.array([one(seed) for seed in range(1000, 1040)])
    error, own, whole = every[np.isfinite(every[:, 0])].T
    covered = np.abs(error) < 1.96 * whole
    # 95 % of 40 draws are 38 +- 1.4; by noise alone some 26 are covered
    assert covered.mean() >= 0.85
    assert (np.abs(error) < 1.96 * own).mean() < 0.85
    assert np.sqrt(np.mean((error / whole) ** 2)) == pytest.approx(1.0, abs=0.3)
