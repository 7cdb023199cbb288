"""The run-out hazard: energy, speed and level of what arrives on each cell, and which release reaches which cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.levels import Level
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.core.units import in_units
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.hazards.runout.tiles import PLANES, Tiled, run_tiles
from geo_risk.hazards.runout.unknown import may_come
from geo_risk.terrain.slope import blocks

GRAVITY_M_S2 = 9.81
INPUTS = {"dem": "m", "release_units": "1", "release_kind?": "1"}
"""Heights; on release cells the number > 0 of the release unit (0 elsewhere, NaN where that is not known, whole
numbers below 2^24); the code of the kind in the order of `params.KINDS` (landslide where it is not given)."""

CARD = MethodCard(
    name="Run-out by energy line, terrain routing and persistence",
    citation="D'Amboise et al. 2022, Geosci. Model Dev. 15 (Flow-Py); Corominas 1996, Can. Geotech. J. 33(2)",
    validity="first motion is given by the releases; DEM of 5-30 m; alpha of the set that fits the kind of movement",
    limits=(
        "no volume, depth or time: the energy is that of a mass point on its energy line",
        "where a path runs off the raster, what lies beyond is unknown (flagged)",
        "what may come from unknown releases or over missing ground is bounded by the energy line: rather too wide",
    ),
)

_TITLES = {
    "runout_velocity": ("m/s", "greatest speed of arrival"),
    "runout_flux": ("1", "greatest share of one release cell's flux"),
    "runout_length": ("m", "longest way from a release"),
    "runout_angle_min": ("degree", "lowest travel angle back to a release along its way"),
    "runout_angle_max": ("degree", "highest travel angle back to a release along its way"),
    "runout_paths": ("1", "release cells whose path comes here"),
    "runout_flags": ("1", "unknown beyond: 1 missing ground, 2 edge of the raster, 4 beyond the reach followed (sums)"),
}


@dataclass(frozen=True)
class Hits:
    """Lazy answers besides the layers.

    Attributes
    ----------
    table : Delayed of HIT rows, see `hit_table`.
    skipped : Delayed of the number of release cells on missing ground.
    """

    table: Any
    skipped: Any


def compute(layers: Mapping[str, xr.DataArray], params: RunoutParams) -> HazardResult:
    """Run out all releases.

    Parameters
    ----------
    layers : as in INPUTS, on one grid.

    Returns
    -------
    Intensity `runout_energy` [J/kg], the greatest kinetic energy of a unit mass that arrives, 0 where nothing comes and
    on releases. Level: 4 on releases, else 1-4 by speed where something comes, 0 where nothing does. On missing ground
    they are NaN and -1. Where the releases are unknown, and wherever something could come from there, or over missing
    ground that a path runs into, by its energy line (`unknown.may_come`), the energy is NaN unless something known
    comes, and the level -1 unless it is medium or more.
    Confidence: 0.5 where the level is known, halved on cells beyond which the way is unknown. `extra`: speed, flux,
    length, travel angles, paths, flags; NaN on missing ground, and but for the flags where it is not known whether
    anything comes. Lazy; the same bits for any chunks.

    Raises
    ------
    UnitError, GridError : a layer is missing, in the wrong unit, or on another grid.
    """
    return compute_hits(layers, params)[0]


def compute_hits(
    layers: Mapping[str, xr.DataArray], params: RunoutParams, *, targets: NDArray[np.int64] | None = None
) -> tuple[HazardResult, Hits]:
    """Run out all releases, and find which unit reaches which of the target cells (flat indices); lazy.

    Computed together (`dask.compute(*layers, hits.table)`) each path is run once.

    Raises
    ------
    UnitError, GridError : as `compute`. ValueError : a target is not a cell of the grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    _check_targets(targets, grid)
    releases = {"unit": blocks(given["release_units"]), "kind": _kinds(given)}
    dem = blocks(given["dem"])
    tiled = run_tiles(grid, dem, releases, params, targets=targets)
    return _result(grid, dem, releases["unit"].rechunk(dem.chunks), tiled, params), Hits(tiled.hits, tiled.skipped)


def carry_down(
    dem: xr.DataArray, ranks: Mapping[str, xr.DataArray], kind: xr.DataArray | None, params: RunoutParams
) -> dict[str, xr.DataArray]:
    """Return each layer of ranks with what runs out: on each cell the highest rank of the releases that reach it.

    Parameters
    ----------
    dem : (y, x), a length unit. kind : codes as in INPUTS; None: landslides.
    ranks : (y, x) by name, whole numbers 0-255; every cell with a rank > 0 in some layer is a release.

    Returns
    -------
    float32 layers under the same names, 0 where nothing with a rank comes, NaN on missing ground; lazy.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : the DEM has no length unit. ValueError : no ranks.
    """
    if not ranks:
        msg = "no layer of ranks given"
        raise ValueError(msg)
    grid = same_grid(dem, *ranks.values())
    data = {name: blocks(layer).astype(np.float32) for name, layer in ranks.items()}
    unit = sum(da.nan_to_num(v) > 0 for v in data.values()).astype(np.float32)
    codes = da.zeros_like(unit) if kind is None else blocks(kind)
    z = blocks(in_units(dem, "m"))
    releases = {"unit": unit, "kind": codes, **{f"value_{n}": v for n, v in data.items()}}
    tiled = run_tiles(grid, z, releases, params, planes=())
    out = da.where(da.isnan(z), np.float32(np.nan), tiled.stack)
    return {
        name: grid.layer(out[k], units="1", long_name=f"highest {name} of the releases that reach the cell", name=name)
        for k, name in enumerate(ranks)
    }


