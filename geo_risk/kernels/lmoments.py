"""L-moments of samples with gaps, and the generalised extreme value distribution fitted by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
_ROUNDS = 12
_GAMMA = np.vectorize(math.gamma, otypes=[np.float64])
_LN2, _LN3 = math.log(2), math.log(3)
EULER = 0.5772156649015329


def sample_l_moments(values: NDArray[np.floating[Any]]) -> tuple[F64, F64, F64, F64, NDArray[np.int64]]:
    """Return l1, l2, t3 = l3/l2, t4 = l4/l2 and the number of values, along axis 0.

    Parameters
    ----------
    values : (sample, ...); NaN is passed over.

    Returns
    -------
    Unbiased sample L-moments from probability-weighted moments (Hosking 1990, J. R. Stat. Soc. B 52, 105-124). NaN with
    fewer than four values; ratios are NaN where all values are the same.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    known = ~np.isnan(ordered)
    n = known.sum(axis=0)
    filled = np.where(known, ordered, 0.0)
    size = np.maximum(n, 4).astype(np.float64)
    place = np.arange(len(ordered), dtype=np.float64).reshape(-1, *[1] * (ordered.ndim - 1))
    weight = np.ones(ordered.shape)
    b = []
    for r in range(4):
        b.append((weight * filled).sum(axis=0) / size)
        weight = weight * np.maximum(place - r, 0) / (size - 1 - r)
    l2 = 2 * b[1] - b[0]
    l3 = 6 * b[2] - 6 * b[1] + b[0]
    l4 = 20 * b[3] - 30 * b[2] + 12 * b[1] - b[0]
    # below this share of the mean l2 is the rounding of equal values
    spread = np.where((n >= 4) & (l2 > 1e-12 * np.abs(b[0])), l2, np.nan)
    few = n < 4
    return (np.where(few, np.nan, b[0]), np.where(few, np.nan, l2), l3 / spread, l4 / spread, n)


def gev_of_l_moments(l1: F64, l2: F64, t3: F64) -> tuple[F64, F64, F64]:
    """Return location, scale and shape k of the generalised extreme value distribution with these L-moments.

    F(x) = exp(-(1 - k (x - location) / scale)^(1/k)); k > 0 has an upper end. Hosking, Wallis & Wood (1985,
    Technometrics 27, 251-261): the shape solves t3 = 2 (1 - 3^-k) / (1 - 2^-k) - 3, begun at their approximation and
    refined by Newton. NaN where t3 is not within (-1, 1) or l2 is not above 0.
    """
    good = (np.abs(t3) < 1) & (l2 > 0)
    skew = np.where(good, t3, 0.17)
    c = 2 / (3 + skew) - _LN2 / _LN3
    k = np.clip(7.8590 * c + 2.9554 * c**2, -0.999, 10.0)
    for _ in range(_ROUNDS):
        step = 1e-5
        slope = (_skewness(k + step) - _skewness(k - step)) / (2 * step)
        k = np.clip(k - (_skewness(k) - skew) / slope, -0.9999, 20.0)
    near = np.abs(k) < 1e-6
    safe = np.where(near, 1.0, k)
    gamma = _GAMMA(1 + safe)
    scale = np.where(near, l2 / _LN2, l2 * safe / (-np.expm1(-safe * _LN2) * gamma))
    place = np.where(near, l1 - EULER * scale, l1 - scale * (1 - gamma) / safe)
    return tuple(np.where(good, v, np.nan) for v in (place, scale, np.where(near, 0.0, k)))  # type: ignore[return-value]


def gev_quantile(years: NDArray[np.floating[Any]] | float, location: F64, scale: F64, shape: F64) -> F64:
    """Return the value exceeded once in `years` years on average (years > 1); NaN where a parameter is."""
    reduced = -np.log(-np.log1p(-1 / np.asarray(years, dtype=np.float64)))
    near = np.abs(shape) < 1e-6
    safe = np.where(near, 1.0, shape)
    out: F64 = location + scale * np.where(near, reduced, -np.expm1(-safe * reduced) / safe)
    return out


def gev_years(value: NDArray[np.floating[Any]], location: F64, scale: F64, shape: F64) -> F64:
    """Return the return period [yr] of a value: 1 / (1 - F), from 1 on; infinite at and above an upper end.

    NaN where an input is.
    """
    near = np.abs(shape) < 1e-6
    safe = np.where(near, 1.0, shape)
    z = (np.asarray(value, dtype=np.float64) - location) / scale
    inside = 1 - safe * z
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        reduced = np.where(near, z, -np.log(np.maximum(inside, 0)) / safe)
        out: F64 = -1 / np.expm1(-np.exp(-reduced))
    return np.where(np.isnan(z), np.nan, out)


def _skewness(k: F64) -> F64:
    near = np.abs(k) < 1e-8
    safe = np.where(near, 1.0, k)
    ratio = np.where(near, _LN3 / _LN2, np.expm1(-safe * _LN3) / np.expm1(-safe * _LN2))
    return 2 * ratio - 3
