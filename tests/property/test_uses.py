"""Who lives where by the use of buildings: residents go to dwellings, and a school in a zone is not an empty house."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo_risk.core.errors import CrsError
from geo_risk.exposure.params import ExposureParams
from geo_risk.exposure.people import Dwellings, clean_counts, spread_people
from geo_risk.exposure.uses import TERMS, unlisted_gatherings, use_classes
from geo_risk.products.exposure_sums import Surveyed, residents_by_day
from geo_risk.products.exposure_table import exposure_table
from geo_risk.products.params import RiskParams
from geo_risk.products.zone_exposure import Exposed, exposure_of

CRS = "EPSG:4546"


def towns(people, x=(0,)):
    frame = gpd.GeoDataFrame({"settlement_id": [f"S{i}" for i in range(len(x))], "people": people},
                             geometry=[Point(v, 0) for v in x], crs=CRS)  # fmt: skip
    return clean_counts(frame)[0]


def buildings(uses, households=None, settlement="S0"):
    n = len(uses)
    return gpd.GeoDataFrame(
        {"building_id": [f"B{i}" for i in range(n)], "settlement_id": settlement, "use": uses,
         "households": [np.nan] * n if households is None else households},
        geometry=[box(20 * i, 0, 20 * i + 10, 10) for i in range(n)], crs=CRS,
    )  # fmt: skip


def spread(people, built, x=(0,), params=None):
    return spread_people(towns(people, x), Dwellings(built), radius_m=50, params=params or ExposureParams())


def test_residents_go_to_dwellings_and_a_word_nobody_knows_is_one():
    houses, notes = spread([90], buildings(["住宅", "学校", None, "厂房", "塔楼 7", "Garage"]))
    by_use = houses.set_index("house_id")["people"]
    assert by_use[["B0", "B2", "B4"]].tolist() == [30, 30, 30]
    assert by_use[["B1", "B3", "B5"]].tolist() == [0, 0, 0]
    assert houses.set_index("house_id")["spread"].to_dict() == {
        "B0": "floor_area", "B2": "floor_area", "B4": "floor_area", "B1": "no_dwelling", "B3": "no_dwelling",
        "B5": "no_dwelling"}  # fmt: skip
    assert any("3 buildings are no dwellings" in n for n in notes)
    assert any("1 buildings have a use that no table knows" in n and "塔楼 7 (1)" in n for n in notes)
    told, _ = spread([90], buildings(["住宅", "塔楼 7"]), params=ExposureParams(use_terms={"塔楼7": "other"}))
    assert told["people"].tolist() == [90, 0]


def test_a_school_without_households_does_not_hide_those_of_the_dwellings():
    houses, _ = spread([90], buildings(["住宅", "学校", "住宅", "商铺"], [1, np.nan, 3, 5]))
    assert houses.set_index("house_id")["people"].to_dict() == {"B0": 10, "B1": 0, "B2": 30, "B3": 50}
    assert set(houses["spread"]) == {"households", "no_dwelling"}  # of the shop five families are registered


def test_people_of_a_settlement_of_schools_alone_do_not_vanish():
    houses, notes = spread([40, 7], buildings(["学校", "工厂"]), x=(0, 500))
    assert houses.groupby("settlement_id")["people"].sum().to_dict() == {"S0": 40, "S1": 7}
    assert houses.groupby("spread")["people"].sum().to_dict() == {"disc": 47, "no_dwelling": 0}
    assert any("1 settlements have buildings but no dwelling" in n for n in notes)
    assert any("2 settlements have no buildings" in n for n in notes)


def test_unknown_people_stay_unknown_in_dwellings_only():
    houses, _ = spread([np.nan], buildings(["住宅", "学校"]))
    assert houses.set_index("house_id")["people"].isna().to_dict() == {"B0": True, "B1": False}


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from([None, "住宅", "school", "仓库", "?"]), st.integers(0, 4) | st.none(),
                          st.sampled_from(["S0", "S1", "S2"])), min_size=1, max_size=12),
       st.lists(st.integers(0, 400) | st.none(), min_size=3, max_size=3))  # fmt: skip
def test_people_are_conserved_whatever_the_uses(rows, people):
    uses, households, owners = zip(*rows, strict=True)
    built = buildings(list(uses), [np.nan if h is None else h for h in households]).assign(settlement_id=list(owners))
    houses, _ = spread(people, built, x=(0, 300, 900))
    sums = houses[houses["spread"] != "no_dwelling"].groupby("settlement_id")["people"].sum(min_count=1)
    for i, n in enumerate(people):
        assert np.isnan(sums[f"S{i}"]) if n is None else sums[f"S{i}"] == n
    assert (houses.loc[houses["spread"] == "no_dwelling", "people"] == 0).all()
    again, _ = spread(people, built.iloc[::-1], x=(0, 300, 900))
    key = ["house_id", "people", "spread"]
    pd.testing.assert_frame_equal(again[key].sort_values("house_id", ignore_index=True),
                                  houses[key].sort_values("house_id", ignore_index=True))  # fmt: skip


def test_a_school_in_a_zone_is_somebody_unless_the_list_says_who():
    houses, _ = spread([9], buildings(["住宅", "学校"]))
    zone = gpd.GeoDataFrame(geometry=[box(15, -5, 35, 15), box(-5, -5, 15, 15)], crs=CRS)  # the school; the dwelling
    school = gpd.GeoDataFrame({"facility_id": ["F"], "name": ["小学"], "kind": ["school"], "people": [120.0],
                               "people_day": [120.0]}, geometry=[Point(25, 5)], crs=CRS)  # fmt: skip
    far = school.set_geometry([Point(25, 300)])
    for given_, want, n in ((school, [120, 0], [1, 0]), (far, [-1, 0], [1, 0]), (None, [-1, -1], [1, -1])):
        found = exposure_of(zone, Exposed(houses, None, given_).with_gatherings())
        assert found["people"].tolist() == [0, 9]
        assert found["facility_people"].fillna(-1).tolist() == want
        assert found["facilities"].fillna(-1).tolist() == n
    with pytest.raises(CrsError):
        unlisted_gatherings(houses, school.to_crs("EPSG:4547"), ExposureParams())


def test_the_danger_of_a_school_of_unknown_pupils_is_not_the_least():
    houses, _ = spread([9], buildings(["住宅", "学校"]))
    zone = gpd.GeoDataFrame({"zone_id": ["Z0", "Z1"], "kind": "landslide", "risk_level": np.int8(2)},
                            geometry=[box(15, -5, 35, 15), box(-5, -5, 15, 15)], crs=CRS)  # fmt: skip
    none = gpd.GeoDataFrame({"facility_id": [], "name": [], "kind": [], "people": [], "people_day": []}, geometry=[],
                            crs=CRS)  # fmt: skip
    params = RiskParams(exposure=ExposureParams(day_home_share={"residential": 0.5}))
    exposed = Exposed(houses, None, none, params=params.exposure).with_gatherings()
    rows = exposure_table(exposed, Surveyed(zone), params).set_index("place_id")
    assert pd.isna(rows.loc["Z0", "danger_grade"])
    assert rows.loc["Z1", "danger_grade"] == "IV"
    assert rows["people_day"].fillna(-1)[["Z0", "Z1", "total"]].tolist() == [-1, 4, -1]
    assert "gap_facility_people" in rows.loc["Z0", "gaps"]
    listed = Exposed(houses, None, None, params=params.exposure).with_gatherings()
    rows = exposure_table(listed, Surveyed(zone), params).set_index("place_id")
    assert pd.isna(rows.loc["Z0", "danger_grade"])
    assert rows["people_day"].isna().all()
    assert "gap_facilities" in rows.loc["Z1", "gaps"]


def test_by_day_nobody_stays_where_nobody_lives():
    houses, _ = spread([10], buildings(["住宅", "学校"]))
    at_home = residents_by_day(houses.assign(use=["residential", "学校"]), ExposureParams(
        day_home_share={"residential": 0.4}))  # fmt: skip
    assert at_home.tolist() == [4, 0]


def test_no_word_has_two_meanings_and_meanings_are_checked():
    words = [w for terms in TERMS.values() for w in terms]
    assert len(words) == len(set(words))
    classes, strange = use_classes(
        pd.DataFrame({"use": ["ＳＣＨＯＯＬ", " 住 宅 ", "", None, "火星"]}), ExposureParams()
    )
    assert classes.tolist() == ["gathering", "dwelling", "dwelling", "dwelling", "dwelling"]
    assert strange == {"火星": 1}
    with pytest.raises(ValueError, match="no uses of buildings"):
        ExposureParams(use_terms={"x": "palace"})
