"""Stacks of GeoTIFFs with a date in each name, and the GeoTIFF pieces of InSAR products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    CrsError,
    DataError,
    GridError,
    LimitError,
    TimeError,
    UnitError,
)
from geo_risk.core.units import factor
from geo_risk.sources.date_checks import check_dates
from geo_risk.sources.free_text import positive_way
from geo_risk.sources.insar import (
    ASK_SIGN,
    COMPONENTS,
    MAX_BYTES,
    Frame,
    build,
    check_los,
    check_magnitude,
    check_times,
    drop_zeros,
    has_signature,
)
from geo_risk.sources.look import look_vector
from geo_risk.sources.look_vectors import without_broken
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.samples import sampled
from geo_risk.sources.tif_values import read_values, sampled_dates

BLOCK = 512
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
_NO_LOOK = "give geometryGeo.h5, or E.tif, N.tif and U.tif, or set incidence_deg and heading_deg of the track"
_FIX_UNIT = (
    "write the true unit into the files (gdal_edit.py -units), or set `units` of this track to the one they name"
)
_NAME_UNIT = "correct `units` of this track; if it is right, write it into the files too (gdal_edit.py -units)"
_PHASE = frozenset({"rad", "radian", "radians"})


def dated(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return (YYYYMMDD, path) of files with exactly one date in the name (20190105, 2019-01-05), by date."""
    found = [(_days(p), p) for p in paths]
    return sorted((days[0], p) for days, p in found if len(days) == 1)


def _days(path: Path) -> list[str]:
    return ["".join((year, month, day)) for year, _, month, day in _DATE.findall(path.stem)]


