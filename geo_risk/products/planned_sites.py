"""What speaks against a planned site: zones, slopes, motion, run-out, water, mining licences, and what is unknown.

The verdict is the gravest that holds: `avoid`, `restrict`, `survey` (too much is unknown), `none_found`. There is no
verdict "suitable": nothing found on known ground is the best that can be said, and unknown ground is never that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid, grid_of
from geo_risk.core.levels import Level, combine_levels
from geo_risk.core.schemas import conform
from geo_risk.exposure.zonal import Coverage, cell_coverage, overlaps
from geo_risk.products.params import RiskParams
from geo_risk.products.wording import joined, level_word, share_word, with_reasons

VERDICTS = ("avoid", "restrict", "survey", "none_found")
"""From the gravest down."""

LAYERS = ("hazard_landslide", "hazard_flood", "activity", "hazard_runout", "depth_max_m")
"""Layers that a site is laid on; one that is not given makes the whole site unknown."""

_SAID: Mapping[str, tuple[str, str]] = {
    "avoid": ("Avoid.", "不宜建设。"),
    "restrict": ("Build only after treatment or with restrictions.", "须治理或限制条件后建设。"),
    "survey": ("Survey first: too much is unknown, which is not suitable.", "须先勘查：未知部分过多，不等于适宜。"),
    "none_found": ("Nothing was found against it on known ground; this replaces no assessment on site.",
                   "已知范围内未发现不利因素；不能代替现场评估。"),
    "zones": ("{share} of it lies in risk zones ({ids}), the highest hazard {level}.",
              "{share} 位于风险区（{ids}），最高危险性{level}。"),
    "no_zone": ("In no risk zone.", "不在风险区内。"),
    "no_zones": ("Risk zones were not made.", "未划定风险区。"),
    "slopes": ("{share} on ground of landslide hazard {level} or more.",
               "{share} 的地面滑坡危险性为{level}及以上。"),
    "floods": ("{share} on ground of flood hazard {level} or more.", "{share} 的地面洪涝危险性为{level}及以上。"),
    "moves": ("{share} of its ground moves.", "{share} 的地面存在形变。"),
    "hit": ("Run-out reaches {share} of it.", "滑坡、泥石流运动可达其 {share}。"),
    "near": ("Run-out ends {distance:.0f} m away.", "距运动影响范围 {distance:.0f} 米。"),
    "far": ("No run-out that was followed comes nearer than {distance:.0f} m.",
            "已推算的运动路径均不近于 {distance:.0f} 米。"),
    "wet": ("{share} under water of the storm, at most {depth:.2f} m.",
            "暴雨积水覆盖 {share}，最深 {depth:.2f} 米。"),
    "licences": ("{share} over the mining licences {ids}.", "{share} 位于采矿权 {ids} 范围内。"),
    "lost_licences": ("{n} mining licences could not be read: whether it lies over one of them is unknown.",
                      "有 {n} 个采矿权图形无法读取：是否压覆未知。"),
    "no_licences": ("Mining licences were not given.", "未提供采矿权资料。"),
    "unknown": ("Unknown for {share} of it: {what}.", "{share} 未知：{what}。"),
    "outside": ("{share} lies outside the map.", "{share} 在计算范围之外。"),
}  # fmt: skip
_NAMES: Mapping[str, tuple[str, str]] = {
    "hazard_landslide": ("landslide hazard", "滑坡危险性"), "hazard_flood": ("flood hazard", "洪涝危险性"),
    "activity": ("motion", "形变"), "hazard_runout": ("run-out", "运动影响"),
    "depth_max_m": ("water depth", "积水深度"),
}  # fmt: skip


@dataclass(frozen=True)
class SiteGround:
    """What planned sites are laid on, each part optional, in the CRS of the run.

    Attributes
    ----------
    layers : (y, x) by the names of `LAYERS`, lazy, on one grid.
    zones : `risk_zones`. licences : mining licences with licence_id.
    lost_licences : licences that could not be read: whether a site lies over one of them is unknown.
    """

    layers: Mapping[str, xr.DataArray] = field(default_factory=dict)
    zones: gpd.GeoDataFrame | None = None
    licences: gpd.GeoDataFrame | None = None
    lost_licences: int = 0


def planned_sites(
    sites: gpd.GeoDataFrame, ground: SiteGround, grid: Grid, *, params: RiskParams, language: str = "zh"
) -> gpd.GeoDataFrame:
    """Return a risk statement of each site: the frame `planned_sites`, the gravest first.

    Parameters
    ----------
    sites : polygons with site_id, name, use (the last two may be missing), in the CRS of the grid.
    ground : layers and frames that are looked up. grid : of the run.
    params : zone_min_level; site_setback_m, site_lookout_m, site_depths_m, site_unknown_max.
    language : of `reasons`; both languages stand beside it.

    Returns
    -------
    hazard_level: the highest of the zones and of the ground from `zone_min_level` on, risk_level: that of the zones;
    unknown, also of more than `site_unknown_max` of the site, beats none and low.
    Shares of the site's area: zone_share, susceptible_share (landslide hazard of at least `zone_min_level`),
    moving_share, runout_share, flooded_share (from the first of `site_depths_m`), licence_share; unknown_share, where
    any of the layers is unknown, not given, or the site lies outside; NaN where the layer was not given.
    runout_distance_m is missing where no run-out that was followed ends within `site_lookout_m`.

    Raises
    ------
    GridError : a layer is on another grid. CrsError : frames are in another CRS.
    """
    if not len(sites):
        return conform(gpd.GeoDataFrame({"site_id": []}, geometry=[], crs=grid.crs), "planned_sites")
    given = sites.reset_index(drop=True)
    out = gpd.GeoDataFrame(
        {"site_id": given["site_id"].astype(str), **{c: given.get(c, pd.NA) for c in ("name", "use")},
         "area_m2": given.area},
        geometry=given.geometry.to_numpy(), crs=given.crs,
    )  # fmt: skip
    out = out.join(_of_layers(out, ground.layers, grid, params)).join(_of_zones(out, ground.zones))
    out = out.join(_of_licences(out, ground.licences, ground.lost_licences))
    hidden = np.where(~(out["unknown_share"] <= params.site_unknown_max), Level.UNKNOWN, Level.NONE).astype(np.int8)
    out["hazard_level"] = combine_levels(out["zone_hazard"], out["ground_hazard"], hidden)
    out["risk_level"] = combine_levels(out["risk_level"], hidden)
    out["verdict"] = _verdicts(out, params)
    out = with_reasons(out, lambda k: [_reasons(row, ground, params, k) for row in out.itertuples()], language)
    grave = out["verdict"].map({v: k for k, v in enumerate(VERDICTS)})
    level = out["hazard_level"].astype(float).replace(float(Level.UNKNOWN), 1.5)
    order = np.lexsort((out["site_id"], -out["unknown_share"], -out["runout_share"].fillna(1.0), -level, grave))
    ranked = out.iloc[order].reset_index(drop=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    return conform(
        ranked.drop(columns=["zone_hazard", "ground_hazard", "unknown_of", "flood_hazard_share"]), "planned_sites"
    )


def _of_layers(
    sites: gpd.GeoDataFrame, layers: Mapping[str, xr.DataArray], grid: Grid, params: RiskParams
) -> pd.DataFrame:
    coverage = cell_coverage(sites, grid)
    whole = coverage.n_cells
    inside = coverage.sums(np.ones(len(coverage.cell)))
    out = pd.DataFrame(index=sites.index)
    unknown = np.zeros(len(coverage.cell), dtype=bool)
    out["ground_hazard"] = np.int8(Level.NONE)
    said: list[list[str]] = [[] for _ in range(len(sites))]
    for name in LAYERS:
        if name not in layers:
            unknown[:] = True
            _add(said, np.ones(len(sites), dtype=bool), name)
            continue
        values = _on_grid(layers[name], coverage)
        lost = np.isnan(values) if name == "depth_max_m" else ~(values >= 0)
        unknown |= lost
        _add(said, coverage.sums(lost) > 0, name)
        reached = {
            "hazard_landslide": ("susceptible_share", values >= params.zone_min_level),
            "hazard_flood": ("flood_hazard_share", values >= params.zone_min_level),
            "activity": ("moving_share", values > 0), "hazard_runout": ("runout_share", values > 0),
            "depth_max_m": ("flooded_share", values >= params.site_depths_m[0]),
        }.get(name)  # fmt: skip
        if reached is not None:
            out[reached[0]] = (coverage.sums(reached[1]) / whole).clip(0, 1)
        if name in ("hazard_landslide", "hazard_flood"):
            highest = np.nan_to_num(_highest(np.where(lost, np.nan, values), coverage), nan=0.0)
            counted = np.where(highest >= params.zone_min_level, highest, Level.NONE)
            out["ground_hazard"] = np.maximum(out["ground_hazard"], counted.astype(np.int8))
        if name == "depth_max_m":
            out["depth_max_m"] = _highest(values, coverage)
    for column in ("susceptible_share", "flood_hazard_share", "moving_share", "runout_share", "flooded_share",
                   "depth_max_m"):  # fmt: skip
        if column not in out:
            out[column] = np.nan
    out["beyond_map_share"] = (1 - inside / whole).clip(0, 1).round(6)
    missing = 1.0 if len(layers) < len(LAYERS) else 0.0
    out["unknown_share"] = np.maximum((coverage.sums(unknown) / whole + out["beyond_map_share"]).clip(0, 1), missing)
    out["unknown_of"] = said
    out["runout_distance_m"] = _distance(sites, layers.get("hazard_runout"), params.site_lookout_m)
    return out


def _on_grid(layer: xr.DataArray, coverage: Coverage) -> NDArray[Any]:
    if grid_of(layer) != coverage.grid:
        what = f"layer {str(layer.name)!r} is not on the run grid"
        raise GridError(what, where=str(layer.name), fix="bring it onto the run grid in geo_risk.sources")
    return coverage.values(layer.data)


def _add(said: list[list[str]], rows: NDArray[np.bool_], name: str) -> None:
    for k in np.flatnonzero(rows).tolist():
        said[k].append(name)


def _highest(values: NDArray[Any], coverage: Coverage) -> NDArray[np.float64]:
    """Return the greatest known value of each polygon, NaN where none is known."""
    out = np.full(len(coverage.n_cells), -np.inf)
    known = ~np.isnan(values)
    np.maximum.at(out, coverage.polygon[known], values[known].astype(np.float64))
    return np.where(np.isfinite(out), out, np.nan)


def _distance(sites: gpd.GeoDataFrame, runout: xr.DataArray | None, lookout_m: float) -> NDArray[np.float64]:
    """Return the distance to the nearest cell that run-out reaches, 0 inside, NaN where none is within `lookout_m`."""
    out = np.full(len(sites), np.nan)
    if runout is None:
        return out
    grid = grid_of(runout)
    t, size = grid.transform, grid.resolution_m
    for k, site in enumerate(sites.geometry):
        window = grid.window(site.bounds, margin_m=lookout_m)
        if window is None:
            continue
        rows, columns = np.nonzero(np.asarray(runout.data[window]) > 0)
        if not len(rows):
            continue
        x, y = t.c + size * (columns + window[1].start), t.f - size * (rows + window[0].start)
        nearest = float(shapely.distance(site, shapely.box(x, y - size, x + size, y)).min())
        out[k] = nearest if nearest <= lookout_m else np.nan
    return out


def _of_zones(sites: gpd.GeoDataFrame, zones: gpd.GeoDataFrame | None) -> pd.DataFrame:
    out = pd.DataFrame({"zone_hazard": np.int8(Level.NONE), "risk_level": np.int8(Level.NONE), "zone_ids": "",
                        "zone_share": 0.0}, index=sites.index)  # fmt: skip
    if zones is None:
        unknown = np.int8(Level.UNKNOWN)
        return out.assign(zone_hazard=unknown, risk_level=unknown, zone_share=np.nan)
    pairs = overlaps(sites, zones)
    for k, group in pairs.groupby("feature"):
        some = zones.iloc[group["zone"].to_numpy()]
        for column, source in (("zone_hazard", "hazard_level"), ("risk_level", "risk_level")):
            out.loc[k, column] = _worst(some[source].to_numpy())
        out.loc[k, "zone_ids"] = ",".join(sorted(some["zone_id"].astype(str)))
        covered = shapely.union_all(shapely.intersection(some.geometry.to_numpy(), sites.geometry.iloc[k]))
        out.loc[k, "zone_share"] = min(1.0, covered.area / sites.geometry.iloc[k].area)
    return out


def _worst(levels: NDArray[Any]) -> int:
    """Return the highest level, where unknown beats none and low."""
    return int(combine_levels(*[levels[i : i + 1] for i in range(len(levels))])[0])


def _of_licences(sites: gpd.GeoDataFrame, licences: gpd.GeoDataFrame | None, lost: int) -> pd.DataFrame:
    out = pd.DataFrame({"licence_ids": "", "licence_share": 0.0}, index=sites.index)
    if licences is None:
        return out.assign(licence_share=np.nan)
    for k, group in overlaps(sites, licences).groupby("feature"):
        some = licences.iloc[group["zone"].to_numpy()]
        out.loc[k, "licence_ids"] = ",".join(sorted(some["licence_id"].astype(str)))
        covered = shapely.union_all(shapely.intersection(some.geometry.to_numpy(), sites.geometry.iloc[k]))
        out.loc[k, "licence_share"] = min(1.0, covered.area / sites.geometry.iloc[k].area)
    if lost:
        out["licence_share"] = out["licence_share"].mask(out["licence_share"] == 0)
    return out


def _verdicts(sites: pd.DataFrame, params: RiskParams) -> NDArray[Any]:
    some, deep = params.site_depths_m
    avoid = (sites["zone_hazard"] >= Level.HIGH) | (sites["runout_share"] > 0) | (sites["depth_max_m"] >= deep)
    restrict = (
        (sites["zone_hazard"] >= Level.LOW) | (sites["susceptible_share"] > 0) | (sites["moving_share"] > 0)
        | (sites["flood_hazard_share"] > 0)
        | (sites["depth_max_m"] >= some) | (sites["runout_distance_m"] <= params.site_setback_m)
        | (sites["licence_share"] > 0)
    )  # fmt: skip
    known = (sites["unknown_share"] <= params.site_unknown_max) & sites["zone_share"].notna()
    known &= sites["licence_share"].notna() & (sites["zone_hazard"] >= Level.NONE)
    return np.asarray(np.select([avoid, restrict, ~known], VERDICTS[:3], default="none_found"))


def _reasons(row: Any, ground: SiteGround, params: RiskParams, language: str) -> str:
    k = int(language == "zh")
    told: list[tuple[str, dict[str, Any]]] = [(row.verdict, {})]
    if ground.zones is None:
        told.append(("no_zones", {}))
    elif row.zone_ids:
        level = level_word(row.zone_hazard, language)
        told.append(("zones", {"share": row.zone_share, "ids": row.zone_ids, "level": level}))
    else:
        told.append(("no_zone", {}))
    if row.susceptible_share > 0:
        level = level_word(params.zone_min_level, language)
        told.append(("slopes", {"share": row.susceptible_share, "level": level}))
    if row.flood_hazard_share > 0:
        level = level_word(params.zone_min_level, language)
        told.append(("floods", {"share": row.flood_hazard_share, "level": level}))
    if row.moving_share > 0:
        told.append(("moves", {"share": row.moving_share}))
    if row.runout_share > 0:
        told.append(("hit", {"share": row.runout_share}))
    elif not np.isnan(row.runout_distance_m):
        told.append(("near", {"distance": row.runout_distance_m}))
    elif "hazard_runout" in ground.layers:
        told.append(("far", {"distance": params.site_lookout_m}))
    if row.flooded_share > 0:
        told.append(("wet", {"share": row.flooded_share, "depth": row.depth_max_m}))
    if ground.licences is None:
        told.append(("no_licences", {}))
    elif row.licence_ids:
        told.append(("licences", {"share": row.licence_share, "ids": row.licence_ids}))
    if ground.lost_licences:
        told.append(("lost_licences", {"n": ground.lost_licences}))
    if row.unknown_share > 0:
        names = ("、" if k else ", ").join(_NAMES[n][k] for n in row.unknown_of)
        told.append(
            ("unknown", {"share": row.unknown_share, "what": names or _SAID["outside"][k].format(share="100%")})
        )
    if row.beyond_map_share > 0:
        told.append(("outside", {"share": row.beyond_map_share}))
    worded = [(key, {n: share_word(v, language) if n == "share" else v for n, v in vs.items()}) for key, vs in told]
    return joined([_SAID[key][k].format(**values) for key, values in worded], language)
