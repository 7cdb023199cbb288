"""Which point or zone of a run is which of the register: by ledger number, else by kind and place, never by order."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

_SLOPE = ("landslide", "rockfall", "debris_flow", "unstable_slope", "ground_fissure")
_GROUND = ("ground_collapse", "ground_fissure", "ground_subsidence", "mining_subsidence")
FAMILIES = (frozenset(_SLOPE), frozenset(_GROUND), frozenset({"tailings_pond", "ground_subsidence", "ground_collapse"}))
"""Kinds that two surveys may give one place."""


def _kinds(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return the kinds, None where one is missing: a person may have emptied it."""
    return np.array([None if pd.isna(k) else k for k in frame["kind"]], dtype=object)


def are_one_kind(a: Any, b: Any) -> bool:
    """Return whether two kinds of points can be one place; a missing kind fits all."""
    if pd.isna(a) or pd.isna(b) or a == b:
        return True
    return any(a in f and b in f for f in FAMILIES)


def match_points(
    found: gpd.GeoDataFrame, kept: gpd.GeoDataFrame, *, distance_m: float, numbers: dict[str, str] | None = None
) -> NDArray[np.int64]:
    """Return for each point of a run its position among those of the register, -1 for none.

    A point with a ledger number (`source` other than insar) is first of all the point of that number, wherever it
    lies. Of the rest the pairs of fitting kinds within the distance are taken one by one: those of the same kind
    first, then the nearest; each point goes to one partner at most. The order of rows does not matter.

    Parameters
    ----------
    found : point_id, kind, source, geometry. kept : object_id, kind, geometry, in the same CRS.
    distance_m : farther points are not one. numbers : ids of the register by other numbers of the same objects.

    Returns
    -------
    (n,) positions in `kept`.
    """
    out = np.full(len(found), -1, dtype=np.int64)
    position = {str(i): k for k, i in enumerate(kept["object_id"])}
    taken: set[int] = set()
    for k, (number, source) in enumerate(zip(found["point_id"].astype(str), found["source"], strict=True)):
        own = position.get((numbers or {}).get(number, number))
        if source != "insar" and own is not None and own not in taken:
            out[k] = own
            taken.add(own)
    shapes, places = found.geometry.to_numpy(), kept.geometry.to_numpy()
    if not len(kept) or not len(found):
        return out
    a, b = shapely.STRtree(places).query(shapes, predicate="dwithin", distance=distance_m)
    kinds, kept_kinds = _kinds(found), _kinds(kept)
    ids = kept["object_id"].astype(str).to_numpy()
    pairs = pd.DataFrame({"found": a, "kept": b, "distance": shapely.distance(shapes[a], places[b])})
    pairs["other"] = np.array([kinds[i] != kept_kinds[j] for i, j in zip(a, b, strict=True)], dtype=bool)
    fits = np.array([are_one_kind(kinds[i], kept_kinds[j]) for i, j in zip(a, b, strict=True)], dtype=bool)
    pairs["id"], pairs["x"], pairs["y"] = ids[b], shapely.get_x(shapes)[a], shapely.get_y(shapes)[a]
    pairs["kind"] = [str(kinds[i]) for i in a]
    pairs = pairs[fits].sort_values(["other", "distance", "id", "x", "y", "kind"])
    return _one_to_one(pairs, out, taken)


def _one_to_one(pairs: pd.DataFrame, out: NDArray[np.int64], taken: set[int]) -> NDArray[np.int64]:
    for i, j in zip(pairs["found"], pairs["kept"], strict=True):
        if out[i] < 0 and int(j) not in taken:
            out[i] = j
            taken.add(int(j))
    return out


def zone_pairs(found: gpd.GeoDataFrame, kept: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return every pair of overlapping zones of one kind: positions, overlap in union, shares of each that is shared.

    Parameters
    ----------
    found : kind, geometry. kept : object_id, kind, geometry, in the same CRS.

    Returns
    -------
    DataFrame with found, kept, iou, of_found, of_kept, sorted by falling iou; ties by id and place.
    """
    shapes, places = found.geometry.to_numpy(), kept.geometry.to_numpy()
    a, b = shapely.STRtree(places).query(shapes, predicate="intersects")
    kinds, kept_kinds = _kinds(found), _kinds(kept)
    good = np.array([kinds[i] == kept_kinds[j] for i, j in zip(a, b, strict=True)], dtype=bool)
    a, b = a[good], b[good]
    shared = shapely.area(shapely.intersection(shapes[a], places[b]))
    area_a, area_b = shapely.area(shapes[a]), shapely.area(places[b])
    pairs = pd.DataFrame({"found": a, "kept": b, "iou": shared / (area_a + area_b - shared)})
    pairs["of_found"], pairs["of_kept"] = shared / area_a, shared / area_b
    pairs["id"] = kept["object_id"].astype(str).to_numpy()[b]
    centre = shapely.centroid(shapes[a])
    pairs["x"], pairs["y"] = shapely.get_x(centre), shapely.get_y(centre)
    pairs = pairs[shared > 0].sort_values(["iou", "id", "x", "y"], ascending=[False, True, True, True])
    out: pd.DataFrame = pairs.drop(columns=["id", "x", "y"]).reset_index(drop=True)
    return out


def match_zones(pairs: pd.DataFrame, n_found: int, *, min_iou: float) -> NDArray[np.int64]:
    """Return for each zone of a run its position among those of the register, -1 for none; the best overlap first."""
    good = pairs[pairs["iou"] >= min_iou]
    return _one_to_one(good, np.full(n_found, -1, dtype=np.int64), set())


def near_pairs(kept: gpd.GeoDataFrame, distance_m: float) -> list[tuple[int, int, float]]:
    """Return pairs of points of one kind closer than a distance, once each: (lower id, higher id, metres)."""
    places = kept.geometry.to_numpy()
    if len(places) < 2:
        return []
    a, b = shapely.STRtree(places).query(places, predicate="dwithin", distance=distance_m)
    ids, kinds = kept["object_id"].astype(str).to_numpy(), _kinds(kept)
    return sorted(
        (int(i), int(j), float(shapely.distance(places[i], places[j])))
        for i, j in zip(a, b, strict=True)
        if ids[i] < ids[j] and kinds[i] is not None and kinds[i] == kinds[j]
    )
