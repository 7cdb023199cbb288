"""ERA5 and ERA5-Land rain as NetCDF, in the layouts before and after the Climate Data Store of 2024."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError
from geo_risk.core.units import factor
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain_clock import cf_intervals, issue_times
from geo_risk.sources.rain_netcdf import BLOCK_CELLS, header, joined, open_raw, times_joined, values_of, variable
from geo_risk.sources.rain_opened import Area, Opened, Place, Said, series
from geo_risk.sources.rain_times import ROUNDING_MM

LAND_STEP_DEG, ERA5_STEP_DEG = 0.1, 0.25
MIN_TOTALS = 10
"""Totals above zero at the ends of days that show whether they begin anew. Choice of geo_risk."""

_HOUR = np.timedelta64(1, "h")
_ENDS = NO_RAIN_OPTIONS.model_copy(update={"stamp": "end", "time_zone": "UTC"})
PRELIMINARY = ("5", "0005", "05")
"""`expver` of ERA5T, the stream that the final one replaces after two to three months."""


def is_netcdf(paths: Sequence[Path]) -> bool:
    """Return whether files hold ECMWF's total precipitation `tp`."""
    found = header(paths[0])
    if found is None or "tp" not in found:
        return False
    attrs = found["tp"].attrs
    if str(attrs.get("GRIB_paramId", "")) in ("228", "228228"):
        return True
    text = " ".join(str(found.attrs.get(k, "")) for k in ("institution", "history", "GRIB_centre")).lower()
    return str(attrs.get("long_name", "")).lower() == "total precipitation" and (
        "ecmwf" in text or "grib_to_netcdf" in text
    )


