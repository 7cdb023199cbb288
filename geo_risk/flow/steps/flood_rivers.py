"""Steps of rivers by rating curves: floods of given stages or discharges, and of design rains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import facts_of
from geo_risk.flow.steps.flood_inflows import OUTSIDE, read_outside
from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.inputs import StormFormula
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import FloodParams
    from geo_risk.hazards.flood.ratings import Ratings
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.sources.options import RainOptions, ReadOptions

_GROUND = ("dem_filled", "flow_direction", "flow_accumulation", "hand_m")


def river_stages(plan: Plan) -> None:
    """Add the steps that write depth_stations and depth_design_{T}yr, where the configuration asks for them."""
    params = plan.cfg.flood
    ground: dict[str, Any] = {**{name: plan.layer(name) for name in _GROUND}, "dem": routing_dem(plan)}
    source = plan.source("river_stations")
    if source is not None:
        plan.add(
            "flood.stations", write_stations, reads={**ground, "river_stations": plan.input("river_stations")},
            writes={"out": plan.layer("depth_stations"), "facts": plan.facts("flood_stations")},
            options=source.options, params=params,
        )  # fmt: skip
    years = params.river.design_years
    if not years:
        return
    rain = [plan.layer(f"rain_design_{t}yr") for t in years]
    _design_rain(plan, rain)
    writes = {f"depth_{t}": plan.layer(f"depth_design_{t}yr") for t in years}
    if params.river.zones_design_years is not None:
        writes["hazard"] = plan.layer("hazard_flood_design")
    plan.add(
        "flood.design", write_design,
        reads={**ground, "curve_number": plan.layer("curve_number"), "rain": rain,
               "hazard_flood": plan.layer("hazard_flood")},
        optional={"area_cut_ratio": plan.layer("area_cut_ratio"), **{n: plan.layer(n) for n in OUTSIDE}},
        writes={**writes, "facts": plan.facts("flood_design")}, params=params,
    )  # fmt: skip


def _design_rain(plan: Plan, out: list[Path]) -> None:
    """Add the step of design rains: of annual maxima of the storm's duration, else of the storm formula."""
    river = plan.cfg.flood.river
    rainfall = plan.cfg.inputs.rainfall
    same = [k for k, source in enumerate(rainfall.annual_maxima) if source.duration_h == river.storm_h]
    every = plan.input("rainfall.annual_maxima") or []
    needs: dict[str, Any] = {"grid": plan.facts("grid")}
    if same and isinstance(every, list):
        needs["maxima"] = every[same[0]]
    elif rainfall.idf is None:
        needs["rainfall.annual_maxima"] = None
    plan.add(
        "flood.design_rain", write_design_rain, reads=needs, optional={} if "maxima" in needs else {"maxima": None},
        writes={**{f"rain_{t}": path for t, path in zip(river.design_years, out, strict=True)},
                "facts": plan.facts("flood_design_rain")},
        years=list(river.design_years), storm_h=int(river.storm_h), idf=rainfall.idf, params=plan.cfg.rainfall,
        options=rainfall.annual_maxima[same[0]].rain if same else None,
    )  # fmt: skip


