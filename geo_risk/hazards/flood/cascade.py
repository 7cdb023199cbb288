"""Which depression fills, spills into which, and how deep the water stands: timeless, and in time with drains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import DataError
from geo_risk.kernels.forest import downward_order, spill_down
from geo_risk.kernels.spill import held_with_more, spill_in_time

Array = NDArray[np.float64]


class Cascade(NamedTuple):
    """Volumes of every depression [m3] after all the water has come down; arrays (n,)."""

    inflow_m3: Array
    stored_m3: Array
    spilled_m3: Array


class TimedCascade(NamedTuple):
    """A cascade in time; arrays (n,) but `left_m3`, the volume that left the last depressions.

    Attributes
    ----------
    stored_max_m3, stored_m3 : greatest and last volume.
    drained_m3, spilled_m3 : taken by drains, passed on.
    first_spill_h : hours until the first spill; NaN where none.
    """

    stored_max_m3: Array
    stored_m3: Array
    drained_m3: Array
    spilled_m3: Array
    first_spill_h: Array
    left_m3: float


def spill_order(below: ArrayLike) -> NDArray[np.int64]:
    """Positions of the depressions, every one before the one it spills into.

    Parameters
    ----------
    below : (n,) position of the depression that each spills into; -1: the water leaves.

    Raises
    ------
    DataError : a position outside -1..n-1, or depressions that spill into one another in a ring.
    """
    down = np.asarray(below, dtype=np.int64)
    n = down.size
    if ((down < -1) | (down >= n)).any():
        what = f"depressions spill into positions {sorted(set(down[(down < -1) | (down >= n)].tolist()))[:5]} of {n}"
        raise DataError(what, where="spill cascade", fix="number the depressions 0..n-1 and use -1 for `leaves`")
    order = downward_order(down)
    if order.size < n:
        ring = np.setdiff1d(np.arange(n), order)[:5].tolist()
        what = f"depressions spill into one another in a ring (positions {ring} ...)"
        raise DataError(what, where="spill cascade", fix="make the graph with kernels.depressions.find_depressions")
    return order


def spill_cascade(input_m3: ArrayLike, capacity_m3: ArrayLike, below: ArrayLike) -> Cascade:
    """Fill and spill until all water is stored or gone; how long it takes plays no part.

    The timeless bluespot model of Balstrøm & Crawford (2018), Computers & Geosciences 116: stored = min(inflow,
    capacity), the rest goes to the depression below.

    Parameters
    ----------
    input_m3 : (n,) [m3], runoff of each own catchment, >= 0.
    capacity_m3 : (n,) [m3], volume to the spill level, >= 0; 0 makes a junction.
    below : (n,) as in `spill_order`.

    Raises
    ------
    DataError : negative or missing volumes, or a graph that is none.
    """
    inflow, capacity = _volumes(input_m3, "input_m3").copy(), _volumes(capacity_m3, "capacity_m3")
    down = np.asarray(below, dtype=np.int64)
    spilled = spill_down(inflow, capacity, down, spill_order(down))
    return Cascade(inflow, np.minimum(inflow, capacity), spilled)


def timed_cascade(
    input_m3: ArrayLike, capacity_m3: ArrayLike, below: ArrayLike, *, step_s: float, drain_m3_s: ArrayLike = 0.0
) -> TimedCascade:
    """Fill, drain and spill in time steps; water spilled in a step reaches the next depression in the same step.

    Parameters
    ----------
    input_m3 : (t, n) [m3], runoff of each own catchment in each step, >= 0.
    capacity_m3, below : as in `spill_cascade`.
    step_s : length of a step [s], > 0.
    drain_m3_s : number or (n,) [m3/s], what drains and pumps take at most, >= 0.

    Raises
    ------
    DataError : negative or missing values, or a graph that is none.
    """
    inputs = np.atleast_2d(_volumes(input_m3, "input_m3"))
    capacity = _volumes(capacity_m3, "capacity_m3")
    if not step_s > 0:
        what = f"step_s is {step_s}; a number > 0 needed"
        raise DataError(what, where="spill cascade", fix="give the length of a step in seconds")
    take = np.broadcast_to(_volumes(drain_m3_s, "drain_m3_s"), capacity.shape) * step_s
    down, order = np.asarray(below, dtype=np.int64), spill_order(below)
    highest, stored, drained, spilled, step, left = spill_in_time(
        inputs, capacity, down, order, np.ascontiguousarray(take)
    )
    first = np.where(step > 0, step * step_s / 3600, np.nan)
    return TimedCascade(highest, stored, drained, spilled, first, left)


class StorageValue(NamedTuple):
    """What more storage in each depression would keep away from the watched ones; (n,), NaN where it never spills.

    `added_m3` is the storage that would hold all it spills, `saved_m3` what then stands less in the watched ones at
    their fullest.
    """

    added_m3: Array
    saved_m3: Array


def storage_value(
    input_m3: ArrayLike, capacity_m3: ArrayLike, below: ArrayLike, *, step_s: float, drain_m3_s: ArrayLike = 0.0,
    watched: ArrayLike,
) -> StorageValue:  # fmt: skip
    """Ask of each depression what it would buy downstream if it could hold all that it spills.

    The timed cascade is run again for each; water goes from pond to pond without delay.

    Parameters
    ----------
    watched : (n,) the depressions whose water counts. The others as in `timed_cascade`.

    Raises
    ------
    DataError : as `timed_cascade`.
    """
    now = timed_cascade(input_m3, capacity_m3, below, step_s=step_s, drain_m3_s=drain_m3_s)
    inputs, capacity = np.atleast_2d(_volumes(input_m3, "input_m3")), _volumes(capacity_m3, "capacity_m3")
    take = np.broadcast_to(_volumes(drain_m3_s, "drain_m3_s"), capacity.shape) * step_s
    seen = np.asarray(watched, dtype=bool)
    held = held_with_more(inputs, capacity, np.asarray(below, dtype=np.int64), spill_order(below),
                          np.ascontiguousarray(take), more=now.spilled_m3, watched=seen)  # fmt: skip
    before = float(np.minimum(now.stored_max_m3, capacity)[seen].sum())
    # a difference of equal sums may fall below 0 in the last digit
    return StorageValue(np.where(np.isnan(held), np.nan, now.spilled_m3), np.maximum(before - held, 0.0))


def _volumes(values: ArrayLike, name: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if not ((array >= 0) & np.isfinite(array)).all():
        what = f"{name} holds negative, infinite or missing values"
        raise DataError(what, where=f"spill cascade, {name}", fix="leave out depressions whose values are unknown")
    return array
