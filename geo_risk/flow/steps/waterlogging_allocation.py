"""Step that sends mobile pumps and crews to the waterlogging sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams
    from geo_risk.products.params import EvacuationParams
    from geo_risk.products.pump_allocation import Depots
    from geo_risk.products.waterlogging_params import WaterloggingParams


def pump_allocation(plan: Plan) -> None:
    """Add the step where mobile pumps are given."""
    if plan.input("mobile_pumps") is None:
        return
    from geo_risk.flow.steps.flood import given

    plan.add(
        "waterlogging.allocation", write_allocation,
        reads={"mobile_pumps": plan.input("mobile_pumps"), "waterlogging": plan.frame("waterlogging"),
               "record": plan.cube("town_record"), "town_dem": plan.layer("town_dem"),
               **{n: plan.frame(n) for n in ("town_sites", "town_devices", "town_ponds")}},
        optional={"roads": plan.input("roads")},
        writes={"allocation": plan.frame("waterlogging_allocation"), "facts": plan.facts("waterlogging_allocation")},
        options=given(plan, "mobile_pumps", "roads"), sites=plan.cfg.flood.sites, params=plan.cfg.waterlogging,
        travel=plan.cfg.evacuation, language=plan.cfg.language,
    )  # fmt: skip


MOST = 10_000
"""More pumps or crews in one depot than this are a slip."""


def _counted(values: pd.Series[Any]) -> pd.Series[float]:
    """Return numbers, missing where they are none; an empty text is missing too."""
    import pandas as pd

    return pd.to_numeric(values, errors="coerce").astype("float64")


def road_lines(path: Path, crs: str, options: dict[str, Any]) -> gpd.GeoDataFrame:
    """Return roads to drive on; those of other maps have no ids and classes of their own (`sources.road_classes`)."""
    import pandas as pd

    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.road_classes import road_classes
    from geo_risk.sources.vectors import read_vector

    columns = ("road_id?", "class?", "highway?", "fclass?", "speed_km_h?")
    frame = read_vector(path, crs=crs, where="inputs.roads", geometry="LineString", columns=columns,
                        options=ReadOptions(**options)).frame  # fmt: skip
    rows = pd.Series([f"row {k}" for k in range(1, len(frame) + 1)], index=frame.index, dtype="string")
    return frame.assign(road_id=frame["road_id"].astype("string").fillna(rows), **{"class": road_classes(frame)})


def read_depots(path: Path, crs: str, options: dict[str, Any]) -> tuple[gpd.GeoDataFrame, Depots, list[dict[str, str]]]:
    """Return the depots as points and as numbers, and rows that hold no pump that can be used."""
    import numpy as np
    import pandas as pd

    from geo_risk.products.pump_allocation import Depots
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    read = read_vector(path, crs=crs, where="inputs.mobile_pumps", geometry="Point", id_column="depot_id",
                       columns=("pump_m3_s", "count?", "crews?"), options=ReadOptions(**options))  # fmt: skip
    frame = read.frame
    each = pd.to_numeric(frame["pump_m3_s"], errors="coerce").astype("float64")
    count, crews = (_counted(frame[name]) for name in ("count", "crews"))
    count = count.mask(frame["count"].isna(), 1.0)
    crews = crews.mask(frame["crews"].isna(), count)
    good = (each > 0) & (each <= 20) & (count >= 0) & (count <= MOST) & (crews >= 0) & (crews <= MOST)
    aside = [{"id": str(i), "reason": "has no pump_m3_s in 0-20 m3/s, or a count or crews that is no number in 0-"
              f"{MOST}: not sent",
              "reason_zh": f"单台抽排能力不在 0–20 立方米/秒内，或台数、班组数不是 0–{MOST} 的数：未参与调配"}
             for i in frame.loc[~good, "depot_id"]]  # fmt: skip
    kept = frame[good].reset_index(drop=True)
    depots = Depots(tuple(kept["depot_id"].astype(str)), each[good].to_numpy(np.float64),
                    count[good].to_numpy(np.float64).astype(np.int64),
                    crews[good].to_numpy(np.float64).astype(np.int64))  # fmt: skip
    return kept, depots, [*read.quarantine, *aside]


def write_allocation(
    *,
    mobile_pumps: Path,
    waterlogging: Path,
    record: Path,
    town_dem: Path,
    town_sites: Path,
    town_devices: Path,
    town_ponds: Path,
    roads: Path | None,
    allocation: Path,
    facts: Path,
    options: dict[str, dict[str, Any]],
    sites: SiteParams,
    params: WaterloggingParams,
    travel: EvacuationParams,
    language: str,
) -> None:
    """Write the frame waterlogging_allocation."""
    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.flood_answers import read_record
    from geo_risk.hazards.flood.counterfactuals import depths_with_pumps
    from geo_risk.hazards.flood.responses import ponds_of_record
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.products.pump_allocation import allocate
    from geo_risk.products.pump_travel import pump_travel
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height = open_layer(town_dem)
    ground = town_ground(grid_of(height), height.to_numpy(), sites)
    ranked, places, devices, table = (read_frame(p) for p in (waterlogging, town_sites, town_devices, town_ponds))
    ponds = ponds_of_record(read_record(record), places, devices, ground)
    by_id = {str(r["site_id"]): r for r in table.to_dict("records")}
    frame, depots, aside = read_depots(mobile_pumps, ground.grid.crs, options.get("mobile_pumps", {}))
    lines = None if roads is None else road_lines(roads, ground.grid.crs, options.get("roads", {}))
    ways = pump_travel(frame, ranked, lines, travel)

    def depth_with(site_id: str, levels: Any) -> Any:
        pond = ponds.get(site_id)
        return None if pond is None else depths_with_pumps(pond, by_id[site_id], levels)

    made, counts = allocate(ranked, depots, ways, depth_with, params, language=language)
    write_frame(made, allocation)
    left = counts["sites_wet"] - counts["sites_helped"]
    notes = [note("warning" if left else "info",
                  f"{counts['pumps_sent']} mobile pumps go to {counts['sites_helped']} of {counts['sites_wet']} wet "
                  f"sites; {left} get none, {counts['pumps_left']} pumps stay; {counts['sites_unknown']} sites of "
                  "unknown depth were not looked at.",
                  f"移动水泵 {counts['pumps_sent']} 台调往 {counts['sites_wet']} 处积水点中的 "
                  f"{counts['sites_helped']} 处；{left} 处无泵可调，剩余 {counts['pumps_left']} 台；"
                  f"另有 {counts['sites_unknown']} 处水深未知，未参与调配。")]  # fmt: skip
    methods = [{
        "name": "Allocation of mobile pumps", "citation": "mixed-integer programme, HiGHS (Huangfu & Hall 2018)",
        "validity": "pumps that stand at the site when the rain begins; depths by replay of each pond",
    }]  # fmt: skip
    write_json({"notes": notes, "counts": counts, "quarantine": aside, "methods": methods}, facts)
