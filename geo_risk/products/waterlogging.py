"""The waterlogging list: depth, cause, critical rain and rank of every site in plain words, and the ponds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.products.params import WaterloggingParams
from geo_risk.products.wording import with_reasons

_CLASSES = ("trunk", "primary", "secondary", "local", "none")

MEASURES = {
    "drain_undersized": "enlarge the drain or add inlets",
    "drain_blocked": "clean the drain and its outfall now, then measure its capacity",
    "pump_failed": "repair the pump; bring a mobile pump before the next rain",
    "inflow_from_upstream": "hold back or divert the water from upstream",
    "sag_without_outlet": "build an outlet or a pump sump; close the place when the critical rain is forecast",
    "unknown": "inspect the place in the next rain",
}
"""What usually helps, by cause."""

# text: (English, Chinese)
_CAUSE_WORDS = {
    "drain_undersized": ("its drains are too small for the rain that falls nearby", "排水设施能力不足以排除附近降雨"),
    "drain_blocked": ("depths reported in past storms show that its drain gives about {share:.0%} of its capacity",
                      "历次暴雨上报水深表明排水管道仅发挥约 {share:.0%} 的能力"),
    "pump_failed": ("depths reported in past storms show that its pump gives about {share:.0%} of its capacity",
                    "历次暴雨上报水深表明水泵仅发挥约 {share:.0%} 的能力"),
    "inflow_from_upstream": ("most of its water comes from more than {local:.0f} m upstream",
                             "积水主要来自上游 {local:.0f} 米以外"),
    "sag_without_outlet": ("it is a hollow without a drain or pump", "该处为无排水设施、无水泵的洼地"),
    "unknown": ("its cause is not known", "成因不明"),
}  # fmt: skip

_WORDS = {
    "no_depth": ("Depth unknown: the site lies beyond the town's terrain model. It is ranked as if water stood there.",
                 "水深未知：位于城区高程模型之外，按有积水参与排序。"),
    "dry": ("Stays below the first depth class in this storm ({depth:.2f} m).",
            "本次降雨水深低于最低分级（{depth:.2f} 米）。"),
    "deep": ("Water stands {depth:.2f} m deep", "积水深 {depth:.2f} 米"),
    "lasts": (", deeper than the first class for {hours:.1f} h", "，超过最低分级水深持续 {hours:.1f} 小时"),
    "cause": ("; {cause}.", "；{cause}。"),
    "begins": (" It begins at about {rain:.0f} mm in an hour.", "小时雨量约 {rain:.0f} 毫米时开始积水。"),
    "over_sill": (" The water is {over:.2f} m over the entrance's sill ({sill:.2f} m).",
                  "水面高出入口挡水坎 {over:.2f} 米（坎高 {sill:.2f} 米）。"),
    "below_sill": (" The water is {below:.2f} m below the entrance's sill ({sill:.2f} m).",
                   "水面低于入口挡水坎 {below:.2f} 米（坎高 {sill:.2f} 米）。"),
    "moved": (" The model's depth was moved by {moved:+.2f} m to fit depths reported before.",
              "模型水深已按历次上报水深修正 {moved:+.2f} 米。"),
    "new": (" It is not in the ledger.", "台账未登记。"),
}  # fmt: skip


def rank_sites(
    sites: gpd.GeoDataFrame,
    ponds: pd.DataFrame,
    devices: pd.DataFrame,
    *,
    params: WaterloggingParams,
    local_m: float,
    impervious_share: NDArray[np.float64] | None = None,
    language: str = "en",
) -> gpd.GeoDataFrame:
    """Rank the waterlogging sites.

    Parameters
    ----------
    sites : as `hazards.flood.sites.merge_ledger` returns them.
    ponds : as `hazards.flood.responses.responses` returns them, a row each site.
    devices : as `hazards.flood.devices.place_devices` returns them: device_id, kind, site_id.
    params : depth classes, weights, scales. local_m : what counts as nearby, for the words.
    impervious_share : (n,) of each site's surroundings; None where it is not known.
    language : "zh" or "en", of `reasons`.

    Returns
    -------
    The contract's `waterlogging` frame, with reasons_zh, reasons_en and score parts behind its columns; `measures` are
    English, and publishing translates them by its table. Detected places that stay below the
    first depth class are left out; ledger sites all stay. A site whose depth is unknown has class -1 and is ranked as
    if the water stood at `unknown_depth_m`: unknown is not safe.

    Raises
    ------
    SchemaError : a row breaks the contract.
    """
    frame = sites.merge(ponds, on="site_id", how="left", validate="one_to_one", suffixes=("_full", ""))
    frame = gpd.GeoDataFrame(frame, geometry="geometry", crs=sites.crs)
    if impervious_share is not None:
        frame["impervious_share"] = impervious_share
    keep = (frame["source"] != "detected") | ~(frame["depth_m"] < params.depth_classes_m[0])
    frame = frame[keep].reset_index(drop=True)
    frame["depth_class"] = depth_classes(frame["depth_m"].to_numpy(float), params)
    frame["cause"] = causes(frame, devices, params)
    frame["measures"] = [MEASURES[c] for c in frame["cause"]]
    parts = score_parts(frame, params)
    frame = frame.assign(**{f"score_{name}": values for name, values in parts.items()})
    frame["score"] = sum(parts.values(), start=np.zeros(len(frame)))
    frame = frame.sort_values(["score", "site_id"], ascending=[False, True], kind="stable").reset_index(drop=True)
    frame["rank"] = np.arange(1, len(frame) + 1)
    said = [_reason(row, local_m) for row in _rows(frame)]
    frame = with_reasons(frame, lambda k: [pair[int(k == "zh")] for pair in said], language)
    extra = [
        "reasons_zh",
        "reasons_en",
        "capacity_m3_s",
        "correction_m",
        "sill_height_m",
        *(f"score_{name}" for name in parts),
    ]
    columns = [c for c in _CONTRACT if c in frame] + extra + ["geometry"]
    return conform(frame[columns], "waterlogging")


_CONTRACT = (
    "rank", "site_id", "name", "kind", "source", "depth_m", "depth_class", "duration_h", "volume_m3", "catchment_m2",
    "impervious_share", "critical_rain_mm_h", "people", "traffic_class", "cause", "measures", "responsible", "score",
    "reasons",
)  # fmt: skip


def depth_classes(depth_m: NDArray[np.float64], params: WaterloggingParams) -> NDArray[np.int64]:
    """Class of each depth: 0 dry, then the profile's bounds in order; -1 where the depth is missing."""
    classes = np.searchsorted(np.asarray(params.depth_classes_m), depth_m, side="right").astype(np.int64)
    return np.where(np.isnan(depth_m), -1, classes)


