"""Rain cubes of any known format: mm an interval, stamped at the UTC end, faults masked and counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.errors import DataError, RefusedFileError, TimeError
from geo_risk.sources.rain_audit import RainAudit, masked_values, ordered_times, sentences_of
from geo_risk.sources.rain_cf import open_cf
from geo_risk.sources.rain_grib import open_grib
from geo_risk.sources.rain_micaps import open_micaps

_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class RainRules:
    """What counts as a fault in rain, and what to take where a file does not say.

    Attributes
    ----------
    limit_mm_h : an intensity above it is impossible.
    max_bad_share : largest share of faults that is masked; more stops.
    crs, units : used only where the file names none.
    """

    limit_mm_h: float = 500.0
    max_bad_share: float = 0.01
    crs: str | None = None
    units: str | None = None


def read_rain(path: Path, rules: RainRules | None = None) -> tuple[xr.DataArray, RainAudit]:
    """Read a rain series of any known format; the true type is sniffed, the name is not believed.

    Parameters
    ----------
    path : CF NetCDF-4, GRIB2, a MICAPS Diamond 4 text, or a folder of such texts.
    rules : limits and fallbacks.

    Returns
    -------
    (time, y, x) float32 [mm an interval], lazy for NetCDF and GRIB2; time is the UTC end of each interval, unbroken
    (a missing interval is NaN); attrs `units`, `interval_h`; coordinate `spatial_ref`. And the audit.

    Raises
    ------
    RefusedFileError : the type is not known.
    AmbiguousError, UnitError, CrsError, GridError, TimeError, CorruptFileError, DataError : see `open_cf`,
        `ordered_times` and `masked_values`.
    """
    rules = rules or RainRules()
    rain, evidence = _opened(path, rules)
    rain, interval_h, counts = ordered_times(rain, where=path.name)
    if rain.attrs.get("units") == "mm/h":
        rain = (rain * np.float32(interval_h)).assign_attrs({**rain.attrs, "units": "mm"})
    limit = rules.limit_mm_h * interval_h
    rain, faults = masked_values(rain, limit_mm=limit, max_bad_share=rules.max_bad_share, where=str(path))
    times = pd.DatetimeIndex(rain["time"].to_numpy())
    counts = {**counts, **faults}
    audit = RainAudit(
        path.name, interval_h, _iso(times[0]), _iso(times[-1]), counts, (*evidence, *sentences_of(counts))
    )
    keep = {k: v for k, v in rain.attrs.items() if k in ("storm_id", "issued")}
    rain.attrs = {**keep, "units": "mm", "long_name": "rain of the interval", "interval_h": interval_h}
    return rain.rename("rain"), audit


def _opened(path: Path, rules: RainRules) -> tuple[xr.DataArray, tuple[str, ...]]:
    if path.is_dir():
        return open_micaps(sorted(p for p in path.iterdir() if p.is_file()))
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        what = f"{path.name} cannot be read: {error.strerror}"
        raise DataError(what, where=str(path), fix="check the path and its permissions") from error
    if head.startswith(_HDF5):
        return open_cf(path, crs=rules.crs, units=rules.units)
    if head.startswith(b"GRIB"):
        return open_grib(path)
    if head.lstrip()[:7].lower() == b"diamond":
        return open_micaps([path])
    what = f"{path.name} is neither NetCDF-4, GRIB2 nor MICAPS Diamond 4 (it starts with {head[:8]!r})"
    raise RefusedFileError(what, where=str(path), fix="convert the file to CF NetCDF-4")


def hourly(rain: xr.DataArray, *, where: str) -> xr.DataArray:
    """Sum a cube of shorter intervals to clock hours; an hour that misses one of them is NaN.

    Raises
    ------
    TimeError : the interval is longer than an hour, or does not divide it.
    """
    interval = float(rain.attrs["interval_h"])
    n = round(1 / interval) if interval > 0 else 0
    if not (n >= 1 and abs(n * interval - 1) < 1e-6):
        what = f"{where} has intervals of {interval:g} h; an hour or a whole part of it is needed"
        raise TimeError(what, where=f"{where}, time", fix="give hourly rain; daily rain serves as a past event only")
    if n == 1:
        return rain
    out = rain.resample(time="1h", closed="right", label="right").sum(skipna=False, min_count=n)
    return out.assign_attrs({**rain.attrs, "interval_h": 1.0})


def _iso(time: pd.Timestamp) -> str:
    return f"{time.isoformat()}Z"
