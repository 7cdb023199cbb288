"""Sill check of underground entrances: does the water stand over the sill, in the storm and by return period."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.core.water_schemas import SILL_STATES
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.wording import with_reasons

Array = NDArray[np.float64]

# text: (English, Chinese)
_WORDS = {
    "no_water": ("The water at it is unknown: it lies beyond the town's terrain model, or rain there is missing.",
                 "水深未知：位于城区高程模型之外，或该处降雨缺测。"),
    "no_sill": ("Water stands {water:.2f} m deep at it; the height of its sill is unknown: measure it.",
                "入口处积水深 {water:.2f} 米，挡水高度未知：请测量。"),
    "over_sill": ("Water stands {water:.2f} m deep, {margin:.2f} m over its sill of {sill:.2f} m.",
                  "入口处积水深 {water:.2f} 米，高出挡水坎（{sill:.2f} 米）{margin:.2f} 米。"),
    "near_sill": ("Water stands {water:.2f} m deep, only {margin:.2f} m below its sill of {sill:.2f} m.",
                  "入口处积水深 {water:.2f} 米，距挡水坎（{sill:.2f} 米）仅 {margin:.2f} 米。"),
    "below_sill": ("Water stands {water:.2f} m deep, {margin:.2f} m below its sill of {sill:.2f} m.",
                   "入口处积水深 {water:.2f} 米，低于挡水坎（{sill:.2f} 米）{margin:.2f} 米。"),
    "unsure": ("Water stands at least {water:.2f} m deep, {margin:.2f} m below its sill of {sill:.2f} m, but it was "
               "still rising when the run ended, or rain is missing: it is not known to stay below.",
               "入口处积水深至少 {water:.2f} 米，低于挡水坎（{sill:.2f} 米）{margin:.2f} 米，"
               "但模拟结束时仍在上涨或部分降雨缺测：不能认定不会漫过。"),
    "between": (" It is over the sill about once in {years:.0f} years.", "约 {years:.0f} 年一遇降雨漫过挡水坎。"),
    "at_most": (" It is over the sill once in {years:.0f} years or more often.",
                "{years:.0f} 年一遇或更常见降雨即漫过挡水坎。"),
    "more_than": (" It stays below the sill in every storm that was run, to {years:.0f} years.",
                  "已模拟的最大 {years:.0f} 年一遇降雨未漫过挡水坎。"),
}  # fmt: skip


def check_sills(
    entrances: gpd.GeoDataFrame,
    water_m: Array,
    by_years: dict[float, Array],
    params: WaterloggingParams,
    *,
    is_unsure: NDArray[np.bool_] | None = None,
    language: str = "en",
) -> gpd.GeoDataFrame:
    """Compare the water at every entrance with its sill.

    Parameters
    ----------
    entrances : points as `hazards.flood.entrances.place_entrances` returns them.
    water_m : (n,) depth at each in the storm [m], NaN unknown. by_years : the same by return period [yr], perhaps none.
    params : sill_margin_m. is_unsure : (n,) the water may get deeper than told: below the sill it is unknown then.

    Returns
    -------
    The frame `underground_entrances`, the gravest first. An entrance whose sill or water is unknown is "unknown", never
    safe. return_period_yr is that of the weakest storm whose water stands over the sill, straight in its logarithm
    between storms; return_period_bound as on the list of sites. water_{years}yr_m stand behind the schema's columns.
    """
    out = entrances[["space_id", "name", "people", "sill_height_m", "geometry"]].copy()
    sill = out["sill_height_m"].to_numpy(float)
    out["water_m"] = water_m
    out["margin_m"] = sill - water_m
    out["sill_state"] = np.select(
        [np.isnan(out["margin_m"]), out["margin_m"] < 0, out["margin_m"] < params.sill_margin_m],
        ["unknown", "over_sill", "near_sill"], "below_sill",
    )  # fmt: skip
    unsure = np.zeros(len(out), dtype=np.bool_) if is_unsure is None else is_unsure
    out["_unsure"] = unsure & (out["sill_state"] == "below_sill").to_numpy()
    out.loc[out["_unsure"], "sill_state"] = "unknown"
    years = np.array(sorted(by_years), dtype=np.float64)
    rarer = np.maximum.accumulate(np.array([by_years[y] for y in years]).reshape(years.size, len(out)), axis=0)
    periods = [_period(years, rarer[:, k], sill[k]) for k in range(len(out))]
    out["return_period_yr"] = np.array([p for p, _ in periods], dtype=np.float64)
    out["return_period_bound"] = [word for _, word in periods]
    for k, period in enumerate(years):
        out[f"water_{period:g}yr_m"] = rarer[k]
    order = out["sill_state"].map({s: k for k, s in enumerate(SILL_STATES)})
    out = out.assign(_order=order).sort_values(["_order", "margin_m", "space_id"], kind="stable").drop(columns="_order")
    out = out.reset_index(drop=True)
    strongest = float(years[-1]) if years.size else float("nan")
    said = [_reason(row, strongest) for row in out.to_dict("records")]
    out = out.drop(columns="_unsure")
    out = with_reasons(out, lambda k: [pair[int(k == "zh")] for pair in said], language)
    frame: gpd.GeoDataFrame = conform(out, "underground_entrances")
    return frame


def _period(years: Array, water: Array, sill: float) -> tuple[float, str]:
    if not years.size or np.isnan(water).any() or np.isnan(sill):
        return float("nan"), "unknown"
    over = water > sill
    if over[0]:
        return float(years[0]), "at_most"
    if not over.any():
        return float("nan"), "more_than"
    k = int(np.argmax(over))
    share = (sill - water[k - 1]) / (water[k] - water[k - 1])
    return float(np.exp(np.log(years[k - 1]) + share * (np.log(years[k]) - np.log(years[k - 1])))), "between"


def _reason(row: dict[str, Any], strongest: float) -> tuple[str, str]:
    """Return what is to be said of an entrance in English and in Chinese."""
    if pd.isna(row["water_m"]):
        keys = ["no_water"]
    elif pd.isna(row["sill_height_m"]):
        keys = ["no_sill"]
    else:
        keys = ["unsure" if row["_unsure"] else row["sill_state"]]
        keys += [row["return_period_bound"]] if row["return_period_bound"] != "unknown" else []
    years = strongest if row["return_period_bound"] == "more_than" else row["return_period_yr"]
    values = {"water": row["water_m"], "margin": abs(row["margin_m"]), "sill": row["sill_height_m"], "years": years}
    english, chinese = ("".join(_WORDS[key][k].format(**values) for key in keys) for k in (0, 1))
    return english, chinese
