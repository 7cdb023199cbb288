"""Shelters that can be used, and why the others cannot."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.sentence import Sentence, chinese
from geo_risk.exposure.zonal import overlaps


def usable_shelters(
    shelters: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame | None,
    *,
    max_level: int,
    ground_level: NDArray[np.int8] | None = None,
    waters: gpd.GeoDataFrame | None = None,
    deep_chance: tuple[NDArray[np.float64], float] | None = None,
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Return the shelters that may take people, with whole capacities, and each other one with the reason.

    Parameters
    ----------
    shelters : points (or polygons) with shelter_id and capacity [people].
    zones : risk zones with hazard_level and zone_id in the same CRS; None where there are none.
    max_level : a shelter that touches a zone of a higher hazard level, or of an unknown one, is not used.
    ground_level : highest hazard or warning level of each shelter's own ground, -1 unknown; a higher level than
        `max_level` is not used either, an unknown one is and is marked. None: not looked at.
    deep_chance : probability of deep water on each shelter's ground, NaN unknown, and the one from which a shelter is
        not used. None: not looked at.
    waters : polygons of rivers and lakes with `water_id`; a shelter that touches one is not used. None: not looked at.

    Returns
    -------
    (usable, excluded) : usable has `capacity` as int64 and `ground_is_known` (True where it was not looked at);
        excluded are {"id", "reason"}.
    """
    out = shelters.copy()
    capacity = pd.to_numeric(out["capacity"], errors="coerce").astype("float64")
    reasons: list[list[str]] = [[] for _ in range(len(out))]
    for bad, reason in (
        (capacity == 0, Sentence("capacity is 0", "容量为 0")),
        (
            capacity.isna() | ~np.isfinite(capacity),
            Sentence("capacity is unknown or not a number", "容量未知或不是数字"),
        ),
        (capacity < 0, Sentence("capacity is negative", "容量为负")),
    ):
        for i in np.flatnonzero(bad).tolist():
            reasons[i].append(reason)
    if zones is not None and len(zones):
        worst = _worst_zone(out, zones)
        harmful = (worst["level"] > max_level) | (worst["level"] == -1)
        for row in worst[harmful].itertuples():
            english = "unknown hazard" if row.level == -1 else f"hazard level {row.level}"
            grade = "未知" if row.level == -1 else f"等级为 {row.level}（0–4 级，4 最高）"
            at: Any = row.Index
            reasons[at].append(Sentence(f"stands in zone {row.zone_id} of {english}",
                                               f"位于风险区 {row.zone_id}，危险性{grade}"))  # fmt: skip
    if ground_level is not None:
        for i in np.flatnonzero(np.asarray(ground_level) > max_level).tolist():
            level = int(ground_level[i])
            reasons[i].append(Sentence(f"its ground has hazard or warning level {level} of 0-4",
                                       f"所在地面危险性或预警等级为 {level}（0–4 级，4 最高）"))  # fmt: skip
    if deep_chance is not None:
        chance, least = deep_chance
        for i in np.flatnonzero(chance >= least).tolist():
            reasons[i].append(Sentence(f"deep water on its ground is {chance[i]:.0%} likely",
                                       f"所在地面出现深水的概率为 {chance[i]:.0%}"))  # fmt: skip
    if waters is not None and len(waters):
        found, which = waters.sindex.query(out.geometry, predicate="intersects")
        for i in np.unique(found).tolist():
            ids = sorted(waters["water_id"].astype(str).iloc[which[found == i]])
            reasons[i].append(Sentence(f"stands in the water of {', '.join(ids)}", f"位于水域 {'、'.join(ids)} 范围内"))
    excluded = [
        {"id": str(i), "reason": f"shelter not used: {'; '.join(r)}",
         "reason_zh": f"安置点不启用：{'；'.join(map(chinese, r))}"}
        for i, r in zip(out["shelter_id"], reasons, strict=True)
        if r
    ]  # fmt: skip
    out["ground_is_known"] = True if ground_level is None else np.asarray(ground_level) >= 0
    kept = out[[not r for r in reasons]].copy()
    kept["capacity"] = np.floor(capacity[kept.index]).astype("int64")
    return kept.reset_index(drop=True), excluded


def _worst_zone(shelters: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return level and zone_id of the worst zone each shelter touches, by position; unknown counts as the worst."""
    pairs = overlaps(shelters, zones)
    pairs["level"] = zones["hazard_level"].to_numpy()[pairs["zone"]].astype(int)
    pairs["zone_id"] = zones["zone_id"].astype(str).to_numpy()[pairs["zone"]]
    pairs["severity"] = pairs["level"].where(pairs["level"] >= 0, 9)
    ordered = pairs.sort_values(["feature", "severity", "zone_id"], ascending=[True, False, True])
    return ordered.drop_duplicates("feature").set_index("feature")[["level", "zone_id"]]
