"""Time and memory of the exposure at the size of a province, beside a plain overlay and sums over cells.

    python -m benchmarks.exposure --settlements 25000 --buildings 40 --zones 30000 --points 20000

Settlements with their buildings, zones of 41 corners and hazard points are drawn at random over a square (seed 1).
Printed: seconds of spreading people, of the pairs, of `exposure_of`, of people around points, and of the whole table;
the peak of resident memory; and on a square that holds about a hundredth of them the seconds of the pairs, of
`geopandas.overlay` (houses cut, then summed) and of sums over 5 m cells zone by zone (a window, the zone burned, a sum:
the way of rasterstats), with the share of people by which the cells are off.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin

from geo_risk.exposure.people import Dwellings, clean_counts, spread_people
from geo_risk.exposure.zonal import overlaps
from geo_risk.products.exposure_sums import Surveyed
from geo_risk.products.exposure_table import exposure_table
from geo_risk.products.params import RiskParams
from geo_risk.products.zone_exposure import Exposed, exposure_of

CRS = "EPSG:4546"
ORIGIN = (400_000.0, 4_000_000.0)


def drawn(n_settlements: int, n_buildings: int, n_zones: int, n_points: int) -> dict[str, gpd.GeoDataFrame]:
    """Return settlements, buildings, zones, points and townships over ground of 6 km2 a settlement."""
    rng = np.random.default_rng(1)
    side = 1000 * np.sqrt(6.0 * n_settlements)
    home = np.add(ORIGIN, rng.uniform(0, side, (n_settlements, 2)))
    ids = np.array([f"S{i:05d}" for i in range(n_settlements)])
    people = rng.integers(50, 3000, n_settlements).astype(float)
    people[rng.random(n_settlements) < 0.01] = np.nan
    towns = gpd.GeoDataFrame(
        {"settlement_id": ids, "people": people, "vulnerable_people": np.floor(people / 4),
         "households": np.floor(people / 3)}, geometry=gpd.points_from_xy(*home.T), crs=CRS,
    )  # fmt: skip
    owner = np.repeat(np.arange(n_settlements), n_buildings)
    at = home[owner] + rng.normal(0, 120, (len(owner), 2))
    width = rng.uniform(4, 10, (len(owner), 2))
    buildings = gpd.GeoDataFrame(
        {"building_id": [f"B{i:07d}" for i in range(len(owner))], "settlement_id": ids[owner],
         "floors": rng.integers(1, 5, len(owner)),
         "structure": rng.choice(["砖木", "砖混", "窑洞", "彩钢"], len(owner))},
        geometry=shapely.box(*(at - width).T, *(at + width).T), crs=CRS,
    )  # fmt: skip
    near = home[rng.integers(0, n_settlements, n_zones)] + rng.normal(0, 400, (n_zones, 2))
    turn = np.linspace(0, 2 * np.pi, 41)[:-1]
    radius = rng.uniform(60, 260, (n_zones, 1)) * rng.uniform(0.8, 1.2, (n_zones, 40))
    ring = np.stack([near[:, :1] + radius * np.cos(turn), near[:, 1:] + radius * np.sin(turn)], axis=-1)
    zones = gpd.GeoDataFrame(
        {"zone_id": [f"LS-{i:05d}" for i in range(n_zones)], "kind": "landslide", "risk_level": 3},
        geometry=shapely.polygons(ring), crs=CRS,
    )  # fmt: skip
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*near[:n_points].T).buffer(30), crs=CRS)
    edge = np.linspace(0, side, 33)
    squares = [shapely.box(ORIGIN[0] + a, ORIGIN[1] + c, ORIGIN[0] + b, ORIGIN[1] + d)
               for a, b in pairwise(edge) for c, d in pairwise(edge)]  # fmt: skip
    codes = [str(i) for i in range(len(squares))]
    townships = gpd.GeoDataFrame({"code": codes, "name": codes}, geometry=squares, crs=CRS)
    return {"towns": towns, "buildings": buildings, "zones": zones, "points": points, "townships": townships}


def timed(name: str, call: Callable[[], Any], into: dict[str, float]) -> Any:
    """Run a call and keep its seconds."""
    start = time.perf_counter()
    out = call()
    into[name] = time.perf_counter() - start
    return out


def by_overlay(houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> pd.Series[Any]:
    """Return the people of zones by cutting every house (`geopandas.overlay`)."""
    whole = houses[["people", "geometry"]].assign(size=houses.area)
    cut = gpd.overlay(whole, zones[["zone_id", "geometry"]], how="intersection", keep_geom_type=True)
    inside = cut["people"] * cut.area / cut["size"]
    return inside.groupby(cut["zone_id"]).sum().reindex(zones["zone_id"], fill_value=0)


def by_cells(houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, *, cell_m: float = 5.0) -> pd.Series[Any]:
    """Return the people of zones by burning each zone on cells of people, one zone after another."""
    left, bottom, right, top = zones.total_bounds
    shape = (int((top - bottom) / cell_m) + 2, int((right - left) / cell_m) + 2)
    cells = np.zeros(shape, dtype=np.float32)
    centre = houses.geometry.centroid
    column, row = ((centre.x - left) / cell_m).astype(int), ((top - centre.y) / cell_m).astype(int)
    good = (column >= 0) & (row >= 0) & (column < shape[1]) & (row < shape[0])
    np.add.at(cells, (row[good], column[good]), houses["people"].fillna(0).to_numpy()[good])
    out = []
    for shape_, (x0, y0, x1, y1) in zip(zones.geometry, zones.bounds.to_numpy(), strict=True):
        c0, r0 = int((x0 - left) / cell_m), int((top - y1) / cell_m)
        window = cells[r0 : int((top - y0) / cell_m) + 1, c0 : int((x1 - left) / cell_m) + 1]
        there = from_origin(left + c0 * cell_m, top - r0 * cell_m, cell_m, cell_m)
        out.append(float(window[rasterize([(shape_, 1)], window.shape, transform=there) == 1].sum()))
    return pd.Series(out, index=zones["zone_id"])


def one(n_settlements: int, n_buildings: int, n_zones: int, n_points: int) -> dict[str, float]:
    """Run everything once and return seconds, counts, ratios and the peak of memory [MB]."""
    made = drawn(n_settlements, n_buildings, n_zones, n_points)
    seconds: dict[str, float] = {}
    params = RiskParams()
    towns, _ = clean_counts(made["towns"])
    houses, _ = timed("spread", lambda: spread_people(towns, Dwellings(made["buildings"]), radius_m=150), seconds)
    pairs = timed("overlaps", lambda: overlaps(houses, made["zones"]), seconds)
    timed("exposure_of", lambda: exposure_of(made["zones"], Exposed(houses)), seconds)
    timed("points", lambda: overlaps(houses, made["points"]), seconds)
    survey = Surveyed(made["zones"], made["townships"])
    timed("table", lambda: exposure_table(Exposed(houses), survey, params), seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    middle = made["zones"].total_bounds.reshape(2, 2).mean(axis=0)
    patch = shapely.box(*(middle - _patch_m(n_settlements) / 2), *(middle + _patch_m(n_settlements) / 2))
    few = made["zones"][made["zones"].intersects(patch)].reset_index(drop=True)
    some = houses[houses.intersects(shapely.box(*few.total_bounds))].fillna({"people": 0.0}).reset_index(drop=True)
    exact = timed("overlaps_patch", lambda: overlaps(some, few), seconds)
    cut = timed("overlay_patch", lambda: by_overlay(some, few), seconds)
    burned = timed("cells_patch", lambda: by_cells(some, few), seconds)
    sums = np.bincount(exact["zone"], weights=some["people"].to_numpy()[exact["feature"]] * exact["share"],
                       minlength=len(few))  # fmt: skip
    if not np.allclose(cut.to_numpy(), sums, rtol=1e-6, atol=1e-6):
        msg = "the overlay gives other people than the pairs"
        raise AssertionError(msg)
    off = float(np.abs(burned.to_numpy() - sums).sum() / max(sums.sum(), 1.0))
    return seconds | {"houses": len(houses), "pairs": len(pairs), "peak_mb": peak, "zones_patch": len(few),
                      "houses_patch": len(some), "cells_off": off}  # fmt: skip


def _patch_m(n_settlements: int) -> float:
    """Return the side of a square with about a hundredth of the ground, 8 to 40 km: its 5 m cells fit in memory."""
    return float(np.clip(100 * np.sqrt(6.0 * n_settlements), 8_000.0, 40_000.0))


def main() -> None:
    """Print one run as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settlements", type=int, default=25_000)
    parser.add_argument("--buildings", type=int, default=40)
    parser.add_argument("--zones", type=int, default=30_000)
    parser.add_argument("--points", type=int, default=20_000)
    args = parser.parse_args()
    for name, value in one(args.settlements, args.buildings, args.zones, args.points).items():
        print(f"{name:18s} {value:14.3f}")


if __name__ == "__main__":
    main()
