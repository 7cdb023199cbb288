"""The frame of debris-flow source channels: reaches of beds that meet the criterion, and the reason of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from shapely.geometry import LineString

from geo_risk.core.grid import CHUNK, Grid, same_grid
from geo_risk.core.schemas import conform
from geo_risk.exposure.zonal import values_at
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.kernels.channel_bed import least_tangent
from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP
from geo_risk.products.wording import note, say, with_reasons

_SOURCE_FROM = 1.0
"""Margin from which a bed is a source: the criterion itself."""


@dataclass(frozen=True)
class Beds:
    """What the channels are drawn from, all (y, x) on one grid, lazy or not.

    Attributes
    ----------
    margin : `debris_flow_margin` of `hazards.debris_flow`. level : its level. slope : of the bed [degree].
    direction : D8 codes. upslope_area : [m2]. filled : heights [m].
    """

    margin: xr.DataArray
    level: xr.DataArray
    slope: xr.DataArray
    direction: xr.DataArray
    upslope_area: xr.DataArray
    filled: xr.DataArray


@dataclass(frozen=True)
class _Sources:
    """The source cells (n,), in reading order, and what is known of them.

    Attributes
    ----------
    cells, down : row-major, and the cell below; -1 where none is.
    below : position of the cell below among the source cells; -1 where it is none of them.
    way_m : to the cell below. filled, filled_below : heights of the cell and of the one below it.
    level, slope, area : of `Beds`.
    """

    cells: NDArray[np.int64]
    down: NDArray[np.int64]
    below: NDArray[np.int64]
    way_m: NDArray[np.float64]
    filled: NDArray[Any]
    filled_below: NDArray[Any]
    level: NDArray[Any]
    slope: NDArray[Any]
    area: NDArray[Any]


def debris_channel_frame(beds: Beds, *, params: DebrisFlowParams, language: str = "zh") -> gpd.GeoDataFrame:
    """Return the source channels as the frame `debris_flow_channels`.

    Returns
    -------
    One row a reach of source cells between its head or a confluence and the next confluence, or the cell where the bed
    becomes too gentle or its water too much; drawn downstream, the cell below it included. Ways from a head to where
    they end or join a longer one that are shorter than `length_min_m` are left out. The id holds the coordinates of the
    first cell in metres. Rows by id.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(beds.margin, beds.level, beds.slope, beds.direction, beds.upslope_area, beds.filled)
    sources = _sources(beds, grid)
    reaches = _reaches(sources, params.length_min_m)
    kept = sorted((_row(reach, sources, grid, params) for reach in reaches), key=lambda r: str(r["channel_id"]))
    columns = ["channel_id", "hazard_level", "length_m", "drop_m", "slope_mean_deg", "slope_max_deg", "area_top_m2",
               "area_bottom_m2", "least_slope_deg", "geometry"]  # fmt: skip
    frame = gpd.GeoDataFrame(pd.DataFrame(kept, columns=columns), geometry="geometry", crs=grid.crs)
    records = frame.drop(columns="geometry").to_dict("records")
    said = with_reasons(frame, lambda lang: [say("debris_channel", lang, **_numbers(r)) for r in records], language)
    return conform(said, "debris_flow_channels")


def _sources(beds: Beds, grid: Grid) -> _Sources:
    """Return the source cells and what is known of them; only blocks of the layers that hold one are read."""
    cells = _source_cells(beds.margin)
    code = values_at(beds.direction.data, cells).astype(np.int64)
    flows = (code >= 0) & (code <= 7)
    step = np.asarray(ROW_STEP)[code % 8] * grid.shape[1] + np.asarray(COLUMN_STEP)[code % 8]
    down = np.where(flows, cells + step, -1)
    way_m = np.where(flows, np.where(code % 2 == 1, math.sqrt(2), 1.0) * grid.resolution_m, 0.0)
    # a cell behind all others stands for none
    at = np.searchsorted(cells, down)
    below = np.where(np.append(cells, -2)[at] == down, at, -1)
    filled, filled_below = (values_at(beds.filled.data, c) for c in (cells, np.where(flows, down, cells)))
    known = (values_at(v.data, cells) for v in (beds.level, beds.slope, beds.upslope_area))
    return _Sources(cells, down, below, way_m, filled, filled_below, *known)


def _source_cells(margin: xr.DataArray) -> NDArray[np.int64]:
    """Return the cells (row-major) whose margin makes them a source, in order, read by bands of rows."""
    found = [np.zeros(0, dtype=np.int64)]
    for row in range(0, margin.shape[0], CHUNK):
        with np.errstate(invalid="ignore"):
            is_source = np.asarray(margin.data[row : row + CHUNK]) >= _SOURCE_FROM
        found.append(np.flatnonzero(is_source) + row * margin.shape[1])
    return np.concatenate(found)


