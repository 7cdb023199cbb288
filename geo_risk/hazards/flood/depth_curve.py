"""Depth of one site against the rain of a block, between the amounts that were run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.hazards.flood.design_runs import SiteRun
from geo_risk.hazards.flood.pond import Pond, replay, replay_depths

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DepthCurve:
    """Runs of one duration seen from one site.

    Between two runs the pond is replayed twice: with the water of the weaker run made stronger, and with that of the
    stronger run made weaker, both by the runoff of its catchment. The deeper answer counts, held between the depths of
    the two runs: the recorded inflow of a full pond lacks what ran over its rim, and that of a drained one what never
    stood. Sites without a pond are interpolated. The depth never falls with rain.

    Attributes
    ----------
    runs : by rising amount. index : of the site in them. site_id : of the site.
    capacity_m3_s : what its devices really take.
    """

    runs: Sequence[SiteRun]
    index: int
    site_id: str
    capacity_m3_s: float

    @cached_property
    def amounts_mm(self) -> Array:
        """Amounts that were run, 0 before them, (r + 1,) [mm]."""
        return np.array([0.0, *(run.rain.total_mm for run in self.runs)])

    @cached_property
    def run_depths_m(self) -> Array:
        """Depths of the runs, 0 before them, (r + 1,) [m]; never falling."""
        return np.maximum.accumulate(np.array([0.0, *(run.depth_m[self.index] for run in self.runs)]))

    @cached_property
    def _ponds(self) -> list[Pond | None]:
        return [None, *(run.ponds.get(self.site_id) for run in self.runs)]

    @cached_property
    def _misses_m(self) -> Array:
        """Depth of each run less that of its own replay [m]."""
        ponds = self._ponds
        made = [0.0 if p is None else float(replay(p, self.capacity_m3_s)) for p in ponds]
        return np.asarray(np.where([p is None for p in ponds], 0.0, self.run_depths_m - np.array(made)))

    def runoff_m3(self, amount_mm: ArrayLike) -> Array:
        """Runoff of the catchment [m3], straight in logarithms between the runs, and below the weakest on that line."""
        x, known = np.asarray(amount_mm, np.float64), self.amounts_mm[1:]
        volume = np.array([run.runoff_m3[self.index] for run in self.runs])
        if not (volume > 0).all() or known.size < 2:
            return np.asarray(np.interp(x, self.amounts_mm, [0.0, *np.nan_to_num(volume, nan=0.0)]))
        k = np.clip(np.searchsorted(known, x) - 1, 0, known.size - 2)
        power = np.diff(np.log(volume)) / np.diff(np.log(known))
        safe = np.maximum(x, 1e-9)
        grown = np.exp(np.log(volume[k]) + power[k] * (np.log(safe) - np.log(known[k])))
        return np.asarray(np.where(x > 0, grown, 0.0))

    def depths(self, amount_mm: ArrayLike) -> Array:
        """Greatest depth for rising amounts of rain, (a,) [m]; NaN above the strongest run or beyond the DEM."""
        x = np.asarray(amount_mm, np.float64)
        out = np.full(x.shape, np.nan)
        if np.isnan(self.run_depths_m).any():
            return out
        for k in range(len(self.runs)):
            within = (x >= self.amounts_mm[k]) & (x <= self.amounts_mm[k + 1])
            if within.any():
                out[within] = self._between(k, x[within])
        inside = np.isfinite(out)
        out[inside] = np.maximum.accumulate(out[inside])
        return out

    def _between(self, k: int, x: Array) -> Array:
        low, high = self.run_depths_m[k], self.run_depths_m[k + 1]
        if self._ponds[k + 1] is None:
            return np.asarray(np.interp(x, self.amounts_mm[k : k + 2], [low, high]))
        deepest = self.series(x, interval=k).max(axis=1, initial=0.0)
        exact = np.select([x == self.amounts_mm[k], x == self.amounts_mm[k + 1]], [low, high], deepest)
        return np.asarray(np.clip(exact, low, high))

    def series(self, amount_mm: Array, *, interval: int | None = None) -> Array:
        """Depth after each step of the runs for some amounts of one interval between runs, (a, t) [m].

        Raises
        ------
        ValueError : the site has no pond, or an amount lies above the strongest run.
        """
        x = np.asarray(amount_mm, np.float64)
        k = int(np.searchsorted(self.amounts_mm, x[0], side="left")) - 1 if interval is None else interval
        k = max(k, 0)
        upper = self._ponds[k + 1] if k + 1 < len(self._ponds) else None
        if upper is None:
            msg = f"{self.site_id} has no pond for {x.tolist()} mm"
            raise ValueError(msg)
        made = self._scaled(upper, k + 1, x, rim_m=upper.rim_m)
        lower = self._ponds[k]
        if lower is not None:
            made = np.asarray(np.maximum(made, self._scaled(lower, k, x, rim_m=upper.rim_m)))
        return made

    def _scaled(self, pond: Pond, k: int, x: Array, *, rim_m: float) -> Array:
        whole = float(self.runoff_m3(self.amounts_mm[k]))
        share = self.runoff_m3(x) / whole if whole > 0 else x / self.amounts_mm[k]
        capacity = np.full(x.size, self.capacity_m3_s)
        made = replay_depths(pond, pond.inflow_m3[None] * share[:, None], capacity, rim_m=rim_m)
        return np.asarray(np.where(made > 0, np.maximum(made + self._misses_m[k], 0.0), 0.0))
