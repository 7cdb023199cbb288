"""The county's map sheets as vector layers: geology, soils, borders."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry import box

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.sample.cover import LITHOLOGY, SOIL_GROUPS
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.ground import Ground
from geo_risk.sample.streams import count, stream

Codes = NDArray[np.uint8]

MAP_CELLS = 3
COUNTY_CODE, COUNTY_NAME = "149901", "示范县"
TOWNSHIPS = ("城关镇", "河西乡", "塬上乡", "柳沟镇", "石峪乡", "东岭乡")
N_TOWNSHIPS = 6


def geology_frame(ground: Ground) -> gpd.GeoDataFrame:
    """Return the geological map: unit_id, lithology, Polygon."""
    return _map_of(ground, ground.lithology, LITHOLOGY, column="lithology", prefix="G")


def soils_frame(ground: Ground) -> gpd.GeoDataFrame:
    """Return the soil map: soil_id, hydrologic_group A-D, Polygon."""
    return _map_of(ground, ground.soil, SOIL_GROUPS, column="hydrologic_group", prefix="S")


def _map_of(ground: Ground, codes: Codes, names: dict[int, str], *, column: str, prefix: str) -> gpd.GeoDataFrame:
    """Draw units of at least four map cells (90 m) as single polygons that meet without gaps."""
    coarse, grid = _map_cells(ground, codes)
    labels = np.zeros(coarse.shape, dtype=np.int32)
    kinds: list[int] = []
    for code in names:
        parts, n = ndimage.label(coarse == code)
        labels[parts > 0] = parts[parts > 0] + len(kinds)
        kinds += [code] * n
    frame = polygons_of_labels(labels, grid)
    frame = frame.assign(geometry=frame.geometry.intersection(box(*ground.grid.bounds)))
    frame[column] = [names[kinds[label - 1]] for label in frame["label"]]
    key = {"G": "unit_id", "S": "soil_id"}[prefix]
    frame[key] = [f"{prefix}{i:05d}" for i in range(1, len(frame) + 1)]
    return frame[[key, column, "geometry"]]


def _map_cells(ground: Ground, codes: Codes) -> tuple[Codes, Grid]:
    """Return the commonest code of each map cell, specks of fewer than four cells given to their surroundings."""
    size = ground.size
    n = -(-size // MAP_CELLS)
    padded = np.pad(codes, (0, n * MAP_CELLS - size), mode="edge")
    blocks = padded.reshape(n, MAP_CELLS, n, MAP_CELLS)
    kinds = np.unique(codes)
    votes = np.stack([(blocks == k).sum(axis=(1, 3)) for k in kinds])
    coarse = kinds[np.argmax(votes, axis=0)].astype(np.uint8)
    for k in kinds:
        parts, _ = ndimage.label(coarse == k)
        small = np.isin(parts, np.flatnonzero(np.bincount(parts.ravel())[1:] < 4) + 1)
        around = ndimage.median_filter(coarse, 5, mode="nearest")
        coarse = np.where(small, around, coarse).astype(np.uint8)
    t = ground.grid.transform
    return coarse, Grid(GeoBox((n, n), t * t.scale(MAP_CELLS), ground.grid.crs))


def admin_frame(ground: Ground) -> gpd.GeoDataFrame:
    """Return the borders: level {county, township}, code, name, Polygon; townships fill the county."""
    seats, grid = _seats(ground)
    n = grid.shape[0]
    rng = stream(ground.seed, "maps.townships")
    warp = [power_law_field((n, n), rng, slope=3.6, outer_cells=n / 3) * n / 25 for _ in range(2)]
    y, x = np.mgrid[0:n, 0:n]
    distance = np.stack([np.hypot(y + warp[0] - r * n, x + warp[1] - c * n) for r, c in seats])
    frame = polygons_of_labels((np.argmin(distance, axis=0) + 1).astype(np.int32), grid)
    border = box(*ground.grid.bounds)
    labels = frame["label"].to_numpy()
    names = [TOWNSHIPS[(k - 1) % len(TOWNSHIPS)] + ("" if k <= len(TOWNSHIPS) else str(k)) for k in labels]
    codes = [f"{COUNTY_CODE}{100 + int(k) - 1:03d}" for k in labels]
    rows = {
        "level": ["county"] + ["township"] * len(labels),
        "code": [COUNTY_CODE, *codes],
        "name": [COUNTY_NAME, *names],
    }
    shapes = [border, *frame.geometry.intersection(border)]
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=ground.grid.crs)


def _seats(ground: Ground) -> tuple[list[tuple[float, float]], Grid]:
    """Return township seats as shares of the county's side, the town's first, and a coarse grid to draw on."""
    rng = stream(ground.seed, "maps.seats")
    bounds = ground.town.grid.bounds
    rows, columns, _ = ground.grid.index([(bounds[0] + bounds[2]) / 2], [(bounds[1] + bounds[3]) / 2])
    seats = [(float(rows[0]) / ground.size, float(columns[0]) / ground.size)]
    number = count(N_TOWNSHIPS, ground.size, at_least=2)
    while len(seats) < number:
        trial = rng.uniform(0.08, 0.92, (40, 2))
        apart = [min(np.hypot(r - a, c - b) for a, b in seats) for r, c in trial]
        best = trial[int(np.argmax(apart))]
        seats.append((float(best[0]), float(best[1])))
    cells = 5
    n = -(-ground.size // cells)
    t = ground.grid.transform
    return seats, Grid(GeoBox((n, n), t * t.scale(cells), ground.grid.crs))
