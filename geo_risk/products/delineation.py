"""Hazardous cells to zone polygons: closed, divided, smoothed, and never losing a threatened building."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.products.division import divide_along_drainage
from geo_risk.products.params import RiskParams

_CROSS = ndimage.generate_binary_structure(2, 1)


def zone_polygons(
    hazardous: NDArray[np.bool_],
    grid: Grid,
    *,
    houses: gpd.GeoDataFrame | None,
    params: RiskParams,
    hillslopes: Sequence[NDArray[Any]] = (),
) -> gpd.GeoDataFrame:
    """Return polygons of the hazardous cells.

    Holes of one cell are closed; patches below `zone_min_area_m2` are dropped unless a house stands on one of their
    cells; patches above `zone_max_area_m2` are divided along ridges and streams, or by halves where no drainage is
    known; outlines are simplified together, so that neighbours keep their common border and do not overlap.

    Parameters
    ----------
    hazardous : (y, x) bool on the grid.
    houses : polygons in the grid's CRS; None where none are known.
    params : minimum and maximum area, and smoothing.
    hillslopes : label arrays (y, x), the coarsest first, as `division.hillslope_sets` makes them.

    Returns
    -------
    GeoDataFrame of valid polygons. Every house whose centre lies on a hazardous cell touches one of them.
    """
    closed = hazardous | ndimage.binary_closing(hazardous, structure=_CROSS)
    labels, n = ndimage.label(closed, structure=_CROSS)
    threatened = _threatened(hazardous, grid, houses)
    kept = np.bincount(labels.ravel(), minlength=n + 1) * grid.cell_area_m2 >= params.zone_min_area_m2
    if threatened is not None and len(threatened):
        centres = threatened.geometry.representative_point()
        rows, columns, _ = grid.index(centres.x, centres.y)
        kept[labels[rows, columns]] = True
    kept[0] = False
    labels = np.where(kept[labels], labels, 0)
    most, least = (int(area / grid.cell_area_m2) for area in (params.zone_max_area_m2, params.zone_merge_area_m2))
    labels = divide_along_drainage(labels, hillslopes, max_cells=max(1, most), merge_cells=max(1, least))
    zones = polygons_of_labels(labels, grid)
    if not len(zones):
        return gpd.GeoDataFrame({"label": np.array([], dtype=np.int64)}, geometry=[], crs=grid.crs)
    zones = zones.set_geometry(_simplified(zones.geometry, params.zone_smooth_m))
    return _with_lost_houses(zones, threatened, labels, grid)


def _threatened(hazardous: NDArray[np.bool_], grid: Grid, houses: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    if houses is None or not len(houses):
        return None
    centres = houses.geometry.representative_point()
    rows, columns, inside = grid.index(centres.x, centres.y)
    return houses[inside & hazardous[rows, columns]]


def _simplified(shapes: gpd.GeoSeries, tolerance_m: float) -> gpd.GeoSeries:
    if tolerance_m == 0:
        return shapes
    parts = shapes.explode(index_parts=False)
    smooth = gpd.GeoSeries(shapely.coverage_simplify(parts.to_numpy(), tolerance_m), index=parts.index, crs=shapes.crs)
    whole = smooth.groupby(level=0).apply(lambda g: shapely.union_all(g.to_numpy()))
    out = gpd.GeoSeries(whole, crs=shapes.crs).reindex(shapes.index)
    bad = ~out.is_valid | out.is_empty | (out.geom_type == "GeometryCollection")
    return out.where(~bad, shapes)


def _with_lost_houses(
    zones: gpd.GeoDataFrame, threatened: gpd.GeoDataFrame | None, labels: NDArray[Any], grid: Grid
) -> gpd.GeoDataFrame:
    """Give every threatened house that the smoothing left outside back to the zone of its cell, by its cell."""
    if threatened is None or not len(threatened):
        return zones
    touched = np.unique(zones.sindex.query(threatened.geometry, predicate="intersects")[0])
    lost = threatened.iloc[np.setdiff1d(np.arange(len(threatened)), touched)]
    if not len(lost):
        return zones
    centres = lost.geometry.representative_point()
    rows, columns, _ = grid.index(centres.x, centres.y)
    size, t = grid.resolution_m, grid.transform
    cells = shapely.box(t.c + columns * size, t.f - (rows + 1) * size, t.c + (columns + 1) * size, t.f - rows * size)
    shapes = zones.set_index("label").geometry.copy()
    for label, cell in zip(labels[rows, columns], cells, strict=True):
        shapes[label] = shapely.union(shapes[label], cell)
    return zones.set_geometry(gpd.GeoSeries(shapes.to_numpy(), index=zones.index, crs=zones.crs))
