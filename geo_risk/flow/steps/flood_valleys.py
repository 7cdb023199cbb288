"""The step that runs the storm over the valleys of the map, with what rivers bring over its edge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_ground import GROUND
from geo_risk.flow.steps.flood_inflows import OUTSIDE
from geo_risk.flow.steps.flood_town_rain import hours_runoff, rain_missing, storm_condition, storm_hours
from geo_risk.flow.steps.flood_town_storm import usable_threads
from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import FloodParams
    from geo_risk.hazards.flood.valleys import FedRunoff, ValleyGround
    from geo_risk.kernels.flow_input import RainFields
    from geo_risk.kernels.inertial import UnstableFlow

VALLEY = ("valley_depth", "valley_depth_high")


def valleys(plan: Plan) -> None:
    """Add the step that writes valley_depth and valley_depth_high, NaN where rating curves must tell."""
    params = plan.cfg.flood
    if params.valleys.cells_max == 0:
        return
    plan.add(
        "flood.valleys", write_valleys,
        reads={"dem": routing_dem(plan), "rain": plan.cube("rain_hourly"), **{n: plan.layer(n) for n in GROUND}},
        optional={n: plan.layer(n) for n in OUTSIDE},
        writes={**{n: plan.layer(n) for n in VALLEY}, "facts": plan.facts("flood_valleys")}, params=params,
    )  # fmt: skip


def write_valleys(
    *, dem: Path, rain: Path, outside_area: Path | None, outside_area_high: Path | None, valley_depth: Path,
    valley_depth_high: Path, facts: Path, params: FloodParams, **ground: Path,
) -> None:  # fmt: skip
    """Write the depth of the storm's run, with the water from beyond the map by best knowledge and at most."""
    import dask.array as da
    import numpy as np

    from geo_risk.core.grid import CHUNK, grid_of
    from geo_risk.hazards.flood.valleys import block_of, least_cells
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layers
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.rain import read_own

    elevation = open_layer(dem)
    grid = grid_of(elevation)
    block = block_of(grid.shape, grid.resolution_m, params.valleys)
    made, why = None, "too_large"
    told: dict[str, Any] = {}
    if block is None:
        flow = params.valleys
        least = least_cells(grid.shape, grid.resolution_m, flow)
        told = {"valley_cells_needed": least, "valley_cells_max": flow.cells_max}
    else:
        outside = [None if p is None else open_layer(p).to_numpy() for p in (outside_area, outside_area_high)]
        layers = {name: open_layer(path) for name, path in ground.items()}
        made, why, told = _run(elevation.to_numpy().astype(np.float64), grid, block, read_own(rain).load(), layers,
                               outside, params)  # fmt: skip
    nothing = da.full(grid.shape, np.float32(np.nan), chunks=(CHUNK, CHUNK), dtype=np.float32)
    depths = (nothing, nothing) if made is None else made
    title = ("deepest water by the run over the valleys", "the same with the most water from beyond the map")
    out = zip((valley_depth, valley_depth_high), depths, VALLEY, title, strict=True)
    write_layers({path: grid.layer(v, units="m", long_name=t, name=n) for path, v, n, t in out})
    write_json({"notes": _notes(why, told), "counts": told, "quarantine": [], "methods": [] if why else [_METHOD]},
               facts)  # fmt: skip


_METHOD = {
    "name": "two-dimensional flow over the valleys, gentle beds alone",
    "citation": "Bates et al. 2010, J. Hydrol. 387; Stelling & Duinmeijer 2003; USDA NEH-4 1972 ch. 16",
    "validity": "coarse cells of up to the width of a valley; steep beds and narrow channels by rating curves",
}


