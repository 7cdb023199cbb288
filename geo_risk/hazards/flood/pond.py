"""A site's pond: its shape, the water that came to it in a run, and what other drains or inflows would have made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.kernels.pond import held_volumes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pond:
    """A site's pond while the water ran: what is needed to run it again with another drain.

    Attributes
    ----------
    time_s : (t,) ends of steps. depth_m : (t,) at the site's cell. drained_m3 : (t,) since the start, by its devices.
    bed_m : (c,) heights of the pond's cells above the site's cell, ascending. cell_m2 : area of a cell.
    spill_m : height of the spill level above the site's cell.
    """

    time_s: Array
    depth_m: Array
    drained_m3: Array
    bed_m: Array
    cell_m2: float
    spill_m: float

    @cached_property
    def inflow_m3(self) -> Array:
        """Water that came in each step, (t,) [m3]: growth of what was stored, and what was drained."""
        stored = self.volume(self.depth_m)
        return np.asarray(np.diff(stored, prepend=0.0) + np.diff(self.drained_m3, prepend=0.0))

    @cached_property
    def step_s(self) -> Array:
        """Lengths of the steps, (t,) [s]."""
        return np.asarray(np.diff(self.time_s, prepend=0.0))

    @cached_property
    def rim_m(self) -> float:
        """Level that it cannot pass: that of the spill, or of the highest water that was seen."""
        return max(self.spill_m, float(self.depth_m.max(initial=0.0)))

    @cached_property
    def _below_m(self) -> Array:
        """Sum of the heights of the k lowest cells, (c + 1,) [m]."""
        return np.concatenate([[0.0], np.cumsum(self.bed_m)])

    @cached_property
    def _stored_m3(self) -> Array:
        """Volume when the water stands at the height of each cell, (c,) [m3]."""
        return self.volume(self.bed_m)

    def volume(self, depth_m: ArrayLike) -> Array:
        """Volume below a water level above the site's cell [m3]."""
        depth = np.asarray(depth_m, np.float64)
        n = np.searchsorted(self.bed_m, depth, side="right")
        return np.asarray(np.maximum(n * depth - self._below_m[n], 0.0) * self.cell_m2)

    def depth(self, volume_m3: ArrayLike) -> Array:
        """Water level above the site's cell that holds a volume [m]: the inverse of `volume`; never below 0."""
        volume, stored = np.asarray(volume_m3, np.float64), self._stored_m3
        k = np.maximum(np.searchsorted(stored, volume, side="right") - 1, 0)
        return np.asarray(np.maximum(self.bed_m[k] + (volume - stored[k]) / ((k + 1) * self.cell_m2), 0.0))


def replay(pond: Pond, capacity_m3_s: ArrayLike, *, inflow_share: ArrayLike = 1.0) -> Array:
    """Greatest depth of a pond [m] had its devices taken up to a capacity, and only a share of the water come.

    The inflow is what the recorded run shows: growth of the stored volume plus what was drained. Above its spill level
    the pond does not rise further than the recorded run did (the water spreads): there the answer is a bound.

    Parameters
    ----------
    pond : a recorded run.
    capacity_m3_s : number or array, >= 0. inflow_share : of the recorded inflow, >= 0, broadcast against it.

    Returns
    -------
    Array of the broadcast shape.
    """
    capacity, share = np.broadcast_arrays(np.asarray(capacity_m3_s, np.float64), np.asarray(inflow_share, np.float64))
    water = pond.inflow_m3[None] * share.reshape(-1, 1)
    deepest = replay_depths(pond, water, capacity.reshape(-1)).max(axis=1, initial=0.0)
    return np.asarray(deepest.reshape(capacity.shape))


def replay_depths(pond: Pond, inflow_m3: Array, capacity_m3_s: Array, *, rim_m: float | None = None) -> Array:
    """Depth of a pond after each step [m] for other inflows and capacities; its shape is as recorded.

    Parameters
    ----------
    inflow_m3 : (n, t) [m3] over the steps of `pond`. capacity_m3_s : (n,) [m3/s].
    rim_m : level that it cannot pass [m]; default: that of the recorded run.

    Returns
    -------
    (n, t) [m]
    """
    rim = float(pond.volume(pond.rim_m if rim_m is None else rim_m))
    return pond.depth(held_volumes(inflow_m3, pond.step_s, capacity_m3_s, rim_m3=rim))
