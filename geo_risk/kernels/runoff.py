"""Direct runoff of a storm by the curve-number method."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def scs_runoff_mm(rain_mm: ArrayLike, curve_number: ArrayLike, *, ia_ratio: float = 0.2) -> Array:
    """Direct runoff depth [mm]: USDA TR-55 (1986) eqs 2-1 and 2-4.

    Parameters
    ----------
    rain_mm : any shape [mm], depth of the storm (or of the storm so far).
    curve_number : broadcastable [1].
    ia_ratio : initial abstraction as a share of the retention, 0 <= ia_ratio < 1; TR-55 uses 0.2.

    Returns
    -------
    Array of the broadcast shape [mm], between 0 and the rain. Rain < 0, a curve number outside (0, 100] or NaN in
    either gives NaN.

    Raises
    ------
    ValueError : ia_ratio outside [0, 1).
    """
    if not 0 <= ia_ratio < 1:
        msg = f"ia_ratio is {ia_ratio}; a number in [0, 1) needed"
        raise ValueError(msg)
    rain, number = np.broadcast_arrays(np.asarray(rain_mm, np.float64), np.asarray(curve_number, np.float64))
    good = (rain >= 0) & np.isfinite(rain) & (number > 0) & (number <= 100)
    rain, number = np.where(good, rain, np.nan), np.where(good, number, np.nan)
    retention = 25400 / number - 254
    excess = np.maximum(rain - ia_ratio * retention, 0)
    total = excess + retention
    share = np.divide(excess, total, out=np.where(good, 0.0, np.nan), where=total > 0)
    out: Array = excess * share
    return out


def runoff_rates_mm_h(
    rain_mm: ArrayLike, curve_number: ArrayLike, *, step_h: float, impervious_share: ArrayLike = 0.0
) -> Array:
    """Runoff rate of each interval of a storm [mm/h]: the growth of the curve-number runoff of the rain so far.

    Parameters
    ----------
    rain_mm : (t, y, x) or (t, n) [mm], rain of each interval in order.
    curve_number : (y, x) or (n,) [1] of the pervious ground.
    step_h : length of an interval [h], > 0.
    impervious_share : number or (y, x) or (n,), 0-1; this share of the rain runs off at once.

    Returns
    -------
    Array like rain_mm [mm/h], >= 0; NaN where an input is missing or out of range (a gap in time makes all later
    intervals NaN).

    Raises
    ------
    ValueError : step_h is not > 0.
    """
    if not step_h > 0:
        msg = f"step_h is {step_h}; a number > 0 needed"
        raise ValueError(msg)
    rain = np.asarray(rain_mm, np.float64)
    share = np.asarray(impervious_share, np.float64)
    share = np.where((share >= 0) & (share <= 1), share, np.nan)
    so_far = np.cumsum(np.where(rain >= 0, rain, np.nan), axis=0)
    total = share * so_far + (1 - share) * scs_runoff_mm(so_far, curve_number)
    # rounding may make a step of an unchanged sum negative in the last digit
    out: Array = np.maximum(np.diff(total, axis=0, prepend=0.0), 0.0) / step_h
    return out
