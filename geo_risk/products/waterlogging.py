"""The waterlogging list: depth, cause, critical rain and rank of every site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.products.params import WaterloggingParams
from geo_risk.products.waterlogging_reasons import site_reason
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


def rank_sites(
    sites: gpd.GeoDataFrame,
    ponds: pd.DataFrame,
    devices: pd.DataFrame,
    *,
    params: WaterloggingParams,
    local_m: float,
    impervious_share: NDArray[np.float64] | None = None,
    more: Sequence[pd.DataFrame] = (),
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
    more : tables by site_id whose columns are told too: trigger rain, return periods and the like. A name of the
        contract among them fills it.
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
    for told in more:
        given = told.assign(site_id=told["site_id"].astype(str))
        frame = frame.merge(given, on="site_id", how="left", validate="one_to_one")
    told_columns = [c for told in more for c in told.columns if c != "site_id" and c not in _CONTRACT]
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
    said = [site_reason(row, local_m) for row in _rows(frame)]
    frame = with_reasons(frame, lambda k: [pair[int(k == "zh")] for pair in said], language)
    extra = [
        "reasons_zh",
        "reasons_en",
        "capacity_m3_s",
        "correction_m",
        "sill_height_m",
        *(f"score_{name}" for name in parts),
        *told_columns,
    ]
    columns = [c for c in _CONTRACT if c in frame] + extra + ["geometry"]
    return conform(frame[columns], "waterlogging")


_CONTRACT = (
    "rank", "site_id", "name", "kind", "source", "depth_m", "depth_class", "duration_h", "volume_m3", "catchment_m2",
    "impervious_share", "critical_rain_mm_h", "return_period_yr", "people", "traffic_class", "cause", "measures",
    "responsible", "score", "reasons",
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
