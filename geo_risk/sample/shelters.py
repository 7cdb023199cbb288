"""Shelters of the demo county: 1.15 places a person, a third of them too small for those who would come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.sample.network import Network
from geo_risk.sample.people import People
from geo_risk.sample.streams import count, stream

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

SHELTERS = 20
PLACES_PER_PERSON = 1.15
TOWN_SHARE = 0.45
IN_HARMS_WAY = 2
KINDS = ("school", "village_office", "square", "gymnasium")
_LABEL = {"school": "学校", "village_office": "村委会", "square": "广场", "gymnasium": "体育馆"}

Array = NDArray[np.float64]


def make_shelters(ground: Ground, people: People, *, danger: Array, unsafe: NDArray[np.bool_]) -> pd.DataFrame:
    """Place shelters and give them capacities.

    Parameters
    ----------
    ground, people : of the county.
    danger : (n, 2) places that the storm will hit, the best suited first; shelters are put on the first two of them
        that a road comes near.
    unsafe : (y, x) on the county grid: cells where no other shelter may stand.

    Returns
    -------
    DataFrame shelter_id, name, capacity, kind, x, y, in_danger, demand_nearest: the people who would come if
    everybody went to the nearest. Capacities add up to 1.15 places a person, the county's TRUE people counted.
    """
    rng = stream(ground.seed, "people.shelters")
    number = count(SHELTERS, ground.size, at_least=6)
    nodes = _safe_nodes(ground, people.network, unsafe)
    bad, at_bad = _dangerous(people, danger)
    places = bad + _town_places(ground, people, nodes, round(TOWN_SHARE * number))
    places += _village_places(people, nodes, places, number - len(places))
    at = np.array(places)
    demand = nearest_demand(people, at)
    capacity = _capacities(demand, int(people.settlements["people"].sum()), rng)
    kinds = rng.choice(KINDS, len(at), p=[0.45, 0.25, 0.2, 0.1])
    xy = people.network.nodes[at].copy()
    xy[: len(bad)] = at_bad
    order = np.argsort(xy[:, 0], kind="stable")
    return pd.DataFrame(
        {
            "shelter_id": [f"SH{k:04d}" for k in range(1, len(at) + 1)],
            "name": [f"{k}号避险{_LABEL[str(kind)]}" for k, kind in enumerate(kinds[order], 1)],
            "capacity": capacity[order],
            "kind": kinds[order],
            "x": np.round(xy[order, 0], 1),
            "y": np.round(xy[order, 1], 1),
            "in_danger": (np.arange(len(at)) < len(bad))[order],
            "demand_nearest": demand[order],
        }
    )


def nearest_demand(people: People, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of the county's people have each shelter as their nearest by travel time."""
    minutes = people.network.minutes_from(nodes)
    reached = people.stops >= 0
    nearest = np.argmin(minutes[:, people.stops[reached]], axis=0)
    who = people.settlements["people"].to_numpy()[reached]
    return np.bincount(nearest, weights=who, minlength=len(nodes)).astype(np.int64)


def _safe_nodes(ground: Ground, network: Network, unsafe: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows, columns, inside = ground.grid.index(network.nodes[:, 0], network.nodes[:, 1])
    return np.flatnonzero(inside & ~unsafe[rows, columns] & (network.attach(network.nodes) == np.arange(len(rows))))


def _dangerous(people: People, danger: Array) -> tuple[list[int], Array]:
    """Return the road nodes and places of the shelters in harm's way: within 300 m of a node, 1 km apart."""
    nodes: list[int] = []
    places: list[Array] = []
    stops = people.network.attach(danger) if len(danger) else np.zeros(0, dtype=np.int64)
    for place, node in zip(danger, stops, strict=True):
        if node >= 0 and node not in nodes and all(np.hypot(*(place - p)) > 1000 for p in places):
            nodes.append(int(node))
            places.append(place)
        if len(nodes) == IN_HARMS_WAY:
            break
    return nodes, np.array(places).reshape(-1, 2)


def _town_places(ground: Ground, people: People, nodes: NDArray[np.int64], number: int) -> list[int]:
    left, bottom, right, top = ground.town.grid.bounds
    at = people.network.nodes[nodes]
    inside = (at[:, 0] > left) & (at[:, 0] < right) & (at[:, 1] > bottom) & (at[:, 1] < top)
    return _spread(people.network.nodes, nodes[inside], [], number)


def _village_places(people: People, nodes: NDArray[np.int64], taken: list[int], number: int) -> list[int]:
    """Return nodes at villages on the network, spread over the county, the large villages first."""
    table = people.settlements
    good = (table["kind"] == "village").to_numpy() & (people.stops >= 0) & np.isin(people.stops, nodes)
    order = np.argsort(-table["people"].to_numpy()[good], kind="stable")
    stops = people.stops[good][order]
    big = [k for k in stops[: max(1, number // 3)] if k not in taken]
    return big + _spread(people.network.nodes, stops, [*taken, *big], number - len(big))


def _spread(nodes: Array, choice: NDArray[np.int64], taken: list[int], number: int) -> list[int]:
    """Return `number` of the choice, each as far as can be from those taken before."""
    out: list[int] = []
    for _ in range(number):
        have = [*taken, *out] or [int(choice[0])]
        distance = np.min(np.hypot(*(nodes[choice][:, None, :] - nodes[have][None, :, :]).transpose(2, 0, 1)), axis=1)
        out.append(int(choice[int(np.argmax(distance))]))
    return out


def _capacities(demand: NDArray[np.int64], people: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return whole capacities of 1.15 x people; a third, those with most comers, take only 45-80 % of them."""
    n = len(demand)
    crowded = np.argsort(-demand, kind="stable")[: round(n / 3)]
    small = np.zeros(n, dtype=bool)
    small[crowded] = True
    share = rng.uniform(0.45, 0.80, n)
    capacity = np.where(small, np.maximum(20, share * demand), 0.0)
    need = demand * 1.06 + 25
    total = round(PLACES_PER_PERSON * people)
    spare = total - capacity[small].sum() - need[~small].sum()
    weight = np.where(small, 0, rng.uniform(0.5, 1.5, n))
    capacity = np.where(small, capacity, need + max(spare, 0) * weight / weight.sum())
    whole = np.floor(capacity / 10).astype(np.int64) * 10
    last = int(np.argmax(np.where(small, -1, whole)))
    whole[last] += total - int(whole.sum())
    return whole


def shelter_frame(table: pd.DataFrame, crs: str) -> gpd.GeoDataFrame:
    """Return what the analyst gets: shelter_id, name, capacity, kind, geometry (Point)."""
    geometry = gpd.points_from_xy(table["x"], table["y"])
    return gpd.GeoDataFrame(table[["shelter_id", "name", "capacity", "kind"]], geometry=geometry, crs=crs)
