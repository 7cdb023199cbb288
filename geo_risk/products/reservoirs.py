"""The screening of reservoirs as people read it: one row each with reasons, the worst first, unknown never last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from geo_risk.products.wording import joined, note, say

COLUMNS = ("reservoir_id", "name", "status", "hazard_level", "volume_m3", "dam_height_m", "peak_m3_s", "path_km",
           "leaves_map", "settlements", "settlements_unknown", "people", "first_settlement_id", "first_arrival_h",
           "depth_max_m", "reasons")  # fmt: skip


def reservoir_rows(
    given: pd.DataFrame, found: pd.DataFrame, settlements: pd.DataFrame, *, has_settlements: bool, language: str = "zh"
) -> pd.DataFrame:
    """Return the rows of the list `reservoir_screening`.

    Parameters
    ----------
    given : reservoir_id, name, volume_m3, dam_height_m. found : as `hazards.flood.dam_break.screen` makes it, in the
        same order. settlements : settlement_id. has_settlements : without them who is hit is unknown.

    Returns
    -------
    One row a reservoir as COLUMNS: the highest level first, then those of unknown level, then levels below medium.
    """
    ids = settlements["settlement_id"].astype(str).to_list() if len(settlements) else []
    first = [ids[int(k)] if 0 <= int(k) < len(ids) else "" for k in found["first_settlement"]]
    rows = given[["reservoir_id", "name", "volume_m3", "dam_height_m"]].join(found.drop(columns="first_settlement"))
    rows = rows.assign(first_settlement_id=first)
    if not has_settlements:
        rows = rows.assign(settlements=np.nan, settlements_unknown=np.nan, people=np.nan, hazard_level=-1)
    rows["reasons"] = [_reasons(row, language, has_settlements=has_settlements) for row in rows.to_dict("records")]
    rank = rows["hazard_level"].map({4: 0, 3: 1, 2: 2, -1: 3, 1: 4, 0: 5})
    ordered = rows.assign(rank=rank, more=-rows["people"].fillna(np.inf))
    return ordered.sort_values(["rank", "more", "reservoir_id"], kind="stable")[list(COLUMNS)].reset_index(drop=True)


def _reasons(row: dict[Any, Any], language: str, *, has_settlements: bool) -> str:
    told = []
    if row["status"] == "off_stream":
        told.append(say("dam_off_stream", language))
    elif row["status"] == "unknown":
        told.append(say("dam_unknown", language))
        if has_settlements:
            told.append(say("dam_unknown_below", language, n=int(row["settlements"])))
    else:
        told.append(say("dam_peak", language, peak=row["peak_m3_s"], km=row["path_km"]))
        if not has_settlements:
            told.append(say("dam_no_settlements", language))
        elif int(row["settlements"]):
            told.append(say("dam_hits", language, n=int(row["settlements"]), depth=row["depth_max_m"],
                            first=row["first_settlement_id"], hours=row["first_arrival_h"]))  # fmt: skip
        else:
            told.append(say("dam_hits_none", language))
        if has_settlements and int(row["settlements_unknown"]):
            told.append(say("dam_above_curve", language, n=int(row["settlements_unknown"])))
        if row["leaves_map"]:
            told.append(say("dam_leaves_map", language))
    return joined(told, language)


def reservoir_notes(given: pd.DataFrame, found: pd.DataFrame, *, has_settlements: bool) -> list[dict[str, str]]:
    """Return the notes of the report: how many were screened, and which are unknown."""
    n = int((found["status"] == "screened").sum())
    notes = [note("info", f"{n} of {len(found)} reservoirs were screened for a dam break.",
                  f"{len(found)} 座水库（淤地坝）中已筛查溃坝影响 {n} 座。")]  # fmt: skip
    words = {"unknown": ("volume or dam height is not given: unknown, not safe", "库容或坝高未知，不等于安全"),
             "off_stream": ("river the DEM does not show: unknown, not safe", "附近无河道，不等于安全")}  # fmt: skip
    for status, (english, zh) in words.items():
        ids = given.loc[(found["status"] == status).to_numpy(), "reservoir_id"].astype(str).tolist()
        if ids:
            more = f" ... ({len(ids)})" if len(ids) > 20 else ""
            notes.append(note("warning", f"Reservoirs whose {english}: {', '.join(ids[:20])}{more}.",
                              f"{zh}：{'、'.join(ids[:20])}{more}。"))  # fmt: skip
    if not has_settlements:
        notes.append(note("warning", "Without settlements nobody can tell who a dam break would reach.",
                          "未提供居民点，无法判断溃坝影响对象。"))  # fmt: skip
    return notes
