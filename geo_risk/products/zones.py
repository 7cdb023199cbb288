"""Risk zones: where it is dangerous, who and what is there, and the level that follows from both.

Zones come from the landslide and flood hazard (cells of at least `zone_min_level`), from moving areas and from ponding.
Each has its own hazard; zones of different kinds may overlap, and sums over several zones count a house once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, GridError
from geo_risk.core.grid import Grid, grid_of
from geo_risk.core.levels import Level, classify, combine_levels
from geo_risk.core.names import STAGES_H
from geo_risk.core.schemas import conform
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.danger import zone_grades
from geo_risk.products.delineation import fit_for_maps, zone_polygons
from geo_risk.products.division import hillslope_sets
from geo_risk.products.failing import failure_windows, is_failing
from geo_risk.products.linking import likely_false
from geo_risk.products.params import RiskParams
from geo_risk.products.units import chosen_units
from geo_risk.products.vulnerability import matrix_risk, vulnerability_of
from geo_risk.products.wording import joined, level_word, say, warning_word, with_reasons
from geo_risk.products.zone_exposure import INNER, Exposed, exposure_of
from geo_risk.products.zone_levels import WARNED_KINDS, with_levels
from geo_risk.products.zone_runout import RunoutGround, hidden_below, runout_words, with_runout, zones_of_channels
from geo_risk.terrain.burned import burned_blocks
from geo_risk.terrain.slope import blocks

UNIT_KINDS = ("landslide",)
"""Kinds of zones that may be drawn on slope units; water does not stop at their borders."""

SLOW_KINDS = ("groundwater_subsidence", "structure_settlement")
"""Kinds that harm buildings and roads over years, not people within hours, as long as they do not speed up."""

SINKING_KINDS = ("groundwater_subsidence",)
"""Slow kinds that do not fail even where they speed up: wide ground that sinks does not slide."""

_PREFIX: Mapping[str, str] = {
    "landslide": "LS", "flood": "FL", "waterlogging": "WL", "mining_subsidence": "MS", "groundwater_subsidence": "GS",
    "structure_settlement": "SS", "unknown": "DF", "debris_flow": "DB",
}  # fmt: skip
_WARNINGS = tuple(f"warning_{s}h" for s in STAGES_H)
_INNER = [*INNER, "is_warned", "pace", "window"]


@dataclass(frozen=True)
class Dangers:
    """Where zones come from, each part optional.

    Attributes
    ----------
    levels : hazard level layers (y, x) on one grid by kind ("landslide", "flood").
    warnings : warning level layers by name ("warning_24h"); where none is given the zones say nothing of warnings.
    areas : `active_deformation`.
    ponding : `ponding`.
    drainage : D8 directions and upslope area [m2], by which large zones are divided.
    units : slope units (y, x), on which zones are drawn where `zone_units` says so.
    runout : what run-out from the zones needs, where `zone_units` says that it is part of them.
    """

    levels: Mapping[str, xr.DataArray]
    warnings: Mapping[str, xr.DataArray]
    areas: gpd.GeoDataFrame | None = None
    ponding: gpd.GeoDataFrame | None = None
    drainage: tuple[xr.DataArray, xr.DataArray] | None = None
    units: xr.DataArray | None = None
    runout: RunoutGround | None = None


def risk_zones(
    dangers: Dangers, exposed: Exposed, grid: Grid, *, params: RiskParams, language: str = "zh"
) -> gpd.GeoDataFrame:
    """Delineate and grade the zones: the frame `risk_zones` without its point ids.

    Parameters
    ----------
    dangers, exposed : where it is dangerous, and who and what is there.
    grid : of the run.
    params, language : rules, and "zh" or "en" for the reasons.

    Returns
    -------
    Conforms to the schema, ordered from the highest risk down, with the further columns activity and
    n_unknown_settlements. people is missing where a settlement of unknown population is inside. With run-out the
    columns `zone_runout.COLUMNS` too, and source_wkb, the outline of what can fail by itself (`sources_of`): hazard and
    warnings of the zone are those of its source. Where run-out leads into the unknown a vulnerability below
    medium is unknown.

    Raises
    ------
    GridError : a layer is not on the grid. DataError : `zone_units` needs a layer that is not given.
    """
    _check_grids(dangers, grid)
    if params.zone_units == "runout" and dangers.runout is None:
        what = "risk.zone_units is runout, and heights or slopes are not there"
        raise DataError(what, where="risk.zone_units", fix="give inputs.dem, or use hazard_cells")
    parts = [
        *(_from_level(kind, layer, dangers, exposed.houses, params) for kind, layer in dangers.levels.items()),
        _from_areas(dangers.areas, params),
        _from_ponding(dangers.ponding, params),
    ]
    found = [p for p in parts if p is not None and len(p)]
    if not found:
        return conform(gpd.GeoDataFrame({"zone_id": []}, geometry=[], crs=grid.crs), "risk_zones")
    zones = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=grid.crs)
    zones["area_id"] = (zones["area_id"] if "area_id" in zones else pd.Series(pd.NA, zones.index)).astype("string")
    zones = zones.set_geometry(fit_for_maps(zones.geometry, exposed.houses, params=params, reach_m=grid.resolution_m))
    runout = dangers.runout if params.zone_units == "runout" else None
    if runout is not None:
        zones = pd.concat([zones, zones_of_channels(runout, zones, params)], ignore_index=True)
    zones = zones.assign(**{c: zones[c].fillna("") if c in zones else "" for c in ("pace", "window")})
    zones["zone_id"] = _ids(zones, grid)
    zones = with_levels(zones, dangers.levels, dangers.warnings, grid, params).assign(is_warned=bool(dangers.warnings))
    if runout is not None:
        zones = with_runout(zones, runout, houses=exposed.houses, params=params)
    zones = zones.join(exposure_of(zones, exposed))
    zones["vulnerability_level"] = vulnerability_of(zones, exposed, params)
    if runout is not None:
        zones["vulnerability_level"] = combine_levels(zones["vulnerability_level"].to_numpy(), hidden_below(zones))
    zones["risk_level"] = matrix_risk(zones["hazard_level"], zones["vulnerability_level"], params.risk_matrix)
    zones["danger_grade"] = zone_grades(zones, params)
    zones["confidence"] = zones["confidence"].astype("float64")
    told = None if runout is None else runout.params
    zones = with_reasons(zones, lambda k: [_reasons(row, told, k) for row in zones.itertuples()], language)
    order = zones.sort_values(["risk_level", "hazard_level", "zone_id"], ascending=[False, False, True])
    return conform(order.reset_index(drop=True).drop(columns=_INNER), "risk_zones")


def _check_grids(dangers: Dangers, grid: Grid) -> None:
    ways = {} if dangers.drainage is None else {str(layer.name): layer for layer in dangers.drainage}
    units = {} if dangers.units is None else {"slope_units": dangers.units}
    for name, layer in {**dangers.levels, **dangers.warnings, **ways, **units}.items():
        if grid_of(layer) != grid:
            what = f"layer {name!r} is not on the run grid"
            raise GridError(what, where=name, fix="bring it onto the run grid in geo_risk.sources")


def _from_level(
    kind: str, layer: xr.DataArray, dangers: Dangers, houses: gpd.GeoDataFrame | None, params: RiskParams
) -> gpd.GeoDataFrame:
    """Return the zones of one hazard's cells; their level comes later, with that of the others (`with_levels`)."""
    ways = dangers.drainage
    sets = () if ways is None else hillslope_sets(*ways, catchment_m2=params.zone_catchment_m2)
    cells, units = blocks(layer) >= params.zone_min_level, None
    if params.zone_units == "slope_units" and kind in UNIT_KINDS:
        if dangers.units is None:
            what = "risk.zone_units is slope_units and there are none"
            raise DataError(what, where="risk.zone_units", fix="add the step slope_units, or use hazard_cells")
        units = chosen_units(layer, dangers.units, params=params)
    zones = zone_polygons(cells, grid_of(layer), houses=houses, params=params, hillslopes=sets, units=units)
    made = zones.assign(kind=kind, origin="hazard", activity="unknown", confidence=0.7).drop(columns="label")
    return made.assign(hazard_level=np.int8(Level.UNKNOWN))


