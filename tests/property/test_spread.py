"""People of settlements without buildings, and how sure a number of people is."""

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo_risk.core.errors import CrsError
from geo_risk.core.grid import Grid
from geo_risk.exposure.interval import people_interval, people_variance
from geo_risk.exposure.params import ExposureParams
from geo_risk.exposure.people import Dwellings, census_houses, clean_counts, emptied_by_rounding, spread_people
from geo_risk.exposure.places import Places

CRS = "EPSG:4546"
GRID = Grid.from_bounds((0, 0, 3000, 2400), crs=CRS, resolution_m=30)
SURE = {"households": 0, "floor_area": 0, "census": 0, "population": 0, "disc": 0}


def towns(people, xy):
    ids = [f"S{i}" for i in range(len(people))]
    frame = gpd.GeoDataFrame({"settlement_id": ids, "people": people}, geometry=[Point(*p) for p in xy], crs=CRS)
    return clean_counts(frame)[0]


def raster(values):
    return GRID.layer(da.from_array(np.asarray(values, dtype="float32"), chunks=37), units="1", long_name="people")


def test_a_registered_household_or_census_point_is_not_empty_because_people_are_whole():
    places = towns([3], [(0, 0)]).assign(households=10.0)
    boxes = [box(20 * k, 0, 20 * k + 10, 10) for k in range(11)]
    built = gpd.GeoDataFrame({"building_id": [f"B{k:02}" for k in range(11)], "households": [1] * 10 + [0]},
                             geometry=boxes, crs=CRS)  # fmt: skip
    houses, _ = spread_people(places, Dwellings(buildings=built), radius_m=100)
    assert (houses["people"].sum(), int(emptied_by_rounding(houses).sum())) == (3, 7)
    assert not emptied_by_rounding(houses)[houses["house_id"] == "B10"].any()  # 0 households: known to be empty
    census = gpd.GeoDataFrame({"census_id": list("abcdef"), "people": 5.0},
                              geometry=[Point(20 * k, 0) for k in range(6)], crs=CRS)  # fmt: skip
    houses, _ = spread_people(places, Dwellings(census=census), radius_m=100)
    assert (houses["people"].sum(), int(emptied_by_rounding(houses).sum())) == (3, 3)


@pytest.mark.parametrize("total", [np.nan, 1.0, 10.0])
def test_households_that_are_unknown_or_rounded_away_empty_no_building_that_has_one(total):
    places = towns([3], [(0, 0)]).assign(households=total)
    boxes = [box(20 * k, 0, 20 * k + 10, 10) for k in range(11)]
    built = gpd.GeoDataFrame({"building_id": [f"B{k:02}" for k in range(11)], "households": [1] * 10 + [0]},
                             geometry=boxes, crs=CRS)  # fmt: skip
    houses, _ = spread_people(places, Dwellings(buildings=built), radius_m=100)
    assert (houses["people"].sum(), int(emptied_by_rounding(houses).sum())) == (3, 7)
    assert not emptied_by_rounding(houses)[houses["house_id"] == "B10"].any()


