"""What in a DEM is not ground: found, counted and placed, block by block; nothing is changed here."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import CHUNK, Grid, grid_of
from geo_risk.core.units import in_units
from geo_risk.kernels.dem_lies import SEGMENT, level_pairs, lone_heights, multiples_of, seam_steps
from geo_risk.terrain.params import DemLiesParams
from geo_risk.terrain.patches import patches
from geo_risk.terrain.rows import rows_of_blocks, values_at
from geo_risk.terrain.slope import blocks, slope_layers

STEPS_M = (1.0, 0.5, 0.3048, 0.1)
"""Steps of height that a DEM may be rounded to [m]; 0.3048 is a foot."""

FEET = 0.3048

RATIOS_MAX = 4_000_000
"""Cells at which the town's heights are set against the run's: some 3,600 km2 at 30 m."""

COLUMNS = ("kind", "x", "y", "n_cells", "length_m", "value_m")


class Lies(NamedTuple):
    """What was found: one row each, and counts over the whole map.

    Attributes
    ----------
    table : COLUMNS; kind is "void", "seam", "spike", "pit", "deep_hole", "building_pit" or "sea_level"; the place is
        that of the first cell (of a seam, its middle); `value_m` is its step, height or depth.
    n_cells, n_missing, n_below_sea : cells of the map, without a height, below 0 m. lowest_m, highest_m : of the rest.
    rounded_m : step that nearly all heights are multiples of, 0 none. level_share : neighbours of exactly one height.
    steep_share : known cells steeper than is plausible. town_ratio : height of the town's DEM over that of this one,
        NaN where there is none.
    """

    table: pd.DataFrame
    n_cells: int
    n_missing: int
    n_below_sea: int
    lowest_m: float
    highest_m: float
    rounded_m: float
    level_share: float
    steep_share: float
    town_ratio: float


def dem_lies(
    dem: xr.DataArray, filled: xr.DataArray, *, params: DemLiesParams, town: xr.DataArray | None = None,
    built: da.Array | None = None,
) -> Lies:  # fmt: skip
    """Look for what in a DEM is not ground.

    Parameters
    ----------
    dem, filled : (y, x) before and after filling, any length unit; read some ten times, block by block.
    params : from when something counts. town : finer DEM inside, or None; lazy, it is read once, window by window.
        built : (y, x) lazy, > 0 where the middle of a cell lies in a building, or None.

    Raises
    ------
    GridError, UnitError : layers on different grids, or without a length unit.
    """
    grid = grid_of(dem)
    z = blocks(in_units(dem, "m")).rechunk(CHUNK)
    top = blocks(in_units(filled, "m")).rechunk(CHUNK)
    found = [_seams(z, grid, params), *_lone(z, grid, params)]
    masks = [
        ("void", da.isnan(z), 1), ("deep_hole", top - z > params.hole_depth_m, 1),
        ("sea_level", z == 0, max(1, int(np.ceil(params.sea_area_m2 / grid.cell_area_m2)))),
    ]  # fmt: skip
    if built is not None:
        inside = built.rechunk(z.chunks) > 0
        masks.append(("building_pit", inside & (top - z > params.building_pit_m), 1))
    for kind, mask, least in masks:
        first, n = patches(mask, cells_min=least)
        is_hollow = kind in ("deep_hole", "building_pit")
        depth = _depths(top - z, first) if is_hollow else np.full(len(first), np.nan)
        found.append(_rows(kind, first, grid, n_cells=n, value_m=depth))
    table = pd.concat([rows for rows in found if len(rows)] or [found[0]], ignore_index=True)
    steep = da.mean((blocks(slope_layers(dem)["slope_deg"]) > params.steep_deg).astype(np.float64))
    return Lies(table[list(COLUMNS)], *_counted(z), float(steep.compute()), _ratio(dem, town))


def _depths(depth: da.Array, first: NDArray[np.int64]) -> NDArray[np.float64]:
    return values_at(depth, first).astype(np.float64)


def _rows(kind: str, cells: NDArray[np.int64], grid: Grid, **values: Any) -> pd.DataFrame:
    row, column = np.divmod(cells, grid.shape[1])
    coords = grid.coords()
    out = pd.DataFrame({"x": coords["x"][column], "y": coords["y"][row]}).assign(kind=kind, n_cells=1, length_m=np.nan)
    return out.assign(**values)


def _counted(z: da.Array) -> tuple[int, int, int, float, float, float, float]:
    """Return cells, missing, below sea, lowest, highest, step of rounding, share of level neighbours."""
    n_missing = n_below = 0
    lowest, highest = np.inf, -np.inf
    multiples, equal, pairs = np.zeros(len(STEPS_M), np.int64), 0, 0
    for _, (missing, below, low, high, many, (same, all_)) in rows_of_blocks(_counts, [z]):
        n_missing, n_below, lowest, highest = n_missing + missing, n_below + below, min(lowest, low), max(highest, high)
        multiples, equal, pairs = multiples + many, equal + same, pairs + all_
    known = z.size - n_missing
    shares = multiples / max(known, 1)
    rounded = next((s for s, share in zip(STEPS_M, shares, strict=True) if share > 0.99), 0.0)
    span = (lowest, highest) if known else (np.nan, np.nan)
    return int(z.size), n_missing, n_below, float(span[0]), float(span[1]), float(rounded), equal / max(pairs, 1)


def _counts(z: NDArray[Any], *, origin: tuple[int, int], n_x: int) -> tuple[Any, ...]:
    del origin, n_x
    known = z[np.isfinite(z)]
    low, high = (float(known.min()), float(known.max())) if known.size else (np.inf, -np.inf)
    return (int(np.isnan(z).sum()), int((known < 0).sum()), low, high, multiples_of(z, STEPS_M), level_pairs(z))


def _lone(z: da.Array, grid: Grid, params: DemLiesParams) -> list[pd.DataFrame]:
    """Return single cells that stand out of all their neighbours."""
    framed = da.overlap.overlap(z, depth=1, boundary=np.nan)
    alone = da.map_blocks(lone_heights, framed, dtype=np.float32, chunks=z.chunks, meta=np.empty((0, 0), np.float32))
    cells, values = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for _, (at, value) in rows_of_blocks(_beyond, [alone], least=params.spike_m):
        cells.append(at)
        values.append(value)
    cell, value = np.concatenate(cells), np.concatenate(values).astype(np.float64)
    up = value > 0
    return [
        _rows(kind, cell[which], grid, value_m=np.abs(value[which])) for kind, which in (("spike", up), ("pit", ~up))
    ]


def _beyond(
    alone: NDArray[np.float32], *, origin: tuple[int, int], n_x: int, least: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    row, column = np.nonzero(np.abs(alone) >= least)
    return (row + origin[0]) * n_x + column + origin[1], alone[row, column]


def _seams(z: da.Array, grid: Grid, params: DemLiesParams) -> pd.DataFrame:
    """Return straight lines along rows and columns over which the height steps, neighbouring segments as one."""
    rows: list[dict[str, float]] = []
    for axis in (0, 1):
        reach = {axis: 2, 1 - axis: 0}
        if z.shape[axis] < 5:
            continue
        framed = da.overlap.overlap(z, depth=reach, boundary=np.nan, allow_rechunk=True)
        parts = [part for _, part in rows_of_blocks(_steps, [framed], axis=axis, shape=z.shape)]
        line, segment, step, share = (np.concatenate([p[k] for p in parts]) for k in range(4))
        usual = float(np.nanmedian(np.abs(step))) if np.isfinite(step).any() else 0.0
        bad = (np.abs(step) >= max(params.seam_step_m, params.seam_times * usual)) & (share >= params.seam_share)
        bad &= _stand_out(line, segment, step)
        rows += _lines(line[bad], segment[bad], step[bad], axis, grid)
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(kind="seam")


def _steps(
    z: NDArray[Any], *, origin: tuple[int, int], n_x: int, axis: int, shape: tuple[int, int]
) -> tuple[NDArray[Any], ...]:
    """Return line, segment, step and share of each line segment of a block; the line lies after row `line`."""
    del n_x
    # `origin` counts the frames of the blocks before: two rows before and after each along the axis
    along = 1 - axis
    block = origin[axis] // (CHUNK + 4)
    first = origin[axis] - 4 * block
    step, share = seam_steps(z if axis == 0 else z.T)
    # rows -2 .. n + 1 of the block: lines between rows -1|0 (of the block before) to n|n+1; those of its own begin at 0
    line = np.arange(step.shape[0]) + first - 1
    segment = np.arange(step.shape[1]) + origin[along] // SEGMENT
    lines, segments = np.meshgrid(line, segment, indexing="ij")
    own = (lines >= first) & (lines < min(first + z.shape[axis] - 4, shape[axis] - 1))
    return lines[own], segments[own], step[own], share[own]


def _stand_out(line: NDArray[Any], segment: NDArray[Any], step: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a line steps more than those beside it, which half of a seam's step falls to with the other sign."""
    wide = int(segment.max(initial=0)) + 1
    key = (line + 1) * wide + segment
    order = np.argsort(key)
    size = np.nan_to_num(np.abs(step))
    out = np.ones(len(line), dtype=np.bool_)
    for beside in (-1, 1):
        at = np.minimum(np.searchsorted(key[order], key + beside * wide), len(key) - 1)
        same = key[order][at] == key + beside * wide
        out &= ~same | (size >= size[order][at])
    return out


