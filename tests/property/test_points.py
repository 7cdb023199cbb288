import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shapely.geometry import box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.core.schemas import AREA_KINDS, POINT_KINDS
from geo_risk.products.linking import group_areas, is_compatible, match_points, near_doubles, with_clues
from geo_risk.products.params import RiskParams
from geo_risk.products.points import Surroundings, merge_points
from geo_risk.products.wording import SENTENCES, say

CRS = "EPSG:4546"
PARAMS = RiskParams()
GRID = Grid.from_bounds((0, 0, 3000, 3000), crs=CRS, resolution_m=30)


def layer(value):
    return GRID.layer(np.full(GRID.shape, value, dtype="int8"), units="level", long_name="x")


def seen(activity=0):
    """Ground that radar sees, and what the series of its cells say."""
    return {"blind_map": layer(0), "activity": layer(activity)}


def ledger(*rows):
    """Rows of (id, x, y, kind, status, people)."""
    frame = pd.DataFrame(rows, columns=["point_id", "x", "y", "kind", "status", "people"])
    frame["coordinate_confidence"] = 1.0
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame.pop("x"), frame.pop("y")), crs=CRS)


def areas(*rows):
    """Rows of (id, shape, kind, fastest mm/yr, activity, false-alarm probability)."""
    frame = pd.DataFrame(
        rows, columns=["area_id", "geometry", "kind", "velocity_max_mm_yr", "activity", "false_alarm_p"]
    )
    frame = frame.assign(track="asc", quality=1, velocity_mean_mm_yr=frame["velocity_max_mm_yr"] / 2,
                         acceleration_mm_yr2=np.nan, status="new")  # fmt: skip
    out = gpd.GeoDataFrame(frame, geometry="geometry", crs=CRS)
    return out.assign(area_m2=out.area)


def merged(book, found, **around):
    return merge_points(book, found, Surroundings(**around), params=PARAMS, language="en").set_index("point_id")


def test_every_rule_in_one_scene():
    book = ledger(
        ("moves", 505, 500, "landslide", "existing", 12),
        ("near", 1000, 580, "rockfall", "existing", None),
        ("wrong kind", 2000, 500, "landslide", "existing", 3),
        ("dead", 500, 2000, "landslide", "existing", 0),
        ("revived", 2500, 2500, "debris_flow", "cancelled", 700),
        ("gone", 100, 2900, "landslide", "cancelled", 1),
    )
    found = areas(
        ("A1", box(450, 450, 550, 550), "landslide", -30.0, "steady", 0.001),
        ("A2", box(950, 450, 1050, 500), "unknown", -12.0, "accelerating", 0.01),
        ("A3", box(1950, 450, 2050, 550), "groundwater_subsidence", -25.0, "steady", 0.0),
        ("A4", box(2450, 2450, 2550, 2550), "landslide", 40.0, "steady", 0.0),
        ("A5", box(1500, 1500, 1600, 1600), "landslide", -8.0, "steady", 0.4),
    )
    got = merged(book, found, hazard=layer(1), **seen())
    assert got.loc["moves", ["source", "status", "activity", "hazard_level"]].tolist() == [
        "inventory+insar", "existing", "steady", 3]  # fmt: skip
    assert got.loc["moves", "velocity_mm_yr"] == -15
    # 80 m beside the area; it accelerates
    assert got.loc["near", ["source", "status", "hazard_level"]].tolist() == ["inventory+insar", "changed", 4]
    # a moving area of another kind is not the point's, but the ground is not still either
    assert got.loc["wrong kind", ["source", "status", "activity", "hazard_level"]].tolist() == [
        "inventory", "existing", "unknown", -1]  # fmt: skip
    assert "A3" in got.loc["wrong kind", "reasons"]
    assert got.loc["IS-A3", ["source", "status", "kind"]].tolist() == ["insar", "new", "ground_subsidence"]
    assert got.loc["dead", ["status", "activity", "danger_grade"]].tolist() == ["dormant", "stable", "IV"]
    assert got.loc["revived", ["status", "danger_grade"]].tolist() == ["changed", "II"]
    assert got.loc["gone", "status"] == "cancelled"
    assert not any("A5" in i for i in got.index)  # more likely than not noise
    assert len(got) == len(book) + 1  # nothing is dropped
    assert "proposed dormant" in got.loc["dead", "reasons"]
    assert "but it moves" in got.loc["revived", "reasons"]