@pytest.mark.slow
@given(st.integers(0, 10**6), st.lists(st.integers(0, 900) | st.none(), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_a_raster_divides_a_total_and_adds_nobody(seed, people):
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.2, 5, GRID.shape) * (rng.random(GRID.shape) < 0.2)
    values[rng.random(GRID.shape) < 0.05] = np.nan
    places = towns(people, rng.uniform((0, 0), (3000, 2400), (len(people), 2)))
    houses, _ = spread_people(places, Dwellings(population=raster(values)), radius_m=100)
    assert not houses["house_id"].duplicated().any()
    sums = houses.groupby("settlement_id")["people"].sum(min_count=1)
    for i, n in enumerate(people):
        assert np.isnan(sums[f"S{i}"]) if n is None else sums[f"S{i}"] == n
    nearest = [places.geometry.distance(c).idxmin() for c in houses.geometry.centroid]
    assert (places["settlement_id"].to_numpy()[nearest] == houses["settlement_id"].to_numpy()).all()


def test_the_raster_says_where_in_the_village_they_live():
    values = np.zeros(GRID.shape)
    values[39:42, 51:54] = 2.0  # x 1530-1620, y 1140-1230: 18 people
    values[39:42, 54:57] = 1.0  # the next 90 m: 9
    values[0:3, 0:3] = 100.0  # nobody's
    places = towns([90, 40], [(1590, 1150), (2700, 300)])
    houses, notes = spread_people(places, Dwellings(population=raster(values)), radius_m=100)
    by_cell = houses[houses["spread"] == "population"].set_index("house_id")["people"]
    assert sorted(by_cell) == [30, 60]
    west = houses[houses.geometry.apply(lambda g: g.equals(box(1530, 1140, 1620, 1230)))]
    assert west["people"].tolist() == [60]
    # the raster knows nobody about the second: a disc, and it is said
    assert houses.loc[houses["settlement_id"] == "S1", "spread"].tolist() == ["disc"]
    assert any("population raster" in n for n in notes)
    assert any("disc of 100 m" in n for n in notes)


def test_unknown_cells_are_not_empty_ground():
    values = np.zeros(GRID.shape)
    values[39:42, 51:54] = 2.0  # a square of 18 people
    values[39:42, 54:57] = [[np.nan, np.nan, 1.0]] * 3  # of the next two thirds are not known: as much as 9 people
    gap = values.copy()
    gap[42:45, 51:54] = np.nan  # nobody knows of the one below
    near = ExposureParams(population_radius_m=110)
    place = towns([1000], [(1590, 1150)])
    before, said = spread_people(place, Dwellings(population=raster(values)), radius_m=100, params=near)
    assert sorted(before["people"]) == [333, 667]
    assert not any("are unknown: they draw" in n for n in said)
    after, said = spread_people(place, Dwellings(population=raster(gap)), radius_m=100, params=near)
    assert after["people"].sum() == 1000
    below = after[after.geometry.apply(lambda g: g.equals(box(1530, 1050, 1620, 1140)))]
    # four squares have their middle within 110 m of the point: of the three that are known the mean is (18 + 9 + 0) / 3
    assert below["people"].tolist() == [1000 * 9 / (18 + 9 + 9)]
    assert any("1 squares of the population raster around them are unknown" in n for n in said)
    # where nothing is known of the ground at all the raster does not know the village
    nothing, _ = spread_people(place, Dwellings(population=raster(values * np.nan)), radius_m=100, params=near)
    assert nothing["spread"].tolist() == ["disc"]


def test_census_points_divide_a_total_and_strangers_are_counted():
    points = gpd.GeoDataFrame(
        {"census_id": list("abcd"), "people": [3.0, 1.0, 7.0, np.nan], "settlement_id": ["S0", None, None, "S0"]},
        geometry=[Point(10, 10), Point(50, 10), Point(2900, 2300), Point(20, 10)], crs=CRS,
    )  # fmt: skip
    places = towns([60], [(0, 0)])
    houses, notes = spread_people(places, Dwellings(census=points), radius_m=100)
    assert houses["people"].tolist() == [30, 10, 20]  # 3 : 1 : 2; nobody said that no one lives at the unknown point
    assert houses["spread"].tolist() == ["census"] * 3
    assert any("people of 1 census points are unknown" in n for n in notes)
    assert any("1 census points with 7 people belong to no settlement" in n for n in notes)
    with pytest.raises(CrsError):
        spread_people(places, Dwellings(census=points.to_crs("EPSG:4547")), radius_m=100)


def test_census_points_alone_are_houses_of_their_own_people():
    raw = gpd.GeoDataFrame({"census_id": ["2", "1", "3"], "people": [4, -2, 5], "vulnerable_people": [9, 0, 1]},
                           geometry=[Point(100 * i, 0) for i in range(3)], crs=CRS)  # fmt: skip
    clean, remarks = clean_counts(raw, id_column="census_id")
    assert {r["id"] for r in remarks} == {"1", "2"}
    houses, notes = census_houses(clean, ExposureParams())
    assert houses["house_id"].tolist() == ["census-1", "census-2", "census-3"]
    assert houses["people"].fillna(-1).tolist() == [-1, 4, 5]
    assert houses["settlement_id"].isna().all()
    assert any("people of 1 census points are unknown" in n for n in notes)


def spread_of(people, x, spread="households"):
    n = len(people)
    return gpd.GeoDataFrame(
        {"settlement_id": ["S"] * n, "people": np.array(people, dtype=float), "spread": spread},
        geometry=[box(v, 0, v + 10, 10) for v in x], crs=CRS,
    )  # fmt: skip


def test_the_variance_is_that_of_drawn_weights():
    rng = np.random.default_rng(4)
    people, shares = np.array([30.0, 10, 40, 20]), np.array([1.0, 0.5, 0.0, 0.25])
    params = ExposureParams(total_cv=0.08, weight_cv={**SURE, "households": 0.1}, clusters=dict.fromkeys(SURE, 4))
    houses = spread_of(people, range(0, 400, 100))
    pairs = pd.DataFrame({"feature": [0, 1, 3], "zone": 0, "share": shares[[0, 1, 3]]})
    got = people_variance(houses, pairs, n_zones=1, params=params)[0]
    n = 400_000
    w = people * (1 + 0.1 * rng.standard_normal((n, 4)))
    inside = rng.binomial(4, shares, (n, 4)) / 4
    drawn = 100 * (1 + 0.08 * rng.standard_normal(n)) * (w * inside).sum(axis=1) / w.sum(axis=1)
    # first order in the errors, and 1/sqrt(2 n) of sampling: 3 %
    assert got == pytest.approx(drawn.var(), rel=0.03)


def test_a_settlement_wholly_inside_is_as_sure_as_its_total():
    params = ExposureParams(total_cv=0.1, position_m=0)
    houses = spread_of([30, 70], [0, 100])
    zone = Places.of(gpd.GeoDataFrame(geometry=[box(-50, -50, 500, 50), box(-50, -50, 5, 50)], crs=CRS))
    found = people_interval(houses, zone, zone.pairs(houses), params)
    assert found["people_low"][0] == pytest.approx(100 - 1.645 * 10)
    assert found["people_high"][0] == pytest.approx(100 + 1.645 * 10)
    sure = people_interval(houses, zone, zone.pairs(houses), ExposureParams(
        total_cv=0, position_m=0, weight_cv=SURE, clusters=dict.fromkeys(SURE, 10**6)))  # fmt: skip
    np.testing.assert_allclose(sure, [[100, 100], [15, 15]], atol=0.1)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_the_interval_holds_the_number_and_a_larger_place_never_lowers_it(seed):
    rng = np.random.default_rng(seed)
    n = 12
    houses = gpd.GeoDataFrame(
        {"settlement_id": pd.array(rng.choice(["A", "B", None], n), dtype="string"),
         "people": rng.integers(0, 40, n).astype(float), "spread": rng.choice(["households", "disc", "none"], n)},
        geometry=[box(x, y, x + 20, y + 20) for x, y in rng.uniform(0, 200, (n, 2))], crs=CRS,
    )  # fmt: skip
    half = float(rng.uniform(20, 150))
    places = Places.of(gpd.GeoDataFrame(geometry=[box(0, 0, half, half), box(-50, -50, 400, 400)], crs=CRS))
    pairs = places.pairs(houses)
    found = people_interval(houses, places, pairs, ExposureParams())
    central = [(houses["people"].to_numpy()[p["feature"]] * p["share"]).sum() for _, p in pairs.groupby("zone")]
    central = central if len(central) == 2 else [0.0, *central]
    assert (found["people_low"] <= np.array(central) + 1e-9).all()
    assert (found["people_high"] >= np.array(central) - 1e-9).all()
    assert (found["people_low"] >= 0).all()
    houses.loc[0, "people"] = np.nan
    unknown = people_interval(houses, places, pairs, ExposureParams())
    assert np.isnan(unknown["people_high"][1])  # nobody knows how many
    assert np.isfinite(unknown["people_low"]).all()
