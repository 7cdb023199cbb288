"""Infiltration into a soil with a sharp wetting front, under rain that changes from hour to hour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_ROUNDS = 60
"""Newton steps at most; it comes from above on a convex curve, so that each step is nearer (8 are usual)."""


def green_ampt_excess_mm(
    rain_mm: ArrayLike, conductivity_mm_h: ArrayLike, suction_mm: ArrayLike, deficit: ArrayLike, *, step_h: float
) -> Array:
    """Rain that does not infiltrate in each interval of a storm: Green & Ampt (1911), time of ponding by Mein & Larson.

    Infiltration capacity f = K (1 + psi D / F); before ponding all rain infiltrates; it ponds within an interval once
    F reaches K psi D / (i - K) (Mein & Larson 1973, eq. 7; unsteady rain as Chu 1978); from then on
    F - F0 - psi D ln((F + psi D) / (F0 + psi D)) = K t (Chow, Maidment & Mays 1988, eq. 5.4.5). Water does not wait
    on the surface for later intervals, and soil does not dry between them.

    Parameters
    ----------
    rain_mm : (t, ...) rain of each interval in order [mm].
    conductivity_mm_h : broadcastable to (...) [mm/h], >= 0; 0 lets nothing in once the surface is wet.
    suction_mm : broadcastable, suction head at the front psi [mm], >= 0.
    deficit : broadcastable, free pore space before the storm D [1], 0-1.
    step_h : length of an interval [h], > 0.

    Returns
    -------
    Array like rain_mm [mm], between 0 and the rain; NaN where an input is missing or out of range, and in all intervals
    after a gap.

    Raises
    ------
    ValueError : step_h is not a finite number > 0.
    """
    if not 0 < step_h < np.inf:
        msg = f"step_h is {step_h}; a finite number > 0 needed"
        raise ValueError(msg)
    rain = np.asarray(rain_mm, np.float64)
    shape = rain.shape[1:]
    soil = [np.broadcast_to(np.asarray(v, np.float64), shape).ravel() for v in (conductivity_mm_h, suction_mm, deficit)]
    good = (soil[0] >= 0) & (soil[1] >= 0) & (soil[2] >= 0) & (soil[2] <= 1)
    for values in soil:
        good &= np.isfinite(values)
    state = np.where(good, 0.0, np.nan)
    known = [np.where(good, v, 0.0) for v in soil]
    flat = np.ascontiguousarray(rain.reshape(rain.shape[0], -1))
    out = np.full((rain.shape[0], good.size), np.nan)
    for k in range(len(flat)):
        _interval(flat[k], *known, state, step_h, out[k])
    return out.reshape(rain.shape)


def green_ampt_interval_mm(
    rain_mm: Array, conductivity_mm_h: Array, suction_mm: Array, deficit: Array, infiltrated_mm: Array, *,
    step_h: float,
) -> tuple[Array, Array]:  # fmt: skip
    """One interval of `green_ampt_excess_mm`, after what has infiltrated before it: the same to the last bit.

    Parameters
    ----------
    rain_mm, conductivity_mm_h, suction_mm, deficit : of one shape, as there; infiltrated_mm : [mm] since the storm's
        beginning (0 before it), NaN after a gap.

    Returns
    -------
    What does not infiltrate, and what has infiltrated after the interval [mm]; both NaN where an input is.
    """
    state = np.array(infiltrated_mm, dtype=np.float64)
    good = (conductivity_mm_h >= 0) & (suction_mm >= 0) & (deficit >= 0) & (deficit <= 1)
    good &= np.isfinite(conductivity_mm_h) & np.isfinite(suction_mm)
    state[~good] = np.nan
    out = np.full(state.shape, np.nan)
    flat = [np.ascontiguousarray(v, dtype=np.float64).reshape(-1) for v in (rain_mm, conductivity_mm_h, suction_mm,
                                                                            deficit)]  # fmt: skip
    _interval(*flat, state.reshape(-1), step_h, out.reshape(-1))
    return out, state


_NO_STORE_MM = 1e-9
"""A front that draws less than this draws nothing."""


@njit(cache=True, nogil=True)
def _interval(
    rain: Any, conductivity: Any, suction: Any, deficit: Any, infiltrated: Any, step_h: float, out: Any
) -> None:
    for c in range(rain.size):
        before = infiltrated[c]
        if np.isnan(before):
            continue
        fallen = rain[c]
        if not 0.0 <= fallen < np.inf:
            infiltrated[c] = np.nan
            continue
        k, store = conductivity[c], suction[c] * deficit[c]
        rate = fallen / step_h
        taken = fallen
        if rate > k:
            # what must have infiltrated before water stands
            ponds_at = k * store / (rate - k)
            if before + fallen > ponds_at:
                start = max(before, ponds_at)
                rest_h = step_h - (start - before) / rate
                taken = min(_ponded(start, k * rest_h, store) - before, fallen)
        infiltrated[c] = before + taken
        out[c] = max(fallen - taken, 0.0)


@njit(cache=True, nogil=True, inline="always")
def _ponded(before: float, through: float, store: float) -> float:
    """Infiltration [mm] since the start at the end of a time under water; `through` = K times that time."""
    if store <= _NO_STORE_MM or through <= 0.0:
        return before + max(through, 0.0)
    # F < F0 + K t + sqrt(2 psi D K t) for any F0 >= 0: from there Newton falls monotonically onto the root
    now = before + through + np.sqrt(2.0 * store * through)
    for _ in range(_ROUNDS):
        gap = now - before - store * np.log1p((now - before) / (before + store)) - through
        step = gap * (now + store) / now
        now -= step
        if abs(step) <= 1e-12 * now:
            break
    return float(max(now, before))