@pytest.mark.slow
def test_blind_or_unlooked_places_are_never_dormant_or_safe():
    book = ledger(("p", 500, 500, "landslide", "existing", 0))
    unsure = [{"hazard": layer(0), **seen(code)} for code in (-1, 1, 2, 5)]
    half = layer(0).copy(data=np.where(np.arange(GRID.shape[1]) < 16, 0, -1).astype("int8")[None].repeat(100, axis=0))
    for around in (
        {"hazard": layer(0), "blind_map": layer(3), "activity": layer(-1)}, {"hazard": layer(0), "blind_map": layer(0)},
        {"hazard": layer(0)}, seen(), {}, *unsure, {"hazard": layer(0), "blind_map": layer(0), "activity": half},
    ):  # fmt: skip
        row = merged(book, None, **around).loc["p"]
        assert row["status"] == "existing", around
        assert row["hazard_level"] == -1, around
    susceptible = merged(book, None, hazard=layer(3), **seen()).loc["p"]
    assert susceptible[["status", "hazard_level"]].tolist() == ["existing", 3]


def test_reasons_say_why_a_point_stays_dormant_or_cancelled_and_ground_set_aside_as_noise_is_not_still():
    book = ledger(
        ("asleep", 500, 500, "landslide", "dormant", 3),
        ("off", 900, 500, "landslide", "cancelled", 3),
        ("noise", 2000, 2000, "landslide", "existing", None),
        ("open", 2500, 500, "landslide", "existing", 3),
    )
    noise = areas(("A9", box(1990, 1990, 2050, 2050), "landslide", -9.0, "steady", 0.5))
    blind = merged(book, None, hazard=layer(1), blind_map=layer(1), activity=layer(-1))
    assert "does not confirm" in blind.loc["asleep", "reasons"]
    assert "Still" not in blind.loc["asleep", "reasons"]
    assert "Cancelled in the ledger" in blind.loc["off", "reasons"]
    near = merged(book, noise, hazard=layer(1), **seen())
    assert near.loc["noise", ["activity", "status"]].tolist() == ["unknown", "existing"]
    assert "A9 lies here" in near.loc["noise", "reasons"]
    assert "不认定为稳定" in near.loc["noise", "reasons_zh"]
    unknown_slope = merged(book, None, **seen())
    assert "hazard of the slope is unknown: stays" in unknown_slope.loc["open", "reasons"]
    assert "Hazard unknown: by the slope unknown, by motion none." in unknown_slope.loc["open", "reasons"]


def test_still_ground_puts_no_debris_flow_and_no_tailings_pond_to_rest():
    book = ledger(
        ("flow", 500, 500, "debris_flow", "existing", 9), ("pond", 2000, 2000, "tailings_pond", "existing", 9)
    )
    got = merged(book, None, hazard=layer(0), **seen())
    assert got["status"].tolist() == ["existing", "existing"]
    assert got["hazard_level"].tolist() == [-1, -1]
    assert merged(book, None, hazard=layer(3), **seen())["hazard_level"].tolist() == [3, 3]
    assert all("water sets it off" in r for r in got["reasons_en"])


