"""Which shelters may be used now: judged by their own ground, and by the zones that are not drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, combine_levels
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.shelters import usable_shelters
from geo_risk.exposure.zonal import cell_coverage, level_at_share
from geo_risk.products.demand import SUDDEN_KINDS, WATER_KINDS
from geo_risk.products.params import EvacuationParams
from geo_risk.products.threat import CHANCE_LEVEL

CHANCE = "flood_chance"
"""Name of the layer of the probability of deep water."""

_SHELTER_RADIUS_M = 15.0
"""A shelter's own ground: a school yard."""


def usable_now(
    shelters: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame,
    grounds: Sequence[xr.DataArray],
    *,
    crs: Any,
    params: EvacuationParams,
    waters: gpd.GeoDataFrame | None = None,
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Return the shelters that may take people, by id, and each other one with the reason.

    Parameters
    ----------
    shelters : as read, None where none is given. zones : `risk_zones`.
    grounds : hazard and warning level layers; where they are given, zones drawn from the hazard do not judge a shelter.
        A layer `flood_chance` among them refuses shelters where it calls houses.
    crs : of the empty frame. params : `shelter_max_level`, `known_hours`, `flood_chance`, `flood_level`.
    waters : polygons of rivers and lakes with `water_id`.
    """
    if shelters is None:
        empty = {"shelter_id": [], "name": [], "capacity": np.array([], dtype=np.int64), "ground_is_known": []}
        return gpd.GeoDataFrame(empty, geometry=[], crs=crs), []
    chance = [layer for layer in grounds if layer.name == CHANCE and params.flood_level == CHANCE_LEVEL]
    grounds = [layer for layer in grounds if layer.name != CHANCE]
    harmful = zones[zones["kind"].isin((*SUDDEN_KINDS, *WATER_KINDS))]
    if grounds and "origin" in harmful:
        harmful = harmful[harmful["origin"] != "hazard"]
    usable, refused = usable_shelters(
        shelters,
        harmful,
        max_level=params.shelter_max_level,
        ground_level=_ground_level(shelters, grounds, params),
        waters=waters,
        deep_chance=(_deep_chance(shelters, chance[0]), params.flood_chance) if chance else None,
    )
    return usable.sort_values("shelter_id", kind="stable").reset_index(drop=True), refused


def _deep_chance(shelters: gpd.GeoDataFrame, layer: xr.DataArray) -> NDArray[np.float64]:
    """Return the mean known probability of deep water on each shelter's own ground, NaN where none is known."""
    ground = gpd.GeoDataFrame(geometry=shelters.geometry.buffer(_SHELTER_RADIUS_M), crs=shelters.crs)
    coverage = cell_coverage(ground, grid_of(layer))
    values = coverage.values(layer.data).astype(np.float64)
    known = np.isfinite(values)
    total, share = coverage.sums(np.where(known, values, 0.0)), coverage.sums(known)
    return np.asarray(np.divide(total, share, out=np.full(len(shelters), np.nan), where=share > 0), dtype=np.float64)


def _ground_level(
    shelters: gpd.GeoDataFrame, grounds: Sequence[xr.DataArray], params: EvacuationParams
) -> NDArray[np.int8] | None:
    """Return the level of each shelter's ground, that half of it reaches: the highest of the hazards and the warnings.

    It is unknown where a hazard, or every warning stage of `known_hours` or more, is unknown there and nothing known is
    at least medium: a calm hour says nothing of the night.
    """
    if not len(grounds):
        return None
    ground = gpd.GeoDataFrame(geometry=shelters.geometry.buffer(_SHELTER_RADIUS_M), crs=shelters.crs)
    coverage = cell_coverage(ground, grid_of(grounds[0]))
    levels = [level_at_share(layer, coverage, share=0.5, min_known_share=0.5) for layer in grounds]
    is_stage = [str(layer.name).startswith("warning_") for layer in grounds]
    parts = [level for level, stage in zip(levels, is_stage, strict=True) if not stage]
    stages = [level for level, stage in zip(levels, is_stage, strict=True) if stage]
    if stages:
        hours = [int(str(layer.name).removeprefix("warning_").removesuffix("h"))
                 for layer, stage in zip(grounds, is_stage, strict=True) if stage]  # fmt: skip
        long = [level for level, h in zip(stages, hours, strict=True) if h >= params.known_hours]
        is_known = np.max([*long, np.full(len(shelters), Level.UNKNOWN)], axis=0) >= 0
        highest = np.max(stages, axis=0)
        parts.append(np.where(is_known | (highest >= Level.MEDIUM), highest, Level.UNKNOWN).astype(np.int8))
    return combine_levels(*parts)


def water_areas(
    rivers: gpd.GeoDataFrame | None, reservoirs: gpd.GeoDataFrame | None, *, params: EvacuationParams
) -> gpd.GeoDataFrame | None:
    """Return the ground of rivers and lakes as polygons with `water_id`, None where neither is given.

    Parameters
    ----------
    rivers : lines with river_id and, where known, width_m, or polygons. A width that is missing or not above 0 counts
        as `river_width_m`. reservoirs : of them polygons count, a point has no ground. Both in the metric CRS.
    """
    parts = []
    for frame, column in ((rivers, "river_id"), (reservoirs, "reservoir_id")):
        if frame is None or not len(frame):
            continue
        width = numbers(frame, "width_m")
        width = width.where((width > 0) & np.isfinite(width), params.river_width_m)
        shapes = frame.geometry.to_numpy()
        dimension = shapely.get_dimensions(shapes)
        shapes = np.where(dimension == 1, shapely.buffer(shapes, width.to_numpy() / 2, cap_style="flat"), shapes)
        part = gpd.GeoDataFrame({"water_id": frame[column].astype("string").to_numpy()}, geometry=shapes, crs=frame.crs)
        parts.append(part[dimension >= 1])
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs) if parts else None
