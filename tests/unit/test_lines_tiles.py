"""Lines, structures and subsidence of large maps: tiles and windows change memory, not what is found."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import false_discovery_control
from shapely.geometry import Polygon, box

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.deformation.activity import members as members_module
from geo_risk.hazards.deformation.activity.series_params import SeriesParams
from geo_risk.hazards.deformation.areas.maps import TrackWindows
from geo_risk.hazards.deformation.areas.tiles import TiledMap, at_cells, sampled, sampled_of, thinned
from geo_risk.hazards.deformation.lines import townships, watch
from geo_risk.hazards.deformation.lines import vertical as vertical_module
from geo_risk.hazards.deformation.lines.level import scene_level
from geo_risk.hazards.deformation.lines.params import WatchParams
from geo_risk.hazards.deformation.lines.structures import Body, label_bodies
from geo_risk.hazards.deformation.lines.vertical import MapNoise, vertical_map
from geo_risk.hazards.deformation.params import AreaParams, DeformationParams

N, CELL = 230, 60.0
GRID = Grid.from_bounds(
    (510_000, 4_050_000, 510_000 + N * CELL, 4_050_000 + N * CELL), crs="EPSG:4546", resolution_m=60
)
LOOKS = ((-0.62, -0.11, 0.777), (0.62, -0.11, 0.777))


def lazy(values: np.ndarray, side: int) -> TiledMap:
    return TiledMap(values.shape, lambda b: values[b].copy(), side=side)


def tracks(side: int) -> list[TrackWindows]:
    """Return two tracks of smooth and white noise with gaps; what sinks lies across the seams of 64 and 100 cells."""
    rng = np.random.default_rng(3)
    up = np.zeros((N, N), np.float32)
    up[60:70, 90:130] = -22
    up[120:132, 60:68] = -35
    up[195:205, 20:30] = -18
    out = []
    for k, look in enumerate(LOOKS):
        smooth = ndimage.gaussian_filter(rng.normal(size=(N, N)), 3)
        v = (up * look[2] + 0.8 * smooth / smooth.std() + rng.normal(0, 0.5, (N, N))).astype(np.float32)
        v[rng.random((N, N)) < 0.05] = np.nan
        v[150:190, : 60 + 10 * k] = np.nan
        std = (0.5 + 0.2 * rng.random((N, N))).astype(np.float32)
        los = tuple(lazy(np.full((N, N), c, np.float32), side) for c in look)
        out.append(TrackWindows(str(k), lazy(v, side), lazy(std, side), los))
    return out


def found(side: int) -> tuple[watch.Subsidence, gpd.GeoDataFrame, gpd.pd.DataFrame]:
    params = DeformationParams(areas=AreaParams(tile_cells=side, sample_cells=150, sample_windows=2))
    vertical = vertical_map(tracks(side), GRID, params)
    height = lazy(np.add.outer(np.arange(N), np.arange(N)).astype(np.float32), side)
    level = scene_level(vertical, height, atmosphere="ramp_height")
    got = watch.find_subsidence(vertical, params.watch, level=level, tile_cells=side)
    left, bottom, right, top = GRID.bounds
    places = gpd.GeoDataFrame(
        {"code": ["1", "2"], "name": ["a", "b"]}, crs=GRID.crs,
        geometry=[box(left, bottom, left + 5000, top), box(left + 5000, bottom + 3000, right, top)],
    )  # fmt: skip
    return got, watch.subsidence_zones(got, params.watch), townships.township_table(got, places)


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 100])
def test_subsidence_does_not_depend_on_the_tiles(side, monkeypatch):
    # medians and means come from every second row and column, as those of a province do from every seventh
    monkeypatch.setattr("geo_risk.hazards.deformation.areas.tiles.MOST_SAMPLED", 20_000)
    at_once, zones, table = found(1024)
    assert len(at_once.kinds) == 3
    assert at_once.level is not None
    # pairs of cells and sums of rows are taken in parts as well, as those of a province are
    monkeypatch.setattr(vertical_module, "_AT_ONCE", 100)
    monkeypatch.setattr(vertical_module, "_CORE", 37)
    monkeypatch.setattr("geo_risk.hazards.deformation.areas.tiles.BAND", 41)
    tiled, other_zones, other_table = found(side)
    np.testing.assert_array_equal(tiled.vertical.up, at_once.vertical.up)
    np.testing.assert_array_equal(tiled.vertical.noise.stable, at_once.vertical.noise.stable)
    # the Fourier transforms of windows of other sizes round differently
    np.testing.assert_allclose(tiled.vertical.noise.white, at_once.vertical.noise.white, rtol=1e-3)
    np.testing.assert_array_equal(tiled.bodies, at_once.bodies)
    np.testing.assert_array_equal(tiled.classes, at_once.classes)
    for a, b in ((other_zones, zones), (other_table, table)):
        assert list(a.columns) == list(b.columns)
        for column in b.columns.drop("geometry", errors="ignore"):
            if b[column].dtype == "float64":
                np.testing.assert_allclose(a[column], b[column], rtol=1e-3)
            else:
                assert list(a[column]) == list(b[column])


def test_a_map_without_stable_ground_has_its_formal_errors_by_tiles_too():
    params = DeformationParams(areas=AreaParams(tile_cells=64, maximum_stable_sigma_mm_yr=0.01))
    made = vertical_map(tracks(64), GRID, params)
    assert not made.noise.is_fitted
    assert np.isfinite(made.noise.white[np.isfinite(made.up)]).all()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 60), st.integers(1, 30), st.integers(1, 25))
def test_pairs_across_seams_of_tiles_are_counted(seed, height, width, side, reach):
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((height, width)) < 0.6, rng.normal(size=(height, width)), 0.0)
    covariance = np.exp(-np.arange(reach) / 4.0)
    noise = MapNoise(CELL, np.ones((height, width), np.float32), covariance, True, np.ones((height, width), bool))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vertical_module, "_CORE", side)
        got = noise._pairs_by_tiles(weights)
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    apart = np.hypot(y[:, None] - y, x[:, None] - x) * CELL
    want = weights.ravel() @ noise.shared(apart) @ weights.ravel()
    # sums of at most 3600 x 3600 terms of order 1 in double precision
    assert got == pytest.approx(want, rel=1e-9, abs=1e-7)
    assert noise._pairs(weights) == pytest.approx(want, rel=1e-9, abs=1e-7)


values = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-300, 1e-9, 0.001, 0.01, 0.02])), min_size=1,
                  max_size=60)  # fmt: skip


@given(values, st.sampled_from([0.001, 0.01, 0.05, 0.3]))
def test_discoveries_are_those_of_all_p_values_at_once(p, significance):
    p = np.array(p)
    limit = watch.discovery_limit(p[p <= significance], len(p), significance)
    assert ((p <= limit) == (false_discovery_control(p) <= significance)).all()


@given(st.integers(0, 10_000), st.integers(1, 50), st.integers(1, 9), st.integers(1, 12), st.integers(1, 20))
def test_thinned_cells_are_those_of_all_positions(seed, height, width, most, rows):
    cells = np.random.default_rng(seed).random((height, width)) < 0.5
    want = [i[:: max(1, len(i) // most)] for i in np.nonzero(cells)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo_risk.hazards.deformation.areas.tiles.BAND", rows)
        got = thinned(cells, most)
    np.testing.assert_array_equal(got, want)


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(0, 40))
def test_values_at_cells_and_samples_of_a_lazy_map_are_those_of_the_array(seed, side, n):
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(17, 23)).astype(np.float32)
    rows, columns = rng.integers(0, 17, n), rng.integers(0, 23, n)
    np.testing.assert_array_equal(at_cells(lazy(whole, side), rows, columns, side=side), whole[rows, columns])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo_risk.hazards.deformation.areas.tiles.MOST_SAMPLED", 30)
        np.testing.assert_array_equal(sampled_of(lazy(whole, side)), sampled(whole))


coordinate = st.floats(-500, N * CELL + 500)


@settings(max_examples=60)
@given(st.lists(st.tuples(coordinate, coordinate, st.floats(5, 4000), st.integers(3, 7)), min_size=1, max_size=6))
def test_labels_of_bodies_are_those_burnt_over_the_whole_map(shapes):
    left, bottom = GRID.bounds[:2]
    outlines = [
        Polygon([(left + x + size * np.cos(a), bottom + y + size * np.sin(a))
                 for a in 0.3 + 2 * np.pi * np.arange(corners) / corners])
        for x, y, size, corners in shapes
    ]  # fmt: skip
    bodies = [Body(str(k), "", "reservoir", o, None) for k, o in enumerate(outlines)]
    want = np.zeros(GRID.shape, np.int32)
    for k in sorted(range(len(bodies)), key=lambda k: -outlines[k].area):
        cells = rasterize([(outlines[k], 1.0)], GRID, fill=0, dtype="uint8") > 0
        touched = rasterize([(outlines[k], 1.0)], GRID, fill=0, dtype="uint8", all_touched=True) > 0
        want[cells if cells.any() else touched] = k + 1
    np.testing.assert_array_equal(label_bodies(bodies, GRID), want)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(7, 40), st.booleans())
def test_members_of_a_body_do_not_depend_on_the_windows(seed, side, has_coherence):
    rng = np.random.default_rng(seed)
    labels = np.zeros((60, 80), np.int32)
    for k in range(1, 5):
        y, x = rng.integers(0, 55), rng.integers(0, 70)
        labels[y : y + rng.integers(1, 20), x : x + rng.integers(1, 30)] = k
    coherence = rng.random(labels.shape).astype(np.float32) if has_coherence else None
    params = SeriesParams(ring_gap_m=100, ring_reach_m=600, ring_pixels=30)
    at_once = members_module.members(labels, coherence, (60.0, 45.0), params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members_module, "_WINDOW", side)
        lazily = None if coherence is None else lazy(coherence, side)
        parts = members_module.members(labels, lazily, (60.0, 45.0), params)
    for a, b in zip(parts, at_once, strict=True):
        assert a.label == b.label
        for name in ("cells", "around", "sector"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_nothing_sinks_where_nothing_is_known():
    flat = np.full((N, N), np.nan, np.float32)
    look = tuple(np.full((N, N), c, np.float32) for c in LOOKS[0])
    made = vertical_map([TrackWindows("a", flat, flat, look)], GRID, DeformationParams(areas=AreaParams(tile_cells=64)))
    got = watch.find_subsidence(made, WatchParams(), tile_cells=64)
    assert not got.kinds
    assert (got.classes == -1).all()
