"""What feeds the flow besides rain: discharges into cells or through edges, and water levels that are held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.inertial_rows import DRY_M

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Floats = NDArray[np.float32]

SIDES = ("west", "east", "north", "south")


class Inflow(NamedTuple):
    """Water let into the domain.

    `cells` (n,) flat indices that share it alike. `time_s` (k,) ascending, `flow_m3_s` (k,) >= 0: linear in between,
    none before the first and after the last; or (k - 1,): constant from one time to the next. `side`: through the
    outer faces of the cells on this side of the domain ("west" is the first column, "north" the first row); None:
    into the cells themselves, as a spring.
    """

    cells: ArrayLike
    time_s: ArrayLike
    flow_m3_s: ArrayLike
    side: str | None = None


class Level(NamedTuple):
    """Water surface held in cells: `cells` (n,) flat; `time_s` (k,) ascending, `level_m` (k,), linear, held outside."""

    cells: ArrayLike
    time_s: ArrayLike
    level_m: ArrayLike


class Forcing(NamedTuple):
    """What acts on the water, packed for the compiled loops.

    Rain: `rate` (y, x) [m/s], `rate_row` (y,) its value where a row has but one, else NaN, `rate_max` (1,).
    Drains: `sink_cells` ascending, `sink_rate` [m/s], `sink_taken` [m], each (n,).
    Series end to end: `node_time`, `node_value` (flow or level) and `node_until`, straight from one to the other until
    the next node; `node_volume` [m3] so far at each node;
    `first_inflow` and `first_level` (n + 1,) places of the first nodes of each series.
    Inflows: `inflow_cells`, `inflow_series`, `inflow_share` [1/m2], `inflow_face` (n,) place in `inlet` or -1;
    `given`, `step_volume` [m3] by series. `inlet` (4 * longest side,) unit discharge [m2/s] through outer faces.
    Levels: `held_cells`, `held_series`, `held_bed` [m]. `totals` (2,) [m of a cell]: let in through faces, held.
    Gauge: `box` (4,) first and stop row and column of a rectangle, `crossed` (n,) what flowed into it through each of
    its faces [m2], in the order of SIDES; empty where none is asked for.
    """

    rate: Array
    rate_row: Array
    rate_max: Array
    sink_cells: Integers
    sink_rate: Array
    sink_taken: Array
    node_time: Array
    node_value: Array
    node_until: Array
    node_volume: Array
    first_inflow: Integers
    first_level: Integers
    inflow_cells: Integers
    inflow_series: Integers
    inflow_share: Array
    inflow_face: Integers
    given: Array
    step_volume: Array
    inlet: Floats
    held_cells: Integers
    held_series: Integers
    held_bed: Array
    totals: Array
    box: Integers
    crossed: Array


@njit(cache=True, nogil=True, error_model="numpy")
def _value(forcing: Forcing, first: int, stop: int, at: float) -> Any:
    """Value of a series at a time, held outside its nodes."""
    time, value, until = forcing.node_time, forcing.node_value, forcing.node_until
    if at <= time[first]:
        return value[first]
    for k in range(first, stop - 1):
        if at <= time[k + 1]:
            return value[k] + (until[k] - value[k]) * (at - time[k]) / (time[k + 1] - time[k])
    return value[stop - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _volume(forcing: Forcing, series: int, at: float) -> Any:
    """Volume [m3] that an inflow has given until a time: the exact integral of its straight lines."""
    time, flow, until, volume = forcing.node_time, forcing.node_value, forcing.node_until, forcing.node_volume
    first, stop = forcing.first_inflow[series], forcing.first_inflow[series + 1]
    if at <= time[first]:
        return 0.0
    for k in range(first, stop - 1):
        if at < time[k + 1]:
            since = at - time[k]
            return volume[k] + since * (flow[k] + 0.5 * (until[k] - flow[k]) * since / (time[k + 1] - time[k]))
    return volume[stop - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def rise_by_inflow(forcing: Forcing, now: float, then: float) -> float:
    """Fastest rise [m/s] that an inflow causes in a cell at either of two times."""
    fastest = 0.0
    for c in range(forcing.inflow_cells.size):
        s = forcing.inflow_series[c]
        first, stop = forcing.first_inflow[s], forcing.first_inflow[s + 1]
        for at in (now, then):
            if forcing.node_time[first] <= at <= forcing.node_time[stop - 1]:
                flow = _value(forcing, first, stop, at)
                fastest = max(fastest, flow * forcing.inflow_share[c])
    return fastest


@njit(cache=True, nogil=True, error_model="numpy")
def open_inlets(forcing: Forcing, row_max: Floats, n_columns: int, after: float, dt: float, cell_m: float) -> None:
    """Set what each inflow gives in a step that ends at `after`, and the fluxes through the outer faces."""
    for s in range(forcing.given.size):
        until = _volume(forcing, s, after)
        forcing.step_volume[s] = until - forcing.given[s]
        forcing.given[s] = until
    forcing.inlet[:] = np.float32(0.0)
    for c in range(forcing.inflow_cells.size):
        face = forcing.inflow_face[c]
        if face >= 0:
            depth = forcing.step_volume[forcing.inflow_series[c]] * forcing.inflow_share[c]
            forcing.inlet[face] += np.float32(depth * cell_m / dt)
            row = forcing.inflow_cells[c] // n_columns
            row_max[row] = max(row_max[row], np.float32(2.0) * DRY_M)


@njit(cache=True, nogil=True, error_model="numpy")
def give(h: Array, row_max: Floats, forcing: Forcing, ratio: float) -> None:
    """Add the step's inflows; what came through a face as float32 flux is made up to the exact volume."""
    flat, n_columns = h.reshape(-1), h.shape[1]
    for c in range(forcing.inflow_cells.size):
        cell, face = forcing.inflow_cells[c], forcing.inflow_face[c]
        flat[cell] += forcing.step_volume[forcing.inflow_series[c]] * forcing.inflow_share[c]
        if face >= 0:
            through = ratio * np.float64(forcing.inlet[face])
            flat[cell] -= through
            forcing.totals[0] += through
            forcing.inlet[face] = np.float32(0.0)
        row = cell // n_columns
        row_max[row] = max(row_max[row], np.float32(flat[cell]))


