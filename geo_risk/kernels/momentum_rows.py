"""Loops of the flow with advection over single rows, beside those of `inertial_rows` for the flow without.

Advection is that of momentum as it is kept in each cell between two faces: what flows through the cell's middle (and,
for the other direction, through the cell's corners) carries the speed of the face that it comes from (Stelling and
Duinmeijer 2003, Int. J. Numer. Methods Fluids 43, section 3). Speeds are those of the step before, in arrays `u`
(y, x + 1) and `v` (y + 1, x) like the fluxes. Grouped so that mirrored ground gives mirrored water to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from geo_risk.kernels.inertial_rows import DRY_M, GRAVITY, SPEED_DEPTH_M, Floats, power_minus_seven_thirds

_FAST = {"nnan", "ninf", "nsz"}
_ZERO, _ONE, _TWO, _FOUR = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(4.0)
_HALF = np.float32(0.5)

FROUDE_MAX = 5.0
"""No water runs at a greater Froude number: on streets it stays below (Manning n .015 on a slope of 1:8 gives 5)."""

_SWIFTEST = np.float32(FROUDE_MAX * GRAVITY**0.5)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _carried(q_a: Any, q_b: Any, speed_a: Any, speed_b: Any) -> Any:
    """Twice the momentum that the mean of two fluxes carries from a to b (or back) over a density."""
    flow = q_a + q_b
    return flow * (speed_a if flow > _ZERO else speed_b)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def carry_x(
    q: Floats, qy: Floats, above: int, u: Floats, here: int, before: int, after: Floats, row: int, carried: Floats
) -> None:
    """Momentum carried out of the surroundings of each inner face within a row, twice over, into row 2 of `carried`.

    `q` holds the row's fluxes in row 0, `qy` those above it in `above` and below it in 3 - above; `u` the speeds of
    this row in `here` and of the row above in `before`; `after` in `row` those of the row below.
    """
    for i in range(1, carried.shape[1]):
        along = _carried(q[0, i], q[0, i + 1], u[here, i], u[here, i + 1]) - _carried(
            q[0, i - 1], q[0, i], u[here, i - 1], u[here, i]
        )
        across = _carried(qy[3 - above, i - 1], qy[3 - above, i], u[here, i], after[row, i]) - _carried(
            qy[above, i - 1], qy[above, i], u[before, i], u[here, i]
        )
        carried[2, i] = along + across


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def carry_y(
    qy: Floats, above: int, beyond: Floats, beyond_row: int, qx: Floats, below: Floats, below_row: int, v: Floats,
    up: int, after: Floats, after_row: int, carried: Floats,
) -> None:  # fmt: skip
    """As `carry_x` for the faces between rows j and j + 1.

    `qy` holds the fluxes above row j in `above`, those below it in 3 - above, `beyond` in its row those below row
    j + 1; `qx` those within row j in row 0, `below` in its row those within row j + 1; `v` the speeds above row j in
    `up`, below it in 11 - up, `after` in its row those below row j + 1.
    """
    last = carried.shape[1] - 1
    here = 11 - up
    for i in range(carried.shape[1]):
        carried[2, i] = _carried(qy[3 - above, i], beyond[beyond_row, i], v[here, i], after[after_row, i]) - _carried(
            qy[above, i], qy[3 - above, i], v[up, i], v[here, i]
        )
    for i in range(1, last):
        carried[2, i] += _carried(qx[0, i + 1], below[below_row, i + 1], v[here, i], v[here, i + 1]) - _carried(
            qx[0, i], below[below_row, i], v[here, i - 1], v[here, i]
        )
    # what comes in over the edge of the raster carries nothing along it
    west = _carried(qx[0, 0], below[below_row, 0], _ZERO, v[here, 0])
    east = _carried(qx[0, last + 1], below[below_row, last + 1], v[here, last], _ZERO)
    if last > 0:
        carried[2, 0] += _carried(qx[0, 1], below[below_row, 1], v[here, 0], v[here, 1]) - west
        carried[2, last] += east - _carried(qx[0, last], below[below_row, last], v[here, last - 1], v[here, last])
    else:
        carried[2, 0] += east - west


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _speed(
    depth: Any, both: Any, fall: Any, rough: Any, q: Any, q_sides: Any, carried: Any, dt: Any, theta: Any, most: Any
) -> Any:
    """New speed [m/s] over a face; see `inertial_rows._flux`.

    `both` is the sum of the cells' depths: the push of a jump of water is that of their mean (at a step of the ground
    no more than that of the depth over it). `carried` is what advection takes in the step, `most` the greatest speed
    [m/s] that the step can follow.
    """
    wet = depth if depth > DRY_M else DRY_M
    mean = theta * q + _HALF * (_ONE - theta) * q_sides
    middle = _HALF * both
    driven = mean - carried - (middle if middle < wet else wet) * fall
    drag = _FOUR * dt * (rough * rough) * power_minus_seven_thirds(wet)
    new = _TWO * driven / (_ONE + np.float32(np.sqrt(_ONE + drag * abs(driven))))
    swift = _SWIFTEST * np.float32(np.sqrt(wet))
    swift = swift if swift < most else most
    speed = max(min(new / wet, swift), -swift)
    return speed if depth > DRY_M else _ZERO


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def flux_x(
    face: Floats, depth: Floats, k: int, n: Floats, q: Floats, out: Floats, u: Floats, j: int, fall: Any, dt: Any,
    part: Any, theta: Any, most: Any,
) -> Any:  # fmt: skip
    """New unit discharge and speed through the inner faces of row j; return the greatest speed.

    As `inertial_rows.flux_x`; row k of `depth` is that of row j, `face` holds in row 2 what `carry_x` found, of which
    `part` (dt / 2 dx) is taken.
    """
    greatest = np.int32(0)
    for i in range(1, n.shape[1]):
        speed = _speed(face[0, i], depth[k, i - 1] + depth[k, i], fall * face[1, i], n[j, i - 1] + n[j, i], q[0, i],
                       q[0, i - 1] + q[0, i + 1], part * face[2, i], dt, theta, most)  # fmt: skip
        u[j, i] = speed
        out[j, i] = speed * face[0, i]
        bits = np.int32(np.float32(speed).view(np.int32) & np.int32(0x7FFFFFFF))
        greatest = bits if bits > greatest else greatest
    return np.int32(greatest).view(np.float32)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def flux_y(
    face: Floats, depth: Floats, n: Floats, q: Floats, beyond: Floats, out: Floats, v: Floats, j: int, above: int,
    row: int, fall: Any, dt: Any, part: Any, theta: Any, most: Any,
) -> Any:  # fmt: skip
    """New unit discharge and speed between rows j and j + 1; return the greatest speed. See `inertial_rows.flux_y`."""
    greatest = np.int32(0)
    for i in range(n.shape[1]):
        speed = _speed(face[0, i], depth[0, i] + depth[1, i], fall * face[1, i], n[j, i] + n[j + 1, i], q[3 - above, i],
                       q[above, i] + beyond[row, i], part * face[2, i], dt, theta, most)  # fmt: skip
        v[j + 1, i] = speed
        out[j + 1, i] = speed * face[0, i]
        bits = np.int32(np.float32(speed).view(np.int32) & np.int32(0x7FFFFFFF))
        greatest = bits if bits > greatest else greatest
    return np.int32(greatest).view(np.float32)


@njit(cache=True, nogil=True)
def edge_speed(q: Any, depth: Any, most: Any) -> Any:
    """Speed [m/s] through an outer face, of the flux and the depth of the cell inside."""
    speed = q / (depth if depth > SPEED_DEPTH_M else SPEED_DEPTH_M)
    return max(min(speed, most), -most)
