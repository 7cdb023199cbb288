"""Where the rain of a town's storm is not known: depths there are lower bounds, and shallow ones are unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.hazards.flood.sites import Town
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.inertial import FloodRun
from geo_risk.kernels.priority_flood import fill

_FRAME_MISSING = np.uint16(65535)


def below_gaps(is_unknown: NDArray[np.bool_], town: Town) -> NDArray[np.bool_]:
    """Return where the water is not known because the rain there, or on ground that drains there, is not.

    Parameters
    ----------
    is_unknown : (y, x), the rain of some hour is missing. town : ground.

    Returns
    -------
    (y, x) : those cells, all that lies below them by D8 with all depressions full, whole depressions whose catchment
        holds such a cell, and one cell around, for a site is read from its cell and its neighbours.
    """
    known = np.isfinite(town.elevation)
    gaps = np.asarray(is_unknown) & known
    if not gaps.any():
        return np.zeros(known.shape, dtype=np.bool_)
    direction = flow_direction(fill(town.elevation))
    come = accumulate(direction, drainage_order(direction), gaps.astype(np.float64))
    out = np.nan_to_num(come) > 0
    wet = np.concatenate([[False], out.ravel()[town.found.spill]])
    out |= wet[town.found.labels]
    padded = np.pad(out, 1)
    around = [padded[j : j + out.shape[0], i : i + out.shape[1]] for j in range(3) for i in range(3)]
    return np.asarray(np.logical_or.reduce(around) & known)


def without_gaps(run: FloodRun, gaps: NDArray[np.bool_], *, sure_m: float) -> FloodRun:
    """Return a run whose layers are missing where its rain was not known, but for water at least sure_m deep.

    Parameters
    ----------
    run : in which unknown rain fell as none. gaps : (y, x), as `below_gaps` returns it. sure_m : [m].

    Returns
    -------
    FloodRun : depths, duration, arrival, speed, hazard rating and frames are missing there; record and balance stay.
    """
    hidden = gaps & ~(run.max_depth_m >= sure_m)
    if not hidden.any():
        return run
    names = ("max_depth_m", "depth_m", "duration_above_s", "arrival_s", "max_speed_m_s", "hazard_rating")
    layers: dict[str, Any] = {n: np.where(hidden, np.nan, v) for n in names if (v := getattr(run, n)) is not None}
    if run.frames is not None:
        depth_mm = np.where(hidden, _FRAME_MISSING, run.frames.depth_mm)
        layers["frames"] = run.frames._replace(depth_mm=depth_mm)
    return run._replace(**layers)


def depth_bounds(depth_m: ArrayLike, cells: NDArray[np.int64], gaps: NDArray[np.bool_]) -> list[str]:
    """Say how the depth of each site is meant: exact, at_least (rain that brings it water is missing), unknown.

    Parameters
    ----------
    depth_m : (n,) [m], NaN unknown. cells : (n,) flat indices, -1 beyond the raster. gaps : as `below_gaps` returns it.
    """
    below = (cells >= 0) & gaps.ravel()[np.maximum(cells, 0)]
    is_unknown = np.isnan(np.asarray(depth_m, np.float64))
    return [str(w) for w in np.select([is_unknown, below], ["unknown", "at_least"], "exact")]
