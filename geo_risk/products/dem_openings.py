"""Bridges and culverts as people read of them: what the DEM held behind each, and what was cut."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd

from geo_risk.core.schemas import conform
from geo_risk.products.wording import note, say, with_reasons

_CITATION = "Lindsay & Dhun 2015: least-cost breaching"


def dem_openings_frame(table: pd.DataFrame, *, crs: str, language: str = "zh") -> gpd.GeoDataFrame:
    """Return the openings as the frame `dem_openings`, in their order.

    Parameters
    ----------
    table : as `terrain.conditioning.open_ground` makes it; `x`, `y` in `crs`.
    """
    shapes = gpd.points_from_xy(table["x"], table["y"], crs=crs)
    frame = gpd.GeoDataFrame(table.drop(columns=["x", "y", "hollows"]), geometry=shapes)
    said = table.rename(
        columns={"hollow_depth_m": "hollow", "cut_depth_m": "cut", "cut_volume_m3": "volume", "hollow_left_m": "left"}
    )
    given = said[["hollow", "cells", "cut", "volume", "left"]].to_dict("index")
    keys = [(f"opening_{result}", {str(k): v for k, v in given[i].items()}) for i, result in table["result"].items()]
    told = with_reasons(frame, lambda lang: [say(key, lang, **numbers) for key, numbers in keys], language)
    return conform(told, "dem_openings")


def dem_openings_facts(table: pd.DataFrame, quarantine: list[dict[str, Any]]) -> dict[str, Any]:
    """Return counts, notes and the method for the report."""
    counts = {str(k): int(n) for k, n in table["result"].value_counts().sort_index().items()}
    carved = table[table["result"] == "carved"]
    closed = counts.get("no_way", 0) + counts.get("too_deep", 0)
    cut = float(carved["cut_depth_m"].max()) if len(carved) else 0.0
    cells, volume, dammed = int(carved["cells"].sum()), float(carved["cut_volume_m3"].sum()), len(carved) + closed
    notes = [note(
        "info", f"The DEM dams water at {dammed} of {len(table)} bridges and culverts: {len(carved)} were opened "
        f"({cells} cells, cut by up to {cut:.1f} m, {volume:.0f} m3).",
        f"{len(table)} 处桥梁、涵洞中，DEM 在 {dammed} 处壅水：已开通 {len(carved)} 处"
        f"（{cells} 个格网，最深下切 {cut:.1f} 米，{volume:.0f} 立方米）。",
    )]  # fmt: skip
    if closed:
        ids = "、".join(table.loc[table["result"].isin(["no_way", "too_deep"]), "opening_id"].astype(str))
        notes.append(note(
            "warning", f"{closed} could not be opened: {ids}. In the model water stands behind them; check them.",
            f"{closed} 处未能开通：{ids}。模型中其上游仍壅水，请核查位置。",
        ))  # fmt: skip
    method = {
        "name": "DEM conditioning under bridges and in culverts", "citation": _CITATION,
        "validity": "openings that are missing in the inputs stay closed; those opened let all water pass, as if none "
        "were narrow or blocked",
    }  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": quarantine, "methods": [method]}
