"""Information value of factor classes, their combination, and the calibrated probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.factors import Classing
from geo_risk.kernels.additive import CATEGORY, QUANTILE, SECTOR, add_classes

RIDGE = 4.0
"""Strength of the pull of factor weights, in events: a prior of standard deviation 0.5 (choice of geo_risk)."""

_KINDS = {"quantile": QUANTILE, "sector": SECTOR, "category": CATEGORY}


@dataclass(frozen=True)
class Model:
    """A fitted susceptibility model: classes and information values of each factor, weights, and the intercept.

    The logit of the probability is `intercept + sum over factors of weight * information value of the cell's class`.
    """

    classings: tuple[Classing, ...]
    tables: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    intercept: float

    def logit(self, values: Sequence[NDArray[Any]], slope_deg: NDArray[Any]) -> NDArray[np.float64]:
        """Return the logit of susceptibility.

        Parameters
        ----------
        values : one array (...) a factor, in the order of `classings`. slope_deg : (...), to tell flat from unknown.

        Returns
        -------
        float64 (...); NaN where the class of any factor with a weight is unknown.
        """
        out = np.full(slope_deg.size, self.intercept)
        slope = np.ascontiguousarray(slope_deg).reshape(-1)
        for classing, table, weight, value in zip(self.classings, self.tables, self.weights, values, strict=True):
            if weight != 0:
                add_classes(
                    out, np.ascontiguousarray(value).reshape(-1), slope, _KINDS[classing.kind],
                    np.asarray(classing.bounds, dtype=np.float64), weight * np.asarray(table), classing.has_flat,
                )  # fmt: skip
        return out.reshape(slope_deg.shape)

    @property
    def names(self) -> tuple[str, ...]:
        """Factors, in the order of `classings`."""
        return tuple(c.name for c in self.classings)


def looked_up(classes: NDArray[np.int16], table: Sequence[float]) -> NDArray[np.float64]:
    """Return the table's value of each class; NaN for -1."""
    out: NDArray[np.float64] = np.append(np.asarray(table, dtype=np.float64), np.nan)[classes]
    return out


def information_values(
    event_classes: NDArray[np.int16],
    area_classes: NDArray[np.int16],
    *,
    n_classes: int,
    prior_events: float,
    n_ordered: int = 0,
    smoothing_passes: int = 0,
) -> tuple[float, ...]:
    """Information value ln FR of each class; FR = share of events in the class / share of area in the class.

    Yin and Yan (1988), 5th ISL, Lausanne; van Westen (1993), ITC. The frequency ratio is pulled towards 1 by a prior:
    FR = (n_c + a) / (e_c + a) with n_c events and e_c = n A_c / A expected ones, so that a class without events has a
    finite value, the lower the more events would be expected, and a class without area has 0.

    Parameters
    ----------
    event_classes, area_classes : classes of events and of background cells, -1 where unknown (not counted).
    prior_events : a; with a = 0 the plain information value (a class without events is then refused).
    n_ordered : the first so many classes are in order of a quantity; only these are smoothed.
    smoothing_passes : how often events and expected events are spread over neighbouring classes (1/4, 1/2, 1/4; the
        outermost classes keep what would leave) before the ratio is taken; 0 is the plain information value.

    Raises
    ------
    DataError : no event or no background with a known class, or an empty class without a prior.
    """
    found, expected = class_counts(
        event_classes, area_classes, n_classes=n_classes, n_ordered=n_ordered, smoothing_passes=smoothing_passes
    )
    if not prior_events > 0 and ((found == 0) | (expected == 0)).any():
        what = "a class holds no event or no area, its information value is not finite"
        raise DataError(what, where="landslide.prior_events", fix="use a positive prior or fewer classes")
    return tuple(map(float, np.log((found + prior_events) / (expected + prior_events))))


