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
from geo_risk.hazards.flood.losses import Ground, storm_excess_mm
from geo_risk.hazards.flood.obstacles import against_walls, standing
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.soils import soil_code
from geo_risk.kernels.flow_input import RainFields
from geo_risk.kernels.inertial import Checkpoints, FloodRun, Inflow, UnstableFlow, simulate
from geo_risk.kernels.moisture import AVERAGE

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """What rain falls on; (y, x) on the town's grid.

    Attributes
    ----------
    curve_number : of average moisture [1]. manning_n : [s m^-1/3]. Both NaN where unknown.
    soil, impervious_share : as `losses.Ground` has them; None where the run needs none.
    drained_mm_h : what storm drains take that are known by the area they serve; None: nothing.
    obstacle_m : height of what water must flow around; None: nothing.
    """

    curve_number: Array
    manning_n: Array
    soil: NDArray[Any] | None = None
    impervious_share: Array | None = None
    drained_mm_h: Array | None = None
    obstacle_m: Array | None = None

    @property
    def ground(self) -> Ground:
        """What of it takes in rain."""
        nothing = np.zeros(self.curve_number.shape)
        soil = nothing if self.soil is None else self.soil
        return Ground(self.curve_number, soil, nothing if self.impervious_share is None else self.impervious_share)

    def excess_mm(
        self, rain_mm: ArrayLike, params: RunoffParams, *, condition: float = AVERAGE, step_h: float = 1.0
    ) -> Array:
        """Rain of each interval that runs off, (t, y, x) [mm] (see `losses.storm_excess_mm`).

        Parameters
        ----------
        rain_mm : (t, y, x), or (t, 1, 1) of rain that is the same everywhere. condition : of the ground before.
        """
        rain = np.asarray(rain_mm, np.float64)
        rain = np.broadcast_to(rain, (rain.shape[0], *self.curve_number.shape))
        return storm_excess_mm(rain, self.ground, condition, params, step_h=step_h)


@dataclass(frozen=True)
class Window:
    """Hours of a storm by index: it begins at `start`, and `first` to `stop` (exclusive) are run."""

    start: int
    first: int
    stop: int


def town_surface(
    grid: Grid,
    natural: Ground,
    *,
    roads: Sequence[tuple[Any, str]],
    is_built: NDArray[np.bool_],
    params: TownFlowParams,
) -> Surface:
    """Runoff and roughness on the town's grid: roads are paved, built-up ground is dense, the rest is as mapped.

    Parameters
    ----------
    grid : the town's grid.
    natural : (y, x) from soils and land cover; what is unknown there counts by `unknown_curve_number` and
        `unknown_soil_group`, both on the wet side.
    roads : (line, class); the width goes by class.
    is_built : (y, x), built-up by land cover or building footprints.
    params : curve numbers, sealed shares, roughness and road widths of the town.
    """
    number = np.array(natural.curve_number, dtype=np.float64)
    number = np.where(np.isnan(number), params.unknown_curve_number, number)
    number = np.where(is_built, np.fmax(number, params.built_curve_number), number)
    sealed = np.nan_to_num(np.asarray(natural.impervious_share, np.float64), nan=0.0)
    sealed = np.where(is_built, np.fmax(sealed, params.built_impervious_share), sealed)
    soil = np.where(np.asarray(natural.soil) > 0, natural.soil, soil_code(params.unknown_soil_group))
    manning = np.where(is_built, params.built_manning_n, params.manning_n)
    shapes = [
        (line.buffer(max(params.road_width_m.get(kind, params.road_width_m["local"]) / 2, grid.resolution_m / 2)), 1.0)
        for line, kind in roads
    ]
    paved = rasterize(shapes, grid, fill=0, dtype="uint8") > 0
    return Surface(
        np.where(paved, params.paved_curve_number, number), np.where(paved, params.paved_manning_n, manning),
        soil, np.where(paved, 1.0, sealed),
    )  # fmt: skip


