"""K and window of the effective antecedent rain, fitted to a user's own events, with an interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.stats import t as student

from geo_risk.core.result import MethodCard
from geo_risk.hazards.rainfall.event_rain import EventRain
from geo_risk.kernels.logistic import fit_logistic, probability

SCALE_MM = 50.0
"""Unit of effective rain in the logit, so that its coefficient is near 1."""

DECAYS = np.round(np.append(np.arange(0, 0.98, 0.02), 0.99), 2)
"""Values of K that are tried; between them the profile is a straight line (at most .002 off at K near .8)."""

MIN_EVENTS = 20
"""Fewest slides for a fit (choice of geo_risk: with fewer the interval of K spans nearly all values)."""

MIN_GROUPS = 3
"""Fewest storms with slides, and fewest years (choice of geo_risk: what two storms have in common proves nothing)."""

ALIKE = 0.95
"""Level of the intervals."""

CARD = MethodCard(
    name="K and window of the effective antecedent rain from past events",
    citation="logistic likelihood, profile over K and window, adjusted for dependence within storms "
    "(Chandler & Bate 2007, Biometrika 94, 167-183)",
    validity=f"from {MIN_EVENTS} slides in {MIN_GROUPS} storms on",
    limits=("slides of unknown time are tied to the wettest moment of their storm", "one K for the whole area"),
)


@dataclass(frozen=True)
class Refusal:
    """Why nothing was fitted, in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True)
class AntecedentFit:
    """Fitted K and window.

    Attributes
    ----------
    decay_per_day, days : where the likelihood is highest.
    low, high : 95 % interval of K, over all windows; `low_is_open`, `high_is_open` where it reaches the end of what was
        tried, so that only one bound is known, or none.
    days_low, days_high : shortest and longest window that the events do not speak against.
    rain_weight : logit per 50 mm of effective rain.
    auc : area under the ROC curve of the effective rain alone, on its own events.
    auc_years : of the whole logit with K, window and weights fitted without the year judged, years pooled; NaN where
        there are too few. auc_years_configured : the same for K and window as configured.
    inflation : factor by which dependence within storms widens the interval's threshold, 1 or more.
    n_slides, n_others, n_unknown, n_storms, n_years : cases that count, those with unknown rain, storms and years.
    profile : {"decay_per_day", "log_likelihood", "auc"}: lists over K, each at its best window; likelihood below its
        highest value.
    """

    decay_per_day: float
    days: int
    low: float
    high: float
    low_is_open: bool
    high_is_open: bool
    days_low: int
    days_high: int
    rain_weight: float
    auc: float
    auc_years: float
    auc_years_configured: float
    inflation: float
    n_slides: int
    n_others: int
    n_unknown: int
    n_storms: int
    n_years: int
    profile: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a facts file; NaN and infinite ones as None."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}


def fit_antecedent(
    events: EventRain, windows: tuple[int, ...], *, configured: tuple[float, int]
) -> AntecedentFit | Refusal:
    """Fit K and window by the likelihood of a logistic model: logit p = a + b Re(K, window) / 50 mm + terms.

    The interval of K holds the values whose profile likelihood (over window and weights) lies less than
    c t^2 / 2 below its highest value: t is Student's quantile for the number of storms less one, and c, at least 1, the
    ratio of the variance of K that sums scores by storm (sandwich) to the one that takes cases for independent
    (Chandler & Bate 2007, Biometrika 94, 167-183: adjusting a likelihood for clusters).

    Parameters
    ----------
    events : cases; those whose longest window is unknown do not count.
    windows : days to try, rising.
    configured : K and window that are judged beside.

    Returns
    -------
    The fit, or why there is none: too few slides, storms or others, or slides that do not fall where it rained more.
    """
    known = events.known(max(windows))
    cases = events.chosen(known)
    refusal = _too_few(cases)
    if refusal is not None:
        return refusal
    rain = cases.effective(DECAYS, windows) / SCALE_MM
    table = _likelihoods(cases, rain)
    k, w = _best(table)
    decay, days = float(DECAYS[k]), windows[w]
    weights, _ = fit_logistic(_terms(cases, rain[k, w]), cases.slid)
    if not weights[1] > 0:
        return Refusal("slides do not fall where the effective rain is higher", "滑坡与有效降雨无正相关")
    n_storms = len(set(cases.storm.tolist()))
    inflation = _inflation(cases, decay, days, weights)
    allowed = inflation * float(student.ppf(0.5 + ALIKE / 2, n_storms - 1)) ** 2 / 2
    loss = table.max() - table.max(axis=1)
    low, high = _crossings(loss, allowed)
    alike = [d for j, d in enumerate(windows) if table.max() - table[:, j].max() <= allowed]
    return AntecedentFit(
        decay, days, low, high, bool(loss[0] <= allowed), bool(loss[-1] <= allowed), min(alike), max(alike),
        float(weights[1]), _auc(rain[k, w], cases.slid), _left_out(cases, rain), _configured(cases, configured),
        inflation, int(cases.slid.sum()), int((~cases.slid).sum()), int((~known).sum()), n_storms,
        len(set(cases.year.tolist())), _profile(cases, table, rain),
    )  # fmt: skip


