"""Danger grades by their printed bounds, mean annual loss against integrals, and damage by the curve of the JRC."""

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.exposure.params import FloodLossParams
from geo_risk.products.danger import GRADES, danger_grades, grade_table
from geo_risk.products.expected import annual_mean, damage_share, flood_of_houses
from geo_risk.products.params import RiskParams

CRS = "EPSG:4546"
PARAMS, LOSS = RiskParams(), FloodLossParams()
GRID = Grid.from_bounds((0, 0, 300, 300), crs=CRS, resolution_m=30)
count = st.floats(0, 1e4) | st.just(np.nan)
worth = st.floats(0, 1e9) | st.just(np.nan)


@pytest.mark.parametrize(
    ("people", "assets", "grade"),
    [(0, 0, "IV"), (99, np.nan, "IV"), (100, 0, "III"), (499, 0, "III"), (500, 0, "II"), (999, 0, "II"), (1000, 0, "I"),
     (0, 4.99e6, "IV"), (0, 5e6, "III"), (0, 5e7, "II"), (3, 1e8, "I"), (600, 6e6, "II"),
     (np.nan, np.nan, None), (np.nan, 1e6, None), (np.nan, 6e7, "II")],
)  # fmt: skip
def test_grades_of_county_plans(people, assets, grade):
    assert danger_grades([people], [assets], PARAMS)[0] == grade


def test_unknown_people_are_at_least_the_known_ones():
    got = danger_grades([np.nan] * 3, [np.nan] * 3, PARAMS, known_people=[99, 150, np.nan])
    assert got.tolist() == [None, "III", None]


@given(count, worth, st.floats(0, 1e4), st.floats(0, 1e9))
def test_more_people_or_assets_never_lower_a_grade_and_unknown_is_never_the_least(people, assets, more, dearer):
    low, high = (
        danger_grades([n], [a], PARAMS)[0] for n, a in ((people, assets), (people + more, assets + dearer))
    )  # fmt: skip
    if low is not None:
        assert GRADES.index(high) >= GRADES.index(low)
    if np.isnan(people):
        assert low != "IV"


def test_the_printed_table_holds_the_bounds_that_grade():
    table = grade_table(RiskParams(danger_grade_people=(50, 200, 900)))
    assert [row[0] for row in table] == ["I", "II", "III", "IV"]
    assert [row[1] for row in table] == ["≥ 900", "200–900", "50–200", "< 50"]
    assert [row[2] for row in table] == ["≥ 100", "50–100", "5–50", "< 5"]


def test_the_mean_of_a_straight_curve_is_exact():
    # L = 10 - 8 p, of which p = 1 .. 0.01 is run; below 0.01 the last amount stays
    years = np.array([1.25, 2.0, 10.0, 100.0])
    mean, low, high = annual_mean(10 - 8 / years, years)
    run = 10 * (0.8 - 0.01) - 4 * (0.8**2 - 0.01**2)
    rare, first = (10 - 0.08) * 0.01, 10 - 8 * 0.8
    assert low == pytest.approx(run + rare, rel=1e-12)
    assert mean == pytest.approx(run + rare + first * 0.2 / 2, rel=1e-12)
    assert high == pytest.approx(run + rare + first * 0.2, rel=1e-12)


def test_many_periods_come_to_the_integral():
    # L(p) = -ln p, the loss that grows with the logarithm of the return period: integral 0..1 is 1
    years = np.geomspace(1.0001, 1e6, 4000)
    mean, low, high = annual_mean(np.log(years), years, none_return_yr=1.0)
    # trapezoids over 4,000 steps; the rarest tail holds -ln(p) at its edge, p ln p + p = 1.5e-5 short by p
    assert mean == pytest.approx(1.0, abs=2e-5)
    assert low <= mean <= high


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=3), st.lists(st.floats(0, 1e5), min_size=3, max_size=3))
def test_more_loss_at_any_period_never_lowers_the_mean(amounts, more):
    years = [2.0, 10.0, 50.0]
    small, large = (annual_mean(v, years) for v in (amounts, np.add(amounts, more)))
    assert all(b >= a - 1e-6 for a, b in zip(small, large, strict=True))
    assert small[1] <= small[0] <= small[2]


@pytest.mark.parametrize(
    ("amounts", "years"),
    [([1.0], [10.0]), ([1, 2], [10, 10]), ([1, 2], [1.0, 5]), ([1, 2], [5, np.nan]), ([1, 2, 3], [5, 10])],
)
def test_curves_that_cannot_be_integrated_stop(amounts, years):
    with pytest.raises(DataError, match="return periods"):
        annual_mean(amounts, years)


def test_damage_is_the_curve_of_the_jrc():
    # Huizinga et al. 2017, table of residential buildings in Asia; between them straight lines
    np.testing.assert_allclose(damage_share([0.5, 1.0, 2.0, 6.0], LOSS), [0.3266, 0.4941, 0.7207, 1.0])
    np.testing.assert_allclose(damage_share([0.25, 9.0, 0.0, -1.0], LOSS), [0.1633, 1.0, 0.0, 0.0])
    assert np.isnan(damage_share(np.nan, LOSS))
    for wrong in ({"damage": (0.0, 0.5)}, {"depth_m": (0.0, 1.0), "damage": (0.5, 0.1)}):
        with pytest.raises(ValidationError):
            FloodLossParams(**wrong)


def test_a_house_in_two_floods_by_hand():
    houses = gpd.GeoDataFrame({"people": [10.0, np.nan, 4.0], "assets_cny": [1e6, np.nan, 1e6]},
                              geometry=[box(30, 30, 60, 60), box(120, 120, 150, 150), box(285, 285, 330, 315)],
                              crs=CRS)  # fmt: skip

    def depth(metres):
        return GRID.layer(np.full(GRID.shape, metres, dtype="float32"), units="m", long_name="d")

    found = flood_of_houses(houses, {10.0: depth(0.0), 100.0: depth(1.0)}, LOSS)
    # 10 people and 494,100 CNY at p = 0.01, none at 0.1: a triangle and the rarer floods
    share = 0.09 / 2 + 0.01
    assert found["people_yr"][0] == pytest.approx(10 * share)
    assert found["loss_cny_yr"][0] == pytest.approx(494_100 * share, rel=1e-6)
    assert found.loc[1].isna().all()  # nobody knows who lives there
    assert found.loc[2].isna().all()  # half of it lies off the map
    dry = flood_of_houses(houses, {10.0: depth(0.0), 100.0: depth(0.0)}, LOSS)
    assert dry["people_yr"][:2].tolist() == [0, 0]  # dry ground floods nobody, however many they are
    falls = flood_of_houses(houses, {10.0: depth(1.0), 100.0: depth(0.0)}, LOSS)
    assert falls["people_yr"][0] == pytest.approx(10 * (0.09 + 0.01 + 0.9 / 2))  # a rarer flood is no shallower
    unknown = flood_of_houses(houses, {10.0: depth(np.nan), 100.0: depth(1.0)}, LOSS)
    assert unknown["people_yr"].isna().all()
