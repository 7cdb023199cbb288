"""Coverage and shortfall of shelters by township: who is near one, who would have a place there, and who would not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.exposure.reach import Pairs
from geo_risk.products.places_within import place_people
from geo_risk.products.siting_words import said
from geo_risk.products.townships import OUTSIDE_ID, township_ids, township_names, townships_of
from geo_risk.products.wording import joined, with_reasons

_HULL_M = 300.0
"""Outline around the settlements of a township that has no border."""


@dataclass(frozen=True)
class Near:
    """What is near: settlements to usable shelters.

    Attributes
    ----------
    pairs : within `reach_min` by road. safe : the same with every section in a harmful zone closed.
    is_joined : (settlements,) on the road network.
    """

    pairs: Pairs
    safe: Pairs
    is_joined: NDArray[np.bool_]


@dataclass(frozen=True)
class Coverage:
    """The frame, totals, and people of each settlement who have no place within reach (0 where people are unknown)."""

    frame: gpd.GeoDataFrame
    totals: dict[str, int]
    short: NDArray[np.int64]


def shelter_coverage(
    settlements: gpd.GeoDataFrame,
    shelters: gpd.GeoDataFrame,
    near: Near,
    *,
    leaving: gpd.GeoDataFrame | None,
    townships: gpd.GeoDataFrame | None,
    reach_min: float,
    language: str = "zh",
) -> Coverage:
    """Count, by township, the people near a shelter and those who could have a place within reach.

    Parameters
    ----------
    settlements : as `clean_counts` leaves them: the people at night. shelters : usable ones with whole `capacity`.
    near : pairs in the order of both.
    leaving : the evacuation list, whose people are to be placed; None: only the whole population is looked at.
    townships : polygons with code and name; None: the settlements' column `township`, else one row.
    reach_min, language : for the reasons.

    Returns
    -------
    Coverage : one row a township. Settlements of unknown people are counted apart and are in no sum; they are not
        covered, they are unknown. Places go to those nearest to one, as many as can have one (`place_people`).

    Raises
    ------
    DataError, SchemaError : inputs do not fit together.
    """
    people = settlements["people"].to_numpy(dtype=np.float64)
    capacity = shelters["capacity"].to_numpy(dtype=np.int64)
    night = np.nan_to_num(people).astype(np.int64)
    placed = _placed(night, capacity, near.pairs)
    table = pd.DataFrame({
        "settlement_id": settlements["settlement_id"].astype(str).to_numpy(),
        "n_settlements": 1, "people": night, "unknown_settlements": np.isnan(people),
        "people_near": night * _is_near(near.pairs), "people_near_safe": night * _is_near(near.safe),
        "people_off_network": night * ~near.is_joined,
        "unknown_not_near": np.isnan(people) & ~_is_near(near.pairs),
        "people_placed": placed, "people_short": night - placed,
    })  # fmt: skip
    if leaving is not None:
        goes = leaving.assign(settlement_id=leaving["settlement_id"].astype(str)).set_index("settlement_id")["people"]
        listed = goes.astype("float64").reindex(table["settlement_id"])
        must = np.nan_to_num(listed.to_numpy(dtype=np.float64)).astype(np.int64)
        table["to_place"], table["to_place_placed"] = must, _placed(must, capacity, near.pairs)
        table["to_place_unknown"] = table["settlement_id"].isin(set(goes.index[goes.isna()]))
        table["to_place_short"] = table["to_place"] - table["to_place_placed"]
    of_settlement, of_shelter, names, shapes = _grouped(settlements, shelters, townships)
    sums = table.drop(columns="settlement_id").astype("int64").groupby(of_settlement).sum()
    offered = pd.DataFrame({"shelters": 1, "places": capacity}).groupby(of_shelter).sum()
    rows = sums.join(offered, how="outer").reindex(sums.index.union(offered.index).union(names.index)).fillna(0)
    rows = rows.astype("int64").rename_axis("township_id").reset_index()
    rows["name"] = rows["township_id"].map(names).fillna(rows["township_id"])
    out = gpd.GeoDataFrame(rows, geometry=[shapes[i] for i in rows["township_id"]], crs=settlements.crs)
    lacks = out["people_short"] + (out["to_place_short"] if leaving is not None else 0) > 0
    is_unknown = out["unknown_settlements"] + (out["to_place_unknown"] if leaving is not None else 0) > 0
    out["state"] = np.select([lacks, is_unknown], ["short", "unknown"], "enough")
    ranked = _ranked(out, has_list=leaving is not None)
    spoken = with_reasons(ranked, lambda k: [_reasons(r, reach_min, k) for r in ranked.to_dict("records")], language)
    totals = {str(c): int(table[c].sum()) for c in table if c != "settlement_id"} | {
        "places": int(capacity.sum()),
        "shelters": len(capacity),
    }
    return Coverage(conform(spoken, "shelter_coverage"), totals, np.asarray(night - placed, dtype=np.int64))


def _placed(demand: NDArray[np.int64], capacity: NDArray[np.int64], pairs: Pairs) -> NDArray[np.int64]:
    flow = place_people(demand, capacity, pairs)
    return np.bincount(pairs.place, weights=flow, minlength=pairs.n_places).astype(np.int64)


def _is_near(pairs: Pairs) -> NDArray[np.bool_]:
    return np.isfinite(pairs.least())


def _grouped(
    settlements: gpd.GeoDataFrame, shelters: gpd.GeoDataFrame, townships: gpd.GeoDataFrame | None
) -> tuple[NDArray[Any], NDArray[Any], pd.Series[Any], dict[str, Any]]:
    """Return the township of each settlement and shelter, the names, and an outline of each township.

    Without borders a shelter belongs to the township of the nearest settlement.
    """
    homes = settlements.geometry.centroid
    if townships is not None and len(townships):
        of_settlement = townships_of(settlements.set_geometry(homes), townships)["township_id"]
        of_shelter = townships_of(shelters.set_geometry(shelters.geometry.centroid), townships)["township_id"]
        names = pd.Series(township_names(townships), index=township_ids(townships))
        shapes = dict(zip(names.index, townships.geometry, strict=True))
    else:
        given = settlements["township"] if "township" in settlements else pd.Series(pd.NA, index=settlements.index)
        of_settlement = given.astype("string").reset_index(drop=True).astype(object)
        of_settlement = of_settlement.where(of_settlement != "")
        of_shelter = pd.Series([None] * len(shelters), dtype=object)
        if len(homes):
            tree = shapely.STRtree(homes.to_numpy())
            nearest = tree.query_nearest(shelters.geometry.centroid.to_numpy(), all_matches=False)[1]
            of_shelter = of_settlement.iloc[nearest].reset_index(drop=True)
        names, shapes = pd.Series(dtype=object), {}
    left = of_settlement.fillna(OUTSIDE_ID).to_numpy(dtype=object)
    right = of_shelter.fillna(OUTSIDE_ID).to_numpy(dtype=object)
    everywhere = np.concatenate([homes.to_numpy(), shelters.geometry.centroid.to_numpy()])
    for name in sorted({*left, *right} - set(shapes)):
        mine = everywhere[np.concatenate([left, right]) == name]
        shapes[name] = shapely.buffer(shapely.convex_hull(shapely.multipoints(mine)), _HULL_M, quad_segs=4)
    return left, right, names, shapes


def _ranked(rows: gpd.GeoDataFrame, *, has_list: bool) -> gpd.GeoDataFrame:
    """Rank by people without a place, those on the list first; the unknown break ties before the id."""
    keys = [*(["to_place_short", "to_place_unknown"] if has_list else []), "people_short", "unknown_settlements"]
    order = rows.sort_values([*keys, "township_id"], ascending=[False] * len(keys) + [True], kind="stable")
    return order.assign(rank=np.arange(1, len(rows) + 1)).reset_index(drop=True)


def _reasons(row: dict[str, Any], reach_min: float, language: str) -> str:
    out = []
    if row["township_id"] == OUTSIDE_ID:
        out.append(said("outside", language))
    if not row["n_settlements"]:
        return joined([*out, said("no_settlement", language, places=row["places"])], language)
    if row["people"] or not row["unknown_settlements"]:
        out.append(said("night", language, people=row["people"], near=row["people_near"], reach=reach_min,
                        safe=row["people_near_safe"]))  # fmt: skip
        known = "_known" if row["unknown_settlements"] else ""
        key = "night_short" if row["people_short"] else f"night_enough{known}"
    else:
        key = "night_none_known"
    out.append(said(key, language, placed=row["people_placed"], short=row["people_short"], places=row["places"]))
    if row.get("to_place"):
        known = "_known" if row["to_place_unknown"] else ""
        key = "list_short" if row["to_place_short"] else f"list_enough{known}"
        out.append(said(key, language, people=row["to_place"], placed=row["to_place_placed"],
                        short=row["to_place_short"]))  # fmt: skip
    if row.get("to_place_unknown"):
        out.append(said("list_unknown", language, n=row["to_place_unknown"]))
    if row["people_off_network"]:
        out.append(said("off_network", language, people=row["people_off_network"]))
    if row["unknown_settlements"]:
        out.append(said("unknown", language, n=row["unknown_settlements"], far=row["unknown_not_near"]))
    return joined(out, language)
