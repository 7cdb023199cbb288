"""Static layers as GeoTIFFs: look vectors, height, layover and shadow, on a track's grid whatever their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geo_risk.core.errors import AmbiguousError, CorruptFileError, DataError, GridError, LimitError, OverlapError
from geo_risk.kernels.resample import sample_bilinear, sample_nearest
from geo_risk.sources.insar import Frame
from geo_risk.sources.longitudes import turned
from geo_risk.sources.stack import tif_frame

BLOCK = 512

MAX_WINDOW_CELLS = 2**28
"""A block that needs a larger window of a static layer (1 GiB of float32) is refused."""

_NAMES = {
    "east": re.compile(r"(?:^|[_.\-])los_east(?:[_.\-]|$)|(?:^|[_.\-])E(?:\.geo)?$"),
    "north": re.compile(r"(?:^|[_.\-])los_north(?:[_.\-]|$)|(?:^|[_.\-])N(?:\.geo)?$"),
    "up": re.compile(r"(?:^|[_.\-])los_up(?:[_.\-]|$)|(?:^|[_.\-])U(?:\.geo)?$"),
    "enu": re.compile(r"los_enu|line_of_sight_enu"),
    "shadow": re.compile(r"layover_shadow"),
    "height": re.compile(r"(?:^|[_.\-])(?:dem|hgt|height)(?:[_.\-]|$)"),
}

_LOOK = ("east", "north", "up")


@dataclass(frozen=True)
class Band:
    """One band of a GeoTIFF; in a component of a look vector 0 is no data, whatever the file declares."""

    path: Path
    number: int = 1
    is_look: bool = False


@dataclass(frozen=True)
class Look:
    """Look vectors and what else the static layers hold, lazy, on the frame of the track; and what was done.

    `land` is 0 on water, where a MintPy geometry stands in for static layers and has a mask of it. `made_of` says what
    the vectors were made of where that alone gives them unit length.
    """

    los: list[da.Array]
    height: da.Array | None
    shadow: da.Array | None
    notes: list[str]
    land: da.Array | None = None
    made_of: str = ""


def bands(paths: Sequence[Path]) -> dict[str, Band]:
    """Return the bands among GeoTIFFs by what they hold: east, north, up, height, shadow; other files are passed over.

    Raises
    ------
    AmbiguousError : two files claim the same. GridError : a three-component file has not three bands.
    """
    out: dict[str, Band] = {}
    for path in paths:
        kind = next((k for k, pattern in _NAMES.items() if pattern.search(path.stem)), None)
        found = {} if kind is None else {kind: Band(path, is_look=kind in _LOOK)}
        if kind == "enu":
            with rasterio.open(path, driver="GTiff") as source:
                if source.count != 3:
                    what = f"{source.count} bands; east, north and up needed"
                    raise GridError(what, where=str(path), fix="give the static layer as it was published")
            found = {name: Band(path, k, is_look=True) for k, name in enumerate(_LOOK, 1)}
        for name, band in found.items():
            if name in out:
                what = f"two files claim to be {name}: {out[name].path.name} and {path.name}"
                raise AmbiguousError(what, where="inputs.insar[].geometry", fix="list the files of one track by name")
            out[name] = band
    return out


def open_look(paths: Sequence[Path], frame: Frame, *, track: str) -> Look:
    """Return look vectors on the frame of a track; 0 in a horizontal component is no data, up follows from the two.

    Parameters
    ----------
    paths : `los_east` and `los_north`, or one file of three bands; a `dem` and a `layover_shadow_mask` where given.
    frame : grid of the track. Layers on another grid are resampled to its cell centres: bilinear, masks nearest.
    track : name, for messages.

    Raises
    ------
    DataError : a horizontal component is missing. OverlapError : a layer does not meet the frame.
    """
    there = bands(paths)
    if not {"east", "north"} <= set(there):
        what = f"track {track!r} has no line-of-sight geometry among {[p.name for p in paths][:6]}"
        fix = "give los_east.tif and los_north.tif, or the static layer line_of_sight_enu.tif, as `geometry`"
        raise DataError(what, where="inputs.insar[].geometry", fix=fix)
    notes: list[str] = []
    east, north = (on_frame(there[n], frame, notes=notes) for n in ("east", "north"))
    square = 1 - east * east - north * north
    up = da.sqrt(da.where(square >= 0, square, np.float32(np.nan)))
    if "up" in there:
        notes.append(_compare_up(there, frame))
    notes.append("geometry: cells with 0 eastward or northward have no look vector; up = sqrt(1 - east2 - north2)")
    height = on_frame(there["height"], frame, notes=notes) if "height" in there else None
    shadow = None
    if "shadow" in there:
        codes = on_frame(there["shadow"], frame, notes=notes, method="nearest")
        # other codes (127, 255) are no data in the products that these layers are made of
        is_known = (codes >= 0) & (codes <= 3)
        shadow = da.where(is_known, (codes > 0).astype(np.float32), np.float32(np.nan))
        notes.append(f"shadow: 1 shadow, 2 layover, 3 both in {there['shadow'].path.name}")
    return Look([east, north, up], height, shadow, list(dict.fromkeys(n for n in notes if n)), made_of="east and north")


def _compare_up(there: dict[str, Band], frame: Frame) -> str:
    """Compare a stored up component with the derived one on some rows.

    Raises
    ------
    DataError : they differ: the vectors are not of unit length, or point down, from the satellite to the ground.
    """
    step = max(1, frame.shape[0] // 20)
    rows = {n: read_band(there[n], (0, frame_of(there[n]).shape[0], step)) for n in ("east", "north", "up")}
    if len({v.shape for v in rows.values()}) != 1:
        return ""
    length = np.sqrt(sum(v.astype(np.float64) ** 2 for v in rows.values()))
    length = length[np.isfinite(length)]
    up = rows["up"][np.isfinite(rows["up"])]
    if up.size and not float(np.median(up)) > 0:
        what = f"line-of-sight vectors point down (up {float(np.median(up)):.2f})"
        raise DataError(what, where=str(there["up"].path), fix="turn all three components: ground to satellite needed")
    if length.size and not np.abs(length - 1).max() <= 0.01:
        what = f"line-of-sight vectors are up to {np.abs(length - 1).max():.3f} off unit length"
        raise DataError(what, where=str(there["up"].path), fix="give unit vectors from ground to satellite")
    return "geometry: the stored up component agrees with the other two"


def frame_of(band: Band) -> Frame:
    """Return where the file of a band lies, in longitudes of -180 to 180."""
    return turned(tif_frame(band.path))


def on_frame(band: Band, frame: Frame, *, notes: list[str], method: str = "bilinear") -> da.Array:
    """Return a band at the cell centres of a frame, lazy float32; declared nodata, and outside its file, is NaN.

    Only the window that a block needs is read. What was done is added to `notes`. Equal grids are copied.

    Raises
    ------
    OverlapError : the two do not meet. CorruptFileError while reading : names the window.
    """
    own = frame_of(band)
    chunks = da.core.normalize_chunks((BLOCK, BLOCK), shape=frame.shape, dtype=np.float32)
    share = covered_share(own, frame)
    if not share > 0:
        what = f"the layer ({own.crs[:40]}, {own.shape}) does not meet the frame of the track"
        raise OverlapError(what, where=str(band.path), fix="give the static layers of the same frame")
    is_same = own.shape == frame.shape and CRS(own.crs) == CRS(frame.crs) and own.transform == frame.transform
    if not is_same:
        cell = f"{abs(own.transform.a):g} x {abs(own.transform.e):g}"
        notes.append(
            f"geometry: {band.path.name} has a grid of its own ({own.shape[1]} x {own.shape[0]} cells of {cell}); "
            f"resampled ({method}) to the cell centres of the track, of which it covers {share:.0%}"
        )

    def block(block_info: Any = None) -> NDArray[np.float32]:
        rows, columns = block_info[None]["array-location"]
        if is_same:
            out = read_window(band, rows, columns)
        else:
            out = _resampled(band, own, frame, rows, columns, method=method)
        return out

    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))


def read_window(band: Band, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.float32]:
    """Return a window of a band as float32, declared nodata as NaN, and 0 in components of look vectors.

    Raises
    ------
    CorruptFileError : it cannot be read.
    """
    (r0, r1), (c0, c1) = rows, columns
    try:
        with rasterio.open(band.path, driver="GTiff") as source:
            out = source.read(band.number, window=Window(c0, r0, c1 - c0, r1 - r0)).astype(np.float32)
            nodata = source.nodata
    except RasterioError as error:
        what = f"rows {r0}-{r1}, columns {c0}-{c1} cannot be read: {error}"
        raise CorruptFileError(what, where=str(band.path), fix="fetch or write the file again") from error
    empty = [v for v in (nodata, 0.0 if band.is_look else None) if v is not None and not np.isnan(v)]
    for value in dict.fromkeys(empty):
        out[out == np.float32(value)] = np.nan
    return np.asarray(out, dtype=np.float32)


def read_band(band: Band, rows: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return every k-th row of a band: rows is start, stop, step."""
    width = frame_of(band).shape[1]
    return np.vstack([read_window(band, (r, r + 1), (0, width)) for r in range(*rows)])


