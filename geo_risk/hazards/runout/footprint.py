"""The footprint of each release unit by itself, as polygons."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import accumulate
from typing import Any

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import CHUNK, Grid, grid_of, same_grid
from geo_risk.core.result import declared
from geo_risk.core.vectorize import outlines_of_labels
from geo_risk.hazards.runout.compute import GRAVITY_M_S2, INPUTS
from geo_risk.hazards.runout.params import KINDS, RunoutParams
from geo_risk.hazards.runout.tiles import Box
from geo_risk.kernels.runout import MISSING_GROUND, run_out
from geo_risk.terrain.slope import blocks

_COLUMNS = ("unit", "area_m2", "velocity_m_s", "length_m", "flags")


def footprints(layers: Mapping[str, xr.DataArray], params: RunoutParams, units: Collection[int]) -> gpd.GeoDataFrame:
    """Return what each of some release units reaches, the release itself included.

    Parameters
    ----------
    layers : as in `compute.INPUTS`; read block by block, of the heights one window a unit.
    units : numbers of release units; one without a known release cell has no row.

    Returns
    -------
    One row a unit, sorted: unit, area_m2, velocity_m_s (greatest), length_m (longest way), flags (unknown beyond, see
    `kernels.runout`), geometry.

    Raises
    ------
    UnitError, GridError : as `compute`.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    return cell_footprints(given["dem"], *_cells_of(given, units, grid), params)


def cell_footprints(
    dem: xr.DataArray,
    cells: NDArray[np.int64],
    number: NDArray[np.int64],
    kind: NDArray[Any],
    params: RunoutParams,
) -> gpd.GeoDataFrame:
    """Return what some release cells reach, unit by unit; units may share cells.

    Parameters
    ----------
    dem : (y, x) [m], NaN where missing; may be lazy: units that begin in one block are followed together on one window
        around them, so that a block is read once for them.
    cells, number, kind : (n,) row-major release cells, their units, and the codes of their kind (`params.KINDS`).

    Returns
    -------
    As `footprints`.

    Raises
    ------
    ValueError : the three differ in length, a cell is off the map, or a code names no kind.
    """
    grid = grid_of(dem)
    _check_cells(cells, number, kind, grid)
    order = np.lexsort((cells, number))
    cells, number, kind = cells[order], number[order], kind[order]
    first = np.unique(number, return_index=True)[1]
    members = np.split(np.arange(len(number)), first[1:]) if len(first) else []
    row, column = np.divmod(cells[first], grid.shape[1])
    block = (row // CHUNK) * (grid.shape[1] // CHUNK + 1) + column // CHUNK
    found: dict[int, tuple[dict[str, float], Any]] = {}
    for name in np.unique(block):
        some = [members[k] for k in np.flatnonzero(block == name)]
        box = _window(cells[np.concatenate(some)], kind[np.concatenate(some)], grid, params)
        z = np.asarray(dem[box.slices].data, dtype=np.float64)
        for at in some:
            made = _footprint(z, box, grid, cells[at], kind[at], params)
            if made is not None:
                found[int(number[at[0]])] = made
    rows = [{"unit": unit, **found[unit][0]} for unit in sorted(found)]
    shapes = [found[unit][1] for unit in sorted(found)]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=_COLUMNS), geometry=shapes, crs=grid.crs)


def _check_cells(cells: NDArray[np.int64], number: NDArray[np.int64], kind: NDArray[Any], grid: Grid) -> None:
    if not len(cells) == len(number) == len(kind):
        msg = f"{len(cells)} cells, {len(number)} units and {len(kind)} kinds; as many of each needed"
        raise ValueError(msg)
    if not len(cells):
        return
    n = grid.shape[0] * grid.shape[1]
    if not (cells.min() >= 0 and cells.max() < n):
        msg = f"release cells run from {cells.min()} to {cells.max()}; 0 to {n - 1} needed"
        raise ValueError(msg)
    if not np.isin(kind, range(len(KINDS))).all():
        msg = f"codes of kinds are {np.unique(kind).tolist()}; 0 to {len(KINDS) - 1} needed"
        raise ValueError(msg)