def _run(
    elevation_m: NDArray[np.float64], grid: Grid, block: int, cube: xr.DataArray, layers: dict[str, xr.DataArray],
    outside: list[NDArray[np.float64] | None], params: FloodParams,
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]] | None, str, dict[str, Any]]:  # fmt: skip
    """Return the two depths (None where the run cannot tell), the reason, and what the report says of the run."""
    import numpy as np
    from affine import Affine
    from odc.geo.geobox import GeoBox

    from geo_risk.core.grid import Grid
    from geo_risk.hazards.flood.town import Window
    from geo_risk.hazards.flood.valleys import (
        above_entries,
        gentle_ground,
        outlets_m,
        run_hours,
        run_valleys,
        valley_ground,
        walled,
    )
    from geo_risk.kernels.inertial import UnstableFlow

    flow = params.valleys
    ground = valley_ground(elevation_m, block=block, resolution_m=grid.resolution_m)
    left, _, _, top = grid.bounds
    n_y, n_x = ground.bed_m.shape
    side = ground.cell_m
    coarse = Grid(GeoBox((n_y, n_x), Affine(side, 0, left, 0, -side, top), grid.crs))  # on no lattice of its own
    series, storm = storm_hours(cube, coarse, params.town, window_h=int(params.river.storm_h))
    hours = run_hours(cube.to_numpy(), start=storm.start, storm_h=int(params.river.storm_h), params=flow)
    if hours is None:
        return None, "too_long", {}
    early, late, stop = hours
    window = Window(min(storm.start, early), early, stop)
    known = np.isfinite(ground.bed_m)
    lacking = float(rain_missing(cube, coarse, window)[0][known].mean()) if known.any() else 1.0
    if lacking > 0:
        return None, "rain_missing", {}
    for first in sorted({early, late}):
        window = Window(min(storm.start, first), first, stop)
        own = _runoff(cube, coarse, ground, window, series, layers, params)
        feds = [_fed(ground, own, area, params) for area in outside]
        if "late_crest" not in feds:
            break  # else a later start may leave the hours that the crest from beyond the map needs
    unrouted = window.first - window.start
    found: list[NDArray[np.float64]] = []
    flows: list[FedRunoff] = []
    for area, fed in zip(outside, feds, strict=True):
        if found and _same(area, outside[0]):
            found, flows = [*found, found[0]], [*flows, flows[0]]
            continue
        if isinstance(fed, str):
            return None, fed, {}
        kept = walled(ground, fed.cells)
        flows.append(fed)
        try:
            depth = run_valleys(kept, fed, params=flow, n_threads=usable_threads(kept.bed_m.size),
                                outlets=outlets_m(ground, fed.cells))  # fmt: skip
        except UnstableFlow as error:  # a run of which a part cannot be trusted is none: curves know every place
            return None, "unstable", _unstable(error, coarse)
        found.append(np.where(above_entries(ground, fed.cells), np.nan, depth))
    gentle = gentle_ground(ground, depth_m=params.depth_bounds_m[1], manning_n=flow.manning_n)
    best, most = (np.where(gentle, ground.depth_on(elevation_m, d), np.float32(np.nan)) for d in found)
    told = {"valley_cells": int(known.sum()), "valley_cell_m": side, "valley_hours": max(len(f) for f in flows),
            "valley_hours_before": unrouted,
            "valley_rain_before_mm": round(float(np.nansum(series[window.start : window.first])), 1),
            "valley_gentle_share": round(float(gentle.mean()), 3), "inflow_peak_m3_s": round(flows[0].peak_m3_s(side)),
            "inflow_peak_most_m3_s": round(flows[1].peak_m3_s(side))}  # fmt: skip
    return (best, most), "", told


def _unstable(error: UnstableFlow, coarse: Grid) -> dict[str, Any]:
    """Return where and when a run became unstable, as what the report says of it; the map's middle where unknown."""
    row, column = error.cell if error.cell is not None else (coarse.shape[0] // 2, coarse.shape[1] // 2)
    left, _, _, top = coarse.bounds
    side = coarse.resolution_m
    x, y = left + (column + 0.5) * side, top - (row + 0.5) * side
    return {"valley_unstable": 1, "unstable_x_m": round(x), "unstable_y_m": round(y),
            "unstable_h": round(error.time_s / 3600, 2)}  # fmt: skip


def _same(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> bool:
    import numpy as np

    return a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))


def _runoff(
    cube: xr.DataArray, coarse: Grid, ground: ValleyGround, window: Any, series: NDArray[np.float64],
    layers: dict[str, xr.DataArray], params: FloodParams,
) -> RainFields:  # fmt: skip
    """Return the runoff of the run's hours on the coarse grid, ground that is not known on the wet side."""
    import numpy as np

    from geo_risk.hazards.flood.soils import soil_code
    from geo_risk.hazards.flood.town import Surface

    number, soil, sealed = (layers[name].to_numpy() for name in GROUND)
    runoff = params.runoff
    number = ground.means(np.where(np.isnan(number), runoff.unknown_curve_number, number))
    number = np.where(np.isnan(number), runoff.unknown_curve_number, number)
    code = np.nan_to_num(ground.first(soil).astype(np.float64))
    code = np.where(code > 0, code, soil_code(runoff.unknown_soil_group))
    surface = Surface(number, np.full(coarse.shape, params.valleys.manning_n), code,
                      np.nan_to_num(ground.means(sealed)))  # fmt: skip
    condition = storm_condition(series, window.start, cube, runoff)
    return hours_runoff(cube, surface, coarse, window, runoff=runoff, condition=condition)


