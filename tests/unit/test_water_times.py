"""By when houses that water calls must be empty: never later than the water, and unknown is never late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo_risk.core.errors import DataError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.core.names import STAGES_H
from geo_risk.hazards.rainfall.onset import HEAVY_MM, Onset, rain_onset
from geo_risk.products.demand import people_to_move
from geo_risk.products.params import EvacuationParams
from geo_risk.products.threat import Threat, Water
from geo_risk.products.water_times import FloodTimes, TownTimes, flood_times, house_times, with_water_times

PARAMS = EvacuationParams()
RAIN = datetime(2026, 7, 1, 6, tzinfo=UTC)
RUN = datetime(2026, 7, 1, 8, tzinfo=UTC)
STAGES = [{"hours": 24, "issued": "2026-07-01T00:00:00+00:00"}, {"hours": 6, "issued": "2026-07-01T03:00:00+08:00"}]
FINE = Grid.from_bounds((0, 0, 600, 600), crs="EPSG:32649", resolution_m=5)
COARSE = Grid.from_bounds((0, 0, 900, 900), crs="EPSG:32649", resolution_m=30)
SETTLEMENTS = gpd.GeoDataFrame(
    {"settlement_id": ["A", "B"], "people": [4.0, 2.0], "vulnerable_people": [0.0, 0.0]},
    geometry=[Point(200, 200), Point(800, 800)], crs=32649,
)  # fmt: skip
HOUSES = gpd.GeoDataFrame(
    {"settlement_id": ["A", "A", "B"], "people": 2.0, "vulnerable_people": 0.0, "is_building": True},
    geometry=[box(200, 200, 210, 210), box(400, 400, 410, 410), box(800, 800, 810, 810)], crs=32649,
)  # fmt: skip
NO_ZONE = gpd.GeoDataFrame({"zone_id": [], "kind": [], "risk_level": [], **{f"warning_{s}h": [] for s in STAGES_H}},
                           geometry=[], crs=32649)  # fmt: skip


def rain(*series):
    values = np.array(series, dtype=np.float64).T[:, None, :]
    return xr.DataArray(values, dims=("time", "y", "x"), attrs={"units": "mm"})


def test_rain_begins_with_the_first_wet_hour_before_heavy_rain_on_the_earliest_cell():
    drizzle = [0.1, 0.5, 0, 0, 3, 12, 9, 8, 0, 0]  # 24.5 mm up to the seventh hour, 32.5 with the eighth
    assert rain_onset(rain(drizzle)) == Onset(1, "rain")
    later = [0, 0, 0, 0, 0, 0, 0, 0, 30, 0]
    assert rain_onset(rain(later)) == Onset(8, "rain")
    assert rain_onset(rain(later, drizzle)) == Onset(1, "rain")
    # what fell a day before does not count, moderate rain floods nothing
    assert rain_onset(rain([5.0, *[0.0] * 30, *later])) == Onset(39, "rain")
    assert rain_onset(rain([1.0] * 24)) == Onset(0, "horizon")


def test_rain_that_is_not_known_may_be_heavy_and_rain_before_the_horizon_began_before_it():
    nan = np.nan
    assert rain_onset(rain([0, 0, nan, 0, 30])) == Onset(2, "gap")
    assert rain_onset(rain([0, 30, nan])) == Onset(1, "rain")
    assert rain_onset(rain([nan, nan, 0, 0, 30]), first=2) == Onset(4, "rain")  # before the horizon a gap is no rain
    assert rain_onset(rain([nan, nan, nan], [0, 0, 26])) == Onset(2, "rain")  # a cell beyond the record
    assert rain_onset(rain([20, 4, 2, 0]), first=2) == Onset(2, "horizon")
    with pytest.raises(DataError, match="from step 3 of 3"):
        rain_onset(rain([0, 0, 0]), first=3)
    with pytest.raises(UnitError):
        rain_onset(rain([0, 0, 0]).drop_attrs())


@given(st.lists(st.floats(0, 40) | st.just(np.nan), min_size=30, max_size=60), st.integers(0, 29))
def test_more_rain_never_begins_later_and_none_is_heavy_before_it(series, first):
    found = rain_onset(rain(series), first=first)
    assert found.step >= first
    values = np.nan_to_num(np.array(series))
    for k in range(first, found.step):  # up to the onset no 24 hours are heavy but for rain before the horizon
        if found.cause != "horizon":
            assert values[max(first, k - 23) : k + 1].sum() < HEAVY_MM
    wetter = rain_onset(rain(np.array(series) + 1.0), first=first)
    assert wetter.step <= found.step or found.cause == "horizon"


def town(arrival=2.5, river=0.0, hole=False):
    come, depth = np.full(FINE.shape, np.nan, np.float32), np.zeros(FINE.shape, np.float32)
    row, column, _ = FINE.index(np.array([225.0]), np.array([205.0]))  # 15 m from the first house
    come[row[0], column[0]], depth[row[0], column[0]] = arrival, 0.6
    if hole:
        depth[row[0] + 1, column[0]] = np.nan
    water = np.full(COARSE.shape, river, np.float32)
    return TownTimes(RUN, FINE.layer(come, units="h", long_name="a"), FINE.layer(depth, units="m", long_name="d"),
                     COARSE.layer(water, units="m", long_name="r"))  # fmt: skip


def test_each_house_has_the_time_of_the_best_source_that_knows_it():
    times = house_times(HOUSES, FloodTimes(RAIN, "rain", town()), STAGES)
    assert times["time"].tolist() == ["2026-07-01T10:30:00+00:00", RAIN.isoformat(), RAIN.isoformat()]
    assert times["by"].tolist() == ["arrival", "rain", "rain"]  # the second stays dry in the run, the third is outside
    for other in (town(river=0.2), town(river=np.nan), town(hole=True)):
        assert set(house_times(HOUSES, FloodTimes(RAIN, "gap", other), STAGES)["by"]) == {"gap"}
    # where the rivers' map ends before the house nothing says that none reaches it
    west = Grid.from_bounds((0, 0, 150, 900), crs="EPSG:32649", resolution_m=30)
    cut = replace(town(), river=west.layer(np.zeros(west.shape, np.float32), units="m", long_name="r"))
    assert set(house_times(HOUSES, FloodTimes(RAIN, "rain", cut), STAGES)["by"]) == {"rain"}
    by_stage = house_times(HOUSES, FloodTimes(), STAGES)
    assert set(by_stage["time"]) == {"2026-06-30T19:00:00+00:00"}  # the earliest issue, in UTC
    assert set(by_stage["by"]) == {"stage"}
    nothing = house_times(HOUSES, FloodTimes(), [])
    assert nothing["time"].isna().all()
    assert set(nothing["by"]) == {"none"}
    with pytest.raises(ValueError, match="no zone"):
        house_times(HOUSES, FloodTimes(), [{"hours": 6, "issued": "2026-07-01T03:00:00"}])


@pytest.mark.parametrize(("onset", "run", "is_told"), [
    ("2026-07-01T06:00:00+00:00", {"begin": "2026-07-01T08:00:00", "before_mm": 9.0}, True),
    ("2026-07-01T06:00:00+00:00", {"begin": "2026-07-01T08:00:00", "before_mm": 10.1}, False),  # the run begins dry
    ("2026-07-01T06:00:00+00:00", {"begin": "2026-07-01T08:00:00", "before_mm": None}, False),
    ("2026-07-01T05:00:00+00:00", {"begin": "2026-07-01T08:00:00", "before_mm": 0.0}, False),  # heavy rain before
    ("2026-07-01T06:00:00+00:00", {}, False),
])  # fmt: skip
def test_the_run_of_the_town_tells_only_where_nothing_may_have_flooded_before_it(onset, run, is_told):
    layers = {"town_arrival": town().arrival, "town_depth": town().depth, "depth_river": town().river}
    facts = {"run": run, "period": {"begin": "2026-07-01T06:00:00"}}
    found = flood_times({"begins": onset, "cause": "rain"}, facts, layers, light_mm=10.0)
    assert (found.town is not None) == is_told
    assert found.rain_begins == datetime.fromisoformat(onset)
    assert flood_times({"begins": onset, "cause": "gap"}, facts, layers, light_mm=10.0).town is None
    assert flood_times({"begins": onset, "cause": "rain"}, facts, {}, light_mm=10.0).town is None
    assert flood_times(None, facts, layers, light_mm=10.0) == FloodTimes()


def leaving(times, *, flood=(1.0, 1.0, 0.0), slide=None, stages=STAGES):
    water = Water(np.array(flood), np.array(flood).astype(np.int8) * 3)
    threat = None
    if slide is not None:
        table = pd.DataFrame([[{24: 3, 6: slide}.get(s, -1) for s in STAGES_H]] * 3,
                             columns=[f"warning_{s}h" for s in STAGES_H])  # fmt: skip
        threat = Threat(np.array([0.0, 1.0, 1.0]), table, np.array([0, 3, 3], dtype=np.int8))
    rows = people_to_move(SETTLEMENTS, HOUSES, NO_ZONE, params=PARAMS, stages=stages, threat=threat, water=water)
    return with_water_times(rows, HOUSES, NO_ZONE, times, threat=threat, water=water, stages=stages,
                            params=PARAMS).set_index("settlement_id")  # fmt: skip


def test_a_settlement_leaves_before_its_first_house_is_reached_by_water_or_slide():
    rows = leaving(FloodTimes(RAIN, "rain", town()), flood=(1.0, 0.0, 0.0))
    assert rows["leave_before"].tolist() == ["2026-07-01T10:30:00+00:00"]
    assert rows["water_by"].tolist() == ["arrival"]
    assert leaving(FloodTimes(RAIN, "rain", town()))["water_by"].tolist() == ["rain"]  # of the second house nothing is
    both = leaving(FloodTimes(RAIN, "rain", town()), flood=(1.0, 0.0, 0.0), slide=-1)
    assert both["leave_before"].tolist() == ["2026-07-01T00:00:00+00:00"] * 2  # the slides' 24 h stage is earlier
    assert both.loc["B", ["water_before", "water_by"]].isna().all()
    # water of which no time is known leaves none, whatever the slides say
    assert leaving(FloodTimes(), stages=[])["leave_before"].isna().all()


@pytest.mark.slow
@given(st.floats(0, 48), st.floats(0, 48))
def test_an_earlier_water_never_lets_people_stay_longer(one, other):
    early, late = sorted((one, other))
    begin = [leaving(FloodTimes(RAIN, "rain", town(a)), flood=(1.0, 0.0, 0.0))["leave_before"].iloc[0]
             for a in (early, late)]  # fmt: skip
    assert begin[0] <= begin[1]
    assert datetime.fromisoformat(begin[0]) <= RUN + timedelta(hours=early)
