"""The water of ranked sites as polygons, and what surrounds the sites."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.products.waterlogging_params import WaterloggingParams


def ponding(
    ranked: gpd.GeoDataFrame,
    labels: NDArray[np.integer[Any]],
    site_labels: pd.Series[int],
    depth_m: NDArray[np.floating[Any]],
    grid: Grid,
    params: WaterloggingParams,
) -> gpd.GeoDataFrame:
    """Water of each ranked site as polygons: the cells of its depression that are deeper than the first class.

    Parameters
    ----------
    ranked : as `rank_sites` returns it. labels : (y, x) depressions of the town. site_labels : label by site_id.
    depth_m : (y, x) greatest depth. grid : the town's.

    Returns
    -------
    The contract's `ponding` frame; of several sites in one depression the first in rank has the polygon.
    """
    wet = np.where(np.nan_to_num(depth_m, nan=0.0) >= params.depth_classes_m[0], labels, 0)
    shapes = polygons_of_labels(np.maximum(wet, 0), grid, connectivity=8)
    first = ranked.assign(label=ranked["site_id"].map(site_labels).to_numpy()).sort_values("rank")
    first = first[(first["label"] > 0) & (first["depth_class"] > 0)].drop_duplicates("label")
    joined = first.drop(columns="geometry").merge(shapes[["label", "geometry"]], on="label", how="inner")
    columns = ["rank", "site_id", "name", "kind", "source", "depth_m", "depth_class", "volume_m3", "catchment_m2",
               "reasons", "reasons_zh", "reasons_en", "geometry"]  # fmt: skip
    return conform(gpd.GeoDataFrame(joined[columns], geometry="geometry", crs=grid.crs), "ponding")


def surroundings_share(
    sites: gpd.GeoDataFrame, is_built: NDArray[np.floating[Any]], grid: Grid, *, radius_m: float
) -> NDArray[np.float64]:
    """Share of built-up ground in the square of half-width `radius_m` around each site; NaN beyond the grid.

    Parameters
    ----------
    sites : points. is_built : (y, x), > 0 where built-up, NaN where unknown. grid : of the array.
    """
    rows, columns, inside = grid.index(sites.geometry.x, sites.geometry.y)
    reach = max(1, round(radius_m / grid.resolution_m))
    out = np.full(len(sites), np.nan)
    for k in np.flatnonzero(inside):
        window = is_built[max(0, rows[k] - reach) : rows[k] + reach + 1,
                          max(0, columns[k] - reach) : columns[k] + reach + 1]  # fmt: skip
        known = np.isfinite(window)
        out[k] = float((window[known] > 0).mean()) if known.any() else np.nan
    return out
