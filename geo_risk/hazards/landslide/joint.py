"""Class values of all factors fitted together: a smooth additive logistic model on the classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.information_value import probability


def fit_class_values(
    classes: NDArray[np.int16],
    is_event: NDArray[np.bool_],
    *,
    start: Sequence[Sequence[float]],
    n_ordered: Sequence[int],
    ridge: float,
    smoothness: float,
) -> tuple[tuple[tuple[float, ...], ...], float]:
    """Fit the value of every class of every factor at once by penalised logistic likelihood.

    Marginal information values count twice what related factors share; here each class's value is what it adds to the
    others. Values are pulled towards `start`, and neighbouring ordered classes towards a straight line (second
    differences, as in the P-splines of Eilers and Marx 1996, Stat. Sci. 11(2), here of degree 0).

    Parameters
    ----------
    classes : (factor, case), all known. is_event : (case,); events and background are weighted to equal sums.
    start : value of each class of each factor that the ridge pulls to.
    n_ordered : the first so many classes of each factor are in order.
    ridge, smoothness : strengths of both penalties, in events.

    Returns
    -------
    Values by factor and class, and the intercept.

    Raises
    ------
    DataError : events or background are missing, or a penalty is not positive.
    """
    n_events, n_other = int(is_event.sum()), int((~is_event).sum())
    if not (n_events and n_other and ridge > 0 and smoothness >= 0):
        what = f"{n_events} events and {n_other} background cells with ridge {ridge} cannot be fitted"
        raise DataError(what, where="landslide model", fix="check the factors' coverage")
    sizes = [len(v) for v in start]
    offset = np.concatenate([[0], np.cumsum(sizes)])
    column = classes.astype(np.int64) + offset[:-1, None]
    pull, smooth = np.diag(np.append(np.full(offset[-1], ridge), 1e-9)), np.zeros((offset[-1] + 1,) * 2)
    for first, n in zip(offset[:-1], n_ordered, strict=True):
        if n > 2:
            bend = np.diff(np.eye(n), n=2, axis=0)
            smooth[first : first + n, first : first + n] += smoothness * bend.T @ bend
    goal = np.append(np.concatenate([np.asarray(v, dtype=np.float64) for v in start]), 0.0)
    case = np.where(is_event, 1.0, n_events / n_other)
    beta = _climbed(column, is_event, case, pull=pull, smooth=smooth, goal=goal)
    values = tuple(tuple(map(float, beta[a:b])) for a, b in pairwise(offset))
    return values, float(beta[-1])


def _climbed(
    column: NDArray[np.int64],
    is_event: NDArray[np.bool_],
    case: NDArray[np.float64],
    *,
    pull: NDArray[np.float64],
    smooth: NDArray[np.float64],
    goal: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the minimum of the penalised loss by damped Newton steps; the loss is strictly convex."""
    sign = np.where(is_event, 1.0, -1.0)

    def logit(at: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = at[column].sum(axis=0) + at[-1]
        return out

    def loss(at: NDArray[np.float64]) -> float:
        away = at - goal
        return float(case @ np.logaddexp(0.0, -sign * logit(at)) + 0.5 * (away @ pull @ away + at @ smooth @ at))

    beta = goal.copy()
    now = loss(beta)
    for _ in range(100):
        p = probability(logit(beta))
        gradient = _summed(column, case * (is_event - p), len(beta)) - pull @ (beta - goal) - smooth @ beta
        step = np.linalg.solve(_crossed(column, case * p * (1 - p), len(beta)) + pull + smooth, gradient)
        slope, share = float(gradient @ step), 1.0
        while share > 1e-9 and not loss(beta + share * step) <= now - 1e-4 * share * slope:
            share /= 2
        if slope < 1e-10 * max(1.0, now) or share <= 1e-9:
            break
        beta = beta + share * step
        now = loss(beta)
    return beta


def _summed(column: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the design's transpose times values: a sum over the cases of each class, and over all."""
    out = np.zeros(size)
    for row in column:
        out += np.bincount(row, weights=values, minlength=size)
    out[-1] = values.sum()
    return out


def _crossed(column: NDArray[np.int64], weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the weighted cross products of the design, from counts of class pairs."""
    out = np.zeros((size, size))
    everywhere = np.full(column.shape[1], size - 1, dtype=np.int64)
    rows = [*column, everywhere]
    for i, a in enumerate(rows):
        for b in rows[i:]:
            pairs = np.bincount(a * size + b, weights=weights, minlength=size * size).reshape(size, size)
            out += pairs if a is b else pairs + pairs.T
    return out
