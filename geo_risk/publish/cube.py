"""Cubes (time, y, x) to CF NetCDF, block by block in time, verified before they get their name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.publish.atomic import disk_full, staged

BLOCK_CELLS = 8_000_000
"""Values that are computed, written and read back at once."""

_CHUNK = (24, 256, 256)


def write_cube(cube: xr.DataArray, path: Path) -> None:
    """Publish a cube as CF NetCDF-4: intervals with bounds, their UTC end as the time stamp, CRS in `spatial_ref`.

    Parameters
    ----------
    cube : (time, y, x) float, attrs `units` and `interval_h`; time is the UTC end of each interval. Coordinates along
        time are written too. A lazy cube is computed once, block by block, and never held whole.

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
    name = str(cube.name)
    sums: list[int] = []
    chunks = tuple(max(1, min(c, n)) for c, n in zip(_CHUNK, cube.shape, strict=True))

    def verify(written: Path) -> None:
        with h5py.File(written, "r") as file:
            found = [zlib.crc32(file[name][part].tobytes()) for part in _blocks(cube)]
        if found != sums:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        _frame(cube, hours=float(interval)).to_netcdf(temporary, engine="h5netcdf")
        with h5netcdf.File(temporary, "a") as file:
            out = file.create_variable(
                name, ("time", "y", "x"), dtype="f4", fillvalue=np.float32(np.nan), compression="gzip",
                compression_opts=4, shuffle=True, chunks=chunks,
            )  # fmt: skip
            out.attrs.update({"units": cube.attrs["units"], "long_name": str(cube.attrs.get("long_name", name)),
                              "cell_methods": "time: sum", "grid_mapping": "spatial_ref"})  # fmt: skip
            for part in _blocks(cube):
                values = _computed(cube, part)
                out[part] = values
                sums.append(zlib.crc32(values.tobytes()))


def _blocks(cube: xr.DataArray) -> Iterator[slice]:
    n_t, n_y, n_x = cube.shape
    step = max(1, BLOCK_CELLS // max(1, n_y * n_x))
    for first in range(0, n_t, step):
        yield slice(first, min(first + step, n_t))


def _computed(cube: xr.DataArray, part: slice) -> NDArray[np.float32]:
    """Return a block as contiguous float32 whose NaN all have one bit pattern, so that sums of bits can be compared."""
    values = np.array(cube.data[part], dtype=np.float32, order="C")
    values[np.isnan(values)] = np.nan
    return values


def _frame(cube: xr.DataArray, *, hours: float) -> xr.Dataset:
    """Return everything of the file but the values."""
    ends = (cube["time"].to_numpy().astype("datetime64[s]") - np.datetime64("2000-01-01", "s")).astype(np.int64)
    since = {"units": "seconds since 2000-01-01 00:00:00 +00:00", "calendar": "standard", "long_name": "interval end"}
    along: dict[str, Any] = {
        str(k): ("time", v.to_numpy(), dict(v.attrs))
        for k, v in cube.coords.items()
        if v.dims == ("time",) and k != "time"
    }
    return xr.Dataset(
        {
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
