"""Peak discharge of each reach from a rain over its upslope area."""

from __future__ import annotations

from collections.abc import Mapping

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.flood.losses import fixed_condition
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.rivers import river_flow
from geo_risk.kernels.moisture import moistened
from geo_risk.kernels.runoff import scs_runoff_mm
from geo_risk.terrain.reaches import Reaches, greatest_on_streams
from geo_risk.terrain.slope import blocks


def peak_by_reach(
    reaches: Reaches, ground: Mapping[str, xr.DataArray], streams: xr.DataArray, rain: xr.DataArray,
    curve_number: xr.DataArray, *, params: FloodParams,
) -> NDArray[np.float64]:  # fmt: skip
    """Greatest discharge on each reach [m3/s] when the rain falls in `params.river.storm_h`.

    By curve numbers, whatever `params.runoff.method` says: a design rain has a sum and no hours. `antecedent` counts
    where it fixes how wet the ground is. Ground without a curve number counts by `params.runoff.unknown_curve_number`,
    on the wet side, as in a storm.

    Parameters
    ----------
    reaches : n of them. ground : dem_filled, flow_direction. streams, rain [mm], curve_number : (y, x) on one grid.

    Returns
    -------
    (n,); NaN where no runoff upslope is known.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : a layer has none, or another.
    """
    grid = same_grid(ground["dem_filled"], ground["flow_direction"], streams, rain, curve_number)
    chunks = blocks(ground["flow_direction"]).chunks
    filled, codes, stream, amount, number = (
        blocks(layer).rechunk(chunks)
        for layer in (ground["dem_filled"], ground["flow_direction"], streams, in_units(rain, "mm"),
                      in_units(curve_number, "1"))
    )  # fmt: skip
    state = fixed_condition(params.runoff)
    number = da.where(da.isnan(number), params.runoff.unknown_curve_number, number)
    number = da.map_blocks(moistened, number, state, dtype=np.float64, meta=np.empty((0, 0)))
    runoff = da.map_blocks(
        scs_runoff_mm, amount, number, ia_ratio=params.runoff.ia_ratio, dtype=np.float64, meta=np.empty((0, 0))
    )
    flow = river_flow(codes.astype(np.int8), filled, stream > 0, runoff, cell_m=grid.resolution_m, params=params.river)
    return greatest_on_streams(reaches, flow.discharge_m3_s)
