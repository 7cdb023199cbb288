"""Sums over polygons, weighted by coverage: of cells by exactextract, of houses and roads by their shapes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from dask import array as da
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from geo_risk.core.errors import CrsError, GridError
from geo_risk.core.grid import Grid, grid_of
from geo_risk.exposure.outlines import Outlines


@dataclass(frozen=True)
class Coverage:
    """Which share of which cell each polygon covers: found once, used for many layers of one grid.

    Attributes
    ----------
    grid : of the cells.
    polygon, cell : positions of the polygon and of the cell (row-major), one entry a pair.
    share : of the cell that is covered, (0, 1].
    n_cells : area of each polygon in cells, the part outside the grid too.
    """

    grid: Grid
    polygon: NDArray[np.int64]
    cell: NDArray[np.int64]
    share: NDArray[np.float64]
    n_cells: NDArray[np.float64]

    def values(self, layer: NDArray[Any] | da.Array) -> NDArray[Any]:
        """Return the value of an array (y, x) at each entry; the array itself is neither copied nor converted.

        Of a lazy one only the blocks that hold an entry are read, one row of blocks at a time.
        """
        return values_at(layer, self.cell)

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return for each polygon the sum of values by entry, as `values` gives them, weighted by coverage; no NaN."""
        out: NDArray[Any] = np.bincount(self.polygon, weights=values * self.share, minlength=len(self.n_cells))
        return np.asarray(out, dtype=np.float64)