def hit_table(hits: NDArray[Any], grid: Grid) -> pd.DataFrame:
    """Return computed hits as a table.

    Parameters
    ----------
    hits : HIT rows of `compute_hits`.

    Returns
    -------
    One row a unit and target cell: unit, cell, release_cell (flat indices), energy_j_kg, velocity_m_s, flux,
    distance_m (the shortest way from that release cell), release_x, release_y.
    """
    row, column = np.divmod(hits["release"], grid.shape[1])
    coords = grid.coords()
    head = hits["energy_m"].astype(np.float64)
    return pd.DataFrame(
        {
            "unit": hits["unit"], "cell": hits["target"], "release_cell": hits["release"],
            "energy_j_kg": GRAVITY_M_S2 * head, "velocity_m_s": np.sqrt(2 * GRAVITY_M_S2 * head),
            "flux": hits["flux"].astype(np.float64), "distance_m": hits["length_m"].astype(np.float64),
            "release_x": coords["x"][column], "release_y": coords["y"][row],
        }
    )  # fmt: skip


def _kinds(given: Mapping[str, xr.DataArray]) -> da.Array:
    if "release_kind" in given:
        return blocks(given["release_kind"])
    return da.zeros_like(blocks(given["release_units"]), dtype=np.float32)


def _check_targets(targets: NDArray[np.int64] | None, grid: Grid) -> None:
    if targets is not None and len(targets) and not (targets.min() >= 0 and targets.max() < np.prod(grid.shape)):
        msg = f"target cells run from {targets.min()} to {targets.max()}; 0 to {np.prod(grid.shape) - 1} needed"
        raise ValueError(msg)


def _result(grid: Grid, dem: da.Array, unit: da.Array, tiled: Tiled, params: RunoutParams) -> HazardResult:
    plane = dict(zip(PLANES, tiled.stack, strict=True))
    gone, nan = da.isnan(dem), np.float32(np.nan)
    reached = plane["n_paths"] > 0
    possible = may_come(dem, unit, plane["energy_m"], plane["gap_kinds"], cell_m=grid.resolution_m, params=params)
    known = ~gone & (reached | ~possible)
    energy = da.where(known, np.float32(GRAVITY_M_S2) * plane["energy_m"], nan)
    speed = da.where(known, da.sqrt(np.float32(2 * GRAVITY_M_S2) * plane["energy_m"]), nan)
    level = da.map_blocks(_level, speed, plane["n_paths"], unit, possible, bounds=params.level_velocity_m_s,
                          dtype=np.int8)  # fmt: skip
    confidence = da.where(level >= 0, 0.5, 0.0) * da.where(plane["flags"] > 0, 0.5, 1.0)
    data = {
        "runout_velocity": speed, "runout_flux": da.where(known, plane["flux"], nan),
        "runout_length": da.where(reached, plane["length_m"], nan), "runout_angle_min": plane["angle_min_deg"],
        "runout_angle_max": plane["angle_max_deg"], "runout_paths": da.where(known, plane["n_paths"], nan),
        "runout_flags": plane["flags"],
    }  # fmt: skip
    extra = {
        name: grid.layer(da.where(gone, nan, values).astype(np.float32), units=_TITLES[name][0],
                         long_name=_TITLES[name][1], name=name)
        for name, values in data.items()
    }  # fmt: skip
    return HazardResult(
        grid.layer(energy, units="J/kg", long_name="greatest kinetic energy of arrival", name="runout_energy"),
        grid.layer(level, units="level", long_name="run-out hazard level", name="hazard_runout"),
        grid.layer(confidence.astype(np.float32), units="1", long_name="confidence of the run-out", name="confidence"),
        CARD, extra,
    )  # fmt: skip


def _level(
    speed: NDArray[np.float32], paths: NDArray[np.float32], unit: NDArray[np.float32], possible: NDArray[np.bool_],
    bounds: tuple[float, ...],
) -> NDArray[np.int8]:  # fmt: skip
    known = ~np.isnan(speed)
    out = np.where(paths > 0, 1 + np.searchsorted(np.asarray(bounds), np.nan_to_num(speed), side="right"), 0)
    out = np.where(unit > 0, Level.VERY_HIGH, out)
    out = np.where(possible & (out < Level.MEDIUM), Level.UNKNOWN, out)
    return np.where(known, out, Level.UNKNOWN).astype(np.int8)
