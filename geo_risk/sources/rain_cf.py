"""Any CF NetCDF or Zarr rain: the variable, its unit, its kind, its interval and zone, each proved or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_clock import cf_intervals, issue_times
from geo_risk.sources.rain_netcdf import (
    TIME_NAMES,
    header,
    joined,
    kind_of,
    open_raw,
    times_joined,
    values_of,
    variable,
)
from geo_risk.sources.rain_opened import Area, Opened, Said, is_nothing, series

NAMES = ("rain", "precipitation", "precip", "rainfall", "tp", "pr", "pre", "prcp", "precipitationcal")
STANDARD = (
    *("precipitation_amount", "rainfall_amount", "thickness_of_rainfall_amount"),
    *("lwe_thickness_of_precipitation_amount", "precipitation_flux", "rainfall_flux"),
    *("rainfall_rate", "lwe_precipitation_rate"),
)


def is_netcdf(paths: Sequence[Path]) -> bool:
    """Return whether files are NetCDF 3 or HDF5; whether they hold rain is said when they are opened."""
    return kind_of(paths[0]) in ("HDF5", "NetCDF3")


def is_zarr(paths: Sequence[Path]) -> bool:
    """Return whether the path is a Zarr store."""
    return kind_of(paths[0]) == "Zarr"


def rain_names(dataset: xr.Dataset) -> list[str]:
    """Return the variables that look like rain over (time, y, x)."""

    def is_rain(name: str) -> bool:
        item = dataset[name]
        known = item.attrs.get("standard_name") in STANDARD or name.lower() in NAMES
        has_time = any(t in item.dims or t in dataset.variables for t in TIME_NAMES)
        return known and has_time and item.ndim in (2, 3) and item.dtype.kind in "fiu"

    return [str(n) for n in dataset.data_vars if is_rain(str(n))]


def open_netcdf(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:
    """Open the rain of CF NetCDF files, end to end in time, lazily.

    Raises
    ------
    CorruptFileError : one does not open.
    AmbiguousError : several or no rain variables; amount or rate, side of the stamp or zone not told.
    UnitError, CrsError, GridError, OverlapError, TimeError : as they say.
    """
    parts, arrays, starts, ends = [], [], [], []
    found = set()
    for path in paths:
        dataset = open_raw(path)
        part = variable(path, dataset, _one(dataset, path), area=area, crs=options.crs)
        units, scale, settled, kind_said = amount(
            part.attrs, options, where=f"{path.name}, variable {part.values.name}"
        )
        start, end, time_said = cf_intervals(dataset, part.time, options=options, path=path)
        if options.kind == "running":
            begin = run_start(dataset, end, part.values[0], options=options, path=path)
            start = np.full(end.shape, begin)
        found.add(units)
        parts.append(part)
        arrays.append(values_of(part, scale=scale, fills=() if options.nodata is None else (options.nodata,)))
        starts.append(start)
        ends.append(end)
    if len(found) > 1:
        what = f"the {len(paths)} files mix amounts and rates"
        raise UnitError(what, where=str(paths[0].parent), fix="give the files of one product")
    attrs = {k: str(parts[0].dataset.attrs[k]) for k in ("storm_id", "issued") if k in parts[0].dataset.attrs}
    rain = series(joined(parts, arrays), start=times_joined(starts), end=times_joined(ends), place=parts[0].place,
                  units=units, **attrs)  # fmt: skip
    return Opened(rain, (kind_said, *time_said, parts[0].said), settled)


open_zarr = open_netcdf


def _one(dataset: xr.Dataset, path: Path) -> str:
    found = rain_names(dataset)
    if len(found) != 1:
        there = ", ".join(str(n) for n in list(dataset.data_vars)[:12]) or "none"
        which = ", ".join(found) if found else f"its variables are {there}"
        what = f"{path.name} has {len(found) or 'no'} variables that look like rain over (time, y, x): {which}"
        raise AmbiguousError(what, where=str(path), fix="keep one, named `rain` or with a CF standard_name")
    return found[0]


def run_start(
    dataset: xr.Dataset, ends: NDArray[np.datetime64], first: xr.DataArray, *, options: RainOptions, path: Path
) -> np.datetime64:
    """Return where running totals of one file start: its forecast reference time, else one step before its first time.

    A first field (y, x) without rain may be the total at lead 0 or that of a dry step: it is taken for the former, so
    that the step stays unknown and not dry.

    Raises
    ------
    AmbiguousError : one time, and no reference time; several reference times. TimeError : it states no zone.
    """
    stated = issue_times(dataset, options=options, path=path)
    if len(stated) > 1:
        what = f"{path.name} states {len(stated)} issue times: which one its running totals start at is not told"
        raise AmbiguousError(what, where=str(path), fix="give the files of one issue")
    if stated:
        return stated[0]
    if len(ends) < 2:
        what = "a running total at one time has no start"
        raise AmbiguousError(what, where="time", fix="write the attribute forecast_reference_time into the file")
    if is_nothing(first):
        return np.datetime64(ends[0], "ns")
    return np.datetime64(ends[0] - (ends[1] - ends[0]), "ns")


def amount(attrs: dict[str, object], options: RainOptions, *, where: str) -> tuple[str, float, frozenset[str], Said]:
    """Return the unit a variable is brought to ("mm" or "mm/h"), the factor, what is settled, and the evidence.

    Raises
    ------
    UnitError : neither a depth nor a rate. AmbiguousError : amount or rate is not told; `kind` answers.
    """
    own = str(attrs["units"]) if attrs.get("units") else None
    unit = options.units or own
    methods = str(attrs.get("cell_methods", "")).replace(" ", "")
    for target, method, kinds in (("mm", "time:sum", ("amount", "running")), ("mm/h", "time:mean", ("rate",))):
        try:
            scale = factor(unit, target, where=where)
        except UnitError:
            continue
        if options.kind not in kinds and (options.kind is not None or method not in methods):
            reads = "an amount" if target == "mm" else "a rate"
            told = f"kind is {options.kind}" if options.kind else f"cell_methods is {attrs.get('cell_methods')!r}"
            what = f"{where} is {reads} by its unit {unit!r}, but {told}"
            fix = f"give `kind: {kinds[0]}` for this source if that is what it is"
            if target == "mm":
                fix += "; `kind: running` for totals since a reset; a mean rate over a day is `units: mm/h`"
            raise AmbiguousError(what, where=where, fix=fix)
        by = "the configuration" if options.kind else f"cell_methods {methods!r}"
        against = f", against {own!r} in the file" if options.units and own and own != options.units else ""
        words = "平均强度" if target == "mm/h" else "累计量" if options.kind == "running" else "时段量"
        what_it_is = "mean rate" if target == "mm/h" else options.kind or "amount"
        said = Said(
            f"Unit {unit!r}{against}; kind by {by}: {what_it_is}.",
            f"单位 {unit}{f'（配置给定，文件为 {own}）' if against else ''}；类型：{words}。",
        )
        return target, scale, frozenset(), said
    what = f"{where} has units {unit!r}; an amount such as 'mm' or a rate such as 'mm/h' needed"
    raise UnitError(what, where=where, fix="write the unit into the file, or give `units` for this source")


def root_text(path: Path) -> str:
    """Return the root attributes of a NetCDF or Zarr file as one text, empty where it is none."""
    found = header(path)
    return "" if found is None else " ".join(f"{k}={v}" for k, v in found.attrs.items())
