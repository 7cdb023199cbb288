"""Units that a warning is judged on, slope units or squares: their susceptibility, and what past storms did to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of, same_grid
from geo_risk.core.units import in_units
from geo_risk.terrain.slope import blocks

SQUARE_M = 250.0
"""Side of the squares that stand for slope units where none are drawn: about the area of one (choice of geo_risk)."""

_STEP = 2.0**-16
"""Values are summed as multiples of this: such sums are exact, so they do not depend on the blocks."""

LEAST_KNOWN = 0.5
"""A unit of which less is known has no susceptibility (choice of geo_risk: the rest would be guessed from the less)."""


@dataclass(frozen=True)
class UnitTable:
    """Units by rising label.

    Attributes
    ----------
    label : (unit,). cells : (unit,) number of cells; reference_cells : their median, the size of a usual unit.
    susceptibility : (unit,) [1] of a usual unit in which as many slides are expected: its odds are the mean odds of the
        unit's cells times its size over the usual size; NaN where less than half of the unit is known.
    """

    label: NDArray[np.int64]
    cells: NDArray[np.float64]
    susceptibility: NDArray[np.float64]
    reference_cells: float


@dataclass(frozen=True)
class PastCases:
    """Units in past storms.

    Attributes
    ----------
    units : the units (unit,).
    storms : their ids (storm,), sorted.
    rain_mm : (unit, storm) mean effective rain [mm]; NaN where less than half of the unit has any.
    height_mm : (unit, storm) the same by the height of the storm, the end of its wettest step: never more.
    slides : (unit, storm) recorded slides.
    off_units : slides of these storms on ground that is in no unit, or off the grid; they are in no row.
    """

    units: UnitTable
    storms: tuple[str, ...]
    rain_mm: NDArray[np.float64]
    height_mm: NDArray[np.float64]
    slides: NDArray[np.int64]
    off_units: int = 0


def square_labels(like: xr.DataArray) -> xr.DataArray:
    """Return labels (y, x) int64, from 1, of squares of 250 m on the grid of a layer; lazy."""
    grid = grid_of(like)
    side = max(1, round(SQUARE_M / grid.resolution_m))
    across = -(-grid.shape[1] // side)
    chunks = blocks(like).chunks
    rows = da.arange(grid.shape[0], chunks=(chunks[0],)) // side
    columns = da.arange(grid.shape[1], chunks=(chunks[1],)) // side
    data = (rows[:, None] * across + columns[None, :] + 1).astype(np.int64)
    return grid.layer(data, units="1", long_name="squares in place of slope units", name="squares")


def unit_table(labels: xr.DataArray, susceptibility: xr.DataArray) -> UnitTable:
    """Return the units of a map with their susceptibility; computed block by block.

    Parameters
    ----------
    labels : (y, x), 1 and more; 0 and below is in no unit. susceptibility : (y, x) [1] on the same grid.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    sums = _sums(labels, {"odds": _odds_layer(susceptibility)})
    cells = sums["cells"].to_numpy(dtype=np.float64)
    usual = float(np.median(cells)) if len(cells) else 1.0
    odds = _mean(sums, "odds") * cells / usual
    return UnitTable(sums.index.to_numpy(dtype=np.int64), cells, odds / (1 + odds), usual)


def past_cases(
    labels: xr.DataArray,
    susceptibility: xr.DataArray,
    rain_of_storm: Mapping[str, xr.DataArray],
    slides: gpd.GeoDataFrame,
    *,
    height_of_storm: Mapping[str, xr.DataArray] | None = None,
) -> PastCases:
    """Gather what each past storm brought to each unit.

    Parameters
    ----------
    labels, susceptibility : as of `unit_table`.
    rain_of_storm : effective rain (y, x) of each storm on the same grid, any depth unit, by storm id.
    slides : Points in the grid's CRS with column `storm_id`; those of other storms do not count.
    height_of_storm : the same by the height of each storm; None takes the storm's largest for it.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : rain without a depth unit.
    """
    heights = rain_of_storm if height_of_storm is None else height_of_storm
    grid = same_grid(labels, susceptibility, *rain_of_storm.values(), *heights.values())
    units = unit_table(labels, susceptibility)
    storms = tuple(sorted(rain_of_storm))
    rain = height = np.full((len(units.label), len(storms)), np.nan)
    counts = np.zeros(rain.shape, dtype=np.int64)
    off = 0
    if storms:
        layers = {(k, s): in_units(of[s], "mm") for k, of in enumerate((rain_of_storm, heights)) for s in storms}
        sums = _sums(labels, {f"{k} {s}": layer for (k, s), layer in layers.items()})
        rain, height = (np.column_stack([_mean(sums, f"{k} {s}") for s in storms]) for k in (0, 1))
    for k, storm in enumerate(storms):
        own = slides[slides["storm_id"].astype(str) == storm]
        rows, columns, inside = grid.index(own.geometry.x, own.geometry.y)
        at = (np.asarray(rows)[inside], np.asarray(columns)[inside])
        hit = np.asarray(blocks(labels).vindex[at].compute()) if inside.any() else np.empty(0, np.int64)
        off += int((hit <= 0).sum()) + int((~np.asarray(inside)).sum())
        np.add.at(counts[:, k], np.searchsorted(units.label, hit[hit > 0]), 1)
    return PastCases(units, storms, rain, height, counts, off)


