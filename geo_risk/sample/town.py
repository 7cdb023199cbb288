"""The town's ground at 5 m: streets, blocks, courts, the railway bank, and the hooks that carve low places into it."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry import LineString, box

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.streams import stream

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]

TOWN_CELL_M = 5.0
TOWN_CELLS = 400
STREET, BLOCK, COURT, RIVER, FARMLAND, RAILWAY = 1, 2, 3, 4, 5, 6
WIDTH_M = {"trunk": 24.0, "primary": 20.0, "secondary": 14.0, "local": 8.0}
BANK_M = 3.0
_LEVEL_OFFSET_M = {STREET: -0.20, BLOCK: 0.15, COURT: 0.0, FARMLAND: 0.0, RIVER: -1.2, RAILWAY: 0.0}


@dataclass(frozen=True)
class Town:
    """The town window.

    Attributes
    ----------
    grid : 5 m, 400 x 400 cells.
    dem : (y, x) float32 [m], the true ground before any water site is carved.
    cover : (y, x) uint8: 1 street, 2 building block, 3 court or park, 4 river, 5 farmland, 6 railway bank.
    streets : street_id, class, width_m, LineString.
    crossings : x, y, azimuth of the street [degree], and its street_id, where a street meets the railway.
    """

    grid: Grid
    dem: Floats
    cover: Codes
    streets: gpd.GeoDataFrame
    crossings: tuple[tuple[float, float, float, str], ...]


def town_grid(left: float, top: float, *, crs: str) -> Grid:
    """Return the 5 m grid of the town whose upper-left corner is given."""
    return Grid(GeoBox((TOWN_CELLS, TOWN_CELLS), Affine(TOWN_CELL_M, 0, left, 0, -TOWN_CELL_M, top), crs))


def make_town(
    grid: Grid, elevation_m: Array, *, river: LineString, trunk: LineString, railway: LineString, seed: int
) -> Town:
    """Make the town on its 5 m grid.

    Parameters
    ----------
    grid : from `town_grid`.
    elevation_m : (y, x) on `grid`, the smooth ground [m].
    river, trunk, railway : lines in the grid's CRS.
    """
    streets = _streets(grid, trunk=trunk, river=river, railway=railway, seed=seed)
    crossings = _crossings(streets, railway)
    cover = _cover(grid, elevation_m, streets, river=river, railway=railway, seed=seed)
    offset = np.zeros(grid.shape)
    for code, metres in _LEVEL_OFFSET_M.items():
        offset[cover == code] = metres
    offset = ndimage.uniform_filter(offset, 3, mode="nearest")
    rough = power_law_field(grid.shape, stream(seed, "town.rough"), slope=1.8, outer_cells=80)
    dem = elevation_m + offset + 0.06 * rough + _bank(grid, railway, streets, crossings)
    return Town(grid, (np.round(dem * 1024) / 1024).astype(np.float32), cover, streets, crossings)


def _streets(grid: Grid, *, trunk: LineString, river: LineString, railway: LineString, seed: int) -> gpd.GeoDataFrame:
    """Lay an irregular grid of streets over the window, cut short at the river (the primary ones bridge it)."""
    rng = stream(seed, "town.streets")
    window = box(*grid.bounds)
    left, bottom, right, top = grid.bounds
    east_bank = river.buffer(70)
    lines: list[tuple[str, LineString]] = [("trunk", trunk.intersection(window))]
    for k, y in enumerate(np.arange(bottom + 130, top - 60, 235) + rng.uniform(-25, 25, 8)):
        kind = ("local", "secondary", "local", "primary")[k % 4]
        lines.append((kind, LineString([(left + 40, y), (right - 40, y + rng.uniform(-20, 20))])))
    for k, x in enumerate(np.arange(left + 110, right - 60, 250) + rng.uniform(-25, 25, 8)):
        line = LineString([(x, bottom + 40), (x + rng.uniform(-20, 20), top - 40)])
        lines.append((("local", "secondary")[k % 2], line))
    rows = []
    for kind, line in lines:
        open_line = line if kind in ("trunk", "primary") else line.difference(east_bank)
        if kind != "trunk" and line.intersects(railway) and kind == "local":
            open_line = open_line.difference(railway.buffer(25))
        parts = list(getattr(open_line, "geoms", [open_line]))
        rows += [(kind, part) for part in parts if part.length > 120]
    return gpd.GeoDataFrame(
        {
            "street_id": [f"ST{i:03d}" for i in range(1, len(rows) + 1)],
            "class": [kind for kind, _ in rows],
            "width_m": [WIDTH_M[kind] for kind, _ in rows],
        },
        geometry=[line for _, line in rows],
        crs=grid.crs,
    )


def _crossings(streets: gpd.GeoDataFrame, railway: LineString) -> tuple[tuple[float, float, float, str], ...]:
    out = []
    for street_id, line in zip(streets["street_id"], streets.geometry, strict=True):
        meet = line.intersection(railway)
        for point in getattr(meet, "geoms", [meet]):
            if point.is_empty or point.geom_type != "Point":
                continue
            at = line.project(point)
            a, b = line.interpolate(max(at - 10, 0)), line.interpolate(min(at + 10, line.length))
            azimuth = float(np.degrees(np.arctan2(b.x - a.x, b.y - a.y)) % 360)
            out.append((float(point.x), float(point.y), azimuth, str(street_id)))
    return tuple(out)


def _cover(
    grid: Grid, elevation_m: Array, streets: gpd.GeoDataFrame, *, river: LineString, railway: LineString, seed: int
) -> Codes:
    field = power_law_field(grid.shape, stream(seed, "town.cover"), slope=2.0, outer_cells=120)
    n_y, n_x = grid.shape
    y, x = np.mgrid[0:n_y, 0:n_x]
    from_middle = np.hypot((y - n_y / 2) / n_y, (x - n_x / 2) / n_x) + 0.06 * field
    slopes = np.gradient(ndimage.gaussian_filter(elevation_m, 6, mode="nearest"), TOWN_CELL_M)
    in_town = (from_middle < 0.52) & (np.hypot(slopes[0], slopes[1]) < 0.12)
    small = power_law_field(grid.shape, stream(seed, "town.courts"), slope=1.2, outer_cells=14)
    paved = rasterize([(g.buffer(w / 2), 1.0) for g, w in zip(streets.geometry, streets["width_m"], strict=True)],
                      grid, fill=0, dtype="uint8")  # fmt: skip
    setback = ndimage.distance_transform_edt(paved == 0) * TOWN_CELL_M
    out = np.where(in_town, np.where((setback > 9) & (small > -0.35), BLOCK, COURT), FARMLAND)
    out = np.where(paved > 0, STREET, out)
    water = rasterize([(river.buffer(22), 1.0)], grid, fill=0, dtype="uint8")
    near_water = rasterize([(river.buffer(70), 1.0)], grid, fill=0, dtype="uint8")
    bank = rasterize([(railway.buffer(9), 1.0)], grid, fill=0, dtype="uint8")
    out = np.where((near_water > 0) & (out == BLOCK), COURT, out)
    out = np.where((bank > 0) & (paved == 0), RAILWAY, out)
    return np.asarray(np.where(water > 0, RIVER, out), dtype=np.uint8)


def _bank(
    grid: Grid,
    railway: LineString,
    streets: gpd.GeoDataFrame,
    crossings: tuple[tuple[float, float, float, str], ...],
) -> Array:
    """Height of the railway bank over the ground [m]: 8 m crest, slopes 1:1.5, open where a street passes under."""
    crest = rasterize([(railway.buffer(4), 1.0)], grid, fill=0, dtype="uint8")
    distance = ndimage.distance_transform_edt(crest == 0) * TOWN_CELL_M
    height = np.clip(BANK_M - distance / 1.5, 0, BANK_M)
    passing = {street_id for *_, street_id in crossings}
    openings = streets[streets["street_id"].isin(passing)]
    gaps = [(g.buffer(w / 2 + 2), 1.0) for g, w in zip(openings.geometry, openings["width_m"], strict=True)]
    opened = rasterize(gaps, grid, fill=0, dtype="uint8")
    return np.where(opened > 0, 0.0, height)


def carve_box(
    dem: Floats, grid: Grid, *, x: float, y: float, azimuth_deg: float, length_m: float, width_m: float, depth_m: float
) -> Floats:
    """Return the ground with a sag along a street: full depth over the middle third, ramps to both ends.

    Parameters
    ----------
    dem : (y, x) [m]; not changed.
    x, y : middle of the sag.
    azimuth_deg : direction of the street, clockwise from north.
    length_m, width_m : along and across the street (vertical side walls).
    depth_m : greatest depth below the present ground, > 0.
    """
    along, across = _local(grid, x, y, azimuth_deg)
    ramp = np.clip((length_m / 2 - np.abs(along)) / (length_m / 3), 0, 1)
    return (dem - np.where(np.abs(across) <= width_m / 2, depth_m * ramp, 0)).astype(np.float32)


def carve_bowl(dem: Floats, grid: Grid, *, x: float, y: float, radius_m: float, depth_m: float) -> Floats:
    """Return the ground with a round hollow, flat in the inner half, with smooth sides."""
    along, across = _local(grid, x, y, 0.0)
    share = np.clip((radius_m - np.hypot(along, across)) / (radius_m / 2), 0, 1)
    return (dem - depth_m * share * share * (3 - 2 * share)).astype(np.float32)


def _local(grid: Grid, x: float, y: float, azimuth_deg: float) -> tuple[Array, Array]:
    coords = grid.coords()
    east, north = coords["x"][None, :] - x, coords["y"][:, None] - y
    sin, cos = np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg))
    return east * sin + north * cos, east * cos - north * sin
