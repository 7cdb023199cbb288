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

from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.schemas import conform
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.kernels.channel_bed import least_tangent
from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP
from geo_risk.products.wording import note, say, with_reasons

_SOURCE_FROM = 1.0
"""Margin from which a bed is a source: the criterion itself."""


@dataclass(frozen=True)
class Beds:
    """What the channels are drawn from, all (y, x) on one grid.

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
    values = {k: np.asarray(getattr(beds, k).data).ravel() for k in Beds.__dataclass_fields__}
    with np.errstate(invalid="ignore"):
        is_source = values["margin"] >= _SOURCE_FROM
    reaches = _reaches(is_source, values, grid, params.length_min_m)
    kept = sorted((_row(reach, values, grid, params) for reach in reaches), key=lambda r: str(r["channel_id"]))
    columns = ["channel_id", "hazard_level", "length_m", "drop_m", "slope_mean_deg", "slope_max_deg", "area_top_m2",
               "area_bottom_m2", "least_slope_deg", "geometry"]  # fmt: skip
    frame = gpd.GeoDataFrame(pd.DataFrame(kept, columns=columns), geometry="geometry", crs=grid.crs)
    records = frame.drop(columns="geometry").to_dict("records")
    said = with_reasons(frame, lambda lang: [say("debris_channel", lang, **_numbers(r)) for r in records], language)
    return conform(said, "debris_flow_channels")


def _reaches(
    is_source: NDArray[np.bool_], values: dict[str, NDArray[Any]], grid: Grid, length_min_m: float
) -> list[NDArray[np.int64]]:  # fmt: skip
    """Return the cells of each reach from its top down, and the cell below it where there is one.

    Where source cells meet, the longest way from a head goes on and the others end; those that are too short are left
    out, so that a channel is not cut up by every side cell that drains into it.
    """
    cells, below, step_m = _ways(is_source, values["direction"], grid)
    order = cells[np.argsort(values["upslope_area"][cells], kind="stable")].tolist()  # each before the one below it
    longest: dict[int, float] = dict.fromkeys(order, 0.0)
    came_from: dict[int, int] = {}
    for c in order:
        down = below[c]
        if down in longest and longest[c] + step_m[c] > longest[down]:
            longest[down], came_from[down] = longest[c] + step_m[c], c
    paths = []
    for c in reversed(order):
        if came_from.get(below[c]) == c:
            continue
        path, up = [c], c
        while up in came_from:
            up = came_from[up]
            path.append(up)
        if longest[c] + step_m[c] >= length_min_m:
            paths.append(path[::-1])
    joined = {below[path[-1]] for path in paths}
    return [part for path in paths for part in _split(path, joined, below)]


def _ways(
    is_source: NDArray[np.bool_], direction: NDArray[Any], grid: Grid
) -> tuple[NDArray[np.int64], dict[int, int], dict[int, float]]:
    """Return the source cells, and by cell the one below it (-1: none) and the way there [m]."""
    cells = np.flatnonzero(is_source)
    code = direction[cells].astype(np.int64)
    flows = (code >= 0) & (code <= 7)
    step = np.asarray(ROW_STEP)[code % 8] * grid.shape[1] + np.asarray(COLUMN_STEP)[code % 8]
    down = np.where(flows, cells + step, -1).tolist()
    way = np.where(flows, np.where(code % 2 == 1, math.sqrt(2), 1.0) * grid.resolution_m, 0.0).tolist()
    keys = cells.tolist()
    return cells, dict(zip(keys, down, strict=True)), dict(zip(keys, way, strict=True))


def _split(path: list[int], joined: set[int], below: dict[int, int]) -> list[NDArray[np.int64]]:
    """Return the parts of a path between the cells at which others join it, each with the cell below."""
    at = [0, *(i for i in range(1, len(path)) if path[i] in joined), len(path)]
    end = [] if below[path[-1]] < 0 else [below[path[-1]]]
    whole = [*path, *end]
    return [np.array(whole[a : b + 1], dtype=np.int64) for a, b in pairwise(at)]


def _row(
    reach: NDArray[np.int64], values: dict[str, NDArray[Any]], grid: Grid, params: DebrisFlowParams
) -> dict[str, Any]:  # fmt: skip
    row, column = np.divmod(reach, grid.shape[1])
    coords = grid.coords()
    x, y = coords["x"][column], coords["y"][row]
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    length = float(np.hypot(np.diff(x), np.diff(y)).sum())
    inside = reach[:-1] if len(reach) > 1 else reach
    area = values["upslope_area"][inside].astype(np.float64)
    tangent = np.tan(np.radians(values["slope"][inside].astype(np.float64)))
    floor = math.tan(math.radians(params.slope_min_deg))
    least = least_tangent(area, factor=params.curve_factor, exponent=params.curve_exponent, floor=floor)
    drop = float(values["filled"][reach[0]]) - float(values["filled"][reach[-1]])
    return {
        "channel_id": f"DC-{y[0]:.0f}-{x[0]:.0f}", "hazard_level": int(values["level"][inside].max()),
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
