"""Stacks of GeoTIFFs with a date in each name, and the GeoTIFF pieces of InSAR products."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.windows import Window

from geo_risk.core.errors import AmbiguousError, CorruptFileError, CrsError, DataError, GridError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.insar import Frame, build, check_los, check_magnitude, check_times, has_signature
from geo_risk.sources.options import TrackOptions

BLOCK = 512
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d)")


def dated(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return (YYYYMMDD, path) of files with exactly one date in the name, by date."""
    found = [(_DATE.findall(p.stem), p) for p in paths]
    return sorted((days[0], p) for days, p in found if len(days) == 1)


def all_tif(paths: Sequence[Path]) -> bool:
    """Return whether there are files and all are TIFF, by their first bytes."""
    return bool(paths) and all(has_signature(p, b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") for p in paths)


def is_stack(paths: Sequence[Path]) -> bool:
    """Return whether the files are GeoTIFFs with exactly one date in each name."""
    return all_tif(paths) and len(dated(paths)) == len(paths)


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

    Raises
    ------
    UnitError : no band unit. AmbiguousError : no tag `positive`, or files that disagree.
    """
    rows = dated(paths)
    frame = tif_frame(rows[0][1])
    facts = set()
    for _, path in rows:
        frame.check_same(tif_frame(path), where=str(path))
        facts.add(_facts(path, options.units, options.positive))
    if len(facts) != 1:
        what = f"the files of the stack disagree in unit or sign: {sorted(facts)}"
        raise AmbiguousError(what, where=str(paths[0].parent), fix="write all dates with one unit and one sign")
    unit, sign = facts.pop()
    times = check_times([d for d, _ in rows], where=str(paths[0].parent))
    scale = factor(unit, "m", where=f"{rows[0][1].name}, band unit") * _sign(sign, rows[0][1])
    cube = da.stack([lazy_tif(path) for _, path in rows]).rechunk({0: -1}) * np.float32(scale)
    step = max(1, frame.shape[0] // 16)
    audit = [
        check_magnitude(np.asarray(lazy_tif(rows[-1][1])[::step]) * abs(scale), unit="m", where=str(rows[-1][1])),
        f"sign: positive is {sign!r}, as the {'config' if options.positive else 'files'} say",
        f"registration: {frame.crs}, GeoTIFF corner {frame.transform.c:.10g}, {frame.transform.f:.10g}",
    ]
    variables: dict[str, tuple[Any, str, str]] = {"displacement": (cube, "m", "line-of-sight displacement")}
    variables |= _geometry(frame, geometry, coherence, track, audit)
    return build(variables, frame, times=times, audit=audit)


def tif_frame(path: Path) -> Frame:
    """Return where a GeoTIFF lies.

    Raises
    ------
    CorruptFileError : it cannot be opened. CrsError : it has no CRS. GridError : rotated or south-up.
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
    return Frame(str(crs), t, shape)


def lazy_tif(path: Path) -> da.Array:
    """Return band 1 as a lazy float32 array, declared nodata as NaN, a file handle per block and none kept open."""
    frame = tif_frame(path)
    chunks = da.core.normalize_chunks((BLOCK, BLOCK), shape=frame.shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        try:
            with rasterio.open(path, driver="GTiff") as source:
                out = source.read(1, window=Window(c0, r0, c1 - c0, r1 - r0)).astype(np.float32)
                nodata = source.nodata
        except RasterioError as error:
            what = f"rows {r0}-{r1}, columns {c0}-{c1} cannot be read: {error}"
            raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
        return (
            out if nodata is None or np.isnan(nodata) else np.where(out == np.float32(nodata), np.float32(np.nan), out)
        )

    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))


def _facts(path: Path, units: str | None, positive: str | None) -> tuple[str, str]:
    with rasterio.open(path, driver="GTiff") as source:
        tags = {k.lower(): v for k, v in {**source.tags(), **source.tags(1)}.items()}
        own = source.units[0] or tags.get("units") or tags.get("unit")
    own_sign = str(tags.get("positive", ""))
    if not (own or units):
        what = "the band names no unit; displacement needs m, cm or mm"
        raise UnitError(
            what, where=str(path), fix="write the band unit (gdal_edit.py -units m), or set `units` of the track"
        )
    if own and units and factor(own, "m", where=str(path)) != factor(units, "m", where="inputs.insar[].units"):
        what = f"the file says {own!r}, the config says {units!r}"
        raise AmbiguousError(what, where=str(path), fix="remove `units` from the track, or correct the file")
    if own_sign and positive and positive not in own_sign.lower():
        what = f"the file says positive is {own_sign!r}, the config says {positive!r}"
        raise AmbiguousError(what, where=str(path), fix="remove `positive` from the track, or correct the file")
    return str(own or units), own_sign or str(positive or "")


def _sign(positive: str, path: Path) -> float:
    text = positive.lower().replace("_", " ")
    if "toward" in text:
        return 1.0
    if "away" in text:
        return -1.0
    what = f"the tag `positive` is {positive!r}: does a positive value mean toward the satellite, or away from it?"
    raise AmbiguousError(
        what, where=str(path), fix="set `positive: toward` or `positive: away` of the track, or write that tag"
    )


def _geometry(
    frame: Frame, geometry: Sequence[Path], coherence: Path | None, track: str, audit: list[str]
) -> dict[str, tuple[Any, str, str]]:
    from geo_risk.sources import licsbas, mintpy

    if geometry and has_signature(geometry[0], b"\x89HDF"):
        held = mintpy.open_geometry(geometry, track=track)
        frame.check_same(held.frame, where=str(held.source))
        arrays: dict[str, da.Array] = dict(zip(("los_east", "los_north", "los_up"), held.los, strict=True))
        source = held.source
        arrays |= {n: a for n, a in (("height", held.height), ("shadow", held.shadow)) if a is not None}
    else:
        found = licsbas.parts(geometry)
        if not {"los_east", "los_north", "los_up"} <= set(found):
            what = f"track {track!r} has no line-of-sight geometry"
            raise DataError(what, where="inputs.insar[].geometry", fix="give geometryGeo.h5, or E.tif, N.tif and U.tif")
        for path in found.values():
            frame.check_same(tif_frame(path), where=str(path))
        arrays = {n: lazy_tif(p) for n, p in found.items() if n in {"los_east", "los_north", "los_up", "height"}}
        source = geometry[0]
    audit.append(check_los([arrays[n] for n in ("los_east", "los_north", "los_up")], where=str(source), orbit=None))
    out: dict[str, tuple[Any, str, str]] = {}
    for name, array in arrays.items():
        text = name if name in {"height", "shadow"} else f"line of sight, {name[4:]} component, ground to satellite"
        out[name] = (array, "m" if name == "height" else "1", text)
    if coherence is not None:
        is_hdf = has_signature(coherence, b"\x89HDF")
        array = mintpy.open_coherence(coherence, frame) if is_hdf else lazy_tif(coherence)
        out["coherence"] = (array, "1", "mean coherence")
    return out
