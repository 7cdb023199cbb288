"""Local-inertial shallow-water flow on a raster: rain on the grid, drains, open or closed edges.

The q-centred scheme of de Almeida et al. (2012, Water Resour. Res. 48, W05528, eqs 7 and 9-11) on the momentum
equation without advection of Bates et al. (2010, J. Hydrol. 387, eq. 8), with semi-implicit Manning friction:

    q' = (theta q + (1 - theta) (q_left + q_right) / 2 - g h_f dt d(eta)/dx) / (1 + g dt n^2 |q| / h_f^(7/3))
    h_f = max(eta of both cells) - max(z of both cells),  dt = courant dx / sqrt(g h_max)

Depth can never become negative: where a step would take more water out of a cell than it holds, all its outflows
are scaled down alike, so that mass is kept to rounding. Weak where flow is supercritical (no advection, no shocks).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.flow_input import check_numbers, checked_grid, checked_rain

Array = NDArray[np.float64]

GRAVITY = 9.80665
"""Standard acceleration of gravity [m/s2]."""

FREE_OUTFALL = (2.0 / 3.0) ** 1.5 * GRAVITY**0.5
"""Critical flow over a free edge: q = FREE_OUTFALL h^1.5 (broad-crested weir, velocity head neglected)."""

WALL_M = 1.0e6
"""Height given to missing cells, so that nothing flows into or out of them."""

DRY_M = 1.0e-6
"""Water thinner than this over a face does not move; it is kept, not lost."""

_FAST = {"nnan", "ninf", "nsz", "arcp", "contract"}


class MassBalance(NamedTuple):
    """Volumes over a run [m3]; `error_m3` = change of storage - rain + drained + left - held."""

    initial_m3: float
    final_m3: float
    rain_m3: float
    drained_m3: float
    left_m3: float
    held_m3: float
    error_m3: float


class Record(NamedTuple):
    """State of chosen cells in time; `time_s` (k,), `depth_m` and `drained_m3` since the start (k, n)."""

    time_s: Array
    depth_m: Array
    drained_m3: Array


class FloodRun(NamedTuple):
    """What `simulate` returns; arrays (y, x) float64, NaN where the elevation is missing."""

    max_depth_m: Array
    depth_m: Array
    duration_above_s: Array
    drained_m3: Array
    balance: MassBalance
    n_steps: int
    record: Record | None = None


def simulate(
    elevation_m: ArrayLike,
    manning_n: ArrayLike,
    rain_mm_h: ArrayLike,
    *,
    rain_step_s: float,
    cell_m: float,
    duration_s: float | None = None,
    sink_m3_s: ArrayLike | None = None,
    level_m: ArrayLike | None = None,
    initial_depth_m: ArrayLike | None = None,
    open_boundary: bool = True,
    theta: float = 0.9,
    courant: float = 0.7,
    step_max_s: float = 10.0,
    depth_threshold_m: float = 0.15,
    record_cells: ArrayLike | None = None,
    record_step_s: float = 300.0,
) -> FloodRun:
    """Run rain-on-grid flow and return the deepest and the last water, and where all the water went.

    Parameters
    ----------
    elevation_m : (y, x) [m]. NaN is a wall: no water enters or leaves, results are NaN there.
    manning_n : number or (y, x) [s m^-1/3], > 0 where the elevation is known.
    rain_mm_h : (t,) or (t, y, x) [mm/h], rain (or runoff) rate over interval k = [k, k + 1) rain_step_s; none after
        the last one. Must be >= 0; NaN is allowed only where the elevation is NaN. To feed an inflow of Q m3/s into
        a cell, add Q 3.6e6 / cell_m^2 to its rate.
    rain_step_s : length of a rain interval [s].
    cell_m : cell size [m].
    duration_s : simulated time [s]; default: as long as the rain.
    sink_m3_s : (y, x) [m3/s], what a drain or pump in the cell takes at most; 0 elsewhere. It takes no more than
        there is. Water that it takes leaves the domain.
    level_m : (y, x) [m], water surface held at this height (a river or sea level); NaN where it is free.
    initial_depth_m : (y, x) [m], water at the start; default none.
    open_boundary : water leaves over the four edges at critical flow; False: walls.
    theta : weight of a face's own flux in the q-centred mean, 0 < theta <= 1; 1 is Bates' scheme, less damps
        checkerboards and smears the flux where it jumps (at point inflows and drains).
    courant : share of the gravity-wave limit used for the step, 0 < courant <= 1; 0.5-0.7 is usual.
    step_max_s : longest step [s], for the time when all is nearly dry.
    depth_threshold_m : depth whose time of exceedance is counted [m].
    record_cells : (n,) flat indices of cells whose depth and drained volume are kept every record_step_s [s].

    Returns
    -------
    FloodRun : max_depth_m, depth_m (at the end), duration_above_s (time with depth > threshold), drained_m3 (taken
        by the sink of each cell), balance, n_steps, record.

    Raises
    ------
    ValueError : shapes differ, a value is out of its range, or no elevation is known.
    """
    z = np.array(elevation_m, dtype=np.float64)
    if z.ndim != 2 or min(z.shape) < 1:
        msg = f"elevation_m has shape {z.shape}; (y, x) needed"
        raise ValueError(msg)
    known = np.isfinite(z)
    if not known.any():
        msg = "elevation_m holds no finite value"
        raise ValueError(msg)
    check_numbers(
        rain_step_s=rain_step_s, cell_m=cell_m, step_max_s=step_max_s, depth_threshold_m=depth_threshold_m,
        record_step_s=record_step_s,
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
    held = np.full(z.shape, np.nan) if level_m is None else np.where(known, np.asarray(level_m, np.float64), np.nan)
    return _run(
        np.where(known, z, WALL_M), known, friction, rain, depth, sinks, held,
        rain_step_s=float(rain_step_s), duration_s=duration, open_boundary=open_boundary,
        settings=np.array([cell_m, theta, courant, step_max_s, depth_threshold_m], dtype=np.float64),
        record_cells=None if record_cells is None else np.asarray(record_cells, dtype=np.int64),
        record_step_s=float(record_step_s),
    )  # fmt: skip


def _run(
    z: Array, known: NDArray[np.bool_], friction: Array, rain: Array, depth: Array, sinks: Array, held: Array,
    *, rain_step_s: float, duration_s: float, open_boundary: bool, settings: Array,
    record_cells: NDArray[np.int64] | None, record_step_s: float,
) -> FloodRun:  # fmt: skip
    """Step through the rain intervals; all arrays are checked, walls are WALL_M high."""
    ny, nx = z.shape
    area = float(settings[0]) ** 2
    qx, qy = np.zeros((ny, nx + 1)), np.zeros((ny + 1, nx))
    held_cells = np.flatnonzero(np.isfinite(held).ravel())
    held_depth = np.maximum(held.ravel()[held_cells] - z.ravel()[held_cells], 0.0)
    sink_cells = np.flatnonzero(sinks.ravel() > 0)
    sink_rate = sinks.ravel()[sink_cells] / area
    sink_state = np.zeros((3, sink_cells.size))  # depth taken [m], deepest water left [m], time above threshold [s]
    sink_state[1] = depth.ravel()[sink_cells]
    initial = float(depth.sum()) * area
    deepest, above = depth.copy(), np.zeros((ny, nx))
    totals = np.zeros(2)  # left over the edges, given by held cells [m of depth]
    rain_m, steps, time = 0.0, 0, 0.0
    rate, interval, rows = np.zeros(z.shape), -1, []
    for end in _times(len(rain), rain_step_s, duration_s, None if record_cells is None else record_step_s):
        k = int((0.5 * (time + end)) // rain_step_s)
        if k != interval:
            rate[:] = np.where(known, rain[k], 0.0) / 3.6e6 if k < len(rain) else 0.0
            interval = k
        rain_m += float(rate.sum()) * (end - time)
        steps += _advance(
            z, depth, qx, qy, friction, rate, sink_cells, sink_rate, sink_state,
            held_cells, held_depth, deepest, above, totals, end - time, open_boundary, settings,
        )  # fmt: skip
        time = end
        if record_cells is not None:
            drained_m = np.bincount(sink_cells, weights=sink_state[0], minlength=z.size)[record_cells]
            rows.append((time, depth.ravel()[record_cells], drained_m * area))
    final, drained = float(depth.sum()) * area, float(sink_state[0].sum()) * area
    left, given, rain_m3 = float(totals[0]) * area, float(totals[1]) * area, rain_m * area
    error = final - initial - rain_m3 + drained + left - given
    by_cell = np.zeros(z.size)
    by_cell[sink_cells] = sink_state[0] * area
    deepest.ravel()[sink_cells], above.ravel()[sink_cells] = sink_state[1], sink_state[2]
    deepest, depth, above, taken = (
        np.where(known, a, np.nan) for a in (deepest, depth, above, by_cell.reshape(z.shape))
    )
    balance = MassBalance(initial, final, rain_m3, drained, left, given, error)
    record = None if record_cells is None else Record(*(np.array(column) for column in zip(*rows, strict=True)))
    return FloodRun(deepest, depth, above, taken, balance, steps, record)


def _times(n_rain: int, rain_step_s: float, duration_s: float, record_step_s: float | None) -> list[float]:
    """Ends of the pieces in which rain is constant and nothing is recorded, ascending, the last is the duration."""
    ends = {duration_s, *(k * rain_step_s for k in range(1, n_rain + 1))}
    if record_step_s is not None:
        ends |= {k * record_step_s for k in range(1, int(duration_s / record_step_s) + 1)}
    return sorted(t for t in ends if 0 < t <= duration_s)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _advance(
    z: Array, h: Array, qx: Array, qy: Array, friction: Array, rate: Array, sink_cells: Any, sink_rate: Array,
    sink_state: Array, held_cells: Any, held_depth: Array, deepest: Array, above: Array, totals: Array,
    span_s: float, is_open: bool, settings: Array,
) -> int:  # fmt: skip
    """Advance by `span_s` under one rain rate [m/s]; return the number of steps."""
    dx, theta, courant, dt_max, threshold = settings[0], settings[1], settings[2], settings[3], settings[4]
    flat_h, flat_deepest = h.reshape(-1), deepest.reshape(-1)
    max_rate = rate.max()
    remaining, n_steps = span_s, 0
    h_max = h.max()
    while remaining > 0.0:
        dt = min(dt_max, courant * dx / np.sqrt(GRAVITY * max(h_max + max_rate * dt_max, 1e-9)))
        dt = remaining if dt >= remaining else (0.5 * remaining if dt > 0.5 * remaining else dt)
        h_max = _sweep(z, h, qx, qy, friction, rate, deepest, above, dt / dx, dt, theta, threshold, is_open)
        totals[0] += dt / dx * _edge_outflow(qx, qy)
        for s in range(sink_cells.size):
            c = sink_cells[s]
            taken = min(flat_h[c], sink_rate[s] * dt)
            flat_h[c] -= taken
            sink_state[0, s] += taken
            sink_state[1, s] = max(sink_state[1, s], flat_h[c])
            sink_state[2, s] += dt if flat_h[c] > threshold else 0.0
        for s in range(held_cells.size):
            c = held_cells[s]
            totals[1] += held_depth[s] - flat_h[c]
            flat_h[c] = held_depth[s]
            flat_deepest[c] = held_depth[s]
            h_max = max(h_max, held_depth[s])
        remaining -= dt
        n_steps += 1
    return n_steps


@njit(cache=True, nogil=True)
def _sweep(
    z: Array, h: Array, qx: Array, qy: Array, friction: Array, rate: Array, deepest: Array, above: Array,
    ratio: float, dt: float, theta: float, threshold: float, is_open: bool,
) -> float:  # fmt: skip
    """One step over all rows, each touched once while it is in cache; return the greatest depth.

    A row's depth may change only when the faces on both its sides are final: it follows one row behind the fluxes.
    """
    ny, nx = z.shape
    old_x, old_above, old_below = np.empty(nx + 1), qy[0].copy(), np.empty(nx)
    greatest = 0.0
    for j in range(ny):
        old_x[:] = qx[j]
        _flux_x(z[j], h[j], friction[j], old_x, qx[j], ratio, dt, theta, is_open)
        old_below[:] = qy[j + 1]
        if j == 0:
            _edge_row(h[0], qy[0], -1.0 if is_open else 0.0)
        if j == ny - 1:
            _edge_row(h[j], qy[ny], 1.0 if is_open else 0.0)
        else:
            _flux_y(z[j], z[j + 1], h[j], h[j + 1], friction[j], friction[j + 1], old_above, old_below, qy[j + 2],
                    qy[j + 1], ratio, dt, theta)  # fmt: skip
        old_above, old_below = old_below, old_above
        if _overdrawn(h[j], qx[j], qy[j], qy[j + 1], ratio):
            _limit(h[j], qx[j], qy[j], qy[j + 1], ratio)
        if j > 0:
            row = _update(h[j - 1], qx[j - 1], qy[j - 1], qy[j], rate[j - 1], deepest[j - 1], above[j - 1],
                          ratio, dt, threshold)  # fmt: skip
            greatest = max(greatest, row)
    j = ny - 1
    row = _update(h[j], qx[j], qy[j], qy[ny], rate[j], deepest[j], above[j], ratio, dt, threshold)
    return float(max(greatest, row))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
def _power_minus_seven_thirds(x: float) -> float:
    """x^(-7/3) for x >= DRY_M: x^(-1/3) from its bits, refined by three Newton steps without division."""
    root = np.float64(np.int32(np.int32(1419967116) - np.float32(x).view(np.int32) // np.int32(3)).view(np.float32))
    third = x * 0.3333333333333333
    root *= 1.3333333333333333 - third * root * root * root
    root *= 1.3333333333333333 - third * root * root * root
    root *= 1.3333333333333333 - third * root * root * root
    cube = root * root * root
    return cube * cube * root


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
def _face(
    z_a: float, h_a: float, n_a: float, z_b: float, h_b: float, n_b: float, q: float, q_sides: float,
    ratio: float, dt: float, theta: float,
) -> float:  # fmt: skip
    """New unit discharge [m2/s] from cell a to cell b; `q_sides` is the sum of the fluxes of the faces beside."""
    eta_a, eta_b = z_a + h_a, z_b + h_b
    depth = (eta_a if eta_a > eta_b else eta_b) - (z_a if z_a > z_b else z_b)
    wet = depth if depth > DRY_M else DRY_M
    mean = theta * q + 0.5 * (1.0 - theta) * q_sides
    gn2 = 0.25 * GRAVITY * (n_a + n_b) * (n_a + n_b)
    new = (mean - GRAVITY * ratio * wet * (eta_b - eta_a)) / (1.0 + dt * gn2 * abs(q) * _power_minus_seven_thirds(wet))
    return new if depth > DRY_M else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _flux_x(
    z: Array, h: Array, n: Array, q: Array, out: Array, ratio: float, dt: float, theta: float, is_open: bool
) -> None:
    """New unit discharge [m2/s] through the faces of one row; positive to the right."""
    nx = z.size
    for i in range(1, nx):
        sides = q[i - 1] + q[i + 1]
        out[i] = _face(z[i - 1], h[i - 1], n[i - 1], z[i], h[i], n[i], q[i], sides, ratio, dt, theta)
    out[0] = -FREE_OUTFALL * h[0] * np.sqrt(h[0]) if is_open else 0.0
    out[nx] = FREE_OUTFALL * h[nx - 1] * np.sqrt(h[nx - 1]) if is_open else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _flux_y(
    z_a: Array, z_b: Array, h_a: Array, h_b: Array, n_a: Array, n_b: Array, q_a: Array, q: Array, q_b: Array,
    out: Array, ratio: float, dt: float, theta: float,
) -> None:  # fmt: skip
    """New unit discharge [m2/s] between two rows; positive towards the higher row number."""
    for i in range(z_a.size):
        out[i] = _face(z_a[i], h_a[i], n_a[i], z_b[i], h_b[i], n_b[i], q[i], q_a[i] + q_b[i], ratio, dt, theta)


@njit(cache=True, nogil=True)
def _edge_row(h: Array, q: Array, sign: float) -> None:
    """Critical flow over an outer row of faces; `sign` is -1 at the first, 1 at the last, 0 at a wall."""
    for i in range(h.size):
        q[i] = sign * FREE_OUTFALL * h[i] * np.sqrt(h[i])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _overdrawn(h: Array, qx: Array, q_up: Array, q_down: Array, ratio: float) -> bool:
    """Whether any cell of a row would give more water than it holds (the sign bit tells: it reduces in SIMD)."""
    most = np.int64(0)
    for i in range(h.size):
        right, left = max(qx[i + 1], 0.0), max(-qx[i], 0.0)
        down, up = max(q_down[i], 0.0), max(-q_up[i], 0.0)
        lack = np.float64(ratio * (right + left + down + up) - h[i]).view(np.int64)
        most = lack if lack > most else most
    return bool(most > 0)


@njit(cache=True, nogil=True)
def _limit(h: Array, qx: Array, q_up: Array, q_down: Array, ratio: float) -> None:
    """Scale the outflows of a row's cells that cannot give them all; every face has one giving side."""
    for i in range(h.size):
        out = ratio * (max(qx[i + 1], 0.0) + max(-qx[i], 0.0) + max(q_down[i], 0.0) + max(-q_up[i], 0.0))
        if out > h[i]:
            f = h[i] / out
            if qx[i] < 0.0:
                qx[i] *= f
            if qx[i + 1] > 0.0:
                qx[i + 1] *= f
            if q_up[i] < 0.0:
                q_up[i] *= f
            if q_down[i] > 0.0:
                q_down[i] *= f


@njit(cache=True, nogil=True)
def _edge_outflow(qx: Array, qy: Array) -> float:
    ny, nx = qx.shape[0], qy.shape[1]
    out = 0.0
    for j in range(ny):
        out += qx[j, nx] - qx[j, 0]
    for i in range(nx):
        out += qy[ny, i] - qy[0, i]
    return out


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _update(
    h: Array, qx: Array, q_up: Array, q_down: Array, rate: Array, deepest: Array, above: Array,
    ratio: float, dt: float, threshold: float,
) -> float:  # fmt: skip
    """New depth of one row; return its greatest (bit patterns of numbers >= 0 are ordered: they reduce in SIMD)."""
    greatest = np.int64(0)
    for i in range(h.size):
        # max() only removes the last bit of rounding: outflow was limited to what the cell holds
        new = max(h[i] + ratio * (qx[i] - qx[i + 1] + q_up[i] - q_down[i]), 0.0) + rate[i] * dt
        h[i] = new
        deepest[i] = new if new > deepest[i] else deepest[i]
        above[i] += dt if new > threshold else 0.0
        bits = np.float64(new).view(np.int64)
        greatest = bits if bits > greatest else greatest
    return float(np.int64(greatest).view(np.float64))
