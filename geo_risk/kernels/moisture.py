"""Curve numbers for dry and wet ground, and the antecedent class that the rain of the days before suggests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

DRY, AVERAGE, WET = 1, 2, 3
"""Antecedent runoff conditions I, II and III."""


def dry_curve_number(curve_number: ArrayLike) -> Array:
    """Curve number of dry ground (condition I): CN / (2.281 - 0.01281 CN), Hawkins et al. (1985).

    Hawkins, Hjelmfelt & Zevenbergen (1985), Runoff probability, storm depth, and curve numbers, J. Irrig. Drain. Eng.
    111(4), 330-340. It follows NEH-4 table 10.1 to 1.3 up to CN 85 and lies 1.8 and 2.3 above it
    at 90 and 95, on the wet side.

    Parameters
    ----------
    curve_number : any shape [1], of average ground.

    Returns
    -------
    The same shape [1], never above `curve_number`; NaN where that is missing or outside (0, 100].
    """
    number = _possible(curve_number)
    # the fit passes 100 / 1.0 = 100 at CN 100; rounding must not lift it above the average
    out: Array = np.minimum(number / (2.281 - 0.01281 * number), number)
    return out


def wet_curve_number(curve_number: ArrayLike) -> Array:
    """Curve number of wet ground (condition III): CN / (0.427 + 0.00573 CN), Hawkins et al. (1985).

    Parameters, Returns
    -------------------
    As `dry_curve_number`; never below `curve_number`, never above 100.
    """
    number = _possible(curve_number)
    out: Array = np.clip(number / (0.427 + 0.00573 * number), number, 100.0)
    return out


def antecedent_class(rain_5d_mm: ArrayLike, limits_mm: tuple[float, float], *, is_whole: ArrayLike = True) -> Array:
    """Antecedent class by the rain of the five days before a storm: 1 dry, 2 average, 3 wet (NEH-4, 1972, table 4.2).

    Parameters
    ----------
    rain_5d_mm : any shape [mm].
    limits_mm : dry below the first, wet above the second; 35.6 and 53.3 in the growing season, 12.7 and 27.9 out of it.
    is_whole : broadcastable, whether all five days are known. Where they are not, the sum is a lower bound: it can show
        wet ground, never dry.

    Returns
    -------
    Array of the broadcast shape; 2 where the rain is missing (nothing is known of it).

    Raises
    ------
    ValueError : the limits do not rise from 0.
    """
    if not 0 <= limits_mm[0] <= limits_mm[1] < np.inf:
        msg = f"limits_mm is {limits_mm}; two numbers >= 0 that do not fall needed"
        raise ValueError(msg)
    rain, whole = np.broadcast_arrays(np.asarray(rain_5d_mm, np.float64), np.asarray(is_whole, bool))
    out = np.full(rain.shape, float(AVERAGE))
    out[rain > limits_mm[1]] = WET
    out[whole & (rain >= 0) & (rain < limits_mm[0])] = DRY
    return out


def moistened(curve_number: ArrayLike, condition: ArrayLike) -> Array:
    """Curve number of ground in an antecedent condition.

    Parameters
    ----------
    curve_number : any shape [1], of average ground.
    condition : broadcastable, 1, 2 or 3; anything else gives NaN.
    """
    number, state = np.broadcast_arrays(np.asarray(curve_number, np.float64), np.asarray(condition, np.float64))
    return np.select(
        [state == DRY, state == AVERAGE, state == WET],
        [dry_curve_number(number), _possible(number), wet_curve_number(number)],
        default=np.nan,
    )


def _possible(curve_number: ArrayLike) -> Array:
    number = np.asarray(curve_number, np.float64)
    return np.where((number > 0) & (number <= 100), number, np.nan)
