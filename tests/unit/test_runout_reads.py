"""The windows of run-out take the ground from blocks that are read for all of them together."""

from __future__ import annotations

import dask
import numpy as np
from dask import array as da

from geo_risk.core.grid import Grid
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.warned import runout_layers

GRID = Grid.from_bounds((499_980, 4_000_020, 501_780, 4_001_820), crs="EPSG:4546", resolution_m=30)


def test_each_block_of_the_ground_is_not_read_for_each_window_that_meets_it() -> None:
    rng = np.random.default_rng(4)
    ground = np.add.outer(np.arange(60.0) * 12, rng.random(60) * 9)
    levels = rng.integers(-1, 5, GRID.shape).astype(np.int8)
    read: list[tuple[int, int]] = []

    def block(block_info: object = None) -> np.ndarray:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]  # type: ignore[index]
        read.append((r0, c0))
        return ground[r0:r1, c0:c1]

    lazy = da.map_blocks(block, chunks=((20,) * 3, (20,) * 3), dtype=ground.dtype, meta=np.empty((0, 0)))
    found = []
    for dem in (lazy, ground):
        given = {"warning_24h": GRID.layer(levels, units="level", long_name="w", name="w")}
        heights = GRID.layer(dem, units="m", long_name="dem", name="dem")
        layers = runout_layers(heights, given, params=RunoutParams())
        found.append(dask.compute(layers["warning_24h"].data, scheduler="synchronous")[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != levels).any()
    assert len(set(read)) == 9
    assert len(read) <= 18  # once for all windows, once to know where heights are missing; 9 windows meet each block
