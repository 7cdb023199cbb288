"""Which shelters may be used now: judged by their own ground, and by the zones that are not drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, combine_levels
from geo_risk.exposure.shelters import usable_shelters
from geo_risk.exposure.zonal import cell_coverage, level_at_share
from geo_risk.products.demand import SUDDEN_KINDS, WATER_KINDS
from geo_risk.products.params import EvacuationParams

_SHELTER_RADIUS_M = 15.0
"""A shelter's own ground: a school yard."""


def usable_now(
    shelters: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame,
    grounds: Sequence[xr.DataArray],
    *,
    crs: Any,
    params: EvacuationParams,
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Return the shelters that may take people, by id, and each other one with the reason.

    Parameters
    ----------
    shelters : as read, None where none is given. zones : `risk_zones`.
    grounds : hazard and warning level layers; where they are given, zones drawn from the hazard do not judge a shelter.
    crs : of the empty frame. params : `shelter_max_level`, `known_hours`.
    """
    if shelters is None:
        empty = {"shelter_id": [], "name": [], "capacity": np.array([], dtype=np.int64), "ground_is_known": []}
        return gpd.GeoDataFrame(empty, geometry=[], crs=crs), []
    harmful = zones[zones["kind"].isin((*SUDDEN_KINDS, *WATER_KINDS))]
    if len(grounds) and "origin" in harmful:
        harmful = harmful[harmful["origin"] != "hazard"]
    usable, refused = usable_shelters(
        shelters, harmful, max_level=params.shelter_max_level, ground_level=_ground_level(shelters, grounds, params)
    )
    return usable.sort_values("shelter_id", kind="stable").reset_index(drop=True), refused


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