def values_at(layer: NDArray[Any] | da.Array, cell: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values (n,) of an array (y, x) at cells (row-major); of a lazy one, row by row of its blocks."""
    if not isinstance(layer, da.Array):
        flat: NDArray[Any] = np.asarray(layer).reshape(-1)[cell]
        return flat
    out = np.empty(len(cell), dtype=layer.dtype)
    at = np.divmod(cell, layer.shape[1])
    edges = [np.concatenate([[0], np.cumsum(c)]) for c in layer.chunks]
    row, column = (np.searchsorted(e, i, side="right") - 1 for e, i in zip(edges, at, strict=True))
    blocks = row * len(layer.chunks[1]) + column
    small = np.min_scalar_type(int(layer.numblocks[0]) * int(layer.numblocks[1]))  # two bytes sort in one pass
    order = np.argsort(blocks.astype(small), kind="stable")
    number = blocks[order]
    parts = np.split(order, np.flatnonzero(np.diff(number)) + 1) if len(cell) else []
    for _, band in groupby(parts, key=lambda part: int(row[part[0]])):
        some = list(band)
        corners = [(int(row[part[0]]), int(column[part[0]])) for part in some]
        read = dask.compute(*(layer.blocks[j, i] for j, i in corners))
        for part, (j, i), block in zip(some, corners, read, strict=True):
            out[part] = np.asarray(block)[at[0][part] - edges[0][j], at[1][part] - edges[1][i]]
    return out


def cell_coverage(polygons: gpd.GeoDataFrame, grid: Grid) -> Coverage:
    """Return the exact coverage of the grid's cells by polygons (exactextract); they may overlap.

    Raises
    ------
    CrsError : the polygons are in another CRS. ValueError : a polygon is missing or empty.
    """
    if polygons.crs is None or polygons.crs != grid.geobox.crs.to_wkt():
        what = f"polygons are in {polygons.crs}, the grid in {grid.crs}"
        raise CrsError(what, where="zones", fix="bring the polygons into the run's CRS in geo_risk.sources")
    n_cells = polygons.geometry.area.to_numpy(dtype=np.float64) / grid.cell_area_m2
    empty = np.array([], dtype=np.int64)
    if not len(polygons):
        return Coverage(grid, empty, empty, empty.astype(np.float64), n_cells)
    left, bottom, right, top = grid.bounds
    ones = np.broadcast_to(np.float32(1), grid.shape)
    crs = polygons.crs.to_wkt()
    source = NumPyRasterSource(ones, left, bottom, right, top, srs_wkt=crs)
    outlines = Outlines(polygons.geometry.to_numpy(), crs=crs)
    found = exact_extract(source, outlines, ["cell_id", "coverage"], output="pandas")
    lengths = [len(c) for c in found["coverage"]]
    share = np.concatenate(found["coverage"].to_list()).astype(np.float64)
    cell = np.concatenate(found["cell_id"].to_list()).astype(np.int64)
    polygon = np.repeat(np.arange(len(polygons)), lengths)
    good = share > 0
    return Coverage(grid, polygon[good], cell[good], share[good], n_cells)


def covered_on(grid: Grid, polygons: gpd.GeoDataFrame, known: Coverage | None) -> Coverage:
    """Return a coverage of the polygons that is known already if it is of this grid, else find it.

    Raises
    ------
    CrsError, ValueError : as `cell_coverage`; ValueError also where `known` is of another number of polygons.
    """
    if known is None or known.grid != grid:
        return cell_coverage(polygons, grid)
    if len(known.n_cells) != len(polygons):
        what = f"the coverage is of {len(known.n_cells)} polygons, {len(polygons)} are given"
        raise ValueError(what)
    return known


def level_at_share(
    levels: xr.DataArray, coverage: Coverage, *, share: float, min_known_share: float
) -> NDArray[np.int8]:
    """Return for each polygon the highest level that at least `share` of its known area reaches.

    Parameters
    ----------
    levels : (y, x) int8, -1 unknown; may be lazy.
    coverage : of the polygons on the layer's grid.
    share : of the known area, in (0, 1].
    min_known_share : below this share of known area a level under MEDIUM is unknown (-1).

    Raises
    ------
    GridError : the layer is on another grid.
    """
    _check_grid(levels, coverage)
    return level_of_values(coverage.values(levels.data), coverage, share=share, min_known_share=min_known_share)


def level_of_values(
    values: NDArray[Any], coverage: Coverage, *, share: float, min_known_share: float
) -> NDArray[np.int8]:
    """Return what `level_at_share` does of a layer's values at the entries of the coverage."""
    n_known = coverage.sums(values >= 0)
    out = np.where(n_known > 0, 0, -1).astype(np.int8)
    for level in range(1, 5):
        n_cells = coverage.sums(values >= level)
        out[(n_cells > 0) & (n_cells >= share * n_known - 1e-9)] = level
    out[(out < 2) & ~(_share(n_known, coverage) >= min_known_share)] = -1
    return out


def _check_grid(layer: xr.DataArray, coverage: Coverage) -> None:
    if grid_of(layer) != coverage.grid:
        what = f"layer {str(layer.name)!r} is on another grid than the polygons' coverage"
        raise GridError(what, where=str(layer.name), fix="bring it onto the run grid in geo_risk.sources")


def _share(n_cells: NDArray[np.float64], coverage: Coverage) -> NDArray[np.float64]:
    whole = coverage.n_cells
    shares: NDArray[np.float64] = np.divide(n_cells, whole, out=np.zeros_like(n_cells), where=whole > 0)
    return shares.clip(0, 1)


def overlaps(features: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return every pair of a feature and a zone that share area (or length), and the feature's share in the zone.

    Parameters
    ----------
    features : polygons or lines (share of area or length; points: 1 inside).
    zones : polygons in the same CRS; overlapping zones each count by themselves.

    Returns
    -------
    DataFrame with `feature`, `zone` (positions) and `share` in (0, 1], sorted by feature, zone.

    Raises
    ------
    CrsError : the two are in different CRS.
    """
    if features.crs != zones.crs:
        what = f"features are in {features.crs}, zones in {zones.crs}"
        raise CrsError(what, where="overlaps", fix="bring both into the run's CRS in geo_risk.sources")
    shapes, areas = features.geometry.to_numpy(), zones.geometry.to_numpy()
    tree = shapely.STRtree(shapes)
    zone, feature = tree.query(areas, predicate="intersects")
    whole_in = _pair_numbers(*tree.query(areas, predicate="contains_properly"), n=len(shapes))
    pairs = zone * np.int64(len(shapes)) + feature
    at = np.minimum(np.searchsorted(whole_in, pairs), max(len(whole_in) - 1, 0))
    is_whole = whole_in[at] == pairs if len(whole_in) else np.zeros(len(pairs), dtype=bool)
    share = np.ones(len(pairs))
    cut = ~is_whole & (shapely.get_dimensions(shapes[feature]) != 0)  # a point is in or out
    pieces = shapely.intersection(shapes[feature[cut]], areas[zone[cut]])
    whole, part = _size(shapes[feature[cut]]), _size(pieces)
    share[cut] = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0).clip(0, 1)
    out = pd.DataFrame({"feature": feature, "zone": zone, "share": share})
    return out[out["share"] > 0].sort_values(["feature", "zone"], ignore_index=True)


def _pair_numbers(zone: NDArray[np.int64], feature: NDArray[np.int64], *, n: int) -> NDArray[np.int64]:
    """Return one number a pair, sorted."""
    return np.sort(zone * np.int64(n) + feature)


def covered_shares(features: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return each feature's share inside any of the zones, overlaps of zones counted once; 0 where there are none."""
    if not len(zones) or not len(features):
        return np.zeros(len(features))
    pairs = overlaps(features, zones)
    out = np.zeros(len(features))
    shapes, areas = features.geometry.to_numpy(), zones.geometry.to_numpy()
    counts = pairs.groupby("feature")["zone"].agg(["size", "first"])
    alone = counts.index[counts["size"] == 1].to_numpy()
    single = pairs.set_index("feature")["share"]
    out[alone] = single.loc[alone].to_numpy()
    several = pairs[~pairs["feature"].isin(alone)]
    if len(several):
        feature, zone = several["feature"].to_numpy(), several["zone"].to_numpy()
        feature, first = np.unique(feature, return_index=True)  # the pairs stand by feature, then zone
        unions: dict[bytes, Any] = {}
        covers = np.empty(len(feature), dtype=object)
        for k, some in enumerate(np.split(zone, first[1:])):
            key = some.tobytes()
            if key not in unions:
                unions[key] = shapely.union_all(areas[some])
            covers[k] = unions[key]
        whole, part = _size(shapes[feature]), _size(shapely.intersection(shapes[feature], covers))
        shares = np.divide(part, whole, out=np.ones(len(part)), where=whole > 0)
        out[feature] = np.minimum(1.0, shares)
    return out


def _size(shapes: NDArray[Any]) -> NDArray[np.float64]:
    dimension = shapely.get_dimensions(shapes)
    size: NDArray[np.float64] = np.where(dimension == 2, shapely.area(shapes), shapely.length(shapes))
    return size
