"""Series over the run grid (time, y, x) to CF NetCDF-4, band by band, verified before they get their name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import dask
import h5netcdf
import numpy as np
import xarray as xr
from dask import array as da
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import grid_of
from geo_risk.publish.atomic import disk_full, staged

_SIDE = 256
_ROWS = 64


def write_series_cube(dataset: xr.Dataset, path: Path) -> None:
    """Publish the (time, y, x) variables of a dataset; rows are computed in bands, all variables of a band at once.

    Parameters
    ----------
    dataset : float variables (time, y, x) with `units`, coordinates time, y, x and `spatial_ref` of a Grid; lazy or
        not. Bands follow the blocks of rows where it is lazy.

    Raises
    ------
    DataError : no such variable, or one without units. CrsError, GridError : no grid.
    DiskFullError : the file did not read back as written.
    """
    names = [str(n) for n in dataset.data_vars if dataset[n].dims == ("time", "y", "x")]
    if not names or any(not dataset[n].attrs.get("units") for n in names):
        what = f"variables {names or sorted(map(str, dataset.data_vars))}: (time, y, x) with units are needed"
        raise DataError(what, where=str(path), fix="make it with deformation.east_up_series")
    grid_of(dataset[names[0]].isel(time=0))
    bands = _bands(dataset[names[0]])
    hashes = {n: hashlib.sha256() for n in names}

    def verify(written: Path) -> None:
        with h5netcdf.File(written, "r") as source:
            for name in names:
                digest = hashlib.sha256()
                for rows in bands:
                    digest.update(_plain(source[name][:, rows, :]).tobytes())
                if digest.digest() != hashes[name].digest():
                    raise disk_full(path)

    with staged(path, verify=verify) as temporary, h5netcdf.File(temporary, "w") as target:
        _frame(target, dataset)
        shape = tuple(dataset.sizes[d] for d in ("time", "y", "x"))
        for name in names:
            made = target.create_variable(
                name, ("time", "y", "x"), "f4", fillvalue=np.float32(np.nan), compression="gzip", compression_opts=2,
                shuffle=True, chunks=(shape[0], min(_SIDE, shape[1]) // 4 or 1, min(_SIDE, shape[2]) // 4 or 1),
            )  # fmt: skip
            made.attrs["units"] = str(dataset[name].attrs["units"])
            made.attrs["long_name"] = str(dataset[name].attrs.get("long_name", name))
            made.attrs["grid_mapping"] = "spatial_ref"
        for rows in bands:
            parts = dask.compute(*(dataset[n].data[:, rows, :] for n in names))
            for name, values in zip(names, parts, strict=True):
                plain = _plain(values)
                hashes[name].update(plain.tobytes())
                target[name][:, rows, :] = plain


def _frame(target: h5netcdf.File, dataset: xr.Dataset) -> None:
    target.attrs["Conventions"] = "CF-1.10"
    for key, value in dataset.attrs.items():
        target.attrs[str(key)] = str(value)
    target.dimensions = {d: dataset.sizes[d] for d in ("time", "y", "x")}
    since = (dataset["time"].to_numpy().astype("datetime64[s]") - np.datetime64("2000-01-01", "s")).astype(np.int64)
    time = target.create_variable("time", ("time",), data=since)
    time.attrs.update({"units": "seconds since 2000-01-01 00:00:00 +00:00", "calendar": "standard"})
    for axis in ("y", "x"):
        made = target.create_variable(axis, (axis,), data=dataset[axis].to_numpy().astype(np.float64))
        made.attrs.update({"units": "m", "standard_name": f"projection_{axis}_coordinate"})
    reference = target.create_variable("spatial_ref", (), dtype="i4")
    reference.attrs.update({str(k): str(v) for k, v in dataset["spatial_ref"].attrs.items()})


def _bands(layer: xr.DataArray) -> list[slice]:
    heights = layer.data.chunks[1] if isinstance(layer.data, da.Array) else ()
    if not heights:
        n = layer.sizes["y"]
        return [slice(r, min(r + _ROWS, n)) for r in range(0, n, _ROWS)]
    ends = np.cumsum(heights)
    return [slice(int(e - h), int(e)) for e, h in zip(ends, heights, strict=True)]


def _plain(values: NDArray[np.float32]) -> NDArray[np.float32]:
    array = np.ascontiguousarray(values, dtype=np.float32)
    return np.where(np.isnan(array), np.float32(np.nan), array)
