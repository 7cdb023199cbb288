"""The flow of a storm over the valleys of the map, in two dimensions on a coarser grid.

A rating curve knows uniform flow in one mean cross-section of a reach. On a gentle bed a flood is held up by what lies
below it, fills the plain beside the river, and passes as a wave. There the shallow-water equations are run with the
runoff of every cell, hour by hour, and with what rivers bring over the edge. On a bed steeper than the critical slope
the flow is supercritical and its depth the normal one of the rating curve, and a channel is narrower than the coarse
cells: there the run says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from geo_risk.hazards.flood.rivers import basin_length_m, concentration_time_h
from geo_risk.hazards.flood.valley_params import ValleyFlowParams
from geo_risk.kernels.flow_input import RainFields
from geo_risk.kernels.inertial import simulate
from geo_risk.kernels.priority_flood import fill

Array = NDArray[np.float64]

GRAVITY_M_S2 = 9.81
WET_M = 0.02
"""Sheets thinner than this are rain on its way."""

GIANDOTTI_MIN_M2 = 1e7
"""Basins from here on have Giandotti's time of concentration, where it is longer: choice of geo_risk."""

SNAP_CELLS = 3
"""A river from beyond the map enters at the lowest coarse cell so near to where it crosses the edge."""

WALL_CELLS = 10
"""The edge of the grid is a wall over so many cells on both sides of an entry: water would run out of it again."""


OUTLET_M3_S = 1e9
"""What a cell by which water leaves the map takes: all of it."""


