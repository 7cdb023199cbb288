"""Layers of the run grid at the cells of the coarser detection grid."""

import numpy as np
from affine import Affine
from dask import array as da
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation import _detection_grid, _nearest

RUN = Grid(GeoBox((21, 34), Affine(30, 0, 500_000, 0, -30, 4_000_630), "EPSG:4546"))


def test_a_layer_is_read_at_the_nearest_cells_of_the_detection_grid():
    values = np.arange(21 * 34, dtype=np.float32).reshape(RUN.shape)
    layer = RUN.layer(da.from_array(values, chunks=(5, 7)), units="1", long_name="x", name="x")
    grid = _detection_grid(RUN, 90.0)
    assert grid.shape == (7, 11)
    # the middle one of three by three cells
    assert np.array_equal(_nearest(layer, grid), values[1::3, 1:33:3])
    # centres on an edge fall to the west and to the north
    assert np.array_equal(_nearest(layer, _detection_grid(RUN, 60.0)), values[0:20:2, 0::2])


def test_cells_beyond_the_run_are_missing():
    layer = RUN.layer(np.ones(RUN.shape, np.float32), units="1", long_name="x", name="x")
    wide = Grid(GeoBox((8, 12), Affine(90, 0, 500_000 - 90, 0, -90, 4_000_630), "EPSG:4546"))
    got = _nearest(layer, wide)
    assert np.isnan(got[:, 0]).all()
    assert np.isnan(got[7]).all()
    assert (got[:7, 1:] == 1).all()
