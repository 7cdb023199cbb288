"""MintPy HDF5: timeseries.h5, velocity.h5, geometryGeo.h5, avgSpatialCoh.h5, read block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import xarray as xr
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.errors import CrsError, DataError, GridError
from geo_risk.sources.hdf5 import attribute, has, lazy, numbers, opened, sample_rows, texts
from geo_risk.sources.insar import Frame, build, check_los, check_magnitude, check_times, has_signature
from geo_risk.sources.insar_audit import angles_of_heading, check_heading, reference_evidence, settle, stated
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.stack import lazy_tif, tif_frame

_KEYS = (
    "FILE_TYPE", "UNIT", "X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP", "X_UNIT", "EPSG", "UTM_ZONE", "REF_Y", "REF_X",
    "REF_LAT", "REF_LON", "REF_DATE", "HEADING", "ANTENNA_SIDE", "ORBIT_DIRECTION", "FLIGHT_DIRECTION",
    "flight_direction", "look_direction",
)  # fmt: skip

ZEROS = "missing: cells that are 0 on every date, outside the product's mask or the reference cell itself"

_COHERENCES = ("coherence", "temporalCoherence", "avgSpatialCoh")

Variables = dict[str, tuple[Any, str, str]]


def is_timeseries(paths: Sequence[Path]) -> bool:
    """Return whether the files are one MintPy `timeseries.h5`, by its datasets."""
    return _holds(paths, "timeseries")


def is_velocity(paths: Sequence[Path]) -> bool:
    """Return whether the files are one MintPy `velocity.h5`, by its datasets."""
    return _holds(paths, "velocity")


def _holds(paths: Sequence[Path], name: str) -> bool:
    if len(paths) != 1 or not has_signature(paths[0], b"\x89HDF"):
        return False
    with opened(paths[0]) as file:
        return has(file, name)


def open_timeseries(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open a MintPy `timeseries.h5` with its geometry; see `sources.insar.open_insar`."""
    path = paths[0]
    with opened(path) as file:
        attrs = header(file)
        data = numbers(file, "timeseries", dims=3)
        frame = frame_of_header(attrs, data.shape, path)
        days = texts(file, "date") if has(file, "date") else []
        held = stated(attrs.get("UNIT"), "m", options=options, maker=convention(attrs), where=f"{path.name}, UNIT")
        sample = sample_rows(data) * held.scale
        n_layers = data.shape[0]
    times = check_times(days, where=f"{path}, date")
    if len(times) != n_layers:
        what = f"{len(times)} dates for {n_layers} layers"
        raise DataError(what, where=str(path), fix="write the series again; `date` and `timeseries` must agree")
    audit = [check_magnitude(sample, unit="m", where=str(path), is_said=held.is_unit_said), held.sign]
    displacement = lazy(path, "timeseries", scale=held.scale, zero_is_missing=True)
    variables: Variables = {"displacement": (displacement, "m", "line-of-sight displacement")}
    place = Place(path, frame, attrs, options, track)
    frame, more = with_geometry(place, geometry=open_geometry(geometry, track=track), coherence=coherence, audit=audit)
    return _finished(build(variables | more, frame, times=times, audit=[*audit, ZEROS]), attrs)


