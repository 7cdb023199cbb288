"""Inverse of small symmetric matrices, for the kernels that solve one for every pixel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def invert_spd(matrix: F64, inverse: F64) -> bool:
    """Invert a small symmetric positive definite matrix in place of `inverse`; False where it is singular.

    Parameters
    ----------
    matrix : (p, p). Left untouched.
    inverse : (p, p), overwritten.
    """
    p = matrix.shape[0]
    lower = np.zeros((p, p))
    for i in range(p):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 1e-12 * matrix[i, i]:
                    return False
                lower[i, i] = math.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    column = np.zeros(p)
    for c in range(p):
        for i in range(p):
            total = 1.0 if i == c else 0.0
            for k in range(i):
                total -= lower[i, k] * column[k]
            column[i] = total / lower[i, i]
        for i in range(p - 1, -1, -1):
            total = column[i]
            for k in range(i + 1, p):
                total -= lower[k, i] * column[k]
            column[i] = total / lower[i, i]
        for i in range(p):
            inverse[i, c] = column[i]
    return True
