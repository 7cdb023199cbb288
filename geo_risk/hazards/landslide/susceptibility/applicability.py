"""Area of applicability: places that resemble nothing the model has learned from are unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.susceptibility.encoding import FactorEncoder

CASES = 4000
"""Cases that places are compared with at most; fewer make the area smaller, never larger (choice of geo_risk)."""

_LEAST_BOUND = 1e-9


@dataclass(frozen=True)
class Applicability:
    """Where a model may be asked (Meyer and Pebesma 2021, Methods Ecol. Evol. 12, 1620-1633).

    Attributes
    ----------
    encoder : brings factors to one scale. weight : (column,) importance of each column.
    tree : of the weighted cases learned from. mean_distance : between two of them.
    threshold : largest dissimilarity index of a place that is inside.
    """

    encoder: FactorEncoder
    weight: NDArray[np.float64]
    tree: Any
    mean_distance: float
    threshold: float

    def dissimilarity(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance (case,) to the nearest case learned from over their mean distance (eq. 2-4); NaN where unknown."""
        columns = self.encoder.transform(values) * self.weight
        known = ~np.isnan(columns).any(axis=1)
        out = np.full(len(columns), np.nan)
        if known.any():
            out[known] = self.tree.query(columns[known])[0] / self.mean_distance
        return out

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each case (case, factor) is inside; False where it is unknown.

        A case near enough is found fast where it need not be the nearest; only where none is, the nearest is sought.
        """
        columns = self.encoder.transform(values) * self.weight
        known = np.flatnonzero(~np.isnan(columns).any(axis=1))
        out = np.zeros(len(columns), dtype=np.bool_)
        # the tree squares its bound, so one of 0 (categories alone) must not become a number whose square is 0
        bound = max(np.nextafter(self.threshold * self.mean_distance, np.inf), _LEAST_BOUND)
        for eps in (3.0, 0.0):
            at = known[~out[known]]
            if len(at):
                found = self.tree.query(columns[at], eps=eps, distance_upper_bound=bound)[0]
                out[at] = found / self.mean_distance <= self.threshold
        return out


def applicability(
    values: NDArray[np.float64], fold: NDArray[np.int64], *, factors: tuple[str, ...],
    importance: NDArray[np.float64] | None = None, seed: int = 1,
) -> Applicability:  # fmt: skip
    """Find where a model may be asked from the cases it learned from.

    Parameters
    ----------
    values : (case, factor); cases with an unknown factor are left out.
    fold : (case,) of the cross-validation: a case's own fold does not count as near, so that the threshold is the
        largest dissimilarity that the validation has met. (The paper leaves out values beyond Q3 + 1.5 IQR; here the
        background is a random sample of the very area, and a few scattered cells of it would become unknown.)
    importance : (factor,) weights, not negative; None for equal ones.
    seed : of the choice of `CASES` cases among more.

    Raises
    ------
    DataError : fewer than two known cases, one fold, or no factor with a weight.
    """
    rows = np.flatnonzero(~np.isnan(FactorEncoder(factors).fit(values).transform(values)).any(axis=1))
    if len(rows) > CASES:
        rows = np.sort(np.random.default_rng([seed, 20_261_125]).choice(rows, CASES, replace=False))
    encoder = FactorEncoder(factors).fit(values[rows])
    weight = _by_column(encoder, np.ones(len(factors)) if importance is None else importance)
    if len(rows) < 2 or np.unique(fold[rows]).size < 2 or not weight.any():
        what = f"{len(rows)} known cases in {np.unique(fold[rows]).size} fold(s) make no area of applicability"
        raise DataError(what, where="landslide validation", fix="use at least two folds, and factors that tell")
    columns = encoder.transform(values[rows]) * weight
    mean = _mean_distance(columns, seed=seed)
    nearest = np.empty(len(rows))
    for k in np.unique(fold[rows]):
        own = fold[rows] == k
        nearest[own] = cKDTree(columns[~own]).query(columns[own])[0] / mean
    return Applicability(encoder, weight, cKDTree(columns), mean, float(nearest.max()))


def _by_column(encoder: FactorEncoder, importance: NDArray[np.float64]) -> NDArray[np.float64]:
    of_factor = dict(zip(encoder.names_, importance / max(float(np.max(importance)), 1e-300), strict=True))
    of_factor |= {"aspect_sin": of_factor.get("aspect_deg", 0.0), "aspect_cos": of_factor.get("aspect_deg", 0.0)}
    return np.array([of_factor[c.split("=")[0]] for c in encoder.columns_], dtype=np.float64)


def _mean_distance(columns: NDArray[np.float64], *, seed: int) -> float:
    """Return the mean distance of pairs of cases, from 20,000 pairs at most."""
    n = len(columns)
    rng = np.random.default_rng([seed, 20_261_126])
    if n * (n - 1) // 2 <= 20_000:
        first, second = np.triu_indices(n, 1)
    else:
        first = rng.integers(0, n, 20_000)
        second = (first + rng.integers(1, n, 20_000)) % n
    mean = float(np.linalg.norm(columns[first] - columns[second], axis=1).mean())
    return mean if mean > 0 else 1.0
