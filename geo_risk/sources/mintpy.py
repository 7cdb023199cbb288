"""MintPy HDF5: timeseries.h5, velocity.h5, geometryGeo.h5, avgSpatialCoh.h5, read block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.errors import AmbiguousError, DataError, GridError
from geo_risk.sources.hdf5 import lazy
from geo_risk.sources.hdf5_header import has, numbers, opened, texts
from geo_risk.sources.hdf5_values import sample_rows, stored
from geo_risk.sources.insar import (
    Frame,
    build,
    check_coherence,
    check_los,
    check_magnitude,
    check_times,
    has_signature,
    rounded_coherence,
)
from geo_risk.sources.insar_audit import angles_of_heading, check_heading, reference_evidence, settle, stated
from geo_risk.sources.look_checks import AZIMUTH_DEG, INCIDENCE_DEG, check_azimuth, check_incidence, pass_of
from geo_risk.sources.mintpy_header import (
    convention,
    frame_of_header,
    header,
    reference_cell,
    reference_text,
)
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.samples import sampled
from geo_risk.sources.stack import lazy_tif, tif_frame
from geo_risk.sources.wavelength import wavelength_of

ZEROS = "missing: cells that are 0 on every date, outside the product's mask or the reference cell itself"

_COHERENCES = ("coherence", "temporalCoherence", "avgSpatialCoh", "mask")

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


@dataclass(frozen=True)
class Motion:
    """What a series or velocity holds by itself: variables, dates, frame as if of corners, attributes, audit."""

    path: Path
    variables: Variables
    times: Any
    frame: Frame
    attrs: dict[str, str]
    audit: list[str]


def open_timeseries(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open a MintPy `timeseries.h5` with its geometry; see `sources.insar.open_insar`."""
    motion = read_timeseries(paths[0], options)
    place = Place(motion.path, motion.frame, motion.attrs, options, track)
    return _with_look(motion, place, open_geometry(geometry, track=track), coherence, notes=[ZEROS])


