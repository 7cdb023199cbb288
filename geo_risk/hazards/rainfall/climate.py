"""Drought and fire weather from daily series: the standardized precipitation index and the fire weather index."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.result import MethodCard

SPI_CLASSES = {"light": -0.5, "moderate": -1.0, "severe": -1.5, "extreme": -2.0}
"""Upper bounds of the drought classes of the SPI."""

FIRE_DAYS = 730
"""Days that the fire weather index runs up to the last one (choice of geo_risk: its codes begin at their standard
values, and two years hold a whole warm season in which they forget them)."""

BLOCK = 32
"""Cells along one side of a block, whose series is whole: 30 years of four variables are 90 MB in float64."""

CARD_SPI = MethodCard(
    name="Standardized precipitation index",
    citation="McKee, Doesken & Kleist 1993 (8th Conf. Applied Climatology); gamma distribution by calendar month, with "
    "its share of dry months, by xclim",
    validity="daily rain of as many years as stated; the last whole month of the series",
    limits=("a month with a missing day is unknown",),
)
CARD_FIRE = MethodCard(
    name="Fire weather index",
    citation="Van Wagner 1987, Forestry Technical Report 35, by xclim",
    validity="weather at local noon, rain of the 24 h before it; the last day of the series, after 730 days at most",
    limits=("no overwintering", "a missing day makes the cell unknown from then on"),
)


def monthly_rain(pr_mm: xr.DataArray) -> xr.DataArray:
    """Return the mean rain a day of each whole calendar month [mm/day]; NaN where a day of it is missing.

    Parameters
    ----------
    pr_mm : (time, ...) daily amounts [mm], unbroken days. Months that the series begins or ends within are left out.
    """
    mean = pr_mm.resample(time="MS").mean(skipna=False)
    held = xr.ones_like(pr_mm["time"], dtype=float).resample(time="MS").sum()
    whole = held.to_numpy() == mean["time"].dt.days_in_month.to_numpy()
    out = mean.isel(time=np.flatnonzero(whole))
    return out.assign_attrs(units="mm/day")


def last_spi(pr_mm: xr.DataArray, *, months: int, min_years: int) -> NDArray[np.float32]:
    """Return the SPI of the last whole month of a daily series.

    Parameters
    ----------
    pr_mm : (time, y, x) daily rain [mm], unbroken days, NaN where unknown.
    months : length of the sum that ends with that month.
    min_years : fewest years with a known sum in that calendar month.

    Returns
    -------
    (y, x) float32; NaN where a day of the window is unknown, where years are too few, or where the sums are all alike.

    Raises
    ------
    DataError : rain is negative, infinite, or 2000 mm a day and more; or the series holds no whole month.
    """
    from xclim.indices import standardized_precipitation_index

    bad = ~(np.isnan(pr_mm) | ((pr_mm >= 0) & (pr_mm < 2000)))
    if bool(bad.any()):
        what = f"{int(bad.sum())} amounts of a day are negative, infinite or impossible"
        raise DataError(what, where="daily rain", fix="set missing values to NaN")
    monthly = monthly_rain(pr_mm)
    if not monthly.sizes["time"]:
        what = "the series holds no whole month"
        raise DataError(what, where="daily rain", fix="give years of daily rain")
    sums = monthly.rolling(time=months).mean()
    last = pd.Timestamp(monthly["time"].to_numpy()[-1])
    own = sums.sel(time=sums["time"].dt.month == last.month)
    enough = (own.notnull().sum("time") >= min_years) & (own.std("time") > 0)
    out = np.full(pr_mm.shape[1:], np.nan, dtype=np.float32)
    if not bool(enough.any()) or monthly.sizes["time"] < 3:
        return out
    index = standardized_precipitation_index(
        monthly, freq=None, window=months, dist="gamma", method="APP", fitkwargs={"floc": 0}
    )
    final = index.sel(time=last).transpose("y", "x").to_numpy()
    return np.where(enough.to_numpy() & np.isfinite(final), final, out).astype(np.float32)


def last_fire_weather(weather: Mapping[str, xr.DataArray], lat_deg: xr.DataArray) -> NDArray[np.float32]:
    """Return the fire weather index of the last day.

    Parameters
    ----------
    weather : `tas` [degC], `pr` [mm/day], `hurs` [%], `sfcWind` [km/h], each (time, y, x) daily at local noon.
    lat_deg : (y, x).

    Returns
    -------
    (y, x) float32, 0 and more; NaN where a day is unknown.
    """
    from xclim.indices import cffwis_indices

    units = {"tas": "degC", "pr": "mm/day", "hurs": "%", "sfcWind": "km/h"}
    given = {k: weather[k].isel(time=slice(-FIRE_DAYS, None)).assign_attrs(units=u) for k, u in units.items()}
    with np.errstate(invalid="ignore"):
        found = cffwis_indices(**given, lat=lat_deg.assign_attrs(units="degrees_north"))[-1]
    gaps = [np.isnan(v.transpose("time", "y", "x").to_numpy()).any(axis=0) for v in given.values()]
    known = ~np.logical_or.reduce(gaps)
    final = found.isel(time=-1).transpose("y", "x").to_numpy()
    return np.where(known, final, np.nan).astype(np.float32)


def drought(pr: xr.DataArray, *, months: int, min_years: int) -> xr.DataArray:
    """SPI layer of the last whole month, on the series' own cells.

    Parameters
    ----------
    pr : (time, y, x) [mm], lazy, unbroken days.

    Returns
    -------
    (y, x) float32 [1], lazy, block by block.
    """
    return _mapped(partial(_spi_block, months=months, min_years=min_years), {"pr": pr}, "drought_spi",
                   f"standardized precipitation index, {months} months")  # fmt: skip


def fire_weather(weather: Mapping[str, xr.DataArray], lat_deg: NDArray[np.float64]) -> xr.DataArray:
    """Fire weather index of the last day, on the series' own cells.

    Parameters
    ----------
    weather : see `last_fire_weather`; lazy. lat_deg : (y, x).

    Returns
    -------
    (y, x) float32 [1], lazy, block by block.
    """
    like = weather["pr"].isel(time=0, drop=True)
    lat = like.copy(data=da.asarray(lat_deg))
    return _mapped(_fire_block, {**weather, "lat": lat}, "fire_weather", "fire weather index of the last day")


def _mapped(block: Any, given: Mapping[str, xr.DataArray], name: str, long_name: str) -> xr.DataArray:
    first = next(iter(given.values()))
    arrays = []
    for layer in given.values():
        dims = [d for d in ("time", "y", "x") if d in layer.dims]
        chunks = [-1 if d == "time" else BLOCK for d in dims]
        data = da.asarray(layer.transpose(*dims).data).rechunk(chunks)
        arrays.append(data if "time" in dims else data[None])
    work = partial(block, names=tuple(given), times=first["time"].to_numpy())
    out = da.map_blocks(work, *arrays, drop_axis=0, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    coords = {c: first.coords[c] for c in ("y", "x", "spatial_ref") if c in first.coords}
    attrs = {"units": "1", "long_name": long_name}
    return xr.DataArray(out, dims=("y", "x"), coords=coords, name=name, attrs=attrs)


def _cubes(blocks: tuple[NDArray[Any], ...], names: tuple[str, ...], times: NDArray[Any]) -> dict[str, xr.DataArray]:
    return {
        name: xr.DataArray(values.astype(np.float64), dims=("time", "y", "x"), coords={"time": times}, name=name)
        if len(values) == len(times)
        else xr.DataArray(values[0].astype(np.float64), dims=("y", "x"), name=name)
        for name, values in zip(names, blocks, strict=True)
    }


def _spi_block(
    *blocks: NDArray[Any], names: tuple[str, ...], times: NDArray[Any], months: int, min_years: int
) -> NDArray[np.float32]:
    return last_spi(_cubes(blocks, names, times)["pr"], months=months, min_years=min_years)


def _fire_block(*blocks: NDArray[Any], names: tuple[str, ...], times: NDArray[Any]) -> NDArray[np.float32]:
    cubes = _cubes(blocks, names, times)
    return last_fire_weather({k: v for k, v in cubes.items() if k != "lat"}, cubes["lat"])
