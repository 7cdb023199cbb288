import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from dask import array as da
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from geo_risk.core.errors import CrsError, DataError
from geo_risk.core.grid import Grid
from geo_risk.exposure.buildings import assign_settlements, dwelling_weights
from geo_risk.exposure.columns import numbers, texts
from geo_risk.exposure.people import Dwellings, apportion, clean_counts, spread_people
from geo_risk.exposure.shelters import usable_shelters
from geo_risk.exposure.zonal import cell_coverage, covered_shares, level_at_share, overlaps, values_at
from geo_risk.products.zone_exposure import Exposed, exposure_of

CRS = "EPSG:4546"


def settlements(people, **columns):
    n = len(people)
    data = {"settlement_id": [f"S{i}" for i in range(n)], "people": people, **columns}
    return gpd.GeoDataFrame(data, geometry=[Point(1000 * i, 0) for i in range(n)], crs=CRS)


def houses(owners, sizes, **columns):
    shapes = [box(20 * i, 0, 20 * i + s, 10) for i, s in enumerate(sizes)]
    data = {"building_id": [f"B{i:03d}" for i in range(len(sizes))], "settlement_id": owners, **columns}
    return gpd.GeoDataFrame(data, geometry=shapes, crs=CRS)


@given(st.integers(0, 10**6), st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_apportion_adds_up_and_is_within_one_of_its_share(total, weights):
    got = apportion(total, weights)
    assert got.sum() == total
    w = np.array(weights)
    exact = total * (w / w.sum() if w.sum() > 0 else np.full(len(w), 1 / len(w)))
    assert (np.abs(got - exact) < 1 + 1e-6).all()
    assert (got == np.floor(got)).all()


@given(st.integers(1, 30), st.lists(st.floats(0.1, 50), min_size=31, max_size=60), st.data())
def test_fewer_people_than_houses_leave_no_quarter_empty(total, weights, data):
    got = apportion(total, weights)
    exact = total * np.array(weights) / np.sum(weights)
    i, j = sorted(data.draw(st.tuples(st.integers(0, len(weights)), st.integers(0, len(weights)))))
    assert got.sum() == total
    assert abs(got[i:j].sum() - exact[i:j].sum()) <= 1 + 1e-6
    assert ((got == np.floor(exact + 1e-6)) | (got == np.ceil(exact - 1e-6))).all()
    assert apportion(2, [0, 0, 0, 1, 1, 1]).tolist()[:3] == [0, 0, 0]  # known to hold nobody


def test_apportion_by_hand_and_its_limits():
    np.testing.assert_array_equal(apportion(2, [1, 1, 1, 1, 1, 1]), [0, 1, 0, 0, 1, 0])
    # Hamilton: shares 4.8, 3.6, 1.6 of 10 -> 4, 3, 1 and the two largest remainders get one more
    np.testing.assert_array_equal(apportion(10, [0.48, 0.36, 0.16]), [5, 4, 1])
    assert np.isnan(apportion(np.nan, [1, 2])).all()
    for total, weights in ((-1, [1]), (1.5, [1]), (3, []), (3, [np.nan]), (3, [-1])):
        with pytest.raises(DataError):
            apportion(total, weights)


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9), st.integers(0, 60))
def test_values_at_cells_of_a_lazy_layer_are_those_of_the_array(seed, height, width, n):
    rng = np.random.default_rng(seed)
    layer = rng.integers(-1, 5, (13, 17)).astype(np.int8)
    read = []
    lazy = da.from_array(layer, chunks=(height, width)).map_blocks(
        lambda block, block_info=None: read.append(block_info[0]["chunk-location"]) or block, dtype=np.int8,
        meta=np.empty((0, 0), np.int8),
    )  # fmt: skip
    cell = rng.integers(0, layer.size, n)
    got = values_at(lazy, cell)
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, layer.ravel()[cell])
    np.testing.assert_array_equal(values_at(layer, cell), got)
    # each block that holds a cell once, no other
    rows, columns = np.divmod(cell, 17)
    assert sorted(read) == sorted(set(zip(rows // height, columns // width, strict=True)))


@pytest.mark.slow
@given(st.lists(st.integers(0, 3000) | st.none(), min_size=1, max_size=6), st.integers(0, 40), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_people_are_conserved_from_census_to_houses(people, n_houses, seed):
    rng = np.random.default_rng(seed)
    owners = [f"S{i}" for i in rng.integers(0, len(people), n_houses)]
    vulnerable = [None if p is None else p // 4 for p in people]
    towns, remarks = clean_counts(settlements(people, vulnerable_people=vulnerable))
    assert not remarks
    built = houses(owners, rng.uniform(5, 19, n_houses), floors=rng.integers(0, 4, n_houses))
    got, _ = spread_people(towns, Dwellings(built), radius_m=100)
    sums = got.groupby("settlement_id")[["people", "vulnerable_people"]].sum(min_count=1)
    for i, (p, v) in enumerate(zip(people, vulnerable, strict=True)):
        row = sums.loc[f"S{i}"]
        assert np.isnan(row["people"]) if p is None else row["people"] == p
        assert np.isnan(row["vulnerable_people"]) if v is None else row["vulnerable_people"] == v
    assert not (got["vulnerable_people"] > got["people"]).any()


def test_weights_are_households_or_floor_area():
    frame = houses(["S0", "S0", "S1", "S1"], [10, 10, 10, 5], floors=[1, 3, None, 0], households=[2, 1, None, 4])
    np.testing.assert_allclose(dwelling_weights(frame), [2, 1, 100, 50])


def test_buildings_find_their_settlement():
    frame = houses(["S0", None, "nowhere"], [10, 10, 10])
    frame.loc[2, "geometry"] = box(50_000, 0, 50_010, 10)
    got, notes = assign_settlements(frame, settlements([1, 2]))
    assert got["settlement_id"].tolist()[:2] == ["S0", "S0"]
    assert pd.isna(got["settlement_id"].iloc[2])
    assert len(notes) == 2
    with pytest.raises(CrsError):
        assign_settlements(frame.to_crs("EPSG:4547"), settlements([1]))


@given(st.permutations(["S10", "S2", "S1"]))
def test_of_settlements_equally_near_that_of_the_lower_id_gets_the_building(ids):
    where = {"S1": Point(10, 0), "S2": Point(-10, 0), "S10": Point(0, 900)}
    places = gpd.GeoDataFrame({"settlement_id": ids}, geometry=[where[i] for i in ids], crs=CRS)
    frame = gpd.GeoDataFrame({"building_id": ["B", "C"]}, geometry=[box(-1, -1, 1, 1), box(-9, -1, -7, 1)], crs=CRS)
    got, notes = assign_settlements(frame, places)
    assert got["settlement_id"].tolist() == ["S1", "S2"]
    assert any("of 1 of them two settlements or more are equally near" in n for n in notes)


def test_bad_counts_become_unknown_with_a_remark():
    towns, remarks = clean_counts(settlements([-5, "many", 10, np.inf], vulnerable_people=[1, 1, 11, None]))
    assert towns["people"].isna().tolist() == [True, True, False, True]
    assert np.isnan(towns["vulnerable_people"].iloc[2])
    assert len(remarks) == 4


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_covered_sums_are_the_exact_coverage(seed):
    rng = np.random.default_rng(seed)
    grid = Grid.from_bounds((0, 0, 60, 60), crs=CRS, resolution_m=10)
    values = rng.uniform(0, 5, (6, 6)).astype("float32")
    x0, y0, x1, y1 = (float(v) for v in (*rng.uniform(0, 30, 2), *rng.uniform(31, 80, 2)))
    zones = gpd.GeoDataFrame(geometry=[box(x0, y0, x1, y1), box(0, 50, 10, 60), box(500, 500, 510, 510)], crs=CRS)
    coverage = cell_coverage(zones, grid)
    edges = np.arange(0, 70, 10.0)
    in_x = (np.minimum(edges[1:], x1) - np.maximum(edges[:-1], x0)).clip(0)
    in_y = (np.minimum(edges[1:], y1) - np.maximum(edges[:-1], y0)).clip(0)[::-1]
    wanted = [(values * np.outer(in_y, in_x) / 100).sum(), values[0, 0], 0.0]
    np.testing.assert_allclose(coverage.sums(coverage.values(values)), wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(coverage.n_cells, [(x1 - x0) * (y1 - y0) / 100, 1, 1])


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_binary_outlines_cover_what_a_table_of_polygons_covers(seed):
    rng = np.random.default_rng(seed)
    grid = Grid.from_bounds((0, 0, 100, 100), crs=CRS, resolution_m=10)
    stars = [Point(*rng.uniform(-10, 110, 2)).buffer(rng.uniform(1, 40)) for _ in range(4)]
    zones = gpd.GeoDataFrame(geometry=[*stars, stars[0].union(stars[1]), stars[2] - stars[2].buffer(-3)], crs=CRS)
    source = NumPyRasterSource(np.ones(grid.shape), *grid.bounds, srs_wkt=zones.crs.to_wkt())
    wanted = exact_extract(source, zones, ["cell_id", "coverage"], output="pandas")
    got = cell_coverage(zones, grid)
    for i, (cells, shares) in enumerate(zip(wanted["cell_id"], wanted["coverage"], strict=True)):
        assert got.cell[got.polygon == i].tolist() == cells[shares > 0].tolist()
        assert got.share[got.polygon == i].tolist() == shares[shares > 0].tolist()


@pytest.mark.parametrize("nothing", [None, Polygon()])
def test_a_missing_outline_is_refused_before_exactextract_meets_it(nothing):
    grid = Grid.from_bounds((0, 0, 100, 100), crs=CRS, resolution_m=10)
    with pytest.raises(ValueError, match=r"\[1\] are missing or empty"):
        cell_coverage(gpd.GeoDataFrame(geometry=[box(0, 0, 9, 9), nothing], crs=CRS), grid)


def test_zone_levels_by_area_share_and_unknown():
    grid = Grid.from_bounds((0, 0, 100, 100), crs=CRS, resolution_m=10)
    values = np.ones((10, 10), dtype="int8")
    values[0] = 4  # 10 % of the area
    values[9] = 3
    zone = gpd.GeoDataFrame(geometry=[box(0, 0, 100, 100)], crs=CRS)

    def level(array, share):
        layer = grid.layer(array, units="level", long_name="warning")
        return level_at_share(layer, cell_coverage(zone, grid), share=share, min_known_share=0.5)[0]

    assert level(values, 0.1) == 4
    assert level(values, 0.11) == 3
    assert level(values, 0.5) == 1
    unknown = values.copy()
    unknown[1:9] = -1
    assert level(unknown, 0.5) == 4  # known cells alone: half of them reach 4
    unknown[unknown > 1] = 1
    assert level(unknown, 0.5) == -1  # low, but most of it was not looked at
    assert level(np.full((10, 10), -1, dtype="int8"), 0.5) == -1


def test_overlaps_and_their_union():
    zones = gpd.GeoDataFrame(geometry=[box(0, 0, 50, 10), box(25, 0, 75, 10)], crs=CRS)
    features = gpd.GeoDataFrame(
        geometry=[box(0, 0, 100, 10), LineString([(0, 5), (100, 5)]), Point(30, 5), box(200, 0, 210, 10)], crs=CRS
    )
    pairs = overlaps(features, zones)
    assert pairs["share"].tolist() == [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    np.testing.assert_allclose(covered_shares(features, zones), [0.75, 0.75, 1.0, 0.0])
    with pytest.raises(CrsError):
        overlaps(features, zones.to_crs("EPSG:4547"))


def test_shelters_in_harms_way_or_without_places_are_not_used():
    shelters = gpd.GeoDataFrame(
        {"shelter_id": list("abcdef"), "capacity": [10, 0, np.nan, -3, 20.7, 5]},
        geometry=[Point(x, 5) for x in (10, 200, 200, 200, 300, 60)], crs=CRS,
    )  # fmt: skip
    zones = gpd.GeoDataFrame(
        {"zone_id": ["Z1", "Z2"], "hazard_level": [3, 2]}, geometry=[box(0, 0, 50, 10), box(55, 0, 80, 10)], crs=CRS
    )
    usable, excluded = usable_shelters(shelters, zones, max_level=2)
    assert usable["shelter_id"].tolist() == ["e", "f"]
    assert usable["capacity"].tolist() == [20, 5]
    assert {e["id"]: e["reason"] for e in excluded}["a"] == "shelter not used: stands in zone Z1 of hazard level 3"
    assert len(excluded) == 4
    zones["hazard_level"] = [3, -1]
    assert usable_shelters(shelters, zones, max_level=2)[0]["shelter_id"].tolist() == ["e"]


def test_buildings_of_no_settlement_are_houses_of_unknown_people():
    towns, _ = clean_counts(gpd.GeoDataFrame({"settlement_id": ["a"], "people": [9]}, geometry=[Point(0, 0)], crs=CRS))
    buildings = gpd.GeoDataFrame(
        {"building_id": ["near", "far"], "settlement_id": [pd.NA, "elsewhere"]},
        geometry=[box(10, 0, 20, 10), box(9000, 0, 9010, 10)], crs=CRS,
    )  # fmt: skip
    houses, notes = spread_people(towns, Dwellings(buildings), radius_m=100)
    assert houses["house_id"].tolist() == ["near", "far"]
    assert houses["settlement_id"].isna().tolist() == [False, True]
    assert houses["people"].fillna(-1).tolist() == [9, -1]
    assert any("1 buildings belong to no settlement" in n for n in notes)
    zones = gpd.GeoDataFrame(geometry=[box(0, 0, 30, 30), box(8990, 0, 9030, 30)], crs=CRS)
    found = exposure_of(zones, Exposed(houses))
    assert found["people"].fillna(-1).tolist() == [9, -1]  # unknown, not nobody
    assert found["buildings"].tolist() == [1, 1]
    assert found["n_unknown_settlements"].tolist() == [0, 0]


def test_columns_that_are_missing_or_odd_are_unknown():
    frame = pd.DataFrame({"n": ["3", "x", None], "t": ["a", "", None]})
    assert numbers(frame, "n").fillna(-1).tolist() == [3, -1, -1]
    assert numbers(frame, "other").isna().all()
    assert texts(frame, "t").fillna("?").tolist() == ["a", "?", "?"]
    assert texts(frame, "other").isna().all()
