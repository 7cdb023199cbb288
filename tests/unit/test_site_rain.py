"""Rain by design: what brings a site to each depth class, how often, how soon."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.hazards.flood.depth_curve import DepthCurve
from geo_risk.hazards.flood.design_params import DesignRainParams
from geo_risk.hazards.flood.design_runs import DesignRain, SiteRun, blocks, design_runoff_mm_h
from geo_risk.hazards.flood.hourly_replay import hourly_depth, storm_start
from geo_risk.hazards.flood.pond import Pond, replay, replay_depths
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.site_rain import depths_by_years, trigger_rain
from geo_risk.hazards.flood.town import Surface
from geo_risk.kernels.pond import held_volumes

BOX = np.zeros(100)
"""A box: a hundred cells of 25 m2 at one height, a metre below the spill."""


def box_run(minutes: float, mm: float, *, drain_m3_s: float, catchment_m2: float = 20_000.0) -> SiteRun:
    """A box-shaped pond under a block of rain that runs off whole: volume = rain x catchment - drain x time."""
    time = np.arange(1, minutes + 61) * 60.0
    come = np.where(time <= minutes * 60, mm / 1000 * catchment_m2 / minutes, 0.0)
    held = drained = 0.0
    depths, taken = [], []
    for water in come:
        there = held + water
        out = min(there, drain_m3_s * 60)
        held, drained = min(there - out, 2500.0), drained + out
        depths.append(held / 2500.0)
        taken.append(drained)
    pond = Pond(time, np.array(depths), np.array(taken), BOX, 25.0, 1.0)
    return SiteRun(DesignRain(f"{minutes}_{mm}", (mm,), minutes), np.array([max(depths)]),
                   np.array([mm / 1000 * catchment_m2]), {"A": pond})  # fmt: skip


def states(**changes: float) -> pd.DataFrame:
    given = {"capacity_m3_s": 0.1, "share": 1.0, "correction_m": 0.0, **changes}
    return pd.DataFrame([{"site_id": "A", **given, "is_defect": False}])


def box_runs(drain_m3_s: float = 0.1) -> list[SiteRun]:
    return [box_run(m, mm, drain_m3_s=drain_m3_s) for m in (10.0, 60.0) for mm in (15.0, 30.0, 60.0, 120.0)]


@pytest.mark.parametrize("drain_m3_s", [0.0, 0.05, 0.1])
def test_trigger_rain_of_a_box_is_its_volume_and_what_the_drain_takes(drain_m3_s: float) -> None:
    got = trigger_rain(box_runs(drain_m3_s), states(capacity_m3_s=drain_m3_s), classes_m=(0.1, 0.3), close_class=2)
    for minutes in (10, 30, 60):
        for k, bound in enumerate((0.1, 0.3), 1):
            exact = (2500 * bound + drain_m3_s * minutes * 60) / 20_000 * 1000
            # amounts are looked up every millimetre, and the depth bends where the pond begins to fill
            assert got.loc[0, f"trigger_{minutes}min_class{k}_mm"] == pytest.approx(exact, abs=1.0)
    exact = 60.0  # constant rain: the deepest water, and with it the bound, comes with the last of it
    assert got.loc[0, "minutes_to_close"] == pytest.approx(exact, abs=1.5)
    assert got.loc[0, "trigger_tested_mm"] == 120.0


def test_what_no_block_reaches_is_missing_and_says_what_was_tested() -> None:
    got = trigger_rain(box_runs(), states(), classes_m=(0.1, 5.0), close_class=2).loc[0]
    assert np.isnan(got["trigger_60min_class2_mm"])
    assert np.isnan(got["minutes_to_close"])
    assert got["trigger_tested_mm"] == 120.0
    nothing = trigger_rain([], states(), classes_m=(0.1,), close_class=1).loc[0]
    assert np.isnan(nothing["trigger_60min_class1_mm"])
    assert np.isnan(nothing["trigger_tested_mm"])


def test_a_site_beyond_the_dem_is_unknown() -> None:
    runs = [SiteRun(r.rain, np.array([np.nan]), np.array([np.nan]), {}) for r in box_runs()]
    got = trigger_rain(runs, states(), classes_m=(0.1,), close_class=1).loc[0]
    assert np.isnan(got[["trigger_10min_class1_mm", "trigger_tested_mm", "minutes_to_close"]].to_numpy(float)).all()
    years = depths_by_years([SiteRun(DesignRain("s", (1.0,), 5.0, 2.0), np.array([np.nan]), np.array([0.0]), {})],
                            states(), first_class_m=0.1)  # fmt: skip
    assert years.loc[0, "return_period_bound"] == "unknown"
    assert np.isnan(years.loc[0, "depth_2yr_m"])


depth_lists = st.lists(st.floats(0, 2), min_size=8, max_size=8)


@pytest.mark.slow
@given(depth_lists, st.booleans(), st.floats(0, 0.3), st.floats(-0.3, 0.3),
       st.lists(st.floats(0.02, 1.5), min_size=3, max_size=3))  # fmt: skip
def test_trigger_rain_never_falls_with_the_class_or_the_time(
    depths: list[float], has_ponds: bool, drain: float, correction: float, bounds: list[float]
) -> None:
    classes = tuple(sorted(b + 0.01 * k for k, b in enumerate(sorted(bounds))))
    runs = [
        SiteRun(run.rain, np.array([depth]), run.runoff_m3, run.ponds if has_ponds else {})
        for run, depth in zip(box_runs(drain), depths, strict=True)
    ]
    got = trigger_rain(runs, states(capacity_m3_s=drain, correction_m=correction), classes_m=classes, close_class=1)
    names = [[f"trigger_{m}min_class{k}_mm" for k in (1, 2, 3)] for m in (10, 30, 60)]
    table = np.array([[float(got.loc[0, n]) for n in row] for row in names])
    filled = np.where(np.isnan(table), np.inf, table)
    assert (filled[:, 1:] >= filled[:, :-1] - 1e-9).all()
    assert (filled[1:] >= filled[:-1] - 1e-9).all()
    assert (table[np.isfinite(table)] >= 0).all()


@pytest.mark.slow
@given(depth_lists.map(lambda d: d[:4]), st.floats(0, 0.3))
def test_the_curve_meets_the_runs_and_never_falls(depths: list[float], drain: float) -> None:
    runs = [SiteRun(run.rain, np.array([depth]), run.runoff_m3, run.ponds)
            for run, depth in zip(box_runs(drain)[4:], depths, strict=True)]  # fmt: skip
    curve = DepthCurve(runs, 0, "A", drain)
    amounts = np.arange(0.0, 121.0)
    got = curve.depths(amounts)
    assert (np.diff(got) >= 0).all()
    # runs that contradict one another are held at the deeper one: rain never helps
    assert got[[15, 30, 60, 120]] == pytest.approx(np.maximum.accumulate(depths), abs=1e-12)
    assert np.isnan(curve.depths(np.array([121.0]))).all()


def test_return_periods_lie_straight_in_their_logarithm() -> None:
    storms = [SiteRun(DesignRain(f"s{p}", (1.0,), 5.0, p), np.array([d]), np.array([1.0]), {})
              for p, d in ((100.0, 0.4), (2.0, 0.0), (10.0, 0.2))]  # fmt: skip
    got = depths_by_years(storms, states(), first_class_m=0.1).loc[0]
    assert got["return_period_yr"] == pytest.approx(np.sqrt(2 * 10))
    assert got["return_period_bound"] == "between"
    assert list(got.index) == ["site_id", "depth_2yr_m", "depth_10yr_m", "depth_100yr_m", "return_period_yr",
                               "return_period_bound"]  # fmt: skip
    assert depths_by_years(storms, states(), first_class_m=0.5).loc[0, "return_period_bound"] == "more_than"
    assert depths_by_years(storms[:1], states(), first_class_m=0.1).loc[0].to_dict() == {
        "site_id": "A", "depth_100yr_m": 0.4, "return_period_yr": 100.0, "return_period_bound": "at_most"}  # fmt: skip
    assert list(depths_by_years([], states(), first_class_m=0.1).columns) == [
        "site_id", "return_period_yr", "return_period_bound"]  # fmt: skip


def test_design_runoff_is_all_rain_on_water_and_none_on_unknown_ground() -> None:
    rain = DesignRain("x", (5.0, 10.0), 30.0)
    surface = Surface(np.array([[100.0, np.nan]]), np.full((1, 2), 0.03))
    net = design_runoff_mm_h(rain, surface, RunoffParams())
    assert net[:, 0, 0] == pytest.approx([10.0, 20.0])
    assert np.isnan(net[:, 0, 1]).all()
    assert rain.minutes == 60.0
    assert len(blocks(DesignRainParams())) == 8
    assert blocks(DesignRainParams(trigger_rain_mm=())) == ()


def test_pond_shape_is_inverted_and_its_drain_is_kept() -> None:
    pond = Pond(
        np.array([60.0, 120.0]), np.array([0.1, 0.2]), np.array([0.0, 5.0]), np.array([-0.1, 0.0, 0.2]), 10.0, 0.5
    )
    depth = np.array([0.0, 0.05, 0.2, 0.35])
    assert pond.depth(pond.volume(depth)) == pytest.approx(depth)
    assert pond.volume(0.3) == pytest.approx(10 * (0.4 + 0.3 + 0.1))
    assert replay_depths(pond, pond.inflow_m3[None], np.zeros(1)).shape == (1, 2)
    assert replay(pond, 0.0) >= replay(pond, 1.0)


water = st.lists(st.floats(-5, 50), min_size=1, max_size=20)


@given(water, st.floats(0, 1), st.floats(0, 1), st.floats(0, 200))
def test_a_pond_holds_no_more_than_its_rim_and_less_with_more_drains(
    flow: list[float], a: float, b: float, rim: float
) -> None:
    steps = np.full(len(flow), 60.0)
    held = held_volumes(np.array([flow, flow]), steps, np.array(sorted((a, b))), rim_m3=rim)
    assert ((held >= 0) & (held <= rim)).all()
    assert (held[1] <= held[0] + 1e-9).all()


def test_a_pond_by_hand_and_bad_ponds() -> None:
    held = held_volumes([[10.0, 10.0, -30.0, 5.0]], [10.0] * 4, [0.2], rim_m3=15.0)
    assert held[0].tolist() == [8.0, 15.0, 0.0, 3.0]
    assert np.isnan(held_volumes([[1.0, np.nan, 1.0]], [1.0] * 3, [0.0], rim_m3=9.0)[0, 1:]).all()
    for bad in ({"step_s": [-1.0]}, {"capacity_m3_s": [-1.0]}, {"capacity_m3_s": [np.nan]}, {"rim_m3": -1.0},
                {"step_s": [1.0, 1.0]}):  # fmt: skip
        given = {"step_s": [1.0], "capacity_m3_s": [0.0], "rim_m3": 1.0, **bad}
        with pytest.raises(ValueError, match=r"pond|needed"):
            held_volumes([[1.0]], **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"trigger_rain_mm": (30.0, 15.0)}, {"return_periods_yr": (0.0, 2.0)},
               {"storm_min": 100.0, "storm_step_min": 7.0}, {"standard_rain_mm": float("nan")}]
)  # fmt: skip
def test_impossible_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"needed|input|finite"):
        DesignRainParams.model_validate(change)


def test_hourly_rain_of_one_block_gives_the_depth_of_its_run() -> None:
    runs = box_runs()[4:]
    curve = DepthCurve(runs, 0, "A", 0.1)
    # one hour of 60 mm, followed by the hours that its run saw
    got = hourly_depth(curve, [60.0, 0.0], first=0)
    assert got == pytest.approx(runs[2].depth_m[0], abs=1e-9)
    twice = hourly_depth(curve, [60.0, 60.0, 0.0], first=0)
    # a box: what the first hour left and what the second brings, drained all the time
    assert twice == pytest.approx(min((2 * 0.06 * 20_000 - 0.1 * 7200) / 2500, 1.0), abs=0.01)
    assert hourly_depth(curve, [60.0, 0.0, 0.0], first=2) < got


def test_hourly_rain_that_is_unknown_gives_an_unknown_depth() -> None:
    curve = DepthCurve(box_runs()[4:], 0, "A", 0.1)
    assert np.isnan(hourly_depth(curve, [10.0, np.nan], first=0))
    assert np.isnan(hourly_depth(curve, [], first=0))
    assert np.isnan(hourly_depth(DepthCurve([], 0, "A", 0.1), [1.0], first=0))
    assert hourly_depth(curve, [0.0, 0.0], first=0) == 0.0


@pytest.mark.slow
@given(st.lists(st.floats(0, 150), min_size=1, max_size=5), st.integers(0, 4), st.floats(0, 50))
def test_more_hourly_rain_is_never_shallower_but_for_the_misses(rain: list[float], k: int, more: float) -> None:
    curve = DepthCurve(box_runs()[4:], 0, "A", 0.1)
    wetter = [r + more * (i == k % len(rain)) for i, r in enumerate(rain)]
    low, high = (hourly_depth(curve, [*series, 0.0], first=0) for series in (rain, wetter))
    assert high >= low - 0.02


def test_storm_start_stops_at_dry_and_at_unknown_hours() -> None:
    rain = [3.0, 0.0, 0.0, 2.0, 1.0, 5.0]
    assert storm_start(rain, 5, dry_gap_h=2) == (3, True)
    assert storm_start(rain, 5, dry_gap_h=9) == (0, True)
    assert storm_start([3.0, np.nan, 1.0, 5.0], 3, dry_gap_h=9) == (2, False)


def test_a_street_gets_deeper_under_more_rain_than_was_run() -> None:
    dry = [SiteRun(r.rain, np.array([0.05 * k]), r.runoff_m3, {}) for k, r in enumerate(box_runs()[4:], 1)]
    curve = DepthCurve(dry, 0, "A", 0.0)
    most = hourly_depth(curve, [120.0], first=0)
    assert most == pytest.approx(0.2)
    assert hourly_depth(curve, [240.0], first=0) == pytest.approx(0.2 * 2**0.6)
    assert hourly_depth(curve, [240.0, 60.0], first=1) == pytest.approx(0.15)
