"""The response of slides to effective rain, fitted to units of past storms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.landslide.rain_response import bent, bent_slope

_BIN_MM = 1.0
"""Rain that did not make slides is counted in bins of this width: far finer than a response can be told."""

_SLOPES_PER_MM = (0.001, 0.2)
"""Range of the slope far below the middle: a tenth of the slides for every 12 mm less, or for every 2300 mm less."""

_START = 0.04
"""Slope [1/mm] to begin with: a tenth for every 58 mm less."""

_MOST = 500.0
"""Slides expected in one unit are cut off here: exp would overflow."""

_GAIN = 2.0
"""Least rise of the log-likelihood over no rain at all: Akaike's price of two more parameters."""


@dataclass(frozen=True)
class RainFit:
    """ln of the slides expected = intercept + static + bent(slope_per_mm (Re - middle_mm)).

    `gain` : log-likelihood above that of a model without rain.
    """

    intercept: float
    slope_per_mm: float
    middle_mm: float
    gain: float


def fit_rain(
    static: NDArray[np.float64], rain_mm: NDArray[np.float64], slid: NDArray[np.bool_], *, start: RainFit | None = None
) -> RainFit:
    """Fit intercept, slope and middle by maximum likelihood of "at least one slide" (complementary log-log).

    Parameters
    ----------
    static : (case,) log of the relative number of slides by susceptibility. rain_mm : (case,) effective rain.
    slid : (case,), at least one True; no NaN anywhere.
    start : where to begin; None tries four middles and takes the best.

    Returns
    -------
    The middle lies between the least rain of a slide and half as much again as the largest rain: beyond, the response
    is a straight line in every case that was seen.
    """
    _, at = np.unique(np.floor(rain_mm / _BIN_MM).astype(np.int64), return_inverse=True)
    relative = np.exp(static)
    weight: NDArray[np.float64] = np.bincount(at, weights=relative).astype(np.float64)
    rain_bin = np.bincount(at, weights=rain_mm * relative) / weight
    rain_slid = rain_mm[slid]
    low, high = float(rain_slid.min()), 1.5 * float(rain_mm.max())
    slopes = np.log(_SLOPES_PER_MM)
    lower, upper = np.array([-np.inf, slopes[0], low]), np.array([np.inf, slopes[1], max(high, low + 1.0)])
    data = _Data(weight, rain_bin, static[slid], rain_slid, lower, upper)
    if start is not None:
        starts = [(start.intercept, np.log(start.slope_per_mm), start.middle_mm)]
    else:
        middles = [*np.quantile(rain_slid, (0.1, 0.5, 0.9)).tolist(), high]
        starts = [(np.log(slid.sum() / (weight @ np.exp(bent(_START * (rain_bin - m))))), np.log(_START), m)
                  for m in middles]  # fmt: skip
    best = min((data.minimum(np.array(s)) for s in starts), key=data.loss)
    dry = _Data(weight, np.zeros_like(rain_bin), static[slid], np.zeros_like(rain_slid), lower, upper)
    # without rain the intercept alone counts: slope and middle are held
    flat = dry.minimum(np.array([np.log(slid.sum() / weight.sum()) - float(bent(np.array(-_START))), np.log(_START),
                                 1.0]), free=1)  # fmt: skip
    return RainFit(float(best[0]), float(np.exp(best[1])), float(best[2]), dry.loss(flat) - data.loss(best))


@dataclass(frozen=True)
class _Data:
    """Sums of exp(static) of all cases by bins of rain, and the cases that slid; beta = intercept, ln slope, middle."""

    weight: NDArray[np.float64]
    rain_bin: NDArray[np.float64]
    static_slid: NDArray[np.float64]
    rain_slid: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def loss(self, beta: NDArray[np.float64]) -> float:
        """Return minus the log-likelihood: all cases cost n, and those that slid win ln(exp(n) - 1)."""
        every, own = self._log_expected(beta)
        n = np.clip(np.exp(own), 1e-300, _MOST)
        return float(self.weight @ np.exp(np.minimum(every, 300.0))) - float(np.log(np.expm1(n)).sum())

    def _log_expected(self, beta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        slope = np.exp(beta[1])
        every = beta[0] + bent(slope * (self.rain_bin - beta[2]))
        return every, beta[0] + self.static_slid + bent(slope * (self.rain_slid - beta[2]))

    def minimum(self, beta: NDArray[np.float64], free: int = 3) -> NDArray[np.float64]:
        """Return the minimum by scoring with a damping that grows until the loss falls (Levenberg-Marquardt)."""
        beta = np.clip(beta, self.lower, self.upper) if free == 3 else beta
        now, damping = self.loss(beta), 1e-3
        for _ in range(200):
            gradient, information = self._slopes(beta, free)
            while damping < 1e9:
                # the hair of 1e-9 keeps a parameter that nothing tells of where it is
                step = np.linalg.solve(information + np.diag(damping * np.diag(information) + 1e-9), gradient)
                trial = beta.copy()
                trial[:free] -= step
                trial = np.clip(trial, self.lower, self.upper) if free == 3 else trial
                then = self.loss(trial)
                if then <= now:
                    break
                damping *= 10
            else:
                return beta
            fall, beta, now, damping = now - then, trial, then, damping / 10
            if fall < 1e-10 * (1 + abs(now)):
                break
        return beta

    def _slopes(self, beta: NDArray[np.float64], free: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the gradient of the loss and the expected information."""
        every, own = self._log_expected(beta)
        n_every, n_own = self.weight * np.exp(np.minimum(every, 300.0)), np.clip(np.exp(own), 1e-300, _MOST)
        j_every, j_own = (self._jacobian(beta, r)[:, :free] for r in (self.rain_bin, self.rain_slid))
        gradient = n_every @ j_every - (n_own / -np.expm1(-n_own)) @ j_own
        return gradient, (j_every * n_every[:, None]).T @ j_every

    @staticmethod
    def _jacobian(beta: NDArray[np.float64], rain_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        slope = np.exp(beta[1])
        x = slope * (rain_mm - beta[2])
        rise = bent_slope(x)
        return np.column_stack([np.ones_like(x), rise * x, -rise * slope])


def rises_with_rain(found: RainFit) -> bool:
    """Return whether rain tells more of the slides than its two parameters cost (Akaike 1974)."""
    return found.gain > _GAIN
