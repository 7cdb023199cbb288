"""Shallow-water flow on a raster: rain on the grid, inflows, drains, held levels, open or closed edges.

Without advection the local-inertial equations: the q-centred scheme of de Almeida et al. (2012, Water Resour. Res. 48,
W05528, eqs 7 and 9-11) on the momentum equation of Bates et al. (2010, J. Hydrol. 387, eq. 6), with Manning friction of
the new flux itself, so that thin water comes to its normal depth in one long step (with that of the old flux, eq. 8, it
swings about it):

    q' + g dt n^2 q' |q'| / h_f^(7/3) = theta q + (1 - theta) (q_left + q_right) / 2 - g h_p dt d(eta)/dx - dt A
    h_f = max(eta of both cells) - max(z of both cells)
    dt = dx / max(sqrt(g h_max) / courant + |u|_max, 2 m/s / courant)

A = 0, h_p = h_f and |u|_max = 0 here; nothing runs faster than critical flow, for beyond it these equations break into
waves. With advection A is the momentum carried away (`momentum_rows`), and h_p the mean depth where that is less, so
that bores run as fast as they should. |u|_max counts to 3 m/s; faster water, as down a step of the ground, is held to
what the step can follow (that and 0.4 of the celerity of the deepest water) and to a Froude number of 5.

Fluxes are float32, depth and all that is added to it float64, so that mass is kept to rounding of float64. Depth can
never become negative: where a step would take more water out of a cell than it holds, all its outflows are scaled
down alike.

The hazard rating is that of Defra/Environment Agency FD2321 (2006): d (v + 0.5) + debris factor, with bands at 0.75
(danger for some), 1.25 (for most) and 2 (for all).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.flow_forcing import Inflow, Level, pack
from geo_risk.kernels.flow_input import RainFields, check_numbers, checked_grid, checked_rain
from geo_risk.kernels.flow_run import Checkpoints, Clockwork, Outcome, UnstableFlow, run
from geo_risk.kernels.flow_state import STEPS, TICKS_PER_S, Ground, Settings, Water
from geo_risk.kernels.inertial_rows import GRAVITY

__all__ = ["GRAVITY", "Checkpoints", "Crossings", "FloodRun", "Frames", "Inflow", "Level", "MassBalance", "Record",
           "UnstableFlow", "simulate"]  # fmt: skip

Array = NDArray[np.float64]

WALL_M = 1.0e6
"""Height given to missing cells, so that nothing flows into or out of them."""

URBAN_DEBRIS = (0.0, 1.0, 1.0)
"""Debris factor of urban ground to 0.25 m, to 0.75 m, and deeper or faster than 2 m/s: FD2321/TR1 (2006) table 3.1."""

MASS_ERROR = 1.0e-6
"""Share of the water given that may be missing at the end; more is a run that has lost its way."""


class MassBalance(NamedTuple):
    """Volumes over a run [m3]; `error_m3` = change of storage - rain - inflow + drained + left - held."""

    initial_m3: float
    final_m3: float
    rain_m3: float
    drained_m3: float
    left_m3: float
    held_m3: float
    error_m3: float
    inflow_m3: float = 0.0


class Record(NamedTuple):
    """State of chosen cells in time; `time_s` (k,), `depth_m` and `drained_m3` since the start (k, n)."""

    time_s: Array
    depth_m: Array
    drained_m3: Array


class Crossings(NamedTuple):
    """Water that had flowed into a rectangle of cells: `time_s` (k,), `inward_m3` (k, n) through each of its n faces.

    Faces in order: west and east of each row from the top, north and south of each column from the left. What flowed
    out is not taken off.
    """

    time_s: Array
    inward_m3: Array


class Frames(NamedTuple):
    """Depth at some times: `time_s` (k,), `depth_mm` (k, y, x) uint16; 65535 is missing, 65534 that or deeper."""

    time_s: Array
    depth_mm: NDArray[np.uint16]


class FloodRun(NamedTuple):
    """What `simulate` returns; arrays (y, x) float64, NaN where the elevation is missing.

    `arrival_s` is NaN too where the depth never exceeded the threshold.
    """

    max_depth_m: Array
    depth_m: Array
    duration_above_s: Array
    drained_m3: Array
    balance: MassBalance
    n_steps: int
    record: Record | None = None
    arrival_s: Array | None = None
    max_speed_m_s: Array | None = None
    hazard_rating: Array | None = None
    frames: Frames | None = None
    crossings: Crossings | None = None


def simulate(
    elevation_m: ArrayLike,
    manning_n: ArrayLike,
    rain_mm_h: ArrayLike | RainFields,
    *,
    rain_step_s: float,
    cell_m: float,
    duration_s: float | None = None,
    sink_m3_s: ArrayLike | None = None,
    level_m: ArrayLike | None = None,
    initial_depth_m: ArrayLike | None = None,
    open_boundary: bool = True,
    advection: bool = False,
    theta: float = 0.9,
    courant: float = 0.7,
    step_max_s: float = 10.0,
    step_min_s: float = 1.0e-3,
    depth_threshold_m: float = 0.15,
    record_cells: ArrayLike | None = None,
    record_step_s: float = 300.0,
    inflows: Sequence[Inflow] = (),
    levels: Sequence[Level] = (),
    debris_factor: tuple[float, float, float] = URBAN_DEBRIS,
    frame_step_s: float | None = None,
    gauge_box: tuple[int, int, int, int] | None = None,
    n_threads: int = 1,
    checkpoints: Checkpoints | None = None,
) -> FloodRun:
    """Run rain-on-grid flow and return the deepest and the last water, and where all the water went.

    Parameters
    ----------
    elevation_m : (y, x) [m]. NaN is a wall: no water enters or leaves, results are NaN there. To make a building a
        wall set it to NaN; to let water over it when it is deep enough, raise it.
    manning_n : number or (y, x) [s m^-1/3], > 0 where the elevation is known.
    rain_mm_h : (t,) or (t, y, x) [mm/h], rain (or runoff) rate over interval k = [k, k + 1) rain_step_s; none after
        the last one. Must be >= 0; NaN is allowed only where the elevation is NaN. Or an object with len() and
        field(k), as `flow_input.IndexedRain` for rain on another grid.
    rain_step_s : length of a rain interval [s].
    cell_m : cell size [m].
    duration_s : simulated time [s]; default: as long as the rain.
    sink_m3_s : (y, x) [m3/s], what a drain or pump in the cell takes at most; 0 elsewhere. It takes no more than
        there is. Water that it takes leaves the domain.
    level_m : (y, x) [m], water surface held at this height (a river or sea level); NaN where it is free.
    initial_depth_m : (y, x) [m], water at the start; default none.
    open_boundary : water leaves over the four edges at critical flow; False: walls.
    advection : momentum is carried along; without it, in half the time, right for slow water alone.
    theta : weight of a face's own flux in the q-centred mean, 0 < theta <= 1; 1 is Bates' scheme, less damps
        checkerboards and smears the flux where it jumps (at point inflows and drains).
    courant : share of the limit by the fastest wave used for the step, 0 < courant <= 1; 0.5-0.7 is usual.
    step_max_s : longest step [s], for the time when all is nearly dry. step_min_s : a run that needs a shorter one
        has become unstable and ends with an error.
    depth_threshold_m : depth whose first time and time of exceedance are kept [m].
    record_cells : (n,) flat indices of cells whose depth and drained volume are kept every record_step_s [s].
    inflows, levels : discharges let in and water levels held, in time.
    debris_factor : of the hazard rating to 0.25 m, to 0.75 m, and deeper or faster than 2 m/s.
    frame_step_s : keep the depth everywhere every so often [s].
    gauge_box : first and stop row, first and stop column of a rectangle; what flows into it through each face is kept
        every record_step_s.
    n_threads : threads to use; the result does not depend on it.
    checkpoints : how to keep the state for a run that is broken off, and one to go on from.

    Returns
    -------
    FloodRun : max_depth_m, depth_m (at the end), duration_above_s (time with depth > threshold), drained_m3 (taken
        by the sink of each cell), balance, n_steps, record, arrival_s (first time with depth > threshold),
        max_speed_m_s, hazard_rating (these three are looked at every fourth step; speed counts from 0.01 m of
        depth), frames, crossings. Steps end at rain intervals, records and frames, so these change the result by
        rounding of time steps.

    Raises
    ------
    ValueError : shapes differ, a value is out of its range, or no elevation is known.
    UnstableFlow : depth is not finite, the step too short, or water was lost.
    """
    z = np.array(elevation_m, dtype=np.float64, order="C")
    if z.ndim != 2 or min(z.shape) < 1:
        msg = f"elevation_m has shape {z.shape}; (y, x) needed"
        raise ValueError(msg)
    known = np.isfinite(z)
    if not known.any():
        msg = "elevation_m holds no finite value"
        raise ValueError(msg)
    check_numbers(
        rain_step_s=rain_step_s, cell_m=cell_m, step_max_s=step_max_s, step_min_s=step_min_s,
        depth_threshold_m=depth_threshold_m, record_step_s=record_step_s, n_threads=n_threads,
        frame_step_s=1.0 if frame_step_s is None else frame_step_s,
    )  # fmt: skip
    check_numbers(1.0, theta=theta, courant=courant)
    rain = checked_rain(rain_mm_h, known)
    duration = len(rain) * rain_step_s if duration_s is None else float(duration_s)
    if not 0 <= duration < np.inf:
        msg = f"duration_s is {duration_s}; a finite number >= 0 needed"
        raise ValueError(msg)
    friction = checked_grid(manning_n, known, "manning_n", above=0.0)
    sinks = checked_grid(0.0 if sink_m3_s is None else sink_m3_s, known, "sink_m3_s")
    depth = checked_grid(0.0 if initial_depth_m is None else initial_depth_m, known, "initial_depth_m")
    held = None if level_m is None else np.where(known, np.asarray(level_m, np.float64), np.nan)
    debris = np.asarray(debris_factor, np.float32)
    if debris.shape != (3,) or not ((debris >= 0) & np.isfinite(debris)).all():
        msg = f"debris_factor is {debris_factor}; three numbers >= 0 needed"
        raise ValueError(msg)
    ground = Ground(np.where(known, z, WALL_M), (friction * (0.5 * GRAVITY**0.5)).astype(np.float32))
    settings = Settings(float(cell_m), float(theta), float(courant), float(step_max_s), float(step_min_s),
                        float(depth_threshold_m), bool(open_boundary), bool(advection), debris)  # fmt: skip
    clockwork = Clockwork(
        float(rain_step_s), duration, None if record_cells is None and gauge_box is None else float(record_step_s),
        None if frame_step_s is None else float(frame_step_s),
        np.empty(0, np.int64) if record_cells is None else np.asarray(record_cells, dtype=np.int64), int(n_threads),
    )  # fmt: skip
    forcing = pack(z, sinks, cell_m=float(cell_m), inflows=inflows, levels=levels, held=held,
                   box=gauge_box)  # fmt: skip
    initial_m3 = float(depth.sum()) * cell_m**2
    water = dry(z.shape, depth, advection=advection)
    outcome = run(
        ground, water, forcing, settings, rain=rain, known=known, clockwork=clockwork, checkpoints=checkpoints
    )
    return _results(outcome, known, initial_m3=initial_m3, settings=settings, clockwork=clockwork)


def dry(shape: tuple[int, int], depth: Array, *, advection: bool = False) -> Water:
    """Return the state at the start: still water of some depth (y, x) [m]."""
    ny, nx = shape
    rows, columns = (ny, nx) if advection else (-1, -1)

    def floats() -> NDArray[np.float32]:
        return np.zeros(shape, np.float32)

    return Water(
        h=depth, qx=np.zeros((ny, nx + 1), np.float32), qy=np.zeros((ny + 1, nx), np.float32),
        u=np.zeros((max(rows, 0), columns + 1), np.float32), v=np.zeros((rows + 1, max(columns, 0)), np.float32),
        fastest_u=np.zeros(ny, np.float32), fastest_v=np.zeros(ny + 1, np.float32), deepest=floats(),
        arrival=np.full(shape, np.inf, np.float32), fastest=floats(), rating=floats(),
        above=np.zeros(shape, np.int32), left=np.zeros(ny),
        row_max=np.minimum(depth.max(axis=1), 1e30).astype(np.float32),
        still_x=np.ones(ny, np.bool_), still_y=np.ones(ny + 1, np.bool_), clock=np.zeros(8),
    )  # fmt: skip


def _results(
    outcome: Outcome, known: NDArray[np.bool_], *, initial_m3: float, settings: Settings, clockwork: Clockwork
) -> FloodRun:
    """Put what the run left into the arrays and volumes that are asked for."""
    water, forcing, area = outcome.water, outcome.forcing, settings.cell_m**2
    drained_m3 = float(forcing.sink_taken.sum()) * area
    final, rain_m3, inflow_m3 = float(water.h.sum()) * area, outcome.rain_m * area, float(forcing.given.sum())
    left_m3 = (float(water.left.sum()) + float(forcing.totals[0])) * area
    given_m3 = float(forcing.totals[1]) * area
    error = final - initial_m3 - rain_m3 - inflow_m3 + drained_m3 + left_m3 - given_m3
    moved = initial_m3 + rain_m3 + inflow_m3 + left_m3 + abs(given_m3)
    if not abs(error) <= MASS_ERROR * moved + 1e-9:
        what = f"the water balance does not close: {error:.3g} m3 of {moved:.3g} m3"
        raise UnstableFlow(what, cell=None, time_s=clockwork.duration_s)
    by_cell = np.zeros(known.size)
    by_cell[forcing.sink_cells] = forcing.sink_taken * area
    arrival = np.where(np.isfinite(water.arrival), water.arrival, np.nan)
    deepest = np.maximum(water.deepest.astype(np.float64), water.h)
    taken = by_cell.reshape(known.shape)
    fields = (deepest, water.h, water.above / TICKS_PER_S, taken, arrival, water.fastest, water.rating)
    deepest, depth, above, taken, arrival, speed, rating = (
        np.where(known, a, np.nan).astype(np.float64) for a in fields
    )
    balance = MassBalance(initial_m3, final, rain_m3, drained_m3, left_m3, given_m3, error, inflow_m3)
    record = frames = crossings = None
    if clockwork.record_step_s is not None:
        n = clockwork.record_cells.size
        times, depths, drained, crossed = np.split(outcome.record, [1, 1 + n, 1 + 2 * n], axis=1)
        record = Record(times[:, 0], depths, drained)
        crossings = Crossings(times[:, 0], crossed) if forcing.crossed.size else None
    if clockwork.frame_step_s is not None:
        frames = Frames(outcome.frame_times, outcome.frames)
    steps = int(water.clock[STEPS])
    return FloodRun(
        deepest, depth, above, taken, balance, steps, record, arrival, speed, rating, frames, crossings
    )  # fmt: skip
