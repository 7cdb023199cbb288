"""What a slide warning reaches: each warned slope with all that runs out from it."""

from __future__ import annotations

from collections.abc import Mapping

import dask
import numpy as np
import xarray as xr

from geo_risk.core.grid import same_grid
from geo_risk.core.levels import Level
from geo_risk.hazards.runout.compute import carry_down
from geo_risk.hazards.runout.params import RunoutParams

_RANKS = np.array([2, 0, 1, 3, 4, 5], dtype=np.int8)
"""Rank of the levels -1 to 4: unknown lies between low and medium, as in `core.levels.combine_levels`."""

_LEVELS = np.array([Level.NONE, Level.LOW, Level.UNKNOWN, Level.MEDIUM, Level.HIGH, Level.VERY_HIGH], dtype=np.int8)
"""Level by rank."""


def runout_layers(
    dem: xr.DataArray, warnings: Mapping[str, xr.DataArray], *, params: RunoutParams
) -> dict[str, xr.DataArray]:
    """Return each warning with what runs out: on each cell the highest level on it or of a cell that reaches it.

    Every warned cell is a release of a landslide; its path is followed by energy line and routing (hazards/runout).

    Parameters
    ----------
    dem : (y, x), a length unit, NaN where missing. warnings : level layers on its grid by name ("warning_24h").
    params : friction of landslides.

    Returns
    -------
    int8 levels: the highest of the cell's own and of all that reach it, but unknown where one of them is unknown and
    none is medium. A cell without a height has its own level. Computed.

    Raises
    ------
    GridError : a layer is on another grid. UnitError : the DEM has no length unit.
    """
    if not warnings:
        return {}
    grid = same_grid(dem, *warnings.values())
    own = {name: np.asarray(layer.data).astype(np.int8) for name, layer in warnings.items()}
    ranks = {n: grid.layer(_RANKS[v + 1].astype(np.float32), units="1", long_name=n) for n, v in own.items()}
    carried = dask.compute(*(layer.data for layer in carry_down(dem, ranks, None, params).values()))
    return {
        name: grid.layer(
            np.where(np.isnan(rank), own[name], _LEVELS[np.nan_to_num(rank).astype(np.int64)]).astype(np.int8),
            units="level", long_name=f"{name} on the cell or of what runs out to it", name=name,
        )
        for name, rank in zip(own, carried, strict=True)
    }  # fmt: skip
