"""Which houses a slide warning calls: by the cells they stand on, and by the slopes that look down on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid, grid_of, same_grid
from geo_risk.core.levels import Level
from geo_risk.core.names import STAGES_H
from geo_risk.core.units import in_units
from geo_risk.exposure.zonal import Coverage, covered_on, level_of_values
from geo_risk.kernels.reach import reach_level
from geo_risk.products.params import EvacuationParams
from geo_risk.terrain.slope import blocks


@dataclass(frozen=True)
class Threat:
    """What the warnings say of each house, in the order of the houses.

    Attributes
    ----------
    share : of the known footprint on cells that call, 0 to 1: that some stage warns of at least `warning_level`, or by
        the chance of a slide, see `house_threat`.
    warnings : warning_{s}h, the level that `house_share` of the footprint reaches; -1 where unknown or no such stage.
    level : the same of all stages together: parts of a footprint that different stages warn of add up. A house that
        the chance of a slide calls has at least `warning_level`.
    chance : (n,) highest known probability that a slide comes to a cell of the footprint; NaN where none is known.
    before : (n,) ISO UTC, from when that probability calls; None where it does not.
    """

    share: NDArray[np.float64]
    warnings: pd.DataFrame
    level: NDArray[np.int8]
    chance: NDArray[np.float64] | None = None
    before: NDArray[np.object_] | None = None

    def is_judged(self, params: EvacuationParams) -> NDArray[np.bool_]:
        """Tell which houses a stage of `known_hours` or more speaks of, or any one calls by its `warning_level`.

        That the next hour is quiet, or that in it no slide is likely to come, says nothing of the day: it judges
        nobody.
        """
        long = self.warnings[[f"warning_{s}h" for s in STAGES_H if s >= params.known_hours]]
        warned = (self.warnings >= params.warning_level).any(axis=1) & (self.share >= params.house_share)
        return np.asarray((long >= 0).any(axis=1) | warned, dtype=bool)


@dataclass(frozen=True)
class Slides:
    """The chance that a slide comes in the rain that is analysed or forecast.

    Attributes
    ----------
    chance : (y, x) probability, NaN where it is not known. onset : (y, x) hours after `begins` until it calls.
    begins : of that rain. holds : names of the warnings ("warning_24h") whose rain is part of it: of the others it says
        too little.
    """

    chance: xr.DataArray
    onset: xr.DataArray
    begins: datetime
    holds: frozenset[str]


@dataclass(frozen=True)
class Water:
    """What the flood hazard says of each house, in the order of the houses.

    Attributes
    ----------
    share : of the known footprint on cells of at least `flood_level`, or, where that probability is given, where deep
        water comes with `flood_chance` or more; 0 to 1.
    level : that `house_share` of the footprint reaches; -1 where unknown. Where the probability calls the house it is
        at least `flood_level`; where it is known and does not, a level that is unknown by itself counts as low.
    by_chance : that probability was given.
    """

    share: NDArray[np.float64]
    level: NDArray[np.int8]
    by_chance: bool = False


CHANCE_LEVEL = 2
"""Flood level whose probability the layer flood_chance gives: water of at least the second depth bound."""


def house_water(
    houses: gpd.GeoDataFrame, hazard: xr.DataArray, *, params: EvacuationParams, chance: xr.DataArray | None = None,
    coverage: Coverage | None = None,
) -> Water:  # fmt: skip
    """Judge each house by the flood hazard of its own ground.

    Parameters
    ----------
    houses : polygons in the layer's CRS. hazard : (y, x) level -1..4.
    params : `flood_level`, `flood_chance` and `house_share`.
    chance : (y, x) probability that water stands as deep as `CHANCE_LEVEL` means, NaN where not known. It judges where
        `flood_level` is that level; a house on ground of `flood_level` is called whatever it says.
    coverage : of the houses, where it is known; it counts where it is on the layers' grid.

    Raises
    ------
    CrsError, GridError : houses and layers do not fit together.
    """
    grid = grid_of(hazard) if chance is None else same_grid(hazard, chance)
    coverage = covered_on(grid, houses, coverage)
    values = coverage.values(hazard.data)
    level = level_of_values(values, coverage, share=params.house_share, min_known_share=0.5)
    share = _share(values, coverage, params.flood_level)
    if chance is None or params.flood_level != CHANCE_LEVEL:
        return Water(share, level)
    told = coverage.values(chance.data)
    calls = np.where(np.isnan(told), Level.UNKNOWN, (told >= params.flood_chance).astype(np.int8))
    by_chance = _share(calls, coverage, 1)
    # of what stands off the map nothing is known, and of a house wholly off it nothing at all
    known = coverage.sums(calls >= 0)
    is_known = (known > 0) & (known >= 0.5 * coverage.n_cells - 1e-9)
    level = np.where((level < 0) & is_known, Level.LOW, level)
    level = np.where(by_chance >= params.house_share, np.maximum(level, params.flood_level), level)
    return Water(np.maximum(share, by_chance), level.astype(np.int8), by_chance=True)


def _share(values: NDArray[Any], coverage: Coverage, level: int) -> NDArray[np.float64]:
    """Return the share of each polygon's known cells of at least a level: unknown ones do not make it smaller."""
    called, known = coverage.sums(values >= level), coverage.sums(values >= 0)
    return np.divide(called, known, out=np.zeros_like(called), where=known > 0).clip(0, 1)