def _from_areas(areas: gpd.GeoDataFrame | None, params: RiskParams) -> gpd.GeoDataFrame | None:
    """Return the moving areas that are no false alarm.

    Slow kinds are at most medium by their speed. What accelerates, or has a failure window, is very high whatever its
    speed or kind (a tailings dam is of a slow kind until it fails); only sinking kinds stay at most medium.
    """
    if areas is None or not len(areas):
        return None
    chosen = areas[~likely_false(areas, params.false_alarm_max)]
    speed = chosen["velocity_max_mm_yr"].abs().to_numpy(dtype=np.float64)
    level = classify(speed, params.velocity_bounds_mm_yr)
    slow, sinks = (chosen["kind"].isin(kinds).to_numpy() for kinds in (SLOW_KINDS, SINKING_KINDS))
    level = np.where(slow, np.minimum(level, np.int8(Level.MEDIUM)), level)
    fails = is_failing(chosen)
    level = np.where(fails & ~sinks, np.int8(Level.VERY_HIGH), level)
    out = gpd.GeoDataFrame(
        {
            "kind": chosen["kind"].to_numpy(),
            "origin": "insar",
            "area_id": chosen["area_id"].astype("string").to_numpy() if "area_id" in chosen else pd.NA,
            "hazard_level": level,
            "activity": chosen["activity"].to_numpy(),
            "confidence": 1 - chosen["false_alarm_p"].astype("float64").fillna(0.5).to_numpy(),
            "pace": np.where(fails, np.where(sinks, "zone_sinks_faster", "zone_accelerates"), ""),
            "window": failure_windows(chosen),
        },
        geometry=chosen.geometry.to_numpy(),
        crs=areas.crs,
    )
    return out[out["hazard_level"] != Level.NONE]


