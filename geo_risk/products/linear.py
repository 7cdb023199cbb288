"""Risk along roads, railways and dam crests: what is measured of a section, and the risk zones it crosses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, combine_levels
from geo_risk.core.schemas import conform
from geo_risk.hazards.deformation.lines.params import LineParams
from geo_risk.products.wording import LEFT_COURSE, joined

_SAID: Mapping[str, tuple[str, str]] = {
    "bends": ("Differential settlement of {slope:.3f} +- {error:.3f} mm/yr per m over {base:.0f} m at km {at:.2f}.",
              "K{at:.2f} 处 {base:.0f} 米基长差异沉降 {slope:.3f}±{error:.3f} 毫米/年/米。"),
    "limit": ("Angular distortion of 1/{now:.0f} built up while observed; 1/{limit:.0f} would be reached in "
              "{years:.0f} years at this rate (95 %: {low:.0f} to {high}).",
              "观测期内累计角变形约 1/{now:.0f}；"
              "按此速率约 {years:.0f} 年达到 1/{limit:.0f}（95 %：{low:.0f} 至 {high}）。"),
    "limit_from_zero": ("1/{limit:.0f} would be reached {years:.0f} years after an unbent start at this rate "
                        "(95 %: {low:.0f} to {high}).",
                        "按此速率自无变形起约 {years:.0f} 年达到 1/{limit:.0f}（95 %：{low:.0f} 至 {high}）。"),
    "far": ("1/{limit:.0f} is more than {most:.0f} years away at this rate.",
            "按此速率达到 1/{limit:.0f} 需 {most:.0f} 年以上。"),
    "sinks": ("Sinks {mean:.1f} +- {error:.1f} mm/yr in the mean, {worst:.1f} at most.",
              "平均沉降 {mean:.1f}±{error:.1f} 毫米/年，最大 {worst:.1f} 毫米/年。"),
    "quiet": ("No settlement beyond noise where it is seen; what is below {detectable:.3f} mm/yr per m stays hidden.",
              "可观测部分未见超出噪声的沉降；低于 {detectable:.3f} 毫米/年/米的差异沉降无法识别。"),
    "more": ("More than that may be hidden: what is below {detectable:.3f} mm/yr per m, or not seen, is unknown.",
             "可能存在更严重的沉降：低于 {detectable:.3f} 毫米/年/米或未观测到的部分未知。"),
    "unseen": ("Radar sees {share:.0%} of it: the rest is unknown, not safe.",
               "雷达仅能观测该段的 {share:.0%}：其余未知，不等于安全。"),
    "left": LEFT_COURSE,
    "blind": ("Radar sees nothing of it: settlement unknown.", "雷达观测不到该段：沉降未知。"),
    "noisy": ("Too noisy to tell: only {detectable:.3f} mm/yr per m or more would stand out.",
              "噪声过大无法判断：仅能识别 {detectable:.3f} 毫米/年/米以上的差异沉降。"),
    "los": ("One line of sight only: motion is assumed to be vertical.", "仅有单一视线向观测：假定形变为垂直方向。"),
    "mixed": ("In part from one line of sight, assumed to be vertical.", "部分仅有单一视线向观测，假定为垂直方向。"),
    "zones": ("Crosses {n} risk zones, the gravest of risk {risk}: {ids}.",
              "穿越 {n} 个风险区，最高风险等级 {risk}：{ids}。"),
    "zones_unknown": ("Crosses {n} risk zones of unknown risk: {ids}.", "穿越 {n} 个风险未知的风险区：{ids}。"),
    "bridged": ("Crosses {n} zones of water on bridges alone: {ids}.", "仅以桥梁跨越 {n} 个洪涝区：{ids}。"),
    "no_zone": ("Crosses no risk zone.", "未穿越风险区。"),
    "ground": ("The risk of the ground is unknown, not low, under {share:.0%} of it.",
               "其中 {share:.0%} 所在地面风险未知，不等于低风险。"),
    "no_zones": ("Risk zones were not made in this run: the level speaks of settlement only.",
                 "本次运行未划分风险区：等级仅反映沉降。"),
}  # fmt: skip
WATER_KINDS = ("flood", "waterlogging")
"""Kinds of zones over which a bridge leads."""

_FAR_YEARS = 100.0
_MANY = 5
_AT_ONCE = 200
"""Sections whose ground is looked up together, so that only the blocks along them are read."""


def unknown_ground(sections: gpd.GeoDataFrame, risk: xr.DataArray) -> NDArray[np.float64]:
    """Return the share (n,) of each section under which the risk of the ground is unknown.

    Parameters
    ----------
    sections : lines in the CRS of the layer.
    risk : `risk_level` (y, x), -1 unknown; lazy: only the blocks along the lines are read. Ground outside is unknown.
    """
    grid = grid_of(risk)
    out = np.ones(len(sections))
    lines = sections.geometry.to_numpy()
    for start in range(0, len(lines), _AT_ONCE):
        some = lines[start : start + _AT_ONCE]
        count = np.maximum(2, np.ceil(shapely.length(some) / (grid.resolution_m / 2))).astype(np.int64)
        line = np.repeat(np.arange(len(some)), count)
        at = (np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[line]
        points = shapely.get_coordinates(shapely.line_interpolate_point(some[line], at, normalized=True))
        rows, columns, inside = grid.index(points[:, 0], points[:, 1])
        level = risk.isel(y=xr.DataArray(rows, dims="point"), x=xr.DataArray(columns, dims="point")).to_numpy()
        unknown = ~(inside & (level >= Level.NONE))
        out[start : start + len(some)] = np.bincount(line, weights=unknown, minlength=len(some)) / count
    return out


def linear_risk(
    sections: gpd.GeoDataFrame, zones: gpd.GeoDataFrame | None, params: LineParams, *,
    unknown: NDArray[np.float64] | None = None, grounded: NDArray[Any] | None = None, language: str = "en",
) -> gpd.GeoDataFrame:  # fmt: skip
    """Join the measured sections with the risk zones that they cross.

    Parameters
    ----------
    sections : of `hazards.deformation.lines.sections.line_sections`.
    zones : `risk_zones` in the same CRS, or None where none were made.
    params : angular distortion that the years count to, for the words; how much of a section may lie on unknown ground.
    unknown : of `unknown_ground`, None where no risk of the ground was made.
    grounded : the sections without their decks (`line_decks.on_the_ground`), None where no bridges are known: a zone of
        water (`WATER_KINDS`) counts only where a section meets it on the ground.
    language : of `reasons`; reasons_zh and reasons_en are always there.

    Returns
    -------
    A frame that conforms to `linear_risk`, gravest first where it is listed. risk_level: the higher of the level of
    the settlement and the risk of the zones crossed, where unknown beats none and low: a zone of unknown risk, or
    ground of unknown risk under more than `maximum_unknown_share`, whether or not a zone is crossed. needs_monitoring:
    "yes" from level 1 on, and where the level is unknown but settlement was found or ground left its course;
    "unknown" where neither is known; else "no".
    """
    frame = sections.reset_index(drop=True)
    crossed, risk, bridged = _crossed(frame, zones, grounded)
    ground = np.zeros(len(frame)) if unknown is None else unknown
    # written so that a share that is missing is unknown too
    below = np.where(ground <= params.maximum_unknown_share, np.int8(0), np.int8(-1))
    level = combine_levels(frame["level"].to_numpy(), risk, below) if len(frame) else np.zeros(0, dtype=np.int8)
    found = frame["is_bending"].to_numpy(dtype=bool) | frame["is_sinking"].to_numpy(dtype=bool)
    found |= frame["off_course_share"].to_numpy() > 0
    needs = np.where((level >= 1) | ((level < 0) & found), "yes", np.where(level < 0, "unknown", "no"))
    rows = frame.drop(columns=["geometry"]).to_dict("records")
    reasons: dict[str, list[str]] = {"zh": [], "en": []}
    for row, ids, worst, share, over in zip(rows, crossed, risk, ground, bridged, strict=True):
        said = [*_motion(row, params.distortion_limit), *_zones(ids, int(worst), made=zones is not None)]
        if over:
            said.append(("bridged", {"n": len(over), "ids": _shown(over)}))
        if not share < 0.005:
            said.append(("ground", {"share": share}))
        for k, texts in reasons.items():
            texts.append(joined([_SAID[key][int(k == "zh")].format(**values) for key, values in said], k))
    out = frame.drop(columns=["level"]).assign(
        risk_level=level, settlement_level=frame["level"].astype("int8"), needs_monitoring=needs,
        exposed_zone_ids=[",".join(ids) for ids in crossed],
        reasons=reasons[language], reasons_zh=reasons["zh"], reasons_en=reasons["en"],
    )  # fmt: skip
    result: gpd.GeoDataFrame = conform(out, "linear_risk")
    return result


def worst_sections(risk: gpd.GeoDataFrame, n: int) -> gpd.GeoDataFrame:
    """Return the `n` gravest sections that settle beyond noise: by level of settlement, then by how much they bend."""
    moving = risk[risk["is_bending"].astype(bool) | risk["is_sinking"].astype(bool)]
    keys = pd.DataFrame({
        "level": -moving["settlement_level"].astype(float),
        "bend": -moving["differential_settlement_mm_yr_per_m"].where(moving["is_bending"].astype(bool)).fillna(0.0),
        "sink": moving["settlement_mean_mm_yr"].fillna(0.0), "id": moving["segment_id"],
    })  # fmt: skip
    out: gpd.GeoDataFrame = moving.loc[keys.sort_values(list(keys.columns)).index[:n]]
    return out


def _crossed(
    frame: gpd.GeoDataFrame, zones: gpd.GeoDataFrame | None, grounded: NDArray[Any] | None
) -> tuple[list[list[str]], Any, list[list[str]]]:
    """Return the ids of the zones that each section crosses, their highest risk (unknown beats none and low), and the
    ids of zones of water that it crosses on bridges alone.
    """  # fmt: skip
    ids: list[list[str]] = [[] for _ in range(len(frame))]
    bridged: list[list[str]] = [[] for _ in range(len(frame))]
    risk = np.zeros(len(frame), dtype=np.int8)
    if zones is None or not len(zones) or not len(frame):
        return ids, risk, bridged
    tree = shapely.STRtree(frame.geometry.to_numpy())
    shapes = zones.geometry.to_numpy()
    over_water = zones["kind"].isin(WATER_KINDS).to_numpy(dtype=bool) if "kind" in zones else np.zeros(len(zones), bool)
    of_zone, of_section = tree.query(shapes, predicate="intersects")
    for z, s in sorted(zip(of_zone.tolist(), of_section.tolist(), strict=True)):
        if over_water[z] and grounded is not None and not grounded[s].intersects(shapes[z]):
            bridged[s].append(str(zones["zone_id"].iloc[z]))
            continue
        ids[s].append(str(zones["zone_id"].iloc[z]))
        risk[s] = combine_levels(risk[s : s + 1], zones["risk_level"].to_numpy()[z : z + 1])[0]
    return ids, risk, bridged


def _motion(row: Mapping[str, Any], limit: float) -> list[tuple[str, dict[str, Any]]]:
    said: list[tuple[str, dict[str, Any]]] = []
    share, detectable = float(row["known_share"]), float(row["detectable_mm_yr_per_m"])
    if not row["n_cells"]:
        return [("blind", {})]
    if row["is_bending"]:
        said.append(("bends", {
            "slope": row["differential_settlement_mm_yr_per_m"], "error": row["differential_std_mm_yr_per_m"],
            "base": row["base_m"], "at": row["worst_km"],
        }))  # fmt: skip
        said.append(_limit(row, limit))
    if row["is_sinking"]:
        said.append(("sinks", {
            "mean": 0.0 - row["settlement_mean_mm_yr"], "error": row["settlement_mean_std_mm_yr"],
            "worst": 0.0 - row["settlement_worst_mm_yr"],
        }))  # fmt: skip
    if not said and np.isfinite(detectable):
        quiet = row["level"] >= 0 or share < 1 or row["off_course_share"] > 0
        said.append(("quiet" if quiet else "noisy", {"detectable": detectable}))
    elif said and row["level"] < 0 and np.isfinite(detectable):
        said.append(("more", {"detectable": detectable}))
    if share < 0.995:
        said.append(("unseen", {"share": share}))
    if row["off_course_share"] > 0:
        said.append(("left", {"share": row["off_course_share"]}))
    if row["vertical_source"] in ("los", "mixed"):
        said.append((str(row["vertical_source"]), {}))
    return said


def _limit(row: Mapping[str, Any], limit: float) -> tuple[str, dict[str, Any]]:
    years, high = float(row["years_to_limit"]), float(row["years_to_limit_high"])
    if not years <= _FAR_YEARS:
        return "far", {"limit": 1 / limit, "most": _FAR_YEARS}
    now = float(row["distortion_now"])
    return "limit" if now > 0 else "limit_from_zero", {
        "now": 1 / now if now > 0 else 0.0, "limit": 1 / limit, "years": years,
        "low": row["years_to_limit_low"], "high": f"{high:.0f}" if np.isfinite(high) else "∞",
    }  # fmt: skip


def _zones(ids: list[str], risk: int, *, made: bool) -> list[tuple[str, dict[str, Any]]]:
    if not made:
        return [("no_zones", {})]
    if not ids:
        return [("no_zone", {})]
    return [("zones_unknown" if risk < 0 else "zones", {"n": len(ids), "risk": risk, "ids": _shown(ids)})]


def _shown(ids: list[str]) -> str:
    return ", ".join(ids[:_MANY]) + (" ..." if len(ids) > _MANY else "")
