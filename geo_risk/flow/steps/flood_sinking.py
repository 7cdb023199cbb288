"""Steps that couple sinking ground with water: hollows that grow, and next season's water at the town's sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_surroundings import inflows_of
from geo_risk.flow.steps.flood_town_opened import opened_storm, storm_reads
from geo_risk.flow.steps.flood_town_storm import come_in, usable_threads
from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.sinking import SinkingParams


def sinking(plan: Plan) -> None:
    """Add the step that writes sinking_ponds, where the vertical rate and the sinking bodies are known."""
    plan.add(
        "flood.sinking", write_sinking,
        reads={"dem": routing_dem(plan), "velocity_up": plan.layer("velocity_up"),
               "zones": plan.frame("subsidence_zones")},
        optional={"velocity_up_std": plan.layer("velocity_up_std")},
        writes={"out": plan.frame("sinking_ponds"), "facts": plan.facts("sinking")},
        params=plan.cfg.flood.sinking, language=plan.cfg.language,
    )  # fmt: skip


def town_sinking(plan: Plan) -> None:
    """Add the step that runs the storm over the town as it will lie in the next rainy season."""
    params = plan.cfg.flood
    plan.add(
        "flood.town_sinking", write_town_sinking,
        reads={**storm_reads(plan), "velocity_up": plan.layer("velocity_up")},
        optional={"findings": plan.frame("town_findings"), "velocity_up_std": plan.layer("velocity_up_std"),
                  "inflows": inflows_of(plan)},
        writes={"out": plan.frame("town_sinking"), "facts": plan.facts("town_sinking")},
        params=params.town, runoff=params.runoff, sites=params.sites, sinking=params.sinking,
    )  # fmt: skip


def write_town_sinking(
    *,
    velocity_up: Path,
    velocity_up_std: Path | None,
    findings: Path | None,
    inflows: Path | None,
    out: Path,
    facts: Path,
    params: TownFlowParams,
    runoff: RunoffParams,
    sites: SiteParams,
    sinking: SinkingParams,
    **town: Path,
) -> None:
    """Write sinking_mm_yr and depth_change_season_m of every site; both missing where the rate is not known."""
    import numpy as np

    from geo_risk.core.grid import Grid, grid_of
    from geo_risk.hazards.flood.responses import site_depths
    from geo_risk.hazards.flood.sinking import lowered, rate_at, sinking_rate
    from geo_risk.hazards.flood.town import RunWith
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer

    storm = opened_storm(town, findings, params=params, runoff=runoff, sites=sites)
    ground, places = storm.ground, storm.places
    up = open_layer(velocity_up)
    whole = grid_of(up)
    window = whole.window(ground.grid.bounds, margin_m=2 * whole.resolution_m)
    rate = np.full(ground.grid.shape, np.nan)
    if window is not None:
        std = None if velocity_up_std is None else open_layer(velocity_up_std)[window].to_numpy()
        coarse = sinking_rate(up[window].to_numpy(), std, sinking)
        rate = rate_at(coarse, Grid(whole.geobox[window]), ground.grid)
    cells = places["cell"].to_numpy(np.int64)
    table = places[["site_id"]].assign(
        sinking_mm_yr=np.where(cells >= 0, rate.ravel()[np.maximum(cells, 0)], np.nan), depth_change_season_m=0.0
    )
    known = np.isfinite(rate) & np.isfinite(ground.elevation)
    tilt = float(np.ptp(np.nan_to_num(rate))) * sinking.season_yr / 1000 if known.any() else 0.0
    if tilt >= sinking.tilt_min_m:
        how = RunWith(n_threads=usable_threads(ground.elevation.size), inflows=come_in(inflows))
        now, then = (
            site_depths(storm.run(params, how=how, elevation=lowered(ground.elevation, rate, years)).max_depth_m, cells)
            for years in (sinking.dem_age_yr, sinking.dem_age_yr + sinking.season_yr)
        )
        table["depth_change_season_m"] = then - now
    table.loc[table["sinking_mm_yr"].isna(), "depth_change_season_m"] = np.nan
    write_frame(table, out)
    write_json(_town_facts(table, tilt=tilt, was_run=tilt >= sinking.tilt_min_m, is_known=bool(known.any())), facts)


def _town_facts(table: Any, *, tilt: float, was_run: bool, is_known: bool = True) -> dict[str, Any]:
    from geo_risk.products.wording import note

    if not is_known:
        said_nothing = note("warning", "Nowhere in the town is the rate known at which its ground sinks: next season's "
                            "depths of sites are unknown.",
                            "城区沉降速率全部未知：各点位下一雨季水深未知。")  # fmt: skip
        return {"notes": [said_nothing], "counts": {"sites_of_unknown_rate": len(table)}, "quarantine": []}
    unknown = int(table["sinking_mm_yr"].isna().sum())
    deeper = int((table["depth_change_season_m"] >= 0.02).sum())
    said = (
        (f"Until the next rainy season the town's ground sinks unevenly by up to {tilt:.2f} m: {deeper} sites flood "
         "deeper by 2 cm or more.",
         f"至下一雨季城区不均匀沉降最大 {tilt:.2f} 米：{deeper} 处点位水深增加 2 厘米以上。")
        if was_run else
        (f"The town's ground sinks by nearly the same wherever that is known (uneven by {tilt:.3f} m in a season): "
         "depths stay there.",
         f"城区已知沉降基本均匀（一个雨季差异 {tilt:.3f} 米）：该处水深不变。")
    )  # fmt: skip
    notes = [note("info", *said)]
    if unknown:
        notes.append(note("info", f"The rate of sinking is not known at {unknown} of {len(table)} sites.",
                          f"{len(table)} 处点位中 {unknown} 处沉降速率未知。"))  # fmt: skip
    counts = {"sites_deeper_next_season": deeper, "sites_of_unknown_rate": unknown}
    return {"notes": notes, "counts": counts, "quarantine": []}


def write_sinking(
    *,
    dem: Path,
    velocity_up: Path,
    velocity_up_std: Path | None,
    zones: Path,
    out: Path,
    facts: Path,
    params: SinkingParams,
    language: str,
) -> None:
    """Write the hollows that grow, body by body: each is looked at in a window of its own."""
    import geopandas as gpd
    import pandas as pd

    from geo_risk.core.grid import grid_of
    from geo_risk.products.sinking_ponds import sinking_facts, sinking_ponds
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height, up = open_layer(dem), open_layer(velocity_up)
    std = None if velocity_up_std is None else open_layer(velocity_up_std)
    grid, bodies = grid_of(height), read_frame(zones)
    parts = [
        _grown(str(body_id), body, height, up, std, grid, params)
        for body_id, body in bodies.groupby("body_id", sort=True)
    ]
    empty = gpd.GeoDataFrame({name: [] for name in (*_COLUMNS, "body_id", "kind")}, geometry=[], crs=grid.crs)
    found = [p for p in parts if len(p)]
    frame = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=grid.crs) if found else empty
    made = sinking_ponds(frame, season_yr=params.season_yr, language=language)
    write_frame(made, out)
    write_json(
        sinking_facts(made, n_bodies=len(parts), season_yr=params.season_yr, dem_age_yr=params.dem_age_yr), facts
    )


_COLUMNS = ("volume_now_m3", "volume_next_m3", "depth_now_m", "depth_next_m", "rate_max_mm_yr", "known_share")


def _grown(
    body_id: str, body: gpd.GeoDataFrame, height: xr.DataArray, up: xr.DataArray, std: xr.DataArray | None, grid: Grid,
    params: SinkingParams,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Return the growing hollows in the window of one body, as polygons."""
    import numpy as np

    from geo_risk.core.grid import Grid
    from geo_risk.core.vectorize import polygons_of_labels
    from geo_risk.hazards.flood.sinking import pond_growth, sinking_rate

    window = grid.window(tuple(body.total_bounds), margin_m=params.margin_m)
    if window is None:
        return body.iloc[:0]
    z = height[window].to_numpy().astype(np.float64)
    if not np.isfinite(z).any():
        return body.iloc[:0]
    rate = sinking_rate(up[window].to_numpy(), None if std is None else std[window].to_numpy(), params)
    grown = pond_growth(z, rate, cell_m=grid.resolution_m, params=params)
    shapes = polygons_of_labels(grown.labels, Grid(grid.geobox[window]), connectivity=8)
    for name in _COLUMNS:
        shapes[name] = getattr(grown, name)
    return shapes.drop(columns="label").assign(body_id=body_id, kind=str(body["kind"].iloc[0]))
