"""Peak discharge of each reach from a rain over its upslope area."""

from __future__ import annotations

from collections.abc import Mapping

import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.flood.losses import fixed_condition
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.rivers import Outside, Peaks, reach_peaks
from geo_risk.kernels.moisture import moistened
from geo_risk.kernels.runoff import scs_runoff_mm
from geo_risk.terrain.reaches import Reaches
from geo_risk.terrain.slope import blocks


def peak_by_reach(
    reaches: Reaches, ground: Mapping[str, xr.DataArray], rain: xr.DataArray, curve_number: xr.DataArray, *,
    params: FloodParams, outside: Outside | None = None,
) -> Peaks:  # fmt: skip
    """Greatest discharge on each reach [m3/s] when the rain falls in `params.river.storm_h`.

    By curve numbers, whatever `params.runoff.method` says: a design rain has a sum and no hours. `antecedent` counts
    where it fixes how wet the ground is. Ground without a curve number counts by `params.runoff.unknown_curve_number`,
    on the wet side, as in a storm.

    Parameters
    ----------
    reaches : n of them. ground : dem_filled, flow_direction. rain [mm], curve_number : (y, x) on one grid.
    outside : ground beyond the map that drains in.

    Returns
    -------
    Peaks : (n,) each; NaN where no runoff upslope is known.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : a layer has none, or another.
    """
    grid = same_grid(ground["dem_filled"], ground["flow_direction"], rain, curve_number)
    chunks = blocks(ground["flow_direction"]).chunks
    filled, codes, amount, number = (
        blocks(layer).rechunk(chunks)
        for layer in (ground["dem_filled"], ground["flow_direction"], in_units(rain, "mm"),
                      in_units(curve_number, "1"))
    )  # fmt: skip
    state = fixed_condition(params.runoff)
    number = da.where(da.isnan(number), params.runoff.unknown_curve_number, number)
    number = da.map_blocks(moistened, number, state, dtype=np.float64, meta=np.empty((0, 0)))
    runoff = da.map_blocks(
        scs_runoff_mm, amount, number, ia_ratio=params.runoff.ia_ratio, dtype=np.float64, meta=np.empty((0, 0))
    )
    return reach_peaks(reaches, codes.astype(np.int8), filled, runoff, cell_m=grid.resolution_m, params=params.river,
                       outside=outside)  # fmt: skip
