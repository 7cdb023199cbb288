"""Hazardous cells to zone polygons: closed, divided, smoothed, and never losing a threatened building."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import CHUNK, Grid
from geo_risk.exposure.zonal import values_at
from geo_risk.products.division import divide_along_drainage
from geo_risk.products.params import RiskParams
from geo_risk.terrain.mosaic import Mosaic, connected
from geo_risk.terrain.outlines import label_outlines
from geo_risk.terrain.parts import shared, tiles

_HALO = 2
"""Cells around a block that closing looks at: one to grow, one to shrink."""


def zone_polygons(
    hazardous: NDArray[np.bool_] | da.Array,
    grid: Grid,
    *,
    houses: gpd.GeoDataFrame | None,
    params: RiskParams,
    hillslopes: Iterable[da.Array] = (),
    units: da.Array | None = None,
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
    units : (y, x) whole numbers, lazy: mapping units that are zones as a whole (`units.chosen_units`), 0 elsewhere.

    Returns
    -------
    GeoDataFrame of valid polygons, by their first cell. Every house that touches a zone before its outline is
    generalised (and every house whose centre lies on a hazardous cell touches one) touches it afterwards.
    """
    cells = hazardous if isinstance(hazardous, da.Array) else da.from_array(hazardous, chunks=(CHUNK, CHUNK))
    labels, n = _patches(cells, grid, _threatened(cells, grid, houses), params, units)
    most, least = (int(area / grid.cell_area_m2) for area in (params.zone_max_area_m2, params.zone_merge_area_m2))
    labels, _ = divide_along_drainage(labels, n, hillslopes, max_cells=max(1, most), merge_cells=max(1, least))
    zones = label_outlines(labels, grid)
    if not len(zones):
        return gpd.GeoDataFrame({"label": np.array([], dtype=np.int64)}, geometry=[], crs=grid.crs)
    smooth = _simplified(zones.geometry, params.zone_smooth_m)
    return zones.set_geometry(with_lost_houses(zones.geometry, smooth, houses, reach_m=grid.resolution_m))


