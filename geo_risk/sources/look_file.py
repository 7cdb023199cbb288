"""A velocity map and its look angles in MintPy's HDF5 layout, read by bands of rows with h5py and NumPy alone.

For the command that turns velocity files into one file of east and up: it must start at once, so nothing of xarray,
Dask or pyproj is loaded. `sources.insar` reads the same files for everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import (
    CorruptFileError,
    GridError,
    RefusedFileError,
    UnitError,
)
from geo_risk.sources.hdf5_header import has, numbers, text
from geo_risk.sources.hdf5_header import opened as opened_file
from geo_risk.sources.hdf5_values import Stored, sample_rows, stored
from geo_risk.sources.look_checks import (
    AZIMUTH_DEG,
    INCIDENCE_DEG,
    bearing_sentence,
    check_azimuth,
    check_incidence,
    check_side,
    pass_of,
)
from geo_risk.sources.marks import LIMIT_M, extremes, possible
from geo_risk.sources.series_checks import check_unit

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Handles = tuple[h5py.File, h5py.File]

_PLACE = ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")
_CRS = ("EPSG", "UTM_ZONE")
_WATER = "waterMask"
_ANGLES = ("incidenceAngle", "azimuthAngle")


@dataclass(frozen=True)
class LookFile:
    """What the headers of a track's velocity and geometry say.

    Attributes
    ----------
    velocity, geometry : the files.
    shape : (y, x).
    held : what the files declare of the numbers of `velocity`, `velocityStd` and `waterMask` where they are there, and
        of the angles.
    attrs : text attributes of the velocity file.
    """

    velocity: Path
    geometry: Path
    shape: tuple[int, int]
    held: dict[str, Stored]
    attrs: dict[str, str]

    @property
    def has_std(self) -> bool:
        """Whether the velocity file has `velocityStd`."""
        return "velocityStd" in self.held


def open_look_file(velocity: Path, geometry: Path, *, units_checked: bool = False) -> LookFile:
    """Read and check the headers of `velocity.h5` and `geometryGeo.h5`, and samples of velocities and angles.

    Raises
    ------
    CorruptFileError : one cannot be opened. RefusedFileError : no `velocity`, or no angles, of that shape, in the file
    itself. UnitError : UNIT of the velocity is not m/year. GridError : radar coordinates, or another place than the
    velocity. AmbiguousError : the velocities are none in that unit and not `units_checked`, or the look direction is
    not the one of the heading or the orbit. DataError : a mark of missing that is not declared, angles in radians.
    """
    with opened_file(velocity) as file:
        if not has(file, "velocity"):
            what = f"no dataset `velocity` (y, x) of numbers among {sorted(file)[:8]}"
            raise RefusedFileError(what, where=str(velocity), fix="give MintPy's velocity.h5")
        data = numbers(file, "velocity", dims=2)
        shape = (int(data.shape[0]), int(data.shape[1]))
        held = {"velocity": stored(data)}
        if has(file, "velocityStd") and (std := numbers(file, "velocityStd", dims=2)).shape == shape:
            held["velocityStd"] = stored(std)
        attrs = {str(k): text(v) for k, v in file.attrs.items()}
        if attrs.get("UNIT", "").strip().lower() not in {"m/year", "m/yr"}:
            what = f"the attribute UNIT is {attrs.get('UNIT')!r}; m/year needed"
            raise UnitError(what, where=str(velocity), fix="write the unit of the velocity into UNIT")
        sample = sample_rows(data, is_motion=True)
    check_unit(sample, unit="m/yr", where=f"{velocity}, UNIT", is_checked=units_checked)
    with opened_file(geometry) as file:
        parts = [numbers(file, n, dims=2) for n in _ANGLES if has(file, n)]
        if [p.shape for p in parts] != [shape, shape]:
            what = f"no {' and '.join(_ANGLES)} of shape {shape} among {sorted(file)[:8]}"
            raise RefusedFileError(what, where=str(geometry), fix="give geometryGeo.h5 of the same frame")
        there = {str(k): text(v) for k, v in file.attrs.items()}
        held |= {n: stored(p) for n, p in zip(_ANGLES, parts, strict=True)}
        if has(file, _WATER):
            water = numbers(file, _WATER, dims=2)
            if water.shape != shape:
                what = f"{_WATER} has shape {water.shape}, the angles have {shape}"
                raise GridError(what, where=str(geometry), fix="write the geometry again")
            held[_WATER] = stored(water)
        angles = [sample_rows(p) for p in parts]
    check_same_place([attrs, there], [velocity, geometry])
    _check_look(angles[0], angles[1], there | attrs, geometry)
    return LookFile(velocity, geometry, shape, held, attrs)


def _check_look(incidence: F64, azimuth: F64, attrs: Mapping[str, str], path: Path) -> None:
    """Check sampled angles [degree] against one another, the heading and the orbit; see `open_look_file`."""
    check_incidence(incidence, where=str(path))
    orbit, heading, is_right = pass_of(attrs)
    turn = np.deg2rad(check_azimuth(azimuth, heading_deg=heading, where=str(path)))
    east, north = -float(np.median(np.sin(turn))), float(np.median(np.cos(turn)))
    if heading is not None:
        bearing = float(np.degrees(np.arctan2(east, north))) % 360
        bearing_sentence(bearing, heading_deg=heading, is_right=is_right, where=str(path))
    check_side(east, orbit=orbit if is_right else None, where=str(path))


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
    for place, found, path in zip(places[1:], attrs[1:], paths[1:], strict=True):
        for name in _CRS:
            here, there = ("".join(filter(str.isdigit, a.get(name, ""))) for a in (found, attrs[0]))
            if here and there and here != there:
                what = f"{name} is {found[name]} where {paths[0].name} has {attrs[0][name]}"
                raise GridError(what, where=str(path), fix="geocode all files onto one grid")
        apart = np.abs(np.subtract(place, first)) / abs(first[2])
        if not (apart <= (1e-3, 1e-3, 1e-5, 1e-5)).all():
            what = f"corner and step {place} where {paths[0].name} has {first}"
            raise GridError(what, where=str(path), fix="geocode all files onto one grid")


@dataclass(frozen=True)
class Looks:
    """A band of rows of all tracks.

    Attributes
    ----------
    velocity, std : (track, rows, x) float32 [m/yr]; `std` is None where a track has none.
    east, up : components of the unit vector from ground to satellite, E = -sin(inc) sin(az), U = cos(inc).
    infinite, odd_angles : numbers of infinite velocities, and of angles that no satellite has; both are NaN now.
    """

    velocity: F32
    std: F32 | None
    east: F32
    up: F32
    infinite: int
    odd_angles: int


def read_looks(files: Sequence[LookFile], handles: Sequence[Handles], rows: tuple[int, int]) -> Looks:
    """Read a band of rows of all tracks.

    NaN stays NaN. A velocity of exactly 0 (MintPy's value outside its mask) or on water, where `waterMask` is 0, and an
    incidence of 0 (no geometry) are missing, and so are infinite velocities and angles that no satellite has, which are
    counted.

    Raises
    ------
    CorruptFileError : the band cannot be read. DataError : a mark of missing that is not declared, or a velocity that
    no ground has.
    """
    shape = (len(files), rows[1] - rows[0], files[0].shape[1])
    velocity, east, up = (np.empty(shape, dtype=np.float32) for _ in range(3))
    std = np.empty(shape, dtype=np.float32) if all(f.has_std for f in files) else None
    infinite = odd = 0
    for k, (file, (values, angles)) in enumerate(zip(files, handles, strict=True)):
        _read_motion(values, "velocity", file, rows, velocity[k])
        np.putmask(velocity[k], velocity[k] == 0, np.nan)
        plane, count = possible(velocity[k], limit=LIMIT_M, unit="m/yr", where=_place(file, rows))
        if count:
            velocity[k] = plane
        if _WATER in file.held:
            np.putmask(velocity[k], _read_plain(angles, _WATER, file, rows) == 0, np.nan)
        if std is not None:
            _read_motion(values, "velocityStd", file, rows, std[k])
        incidence, azimuth = (_read_plain(angles, n, file, rows) for n in _ANGLES)
        infinite += count
        odd += _unknown_outside(incidence, *INCIDENCE_DEG) + _unknown_outside(azimuth, -AZIMUTH_DEG, AZIMUTH_DEG)
        incidence *= np.float32(np.pi / 180)
        azimuth *= np.float32(np.pi / 180)
        np.cos(incidence, out=up[k])
        np.sin(incidence, out=incidence)
        np.multiply(np.negative(np.sin(azimuth, out=azimuth), out=azimuth), incidence, out=east[k])
    return Looks(velocity, std, east, up, infinite, odd)


def _read_motion(handle: h5py.File, name: str, file: LookFile, rows: tuple[int, int], out: F32) -> None:
    """Read rows of a dataset into `out` (rows, x); undeclared marks of missing are refused."""
    with _readable(handle, name, rows):
        handle[name].read_direct(out, np.s_[rows[0] : rows[1]])
    file.held[name].decoded(out, where=_place(file, rows, name))


def _read_plain(handle: h5py.File, name: str, file: LookFile, rows: tuple[int, int]) -> F32:
    """Return rows of angles [degree], or of a mask, as float32 (rows, x)."""
    with _readable(handle, name, rows):
        out = np.asarray(handle[name][rows[0] : rows[1]], dtype=np.float32)
    return file.held[name].decoded(out)


@contextmanager
def _readable(handle: h5py.File, name: str, rows: tuple[int, int]) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        what = f"{name!r} cannot be read at rows {rows[0]}-{rows[1]}: {error}"
        raise CorruptFileError(what, where=str(handle.filename), fix="fetch or write the file again") from error


def _place(file: LookFile, rows: tuple[int, int], name: str = "velocity") -> str:
    return f"{file.velocity}, {name}, rows {rows[0]}-{rows[1]}"


def _unknown_outside(angles: F32, low: float, high: float) -> int:
    """Make angles that are not between two others NaN, and return how many were neither NaN nor 0."""
    least, most = extremes(angles)
    if low < least and most < high:
        return 0
    outside = (angles <= low) | (angles >= high)
    count = int((outside & (angles != 0)).sum())
    np.putmask(angles, outside, np.nan)
    return count


def opened(files: Sequence[LookFile], stack: ExitStack) -> list[Handles]:
    """Open velocity and geometry of every track until the stack closes."""
    return [(stack.enter_context(opened_file(f.velocity)), stack.enter_context(opened_file(f.geometry))) for f in files]
