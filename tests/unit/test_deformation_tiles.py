"""Large maps in tiles: windows, samples, and areas that do not depend on how the map was cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.active import TrackMaps, _restless, active_areas
from geo_risk.hazards.deformation.areas.detect import Channel, Search, label_sizes, search_channel
from geo_risk.hazards.deformation.areas.noise import fit_law
from geo_risk.hazards.deformation.areas.null import Ground, Scales, spread, tail
from geo_risk.hazards.deformation.areas.patch import Patch, PatchIndex
from geo_risk.hazards.deformation.areas.significance import stated_p
from geo_risk.hazards.deformation.areas.stable import local_scale, masked, moving_cells
from geo_risk.hazards.deformation.areas.tiles import TiledMap, grown, sample_windows, stride_of, tiles, whole
from geo_risk.hazards.deformation.params import AreaParams, DeformationParams

N = 260
NARROW = {"scales_m": (0.0, 75.0), "annual_scales_m": (75.0,), "sample_cells": 200, "sample_windows": 3}


def velocity(seed: int, *, bodies: bool = True) -> np.ndarray:
    """Smooth and white noise with gaps; bodies that lie across the seams of tiles of 64, 100 and 130 cells."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(N, N)), 3)
    out = (1.2 * smooth / smooth.std() + rng.normal(0, 0.6, (N, N))).astype(np.float32)
    if bodies:
        out[94:104, 60:70] -= 25
        out[126:133, 180:240] -= 18
        out[20:30, 20:30] += 20
    out[rng.random((N, N)) < 0.1] = np.nan
    out[150:200, :60] = np.nan
    return out


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 9), st.integers(1, 4))
def test_tiles_cover_every_cell_once_and_samples_do_not_depend_on_them(height, width, side, halo, stride):
    values = np.arange(height * width).reshape(height, width)
    back, drawn = np.zeros_like(values), []
    for t in tiles((height, width), side, halo):
        back[t.core] += values[t.window][t.inside] + 1
        assert t.window == grown(t.core, halo, (height, width))
        drawn += t.sampled(values[t.window], stride).ravel().tolist()
    assert (back == values + 1).all()
    assert sorted(drawn) == sorted(values[::stride, ::stride].ravel().tolist())
    assert len(list(tiles((height, width), None, halo))) == 1


@given(st.integers(0, 19), st.integers(1, 20), st.integers(0, 29), st.integers(1, 30), st.integers(1, 31))
def test_a_tiled_map_gives_any_window_of_it(row, height, column, width, side):
    values = np.arange(600, dtype=np.float32).reshape(20, 30)
    asked = []
    tiled = TiledMap(values.shape, lambda b: asked.append(b) or values[b].copy(), side=side)
    box = (slice(row, min(row + height, 20)), slice(column, min(column + width, 30)))
    assert (tiled[box] == values[box]).all()
    assert (whole(tiled, rows=7) == values).all()


def test_a_tile_asked_for_again_is_not_computed_again():
    asked = []
    tiled = TiledMap((20, 20), lambda b: asked.append(b) or np.zeros((10, 10), np.float32), side=10)
    for _ in range(3):
        assert tiled[slice(0, 5), slice(2, 8)].shape == (5, 6)
    assert len(asked) == 1


def test_sample_windows_stand_for_the_known_cells():
    known = np.zeros((400, 1000), bool)
    known[:, 500:] = True
    boxes = sample_windows(known, 100, 4)
    assert len(boxes) == 4
    assert all(known[b].all() for b in boxes)
    assert all(known[b].shape == (100, 100) for b in boxes)
    assert sample_windows(known, 1000, 4) == [(slice(0, 400), slice(0, 1000))]
    assert stride_of((400, 1000)) == 1
    assert stride_of((10_000, 10_000)) == 5


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 130])
def test_stable_ground_roughness_and_spread_do_not_depend_on_the_tiles(side):
    values = velocity(1)
    np.testing.assert_allclose(local_scale(values, tile=side), local_scale(values), rtol=1e-4)
    scales = Scales.of(AreaParams(**NARROW), 60.0, (0.0, 75.0))
    moving = moving_cells(values, scales.grounds)
    assert (moving_cells(values, scales.grounds, tile=side) == moving).all()
    assert moving[126:133, 180:240][np.isfinite(values[126:133, 180:240])].all()
    known, std = np.isfinite(values), np.full(values.shape, 0.4, np.float32)
    made = []
    for tile in (None, side):
        law = fit_law(values, known & ~moving, tile=tile)
        box = (slice(0, N), slice(0, N))
        ground = Ground(values, std, known, known & ~moving, law, [box], [local_scale(values)], tile)
        made.append(spread(ground, scales, 3, np.random.SeedSequence(4)))
    for a, b in zip(*made, strict=True):
        # the Fourier transforms of windows of other sizes round differently
        np.testing.assert_allclose(a[known], b[known], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 100])
