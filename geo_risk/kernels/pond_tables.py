"""Rows of a table of depressions that grow block by block: cells, runoff, and the cell where each one spills."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP

Labels = NDArray[np.int64]


def codes_within(direction: NDArray[np.int8], wet: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the directions in ponds: OUTLET where the next cell is dry, MISSING outside.

    Parameters
    ----------
    direction : (y, x) D8 codes. wet : (y + 2, x + 2) with a frame of neighbours.

    Raises
    ------
    ValueError : the shapes do not fit.
    """
    if wet.shape != (direction.shape[0] + 2, direction.shape[1] + 2):
        msg = f"direction has shape {direction.shape}, wet {wet.shape}; a frame of one cell needed"
        raise ValueError(msg)
    out = np.full(direction.shape, MISSING, dtype=np.int8)
    _keep_inside(np.ascontiguousarray(direction), wet, out)
    return out


@njit(cache=True, nogil=True)
def _keep_inside(codes: Any, wet: Any, out: Any) -> None:
    for j in range(codes.shape[0]):
        for i in range(codes.shape[1]):
            code = codes[j, i]
            if code != MISSING and wet[j + 1, i + 1]:
                inside = code != OUTLET and wet[j + 1 + ROW_STEP[code], i + 1 + COLUMN_STEP[code]]
                out[j, i] = code if inside else OUTLET


class SpillCells:
    """The cell of each depression from which most of its water leaves, the first among equals.

    `cell` is its flat index in the grid, `code` its direction, (n,) each.
    """

    def __init__(self, n: int) -> None:
        self.most = np.zeros(n)
        self.cell = np.full(n, -1, np.int64)
        self.code = np.full(n, OUTLET, np.int8)

    def take(self, label: NDArray[Any], count: NDArray[Any], cell: Labels, code: NDArray[np.int8]) -> None:
        """Look at some cells whose water leaves their depression: its label, the cells it collects, place, code."""
        _take_most(label, count, cell, code, self.most, self.cell, self.code)


@njit(cache=True, nogil=True)
def _take_most(label: Any, count: Any, cell: Any, codes: Any, most: Any, spill: Any, code: Any) -> None:
    for t in range(label.size):
        k = label[t] - 1
        if count[t] > most[k] or (count[t] == most[k] and cell[t] < spill[k]):
            most[k], spill[k], code[k] = count[t], cell[t], codes[t]


def add_up(label: NDArray[Any], values: tuple[Labels, ...], totals: tuple[Labels, ...]) -> None:
    """Add whole numbers of some cells to the totals of their labels, in place; totals[.][label] must exist."""
    for value, total in zip(values, totals, strict=True):
        _add_up(label, value, total)


@njit(cache=True, nogil=True)
def _add_up(label: Any, value: Any, total: Any) -> None:
    for c in range(label.size):
        total[label[c]] += value[c]


def count_labels(labels: NDArray[Any], totals: Labels) -> None:
    """Add the number of cells of each label to its total, in place."""
    _count(np.ascontiguousarray(labels).reshape(-1), totals)


@njit(cache=True, nogil=True)
def _count(labels: Any, totals: Any) -> None:
    for c in range(labels.size):
        totals[labels[c]] += 1
