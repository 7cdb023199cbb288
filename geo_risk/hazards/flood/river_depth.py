"""Depth of the river flood over the ground by rating curves and the run over the valleys, and how sure it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from geo_risk.hazards.flood.inflows import AT_MOST
from geo_risk.hazards.flood.ratings import LEVELS_M, Ratings
from geo_risk.hazards.flood.rivers import Peaks
from geo_risk.terrain.reaches import Reaches, backwater_m, greatest_on_streams, sums_on_reaches

F64 = NDArray[np.float64]
Bounds = tuple[float, float, float, float]


class ValleyDepths(NamedTuple):
    """Depths by the run of `valleys`, (y, x) [m], NaN where it says nothing: by best knowledge, and at most."""

    depth_m: da.Array
    high_m: da.Array


class RiverDepths(NamedTuple):
    """Depth of the river flood by best knowledge and at most, (y, x) float32 [m], lazy; NaN where not known."""

    best_m: da.Array
    most_m: da.Array

    def sure_m(self, bounds_m: Bounds) -> da.Array:
        """Return the depth; NaN where the flood's level would be higher with the water that may come at most.

        But the depth where it is at least the second of `bounds_m` anyway.
        """
        if self.most_m is self.best_m:
            return self.best_m
        return da.map_blocks(_where_sure, self.best_m, self.most_m, bounds=np.array(bounds_m), dtype=np.float32,
                             meta=np.empty((0, 0), np.float32))  # fmt: skip

    def chance(self, bound_m: float, *, error_m: float) -> da.Array:
        """Return the probability that water stands at least so deep, (y, x) float32 [1]; NaN where not known.

        The depth is taken as normal about the best one: with the standard deviation `error_m` of model and DEM, and
        that of the water that comes, whose upper bound holds in 19 of 20 cases. Where that bound is not known, only a
        best depth above the bound tells.
        """
        return da.map_blocks(_chance, self.best_m, self.most_m, bound=bound_m, error=error_m, dtype=np.float32,
                             meta=np.empty((0, 0), np.float32))  # fmt: skip


def river_depths(
    made: Ratings, peaks: Peaks, *, unknown_stage_m: float, cut: F64 | None = None, valley: ValleyDepths | None = None
) -> RiverDepths:
    """Depth of water when every reach carries its peak.

    Parameters
    ----------
    made : rating curves of n reaches. peaks : (n,) of `rivers.reach_peaks`.
    unknown_stage_m : where nothing tells how much water comes from beyond the map, what stands lower than this above
        the river may be under water.
    cut : (n,) how many times more ground there would be upslope with what gaps of the DEM take away; None: no gaps.
    valley : of the run over the valleys. It counts where it says something, but not for reaches whose water it did not
        have: of unknown discharge, fed by unknown ground beyond the map, or below gaps of the DEM. The water of these
        stands up the others as it does without the run. It lowers the stage of a reach by its curve only where it
        knows at least half of the reach's bed.
    """
    stage = made.stage_m(peaks.discharge_m3_s)
    is_cut = np.zeros(len(stage), dtype=bool) if cut is None else cut > 1
    more = np.ones(len(stage)) if cut is None else np.where(is_cut, cut, 1.0)
    high = made.stage_m(peaks.high_m3_s * more)
    is_run = np.isfinite(peaks.discharge_m3_s) & np.isfinite(peaks.high_m3_s) & ~peaks.is_fed & ~is_cut
    if valley is not None:
        stage, high = (
            np.where(is_run & _is_mostly_known(made.reaches, run),
                     np.fmin(of, greatest_on_streams(made.reaches, run)), of)
            for of, run in ((stage, valley.depth_m), (high, valley.high_m))
        )  # fmt: skip
    best = made.depth_m(stage)
    held = np.isfinite(stage)
    high = np.where(peaks.is_fed & held, np.fmax(high, np.maximum(stage, unknown_stage_m)), high)
    # a reach of unknown discharge holds back up to so much, but what drains to it alone is unknown by itself
    top = made.curve_m3_s[:, -1]
    is_above = (peaks.discharge_m3_s > top) | (peaks.high_m3_s * more > top)
    back = np.where(np.isfinite(high), high, np.where(is_above, max(unknown_stage_m, LEVELS_M[-1]), unknown_stage_m))
    is_sure = held.all() and np.array_equal(high, stage)
    most = best if is_sure else made.depth_m(high, held_up_by=back)
    if valley is None:
        return RiverDepths(best, most)
    run = [v.rechunk(made.reaches.labels.chunks) for v in valley]
    counts = np.concatenate([[False], is_run])
    up = [backwater_m(made.reaches, np.where(is_run, np.nan, v)) for v in (stage, back)]
    levels = np.stack([np.concatenate([[-np.inf], v]) for v in up])
    filled = made.filled.rechunk(made.reaches.labels.chunks)
    pair = da.map_blocks(_with_valley, made.reaches.labels, best, most, *run, filled, counts=counts, levels=levels,
                         new_axis=0, chunks=((2,), *best.chunks), dtype=np.float32,
                         meta=np.empty((0, 0, 0), np.float32))  # fmt: skip
    return RiverDepths(pair[0], pair[1])


def _is_mostly_known(reaches: Reaches, values: da.Array) -> NDArray[np.bool_]:
    """Return for which reaches at least half of the stream cells have a value: a few say nothing of the others."""
    known = reaches.is_stream & da.isfinite(values.rechunk(reaches.labels.chunks))
    found, every = (sums_on_reaches(reaches, v.astype(np.float64)) for v in (known, reaches.is_stream))
    return np.asarray((found > 0) & (2 * found >= every), dtype=bool)


def _with_valley(
    labels: NDArray[np.int32], best: NDArray[Any], most: NDArray[Any], depth: NDArray[Any], high: NDArray[Any],
    filled: NDArray[Any], *, counts: NDArray[np.bool_], levels: F64,
) -> NDArray[np.float32]:  # fmt: skip
    """Return the two depths; `levels` (2, n + 1) is how high water that the run did not have stands up each reach."""
    counted = counts[labels] & np.isfinite(depth) & np.isfinite(high)
    depth, deepest = (np.fmax(d, level[labels] - filled) for d, level in zip((depth, high), levels, strict=True))
    deepest = np.maximum(depth, deepest)
    return np.stack([np.where(counted, depth, best), np.where(counted, deepest, most)]).astype(np.float32)


def _where_sure(depth: NDArray[Any], most: NDArray[Any], *, bounds: F64) -> NDArray[np.float32]:
    sure = depth >= bounds[1]
    same = np.digitize(most, bounds) <= np.digitize(depth, bounds)
    return np.where(sure | (same & np.isfinite(most)), depth, np.nan).astype(np.float32)


def _chance(best: NDArray[Any], most: NDArray[Any], *, bound: float, error: float) -> NDArray[np.float32]:
    spread = np.where(np.isfinite(most), np.maximum(most - best, 0.0) / AT_MOST, 0.0)
    told = ndtr((best - bound) / np.hypot(error, spread))
    return np.where(np.isfinite(most) | (best >= bound), told, np.nan).astype(np.float32)
