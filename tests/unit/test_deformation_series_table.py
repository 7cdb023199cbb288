"""The long table of series holds what the series say, and nothing for what they do not."""

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.hazards.deformation.activity.series_table import COLUMNS, series_table


def dataset(values):
    values = np.asarray(values, dtype=float)
    times = np.datetime64("2023-01-01") + 12 * np.arange(len(values))
    fields = dict.fromkeys(COLUMNS[3:], (("time", "area"), values))
    ids = [f"AD-{k}" for k in range(values.shape[1])]
    return xr.Dataset(fields, coords={"time": times.astype("datetime64[ns]"), "area_id": ("area", ids)})


def test_rows_are_areas_tracks_and_known_dates():
    table = series_table({"desc": dataset([[1, np.nan], [2.004, 4]]), "asc": dataset([[5, 6]])})
    assert table["area_id"].tolist() == ["AD-0", "AD-0", "AD-0", "AD-1", "AD-1"]
    assert table["track"].tolist() == ["asc", "desc", "desc", "asc", "desc"]
    assert table["displacement_mm"].tolist() == [5, 1, 2, 6, 4]
    assert table["date"].iloc[2] == "2023-01-13"


@given(st.lists(st.lists(st.floats(-1e4, 1e4) | st.just(np.nan), min_size=3, max_size=3), min_size=1, max_size=6))
def test_no_known_value_is_lost_and_none_is_made(values):
    data = dataset(values)
    table = series_table({"asc": data})
    assert len(table) == int(np.isfinite(data["displacement_mm"]).sum())
    assert not pd.isna(table["displacement_mm"]).any()


def test_no_track_gives_an_empty_table():
    assert series_table({}).columns.tolist() == list(COLUMNS)
    assert series_table({"asc": dataset(np.zeros((0, 2)))}).empty
