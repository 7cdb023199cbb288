"""Townships and gaps over the warnings of places: what is unknown is never counted as calm."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo_risk.core.schemas import conform
from geo_risk.products.townships import rows_by_township, townships_of
from geo_risk.products.warning_params import WarningParams
from geo_risk.products.warning_tables import gravest, township_warnings, warning_gaps

CRS = "EPSG:4546"


def warned(*rows: tuple[str, str, int, int], town: str | None = "东岭乡") -> pd.DataFrame:
    """Return the table `warnings` of (kind, id, stage, level)."""
    made = [
        {"warning_id": f"{k}-{i}-{h}h", "place_kind": k, "place_id": i, "stage_h": h, "warning_level": level,
         "township": town, "township_id": town, "township_ids": town,
         "issued": "2024-07-25T02:00:00+00:00", "until": "2024-07-25T08:00:00+00:00",
         "change": "first", "previous_level": -1, "reasons": "why"}
        for k, i, h, level in rows
    ]  # fmt: skip
    return conform(pd.DataFrame(made) if made else pd.DataFrame({"warning_id": []}), "warnings")


def towns(*names: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": list(names), "name": list(names)}, geometry=[box(0, 0, 1, 1)] * len(names), crs=CRS
    )


@pytest.mark.slow
def test_a_township_is_calm_only_where_all_its_places_are_known_to_be():
    calm = ("zone", "Z1", 6, 0)
    for other, level in ((("zone", "Z2", 6, -1), -1), (("point", "P1", 6, 0), 0), (("zone", "Z2", 6, 1), 1)):
        row = township_warnings(warned(calm, other), towns("东岭乡"), language="en").iloc[0]
        assert row["warning_level"] == level
        assert row["warning_6h"] == level
        assert row["warning_72h"] == -1  # no such stage
    # a warning beside what is unknown stays a warning, and the unknown is counted
    both = warned(("zone", "Z1", 6, 1), ("zone", "Z2", 6, -1), town=None)
    row = township_warnings(both, None, language="en").iloc[0]
    assert (row["warning_level"], row["places_unknown"], row["zones_warned"]) == (1, 1, 1)
    assert row["township"] == "outside every township"
    # a place that is calm at one stage and unknown at another is not calm
    row = township_warnings(warned(calm, ("zone", "Z1", 72, -1)), None, language="en").iloc[0]
    assert (row["warning_level"], row["warning_6h"], row["warning_72h"]) == (-1, 0, -1)


def test_townships_without_places_are_rows_and_unknown_stands_between_blue_and_yellow():
    rows = pd.concat([warned(("zone", f"Z{n}", 6, n), town=f"乡{n}") for n in range(4)])
    found = township_warnings(rows, towns("乡0", "乡1", "乡2", "乡3", "空乡"), language="zh")
    assert found["township"].tolist() == ["乡3", "乡2", "空乡", "乡1", "乡0"]
    assert found["warning_level"].tolist() == [3, 2, -1, 1, 0]
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert not len(township_warnings(warned(), None))


def boxes(*spans: tuple[float, float]) -> list[object]:
    return [box(a, 0, b, 1) for a, b in spans]


def test_a_place_counts_in_every_township_that_it_reaches_into():
    # two townships of one name, one without a name, and one with a comma in its code; inner points decide the main one
    land = gpd.GeoDataFrame(
        {"code": ["1", "2", "township-3", "4,5"], "name": ["城关镇", "城关镇", "", "河西乡"]},
        geometry=boxes((0, 10), (10, 20), (20, 30), (30, 40)), crs=CRS,
    )  # fmt: skip
    zones = gpd.GeoDataFrame(
        {"zone_id": list("ABCDEF")},
        geometry=boxes((1, 2), (6, 12), (12, 14), (25, 35.5), (38, 43), (50, 51)), crs=CRS,
    )  # fmt: skip
    found = townships_of(zones, land)
    assert found["township_id"].tolist() == ["1", "1", "2", "4;5", "4;5", None]
    assert found["township_ids"].tolist() == ["1", "1,2", "2", "4;5,township-3", "4;5", None]
    assert found["township"].tolist() == ["城关镇", "城关镇", "城关镇", "河西乡", "河西乡", None]
    levels = dict(zip("ABCDEF", (0, 4, 0, 3, -1, 2), strict=True))
    rows = warned(*(("zone", i, 6, v) for i, v in levels.items())).drop(columns=list(found))
    got = township_warnings(pd.concat([rows, found], axis=1), land, language="zh").set_index("township_id")
    # B is red in both; D, orange, in the one without a name too; F lies in none
    assert got["warning_level"].to_dict() == {"1": 4, "2": 4, "township-3": 3, "4;5": 3, "outside": 2}
    assert got["township"].to_dict() == {"1": "城关镇", "2": "城关镇", "township-3": "township-3", "4;5": "河西乡",
                                         "outside": "乡镇以外"}  # fmt: skip
    assert got["zones"].to_dict() == {"1": 2, "2": 2, "township-3": 1, "4;5": 2, "outside": 1}
    assert got["places_unknown"].to_dict() == {"1": 0, "2": 0, "township-3": 0, "4;5": 1, "outside": 0}


def test_a_place_whose_inner_point_lies_in_no_township_has_the_one_that_holds_most_of_it():
    land = gpd.GeoDataFrame({"code": ["1", "2"], "name": ["甲", "乙"]}, geometry=boxes((0, 1), (9, 20)), crs=CRS)
    found = townships_of(gpd.GeoDataFrame(geometry=boxes((0.5, 12)), crs=CRS), land)
    assert found.iloc[0].tolist() == ["乙", "2", "2,1"]


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0.1, 20)), min_size=1, max_size=8))
def test_every_row_stands_in_each_of_its_townships_and_nowhere_else(spans):
    land = gpd.GeoDataFrame({"code": list("1234"), "name": ["x"] * 4},
                            geometry=boxes((0, 10), (10, 20), (20, 30), (30, 40)), crs=CRS)  # fmt: skip
    zones = gpd.GeoDataFrame(geometry=boxes(*((a, a + b) for a, b in spans)), crs=CRS)
    rows = rows_by_township(townships_of(zones, land))
    for code, shape in zip(land["code"], land.geometry, strict=True):
        assert rows.get(code, np.array([])).tolist() == np.flatnonzero(zones.intersects(shape)).tolist()
    assert set(rows.get("outside", [])) == set(np.flatnonzero(~zones.intersects(land.union_all())))


def test_tables_of_no_places_hold_the_townships_as_unknown():
    found = township_warnings(warned(), towns("甲", "乙"), language="en")
    assert found["warning_level"].tolist() == [-1, -1]
    assert found["zones"].tolist() == [0, 0]
    assert not len(warning_gaps(None, None, warned(), params=WarningParams()))


@given(st.lists(st.integers(-1, 4), max_size=12))
def test_gravest_is_never_below_a_known_level_and_none_only_where_all_are_known(levels):
    got = gravest(pd.Series(levels, dtype="int64"))
    assert got >= max(levels, default=-1) or (got == -1 and max(levels) == 0)
    assert (got == 0) == (bool(levels) and set(levels) == {0})


def test_gaps_by_hand():
    zone = {"kind": "landslide", "name": "x", "hazard_level": 3, "risk_level": 1, "point_ids": ""}
    given_ = [
        {**zone, "zone_id": "calm"}, {**zone, "zone_id": "half"}, {**zone, "zone_id": "red"},
        {**zone, "zone_id": "low", "hazard_level": 1}, {**zone, "zone_id": "watched", "point_ids": "P9"},
        {**zone, "zone_id": "flood", "kind": "flood", "risk_level": 4},
        {**zone, "zone_id": "struck", "point_ids": "P2"}, {**zone, "zone_id": "both", "point_ids": "P2,P3"},
    ]  # fmt: skip
    zones = gpd.GeoDataFrame(given_, geometry=[box(0, 0, 1, 1)] * len(given_), crs=CRS)
    stages = {"calm": (0, 0), "half": (0, -1), "red": (4, -1), "low": (-1, -1), "watched": (4, 4),
              "struck": (3, 3), "both": (3, 3)}  # fmt: skip
    rows = warned(*((("zone", i, h, v) for i, both in stages.items() for h, v in zip((6, 72), both, strict=True))))
    points = gpd.GeoDataFrame(
        {"point_id": ["P1", "P2", "P3"], "kind": "landslide", "name": "y", "status": ["new", "cancelled", "new"],
         "zone_id": ["", "", "Z1"], "hazard_level": 2}, geometry=[Point(5, 5)] * 3, crs=CRS,
    )  # fmt: skip
    found = warning_gaps(zones, points, rows, params=WarningParams(), language="en").set_index("place_id")
    # calm at 6 h and unknown at 72 h is open: with a high hazard and no point it is a gap
    # a point that is cancelled watches nothing
    assert found["warning_level"].to_dict() == {"red": 4, "struck": 3, "half": -1, "P1": -1}
    assert found.index[0] == "red"


@pytest.mark.parametrize("frame", [None, "zones"])
def test_no_warnings_at_all_leave_levels_unknown(frame):
    zone = {"zone_id": ["Z"], "kind": ["landslide"], "name": ["x"], "hazard_level": [4], "risk_level": [1],
            "point_ids": [""]}  # fmt: skip
    zones = None if frame is None else gpd.GeoDataFrame(zone, geometry=[box(0, 0, 1, 1)], crs=CRS)
    found = warning_gaps(zones, None, warned(), params=WarningParams())
    assert found["warning_level"].tolist() == ([] if frame is None else [-1])
