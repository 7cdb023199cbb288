"""GeoTIFFs onto the run grid: audited, masked once, resampled by a named method, lazily by blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rasterio.enums import Resampling as Method
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from geo_risk.core.errors import OverlapError, UnitError
from geo_risk.core.grid import CHUNK, Grid
from geo_risk.core.units import factor
from geo_risk.sources.geotiff import (
    RasterHeader,
    audit_raster,
    check_audit,
    is_missing,
    read_block,
    read_header,
    rounded,
)
from geo_risk.sources.options import LIMITS, NO_OPTIONS, ReadLimits, ReadOptions, Resampling

_MAX_WINDOW = 4096 * 4096
_KERNEL = {"nearest": 1, "bilinear": 2, "cubic": 3, "average": 1}


def raster_grid(path: Path, *, where: str, options: ReadOptions = NO_OPTIONS, limits: ReadLimits = LIMITS) -> Grid:
    """Return the file's own grid.

    Raises
    ------
    CrsError, GridError : it is not in metres, rotated or not square: name another grid in `area`.
    """
    header = read_header(path, where=where, options=options, limits=limits)
    return Grid(GeoBox(header.shape, header.transform, header.crs))


def load_raster(
    path: Path,
    grid: Grid,
    *,
    units: str | None,
    where: str,
    resampling: Resampling = "bilinear",
    valid: tuple[float, float] | None = None,
    options: ReadOptions = NO_OPTIONS,
    limits: ReadLimits = LIMITS,
) -> xr.DataArray:
    """Bring the first band of a GeoTIFF onto the run grid.

    Parameters
    ----------
    path : the file; its true type is checked and it is opened as a GeoTIFF only.
    grid : the run grid.
    units : unit wanted; None for classes without a unit.
    where : config key, for messages.
    resampling : method; the source's own (`options.resampling`) comes first. A file on the same lattice is copied.
    valid : lowest and highest possible value **in the wanted unit**; others are masked and counted.
    options : what the configuration adds about the file. limits : size and share limits.

    Returns
    -------
    (y, x) float32 layer, lazy by blocks, NaN where missing, masked or outside the file. Attributes `n_masked`
    (impossible values), `valid_share` (of the file's cells) and, where that is below the limit, `incomplete` = 1.

    Raises
    ------
    DataError and its kinds : see `read_header` and `audit_raster`; undeclared nodata values; too many impossible
        values. UnitError : no unit, or not convertible. OverlapError : the file lies beside the area.
    """
    header = read_header(path, where=where, options=options, limits=limits)
    place = f"{where}: {path}"
    scale = 1.0 if units is None else _scale(header.units, units, place=place)
    raw_valid = None if valid is None else (valid[0] / scale, valid[1] / scale)
    _check_overlap(header, grid, place=place)
    audit = audit_raster(path, where=where, nodata=header.nodata, valid=raw_valid)
    check_audit(audit, header, place=place, limits=limits)
    method = options.resampling or resampling
    data = _lazy(header, grid, valid=raw_valid, method=method, scale=scale)
    layer = grid.layer(data, units=units or "1", long_name=header.long_name, name=path.stem)
    share = 1 - (audit.missing + audit.masked) / max(audit.cells, 1)
    facts: dict[str, Any] = {"n_masked": audit.masked, "valid_share": round(share, 6)}
    if not share >= limits.min_valid_fraction:
        facts["incomplete"] = 1
    return layer.assign_attrs({**layer.attrs, **facts})


def _scale(have: str | None, units: str, *, place: str) -> float:
    try:
        return factor(have, units, where="the raster")
    except UnitError as error:
        raise UnitError(error.what, where=place, fix=error.fix) from error


def _check_overlap(header: RasterHeader, grid: Grid, *, place: str) -> None:
    area = transform_bounds(grid.geobox.crs.to_wkt(), header.crs, *grid.bounds, densify_pts=21)
    if _overlaps(header.bounds, area):
        return
    left, bottom, right, top = header.bounds
    swapped = _overlaps((bottom, left, top, right), area)
    what = f"the raster covers {rounded(header.bounds)}, the area {rounded(area)} in the raster's CRS: no overlap" + (
        "; x and y look swapped" if swapped else ""
    )
    raise OverlapError(what, where=place, fix="mend the axis order" if swapped else "check the file and `area`")


def _overlaps(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _lazy(
    header: RasterHeader,
    grid: Grid,
    *,
    valid: tuple[float, float] | None,
    method: Resampling,
    scale: float,
) -> da.Array:
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        out = _warped(header, grid, (r0, r1, c0, c1), valid=valid, method=method)
        return out if scale == 1.0 else (out * np.float32(scale)).astype(np.float32)

    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))


def _warped(
    header: RasterHeader,
    grid: Grid,
    cells: tuple[int, int, int, int],
    *,
    valid: tuple[float, float] | None,
    method: Resampling,
) -> NDArray[np.float32]:
    """Return the block of rows r0:r1 and columns c0:c1 of the run grid, split where its source window is large."""
    r0, r1, c0, c1 = cells
    window = _source_window(header, grid, cells, method=method)
    if window is None:
        return np.full((r1 - r0, c1 - c0), np.nan, np.float32)
    if window.width * window.height > _MAX_WINDOW and max(r1 - r0, c1 - c0) > 16:
        half = [(r0, (r0 + r1) // 2, c0, c1), ((r0 + r1) // 2, r1, c0, c1)]
        if c1 - c0 > r1 - r0:
            half = [(r0, r1, c0, (c0 + c1) // 2), (r0, r1, (c0 + c1) // 2, c1)]
        parts = [_warped(header, grid, part, valid=valid, method=method) for part in half]
        return np.concatenate(parts, axis=1 if c1 - c0 > r1 - r0 else 0)
    with rasterio.open(header.path, driver="GTiff") as source:
        raw = read_block(source, 1, window, place=str(header.path))
    values: NDArray[Any] = raw.astype(np.float64)
    bad = is_missing(raw, header.nodata) | ~np.isfinite(values)
    if valid is not None:
        bad |= ~((values >= valid[0]) & (values <= valid[1]))
    values[bad] = np.nan
    corner = header.transform * Affine.translation(window.col_off, window.row_off)
    target = grid.transform * Affine.translation(c0, r0)
    out = np.full((r1 - r0, c1 - c0), np.nan, values.dtype)
    if _same_lattice(corner, target, header, grid) and values.shape == out.shape:
        return values.astype(np.float32)
    reproject(values, out, src_transform=corner, src_crs=header.crs, dst_transform=target,
              dst_crs=grid.geobox.crs.to_wkt(), src_nodata=np.nan, dst_nodata=np.nan, init_dest_nodata=True,
              resampling=Method[method], num_threads=1, tolerance=0.0)  # fmt: skip
    return out.astype(np.float32)


def _same_lattice(corner: Affine, target: Affine, header: RasterHeader, grid: Grid) -> bool:
    near = 1e-6 * grid.resolution_m
    return CRS.from_wkt(header.crs) == CRS.from_wkt(grid.geobox.crs.to_wkt()) and all(
        abs(a - b) <= near for a, b in zip(corner[:6], target[:6], strict=True)
    )


def _source_window(
    header: RasterHeader, grid: Grid, cells: tuple[int, int, int, int], *, method: Resampling
) -> Window | None:
    """Return the source cells that a block of the run grid may draw on, or None where there are none."""
    r0, r1, c0, c1 = cells
    left, top = grid.transform * (c0, r0)
    right, bottom = grid.transform * (c1, r1)
    n_y, n_x = header.shape
    inverse = ~header.transform
    if CRS.from_wkt(header.crs) == CRS.from_wkt(grid.geobox.crs.to_wkt()):
        box = (left, bottom, right, top)
        pad = 0 if _aligned(header, grid) else None
    else:
        box = transform_bounds(grid.geobox.crs.to_wkt(), header.crs, left, bottom, right, top, densify_pts=21)
        pad = None
    corners = [inverse * (x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    columns, rows = [c for c, _ in corners], [r for _, r in corners]
    if pad is None:
        step = max((max(columns) - min(columns)) / (c1 - c0), (max(rows) - min(rows)) / (r1 - r0), 1.0)
        pad = int(np.ceil(_KERNEL[method] * step)) + 2
    near = 1e-6
    x0, x1 = int(np.floor(min(columns) + near)) - pad, int(np.ceil(max(columns) - near)) + pad
    y0, y1 = int(np.floor(min(rows) + near)) - pad, int(np.ceil(max(rows) - near)) + pad
    x0, x1, y0, y1 = max(x0, 0), min(x1, n_x), max(y0, 0), min(y1, n_y)
    return Window(x0, y0, x1 - x0, y1 - y0) if x0 < x1 and y0 < y1 else None


def _aligned(header: RasterHeader, grid: Grid) -> bool:
    """Return whether both grids have the same cells, apart from where they start."""
    a, b = header.transform, grid.transform
    near = 1e-6 * grid.resolution_m
    if not all(abs(p - q) <= near for p, q in zip((a.a, a.b, a.d, a.e), (b.a, b.b, b.d, b.e), strict=True)):
        return False
    columns, rows = float((a.c - b.c) / b.a), float((a.f - b.f) / b.e)
    return abs(columns - round(columns)) <= 1e-6 and abs(rows - round(rows)) <= 1e-6
