"""Blocks that are kept out to judge a model, and the cells scored while they were."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError


@dataclass(frozen=True)
class HeldOut:
    """Cells with the susceptibility they were given while their block was kept out.

    All arrays (case,): x, y [m], score (probability), whether it stands for an event, and its fold.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    score: NDArray[np.float64]
    is_event: NDArray[np.bool_]
    fold: NDArray[np.int64]


def spatial_folds(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    *,
    block_m: float,
    folds: int,
    seed: int,
) -> NDArray[np.int64]:
    """Fold of each cell; whole square blocks share a fold, and folds hold about as many events.

    Blocks are shuffled by the seed, then given, those with most events first, to the fold that has fewest.

    Raises
    ------
    DataError : fewer blocks with events than folds.
    """
    columns, rows = np.floor(x / block_m).astype(np.int64), np.floor(y / block_m).astype(np.int64)
    _, block = np.unique(np.stack([rows, columns]), axis=1, return_inverse=True)
    counts = np.bincount(block, weights=is_event.astype(np.float64))
    if (counts > 0).sum() < folds:
        what = f"{int((counts > 0).sum())} blocks of {block_m:g} m hold events; {folds} folds need as many"
        raise DataError(what, where="landslide.block_m, landslide.folds", fix="use smaller blocks or fewer folds")
    shuffled = np.random.default_rng([seed, 20_240_702]).permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    load, size = np.zeros(folds), np.zeros(folds)
    fold_of_block = np.empty(len(counts), dtype=np.int64)
    for b in order:
        best = int(np.lexsort((size, load))[0])
        fold_of_block[b] = best
        load[best] += counts[b]
        size[best] += 1
    return fold_of_block[block.ravel()]


def held_out_frame(cells: HeldOut | None, *, crs: str, background: int = 20_000) -> gpd.GeoDataFrame:
    """Return the validation cells as Points with columns `score`, `is_event`, `fold`; empty where there are none.

    All events are in it, and every n-th cell of the background so that there are at most `background`.
    """
    if cells is None:
        empty = HeldOut(*(np.empty(0),) * 3, np.empty(0, dtype=bool), np.empty(0, dtype=np.int64))
        return held_out_frame(empty, crs=crs)
    other = np.flatnonzero(~cells.is_event)
    keep = np.concatenate([np.flatnonzero(cells.is_event), other[:: max(1, -(-len(other) // background))]])
    table = {"score": cells.score[keep], "is_event": cells.is_event[keep], "fold": cells.fold[keep]}
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(cells.x[keep], cells.y[keep]), crs=crs)
