"""Shapes burned into a grid block by block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import dask.array as da
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.terrain.distance import by_window


def burned_blocks(
    shapes: Sequence[tuple[BaseGeometry | None, float]], grid: Grid, *, fill: float, all_touched: bool = False
) -> da.Array:
    """Burn (geometry, value) pairs into a lazy array; later ones win.

    Parameters
    ----------
    shapes : geometries in the grid's CRS with their values; missing and empty ones are passed over.
    fill : value of cells that no geometry covers.
    all_touched : burn every cell that is touched, not only those whose centre is inside.

    Returns
    -------
    (y, x) float32, lazy; the same for any blocks.
    """
    kept = [(g, v) for g, v in shapes if g is not None and not g.is_empty]
    geometries = np.array([g for g, _ in kept], dtype=object)
    values = np.array([v for _, v in kept], dtype=np.float64)
    return by_window(grid, partial(_burned, (geometries, values), fill, all_touched))


def _burned(
    given: tuple[NDArray[np.object_], NDArray[np.float64]], fill: float, all_touched: bool, window: Grid
) -> NDArray[np.float32]:
    geometries, values = given
    near = shapely.intersects(geometries, box(*window.bounds))
    pairs = list(zip(geometries[near], values[near].tolist(), strict=True))
    burned: NDArray[np.float32] = rasterize(pairs, window, fill=fill, dtype="float32", all_touched=all_touched)
    return burned
