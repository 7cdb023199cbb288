"""When a bowl began to sink, from how far it had come on each date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_motion
from geo_risk.hazards.deformation.mining.bowl_series import Cut

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Progress:
    """How far a bowl had come on each date of all tracks, by time.

    Attributes
    ----------
    years : (m,) since the first date.
    share : (m,) of the whole sinking, by least squares; sigma : its standard error.
    expected : (m,) what the fitted bowl would give.
    """

    years: F64
    share: F64
    sigma: F64
    expected: F64


@dataclass(frozen=True)
class Onset:
    """When a bowl began to sink: years since the first date with a 95 % interval, all 0 where it already sank then."""

    years: float
    low: float
    high: float

    @property
    def is_before_start(self) -> bool:
        """Whether it sank from the first date on."""
        return self.years <= 0


def progress_of(bowl: Bowl, cuts: Sequence[Cut], *, near: Sequence[Bool]) -> Progress:
    """Return how far a bowl had come on each date.

    Parameters
    ----------
    bowl : fitted over the whole span.
    cuts, near : tracks against stable ground, and the cells of each that the bowl was fitted to.

    Returns
    -------
    Progress. A date's share is the least-squares scale of the bowl's final pattern on the cells known then that carry
    at least a fifth of its largest value; its error is the spread of the residuals over the pattern's norm, and not
    less than half of what neighbouring dates differ by. Dates with fewer than three such cells are left out.
    """
    rows: list[tuple[float, float, float, float]] = []
    for cut, use in zip(cuts, near, strict=True):
        pattern = _pattern(bowl, cut, use, 1.0)
        strong = np.abs(pattern) >= 0.2 * float(np.max(np.abs(pattern), initial=0.0))
        for t, values in zip(cut.years, cut.displacement_mm[:, use], strict=True):
            known = np.isfinite(values) & strong
            norm = float(pattern[known] @ pattern[known])
            if known.sum() < 3 or not norm > 0:
                continue
            share = float(pattern[known] @ values[known]) / norm
            so_far = _pattern(bowl, cut, use, float(t) / bowl.span_yr)[known]
            error = float(np.std(values[known] - share * pattern[known])) / np.sqrt(norm)
            rows.append((float(t), share, error, float(pattern[known] @ so_far) / norm))
    if not rows:
        return Progress(*(np.zeros(0) for _ in range(4)))
    years, share, sigma, expected = np.array(sorted(rows)).T
    floor = float(np.median(np.abs(np.diff(share)))) / 2 if len(share) > 1 else 0.0
    return Progress(years, share, np.maximum(sigma, max(floor, 1e-6)), expected)


def _pattern(bowl: Bowl, cut: Cut, use: Bool, end: float) -> F64:
    if not end > 0:
        return np.zeros(int(use.sum()))
    move = bowl_motion(bowl, cut.x[use], cut.y[use], end=min(end, 1.0), cell_m=cut.cell_m)
    return np.asarray(sum(c * m for c, m in zip(cut.los[:, use], move, strict=True)), dtype=np.float64)


def onset_of(progress: Progress) -> Onset:
    """Return when a bowl began to sink: the change point of share = a + c max(expected(t) - expected(t0), 0).

    A later start than the first date is stated only where it lowers the residual beyond an F test at 0.001 and some
    tenth of the span has passed; the interval holds what the same test at 0.05 does not exclude, and a date more on
    either side. Fewer than 8 dates tell nothing.
    """
    t, y, w = progress.years, progress.share, 1 / progress.sigma
    begins = np.unique(t)
    if len(begins) < 8:
        return Onset(0.0, 0.0, 0.0)
    cost = np.array([_hinge_cost(progress, w, float(np.interp(b, t, progress.expected))) for b in begins[:-4]])
    free = len(y) - 3
    best = int(np.argmin(cost))
    late = float(begins[best] - begins[0]) >= 0.1 * float(begins[-1] - begins[0])
    if not (late and cost[0] > cost[best] * (1 + stats.f.isf(0.001, 1, free) / free)):
        return Onset(0.0, 0.0, 0.0)
    likely = np.flatnonzero(cost <= cost[best] * (1 + stats.f.isf(0.05, 1, free) / free))
    # between two dates nothing is known: a date more on either side
    low, high = begins[max(likely.min() - 1, 0)], begins[min(likely.max() + 1, len(begins) - 1)]
    return Onset(float(begins[best]), float(low), float(high))


def _hinge_cost(progress: Progress, weight: F64, begin: float) -> float:
    basis = np.stack([np.ones(len(weight)), np.maximum(progress.expected - begin, 0.0)], axis=1) * weight[:, None]
    fitted, *_ = np.linalg.lstsq(basis, progress.share * weight, rcond=None)
    rest = progress.share * weight - basis @ fitted
    return float(rest @ rest)
