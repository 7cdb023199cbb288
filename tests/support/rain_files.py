"""Rain products as their makers lay them out, written by hand: IMERG, ERA5, ERA5-Land, CHIRPS, CMORPH, Diamond 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
import xarray as xr
from rasterio.transform import from_origin

WEST, NORTH = 112.0, 38.0
"""Outer edges of the small grids, in degrees."""


def storm(n_t: int, n_y: int = 6, n_x: int = 8, *, seed: int = 1) -> np.ndarray:
    """Amounts (time, y, x) in mm that rise and fall, a third of them dry."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n_t, n_y, n_x)) < 0.35, 0, rng.gamma(0.6, 4.0, (n_t, n_y, n_x))).astype("float32")


def axes(shape: Sequence[int], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Cell centres: latitude falling, longitude rising."""
    return NORTH - step * (np.arange(shape[-2]) + 0.5), WEST + step * (np.arange(shape[-1]) + 0.5)


def imerg_name(start: str, *, run: str = "", version: str = "V07B", ending: str = "HDF5") -> str:
    """Name a half-hourly granule that starts at `start` (ISO)."""
    begin = np.datetime64(start, "s")
    stop = begin + np.timedelta64(1799, "s")
    clock = [str(t)[11:].replace(":", "") for t in (begin, stop)]
    minutes = int((begin - begin.astype("datetime64[D]")) / np.timedelta64(60, "s"))
    day = str(begin)[:10].replace("-", "")
    return f"3B-HHR{run}.MS.MRG.3IMERG.{day}-S{clock[0]}-E{clock[1]}.{minutes:04d}.{version}.{ending}"


def write_imerg(
    folder: Path, rate: np.ndarray, start: str, *, run: str = "", version: str = "V07B", **change: Any
) -> Path:
    """Write one granule; `rate` (y, x) [mm/h], y falling. `change`: variable, units, header_start, chunks."""
    begin = np.datetime64(start, "s")
    algorithm = {"": "3IMERGHH", "-E": "3IMERGHHE", "-L": "3IMERGHHL"}[run]
    name = imerg_name(start, run=run, version=version)
    header = (
        f"DOI=10.5067/GPM/IMERG/3B-HH/07;\nAlgorithmID={algorithm};\nFileName={name};\nInstrumentName=MERGED;\n"
        f"StartGranuleDateTime={change.get('header_start', begin)}.000Z;\n"
        f"StopGranuleDateTime={begin + np.timedelta64(1799, 's')}.999Z;\nTimeInterval=HALF_HOUR;\n"
        f"ProductVersion={version};\n"
    )
    epoch = "1980-01-06" if version.startswith("V07") else "1970-01-01"
    seconds = int((begin - np.datetime64(epoch, "s")) / np.timedelta64(1, "s"))
    lat, lon = axes(rate.shape, 0.1)
    values = np.where(np.isnan(rate), np.float32(-9999.9), rate).astype("f4")
    variable = change.get("variable", "precipitation" if version.startswith("V07") else "precipitationCal")
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / name, "w") as file:
        file.attrs["FileHeader"] = np.bytes_(header)
        grid = file.create_group("Grid")
        data = grid.create_dataset(
            variable, data=values[::-1].T[None], chunks=change.get("chunks", True), compression="gzip"
        )
        data.attrs.update({"units": np.bytes_(change.get("units", "mm/hr")), "_FillValue": np.float32(-9999.9),
                           "DimensionNames": np.bytes_("time,lon,lat")})  # fmt: skip
        grid["lat"], grid["lon"] = lat[::-1].astype("f4"), lon.astype("f4")
        grid["time"] = np.array([seconds], dtype="i4")
        grid["time"].attrs.update({"units": np.bytes_(f"seconds since {epoch} 00:00:00 UTC"),
                                   "calendar": np.bytes_("julian")})  # fmt: skip
    return folder / name


def write_tif(
    path: Path, values: np.ndarray, *, step: float, nodata: float | None = None, dtype: str = "float32", **tags: str
) -> Path:
    """Write one field as a GeoTIFF in degrees."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": dtype,
               "crs": "EPSG:4326", "transform": from_origin(WEST, NORTH, step, step), "nodata": nodata}  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values.astype(dtype), 1)
        file.update_tags(**tags)
    return path


