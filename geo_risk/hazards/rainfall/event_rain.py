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
    daily : (case, moment, day) rain [mm]: `day` n is the rain from 24 (n + 1) to 24 n hours before a moment. A case has
        one moment where the time of the slide is known, else every moment of its storm at which it may have happened;
        NaN where unknown.
    slid : (case,). year, storm : (case,) what is left out together, and what depends on one another.
    terms : (case, term) further terms of the logit, such as slope, scaled to about 1; no columns where there are none.
    """

    daily: NDArray[np.float64]
    slid: NDArray[np.bool_]
    year: NDArray[np.int64]
    storm: NDArray[np.str_]
    terms: NDArray[np.float64]

    @classmethod
    def of_days(
        cls,
        daily: NDArray[Any],
        slid: NDArray[Any],
        *,
        year: NDArray[Any],
        storm: NDArray[Any] | None = None,
        terms: NDArray[Any] | None = None,
    ) -> EventRain:
        """Return checked cases.

        Parameters
        ----------
        daily : (case, day), or (case, moment, day) [mm].
        storm : default: each case is its own.

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
        if rain.ndim != 3 or {len(slid), len(year), len(own), len(more)} != {n} or more.ndim != 2:
            what = f"rain of {n} cases, {len(slid)} outcomes, {len(year)} years, {len(own)} storms, {len(more)} terms"
            raise DataError(what, where="rain of past events", fix="give one row a case in each")
        bad = ~(np.isnan(rain) | ((rain >= 0) & (rain <= LIMIT_MM)))
        if bad.any():
            what = f"{int(bad.sum())} amounts of a day are negative, infinite or above {LIMIT_MM:g} mm"
            what += f", the first {rain[bad][0]:g}"
            raise DataError(what, where="rain of past events", fix="set missing values to NaN before the fit")
        return cls(rain, np.asarray(slid, dtype=np.bool_), np.asarray(year, dtype=np.int64), own, more)

    def chosen(self, rows: NDArray[np.bool_]) -> EventRain:
        """Return some of the cases."""
        return EventRain(self.daily[rows], self.slid[rows], self.year[rows], self.storm[rows], self.terms[rows])

    def known(self, days: int) -> NDArray[np.bool_]:
        """Return (case,) whether all terms and the last `days` days of at least one moment are known."""
        whole = np.isnan(self.daily[:, :, :days]).sum(axis=2) == 0
        known = (whole.sum(axis=1) > 0) & (np.isnan(self.terms).sum(axis=1) == 0)
        return np.asarray(known & (self.daily.shape[2] >= days), dtype=np.bool_)

    def effective(self, decays: NDArray[np.float64], windows: Sequence[int]) -> NDArray[np.float64]:
        """Return (K, window, case) Re = sum over n < days of K^n R_n [mm], the largest over the case's moments.

        NaN where no moment is known over the window.
        """
        days = [d - 1 for d in windows]
        out = np.full((len(decays), len(windows), len(self.slid)), np.nan)
        for k, decay in enumerate(decays):
            total = np.cumsum(self.daily * decay ** np.arange(self.daily.shape[2]), axis=2)[:, :, days]
            highest = np.max(np.where(np.isnan(total), -np.inf, total), axis=1, initial=-np.inf)
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


def joined(parts: Sequence[EventRain]) -> EventRain:
    """Return the cases of several storms; storms of fewer moments are filled with unknown ones."""
    longest = max(p.daily.shape[1] for p in parts)
    padded = [np.pad(p.daily, ((0, 0), (0, longest - p.daily.shape[1]), (0, 0)), constant_values=np.nan) for p in parts]
    rest = ([getattr(p, name) for p in parts] for name in ("slid", "year", "storm", "terms"))
    return EventRain(np.concatenate(padded), *(np.concatenate(column) for column in rest))
