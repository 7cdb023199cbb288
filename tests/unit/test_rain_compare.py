"""Two series of one storm: a clock that is off by an hour or a zone is found; other differences are not called that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_compare import clocks_agree, lag_of

UNTOLD = RainOptions()
TOLD = RainOptions(stamp="end", time_zone="UTC")


def storm(n=120, seed=3):
    """Hours of a storm that builds up and fades, as area means."""
    rng = np.random.default_rng(seed)
    base = np.convolve(rng.gamma(0.3, 3.0, n + 4), np.ones(3) / 3, "valid")[:n]
    return pd.Series(np.where(base > 0.2, base, 0), index=pd.date_range("2024-07-20", periods=n, freq="1h"))


def cube(series):
    return xr.DataArray(series.to_numpy()[:, None, None] * np.ones((1, 2, 2)), dims=("time", "y", "x"),
                        coords={"time": series.index.to_numpy()})  # fmt: skip


@given(st.integers(-10, 10), st.integers(0, 30))
@settings(max_examples=8)
def test_a_shifted_clock_is_found_whatever_the_storm(shift, seed):
    first = storm(seed=seed)
    second = 0.8 * first.set_axis(first.index + pd.Timedelta(hours=shift))
    found = lag_of(first, second)
    assert found.hours == shift
    assert found.correlation == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("shift", [1, 8])
def test_gauges_with_another_clock_stop_unless_both_are_told(shift):
    grid, gauges = storm(), storm().set_axis(storm().index + pd.Timedelta(hours=shift))
    with pytest.raises(AmbiguousError, match=f"{shift} h behind") as caught:
        clocks_agree(cube(grid), cube(gauges), told=UNTOLD, gauges_told=TOLD)
    assert "`stamp` and `time_zone`" in caught.value.fix
    said = clocks_agree(cube(grid), cube(gauges), told=TOLD, gauges_told=TOLD)
    assert "were kept" in said.en


def test_noise_and_bias_are_no_shift():
    rng = np.random.default_rng(1)
    grid = storm()
    said = clocks_agree(cube(grid), cube(grid * rng.uniform(0.5, 1.5, len(grid))), told=UNTOLD, gauges_told=UNTOLD)
    assert "best shift +0 h" in said.en
    unlike = clocks_agree(cube(grid), cube(storm(seed=9)), told=UNTOLD, gauges_told=UNTOLD)
    assert "Gauges against grid" in unlike.en


@pytest.mark.parametrize("times", [0.001, 0.1, 10, 1000])
def test_a_unit_that_is_off_stops_unless_both_are_told(times):
    mm = RainOptions(units="mm")
    with pytest.raises(AmbiguousError, match="times the rain") as caught:
        clocks_agree(cube(storm()), cube(times * storm()), told=UNTOLD, gauges_told=mm)
    assert "`units`" in caught.value.fix
    assert "times the rain" in clocks_agree(cube(storm()), cube(times * storm()), told=mm, gauges_told=mm).en


def test_too_few_hours_prove_nothing():
    assert "too few" in clocks_agree(cube(storm(20)), cube(storm(20)), told=UNTOLD, gauges_told=UNTOLD).en
    assert np.isnan(lag_of(storm() * 0, storm()).correlation)