def positions(
    own: Frame, frame: Frame, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return fractional rows and columns of `own` (0 at the first centre) of cells of `frame`, given by index."""
    t = frame.transform
    column, row = np.meshgrid(columns, rows)
    x, y = t.c + t.a * (column + 0.5), t.f + t.e * (row + 0.5)
    if CRS(own.crs) != CRS(frame.crs):
        x, y = Transformer.from_crs(frame.crs, own.crs, always_xy=True).transform(x, y)
    o = own.transform
    out = ((np.asarray(y) - o.f) / o.e - 0.5, (np.asarray(x) - o.c) / o.a - 0.5)
    # snap what is a rounding error away from a cell centre, so that nested grids are copied exactly
    row, column = (np.where(np.abs(v - np.rint(v)) < 1e-6, np.rint(v), v) for v in out)
    return np.ascontiguousarray(row, dtype=np.float64), np.ascontiguousarray(column, dtype=np.float64)


def covered_share(own: Frame, frame: Frame) -> float:
    """Return which share of a frame's cells (a sample of up to 50 x 50) lies inside another raster."""
    rows, columns = (np.unique(np.linspace(0, n - 1, min(n, 50)).astype(int)).astype(np.float64) for n in frame.shape)
    row, column = positions(own, frame, rows, columns)
    inside = (row > -0.5) & (row < own.shape[0] - 0.5) & (column > -0.5) & (column < own.shape[1] - 0.5)
    return float(inside.mean())


def _resampled(
    band: Band, own: Frame, frame: Frame, rows: tuple[int, int], columns: tuple[int, int], *, method: str
) -> NDArray[np.float32]:
    row, column = positions(own, frame, np.arange(*rows, dtype=np.float64), np.arange(*columns, dtype=np.float64))
    near = (row > -1) & (row < own.shape[0]) & (column > -1) & (column < own.shape[1])
    if not near.any():
        return np.full(row.shape, np.nan, dtype=np.float32)
    r0, r1 = max(0, int(row[near].min()) - 1), min(own.shape[0], int(row[near].max()) + 3)
    c0, c1 = max(0, int(column[near].min()) - 1), min(own.shape[1], int(column[near].max()) + 3)
    if not (r1 - r0) * (c1 - c0) <= MAX_WINDOW_CELLS:
        what = f"a block of the track needs {r1 - r0} x {c1 - c0} cells of this layer"
        raise LimitError(what, where=str(band.path), fix="resample the static layer to the posting of the track")
    window = read_window(band, (r0, r1), (c0, c1))
    sample = sample_bilinear if method == "bilinear" else sample_nearest
    out: NDArray[np.float32] = sample(window, np.where(near, row - r0, -9.0), np.where(near, column - c0, -9.0))
    return out
