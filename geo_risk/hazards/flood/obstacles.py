"""Buildings that water flows around: ground raised under them, and what stands against their walls."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from geo_risk.kernels.inertial import FloodRun

Array = NDArray[np.float64]


def standing(obstacle_m: NDArray[Any], sinks_m3_s: NDArray[Any], record_cells: ArrayLike | None) -> Array:
    """Heights of obstacles without those on cells that a drain takes from or that are followed in time, (y, x) [m].

    Parameters
    ----------
    obstacle_m : (y, x), 0 where there is none; NaN counts as none. sinks_m3_s : (y, x).
    record_cells : flat indices, or None.
    """
    out = np.nan_to_num(np.asarray(obstacle_m, np.float64), nan=0.0)
    out[np.asarray(sinks_m3_s) > 0] = 0.0
    if record_cells is not None:
        out.reshape(-1)[np.asarray(record_cells, np.int64)] = 0.0
    return out


def against_walls(run: FloodRun, is_obstacle: NDArray[np.bool_]) -> FloodRun:
    """Give obstacles the gravest of what the run says of the ground against their walls.

    On a raised cell only the rain of the roof runs off, which says nothing of the house: a dry roof is not a dry house.

    Parameters
    ----------
    run : over the raised ground. is_obstacle : (y, x).
    """
    most: dict[str, Any] = {
        name: _spread(getattr(run, name), is_obstacle)
        for name in ("max_depth_m", "depth_m", "duration_above_s", "max_speed_m_s", "hazard_rating")
        if getattr(run, name) is not None
    }
    if run.arrival_s is not None:  # the earliest is the gravest
        most["arrival_s"] = -_spread(-run.arrival_s, is_obstacle)
    return run._replace(**most)


def _spread(values: Array, is_obstacle: NDArray[np.bool_]) -> Array:
    """Fill obstacles from their edges inwards with the greatest neighbour; NaN where none is known."""
    out = np.where(is_obstacle | np.isnan(values), -np.inf, values)
    left = is_obstacle.copy()
    while left.any():
        greatest = ndimage.maximum_filter(out, size=3, mode="constant", cval=-np.inf)
        reached = left & np.isfinite(greatest)
        if not reached.any():
            break
        out[reached] = greatest[reached]
        left &= ~reached
    filled = np.where(np.isfinite(out), out, np.nan)
    return np.where(is_obstacle, filled, values)
