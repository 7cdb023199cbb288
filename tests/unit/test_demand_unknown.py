"""Who must leave: what is unknown of one house, zone or stage is not hidden by what is known of another."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box

from geo_risk.core.grid import Grid
from geo_risk.core.names import STAGES_H
from geo_risk.products.demand import people_to_move, with_not_judged
from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority import criteria_values
from geo_risk.products.threat import Threat, Water, house_threat, house_water

PARAMS = EvacuationParams()
NAMES = [f"warning_{s}h" for s in STAGES_H]
ISSUED = "2026-01-01T00:00:00+00:00"
STAGES = [{"hours": 24, "issued": ISSUED}, {"hours": 6, "issued": ISSUED}]
FEW = gpd.GeoDataFrame({"settlement_id": ["A"], "people": [4.0], "vulnerable_people": [0.0]}, geometry=[Point(0, 0)],
                       crs=32649)  # fmt: skip
HOUSES = gpd.GeoDataFrame(
    {"settlement_id": ["A", "A"], "people": [2.0, 2.0], "vulnerable_people": [0.0, 0.0], "is_building": True},
    geometry=[box(0, 0, 10, 10), box(100, 0, 110, 10)], crs=32649,
)  # fmt: skip


def _zone(**values: object) -> gpd.GeoDataFrame:
    row = {"zone_id": "Z1", "kind": "landslide", "hazard_level": 3, "risk_level": 3, "vulnerability_level": 2,
           "origin": "hazard", "geometry": box(-1, -1, 11, 11), **dict.fromkeys(NAMES, -1)}  # fmt: skip
    return gpd.GeoDataFrame([row | values], crs=32649)


def _threat(*houses: dict[int, int]) -> Threat:
    table = pd.DataFrame([[h.get(s, -1) for s in STAGES_H] for h in houses], columns=NAMES)
    level = table.max(axis=1).to_numpy(dtype=np.int8)
    return Threat((level >= PARAMS.warning_level).astype(np.float64), table, level)


@pytest.mark.parametrize("second", [{24: 3}, {24: 3, 6: 0}])
def test_a_house_with_unknown_next_hours_is_left_at_once_whatever_is_known_of_another(second: dict[int, int]) -> None:
    threat = _threat({24: 3, 6: 0}, second)
    rows = people_to_move(FEW, HOUSES, _zone().iloc[:0], params=PARAMS, stages=STAGES, threat=threat)
    hour = "06" if 6 in second else "00"
    assert rows["leave_before"].tolist() == [f"2026-01-01T{hour}:00:00+00:00"]


def test_a_higher_warning_of_one_stage_never_lowers_the_score_while_others_are_unknown() -> None:
    found = []
    for level in range(-1, 5):
        rows = people_to_move(FEW, HOUSES, _zone(warning_1h=level), params=PARAMS)
        found.append(rows["warning_level"].to_numpy(dtype=np.float64))
    warning = np.concatenate(found)
    one = np.ones(len(warning))
    scores = criteria_values(warning, one, one, one, one)[:, 0]
    assert (np.diff(scores) >= 0).all()
    assert warning.tolist() == [-1, -1, -1, 2, 3, 4]


def test_an_unknown_risk_of_a_zone_is_not_hidden_by_a_low_one_of_cells() -> None:
    water = Water(np.array([0.0, 1.0]), np.array([0, 2], dtype=np.int8))
    zone = _zone(kind="flood", hazard_level=-1, risk_level=-1, vulnerability_level=-1)
    assert people_to_move(FEW, HOUSES, zone, params=PARAMS, water=water)["risk_level"].tolist() == [-1]
    alone = people_to_move(FEW, HOUSES, zone.iloc[:0], params=PARAMS, water=water)
    assert alone["risk_level"].tolist() == [1]


def test_rows_added_for_unknown_ground_do_not_say_that_cells_called_the_others() -> None:
    settlements = pd.concat([FEW, FEW.assign(settlement_id="B")], ignore_index=True)
    leaving = people_to_move(settlements, HOUSES, _zone(), params=PARAMS)
    counts = pd.DataFrame({"houses_not_judged": [1], "people_not_judged": [4]}, index=pd.Index(["B"]))
    rows = with_not_judged(leaving, settlements, counts)
    assert rows["settlement_id"].tolist() == ["A", "B"]
    assert not rows["by_cells"].iloc[0]


def test_a_house_that_is_warned_where_its_ground_is_known_is_called() -> None:
    grid = Grid.from_bounds((0, 0, 100, 100), crs="EPSG:32649", resolution_m=1)
    levels = np.full(grid.shape, -1, dtype=np.int8)
    levels[-10:, :1] = 0  # a tenth of the house is known, four hundredths of it are warned of
    levels[-4:, :1] = 3
    layer = grid.layer(levels, units="level", long_name="warning", name="warning_24h")
    house = HOUSES.iloc[:1]
    threat = house_threat(house, {"warning_24h": layer}, params=PARAMS)
    water = house_water(house, layer, params=PARAMS)
    for found in (threat, water):
        assert found.level.tolist() == [3]
        assert found.share.tolist() == pytest.approx([0.4])
    none = _zone().iloc[:0]
    for given in ({"threat": threat}, {"water": water}):
        assert people_to_move(FEW, house, none, params=PARAMS, **given)["people"].tolist() == [2]


def _ground(level: int, chance: float) -> dict[str, Water]:
    grid = Grid.from_bounds((0, 0, 100, 100), crs="EPSG:32649", resolution_m=1)
    hazard = grid.layer(np.full(grid.shape, level, np.int8), units="level", long_name="flood", name="hazard_flood")
    likely = grid.layer(np.full(grid.shape, chance, np.float32), units="1", long_name="chance", name="flood_chance")
    return {"water": house_water(HOUSES.iloc[:1], hazard, params=PARAMS, chance=likely)}


@pytest.mark.parametrize(
    ("level", "chance", "share", "found"),
    [
        (0, 0.24, 0, 0),
        (0, 0.25, 1, 2),  # likely enough: called, and its level is the one it is called for
        (-1, 0.1, 0, 1),  # the level is open, its probability is not: not called, low and not unknown
        (-1, 0.4, 1, 2),
        (4, 0.1, 1, 4),  # ground of that level calls whatever the probability says
        (3, np.nan, 1, 3),
        (-1, np.nan, 0, -1),
    ],
)
def test_a_house_is_called_by_the_chance_of_deep_water(level, chance, share, found) -> None:
    water = _ground(level, chance)["water"]
    assert (water.share.tolist(), water.level.tolist()) == ([share], [found])


def test_the_chance_counts_only_for_the_level_it_speaks_of() -> None:
    grid = Grid.from_bounds((0, 0, 100, 100), crs="EPSG:32649", resolution_m=1)
    hazard = grid.layer(np.zeros(grid.shape, np.int8), units="level", long_name="flood", name="hazard_flood")
    likely = grid.layer(np.ones(grid.shape, np.float32), units="1", long_name="chance", name="flood_chance")
    params = PARAMS.model_copy(update={"flood_level": 3})
    assert house_water(HOUSES.iloc[:1], hazard, params=params, chance=likely).share.tolist() == [0]


def test_a_house_off_the_map_is_not_known_to_be_dry() -> None:
    grid = Grid.from_bounds((0, 0, 100, 100), crs="EPSG:32649", resolution_m=10)
    hazard = grid.layer(np.full(grid.shape, -1, np.int8), units="level", long_name="flood", name="hazard_flood")
    likely = grid.layer(np.full(grid.shape, 0.01, np.float32), units="1", long_name="chance", name="flood_chance")
    wholly, mostly, half = box(500, 500, 510, 510), box(98, 50, 108, 60), box(95, 50, 105, 60)
    houses = gpd.GeoDataFrame(geometry=[wholly, mostly, half], crs=32649)
    found = house_water(houses, hazard, params=PARAMS, chance=likely)
    assert found.level.tolist() == [-1, -1, 1]


def test_a_chance_that_is_only_known_to_be_more_than_a_half_calls_whatever_is_configured() -> None:
    # river unknown, pond deep with 60 %: the layer says 0.6, and the true chance may be 1
    with pytest.raises(ValueError, match="flood_chance"):
        EvacuationParams(flood_chance=0.8)
    assert EvacuationParams(flood_chance=0.5).flood_chance == 0.5
