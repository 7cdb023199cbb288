"""What the ground is made of and what grows on it: lithology, faults, soils, land cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.relief import CELL_M, Relief
from geo_risk.sample.streams import stream

Array = NDArray[np.float64]
Codes = NDArray[np.uint8]

LITHOLOGY = {1: "loess", 2: "mudstone_sandstone", 3: "limestone", 4: "alluvium"}
SOIL_GROUPS = {1: "A", 2: "B", 3: "C", 4: "D"}
LANDCOVER = {
    1: ("cropland", "耕地"),
    2: ("forest", "林地"),
    3: ("bare_loess", "裸黄土"),
    4: ("built_up", "建设用地"),
    5: ("water", "水体"),
}
LOESS, MUDSTONE, LIMESTONE, ALLUVIUM = 1, 2, 3, 4
CROPLAND, FOREST, BARE_LOESS, BUILT_UP, WATER = 1, 2, 3, 4, 5
_FOREST_SHARE, _BARE_SHARE = 0.22, 0.30


@dataclass(frozen=True)
class Slope:
    """Slope and downslope azimuth [degree, clockwise from north, NaN where flat], height over the surroundings [m]."""

    slope_deg: Array
    aspect_deg: Array
    relief_m: Array


def slope_of(elevation_m: Array) -> Slope:
    """Return slope and aspect by central differences, and height over the 600 m mean."""
    down_row, right = np.gradient(elevation_m, CELL_M)
    north, east = -down_row, right
    steep = np.hypot(north, east)
    azimuth = np.degrees(np.arctan2(-east, -north)) % 360
    mean = ndimage.uniform_filter(elevation_m, 21, mode="nearest")
    return Slope(np.degrees(np.arctan(steep)), np.where(steep > 1e-6, azimuth, np.nan), elevation_m - mean)


def fault_rows_columns(size: int, seed: int) -> list[tuple[Array, Array]]:
    """Return the two faults as (rows, columns) polylines that cross the county."""
    rng = stream(seed, "ground.faults")
    along = np.linspace(-0.05, 1.05, 45)
    lines = []
    for start, lean in ((0.30, 0.22), (0.74, -0.16)):
        wander = np.cumsum(rng.normal(0, 0.006, along.size))
        across = start + rng.uniform(-0.05, 0.05) + lean * (along - 0.5) + wander
        lines.append((along * size, across * size))
    return lines


def lithology_of(relief: Relief, slope: Slope, faults: list[tuple[Array, Array]], *, seed: int) -> Codes:
    """Return lithology codes (y, x): contacts step where they cross a fault."""
    size = relief.elevation_m.shape[0]
    field = power_law_field((size, size), stream(seed, "ground.lithology"), slope=2.2, outer_cells=80)
    columns = np.arange(size)[None, :]
    raised = [columns > np.interp(np.arange(size), rows, across)[:, None] for rows, across in faults]
    lifted = raised[0] ^ raised[1]
    floor = np.where(lifted, -7.0, -16.0) + 7.0 * field
    out = np.where(slope.relief_m < floor, MUDSTONE, LOESS)
    out = np.where(relief.hardness > np.where(raised[1], 0.35, 0.60), LIMESTONE, out)
    out = np.where((relief.hardness > 0.12) & (out == LOESS) & (field > 0.2), MUDSTONE, out)
    out = np.where(plain_of(relief, slope), ALLUVIUM, out)
    return _generalised(out)


def plain_of(relief: Relief, slope: Slope) -> NDArray[np.bool_]:
    """Return the alluvial plain: flat ground joined to the river."""
    flat = (slope.slope_deg < 6) & (relief.river_distance_m < 1900)
    labels, _ = ndimage.label(ndimage.binary_opening(flat, iterations=2) | (relief.river_distance_m < 90))
    rows = np.clip(relief.river_rows.astype(int), 0, labels.shape[0] - 1)
    columns = np.clip(relief.river_columns.astype(int), 0, labels.shape[1] - 1)
    joined = np.unique(labels[rows, columns])
    return np.asarray(np.isin(labels, joined[joined > 0]))


def _generalised(codes: NDArray[np.int64]) -> Codes:
    """Give every cell the commonest code of its 5 x 5 neighbourhood, as a mapper would."""
    names = np.unique(codes)
    votes = np.stack([ndimage.uniform_filter((codes == k).astype(np.float64), 5, mode="nearest") for k in names])
    return np.asarray(names[np.argmax(np.round(votes * 25), axis=0)], dtype=np.uint8)


def soil_of(lithology: Codes, relief: Relief, *, seed: int) -> Codes:
    """Return hydrologic soil groups 1..4 = A..D."""
    field = power_law_field(lithology.shape, stream(seed, "ground.soil"), slope=2.2, outer_cells=60)
    out = np.choose(lithology, [0, 2, 3, 4, 3])
    out = np.where((lithology == LOESS) & (field > 1.3), 3, out)
    out = np.where((lithology == ALLUVIUM) & ((relief.river_distance_m < 220) | (field > 0.8)), 1, out)
    out = np.where((lithology == ALLUVIUM) & (field < -0.6), 2, out)
    return _generalised(out)


def landcover_of(relief: Relief, slope: Slope, lithology: Codes, built_up: NDArray[np.bool_], *, seed: int) -> Codes:
    """Return land-cover codes (y, x): forest on rock and shady slopes, bare loess on gully walls, crops elsewhere."""
    field = power_law_field(lithology.shape, stream(seed, "ground.landcover"), slope=1.8, outer_cells=50)
    steep = np.clip(slope.slope_deg, 0, 45) / 45
    shady = np.cos(np.radians(np.nan_to_num(slope.aspect_deg)))
    on_plain = lithology == ALLUVIUM
    trees = 2.2 * (lithology == LIMESTONE) + 0.7 * shady * steep + 0.8 * field - 9.0 * on_plain
    forest = trees > np.quantile(trees, 1 - _FOREST_SHARE)
    bare_score = 2.5 * steep - 0.4 * shady - 0.6 * field - 9.0 * (on_plain | forest)
    bare = bare_score > np.quantile(bare_score, 1 - _BARE_SHARE)
    out = np.where(forest, FOREST, np.where(bare, BARE_LOESS, CROPLAND))
    out = _generalised(out)
    out[built_up] = BUILT_UP
    out[relief.river_distance_m < 40] = WATER
    return out