def _grid_attrs() -> tuple[dict[str, str], dict[str, str]]:
    lat = {"units": "degrees_north", "standard_name": "latitude"}
    return lat, {"units": "degrees_east", "standard_name": "longitude"}


def write_ecmwf(path: Path, tp_m: np.ndarray, first: str, *, step: float, layout: str = "new", **change: Any) -> Path:
    """Write `tp` [m] (time, y, x), stamped hourly from `first`, as the Climate Data Store does (`layout` new or old).

    `change`: expver (a value for each time), and for the old layout mixed=True (a dimension expver of 1 and 5).
    """
    stamps = np.datetime64(first, "s") + np.arange(len(tp_m)) * np.timedelta64(1, "h")
    lat, lon = axes(tp_m.shape, step)
    lat_attrs, lon_attrs = _grid_attrs()
    if layout == "new":
        seconds = stamps.astype("int64")
        attrs = {"GRIB_paramId": 228, "GRIB_shortName": "tp", "GRIB_stepType": "accum", "units": "m",
                 "long_name": "Total precipitation", "standard_name": "unknown"}  # fmt: skip
        data = xr.Dataset(
            {"tp": (("valid_time", "latitude", "longitude"), tp_m.astype("f4"), attrs)},
            coords={
                "valid_time": ("valid_time", seconds, {"units": "seconds since 1970-01-01", "standard_name": "time",
                                                       "calendar": "proleptic_gregorian"}),
                "latitude": ("latitude", lat, {**lat_attrs, "stored_direction": "decreasing"}),
                "longitude": ("longitude", lon, lon_attrs), "number": ((), 0),
                "expver": ("valid_time", np.array(change.get("expver", ["0001"] * len(tp_m)), dtype="S4")),
            },
            attrs={"GRIB_centre": "ecmf", "Conventions": "CF-1.7", "institution": "European Centre for Medium-Range "
                   "Weather Forecasts"},
        )  # fmt: skip
        data.to_netcdf(path, engine="h5netcdf")
        return path
    hours = (stamps - np.datetime64("1900-01-01", "s")) / np.timedelta64(1, "h")
    dims: tuple[str, ...] = ("time", "latitude", "longitude")
    values, coords = tp_m, {}
    if change.get("mixed"):
        half = len(tp_m) // 2
        values = np.full((len(tp_m), 2, *tp_m.shape[1:]), np.nan)
        values[:half, 0], values[half:, 1] = tp_m[:half], tp_m[half:]
        dims, coords = ("time", "expver", "latitude", "longitude"), {"expver": ("expver", np.array([1, 5], "i4"))}
    scale = float(np.nanmax(values)) / 60000
    since = {"units": "hours since 1900-01-01 00:00:00.0", "calendar": "gregorian"}
    data = xr.Dataset(
        {"tp": (dims, values, {"units": "m", "long_name": "Total precipitation"})},
        coords={
            "time": ("time", hours.astype("i4"), since),
            "latitude": ("latitude", lat.astype("f4"), lat_attrs),
            "longitude": ("longitude", lon.astype("f4"), lon_attrs), **coords,
        },
        attrs={"Conventions": "CF-1.6", "history": "2024-01-01 GMT by grib_to_netcdf-2.25.1: ..."},
    )  # fmt: skip
    packing = {"dtype": "int16", "scale_factor": scale, "add_offset": 32000 * scale, "_FillValue": -32767}
    data.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT", encoding={"tp": packing})
    return path


