"""The town's hollows in the order in which they fill, what they spill into, and where storage would help most."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.schemas import conform
from geo_risk.products.wording import note, say, with_reasons


def pond_cascade(table: gpd.GeoDataFrame, *, language: str = "zh") -> gpd.GeoDataFrame:
    """Return the frame `pond_cascade`: those that spill first come first, then the fullest.

    Parameters
    ----------
    table : points with pond_id, site_ids, name (missing where no site lies in it), volume_m3, catchment_m2, fill_share
        (missing: its rain is not known), first_spill_h (missing where it never spills), spills_into (pond_id; missing:
        out of the town), spilled_m3,
        added_m3 and saved_m3 as `hazards.flood.cascade.StorageValue` has them.
    """
    frame = table.assign(saved_share=np.where(table["added_m3"] > 0, table["saved_m3"] / table["added_m3"], np.nan))
    frame = frame.sort_values(["first_spill_h", "fill_share", "pond_id"], ascending=[True, False, True], kind="stable")
    frame = frame.reset_index(drop=True)
    frame["rank"] = np.arange(1, len(frame) + 1)
    named = frame.set_index("pond_id")["name"].fillna("")
    rows = list(frame.itertuples())

    def words(row: Any, lang: str) -> str:
        if np.isnan(row.fill_share):
            return say("pond_unknown", lang, volume=row.volume_m3)
        if np.isnan(row.first_spill_h):
            return say("pond_holds", lang, share=row.fill_share, volume=row.volume_m3)
        into = "" if pd.isna(row.spills_into) else " ".join(t for t in (row.spills_into, named[row.spills_into]) if t)
        said = say("pond_spills" if into else "pond_spills_out", lang, hours=row.first_spill_h, spilled=row.spilled_m3,
                   into=into)  # fmt: skip
        if row.saved_m3 >= 1:
            said += say("pond_storage", lang, added=row.added_m3, saved=row.saved_m3, share=row.saved_share)
        return said

    told = with_reasons(frame, lambda lang: [words(row, lang) for row in rows], language)
    return conform(told, "pond_cascade")


def cascade_facts(frame: gpd.GeoDataFrame, *, lets_in: bool = False) -> dict[str, Any]:
    """Return counts, notes and the method for the report.

    Parameters
    ----------
    lets_in : whether the town's run takes in water from around it, which the cascade does not.
    """
    spilling = frame[frame["first_spill_h"].notna()]
    notes = [note("info", f"{len(spilling)} of {len(frame)} hollows of the town fill and spill in this storm.",
                  f"本次降雨中 {len(frame)} 处洼地有 {len(spilling)} 处蓄满外溢。")]  # fmt: skip
    best = frame.sort_values(["saved_m3", "pond_id"], ascending=[False, True], kind="stable").head(1)
    for row in best.itertuples():
        if row.saved_m3 >= 1:
            notes.append(note(
                "info", f"Storage helps most in {row.pond_id}: {row.added_m3:.0f} m3 there keep {row.saved_m3:.0f} m3 "
                "from the sites below.",
                f"滞蓄效益最大处为 {row.pond_id}：滞蓄 {row.added_m3:.0f} 立方米"
                f"可使下游点位少积水 {row.saved_m3:.0f} 立方米。",
            ))  # fmt: skip
    if len(spilling) and not (frame["saved_m3"] >= 1).any():
        notes.append(note(
            "info", "Storage in any one hollow would keep nothing from the sites below in this storm: they fill from "
            "their own catchments.", "本次降雨下任一洼地滞蓄均不能减少下游点位积水：其自身汇水已足以蓄满。",
        ))  # fmt: skip
    if lets_in:
        notes.append(note(
            "warning", "The cascade holds the rain on the town alone, not the water from around it that the town's run "
            "lets in: hollows may fill earlier, and one that is said to hold may not.",
            "洼地级联仅计城区降雨，不含周边来水：洼地可能更早蓄满，判为未满者不代表安全。",
        ))  # fmt: skip
    method = {
        "name": "Cascade of hollows in time",
        "citation": "Balstrøm & Crawford 2018: bluespots that fill and spill",
        "validity": "water goes from hollow to hollow without delay and stays on D8 ways; drains and pumps at their "
        "shares; the 2-D run has the way between them",
    }
    counts = {"hollows": len(frame), "hollows_spilling": len(spilling)}
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [method]}
