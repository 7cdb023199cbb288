"""How the noise of a scene is correlated in time, from the residuals of its stable pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from geo_risk.kernels.lsq import Model, bisquare, fit_series, independent
from geo_risk.kernels.time_noise import correlated_errors, noise_likelihood

F64 = NDArray[np.float64]

_MAX_SERIES = 160
_OUTLIER_SIGMAS = 4.0
_NOISY = 2.0
_FEWEST_DATES, _ROUNDS = 5, 10


@dataclass(frozen=True)
class TimeNoise:
    """Share of the variance that is correlated, and the time [yr] in which it falls to 1/e; 0 for independent dates."""

    share: float = 0.0
    time_yr: float = 0.0


def scene_time_noise(values: F64, design: F64, sigma: F64, t: F64) -> TimeNoise:
    """Estimate the correlation in time that the series of a scene have in common.

    Parameters
    ----------
    values : (time, series) of stable pixels, any unit; NaN is a gap.
    design : (time, p) of the motion model, whose parameters are taken out by the restricted likelihood.
    sigma : (time,) standard deviation of each date up to a factor; NaN leaves the date out.
    t : (time,) [yr].

    Returns
    -------
    Restricted likelihood (Patterson and Thompson 1971, Biometrika 58:545) of a grid of shares and times, added up over
    160 to 320 series (all where there are fewer); outlying values, and series twice as noisy as the median (motion
    beyond the model), are left out. Neighbours are not independent, so the likelihood counts as that of as many series
    as the spread of the eigenvalues of their covariance says. Of the pairs whose variance factor of the velocity is no
    smaller than its mean over that likelihood, the most likely one is taken: with few dates the errors come out larger
    rather than smaller.
    """
    if not np.isfinite(values).any():
        return TimeNoise()
    kept = _clean(values[:, :: max(1, values.shape[1] // _MAX_SERIES)], design, sigma)
    if not kept.shape[1]:
        return TimeNoise()
    step, span = float(np.median(np.diff(t))), float(t[-1] - t[0])
    shares = np.linspace(0.0, 1.0, 21)
    taus = np.geomspace(0.3 * step, max(span, step), 24)
    with_gaps = np.nan_to_num(sigma, nan=0.0)
    each = noise_likelihood(kept, design, with_gaps, t, shares, taus)
    each = each[np.isfinite(each).all(axis=(1, 2))]
    if not len(each):
        return TimeNoise()
    total = each.sum(axis=0) * min(1.0, _independent(kept) / len(each))
    factors = _factors(design, t, with_gaps > 0, shares, taus)
    weight = np.exp(total - total.max())
    mean = float((weight * factors).sum() / weight.sum())
    allowed = np.where(factors >= mean * (1 - 1e-9), total, -np.inf)
    i, j = np.unravel_index(int(np.argmax(allowed)), total.shape)
    share = float(shares[i])
    return TimeNoise(share, float(taus[j])) if share > 0 else TimeNoise()


def date_spread(observed: F64, t: F64, noise: TimeNoise) -> F64:
    """Return the standard deviation of each date from that of residuals of a straight line.

    Parameters
    ----------
    observed : (time,) standard deviation of the residuals of every date over the series, any unit; NaN or 0: unknown.
    t : (time,) [yr]. noise : correlation of the dates.

    Returns
    -------
    d (time,), `observed` where that is not known, with which residuals would scatter as observed: the diagonal of
    R D V D R is observed^2, V the correlation of the dates and R the residual projection. A line takes more off dates
    far from the middle, and noise that lasts a season leaks from loud dates to quiet ones. Found by scaling, in a fixed
    number of rounds, as small dates converge slowly and need no better.
    """
    known = np.isfinite(observed) & (observed > 0)
    if int(known.sum()) < _FEWEST_DATES:
        return observed
    time, target = t[known], observed[known] ** 2
    line = np.stack([np.ones(len(time)), time - time.mean()], axis=1)
    off_line = np.eye(len(time)) - line @ np.linalg.pinv(line)
    between = np.eye(len(time))
    if noise.share > 0:
        shared = np.exp(-np.abs(time[:, None] - time) / noise.time_yr)
        between = (1 - noise.share) * between + noise.share * shared
    d = observed[known].copy()
    for _ in range(_ROUNDS):
        root = off_line * d
        d *= np.sqrt(target / ((root @ between) * root).sum(axis=1))
    out = observed.copy()
    out[known] = d
    return out


def half_width(std: F64, freedom: F64, *, level: float = 0.95) -> F64:
    """Return the half width of the interval of an estimate: Student's quantile times its standard error.

    Parameters
    ----------
    std, freedom : standard errors and their degrees of freedom, any shape; NaN stays NaN.
    level : probability that the interval holds the truth.

    Raises
    ------
    ValueError : level not between 0 and 1.
    """
    if not 0 < level < 1:
        what = f"level {level}; a number between 0 and 1 needed"
        raise ValueError(what)
    return np.asarray(stats.t.ppf(0.5 + level / 2, freedom) * std, dtype=np.float64)


def _clean(values: F64, design: F64, sigma: F64) -> F64:
    """Return the series without outliers, and without those far noisier than the rest."""
    usable = np.isfinite(sigma)
    weights = np.where(usable, 1 / np.where(usable, sigma, 1.0) ** 2, 0.0)
    weights /= weights[usable].mean() if usable.any() else 1.0
    block = np.ascontiguousarray(values[:, None, :], dtype=np.float32)
    scale = np.float32(np.nanstd(block)) or np.float32(1)
    nothing = np.zeros((0, 1, values.shape[1]), np.float32)
    model, least = Model(design, weights, np.zeros((len(design), 0))), design.shape[1] + 5
    fitted = fit_series(block / scale, nothing, model, bisquare(least), independent(len(design)))[0]
    residual = (values - design @ (fitted[:, 0].astype(np.float64) * float(scale))) * np.sqrt(weights)[:, None]
    spread = 1.4826 * np.nanmedian(np.abs(residual[:, np.isfinite(residual).any(axis=0)]), axis=0)
    full = np.full(values.shape[1], np.nan)
    full[np.isfinite(residual).any(axis=0)] = spread
    quiet = full <= _NOISY * np.nanmedian(full) if np.isfinite(full).any() else np.zeros(len(full), dtype=bool)
    return np.asarray(np.where(np.abs(residual) <= _OUTLIER_SIGMAS * full, values, np.nan)[:, quiet])


def _independent(values: F64) -> float:
    """Return the number of independent series that have as unequal a spectrum: (sum of eigenvalues)^2 / sum of squares.

    The expected value for independent series is corrected for the finite number of dates: 1 / (1/n_eff + 1/dates).
    """
    known = np.isfinite(values)
    mean = np.nansum(values, axis=0) / np.maximum(known.sum(axis=0), 1)
    z = np.where(known, values - mean, 0.0)
    z /= np.sqrt((z**2).sum(axis=0)) + 1e-300
    gram = z.T @ z
    n = len(gram)
    together = n**2 / float((gram**2).sum())
    rest = 1 / together - 1 / len(values)
    return float(np.clip(1 / rest, 1.0, n)) if rest > 0 else float(n)


def _factors(design: F64, t: F64, usable: NDArray[np.bool_], shares: F64, taus: F64) -> F64:
    """Return (share, tau): what the variance of the velocity is multiplied by, for the series without gaps."""
    rows = np.flatnonzero(usable)
    g = design[rows]
    inverse = np.linalg.inv(g.T @ g)
    ones = np.ones(len(t))
    out = np.empty((len(shares), len(taus)))
    factor = np.empty(design.shape[1])
    for i, share in enumerate(shares):
        for j, tau in enumerate(taus):
            correlated_errors(design, t, ones, rows, len(rows), ones, inverse, share, tau, factor)
            out[i, j] = factor[1]
    return out
