"""The waterlogging list: depth, cause, critical rain and rank of every site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.products.rank_stability import rank_stability
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.waterlogging_reasons import site_reason
from geo_risk.products.waterlogging_score import depths_for_unknown, score_parts
from geo_risk.products.wording import with_reasons

MEASURES = {
    "drain_undersized": "enlarge the drain or add inlets",
    "drain_blocked": "clean the drain and its outfall now, then measure its capacity",
    "pump_failed": "repair the pump; bring a mobile pump before the next rain",
    "inflow_from_upstream": "hold back or divert the water from upstream",
    "sag_without_outlet": "build an outlet or a pump sump; close the place when the critical rain is forecast",
    "unknown": "inspect the place in the next rain",
}
"""What usually helps, by cause."""


@dataclass(frozen=True)
class Told:
    """What is known of the sites beside the storm; everything may be left out.

    Attributes
    ----------
    impervious_share : (n,) of each site's surroundings, in the order of the sites.
    tables : tables by site_id whose columns are told too: trigger rain, return periods and the like. A name of the
        contract among them fills it.
    draws : depths that errors leave possible [m], a row a site by its id, a column a draw.
    cell_m : cell size of the terrain model [m]; 0 where it is not told.
    drained_mm_h : (n,) what drains known by their area take at each site, in the order of the sites.
    """

    impervious_share: NDArray[np.float64] | None = None
    tables: Sequence[pd.DataFrame] = ()
    draws: pd.DataFrame | None = None
    cell_m: float = 0.0
    drained_mm_h: NDArray[np.float64] | None = None


NOTHING = Told()
"""Nothing but the storm is known."""


def rank_sites(
    sites: gpd.GeoDataFrame,
    ponds: pd.DataFrame,
    devices: pd.DataFrame,
    *,
    params: WaterloggingParams,
    local_m: float,
    told: Told = NOTHING,
    language: str = "en",
) -> gpd.GeoDataFrame:
    """Rank the waterlogging sites.

    Parameters
    ----------
    sites : as `hazards.flood.sites.merge_ledger` returns them.
    ponds : as `hazards.flood.responses.responses` returns them, a row each site.
    devices : as `hazards.flood.devices.place_devices` returns them: device_id, kind, site_id.
    params : depth classes, weights, scales. local_m : what counts as nearby, for the words.
    told : what else is known of the sites.
    language : "zh" or "en", of `reasons`.

    Returns
    -------
    The contract's `waterlogging` frame, with reasons_zh, reasons_en and score parts behind its columns; `measures` are
    English, and publishing translates them by its table. Detected places that stay below the first depth class are left
    out; ledger sites all stay. A site whose depth is unknown, or was rising below the first class when the run ended,
    has class -1 and is ranked as if the water stood at `unknown_depth_m`, or as deep as its ledger tells: unknown is
    not safe. On a terrain model coarser than coarse_cell_m no listed site is called dry: below the first class its
    class is -1 too, and it is ranked by its modelled depth.

    Raises
    ------
    SchemaError : a row breaks the contract.
    """
    frame = sites.merge(ponds, on="site_id", how="left", validate="one_to_one", suffixes=("_full", ""))
    frame = gpd.GeoDataFrame(frame, geometry="geometry", crs=sites.crs)
    if told.impervious_share is not None:
        frame["impervious_share"] = told.impervious_share
    frame["drained_mm_h"] = 0.0 if told.drained_mm_h is None else told.drained_mm_h
    for table in told.tables:
        given = table.assign(site_id=table["site_id"].astype(str))
        frame = frame.merge(given, on="site_id", how="left", validate="one_to_one")
    if "trigger_60min_class1_mm" in frame:  # a storm scaled as a whole has wet hours before its wettest
        known = frame["trigger_tested_mm"].notna()
        frame["critical_rain_mm_h"] = frame["trigger_60min_class1_mm"].where(known, frame["critical_rain_mm_h"])
    if "depth_change_season_m" in frame:
        frame["depth_next_season_m"] = np.maximum(frame["depth_m"] + frame.pop("depth_change_season_m"), 0.0)
    told_columns = [
        c for table in told.tables for c in table.columns if c in frame and c not in {"site_id", *_CONTRACT}
    ]
    told_columns += [c for c in ("depth_next_season_m",) if c in frame]
    keep = (frame["source"] != "detected") | ~(frame["depth_m"] < params.depth_classes_m[0])
    if "depth_bound" in frame:
        keep |= frame["depth_bound"].isin(OPEN_BOUNDS)
    frame = frame[keep].reset_index(drop=True)
    frame["depth_class"] = depth_classes(frame["depth_m"].to_numpy(float), params)
    if told.cell_m > params.coarse_cell_m:  # too coarse to show an underpass, a kerb or a court: not known to be dry
        frame["depth_class"] = frame["depth_class"].replace(0, -1)
    if "depth_bound" in frame:  # what may still get deeper may reach the first class: not known to be dry
        is_open = frame["depth_bound"].isin(OPEN_BOUNDS) & ~(frame["depth_class"] > 0)
        frame["depth_class"] = frame["depth_class"].mask(is_open, -1)
    frame["cause"] = causes(frame, devices, params)
    frame["measures"] = [MEASURES[c] for c in frame["cause"]]
    parts = score_parts(_as_ranked(frame, told, params), params)
    frame = frame.assign(**{f"score_{name}": values for name, values in parts.items()})
    frame["score"] = sum(parts.values(), start=np.zeros(len(frame)))
    frame = frame.sort_values(["score", "site_id"], ascending=[False, True], kind="stable").reset_index(drop=True)
    frame["rank"] = np.arange(1, len(frame) + 1)
    firm = rank_stability(frame, _of_sites(told.draws, frame), params)
    frame = frame.assign(**{str(name): firm[name] for name in firm})
    said = [site_reason(row, local_m, cell_m=told.cell_m) for row in _rows(frame)]
    frame = with_reasons(frame, lambda k: [pair[int(k == "zh")] for pair in said], language)
    extra = [
        "reasons_zh",
        "reasons_en",
        "capacity_m3_s",
        "correction_m",
        "sill_height_m",
        *(f"score_{name}" for name in parts),
        *(
            c
            for c in (
                "unit",
                "deputy",
                "valid_until",
                "owner_gaps",
                "past_depth_m",
                "depth_bound",
                "duration_bound",
                "outside_share",
            )
            if c in frame
        ),
        *firm.columns,
        *told_columns,
    ]
    columns = [c for c in _CONTRACT if c in frame] + extra + ["geometry"]
    return conform(frame[columns], "waterlogging")


def _of_sites(draws: pd.DataFrame | None, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Draws of the listed sites in their order; a site that was not drawn has none that are known."""
    if draws is None:
        return np.empty((len(frame), 0))
    return np.asarray(draws.reindex(frame["site_id"].astype(str)).to_numpy(np.float64))


