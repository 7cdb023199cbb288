"""What drains to each cell, in one pass: cells, a weight over the known ones, the longest way and the highest ground.

All of it is counted in whole numbers, so that no order or block changes a sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.d8 import downstream
from geo_risk.kernels.priority_flood import MISSING, OUTLET

WAY_STEPS = 2**40
"""Steps of a cell side in which ways are counted: ways of up to 8 million cells, with an error of 3e-13."""

WEIGHT_STEPS = 2**32
"""Steps of a unit in which the fractions of weights are counted: exact over 2e9 cells."""

_DIAGONAL = round(2**0.5 * WAY_STEPS)


class Contributions(NamedTuple):
    """Of each cell's upslope area, its own included; one shape, int64 but `highest`.

    Attributes
    ----------
    n_cells, n_known : cells, and those with a weight.
    whole, part : sum of the weights' whole units, and of their fractions in `1 / WEIGHT_STEPS`.
    way : the longest way of water to the cell in `1 / WAY_STEPS` cell sides (a diagonal step is sqrt(2)).
    highest : greatest height.
    """

    n_cells: NDArray[np.int64]
    n_known: NDArray[np.int64]
    whole: NDArray[np.int64]
    part: NDArray[np.int64]
    way: NDArray[np.int64]
    highest: NDArray[np.float64]

    @classmethod
    def own(cls, weight: NDArray[Any], height: NDArray[Any]) -> Contributions:
        """Return what each cell contributes itself.

        Parameters
        ----------
        weight : (y, x) >= 0, below 4e9; NaN is unknown and counts in `n_cells` alone. height : (y, x).
        """
        known = np.isfinite(weight)
        given = np.where(known, weight, 0.0).astype(np.float64)
        whole = np.floor(given)
        return cls(
            np.ones(given.shape, np.int64), known.astype(np.int64), whole.astype(np.int64),
            np.rint((given - whole) * WEIGHT_STEPS).astype(np.int64), np.zeros(given.shape, np.int64),
            np.array(height, dtype=np.float64),
        )  # fmt: skip

    @property
    def mean_weight(self) -> NDArray[np.float64]:
        """Mean of the known weights; NaN where none is known."""
        total = self.whole + self.part / WEIGHT_STEPS
        unknown = np.full(total.shape, np.nan)
        mean: NDArray[np.float64] = np.divide(total, self.n_known, out=unknown, where=self.n_known > 0)
        return mean

    @property
    def way_cells(self) -> NDArray[np.float64]:
        """The longest way in cell sides."""
        length: NDArray[np.float64] = self.way / WAY_STEPS
        return length


def carry_down(direction: NDArray[np.int8], order: NDArray[np.int64], own: Contributions) -> None:
    """Add up the contributions along the way of the water, in place.

    Parameters
    ----------
    direction, order : as `d8.flow_direction` and `d8.drainage_order` return them.
    own : what each cell contributes itself; (y, x), contiguous.
    """
    _carry(direction.ravel(), order, *(values.reshape(-1) for values in own), direction.shape[1])


@njit(cache=True, nogil=True)
def _carry(
    direction: Any, order: Any, n_cells: Any, n_known: Any, whole: Any, part: Any, way: Any, highest: Any, n_x: int
) -> None:
    for k in range(order.size):
        c = order[k]
        below = downstream(c, direction[c], n_x)
        if below >= 0:
            n_cells[below] += n_cells[c]
            n_known[below] += n_known[c]
            whole[below] += whole[c]
            part[below] += part[c]
            way[below] = max(way[below], way[c] + (_DIAGONAL if direction[c] % 2 == 1 else WAY_STEPS))
            highest[below] = max(highest[below], highest[c])


def ways_out(direction: NDArray[np.int8], order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the water of each cell ends in a block whose directions end at its border, and how long its way is.

    Parameters
    ----------
    direction, order : as above; OUTLET where water leaves the block.

    Returns
    -------
    (y, x) flat index of the last cell, -1 where missing; (y, x) way in `1 / WAY_STEPS` cell sides.
    """
    last, way = np.full(direction.shape, -1, np.int64), np.zeros(direction.shape, np.int64)
    _lead(direction.ravel(), order, last.reshape(-1), way.reshape(-1), direction.shape[1])
    return last, way


@njit(cache=True, nogil=True)
def _lead(direction: Any, order: Any, last: Any, way: Any, n_x: int) -> None:
    for k in range(order.size - 1, -1, -1):
        c = order[k]
        below = downstream(c, direction[c], n_x)
        if below >= 0:
            last[c], way[c] = last[below], way[below] + (_DIAGONAL if direction[c] % 2 == 1 else WAY_STEPS)
        else:
            last[c] = c


def pass_between(below: NDArray[np.int64], way: NDArray[np.int64], own: Contributions) -> None:
    """Add up contributions over nodes that each pass what they have to one other node, in place.

    Parameters
    ----------
    below : (n,) node that each one passes to, -1 none. way : (n,) the way to it in `1 / WAY_STEPS` cell sides.
    own : (n,) each.

    Raises
    ------
    ValueError : the nodes form a ring.
    """
    if _between(below, way, *own) != below.size:
        msg = "the nodes form a ring"
        raise ValueError(msg)


@njit(cache=True, nogil=True)
def _between(below: Any, step: Any, n_cells: Any, n_known: Any, whole: Any, part: Any, way: Any, highest: Any) -> int:
    waits = np.zeros(below.size, dtype=np.int64)
    for c in range(below.size):
        if below[c] >= 0:
            waits[below[c]] += 1
    done = 0
    for start in range(below.size):
        c = start
        while c >= 0 and waits[c] == 0:
            waits[c] = -1
            done += 1
            d = below[c]
            if d >= 0:
                n_cells[d] += n_cells[c]
                n_known[d] += n_known[c]
                whole[d] += whole[c]
                part[d] += part[c]
                way[d] = max(way[d], way[c] + step[c])
                highest[d] = max(highest[d], highest[c])
                waits[d] -= 1
            c = d
    return done


def step_ways(codes: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the length of the step that each code makes, in `1 / WAY_STEPS` cell sides; 0 for OUTLET and MISSING."""
    straight = np.where(codes % 2 == 1, _DIAGONAL, WAY_STEPS)
    return np.where((codes == OUTLET) | (codes == MISSING), 0, straight).astype(np.int64)