def running_days(hourly_mm: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return ERA5-Land's totals [m]: the sum since 00 UTC of the day that each hour lies in."""
    days = (ends - np.timedelta64(1, "s")).astype("datetime64[D]")
    out = np.zeros(hourly_mm.shape, dtype="float64")
    for k in range(len(ends)):
        out[k] = hourly_mm[k] + (out[k - 1] if k and days[k] == days[k - 1] else 0)
    return out / 1000


def write_chirps(path: Path, mm: np.ndarray, first: str, *, version: str = "2.0") -> Path:
    """Write daily CHIRPS: mm/day, days since 1980, latitude rising, -9999 missing."""
    lat, lon = axes(mm.shape, 0.05)
    lat_attrs, lon_attrs = _grid_attrs()
    days = (np.datetime64(first, "D") - np.datetime64("1980-01-01", "D")).astype(int) + np.arange(len(mm))
    xr.Dataset(
        {"precip": (("time", "latitude", "longitude"), mm[:, ::-1].astype("f4"),
                    {"units": "mm/day", "standard_name": "convective precipitation rate", "missing_value": -9999.0})},
        coords={
            "time": ("time", days.astype("f4"), {"units": "days since 1980-1-1 0:0:0", "calendar": "gregorian"}),
            "latitude": ("latitude", lat[::-1].astype("f4"), lat_attrs),
            "longitude": ("longitude", lon.astype("f4"), lon_attrs),
        },
        attrs={"Conventions": "CF-1.6", "title": f"CHIRPS Version {version}"},
    ).to_netcdf(path, engine="h5netcdf", encoding={"precip": {"_FillValue": np.float32(-9999)}})  # fmt: skip
    return path


def write_cmorph(path: Path, rate: np.ndarray, start: str, *, bounds: bool = False) -> Path:
    """Write one hour of CMORPH CDR: two half hours of rates [mm/hr], stamped at their start, longitude 0-360."""
    lat, lon = axes(rate.shape, 0.0727)
    seconds = np.datetime64(start, "s").astype("int64") + 1800 * np.arange(len(rate))
    lat_attrs, lon_attrs = _grid_attrs()
    time: dict[str, Any] = {"units": "seconds since 1970-01-01 00:00:00", "standard_name": "time"}
    extra = {}
    if bounds:
        time["bounds"] = "time_bounds"
        extra = {"time_bounds": (("time", "nv"), np.stack([seconds, seconds + 1800], axis=1))}
    xr.Dataset(
        {"cmorph": (("time", "lat", "lon"), rate[:, ::-1].astype("f4"),
                    {"units": "mm/hr", "long_name": "NOAA CDR of CMORPH", "valid_min": 0.0}), **extra},
        coords={"time": ("time", seconds, time), "lat": ("lat", lat[::-1], lat_attrs), "lon": ("lon", lon, lon_attrs)},
        attrs={"Conventions": "CF-1.6", "title": "NOAA CDR of CPC Morphing Technique (CMORPH)"},
    ).to_netcdf(path, engine="h5netcdf", encoding={"cmorph": {"_FillValue": np.float32(-9999)}})  # fmt: skip
    return path


def write_diamond4(
    path: Path, values: np.ndarray, local: str, *, lead: int = 0, title: str = "降水", **change: Any
) -> Path:
    """Write a Diamond 4 text of (y, x), y falling, at a Beijing time. `change`: encoding, step, rises, thousands."""
    step = change.get("step", 0.01)
    n_y, n_x = values.shape
    south, east = NORTH - step * (n_y - 1), WEST + step * (n_x - 1)
    rows = values[::-1] if change.get("rises") else values
    lat = (south, NORTH, step) if change.get("rises") else (NORTH, south, -step)
    when = np.datetime64(local, "h")
    year, month, day, hour = str(when)[:4], str(when)[5:7], str(when)[8:10], str(when)[11:13]
    head = f"diamond 4 {title}\n{year} {month} {day} {hour} {lead} 0 {step} {lat[2]} {WEST} {east:.4f} "
    head += f"{lat[0]:.4f} {lat[1]:.4f} {n_x} {n_y} 10 0 250 1 0\n"
    comma = "," if change.get("thousands") else ""
    texts = [" ".join("9999" if np.isnan(v) else f"{v:{comma}.1f}" for v in row) for row in rows.astype(float)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((head + "\n".join(texts) + "\n").encode(change.get("encoding", "utf-8")))
    return path
