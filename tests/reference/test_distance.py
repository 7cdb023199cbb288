"""Distance to features against shapely, by hand, and across blocks."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo_risk.core.errors import CrsError, DataError, OverlapError
from geo_risk.flow.steps.landslide import write_distance
from geo_risk.kernels.nearest import distance_to_segments
from geo_risk.publish.frames import write_json
from geo_risk.sources.layers import open_layer
from geo_risk.terrain import distance as module
from geo_risk.terrain.distance import feature_distance, segments_of
from tests.support.terrain import grid_of_shape

GRID = grid_of_shape((90, 110), cell=30.0)
LEFT, BOTTOM = GRID.bounds[:2]


def frame(*shapes, crs=4546):
    return gpd.GeoDataFrame(geometry=[shapely.affinity.translate(s, LEFT, BOTTOM) for s in shapes], crs=crs)


def by_shapely(features, max_m):
    c = GRID.coords()
    x, y = np.meshgrid(c["x"], c["y"])
    return np.minimum(shapely.distance(shapely.points(x, y), features.geometry.union_all()), max_m)


FEATURES = frame(
    shapely.LineString([(-500, 300), (700, 900), (705, 2000), (1500, 1200)]),
    shapely.Polygon([(2000, 300), (3000, 300), (3000, 1500), (2000, 1500)], [[(2300, 600), (2700, 600), (2500, 1200)]]),
    shapely.Point(300, 2500), shapely.MultiLineString([[(1800, 2650), (3400, 2600)], [(10, 10), (10, 40)]]),
    shapely.Polygon(),
)  # fmt: skip


@pytest.mark.parametrize("max_m", [45.0, 600.0, 20_000.0])
def test_points_lines_and_polygons_are_as_far_as_shapely_says(max_m):
    got = feature_distance(FEATURES, GRID, max_m=max_m, name="distance_rivers_m")
    assert got.attrs["units"] == "m"
    # float32 of at most 3 km is exact to 0.2 mm
    np.testing.assert_allclose(got.to_numpy(), by_shapely(FEATURES, max_m), atol=3e-4)
    assert got.to_numpy()[50, 80] == 0


def test_blocks_and_the_order_of_features_change_nothing(monkeypatch):
    whole = feature_distance(FEATURES, GRID, max_m=700, name="d_m").to_numpy()
    for side in (17, 64):
        monkeypatch.setattr(module, "CHUNK", side)
        np.testing.assert_array_equal(feature_distance(FEATURES, GRID, max_m=700, name="d_m").to_numpy(), whole)
    turned = FEATURES.iloc[::-1]
    np.testing.assert_array_equal(feature_distance(turned, GRID, max_m=700, name="d_m").to_numpy(), whole)


eighths = st.integers(-16_000, 32_000).map(lambda v: v / 8)


@pytest.mark.slow
@given(arrays(np.float64, st.tuples(st.integers(0, 12), st.just(4)), elements=eighths), st.floats(1, 5000))
def test_no_segment_is_nearer_than_what_is_returned(segments, max_m):
    x, y = np.arange(7) * 90.0, np.arange(40) * -30.0
    got = distance_to_segments(x, y, segments, max_m)
    points = shapely.points(*np.meshgrid(x, y))
    want = np.full(got.shape, max_m)
    for x0, y0, x1, y1 in segments:
        want = np.minimum(want, shapely.distance(points, shapely.LineString([(x0, y0), (x1, y1)])))
    np.testing.assert_allclose(got, want, atol=2e-3)  # float32 of up to 5 km, and shapely's own rounding


def test_pieces_of_shapes_by_hand():
    got = segments_of([shapely.LineString([(0, 0), (1, 0), (1, 2)]), shapely.Point(5, 6), shapely.box(0, 0, 1, 1)])
    assert [0, 0, 1, 0] in got.tolist()
    assert [5, 6, 5, 6] in got.tolist()
    assert len(got) == 2 + 4 + 1


def test_bad_input_is_refused():
    for bad in (0.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match="make no distance"):
            feature_distance(FEATURES, GRID, max_m=bad, name="d_m")
    with pytest.raises(DataError, match="0 features"):
        feature_distance(frame(shapely.Point()), GRID, max_m=10, name="d_m")
    with pytest.raises(CrsError, match="4547"):
        feature_distance(FEATURES.set_crs(4547, allow_override=True), GRID, max_m=10, name="d_m")
    with pytest.raises(ValueError, match="finite"):
        distance_to_segments(np.zeros(1), np.zeros(1), np.array([[0.0, 0, np.nan, 1]]), 5.0)


def test_a_fault_beyond_the_map_counts_as_far_as_distances_are_told(tmp_path):
    grid = grid_of_shape((30, 40), cell=30.0)
    write_json(grid.to_dict(), tmp_path / "grid.json")

    def told(x, max_m):
        line = shapely.LineString([(x, 3_999_000), (x, 4_002_000)])
        gpd.GeoDataFrame(geometry=[line], crs=grid.crs).to_file(tmp_path / "faults.gpkg")
        write_distance(grid=tmp_path / "grid.json", out=tmp_path / "out.tif", max_m=max_m, options=None,
                       faults=tmp_path / "faults.gpkg")  # fmt: skip
        return open_layer(tmp_path / "out.tif").to_numpy()

    found = told(511_700, 1000.0)
    np.testing.assert_allclose(found[:, -1], 515)
    np.testing.assert_allclose(found[:, 0], 1000)
    with pytest.raises(OverlapError, match="does not touch"):
        told(512_300, 1000.0)
