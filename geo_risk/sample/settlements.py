"""Villages and town neighbourhoods: where they lie, how many people live there, what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_risk.sample.streams import count, stream

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

VILLAGES, NEIGHBOURHOODS = 35, 25
VILLAGE_PEOPLE, TOWN_PEOPLE = 25_000, 25_000
LARGEST_NEIGHBOURHOOD = 1_500
CLUSTER = 3
"""Villages of the group that one bridge links to the rest."""
OFF_NETWORK = 1
UNKNOWN_PEOPLE = 2
LATTICE_CELLS = 2
"""Roads and villages lie on the centres of every second cell, so that roads that meet share their nodes."""
SPACING_M = 750.0
_SURNAMES = "张王李赵刘陈杨郭马韩白薛侯贺高武任田康段石梁郝曹"
_PLACES = ("家沟", "家塬", "家峁", "家坡", "家湾", "家庄", "家坪", "家岭", "家河", "家垣")
_SIDES = ("", "上", "下", "东", "西", "南", "北", "前", "后")

Array = NDArray[np.float64]


def village_sites(ground: Ground, number: int, rng: np.random.Generator) -> Array:
    """Return (n, 2) village places on the road lattice, the best first: flat ground, half of it at the foot of slopes.

    Places keep off the river's bed, the town window and the county's rim, and 750 m from one another.
    """
    rows, columns = _candidates(ground, rng, draws=max(4000, 140 * number))
    x, y = ground.grid.transform * (columns + 0.5, rows + 0.5)
    slope = ground.slope_deg[rows, columns]
    steepest = np.max([_shifted(ground.slope_deg, rows, columns, dr, dc) for dr, dc in _ring(5)], axis=0)
    floor = ground.relief_m[rows, columns] < 0
    wish = -np.maximum(slope - 4, 0) / 6 + np.where(floor, np.minimum(steepest, 35) / 25, 0.5)
    wish = wish + rng.normal(0, 0.35, wish.size) + 0.3 * (ground.river_distance_m[rows, columns] < 500)
    order = np.argsort(-wish, kind="stable")
    return _spaced(np.column_stack([x, y])[order], number, SPACING_M)


def _candidates(ground: Ground, rng: np.random.Generator, *, draws: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rim = 16
    half = (ground.size - 2 * rim) // LATTICE_CELLS
    rows = rim + LATTICE_CELLS * rng.integers(0, half, draws)
    columns = rim + LATTICE_CELLS * rng.integers(0, half, draws)
    left, bottom, right, top = ground.town.grid.bounds
    x, y = ground.grid.transform * (columns + 0.5, rows + 0.5)
    in_town = (x > left - 250) & (x < right + 250) & (y > bottom - 250) & (y < top + 250)
    good = (ground.slope_deg[rows, columns] < 12) & ~in_town & (ground.landcover[rows, columns] != 5)
    good &= ground.river_distance_m[rows, columns] > max(90.0, 1.2 * ground.river_width_m)
    return rows[good], columns[good]


def _ring(reach: int) -> list[tuple[int, int]]:
    return [(dr, dc) for dr in (-reach, 0, reach) for dc in (-reach, 0, reach) if dr or dc]


def _shifted(
    values: NDArray[np.floating], rows: NDArray[np.int64], columns: NDArray[np.int64], dr: int, dc: int
) -> Array:
    n_y, n_x = values.shape
    out: Array = values[np.clip(rows + dr, 0, n_y - 1), np.clip(columns + dc, 0, n_x - 1)].astype(np.float64)
    return out


def _spaced(points: Array, number: int, spacing: float) -> Array:
    """Take points in order, none nearer than `spacing` to one taken before."""
    tree = cKDTree(points)
    free = np.ones(len(points), dtype=bool)
    chosen: list[int] = []
    for i in range(len(points)):
        if free[i]:
            chosen.append(i)
            free[tree.query_ball_point(points[i], spacing)] = False
            if len(chosen) == number:
                break
    return points[chosen]


def neighbourhood_sites(ground: Ground, rng: np.random.Generator) -> Array:
    """Return (25, 2) centres of neighbourhoods on the town's building blocks, spread by farthest choice."""
    town = ground.town
    rows, columns = np.nonzero(town.cover == 2)
    pick = rng.permutation(rows.size)[:3000]
    x, y = town.grid.transform * (columns[pick] + 0.5, rows[pick] + 0.5)
    points = np.column_stack([x, y])
    chosen = [0]
    distance = np.hypot(*(points - points[0]).T)
    while len(chosen) < NEIGHBOURHOODS:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.hypot(*(points - points[chosen[-1]]).T))
    centres = points[chosen]
    for _ in range(3):
        _, nearest = cKDTree(centres).query(points)
        means = np.array([points[nearest == k].mean(axis=0) for k in range(NEIGHBOURHOODS)])
        centres = points[cKDTree(points).query(means)[1]]
    return centres