def causes(frame: pd.DataFrame, devices: pd.DataFrame, params: WaterloggingParams) -> list[str]:
    """Infer why water stands at each site by what would have helped.

    A drain or pump that past depths show to be defective is the cause. A pond without any device is a sag without
    outlet. Else the greater help decides: without the water from upstream, or with a drain three times as large. Where
    nothing helps by `cause_min_m`, or the site stays dry or unknown, the cause is unknown.
    """
    pumped = set(devices.loc[devices["kind"] == "pump", "site_id"].dropna().astype(str))
    out = []
    for row in _rows(frame):
        if not row.depth_m >= params.depth_classes_m[0]:
            out.append("unknown")
        elif row.is_defect is True or row.is_defect == 1:
            out.append("pump_failed" if str(row.site_id) in pumped else "drain_blocked")
        elif not row.capacity_m3_s > 0:
            out.append("sag_without_outlet" if row.label > 0 else "unknown")
        else:
            out.append(_counterfactual(row, params))
    return out


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows as named tuples, of whatever types the columns have."""
    return iter(frame.itertuples())


def _counterfactual(row: Any, params: WaterloggingParams) -> str:
    by_upstream = float(row.depth_m - row.depth_local_m)
    by_drain = float(row.depth_m - row.depth_cleared_m)
    if not max(by_upstream, by_drain) >= params.cause_min_m:
        far = float(row.local_share) <= params.upstream_share_max
        return "unknown" if np.isnan(by_drain) else "inflow_from_upstream" if far else "drain_undersized"
    return "inflow_from_upstream" if by_upstream > by_drain else "drain_undersized"


def score_parts(frame: pd.DataFrame, params: WaterloggingParams) -> dict[str, NDArray[np.float64]]:
    """Weighted parts of the score, 0 to the weight each; their sum is the score, 0-1.

    depth : 1 - exp(-d / depth_scale_m). people : log10(1 + n) / 4, at most 1. traffic : trunk 1 to none 0.
    duration : 1 - exp(-t / 2 h). Missing people and duration count as the median of the known, missing depth as
    `unknown_depth_m`.
    """
    depth = frame["depth_m"].astype("float64").fillna(params.unknown_depth_m).to_numpy()
    people, hours = (_filled(frame[column]) for column in ("people", "duration_h"))
    traffic = frame["traffic_class"].map({c: 1 - k / 4 for k, c in enumerate(_CLASSES)}).fillna(0.0).to_numpy(float)
    raw = {
        "depth": 1 - np.exp(-depth / params.depth_scale_m),
        "people": np.minimum(np.log10(1 + people) / 4, 1.0),
        "traffic": traffic,
        "duration": 1 - np.exp(-hours / 2),
    }
    # what does not stand under water endangers nobody there: all parts go to 0 with the depth
    wet = np.minimum(depth / params.depth_classes_m[0], 1.0)
    weights = params.weights
    total = sum(weights.values())
    return {name: weights[name] / total * values * wet for name, values in raw.items()}


def _filled(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Return numbers with the missing ones as the median of the known, 0 where none is known."""
    known = pd.to_numeric(values).astype("float64")
    filled = known.fillna(known.median() if known.notna().any() else 0.0)
    return np.asarray(filled, dtype=np.float64)


