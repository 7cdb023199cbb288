"""What slopes, run-out and water add to the risk of line sections, and which of them nobody monitors."""

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
from geo_risk.core.levels import classify, combine_levels
from geo_risk.core.schemas import conform
from geo_risk.products.line_decks import Crossings, in_tunnels, on_decks
from geo_risk.products.params import RiskParams
from geo_risk.products.wording import joined, level_word, share_word

LAYERS = ("hazard_landslide", "hazard_runout", "depth_max_m")
"""Layers that sections are laid on."""

CAUSES = ("ground_settlement", "risk_zone", "slope", "runout", "flood")
"""What may give a section its level."""

_ROAD_ALONE = 1
"""Vulnerability of a road, as of a zone in which nothing but a road stands."""

_AT_ONCE = 200

_SAID: Mapping[str, tuple[str, str]] = {
    "slope": ("{share} on ground of landslide hazard {level} or more.",
              "{share} 位于滑坡危险性{level}及以上的地面。"),
    "runout": ("Run-out reaches {share} of it (hazard {level}).",
               "滑坡、泥石流运动可达其 {share}（危险性{level}）。"),
    "flood": ("Under up to {depth:.2f} m of water.", "最大积水深度 {depth:.2f} 米。"),
    "below_deck": ("On a bridge ({ids}): up to {depth:.2f} m of water below its deck.",
                   "位于桥梁（{ids}）：桥下最大水深 {depth:.2f} 米。"),
    "deck_height": ("How high the deck stands is not given, and more than {clear:.1f} m of water is below it: whether "
                    "it stays dry is unknown.", "桥面净空未知且桥下水深超过 {clear:.1f} 米：桥面是否过水未知。"),
    "tunnel": ("{share} of it inside a tunnel: slopes, run-out and water above do not count there; its portals do.",
               "其中 {share} 位于隧道内：洞内不计地面斜坡、滑动堆积和积水，洞口照计。"),
    "slope_unknown": ("Slopes unknown for {share} of it.", "{share} 的斜坡危险性未知。"),
    "runout_unknown": ("Run-out unknown for {share} of it.", "{share} 的运动影响未知。"),
    "flood_unknown": ("Water unknown for {share} of it.", "{share} 的积水深度未知。"),
    "slope_missing": ("Slopes were not judged in this run.", "本次运行未评价斜坡。"),
    "runout_missing": ("Run-out was not followed in this run.", "本次运行未推算运动影响。"),
    "flood_missing": ("Water was not computed in this run.", "本次运行未计算积水。"),
    "monitored": ("Monitored at {ids} within {distance:.0f} m.", "{distance:.0f} 米内有监测点 {ids}。"),
    "unmonitored": ("Nobody monitors a hazard point within {distance:.0f} m of it.",
                    "{distance:.0f} 米内无落实监测人的隐患点。"),
    "monitoring_unknown": ("Whether it is monitored is unknown: no monitors are recorded.",
                           "台账未记录监测人：是否有监测未知。"),
}  # fmt: skip


