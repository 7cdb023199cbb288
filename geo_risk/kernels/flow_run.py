"""The course of a flow run: pieces of time under one rain, records, frames, threads, and states to go on from."""

from __future__ import annotations

import hashlib
import time as wall
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.barrier import CLOSED, counter
from geo_risk.kernels.flow_forcing import Forcing
from geo_risk.kernels.flow_input import RainFields, checked_field
from geo_risk.kernels.flow_state import (
    DT,
    END,
    REMAINING,
    RUNS,
    STATUS,
    TOO_DEEP,
    Ground,
    Settings,
    Water,
    bands,
)
from geo_risk.kernels.inertial_step import advance, observe

Array = NDArray[np.float64]
State = dict[str, NDArray[Any]]

STEPS_AT_ONCE = 256
"""Steps between looks at the wall clock."""

FORMAT = 3
"""Of a saved state; part of its fingerprint."""

_MISSING_MM = 65535


class UnstableFlow(ArithmeticError):
    """The run has lost its way: what is wrong, the cell (row, column) of the deepest water, and when."""

    def __init__(self, what: str, *, cell: tuple[int, int] | None, time_s: float) -> None:
        self.what, self.cell, self.time_s = what, cell, time_s
        place = "" if cell is None else f" at row {cell[0]}, column {cell[1]}"
        super().__init__(f"{what}{place}, {time_s:.1f} s after the start")


class OtherInputs(ValueError):
    """A saved state belongs to other inputs."""


class Checkpoints(NamedTuple):
    """States kept on the way: `save` is called with one every `every_s` seconds of wall time; `resume` is one such.

    A state is a dictionary of arrays. A run that goes on from one gives the same result, to the last bit, as one that
    was never broken off. It holds a fingerprint of all inputs and is refused for others.
    """

    save: Callable[[State], None]
    every_s: float = 300.0
    resume: Mapping[str, NDArray[Any]] | None = None


class Clockwork(NamedTuple):
    """Times of a run [s] and what is kept at them; None: no record, no frames."""

    rain_step_s: float
    duration_s: float
    record_step_s: float | None
    frame_step_s: float | None
    record_cells: NDArray[np.int64]
    n_threads: int


class Outcome(NamedTuple):
    """What a run leaves: `record` (k, 1 + 2 n + m) time, depth [m], drained, crossed [m3]; `frames` (k, y, x) [mm]."""

    water: Water
    forcing: Forcing
    rain_m: float
    record: Array
    frame_times: Array
    frames: NDArray[np.uint16]


