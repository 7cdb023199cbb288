"""LiCSBAS series in HDF5: cum.h5 and cum_filt.h5, read block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, DataError, GridError
from geo_risk.sources import licsbas
from geo_risk.sources.hdf5 import lazy
from geo_risk.sources.hdf5_header import has, numbers, opened, texts
from geo_risk.sources.hdf5_values import sample_rows, stored
from geo_risk.sources.insar import (
    COMPONENTS,
    Frame,
    build,
    check_los,
    check_magnitude,
    check_mask,
    check_times,
    check_used,
    has_signature,
)
from geo_risk.sources.insar_audit import Registration, centred, stated
from geo_risk.sources.look_vectors import without_broken
from geo_risk.sources.mintpy import Variables, coherence_in, los_variables, open_coherence
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.stack import lazy_tif, look_tifs, tif_frame

_LOS = ("E.geo", "N.geo", "U.geo")
_CORNER = ("corner_lon", "corner_lat", "post_lon", "post_lat")
_NEEDED = ("cum", "imdates")

ASK = "set `registration: corner` or `registration: centre` of this track in the configuration"


def is_it(paths: Sequence[Path]) -> bool:
    """Return whether the files are one LiCSBAS `cum.h5` or `cum_filt.h5`, by its datasets."""
    if len(paths) != 1 or not has_signature(paths[0], b"\x89HDF"):
        return False
    with opened(paths[0]) as file:
        return all(has(file, n) for n in _NEEDED)


def open_series(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open a LiCSBAS series; see `sources.insar.open_insar`.

    `cum` is mm, positive toward the satellite. `corner_lat`, `corner_lon` name the centre of the first cell (grid
    registration), as LiCSBAS's own step to GeoTIFF shifts them by half a cell. E.geo, N.geo and U.geo run from ground
    to satellite; they are taken from GeoTIFFs beside the file where it does not hold them. `mask` is 1 on good cells.
    """
    path = paths[0]
    held = read_cum(path, options)
    beside = {n: p for n, p in licsbas.parts(geometry).items() if n in {*COMPONENTS, "height"}}
    check_used(geometry, beside.values(), wanted="E, N, U or hgt.geo.tif")
    frame, evidence = _settle(held.named, beside, options.registration, path)
    t = frame.transform
    registration = f"registration: {frame.crs}, upper-left corner {t.c:.10g}, {t.f:.10g}: {evidence}"
    los = _look(path, held.inside, beside, track)
    orbit = licsbas.orbit_of(path) or licsbas.orbit_of(path.parent)
    audit = [*held.audit, registration, check_los(los, where=str(path), orbit=orbit), *held.missing]
    audit += licsbas.other_heights(beside, geometry)
    variables: Variables = {"displacement": (held.displacement, "m", "line-of-sight displacement")}
    variables |= los_variables(without_broken(los)) | _more(path, held.inside, beside, coherence, frame)
    return build(variables, frame, times=held.times, audit=audit).assign_attrs(reference=held.reference)


@dataclass(frozen=True)
class Cum:
    """What a series holds by itself, its frame as if `corner_lat`, `corner_lon` were the corner of the first cell."""

    named: Frame
    displacement: da.Array
    times: NDArray[np.datetime64]
    inside: set[str]
    reference: str
    audit: list[str]
    missing: list[str]


def without_look(path: Path, options: TrackOptions) -> xr.Dataset | None:
    """Open a series that holds no look vectors, as `open_series` would but for these; None where it holds them."""
    held = read_cum(path, options)
    if set(_LOS) <= held.inside:
        return None
    frame, evidence = _settle(held.named, {}, options.registration, path)
    t = frame.transform
    registration = f"registration: {frame.crs}, upper-left corner {t.c:.10g}, {t.f:.10g}: {evidence}"
    variables: Variables = {"displacement": (held.displacement, "m", "line-of-sight displacement")}
    return build(variables, frame, times=held.times, audit=[*held.audit, registration, *held.missing])


def read_cum(path: Path, options: TrackOptions) -> Cum:
    """Read what a series holds, lazy, but for its look vectors; raises as `sources.insar.open_insar`."""
    with opened(path) as file:
        data = numbers(file, "cum", dims=3)
        shape = data.shape
        named = _named_frame(file, shape, path)
        days = texts(file, "imdates")
        sample = sample_rows(data, is_motion=True)
        declared = stored(data).sentences()
        refarea = texts(file, "refarea")[0] if has(file, "refarea") else ""
        inside = {n for n in (*_LOS, "mask", "hgt", "coh_avg") if _fits(file, n, shape, path)}
        if "mask" in inside:
            check_mask(bool((sample_rows(numbers(file, "mask", dims=2)) == 1).any()), where=f"{path}, mask")
    times = check_times(days, where=f"{path}, imdates")
    if len(times) != shape[0]:
        what = f"{len(times)} dates for {shape[0]} layers"
        raise DataError(what, where=str(path), fix="write the series again; `imdates` and `cum` must agree")
    maker = f"the convention of LiCSBAS (reference area {refarea or 'not stated'})"
    said = stated("mm", "m", options=options, maker=maker, where=f"{path.name}, cum")
    sample = sample * said.scale
    audit = [check_magnitude(sample, unit="m", where=str(path), is_said=said.is_unit_said), said.sign, *declared]
    displacement = lazy(path, "cum", scale=said.scale, zero_is_missing=True, is_motion=True)
    if "mask" in inside:
        mask = lazy(path, "mask").rechunk(displacement.chunks[1:])
        displacement = da.where(mask == 1, displacement, np.float32(np.nan))
        missing = ["mask: 1 is good, everything else is missing"]
    else:
        missing = ["mask: there is none in the file, and nothing but its gaps is missing"]
    missing.append("missing: cells that are 0 on every date")
    reference = ", ".join(t for t in (f"area {refarea}" if refarea else "", f"date {days[0]}") if t)
    return Cum(named, displacement, times, inside, reference, audit, missing)