def write_design_rain(
    *,
    grid: Path,
    maxima: Path | None,
    facts: Path,
    years: list[int],
    storm_h: int,
    idf: StormFormula | None,
    params: RainfallParams,
    options: RainOptions | None,
    **writes: Path,
) -> None:
    """Write the rain [mm] of each return period over the storm's duration."""
    import dask.array as da
    import numpy as np

    from geo_risk.core.grid import CHUNK
    from geo_risk.hazards.rainfall.storm import storm_depth
    from geo_risk.kernels.lmoments import gev_quantile
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid

    target = read_grid(grid)
    fitted = None if maxima is None or options is None else _fitted(maxima, target, storm_h, options, params)
    amounts = []
    for t in years:
        if fitted is not None:
            gev = [fitted[name].data for name in ("location", "scale", "shape")]
            told = t <= params.return_multiple * fitted["n_years"].data
            values = da.where(told, da.map_blocks(gev_quantile, float(t), *gev, dtype=np.float64), np.nan)
        else:
            formula = idf.formula  # type: ignore[union-attr] # the plan has one of the two
            values = da.full(target.shape, storm_depth(formula, years=t, minutes=60 * storm_h), chunks=CHUNK)
        values = da.maximum(values, 0).astype(np.float32)
        title = f"rain of {storm_h} h, once in {t} years"
        write_layer(target.layer(values, units="mm", long_name=title, name=f"rain_design_{t}yr"), writes[f"rain_{t}"])
        amounts.append(float(da.nanmean(values).compute()))
    origin = ("annual maxima", "年最大值系列") if fitted is not None else ("the storm formula", "暴雨强度公式")
    said = [f"{t}: {mm:.0f}" for t, mm in zip(years, amounts, strict=True)]
    zh = f"{storm_h} 小时设计雨量（{origin[1]}，区域平均，重现期：毫米）：{'，'.join(said)}。"
    english = f"Design rain of {storm_h} h by {origin[0]}, mean over the area [mm] by years: {', '.join(said)}."
    notes = [note("info", english, zh)]
    write_json({"notes": notes, "counts": {}, "quarantine": [], "methods": []}, facts)


def _fitted(
    path: Path, target: Grid, storm_h: int, options: RainOptions, params: RainfallParams
) -> dict[str, xr.DataArray]:
    """Return the fields of the distributions of the annual maxima on the run grid."""
    from geo_risk.flow.steps.rainfall_return import fields
    from geo_risk.hazards.rainfall.event_rain import LIMIT_MM
    from geo_risk.sources.annual_maxima import read_annual_maxima
    from geo_risk.sources.rain_opened import Area

    limit = min(params.rain_limit_mm_h * storm_h, LIMIT_MM * max(1.0, storm_h / 24))
    maxima = read_annual_maxima(path, options, limit_mm=limit, area=Area(target.bounds, target.crs))
    return fields(maxima, target, params)


def _ratings(layers: dict[str, xr.DataArray], params: FloodParams) -> Ratings:
    from geo_risk.hazards.flood.ratings import ratings

    return ratings(layers["dem"], layers["dem_filled"], layers["flow_direction"], layers["flow_accumulation"],
                   layers["hand_m"], drainage=params.drainage, river=params.river)  # fmt: skip


def write_design(
    *, curve_number: Path, rain: list[Path], hazard_flood: Path, area_cut_ratio: Path | None,
    outside_area: Path | None = None, outside_area_high: Path | None = None, facts: Path, params: FloodParams,
    **paths: Path,
) -> None:  # fmt: skip
    """Write the river depth of each design rain, and the level that risk zones are drawn from where one is chosen."""
    from dataclasses import asdict

    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.core.levels import classify_layer, combine_level_layers
    from geo_risk.hazards.flood.design import peak_by_reach
    from geo_risk.hazards.flood.ratings import CARD, LEVELS_M
    from geo_risk.hazards.flood.river_depth import river_depths
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.reaches import greatest_on_streams
    from geo_risk.terrain.slope import blocks

    layers = {name: open_layer(paths[name]) for name in (*_GROUND, "dem")}
    made, grid = _ratings(layers, params), grid_of(layers["dem"])
    cut = None if area_cut_ratio is None else greatest_on_streams(made.reaches, blocks(open_layer(area_cut_ratio)))
    outside = read_outside(outside_area, outside_area_high)
    notes, counts = [], {"reaches": len(made.reaches.end)}
    for t, path in zip(params.river.design_years, rain, strict=True):
        peak = peak_by_reach(made.reaches, layers, open_layer(path), open_layer(curve_number), params=params,
                             outside=outside)  # fmt: skip
        stage = made.stage_m(peak.discharge_m3_s)
        told = river_depths(made, peak, unknown_stage_m=params.river.unknown_stage_m, cut=cut)
        depth = told.sure_m(params.depth_bounds_m)
        layer = grid.layer(depth, units="m", long_name=f"river depth once in {t} years",
                           name=f"depth_design_{t}yr")  # fmt: skip
        write_layer(layer, paths[f"depth_{t}"])
        above = int((np.isnan(stage) & np.isfinite(peak.discharge_m3_s)).sum())
        counts[f"reaches_above_curve_{t}yr"] = above
        if above:
            notes.append(note("warning", f"{t} years: the design flood of {above} reaches stands above "
                              f"{LEVELS_M[-1]:g} m, its depth is unknown.",
                              f"{t} 年一遇：{above} 个河段水深超过 {LEVELS_M[-1]:g} 米，按未知处理。"))  # fmt: skip
        if t == params.river.zones_design_years:
            level = classify_layer(
                open_layer(paths[f"depth_{t}"]), params.depth_bounds_m, long_name="design flood level"
            )
            both = combine_level_layers(
                open_layer(hazard_flood), level, long_name="flood hazard level, event or design"
            )
            write_layer(both.rename("hazard_flood_design"), paths["hazard"])
            notes.append(note("info", f"Risk zones take the greater of the storm's flood and that of {t} years.",
                              f"风险区取本场洪水与 {t} 年一遇设计洪水中的较高等级。"))  # fmt: skip
    write_json({"notes": notes, "counts": counts, "quarantine": [], "methods": [asdict(CARD)]}, facts)


