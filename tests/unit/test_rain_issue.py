"""The issue time that a forecast file states: with its zone, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import TimeError
from geo_risk.sources.rain_issue import stated_issue


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
    with pytest.raises(TimeError, match="two issue times"):
        stated_issue(said(issued="2024-07-20T01:00:00Z", forecast_reference_time="2024-07-20T00:00:00Z"))
    same = said(issued="2024-07-20T01:00:00Z", forecast_reference_time="2024-07-20T09:00:00+08:00")
    assert stated_issue(same) == datetime(2024, 7, 20, 1, tzinfo=UTC)


def test_files_that_state_nothing_or_are_of_another_format_say_none(said, tmp_path):
    assert stated_issue(said(title="rain")) is None
    (tmp_path / "text.000").write_text("diamond 4", encoding="utf-8")
    assert stated_issue(tmp_path / "text.000") is None
