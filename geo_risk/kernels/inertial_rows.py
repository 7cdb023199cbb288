"""Loops of the local-inertial flow over single rows: fluxes in float32, depth and its changes in float64.

No operation is fused or reordered, so that a number does not depend on how rows are dealt to threads or columns to
SIMD lanes, and sums are grouped so that mirrored ground gives mirrored water to the last bit. Rows are named by number
and not cut out of their arrays: cutting counts references, which threads that share an array do slowly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

GRAVITY = 9.80665
"""Standard acceleration of gravity [m/s2]."""

FREE_OUTFALL = np.float32((2.0 / 3.0) ** 1.5 * GRAVITY**0.5)
"""Critical flow over a free edge: q = FREE_OUTFALL h^1.5 (broad-crested weir, velocity head neglected)."""

ROOT_GRAVITY = np.float32(GRAVITY**0.5)

DRY_M = np.float32(1.0e-6)
"""Water thinner than this over a face does not move; it is kept, not lost."""

SPEED_DEPTH_M = np.float32(0.01)
"""Speed is not counted in water thinner than this: flux over depth is noise there."""


_FAST = {"nnan", "ninf", "nsz"}
_ZERO, _ONE, _HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
_TWO, _FOUR = np.float32(2.0), np.float32(4.0)
_MAGIC, _THIRD = np.float32(1419687116.0), np.float32(1.0 / 3.0)
# least greatest error of (1 - lack)^(-7/3) for the lack of that magic number, -0.045 to 0.14
_CUBIC_0, _CUBIC_1 = np.float32(1.00003998), np.float32(2.32963666)
_CUBIC_2, _CUBIC_3 = np.float32(3.84300328), np.float32(7.34916116)
_SPARE = np.float32(1.0 + 2.0**-19)
"""Room for float32 rounding, so that a cell never gives more than the float64 depth that it holds."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def power_minus_seven_thirds(x: Any) -> Any:
    """x^(-7/3) for x >= DRY_M to 1e-4: x^(-1/3) from its bits, and a cubic in what that lacks, fitted to its range."""
    root = np.int32(_MAGIC - np.float32(np.float32(x).view(np.int32)) * _THIRD).view(np.float32)
    cube = root * root * root
    lack = _ONE - x * cube
    return cube * cube * root * (_CUBIC_0 + lack * (_CUBIC_1 + lack * (_CUBIC_2 + lack * _CUBIC_3)))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _flux(depth: Any, fall: Any, rough: Any, q: Any, q_sides: Any, dt: Any, theta: Any) -> Any:
    """New unit discharge q [m2/s] over a face with so much water, the root of q + drag q |q| / 4 = what drives it.

    `fall` is g dt / dx times the rise of its surface, `rough` the sum of both cells' sqrt(g) n / 2, `q_sides` that of
    the fluxes of the faces beside. No faster than critical flow: beyond it these equations break into waves.
    """
    wet = depth if depth > DRY_M else DRY_M
    mean = theta * q + _HALF * (_ONE - theta) * q_sides
    driven = mean - wet * fall
    drag = _FOUR * dt * (rough * rough) * power_minus_seven_thirds(wet)
    new = _TWO * driven / (_ONE + np.float32(np.sqrt(_ONE + drag * abs(driven))))
    critical = ROOT_GRAVITY * wet * np.float32(np.sqrt(wet))
    new = max(min(new, critical), -critical)
    return new if depth > DRY_M else _ZERO


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def faces_x(z: Array, eta: Array, j: int, k: int, face: Floats) -> None:
    """Depth of flow over the inner faces of row j, and the rise of the water surface there, in float32.

    Of float64 heights; apart from the fluxes, which so run over twice as many float32 numbers at once.
    """
    for i in range(1, z.shape[1]):
        eta_a, eta_b, z_a, z_b = eta[k, i - 1], eta[k, i], z[j, i - 1], z[j, i]
        face[0, i] = np.float32((eta_a if eta_a > eta_b else eta_b) - (z_a if z_a > z_b else z_b))
        face[1, i] = np.float32(eta_b - eta_a)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def faces_y(z: Array, eta: Array, j: int, k: int, face: Floats) -> None:
    """As `faces_x` between rows j and j + 1; `eta` holds row j in k."""
    for i in range(z.shape[1]):
        eta_a, eta_b, z_a, z_b = eta[k, i], eta[1 - k, i], z[j, i], z[j + 1, i]
        face[0, i] = np.float32((eta_a if eta_a > eta_b else eta_b) - (z_a if z_a > z_b else z_b))
        face[1, i] = np.float32(eta_b - eta_a)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def flux_x(face: Floats, n: Floats, q: Floats, out: Floats, j: int, fall: Any, dt: Any, theta: Any) -> None:
    """New unit discharge [m2/s] through the inner faces of row j; positive to the right; `q` holds the old in row 0."""
    for i in range(1, n.shape[1]):
        out[j, i] = _flux(face[0, i], fall * face[1, i], n[j, i - 1] + n[j, i], q[0, i], q[0, i - 1] + q[0, i + 1],
                          dt, theta)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def flux_y(
    face: Floats, n: Floats, q: Floats, beyond: Floats, out: Floats, j: int, above: int, row: int, fall: Any, dt: Any,
    theta: Any,
) -> None:  # fmt: skip
    """New unit discharge [m2/s] between rows j and j + 1; positive towards the higher row number.

    `q` holds the old fluxes above row j in `above` and below it in 3 - above; `beyond` in `row` those below row j + 1.
    """
    for i in range(n.shape[1]):
        out[j + 1, i] = _flux(face[0, i], fall * face[1, i], n[j, i] + n[j + 1, i], q[3 - above, i],
                              q[above, i] + beyond[row, i], dt, theta)  # fmt: skip


