"""Ground that moves: a footprint with a motion vector, and a law in time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf
from shapely.geometry import LineString

from geo_risk.core.grid import Grid
from geo_risk.sample.fractal import smooth_step
from geo_risk.sample.look import N_DATES, SPAN_YR

Array = NDArray[np.float64]
Window = tuple[slice, slice]
OVERSAMPLE = 4


class Moving(Protocol):
    """What every mover offers."""

    @property
    def window(self) -> Window:
        """Rows and columns of the InSAR grid it touches."""

    def displacement_m(self, years: float) -> Array:
        """Return (3, h, w): east, north, up since the first date [m]."""


@dataclass(frozen=True)
class TimeLaw:
    """Displacement over time in units of the mover's pattern.

    Attributes
    ----------
    rate_per_yr : of the steady part, or the least-squares rate of the accelerating part over `span_yr`.
    annual : amplitude of the yearly wave.
    phase_yr : when the wave crosses zero upwards.
    failure_yr : time of failure, infinite for a mover that does not accelerate (Fukuzono, 1/v linear in time).
    span_yr : length of the observations.
    """

    rate_per_yr: float = 1.0
    annual: float = 0.0
    phase_yr: float = 0.0
    failure_yr: float = np.inf
    span_yr: float = SPAN_YR

    def __call__(self, years: float) -> float:
        """Return the value at a time since the first date; 0 there."""
        return self._raw(years) - self._raw(0.0)

    def _raw(self, years: float) -> float:
        wave = self.annual * np.sin(2 * np.pi * (years - self.phase_yr))
        if not np.isfinite(self.failure_yr):
            return float(self.rate_per_yr * years + wave)
        t = np.linspace(0, self.span_yr, N_DATES)
        creep = -np.log1p(-t / self.failure_yr)
        scale = self.rate_per_yr / np.polyfit(t, creep, 1)[0]
        return float(-scale * np.log1p(-years / self.failure_yr) + wave)


@dataclass(frozen=True)
class PatternMover:
    """A mover whose pattern (3, h, w) [m] is multiplied by its law of time."""

    window: Window
    pattern: Array
    law: TimeLaw

    def displacement_m(self, years: float) -> Array:
        """Return (3, h, w): east, north, up since the first date [m]."""
        return self.pattern * self.law(years)


@dataclass(frozen=True)
class Panel:
    """A longwall panel whose face advances.

    Attributes
    ----------
    x, y : the middle of the edge where mining began.
    azimuth_deg : direction of advance, clockwise from north.
    depth_m, thickness_m, width_m : H, m, and the width across the advance.
    start_m, advance_m_yr : length mined at the first date, and its growth.
    q, tan_beta, b : subsidence factor, tangent of the main influence angle, horizontal movement factor.
    """

    x: float
    y: float
    azimuth_deg: float
    depth_m: float
    thickness_m: float
    width_m: float
    start_m: float
    advance_m_yr: float
    q: float = 0.6
    tan_beta: float = 1.9
    b: float = 0.31

    @property
    def radius_m(self) -> float:
        """Main influence radius r = H / tan(beta)."""
        return self.depth_m / self.tan_beta

    def length_m(self, years: float) -> float:
        """Length mined by then."""
        return self.start_m + self.advance_m_yr * years

    def subsidence(self, along: Array, across: Array, years: float) -> tuple[Array, Array, Array]:
        """Return subsidence (+ down) and horizontal motion along and across [m] (probability integral method).

        W(x, y) = W0(x) W0(y) / W0 with W0(x) = W0/2 [erf(sqrt(pi) x / r) - erf(sqrt(pi) (x - l) / r)], W0 = m q for
        a level seam; horizontal motion b r dW/dx, towards the middle.
        """
        r, full = self.radius_m, self.thickness_m * self.q
        wx, dx = _profile(along, self.length_m(years), r)
        wy, dy = _profile(across + self.width_m / 2, self.width_m, r)
        return full * wx * wy, self.b * r * full * dx * wy, self.b * r * full * wx * dy


def _profile(x: Array, length: float, r: float) -> tuple[Array, Array]:
    """Return the share of full subsidence over a panel of `length`, and its slope [1/m]."""
    k = np.sqrt(np.pi) / r
    share = 0.5 * (erf(k * x) - erf(k * (x - length)))
    slope = (np.exp(-((k * x) ** 2)) - np.exp(-((k * (x - length)) ** 2))) / r
    return share, slope


@dataclass(frozen=True)
class BowlMover:
    """Mining subsidence over an advancing face."""

    window: Window
    panel: Panel
    along: Array
    across: Array

    def displacement_m(self, years: float) -> Array:
        """Return (3, h, w): east, north, up since the first date [m]."""
        later = self.panel.subsidence(self.along, self.across, years)
        before = self.panel.subsidence(self.along, self.across, 0.0)
        down, ahead, aside = (cell_mean(a - b) for a, b in zip(later, before, strict=True))
        sin, cos = np.sin(np.radians(self.panel.azimuth_deg)), np.cos(np.radians(self.panel.azimuth_deg))
        return np.stack([ahead * sin + aside * cos, ahead * cos - aside * sin, -down])


def bowl_mover(panel: Panel, grid: Grid, *, last_yr: float) -> BowlMover:
    """Return the mover of a panel on the InSAR grid."""
    sin, cos = np.sin(np.radians(panel.azimuth_deg)), np.cos(np.radians(panel.azimuth_deg))
    half = panel.length_m(last_yr) / 2
    reach = half + panel.width_m / 2 + 1.6 * panel.radius_m
    window = window_around(grid, panel.x + half * sin, panel.y + half * cos, reach)
    x, y = fine_coords(grid, window)
    east, north = x - panel.x, y - panel.y
    return BowlMover(window, panel, east * sin + north * cos, east * cos - north * sin)


def window_around(grid: Grid, x: float, y: float, reach_m: float) -> Window:
    """Return the rows and columns within `reach_m` of a point, cut at the grid's edge."""
    rows, columns, _ = grid.index([x - reach_m, x + reach_m], [y + reach_m, y - reach_m])
    return slice(int(rows[0]), int(rows[1]) + 1), slice(int(columns[0]), int(columns[1]) + 1)


