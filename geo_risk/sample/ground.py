"""The county's true ground: relief, river, lithology, soils, land cover, valley lines and the town."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry import LineString, Point, box

from geo_risk.core.grid import Grid
from geo_risk.kernels.stream_power import drainage, upslope_area
from geo_risk.sample import cover
from geo_risk.sample.relief import CELL_M, Relief, make_relief
from geo_risk.sample.streams import check_size
from geo_risk.sample.town import FARMLAND, TOWN_CELL_M, TOWN_CELLS, Town, make_town, town_grid
from geo_risk.sample.town import RIVER as TOWN_RIVER

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

CRS = "EPSG:4546"
LEFT_M, TOP_M = 510000.0, 4065000.0
RIVER_WIDTH_M = 44.0
TRUNK_OFFSET_M, RAILWAY_OFFSET_M = 430.0, 760.0
STREAM_M2 = 1.0e6


@dataclass(frozen=True)
class Ground:
    """The true ground; arrays are (y, x) on `grid`.

    Attributes
    ----------
    dem_true : float32 [m], drains everywhere to the river or the county's border.
    slope_deg, aspect_deg, relief_m : float32; aspect is the downslope azimuth, NaN where flat; relief is height
        over the 600 m mean.
    upslope_m2 : float32, upslope area with what flows in from outside the county.
    river_distance_m : float32, to the main river's centre line.
    lithology, soil, landcover : uint8 codes of `cover.LITHOLOGY`, `cover.SOIL_GROUPS`, `cover.LANDCOVER`.
    plain : the alluvial plain.
    river, trunk_road, railway : lines in `grid.crs`, downstream order.
    streams : stream_id, upslope_km2, LineString; tributaries of at least 1 km2, downstream order.
    faults : fault_id, LineString.
    """

    size: int
    seed: int
    grid: Grid
    dem_true: Floats
    slope_deg: Floats
    aspect_deg: Floats
    relief_m: Floats
    upslope_m2: Floats
    river_distance_m: Floats
    lithology: Codes
    soil: Codes
    landcover: Codes
    plain: Mask
    river: LineString
    river_width_m: float
    streams: gpd.GeoDataFrame
    faults: gpd.GeoDataFrame
    trunk_road: LineString
    railway: LineString
    town: Town


def county_grid(size: int) -> Grid:
    """Return the 30 m grid of a county of `size` cells a side."""
    return Grid(GeoBox((size, size), Affine(CELL_M, 0, LEFT_M, 0, -CELL_M, TOP_M), CRS))


def make_ground(size: int, seed: int) -> Ground:
    """Make the county's ground.

    Raises
    ------
    ConfigError : a size or seed that cannot be made.
    """
    check_size(size)
    grid = county_grid(size)
    relief = make_relief(size, seed)
    slope = cover.slope_of(relief.elevation_m)
    fault_lines = cover.fault_rows_columns(size, seed)
    lithology = cover.lithology_of(relief, slope, fault_lines, seed=seed)
    river, trunk, railway = _valley_lines(relief, grid)
    town = _town(relief, grid, river=river, trunk=trunk, railway=railway, seed=seed)
    landcover = cover.landcover_of(relief, slope, lithology, _built_up(town, grid), seed=seed)
    border = box(*grid.bounds)
    faults = [_line(rows, columns).intersection(border) for rows, columns in fault_lines]
    return Ground(
        size=size, seed=seed, grid=grid,
        dem_true=relief.elevation_m.astype(np.float32),
        slope_deg=slope.slope_deg.astype(np.float32),
        aspect_deg=slope.aspect_deg.astype(np.float32),
        relief_m=slope.relief_m.astype(np.float32),
        upslope_m2=relief.upslope_m2.astype(np.float32),
        river_distance_m=relief.river_distance_m.astype(np.float32),
        lithology=lithology,
        soil=cover.soil_of(lithology, relief, seed=seed),
        landcover=landcover,
        plain=cover.plain_of(relief, slope),
        river=river, river_width_m=RIVER_WIDTH_M,
        streams=_streams(relief, grid),
        faults=gpd.GeoDataFrame({"fault_id": [f"F{i}" for i in range(1, 3)]}, geometry=faults, crs=grid.crs),
        trunk_road=trunk, railway=railway, town=town,
    )  # fmt: skip


def _line(rows: Array, columns: Array) -> LineString:
    """Return the line through cell centres given in (fractional) rows and columns."""
    x, y = LEFT_M + (columns + 0.5) * CELL_M, TOP_M - (rows + 0.5) * CELL_M
    return LineString(np.round(np.column_stack([x, y]), 2))


def _valley_lines(relief: Relief, grid: Grid) -> tuple[LineString, LineString, LineString]:
    """Return river, trunk road and railway, all from north to south."""
    rows, columns = relief.river_rows, relief.river_columns
    ends = np.concatenate([[-0.5], rows, [rows[-1] + 0.5]])
    river = _line(ends, np.interp(ends, rows, columns))
    calm = ndimage.gaussian_filter1d(columns, 14, mode="nearest")
    lines = []
    for offset in (TRUNK_OFFSET_M, RAILWAY_OFFSET_M):
        shifted = np.clip(calm + offset / CELL_M, 2, grid.shape[1] - 3)
        lines.append(_line(ends[::6], np.interp(ends[::6], rows, shifted)))
    return river, lines[0], lines[1]


def _town(relief: Relief, grid: Grid, *, river: LineString, trunk: LineString, railway: LineString, seed: int) -> Town:
    """Place the 5 m window over the plain, on whole county cells, and make its ground."""
    size = grid.shape[0]
    span = int(np.ceil(TOWN_CELLS * TOWN_CELL_M / CELL_M))
    row = int(np.clip(0.42 * size - span / 2, 2, size - span - 2))
    middle = float(np.interp(row + span / 2, relief.river_rows, relief.river_columns)) + 300 / CELL_M
    column = int(np.clip(middle - span / 2, 2, size - span - 2))
    fine = town_grid(LEFT_M + column * CELL_M, TOP_M - row * CELL_M, crs=grid.crs)
    coords = fine.coords()
    rows = (TOP_M - coords["y"]) / CELL_M - 0.5
    columns = (coords["x"] - LEFT_M) / CELL_M - 0.5
    at = np.meshgrid(rows, columns, indexing="ij")
    smooth = ndimage.gaussian_filter(relief.elevation_m, 1.0, mode="nearest")
    elevation = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    return make_town(fine, elevation, river=river, trunk=trunk, railway=railway, seed=seed)


def _built_up(town: Town, grid: Grid) -> Mask:
    """Mark the county cells of which most is town."""
    coords = town.grid.coords()
    rows, columns, _ = grid.index(
        np.broadcast_to(coords["x"][None, :], town.cover.shape), np.broadcast_to(coords["y"][:, None], town.cover.shape)
    )
    urban = (town.cover != FARMLAND) & (town.cover != TOWN_RIVER)
    share = np.zeros(grid.shape)
    np.add.at(share, (rows[urban], columns[urban]), (TOWN_CELL_M / CELL_M) ** 2)
    return share > 0.6


def _streams(relief: Relief, grid: Grid) -> gpd.GeoDataFrame:
    """Trace the tributaries from head or junction to junction, river or border."""
    base = relief.river_distance_m < CELL_M / 2
    base[[0, -1], :] = base[:, [0, -1]] = True
    _, receiver, order = drainage(relief.elevation_m, base, 0.001)
    area = np.minimum(upslope_area(receiver, order, CELL_M**2), relief.upslope_m2).ravel()
    flat, n_x = receiver.ravel(), grid.shape[1]
    wet = (area >= STREAM_M2) & (flat != np.arange(flat.size))
    donors = np.bincount(flat[wet], minlength=flat.size)
    starts = np.flatnonzero(wet & (donors != 1))
    rows: list[tuple[float, LineString]] = []
    for start in starts:
        path = [int(start)]
        while True:
            below = int(flat[path[-1]])
            path.append(below)
            if donors[below] != 1 or not wet[below]:
                break
        at = np.array(path)
        rows.append((float(area[path[-2]]) / 1e6, _line(at // n_x, at % n_x)))
    return gpd.GeoDataFrame(
        {
            "stream_id": [f"S{i:05d}" for i in range(1, len(rows) + 1)],
            "upslope_km2": np.round([a for a, _ in rows], 3),
        },
        geometry=[g for _, g in rows],
        crs=grid.crs,
    )


def cell_of(grid: Grid, point: Point) -> tuple[int, int]:
    """Return row and column of the cell that holds a point (the nearest one where it lies outside)."""
    rows, columns, _ = grid.index(point.x, point.y)
    return int(rows), int(columns)
