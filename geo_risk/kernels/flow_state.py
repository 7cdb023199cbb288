"""State of the 2-D flow, its settings, and the bands of rows that threads work in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TICKS_PER_S = 1024
"""Resolution of the time above the threshold, counted in whole numbers so that hours of short steps add up."""

SEAM = 7
"""Rows kept of the old state for each band: of the faces above its first row and below it the fluxes (0, 1) and speeds
(2, 3), within its first row the fluxes (4) and speeds (5), and within the row before it the speeds (6)."""

ROWS_MIN = 8
"""Least rows of a band."""

REMAINING, END, DT, STEPS, STATUS, TICKS, NOW, WAVE = range(8)
"""Places in the clock: seconds left of the piece, its end, this step, steps so far, trouble, ticks of this step, its
begin, celerity [m/s] of the deepest water."""

RUNS, TOO_DEEP, TOO_SHORT = 0.0, 1.0, 2.0
"""Values of STATUS."""


class Ground(NamedTuple):
    """What does not change: `z` (y, x) float64, walls WALL_M high; `rough` (y, x) float32, n sqrt(g) / 2."""

    z: Array
    rough: Floats


class Water(NamedTuple):
    """The state, all that a later step needs.

    `h` (y, x) float64 [m]; `qx` (y, x + 1), `qy` (y + 1, x) float32 [m2/s]; `u`, `v` the speeds [m/s] that belong to
    them, empty where there is no advection, `fastest_u` (y,), `fastest_v` (y + 1,) the greatest in a row; `deepest`
    [m], `arrival` [s], `fastest` [m/s], `rating` (y, x) float32; `above` (y, x) int32 ticks; `row_max` (y,) float32
    bound of a row's depth; `left` (y,) float64, water that left over the edges from a row [m of a cell]; `still_x`
    (y,), `still_y` (y + 1,) whether all fluxes of a row are 0; `clock` (8,).
    """

    h: Array
    qx: Floats
    qy: Floats
    u: Floats
    v: Floats
    fastest_u: Floats
    fastest_v: Floats
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
    advection: bool
    debris: Floats


class Scratch(NamedTuple):
    """Rows that bands work in: `seams` (7 band, x + 1), the old state at a band's edge, see SEAM; `eta`, `depth` (band,
    2, x), `face` (band, 3, x) and `old` (band, 8, x + 1) of its own, see `_sweep`.
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
    rows = (np.zeros((SEAM * n, nx + 1), np.float32), np.zeros((n, 2, nx)), np.zeros((n, 2, nx), np.float32))
    return edges, Scratch(*rows, np.zeros((n, 8, nx + 1), np.float32), np.zeros((n, 3, nx), np.float32))
