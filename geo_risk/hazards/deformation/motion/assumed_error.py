"""The error that is assumed of a velocity map that has none: from how far places differ, near and far."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError

F64 = NDArray[np.float64]

_LINES = 500
_LEAST_MM_YR = 0.1
"""No radar knows a velocity better; choice of geo_risk."""
_FEWEST_PAIRS = 100


def assumed_sigma(velocity: xr.DataArray) -> tuple[float, float]:
    """Return the standard error to assume for the velocities of a map [mm/yr], and that of neighbours alone.

    Parameters
    ----------
    velocity : (y, x) [mm/yr], NaN unknown; some 500 of its rows and of its columns are read.

    Returns
    -------
    The larger of all robust standard deviations of a difference (1.4826 median |v1 - v2| / sqrt 2) of places 1, 2, 4,
    8, ... cells apart, up to a quarter of the map. Atmosphere is alike at neighbours, so that their differences alone
    call a map several times as sure as it is; places far apart have little of it in common. Ground that moves counts
    as error where it is more than half of the map: that errs on the side of not seeing.

    Raises
    ------
    DataError : no two known neighbours.
    """
    rows = np.asarray(velocity[:: max(1, velocity.sizes["y"] // _LINES)].to_numpy(), dtype=np.float64)
    columns = np.asarray(velocity[:, :: max(1, velocity.sizes["x"] // _LINES)].to_numpy(), dtype=np.float64).T
    near = [s for s in (_spread(rows, 1, 1), _spread(columns, 1, 1)) if s is not None]
    if not near:
        what = "the velocity map has no two known neighbours"
        raise DataError(what, where="velocity", fix="give a map with coherent pixels")
    far = [
        _spread(lines, lag, _FEWEST_PAIRS)
        for lines in (rows, columns) for lag in (2**k for k in range(1, 20)) if lag <= lines.shape[1] // 4
    ]  # fmt: skip
    return max([*near, *(s for s in far if s is not None), _LEAST_MM_YR]), max(*near, _LEAST_MM_YR)


def _spread(lines: F64, lag: int, fewest: int) -> float | None:
    """Return the standard deviation of one of two values of a line so far apart; None where too few pairs are known."""
    apart = lines[:, lag:] - lines[:, :-lag]
    known = np.abs(apart[np.isfinite(apart)])
    return float(1.4826 * np.median(known) / np.sqrt(2)) if known.size >= fewest else None
