"""Depth of the river flood over the ground by rating curves, unknown where what is not known could change its level."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.flood.ratings import LEVELS_M, Ratings
from geo_risk.hazards.flood.rivers import Peaks

F64 = NDArray[np.float64]
Bounds = tuple[float, float, float, float]


def river_depth_m(
    made: Ratings, peaks: Peaks, *, bounds_m: Bounds, unknown_stage_m: float, cut: F64 | None = None
) -> da.Array:
    """Depth of water when every reach carries its peak, (y, x) float32 [m], >= 0, lazy.

    Parameters
    ----------
    made : rating curves of n reaches. peaks : (n,) of `rivers.reach_peaks`.
    bounds_m : depths from which the flood level is 1, 2, 3, 4.
    unknown_stage_m : where nothing tells how much water comes from beyond the map, what stands lower than this above
        the river may be under water.
    cut : (n,) how many times more ground there would be upslope with what gaps of the DEM take away; None: no gaps.

    Returns
    -------
    NaN where the height above the river or its discharge is not known, and where the flood's level would be higher with
    the water that may come at most, unless it is at least the second of `bounds_m` deep anyway.
    """
    stage = made.stage_m(peaks.discharge_m3_s)
    depth = made.depth_m(stage)
    more = np.ones(len(stage)) if cut is None else np.where(cut > 1, cut, 1.0)
    high = made.stage_m(peaks.high_m3_s * more)
    held = np.isfinite(stage)
    high = np.where(peaks.is_fed & held, np.fmax(high, np.maximum(stage, unknown_stage_m)), high)
    if held.all() and np.array_equal(high, stage):
        return depth
    # a reach of unknown discharge holds back up to so much, but what drains to it alone is unknown by itself
    top = made.curve_m3_s[:, -1]
    is_above = (peaks.discharge_m3_s > top) | (peaks.high_m3_s * more > top)
    back = np.where(is_above, max(unknown_stage_m, LEVELS_M[-1]), unknown_stage_m)
    most = made.depth_m(high, held_up_by=np.where(np.isfinite(high), high, back))
    return da.map_blocks(_where_sure, depth, most, bounds=np.array(bounds_m), dtype=np.float32,
                         meta=np.empty((0, 0), np.float32))  # fmt: skip


def _where_sure(depth: NDArray[Any], most: NDArray[Any], *, bounds: F64) -> NDArray[np.float32]:
    sure = depth >= bounds[1]
    same = np.digitize(most, bounds) <= np.digitize(depth, bounds)
    return np.where(sure | (same & np.isfinite(most)), depth, np.nan).astype(np.float32)
