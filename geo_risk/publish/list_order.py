"""The order of the rows of each list: the gravest first, unknown before low."""

from __future__ import annotations

import pandas as pd

from geo_risk.core.schemas import SCHEMAS

_SORT = {"hazard_points": "hazard_level", "risk_zones": "risk_level", "mining_clues": "outside_share",
         "linear_risk": "risk_level", "structures": "hazard_level", "subsidence_zones": "subsidence_level",
         "runout_zones": "risk_level", "runout_hits": "energy_j_kg", "warnings": "warning_level",
         "warning_gaps": "warning_level"}  # fmt: skip
_THEN = {"linear_risk": "differential_settlement_mm_yr_per_m", "structures": "speed_mm_yr",
         "mining_clues": "max_subsidence_mm_yr", "subsidence_zones": "volume_loss_m3_yr",
         "runout_zones": "people"}  # fmt: skip
"""What parts rows of one level: the larger first, unknown last."""
_AS_MADE = frozenset({"exposure", "sinking_ponds", "underground_entrances", "waterlogging_owners",
                      "waterlogging_verification", "waterlogging_ledger_proposals", "waterlogging_allocation",
                      "stock_needs", "downstream_places"})  # fmt: skip
"""Lists in the order of their frames, which begin with the gravest."""

_BY_PRIORITY = frozenset({"hazard_points", "risk_zones"})
"""Lists in the order of `priority_rank`, which holds what the level and the people say, unknown above low."""


def list_order(frame: pd.DataFrame, name: str) -> list[int]:
    """Return the positions of a frame's rows in the order of its list.

    Ranked frames go by rank, some as they were made; others by level or size, unknown before low (unknown is not
    safe), then by id.
    """
    out = pd.DataFrame(frame).reset_index(drop=True)
    if "rank" in SCHEMAS[name].columns:
        return [int(i) for i in out.sort_values("rank", kind="stable").index]
    if name in _AS_MADE:
        return list(range(len(out)))
    if name in _BY_PRIORITY and "priority_rank" in out:
        return [int(i) for i in out.sort_values("priority_rank", kind="stable").index]
    keys = pd.DataFrame(index=out.index)
    column = _SORT.get(name)
    if column is not None and column.endswith("_level"):
        keys["grave"] = -out[column].astype(float).replace(-1, 1.5)
    elif column is not None:
        keys["grave"] = -out[column].astype(float).abs().fillna(float("inf"))
    if name in _THEN:
        keys["then"] = -out[_THEN[name]].astype(float).abs().fillna(-1.0)
    keys["id"] = out[SCHEMAS[name].id or next(iter(SCHEMAS[name].columns))].astype(str)
    return [int(i) for i in keys.sort_values(list(keys.columns), kind="stable").index]
