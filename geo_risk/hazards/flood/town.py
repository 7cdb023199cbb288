"""The town's surface, the runoff of the hours that matter, and the run of the water over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import DataError, LimitError
from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.kernels.inertial import FloodRun, simulate
from geo_risk.kernels.runoff import scs_runoff_mm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """What rain falls on; (y, x) on the town's grid, NaN where unknown: `curve_number` [1], `manning_n` [s m^-1/3]."""

    curve_number: Array
    manning_n: Array


@dataclass(frozen=True)
class Window:
    """Hours of a storm by index: it begins at `start`, and `first` to `stop` (exclusive) are run."""

    start: int
    first: int
    stop: int


def town_surface(
    grid: Grid,
    natural_curve_number: ArrayLike,
    *,
    roads: Sequence[tuple[Any, str]],
    is_built: NDArray[np.bool_],
    params: TownFlowParams,
) -> Surface:
    """Curve number and roughness on the town's grid: roads are paved, built-up ground is dense, the rest is as mapped.

    Parameters
    ----------
    grid : the town's grid.
    natural_curve_number : (y, x) from soils and land cover; NaN where unknown.
    roads : (line, class); the width goes by class.
    is_built : (y, x), built-up by land cover or building footprints.
    params : curve numbers, roughness and road widths of the town.
    """
    number = np.array(natural_curve_number, dtype=np.float64)
    number = np.where(np.isnan(number), params.unknown_curve_number, number)
    number = np.where(is_built, np.fmax(number, params.built_curve_number), number)
    manning = np.where(is_built, params.built_manning_n, params.manning_n)
    shapes = [
        (line.buffer(max(params.road_width_m.get(kind, params.road_width_m["local"]) / 2, grid.resolution_m / 2)), 1.0)
        for line, kind in roads
    ]
    paved = rasterize(shapes, grid, fill=0, dtype="uint8") > 0
    return Surface(np.where(paved, params.paved_curve_number, number), np.where(paved, params.paved_manning_n, manning))


def storm_window(rain_mm: ArrayLike, *, window_h: int, dry_gap_h: int, dry_mm_h: float = 0.2) -> Window:
    """Find the wettest hours of a series, and where their storm began.

    Parameters
    ----------
    rain_mm : (t,) rain of each hour [mm]; NaN counts as dry here.
    window_h : hours to run.
    dry_gap_h : this many hours in a row with less than dry_mm_h each end the storm before.

    Raises
    ------
    DataError : the series is empty.
    """
    rain = np.nan_to_num(np.asarray(rain_mm, np.float64), nan=0.0)
    if rain.ndim != 1 or rain.size == 0:
        what = f"the rain series has shape {rain.shape}; (t,) with at least one hour needed"
        raise DataError(what, where="rain of the town", fix="give hourly rain that covers the town")
    hours = min(window_h, rain.size)
    sums = np.convolve(rain, np.ones(hours), mode="valid")
    first = int(sums.argmax())
    start, dry = first, 0
    while start > 0 and dry < dry_gap_h:
        start -= 1
        dry = dry + 1 if rain[start] < dry_mm_h else 0
    return Window(start + dry if dry >= dry_gap_h else start, first, first + hours)


def window_runoff_mm_h(
    before_mm: ArrayLike, hours_mm: ArrayLike, curve_number: ArrayLike, *, ia_ratio: float = 0.2
) -> Array:
    """Runoff of each hour of a window, after the rain that fell before it in the same storm.

    Parameters
    ----------
    before_mm : (y, x) rain of the storm before the window. hours_mm : (t, y, x) rain of each hour in it [mm].
    curve_number : (y, x). ia_ratio : as in `scs_runoff_mm`.

    Returns
    -------
    (t, y, x) [mm/h], NaN where an input is missing.
    """
    so_far = np.asarray(before_mm, np.float64) + np.cumsum(np.asarray(hours_mm, np.float64), axis=0)
    total = scs_runoff_mm(so_far, curve_number, ia_ratio=ia_ratio)
    first = scs_runoff_mm(before_mm, curve_number, ia_ratio=ia_ratio)
    return np.maximum(np.diff(np.concatenate([first[None], total]), axis=0), 0.0)


