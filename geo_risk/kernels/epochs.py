"""Series of several tracks brought to common epochs by straight lines between their known dates."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _around(
    series: F32, std: F32, days: F64, first: int, last: int, epochs: F64, maximum_gap_days: float,
    left: NDArray[np.int64], right: NDArray[np.int64],
) -> None:  # fmt: skip
    """Write the known dates before and after each epoch, -1 where one lacks or the gap between them is too wide."""
    at = first
    before = -1
    for e in range(len(epochs)):
        left[e] = right[e] = -1
        while at < last and days[at] <= epochs[e]:
            if math.isfinite(series[at]) and std[at] > 0.0:
                before = at
            at += 1
        if before < 0:
            continue
        after = before
        if days[before] < epochs[e]:
            after = at
            while after < last and not (math.isfinite(series[after]) and std[after] > 0.0):
                after += 1
            if after >= last or not days[after] - days[before] <= maximum_gap_days:
                continue
        left[e], right[e] = before, after


@njit(cache=True, nogil=True, inline="always")
def _weight(days: F64, left: int, right: int, epoch: float) -> float:
    """Return the weight of the right date in a straight line between two dates."""
    return (epoch - days[left]) / (days[right] - days[left]) if right > left else 0.0


@njit(cache=True, nogil=True)
def _difference(
    series: F32, std: F32, days: F64, epoch: float, zero: float, pair: tuple[int, int], ref: tuple[int, int]
) -> tuple[float, float]:
    """Return the interpolated value at an epoch minus that at the zero epoch, and its variance.

    Dates that both share count once, so that what they have in common cancels.
    """
    w, w0 = _weight(days, pair[0], pair[1], epoch), _weight(days, ref[0], ref[1], zero)
    dates = (pair[0], pair[1], ref[0], ref[1])
    parts = (1.0 - w, w, w0 - 1.0, -w0)
    value = variance = 0.0
    for i in range(4):
        value += parts[i] * series[dates[i]]
        share = 0.0
        for j in range(4):
            if dates[j] == dates[i]:
                if j < i:
                    share = 0.0
                    break
                share += parts[j]
        sigma = np.float64(std[dates[i]])
        variance += share * share * sigma * sigma
    return value, variance


@njit(cache=True, nogil=True)
def series_at_epochs(
    series: F32,
    std: F32,
    known_look: NDArray[np.bool_],
    first: NDArray[np.int64],
    days: F64,
    epochs: F64,
    maximum_gap_days: float,
) -> tuple[F32, F32, NDArray[np.int32]]:
    """Join each track by straight lines and return its displacement at the epochs since the zero epoch of the pixel.

    Parameters
    ----------
    series, std : (date, y, x) displacements and the standard errors of single dates, all tracks one after the other,
        one unit for both; NaN a gap. The errors of different dates are taken as independent.
    known_look : (track, y, x) where the look of a track is known.
    first : (track + 1,) where each track begins in them, and the end.
    days : (date,) rising within a track.
    epochs : (epoch,) rising, on the same axis.
    maximum_gap_days : known dates further apart than this are not joined by a line.

    Returns
    -------
    value, std : (track, epoch, y, x) float32 against the track's own value at the zero epoch, the first one at which
        the most tracks, two at least, are known; NaN before the first and after the last known date, in wider gaps,
        and for tracks not known at the zero epoch. At the zero epoch itself the value is 0 and the std is 1, a mere
        weight.
    zero : (y, x) index of the zero epoch, -1 where two tracks are never known together.
    """
    n_k, n_y, n_x = known_look.shape
    n_e = len(epochs)
    value = np.full((n_k, n_e, n_y, n_x), np.nan, dtype=np.float32)
    error = np.full((n_k, n_e, n_y, n_x), np.nan, dtype=np.float32)
    zeros = np.full((n_y, n_x), -1, dtype=np.int32)
    left, right = np.empty((n_k, n_e), dtype=np.int64), np.empty((n_k, n_e), dtype=np.int64)
    for r in range(n_y):
        for c in range(n_x):
            one, sigma = series[:, r, c].copy(), std[:, r, c].copy()
            for k in range(n_k):
                _around(one, sigma, days, first[k], first[k + 1], epochs, maximum_gap_days, left[k], right[k])
                if not known_look[k, r, c]:
                    left[k] = -1
            zero, most = -1, 1
            for i in range(n_e):
                known = 0
                for k in range(n_k):
                    known += 1 if left[k, i] >= 0 else 0
                if known > most:
                    zero, most = i, known
            zeros[r, c] = zero
            if zero < 0:
                continue
            for k in range(n_k):
                if left[k, zero] < 0:
                    continue
                ref = (left[k, zero], right[k, zero])
                for i in range(n_e):
                    if i == zero:
                        value[k, i, r, c], error[k, i, r, c] = 0.0, 1.0
                    elif left[k, i] >= 0:
                        pair = (left[k, i], right[k, i])
                        v, variance = _difference(one, sigma, days, epochs[i], epochs[zero], pair, ref)
                        value[k, i, r, c], error[k, i, r, c] = v, math.sqrt(variance)
    return value, error, zeros