def _lines(
    line: NDArray[Any], segment: NDArray[Any], step: NDArray[Any], axis: int, grid: Grid
) -> list[dict[str, float]]:
    order = np.lexsort((segment, line))
    line, segment, step = line[order], segment[order], step[order]
    new = np.flatnonzero((np.diff(line, prepend=-9) != 0) | (np.diff(segment, prepend=-9) != 1))
    out = []
    for a, b in zip(new, np.append(new, len(line))[1:], strict=True):
        along = (segment[a] * SEGMENT, min((segment[b - 1] + 1) * SEGMENT, grid.shape[1 - axis]))
        middle, across = (along[0] + along[1]) / 2, float(line[a] + 1)
        column, row = (middle, across) if axis == 0 else (across, middle)
        x, y = grid.transform * (column, row)
        out.append({"x": x, "y": y, "n_cells": int(along[1] - along[0]),
                    "length_m": float(along[1] - along[0]) * grid.resolution_m,
                    "value_m": float(np.median(step[a:b]))})  # fmt: skip
    return out


def _ratio(dem: xr.DataArray, town: xr.DataArray | None) -> float:
    """Return the median ratio of the town's height to the DEM's at the middles of the DEM's cells; NaN without any.

    Where more than RATIOS_MAX cells lie in the town every k-th row and column is looked at.
    """
    if town is None:
        return float("nan")
    grid, fine = grid_of(dem), grid_of(town)
    window = grid.window(fine.bounds) if grid.crs == fine.crs else None
    if window is None:
        return float("nan")
    rows, columns = (range(*part.indices(n)) for part, n in zip(window, grid.shape, strict=True))
    stride = max(1, int(np.ceil(np.sqrt(len(rows) * len(columns) / RATIOS_MAX))))
    side = max(1, min(CHUNK, int(2 * CHUNK * fine.resolution_m / grid.resolution_m)))  # some 4 M of the town's cells
    z, own = in_units(dem, "m"), in_units(town, "m")
    found = []
    for r0 in range(rows.start, rows.stop, side):
        for c0 in range(columns.start, columns.stop, side):
            part = z[r0 : min(r0 + side, rows.stop), c0 : min(c0 + side, columns.stop)]
            found.append(_ratios(part[(rows.start - r0) % stride :: stride, (columns.start - c0) % stride :: stride],
                                 own, fine))  # fmt: skip
    ratios = np.concatenate(found)
    return float(np.median(ratios)) if ratios.size else float("nan")


def _ratios(part: xr.DataArray, town: xr.DataArray, fine: Grid) -> NDArray[Any]:
    """Return the ratios at the middles of some cells, read of the town no more than the window that holds them."""
    if not part.size:
        return np.empty(0, np.float32)
    x, y = np.meshgrid(part["x"].to_numpy(), part["y"].to_numpy())
    row, column, inside = fine.index(x.ravel(), y.ravel())
    if not inside.any():
        return np.empty(0, np.float32)
    row, column = row[inside], column[inside]
    top, left = row.min(), column.min()
    near = town[top : row.max() + 1, left : column.max() + 1].to_numpy()
    own, coarse = near[row - top, column - left], part.to_numpy().ravel()[inside]
    good = np.isfinite(own) & np.isfinite(coarse) & (np.abs(coarse) > 1)
    return np.asarray(own[good] / coarse[good])
