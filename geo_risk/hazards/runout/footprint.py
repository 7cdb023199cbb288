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
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.result import declared
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.hazards.runout.compute import GRAVITY_M_S2, INPUTS
from geo_risk.hazards.runout.params import KINDS, RunoutParams
from geo_risk.hazards.runout.tiles import Box
from geo_risk.kernels.runout import run_out
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
    cells, number, kind = _cells_of(given, units, grid)
    rows, shapes = [], []
    for unit in np.unique(number):
        chosen = number == unit
        found = _footprint(given["dem"], grid, cells[chosen], kind[chosen], params)
        if found is not None:
            rows.append({"unit": int(unit), **found[0]})
            shapes.append(found[1])
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=_COLUMNS), geometry=shapes, crs=grid.crs)


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
    dem: xr.DataArray, grid: Grid, cells: NDArray[np.int64], kind: NDArray[Any], params: RunoutParams
) -> tuple[dict[str, float], Any] | None:
    """Return figures and shape of one unit's footprint; None where all its ground is missing."""
    row, column = np.divmod(cells, grid.shape[1])
    reach = math.floor(params.reach_m / grid.resolution_m + 1e-9) + 1
    around = Box(int(row.min()), int(row.max()) + 1, int(column.min()), int(column.max()) + 1)
    box = around.grown(reach, grid.shape)
    z = np.asarray(dem[box.slices].data, dtype=np.float64)
    reached, flags, head, length = np.zeros(z.shape, bool), 0, 0.0, 0.0
    for code, name in enumerate(KINDS):
        chosen = kind == code
        if chosen.any():
            flat = (row[chosen] - box.top) * z.shape[1] + column[chosen] - box.left
            got = run_out(z, flat, friction=params.friction(name), cell_m=grid.resolution_m)
            reached |= got.n_paths > 0
            flags |= int(np.bitwise_or.reduce(got.flags, axis=None))
            head, length = max(head, float(got.energy_m.max())), max(length, float(got.length_m.max()))
    if not reached.any():
        return None
    window = GeoBox(z.shape, grid.transform * grid.transform.translation(box.left, box.top), grid.crs)
    shape = polygons_of_labels(reached.astype(np.int32), Grid(window), connectivity=8).geometry.iloc[0]
    facts = {"area_m2": float(reached.sum()) * grid.cell_area_m2, "velocity_m_s": math.sqrt(2 * GRAVITY_M_S2 * head),
             "length_m": length, "flags": flags}  # fmt: skip
    return facts, shape
