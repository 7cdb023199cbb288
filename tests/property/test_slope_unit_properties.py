"""What holds for the slope units of any ground, however it is cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.kernels.d8 import downstream
from geo_risk.terrain.parts import part_labels
from tests.support.terrain import hillsides, rough, small_params, units_of


def _check(seed: int, chunks: tuple[int, int], gaps: int, shape: tuple[int, int] = (60, 70)) -> None:
    z = rough(seed, shape=shape)
    rng = np.random.default_rng(seed)
    for r, c in rng.integers(3, min(shape) - 3, (gaps, 2)):
        z[r : r + 2, c : c + 3] = np.nan
    ground, params = hillsides(z), small_params()
    whole = units_of(ground, params)
    np.testing.assert_array_equal(units_of(ground, params, chunks), whole)
    assert (whole[np.isnan(z)] == -1).all()
    names, first = np.unique(whole, return_index=True)
    assert (names[names > 0] == 1 + first[names > 0]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "chunks", "gaps"), [(11, (16, 40), 0), (12, (17, 23), 2)])
def test_blocks_do_not_change_a_unit(seed, chunks, gaps):
    _check(seed, chunks, gaps, shape=(34, 40))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.tuples(st.integers(5, 60), st.integers(5, 70)), st.integers(0, 4))
def test_blocks_do_not_change_a_unit_of_any_ground(seed, chunks, gaps):
    _check(seed, chunks, gaps)


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(60, 70), (13, 29), (2, 35)])
def test_a_part_is_what_walks_to_the_same_end(chunks):
    ground = hillsides(rough(21))
    split = [v.chunk({"y": chunks[0], "x": chunks[1]}) for v in (ground.direction, ground.upslope_area)]
    got = part_labels(*split, part_area_m2=50_000).compute()
    codes, area = ground.direction.to_numpy().ravel(), ground.upslope_area.to_numpy().ravel()
    big = area >= 50_000
    below = np.array([downstream(i, codes[i], 70) for i in range(codes.size)])
    streams_in = np.bincount(below[big & (below >= 0)], minlength=codes.size)
    for cell in range(0, codes.size, 7):
        at = cell
        while below[at] >= 0 and not (big[at] and streams_in[below[at]] > 1):
            at = below[at]
        assert got.ravel()[cell] == at + 1


@pytest.mark.slow
def test_ground_beyond_a_divide_changes_nothing():
    # the same hills with another map beyond: parts that do not reach the cut keep their units
    z = rough(31, shape=(60, 100))
    params = small_params()
    wide, narrow = units_of(hillsides(z), params), units_of(hillsides(z[:, :80]), params)
    row, column = np.divmod(np.maximum(wide, 1) - 1, 100)
    renamed = np.where(wide > 0, row * 80 + column + 1, wide)[:, :80]
    assert (renamed[:, :20] == narrow[:, :20]).mean() > 0.95
