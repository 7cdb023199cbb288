"""The long table of series holds what the series say, and nothing for what they do not."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.hazards.deformation.activity.series_table import (
    ALL_COLUMNS,
    COLUMNS,
    layers_table,
    series_table,
    with_ids,
)


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


def labelled(labels, values):
    values = np.asarray(values, dtype=float)
    times = np.datetime64("2023-01-01") + 12 * np.arange(len(values))
    fields = dict.fromkeys(COLUMNS[3:], (("time", "label"), values))
    return xr.Dataset(fields, coords={"time": times.astype("datetime64[ns]"), "label": labels})


def test_bodies_get_their_ids_and_layers_stand_one_after_the_other():
    dams = with_ids(labelled([2, 5, 7], [[1, 2, 3], [4, 5, 6]]), {5: "T-dam", 2: "T"})
    assert dams["area_id"].to_numpy().tolist() == ["T", "T-dam"]
    table = layers_table({"active_deformation": {"asc": dataset([[9]])}, "structures": {"asc": dams}})
    assert table.columns.tolist() == list(ALL_COLUMNS)
    assert table["layer"].tolist() == ["active_deformation"] + ["structures"] * 4
    assert table["area_id"].tolist() == ["AD-0", "T", "T", "T-dam", "T-dam"]
    assert table["displacement_mm"].tolist() == [9, 1, 4, 2, 5]


@pytest.mark.parametrize("series", [xr.Dataset(), labelled([3], [[1.0]])])
def test_bodies_without_series_or_id_are_no_rows(series):
    assert layers_table({"structures": {"asc": with_ids(series, {1: "T"})}}).columns.tolist() == list(ALL_COLUMNS)
    assert with_ids(series, {1: "T"}).sizes["area"] == 0
