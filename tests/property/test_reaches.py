"""Reaches of any network: the same in any blocks, every cell and step counted once, and water that only gathers."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.cascade import spill_order
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.hand import height_above_drainage
from geo_risk.kernels.priority_flood import OUTLET, fill
from geo_risk.terrain.reaches import depth_by_reach, find_reaches, greatest_on_streams, reach_zones
from tests.property.test_hydrology_tiles import ground

LEVELS = np.array([0.5, 1.0, 2.0, 5.0])


@pytest.mark.slow
@settings(max_examples=12)
@given(kind=st.sampled_from(["rough", "steps", "hills"]), seed=st.integers(0, 10_000),
       shape=st.tuples(st.integers(4, 34), st.integers(4, 34)), gaps=st.sampled_from([0.0, 0.05]),
       chunks=st.tuples(st.integers(5, 25), st.integers(5, 25)))  # fmt: skip
def test_reaches_hold_every_cell_and_step_once_in_any_blocks(kind, seed, shape, chunks, gaps):
    z = ground(kind, shape, seed)
    z[np.random.default_rng(seed).random(shape) < gaps] = np.nan
    filled = fill(z)
    direction = flow_direction(filled)
    order = drainage_order(direction)
    cells = accumulate(direction, order)
    stream = cells >= 5
    hand = height_above_drainage(direction, order, filled, stream)
    slope = np.random.default_rng(seed).random(shape)
    bounds = (500_000, 4_000_000, 500_000 + 10 * shape[1], 4_000_000 + 10 * shape[0])
    grid = Grid.from_bounds(bounds, crs="EPSG:4546", resolution_m=10)
    made = []
    for size in (shape, chunks):
        layer = {
            name: grid.layer(da.from_array(values, chunks=size), units=units, long_name=name, name=name)
            for name, values, units in (("flow_direction", direction, "1"), ("flow_accumulation", cells * 100, "m2"),
                                        ("dem_filled", filled, "m"))
        }  # fmt: skip
        found = find_reaches(
            layer["flow_direction"], layer["flow_accumulation"], layer["dem_filled"], stream_area_m2=500
        )
        lazy = [da.from_array(values, chunks=size) for values in (hand, slope)]
        made.append((found, reach_zones(found, *lazy, LEVELS), greatest_on_streams(found, lazy[1])))
    (whole, zones, greatest), (parts, zones_parts, greatest_parts) = made
    for name in ("end", "below", "length_m", "fall_m", "area_m2"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name), err_msg=name)
    for a, b in zip(zones, zones_parts, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(greatest, greatest_parts)
    labels = whole.labels.compute()
    np.testing.assert_array_equal(labels, parts.labels.compute())

    assert ((labels > 0) == np.isfinite(hand)).all()  # what meets a stream has a height above it
    assert zones.cells.sum() == np.isfinite(hand).sum()
    n = len(whole.end)
    assert sorted(spill_order(whole.below - 1).tolist()) == list(range(n))
    flows = whole.below > 0
    assert (whole.area_m2[whole.below[flows] - 1] > whole.area_m2[flows]).all()
    codes = direction[stream]
    steps = np.where(codes % 2 == 1, np.sqrt(2), 1.0)[codes != OUTLET].sum() + (codes == OUTLET).sum()
    assert whole.length_m.sum() == pytest.approx(10 * steps, rel=1e-9)
    stage = np.linspace(0, 3, n)
    depth = depth_by_reach(parts, da.from_array(hand, chunks=chunks), stage).compute()
    want = np.maximum(np.concatenate([[np.nan], stage])[labels] - hand, 0)
    np.testing.assert_allclose(depth, want, rtol=1e-6, equal_nan=True)
