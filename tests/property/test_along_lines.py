"""Points along lines and cells under lines, against the library that does it one by one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize, touched_by_lines
from geo_risk.exposure.along import middles

GRID = Grid.from_bounds((500_000, 4_000_000, 501_200, 4_000_900), crs="EPSG:4546", resolution_m=30)


def lines_of(seed: int, n: int, most: int = 7) -> np.ndarray:
    """Lines of 2 to `most` vertices on and around the grid, some of no length, some vertices on cell corners."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        xy = rng.uniform((499_900, 3_999_900), (501_300, 4_001_000), (rng.integers(2, most + 1), 2))
        if rng.random() < 0.3:
            xy = np.round(xy / 30) * 30
        if rng.random() < 0.1:
            xy[:] = xy[0]
        out.append(shapely.linestrings(xy))
    return np.array(out, dtype=object)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_middles_are_those_of_the_library(seed: int, n: int) -> None:
    lines = lines_of(seed, n)
    count = np.random.default_rng(seed).integers(1, 30, n)
    row = np.repeat(np.arange(n), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    plain = shapely.line_interpolate_point(lines[row], (within + 0.5) / count[row], normalized=True)
    # metres; coordinates of 4e6 m have 1e-9 m in their last place, and a compiler may contract what another does not
    np.testing.assert_allclose(middles(lines, count), shapely.get_coordinates(plain), rtol=0, atol=1e-8)


def test_middles_of_an_empty_line_are_nan_and_of_no_lines_none() -> None:
    found = middles(np.array([shapely.LineString(), shapely.LineString([(0, 0), (8, 0)])]), np.array([1, 2]))
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [2, 0], [6, 0]])
    assert middles(np.array([], dtype=object), np.array([], dtype=np.int64)).shape == (0, 2)


def test_middles_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="LineStrings alone"):
        middles(np.array([shapely.Point(0, 0)]), np.array([1]))


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_cells_under_lines_are_those_burned_one_by_one(seed: int, n: int) -> None:
    lines = lines_of(seed, n)
    lines[::5] = [shapely.MultiLineString([line, lines_of(seed + 1, 1)[0]]) for line in lines[::5]]
    given_ = np.array([None, shapely.LineString(), *lines], dtype=object)
    plain = rasterize(((g, 1) for g in given_), GRID, fill=0, dtype="uint8", all_touched=True)
    np.testing.assert_array_equal(touched_by_lines(given_, GRID), plain)


def test_cells_under_many_lines_are_burned_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_of(3, 50)
    whole = touched_by_lines(lines, GRID)
    monkeypatch.setattr("geo_risk.core.vectorize._LINES_AT_ONCE", 7)
    np.testing.assert_array_equal(touched_by_lines(lines, GRID), whole)
    assert 0 < whole.sum() < whole.size


def test_no_lines_touch_nothing_and_areas_are_refused() -> None:
    assert not touched_by_lines(np.array([], dtype=object), GRID).any()
    with pytest.raises(ValueError, match="lines"):
        touched_by_lines(np.array([shapely.box(0, 0, 1, 1)]), GRID)
