"""Tracing and burning in many threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely

from geo_risk.core.vectorize import outlines_of_labels, rasterize
from tests.support.terrain import grid_of_shape

GRID = grid_of_shape((40, 50))


def test_threads_do_not_let_a_warning_of_rasterio_through():
    # warnings are errors in the tests; without the lock this fails in nearly every run
    labels = np.arange(2000).reshape(40, 50) // 100 + 1
    area = shapely.box(*GRID.bounds).buffer(-50)

    def both(_):
        return len(outlines_of_labels(labels, GRID)[0]), int(
            rasterize([(area, 1.0)], GRID, fill=0, dtype="uint8").sum()
        )

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(both, range(120))) == {(20, 30 * 40)}
