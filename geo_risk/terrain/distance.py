"""Distance to rivers, roads, faults and other features: exact, lazy, the same in any blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geo_risk.core.errors import CrsError, DataError
from geo_risk.core.grid import CHUNK, Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.kernels.nearest import distance_to_segments


def feature_distance(features: gpd.GeoDataFrame, grid: Grid, *, max_m: float, name: str) -> xr.DataArray:
    """Distance from each cell centre to the nearest feature, cut off at `max_m`.

    Parameters
    ----------
    features : points, lines or polygons in the grid's CRS; empty geometries are passed over. Inside a polygon the
        distance is 0. Features beyond the grid count as far as they reach within the bound.
    max_m : farther cells get this value. Each block looks at the features no farther than this around it, so the
        bound also limits time; memory is that of one block and of the features' vertices.

    Returns
    -------
    (y, x) float32 [m], lazy, exact to rounding.

    Raises
    ------
    DataError : `max_m` is not positive, or there is no feature. CrsError : the features are in another CRS.
    """
    shapes = [g for g in features.geometry if g is not None and not g.is_empty]
    if not 0 < max_m < np.inf or not shapes:
        what = f"{len(shapes)} features with a bound of {max_m} m make no distance layer"
        raise DataError(what, where=name, fix="give features on the grid and a positive bound")
    if features.crs is not None and features.crs != grid.geobox.crs.proj:
        what = f"the features are in {features.crs.to_string()}, the grid in {grid.crs}"
        raise CrsError(what, where=name, fix="bring the features into the grid's CRS in geo_risk.sources")
    areas = [g for g in shapes if g.geom_type.endswith("Polygon")]
    made = by_window(grid, partial(_in_window, (segments_of(shapes), areas), max_m))
    return grid.layer(made, units="m", long_name=name.removesuffix("_m").replace("_", " to "), name=name)


def by_window(grid: Grid, make: Callable[[Grid], NDArray[np.float32]]) -> da.Array:
    """Return a lazy (y, x) float32 array of which each block is made from its own window of the grid."""
    later = dask.delayed(make, pure=False)
    bands = []
    for r0 in range(0, grid.shape[0], CHUNK):
        row = []
        for c0 in range(0, grid.shape[1], CHUNK):
            shape = (min(CHUNK, grid.shape[0] - r0), min(CHUNK, grid.shape[1] - c0))
            window = Grid(GeoBox(shape, grid.transform * Affine.translation(c0, r0), grid.crs))
            row.append(da.from_delayed(later(window), shape, dtype=np.float32))
        bands.append(row)
    return da.block(bands)


def segments_of(shapes: list[BaseGeometry]) -> NDArray[np.float64]:
    """Return the straight pieces of points, lines and outlines of polygons as (n, 4) x0, y0, x1, y1."""
    parts = shapely.get_parts(shapely.get_parts(np.array(shapes, dtype=object)))
    is_area = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    lines = np.concatenate([parts[~is_area], shapely.get_rings(parts[is_area])])
    points, owner = shapely.get_coordinates(lines, return_index=True)
    follows = owner[1:] == owner[:-1]
    segments = np.concatenate([points[:-1], points[1:]], axis=1)[follows]
    single = np.bincount(owner, minlength=len(lines))[owner] == 1
    out: NDArray[np.float64] = np.concatenate([segments, np.tile(points[single], 2)])
    return out


def _in_window(
    given: tuple[NDArray[np.float64], list[BaseGeometry]], max_m: float, window: Grid
) -> NDArray[np.float32]:
    segments, areas = given
    left, bottom, right, top = window.bounds
    low, high = np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])
    near = (low <= (right + max_m, top + max_m)).all(axis=1) & (high >= (left - max_m, bottom - max_m)).all(axis=1)
    centres = window.coords()
    out = distance_to_segments(centres["x"], centres["y"], segments[near], max_m)
    frame = shapely.box(*window.bounds)
    inside = [(g, 1.0) for g in areas if g.intersects(frame)]
    if inside:
        out[rasterize(inside, window, fill=0, dtype="uint8") > 0] = 0.0
    return out