@njit(cache=True, nogil=True)
def edge_flux(depth: Any, inlet: Any, is_open: bool) -> Any:
    """Unit discharge [m2/s] out of the domain: critical flow, a wall, or minus what is let in (`inlet` > 0)."""
    if inlet > _ZERO:
        return -inlet
    return FREE_OUTFALL * depth * np.float32(np.sqrt(depth)) if is_open else _ZERO


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def copy_row(source: Floats, j: int, out: Floats, k: int) -> None:
    """Copy row j of the source to row k."""
    for i in range(source.shape[1]):
        out[k, i] = source[j, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def surface(z: Array, h: Array, j: int, eta: Array, depth: Floats, k: int) -> None:
    """Water surface and float32 depth of row j, into row k."""
    for i in range(h.shape[1]):
        eta[k, i] = z[j, i] + h[j, i]
        depth[k, i] = np.float32(h[j, i])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def deepen(depth: Floats, k: int, deepest: Floats, j: int) -> None:
    """Keep the greatest depth of a row."""
    for i in range(depth.shape[1]):
        deepest[j, i] = depth[k, i] if depth[k, i] > deepest[j, i] else deepest[j, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def count_above(depth: Floats, k: int, above: NDArray[np.int32], j: int, ticks: Any, threshold: Any) -> None:
    """Add the step to the time of cells deeper than the threshold."""
    none = np.int32(0)
    for i in range(depth.shape[1]):
        above[j, i] += ticks if depth[k, i] > threshold else none


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def rate_hazard(
    depth: Floats, k: int, qx: Floats, q: Floats, up: int, down: int, are_speeds: bool, arrival: Floats,
    fastest: Floats, rating: Floats, j: int, time_s: Any, threshold: Any, debris: Floats,
) -> None:  # fmt: skip
    """Keep the first time above the threshold, the greatest speed and the greatest hazard rating d (v + 0.5) + DF.

    The fluxes (or speeds, if `are_speeds`) above and below are in rows `up` and `down` of q. `debris` holds the factor
    for depths to 0.25 m, to 0.75 m, and above or faster than 2 m/s.
    """
    low, middle, high = debris[0], debris[1], debris[2]
    for i in range(depth.shape[1]):
        d = depth[k, i]
        arrival[j, i] = time_s if d > threshold and time_s < arrival[j, i] else arrival[j, i]
        wet = d if d > SPEED_DEPTH_M else SPEED_DEPTH_M
        wet = _ONE if are_speeds else wet
        u, v = _HALF * (qx[j, i] + qx[j, i + 1]) / wet, _HALF * (q[up, i] + q[down, i]) / wet
        speed = np.float32(np.sqrt(u * u + v * v))
        speed = speed if d > SPEED_DEPTH_M else _ZERO
        factor = middle if d > np.float32(0.25) else low
        factor = high if d > np.float32(0.75) or speed > np.float32(2.0) else factor
        hazard = d * (speed + _HALF) + factor
        hazard = hazard if d > _ZERO else _ZERO
        fastest[j, i] = speed if speed > fastest[j, i] else fastest[j, i]
        rating[j, i] = hazard if hazard > rating[j, i] else rating[j, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def overdrawn(h: Floats, k: int, qx: Floats, qy: Floats, j: int, ratio: Any) -> bool:
    """Whether any cell of row j would give more water than it holds (the sign bit tells: it reduces in SIMD)."""
    most = np.int32(0)
    for i in range(h.shape[1]):
        right, left = max(qx[j, i + 1], _ZERO), max(-qx[j, i], _ZERO)
        down, up = max(qy[j + 1, i], _ZERO), max(-qy[j, i], _ZERO)
        lack = np.float32(ratio * _SPARE * ((right + left) + (down + up)) - h[k, i]).view(np.int32)
        most = lack if lack > most else most
    return bool(most > 0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def limit(h: Floats, k: int, qx: Floats, qy: Floats, j: int, ratio: Any, share: Floats) -> None:
    """Scale the outflows of row j's cells that cannot give them all; every face has one giving side.

    Depth is in row k of h; row 0 of `share` is scratch.
    """
    nx = h.shape[1]
    for i in range(nx):
        side = max(qx[j, i + 1], _ZERO) + max(-qx[j, i], _ZERO)
        out = ratio * _SPARE * (side + (max(qy[j + 1, i], _ZERO) + max(-qy[j, i], _ZERO)))
        share[0, i] = h[k, i] / (out if out > h[k, i] else _ONE) if out > h[k, i] else _ONE
    for i in range(nx):
        qy[j, i] *= share[0, i] if qy[j, i] < _ZERO else _ONE
        qy[j + 1, i] *= share[0, i] if qy[j + 1, i] > _ZERO else _ONE
    for i in range(1, nx):
        qx[j, i] *= share[0, i - 1] if qx[j, i] > _ZERO else share[0, i]
    qx[j, 0] *= share[0, 0] if qx[j, 0] < _ZERO else _ONE
    qx[j, nx] *= share[0, nx - 1] if qx[j, nx] > _ZERO else _ONE


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nsz"})
def update_even(h: Array, qx: Floats, qy: Floats, j: int, rain_m: float, ratio: float) -> Any:
    """New depth of row j on which rain falls evenly; return its greatest (NaN if any is NaN), by bits in SIMD."""
    greatest = np.int32(0)
    for i in range(h.shape[1]):
        change = (np.float64(qx[j, i]) - np.float64(qx[j, i + 1])) + (np.float64(qy[j, i]) - np.float64(qy[j + 1, i]))
        new = h[j, i] + ratio * change
        # only removes the last bit of rounding: outflow was limited to what the cell holds; NaN stays NaN
        new = (0.0 if new < 0.0 else new) + rain_m
        h[j, i] = new
        bits = np.int32(np.float32(new).view(np.int32) & np.int32(0x7FFFFFFF))
        greatest = bits if bits > greatest else greatest
    return np.int32(greatest).view(np.float32)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nsz"})
def update(h: Array, qx: Floats, qy: Floats, j: int, rate: Array, dt: float, ratio: float) -> Any:
    """As `update_even` with a rain rate [m/s] for each cell."""
    greatest = np.int32(0)
    for i in range(h.shape[1]):
        change = (np.float64(qx[j, i]) - np.float64(qx[j, i + 1])) + (np.float64(qy[j, i]) - np.float64(qy[j + 1, i]))
        new = h[j, i] + ratio * change
        new = (0.0 if new < 0.0 else new) + rate[j, i] * dt
        h[j, i] = new
        bits = np.int32(np.float32(new).view(np.int32) & np.int32(0x7FFFFFFF))
        greatest = bits if bits > greatest else greatest
    return np.int32(greatest).view(np.float32)
