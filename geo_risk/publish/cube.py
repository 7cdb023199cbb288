"""Cubes (time, y, x) to CF NetCDF, verified before they get their name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from geo_risk.core.errors import DataError
from geo_risk.publish.atomic import disk_full, staged


def write_cube(cube: xr.DataArray, path: Path) -> None:
    """Publish a cube as CF NetCDF-4: intervals with bounds, their UTC end as the time stamp, CRS in `spatial_ref`.

    Parameters
    ----------
    cube : (time, y, x) float, attrs `units` and `interval_h`; time is the UTC end of each interval. Coordinates along
        time are written too.

    Raises
    ------
    DataError : dims, units, interval or CRS are missing.
    DiskFullError : the file did not read back as written.
    """
    interval = cube.attrs.get("interval_h")
    if (
        cube.dims != ("time", "y", "x")
        or not cube.attrs.get("units")
        or not interval
        or "spatial_ref" not in cube.coords
    ):
        what = f"cube {str(cube.name)!r} has dims {cube.dims} and attributes {sorted(cube.attrs)}"
        raise DataError(what, where=str(path), fix="give it dims (time, y, x), units, interval_h and spatial_ref")
    values = np.asarray(cube.data, dtype=np.float32)
    dataset, encoding = _dataset(cube, values, hours=float(interval))

    def verify(written: Path) -> None:
        with xr.open_dataset(written, engine="h5netcdf", decode_times=False) as found:
            if not np.array_equal(found[str(cube.name)].to_numpy(), values, equal_nan=True):
                raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def _dataset(cube: xr.DataArray, values: Any, *, hours: float) -> tuple[xr.Dataset, dict[str, Any]]:
    name = str(cube.name)
    ends = (cube["time"].to_numpy().astype("datetime64[s]") - np.datetime64("2000-01-01", "s")).astype(np.int64)
    attrs = {"units": cube.attrs["units"], "long_name": str(cube.attrs.get("long_name", name)),
             "cell_methods": "time: sum", "grid_mapping": "spatial_ref"}  # fmt: skip
    since = {"units": "seconds since 2000-01-01 00:00:00 +00:00", "calendar": "standard", "long_name": "interval end"}
    along = {
        str(k): ("time", v.to_numpy(), dict(v.attrs))
        for k, v in cube.coords.items()
        if v.dims == ("time",) and k != "time"
    }
    out = xr.Dataset(
        {
            name: (("time", "y", "x"), values, attrs),
            "time_bnds": (("time", "nv"), np.stack([ends - round(hours * 3600), ends], axis=1), {}),
            "spatial_ref": ((), np.int32(0), dict(cube.coords["spatial_ref"].attrs)),
            **along,
        },
        coords={
            "time": ("time", ends, {**since, "bounds": "time_bnds"}),
            "y": ("y", cube["y"].to_numpy(), {"units": str(cube["y"].attrs.get("units", "m"))}),
            "x": ("x", cube["x"].to_numpy(), {"units": str(cube["x"].attrs.get("units", "m"))}),
        },
        attrs={"Conventions": "CF-1.10"},
    )
    packed = {"zlib": True, "complevel": 4, "shuffle": True, "dtype": "float32", "_FillValue": np.float32(np.nan)}
    return out, {name: packed}
