"""Which settlements may be cut off, where the water on their road is unknown."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString

from geo_risk.exposure.network import build_network
from geo_risk.products.cutoff import cut_off_risk


@pytest.mark.parametrize(("unknown", "expected"), [
    ((), ["none", "none"]),
    (("R1",), ["none", "unknown"]),  # its last road
    (("R2",), ["none", "none"]),  # there is another
])  # fmt: skip
def test_a_last_road_of_unknown_water_leaves_the_risk_unknown(unknown: tuple[str, ...], expected: list[str]) -> None:
    lines = [
        LineString([(0, 0), (1000, 0)]),
        LineString([(1000, 0), (2000, 0)]),
        LineString([(0, 0), (0, 9), (1000, 0)]),
    ]
    roads = gpd.GeoDataFrame({"road_id": ["R0", "R1", "R2"], "class": "local"}, geometry=lines, crs=32649)
    network = build_network(roads, speed_km_h={"local": 20}, snap_m=1)
    at = [int(np.argmin(np.hypot(*(network.nodes - [x, 0]).T))) for x in (0, 1000, 2000)]
    is_unknown = network.edges["road_id"].isin(unknown).to_numpy(dtype=bool)
    found = cut_off_risk(network, np.array(at[1:]), np.array(at[:1]), is_unknown)
    assert found["risk"].tolist() == expected
