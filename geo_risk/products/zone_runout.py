"""Risk zones together with what runs out from them: the ground that can fail, and the ground it comes down upon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid, grid_of, same_grid
from geo_risk.core.levels import Level
from geo_risk.core.units import in_units
from geo_risk.exposure.zonal import cell_coverage
from geo_risk.hazards.runout.footprint import cell_footprints
from geo_risk.hazards.runout.params import KINDS, RunoutParams
from geo_risk.products.delineation import areas_of, fit_for_maps, with_lost_houses
from geo_risk.products.params import RiskParams
from geo_risk.products.releases import AREA_KINDS
from geo_risk.products.wording import say
from geo_risk.products.zone_levels import batches

COLUMNS = ("runout_m2", "runout_length_m", "runout_velocity_m_s", "unknown_beyond")
"""Behind the zones: ground that run-out adds to the source, longest way, greatest speed, and "yes" where a way leads
into unknown ground, off the map or beyond the reach followed."""


@dataclass(frozen=True)
class RunoutGround:
    """What run-out from zones needs, layers on the run grid.

    Attributes
    ----------
    dem : (y, x), a length unit, NaN missing. slope : (y, x), an angle unit, NaN unknown.
    hazard : (y, x) landslide hazard level, -1 unknown; None where there is none: only moving areas run out then.
    channels : `debris_flow_channels` whose first cells are releases, None where they are not.
    params : friction, and which cells start.
    """

    dem: xr.DataArray
    slope: xr.DataArray
    hazard: xr.DataArray | None
    channels: gpd.GeoDataFrame | None
    params: RunoutParams


def zones_of_channels(ground: RunoutGround, zones: gpd.GeoDataFrame, params: RiskParams) -> gpd.GeoDataFrame:
    """Return a zone, the first cell, for each channel of at least `zone_min_level` that begins in no zone of slopes."""
    grid = grid_of(ground.dem)
    first = _first_cells(ground.channels, grid)
    slopes = zones[zones["kind"] == "landslide"].geometry.to_numpy()
    row, column = np.divmod(first["cell"].to_numpy(dtype=np.int64), grid.shape[1])
    coords = grid.coords()
    centre = shapely.points(coords["x"][column], coords["y"][row])
    inside = np.unique(shapely.STRtree(slopes).query(centre, predicate="intersects")[0])
    lone = np.setdiff1d(np.flatnonzero((first["level"] >= params.zone_min_level).to_numpy()), inside)
    return gpd.GeoDataFrame(
        {"kind": "debris_flow", "origin": "channel", "hazard_level": first["level"].to_numpy(dtype=np.int8)[lone],
         "activity": "unknown", "confidence": 0.5},
        geometry=shapely.buffer(centre[lone], grid.resolution_m / 2, cap_style="square"), crs=grid.crs,
    )  # fmt: skip


def _first_cells(channels: gpd.GeoDataFrame | None, grid: Grid) -> pd.DataFrame:
    """Return the first cell (row-major) and the level of each channel on the grid, by id."""
    if channels is None or not len(channels):
        return pd.DataFrame({"cell": np.array([], np.int64), "level": np.array([], np.int8)})
    chosen = channels.sort_values("channel_id", kind="stable")
    first = shapely.get_coordinates(shapely.get_point(chosen.geometry.to_numpy(), 0))
    row, column, inside = grid.index(first[:, 0], first[:, 1])
    found = pd.DataFrame({"cell": row * grid.shape[1] + column, "level": chosen["hazard_level"].to_numpy(np.int8)})
    return found[inside].reset_index(drop=True)


def release_cells(zones: gpd.GeoDataFrame, ground: RunoutGround) -> pd.DataFrame:
    """Return the cells from which each zone runs out.

    Of zones of slopes: cells that the zone touches, of `source_min_level` and, as far as is known, of
    `source_min_slope_deg`. Of moving areas that can run out: every cell. The first cell of a channel belongs to the
    zones that touch it. A cell on the border of two zones runs out of both.

    Parameters
    ----------
    zones : kind and origin ("hazard", "insar", "channel"), in the CRS of the layers.

    Returns
    -------
    zone (position), cell (row-major), kind (code in `KINDS`).

    Raises
    ------
    GridError : the layers are on different grids. UnitError : the slope has no angle unit. CrsError : see
        `cell_coverage`.
    """
    grid = same_grid(ground.dem, ground.slope, *(() if ground.hazard is None else (ground.hazard,)))
    slope = in_units(ground.slope, "degree")
    kind, origin = zones["kind"].astype(str).to_numpy(), zones["origin"].astype(str).to_numpy()
    of_cells = (kind == "landslide") & (origin == "hazard") & (ground.hazard is not None)
    of_areas = np.isin(kind, AREA_KINDS) & (origin == "insar")
    of_channels = origin == "channel"
    heads = np.unique(_first_cells(ground.channels, grid)["cell"].to_numpy(dtype=np.int64))
    flow, slide = KINDS.index("debris_flow"), KINDS.index("landslide")
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    for rows in batches(zones, of_cells | of_areas | of_channels, grid):
        coverage = cell_coverage(zones.iloc[rows], grid)
        at, cell = rows[coverage.polygon], coverage.cell
        starts = of_areas[at]
        if ground.hazard is not None:
            high = coverage.values(ground.hazard.data) >= ground.params.source_min_level
            flat = coverage.values(slope.data) < ground.params.source_min_slope_deg
            starts |= of_cells[at] & high & ~flat
        parts.append((at[starts], cell[starts], np.full(int(starts.sum()), slide)))
        is_head = np.isin(cell, heads) & (coverage.share > _SLIVER)
        parts.append((at[is_head], cell[is_head], np.full(int(is_head.sum()), flow)))
    zone, cells, code = (np.concatenate([p[k] for p in parts] or [np.zeros(0, np.int64)]) for k in range(3))
    return pd.DataFrame({"zone": zone, "cell": cells, "kind": code})


_SLIVER = 1e-6
"""Share of a cell below which a zone merely shares its edge."""


def with_runout(
    zones: gpd.GeoDataFrame, ground: RunoutGround, *, houses: gpd.GeoDataFrame | None, params: RiskParams
) -> gpd.GeoDataFrame:
    """Return zones that hold what runs out from them besides their source, the columns `COLUMNS`, and source_wkb.

    Parameters
    ----------
    zones, ground : as in `release_cells`. houses : polygons in the zones' CRS; None where none are known.
    params : zone_smooth_m, zone_vertices_max.

    Returns
    -------
    Rows in order. The outline holds the whole source; every house that touches the source or the footprint of its
    run-out touches it. Zones may overlap: a house may lie below several slopes. A zone from which nothing runs out
    stays as it is.

    Raises
    ------
    GridError, UnitError, CrsError : as `release_cells`.
    """
    cells = release_cells(zones, ground)
    dem = ground.dem.copy(data=in_units(ground.dem, "m").data)
    cell, zone, kind = (cells[c].to_numpy(dtype=np.int64) for c in ("cell", "zone", "kind"))
    found = cell_footprints(dem, cell, zone, kind, ground.params)
    out = zones.assign(source_wkb=pd.array(shapely.to_wkb(zones.geometry.to_numpy(), hex=True), dtype="string"))
    at = found["unit"].to_numpy(dtype=np.int64)
    source = zones.geometry.to_numpy()[at]
    whole = shapely.union(source, found.geometry.to_numpy())
    shapes = _generalised(whole, source, houses, grid=grid_of(dem), params=params)
    geometry = zones.geometry.to_numpy().copy()
    geometry[at] = shapes
    out = out.set_geometry(gpd.GeoSeries(geometry, index=zones.index, crs=zones.crs))
    for column, values in {
        "runout_m2": shapely.area(shapely.difference(found.geometry.to_numpy(), source)),
        "runout_length_m": found["length_m"].to_numpy(dtype=np.float64),
        "runout_velocity_m_s": found["velocity_m_s"].to_numpy(dtype=np.float64),
    }.items():
        filled = np.zeros(len(zones)) if column == "runout_m2" else np.full(len(zones), np.nan)
        filled[at] = values
        out[column] = filled
    beyond = np.zeros(len(zones), dtype=bool)
    beyond[at] = found["flags"].to_numpy(dtype=np.int64) > 0
    lost = np.setdiff1d(cells["zone"].unique(), at)  # releases on ground of unknown height have no way: not known
    beyond[lost] = True
    out["unknown_beyond"] = np.where(beyond, "yes", "no")
    return out


def _generalised(
    whole: NDArray[Any], source: NDArray[Any], houses: gpd.GeoDataFrame | None, *, grid: Grid, params: RiskParams
) -> NDArray[Any]:
    """Return outlines fit for maps that hold the source and lose no house."""
    before = gpd.GeoSeries(whole, crs=grid.crs)
    if not len(before):
        return whole
    simple = shapely.make_valid(shapely.simplify(whole, params.zone_smooth_m)) if params.zone_smooth_m else whole
    after = np.array([areas_of(shape) for shape in shapely.union(simple, source)], dtype=object)
    kept = with_lost_houses(before, gpd.GeoSeries(after, crs=grid.crs), houses, reach_m=grid.resolution_m)
    fitted = fit_for_maps(kept, houses, params=params, reach_m=grid.resolution_m)
    return np.asarray(with_lost_houses(before, fitted, houses, reach_m=grid.resolution_m).to_numpy())


def sources_of(zones: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return the outline of what can fail by itself: that of the zone where run-out is no part of it."""
    if "source_wkb" not in zones:
        return zones.geometry
    found = shapely.from_wkb(zones["source_wkb"].to_numpy(dtype=object, na_value=None))
    kept = np.where(shapely.is_missing(found), zones.geometry.to_numpy(), found)
    return gpd.GeoSeries(kept, index=zones.index, crs=zones.crs)


def runout_words(row: Any, params: RunoutParams, language: str) -> list[str]:
    """Return what a zone's reasons say of its run-out: how far, how fast, and what is not known.

    Parameters
    ----------
    row : kind, origin and `COLUMNS` of a zone as attributes.
    """
    out = []
    if row.runout_length_m >= 0:
        out.append(say("zone_runout", language, area=row.runout_m2 / 1e6, length=row.runout_length_m,
                       speed=row.runout_velocity_m_s))  # fmt: skip
    elif row.unknown_beyond == "yes":
        out.append(say("zone_runout_unknown", language))
    elif row.kind == "landslide" and row.origin == "hazard":
        out.append(say("zone_runout_none", language, least=int(params.source_min_level),
                       slope=params.source_min_slope_deg))  # fmt: skip
    if row.runout_length_m >= 0 and row.unknown_beyond == "yes":
        out.append(say("runout_beyond", language))
    return out


def hidden_below(zones: gpd.GeoDataFrame) -> NDArray[np.int8]:
    """Return -1 where a zone's run-out leads into the unknown, else 0: to be combined with its vulnerability."""
    return np.where(zones["unknown_beyond"] == "yes", np.int8(Level.UNKNOWN), np.int8(Level.NONE)).astype(np.int8)
