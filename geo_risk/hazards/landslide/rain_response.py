"""How the log of the expected slides rises with effective rain: steeply at first, slower where most has slid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TAIL = 0.1
"""Slope of the response far above its middle, as a share of that far below (choice of geo_risk: a logistic response
would be flat there, and no rain, however much beyond the past storms, could lift a place to the next level)."""

_STEPS = 50


def bent(x: NDArray[Any], tail: float = TAIL) -> NDArray[np.float64]:
    """Return h(x) = tail x - (1 - tail) ln(1 + exp(-x)): slope 1 far below 0, slope `tail` far above; NaN stays.

    With tail 0 it is the log of the logistic function. It is increasing and concave for 0 < tail < 1.
    """
    z = np.asarray(x, dtype=np.float64)
    # ln(1 + exp(-z)) without overflow, and without the warning that logaddexp gives for NaN
    softened = np.maximum(-z, 0.0) + np.log1p(np.exp(-np.abs(z)))
    out: NDArray[np.float64] = tail * z - (1 - tail) * softened
    return out


def bent_slope(x: NDArray[Any], tail: float = TAIL) -> NDArray[np.float64]:
    """Return the slope of `bent` at x: tail + (1 - tail) / (1 + exp(x))."""
    out: NDArray[np.float64] = tail + (1 - tail) * 0.5 * (1 - np.tanh(0.5 * np.asarray(x, dtype=np.float64)))
    return out


def unbent(y: NDArray[Any], tail: float = TAIL) -> NDArray[np.float64]:
    """Return x with bent(x) = y, by Newton's steps from below, which never overshoot; NaN stays NaN.

    h(x) <= min(x, tail x), so that max(y, y / tail) is below the root; a tangent of a concave function lies above it.
    """
    goal = np.asarray(y, dtype=np.float64)
    x = np.maximum(goal, goal / tail)
    for _ in range(_STEPS):
        step = (goal - bent(x, tail)) / bent_slope(x, tail)
        x = x + step
        # a hair: rounding of x itself
        if not (np.abs(step) > 1e-12 * (1 + np.abs(x))).any():
            break
    return x
