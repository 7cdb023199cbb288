"""Drainage in blocks against drainage of the whole array, cell for cell, and what must hold of any directions."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.flats import directions, flat_steps
from geo_risk.kernels.forest import sum_down
from geo_risk.kernels.hand import height_above_drainage
from geo_risk.kernels.priority_flood import MISSING, OUTLET, fill, fill_tile, spill_levels
from geo_risk.terrain.downstream import hand_blocks
from geo_risk.terrain.filling import direction_blocks, filled_blocks
from geo_risk.terrain.rims import Rims
from geo_risk.terrain.upslope import unseen_blocks, upslope_blocks


def ground(kind: str, shape: tuple[int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=shape)
    if kind == "steps":  # level ground everywhere
        z = np.round(2 * z)
    elif kind == "hills":  # wide hollows
        z = np.round(np.cumsum(np.cumsum(z, axis=0), axis=1) / 3)
    elif kind == "bowl":  # one hollow over all blocks
        rows, columns = np.indices(shape)
        z = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2).round() + (z > 1.5)
        z[[0, -1]] = z[:, [0, -1]] = 99
    return z


@pytest.mark.slow
@settings(max_examples=30)
@given(
    kind=st.sampled_from(["rough", "steps", "hills", "bowl"]), seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), chunks=st.tuples(st.integers(5, 30), st.integers(5, 30)),
    gaps=st.sampled_from([0.0, 0.02, 0.3]), dtype=st.sampled_from(["float32", "float64"]),
)  # fmt: skip
@example(kind="bowl", seed=1, shape=(40, 40), chunks=(7, 9), gaps=0.0, dtype="float32")
@example(kind="steps", seed=2, shape=(6, 7), chunks=(1, 2), gaps=0.0, dtype="float64")
def test_blocks_are_the_whole_array_cell_for_cell(kind, seed, shape, chunks, gaps, dtype):
    z = ground(kind, shape, seed).astype(dtype)
    z[np.random.default_rng(seed).random(shape) < gaps] = np.nan
    filled = fill(z)
    direction = flow_direction(filled)
    order = drainage_order(direction)
    cells = accumulate(direction, order)
    is_stream = cells >= 5
    height = height_above_drainage(direction, order, filled, is_stream)

    lazy_filled, codes = da.from_array(filled, chunks=chunks), da.from_array(direction, chunks=chunks)
    made = {
        "filled": (filled_blocks(da.from_array(z, chunks=chunks)), filled),
        "direction": (direction_blocks(lazy_filled), direction), "cells": (upslope_blocks(codes), cells),
        "hand": (hand_blocks(codes, lazy_filled, da.from_array(is_stream, chunks=chunks)), height),
        "unseen": (unseen_blocks(codes, lazy_filled), unseen_blocks(da.from_array(direction), da.from_array(filled))),
    }  # fmt: skip
    for name, (blocks, whole) in made.items():
        assert blocks.dtype == whole.dtype, name
        np.testing.assert_array_equal(blocks.compute(), np.asarray(whole), err_msg=name)


@given(kind=st.sampled_from(["steps", "hills", "bowl"]), seed=st.integers(0, 10_000))
def test_every_way_falls_or_comes_nearer_to_where_it_falls(kind, seed):
    filled = fill(ground(kind, (23, 31), seed))
    framed = np.pad(filled, 1, constant_values=np.nan)
    steps, code = flat_steps(framed), flow_direction(filled)
    rows, columns = np.indices(filled.shape)
    inside = code != OUTLET
    a = rows + np.array([0, 1, 1, 1, 0, -1, -1, -1, 0])[code]
    b = columns + np.array([1, 1, 0, -1, -1, -1, 0, 1, 0])[code]
    fall = filled - filled[a, b]
    nearer = (fall == 0) & (steps[a, b] == steps - 1)
    assert ((fall > 0) | nearer)[inside].all()
    assert (steps[~inside] == 0).all()


def test_steps_over_a_lake_go_round_its_islands():
    z = np.full((5, 7), 1.0)
    z[1:, 3] = 9.0  # an island that can be passed in the north only
    z[4, 6] = 0.0  # beside it (3, 5), (3, 6) and (4, 5) fall
    steps = flat_steps(np.pad(z, 1, constant_values=9.0))
    assert steps[4, 4:6].tolist() == [1, 0]
    assert steps[0, 3] == 3  # over (2, 4) and (1, 4)
    assert steps[4, 0] == 7


def test_a_surface_with_a_hollow_has_no_directions():
    z = np.full((5, 5), 2.0)
    z[2, 2] = 1.0
    framed = np.pad(z, 1, constant_values=2.0)
    framed[0, 0] = np.nan
    with pytest.raises(ValueError, match="depressions"):
        directions(framed, np.pad(flat_steps(framed), 1, constant_values=MISSING))


@pytest.mark.parametrize("shape", [(2, 5), (5,), (5, 5)])
def test_frames_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="needed"):
        flat_steps(np.zeros((5, 5) if shape == (5, 5) else shape), np.zeros((4, 4), np.int32))


def test_a_tile_says_where_its_parts_meet():
    z = np.array([[9, 9, 9, 9, 9], [1, 2, 7, 3, 1], [9, 9, 9, 9, 9]], float)  # two basins, 7 m between them
    made = fill_tile(np.pad(z, 1, constant_values=9.0))
    left, right = made.label[1, 0], made.label[1, 4]
    assert made.height[(made.pairs == sorted((left, right))).all(axis=1)].tolist() == [7.0]
    level = spill_levels(2, np.array([[0, 1], [1, 2]]), np.array([4.0, 7.0]))
    assert level.tolist() == [-np.inf, 4.0, 7.0]
    assert spill_levels(2, np.array([[0, 1]]), np.array([4.0]))[2] == np.inf


def test_rims_hold_what_was_put_along_borders():
    rims = Rims(((2, 1), (3, 2)), np.int32, -1)
    assert sorted(rims.rows) == [1, 2]
    assert sorted(rims.columns) == [2, 3]
    assert (rims.frame((0, 0)) == -1).all()


def test_sums_down_a_forest():
    assert sum_down(np.array([1, 2, -1, 2]), [1, 2, 4, 8]).tolist() == [1, 3, 15, 8]
    with pytest.raises(ValueError, match="ring"):
        sum_down(np.array([1, 0]), [1, 1])
    with pytest.raises(ValueError, match="needed"):
        sum_down(np.array([5]), [1])


def test_water_that_enters_missing_ground_is_refused():
    codes = np.full((2, 4), 0, np.int8)
    codes[:, 3] = OUTLET
    codes[0, 2] = MISSING
    with pytest.raises(ValueError, match="missing"):
        upslope_blocks(da.from_array(codes, chunks=(2, 2)))
