"""Points along lines: the middles of equal pieces of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def piece_middles(xy: Any, first: Any, count: Any) -> Any:
    """Return the middles of `count[k]` equal pieces of each line k, in order.

    A point is found as GEOS finds it (segments are passed until the way is used up, the point is taken by its share of
    the segment), so that both agree.

    Parameters
    ----------
    xy : (vertices, 2) of all lines. first : (lines + 1,) first vertex of each. count : (lines,) pieces, >= 1.

    Returns
    -------
    (sum of count, 2) x, y; NaN for a line without vertices.
    """
    out = np.full((count.sum(), 2), np.nan)
    at = 0
    for k in range(len(count)):
        begin, end = first[k], first[k + 1]
        length = 0.0
        for v in range(begin, end - 1):
            length += math.sqrt((xy[v + 1, 0] - xy[v, 0]) ** 2 + (xy[v + 1, 1] - xy[v, 1]) ** 2)
        v, passed = begin, 0.0
        for piece in range(count[k]):
            way = (piece + 0.5) / count[k] * length
            while v < end - 1:
                segment = math.sqrt((xy[v + 1, 0] - xy[v, 0]) ** 2 + (xy[v + 1, 1] - xy[v, 1]) ** 2)
                if passed + segment > way:
                    break
                passed += segment
                v += 1
            if v < end - 1:
                share = (way - passed) / segment
                out[at, 0] = xy[v, 0] + share * (xy[v + 1, 0] - xy[v, 0])
                out[at, 1] = xy[v, 1] + share * (xy[v + 1, 1] - xy[v, 1])
            elif begin < end:
                out[at, 0], out[at, 1] = xy[end - 1, 0], xy[end - 1, 1]
            at += 1
    return out
