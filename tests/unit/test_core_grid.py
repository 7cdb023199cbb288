"""Grid: exact equality, metric CRS only, coordinates and indices."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import CrsError, GridError
from geo_risk.core.grid import Grid, grid_of, same_grid

BOUNDS = (500_000.0, 4_100_000.0, 500_900.0, 4_100_600.0)


def make(resolution_m=30.0, crs="EPSG:4546"):
    return Grid.from_bounds(BOUNDS, crs=crs, resolution_m=resolution_m)


def test_covers_bounds_with_square_cells():
    grid = make()
    # x0 = 499,980 and y0 = 4,100,610 are the multiples of 30 m just outside the bounds
    assert grid.bounds[0] <= BOUNDS[0]
    assert grid.bounds[3] >= BOUNDS[3]
    assert grid.transform.c % 30 == 0
    assert grid.resolution_m == 30
    assert grid.cell_area_m2 == 900


def test_survives_plain_values():
    grid = make()
    assert Grid.from_dict(grid.to_dict()) == grid
    assert Grid.from_dict(make(60.0).to_dict()) != grid


def test_layer_carries_its_grid():
    grid = make()
    layer = grid.layer(np.zeros(grid.shape, "float32"), units="m", long_name="height", name="dem")
    assert grid_of(layer) == grid
    assert float(layer.x[0]) == grid.bounds[0] + 15
    assert float(layer.y[0]) == grid.bounds[3] - 15


@given(st.floats(0, 0.999), st.floats(0, 0.999), st.integers(0, 19), st.integers(0, 29))
def test_index_inverts_coordinates(fx, fy, row, column):
    grid = make()
    x = grid.bounds[0] + (column + fx) * 30
    y = grid.bounds[3] - (row + fy) * 30
    rows, columns, inside = grid.index([x], [y])
    assert inside[0]
    assert abs(rows[0] - row) <= (fy < 1e-6 or fy > 1 - 1e-6)
    assert abs(columns[0] - column) <= (fx < 1e-6 or fx > 1 - 1e-6)


def test_index_says_what_lies_outside_and_survives_nan():
    _, _, inside = make().index([0.0, np.nan, 500_100.0], [0.0, 4_100_100.0, 4_100_100.0])
    assert inside.tolist() == [False, False, True]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490"])
def test_refuses_geographic_grids(crs):
    with pytest.raises(CrsError, match="metres"):
        Grid(GeoBox((2, 2), Affine(0.01, 0, 110, 0, -0.01, 38), crs))


def test_refuses_feet():
    with pytest.raises(CrsError, match="metres"):
        Grid(GeoBox((2, 2), Affine(30, 0, 0, 0, -30, 0), "EPSG:2227"))


@pytest.mark.parametrize(
    "transform", [Affine(30, 1, 0, 1, -30, 0), Affine(30, 0, 0, 0, -60, 0), Affine(30, 0, 0, 0, 30, 0)]
)
def test_refuses_rotated_oblong_and_south_up(transform):
    with pytest.raises(GridError, match="square"):
        Grid(GeoBox((2, 2), transform, "EPSG:4546"))


def test_half_a_pixel_off_is_an_error():
    grid = make()
    moved = Grid(GeoBox(grid.shape, grid.transform * Affine.translation(0.5, 0), grid.geobox.crs))
    a, b = (g.layer(np.zeros(g.shape), units="m", long_name="a", name="a") for g in (grid, moved))
    with pytest.raises(GridError, match="different grids"):
        same_grid(a, b)


def test_a_sliced_layer_is_noticed():
    grid = make()
    layer = grid.layer(np.zeros(grid.shape), units="m", long_name="a", name="a")
    with pytest.raises(GridError, match="do not fit"):
        grid_of(layer.isel(y=slice(1, None)))


def test_wrong_shape_is_an_error():
    with pytest.raises(GridError, match="shape"):
        make().layer(np.zeros((3, 3)), units="m", long_name="a")


def test_window_of_a_box_is_cut_at_the_grid_and_none_beyond_it():
    grid = Grid.from_bounds((500_000, 4_000_000, 500_300, 4_000_200), crs="EPSG:4546", resolution_m=10)
    assert grid.window((500_050, 4_000_050, 500_095, 4_000_095)) == (slice(10, 16), slice(5, 10))
    assert grid.window((500_050, 4_000_050, 500_095, 4_000_095), margin_m=1e6) == (slice(0, 20), slice(0, 30))
    assert grid.window((499_000, 4_000_000, 499_990, 4_000_100)) is None
    assert grid.window((499_000, 4_000_000, 499_990, 4_000_100), margin_m=50) == (slice(5, 20), slice(0, 5))
