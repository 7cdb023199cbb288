"""Bridges and tunnels of line sections, and stretches that lack monitoring."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from geo_risk.core.levels import Level
from geo_risk.hazards.deformation.lines.params import LineParams
from geo_risk.products.line_decks import crossings, on_the_ground
from geo_risk.products.line_ground import ground_of, with_ground
from geo_risk.products.line_stretches import unmonitored_stretches
from geo_risk.products.linear import linear_risk
from geo_risk.products.params import RiskParams
from tests.unit.test_line_ground import CRS, PARAMS, layer, lines, row_of

DECK = PARAMS.line_deck_m


def bridges(*rows):
    """Rows of (id, x, road, clearance)."""
    frame = {"bridge_id": [r[0] for r in rows], "road_id": [r[2] for r in rows], "clearance_m": [r[3] for r in rows]}
    return gpd.GeoDataFrame(frame, geometry=[Point(r[1], 45) for r in rows], crs=CRS)


def flooded(depth_m, *, bridge=None, tunnel=None, pieces="RD1"):
    """Return a section of 300 m whose cells at 120-180 m are under water (and hit by run-out)."""
    frame = lines(0).assign(piece_ids=pieces)
    crossed = crossings(frame, bridge, tunnel, deck_m=DECK)
    layers = {"depth_max_m": layer(row_of(depth_m, slice(4, 6), np.float32), "depth_max_m"),
              "hazard_runout": layer(row_of(4 if tunnel is not None else 0, slice(4, 6)), "hazard_runout")}  # fmt: skip
    ground = ground_of(frame, layers, params=PARAMS, crossed=crossed)
    return with_ground(frame, ground, params=PARAMS, unknown_max=0.1, language="en").iloc[0]


def test_water_below_a_deck_is_told_and_does_not_stand_on_it():
    row = flooded(1.5, bridge=bridges(("B1", 150, "RD1", 4.0)))
    assert row[["depth_max_m", "risk_level", "bridge_ids"]].tolist() == [0, 0, "B1"]
    assert row["below_deck_m"] == pytest.approx(1.5)
    assert "On a bridge (B1): up to 1.50 m of water below its deck." in row["reasons"]
    assert "桥下最大水深 1.50 米" in row["reasons_zh"]
    assert "Under up to" not in row["reasons"]


def test_water_over_a_deck_counts_by_what_stands_above_it():
    row = flooded(4.6, bridge=bridges(("B1", 150, "RD1", 4.0)))
    assert row["depth_max_m"] == pytest.approx(0.6, abs=1e-6)
    assert row["risk_level"] == 2  # of flood hazard 4 with a road alone, by the matrix
    assert "flood" in row["causes"]


def test_a_deck_of_unknown_height_over_deep_water_is_unknown_however_short():
    low = flooded(1.5, bridge=bridges(("B1", 150, "RD1", np.nan)))
    assert low["risk_level"] == 0
    high = flooded(3.0, bridge=bridges(("B1", 150, "RD1", np.nan)))
    assert high["risk_level"] == -1
    assert "whether it stays dry is unknown" in high["reasons"]
    assert bool(high["deck_unknown"])


def test_bridges_carry_their_own_road_and_those_without_a_road_the_line_they_lie_on():
    assert flooded(1.5, bridge=bridges(("B1", 150, "RD2", 4.0)))["depth_max_m"] == 1.5
    assert flooded(1.5, bridge=bridges(("B1", 150, None, 4.0)))["depth_max_m"] == 0
    beside = bridges(("B1", 150, None, 4.0)).set_geometry([Point(150, 85)], crs=CRS)
    assert flooded(1.5, bridge=beside)["depth_max_m"] == 1.5
    assert flooded(1.5, bridge=bridges())["depth_max_m"] == 1.5
    assert flooded(1.5, bridge=bridges(("B1", 150, "RD1", -3.0)))["depth_max_m"] == 0  # a height below 0 is unknown
    assert flooded(3.0, bridge=bridges(("B1", 150, "RD1", 0.0)))["risk_level"] == -1


def test_inside_a_tunnel_the_ground_above_does_not_count_and_at_its_portals_it_does():
    bore = gpd.GeoDataFrame(geometry=[LineString([(0, 45), (300, 45)])], crs=CRS)
    row = flooded(1.5, tunnel=bore)
    assert row[["depth_max_m", "runout_share", "risk_level"]].tolist() == [0, 0, 0]
    assert row["tunnel_share"] == pytest.approx(0.7, abs=0.06)
    assert "inside a tunnel" in row["reasons"]
    short = gpd.GeoDataFrame(geometry=[LineString([(90, 45), (180, 45)])], crs=CRS)  # portals alone
    assert flooded(1.5, tunnel=short)["depth_max_m"] == 1.5
    portal = gpd.GeoDataFrame(geometry=[LineString([(130, 45), (600, 45)])], crs=CRS)
    assert flooded(1.5, tunnel=portal)["runout_share"] > 0


def test_a_zone_of_water_that_is_crossed_on_a_bridge_alone_does_not_count():
    frame = lines(0, 0).drop(columns=["risk_level", "needs_monitoring", "reasons", "reasons_zh", "reasons_en"])
    frame = frame.assign(piece_ids="RD1", level=np.int8(0), known_share=1.0, detectable_mm_yr_per_m=0.1, n_cells=9,
                         is_bending=False, is_sinking=False, off_course_share=0.0, vertical_source="both",
                         differential_settlement_mm_yr_per_m=0.0)  # fmt: skip
    zones = gpd.GeoDataFrame({"zone_id": ["FL", "LS"], "kind": ["flood", "landslide"], "risk_level": [4, 2]},
                             geometry=[box(130, 0, 170, 90)] * 2, crs=CRS)  # fmt: skip
    found = crossings(frame, bridges(("B1", 150, "RD1", np.nan)), None, deck_m=DECK)
    bridged = linear_risk(frame, zones, LineParams(), grounded=on_the_ground(frame, found, deck_m=DECK)).iloc[0]
    assert bridged[["exposed_zone_ids", "risk_level"]].tolist() == ["LS", 2]
    assert "Crosses 1 zones of water on bridges alone: FL." in bridged["reasons"]
    plain = linear_risk(frame, zones, LineParams()).iloc[0]
    assert plain[["exposed_zone_ids", "risk_level"]].tolist() == ["FL,LS", 4]


@pytest.mark.slow
@given(st.floats(0, 6), st.floats(0.1, 6), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_deeper_water_never_lowers_and_a_higher_deck_never_raises(depth, clear, more):
    grave = {-1: 1.5}
    level = [int(flooded(d, bridge=bridges(("B1", 150, "RD1", c)))["risk_level"]) for d, c in
             ((depth, clear), (depth + more, clear), (depth, clear + more))]  # fmt: skip
    base, deeper, higher = (grave.get(v, v) for v in level)
    assert higher <= base <= deeper


def chain(*rows, part=1):
    """Sections of 0.5 km in a row: (route, class, number, level)."""
    frame = lines(*(r[3] for r in rows))
    return frame.assign(
        segment_id=[f"{r[0]}-K{r[2]}" for r in rows], route=[r[0] for r in rows], part=part, causes="slope",
        from_km=[0.5 * r[2] for r in rows], to_km=[0.5 * (r[2] + 1) for r in rows], lacks_monitoring="yes",
    ).assign(**{"class": [r[1] for r in rows]})  # fmt: skip


def test_neighbours_are_joined_by_hand_and_the_order_is_level_class_length():
    frame = chain(("a", "local", 0, 4), ("a", "local", 1, 3), ("a", "local", 2, 2), ("a", "local", 4, 2),
                  ("a", "local", 5, 1), ("b", "trunk", 0, 4), ("c", "local", 0, -1), ("c", "local", 1, -1))  # fmt: skip
    got = unmonitored_stretches(frame, params=RiskParams(), language="en")
    table = got.table
    assert table["segment_ids"].tolist() == ["b-K0", "a-K0,a-K1", "a-K2", "a-K4", "c-K0,c-K1"]
    assert table["risk_level"].tolist() == [4, 4, 2, 2, -1]
    second = table.iloc[1]
    assert second[["segment_id", "from_km", "to_km", "length_km", "n_sections", "monitor_at_km"]].tolist() == [
        "a-K0", 0, 1, 1, 2, 0.25]  # fmt: skip
    assert second["reasons"].startswith("Km 0.00 to 1.00: 2 sections")
    assert "not low: go and look" in table["reasons"].iloc[4]
    assert got.cut == {}
    few = unmonitored_stretches(frame, params=RiskParams(line_stretches_max=1), language="en")
    assert few.table["segment_ids"].tolist() == ["b-K0", "a-K0,a-K1"]  # nothing of high risk is cut
    assert few.cut == {2: (2, pytest.approx(1.0)), -1: (1, pytest.approx(1.0))}


def test_nothing_to_list_is_an_empty_table():
    none = unmonitored_stretches(chain(("a", "local", 0, 1)), params=RiskParams())
    assert none.table.empty
    assert none.cut == {}
    assert unmonitored_stretches(chain(("a", "local", 0, 4)).iloc[:0], params=RiskParams()).table.empty


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(-1, 4), st.booleans()), min_size=1,
                max_size=14, unique_by=lambda r: r[:2]), st.integers(1, 5), st.randoms())  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_every_section_is_listed_or_counted_and_order_changes_nothing(rows, most, random):
    frame = chain(*((route, "local", at, level) for route, at, level, _ in rows))
    frame["lacks_monitoring"] = ["yes" if bare else "no" for *_, bare in rows]
    params = RiskParams(line_stretches_max=most)
    got = unmonitored_stretches(frame, params=params)
    wanted = frame[(frame["lacks_monitoring"] == "yes") & ((frame["risk_level"] >= 2) | (frame["risk_level"] < 0))]
    listed = [s for ids in got.table["segment_ids"] for s in ids.split(",")]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(wanted["segment_id"])
    assert set(wanted.loc[wanted["risk_level"] >= Level.HIGH, "segment_id"]) <= set(listed)
    km = sum(k for _, k in got.cut.values()) + got.table["length_km"].sum()
    assert km == pytest.approx(0.5 * len(wanted))
    order = list(range(len(frame)))
    random.shuffle(order)
    again = unmonitored_stretches(frame.iloc[order].reset_index(drop=True), params=params)
    assert again.table["segment_ids"].tolist() == got.table["segment_ids"].tolist()
    assert again.cut == got.cut
