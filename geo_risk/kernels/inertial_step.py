"""Time steps of the local-inertial flow: bands of rows dealt to threads that meet a few times a step.

A band sweeps its rows once while they are in cache. A row's depth may change only when the fluxes of all its faces are
final, so it follows one row behind the fluxes. At the seam between two bands the last three rows wait until both have
swept; what they need of the old state is kept before. Every number is made by the same operations in the same order
whatever the number of bands, so the result is the same to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.barrier import wait
from geo_risk.kernels.flow_forcing import Forcing, drain, gauge, give, hold, open_inlets, rise_by_inflow
from geo_risk.kernels.inertial_rows import (
    DRY_M,
    GRAVITY,
    copy_row,
    count_above,
    deepen,
    edge_flux,
    faces_x,
    faces_y,
    flux_x,
    flux_y,
    limit,
    overdrawn,
    rate_hazard,
    surface,
    update,
    update_even,
)

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

OBSERVE_STEPS = 4
"""Arrival, speed and hazard rating are looked at every so many steps."""

TICKS_PER_S = 1024
"""Resolution of the time above the threshold, counted in whole numbers so that hours of short steps add up."""

DEPTH_MAX_M = 1.0e5
"""Deeper water than this is a run that has lost its way."""

ROWS_MIN = 8
"""Least rows of a band."""

REMAINING, END, DT, STEPS, STATUS, TICKS, NOW = range(7)
"""Places in the clock: seconds left of the piece, its end, this step, steps so far, trouble, ticks of this step, its
begin."""

RUNS, TOO_DEEP, TOO_SHORT = 0.0, 1.0, 2.0
"""Values of STATUS."""


class Ground(NamedTuple):
    """What does not change: `z` (y, x) float64, walls WALL_M high; `rough` (y, x) float32, n sqrt(g) / 2."""

    z: Array
    rough: Floats


class Water(NamedTuple):
    """The state, all that a later step needs.

    `h` (y, x) float64 [m]; `qx` (y, x + 1), `qy` (y + 1, x) float32 [m2/s]; `deepest` [m], `arrival` [s], `fastest`
    [m/s], `rating` (y, x) float32; `above` (y, x) int32 ticks; `row_max` (y,) float32 bound of a row's depth; `left`
    (y,) float64, water that left over the edges from a row [m of a cell]; `still_x` (y,), `still_y` (y + 1,) whether
    all fluxes of a row are 0; `clock` (7,).
    """

    h: Array
    qx: Floats
    qy: Floats
    deepest: Floats
    arrival: Floats
    fastest: Floats
    rating: Floats
    above: NDArray[np.int32]
    row_max: Floats
    left: Array
    still_x: NDArray[np.bool_]
    still_y: NDArray[np.bool_]
    clock: Array


class Settings(NamedTuple):
    """Numbers of a run; see `inertial.simulate`."""

    cell_m: float
    theta: float
    courant: float
    step_max_s: float
    step_min_s: float
    threshold_m: float
    is_open: bool
    debris: Floats


class Scratch(NamedTuple):
    """Rows that bands work in: `seams` (2 band, x), old fluxes of a band's first two rows of faces, read by the band
    before; `eta`, `depth`, `face` (band, 2, x) and `old` (band, 3, x + 1) of its own.
    """

    seams: Floats
    eta: Array
    depth: Floats
    old: Floats
    face: Floats


def bands(shape: tuple[int, int], n_threads: int) -> tuple[NDArray[np.int64], Scratch]:
    """First row of each band and the number of rows, at least ROWS_MIN rows a band; and room for them to work in."""
    ny, nx = shape
    n = max(1, min(n_threads, ny // ROWS_MIN))
    edges = np.array([k * ny // n for k in range(n + 1)], dtype=np.int64)
    rows = (np.zeros((2 * n, nx), np.float32), np.zeros((n, 2, nx)), np.zeros((n, 2, nx), np.float32))
    return edges, Scratch(*rows, np.zeros((n, 3, nx + 1), np.float32), np.zeros((n, 2, nx), np.float32))


@njit(cache=True, nogil=True, error_model="numpy")
def advance(
    ground: Ground, water: Water, forcing: Forcing, settings: Settings, scratch: Scratch, edges: Any, band: int,
    arrived: Any, max_steps: int,
) -> None:  # fmt: skip
    """Step a band until the piece of time is over, something is wrong, or `max_steps` are done.

    Parameters
    ----------
    edges : (band + 1,) first row of each band and the number of rows.
    band : the one to do. arrived : counter of `barrier.wait`.
    """
    n_bands = edges.size - 1
    a, b = edges[band], edges[band + 1]
    nx = ground.z.shape[1]
    seams, rows, rows32, old = scratch.seams, scratch.eta[band], scratch.depth[band], scratch.old[band]
    face = scratch.face[band]
    for _ in range(max_steps):
        if band == 0:
            _choose_step(water, forcing, settings)
        if band > 0:
            copy_row(water.qy, a, seams, 2 * band)
            copy_row(water.qy, a + 1, seams, 2 * band + 1)
        wait(arrived, n_bands)
        if water.clock[DT] <= 0.0:
            return
        _sweep(ground, water, forcing, settings, seams, a, b, band, rows, rows32, old, face)
        wait(arrived, n_bands)
        if band > 0:
            _close_seam(ground, water, forcing, settings, a, rows, rows32, old)
        wait(arrived, n_bands)
        if forcing.inflow_cells.size > 0:
            if band == 0:
                give(water.h, water.row_max, forcing, water.clock[DT] / settings.cell_m)
            wait(arrived, n_bands)
        drain(water.h, forcing, a * nx, b * nx, water.clock[DT])
        wait(arrived, n_bands)
        if band == 0:
            if forcing.crossed.size > 0:
                gauge(water.qx, water.qy, forcing, water.clock[DT])
            hold(water.h, water.row_max, forcing, water.clock[END] - water.clock[REMAINING])
            water.clock[STEPS] += 1


@njit(cache=True, nogil=True)
def _choose_step(water: Water, forcing: Forcing, settings: Settings) -> None:
    """Set the next step, or 0 where the piece is over or the state is not to be trusted."""
    clock = water.clock
    clock[DT] = 0.0
    remaining = clock[REMAINING]
    if remaining <= 0.0:
        return
    h_max = 0.0
    for j in range(water.row_max.size):
        if not water.row_max[j] <= DEPTH_MAX_M:
            clock[STATUS] = TOO_DEEP
            return
        h_max = max(h_max, np.float64(water.row_max[j]))
    now, longest = clock[END] - remaining, settings.step_max_s
    rise = max(forcing.rate_max[0], rise_by_inflow(forcing, now, now + longest))
    dt = min(longest, settings.courant * settings.cell_m / np.sqrt(GRAVITY * max(h_max + rise * longest, 1e-9)))
    if not dt >= settings.step_min_s:
        clock[STATUS] = TOO_SHORT
        return
    dt = remaining if dt >= remaining else (0.5 * remaining if dt > 0.5 * remaining else dt)
    clock[REMAINING] = 0.0 if dt >= remaining else remaining - dt
    after = clock[END] - clock[REMAINING]
    clock[DT], clock[NOW] = dt, now
    clock[TICKS] = np.round(after * TICKS_PER_S) - np.round(now * TICKS_PER_S)
    open_inlets(forcing, water.row_max, water.h.shape[1], after, dt, settings.cell_m)


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(
    ground: Ground, water: Water, forcing: Forcing, settings: Settings, seams: Floats, a: int, b: int, band: int,
    eta: Array, depth: Floats, old: Floats, face: Floats,
) -> None:  # fmt: skip
    """New fluxes of a band, and new depths of all its rows but those at a seam; the last four are scratch.

    Row 0 of `old` holds the fluxes within a row before the step, rows 1 and 2 those above and below it in turn.
    """
    # taken out of the tuples once: each time counts references, which threads that share an array do slowly
    z, rough, h, qx, qy = ground.z, ground.rough, water.h, water.qx, water.qy
    row_max, still_x, still_y, inlet = water.row_max, water.still_x, water.still_y, forcing.inlet
    deepest, over, arrival, fastest, rating = water.deepest, water.above, water.arrival, water.fastest, water.rating
    rate, rate_row, left, debris, is_open = (
        forcing.rate,
        forcing.rate_row,
        water.left,
        settings.debris,
        settings.is_open,
    )
    step, ticks = water.clock[DT], np.int32(water.clock[TICKS])
    ny, nx = z.shape
    dt = np.float32(water.clock[DT])
    ratio = np.float32(water.clock[DT] / settings.cell_m)
    fall = np.float32(GRAVITY * water.clock[DT] / settings.cell_m)
    theta, threshold, now = np.float32(settings.theta), np.float32(settings.threshold_m), np.float32(water.clock[NOW])
    looks = np.int64(water.clock[STEPS]) % OBSERVE_STEPS == 0
    side = max(ny, nx)
    above = 1
    if band > 0:
        copy_row(seams, 2 * band, old, above)
    else:
        copy_row(qy, a, old, above)
    _look(z, h, deepest, over, row_max, a, eta, depth, 0, ticks, threshold)
    for j in range(a, b):
        here, below = (j - a) % 2, (j - a + 1) % 2
        if j + 1 < b:
            _look(z, h, deepest, over, row_max, j + 1, eta, depth, below, ticks, threshold)
        elif j + 1 < ny:
            surface(z, h, j + 1, eta, depth, below)
        copy_row(qy, j + 1, old, 3 - above)
        if looks and row_max[j] > 0.0:
            rate_hazard(depth, here, qx, old, above, 3 - above, arrival, fastest, rating, j, now, threshold, debris)
        is_wet = row_max[j] > DRY_M
        if is_wet:
            copy_row(qx, j, old, 0)
            faces_x(z, eta, j, here, face)
            flux_x(face, rough, old, qx, j, fall, dt, theta)
            qx[j, 0] = -edge_flux(depth[here, 0], inlet[j], is_open)
            qx[j, nx] = edge_flux(depth[here, nx - 1], inlet[side + j], is_open)
            still_x[j] = False
        elif not still_x[j]:
            qx[j] = np.float32(0.0)
            still_x[j] = True
        if j == 0:
            _edge_row(qy, 0, depth, here, inlet, 2 * side, is_wet, is_open)
            still_y[0] = not is_wet
        if j == ny - 1:
            _edge_row(qy, ny, depth, here, inlet, 3 * side, is_wet, is_open)
            still_y[ny] = not is_wet
        elif is_wet or row_max[j + 1] > DRY_M:
            faces_y(z, eta, j, here, face)
            if j + 1 < b:
                flux_y(face, rough, old, qy, qy, j, above, j + 2, fall, dt, theta)
            else:
                flux_y(face, rough, old, seams, qy, j, above, 2 * band + 3, fall, dt, theta)
            still_y[j + 1] = False
        elif not still_y[j + 1]:
            qy[j + 1] = np.float32(0.0)
            still_y[j + 1] = True
        above = 3 - above
        if is_wet and (j > a or band == 0) and overdrawn(depth, here, qx, qy, j, ratio):
            limit(depth, here, qx, qy, j, ratio, old)
        if j - 1 >= a + 2 or (band == 0 and j - 1 >= a):
            _settle(h, qx, qy, rate, rate_row, row_max, still_x, still_y, left, j - 1, step, settings.cell_m)
    if b == ny:
        _settle(h, qx, qy, rate, rate_row, row_max, still_x, still_y, left, b - 1, step, settings.cell_m)


@njit(cache=True, nogil=True, error_model="numpy")
def _look(
    z: Array, h: Array, deepest: Floats, over: NDArray[np.int32], row_max: Floats, j: int, eta: Array, depth: Floats,
    k: int, ticks: Any, threshold: Any,
) -> None:  # fmt: skip
    """Water surface and depth of row j before the step, counted for its greatest depth and its time above."""
    surface(z, h, j, eta, depth, k)
    if row_max[j] > 0.0:
        deepen(depth, k, deepest, j)
    if row_max[j] > threshold:
        count_above(depth, k, over, j, ticks, threshold)


@njit(cache=True, nogil=True, error_model="numpy")
def _edge_row(
    qy: Floats, j: int, depth: Floats, k: int, inlet: Floats, first: int, is_wet: bool, is_open: bool
) -> None:
    """Fluxes through the outer faces of the first or last row."""
    sign = np.float32(-1.0) if j == 0 else np.float32(1.0)
    for i in range(depth.shape[1]):
        qy[j, i] = sign * edge_flux(depth[k, i], inlet[first + i], is_open) if is_wet else np.float32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _close_seam(
    ground: Ground, water: Water, forcing: Forcing, settings: Settings, a: int, eta: Array, depth: Floats, old: Floats
) -> None:
    """Finish the rows beside the seam above row `a`, now that both bands have their fluxes."""
    ratio = np.float32(water.clock[DT] / settings.cell_m)
    surface(ground.z, water.h, a, eta, depth, 0)
    if water.row_max[a] > DRY_M and overdrawn(depth, 0, water.qx, water.qy, a, ratio):
        limit(depth, 0, water.qx, water.qy, a, ratio, old)
    for j in range(a - 1, a + 2):
        _settle(water.h, water.qx, water.qy, forcing.rate, forcing.rate_row, water.row_max, water.still_x,
                water.still_y, water.left, j, water.clock[DT], settings.cell_m)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _settle(
    h: Array, qx: Floats, qy: Floats, rate: Array, rate_row: Array, row_max: Floats, still_x: Any, still_y: Any,
    left: Array, j: int, dt: float, cell_m: float,
) -> None:  # fmt: skip
    """New depth of a row whose fluxes are final, and what left over the edges from it."""
    ratio = dt / cell_m
    if still_x[j] and still_y[j] and still_y[j + 1] and rate_row[j] == 0.0:
        return
    if np.isnan(rate_row[j]):
        row_max[j] = update(h, qx, qy, j, rate, dt, ratio)
    else:
        row_max[j] = update_even(h, qx, qy, j, rate_row[j] * dt, ratio)
    nx = h.shape[1]
    out = np.float64(qx[j, nx]) - np.float64(qx[j, 0])
    if j == 0:
        for i in range(nx):
            out -= np.float64(qy[0, i])
    if j == h.shape[0] - 1:
        for i in range(nx):
            out += np.float64(qy[j + 1, i])
    left[j] += ratio * out


@njit(cache=True, nogil=True, error_model="numpy")
def observe(z: Array, water: Water, settings: Settings, time_s: float) -> None:
    """Count the state as it is for greatest depth, arrival, speed and rating; at the end of a run."""
    ny, nx = z.shape
    eta, depth = np.empty((1, nx)), np.empty((1, nx), np.float32)
    for j in range(ny):
        surface(z, water.h, j, eta, depth, 0)
        deepen(depth, 0, water.deepest, j)
        rate_hazard(depth, 0, water.qx, water.qy, j, j + 1, water.arrival, water.fastest, water.rating, j,
                    np.float32(time_s), np.float32(settings.threshold_m), settings.debris)  # fmt: skip
