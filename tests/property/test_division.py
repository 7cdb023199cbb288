"""Zones cut along drainage, and houses judged by the warnings of cells."""

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from dask.base import is_dask_collection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from shapely.geometry import box

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.exposure.zonal import cell_coverage
from geo_risk.kernels.reach import reach_level
from geo_risk.products.demand import not_judged
from geo_risk.products.division import divide_along_drainage, hillslope_sets
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.threat import Threat, highest_reach, house_threat, reach_layers
from geo_risk.products.vulnerability import matrix_risk
from tests.support.mosaics import array_of, mosaic_of

CRS = "EPSG:4546"
GRID = Grid.from_bounds((0, 0, 300, 300), crs=CRS, resolution_m=30)
PARAMS = EvacuationParams()


def layer(values, units="level", name="x"):
    return GRID.layer(np.asarray(values), units=units, long_name=name, name=name)


def divided(labels, sets, **limits):
    """Return the divided labels of an array, worked through in blocks of 4 x 7 cells."""
    units = [da.from_array(u, chunks=(4, 7)) for u in sets]
    found, n = divide_along_drainage(mosaic_of(labels, (4, 7)), int(labels.max()), units, **limits)
    got = array_of(found)
    assert n == got.max()
    return got


def test_a_large_patch_is_cut_at_the_unit_border_and_slivers_join_the_longest_border():
    labels = np.ones((6, 10), dtype=np.int64)
    units = np.ones((6, 10), dtype=np.int64)
    units[:, 5:] = 2
    units[0, 4] = 3  # a sliver: two sides on unit 1, one on unit 2
    got = divided(labels, [units], max_cells=40, merge_cells=4)
    assert got[0, 4] == got[0, 0]
    assert set(np.unique(got[:, 5:])) == {got[0, 9]}
    assert got.max() == 2
    same = divided(labels, [units], max_cells=60, merge_cells=4)
    assert same.max() == 1  # small enough: stays whole


@given(hnp.arrays(bool, (15, 15)), st.integers(0, 10**6), st.integers(3, 60), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_every_cell_stays_in_its_patch_and_no_zone_is_too_large(cells, seed, max_cells, merge_cells):
    labels, _ = ndimage.label(cells)
    rng = np.random.default_rng(seed)
    sets = [rng.integers(0, 3, (15, 15)), rng.integers(0, 6, (15, 15))]
    got = divided(labels, sets, max_cells=max_cells, merge_cells=merge_cells)
    np.testing.assert_array_equal(got > 0, cells)
    assert np.bincount(got.ravel())[1:].max(initial=0) <= max_cells
    for part in range(1, int(got.max()) + 1):
        assert len(np.unique(labels[got == part])) == 1


@pytest.mark.slow
def test_hillslopes_come_coarsest_first_and_other_grids_stop():
    direction = np.full(GRID.shape, 2, dtype=np.int8)
    direction[-1] = 8
    area = np.tile(np.arange(1, 11)[:, None] * 900.0, (1, 10))
    sets = list(hillslope_sets(layer(direction), layer(area, "m2"), catchment_m2=9000))
    assert len(sets) == 1
    other = Grid.from_bounds((0, 0, 600, 600), crs=CRS, resolution_m=60).layer(area, units="m2", long_name="a")
    with pytest.raises(GridError):
        next(hillslope_sets(layer(direction), other, catchment_m2=9000))
    with pytest.raises(ValueError, match="greater than 0"):
        RiskParams(zone_catchment_m2=0)


def test_houses_on_and_below_warned_ground_are_called():
    z = np.zeros((10, 10))
    z[:, 5:] = 60.0
    warning = np.zeros((10, 10), dtype=np.int8)
    warning[2, 5] = 3
    warning[7, 2] = -1
    layers = reach_layers(layer(z, "m"), {"warning_24h": layer(warning)}, params=PARAMS)
    houses = gpd.GeoDataFrame(
        geometry=[box(155, 215, 165, 225), box(125, 215, 135, 225), box(5, 215, 15, 225), box(65, 65, 75, 75)], crs=CRS
    )
    threat = house_threat(houses, layers, params=PARAMS)
    assert threat.share.tolist() == [1.0, 1.0, 0.0, 0.0]  # on it, below it, beyond the angle, unknown ground
    assert threat.warnings["warning_24h"].tolist() == [3, 3, 0, -1]
    assert (threat.warnings["warning_1h"] == -1).all()
    assert threat.is_judged(PARAMS).tolist() == [True, True, True, False]
    judged = threat.is_judged(PARAMS)
    owned = houses.assign(settlement_id=["a", "a", "b", "b"], people=[4.0, 3.0, 2.0, 1.5])
    zones = gpd.GeoDataFrame({"zone_id": ["Z"]}, geometry=[box(64, 64, 76, 76)], crs=CRS)
    silent = not_judged(owned, zones.iloc[:0], judged, params=PARAMS)
    assert silent.to_dict("index") == {"b": {"houses_not_judged": 1, "people_not_judged": 2}}
    assert not len(not_judged(owned, zones, judged, params=PARAMS))  # a zone calls it
    assert not len(not_judged(owned.assign(people=0.0), zones.iloc[:0], judged, params=PARAMS))  # nobody there
    nobody_knows = not_judged(owned.assign(people=np.nan), zones.iloc[:0], judged, params=PARAMS)
    assert nobody_knows.loc["b"].tolist() == [1, 0]
    assert reach_layers(layer(z, "m"), {}, params=PARAMS) == {}
    with pytest.raises(ValueError, match="no reach layer"):
        highest_reach({})


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(3, 10), st.integers(3, 10))
@settings(max_examples=15, deadline=None)
def test_reach_is_the_same_whatever_the_blocks_and_read_only_where_houses_stand(seed, rows, columns):
    near = EvacuationParams(reach_distance_m=90.0)  # three cells: blocks are smaller than the county
    rng = np.random.default_rng(seed)
    z = rng.uniform(0, 120, (10, 10))
    z[rng.random((10, 10)) < 0.1] = np.nan
    warnings = {f"warning_{h}h": layer(rng.integers(-1, 5, (10, 10)).astype(np.int8)) for h in (24, 6)}
    want = {
        name: reach_level(z, w.to_numpy(), cell_m=30, angle_deg=near.reach_angle_deg,
                          distance_m=near.reach_distance_m)
        for name, w in warnings.items()
    }  # fmt: skip
    cut = {"y": rows, "x": columns}
    got = reach_layers(layer(z, "m").chunk(cut), {n: w.chunk(cut) for n, w in warnings.items()}, params=near)
    for name, found in got.items():
        np.testing.assert_array_equal(found.to_numpy(), want[name])
    houses = gpd.GeoDataFrame(geometry=[box(x, y, x + 40, y + 25) for x, y in rng.uniform(0, 250, (4, 2))], crs=CRS)
    lazy = house_threat(houses, got, params=near)
    whole = house_threat(houses, {n: layer(v) for n, v in want.items()}, params=near)
    np.testing.assert_array_equal(lazy.share, whole.share)
    np.testing.assert_array_equal(lazy.level, whole.level)
    assert lazy.warnings.equals(whole.warnings)
    assert is_dask_collection(highest_reach(got).data)