@njit(cache=True, nogil=True, error_model="numpy")
def hold(h: Array, row_max: Floats, forcing: Forcing, now: float) -> None:
    """Set the held levels."""
    flat, n_columns = h.reshape(-1), h.shape[1]
    for c in range(forcing.held_cells.size):
        cell, s = forcing.held_cells[c], forcing.held_series[c]
        first, stop = forcing.first_level[s], forcing.first_level[s + 1]
        depth = max(_value(forcing, first, stop, now) - forcing.held_bed[c], 0.0)
        forcing.totals[1] += depth - flat[cell]
        flat[cell] = depth
        row = cell // n_columns
        row_max[row] = max(row_max[row], np.float32(depth))


@njit(cache=True, nogil=True)
def gauge(qx: Floats, qy: Floats, forcing: Forcing, dt: float) -> None:
    """Add what flowed into the box through each of its faces in a step; what flowed out is not taken off."""
    top, stop, left, right = forcing.box[0], forcing.box[1], forcing.box[2], forcing.box[3]
    rows, columns = stop - top, right - left
    for j in range(rows):
        forcing.crossed[j] += max(np.float64(qx[top + j, left]), 0.0) * dt
        forcing.crossed[rows + j] += max(-np.float64(qx[top + j, right]), 0.0) * dt
    for i in range(columns):
        forcing.crossed[2 * rows + i] += max(np.float64(qy[top, left + i]), 0.0) * dt
        forcing.crossed[2 * rows + columns + i] += max(-np.float64(qy[stop, left + i]), 0.0) * dt


