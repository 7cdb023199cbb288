"""NetCDF 3, NetCDF 4 and Zarr files of rain: opened with guards, one variable, its place, cut to the area."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, CrsError, GridError, RefusedFileError
from geo_risk.sources import hdf5_header as hdf5
from geo_risk.sources.files import sniff
from geo_risk.sources.rain_opened import Area, Place, Said, placed

BLOCK_CELLS = 8_000_000
"""Values in one lazily read block of a series."""

TIME_NAMES = ("time", "valid_time")
BROKEN = (OSError, ValueError, LookupError, TypeError, RuntimeError, ArithmeticError, AttributeError, AssertionError)
"""What the libraries raise on damaged files."""

_AXES = {"lat": "y", "latitude": "y", "lon": "x", "longitude": "x", "y": "y", "x": "x"}
_FILLS = ("_FillValue", "missing_value", "CodeMissingValue")


@dataclass(frozen=True)
class Variable:
    """The rain variable of one file.

    Attributes
    ----------
    values : (time, y, x), not read yet, as `place` has it; NaN where the file's own fill stands.
    time : the time coordinate as it stands, numbers.
    place : where the cells lie.
    dataset : all of the file. said : how its CRS is known.
    """

    values: xr.DataArray
    time: xr.DataArray
    place: Place
    dataset: xr.Dataset
    said: Said
    path: Path

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the variable."""
        return dict(self.values.attrs)


def kind_of(path: Path) -> str:
    """Return "HDF5", "NetCDF3", "Zarr" or something that is none of these."""
    return sniff(path)


def open_raw(path: Path) -> xr.Dataset:
    """Open a file without reading its values and without decoding its times.

    Raises
    ------
    CorruptFileError : it does not open. RefusedFileError : the Zarr library is not installed, or HDF5 links lead out of
    the file.
    """
    kind = kind_of(path)
    engine = {"HDF5": "h5netcdf", "NetCDF3": "scipy", "Zarr": "zarr"}.get(kind)
    # the store lies on a disk: its metadata are read one by one, whether consolidated or not
    extra: dict[str, Any] = {"consolidated": False} if kind == "Zarr" else {}
    try:
        if kind == "HDF5":
            with hdf5.opened(path) as file:
                for name in file:
                    hdf5.find(file, str(name))
        return xr.open_dataset(
            path, engine=engine, decode_times=False, decode_coords="all", decode_timedelta=False, **extra
        )
    except (*BROKEN, ImportError) as error:
        if kind == "Zarr" and _lacks_zarr():
            what = f"{path.name} is a Zarr store, and the package zarr is not installed"
            raise RefusedFileError(what, where=str(path), fix="pip install 'geo-risk[zarr]', or give NetCDF") from error
        what = f"{path.name} does not open as {'Zarr' if kind == 'Zarr' else 'NetCDF'}: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again, or convert it to NetCDF-4") from error


def _lacks_zarr() -> bool:
    import importlib.util

    return importlib.util.find_spec("zarr") is None


