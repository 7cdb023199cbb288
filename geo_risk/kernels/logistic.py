"""Maximum-likelihood logistic regression of a few terms by Newton's method."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

RIDGE = 1e-6
"""Penalty on the coefficients [1]: it only keeps them finite where the terms separate the two kinds."""

_ROUNDS = 50
_STEP = 1e-9


def fit_logistic(
    terms: NDArray[np.floating[Any]], is_event: NDArray[np.bool_], *, start: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], float]:
    """Coefficients of logit p = terms @ coefficients, and the logarithm of the likelihood.

    Parameters
    ----------
    terms : (case, term), without NaN; the first column is 1 where an intercept is wanted. Scale them to about 1.
    is_event : (case,).
    start : coefficients to begin with; 0 where None.

    Returns
    -------
    (term,) float64, and the log-likelihood at them (without the penalty). Newton steps are halved until the penalised
    likelihood does not fall (McCullagh & Nelder 1989, Generalized Linear Models, section 4.4).
    """
    x = np.ascontiguousarray(terms, dtype=np.float64)
    found = np.zeros(x.shape[1]) if start is None else np.array(start, dtype=np.float64)
    best = _climb(x, np.ascontiguousarray(is_event, dtype=np.bool_), found)
    return found, float(best)


def probability(terms: NDArray[np.floating[Any]], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-terms @ coefficients)), without overflow."""
    out: NDArray[np.float64] = 0.5 * (1 + np.tanh(0.5 * (terms @ coefficients)))
    return out


@njit(cache=True)
def _climb(x: NDArray[np.float64], is_event: NDArray[np.bool_], found: NDArray[np.float64]) -> float:
    """Move `found` to the top of the penalised likelihood; return the plain log-likelihood there."""
    now, slope, bend = _summed(x, is_event, found)
    for _ in range(_ROUNDS):
        step = np.linalg.solve(bend, slope)
        share = 1.0
        after, slope_after, bend_after = _summed(x, is_event, found + step)
        while not after >= now - 1e-12 and share > 1e-6:
            share /= 2
            after, slope_after, bend_after = _summed(x, is_event, found + share * step)
        if share <= 1e-6:
            break
        found += share * step
        gained, now, slope, bend = after - now, after, slope_after, bend_after
        if gained < _STEP:
            break
    best: float = now + RIDGE * np.sum(found**2) / 2
    return best


@njit(cache=True)
def _summed(
    x: NDArray[np.float64], is_event: NDArray[np.bool_], at: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the penalised log-likelihood, its slope and its negative second derivatives, in one pass of the cases."""
    n_terms = x.shape[1]
    total = 0.0
    slope = -RIDGE * at
    bend = RIDGE * np.eye(n_terms)
    for i in range(x.shape[0]):
        logit = 0.0
        for j in range(n_terms):
            logit += x[i, j] * at[j]
        fall = np.exp(-abs(logit))
        total -= np.log1p(fall)
        if (logit < 0) == is_event[i]:
            total -= abs(logit)
        p = 1 / (1 + fall) if logit >= 0 else fall / (1 + fall)
        rest = (1.0 if is_event[i] else 0.0) - p
        weight = p * (1 - p)
        for j in range(n_terms):
            slope[j] += rest * x[i, j]
            for k in range(j + 1):
                bend[j, k] += weight * x[i, j] * x[i, k]
    for j in range(n_terms):
        for k in range(j):
            bend[k, j] = bend[j, k]
    return total - RIDGE * np.sum(at**2) / 2, slope, bend
