"""Blocks that several chains of steps begin with are made but once."""

from __future__ import annotations

from collections import Counter

import dask
import numpy as np
from dask import array as da

from geo_risk.core.grid import Grid
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.warned import runout_layers
from geo_risk.terrain.parts import read_once

GRID = Grid.from_bounds((499_980, 4_000_020, 501_780, 4_001_820), crs="EPSG:4546", resolution_m=30)
CHUNKS = ((20, 20, 20), (20, 20, 20))


def counted(values: np.ndarray, name: str, made: Counter[str]) -> da.Array:
    """The values as a lazy array that counts the blocks it makes."""

    def block(block_info: object = None) -> np.ndarray:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]  # type: ignore[index]
        made[name] += 1
        return values[r0:r1, c0:c1]

    return da.map_blocks(block, chunks=CHUNKS, dtype=values.dtype, meta=np.empty((0, 0), values.dtype))


def test_what_warnings_reach_reads_each_block_once_and_is_the_same() -> None:
    rng = np.random.default_rng(4)
    ground = np.add.outer(np.arange(60.0) * 12, rng.random(60) * 9)
    levels = {f"warning_{h}h": rng.integers(-1, 5, GRID.shape).astype(np.int8) for h in (6, 24)}
    found, counts = [], []
    for wrap in (read_once, lambda array: array):
        made: Counter[str] = Counter()
        dem = GRID.layer(wrap(counted(ground, "dem", made)), units="m", long_name="dem", name="dem")
        warnings = {n: GRID.layer(wrap(counted(v, n, made)), units="level", long_name=n, name=n)
                    for n, v in levels.items()}  # fmt: skip
        assert dem.data.chunks == CHUNKS
        layers = runout_layers(dem, warnings, params=RunoutParams())
        found.append(dask.compute(*(layer.data for layer in layers.values()), scheduler="synchronous"))
        counts.append(made)
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0][0] != levels["warning_6h"]).any()
    assert counts[0] == {"dem": 9, "warning_6h": 9, "warning_24h": 9}
    assert counts[1].total() > counts[0].total()  # else nobody needs it
