"""Which risk zone a hazard point belongs to, by explicit rules, and what several points or areas at one place mean.

Zones are tried in the order of `RULES`; within a rule the kind's own zones come before those it may also be (a sinking
place in a pond), then the nearest, then the highest hazard (unknown before low), then the id. A point has one zone or
none; a zone names every point that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.products.linking import COMPATIBLE, is_compatible
from geo_risk.products.params import RiskParams
from geo_risk.products.wording import joined, say
from geo_risk.products.zone_runout import sources_of

RULES = ("own_area", "inside", "within_error", "in_runout", "near", "doubtful_position")
"""How a point comes to its zone: drawn from its own moving area; it stands in it; it begins within the error of its
position; it stands in what runs out from it, where that is part of the zone; within `match_distance_m`; within
`doubtful_error_m`, for points whose coordinates could not be checked. Distances are to the
ground that can fail, but for `in_runout`."""

ZONE_KINDS: Mapping[str, frozenset[str]] = {**COMPATIBLE, "flood": frozenset({"debris_flow", "tailings_pond"}),
                                              "debris_flow": frozenset({"debris_flow"})}  # fmt: skip
"""Kinds of points that a zone of a kind may hold; a zone of unknown kind holds all."""

ALSO: Mapping[str, frozenset[str]] = {
    "waterlogging": frozenset({"ground_subsidence", "ground_collapse", "mining_subsidence"})
}
"""Kinds of points that a zone of a kind may hold where no zone of their own kind does as well: sinking ground ponds."""

_WITHIN_ERROR = RULES.index("within_error")
_DOUBTFUL = 0.6
"""Confidence of coordinates up to which they could not be checked (`sources.ledger_places`)."""


def fits_zone(point_kind: Any, zone_kind: Any) -> int:
    """Return 0 where a zone may hold a point, 1 where it may if no better one does, -1 where it may not.

    A missing kind of the point, and a zone of unknown kind, fit all.
    """
    if pd.isna(point_kind) or pd.isna(zone_kind) or zone_kind == "unknown":
        return 0
    if str(zone_kind) in ZONE_KINDS:
        return 0 if str(point_kind) in ZONE_KINDS[str(zone_kind)] else -1
    return 1 if str(point_kind) in ALSO.get(str(zone_kind), ()) else -1


def zones_of(points: gpd.GeoDataFrame, zones: gpd.GeoDataFrame | None, params: RiskParams) -> pd.DataFrame:
    """Return the zone of each point, the rule by which it has it, and the distance.

    Parameters
    ----------
    points : with kind, area_id (its moving area, may be missing) and coordinate_confidence (may be missing), in the CRS
        of the zones. Points without a place have no zone.
    zones : risk zones with zone_id, kind, hazard_level and, where they come from a moving area, area_id; None: none.
    params : match_distance_m, position_error_m, doubtful_error_m.

    Returns
    -------
    By the index of the points: zone_id, zone_rule (one of `RULES`), zone_distance_m; missing where there is no zone.
    """
    out = pd.DataFrame({"zone_id": pd.NA, "zone_rule": pd.NA, "zone_distance_m": np.nan}, index=points.index)
    out = out.astype({"zone_id": "string", "zone_rule": "string"})
    if zones is None or not len(zones) or not len(points):
        return out
    pairs = _pairs(points, zones, params)
    order = pairs.sort_values(
        ["point", "rule", "also", "distance", "level", "zone_id"], ascending=[True, True, True, True, False, True]
    )
    best = order.drop_duplicates("point")
    at = best["point"].to_numpy()
    out.iloc[at, 0] = best["zone_id"].to_numpy()
    out.iloc[at, 1] = np.array(RULES)[best["rule"].to_numpy()]
    out.iloc[at, 2] = best["distance"].to_numpy()
    return out


def _pairs(points: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, params: RiskParams) -> pd.DataFrame:
    shapes, places = zones.geometry.to_numpy(), points.geometry.to_numpy()
    sources = sources_of(zones).to_numpy()
    reach = reach_m(points, params)
    point, zone = shapely.STRtree(shapes).query(places, predicate="dwithin", distance=reach)
    own = _own(points, zones)
    point, zone = np.concatenate([point, own[0]]), np.concatenate([zone, own[1]])
    whole = shapely.distance(places[point], shapes[zone])
    distance = shapely.distance(places[point], sources[zone])
    is_own = np.arange(len(point)) >= len(point) - own.shape[1]
    kinds, of_zones = points["kind"].to_numpy(), zones["kind"].to_numpy()
    fit = np.array([fits_zone(kinds[p], of_zones[z]) for p, z in zip(point, zone, strict=True)], dtype=np.int64)
    rule = np.select(
        [is_own, distance == 0, distance <= params.position_error_m, whole == 0, whole <= params.match_distance_m],
        [0, 1, 2, 3, 4], default=5,
    )  # fmt: skip
    distance = np.where(rule > _WITHIN_ERROR, whole, distance)
    found = pd.DataFrame({
        "point": point, "zone": zone, "distance": distance, "rule": rule, "also": np.where(is_own, 0, fit),
        "level": _gravity(zones)[zone], "zone_id": zones["zone_id"].astype(str).to_numpy()[zone],
    })  # fmt: skip
    return found[found["also"] >= 0]


def _gravity(zones: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return the hazard level of zones to be sorted by: unknown stands between low and medium."""
    level = zones["hazard_level"].to_numpy(dtype=np.float64)
    return np.where(level >= 0, level, 1.5)


