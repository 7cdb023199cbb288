"""Openings of the ground that a DEM does not show: bridges and culverts whose decks and banks dam valleys.

Around each opening the hollows that it closes are let out by the cheapest way through it. Every cut is listed with the
ground before and after; what cannot be opened is listed with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.errors import CrsError
from geo_risk.core.grid import Grid, grid_of
from geo_risk.core.units import in_units
from geo_risk.core.vectorize import rasterize
from geo_risk.kernels.breach import cut_along, least_cost_way
from geo_risk.kernels.priority_flood import fill
from geo_risk.terrain.params import ConditioningParams
from geo_risk.terrain.slope import blocks

CARVED, NO_HOLLOW, NO_WAY, TOO_DEEP, OUTSIDE = "carved", "no_hollow", "no_way", "too_deep", "outside"
"""What became of an opening: cut; it closes nothing in the DEM; no lower ground near; too much earth beside it; off the
DEM."""

_EIGHT = np.ones((3, 3), dtype=bool)
_COLUMNS = ("opening_id", "kind", "result", "hollows", "hollow_depth_m", "hollow_left_m", "cells", "cut_depth_m",
            "cut_volume_m3", "x", "y")  # fmt: skip
_MAX_HOLLOWS = 5
_LEFT_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Shares of a hollow's depth that may be left in it, the least that can be let out first: beds of DEMs have holes."""


@dataclass(frozen=True)
class Openings:
    """What was done to a DEM.

    Attributes
    ----------
    cells : table `opening_id, row, column, before_m, after_m` of each cell that was lowered.
    table : one row an opening: `opening_id, kind, result, hollows, hollow_depth_m, hollow_left_m` (deepest water that
        the DEM held behind it, and what could not be let out), `cells, cut_depth_m, cut_volume_m3, x, y`.
    """

    cells: pd.DataFrame
    table: pd.DataFrame


def open_ground(dem: xr.DataArray, openings: gpd.GeoDataFrame, params: ConditioningParams) -> Openings:
    """Cut ways through openings for the water that a DEM dams there.

    Parameters
    ----------
    dem : (y, x), any length unit, may be lazy: only the ground around openings is read. NaN is missing.
    openings : lines or points with `opening_id` and `kind`, in the DEM's CRS, taken in this order: later ones see what
        earlier ones cut.
    params : how far to look, what counts as a hollow, how deep ground beside an opening may be cut.

    Raises
    ------
    CrsError : the openings are in another CRS. UnitError : the DEM has no length unit.
    """
    grid = grid_of(dem)
    if len(openings) and (openings.crs is None or openings.crs != grid.geobox.crs.to_wkt()):
        what = f"openings are in {openings.crs}, the DEM in {grid.crs}"
        raise CrsError(what, where="bridges and culverts", fix="bring them into the run's CRS in geo_risk.sources")
    z = in_units(dem, "m")
    cut: dict[tuple[int, int], float] = {}
    cells: list[dict[str, Any]] = []
    rows = []
    for opening in openings.itertuples(index=False):
        window = _window(opening.geometry, grid, params.search_m)
        middle = opening.geometry.representative_point()
        row = {"opening_id": opening.opening_id, "kind": opening.kind, "result": OUTSIDE, "hollows": 0,
               "hollow_depth_m": np.nan, "hollow_left_m": np.nan, "cells": 0, "cut_depth_m": 0.0,
               "cut_volume_m3": 0.0, "x": middle.x, "y": middle.y}  # fmt: skip
        if window is not None:
            ground = z[window].to_numpy().astype(np.float64)
            top, left = window[0].start, window[1].start
            for (j, i), height in cut.items():
                if window[0].start <= j < window[0].stop and window[1].start <= i < window[1].stop:
                    ground[j - top, i - left] = height
            after, found = _opened(ground, _touched(opening.geometry, grid, window), params)
            row |= found
            for j, i in np.argwhere(after < ground):
                cut[top + int(j), left + int(i)] = float(after[j, i])
                cells.append({"opening_id": opening.opening_id, "row": top + int(j), "column": left + int(i),
                              "before_m": ground[j, i], "after_m": after[j, i]})  # fmt: skip
            lowered = (ground - after)[after < ground]
            row |= {"cells": lowered.size, "cut_depth_m": float(lowered.max(initial=0.0)),
                    "cut_volume_m3": float(lowered.sum() * grid.cell_area_m2)}  # fmt: skip
        rows.append(row)
    columns = ["opening_id", "row", "column", "before_m", "after_m"]
    return Openings(pd.DataFrame(cells, columns=columns), pd.DataFrame(rows, columns=list(_COLUMNS)))


