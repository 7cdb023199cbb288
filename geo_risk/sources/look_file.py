"""A velocity map and its look angles in MintPy's HDF5 layout, read by bands of rows with h5py and NumPy alone.

For the command that turns velocity files into one file of east and up: it must start at once, so nothing of xarray,
Dask or pyproj is loaded. `sources.insar` reads the same files for everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, DataError, GridError, RefusedFileError, UnitError

F32 = NDArray[np.float32]

_PLACE = ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")
_ANGLES = ("incidenceAngle", "azimuthAngle")


@dataclass(frozen=True)
class LookFile:
    """What the headers of a track's velocity and geometry say.

    Attributes
    ----------
    velocity, geometry : the files.
    shape : (y, x).
    has_std : whether the velocity file has `velocityStd`.
    attrs : text attributes of the velocity file.
    """

    velocity: Path
    geometry: Path
    shape: tuple[int, int]
    has_std: bool
    attrs: dict[str, str]


def open_look_file(velocity: Path, geometry: Path) -> LookFile:
    """Read and check the headers of `velocity.h5` and `geometryGeo.h5`.

    Raises
    ------
    CorruptFileError : one cannot be opened. RefusedFileError : no `velocity`, or no angles, of that shape.
    UnitError : UNIT of the velocity is not m/year. GridError : radar coordinates, or another place than the velocity.
    """
    with _opened(velocity) as file:
        data = file.get("velocity")
        if not isinstance(data, h5py.Dataset) or data.ndim != 2 or data.dtype.kind != "f":
            what = f"no dataset `velocity` (y, x) of floats among {sorted(file)[:8]}"
            raise RefusedFileError(what, where=str(velocity), fix="give MintPy's velocity.h5")
        shape = (int(data.shape[0]), int(data.shape[1]))
        std = file.get("velocityStd")
        has_std = isinstance(std, h5py.Dataset) and std.shape == shape
        attrs = {str(k): _text(v) for k, v in file.attrs.items()}
    if attrs.get("UNIT", "").strip().lower() not in {"m/year", "m/yr"}:
        what = f"the attribute UNIT is {attrs.get('UNIT')!r}; m/year needed"
        raise UnitError(what, where=str(velocity), fix="write the unit of the velocity into UNIT")
    with _opened(geometry) as file:
        if any(not isinstance(file.get(n), h5py.Dataset) or file[n].shape != shape for n in _ANGLES):
            what = f"no {' and '.join(_ANGLES)} of shape {shape} among {sorted(file)[:8]}"
            raise RefusedFileError(what, where=str(geometry), fix="give geometryGeo.h5 of the same frame")
        there = {str(k): _text(v) for k, v in file.attrs.items()}
    check_same_place([attrs, there], [velocity, geometry])
    return LookFile(velocity, geometry, shape, has_std, attrs)


def check_same_place(attrs: Sequence[dict[str, str]], paths: Sequence[Path]) -> None:
    """Raise GridError where files do not lie on one frame, or have none.

    A thousandth of a cell is forgiven at the corner, and 1e-5 of a cell in the step: it adds up over a frame.
    """
    places = []
    for found, path in zip(attrs, paths, strict=True):
        try:
            places.append([float(found[k]) for k in _PLACE])
        except (KeyError, ValueError) as error:
            what = f"attribute {error} is missing or no number: the file is in radar coordinates, or broken"
            raise GridError(what, where=str(path), fix="geocode it first (MintPy geocode.py)") from error
    first = places[0]
    for place, path in zip(places[1:], paths[1:], strict=True):
        apart = np.abs(np.subtract(place, first)) / abs(first[2])
        if not (apart <= (1e-3, 1e-3, 1e-5, 1e-5)).all():
            what = f"corner and step {place} where {paths[0].name} has {first}"
            raise GridError(what, where=str(path), fix="geocode all files onto one grid")


def read_looks(
    files: Sequence[LookFile], handles: Sequence[tuple[h5py.File, h5py.File]], rows: tuple[int, int]
) -> tuple[F32, F32 | None, F32, F32]:
    """Read a band of rows of all tracks.

    Returns
    -------
    velocity, std [m/yr] (None where a track has none), and the east and up component of the unit vector from
    ground to satellite, each (track, rows, x) float32; E = -sin(inc) sin(az), U = cos(inc). NaN stays NaN. A velocity
    of exactly 0 (MintPy's value outside its mask) and an incidence of 0 (no geometry) are missing.

    Raises
    ------
    CorruptFileError : the band cannot be read. DataError : incidence angles that are not within 0-90 degrees, or are
    radians.
    """
    shape = (len(files), rows[1] - rows[0], files[0].shape[1])
    velocity, east, up = (np.empty(shape, dtype=np.float32) for _ in range(3))
    window = np.s_[rows[0] : rows[1]]
    std = np.empty(shape, dtype=np.float32) if all(f.has_std for f in files) else None
    for k, (file, (values, angles)) in enumerate(zip(files, handles, strict=True)):
        try:
            values["velocity"].read_direct(velocity, window, k)
            if std is not None:
                values["velocityStd"].read_direct(std, window, k)
            incidence, azimuth = (np.asarray(angles[n][window], dtype=np.float32) for n in _ANGLES)
        except OSError as error:
            what = f"rows {rows[0]}-{rows[1]} cannot be read: {error}"
            raise CorruptFileError(what, where=str(file.velocity), fix="fetch or write the file again") from error
        np.putmask(velocity[k], velocity[k] == 0, np.nan)
        np.putmask(incidence, incidence == 0, np.nan)
        known = incidence[np.isfinite(incidence)]
        if known.size and not (known.min() >= 0 and 2 < known.max() < 90):
            what = f"incidence angles from {known.min():.3g} to {known.max():.3g}; degrees between 2 and 90 needed"
            raise DataError(what, where=str(file.geometry), fix="write the angles in degrees, not in radians")
        incidence *= np.float32(np.pi / 180)
        azimuth *= np.float32(np.pi / 180)
        np.cos(incidence, out=up[k])
        np.sin(incidence, out=incidence)
        np.multiply(np.negative(np.sin(azimuth, out=azimuth), out=azimuth), incidence, out=east[k])
    return velocity, std, east, up


def opened(files: Sequence[LookFile], stack: ExitStack) -> list[tuple[h5py.File, h5py.File]]:
    """Open velocity and geometry of every track until the stack closes."""
    return [(stack.enter_context(_opened(f.velocity)), stack.enter_context(_opened(f.geometry))) for f in files]


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        what = f"the HDF5 file cannot be opened: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