def write_stations(
    *, river_stations: Path, out: Path, facts: Path, options: ReadOptions, params: FloodParams, **paths: Path
) -> None:
    """Write the depth of the river by the stages and discharges of stations, and which stations were used."""
    from dataclasses import asdict

    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.ratings import CARD
    from geo_risk.hazards.flood.stations import station_flow
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.river_stations import read_river_stations

    layers = {name: open_layer(paths[name]) for name in (*_GROUND, "dem")}
    grid = grid_of(layers["dem"])
    stations, aside, said = read_river_stations(river_stations, grid, options)
    made = _ratings(layers, params)
    stage, table = station_flow(made, stations, upslope_area=layers["flow_accumulation"],
                                stream_area_m2=params.drainage.stream_area_m2, params=params.river)  # fmt: skip
    depth = grid.layer(made.depth_m(stage), units="m", long_name="river depth by stations", name="depth_stations")
    write_layer(depth, out)
    counts = {f"stations_{name}": int((table["result"] == name).sum())
              for name in ("used", "off_stream", "beyond_curve", "second")}  # fmt: skip
    counts["reaches_known"] = int(np.isfinite(stage).sum())
    notes = facts_of(said, quarantine=[])["notes"]
    words = {"off_stream": ("no stream within reach", "附近无河道"),
             "beyond_curve": ("stage above the rating curve", "水位超出水位流量关系"),
             "second": ("another station of the reach has higher water", "同一河段另有站点水位更高")}  # fmt: skip
    for name, (english, chinese) in words.items():
        ids = stations.loc[table["result"] == name, "station_id"].astype(str).tolist()
        if ids:
            notes.append(note("warning", f"Stations not used ({english}): {', '.join(ids)}.",
                              f"未采用的站点（{chinese}）：{'、'.join(ids)}。"))  # fmt: skip
    ids = stations.loc[table["disagrees"].to_numpy(bool), "station_id"].astype(str).tolist()
    if ids:
        notes.append(note(
            "warning", "Stage and discharge disagree by the rating curve, the higher water counts; check the datum of "
            f"the stage, which is metres above the bed: {', '.join(ids)}.",
            f"水位与流量按水位流量关系不符，取较高者；请核对水位基准（应为河床以上米数）：{'、'.join(ids)}。",
        ))  # fmt: skip
    used, known = counts["stations_used"], counts["reaches_known"]
    notes.append(note("info", f"River depth by {used} stations on {known} reaches; elsewhere it is unknown, not zero.",
                      f"按 {used} 个站点推算 {known} 个河段的水深；其余河段未知，不等于无水。"))  # fmt: skip
    write_json({"notes": notes, "counts": counts, "quarantine": aside, "methods": [asdict(CARD)]}, facts)
