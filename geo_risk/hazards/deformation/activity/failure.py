"""When a slope that speeds up would fail: inverse velocity falling along a line, fitted to the displacements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from geo_risk.hazards.deformation.activity.joint import Course, TrackFit
from geo_risk.hazards.deformation.activity.params import FailureParams

F64 = NDArray[np.float64]

_LEADS = 600
_DAY_YR = 1 / 365.25


@dataclass(frozen=True)
class FailureWindow:
    """The window in which a body would fail if it goes on as it did, or why none is given.

    Attributes
    ----------
    start_yr, best_yr, end_yr : in the years of the series; NaN where refused.
    refused : English and Chinese; None where there is a window.
    epochs : dates on which the body moved clearly faster than at first.
    """

    start_yr: float
    best_yr: float
    end_yr: float
    refused: tuple[str, str] | None
    epochs: int


def failure_window(fits: Sequence[TrackFit], course: Course, params: FailureParams) -> FailureWindow:
    """Fit d = a + season + v t - A ln(1 - t/tf) to all series of a body, tf common to the tracks.

    Parameters
    ----------
    fits, course : of `fit_course`, of a body that speeds up.
    params : of the window.

    Returns
    -------
    The window of tf by the likelihood profile: every tf whose least sum of squares is below the F bound above the
    smallest. Fukuzono's law with alpha = 2 (1/v linear in t, failure where it reaches 0) integrated, so that noisy
    velocities are never formed; v t is a creep that went before, and may only run the way A does: left out, it would
    move the window (never covered in simulations with a creep of a third of the speed), left free, it would widen it.
    """
    leads, sums, creeps = profile(fits, params.horizon_yr)
    end = max(float(f.series.t[-1]) for f in fits)
    best = int(np.argmin(sums))
    n = sum(len(f.resid) for f in fits)
    size = sum(len(f.q) + 1 for f in fits) + 1
    thin = (1 - course.lag) / (1 + course.lag)
    epochs = _epochs(fits, end + leads[best], params.faster)
    freedom = max(1.0, (n - size) * thin)
    bound = sums[best] * (1 + stats.f.ppf(params.confidence, 1, freedom) / (n - size) / thin)
    inside = np.flatnonzero(sums <= bound)
    used = sum(len(f.q) for f in fits) + 1 + int(creeps[best])
    loss = n * np.log(sums[best] / n) + used * np.log(n) - min(course.bic.values())
    refused = _refusal(epochs, loss, inside[-1] == len(leads) - 1, params)
    if refused:
        return FailureWindow(np.nan, np.nan, np.nan, refused, epochs)
    first, last = (end + float(leads[k]) for k in (inside[0], inside[-1]))
    return FailureWindow(first, end + float(leads[best]), last, None, epochs)


def profile(fits: Sequence[TrackFit], horizon_yr: float) -> tuple[F64, F64, F64]:
    """Return times from the last date to failure [yr], the least sum of squares at each, and how many tracks creep.

    Sums are in units of the noise. Every track has its own constant, season, creep and A, by least squares.
    """
    leads = np.geomspace(_DAY_YR, horizon_yr, _LEADS)
    sums, creeps = np.zeros(_LEADS), np.zeros(_LEADS)
    first = min(float(f.series.t[0]) for f in fits)
    end = max(float(f.series.t[-1]) for f in fits)
    for f in fits:
        t = f.series.t
        base, trend = f.q[:-1], f.q[-1]
        trend = trend * np.sign(trend @ (f.root * (t - t.mean())))
        y = f.series.displacement_mm * f.root
        rest = y - base.T @ (base @ y)
        shape = -np.log1p(-(t[None, :] - first) / (end + leads[:, None] - first)) * f.root
        shape = shape - (shape @ base.T) @ base
        size, along = np.maximum((shape**2).sum(axis=1), 1e-300), shape @ trend
        on_trend, on_shape = float(trend @ rest), shape @ rest
        free = np.maximum(size - along**2, 1e-12 * size)
        creep, growth = (size * on_trend - along * on_shape) / free, (on_shape - along * on_trend) / free
        same = creep * growth >= 0
        gain = np.where(same, creep * on_trend + growth * on_shape, on_shape**2 / size)
        creeps += same
        sums += (float(rest @ rest) - gain) / f.sigma2
    return leads, sums, creeps


def _epochs(fits: Sequence[TrackFit], failure: float, faster: float) -> int:
    """Return the dates, over all tracks, on which 1/v has fallen enough since the first."""
    dates = np.unique(np.concatenate([f.series.t for f in fits]))
    return int(((failure - dates[0]) >= faster * (failure - dates)).sum())


def _refusal(epochs: int, loss: float, is_open: bool, params: FailureParams) -> tuple[str, str] | None:
    if epochs < params.minimum_epochs:
        return (
            f"no failure window: only {epochs} dates clearly faster than the first ({params.minimum_epochs} needed)",
            f"不给出破坏时间窗：明显加速的日期仅 {epochs} 个（至少需 {params.minimum_epochs} 个）",
        )
    if loss > params.maximum_bic_loss:
        return (
            "no failure window: it speeds up, but not along a falling inverse velocity",
            "不给出破坏时间窗：虽在加速，但不符合逆速度线性下降",
        )
    if is_open:
        return (
            f"no failure window: the inverse velocity may not reach zero within {params.horizon_yr:g} years",
            f"不给出破坏时间窗：逆速度在 {params.horizon_yr:g} 年内未必归零",
        )
    return None
