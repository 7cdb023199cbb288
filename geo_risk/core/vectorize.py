"""Labels to polygons and polygons to labels: the only user of rasterio.features."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import Grid

_ONE_AT_A_TIME = Lock()
"""rasterio silences a warning of its own by filters that all threads share: two calls at once can let it through."""


def polygons_of_labels(labels: NDArray[np.integer[Any]], grid: Grid, *, connectivity: int = 4) -> gpd.GeoDataFrame:
    """Return one (multi)polygon per label > 0, dissolved, in the grid's CRS, sorted by label.

    Parameters
    ----------
    labels : (y, x) integers on the grid; 0 and below is background.
    connectivity : 4 or 8 neighbours while tracing.

    Returns
    -------
    GeoDataFrame with columns `label` (int64) and geometry; empty where there is no label.
    """
    label, outlines = outlines_of_labels(labels, grid, connectivity=connectivity)
    frame = gpd.GeoDataFrame({"label": label}, geometry=outlines, crs=grid.crs)
    return frame.dissolve("label").reset_index() if len(frame) else frame


def outlines_of_labels(
    labels: NDArray[np.integer[Any]], grid: Grid, *, connectivity: int = 4
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return the label > 0 and the polygon of each connected piece, as `polygons_of_labels` before it joins them."""
    array = np.ascontiguousarray(labels, dtype=np.int32)
    with _ONE_AT_A_TIME:
        traced = list(
            rasterio.features.shapes(array, mask=array > 0, connectivity=connectivity, transform=grid.transform)
        )
    rows = [(int(value), shape(geometry)) for geometry, value in traced]
    outlines = np.empty(len(rows), dtype=object)
    outlines[:] = [r[1] for r in rows]
    return np.array([r[0] for r in rows], dtype=np.int64), outlines


def rasterize(
    shapes: Iterable[tuple[BaseGeometry, float]],
    grid: Grid,
    *,
    fill: float,
    dtype: str,
    all_touched: bool = False,
) -> NDArray[Any]:
    """Burn (geometry, value) pairs into an array of the grid; later ones win, empty geometries are passed over.

    Parameters
    ----------
    shapes : geometries in the grid's CRS with their values.
    fill : value of cells that no geometry covers.
    dtype : NumPy dtype name of the result.
    all_touched : burn every cell that is touched, not only those whose centre is inside.
    """
    pairs = [(g, v) for g, v in shapes if g is not None and not g.is_empty]
    if not pairs:
        return np.full(grid.shape, fill, dtype=dtype)
    with _ONE_AT_A_TIME:
        burned: NDArray[Any] = rasterio.features.rasterize(
            pairs, out_shape=grid.shape, transform=grid.transform, fill=fill, dtype=dtype, all_touched=all_touched
        )
    return burned


_LINES_AT_ONCE = 10_000


def touched_by_lines(lines: NDArray[Any], grid: Grid) -> NDArray[np.uint8]:
    """Return 1 on every cell (y, x) that a line touches, as `rasterize(..., all_touched=True)` burns it, else 0.

    Many lines go to the rasteriser as one: to hand each over by itself costs more than to burn it.

    Parameters
    ----------
    lines : (n,) LineStrings or MultiLineStrings in the grid's CRS; missing and empty ones are passed over.

    Raises
    ------
    ValueError : something else than lines is given.
    """
    parts = shapely.get_parts(lines[~shapely.is_missing(lines)])
    parts = parts[~shapely.is_empty(parts)]
    if not (shapely.get_dimensions(parts) == 1).all():
        what = "only lines are burned by lines"
        raise ValueError(what)
    if not len(parts):
        return np.zeros(grid.shape, dtype=np.uint8)
    xy = shapely.get_coordinates(parts).tolist()
    ends = np.cumsum(shapely.get_num_coordinates(parts)).tolist()
    rows = [xy[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    some = range(0, len(rows), _LINES_AT_ONCE)
    shapes = [({"type": "MultiLineString", "coordinates": rows[k : k + _LINES_AT_ONCE]}, 1) for k in some]
    with _ONE_AT_A_TIME:
        burned: NDArray[np.uint8] = rasterio.features.rasterize(
            shapes, out_shape=grid.shape, transform=grid.transform, fill=0, dtype="uint8", all_touched=True
        )
    return burned
