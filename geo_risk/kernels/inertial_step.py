"""Time steps of the 2-D flow: bands of rows dealt to threads that meet a few times a step.

A band sweeps its rows once while they are in cache. A row's depth may change only when the fluxes of all its faces are
final, so it follows one row behind the fluxes. At the seam between two bands the last three rows wait until both have
swept; what they need of the old state is kept before. Every number is made by the same operations in the same order
whatever the number of bands, so the result is the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.barrier import wait
from geo_risk.kernels.flow_forcing import Forcing, drain, gauge, give, hold, open_inlets, rise_by_inflow
from geo_risk.kernels.flow_state import (
    DT,
    END,
    NOW,
    REMAINING,
    SEAM,
    STATUS,
    STEPS,
    TICKS,
    TICKS_PER_S,
    TOO_DEEP,
    TOO_SHORT,
    WAVE,
    Ground,
    Scratch,
    Settings,
    Water,
)
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
from geo_risk.kernels.momentum_rows import carry_x, carry_y, edge_speed
from geo_risk.kernels.momentum_rows import flux_x as moved_x
from geo_risk.kernels.momentum_rows import flux_y as moved_y

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

OBSERVE_STEPS = 4
"""Arrival, speed and hazard rating are looked at every so many steps."""

DEPTH_MAX_M = 1.0e5
"""Deeper water than this is a run that has lost its way."""

SPEED_COUNTED_M_S = 3.0
"""Speed of the water beside its waves that a step is made for; what runs faster, as down a step of the ground, may do
so as far as the step can follow it: this speed and 0.4 of the celerity of the deepest water."""

SHEET_WAVE_M_S = 2.0
"""Celerity that a step can always follow, so that waves in thin water are not outrun (normal flow of up to 1.2 m/s)."""


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
            copy_row(water.qy, a, seams, SEAM * band)
            copy_row(water.qy, a + 1, seams, SEAM * band + 1)
            if settings.advection:
                copy_row(water.v, a, seams, SEAM * band + 2)
                copy_row(water.v, a + 1, seams, SEAM * band + 3)
                copy_row(water.qx, a, seams, SEAM * band + 4)
                copy_row(water.u, a, seams, SEAM * band + 5)
                copy_row(water.u, a - 1, seams, SEAM * band + 6)
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
    speed = 0.0
    for j in range(water.fastest_u.size):
        speed = max(speed, np.float64(water.fastest_u[j]), np.float64(water.fastest_v[j]))
    clock[WAVE] = np.sqrt(GRAVITY * (h_max + rise * longest))
    wave = max(clock[WAVE] + settings.courant * min(speed, SPEED_COUNTED_M_S), SHEET_WAVE_M_S)
    dt = min(longest, settings.courant * settings.cell_m / wave)
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

    Row 0 of `old` holds the fluxes within a row before the step, rows 1 and 2 those above and below it in turn; 3 and
    4 the speeds within a row and the one before in turn, 5 and 6 those above and below, 7 nothing.
    """
    # taken out of the tuples once: each time counts references, which threads that share an array do slowly
    z, rough, h, qx, qy, u, v = ground.z, ground.rough, water.h, water.qx, water.qy, water.u, water.v
    advection, fastest_u, fastest_v = settings.advection, water.fastest_u, water.fastest_v
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
    # the fastest that a step can follow beside the waves of the deepest water
    part, most = np.float32(0.5 * step / settings.cell_m), np.float32(settings.cell_m / step - water.clock[WAVE])
    if band > 0:
        copy_row(seams, SEAM * band, old, above)
    else:
        copy_row(qy, a, old, above)
    if advection:
        if band > 0:
            copy_row(seams, SEAM * band + 6, old, 4)
            copy_row(seams, SEAM * band + 2, old, 4 + above)
        else:
            old[4] = np.float32(0.0)
            copy_row(v, a, old, 4 + above)
    _look(z, h, deepest, over, row_max, a, eta, depth, 0, ticks, threshold)
    for j in range(a, b):
        here, below = (j - a) % 2, (j - a + 1) % 2
        if j + 1 < b:
            _look(z, h, deepest, over, row_max, j + 1, eta, depth, below, ticks, threshold)
        elif j + 1 < ny:
            surface(z, h, j + 1, eta, depth, below)
        copy_row(qy, j + 1, old, 3 - above)
        is_wet = row_max[j] > DRY_M
        if advection:
            copy_row(v, j + 1, old, 7 - above)
            copy_row(u, j, old, 3 + here)
        if is_wet or advection:
            copy_row(qx, j, old, 0)
        if looks and advection and row_max[j] > 0.0:
            rate_hazard(depth, here, u, old, 4 + above, 7 - above, True, arrival, fastest, rating, j, now, threshold,
                        debris)  # fmt: skip
        elif looks and row_max[j] > 0.0:
            rate_hazard(depth, here, qx, old, above, 3 - above, False, arrival, fastest, rating, j, now, threshold,
                        debris)  # fmt: skip
        if is_wet:
            faces_x(z, eta, j, here, face)
            if advection:
                if j + 1 < b:
                    carry_x(old, old, above, old, 3 + here, 4 - here, u, j + 1, face)
                elif j + 1 < ny:
                    carry_x(old, old, above, old, 3 + here, 4 - here, seams, SEAM * (band + 1) + 5, face)
                else:
                    carry_x(old, old, above, old, 3 + here, 4 - here, old, 7, face)
                fastest_u[j] = moved_x(face, depth, here, rough, old, qx, u, j, fall, dt, part, theta, most)
            else:
                flux_x(face, rough, old, qx, j, fall, dt, theta)
            qx[j, 0] = -edge_flux(depth[here, 0], inlet[j], is_open)
            qx[j, nx] = edge_flux(depth[here, nx - 1], inlet[side + j], is_open)
            if advection:
                u[j, 0] = edge_speed(qx[j, 0], depth[here, 0], most)
                u[j, nx] = edge_speed(qx[j, nx], depth[here, nx - 1], most)
            still_x[j] = False
        elif not still_x[j]:
            qx[j] = np.float32(0.0)
            if advection:
                u[j], fastest_u[j] = np.float32(0.0), np.float32(0.0)
            still_x[j] = True
        if j == 0:
            _edge_row(qy, 0, depth, here, inlet, 2 * side, is_wet, is_open)
            if advection:
                _edge_speeds(v, qy, 0, depth, here, most)
            still_y[0] = not is_wet
        if j == ny - 1:
            _edge_row(qy, ny, depth, here, inlet, 3 * side, is_wet, is_open)
            if advection:
                _edge_speeds(v, qy, ny, depth, here, most)
            still_y[ny] = not is_wet
        elif is_wet or row_max[j + 1] > DRY_M:
            faces_y(z, eta, j, here, face)
            if advection and j + 1 < b:
                carry_y(old, above, qy, j + 2, old, qx, j + 1, old, 4 + above, v, j + 2, face)
                fastest_v[j + 1] = moved_y(
                    face, depth, rough, old, qy, qy, v, j, above, j + 2, fall, dt, part, theta, most
                )
            elif advection:
                next_band = SEAM * (band + 1)
                carry_y(old, above, seams, next_band + 1, old, seams, next_band + 4, old, 4 + above, seams,
                        next_band + 3, face)  # fmt: skip
                fastest_v[j + 1] = moved_y(face, depth, rough, old, seams, qy, v, j, above, next_band + 1, fall, dt,
                                           part, theta, most)  # fmt: skip
            elif j + 1 < b:
                flux_y(face, rough, old, qy, qy, j, above, j + 2, fall, dt, theta)
            else:
                flux_y(face, rough, old, seams, qy, j, above, SEAM * (band + 1) + 1, fall, dt, theta)
            still_y[j + 1] = False
        elif not still_y[j + 1]:
            qy[j + 1] = np.float32(0.0)
            if advection:
                v[j + 1], fastest_v[j + 1] = np.float32(0.0), np.float32(0.0)
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
def _edge_speeds(v: Floats, qy: Floats, j: int, depth: Floats, k: int, most: Any) -> None:
    """Speeds through the outer faces of the first or last row."""
    for i in range(depth.shape[1]):
        v[j, i] = edge_speed(qy[j, i], depth[k, i], most)


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
        now, threshold = np.float32(time_s), np.float32(settings.threshold_m)
        if settings.advection:
            rate_hazard(depth, 0, water.u, water.v, j, j + 1, True, water.arrival, water.fastest, water.rating, j, now,
                        threshold, settings.debris)  # fmt: skip
        else:
            rate_hazard(depth, 0, water.qx, water.qy, j, j + 1, False, water.arrival, water.fastest, water.rating, j,
                        now, threshold, settings.debris)  # fmt: skip
