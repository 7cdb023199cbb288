"""Sums over polygons, weighted by coverage: of cells by exactextract, of houses and roads by their shapes."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from geo_risk.core.errors import CrsError
from geo_risk.core.grid import grid_of


def zonal_sums(layer: xr.DataArray, polygons: gpd.GeoDataFrame) -> pd.DataFrame:
    """Sum a layer of amounts per cell over polygons, each cell by the share of it that is covered.

    Parameters
    ----------
    layer : (y, x), an amount per cell (people, m3); NaN is unknown. Computed here.
    polygons : in the layer's CRS; they may overlap (each is summed by itself).

    Returns
    -------
    DataFrame in the order of the polygons: `sum` over known cells (NaN where none is known) and `known_share`, the
    share of the polygon's area that lies on known cells of the grid.

    Raises
    ------
    CrsError : the polygons are in another CRS.
    """
    known = _extract(layer, polygons, values=np.asarray(layer.data, dtype=np.float64))
    return pd.DataFrame(
        {
            "sum": np.where(known["count"] > 0, known["sum"], np.nan),
            "known_share": _share(known["count"], layer, polygons),
        }
    )


def level_at_share(
    levels: xr.DataArray, polygons: gpd.GeoDataFrame, *, share: float, min_known_share: float
) -> NDArray[np.int8]:
    """Return for each polygon the highest level that at least `share` of its known area reaches.

    Parameters
    ----------
    levels : (y, x) int8, -1 unknown.
    polygons : in the layer's CRS.
    share : of the known area, in (0, 1].
    min_known_share : below this share of known area a level under MEDIUM is unknown (-1).
    """
    values = np.asarray(levels.data).astype(np.int8)
    known = values >= 0
    n_known = _extract(levels, polygons, values=np.where(known, 1.0, np.nan))["count"].to_numpy(dtype=np.float64)
    out = np.where(n_known > 0, 0, -1).astype(np.int8)
    for level in range(1, 5):
        reached = np.where(known, (values >= level).astype(np.float64), np.nan)
        n_cells = _extract(levels, polygons, values=reached)["sum"].to_numpy(dtype=np.float64)
        out[(n_cells > 0) & (n_cells >= share * n_known - 1e-9)] = level
    known_share = _share(n_known, levels, polygons)
    out[(out < 2) & ~(known_share >= min_known_share)] = -1
    return out


def _share(n_cells: Any, layer: xr.DataArray, polygons: gpd.GeoDataFrame) -> NDArray[np.float64]:
    area = polygons.geometry.area.to_numpy()
    cells = np.asarray(n_cells, dtype=np.float64) * grid_of(layer).cell_area_m2
    shares: NDArray[np.float64] = np.divide(cells, area, out=np.zeros_like(cells), where=area > 0)
    return shares.clip(0, 1)


def _extract(layer: xr.DataArray, polygons: gpd.GeoDataFrame, *, values: NDArray[np.float64]) -> pd.DataFrame:
    grid = grid_of(layer)
    if polygons.crs is None or polygons.crs != grid.geobox.crs.to_wkt():
        what = f"polygons are in {polygons.crs}, layer {str(layer.name)!r} in {grid.crs}"
        raise CrsError(what, where=str(layer.name), fix="bring the polygons into the run's CRS in geo_risk.sources")
    if not len(polygons):
        return pd.DataFrame({"count": [], "sum": []}, dtype=np.float64)
    left, bottom, right, top = grid.bounds
    source = NumPyRasterSource(values, left, bottom, right, top, nodata=np.nan, srs_wkt=polygons.crs.to_wkt())
    shapes = gpd.GeoDataFrame(geometry=polygons.geometry.to_numpy(), crs=polygons.crs)
    result: pd.DataFrame = exact_extract(source, shapes, ["count", "sum"], output="pandas")
    return result.fillna(0.0)


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
    pieces = shapely.intersection(shapes[feature], areas[zone])
    whole, part = _size(shapes[feature]), _size(pieces)
    is_point = shapely.get_dimensions(shapes[feature]) == 0
    share = np.where(is_point, 1.0, np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)).clip(0, 1)
    out = pd.DataFrame({"feature": feature, "zone": zone, "share": share})
    return out[out["share"] > 0].sort_values(["feature", "zone"], ignore_index=True)


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
    for _, group in pairs[~pairs["feature"].isin(alone)].groupby("feature"):
        i = int(group["feature"].iloc[0])
        union = shapely.union_all(areas[group["zone"].to_numpy()])
        piece, whole = shapely.intersection(shapes[i], union), _size(shapes[[i]])[0]
        out[i] = min(1.0, _size(np.array([piece]))[0] / whole) if whole > 0 else 1.0
    return out


def _size(shapes: NDArray[Any]) -> NDArray[np.float64]:
    dimension = shapely.get_dimensions(shapes)
    size: NDArray[np.float64] = np.where(dimension == 2, shapely.area(shapes), shapely.length(shapes))
    return size
