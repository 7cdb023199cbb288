"""Multiple flow directions: planes and cones with known specific areas, water kept, and the same in any blocks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.kernels.d8 import flow_direction
from geo_risk.kernels.multiple_flow import multiple_flow
from geo_risk.kernels.priority_flood import MISSING, OUTLET, fill
from geo_risk.terrain.multiple_flow import multiple_flow_blocks, specific_area
from tests.property.test_hydrology_tiles import ground


def whole(z: np.ndarray, weight: np.ndarray | None = None, **options: object) -> tuple[np.ndarray, np.ndarray]:
    filled = fill(z)
    direction = flow_direction(filled)
    load = np.ones(z.shape) if weight is None else weight
    frame = np.full((z.shape[0] + 2, z.shape[1] + 2), np.nan)
    padded = np.pad(filled, 2, constant_values=np.nan), np.pad(direction, 2, constant_values=MISSING)
    return multiple_flow(*padded, load, frame, **options), direction


def test_a_plane_has_the_length_of_the_slope_above():
    rows, columns = np.indices((60, 91))
    for z in (-1.0 * rows, -0.3 * rows - 0.0 * columns):
        got, _ = whole(z)
        # what comes over the sides is missing in a wedge; the middle column is out of its reach for 45 rows
        np.testing.assert_allclose(got[:45, 45], np.arange(1, 46), rtol=1e-12)


def test_a_plane_that_falls_aside_has_nearly_the_length_along_its_fall():
    rows, columns = np.indices((300, 300))
    angle = np.radians(25.0)
    got, _ = whole(-np.cos(angle) * rows - np.sin(angle) * columns)
    length = min(200.5 / np.cos(angle), 200.5 / np.sin(angle))
    # water is spread over three neighbours, some of it beyond the nearer edge's way, and a cell counts as one side wide
    # though it is cos 25 + sin 25 = 1.33 sides wide across the fall: between the two
    assert 1.0 <= got[200, 200] / length <= 1.33


def test_a_cone_has_half_the_radius_and_freemans_exponent_keeps_it_round():
    n = 201
    rows, columns = np.indices((n, n)) - n // 2
    r = np.hypot(rows, columns)
    ring = (r > 30) & (r < 90)
    # the area above, pi r^2, by its contour, 2 pi r: half the radius
    ratio = {p: whole(-r, exponent=p)[0][ring] / (r[ring] / 2) for p in (1.0, 1.1, 1.2, 4.0)}
    # a cell counts as one side wide, across rays it is up to sqrt(2): the mean is some per cent too high
    assert ratio[1.1].mean() == pytest.approx(1.0, abs=0.08)
    assert ratio[1.1].std() < 0.015
    assert ratio[1.1].std() == min(values.std() for values in ratio.values())
    quinn = whole(-r, exponent=1.0, by_contour=True)[0][ring] / (r[ring] / 2)
    assert quinn.mean() == pytest.approx(1.0, abs=0.12)
    assert quinn.std() < 0.05


@settings(deadline=None, max_examples=40)
@given(kind=st.sampled_from(["rough", "steps", "hills", "bowl"]), seed=st.integers(0, 10_000),
       gaps=st.sampled_from([0.0, 0.05, 0.3]), exponent=st.sampled_from([0.5, 1.0, 1.1, 4.0]),
       by_contour=st.booleans())  # fmt: skip
def test_all_water_leaves_at_outlets(kind, seed, gaps, exponent, by_contour):
    z = ground(kind, (25, 31), seed)
    rng = np.random.default_rng(seed)
    z[rng.random(z.shape) < gaps] = np.nan
    weight = rng.random(z.shape)
    got, direction = whole(z, weight, exponent=exponent, by_contour=by_contour)
    known = direction != MISSING
    assert (got[known] >= weight[known]).all()
    assert np.isnan(got[~known]).all()
    # every share is divided to rounding: 8 parts a cell, chains of some hundred cells
    assert got[direction == OUTLET].sum() == pytest.approx(weight[known].sum(), rel=1e-12)


@pytest.mark.slow
@settings(max_examples=15)
@given(kind=st.sampled_from(["rough", "steps", "hills", "bowl"]), seed=st.integers(0, 10_000),
       shape=st.tuples(st.integers(4, 34), st.integers(4, 34)), side=st.integers(2, 17),
       gaps=st.sampled_from([0.0, 0.05, 0.3]))  # fmt: skip
@example(kind="bowl", seed=1, shape=(34, 34), side=4, gaps=0.0)
def test_blocks_change_nothing(kind, seed, shape, side, gaps):
    z = ground(kind, shape, seed).astype(np.float32)
    z[np.random.default_rng(seed).random(shape) < gaps] = np.nan
    weight = np.random.default_rng(seed).random(shape)
    want, direction = whole(z, weight)
    chunks = tuple(_at_least_two(n, side) for n in shape)
    lazy = (da.from_array(values, chunks=chunks) for values in (fill(z), direction, weight))
    np.testing.assert_array_equal(multiple_flow_blocks(*lazy).compute(), want)


def _at_least_two(n: int, side: int) -> tuple[int, ...]:
    sizes = [min(side, n - k) for k in range(0, n, side)]
    if len(sizes) > 1 and sizes[-1] < 2:
        sizes[-2:] = [sum(sizes[-2:])]
    return tuple(sizes)


def test_bad_input_is_refused():
    z = np.pad(-np.arange(25.0).reshape(5, 5), 2, constant_values=np.nan)
    codes = np.full(z.shape, MISSING)
    with pytest.raises(ValueError, match="do not fit"):
        multiple_flow(z, codes, np.ones((4, 5)), np.zeros((7, 7)))
    with pytest.raises(ValueError, match="weights are missing"):
        multiple_flow(z, np.full(z.shape, OUTLET), np.full((5, 5), np.nan), np.zeros((7, 7)))
    with pytest.raises(ValueError, match="exponent"):
        multiple_flow(z, codes, np.ones((5, 5)), np.zeros((7, 7)), exponent=np.nan)


def test_directions_in_a_ring_are_refused_on_layers():
    grid = Grid.from_bounds((500_000, 4_000_000, 500_060, 4_000_060), crs="EPSG:4546", resolution_m=15)
    flat = grid.layer(np.ones(grid.shape), units="m", long_name="height", name="dem_filled")
    codes = np.full(grid.shape, OUTLET, np.int8)
    codes[1, 1], codes[1, 2] = 0, 4
    ring = grid.layer(codes, units="1", long_name="direction", name="flow_direction")
    with pytest.raises(DataError, match="ring"):
        specific_area(flat, ring)
    fine = specific_area(flat, grid.layer(np.full(grid.shape, OUTLET, np.int8), units="1", long_name="direction"))
    assert (fine.to_numpy() == 15.0).all()
