"""Weights from comparisons of two criteria at a time (analytic hierarchy process), and how far these agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HIGHEST_RATIO = 0.1
"""Consistency ratio above which comparisons contradict one another too much to make weights (Saaty 1980)."""

_SCALE = range(1, 10)


@dataclass(frozen=True)
class PairwiseWeights:
    """Weights of a matrix of comparisons.

    Attributes
    ----------
    weights : (m,) of sum one: the principal eigenvector (Saaty 1977).
    ratio : consistency ratio, (lambda_max - m) / (m - 1) over the mean of random matrices (Tummala & Ling 1998; within
        1 % of Saaty's own table for m from 3 to 9); 0 for two criteria.
    worst : the two criteria whose comparison is farthest from the ratio of their weights.
    worst_given, worst_expected : that comparison, and the ratio of the weights.
    """

    weights: Array
    ratio: float
    worst: tuple[str, str]
    worst_given: float
    worst_expected: float


def pairwise_weights(comparisons: Mapping[str, Mapping[str, int]], names: Sequence[str]) -> PairwiseWeights:
    """Return the weights of comparisons.

    Parameters
    ----------
    comparisons : `{"a": {"b": 3}}`: a is three times as important as b; whole numbers 1 (equal) to 9 (extremely more).
        Each pair of criteria once, from the side of the more important.
    names : (m,) of the criteria.

    Raises
    ------
    ValueError : a pair is missing or given twice, a name is unknown, a number is not on the scale, or the consistency
        ratio is above 0.1; the message names the pair.
    """
    from pymcdm.weights.subjective import AHP

    matrix = comparison_matrix(comparisons, names)
    model = AHP(matrix=matrix)
    weights = np.asarray(model(), dtype=np.float64)
    ratio = max(0.0, float(model.get_cr()))
    pairs = list(combinations(range(len(names)), 2))
    off = [abs(np.log(matrix[i, j] * weights[j] / weights[i])) for i, j in pairs]
    i, j = pairs[int(np.argmax(np.round(off, 9)))]
    if matrix[i, j] < 1:
        i, j = j, i
    made = PairwiseWeights(
        weights, ratio, (names[i], names[j]), float(matrix[i, j]), float(weights[i] / weights[j])
    )  # fmt: skip
    if not ratio <= HIGHEST_RATIO:
        what = (
            f"the comparisons contradict one another: consistency ratio {ratio:.2f}, at most {HIGHEST_RATIO} allowed; "
            f"most of all {made.worst[0]}: {{{made.worst[1]}: {made.worst_given:.0f}}}, where all together say "
            f"{made.worst_expected:.1f}"
        )
        raise ValueError(what)
    return made


def comparison_matrix(comparisons: Mapping[str, Mapping[str, int]], names: Sequence[str]) -> Array:
    """Return the reciprocal matrix of comparisons, (m, m); raises ValueError as `pairwise_weights` does."""
    given = {(a, b): value for a, row in comparisons.items() for b, value in row.items()}
    for (a, b), value in given.items():
        unknown = [n for n in (a, b) if n not in names]
        if unknown or a == b:
            what = f"{a}: {{{b}: {value}}} compares {unknown or 'a criterion with itself'}; there are {list(names)}"
            raise ValueError(what)
        if isinstance(value, bool) or value not in _SCALE:
            what = (
                f"{a}: {{{b}: {value}}} is not on the scale of whole numbers 1 to 9; the less important one is inside"
            )
            raise ValueError(what)
        if (b, a) in given:
            what = f"{a} and {b} are compared twice"
            raise ValueError(what)
    matrix = np.eye(len(names))
    for i, j in combinations(range(len(names)), 2):
        a, b = names[i], names[j]
        if (a, b) not in given and (b, a) not in given:
            what = f"{a} and {b} are not compared; each pair of {list(names)} is needed once"
            raise ValueError(what)
        matrix[i, j] = given[a, b] if (a, b) in given else 1 / given[b, a]
        matrix[j, i] = 1 / matrix[i, j]
    return matrix
