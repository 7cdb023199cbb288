"""Levels from trigger rain: kernels, matrix, moving slopes, places, and what is unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import Point, Polygon, box

from geo_risk.core.errors import DataError, GridError
from geo_risk.core.grid import Grid
from geo_risk.core.levels import classify
from geo_risk.core.vectorize import rasterize
from geo_risk.exposure.zonal import cell_coverage, level_at_share
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.triggers import MatrixTriggers, RainField, lowered, moving_triggers, warning_levels
from geo_risk.hazards.landslide.warning import WarningModel, warning_by_matrix
from geo_risk.hazards.rainfall.antecedent import effective_rain
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.hazards.rainfall.stage_fields import stage_fields
from geo_risk.hazards.rainfall.stages import Forecast, plan_stages
from geo_risk.kernels.effective_rain import stage_effective
from geo_risk.kernels.warning import cell_levels, first_hours, rain_at
from geo_risk.products import slope_motion as slope_motion_module
from geo_risk.products.judgement import StageRain, ground_of, judge, judge_all, within
from geo_risk.products.ladder import Rung
from geo_risk.products.params import RiskParams
from geo_risk.products.place_warnings import Rule, place_warnings
from geo_risk.products.slope_motion import slope_motion
from geo_risk.products.warning_params import WarningParams
from geo_risk.sources.rain_grid import onto_grid
from geo_risk.sources.rain_lattice import rain_lattice

GRID = Grid(GeoBox((90, 120), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
COARSE = Grid(GeoBox((5, 6), Affine(1000, 0, 509_000, 0, -1000, 4_066_000), "EPSG:4546"))
MODEL = WarningModel(1.0, 1.5, (0.0, 1.0, 2.0, 3.0), 0.9, 0.8, 0.7, 99, ("a", "b"))
ISSUED, UNTIL = "2024-07-25T02:00:00+00:00", "2024-07-25T08:00:00+00:00"


def susceptibility(seed: int = 0) -> xr.DataArray:
    values = np.random.default_rng(seed).uniform(0.02, 0.98, GRID.shape).astype("float32")
    values[:10, :20] = np.nan
    return GRID.layer(values, units="1", long_name="s", name="susceptibility")


def fields(hours: int = 6, seed: int = 1) -> np.ndarray:
    steps = np.random.default_rng(seed).gamma(1.0, 12.0, (hours, *COARSE.shape))
    return np.cumsum(steps, axis=0)


def stage(highest: np.ndarray) -> StageRain:
    rain = COARSE.layer(highest[-1], units="mm", long_name="r", name="r")
    lattice, step = rain_lattice(rain, GRID)
    parts = np.stack([highest[-1] * w for w in (0.5, 0.3, 0.2)])
    return StageRain(len(highest), ISSUED, UNTIL, highest, parts, lattice, step)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 0.99), st.integers(1, 4), st.integers(1, 30))
def test_effective_rain_of_a_stage_is_the_running_maximum_of_the_antecedent_sum(seed, decay, days, hours):
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.3, 4, (24 * days + hours, 3))
    rain[rng.random(rain.shape) < 0.003] = np.nan
    part = np.minimum(np.arange(len(rain)) // max(1, len(rain) // 3), 2)
    highest, least, parts = stage_effective(rain, part, first=24 * days, decay_per_day=decay, days=days)
    dry = np.where(np.isnan(rain), 0.0, rain)
    whole = np.maximum.accumulate(effective_rain(dry, decay_per_day=decay, days=days)[24 * days :], axis=0)
    np.testing.assert_allclose(least, whole, atol=1e-9)
    want = np.maximum.accumulate(effective_rain(rain, decay_per_day=decay, days=days)[24 * days :], axis=0)
    # sums of a few hundred hours of some 10 mm in float64, in another order
    np.testing.assert_allclose(highest, want, atol=1e-9)
    np.testing.assert_allclose(parts.sum(axis=0), want[-1], atol=1e-9)


def test_parts_of_the_peak_by_hand_and_bad_input():
    rain = np.ones((24 * 2 + 6, 1))
    rain[48:] = 4.0  # six forecast hours of 4 mm, so the peak is the last hour
    part = np.where(np.arange(54) < 24, 0, np.where(np.arange(54) < 48, 1, 2))
    highest, least, parts = stage_effective(rain, part, first=48, decay_per_day=0.5, days=2)
    np.testing.assert_array_equal(highest, least)
    # last day 18 + 24, the day before 24 halved: of it 18 hours of the oldest part, 6 of the observed
    assert highest[-1, 0] == pytest.approx(18 + 24 + 12)
    assert parts[:, 0].tolist() == pytest.approx([9, 18 + 3, 24])
    with pytest.raises(ValueError, match="first hour"):
        stage_effective(rain, part, first=47, decay_per_day=0.5, days=2)
    with pytest.raises(ValueError, match="parts"):
        stage_effective(rain, part + 1, first=48, decay_per_day=0.5, days=2)


def test_hours_that_stand_in_for_observations_count_as_forecast():
    issued = datetime(2024, 7, 25, tzinfo=UTC)
    params = RainfallParams(issued=issued, antecedent_days=1, decay_per_day=0.5, stages_h=(1,))

    def cube(first: int, last: int, value: float) -> xr.DataArray:
        times = np.datetime64("2024-07-25T00", "ns") + np.arange(first, last + 1) * np.timedelta64(1, "h")
        coords = {"time": times, "y": [1000.0, 0.0], "x": [0.0, 1000.0]}
        values = np.full((len(times), 2, 2), value, "float32")
        return xr.DataArray(values, dims=("time", "y", "x"), coords=coords, attrs={"units": "mm", "interval_h": 1.0})

    (planned,) = plan_stages(params, [Forecast(issued, issued, issued.replace(hour=9))], latest=issued)
    made = stage_fields(cube(-30, -3, 1), cube(-5, 9, 10), planned, params)
    assert made is not None
    # the hours ending -2, -1, 0 are not observed: with hour 1 they are four forecast hours
    assert float(made["forecast"][0, 0]) == pytest.approx(40)
    assert float(made["observed"][0, 0]) == pytest.approx(20)
    assert float(made["rain"][0, 0]) == pytest.approx(10)


def test_cells_get_the_levels_of_the_rain_on_their_own_grid():
    s, highest = susceptibility(), fields()
    at = stage(highest)
    rain = onto_grid(COARSE.layer(highest[-1], units="mm", long_name="r", name="r"), GRID)
    rain = rain.copy(data=np.asarray(rain.data, dtype=np.float64))
    got = warning_levels(s, MODEL, RainField(highest[-1:], at.lattice, at.step), names=("warning_6h",))["warning_6h"]
    want = classify(MODEL.index(s.to_numpy().astype(np.float64), rain.to_numpy()), MODEL.bounds)
    # the reference resamples in float32: a cell may differ only where its rain is a rounding error from a trigger
    differs = got.to_numpy() != want
    left = np.abs(MODEL.trigger_mm(s.to_numpy()) - rain.to_numpy()).min(axis=0)
    assert not (differs & ~(left < 1e-3)).any()
    assert (got.to_numpy()[:10, :20] == -1).all()
    assert {0, 1, 2} <= set(np.unique(got.to_numpy()))


@pytest.mark.parametrize("mm", [25.0, 35.7, 80.0, 120.0])
def test_even_rain_of_just_the_trigger_reaches_it_on_every_cell(mm):
    lattice, step = rain_lattice(COARSE.layer(np.full(COARSE.shape, mm), units="mm", long_name="r", name="r"), GRID)
    even = np.full((1, *COARSE.shape), mm)
    trigger = np.broadcast_to(np.array([mm, mm + 1, mm + 2, mm + 3])[:, None, None], (4, *GRID.shape))
    assert (cell_levels(trigger, even, lattice, step=step, origin=(0, 0)) == 1).all()
    rows, columns = np.divmod(np.arange(GRID.shape[0] * GRID.shape[1]), GRID.shape[1])
    assert (rain_at(even, lattice, rows, columns, step=step) == mm).all()
    hours = first_hours(even, lattice, rows, columns, np.full(len(rows), mm), step=step)
    assert (hours == 1).all()


def test_levels_do_not_depend_on_chunks_and_outside_the_forecast_is_unknown():
    s, at = susceptibility(), stage(fields())
    rain = np.stack([fields()[-1], fields(seed=2)[-1]])
    rain[1, :, 3:] = np.nan
    names = ("warning_6h", "warning_3h")
    whole = warning_levels(s, MODEL, RainField(rain, at.lattice, at.step), names=names)
    parts = warning_levels(s.chunk({"y": 17, "x": 23}), MODEL, RainField(rain, at.lattice, at.step), names=names)
    for name in names:
        np.testing.assert_array_equal(whole[name].to_numpy(), parts[name].to_numpy())
    assert (whole["warning_3h"].to_numpy()[:, -1] == -1).all()
    small = COARSE.layer(rain[0], units="mm", long_name="r", name="r").isel(x=slice(0, 3))
    lattice, step = rain_lattice(small, GRID)
    cut = warning_levels(s, MODEL, RainField(rain[:1, :, :3], lattice, step), names=("warning_6h",))["warning_6h"]
    assert (cut.to_numpy()[:, -1] == -1).all()
    with pytest.raises(ValueError, match="names"):
        warning_levels(s, MODEL, RainField(rain, lattice, step), names=("warning_6h",))


@given(st.floats(0, 300), st.floats(0, 300), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_levels_never_fall_with_rain_or_susceptibility(rain_a, rain_b, p_a, p_b):
    lattice = np.zeros((2, 2, 2))
    low, high = sorted((rain_a, rain_b))
    less, more = sorted((p_a, p_b))
    trigger = MODEL.trigger_mm(np.array([[less, more]]))
    got = cell_levels(trigger, np.array([[[low]], [[high]]]), lattice, step=4, origin=(0, 0))
    assert (got[1] >= got[0]).all()
    assert (got[:, 0, 1] >= got[:, 0, 0]).all()


@given(st.integers(-1, 4), st.floats(0, 300) | st.just(np.nan))
def test_triggers_of_the_matrix_give_the_levels_of_the_matrix(hazard, rain):
    params, one = LandslideParams(), Grid(GeoBox((1, 1), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
    want = int(warning_by_matrix(
        one.layer(np.full((1, 1), hazard, np.int8), units="level", long_name="h", name="h"),
        one.layer(np.full((1, 1), rain), units="mm", long_name="r", name="r"), params,
    )[0, 0])  # fmt: skip
    trigger = MatrixTriggers.of(params).trigger_mm(np.full((1, 1), hazard))
    assert (
        int(cell_levels(trigger, np.full((1, 1, 1), rain), np.zeros((2, 2, 2)), step=4, origin=(0, 0))[0, 0, 0]) == want
    )


def test_a_matrix_that_warns_without_rain_and_a_hazard_out_of_range():
    always = MatrixTriggers((25.0, 50.0, 80.0, 120.0), ((0,) * 5, (1,) * 5, (1,) * 5, (2,) * 5, (2, 2, 3, 3, 4)))
    assert always.trigger_mm(np.array([4])).ravel().tolist() == [0, 0, 50, 120]
    assert np.isinf(always.trigger_mm(np.array([0]))).all()
    assert np.isnan(always.trigger_mm(np.array([np.nan]))).all()
    with pytest.raises(DataError, match="5"):
        always.trigger_mm(np.array([5]))


def test_moving_slopes_get_lower_triggers_and_only_where_they_move():
    trigger = np.array([[-5.0, 40.0, 40.0, 40.0], [10.0, 80.0, 80.0, 80.0]])
    got = lowered(trigger, np.array([1, 0, 1, 2]), (0.8, 0.5))
    assert got.tolist() == [[-5, 40, 32, 20], [8, 80, 64, 40]]
    where = box(510_300, 4_064_000, 510_600, 4_064_300)
    rows = {
        "kind": ["landslide", "landslide", "groundwater_subsidence", "landslide"],
        "false_alarm_p": [0.01, 0.01, 0.01, 0.5],
        "activity": ["steady", "accelerating", "steady", "steady"],
    }
    shapes = [
        where,
        where.buffer(-100),
        box(511_000, 4_063_000, 511_300, 4_063_300),
        box(512_000, 4_063_000, 512_300, 4_063_300),
    ]
    areas = gpd.GeoDataFrame(rows, geometry=shapes, crs=GRID.crs)
    blind = np.zeros(GRID.shape, np.uint8)
    blind[:, 20:40], blind[50:, 100:] = 3, 1
    blind[24, 11] = 2
    seen = GRID.layer(blind, units="1", long_name="b", name="blind_map")
    codes = slope_motion(areas, GRID, blind=seen, false_alarm_max=0.05).to_numpy()
    assert codes.dtype == np.int8
    assert codes[28, 15] == 2
    assert codes[24, 11] == 1  # an area that was seen stays, whatever the map of blindness says of its cell
    assert set(np.unique(codes)) == {-1, 0, 1, 2}  # subsidence and likely false areas lower nothing
    still = codes[:, 30:]
    np.testing.assert_array_equal(still, np.where(blind[:, 30:] == 0, 0, -1))
    lazy = slope_motion(areas, GRID, blind=seen.chunk({"y": 17, "x": 23}), false_alarm_max=0.05)
    np.testing.assert_array_equal(lazy.to_numpy(), codes)
    # without a map of blindness nobody knows where nothing was seen
    bare = slope_motion(areas, GRID, false_alarm_max=0.05).to_numpy()
    np.testing.assert_array_equal(bare, np.where(codes > 0, codes, -1))
    assert lowered(trigger, np.array([-1, -1, 1, 2]), (0.8, 0.5))[1].tolist() == [10, 80, 64, 40]
    with pytest.raises(GridError):
        slope_motion(areas, GRID, blind=COARSE.layer(np.zeros(COARSE.shape), units="1", long_name="b", name="b"),
                     false_alarm_max=0.05)  # fmt: skip


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=8), st.integers(-1, 2))
def test_by_the_matrix_moving_ground_has_at_least_the_triggers_of_level_two(hazard, code):
    rule = MatrixTriggers.of(LandslideParams())
    ground, motion = np.array(hazard), np.full(len(hazard), code)
    got = moving_triggers(rule, ground, motion, (0.8, 0.6))
    known = ground >= 0
    assert np.isnan(got[:, ~known]).all()  # motion does not make unknown ground known
    want = rule.trigger_mm(np.where(known & (code > 0), np.maximum(ground, 2), ground))
    np.testing.assert_array_equal(got, lowered(want, motion, (0.8, 0.6)))
    assert (got[:, known] <= rule.trigger_mm(ground)[:, known]).all()
    if code > 0:
        assert np.isfinite(got[0, known]).all()


def test_an_accelerating_slope_on_ground_without_hazard_is_warned_of():
    rule = MatrixTriggers.of(LandslideParams())
    none = GRID.layer(np.zeros(GRID.shape, np.int8), units="level", long_name="h", name="hazard_landslide")
    codes = np.zeros(GRID.shape, np.int8)
    codes[10:30, 10:30], codes[40:60, 40:60] = 2, -1
    moves = GRID.layer(codes, units="level", long_name="m", name="slope_motion")
    at = stage(np.full((6, *COARSE.shape), 200.0))
    field = RainField(at.highest_mm[-1:], at.lattice, at.step)
    got = warning_levels(none, rule, field, names=("w",), motion=moves, factors=(0.8, 0.6))["w"].compute()
    assert (got.to_numpy()[codes == 2] >= 1).all()
    assert (got.to_numpy()[codes != 2] == 0).all()
    zones = gpd.GeoDataFrame(geometry=[box(510_330, 4_064_130, 510_870, 4_064_670)], crs=GRID.crs)
    coverage = cell_coverage(zones, GRID)
    found = judge(ground_of(coverage, {"ground": none, "motion": moves}, rule, factors=(0.8, 0.6)), at, share=0.1,
                  min_known_share=0.5)  # fmt: skip
    np.testing.assert_array_equal(found.level, level_at_share(got, coverage, share=0.1, min_known_share=0.5))
    assert found.level[0] >= 1


@pytest.mark.parametrize(("unseen_rows", "code", "word"), [(0, 0, "none_seen"), (9, 0, "none_seen"),
                                                           (11, 0, "unknown"), (19, 1, "moving")])  # fmt: skip
def test_motion_is_none_seen_only_where_radar_looked_at_enough(unseen_rows, code, word):
    s = GRID.layer(np.full(GRID.shape, 0.5), units="1", long_name="s", name="susceptibility")
    codes = np.full(GRID.shape, code, np.int8)
    codes[20 : 20 + unseen_rows] = -1
    moves = GRID.layer(codes, units="level", long_name="m", name="slope_motion")
    row = {"zone_id": ["Z1"], "kind": ["landslide"]}
    # rows 20 to 39
    zones = gpd.GeoDataFrame(row, geometry=[box(510_300, 4_063_800, 510_900, 4_064_400)], crs=GRID.crs)
    at = stage(np.full((6, *COARSE.shape), 60.0))
    for motion, want in ((moves, word), (None, "unknown")):
        made = place_warnings({"zone": zones, "point": None}, GRID, Rule(MODEL, "model", s, motion), [at],
                              params=(WarningParams(), RiskParams()), language="en")  # fmt: skip
        assert made.warnings["motion"].tolist() == [want]


def test_a_kept_level_tells_what_is_left_before_the_level_above_it():
    s = GRID.layer(np.full(GRID.shape, 0.5), units="1", long_name="s", name="susceptibility")
    row = {"zone_id": ["Z1"], "kind": ["landslide"]}
    zones = gpd.GeoDataFrame(row, geometry=[box(510_300, 4_063_800, 510_900, 4_064_400)], crs=GRID.crs)
    trigger = MODEL.trigger_mm(np.array([0.5]))[:, 0]
    rain = trigger[0] + 0.5 * (trigger[1] - trigger[0])  # blue by the rain alone
    at = stage(np.full((6, *COARSE.shape), rain))
    params = (WarningParams(lower_margin_mm=500.0), RiskParams())
    for known, following in ((3, 4), (4, -1), (1, 2)):
        before = {"zone:Z1:6": Rung(known, known)}
        made = place_warnings({"zone": zones, "point": None}, GRID, Rule(MODEL, "model", s), [at], before=before,
                              params=params, language="en")  # fmt: skip
        (got,) = made.warnings.to_dict("records")
        assert (got["judged_level"], got["warning_level"], got["next_level"]) == (1, known, following)
        if known == 4:
            assert np.isnan(got["margin_mm"])
            assert "The highest level." in got["reasons"]
        else:
            assert got["margin_mm"] == pytest.approx(trigger[following - 1] - rain)
            assert f"left before {('yellow', 'orange', 'red')[following - 2]}" in got["reasons"].lower()


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(3, 40))
def test_moving_slopes_are_burnt_block_by_block_as_at_once(seed, side):
    rng = np.random.default_rng(seed)
    left, bottom, right, top = GRID.bounds
    shapes = []
    for _ in range(rng.integers(1, 8)):
        x, y, a = rng.uniform(left - 300, right + 300), rng.uniform(bottom - 300, top + 300), np.sort(rng.random(5))
        size = rng.uniform(5, 900)
        ring = np.column_stack([x + size * np.cos(2 * np.pi * a), y + size * np.sin(2 * np.pi * a)])
        shapes.append(Polygon(ring))
    rows = {"kind": "landslide", "false_alarm_p": 0.01, "activity": rng.choice(["steady", "accelerating"], len(shapes))}
    areas = gpd.GeoDataFrame(rows, geometry=shapes, crs=GRID.crs)
    order = np.argsort(areas["activity"] == "accelerating", kind="stable")
    pairs = [(shapes[k], 2.0 if rows["activity"][k] == "accelerating" else 1.0) for k in order]
    want = rasterize(pairs, GRID, fill=0, dtype="int16", all_touched=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slope_motion_module, "_BLOCK", side)
        seen = GRID.layer(np.zeros(GRID.shape, np.uint8), units="1", long_name="b", name="blind_map")
        layer = slope_motion(areas, GRID, blind=seen, false_alarm_max=0.05)
    assert layer.dtype == np.int8
    assert max(layer.chunks[0]) <= side
    np.testing.assert_array_equal(layer.to_numpy(), want)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_places_have_the_level_that_the_share_of_their_cells_has(seed, share):
    s, highest = susceptibility(seed), fields(seed=seed)
    at = stage(highest)
    cells = warning_levels(s, MODEL, RainField(highest[-1:], at.lattice, at.step), names=("w",))["w"].compute()
    rng = np.random.default_rng(seed)
    corners = rng.uniform((509_900, 4_062_200), (513_400, 4_064_900), (6, 2))
    zones = gpd.GeoDataFrame(geometry=[Point(c).buffer(rng.uniform(20, 400)) for c in corners], crs=GRID.crs)
    coverage = cell_coverage(zones, GRID)
    got = judge(ground_of(coverage, {"ground": s}, MODEL), at, share=share, min_known_share=0.5)
    np.testing.assert_array_equal(got.level, level_at_share(cells, coverage, share=share, min_known_share=0.5))
    known = got.level >= 0
    for k in range(4):
        reached = got.margin_mm[k] <= 0
        assert (reached[known] == (got.level[known] > k)).all()
        assert (np.isfinite(got.hours[k]) == reached)[known].all()
    assert (np.diff(got.hours[:, known].clip(max=99), axis=0) >= 0).all()
    np.testing.assert_allclose(got.parts_mm.sum(axis=0)[known], got.rain_mm[known], rtol=1e-9)


def with_gap(highest: np.ndarray, least: np.ndarray) -> StageRain:
    """Return a stage whose last hours are unknown and whose rain is at least so much."""
    gone = highest.copy()
    gone[-2:] = np.nan
    return replace(stage(gone), least_mm=least)


def test_a_missing_hour_never_hides_what_is_certain_and_never_makes_calm():
    s, highest = susceptibility(), fields()
    at = with_gap(highest, highest * 0.9)
    field = RainField(at.highest_mm[-1:], at.lattice, at.step, at.least_mm[-1:])
    got = warning_levels(s, MODEL, field, names=("w",))["w"].compute()
    bound = RainField(at.least_mm[-1:], at.lattice, at.step)
    least = warning_levels(s, MODEL, bound, names=("w",))["w"].compute()
    assert (least >= 2).any()
    assert (least < 2).any()
    np.testing.assert_array_equal(got, np.where(least >= 2, least, -1))
    zones = gpd.GeoDataFrame(geometry=[box(510_900, 4_062_900, 513_000, 4_064_300)], crs=GRID.crs)
    ground = ground_of(cell_coverage(zones, GRID), {"ground": s}, MODEL)
    tame = ground_of(cell_coverage(zones, GRID), {"ground": s.copy(data=s.data * 0.1)}, MODEL)  # no level without rain
    calm = judge(tame, with_gap(highest * 0, highest * 0), share=0.05, min_known_share=0.5)
    assert calm.level.tolist() == [-1]
    sure = judge(ground, with_gap(highest, highest * 0.9), share=0.05, min_known_share=0.5)
    whole = judge(ground, stage(highest * 0.9), share=0.05, min_known_share=0.5)
    assert sure.level[0] == whole.level[0] >= 2
    # cells that are not certain are not counted, so that the share may be reached sooner, never later
    assert 1 <= sure.hours[sure.level[0] - 1, 0] <= whole.hours[sure.level[0] - 1, 0]
    assert np.isnan(sure.parts_mm).all()


def test_a_longer_stage_holds_what_a_shorter_one_of_its_issue_says():
    s, highest = susceptibility(), fields()
    heavy, weak = stage(highest[:3] * 3), stage(highest * 0)
    heavy, none = replace(heavy, hours=3), StageRain(72, ISSUED, UNTIL)
    stages = [none, replace(weak, hours=24), weak, heavy]
    assert within(stages) == ((3, 2), (2, 1), (1, 0))
    rain = np.stack([np.full(COARSE.shape, np.nan), *(x.highest_mm[-1] for x in stages[1:])])
    names = ("w72", "w24", "w6", "w3")
    got = warning_levels(s, MODEL, RainField(rain, heavy.lattice, heavy.step, within=within(stages)), names=names)
    got = {name: layer.to_numpy() for name, layer in got.items()}
    assert (got["w3"] == 4).any()
    np.testing.assert_array_equal(got["w6"], got["w3"])
    np.testing.assert_array_equal(got["w24"], got["w3"])
    np.testing.assert_array_equal(got["w72"], np.where(got["w3"] >= 2, got["w3"], -1))
    other = [replace(x, issued=f"2024-07-2{k}T00:00:00+00:00") for k, x in enumerate(stages)]
    assert within(other) == ()
    zones = gpd.GeoDataFrame(geometry=[box(510_900, 4_062_900, 513_000, 4_064_300)], crs=GRID.crs)
    ground = ground_of(cell_coverage(zones, GRID), {"ground": s}, MODEL)
    made = judge_all(ground, stages, share=0.2, min_known_share=0.5)
    assert {h: (int(j.level[0]), int(j.from_h[0])) for h, j in made.items()} == dict.fromkeys((72, 24, 6, 3), (4, 3))
    assert made[72].hours[3, 0] == made[3].hours[3, 0] <= 3
    # nothing covers 72 h: its level is a lower bound, while that of 24 h has rain of its own
    assert np.isnan(made[72].parts_mm).all()
    assert np.isfinite(made[24].parts_mm).all()


def test_a_stage_without_a_forecast_claims_no_hour_after_the_shorter_one_and_is_not_lowered():
    s = GRID.layer(np.full(GRID.shape, 0.5, "float32"), units="1", long_name="s", name="susceptibility")
    zone = gpd.GeoDataFrame({"zone_id": ["Z1"], "kind": ["landslide"], "reasons": [""]},
                            geometry=[box(511_200, 4_063_300, 511_700, 4_063_700)], crs=GRID.crs)  # fmt: skip
    given = ({"zone": zone, "point": None}, GRID, Rule(MODEL, "model", s))
    params = (WarningParams(), RiskParams())
    heavy = np.full((6, *COARSE.shape), 120.0)  # levels begin at 0, 33, 67 and 100 mm
    day = replace(stage(np.full((24, *COARSE.shape), 120.0)), hours=24)
    first = place_warnings(*given, [day, stage(heavy)], params=params)
    later = [StageRain(24, ISSUED, UNTIL), stage(heavy * 0.45)]
    made = place_warnings(*given, later, before=first.rungs, params=params, language="en").warnings
    made = made.set_index("stage_h")
    assert made.loc[6, ["warning_level", "change"]].tolist() == [2, "lowered"]
    # red was forecast for the day; the six hours that are known now say nothing of the others
    row = made.loc[24]
    assert row[["judged_level", "warning_level", "change", "next_level"]].tolist() == [2, 4, "unchanged", -1]
    assert np.isnan(row["margin_mm"])
    assert "at least yellow" in row["reasons"]
    assert "6 h stage, which lies within" in row["reasons"]
    assert "not within" not in row["reasons"]
    assert "不会达到" not in row["reasons_zh"]


def test_a_place_of_which_hours_are_missing_says_at_least_and_is_not_lowered():
    s = GRID.layer(np.full(GRID.shape, 0.5, "float32"), units="1", long_name="s", name="susceptibility")
    highest = np.full((6, *COARSE.shape), 120.0)  # levels begin at 0, 33, 67 and 100 mm
    zone = gpd.GeoDataFrame({"zone_id": ["Z1"], "kind": ["landslide"], "reasons": [""]},
                            geometry=[box(511_200, 4_063_300, 511_700, 4_063_700)], crs=GRID.crs)  # fmt: skip
    given = ({"zone": zone, "point": None}, GRID, Rule(MODEL, "model", s))
    params = (WarningParams(), RiskParams())
    first = place_warnings(*given, [stage(highest)], params=params, language="en")
    made = place_warnings(*given, [with_gap(highest, highest / 3)], before=first.rungs, params=params,
                          language="en")  # fmt: skip
    before, now = first.warnings.iloc[0], made.warnings.iloc[0]
    assert before["warning_level"] == now["warning_level"] == 4
    assert now["judged_level"] == 2
    assert "at least" in now["reasons"]
    assert "Kept at red" in now["reasons"]
    assert "nan" not in now["reasons"] + now["reasons_zh"]
    assert np.isnan(now["margin_mm"])
    assert now["next_level"] == -1


@pytest.mark.parametrize(("mm", "share", "level", "is_bound"), [
    (0.0, 0.1, -1, True),  # two fifths of the zone could be anything
    (40.0, 0.1, -1, True), (70.0, 0.1, 2, True), (110.0, 0.1, 4, False),
    (0.0, 0.5, 0, False), (70.0, 0.5, 2, False),  # less than half of it is missing: it cannot lift the median
])  # fmt: skip
def test_ground_without_rain_that_could_lift_a_place_makes_it_no_calmer(mm, share, level, is_bound):
    s = GRID.layer(np.full(GRID.shape, 0.5, "float32"), units="1", long_name="s", name="susceptibility")
    rule = replace(MODEL, bounds=(0.9, 2.0, 2.5, 3.0))  # levels begin at 30, 67, 83 and 100 mm
    highest = np.full((6, *COARSE.shape), mm)
    highest[:, :, 3:] = np.nan  # known to x = 511500, the centre of the third column
    zone = gpd.GeoDataFrame(geometry=[box(511_200, 4_063_200, 511_710, 4_063_800)], crs=GRID.crs)
    ground = ground_of(cell_coverage(zone, GRID), {"ground": s}, rule)
    got = judge(ground, stage(highest), share=share, min_known_share=0.5)
    assert got.known_share[0] == pytest.approx(10 / 17)
    assert got.level.tolist() == [level]
    assert np.isnan(got.parts_mm).all() == is_bound


def test_first_hours_by_hand():
    highest = np.array([5.0, 20.0, 20.0, 60.0])[:, None, None] * np.ones((1, 2, 2))
    lattice = np.zeros((2, 2, 2))
    at = {"rows": np.zeros(5, int), "columns": np.zeros(5, int), "step": 4}
    got = first_hours(highest, lattice, trigger_mm=np.array([5.0, 6.0, 60.0, 61.0, np.nan]), **at)
    assert got[:4].tolist() == [1, 2, 4, np.inf]
    assert np.isnan(got[4])
    highest[2:] = np.nan  # from the third hour on nothing is known
    got = first_hours(highest, lattice, trigger_mm=np.array([5.0, 6.0, 60.0, 61.0, np.nan]), **at)
    assert got[:2].tolist() == [1, 2]
    assert np.isnan(got[2:]).all()
    assert np.isnan(rain_at(highest[2:3], lattice, np.zeros(1, int), np.zeros(1, int), step=4)).all()


@pytest.mark.slow
def test_the_lattice_is_exact_to_a_hundredth_of_a_cell_in_degrees():
    wide = Grid(GeoBox((3000, 4000), Affine(30, 0, 450_000, 0, -30, 4_265_000), "EPSG:4546"))
    x, y = np.arange(109.0, 113.0, 0.01), np.arange(39.5, 36.5, -0.01)
    ref = xr.DataArray(0, attrs={"crs_wkt": __import__("pyproj").CRS(4326).to_wkt()})
    rain = xr.DataArray(np.add.outer(y, x), dims=("y", "x"), coords={"y": y, "x": x, "spatial_ref": ref}, name="r",
                        attrs={"units": "mm"})  # fmt: skip
    lattice, step = rain_lattice(rain, wide)
    assert step > 1
    rows, columns = np.array([0, 63, 1501, 2999]), np.array([3999, 65, 2002, 0])
    got = rain_at(np.asarray(rain)[None], lattice, rows, columns, step=step)[0]
    want = onto_grid(rain, wide).data.vindex[rows, columns].compute()
    # the field rises by 0.01 a cell along each axis: a hundredth of a cell is 1e-4, twice; float32 of 150 is 1e-5
    np.testing.assert_allclose(got, want, atol=2.2e-4)


def test_rows_say_margin_hours_drivers_motion_and_what_is_not_known():
    s = susceptibility()
    motion = np.zeros(GRID.shape, np.int8)
    motion[40:60, 40:60] = 2
    moves = GRID.layer(motion, units="level", long_name="m", name="slope_motion")
    zone = box(511_200, 4_063_300, 511_700, 4_063_700)
    row = {
        "zone_id": ["Z1"],
        "kind": ["landslide"],
        "reasons": ["why."],
        "reasons_zh": ["因。"],
        "reasons_en": ["why."],
    }
    zones = gpd.GeoDataFrame(row, geometry=[zone], crs=GRID.crs)
    point = {
        "point_id": ["P1", "P2", "P3"],
        "kind": ["rockfall", "landslide", "tailings_pond"],
        "name": ["甲", "乙", "丙"],
        "status": ["existing", "cancelled", "existing"],
        "reasons": ["a"] * 3,
    }
    points = gpd.GeoDataFrame(point, geometry=[Point(510_050, 4_064_950)] * 3, crs=GRID.crs)
    at = stage(np.full((6, *COARSE.shape), 60.0))
    stages = [StageRain(24, ISSUED, UNTIL), at]
    stages[0] = StageRain(24, "2024-07-24T00:00:00+00:00", UNTIL)  # issued at another time: it stands alone
    made = place_warnings({"zone": zones, "point": points}, GRID, Rule(MODEL, "model", s, moves), stages,
                          params=(WarningParams(), RiskParams()), language="en")  # fmt: skip
    rows = made.warnings.set_index("warning_id")
    assert len(rows) == 4  # cancelled points and tailings ponds are not spoken of
    day, hours = rows.loc["zone-Z1-24h"], rows.loc["zone-Z1-6h"]
    assert day["warning_level"] == -1
    assert "no forecast" in day["reasons"]
    assert hours["warning_level"] == 4
    assert hours["motion"] == "accelerating"
    assert "triggers lowered to 60%" in hours["reasons"]
    assert hours["hours_to_red"] == 1
    assert [hours[c] for c in ("antecedent_mm", "observed_mm", "forecast_mm")] == pytest.approx([30, 18, 12])
    unknown = rows.loc["point-P1-6h"]
    assert unknown["warning_level"] == -1
    assert "0% of the ground" in unknown["reasons"]
    assert made.zones["warning_6h"].tolist() == [4]
    assert made.zones["reasons_zh"].iloc[0].startswith("因。最高预警：红色（6 小时阶段）。")
    assert made.points["warning_6h"].tolist() == [-1, -1, -1]
    calm = stage(np.full((6, *COARSE.shape), 0.0))
    made = place_warnings({"zone": zones, "point": None}, GRID, Rule(MODEL, "model", s), [calm],
                          params=(WarningParams(), RiskParams()), language="en")  # fmt: skip
    left = made.warnings.iloc[0]
    assert left["margin_mm"] > 0
    assert "mm left before" in left["reasons"]
    assert "not within the 6 h horizon" in left["reasons"]
