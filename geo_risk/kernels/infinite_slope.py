"""Stability of an infinite slope: factor of safety, critical steady rain, and the share of draws that fail.

Let theta be the slope, Z the vertical depth of the slip surface, c the cohesion (soil and roots), phi the friction
angle, gamma the unit weight of the soil, r = gamma_w / gamma, and m the wetness: the pressure head on the slip surface
over that of a soil saturated to the surface with flow along the slope, m = psi / (Z cos2 theta), 0 to 1. Force balance
gives

    FS = tan(phi) (1 - r m) / tan(theta) + c / (gamma Z sin(theta) cos(theta))

which is Iverson (2000), Water Resour. Res. 36(7), with psi written through m, and Pack et al. (1998), SINMAP, with
C = c / (gamma h), h = Z cos(theta) the soil thickness normal to the slope. Suction is not counted: m < 0 counts as 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.pore_pressure import head_ratio

Array = NDArray[np.float64]

GRAVITY_M_S2 = 9.80665
WATER_KN_M3 = 9.80665
"""Unit weight of water of 1000 kg/m3."""

COLUMNS = ("tan_friction", "cohesion_ratio", "water_ratio", "wetness_per_m", "depth_m", "conductivity_m_s",
           "diffusivity_m2_s", "water_depth_share", "transmissivity_m2_d")  # fmt: skip
"""Columns of a table of draws: tan(phi); c / (gamma Z); gamma_w / gamma; steady rain over transmissivity [1/m]; for the
transient wetness depth Z, saturated conductivity, hydraulic diffusivity, and depth of the first water table over Z;
last the transmissivity."""


def factor_of_safety(
    slope_deg: ArrayLike, wetness: ArrayLike, *, tan_friction: ArrayLike, cohesion_ratio: ArrayLike,
    water_ratio: ArrayLike,
) -> Array:  # fmt: skip
    """Factor of safety of an infinite slope [1], see the module.

    Parameters
    ----------
    slope_deg : any shape [degree], 0 to below 90. wetness : m [1]; below 0 counts as 0, above 1 as 1.
    tan_friction : > = 0. cohesion_ratio : c / (gamma Z) >= 0 [1]. water_ratio : gamma_w / gamma, 0 to 1.

    Returns
    -------
    Broadcast shape; infinite on level ground; NaN where an input is NaN or outside its range.
    """
    given = (slope_deg, wetness, tan_friction, cohesion_ratio, water_ratio)
    slope, m, tan_phi, ratio, r = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in given))
    good = (slope >= 0) & (slope < 90) & (tan_phi >= 0) & (ratio >= 0) & (r >= 0) & (r <= 1) & ~np.isnan(m)
    angle = np.radians(np.where(good, slope, 45.0))
    resisting = tan_phi * (1 - r * np.clip(m, 0, 1)) * np.cos(angle) ** 2 + ratio
    driving = np.sin(angle) * np.cos(angle)
    with np.errstate(over="ignore"):
        safe = np.divide(resisting, driving, out=np.full(good.shape, np.inf), where=driving > 0)
    out: Array = np.where(good, safe, np.nan)
    return out


def steady_wetness(slope_deg: ArrayLike, specific_area_m: ArrayLike, *, wetness_per_m: ArrayLike) -> Array:
    """Wetness m of a soil that drains steady rain along the slope [1]: min(1, R a / (T sin theta)).

    Montgomery & Dietrich (1994), Water Resour. Res. 30(4); Pack et al. (1998).

    Parameters
    ----------
    slope_deg : any shape [degree], 0 to below 90. specific_area_m : upslope area over contour width, > 0 [m].
    wetness_per_m : steady rain R over transmissivity T [1/m], >= 0.

    Returns
    -------
    Broadcast shape, 0 to 1; 1 on level ground where there is rain; NaN where an input is NaN or outside its range.
    """
    slope, area, q = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (slope_deg, specific_area_m, wetness_per_m))
    )
    good = (slope >= 0) & (slope < 90) & (area > 0) & (q >= 0) & np.isfinite(area) & np.isfinite(q)
    sine = np.sin(np.radians(np.where(good, slope, 45.0)))
    level = np.where(q > 0, 1.0, 0.0)
    with np.errstate(over="ignore"):
        wet = np.divide(q * area, sine, out=level, where=sine > 0)
    out: Array = np.where(good, np.minimum(wet, 1.0), np.nan)
    return out


def critical_rain(
    slope_deg: ArrayLike, specific_area_m: ArrayLike, *, transmissivity: ArrayLike, tan_friction: ArrayLike,
    cohesion_ratio: ArrayLike, water_ratio: ArrayLike,
) -> Array:  # fmt: skip
    """Least steady rain at which the factor of safety is 1, in units of transmissivity over metre.

    i = T sin(theta) (1/a) (1/r) [1 - (1 - C / sin(theta)) tan(theta) / tan(phi)], C = cohesion_ratio / cos(theta);
    SHALSTAB (Montgomery & Dietrich 1994) is C = 0.

    Parameters
    ----------
    slope_deg : any shape [degree], 0 to below 90. specific_area_m : > 0 [m]. transmissivity : > 0, area over time.
    tan_friction, cohesion_ratio, water_ratio : as `factor_of_safety`; water_ratio > 0.

    Returns
    -------
    Broadcast shape: 0 where the dry slope fails (unconditionally unstable), infinite where the saturated slope stands
    (unconditionally stable); NaN where an input is NaN or outside its range.
    """
    given = (slope_deg, specific_area_m, transmissivity, tan_friction, cohesion_ratio, water_ratio)
    slope, area, trans, tan_phi, ratio, r = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in given))
    good = (slope >= 0) & (slope < 90) & (area > 0) & (trans > 0) & (r > 0) & (tan_phi >= 0) & (ratio >= 0)
    good &= np.isfinite(area) & np.isfinite(trans)
    dry = factor_of_safety(slope, 0.0, tan_friction=tan_phi, cohesion_ratio=ratio, water_ratio=r)
    wet = factor_of_safety(slope, 1.0, tan_friction=tan_phi, cohesion_ratio=ratio, water_ratio=r)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # FS falls evenly with m, so that FS = 1 lies at this share of the way from dry to saturated
        critical = (dry - 1) / (dry - wet)
        rain = trans * np.sin(np.radians(slope)) / area * critical
    rain = np.where(wet >= 1, np.inf, np.where(dry < 1, 0.0, rain))
    out: Array = np.where(good, rain, np.nan)
    return out


def hypercube(n_draws: int, n_parameters: int, seed: int) -> Array:
    """Latin hypercube: (n_draws, n_parameters) in (0, 1), each column the midpoints of n_draws equal strata, shuffled.

    McKay et al. (1979), Technometrics 21(2), with midpoints. It depends on nothing but the arguments.
    """
    rng = np.random.default_rng(seed)
    middle = (np.arange(n_draws) + 0.5) / n_draws
    return np.stack([middle[rng.permutation(n_draws)] for _ in range(n_parameters)], axis=1)


def failing_share(
    slope_deg: NDArray[Any], specific_area_m: NDArray[Any], material: NDArray[Any], draws: Array
) -> NDArray[np.float32]:
    """Share of draws with a factor of safety below 1 at steady wetness: the probability of failure under the ranges.

    Parameters
    ----------
    slope_deg, specific_area_m : (y, x) [degree], [m]. material : (y, x), row 1, 2, ... of `draws`; NaN unknown.
    draws : (materials, draws, columns) in the order of COLUMNS; NaN in one of the first four columns makes the
        material unknown.

    Returns
    -------
    (y, x) float32, 0 to 1 in steps of 1 / draws: exactly 0 where no draw fails and 1 where all do; NaN where an input
    is NaN or outside its range. Every cell sees the same draws.
    """
    out = np.full(slope_deg.shape, np.nan, np.float32)
    flat = (np.ascontiguousarray(v).ravel() for v in (slope_deg, specific_area_m, material))
    _failing(*flat, _by_column(draws), _known(draws, 4), out.ravel())
    return out


STORM_STEP_DEG = 0.25
_STORM_NODES = 360


def storm_wetness(draws: Array, storm: tuple[Array, Array, Array]) -> Array:
    """Highest wetness of each draw at the given times of a storm, on slopes of 0, 0.25, ..., 89.75 degrees.

    Parameters
    ----------
    draws : as `failing_share`. storm : intensities of its steps [m/s], their edges [s] (one more), times at which it
        is looked at [s]; see `kernels.pore_pressure.head_ratio`.

    Returns
    -------
    (materials, slopes, draws), 0 to 1; NaN for materials of which a column that the storm needs is NaN.
    """
    rain, edges, times = (np.ascontiguousarray(v, dtype=np.float64) for v in storm)
    known = np.asarray(np.isfinite(draws[:, :, 4:8]).all(axis=(1, 2)))
    out = np.full((draws.shape[0], _STORM_NODES, draws.shape[1]), np.nan)
    _wet(np.ascontiguousarray(draws), known, rain, edges, times, out)
    return out


def failing_share_storm(
    slope_deg: NDArray[Any], material: NDArray[Any], draws: Array, wetness: Array
) -> NDArray[np.float32]:
    """Share of draws that fail at the highest wetness of a storm.

    Parameters
    ----------
    slope_deg, material, draws : as `failing_share`; column wetness_per_m is not used.
    wetness : of `storm_wetness` with the same draws; linear between its slopes, which changes the factor of safety by
        less than 0.001.

    Returns
    -------
    As `failing_share`.
    """
    out = np.full(slope_deg.shape, np.nan, np.float32)
    known = _known(draws, 3) & np.isfinite(wetness).all(axis=(1, 2))
    flat = (np.ascontiguousarray(v).ravel() for v in (slope_deg, material))
    _failing_storm(*flat, _by_column(draws), known, np.ascontiguousarray(wetness), out.ravel())
    return out


def _known(draws: Array, n_columns: int) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(draws[:, :, :n_columns]).all(axis=(1, 2)))


def _by_column(draws: Array) -> Array:
    return np.ascontiguousarray(draws.transpose(0, 2, 1))


@njit(cache=True, nogil=True)
def _row(code: float, n_materials: int) -> int:
    """Return the row of a material code, -1 where it is none."""
    if not (1.0 <= code <= n_materials) or code != math.floor(code):
        return -1
    return int(code) - 1


@njit(cache=True, nogil=True)
def _failing(slope: Any, area: Any, code: Any, columns: Any, known: Any, out: Any) -> None:
    n = columns.shape[2]
    for i in range(slope.size):
        row = _row(code[i], columns.shape[0])
        if row < 0 or not known[row] or not (0.0 <= slope[i] < 90.0) or not (0.0 < area[i] < math.inf):
            continue
        sine, cosine = math.sin(math.radians(slope[i])), math.cos(math.radians(slope[i]))
        if sine == 0.0:
            out[i] = 0.0
            continue
        friction, cohesion, water, wet = columns[row, 0], columns[row, 1], columns[row, 2], columns[row, 3]
        driving, c2, a, count = sine * cosine, cosine * cosine, area[i] / sine, 0
        for k in range(n):
            resisting = friction[k] * (1.0 - water[k] * min(wet[k] * a, 1.0)) * c2 + cohesion[k]
            count += 1 if resisting < driving else 0
        out[i] = count / n


@njit(cache=True, nogil=True)
def _wet(draws: Any, known: Any, rain: Any, edges: Any, times: Any, out: Any) -> None:
    for row in range(draws.shape[0]):
        if not known[row]:
            continue
        for node in range(out.shape[1]):
            c2 = math.cos(math.radians(node * STORM_STEP_DEG)) ** 2
            for k in range(draws.shape[1]):
                d = draws[row, k]
                highest = 0.0
                for t in times:
                    highest = max(highest, head_ratio(t, c2, d[4], d[5], d[6], d[7], rain, edges))
                out[row, node, k] = highest


@njit(cache=True, nogil=True)
def _failing_storm(slope: Any, code: Any, columns: Any, known: Any, wetness: Any, out: Any) -> None:
    n = columns.shape[2]
    for i in range(slope.size):
        row = _row(code[i], columns.shape[0])
        if row < 0 or not known[row] or not (0.0 <= slope[i] < 90.0):
            continue
        sine, cosine = math.sin(math.radians(slope[i])), math.cos(math.radians(slope[i]))
        at = min(float(slope[i]) / STORM_STEP_DEG, wetness.shape[1] - 1.0)
        node = min(int(at), wetness.shape[1] - 2)
        part = at - node
        low, high = wetness[row, node], wetness[row, node + 1]
        friction, cohesion, water = columns[row, 0], columns[row, 1], columns[row, 2]
        driving, c2, count = sine * cosine, cosine * cosine, 0
        for k in range(n):
            m = low[k] + part * (high[k] - low[k])
            resisting = friction[k] * (1.0 - water[k] * m) * c2 + cohesion[k]
            count += 1 if resisting < driving else 0
        out[i] = count / n