@njit(cache=True, nogil=True)
def drain(h: Array, forcing: Forcing, first_cell: int, stop_cell: int, dt: float) -> None:
    """Take what the drains of some cells can take, and no more than there is."""
    flat = h.reshape(-1)
    for s in range(np.searchsorted(forcing.sink_cells, first_cell), np.searchsorted(forcing.sink_cells, stop_cell)):
        cell = forcing.sink_cells[s]
        taken = min(flat[cell], forcing.sink_rate[s] * dt)
        flat[cell] -= taken
        forcing.sink_taken[s] += taken


def pack(
    z: Array, sinks: Array, *, cell_m: float, inflows: Sequence[Inflow], levels: Sequence[Level], held: Array | None,
    box: tuple[int, int, int, int] | None = None,
) -> Forcing:  # fmt: skip
    """Check inflows and levels, and pack all that acts on the water; rain is set later.

    Parameters
    ----------
    z : (y, x) [m], NaN where unknown. sinks : (y, x) [m3/s], none where unknown.
    held : (y, x) [m], levels that do not change, NaN where free.
    box : first and stop row, first and stop column of the rectangle to gauge.

    Raises
    ------
    ValueError : cells off the domain or without a known elevation, times not ascending, values out of range, cells
        that are not on the side through which they are fed, a box off the domain.
    """
    ny, nx = z.shape
    area = cell_m**2
    fed: list[tuple[Integers, Integers, Array]] = []
    nodes: list[tuple[Array, Array, Array]] = []
    for k, inflow in enumerate(inflows):
        name = f"inflow {k}"
        cells = _cells(inflow.cells, z, name)
        nodes.append(_series(inflow.time_s, inflow.flow_m3_s, f"{name}: flow_m3_s", least=0.0, may_step=True))
        fed.append((cells, _faces(cells, inflow.side, (ny, nx), name), np.full(cells.size, 1.0 / area / cells.size)))
    held_cells: list[Integers] = []
    level_nodes: list[tuple[Array, Array, Array]] = []
    for k, level in enumerate(levels):
        held_cells.append(_cells(level.cells, z, f"level {k}"))
        level_nodes.append(_series(level.time_s, level.level_m, f"level {k}: level_m", least=-np.inf))
    if held is not None:
        for value in np.unique(held[np.isfinite(held) & np.isfinite(z)]):
            held_cells.append(np.flatnonzero((held == value) & np.isfinite(z)))
            level_nodes.append((np.zeros(1), np.array([value]), np.array([value])))
    gauged = (0, 0, 0, 0) if box is None else box
    if not (0 <= gauged[0] <= gauged[1] <= ny and 0 <= gauged[2] <= gauged[3] <= nx):
        msg = f"gauge_box is {box}; first and stop row within 0 to {ny}, first and stop column within 0 to {nx} needed"
        raise ValueError(msg)
    sink_cells = np.flatnonzero(sinks.ravel() > 0)
    at = np.concatenate([*held_cells, np.empty(0, np.int64)]).astype(np.int64)
    all_nodes = nodes + level_nodes
    return Forcing(
        rate=np.zeros(z.shape), rate_row=np.zeros(ny), rate_max=np.zeros(1),
        sink_cells=sink_cells, sink_rate=sinks.ravel()[sink_cells] / area, sink_taken=np.zeros(sink_cells.size),
        node_time=_joined([t for t, _, _ in all_nodes]), node_value=_joined([v for _, v, _ in all_nodes]),
        node_until=_joined([u for _, _, u in all_nodes]), node_volume=_joined([_cumulative(*n) for n in nodes]),
        first_inflow=_firsts(nodes, 0), first_level=_firsts(level_nodes, sum(t.size for t, _, _ in nodes)),
        inflow_cells=_joined([c for c, _, _ in fed]).astype(np.int64), inflow_series=_numbers([c for c, _, _ in fed]),
        inflow_share=_joined([s for _, _, s in fed]), inflow_face=_joined([f for _, f, _ in fed]).astype(np.int64),
        given=np.zeros(len(nodes)), step_volume=np.zeros(len(nodes)),
        inlet=np.zeros(4 * max(ny, nx), np.float32),
        held_cells=at, held_series=_numbers(held_cells), held_bed=z.ravel()[at], totals=np.zeros(2),
        box=np.array(gauged, np.int64),
        crossed=np.zeros(0 if box is None else 2 * (gauged[1] - gauged[0] + gauged[3] - gauged[2])),
    )  # fmt: skip


