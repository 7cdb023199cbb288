"""CF NetCDF rain: the variable, its unit, its interval and zone, and its CRS, each proved or refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from geo_risk.core.errors import AmbiguousError, CorruptFileError, CrsError, GridError, TimeError, UnitError
from geo_risk.core.units import factor

_NAMES = ("rain", "precipitation", "precip", "rainfall", "tp", "pr", "pre")
_STANDARD = (
    *("precipitation_amount", "rainfall_amount", "thickness_of_rainfall_amount"),
    *("lwe_thickness_of_precipitation_amount", "precipitation_flux", "rainfall_flux"),
    *("rainfall_rate", "lwe_precipitation_rate"),
)
_SINCE = re.compile(r"^\s*(seconds?|minutes?|hours?|days?|s|min|h|d)\s+since\s+(.+?)\s*$", re.IGNORECASE)
_ZONE = re.compile(r"(Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)\s*$", re.IGNORECASE)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def open_cf(path: Path, *, crs: str | None = None, units: str | None = None) -> tuple[xr.DataArray, tuple[str, ...]]:
    """Open the rain of a CF NetCDF file, lazily.

    Parameters
    ----------
    path : NetCDF-4 file.
    crs, units : used only where the file names none.

    Returns
    -------
    (time, y, x), y falling, units "mm" (amount of the interval) or "mm/h" (mean rate of it); time is the UTC end of
    the interval; coordinate `spatial_ref` with the CRS and transform. And the sentences of evidence.

    Raises
    ------
    CorruptFileError : it does not open as NetCDF-4.
    AmbiguousError : several or no rain variables; amount or rate not told; times without zone and not CF.
    UnitError, CrsError, GridError, TimeError : as they say.
    """
    try:
        data = xr.open_dataset(path, engine="h5netcdf", decode_times=False, chunks={})
    except (OSError, ValueError, KeyError) as error:
        what = f"{path.name} does not open as NetCDF-4: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again, or convert it to NetCDF-4") from error
    rain = _variable(data, path)
    rain, horizontal = _placed(data, rain, path=path, crs=crs)
    rain, temporal = _timed(data, rain, path=path)
    rain, unit = _amount(rain, units=units, path=path)
    rain.attrs.update({k: str(data.attrs[k]) for k in ("storm_id", "issued") if k in data.attrs})
    return rain, (unit, temporal, horizontal)


def _variable(data: xr.Dataset, path: Path) -> xr.DataArray:
    def is_rain(name: str) -> bool:
        known = data[name].attrs.get("standard_name") in _STANDARD or name.lower() in _NAMES
        return known and data[name].ndim == 3 and "time" in data[name].dims

    found = [str(n) for n in data.data_vars if is_rain(str(n))]
    if len(found) != 1:
        what = f"{path.name} has {len(found)} variables that look like rain over (time, y, x): {found}"
        raise AmbiguousError(what, where=str(path), fix="keep one, named `rain` or with a CF standard_name")
    return data[found[0]]


def _placed(data: xr.Dataset, rain: xr.DataArray, *, path: Path, crs: str | None) -> tuple[xr.DataArray, str]:
    names = {"lat": "y", "latitude": "y", "lon": "x", "longitude": "x"}
    rain = rain.rename({n: names[n] for n in map(str, rain.dims) if n in names and n != names[n]})
    if not {"y", "x"} <= set(rain.dims) or "y" not in rain.coords or "x" not in rain.coords:
        what = f"{path.name}: rain has dims {rain.dims}; time, y, x (or lat, lon) with coordinates are needed"
        raise GridError(what, where=str(path), fix="write one-dimensional coordinates for both axes")
    rain = rain.transpose("time", "y", "x")
    if rain["y"].size > 1 and rain["y"].to_numpy()[0] < rain["y"].to_numpy()[-1]:
        rain = rain.isel(y=slice(None, None, -1))
    steps = [_step(rain[d].to_numpy().astype(np.float64), axis=d, path=path) for d in ("x", "y")]
    found, sentence = _crs(data, rain, path=path, crs=crs)
    x0, y0 = float(rain["x"][0]) - steps[0] / 2, float(rain["y"][0]) - steps[1] / 2
    box = GeoBox((rain.sizes["y"], rain.sizes["x"]), Affine(steps[0], 0, x0, 0, steps[1], y0), found)
    ref = xr_coords(box)["spatial_ref"]
    keep = rain.drop_vars([c for c in rain.coords if c not in ("time", "y", "x")])
    return keep.assign_coords(spatial_ref=ref), sentence


def _step(values: np.ndarray[Any, Any], *, axis: str, path: Path) -> float:
    steps = np.diff(values)
    regular = steps.size and np.abs(steps - steps.mean()).max() <= 1e-3 * abs(steps.mean())
    if not regular or not np.isfinite(steps).all() or steps.mean() == 0:
        what = f"{path.name}: axis {axis} has {values.size} values that are not evenly spaced"
        raise GridError(what, where=f"{path}, {axis}", fix="resample the file to a regular grid of two or more cells")
    return float(values[-1] - values[0]) / (values.size - 1)


def _crs(data: xr.Dataset, rain: xr.DataArray, *, path: Path, crs: str | None) -> tuple[str, str]:
    mapping = data.get(rain.attrs.get("grid_mapping", rain.encoding.get("grid_mapping", "spatial_ref")))
    if mapping is not None:
        attrs = mapping.attrs
        wkt = attrs.get("crs_wkt") or attrs.get("spatial_ref") or attrs.get("epsg_code")
        try:
            found = pyproj.CRS.from_user_input(wkt) if wkt else pyproj.CRS.from_cf(attrs)
            return found.to_wkt(), f"CRS from the grid mapping: {found.name}."
        except (pyproj.exceptions.CRSError, KeyError) as error:
            what = f"{path.name}: its grid mapping is not a CRS: {error}"
            raise CrsError(what, where=str(path), fix="write crs_wkt into the grid mapping variable") from error
    units = {str(rain[d].attrs.get("units", "")).lower() for d in ("y", "x")}
    if units == {"degrees_north", "degrees_east"}:
        return "EPSG:4326", "CRS: latitude and longitude by their CF units, taken as WGS 84."
    if crs:
        return crs, f"CRS from the configuration: {crs}."
    what = f"{path.name} has no CRS: no grid mapping, and its axes are not CF latitude and longitude"
    raise CrsError(what, where=str(path), fix="add a grid mapping, or set area.crs for this file's coordinates")


def _timed(data: xr.Dataset, rain: xr.DataArray, *, path: Path) -> tuple[xr.DataArray, str]:
    attrs = data["time"].attrs if "time" in data.variables else {}
    bounds = attrs.get("bounds")
    zone_note = _zone_evidence(data, attrs, path=path)
    if bounds in data.variables:
        ends = data[bounds].to_numpy().astype(np.float64)
        values, note = ends.max(axis=1), f"interval end from `{bounds}`"
    else:
        values = rain["time"].to_numpy().astype(np.float64)
        text = " ".join(str(attrs.get(k, "")) for k in ("long_name", "comment", "description", "interval")).lower()
        if re.search(r"\b(start|begin)", text):
            gaps = np.diff(np.unique(values))
            values = values + (gaps.min() if gaps.size else np.nan)
            note = "stamped at the start of the interval, moved to its end"
        elif re.search(r"\bend", text):
            note = "stamped at the end of the interval, as the file says"
        else:
            note = "stamped at the end of the interval (this package's rule; the file does not say)"
    times = _instants(values, str(attrs.get("units", "")), attrs=attrs, path=path)
    return rain.assign_coords(time=times), f"Times: {note}; {zone_note}."


def _zone_evidence(data: xr.Dataset, attrs: dict[str, Any], *, path: Path) -> str:
    units = str(attrs.get("units", ""))
    match = _SINCE.match(units)
    if not match:
        what = f"{path.name}: time has units {units!r}; such as 'hours since 2024-07-01 00:00:00 +00:00' needed"
        raise TimeError(what, where=f"{path}, time", fix="write CF time units")
    if ":" in match.group(2) and _ZONE.search(match.group(2)):
        return f"zone in the time units ({units})"
    for owner in (attrs, data.attrs):
        for key in ("time_zone", "timezone", "tz"):
            if key in owner:
                return f"zone {owner[key]!r} in the attribute {key}"
    if "CF" in str(data.attrs.get("Conventions", "")):
        return "UTC, which CF lays down where units name no zone"
    what = f"{path.name}: times have no zone ({units}) and the file does not follow CF"
    fix = "add the zone to the time units, such as +08:00, or Conventions: CF-1.8"
    raise AmbiguousError(what, where=f"{path}, time", fix=fix)


def _instants(values: Any, units: str, *, attrs: dict[str, Any], path: Path) -> Any:
    match = _SINCE.match(units)
    if match is None or attrs.get("calendar", "standard") not in ("standard", "gregorian", "proleptic_gregorian"):
        what = f"{path.name}: time units {units!r} with calendar {attrs.get('calendar')!r} cannot be read"
        raise TimeError(what, where=f"{path}, time", fix="use CF time units and the standard calendar")
    text = re.sub(r"\s*(UTC|GMT)\s*$", "Z", match.group(2), flags=re.IGNORECASE)
    try:
        reference = pd.Timestamp(re.sub(r"\s+(?=[+-]\d)", "", text))
        zone = attrs.get("time_zone") or attrs.get("timezone") or attrs.get("tz")
        reference = reference.tz_localize(str(zone) if zone else "UTC") if reference.tzinfo is None else reference
        seconds = np.rint(values * _UNIT_S[match.group(1)[0].lower()]).astype("int64")
    except (ValueError, KeyError, OverflowError) as error:
        what = f"{path.name}: time units {units!r} cannot be read: {error}"
        raise TimeError(what, where=f"{path}, time", fix="use CF time units with an ISO date") from error
    start = reference.tz_convert("UTC").tz_localize(None).to_datetime64().astype("datetime64[ns]")
    return start + seconds.astype("timedelta64[s]")


def _amount(rain: xr.DataArray, *, units: str | None, path: Path) -> tuple[xr.DataArray, str]:
    units = str(rain.attrs["units"]) if rain.attrs.get("units") else units
    methods = str(rain.attrs.get("cell_methods", "")).replace(" ", "")
    where = f"{path.name}, variable {rain.name}"
    for target, method in (("mm", "time:sum"), ("mm/h", "time:mean")):
        try:
            scale = factor(units, target, where=where)
        except UnitError:
            continue
        if method not in methods:
            kind = "an amount" if target == "mm" else "a rate"
            what = f"{where} is {kind} by its unit {units!r}, but cell_methods is {rain.attrs.get('cell_methods')!r}"
            fix = f"write cell_methods: '{method.replace(':', ': ')}' if that is what it is"
            raise AmbiguousError(what, where=where, fix=fix)
        out = rain if scale == 1.0 else rain * np.float32(scale)
        out = out.assign_attrs(units=target, long_name="rain").rename("rain")
        return out, f"Unit {units!r} with cell_methods {methods!r}: {target}."
    what = f"{where} has units {units!r}; an amount such as 'mm' or a rate such as 'mm/h' needed"
    raise UnitError(what, where=where, fix="write the unit into the file, or `units` beside it in the configuration")