def reach_layers(
    dem: xr.DataArray, warnings: Mapping[str, xr.DataArray], *, params: EvacuationParams
) -> dict[str, xr.DataArray]:
    """Return each warning with what can come down: on each cell the highest level on it or in sight above it.

    Parameters
    ----------
    dem : (y, x), a length unit, NaN where missing. warnings : level layers on its grid by name ("warning_24h").
    params : `reach_angle_deg` and `reach_distance_m` of `kernels.reach.reach_level`.

    Returns
    -------
    int8 levels, lazy: each block with the ground around it that can reach it, the same whatever the blocks.

    Raises
    ------
    GridError : a layer is on another grid. UnitError : the DEM has no length unit.
    """
    if not warnings:
        return {}
    grid = same_grid(dem, *warnings.values())
    z = blocks(in_units(dem, "m"))
    reach = partial(reach_level, cell_m=grid.resolution_m, angle_deg=params.reach_angle_deg,
                    distance_m=params.reach_distance_m)  # fmt: skip
    depth = math.ceil(params.reach_distance_m / grid.resolution_m)
    out = {}
    for name, layer in warnings.items():
        levels = blocks(layer).rechunk(z.chunks).astype(np.int8)
        found = da.map_overlap(reach, z, levels, depth=depth, boundary="none", dtype=np.int8,
                               meta=np.empty((0, 0), np.int8))  # fmt: skip
        out[name] = grid.layer(found, units="level", long_name=f"{name} on the cell or in reach above it", name=name)
    return out


def highest_reach(layers: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """Return `reach_level`: the highest known level of all stages on each cell, -1 where no stage knows one.

    Lazy where the layers are.

    Raises
    ------
    GridError : the layers are on different grids. ValueError : none is given.
    """
    grid = _grid_of(layers)
    highest = reduce(np.maximum, (layer.data for layer in layers.values())).astype(np.int8)
    return grid.layer(highest, units="level", long_name="highest warning on the cell or in reach above it",
                      name="reach_level")  # fmt: skip


def _grid_of(layers: Mapping[str, xr.DataArray]) -> Grid:
    if not layers:
        msg = "no reach layer given"
        raise ValueError(msg)
    return same_grid(*layers.values())


def house_threat(
    houses: gpd.GeoDataFrame, layers: Mapping[str, xr.DataArray], *, params: EvacuationParams,
    coverage: Coverage | None = None, slides: Slides | None = None,
) -> Threat:  # fmt: skip
    """Judge each house by its own ground in the layers of `reach_layers` (or in plain warnings), and by what may come.

    A cell calls where a stage warns of at least `warning_level`. Where the chance of a slide is known, it calls where
    that is at least `slide_chance`, and the warnings whose rain it holds call by themselves from `sure_level` on only:
    they are of whole slopes, it is of the place.

    Parameters
    ----------
    houses : polygons in the layers' CRS. layers : by name ("warning_24h"); at least one. slides : on their grid.
    params : `warning_level`, `house_share`, `slide_chance` and `sure_level`.
    coverage : of the houses, where it is known; it counts where it is on the layers' grid.

    Raises
    ------
    CrsError, GridError : houses and layers do not fit together. ValueError : no layer is given.
    """
    coverage = covered_on(_grid_of(layers), houses, coverage)
    values = {name: coverage.values(layer.data) for name, layer in layers.items()}
    highest = reduce(np.maximum, values.values())
    calls = np.where(highest < 0, Level.UNKNOWN, highest >= params.warning_level).astype(np.int8)
    chance = before = None
    if slides is not None:
        same_grid(next(iter(layers.values())), slides.chance, slides.onset)
        told = coverage.values(slides.chance.data).astype(np.float32)  # the bound is compared as the layer keeps it
        calls = np.where(np.isnan(told), calls, _called(told, values, slides, params)).astype(np.int8)
        chance = _highest(told, coverage)
        hours = coverage.values(slides.onset.data).astype(np.float64)
        before = _before(np.where(told >= np.float32(params.slide_chance), hours, np.nan), coverage, slides.begins)
    share = _share(calls, coverage, 1)
    names = [f"warning_{s}h" for s in STAGES_H]
    table = pd.DataFrame(np.int8(Level.UNKNOWN), index=range(len(houses)), columns=names)
    judge = partial(level_of_values, coverage=coverage, share=params.house_share, min_known_share=0.5)
    for name, found in values.items():
        table[name] = judge(found)
    level = judge(highest)
    if slides is not None:
        level = np.where(share >= params.house_share, np.maximum(level, params.warning_level), level)
    return Threat(share, table, level.astype(np.int8), chance, before)


def _called(
    told: NDArray[np.float32], values: Mapping[str, NDArray[Any]], slides: Slides, params: EvacuationParams
) -> NDArray[np.bool_]:
    """Return which cells of a known chance call."""
    out = told >= np.float32(params.slide_chance)
    for name, level in values.items():
        out |= level >= (params.sure_level if name in slides.holds else params.warning_level)
    return np.asarray(out, dtype=bool)


def _highest(told: NDArray[np.float32], coverage: Coverage) -> NDArray[np.float64]:
    """Return the highest known value of each polygon, NaN where none is known."""
    out = np.full(len(coverage.n_cells), -np.inf)
    np.maximum.at(out, coverage.polygon, np.where(np.isnan(told), -np.inf, told))
    return np.where(np.isfinite(out), out, np.nan)


def _before(hours: NDArray[np.float64], coverage: Coverage, begins: datetime) -> NDArray[np.object_]:
    """Return the earliest time of each polygon, None where no cell tells one."""
    least = np.full(len(coverage.n_cells), np.inf)
    np.minimum.at(least, coverage.polygon, np.where(np.isnan(hours), np.inf, hours))
    out = np.full(len(least), None, dtype=object)
    start = begins.astimezone(UTC)
    for h in np.unique(least[np.isfinite(least)]).tolist():
        out[least == h] = (start + timedelta(hours=h)).replace(microsecond=0).isoformat()
    return out