def run(
    ground: Ground, water: Water, forcing: Forcing, settings: Settings, *, rain: RainFields,
    known: NDArray[np.bool_], clockwork: Clockwork, checkpoints: Checkpoints | None,
) -> Outcome:  # fmt: skip
    """Step through the pieces of time; all inputs are checked, `water` and `forcing` are changed.

    Raises
    ------
    UnstableFlow : depth is not finite, or the step too short.
    OtherInputs : the state to go on from belongs to other inputs.
    """
    ends = piece_ends(len(rain), clockwork)
    keeper = _Keeper(checkpoints, ground, water, forcing, settings, clockwork, rain, known)
    rows, frames, first, rain_m = keeper.restored()
    clock, interval, shown = water.clock, -1, [t for t, _ in frames]
    for piece in range(first, len(ends)):
        begin, end = (ends[piece - 1] if piece else 0.0), ends[piece]
        k = int((0.5 * (begin + end)) // clockwork.rain_step_s)
        if k != interval:
            _set_rain(forcing, checked_field(rain, k, known) if k < len(rain) else None)
            interval = k
        if clock[REMAINING] <= 0.0:
            rain_m += float(forcing.rate.sum()) * (end - begin)
            clock[REMAINING], clock[END] = end - begin, end
        while clock[REMAINING] > 0.0:
            _together(ground, water, forcing, settings, clockwork.n_threads)
            _check(water)
            if clock[REMAINING] > 0.0:
                keeper.keep(rows, frames, piece, rain_m)
        if clockwork.record_step_s is not None:
            rows.append(_row(water, forcing, clockwork, end, settings.cell_m))
        if clockwork.frame_step_s is not None and _is_multiple(end, clockwork.frame_step_s):
            frames.append((end, frame_mm(water.h, known)))
            shown.append(end)
        keeper.keep(rows, frames, piece + 1, rain_m)
    observe(ground.z, water, settings, clockwork.duration_s)
    width = 1 + 2 * clockwork.record_cells.size + forcing.crossed.size
    images = np.array([f for _, f in frames], np.uint16).reshape(-1, *known.shape)
    return Outcome(water, forcing, rain_m, np.array(rows).reshape(-1, width), np.array(shown), images)


def piece_ends(n_rain: int, clockwork: Clockwork) -> list[float]:
    """Ends of the pieces in which rain is constant and nothing is kept, ascending, the last is the duration."""
    duration = clockwork.duration_s
    ends = {duration, *(k * clockwork.rain_step_s for k in range(1, n_rain + 1))}
    for step in (clockwork.record_step_s, clockwork.frame_step_s):
        if step is not None:
            ends |= {k * step for k in range(1, int(duration / step) + 1)}
    return sorted(t for t in ends if 0 < t <= duration)


def _is_multiple(time_s: float, step_s: float) -> bool:
    return bool(round(time_s / step_s) * step_s == time_s)


def _set_rain(forcing: Forcing, rate: Array | None) -> None:
    """Put a rate [m/s] in force, and note which rows have but one value."""
    forcing.rate[:] = 0.0 if rate is None else rate
    low, high = forcing.rate.min(axis=1), forcing.rate.max(axis=1)
    forcing.rate_row[:] = np.where(low == high, low, np.nan)
    forcing.rate_max[0] = high.max()


def _together(ground: Ground, water: Water, forcing: Forcing, settings: Settings, n_threads: int) -> None:
    """Advance by at most STEPS_AT_ONCE with one thread a band; the last may be this one."""
    edges, scratch = bands(water.h.shape, n_threads)
    arrived = counter()

    def work(band: int) -> None:
        advance(ground, water, forcing, settings, scratch, edges, band, arrived, STEPS_AT_ONCE)

    others = [Thread(target=work, args=(band,), daemon=True) for band in range(1, len(edges) - 1)]
    try:
        for other in others:
            other.start()
    except RuntimeError:
        water.clock[REMAINING], water.clock[DT], arrived[0] = 0.0, 0.0, CLOSED  # those that wait go home
        raise
    work(0)
    for other in others:
        other.join()


def _check(water: Water) -> None:
    """Raise when the last steps found that something is wrong."""
    if water.clock[STATUS] == RUNS:
        return
    depth = np.where(np.isnan(water.h), np.inf, water.h)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    at = water.clock[END] - water.clock[REMAINING]
    if water.clock[STATUS] == TOO_DEEP:
        what = f"the depth became {water.h[row, column]:.3g} m"
    else:
        what = (
            f"the step became shorter than allowed, for water {water.h[row, column]:.3g} m deep or that rises too fast"
        )
    raise UnstableFlow(what, cell=(int(row), int(column)), time_s=float(at))


def _row(water: Water, forcing: Forcing, clockwork: Clockwork, time_s: float, cell_m: float) -> Array:
    taken = np.bincount(forcing.sink_cells, weights=forcing.sink_taken, minlength=water.h.size)
    cells = clockwork.record_cells
    return np.concatenate([[time_s], water.h.ravel()[cells], taken[cells] * cell_m**2, forcing.crossed * cell_m])


def frame_mm(depth_m: Array, known: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Return depth in whole mm as uint16; 65535 is missing, 65534 that or deeper. Wet cells show at least 1 mm."""
    wet = np.where(depth_m >= 0.5e-3, np.maximum(np.round(depth_m * 1000.0), 1.0), 0.0)
    return np.where(known, np.minimum(wet, _MISSING_MM - 1), _MISSING_MM).astype(np.uint16)


class _Keeper:
    """Saves states and restores one."""

    def __init__(
        self, checkpoints: Checkpoints | None, ground: Ground, water: Water, forcing: Forcing, settings: Settings,
        clockwork: Clockwork, rain: RainFields, known: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        self._checkpoints, self._water, self._forcing = checkpoints, water, forcing
        self._last = wall.monotonic()
        self._fingerprint = np.empty(0, np.uint8)
        if checkpoints is not None:
            fields = (checked_field(rain, k, known) for k in range(len(rain)))
            sums = [hashlib.sha256(f.tobytes()).hexdigest() for f in fields]
            parts: list[Any] = [FORMAT, sums, clockwork._replace(n_threads=1), settings]
            digest = hashlib.sha256(repr(parts).encode())
            for array in (*ground, water.h, *forcing, clockwork.record_cells, settings.debris):
                digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
            self._fingerprint = np.frombuffer(digest.digest(), np.uint8)

    def restored(self) -> tuple[list[Array], list[tuple[float, NDArray[np.uint16]]], int, float]:
        """Return records, frames, the piece to go on with and the rain so far; at the start nothing."""
        state = None if self._checkpoints is None else self._checkpoints.resume
        if state is None:
            return [], [], 0, 0.0
        if not np.array_equal(state.get("fingerprint", np.empty(0)), self._fingerprint):
            msg = "the saved state of the flow belongs to other inputs"
            raise OtherInputs(msg)
        for name, array in (*self._water._asdict().items(), *_moving(self._forcing).items()):
            array[...] = state[name]
        frames = list(zip(state["frame_times"].tolist(), list(state["frames"]), strict=True))
        return list(state["record"]), frames, int(state["piece"]), float(state["rain_m"])

    def keep(
        self, rows: list[Array], frames: list[tuple[float, NDArray[np.uint16]]], piece: int, rain_m: float
    ) -> None:
        """Save the state if it is time to."""
        if self._checkpoints is None or wall.monotonic() - self._last < self._checkpoints.every_s:
            return
        state = {
            name: array.copy() for name, array in (*self._water._asdict().items(), *_moving(self._forcing).items())
        }
        state |= {
            "fingerprint": self._fingerprint, "record": np.array(rows), "piece": np.array(piece),
            "frame_times": np.array([t for t, _ in frames]), "rain_m": np.array(rain_m),
            "frames": np.array([f for _, f in frames], np.uint16).reshape(-1, *self._water.h.shape),
        }  # fmt: skip
        self._checkpoints.save(state)
        self._last = wall.monotonic()


def _moving(forcing: Forcing) -> State:
    """Return what of the forcing changes from step to step."""
    return {
        "sink_taken": forcing.sink_taken,
        "given": forcing.given,
        "totals": forcing.totals,
        "crossed": forcing.crossed,
    }