def _window(
    cells: NDArray[np.int64], kind: NDArray[Any], grid: Grid, params: RunoutParams, *, fall_m: float = math.inf
) -> Box:
    """Return the window that holds the paths of some cells, no wider than the energy line of a fall reaches."""
    row, column = np.divmod(cells, grid.shape[1])
    rules = [params.friction(KINDS[int(code)]) for code in np.unique(kind)]
    farthest_m = max(min(f.reach_m, fall_m / math.tan(math.radians(f.alpha_deg))) for f in rules)
    reach = math.floor(farthest_m / grid.resolution_m + 1e-9) + 2
    around = Box(int(row.min()), int(row.max()) + 1, int(column.min()), int(column.max()) + 1)
    return around.grown(reach, grid.shape)


def _cells_of(
    given: Mapping[str, xr.DataArray], units: Collection[int], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the flat indices of the units' cells, and their unit and code of kind."""
    unit = blocks(given["release_units"])
    kind = blocks(given["release_kind"]).rechunk(unit.chunks) if "release_kind" in given else da.zeros_like(unit)
    wanted = np.unique(np.fromiter(units, dtype=np.int64, count=len(units)))
    tops, lefts = ([0, *accumulate(c)] for c in unit.chunks)
    found = dask.compute([
        dask.delayed(_chosen)(unit.blocks[i, j], kind.blocks[i, j], wanted, tops[i], lefts[j], grid.shape[1])
        for i in range(unit.numblocks[0]) for j in range(unit.numblocks[1])
    ])[0]  # fmt: skip
    cells, number, code = (np.concatenate([f[k] for f in found]) for k in range(3))
    return cells, number, code


def _chosen(
    unit: NDArray[Any], kind: NDArray[Any], wanted: NDArray[np.int64], top: int, left: int, n_x: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    number = np.nan_to_num(unit, nan=0.0).astype(np.int64)
    row, column = np.nonzero(np.isin(number, wanted) & (number > 0))
    return (row + top) * n_x + column + left, number[row, column], np.nan_to_num(kind[row, column], nan=0.0)


def _footprint(
    ground: NDArray[np.float64], window: Box, grid: Grid, cells: NDArray[np.int64], kind: NDArray[Any],
    params: RunoutParams,
) -> tuple[dict[str, float], Any] | None:  # fmt: skip
    """Return figures and shape of one unit's footprint; None where all its ground is missing.

    Parameters
    ----------
    ground, window : heights [m] of a window that holds the unit's paths.
    """
    row, column = np.divmod(cells, grid.shape[1])
    box = _window(cells, kind, grid, params, fall_m=_fall_m(ground, window, row, column))
    z = np.ascontiguousarray(
        ground[box.top - window.top : box.bottom - window.top, box.left - window.left : box.right - window.left]
    )
    reached, flags, head, length = np.zeros(z.shape, bool), 0, 0.0, 0.0
    for code, name in enumerate(KINDS):
        chosen = kind == code
        if chosen.any():
            flat = (row[chosen] - box.top) * z.shape[1] + column[chosen] - box.left
            got = run_out(z, flat, friction=params.friction(name), cell_m=grid.resolution_m)
            reached |= got.n_paths > 0
            flags |= int(np.bitwise_or.reduce(got.flags, axis=None))
            if np.isnan(z.flat[flat]).any():  # a release without a height has no way: where it leads is not known
                flags |= MISSING_GROUND
            head, length = max(head, float(got.energy_m.max())), max(length, float(got.length_m.max()))
    if not reached.any():
        return None
    up, down = _ends(np.asarray(reached.any(axis=1)))
    left, right = _ends(np.asarray(reached.any(axis=0)))
    corner = grid.transform * grid.transform.translation(box.left + left, box.top + up)
    here = Grid(GeoBox((down - up, right - left), corner, grid.crs))
    _, pieces = outlines_of_labels(reached[up:down, left:right].astype(np.int32), here, connectivity=8)
    shape = shapely.union_all(pieces)
    facts = {"area_m2": float(reached.sum()) * grid.cell_area_m2, "velocity_m_s": math.sqrt(2 * GRAVITY_M_S2 * head),
             "length_m": length, "flags": flags}  # fmt: skip
    return facts, shape


def _fall_m(ground: NDArray[np.float64], window: Box, row: NDArray[np.int64], column: NDArray[np.int64]) -> float:
    """Return the fall from the highest of some cells to the lowest of a window; 0 where no height is known."""
    heights = ground[row - window.top, column - window.left]
    known = heights[~np.isnan(heights)]
    return float(known.max() - np.nanmin(ground)) if len(known) else 0.0


def _ends(hit: NDArray[np.bool_]) -> tuple[int, int]:
    """Return where the first true value stands, and the place behind the last."""
    at = np.flatnonzero(hit)
    return int(at[0]), int(at[-1]) + 1
