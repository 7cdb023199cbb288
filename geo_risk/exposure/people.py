"""Where a settlement's people live: spread over its buildings so that they add up exactly."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.sentence import Sentence
from geo_risk.exposure.buildings import assign_settlements, dwelling_weights

HOUSE_COLUMNS = ("house_id", "settlement_id", "people", "vulnerable_people", "households", "is_building")
"""Columns of the frame of houses."""


def apportion(total: float, weights: ArrayLike) -> NDArray[np.float64]:
    """Divide a whole number in proportion to weights into whole numbers that add up to it exactly.

    The largest remainders get the units that are left (Hamilton's method); among equal ones the first.

    Parameters
    ----------
    total : a whole number >= 0; NaN gives NaN everywhere (unknown stays unknown).
    weights : (n,) >= 0; all of them 0 counts as all equal.

    Raises
    ------
    DataError : total is negative or not whole, a weight is negative or NaN, or there is nothing to give to.
    """
    w = np.asarray(weights, dtype=np.float64)
    if np.isnan(total):
        return np.full(w.shape, np.nan)
    if not (total >= 0 and total == np.floor(total) and w.size and (w >= 0).all() and np.isfinite(w).all()):
        what = f"{total} cannot be divided by {w.size} weights from {w.min(initial=np.inf)} to {w.max(initial=0)}"
        raise DataError(what, where="people", fix="give whole numbers of people and weights >= 0")
    shares = total * (w / w.sum() if w.sum() > 0 else np.full(w.shape, 1 / w.size))
    out = np.floor(shares)
    left = int(total - out.sum())
    remainders = np.round(shares - out, 9)  # equal shares stay equal whatever the last bit says
    out[np.argsort(-remainders, kind="stable")[:left]] += 1
    return out


def clean_counts(settlements: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Return the settlements with usable numbers, and every number that was refused.

    `people`, `vulnerable_people`, `households` become float64 of whole numbers; missing, negative and non-numeric
    ones become NaN (unknown, never 0). More vulnerable people than people counts as unknown.

    Returns
    -------
    (settlements, remarks) : remarks are {"id", "reason"}; the rows stay in the list.
    """
    out, remarks = settlements.copy(), []
    for column in ("people", "vulnerable_people", "households"):
        given = out[column] if column in out else pd.Series(pd.NA, index=out.index)
        values = pd.to_numeric(given, errors="coerce").astype("float64")
        bad = given.notna() & ~(values >= 0) | np.isinf(values)
        for row in out.index[bad]:
            remarks.append({
                "id": str(out.loc[row, "settlement_id"]),
                "reason": f"{column} is {given[row]!r}, not a number >= 0: counts as unknown",
                "reason_zh": f"{column} 为 {given[row]!r}，不是非负数：按未知处理",
            })  # fmt: skip
        out[column] = values.where(~bad).round()
    too_many = out["vulnerable_people"] > out["people"]
    for row in out.index[too_many]:
        remarks.append({
            "id": str(out.loc[row, "settlement_id"]),
            "reason": "more vulnerable people than people: their number counts as unknown",
            "reason_zh": "重点人群人数大于总人口：重点人群按未知处理",
        })  # fmt: skip
    out.loc[too_many, "vulnerable_people"] = np.nan
    return out, remarks


def spread_people(
    settlements: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame | None, *, radius_m: float
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Spread each settlement's people over its buildings by dasymetric weights.

    Parameters
    ----------
    settlements : points with settlement_id, people, vulnerable_people, households as `clean_counts` leaves them.
    buildings : polygons with building_id, settlement_id, floors, households where known; None where there are none.
    radius_m : a settlement without buildings becomes one disc of this radius.

    Returns
    -------
    (houses, notes) : houses has HOUSE_COLUMNS and polygons in the CRS of the settlements. The sums over a
        settlement's houses equal its numbers exactly; where a number is unknown it is NaN in each house. Buildings of
        no settlement stand at the end of them, settlement_id missing and their numbers NaN: they are houses too.
    """
    frames: list[gpd.GeoDataFrame] = []
    notes: list[str] = []
    housed: set[str] = set()
    if buildings is not None and len(buildings):
        placed, notes = assign_settlements(buildings, settlements)
        owned = placed[placed["settlement_id"].notna()].sort_values("building_id", kind="stable")
        frames.append(_houses(owned, settlements))
        if len(owned) < len(placed):
            frames.append(_unowned(placed[placed["settlement_id"].isna()]))
        housed = set(owned["settlement_id"])
    lonely = settlements[~settlements["settlement_id"].isin(housed)]
    if len(lonely):
        frames.append(_discs(lonely, radius_m))
        notes.append(Sentence(
            f"{len(lonely)} settlements have no buildings; their people are spread over a disc of {radius_m:.0f} m "
            "radius", f"{len(lonely)} 个居民点无房屋数据，人口按半径 {radius_m:.0f} 米的圆分布",
        ))  # fmt: skip
    unknown = int(settlements["people"].isna().sum())
    if unknown:
        notes.append(Sentence(f"the population of {unknown} settlements is unknown; it is counted as unknown, not as 0",
                          f"{unknown} 个居民点人口未知：按未知统计，不作 0 处理"))  # fmt: skip
    if not frames:
        return gpd.GeoDataFrame(columns=[*HOUSE_COLUMNS, "geometry"], geometry="geometry", crs=settlements.crs), notes
    houses = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=settlements.crs)
    return houses, notes


def _houses(buildings: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    weights = dwelling_weights(buildings).to_numpy()
    out = gpd.GeoDataFrame(
        {
            "house_id": buildings["building_id"].astype("string").to_numpy(),
            "settlement_id": buildings["settlement_id"].astype("string").to_numpy(),
            "is_building": True,
        },
        geometry=buildings.geometry.to_numpy(),
        crs=buildings.crs,
    )
    totals = settlements.set_index("settlement_id")
    positions = out.groupby("settlement_id", sort=True).indices
    for column in ("people", "vulnerable_people", "households"):
        values = np.full(len(out), np.nan)
        for settlement, rows in positions.items():
            base = values_of(out, "people", rows) if column == "vulnerable_people" else weights[rows]
            values[rows] = apportion(totals.at[settlement, column], base)
        out[column] = values
    return out


def _unowned(buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return buildings that belong to no settlement as houses in which nobody knows who lives."""
    ids = buildings["building_id"].astype("string").sort_values(kind="stable")
    return gpd.GeoDataFrame(
        {
            "house_id": ids.to_numpy(),
            "settlement_id": pd.array([pd.NA] * len(ids), dtype="string"),
            "is_building": np.ones(len(ids), dtype=bool),
            **{c: np.full(len(ids), np.nan) for c in ("people", "vulnerable_people", "households")},
        },
        geometry=buildings.geometry.loc[ids.index].to_numpy(),
        crs=buildings.crs,
    )


def values_of(frame: pd.DataFrame, column: str, rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return a column at some rows, NaN as 0: weights for a further division."""
    known: NDArray[np.float64] = frame[column].to_numpy(dtype=np.float64)
    out: NDArray[np.float64] = np.nan_to_num(known[rows])
    return out


def _discs(settlements: gpd.GeoDataFrame, radius_m: float) -> gpd.GeoDataFrame:
    counts = {c: settlements[c].to_numpy(dtype=np.float64) for c in ("people", "vulnerable_people", "households")}
    return gpd.GeoDataFrame(
        {
            "house_id": ("disc-" + settlements["settlement_id"].astype("string")).to_numpy(),
            "settlement_id": settlements["settlement_id"].astype("string").to_numpy(),
            "is_building": False,
            **counts,
        },
        geometry=settlements.geometry.centroid.buffer(radius_m).to_numpy(),
        crs=settlements.crs,
    )
