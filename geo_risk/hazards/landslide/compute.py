"""The landslide hazard: susceptibility learned from the inventory, and its levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of, same_grid
from geo_risk.core.levels import Level
from geo_risk.core.result import HazardResult, declared
from geo_risk.hazards.landslide.cards import method_card
from geo_risk.hazards.landslide.factors import UNITS
from geo_risk.hazards.landslide.fitting import Fit, fit
from geo_risk.hazards.landslide.information_value import probability
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.sampling import gather
from geo_risk.terrain.slope import blocks

INPUTS = {"landslide_events": "1", "slope_deg": "degree", **{f"{n}?": u for n, u in UNITS.items() if n != "slope_deg"}}
"""Events per cell, and the factors."""

CHECKED = ("distance_roads_m",)
"""Layers that the inventory is held against for bias, whether they are factors or not."""


def used_factors(layers: Mapping[str, xr.DataArray], params: LandslideParams) -> tuple[str, ...]:
    """Return the factors that are wanted, known and there, in the order of the parameters."""
    return tuple(n for n in params.factors if n in layers and n in UNITS)


def fit_later(layers: Mapping[str, xr.DataArray], params: LandslideParams) -> Any:
    """Return the fit as a dask Delayed of `Fit`; nothing is read yet."""
    given = declared(layers, INPUTS)
    names = used_factors(given, params)
    names += tuple(n for n in CHECKED if n in given and n not in names)
    sample = gather(given, names, background_cells=params.background_cells, seed=params.seed)
    return dask.delayed(fit, pure=True)(sample, params)


def predict(layers: Mapping[str, xr.DataArray], params: LandslideParams, fitted: Fit | Any) -> HazardResult:
    """Susceptibility and level of every cell by a fitted model.

    Parameters
    ----------
    layers : as in INPUTS; `landslide_events` is not looked at.
    fitted : a `Fit`, or a Delayed of one.

    Returns
    -------
    Intensity: susceptibility, a probability 0-1 [1]. Level -1..4 by the fit's bounds; -1 where a factor or the slope
    is unknown (also when the slope is no factor: ground without a height is not judged by its rock alone), or where
    factors resemble nothing the model has learned from. Confidence: 2 AUC - 1 of the spatial
    cross-validation where the level is known, else 0. Lazy.
    """
    given = declared({**layers, "landslide_events": layers["slope_deg"].assign_attrs(units="1")}, INPUTS)
    names = used_factors(given, params)
    grid = same_grid(*(given[n] for n in names), given["slope_deg"])
    slope = blocks(given["slope_deg"])
    arrays = [slope, *(blocks(given[n]).rechunk(slope.chunks) for n in names)]
    planes = da.map_blocks(
        _predicted, *arrays, names=names, fitted=fitted, dtype=np.float32, new_axis=0, chunks=((3,), *slope.chunks),
        meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    return HazardResult(
        grid.layer(planes[0], units="1", long_name="landslide susceptibility (odds 1:1)", name="susceptibility"),
        grid.layer(
            planes[1].astype(np.int8), units="level", long_name="landslide hazard level", name="hazard_landslide"
        ),
        grid.layer(planes[2], units="1", long_name="skill of the susceptibility on blocks kept out", name="confidence"),
        method_card(params.model),
    )


def unknown(slope: xr.DataArray, params: LandslideParams) -> HazardResult:
    """Return the result where no model can be made: unknown everywhere, on the grid of `slope`; lazy."""
    grid = grid_of(slope)
    return HazardResult(
        grid.layer(grid.full(float("nan")), units="1", long_name="landslide susceptibility (no model)"),
        grid.layer(grid.full(-1, np.int8), units="level", long_name="landslide hazard level (no model)"),
        grid.layer(grid.full(0.0), units="1", long_name="no model"),
        method_card(params.model),
    )


def _predicted(
    slope_deg: NDArray[Any], *factors: NDArray[Any], names: tuple[str, ...], fitted: Fit
) -> NDArray[np.float32]:
    """Return susceptibility, level and confidence of one block, (3, y, x)."""
    by_name = dict(zip(names, factors, strict=True))
    model = fitted.model
    p = probability(model.logit([by_name[n] for n in model.names], np.asarray(slope_deg)))
    gone = np.isnan(p) | np.isnan(slope_deg)
    p = np.where(gone, np.nan, p)
    level = np.searchsorted(np.asarray(fitted.level_bounds), p, side="right")
    skill = max(0.0, 2 * fitted.auc_spatial - 1)
    return np.stack([p, np.where(gone, Level.UNKNOWN, level), np.where(gone, 0.0, skill)]).astype(np.float32)


def compute(layers: Mapping[str, xr.DataArray], params: LandslideParams) -> HazardResult:
    """Fit and predict in one lazy graph; see `fit_later` and `predict`.

    Raises
    ------
    UnitError : a layer is missing or has no unit that fits.
    GridError : the layers are on different grids.
    DataError : when computed: too few events, or no factor that can be used.
    """
    return predict(layers, params, fit_later(layers, params))
