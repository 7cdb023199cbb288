"""What must hold of every plan as a whole: people, places, levels, roads, the unknown, and the order of rows."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from geo_risk.core.grid import Grid
from geo_risk.exposure.people import Dwellings, clean_counts, spread_people
from geo_risk.products.evacuation import EvacuationInputs, plan_evacuation
from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority_params import PriorityParams
from tests.property.test_closing import town
from tests.property.test_evacuation import CRS, STAGES

pytestmark = pytest.mark.slow

PARAMS = EvacuationParams(priority=PriorityParams(n_draws=20))
GRID = Grid.from_bounds((-600, -600, 1200, 1200), crs=CRS, resolution_m=10)
NAMES = ("warning_24h", "warning_1h", "hazard_flood")
SEEDS = st.integers(0, 2**32 - 1)


def levels_of(values):
    """Return the layers of a county: `values` has a level for each of NAMES and each of six settlements' houses."""
    x, y = np.meshgrid(*(GRID.coords()[c] for c in ("x", "y")))
    made = {}
    for name, row in zip(NAMES, values, strict=True):
        cells = np.zeros(GRID.shape, dtype=np.int8)
        for k, level in enumerate(row):  # houses stand in a strip of their own, apart from roads and shelters
            cells[(y < -300) & (x >= 200 * k - 100) & (x < 200 * k + 100)] = level
        made[name] = GRID.layer(cells, units="level", long_name=name, name=name)
    return made