def open_netcdf(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:
    """Open `tp`: hours of ERA5, or the running totals of ERA5-Land, which start at 00 UTC and end at 00 the day after.

    The step of the grid tells which it is (0.25 or 0.1 degrees), and the values must agree. Running totals of a file
    that states one forecast reference time start there.

    Raises
    ------
    AmbiguousError : another grid, or times that are no hours; `kind` answers. Totals that rise over 00 UTC.
    UnitError, GridError, OverlapError, TimeError, CorruptFileError : as they say.
    """
    parts, arrays, ends, issued = [], [], [], []
    early = False
    for path in paths:
        dataset, is_early = _one_stream(open_raw(path))
        part = variable(path, dataset, "tp", area=area, crs="EPSG:4326")
        unit = options.units or str(part.attrs.get("units", ""))
        scale = factor(unit, "mm", where=f"{path.name}, variable tp")
        _, end, _ = cf_intervals(dataset, part.time, options=_ENDS, path=path)
        parts.append(part)
        arrays.append(values_of(part, scale=scale))
        ends.append(end)
        stated = issue_times(dataset, options=_ENDS, path=path)
        issued.append(np.full(end.shape, stated[0] if len(stated) == 1 else np.datetime64("NaT"), "datetime64[ns]"))
        early = early or is_early
    end, begin, data = times_joined(ends), times_joined(issued), joined(parts, arrays)
    runs = is_running(parts[0].place, end, options, where=str(paths[0]))
    said = LAND_SAID if runs else ERA5_SAID
    if not runs:
        begin = end - _HOUR
    elif np.isnat(begin).any():
        begin = day_start(end)
        _check_resets(data, end, where=str(paths[0]))
    else:
        said = FORECAST_SAID
    rain = series(data, start=begin, end=end, place=parts[0].place, units="mm")
    # the values must prove the kind; the unit is in the file and in the documents of the product
    return Opened(rain, (said, parts[0].said), frozenset({"units"}), "preliminary" if early else "final")


LAND_SAID = Said(
    "Unit m of water; running totals from 00 UTC to the stamp, as ERA5-Land lays down (00 UTC closes the day before); "
    "UTC.",
    "单位 m（水深）；自 00 UTC 起累计至所标时刻（ERA5-Land 规定，00 UTC 属于前一日）；UTC。",
)
ERA5_SAID = Said(
    "Unit m of water; the amount of the hour that ends at the stamp, as ERA5 lays down; UTC.",
    "单位 m（水深）；所标时刻之前一小时的雨量（ERA5 规定）；UTC。",
)


FORECAST_SAID = Said(
    "Unit m of water; running totals from the forecast reference time that the file states; UTC.",
    "单位 m（水深）；自文件所注起报时刻累计；UTC。",
)


def _check_resets(data: da.Array, ends: NDArray[Any], *, where: str) -> None:
    """Make sure that totals fall where a day begins anew: those of a forecast go on rising there.

    Raises
    ------
    AmbiguousError : MIN_TOTALS or more totals above zero, and none of them falls.
    """
    order = np.argsort(ends, kind="stable")
    day = day_start(ends[order])
    last = np.flatnonzero(day[1:] != day[:-1])
    before, after = dask.compute(data[order[last]], data[order[last + 1]])
    wet = (before > ROUNDING_MM) & ~np.isnan(after)
    if int(wet.sum()) >= MIN_TOTALS and bool((after >= before - ROUNDING_MM)[wet].all()):
        what = f"all {int(wet.sum())} totals go on rising over 00 UTC, where those of ERA5-Land begin anew: a forecast"
        fix = "write the attribute forecast_reference_time into the file, or give the GRIB, whose messages state it"
        raise AmbiguousError(what, where=where, fix=fix)


def is_running(place: Place, ends: NDArray[Any], options: RainOptions, *, where: str) -> bool:
    """Return whether hourly ECMWF totals run from 00 UTC: by the configuration, else by the step of the grid.

    Raises
    ------
    AmbiguousError : another step, or times that are not whole hours apart.
    """
    step = float(place.x[1] - place.x[0])
    gaps = np.diff(np.unique(ends))
    is_hourly = bool(gaps.size) and gaps.min() == _HOUR
    if options.kind == "running":
        return True
    if is_hourly and options.kind is None:
        for known, runs in ((LAND_STEP_DEG, True), (ERA5_STEP_DEG, False)):
            if abs(step - known) < 1e-3:
                return runs
    if is_hourly and options.kind == "amount":
        return False
    spacing = f"{gaps.min() / _HOUR:g} h" if gaps.size else "one time"
    what = f"tp of ECMWF on {step:g} degrees, times {spacing}: neither hourly ERA5 (0.25) nor ERA5-Land (0.1)"
    fix = (
        "give `kind: amount` (hours) or `kind: running` (totals from 00 UTC) for this source; daily files have no hours"
    )
    raise AmbiguousError(what, where=where, fix=fix)


def day_start(ends: NDArray[Any]) -> NDArray[Any]:
    """Return 00 UTC of the day that each time closes or lies in; 00 UTC closes the day before."""
    inside = ends.astype("datetime64[ns]") - np.timedelta64(1, "ns")
    return inside.astype("datetime64[D]").astype("datetime64[ns]")


def _one_stream(dataset: xr.Dataset) -> tuple[xr.Dataset, bool]:
    """Return the file without a dimension `expver`, final values before those of ERA5T, and whether ERA5T is in it."""
    early = "expver" in dataset.variables and _has_early(dataset["expver"])
    if "expver" not in dataset["tp"].dims:
        return dataset, early
    n_cells = int(np.prod([dataset.sizes[d] for d in dataset["tp"].dims if d not in ("time", "valid_time", "expver")]))
    chunked = dataset["tp"].chunk(
        {d: max(1, BLOCK_CELLS // n_cells) for d in ("time", "valid_time") if d in dataset.dims}
    )
    order = np.argsort([str(v) in PRELIMINARY for v in dataset["expver"].to_numpy()], kind="stable")
    merged = chunked.isel(expver=int(order[0]), drop=True)
    for k in order[1:]:
        merged = merged.fillna(chunked.isel(expver=int(k), drop=True))
    return dataset.drop_vars(["tp", "expver"]).assign(tp=merged.assign_attrs(dataset["tp"].attrs)), early


def _has_early(expver: xr.DataArray) -> bool:
    values = np.atleast_1d(expver.to_numpy())
    texts = {v.decode() if isinstance(v, bytes) else str(v) for v in values.reshape(-1).tolist()}
    return any(t.strip().removesuffix(".0") in PRELIMINARY for t in texts)
