"""The grid that radar maps are worked through on, and layers of the run grid at its cells."""

import numpy as np
import pytest
from affine import Affine
from dask import array as da
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation import _detection_grid, coarser_note
from geo_risk.flow.steps.deformation_areas import hotspot_share, nearest_windows
from geo_risk.hazards.deformation.areas.hotspots import gi_star
from geo_risk.publish.frames import write_json

RUN = Grid(GeoBox((21, 34), Affine(30, 0, 500_000, 0, -30, 4_000_630), "EPSG:4546"))
ALL = 10**6


def values_at(layer, grid: Grid, side: int) -> np.ndarray:
    return nearest_windows(layer, grid, side=side)[slice(0, grid.shape[0]), slice(0, grid.shape[1])]


@pytest.mark.parametrize("side", [3, 64])
def test_a_layer_is_read_at_the_nearest_cells_of_the_detection_grid(side):
    values = np.arange(21 * 34, dtype=np.float32).reshape(RUN.shape)
    layer = RUN.layer(da.from_array(values, chunks=(5, 7)), units="1", long_name="x", name="x")
    grid = _detection_grid(RUN, 90.0, most=ALL)
    assert grid.shape == (7, 11)
    # the middle one of three by three cells
    assert np.array_equal(values_at(layer, grid, side), values[1::3, 1:33:3])
    # centres on an edge fall to the west and to the north
    assert np.array_equal(values_at(layer, _detection_grid(RUN, 60.0, most=ALL), side), values[0:20:2, 0::2])


def test_cells_beyond_the_run_are_missing():
    layer = RUN.layer(np.ones(RUN.shape, np.float32), units="1", long_name="x", name="x")
    wide = Grid(GeoBox((8, 12), Affine(90, 0, 500_000 - 90, 0, -90, 4_000_630), "EPSG:4546"))
    got = values_at(layer, wide, 64)
    assert np.isnan(got[:, 0]).all()
    assert np.isnan(got[7]).all()
    assert (got[:7, 1:] == 1).all()


@given(st.sampled_from([20.0, 30.0, 47.0, 60.0, 90.0]), st.integers(1, 900))
def test_maps_of_too_many_cells_are_taken_on_wider_ones_and_that_is_said(posting, most):
    grid, own = (_detection_grid(RUN, posting, most=n) for n in (most, ALL))
    n = grid.shape[0] * grid.shape[1]
    assert n <= most
    said = coarser_note(RUN, posting, grid, limit="the.limit", what=("moving areas", "活动形变区"))
    assert bool(said) == (own.shape[0] * own.shape[1] > most) == (grid != own)
    if said:
        times = grid.resolution_m / own.resolution_m
        assert times == pytest.approx(round(times))
        # one step less would have been too many
        finer = _detection_grid(RUN, (round(times) - 1) * own.resolution_m, most=ALL)
        assert finer.shape[0] * finer.shape[1] > most
        assert said[0]["level"] == "warning"
        assert "the.limit" in said[0]["text_en"]
        assert f"{grid.resolution_m:g} m were" in said[0]["text_en"]
        assert "漏判不等于稳定" in said[0]["text_zh"]


@pytest.mark.parametrize("n_known", [0, 1, 9])
def test_a_map_without_hot_spots_to_find_has_no_share_of_them_and_its_facts_are_written(tmp_path, n_known):
    values = np.full((9, 9), np.nan, np.float32)
    values.flat[:n_known] = -60.0
    share = hotspot_share(gi_star(values, 2.0), 0.05)
    assert share is None
    write_json({"counts": {"hotspot_share_asc": share}}, tmp_path / "facts.json")
    values.flat[:] = np.arange(81)
    assert hotspot_share(gi_star(values, 2.0), 0.05) >= 0
