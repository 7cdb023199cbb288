"""Ground within minutes of places along the roads: polygons by bands, not circles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.ops import substring

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import outlines_of_labels
from geo_risk.exposure.network import RoadNetwork

Array = NDArray[np.float64]

_SIMPLE_SHARE = 0.1
"""Outlines are simplified by this share of the width: what the width does not mean."""
_OUTLINED_MAX = 10_000
"""Most lines whose outlines are drawn exactly; more are drawn on cells."""
_CELLS_MAX = 2.5e7
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
    parts = [reached_parts(network, costs, minutes, end, outward=outward) for end in ends]
    km = np.diff([0.0, *(float(shapely.length(p).sum()) / 1000 for p in parts)])
    drawn = _outlined if len(parts[-1]) <= _OUTLINED_MAX else _on_cells
    rings = drawn(parts, width_m, str(network.edges.crs.to_wkt()))
    rows: list[dict[str, Any]] = [
        {"band": k + 1, "from_min": ends[k - 1] if k else 0.0, "to_min": ends[k], "road_km": max(float(km[k]), 0.0),
         "geometry": ring}
        for k, ring in enumerate(rings) if not ring.is_empty
    ]  # fmt: skip
    columns = ["band", "from_min", "to_min", "road_km", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=network.edges.crs)


def _outlined(parts: Sequence[NDArray[Any]], width_m: float, crs: str) -> list[Any]:  # noqa: ARG001 - as `_on_cells`
    """Return each band as the ground around its lines without that of the bands before."""
    rings, before = [], shapely.Polygon()
    for lines in parts:
        whole = shapely.union_all(shapely.buffer(lines, width_m, quad_segs=4)) if len(lines) else shapely.Polygon()
        whole = shapely.simplify(whole, width_m * _SIMPLE_SHARE)
        rings.append(_areas(shapely.difference(whole, before), least_m2=_SLIVER_SHARE * width_m**2))
        before = shapely.union(before, whole)
    return rings


def _on_cells(parts: Sequence[NDArray[Any]], width_m: float, crs: str) -> list[Any]:
    """Return each band as the cells around those that its lines cross: unions of that many outlines take many minutes.

    Cells measure 0.4 of the width (five make a road with its ground on both sides), or more where the whole would have
    above `_CELLS_MAX` of them.
    """
    left, bottom, right, top = shapely.total_bounds(parts[-1]) + np.array([-1, -1, 1, 1]) * width_m
    cell_m = max(width_m / 2.5, float(np.sqrt((right - left) * (top - bottom) / _CELLS_MAX)))
    grid = Grid.from_bounds((left, bottom, right, top), crs=crs, resolution_m=cell_m)
    labels = np.zeros(grid.shape, dtype=np.int32)
    reach = int(width_m // cell_m)
    offset = np.arange(-reach, reach + 1) * cell_m
    disc = np.hypot(offset[:, None], offset[None, :]) <= width_m
    for k in range(len(parts), 0, -1):  # nearer bands stand over farther ones
        xy = shapely.get_coordinates(shapely.segmentize(parts[k - 1], cell_m / 2))
        hit = np.zeros(grid.shape, dtype=bool)
        row = ((grid.bounds[3] - xy[:, 1]) / cell_m).astype(np.int64)
        column = ((xy[:, 0] - grid.bounds[0]) / cell_m).astype(np.int64)
        hit[row, column] = True
        labels[ndimage.binary_dilation(hit, disc)] = k
    label, outlines = outlines_of_labels(labels, grid)
    return [shapely.multipolygons(outlines[label == k]) for k in range(1, len(parts) + 1)]


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
