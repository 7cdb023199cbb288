"""Water level against stored volume in depressions on Dask: exact, with the cells of a few depressions held at a time.

A depression inside one block is solved there. Those that borders divide are gathered, as many together as a budget of
cells allows: what is held are the budget's cells or the largest depression's, whichever is more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.depressions import StorageCurve, curve_of_cells, water_level
from geo_risk.terrain.depressions import BlockDepressions
from geo_risk.terrain.rows import rows_of_blocks

CELLS_HELD = 2**24
"""Cells of divided depressions that are gathered together: about 0.5 GB while they are sorted."""


def water_levels(
    found: BlockDepressions, depth_sum: NDArray[np.float64], *, cells_held: int = CELLS_HELD
) -> NDArray[np.float64]:
    """Height of the water surface in each depression when it holds `depth_sum`.

    Parameters
    ----------
    found : n depressions; their elevation is read once, and once more for each gathering.
    depth_sum : (n,), as `kernels.depressions.water_level` takes it; the result is the same to the last bit.
    cells_held : budget of cells of divided depressions; it changes no level.

    Returns
    -------
    (n,) height in the unit of the elevation; NaN where depth_sum is NaN or negative.

    Raises
    ------
    ValueError : not one number a depression.
    """
    volume = np.asarray(depth_sum, dtype=np.float64)
    if volume.shape != found.level.shape:
        msg = f"depth_sum has shape {volume.shape}; {found.level.shape} needed"
        raise ValueError(msg)
    out = np.full(volume.shape, np.nan)
    wanted = np.concatenate([[False], ~found.is_divided])
    for _, (label, height) in rows_of_blocks(_solved, [found.labels, found.elevation], held={"v": volume, "w": wanted}):
        out[label - 1] = height
    for chosen in _groups(found, cells_held):
        out[chosen - 1] = water_level(storage_curves(found, chosen), volume[chosen - 1])
    return out


def storage_curves(found: BlockDepressions, labels: NDArray[np.integer[Any]]) -> StorageCurve:
    """Volume-depth curves of some depressions: bed heights and depth sums, exact.

    Parameters
    ----------
    labels : (m,) rising labels; all their cells are held.

    Returns
    -------
    StorageCurve of m depressions in this order.

    Raises
    ------
    ValueError : labels do not rise, or there are no such depressions.
    """
    chosen = np.asarray(labels, dtype=np.int64)
    n = found.level.size
    if chosen.size and not ((np.diff(chosen) > 0).all() and chosen[0] >= 1 and chosen[-1] <= n):
        msg = f"labels {chosen[:5].tolist()} ... must rise and lie in 1 to {n}"
        raise ValueError(msg)
    place = np.zeros(n + 1, np.int64)
    place[chosen] = np.arange(1, chosen.size + 1)
    parts = [part for _, part in rows_of_blocks(_cells, [found.labels, found.elevation], held={"p": place})]
    label, height = (np.concatenate([part[k] for part in parts]) for k in range(2))
    return curve_of_cells(label, height, chosen.size)


def _groups(found: BlockDepressions, cells_held: int) -> Iterator[NDArray[np.int64]]:
    """Yield the labels of divided depressions, as many together as hold at most so many cells, at least one."""
    divided = np.flatnonzero(found.is_divided) + 1
    if not divided.size:
        return
    before = np.concatenate([[0], np.cumsum(found.n_cells[divided - 1])])
    first = 0
    while first < divided.size:
        past = max(first + 1, int(np.searchsorted(before, before[first] + cells_held, side="right")) - 1)
        yield divided[first:past]
        first = past


def _solved(
    labels: NDArray[np.int32], z: NDArray[Any], *, origin: tuple[int, int], n_x: int, held: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the labels that lie in a block alone and their water levels."""
    del origin, n_x
    at = np.flatnonzero(held["w"][labels.ravel()])
    label, number = np.unique(labels.ravel()[at], return_inverse=True)
    curve = curve_of_cells(number + 1, z.ravel()[at], label.size)
    return label.astype(np.int64), water_level(curve, held["v"][label - 1])


def _cells(
    labels: NDArray[np.int32], z: NDArray[Any], *, origin: tuple[int, int], n_x: int, held: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the places and heights of the cells of chosen labels."""
    del origin, n_x
    place = held["p"][labels.ravel()]
    at = np.flatnonzero(place > 0)
    return place[at], z.ravel()[at]
