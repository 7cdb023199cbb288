"""Zones drawn block by block: the same for any blocks, and the same as in one piece."""

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry import Polygon, box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.kernels.banks import bank_ends
from geo_risk.kernels.basins import hillslopes
from geo_risk.kernels.d8 import drainage_order
from geo_risk.products.delineation import fit_for_maps, zone_polygons
from geo_risk.products.params import RiskParams
from geo_risk.products.zones import Dangers, Exposed, risk_zones
from geo_risk.terrain.banks import hillslope_labels
from geo_risk.terrain.hydrology import drainage
from geo_risk.terrain.mosaic import borders_of, connected
from geo_risk.terrain.outlines import label_outlines
from geo_risk.terrain.parts import tiles
from tests.support.mosaics import array_of, mosaic_of
from tests.support.terrain import grid_of_shape, rough

SHAPE = (48, 55)
GRID = Grid(GeoBox(SHAPE, Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
PARAMS = RiskParams(zone_max_area_m2=90_000, zone_merge_area_m2=20_000, zone_min_area_m2=5_000,
                    zone_catchment_m2=200_000)  # fmt: skip
chunk = st.tuples(st.integers(12, 48), st.integers(12, 55))


@pytest.fixture(autouse=True)
def _in_one_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def layer(values, units="level", name="hazard"):
    return GRID.layer(values, units=units, long_name=name, name=name)


def routed(seed, hole=True):
    z = rough(seed, SHAPE, 30.0)
    if hole:
        z[10:14, 20:23] = np.nan
    return drainage(layer(z, "m", "dem"))


def scene(seed):
    """Levels in patches of many sizes, houses, and two layers of warnings."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=SHAPE), rng.uniform(1, 3))
    level = np.digitize(noise / noise.std(), [-1.0, 0.0, 0.4, 1.2]).astype(np.int8)
    level[rng.random(SHAPE) < 0.03] = -1
    warning = rng.integers(-1, 5, SHAPE).astype(np.int8)
    left, bottom, right, top = GRID.bounds
    xy = rng.uniform((left, bottom), (right - 10, top - 10), (25, 2))
    houses = gpd.GeoDataFrame(
        {"house_id": [f"B{i}" for i in range(25)], "settlement_id": [f"S{i % 5}" for i in range(25)],
         "people": rng.integers(1, 30, 25).astype(float), "households": 1.0, "is_building": True},
        geometry=[box(x, y, x + 10, y + 10) for x, y in xy], crs=GRID.crs,
    )  # fmt: skip
    return level, warning, houses


def drawn(seed, chunks, *, with_drainage=True):
    level, warning, houses = scene(seed)
    ways = routed(seed)
    split = {"y": chunks[0], "x": chunks[1]}
    layers = [layer(v).chunk(split) for v in (level, warning)]
    both = (ways.direction.chunk(split), ways.upslope_area.chunk(split)) if with_drainage else None
    dangers = Dangers({"landslide": layers[0]}, {"warning_24h": layers[1]}, drainage=both)
    return risk_zones(dangers, Exposed(houses), GRID, params=PARAMS, language="en")


@pytest.mark.slow
@given(st.integers(0, 10**6), chunk, st.booleans())
@settings(max_examples=15, deadline=None)
def test_zones_are_the_same_in_any_blocks(seed, chunks, with_drainage):
    whole = drawn(seed, SHAPE, with_drainage=with_drainage)
    split = drawn(seed, chunks, with_drainage=with_drainage)
    assert whole["zone_id"].tolist() == split["zone_id"].tolist()
    assert shapely.equals_exact(whole.geometry.to_numpy(), split.geometry.to_numpy(), 0).all()
    kept = ["hazard_level", "warning_24h", "people", "risk_level", "reasons"]
    assert whole[kept].astype(str).equals(split[kept].astype(str))
    assert whole.area.max() <= 1.2 * PARAMS.zone_max_area_m2  # outlines are smoothed


@pytest.mark.slow
@given(st.integers(0, 10**6), chunk)
@settings(max_examples=15, deadline=None)
def test_hillslopes_are_the_same_in_any_blocks_and_those_of_the_whole_map(seed, chunks):
    ways = routed(seed)
    split = {"y": chunks[0], "x": chunks[1]}
    for catchment in (200_000.0, 20_000.0):
        whole = hillslope_labels(ways.direction, ways.upslope_area, catchment_m2=catchment).compute()
        some = hillslope_labels(ways.direction.chunk(split), ways.upslope_area.chunk(split), catchment_m2=catchment)
        np.testing.assert_array_equal(some.compute(), whole)
        codes = np.nan_to_num(ways.direction.to_numpy().astype(float), nan=-1).astype(np.int8)
        area = np.nan_to_num(ways.upslope_area.to_numpy(), nan=0.0)
        kernel = hillslopes(codes, drainage_order(codes), area >= catchment)
        np.testing.assert_array_equal(whole == 0, kernel == 0)
        # only what drains straight into a meeting of streams may be told another bank
        met = _at_meetings(codes, area >= catchment)
        pairs = np.unique(np.stack([whole[~met], kernel[~met]]), axis=1)
        assert len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))


def _at_meetings(codes, stream):
    """Return the ground whose water first meets a stream where two or more streams meet."""
    steps = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    inflows = np.zeros(codes.shape, dtype=int)
    for i, j in zip(*np.nonzero(stream & (codes < 8)), strict=True):
        inflows[i + steps[codes[i, j]][0], j + steps[codes[i, j]][1]] += 1
    out = np.zeros(codes.shape, dtype=bool)
    for i, j in zip(*np.nonzero((codes >= 0) & ~stream), strict=True):
        a, b = i, j
        while codes[a, b] < 8 and not stream[a, b]:
            a, b = a + steps[codes[a, b]][0], b + steps[codes[a, b]][1]
        out[i, j] = stream[a, b] and inflows[a, b] > 1
    return out


@pytest.mark.slow
@given(hnp.arrays(np.int8, (17, 19), elements=st.integers(0, 2)), st.tuples(st.integers(5, 17), st.integers(5, 19)))
@settings(max_examples=12, deadline=None)
def test_pieces_and_borders_are_those_of_the_whole_array(values, chunks):
    split = da.core.normalize_chunks(chunks, shape=values.shape, dtype=np.int8)
    keys = {at: (dask.delayed(values[r : r + h, c : c + w]), None) for at, (r, c), (h, w) in tiles(split)}
    found, key, cells = connected(keys, split)
    got = array_of(found)
    wanted = np.zeros(values.shape, dtype=int)
    for value in (1, 2):
        label, _ = ndimage.label(values == value)
        wanted += np.where(label > 0, label + wanted.max(), 0)
    pairs = np.unique(np.stack([got.ravel(), wanted.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(got)) == len(np.unique(wanted))
    first = [int(np.flatnonzero(got.ravel() == k + 1)[0]) for k in range(len(key))]
    assert first == sorted(first)
    assert values.ravel()[first].tolist() == key.tolist()
    assert np.bincount(got.ravel(), minlength=len(key) + 1)[1:].tolist() == cells.tolist()
    whole = borders_of(mosaic_of(got))
    for one, other in zip(borders_of(found), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole[1].sum() == _sides(got)
    outlines, plain = (
        label_outlines(found, grid_of_shape(values.shape)),
        polygons_of_labels(got, grid_of_shape(values.shape)),
    )
    assert outlines.is_valid.all()
    assert shapely.equals(outlines.geometry.to_numpy(), plain.geometry.to_numpy()).all()
    rows, columns = np.nonzero(got >= 0)
    np.testing.assert_array_equal(found.at_cells(rows, columns), got.ravel())


def _sides(labels):
    n = 0
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        n += int(((one != other) & (one > 0) & (other > 0)).sum())
    return n


def test_bad_input_of_banks_stops():
    codes, area = np.full((6, 6), 8, dtype=np.int8), np.ones((6, 6))
    with pytest.raises(ValueError, match="one shape"):
        bank_ends(codes, area[1:], 1.0)
    for threshold in (0.0, np.nan):
        with pytest.raises(ValueError, match="> 0 needed"):
            bank_ends(codes, area, threshold)
    ring = np.full(SHAPE, 8, dtype=np.int8)
    ring[5, 5:7] = 0, 4  # two cells that drain into one another
    with pytest.raises(DataError, match="ring"):
        hillslope_labels(layer(ring, "1"), layer(np.ones(SHAPE), "m2"), catchment_m2=900.0 * 500).compute()


def test_banks_of_a_valley_and_a_meeting_by_hand():
    codes = np.full((9, 7), -1, dtype=np.int8)
    codes[2:7, 2:5] = [[1, 2, 3], [0, 2, 4], [0, 2, 4], [0, 2, 4], [0, 8, 4]]
    area = np.zeros((9, 7))
    area[3:7, 3] = 10
    got = bank_ends(codes, area, 5.0)
    # a stream southward in the middle: what drains into its first cell is the head; left is east
    assert got[1:].tolist() == [[0, 0, 0], [2, 1, 1], [2, 1, 1], [2, 1, 1]]
    assert got[0].tolist() == [0, -1, 0] or got[0].tolist() == [0, 0, 0]


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(20, 60))
@settings(max_examples=12, deadline=None)
def test_generalising_loses_no_house_and_leaves_valid_outlines(seed, vertices):
    level, _, houses = scene(seed)
    params = PARAMS.model_copy(update={"zone_smooth_m": 60.0, "zone_vertices_max": vertices})
    raw = zone_polygons(level >= 3, GRID, houses=houses, params=PARAMS.model_copy(update={"zone_smooth_m": 0.0}))
    zones = zone_polygons(level >= 3, GRID, houses=houses, params=params)
    fitted = fit_for_maps(zones.geometry, houses, params=params, reach_m=30.0)
    assert fitted.is_valid.all()
    assert set(fitted.geom_type) <= {"Polygon", "MultiPolygon"}
    for house in houses.geometry:
        assert not (raw.intersects(house).to_numpy() & ~fitted.intersects(house).to_numpy()).any()
    centres = houses.geometry.representative_point()
    rows, columns, _ = GRID.index(centres.x, centres.y)
    for house in houses.geometry[level[rows, columns] >= 3]:
        assert fitted.intersects(house).any()


def test_a_self_crossing_zone_is_mended_and_a_house_in_it_kept():
    bow = Polygon([(0, 0), (900, 900), (900, 0), (0, 900)])
    house = gpd.GeoDataFrame(geometry=[box(100, 420, 110, 430)], crs=GRID.crs)
    got = fit_for_maps(gpd.GeoSeries([bow], crs=GRID.crs), house, params=PARAMS, reach_m=30.0)
    assert got.is_valid.all()
    assert got.area.iloc[0] == pytest.approx(2 * 0.25 * 900 * 900)
    assert got.intersects(house.geometry.iloc[0]).all()


@pytest.mark.slow
def test_zones_on_slope_units_are_whole_units_and_hold_every_hazardous_house():
    level, _, houses = scene(3)
    units = np.arange(SHAPE[0])[:, None] // 12 * 10 + np.arange(SHAPE[1])[None] // 11 + 1
    units[:, 50:] = 0  # flat ground has no unit
    params = PARAMS.model_copy(update={"zone_units": "slope_units", "zone_smooth_m": 0.0, "zone_max_area_m2": 1e6})
    dangers = Dangers({"landslide": layer(level)}, {}, units=layer(units, "1", "slope_units"))
    zones = risk_zones(dangers, Exposed(houses), GRID, params=params)
    for unit in np.unique(units[units > 0]):
        mine = units == unit
        high = (level[mine] >= 3).sum() >= params.warning_area_share * (level[mine] >= 0).sum()
        rows, columns = np.nonzero(mine)
        t = GRID.transform
        whole = box(t.c + 30 * columns.min(), t.f - 30 * (rows.max() + 1), t.c + 30 * (columns.max() + 1),
                    t.f - 30 * rows.min())  # fmt: skip
        assert zones.geometry.apply(whole.equals).any() == high
    centres = houses.geometry.representative_point()
    rows, columns, _ = GRID.index(centres.x, centres.y)
    assert houses.geometry[level[rows, columns] >= 3].intersects(zones.union_all()).all()
    with pytest.raises(DataError, match="there are none"):
        risk_zones(Dangers({"landslide": layer(level)}, {}), Exposed(houses), GRID, params=params)