def _as_ranked(frame: gpd.GeoDataFrame, told: Told, params: WaterloggingParams) -> gpd.GeoDataFrame:
    """Return the sites with the depths by which they are ranked: what a coarse terrain model hides the ledger tells.

    What may get deeper and is below the first class is ranked as if its depth were unknown.
    """
    if "depth_bound" in frame:
        depth = frame["depth_m"].astype("float64")
        is_open = frame["depth_bound"].isin(OPEN_BOUNDS) & (frame["depth_class"] == -1)
        frame = frame.assign(depth_m=depth.mask(is_open, np.fmax(depth, depths_for_unknown(frame, params))))
    if not told.cell_m > params.coarse_cell_m or "past_depth_m" not in frame:
        return frame
    past = pd.to_numeric(frame["past_depth_m"], errors="coerce").astype("float64")
    return frame.assign(depth_m=np.fmax(frame["depth_m"].astype("float64"), past))


OPEN_BOUNDS = ("rising", "outside")
"""Why the water of a site may get deeper than the run shows: it rose when the run ended, water from outside the town's
terrain model was not run."""

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
    outlet, or its drains are too small where they are known by the area that they serve. Else the greater help
    decides: without the water from upstream, or with a drain three times as large. Where nothing helps by
    `cause_min_m`, or the site stays dry or unknown, the cause is unknown.
    """
    pumped = set(devices.loc[devices["kind"] == "pump", "site_id"].dropna().astype(str))
    out = []
    for row in _rows(frame):
        if not row.depth_m >= params.depth_classes_m[0]:
            out.append("unknown")
        elif row.is_defect is True or row.is_defect == 1:
            out.append("pump_failed" if str(row.site_id) in pumped else "drain_blocked")
        elif not row.capacity_m3_s > 0:
            drained = getattr(row, "drained_mm_h", 0.0) > 0
            out.append("unknown" if not row.label > 0 else "drain_undersized" if drained else "sag_without_outlet")
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
