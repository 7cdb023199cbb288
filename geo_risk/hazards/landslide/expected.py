"""Slides that the warning model expects to start in a storm, and the rain by which so many are expected."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.landslide.triggers import STEADY
from geo_risk.hazards.landslide.warning import WarningModel
from geo_risk.terrain.slope import blocks


def expected_slides(
    susceptibility: xr.DataArray,
    rain: xr.DataArray,
    model: WarningModel,
    *,
    reference_cells: float,
    motion: xr.DataArray | None = None,
    factors: tuple[float, float] = (1.0, 1.0),
) -> xr.DataArray:
    """Return the slides that the warning model expects to start in each cell.

    Parameters
    ----------
    susceptibility : (y, x) [1]. rain : (y, x) largest effective rain of the storm, any depth unit.
    model : fitted to units. reference_cells : size of the usual unit in cells, as the model's cases tell.
    motion : (y, x) codes of moving slopes (`triggers`), None where nothing is known of any. factors : by which the
        trigger rain of moving and accelerating slopes is lowered: their rain counts for so much more.

    Returns
    -------
    (y, x) float64 [1], lazy; NaN where susceptibility or rain is unknown. It never falls as either rises.

    Raises
    ------
    GridError : the layers are on different grids. ValueError : `reference_cells` is not above 0.
    """
    if not 0 < reference_cells < math.inf:
        msg = f"reference_cells is {reference_cells}; a number above 0 needed"
        raise ValueError(msg)
    layers = [in_units(susceptibility, "1"), in_units(rain, "mm")] + ([] if motion is None else [motion])
    grid = same_grid(*layers)
    table = np.array([1.0, *factors])

    def expected(p: NDArray[Any], mm: NDArray[Any], moves: NDArray[Any] | None = None) -> NDArray[np.float64]:
        rain_mm = np.asarray(mm, dtype=np.float64)
        if moves is not None:
            rain_mm = rain_mm / table[np.maximum(moves.astype(np.int64), STEADY)]
        return np.asarray(np.exp(model.index(p, rain_mm)) / reference_cells, dtype=np.float64)

    first = blocks(layers[0])
    data = [first, *(blocks(layer).rechunk(first.chunks) for layer in layers[1:])]
    out = da.map_blocks(expected, *data, dtype=np.float64, meta=np.empty((0, 0)))
    return grid.layer(out, units="1", long_name="slides expected to start in the cell", name="expected_slides")


def chance_rain_mm(
    chance: NDArray[Any], rain_mm: NDArray[Any], model: WarningModel, *, at: float
) -> NDArray[np.float64]:
    """Return the effective rain at which the probability of a slide has come to `at`.

    Slides are expected to grow everywhere above a place as they grow with its own rain.

    Parameters
    ----------
    chance : (...) probability by the largest effective rain `rain_mm` (...) [mm]. at : in (0, 1).

    Returns
    -------
    (...) [mm], at most `rain_mm` where the chance is at least `at`; NaN where either is unknown or the chance is 0.
    """
    if not 0 < at < 1:
        msg = f"at is {at}; between 0 and 1 needed"
        raise ValueError(msg)
    p = np.asarray(chance, dtype=np.float64)
    p = np.where(p > 0, np.minimum(p, 1 - 1e-9), np.nan)
    less = np.log(-np.log1p(-at)) - np.log(-np.log1p(-p))
    return model.rain_for(np.asarray(rain_mm, dtype=np.float64), less)
