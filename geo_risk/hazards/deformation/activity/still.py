"""How fast the ground of a single pixel may move at most: what must be small before it is called stable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from geo_risk.hazards.deformation.activity.critical import base_columns
from geo_risk.hazards.deformation.motion.removal import Removal
from geo_risk.kernels.time_noise import correlated_errors

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_COLUMNS = 4
"""Constant, season and trend: a series too short for a season is never called stable."""


@dataclass(frozen=True)
class Stillness:
    """What a scene says of how sure the velocity of a still pixel is.

    Attributes
    ----------
    factor, freedom : by how much the correlation of the scene's noise in time widens the variance of a velocity, and
        its degrees of freedom.
    centre_mm_yr : how fast stable ground moves against the reference.
    is_possible : whether there is stable ground at all; without it nothing is known to stand still.
    """

    factor: float = 1.0
    freedom: float = float("inf")
    centre_mm_yr: float = 0.0
    is_possible: bool = True


def stillness_of(removal: Removal, t: F64) -> Stillness:
    """Return the stillness of a track from what its velocity step took off; t (time,) are its dates [yr]."""
    c = removal.correction
    if c is None:
        return Stillness()
    rows = np.flatnonzero(c.weights > 0)
    if not c.stable_share > 0 or len(rows) <= _COLUMNS:
        return Stillness(is_possible=False)
    share, tau = c.correlated_share, c.correlation_time_yr
    if not (share > 0 and tau > 0):
        return Stillness(freedom=float(len(rows) - _COLUMNS), centre_mm_yr=c.stable_velocity_mm_yr)
    design = np.ascontiguousarray(base_columns(t, season=True))
    root, factor = np.sqrt(c.weights), np.empty(_COLUMNS)
    g = design[rows] * root[rows, None]
    inverse = np.ascontiguousarray(np.linalg.pinv(g.T @ g))
    freedom = correlated_errors(design, t, c.spread, rows, len(rows), root, inverse, share, tau, factor)
    return Stillness(max(1.0, float(factor[-1])), float(freedom), c.stable_velocity_mm_yr)


def fastest_possible(found: dict[str, F32], n_dates: NDArray[np.integer], drift: F64, scene: Stillness) -> F64:
    """Return the end of the 95 % interval of the speed of each series that is farther from 0 [mm/yr].

    Parameters
    ----------
    found : (n,) velocity, velocity_std [mm/yr] and lag_one by name, of `classify_series`.
    n_dates : (n,) known dates of each series.
    drift : (n,) [mm/yr] how fast the background moves that the series was held against: wide slow motion is motion.
    scene : of `stillness_of`.

    Returns
    -------
    (n,) the larger of two bounds, one by the correlation of the series' own residuals and one by that of the scene;
    infinite where the series is too short or too correlated to tell, or the scene has no stable ground.
    """
    if not scene.is_possible:
        return np.full(len(drift), np.inf)
    std = found["velocity_std"].astype(np.float64)
    slow = (1 + found["lag_one"].astype(np.float64)) / (1 - found["lag_one"])
    own = n_dates - _COLUMNS * slow
    able = (own >= 1) & np.isfinite(std)
    plain = std * np.sqrt(np.where(able, own, 1) / np.maximum(n_dates - _COLUMNS, 1) / slow)
    alone = stats.t.ppf(0.975, np.where(able, own, 1)) * std
    together = stats.t.ppf(0.975, np.minimum(scene.freedom, np.maximum(own, 1))) * plain * np.sqrt(scene.factor)
    bound = np.abs(found["velocity"] + drift - scene.centre_mm_yr) + np.maximum(alone, together)
    out: F64 = np.where(able & np.isfinite(bound), bound, np.inf)
    return out
