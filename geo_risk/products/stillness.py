"""Whether the ground at a hazard point is known to stand still, in the one meaning that the raster `activity` gives it.

A cell is stable where its 95 % interval of velocity lies within `deformation.activity.stable_mm_yr` in a track that
sees it (hazards/deformation/METHOD.md). A point is stable where such cells make `point_stable_share` of the disc
around it, no other cell of the disc moves, and no moving area lies at it. Seeing no area is not enough.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from geo_risk.core.grid import grid_of
from geo_risk.exposure.zonal import Coverage, cell_coverage
from geo_risk.products.params import RiskParams
from geo_risk.products.wording import say, word

MOVES = ("steady", "accelerating", "decelerating", "seasonal", "step")
"""Words of the codes 1-5 of the raster `activity`; 0 is stable, -1 unknown."""


def ground_motion(
    discs: gpd.GeoDataFrame, activity: xr.DataArray | None, blind_map: xr.DataArray | None
) -> pd.DataFrame:
    """Return what radar says of the ground of each disc, by shares of its area; the part outside the map is unknown.

    Parameters
    ----------
    discs : polygons around points, in the CRS of the layers.
    activity : (y, x) int8, codes of the raster `activity`; None where there is none.
    blind_map : (y, x), 0 seen; None where there is none.

    Returns
    -------
    By the index of the discs: seen_share, stable_share, moving_share (NaN without the layer they come from), and
    moving_as, the classes of the cells that move, the most frequent first, joined by "+" ("" for none).

    Raises
    ------
    CrsError : the discs are in another CRS.
    """
    out = pd.DataFrame(
        {"seen_share": np.nan, "stable_share": np.nan, "moving_share": np.nan, "moving_as": ""}, index=discs.index
    )
    coverage: Coverage | None = None
    for layer in (blind_map, activity):
        if layer is None:
            continue
        if coverage is None or grid_of(layer) != coverage.grid:
            coverage = cell_coverage(discs, grid_of(layer))
        values = coverage.values(layer.data)
        still = coverage.sums(values == 0) / coverage.n_cells
        if layer is blind_map:
            out["seen_share"] = still
            continue
        shares = np.stack([coverage.sums(values == code) for code in range(1, len(MOVES) + 1)]) / coverage.n_cells
        out["stable_share"], out["moving_share"] = still, shares.sum(axis=0)
        order = np.argsort(-shares, axis=0, kind="stable")
        out["moving_as"] = ["+".join(MOVES[k] for k in o if s[k] > 0) for o, s in zip(order.T, shares.T, strict=True)]
    return out


def is_still(points: pd.DataFrame, least_share: float) -> pd.Series[Any]:
    """Return which points are known to stand still.

    Parameters
    ----------
    points : with area_id, doubted and the columns of `ground_motion`.
    least_share : of the disc that must be stable. No part of it may move.

    Returns
    -------
    (n,) bool; False where it is not known.
    """
    known = points["stable_share"].astype("float64") >= least_share - 1e-6  # coverage comes in single precision
    quiet = points["moving_share"].astype("float64") <= 0
    out: pd.Series[Any] = known & quiet & points["area_id"].isna() & points["doubted"].isna()
    return out


def doubted(points: pd.DataFrame, areas: gpd.GeoDataFrame | None, distance_m: float) -> pd.Series[Any]:
    """Return the id of the moving area at each point that has none of its own: such ground is not called still.

    It may be of another kind than the point, or have been set aside as noise; either way radar did see it move.
    """
    out = pd.Series(pd.NA, index=points.index, dtype="string")
    if areas is None or not len(areas):
        return out
    shapes, places = areas.geometry.to_numpy(), points["geometry"].to_numpy()
    pairs = areas.sindex.query(places, predicate="dwithin", distance=distance_m)
    table = pd.DataFrame({"point": pairs[0], "id": areas["area_id"].astype(str).to_numpy()[pairs[1]]})
    table["distance"] = shapely.distance(places[pairs[0]], shapes[pairs[1]])
    best = table.sort_values(["point", "distance", "id"]).drop_duplicates("point")
    out.iloc[best["point"].to_numpy()] = best["id"].to_numpy()
    return out.where(points["area_id"].isna())


def ground_words(row: Any, params: RiskParams, language: str, *, has_radar: bool) -> str:
    """Return what radar says of the ground of a point without a moving area, as a sentence in "zh" or "en"."""
    if not has_radar:
        return say("no_radar", language)
    values = {"radius": params.point_radius_m, "share": row.stable_share}
    if row.is_still:
        return say("still", language, **values)
    if row.moving_as:
        classes = ("、" if language == "zh" else ", ").join(word(c, language) for c in row.moving_as.split("+"))
        return say("cells_move", language, radius=params.point_radius_m, share=row.moving_share, classes=classes)
    if pd.isna(row.stable_share):
        return say("no_series", language)
    if row.seen_share < params.point_stable_share:
        return say("blind", language)
    return say("not_still", language, **values)
