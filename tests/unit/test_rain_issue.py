"""The issue time that a forecast file states: with its zone, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import TimeError
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_clock import issue_times
from geo_risk.sources.rain_issue import stated_issue
from geo_risk.sources.rain_netcdf import open_raw
from tests.support.grib_files import grib1, grib2
from tests.support.rain_files import write_diamond4


@pytest.fixture
def said(tmp_path):
    def write(**attrs):
        path = tmp_path / "wet.nc"
        xr.Dataset(attrs=attrs).to_netcdf(path, engine="h5netcdf")
        return path

    return write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("issue")


@pytest.mark.parametrize("key", ["issued", "forecast_reference_time"])
@pytest.mark.parametrize("text", ["2024-07-20T01:00:00Z", "2024-07-20T09:00:00+08:00", "2024-07-20 09:00+08:00 "])
def test_a_time_with_its_zone_is_taken(said, key, text):
    assert stated_issue(said(**{key: text})) == datetime(2024, 7, 20, 1, tzinfo=UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.timezones()))
def test_any_zoned_time_comes_back_as_the_same_instant(folder, time):
    xr.Dataset(attrs={"issued": time.isoformat()}).to_netcdf(folder / "f.nc", engine="h5netcdf")
    assert stated_issue(folder / "f.nc") == datetime.fromisoformat(time.isoformat())


def test_a_time_without_a_zone_stops_as_it_may_be_beijing_time(said):
    with pytest.raises(TimeError, match="states no zone") as told:
        stated_issue(said(issued="2024-07-20T09:00:00"))
    assert "--forecast wet.nc@2024-07-20T09:00:00+08:00" in str(told.value)


def test_no_time_and_two_times_stop(said):
    with pytest.raises(TimeError, match="no ISO time"):
        stated_issue(said(issued="yesterday"))
    with pytest.raises(TimeError, match="states 2 issue times"):
        stated_issue(said(issued="2024-07-20T01:00:00Z", forecast_reference_time="2024-07-20T00:00:00Z"))
    same = said(issued="2024-07-20T01:00:00Z", forecast_reference_time="2024-07-20T09:00:00+08:00")
    assert stated_issue(same) == datetime(2024, 7, 20, 1, tzinfo=UTC)


def test_files_that_state_nothing_or_are_of_another_format_say_none(said, tmp_path):
    assert stated_issue(said(title="rain")) is None
    (tmp_path / "text.000").write_text("diamond 4", encoding="utf-8")
    assert stated_issue(tmp_path / "text.000") is None


def with_variable(path, hours, *, units="hours since 2024-07-19 00:00:00", **attrs):
    name = {"standard_name": "forecast_reference_time", "units": units}
    values = xr.DataArray(hours, dims=[f"d{k}" for k in range(np.ndim(hours))], attrs=name)
    xr.Dataset({"analysis": values}, attrs=attrs).to_netcdf(path, engine="h5netcdf")
    return path


def test_a_cf_variable_is_taken_by_its_standard_name_whatever_it_is_called(tmp_path):
    want = datetime(2024, 7, 20, 1, tzinfo=UTC)
    cf = {"Conventions": "CF-1.8"}
    assert stated_issue(with_variable(tmp_path / "a.nc", 25.0, **cf)) == want
    zoned = with_variable(tmp_path / "b.nc", 33, units="hours since 2024-07-19 00:00:00 +08:00")
    assert stated_issue(zoned) == want
    assert stated_issue(with_variable(tmp_path / "c.nc", [25, 25, 25], **cf)) == want
    both = with_variable(tmp_path / "d.nc", 25, **cf, forecast_reference_time="2024-07-20T09:00:00+08:00")
    assert stated_issue(both) == want


def test_a_cf_variable_without_zone_or_with_several_times_stops(tmp_path):
    cf = {"Conventions": "CF-1.8"}
    with pytest.raises(TimeError, match=r"analysis in a\.nc states no zone"):
        stated_issue(with_variable(tmp_path / "a.nc", 25.0))
    with pytest.raises(TimeError, match="states 2 issue times, 2024-07-20T01:00:00Z to 2024-07-20T13:00:00Z"):
        stated_issue(with_variable(tmp_path / "b.nc", [25, 37], **cf))
    with pytest.raises(TimeError, match="states 2 issue times"):
        stated_issue(with_variable(tmp_path / "c.nc", 25, **cf, issued="2024-07-20T09:00:00Z"))
    with pytest.raises(TimeError, match="times are missing"):
        stated_issue(with_variable(tmp_path / "d.nc", np.nan, **cf))


T0 = datetime(2024, 7, 20)


def hours_of_grib(path, references, **changes):
    rain = np.full((3, 4), 2.0)
    path.write_bytes(b"".join(
        grib2(rain, reference=r, start=r + timedelta(hours=k), end=r + timedelta(hours=k + 1), **changes)
        for r in references for k in range(3)
    ))  # fmt: skip
    return path


def test_grib_states_its_reference_time_and_two_runs_of_a_model_stop(tmp_path):
    assert stated_issue(hours_of_grib(tmp_path / "f.grib2", [T0])) == datetime(2024, 7, 20, tzinfo=UTC)
    with pytest.raises(TimeError, match="states 2 issue times"):
        stated_issue(hours_of_grib(tmp_path / "two.grib2", [T0, T0 + timedelta(hours=12)]))
    one = grib1(np.full((3, 4), 0.002), reference=T0, hours=(0, 6), indicator=4)
    (tmp_path / "one.grib").write_bytes(one)
    assert stated_issue(tmp_path / "one.grib") == datetime(2024, 7, 20, tzinfo=UTC)


def test_what_has_been_analysed_has_no_issue_time(tmp_path):
    past = grib2(np.full((3, 4), 2.0), reference=T0, start=T0 - timedelta(hours=1), end=T0)
    (tmp_path / "past.grib2").write_bytes(past)
    assert stated_issue(tmp_path / "past.grib2") is None
    assert stated_issue(hours_of_grib(tmp_path / "cmpas.grib2", [T0], parameter=(0, 1, 231))) is None
    (tmp_path / "cut.grib2").write_bytes(past[:-30])
    assert stated_issue(tmp_path / "cut.grib2") is None


def test_micaps_states_its_header_time_in_beijing_time_where_its_lead_is_added(tmp_path):
    rain = np.full((3, 4), 2.0)
    for lead in (3, 6):
        write_diamond4(tmp_path / "run" / f"24072008.{lead:03d}", rain, "2024-07-20T08", lead=lead, title="降水预报")
    want = datetime(2024, 7, 20, tzinfo=UTC)
    assert stated_issue(tmp_path / "run") == want
    assert stated_issue(tmp_path / "run" / "24072008.003") == want
    write_diamond4(tmp_path / "run" / "24072020.003", rain, "2024-07-20T20", lead=3, title="降水预报")
    with pytest.raises(TimeError, match="states 2 issue times, 2024-07-20T00:00:00Z to 2024-07-20T12:00:00Z"):
        stated_issue(tmp_path / "run")
    assert stated_issue(write_diamond4(tmp_path / "o.000", rain, "2024-07-20T08", title="1小时降水实况")) is None
    unsure = write_diamond4(tmp_path / "u.003", rain, "2024-07-20T08", lead=3)
    assert stated_issue(unsure) is None


def test_the_zone_of_a_configured_source_answers_for_its_attribute(said):
    path = said(issued="2024-07-20T09:00:00")
    with open_raw(path) as source:
        (time,) = issue_times(source, options=RainOptions(time_zone="+08:00"), path=path)
    assert time == np.datetime64("2024-07-20T01:00:00")
