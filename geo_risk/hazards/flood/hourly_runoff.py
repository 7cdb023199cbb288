"""Runoff of the hours of a storm, each made when its time comes, so that no (t, y, x) array is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.flood.losses import Soaking

Array = NDArray[np.float64]


class HourlyRunoff:
    """Runoff of the hours of a window by curve number: what `town.window_runoff_mm_h` gives.

    Parameters
    ----------
    before_mm : (y, x) rain of the storm before the window [mm].
    hour_mm : returns the rain of hour k of the window, (y, x) [mm]; NaN counts as none.
    n_hours : of the window.
    excess_mm : of (2, y, x) rain [mm], the first before the second, returns what of each runs off.
    """

    def __init__(
        self, before_mm: Array, hour_mm: Callable[[int], NDArray[Any]], n_hours: int,
        excess_mm: Callable[[Array], Array],
    ) -> None:  # fmt: skip
        self._before, self._hour_mm, self._n_hours, self._excess_mm = before_mm, hour_mm, n_hours, excess_mm
        self._done, self._so_far = 0, before_mm

    def __len__(self) -> int:
        """Return the number of hours."""
        return self._n_hours

    def field(self, k: int) -> Array:
        """Return the runoff of hour k, (y, x) [mm/h]; 0 where it is not known."""
        if k < self._done:
            self._done, self._so_far = 0, self._before
        for hour in range(self._done, k):
            self._so_far = self._so_far + self._rain(hour)
        self._done = k
        excess = self._excess_mm(np.stack([self._so_far, self._rain(k)]))
        return np.asarray(np.nan_to_num(excess[1], nan=0.0), dtype=np.float64)

    def _rain(self, k: int) -> Array:
        return np.asarray(np.nan_to_num(np.asarray(self._hour_mm(k), np.float64), nan=0.0))


class SoakedRunoff:
    """Runoff of the hours of a window by Green and Ampt: what `town.window_runoff_mm_h` gives, to the last bit.

    Parameters
    ----------
    hour_mm : returns the rain of hour k of the window, (y, x) [mm], of the storm before it for k < 0; NaN counts as
        none. n_before, n_hours : hours of the storm before the window, and of the window. soaking : of the ground.
    """

    def __init__(self, hour_mm: Callable[[int], NDArray[Any]], n_before: int, n_hours: int, soaking: Soaking) -> None:
        self._hour_mm, self._n_hours, self._soaking = hour_mm, n_hours, soaking
        state = np.zeros(np.shape(hour_mm(0)))
        for k in range(-n_before, 0):
            state = soaking.excess_mm(self._rain(k), state)[1]
        self._start = self._state = state
        self._done = 0

    def __len__(self) -> int:
        """Return the number of hours."""
        return self._n_hours

    def field(self, k: int) -> Array:
        """Return the runoff of hour k, (y, x) [mm/h]; 0 where it is not known."""
        if k < self._done:
            self._done, self._state = 0, self._start
        while self._done < k:
            self._state = self._soaking.excess_mm(self._rain(self._done), self._state)[1]
            self._done += 1
        return np.nan_to_num(self._soaking.excess_mm(self._rain(k), self._state)[0], nan=0.0)

    def _rain(self, k: int) -> Array:
        return np.asarray(np.nan_to_num(np.asarray(self._hour_mm(k), np.float64), nan=0.0))
