"""Places joined to the road network by footpaths, and the network against areas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.exposure.dividing import MIN_MINUTES, cut_at_areas, cut_edges, nodes_along
from geo_risk.exposure.roads import RoadNetwork
from geo_risk.exposure.zonal import covered_shares


def exposed(network: RoadNetwork, zones: gpd.GeoDataFrame) -> RoadNetwork:
    """Return the network with the share of each edge's length that lies inside the zones."""
    edges = network.edges.copy()
    edges["exposed_share"] = covered_shares(edges, zones)
    return replace(network, edges=edges)


def divided_at(network: RoadNetwork, areas: NDArray[Any]) -> tuple[RoadNetwork, pd.DataFrame]:
    """Return the network with edges divided at the borders of areas, and which pieces lie in which area.

    Parameters
    ----------
    areas : polygons of the network's CRS.

    Returns
    -------
    (network, inside) : exposed_share is 1 inside of any area and 0 elsewhere; inside as of `cut_at_areas`.
    """
    nodes, edges, inside = cut_at_areas(network.nodes, network.edges, areas)
    share = np.zeros(len(edges))
    share[inside["edge"].to_numpy()] = 1.0
    return RoadNetwork(nodes, edges.assign(exposed_share=share), network.counts), inside


def join_places(
    network: RoadNetwork, places: gpd.GeoDataFrame, *, max_distance_m: float, walking_km_h: float
) -> tuple[RoadNetwork, NDArray[np.int64]]:
    """Join places to the nearest point of the network by a footpath, dividing the edge there.

    Parameters
    ----------
    places : points in the network's CRS.
    max_distance_m : places farther from every edge stay off the network.
    walking_km_h : speed on the footpath.

    Returns
    -------
    (network, node) : node of each place, -1 where it is off the network.
    """
    points = places.geometry.to_numpy()
    lines = network.edges.geometry.to_numpy()
    found, distance = shapely.STRtree(lines).query_nearest(
        points, max_distance=max_distance_m, return_distance=True, all_matches=True
    )
    # of lines equally near the one with the lower row counts, so that the order inside the tree does not matter
    order = np.lexsort((found[1], found[0]))
    order = order[np.unique(found[0][order], return_index=True)[1]]
    (place, edge), distance = found[:, order], distance[order]
    along = shapely.line_locate_point(lines[edge], points[place])
    at, divides, new = nodes_along(network.edges, edge, along, n_nodes=network.n_nodes, merge_m=1e-6)
    divided = cut_edges(network.edges, edge[divides], along[divides], at[divides])
    nodes = np.vstack([network.nodes, new])
    first = len(nodes)
    starts = shapely.get_coordinates(points[place]).reshape(-1, 2)
    ends = np.stack([starts, nodes[at]], axis=1)
    n = len(place)
    paths = gpd.GeoDataFrame(
        {
            "start": first + np.arange(n),
            "end": at,
            "length_m": distance,
            "minutes": np.maximum(distance / walking_km_h / 1000 * 60, MIN_MINUTES),
            "exposed_share": 0.0,
            "road_id": pd.array(["footpath"] * n, dtype="string"),
            "road_class": pd.array(["footpath"] * n, dtype="string"),
            "bridge_id": pd.array([pd.NA] * n, dtype="string"),
            "direction": np.zeros(n, dtype=np.int8),
        },
        geometry=shapely.linestrings(ends) if n else [],
        crs=network.edges.crs,
    )
    node = np.full(len(places), -1, dtype=np.int64)
    node[place] = first + np.arange(n)
    edges = gpd.GeoDataFrame(pd.concat([divided, paths], ignore_index=True), crs=network.edges.crs) if n else divided
    edges = edges.astype({"bridge_id": "string", "road_id": "string"})
    return RoadNetwork(np.vstack([nodes, starts]), edges, network.counts), node
