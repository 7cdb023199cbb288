"""Synthetic rating curves: the shape of a reach from heights above its drainage, and Manning's flow in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]

HEIGHT_STEPS = 2**24
"""Steps of a metre (and of a unit of bed area) in which sums are counted, so that no order changes them."""


class ZoneSums(NamedTuple):
    """Cells of n reaches by the first of k levels that covers them, int64 (n, k + 1); the last column is above all.

    Attributes
    ----------
    cells : how many. heights : sum of their heights above drainage, in `1 / HEIGHT_STEPS` m. beds : sum of their bed
        areas in cells, sqrt(1 + slope^2), in `1 / HEIGHT_STEPS`.
    """

    cells: NDArray[np.int64]
    heights: NDArray[np.int64]
    beds: NDArray[np.int64]


def zone_sums(reach: NDArray[Any], hand_m: NDArray[Any], slope: NDArray[Any], levels_m: F64, n: int) -> ZoneSums:
    """Sum up the cells that drain to each reach.

    Parameters
    ----------
    reach : any shape, 0 none, else 1 to n. hand_m : height above drainage; NaN is left out. slope : tangent; NaN
        counts as level. levels_m : (k,) rising, > 0.

    Raises
    ------
    ValueError : shapes differ, or levels do not rise.
    """
    if not (reach.shape == hand_m.shape == slope.shape and levels_m.size and levels_m[0] > 0
            and (np.diff(levels_m) > 0).all()):  # fmt: skip
        msg = f"reach {reach.shape}, hand_m {hand_m.shape}, slope {slope.shape} must agree, levels rise above 0"
        raise ValueError(msg)
    made = ZoneSums(*(np.zeros((n, levels_m.size + 1), np.int64) for _ in range(3)))
    _sum_zones(np.ascontiguousarray(reach).reshape(-1), np.ascontiguousarray(hand_m).reshape(-1),
               np.ascontiguousarray(slope).reshape(-1), levels_m, *made)  # fmt: skip
    return made


@njit(cache=True, nogil=True)
def _sum_zones(reach: Any, hand: Any, slope: Any, levels: Any, cells: Any, heights: Any, beds: Any) -> None:
    for c in range(reach.size):
        r = reach[c] - 1
        if r < 0 or np.isnan(hand[c]):
            continue
        h = max(np.float64(hand[c]), 0.0)
        k = np.searchsorted(levels, h, side="right")
        tangent = 0.0 if np.isnan(slope[c]) else float(slope[c])
        cells[r, k] += 1
        heights[r, k] += np.int64(np.rint(h * 16777216.0))
        beds[r, k] += np.int64(np.rint(np.sqrt(1.0 + tangent * tangent) * 16777216.0))


def section_area_m2(sums: ZoneSums, levels_m: F64, *, length_m: F64, cell_m: float) -> F64:
    """Mean cross-section of each reach under water at each level, (n, k) [m2]: volume by length; NaN without length."""
    cells, heights = (np.cumsum(values[:, :-1], axis=1) for values in sums[:2])
    volume = (cells * levels_m - heights / HEIGHT_STEPS) * cell_m**2
    area: F64 = volume / np.where(length_m > 0, length_m, np.nan)[:, None]
    return area


def rating_discharge_m3_s(
    sums: ZoneSums, levels_m: F64, *, length_m: F64, slope: F64, cell_m: float, manning_n: float
) -> F64:
    """Discharge of each reach at each level [m3/s]: Manning in the reach's mean cross-section.

    Zheng et al. (2018), JAWRA 54(4), 784-797: the volume V of water below a level, the area B of the bed that it covers
    and the reach's length L give the cross-section A = V / L and the hydraulic radius R = V / B; then
    Q = A R^(2/3) S^(1/2) / n.

    Parameters
    ----------
    sums, levels_m : as `zone_sums` takes and makes them. length_m : (n,) > 0. slope : (n,) of the bed, > 0.
    cell_m : cell size. manning_n : roughness.

    Returns
    -------
    (n, k), >= 0, not falling along the levels; NaN for a reach whose length or slope is not > 0.
    """
    section = section_area_m2(sums, levels_m, length_m=length_m, cell_m=cell_m)
    wetted = (
        np.cumsum(sums.beds[:, :-1], axis=1)
        / HEIGHT_STEPS
        * cell_m**2
        / np.where(length_m > 0, length_m, np.nan)[:, None]
    )
    radius = np.divide(section, wetted, out=np.zeros_like(section), where=wetted > 0)
    grade = np.where(slope > 0, slope, np.nan)[:, None]
    flow = section * radius ** (2 / 3) * np.sqrt(grade) / manning_n
    rising: F64 = np.maximum.accumulate(flow, axis=1)
    return rising


EXPONENT = 0.6
"""Stage grows with discharge to this power in a wide channel (Manning): between levels it is interpolated so."""


def stage_of(discharge_m3_s: F64, levels_m: F64, curve_m3_s: F64) -> F64:
    """Stage [m] of a discharge in each reach.

    Parameters
    ----------
    discharge_m3_s : (n,). levels_m : (k,). curve_m3_s : (n, k) as `rating_discharge_m3_s` makes it.

    Returns
    -------
    (n,): 0 for no flow; NaN where discharge or curve is unknown, negative, or above the highest level: not known.
    """
    out = np.full(discharge_m3_s.shape, np.nan)
    _interpolate(discharge_m3_s, levels_m, curve_m3_s, out)
    return out


@njit(cache=True, nogil=True)
def _interpolate(discharge: Any, levels: Any, curve: Any, out: Any) -> None:
    for r in range(discharge.size):
        q = discharge[r]
        if not q >= 0.0 or np.isnan(curve[r, 0]):
            continue
        low_q, low_h = 0.0, 0.0
        for k in range(levels.size):
            if curve[r, k] >= q:
                a, b = low_q**0.6, curve[r, k] ** 0.6
                share = (q**0.6 - a) / (b - a) if b > a else 0.0
                out[r] = low_h + share * (levels[k] - low_h)
                break
            low_q, low_h = curve[r, k], levels[k]


def stage_most(discharge_m3_s: F64, levels_m: F64, curve_m3_s: F64, section_m2: F64) -> F64:
    """Most that the stage [m] of a discharge can be in each reach, above its curve too.

    Above the level h where the curve ends the valley is no narrower (B) and the water no slower (v = Q / A) than there,
    so that a stage is at most h + (q - Q) / (v B): a bound by continuity, no estimate.

    Parameters
    ----------
    discharge_m3_s : (n,). levels_m : (k,). curve_m3_s, section_m2 : (n, k) at the levels.

    Returns
    -------
    (n,): `stage_of` within the curve, above it at least the highest level; inf where discharge or curve is unknown or
    negative, or the curve carries nothing.
    """
    n = len(discharge_m3_s)
    row, end = np.arange(n), np.argmax(curve_m3_s >= curve_m3_s[:, -1:], axis=1)  # the last level that carries more
    areas, heights = np.hstack([np.zeros((n, 1)), section_m2]), np.concatenate([[0.0], levels_m])
    flow, area, height = curve_m3_s[row, end], section_m2[row, end], levels_m[end]
    width = (area - areas[row, end]) / (height - heights[end])
    good = (discharge_m3_s >= 0) & (flow > 0) & (width > 0)
    share = np.divide(discharge_m3_s, flow, out=np.full(n, np.inf), where=good) - 1
    above = height + np.divide(area * share, width, out=np.full(n, np.inf), where=good)
    stage = stage_of(discharge_m3_s, levels_m, curve_m3_s)
    most: F64 = np.where(np.isnan(stage), np.maximum(above, levels_m[-1]), stage)
    return most


def discharge_of(stage_m: F64, levels_m: F64, curve_m3_s: F64) -> F64:
    """Discharge [m3/s] at a stage in each reach: the inverse of `stage_of`.

    Returns
    -------
    (n,); NaN where the stage is unknown, negative or above the highest level, or the curve unknown.
    """
    out = np.full(stage_m.shape, np.nan)
    heights = np.concatenate([[0.0], levels_m])
    for r, stage in enumerate(stage_m):
        if 0 <= stage <= levels_m[-1] and np.isfinite(curve_m3_s[r]).all():
            powers = np.concatenate([[0.0], curve_m3_s[r] ** EXPONENT])
            out[r] = np.interp(stage, heights, powers) ** (1 / EXPONENT)
    return out
