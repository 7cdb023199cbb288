"""What is measured of one moving area before it is given a kind: size, shape, direction, rock, land use, structures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.noise import F32, F64, Bool

_MODEL_ERROR = 0.15
"""Share of a velocity by which a body may depart from motion in one direction: terrain is not a plane."""

_FEWEST, _MUCH_LOST = 8, 0.1
_SURE = 4.0
"""Largest log-likelihood ratio that a direction is believed with: the model is coarse however good the data are."""


@dataclass(frozen=True)
class Look:
    """What one track sees of an area: mean LOS velocity and its error [mm/yr], LOS unit vector, yearly sine and cosine.

    The yearly terms [mm] are NaN where they are not known.
    """

    velocity: float
    std: float
    los: tuple[float, float, float]
    annual: tuple[float, float] = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Direction:
    """How well motion along one direction explains what the tracks see.

    Attributes
    ----------
    speed : along the direction, mm/yr (mm of yearly amplitude for a season).
    misfit : norm of what it leaves over the norm of what was seen.
    chi2 : the same in standard errors of velocity and model.
    """

    speed: float
    misfit: float
    chi2: float


@dataclass(frozen=True)
class Evidence:
    """What is known of one area.

    Attributes
    ----------
    shape : (y, x) mask on `grid`.
    mean_mm_yr, peak_mm_yr : LOS velocity of the track that sees it best.
    looks : by track, velocities weighted so.
    context : maps on the grid: slope_deg, aspect_deg, velocity_up, velocity_east [mm/yr], and those of `setting_maps`;
        any may be missing.
    weights : (y, x) how much each cell says of the direction; None: all the same.
    seasonal : only its season was found, no trend.
    lost_share : share of its outline, holes filled and one cell around, that some track could not follow.
    """

    shape: Bool
    grid: Grid
    mean_mm_yr: float
    peak_mm_yr: float
    looks: Mapping[str, Look]
    context: Mapping[str, F32] = field(default_factory=dict)
    weights: F32 | None = None
    seasonal: bool = False
    lost_share: float = 0.0

    @property
    def area_m2(self) -> float:
        """Area of its cells."""
        return float(self.shape.sum()) * self.grid.cell_area_m2

    @property
    def radius_m(self) -> float:
        """Radius of the circle with the same area."""
        return float(np.sqrt(self.area_m2 / np.pi))

    @property
    def sinks(self) -> bool:
        """Whether the ground goes down: by up velocity where it is known, else away from all that see it."""
        up = self.extreme("velocity_up")
        seen = [v.velocity for v in self.looks.values() if np.isfinite(v.velocity)]
        return up < 0 if np.isfinite(up) else bool(seen) and all(v <= 0 for v in seen)

    @property
    def n_looks(self) -> int:
        """How many tracks see it."""
        return sum(bool(np.isfinite(v.velocity)) for v in self.looks.values())

    @property
    def rate_mm_yr(self) -> float:
        """Largest vertical speed where it is known, else largest LOS speed."""
        up = abs(self.extreme("velocity_up"))
        return max(up, abs(self.peak_mm_yr)) if np.isfinite(up) else abs(self.peak_mm_yr)

    def values(self, name: str) -> F32:
        """Return the known values of a context map inside."""
        if name not in self.context:
            return np.empty(0, dtype=np.float32)
        inside: F32 = self.context[name][self.shape]
        return inside[np.isfinite(inside)]

    def median(self, name: str) -> float:
        """Return the median of a context map inside, NaN where it is not known."""
        inside = self.values(name)
        return float(np.median(inside)) if inside.size else float("nan")

    def weighted(self, name: str) -> float:
        """Return the weighted mean of a context map inside, NaN where it is not known."""
        if name not in self.context:
            return float("nan")
        known = self.shape & np.isfinite(self.context[name])
        w = known.astype(np.float32) if self.weights is None else np.where(known, self.weights, 0)
        if not w.any():
            return float("nan")
        return float(np.average(self.context[name][known].astype(np.float64), weights=w[known]))

    def share(self, name: str) -> float:
        """Return the mean of a 0/1 map inside, NaN where it is not known."""
        inside = self.values(name)
        return float(np.mean(inside)) if inside.size else float("nan")

    def extreme(self, name: str) -> float:
        """Return the value of largest size of a context map inside, NaN where it is not known."""
        inside = self.values(name)
        return float(inside[np.argmax(np.abs(inside))]) if inside.size else float("nan")

    def near_share(self, structure: str, within_m: float) -> float:
        """Return the share of cells within a distance of a structure, NaN where the structure is not given."""
        inside = self.values(f"distance_{structure}_m")
        return float(np.mean(inside <= within_m)) if inside.size else float("nan")

    def elongation(self) -> tuple[float, float]:
        """Return length over width, and the width [m], from the second moments of the cells (plus a cell's own)."""
        y, x = np.nonzero(self.shape)
        cell = self.grid.resolution_m
        if y.size < 2:
            return 1.0, cell
        low, high = (float(v) for v in np.linalg.eigvalsh(np.cov(np.stack([x, y]), bias=True) + np.eye(2) / 12))
        return float(np.sqrt(high / low)), float(4 * np.sqrt(low) * cell)

    def inflow(self) -> tuple[float, float]:
        """Return how far east motion goes both ways, and how far inwards: (0, any) slides one way, (1, 1) a bowl.

        Over cells that move at least a tenth of the largest: 1 - |sum e| / sum |e|, and -sum(e sign(x - xc)) / sum |e|
        about the weighted middle xc. NaN where east velocity is known in fewer than eight cells.
        """
        if "velocity_east" not in self.context:
            return float("nan"), float("nan")
        y, x = np.nonzero(self.shape & np.isfinite(self.context["velocity_east"]))
        if y.size < _FEWEST:
            return float("nan"), float("nan")
        east = self.context["velocity_east"][y, x].astype(np.float64)
        w = np.ones(y.size) if self.weights is None else np.nan_to_num(self.weights[y, x]).astype(np.float64)
        middle = float(np.average(x, weights=w)) if w.any() else float(x.mean())
        east[np.abs(east) < 0.1 * np.abs(east).max()] = 0.0
        total = float(np.abs(east).sum())
        if not total > 0:
            return float("nan"), float("nan")
        return 1 - abs(float(east.sum())) / total, -float((east * np.sign(x - middle)).sum()) / total

    def downhill(self) -> tuple[float, float, float]:
        """Return the mean unit vector down the slope (east, north, up); NaN where slope or aspect are not known."""
        slope, aspect = self.context.get("slope_deg"), self.context.get("aspect_deg")
        if slope is None or aspect is None:
            return (float("nan"),) * 3
        a, b = (np.deg2rad(m[self.shape].astype(np.float64)) for m in (aspect, slope))
        known = np.isfinite(a) & np.isfinite(b)
        if not known.any():
            return (float("nan"),) * 3
        s = np.array([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])[:, known].mean(axis=1)
        length = float(np.linalg.norm(s))
        return (float(s[0]) / length, float(s[1]) / length, float(s[2]) / length)

    def along(self, direction: tuple[float, float, float]) -> Direction:
        """Return how motion along a unit vector (east, north, up) explains the tracks; NaN where none can say.

        Seasons are fitted by their sine and cosine, each with its own amplitude; their error is taken as that of the
        velocity, as in the search.
        """
        rows = [
            (v, factor, np.hypot(max(look.std, 1e-3), _MODEL_ERROR * v), k)
            for look in self.looks.values()
            for factor in [float(np.dot(look.los, direction))]
            for k, v in enumerate(look.annual if self.seasonal else (look.velocity,))
            if np.isfinite([v, factor, look.std]).all()
        ]
        if not rows:
            return Direction(float("nan"), float("nan"), float("nan"))
        table = np.asarray(rows, dtype=np.float64)
        return _fitted(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int64))

    def downhill_over_vertical(self) -> float:
        """Return the log-likelihood ratio of motion down the slope against straight down, within -4 to 4; NaN unknown.

        One track alone can be explained by either, and gives 0. Where a tenth or more of the outline was lost the
        direction is that of what is left, and counts half.
        """
        slide, sink = self.along(self.downhill()), self.along((0.0, 0.0, -1.0))
        trust = 0.5 if self.lost_share >= _MUCH_LOST else 1.0
        return trust * float(np.clip((sink.chi2 - slide.chi2) / 2, -_SURE, _SURE))


def _fitted(v: F64, c: F64, s: F64, group: NDArray[np.int64]) -> Direction:
    rest, speeds = v.copy(), []
    for k in np.unique(group):
        of = group == k
        w = c[of] / s[of] ** 2
        speed = float(w @ v[of] / max(float(w @ c[of]), 1e-12))
        rest[of] = v[of] - speed * c[of]
        speeds.append(speed)
    total = float(np.linalg.norm(speeds)) if len(speeds) > 1 else speeds[0]
    misfit = float(np.linalg.norm(rest)) / max(float(np.linalg.norm(v)), 1e-9)
    return Direction(total, misfit, float(np.sum((rest / s) ** 2)))
