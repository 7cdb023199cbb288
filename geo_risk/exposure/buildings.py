"""Buildings: to which settlement each belongs, and how much room it has."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.errors import CrsError
from geo_risk.core.sentence import Sentence
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.nearest import nearest_settlements
from geo_risk.exposure.structures import floor_area_m2

MAX_DISTANCE_M = 1000.0
"""A building without a settlement belongs to the nearest one within this distance."""


def assign_settlements(
    buildings: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the buildings with a settlement each where one can be told, and what was done in sentences.

    Parameters
    ----------
    buildings : polygons with building_id and, where known, settlement_id.
    settlements : points with settlement_id, in the same CRS.

    Returns
    -------
    A copy with settlement_id: as given where such a settlement exists, else the nearest within MAX_DISTANCE_M (of
    equally near ones that of the lower id), else missing.

    Raises
    ------
    CrsError : the two are in different CRS.
    """
    if buildings.crs != settlements.crs:
        what = f"buildings are in {buildings.crs}, settlements in {settlements.crs}"
        raise CrsError(what, where="buildings", fix="bring both into the run's CRS in geo_risk.sources")
    out = buildings.copy()
    notes: list[str] = []
    given = out["settlement_id"] if "settlement_id" in out else pd.Series(pd.NA, index=out.index)
    ids: pd.Series[Any] = given.astype("string")
    ids[~given.isin(set(settlements["settlement_id"]))] = pd.NA
    lost = ids.isna()
    if lost.any() and len(settlements):
        near = nearest_settlements(out.geometry[lost].centroid, settlements, max_distance_m=MAX_DISTANCE_M)
        rows = np.flatnonzero(lost.to_numpy())[near.place]
        ids.iloc[rows] = near.settlement_id
        farthest = near.distance_m.max(initial=0.0)
        notes.append(Sentence(
            f"{len(rows)} buildings without a settlement were given the nearest one (at most {farthest:.0f} m away)",
            f"{len(rows)} 栋房屋未注明居民点，归入最近居民点（最远 {farthest:.0f} 米）",
        ))  # fmt: skip
        if near.n_ties:
            notes.append(Sentence(
                f"of {near.n_ties} of them two settlements or more are equally near: "
                "they were given the one of the lower id",
                f"其中 {near.n_ties} 栋与两个以上居民点等距：归入编号较小者",
            ))  # fmt: skip
    if ids.isna().any():
        notes.append(Sentence(
            f"{int(ids.isna().sum())} buildings belong to no settlement: who lives in them is unknown",
            f"{int(ids.isna().sum())} 栋房屋不属于任何居民点：居住人数未知",
        ))  # fmt: skip
    return out.assign(settlement_id=ids), notes


def dwelling_weights(buildings: gpd.GeoDataFrame) -> pd.Series[Any]:
    """Return the share of residents each dwelling draws: its households, else its floor area [m2].

    Households count in a settlement only where every dwelling of it has a number and some number is above 0;
    floors that are missing or not above 0 count as one. Which buildings are dwellings says `uses.use_classes`.
    """
    room = pd.Series(floor_area_m2(buildings), index=buildings.index)
    return _usable_households(buildings).where(counted_by_households(buildings), room).astype("float64")


def counted_by_households(buildings: gpd.GeoDataFrame) -> pd.Series[Any]:
    """Tell which buildings draw people by households, as `dwelling_weights` says; the others do by floor area."""
    usable = _usable_households(buildings)
    by_settlement = usable.groupby(buildings["settlement_id"].fillna(""))
    return by_settlement.transform("count").eq(by_settlement.transform("size")) & by_settlement.transform("sum").gt(0)


def _usable_households(buildings: gpd.GeoDataFrame) -> pd.Series[Any]:
    households = numbers(buildings, "households")
    return households.where(households >= 0)