def test_areas_do_not_depend_on_the_tiles(side):
    grid = Grid.from_bounds(
        (510_000, 4_050_000, 510_000 + N * 60, 4_050_000 + N * 60), crs="EPSG:4546", resolution_m=60
    )
    maps = []
    for k, look in enumerate(((-0.62, -0.11, 0.777), (0.62, -0.11, 0.777))):
        e, n, u = (np.full((N, N), v, np.float32) for v in look)
        maps.append(TrackMaps(str(k), velocity(k), np.full((N, N), 0.4, np.float32), (e, n, u)))
    at_once, tiled = (
        active_areas(maps, grid, DeformationParams(areas=AreaParams(tile_cells=s, **NARROW))) for s in (1024, side)
    )
    assert len(at_once.frame) >= 3
    assert (tiled.labels == at_once.labels).all()
    assert list(tiled.frame["area_id"]) == list(at_once.frame["area_id"])
    assert list(tiled.frame["kind"]) == list(at_once.frame["kind"])
    for column in ("velocity_mean_mm_yr", "velocity_std_mm_yr", "false_alarm_p", "confidence"):
        np.testing.assert_allclose(
            tiled.frame[column].astype(float), at_once.frame[column].astype(float), rtol=1e-3
        )  # fmt: skip


@pytest.mark.slow
def test_lazy_maps_are_searched_as_arrays_are():
    values, std = velocity(3)[:120, :120], np.full((120, 120), 0.4, np.float32)
    lazy = TiledMap(values.shape, lambda b: values[b].copy(), side=50)
    params = AreaParams(**{**NARROW, "scales_m": (0.0,)})
    one, other = (
        search_channel(Channel("velocity:a", v, std, (0.0,)), 60.0, params, seed=np.random.SeedSequence(7))
        for v in (values, lazy)
    )
    assert one.clusters
    assert [c.cells.first for c in one.clusters] == [c.cells.first for c in other.clusters]
    box = (slice(10, 40), slice(15, 70))
    np.testing.assert_array_equal(one.motion[box], other.motion[box])


def test_sizes_of_labels_are_counted_over_all_bands():
    labels = np.arange(3000, dtype=np.int32)[:, None] % 7 * np.ones((1, 2), np.int32)
    assert (label_sizes(labels, 8) == np.bincount(labels.ravel(), minlength=9)).all()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 40)), min_size=2, max_size=12))
def test_an_index_of_patches_finds_all_that_overlap(places):
    patches = [Patch.of(np.ones((n, 3), bool), y, x) for y, x, n in places]
    index = PatchIndex(patches, side=16)
    for p in patches:
        near = index.positions(p)
        assert near == sorted(set(near))
        assert {k for k, other in enumerate(patches) if p.overlap(other)} <= set(near)


def test_a_map_of_one_number_has_no_stable_part_and_says_so():
    flat = np.zeros((60, 60), np.float32)
    flat[10:20, 10:20] = -30
    e, n, u = (np.full(flat.shape, v, np.float32) for v in (-0.62, -0.11, 0.777))
    grid = Grid.from_bounds((510_000, 4_050_000, 513_600, 4_053_600), crs="EPSG:4546", resolution_m=60)
    found = active_areas([TrackMaps("a", flat, np.ones_like(flat), (e, n, u))], grid, DeformationParams())
    assert len(found.frame) == 1
    assert found.frame["false_alarm_p"].isna().all()
    assert "one number" in found.notes[0][0]
    assert "数值相同" in found.notes[0][1]


def test_a_map_most_of_which_moves_is_said_to():
    rng = np.random.default_rng(6)
    values = rng.normal(0, 1, (60, 60)).astype(np.float32)
    assert not masked(values, (5.0,))[1]
    y, x = np.mgrid[:60, :60]
    values[(y % 11 < 2) & (x % 11 < 2)] -= 200
    assert masked(values, (5.0,))[1]
    assert "more than half" in _restless([Search(Channel("velocity:a", values, values, ()), values, (), 1.0, 1.0, 3600,
                                                 is_restless=True)])[0][0]  # fmt: skip


@pytest.mark.slow
def test_windows_of_a_large_map_are_worth_their_share_of_it():
    values, std = velocity(3)[:120, :120], np.full((120, 120), 0.4, np.float32)
    params = AreaParams(**{**NARROW, "scales_m": (0.0,), "sample_cells": 64, "sample_windows": 1})
    found = search_channel(Channel("velocity:a", values, std, (0.0,)), 60.0, params, seed=np.random.SeedSequence(7))
    assert 0.15 < found.simulated_maps / params.n_simulations < 0.45
    assert stated_p(0.0, found.simulated_maps) > stated_p(0.0, params.n_simulations)


@pytest.mark.slow
def test_noise_that_makes_no_area_still_tells_how_rare_a_strong_one_is():
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1.5, (64, 64)).astype(np.float32)
    values[28:36, 30:38] -= 60
    std = np.full(values.shape, 1.5, np.float32)
    found = search_channel(
        Channel("velocity:a", values, std, (0.0,)), 60.0, AreaParams(scales_m=(0.0,)), seed=np.random.SeedSequence(1)
    )
    # maxima that are all 0 would allow no less than 2 / (simulations + 1)
    assert min(c.expected for c in found.clusters) < 1e-6
    assert tail(np.zeros(49), 5.0) == pytest.approx(1 / 50)
