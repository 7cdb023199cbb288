"""MintPy HDF5: timeseries.h5, velocity.h5, geometryGeo.h5, avgSpatialCoh.h5, read block by block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.errors import CorruptFileError, CrsError, DataError, GridError, RefusedFileError
from geo_risk.core.units import factor
from geo_risk.sources.insar import Frame, build, check_los, check_magnitude, check_times, has_signature
from geo_risk.sources.options import TrackOptions

BLOCK_BYTES = 64 * 2**20
"""Bytes of one lazily read block."""


def is_timeseries(paths: Sequence[Path]) -> bool:
    """Return whether the files are one MintPy `timeseries.h5`, by its datasets."""
    return _holds(paths, "timeseries")


def is_velocity(paths: Sequence[Path]) -> bool:
    """Return whether the files are one MintPy `velocity.h5`, by its datasets."""
    return _holds(paths, "velocity")


def _holds(paths: Sequence[Path], name: str) -> bool:
    if len(paths) != 1 or not has_signature(paths[0], b"\x89HDF"):
        return False
    with _opened(paths[0]) as file:
        return isinstance(file.get(name), h5py.Dataset)


def open_timeseries(
    paths: Sequence[Path],
    *,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    options: TrackOptions,  # noqa: ARG001 - the file says it all
) -> xr.Dataset:
    """Open a MintPy `timeseries.h5` with its geometry; see `sources.insar.open_insar`."""
    path = paths[0]
    with _opened(path) as file:
        attrs = _attrs(file)
        frame = _frame(attrs, file["timeseries"].shape, path)
        days = [_text(d) for d in np.asarray(file["date"])] if "date" in file else []
        scale = factor(attrs.get("UNIT"), "m", where=f"{path.name}, UNIT")
        sample = _sample(file["timeseries"], path) * scale
        shape = file["timeseries"].shape
    times = check_times(days, where=f"{path}, date")
    if len(times) != shape[0]:
        what = f"{len(times)} dates for {shape[0]} layers"
        raise DataError(what, where=str(path), fix="write the series again; `date` and `timeseries` must agree")
    audit = [check_magnitude(sample, unit="m", where=str(path)), _sign(attrs), _corner(attrs, frame)]
    displacement = lazy_dataset(path, "timeseries", scale=scale)
    variables = {"displacement": (displacement, "m", "line-of-sight displacement")}
    variables |= _extras(frame, geometry, coherence, track, attrs, audit)
    return build(variables, frame, times=times, audit=audit)


def open_velocity(
    paths: Sequence[Path],
    *,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    options: TrackOptions,  # noqa: ARG001 - the file says it all
) -> xr.Dataset:
    """Open a MintPy `velocity.h5` with its geometry; see `sources.insar.open_insar`."""
    path = paths[0]
    with _opened(path) as file:
        attrs = _attrs(file)
        frame = _frame(attrs, file["velocity"].shape, path)
        scale = factor(attrs.get("UNIT"), "mm/yr", where=f"{path.name}, UNIT")
        sample = _sample(file["velocity"], path) * scale
        has_std = isinstance(file.get("velocityStd"), h5py.Dataset)
    audit = [check_magnitude(sample, unit="mm/yr", where=str(path)), _sign(attrs), _corner(attrs, frame)]
    variables = {"velocity": (lazy_dataset(path, "velocity", scale=scale), "mm/yr", "line-of-sight velocity")}
    if has_std:
        std = lazy_dataset(path, "velocityStd", scale=scale)
        variables["velocity_std"] = (std, "mm/yr", "standard error of the line-of-sight velocity")
    variables |= _extras(frame, geometry, coherence, track, attrs, audit)
    return build(variables, frame, audit=audit)


def lazy_dataset(path: Path, name: str, *, scale: float = 1.0) -> da.Array:
    """Return one float dataset of an HDF5 file as a lazy float32 array, all dates of a band of rows in a block.

    A file handle is opened per block and none is kept. Reading fails with CorruptFileError that names the block.
    """
    with _opened(path) as file:
        data = file[name]
        if data.dtype.kind not in "fiu" or data.ndim not in (2, 3):
            what = (
                f"dataset {name!r} has type {data.dtype} and shape {data.shape}; numbers (y, x) or (time, y, x) needed"
            )
            raise RefusedFileError(what, where=str(path), fix="write the product again with MintPy")
        shape = data.shape
    n_rows = max(1, min(shape[-2], BLOCK_BYTES // max(1, 4 * shape[-1] * (shape[0] if len(shape) == 3 else 1))))
    chunks = da.core.normalize_chunks((*shape[:-2], n_rows, shape[-1]), shape=shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        window = tuple(slice(a, b) for a, b in block_info[None]["array-location"])
        try:
            with h5py.File(path, "r") as source:
                out = np.asarray(source[name][window], dtype=np.float32)
        except OSError as error:
            what = f"dataset {name!r} cannot be read at rows {window[-2].start}-{window[-2].stop}: {error}"
            raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
        return out * np.float32(scale) if scale != 1.0 else out

    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * len(shape), np.float32))


def open_geometry(paths: Sequence[Path], frame: Frame, *, track: str) -> tuple[list[da.Array], da.Array | None, Path]:
    """Return the LOS unit vector (east, north, up), lazy, and height [m] where the file has it.

    MintPy's `azimuthAngle` is that of the vector ground to satellite, anticlockwise from north; then
    E = -sin(inc) sin(az), N = sin(inc) cos(az), U = cos(inc).

    Raises
    ------
    DataError : no geometry was given, or it lacks an angle. GridError : another grid than the track's.
    """
    if not paths:
        what = f"track {track!r} has no line-of-sight geometry"
        raise DataError(what, where="inputs.insar[].geometry", fix="give geometryGeo.h5 (incidenceAngle, azimuthAngle)")
    path = paths[0]
    with _opened(path) as file:
        missing = [n for n in ("incidenceAngle", "azimuthAngle") if n not in file]
        if missing:
            what = f"the geometry lacks {missing}"
            raise DataError(what, where=str(path), fix="give MintPy's geometryGeo.h5 with both angles")
        frame.check_same(_frame(_attrs(file), file["incidenceAngle"].shape, path), where=str(path))
        angles = np.asarray(file["incidenceAngle"][:: max(1, frame.shape[0] // 50)], dtype=np.float64)
        has_height = "height" in file
    high = float(np.nanmax(angles)) if np.isfinite(angles).any() else np.nan
    if not 2.0 < high < 90.0:
        what = f"incidence angles reach {high:.3g}; degrees between 2 and 90 needed (radians?)"
        raise DataError(what, where=str(path), fix="write the angles in degrees")
    incidence = da.deg2rad(lazy_dataset(path, "incidenceAngle"))
    azimuth = da.deg2rad(lazy_dataset(path, "azimuthAngle"))
    los = [-da.sin(incidence) * da.sin(azimuth), da.sin(incidence) * da.cos(azimuth), da.cos(incidence)]
    return los, lazy_dataset(path, "height") if has_height else None, path


def open_coherence(path: Path, frame: Frame) -> da.Array:
    """Return a mean coherence (y, x) 0-1, lazy, from an HDF5 file with one 2-D dataset named so.

    Raises
    ------
    DataError : no such dataset, or values outside 0-1. GridError : another grid.
    """
    with _opened(path) as file:
        names = [n for n in ("coherence", "temporalCoherence", "avgSpatialCoh") if n in file and file[n].ndim == 2]
        if not names:
            what = f"no coherence among {sorted(file)[:8]}"
            raise DataError(what, where=str(path), fix="give avgSpatialCoh.h5 or temporalCoherence.h5")
        frame.check_same(_frame(_attrs(file), file[names[0]].shape, path), where=str(path))
        sample = _sample(file[names[0]], path)
    if not (np.nanmin(sample) >= 0 and np.nanmax(sample) <= 1):
        what = f"coherence runs from {np.nanmin(sample):.3g} to {np.nanmax(sample):.3g}; 0-1 needed"
        raise DataError(what, where=str(path), fix="scale it to 0-1")
    return lazy_dataset(path, names[0])


def _extras(
    frame: Frame, geometry: Sequence[Path], coherence: Path | None, track: str, attrs: dict[str, str], audit: list[str]
) -> dict[str, tuple[Any, str, str]]:
    los, height, source = open_geometry(geometry, frame, track=track)
    orbit = {"A": "ascending", "D": "descending"}.get(attrs.get("ORBIT_DIRECTION", " ").strip()[:1].upper())
    audit.append(check_los(los, where=str(source), orbit=orbit))
    names = ("east", "north", "up")
    out: dict[str, tuple[Any, str, str]] = {
        f"los_{n}": (a, "1", f"line of sight, {n} component, ground to satellite")
        for n, a in zip(names, los, strict=True)
    }
    if height is not None:
        out["height"] = (height, "m", "height")
    if coherence is not None:
        out["coherence"] = (open_coherence(coherence, frame), "1", "mean coherence")
    return out


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        what = f"the HDF5 file cannot be opened: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error


def _attrs(file: h5py.File) -> dict[str, str]:
    return {str(k): _text(v) for k, v in file.attrs.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _frame(attrs: dict[str, str], shape: tuple[int, ...], path: Path) -> Frame:
    keys = ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")
    absent = [k for k in keys if k not in attrs]
    if absent:
        what = f"attributes {absent} are missing: the file is in radar coordinates"
        raise GridError(what, where=str(path), fix="geocode it first (MintPy geocode.py)")
    try:
        x, y, dx, dy = (float(attrs[k]) for k in keys)
    except ValueError as error:
        what = f"a corner or step attribute is no number: {error}"
        raise GridError(what, where=str(path), fix="repair X_FIRST, Y_FIRST, X_STEP, Y_STEP") from error
    if not (dx > 0 > dy):
        what = f"X_STEP {dx}, Y_STEP {dy}; rows must run from north to south"
        raise GridError(what, where=str(path), fix="write the product north-up")
    return Frame(_crs(attrs, (x, y), path), Affine(dx, 0, x, 0, dy, y), (int(shape[-2]), int(shape[-1])))


def _crs(attrs: dict[str, str], corner: tuple[float, float], path: Path) -> str:
    degrees = attrs.get("X_UNIT", "").lower().startswith("deg")
    zone = attrs.get("UTM_ZONE", "").strip()
    if attrs.get("EPSG", "").strip():
        text = f"EPSG:{int(float(attrs['EPSG']))}"
    elif zone[:-1].isdigit() and zone[-1].upper() in "NS":
        text = f"EPSG:{(326 if zone[-1].upper() == 'N' else 327)}{int(zone[:-1]):02d}"
    elif degrees:
        text = "EPSG:4326"
    else:
        what = "no EPSG, UTM_ZONE or X_UNIT of degrees"
        raise CrsError(what, where=str(path), fix="add the attribute EPSG to the file")
    try:
        crs = CRS(text)
    except CRSError as error:
        what = f"the attribute EPSG is {text}, which is not known"
        raise CrsError(what, where=str(path), fix="write the code of the file's CRS") from error
    in_range = abs(corner[0]) <= 360 and abs(corner[1]) <= 90
    if crs.is_geographic != in_range or (degrees and not crs.is_geographic):
        what = f"{text} does not fit a corner at {corner} with X_UNIT {attrs.get('X_UNIT')!r}"
        raise CrsError(what, where=str(path), fix="make EPSG, X_UNIT and X_FIRST/Y_FIRST agree")
    return text


def _sample(data: h5py.Dataset, path: Path) -> NDArray[np.float64]:
    if data.dtype.kind not in "fiu" or data.ndim not in (2, 3):
        what = f"dataset {data.name!r} has type {data.dtype}, shape {data.shape}"
        raise RefusedFileError(what, where=str(path), fix="write the product again with MintPy")
    rows = np.unique(np.linspace(0, data.shape[-2] - 1, min(8, data.shape[-2])).astype(int))
    try:
        lines = [data[-1, r] if data.ndim == 3 else data[r] for r in rows]
    except OSError as error:
        what = f"dataset {data.name!r} cannot be read: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
    return np.asarray(lines, dtype=np.float64)


def _sign(attrs: dict[str, str]) -> str:
    reference = f"reference pixel ({attrs.get('REF_Y', '?')}, {attrs.get('REF_X', '?')})"
    return (
        f"sign: positive toward the satellite, the convention of MintPy's {attrs.get('FILE_TYPE', 'file')}; {reference}"
    )


def _corner(attrs: dict[str, str], frame: Frame) -> str:
    x, y = float(attrs["X_FIRST"]), float(attrs["Y_FIRST"])
    return f"registration: X_FIRST, Y_FIRST = {x:.10g}, {y:.10g} are the upper-left corner in MintPy; {frame.crs}"
