"""Points and zones matched by rules, and named both ways."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo_risk.core.schemas import AREA_KINDS, POINT_KINDS, conform
from geo_risk.products.matching import ALSO, RULES, ZONE_KINDS, fits_zone, link_points, parts_of, shared_areas, zones_of
from geo_risk.products.params import RiskParams
from geo_risk.products.points import Surroundings, merge_points

CRS = "EPSG:4546"
PARAMS = RiskParams()
KINDS = (*ZONE_KINDS, "waterlogging", "unknown")


def zones(*rows):
    """Rows of (id, kind, hazard level, shape, area id)."""
    frame = pd.DataFrame(rows, columns=["zone_id", "kind", "hazard_level", "geometry", "area_id"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=CRS)


def points(*rows):
    """Rows of (id, kind, x, y, area id, confidence of the coordinates)."""
    frame = pd.DataFrame(rows, columns=["point_id", "kind", "x", "y", "area_id", "coordinate_confidence"])
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["x"], frame["y"]), crs=CRS)


SCENE = zones(
    ("LS-own", "landslide", 3, box(1000, 0, 1100, 100), "A1"),
    ("LS-in", "landslide", 4, box(0, 0, 100, 100), None),
    ("WL", "waterlogging", 4, box(3000, 0, 3100, 100), None),
    ("GS", "groundwater_subsidence", 2, box(2900, -100, 3200, 200), None),
)


def test_each_rule_by_hand():
    got = zones_of(
        points(
            ("own", "landslide", 50, 50, "A1", 1.0),  # stands in another zone, but moves with its own area
            ("inside", "rockfall", 50, 50, None, 1.0),
            ("error", "landslide", 120, 50, None, 1.0),
            ("near", "landslide", 200, 50, None, 1.0),
            ("far", "landslide", 500, 50, None, 1.0),
            ("doubtful", "landslide", 500, 50, None, 0.6),
            ("sinks", "ground_subsidence", 3050, 50, None, 1.0),
            ("water", "landslide", 3050, 50, None, 1.0),
        ), SCENE, PARAMS,
    )  # fmt: skip
    assert got["zone_rule"].fillna("none").tolist() == [
        "own_area", "inside", "within_error", "near", "none", "doubtful_position", "inside", "none"]  # fmt: skip
    assert got["zone_id"].fillna("none").tolist() == [
        "LS-own", "LS-in", "LS-in", "LS-in", "none", "LS-in", "GS", "none"]  # fmt: skip
    assert got["zone_distance_m"].iloc[[1, 2, 3, 5]].tolist() == [0, 20, 100, 400]


def test_of_two_zones_at_a_point_unknown_hazard_comes_before_low():
    both = [("a", "landslide", 1, box(0, 0, 100, 100), None), ("b", "landslide", -1, box(0, 0, 100, 100), None)]
    got = zones_of(points(("p", "landslide", 50, 50, None, 1.0)), zones(*both), PARAMS)
    assert got["zone_id"].tolist() == ["b"]


def test_a_sinking_place_is_linked_with_a_pond_only_where_no_zone_of_its_kind_holds_it():
    only_pond = zones_of(points(("p", "ground_subsidence", 3050, 50, None, 1.0)), SCENE.iloc[[2]], PARAMS)
    assert only_pond["zone_id"].tolist() == ["WL"]
    assert fits_zone("ground_subsidence", "waterlogging") == 1
    assert fits_zone("landslide", "waterlogging") == -1
    assert fits_zone(None, "flood") == fits_zone("rockfall", "unknown") == 0


def test_empty_and_missing_input_gives_no_zone():
    none = zones_of(points(("p", "landslide", 50, 50, None, 1.0)), None, PARAMS)
    assert none["zone_id"].isna().all()
    assert zones_of(points(), SCENE, PARAMS).empty
    nowhere = points(("p", "landslide", 50, 50, None, 1.0))
    nowhere.geometry = [None]
    assert zones_of(nowhere, SCENE, PARAMS)["zone_id"].isna().all()


@pytest.mark.slow
@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_links_go_both_ways_whatever_the_order_of_rows(seed):
    rng = np.random.default_rng(seed)
    made = zones(*(
        (f"Z{i}", rng.choice(KINDS), int(rng.integers(-1, 5)), box(x, y, x + 150, y + 150), None)
        for i, (x, y) in enumerate(rng.uniform(0, 900, (8, 2)))
    ))  # fmt: skip
    made = conform(made.assign(vulnerability_level=1, risk_level=1, reasons="r"), "risk_zones")
    there = points(*(
        (f"P{i}", rng.choice(POINT_KINDS), x, y, None, float(rng.choice([1.0, 0.6])))
        for i, (x, y) in enumerate(rng.uniform(0, 1000, (12, 2)))
    ))  # fmt: skip
    found = zones_of(there, made, PARAMS)
    mixed = there.iloc[rng.permutation(len(there))]
    again = zones_of(mixed, made.iloc[rng.permutation(len(made))].reset_index(drop=True), PARAMS)
    assert again.loc[found.index, "zone_id"].fillna("").tolist() == found["zone_id"].fillna("").tolist()
    linked = link_points(made, there.join(found).assign(responsible=None), language="en").set_index("zone_id")
    for zone_id, ids in linked["point_ids"].items():
        mine = sorted(there["point_id"][(found["zone_id"] == zone_id).to_numpy(dtype=bool, na_value=False)])
        assert (sorted(str(ids).split(",")) if not pd.isna(ids) else []) == mine
    for row in there.join(found).itertuples():
        near = made[made.distance(row.geometry) <= PARAMS.match_distance_m]
        fits = [k for k in near["kind"] if fits_zone(row.kind, k) >= 0]
        if fits:
            assert not pd.isna(row.zone_id)
        if not pd.isna(row.zone_id):
            zone = made.set_index("zone_id").loc[row.zone_id]
            assert fits_zone(row.kind, zone["kind"]) >= 0
            assert row.zone_distance_m == pytest.approx(shapely.distance(row.geometry, zone.geometry))
            assert row.zone_rule in RULES


def test_every_kind_of_zone_is_known_and_every_kind_of_point_has_one():
    assert set(AREA_KINDS) - {"unknown"} <= set(ZONE_KINDS)
    assert {k for found in (*ZONE_KINDS.values(), *ALSO.values()) for k in found} == set(POINT_KINDS)


def test_points_that_share_an_area_and_parts_of_one_slide_are_told():
    book = points(("a", "landslide", 10, 10, None, 1.0), ("b", "rockfall", 90, 90, None, 1.0)).drop(columns="area_id")
    book = book.assign(status="existing", people=None)
    rows = [("A1", box(0, 0, 100, 100), "landslide"), ("A2", box(150, 0, 250, 100), "landslide")]
    found = pd.DataFrame(rows, columns=["area_id", "geometry", "kind"]).assign(
        track="asc", quality=1, velocity_max_mm_yr=-30.0, velocity_mean_mm_yr=-15.0, acceleration_mm_yr2=np.nan,
        activity="steady", false_alarm_p=0.0, status="new", area_m2=10_000.0,
    )  # fmt: skip
    areas = gpd.GeoDataFrame(found, geometry="geometry", crs=CRS)
    got = merge_points(book, areas, Surroundings(zones=SCENE), params=PARAMS, language="en").set_index("point_id")
    assert len(got) == 3  # both ledger points and the other part: nothing is lost
    assert "also that of b" in got.loc["a", "reasons"]
    assert '"inside" (0 m away)' in got.loc["a", "reasons"]
    assert "perhaps two parts of one" in got.loc["IS-A2", "reasons"]
    assert "可能为同一隐患的两部分" in got.loc["IS-A2", "reasons_zh"]
    assert 'Risk zone LS-own by the rule "zone of its own moving area"' in got.loc["a", "reasons"]
    assert got.loc["IS-A2", "zone_rule"] == "near"
    alone = shared_areas(points(("p", "landslide", 0, 0, "X", 1.0), ("q", "landslide", 0, 0, None, 1.0)))
    assert alone.isna().all()
    empty = gpd.GeoDataFrame({"source": [], "footprint": [], "kind": [], "area_kind": [], "point_id": []}, geometry=[])
    assert parts_of(empty, distance_m=10).empty


def test_zones_name_the_rule_and_the_distance_of_each_point():
    made = SCENE.assign(vulnerability_level=1, risk_level=1, reasons="r", reasons_zh="r", reasons_en="r")
    made = conform(made, "risk_zones")
    there = points(("P2", "landslide", 50, 50, None, 1.0), ("P1", "landslide", 150, 50, None, 1.0))
    there = there.join(zones_of(there, made, PARAMS)).assign(responsible=["责任人-002", None])
    got = link_points(made, there, language="zh").set_index("zone_id")
    assert got.loc["LS-in", "point_ids"] == "P1,P2"
    assert "P1（邻近，50 米）、P2（位于其内，0 米）" in got.loc["LS-in", "reasons"]
    assert "P1 (near, 50 m), P2 (inside, 0 m)" in got.loc["LS-in", "reasons_en"]
    assert got.loc["LS-in", "responsible"] == "责任人-002"
    assert isinstance(there.geometry.iloc[0], Point)