def ground_of(
    sections: gpd.GeoDataFrame, layers: Mapping[str, xr.DataArray], *, params: RiskParams,
    crossed: Crossings | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return what lies along each section, at points half a cell apart.

    Parameters
    ----------
    sections : lines in the CRS of the layers. layers : (y, x) by the names of `LAYERS`, each optional, lazy: only the
        blocks along the lines are read. params : zone_min_level, line_deck_m, line_deck_clear_m.
    crossed : decks and tunnels of the sections (`line_decks.crossings`). On a deck only water above its free height
        counts, and water is unknown where the height is and more than `line_deck_clear_m` stands below it; nothing
        counts inside a tunnel.

    Returns
    -------
    By row: slope_share (of at least `zone_min_level`), slope_level, runout_share, runout_level, depth_max_m, and
    slope_unknown, runout_unknown, flood_unknown (shares; ground off the map is unknown). NaN and level -1 without
    the layer; a level is the highest that is known, 0 where none is. below_deck_m is the deepest water below a deck,
    deck_unknown whether a deck of unknown height may stand under it, tunnel_share the share inside tunnels, bridge_ids
    the bridges, joined by commas.
    """
    found_ = Crossings.none() if crossed is None else crossed
    n = len(sections)
    out = pd.DataFrame({
        "slope_share": np.nan, "runout_share": np.nan, "depth_max_m": np.nan, "slope_unknown": np.nan,
        "runout_unknown": np.nan, "flood_unknown": np.nan, "below_deck_m": np.nan, "tunnel_share": 0.0,
        "deck_unknown": False, "slope_level": np.int8(-1), "runout_level": np.int8(-1),
    }, index=range(n))  # fmt: skip
    names: dict[int, list[str]] = {}
    for section, bridge in zip(found_.deck_section.tolist(), found_.bridge_id.tolist(), strict=True):
        names.setdefault(section, []).append(str(bridge))
    out["bridge_ids"] = [",".join(sorted(set(names.get(k, [])) - {""})) for k in range(n)]
    lines = sections.geometry.to_numpy()
    for name in (k for k in LAYERS if k in layers):
        layer = layers[name]
        grid = grid_of(layer)
        least = params.zone_min_level if name == "hazard_landslide" else 1
        rows: list[tuple[float, float, float]] = []
        for start in range(0, n, _AT_ONCE):
            some = lines[start : start + _AT_ONCE]
            count = np.maximum(2, np.ceil(shapely.length(some) / (grid.resolution_m / 2))).astype(np.int64)
            line = np.repeat(np.arange(len(some)), count)
            at = (np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[line]
            points = shapely.get_coordinates(shapely.line_interpolate_point(some[line], at, normalized=True))
            y, x, inside = grid.index(points[:, 0], points[:, 1])
            found = layer.isel(y=xr.DataArray(y, dims="point"), x=xr.DataArray(x, dims="point")).to_numpy()
            values = np.where(inside, found.astype(np.float64), np.nan)
            spots = shapely.points(points)
            hidden = in_tunnels(found_, line + start, spots)
            values = np.where(hidden, 0.0, values)
            out.loc[start : start + len(some) - 1, "tunnel_share"] = (
                np.bincount(line, weights=hidden, minlength=len(some)) / count
            )
            if name == "depth_max_m":
                deck, clear = on_decks(found_, line + start, spots, deck_m=params.line_deck_m)
                deepest = np.full(len(some), -np.inf)
                np.maximum.at(deepest, line[deck], np.nan_to_num(values[deck], nan=-np.inf))
                out.loc[start : start + len(some) - 1, "below_deck_m"] = np.where(np.isfinite(deepest), deepest, np.nan)
                hides = deck & np.isnan(clear) & (values > params.line_deck_clear_m)
                out.loc[start : start + len(some) - 1, "deck_unknown"] = np.bincount(line, hides, len(some)) > 0
                values = np.where(deck, _above_deck(values, clear, params.line_deck_clear_m), values)
            rows += _summed(values, line, count, least)
        table = np.array(rows, dtype=np.float64).reshape(-1, 3)
        if name == "depth_max_m":
            out["depth_max_m"], out["flood_unknown"] = table[:, 1], table[:, 2]
            continue
        kind = "slope" if name == "hazard_landslide" else "runout"
        out[f"{kind}_share"], out[f"{kind}_unknown"] = table[:, 0], table[:, 2]
        out[f"{kind}_level"] = np.nan_to_num(table[:, 1], nan=0.0).astype(np.int8)
    return out


def _above_deck(
    depth_m: NDArray[np.float64], clear_m: NDArray[np.float64], passes_m: float
) -> NDArray[np.float64]:  # fmt: skip
    """Return the water above decks of a free height; of an unknown one 0 up to what passes below, else NaN."""
    unknown = np.where(depth_m <= passes_m, 0.0, np.nan)
    return np.where(np.isnan(clear_m), unknown, np.maximum(depth_m - clear_m, 0.0))


def _summed(
    values: NDArray[np.float64], line: NDArray[np.int64], count: NDArray[np.int64], least: float
) -> list[tuple[float, float, float]]:
    """Return of each line the share of at least `least`, the highest known value, and the unknown share."""
    known = values >= 0
    highest = np.full(len(count), -np.inf)
    np.maximum.at(highest, line[known], values[known])
    high = np.bincount(line, weights=values >= least, minlength=len(count)) / count
    lost = np.bincount(line, weights=~known, minlength=len(count)) / count
    best = np.where(np.isfinite(highest), highest, np.nan)
    return list(zip(high.tolist(), best.tolist(), lost.tolist(), strict=True))


def with_ground(
    risk: gpd.GeoDataFrame, ground: pd.DataFrame, *, params: RiskParams, unknown_max: float, language: str = "zh"
) -> gpd.GeoDataFrame:
    """Return `linear_risk` with slopes, run-out and water in its level, cause by cause; no level falls by it.

    Parameters
    ----------
    risk : `linear_risk` by settlement and zones. ground : of `ground_of`, row by row.
    params : risk_matrix (a line has the vulnerability 1), line_depths_m.
    unknown_max : largest share of a section whose slopes, run-out or water may be unknown; above, none and low become
        unknown. A layer that was not given at all is told, and changes no level: the zones speak of it.
    """
    out = risk.reset_index(drop=True).drop(columns=[c for c in ground if c in risk]).join(ground)
    row = np.array([0, *(line[_ROAD_ALONE - 1] for line in params.risk_matrix)], dtype=np.int8)
    hazards = {
        "slope": ground["slope_level"].to_numpy(dtype=np.int64), "runout": ground["runout_level"].to_numpy(np.int64),
        "flood": classify(ground["depth_max_m"].to_numpy(dtype=np.float64), params.line_depths_m).astype(np.int64),
    }  # fmt: skip
    levels = {"ground_settlement": out["settlement_level"].to_numpy(dtype=np.int8),
              "risk_zone": risk["risk_level"].to_numpy(dtype=np.int8)}  # fmt: skip
    for name, hazard in hazards.items():
        lost = ground[f"{name}_unknown"].to_numpy()
        if name == "flood" and "deck_unknown" in ground:  # however short the deck is: water may stand on it
            lost = np.where(ground["deck_unknown"].to_numpy(dtype=bool), 1.0, lost)
        if np.isnan(lost).all():
            continue  # the layer was not given: the words say so
        known = row[hazard.clip(0)]
        levels[name] = combine_levels(known, np.where(lost <= unknown_max, 0, -1)) if len(known) else known
    level = combine_levels(*levels.values()) if len(out) else np.zeros(0, np.int8)
    before = out["needs_monitoring"].to_numpy(dtype=object)
    out["needs_monitoring"] = np.where((level >= 1) | (before == "yes"), "yes", np.where(level < 0, "unknown", "no"))
    crosses = (out["exposed_zone_ids"].astype("string").fillna("") != "").to_numpy(dtype=bool)
    levels["risk_zone"] = np.where(crosses, levels["risk_zone"], 0)  # that level holds the settlement too
    out["causes"] = [",".join(name for name, v in levels.items() if v[k] >= 1) for k in range(len(out))]
    out["risk_level"] = level
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        out[column] = [joined([r.reasons_zh if k == "zh" else r.reasons_en, *_words(r, params, k)], k)
                       for r in out.itertuples()]  # fmt: skip
    made: gpd.GeoDataFrame = conform(out, "linear_risk")
    return made


def _words(row: Any, params: RiskParams, language: str) -> list[str]:
    k = int(language == "zh")
    told: list[tuple[str, dict[str, Any]]] = []
    if row.slope_share > 0:
        told.append(("slope", {"share": row.slope_share, "level": level_word(params.zone_min_level, language)}))
    if row.runout_share > 0:
        told.append(("runout", {"share": row.runout_share, "level": level_word(row.runout_level, language)}))
    if row.below_deck_m > 0:
        told.append(("below_deck", {"depth": row.below_deck_m, "ids": row.bridge_ids}))
    if row.deck_unknown:
        told.append(("deck_height", {"clear": params.line_deck_clear_m}))
    if row.tunnel_share > 0:
        told.append(("tunnel", {"share": row.tunnel_share}))
    if row.depth_max_m >= params.line_depths_m[0]:
        told.append(("flood", {"depth": row.depth_max_m}))
    told += [(f"{n}_unknown", {"share": getattr(row, f"{n}_unknown")}) for n in ("slope", "runout", "flood")
             if getattr(row, f"{n}_unknown") >= 0.005]  # fmt: skip
    told += [(f"{n}_missing", {}) for n in ("slope", "runout", "flood") if np.isnan(getattr(row, f"{n}_unknown"))]
    worded = [(key, {n: share_word(v, language) if n == "share" else v for n, v in vs.items()}) for key, vs in told]
    return [_SAID[key][k].format(**values) for key, values in worded]


def with_monitoring(
    risk: gpd.GeoDataFrame, points: gpd.GeoDataFrame | None, *, params: RiskParams, language: str = "zh"
) -> gpd.GeoDataFrame:
    """Return `linear_risk` with monitored_by and lacks_monitoring.

    Parameters
    ----------
    points : `hazard_points`; those not cancelled that name a `monitor` count as monitored. None, or points of which
        none names one: whether a section is monitored is unknown.
    params : line_monitor_m, within which a monitored point speaks for a section.

    Returns
    -------
    lacks_monitoring : "yes" where monitoring is needed and none is near, "no" where it is near or not needed, else
        "unknown".
    """
    out = risk.reset_index(drop=True)
    names = [""] * len(out)
    watched = _watched(points)
    is_known = watched is not None and len(watched) > 0
    if watched is not None and len(watched) and len(out):
        tree = shapely.STRtree(watched.geometry.to_numpy())
        section, point = tree.query(out.geometry.to_numpy(), predicate="dwithin", distance=params.line_monitor_m)
        near_by: dict[int, set[str]] = {}
        for k, i in zip(section.tolist(), watched["point_id"].astype(str).to_numpy()[point].tolist(), strict=True):
            near_by.setdefault(k, set()).add(i)
        names = [",".join(sorted(near_by.get(k, ()))) for k in range(len(out))]
    is_near = np.array([bool(n) for n in names], dtype=bool)
    needs = out["needs_monitoring"].to_numpy(dtype=object)
    lacks = np.where(is_near | (needs == "no"), "no", np.where((needs == "yes") & is_known, "yes", "unknown"))
    out = out.assign(monitored_by=names, lacks_monitoring=lacks)
    said: list[tuple[str, dict[str, Any]] | None] = []
    for ids, need in zip(names, needs, strict=True):
        if ids:
            said.append(("monitored", {"ids": ids}))
        elif need == "no":
            said.append(None)
        else:
            said.append(("unmonitored" if is_known else "monitoring_unknown", {}))
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        which = int(k == "zh")
        words = ["" if s is None else _SAID[s[0]][which].format(distance=params.line_monitor_m, **s[1]) for s in said]
        out[column] = [joined([r, w], k) for r, w in zip(out[column], words, strict=True)]
    made: gpd.GeoDataFrame = conform(out, "linear_risk")
    return made


def _watched(points: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    """Return the points not cancelled that name a monitor; None where that is not known."""
    if points is None or not len(points) or "monitor" not in points:
        return None
    has = (points["monitor"].astype("string").str.strip().fillna("") != "").to_numpy(dtype=bool)
    return points[has & (points["status"] != "cancelled").to_numpy(dtype=bool)]
