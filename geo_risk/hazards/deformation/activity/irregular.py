"""Whether a change of speed stands beside a season that need not be the same each year.

The yearly term of `fit_course` is one sine. A season that is stronger in one year than in the next leaves a bend beside
it, the more so in short records. Here its strength and timing may vary from year to year, by as much as the record
itself shows, and only a change that stands beside that is one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import block_diag, solve_triangular

from geo_risk.hazards.deformation.activity.critical import base_columns, break_searches
from geo_risk.hazards.deformation.activity.failure import profile
from geo_risk.hazards.deformation.activity.joint import Course, TrackFit, beyond, extension
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.kernels.breakpoints import BILINEAR, LINEAR, STEP, STEP_AND_TREND, UNCORRELATED

F64 = NDArray[np.float64]

SHARES = (0.0, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Standard deviations, as shares of the season, by which it may vary from year to year."""

_DROP = 2.0
"""Shares whose log-likelihood is within this of the best are kept, the largest counts: about 95 % (chi-square of 4)."""

_SEARCHED = (BILINEAR, STEP, STEP_AND_TREND)


def change_probability(course: Course, fits: Sequence[TrackFit], params: ActivityParams) -> tuple[float, float]:
    """Return the probability that noise and an irregular season make the change of a course, and that irregularity.

    Parameters
    ----------
    course, fits : of `fit_course`; each fit with a yearly term.
    params : of activity.

    Returns
    -------
    p, share. p is of the F test of the columns of the change, by generalised least squares: beside constant, season and
    trend of each track stand random parts that all tracks have in common (they see one ground): the season's strength
    and its timing, free at yearly knots and straight between, and a half-yearly term; all with the standard deviation
    `share` of the season. share is the largest of SHARES that the restricted likelihood allows with the change in the
    model. The search for the date of a break and the correlation of the residuals count as in `fit_course`. 1 and 0
    where there is no change or no season.
    """
    if course.kind in {UNCORRELATED, LINEAR} or not all(f.season for f in fits):
        return 1.0, 0.0
    added, searched = _change(course, fits, params)
    base, change, varying, y = _columns(fits, added)
    if not change.shape[1]:
        return 1.0, 0.0
    both = np.hstack([base, change])
    gain = np.array([_restricted(both, varying * s, y) for s in SHARES])
    share = max(s for s, g in zip(SHARES, gain, strict=True) if g >= gain.max() - _DROP)
    base, change, y = _whitened(varying * share, base, change, y)
    rest = _off(base, y)
    q = np.linalg.qr(_off(base, change))[0]
    explained = float(np.sum((q.T @ rest) ** 2))
    left = float(rest @ rest) - explained
    df, freedom = change.shape[1], len(y) - both.shape[1]
    thin = (1 - course.lag) / (1 + course.lag)
    if freedom < 1:
        return 1.0, share
    f = explained / df / max(left / freedom, 1e-300) * thin
    p = float(stats.f.sf(f, df, max(1.0, freedom * thin)))
    return min(1.0, p * searched), share


def _change(course: Course, fits: Sequence[TrackFit], params: ActivityParams) -> tuple[list[list[F64]], float]:
    """Return orthonormal columns of the change for each track, and how many tests the search for its date is worth.

    The columns are those of the course, or of the law of failure where that fits better: what a course leaves of a
    slide on its way to failure would look like an irregular season.
    """
    searches = break_searches(max((f.series.t for f in fits), key=len), params)
    added = [extension(f, course.kind, course.break_yr) for f in fits]
    left = sum((f.sse - sum(float(c @ f.resid) ** 2 for c in a)) / f.sigma2 for f, a in zip(fits, added, strict=True))
    leads, sums, _ = profile(fits, params.failure.horizon_yr)
    if float(sums.min()) < left:
        first, last = (op(float(f.series.t[k]) for f in fits) for op, k in ((min, 0), (max, -1)))
        failure = last + float(leads[sums.argmin()])
        laws = [beyond(f.q, -f.root * np.log((failure - f.series.t) / (failure - first))) for f in fits]
        return [[law] if law.any() else [] for law in laws], searches[_SEARCHED.index(BILINEAR)]
    return added, searches[_SEARCHED.index(course.kind)] if course.kind in _SEARCHED else 1.0


def _columns(fits: Sequence[TrackFit], changes_of: Sequence[list[F64]]) -> tuple[F64, F64, F64, F64]:
    """Return weighted columns (n, .) of base, change and the varying season, and values (n,), of all tracks."""
    first, last = (op(f.series.t[k] for f in fits) for op, k in ((min, 0), (max, -1)))
    knots = np.linspace(first, last, max(2, round(float(last - first))) + 1)
    bases, changes, seasons, values = [], [], [], []
    for f, added in zip(fits, changes_of, strict=True):
        t, noise = f.series.t, np.sqrt(f.sigma2)
        wave = base_columns(t, season=True)[:, 1:3]
        design = np.column_stack([f.root, f.root * (t - t.mean()), wave * f.root[:, None], *added])
        sine, cosine = np.linalg.lstsq(design, f.series.displacement_mm * f.root, rcond=None)[0][2:4]
        size = max(float(np.hypot(sine, cosine)), 1e-12)
        strength = wave @ np.array([sine, cosine])
        timing = wave @ np.array([-cosine, sine])
        hats = [np.interp(t, knots, row) for row in np.eye(len(knots))]
        half_yearly = [(strength**2 - timing**2) / size, 2 * strength * timing / size]
        varying = [*(h * strength for h in hats), *(h * timing for h in hats), *half_yearly]
        bases.append(f.q.T)
        changes.append(np.stack(added, axis=1) if added else np.zeros((len(t), 0)))
        seasons.append(np.stack(varying, axis=1) * (f.root / noise)[:, None])
        values.append(f.series.displacement_mm * f.root / noise)
    return block_diag(*bases), block_diag(*changes), np.vstack(seasons), np.concatenate(values)


def _whitened(varying: F64, *arrays: F64) -> list[F64]:
    """Return arrays as seen with noise of variance 1 and the random columns."""
    root = np.linalg.cholesky(np.eye(len(varying)) + varying @ varying.T)
    return [np.asarray(solve_triangular(root, a, lower=True)) for a in arrays]


def _off(basis: F64, values: F64) -> F64:
    q = np.linalg.qr(basis)[0]
    return np.asarray(values - q @ (q.T @ values))


def _restricted(design: F64, varying: F64, y: F64) -> float:
    """Return the restricted log-likelihood of random columns, the variance of the noise at its best."""
    root = np.linalg.cholesky(np.eye(len(y)) + varying @ varying.T)
    seen, values = (np.asarray(solve_triangular(root, a, lower=True)) for a in (design, y))
    q, triangle = np.linalg.qr(seen)
    rest = values - q @ (q.T @ values)
    freedom = len(y) - design.shape[1]
    terms = np.log(np.maximum(np.abs(np.diag(triangle)), 1e-300)).sum() + np.log(np.diag(root)).sum()
    return float(-0.5 * freedom * np.log(max(float(rest @ rest), 1e-300)) - terms)
