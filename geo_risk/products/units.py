"""Which mapping units are zones as a whole."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.products.params import RiskParams
from geo_risk.terrain.parts import shared, tiles
from geo_risk.terrain.slope import blocks


def chosen_units(level: xr.DataArray, units: xr.DataArray, *, params: RiskParams) -> da.Array:
    """Return the units of which `warning_area_share` of the known ground is of `zone_min_level`; blocks change nothing.

    Parameters
    ----------
    level : (y, x) int8, -1 unknown. units : (y, x) whole numbers, as `slope_units.slope_unit_labels` makes them.
    params : zone_min_level, warning_area_share.

    Returns
    -------
    (y, x) int64, lazy: the label of such units, 0 elsewhere. A unit without known ground is not chosen, and no
    statement of safety is made of it: the risk of its cells is unknown.

    Raises
    ------
    GridError : the layers are on different grids.
    """
    same_grid(level, units)
    labels = blocks(units)
    given, found = shared(labels), shared(blocks(level).rechunk(labels.chunks))
    later = [dask.delayed(_counts)(given[at], found[at], params.zone_min_level) for at, _, _ in tiles(labels.chunks)]
    table = pd.concat(dask.compute(*later)).groupby(level=0).sum()
    high, known = table["high"].to_numpy(dtype=np.float64), table["known"].to_numpy(dtype=np.float64)
    kept = table.index.to_numpy(dtype=np.int64)[(high > 0) & (high >= params.warning_area_share * known - 1e-9)]
    return da.map_blocks(_only, labels, kept, dtype=np.int64, meta=np.empty((0, 0), np.int64))


def _counts(labels: NDArray[Any], level: NDArray[Any], least: int) -> pd.DataFrame:
    inside = labels > 0
    names, local = np.unique(labels[inside].astype(np.int64), return_inverse=True)
    sums = {
        name: np.bincount(local, weights=hit, minlength=len(names))
        for name, hit in (("known", level[inside] >= 0), ("high", level[inside] >= least))
    }
    return pd.DataFrame(sums, index=names)


def _only(labels: NDArray[Any], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    whole = labels.astype(np.int64)
    return np.where(np.isin(whole, kept), whole, 0)
