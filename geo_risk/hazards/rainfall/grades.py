"""Grades of rain after GB/T 28592-2012."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.levels import Level
from geo_risk.core.units import in_units

GRADES = ("none", "light", "moderate", "heavy", "rainstorm", "severe_rainstorm", "extreme_rainstorm")
"""Grade 0-6: 无雨/零星, 小雨, 中雨, 大雨, 暴雨, 大暴雨, 特大暴雨."""

LOWER_BOUNDS_MM = {24: (0.1, 10.0, 25.0, 50.0, 100.0, 250.0), 12: (0.1, 5.0, 15.0, 30.0, 70.0, 140.0)}
"""Lower bounds [mm] of the grades 1-6 by duration [h], GB/T 28592-2012, table 1."""

LEVEL_OF_GRADE = (Level.NONE, Level.NONE, Level.NONE, Level.LOW, Level.MEDIUM, Level.HIGH, Level.VERY_HIGH)
"""Hazard level of each grade: heavy rain is low, then a level a grade (choice of geo_risk)."""


def grade(rain_mm: NDArray[np.floating[Any]], *, hours: int) -> NDArray[np.int8]:
    """Grade 0-6 of an amount; -1 where it is NaN.

    Parameters
    ----------
    rain_mm : any shape, rain of `hours` hours [mm]; compared in float32 after rounding to 0.1 mm, the resolution the
        standard prints.
    hours : 12 or 24.

    Raises
    ------
    DataError : the standard has no table for this duration, or an amount is negative.
    """
    if hours not in LOWER_BOUNDS_MM:
        what = f"GB/T 28592 grades rain of 12 and 24 h, not of {hours} h"
        raise DataError(what, where="rainfall grade", fix="grade the 12 h or 24 h accumulation")
    amount = np.asarray(rain_mm, dtype=np.float64)
    if (amount < 0).any():
        what = f"an amount of {np.nanmin(amount):g} mm cannot be graded"
        raise DataError(what, where="rainfall grade", fix="mask negative rain when reading it")
    bounds = np.array(LOWER_BOUNDS_MM[hours])
    found = np.searchsorted(bounds, np.round(amount, 1) + 1e-9, side="right").astype(np.int8)
    return np.where(np.isnan(amount), np.int8(Level.UNKNOWN), found)


def level_of_rain(rain: xr.DataArray, *, hours: int) -> xr.DataArray:
    """Hazard level layer of an accumulation (y, x) by its grade; lazy, -1 where unknown."""
    table = np.array([*(int(v) for v in LEVEL_OF_GRADE), int(Level.UNKNOWN)], dtype=np.int8)

    def level(values: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
        out: NDArray[np.int8] = table[grade(values, hours=hours)]
        return out

    out: xr.DataArray = xr.apply_ufunc(
        level, in_units(rain, "mm"), dask="parallelized", output_dtypes=[np.int8], keep_attrs=False
    )
    return out.rename("hazard_rainfall").assign_attrs(units="level", long_name=f"rain level by the {hours} h grade")
