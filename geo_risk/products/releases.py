"""Where something can start to run out: moving areas, hazard points, slopes and channels, each with its unit.

A cell belongs to one release unit: that of a hazard point before a moving area before the top of a debris-flow source
channel before a susceptible slope. So a hit names the thing that somebody already watches. A moving area that a hazard
point was made of bears the point's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import label

from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.levels import Level
from geo_risk.core.units import in_units
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.runout.params import KINDS, Kind, RunoutParams
from geo_risk.products.linking import likely_false
from geo_risk.products.params import RiskParams

POINT_RELEASES: Mapping[str, Kind] = {
    "landslide": "landslide", "unstable_slope": "landslide", "debris_flow": "debris_flow", "rockfall": "rockfall",
}  # fmt: skip
"""Set of friction by the kind of a hazard point; other kinds (collapse, fissures, subsidence) do not run out."""

AREA_KINDS = ("landslide", "unknown")
_CLOSED = ("dormant", "cancelled")
_COLUMNS = ("unit", "release_id", "source", "kind", "n_cells")


@dataclass(frozen=True)
class ReleaseGround:
    """Where releases come from, each part optional, in the CRS of the run.

    Attributes
    ----------
    hazard : landslide hazard level (y, x), -1 unknown. slope : its slope, any angle unit; NaN unknown.
    zones : `risk_zones`; susceptible cells inside one of landslides get its id.
    areas : `active_deformation`. points : `hazard_points`.
    channels : `debris_flow_channels`; a debris flow starts in the first cell of each.
    """

    hazard: xr.DataArray | None = None
    slope: xr.DataArray | None = None
    zones: gpd.GeoDataFrame | None = None
    areas: gpd.GeoDataFrame | None = None
    points: gpd.GeoDataFrame | None = None
    channels: gpd.GeoDataFrame | None = None


@dataclass(frozen=True)
class Releases:
    """The release units.

    Attributes
    ----------
    units : (y, x) float32 [1], number of the unit, 0 where nothing starts, NaN where that is not known.
    kinds : (y, x) float32 [1], code of the kind in the order of `hazards.runout.params.KINDS`.
    table : unit, release_id (unique), source {hazard_point, moving_area, debris_flow_channel,
        susceptible_slope}, kind, n_cells.
    """

    units: xr.DataArray
    kinds: xr.DataArray
    table: pd.DataFrame


def release_units(ground: ReleaseGround, grid: Grid, *, params: RunoutParams, risk: RiskParams) -> Releases:
    """Return the release units of a run.

    Parameters
    ----------
    ground : what is known of slopes, moving areas and points. Areas too likely to be noise, points that are dormant or
        cancelled, and points of kinds that do not run out are no releases.
    grid : of the run.
    params : `source_min_level` and `source_min_slope_deg` of susceptible cells.
    risk : `false_alarm_max`, and `point_radius_m` of points without an area.

    Raises
    ------
    GridError : a layer is on another grid. UnitError : the slope has no angle unit.
    """
    units, rows = _susceptible(ground, grid, params)
    kinds = np.zeros(grid.shape, np.float32)
    for cell, name in _channel_cells(ground, grid):
        rows.append({"unit": len(rows) + 1, "release_id": name, "source": "debris_flow_channel", "kind": "debris_flow"})
        units[cell], kinds[cell] = len(rows), KINDS.index("debris_flow")
    for name, shapes in (("moving_area", _areas(ground, risk)), ("hazard_point", _points(ground, risk))):
        for release_id, kind, shape in shapes:
            unit = len(rows) + 1
            burned = rasterize([(shape, 1)], grid, fill=0, dtype="uint8", all_touched=True) > 0
            if burned.any():
                units[burned], kinds[burned] = unit, KINDS.index(kind)
                rows.append({"unit": unit, "release_id": release_id, "source": name, "kind": kind})
    table = pd.DataFrame(rows, columns=_COLUMNS[:-1])
    known = units[~np.isnan(units)].astype(np.int64)
    table["n_cells"] = np.bincount(known, minlength=len(rows) + 1)[1:]
    table = table[table["n_cells"] > 0].reset_index(drop=True)
    others = [] if ground.points is None else ground.points["point_id"].astype(str)
    table["release_id"] = unique_ids(table["release_id"], others)
    return Releases(
        grid.layer(units, units="1", long_name="number of the release unit", name="release_units"),
        grid.layer(kinds, units="1", long_name="code of the kind of release", name="release_kind"),
        table,
    )


def _susceptible(
    ground: ReleaseGround, grid: Grid, params: RunoutParams
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """Return units of susceptible cells by zone, and by connected patch outside of zones; NaN where not known."""
    if ground.hazard is None or ground.slope is None:
        return np.full(grid.shape, np.nan, np.float32), []
    same_grid(ground.hazard, ground.slope, grid.layer(grid.full(0.0), units="1", long_name="grid of the run"))
    level = np.asarray(ground.hazard.data)
    slope = np.asarray(in_units(ground.slope, "degree").data, dtype=np.float64)
    start = (level >= params.source_min_level) & (slope >= params.source_min_slope_deg)
    unknown = (level == Level.UNKNOWN) | np.isnan(slope)
    zone_ids, zone = _zones(ground, grid)
    patch, _ = label(start & (zone == 0), structure=np.ones((3, 3)))
    key = np.where(start, np.where(zone > 0, zone, len(zone_ids) + patch), 0)
    found, first, place = np.unique(key.ravel(), return_index=True, return_inverse=True)
    n_x = grid.shape[1]
    rows: list[dict[str, Any]] = []
    number = np.zeros(len(found), np.float32)
    for k, value in enumerate(found):
        if value == 0:
            continue
        row, column = divmod(int(first[k]), n_x)
        name = zone_ids[value - 1] if value <= len(zone_ids) else f"SC-{row:05d}-{column:05d}"
        rows.append({"unit": len(rows) + 1, "release_id": name, "source": "susceptible_slope", "kind": KINDS[0]})
        number[k] = len(rows)
    units = number[place.ravel()].reshape(grid.shape)
    units[unknown & ~start] = np.nan
    return units, rows


def _zones(ground: ReleaseGround, grid: Grid) -> tuple[list[str], NDArray[np.int64]]:
    """Return the ids of landslide zones, and on each cell the position of its zone from 1 on (0: none)."""
    if ground.zones is None:
        return [], np.zeros(grid.shape, np.int64)
    chosen = ground.zones[ground.zones["kind"] == "landslide"].sort_values("zone_id", kind="stable")
    ids = chosen["zone_id"].astype(str).to_list()
    shapes = [(g, k + 1) for k, g in enumerate(chosen.geometry)]
    return ids, rasterize(shapes, grid, fill=0, dtype="int32").astype(np.int64)


def _areas(ground: ReleaseGround, risk: RiskParams) -> list[tuple[str, Kind, Any]]:
    """Return id, kind and shape of moving areas that can run out."""
    if ground.areas is None or not len(ground.areas):
        return []
    chosen = ground.areas[~likely_false(ground.areas, risk.false_alarm_max)]
    chosen = chosen[chosen["kind"].isin(AREA_KINDS)].sort_values("area_id", kind="stable")
    known = _points_of_areas(ground.points)
    return [(known.get(str(i), str(i)), KINDS[0], g) for i, g in zip(chosen["area_id"], chosen.geometry, strict=True)]


def _channel_cells(ground: ReleaseGround, grid: Grid) -> list[tuple[tuple[int, int], str]]:
    """Return the first cell and the id of each source channel on the grid."""
    if ground.channels is None or not len(ground.channels):
        return []
    chosen = ground.channels.sort_values("channel_id", kind="stable")
    first = shapely.get_coordinates(shapely.get_point(chosen.geometry.to_numpy(), 0))
    row, column, inside = grid.index(first[:, 0], first[:, 1])
    cells = zip(row.tolist(), column.tolist(), chosen["channel_id"].astype(str), inside, strict=True)
    return [((r, c), name) for r, c, name, is_inside in cells if is_inside]


def _points_of_areas(points: gpd.GeoDataFrame | None) -> dict[str, str]:
    """Return the hazard point made of each moving area."""
    if points is None or "area_id" not in points:
        return {}
    made = points[points["area_id"].notna()].sort_values("point_id", ascending=False, kind="stable")
    return dict(zip(made["area_id"].astype(str), made["point_id"].astype(str), strict=True))


def _points(ground: ReleaseGround, risk: RiskParams) -> list[tuple[str, Kind, Any]]:
    """Return id, kind and shape (a disc of their area) of points that can run out and have no moving area of theirs."""
    points = ground.points
    if points is None or not len(points):
        return []
    open_ = points["kind"].isin(POINT_RELEASES) & ~points["status"].isin(_CLOSED)
    drawn: set[str] = set() if ground.areas is None else set(ground.areas["area_id"].astype(str))
    if "area_id" in points:
        open_ &= ~points["area_id"].astype("string").isin(drawn)
    chosen = points[open_].sort_values("point_id", kind="stable")
    area = pd.to_numeric(chosen["area_m2"]).to_numpy(dtype=np.float64, na_value=np.nan)
    radius = np.where(area > 0, np.sqrt(np.where(area > 0, area, 0) / np.pi), risk.point_radius_m)
    discs = chosen.geometry.buffer(radius)
    return [(str(i), POINT_RELEASES[k], g)
            for i, k, g in zip(chosen["point_id"], chosen["kind"], discs, strict=True)]  # fmt: skip


def unique_ids(ids: pd.Series[Any], others: Iterable[str] = ()) -> pd.Series[Any]:
    """Return ids in which what is named twice (two areas of one point) has a number behind that no other id is.

    `others` : ids of things that are not among them, which a number must not make either.
    """
    taken, out = {*ids, *others}, []
    for name, again in zip(ids, ids.groupby(ids).cumcount(), strict=True):
        found, k = name, int(again) + 1
        while again and found in taken:
            found, k = f"{name}-{k}", k + 1
        taken.add(found)
        out.append(found)
    return pd.Series(out, index=ids.index, dtype="string")