def county(seed, values):
    """Return a county of six settlements with houses south of a random town, and shelters in it."""
    rng = np.random.default_rng(seed)
    roads, homes, shelters, zones = town(seed, n_zones=3)
    people = [None if rng.random() < 0.1 else int(rng.integers(0, 300)) for _ in range(6)]
    homes = homes.assign(people=people, vulnerable_people=[None if p is None else p // 4 for p in people],
                         name=[f"村{k}" for k in range(6)])  # fmt: skip
    homes, _ = clean_counts(homes)
    corners = [(k, 200 * k - 60 + 40 * n) for k in range(6) for n in range(3)]
    built = gpd.GeoDataFrame(
        {"building_id": [f"B{k}{n:03d}" for n, (k, _) in enumerate(corners)],
         "settlement_id": [f"S{k}" for k, _ in corners], "floors": rng.integers(1, 4, len(corners))},
        geometry=[box(x, -420, x + 10, -410) for _, x in corners], crs=CRS,
    )  # fmt: skip
    houses, _ = spread_people(homes, Dwellings(built), radius_m=50)
    shelters = shelters.assign(name=[f"校{k}" for k in range(3)], capacity=rng.integers(1, 250, 3))
    made = levels_of(values)
    reach = {n: made[n] for n in NAMES if n.startswith("warning")}
    return EvacuationInputs(homes, houses, zones.iloc[:0], roads, shelters, STAGES, list(made.values()), reach)


def levels(low=0):
    return st.lists(st.lists(st.integers(low, 4), min_size=6, max_size=6), min_size=3, max_size=3)


def plan(inputs, params=PARAMS):
    return plan_evacuation(inputs, params=params, language="en")


def ranks(made):
    return made.evacuation.set_index("settlement_id")["rank"]


@given(SEEDS, levels(-1))
@settings(max_examples=15, deadline=None)
def test_people_are_conserved_from_census_to_lists_and_no_shelter_is_overfull(seed, values):
    inputs = county(seed, values)
    made = plan(inputs)
    census = inputs.settlements.set_index("settlement_id")["people"]
    lived = inputs.houses.groupby("settlement_id")["people"].sum(min_count=1)
    assert lived.dropna().equals(census.dropna().rename("people"))
    rows = made.evacuation.set_index("settlement_id")
    known = rows[rows["people"].notna()]
    assert (known["people"] <= census.reindex(known.index)).all()
    # alike over its strip: a settlement leaves whole or not at all, so the list has its census to the last head
    assert known["people"].astype(float).equals(census.reindex(known.index).rename("people"))
    assert (known["assigned_people"] + known["unassigned_people"] == known["people"]).all()
    by_row = made.assignments.groupby("settlement_id")["people"].sum().reindex(known.index, fill_value=0)
    assert by_row.tolist() == known["assigned_people"].tolist()
    placed = made.assignments.groupby("shelter_id")["people"].sum()
    assert (placed <= inputs.shelters.set_index("shelter_id")["capacity"].reindex(placed.index)).all()
    assert made.totals["people_total"] == known["people"].sum()
    assert made.totals["people_unassigned"] == made.totals["people_unassignable"]


@given(SEEDS, levels(0), st.integers(0, 2), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_raising_a_hazard_level_lowers_no_rank_and_takes_nobody_off_the_list(seed, values, layer, where):
    higher = [list(row) for row in values]
    higher[layer][where] = min(4, higher[layer][where] + 1)
    less, more = plan(county(seed, values)), plan(county(seed, higher))
    before, after = ranks(less), ranks(more)
    assert set(before.index) <= set(after.index)
    name = f"S{where}"
    if name in before.index:
        assert after[name] <= before[name]
    people = [m.evacuation.set_index("settlement_id")["people"] for m in (less, more)]
    for settlement in before.index:
        if pd.notna(people[0][settlement]):
            assert people[1][settlement] >= people[0][settlement]


@given(SEEDS, levels(0), st.integers(0, 2), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_the_unknown_never_stands_below_low_and_is_always_on_the_list(seed, values, layer, where):
    low, unknown = ([list(row) for row in values] for _ in range(2))
    low[layer][where], unknown[layer][where] = 1, -1
    if layer == 0:  # a calm hour judges nobody: where the day is unknown, nothing is known
        low[1][where] = unknown[1][where] = min(2, unknown[1][where])
    name = f"S{where}"
    less, more = plan(county(seed, low)), plan(county(seed, unknown))
    known = county(seed, low).settlements.set_index("settlement_id").loc[name, "people"]
    if known != 0 and layer != 1:
        assert name in ranks(more).index
    if name in ranks(less).index:
        assert ranks(more)[name] <= ranks(less)[name]


@given(SEEDS, levels(0), st.data())
@settings(max_examples=25, deadline=None)
def test_closing_a_road_shortens_no_trip_and_places_nobody_more(seed, values, data):
    inputs = county(seed, values)
    gone = data.draw(st.sets(st.integers(0, len(inputs.roads) - 1), min_size=1, max_size=5))
    fewer = replace(inputs, roads=inputs.roads.drop(index=list(gone)).reset_index(drop=True))
    # places stay where they join the network: a road that is not theirs may go
    joined = {int(inputs.roads.distance(p).idxmin()) for p in [*inputs.settlements.geometry, *inputs.shelters.geometry]}
    assume(not joined & gone)
    one, other = plan(inputs), plan(fewer)
    assert other.totals["people_assigned"] <= one.totals["people_assigned"]
    if other.totals["people_assigned"] == one.totals["people_assigned"]:
        assert other.totals["person_minutes_optimum"] >= one.totals["person_minutes_optimum"] - 1


@given(SEEDS, levels(-1), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_ranks_and_rows_do_not_depend_on_the_order_of_the_inputs(seed, values, order):
    inputs = county(seed, values)
    rng = np.random.default_rng(order)

    def shuffled(frame):
        return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)

    mixed = replace(inputs, settlements=shuffled(inputs.settlements), houses=shuffled(inputs.houses),
                    roads=shuffled(inputs.roads), shelters=shuffled(inputs.shelters))  # fmt: skip
    one, other = plan(inputs), plan(mixed)
    columns = [c for c in one.evacuation if c != "geometry"]
    pd.testing.assert_frame_equal(pd.DataFrame(one.evacuation)[columns], pd.DataFrame(other.evacuation)[columns],
                                  rtol=1e-9)  # fmt: skip
    pd.testing.assert_frame_equal(one.assignments, other.assignments, rtol=1e-9)
    assert one.totals == other.totals


def test_a_plan_of_nobody_is_empty_and_adds_up():
    made = plan(county(1, [[0] * 6] * 3))
    assert len(made.evacuation) == 0
    assert made.totals["people_total"] == made.totals["people_assigned"] == 0
