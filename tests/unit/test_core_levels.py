"""Levels: unknown is never safe."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError
from geo_risk.core.levels import Level, classify, classify_layer, combine_level_layers, combine_levels

level = st.integers(-1, 4)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(-1, 0, -1), (-1, 1, -1), (-1, 2, 2), (-1, 4, 4), (0, 1, 1), (3, 2, 3), (-1, -1, -1), (0, 0, 0)],
)
def test_highest_known_wins_and_unknown_beats_none_and_low(a, b, expected):
    assert combine_levels([a], [b])[0] == expected


@given(st.lists(level, min_size=1, max_size=6), st.randoms())
def test_order_does_not_matter_and_nothing_turns_safe(levels, random):
    got = int(combine_levels(*[[v] for v in levels])[0])
    shuffled = list(levels)
    random.shuffle(shuffled)
    assert got == int(combine_levels(*[[v] for v in shuffled])[0])
    if Level.UNKNOWN in levels:
        assert got not in (Level.NONE, Level.LOW)
    assert got >= Level.MEDIUM or got == Level.UNKNOWN or got == max(levels)


@given(st.lists(level, min_size=1, max_size=5), level, level)
def test_raising_an_input_never_lowers_the_known_result(levels, low, high):
    low, high = sorted((low, high))
    if low == Level.UNKNOWN:
        return  # learning that a place is safe may lower it
    before = int(combine_levels(*[[v] for v in (*levels, low)])[0])
    after = int(combine_levels(*[[v] for v in (*levels, high)])[0])
    assert after >= before


@pytest.mark.parametrize("bad", [[5], [-2], [1.5], [np.nan]])
def test_refuses_what_is_no_level(bad):
    with pytest.raises(DataError, match=r"-1\.\.4"):
        combine_levels(bad)


def test_refuses_nothing():
    with pytest.raises(DataError, match="no levels"):
        combine_levels()


def test_classes_hold_their_lower_bound():
    assert classify(np.array([-1, 0, 9.9, 10, 25, np.nan, np.inf]), [0, 10, 20, 30]).tolist() == [0, 1, 1, 2, 3, -1, 4]


@pytest.mark.parametrize("bounds", [[], [1, 1], [2, 1], [np.nan], [1, 2, 3, 4, 5]])
def test_refuses_bad_bounds(bounds):
    with pytest.raises(DataError, match="bounds"):
        classify(np.zeros(1), bounds)


def test_layers_stay_lazy_and_int8():
    layer = xr.DataArray(np.array([[0.5, np.nan]], "float32"), dims=("y", "x"), attrs={"units": "1"}).chunk()
    out = classify_layer(layer, [0.1, 0.4], long_name="test")
    assert out.chunks is not None
    assert out.dtype == np.int8
    both = combine_level_layers(out, out, long_name="both")
    assert both.chunks is not None
    assert both.values.tolist() == [[2, -1]]
