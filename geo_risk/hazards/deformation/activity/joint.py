"""The course of one body's motion from the series of all tracks together: line, curve, hinge, step, season."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from geo_risk.hazards.deformation.activity.critical import BREAK_DF, base_columns, break_searches
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.kernels.breakpoints import BILINEAR, LINEAR, QUADRATIC, STEP, STEP_AND_TREND, UNCORRELATED, break_gains
from geo_risk.kernels.motion import SEASON_DATES
from geo_risk.kernels.series_class import annual_term, lag_one

F64 = NDArray[np.float64]

_KINDS = (BILINEAR, STEP, STEP_AND_TREND)


@dataclass(frozen=True)
class BodySeries:
    """The series of a body in one track, without gaps: years since a common origin, displacement [mm], errors."""

    track: str
    t: F64
    displacement_mm: F64
    std: F64


@dataclass(frozen=True)
class TrackFit:
    """A series made ready: orthonormal base, residuals of the line, noise, and gains of every extension.

    Attributes
    ----------
    series : what it is of.
    root : (n,) root weights, 1 in the mean square.
    q : (p, n) orthonormal columns of constant, season (where there is one) and trend, weighted; `scale` of the trend.
    resid : (n,) weighted residuals of the line.
    sigma2 : variance of one date of weight 1, from the track's own best course.
    lag : autocorrelation of the residuals of that course, 0-0.9, without the bias of short series.
    quadratic : gain of t^2.
    gains : (3, n) of hinge, step, both.
    season : whether there is a yearly term.
    """

    series: BodySeries
    root: F64
    q: F64
    resid: F64
    sigma2: float
    lag: float
    quadratic: float
    gains: F64
    season: bool

    @property
    def sse(self) -> float:
        """Weighted sum of squares about the line."""
        return float(self.resid @ self.resid)


@dataclass(frozen=True)
class TrackMotion:
    """Velocities of a track under a course of motion [mm/yr], its step [mm], and yearly amplitude [mm]."""

    track: str
    velocity: float
    velocity_std: float
    before: float
    after: float
    step: float
    annual: float
    acceleration: float
    acceleration_std: float
    df: float


@dataclass(frozen=True)
class Course:
    """The course chosen for a body.

    Attributes
    ----------
    kind : code of `kernels.breakpoints`.
    break_yr : time of the break in the years of the series; NaN where there is none.
    p_change : least probability, in the tests against a line, that noise alone makes the change.
    p_trend, p_annual : of the F tests of the trend of the line, and of the season beside the course.
    weight : BIC weight of the chosen course.
    bic : of every course that was tried.
    lag : autocorrelation allowed for.
    tracks : velocities by track.
    """

    kind: int
    break_yr: float
    p_change: float
    p_trend: float
    p_annual: float
    weight: float
    bic: dict[int, float]
    lag: float
    tracks: tuple[TrackMotion, ...]

    @property
    def speeds(self) -> tuple[float, float]:
        """Speed before and after, all tracks together, in units of their noise."""
        before, after = (
            float(np.sqrt(sum((getattr(m, n) / max(m.velocity_std, 1e-12)) ** 2 for m in self.tracks)))
            for n in ("before", "after")
        )
        return before, after


def fit_course(
    series: Sequence[BodySeries], params: ActivityParams, *, significance: float | None = None
) -> tuple[Course, tuple[TrackFit, ...]]:
    """Choose the course of a body's motion from all its series.

    Parameters
    ----------
    series : one or more, each with at least `minimum_dates` dates and twice `minimum_segment`; see `usable`.
    params : of the classes.
    significance : of the F tests; `area_significance` where it is not given.

    Returns
    -------
    The course and the fits behind it. Each track has its own constant, season and velocities and its own noise; the
    date of a break is common to all. Courses that pass their F test against the line (the search for the date allowed
    for, and temporal correlation) compete by BIC; where none passes, the F test of the trend decides.
    """
    level = params.area_significance if significance is None else significance
    fits = tuple(_fit(s, params) for s in series)
    lag = float(np.average([f.lag for f in fits], weights=[len(f.resid) for f in fits]))
    thin = (1 - lag) / (1 + lag)
    n, p, tracks = sum(len(f.resid) for f in fits), sum(len(f.q) for f in fits), len(fits)
    line = sum(f.sse / f.sigma2 for f in fits)
    sse = {LINEAR: line, QUADRATIC: line - sum(f.quadratic / f.sigma2 for f in fits)}
    size = {LINEAR: p, QUADRATIC: p + tracks}
    dates = np.unique(np.concatenate([s.t for s in series]))
    total = np.stack([_at(f, dates) / f.sigma2 for f in fits]).sum(axis=0)
    best = total.argmax(axis=1)
    searches = break_searches(max((f.series.t for f in fits), key=len), params)
    probability = {QUADRATIC: _p(line, sse[QUADRATIC], tracks, n - p - tracks, thin)}
    for k, kind in enumerate(_KINDS):
        if not total[k, best[k]] > 0:
            continue
        sse[kind] = line - float(total[k, best[k]])
        df = BREAK_DF[k] * tracks
        size[kind] = p + df + 1
        probability[kind] = min(1.0, searches[k] * _p(line, sse[kind], df, n - p - df, thin))
    bic = {k: n * np.log(max(v, 1e-300) / n) + size[k] * np.log(n) for k, v in sse.items()}
    able = [LINEAR, *(k for k, v in probability.items() if v < level)]
    kind = min(able, key=lambda k: bic[k])
    when = dates[best[_KINDS.index(kind)]] if kind in _KINDS else float("nan")
    trend = _trend_p(fits, line, n - p, thin)
    annual = _annual_p(fits, kind, float(when), thin)
    if kind == LINEAR and not trend < level:
        kind = UNCORRELATED
    lowest = bic[LINEAR] if kind == UNCORRELATED else bic[kind]
    weight = 1 / sum(np.exp(-0.5 * (v - lowest)) for v in bic.values())
    curved = _curved_lag(fits)
    motions = tuple(_motion(f, kind, when, (lag, curved)) for f in fits)
    return Course(
        kind, float(when), min(probability.values()), trend, annual, float(weight),
        {k: float(v) for k, v in bic.items()}, lag, motions,
    ), fits  # fmt: skip


def usable(series: BodySeries, params: ActivityParams) -> bool:
    """Return whether a series has the dates that classes need."""
    return len(series.t) >= max(params.minimum_dates, 2 * params.minimum_segment)


def without_gaps(track: str, t: F64, displacement_mm: F64, std: F64) -> BodySeries:
    """Return the known dates of a series; where errors are missing or nought, the mean of the others stands in."""
    known = np.isfinite(displacement_mm)
    error = np.where(np.isfinite(std) & (std > 0), std, np.nan)[known]
    error = np.where(np.isfinite(error), error, np.nanmean(error)) if np.isfinite(error).any() else np.ones(known.sum())
    return BodySeries(track, t[known], displacement_mm[known], error)


def _fit(series: BodySeries, params: ActivityParams) -> TrackFit:
    t, n = series.t, len(series.t)
    season = bool(t[-1] - t[0] >= params.season_span_yr and n >= SEASON_DATES)
    # errors are smoothed toward their mean: a date that seems very quiet by chance is not overrated
    variance = series.std**2 + np.mean(series.std**2)
    root = np.sqrt(1 / variance)
    root /= np.sqrt(np.mean(root**2))
    q = np.ascontiguousarray(np.linalg.qr(base_columns(t, season=season) * root[:, None])[0].T)
    y = series.displacement_mm * root
    resid = y - q.T @ (q @ y)
    gains = np.zeros((3, n))
    break_gains(t, root, q, resid, n, len(q), params.minimum_segment, gains)
    curve = beyond(q, root * (t - t.mean()) ** 2)
    quadratic = float((curve @ resid) ** 2)
    fit = TrackFit(series, root, q, resid, 1.0, 0.0, quadratic, gains, season)
    return _with_noise(fit)


def _with_noise(fit: TrackFit) -> TrackFit:
    """Estimate the noise of a track about the course that has the least BIC for it alone."""
    n, p = len(fit.resid), len(fit.q)
    options = [(fit.sse, p, LINEAR, 0), (fit.sse - fit.quadratic, p + 1, QUADRATIC, 0)]
    for k, kind in enumerate(_KINDS):
        m = int(fit.gains[k].argmax())
        if fit.gains[k, m] > 0:
            options.append((fit.sse - float(fit.gains[k, m]), p + BREAK_DF[k] + 1, kind, m))
    floor = 1e-12 * max(fit.sse, 1e-12)
    sse, size, kind, m = min(options, key=lambda o: n * np.log(max(o[0], floor) / n) + o[1] * np.log(n))
    columns = extension(fit, kind, fit.series.t[m])
    rest = fit.resid - sum((c * (c @ fit.resid) for c in columns), np.zeros(n))
    lag = float(lag_one(rest, n, size))
    return replace(fit, sigma2=max(sse, floor) / max(1, n - size), lag=lag)


def extension(fit: TrackFit, kind: int, when: float) -> list[F64]:
    """Return the orthonormal weighted columns (n,) that a course adds to the line; none where they say nothing new."""
    t, m = fit.series.t, int(np.searchsorted(fit.series.t, when))
    raw: list[F64] = []
    if kind == QUADRATIC:
        raw = [(t - t.mean()) ** 2]
    if kind in {STEP, STEP_AND_TREND}:
        raw.append((np.arange(len(t)) >= m).astype(np.float64))
    if kind in {BILINEAR, STEP_AND_TREND} and m < len(t):
        raw.append(np.maximum(t - t[m], 0.0))
    out: list[F64] = []
    basis = fit.q
    for column in raw:
        new = beyond(basis, fit.root * column)
        if new.any():
            out.append(new)
            basis = np.vstack([basis, new])
    return out


def beyond(basis: F64, column: F64) -> F64:
    """Return what a column (n,) says beyond an orthonormal basis (p, n), of unit length; nought if it says nothing."""
    size = float(np.sqrt(column @ column))
    out = column - basis.T @ (basis @ column)
    out = out - basis.T @ (basis @ out)
    rest = float(np.sqrt(out @ out))
    return out / rest if rest > 1e-6 * size else np.zeros_like(column)


def _at(fit: TrackFit, dates: F64) -> F64:
    """Return the gains (3, dates) for a break at dates of all tracks: that at the first own date not before."""
    index = np.searchsorted(fit.series.t, dates)
    inside = index < len(fit.series.t)
    return np.where(inside, fit.gains[:, np.minimum(index, len(fit.series.t) - 1)], 0.0)


def _p(large: float, small: float, df: int, rest: int, thin: float) -> float:
    """Return the probability of an F that correlation thins: so many dates tell less, of the scatter as well."""
    if rest < 1:
        return 1.0
    return float(stats.f.sf((large - small) / df / max(small / rest, 1e-300) * thin, df, max(1.0, rest * thin)))


def _trend_p(fits: Sequence[TrackFit], line: float, rest: int, thin: float) -> float:
    """Return the probability of the trend of the line."""
    gain = sum(float(f.q[-1] @ (f.series.displacement_mm * f.root)) ** 2 / f.sigma2 for f in fits)
    return _p(line + gain, line, len(fits), rest, thin)


def _annual_p(fits: Sequence[TrackFit], kind: int, when: float, thin: float) -> float:
    """Return the probability of the season beside the course that was chosen; 1 where there is none."""
    gain = left = 0.0
    rest = seasons = 0
    for f in fits:
        if not f.season:
            continue
        t = f.series.t
        m = int(np.searchsorted(t, when)) if kind in _KINDS else 0
        _, value, df = annual_term(t, f.series.displacement_mm, f.root, len(t), kind, min(m, len(t) - 1))
        base = f.sse - sum(float(c @ f.resid) ** 2 for c in extension(f, kind, when))
        gain += 2 * value * base / max(df, 1) / f.sigma2
        left += base / f.sigma2
        rest += df
        seasons += 1
    return _p(left + gain, left, 2 * seasons, rest, thin) if seasons else 1.0


def _curved_lag(fits: Sequence[TrackFit]) -> float:
    """Return the correlation of what t^2 leaves, over all tracks: an acceleration is as sure as a curve fits."""
    lags = []
    for f in fits:
        rest = f.resid - sum((c * (c @ f.resid) for c in extension(f, QUADRATIC, np.nan)), np.zeros(len(f.resid)))
        lags.append(float(lag_one(rest, len(rest), len(f.q) + 1)))
    return float(np.average(lags, weights=[len(f.resid) for f in fits]))


def _motion(fit: TrackFit, kind: int, when: float, lags: tuple[float, float]) -> TrackMotion:
    """Return a track's velocities, by least squares of the course's own columns; lags of the course and of t^2."""
    t = fit.series.t
    base = base_columns(t, season=fit.season)
    line, line_error, _ = _solve(fit, base, lags[0])
    middle = 0.5 * (t[0] + t[-1])
    curve, curve_error, df = _solve(fit, np.column_stack([base, (t - middle) ** 2 / 2]), lags[1])
    trend = base.shape[1] - 1
    before = after = float(line[trend])
    step = 0.0
    chosen = curve if kind == QUADRATIC else line
    if kind == QUADRATIC:
        half = 0.5 * (t[-1] - t[0])
        before, after = (float(curve[trend] + s * half * curve[-1]) for s in (-1, 1))
    elif kind in _KINDS:
        m = int(np.searchsorted(t, when))
        later = (np.arange(len(t)) >= m).astype(np.float64)
        hinge = np.maximum(t - t[min(m, len(t) - 1)], 0.0)
        added = {BILINEAR: [hinge], STEP: [later], STEP_AND_TREND: [later, hinge]}[kind]
        if 0 < m < len(t) - 1:
            chosen, _, _ = _solve(fit, np.column_stack([base, *added]), lags[0])
            before = after = float(chosen[trend])
            after += float(chosen[-1]) if kind != STEP else 0.0
            step = float(chosen[trend + 1]) if kind != BILINEAR else 0.0
    annual = float(np.hypot(chosen[1], chosen[2])) if fit.season else 0.0
    return TrackMotion(
        fit.series.track, float(line[trend]), float(line_error[trend]), before, after, step, annual,
        float(curve[-1]), float(curve_error[-1]), df,
    )  # fmt: skip


def _solve(fit: TrackFit, columns: F64, lag: float) -> tuple[F64, F64, float]:
    """Return coefficients, their errors and the degrees of freedom, with noise of a lag-one correlation allowed for.

    Slow columns see the noise at frequency zero, (1 + r) / (1 - r) times its variance, and take as much of it away.
    """
    g = columns * fit.root[:, None]
    y = fit.series.displacement_mm * fit.root
    inverse = np.linalg.pinv(g.T @ g)
    coefficients = inverse @ (g.T @ y)
    rest = y - g @ coefficients
    slow = (1 + lag) / (1 - lag)
    df = max(1.0, len(y) - g.shape[1] * slow)
    variance = float(rest @ rest) / df * slow
    return coefficients, np.sqrt(np.maximum(np.diag(inverse), 0.0) * variance), df
