"""The attributes of MintPy files: grid, pass, unit, reference."""

from __future__ import annotations

from pathlib import Path

import h5py
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.errors import CrsError, GridError
from geo_risk.sources.hdf5_header import attribute
from geo_risk.sources.insar import Frame

_KEYS = (
    "FILE_TYPE", "UNIT", "X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP", "X_UNIT", "EPSG", "UTM_ZONE", "REF_Y", "REF_X",
    "REF_LAT", "REF_LON", "REF_DATE", "HEADING", "ANTENNA_SIDE", "ORBIT_DIRECTION", "FLIGHT_DIRECTION",
    "flight_direction", "look_direction", "WAVELENGTH", "wavelength",
)  # fmt: skip


def header(file: h5py.File) -> dict[str, str]:
    """Return the attributes that matter of a MintPy file as texts; those that are absent or empty are left out."""
    found = {k: attribute(file, k) for k in _KEYS}
    return {k: v for k, v in found.items() if v}


def convention(attrs: dict[str, str]) -> str:
    """Return who fixes the sign, and the reference cell."""
    reference = f"reference cell row {attrs.get('REF_Y', '?')}, column {attrs.get('REF_X', '?')}"
    return f"the convention of MintPy's {attrs.get('FILE_TYPE', 'file')} ({reference})"


def reference_text(attrs: dict[str, str]) -> str:
    """Return what the displacements are relative to, as far as the attributes tell."""
    parts = [f"row {attrs['REF_Y']}, column {attrs['REF_X']}"] if {"REF_Y", "REF_X"} <= set(attrs) else []
    return ", ".join(parts + ([f"date {attrs['REF_DATE']}"] if "REF_DATE" in attrs else []))


def reference_cell(attrs: dict[str, str]) -> tuple[float, float, float, float] | None:
    """Return row, column, y and x of the reference cell, None where the attributes do not give all four."""
    try:
        row, column, y, x = (float(attrs[k]) for k in ("REF_Y", "REF_X", "REF_LAT", "REF_LON"))
    except (KeyError, ValueError):
        return None
    return row, column, y, x


def frame_of_header(attrs: dict[str, str], shape: tuple[int, ...], path: Path) -> Frame:
    """Return the frame of a MintPy file: X_FIRST, Y_FIRST are its upper-left corner.

    Raises
    ------
    GridError : in radar coordinates, south-up, or no numbers. CrsError : no CRS, or one that does not fit.
    """
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
    zone = attrs.get("UTM_ZONE", "")
    code = attrs.get("EPSG", "")
    if code:
        text = f"EPSG:{code.split('.')[0].upper().removeprefix('EPSG:')}"
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