def _threatened(hazardous: da.Array, grid: Grid, houses: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    if houses is None or not len(houses):
        return None
    centres = houses.geometry.representative_point()
    rows, columns, inside = grid.index(centres.x, centres.y)
    return houses[inside & values_at(hazardous, rows * grid.shape[1] + columns)]


def _patches(
    hazardous: da.Array, grid: Grid, threatened: gpd.GeoDataFrame | None, params: RiskParams, units: da.Array | None
) -> tuple[Mosaic, int]:
    """Return the patches of closed cells that are large enough or hold a threatened house, and how many."""
    around = da.overlap.overlap(hazardous.astype(np.int8), depth=_HALO, boundary=_BEYOND, allow_rechunk=True)
    chunks = (tuple(c - 2 * _HALO for c in around.chunks[0]), tuple(c - 2 * _HALO for c in around.chunks[1]))
    later = shared(around)
    given = None if units is None else shared(units.rechunk(chunks))
    keys = {}
    for at, _, _ in tiles(chunks):
        unit = None if given is None else given[at]
        keys[at] = (dask.delayed(_closed, pure=True)(later[at], unit), unit)
    labels, _, cells = connected(keys, chunks)
    kept = np.append(False, cells * grid.cell_area_m2 >= params.zone_min_area_m2)
    if threatened is not None and len(threatened):
        centres = threatened.geometry.representative_point()
        rows, columns, _ = grid.index(centres.x, centres.y)
        kept[labels.at_cells(rows, columns)] = True
    kept[0] = False
    return labels.relabelled(np.cumsum(kept) * kept), int(kept.sum())


_BEYOND = -1


def _closed(around: NDArray[np.int8], unit: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Return a block's hazardous cells with the holes of one cell closed, and the cells of units.

    Nothing grows beyond the map's edge.
    """
    hazardous, beyond = around > 0, around == _BEYOND
    grown = hazardous.copy()
    for here, there in _SIDES:
        grown[here] |= hazardous[there]
    grown &= ~beyond
    kept = grown.copy()
    for here, there in _SIDES:
        kept[here] &= grown[there]
    out: NDArray[np.bool_] = (hazardous | kept)[_HALO:-_HALO, _HALO:-_HALO]
    return out if unit is None else out | (unit > 0)


_ALL, _LAST, _FIRST = slice(None), slice(None, -1), slice(1, None)
_SIDES = (((_LAST, _ALL), (_FIRST, _ALL)), ((_FIRST, _ALL), (_LAST, _ALL)),
          ((_ALL, _LAST), (_ALL, _FIRST)), ((_ALL, _FIRST), (_ALL, _LAST)))  # fmt: skip
"""Cells that have a neighbour on one side, and that neighbour; the outermost ring is cut off afterwards."""


def _simplified(shapes: gpd.GeoSeries, tolerance_m: float) -> gpd.GeoSeries:
    if tolerance_m == 0:
        return shapes
    parts = shapes.explode(index_parts=False)
    smooth = gpd.GeoSeries(shapely.coverage_simplify(parts.to_numpy(), tolerance_m), index=parts.index, crs=shapes.crs)
    rows, first = np.unique(smooth.index.to_numpy(), return_index=True)  # parts of one shape follow one another
    whole = np.array([shapely.union_all(p) for p in np.split(smooth.to_numpy(), first[1:])], dtype=object)
    out = gpd.GeoSeries(whole, index=rows, crs=shapes.crs).reindex(shapes.index)
    bad = ~out.is_valid | out.is_empty | (out.geom_type == "GeometryCollection")
    return out.where(~bad, shapes)


def fit_for_maps(
    shapes: gpd.GeoSeries, houses: gpd.GeoDataFrame | None, *, params: RiskParams, reach_m: float
) -> gpd.GeoSeries:
    """Return valid outlines of at most `zone_vertices_max` vertices, as far as no house is lost by it.

    Parameters
    ----------
    shapes : polygons of any origin; what crosses itself is mended by its lines (`make_valid`).
    houses, reach_m : as in `with_lost_houses`.

    Returns
    -------
    What has too many vertices is simplified by itself: it may then overlap a neighbour by a sliver. Ground given back
    for a house may bring a few vertices more.
    """
    whole = shapes.to_numpy().copy()
    broken = np.flatnonzero(~shapely.is_valid(whole))
    whole[broken] = [areas_of(shapely.make_valid(shape)) for shape in whole[broken]]
    before = gpd.GeoSeries(whole, index=shapes.index, crs=shapes.crs)
    out = whole.copy()
    tolerance_m = max(params.zone_smooth_m, 1.0)
    for _ in range(_ROUNDS):
        many = np.flatnonzero(shapely.get_num_coordinates(out) > params.zone_vertices_max)
        if not len(many):
            break
        tolerance_m *= 2
        coarse = shapely.make_valid(shapely.simplify(whole[many], tolerance_m))
        good = np.isin(shapely.get_type_id(coarse), (3, 6)) & ~shapely.is_empty(coarse)
        out[many[good]] = coarse[good]
    after = gpd.GeoSeries(out, index=shapes.index, crs=shapes.crs)
    return with_lost_houses(before, after, houses, reach_m=reach_m)


_ROUNDS = 5
"""Doublings of the tolerance: 32 times the smoothing, 640 m, leaves hardly a shape with many vertices."""


def with_lost_houses(
    before: gpd.GeoSeries, after: gpd.GeoSeries, houses: gpd.GeoDataFrame | None, *, reach_m: float
) -> gpd.GeoSeries:
    """Return generalised zones to which the ground is given back by which they have lost a house.

    Parameters
    ----------
    before, after : polygons before and after they were generalised, row by row.
    houses : polygons; None changes nothing. reach_m : of the ground around a lost house, within the zone before.

    Returns
    -------
    `after`, such that every house that touches a zone before touches it afterwards.
    """
    if houses is None or not len(houses):
        return after
    shapes, old, new = houses.geometry.to_numpy(), before.to_numpy(), after.to_numpy().copy()
    house, zone = shapely.STRtree(old).query(shapes, predicate="intersects")
    lost = ~shapely.intersects(shapes[house], new[zone])
    near = shapely.intersection(old[zone[lost]], shapely.buffer(shapes[house[lost]], reach_m, cap_style="square",
                                                                join_style="mitre"))  # fmt: skip
    for k, ground in zip(zone[lost].tolist(), near, strict=True):
        new[k] = areas_of(shapely.union(new[k], ground))
    return gpd.GeoSeries(new, index=after.index, crs=after.crs)


def areas_of(shape: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a shape; lines and points, by which areas may touch, are left out."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
