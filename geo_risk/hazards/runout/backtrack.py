"""Back from a threatened place: which release cells reach it, and by which way."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from shapely.geometry import LineString

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.result import declared
from geo_risk.hazards.runout.compute import INPUTS, hit_table
from geo_risk.hazards.runout.params import KINDS, Kind, RunoutParams
from geo_risk.hazards.runout.tiles import Box
from geo_risk.kernels.runout import flow_path, run_out


def sources_of(layers: Mapping[str, xr.DataArray], cells: NDArray[np.int64], params: RunoutParams) -> pd.DataFrame:
    """Return every release cell whose path reaches a place.

    Parameters
    ----------
    layers : as in `compute.INPUTS`; only the window of the farthest reach about the place is read.
    cells : flat indices of the place's cells, at least one.

    Returns
    -------
    The columns of `compute.hit_table`, one row a release cell (its hardest-hit cell of the place), with `unit` (of the
    release unit) and `kind`, the greatest energy first.

    Raises
    ------
    UnitError, GridError : as `compute`. DataError : no cell is given, or one lies outside the grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    place = np.unique(_checked(cells, grid))
    row, column = np.divmod(place, grid.shape[1])
    reach = math.floor(params.reach_m / grid.resolution_m + 1e-9) + 2
    box = Box(int(row.min()), int(row.max()) + 1, int(column.min()), int(column.max()) + 1)
    inside, wide = box.grown(reach, grid.shape), box.grown(2 * reach, grid.shape)
    z = np.asarray(given["dem"][wide.slices].data, dtype=np.float64)
    unit, kind = _window(given, "release_units", wide), _window(given, "release_kind", wide)
    width = wide.right - wide.left
    may = np.zeros(z.shape, bool)
    may[inside.top - wide.top : inside.bottom - wide.top, inside.left - wide.left : inside.right - wide.left] = True
    target = np.full(z.shape, -1, np.int64)
    target[row - wide.top, column - wide.left] = np.arange(len(place))
    found = []
    for code, name in enumerate(KINDS):
        flat = np.flatnonzero(may & (unit > 0) & (kind == code))
        got = run_out(z, flat, friction=params.friction(name), cell_m=grid.resolution_m, targets=target).hits
        source = unit.ravel()[got["release"]].astype(np.int64)
        r, c = np.divmod(got["release"], width)
        got["target"], got["release"] = place[got["target"]], (r + wide.top) * grid.shape[1] + c + wide.left
        found.append(hit_table(got, grid).assign(unit=source, kind=name))
    table = pd.concat(found, ignore_index=True).sort_values(
        ["energy_j_kg", "release_cell", "cell"], ascending=[False, True, True], kind="stable"
    )
    return table.drop_duplicates("release_cell").reset_index(drop=True)


def way_down(
    dem: xr.DataArray, release_cell: int, cell: int, kind: Kind, params: RunoutParams
) -> LineString | None:  # fmt: skip
    """Return the way by which the greatest energy comes from a release cell to a cell, from the release down.

    None where the path does not come there. Where both are one cell the line has no length.

    Raises
    ------
    GridError, UnitError : the layer has no grid or unit. DataError : a cell lies outside the grid.
    """
    given = declared({"dem": dem}, {"dem": "m"})["dem"]
    grid = same_grid(given)
    ends = _checked(np.array([release_cell, cell]), grid)
    row, column = np.divmod(ends, grid.shape[1])
    friction = params.friction(kind)
    reach = math.floor(friction.reach_m / grid.resolution_m + 1e-9) + 2
    at = Box(int(row[0]), int(row[0]) + 1, int(column[0]), int(column[0]) + 1).grown(reach, grid.shape)
    z = np.asarray(given[at.slices].data, dtype=np.float64)
    start = (int(row[0]) - at.top) * z.shape[1] + int(column[0]) - at.left
    path = flow_path(z, start, friction=friction, cell_m=grid.resolution_m)
    here = np.flatnonzero((path.row == row[1] - at.top) & (path.column == column[1] - at.left))
    if not len(here):
        return None
    k, steps = int(here[0]), []
    while k >= 0:
        steps.append(k)
        k = int(path.parent[k])
    coords = grid.coords()
    x, y = coords["x"][path.column[steps] + at.left], coords["y"][path.row[steps] + at.top]
    points = list(zip(x.tolist(), y.tolist(), strict=True))[::-1]
    return LineString(points if len(points) > 1 else points * 2)


def _window(given: Mapping[str, xr.DataArray], name: str, box: Box) -> NDArray[np.float64]:
    if name not in given:
        return np.zeros((box.bottom - box.top, box.right - box.left))
    return np.nan_to_num(np.asarray(given[name][box.slices].data, dtype=np.float64), nan=0.0)


def _checked(cells: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    place = np.asarray(cells, dtype=np.int64)
    n = grid.shape[0] * grid.shape[1]
    if not len(place) or not (place.min() >= 0 and place.max() < n):
        what = f"{len(place)} cells of the place, from {place.min(initial=n)} to {place.max(initial=-1)}"
        raise DataError(what, where="back-tracking", fix=f"give flat indices of cells of the grid, 0 to {n - 1}")
    return place