def fine_coords(grid: Grid, window: Window) -> tuple[Array, Array]:
    """Return x and y (h * OVERSAMPLE, w * OVERSAMPLE) of sub-cells in a window."""
    t, step = grid.transform, grid.resolution_m / OVERSAMPLE
    rows, columns = window
    x = t.c + columns.start * grid.resolution_m + (np.arange((columns.stop - columns.start) * OVERSAMPLE) + 0.5) * step
    y = t.f - rows.start * grid.resolution_m - (np.arange((rows.stop - rows.start) * OVERSAMPLE) + 0.5) * step
    east, north = np.meshgrid(x, y)
    return east, north


def cell_mean(fine: Array) -> Array:
    """Return the mean of the sub-cells of each InSAR cell."""
    rows, columns = fine.shape[0] // OVERSAMPLE, fine.shape[1] // OVERSAMPLE
    return np.asarray(fine.reshape(rows, OVERSAMPLE, columns, OVERSAMPLE).mean(axis=(1, 3)))


def ellipse_share(
    x: Array, y: Array, *, middle: tuple[float, float], azimuth_deg: float, half_m: tuple[float, float], soft: float
) -> Array:
    """Return 1 inside an ellipse, falling to 0 at its rim over the outer share `soft` of the radius.

    Parameters
    ----------
    middle : x, y of the centre.
    azimuth_deg : direction of the first half axis, clockwise from north.
    half_m : half axes along and across that direction.
    """
    sin, cos = np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg))
    east, north = x - middle[0], y - middle[1]
    radius = np.hypot((east * sin + north * cos) / half_m[0], (east * cos - north * sin) / half_m[1])
    return smooth_step(1 - radius, 0.0, soft)


def band_share(x: Array, y: Array, line: LineString, *, half_m: float, soft_m: float) -> Array:
    """Return 1 within `half_m` of a line, falling to 0 over `soft_m`."""
    coords = np.asarray(line.coords)
    best = np.full(x.shape, np.inf)
    for (x0, y0), (x1, y1) in pairwise(coords):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        best = np.minimum(best, np.hypot(x - x0 - t * dx, y - y0 - t * dy))
    return np.asarray(np.clip((half_m + soft_m - best) / soft_m, 0, 1))