def test_cells_that_move_at_a_point_are_told_and_one_is_enough_to_call_it_not_stable():
    book = ledger(("p", 500, 500, "landslide", "existing", 0), ("q", 2000, 2000, "landslide", "existing", 0))
    rows, columns, _ = GRID.index(np.array([500.0]), np.array([500.0]))
    codes = np.zeros(GRID.shape, dtype="int8")
    codes[rows[0], columns[0]] = 2
    codes[rows[0], columns[0] + 1] = 5
    got = merged(book, None, hazard=layer(0), blind_map=layer(0), activity=layer(0).copy(data=codes))
    assert got.loc["p", ["activity", "status", "hazard_level"]].tolist() == ["unknown", "existing", -1]
    assert "moves (accelerating, step) but forms no moving area" in got.loc["p", "reasons_en"]
    assert "（加速、突变），但未构成活动形变区：不认定为稳定" in got.loc["p", "reasons_zh"]
    assert got.loc["q", ["activity", "status", "hazard_level"]].tolist() == ["stable", "dormant", 0]
    assert "100% of the ground within 30 m" in got.loc["q", "reasons_en"]


def test_words_tell_ground_that_is_not_seen_from_ground_that_is_not_known_to_be_still():
    book = ledger(("p", 500, 500, "landslide", "existing", 0))
    said = {
        "does not see motion here": {"blind_map": layer(2), "activity": layer(-1)},
        "call only 0% of the ground": seen(-1),
        "No series here": {"blind_map": layer(0)},
        "No radar result": {},
    }
    for text, around in said.items():
        assert text in merged(book, None, **around).loc["p", "reasons_en"], text


@pytest.mark.slow
@given(hnp.arrays("int8", (5, 5), elements=st.integers(-1, 5)), st.floats(0.05, 1))
@settings(max_examples=60, deadline=None)
def test_stable_needs_its_share_of_stable_cells_and_no_other_motion(codes, share):
    grid = Grid.from_bounds((0, 0, 150, 150), crs=CRS, resolution_m=30)
    layers = [grid.layer(a, units="1", long_name="x") for a in (codes, (codes < 0).astype("int8"))]
    around = Surroundings(activity=layers[0], blind_map=layers[1])
    params = PARAMS.model_copy(update={"point_stable_share": share})
    got = merge_points(ledger(("p", 75, 75, "landslide", "existing", 0)), None, around, params=params)["activity"][0]
    # the disc of 30 m covers the middle cell, a part of its eight neighbours and nothing else
    inner = codes[1:4, 1:4]
    if got == "stable":
        assert not (inner > 0).any()
        assert (inner == 0).any()
    else:
        assert (inner != 0).any()


def test_unknown_people_do_not_make_the_lowest_grade():
    book = ledger(("p", 500, 500, "landslide", "existing", None), ("q", 900, 500, "landslide", "existing", None))
    book["assets_cny"] = [1000.0, 6e7]
    got = merged(book, None)
    assert pd.isna(got.loc["p", "danger_grade"])
    assert got.loc["q", "danger_grade"] == "II"


def test_people_come_from_the_ledger_else_from_houses_else_are_unknown():
    houses = gpd.GeoDataFrame(
        {"people": [10.0, 6.0, np.nan], "households": [3.0, 2.0, np.nan]},
        geometry=[box(460, 460, 470, 470), box(545, 460, 555, 470), box(2000, 2000, 2010, 2010)], crs=CRS,
    )  # fmt: skip
    found = areas(
        ("A1", box(450, 450, 550, 550), "landslide", -30.0, "steady", 0.0),
        ("A2", box(1990, 1990, 2100, 2100), "landslide", -30.0, "steady", 0.0),
    )
    got = merged(ledger(("p", 500, 500, "landslide", "existing", 77)), found, houses=houses)
    assert got.loc["p", "people"] == 77
    got = merged(None, found, houses=houses)
    assert got.loc["IS-A1", ["people", "households"]].tolist() == [13, 4]
    assert pd.isna(got.loc["IS-A2", "people"])
    assert pd.isna(got.loc["IS-A2", "danger_grade"])


