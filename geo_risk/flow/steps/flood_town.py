"""Steps of the town's flood: its ground, and the runs of past storms with reported depths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_town_opened import opened_town, run_storm
from geo_risk.flow.steps.flood_town_rain import rain_missing, town_runoff
from geo_risk.flow.steps.past_storms import open_storms

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.sources.options import ReadLimits
    from geo_risk.sources.rain_past import PastRain


def write_ground(
    *,
    dem_town: Path,
    grid: Path,
    landcover: Path | None,
    soils: Path | None,
    roads: Path | None,
    buildings: Path | None,
    town_dem: Path,
    town_curve_number: Path,
    town_manning: Path,
    town_built: Path,
    town_soil: Path,
    town_sealed: Path,
    town_obstacle: Path,
    facts: Path,
    options: dict[str, dict[str, Any]],
    limits: ReadLimits,
    params: TownFlowParams,
    runoff: RunoffParams,
) -> None:
    """Write the town's DEM on its own grid, its curve numbers, roughness and built-up ground."""
    import numpy as np

    from geo_risk.core.vectorize import rasterize
    from geo_risk.flow.steps.flood_ground import cover_layer, soil_shapes
    from geo_risk.flow.steps.flood_sites import read_features
    from geo_risk.hazards.flood.losses import Ground, curve_numbers, impervious_shares
    from geo_risk.hazards.flood.town import town_surface
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid

    target, height = _town_dem(dem_town, read_grid(grid).crs, options=options, limits=limits)
    aside: list[dict[str, str]] = []
    cover = np.full(target.shape, np.nan)
    if landcover is not None:
        cover = cover_layer(landcover, target, options=options, limits=limits).to_numpy()
    soil = np.zeros(target.shape)
    if soils is not None:
        shapes, said = soil_shapes(soils, target, options=options)
        soil = rasterize(shapes, target, fill=0, dtype="uint8")
        aside += said
    number = curve_numbers(cover, soil, runoff.curve_numbers)
    natural = Ground(number, soil, impervious_shares(cover, runoff.impervious_shares))
    streets = read_features(roads, "roads", target, options=options, aside=aside)
    houses = read_features(buildings, "buildings", target, options=options, aside=aside)
    built = np.isin(cover, params.built_codes)
    under_roofs = rasterize([(g, 1.0) for g in houses.geometry], target, fill=0, dtype="uint8") > 0
    built |= under_roofs
    lines = list(zip(streets.geometry, streets["class"].fillna("local").astype(str), strict=True))
    surface = town_surface(target, natural, roads=lines, is_built=built, params=params)
    for values, path, units, name in (
        (surface.curve_number, town_curve_number, "1", "curve number of the town"),
        (surface.manning_n, town_manning, "s m-1/3", "roughness of the town"),
        (built, town_built, "1", "built-up ground"),
        (surface.soil, town_soil, "1", "soil code of the town"),
        (surface.impervious_share, town_sealed, "1", "impervious share of the town"),
        (under_roofs * params.building_height_m, town_obstacle, "m", "what water flows around"),
    ):
        layer = target.layer(np.asarray(values, dtype=np.float32), units=units, long_name=name, name=path.stem)
        write_layer(layer, path)
    write_layer(height.rename("town_dem"), town_dem)
    unknown = float(np.isnan(number).mean())
    write_json({"notes": [], "counts": {"unknown_curve_number_share": round(unknown, 4)}, "quarantine": aside}, facts)


def _town_dem(
    path: Path, crs: str, *, options: dict[str, dict[str, Any]], limits: ReadLimits
) -> tuple[Grid, xr.DataArray]:
    from geo_risk.core.errors import CrsError
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.raster import load_raster, raster_grid

    own = ReadOptions(**options.get("dem_town", {}))
    target = raster_grid(path, where="inputs.dem_town", options=own, limits=limits)
    if target.crs != crs:
        what = f"the town's DEM is in {target.crs}, the run in {crs}"
        raise CrsError(what, where="inputs.dem_town", fix="warp it into the run's CRS, or set area.crs to its own")
    layer = load_raster(path, target, units="m", where="inputs.dem_town", valid=(-500.0, 9000.0), options=own,
                        limits=limits)  # fmt: skip
    return target, layer