def class_counts(
    event_classes: NDArray[np.int16],
    area_classes: NDArray[np.int16],
    *,
    n_classes: int,
    n_ordered: int = 0,
    smoothing_passes: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return events of each class, and how many it would hold if they were spread like the background (both (class,)).

    Parameters as of `information_values`.

    Raises
    ------
    DataError : no event or no background with a known class.
    """
    known = event_classes >= 0
    found = np.bincount(event_classes[known], minlength=n_classes).astype(np.float64)
    area = np.bincount(area_classes[area_classes >= 0], minlength=n_classes)
    if not (found.sum() > 0 and area.sum() > 0):
        what = f"{found.sum():g} events and {area.sum()} background cells have a known class"
        raise DataError(what, where="landslide factors", fix="check that the factors cover the inventory")
    expected = found.sum() * area / area.sum()
    for counts in (found, expected):
        counts[:n_ordered] = _spread(counts[:n_ordered], smoothing_passes)
    return found, expected


def _spread(counts: NDArray[np.float64], passes: int) -> NDArray[np.float64]:
    """Spread counts over neighbouring classes; their sum stays."""
    for _ in range(passes if counts.size > 1 else 0):
        padded = np.concatenate([counts[:1], counts, counts[-1:]])
        counts = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return counts


def fit_weights(
    scores: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    *,
    target: float,
    ridge: float = RIDGE,
) -> tuple[NDArray[np.float64], float]:
    """Ridge logistic weights of factor scores, not below 0, with events and background of equal total weight.

    Parameters
    ----------
    scores : (case, factor), no NaN. is_event : (case,).
    target : the weights are pulled towards it.
    ridge : strength of the pull, in events.

    Returns
    -------
    Weights (factor,) and the intercept. With events and background weighted to equal sums the probability is that of
    a place picked from one event and one random cell.

    Raises
    ------
    DataError : events or background are missing, or the fit does not settle.
    """
    n_events, n_other = int(is_event.sum()), int((~is_event).sum())
    if not (n_events and n_other and np.isfinite(scores).all()):
        what = f"{n_events} events and {n_other} background cells with finite scores cannot be fitted"
        raise DataError(what, where="landslide model", fix="check the factors' coverage")
    case = np.where(is_event, 1.0, n_events / n_other)
    design = np.column_stack([scores, np.ones(len(scores))])
    pull = np.append(np.full(scores.shape[1], ridge), 0.0)
    goal = np.append(np.full(scores.shape[1], target), 0.0)
    free = np.ones(design.shape[1], dtype=bool)
    beta = goal.copy()
    while True:
        beta = _newton(design, is_event, case, pull=pull, goal=goal, free=free, start=np.where(free, beta, 0.0))
        negative = free & (beta < 0)
        negative[-1] = False
        if not negative.any():
            return beta[:-1], float(beta[-1])
        free[np.argmin(np.where(negative, beta, 0.0))] = False


def _newton(
    design: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    case: NDArray[np.float64],
    *,
    pull: NDArray[np.float64],
    goal: NDArray[np.float64],
    free: NDArray[np.bool_],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    def loss(at: NDArray[np.float64]) -> float:
        # log(1 + exp(-m)) of the signed margin m, without overflow
        margin = np.where(is_event, 1.0, -1.0) * (design @ at)
        return float(case @ np.logaddexp(0.0, -margin) + 0.5 * (pull * (at - goal) ** 2)[free].sum())

    beta, x, now = start, design[:, free], loss(start)
    for _ in range(100):
        p = probability(design @ beta)
        gradient = x.T @ (case * (is_event - p)) - (pull * (beta - goal))[free]
        hessian = (x * (case * p * (1 - p))[:, None]).T @ x + np.diag(pull[free] + 1e-9)
        step = np.zeros(len(beta))
        step[free] = np.linalg.solve(hessian, gradient)
        slope = float(gradient @ step[free])
        if slope < 1e-12 * max(1.0, now):
            return beta
        share = 1.0
        while share > 1e-9 and not loss(beta + share * step) <= now - 1e-4 * share * slope:
            share /= 2
        if share <= 1e-9:
            return beta
        beta = beta + share * step
        now = loss(beta)
    what = "the logistic fit of the factor weights did not settle in 100 steps"
    raise DataError(what, where="landslide model", fix="use combination: sum, or fewer factors")


def probability(logit: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the probability of a logit, without overflow; NaN stays NaN."""
    out: NDArray[np.float64] = 0.5 * (1 + np.tanh(0.5 * np.asarray(logit, dtype=np.float64)))
    return out