def storm_window(rain_mm: ArrayLike, *, window_h: int, dry_gap_h: int, dry_mm_h: float = 0.2) -> Window:
    """Find the wettest hours of a series, and where their storm began.

    Of windows with the same sum the last one counts: its rain comes early, and its water has time to arrive.

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
    first = int(np.flatnonzero(sums >= sums.max() - 1e-6)[-1])  # sums of floats
    start, dry = first, 0
    while start > 0 and dry < dry_gap_h:
        start -= 1
        dry = dry + 1 if rain[start] < dry_mm_h else 0
    return Window(start + dry if dry >= dry_gap_h else start, first, first + hours)


def window_runoff_mm_h(
    before_mm: ArrayLike, hours_mm: ArrayLike, surface: Surface, params: RunoffParams, *, condition: float = AVERAGE
) -> Array:
    """Runoff of each hour of a window, after the rain that fell before it in the same storm.

    Parameters
    ----------
    before_mm : (k, y, x) rain of each hour of the storm before the window [mm]. hours_mm : (t, y, x), of each in it.
    surface : ground. params : method and its numbers. condition : of the ground before the storm, 1 to 3.

    Returns
    -------
    (t, y, x) [mm/h], NaN where an input is missing.
    """
    before, hours = np.asarray(before_mm, np.float64), np.asarray(hours_mm, np.float64)
    if params.method == "curve_number":  # it looks at sums alone
        before = before.sum(axis=0, keepdims=True)
    excess = surface.excess_mm(np.concatenate([before, hours]), params, condition=condition)
    return excess[len(before) :]


@dataclass(frozen=True)
class RunWith:
    """How a run is done and what more it keeps; the result does not depend on the first two.

    Attributes
    ----------
    n_threads : to use. checkpoints : states kept on the way.
    frame_step_s : keep the depth everywhere every so often. inflows : water from outside.
    """

    n_threads: int = 1
    checkpoints: Checkpoints | None = None
    frame_step_s: float | None = None
    inflows: Sequence[Inflow] = ()


def run_town(  # noqa: PLR0913 - what all callers share stays plain, the rest is in `how`
    elevation_m: NDArray[Any],
    surface: Surface,
    runoff_mm_h: Array | RainFields,
    sinks_m3_s: Array,
    *,
    cell_m: float,
    params: TownFlowParams,
    record_cells: ArrayLike | None = None,
    rain_step_s: float = 3600.0,
    how: RunWith = RunWith(),
) -> FloodRun:
    """Run the runoff of a storm over the town with its drains and pumps.

    Parameters
    ----------
    elevation_m : (y, x) [m], NaN is a wall.
    surface : roughness, obstacles and what area drains take are used here; an obstacle gets what stands against it.
    runoff_mm_h : (t, y, x), missing values run as 0 (count them before); or made hour by hour, as in `hourly_runoff`.
    sinks_m3_s : (y, x) capacity of the drains and pumps in each cell.
    cell_m : cell size. params : settings of the run. record_cells : flat indices to follow in time.
    rain_step_s : length of an interval of the runoff [s]. how : threads, states, frames, inflows.

    Raises
    ------
    LimitError : more cells than params.cells_max.
    DataError : no height is known, or the run became unstable.
    """
    if not elevation_m.size <= params.cells_max:
        what = f"the town's DEM has {elevation_m.size:,} cells; at most {params.cells_max:,} are run"
        fix = "cut inputs.dem_town, make it coarser, or raise flood.town.cells_max"
        raise LimitError(what, where="inputs.dem_town", fix=fix)
    if not np.isfinite(elevation_m).any():
        what = "the town's DEM holds no height: every cell is missing"
        raise DataError(what, where="inputs.dem_town", fix="check its nodata value and extent")
    sinks = sinks_m3_s if surface.drained_mm_h is None else sinks_m3_s + surface.drained_mm_h * cell_m**2 / 3.6e6
    hours = len(runoff_mm_h) * rain_step_s / 3600.0 + params.after_h
    rain = np.nan_to_num(runoff_mm_h, nan=0.0) if isinstance(runoff_mm_h, np.ndarray) else runoff_mm_h
    walls = None if surface.obstacle_m is None else standing(surface.obstacle_m, sinks, record_cells)
    try:
        run = simulate(
            elevation_m if walls is None else elevation_m + walls, surface.manning_n, rain, rain_step_s=rain_step_s,
            cell_m=cell_m, duration_s=hours * 3600.0,
            sink_m3_s=sinks, open_boundary=params.open_boundary, advection=params.advection, theta=params.theta,
            courant=params.courant,
            step_max_s=5.0, depth_threshold_m=params.duration_depth_m, record_cells=record_cells,
            record_step_s=params.record_step_s, inflows=how.inflows, debris_factor=params.debris_factor,
            frame_step_s=how.frame_step_s, n_threads=how.n_threads, checkpoints=how.checkpoints,
        )  # fmt: skip
    except UnstableFlow as error:
        place = "" if error.cell is None else f", row {error.cell[0]}, column {error.cell[1]}"
        what = f"the flow became unstable {error.time_s:.0f} s after the start: {error.what}"
        fix = "look at the DEM, drains and rain there, or lower flood.town.courant"
        raise DataError(what, where=f"inputs.dem_town{place}", fix=fix) from error
    return run if walls is None else against_walls(run, walls > 0)


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


RATING_BOUNDS = (0.75, 1.25, 2.0)
"""Hazard ratings from which flood is a danger for some, most and all: Defra/Environment Agency (2006) FD2321/TR1."""


def rated_cells(run: FloodRun, bound: float) -> int:
    """Return the number of cells whose hazard rating reached a bound."""
    return 0 if run.hazard_rating is None else int((run.hazard_rating >= bound).sum())


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
        "error_m3": balance.error_m3, "peak_rain_mm_h": peak_rain_mm_h, "inflow_m3": balance.inflow_m3,
        **{f"cells_rated_{bound:g}_or_more": rated_cells(run, bound) for bound in RATING_BOUNDS},
    }  # fmt: skip
    methods = [{
        "name": "Shallow-water flow, rain on the grid",
        "citation": "Bates et al. 2010; de Almeida et al. 2012; Stelling and Duinmeijer 2003; USDA TR-55 1986; hazard "
                    "rating: FD2321/TR1 2006",
        "validity": "flow over streets and courts on a DEM of some metres; no sewer network, drains take "
                    "their capacity wherever water stands on them",
    }]  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": methods}
