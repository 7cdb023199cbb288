"""A pond in time: water comes, drains and pumps take up to their capacity, what is over the rim is gone."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def held_volumes(
    inflow_m3: ArrayLike, step_s: ArrayLike, capacity_m3_s: ArrayLike, *, rim_m3: float, initial_m3: float = 0.0
) -> Array:
    """Volume that a pond holds at the end of every step.

    Parameters
    ----------
    inflow_m3 : (n, t) [m3], water that comes in each step; negative where water leaves otherwise, NaN makes the
        rest of its row NaN.
    step_s : (t,) [s], lengths of the steps, >= 0.
    capacity_m3_s : (n,) [m3/s], what devices take at most, >= 0.
    rim_m3 : [m3], volume above which the rest runs off. initial_m3 : [m3], at the start.

    Returns
    -------
    (n, t) float64 [m3], 0 to rim_m3.

    Raises
    ------
    ValueError : shapes differ, or a step, a capacity, the rim or the start is negative or missing.
    """
    inflow = np.ascontiguousarray(inflow_m3, dtype=np.float64)
    steps = np.ascontiguousarray(step_s, dtype=np.float64)
    capacity = np.ascontiguousarray(capacity_m3_s, dtype=np.float64)
    if inflow.ndim != 2 or steps.shape != inflow.shape[1:] or capacity.shape != inflow.shape[:1]:
        msg = f"inflow {inflow.shape}, steps {steps.shape}, capacities {capacity.shape}; (n, t), (t,), (n,) needed"
        raise ValueError(msg)
    if not ((steps >= 0).all() and (capacity >= 0).all() and rim_m3 >= 0 and initial_m3 >= 0):
        msg = "steps, capacities, the rim and the start of a pond must be numbers >= 0"
        raise ValueError(msg)
    out: Array = _held(inflow, steps, capacity, float(rim_m3), float(initial_m3))
    return out


@njit(cache=True, nogil=True)
def _held(inflow: Array, steps: Array, capacity: Array, rim: float, initial: float) -> Array:
    out = np.empty_like(inflow)
    for k in range(inflow.shape[0]):
        held = initial
        for t in range(inflow.shape[1]):
            there = held + inflow[k, t]
            if np.isnan(there):
                out[k, t:] = np.nan
                break
            there = max(there, 0.0)
            held = min(there - min(there, capacity[k] * steps[t]), rim)
            out[k, t] = held
    return out
