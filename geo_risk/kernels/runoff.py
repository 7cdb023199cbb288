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