def _reason(row: Any, local_m: float) -> tuple[str, str]:
    """Return why a site stands where it does, in English and in Chinese."""
    if np.isnan(row.depth_m):
        return _said([("no_depth", {})])
    if row.depth_class == 0:
        return _said([("dry", {"depth": row.depth_m})])
    words: list[tuple[str, dict[str, Any]]] = [("deep", {"depth": row.depth_m})]
    if row.duration_h > 0:
        words.append(("lasts", {"hours": row.duration_h}))
    cause = tuple(text.format(share=row.share, local=local_m) for text in _CAUSE_WORDS[row.cause])
    words.append(("cause", {"cause": cause}))
    if not np.isnan(row.critical_rain_mm_h):
        words.append(("begins", {"rain": row.critical_rain_mm_h}))
    if row.kind == "underground_space" and not pd.isna(row.sill_height_m):
        over = row.depth_m - row.sill_height_m
        words.append(("over_sill" if over > 0 else "below_sill", {"over": over, "below": -over,
                                                                  "sill": row.sill_height_m}))  # fmt: skip
    if abs(row.correction_m) >= 0.05:
        words.append(("moved", {"moved": row.correction_m}))
    if row.source == "detected":
        words.append(("new", {}))
    return _said(words)


def _said(words: list[tuple[str, dict[str, Any]]]) -> tuple[str, str]:
    """Return sentences filled with values, English and Chinese; a value that is a pair has one for each."""

    def text(k: int) -> str:
        return "".join(
            _WORDS[key][k].format(**{n: v[k] if isinstance(v, tuple) else v for n, v in values.items()})
            for key, values in words
        )

    return text(0), text(1)


def ponding(
    ranked: gpd.GeoDataFrame,
    labels: NDArray[np.integer[Any]],
    site_labels: pd.Series[int],
    depth_m: NDArray[np.floating[Any]],
    grid: Grid,
    params: WaterloggingParams,
) -> gpd.GeoDataFrame:
    """Water of each ranked site as polygons: the cells of its depression that are deeper than the first class.

    Parameters
    ----------
    ranked : as `rank_sites` returns it. labels : (y, x) depressions of the town. site_labels : label by site_id.
    depth_m : (y, x) greatest depth. grid : the town's.

    Returns
    -------
    The contract's `ponding` frame; of several sites in one depression the first in rank has the polygon.
    """
    wet = np.where(np.nan_to_num(depth_m, nan=0.0) >= params.depth_classes_m[0], labels, 0)
    shapes = polygons_of_labels(np.maximum(wet, 0), grid, connectivity=8)
    first = ranked.assign(label=ranked["site_id"].map(site_labels).to_numpy()).sort_values("rank")
    first = first[(first["label"] > 0) & (first["depth_class"] > 0)].drop_duplicates("label")
    joined = first.drop(columns="geometry").merge(shapes[["label", "geometry"]], on="label", how="inner")
    columns = ["rank", "site_id", "name", "kind", "source", "depth_m", "depth_class", "volume_m3", "catchment_m2",
               "reasons", "reasons_zh", "reasons_en", "geometry"]  # fmt: skip
    return conform(gpd.GeoDataFrame(joined[columns], geometry="geometry", crs=grid.crs), "ponding")


def surroundings_share(
    sites: gpd.GeoDataFrame, is_built: NDArray[np.floating[Any]], grid: Grid, *, radius_m: float
) -> NDArray[np.float64]:
    """Share of built-up ground in the square of half-width `radius_m` around each site; NaN beyond the grid.

    Parameters
    ----------
    sites : points. is_built : (y, x), > 0 where built-up, NaN where unknown. grid : of the array.
    """
    rows, columns, inside = grid.index(sites.geometry.x, sites.geometry.y)
    reach = max(1, round(radius_m / grid.resolution_m))
    out = np.full(len(sites), np.nan)
    for k in np.flatnonzero(inside):
        window = is_built[max(0, rows[k] - reach) : rows[k] + reach + 1,
                          max(0, columns[k] - reach) : columns[k] + reach + 1]  # fmt: skip
        known = np.isfinite(window)
        out[k] = float((window[known] > 0).mean()) if known.any() else np.nan
    return out
