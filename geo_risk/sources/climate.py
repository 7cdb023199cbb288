"""Daily climate series from NetCDF: rain, temperature, humidity and wind, each in one unit, on unbroken days."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.errors import DataError, SchemaError, TimeError, UnitError
from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.rain_audit import PACKED_MM
from geo_risk.sources.rain_netcdf import open_raw, variable
from geo_risk.sources.rain_opened import Area

NAMES: dict[str, tuple[str, ...]] = {
    "pr": ("pr", "prec", "precip", "precipitation", "rain", "tp", "rainfall"),
    "tas": ("tas", "t2m", "temperature", "tmp", "tair"),
    "hurs": ("hurs", "rh", "relative_humidity", "humidity"),
    "sfcWind": ("sfcwind", "ws", "wind", "wind_speed", "si10"),
}
"""Names that a variable may have, in small letters."""

_SCALES: dict[str, dict[str, tuple[float, float]]] = {
    "pr": {"mm": (1, 0), "mm/day": (1, 0), "mm/d": (1, 0), "mm d-1": (1, 0), "mm day-1": (1, 0),
           "kg m-2": (1, 0), "m": (1000, 0), "kg m-2 s-1": (86400, 0), "mm s-1": (86400, 0)},
    "tas": {"degc": (1, 0), "c": (1, 0), "celsius": (1, 0), "k": (1, -273.15)},
    "hurs": {"%": (1, 0), "percent": (1, 0), "1": (100, 0)},
    "sfcWind": {"km/h": (1, 0), "km h-1": (1, 0), "m s-1": (3.6, 0), "m/s": (3.6, 0)},
}  # fmt: skip
_LIMITS = {"pr": (0.0, 2000.0), "tas": (-90.0, 60.0), "hurs": (0.0, 110.0), "sfcWind": (0.0, 400.0)}
"""Values outside are faults: masked and counted. Humidity may read a little above 100 %, and counts as 100."""

NOON = ("tas", "hurs", "sfcWind")
_OVER_THE_DAY = re.compile(r"\btime\s*:\s*(mean|minimum|maximum)")  # "area: mean time: point" is a value of a moment
"""Quantities that the fire weather index takes at local noon (Van Wagner 1987)."""


@dataclass(frozen=True)
class Climate:
    """Daily series.

    Attributes
    ----------
    series : by name of NAMES: (time, y, x) float32, lazy, unbroken days, coordinate `spatial_ref`; pr [mm],
        tas [degC], hurs [%], sfcWind [km/h]; NaN where unknown.
    n_missing_days : days that the file lacks between its first and last. crs : of the cells.
    n_faults : values outside `_LIMITS`, by name. stated : what the file says of the moment of each quantity of a day
        (its `cell_methods`), "" where it says nothing.
    """

    series: dict[str, xr.DataArray]
    n_missing_days: int
    crs: str
    n_faults: dict[str, int]
    stated: dict[str, str]


def read_climate(
    path: Path, wanted: Sequence[str], *, options: ReadOptions = NO_OPTIONS, area: Area | None = None
) -> Climate:
    """Read daily series of the wanted quantities.

    Parameters
    ----------
    wanted : names of NAMES. options : crs where the file names none. area : cells further off are not read.

    Raises
    ------
    SchemaError : a quantity is not in the file. UnitError : its unit is missing or not known here.
    TimeError : times cannot be read, are not daily, or occur twice. DataError : more than 5 % of the values are faults.
    CrsError, GridError, OverlapError, CorruptFileError : see `rain_netcdf`.
    """
    dataset = open_raw(path)
    plain = {str(n).lower(): str(n) for n in dataset.data_vars}
    series: dict[str, xr.DataArray] = {}
    faults: dict[str, int] = {}
    stated: dict[str, str] = {}
    missing, crs = 0, ""
    for name in wanted:
        own = next((plain[n] for n in NAMES[name] if n in plain), None)
        if own is None:
            what = f"{path.name} has no {name} among {sorted(plain)[:15]}"
            raise SchemaError(what, where=str(path), fix=f"name the variable {name}, or leave the input out")
        found = variable(path, dataset, own, area=area, crs=options.crs)
        scale, shift = _scale(name, str(found.attrs.get("units", "")), where=f"{path}, {own}")
        data = da.asarray(found.values.data).astype(np.float32) * np.float32(scale) + np.float32(shift)
        data, faults[name] = _clean(name, data, where=f"{path}, {own}")
        stated[name] = str(found.values.attrs.get("cell_methods", ""))
        days, missing = _days(found.time, dataset, where=str(path))
        crs = found.place.crs
        cube = xr.DataArray(data, dims=("time", "y", "x"), coords={"time": days, **found.place.coords()}, name=name)
        whole = pd.date_range(days[0], days[-1], freq="D")
        series[name] = cube if missing == 0 else cube.reindex(time=whole)
    return Climate(series, missing, crs, faults, stated)


def _scale(name: str, units: str, *, where: str) -> tuple[float, float]:
    known = _SCALES[name]
    key = " ".join(units.replace("**", "").lower().split())
    if key not in known:
        what = f"{name} has units {units!r}; one of {sorted(known)} needed"
        raise UnitError(what, where=where, fix="write the unit into the file")
    return known[key]


def _clean(name: str, data: da.Array, *, where: str) -> tuple[da.Array, int]:
    """Return the values without faults, lazy, and how many faults there are; the file is read once for that."""
    low, high = _LIMITS[name]
    if name == "pr":
        data = da.where((data < 0) & (data >= -PACKED_MM), np.float32(0), data)
    good = (data >= low) & (data <= high)
    bad, known = (int(n) for n in da.compute((~good & ~da.isnan(data)).sum(), (~da.isnan(data)).sum()))
    if not bad <= 0.05 * known:
        what = f"{bad} of {known} values of {name} lie outside {low:g} to {high:g}"
        raise DataError(what, where=where, fix="check the unit, and declare the value that means missing")
    data = da.where(good, data, np.float32(np.nan))
    return (da.minimum(data, np.float32(100)) if name == "hurs" else data), bad


def check_noon(found: Climate, *, where: str) -> None:
    """Make sure that nothing says of a quantity of `NOON` that it is a mean or an extreme of the day.

    Raises
    ------
    DataError : the file says so: noon is warmer and drier than the day's mean, so the index would be too low.
    """
    wrong = {n: found.stated[n] for n in NOON if _OVER_THE_DAY.search(found.stated.get(n, ""))}
    if wrong:
        said = ", ".join(f"{n} ({text})" for n, text in wrong.items())
        what = f"the fire weather index takes values of local noon; the file gives {said}"
        raise DataError(what, where=where, fix="give values of 12:00 local time (cell_methods 'time: point')")


def _begins(time: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray:
    """Return the times at which the days begin, by the bounds that the file gives, else its stamps as they are."""
    name = str(time.attrs.get("bounds", time.encoding.get("bounds", "")))
    if name not in dataset.variables or dataset[name].shape != (time.size, 2):
        return time
    bounds = dataset[name]
    return xr.DataArray(np.asarray(bounds[:, 0].to_numpy()), dims=("time",), attrs={**time.attrs, **bounds.attrs})


def _days(time: xr.DataArray, dataset: xr.Dataset, *, where: str) -> tuple[pd.DatetimeIndex, int]:
    """Return the days of the series, and how many are missing between the first and the last.

    A value belongs to the day in which its bounds begin, or without bounds to that of its stamp.
    """
    time = _begins(time, dataset)
    units = str(time.attrs.get("units", ""))
    if "since" not in units or str(time.attrs.get("calendar", "standard")) not in (
        "standard", "gregorian", "proleptic_gregorian",
    ):  # fmt: skip
        what = f"times have units {units!r} and calendar {time.attrs.get('calendar')!r}"
        raise TimeError(what, where=f"{where}, time", fix="give CF times of the standard calendar")
    raw = xr.Dataset({"stamp": (("time",), np.asarray(time.to_numpy()), dict(time.attrs))})
    days = pd.DatetimeIndex(xr.decode_cf(raw)["stamp"].to_numpy()).floor("D")
    if days.has_duplicates or not days.is_monotonic_increasing or len(days) < 2:
        what = f"{len(days)} times from {days[0]} to {days[-1]} are not one a day in order"
        raise TimeError(what, where=f"{where}, time", fix="give one value a day, in order")
    missing = int((days[-1] - days[0]).days) + 1 - len(days)
    if missing > len(days):
        what = f"{len(days)} times over {missing + len(days)} days: the series is not daily"
        raise TimeError(what, where=f"{where}, time", fix="give one value a day")
    return days, missing
