"""What may be harmed and is not given is unknown, not nothing."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box

from geo_risk.products.params import RiskParams
from geo_risk.products.runout import _vulnerability
from geo_risk.products.subsidence import _by_township, _exposed

CRS = "EPSG:4546"


@pytest.mark.parametrize(("people", "roads", "level"), [
    (0.0, np.nan, -1), (0.0, 0.0, 0), (0.0, 2.0, 1), (20.0, np.nan, 2), (np.nan, 0.0, -1),
])  # fmt: skip
def test_a_slide_that_hits_nobody_is_harmless_only_where_roads_are_known(people, roads, level) -> None:
    zones = gpd.GeoDataFrame({"people": [people], "roads": [roads]}, geometry=[Point(0, 0)], crs=CRS)
    assert _vulnerability(zones, np.array([False]), RiskParams()).tolist() == [level]


@pytest.mark.parametrize("are_buildings", [True, False])
def test_sinking_ground_holds_an_unknown_number_of_buildings_where_none_are_given(are_buildings) -> None:
    houses = gpd.GeoDataFrame(
        {"people": [9.0, 4.0], "is_building": [are_buildings] * 2},
        geometry=[box(0, 0, 9, 9), box(90, 0, 99, 9)],
        crs=CRS,
    )
    zones = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[box(-5, -5, 20, 20), box(50, 50, 60, 60)], crs=CRS)
    rows = _exposed(zones, houses, "id").set_index("id")
    assert rows["people"].tolist() == [9, 0]
    townships = _by_township(zones, houses, None).set_index("township_id")
    assert townships.loc["outside", "people"] == 9
    if are_buildings:
        assert rows["buildings"].tolist() == [1, 0]
        assert townships.loc["outside", "buildings"] == 1
    else:
        assert rows["buildings"].isna().all()
        assert pd.isna(townships.loc["outside", "buildings"])
