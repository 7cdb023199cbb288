"""Hazardous cells to zone polygons: closed, divided, smoothed, and never losing a threatened building."""

from __future__ import annotations

from collections.abc import Iterable

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.grid import CHUNK, Grid
from geo_risk.exposure.zonal import values_at
from geo_risk.products.division import divide_along_drainage
from geo_risk.products.params import RiskParams
from geo_risk.terrain.mosaic import Mosaic, connected
from geo_risk.terrain.outlines import label_outlines
from geo_risk.terrain.parts import shared, tiles

_CROSS = ndimage.generate_binary_structure(2, 1)
_HALO = 2
"""Cells around a block that closing looks at: one to grow, one to shrink."""


def zone_polygons(
    hazardous: NDArray[np.bool_] | da.Array,
    grid: Grid,
    *,
    houses: gpd.GeoDataFrame | None,
    params: RiskParams,
    hillslopes: Iterable[da.Array] = (),
) -> gpd.GeoDataFrame:
    """Return polygons of the hazardous cells.

    Holes of one cell are closed; patches below `zone_min_area_m2` are dropped unless a house stands on one of their
    cells; patches above `zone_max_area_m2` are divided along ridges and streams, or by halves where no drainage is
    known; outlines are simplified together, so that neighbours keep their common border and do not overlap.

    The cells are worked through block by block and the result does not depend on the blocks. What is held at once is
    a bit for each cell of the map, 4 bytes for each hazardous one, and the outlines.

    Parameters
    ----------
    hazardous : (y, x) bool on the grid; may be lazy.
    houses : polygons in the grid's CRS; None where none are known.
    params : minimum and maximum area, and smoothing.
    hillslopes : label arrays (y, x), the coarsest first, as `division.hillslope_sets` makes them.

    Returns
    -------
    GeoDataFrame of valid polygons, by their first cell. Every house whose centre lies on a hazardous cell touches one
    of them.
    """
    cells = hazardous if isinstance(hazardous, da.Array) else da.from_array(hazardous, chunks=(CHUNK, CHUNK))
    threatened = _threatened(cells, grid, houses)
    labels, n = _patches(cells, grid, threatened, params)
    most, least = (int(area / grid.cell_area_m2) for area in (params.zone_max_area_m2, params.zone_merge_area_m2))
    labels, _ = divide_along_drainage(labels, n, hillslopes, max_cells=max(1, most), merge_cells=max(1, least))
    zones = label_outlines(labels, grid)
    if not len(zones):
        return gpd.GeoDataFrame({"label": np.array([], dtype=np.int64)}, geometry=[], crs=grid.crs)
    zones = zones.set_geometry(_simplified(zones.geometry, params.zone_smooth_m))
    return _with_lost_houses(zones, threatened, labels, grid)


def _threatened(hazardous: da.Array, grid: Grid, houses: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    if houses is None or not len(houses):
        return None
    centres = houses.geometry.representative_point()
    rows, columns, inside = grid.index(centres.x, centres.y)
    return houses[inside & values_at(hazardous, rows * grid.shape[1] + columns)]


def _patches(
    hazardous: da.Array, grid: Grid, threatened: gpd.GeoDataFrame | None, params: RiskParams
) -> tuple[Mosaic, int]:
    """Return the patches of closed cells that are large enough or hold a threatened house, and how many."""
    around = da.overlap.overlap(hazardous.astype(np.int8), depth=_HALO, boundary=_BEYOND, allow_rechunk=True)
    chunks = (tuple(c - 2 * _HALO for c in around.chunks[0]), tuple(c - 2 * _HALO for c in around.chunks[1]))
    later = shared(around)
    keys = {at: (dask.delayed(_closed, pure=True)(later[at]), None) for at, _, _ in tiles(chunks)}
    labels, _, cells = connected(keys, chunks)
    kept = np.append(False, cells * grid.cell_area_m2 >= params.zone_min_area_m2)
    if threatened is not None and len(threatened):
        centres = threatened.geometry.representative_point()
        rows, columns, _ = grid.index(centres.x, centres.y)
        kept[labels.at_cells(rows, columns)] = True
    kept[0] = False
    return labels.relabelled(np.cumsum(kept) * kept), int(kept.sum())


_BEYOND = -1


def _closed(around: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return a block's hazardous cells with the holes of one cell closed; nothing grows beyond the map's edge."""
    hazardous, beyond = around > 0, around == _BEYOND
    grown = ndimage.binary_dilation(hazardous, structure=_CROSS) & ~beyond
    closed = hazardous | ndimage.binary_erosion(grown, structure=_CROSS)
    out: NDArray[np.bool_] = closed[_HALO:-_HALO, _HALO:-_HALO]
    return out


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
    zones: gpd.GeoDataFrame, threatened: gpd.GeoDataFrame | None, labels: Mosaic, grid: Grid
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
    for label, cell in zip(labels.at_cells(rows, columns), cells, strict=True):
        shapes[label] = shapely.union(shapes[label], cell)
    return zones.set_geometry(gpd.GeoSeries(shapes.to_numpy(), index=zones.index, crs=zones.crs))
