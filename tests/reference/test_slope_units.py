"""Slope units against ground whose half basins are known, and their parts by hand."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.stats import circvar

from geo_risk.core.errors import DataError, GridError, LimitError
from geo_risk.kernels.parts import first_end, follow, link_ends
from geo_risk.kernels.pieces import borders, pieces
from geo_risk.kernels.slope_units import circular_variance, merge_small
from geo_risk.terrain import slope_units
from geo_risk.terrain.params import SlopeUnitParams
from geo_risk.terrain.parts import label_boxes
from geo_risk.terrain.unit_table import Quality, quality_of, rate_divisions, unit_polygons, unit_table
from tests.support.terrain import grid_of_shape, hillsides, rough, small_params, units_of


def roofs(shape=(80, 80), cell=10.0, wave=400.0):
    """Ridges and valleys that run north-south and fall south: rows drain straight into the valleys."""
    y, x = np.mgrid[: shape[0], : shape[1]] * cell + cell / 2
    across = np.abs((x + wave / 2) % wave - wave / 2)
    panel = np.floor(2 * x / wave)
    return 500 + 0.5 * across - 0.05 * y, panel


@pytest.mark.slow
def test_the_sides_of_roofs_are_the_units():
    z, panel = roofs()
    got = units_of(hillsides(z), small_params())
    # valleys at x = 0, 400 and 800 m, ridges at 200 and 600 m; the valley at 400 m is two cells wide, the stream
    # runs in one of them: the other may go with either bank
    inner = np.zeros(z.shape, bool)
    inner[2:-2, 2:-2] = True
    inner[:, 38:42] = False
    largest = {p: max(np.unique(got[inner & (panel == p) & (got > 0)], return_counts=True)[1]) for p in (1, 2)}
    for p in (1, 2):
        names, counts = np.unique(got[inner & (panel == p)], return_counts=True)
        top = names[np.argmax(counts)]
        assert top > 0
        # nothing of it on the other side of the ridge or of the stream
        assert set(np.unique(panel[(got == top) & inner])) == {p}
        assert largest[p] > 0.6 * (inner & (panel == p)).sum()
        rows = np.nonzero((got == top) & inner)[0]
        assert rows.max() == z.shape[0] - 3


def test_circular_variance_is_scipys():
    angles = np.random.default_rng(4).uniform(0, 2, (3, 50))
    got = circular_variance(np.sin(angles).sum(axis=1), np.cos(angles).sum(axis=1), np.full(3, 50))
    np.testing.assert_allclose(got, circvar(angles, axis=1), rtol=1e-12)
    east, north, n = np.array([3.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0]), np.array([3, 2, 0])
    np.testing.assert_array_equal(circular_variance(east, north, n), [0.0, 1.0, np.nan])


@pytest.mark.slow
def test_every_unit_is_one_piece_large_enough_and_faces_one_way_or_is_small():
    given, params = hillsides(rough(1)), small_params()
    labels = units_of(given, params)
    layer = given.slope.copy(data=labels).assign_attrs(units="1")
    table, quality = unit_table(layer, given.slope, given.aspect, flat_slope_deg=params.flat_slope_deg)
    assert len(table) > 20
    assert (table["area_m2"] >= params.area_clean_m2).all()
    wide = table["circular_variance"] > params.circular_variance_max
    # still wide: too small to divide, or a nose whose water gathers nowhere; noses here are up to 80 m x 200 m
    assert (table.loc[wide, "area_m2"] < 16_000).all()
    assert not (pieces((labels > 0) * labels, np.zeros_like(labels)).max() > len(table))
    coarse = units_of(given, small_params(circular_variance_max=0.9, area_max_m2=1e9))
    rough_table, before = unit_table(
        layer.copy(data=coarse), given.slope, given.aspect, flat_slope_deg=params.flat_slope_deg
    )
    # dividing never makes the mean variance larger
    assert quality.internal < before.internal
    assert len(rough_table) < len(table)
    by_hand = layer.to_numpy() == table["label"].iloc[3]
    angles = np.radians(given.aspect.to_numpy()[by_hand & (given.slope.to_numpy() >= 0.5)])
    assert table["circular_variance"].iloc[3] == pytest.approx(circvar(angles), abs=1e-6)
    assert table["slope_mean_deg"].iloc[3] == pytest.approx(given.slope.to_numpy()[by_hand].mean(), rel=1e-5)


@pytest.mark.slow
def test_plains_are_no_units_and_gaps_are_unknown():
    y, x = np.mgrid[:70, :90] * 10.0
    z = 500 + 0.4 * np.maximum(np.abs(x - 450) - 150, 0) - 0.0005 * y
    z[10:14, 5:9] = np.nan
    given = hillsides(z)
    labels = units_of(given, small_params())
    assert (labels[5:-5, 35:55] <= 0).all()
    assert (labels[5:-5, 35:55] == slope_units.FLAT).mean() > 0.9
    assert (labels[10:14, 5:9] == slope_units.UNKNOWN).all()
    # the ground beside the gap that is a unit is marked as not whole
    layer = given.slope.copy(data=labels).assign_attrs(units="1")
    table, _ = unit_table(layer, given.slope, given.aspect, flat_slope_deg=0.5)
    beside = {int(v) for v in np.unique(labels[9:15, 4:10]) if v > 0}
    assert not table.set_index("label").loc[sorted(beside), "is_whole"].any()
    assert (units_of(hillsides(np.full((40, 40), 300.0)), small_params()) <= 0).all()


def test_ends_of_links_by_hand():
    # two streams meet and leave over the southern edge; d8 codes: 2 south, 3 southwest, 1 southeast
    codes = np.array([[1, -1, 3], [-1, 2, -1], [-1, 8, -1]], dtype=np.int8)
    area = np.array([[5, 0, 6], [0, 12, 0], [0, 13, 0]], dtype=float)
    padded = np.pad(codes, 2, constant_values=-1), np.pad(area, 2, constant_values=np.nan)
    got = link_ends(*padded, 5.0)
    np.testing.assert_array_equal(got, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(link_ends(*padded, 6.0), [[0, 0, 0], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(first_end(codes, got), [[0, -1, 2], [-1, 7, -1], [-1, 7, -1]])
    # without its last row the block is left at cell 4
    np.testing.assert_array_equal(first_end(codes[:2], got[:2] & False)[1], [-1, -6, -1])
    with pytest.raises(ValueError, match="ring"):
        first_end(np.array([[0, 4]], dtype=np.int8), np.zeros((1, 2), bool))
    with pytest.raises(ValueError, match="one shape"):
        link_ends(*padded, float("nan"))


def test_ways_between_blocks_by_hand():
    cells = np.array([3, 7, 9, 20])
    got = follow(cells, np.array([7, 20, 9, 44]), np.array([False, False, True, True]))
    np.testing.assert_array_equal(got, [44, 44, 9, 44])
    with pytest.raises(ValueError, match="ring"):
        follow(np.array([1, 2]), np.array([2, 1]), np.array([False, False]))
    with pytest.raises(ValueError, match="not at its edge"):
        follow(np.array([1, 2]), np.array([2, 5]), np.array([False, False]))


def test_pieces_touch_at_corners_and_borders_count_sides():
    labels = np.array([[1, 1, 0], [0, 2, 1], [3, 3, 1]])
    np.testing.assert_array_equal(pieces(labels, labels * 0), [[1, 1, 0], [0, 2, 1], [3, 3, 1]])
    np.testing.assert_array_equal(pieces(labels > 0, np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])),
                                  [[1, 2, 0], [0, 1, 1], [1, 1, 1]])  # fmt: skip
    pairs, sides = borders(labels)
    assert pairs.tolist() == [[1, 2], [1, 3], [2, 3]]
    assert sides.tolist() == [2, 1, 1]
    with pytest.raises(ValueError, match="one"):
        pieces(labels, labels[:2])


def test_a_sliver_goes_to_the_neighbour_that_faces_its_way():
    # units 1 (east) and 2 (north) are large; 3 faces north, has a longer border with 1; 4 is small and alone
    sums = np.array([[0, 100, 100, 5, 3], [0, 100, 100, 5, 3], [0, 100, 0, 0, 0], [0, 0, 100, 5, 3]], dtype=float)
    into = merge_small(sums, np.array([[1, 2], [1, 3], [2, 3]]), np.array([9, 8, 1]), cells_clean=10)
    assert into.tolist() == [0, 1, 2, 2, 4]
    assert merge_small(sums, np.empty((0, 2), int), np.empty(0, int), cells_clean=10).tolist() == [0, 1, 2, 3, 4]


def test_quality_by_hand():
    table = pd.DataFrame({"label": [2, 5, 9], "area_m2": [1.0, 1.0, 2.0], "aspect_mean_deg": [350.0, 10.0, 0.0],
                          "circular_variance": [0.1, 0.3, 0.2]})  # fmt: skip
    got = quality_of(table, np.array([[2, 5], [5, 9], [5, 77]]))
    assert got.internal == pytest.approx((0.1 + 0.3 + 0.4) / 4)
    # turns from north of -10, 10, 0 degrees: I = 3 (-100 + 0) / (200 x 2), the pair with an unknown unit left out
    assert got.external == pytest.approx(-0.75)
    assert np.isnan(quality_of(table, np.empty((0, 2), int)).external)
    assert quality_of(table.iloc[:0], np.empty((0, 2), int)).n_units == 0
    rated = rate_divisions([Quality(0.2, 0.5, 9), Quality(0.1, 0.9, 20), Quality(0.15, 0.5, 12)])
    np.testing.assert_allclose(rated, [0 + 1, 1 + 0, 0.5 + 1])
    for few in ([Quality(0.2, 0.5, 9)], [Quality(0.2, 0.5, 9), Quality(0.2, 0.4, 9)],
                [Quality(0.2, float("nan"), 9), Quality(0.1, 0.4, 9)], []):  # fmt: skip
        with pytest.raises(DataError, match="rated"):
            rate_divisions(few)


@pytest.mark.slow
def test_outlines_cover_the_cells_and_hide_the_blocks():
    given = hillsides(rough(2))
    layer = given.slope.copy(data=units_of(given, small_params())).assign_attrs(units="1")
    whole, split = unit_polygons(layer), unit_polygons(layer.chunk({"y": 17, "x": 23}))
    names, counts = np.unique(layer.to_numpy()[layer.to_numpy() > 0], return_counts=True)
    assert whole["label"].tolist() == names.tolist() == split["label"].tolist()
    np.testing.assert_allclose(whole.area, counts * 100.0)
    assert all(a.equals_exact(b, 0) for a, b in zip(whole.geometry, split.geometry, strict=True))
    assert whole.crs.to_epsg() == 4546
    assert len(unit_polygons(layer.copy(data=np.zeros_like(layer.to_numpy())))) == 0


def test_bad_input_ends_clearly(monkeypatch):
    given = hillsides(rough(3, shape=(30, 30)))
    with pytest.raises(GridError):
        units_of(slope_units.Hillsides(given.direction, given.upslope_area, given.slope,
                                       grid_of_shape((30, 31)).layer(np.zeros((30, 31)), units="degree",
                                                                     long_name="a", name="a")),
                 small_params())  # fmt: skip
    ring = given.direction.copy(data=given.direction.to_numpy().copy())
    ring[10, 10], ring[10, 11] = 0, 4
    with pytest.raises(DataError, match="ring"):
        units_of(slope_units.Hillsides(ring, given.upslope_area, given.slope, given.aspect), small_params())
    monkeypatch.setattr(slope_units, "BOX_CELLS_MAX", 10)
    with pytest.raises(LimitError, match="part_area_m2"):
        units_of(given, small_params())
    for bad in ({"area_min_m2": 1e6}, {"area_max_m2": 1e5}, {"part_area_m2": 1e5}, {"reduction": 1.0},
                {"circular_variance_max": float("nan")}):  # fmt: skip
        with pytest.raises(ValidationError):
            SlopeUnitParams(**bad)


def test_boxes_span_blocks():
    labels = np.array([[0, 4, 4], [0, 4, 9], [0, 0, 9]])
    for chunks in ((3, 3), (1, 2)):
        got = label_boxes(da.from_array(labels, chunks=chunks))
        assert got.label.tolist() == [4, 9]
        assert got.rows.tolist() == [[0, 2], [1, 3]]
        assert got.columns.tolist() == [[1, 3], [2, 3]]
        assert got.cells.tolist() == [3, 2]
