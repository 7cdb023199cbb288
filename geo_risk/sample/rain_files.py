"""Rain of the demo county as files: CF NetCDF, MICAPS Diamond 4 text and GRIB2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.transform import from_origin

from geo_risk.publish.atomic import disk_full, staged, write_text
from geo_risk.sample.rain import HOURLY_SOURCES, RainField, RainTruth, effective_rain_mm

STEP_DEG = 0.01
BEIJING = np.timedelta64(8, "h")
_PACKED = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -32768, "zlib": True, "complevel": 6, "shuffle": True}

STORM_FORMULA = {
    "city": "示范县城", "edition": "演示", "document": "虚构公式，仅供演示",
    "a": 9.0, "c": 0.9, "b": 12.0, "n": 0.75, "valid_minutes": [5, 180], "valid_years": [2, 100], "peak_ratio": 0.4,
}  # fmt: skip
"""The county town's storm intensity formula: of the size of those of the north of China, and nobody's."""


def write_rain(rain: RainTruth, folder: Path, *, crs: str) -> dict[str, Any]:
    """Write every rain file of the county and its truth; return the `rainfall` part of `inputs` with relative paths.

    Parameters
    ----------
    rain : made by `make_rain`.
    folder : the county's folder.
    crs : of the county, metric.
    """
    root = folder / "rainfall"
    write_cube(rain.observed, root / "observed.nc", crs=crs, attrs={"title": "observed hourly rain"})
    forecast = []
    for stage, field in rain.forecasts.items():
        issued = f"{rain.peak - np.timedelta64(stage, 'h')}:00:00Z"
        attrs = {"title": f"forecast issued {stage} h before the peak", "issued": issued}
        write_cube(field, root / f"forecast_{stage}h.nc", crs=crs, attrs=attrs)
        forecast.append({"issued": issued, "file": f"rainfall/forecast_{stage}h.nc"})
    for number, field in enumerate(rain.past, 1):
        attrs = {"title": "daily rain of a past storm", "storm_id": f"S{number}"}
        write_cube(field, root / "past" / f"storm_{number}.nc", crs=crs, attrs=attrs)
    for letter, number in zip("ab", HOURLY_SOURCES, strict=True):
        attrs = {"title": "hourly rain of a past storm and the days before", "storm_id": f"S{number}"}
        write_cube(rain.past_hourly[number - 1], root / f"past_hourly_{letter}.nc", crs=crs, attrs=attrs)
    _write_other_formats(rain, root, crs=crs)
    _write_truth(rain, folder / "truth" / "rain_effective.nc", crs=crs)
    by_hour = {n: f"rainfall/past_hourly_{letter}.nc" for letter, n in zip("ab", HOURLY_SOURCES, strict=True)}
    past = [
        {"storm_id": f"S{n}", "file": by_hour.get(n, f"rainfall/past/storm_{n}.nc")}
        for n in range(1, len(rain.past) + 1)
    ]
    return {"observed": "rainfall/observed.nc", "forecast": forecast, "past_events": past, "idf": dict(STORM_FORMULA)}


def write_cube(field: RainField, path: Path, *, crs: str, attrs: dict[str, str]) -> None:
    """Publish rain (time, y, x) as CF NetCDF: mm summed over each interval, stamped at its end in UTC.

    Raises
    ------
    DiskFullError : the file did not read back as written.
    """
    _stage(_dataset({"rain": field.rain_mm}, field, crs=crs).assign_attrs(attrs), path, {"rain": _PACKED})


def _dataset(cubes: dict[str, NDArray[np.float32]], field: RainField, *, crs: str) -> xr.Dataset:
    step = np.timedelta64(1, "h") if len(field.times) < 2 else field.times[1] - field.times[0]
    ends = field.times.astype("datetime64[ns]")
    axis = {"units": "m", "axis": "", "standard_name": ""}
    out = xr.Dataset(
        {
            **{n: (("time", "y", "x"), c, _rain_attrs()) for n, c in cubes.items()},
            "time_bnds": (("time", "nv"), np.stack([ends - step, ends], axis=1)),
            "spatial_ref": ((), np.int32(0), {**CRS(crs).to_cf()}),
        },
        coords={
            "time": ("time", ends, {"standard_name": "time", "axis": "T", "bounds": "time_bnds", "long_name": "end"}),
            "y": ("y", field.y, {**axis, "axis": "Y", "standard_name": "projection_y_coordinate"}),
            "x": ("x", field.x, {**axis, "axis": "X", "standard_name": "projection_x_coordinate"}),
        },
    )
    return out.assign_attrs(Conventions="CF-1.10", comment="times are the END of each interval, UTC")


def _rain_attrs() -> dict[str, str]:
    return {
        "units": "mm",
        "long_name": "rain over the interval",
        "standard_name": "lwe_thickness_of_precipitation_amount",
        "cell_methods": "time: sum",
        "grid_mapping": "spatial_ref",
    }


def _stage(dataset: xr.Dataset, path: Path, packing: dict[str, dict[str, Any]]) -> None:
    encoding: dict[str, Any] = dict(packing)
    if "time" in dataset.coords:
        encoding["time"] = {"units": "hours since 2000-01-01 00:00:00", "dtype": "int32", "calendar": "standard"}

    def verify(written: Path) -> None:
        with xr.open_dataset(written, engine="h5netcdf") as found:
            for name in packing:
                if not np.allclose(found[name].to_numpy(), dataset[name].to_numpy(), atol=0.06, equal_nan=True):
                    raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def _write_other_formats(rain: RainTruth, root: Path, *, crs: str) -> None:
    storm = rain.storm()
    west, north, shape, rows_columns = _lonlat(storm, crs)
    daily = storm.rain_mm.reshape(-1, 24, *storm.rain_mm.shape[1:]).sum(axis=1)
    for values, end in zip(daily, storm.times[23::24], strict=True):
        picked = values[rows_columns].reshape(shape)
        text = diamond4(picked, end=end, hours=24, west=west, north=north)
        write_text(root / "micaps" / f"{str(end + BEIJING)[2:].replace('-', '').replace('T', '')}.024.txt", text)
    hourly = np.stack([hour[rows_columns].reshape(shape) for hour in storm.rain_mm])
    _write_grib(hourly, storm.times, root / "storm.grib2", west=west, north=north)


def _lonlat(field: RainField, crs: str) -> tuple[float, float, tuple[int, int], tuple[Any, Any]]:
    """Return west and north node, shape, and the nearest rain cells of a 0.01 degree grid inside the field."""
    to_degrees = Transformer.from_crs(crs, "EPSG:4490", always_xy=True)
    x, y = np.meshgrid(field.x[[0, -1]], field.y[[0, -1]])
    longitude, latitude = to_degrees.transform(x, y)
    west, east = np.ceil(longitude[:, 0].max() * 100) / 100, np.floor(longitude[:, 1].min() * 100) / 100
    north, south = np.floor(latitude[0].min() * 100) / 100, np.ceil(latitude[1].max() * 100) / 100
    shape = (round((north - south) / STEP_DEG) + 1, round((east - west) / STEP_DEG) + 1)
    node_lon, node_lat = np.meshgrid(west + STEP_DEG * np.arange(shape[1]), north - STEP_DEG * np.arange(shape[0]))
    node_x, node_y = to_degrees.transform(node_lon.ravel(), node_lat.ravel(), direction="INVERSE")
    rows = np.abs(node_y[:, None] - field.y[None, :]).argmin(axis=1)
    columns = np.abs(node_x[:, None] - field.x[None, :]).argmin(axis=1)
    return float(west), float(north), shape, (rows, columns)


def diamond4(values: NDArray[np.floating], *, end: np.datetime64, hours: int, west: float, north: float) -> str:
    """Return a MICAPS Diamond 4 text of a grid (y, x) [mm] whose first row is the northernmost.

    The header has 22 tokens; its time is Beijing time, the end of the interval; missing is 9999.
    """
    local = end + BEIJING
    year, month, day, hour = str(local)[:4], str(local)[5:7], str(local)[8:10], str(local)[11:13]
    n_y, n_x = values.shape
    south, east = north - STEP_DEG * (n_y - 1), west + STEP_DEG * (n_x - 1)
    title = f"{year[2:]}年{month}月{day}日{hour}时{hours}小时降水量"
    head = (
        f"diamond 4 {title}\n{year} {month} {day} {hour} {hours} 0 {STEP_DEG:.2f} {-STEP_DEG:.2f} "
        f"{west:.2f} {east:.2f} {north:.2f} {south:.2f} {n_x} {n_y} 10.0 0.0 250.0 1.0 0.0\n"
    )
    rows = [" ".join("9999" if np.isnan(v) else f"{v:.1f}" for v in row) for row in np.asarray(values, dtype=float)]
    return head + "\n".join(rows) + "\n"


def _write_grib(
    hourly: NDArray[np.float32], times: NDArray[np.datetime64], path: Path, *, west: float, north: float
) -> None:
    """Publish hourly rain as GRIB2: one message an hour, total precipitation (0-1-8), kg m-2, sum over the hour."""
    count, n_y, n_x = hourly.shape
    profile: dict[str, Any] = {
        "driver": "GRIB", "dtype": "float64", "count": count, "height": n_y, "width": n_x, "crs": "EPSG:4326",
        "transform": from_origin(west - STEP_DEG / 2, north + STEP_DEG / 2, STEP_DEG, STEP_DEG),
        "DATA_ENCODING": "SIMPLE_PACKING", "NBITS": "12", "DISCIPLINE": "0",
    }  # fmt: skip
    for band, end in enumerate(times, 1):
        start, stop = end - np.timedelta64(1, "h"), str(end)
        clock = " ".join(str(int(part)) for part in (stop[:4], stop[5:7], stop[8:10], stop[11:13]))
        profile[f"BAND_{band}_IDS"] = (
            "CENTER=38 SUBCENTER=0 MASTER_TABLE=4 LOCAL_TABLE=0 SIGNF_REF_TIME=0 "
            f"REF_TIME={start}:00:00Z PROD_STATUS=0 TYPE=0"
        )
        profile[f"BAND_{band}_PDS_PDTN"] = "8"
        # parameter category and number, generating process, forecast hour 0, surface, end of interval, one range: sum
        profile[f"BAND_{band}_PDS_TEMPLATE_ASSEMBLED_VALUES"] = (
            f"1 8 0 255 255 0 0 1 0 1 0 0 255 -127 -2147483647 {clock} 0 0 1 0 1 2 1 1 255 0"
        )

    def verify(written: Path) -> None:
        with rasterio.open(written, driver="GRIB") as source:
            if source.count != count or not np.allclose(source.read(), hourly, atol=0.06):
                raise disk_full(path)

    with staged(path, verify=verify) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.write(hourly.astype(np.float64))


def _write_truth(rain: RainTruth, path: Path, *, crs: str) -> None:
    """Publish what a perfect model would know: effective rain of the storm at every hour, and of the past storms."""
    storm = rain.storm()
    whole = rain.observed
    first = int(np.searchsorted(whole.times, storm.times[0]))
    hours = np.arange(first, first + len(storm.times))
    effective = np.stack([effective_rain_mm(whole, decay=rain.decay, end=int(h), hours_per_step=1) for h in hours])
    past = np.stack([past_effective_mm(p, rain.decay) for p in rain.past])
    out = _dataset({"rain_effective": effective.astype(np.float32)}, storm, crs=crs)
    out["rain_effective_past"] = (("storm", "y", "x"), past.astype(np.float32), {**_rain_attrs(), "cell_methods": ""})
    out = out.assign_attrs(decay_per_day=rain.decay, peak=f"{rain.peak}:00:00Z")
    _stage(out, path, {"rain_effective": _PACKED, "rain_effective_past": _PACKED})


def past_effective_mm(daily: RainField, decay: float) -> NDArray[np.float64]:
    """Return the largest effective rain (y, x) [mm] at the end of any of the three storm days of a past storm."""
    last = len(daily.times)
    each = [effective_rain_mm(daily, decay=decay, end=d, hours_per_step=24) for d in range(last - 3, last)]
    out: NDArray[np.float64] = np.max(each, axis=0)
    return out