def test_clues_name_the_area_or_make_one():
    found = areas(("A1", box(0, 0, 100, 100), "unknown", -60.0, "steady", 0.0))
    clues = gpd.GeoDataFrame(
        {"clue_id": ["C1", "C2"], "max_subsidence_mm_yr": [80.0, 300.0], "verdict": ["unlicensed", "inside_licence"]},
        geometry=[box(20, 20, 120, 120), box(2000, 2000, 2300, 2300)], crs=CRS,
    )  # fmt: skip
    joint = with_clues(found, clues)
    assert joint["kind"].tolist() == ["mining_subsidence"] * 2
    got = merged(None, found, clues=clues)
    assert got["kind"].tolist() == ["mining_subsidence"] * 2
    assert got.loc["IS-CLUE-C2", "hazard_level"] == 4
    assert "without a licence" in got.loc["IS-A1", "reasons"]
    assert len(merged(None, None, clues=clues)) == 2


def test_no_source_at_all_is_an_error():
    with pytest.raises(DataError, match="neither a ledger"):
        merge_points(None, None, Surroundings(), params=PARAMS)


def test_points_are_linked_with_the_zone_they_stand_in_or_near():
    zones = gpd.GeoDataFrame(
        {"zone_id": ["far", "near", "in"], "kind": "landslide", "hazard_level": [4, 4, 3]},
        geometry=[box(900, 900, 990, 990), box(560, 400, 600, 600), box(400, 400, 540, 600)], crs=CRS,
    )  # fmt: skip
    book = ledger(("p", 500, 500, "landslide", "existing", 0), ("q", 700, 500, "landslide", "existing", 0),
                  ("r", 2000, 500, "landslide", "existing", 0))  # fmt: skip
    got = merged(book, None, zones=zones)
    assert got["zone_id"].tolist()[:2] == ["in", "near"]
    assert pd.isna(got.loc["r", "zone_id"])


def test_overlapping_tracks_are_one_place_but_a_big_area_does_not_swallow_a_small_one():
    found = areas(
        ("asc", box(0, 0, 100, 100), "landslide", -30.0, "steady", 0.0),
        ("desc", box(20, 0, 120, 100), "landslide", -35.0, "accelerating", 0.0),
        ("big", box(0, 0, 1000, 1000), "unknown", -9.0, "steady", 0.0),
    )
    group = group_areas(found, min_iou=0.2)
    assert group[0] == group[1] != group[2]
    got = merged(None, found)
    assert sorted(got.index) == ["IS-big", "IS-desc"]


def test_neighbours_of_one_kind_are_named():
    book = ledger(("a", 0, 0, "landslide", "existing", 0), ("b", 10, 0, "landslide", "existing", 0),
                  ("c", 12, 0, "rockfall", "existing", 0))  # fmt: skip
    doubles = near_doubles(book, distance_m=30)
    assert doubles.index.tolist() == [1]
    assert "same place as a" in merged(book, None).loc["b", "reasons"]


@pytest.mark.slow
@given(st.floats(0, 400), st.sampled_from(POINT_KINDS), st.sampled_from(AREA_KINDS))
@settings(max_examples=60, deadline=None)
def test_matching_is_by_distance_and_kind_alone(distance, point_kind, area_kind):
    book = ledger(("p", 1000 + distance, 500, point_kind, "existing", 0))
    found = areas(("A", box(900, 400, 1000, 600), area_kind, -20.0, "steady", 0.0))
    got = match_points(book, found, distance_m=120)
    wanted = distance <= 120 and is_compatible(point_kind, area_kind)
    assert (len(got) == 1) is wanted
    if wanted:
        assert got["distance_m"].iloc[0] == pytest.approx(distance, abs=1e-6)
    assert is_compatible(None, area_kind)


def test_every_sentence_has_the_same_blanks_in_both_languages():
    import string

    for key, (english, chinese) in SENTENCES.items():
        blanks = [{f for _, f, _, _ in string.Formatter().parse(text) if f} for text in (english, chinese)]
        assert blanks[0] == blanks[1], key
    assert say("false_alarm", "en", p=0.01) == "False-alarm probability 0.010."
