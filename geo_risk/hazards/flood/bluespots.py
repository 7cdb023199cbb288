"""Depressions under a storm: how full they get, how deep, and which of them are open under a bridge or culvert."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_risk.hazards.flood.cascade import Cascade, spill_cascade
from geo_risk.kernels.contributions import WEIGHT_STEPS, Contributions
from geo_risk.kernels.pond_tables import add_up
from geo_risk.terrain.depressions import BlockDepressions
from geo_risk.terrain.rows import rows_of_blocks
from geo_risk.terrain.storage import water_levels

Array = NDArray[np.float64]


class Ponds(NamedTuple):
    """Depressions after a storm.

    Attributes
    ----------
    depth_m : (y, x) water depth, lazy, 0 where dry, NaN in depressions whose runoff is not known.
    level_m, volume_m3 : (n,) water surface and stored volume.
    cascade : inflow, stored and spilled volumes.
    """

    depth_m: da.Array
    level_m: Array
    volume_m3: Array
    cascade: Cascade


def ponds(
    found: BlockDepressions, runoff_mm: da.Array, *, cell_m: float, is_open: NDArray[np.bool_] | None = None,
    is_cut: NDArray[np.bool_] | None = None, sure_m: float = np.inf,
) -> Ponds:  # fmt: skip
    """Let the runoff of a storm fill the depressions and spill downstream.

    Parameters
    ----------
    found : the depressions of a surface.
    runoff_mm : (y, x) runoff depth [mm] in the same blocks; where it is missing in a catchment, the mean of the known
        cells of that catchment stands for it, and a catchment without any is unknown.
    cell_m : cell size.
    is_open : (n,) depressions that drain through a bridge or culvert: they hold nothing.
    is_cut : (n,) depressions of whose water a part is missing: their depth is unknown where it is less than sure_m.
    """
    n = found.level.size
    area = cell_m**2
    mean_mm = catchment_means(found, runoff_mm)
    closed = np.ones(n, dtype=np.bool_) if is_open is None else ~is_open
    is_known = np.isfinite(mean_mm)
    inflow = np.where(is_known, mean_mm, 0.0) * found.catchment_cells * area / 1000
    cascade = spill_cascade(inflow, np.where(closed, found.depth_sum * area, 0.0), found.below - 1)
    level = water_levels(found, cascade.stored_m3 / area)
    level[~is_known] = np.nan
    surface = np.concatenate([[-np.inf], np.where(closed, level, -np.inf)])
    known_from = np.zeros(n + 1)
    if is_cut is not None:
        known_from[1:][is_cut & closed] = sure_m
    depth = da.map_blocks(
        _depth, found.labels, found.elevation, surface=surface, known_from=known_from, dtype=np.float64,
        meta=np.empty((0, 0)),
    )  # fmt: skip
    return Ponds(depth, level, cascade.stored_m3, cascade)


def _depth(labels: NDArray[np.int32], z: NDArray[Any], *, surface: Array, known_from: Array) -> Array:
    depth = np.where(labels > 0, np.maximum(surface[labels] - z, 0.0), 0.0)
    return np.where(depth < known_from[labels], np.nan, depth)


def catchment_means(found: BlockDepressions, values: da.Array) -> Array:
    """Mean of the known values over the cells that drain to each depression first.

    Parameters
    ----------
    values : (y, x) >= 0 in the same blocks, NaN unknown.

    Returns
    -------
    (n,), NaN where none is known. Sums are counted in whole numbers, so the blocks change nothing.
    """
    n = found.level.size
    known, whole, part = (np.zeros(n + 1, np.int64) for _ in range(3))
    for _, (catchment, own) in rows_of_blocks(_shares, [found.catchment, values]):
        add_up(catchment, (own.n_known, own.whole, own.part), (known, whole, part))
    total = (whole + part / WEIGHT_STEPS)[1:]
    mean: Array = np.divide(total, known[1:], out=np.full(n, np.nan), where=known[1:] > 0)
    return mean


def _shares(
    catchment: NDArray[np.int32], values: NDArray[Any], *, origin: tuple[int, int], n_x: int
) -> tuple[NDArray[np.int32], Contributions]:
    """Return the cells in catchments, and what they contribute."""
    del origin, n_x
    inside = catchment > 0
    return catchment[inside], Contributions.own(values[inside], values[inside])


def open_depressions(found: BlockDepressions, openings: da.Array, *, reach_cells: int = 3) -> NDArray[np.bool_]:
    """Whether a bridge or culvert lies at the spill point of each depression: there the DEM dams what is open.

    Parameters
    ----------
    found : the depressions. openings : (y, x) bool, cells that a bridge deck or culvert touches; they are held as a
        list.
    reach_cells : distance from the spill cell within which an opening counts, in cells (rows and columns alike).
    """
    cells = np.concatenate([cell for _, cell in rows_of_blocks(_opening_cells, [openings])])
    n = found.level.size
    if not (n and cells.size):
        return np.zeros(n, dtype=np.bool_)
    n_x = openings.shape[1]
    places, spills = (np.stack(np.divmod(at, n_x), axis=1).astype(np.float64) for at in (cells, found.spill))
    distance, _ = cKDTree(places).query(spills, p=np.inf, distance_upper_bound=reach_cells + 0.5)
    near: NDArray[np.bool_] = np.isfinite(distance)
    return near


def _opening_cells(openings: NDArray[np.bool_], *, origin: tuple[int, int], n_x: int) -> NDArray[np.int64]:
    row, column = np.nonzero(openings)
    return ((row + origin[0]) * n_x + column + origin[1]).astype(np.int64)
