"""Dates of a series as products write them, and what is no date."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from geo_risk.core.errors import TimeError
from geo_risk.sources.insar import check_times, open_insar
from tests.support.insar import write_mintpy

DAYS = ["20190105", "20190117", "20190129"]
WANT = np.array(["2019-01-05", "2019-01-17", "2019-01-29"], "datetime64[ns]")


@pytest.mark.parametrize(
    "form", ["{0}{1}{2}", "{0}-{1}-{2}", "{0}{1}{2}T1032", "{0}-{1}-{2}T10:32:05Z", "{0}{1}{2} 103205.5"]
)
def test_dates_are_read_as_mintpy_and_iso_write_them(form):
    texts = [form.format(d[:4], d[4:6], d[6:]) for d in DAYS]
    assert (check_times(texts, where="f") == WANT).all()


@pytest.mark.parametrize(
    "text", ["2019-0105", "20190231", "18990101", "2019-01", "05-01-2019", "", "20190105T10", "nan"]
)
def test_what_is_no_date_is_shown_as_it_is_stored(text):
    with pytest.raises(TimeError, match=f"the dates hold '{text}'; YYYYMMDD") as error:
        check_times([*DAYS, text], where="f")
    assert "datetime string" not in error.value.what


def test_two_times_of_one_day_are_one_date_twice():
    with pytest.raises(TimeError, match="doubled"):
        check_times(["20190105T0432", "20190105T1632"], where="f")


@pytest.mark.parametrize("form", ["{0}-{1}-{2}", "{0}{1}{2}T1032"])
def test_a_mintpy_series_with_such_dates_opens(tmp_path, form):
    paths = write_mintpy(tmp_path, np.random.default_rng(3).normal(0, 0.01, (4, 8, 9)))
    with h5py.File(paths["files"], "r+") as file:
        days = [d.decode() for d in file["date"][:]]
        del file["date"]
        file["date"] = np.array([form.format(d[:4], d[4:6], d[6:]) for d in days], dtype="S")
    data = open_insar(paths["files"], track="asc", geometry=paths["geometry"])
    assert [str(t)[:10].replace("-", "") for t in data["time"].to_numpy()] == days
