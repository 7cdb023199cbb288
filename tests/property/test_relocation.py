"""Moving, works or watching: published annuities, villages worked by hand, and what must hold for any of them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import Point, box

from geo_risk.core.errors import CrsError, DataError
from geo_risk.core.grid import Grid
from geo_risk.exposure.params import NO_HOUSEHOLD
from geo_risk.flow.steps.relocation import _facts
from geo_risk.products.demand import people_to_move
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.relocation import RelocationInputs, plan_relocation
from geo_risk.products.relocation_costs import annuity_factor, break_even_return_yr, ways_of
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.relocation_threats import annual_chances, threatened, threats_of
from geo_risk.products.relocation_words import assumptions
from tests.support.threatened import CRS, county, village, zones

RISK = RiskParams()
PARAMS = RelocationParams(
    horizon_years=10, discount_rate=0.0, relocate_person_cny=1000, relocate_household_cny=100, people_per_household=2,
    treat_fixed_cny=500, treat_cny_m2={"landslide": 10.0}, treat_reach_m=4, treat_maintenance_share=0.1,
    monitor_fixed_cny=50, monitor_annual_cny=5, fatality_share=0.5, life_cny=10_000, house_cny_m2=1,
)  # fmt: skip


def plan(towns, houses, areas, *, params=PARAMS, language="en", **more):
    inputs = RelocationInputs(towns, houses, areas, **more)
    return plan_relocation(inputs, params=params, language=language)


@pytest.mark.parametrize(
    ("rate", "years", "table"),
    [(0.06, 30, 13.7648), (0.08, 20, 9.8181), (0.05, 10, 7.7217), (0.10, 5, 3.7908), (0.0, 12, 12.0)],
)
def test_matches_the_published_table_of_annuities(rate, years, table):
    # present value of an ordinary annuity of 1, as printed to four decimals in any table of finance
    assert annuity_factor(rate, years) == pytest.approx(table, abs=5.1e-5)


@pytest.mark.parametrize(("rate", "years"), [(-0.01, 10), (np.nan, 10), (np.inf, 10), (0.05, 0)])
def test_refuses_what_has_no_present_value(rate, years):
    with pytest.raises(DataError):
        annuity_factor(rate, years)


def test_a_village_by_hand():
    # two of three houses lie in the zone: 4 + 7 people; 4 m around them are treated
    towns, houses = county(village("A", 0, people=[4, 7, 9]))
    row = plan(towns, houses, zones({"zone_id": "Z1", "geometry": box(-100, -100, 35, 100)})).relocation.iloc[0]
    assert (row["people"], row["settlement_people"], row["houses"], row["n_threats"]) == (11, 20, 2, 1)
    assert row["relocate_cost_cny"] == 11 * 1000 + 6 * 100  # 11 people are 6 households of 2
    m2 = 2 * (10 * 10 + 4 * 10 * 4 + np.pi * 4**2)  # two squares grown by 4 m with round corners
    # corners of eight chords a quarter hold 0.64 % less than a circle: 0.12 % of the whole
    assert row["treat_cost_cny"] == pytest.approx((500 + m2 * 10) * (1 + 0.1 * 10), rel=2e-3)
    assert row["monitor_cost_cny"] == 2 * (50 + 5 * 10)  # they lie apart: two places to be watched
    assert row["advice"] == "monitor"  # hazard high, 11 people: the matrix says medium; everything is known
    assert row["annual_loss_cny"] != row["annual_loss_cny"]
    assert "No return period is known" in row["reasons"]


def test_loss_that_is_avoided_counts_where_the_chance_is_known():
    towns, houses = county(village("A", 0, people=[10]))
    area = zones({"zone_id": "Z", "geometry": box(-50, -50, 50, 50), "return_period_yr": 10.0})
    row = plan(towns, houses, area).relocation.iloc[0]
    yearly = 0.1 * (10 * 0.5 * 10_000 + 100 * 1)
    assert row["annual_loss_cny"] == pytest.approx(round(yearly))
    assert row["relocate_people_avoided"] == pytest.approx(0.1 * 10 * 10)
    assert row["relocate_loss_avoided_cny"] == pytest.approx(round(10 * yearly))
    assert row["monitor_loss_avoided_cny"] == pytest.approx(round(10 * 0.1 * 0.6 * 50_000))
    # net: moving 10,500 - 50,100 = -39,600 beats works (about -33,550) and watching 100 - 30,000
    assert row["advice"] == "relocate"
    assert row["basis"] == "loss"


def test_two_independent_threats_reach_a_house_more_often():
    towns, houses = county(village("A", 0, people=[10]))
    rows = [{"zone_id": f"Z{k}", "geometry": box(-50, -50, 50, 50), "annual_chance": 0.1} for k in range(2)]
    found, _ = threats_of(zones(*rows), None, None, params=PARAMS)
    out = threatened(towns, houses, found, is_known=np.ones(1, dtype=bool), params=PARAMS, risk=RISK)
    assert out.rows["people_per_year"].iloc[0] == pytest.approx(10 * (1 - 0.9 * 0.9))


def test_what_runs_out_from_any_area_of_an_accelerating_point_is_a_threat():
    shape = box(-50, -50, 50, 50)
    points = zones({"zone_id": "P", "geometry": shape.centroid, "activity": "accelerating", "hazard_level": 1})
    points = points.rename(columns={"zone_id": "point_id"}).assign(status="existing", area_m2=100.0)
    rows = [{"zone_id": f"RO-{i}", "geometry": shape, "hazard_level": 1} for i in ("P", "P-2", "Q-2")]
    runouts = zones(*rows).assign(release_id=["P", "P-2", "Q-2"])
    found, _ = threats_of(zones(), runouts, points, params=PARAMS)
    assert set(found["threat_id"]) == {"P", "RO-P", "RO-P-2"}


def test_at_the_break_even_return_period_both_ways_cost_the_same():
    towns, houses = county(village("A", 0, people=[4]))
    area = zones({"zone_id": "Z", "geometry": box(-50, -50, 50, 50)})
    found, _ = threats_of(area, None, None, params=PARAMS)
    out = threatened(towns, houses, found, is_known=np.ones(1, dtype=bool), params=PARAMS, risk=RISK)
    period = float(break_even_return_yr(ways_of(out, PARAMS), PARAMS)[0])
    assert period > 1
    advice = {}
    for factor in (0.99, 1.01):
        again = area.assign(return_period_yr=period * factor)
        advice[factor] = plan(towns, houses, again).relocation["advice"].iloc[0]
    assert advice[1.01] == "monitor"
    assert advice[0.99] in ("relocate", "treat")


@pytest.mark.slow
def test_the_advice_turns_at_the_factor_that_is_told():
    towns, houses = county(village("A", 0, people=[40] * 6))
    area = zones({"zone_id": "Z", "geometry": box(-50, -50, 500, 500), "hazard_level": 4})
    row = plan(towns, houses, area).relocation.iloc[0]
    at = row["relocate_turns_at"]
    assert row["advice"] == ("relocate" if at >= 1 else "treat")
    for factor, advice in ((0.999 * at, "relocate"), (1.001 * at, "treat")):
        names = ("relocate_person_cny", "relocate_household_cny")
        scaled = PARAMS.model_copy(update={n: getattr(PARAMS, n) * factor for n in names})
        assert plan(towns, houses, area, params=scaled).relocation["advice"].iloc[0] == advice
    table = plan(towns, houses, area).sensitivity.set_index("cost_factor")
    for factor, counts in table.iterrows():
        assert counts["n_relocate"] == int(factor <= at)
        assert counts["n_relocate"] + counts["n_treat"] + counts["n_monitor"] == 1
    assert table.loc[1.0, "n_changed"] == 0


CHEAP_WATCH = PARAMS.model_copy(update={"monitor_fixed_cny": 0.0, "monitor_annual_cny": 0.0})


@pytest.mark.parametrize(
    ("change", "reason", "advice"),
    [
        ({"hazard_level": 4}, "never watching alone", None),
        ({"activity": "accelerating"}, "never watching alone", None),
        ({"hazard_level": -1}, "unknown", None),
        ({"kind": "tailings_pond", "hazard_level": 4}, "never watching alone", "relocate"),
        ({"kind": "tailings_pond"}, "No works are known", "relocate"),
    ],
)
def test_watching_that_costs_nothing_is_still_refused(change, reason, advice):
    towns, houses = county(village("A", 0, people=[4]))
    area = {"zone_id": "Z", "geometry": box(-50, -50, 50, 50)}
    assert plan(towns, houses, zones(area), params=CHEAP_WATCH).relocation["advice"].iloc[0] == "monitor"
    row = plan(towns, houses, zones({**area, **change}), params=CHEAP_WATCH).relocation.iloc[0]
    assert row["advice"] != "monitor"
    assert reason in row["reasons"]
    if advice:
        assert row["advice"] == advice


def test_unknown_people_take_the_careful_side_and_are_not_ranked_last():
    towns, houses = county(village("A", 0, people=[np.nan] * 30), village("B", 5000, people=[12]))
    towns.loc[0, "people"] = np.nan
    area = [{"zone_id": f"Z{k}", "geometry": box(5000 * k - 50, -50, 5000 * k + 900, 50), "hazard_level": 4 - k}
            for k in range(2)]  # fmt: skip
    rows = plan(towns, houses, zones(*area), params=CHEAP_WATCH).relocation.set_index("settlement_id")
    assert rows.loc["A", "advice"] == "relocate"
    assert rows.loc["A", "basis"] == "careful"
    assert pd.isna(rows.loc["A", "people"])
    assert np.isnan(rows.loc["A", "relocate_cost_cny"])
    assert rows.loc["A", "rank"] == 1
    assert "the number of people is unknown" in rows.loc["A", "reasons"]
    assert "Ranked as 60 people" in rows.loc["A", "reasons"]  # 30 houses of two


def test_houses_of_unknown_ground_make_a_row_and_are_never_watched_alone():
    towns, houses = county(village("A", 500_000, people=[4, 5]), village("B", 500_300, people=[3]))
    houses["geometry"] = houses.geometry.translate(0, 4_000_000)
    grid = Grid.from_bounds((499_980, 3_999_990, 500_610, 4_000_050), crs=CRS, resolution_m=30)
    level = np.ones(grid.shape, dtype=np.int8)
    level[:, :2] = -1
    ground = grid.layer(level, units="level", long_name="hazard", name="hazard_landslide")
    rows = plan(towns, houses, zones(), grounds=[ground], params=CHEAP_WATCH).relocation
    assert rows["settlement_id"].tolist() == ["A"]
    row = rows.iloc[0]
    assert (row["risk_level"], row["hazard_level"], row["advice"]) == (-1, -1, "treat")
    assert (row["houses_not_judged"], row["people_not_judged"]) == (2, 9)
    assert pd.isna(row["people"])
    assert "look at them by hand" in row["reasons"]


def test_a_house_that_rounding_left_empty_is_not_known_to_be_empty():
    towns, houses = county(village("A", 0, people=[1, 0, 1]))
    area = {"zone_id": "Z", "hazard_level": 4, "geometry": box(15, -5, 35, 15)}  # the second house alone
    by_area = plan(towns, houses.assign(spread="floor_area"), zones(area)).relocation
    assert by_area[["people", "houses", "settlement_people"]].to_numpy().tolist() == [[1, 1, 2]]
    leaving = people_to_move(
        towns.assign(vulnerable_people=0.0), houses.assign(spread="floor_area"), zones(area), params=EvacuationParams()
    )
    assert leaving["people"].tolist() == [1]
    assert len(plan(towns, houses.assign(spread=NO_HOUSEHOLD), zones(area)).relocation) == 0  # recorded as empty
    nobody = houses.assign(spread="floor_area", people=0.0)
    assert len(plan(towns.assign(people=0.0), nobody, zones(area)).relocation) == 0


def test_threatened_houses_of_no_settlement_are_counted():
    towns, houses = county(village("A", 0, people=[4, 5]))
    houses.loc[1, ["settlement_id", "people"]] = [None, np.nan]
    got = plan(towns, houses, zones({"zone_id": "Z", "geometry": box(-50, -50, 50, 50)}))
    assert got.relocation["houses"].tolist() == [1]
    assert got.totals["houses_of_no_settlement"] == 1
    said = [n["text_en"] for n in _facts(got.totals, ["flood"])["notes"]]
    assert any(text.startswith("1 threatened houses belong to no settlement") for text in said)
    assert any(text.startswith("No hazard of flood was made") for text in said)  # though that of landslides was


def test_cancelled_points_and_wide_sinking_threaten_nobody():
    towns, houses = county(village("A", 0, people=[4]))
    points = gpd.GeoDataFrame(
        {"point_id": ["P1", "P2"], "kind": "landslide", "status": ["cancelled", "existing"], "hazard_level": [4, 4],
         "activity": "steady", "area_m2": np.nan}, geometry=[Point(5, 5), Point(5000, 5)], crs=CRS,
    )  # fmt: skip
    wide = zones({"zone_id": "Z", "kind": "groundwater_subsidence", "geometry": box(-50, -50, 50, 50)})
    made = plan(towns, houses, wide, points=points)
    assert len(made.relocation) == 0
    assert made.totals["wide"] == 1
    live = plan(towns, houses, wide, points=points.assign(status="existing")).relocation.iloc[0]
    assert live["threat_ids"] == "P1"


@pytest.mark.parametrize("dtype", ["string", object])
def test_an_activity_that_is_missing_is_not_said_to_speed_up(dtype):
    towns, houses = county(village("A", 0, people=[4]))
    points = gpd.GeoDataFrame(
        {"point_id": ["P1", "P2"], "kind": "landslide", "status": "existing", "hazard_level": [4, 1],
         "activity": pd.array([pd.NA, "accelerating"], dtype=dtype), "area_m2": np.nan},
        geometry=[Point(5, 5), Point(5000, 5)], crs=CRS,
    )  # fmt: skip
    areas = zones({"zone_id": "Z", "geometry": box(-50, -50, 50, 50)}).astype({"activity": dtype})
    areas["activity"] = pd.array([pd.NA], dtype=dtype)
    runouts = gpd.GeoDataFrame({"zone_id": ["RO"], "release_id": ["P1"], "kind": ["landslide"], "hazard_level": [3]},
                               geometry=[box(-20, -20, 950, 20)], crs=CRS)  # fmt: skip
    row = plan(towns, houses, areas, points=points, runouts=runouts).relocation.iloc[0]
    assert row["accelerates"] == "no"
    assert row["threat_ids"] == "P1,RO,Z"


def test_a_run_out_of_a_point_that_speeds_up_speeds_up():
    towns, houses = county(village("A", 0, people=[4]))
    points = gpd.GeoDataFrame(
        {"point_id": ["P1"], "kind": "landslide", "status": "existing", "hazard_level": [4],
         "activity": "accelerating", "area_m2": 100.0}, geometry=[Point(900, 5)], crs=CRS,
    )  # fmt: skip
    runouts = gpd.GeoDataFrame(
        {"zone_id": ["RO-P1"], "release_id": ["P1"], "kind": ["landslide"], "hazard_level": [2]},
        geometry=[box(-20, -20, 950, 20)], crs=CRS,
    )  # fmt: skip
    row = plan(towns, houses, zones(), points=points, runouts=runouts, params=CHEAP_WATCH).relocation.iloc[0]
    assert row["accelerates"] == "yes"
    assert row["advice"] != "monitor"


def test_chances_that_are_none_are_unknown_and_counted():
    frame = pd.DataFrame({"annual_chance": [0.1, -1.0, np.nan, np.nan, np.nan, 2.0],
                          "return_period_yr": [np.nan, 50.0, 50.0, 0.0, np.nan, np.nan]})  # fmt: skip
    chance, bad = annual_chances(frame)
    np.testing.assert_allclose(chance, [0.1, np.nan, 0.02, np.nan, np.nan, np.nan])
    assert bad == 3
    assert annual_chances(pd.DataFrame({"x": [1]}))[1] == 0


def test_levels_become_chances_only_where_the_user_says_so():
    towns, houses = county(village("A", 0, people=[4]))
    area = zones({"zone_id": "Z", "geometry": box(-50, -50, 50, 50)})
    params = PARAMS.model_copy(update={"annual_chance": {3: 0.02}})
    assert plan(towns, houses, area, params=params).relocation["relocate_people_avoided"].iloc[0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    "bad",
    [{"treat_cny_m2": {}}, {"treat_cny_m2": {"landslide": -1.0}}, {"annual_chance": {5: 0.1}},
     {"annual_chance": {3: 1.5}}, {"sensitivity_factors": (0.5, 2.0)}, {"sensitivity_factors": (1.0, 0.5)},
     {"discount_rate": float("nan")}, {"horizon_years": 0}, {"prefer_ratio": 0}],
)  # fmt: skip
def test_refuses_parameters_that_make_no_sense(bad):
    with pytest.raises(ValidationError):
        RelocationParams(**bad)


def test_refuses_inputs_of_two_systems():
    towns, houses = county(village("A", 0, people=[4]))
    area = zones({"zone_id": "Z", "geometry": box(-50, -50, 50, 50)}).set_crs(4547, allow_override=True)
    with pytest.raises(CrsError):
        plan(towns, houses, area)


def test_every_assumption_is_in_the_sheet_with_its_source_in_both_languages():
    table = assumptions(RelocationParams(relocate_person_cny=1.0, annual_chance={4: 0.1}))
    names = {i.partition(".")[0] for i in table["assumption_id"]}
    assert names == set(RelocationParams.model_fields)
    assert table[["meaning_zh", "meaning_en", "grounds_zh", "grounds_en", "value", "measured_in"]].ne("").all().all()
    row = table.set_index("assumption_id")
    assert row.loc["relocate_person_cny", ["value", "default_value", "is_assumed"]].tolist() == ["1", "60,000", "yes"]
    assert row.loc["annual_chance.4", "value"] == "0.1"
    assumed = table[table["is_assumed"] == "yes"]
    assert assumed["grounds_en"].str.startswith("assumed: set yours").all()
    assert assumed["grounds_zh"].str.startswith("假定值").all()
    assert (table.loc[table["is_assumed"] == "no", "grounds_zh"].str.contains("假定") == False).all()  # noqa: E712


levels = st.sampled_from([-1, 1, 2, 3, 4])
cases = st.lists(
    st.tuples(st.sampled_from([0, 1, 5, 40, 300, np.nan]), levels, st.sampled_from(["steady", "accelerating"])),
    min_size=1, max_size=6,
)  # fmt: skip


def made_county(rows):
    towns, houses = county(*(village(f"V{k}", 1000 * k, people=[n, n]) for k, (n, _, _) in enumerate(rows)))
    area = zones(*({"zone_id": f"Z{k}", "geometry": box(1000 * k - 9, -9, 1000 * k + 99, 99), "hazard_level": level,
                    "activity": pace} for k, (_, level, pace) in enumerate(rows)))  # fmt: skip
    return towns, houses, area


@pytest.mark.slow
@given(cases, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_holds_for_any_villages(rows, rng):
    towns, houses, area = made_county(rows)
    made = plan(towns, houses, area, params=CHEAP_WATCH).relocation
    assert sorted(made["rank"]) == list(range(1, len(made) + 1))
    unknown = made["people"].isna() | (made["risk_level"] < 0) | (made["hazard_level"] < 0)
    grave = (made["hazard_level"] == 4) | (made["accelerates"] == "yes")
    assert not (made["advice"].eq("monitor") & (unknown | grave | (made["risk_level"] > 2))).any()
    assert (made["reasons"].str.len() > 0).all()
    low = made[made["risk_level"].isin([0, 1])]["rank"]
    lost = made[(made["risk_level"] < 0) | made["people"].isna()]["rank"]
    assert not len(low) or not len(lost) or lost.max() < low.min()
    # the order of the rows says nothing
    shuffled = [list(range(len(f))) for f in (towns, houses, area)]
    for order in shuffled:
        rng.shuffle(order)
    again = plan(towns.iloc[shuffled[0]].reset_index(drop=True), houses.iloc[shuffled[1]].reset_index(drop=True),
                 area.iloc[shuffled[2]].reset_index(drop=True), params=CHEAP_WATCH).relocation  # fmt: skip
    pd.testing.assert_frame_equal(pd.DataFrame(made), pd.DataFrame(again))


@pytest.mark.slow
@given(cases, st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_raising_a_hazard_never_lowers_a_rank_nor_turns_to_watching(rows, which):
    which %= len(rows)
    people, level, pace = rows[which]
    if level in (-1, 4):
        return
    higher = [*rows[:which], (people, level + 1, pace), *rows[which + 1 :]]
    before, after = (plan(*made_county(r), params=CHEAP_WATCH).relocation.set_index("settlement_id")
                     for r in (rows, higher))  # fmt: skip
    name = f"V{which}"
    if name not in before.index:
        return
    others = [n for n in before.index if n != name]
    behind = {n for n in others if before.loc[n, "rank"] > before.loc[name, "rank"]}
    assert behind <= {n for n in others if after.loc[n, "rank"] > after.loc[name, "rank"]}
    if before.loc[name, "advice"] != "monitor":
        assert after.loc[name, "advice"] != "monitor"