def header(path: Path) -> xr.Dataset | None:
    """Return names and attributes of a file, closed again; None where the path is no such file or does not open."""
    kind = kind_of(path)
    if kind not in ("HDF5", "NetCDF3", "Zarr"):
        return None
    if kind == "Zarr":
        return _header(path)
    stat = path.stat()
    return _known_header(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _known_header(path: Path, *state: int) -> xr.Dataset | None:  # noqa: ARG001 - the state tells a file rewritten
    return _header(path)  # every product in turn asks for it


def _header(path: Path) -> xr.Dataset | None:
    try:
        found = open_raw(path)
    except (CorruptFileError, RefusedFileError):
        return None
    found.close()
    return found


def variable(path: Path, dataset: xr.Dataset, name: str, *, area: Area | None, crs: str | None = None) -> Variable:
    """Bring one variable of an open file to (time, y, x), y falling and x rising, cut to the area; nothing is read.

    Raises
    ------
    GridError : no time, latitude and longitude (or y and x) axes with coordinates, or uneven ones.
    CrsError : the CRS is not known. OverlapError : it lies beside the area.
    RefusedFileError, LimitError : no such variable, the values lie in other files, or chunks are too large.
    """
    if name not in dataset:
        what = f"{path.name} has no variable {name}, as the first file of the series has"
        raise RefusedFileError(what, where=str(path), fix="give the files of one product")
    if kind_of(path) == "HDF5":
        with hdf5.opened(path) as file:
            hdf5.numbers(file, name, dims=(2, 3, 4))
    rain = dataset[name]
    rain = rain.isel(
        {d: 0 for d in rain.dims if rain.sizes[d] == 1 and str(d) in ("number", "expver", "band", "height")}
    )
    names = {str(d): _AXES[str(d).lower()] for d in rain.dims if str(d).lower() in _AXES}
    time_dim, time_name = _time_axis(dataset, rain)
    axes = {*names, time_dim} - {None}
    if set(names.values()) != {"x", "y"} or any(d not in dataset.variables for d in names) or axes != set(rain.dims):
        what = f"{path.name}: {name} has dims {rain.dims}; time, y, x (or lat, lon) with coordinates are needed"
        raise GridError(what, where=str(path), fix="write one-dimensional coordinates for both axes")
    time = dataset[time_name] if time_name else _scalar_time(dataset, path=path, name=name)
    crs_text, said = _crs(dataset, rain, names, path=path, crs=crs)
    rain = rain.drop_vars([c for c in rain.coords if c not in names]).rename(names)
    if time_dim is None:
        rain = rain.expand_dims("time")
    elif time_dim != "time":
        rain = rain.rename({time_dim: "time"})
    rain = rain.transpose("time", "y", "x")
    for axis, sign in (("x", 1), ("y", -1)):
        values = rain[axis].to_numpy()
        if values.size > 1 and (values[-1] - values[0]) * sign < 0:
            rain = rain.isel({axis: slice(None, None, -1)})
    place = placed(rain["x"].to_numpy(), rain["y"].to_numpy(), crs=crs_text, area=area, where=str(path))
    rain = rain.isel(y=place.rows, x=place.columns)
    time = time.reset_coords(drop=True)
    return Variable(rain, time if time_dim is None else time.rename({time_dim: "time"}), place, dataset, said, path)


def _time_axis(dataset: xr.Dataset, rain: xr.DataArray) -> tuple[str | None, str | None]:
    """Return the dimension along which time runs and the coordinate that tells it: often of one name, None for neither.

    Forecasts have steps along a dimension of their own, and beside them the times at which they are valid.
    """
    for name in TIME_NAMES:
        dims = dataset[name].dims if name in dataset.variables else ()
        if len(dims) == 1 and dims[0] in rain.dims:
            return str(dims[0]), name
    return None, None


def _scalar_time(dataset: xr.Dataset, *, path: Path, name: str) -> xr.DataArray:
    found = next((t for t in TIME_NAMES if t in dataset.variables and dataset[t].size == 1), None)
    if found is None:
        what = f"{path.name}: {name} has no time axis and the file no time"
        raise GridError(what, where=str(path), fix="write a coordinate `time` with CF units")
    attrs = dataset[found].attrs
    return xr.DataArray(dataset[found].to_numpy().reshape(1), dims="time", attrs=attrs)


def _crs(
    dataset: xr.Dataset, rain: xr.DataArray, names: dict[str, str], *, path: Path, crs: str | None
) -> tuple[str, Said]:
    mapping = dataset.variables.get(rain.attrs.get("grid_mapping", rain.encoding.get("grid_mapping", "spatial_ref")))
    if mapping is not None:
        attrs = mapping.attrs
        wkt = attrs.get("crs_wkt") or attrs.get("spatial_ref") or attrs.get("epsg_code")
        try:
            found = pyproj.CRS.from_user_input(wkt) if wkt else pyproj.CRS.from_cf(attrs)
        except (pyproj.exceptions.CRSError, KeyError) as error:
            what = f"{path.name}: its grid mapping is not a CRS: {error}"
            raise CrsError(what, where=str(path), fix="write crs_wkt into the grid mapping variable") from error
        said = Said(f"CRS from the grid mapping: {found.name}.", f"坐标系取自文件的投影变量：{found.name}。")
        return found.to_wkt(), said
    units = {re.sub(r"_?([NE])$", r"\1", str(dataset[d].attrs.get("units", ""))).lower() for d in names}
    if all(u.startswith("degree") for u in units) and any(u.endswith(("north", "east", "n", "e")) for u in units):
        return "EPSG:4326", DEGREES
    if crs:
        return crs, Said(f"CRS from the configuration: {crs}.", f"坐标系取自配置：{crs}。")
    what = f"{path.name} has no CRS: no grid mapping, and its axes are not CF latitude and longitude"
    raise CrsError(what, where=str(path), fix="give `crs: EPSG:nnnn` for this source, or add a grid mapping")


DEGREES = Said("CRS: latitude and longitude, taken as WGS 84.", "坐标系：经纬度，按 WGS 84。")


def values_of(part: Variable, *, scale: float = 1.0, fills: Sequence[float] = ()) -> da.Array:
    """Return the values of a variable as a lazy float32 array in blocks of about BLOCK_CELLS, times `scale`.

    Fill values in attributes that CF does not know (CodeMissingValue), and `fills`, become NaN.
    """
    n = max(1, BLOCK_CELLS // max(1, part.place.shape[0] * part.place.shape[1]))
    data = part.values.chunk({"time": n, "y": -1, "x": -1}).data.astype(np.float32)
    marks = [float(v) for k in _FILLS if (v := _number(part.attrs.get(k))) is not None]
    for mark in {*marks, *map(float, fills)}:
        data = da.where(np.isclose(data, mark, rtol=1e-6, atol=0) if mark else data == mark, np.float32(np.nan), data)
    return data if scale == 1.0 else data * np.float32(scale)


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(np.asarray(value).reshape(-1)[0])
    except (TypeError, ValueError, IndexError):
        return None


def joined(parts: Sequence[Variable], data: Sequence[da.Array]) -> da.Array:
    """Return the data of several files end to end.

    Raises
    ------
    GridError : they lie on different grids.
    """
    first = parts[0].place
    for part in parts[1:]:
        same = part.place.shape == first.shape and all(
            np.allclose(getattr(part.place, a), getattr(first, a), rtol=0, atol=1e-4 * abs(first.x[1] - first.x[0]))
            for a in ("x", "y")
        )
        if not same:
            what = f"{part.path.name} lies on another grid than {parts[0].path.name}"
            raise GridError(what, where=str(part.path), fix="give the files of one product and one cut")
    return da.concatenate(list(data), axis=0)


def times_joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return times of several files end to end."""
    return np.concatenate([np.asarray(a, dtype="datetime64[ns]") for a in arrays])
