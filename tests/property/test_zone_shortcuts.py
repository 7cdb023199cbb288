"""Shortcuts of the zones, each against the plain way it stands for."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from dask import array as da
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.exposure.zonal import cell_coverage, covered_on, covered_shares, overlaps
from geo_risk.kernels.parts import first_end, rim_ends
from geo_risk.products.closing import DepthLayer, unknown_depth_shares
from geo_risk.products.delineation import _BEYOND, _HALO, _closed
from geo_risk.products.params import EvacuationParams
from geo_risk.products.threat import house_threat, house_water
from geo_risk.sources.vectors import _defect, _doubtful

CRS = "EPSG:4546"
GRID = Grid.from_bounds((500_000, 4_000_000, 501_200, 4_000_900), crs=CRS, resolution_m=30)
STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def drained(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """D8 codes down a random surface: steepest neighbour in the tile or, at its edge, at times out of it."""
    z = rng.permutation(shape[0] * shape[1]).reshape(shape)
    codes = np.full(shape, 8, dtype=np.int8)
    for i in range(shape[0]):
        for j in range(shape[1]):
            near = [(z[i + a, j + b], k) for k, (a, b) in enumerate(STEPS)
                    if 0 <= i + a < shape[0] and 0 <= j + b < shape[1]]  # fmt: skip
            low = min(near, default=(z[i, j], 8))
            codes[i, j] = low[1] if low[0] < z[i, j] else 8
            out = [k for k, (a, b) in enumerate(STEPS) if not (0 <= i + a < shape[0] and 0 <= j + b < shape[1])]
            if out and rng.random() < 0.3:
                codes[i, j] = rng.choice(out)
    codes[rng.random(shape) < 0.1] = -1
    return codes


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
def test_ways_from_the_rim_are_those_of_all_cells(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    codes = drained(rng, (height, width))
    is_end = (codes == 8) | (rng.random(codes.shape) < 0.2)
    at, found = rim_ends(codes, is_end)
    rim = np.ones(codes.shape, dtype=bool)
    rim[1:-1, 1:-1] = False
    np.testing.assert_array_equal(at, np.flatnonzero(rim & (codes != -1)))
    np.testing.assert_array_equal(found, first_end(codes, is_end).ravel()[at])


def test_a_ring_that_the_rim_drains_into_is_refused() -> None:
    codes, none = np.array([[0, 4]], dtype=np.int8), np.zeros((1, 2), dtype=bool)
    with pytest.raises(ValueError, match="ring"):
        rim_ends(codes, none)
    with pytest.raises(ValueError, match="one"):
        rim_ends(codes, none[:, :1])


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 20))
def test_holes_are_closed_as_by_dilation_and_erosion(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    around = (rng.random((height + 2 * _HALO, width + 2 * _HALO)) < rng.random()).astype(np.int8)
    if rng.random() < 0.5:
        around[: rng.integers(0, _HALO + 1)] = _BEYOND
        around[:, around.shape[1] - rng.integers(0, _HALO + 1) :] = _BEYOND
    cross = ndimage.generate_binary_structure(2, 1)
    grown = ndimage.binary_dilation(around > 0, structure=cross) & (around != _BEYOND)
    plain = (around > 0) | ndimage.binary_erosion(grown, structure=cross)
    np.testing.assert_array_equal(_closed(around, None), plain[_HALO:-_HALO, _HALO:-_HALO])


def boxes(rng: np.random.Generator, n: int, size_m: float) -> gpd.GeoDataFrame:
    corner = rng.uniform((500_000, 4_000_000), (501_100, 4_000_800), (n, 2))
    side = rng.uniform(1, size_m, (n, 2))
    return gpd.GeoDataFrame(geometry=shapely.box(*corner.T, *(corner + side).T), crs=CRS)


@given(st.integers(0, 10_000))
def test_shares_in_several_zones_are_those_of_each_feature_by_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    zones = boxes(rng, 12, 400)
    ends = rng.uniform((500_000, 4_000_000), (501_200, 4_000_900), (10, 2, 2))
    shapes = np.concatenate([boxes(rng, 20, 90).geometry, shapely.linestrings(ends), shapely.points(ends[:, 0])])
    features = gpd.GeoDataFrame(geometry=shapes, crs=CRS)
    plain = np.zeros(len(features))
    for i, group in overlaps(features, zones).groupby("feature"):
        shape = shapes[i]
        if len(group) == 1:
            plain[i] = group["share"].iloc[0]
            continue
        union = shapely.union_all(zones.geometry.to_numpy()[group["zone"].to_numpy()])
        part = shapely.intersection(shape, union)
        size = shapely.area if shape.geom_type == "Polygon" else shapely.length
        plain[i] = min(1.0, size(part) / size(shape)) if size(shape) > 0 else 1.0
    np.testing.assert_array_equal(covered_shares(features, zones), plain)


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_unknown_depths_do_not_depend_on_how_many_edges_are_looked_at_at_once(seed: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    depth = np.where(rng.random(GRID.shape) < 0.3, np.nan, 1.0).astype(np.float32)
    water = [DepthLayer(GRID.layer(da.from_array(depth, chunks=(7, 9)), units="m", long_name="depth", name="depth"))]
    ends = rng.uniform((499_900, 3_999_900), (501_300, 4_001_000), (25, 2, 2))
    edges = gpd.GeoDataFrame(geometry=shapely.linestrings(ends), crs=CRS)
    share, inside = unknown_depth_shares(edges, water, chunk=chunk)
    alone = [unknown_depth_shares(edges.iloc[[i]], water) for i in range(len(edges))]
    np.testing.assert_array_equal(share, [s[0] for s, _ in alone])
    np.testing.assert_array_equal(inside, [i[0] for _, i in alone])


@given(st.integers(0, 10_000))
def test_a_coverage_that_is_known_judges_houses_as_one_that_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    houses = boxes(rng, 30, 60)
    levels = GRID.layer(rng.integers(-1, 5, GRID.shape).astype(np.int8), units="level", long_name="l", name="l")
    chance = GRID.layer(rng.random(GRID.shape).astype(np.float32), units="1", long_name="c", name="c")
    params, known = EvacuationParams(), cell_coverage(houses, GRID)
    one = house_water(houses, levels, params=params, chance=chance)
    two = house_water(houses, levels, params=params, chance=chance, coverage=known)
    np.testing.assert_array_equal(one.share, two.share)
    np.testing.assert_array_equal(one.level, two.level)
    three = house_threat(houses, {"warning_24h": levels}, params=params)
    four = house_threat(houses, {"warning_24h": levels}, params=params, coverage=known)
    np.testing.assert_array_equal(three.share, four.share)
    pd.testing.assert_frame_equal(three.warnings, four.warnings)


def test_a_coverage_of_another_grid_is_not_used_and_one_of_other_houses_refused() -> None:
    houses = boxes(np.random.default_rng(1), 5, 60)
    finer = Grid.from_bounds(GRID.bounds, crs=CRS, resolution_m=10)
    assert covered_on(finer, houses, cell_coverage(houses, GRID)).grid == finer
    with pytest.raises(ValueError, match="4 polygons"):
        covered_on(GRID, houses, cell_coverage(houses.iloc[:4], GRID))


BOW = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
SHAPES = (
    None, shapely.Point(), shapely.Point(1, 1), shapely.Point(np.nan, 1), shapely.LineString([(0, 0), (1, np.inf)]),
    shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 0, 1, 1), BOW, shapely.MultiPolygon([BOW]),
    shapely.MultiPoint([(0, 0), (1, 1)]), shapely.GeometryCollection([shapely.Point(0, 0)]),
    shapely.GeometryCollection(), shapely.MultiLineString(),
)  # fmt: skip


@given(st.lists(st.sampled_from(SHAPES), max_size=20), st.sampled_from(["Point", "LineString", "Polygon", None]))
def test_every_shape_with_a_defect_is_looked_at(given_: list[object], geometry: str | None) -> None:
    shapes = np.empty(len(given_), dtype=object)
    shapes[:] = given_
    doubtful = np.isin(np.arange(len(shapes)), _doubtful(shapes, geometry))
    for value, is_doubtful in zip(shapes, doubtful, strict=True):
        mended = value is not None and value.geom_type.endswith("Polygon") and not value.is_valid
        assert is_doubtful == (_defect(value, geometry) != "" or mended)
