"""Past storms and their slides as every step reads them: names, intervals, the cut to the area, clock hours, times."""

from __future__ import annotations

import geopandas as gpd
import h5netcdf
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError, OverlapError, SchemaError
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.sources.rain_opened import Area
from geo_risk.sources.rain_past import (
    PastRain,
    PastRainFile,
    past_files,
    read_past_slides,
    read_past_storms,
    steps_of,
)
from geo_risk.sources.rain_points import cells_touched
from tests.support.past_storms import GRID, RAIN, rain_cube

AREA = Area(GRID.bounds, GRID.crs)
LIMITS = {"limit_mm_h": 500.0, "max_bad_share": 0.01}


def write_storm(path, *, interval_h=24.0, steps=6, storm_id=None, first="2020-07-02", values=None):
    rng = np.random.default_rng(3)
    rain = rng.gamma(0.5, 6, (steps, *RAIN.shape)) * (rng.random((steps, *RAIN.shape)) < 0.6)
    write_cube(rain_cube(rain if values is None else values, first, interval_h=interval_h), path)
    if storm_id is not None:
        with h5netcdf.File(path, "a") as file:
            file.attrs["storm_id"] = storm_id
    return path


def opened(*files, area=AREA):
    return read_past_storms(files, area=area, **LIMITS)


@pytest.mark.slow
def test_a_storm_is_named_by_the_configuration_else_by_its_file_else_by_the_file_s_name(tmp_path):
    told, silent = write_storm(tmp_path / "a.nc", storm_id="inside"), write_storm(tmp_path / "b.nc")
    assert opened(PastRainFile(told, "given"), PastRainFile(silent, "also")).ids == ["also", "given"]
    storms = opened(PastRainFile(told), PastRainFile(silent))
    assert storms.ids == ["b", "inside"]
    assert storms.by_id["b"].days == 6
    assert storms.by_id["b"].year == 2020
    assert storms.by_id["b"].steps_per_day == 1
    assert past_files([told], [PastRain(id="x")]) == [PastRainFile(told, "x")]


@pytest.mark.slow
def test_two_files_of_one_storm_and_intervals_that_do_not_divide_a_day_stop(tmp_path):
    first, second = write_storm(tmp_path / "a.nc", storm_id="S1"), write_storm(tmp_path / "b.nc")
    with pytest.raises(DataError, match=r"b\.nc is storm 'S1'"):
        opened(PastRainFile(first), PastRainFile(second, "S1"))
    odd = write_storm(tmp_path / "c.nc", interval_h=5.0)
    with pytest.raises(DataError, match="5 h"):
        opened(PastRainFile(odd))


def test_rain_is_cut_to_the_area_with_the_cells_that_resampling_needs(tmp_path):
    path = write_storm(tmp_path / "a.nc")
    left, bottom, _, _ = GRID.bounds
    small = Area((left, bottom, left + 1500, bottom + 500), GRID.crs)
    (storm,) = opened(PastRainFile(path), area=small).storms
    # the area begins with the second column and ends in the third; two cells are kept on either side, where there are
    assert storm.rain["x"].to_numpy().tolist() == [509_500, 510_500, 511_500, 512_500, 513_500]
    assert storm.rain.sizes["y"] == 4
    inside = cells_touched(storm.rain, storm.area)
    assert inside.sum(axis=1).tolist() == [0, 0, 2, 0]
    assert storm.rain["x"].to_numpy()[inside.any(axis=0)].tolist() == [510_500, 511_500]
    with pytest.raises(OverlapError):
        opened(PastRainFile(path), area=Area((0, 0, 1000, 1000), GRID.crs))


@pytest.mark.slow
def test_storms_of_half_hours_become_hours_and_storms_of_days_are_named(tmp_path):
    rng = np.random.default_rng(1)
    halves = rng.gamma(0.5, 3, (96, *RAIN.shape)) * (rng.random((96, *RAIN.shape)) < 0.6)
    half = write_storm(tmp_path / "half.nc", interval_h=0.5, first="2020-07-02T00:30", values=halves)
    storms = opened(PastRainFile(half), PastRainFile(write_storm(tmp_path / "day.nc")))
    assert storms.by_id["half"].steps_per_day == 48
    hours = storms.hourly()
    assert hours.ids == ["half"]
    made = hours.by_id["half"]
    assert (made.steps_per_day, made.days) == (24, 2)
    want = halves.reshape(48, 2, *RAIN.shape).sum(axis=1)[:, :, : made.rain.sizes["x"]]
    np.testing.assert_allclose(made.rain.to_numpy(), want, rtol=1e-5)
    (row,) = hours.aside
    assert row["id"] == "day"
    assert "24 h" in row["reason"]
    assert "24" in row["reason_zh"]


def slides(path, **columns):
    n = len(next(iter(columns.values())))
    points = gpd.points_from_xy([511_000] * n, [4_060_000] * n)
    write_frame(gpd.GeoDataFrame(columns, geometry=points, crs=GRID.crs), path)
    return path


def test_slides_have_times_in_utc_or_none_and_those_without_rain_are_set_aside(tmp_path):
    times = ["2020-07-03T02:00:00Z", "2020-07-03T10:00:00+08:00", "2020-07-03T10:00:00", "2020-07-03", None, "?"]
    path = slides(tmp_path / "s.gpkg", storm_id=["A"] * 5 + ["B"], time=times)
    read = read_past_slides(path, GRID, storms=["A"], options=None)
    two = pd.Timestamp("2020-07-03T02:00", tz="UTC")
    assert read.frame["time"].tolist()[:2] == [two, two]
    assert read.frame["time"].isna().tolist() == [False, False, True, True, True]
    assert read.n_without_zone == 2
    assert [r["id"] for r in read.quarantine] == ["5"]
    assert "'B' has no rain" in read.quarantine[0]["reason"]
    bare = read_past_slides(slides(tmp_path / "t.gpkg", storm_id=["A"]), GRID, storms=["A"], options=None)
    assert bare.frame["time"].isna().all()
    with pytest.raises(SchemaError, match="storm_id"):
        read_past_slides(slides(tmp_path / "u.gpkg", storm=["A"]), GRID, storms=["A"], options=None)


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    path = write_storm(tmp_path_factory.mktemp("s") / "h.nc", interval_h=1.0, steps=30, first="2020-07-02T01")
    return opened(PastRainFile(path)).storms[0]


@given(st.floats(-5, 40))
def test_the_step_of_a_time_holds_it(hours, after_h):
    time = pd.Timestamp("2020-07-02T00", tz="UTC") + pd.Timedelta(hours=after_h)
    (step,) = steps_of(hours, pd.Series([time]))
    # intervals are (start, end]: hour 0 holds what is after its begin and not after its end
    assert step == (
        int(np.ceil(after_h)) - 1 if 0 < after_h <= 30 and time > pd.Timestamp("2020-07-02", tz="UTC") else -1
    )
    assert steps_of(hours, pd.Series([pd.NaT], dtype="datetime64[ns, UTC]")).tolist() == [-1]
