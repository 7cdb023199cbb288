"""Houses of the demo county: rows of dwellings in the villages, blocks of flats in the town."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.sample.streams import stream

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

VILLAGE_STRUCTURES = {"brick_concrete": 0.40, "brick_wood": 0.25, "cave_dwelling": 0.25, "adobe": 0.10}
TOWN_STRUCTURES = {"frame": 0.45, "brick_concrete": 0.55}
VILLAGE_PITCH_M, TOWN_PITCH_M = 24.0, 45.0

Array = NDArray[np.float64]


def make_buildings(ground: Ground, settlements: pd.DataFrame) -> gpd.GeoDataFrame:
    """Make buildings around every settlement; their households add up to the settlement's.

    Returns
    -------
    GeoDataFrame building_id, settlement_id, structure, floors, households, geometry (Polygon).
    """
    rng = stream(ground.seed, "people.buildings")
    parts = [
        _village(ground, float(row["x"]), float(row["y"]), int(row["households"]), str(row["settlement_id"]), rng)
        for row in settlements[settlements["kind"] == "village"].to_dict("records")
    ]
    parts.append(_town(ground, settlements[settlements["kind"] == "neighbourhood"], rng))
    out = pd.concat(parts, ignore_index=True)
    out.insert(0, "building_id", [f"BD{k:06d}" for k in range(1, len(out) + 1)])
    return gpd.GeoDataFrame(out, geometry="geometry", crs=ground.grid.crs)


def _village(
    ground: Ground, x: float, y: float, households: int, settlement_id: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the rows of houses of a village on the nearest places of a lattice that are not too steep or wet."""
    number = max(3, round(households / 4.5))
    turn = rng.uniform(0, np.pi)
    reach = int(np.ceil(2.2 * np.sqrt(number))) + 3
    steps = np.arange(-reach, reach + 1, dtype=np.float64) * VILLAGE_PITCH_M
    u, v = (a.ravel() for a in np.meshgrid(1.3 * steps, steps))
    px, py = x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)
    rows, columns, inside = ground.grid.index(px, py)
    slope = ground.slope_deg[rows, columns]
    bad = ~inside | (ground.landcover[rows, columns] == 5)
    bad |= ground.river_distance_m[rows, columns] < 0.8 * ground.river_width_m
    cost = np.hypot(u, v) * rng.uniform(0.8, 1.25, u.size) + 25 * np.maximum(slope - 9, 0) + np.where(bad, 1e6, 0)
    pick = np.argsort(cost, kind="stable")[:number]
    boxes = _turned(px[pick], py[pick], turn, rng.uniform(12, 20, number), rng.uniform(8, 11, number))
    structure = rng.choice(list(VILLAGE_STRUCTURES), number, p=list(VILLAGE_STRUCTURES.values()))
    floors = np.where(structure == "brick_concrete", rng.integers(1, 4, number), 1)
    return _rows(settlement_id, structure, floors, _shared(households, number, rng), boxes)


def _town(ground: Ground, hoods: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    town = ground.town
    n = int(town.grid.shape[0] * town.grid.resolution_m / TOWN_PITCH_M)
    left, top = town.grid.bounds[0], town.grid.bounds[3]
    u, v = np.meshgrid(np.arange(n) + 0.5, np.arange(n) + 0.5)
    px = left + u.ravel() * TOWN_PITCH_M + rng.uniform(-6, 6, n * n)
    py = top - v.ravel() * TOWN_PITCH_M + rng.uniform(-6, 6, n * n)
    rows, columns, inside = town.grid.index(px, py)
    on_block = inside & (town.cover[rows, columns] == 2)
    px, py = px[on_block], py[on_block]
    centres = hoods[["x", "y"]].to_numpy()
    owner = np.argmin((px[:, None] - centres[:, 0]) ** 2 + (py[:, None] - centres[:, 1]) ** 2, axis=1)
    parts = []
    for k, hood in enumerate(hoods.to_dict("records")):
        mine = np.flatnonzero(owner == k)
        mine = mine if mine.size else np.array([int(np.argmin(np.hypot(px - hood["x"], py - hood["y"])))])
        mine = np.sort(rng.permutation(mine)[: max(1, round(int(hood["households"]) / 16))])
        boxes = _turned(px[mine], py[mine], 0.0, rng.uniform(22, 34, mine.size), rng.uniform(11, 15, mine.size))
        structure = rng.choice(list(TOWN_STRUCTURES), mine.size, p=list(TOWN_STRUCTURES.values()))
        floors = np.where(structure == "frame", rng.integers(5, 19, mine.size), rng.integers(2, 7, mine.size))
        parts.append(
            _rows(
                str(hood["settlement_id"]),
                structure,
                floors,
                _shared(int(hood["households"]), mine.size, rng, floors),
                boxes,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _turned(x: Array, y: Array, turn: float, length: Array, width: Array) -> NDArray[np.object_]:
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) / 2
    u, v = corner[None, :, 0] * length[:, None], corner[None, :, 1] * width[:, None]
    px = x[:, None] + u * np.cos(turn) - v * np.sin(turn)
    py = y[:, None] + u * np.sin(turn) + v * np.cos(turn)
    return np.asarray(shapely.polygons(np.round(np.stack([px, py], axis=-1), 1)))


def _shared(
    total: int, number: int, rng: np.random.Generator, weight: NDArray[np.integer] | None = None
) -> NDArray[np.int64]:
    """Return whole numbers that add up to `total`."""
    share = rng.uniform(0.6, 1.4, number) * (1 if weight is None else weight)
    edges = np.round(np.cumsum(share) / share.sum() * total).astype(np.int64)
    out: NDArray[np.int64] = np.diff(edges, prepend=0)
    return out


def _rows(
    settlement_id: str,
    structure: NDArray[np.str_],
    floors: NDArray[np.integer],
    households: NDArray[np.int64],
    boxes: NDArray[np.object_],
) -> pd.DataFrame:
    return pd.DataFrame(
        {"settlement_id": settlement_id, "structure": structure, "floors": floors.astype(np.int64),
         "households": households, "geometry": boxes}
    )  # fmt: skip