def opened(dem: xr.DataArray, cells: pd.DataFrame) -> xr.DataArray:
    """Return the DEM [m] with the cells of `Openings.cells` lowered, lazy."""
    last = cells.groupby(["row", "column"], sort=True)["after_m"].min().reset_index()
    at = last["row"].to_numpy(dtype=np.int64), last["column"].to_numpy(dtype=np.int64)
    height = last["after_m"].to_numpy(dtype=np.float64)

    def lowered(z: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        (r0, r1), (c0, c1) = block_info[0]["array-location"]
        inside = (at[0] >= r0) & (at[0] < r1) & (at[1] >= c0) & (at[1] < c1)
        out = z.copy()
        out[at[0][inside] - r0, at[1][inside] - c0] = height[inside]
        return out

    z = in_units(dem, "m")
    data = da.map_blocks(lowered, blocks(z), dtype=z.dtype, meta=np.empty((0, 0), z.dtype))
    return grid_of(dem).layer(data, units="m", long_name="terrain height, opened under bridges and in culverts",
                              name="dem_opened")  # fmt: skip


def _window(shape: Any, grid: Grid, search_m: float) -> tuple[slice, slice] | None:
    """Return the rows and columns within a distance of a shape, None where the shape is off the grid."""
    left, bottom, right, top = shape.bounds
    t = ~grid.transform
    (c0, r0), (c1, r1) = t * (left, top), t * (right, bottom)
    if r1 < 0 or c1 < 0 or r0 >= grid.shape[0] or c0 >= grid.shape[1]:
        return None
    n = int(np.ceil(search_m / grid.resolution_m))
    rows = slice(max(int(r0) - n, 0), min(int(r1) + n + 1, grid.shape[0]))
    columns = slice(max(int(c0) - n, 0), min(int(c1) + n + 1, grid.shape[1]))
    return rows, columns


def _touched(shape: Any, grid: Grid, window: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Return the cells of a window that a shape touches, and those beside them: banks are as wide as a cell."""
    r, c = window
    t = grid.transform
    left, top = t * (c.start, r.start)
    right, bottom = t * (c.stop, r.stop)
    local = Grid.from_bounds((left, bottom, right, top), crs=grid.crs, resolution_m=grid.resolution_m)
    burned = rasterize([(shape, 1.0)], local, fill=0, dtype="uint8", all_touched=True) > 0
    return np.asarray(ndimage.binary_dilation(burned, _EIGHT))


def _opened(
    ground: NDArray[np.float64], is_opening: NDArray[np.bool_], params: ConditioningParams
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Return the ground with ways cut through one opening, and what was found there."""
    z, n_cut, deepest, left, result = ground.copy(), 0, np.nan, np.nan, NO_HOLLOW
    for _ in range(_MAX_HOLLOWS):
        is_hollow, depth = _closed_hollow(z, is_opening, params.hollow_min_m)
        if not is_hollow.any():
            break
        deepest = np.fmax(deepest, depth)
        cut, left, why = _let_out(z, is_opening, is_hollow, depth, params)
        if why is not None:
            result = why
            break
        z, n_cut, result = cut, n_cut + 1, CARVED
        if left >= params.hollow_min_m:  # what is left of it lies below all ground near: it stays
            break
    return z, {"result": CARVED if n_cut else result, "hollows": n_cut, "hollow_depth_m": float(deepest),
               "hollow_left_m": float(left)}  # fmt: skip


def _let_out(
    z: NDArray[np.float64], is_opening: NDArray[np.bool_], is_hollow: NDArray[np.bool_], depth_m: float,
    params: ConditioningParams,
) -> tuple[NDArray[np.float64], float, str | None]:  # fmt: skip
    """Return the ground with a hollow let out as deep as may be, the water left in it [m], and why it was not."""
    j, i = np.unravel_index(int(np.argmin(np.where(is_hollow, z, np.inf))), z.shape)
    why, filled = NO_WAY, fill(z)
    for share in _LEFT_SHARES:
        level = z[j, i] + share * depth_m
        way = least_cost_way(z, (int(j), int(i)), is_opening, ~is_hollow & (filled < level), level=level)
        if way is None:
            continue
        at = way[:, 0], way[:, 1]
        after = cut_along(z, way, level=level)
        own = is_opening[at]
        if own.any() and not ((z[at] - after)[~own] > params.cut_beside_max_m).any():
            out = z.copy()
            out[at] = after
            return out, float(share * depth_m), None
        why = TOO_DEEP
    return z, depth_m, why


def _closed_hollow(
    z: NDArray[np.float64], is_opening: NDArray[np.bool_], depth_min_m: float
) -> tuple[NDArray[np.bool_], float]:
    """Return the cells of the deepest hollow that reaches an opening, and its depth; no cell where there is none."""
    depth = np.nan_to_num(fill(z) - z)
    labels, _ = ndimage.label(depth > 0, structure=_EIGHT)
    near = np.unique(labels[ndimage.binary_dilation(is_opening, _EIGHT) & (labels > 0)])
    deep = {int(k): float(depth[labels == k].max()) for k in near}
    best = max(deep, key=lambda k: deep[k], default=0)
    is_deep = deep.get(best, 0.0) >= depth_min_m and best > 0
    return (labels == best) & is_deep, deep.get(best, 0.0)