def _named_frame(file: h5py.File, shape: tuple[int, ...], path: Path) -> Frame:
    """Return the frame as if corner_lat and corner_lon were the corner of the first cell."""
    absent = [n for n in _CORNER if not has(file, n)]
    if absent:
        what = f"{absent} are missing: the series is in radar coordinates"
        raise GridError(what, where=str(path), fix="make the series from geocoded interferograms (GEOCml)")
    x, y, dx, dy = (float(np.asarray(numbers(file, n, dims=(0, 1))[()]).reshape(-1)[0]) for n in _CORNER)
    if not (dx > 0 > dy and abs(x) <= 360 and abs(y) <= 90):
        what = f"corner {x}, {y} with steps {dx}, {dy}; degrees with rows from north to south needed"
        raise GridError(what, where=str(path), fix="write the series again with LiCSBAS")
    return Frame("EPSG:4326", Affine(dx, 0, x, 0, dy, y), (int(shape[-2]), int(shape[-1])))


def _fits(file: h5py.File, name: str, shape: tuple[int, ...], path: Path) -> bool:
    if not has(file, name):
        return False
    got = numbers(file, name, dims=2).shape
    if got != shape[1:]:
        what = f"{name} has shape {got} where cum has {shape[1:]}"
        raise GridError(what, where=str(path), fix="write the series again with LiCSBAS")
    return True


def _settle(named: Frame, beside: dict[str, Path], registration: Registration | None, path: Path) -> tuple[Frame, str]:
    """Decide by the GeoTIFFs beside the series whether it names the corner or, as LiCSBAS does, the centre.

    Raises
    ------
    AmbiguousError : the GeoTIFFs contradict the convention and the configuration is silent. GridError : other grids.
    """
    frame = named if registration == "corner" else centred(named)
    if registration is not None:
        evidence = f"corner_lat, corner_lon name the {registration} of the first cell, as the configuration says"
    else:
        evidence = "corner_lat, corner_lon name the centre of the first cell in LiCSBAS"
    for tif in beside.values():
        other = tif_frame(tif)
        # half a thousandth of a cell: GeoTIFFs hold the corner in full precision, LiCSBAS prints seven decimals
        gap = max(abs(other.transform.c - named.transform.c), abs(other.transform.f - named.transform.f))
        if registration is None and other.shape == named.shape and gap <= 0.1 * named.transform.a:
            what = (
                f"corner_lat, corner_lon name the centre of the first cell in LiCSBAS, but {tif.name} has its corner "
            )
            what += "there: which do they name?"
            raise AmbiguousError(what, where=str(path), fix=ASK)
        _check_near(frame, other, where=str(tif))
    return frame, evidence + (f"; {next(iter(beside.values())).name} has the same corner" if beside else "")


def _check_near(frame: Frame, other: Frame, *, where: str) -> None:
    """Check for the same grid; a tenth of a cell is forgiven, for LiCSBAS rounds its corner to seven decimals."""
    t, o = frame.transform, other.transform
    apart = max(abs(o.c - t.c) / t.a, abs(o.f - t.f) / abs(t.e))
    snapped = Frame(other.crs, Affine(t.a, 0, t.c, 0, t.e, t.f), other.shape) if apart <= 0.1 else other
    frame.check_same(snapped, where=where)


def _look(path: Path, inside: set[str], beside: dict[str, Path], track: str) -> list[da.Array]:
    if set(COMPONENTS) <= set(beside):
        return list(look_tifs(beside).values())
    if set(_LOS) <= inside:
        # a cell without a look vector holds zeros
        east, north, up = (lazy(path, n) for n in _LOS)
        return [da.where(up == 0, np.float32(np.nan), a) for a in (east, north, up)]
    what = f"track {track!r} has no line-of-sight geometry: the series holds no {[n for n in _LOS if n not in inside]}"
    fix = "give E.geo.tif, N.geo.tif and U.geo.tif as `geometry` of this track"
    raise DataError(what, where=str(path), fix=fix)


def _more(path: Path, inside: set[str], beside: dict[str, Path], coherence: Path | None, frame: Frame) -> Variables:
    out: Variables = {}
    if "height" in beside:
        out["height"] = (lazy_tif(beside["height"]), "m", "height")
    elif "hgt" in inside:
        out["height"] = (lazy(path, "hgt"), "m", "height")
    if coherence is not None:
        out["coherence"] = (open_coherence(coherence, frame), "1", "mean coherence")
    elif "coh_avg" in inside:
        out["coherence"] = (coherence_in(path, "coh_avg"), "1", "mean coherence")
    return out
