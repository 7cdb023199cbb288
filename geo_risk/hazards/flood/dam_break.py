"""What would stand under water if a dam broke: a screening of reservoirs and check dams by rating curves of reaches."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, classify
from geo_risk.core.result import MethodCard
from geo_risk.hazards.flood.params import DamBreakParams
from geo_risk.hazards.flood.ratings import LEVELS_M, Ratings
from geo_risk.terrain.rows import values_at
from geo_risk.terrain.slope import blocks

F64 = NDArray[np.float64]

NEAR_M = 1000.0
"""A settlement whose height above drainage is unknown may be reached by a river this near: choice of geo_risk."""

CARD = MethodCard(
    name="Dam-break screening",
    citation="Froehlich 1995, J. Water Resour. Plann. Manage. 121(1), 90-97: peak outflow of breached embankment dams; "
    "Bureau of Reclamation 1982: attenuation; Zheng et al. 2018: rating curves",
    validity="embankment dams that fail at full water; a screening, no breach or routing study",
    limits=(
        "the peak is uncertain by a factor of 2 to 3 either way",
        "no cascade of dams: one that breaks does not break the next",
        "concrete dams break faster and give a higher peak",
    ),
)


def breach_peak_m3_s(volume_m3: F64, height_m: F64) -> F64:
    """Peak outflow of a breached embankment dam [m3/s]: Froehlich (1995), 0.607 V^0.295 h^1.24.

    Parameters
    ----------
    volume_m3 : water above the bottom of the breach. height_m : depth of water above it. Values that are not > 0 give
        NaN.
    """
    good = (volume_m3 > 0) & (height_m > 0) & np.isfinite(volume_m3) & np.isfinite(height_m)
    volume, height = np.where(good, volume_m3, np.nan), np.where(good, height_m, np.nan)
    peak: F64 = 0.607 * volume**0.295 * height**1.24
    return peak


class Path(NamedTuple):
    """The reaches below a dam in order; `start_km` from it, `length_km` of all, `leaves` whether the map ends it."""

    reaches: NDArray[np.int64]
    start_km: F64
    length_km: float
    leaves: bool


def path_below(made: Ratings, reach: int, *, length_max_km: float) -> Path:
    """Return the reaches that water passes from a reach (counted from 0) on, over at most this length."""
    reaches, found, starts, km = made.reaches, [], [], 0.0
    while reach >= 0 and km <= length_max_km:
        found.append(reach)
        starts.append(km)
        km += float(reaches.length_m[reach]) / 1000
        reach = int(reaches.below[reach]) - 1
    return Path(np.array(found, np.int64), np.array(starts), km, reach < 0 and km <= length_max_km)


def wave(made: Ratings, path: Path, peak_m3_s: float, *, params: DamBreakParams) -> tuple[F64, F64]:
    """Stage of each reach of a path [m], and hours until the wave reaches it.

    The peak falls by `params.attenuation_log10_km` in its decimal logarithm a kilometre. The wave runs at 5/3 of the
    flow's mean speed (kinematic wave in a wide channel).

    Returns
    -------
    (n,) each; the stage is NaN where it is above the rating curve: not known, not dry (`wave_most_m` bounds it). There
    the wave runs at least as fast as at the curve's top; where a reach has no curve, as in the one before (after) it.
    """
    flow = _flow_m3_s(made, path, peak_m3_s, params)
    stage = made.stage_m(flow)[path.reaches]
    area = np.array([
        np.interp(h, LEVELS_M, made.section_m2[r]) if np.isfinite(h) else np.nan
        for r, h in zip(path.reaches, stage, strict=True)
    ])  # fmt: skip
    speed = np.divide(flow[path.reaches], area, out=np.full(len(area), np.nan), where=area > 0)
    top, widest = made.curve_m3_s[path.reaches, -1], made.section_m2[path.reaches, -1]
    fastest = np.divide(top, widest, out=np.full(len(area), np.nan), where=widest > 0)
    speed = np.where(flow[path.reaches] > top, fastest, speed)
    known = pd.Series(speed).ffill().bfill().to_numpy(np.float64)
    hours = made.reaches.length_m[path.reaches] / (known * 5 / 3) / 3600
    return stage, np.concatenate([[0.0], np.cumsum(hours)[:-1]]) if len(hours) else hours


def wave_most_m(made: Ratings, path: Path, peak_m3_s: float, *, params: DamBreakParams) -> F64:
    """Return what the stage of each reach of a path is at most [m], (n,): the bound `Ratings.stage_most_m`."""
    return made.stage_most_m(_flow_m3_s(made, path, peak_m3_s, params))[path.reaches]


def _flow_m3_s(made: Ratings, path: Path, peak_m3_s: float, params: DamBreakParams) -> F64:
    """Return the attenuated peak in every reach, NaN off the path."""
    flow = np.full(len(made.curve_m3_s), np.nan)
    flow[path.reaches] = peak_m3_s * 10 ** (-params.attenuation_log10_km * path.start_km)
    return flow


def dam_cells(
    reservoirs: gpd.GeoDataFrame, upslope_area: xr.DataArray, *, stream_area_m2: float, snap_m: float
) -> NDArray[np.int64]:
    """Flat index of the stream cell with the greatest upslope area in or beside each reservoir, -1 where none is.

    Parameters
    ----------
    reservoirs : points or polygons in the grid's CRS. upslope_area : (y, x) [m2], read about them alone.
    """
    grid = grid_of(upslope_area)
    out = np.full(len(reservoirs), -1, np.int64)
    for k, shape in enumerate(reservoirs.geometry.buffer(snap_m)):
        left, bottom, right, top = shape.bounds
        window = upslope_area.sel(y=slice(top, bottom), x=slice(left, right))
        area = np.array(window.to_numpy(), np.float64)
        if not area.size:
            continue
        x, y = np.meshgrid(window["x"].to_numpy(), window["y"].to_numpy())
        area[~(shapely.contains_xy(shape, x, y) & (area >= stream_area_m2))] = -1.0
        row, column = np.unravel_index(int(np.argmax(area)), area.shape)
        if area[row, column] > 0:
            rows, columns, _ = grid.index(x[row, column : column + 1], y[row, column : column + 1])
            out[k] = int(rows[0]) * grid.shape[1] + int(columns[0])
    return out


class Places(NamedTuple):
    """Cells about settlements: position of the settlement, reach (0 none) and height above drainage; (c,) each.

    A settlement that no such cell tells of stands here with the reaches of the river near it and a height of NaN.
    """

    settlement: NDArray[np.int64]
    reach: NDArray[np.int64]
    hand_m: F64


def places(made: Ratings, hand_m: xr.DataArray, settlements: gpd.GeoDataFrame, *, radius_m: float) -> Places:
    """Return the cells within a radius of each settlement, at least the one it lies in."""
    grid = grid_of(hand_m)
    n = int(np.ceil(radius_m / grid.resolution_m))
    near = [(j, i) for j in range(-n, n + 1) for i in range(-n, n + 1)
            if (j == 0 and i == 0) or np.hypot(j, i) * grid.resolution_m <= radius_m]  # fmt: skip
    rows, columns, inside = grid.index(settlements.geometry.x.to_numpy(), settlements.geometry.y.to_numpy())
    found = [
        (k, (int(rows[k]) + j) * grid.shape[1] + int(columns[k]) + i)
        for k in np.flatnonzero(inside) for j, i in near
        if 0 <= rows[k] + j < grid.shape[0] and 0 <= columns[k] + i < grid.shape[1]
    ]  # fmt: skip
    who, cell = (np.array([pair[k] for pair in found], np.int64) for k in range(2))
    reach = values_at(made.reaches.labels, cell).astype(np.int64)
    height = values_at(blocks(hand_m), cell).astype(np.float64)
    told = np.unique(who[(reach > 0) & np.isfinite(height)])
    blind = np.setdiff1d(np.flatnonzero(inside), told)
    beside = [_rivers_near(made, int(rows[k]), int(columns[k]), cells=int(np.ceil(NEAR_M / grid.resolution_m)))
              for k in blind]  # fmt: skip
    return Places(
        np.concatenate([who, np.repeat(blind, [len(b) for b in beside]).astype(np.int64)]),
        np.concatenate([reach, *beside]),
        np.concatenate([height, np.full(sum(len(b) for b in beside), np.nan)]),
    )


def _rivers_near(made: Ratings, row: int, column: int, *, cells: int) -> NDArray[np.int64]:
    """Return the reaches (from 1) with a stream cell within so many cells of one."""
    window = np.s_[max(row - cells, 0) : row + cells + 1, max(column - cells, 0) : column + cells + 1]
    labels, is_stream = dask.compute(made.reaches.labels[window], made.reaches.is_stream[window])
    found: NDArray[np.int64] = np.unique(labels[is_stream & (labels > 0)]).astype(np.int64)
    return found


def screen(
    made: Ratings, reservoirs: pd.DataFrame, reach: NDArray[np.int64], about: Places, people: F64, *,
    params: DamBreakParams, depth_bounds_m: tuple[float, float, float, float],
) -> tuple[pd.DataFrame, F64, NDArray[np.bool_]]:  # fmt: skip
    """Screen every reservoir: peak, path, and the settlements its water would reach.

    Parameters
    ----------
    reservoirs : volume_m3, dam_height_m; NaN unknown. reach : (n,) reach at the dam counted from 0, -1 where no stream.
    about : cells about settlements. people : of each settlement, NaN unknown.

    Returns
    -------
    One row a reservoir: status ("screened", "unknown": volume or height not given, "off_stream"), peak_m3_s, path_km,
    leaves_map, settlements, settlements_unknown (stage above the curve, or height above drainage unknown), people (NaN
    where that of one is unknown),
    first_settlement (position, -1 none), first_arrival_h, depth_max_m, hazard_level (-1 unknown, also where less than
    medium was found but the water leaves the map or a stage is unknown); where the dam is unknown the settlements are
    those within `unknown_height_m` above the river over `unknown_length_km`. And the greatest stage of
    each reach over all screened ones, -inf where none, NaN where one is unknown; and whether a dam of unknown volume or
    height lies above the reach, within `length_max_km`: no more than that stage is known then.
    """
    peak = breach_peak_m3_s(
        reservoirs["volume_m3"].to_numpy(np.float64), reservoirs["dam_height_m"].to_numpy(np.float64)
    )
    highest = np.full(len(made.curve_m3_s), -np.inf)
    lost = np.zeros(len(highest), dtype=np.bool_)
    rows = []
    for k, start in enumerate(reach):
        if start < 0:
            rows.append(_row("off_stream", peak[k], None))
            continue
        is_known = np.isfinite(peak[k])
        path = path_below(
            made, int(start), length_max_km=params.length_max_km if is_known else params.unknown_length_km
        )
        if is_known:
            stage, hours = wave(made, path, float(peak[k]), params=params)
            most = wave_most_m(made, path, float(peak[k]), params=params)
            highest[path.reaches] = np.maximum(highest[path.reaches], stage)
        else:
            stage, hours = np.full(len(path.reaches), params.unknown_height_m), np.full(len(path.reaches), np.nan)
            most = stage
            lost[path_below(made, int(start), length_max_km=params.length_max_km).reaches] = True
        hits = _hits(path, (stage, most), hours, about, len(people))
        row = _row("screened" if is_known else "unknown", peak[k], path)
        rows.append(row | _told(hits, people, depth_bounds_m, is_known=bool(is_known), leaves=path.leaves))
    return pd.DataFrame(rows, index=reservoirs.index), highest, lost


def deepest_m(made: Ratings, highest: F64, lost: NDArray[np.bool_]) -> da.Array:
    """Depth of the highest stages, (y, x) [m], lazy; NaN where it is unknown.

    Parameters
    ----------
    highest, lost : (n,) as `screen` returns them. Ground that the known dams above leave dry is unknown where one of
        unknown volume or height lies above as well.
    """
    stage = np.where(np.isneginf(highest), 0.0, highest)
    none = np.full(len(stage), np.nan)  # a wave passes: settlements are looked at along its path alone
    known, sure = (made.depth_m(s, held_up_by=none) for s in (stage, np.where(lost, np.nan, stage)))
    out: da.Array = da.where(known > 0, known, sure)
    return out


def _hits(path: Path, stages: tuple[F64, F64], hours: F64, about: Places, n: int) -> dict[str, F64]:
    """Return depth and arrival at each settlement, NaN where dry; `unknown` 1 where the stage is not known.

    `stages` : of each reach of the path, NaN unknown, and what it is at most.
    """
    stage, most = stages
    at = np.full(int(about.reach.max(initial=0)) + 1, -1, np.int64)
    inside = path.reaches + 1 < len(at)
    at[path.reaches[inside] + 1] = np.flatnonzero(inside)
    position = at[about.reach]
    passed = (about.reach > 0) & (position >= 0)
    touched = passed & np.isfinite(about.hand_m)
    depth, arrival, unknown = np.full(n, -np.inf), np.full(n, np.inf), np.zeros(n)
    k, p = about.settlement[touched], position[touched]
    deep = stage[p] - about.hand_m[touched]
    wet = deep > 0
    np.maximum.at(depth, k[wet], deep[wet])
    np.minimum.at(arrival, k[wet], np.where(np.isfinite(hours[p[wet]]), hours[p[wet]], np.inf))
    lost = np.isnan(deep) & (about.hand_m[touched] <= most[p])
    unknown[k[lost]] = 1.0
    unknown[about.settlement[passed & np.isnan(about.hand_m)]] = 1.0
    finite = np.isfinite(depth)
    return {"depth": np.where(finite, depth, np.nan), "hours": np.where(finite, arrival, np.nan), "unknown": unknown}


def _row(status: str, peak: float, path: Path | None) -> dict[str, Any]:
    km = np.nan if path is None else path.length_km
    return {"status": status, "peak_m3_s": peak, "path_km": km, "leaves_map": path is not None and path.leaves,
            "settlements": pd.NA, "settlements_unknown": pd.NA, "people": np.nan, "first_settlement": -1,
            "first_arrival_h": np.nan, "depth_max_m": np.nan, "hazard_level": int(Level.UNKNOWN)}  # fmt: skip


def _told(
    hits: dict[str, F64], people: F64, bounds: tuple[float, ...], *, is_known: bool, leaves: bool
) -> dict[str, Any]:
    wet, unknown = np.isfinite(hits["depth"]), hits["unknown"] > 0
    deepest = float(np.nanmax(hits["depth"])) if wet.any() else 0.0
    out: dict[str, Any] = {
        "settlements": int(wet.sum()), "settlements_unknown": int((unknown & ~wet).sum()),
        "people": float(people[wet].sum()) if not np.isnan(people[wet]).any() else np.nan,
    }  # fmt: skip
    if not is_known:
        return out
    hours = np.where(wet & np.isfinite(hits["hours"]), hits["hours"], np.inf)
    first = int(np.argmin(np.where(wet, hours, np.inf))) if np.isfinite(hours).any() else -1
    level = int(classify(np.array([deepest]), bounds)[0])
    sure = not (leaves or (unknown & ~wet).any()) or level >= Level.MEDIUM
    return out | {
        "first_settlement": first, "first_arrival_h": float(hours[first]) if first >= 0 else np.nan,
        "depth_max_m": deepest if wet.any() else np.nan, "hazard_level": level if sure else int(Level.UNKNOWN),
    }  # fmt: skip
