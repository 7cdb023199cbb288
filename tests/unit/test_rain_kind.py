"""Amounts or running totals: what the values themselves prove, and where they must be asked about."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.rain_audit import Rules, checked_values

RULES = Rules(limit_mm=500.0, max_bad_share=0.01)


def judged(series, *, n=12):
    """One series of rain [mm] at n x n places, a little different at each."""
    factor = 1 + 0.01 * np.arange(n * n).reshape(n, n)
    cube = np.asarray(series, dtype=np.float32)[:, None, None] * factor.astype(np.float32)
    _, _, said = checked_values(xr.DataArray(cube, dims=("time", "y", "x")), RULES, interval_h=24, where="rain.nc")
    return " ".join(s.en for s in said)


def totals(amounts, *, run):
    parts = [np.cumsum(amounts[k : k + run]) for k in range(0, len(amounts), run)]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    "series",
    [
        [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 20, 90, 5],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 11, 47, 0, 0, 0],
    ],
)
def test_a_short_storm_of_daily_amounts_is_not_asked_about(series):
    assert "not running totals" in judged(series)


@pytest.mark.parametrize(
    ("amounts", "run"),
    [
        ([0, 2, 0, 0, 5, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0, 2, 0, 0, 4, 0, 0, 0, 0], 6),
        ([1, 2, 3, 2, 5, 2, 1, 2, 3, 1, 1, 2] * 4, 24),
        ([0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 20, 30, 0], 15),
    ],
    ids=["6-hourly resets, showers", "daily resets, rain without a break", "never reset"],
)
def test_running_totals_are_asked_about(amounts, run):
    with pytest.raises(AmbiguousError, match="as in running totals") as caught:
        judged(totals(np.asarray(amounts, dtype=float), run=run))
    assert "`kind: running`" in str(caught.value)
