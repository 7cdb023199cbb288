"""Where the movers lie: places are drawn at random among those the ground allows, apart from one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import LineString

from geo_risk.core.grid import Grid
from geo_risk.sample.coherence import Coherence
from geo_risk.sample.ground import Ground
from geo_risk.sample.look import LAST_DATE, TRACKS, Track, block_mean, incidence_deg, los_vector, years_since_first
from geo_risk.sample.mover import Moving, Panel, window_around

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LAST_YR = years_since_first(LAST_DATE)
_GAP_M = 240.0
_TRIALS = 4000
_FACET_M = 300.0
_GULLY_M2 = 3.0e5


@dataclass(frozen=True)
class Site:
    """A placed mover: what it is, where, how large, and how it moves.

    Attributes
    ----------
    kind : a key of `motion.CLASS_OF`; role : the part it plays (for slides, one of `placing.ROLES`).
    x, y : the middle [m].
    azimuth_deg, slope_deg : direction and dip of the motion (0 where it only sinks).
    length_m, width_m : extent along and across that direction.
    failure_yr : years after the first date, infinite where it does not fail.
    line : the road axis of the embankment, the crest of the dam.
    panel : the longwall of a mining bowl.
    """

    kind: str
    role: str
    x: float
    y: float
    moving: Moving
    azimuth_deg: float = 0.0
    slope_deg: float = 90.0
    length_m: float = 0.0
    width_m: float = 0.0
    failure_yr: float = np.inf
    seasonal: bool = False
    line: LineString | None = None
    panel: Panel | None = None


@dataclass
class Placer:
    """Draws places on the InSAR grid and keeps what is taken.

    Attributes
    ----------
    free : (y, x), cells that no mover has taken yet.
    slope_deg, azimuth_deg, steadiness : of the ground's mean gradient over 300 m; steadiness is the length of the
        mean downslope direction there, 1 on an even slope.
    off_streams : no gully of more than 0.3 km2 within 150 m.
    contrast : per track, the share of a downslope motion that the track sees.
    """

    ground: Ground
    grid: Grid
    coherence: Coherence
    free: Mask = field(init=False)
    slope_deg: Array = field(init=False)
    azimuth_deg: Array = field(init=False)
    steadiness: Array = field(init=False)
    off_streams: Mask = field(init=False)
    contrast: dict[str, Array] = field(init=False)
    _cells: dict[str, NDArray[np.int64]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        cell = self.grid.resolution_m
        elevation = block_mean(self.ground.dem_true, self.grid, self.ground.grid)
        down_row, right = np.gradient(elevation, cell)
        steep = np.hypot(down_row, right)
        width = max(3, round(_FACET_M / cell))
        units = [np.divide(v, steep, out=np.zeros_like(v), where=steep > 1e-6) for v in (right, down_row)]
        self.steadiness = np.hypot(*(ndimage.uniform_filter(u, width, mode="nearest") for u in units))
        right, down_row = (ndimage.uniform_filter(v, width, mode="nearest") for v in (right, down_row))
        self.slope_deg = np.degrees(np.arctan(np.hypot(down_row, right)))
        self.azimuth_deg = np.degrees(np.arctan2(-right, down_row)) % 360
        self.off_streams = (
            ndimage.maximum_filter(block_mean(self.ground.upslope_m2, self.grid, self.ground.grid), width) < _GULLY_M2
        )
        self.free = np.zeros(self.grid.shape, dtype=bool)
        edge = max(3, round(300 / cell))
        self.free[edge:-edge, edge:-edge] = True
        self.contrast = {t.name: self._contrast(t) for t in TRACKS}

    def draw(
        self, name: str, allowed: Callable[[], Mask], *, reach_m: float, rng: np.random.Generator
    ) -> tuple[int, int] | None:
        """Return row and column of an allowed cell with free ground `reach_m` around it; None where none was found.

        Parameters
        ----------
        name : key under which the allowed cells are remembered.
        allowed : gives the mask of allowed cells; called once per name.
        """
        if name not in self._cells:
            self._cells[name] = np.flatnonzero(allowed())
        cells = self._cells[name]
        for _ in range(min(_TRIALS, 20 * cells.size)):
            row, column = divmod(int(cells[int(rng.integers(cells.size))]), self.grid.shape[1])
            rows, columns = window_around(self.grid, *self.xy(row, column), reach_m)
            if self.free[row, column] and self.free[rows, columns].all():
                return row, column
        return None

    def take(self, site: Site) -> None:
        """Mark the ground of a site, and a margin, as taken."""
        margin = int(np.ceil(_GAP_M / self.grid.resolution_m))
        rows, columns = site.moving.window
        when = (LAST_YR / 2, LAST_YR, 0.25)
        size = np.max([np.abs(site.moving.displacement_m(t)).max(axis=0) for t in when], axis=0)
        moved = ndimage.binary_dilation(np.pad(size > 1.5e-3, margin), iterations=margin)
        top, left = max(rows.start - margin, 0), max(columns.start - margin, 0)
        part = self.free[top : rows.stop + margin, left : columns.stop + margin]
        skip = top - (rows.start - margin), left - (columns.start - margin)
        part &= ~moved[skip[0] : skip[0] + part.shape[0], skip[1] : skip[1] + part.shape[1]]

    def xy(self, row: int, column: int) -> tuple[float, float]:
        """Return the middle of a cell."""
        t = self.grid.transform
        return float(t.c + t.a * (column + 0.5)), float(t.f + t.e * (row + 0.5))

    def contrast_at(self, cell: tuple[int, int], track: Track, facet: Facet) -> float:
        """Return |l . s| of a motion down a facet at a cell."""
        incidence = incidence_deg(self.grid, track)[cell]
        return float(_share(np.asarray(incidence), track, np.asarray(facet.azimuth_deg), np.asarray(facet.slope_deg)))

    def _contrast(self, track: Track) -> Array:
        """Return |l . s| (y, x) for a motion straight down the mean slope."""
        return _share(incidence_deg(self.grid, track), track, self.azimuth_deg, self.slope_deg)


def _share(incidence: Array, track: Track, azimuth_deg: Array, slope_deg: Array) -> Array:
    east, north, up = los_vector(incidence, track)
    a, b = np.radians(azimuth_deg), np.radians(slope_deg)
    return np.abs(east * np.sin(a) * np.cos(b) + north * np.cos(a) * np.cos(b) - up * np.sin(b))


@dataclass(frozen=True)
class Facet:
    """The plane nearest to a piece of hillside, and the root-mean-square distance from it."""

    azimuth_deg: float
    slope_deg: float
    misfit_m: float


def fit_facet(ground: Ground, x: float, y: float, *, radius_m: float) -> Facet:
    """Fit a plane to the true ground within a radius of a point."""
    rows, columns = window_around(ground.grid, x, y, max(radius_m, 2 * ground.grid.resolution_m))
    t = ground.grid.transform
    east = t.c + t.a * (np.arange(columns.start, columns.stop) + 0.5) - x
    north = t.f + t.e * (np.arange(rows.start, rows.stop) + 0.5) - y
    inside = np.hypot(east[None, :], north[:, None]) <= max(radius_m, 2 * ground.grid.resolution_m)
    e, n = (np.broadcast_to(v, inside.shape)[inside] for v in (east[None, :], north[:, None]))
    z = ground.dem_true[rows, columns][inside].astype(np.float64)
    design = np.column_stack([e, n, np.ones_like(e)])
    (rise_e, rise_n, level), *_ = np.linalg.lstsq(design, z, rcond=None)
    misfit = z - design @ np.array([rise_e, rise_n, level])
    azimuth = float(np.degrees(np.arctan2(-rise_e, -rise_n)) % 360)
    dip = float(np.degrees(np.arctan(np.hypot(rise_e, rise_n))))
    return Facet(round(azimuth, 2), round(dip, 2), float(np.sqrt(np.mean(misfit**2))))
