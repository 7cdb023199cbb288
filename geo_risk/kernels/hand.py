"""Height above the nearest drainage, along the way the water takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.d8 import downstream


def height_above_drainage(
    direction: NDArray[np.int8], order: NDArray[np.int64], elevation: ArrayLike, is_stream: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Height of each cell above the first stream cell downstream of it (HAND).

    Rennó et al. (2008), Remote Sensing of Environment 112(9); Nobre et al. (2011), J. Hydrology 404.

    Parameters
    ----------
    direction, order : as `d8.flow_direction` and `d8.drainage_order` return them.
    elevation : (y, x) [m]; on the filled surface heights are >= 0.
    is_stream : (y, x), the drainage.

    Returns
    -------
    (y, x) float64 [m]; NaN where the elevation is missing and where the water leaves the raster before it meets a
    stream: there the height is not known, and not large.
    """
    z = np.ascontiguousarray(elevation)
    out = np.full(z.shape, np.nan)
    _trace(direction.ravel(), order, z.reshape(-1), is_stream.ravel(), out.reshape(-1), direction.shape[1])
    return out


@njit(cache=True, nogil=True)
def _trace(direction: Any, order: Any, z: Any, is_stream: Any, out: Any, n_x: int) -> None:
    # first the height of the drainage, then that of each cell above it: one array for both
    for k in range(order.size - 1, -1, -1):
        c = order[k]
        if is_stream[c]:
            out[c] = z[c]
        else:
            below = downstream(c, direction[c], n_x)
            if below >= 0:
                out[c] = out[below]
    for c in range(z.size):
        out[c] = np.float64(z[c]) - out[c]
