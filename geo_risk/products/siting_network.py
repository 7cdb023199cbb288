"""The roads with all places joined to them once, by car, by car outside risk zones, and on foot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_risk.exposure.network import RoadNetwork, build_network, edge_costs, exposed, join_places
from geo_risk.exposure.reach import walking_costs
from geo_risk.products.params import EvacuationParams


@dataclass(frozen=True)
class Joined:
    """The network and the node of every place.

    Attributes
    ----------
    network : with places joined and exposed shares.
    drive, safe, walk : minutes of each edge by car; by car with every section in a harmful zone closed; on foot.
    nodes : by group of places; -1 off the network.
    """

    network: RoadNetwork
    drive: NDArray[np.float64]
    safe: NDArray[np.float64]
    walk: NDArray[np.float64]
    nodes: dict[str, NDArray[np.int64]]


def harmful_zones(zones: gpd.GeoDataFrame, *, max_level: int) -> gpd.GeoDataFrame:
    """Return the zones in which nobody takes shelter: above a level, or of an unknown one."""
    level = zones["hazard_level"].fillna(-1)
    return zones[(level > max_level) | (level < 0)].reset_index(drop=True)


def sections_in_zones(network: RoadNetwork) -> NDArray[np.bool_]:
    """Return which sections of road lie in zones in part or whole; the footpath from a house to its road is none."""
    share = network.edges["exposed_share"].to_numpy(dtype=np.float64)
    is_path = (network.edges["road_class"].astype("string").fillna("") == "footpath").to_numpy(dtype=bool)
    return np.asarray((share > 0) & ~is_path, dtype=bool)


def join_all(
    roads: gpd.GeoDataFrame,
    harmful: gpd.GeoDataFrame,
    groups: Mapping[str, gpd.GeoDataFrame],
    *,
    params: EvacuationParams,
) -> Joined:
    """Join groups of places to the roads by footpaths.

    Parameters
    ----------
    roads : lines. harmful : zones whose sections are closed on safe ways. groups : points or areas by name.
    params : speeds and distances, those of the evacuation.

    Raises
    ------
    CrsError, DataError : as `build_network`.
    """
    network = build_network(roads, speed_km_h=params.speed_km_h, snap_m=params.snap_distance_m)
    shapes = np.concatenate([g.geometry.centroid.to_numpy() for g in groups.values()])
    network, nodes = join_places(
        network, gpd.GeoDataFrame(geometry=shapes, crs=roads.crs), max_distance_m=params.access_distance_m,
        walking_km_h=params.walking_km_h,
    )  # fmt: skip
    network = exposed(network, harmful)
    drive = edge_costs(network, exposed_factor=1.0)
    in_zone = sections_in_zones(network)
    ends = np.cumsum([len(g) for g in groups.values()])
    parts = np.split(nodes, ends[:-1])
    return Joined(
        network, drive, np.where(in_zone, np.inf, drive),
        walking_costs(network, walking_km_h=params.walking_km_h), dict(zip(groups, parts, strict=True)),
    )  # fmt: skip
