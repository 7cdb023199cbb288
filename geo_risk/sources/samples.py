"""Samples of maps for the proofs of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask
import numpy as np
from numpy.typing import NDArray


def sampled(components: Sequence[Any], *, side: int = 32) -> list[NDArray[np.float64]]:
    """Return flat samples of maps on one grid: nine windows of side x side cells, so that few blocks are read.

    Maps of up to 9 x side cells a side are taken whole; where the windows hold no value, every k-th cell is.
    """
    n_y, n_x = components[0].shape
    if max(n_y, n_x) <= 9 * side:
        return [np.asarray(c, dtype=np.float64).ravel() for c in components]
    rows, columns = (np.linspace(0, max(0, n - side), 3).astype(int) for n in (n_y, n_x))
    # in one computation, so that what the components have in common is read once
    cut = dask.compute([[c[r : r + side, q : q + side] for r in rows for q in columns] for c in components])[0]
    out = [np.concatenate([np.asarray(w, dtype=np.float64).ravel() for w in windows]) for windows in cut]
    if np.isfinite(out[0]).any():
        return out
    step_y, step_x = max(1, n_y // 100), max(1, n_x // 100)
    return [np.asarray(c[::step_y, ::step_x], dtype=np.float64).ravel() for c in components]
