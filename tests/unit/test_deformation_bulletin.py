"""The bulletin against areas whose fate is known: kept, grown, sped up, split, merged, gone, out of sight."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from geo_risk.core.errors import SchemaError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.bulletin import bulletin, match_areas, seen_now
from geo_risk.hazards.deformation.areas.change import Seen
from geo_risk.hazards.deformation.params import BulletinParams

CRS = "EPSG:4546"
PARAMS = BulletinParams()


def areas(*rows: tuple[str, tuple[float, float, float, float], float], std: float = 0.5) -> gpd.GeoDataFrame:
    shapes = [box(*b) for _, b, _ in rows]
    size = [s.area for s in shapes]
    return gpd.GeoDataFrame(
        {"area_id": [r[0] for r in rows], "track": "asc", "n_pixels": [max(1, int(a / 3600)) for a in size],
         "area_m2": size, "velocity_mean_mm_yr": [r[2] for r in rows], "velocity_max_mm_yr": [r[2] for r in rows],
         "quality": 1, "activity": "steady", "kind": "landslide", "false_alarm_p": 0.02, "status": "new",
         "confidence": 0.9, "reasons": "moves", "reasons_en": "moves", "reasons_zh": "变形。",
         "velocity_std_mm_yr": std, "velocity_track": "asc"},
        geometry=shapes, crs=CRS,
    )  # fmt: skip


def test_without_a_former_bulletin_all_is_new():
    made = bulletin(areas(("AD-1", (0, 0, 600, 600), -20.0)), None, PARAMS)
    assert made.changes is None
    assert list(made.areas["status"]) == ["new"]


def test_every_fate_is_told_apart_and_ids_last():
    before = areas(
        ("same", (0, 0, 600, 600), -20.0), ("grows", (2000, 0, 2600, 600), -20.0),
        ("speeds", (4000, 0, 4600, 600), -20.0), ("calms", (6000, 0, 6600, 600), -20.0),
        ("stops", (8000, 0, 8600, 600), -20.0), ("hidden", (10000, 0, 10600, 600), -20.0),
        ("parts", (12000, 0, 13200, 600), -20.0), ("left", (14000, 0, 14600, 600), -20.0),
        ("right", (14700, 0, 15100, 600), -20.0),
    )  # fmt: skip
    after = areas(
        ("AD-1", (60, 0, 600, 600), -20.5), ("AD-2", (2000, 0, 3200, 900), -20.0),
        ("AD-3", (4000, 0, 4600, 600), -30.0), ("AD-4", (6000, 0, 6600, 600), -10.0),
        ("AD-5", (12000, 0, 12700, 600), -20.0), ("AD-6", (12760, 0, 13200, 600), -20.0),
        ("AD-7", (14000, 0, 15100, 600), -20.0), ("AD-8", (20000, 0, 20600, 600), -20.0),
    )  # fmt: skip
    seen = [Seen("stops", 0.9, -0.4, 0.5), Seen("hidden", 0.2, -0.1, 0.5)]
    made = bulletin(after, before, PARAMS, seen=seen)
    changes = dict(zip(made.changes["area_id"], made.changes["change"], strict=True))
    assert changes == {
        "same": "unchanged", "grows": "grown", "speeds": "accelerated", "calms": "calmed", "parts": "unchanged",
        "AD-6": "split", "left": "grown", "AD-8": "new", "stops": "gone", "hidden": "not_seen", "right": "merged",
    }  # fmt: skip
    assert set(made.areas["area_id"]) == {"same", "grows", "speeds", "calms", "parts", "AD-6", "left", "AD-8"}
    status = dict(zip(made.areas["area_id"], made.areas["status"], strict=True))
    assert status["same"] == "existing"
    assert status["speeds"] == "changed"
    assert status["AD-8"] == "new"
    row = made.changes.set_index("area_id").loc["speeds"]
    assert row["speed_change_mm_yr"] == pytest.approx(10.0)
    assert row["speed_change_std_mm_yr"] == pytest.approx(np.hypot(0.5, 0.5))
    assert "speed +10.0 +- 0.7" in row["reasons"]
    assert "加速" in row["reasons_zh"]
    assert "1 gone" in made.notes[0][0]


def test_speed_within_the_errors_or_of_another_track_is_no_change():
    before = areas(("a", (0, 0, 600, 600), -20.0), std=4.0)
    faster = areas(("AD-1", (0, 0, 600, 600), -27.0), std=4.0)
    assert list(bulletin(faster, before, PARAMS).changes["change"]) == ["unchanged"]
    other = areas(("AD-1", (0, 0, 600, 600), -60.0)).assign(velocity_track="desc")
    made = bulletin(other, areas(("a", (0, 0, 600, 600), -20.0)), PARAMS)
    assert list(made.changes["change"]) == ["unchanged"]
    assert "not of one track" in made.changes["reasons"].iloc[0]


def test_a_bowl_inside_a_cone_is_a_body_of_its_own():
    match = match_areas(areas(("cone", (0, 0, 6000, 6000), -20)), areas(("b", (2700, 2700, 3000, 3000), -90)), PARAMS)
    assert not match.heir
    assert not match.split
    assert not match.merged


def test_gone_areas_stay_listed_and_may_return_under_their_id():
    now = areas(("AD-1", (0, 0, 600, 600), -20.0))
    gone = areas(("old", (5000, 0, 5600, 600), -9.0))
    made = bulletin(now, now.assign(area_id="kept"), PARAMS, gone=gone, seen=[Seen("old", 1.0, 0.0, 0.4)])
    assert dict(zip(made.changes["area_id"], made.changes["change"], strict=True)) == {
        "kept": "unchanged", "old": "gone"}  # fmt: skip
    back = bulletin(areas(("AD-9", (5000, 0, 5600, 600), -9.0)), now.iloc[:0], PARAMS, gone=gone)
    assert list(back.areas["area_id"]) == ["old"]
    assert list(back.changes["change"]) == ["returned"]


@pytest.mark.parametrize(
    ("now", "std", "change"),
    [(-0.5, 0.4, "gone"), (-6.0, 0.4, "not_seen"), (-0.5, 4.0, "not_seen"), (-0.5, np.nan, "not_seen"),
     (np.nan, 0.4, "not_seen")],
)  # fmt: skip
def test_a_place_is_gone_only_where_its_error_leaves_no_room_for_half_its_speed(now, std, change):
    before = areas(("old", (5000, 0, 5600, 600), -9.0))
    made = bulletin(before.iloc[:0], before, PARAMS, seen=[Seen("old", 1.0, now, std)])
    assert list(made.changes["change"]) == [change]
    assert ("not_seen" in change) == ("不能认定已停止" in made.changes["reasons_zh"].iloc[0])


def test_an_id_is_never_given_twice():
    before = areas(("AD-1", (0, 0, 600, 600), -20.0))
    made = bulletin(areas(("AD-1", (9000, 0, 9600, 600), -20.0)), before, PARAMS)
    assert list(made.areas["area_id"]) == ["AD-1-2"]
    assert sorted(made.changes["area_id"]) == ["AD-1", "AD-1-2"]


SIX = Grid.from_bounds((0, 0, 360, 240), crs=CRS, resolution_m=60)


def seen_of(track: str | None, **velocity: np.ndarray) -> Seen:
    former = gpd.GeoDataFrame({"area_id": ["a"]}, geometry=[box(0, 0, 120, 240)], crs=CRS)
    former = former if track is None else former.assign(velocity_track=track)
    maps = {t: np.broadcast_to(np.asarray(v, np.float32), (4, 6)) for t, v in velocity.items()}
    return seen_now(former, SIX, maps)[0]


def test_what_was_seen_by_one_track_is_not_gone_by_another():
    assert seen_of("asc", asc=-5.0, desc=0.0) == Seen("a", 1.0, -5.0, 0.0, "asc")
    assert seen_of("asc", asc=np.nan, desc=0.0).known_share == 0
    assert seen_of("asc", desc=0.0).known_share == 0
    # one track that still sees it move is enough
    assert seen_of("asc", asc=0.0, desc=7.0).track == "desc"
    assert seen_of(None, asc=-1.0, desc=3.0).velocity_mm_yr == 3.0
    assert seen_of(None, asc=np.nan, desc=3.0).track == "desc"
    assert seen_of(None).known_share == 0


def test_few_cells_have_no_error_and_places_off_the_grid_are_not_seen():
    one = np.full((4, 6), np.nan, np.float32)
    one[0, :2] = -1.0
    frame = gpd.GeoDataFrame(
        {"area_id": ["a", "b", "c"]},
        geometry=[box(0, 180, 120, 240), box(1e6, 0, 1e6 + 60, 60), box(10, 10, 12, 12)], crs=CRS,
    )  # fmt: skip
    few, far, tiny = seen_now(frame, SIX, {"asc": one})
    assert few.known_share == 1
    assert np.isnan(few.std_mm_yr)
    assert far.known_share == tiny.known_share == 0


def test_areas_that_lie_over_one_another_are_each_seen_whole():
    frame = gpd.GeoDataFrame(
        {"area_id": ["wide", "narrow"]}, geometry=[box(0, 0, 360, 240), box(0, 0, 120, 120)], crs=CRS
    )  # fmt: skip
    values = np.zeros((4, 6), np.float32)
    values[2:, :2] = -6
    wide, narrow = seen_now(frame, SIX, {"asc": values})
    assert wide.velocity_mm_yr == -1
    assert narrow.velocity_mm_yr == -6


def test_ground_that_turns_round_is_told():
    before, after = areas(("AD-1", (0, 0, 600, 600), -20.0)), areas(("AD-1", (0, 0, 600, 600), 21.0))
    row = bulletin(after, before, PARAMS).changes.iloc[0]
    assert "moves the other way" in row["reasons_en"]
    assert "反转" in row["reasons_zh"]


def test_former_areas_without_a_column_are_refused():
    now = areas(("AD-1", (0, 0, 600, 600), -20.0))
    with pytest.raises(SchemaError):
        bulletin(now.drop(columns="kind"), now, PARAMS)


place = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 12), st.integers(1, 12))


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(place, max_size=6), st.lists(place, min_size=1, max_size=6))
def test_no_area_is_lost_and_no_id_doubled(old, new):
    def frame(places, prefix):
        rows = [(f"{prefix}{k}", (x * 60, y * 60, (x + w) * 60, (y + h) * 60), -10.0) for k, (x, y, w, h) in
                enumerate(places)]  # fmt: skip
        return areas(*rows) if rows else areas(("x", (0, 0, 60, 60), 0.0)).iloc[:0]

    before, after = frame(old, "old"), frame(new, "new")
    made = bulletin(after, before, PARAMS)
    assert len(made.areas) == len(new)
    assert made.changes["area_id"].is_unique
    assert set(before["area_id"]) <= set(made.changes["area_id"])
    assert set(made.areas["area_id"]) <= set(made.changes["area_id"])


def test_a_run_that_finds_nothing_lists_all_former_areas():
    before = areas(("a", (0, 0, 600, 600), -20.0))
    made = bulletin(before.iloc[:0], before, PARAMS, seen=[Seen("a", 1.0, -0.1, 0.3)])
    assert len(made.areas) == 0
    assert list(made.changes["change"]) == ["gone"]
    assert len(bulletin(before.iloc[:0], None, PARAMS).areas) == 0
    assert len(bulletin(before.iloc[:0], before.iloc[:0], PARAMS).changes) == 0