def _left_out(cases: EventRain, rain: NDArray[np.float64]) -> float:
    """Area under the ROC curve of the logit with each year left out in turn, K and window fitted without it.

    The logits of all years are pooled, so that years of more rain must also be told from dry ones. NaN with fewer than
    three years that hold slides.
    """
    if len(set(cases.year[cases.slid].tolist())) < MIN_GROUPS:
        return float("nan")
    logit = np.full(len(cases.slid), np.nan)
    for year in sorted(set(cases.year.tolist())):
        out = cases.year == year
        k, w = _best(_likelihoods(cases.chosen(~out), rain[:, :, ~out]))
        terms = _terms(cases, rain[k, w])
        weights, _ = fit_logistic(terms[~out], cases.slid[~out])
        logit[out] = terms[out] @ weights
    return _auc(logit, cases.slid)


def _configured(cases: EventRain, configured: tuple[float, int]) -> float:
    """Return the left-out area of the logit with K and window as configured; NaN where it cannot be made."""
    decay, days = configured
    if days > cases.daily.shape[2]:
        return float("nan")
    rain = cases.effective(np.array([decay]), (days,)) / SCALE_MM
    return _left_out(cases, rain)


def _best(table: NDArray[np.float64]) -> tuple[int, int]:
    k, w = np.unravel_index(int(table.argmax()), table.shape)
    return int(k), int(w)


def _too_few(cases: EventRain) -> Refusal | None:
    slides, others = int(cases.slid.sum()), int((~cases.slid).sum())
    storms = len(set(cases.storm[cases.slid].tolist()))
    if slides >= MIN_EVENTS and others >= MIN_EVENTS and storms >= MIN_GROUPS:
        return None
    return Refusal(
        f"{slides} slides in {storms} storms and {others} places that did not slide have known rain; {MIN_EVENTS}, "
        f"{MIN_GROUPS} and {MIN_EVENTS} are needed",
        f"降雨已知的滑坡 {slides} 个（{storms} 场降雨）、未滑位置 {others} 个，"
        f"至少需要 {MIN_EVENTS} 个、{MIN_GROUPS} 场和 {MIN_EVENTS} 个",
    )


def _terms(cases: EventRain, rain: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(rain)), rain, cases.terms])


def _likelihoods(cases: EventRain, rain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-likelihood (K, window) of rain (K, window, case); each fit begins where its neighbour ended."""
    table = np.empty(rain.shape[:2])
    for w in range(rain.shape[1]):
        start = None
        for k in range(rain.shape[0]):
            start, table[k, w] = fit_logistic(_terms(cases, rain[k, w]), cases.slid, start=start)
    return table


def _crossings(loss: NDArray[np.float64], allowed: float) -> tuple[float, float]:
    """Return the outer ends of where the loss is at most what is allowed, between the values of K tried."""
    inside = np.flatnonzero(loss <= allowed)
    first, last = int(inside[0]), int(inside[-1])

    def between(a: int, b: int) -> float:
        share = (allowed - loss[a]) / (loss[b] - loss[a])
        return float(DECAYS[a] + share * (DECAYS[b] - DECAYS[a]))

    low = float(DECAYS[0]) if first == 0 else between(first, first - 1)
    high = float(DECAYS[-1]) if last == len(loss) - 1 else between(last, last + 1)
    return low, high


def _inflation(cases: EventRain, decay: float, days: int, weights: NDArray[np.float64]) -> float:
    """Return by how much dependence within storms raises the variance of K; at least 1.

    Infinite where the events do not determine K at all.
    """
    near = np.array([max(decay - 0.01, 0.0), decay, min(decay + 0.01, 0.995)])
    below, here, above = cases.effective(near, (days,))[:, 0] / SCALE_MM
    terms = _terms(cases, here)
    change = (above - below) / (near[2] - near[0])
    moved = np.column_stack([terms, weights[1] * change])
    p = probability(terms, weights)
    known = (moved * (p * (1 - p))[:, None]).T @ moved
    if np.linalg.matrix_rank(known) < len(known):
        return float("inf")
    scores = moved * (cases.slid - p)[:, None]
    names, group = np.unique(cases.storm, return_inverse=True)
    sums = np.zeros((len(names), moved.shape[1]))
    np.add.at(sums, group, scores)
    inverse = np.linalg.inv(known)
    robust = inverse @ (sums.T @ sums) @ inverse * len(names) / (len(names) - 1)
    return max(1.0, float(robust[-1, -1] / inverse[-1, -1]))


def _profile(cases: EventRain, table: NDArray[np.float64], rain: NDArray[np.float64]) -> dict[str, list[float]]:
    areas = [_auc(rain[k, w], cases.slid) for k, w in enumerate(table.argmax(axis=1))]
    return {
        "decay_per_day": [float(k) for k in DECAYS],
        "log_likelihood": [round(float(v), 4) for v in table.max(axis=1) - table.max()],
        "auc": [round(a, 4) for a in areas],
    }


def _auc(scores: NDArray[np.float64], is_event: NDArray[np.bool_]) -> float:
    n_events, n_other = int(is_event.sum()), int((~is_event).sum())
    ranks = rankdata(scores)
    return float((ranks[is_event].sum() - n_events * (n_events + 1) / 2) / (n_events * n_other))
