"""Step of the depths of waterlogging sites by forecast stage: ponds replayed under each stage's hourly rain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.hazards.rainfall.stages import Stage
    from geo_risk.sources.options import RainOptions

_PAST_H = 72
"""Hours before a stage in which the storm may have begun that it belongs to."""


def site_stages(plan: Plan) -> None:
    """Add the step that writes the depths of sites by stage where there is rain; unknown without a forecast.

    It is there without one too: a warning that brings the first forecast leaves it as it is, and the report reads it.
    """
    rainfall = plan.cfg.inputs.rainfall
    if rainfall.observed is None and rainfall.gauges is None and not rainfall.forecast:
        return
    town = {n: plan.frame(n) for n in ("town_sites", "town_devices")}
    plan.add(
        "flood.stages", write_stage_depths,
        reads={"runs": plan.cube("town_design"), "town_dem": plan.layer("town_dem"), "grid": plan.facts("grid"),
               **town},
        optional={"findings": plan.frame("town_findings"), "observed": plan.input("rainfall.observed"),
                  "forecasts": plan.input("rainfall.forecast"), "gauges": plan.cube("rain_gauges")},
        writes={"stages": plan.frame("town_stages"), "facts": plan.facts("flood_stages")},
        issued_times=[f.issued.isoformat() for f in rainfall.forecast],
        forecast_options=[f.rain for f in rainfall.forecast],
        observed_options=None if rainfall.observed is None else rainfall.observed.rain,
        params=plan.cfg.rainfall, sites=plan.cfg.flood.sites, dry_gap_h=plan.cfg.flood.town.dry_gap_h,
    )  # fmt: skip


def write_stage_depths(
    *,
    runs: Path,
    town_dem: Path,
    grid: Path,
    town_sites: Path,
    town_devices: Path,
    findings: Path | None,
    observed: Path | None,
    forecasts: list[Path] | None,
    gauges: Path | None,
    stages: Path,
    facts: Path,
    issued_times: list[str],
    forecast_options: list[RainOptions],
    observed_options: RainOptions | None,
    params: RainfallParams,
    sites: SiteParams,
    dry_gap_h: int,
) -> None:
    """Write depth_{h}h_m of every site: the greatest depth in the h hours after the stage's issue."""
    import pandas as pd

    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.flood_design import read_runs
    from geo_risk.flow.steps.rainfall import known_forecasts, read_series
    from geo_risk.hazards.flood.responses import site_states
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.hazards.rainfall.stages import aware, latest_known, plan_stages
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height = open_layer(town_dem)
    ground = town_ground(grid_of(height), height.to_numpy(), sites)
    places, devices = read_frame(town_sites), read_frame(town_devices)
    states = site_states(places, devices, None if findings is None else read_frame(findings))
    known = read_runs(runs, places, devices, ground)
    options = (observed_options, forecast_options)
    base, others, _ = read_series(observed, gauges, forecasts, options, params=params, grid=grid)
    end = None if base is None else aware(base["time"].to_numpy()[-1])
    issued = known_forecasts(others, issued_times)
    table = pd.DataFrame({"site_id": states["site_id"].astype(str)})
    notes: list[dict[str, str]] = []
    for stage in plan_stages(params, issued, latest=latest_known(issued, end)):
        rain, first, has_past = _town_rain(base, others, stage, ground.grid, dry_gap_h=dry_gap_h)
        table[f"depth_{stage.hours}h_m"] = _depths(known, states, rain, first)
        notes += _notes(stage, rain, has_past=has_past)
    write_frame(table, stages)
    counts = {c: int(table[c].notna().sum()) for c in table.columns if c != "site_id"}
    methods = [{
        "name": "Depth of sites by forecast stage",
        "citation": "inflow of one-hour blocks of the town's shallow-water model, added up and replayed in each pond",
        "validity": "rain alike over the town; against the model's own run of the demo storm 0.07 m too deep in the "
                    "mean (METHOD.md)",
    }]  # fmt: skip
    write_json({"notes": notes, "counts": counts, "quarantine": [], "methods": methods}, facts)


def _town_rain(
    base: xr.DataArray | None, others: list[xr.DataArray], stage: Stage, town: Grid, *, dry_gap_h: int
) -> tuple[Any, int, bool]:
    """Return the hourly rain over the town from its storm's start, where the stage begins, and if the start is known.

    Unknown where an hour of observed rain is missing before the storm's start is found; where nothing is observed at
    all the forecast alone counts, which `_notes` says.
    """
    from datetime import timedelta

    import numpy as np

    from geo_risk.hazards.flood.hourly_replay import storm_start
    from geo_risk.hazards.rainfall.stages import stitch, with_whole_steps

    if stage.forecast is None:
        return np.array([np.nan]), 0, True
    ahead = with_whole_steps(others[stage.forecast], stage.issued, stage.until)
    start = stage.issued - timedelta(hours=_PAST_H)
    cube = stitch(base, ahead, start=start, issued=stage.issued, until=stage.until)
    series = town_series(cube, town)
    begin, is_known = storm_start(series, _PAST_H, dry_gap_h=dry_gap_h)
    if not is_known and np.isfinite(series[:_PAST_H]).any():  # rain of the same storm may lie behind the gap
        return np.array([np.nan]), 0, True
    return series[begin:], _PAST_H - begin, is_known


def town_series(cube: xr.DataArray, town: Grid) -> Any:
    """Return the mean rain over the town of each hour [mm]: of the cells that hold 8 x 8 points of it.

    NaN where none of them is known.
    """
    import numpy as np

    from geo_risk.sources.rain_points import series_at

    left, bottom, right, top = town.bounds
    share = (np.arange(8) + 0.5) / 8
    x, y = np.meshgrid(left + share * (right - left), bottom + share * (top - bottom))
    values = series_at(cube, x.ravel(), y.ravel(), crs=town.crs)
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _depths(runs: list[Any], states: Any, rain: Any, first: int) -> Any:
    import numpy as np

    from geo_risk.hazards.flood.depth_curve import DepthCurve
    from geo_risk.hazards.flood.hourly_replay import hourly_depth
    from geo_risk.hazards.flood.responses import corrected
    from geo_risk.hazards.flood.site_rain import runs_of

    same = runs_of(runs, 60)
    depth = [
        hourly_depth(DepthCurve(same, k, str(s["site_id"]), s["capacity_m3_s"] * s["share"]), rain, first=first)
        for k, s in enumerate(states.to_dict("records"))
    ]
    return corrected(np.array(depth, dtype=np.float64), states["correction_m"].to_numpy(float))


def _notes(stage: Stage, rain: Any, *, has_past: bool) -> list[dict[str, str]]:
    """Warn of rain that is unknown; what has no forecast the step of the stages tells."""
    import numpy as np

    from geo_risk.products.wording import note

    if stage.forecast is None:
        return []
    if not has_past:
        return [note("warning", f"Depths of sites in the {stage.hours} h stage count the forecast alone: no rain "
                     "before it is known, and they may be deeper.",
                     f"{stage.hours} 小时阶段点位水深仅计预报降雨：前期降雨未知，实际可能更深。")]  # fmt: skip
    if np.isfinite(rain).all():
        return []
    return [note("warning", f"Depths of sites in the {stage.hours} h stage are unknown, not none: an hour of its rain "
                 "is unknown.", f"{stage.hours} 小时阶段各点位水深未知，并非无积水：部分时次降雨未知。")]  # fmt: skip