def all_tif(paths: Sequence[Path]) -> bool:
    """Return whether there are files and all are TIFF, by their first bytes."""
    return bool(paths) and all(has_signature(p, b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") for p in paths)


def is_stack(paths: Sequence[Path]) -> bool:
    """Return whether the files are GeoTIFFs, at least one with a date in its name; `open_stack` refuses the others."""
    return any(_days(p) for p in paths) and all_tif(paths)


def open_stack(
    paths: Sequence[Path],
    *,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    options: TrackOptions,
) -> xr.Dataset:
    """Open a stack of displacement GeoTIFFs; see `sources.insar.open_insar`.

    Each file must name its band unit (m, cm or mm) and, as a tag `positive`, where positive points, or the caller
    must: a bare number can be phase, metres or millimetres, toward or away from the satellite, and nothing in it tells.
    Without `geometry` the look angles of `options` stand for the whole frame.

    Raises
    ------
    UnitError : no band unit, or one of phase. TimeError : a name without a date, a date twice. GridError : files that
    lie elsewhere. AmbiguousError : no tag `positive`, two dates in a name, or files that disagree.
    """
    from geo_risk.sources import mintpy

    cube, frame, times, audit = read_stack(paths, options)
    more, land = _geometry(frame, geometry, coherence, track, audit, options)
    displacement = mintpy.on_land(cube, land)
    variables = {"displacement": (displacement, "m", "line-of-sight displacement")} | more
    return build(variables, frame, times=times, audit=audit)


def read_stack(
    paths: Sequence[Path], options: TrackOptions
) -> tuple[da.Array, Frame, NDArray[np.datetime64], list[str]]:
    """Return the displacement (time, y, x) [m] of a stack, lazy, its frame, dates and audit, without a geometry.

    Raises
    ------
    See `open_stack`.
    """
    rows, where = _rows(paths), str(paths[0].parent)
    frame = tif_frame(rows[0][1])
    facts, has_unit = set(), True
    for _, path in rows:
        frame.check_same(tif_frame(path), where=str(path))
        scale, way, is_named = _facts(path, options.units, options.positive)
        facts.add((scale, way))
        has_unit = has_unit and is_named
    if len(facts) != 1:
        what = f"the files of the stack disagree in unit or sign: {sorted(facts)}"
        raise AmbiguousError(what, where=where, fix="write all dates with one unit and one sign")
    unit, sign = facts.pop()
    times = check_times([d for d, _ in rows], where=where)
    check_total(frame, len(rows), where=where)
    lazy = [lazy_tif(path, refuses_marks=True) for _, path in rows]
    series = da.stack(lazy).rechunk({0: -1}) * np.float32(unit * sign)
    # the files may not declare that 0 is missing: a cell that is 0 on every date is no ground that stood still
    cube = da.map_blocks(_without_zeros, series, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    shown = np.concatenate([sampled([lazy[k]])[0] for k in sorted({0, len(rows) // 2, len(rows) - 1})])
    # the configuration confirms a unit that the files name; where it alone names one, it is what is doubted
    is_said, fix = has_unit and options.units is not None, _FIX_UNIT if has_unit else _NAME_UNIT
    size = check_magnitude(shown * unit, unit="m", where=where, is_said=is_said, fix=fix)
    check_dates(sampled_dates([path for _, path in rows], frame.shape) * unit, times, where=where)
    origin = "config says" if options.positive else "files say"
    audit = [
        size,
        "missing: declared nodata, and cells that are 0 on every date",
        f"sign: positive is {'toward' if sign > 0 else 'away from'} the satellite, as the {origin}",
        f"registration: {frame.crs}, GeoTIFF corner {frame.transform.c:.10g}, {frame.transform.f:.10g}",
    ]
    return cube, frame, times, audit


def _without_zeros(block: NDArray[np.float32]) -> NDArray[np.float32]:
    return drop_zeros(np.array(block))


def _rows(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return (YYYYMMDD, path) by date, after making sure that every name has one and none comes twice."""
    where = str(paths[0].parent)
    found = [(_days(p), p) for p in paths]
    bare = [p.name for days, p in found if not days]
    if bare:
        what = f"{len(bare)} of {len(paths)} files have no date in the name: {', '.join(bare[:5])}"
        raise TimeError(what, where=where, fix="list the dated files only, or give a folder that holds nothing else")
    several = [(days, p) for days, p in found if len(days) > 1]
    if several:
        days, path = several[0]
        what = f"{len(several)} files have several dates in the name, {path.name}: {', '.join(days)}; is it a pair (a "
        what += "difference of two dates), or which one is the date of the displacement?"
        fix = "name each file with the one date it stands for; pairs of HyP3 keep their own names"
        raise AmbiguousError(what, where=where, fix=fix)
    rows = sorted((days[0], p) for days, p in found)
    doubled = [(a, b) for a, b in pairwise(rows) if a[0] == b[0]]
    if doubled:
        (day, one), (_, other) = doubled[0]
        what = f"{len(doubled)} dates are there twice, {day} in {one.name} and {other.name}"
        raise TimeError(what, where=where, fix="keep one file a date")
    return rows


def check_total(frame: Frame, count: int, *, where: str) -> None:
    """Raise LimitError where so many rasters of a frame ask for more than MAX_BYTES; nothing of them is read before."""
    size = 4.0 * count * frame.shape[0] * frame.shape[1]
    if not size <= MAX_BYTES:
        what = f"the headers of {count} rasters of {frame.shape[1]} x {frame.shape[0]} cells ask for "
        what += f"{size / 2**40:.2f} TiB; the limit is {MAX_BYTES / 2**40:.0f} TiB"
        raise LimitError(what, where=where, fix="cut the product to the area of the run")


def tif_frame(path: Path) -> Frame:
    """Return where a GeoTIFF lies.

    Raises
    ------
    CorruptFileError : it cannot be opened. CrsError : it has no CRS. GridError : rotated or south-up. LimitError : its
    header asks for more than 1 TiB.
    """
    try:
        with rasterio.open(path, driver="GTiff") as source:
            crs, t, shape = source.crs, source.transform, (int(source.height), int(source.width))
    except RasterioIOError as error:
        what = f"the GeoTIFF cannot be opened: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
    if crs is None:
        what = "the file has no CRS"
        raise CrsError(what, where=str(path), fix="write the CRS into the file (gdal_edit.py -a_srs)")
    if not (t.b == 0 and t.d == 0 and t.a > 0 > t.e):
        what = f"the transform {tuple(t)[:6]} is rotated or south-up"
        raise GridError(what, where=str(path), fix="warp it north-up")
    frame = Frame(str(crs), t, shape)
    check_total(frame, 1, where=str(path))
    return frame


def lazy_tif(path: Path, *, refuses_marks: bool = False) -> da.Array:
    """Return band 1 as a lazy float32 array, declared nodata as NaN, a file handle per block and none kept open.

    With `refuses_marks` a block that holds a mark of missing that the file does not declare is a DataError.
    """
    frame = tif_frame(path)
    chunks = da.core.normalize_chunks((BLOCK, BLOCK), shape=frame.shape, dtype=np.float32)
    # a function of the module: dask would pickle a closure, and search all modules for it, to name each array
    return da.map_blocks(
        _tif_block, path=path, refuses_marks=refuses_marks, chunks=chunks, dtype=np.float32,
        meta=np.empty((0, 0), np.float32),
    )  # fmt: skip


def _tif_block(path: Path, *, refuses_marks: bool, block_info: Any = None) -> NDArray[np.float32]:
    (r0, r1), (c0, c1) = block_info[None]["array-location"]
    return read_values(path, [Window(c0, r0, c1 - c0, r1 - r0)], refuses_marks=refuses_marks)[0]


def look_tifs(paths: Mapping[str, Path]) -> dict[str, da.Array]:
    """Return GeoTIFFs of los_east, los_north and los_up, lazy; a cell where all three are 0 has no look vector."""
    look = [lazy_tif(paths[n]) for n in COMPONENTS]
    empty = (look[0] == 0) & (look[1] == 0) & (look[2] == 0)
    return {n: da.where(empty, np.float32(np.nan), a) for n, a in zip(COMPONENTS, look, strict=True)}


def _facts(path: Path, units: str | None, positive: str | None) -> tuple[float, float, bool]:
    """Return the factor to metres, the sign toward the satellite, and whether the file itself names its unit."""
    with rasterio.open(path, driver="GTiff") as source:
        tags = {k.lower(): v for k, v in {**source.tags(), **source.tags(1)}.items()}
        own, n_bands = source.units[0] or tags.get("units") or tags.get("unit"), source.count
    if n_bands != 1:
        what = f"the file has {n_bands} bands; which is the displacement?"
        raise AmbiguousError(what, where=str(path), fix="write one band a file (gdal_translate -b)")
    own_sign = str(tags.get("positive", ""))
    if not (own or units):
        what = "the band names no unit; displacement needs m, cm or mm"
        raise UnitError(
            what, where=str(path), fix="write the band unit (gdal_edit.py -units m), or set `units` of the track"
        )
    if str(own or units).strip().lower() in _PHASE:
        what = f"the unit is {own or units}: phase, not displacement"
        fix = "multiply by wavelength / 4 pi, with the sign of the processor, and write the unit m"
        raise UnitError(what, where=str(path), fix=fix)
    if own and units and factor(own, "m", where=str(path)) != factor(units, "m", where="inputs.insar[].units"):
        what = f"the file says {own!r}, the config says {units!r}"
        raise AmbiguousError(what, where=str(path), fix="remove `units` from the track, or correct the file")
    scale = factor(str(own or units), "m", where=f"{path.name}, band unit")
    return scale, _sign(own_sign, positive, path), bool(own)


def _sign(tag: str, said: str | None, path: Path) -> float:
    """Return the sign by the tag `positive` of the file and by the configuration, which may not contradict it."""
    own = positive_way(f"positive {tag}") if tag else None
    if own is not None and said is not None and own != said:
        what = f"the file says positive is {tag!r}, the config says {said!r}"
        raise AmbiguousError(what, where=str(path), fix="remove `positive` from the track, or correct the file")
    if own is None and said is None:
        what = f"the tag `positive` is {tag!r}: does a positive value mean toward the satellite, or away from it?"
        raise AmbiguousError(what, where=str(path), fix=f"{ASK_SIGN}, or write that tag")
    return 1.0 if (own or said) == "toward" else -1.0


def _geometry(
    frame: Frame,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    audit: list[str],
    options: TrackOptions,
) -> tuple[dict[str, tuple[Any, str, str]], da.Array | None]:
    """Return look vectors and what else is known of the cells, and the land of a MintPy geometry (0 is water)."""
    from geo_risk.sources import licsbas, mintpy

    land = None
    if geometry and (options.incidence_deg is not None or options.heading_deg is not None):
        what = "geometry files and look angles are both given: which look vector is meant?"
        fix = "remove incidence_deg and heading_deg of this track, or geometry"
        raise AmbiguousError(what, where=f"track {track!r}", fix=fix)
    if geometry and has_signature(geometry[0], b"\x89HDF"):
        held = mintpy.open_geometry(geometry, track=track)
        frame.check_same(held.frame, where=str(held.source))
        arrays: dict[str, da.Array] = dict(zip(("los_east", "los_north", "los_up"), held.los, strict=True))
        source, land = held.source, held.land
        audit.extend([held.note] if held.note else [])
        arrays |= {n: a for n, a in (("height", held.height), ("shadow", held.shadow)) if a is not None}
    elif not geometry and options.incidence_deg is not None and options.heading_deg is not None:
        look = look_vector(options.incidence_deg, options.heading_deg)
        chunks = da.core.normalize_chunks((BLOCK, BLOCK), shape=frame.shape, dtype=np.float32)
        names = ("los_east", "los_north", "los_up")
        arrays = {n: da.full(frame.shape, v, chunks=chunks, dtype=np.float32) for n, v in zip(names, look, strict=True)}
        source = Path("inputs.insar[].incidence_deg")
        text = f"incidence {options.incidence_deg:g} and heading {options.heading_deg:g} of the config"
        audit.append(f"look vector: from {text}, one for the whole frame")
    else:
        found = licsbas.parts(geometry)
        if not {"los_east", "los_north", "los_up"} <= set(found):
            what = f"track {track!r} has no line-of-sight geometry"
            raise DataError(what, where="inputs.insar[].geometry", fix=_NO_LOOK)
        for path in found.values():
            frame.check_same(tif_frame(path), where=str(path))
        arrays = look_tifs(found) | {n: lazy_tif(p) for n, p in found.items() if n == "height"}
        audit.extend(licsbas.other_heights(found, geometry))
        source = geometry[0]
    look_vectors = [arrays[n] for n in COMPONENTS]
    audit.append(check_los(look_vectors, where=str(source), orbit=None))
    arrays |= dict(zip(COMPONENTS, without_broken(look_vectors), strict=True))
    out: dict[str, tuple[Any, str, str]] = {}
    for name, array in arrays.items():
        text = name if name in {"height", "shadow"} else f"line of sight, {name[4:]} component, ground to satellite"
        out[name] = (array, "m" if name == "height" else "1", text)
    if coherence is not None:
        out["coherence"] = (mintpy.open_coherence(coherence, frame), "1", "mean coherence")
    return out, land
