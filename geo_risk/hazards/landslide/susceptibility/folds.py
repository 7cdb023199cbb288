"""Folds of a cross-validation: at random, and by place, with a buffer between learning and judging."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from geo_risk.core.errors import DataError


def random_folds(is_event: NDArray[np.bool_], *, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each case, at random; folds hold about as many events and about as many others.

    Neighbours fall into different folds, so that a score on these is too good: it belongs beside the spatial one.
    """
    rng = np.random.default_rng([seed, 20_261_124])
    out = np.empty(len(is_event), dtype=np.int64)
    for kind in (True, False):
        at = np.flatnonzero(is_event == kind)
        out[rng.permutation(at)] = np.arange(len(at)) % folds
    return out


def cluster_folds(
    x: NDArray[np.float64], y: NDArray[np.float64], is_event: NDArray[np.bool_], *, folds: int, seed: int
) -> NDArray[np.int64]:
    """Fold of each case by k-means of its place (Brenning 2012, IGARSS; Ruß and Brenning 2010).

    Parameters
    ----------
    x, y : (case,) [m].
    is_event : every fold must hold both kinds; other starts are tried until it does, ten at most.

    Raises
    ------
    DataError : no start gives folds that hold both events and background.
    """
    place = np.column_stack([x - x.mean(), y - y.mean()])
    for k in range(10):
        _, made = kmeans2(place, folds, iter=50, minit="points", seed=np.random.default_rng([seed, k]))
        out: NDArray[np.int64] = made.astype(np.int64)
        if all(np.unique(is_event[out == f]).size == 2 for f in range(folds)):
            return out
    what = f"no clustering into {folds} folds holds events and background in each"
    raise DataError(what, where="landslide.folds", fix="use fewer folds")


def learning_rows(
    x: NDArray[np.float64], y: NDArray[np.float64], judged: NDArray[np.bool_], *, buffer_m: float
) -> NDArray[np.bool_]:
    """Return which cases may be learned from: not judged, and farther than the buffer from every one that is.

    Parameters
    ----------
    x, y : (case,) [m]. judged : (case,). buffer_m : 0 for none.
    """
    keep = ~judged
    if buffer_m > 0 and judged.any() and keep.any():
        tree = cKDTree(np.column_stack([x[judged], y[judged]]))
        near, _ = tree.query(np.column_stack([x[keep], y[keep]]), distance_upper_bound=np.nextafter(buffer_m, np.inf))
        keep[np.flatnonzero(keep)[near <= buffer_m]] = False
    return keep