def open_velocity(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open a MintPy `velocity.h5` with its geometry; see `sources.insar.open_insar`."""
    path = paths[0]
    with opened(path) as file:
        attrs = header(file)
        data = numbers(file, "velocity", dims=2)
        frame = frame_of_header(attrs, data.shape, path)
        held = stated(attrs.get("UNIT"), "mm/yr", options=options, maker=convention(attrs), where=f"{path.name}, UNIT")
        sample = sample_rows(data) * held.scale
        has_std = has(file, "velocityStd")
    audit = [check_magnitude(sample, unit="mm/yr", where=str(path), is_said=held.is_unit_said), held.sign]
    velocity = lazy(path, "velocity", scale=held.scale, zero_is_missing=True)
    variables: Variables = {"velocity": (velocity, "mm/yr", "line-of-sight velocity")}
    if has_std:
        # an error of exactly zero is the reference cell or lies outside the mask: no weight can be made of it
        std = lazy(path, "velocityStd", scale=abs(held.scale), zero_is_missing=True)
        variables["velocity_std"] = (std, "mm/yr", "standard error of the line-of-sight velocity")
    place = Place(path, frame, attrs, options, track)
    frame, more = with_geometry(place, geometry=open_geometry(geometry, track=track), coherence=coherence, audit=audit)
    return _finished(build(variables | more, frame, audit=audit), attrs)


@dataclass(frozen=True)
class Place:
    """A series or velocity whose geometry is to be joined: file, frame as if of corners, attributes, answers, track."""

    path: Path
    frame: Frame
    attrs: dict[str, str]
    options: TrackOptions
    track: str


@dataclass(frozen=True)
class Geometry:
    """Look vectors and what else a geometry file holds, lazy, on a frame read as if it named corners."""

    los: list[da.Array]
    frame: Frame
    source: Path
    height: da.Array | None = None
    shadow: da.Array | None = None
    note: str = ""


def with_geometry(
    place: Place, *, geometry: Geometry, coherence: Path | None, audit: list[str]
) -> tuple[Frame, Variables]:
    """Join a geometry to a series: settle the frame, audit the look vectors, add the sentences to `audit`.

    Raises
    ------
    GridError : another grid. AmbiguousError, DataError : see `insar_audit.settle`, `insar.check_los`, `check_heading`.
    """
    attrs, where = place.attrs, str(geometry.source)
    registration = place.options.registration
    frame, evidence = settle(place.frame, geometry.frame, registration=registration, where=where)
    evidence += reference_evidence(
        place.frame, _reference(attrs), said=registration is not None, where=f"{place.path}, REF_LAT, REF_LON"
    )
    t = frame.transform
    audit.append(f"registration: {frame.crs}, upper-left corner {t.c:.10g}, {t.f:.10g}: {evidence}")
    orbit, heading, is_right = pass_of(attrs)
    sentence = check_los(geometry.los, where=where, orbit=orbit if is_right else None)
    audit.append(sentence + check_heading(geometry.los, heading_deg=heading, is_right=is_right, where=where))
    if geometry.note:
        audit.append(geometry.note)
    out = los_variables(geometry.los)
    if geometry.height is not None:
        out["height"] = (geometry.height, "m", "height")
    if geometry.shadow is not None:
        out["shadow"] = (geometry.shadow, "1", "1 in layover or shadow by the product's own mask")
    if coherence is not None:
        out["coherence"] = (open_coherence(coherence, place.frame), "1", "mean coherence")
    return frame, out


def los_variables(los: Sequence[da.Array]) -> Variables:
    """Return east, north and up as variables of a track."""
    names = ("east", "north", "up")
    return {f"los_{n}": (a, "1", f"line of sight, {n} component, ground to satellite")
            for n, a in zip(names, los, strict=True)}  # fmt: skip


def open_geometry(paths: Sequence[Path], *, track: str) -> Geometry:
    """Return the geometry of a `geometryGeo.h5`, lazy; see `geometry_in`.

    Raises
    ------
    DataError : no geometry was given.
    """
    if not paths:
        what = f"track {track!r} has no line-of-sight geometry"
        raise DataError(what, where="inputs.insar[].geometry", fix="give geometryGeo.h5 (incidenceAngle, azimuthAngle)")
    return geometry_in(paths[0], prefix="")


def geometry_in(path: Path, *, prefix: str) -> Geometry:
    """Return the LOS unit vector (east, north, up), height [m] and shadow [1] of a group of an HDF5 file, lazy.

    MintPy's `azimuthAngle` is that of the vector ground to satellite, anticlockwise from north; then
    E = -sin(inc) sin(az), N = sin(inc) cos(az), U = cos(inc). Where it is absent, the heading gives it.

    Raises
    ------
    DataError : an angle is lacking, or not in degrees. GridError : no geocoded grid.
    """
    with opened(path) as file:
        attrs = header(file)
        if not has(file, f"{prefix}incidenceAngle"):
            what = "the geometry lacks incidenceAngle"
            raise DataError(what, where=str(path), fix="give MintPy's geometryGeo.h5 with both angles")
        data = numbers(file, f"{prefix}incidenceAngle", dims=2)
        frame = frame_of_header(attrs, data.shape, path)
        angles = sample_rows(data, count=50)
        there = {n for n in ("azimuthAngle", "height", "shadowMask") if has(file, prefix + n)}
        for name in there:
            if numbers(file, prefix + name, dims=2).shape != data.shape:
                what = f"{name} and incidenceAngle differ in shape"
                raise GridError(what, where=str(path), fix="write the geometry again")
    high = float(np.nanmax(angles)) if np.isfinite(angles).any() else np.nan
    if not 2.0 < high < 90.0:
        what = f"incidence angles reach {high:.3g}; degrees between 2 and 90 needed (radians?)"
        raise DataError(what, where=str(path), fix="write the angles in degrees")
    # a fill of 0 means no geometry: no satellite that measures motion looks straight down
    incidence = da.deg2rad(lazy(path, f"{prefix}incidenceAngle", zero_is_missing=True))
    azimuth, note = _azimuth(path, prefix, attrs, is_there="azimuthAngle" in there)
    los = [-da.sin(incidence) * da.sin(azimuth), da.sin(incidence) * da.cos(azimuth), da.cos(incidence)]
    height = lazy(path, f"{prefix}height") if "height" in there else None
    shadow = lazy(path, f"{prefix}shadowMask") if "shadowMask" in there else None
    if shadow is not None:
        shadow = da.where(da.isfinite(shadow), (shadow > 0).astype(np.float32), np.float32(np.nan))
        note = "; ".join(t for t in (note, "shadow: cells of shadowMask other than 0 are in layover or shadow") if t)
    return Geometry(los, frame, path, height=height, shadow=shadow, note=note)


def _azimuth(path: Path, prefix: str, attrs: dict[str, str], *, is_there: bool) -> tuple[Any, str]:
    if is_there:
        return da.deg2rad(lazy(path, f"{prefix}azimuthAngle")), ""
    _, heading, is_right = pass_of(attrs)
    if heading is None:
        what = "the geometry lacks azimuthAngle, and no attribute HEADING stands in for it"
        raise DataError(what, where=str(path), fix="give MintPy's geometryGeo.h5 with both angles")
    angle = angles_of_heading(heading, is_right=is_right)
    note = f"geometry: there is no azimuthAngle; one direction for the whole frame is made of HEADING {heading:.1f}"
    return np.deg2rad(angle), note


def part_in(path: Path) -> tuple[str, Frame, list[str]] | None:
    """Return what a MintPy file that is no series holds for a track ("geometry", "coherence"), its frame and datasets.

    None where it is neither.

    Raises
    ------
    GridError, CrsError : it is in radar coordinates, or without a CRS.
    """
    with opened(path) as file:
        names = ["incidenceAngle", *_COHERENCES]
        there = [n for n in names if has(file, n)]
        if not there:
            return None
        shape = numbers(file, there[0], dims=2).shape
        kind = "geometry" if there[0] == "incidenceAngle" else "coherence"
        return kind, frame_of_header(header(file), shape, path), sorted(n for n in file if has(file, n))


def open_coherence(path: Path, frame: Frame) -> da.Array:
    """Return a mean coherence (y, x) 0-1, lazy, from a GeoTIFF or an HDF5 file with one 2-D dataset named so.

    Raises
    ------
    DataError : no such dataset, or values outside 0-1. GridError : another grid.
    """
    if not has_signature(path, b"\x89HDF"):
        frame.check_same(tif_frame(path), where=str(path))
        return lazy_tif(path)
    with opened(path) as file:
        names = [n for n in _COHERENCES if has(file, n)]
        if not names:
            what = f"no coherence among {sorted(file)[:8]}"
            raise DataError(what, where=str(path), fix="give avgSpatialCoh.h5 or temporalCoherence.h5")
        data = numbers(file, names[0], dims=2)
        frame.check_same(frame_of_header(header(file), data.shape, path), where=str(path))
    return coherence_in(path, names[0])


def coherence_in(path: Path, name: str) -> da.Array:
    """Return a dataset of coherence, lazy, after a look at a few rows.

    Raises
    ------
    DataError : a value outside 0-1.
    """
    with opened(path) as file:
        sample = sample_rows(numbers(file, name, dims=2))
    known = sample[np.isfinite(sample)]
    if known.size and not (known.min() >= 0 and known.max() <= 1):
        what = f"coherence runs from {known.min():.3g} to {known.max():.3g}; 0-1 needed"
        raise DataError(what, where=str(path), fix="scale it to 0-1")
    return lazy(path, name)


def header(file: h5py.File) -> dict[str, str]:
    """Return the attributes that matter of a MintPy file as texts; those that are absent or empty are left out."""
    found = {k: attribute(file, k) for k in _KEYS}
    return {k: v for k, v in found.items() if v}


def pass_of(attrs: dict[str, str]) -> tuple[str | None, float | None, bool]:
    """Return orbit ("ascending", "descending", None), heading [degree, None] and whether the antenna looks right."""
    said = attrs.get("ORBIT_DIRECTION") or attrs.get("flight_direction") or attrs.get("FLIGHT_DIRECTION") or " "
    orbit = {"A": "ascending", "D": "descending"}.get(said[:1].upper())
    is_left = attrs.get("ANTENNA_SIDE", "-1") in {"1", "1.0", "+1"} or attrs.get("look_direction", "R").upper() == "L"
    try:
        heading = float(attrs["HEADING"]) if "HEADING" in attrs else None
    except ValueError:
        heading = None
    return orbit, heading if heading is not None and np.isfinite(heading) else None, not is_left


def convention(attrs: dict[str, str]) -> str:
    """Return who fixes the sign, and the reference cell."""
    reference = f"reference cell row {attrs.get('REF_Y', '?')}, column {attrs.get('REF_X', '?')}"
    return f"the convention of MintPy's {attrs.get('FILE_TYPE', 'file')} ({reference})"


def reference_text(attrs: dict[str, str]) -> str:
    """Return what the displacements are relative to, as far as the attributes tell."""
    parts = [f"row {attrs['REF_Y']}, column {attrs['REF_X']}"] if {"REF_Y", "REF_X"} <= set(attrs) else []
    return ", ".join(parts + ([f"date {attrs['REF_DATE']}"] if "REF_DATE" in attrs else []))


def _finished(dataset: xr.Dataset, attrs: dict[str, str]) -> xr.Dataset:
    return dataset.assign_attrs(reference=reference_text(attrs))


def _reference(attrs: dict[str, str]) -> tuple[float, float, float, float] | None:
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
