"""Rain before slides and at places that did not slide: what K, window and thresholds are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError


@dataclass(frozen=True)
class EventRain:
    """Days of rain before each case: a place and time that slid, or one that did not.

    Attributes
    ----------
    daily : (case, moment, day) rain [mm]: `day` n is the rain from 24 (n + 1) to 24 n hours before a moment; NaN where
        unknown.
    slid : (case,). year, storm : (case,) what is left out together, and what depends on one another.
    terms : (case, term) further terms of the logit, such as slope, scaled to about 1; no columns where there are none.
    n_moments : (case,) how many of the first moments are the case's own: those of its storm, up to the slide where its
        time is known. What stands after them is no moment at all, neither known nor unknown.
    """

    daily: NDArray[np.float64]
    slid: NDArray[np.bool_]
    year: NDArray[np.int64]
    storm: NDArray[np.str_]
    terms: NDArray[np.float64]
    n_moments: NDArray[np.int64]

    @classmethod
    def of_days(
        cls,
        daily: NDArray[Any],
        slid: NDArray[Any],
        *,
        year: NDArray[Any],
        storm: NDArray[Any] | None = None,
        terms: NDArray[Any] | None = None,
        n_moments: NDArray[Any] | None = None,
    ) -> EventRain:
        """Return checked cases.

        Parameters
        ----------
        daily : (case, day), or (case, moment, day) [mm].
        storm : default: each case is its own. n_moments : default: all moments are the case's own.

        Raises
        ------
        DataError : lengths differ, or rain is negative, infinite or above 2000 mm a day (no such day is on record; 9999
            stands for missing in many files).
        """
        rain = np.asarray(daily, dtype=np.float64)
        rain = rain[:, None, :] if rain.ndim == 2 else rain
        n = len(rain)
        own = np.array([f"case {i}" for i in range(n)]) if storm is None else np.asarray(storm).astype(np.str_)
        more = np.empty((n, 0)) if terms is None else np.asarray(terms, dtype=np.float64)
        held = np.full(n, rain.shape[1]) if n_moments is None else np.asarray(n_moments)
        if rain.ndim != 3 or {len(slid), len(year), len(own), len(more), len(held)} != {n} or more.ndim != 2:
            what = f"rain of {n} cases, {len(slid)} outcomes, {len(year)} years, {len(own)} storms, {len(more)} terms"
            raise DataError(what, where="rain of past events", fix="give one row a case in each")
        bad = ~(np.isnan(rain) | ((rain >= 0) & (rain <= LIMIT_MM)))
        if bad.any():
            what = f"{int(bad.sum())} amounts of a day are negative, infinite or above {LIMIT_MM:g} mm"
            what += f", the first {rain[bad][0]:g}"
            raise DataError(what, where="rain of past events", fix="set missing values to NaN before the fit")
        return cls(rain, np.asarray(slid, dtype=np.bool_), np.asarray(year, dtype=np.int64), own, more,
                   np.clip(held, 0, rain.shape[1]).astype(np.int64))  # fmt: skip

    def chosen(self, rows: NDArray[np.bool_]) -> EventRain:
        """Return some of the cases."""
        return EventRain(self.daily[rows], self.slid[rows], self.year[rows], self.storm[rows], self.terms[rows],
                         self.n_moments[rows])  # fmt: skip

    @property
    def _is_own(self) -> NDArray[np.bool_]:
        """(case, moment) whether the moment is the case's own."""
        return np.asarray(np.arange(self.daily.shape[1])[None, :] < self.n_moments[:, None])

    def known(self, days: int) -> NDArray[np.bool_]:
        """Return (case,) whether all terms and the last `days` days of each of its moments are known.

        One unknown moment leaves the whole case out: it may have been the wettest.
        """
        gap = np.isnan(self.daily[:, :, :days]).any(axis=2) & self._is_own
        known = (self.n_moments > 0) & ~gap.any(axis=1) & ~np.isnan(self.terms).any(axis=1)
        return np.asarray(known & (self.daily.shape[2] >= days), dtype=np.bool_)

    def effective(self, decays: NDArray[np.float64], windows: Sequence[int]) -> NDArray[np.float64]:
        """Return (K, window, case) Re = sum over n < days of K^n R_n [mm], the largest over the case's moments.

        NaN where the window before one of them is not known, or there is none.
        """
        days = [d - 1 for d in windows]
        own = self._is_own[:, :, None]
        out = np.full((len(decays), len(windows), len(self.slid)), np.nan)
        for k, decay in enumerate(decays):
            total = np.cumsum(self.daily * decay ** np.arange(self.daily.shape[2]), axis=2)[:, :, days]
            highest = np.max(np.where(own, total, -np.inf), axis=1, initial=-np.inf)  # NaN wins
            out[k] = np.where(np.isfinite(highest), highest, np.nan).T
        return out


LIMIT_MM = 2000.0
"""Rain of a day above this is a fault [mm]; the record of 24 hours is 1825 mm (WMO archive: Foc-Foc, La Reunion)."""


def moments_of(series: NDArray[np.floating[Any]], *, steps_per_day: int, days: int) -> NDArray[np.float64]:
    """Return the days before each moment of a storm.

    Parameters
    ----------
    series : (time, case) rain [mm] of equal steps.
    days : length of the longest window; moments are the steps from its end on.

    Returns
    -------
    (case, moment, day) float64 [mm]; no moment where the series is shorter than the window.
    """
    from geo_risk.hazards.rainfall.accumulation import running_sum

    sums = running_sum(np.asarray(series, dtype=np.float64), steps_per_day)
    first = days * steps_per_day - 1
    ends = np.arange(first, len(sums))
    picked = sums[ends[:, None] - steps_per_day * np.arange(days)[None, :]] if len(ends) else np.empty(
        (0, days, series.shape[1]))  # fmt: skip
    return np.moveaxis(picked, 2, 0)


def longest_window(mean_mm: NDArray[np.floating[Any]], *, steps_per_day: int, limit: int) -> int:
    """Return the longest window of whole days whose moments still hold the wettest spells of a storm.

    Moments begin where the longest window ends, so rain that peaks before that is seen by none of them.

    Parameters
    ----------
    mean_mm : (time,) mean rain over the area in equal steps [mm]; NaN, unknown, counts as none here.
    limit : longest window asked for [days].

    Returns
    -------
    The largest L up to the limit so that the wettest spell of each shorter length, 1 to L - 1 days and at least one,
    ends a day or more after the first L days: the day is for places where the storm came earlier than on average
    (choice of geo_risk). 0 where there is none.
    """
    rain = np.nan_to_num(np.asarray(mean_mm, dtype=np.float64))
    ends = []
    for days in range(1, limit + 1):
        n = days * steps_per_day
        if n > len(rain):
            break
        total = np.cumsum(np.append(0.0, rain))
        ends.append(n + int(np.argmax(total[n:] - total[:-n])))  # steps up to the end of the spell
    for longest in range(len(ends), 0, -1):
        if min(ends[: max(1, longest - 1)]) >= (longest + 1) * steps_per_day:
            return longest
    return 0


def joined(parts: Sequence[EventRain]) -> EventRain:
    """Return the cases of several storms; what storms of fewer moments are filled up with is not their own."""
    longest = max(p.daily.shape[1] for p in parts)
    padded = [np.pad(p.daily, ((0, 0), (0, longest - p.daily.shape[1]), (0, 0)), constant_values=np.nan) for p in parts]
    rest = ([getattr(p, name) for p in parts] for name in ("slid", "year", "storm", "terms", "n_moments"))
    return EventRain(np.concatenate(padded), *(np.concatenate(column) for column in rest))
