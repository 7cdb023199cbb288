"""Time and greatest memory of subsidence, lines and structures of two tracks, read lazily; one process for each size.

python -m benchmarks.watch_memory --side 4000 [--given-noise]
"""

from __future__ import annotations

import argparse
import resource
import time
from itertools import pairwise

import geopandas as gpd
import numpy as np
from shapely.geometry import LineString, box

from benchmarks.areas_memory import PERIOD, noise, size_of, velocity
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.maps import TrackWindows
from geo_risk.hazards.deformation.areas.tiles import TiledMap, whole
from geo_risk.hazards.deformation.lines import structures, townships, watch
from geo_risk.hazards.deformation.lines.axes import merge_axes
from geo_risk.hazards.deformation.lines.level import scene_level
from geo_risk.hazards.deformation.lines.sections import line_sections
from geo_risk.hazards.deformation.lines.vertical import DECOMPOSED, MapNoise, VerticalMap, map_noise, vertical_map
from geo_risk.hazards.deformation.params import DeformationParams

CELL_M = 30.0
LOOKS = {"asc": (-0.62, -0.11, 0.777), "desc": (0.62, -0.11, 0.777)}
PARAMS = DeformationParams()


def main() -> None:
    """Print what was found, seconds of processor time so far, and the greatest resident memory above the imports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--given-noise", action="store_true", help="estimate no noise: bodies, zones and sums alone")
    args = parser.parse_args()
    side = args.side
    x, y = 510_000.0, 3_900_000.0
    grid = Grid.from_bounds((x, y, x + side * CELL_M, y + side * CELL_M), crs="EPSG:4546", resolution_m=CELL_M)
    tracks = [_track(name, side) for name in LOOKS]
    imported, before = _peak(), time.process_time()

    def say(what: str) -> None:
        print(
            f"{side**2 / 1e6:.0f} million cells: {what}; {time.process_time() - before:.0f} s, at most "
            f"{_peak() - imported:.0f} MB above the imports ({imported:.0f} MB)", flush=True,
        )  # fmt: skip

    drawn = len(range(0, side, 397)) * len(range(0, side, 401))
    found = _watch(_given(tracks[0], grid) if args.given_noise else vertical_map(tracks, grid, PARAMS), grid)
    say(f"{len(found.kinds)} sinking bodies of {drawn}")
    if args.given_noise:
        return
    sections = line_sections(_axes(grid), found.vertical, PARAMS.lines, span_yr=3.0)
    say(f"and {len(sections)} sections of lines")
    moving = _structures(tracks, grid)
    say(f"and {moving} structures that move")


def _track(name: str, side: int) -> TrackWindows:
    pattern, shape = noise(seed=len(name)), (side, side)

    def constant(value: float) -> TiledMap:
        return TiledMap(shape, lambda b: np.full(size_of(b), value, np.float32), side=1024)

    return TrackWindows(
        name, TiledMap(shape, lambda b: velocity(pattern, b), side=1024), constant(0.5),
        tuple(constant(c) for c in LOOKS[name]),
    )  # fmt: skip


def _given(track: TrackWindows, grid: Grid) -> VerticalMap:
    """Return the velocity of a track as vertical, with the noise it was drawn with instead of an estimated one."""
    white, still = np.full(grid.shape, 0.6, np.float32), np.ones(grid.shape, bool)
    shared = np.zeros(PARAMS.areas.sample_cells // 2)
    shared[:40] = 2 * np.exp(-np.arange(40) / 8)
    source = np.full(grid.shape, DECOMPOSED, np.int8)
    return VerticalMap(whole(track.velocity), source, MapNoise(CELL_M, white, shared, True, still), grid)


def _watch(vertical: VerticalMap, grid: Grid) -> watch.Subsidence:
    height = TiledMap(
        grid.shape, lambda b: np.add.outer(*(np.arange(s.start, s.stop) % PERIOD for s in b)).astype("f4"), side=1024
    )  # fmt: skip
    level = scene_level(vertical, height, atmosphere=PARAMS.velocity.atmosphere)
    found = watch.find_subsidence(vertical, PARAMS.watch, level=level)
    left, bottom, right, top = grid.bounds
    edges = np.linspace(left, right, 11)
    towns = gpd.GeoDataFrame(
        {"code": [str(k) for k in range(10)], "name": ""}, crs=grid.crs,
        geometry=[box(a, bottom, b, top) for a, b in pairwise(edges)],
    )  # fmt: skip
    places = townships.township_cells(towns, grid)
    watch.subsidence_zones(found, PARAMS.watch)
    townships.township_table(found, towns, places)
    found.totals()
    return found


def _axes(grid: Grid) -> list:
    left, bottom, right, top = grid.bounds
    roads = gpd.GeoDataFrame(
        {"road_id": ["a", "b"], "class": "primary", "name": ["a", "b"]}, crs=grid.crs,
        geometry=[LineString([(left, bottom), (right, top)]), LineString([(left, top), (right, bottom + 500)])],
    )  # fmt: skip
    return merge_axes(roads, PARAMS.lines, id_column="road_id", category=None)


def _structures(tracks: list[TrackWindows], grid: Grid) -> int:
    left, _, _, top = grid.bounds
    at = [(left + x * CELL_M, top - y * CELL_M) for y in range(0, grid.shape[0], 397) for x in range(0, 800, 401)]
    bodies = [
        structures.Body(str(k), "", "reservoir", box(x, y - 8 * CELL_M, x + 9 * CELL_M, y), None)
        for k, (x, y) in enumerate(at)
    ]
    labels = structures.label_bodies(bodies, grid)
    noises = [map_noise(whole(t.velocity), whole(t.velocity_std), grid, PARAMS) for t in tracks]
    rows = structures.structure_rows(bodies, labels, tracks, noises, PARAMS.structures)
    return sum(bool(r["is_moving"]) for r in rows)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