def test_bands_without_entries_are_not_computed():
    def band(block, block_info=None):
        if block_info[0]["chunk-location"][0] != 1:
            msg = "no house stands here"
            raise AssertionError(msg)
        return block

    every = da.from_array(np.arange(100).reshape(10, 10), chunks=(3, 10))
    lazy = every.map_blocks(band, dtype=int, meta=np.empty((0, 0), int))
    houses = gpd.GeoDataFrame(geometry=[box(35, 140, 100, 170), box(200, 140, 230, 145)], crs=CRS)  # rows 4 and 5
    coverage = cell_coverage(houses, GRID)
    np.testing.assert_array_equal(coverage.values(lazy), coverage.values(np.arange(100).reshape(10, 10)))
    nobody = cell_coverage(houses.iloc[:0], GRID)
    assert nobody.values(lazy).shape == (0,)


def test_nothing_exposed_is_at_most_low_and_unknown_is_not():
    matrix = RiskParams().risk_matrix
    assert matrix_risk([4, 3, 2, 1, 0, -1], [0] * 6, matrix).tolist() == [1, 1, 1, 1, 0, -1]
    assert matrix_risk([4, 3, 1], [-1] * 3, matrix).tolist() == [2, 2, -1]


def test_a_quiet_hour_judges_nobody_for_the_day():
    stages = {f"warning_{s}h": np.full(4, -1, dtype=np.int8) for s in (72, 24, 6, 3, 1)}
    stages["warning_1h"] = np.array([0, 3, -1, 0], dtype=np.int8)
    stages[f"warning_{PARAMS.known_hours}h"] = np.array([-1, -1, -1, 0], dtype=np.int8)
    warnings = pd.DataFrame(stages)
    level = warnings.max(axis=1).to_numpy()
    threat = Threat(np.array([0.0, 1.0, 0.0, 0.0]), warnings, level)
    assert threat.is_judged(PARAMS).tolist() == [False, True, False, True]  # quiet, warned, unknown; quiet for longer
