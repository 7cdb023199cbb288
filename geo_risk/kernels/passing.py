"""How many of the slides that may start on a grid pass over each cell: the steepest way down and a random friction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

LEAST_CHANCE = 0.01
"""A way is followed as long as at least this share of the slides comes so far."""


def passing(
    elevation: ArrayLike, expected: ArrayLike, *, cell_m: float, angle_deg: float, scatter: float, length_m: float,
    touch: ArrayLike,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the number of slides expected to touch what stands in each cell.

    A slide follows the steepest way down from the middle of its cell, and over level ground straight on. It comes as
    far as the energy line allows (Heim 1932): to where the mean slope of its way so far has always been at least the
    tangent of its angle of reach, of which the logarithm is taken for normal (Corominas 1996, Canadian
    Geotechnical Journal 33(2), fits logarithms; that their rest is normal is a choice of geo_risk).
    Each slide counts once for a cell, at the place of its way that most likely touches it.

    Parameters
    ----------
    elevation : (y, x) [m], square cells, NaN where missing: a way ends beside it.
    expected : (y, x) slides expected to start in each cell; NaN and what is not positive starts none.
    cell_m : cell side [m]. angle_deg : median angle of reach, in (0, 90). scatter : standard deviation of the logarithm
        of its tangent, > 0. length_m : no way is longer than this, measured along it.
    touch : (2 n + 1, 2 n + 1) share of the slides in the middle cell that touch what stands in each cell around.

    Returns
    -------
    (y, x) float64, not negative. Cells farther than length_m / cell_m + n rows or columns from a cell do not change it.

    Raises
    ------
    ValueError : shapes differ, `touch` is not odd and square in [0, 1], or a number is out of its range.
    """
    z = np.ascontiguousarray(elevation, dtype=np.float64)
    slides = np.ascontiguousarray(expected, dtype=np.float64)
    around = np.ascontiguousarray(touch, dtype=np.float64)
    if z.ndim != 2 or z.shape != slides.shape:
        msg = f"elevation has shape {z.shape}, expected {slides.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    square = around.ndim == 2 and around.shape[0] == around.shape[1] and around.shape[0] % 2 == 1
    if not (square and ((around >= 0) & (around <= 1)).all()):
        msg = f"touch has shape {around.shape}; an odd square of shares 0 to 1 needed"
        raise ValueError(msg)
    if not (0 < angle_deg < 90 and 0 < cell_m < math.inf and 0 < scatter < math.inf and 0 <= length_m < math.inf):
        msg = (
            f"angle {angle_deg} deg, cell {cell_m} m, scatter {scatter}, length {length_m} m: "
            "needs (0, 90), > 0, > 0, >= 0"
        )
        raise ValueError(msg)
    middle = math.log(math.tan(math.radians(angle_deg)))
    out: NDArray[np.float64] = _passing(z, slides, cell_m, middle, scatter * math.sqrt(2.0), length_m, around)
    return out


@njit(cache=True, nogil=True)
def _steepest(z: Any) -> Any:
    """Return the flat index of the neighbour that the ground falls to most steeply, the cell's own where none."""
    n_y, n_x = z.shape
    out = np.empty(n_y * n_x, dtype=np.int64)
    for row in range(n_y):
        for column in range(n_x):
            best, to = 0.0, row * n_x + column
            for i in range(max(0, row - 1), min(n_y, row + 2)):
                for j in range(max(0, column - 1), min(n_x, column + 2)):
                    across = 1.0 if i == row or j == column else 0.7071067811865476
                    fall = (z[row, column] - z[i, j]) * across
                    if fall > best:  # never for NaN
                        best, to = fall, i * n_x + j
            out[row * n_x + column] = to
    return out


@njit(cache=True, nogil=True)
def _passing(z: Any, slides: Any, cell_m: float, middle: float, width: float, length_m: float, touch: Any) -> Any:
    n_y, n_x = z.shape
    n = touch.shape[0] // 2
    wide = n_x + 2 * n  # with a frame, so that no neighbour lies off the array
    out = np.zeros((n_y + 2 * n) * wide)
    seen = np.full(len(out), -1, dtype=np.int64)
    share = np.zeros(len(out))
    offsets = np.array([i * wide + j for i in range(-n, n + 1) for j in range(-n, n + 1)])
    weights = touch.reshape(-1)
    height, expected = z.reshape(-1), slides.reshape(-1)
    below = _steepest(z)
    for start in range(n_y * n_x):
        count, top = expected[start], height[start]
        if not count > 0 or math.isnan(top):
            continue
        at, length, chance, least = start, 0.0, 1.0, math.inf
        down, across = 0, 0
        while chance >= LEAST_CHANCE:
            framed = (at // n_x + n) * wide + at % n_x + n
            for k in range(len(offsets)):
                near = framed + offsets[k]
                here = chance * weights[k]
                before = share[near] if seen[near] == start else 0.0
                if here > before:
                    out[near] += count * (here - before)
                    seen[near], share[near] = start, here
            to = below[at]
            if to == at:  # what comes to level ground, as maps in whole metres are full of, does not stop at its edge
                row, column = at // n_x + down, at % n_x + across
                to = row * n_x + column
                if not (0 <= row < n_y and 0 <= column < n_x and to != at and height[to] == height[at]):
                    break
            down, across = to // n_x - at // n_x, to % n_x - at % n_x
            length += cell_m * (1.0 if down == 0 or across == 0 else 1.4142135623730951)
            if length > length_m:
                break
            at = to
            slope = (top - height[at]) / length
            if slope < least:
                least = slope
                if not least > 0:
                    break
                chance = 0.5 * (1.0 + math.erf((math.log(least) - middle) / width))
    return out.reshape(n_y + 2 * n, wide)[n : n_y + n, n : n_x + n].copy()


def touch_shares(cell_m: float, width_m: float, house_m: float) -> NDArray[np.float64]:
    """Return the share of slides through a cell that touch a house in it and in the cells around it.

    The middle line of a slide and the middle of a house are equally likely anywhere in their cells; along one axis they
    are then nearer than h = (width + house) / 2 with the probability of a triangular distribution. Both axes count as
    if independent.

    Parameters
    ----------
    cell_m, width_m, house_m : cell side, width of a slide and of a house [m], > 0.

    Returns
    -------
    (2 n + 1, 2 n + 1), falling outwards from the middle.
    """
    if not (0 < cell_m < math.inf and 0 < width_m < math.inf and 0 < house_m < math.inf):
        msg = f"cell {cell_m} m, width {width_m} m, house {house_m} m: > 0 needed"
        raise ValueError(msg)
    half = (width_m + house_m) / (2 * cell_m)
    n = math.ceil(half)
    offset = np.abs(np.arange(-n, n + 1))
    # P(|offset + u| <= half), u triangular on [-1, 1]
    axis = _triangular(half - offset) - _triangular(-half - offset)
    return np.outer(axis, axis)


def _triangular(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(u <= x) of u triangular on [-1, 1] about 0."""
    below, above = 0.5 * (1 + np.clip(x, -1, 0)) ** 2, 1 - 0.5 * (1 - np.clip(x, 0, 1)) ** 2
    return np.where(x < 0, below, above)