def write_past(
    *,
    town_sites: Path,
    town_devices: Path,
    past_events: list[Path],
    past_depths: Path,
    findings: Path,
    comparison: Path,
    facts: Path,
    past_rain: list[PastRain],
    params: TownFlowParams,
    runoff: RunoffParams,
    sites: SiteParams,
    rain_limit_mm_h: float,
    max_bad_share: float,
    **town: Path,
) -> None:
    """Run the past storms that have reported depths and hourly rain, and write what the reports say of the drains."""
    from concurrent.futures import ThreadPoolExecutor

    from geo_risk.hazards.flood.rain_gaps import below_gaps, without_gaps
    from geo_risk.hazards.flood.responses import findings as explain
    from geo_risk.hazards.flood.responses import past_comparison
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import read_frame

    ground, surface = opened_town(town, sites)
    places, devices = read_frame(town_sites), read_frame(town_devices)
    reports, aside = _reports(past_depths, set(places["site_id"]), ground.grid.crs)
    given = open_storms(past_events, past_rain, ground.grid, limit_mm_h=rain_limit_mm_h, max_bad_share=max_bad_share)
    hours = given.hourly().by_id
    storms = {s: hours[s].rain.load() for s in sorted(set(reports["storm_id"]) & set(hours))}
    missing = sorted(set(reports["storm_id"]) - set(storms))
    aside += [{"id": s, "reason": "has reported depths but no hourly rain: not used",
               "reason_zh": "有上报水深但无逐小时降雨：未采用"} for s in missing]  # fmt: skip

    def run(rain: xr.DataArray) -> Any:
        net, window, _ = town_runoff(rain, surface, ground.grid, params, window_h=params.past_window_h,
                                     runoff=runoff)  # fmt: skip
        made = run_storm(ground, surface, net, places, devices, share=None, params=params)
        gaps = below_gaps(rain_missing(rain, ground.grid, window)[0], ground)
        return without_gaps(made, gaps, sure_m=float("inf")), bool(gaps.any())

    with ThreadPoolExecutor(max_workers=2) as pool:
        made = dict(zip(storms, pool.map(run, storms.values()), strict=True))
    runs = {storm: result for storm, (result, _) in made.items()}
    compared = past_comparison(places, runs, reports)
    aside += [_gap_of(s, compared) for s, (_, has) in made.items() if has]
    table = explain(places, devices, ground, runs, reports, sites)
    write_frame(table, findings)
    write_frame(compared, comparison)
    counts = {"storms": len(runs), "sites_with_reports": len(table), "defects": int(table["is_defect"].sum())}
    write_json({"notes": _past_notes(table), "counts": counts, "quarantine": aside}, facts)


def _gap_of(storm: str, compared: Any) -> dict[str, str]:
    """Return which reports of a past storm whose rain lacks an hour were not used."""
    lost = compared[(compared["storm_id"] == storm) & compared["modelled_m"].isna()]["site_id"].drop_duplicates()
    which = ", ".join(lost[:20]) + (" ..." if len(lost) > 20 else "")
    return {
        "id": storm,
        "reason": "an hour of its rain is missing over the town: reports at "
        f"{len(lost)} sites below that ground are not used ({which or 'none'})",
        "reason_zh": f"城区部分时次降雨缺测：其下游 {len(lost)} 处点位的上报水深未采用（{which or '无'}）",
    }


def _past_notes(table: Any) -> list[dict[str, str]]:
    bad = table[table["is_defect"].astype(bool)]
    return [
        {
            "level": "warning",
            "text_en": f"{r.site_id}: depths reported in past storms (to {r.reported_max_m:.2f} m) mean that its drain "
                       f"or pump gave about {r.share:.0%} of its capacity.",
            "text_zh": f"{r.site_id}：历史上报水深 {r.reported_max_m:.2f} m，排水能力约为标称的 {r.share:.0%}。",
        }
        for r in bad.itertuples()
    ]  # fmt: skip


def _reports(path: Path, known: set[str], crs: str) -> tuple[Any, list[dict[str, str]]]:
    """Return storm_id, site_id, depth_m of good rows, and the others with the reason."""
    from geo_risk.sources.depth_reports import read_depth_reports

    table, aside = read_depth_reports(path, crs=crs, where="inputs.past_depths", needs=("storm_id", "site_id"))
    nameless = table["storm_id"].isna()
    strange = ~table["site_id"].isin(known) | nameless
    words = {True: ("a reported depth names no storm: not used", "上报水深未注明降雨过程：未采用"),
             False: ("reports name a site that is not in the ledger", "上报点位不在台账中")}  # fmt: skip
    aside += [{"id": str(i), "reason": words[bool(k)][0], "reason_zh": words[bool(k)][1]}
              for i, k in zip(table.loc[strange, "site_id"], nameless[strange], strict=True)]  # fmt: skip
    return table.loc[~strange, ["storm_id", "site_id", "depth_m"]].reset_index(drop=True), aside
