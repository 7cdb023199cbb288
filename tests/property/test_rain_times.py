"""Intervals of rain: running totals come apart exactly, whatever their runs, order and gaps."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.sources.rain_times import timed

T0 = np.datetime64("2024-07-20T00:00", "ns")
HOUR = np.timedelta64(1, "h")


@st.composite
def runs(draw):
    """Hourly rain, the length of each run of totals, a permutation, and the times that are lost."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    n = sum(lengths)
    rain = draw(st.lists(st.integers(0, 400), min_size=n, max_size=n))
    order = draw(st.permutations(range(n)))
    lost = draw(st.sets(st.integers(0, n - 1), max_size=max(0, n - 2)))
    return np.array(rain, "f8") / 10, lengths, list(order), lost


@pytest.mark.slow
@given(runs())
@settings(max_examples=15)
def test_running_totals_give_back_the_hours(case):
    rain, lengths, order, lost = case
    start, total, first = [], [], 0
    for n in lengths:
        start += [T0 + first * HOUR] * n
        total += np.cumsum(rain[first : first + n]).tolist()
        first += n
    keep = [k for k in order if k not in lost]
    ends = T0 + np.arange(1, len(rain) + 1) * HOUR
    values = np.array(total)[keep][:, None, None] * np.ones((1, 2, 2))
    cube = xr.DataArray(
        da.from_array(values.astype("f4"), chunks=(3, 2, 2)), dims=("time", "y", "x"),
        coords={"time": ends[keep], "start": ("time", np.array(start)[keep])}, attrs={"units": "mm"},
    )  # fmt: skip
    if not _shows_an_hour(keep, start, ends, lost):
        return
    found = timed(cube, interval_h=None, where="x")
    assert found.interval_h == 1
    got = found.rain.to_numpy()[:, 0, 0]
    for at, value in zip(found.rain["time"].to_numpy(), got, strict=True):
        k = int((at - T0) / HOUR) - 1
        known = k not in lost and (start[k] == ends[k] - HOUR or k - 1 not in lost)
        if known:
            # float32 totals up to 240 mm
            assert abs(value - rain[k]) < 2e-4
        else:
            assert np.isnan(value)


def _shows_an_hour(keep, start, ends, lost):
    return any(start[k] == ends[k] - HOUR or k - 1 not in lost for k in keep)
