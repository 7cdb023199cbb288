"""Depressions under a storm: how full they get, how deep, and which of them are open under a bridge or culvert."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.flood.cascade import Cascade, spill_cascade
from geo_risk.kernels.depressions import Depressions, storage_curve, water_level

Array = NDArray[np.float64]


class Ponds(NamedTuple):
    """Depressions after a storm.

    Attributes
    ----------
    depth_m : (y, x) water depth, 0 where dry, NaN in depressions whose runoff is not known.
    level_m, volume_m3 : (n,) water surface and stored volume.
    cascade : inflow, stored and spilled volumes.
    """

    depth_m: Array
    level_m: Array
    volume_m3: Array
    cascade: Cascade


def ponds(
    elevation: NDArray[Any],
    found: Depressions,
    runoff_mm: NDArray[Any],
    *,
    cell_m: float,
    is_open: NDArray[np.bool_] | None = None,
) -> Ponds:
    """Let the runoff of a storm fill the depressions and spill downstream.

    Parameters
    ----------
    elevation : (y, x) [m]. found : its depressions.
    runoff_mm : (y, x) runoff depth [mm]; where it is missing in a catchment, the mean of the known cells of that
        catchment stands for it, and a catchment without any is unknown.
    cell_m : cell size.
    is_open : (n,) depressions that drain through a bridge or culvert: they hold nothing.
    """
    n = found.level.size
    area = cell_m**2
    known = np.isfinite(runoff_mm)
    catchment = found.catchment.ravel()
    sums = np.bincount(catchment, weights=np.where(known, runoff_mm, 0.0).ravel(), minlength=n + 1)[1:]
    counts = np.bincount(catchment, weights=known.ravel().astype(np.float64), minlength=n + 1)[1:]
    mean_mm = np.divide(sums, counts, out=np.full(n, np.nan), where=counts > 0)
    capacity = found.depth_sum * area
    if is_open is not None:
        capacity = np.where(is_open, 0.0, capacity)
    is_known = np.isfinite(mean_mm)
    inflow = np.where(is_known, mean_mm, 0.0) * found.catchment_cells * area / 1000
    cascade = spill_cascade(inflow, capacity, found.below - 1)
    level = water_level(storage_curve(elevation, found.labels), cascade.stored_m3 / area)
    level[~is_known] = np.nan
    surface = np.concatenate([[-np.inf], level])[found.labels]
    depth = np.where(found.labels > 0, np.maximum(surface - elevation, 0.0), 0.0)
    if is_open is not None and n:
        depth[np.concatenate([[False], is_open])[found.labels]] = 0.0
    return Ponds(depth, level, cascade.stored_m3, cascade)


def open_depressions(found: Depressions, openings: NDArray[np.bool_], *, reach_cells: int = 3) -> NDArray[np.bool_]:
    """Whether a bridge or culvert lies at the spill point of each depression: there the DEM dams what is open.

    Parameters
    ----------
    found : the depressions. openings : (y, x), cells that a bridge deck or culvert touches.
    reach_cells : distance from the spill cell within which an opening counts, in cells.
    """
    n_y, n_x = openings.shape
    out = np.zeros(found.level.size, dtype=bool)
    for k, cell in enumerate(found.spill):
        j, i = divmod(int(cell), n_x)
        rows = slice(max(0, j - reach_cells), min(n_y, j + reach_cells + 1))
        columns = slice(max(0, i - reach_cells), min(n_x, i + reach_cells + 1))
        out[k] = openings[rows, columns].any()
    return out
