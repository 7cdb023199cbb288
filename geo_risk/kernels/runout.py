"""Run-out of slides, debris flows and falling rock: the paths of release cells by energy line, routing and persistence.

The model is that of Flow-Py (D'Amboise et al. 2022, Geosci. Model Dev. 15, 2423-2439). Each release cell has its own
path. At a cell n reached from b over the horizontal distance s the energy line has the height
H_n = min(H_b - s tan(alpha), z_n + cap), the energy head is Z_n = H_n - z_n, and the flow stops where Z_n <= 0. The
flux of b (1 at the release) is shared among its eight neighbours by the product of terrain,
tan((psi + pi/2) / 2)^exponent for the slope angle psi, and persistence, the sum over the cells p that b was reached
from of Z_p max(0, cos(turn)); where no p has energy yet, terrain alone decides. Shares below the cut go in equal parts
to the others; flux that nobody takes comes to rest.

H falls along every path. So cells are worked off by falling H: each is final when its turn comes, whatever the order in
which it was found. Cells of equal H exchange nothing, and what is routed to ground that the flow crossed with more
energy comes to rest where it is. The flux at rest sums to 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.flow_path import (
    BEYOND_REACH,
    FINISHED,
    HIT,
    MISSING_GROUND,
    NODE,
    NODES_SHORT,
    RASTER_EDGE,
    follow,
    run,
)

__all__ = ["BEYOND_REACH", "HIT", "MISSING_GROUND", "RASTER_EDGE", "Friction", "Path", "Runout", "flow_path", "run_out"]

_FIRST_NODES = 4096
_FIRST_ROWS = 4096


class Friction(NamedTuple):
    """What stops and spreads a flow.

    Attributes
    ----------
    alpha_deg : angle of the energy line, in (0, 90).
    exponent : of the terrain routing, > 0: high values keep to the steepest way.
    flux_cut : shares of the flux below are not passed on, in (0, 1).
    cap_m : greatest energy head, > 0; v = sqrt(2 g cap).
    reach_m : a path is not followed farther east, west, north or south of its release than this, > 0.
    """

    alpha_deg: float
    exponent: float
    flux_cut: float
    cap_m: float
    reach_m: float


class Runout(NamedTuple):
    """Every cell over all paths, (y, x); 0 where none comes.

    Attributes
    ----------
    energy_m, flux, length_m : float32, greatest energy head [m], flux [1], and way from a release [m].
    angle_min_deg, angle_max_deg : float32, lowest and highest travel angle back to a release along its path; NaN where
        none comes and at releases that nothing else reaches.
    n_paths : int32, number of release cells whose path comes.
    flags : uint8, where a path ran into MISSING_GROUND (1), the RASTER_EDGE (2) or was cut BEYOND_REACH (4): unknown
        beyond.
    carried : (k, y, x) uint8, the highest of each value of the releases whose path comes.
    hits : HIT rows, sorted by unit and target.
    skipped : releases on missing ground, that have no path.
    """

    energy_m: NDArray[np.float32]
    flux: NDArray[np.float32]
    length_m: NDArray[np.float32]
    angle_min_deg: NDArray[np.float32]
    angle_max_deg: NDArray[np.float32]
    n_paths: NDArray[np.int32]
    flags: NDArray[np.uint8]
    carried: NDArray[np.uint8]
    hits: NDArray[Any]
    skipped: int


class Path(NamedTuple):
    """The cells of one release's path in the order in which they were reached, the release first.

    Attributes
    ----------
    row, column : of the cell. parent : position in this list of the cell its energy came from, -1 at the release.
    energy_m, flux, at_rest, length_m : energy head [m], flux that passes, flux that stays [1], shortest way [m].
    flags : as in `Runout`.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    parent: NDArray[np.int64]
    energy_m: NDArray[np.float64]
    flux: NDArray[np.float64]
    at_rest: NDArray[np.float64]
    length_m: NDArray[np.float64]
    flags: NDArray[np.uint8]


def run_out(
    elevation: ArrayLike,
    releases: ArrayLike,
    *,
    friction: Friction,
    cell_m: float,
    units: ArrayLike | None = None,
    values: ArrayLike | None = None,
    targets: ArrayLike | None = None,
) -> Runout:
    """Run the path of every release cell and keep the extremes on each cell, and which unit hits which target.

    Memory does not grow with the number of releases: paths are followed one after the other in one workspace.

    Parameters
    ----------
    elevation : (y, x) [m], NaN where missing; square cells.
    releases : (n,) flat (row-major) indices of release cells.
    friction, cell_m : what stops the flow; cell side [m].
    units : (n,) >= 0, the release unit of each release cell; default: each is its own unit (its flat index).
    values : (n, k) 0-255, carried down by the paths of the releases, such as ranks of warning levels.
    targets : (y, x) int, >= 0 on target cells (any number may share one), -1 elsewhere; default: no targets.

    Returns
    -------
    Runout : the same bits whatever the order of the releases.

    Raises
    ------
    ValueError : shapes differ, a friction value, index, unit or value is out of its range.
    """
    z = np.ascontiguousarray(elevation, dtype=np.float64)
    cells = np.asarray(releases, dtype=np.int64).ravel()
    unit = cells if units is None else np.asarray(units, dtype=np.int64).ravel()
    carried = np.zeros((len(cells), 0), np.uint8) if values is None else np.asarray(values)
    target = np.full((0, 0), -1, np.int64) if targets is None else np.ascontiguousarray(targets, dtype=np.int64)
    _check(z, friction, cell_m, cells)
    _check_releases(z, cells, unit, carried, target)
    order = np.lexsort((cells, unit))
    good = ~np.isnan(z.ravel()[cells[order]])
    order = order[good]
    rule = _rule(friction, cell_m)
    planes, hits = _run_all(z, cells[order], unit[order], carried[order].astype(np.uint8), target, rule)
    energy, flux, length, lowest, highest, count, flags, top = planes
    return Runout(energy, flux, length, lowest, highest, count, flags, top, hits, int(len(good) - good.sum()))


