"""Connected cells of a mask on Dask, exact across blocks."""

from __future__ import annotations

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.terrain.depressions import numbered_ponds


def patches(mask: da.Array, *, cells_min: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first cell (flat index, row by row) and the number of cells of each patch of a mask.

    Parameters
    ----------
    mask : (y, x) bool; cells that touch at a side or corner are one patch. cells_min : smaller ones are left out.

    Returns
    -------
    (n,), (n,), in the order of first cells.
    """
    height = da.where(mask, np.float32(0), np.float32(1))
    level = da.ones(mask.shape, chunks=mask.chunks, dtype=np.float32)
    found = numbered_ponds(height, level, 0.0, cells_min)[0]
    return found.first, found.n_cells.astype(np.int64)
