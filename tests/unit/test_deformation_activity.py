"""Activity of areas and pixels: classes, acceleration, failure windows, refusals."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from dask import array as da
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.activity.classes import (
    ACTIVITY_CODES,
    Background,
    activity_codes,
    activity_maps,
    combined,
    combined_layers,
)
from geo_risk.hazards.deformation.activity.failure import failure_window, profile
from geo_risk.hazards.deformation.activity.irregular import change_probability
from geo_risk.hazards.deformation.activity.joint import BodySeries, extension, fit_course, usable, without_gaps
from geo_risk.hazards.deformation.activity.judged import judge_areas
from geo_risk.hazards.deformation.activity.params import ActivityParams, FailureParams
from geo_risk.hazards.deformation.activity.verdict import iso_date, judge, years_since_origin
from geo_risk.hazards.deformation.motion.correction import SceneCorrection
from geo_risk.hazards.deformation.motion.removal import Removal
from geo_risk.kernels.breakpoints import BILINEAR, LINEAR, QUADRATIC, STEP
from tests.support.insar import dataset, times

PARAMS = ActivityParams(n_simulations=500)
T = years_since_origin(times(60))
SINCE = T - T[0]
LATER = np.maximum(SINCE - 1.2, 0)


def failing(lead_yr: float) -> np.ndarray:
    """Displacement of a slope that fails so long after the last date."""
    return -12 * np.log1p(-SINCE / (SINCE[-1] + lead_yr))


SHAPES = {
    "steady": -20 * SINCE,
    "accelerating": -8 * SINCE - 15 * SINCE**2,
    "decelerating": -60 * SINCE + 20 * LATER + 14 * SINCE**2 / 2,
    "seasonal": 6 * np.sin(2 * np.pi * SINCE + 1),
    "step": -10 * SINCE - 20 * (SINCE > 0.8),
    "stable": 0 * SINCE,
}


def series(motion: np.ndarray, *, seed: int = 0, sigma: float = 0.7, tracks: tuple[float, ...] = (1.0, -0.6)):
    rng = np.random.default_rng(seed)
    names = ("asc", "desc", "third")
    return [
        BodySeries(names[k], T[: len(motion)], g * motion + rng.normal(0, sigma, len(motion)), np.ones(len(motion)))
        for k, g in enumerate(tracks)
    ]


@pytest.mark.parametrize("activity", sorted(SHAPES))
@pytest.mark.parametrize("tracks", [(1.0,), (1.0, -0.6)])
def test_each_activity_is_told_from_one_track_or_two(activity, tracks):
    got = judge(series(SHAPES[activity], tracks=tracks), "asc", PARAMS)
    assert got.activity == activity
    assert got.reasons[0].startswith(activity)
    assert got.track == "asc"


def test_the_acceleration_is_that_of_the_track_named_with_its_sign():
    for track, truth in (("asc", -30.0), ("desc", 18.0)):
        got = judge(series(SHAPES["accelerating"]), track, PARAMS)
        assert got.acceleration_mm_yr2 == pytest.approx(truth, abs=4 * got.acceleration_std_mm_yr2)
        assert 0.3 < got.acceleration_std_mm_yr2 < 3


def test_the_break_is_dated_and_common_to_the_tracks():
    course, fits = fit_course(series(-5 * SINCE - 40 * LATER), PARAMS)
    assert course.kind == BILINEAR
    assert abs(course.break_yr - T[0] - 1.2) < 0.06
    assert [m.track for m in course.tracks] == ["asc", "desc"]
    assert course.tracks[0].before == pytest.approx(-5, abs=2)
    assert course.tracks[1].after == pytest.approx(27, abs=4)
    assert all(len(extension(f, BILINEAR, course.break_yr)) == 1 for f in fits)
    got = judge(series(-5 * SINCE - 40 * LATER), "asc", PARAMS)
    assert abs(np.datetime64(got.break_date) - np.datetime64(iso_date(T[0] + 1.2))) < np.timedelta64(25, "D")
    assert got.break_date in got.reasons[0]
    assert got.break_date in got.reasons[1]


def test_a_joint_fit_is_the_sum_of_least_squares_fits():
    both = series(-5 * SINCE - 3 * SINCE**2)
    course, fits = fit_course(both, PARAMS)
    angle = 2 * np.pi * (T - 0.5 * (T[0] + T[-1]))
    columns = np.column_stack([np.ones(60), np.sin(angle), np.cos(angle), T - T.mean()])
    for f, s in zip(fits, both, strict=True):
        rest = np.linalg.lstsq(columns, s.displacement_mm, rcond=None)[1][0]
        more = np.linalg.lstsq(np.column_stack([columns, (T - T.mean()) ** 2]), s.displacement_mm, rcond=None)
        assert f.sse == pytest.approx(rest)
        assert f.quadratic == pytest.approx(rest - more[1][0])
    assert course.tracks[1].acceleration == pytest.approx(2 * more[0][-1])
    assert set(course.bic) >= {LINEAR, QUADRATIC, BILINEAR, STEP}


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(SHAPES)), st.floats(-1e3, 1e3), st.floats(-10, 10), st.integers(0, 5),
    st.lists(st.integers(0, 59), max_size=15, unique=True),
)  # fmt: skip
def test_constants_signs_the_origin_of_time_and_the_order_of_tracks_do_not_matter(kind, offset, origin, seed, gaps):
    keep = np.setdiff1d(np.arange(60), gaps)

    def moved(s: BodySeries, sign: float, later: float, more: float) -> BodySeries:
        return BodySeries(s.track, s.t[keep] + later, sign * s.displacement_mm[keep] + more, s.std[keep])

    given_series = series(SHAPES[kind], seed=seed)
    plain = judge([moved(s, 1, 0, 0) for s in given_series], "asc", PARAMS)
    # whole years: a fraction would turn the season, and the day it is dated to
    other = judge([moved(s, 1, round(origin), offset) for s in given_series[::-1]], "asc", PARAMS)
    mirror = judge([moved(s, -1, 0, 0) for s in given_series], "asc", PARAMS)
    assert plain.activity == other.activity == mirror.activity
    assert other.acceleration_mm_yr2 == pytest.approx(plain.acceleration_mm_yr2, rel=1e-5, abs=1e-6)
    assert mirror.acceleration_mm_yr2 == pytest.approx(-plain.acceleration_mm_yr2, rel=1e-6, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(3, 15), st.floats(0, 6.28), st.integers(0, 10**6))
def test_a_season_is_never_called_accelerating(amplitude, phase, seed):
    got = judge(series(amplitude * np.sin(2 * np.pi * SINCE + phase), seed=seed), "asc", PARAMS)
    assert got.activity == "seasonal"
    assert got.window == ("", "")


def test_a_season_says_what_change_of_speed_lies_beneath_it():
    turn = np.where(SINCE > 0.8, 12.0 * (SINCE - 0.8), 0.0) - 16 * SINCE
    got = judge(series(SHAPES["seasonal"] * 4 + turn), "asc", PARAMS)
    assert got.activity == "seasonal"
    assert "beneath it the speed goes from" in got.reasons[0]
    assert "季节变化之下" in got.reasons[1]
    plain = judge(series(SHAPES["seasonal"] * 4), "asc", PARAMS)
    assert "beneath" not in plain.reasons[0]


def irregular(rng: np.random.Generator, amplitude: float, share: float) -> np.ndarray:
    """Displacement of ground with a season whose strength and timing differ from year to year by a share of it."""
    turn = SINCE + rng.uniform()
    year = np.floor(turn).astype(int)
    strength = amplitude * np.maximum(0.1, 1 + share * rng.standard_normal(4))[year]
    late = share / 6 * rng.standard_normal(4)[year]  # 12 days for a share of 0.2
    part = turn - year
    return -strength * (1 - np.cos(2 * np.pi * np.clip(part + late * np.sin(np.pi * part), 0, 1)))


@pytest.mark.slow
def test_a_slide_that_fails_beneath_a_strong_season_is_not_called_seasonal():
    rng = np.random.default_rng(8)
    said = []
    for k in range(40):
        season = 18 * np.sin(2 * np.pi * SINCE + rng.uniform(0, 2 * np.pi))
        got = judge(series(-failing(70 / 365.25) + season, seed=k, sigma=1.5, tracks=(1.0, 0.9)), "asc", PARAMS)
        said.append(got.activity)
        if got.activity == "accelerating" and "season" in got.reasons[0]:
            assert "季节变化" in got.reasons[1]
    assert "seasonal" not in said
    assert said.count("accelerating") >= 36  # the order of tests before called 34 of the 40 seasonal


@pytest.mark.slow
def test_what_an_irregular_season_can_make_is_unknown_and_hardly_ever_accelerating():
    rng = np.random.default_rng(9)
    said = [
        judge(series(irregular(rng, 18, 0.2), seed=k, sigma=1.0, tracks=(1.0, 0.9)), "asc", PARAMS) for k in range(120)
    ]
    called = sum("; beside a season" in v.reasons[0] for v in said)
    doubted = sum("it may be accelerating, look at the series" in v.reasons[0] for v in said)
    # by the change test alone all of both would be accelerating
    assert doubted > 15
    assert called <= 4
    assert all(v.activity == "unknown" and v.window == ("", "") for v in said if "it may be acc" in v.reasons[0])


def test_how_irregular_a_season_is_comes_from_the_record():
    rng = np.random.default_rng(4)
    turn = -40 * LATER
    regular = [BodySeries(n, T, turn + 20 * np.sin(2 * np.pi * T) + rng.normal(0, 1, 60), np.ones(60)) for n in "ad"]
    course, fits = fit_course(regular, PARAMS)
    p, share = change_probability(course, fits, PARAMS)
    assert p < 1e-3
    assert share <= 0.1
    line, its = fit_course(series(SHAPES["steady"]), PARAMS)
    assert change_probability(line, its, PARAMS) == (1.0, 0.0)
    short, its = fit_course([BodySeries("a", T[:30], (turn + 15 * SINCE**2)[:30], np.ones(30))], PARAMS)
    assert change_probability(short, its, PARAMS) == (1.0, 0.0)


def test_scaling_motion_and_noise_together_scales_the_numbers_alone():
    small = judge(series(SHAPES["accelerating"]), "asc", PARAMS)
    large = judge(
        [BodySeries(s.track, s.t, 1000 * s.displacement_mm, 1000 * s.std) for s in series(SHAPES["accelerating"])],
        "asc", PARAMS,
    )  # fmt: skip
    assert (large.activity, large.window) == (small.activity, small.window)
    assert large.acceleration_mm_yr2 == pytest.approx(1000 * small.acceleration_mm_yr2)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_fewer_than_ten_dates_are_unknown_not_stable(n):
    got = judge(series(0 * SINCE[:n]), "asc", PARAMS)
    assert got.activity == "unknown"
    assert f"{n} dates" in got.reasons[0]
    assert f"{n} 期" in got.reasons[1]
    assert np.isnan(got.acceleration_mm_yr2)


def test_no_series_at_all_is_unknown():
    assert judge([], "asc", PARAMS).activity == "unknown"
    lost = without_gaps("asc", T, np.full(60, np.nan), np.full(60, np.nan))
    assert not usable(lost, PARAMS)
    assert judge([lost], "asc", PARAMS).activity == "unknown"


def test_a_short_record_cannot_tell_a_change_from_a_season():
    got = judge(series(SHAPES["accelerating"][-40:] * 3), "asc", PARAMS)
    assert got.activity == "unknown"
    assert "season" in got.reasons[0]
    assert "季节" in got.reasons[1]
    assert judge(series(-30 * SINCE[:35]), "asc", PARAMS).activity == "steady"
    assert judge(series(-30 * SINCE[:20]), "asc", PARAMS).activity == "unknown"


def test_still_ground_that_is_too_noisy_is_unknown_not_stable():
    got = judge(series(0 * SINCE, sigma=15.0), "asc", PARAMS)
    assert got.activity == "unknown"
    assert "ruled out" in got.reasons[0]


def test_a_fast_body_whose_speed_hardly_changes_is_steady():
    got = judge(series(-200 * SINCE - 4 * SINCE**2, sigma=0.3), "asc", PARAMS)
    assert got.activity == "steady"
    assert "less than a fifth" in got.reasons[0]


def test_missing_errors_and_gaps_are_filled_or_dropped():
    y = np.where(np.arange(60) % 7 == 0, np.nan, SHAPES["steady"])
    got = without_gaps("asc", T, y, np.where(np.arange(60) < 30, np.nan, 2.0))
    assert len(got.t) == np.isfinite(y).sum()
    assert (got.std == 2.0).all()
    assert (without_gaps("asc", T, y, np.full(60, np.nan)).std == 1.0).all()


@pytest.mark.parametrize("lead_days", [30, 80, 200])
def test_the_failure_window_holds_the_failure(lead_days):
    given_series = series(failing(lead_days / 365.25), sigma=0.3)
    course, fits = fit_course(given_series, PARAMS)
    got = failure_window(fits, course, PARAMS.failure)
    truth = T[-1] + lead_days / 365.25
    assert got.refused is None
    assert T[-1] < got.start_yr <= truth <= got.end_yr
    assert got.start_yr <= got.best_yr <= got.end_yr
    # the law fits to the noise, where nothing is left to explain
    leads, sums, _ = profile(fits, 2.0)
    assert sums.min() < 1.3 * 2 * 60
    assert leads[sums.argmin()] * 365.25 == pytest.approx(lead_days, rel=0.35)


def test_a_creep_that_went_before_widens_the_window_and_does_not_move_it_off():
    course, fits = fit_course(series(failing(80 / 365.25) + 10 * SINCE, sigma=0.3), PARAMS)
    got = failure_window(fits, course, PARAMS.failure)
    assert got.refused is None
    assert got.start_yr <= T[-1] + 80 / 365.25 <= got.end_yr


@pytest.mark.parametrize(
    ("motion", "why"),
    [
        # a bend: from one steady speed to another
        (2 * SINCE + 60 * LATER, "not along a falling inverse velocity"),
        # a failure so far ahead that its time is anyone's guess
        (2 * failing(1.9), "may not reach zero"),
    ],
)
def test_a_window_is_refused_where_the_series_cannot_bear_it(motion, why):
    course, fits = fit_course(series(motion, sigma=0.3, seed=1), PARAMS)
    got = failure_window(fits, course, PARAMS.failure)
    assert got.refused is not None
    assert why in got.refused[0]
    assert np.isnan(got.start_yr)
    assert np.isnan(got.end_yr)


def test_a_window_needs_five_faster_dates():
    course, fits = fit_course(series(failing(80 / 365.25), sigma=0.3), PARAMS)
    got = failure_window(fits, course, FailureParams(minimum_epochs=55))
    assert got.refused is not None
    assert "55 needed" in got.refused[0]
    assert 5 <= got.epochs < 55


def test_only_what_can_slide_is_given_a_window():
    slope = judge(series(failing(80 / 365.25)), "asc", PARAMS)
    bowl = judge(series(failing(80 / 365.25)), "asc", PARAMS, can_fail=False)
    assert slope.activity == bowl.activity == "accelerating"
    assert iso_date(T[-1]) < slope.window[0] < slope.window[1]
    assert bowl.window == ("", "")
    assert "no failure window" in bowl.reasons[0]


def test_dates_and_years_agree():
    assert iso_date(years_since_origin(np.array(["2024-02-29"], dtype="datetime64[s]"))[0]) == "2024-02-29"
    assert iso_date(float("nan")) == ""


def areas() -> gpd.GeoDataFrame:
    rows = {
        "area_id": ["AD-1", "AD-2"], "kind": ["landslide", "mining_subsidence"], "activity": ["unknown", "seasonal"],
        "velocity_track": ["desc", "asc"], "reasons": ["Moves.", "Moves."], "reasons_en": ["Moves.", "Moves."],
        "reasons_zh": ["移动。", "移动。"],
    }  # fmt: skip
    return gpd.GeoDataFrame(rows, geometry=[box(0, 0, 1, 1)] * 2, crs="EPSG:4546")


def cube(track: BodySeries, ids: list[str]) -> xr.Dataset:
    values = np.stack([track.displacement_mm] * len(ids), axis=1)
    return xr.Dataset(
        {"displacement_mm": (("time", "area"), values), "displacement_std_mm": (("time", "area"), 0 * values + 1)},
        coords={"time": times(60), "area_id": ("area", np.array(ids))},
    )


def test_areas_get_what_their_own_series_say():
    asc, desc = series(failing(80 / 365.25))
    got, counts = judge_areas(areas(), {"asc": cube(asc, ["AD-1"]), "desc": cube(desc, ["AD-1"])}, PARAMS)
    assert got["activity"].tolist() == ["accelerating", "unknown"]
    assert counts == {"accelerating": 1, "unknown": 1}
    first, second = got.iloc[0], got.iloc[1]
    assert first["acceleration_mm_yr2"] < 0  # of desc, that looks from the other side
    assert iso_date(T[-1]) < first["failure_window_start"] < first["failure_window_end"]
    assert pd.isna(second["failure_window_start"])
    assert first["reasons"].startswith("Moves; accelerating")
    assert first["reasons_zh"].startswith("移动；加速")
    assert "0 dates" in second["reasons_en"]


def test_without_any_series_all_areas_are_unknown():
    empty = xr.Dataset(
        {n: (("time", "area"), np.zeros((0, 2))) for n in ("displacement_mm", "displacement_std_mm")},
        coords={"time": np.zeros(0, "datetime64[s]"), "area_id": ("area", np.array(["AD-1", "AD-2"]))},
    )
    got, _ = judge_areas(areas(), {"asc": empty}, PARAMS)
    assert got["activity"].tolist() == ["unknown", "unknown"]


SHAPE = (24, 26)


def scene(*, seed: int = 3, air_mm: float = 5.0) -> np.ndarray:
    """Still ground with a patch that speeds up and one with a season, under air that all share, [m]."""
    rng = np.random.default_rng(seed)
    out = rng.normal(0, 0.5, (60, *SHAPE)) + rng.normal(0, air_mm, (60, 1, 1))
    out[:, 4:8, 4:8] += SHAPES["accelerating"][:, None, None]
    out[:, 14:18, 14:18] += SHAPES["seasonal"][:, None, None]
    return out / 1000


def moving() -> np.ndarray:
    out = np.zeros(SHAPE, dtype=bool)
    out[4:8, 4:8] = out[14:18, 14:18] = True
    return out


@pytest.mark.slow
def test_pixels_are_classed_under_air_they_share():
    got = activity_maps(dataset(scene()), Removal(), PARAMS, moving=moving())
    assert got["activity"].chunks is not None  # lazy until asked
    codes = got["activity"].to_numpy()
    assert (codes[4:8, 4:8] == ACTIVITY_CODES["accelerating"]).mean() > 0.9
    assert (codes[14:18, 14:18] == ACTIVITY_CODES["seasonal"]).mean() > 0.9
    assert (codes[~moving()] == ACTIVITY_CODES["stable"]).mean() > 0.9
    assert got["acceleration"].to_numpy()[5, 5] == pytest.approx(-30, abs=3)
    assert got["signal"].to_numpy()[5, 5] > 5


@pytest.mark.slow
def test_blocks_and_weights_of_equal_dates_change_nothing():
    whole = activity_maps(dataset(scene()), Removal(), PARAMS, moving=moving()).compute()
    blocks = activity_maps(dataset(scene()).chunk({"y": 5, "x": 7}), Removal(), PARAMS, moving=moving()).compute()
    assert np.array_equal(whole["activity"], blocks["activity"])
    equal = SceneCorrection((), np.zeros((60, 0)), np.ones(60), np.full(60, 0.003), 2.0, 0.9, 0.0, 1.0)
    weighed = activity_maps(dataset(scene()), Removal(equal), PARAMS, moving=moving()).compute()
    assert np.array_equal(whole["activity"], weighed["activity"])


def test_ground_that_is_lost_is_unknown_never_stable():
    field = scene()
    field[:, :, 10:] = np.nan
    field[9:, 20:, :] = np.nan
    codes = activity_maps(dataset(field), Removal(), PARAMS, moving=moving())["activity"].to_numpy()
    assert (codes[:, 10:] == -1).all()
    assert (codes[20:] == -1).all()
    low = dataset(scene())
    low["coherence"] = (("y", "x"), np.full(SHAPE, 0.1, "f4"), {"units": "1"})
    assert (activity_maps(low, Removal(), PARAMS)["activity"].to_numpy() == -1).all()


def test_where_nothing_is_stable_no_background_is_taken_off():
    city = np.random.default_rng(1).normal(0, 0.5, (60, *SHAPE)) - 200 * SINCE[:, None, None]
    none = SceneCorrection((), np.zeros((60, 0)), np.ones(60), np.full(60, np.nan), 99.0, 0.0, 0.0, 1.0)
    codes = activity_maps(dataset(city / 1000), Removal(none), PARAMS)["activity"].to_numpy()
    assert (codes == ACTIVITY_CODES["steady"]).mean() > 0.95


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(GridError, match="labels_onto"):
        activity_maps(dataset(scene()), Removal(), PARAMS, moving=np.zeros((2, 2), bool))


def test_the_background_is_the_air_and_not_what_moves():
    data = dataset(scene(air_mm=5.0)).chunk({"y": 6})["displacement"].data * 1000
    got = Background.of(data, moving(), (60.0, 60.0), 300.0).at((0, 24), (0, 26))
    air = np.median(scene(air_mm=5.0) * 1000, axis=(1, 2))
    assert np.abs(got - air[:, None, None]).max() < 0.6


def test_tracks_are_combined_by_the_strongest_and_unknown_is_not_stable():
    nan = np.nan
    first = np.array([[0, 1, 2, -1, nan, 0, 0, -1]], dtype=np.float32)
    second = np.array([[0, 2, 1, -1, nan, -1, 4, nan]], dtype=np.float32)
    strong = (np.full((1, 8), 3, "f4"), np.full((1, 8), 5, "f4"))
    seen = np.zeros((1, 8), dtype=np.int16)
    assert combined((first, second), strong, blind=seen).tolist() == [[0, 2, 1, -1, -1, 0, 4, -1]]
    blind = np.array([[2, 2, 0, 0, 0, 1, 0, 0]])
    assert combined((first, second), strong, blind=blind).tolist() == [[-1, 2, 1, -1, -1, -1, 4, -1]]
    assert combined((first,), strong[:1], blind=seen).tolist() == [[0, 1, 2, -1, -1, 0, 0, -1]]
    # without a blind map nobody looked whether a slope can move unseen
    assert combined((first, second), strong).tolist() == [[-1, 2, 1, -1, -1, -1, 4, -1]]


def test_layers_of_tracks_are_combined_block_by_block():
    grid = Grid(GeoBox((7, 9), Affine(30, 0, 0, 0, -30, 210), "EPSG:4546"))
    rng = np.random.default_rng(4)
    codes = [rng.integers(-1, 6, grid.shape).astype("f4") for _ in range(2)]
    signals = [rng.random(grid.shape).astype("f4") for _ in range(2)]
    blind = rng.integers(0, 3, grid.shape).astype("i2")

    def layers(arrays, chunks):
        return [grid.layer(da.from_array(a, chunks=chunks), units="1", long_name="x", name="x") for a in arrays]

    got = combined_layers(layers(codes, (3, 4)), layers(signals, (7, 2)), blind=layers([blind], (2, 9))[0])
    assert got.chunks is not None
    assert got.dtype == np.int8
    assert np.array_equal(got.to_numpy(), combined(codes, signals, blind=blind))
    other = Grid(GeoBox((7, 9), Affine(30, 0, 15, 0, -30, 210), "EPSG:4546"))
    wrong = other.layer(blind, units="1", long_name="x", name="x")
    with pytest.raises(GridError):
        combined_layers(layers(codes, 3), layers(signals, 3), blind=wrong)


@pytest.mark.parametrize(
    ("before", "after", "annual", "code"),
    [
        (2.0, 30.0, 5.0, "accelerating"),
        (2.0, 30.0, 18.0, -1),
        (30.0, 2.0, 18.0, "seasonal"),
        (2.0, 2.1, 18.0, "seasonal"),
    ],
)
def test_a_pixel_that_speeds_up_beneath_a_stronger_season_is_unknown(before, after, annual, code):
    numbers = {"velocity_before": before, "velocity_after": after, "annual": annual, "fastest": 0.0}
    found = {k: np.array([v], dtype=np.float32) for k, v in numbers.items()}
    got = activity_codes(np.array([BILINEAR], np.int8), np.array([True]), found, np.array([2.0]), PARAMS)
    assert got[0] == ACTIVITY_CODES.get(code, code)
