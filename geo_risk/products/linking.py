"""Which moving area belongs to which ledger point, and which areas of several tracks are one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

_SLOPE = frozenset({"landslide", "rockfall", "debris_flow", "unstable_slope", "ground_fissure"})
COMPATIBLE: Mapping[str, frozenset[str]] = {
    "landslide": _SLOPE,
    "mining_subsidence": frozenset(
        {"mining_subsidence", "ground_collapse", "ground_fissure", "ground_subsidence", "landslide", "unstable_slope"}
    ),
    "groundwater_subsidence": frozenset({"ground_subsidence", "ground_fissure"}),
    "structure_settlement": frozenset({"ground_subsidence", "ground_collapse", "tailings_pond"}),
}
"""Kinds of ledger points that a moving area of a kind may be; an area of unknown kind fits all."""

POINT_KIND: Mapping[str, str] = {
    "landslide": "landslide",
    "mining_subsidence": "mining_subsidence",
    "groundwater_subsidence": "ground_subsidence",
    "structure_settlement": "ground_subsidence",
}
"""Kind of the hazard point that a moving area makes."""


def likely_false(areas: gpd.GeoDataFrame, false_alarm_max: float) -> NDArray[np.bool_]:
    """Return which moving areas are too likely to be noise to act on.

    Parameters
    ----------
    areas : `active_deformation`; `false_alarm_at_most` (true: the probability is but an upper bound) may be missing.
    false_alarm_max : largest probability that is acted on.

    Returns
    -------
    (n,) True where the probability is known to be above the limit. One that is missing, or that is an upper bound,
    proves nothing: such an area stays.
    """
    p = areas["false_alarm_p"].astype("float64").to_numpy()
    bound = np.zeros(len(areas), dtype=bool)
    if "false_alarm_at_most" in areas:
        bound = areas["false_alarm_at_most"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    return np.asarray((p > false_alarm_max) & ~bound)


def with_clues(areas: gpd.GeoDataFrame | None, clues: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the moving areas with what the mining clues say of them; a clue without an area becomes one.

    Parameters
    ----------
    areas : `active_deformation`; None where there is none.
    clues : `mining_clues` in the same CRS.

    Returns
    -------
    A copy with clue_id, clue_verdict, clue_peak [mm/yr, negative is down]; areas that share a clue's ground are of
        kind mining_subsidence. Of several clues the one that covers most of the area counts.
    """
    loose = clues.assign(area_id="CLUE-" + clues["clue_id"].astype(str), track="clue", kind="mining_subsidence",
                         activity="unknown", quality=2, velocity_mean_mm_yr=_down(clues) / 2,
                         velocity_max_mm_yr=_down(clues), area_m2=clues.area, false_alarm_p=np.nan,
                         acceleration_mm_yr2=np.nan, clue_peak=_down(clues), clue_verdict=clues["verdict"])  # fmt: skip
    if areas is None or not len(areas):
        return loose
    area, clue = clues.sindex.query(areas.geometry, predicate="intersects")
    shared = shapely.area(shapely.intersection(areas.geometry.to_numpy()[area], clues.geometry.to_numpy()[clue]))
    pairs = pd.DataFrame({"area": area, "clue": clue, "shared": shared})
    pairs = pairs[pairs["shared"] > 0]
    best = pairs.sort_values(["area", "shared", "clue"], ascending=[True, False, True]).drop_duplicates("area")
    out = areas.reset_index(drop=True).assign(clue_id=pd.NA, clue_verdict=pd.NA, clue_peak=np.nan)
    rows, chosen = best["area"].to_numpy(), best["clue"].to_numpy()
    out.loc[rows, "kind"] = "mining_subsidence"
    for column in ("clue_id", "clue_verdict", "clue_peak"):
        out.loc[rows, column] = loose[column].to_numpy()[chosen]
    rest = loose.drop(index=loose.index[pairs["clue"].unique()])
    if not len(rest):
        return out
    shared_columns = [c for c in out.columns if c in rest.columns]
    return gpd.GeoDataFrame(pd.concat([out, rest[shared_columns]], ignore_index=True), crs=areas.crs)


def _down(clues: gpd.GeoDataFrame) -> pd.Series[Any]:
    speed: pd.Series[Any] = -clues["max_subsidence_mm_yr"].astype("float64").abs()
    return speed


def group_areas(areas: gpd.GeoDataFrame, *, min_iou: float) -> NDArray[np.int64]:
    """Return the group of each area: areas that overlap by `min_iou` of their union, of whatever track, are one."""
    n = len(areas)
    shapes = areas.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    union = shapely.area(shapes[first]) + shapely.area(shapes[second]) - shared
    same = (shared > 0) & (shared >= min_iou * union)
    graph = csr_array((np.ones(int(same.sum())), (first[same], second[same])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    out: NDArray[np.int64] = label.astype(np.int64)
    return out


def match_points(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, *, distance_m: float) -> pd.DataFrame:
    """Return the area each point belongs to: the nearest of a compatible kind; of equal ones the fastest.

    Parameters
    ----------
    points : ledger points with kind (missing fits all).
    areas : moving areas with kind, velocity_max_mm_yr, area_id.
    distance_m : farther areas do not belong to a point (inside: 0 m).

    Returns
    -------
    DataFrame by position of the point: `area` (position) and `distance_m`; points without an area are absent.
    """
    if not len(points) or not len(areas):
        return pd.DataFrame({"area": pd.Series(dtype=int), "distance_m": pd.Series(dtype=float)})
    shapes, places = areas.geometry.to_numpy(), points.geometry.to_numpy()
    point, area = shapely.STRtree(shapes).query(places, predicate="dwithin", distance=distance_m)
    pairs = pd.DataFrame(
        {
            "point": point,
            "area": area,
            "distance_m": shapely.distance(places[point], shapes[area]),
            "speed": np.abs(areas["velocity_max_mm_yr"].to_numpy(dtype=np.float64)[area]),
            "id": areas["area_id"].astype(str).to_numpy()[area],
        }
    )
    kinds, of_areas = points["kind"].to_numpy(), areas["kind"].to_numpy()
    fits = [is_compatible(kinds[p], of_areas[a]) for p, a in zip(point, area, strict=True)]
    good = pairs[np.array(fits, dtype=bool)]
    order = good.sort_values(["point", "distance_m", "speed", "id"], ascending=[True, True, False, True])
    return order.drop_duplicates("point").set_index("point")[["area", "distance_m"]]


def is_compatible(point_kind: Any, area_kind: Any) -> bool:
    """Return whether a ledger point of one kind can be a moving area of another; missing and unknown fit all."""
    if pd.isna(point_kind) or pd.isna(area_kind) or area_kind not in COMPATIBLE:
        return True
    return str(point_kind) in COMPATIBLE[str(area_kind)]


def near_doubles(points: gpd.GeoDataFrame, *, distance_m: float) -> pd.DataFrame:
    """Return for points of one kind closer than `distance_m` to an earlier one: `other` (position), `distance_m`."""
    places = points.geometry.to_numpy()
    tree = shapely.STRtree(places)
    first, second = tree.query(places, predicate="dwithin", distance=distance_m)
    kinds = points["kind"].fillna("").to_numpy()
    good = (second < first) & (kinds[first] == kinds[second])
    out = pd.DataFrame({"point": first[good], "other": second[good]})
    out["distance_m"] = shapely.distance(places[out["point"]], places[out["other"]])
    return out.sort_values(["point", "distance_m", "other"]).drop_duplicates("point").set_index("point")
