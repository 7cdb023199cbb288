"""Scores of probabilities against events: ranking, sharpness, and whether they mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.information_value import fit_weights, probability


def auc(scores: NDArray[np.floating[Any]], is_event: NDArray[np.bool_]) -> float:
    """Area under the ROC curve (Mann-Whitney), ties counted half; NaN where one of the two kinds is missing."""
    n_events, n_other = int(is_event.sum()), int((~is_event).sum())
    if not (n_events and n_other):
        return float("nan")
    from scipy.stats import rankdata  # here: a warning loads this module, and not SciPy's distributions

    ranks = rankdata(scores)
    return float((ranks[is_event].sum() - n_events * (n_events + 1) / 2) / (n_events * n_other))


def brier(p: NDArray[np.floating[Any]], is_event: NDArray[np.bool_]) -> float:
    """Mean squared error of probabilities, events and background weighted to equal sums (Brier 1950); NaN left out."""
    known = ~np.isnan(p)
    each = [np.mean((p[known & (is_event == kind)] - kind) ** 2) for kind in (True, False)
            if (known & (is_event == kind)).any()]  # fmt: skip
    return float(np.mean(each)) if len(each) == 2 else float("nan")


@dataclass(frozen=True)
class Reliability:
    """Whether events are as frequent as was said.

    Attributes
    ----------
    said : (bin,) mean probability at odds of 1:1.
    seen : (bin,) share of events at odds of 1:1; low, high its 95 % interval.
    n_events, n_background : (bin,) cases.
    slope, intercept : of a logistic fit of events to the logit of what was said: 1 and 0 where it means what it says
        (Cox 1958); a slope below 1 says that it is too sure of itself.
    """

    said: NDArray[np.float64]
    seen: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n_events: NDArray[np.int64]
    n_background: NDArray[np.int64]
    slope: float
    intercept: float


def reliability(p: NDArray[np.floating[Any]], is_event: NDArray[np.bool_], *, bins: int = 10) -> Reliability:
    """Compare probabilities with the share of events, in bins that hold as many cases at odds of 1:1.

    Parameters
    ----------
    p : (case,) at odds of 1:1; NaN is left out. is_event : (case,).
    bins : quantile bins of the cases, events and background weighted to equal sums.

    Returns
    -------
    Intervals are those of Clopper and Pearson for the share of events among the bin's effective number of cases
    (Kish 1965: squared sum of weights over sum of squares).

    Raises
    ------
    DataError : events or background are missing.
    """
    from scipy.stats import beta

    known = ~np.isnan(p)
    p, is_event = np.asarray(p, dtype=np.float64)[known], is_event[known]
    counts = np.array([(~is_event).sum(), is_event.sum()])
    if not counts.all():
        what = f"{counts[1]} events and {counts[0]} background cells have a probability"
        raise DataError(what, where="landslide validation", fix="check the factors' coverage")
    weight = (1 / (2 * counts))[is_event.astype(int)]
    order = np.argsort(p, kind="stable")
    share = np.cumsum(weight[order])
    at = np.empty(len(p), dtype=np.int64)
    at[order] = np.minimum((share - weight[order] / 2) * bins, bins - 1).astype(np.int64)
    w = np.bincount(at, weights=weight, minlength=bins)
    keep = w > 0
    said = np.bincount(at, weights=weight * p, minlength=bins)[keep] / w[keep]
    seen = np.bincount(at, weights=weight * is_event, minlength=bins)[keep] / w[keep]
    effective = w[keep] ** 2 / np.bincount(at, weights=weight**2, minlength=bins)[keep]
    hits = seen * effective
    low = np.where(hits > 0, beta.ppf(0.025, np.maximum(hits, 1e-12), effective - hits + 1), 0.0)
    high = np.where(hits < effective, beta.ppf(0.975, hits + 1, np.maximum(effective - hits, 1e-12)), 1.0)
    logit = _logit(p)
    slope, intercept = fit_weights(logit[:, None], is_event, target=1.0, ridge=1e-6)
    n_events = np.bincount(at, weights=is_event, minlength=bins)[keep].astype(np.int64)
    n_background = np.bincount(at, weights=~is_event, minlength=bins)[keep].astype(np.int64)
    return Reliability(said, seen, low, high, n_events, n_background, float(slope[0]), intercept)


def recalibrated(p: NDArray[np.floating[Any]], found: Reliability) -> NDArray[np.float64]:
    """Return probabilities corrected by the slope and intercept of cases kept out (Cox 1958); NaN stays NaN."""
    return probability(found.intercept + found.slope * _logit(p))


def _logit(p: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    inside = np.clip(np.asarray(p, dtype=np.float64), 1e-6, 1 - 1e-6)
    out: NDArray[np.float64] = np.log(inside / (1 - inside))
    return out
