"""Critical values of the F tests, those of a break at an unknown date from simulated series on the same dates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.kernels.breakpoints import break_gains, orthonormal
from geo_risk.kernels.motion import SEASON_DATES
from geo_risk.kernels.series_class import ANNUAL_TEST, HINGE_TEST, QUADRATIC_TEST, TREND_TEST

F64 = NDArray[np.float64]

_LEVEL = 0.01

BREAK_DF = (1, 1, 2)
"""Parameters, beside its date, of a hinge, of a step, and of both."""


def break_searches(t: F64, params: ActivityParams) -> tuple[float, float, float]:
    """Return how many independent tests the search for a hinge, a step, and both amounts to on these dates.

    Parameters
    ----------
    t : (time,) years, rising.
    params : shortest segment, least span of a season, number of simulations and their seed.

    Returns
    -------
    0.01 / p, where p is the plain F probability of what the best break of white noise reaches in one series of a
    hundred; at least 1. A p value times this number is that of the whole search.
    """
    return _searches(tuple(float(v) for v in t), params)


@lru_cache(maxsize=64)
def _searches(t: tuple[float, ...], params: ActivityParams) -> tuple[float, float, float]:
    times = np.asarray(t)
    n = len(times)
    if n < 2 * params.minimum_segment:
        return 1.0, 1.0, 1.0
    season = times[-1] - times[0] >= params.season_span_yr and n >= SEASON_DATES
    q = np.ascontiguousarray(base_columns(times, season=season).T)
    p = len(q)
    orthonormal(q, n, p)
    rng = np.random.default_rng(params.seed)
    root, gains = np.ones(n), np.zeros((3, n))
    largest = np.zeros((3, params.n_simulations))
    for k in range(params.n_simulations):
        y = rng.standard_normal(n)
        resid = y - q.T @ (q @ y)
        break_gains(times, root, q, resid, n, p, params.minimum_segment, gains)
        best = gains.max(axis=1)
        rest = resid @ resid - best
        largest[:, k] = [g / df / (r / max(1, n - p - df)) for g, r, df in zip(best, rest, BREAK_DF, strict=True)]
    out = []
    for values, df in zip(largest, BREAK_DF, strict=True):
        reached = float(np.quantile(values, 1 - _LEVEL))
        out.append(max(1.0, _LEVEL / float(stats.f.sf(reached, df, max(1, n - p - df)))))
    return out[0], out[1], out[2]


def base_columns(t: F64, *, season: bool) -> F64:
    """Return the columns (time, p) of the line that breaks are held against: constant, season, and trend last."""
    c = t - 0.5 * (t[0] + t[-1])
    yearly = [np.sin(2 * np.pi * c), np.cos(2 * np.pi * c)] if season else []
    return np.stack([np.ones(len(t)), *yearly, c], axis=1)


def critical_values(t: F64, params: ActivityParams) -> F64:
    """Return the critical values (2, 6, time + 1) that `classify_series` takes; infinite where nothing can be tested.

    Parameters
    ----------
    t : (time,) years of all dates of the track.
    params : of the classes.
    """
    searches = break_searches(t, params)
    out = np.full((2, 6, len(t) + 1), np.inf)
    n = np.arange(len(t) + 1)
    for with_season, p in enumerate((2, 4)):
        tests = {TREND_TEST: (1, p, 1.0), QUADRATIC_TEST: (1, p + 1, 1.0)}
        if with_season:
            tests[ANNUAL_TEST] = (2, p, 1.0)
        for k, df in enumerate(BREAK_DF):
            tests[HINGE_TEST + k] = (df, p + df, searches[k])
        for row, (df, used, count) in tests.items():
            able = n - used >= 1
            out[with_season, row, able] = stats.f.isf(params.significance / count, df, n[able] - used)
    return out