def _reaches(sources: _Sources, length_min_m: float) -> list[NDArray[np.int64]]:
    """Return the cells of each reach from its top down, and the cell below it where there is one.

    Where source cells meet, the longest way from a head goes on and the others end (of equal ones that with the least
    upslope area goes on, then the first in reading order); those that are too short are left out, so that a channel is
    not cut up by every side cell that drains into it.
    """
    longest, came_from = _longest_ways(sources)
    cells, below, down = sources.cells.tolist(), sources.below.tolist(), sources.down.tolist()
    paths = []
    for c in range(len(cells)):
        if (below[c] >= 0 and came_from[below[c]] == c) or not longest[c] + sources.way_m[c] >= length_min_m:
            continue
        path = [c]
        while (up := came_from[path[-1]]) >= 0:
            path.append(up)
        paths.append(path[::-1])
    ends = {down[path[-1]] for path in paths}
    return [part for path in paths for part in _split([cells[k] for k in path], ends, end=down[path[-1]])]


def _longest_ways(sources: _Sources) -> tuple[list[float], list[int]]:
    """Return the longest way [m] from a head to each source cell, and the source cell it comes from (-1: none).

    Cells are taken in the order of the drainage, each after all that drain into it. Upslope areas cannot give that
    order: one cell more is below the resolution of float32 where many millions of square metres drain.
    """
    below, way_m, area = sources.below.tolist(), sources.way_m.tolist(), sources.area.tolist()
    longest, came_from = [0.0] * len(below), [-1] * len(below)
    waiting = np.bincount(sources.below[sources.below >= 0], minlength=len(below)).tolist()
    ready = [c for c, n in enumerate(waiting) if n == 0]
    while ready:
        c = ready.pop()
        to, length = below[c], longest[c] + way_m[c]
        if to < 0:
            continue
        best = came_from[to]
        if length > longest[to] or (length == longest[to] and best >= 0 and (area[c], c) < (area[best], best)):
            longest[to], came_from[to] = length, c
        waiting[to] -= 1
        if not waiting[to]:
            ready.append(to)
    return longest, came_from


def _split(path: list[int], ends: set[int], *, end: int) -> list[NDArray[np.int64]]:
    """Return the parts of a path between the cells at which others end in it, each with the cell below (-1: none)."""
    at = [0, *(i for i in range(1, len(path)) if path[i] in ends), len(path)]
    whole = path if end < 0 else [*path, end]
    return [np.array(whole[a : b + 1], dtype=np.int64) for a, b in pairwise(at)]


def _row(
    reach: NDArray[np.int64], sources: _Sources, grid: Grid, params: DebrisFlowParams
) -> dict[str, Any]:  # fmt: skip
    row, column = np.divmod(reach, grid.shape[1])
    coords = grid.coords()
    x, y = coords["x"][column], coords["y"][row]
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    length = float(np.hypot(np.diff(x), np.diff(y)).sum())
    inside = np.searchsorted(sources.cells, reach[:-1] if len(reach) > 1 else reach)
    area = sources.area[inside].astype(np.float64)
    tangent = np.tan(np.radians(sources.slope[inside].astype(np.float64)))
    floor = math.tan(math.radians(params.slope_min_deg))
    least = least_tangent(area, factor=params.curve_factor, exponent=params.curve_exponent, floor=floor)
    lowest = sources.filled_below[inside[-1]] if len(reach) > 1 else sources.filled[inside[0]]
    drop = float(sources.filled[inside[0]]) - float(lowest)
    return {
        "channel_id": f"DC-{y[0]:.0f}-{x[0]:.0f}", "hazard_level": int(sources.level[inside].max()),
        "length_m": round(length, 1), "drop_m": round(max(drop, 0.0), 1),
        "slope_mean_deg": round(math.degrees(math.atan(float(tangent.mean()))), 2),
        "slope_max_deg": round(math.degrees(math.atan(float(tangent.max()))), 2),
        "area_top_m2": float(area.min()), "area_bottom_m2": float(area.max()),
        "least_slope_deg": round(math.degrees(math.atan(float(least.min()))), 2),
        "geometry": LineString(points if len(points) > 1 else points * 2),
    }  # fmt: skip


def _numbers(row: dict[Any, Any]) -> dict[str, float]:
    return {
        "slope": row["slope_mean_deg"], "length": row["length_m"], "least": row["least_slope_deg"],
        "top": row["area_top_m2"] / 1e4, "bottom": row["area_bottom_m2"] / 1e4,
    }  # fmt: skip


def debris_channel_facts(frame: gpd.GeoDataFrame, level: xr.DataArray, *, method: dict[str, Any]) -> dict[str, Any]:
    """Return what the report says of source channels: how many, how long, and how much ground is unknown."""
    km, unknown = float(frame["length_m"].sum()) / 1000, int((level < 0).sum())
    notes = [note(
        "info",
        f"{len(frame)} debris-flow source channels, {km:.1f} km: beds steep enough for their upslope area. Whether "
        f"loose "
        "material lies there is not known.",
        f"泥石流源区沟道 {len(frame)} 段，共 {km:.1f} 公里：沟床坡度达到其汇水面积所需的起动坡度；是否有松散物源未知。",
    )]  # fmt: skip
    if unknown:
        notes.append(note(
            "info", f"On {unknown} cells it is not known whether they are a debris-flow source: no height, or the "
                    f"water "
            "leaves the map there.", f"{unknown} 个像元能否为泥石流源区未知（无高程，或水流在该处流出图幅）。",
        ))  # fmt: skip
    counts = {"debris_flow_channels": len(frame), "cells_unknown": unknown}
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [method]}
