"""Cells whose points come and go: each point is aligned with the others, so that none makes a step by its level."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from geo_risk.sources.point_cells import CellSums

F64 = NDArray[np.float64]
Batches = Callable[[], Iterable[tuple[NDArray[np.int64], F64]]]
"""Gives the points again, a batch at a time: their cells (n,) and series (n, dates) [m], NaN a gap."""

_BRIDGE = 1e-6
"""Weight of a rise that is interpolated over a gap: it counts only where no point was known on both dates."""

_BLOCK = 65536


def finished(sums: CellSums, again: Batches) -> tuple[NDArray[np.float32], int]:
    """Turn sums into means in place, as `CellSums.finish`, points with gaps aligned first.

    Parameters
    ----------
    sums : of all points. again : the same points; read twice more where a cell has points with gaps of their own.

    Returns
    -------
    Standard error of the cells' displacements (cells,), and how many cells were aligned. There a first common course
    is the sum of the mean rises from date to date, of points known on both; each point is a line against it,
    d = a + g m, with g drawn to 1 by the noise of m (ridge); a missing value is that line, and the mean is that of all
    points on every date on which one is known. What no point ties to the longest stretch of dates is missing. So a
    point of another level or speed that is lost, or comes late, bends nothing.
    """
    aligned = _Aligned(sums)
    if not aligned.n_cells:
        return sums.finish(), 0
    for cells, series in again():
        aligned.add_rises(cells, series)
    aligned.tie()
    for cells, series in again():
        aligned.add_filled(cells, series)
    mean, spread = aligned.mean(sums)
    error = sums.finish()
    sums.sums[aligned.held] = mean
    error[aligned.held] = spread
    return error, aligned.n_cells


class _Aligned:
    """Sums over the cells that have a date on which some points are known and others are not.

    Memory: 24 bytes a date and such cell.
    """

    def __init__(self, sums: CellSums) -> None:
        gaps, n_points = sums.gaps, sums.n_points
        self.held = np.zeros(len(n_points), dtype=bool)
        for a in range(0, len(n_points) if gaps is not None else 0, _BLOCK):
            rows = slice(a, a + _BLOCK)
            here = gaps[rows] if gaps is not None else np.zeros((0, 0), np.int32)
            self.held[rows] = ((here > 0) & (here < n_points[rows, None])).any(axis=1)
        self.n_cells = int(self.held.sum())
        self.place = np.where(self.held, np.cumsum(self.held) - 1, -1)
        n_dates = sums.sums.shape[1]
        self._rises, self._weights = (np.zeros((self.n_cells, max(0, n_dates - 1))) for _ in range(2))
        self._common = np.zeros((self.n_cells, n_dates), dtype=np.float32)
        self._noise = np.zeros(self.n_cells)
        self._filled = np.zeros((0, n_dates))
        self._count = np.zeros(self.n_cells)

    def add_rises(self, cells: NDArray[np.int64], series: F64) -> None:
        """Add the rises of points from date to date."""
        place, series = self._ours(cells, series)
        known = np.isfinite(series)
        both = known[:, 1:] & known[:, :-1]
        rise = np.diff(_bridged(series, known), axis=1)
        weight = np.where(both, 1.0, np.where(np.isfinite(rise), _BRIDGE, 0.0))
        _add(self._rises, place, np.where(weight > 0, rise * weight, 0.0))
        _add(self._weights, place, weight)

    def tie(self) -> None:
        """Make the first common course of each cell, NaN outside its longest stretch of tied dates."""
        known = self._weights > 0
        rise = np.divide(self._rises, self._weights, out=np.zeros_like(self._rises), where=known)
        course = np.concatenate([np.zeros((self.n_cells, 1)), np.cumsum(rise, axis=1)], axis=1)
        for k in np.flatnonzero(~known.all(axis=1)):
            stretch = np.concatenate([[0], np.cumsum(~known[k])])
            course[k, stretch != np.bincount(stretch).argmax()] = np.nan
        bend = np.diff(course, n=2, axis=1)
        # the second difference of white noise has six times its variance
        self._noise, self._common = _mean_square(bend) / 6, course.astype(np.float32)
        self._rises = self._weights = np.zeros((0, 0))
        self._filled = np.zeros(course.shape)

    def add_filled(self, cells: NDArray[np.int64], series: F64) -> None:
        """Add points, their gaps filled by their own line against the common course."""
        place, series = self._ours(cells, series)
        course = self._common[place].astype(np.float64)
        use = np.isfinite(series) & np.isfinite(course)
        n = use.sum(axis=1, keepdims=True)
        some = np.maximum(n, 1)
        y, m = np.where(use, series, 0.0), np.where(use, course, 0.0)
        y_mean, m_mean = y.sum(axis=1, keepdims=True) / some, m.sum(axis=1, keepdims=True) / some
        off = (m - m_mean) * use
        pull = n * self._noise[place, None] + 1e-18
        gain = ((off * y).sum(axis=1, keepdims=True) + pull) / ((off**2).sum(axis=1, keepdims=True) + pull)
        value = np.where(use, series, y_mean + gain * (course - m_mean))
        counts = n[:, 0] > 0
        _add(self._filled, place[counts], np.nan_to_num(value[counts]))
        _add(self._count, place[counts], np.ones(int(counts.sum())))

    def mean(self, sums: CellSums) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean series of the cells, and the standard error of their displacements; call before `finish`."""
        gaps = sums.gaps[self.held] if sums.gaps is not None else np.zeros(self._filled.shape, np.int32)
        n = (sums.n_points[self.held, None] - gaps).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where((n > 0) & np.isfinite(self._common), self._filled / self._count[:, None], np.nan)
            total = np.nan_to_num(mean)
            inner = sums.squares[self.held] - (2 * total * sums.sums[self.held] - n * total**2).sum(axis=1)
            freedom = np.maximum(n - 1, 0).sum(axis=1)
            spread = np.sqrt(np.maximum(inner, 0) / freedom) / np.sqrt(sums.n_points[self.held])
        untied = (np.isnan(mean) & (n > 0)).any(axis=1)
        out: NDArray[np.float32] = np.where((freedom > 0) & ~untied, spread, np.nan).astype(np.float32)
        return mean.astype(np.float32), out

    def _ours(self, cells: NDArray[np.int64], series: F64) -> tuple[NDArray[np.int64], F64]:
        place = self.place[cells]
        return place[place >= 0], series[place >= 0]


def _bridged(series: F64, known: NDArray[np.bool_]) -> F64:
    """Return series (n, dates) with gaps between known dates filled by straight lines."""
    at = np.arange(series.shape[1])
    before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, at, series.shape[1])[:, ::-1], axis=1)[:, ::-1]
    inside = ~known & (before >= 0) & (after < series.shape[1])
    low, high = np.maximum(before, 0), np.minimum(after, series.shape[1] - 1)
    first, last = (np.take_along_axis(series, i, axis=1) for i in (low, high))
    line = first + (last - first) * (at - low) / np.maximum(high - low, 1)
    return np.where(inside, line, series)


def _add(into: F64, place: NDArray[np.int64], values: F64) -> None:
    """Add rows (n, ...) to the places they belong to, in their order."""
    if not len(place):
        return
    order = np.argsort(place, kind="stable")
    which, first = np.unique(place[order], return_index=True)
    into[which] += np.add.reduceat(values[order], first, axis=0)


def _mean_square(values: F64) -> F64:
    known = np.isfinite(values)
    out: F64 = (np.where(known, values, 0.0) ** 2).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return out