def _joined(parts: Sequence[NDArray[Any]]) -> Array:
    return np.concatenate([*parts, np.empty(0)]).astype(np.float64)


def _firsts(series: Sequence[tuple[Array, Array, Array]], offset: int) -> Integers:
    return offset + np.concatenate([[0], np.cumsum([t.size for t, _, _ in series])]).astype(np.int64)


def _numbers(parts: Sequence[Integers]) -> Integers:
    return np.repeat(np.arange(len(parts)), [p.size for p in parts]).astype(np.int64)


def _cumulative(time: Array, flow: Array, until: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(0.5 * (flow + until)[:-1] * np.diff(time))])


def _cells(cells: ArrayLike, z: Array, name: str) -> Integers:
    at = np.atleast_1d(np.asarray(cells))
    if at.ndim != 1 or at.size == 0 or at.dtype.kind not in "iu" or np.unique(at).size != at.size:
        msg = f"{name} has cells of shape {at.shape} and type {at.dtype}; a list of different flat indices needed"
        raise ValueError(msg)
    if at.min() < 0 or at.max() >= z.size or not np.isfinite(z.ravel()[at]).all():
        msg = f"{name} has cells that are off the domain or have no elevation"
        raise ValueError(msg)
    return at.astype(np.int64)


def _series(
    time_s: ArrayLike, value: ArrayLike, name: str, *, least: float, may_step: bool = False
) -> tuple[Array, Array, Array]:
    """Return times, values there, and values just before the next time."""
    time, values = np.atleast_1d(np.asarray(time_s, np.float64)), np.atleast_1d(np.asarray(value, np.float64))
    is_steps = may_step and time.size > 1 and values.shape == (time.size - 1,)
    if time.ndim != 1 or (time.shape != values.shape and not is_steps) or time.size == 0:
        msg = f"{name} has shape {values.shape} and its time_s {time.shape}; equal (k,) needed"
        raise ValueError(msg)
    if not (np.isfinite(time).all() and (np.diff(time) > 0).all()):
        msg = f"{name}: time_s must be finite and ascending"
        raise ValueError(msg)
    if not ((values >= least) & np.isfinite(values)).all():
        msg = f"{name} holds values that are not finite" + (f" and >= {least:g}" if np.isfinite(least) else "")
        raise ValueError(msg)
    if is_steps:
        steps = np.append(values, values[-1])
        return time, steps, steps
    return time, values, np.append(values[1:], values[-1])


def _faces(cells: Integers, side: str | None, shape: tuple[int, int], name: str) -> Integers:
    """Place of each cell's outer face among the inlets: four blocks in the order of SIDES."""
    ny, nx = shape
    row, column = cells // nx, cells % nx
    if side is None:
        return np.full(cells.size, -1)
    if side not in SIDES:
        msg = f"{name} has side {side!r}; one of {SIDES} or None needed"
        raise ValueError(msg)
    off = {"west": column, "east": nx - 1 - column, "north": row, "south": ny - 1 - row}[side]
    if (off != 0).any():
        msg = f"{name} has cells that are not on the {side} side"
        raise ValueError(msg)
    return SIDES.index(side) * max(ny, nx) + (row if side in ("west", "east") else column)
