"""The settlement nearest to a place, the same whatever the order of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray


class Nearest(NamedTuple):
    """Places that have a settlement near: their positions, its id, how far it is [m], and where several are as near."""

    place: NDArray[np.int64]
    settlement_id: NDArray[Any]
    distance_m: NDArray[np.float64]
    n_ties: int


def nearest_settlements(places: gpd.GeoSeries, settlements: gpd.GeoDataFrame, *, max_distance_m: float) -> Nearest:
    """Return the nearest settlement of each place that has one within a distance; of equally near ones the lower id.

    Parameters
    ----------
    places : geometries in the CRS of the settlements. settlements : points with settlement_id.
    """
    ordered = settlements.assign(_id=settlements["settlement_id"].astype("string")).sort_values("_id", kind="stable")
    pairs, distance = ordered.sindex.nearest(places, return_all=True, return_distance=True, max_distance=max_distance_m)
    order = np.lexsort((pairs[1], pairs[0]))
    place, first, n_near = np.unique(pairs[0][order], return_index=True, return_counts=True)
    chosen = order[first]
    ids = ordered["settlement_id"].to_numpy()[pairs[1][chosen]]
    return Nearest(place.astype(np.int64), ids, np.asarray(distance[chosen], dtype=np.float64), int((n_near > 1).sum()))