def reach_m(points: gpd.GeoDataFrame, params: RiskParams) -> NDArray[np.float64]:
    """Return how far a zone may be from each point: `match_distance_m`, more where its position is doubtful."""
    out = np.full(len(points), max(params.match_distance_m, params.position_error_m))
    if "coordinate_confidence" not in points:
        return out
    sure = pd.to_numeric(points["coordinate_confidence"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(sure <= _DOUBTFUL, np.maximum(out, params.doubtful_error_m), out)


def _own(points: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return (2, n): positions of points and of the zones that were drawn from their moving area."""
    if "area_id" not in points or "area_id" not in zones:
        return np.empty((2, 0), dtype=np.int64)
    left, right = (
        pd.DataFrame({"area": f["area_id"].astype("string").to_numpy(), name: np.arange(len(f))}).dropna()
        for name, f in (("point", points), ("zone", zones))
    )
    both = left.merge(right, on="area")
    return both[["point", "zone"]].to_numpy(dtype=np.int64).T


def shared_areas(points: gpd.GeoDataFrame) -> pd.Series[Any]:
    """Return for each point the other points, joined by commas, that belong to the same moving area; missing if none.

    Parameters
    ----------
    points : with point_id, area_id.
    """
    ids, area = points["point_id"].astype(str), points["area_id"].astype("string")
    members = ids.groupby(area).agg(list)
    said: list[Any] = []
    for own, place in zip(ids, area, strict=True):
        others = [] if pd.isna(place) else sorted(set(members[place]) - {own})
        said.append(",".join(others) if others else pd.NA)
    return pd.Series(said, index=points.index, dtype="string")


def parts_of(points: gpd.GeoDataFrame, *, distance_m: float) -> pd.DataFrame:
    """Return for points that radar alone makes the nearest point of another area that they may be a part of.

    A slide that radar sees in two pieces is matched with its ledger point by the nearer one; the other becomes a point
    of its own, which is never lost, and says so.

    Parameters
    ----------
    points : with point_id, kind, source, area_id, area_kind and footprint (of its moving area, may be missing).

    Returns
    -------
    By the index of such points: other (point_id), distance_m.
    """
    new = points[(points["source"] == "insar") & points["footprint"].notna()]
    old = points[(points["source"] == "inventory+insar") & points["footprint"].notna()]
    if not len(new) or not len(old):
        return pd.DataFrame({"other": [], "distance_m": []})
    shapes, others = new["footprint"].to_numpy(), old["footprint"].to_numpy()
    one, other = shapely.STRtree(others).query(shapes, predicate="dwithin", distance=distance_m)
    kinds, areas = old["kind"].to_numpy(), new["area_kind"].to_numpy()
    fits = np.array([is_compatible(kinds[b], areas[a]) for a, b in zip(one, other, strict=True)], dtype=bool)
    one, other = one[fits], other[fits]
    table = pd.DataFrame({
        "row": new.index.to_numpy()[one], "other": old["point_id"].astype(str).to_numpy()[other],
        "distance_m": shapely.distance(shapes[one], others[other]),
    })  # fmt: skip
    return table.sort_values(["row", "distance_m", "other"]).drop_duplicates("row").set_index("row")


def link_points(zones: gpd.GeoDataFrame, points: gpd.GeoDataFrame | None, *, language: str = "zh") -> gpd.GeoDataFrame:
    """Return the zones with the ids, and the responsible person, of the points that name them; rows stay in order."""
    out = zones.copy()
    if points is None or not len(points):
        return conform(out, "risk_zones")
    named = points[points["zone_id"].notna()].sort_values("point_id")
    ids = named.groupby("zone_id")["point_id"].agg(lambda v: ",".join(v.astype(str)))
    people = named.dropna(subset=["responsible"]).groupby("zone_id")["responsible"].first()
    out["point_ids"] = out["zone_id"].map(ids)
    out["responsible"] = out["responsible"].fillna(out["zone_id"].map(people))
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        if column in out:
            told: dict[str, list[str]] = {}
            for zone, words in zip(named["zone_id"], _point_words(named, k), strict=True):
                told.setdefault(str(zone), []).append(words)
            comma = "、" if k == "zh" else ", "
            said = [say("zone_points", k, ids=comma.join(told[z])) if z in told else "" for z in out["zone_id"]]
            out[column] = [joined([r, s], k) for r, s in zip(out[column], said, strict=True)]
    return conform(out, "risk_zones")


def _point_words(named: gpd.GeoDataFrame, language: str) -> list[str]:
    """Return each point with the rule by which it has its zone, and the distance."""
    if "zone_rule" not in named:
        return [str(i) for i in named["point_id"]]
    rows = zip(named["point_id"].astype(str), named["zone_rule"], named["zone_distance_m"], strict=True)
    return [say("zone_point", language, id=i, rule=f"rule_{r}", distance=d) for i, r, d in rows]
