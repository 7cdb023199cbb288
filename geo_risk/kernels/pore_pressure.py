"""Pressure head below rain that begins and ends: the linear diffusion of Iverson (2000), Water Resour. Res. 36(7).

A half space with the flux I into its surface from time 0 on answers at the vertical depth Z with the pressure head
Z (I/K) R(t*), t* = t / (Z2 / D), D = 4 D0 cos2(theta), where R(t*) = sqrt(t*/pi) exp(-1/t*) - erfc(1/sqrt(t*)). The
problem is linear: rain of changing intensity is a sum of such answers that begin and end with its steps. The head is
added to that of the first water table, and is not above that of a soil saturated to the surface (the beta line).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray


@njit(cache=True, nogil=True)
def response(t_star: float) -> float:
    """R(t*) of Iverson (2000); 0 up to t* = 0."""
    if not t_star > 0.0:
        return 0.0
    root = math.sqrt(t_star)
    return root / math.sqrt(math.pi) * math.exp(-1.0 / t_star) - math.erfc(1.0 / root)


@njit(cache=True, nogil=True)
def head_ratio(
    time_s: float, cos2: float, depth_m: float, conductivity_m_s: float, diffusivity_m2_s: float,
    water_depth_share: float, rain_m_s: Any, edges_s: Any,
) -> float:  # fmt: skip
    """Pressure head over that of a saturated soil, psi / (Z cos2 theta), at one depth and time; at most 1.

    Parameters
    ----------
    cos2 : squared cosine of the slope: the flow before the storm is along the slope, beta = cos2 theta.
    depth_m : Z. conductivity_m_s, diffusivity_m2_s : saturated K and D0. water_depth_share : depth of the first water
        table over Z; above 1 it lies below the slip surface and the head there starts below 0.
    rain_m_s, edges_s : intensity of each step, and when each begins and the last ends. Rain above K runs off.
    """
    t_unit = depth_m * depth_m / (4.0 * diffusivity_m2_s * cos2)
    total = (1.0 - water_depth_share) * cos2
    for n in range(rain_m_s.size):
        if time_s <= edges_s[n]:
            break
        share = min(rain_m_s[n] / conductivity_m_s, 1.0)
        total += share * (response((time_s - edges_s[n]) / t_unit) - response((time_s - edges_s[n + 1]) / t_unit))
    return min(total / cos2, 1.0)


def pressure_head_m(
    time_s: ArrayLike, *, slope_deg: float, depth_m: float, conductivity_m_s: float, diffusivity_m2_s: float,
    water_depth_share: float, rain_m_s: ArrayLike, edges_s: ArrayLike,
) -> NDArray[np.float64]:  # fmt: skip
    """Pressure head at one depth [m] over time.

    Parameters
    ----------
    time_s : (n,) [s]. slope_deg : 0 to below 90. The others as `head_ratio`.

    Returns
    -------
    (n,) [m], at most Z cos2(theta); negative where the water table lies deeper.

    Raises
    ------
    ValueError : a parameter is not in its range, or the edges do not rise, or there is not one more than steps.
    """
    rain, edges = np.asarray(rain_m_s, np.float64), np.asarray(edges_s, np.float64)
    positive = min(depth_m, conductivity_m_s, diffusivity_m2_s)
    if not (0 <= slope_deg < 90 and positive > 0 and water_depth_share >= 0 and (rain >= 0).all()):
        msg = "slope in [0, 90), depth, conductivity and diffusivity > 0, water depth and rain >= 0 needed"
        raise ValueError(msg)
    if not (edges.size == rain.size + 1 and (np.diff(edges) > 0).all()):
        msg = f"{rain.size} steps of rain need {rain.size + 1} rising edges, got {edges.tolist()}"
        raise ValueError(msg)
    cos2 = math.cos(math.radians(slope_deg)) ** 2
    given = (cos2, depth_m, conductivity_m_s, diffusivity_m2_s, water_depth_share, rain, edges)
    times = np.atleast_1d(np.asarray(time_s, np.float64))
    return np.array([depth_m * cos2 * head_ratio(float(t), *given) for t in times])
