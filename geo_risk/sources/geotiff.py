"""GeoTIFF headers and contents, checked: size, CRS, plausible bounds, and every block read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError, RasterioIOError
from rasterio.windows import Window

from geo_risk.core.errors import CorruptFileError, CrsError, DataError, LimitError
from geo_risk.sources.files import checked_file
from geo_risk.sources.marks import MARKS
from geo_risk.sources.options import LIMITS, NO_OPTIONS, ReadLimits, ReadOptions


@dataclass(frozen=True)
class RasterHeader:
    """What the header of a GeoTIFF says, with the configuration's additions.

    `crs` is WKT; `bounds` are left, bottom, right, top in it; `nodata` lists every value that means missing.
    """

    path: Path
    shape: tuple[int, int]
    count: int
    dtype: str
    crs: str
    transform: Affine
    bounds: tuple[float, float, float, float]
    nodata: tuple[float, ...]
    units: str | None
    long_name: str


@dataclass(frozen=True)
class RasterAudit:
    """What every block of a band holds: counts of cells, missing, infinite, out of range; lowest and highest value."""

    cells: int
    missing: int
    infinite: int
    outside: int
    low: float
    high: float
    sentinels: tuple[tuple[float, int], ...]

    @property
    def masked(self) -> int:
        """Impossible values that are masked: infinite or out of range."""
        return self.infinite + self.outside


def read_header(
    path: Path, *, where: str, options: ReadOptions = NO_OPTIONS, limits: ReadLimits = LIMITS
) -> RasterHeader:
    """Return the checked header of a GeoTIFF; nothing of its content is read.

    Raises
    ------
    RefusedFileError : not a GeoTIFF, whatever its name.
    CorruptFileError : empty, or it cannot be opened.
    CrsError : no CRS, or bounds that cannot be in it (degrees for metres, swapped axes).
    LimitError : more pixels or bytes than the limits allow.
    """
    checked_file(path, where=where, kinds=("GTiff",))
    place = f"{where}: {path}"
    try:
        with rasterio.open(path, driver="GTiff") as source:
            shape, count, dtype = (source.height, source.width), source.count, source.dtypes[0]
            transform, units = source.transform, source.units[0] or source.tags(1).get("units") or None
            own_crs, own_nodata = source.crs, source.nodata
            name = source.descriptions[0] or path.stem
    except RasterioError as error:
        what = f"{path.name} cannot be opened: {error}"
        raise CorruptFileError(what, where=place, fix="copy or download the file again") from error
    _check_size(shape, count, dtype, place=place, limits=limits)
    crs = _crs(own_crs, options.crs, place=place)
    bounds = rasterio.transform.array_bounds(*shape, transform)
    _check_plausible(bounds, crs, place=place)
    if crs.is_geographic and bounds[0] >= 180:
        # longitudes of 0 to 360: the same places, as the run's area has them
        transform = Affine.translation(-360, 0) * transform
        bounds = rasterio.transform.array_bounds(*shape, transform)
    nodata = tuple(dict.fromkeys(float(v) for v in (own_nodata, options.nodata) if v is not None))
    return RasterHeader(path, shape, count, dtype, crs.to_wkt(), transform, bounds, nodata,
                        options.units or units, name)  # fmt: skip


def _check_size(shape: tuple[int, int], count: int, dtype: str, *, place: str, limits: ReadLimits) -> None:
    pixels = shape[0] * shape[1] * count
    size = pixels * np.dtype(dtype).itemsize
    if not (pixels <= limits.max_pixels and size <= limits.max_bytes):
        what = f"the raster has {shape[1]} x {shape[0]} x {count} pixels = {size / 1e9:.3g} GB uncompressed; the limits are {limits.max_pixels:.3g} pixels and {limits.max_bytes / 1e9:.3g} GB"  # noqa: E501
        raise LimitError(what, where=place, fix="cut the file to the area, or raise storage.max_pixels and max_bytes")


def _crs(own: CRS | None, given: str | None, *, place: str) -> CRS:
    if given is not None:
        try:
            wanted = CRS.from_user_input(given)
        except CRSError as error:
            what = f"crs {given!r} is not known"
            raise CrsError(what, where=place, fix="write it as EPSG:nnnn") from error
        if own is not None and own != wanted:
            what = f"the file says CRS {own.to_string()[:60]}, the configuration {given}"
            raise CrsError(what, where=place, fix="remove `crs` from this source, or mend the file")
        return wanted
    if own is None:
        what = "the file has no CRS"
        raise CrsError(what, where=place, fix="add `crs: EPSG:nnnn` to this source; nothing is assumed")
    return own


def _check_plausible(bounds: tuple[float, float, float, float], crs: CRS, *, place: str) -> None:
    left, bottom, right, top = bounds
    degrees = -180.5 <= left <= right <= 360.5 and -90.5 <= bottom <= top <= 90.5
    if crs.is_geographic and not degrees:
        swapped = -90.5 <= left <= right <= 90.5 and -180.5 <= bottom <= top <= 180.5
        what = f"bounds {rounded(bounds)} are no longitudes and latitudes" + (
            "; x and y look swapped" if swapped else "; they look like metres"
        )
        raise CrsError(what, where=place, fix="mend the axis order or the CRS of the file")
    if crs.is_projected and degrees and max(right - left, top - bottom) < 60:
        what = f"bounds {rounded(bounds)} look like degrees, but the CRS is in {crs.linear_units}"
        raise CrsError(what, where=place, fix="the file is in longitude and latitude: give its true CRS (EPSG:4326?)")


def rounded(bounds: tuple[float, ...]) -> list[float]:
    """Return bounds short enough for a message."""
    return [round(v, 3) for v in bounds]


def audit_raster(
    path: Path, *, where: str, nodata: tuple[float, ...] = (), valid: tuple[float, float] | None = None, band: int = 1
) -> RasterAudit:
    """Read every block of a band once and count what it holds; the answer is kept while the file does not change.

    Parameters
    ----------
    path, band : the GeoTIFF and its band.
    nodata : values that mean missing (NaN always does).
    valid : lowest and highest possible value, in the file's unit.

    Raises
    ------
    CorruptFileError : a block cannot be read; it names the block.
    """
    stat = path.stat()
    return _audit(path, where, nodata, valid, band, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=64)
def _audit(
    path: Path,
    where: str,
    nodata: tuple[float, ...],
    valid: tuple[float, float] | None,
    band: int,
    stamp: tuple[int, int],  # noqa: ARG001 - part of the cache key
) -> RasterAudit:
    missing = infinite = outside = cells = 0
    low, high = np.inf, -np.inf
    marks = dict.fromkeys((v for v in MARKS if v not in nodata), 0)
    with rasterio.open(path, driver="GTiff") as source:
        is_small = np.dtype(source.dtypes[band - 1]).itemsize == 1
        for window in _windows(source):
            block = read_block(source, band, window, place=f"{where}: {path}")
            cells += block.size
            gone = is_missing(block, nodata)
            kept = block[~gone]
            missing += int(gone.sum())
            finite = np.isfinite(kept)
            infinite += int((~finite).sum())
            kept = kept[finite]
            if not is_small:
                for mark in marks:
                    marks[mark] += int((kept == kept.dtype.type(mark)).sum()) if _fits(mark, kept.dtype) else 0
            if valid is not None:
                inside = (kept >= valid[0]) & (kept <= valid[1])
                outside += int((~inside).sum())
                kept = kept[inside]
            if kept.size:
                low, high = min(low, float(kept.min())), max(high, float(kept.max()))
    found = tuple((v, n) for v, n in marks.items() if n)
    return RasterAudit(cells, missing, infinite, outside, low, high, found)


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return abs(value) <= float(np.finfo(dtype).max)
    info = np.iinfo(dtype)
    return info.min <= value <= info.max


def _windows(source: Any) -> list[Window]:
    rows, columns = source.block_shapes[0]
    rows, columns = max(rows, 1), max(columns, 1)
    down = max(1, 1024 // rows) * rows
    across = source.width if columns >= source.width else max(1, 1024 // columns) * columns
    return [
        Window(c, r, min(across, source.width - c), min(down, source.height - r))
        for r in range(0, source.height, down)
        for c in range(0, source.width, across)
    ]


def read_block(source: Any, band: int, window: Window, *, place: str) -> NDArray[Any]:
    """Return one window of an open file; raise CorruptFileError, naming the block, where it cannot be read."""
    try:
        block: NDArray[Any] = source.read(band, window=window)
    except RasterioIOError as error:
        rows = f"rows {int(window.row_off)}-{int(window.row_off + window.height - 1)}"
        columns = f"columns {int(window.col_off)}-{int(window.col_off + window.width - 1)}"
        what = f"{Path(source.name).name} opens, but the block of {rows}, {columns} cannot be read"
        raise CorruptFileError(what, where=place, fix="the file is cut short or damaged: copy it again") from error
    return block


def is_missing(block: NDArray[Any], nodata: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return where a block is NaN or holds one of the values that mean missing."""
    gone = np.isnan(block) if block.dtype.kind == "f" else np.zeros(block.shape, dtype=bool)
    for value in nodata:
        if np.isfinite(value) and _fits(value, block.dtype):
            gone |= block == block.dtype.type(value)
    return gone


def check_audit(audit: RasterAudit, header: RasterHeader, *, place: str, limits: ReadLimits = LIMITS) -> None:
    """Raise where an audit found undeclared nodata values or too many impossible ones.

    Raises
    ------
    DataError : as said.
    """
    if audit.sentinels:
        found = ", ".join(f"{v:g} in {n} cells" for v, n in audit.sentinels)
        stated = ", ".join(f"{v:g}" for v in header.nodata) or "none"
        what = f"the raster holds {found}, but declares nodata {stated}"
        fix = f"add `nodata: {audit.sentinels[0][0]:g}` to this source if that means missing"
        raise DataError(what, where=place, fix=fix)
    known = audit.cells - audit.missing
    if audit.masked > limits.max_masked_share * max(known, 1):
        what = f"{audit.infinite} infinite and {audit.outside} impossible values among {known}"
        raise DataError(what, where=place, fix="check unit and nodata, or raise storage.max_masked_share")
