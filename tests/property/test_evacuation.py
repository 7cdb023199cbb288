import re
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from geo_risk.core.errors import SchemaError
from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.exposure.people import Dwellings, clean_counts, spread_people
from geo_risk.products.demand import _risk, calling_zones, leave_before
from geo_risk.products.evacuation import EvacuationInputs, plan_evacuation
from geo_risk.products.evacuation_notes import plan_notes
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.priority import scores
from geo_risk.products.shelter_use import water_areas

CRS = "EPSG:4546"
PARAMS = EvacuationParams()
STAGES = [{"hours": h, "issued": f"2024-07-24T{24 - h:02d}:00:00+00:00" if h <= 24 else "2024-07-21T23:00:00+00:00"}
          for h in (72, 24, 6, 3, 1)]  # fmt: skip


def zone(zone_id, shape, kind="landslide", warning=4, hazard=4, **more):
    stages = {f"warning_{s}h": warning for s in (72, 24, 6, 3, 1)}
    return {"zone_id": zone_id, "kind": kind, "hazard_level": hazard, "vulnerability_level": 2, "risk_level": 3,
            "reasons": "r", "geometry": shape, **stages, **more}  # fmt: skip


def zone_frame(*rows):
    frame = gpd.GeoDataFrame(list(rows or [zone("none", box(0, 0, 1, 1))]), crs=CRS)
    return conform(frame.iloc[: len(rows)], "risk_zones")


