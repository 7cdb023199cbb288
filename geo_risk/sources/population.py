"""Population rasters onto the run grid without losing or making anybody: each cell's people by the area it covers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from geo_risk.core.errors import OverlapError, UnitError
from geo_risk.core.grid import CHUNK, Grid
from geo_risk.kernels.regrid import spread_quads
from geo_risk.sources.geotiff import (
    RasterHeader,
    audit_raster,
    check_audit,
    is_missing,
    read_block,
    read_header,
    rounded,
)
from geo_risk.sources.options import LIMITS, NO_OPTIONS, ReadLimits, ReadOptions

_PER_CELL = frozenset({"people", "people/cell", "people per cell", "persons", "persons/cell", "person", "inhabitants",
                       "inhabitants/cell", "人", "人/格网", "人/像元"})  # fmt: skip
_PER_M2 = {
    **dict.fromkeys(("people/km2", "people/km^2", "people km-2", "people per km2", "persons/km2", "inhabitants/km2",
                     "人/km2", "人/平方公里", "人/平方千米"), 1e-6),
    **dict.fromkeys(("people/ha", "people per ha", "persons/ha", "人/ha", "人/公顷"), 1e-4),
    **dict.fromkeys(("people/m2", "people per m2", "persons/m2"), 1.0),
}  # fmt: skip
"""Units of density, and people per m2 in each."""

_MOST_CELLS = 4_000_000
"""Source cells that one block of the grid is made of at most at once; more are taken in bands of rows."""


def people_factor(units: str | None, *, where: str) -> float | None:
    """Return people per m2 of a unit of density, None of a unit of people per cell.

    Raises
    ------
    UnitError : no unit, or one that is neither: nothing is guessed, the two differ by a factor of a hundred.
    """
    text = " ".join((units or "").split()).lower().replace("²", "2").replace("persons per", "people per")
    if text in _PER_CELL:
        return None
    if text in _PER_M2:
        return _PER_M2[text]
    what = f"the population raster has units {units!r}; people per cell or a density needed"
    fix = "add `units: people` (people per cell) or `units: people/km2` to inputs.population, as its document says"
    raise UnitError(what, where=where, fix=fix)


def load_population(
    path: Path,
    grid: Grid,
    *,
    where: str = "inputs.population",
    missing_is_zero: bool = False,
    options: ReadOptions = NO_OPTIONS,
    limits: ReadLimits = LIMITS,
) -> xr.DataArray:
    """Bring the first band of a population raster onto the run grid so that its people are kept.

    The corners of each source cell are brought into the run's CRS; the cell's people go to the run cells under that
    quadrilateral by area (Tobler's pycnophylactic rule within a cell, without smoothing between cells). The sum over
    the run grid is the source's sum within it, a source cell at the edge counted by its share inside. Of a density the
    people of a cell are density times the quadrilateral's area in the run's CRS.

    Parameters
    ----------
    path : GeoTIFF in any CRS; unit people (per cell) or people/km2, by the file or `options.units`.
    grid : the run grid. missing_is_zero : missing source cells are empty ground.

    Returns
    -------
    (y, x) float32 [people per cell], lazy by blocks; NaN where no source cell with a number lies. A run cell that
        missing source cells cover partly holds the people of the rest. Attributes `n_masked` (negative or infinite
        source values, which count as missing), `valid_share` (of the source's cells).

    Raises
    ------
    UnitError : as `people_factor`. OverlapError : it lies beside the area. DataError and its kinds : as `read_header`
        and `check_audit`, too many negative values among them.
    """
    header = read_header(path, where=where, options=options, limits=limits)
    place = f"{where}: {path}"
    per_m2 = people_factor(header.units, where=place)
    area = transform_bounds(grid.geobox.crs.to_wkt(), header.crs, *grid.bounds, densify_pts=21)
    b = header.bounds
    if not (b[0] < area[2] and area[0] < b[2] and b[1] < area[3] and area[1] < b[3]):
        what = f"the population raster covers {rounded(b)}, the area {rounded(area)} in the raster's CRS: no overlap"
        raise OverlapError(what, where=place, fix="check the file and `area`")
    audit = audit_raster(path, where=where, nodata=header.nodata, valid=(0.0, 1e9))
    check_audit(audit, header, place=place, limits=limits)
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        return _people(header, grid, (r0, r1, c0, c1), per_m2=per_m2, missing_is_zero=missing_is_zero)

    data = da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    layer = grid.layer(data, units="1", long_name="people per cell", name="population")
    share = 1 - (audit.missing + audit.masked) / max(audit.cells, 1)
    return layer.assign_attrs({**layer.attrs, "n_masked": audit.masked, "valid_share": round(share, 6)})


def _people(
    header: RasterHeader, grid: Grid, cells: tuple[int, int, int, int], *, per_m2: float | None, missing_is_zero: bool
) -> NDArray[np.float32]:
    r0, r1, c0, c1 = cells
    shape = (r1 - r0, c1 - c0)
    sums, known = np.zeros(shape), np.zeros(shape)
    window = _window(header, grid, cells)
    if window is None:
        return np.full(shape, np.nan, np.float32)
    move = Transformer.from_crs(header.crs, grid.geobox.crs.to_wkt(), always_xy=True)
    to_cells = ~(grid.transform * Affine.translation(c0, r0))
    step = max(1, _MOST_CELLS // max(int(window.width), 1))
    with rasterio.open(header.path, driver="GTiff") as source:
        for top in range(int(window.row_off), int(window.row_off + window.height), step):
            height = min(step, int(window.row_off + window.height) - top)
            part = Window(window.col_off, top, window.width, height)
            raw = read_block(source, 1, part, place=str(header.path))
            amounts = raw.astype(np.float64)
            missing = is_missing(raw, header.nodata)
            amounts[missing | ~(np.isfinite(amounts) & (amounts >= 0) & (amounts <= 1e9))] = np.nan
            if missing_is_zero:
                amounts[missing] = 0.0
            column, row = _corners(header, part, move, to_cells)
            if per_m2 is not None:
                amounts *= per_m2 * grid.cell_area_m2 * _areas(column, row).reshape(amounts.shape)
            more, covered = spread_quads(amounts.ravel(), column, row, shape=shape)
            sums += more
            known += covered
    return np.where(known > 1e-9, sums, np.nan).astype(np.float32)


def _corners(
    header: RasterHeader, window: Window, move: Transformer, to_cells: Affine
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return columns and rows (n, 4) of the corners of each source cell in cells of the block, cells row by row."""
    i, j = np.meshgrid(np.arange(window.width + 1) + window.col_off, np.arange(window.height + 1) + window.row_off)
    x, y = header.transform * (i, j)
    x, y = move.transform(x, y)
    column, row = to_cells * (np.asarray(x), np.asarray(y))
    around = ((slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None)),
              (slice(1, None), slice(1, None)), (slice(1, None), slice(None, -1)))  # fmt: skip
    return (np.stack([column[k].ravel() for k in around], axis=1), np.stack([row[k].ravel() for k in around], axis=1))


def _areas(column: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas (n,) of quadrilaterals in cells: half the cross product of the diagonals."""
    dx, dy = column[:, 2] - column[:, 0], row[:, 2] - row[:, 0]
    ex, ey = column[:, 3] - column[:, 1], row[:, 3] - row[:, 1]
    out: NDArray[np.float64] = np.abs(dx * ey - ex * dy) / 2
    return out


def _window(header: RasterHeader, grid: Grid, cells: tuple[int, int, int, int]) -> Window | None:
    """Return the source cells that may touch a block of the run grid, None where there are none."""
    r0, r1, c0, c1 = cells
    left, top = grid.transform * (c0, r0)
    right, bottom = grid.transform * (c1, r1)
    box = transform_bounds(grid.geobox.crs.to_wkt(), header.crs, left, bottom, right, top, densify_pts=21)
    corners = [~header.transform * (x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    n_y, n_x = header.shape
    x0, x1 = (int(np.floor(min(c for c, _ in corners))) - 2, int(np.ceil(max(c for c, _ in corners))) + 2)
    y0, y1 = (int(np.floor(min(r for _, r in corners))) - 2, int(np.ceil(max(r for _, r in corners))) + 2)
    x0, x1, y0, y1 = max(x0, 0), min(x1, n_x), max(y0, 0), min(y1, n_y)
    return Window(x0, y0, x1 - x0, y1 - y0) if x0 < x1 and y0 < y1 else None
