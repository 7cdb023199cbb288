"""Single dates of a stack that are in another unit, have the other sign, or hold an undeclared mark of missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from geo_risk.core.errors import AmbiguousError, DataError
from geo_risk.sources.date_checks import check_dates, roughness
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.tif_values import sampled_dates
from tests.support.points import write_tif

N = 20
SHAPE = (40, 50)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
BOWL = np.exp(-((ROWS - 18) ** 2 + (COLUMNS - 30) ** 2) / (2 * 6.0**2))
DAYS = np.arange(N) * 12
TIMES = np.datetime64("2019-01-05", "ns") + DAYS * np.timedelta64(1, "D")
STEADY = -100.0 * DAYS / 365.25
LOOK = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="toward")


def scene(course_mm: np.ndarray, *, noise_mm: float = 2.0, air_mm: float = 3.0, seed: int = 4) -> np.ndarray:
    """Return a bowl that follows a course, with noise and smooth air, relative to the first date [m]."""
    rng = np.random.default_rng(seed)
    n = len(course_mm)
    air = np.array([gaussian_filter(a, 8.0) for a in rng.normal(size=(n, *SHAPE))])
    out = course_mm[:, None, None] * BOWL + air * air_mm / air.std() + rng.normal(0, noise_mm, (n, *SHAPE))
    return (out - out[0]) / 1000


def check(series: np.ndarray, times: np.ndarray = TIMES) -> None:
    check_dates(series.reshape(len(series), -1).astype(np.float32), times, where="stack")


def stack(folder: Path, series: np.ndarray, **facts: object) -> Path:
    for time, values in zip(TIMES, series, strict=False):
        write_tif(folder / f"{str(time)[:10].replace('-', '')}.tif", values, nodata=np.nan, **facts)
    return folder


# --- unit -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dates", "factor"), [
    ([7], 1e3), ([N - 1], 1e3), ([1], 1e3), ([7], 1e-3), ([5, 9], 1e3), (list(range(14, N)), 1e3), ([7, 8], 100),
])  # fmt: skip
def test_dates_in_another_unit_are_named(tmp_path, dates, factor):
    series = scene(STEADY)
    series[dates] *= factor
    with pytest.raises(AmbiguousError, match="are these dates in another unit") as caught:
        check(series)
    assert str(TIMES[dates[0]])[:10] in caught.value.what
    assert f"({len(dates)} of {N} dates)" in caught.value.what


@pytest.mark.parametrize("trace", [1e-9, 1e-5])
def test_a_first_date_of_all_but_zero_is_the_reference_and_no_other_unit(trace):
    series = scene(STEADY)
    series[0] = np.random.default_rng(3).normal(0, trace, SHAPE)
    check(series)
    with pytest.raises(AmbiguousError, match="another unit"):
        check(np.concatenate([series[1:8], series[:1], series[8:]]))


@pytest.mark.slow
def test_a_stack_with_one_file_in_millimetres_stops(tmp_path):
    series = scene(STEADY)
    series[7] *= 1000
    with pytest.raises(AmbiguousError, match="2019-03-30"):
        open_insar(stack(tmp_path / "s", series), track="asc", options=LOOK)
    with pytest.raises(AmbiguousError, match="2019-03-30"):
        open_insar(stack(tmp_path / "t", series[:, ::-1, ::5]), track="asc", options=LOOK)


def test_an_earthquake_that_moves_the_frame_by_metres_is_no_other_unit():
    series = scene(STEADY)
    series[12:] += 2.0 * gaussian_filter((COLUMNS > 20).astype(float), 4.0)
    check(series)
    check(series[:13], TIMES[:13])
    series[12:] += 3.0 * (COLUMNS % 2)  # even if it tore every cell from the next one
    check(series)


def test_roughness_is_the_mean_difference_of_neighbours_and_unknown_where_nothing_varies():
    row = np.tile([0.0, 0.002], 60)
    got = roughness(np.array([np.zeros(120), row, np.full(120, np.nan), np.where(np.arange(120) > 20, np.nan, row)]))
    np.testing.assert_allclose(got, [np.nan, 0.002, np.nan, np.nan])


# --- sign -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dates", [slice(10, None), slice(15, None), slice(8, 9)])
def test_a_sign_that_changes_within_a_series_is_asked_about(dates):
    series = scene(STEADY)
    series[dates] *= -1
    with pytest.raises(AmbiguousError, match="does the sign change there") as caught:
        check(series)
    assert str(TIMES[dates.start])[:10] in caught.value.what


YEAR = 30.0 * np.sin(2 * np.pi * (DAYS / 365.25))
REBOUND = STEADY - 2 * np.minimum(0, STEADY - STEADY[10])
COURSES = {
    "yearly": YEAR, "turning": -60.0 * np.sin(np.pi * DAYS / DAYS[-1]), "stopping": np.maximum(STEADY, STEADY[10]),
    "rebound": REBOUND, "earthquake": STEADY + 400.0 * (np.arange(N) >= 10), "still": 0 * STEADY,
    "eruption": -STEADY + 2 * STEADY[10] * (np.arange(N) >= 10), "quickening": -150 * (DAYS / 365.25) ** 2,
}  # fmt: skip


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("seed", range(3))
def test_what_the_ground_may_do_is_not_refused(course, seed):
    check(scene(COURSES[course], seed=seed))


def test_a_gap_of_half_a_year_in_a_yearly_motion_is_not_refused():
    days = np.concatenate([np.arange(0, 60, 6), np.arange(250, 310, 6)])
    course = 40 * np.sin(2 * np.pi * (days - 125) / 365.25)
    check(scene(course - course.mean()), np.datetime64("2019-01-05", "ns") + days * np.timedelta64(1, "D"))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 30), st.floats(0.3, 10))
def test_noise_and_air_are_never_asked_about(seed, air_mm, noise_mm):
    check(scene(0 * STEADY, seed=seed, air_mm=air_mm, noise_mm=noise_mm))


def test_empty_and_short_samples_say_nothing():
    for shape in ((N, 0), (N, 5), (2, 400)):
        check_dates(np.full(shape, np.nan), TIMES[: shape[0]], where="stack")
        check_dates(np.ones(shape), TIMES[: shape[0]], where="stack")


# --- marks and sampling -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("date", [0, 3, N - 1])
def test_a_mark_of_missing_on_any_date_stops(tmp_path, date):
    series = scene(STEADY)
    series[date, :2, :2] = -9999
    with pytest.raises(DataError, match="-9999 in 4 cells, and the file does not declare it") as caught:
        open_insar(stack(tmp_path / "s", series), track="asc", options=LOOK)
    assert f"{str(TIMES[date])[:10].replace('-', '')}.tif, rows 0-40" in caught.value.where


@pytest.mark.slow
def test_a_mark_that_no_sample_meets_stops_the_reading(tmp_path):
    series = np.random.default_rng(2).normal(0, 0.002, (3, 40, 2200))
    series[1, 20, 700] = -9999  # the windows lie in the first, third and fifth block
    data = open_insar(stack(tmp_path / "s", series), track="asc", options=LOOK)
    with pytest.raises(DataError, match="-9999 in 1 cells"):
        data["displacement"].compute()


def test_the_windows_of_a_large_frame_hold_its_moving_ground(tmp_path):
    shape = (600, 900)
    series = np.random.default_rng(3).normal(0, 0.002, (2, *shape))
    series[:, 300:340, 700:740] -= 0.1
    series[:, :250] = np.nan
    sample = sampled_dates(sorted(stack(tmp_path / "s", series).iterdir()), shape)
    assert sample.shape == (2, 6 * 32 * 32)
    assert (sample < -0.05).sum() > 1000
    assert np.isfinite(sample).mean() > 0.9


def test_the_sample_of_a_long_stack_stays_small_and_its_cells_are_the_same_on_every_date(tmp_path, monkeypatch):
    monkeypatch.setattr("geo_risk.sources.tif_values._MAX_SAMPLE", 3 * 40 * 50 // 2)
    plane = np.arange(2000.0).reshape(SHAPE)
    sample = sampled_dates(sorted(stack(tmp_path / "s", np.stack([plane] * 3)).iterdir()), SHAPE)
    np.testing.assert_array_equal(sample, np.stack([plane[::2].ravel()] * 3))
