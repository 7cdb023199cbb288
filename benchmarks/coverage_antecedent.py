"""Events with a known K: how often the stated 95 % interval of K holds it, and how wide it is.

Each draw has its own K (0.5 to 0.95), window (5, 10 or 15 days), strength of rain, and 6 to 40 storms. In half of the
draws the places of a storm are independent given its rain; in the other half a storm also has a state of its own (a
shift of the logit that no column shows), and its places share half of their rain.
"""

from __future__ import annotations

import numpy as np

from geo_risk.hazards.rainfall.antecedent_fit import AntecedentFit, fit_antecedent
from geo_risk.hazards.rainfall.event_rain import EventRain

WINDOWS = (5, 10, 15)


def drawn_events(rng: np.random.Generator, *, depends: bool) -> tuple[EventRain, float]:
    """Return events of a random K, and the K."""
    decay, days = float(rng.uniform(0.5, 0.95)), int(rng.choice(WINDOWS))
    n_storms = int(rng.integers(6, 41))
    each = int(rng.integers(1500, 4000)) // n_storms
    storm = np.repeat(np.arange(n_storms), each)
    own = _days(rng, n_storms * each)
    rain = 0.5 * own + 0.5 * _days(rng, n_storms)[storm] if depends else own
    effective = rain[:, :days] @ decay ** np.arange(days)
    logit = rng.uniform(0.8, 2.5) * effective / 50 + (rng.normal(0, 0.7, n_storms)[storm] if depends else 0.0)
    logit += np.log(0.08 / 0.92) - np.quantile(logit, 0.8)
    slid = rng.random(len(logit)) < 1 / (1 + np.exp(-logit))
    return EventRain.of_days(rain, slid, year=np.full(len(slid), 2020), storm=storm.astype(str)), decay


def _days(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.gamma(0.6, 15.0, (n, max(WINDOWS))) * (rng.random((n, max(WINDOWS))) < 0.5)


def antecedent_intervals(draws: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return by kind of dependence (draw, 2) the intervals of K, and (draw,) the K they should hold.

    Draws whose events allow no fit are not among them.
    """
    rng = np.random.default_rng(seed)
    out = {}
    for name, depends in (("K, independent places", False), ("K, storms with a state of their own", True)):
        found, true = [], []
        for _ in range(draws // 2):
            events, decay = drawn_events(rng, depends=depends)
            fit = fit_antecedent(events, WINDOWS, configured=(0.84, 10))
            if isinstance(fit, AntecedentFit):
                found.append((0.0 if fit.low_is_open else fit.low, 1.0 if fit.high_is_open else fit.high))
                true.append(decay)
        out[name] = (np.array(found), np.array(true))
    return out


def antecedent_coverage(draws: int, seed: int) -> dict[str, tuple[int, int]]:
    """Return by kind of dependence how many intervals hold K, and their number; mean widths are printed."""
    out = {}
    for name, (found, true) in antecedent_intervals(draws, seed).items():
        width = found[:, 1] - found[:, 0]
        is_open = (found[:, 0] == 0) | (found[:, 1] == 1)
        print(f"{name}: mean width {width.mean():.3f}, median {np.median(width):.3f}, open at one end {is_open.sum()}")
        out[name] = (int(((found[:, 0] <= true) & (true <= found[:, 1])).sum()), len(true))
    return out
