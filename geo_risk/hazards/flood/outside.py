"""Water from outside the town's DEM that a run with the rain on it alone lacks: where it would enter and run on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.sites import Town
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.priority_flood import COLUMN_STEP, OUTLET, ROW_STEP, fill

Array = NDArray[np.float64]
Box = tuple[int, int, int, int]


def entries(
    direction: Any, upslope_m2: Any, box: Box, *, county: Grid, town: Grid, elevation_m: NDArray[Any]
) -> tuple[NDArray[np.int64], Array]:
    """Find where ground outside the town's DEM drains into it.

    Parameters
    ----------
    direction, upslope_m2 : (y, x) D8 codes and upslope area on the county's grid, NumPy or Dask; the cells around the
        box are read.
    box : first and stop row, first and stop column of the county's cells in the town's DEM (`surroundings.town_box`).
    elevation_m : (y, x) [m] of the town's DEM, NaN where it is not known.

    Returns
    -------
    cells, area : flat indices of the lowest known town cell within each county cell that water enters, and the ground
        [m2] that drains in there. Where no height is known in such a cell, the nearest known cell of the town.
    """
    top, stop, left, right = box
    a, c = max(top - 1, 0), max(left - 1, 0)
    around = (slice(a, min(stop + 1, county.shape[0])), slice(c, min(right + 1, county.shape[1])))
    codes = np.nan_to_num(np.asarray(direction[around]), nan=-1.0).astype(np.int64)
    area = np.nan_to_num(np.asarray(upslope_m2[around]), nan=0.0).astype(np.float64)
    j, i = np.nonzero((codes >= 0) & (codes < OUTLET))
    to_j, to_i = j + a + ROW_STEP[codes[j, i]], i + c + COLUMN_STEP[codes[j, i]]
    from_in, to_in = ((top <= rows) & (rows < stop) & (left <= columns) & (columns < right)
                      for rows, columns in ((j + a, i + c), (to_j, to_i)))  # fmt: skip
    comes = ~from_in & to_in
    at, inverse = np.unique(np.stack([to_j[comes], to_i[comes]], axis=1), axis=0, return_inverse=True)
    total = np.bincount(inverse.ravel(), weights=area[j[comes], i[comes]], minlength=len(at))
    found = [_lowest_within(int(row), int(column), county, town, elevation_m) for row, column in at]
    return np.array(found, np.int64).reshape(-1), np.asarray(total, dtype=np.float64)


def _lowest_within(row: int, column: int, county: Grid, town: Grid, elevation_m: NDArray[Any]) -> int:
    """Return the flat index of the lowest known town cell in a county cell, or of the nearest known one to it."""
    coarse, fine, half = county.coords(), town.coords(), 0.5 * county.resolution_m
    rows = np.flatnonzero(np.abs(fine["y"] - coarse["y"][row]) <= half)
    columns = np.flatnonzero(np.abs(fine["x"] - coarse["x"][column]) <= half)
    part = np.asarray(elevation_m)[np.ix_(rows, columns)]
    if not np.isfinite(part).any():
        y, x = np.nonzero(np.isfinite(elevation_m))
        away = np.hypot(fine["y"][y] - coarse["y"][row], fine["x"][x] - coarse["x"][column])
        return int(y[away.argmin()] * town.shape[1] + x[away.argmin()])
    j, i = np.unravel_index(int(np.nanargmin(part)), part.shape)
    return int(rows[j] * town.shape[1] + columns[i])


def outside_shares(cells: NDArray[np.int64], area_m2: Array, sites: pd.DataFrame, town: Town) -> Array:
    """Return what share of the ground that drains to each site lies outside the town's DEM, (n,).

    Parameters
    ----------
    cells, area_m2 : as `entries` returns them. sites : with cell (flat index, -1 beyond the DEM) and label.

    Returns
    -------
    By D8 with all depressions full: the greatest share in the site's depression, or in its cell and those beside it.
    NaN beyond the DEM.
    """
    known = np.isfinite(town.elevation)
    come = np.zeros(town.elevation.shape)
    np.add.at(come.reshape(-1), cells, area_m2)
    if not come.any():
        return np.where(sites["cell"].to_numpy(np.int64) >= 0, 0.0, np.nan)
    direction = flow_direction(fill(town.elevation))
    order = drainage_order(direction)
    outside = np.nan_to_num(accumulate(direction, order, come))
    own = np.nan_to_num(accumulate(direction, order, np.where(known, town.grid.cell_area_m2, 0.0)))
    share = np.where(outside > 0, outside / np.maximum(outside + own, 1e-9), 0.0)
    by_label = np.zeros(town.found.level.size + 1)
    np.maximum.at(by_label, town.found.labels.ravel(), share.ravel())
    padded = np.pad(share, 1)
    near = np.max([padded[j : j + share.shape[0], i : i + share.shape[1]] for j in range(3) for i in range(3)], axis=0)
    at, label = sites["cell"].to_numpy(np.int64), sites["label"].to_numpy(np.int64)
    found = np.where(label > 0, by_label[np.maximum(label, 0)], near.ravel()[np.maximum(at, 0)])
    return np.where(at >= 0, found, np.nan)


def with_outside(table: pd.DataFrame, share: Array | float, params: TownFlowParams) -> pd.DataFrame:
    """Return what a run did at each site with `outside_share`, and `depth_bound` "outside" where that is too much.

    Parameters
    ----------
    table : as `responses.responses` returns it. share : as `outside_shares` returns it. params : outside_share_max.
    """
    out = table.assign(outside_share=share)
    is_open = (out["depth_bound"] == "exact") & (out["outside_share"] > params.outside_share_max)
    return out.assign(depth_bound=out["depth_bound"].mask(is_open, "outside"))