def rank_size(number: int, total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return `number` whole village populations by a rank-size rule (exponent 0.75) that add up to `total`."""
    weight = np.arange(1, number + 1) ** -0.75 * rng.uniform(0.85, 1.15, number)
    return _whole(weight, total)


def _whole(weight: Array, total: int) -> NDArray[np.int64]:
    exact = weight / weight.sum() * total
    out: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    out[np.argsort(out - exact)[: total - int(out.sum())]] += 1
    return out


def town_people(rng: np.random.Generator) -> NDArray[np.int64]:
    """Return 25 neighbourhood populations of at most 1,500 that add up to 25,000."""
    weight = rng.uniform(0.6, 1.35, NEIGHBOURHOODS)
    weight = np.minimum(weight / weight.mean(), 1.45)
    return _whole(weight, TOWN_PEOPLE)


def village_names(number: int, rng: np.random.Generator) -> list[str]:
    """Return different village names; they are made from syllables and belong to nobody."""
    names = [f"{side}{surname}{place}" for side in _SIDES for surname in _SURNAMES for place in _PLACES]
    plain, sided = names[: len(_SURNAMES) * len(_PLACES)], names[len(_SURNAMES) * len(_PLACES) :]
    pool = [*rng.permutation(plain), *rng.permutation(sided)]
    rounds = -(-number // len(pool))
    return [name if not r else f"{name}{r + 1}村" for r in range(rounds) for name in pool][:number]


def settlement_table(villages: Array, hoods: Array, townships: NDArray[np.int64], *, seed: int) -> pd.DataFrame:
    """Return every settlement with its TRUE people.

    Parameters
    ----------
    villages : (n, 2) places; the last four are the group behind one bridge (3) and the one off the network.
    hoods : (25, 2) places of the town's neighbourhoods.
    townships : (n + 25,) township number of each settlement, from 1.
    seed : of the county.

    Returns
    -------
    DataFrame settlement_id, name, kind, x, y, people, vulnerable_people, households, township, responsible, and
    is_people_known (False for two villages).
    """
    rng = stream(seed, "people.settlements")
    n = len(villages)
    size = rank_size(n, round(VILLAGE_PEOPLE * n / VILLAGES), rng)
    special = CLUSTER + OFF_NETWORK
    small = np.arange(n - special, n)
    order = np.concatenate([rng.permutation(n - special), rng.permutation(small)])
    people = np.empty(n, dtype=np.int64)
    people[order] = size
    every = np.concatenate([people, town_people(rng)])
    number = np.arange(1, n + NEIGHBOURHOODS + 1)
    names = village_names(n, rng) + [f"城关第{k}社区" for k in range(1, NEIGHBOURHOODS + 1)]
    known = np.ones(every.size, dtype=bool)
    known[rng.choice(n - special, count(UNKNOWN_PEOPLE, round(500 * (n / VILLAGES) ** 0.5)), replace=False)] = False
    points = np.concatenate([villages, hoods])
    return pd.DataFrame(
        {
            "settlement_id": [f"SE{k:05d}" for k in number],
            "name": names,
            "kind": ["village"] * n + ["neighbourhood"] * NEIGHBOURHOODS,
            "x": points[:, 0],
            "y": points[:, 1],
            "people": every,
            "vulnerable_people": np.round(every * rng.uniform(0.18, 0.30, every.size)).astype(np.int64),
            "households": np.maximum(1, np.round(every / rng.uniform(2.7, 3.4, every.size))).astype(np.int64),
            "township": [f"第{t}乡镇" if t > 1 else "城关镇" for t in townships],
            "township_number": townships,
            "responsible": [f"责任人-{k:03d}" for k in number],
            "is_people_known": known,
        }
    )
