"""Ground within minutes of places along the roads: polygons by bands, not circles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from geo_risk.core.errors import DataError
from geo_risk.exposure.network import RoadNetwork

Array = NDArray[np.float64]

_SIMPLE_SHARE = 0.1
"""Outlines are simplified by this share of the width: what the width does not mean."""
_SLIVER_SHARE = 0.1
"""Pieces of a band below this share of the width squared come of the simplifying."""


def isochrones(
    network: RoadNetwork, costs: Array, minutes: Array, bands_min: Sequence[float], *, width_m: float, outward: bool
) -> gpd.GeoDataFrame:
    """Return one (multi)polygon a band: the ground beside the roads that is reached in it and not before.

    Parameters
    ----------
    network, costs : [min] of each edge, inf closed. minutes : of each node from or to the nearest origin, as
        `reach.minutes_from_nearest` gives them, to at least the last band.
    bands_min : increasing ends of the bands. width_m : ground within this distance of the road belongs to it.
    outward : as in `minutes_from_nearest`.

    Returns
    -------
    GeoDataFrame : band (from 1), from_min, to_min, road_km (reached in the band), geometry; bands that reach nothing
        are left out. Bands do not overlap; an edge reached from both ends is counted once.

    Raises
    ------
    DataError : bands do not increase from above 0, or the width is not above 0.
    """
    ends = [float(b) for b in bands_min]
    if not (width_m > 0 and ends and ends[0] > 0 and all(a < b for a, b in pairwise(ends))):
        what = f"no isochrones for bands {ends} of width {width_m} m"
        raise DataError(what, where="siting", fix="give increasing minutes and a width above 0")
    before, km_before = shapely.Polygon(), 0.0
    rows: list[dict[str, Any]] = []
    for number, end in enumerate(ends, 1):
        parts = reached_parts(network, costs, minutes, end, outward=outward)
        km = float(shapely.length(parts).sum()) / 1000
        whole = shapely.union_all(shapely.buffer(parts, width_m, quad_segs=4)) if len(parts) else shapely.Polygon()
        whole = shapely.simplify(whole, width_m * _SIMPLE_SHARE)
        ring = _areas(shapely.difference(whole, before), least_m2=_SLIVER_SHARE * width_m**2)
        if not ring.is_empty:
            rows.append({"band": number, "from_min": ends[number - 2] if number > 1 else 0.0, "to_min": end,
                         "road_km": km - km_before, "geometry": ring})  # fmt: skip
        before, km_before = shapely.union(before, whole), km
    columns = ["band", "from_min", "to_min", "road_km", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=network.edges.crs)


def reached_parts(
    network: RoadNetwork, costs: Array, minutes: Array, limit_min: float, *, outward: bool
) -> NDArray[Any]:
    """Return the lines of the network that are reached within the limit: whole edges, and parts from their ends."""
    edges = network.edges
    start, end = (edges[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
    way = edges["direction"].to_numpy(dtype=np.int64) if "direction" in edges else np.zeros(len(edges), dtype=np.int64)
    from_start, from_end = (way >= 0, way <= 0) if outward else (way <= 0, way >= 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        head = np.where(from_start, (limit_min - minutes[start]) / costs, 0.0)
        tail = np.where(from_end, (limit_min - minutes[end]) / costs, 0.0)
    is_open = np.isfinite(costs)
    head, tail = (np.where(is_open, np.nan_to_num(v, nan=0.0, neginf=0.0, posinf=1.0), 0.0).clip(0, 1)
                  for v in (head, tail))  # fmt: skip
    lines = edges.geometry.to_numpy()
    full = head + tail >= 1
    parts = [substring(lines[e], 0, head[e], normalized=True) for e in np.flatnonzero(~full & (head > 0))]
    parts += [substring(lines[e], 1 - tail[e], 1, normalized=True) for e in np.flatnonzero(~full & (tail > 0))]
    return np.concatenate([lines[full], np.array(parts, dtype=object)])


def _areas(shape: Any, *, least_m2: float) -> Any:
    """Return the polygons of a shape without the lines, points and slivers that a difference may leave."""
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.area(parts) >= least_m2])