def flow_path(elevation: ArrayLike, release: int, *, friction: Friction, cell_m: float) -> Path:
    """Follow the path of one release cell (flat index); empty where its ground is missing.

    Raises
    ------
    ValueError : as `run_out`.
    """
    z = np.ascontiguousarray(elevation, dtype=np.float64)
    _check(z, friction, cell_m, np.array([release]))
    rule, slot, lists = _rule(friction, cell_m), np.full(z.size, -1, np.int32), _workspace(_FIRST_NODES)
    n = 0 if np.isnan(z.ravel()[release]) else follow(z, release, rule, slot, *lists)
    while n < 0:
        lists = _workspace(4 * len(lists[0]))
        n = follow(z, release, rule, slot, *lists)
    found = lists[0][:n]
    row, column = np.divmod(found["cell"], z.shape[1])
    way = cell_m * (found["way_sides"] + math.sqrt(2) * found["way_diagonals"])
    return Path(row, column, found["parent"].astype(np.int64), found["head"] - z[row, column], found["flux"].copy(),
                found["at_rest"].copy(), way, found["flags"].copy())  # fmt: skip


def _check(z: NDArray[np.float64], friction: Friction, cell_m: float, cells: NDArray[np.int64]) -> None:
    f = friction
    if z.ndim != 2:
        msg = f"elevation has shape {z.shape}; (y, x) needed"
        raise ValueError(msg)
    good = 0 < f.alpha_deg < 90 and 0 < f.exponent < math.inf and 0 < f.flux_cut < 1
    if not (good and f.cap_m > 0 and f.reach_m > 0 and 0 < cell_m < math.inf):
        msg = f"{f}, cell {cell_m} m: alpha in (0, 90), flux cut in (0, 1) and the rest above 0 needed"
        raise ValueError(msg)
    if len(cells) and not (cells.min() >= 0 and cells.max() < z.size):
        msg = f"release cells run from {cells.min()} to {cells.max()}; 0 to {z.size - 1} needed"
        raise ValueError(msg)


def _check_releases(
    z: NDArray[np.float64], cells: NDArray[np.int64], unit: NDArray[np.int64], values: NDArray[Any],
    target: NDArray[np.int64],
) -> None:  # fmt: skip
    if unit.shape != cells.shape or values.ndim != 2 or len(values) != len(cells):
        msg = f"{len(cells)} releases, but units of shape {unit.shape} and values of shape {values.shape}"
        raise ValueError(msg)
    if len(unit) and not unit.min() >= 0:
        msg = f"the lowest unit is {unit.min()}; numbers >= 0 needed"
        raise ValueError(msg)
    if values.size and not (values.min() >= 0 and values.max() <= 255):
        msg = f"values run from {values.min()} to {values.max()}; 0 to 255 needed"
        raise ValueError(msg)
    if target.size and target.shape != z.shape:
        msg = f"elevation has shape {z.shape}, targets {target.shape}; one (y, x) shape needed"
        raise ValueError(msg)


def _rule(friction: Friction, cell_m: float) -> NDArray[np.float64]:
    """Return the rule in the order of `flow_path.RULE`."""
    drop_m = math.tan(math.radians(friction.alpha_deg)) * cell_m
    reach = math.floor(min(friction.reach_m / cell_m, 2**30) + 1e-9)
    return np.array([drop_m, cell_m, friction.exponent, friction.flux_cut, friction.cap_m, reach], dtype=np.float64)


def _workspace(n_nodes: int) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Return lists for a path of so many cells: nodes, pushes, and the queue."""
    return np.empty(n_nodes, NODE), np.empty((n_nodes, 8)), np.empty(8 * n_nodes), np.empty(8 * n_nodes, np.int32)


def _run_all(
    z: NDArray[np.float64], cells: NDArray[np.int64], unit: NDArray[np.int64], values: NDArray[np.uint8],
    target: NDArray[np.int64], rule: NDArray[np.float64],
) -> tuple[tuple[NDArray[Any], ...], NDArray[Any]]:  # fmt: skip
    """Run the paths in the order given (units together), with longer lists where they turn out too short."""
    planes: tuple[NDArray[Any], ...] = (
        *(np.zeros(z.shape, np.float32) for _ in range(3)),
        np.full(z.shape, np.nan, np.float32), np.full(z.shape, np.nan, np.float32),
        np.zeros(z.shape, np.int32), np.zeros(z.shape, np.uint8), np.zeros((values.shape[1], *z.shape), np.uint8),
    )  # fmt: skip
    n_targets = int(target.max(initial=-1)) + 1
    best, touched = np.zeros(n_targets, HIT), np.empty(n_targets, np.int64)
    rows = np.empty(max(_FIRST_ROWS, n_targets), HIT)
    slot, lists = np.full(z.size, -1, np.int32), _workspace(_FIRST_NODES)
    at = np.zeros(3, np.int64)  # next release, targets touched by its unit, rows filled
    out = []
    flat = target.ravel()
    while True:
        state = run(z, cells, unit, values, flat, rule, planes, slot, lists, best, touched, rows, at)
        out.append(rows[: at[2]].copy())
        at[2] = 0
        if state == FINISHED:
            break
        if state == NODES_SHORT:
            lists = _workspace(4 * len(lists[0]))
    hits = np.concatenate(out)
    return planes, hits[np.lexsort((hits["target"], hits["unit"]))]