def cases_dataset(cases: PastCases) -> xr.Dataset:
    """Return cases as a dataset with dims (unit, storm), to be kept between steps."""
    units = cases.units
    out = xr.Dataset(coords={"unit": units.label, "storm": np.array(cases.storms, dtype=object)})
    out["cells"] = ("unit", units.cells, {"units": "1"})
    out["susceptibility"] = ("unit", units.susceptibility, {"units": "1"})
    out["rain"] = (("unit", "storm"), cases.rain_mm, {"units": "mm"})
    out["rain_height"] = (("unit", "storm"), cases.height_mm, {"units": "mm"})
    out["slides"] = (("unit", "storm"), cases.slides, {"units": "1"})
    return out.assign_attrs(reference_cells=units.reference_cells, off_units=cases.off_units)


def cases_of_dataset(found: xr.Dataset) -> PastCases:
    """Return the cases that `cases_dataset` described."""
    units = UnitTable(
        found["unit"].to_numpy(), found["cells"].to_numpy(), found["susceptibility"].to_numpy(),
        float(found.attrs["reference_cells"]),
    )  # fmt: skip
    storms = tuple(map(str, found["storm"].to_numpy().tolist()))
    return PastCases(units, storms, found["rain"].to_numpy(), found["rain_height"].to_numpy(),
                     found["slides"].to_numpy().astype(np.int64), int(found.attrs["off_units"]))  # fmt: skip


def unit_susceptibility(
    labels: xr.DataArray, susceptibility: xr.DataArray, units: UnitTable, *, cell_share: float = 0.0
) -> xr.DataArray:
    """Return the susceptibility that a warning takes: each cell that of its unit.

    Parameters
    ----------
    labels, susceptibility : as of `unit_table`, which made `units`.
    cell_share : a cell whose odds are below this share of its unit's mean odds keeps its own susceptibility. All such
        cells together hold at most this share of the slides that the unit may have.

    Returns
    -------
    (y, x) float32 [1], lazy. A cell in no unit keeps its own, as if a usual unit were made of such cells. A cell whose
    own susceptibility is unknown stays unknown, and so does a unit of which less than half is known.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(labels, susceptibility)
    data = blocks(labels)
    own = blocks(in_units(susceptibility, "1")).rechunk(data.chunks)
    least = cell_share * odds_of(units.susceptibility) * units.reference_cells / units.cells

    def painted(label: NDArray[Any], p: NDArray[Any]) -> NDArray[np.float32]:
        at = np.minimum(np.searchsorted(units.label, label), max(0, len(units.label) - 1))
        known = (units.label[at] == label) if len(units.label) else np.zeros(label.shape, dtype=bool)
        of_unit = units.susceptibility[at] if len(units.label) else np.full(label.shape, np.nan)
        # an unknown unit has no least odds: its cells stay unknown
        spared = odds_of(p) < least[at] if len(units.label) else known
        return np.where(np.isnan(p), np.nan, np.where(known & ~spared, of_unit, p)).astype(np.float32)

    out = da.map_blocks(painted, data, own, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return grid.layer(out, units="1", long_name="susceptibility of the slope unit, as warnings take it",
                      name="warning_susceptibility")  # fmt: skip


def odds_of(susceptibility: NDArray[Any]) -> NDArray[np.float64]:
    """Return p / (1 - p) of probabilities kept 1e-6 off 0 and 1; NaN stays NaN."""
    p = np.clip(np.asarray(susceptibility, dtype=np.float64), 1e-6, 1 - 1e-6)
    out: NDArray[np.float64] = p / (1 - p)
    return out


def _odds_layer(susceptibility: xr.DataArray) -> xr.DataArray:
    given = in_units(susceptibility, "1")
    return given.copy(data=da.map_blocks(odds_of, blocks(given), dtype=np.float64, meta=np.empty((0, 0))))


def _sums(labels: xr.DataArray, layers: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Return by label: `cells`, and of each layer its sum and its number of known cells (`name`, `name known`)."""
    same_grid(labels, *layers.values())
    data = blocks(labels)
    arrays = [blocks(layer).rechunk(data.chunks) for layer in layers.values()]
    parts = []
    for at in np.ndindex(*data.numblocks):
        block = [a.blocks[at].to_delayed().item() for a in (data, *arrays)]
        parts.append(dask.delayed(_of_block, pure=True)(block, tuple(layers)))
    joined: pd.DataFrame = pd.concat(dask.compute(*parts)).groupby(level=0, sort=True).sum()
    return joined


def _of_block(block: list[NDArray[Any]], names: tuple[str, ...]) -> pd.DataFrame:
    label = np.asarray(block[0])
    inside = label > 0
    found, local = np.unique(label[inside], return_inverse=True)
    out: dict[str, NDArray[Any]] = {"cells": np.bincount(local, minlength=len(found)).astype(np.float64)}
    for name, values in zip(names, block[1:], strict=True):
        value = np.asarray(values, dtype=np.float64)[inside]
        known = np.isfinite(value)
        exact = np.round(np.where(known, value, 0.0) / _STEP) * _STEP
        out[name] = np.bincount(local, weights=exact, minlength=len(found))
        out[f"{name} known"] = np.bincount(local, weights=known, minlength=len(found))
    return pd.DataFrame(out, index=found.astype(np.int64))


def _mean(sums: pd.DataFrame, name: str) -> NDArray[np.float64]:
    known, cells = sums[f"{name} known"].to_numpy(), sums["cells"].to_numpy()
    enough = (known > 0) & (known >= LEAST_KNOWN * cells)
    out: NDArray[np.float64] = np.full(len(sums), np.nan)
    np.divide(sums[name].to_numpy(), known, out=out, where=enough)
    return out
