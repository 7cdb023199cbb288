"""The DEM that the analyst is given: the true ground with the faults of real ones."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry import LineString, Point, box
from shapely.ops import linemerge, substring
from shapely.strtree import STRtree

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.kernels.stream_power import drainage
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.ground import Ground, cell_of
from geo_risk.sample.streams import count, stream

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Patch = tuple[tuple[slice, slice], Array]

N_DECKS, N_CULVERTS = 4, 6
SEAM_M = 1.5
_DECK_M, _BANK_M = 1.5, 1.0
_REACHES_M = (60.0, 90.0, 140.0, 200.0)
_HIGHEST_M, _HELD_M = 20.0, 1.5
_AROUND = 30
_APART_M = 200.0
_CULVERT_HALF_M = 40.0


@dataclass(frozen=True)
class GivenDem:
    """The DEM as given, and what is wrong with it.

    Attributes
    ----------
    dem : (y, x) float32 [m], NaN in the void.
    culverts : culvert_id, road_id, diameter_m, LineString along the stream: sealed in the DEM.
    deck_ids : bridges whose decks stand in the DEM as dams.
    void : (y, x), where nothing was measured.
    seam_column : first column of the sheet that lies SEAM_M too high.
    """

    dem: Floats
    culverts: gpd.GeoDataFrame
    deck_ids: tuple[str, ...]
    void: NDArray[np.bool_]
    seam_column: int


def given_dem(
    ground: Ground, *, roads: gpd.GeoDataFrame, bridges: gpd.GeoDataFrame, crossings: pd.DataFrame
) -> GivenDem:
    """Put bridge decks, sealed culverts, a void and a seam into the true ground.

    Parameters
    ----------
    roads : road_id, LineString.
    bridges : bridge_id, road_id, Point.
    crossings : road_id, x, y of roads over streams without a bridge.
    """
    lines = roads.set_index("road_id").geometry
    town = box(*ground.town.grid.bounds).buffer(150)
    dem = ground.dem_true.astype(np.float64)
    decks: list[str] = []
    order = stream(ground.seed, "dem.decks").permutation(len(bridges))
    for k in order:
        if len(decks) >= count(N_DECKS, ground.size):
            break
        row = bridges.iloc[k]
        if town.contains(row.geometry):
            continue
        patch = _dammed(dem, ground, lines[row["road_id"]], row.geometry, above_m=_DECK_M)
        if patch is not None:
            dem[patch[0]] = patch[1]
            decks.append(str(row["bridge_id"]))
    sealed = _sealed(dem, ground, lines, crossings)
    for part, raised, _ in sealed:
        dem[part] = np.maximum(dem[part], raised)
    columns = ["culvert_id", "road_id", "diameter_m", "geometry"]
    rows = [row for *_, row in sealed]
    culverts = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=ground.grid.crs)
    seam = _seam_column(ground)
    dem[:, seam:] += SEAM_M
    void = _void(ground)
    dem[void] = np.nan
    return GivenDem(dem.astype(np.float32), culverts, tuple(sorted(decks)), void, seam)


def _dammed(dem: Array, ground: Ground, road: LineString, at: Point, *, above_m: float) -> Patch | None:
    """Return the part of the DEM with the road's crest across the water at `at`, as long as it takes to hold water.

    None where no length of crest dams anything.
    """
    cell = cell_of(ground.grid, at)
    part = tuple(slice(max(k - _AROUND, 0), k + _AROUND + 1) for k in cell)
    t = ground.grid.transform
    corner = t * t.translation(part[1].start, part[0].start)
    local = Grid(GeoBox(dem[part].shape, corner, ground.grid.crs))
    middle = road.project(at)
    for reach in _REACHES_M:
        line = substring(road, max(middle - reach, 0), min(middle + reach, road.length))
        if line.length < 60:
            return None
        crest = rasterize([(line, 1.0)], local, fill=0, dtype="uint8", all_touched=True) > 0
        ends = [dem[cell_of(ground.grid, Point(line.coords[k]))] for k in (0, -1)]
        level = max(min(ends), dem[cell] + 1.5) + above_m
        raised = np.where(crest, np.maximum(dem[part], level), dem[part])
        inner = (cell[0] - part[0].start, cell[1] - part[1].start)
        if level - dem[cell] <= _HIGHEST_M and _held_m(raised, dem[part], inner) >= _HELD_M:
            return (part[0], part[1]), raised
    return None


def _held_m(raised: Array, plain: Array, cell: tuple[int, int]) -> float:
    """Return by how much the deepest water near a cell grows when the ground is raised [m]."""
    depth = []
    for surface in (raised, plain):
        base = np.ones(surface.shape, dtype=bool)
        base[1:-1, 1:-1] = False
        filled, _, _ = drainage(np.ascontiguousarray(surface), base, 1e-6)
        depth.append(filled - surface)
    row, column = cell
    near = (slice(max(row - 3, 0), row + 4), slice(max(column - 3, 0), column + 4))
    return float((depth[0] - depth[1])[near].max())


def _sealed(
    dem: Array, ground: Ground, lines: gpd.GeoSeries, crossings: pd.DataFrame
) -> list[tuple[tuple[slice, slice], Array, dict[str, object]]]:
    """Return for each sealed culvert the part of the DEM it stands in, that part raised, and its row of the table."""
    rng = stream(ground.seed, "dem.culverts")
    town = box(*ground.town.grid.bounds).buffer(150)
    tree = STRtree(ground.streams.geometry.to_numpy())
    out: list[tuple[tuple[slice, slice], Array, dict[str, object]]] = []
    taken = np.empty((0, 2))
    for k in rng.permutation(len(crossings)):
        if len(out) >= count(N_CULVERTS, ground.size):
            break
        road_id, at = str(crossings["road_id"].iloc[k]), Point(crossings["x"].iloc[k], crossings["y"].iloc[k])
        if town.contains(at) or (np.hypot(taken[:, 0] - at.x, taken[:, 1] - at.y) < _APART_M).any():
            continue
        patch = _dammed(dem, ground, lines[road_id], at, above_m=_BANK_M)
        pipe = _along_stream(ground, tree, at)
        if patch is None or pipe is None:
            continue
        taken = np.vstack([taken, [at.x, at.y]])
        row: dict[str, object] = {
            "culvert_id": f"CU{len(out) + 1:03d}", "road_id": road_id,
            "diameter_m": float(rng.choice([1.0, 1.5, 2.0, 2.5])), "geometry": pipe,
        }  # fmt: skip
        out.append((*patch, row))
    return out


def _along_stream(ground: Ground, tree: STRtree, at: Point) -> LineString | None:
    """Return 80 m of the stream's line around a crossing, downstream order."""
    line = ground.streams.geometry.iloc[int(tree.nearest(at))]
    line = linemerge([line]) if line.geom_type == "MultiLineString" else line
    if line.distance(at) > 45:
        return None
    middle = line.project(at)
    part = substring(line, max(middle - _CULVERT_HALF_M, 0), min(middle + _CULVERT_HALF_M, line.length))
    return part if part.length > 40 else None


def _seam_column(ground: Ground) -> int:
    return int(stream(ground.seed, "dem.seam").uniform(0.55, 0.8) * ground.size)


def _void(ground: Ground) -> NDArray[np.bool_]:
    """Return a ragged patch of about 20 ha in the hills without a measurement."""
    rng = stream(ground.seed, "dem.void")
    hills = ndimage.binary_erosion(~ground.plain & (ground.river_distance_m > 1500), iterations=8)
    cells = np.flatnonzero(hills if hills.any() else ~ground.plain)
    row, column = divmod(int(cells[int(rng.integers(cells.size))]), ground.size)
    y, x = np.ogrid[0 : ground.size, 0 : ground.size]
    ragged = 2.5 * power_law_field((64, 64), rng, slope=1.5)
    rough = ragged[np.mod(y - row, 64), np.mod(x - column, 64)]
    return np.asarray(np.hypot(y - row, x - column) + rough < 8.5)
