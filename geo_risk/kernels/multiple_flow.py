"""Sums over upslope areas by multiple flow directions: water parts among all lower neighbours.

A cell is added up once, from its donors in a fixed order, when all of them are known; so the result does not depend on
the order in which cells, or blocks of them, are worked on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, ROW_STEP

F64 = NDArray[np.float64]

HALO = 2
"""Cells around a block that are looked at: the donors around it, and what these have for neighbours."""

FREEMAN_EXPONENT = 1.1
"""Freeman (1991), Computers & Geosciences 17(3), 413-422: the power of the slope that keeps a cone's water radial."""

_HALF_SIDE, _DIAGONAL_SIDE = 0.5, 0.3535533905932738
"""Contour length of a neighbour in cell sides: Quinn et al. (1991), Hydrological Processes 5, 59-79."""


def multiple_flow(
    filled: NDArray[Any], direction: NDArray[np.int8], weight: NDArray[Any], around: F64, *,
    exponent: float = FREEMAN_EXPONENT, by_contour: bool = False,
) -> F64:  # fmt: skip
    """Sum of a weight over upslope areas in a block.

    A neighbour gets water in proportion to (drop / distance)^exponent (Freeman 1991); with `by_contour` that is
    weighted with the contour length towards it (Quinn et al. 1991, exponent 1). Where no neighbour is lower, on
    level ground and in filled hollows, all water takes the D8 way.

    Parameters
    ----------
    filled, direction : (y + 4, x + 4) surface without depressions, NaN missing, and its D8 codes, with a halo.
    weight : (y, x), known wherever the surface is. around : (y + 2, x + 2) what is known before: in the frame the
        neighbours' sums, inside those of an earlier call; NaN where they are not known (yet) or missing.

    Returns
    -------
    (y, x); NaN where missing and where a donor beyond the block is not known (yet).

    Raises
    ------
    ValueError : shapes do not fit, a weight is missing, or the exponent is not > 0.
    """
    shape = weight.shape
    wide = (shape[0] + 2 * HALO, shape[1] + 2 * HALO)
    if not (filled.shape == direction.shape == wide and around.shape == (shape[0] + 2, shape[1] + 2)
            and 0 < exponent < np.inf):  # fmt: skip
        msg = f"weight {shape}, filled {filled.shape}, direction {direction.shape}, around {around.shape} do not fit, "
        raise ValueError(msg + f"or the exponent {exponent} is not > 0")
    if np.isnan(weight[direction[HALO:-HALO, HALO:-HALO] != MISSING]).any():
        msg = "weights are missing where the surface is known"
        raise ValueError(msg)
    total = np.array(around, dtype=np.float64)
    own = np.ascontiguousarray(weight, dtype=np.float64)
    args = (np.ascontiguousarray(filled), np.ascontiguousarray(direction))
    shares = np.full((shape[0] + 2, shape[1] + 2), -1.0)  # made when a cell is first asked
    _gather(*args, own, float(exponent), by_contour, shares, total)
    return np.ascontiguousarray(total[1:-1, 1:-1])


@njit(cache=True, nogil=True, inline="always")
def _share(drop: float, k: int, exponent: float, by_contour: bool) -> float:
    """Water towards neighbour k, not yet divided by the sum; 0 where it is not lower."""
    if not drop > 0.0:
        return 0.0
    slope = drop * 0.7071067811865476 if k % 2 == 1 else drop
    part = slope if exponent == 1.0 else slope**exponent
    if by_contour:
        part *= _DIAGONAL_SIDE if k % 2 == 1 else _HALF_SIDE
    return float(part)


@njit(cache=True, nogil=True)
def _share_sum(z: Any, j: int, i: int, exponent: float, by_contour: bool) -> float:
    here, total = np.float64(z[j + 1, i + 1]), 0.0
    for k in range(8):
        total += _share(here - np.float64(z[j + 1 + ROW_STEP[k], i + 1 + COLUMN_STEP[k]]), k, exponent, by_contour)
    return total


@njit(cache=True, nogil=True)
def _gives(z: Any, codes: Any, sums: Any, j: int, i: int, k: int, exponent: float, by_contour: bool) -> float:
    """Share of its water that the cell (j, i) of the frame passes to its neighbour k."""
    code = codes[j + 1, i + 1]
    if code == MISSING:
        return 0.0
    if sums[j, i] < 0.0:
        sums[j, i] = _share_sum(z, j, i, exponent, by_contour)
    if sums[j, i] > 0.0:
        drop = np.float64(z[j + 1, i + 1]) - np.float64(z[j + 1 + ROW_STEP[k], i + 1 + COLUMN_STEP[k]])
        part: float = _share(drop, k, exponent, by_contour) / sums[j, i]
        return part
    return 1.0 if code == k else 0.0


@njit(cache=True, nogil=True)
def _gather(z: Any, codes: Any, own: Any, exponent: float, by_contour: bool, sums: Any, total: Any) -> None:
    ny, nx = own.shape
    waits = np.zeros((ny, nx), dtype=np.int8)
    ready = np.empty(own.size, dtype=np.int64)
    n_ready = 0
    for j in range(ny):
        for i in range(nx):
            if codes[j + 2, i + 2] == MISSING or not np.isnan(total[j + 1, i + 1]):
                continue
            for k in range(8):  # the donor in direction k gives towards the opposite one
                a, b = j + 1 + ROW_STEP[k], i + 1 + COLUMN_STEP[k]
                if np.isnan(total[a, b]) and _gives(z, codes, sums, a, b, (k + 4) % 8, exponent, by_contour) > 0.0:
                    waits[j, i] += 1
            if waits[j, i] == 0:
                ready[n_ready] = j * nx + i
                n_ready += 1
    while n_ready > 0:
        n_ready -= 1
        j, i = ready[n_ready] // nx, ready[n_ready] % nx
        water = own[j, i]
        for k in range(8):
            a, b = j + 1 + ROW_STEP[k], i + 1 + COLUMN_STEP[k]
            part = _gives(z, codes, sums, a, b, (k + 4) % 8, exponent, by_contour)
            if part > 0.0:
                water += part * total[a, b]
        total[j + 1, i + 1] = water
        for k in range(8):
            a, b = j + ROW_STEP[k], i + COLUMN_STEP[k]
            if (
                0 <= a < ny
                and 0 <= b < nx
                and waits[a, b] > 0
                and _gives(z, codes, sums, j + 1, i + 1, k, exponent, by_contour) > 0.0
            ):
                waits[a, b] -= 1
                if waits[a, b] == 0:
                    ready[n_ready] = a * nx + b
                    n_ready += 1
