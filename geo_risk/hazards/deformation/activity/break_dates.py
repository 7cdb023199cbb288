"""The date of the break of each series as a number that people can read."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid

I32 = NDArray[np.int32]

NO_BREAK = 0
"""A series that is known and has no break; -1 is unknown."""

_DAYS_PER_YEAR = 365.25
"""Of `motion.correction.years`."""


def break_dates(years: xr.DataArray, series_class: xr.DataArray, first: np.datetime64) -> xr.DataArray:
    """Return the day of the break of every series.

    Parameters
    ----------
    years : (y, x), `break_years` of `activity_maps`: years of 365.25 days since `first`, NaN where there is no break.
    series_class : (y, x), on the same grid, its `series_class`: below 0 or NaN where nothing is known.
    first : first date of the series.

    Returns
    -------
    Layer (y, x) int32 [1]: YYYYMMDD of the first date after the break, NO_BREAK where there is none, -1 unknown. Lazy
    stays lazy.

    Raises
    ------
    GridError : different grids.
    """
    grid = same_grid(years, series_class)
    out = xr.apply_ufunc(
        _days, years, series_class, kwargs={"first": first}, dask="parallelized", output_dtypes=[np.int32]
    )
    text = f"date of the break of the series, YYYYMMDD; {NO_BREAK} none, -1 unknown"
    return grid.layer(out.data, units="1", long_name=text, name="break_date")


def _days(years: Any, series_class: Any, *, first: np.datetime64) -> I32:
    breaks = np.isfinite(years)
    days = first.astype("datetime64[D]") + np.rint(np.where(breaks, years, 0) * _DAYS_PER_YEAR).astype("timedelta64[D]")
    month = days.astype("datetime64[M]")
    year = days.astype("datetime64[Y]")
    number = (
        (year.astype(np.int64) + 1970) * 10_000
        + ((month - year).astype(np.int64) + 1) * 100
        + (days - month).astype(np.int64) + 1
    )  # fmt: skip
    known = np.asarray(series_class) >= 0
    return np.where(known, np.where(breaks, number, NO_BREAK), -1).astype(np.int32)