def open_velocity(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open a MintPy `velocity.h5` with its geometry; see `sources.insar.open_insar`."""
    motion = read_velocity(paths[0], options)
    place = Place(motion.path, motion.frame, motion.attrs, options, track)
    return _with_look(motion, place, open_geometry(geometry, track=track), coherence, notes=[])


def _with_look(
    motion: Motion, place: Place, looks: Geometry, coherence: Path | None, *, notes: Sequence[str]
) -> xr.Dataset:
    variables = {n: (on_land(array, looks.land), *told) for n, (array, *told) in motion.variables.items()}
    audit = list(motion.audit)
    frame, more = with_geometry(place, geometry=looks, coherence=coherence, audit=audit)
    return _finished(build(variables | more, frame, times=motion.times, audit=[*audit, *notes]), motion.attrs)


def read_timeseries(path: Path, options: TrackOptions) -> Motion:
    """Read what a `timeseries.h5` holds, lazy, without a geometry; raises as `sources.insar.open_insar`."""
    with opened(path) as file:
        attrs = header(file)
        data = numbers(file, "timeseries", dims=3)
        frame = frame_of_header(attrs, data.shape, path)
        days = texts(file, "date") if has(file, "date") else []
        held = stated(attrs.get("UNIT"), "m", options=options, maker=convention(attrs), where=f"{path.name}, UNIT")
        sample = sample_rows(data, is_motion=True) * held.scale
        declared = stored(data).sentences()
        n_layers = data.shape[0]
    times = check_times(days, where=f"{path}, date")
    if len(times) != n_layers:
        what = f"{len(times)} dates for {n_layers} layers"
        raise DataError(what, where=str(path), fix="write the series again; `date` and `timeseries` must agree")
    audit = [check_magnitude(sample, unit="m", where=str(path), is_said=held.is_unit_said), held.sign, *declared]
    displacement = lazy(path, "timeseries", scale=held.scale, zero_is_missing=True, is_motion=True)
    variables: Variables = {"displacement": (displacement, "m", "line-of-sight displacement")}
    return Motion(path, variables, times, frame, attrs, audit)


def read_velocity(path: Path, options: TrackOptions) -> Motion:
    """Read what a `velocity.h5` holds, lazy, without a geometry; raises as `sources.insar.open_insar`."""
    with opened(path) as file:
        attrs = header(file)
        data = numbers(file, "velocity", dims=2)
        frame = frame_of_header(attrs, data.shape, path)
        held = stated(attrs.get("UNIT"), "mm/yr", options=options, maker=convention(attrs), where=f"{path.name}, UNIT")
        sample = sample_rows(data, is_motion=True) * held.scale
        declared = stored(data).sentences()
        has_std = has(file, "velocityStd")
    audit = [check_magnitude(sample, unit="mm/yr", where=str(path), is_said=held.is_unit_said), held.sign, *declared]
    velocity = lazy(path, "velocity", scale=held.scale, zero_is_missing=True, is_motion=True)
    variables: Variables = {"velocity": (velocity, "mm/yr", "line-of-sight velocity")}
    if has_std:
        # an error of exactly zero is the reference cell or lies outside the mask: no weight can be made of it
        std = lazy(path, "velocityStd", scale=abs(held.scale), zero_is_missing=True, is_motion=True)
        variables["velocity_std"] = (std, "mm/yr", "standard error of the line-of-sight velocity")
    return Motion(path, variables, None, frame, attrs, audit)


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
    land: da.Array | None = None
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
        place.frame, reference_cell(attrs), said=registration is not None, where=f"{place.path}, REF_LAT, REF_LON"
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


def on_land(values: da.Array, land: da.Array | None) -> da.Array:
    """Return a map or a series with the water of a geometry's waterMask missing; laziness and chunks stay."""
    if land is None:
        return values
    return da.where(land.rechunk(values.chunks[-2:]) != 0, values, np.float32(np.nan))


def los_variables(los: Sequence[da.Array]) -> Variables:
    """Return east, north and up as variables of a track."""
    names = ("east", "north", "up")
    return {f"los_{n}": (a, "1", f"line of sight, {n} component, ground to satellite")
            for n, a in zip(names, los, strict=True)}  # fmt: skip


def open_geometry(paths: Sequence[Path], *, track: str) -> Geometry:
    """Return the geometry of a `geometryGeo.h5`, lazy; see `geometry_in`.

    Raises
    ------
    DataError : no geometry was given. AmbiguousError : several were.
    """
    if len(paths) > 1:
        what = f"{len(paths)} geometry files ({', '.join(p.name for p in paths[:5])}); MintPy's geometry is one file"
        raise AmbiguousError(what, where="inputs.insar[].geometry", fix="name the one of this track's grid")
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
        there = {n for n in ("azimuthAngle", "height", "shadowMask", "waterMask") if has(file, prefix + n)}
        for name in there:
            if numbers(file, prefix + name, dims=2).shape != data.shape:
                what = f"{name} and incidenceAngle differ in shape"
                raise GridError(what, where=str(path), fix="write the geometry again")
    odd = check_incidence(angles, where=str(path))
    incidence = da.deg2rad(_angles(lazy(path, f"{prefix}incidenceAngle"), *INCIDENCE_DEG))
    azimuth, note = _azimuth(path, prefix, attrs, is_there="azimuthAngle" in there)
    los = [-da.sin(incidence) * da.sin(azimuth), da.sin(incidence) * da.cos(azimuth), da.cos(incidence)]
    height = lazy(path, f"{prefix}height") if "height" in there else None
    shadow = lazy(path, f"{prefix}shadowMask") if "shadowMask" in there else None
    if shadow is not None:
        shadow = da.where(da.isfinite(shadow), (shadow > 0).astype(np.float32), np.float32(np.nan))
        note = "; ".join(t for t in (note, "shadow: cells of shadowMask other than 0 are in layover or shadow") if t)
    land, sentence = _land(path, prefix) if "waterMask" in there else (None, "")
    notes = "; ".join(n for n in (note, odd, sentence) if n)
    return Geometry(los, frame, path, height=height, shadow=shadow, land=land, note=notes)


def _angles(degrees: da.Array, low: float, high: float) -> da.Array:
    """Return angles with those that are not between two others missing."""
    return da.where((degrees > low) & (degrees < high), degrees, np.float32(np.nan))


def _land(path: Path, prefix: str) -> tuple[da.Array, str]:
    """Return waterMask (0 is water in MintPy) and what it hides.

    Raises
    ------
    AmbiguousError : it calls all of a sample water, as a mask with 1 on water would over land.
    """
    name = f"{prefix}waterMask"
    with opened(path) as file:
        sample = sample_rows(numbers(file, name, dims=2), count=64)
    share = float((sample == 0).mean())
    if not share < 1:
        what = "waterMask is 0 everywhere, which calls the whole frame water in MintPy: is 1 water in this file?"
        raise AmbiguousError(what, where=str(path), fix="turn waterMask so that land is 1, or take it out of the file")
    return lazy(path, name), f"water: cells where waterMask is 0 are missing, {share:.1%} of a sample of rows"


def _azimuth(path: Path, prefix: str, attrs: dict[str, str], *, is_there: bool) -> tuple[Any, str]:
    if is_there:
        with opened(path) as file:
            sample = sample_rows(numbers(file, f"{prefix}azimuthAngle", dims=2))
        check_azimuth(sample, heading_deg=pass_of(attrs)[1], where=str(path))
        return da.deg2rad(_angles(lazy(path, f"{prefix}azimuthAngle"), -AZIMUTH_DEG, AZIMUTH_DEG)), ""
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
        return coherence_tif(path)
    with opened(path) as file:
        names = [n for n in _COHERENCES if has(file, n)]
        if not names:
            what = f"no coherence among {sorted(file)[:8]}"
            raise DataError(what, where=str(path), fix="give avgSpatialCoh.h5 or temporalCoherence.h5")
        data = numbers(file, names[0], dims=2)
        frame.check_same(frame_of_header(header(file), data.shape, path), where=str(path))
    return coherence_in(path, names[0])


def coherence_tif(path: Path) -> da.Array:
    """Return a GeoTIFF of coherence, lazy, after a look at some of it; raises as `coherence_in`."""
    out = lazy_tif(path)
    check_coherence(sampled([out])[0], where=str(path))
    return rounded_coherence(out)


def coherence_in(path: Path, name: str) -> da.Array:
    """Return a dataset of coherence, lazy, after a look at a few rows.

    Raises
    ------
    DataError : a value outside 0-1.
    """
    with opened(path) as file:
        sample = sample_rows(numbers(file, name, dims=2))
    check_coherence(sample, where=str(path))
    return rounded_coherence(lazy(path, name))


def _finished(dataset: xr.Dataset, attrs: dict[str, str]) -> xr.Dataset:
    return dataset.assign_attrs(reference=reference_text(attrs), **wavelength_of(attrs))