def scene(people=(100, 60, None), capacity=(80, 100, 50), zones=None, roads=True):
    """Three villages of four houses on a west-east road, shelters at its ends and one off the road.

    Village i stands at x = 1000 * (i + 1), y = 0; two of its houses (west) lie in zone Zi.
    """
    villages = gpd.GeoDataFrame(
        {"settlement_id": [f"S{i}" for i in range(len(people))], "name": [f"村{i}" for i in range(len(people))],
         "people": people, "vulnerable_people": [None if p is None else p // 5 for p in people]},
        geometry=[Point(1000 * (i + 1), 0) for i in range(len(people))], crs=CRS,
    )  # fmt: skip
    villages, _ = clean_counts(villages)
    blocks = [(i, k) for i in range(len(people)) for k in range(4)]
    buildings = gpd.GeoDataFrame(
        {"building_id": [f"B{i}{k}" for i, k in blocks], "settlement_id": [f"S{i}" for i, _ in blocks]},
        geometry=[box(1000 * (i + 1) - 40 + 20 * k, 20, 1000 * (i + 1) - 30 + 20 * k, 30) for i, k in blocks], crs=CRS,
    )  # fmt: skip
    houses, _ = spread_people(villages, Dwellings(buildings), radius_m=100)
    if zones is None:
        zones = zone_frame(
            *(zone(f"Z{i}", box(1000 * (i + 1) - 45, 15, 1000 * (i + 1) - 5, 60)) for i in range(len(people)))
        )
    shelters = gpd.GeoDataFrame(
        {"shelter_id": ["H0", "H1", "H2"], "name": ["学校", "体育馆", "远处"], "capacity": capacity},
        geometry=[Point(0, 0), Point(5000, 0), Point(0, 50_000)], crs=CRS,
    )  # fmt: skip
    lines = [LineString([(1000 * i, 0), (1000 * (i + 1), 0)]) for i in range(5)]
    road = gpd.GeoDataFrame(
        {"road_id": [f"R{i}" for i in range(5)], "class": "local", "bridge_id": [None, None, "BR1", None, None]},
        geometry=lines, crs=CRS,
    )  # fmt: skip
    return EvacuationInputs(villages, houses, zones, road if roads else None, shelters, STAGES)


def test_the_list_of_a_scene_worked_by_hand():
    plan = plan_evacuation(scene(capacity=(50, 10, 50)), params=PARAMS, language="en")
    rows = plan.evacuation.set_index("settlement_id")
    # two of four equal houses of each village lie in its zone: half of the people
    assert rows.loc["S0", "people"] == 50
    assert rows.loc["S1", "people"] == 30
    assert pd.isna(rows.loc["S2", "people"])
    # S0 fills H0; of S1 ten find a place at H1, the others none; H2 is off the road
    assert rows.loc["S0", ["shelter_id", "assigned_people", "unassigned_people"]].tolist() == ["H0", 50, 0]
    assert rows.loc["S1", ["shelter_id", "assigned_people", "unassigned_people"]].tolist() == ["H1", 10, 20]
    assert rows.loc["S0", "route_km"] == pytest.approx(1.0)
    assert rows.loc["S0", "travel_min"] == pytest.approx(3.0)
    assert rows.loc["S0", "backup_shelter_id"] == "H1"
    assert rows.loc["S2", "shelter_id"] == "H1"
    assert rows.loc["S2", "route_km"] == pytest.approx(2.0)
    assert "20 people without a place" in rows.loc["S1", "reasons"]
    assert "unknown" in rows.loc["S2", "reasons"]
    assert plan.totals["people_total"] == 80
    assert (plan.totals["people_assigned"], plan.totals["people_unassigned"], plan.totals["people_unassignable"]) == (
        60,
        20,
        20,
    )
    # all stages call: the newest one was issued an hour before; S0 has no other way when bridge BR1 fails? it has: H0
    assert rows.loc["S0", "leave_before"] == "2024-07-24T23:00:00+00:00"
    assert rows["cut_off_risk"].tolist() == ["none"] * 3
    roles = plan.routes.groupby("role").size()
    assert roles["main"] == 3
    assert set(plan.assignments["route_id"]) <= set(plan.routes["route_id"])


@pytest.mark.slow
def test_bridges_and_exposed_sections_make_the_cut_off_risk():
    west_gone = zone("Z9", box(100, -10, 300, 10))
    village = zone("Z1", box(1955, 15, 1995, 60))
    plan = plan_evacuation(scene(zones=zone_frame(west_gone, village)), params=PARAMS, language="en")
    row = plan.evacuation.set_index("settlement_id").loc["S1"]
    # west is exposed, east hangs on bridge BR1 between x = 2000 and 3000
    assert row["cut_off_risk"] == "medium"
    assert "bridge BR1" in row["reasons"]
    assert row["shelter_id"] == "H1"  # 3 km of open road beat 1.8 km and 0.2 km that count ten times
    both = zone_frame(west_gone, village, zone("Z8", box(4100, -10, 4200, 10)))
    row = plan_evacuation(scene(zones=both), params=PARAMS, language="en").evacuation.iloc[0]
    assert row["cut_off_risk"] == "high"
    assert row["route_exposed_km"] == pytest.approx(0.2)  # 1.6 + 0.2 * 10 is less than 2.9 + 0.1 * 10


@pytest.mark.slow
def test_without_roads_or_shelters_everyone_is_listed_with_the_reason():
    plan = plan_evacuation(scene(roads=False), params=PARAMS, language="en")
    assert plan.totals["people_unassigned"] == plan.totals["people_total"] == 80
    assert plan.evacuation["reasons"].str.contains("No road network").all()
    assert (plan.evacuation["cut_off_risk"] == "unknown").all()
    inputs = scene(capacity=(0, np.nan, -1))
    plan = plan_evacuation(inputs, params=PARAMS, language="en")
    assert plan.evacuation["reasons"].str.contains("No usable shelter").all()
    assert len(plan.quarantine) == 3
    assert len(plan.routes) == len(plan.assignments) == 0


def test_nobody_called_gives_empty_frames():
    plan = plan_evacuation(scene(zones=zone_frame(zone("Z", box(0, 0, 9000, 90), warning=1))), params=PARAMS)
    assert len(plan.evacuation) == 0
    assert plan.totals["people_total"] == 0


@pytest.mark.slow
def test_a_shelter_in_a_zone_takes_nobody():
    zones = zone_frame(zone("Z0", box(955, 15, 995, 60)), zone("Z7", box(-10, -10, 10, 10), warning=0, hazard=3))
    plan = plan_evacuation(scene(zones=zones), params=PARAMS, language="en")
    assert plan.evacuation["shelter_id"].tolist() == ["H1"]
    assert plan.quarantine[0]["id"] == "H0"


@pytest.mark.slow
@given(
    st.lists(st.integers(0, 400) | st.none(), min_size=3, max_size=3),
    st.lists(st.integers(0, 120), min_size=3, max_size=3),
)
@settings(max_examples=6, deadline=None)
def test_totals_reconcile_and_no_shelter_is_overfull(people, capacity):
    inputs = scene(tuple(people), tuple(capacity))
    plan = plan_evacuation(inputs, params=PARAMS)
    rows = plan.evacuation
    known = rows[rows["people"].notna()]
    assert (known["assigned_people"] + known["unassigned_people"] == known["people"]).all()
    assert rows["people"].isna().sum() == plan.totals["settlements_of_unknown_population"]
    placed = plan.assignments.groupby("shelter_id")["people"].sum()
    limit = inputs.shelters.set_index("shelter_id")["capacity"]
    assert (placed <= limit.reindex(placed.index)).all()
    by_settlement = plan.assignments.groupby("settlement_id")["people"].sum()
    expected = known.set_index("settlement_id")["assigned_people"]
    assert by_settlement.reindex(expected.index, fill_value=0).tolist() == expected.tolist()
    totals = plan.totals
    assert (
        totals["people_unassigned"]
        == totals["people_unassignable"]
        == totals["people_total"] - totals["people_assigned"]
    )
    assert totals["over_capacity"] == 0
    again = plan_evacuation(inputs, params=PARAMS)
    pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(again.evacuation))


@given(
    st.integers(-1, 4), st.integers(-1, 4), st.integers(0, 5000) | st.none(),
    st.sampled_from(["none", "low", "medium", "high", "unknown"]),
)  # fmt: skip
def test_scores_never_fall_with_a_level_and_unknown_is_not_below_low(warning, risk, people, cut):
    def score(warning, risk, people):
        row = {"people": [np.nan if people is None else people], "vulnerable_people": [np.nan],
               "warning_level": [warning], "risk_level": [risk], "cut_off_risk": [cut]}  # fmt: skip
        return scores(pd.DataFrame(row), PARAMS)[0]

    here = score(warning, risk, people)
    assert 0 <= here <= 1
    if warning >= 0:
        assert score(min(4, warning + 1), risk, people) >= here
    assert score(-1, risk, people) >= score(1, risk, people)
    assert score(warning, -1, people) >= score(warning, 1, people)
    if people is not None:
        assert score(warning, risk, people + 10) >= here


def test_which_zones_call():
    shape = box(0, 0, 1, 1)
    rows = [
        (zone("a", shape, warning=3), True),
        (zone("b", shape, warning=2), False),
        (zone("c", shape, warning=-1), True),  # no forecast at all: the risk decides
        (zone("d", shape, warning=-1, risk_level=2), False),
        # an hour or three known to be calm leave the next ones open; six, or all, do not
        (zone("n", shape, warning=-1, warning_1h=0, warning_3h=0), True),
        (zone("o", shape, warning=-1, warning_6h=0), False),
        (zone("p", shape, warning=-1, warning_72h=0), False),
        (zone("q", shape, warning=-1, warning_1h=3, risk_level=1), True),
        (zone("e", shape, kind="flood", warning=-1, hazard=3), True),
        (zone("f", shape, kind="flood", warning=-1, hazard=2), True),
        (zone("r", shape, kind="flood", warning=-1, hazard=1), False),
        (zone("g", shape, kind="flood", warning=-1, hazard=-1), True),
        # no forecast, and how many live there is unknown: the hazard decides
        (zone("k", shape, warning=-1, risk_level=2, vulnerability_level=-1, hazard=3), True),
        (zone("l", shape, warning=-1, risk_level=-1, vulnerability_level=-1, hazard=2), False),
        (zone("m", shape, warning=-1, risk_level=-1, vulnerability_level=1, hazard=-1), True),
        (zone("h", shape, kind="groundwater_subsidence", warning=-1), False),
        (zone("i", shape, kind="mining_subsidence", warning=-1, activity="accelerating"), True),
        (zone("j", shape, kind="mining_subsidence", warning=-1), False),
    ]
    frame = gpd.GeoDataFrame([r for r, _ in rows], crs=CRS)
    assert calling_zones(frame, PARAMS).tolist() == [wanted for _, wanted in rows]


def test_leave_before_is_the_end_of_the_hours_that_do_not_call():
    def when(*calling):
        return leave_before({f"warning_{s}h": 3 if s in calling else 1 for s in (72, 24, 6, 3, 1)}, PARAMS, STAGES)

    assert when(72) == "2024-07-22T23:00:00+00:00"  # not within the 24 h stage: a day after the issue
    assert when(72, 24) == "2024-07-24T06:00:00+00:00"  # within 24 h of 00:00 but not within 6 h
    assert when(72, 24, 6, 3, 1) == "2024-07-24T23:00:00+00:00"
    assert when() is None
    assert leave_before({f"warning_{s}h": 4 for s in (72, 24, 6, 3, 1)}, PARAMS, []) is None
    # the 6 h stage has no forecast: it does not say that its hours are safe, the 3 h stage does
    gap = {"warning_72h": 3, "warning_24h": 3, "warning_6h": -1, "warning_3h": 1, "warning_1h": 0}
    assert leave_before(gap, PARAMS, STAGES) == "2024-07-24T03:00:00+00:00"
    assert leave_before(dict.fromkeys(gap, -1) | {"warning_24h": 3}, PARAMS, STAGES) == "2024-07-24T00:00:00+00:00"
    local = [{"hours": 24, "issued": "2024-07-24T08:00:00+08:00"}]
    assert leave_before(dict.fromkeys(gap, -1) | {"warning_24h": 3}, PARAMS, local) == "2024-07-24T00:00:00+00:00"
    with pytest.raises(ValueError, match="no zone"):
        leave_before(gap, PARAMS, [{"hours": 24, "issued": "2024-07-24T08:00:00"}])


@pytest.mark.slow
def test_a_shelter_is_judged_by_its_own_ground_where_layers_are_given():
    grid = Grid.from_bounds((-90, -90, 5100, 90), crs=CRS, resolution_m=30)
    cells = np.zeros(grid.shape, dtype="int8")
    cells[:, -5:] = 3  # the ground of H1 at x = 5000
    inputs = scene()
    around = zone_frame(*inputs.zones.to_dict("records"), zone("Z7", box(-10, -10, 10, 10), warning=0, hazard=3))
    layer = grid.layer(cells, units="level", long_name="hazard")
    inputs = replace(inputs, zones=around.assign(origin="hazard"), grounds=[layer])
    plan = plan_evacuation(inputs, params=PARAMS, language="en")
    assert {q["id"] for q in plan.quarantine} == {"H1"}
    assert set(plan.evacuation["shelter_id"]) == {"H0"}


def ground(inputs, value, **boxes):
    """Return a level layer over the scene, with other values in some x ranges [m]."""
    grid = Grid.from_bounds((-90, -90, 5100, 90), crs=CRS, resolution_m=10)
    cells = np.full(grid.shape, value, dtype="int8")
    x = grid.bounds[0] + 10 * (np.arange(grid.shape[1]) + 0.5)
    for name, (low, high, level) in boxes.items():
        assert name
        cells[:, (x >= low) & (x < high)] = level
    return grid.layer(cells, units="level", long_name="warning", name="warning_24h")


@pytest.mark.slow
def test_houses_no_stage_speaks_of_are_rows_of_their_own():
    inputs = scene(zones=zone_frame(zone("Z0", box(950, 15, 1000, 60), kind="flood", warning=-1)))
    layer = ground(inputs, 1, second=(1900, 2100, -1))  # S1 stands on unknown ground
    plan = plan_evacuation(replace(inputs, reach={"warning_24h": layer}), params=PARAMS, language="zh")
    rows = plan.evacuation.set_index("settlement_id")
    assert set(rows.index) == {"S0", "S1"}  # S2 is known not to be warned
    assert pd.isna(rows.loc["S1", "people"])
    assert rows.loc["S1", ["warning_level", "risk_level", "houses_not_judged", "people_not_judged"]].tolist() == [
        -1, -1, 4, 60]  # fmt: skip
    assert "4 处房屋（已知 60 人）" in rows.loc["S1", "reasons"]
    assert "4 houses (60 known people)" in rows.loc["S1", "reasons_en"]
    assert plan.totals["people_total"] == rows.loc["S0", "people"]  # the unknown adds to no total
    assert plan.totals["settlements"] == 1
    assert plan.totals["settlements_listed_for_that"] == 1
    assert plan.totals["settlements_of_unknown_population"] == 0
    # where no stage knows anything of anybody, everybody is on the list, and the report says so once
    silent = plan_evacuation(replace(inputs, reach={"warning_24h": ground(inputs, -1)}), params=PARAMS, language="en")
    assert sorted(silent.evacuation["settlement_id"]) == ["S0", "S1", "S2"]
    assert silent.totals["settlements_not_judged"] == silent.totals["settlements_listed_for_that"] + 1 == 3
    (said,) = [n["text_en"] for n in plan_notes(silent.totals) if "not judged" in n["text_en"]]
    assert "all 3 settlements" in said
    # without any hazard looked at nobody is judged either
    blind = plan_evacuation(replace(scene(zones=zone_frame()), is_judged=False), params=PARAMS, language="en")
    assert sorted(blind.evacuation["settlement_id"]) == ["S0", "S1", "S2"]
    assert blind.evacuation["people"].isna().all()
    assert (blind.totals["people_total"], blind.totals["houses_judged"]) == (0, 0)
    assert blind.totals["people_not_judged"] == 160


def test_a_house_that_two_stages_warn_of_in_part_is_called_with_its_level():
    inputs = scene(people=(100,), zones=zone_frame(zone("Z9", box(0, 5000, 10, 5010), warning=0)))
    # of house B00 (x 960-970) each stage warns of 4 %: together they reach `house_share`
    houses = inputs.houses.assign(geometry=[box(960, 0, 1210, 10), *inputs.houses.geometry[1:]])
    first = ground(inputs, 0, a=(1200, 1220, 3))
    second = ground(inputs, 0, b=(950, 970, 4)).rename("warning_6h")
    warned = replace(inputs, houses=houses, reach={"warning_24h": first, "warning_6h": second})
    row = plan_evacuation(warned, params=PARAMS, language="en").evacuation.iloc[0]
    assert row["settlement_id"] == "S0"
    assert row["people"] >= 25
    assert row["warning_level"] >= 3
    assert row["risk_level"] >= 2


@pytest.mark.slow
def test_shelters_on_partly_unknown_ground_are_used_and_named():
    inputs = scene(people=(100,), capacity=(500, 0, 0))
    hazard = ground(inputs, 1, west=(-90, 60, -1)).rename("hazard_flood")
    plan = plan_evacuation(replace(inputs, grounds=[ground(inputs, 0), hazard]), params=PARAMS, language="en")
    assert plan.totals["shelters_of_unknown_ground"] == 1
    assert "学校 is partly unknown" in plan.evacuation.loc[0, "reasons"]
    known = plan_evacuation(replace(inputs, grounds=[ground(inputs, 0)]), params=PARAMS, language="en")
    assert known.totals["shelters_of_unknown_ground"] == 0
    assert "partly unknown" not in known.evacuation.loc[0, "reasons"]
    # an hour known to be calm says nothing of the night; one that warns does
    hour = ground(inputs, 0).rename("warning_1h")
    silent = ground(inputs, -1).rename("warning_24h")
    calm = plan_evacuation(replace(inputs, grounds=[hour, silent]), params=PARAMS, language="en")
    assert calm.totals["shelters_of_unknown_ground"] == 1
    warned = plan_evacuation(replace(inputs, grounds=[ground(inputs, 3).rename("warning_1h"), silent]), params=PARAMS)
    assert warned.totals["shelters_usable"] == 0


@pytest.mark.slow
def test_a_house_of_no_settlement_is_counted_where_it_must_be_left():
    inputs = scene(people=(100,))
    lone = inputs.houses.iloc[[0]].assign(house_id="L", settlement_id=pd.NA, people=np.nan, vulnerable_people=np.nan)
    houses = gpd.GeoDataFrame(pd.concat([inputs.houses, lone], ignore_index=True), crs=CRS)
    plan = plan_evacuation(replace(inputs, houses=houses), params=PARAMS, language="en")
    assert plan.totals["houses_without_settlement"] == 1
    assert plan.evacuation["people"].tolist() == [50]
    by_cells = replace(inputs, houses=houses, reach={"warning_24h": ground(inputs, 4)})
    assert plan_evacuation(by_cells, params=PARAMS, language="en").totals["houses_without_settlement"] == 1
    assert plan_evacuation(inputs, params=PARAMS, language="en").totals["houses_without_settlement"] == 0


def test_a_house_of_no_settlement_on_unknown_ground_is_counted_too():
    inputs = scene(people=(100,), zones=zone_frame(zone("Z9", box(0, 5000, 10, 5010), warning=0)))
    lone = inputs.houses.iloc[[0]].assign(house_id="L", settlement_id=pd.NA, people=np.nan, vulnerable_people=np.nan,
                                          geometry=[box(3000, 0, 3010, 10)])  # fmt: skip
    houses = gpd.GeoDataFrame(pd.concat([inputs.houses, lone], ignore_index=True), crs=CRS)
    layer = ground(inputs, 0, east=(2900, 3100, -1))
    plan = plan_evacuation(replace(inputs, houses=houses, reach={"warning_24h": layer}), params=PARAMS)
    assert plan.totals["houses_without_settlement_not_judged"] == 1
    assert (plan.totals["houses_not_judged"], plan.totals["houses_judged"]) == (0, 4)
    assert len(plan.evacuation) == 0
    (said,) = [n for n in plan_notes(plan.totals) if "no row of the list" in n["text_en"]]
    assert said["level"] == "warning"


@pytest.mark.slow
def test_a_shelter_in_a_river_or_a_lake_is_not_used_though_no_flood_was_looked_at():
    inputs = scene(people=(100,))
    rivers = gpd.GeoDataFrame({"river_id": ["W1", "W2"], "width_m": [40.0, None]},
                              geometry=[LineString([(15, -500), (15, 500)]), LineString([(5006, -9), (5006, 9)])],
                              crs=CRS)  # fmt: skip
    lakes = gpd.GeoDataFrame({"reservoir_id": ["L1", "L2"]}, geometry=[Point(0, 50_000).buffer(30), Point(5000, 0)],
                             crs=CRS)  # fmt: skip

    def refused(rivers, lakes, params=PARAMS):
        waters = water_areas(rivers, lakes, params=params)
        plan = plan_evacuation(replace(inputs, waters=waters), params=params, language="en")
        return {q["id"]: q["reason"] for q in plan.quarantine}

    # H0 is 15 m from the middle of a river of 40 m, H1 6 m from one of unknown width; a point has no ground
    assert refused(rivers, lakes) == {"H0": "shelter not used: stands in the water of W1",
                                      "H2": "shelter not used: stands in the water of L1"}  # fmt: skip
    assert set(refused(rivers, None, PARAMS.model_copy(update={"river_width_m": 13.0}))) == {"H0", "H1"}
    assert water_areas(None, None, params=PARAMS) is None
    assert refused(None, lakes).keys() == {"H2"}


@pytest.mark.slow
def test_zones_that_cross_themselves_or_repeat_end_with_a_clear_word():
    bow = Polygon([(955, 15), (995, 60), (995, 15), (955, 60)])
    plan = plan_evacuation(scene(zones=zone_frame(zone("Z0", bow))), params=PARAMS, language="en")
    assert plan.evacuation.set_index("settlement_id").loc["S0", "people"] >= 25
    assert plan.totals["zones_mended"] == 1
    assert "1 risk zones cross themselves" in " ".join(n["text_en"] for n in plan_notes(plan.totals))
    with pytest.raises(SchemaError, match="Z0"):
        zone_frame(zone("Z0", box(0, 0, 1, 1)), zone("Z0", box(2, 2, 3, 3)))


def test_reasons_state_the_score_by_its_parts():
    row = plan_evacuation(scene(), params=PARAMS, language="en").evacuation.iloc[0]
    text = row["reasons"].split("Score ")[1]
    total, *parts = [float(n) for n in re.findall(r"\d+\.\d+", text)]
    assert total == pytest.approx(row["score"], abs=0.006)
    assert sum(parts) == pytest.approx(total, abs=0.03)  # five parts, each rounded to two decimals


@pytest.mark.parametrize("bad", [
    {"scores": {"warning": 1.0}},
    {"scores": dict.fromkeys(("warning", "risk", "people", "vulnerable", "cut_off"), 0.0)},
    {"scores": {"warning": -1.0, "risk": 1.0, "people": 1.0, "vulnerable": 1.0, "cut_off": 1.0}},
    {"speed_km_h": {}}, {"speed_km_h": {"local": 0.0}}, {"speed_km_h": {"local": float("nan")}},
])  # fmt: skip
def test_weights_and_speeds_that_rank_or_reach_nothing_are_refused(bad):
    with pytest.raises(ValueError, match=r"needed|finite"):
        EvacuationParams(**bad)


@pytest.mark.parametrize(("people", "cell", "zone", "expected"), [
    (600.0, 4, -1, 4),  # very high vulnerability on red ground
    (5.0, 3, -1, 2),  # matrix row 3, column 1
    (np.nan, 4, -1, 2),  # unknown people: what the matrix gives for vulnerability 1, since it is medium
    (np.nan, 3, 4, 4),  # a zone that calls knows more
    (600.0, np.nan, 3, 3),  # no warned cell: the zone alone
    (5.0, np.nan, -1, -1),  # unknown stays unknown
])  # fmt: skip
def test_people_on_warned_cells_have_a_risk_of_their_own(people, cell, zone, expected):
    rows = pd.DataFrame({"people": [people], "cell_warning": [cell], "cell_flood": [np.nan], "risk_level": [zone],
                         "zone_ids": ["Z1"]})  # fmt: skip
    assert _risk(rows, RiskParams()).tolist() == [expected]


FLOOD_GRID = Grid.from_bounds((0, -1000, 6000, 1000), crs=CRS, resolution_m=10)


def flooded(levels):
    """A flood layer of level 0 but for boxes {(x0, y0, x1, y1): level}."""
    coords = FLOOD_GRID.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    values = np.zeros(FLOOD_GRID.shape, np.int8)
    for (x0, y0, x1, y1), level in levels.items():
        values[(x > x0) & (x < x1) & (y > y0) & (y < y1)] = level
    return FLOOD_GRID.layer(values, units="level", long_name="flood hazard level", name="hazard_flood")


@pytest.mark.slow
def test_a_house_in_deep_water_is_left_though_no_zone_is_drawn_there():
    nowhere = zone_frame(zone("Z", box(50, 800, 60, 810), warning=0, risk_level=1))
    # the two western houses of S0 stand in water of level 2, all of S1 in level 1, the eastern ones of S2 unknown
    layer = flooded({(950, 0, 995, 60): 2, (1900, 0, 2100, 60): 1, (3000, 0, 3100, 60): -1})
    inputs = replace(scene(zones=nowhere), grounds=[layer])
    plan = plan_evacuation(inputs, params=PARAMS, language="en")
    rows = plan.evacuation.set_index("settlement_id")
    assert rows.loc["S0", "people"] == 50
    assert rows.loc["S0", "hazard_kinds"] == "flood"
    assert rows.loc["S0", "risk_level"] == 2  # hazard 2, vulnerability 2: the default matrix
    assert rows.loc["S0", "warning_level"] == -1
    assert "S1" not in rows.index
    # what is not known is on the list, its people missing
    assert pd.isna(rows.loc["S2", "people"])
    assert rows.loc["S2", "houses_not_judged"] == 2
    assert plan.totals["houses_not_judged"] == 2
    stricter = plan_evacuation(inputs, params=PARAMS.model_copy(update={"flood_level": 1}), language="en")
    assert set(stricter.evacuation["settlement_id"]) == {"S0", "S1", "S2"}


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-1, 4), min_size=3, max_size=3), st.integers(0, 2))
def test_more_water_never_takes_people_off_the_list(levels, where):
    nowhere = zone_frame(zone("Z", box(50, 800, 60, 810), warning=0, risk_level=1))

    def listed(some):
        boxes = {(1000 * (i + 1) - 50, 0, 1000 * (i + 1) + 50, 60): level for i, level in enumerate(some)}
        plan = plan_evacuation(replace(scene(zones=nowhere), grounds=[flooded(boxes)]), params=PARAMS, language="en")
        return plan.evacuation.set_index("settlement_id")["people"]

    less = listed(levels)
    deeper = [min(4, level + 1) if i == where and level >= 0 else level for i, level in enumerate(levels)]
    more = listed(deeper)
    assert set(less.index) <= set(more.index)
    for settlement in less.index:
        if not pd.isna(less[settlement]):
            assert more[settlement] >= less[settlement]
