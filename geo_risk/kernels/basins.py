"""Hillslopes of a stream network: which bank of which stream link each cell drains to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.d8 import downstream
from geo_risk.kernels.priority_flood import MISSING

HEAD, LEFT, RIGHT = 0, 1, 2


def hillslopes(
    direction: NDArray[np.int8], order: NDArray[np.int64], is_stream: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Label the half basins of the network: the left and the right bank of each stream link, and its head.

    A link is the reach between two junctions, or from a head or to an outlet. Cells that drain into a link's cells
    from the left (looking downstream) are one hillslope, those from the right another; what drains into the first
    cell of a link without a stream above it is its head. Borders between hillslopes are thus ridges and streams.
    Stream cells belong to the left bank (the first cell of a head link to its head), so that no strip of them is left.

    Parameters
    ----------
    direction, order : as `d8.flow_direction` and `d8.drainage_order` return them.
    is_stream : (y, x) bool; downstream of a stream cell there are only stream cells.

    Returns
    -------
    (y, x) int64: 3 * link + 1 + (0 head, 1 left, 2 right) with links counted from 0; ground that leaves the raster
    without meeting a stream has one label below 0 for each outlet, -2 and down; 0 where the direction is missing.

    Raises
    ------
    ValueError : shapes differ, or a stream ends on the hillside.
    """
    if direction.ndim != 2 or direction.shape != is_stream.shape:
        msg = f"direction has shape {direction.shape}, is_stream {is_stream.shape}; one (y, x) shape needed"
        raise ValueError(msg)
    out = np.zeros(direction.shape, dtype=np.int64)
    flat = np.ascontiguousarray(is_stream).reshape(-1)
    good = _label(direction.ravel(), order, flat, out.reshape(-1), is_stream.shape[-1])
    if not good:
        msg = "a stream cell flows into a cell that is no stream; thin the streams by upslope area"
        raise ValueError(msg)
    return out


@njit(cache=True, nogil=True)
def _label(direction: Any, order: Any, is_stream: Any, out: Any, n_x: int) -> bool:
    n_inflows = np.zeros(direction.size, dtype=np.int8)
    inflow = np.full(direction.size, -1, dtype=np.int8)
    for c in order:
        below = downstream(c, direction[c], n_x)
        if is_stream[c] and below >= 0:
            if not is_stream[below]:
                return False
            n_inflows[below] += 1
            inflow[below] = direction[c]
    link = np.full(direction.size, -1, dtype=np.int64)
    n_links, n_outlets = 0, 0
    for k in range(order.size - 1, -1, -1):
        c = order[k]
        if direction[c] == MISSING:
            continue
        below = downstream(c, direction[c], n_x)
        if is_stream[c]:
            if below >= 0 and n_inflows[below] == 1:
                link[c] = link[below]
            else:
                link[c] = n_links
                n_links += 1
            out[c] = 3 * link[c] + 1 + (LEFT if n_inflows[c] > 0 else HEAD)
        elif below < 0:
            out[c] = -2 - n_outlets
            n_outlets += 1
        elif is_stream[below]:
            out[c] = 3 * link[below] + 1 + _side(direction[c], direction[below], inflow[below], n_inflows[below])
        else:
            out[c] = out[below]
    return True


@njit(cache=True, nogil=True, inline="always")
def _side(arriving: int, leaving: int, inflow: int, n_inflows: int) -> int:
    """Tell from which bank water arrives at a stream cell, by the codes of the ways in and out (clockwise)."""
    if n_inflows == 0:
        return HEAD
    if n_inflows > 1 and leaving > 7:
        return LEFT  # streams meet at an outlet: no bank can be told
    source = (arriving + 4) % 8
    upstream = (inflow + 4) % 8
    out = leaving if leaving <= 7 else inflow
    return RIGHT if (source - out) % 8 < (upstream - out) % 8 else LEFT
