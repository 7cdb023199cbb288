"""Landslides set off by shaking: the model of Nowicki Jessee et al. (2018), J. Geophys. Res. Earth Surf. 123.

The logit is -6.30 + 1.65 ln(PGV) + 0.06 slope + lithology + 0.03 CTI + land cover + 0.01 ln(PGV) slope (eq 8 and table
3), PGV in cm/s, slope in degrees; the expected share of the area in slides is exp(-7.592 + 5.237 P - 3.042 P2 + 4.035
P3) (eq 9). The clips, and that ground no steeper than 2 degrees has none, are those of the US Geological Survey's
operational code (usgs/groundfailure, jessee_2018, public domain).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PGV_MAX_CM_S = 211.0
CTI_MAX = 19.0
FLAT_SLOPE_DEG = 2.0
"""Settings of the operational code: clip of PGV and CTI, and the slope at and below which the coverage is 0."""


def slide_probability(
    pgv_cm_s: NDArray[Any], slope_deg: NDArray[Any], lithology: NDArray[Any], landcover: NDArray[Any], cti: NDArray[Any]
) -> NDArray[np.float64]:
    """Probability of landslide occurrence by the model [1].

    Parameters
    ----------
    pgv_cm_s : peak ground velocity; clipped at 211 cm/s; 0 has no logarithm and gives 0.
    slope_deg : 0 to 90. lithology, landcover : their terms of the logit. cti : compound topographic index, clipped to
        0-19. All of one shape.

    Returns
    -------
    float64, 0 to 1; NaN where an input is NaN, PGV is negative or infinite, or the slope outside 0-90.
    """
    given = (pgv_cm_s, slope_deg, lithology, landcover, cti)
    pgv, slope, rock, cover, index = (np.asarray(v, np.float64) for v in given)
    good = (pgv >= 0) & np.isfinite(pgv) & (slope >= 0) & (slope <= 90)
    good &= np.isfinite(rock) & np.isfinite(cover) & np.isfinite(index)
    shaken = good & (pgv > 0)
    log_pgv = np.log(np.where(shaken, np.minimum(pgv, PGV_MAX_CM_S), 1.0))
    logit = -6.30 + 1.65 * log_pgv + 0.06 * slope + rock + 0.03 * np.clip(index, 0, CTI_MAX) + cover
    logit = np.where(shaken, logit + 0.01 * log_pgv * slope, 0.0)
    with np.errstate(over="ignore"):
        p = np.where(shaken, 1 / (1 + np.exp(-logit)), 0.0)
    return np.where(good, p, np.nan)


def slide_coverage(probability: NDArray[Any], slope_deg: NDArray[Any]) -> NDArray[np.float32]:
    """Expected share of the area in landslides [1], eq 9; 0 where the slope is at most 2 degrees.

    Returns
    -------
    float32, 0.0005 to 0.256 on slopes above 2 degrees; NaN where the probability or the slope is NaN.
    """
    p, slope = np.asarray(probability, np.float64), np.asarray(slope_deg, np.float64)
    share = np.exp(-7.592 + 5.237 * p - 3.042 * p**2 + 4.035 * p**3)
    out = np.where(np.isnan(p) | np.isnan(slope), np.nan, np.where(slope > FLAT_SLOPE_DEG, share, 0.0))
    return out.astype(np.float32)
