"""MintPy's HDF-EOS5 time series (.he5): series, quality and geometry in one file, read block by block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import xarray as xr
from pyproj import CRS

from geo_risk.core.errors import AmbiguousError, DataError, GridError
from geo_risk.sources import mintpy
from geo_risk.sources.hdf5 import lazy
from geo_risk.sources.hdf5_header import attribute, has, numbers, opened, texts
from geo_risk.sources.hdf5_values import sample_rows, stored
from geo_risk.sources.insar import Frame, build, check_magnitude, check_mask, check_times, has_signature
from geo_risk.sources.insar_audit import centred, stated
from geo_risk.sources.mintpy_header import convention, frame_of_header, header, reference_text
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.wavelength import wavelength_of

GROUP = "HDFEOS/GRIDS/timeseries/"
SERIES = f"{GROUP}observation/displacement"
_QUALITY = f"{GROUP}quality/"
_GEOMETRY = f"{GROUP}geometry/"


def is_it(paths: Sequence[Path]) -> bool:
    """Return whether the files are one HDF-EOS5 time series, by its groups."""
    if len(paths) != 1 or not has_signature(paths[0], b"\x89HDF"):
        return False
    with opened(paths[0]) as file:
        return has(file, SERIES)


def open_timeseries(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open an HDF-EOS5 time series; see `sources.insar.open_insar`.

    The unit is the attribute `Units` of `displacement`. `quality/mask` is 1 on good cells. The file's `_FillValue` of
    0 cannot be taken by its word: the reference date and the reference cell are 0 too, so a cell is missing where it
    is 0 on every date. A geometry given beside the file replaces the one inside.
    """
    path = paths[0]
    with opened(path) as file:
        attrs = header(file)
        data = numbers(file, SERIES, dims=3)
        frame = frame_of_header(attrs, data.shape, path)
        days = texts(file, f"{GROUP}observation/date") if has(file, f"{GROUP}observation/date") else []
        units = attribute(data, "Units") or attrs.get("UNIT")
        attrs["FILE_TYPE"] = "HDF-EOS5 series"
        where = f"{path.name}, {SERIES}, Units"
        said = stated(units, "m", options=options, maker=convention(attrs), where=where)
        sample = sample_rows(data, is_motion=True) * said.scale
        declared = stored(data).sentences()
        n_layers = data.shape[0]
        evidence = _coordinate_evidence(file, frame, is_said=options.registration is not None)
    times = check_times(days, where=f"{path}, date")
    if len(times) != n_layers:
        what = f"{len(times)} dates for {n_layers} layers"
        raise DataError(what, where=str(path), fix="write the series again; `date` and `displacement` must agree")
    audit = [check_magnitude(sample, unit="m", where=str(path), is_said=said.is_unit_said), said.sign, *declared]
    held = mintpy.open_geometry(geometry, track=track) if geometry else mintpy.geometry_in(path, prefix=_GEOMETRY)
    place = mintpy.Place(path, frame, attrs, options, track)
    frame, more = mintpy.with_geometry(place, geometry=held, coherence=coherence, audit=audit)
    displacement = lazy(path, SERIES, scale=said.scale, zero_is_missing=True, is_motion=True)
    displacement = mintpy.on_land(displacement, held.land)
    masked, notes, quality = _quality(path, displacement)
    variables: mintpy.Variables = {"displacement": (masked, "m", "line-of-sight displacement")}
    out = build(variables | quality | more, frame, times=times, audit=[*audit, *evidence, mintpy.ZEROS, *notes])
    return out.assign_attrs(reference=reference_text(attrs), **wavelength_of(attrs))


def _quality(path: Path, displacement: da.Array) -> tuple[da.Array, list[str], mintpy.Variables]:
    """Return the series under the product's mask, what was done, and the mean coherence."""
    with opened(path) as file:
        there = {n for n in ("mask", "avgSpatialCoherence", "temporalCoherence") if has(file, _QUALITY + n)}
        for name in there:
            if (shape := numbers(file, _QUALITY + name, dims=2).shape) != displacement.shape[1:]:
                what = f"quality/{name} has shape {shape} where the series has {displacement.shape[1:]}"
                raise GridError(what, where=str(path), fix="write the product again")
        if "mask" in there:
            sample = sample_rows(numbers(file, f"{_QUALITY}mask", dims=2))
            check_mask(bool((sample == 1).any()), where=f"{path}, {_QUALITY}mask")
    notes: list[str] = []
    if "mask" in there:
        mask = lazy(path, _QUALITY + "mask").rechunk(displacement.chunks[1:])
        displacement = da.where(mask == 1, displacement, np.float32(np.nan))
        notes.append("mask: quality/mask is 1 on good cells; everything else is missing")
    out: mintpy.Variables = {}
    for kind in [n for n in ("avgSpatialCoherence", "temporalCoherence") if n in there][:1]:
        out["coherence"] = (mintpy.coherence_in(path, _QUALITY + kind), "1", f"mean coherence ({kind})")
    return displacement, notes, out


def _coordinate_evidence(file: h5py.File, frame: Frame, *, is_said: bool) -> list[str]:
    """Return what the coordinates of the cells say of the first corner; they are those of the centres.

    Raises
    ------
    AmbiguousError : they say that X_FIRST is a centre, and the configuration is silent.
    """
    names = (f"{_GEOMETRY}longitude", f"{_GEOMETRY}latitude")
    if not all(has(file, n) for n in names) or not CRS(frame.crs).is_geographic:
        return []
    first = [float(numbers(file, n, dims=2)[0, 0]) for n in names]
    t = frame.transform
    apart = ((first[0] - t.c) / t.a, (first[1] - t.f) / t.e)
    if all(abs(v - 0.5) <= 0.01 for v in apart):
        return ["registration: geometry/longitude and latitude of the first cell are its centre, half a cell inside"]
    if all(abs(v) <= 0.01 for v in apart) and not is_said:
        corner = centred(frame).transform
        what = "geometry/longitude and latitude of the first cell equal X_FIRST and Y_FIRST: are these the centre of "
        what += f"the first cell (its corner is then {corner.c:.8g}, {corner.f:.8g}) or its corner?"
        fix = "set `registration: corner` or `registration: centre` of this track in the configuration"
        raise AmbiguousError(what, where=str(file.filename), fix=fix)
    return []