def run_town(
    elevation_m: NDArray[Any],
    surface: Surface,
    runoff_mm_h: Array,
    sinks_m3_s: Array,
    *,
    cell_m: float,
    params: TownFlowParams,
    record_cells: ArrayLike | None = None,
    rain_step_s: float = 3600.0,
) -> FloodRun:
    """Run the runoff of a storm over the town with its drains and pumps.

    Parameters
    ----------
    elevation_m : (y, x) [m], NaN is a wall.
    surface : roughness is used here. runoff_mm_h : (t, y, x), missing values run as 0 (count them before).
    sinks_m3_s : (y, x) capacity of the drains and pumps in each cell.
    cell_m : cell size. params : settings of the run. record_cells : flat indices to follow in time.
    rain_step_s : length of an interval of the runoff [s].

    Raises
    ------
    LimitError : more cells than params.cells_max.
    DataError : no height is known.
    """
    if not elevation_m.size <= params.cells_max:
        what = f"the town's DEM has {elevation_m.size:,} cells; at most {params.cells_max:,} are run"
        fix = "cut inputs.dem_town, make it coarser, or raise flood.town.cells_max"
        raise LimitError(what, where="inputs.dem_town", fix=fix)
    if not np.isfinite(elevation_m).any():
        what = "the town's DEM holds no height: every cell is missing"
        raise DataError(what, where="inputs.dem_town", fix="check its nodata value and extent")
    hours = runoff_mm_h.shape[0] * rain_step_s / 3600.0 + params.after_h
    return simulate(
        elevation_m, surface.manning_n, np.nan_to_num(runoff_mm_h, nan=0.0), rain_step_s=rain_step_s, cell_m=cell_m,
        duration_s=hours * 3600.0, sink_m3_s=sinks_m3_s, open_boundary=params.open_boundary, theta=params.theta,
        courant=params.courant, step_max_s=5.0, depth_threshold_m=params.duration_depth_m, record_cells=record_cells,
        record_step_s=params.record_step_s,
    )  # fmt: skip


def coarsened_max(depth: NDArray[Any], fine: Grid, coarse: Grid) -> Array:
    """Greatest fine value inside each coarse cell; NaN where none is known.

    Parameters
    ----------
    depth : (y, x) on `fine`. fine, coarse : grids of one CRS.

    Raises
    ------
    DataError : the grids are in different CRS.
    """
    if fine.crs != coarse.crs:
        what = f"the town's grid is in {fine.crs}, the run's in {coarse.crs}"
        raise DataError(what, where="inputs.dem_town", fix="bring the town's DEM into area.crs")
    coords = fine.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    rows, columns, inside = coarse.index(x.ravel(), y.ravel())
    values = np.asarray(depth, np.float64).ravel()
    good = inside & np.isfinite(values)
    out = np.full(coarse.shape, -np.inf)
    np.maximum.at(out, (rows[good], columns[good]), values[good])
    return np.where(np.isfinite(out), out, np.nan)


def town_facts(run: FloodRun, table: Any, *, times: Sequence[str], peak_rain_mm_h: float) -> dict[str, Any]:
    """Return counts, notes and the method card of the town's run for the report.

    Parameters
    ----------
    run : the storm's run. table : as `responses.responses` returns it.
    times : begin of the storm, first and last hour of the window, as text. peak_rain_mm_h : wettest hour.
    """
    balance = run.balance
    share = abs(balance.error_m3) / max(balance.rain_m3 + balance.initial_m3, 1e-9)
    deep = int((table["depth_m"] >= 0.15).sum())
    notes = [{
        "level": "info",
        "text_en": f"The town was run from {times[1]} to {times[2]} (storm since {times[0]}): {deep} of {len(table)} "
                   f"sites are deeper than 0.15 m; water balance closed to {share:.1e} of the rain.",
        "text_zh": f"城区二维水动力模拟时段 {times[1]} 至 {times[2]}：{len(table)} 处点位中 {deep} 处水深超过 0.15 m；"
                   f"水量平衡误差为雨量的 {share:.1e}。",
    }]  # fmt: skip
    counts = {
        "sites": len(table), "sites_deeper_than_0.15_m": deep, "steps": run.n_steps, "rain_m3": balance.rain_m3,
        "drained_m3": balance.drained_m3, "left_m3": balance.left_m3, "stored_m3": balance.final_m3,
        "error_m3": balance.error_m3, "peak_rain_mm_h": peak_rain_mm_h,
    }  # fmt: skip
    methods = [{
        "name": "Local-inertial flow, rain on the grid",
        "citation": "Bates et al. 2010; de Almeida et al. 2012; USDA TR-55 1986",
        "validity": "subcritical flow over streets and courts on a DEM of some metres; no sewer network, drains take "
                    "their capacity wherever water stands on them",
    }]  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": methods}