def _from_ponding(ponding: gpd.GeoDataFrame | None, params: RiskParams) -> gpd.GeoDataFrame | None:
    if ponding is None or not len(ponding):
        return None
    depth_class = pd.to_numeric(ponding["depth_class"]).astype("Int64").fillna(Level.UNKNOWN)
    level = depth_class.clip(-1, 4).to_numpy(dtype=np.int8)
    chosen = level >= params.zone_min_level
    return gpd.GeoDataFrame(
        {
            "kind": "waterlogging",
            "origin": "ponding",
            "hazard_level": level[chosen],
            "activity": "unknown",
            "confidence": 0.6,
        },
        geometry=ponding.geometry.to_numpy()[chosen],
        crs=ponding.crs,
    )


def _ids(zones: gpd.GeoDataFrame, grid: Grid) -> list[str]:
    """Return ids made of the kind and the grid cell of an inner point, so that they stay while the zone stays."""
    inner = zones.geometry.representative_point()
    rows, columns, _ = grid.index(inner.x, inner.y)
    base = [f"{_PREFIX.get(k, 'RZ')}-{r:05d}-{c:05d}" for k, r, c in zip(zones["kind"], rows, columns, strict=True)]
    again = pd.Series(base).groupby(base).cumcount()
    return [b if n == 0 else f"{b}-{n + 1}" for b, n in zip(base, again, strict=True)]


def _reasons(row: Any, params: RunoutParams | None, language: str) -> str:
    hazard, risk = level_word(row.hazard_level, language), level_word(row.risk_level, language)
    out = [say("zone_hazard", language, kind=row.kind, level=hazard, area=row.geometry.area / 1e6)]
    if row.pace:
        out.append(say(row.pace, language))
    if row.window:
        out.append(say("failure_window", language, window=row.window))
    if params is not None:
        out += runout_words(row, params, language)
    if not pd.isna(row.people):
        km = row.road_km
        roads = say("zone_roads_unknown", language) if pd.isna(km) else say("zone_roads", language, km=km)
        least = pd.isna(row.buildings) and row.known_buildings > 0
        built = (say("zone_buildings_least", language, n=int(row.known_buildings)) if least else
                 say("zone_buildings_unknown", language) if pd.isna(row.buildings) else
                 say("zone_buildings", language, n=int(row.buildings)))  # fmt: skip
        out.append(say("zone_people", language, people=row.people, buildings=built, roads=roads,
                       level=level_word(row.vulnerability_level, language)))  # fmt: skip
    elif row.n_unknown_settlements:
        out.append(say("zone_unknown", language, n=row.n_unknown_settlements))
    else:
        out.append(say("people_unknown", language))
    if row.vulnerability_level == 0:
        out.append(say("zone_nothing", language))
    out.append(say("zone_risk", language, level=risk) if row.risk_level >= 0
               else say("zone_risk_unknown", language))  # fmt: skip
    if row.kind in WARNED_KINDS and row.is_warned:
        levels = {s: getattr(row, f"warning_{s}h") for s in STAGES_H}
        stage = max(levels, key=lambda s: (levels[s], -s))
        shown = warning_word(levels[stage], language)
        out.append(say("zone_warning", language, level=shown, stage=stage) if levels[stage] >= 0
                   else say("zone_no_forecast", language))  # fmt: skip
    return joined(out, language)


def risk_layer(zones: gpd.GeoDataFrame, levels: Mapping[str, xr.DataArray], grid: Grid) -> xr.DataArray:
    """Return risk_level on the grid, lazy block by block: the highest risk of the zones on a cell.

    Outside the zones: 0 where every hazard given is none, 1 where the highest is known and above none (below the
    level that makes a zone), -1 where it is unknown. Unknown beats none and low, among zones, and of the ground under
    a zone: a zone of one hazard says nothing of the other.
    """
    severity = zones["risk_level"].astype(float).replace(float(Level.UNKNOWN), 1.5)
    ordered = zones.assign(severity=severity).sort_values(["severity", "zone_id"])
    shapes = list(zip(ordered.geometry, ordered["risk_level"].astype(float), strict=True))
    burned = burned_blocks(shapes, grid, fill=_NO_ZONE)
    found = [blocks(layer).rechunk(burned.chunks) for layer in levels.values()]
    out = da.map_blocks(_risk_of_cells, burned, *found, dtype=np.int8, meta=np.empty((0, 0), np.int8))
    return grid.layer(out, units="level", long_name="risk level", name="risk_level")


_NO_ZONE = -9.0


def _risk_of_cells(burned: NDArray[np.float32], *levels: NDArray[Any]) -> NDArray[np.int8]:
    hazard = combine_levels(*levels) if levels else np.full(burned.shape, Level.UNKNOWN, dtype=np.int8)
    outside = np.minimum(hazard, np.int8(Level.LOW))
    is_hidden = (burned >= 0) & (burned < Level.MEDIUM) & (outside == Level.UNKNOWN)
    return np.where((burned == _NO_ZONE) | is_hidden, outside, burned).astype(np.int8)