def _fed(
    ground: ValleyGround, own: RainFields, outside_m2: NDArray[np.float64] | None, params: FloodParams
) -> FedRunoff | str:
    """Return the runoff with what rivers bring over the edge; the reason where the run could not have their water."""
    import numpy as np

    from geo_risk.hazards.flood.valleys import entry_cells, fed_runoff

    area = np.zeros(ground.shape) if outside_m2 is None else outside_m2
    cells, entering = entry_cells(ground, area)
    if len(cells) < int((area > 0).sum()):
        return "no_entry"
    flow = params.valleys
    fed = fed_runoff(own, ground, cells, entering, slope_min=params.river.slope_min, after_h=flow.after_h,
                     hours_max=flow.hours_max)  # fmt: skip
    return "late_crest" if fed is None else fed


def _notes(why: str, told: dict[str, Any]) -> list[dict[str, str]]:
    """Return what the report says of the run."""
    from geo_risk.products.wording import note

    if not why:
        before = told["valley_hours_before"]
        late_en = late_zh = ""
        if before:
            mm = told["valley_rain_before_mm"]
            late_en = (f" The run begins {before} hours after the storm (flood.valleys.hours_max): {mm:g} mm that fell "
                       "before wet the ground, but their water is not in it.")  # fmt: skip
            late_zh = (f"演进起始晚于降雨开始 {before} 小时（flood.valleys.hours_max）："
                       f"此前 {mm:g} 毫米只计入土壤含水"
                       "，未参与汇流。")  # fmt: skip
        return [note(
            "info",
            f"The storm was run over the valleys on cells of {told['valley_cell_m']:g} m for {told['valley_hours']} "
            f"hours, with up to {told['inflow_peak_m3_s']} m3/s from beyond the map (at most "
            f"{told['inflow_peak_most_m3_s']}). It counts on {told['valley_gentle_share']:.0%} of the map, where the "
            "bed is gentle; elsewhere rating curves do." + late_en,
            f"本场降雨在河谷做了二维演进（网格 {told['valley_cell_m']:g} 米，{told['valley_hours']} 小时），"
            f"图外来水洪峰 {told['inflow_peak_m3_s']} m³/s（上限 {told['inflow_peak_most_m3_s']} m³/s）；在坡度平缓的 "
            f"{told['valley_gentle_share']:.0%} 范围内采用其水深，其余采用水位流量关系。" + late_zh,
        )]  # fmt: skip
    english, chinese = (text.format(**told) for text in _WHY[why])
    return [note("warning", f"The storm was not run over the valleys: {english}. Rating curves count everywhere; they "
                 "know neither storage nor backwater from a plain.",
                 f"未做河谷二维演进：{chinese}。全部采用水位流量关系，不考虑滩地调蓄和回水过程。")]  # fmt: skip


_WHY = {
    "too_large": ("the map has too many cells: {valley_cells_needed} at least, flood.valleys.cells_max is "
                  "{valley_cells_max}; raise that, or run a smaller area",
                  "图幅像元数超过上限：至少 {valley_cells_needed} 个，上限 flood.valleys.cells_max 为 "
                  "{valley_cells_max}；可调高上限或缩小范围"),
    "unstable": ("it became unstable at x {unstable_x_m:.0f}, y {unstable_y_m:.0f}, {unstable_h:.1f} hours after its "
                 "start, and nothing of it is used: look at the DEM there",
                 "演进在 x {unstable_x_m:.0f}、y {unstable_y_m:.0f} 处、开始后 {unstable_h:.1f} 小时失稳，结果未采用："
                 "请检查该处高程"),
    "too_long": ("its wettest hours lie too far apart (flood.valleys.hours_max)",
                 "各地最强降雨时段相隔过长（flood.valleys.hours_max）"),
    "no_entry": ("a river that enters it finds no place on the coarse grid", "流入河流在粗网格上无入流单元"),
    "late_crest": ("the crest of a river that enters it comes too late (flood.valleys.hours_max)",
                   "图外来水洪峰到达过晚（flood.valleys.hours_max）"),
    "rain_missing": ("an hour of its rain is missing", "部分时次降雨缺测"),
}  # fmt: skip
