"""Tracing and burning in many threads at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely

from geo_risk.core.vectorize import outlines_of_labels, rasterize
from tests.support.terrain import grid_of_shape

GRID = grid_of_shape((4, 5))


@pytest.fixture
def _quick_turns():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.slow
@pytest.mark.usefixtures("_quick_turns")
def test_threads_do_not_let_a_warning_of_rasterio_through():
    # warnings are errors in the tests; without the lock about one run in three fails
    labels = np.arange(20).reshape(4, 5) // 5 + 1
    area = shapely.box(*GRID.bounds).buffer(-10)

    def both(_):
        return len(outlines_of_labels(labels, GRID)[0]), int(
            rasterize([(area, 1.0)], GRID, fill=0, dtype="uint8").sum()
        )

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(both, range(400))) == {(4, 6)}