@dataclass(frozen=True)
class ValleyGround:
    """The coarse grid of the run.

    Attributes
    ----------
    bed_m : (Y, X) lowest ground of each block without hollows, NaN where none is known. block : cells of the fine grid
        along one side. cell_m : side of a coarse cell. shape : of the fine grid.
    """

    bed_m: Array
    block: int
    cell_m: float
    shape: tuple[int, int]

    def means(self, values: NDArray[Any]) -> Array:
        """Return the mean of known values of each block, NaN where none is."""
        parts = _parts(values.astype(np.float64), self.block)
        known = np.isfinite(parts)
        n = known.sum(axis=(1, 3))
        total = np.where(known, parts, 0.0).sum(axis=(1, 3))
        out: Array = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
        return out

    def first(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the upper left value of each block, for codes that have no mean."""
        return values[:: self.block, :: self.block]

    def depth_on(self, elevation_m: NDArray[Any], depth_m: Array) -> NDArray[np.float32]:
        """Return the depth over the fine ground [m], from the water level of each block; NaN where that is unknown.

        It is where the run had no ground: a wall beside an entry (`walled`) is not dry, nothing is known of it.
        """
        level = np.where(depth_m > WET_M, self.bed_m + depth_m, -np.inf)
        level = np.where(np.isfinite(self.bed_m) & np.isfinite(depth_m), level, np.nan)
        fine = np.repeat(np.repeat(level, self.block, axis=0), self.block, axis=1)
        out = np.maximum(fine[: self.shape[0], : self.shape[1]] - elevation_m, 0.0)
        return np.asarray(out, dtype=np.float32)


def block_of(shape: tuple[int, int], resolution_m: float, params: ValleyFlowParams) -> int | None:
    """Return how many cells a block of the coarse grid has along one side; None where the map is too large to be run.

    The smallest of two or more whose grid has no more than `cells_max` cells; blocks are no larger than `block_max_m`.
    """
    block = 2
    while block * resolution_m <= params.block_max_m * (1 + 1e-9):
        if math.ceil(shape[0] / block) * math.ceil(shape[1] / block) <= params.cells_max:
            return block
        block += 1
    return None


def least_cells(shape: tuple[int, int], resolution_m: float, params: ValleyFlowParams) -> int:
    """Return the cells that the coarse grid of a map has at least, with the largest blocks that are allowed."""
    block = max(math.floor(params.block_max_m * (1 + 1e-9) / resolution_m), 2)
    return math.ceil(shape[0] / block) * math.ceil(shape[1] / block)


def valley_ground(elevation_m: NDArray[Any], *, block: int, resolution_m: float) -> ValleyGround:
    """Make the coarse bed: the lowest cell of each block, so that channels stay open, and no hollow without a way out.

    Parameters
    ----------
    elevation_m : (y, x) [m], NaN where missing.
    """
    z = np.asarray(elevation_m, np.float64)
    parts = np.where(np.isnan(z), np.inf, z)
    lowest = _parts(parts, block, fill_value=np.inf).min(axis=(1, 3))
    bed = np.asarray(fill(np.where(np.isfinite(lowest), lowest, np.nan)), dtype=np.float64)
    return ValleyGround(bed, block, block * resolution_m, (z.shape[0], z.shape[1]))


def gentle_ground(ground: ValleyGround, *, depth_m: float, manning_n: float) -> NDArray[np.bool_]:
    """Mark the fine cells where the bed is gentler than the critical slope g n^2 / h^(1/3) of a wide channel.

    Chow (1959), Open-Channel Hydraulics, section 6-7 (normal depth h equals critical depth). False where the bed is
    not known.

    Parameters
    ----------
    depth_m : h, > 0. manning_n : > 0.
    """
    bed = ground.bed_m
    if min(bed.shape) < 2:
        return np.zeros(ground.shape, dtype=bool)
    down, right = np.gradient(bed, ground.cell_m)
    critical = GRAVITY_M_S2 * manning_n**2 / depth_m ** (1 / 3)
    with np.errstate(invalid="ignore"):
        gentle = np.hypot(down, right) < critical
    fine = np.repeat(np.repeat(gentle, ground.block, axis=0), ground.block, axis=1)
    return np.asarray(fine[: ground.shape[0], : ground.shape[1]], dtype=bool)


def unit_hydrograph(concentration_h: float) -> Array:
    """Return the share of an hour's runoff that passes in each hour after its beginning, (t,), summing to 1.

    The SCS triangle of USDA NEH-4 (1972) ch. 16: it rises for D / 2 + 0.6 Tc, D one hour, and ends after 2.67 times
    that.

    Parameters
    ----------
    concentration_h : Tc [h], >= 0.
    """
    if not 0 <= concentration_h < math.inf:
        msg = f"a time of concentration of {concentration_h} h; 0 or more needed"
        raise ValueError(msg)
    rise = 0.5 + 0.6 * concentration_h
    base = 2.67 * rise
    hours = np.arange(math.ceil(base) + 1.0)

    def passed(t: Array) -> Array:
        early = t**2 / (rise * base)
        late = 1 - (base - t) ** 2 / (base * (base - rise))
        return np.where(t <= rise, early, np.where(t < base, late, 1.0))

    return np.diff(passed(np.minimum(hours, base)), append=1.0)[: len(hours) - 1]


def giandotti_time_h(area_m2: float, length_m: float, mean_height_m: float) -> float:
    """Time of concentration [h] of a mountain river's basin, (4 A^(1/2) + 1.5 L) / (0.8 H^(1/2)).

    Giandotti (1934), Memorie e studi idrografici 8: A [km2], L [km], H the mean height above the outlet [m]; from
    basins of 170 to 70,000 km2. Kirpich's time is from basins of less than half a square kilometre.

    Parameters
    ----------
    area_m2, length_m : >= 0. mean_height_m : > 0.
    """
    if not (area_m2 >= 0 and length_m >= 0 and mean_height_m > 0):
        msg = f"a basin of {area_m2} m2, {length_m} m and {mean_height_m} m of mean height; none may be negative or 0"
        raise ValueError(msg)
    return (4 * math.sqrt(area_m2 / 1e6) + 1.5 * length_m / 1000) / (0.8 * math.sqrt(mean_height_m))


def outside_flow_m3_s(area_m2: float, entry_m: float, highest_m: float, runoff_mm: Array, *, slope_min: float) -> Array:
    """Return what a river brings over the edge in each hour [m3/s].

    The ground beyond is taken to shed what the map does on the mean, to be as long as basins of its size are
    (`rivers.basin_length_m`), and to rise as high above the entry as the map's highest ground does, half as high on
    the mean. Small basins have Kirpich's time of concentration, larger ones that of Giandotti, whichever is longer.

    Parameters
    ----------
    area_m2 : drained beyond the map. entry_m, highest_m : heights. runoff_mm : (t,) mean over the map, by hour.
    """
    length = float(basin_length_m(np.array([area_m2]))[0])
    rise = max(highest_m - entry_m, slope_min * length)
    lag = float(concentration_time_h(np.array([length]), np.array([rise / length]))[0])
    if area_m2 >= GIANDOTTI_MIN_M2:
        lag = max(lag, giandotti_time_h(area_m2, length, rise / 2))
    spread = np.convolve(runoff_mm, unit_hydrograph(lag))[: len(runoff_mm)]
    return np.asarray(spread * area_m2 / 1000 / 3600, dtype=np.float64)


class FedRunoff:
    """Runoff of each hour with what rivers bring over the edge, both as mm/h on coarse cells.

    Parameters
    ----------
    own : of the map; none runs off after its hours. inflow_mm_h : (t, k), as long or longer, on the flat cells `at`.
    """

    def __init__(self, own: RainFields, at: NDArray[np.int64], inflow_mm_h: Array) -> None:
        self._own, self.cells, self._inflow = own, at, inflow_mm_h

    def __len__(self) -> int:
        """Return the number of hours."""
        return len(self._inflow)

    def peak_m3_s(self, cell_m: float) -> float:
        """Return the greatest inflow of all rivers together [m3/s], of cells of this side."""
        total = self._inflow.sum(axis=1)
        return float(total.max(initial=0.0)) / 1000 / 3600 * cell_m**2

    def field(self, k: int) -> Array:
        """Return hour k, (Y, X) [mm/h]."""
        last = len(self._own) - 1
        out = np.array(self._own.field(min(k, last)), dtype=np.float64)
        if k > last:
            out[...] = 0.0
        np.add.at(out.reshape(-1), self.cells, self._inflow[k])
        return out


def entry_cells(ground: ValleyGround, outside_m2: NDArray[Any]) -> tuple[NDArray[np.int64], Array]:
    """Return the flat coarse cells where rivers enter, and the ground beyond the map that each drains [m2].

    Parameters
    ----------
    outside_m2 : (y, x) on the fine grid: ground beyond the map that drains in there; 0 or NaN: none is known.
    """
    area = np.nan_to_num(np.asarray(outside_m2, np.float64))
    row, column = np.nonzero(area > 0)
    at = [_entry(ground, int(j), int(i)) for j, i in zip(row, column, strict=True)]
    found = [k for k, cell in enumerate(at) if cell is not None]
    cells = np.array([at[k] for k in found], dtype=np.int64)
    return cells, np.asarray(area[row[found], column[found]], dtype=np.float64)


def _entry(ground: ValleyGround, row: int, column: int) -> int | None:
    """Return the flat coarse cell where a river enters: the lowest near the crossing, off the edge of the grid."""
    n_y, n_x = ground.bed_m.shape
    j, i = np.clip(row // ground.block, 1, max(n_y - 2, 1)), np.clip(column // ground.block, 1, max(n_x - 2, 1))
    rows = np.arange(max(j - SNAP_CELLS, 1), min(j + SNAP_CELLS + 1, n_y - 1))
    columns = np.arange(max(i - SNAP_CELLS, 1), min(i + SNAP_CELLS + 1, n_x - 1))
    near = ground.bed_m[np.ix_(rows, columns)]
    if not np.isfinite(near).any():
        return None
    a, b = np.unravel_index(int(np.nanargmin(near)), near.shape)
    return int(rows[a] * n_x + columns[b])


def walled(ground: ValleyGround, cells: NDArray[np.int64]) -> ValleyGround:
    """Return the ground with walls (missing cells) on the edge of the grid near entries."""
    bed = ground.bed_m.copy()
    n_y, n_x = bed.shape
    for j, i in zip(*np.divmod(cells, n_x), strict=True):
        rows = slice(max(j - WALL_CELLS, 0), j + WALL_CELLS + 1)
        columns = slice(max(i - WALL_CELLS, 0), i + WALL_CELLS + 1)
        for edge, is_near in (((0, columns), j <= WALL_CELLS), ((n_y - 1, columns), j >= n_y - 1 - WALL_CELLS),
                              ((rows, 0), i <= WALL_CELLS), ((rows, n_x - 1), i >= n_x - 1 - WALL_CELLS)):  # fmt: skip
            if is_near:
                bed[edge] = np.nan
    return ValleyGround(bed, ground.block, ground.cell_m, ground.shape)


def above_entries(ground: ValleyGround, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the coarse cells (Y, X) by which a river comes to its entry: near it, and no lower.

    Its water enters the run only there, up to WALL_CELLS from where it crosses the edge: above it the run is too dry.
    """
    out = np.zeros(ground.bed_m.shape, dtype=np.bool_)
    for j, i in zip(*np.divmod(cells, ground.bed_m.shape[1]), strict=True):
        near = (slice(max(j - WALL_CELLS, 0), j + WALL_CELLS + 1), slice(max(i - WALL_CELLS, 0), i + WALL_CELLS + 1))
        with np.errstate(invalid="ignore"):
            out[near] |= ground.bed_m[near] >= ground.bed_m[j, i]
    out.reshape(-1)[cells] = False
    return out


def fed_runoff(
    own: RainFields, ground: ValleyGround, cells: NDArray[np.int64], outside_m2: Array, *, slope_min: float,
    after_h: int = 0, hours_max: int | None = None,
) -> FedRunoff | None:  # fmt: skip
    """Add the rivers that enter over the edge to the runoff of the map, until the crest of each has passed.

    Parameters
    ----------
    cells, outside_m2 : of `entry_cells`. slope_min : least slope of the ground beyond the map. after_h : hours that are
        run after a river's crest comes over the edge. hours_max : longest run; None: the hours of `own`, whatever
        comes after them.

    Returns
    -------
    None where a crest comes too late for `hours_max`: a run that ends before it would call dry what it floods.
    """
    known = np.isfinite(ground.bed_m)
    fields = (np.asarray(own.field(k), np.float64) for k in range(len(own)))
    mean = np.array([float(f[known].mean()) if known.any() else 0.0 for f in fields])
    hours = len(own)
    more = 0 if hours_max is None else max(hours_max + 1 - hours, 0)
    highest = float(np.nanmax(ground.bed_m)) if known.any() else 0.0
    heights = ground.bed_m.reshape(-1)[cells]
    flows = [
        outside_flow_m3_s(area, height, highest, np.pad(mean, (0, more)), slope_min=slope_min)
        * 1000 * 3600 / ground.cell_m**2
        for area, height in zip(outside_m2.tolist(), heights.tolist(), strict=True)
    ]  # fmt: skip
    if hours_max is not None:
        hours = max([hours, *(int(flow.argmax()) + 1 + after_h for flow in flows if flow.any())])
        if hours > hours_max:
            return None
    inflow = np.array([flow[:hours] for flow in flows]).T if flows else np.zeros((hours, 0))
    return FedRunoff(own, cells, inflow)


def outlets_m(ground: ValleyGround, cells: NDArray[np.int64]) -> Array:
    """Return the height of missing cells beside known ones, (Y, X), by which water leaves the map; NaN elsewhere.

    As the lowest known cell beside them. The edge of a county's DEM is a wall only where a river enters, within
    WALL_CELLS of `cells`: elsewhere a lake would stand before it.
    """
    known = np.isfinite(ground.bed_m)
    lowest = minimum_filter(np.where(known, ground.bed_m, np.inf), size=3, mode="constant", cval=np.inf)
    out: Array = np.where(~known & np.isfinite(lowest), lowest, np.nan)
    for j, i in zip(*np.divmod(cells, ground.bed_m.shape[1]), strict=True):
        out[max(j - WALL_CELLS, 0) : j + WALL_CELLS + 1, max(i - WALL_CELLS, 0) : i + WALL_CELLS + 1] = np.nan
    return out


def run_valleys(
    ground: ValleyGround, runoff: RainFields, *, params: ValleyFlowParams, n_threads: int = 1,
    outlets: Array | None = None,
) -> Array:  # fmt: skip
    """Run the storm and return the deepest water on each coarse cell [m], NaN where the bed is not known.

    Parameters
    ----------
    outlets : of `outlets_m`; what reaches such a cell is gone. None: all missing cells are walls.

    Raises
    ------
    UnstableFlow : the run lost its way; nothing of it counts.
    """
    is_outlet = np.zeros(ground.bed_m.shape, dtype=np.bool_) if outlets is None else np.isfinite(outlets)
    bed = ground.bed_m if outlets is None else np.where(is_outlet, outlets, ground.bed_m)
    run = simulate(bed, params.manning_n, runoff, rain_step_s=3600.0, cell_m=ground.cell_m, step_max_s=5.0,
                   sink_m3_s=np.where(is_outlet, OUTLET_M3_S, 0.0), advection=True, n_threads=n_threads)  # fmt: skip
    return np.where(is_outlet, np.nan, np.asarray(run.max_depth_m, dtype=np.float64))


def run_hours(
    rain_mm: NDArray[Any], *, start: int, storm_h: int, params: ValleyFlowParams
) -> tuple[int, int, int] | None:
    """Return the first hour of the run, the latest one that would do, and its end.

    The run holds the wettest hours of every rain cell of weight, `lead_h` before and `after_h` after them. It begins
    with the storm, so that what fell before them is on its way too, as far as `hours_max` allows.

    Parameters
    ----------
    rain_mm : (t, y, x), missing hours count as none. start : hour when the storm began. storm_h : wettest hours.

    Returns
    -------
    None where the least takes more than `hours_max`.
    """
    rain = np.nan_to_num(np.asarray(rain_mm, np.float64)).reshape(len(rain_mm), -1)
    hours = min(storm_h, len(rain))
    total = np.concatenate([np.zeros((1, rain.shape[1])), np.cumsum(rain, axis=0)])
    sums = total[hours:] - total[:-hours]
    most = sums.max(axis=0)
    of_weight = most >= params.local_share * most.max()
    firsts = sums[:, of_weight].argmax(axis=0)
    first, stop = int(firsts.min()), int(firsts.max()) + hours
    first, stop = max(first - params.lead_h, min(start, first), 0), min(stop + params.after_h, len(rain))
    if stop - first > params.hours_max:
        return None
    return max(min(start, first), stop - params.hours_max, 0), first, stop


def _parts(values: NDArray[Any], block: int, *, fill_value: float = np.nan) -> NDArray[Any]:
    """Return values as (Y, block, X, block), the last blocks filled up."""
    n_y, n_x = values.shape
    padded = np.pad(values, ((0, -n_y % block), (0, -n_x % block)), constant_values=fill_value)
    return padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)
