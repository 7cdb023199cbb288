"""Hollows that grow as ground sinks, as people read of them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.products.wording import note, say, with_reasons


def sinking_ponds(found: gpd.GeoDataFrame, *, season_yr: float, language: str = "zh") -> gpd.GeoDataFrame:
    """Return growing hollows as the frame `sinking_ponds`, the greatest growth first.

    Parameters
    ----------
    found : body_id, kind, the columns of `hazards.flood.sinking.Growth`, polygons of the ground under water then. A
        hollow that the windows of two bodies hold is told once, from the window where it holds most.
    season_yr : time until then, for the words.
    """
    frame = found.assign(growth_m3=found["volume_next_m3"] - found["volume_now_m3"], area_next_m2=found.geometry.area)
    at = frame.geometry.representative_point()
    frame["pond_id"] = [f"SP-{x:.0f}-{y:.0f}" for x, y in zip(at.x, at.y, strict=True)]
    frame = frame.sort_values(["volume_next_m3", "body_id"], ascending=[False, True], kind="stable")
    frame = frame[~_doubled(frame)]
    frame = frame.sort_values(["growth_m3", "pond_id"], ascending=[False, True], kind="stable").reset_index(drop=True)

    def words(row: Any, lang: str) -> str:
        given = {"now": row.volume_now_m3, "then": row.volume_next_m3, "depth": row.depth_next_m, "years": season_yr,
                 "rate": row.rate_max_mm_yr, "before": row.depth_now_m}  # fmt: skip
        said = say("hollow_new" if row.depth_now_m < 0.1 else "hollow_grows", lang, **given)
        if row.known_share < 1:
            said += say("hollow_partly", lang, share=1 - row.known_share)
        return said

    rows = list(frame.itertuples())
    told = with_reasons(frame, lambda lang: [words(row, lang) for row in rows], language)
    return conform(told, "sinking_ponds")


def _doubled(frame: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Whether most of a hollow lies in one that comes before it."""
    out = np.zeros(len(frame), dtype=bool)
    shapes = frame.geometry.to_numpy()
    tree = frame.sindex
    for k, shape in enumerate(shapes):
        before = [i for i in tree.query(shape, predicate="intersects") if i < k and not out[i]]
        out[k] = any(shape.intersection(shapes[i]).area > 0.5 * shape.area for i in before)
    return out


def sinking_facts(frame: gpd.GeoDataFrame, *, n_bodies: int, season_yr: float, dem_age_yr: float) -> dict[str, Any]:
    """Return counts, notes and the method for the report."""
    grown = float(frame["growth_m3"].sum())
    notes = [note(
        "info", f"Within {season_yr:g} years {len(frame)} hollows grow by {grown:,.0f} m3 "
        f"in {n_bodies} sinking bodies.",
        f"{season_yr:g} 年内，{n_bodies} 处沉降体中 {len(frame)} 处洼地增容 {grown:,.0f} 立方米。",
    )]  # fmt: skip
    if dem_age_yr == 0 and n_bodies:
        notes.append(note(
            "info", "The DEM counts as surveyed today. If it is older, write `flood.sinking.dem_age_yr`: ground has "
            "sunk since, and hollows of today are deeper than the DEM shows.",
            "按 DEM 为当前地形计算；若 DEM 较早，请填写 `flood.sinking.dem_age_yr`，否则现状洼地偏浅。",
        ))  # fmt: skip
    method = {
        "name": "Growth of hollows on sinking ground",
        "citation": "depressions of the DEM before and after sinking at the measured rate (priority flood)",
        "validity": "the rate of today goes on; no pumping, no filling up; hollows finer than the DEM are not seen",
    }
    counts = {"sinking_bodies": n_bodies, "growing_hollows": len(frame), "growth_m3": round(grown, 1)}
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [method]}
