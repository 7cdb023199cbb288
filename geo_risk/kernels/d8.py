"""D8 flow directions on a filled surface, and the order in which water visits the cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.flats import directions, flat_steps
from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP


def flow_direction(filled: NDArray[Any]) -> NDArray[np.int8]:
    """Direction codes (y, x) of a whole filled surface: `flats.directions` with nothing beyond its edge.

    Parameters
    ----------
    filled : (y, x), as `priority_flood.fill` returns it; square cells.

    Raises
    ------
    ValueError : the surface has depressions.
    """
    framed = np.pad(np.asarray(filled), 1, constant_values=np.nan)
    steps = np.pad(flat_steps(framed), 1, constant_values=MISSING)
    return directions(framed, steps)


def drainage_order(direction: NDArray[np.int8]) -> NDArray[np.int64]:
    """Flat indices of the known cells, every cell before the cell it flows into.

    Raises
    ------
    ValueError : the directions form a ring or point outside the raster.
    """
    order, bad = _order(direction)
    if bad:
        msg = "flow directions form a ring, or point outside the raster or into missing cells"
        raise ValueError(msg)
    return np.asarray(order, dtype=np.int64)


def fall_downstream(
    direction: NDArray[np.int8], elevation: NDArray[Any], where: NDArray[np.bool_], n_steps: int
) -> NDArray[np.float64]:
    """Mean fall per cell side over the next `n_steps` cells of the water's way (fewer where it leaves the raster).

    Parameters
    ----------
    direction : (y, x) as `flow_direction` returns it; it must not form a ring.
    elevation : (y, x) [m]. where : cells to look from.
    n_steps : > 0.

    Returns
    -------
    (y, x) float64, height per cell side; divide by the cell size for the slope. NaN elsewhere, 0 at outlets.
    """
    if not n_steps > 0:
        msg = f"n_steps is {n_steps}; a number > 0 needed"
        raise ValueError(msg)
    z = np.ascontiguousarray(elevation, dtype=np.float64)
    out = np.full(z.shape, np.nan)
    _fall(direction.ravel(), z.reshape(-1), where.ravel(), n_steps, out.reshape(-1), direction.shape[1])
    return out


@njit(cache=True, nogil=True)
def _fall(direction: Any, z: Any, where: Any, n_steps: int, out: Any, n_x: int) -> None:
    for start in range(z.size):
        if not where[start] or direction[start] == MISSING:
            continue
        c, length = start, 0.0
        for _ in range(n_steps):
            below = downstream(c, direction[c], n_x)
            if below < 0:
                break
            length += 1.4142135623730951 if direction[c] % 2 == 1 else 1.0
            c = below
        out[start] = (z[start] - z[c]) / length if length > 0.0 else 0.0


@njit(cache=True, nogil=True)
def downstream(index: int, code: int, n_x: int) -> int:
    """Flat index of the cell that a cell with this direction code flows into; -1 at outlets and missing cells."""
    if code < 0 or code > 7:
        return -1
    return int(index + ROW_STEP[code] * n_x + COLUMN_STEP[code])


@njit(cache=True, nogil=True)
def _order(direction: Any) -> Any:
    ny, nx = direction.shape
    flat = direction.ravel()
    n_in = np.zeros(flat.size, dtype=np.int8)
    n_known = 0
    bad = False
    for c in range(flat.size):
        code = flat[c]
        if code == MISSING:
            continue
        n_known += 1
        if code == OUTLET:
            continue
        j, i = c // nx + ROW_STEP[code], c % nx + COLUMN_STEP[code]
        if j < 0 or i < 0 or j >= ny or i >= nx or flat[j * nx + i] == MISSING:
            bad = True
            continue
        n_in[j * nx + i] += 1
    order = np.empty(n_known, dtype=np.int64)
    if bad:
        return order, True
    n = 0
    for start in range(flat.size):
        c = start
        # follow the water down as long as the cell ahead has nothing else to wait for
        while c >= 0 and flat[c] != MISSING and n_in[c] == 0:
            order[n] = c
            n += 1
            n_in[c] = -1
            c = downstream(c, flat[c], nx)
            if c >= 0:
                n_in[c] -= 1
    return order, n != n_known
