"""Roads that their direction closes to all: no way leads over them."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely.geometry import LineString

from geo_risk.core.errors import DataError
from geo_risk.exposure.network import build_network

LINES = [LineString([(0, 0), (1000, 0)]), LineString([(1000, 0), (2000, 0)])]


@pytest.mark.parametrize(("column", "values"), [
    ("direction", [1, 4]), ("方向", ["1", "４"]), ("通行方向", ["双向", "禁行"]), ("oneway", ["no", "closed"]),
])  # fmt: skip
def test_a_road_closed_by_its_direction_is_not_in_the_network(column: str, values: list[object]) -> None:
    roads = gpd.GeoDataFrame({"road_id": ["R0", "R1"], "class": "local", column: values}, geometry=LINES, crs=32649)
    network = build_network(roads, speed_km_h={"local": 20}, snap_m=1)
    assert network.edges["road_id"].tolist() == ["R0"]
    assert network.counts["lines_closed"] == 1
    assert network.counts["direction_unclear"] == 0
    with pytest.raises(DataError, match="open"):
        build_network(roads.iloc[1:], speed_km_h={"local": 20}, snap_m=1)
