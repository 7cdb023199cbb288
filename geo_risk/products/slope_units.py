"""The frame of slope units: mapping units between ridge and stream, with ids that stay and the reason of each."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.schemas import conform
from geo_risk.products.wording import note, with_reasons
from geo_risk.terrain.params import SlopeUnitParams
from geo_risk.terrain.slope_units import FLAT, UNKNOWN
from geo_risk.terrain.unit_table import Quality, unit_polygons, unit_table

_SECTORS_EN = ("north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest")
_SECTORS_ZH = ("北", "东北", "东", "东南", "南", "西南", "西", "西北")

METHOD = {
    "name": "Slope units: half basins refined by the circular variance of the aspect",
    "citation": "idea of Alvioli et al. (2016), Geosci. Model Dev. 9, 3975-3991; own implementation",
    "validity": "hilly ground; units are nested in half basins of a single flow direction and end at the map's edge",
}


def slope_unit_frame(
    labels: xr.DataArray, slope: xr.DataArray, aspect: xr.DataArray, *, params: SlopeUnitParams, language: str = "zh"
) -> tuple[gpd.GeoDataFrame, Quality]:
    """Return the slope units as the frame `slope_units`, and the quality of the division.

    Parameters
    ----------
    labels : (y, x) as `terrain.slope_units.slope_unit_labels` makes them.
    slope, aspect : (y, x), any angle unit.
    params : as the labels were made with.

    Returns
    -------
    Rows by rising label. The id holds the coordinates of the unit's first cell in metres: it is the same in any blocks,
    and on another map of the same cells while the unit is.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : a layer has no angle unit.
    """
    table, quality = unit_table(labels, slope, aspect, flat_slope_deg=params.flat_slope_deg)
    outlines = unit_polygons(labels).set_index("label").geometry
    numbers = table[["slope_mean_deg", "aspect_mean_deg", "circular_variance"]].round(4)
    frame = gpd.GeoDataFrame(
        {
            "slope_unit_id": [f"SU-{y:.0f}-{x:.0f}" for x, y in zip(table["x"], table["y"], strict=True)],
            "label": table["label"], "area_m2": table["area_m2"], **numbers,
            "is_whole": np.where(table["is_whole"], "yes", "no"),
        },
        geometry=outlines.reindex(table["label"]).to_list(), crs=outlines.crs,
    )  # fmt: skip
    said = with_reasons(frame, lambda lang: [_reason(row, params, lang) for row in frame.to_dict("records")], language)
    return conform(said, "slope_units"), quality


def _reason(row: dict[Any, Any], params: SlopeUnitParams, language: str) -> str:
    zh = language == "zh"
    facing, variance = row["aspect_mean_deg"], row["circular_variance"]
    sector = int(np.floor((facing + 22.5) / 45)) % 8
    area, slope = row["area_m2"] / 1e4, row["slope_mean_deg"]
    text = (
        f"坡向朝{_SECTORS_ZH[sector]}，{area:.1f} 公顷，平均坡度 {slope:.0f} 度，坡向圆方差 {variance:.2f}。" if zh
        else f"Faces {_SECTORS_EN[sector]}, {area:.1f} ha, mean slope {slope:.0f} degrees, circular variance of the "
        f"aspect {variance:.2f}."
    )  # fmt: skip
    if variance > params.circular_variance_max:
        text += "朝向不一，但已小于再分面积或其内无更细沟道。" if zh else (
            " Faces several ways, but is too small to divide further or holds no finer stream."
        )  # fmt: skip
    if row["is_whole"] == "no":
        text += "位于图幅边缘或缺测区旁，单元不完整。" if zh else (
            " Not whole: it touches the edge of the map or a gap."
        )  # fmt: skip
    return text


def slope_unit_facts(frame: gpd.GeoDataFrame, labels: xr.DataArray, quality: Quality) -> dict[str, Any]:
    """Return what the report says of slope units: how many, how good, and how much ground has none and why."""
    counted = {int(code): int((labels == code).sum()) for code in (FLAT, UNKNOWN)}
    flat, unknown = (counted[code] / labels.size for code in (FLAT, UNKNOWN))
    cut = int((frame["is_whole"] == "no").sum())
    area = float(frame["area_m2"].median()) / 1e4 if len(frame) else float("nan")
    said = note(
        "info" if len(frame) else "warning",
        f"{len(frame)} slope units, half of them above {area:.1f} ha; internal circular variance V = "
        f"{quality.internal:.3f}, Moran index of neighbours I = {quality.external:.3f} (both small is good). "
        f"{cut} units touch the edge of the map or a gap.",
        f"斜坡单元 {len(frame)} 个，面积中位数 {area:.1f} 公顷；单元内坡向圆方差 V = {quality.internal:.3f}，"
        f"相邻单元莫兰指数 I = {quality.external:.3f}（均以小为好）；{cut} 个位于图幅边缘或缺测区旁。",
    )
    notes = [said]
    if flat + unknown > 0:
        notes.append(note(
            "info",
            f"Without a slope unit: {flat:.1%} of the area is flat, {unknown:.1%} is without a height or drains off "
            "the map before it meets a stream. Neither is a statement of safety.",
            f"未划入斜坡单元：平地占 {flat:.1%}，无高程或未汇入沟道即流出图幅者占 {unknown:.1%}；均不代表安全。",
        ))  # fmt: skip
    counts = {"slope_units": len(frame), "slope_units_cut": cut, "cells_flat": counted[FLAT],
              "cells_without_unit": counted[UNKNOWN]}  # fmt: skip
    quality_facts = {"internal_variance_v": quality.internal, "external_moran_i": quality.external}
    clean = {k: (v if pd.notna(v) else None) for k, v in quality_facts.items()}
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [METHOD], "quality": clean}
